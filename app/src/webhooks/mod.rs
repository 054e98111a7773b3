//! External sync: where a person has events sent to. A Standard Webhooks receiver, a Slack channel, a
//! Jira project. What is sent is queued as deliveries, whose target is the endpoint's id: its address
//! and its secret are looked up when it is sent, so that what is queued knows neither.

pub mod api;
pub mod commands;
pub mod health;
pub mod issues;
pub mod queries;
pub mod replay;
pub mod secret;
pub mod view;

use crate::error::Error;
use crate::event::{Event, EventType, Timestamp};
use crate::id::UserId;
use futures::future::BoxFuture;
use secret::Secrets;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most that a person may have.
pub const MOST: i64 = 20;
/// The longest an address may be.
pub const LONGEST_URL: usize = 2_000;

/// What an endpoint may be sent.
pub const CHOICES: &[EventType] = &[
    EventType::TaskCreated,
    EventType::TaskUpdated,
    EventType::TaskCompleted,
    EventType::TaskReopened,
    EventType::TaskDeleted,
    EventType::TaskRestored,
    EventType::TaskPurged,
];

/// What speaks to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Webhook,
    Slack,
    Jira,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Webhook, Kind::Slack, Kind::Jira];

    /// What tables call it, and the channel that sends to it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Webhook => "webhook",
            Kind::Slack => "slack",
            Kind::Jira => "jira",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Webhook => "Webhook",
            Kind::Slack => "Slack",
            Kind::Jira => "Jira",
        }
    }
}

/// An endpoint without what is secret about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub id: String,
    pub user_id: UserId,
    pub kind: Kind,
    pub url: String,
    pub description: String,
    /// What it is sent, in the order of [`CHOICES`].
    pub types: Vec<EventType>,
    pub jira: Option<Jira>,
    pub created_at: Timestamp,
    /// None: it is on.
    pub disabled_at: Option<Timestamp>,
    /// Why it is off.
    pub reason: String,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    pub given_up: i64,
    /// Until when the secret before this one signs too.
    pub old_until: Timestamp,
    /// History is being queued again: done up to here, and to be done up to there.
    pub replay: Option<(i64, i64)>,
}

impl Endpoint {
    pub fn new_id() -> String {
        format!("ep_{}", Uuid::new_v4().simple())
    }

    /// What its person calls it; else the host, as a path may be a secret.
    pub fn name(&self) -> &str {
        match self.description.as_str() {
            "" => host(&self.url),
            description => description,
        }
    }

    pub fn host(&self) -> &str {
        host(&self.url)
    }
}

/// "example.com:8080" of "https://example.com:8080/x".
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// How tasks become issues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jira {
    /// Who the API token belongs to.
    pub email: String,
    /// The project's key, such as "TODO".
    pub project: String,
    /// The name of the issues' type, such as "Task".
    pub issue_type: String,
    /// The names of the statuses of what is completed, and of what is to be done again.
    pub done: String,
    pub open: String,
    /// A comment tells that the task was deleted; else its issue is left alone.
    pub comment_on_delete: bool,
}

/// An endpoint and what is needed to send to it.
#[derive(Clone, Debug)]
pub struct Target {
    pub endpoint: Endpoint,
    pub secrets: Secrets,
}

/// What a delivery to an endpoint holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The event's envelope, byte for byte as it travels: a signature holds for these bytes only.
    pub body: String,
    /// It tells of nothing that has happened.
    #[serde(default)]
    pub test: bool,
}

impl Message {
    pub fn of(event: &Event) -> Message {
        Message {
            body: serde_json::to_string(&event.envelope).unwrap_or_default(),
            test: false,
        }
    }
}

/// What knows which addresses may be called; the server's.
pub trait Gate: Send + Sync {
    /// Looks at an address that somebody gives. Errors: why it is not called, in a sentence.
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), String>>;

    /// Whether this machine and its network may be called.
    fn allows_private(&self) -> bool;
}

/// Nothing may be called: what there is as long as nobody says otherwise.
pub struct Closed;

impl Gate for Closed {
    fn check<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("Nothing is sent from this server.".into()) })
    }

    fn allows_private(&self) -> bool {
        false
    }
}

/// The endpoint of that id is not there, or another person's, which looks the same.
pub fn not_found() -> Error {
    Error::new(
        crate::error::Kind::NotFound,
        "This endpoint does not exist. It may have been removed meanwhile.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_no_path_away() {
        assert_eq!(
            host("https://hooks.slack.com/services/T0/B0/secret"),
            "hooks.slack.com"
        );
        assert_eq!(host("http://127.0.0.1:9/x?y"), "127.0.0.1:9");
        assert_eq!(host("https://example.com?key=1"), "example.com");
    }
}
