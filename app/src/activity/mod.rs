//! The activity feed: who did what to which task, with before and after.

pub mod api;
mod diff;
pub mod view;

#[cfg(feature = "ssr")]
pub mod queries;

use crate::event::{Changes, Event, EventData, EventType, Timestamp};
use crate::id::{Seq, TaskId, UserId};
use serde::{Deserialize, Serialize};

/// How many lines come at a time.
pub const PAGE: usize = 50;

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: Seq,
    pub event_type: EventType,
    pub actor_id: UserId,
    pub task_id: Option<TaskId>,
    /// The task's title, as it was after the event; empty for what is not about a task.
    pub title: String,
    /// Before and after, for an edit.
    pub changes: Changes,
    pub at: Timestamp,
}

/// Lines newest first, and what they tell of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    pub entries: Vec<Entry>,
    /// Everything up to here is in the feed (or older than its oldest line).
    pub seq: Seq,
    /// There are older lines.
    pub more: bool,
}

impl Entry {
    /// The line that tells of `event`. `known_title` is what the task is called as far as the
    /// reader knows, for the events that do not say it.
    pub fn of(event: &Event, known_title: Option<&str>) -> Entry {
        let (title, changes) = match &event.envelope.data {
            EventData::TaskCreated(d) => (d.title.clone(), Changes::default()),
            EventData::TaskUpdated(d) => {
                let title = d
                    .changes
                    .title
                    .as_ref()
                    .map(|c| c.new.as_str())
                    .or(known_title);
                (title.unwrap_or_default().to_owned(), d.changes.clone())
            }
            EventData::TaskCompleted(d) => (d.title.clone(), Changes::default()),
            EventData::TaskReopened(d) => (d.title.clone(), Changes::default()),
            EventData::TaskDeleted(d) => (d.title.clone(), Changes::default()),
            EventData::UserRegistered(_)
            | EventData::DeadLetterRedriven(_)
            | EventData::DeadLetterDiscarded(_) => (String::new(), Changes::default()),
        };
        Entry {
            seq: event.seq,
            event_type: event.envelope.event_type,
            actor_id: event.actor_id.clone(),
            task_id: event.envelope.data.task_id(),
            title,
            changes,
            at: event.envelope.timestamp,
        }
    }
}
