//! SQL to what is found, and to what the index follows.

use super::query::Query;
use super::{Found, Hit, marks};
use crate::accounts::{self, Zone};
use crate::db::{from_micros, now};
use crate::error::Error;
use crate::event::Timestamp;
use crate::id::{TaskId, UserId};
use crate::state::State;
use crate::tasks::{self, Task};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row};
use std::collections::HashMap;

/// What `text` finds among the tasks of `user_id`. The index names them; what they are called is
/// read where it is true at this moment, and once more only where it is theirs.
/// Errors: `Invalid` for a query that is too long; `Unavailable`.
pub async fn find(state: &State, user_id: &UserId, text: &str) -> Result<Found, Error> {
    let mut query = Query::parse(text)?;
    let mut found = Found {
        query: text.into(),
        total: 0,
        hits: Vec::new(),
        notes: query.notes(),
        building: false,
    };
    if query.is_empty() || query.is_hopeless() {
        return Ok(found);
    }
    if query.asks_for_today() {
        let mut conn = state.db.pool().acquire().await?;
        let zone = accounts::queries::zone(&mut conn, user_id).await?;
        query.today = zone.unwrap_or(Zone::UTC).day(now());
    }
    let matches = state.search.find(user_id, query.clone()).await?;
    let mut conn = state.db.pool().acquire().await?;
    let tasks = tasks::queries::some(&mut conn, user_id, &matches.task_ids).await?;
    drop(conn);
    let mut tasks: HashMap<TaskId, Task> =
        tasks.into_iter().map(|task| (task.task_id, task)).collect();
    let in_order = matches.task_ids.iter();
    let in_order = in_order.filter_map(|task_id| tasks.remove(task_id));
    found.hits = in_order.map(|task| hit(task, &query)).collect();
    // What was deleted a moment ago is not there to be counted.
    let gone = matches.task_ids.len() - found.hits.len();
    found.total = matches.total - gone;
    found.building = matches.building;
    if found.total == 0 && !found.building {
        found.notes.extend(missing(state, user_id, &query).await?);
    }
    Ok(found)
}

/// Of a search that found nothing: which of its lists and labels no task has, a sentence each.
async fn missing(state: &State, user_id: &UserId, query: &Query) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for named in query.named.iter().filter(|named| !named.negated) {
        let alone = Query {
            named: vec![named.clone()],
            ..Query::default()
        };
        if state.search.find(user_id, alone).await?.total == 0 {
            notes.push(named.note());
        }
    }
    Ok(notes)
}

fn hit(task: Task, query: &Query) -> Hit {
    Hit {
        task_id: task.task_id,
        title: marks::marked(&task.title, query),
        line: marks::line(&task.description, query),
        updated_at: task.updated_at,
        completed_at: task.completed_at,
    }
}

/// A task as the index is to have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub task_id: TaskId,
    pub user_id: UserId,
    pub title: String,
    pub description: String,
    pub done: bool,
    pub updated_at: Timestamp,
    /// It is to be found no more.
    pub deleted: bool,
    pub change: i64,
}

impl FromRow<'_, AnyRow> for Document {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Document {
            task_id: TaskId(row.try_get("task_id")?),
            user_id: UserId(row.try_get("user_id")?),
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            done: row.try_get::<i64, _>("completed")? != 0,
            updated_at: from_micros(row.try_get("updated_at")?),
            deleted: row.try_get::<i64, _>("deleted")? != 0,
            change: row.try_get("change")?,
        })
    }
}

/// How far the documents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Of which database.
    pub database_id: String,
    /// Grows when the index is to be built anew.
    pub generation: i64,
    /// The number of the last change.
    pub change: i64,
    /// Up to which change the rows of deleted tasks may be gone.
    pub pruned: i64,
}

pub async fn clock(conn: &mut AnyConnection) -> Result<Clock, sqlx::Error> {
    let (database_id, generation, change, pruned) =
        sqlx::query_as("select database_id, generation, change, pruned from search_clock")
            .fetch_one(conn)
            .await?;
    Ok(Clock {
        database_id,
        generation,
        change,
        pruned,
    })
}

/// What changed after `change`, in order, at most `limit`. Numbers are given under a lock that is
/// kept until the commit, so whoever sees one sees all before it: a cursor misses nothing.
pub async fn changed(
    conn: &mut AnyConnection,
    change: i64,
    limit: i64,
) -> Result<Vec<Document>, sqlx::Error> {
    sqlx::query_as(
        "select task_id, user_id, title, description, completed, updated_at, deleted, change \
         from search_documents where change > $1 order by change limit $2",
    )
    .bind(change)
    .bind(limit)
    .fetch_all(conn)
    .await
}
