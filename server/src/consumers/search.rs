//! What the search index of each process follows: a row for each task, with the number of its last
//! change.
//!
//! The numbers are given under the lock of one row, which is kept until the commit. So they are in
//! the order of the commits, and a cursor over them misses nothing; sequences would not do.

use crate::consumer::{Consumer, HandleError};
use crate::search::Search;
use app::db::{Tx, to_micros};
use app::event::{Event, EventData, EventType, TaskCreated, TaskRestored, TaskUpdated, Timestamp};
use app::id::{Seq, TaskId, UserId};

pub struct Documents {
    index: Search,
}

impl Documents {
    pub fn new(index: &Search) -> Self {
        Documents {
            index: index.clone(),
        }
    }
}

impl Consumer for Documents {
    const NAME: &'static str = "search";
    const TOPICS: &'static [EventType] = &[
        EventType::TaskCreated,
        EventType::TaskUpdated,
        EventType::TaskCompleted,
        EventType::TaskReopened,
        EventType::TaskDeleted,
        EventType::TaskRestored,
    ];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let seq = event.seq;
        match &event.envelope.data {
            EventData::TaskCreated(d) => create(tx, seq, d).await?,
            EventData::TaskUpdated(d) => edit(tx, seq, d).await?,
            EventData::TaskCompleted(d) => {
                set_completed(tx, seq, d.task_id, true, d.completed_at).await?
            }
            EventData::TaskReopened(d) => {
                set_completed(tx, seq, d.task_id, false, d.reopened_at).await?
            }
            EventData::TaskDeleted(d) => delete(tx, seq, d.task_id).await?,
            EventData::TaskRestored(d) => restore(tx, seq, d).await?,
            EventData::TaskPurged(_)
            | EventData::UserRegistered(_)
            | EventData::UserLoggedIn(_)
            | EventData::UserLoginFailed(_)
            | EventData::UserLoggedOut(_)
            | EventData::UserRoleChanged(_)
            | EventData::DeadLetterRedriven(_)
            | EventData::DeadLetterDiscarded(_)
            | EventData::EndpointDisabled(_)
            | EventData::EndpointChanged(_)
            | EventData::DeliveryRedelivered(_)
            | EventData::UserSettingsChanged(_) => {}
        }
        Ok(())
    }

    async fn forget(
        &self,
        _user_id: &UserId,
        task_id: TaskId,
        tx: &mut Tx,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query("delete from search_documents where task_id = $1")
            .bind(task_id.0)
            .execute(&mut **tx)
            .await?;
        Ok(true)
    }

    fn committed(&self) {
        self.index.wake();
    }
}

/// The number of the next change. Whoever wants one waits until this one is committed.
async fn next_change(tx: &mut Tx) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("update search_clock set change = change + 1 returning change")
        .fetch_one(&mut **tx)
        .await
}

async fn create(tx: &mut Tx, seq: Seq, data: &TaskCreated) -> Result<(), sqlx::Error> {
    let change = next_change(tx).await?;
    sqlx::query(
        "insert into search_documents \
         (task_id, user_id, seq, title, description, completed, updated_at, change) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(data.task_id.0)
    .bind(&data.user_id.0)
    .bind(seq.0)
    .bind(&data.title)
    .bind(&data.description)
    .bind(i64::from(data.completed))
    .bind(to_micros(data.created_at))
    .bind(change)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn edit(tx: &mut Tx, seq: Seq, data: &TaskUpdated) -> Result<(), sqlx::Error> {
    let change = next_change(tx).await?;
    let new = |change: &Option<app::event::Change>| change.as_ref().map(|c| c.new.clone());
    sqlx::query(
        "update search_documents set title = coalesce($3, title), \
         description = coalesce($4, description), updated_at = $5, seq = $2, change = $6 \
         where task_id = $1 and seq < $2",
    )
    .bind(data.task_id.0)
    .bind(seq.0)
    .bind(new(&data.changes.title))
    .bind(new(&data.changes.description))
    .bind(to_micros(data.updated_at))
    .bind(change)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn set_completed(
    tx: &mut Tx,
    seq: Seq,
    task_id: TaskId,
    completed: bool,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let change = next_change(tx).await?;
    sqlx::query(
        "update search_documents set completed = $3, updated_at = $4, seq = $2, change = $5 \
         where task_id = $1 and seq < $2",
    )
    .bind(task_id.0)
    .bind(seq.0)
    .bind(i64::from(completed))
    .bind(to_micros(at))
    .bind(change)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Leaves the row to those who have not heard of it, without its words.
async fn delete(tx: &mut Tx, seq: Seq, task_id: TaskId) -> Result<(), sqlx::Error> {
    let change = next_change(tx).await?;
    sqlx::query(
        "update search_documents set deleted = 1, title = '', description = '', seq = $2, \
         change = $3 where task_id = $1 and seq < $2",
    )
    .bind(task_id.0)
    .bind(seq.0)
    .bind(change)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// With its words again, which the event says.
async fn restore(tx: &mut Tx, seq: Seq, data: &TaskRestored) -> Result<(), sqlx::Error> {
    let change = next_change(tx).await?;
    sqlx::query(
        "update search_documents set deleted = 0, title = $3, description = $4, completed = $5, \
         updated_at = $6, seq = $2, change = $7 where task_id = $1 and seq < $2",
    )
    .bind(data.task_id.0)
    .bind(seq.0)
    .bind(&data.title)
    .bind(&data.description)
    .bind(i64::from(data.completed_at.is_some()))
    .bind(to_micros(data.restored_at))
    .bind(change)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
