//! What a person has added and done and what is open, counted by the consumer `analytics` and shown by
//! day.

pub mod api;
pub mod open;
mod plot;
pub mod queries;
pub mod view;
mod words;

pub use crate::accounts::{Zone, quarter};

use crate::event::EventType;
use crate::id::Seq;
use open::Open;

/// The consumer that counts. Under a new name everything is counted anew, beside what the old name
/// has; the page reads what this name has.
pub const CONSUMER: &str = "analytics";
/// What it counts.
pub const TOPICS: &[EventType] = &[
    EventType::TaskCreated,
    EventType::TaskCompleted,
    EventType::TaskReopened,
    EventType::TaskDeleted,
    EventType::TaskRestored,
    EventType::TaskPurged,
    EventType::UserRegistered,
];
/// Days that are shown, today included.
pub const DAYS: i64 = 30;

/// How long tasks took, in classes: the longest of each but the last, in minutes (1 and 4 hours,
/// 1 and 3 days, 1 and 4 weeks).
pub const CLASSES: [i64; 6] = [60, 240, 1_440, 4_320, 10_080, 40_320];

/// A person's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    pub zone: Zone,
    /// Days are counted from 1970, in `zone`.
    pub today: i64,
    /// Today and those before it, oldest first: [`DAYS`] of them.
    pub days: Vec<Day>,
    /// On which anything was ever completed, ascending.
    pub active: Vec<i64>,
    /// Tasks added on those days, deleted ones too; and how many of them are done.
    pub added: i64,
    pub added_and_done: i64,
    pub took: Took,
    pub open: Open,
}

/// What happened on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    pub day: i64,
    pub added: i64,
    pub completed: i64,
}

/// How long the tasks took that were completed on the days shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// How many took how long, by [`CLASSES`].
    pub classes: [i64; CLASSES.len() + 1],
    /// Half of them took no longer, in minutes.
    pub median: Option<i64>,
}

/// How far the figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Everything up to this event is in the figures.
    pub seq: Seq,
    /// Events that are not yet.
    pub waiting: i64,
}

impl Stats {
    /// Completed between two days, both included, among those shown.
    pub fn completed(&self, from: i64, to: i64) -> i64 {
        let days = self
            .days
            .iter()
            .filter(|day| (from..=to).contains(&day.day));
        days.map(|day| day.completed).sum()
    }
}
