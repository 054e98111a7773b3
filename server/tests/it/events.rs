//! What events look like: the schemas and the AsyncAPI document that are published, and the page.

use crate::on_both_stacks;
use crate::support::{App, Person, Stack, problem};
use app::event::EventType;
use app::version::versions;
use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use server::events::{asyncapi, schema_file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

on_both_stacks!(
    the_page_shows_each_type_with_ones_own_newest_event,
    documents_are_served_to_everybody,
);

/// AsyncAPI's own schema, of the npm package @asyncapi/specs 6.11.1 (Apache-2.0), without its spaces.
const ASYNCAPI: &str = include_str!("events/asyncapi-3.0.0.json");

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Whether `value` is valid by `schema`, as a validator says that is not ours.
fn validator(schema: Value) -> impl Fn(&Value) -> bool {
    const AT: &str = "http://localhost/schema.json";
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.enable_format_assertions();
    compiler.add_resource(AT, schema).unwrap();
    let index = compiler.compile(AT, &mut schemas).expect("it is a schema");
    move |value| match schemas.validate(value, index) {
        Ok(()) => true,
        Err(error) => {
            println!("{error:#}");
            false
        }
    }
}

/// An envelope of that version.
fn example(event_type: EventType, version: &str) -> Value {
    if version == event_type.version() {
        return serde_json::from_str(event_type.example()).unwrap();
    }
    let file = format!(
        "../app/src/golden/old/{}.{version}.json",
        event_type.as_str()
    );
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
}

fn todo(args: &[&str]) -> (Output, String) {
    let mut todo = Command::new(env!("CARGO_BIN_EXE_todo"));
    let output = todo.args(args).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

#[test]
fn the_schemas_in_docs_are_those_of_the_code() {
    let folder = docs().join("schemas");
    let mut known = BTreeSet::new();
    for &event_type in EventType::ALL {
        for version in versions(event_type) {
            let path = schema_file(&folder, event_type, version);
            assert_eq!(
                app::catalogue::schema::envelope(event_type, version),
                Some(read(&path)),
                "{} differs from the code. A version that was released never changes: give the type \
                 a new one. Then: cargo run -p server -- events schemas --write docs/schemas",
                path.display()
            );
            known.insert(path);
        }
    }
    let folders = std::fs::read_dir(&folder).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let files: BTreeSet<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files, known, "no schema is of a version that never was");
}

#[test]
fn every_version_fits_its_schema_and_what_is_wrong_does_not() {
    for &event_type in EventType::ALL {
        for version in versions(event_type) {
            let is_valid = validator(read(&schema_file(
                &docs().join("schemas"),
                event_type,
                version,
            )));
            let example = example(event_type, version);
            assert!(is_valid(&example), "{event_type:?} {version}");

            let mut more = example.clone();
            more["data"]["mood"] = json!("good");
            more["more"] = json!(1);
            assert!(is_valid(&more), "what is not known is ignored");

            let mut wrong = Vec::new();
            for (name, value) in [
                ("event_id", json!("uuid")),
                ("event_type", json!("task.exploded")),
                ("timestamp", json!("2026-02-08T10:30:00+01:00")),
                ("timestamp", json!("yesterdayZ")),
                ("version", json!("0.1")),
                ("data", json!([])),
            ] {
                let mut envelope = example.clone();
                envelope[name] = value;
                wrong.push(envelope);
            }
            for name in example.as_object().unwrap().keys() {
                let mut envelope = example.clone();
                envelope.as_object_mut().unwrap().remove(name);
                wrong.push(envelope);
            }
            for name in example["data"].as_object().unwrap().keys() {
                let mut envelope = example.clone();
                envelope["data"][name] = json!(0.5);
                wrong.push(envelope);
            }
            let mut nobody = example.clone();
            nobody["data"].as_object_mut().unwrap().remove("user_id");
            wrong.push(nobody);
            for envelope in wrong {
                assert!(!is_valid(&envelope), "{envelope}");
            }
        }
    }
}

#[test]
fn the_asyncapi_document_in_docs_is_that_of_the_code() {
    assert!(
        read(&docs().join("asyncapi.json")) == asyncapi::document(),
        "docs/asyncapi.json differs from the code. \
         Then: cargo run -p server -- events asyncapi > docs/asyncapi.json"
    );
}

#[test]
fn the_asyncapi_document_is_one() {
    let is_valid = validator(serde_json::from_str(ASYNCAPI).unwrap());
    let document = asyncapi::document();
    assert!(is_valid(&document));
    let wrong = [
        ("/asyncapi", json!("3.5.0")),
        ("/operations/publish.task.created/action", json!("shout")),
        ("/channels/task.created/bindings/kafka/topic", json!(1)),
        ("/components/messages/task.created/payload", json!("any")),
        (
            "/components/messages/task.created/bindings/kafka/keys",
            json!({}),
        ),
    ];
    for (at, value) in wrong {
        let mut document = document.clone();
        let (parent, name) = at.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        assert!(!is_valid(&document), "{at}");
    }
    let mut found = 0;
    every_reference(&document, &mut |reference| {
        found += 1;
        let at = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(at).is_some(), "{reference} leads nowhere");
    });
    assert!(found > 8 * EventType::ALL.len());
    for event_type in EventType::ALL {
        let payload = format!("/components/messages/{}/payload", event_type.as_str());
        let payload = document.pointer(&payload).unwrap();
        assert!(validator(payload.clone())(&example(
            *event_type,
            event_type.version()
        )));
        let address = format!("/channels/{}.dlq/address", event_type.as_str());
        assert!(document.pointer(&address).is_some());
        let read = format!("/operations/activity.{}/action", event_type.as_str());
        assert_eq!(document.pointer(&read), Some(&json!("receive")));
    }
}

