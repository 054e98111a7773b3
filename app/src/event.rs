//! The events of the contract (`event-driven-architecture.md`), to the letter, and how they travel.
//!
//! A new type of event is one line of `events!` and one struct in `data!` for what it carries, with
//! an example in `golden/`. The compiler asks for the word that tells of it in the feed.

#[macro_use]
mod table;

use crate::id::{CommandId, EventId, Seq, TaskId, UserId};
use crate::wire::{FromJson, Json};
use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The schema version that every type of event begins with.
pub const VERSION: &str = "1.0";

/// RFC 3339 in UTC with a `Z`, at most microseconds.
pub type Timestamp = DateTime<Utc>;

events! {
    /// A task was written down.
    TaskCreated(TaskCreated) = "task.created" { at: created_at, task: task_id },
    /// A task's title or description was edited.
    TaskUpdated(TaskUpdated) = "task.updated" { at: updated_at, task: task_id },
    /// A task was completed.
    TaskCompleted(TaskCompleted) = "task.completed" { at: completed_at, task: task_id },
    /// A completed task was taken up again.
    TaskReopened(TaskReopened) = "task.reopened" { at: reopened_at, task: task_id },
    /// A task was deleted.
    TaskDeleted(TaskDeleted) = "task.deleted" { at: deleted_at, task: task_id },
    /// Somebody signed up.
    UserRegistered(UserRegistered) = "user.registered" { at: registered_at },
    /// An operator had a dead letter applied once more.
    DeadLetterRedriven(DeadLetterDecided) = "dead_letter.redriven" { at: decided_at },
    /// An operator gave a dead letter up.
    DeadLetterDiscarded(DeadLetterDecided) = "dead_letter.discarded" { at: decided_at },
}

impl EventType {
    /// The type of that name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.as_str() == name)
    }
}

data! {
    pub struct TaskCreated {
        pub task_id: TaskId,
        pub user_id: UserId,
        /// What is to be done, in one line.
        pub title: String,
        /// What else there is to say; may be empty, may have many lines.
        pub description: String,
        /// False: a task begins as one that is to be done.
        pub completed: bool,
        pub created_at: Timestamp,
    }

    pub struct TaskUpdated {
        pub task_id: TaskId,
        pub user_id: UserId,
        pub changes: Changes,
        pub updated_at: Timestamp,
    }

    /// The fields that changed, and only those.
    #[derive(Default)]
    pub struct Changes {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub title: Option<Change>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub description: Option<Change>,
    }

    /// A field before and after.
    pub struct Change {
        pub old: String,
        pub new: String,
    }

    pub struct TaskCompleted {
        pub task_id: TaskId,
        pub user_id: UserId,
        pub title: String,
        pub completed_at: Timestamp,
        /// Whole minutes since the task was created.
        pub duration_minutes: i64,
    }

    // Not in the contract; made in the manner of `task.completed`.
    pub struct TaskReopened {
        pub task_id: TaskId,
        pub user_id: UserId,
        pub title: String,
        pub reopened_at: Timestamp,
    }

    pub struct TaskDeleted {
        pub task_id: TaskId,
        pub user_id: UserId,
        /// What it was called at last.
        pub title: String,
        pub deleted_at: Timestamp,
        /// Why: "user_requested".
        pub reason: String,
    }

    pub struct UserRegistered {
        pub user_id: UserId,
        pub email: String,
        pub name: String,
        pub registered_at: Timestamp,
        /// Where the person signed up: "web".
        pub source: String,
    }

    // Not in the contract; made in the same manner.
    /// What an operator decided of a dead letter.
    pub struct DeadLetterDecided {
        /// The stream of operators' decisions, which is no person's: "user-system".
        pub user_id: UserId,
        pub dead_letter_id: i64,
        /// Where it came from.
        pub topic: String,
        /// Why it is discarded; empty when it is tried again.
        pub note: String,
        pub decided_at: Timestamp,
    }
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.title.is_none() && self.description.is_none()
    }
}

impl Change {
    /// `None` when nothing differs.
    pub fn between(old: &str, new: &str) -> Option<Self> {
        (old != new).then(|| Change {
            old: old.into(),
            new: new.into(),
        })
    }
}

/// The contract's envelope: what a Kafka record's value is, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Envelope {
    pub event_id: EventId,
    pub event_type: EventType,
    pub timestamp: Timestamp,
    pub version: String,
    pub data: EventData,
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            event_id: EventId,
            event_type: EventType,
            timestamp: Timestamp,
            version: String,
            data: serde_json::Value,
        }
        let raw = Raw::deserialize(deserializer)?;
        let data = EventData::from_json(raw.event_type, raw.data).map_err(D::Error::custom)?;
        Ok(Envelope {
            event_id: raw.event_id,
            event_type: raw.event_type,
            timestamp: raw.timestamp,
            version: raw.version,
            data,
        })
    }
}

/// An event in its place: the envelope, and what travels beside it (Kafka headers, or fields of
/// the WebSocket's message), because the contract's JSON has no room for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the stream of `envelope.data.user_id()`.
    pub seq: Seq,
    /// Who did it.
    pub actor_id: UserId,
    /// What the client called the command, so that it knows its own change again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// W3C trace context of the request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(rename = "event")]
    pub envelope: Envelope,
}

impl Event {
    pub fn user_id(&self) -> &UserId {
        self.envelope.data.user_id()
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
