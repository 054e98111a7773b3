//! What events look like, for programs and for people outside: JSON Schemas and AsyncAPI, at the
//! command line (`todo events`) and over HTTP.

pub mod asyncapi;

use crate::consumers;
use crate::web::{Refused, Web};
use anyhow::{Context, bail};
use app::catalogue::{Readers, schema};
use app::error::{Error, Kind};
use app::event::EventType;
use app::version::versions;
use axum::Router;
use axum::extract::Path as Matched;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Subcommand;
use http::header;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Subcommand)]
pub enum Events {
    /// Print the JSON Schema of today's version of a type of event, such as task.created
    Schema {
        #[arg(value_parser = event_type)]
        event_type: EventType,
    },
    /// Write the JSON Schema of every type into a folder, as TYPE/VERSION.json; those that are
    /// there are never changed
    Schemas {
        #[arg(long, value_name = "FOLDER")]
        write: PathBuf,
    },
    /// Print the AsyncAPI 3.0 document: topics, messages and who reads them
    Asyncapi,
}

fn event_type(name: &str) -> Result<EventType, String> {
    EventType::parse(name).ok_or_else(|| {
        let names: Vec<&str> = EventType::ALL.iter().map(|t| t.as_str()).collect();
        format!("there are {}", names.join(", "))
    })
}

pub fn run(command: &Events) -> anyhow::Result<()> {
    match command {
        Events::Schema { event_type } => {
            let schema = schema::envelope(*event_type, event_type.version());
            print!("{}", pretty(&schema.unwrap_or_default()));
        }
        Events::Schemas { write } => write_schemas(write)?,
        Events::Asyncapi => print!("{}", pretty(&asyncapi::document())),
    }
    Ok(())
}

fn write_schemas(folder: &Path) -> anyhow::Result<()> {
    for &event_type in EventType::ALL {
        for version in versions(event_type) {
            let path = schema_file(folder, event_type, version);
            let schema = schema::envelope(event_type, version).unwrap_or_default();
            let there = fs::read(&path).ok();
            match there.map(|there| serde_json::from_slice::<Value>(&there).ok()) {
                Some(Some(there)) if there == schema => continue,
                Some(_) => bail!(
                    "{} says something else, and a version never changes once it is published. \
                     Give {} a new version in the table of app/src/event.rs; or delete the file, if \
                     {version} was never released.",
                    path.display(),
                    event_type.as_str()
                ),
                None => {}
            }
            let to = path.display();
            let written = fs::create_dir_all(path.parent().unwrap_or(folder))
                .and_then(|()| fs::write(&path, pretty(&schema)));
            written.with_context(|| format!("{to} cannot be written"))?;
            println!("{to}");
        }
    }
    Ok(())
}

/// Where the schema of this version is kept.
pub fn schema_file(folder: &Path, event_type: EventType, version: &str) -> PathBuf {
    let folder = folder.join(event_type.as_str());
    folder.join(format!("{version}.json"))
}

/// What hands events to the open windows, beside the consumers.
const LIVE: &str = "live";

/// Who reads events in this application.
pub fn readers() -> Readers {
    let mut readers = consumers::all();
    readers.push((LIVE, EventType::ALL));
    Readers(readers.into())
}

/// Open to everybody: they are no secret.
pub fn router() -> Router<Web> {
    Router::new()
        .route("/events/asyncapi.json", get(serve_asyncapi))
        .route("/events/schemas/{event_type}/{file}", get(serve_schema))
}

async fn serve_asyncapi() -> Response {
    let kind = "application/vnd.aai.asyncapi+json;version=3.0.0";
    let body = pretty(&asyncapi::document());
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn serve_schema(Matched((name, file)): Matched<(String, String)>) -> Response {
    let found = EventType::parse(&name).zip(file.strip_suffix(".json"));
    match found.and_then(|(event_type, version)| schema::envelope(event_type, version)) {
        Some(schema) => {
            let kind = "application/schema+json";
            ([(header::CONTENT_TYPE, kind)], pretty(&schema)).into_response()
        }
        None => Refused(Error::new(
            Kind::NotFound,
            "There is no such type of event, or it never had this version.",
        ))
        .into_response(),
    }
}

/// As it stands in `docs/`.
fn pretty(json: &Value) -> String {
    format!("{json:#}\n")
}
