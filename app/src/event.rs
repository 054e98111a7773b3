//! The events of the contract (`event-driven-architecture.md`), to the letter, and how they travel.
//!
//! A new type of event is one line of `events!` and one struct in `data!` for what it carries, with
//! an example in `golden/`. The compiler asks for the word that tells of it in the feed.

#[macro_use]
mod table;

use crate::id::{CommandId, EventId, Seq, SessionId, TaskId, UserId};
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
    /// A deleted task was brought back, as it was.
    TaskRestored(TaskRestored) = "task.restored" { at: restored_at, task: task_id },
    /// A deleted task went for good: it cannot be brought back any more.
    TaskPurged(TaskPurged) = "task.purged" { at: purged_at, task: task_id },
    /// Somebody signed up.
    UserRegistered(UserRegistered) = "user.registered" { at: registered_at },
    /// Somebody logged in.
    UserLoggedIn(UserLoggedIn) = "user.logged_in" { at: logged_in_at },
    /// Somebody tried to log in and was refused.
    UserLoginFailed(UserLoginFailed) = "user.login_failed" { at: failed_at },
    /// A login came to an end: by its person, or because another took its place.
    UserLoggedOut(UserLoggedOut) = "user.logged_out" { at: logged_out_at },
    /// Somebody became an administrator, or a member again.
    UserRoleChanged(UserRoleChanged) = "user.role_changed" { at: changed_at },
    /// An operator had a dead letter applied once more.
    DeadLetterRedriven(DeadLetterDecided) = "dead_letter.redriven" { at: decided_at },
    /// An operator gave a dead letter up.
    DeadLetterDiscarded(DeadLetterDecided) = "dead_letter.discarded" { at: decided_at },
    /// An endpoint of external sync was switched off, because it cannot be reached or wants no more.
    EndpointDisabled(EndpointDisabled) = "endpoint.disabled" { at: disabled_at },
    /// Somebody changed where their events are sent to.
    EndpointChanged(EndpointChanged) = "endpoint.changed" { at: changed_at },
    /// Somebody had a delivery sent once more.
    DeliveryRedelivered(DeliveryRedelivered) = "delivery.redelivered" { at: redelivered_at },
    /// Somebody changed what they have set for themselves.
    UserSettingsChanged(UserSettingsChanged) = "user.settings_changed" { at: changed_at },
}

impl EventType {
    /// The type of that name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.as_str() == name)
    }

    /// Whether the feed tells of it. It tells of work; who comes and goes, and what people set, is the
    /// audit log's.
    pub fn is_told(self) -> bool {
        !matches!(
            self,
            EventType::UserLoggedIn
                | EventType::UserLoginFailed
                | EventType::UserLoggedOut
                | EventType::UserRoleChanged
                | EventType::UserSettingsChanged
                | EventType::EndpointChanged
                | EventType::DeliveryRedelivered
        )
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

    // Not in the contract; made in the manner of `task.created` and `task.deleted`.
    /// It says all that a task is, for those who have forgotten it.
    pub struct TaskRestored {
        pub task_id: TaskId,
        pub user_id: UserId,
        pub title: String,
        pub description: String,
        pub created_at: Timestamp,
        /// When it was completed; left out if it is to be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub completed_at: Option<Timestamp>,
        pub restored_at: Timestamp,
    }

    pub struct TaskPurged {
        pub task_id: TaskId,
        pub user_id: UserId,
        /// What it was called at last.
        pub title: String,
        pub purged_at: Timestamp,
        /// Why: "user_requested", or "expired" when it was in the trash for long enough.
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

    // Not in the contract; made in the same manner. Where somebody was is personal data, and is in
    // these events only: docs/audit.md says how long it stays.
    pub struct UserLoggedIn {
        pub user_id: UserId,
        pub session_id: SessionId,
        /// The network address that the server saw.
        pub address: String,
        /// What the browser calls itself, shortened.
        pub user_agent: String,
        pub logged_in_at: Timestamp,
    }

    pub struct UserLoginFailed {
        /// Whose account it was; "user-system" if there is no account with that e-mail address.
        pub user_id: UserId,
        /// "wrong_password" or "unknown_account".
        pub reason: String,
        /// The network address that the server saw.
        pub address: String,
        /// What the browser calls itself, shortened.
        pub user_agent: String,
        pub failed_at: Timestamp,
    }

    pub struct UserLoggedOut {
        pub user_id: UserId,
        pub session_id: SessionId,
        /// "logged_out", "revoked" from another session, or "replaced" by a new login of the same browser.
        pub reason: String,
        /// The network address that the server saw.
        pub address: String,
        /// What the browser calls itself, shortened.
        pub user_agent: String,
        pub logged_out_at: Timestamp,
    }

    pub struct UserRoleChanged {
        pub user_id: UserId,
        /// "member" or "admin".
        pub old: String,
        /// The same, from now on.
        pub new: String,
        pub changed_at: Timestamp,
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

    // Not in the contract; made in the same manner.
    pub struct EndpointDisabled {
        pub endpoint_id: String,
        pub user_id: UserId,
        /// What its person calls it, or the host it is at.
        pub name: String,
        pub disabled_at: Timestamp,
        /// Why, in a sentence.
        pub reason: String,
    }

    pub struct EndpointChanged {
        pub endpoint_id: String,
        pub user_id: UserId,
        /// What its person calls it, or the host it is at.
        pub name: String,
        /// "added", "edited", "secret_rotated", "token_replaced", "switched_on", "switched_off", "tested", "replayed" or "removed".
        pub change: String,
        pub changed_at: Timestamp,
    }

    pub struct DeliveryRedelivered {
        /// Whose it is, if they did it themselves; "user-system" if an operator did.
        pub user_id: UserId,
        pub delivery_id: i64,
        /// What it goes through, such as "webhook" or "email".
        pub channel: String,
        pub redelivered_at: Timestamp,
    }

    pub struct UserSettingsChanged {
        pub user_id: UserId,
        /// "time_zone", "goals", "notifications" or "phone".
        pub setting: String,
        /// What was set, in words; of a telephone number the last digits only.
        pub old: String,
        /// The same, from now on.
        pub new: String,
        pub changed_at: Timestamp,
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
