//! What operators look after: dead letters, and whose events wait.

pub mod api;
pub mod commands;
pub mod history;
pub mod queries;

mod figures;
mod letters;
mod plot;
pub mod view;

use crate::event::Timestamp;
use crate::id::{Seq, UserId};

/// What was given up, and why: an event that a consumer could not apply, or a record that is none.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    pub id: i64,
    /// The topic it was read from, without the installation's prefix.
    pub topic: String,
    /// Where it stood there, if that is known: partition and offset.
    pub place: Option<(i64, i64)>,
    pub key: Option<Vec<u8>>,
    pub headers: Headers,
    /// The raw bytes, byte for byte.
    pub value: Option<Vec<u8>>,
    /// Whose event which consumer could not apply; `None` for a record that is no event.
    pub failed: Option<Failed>,
    pub error: String,
    pub attempts: i64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub traceparent: Option<String>,
    pub status: Status,
    /// Why it was discarded.
    pub note: String,
}

/// Names and values of a record's headers.
pub type Headers = Vec<(String, Vec<u8>)>;

/// An event that a consumer could not apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    pub consumer: String,
    pub user_id: UserId,
    pub seq: Seq,
}

/// What is to become of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody has decided.
    Open,
    /// Its consumer is to apply it once more.
    Redriving,
    /// It was applied after all.
    Redriven,
    Discarded,
}

impl Status {
    pub const ALL: [Status; 4] = [
        Status::Open,
        Status::Redriving,
        Status::Redriven,
        Status::Discarded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Redriving => "redriving",
            Status::Redriven => "redriven",
            Status::Discarded => "discarded",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Whose events wait, because a consumer could not apply one.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    pub consumer: String,
    pub user_id: UserId,
    /// The event it failed on.
    pub seq: Seq,
    pub attempts: i64,
    pub first_at: Timestamp,
    /// When it is tried again; `None`: after an upgrade.
    pub next_at: Option<Timestamp>,
    pub error: String,
}
