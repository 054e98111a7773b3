//! The activity feed: who did what to which task, with before and after.

pub mod api;
mod diff;
mod filter;
mod group;
mod html;
pub mod view;

#[cfg(feature = "ssr")]
mod asked;
#[cfg(feature = "ssr")]
pub mod commands;
#[cfg(feature = "ssr")]
pub mod queries;
#[cfg(feature = "ssr")]
pub mod tools;

#[cfg(feature = "ssr")]
pub use asked::Asked;
pub use filter::Filter;
pub use group::groups;

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
        let data = &event.envelope.data;
        let changes = match data {
            EventData::TaskUpdated(d) => d.changes.clone(),
            _ => Changes::default(),
        };
        Entry {
            seq: event.seq,
            event_type: event.envelope.event_type,
            actor_id: event.actor_id.clone(),
            task_id: data.task_id(),
            title: said_title(data)
                .or(known_title)
                .unwrap_or_default()
                .to_owned(),
            changes,
            at: event.envelope.timestamp,
        }
    }
}

/// What the task is called after the event, if the event says so.
pub fn said_title(data: &EventData) -> Option<&str> {
    match data {
        EventData::TaskCreated(d) => Some(&d.title),
        EventData::TaskUpdated(d) => d.changes.title.as_ref().map(|change| change.new.as_str()),
        EventData::TaskCompleted(d) => Some(&d.title),
        EventData::TaskReopened(d) => Some(&d.title),
        EventData::TaskDeleted(d) => Some(&d.title),
        EventData::TaskRestored(d) => Some(&d.title),
        EventData::TaskPurged(d) => Some(&d.title),
        // It is about no task, or leaves the title as it was.
        _ => None,
    }
}
