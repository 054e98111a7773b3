//! Gives points for what is completed, and takes them back for what is reopened.
//!
//! How many, the rules say. A task has the points of the last event that completed or reopened it:
//! one that comes late or a second time gives nothing.

use crate::consumer::{Consumer, HandleError};
use app::db::Tx;
use app::event::{Event, EventData, EventType};
use app::id::{TaskId, UserId};
use app::points::{self, rules};

pub struct Points;

impl Consumer for Points {
    const NAME: &'static str = points::CONSUMER;
    const TOPICS: &'static [EventType] = points::TOPICS;
    const TABLES: &'static [&'static str] = &["points_tasks", "points_people"];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        award(Self::NAME, event, tx).await
    }
}

/// Gives or takes the points of one event under the name `consumer`.
pub async fn award(consumer: &str, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
    let (task_id, points) = match &event.envelope.data {
        EventData::TaskCompleted(d) => (d.task_id, rules::worth(d.duration_minutes)),
        EventData::TaskReopened(d) => (d.task_id, 0),
        _ => return Ok(()),
    };
    let before = settled(tx, consumer, task_id).await?;
    let (had, seq) = before.unwrap_or_default();
    if event.seq.0 <= seq {
        return Ok(());
    }
    sqlx::query(
        "insert into points_tasks (consumer, task_id, user_id, points, seq) \
         values ($1, $2, $3, $4, $5) on conflict (consumer, task_id) \
         do update set points = excluded.points, seq = excluded.seq",
    )
    .bind(consumer)
    .bind(task_id.0)
    .bind(&event.user_id().0)
    .bind(points)
    .bind(event.seq.0)
    .execute(&mut **tx)
    .await?;
    add(tx, consumer, event.user_id(), points - had).await?;
    Ok(())
}

/// The points of a task, and the event they are from.
async fn settled(
    tx: &mut Tx,
    consumer: &str,
    task_id: TaskId,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    sqlx::query_as("select points, seq from points_tasks where consumer = $1 and task_id = $2")
        .bind(consumer)
        .bind(task_id.0)
        .fetch_optional(&mut **tx)
        .await
}

async fn add(
    tx: &mut Tx,
    consumer: &str,
    user_id: &UserId,
    points: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into points_people (consumer, user_id, points) values ($1, $2, $3) \
         on conflict (consumer, user_id) \
         do update set points = points_people.points + excluded.points",
    )
    .bind(consumer)
    .bind(&user_id.0)
    .bind(points)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
