//! Counts what people add and complete, how long it takes them, and who signs up.
//!
//! Reopening takes a completion back; deleting and restoring leave what was. Each task is settled by the last
//! event that completed or reopened it, so that one which comes late, from the dead letters, or a
//! second time, counts for nothing.

use crate::consumer::{Consumer, HandleError};
use app::db::{Tx, from_micros, to_micros};
use app::event::{Event, EventData, EventType, Timestamp};
use app::id::{TaskId, UserId};
use app::onboarding;
use app::stats::{self, quarter};

pub struct Analytics;

impl Consumer for Analytics {
    const NAME: &'static str = stats::CONSUMER;
    const TOPICS: &'static [EventType] = stats::TOPICS;
    const TABLES: &'static [&'static str] =
        &["analytics_quarters", "analytics_tasks", "analytics_people"];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        count(Self::NAME, event, tx).await
    }
}

/// Counts one event under the name `consumer`.
pub async fn count(consumer: &str, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
    let mut ledger = Ledger {
        consumer,
        user_id: event.user_id(),
        tx,
    };
    match &event.envelope.data {
        // Nobody has added them; what is done with them counts.
        EventData::TaskCreated(_) if onboarding::is_sample(event) => {}
        EventData::TaskCreated(d) => ledger.create(d.task_id, d.created_at).await?,
        EventData::TaskCompleted(d) => {
            let done = (d.completed_at, d.duration_minutes.max(0));
            ledger.settle(d.task_id, Some(done), event.seq.0).await?;
        }
        EventData::TaskReopened(d) => ledger.settle(d.task_id, None, event.seq.0).await?,
        EventData::UserRegistered(d) => ledger.sign_up(d.registered_at).await?,
        EventData::TaskUpdated(_)
        | EventData::TaskDeleted(_)
        | EventData::TaskRestored(_)
        | EventData::TaskPurged(_)
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

/// What is counted of one person under one name.
struct Ledger<'a> {
    consumer: &'a str,
    user_id: &'a UserId,
    tx: &'a mut Tx,
}

impl Ledger<'_> {
    async fn create(&mut self, task_id: TaskId, at: Timestamp) -> Result<(), sqlx::Error> {
        let new = sqlx::query(
            "insert into analytics_tasks (consumer, task_id, user_id, created_at) \
             values ($1, $2, $3, $4) on conflict (consumer, task_id) \
             do update set created_at = excluded.created_at \
             where analytics_tasks.created_at is null",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .bind(&self.user_id.0)
        .bind(to_micros(at))
        .execute(&mut **self.tx)
        .await?;
        match new.rows_affected() {
            0 => Ok(()),
            _ => self.add(at, 1, 0).await,
        }
    }

    /// The task is done, when and after how many minutes; or it is open.
    async fn settle(
        &mut self,
        task_id: TaskId,
        done: Option<(Timestamp, i64)>,
        seq: i64,
    ) -> Result<(), sqlx::Error> {
        let before: Option<(Option<i64>, i64)> = sqlx::query_as(
            "select completed_at, seq from analytics_tasks where consumer = $1 and task_id = $2",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .fetch_optional(&mut **self.tx)
        .await?;
        let (completed_at, settled) = before.unwrap_or_default();
        if seq <= settled {
            return Ok(());
        }
        sqlx::query(
            "insert into analytics_tasks (consumer, task_id, user_id, completed_at, minutes, seq) \
             values ($1, $2, $3, $4, $5, $6) on conflict (consumer, task_id) do update set \
             completed_at = excluded.completed_at, minutes = excluded.minutes, seq = excluded.seq",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .bind(&self.user_id.0)
        .bind(done.map(|(at, _)| to_micros(at)))
        .bind(done.map(|(_, minutes)| minutes))
        .bind(seq)
        .execute(&mut **self.tx)
        .await?;
        if let Some(at) = completed_at {
            self.add(from_micros(at), 0, -1).await?;
        }
        if let Some((at, _)) = done {
            self.add(at, 0, 1).await?;
        }
        Ok(())
    }

    async fn sign_up(&mut self, at: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into analytics_people (consumer, user_id, registered_at) \
             values ($1, $2, $3) on conflict (consumer, user_id) do nothing",
        )
        .bind(self.consumer)
        .bind(&self.user_id.0)
        .bind(to_micros(at))
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn add(&mut self, at: Timestamp, added: i64, completed: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into analytics_quarters (consumer, user_id, quarter, added, completed) \
             values ($1, $2, $3, $4, $5) on conflict (consumer, user_id, quarter) do update set \
             added = analytics_quarters.added + excluded.added, \
             completed = analytics_quarters.completed + excluded.completed",
        )
        .bind(self.consumer)
        .bind(&self.user_id.0)
        .bind(quarter(at))
        .bind(added)
        .bind(completed)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }
}
