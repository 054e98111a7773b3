//! Slack, played by a server that takes and refuses what Slack does.

use super::world::{ALL, add_kind, rows, start, status, try_add};
use crate::on_both_stacks;
use crate::support::{App, Place, Stack, eventually};
use app::deliveries::Status;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

on_both_stacks!(
    a_channel_hears_what_happens_in_words,
    what_slack_answers_is_understood,
);

type Messages = Arc<Mutex<Vec<(String, Value)>>>;

/// A Slack whose channels are in the state that their names say.
struct Slack {
    url: String,
    messages: Messages,
}

impl Slack {
    async fn start() -> Slack {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0/B0", listener.local_addr().unwrap());
        let messages = Messages::default();
        let router = Router::new().fallback(answer).with_state(messages.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Slack { url, messages }
    }

    fn url(&self, channel: &str) -> String {
        format!("{}/{channel}", self.url)
    }

    fn messages(&self, channel: &str) -> Vec<Value> {
        let messages = self.messages.lock().unwrap();
        let of = messages.iter().filter(|(name, _)| name == channel);
        of.map(|(_, message)| message.clone()).collect()
    }
}

async fn answer(
    State(messages): State<Messages>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let channel = uri.path().rsplit('/').next().unwrap().to_owned();
    let before = {
        let messages = messages.lock().unwrap();
        messages.iter().filter(|(name, _)| *name == channel).count()
    };
    let message: Value = match serde_json::from_slice(&body) {
        Ok(message) if headers["content-type"] == "application/json" && is_valid(&message) => {
            message
        }
        _ => return (StatusCode::BAD_REQUEST, "invalid_payload").into_response(),
    };
    messages.lock().unwrap().push((channel.clone(), message));
    match channel.as_str() {
        "invalid" => (StatusCode::BAD_REQUEST, "invalid_payload").into_response(),
        "prohibited" => (StatusCode::FORBIDDEN, "action_prohibited").into_response(),
        "revoked" => (StatusCode::NOT_FOUND, "no_service").into_response(),
        "archived" => (StatusCode::GONE, "channel_is_archived").into_response(),
        "broken" if before == 0 => {
            (StatusCode::INTERNAL_SERVER_ERROR, "rollup_error").into_response()
        }
        "busy" if before == 0 => {
            let headers = [("retry-after", "2")];
            (StatusCode::TOO_MANY_REQUESTS, headers, "rate_limited").into_response()
        }
        _ => "ok".into_response(),
    }
}

/// What Block Kit asks of the blocks we use.
fn is_valid(message: &Value) -> bool {
    let text = |value: &Value, longest: usize| {
        let text = value["text"].as_str().unwrap_or_default();
        !text.is_empty()
            && text.chars().count() <= longest
            && ["mrkdwn", "plain_text"].contains(&value["type"].as_str().unwrap_or_default())
    };
    let block = |block: &Value| match block["type"].as_str() {
        Some("section") => text(&block["text"], 3_000),
        Some("context") => block["elements"].as_array().is_some_and(|elements| {
            (1..=10).contains(&elements.len()) && elements.iter().all(|e| text(e, 3_000))
        }),
        _ => false,
    };
    let blocks = message["blocks"].as_array();
    message["text"].is_string()
        && blocks.is_some_and(|blocks| blocks.len() <= 50 && blocks.iter().all(block))
}

async fn a_channel_hears_what_happens_in_words(stack: Stack) {
    let slack = Slack::start().await;
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let endpoint = add_kind(&ada, "slack", &slack.url("general"), ALL, &[]).await;
    assert_eq!(endpoint.secret, "", "there is nothing to sign with");
    assert!(
        !endpoint.page(&ada).await.contains("/services/"),
        "it lets in"
    );
    let task = ada.task("Tea & <!here>").await;
    let form = [
        ("task_id", task.as_str()),
        ("title", "Coffee > tea"),
        ("description", "With _milk_"),
    ];
    ada.does("/api/tasks/edit", &form).await;
    ada.does("/api/tasks/complete", &form[..1]).await;
    eventually("all are told", async || {
        slack.messages("general").len() == 3
    })
    .await;
    endpoint.does(&ada, "test", &[]).await;
    eventually("the test too", async || {
        slack.messages("general").len() == 4
    })
    .await;
    let messages = slack.messages("general");
    let texts: Vec<&str> = messages
        .iter()
        .map(|m| m["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts[..3],
        [
            "Added Tea &amp; &lt;!here&gt;",
            "Renamed Tea &amp; &lt;!here&gt; to Coffee &gt; tea",
            "Completed Coffee &gt; tea",
        ]
    );
    assert!(texts[3].starts_with("Test: Added"), "{}", texts[3]);
    assert_eq!(messages[1]["blocks"][1]["text"]["text"], "With _milk_");
    assert_eq!(endpoint.post(&ada, "rotate", &[]).await.status(), 409);
    app.stop().await;
}

async fn what_slack_answers_is_understood(stack: Stack) {
    let slack = Slack::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let mut endpoints = Vec::new();
    for (channel, expected, is_off) in [
        ("invalid", Status::Failed, false),
        ("prohibited", Status::Failed, false),
        ("revoked", Status::Gone, true),
        ("archived", Status::Gone, true),
        ("broken", Status::Sent, false),
        ("busy", Status::Sent, false),
    ] {
        let endpoint = add_kind(&ada, "slack", &slack.url(channel), ALL, &[]).await;
        endpoints.push((channel, endpoint.id, expected, is_off));
    }
    let began = std::time::Instant::now();
    ada.creates("Buy milk").await;
    for (channel, id, expected, is_off) in endpoints {
        eventually("it is settled", async || {
            let rows = rows(db, &id).await;
            !rows.is_empty() && rows.iter().all(|row| row.status == expected)
        })
        .await;
        let off = status(db, &id).await.disabled_at.is_some();
        assert_eq!(off, is_off, "{channel}");
        let asked = slack.messages(channel).len();
        let expected = if expected == Status::Sent { 2 } else { 1 };
        assert_eq!(asked, expected, "{channel}");
    }
    assert!(
        began.elapsed().as_secs() >= 2,
        "as long as it asked to wait"
    );
    let place = app.stop().await;

    // Where only the internet may be called, only Slack is Slack.
    let mut config = super::world::config(&place);
    config.delivery.allow_private = false;
    let app = App::start_as(place, config).await;
    let ada = ada.elsewhere_at(app.addr).await;
    let answer = try_add(&ada, "slack", "https://example.com/services/x", ALL, &[]).await;
    assert_eq!(super::refused(answer).await, "url");
    app.stop().await;
}