fn every_reference<'a>(value: &'a Value, see: &mut impl FnMut(&'a str)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(reference) if name == "$ref" => see(reference),
                    _ => every_reference(value, see),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every_reference(item, see)),
        _ => {}
    }
}

#[test]
fn the_command_line_prints_and_writes_them_and_changes_none() {
    let (output, text) = todo(&["events", "asyncapi"]);
    assert!(output.status.success());
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json, asyncapi::document());
    let (_, text) = todo(&["events", "schema", "task.created"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["properties"]["version"]["const"], "1.0");
    let (output, _) = todo(&["events", "schema", "task.exploded"]);
    assert_eq!(output.status.code(), Some(2));

    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let write = || todo(&["events", "schemas", "--write", to]);
    assert_eq!(write().1.lines().count(), EventType::ALL.len());
    let path = schema_file(folder.path(), EventType::TaskCreated, "1.0");
    let written = schema_file(&docs().join("schemas"), EventType::TaskCreated, "1.0");
    assert_eq!(read(&path), read(&written));
    assert_eq!(write().1, "", "all are there");
    std::fs::write(&path, "{}").unwrap();
    let (output, _) = write();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("never changes"));
    assert_eq!(read(&path), json!({}));
}

async fn the_page_shows_each_type_with_ones_own_newest_event(stack: Stack) {
    let app = App::start(stack).await;
    let nobody = Person::new(app.addr, String::new());
    let answer = nobody.get("/events").await;
    assert_eq!(answer.headers()["location"], "/login");

    let (ada, eve) = (app.person().await, app.person().await);
    eve.creates("Not for others").await;
    ada.creates("The first").await;
    let newest = ada.creates("The <second>").await;
    let answer = ada.get("/events").await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap();
    for event_type in EventType::ALL {
        let name = event_type.as_str();
        assert!(page.contains(&format!("<h2 id=\"{name}\">")), "{name}");
        assert!(page.contains(event_type.sentence()), "{name}");
        assert!(page.contains(&format!("{name}.dlq")), "{name}");
        assert!(page.contains(&format!("/events/schemas/{name}/1.0.json")));
    }
    assert!(page.contains("activity"), "who reads them");
    assert!(page.contains(&newest.envelope.event_id.to_string()));
    assert!(page.contains("The &lt;second>") || page.contains("The &lt;second&gt;"));
    for other in ["The first", "Not for others", &eve.email] {
        assert!(!page.contains(other), "{other}");
    }
    // Of her own she has two kinds: she signed up, and made tasks.
    let all = EventType::ALL.len();
    assert_eq!(page.matches("Your latest").count(), 2);
    assert_eq!(page.matches("An example").count(), all - 2);
    assert!(!page.contains(".wasm"), "it needs none");
    let you = ada.get("/you").await.text().await.unwrap();
    assert!(you.contains("href=\"/events\""));
    app.stop().await;
}

async fn documents_are_served_to_everybody(stack: Stack) {
    let app = App::start(stack).await;
    let nobody = Person::new(app.addr, String::new());
    let answer = nobody.get("/events/asyncapi.json").await;
    assert_eq!(
        answer.headers()["content-type"],
        "application/vnd.aai.asyncapi+json;version=3.0.0"
    );
    let served: Value = answer.json().await.unwrap();
    assert_eq!(served, asyncapi::document());
    for &event_type in EventType::ALL {
        for version in versions(event_type) {
            let path = app::catalogue::schema_path(event_type, version);
            let answer = nobody.get(&path).await;
            assert_eq!(answer.headers()["content-type"], "application/schema+json");
            let served: Value = answer.json().await.unwrap();
            let file = schema_file(&docs().join("schemas"), event_type, version);
            assert_eq!(served, read(&file));
        }
    }
    for path in [
        "task.created/0.9.json",
        "task.exploded/1.0.json",
        "task.created/1.0",
    ] {
        let answer = nobody.get(&format!("/events/schemas/{path}")).await;
        assert_eq!(answer.status(), 404, "{path}");
        problem(answer).await;
    }
    app.stop().await;
}
