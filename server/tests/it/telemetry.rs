//! What operators see: metrics that Prometheus takes, and traces.

mod traces;

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Process, Stack, eventually, free_addr};
use app::db::Tx;
use app::event::{Event, EventType};
use server::consumer::{self, Consumer, HandleError};
use server::transport::connect;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

on_both_stacks!(
    metrics_tell_what_happened,
    a_failure_is_counted_and_so_is_who_waits,
    metrics_are_for_this_machine_or_for_who_has_the_token,
    metrics_may_have_an_address_of_their_own,
    the_dashboard_asks_for_what_there_is,
);

async fn metrics_tell_what_happened(stack: Stack) {
    // A process of its own: what is counted is the process'.
    let place = Place::new(stack).await;
    let process = Process::start(&place, None, &[]).await;
    let person = Person::register(process.addr).await;
    let mut socket = person.socket(0).await;
    person.creates("Secret title").await;
    while socket.event().await.envelope.event_type != EventType::TaskCreated {}
    person.post("/api/tasks", &[("title", "")]).await;

    let metrics = async || person.get("/metrics").await.text().await.unwrap();
    eventually("everything is dealt with", async || {
        let text = metrics().await;
        value(
            &text,
            r#"todo_consumer_events_total{consumer="activity",outcome="ok"}"#,
        ) == Some(2.0)
            && value(&text, "todo_outbox_events") == Some(0.0)
            && value(&text, r#"todo_consumer_lag{consumer="activity"}"#) == Some(0.0)
            && value(&text, r#"todo_consumer_lag{consumer="live"}"#) == Some(0.0)
    })
    .await;
    let text = metrics().await;
    for (series, expected) in [
        (r#"todo_events_published_total{type="task.created"}"#, 1.0),
        (
            r#"todo_events_published_total{type="user.registered"}"#,
            1.0,
        ),
        (r#"todo_events_published_total{type="task.deleted"}"#, 0.0),
        (
            r#"todo_event_delivery_seconds_count{consumer="activity"}"#,
            2.0,
        ),
        (
            r#"todo_event_delivery_seconds_bucket{consumer="activity",le="60"}"#,
            2.0,
        ),
        (
            r#"todo_consumer_events_total{consumer="activity",outcome="failed"}"#,
            0.0,
        ),
        ("todo_relay_leader", 1.0),
        ("todo_sockets_open", 1.0),
        (
            r#"todo_http_requests_total{method="POST",route="api",status="200"}"#,
            2.0,
        ),
        (
            r#"todo_http_requests_total{method="POST",route="api",status="422"}"#,
            1.0,
        ),
        (
            r#"todo_http_request_seconds_count{method="GET",route="live"}"#,
            1.0,
        ),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    for series in ["todo_socket_messages_total", "todo_db_write_seconds_count"] {
        assert!(
            value(&text, series).is_some_and(|n| n >= 2.0),
            "{series}\n{text}"
        );
    }
    for private in ["Secret", &person.email, "user-"] {
        assert!(!text.contains(private), "{private}\n{text}");
    }
    promtool_accepts(&text).await;
    drop(socket);
    eventually("the socket has left", async || {
        value(&metrics().await, "todo_sockets_open") == Some(0.0)
    })
    .await;
}

/// Fails at everything for as long as it is asked to.
struct Faulty(&'static AtomicBool);

impl Consumer for Faulty {
    const NAME: &'static str = "faulty";
    const TOPICS: &'static [EventType] = EventType::ALL;

    async fn handle(&self, _: &Event, _: &mut Tx) -> Result<(), HandleError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(HandleError::Passing(anyhow::anyhow!("asked to fail")));
        }
        Ok(())
    }
}

async fn a_failure_is_counted_and_so_is_who_waits(stack: Stack) {
    let failing: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(true)));
    let app = App::start(stack).await;
    let person = app.person().await;
    let transport = connect(&app.place.config(), &app.server.db).await.unwrap();
    let stop = CancellationToken::new();
    let running = consumer::run(
        Faulty(failing),
        app.server.db.clone(),
        transport.clone(),
        app.place.config().retry.of(Faulty::NAME),
        stop.clone(),
    );
    let running = tokio::spawn(running);
    let count = async |outcome: &str| {
        let text = person.get("/metrics").await.text().await.unwrap();
        let series =
            format!(r#"todo_consumer_events_total{{consumer="faulty",outcome="{outcome}"}}"#);
        value(&text, &series).unwrap_or(0.0)
    };
    eventually("the failure is counted", async || {
        count("failed").await >= 1.0
    })
    .await;
    let parked = async || {
        let text = person.get("/metrics").await.text().await.unwrap();
        value(&text, "todo_parked_people")
    };
    eventually("the person waits", async || parked().await == Some(1.0)).await;
    failing.store(false, Ordering::SeqCst);
    eventually("it is applied", async || count("ok").await >= 1.0).await;
    eventually("nobody waits", async || parked().await == Some(0.0)).await;
    person.creates("Milk").await;
    let lag = async || transport.lag().await.unwrap();
    eventually("it has caught up", async || {
        lag().await == [("faulty".to_owned(), 0)]
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    app.stop().await;
}

async fn metrics_are_for_this_machine_or_for_who_has_the_token(stack: Stack) {
    let app = App::start(stack).await;
    let status = async |url: String, headers: &[(&str, &str)]| {
        let mut request = reqwest::Client::new().get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let url = format!("http://{}/metrics", app.addr);
    assert_eq!(status(url.clone(), &[]).await, 200);
    assert_eq!(
        status(url.clone(), &[("x-forwarded-for", "10.0.0.1")]).await,
        403
    );
    assert_eq!(status(url, &[("host", "todo.example.com")]).await, 403);

    let place = app.stop().await;
    let process = Process::start(&place, None, &[("TODO_METRICS_TOKEN", "hush")]).await;
    let url = format!("http://{}/metrics", process.addr);
    assert_eq!(status(url.clone(), &[]).await, 401);
    assert_eq!(
        status(url.clone(), &[("authorization", "Bearer wrong")]).await,
        401
    );
    let right = [
        ("authorization", "Bearer hush"),
        ("x-forwarded-for", "10.0.0.1"),
    ];
    assert_eq!(status(url, &right).await, 200);
}

async fn metrics_may_have_an_address_of_their_own(stack: Stack) {
    let place = Place::new(stack).await;
    let addr = free_addr();
    let process = Process::start(&place, None, &[("TODO_METRICS_ADDR", &addr.to_string())]).await;
    let get = async |addr, path| reqwest::get(format!("http://{addr}{path}")).await.unwrap();
    let own = get(addr, "/metrics").await;
    assert_eq!(own.headers()["content-type"], "text/plain; version=0.0.4");
    promtool_accepts(&own.text().await.unwrap()).await;
    assert_eq!(get(addr, "/healthz").await.status(), 200);
    assert_eq!(get(process.addr, "/metrics").await.status(), 404);
}

/// The value of a series, written as in the text.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Every series and label that Grafana's dashboard asks for, a process tells of.
async fn the_dashboard_asks_for_what_there_is(stack: Stack) {
    let dashboard = include_str!("../../../deploy/grafana/todo-evolution.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, &mut queries);
    queries.retain(|query| query.contains("todo_"));
    assert!(queries.len() > 15, "{queries:?}");

    let place = Place::new(stack).await;
    let collector = [("TODO_OTLP_ENDPOINT", "http://127.0.0.1:1")];
    let process = Process::start(&place, None, &collector).await;
    let person = Person::register(process.addr).await;
    let mut missing = Vec::new();
    eventually("consumers have been heard of", async || {
        let text = person.get("/metrics").await.text().await.unwrap();
        missing = queries
            .iter()
            .filter(|query| !is_there(query, &text))
            .collect();
        missing.is_empty()
    })
    .await;
    assert!(missing.is_empty(), "{missing:#?}");
    let text = person.get("/metrics").await.text().await.unwrap();
    for wrong in ["sum(todo_sockets)", "sum by (kind) (todo_consumer_lag)"] {
        assert!(!is_there(wrong, &text), "{wrong}");
    }
}

/// Every text in it.
fn texts(json: &serde_json::Value, found: &mut Vec<String>) {
    match json {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Array(list) => list.iter().for_each(|json| texts(json, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|json| texts(json, found)),
        _ => {}
    }
}

/// Whether each series a query names is in `metrics`, with the labels that the query names.
fn is_there(query: &str, metrics: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut labels: Vec<&str> = Vec::new();
    for by in query.split("by (").skip(1) {
        let (names, _) = by.split_once(')').unwrap();
        labels.extend(names.split(',').map(str::trim));
    }
    for matchers in query.split('{').skip(1) {
        let (matchers, _) = matchers.split_once('}').unwrap();
        let names = matchers
            .split(',')
            .map(|m| m.split(['=', '!']).next().unwrap());
        labels.extend(names);
    }
    // Prometheus says itself whose series it is.
    labels.retain(|label| *label != "instance");
    let mut names = query
        .split(|c| !is_word(c))
        .filter(|word| word.starts_with("todo_"));
    names.all(|name| {
        metrics.lines().any(|line| {
            let series = line
                .strip_prefix(name)
                .filter(|rest| rest.starts_with(['{', ' ']));
            series.is_some_and(|series| {
                labels
                    .iter()
                    .all(|label| series.contains(&format!("{label}=\"")))
            })
        })
    })
}

#[tokio::test]
async fn promtool_objects_to_what_is_wrong() {
    for wrong in [
        "todo_sockets_open one\n",
        "# TYPE todo_x bogus\ntodo_x 1\n",
        // A counter's name ends in _total.
        "# HELP todo_x What it is.\n# TYPE todo_x counter\ntodo_x 1\n",
    ] {
        let output = promtool(wrong).await;
        assert!(!output.status.success(), "{wrong}: {output:?}");
    }
}

async fn promtool_accepts(text: &str) {
    let output = promtool(text).await;
    assert!(output.status.success(), "{output:?}\n{text}");
}

async fn promtool(text: &str) -> Output {
    let mut promtool = tokio::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: scripts/setup test does it");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    promtool.wait_with_output().await.unwrap()
}
