//! A trace from the browser's request to its socket, as collectors receive it.

use crate::on_both_stacks;
use crate::support::{PATIENCE, Person, Place, Process, Stack, eventually};
use app::event::EventType;
use axum::extract::State;
use axum::{Json, Router, routing::post};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

on_both_stacks!(
    one_trace_runs_from_the_request_to_the_socket,
    what_the_caller_does_not_collect_is_not_collected,
    of_what_a_page_begins_the_server_says_what_is_collected,
    a_collector_that_hangs_or_is_away_stops_nobody,
    the_last_spans_are_sent_before_the_process_ends,
);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

async fn one_trace_runs_from_the_request_to_the_socket(stack: Stack) {
    let collector = Collector::start().await;
    let place = Place::new(stack).await;
    let process = Process::start(&place, None, &collector.settings("1")).await;
    let person = Person::register(process.addr).await;
    // What comes before the live consumer has joined, a socket reads from the event store.
    eventually("the live consumer has joined", async || {
        person.creates("Warm up").await;
        let metrics = person.get("/metrics").await.text().await.unwrap();
        let series = r#"todo_consumer_events_total{consumer="live",outcome="ok"}"#;
        super::value(&metrics, series).is_some()
    })
    .await;
    let mut socket = person.socket(0).await;
    socket.live().await;
    creates(&person, "Secret title", "01").await;
    let mut event = socket.event().await;
    while event
        .traceparent
        .as_ref()
        .is_none_or(|text| !text.contains(TRACE))
    {
        event = socket.event().await;
    }
    assert_eq!(event.envelope.event_type, EventType::TaskCreated);

    let names = [
        "POST /api/tasks",
        "command",
        "publish",
        "consume activity",
        "consume live",
        "socket send",
    ];
    for exporter in ["otlp", "zipkin"] {
        eventually("the trace is complete", async || {
            let spans = collector.trace(exporter);
            names.iter().all(|name| spans.contains_key(*name))
        })
        .await;
        let spans = collector.trace(exporter);
        let parent = |name: &str| spans[name].parent.clone();
        let id = |name: &str| spans[name].id.clone();
        assert_eq!(parent("POST /api/tasks"), CALLER);
        for name in ["command", "publish", "consume activity", "consume live"] {
            assert_eq!(parent(name), id("POST /api/tasks"), "{exporter}: {name}");
        }
        assert_eq!(parent("socket send"), id("consume live"), "{exporter}");
        let kinds = names.map(|name| spans[name].kind.as_str());
        let expected = match exporter {
            "otlp" => ["2", "1", "4", "5", "5", "4"],
            _ => ["SERVER", "", "PRODUCER", "CONSUMER", "CONSUMER", "PRODUCER"],
        };
        assert_eq!(kinds, expected, "{exporter}");
        // What is in the event points to the request, for those who read it elsewhere.
        let stored = format!("00-{TRACE}-{}-01", id("POST /api/tasks"));
        assert_eq!(event.traceparent, Some(stored));
    }
    let told = collector.everything();
    for private in ["Secret", &person.email, "mornings", "user-"] {
        assert!(!told.contains(private), "{private}: {told}");
    }
}

async fn what_the_caller_does_not_collect_is_not_collected(stack: Stack) {
    let collector = Collector::start().await;
    let place = Place::new(stack).await;
    let process = Process::start(&place, None, &collector.settings("0")).await;
    // Begins a trace here, of which none are collected.
    let person = Person::register(process.addr).await;
    let mut socket = person.socket(1).await;
    creates(&person, "Not collected", "00").await;
    let event = socket.event().await;
    assert!(event.traceparent.is_some_and(|text| text.ends_with("-00")));
    assert_eq!(collector.everything(), "");
    creates(&person, "Collected", "01").await;
    eventually("the trace is complete", async || {
        let both = [collector.trace("otlp"), collector.trace("zipkin")];
        both.iter()
            .all(|spans| spans.contains_key("consume activity"))
    })
    .await;
    // In each of the two formats once.
    assert_eq!(
        collector
            .everything()
            .matches("\"POST /api/tasks\"")
            .count(),
        2
    );
}

async fn of_what_a_page_begins_the_server_says_what_is_collected(stack: Stack) {
    let collector = Collector::start().await;
    let place = Place::new(stack).await;
    let begins = async |sampling: &str, flags: &str| {
        let process = Process::start(&place, None, &collector.settings(sampling)).await;
        let person = Person::register(process.addr).await;
        let mut socket = person.socket(1).await;
        let answer = person
            .client
            .post(person.url("/api/tasks"))
            .header("origin", person.url(""))
            .header("sec-fetch-site", "same-origin")
            .header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"))
            .form(&[("title", "From the page")])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let traceparent = socket.event().await.traceparent.unwrap();
        assert!(
            traceparent.starts_with(&format!("00-{TRACE}-")),
            "{traceparent}"
        );
        process.kill().await;
        traceparent
    };
    assert!(begins("0", "01").await.ends_with("-00"));
    assert_eq!(collector.everything(), "");
    assert!(begins("1", "00").await.ends_with("-01"));
}

