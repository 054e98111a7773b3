//! The events of the contract (`event-driven-architecture.md`), to the letter, and how they travel.

use crate::id::{CommandId, EventId, Seq, TaskId, UserId};
use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The schema version every event is written in today.
pub const VERSION: &str = "1.0";

/// RFC 3339 in UTC with a `Z`, at most microseconds.
pub type Timestamp = DateTime<Utc>;

/// What happened. Kafka's topics have the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "task.created")]
    TaskCreated,
    #[serde(rename = "task.updated")]
    TaskUpdated,
    #[serde(rename = "task.completed")]
    TaskCompleted,
    #[serde(rename = "task.reopened")]
    TaskReopened,
    #[serde(rename = "task.deleted")]
    TaskDeleted,
    #[serde(rename = "user.registered")]
    UserRegistered,
    #[serde(rename = "dead_letter.redriven")]
    DeadLetterRedriven,
    #[serde(rename = "dead_letter.discarded")]
    DeadLetterDiscarded,
}

impl EventType {
    pub const ALL: &'static [EventType] = &[
        EventType::TaskCreated,
        EventType::TaskUpdated,
        EventType::TaskCompleted,
        EventType::TaskReopened,
        EventType::TaskDeleted,
        EventType::UserRegistered,
        EventType::DeadLetterRedriven,
        EventType::DeadLetterDiscarded,
    ];

    /// "task.created": the name in the contract and of the topic.
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::TaskCreated => "task.created",
            EventType::TaskUpdated => "task.updated",
            EventType::TaskCompleted => "task.completed",
            EventType::TaskReopened => "task.reopened",
            EventType::TaskDeleted => "task.deleted",
            EventType::UserRegistered => "user.registered",
            EventType::DeadLetterRedriven => "dead_letter.redriven",
            EventType::DeadLetterDiscarded => "dead_letter.discarded",
        }
    }

    /// The type of that name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.as_str() == name)
    }
}

/// What an event carries, by type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EventData {
    TaskCreated(TaskCreated),
    TaskUpdated(TaskUpdated),
    TaskCompleted(TaskCompleted),
    TaskReopened(TaskReopened),
    TaskDeleted(TaskDeleted),
    UserRegistered(UserRegistered),
    DeadLetterRedriven(DeadLetterDecided),
    DeadLetterDiscarded(DeadLetterDecided),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskCreated {
    pub task_id: TaskId,
    pub user_id: UserId,
    pub title: String,
    pub description: String,
    pub completed: bool,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskUpdated {
    pub task_id: TaskId,
    pub user_id: UserId,
    pub changes: Changes,
    pub updated_at: Timestamp,
}

/// The fields that changed, and only those.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Change>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Change>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.title.is_none() && self.description.is_none()
    }
}

/// A field before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub old: String,
    pub new: String,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskCompleted {
    pub task_id: TaskId,
    pub user_id: UserId,
    pub title: String,
    pub completed_at: Timestamp,
    /// Whole minutes since the task was created.
    pub duration_minutes: i64,
}

/// Not in the contract; made in the manner of `task.completed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskReopened {
    pub task_id: TaskId,
    pub user_id: UserId,
    pub title: String,
    pub reopened_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDeleted {
    pub task_id: TaskId,
    pub user_id: UserId,
    pub title: String,
    pub deleted_at: Timestamp,
    /// "user_requested".
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRegistered {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
    pub registered_at: Timestamp,
    /// Where the person signed up: "web".
    pub source: String,
}

/// What an operator decided of a dead letter. Not in the contract; made in the same manner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl EventData {
    pub fn event_type(&self) -> EventType {
        match self {
            EventData::TaskCreated(_) => EventType::TaskCreated,
            EventData::TaskUpdated(_) => EventType::TaskUpdated,
            EventData::TaskCompleted(_) => EventType::TaskCompleted,
            EventData::TaskReopened(_) => EventType::TaskReopened,
            EventData::TaskDeleted(_) => EventType::TaskDeleted,
            EventData::UserRegistered(_) => EventType::UserRegistered,
            EventData::DeadLetterRedriven(_) => EventType::DeadLetterRedriven,
            EventData::DeadLetterDiscarded(_) => EventType::DeadLetterDiscarded,
        }
    }

    /// Whose stream the event belongs to: the owner of the task, or the person themselves.
    pub fn user_id(&self) -> &UserId {
        match self {
            EventData::TaskCreated(d) => &d.user_id,
            EventData::TaskUpdated(d) => &d.user_id,
            EventData::TaskCompleted(d) => &d.user_id,
            EventData::TaskReopened(d) => &d.user_id,
            EventData::TaskDeleted(d) => &d.user_id,
            EventData::UserRegistered(d) => &d.user_id,
            EventData::DeadLetterRedriven(d) | EventData::DeadLetterDiscarded(d) => &d.user_id,
        }
    }

    /// The task it is about, if it is about one.
    pub fn task_id(&self) -> Option<TaskId> {
        match self {
            EventData::TaskCreated(d) => Some(d.task_id),
            EventData::TaskUpdated(d) => Some(d.task_id),
            EventData::TaskCompleted(d) => Some(d.task_id),
            EventData::TaskReopened(d) => Some(d.task_id),
            EventData::TaskDeleted(d) => Some(d.task_id),
            EventData::UserRegistered(_)
            | EventData::DeadLetterRedriven(_)
            | EventData::DeadLetterDiscarded(_) => None,
        }
    }

    /// When it happened, as the data itself says.
    pub fn occurred_at(&self) -> Timestamp {
        match self {
            EventData::TaskCreated(d) => d.created_at,
            EventData::TaskUpdated(d) => d.updated_at,
            EventData::TaskCompleted(d) => d.completed_at,
            EventData::TaskReopened(d) => d.reopened_at,
            EventData::TaskDeleted(d) => d.deleted_at,
            EventData::UserRegistered(d) => d.registered_at,
            EventData::DeadLetterRedriven(d) | EventData::DeadLetterDiscarded(d) => d.decided_at,
        }
    }

    /// Reads the data of an event of type `event_type`.
    pub fn from_json(
        event_type: EventType,
        data: serde_json::Value,
    ) -> Result<Self, serde_json::Error> {
        use serde_json::from_value;
        Ok(match event_type {
            EventType::TaskCreated => EventData::TaskCreated(from_value(data)?),
            EventType::TaskUpdated => EventData::TaskUpdated(from_value(data)?),
            EventType::TaskCompleted => EventData::TaskCompleted(from_value(data)?),
            EventType::TaskReopened => EventData::TaskReopened(from_value(data)?),
            EventType::TaskDeleted => EventData::TaskDeleted(from_value(data)?),
            EventType::UserRegistered => EventData::UserRegistered(from_value(data)?),
            EventType::DeadLetterRedriven => EventData::DeadLetterRedriven(from_value(data)?),
            EventType::DeadLetterDiscarded => EventData::DeadLetterDiscarded(from_value(data)?),
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
