//! Search: what was typed becomes a query, an index names the tasks, and the page shows why.

pub mod marks;
pub mod queries;
pub mod query;
pub mod view;
pub mod words;

use crate::error::Error;
use crate::event::Timestamp;
use crate::id::{TaskId, UserId};
use futures::future::BoxFuture;
use query::Query;
use serde::Serialize;

/// The most tasks that are shown.
pub const PAGE: usize = 50;

/// What a search found, as `GET /api/search` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// What was typed.
    pub query: String,
    /// How many tasks match; at most [`PAGE`] of them are in `hits`.
    pub total: usize,
    /// The best first.
    pub hits: Vec<Hit>,
    /// What of the query is not understood, or what no task has, a sentence each.
    pub notes: Vec<String>,
    /// The index is being built: there may be more.
    pub building: bool,
}

/// A task that matches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    pub task_id: TaskId,
    /// The title, whole.
    pub title: Vec<Segment>,
    /// A line of the description; none if it is empty.
    pub line: Vec<Segment>,
    pub updated_at: Timestamp,
    /// `None` while it is open.
    pub completed_at: Option<Timestamp>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    pub text: String,
    /// It is what was looked for.
    pub marked: bool,
}

/// Tasks by number, the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    pub task_ids: Vec<TaskId>,
    pub total: usize,
    pub building: bool,
}

/// Finds tasks by their words. The server has one; it follows `search_documents`.
pub trait Index: Send + Sync {
    /// The tasks of `user_id` and nobody else's that match, at most [`PAGE`].
    fn find<'a>(
        &'a self,
        user_id: &'a UserId,
        query: Query,
    ) -> BoxFuture<'a, Result<Matches, Error>>;
}