async fn a_collector_that_hangs_or_is_away_stops_nobody(stack: Stack) {
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let place = Place::new(stack).await;
    let settings = [
        ("TODO_OTLP_ENDPOINT", silent.as_str()),
        ("TODO_ZIPKIN_ENDPOINT", "http://127.0.0.1:1/api/v2/spans"),
    ];
    let mut process = Process::start(&place, None, &settings).await;
    let person = Person::register(process.addr).await;
    let mut socket = person.socket(1).await;
    let began = Instant::now();
    for title in ["a", "b", "c"] {
        creates(&person, title, "01").await;
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    for _ in 0..3 {
        socket.event().await;
    }
    eventually("what was dropped is counted", async || {
        let metrics = person.get("/metrics").await.text().await.unwrap();
        let series = r#"todo_trace_spans_total{exporter="zipkin",outcome="dropped"}"#;
        super::value(&metrics, series).is_some_and(|n| n > 0.0)
    })
    .await;
    let began = Instant::now();
    assert!(terminate(&mut process).await);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

async fn the_last_spans_are_sent_before_the_process_ends(stack: Stack) {
    let collector = Collector::start().await;
    let place = Place::new(stack).await;
    let mut process = Process::start(&place, None, &collector.settings("1")).await;
    let person = Person::register(process.addr).await;
    creates(&person, "Last", "01").await;
    assert!(terminate(&mut process).await);
    for exporter in ["otlp", "zipkin"] {
        assert!(collector.trace(exporter).contains_key("POST /api/tasks"));
    }
}

/// Makes a task, as part of the caller's trace.
async fn creates(person: &Person, title: &str, flags: &str) {
    let answer = person
        .client
        .post(person.url("/api/tasks"))
        .header("origin", format!("http://{}", person.addr))
        .header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"))
        .form(&[("title", title)])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

/// Whether it ended well when it was asked to.
async fn terminate(process: &mut Process) -> bool {
    let pid = process.child.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill").arg(pid).status();
    assert!(kill.await.unwrap().success());
    let ended = timeout(PATIENCE, process.child.wait()).await;
    ended.expect("it ends").unwrap().success()
}

/// Takes what is exported, as OpenTelemetry's collector and Zipkin do.
struct Collector {
    otlp: String,
    zipkin: String,
    bodies: Bodies,
}

type Bodies = Arc<Mutex<Vec<(&'static str, Value)>>>;

struct Span {
    id: String,
    parent: String,
    kind: String,
}

impl Collector {
    async fn start() -> Collector {
        let bodies = Bodies::default();
        let take = |exporter: &'static str| {
            post(
                async move |State(bodies): State<Bodies>, Json(body): Json<Value>| {
                    bodies.lock().unwrap().push((exporter, body));
                },
            )
        };
        let router = Router::new()
            .route("/v1/traces", take("otlp"))
            .route("/api/v2/spans", take("zipkin"))
            .with_state(bodies.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Collector {
            otlp: format!("http://{addr}"),
            zipkin: format!("http://{addr}/api/v2/spans"),
            bodies,
        }
    }

    fn settings<'a>(&'a self, sampling: &'a str) -> [(&'a str, &'a str); 3] {
        [
            ("TODO_OTLP_ENDPOINT", &self.otlp),
            ("TODO_ZIPKIN_ENDPOINT", &self.zipkin),
            ("TODO_TRACE_SAMPLING", sampling),
        ]
    }

    /// The spans of the caller's trace by name.
    fn trace(&self, exporter: &str) -> HashMap<String, Span> {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let bodies = self.bodies.lock().unwrap();
        let bodies = bodies.iter().filter(|(from, _)| *from == exporter);
        let (list, id, parent) = match exporter {
            "otlp" => (
                "/resourceSpans/0/scopeSpans/0/spans",
                "spanId",
                "parentSpanId",
            ),
            _ => ("", "id", "parentId"),
        };
        bodies
            .flat_map(|(_, body)| body.pointer(list).unwrap().as_array().unwrap())
            .filter(|span| span["traceId"] == TRACE)
            .map(|span| {
                let name = text(&span["name"]);
                let (id, parent) = (text(&span[id]), text(&span[parent]));
                let kind = text(&span["kind"]);
                (name, Span { id, parent, kind })
            })
            .collect()
    }

    fn everything(&self) -> String {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().map(|(_, body)| body.to_string()).collect()
    }
}
