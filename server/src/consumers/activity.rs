//! The activity feed: a line for each event that it tells of.

use crate::consumer::{Consumer, HandleError};
use app::activity::{Entry, said_title};
use app::db::{Tx, to_micros};
use app::event::{Event, EventData, EventType};
use app::id::{TaskId, UserId};

pub struct Activity;

impl Consumer for Activity {
    const NAME: &'static str = "activity";
    const TOPICS: &'static [EventType] = EventType::ALL;
    const TABLES: &'static [&'static str] = &["activity", "activity_titles"];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        // It passes over them all the same: how far the feed is tells windows what they have.
        if !event.envelope.event_type.is_told() {
            return Ok(());
        }
        let data = &event.envelope.data;
        let known = match (data.task_id(), said_title(data)) {
            // Such as an edit of the description.
            (Some(task_id), None) => title(tx, task_id).await?,
            _ => None,
        };
        let entry = Entry::of(event, known.as_deref());
        let changes = serde_json::to_string(&entry.changes)
            .map_err(|error| HandleError::Permanent(error.into()))?;
        sqlx::query(
            "insert into activity \
             (user_id, seq, event_type, actor_id, task_id, title, changes, occurred_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&event.user_id().0)
        .bind(entry.seq.0)
        .bind(entry.event_type.as_str())
        .bind(&entry.actor_id.0)
        .bind(entry.task_id.map(|id| id.0))
        .bind(&entry.title)
        .bind(changes)
        .bind(to_micros(entry.at))
        .execute(&mut **tx)
        .await?;
        match data {
            EventData::TaskCreated(d) => remember(tx, d.task_id, &d.title).await?,
            EventData::TaskUpdated(d) => {
                if let Some(title) = &d.changes.title {
                    remember(tx, d.task_id, &title.new).await?;
                }
            }
            EventData::TaskRestored(d) => remember(tx, d.task_id, &d.title).await?,
            EventData::TaskDeleted(d) => forget_title(tx, d.task_id).await?,
            // The task, if there is one, is called what it was.
            _ => {}
        }
        Ok(())
    }

    async fn forget(
        &self,
        user_id: &UserId,
        task_id: TaskId,
        tx: &mut Tx,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query("delete from activity where user_id = $1 and task_id = $2")
            .bind(&user_id.0)
            .bind(task_id.0)
            .execute(&mut **tx)
            .await?;
        forget_title(tx, task_id).await?;
        Ok(true)
    }
}

async fn title(tx: &mut Tx, task_id: TaskId) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select title from activity_titles where task_id = $1")
        .bind(task_id.0)
        .fetch_optional(&mut **tx)
        .await
}

async fn remember(tx: &mut Tx, task_id: TaskId, title: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into activity_titles (task_id, title) values ($1, $2) \
         on conflict (task_id) do update set title = excluded.title",
    )
    .bind(task_id.0)
    .bind(title)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn forget_title(tx: &mut Tx, task_id: TaskId) -> Result<(), sqlx::Error> {
    sqlx::query("delete from activity_titles where task_id = $1")
        .bind(task_id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
