//! What was deleted: kept for a while, so that it can be brought back.

pub mod api;
pub mod commands;
pub mod queries;
pub mod view;

use crate::event::Timestamp;
use crate::id::Seq;
use crate::tasks::Task;
use chrono::TimeDelta;

/// How long, in days, unless the configuration says otherwise.
pub const DAYS: u32 = 30;

/// A task as it was when it was deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Trashed {
    pub task: Task,
    pub deleted_at: Timestamp,
    /// The event that deleted it.
    pub seq: Seq,
}

impl Trashed {
    /// When it goes for good.
    pub fn ends(&self, days: u32) -> Timestamp {
        self.deleted_at + TimeDelta::days(i64::from(days))
    }
}
