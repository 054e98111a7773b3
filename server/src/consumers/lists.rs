//! Which lists each task is in, as far as it says so: what the feed is filtered by.
//!
//! A task that is deleted stays in its lists, as its lines stay in the feed. So nothing but its words
//! matters. Under a name of its own it has read all of history wherever it came later than the feed.

use crate::consumer::{Consumer, HandleError};
use app::db::Tx;
use app::event::{Event, EventData, EventType};
use app::id::{TaskId, UserId};
use app::tasks::marks::{self, Mark};

pub struct Lists;

impl Consumer for Lists {
    const NAME: &'static str = "lists";
    const TOPICS: &'static [EventType] = &[EventType::TaskCreated, EventType::TaskUpdated];
    const TABLES: &'static [&'static str] = &["task_lists"];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let user_id = event.user_id();
        match &event.envelope.data {
            EventData::TaskCreated(d) => {
                name(tx, user_id, d.task_id, "title", &d.title).await?;
                name(tx, user_id, d.task_id, "description", &d.description).await?;
            }
            EventData::TaskUpdated(d) => {
                let changes = [
                    ("title", &d.changes.title),
                    ("description", &d.changes.description),
                ];
                for (part, change) in changes {
                    if let Some(change) = change {
                        leave(tx, d.task_id, part).await?;
                        name(tx, user_id, d.task_id, part, &change.new).await?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn forget(
        &self,
        _user_id: &UserId,
        task_id: TaskId,
        tx: &mut Tx,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query("delete from task_lists where task_id = $1")
            .bind(task_id.0)
            .execute(&mut **tx)
            .await?;
        Ok(true)
    }
}

/// The task is in every list that `text`, its title or its description, names.
async fn name(
    tx: &mut Tx,
    user_id: &UserId,
    task_id: TaskId,
    part: &str,
    text: &str,
) -> Result<(), sqlx::Error> {
    for list in marks::named(text, Mark::List) {
        sqlx::query(
            "insert into task_lists (user_id, list, name, task_id, part) \
             values ($1, $2, $3, $4, $5)",
        )
        .bind(&user_id.0)
        .bind(list.key)
        .bind(list.said)
        .bind(task_id.0)
        .bind(part)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// What one of its texts said of lists is said no more.
async fn leave(tx: &mut Tx, task_id: TaskId, part: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from task_lists where task_id = $1 and part = $2")
        .bind(task_id.0)
        .bind(part)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
