//! What leaves the house: e-mail, SMS, calls to other systems. Here it is only queued, in the
//! transaction of whoever has something to say; the server's `delivery.rs` sends it.

pub mod api;
pub mod claim;
pub mod commands;
pub mod queries;
pub mod view;

use crate::event::{Event, Timestamp};
use crate::id::{EventId, Seq, UserId};
use crate::trace::Context;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Something to send, on account of an event.
#[derive(Clone, Debug)]
pub struct New {
    pub event_id: EventId,
    pub user_id: UserId,
    /// The event's number: a target that gets one after the other gets them in this order. 0: it tells
    /// of no event of the person's.
    pub seq: Seq,
    /// Which channel sends it: its name in the server's registry.
    pub channel: &'static str,
    /// Where to, as the channel understands it.
    pub target: String,
    /// What shares its fate.
    pub lane: String,
    /// What the channel needs.
    pub payload: serde_json::Value,
    pub due_at: Timestamp,
    pub traceparent: Option<String>,
}

impl New {
    /// Due at once, in a lane of its target's own.
    pub fn of(event: &Event, channel: &'static str, target: &str, payload: &impl Serialize) -> New {
        New {
            event_id: event.envelope.event_id,
            user_id: event.user_id().clone(),
            seq: event.seq,
            channel,
            target: target.into(),
            lane: target.into(),
            payload: serde_json::to_value(payload).unwrap_or_default(),
            due_at: crate::db::now(),
            traceparent: event.traceparent.clone(),
        }
    }

    /// Shares its fate with whatever else goes through the same gateway: when that is away, nothing
    /// of the lane is tried; and so many of the lane are sent at a time as the channel says.
    pub fn through(self, lane: &str) -> New {
        New {
            lane: lane.into(),
            ..self
        }
    }

    pub fn at(self, due_at: Timestamp) -> New {
        New { due_at, ..self }
    }
}

/// What a receiver tells one message from another by: the same however often it is sent.
pub fn message_id(event_id: EventId, channel: &str, target: &str) -> String {
    let digest = Sha256::digest(format!("{event_id}\n{channel}\n{target}"));
    format!("msg_{}", hex::encode(&digest[..16]))
}

/// One that was taken up, to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub id: i64,
    pub message_id: String,
    pub event_id: EventId,
    pub channel: String,
    pub target: String,
    pub lane: String,
    pub user_id: UserId,
    pub payload: serde_json::Value,
    /// The event's trace; while it is being sent, that of the span of the sending.
    pub traceparent: Option<String>,
    /// Which attempt this is, from 1. It is also what tells us from those who took it up before.
    pub attempt: i64,
    /// Which it is since it was queued or queued again.
    pub tries: i64,
}

impl Delivery {
    pub fn context(&self) -> Option<Context> {
        self.traceparent.as_deref().and_then(Context::parse)
    }
}

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Queued,
    Sent,
    /// Given up: its retries were spent, or it could never have worked.
    Failed,
    /// Its target says that it wants no more.
    Gone,
}

impl Status {
    pub const ALL: [Status; 4] = [Status::Queued, Status::Sent, Status::Failed, Status::Gone];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Sent => "sent",
            Status::Failed => "failed",
            Status::Gone => "gone",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// How an attempt went, and what is to become of the delivery.
#[derive(Clone, Debug)]
pub enum Verdict {
    Sent,
    /// It failed, and is due again then. `blames_lane`: so would everything else of its lane.
    Later {
        due_at: Timestamp,
        blames_lane: bool,
    },
    /// It failed for the last time.
    Failed {
        blames_lane: bool,
    },
    /// It can never work; its lane is well.
    Permanent,
    /// Its target wants no more: nothing of what waits for it is sent.
    Gone,
    /// It was not tried: this is not the time.
    NotYet {
        due_at: Timestamp,
    },
}

/// An attempt as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub attempt: i64,
    pub began_at: Timestamp,
    pub took: Option<std::time::Duration>,
    pub outcome: String,
    pub status: Option<i64>,
    pub answer: String,
    /// What was asked, if the channel says so.
    pub request: String,
}

/// A delivery as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: i64,
    pub message_id: String,
    pub event_id: String,
    pub channel: String,
    pub target: String,
    pub user_id: UserId,
    pub status: Status,
    pub queued_at: Timestamp,
    pub due_at: Timestamp,
    pub attempts: i64,
    /// What was answered last.
    pub answer: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_message_has_one_id_and_no_two_share_it() {
        let event_id = EventId(Uuid::from_u128(1));
        let id = message_id(event_id, "email", "ada@example.com");
        assert_eq!(id, message_id(event_id, "email", "ada@example.com"));
        assert!(id.starts_with("msg_") && id.len() == 36, "{id}");
        for other in [
            message_id(EventId(Uuid::from_u128(2)), "email", "ada@example.com"),
            message_id(event_id, "sms", "ada@example.com"),
            message_id(event_id, "email", "eve@example.com"),
        ] {
            assert_ne!(id, other);
        }
    }
}
