//! Counts what people add and complete, how long it takes them, what they have open, and who signs up.
//!
//! Reopening takes a completion back; deleting and restoring leave what was. Each task is settled by the last
//! event that completed or reopened it, so that one which comes late, from the dead letters, or a
//! second time, counts for nothing.
//!
//! What is open has a history: a task may be open, then not, then again. So each event that says which
//! stays, by its number, and counts for the difference from the one before it. One that comes late
//! takes from the one after it what it counts for itself.

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
    const TABLES: &'static [&'static str] = &[
        "analytics_quarters",
        "analytics_tasks",
        "analytics_states",
        "analytics_people",
    ];

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
    let seq = event.seq.0;
    match &event.envelope.data {
        EventData::TaskCreated(d) => {
            // Nobody has added them; what is done with them counts.
            if !onboarding::is_sample(event) {
                ledger.create(d.task_id, d.created_at).await?;
            }
            // But they are open work: as much is open as the list says.
            ledger.turn(d.task_id, seq, d.created_at, true).await?;
        }
        EventData::TaskCompleted(d) => {
            let done = (d.completed_at, d.duration_minutes.max(0));
            ledger.settle(d.task_id, Some(done), seq).await?;
            ledger.turn(d.task_id, seq, d.completed_at, false).await?;
        }
        EventData::TaskReopened(d) => {
            ledger.settle(d.task_id, None, seq).await?;
            ledger.turn(d.task_id, seq, d.reopened_at, true).await?;
        }
        EventData::TaskDeleted(d) => ledger.turn(d.task_id, seq, d.deleted_at, false).await?,
        EventData::TaskRestored(d) => {
            let is_open = d.completed_at.is_none();
            ledger.turn(d.task_id, seq, d.restored_at, is_open).await?;
        }
        EventData::TaskPurged(d) => ledger.turn(d.task_id, seq, d.purged_at, false).await?,
        EventData::UserRegistered(d) => ledger.sign_up(d.registered_at).await?,
        EventData::TaskUpdated(_)
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
            _ => self.add(at, [1, 0, 0]).await,
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
            self.add(from_micros(at), [0, -1, 0]).await?;
        }
        if let Some((at, _)) = done {
            self.add(at, [0, 1, 0]).await?;
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

    /// From event `seq` on the task is open, or not.
    async fn turn(
        &mut self,
        task_id: TaskId,
        seq: i64,
        at: Timestamp,
        is_open: bool,
    ) -> Result<(), sqlx::Error> {
        let (at_micros, open) = (to_micros(at), i64::from(is_open));
        let new = sqlx::query(
            "insert into analytics_states (consumer, task_id, seq, user_id, occurred_at, open) \
             values ($1, $2, $3, $4, $5, $6) on conflict (consumer, task_id, seq) do nothing",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .bind(seq)
        .bind(&self.user_id.0)
        .bind(at_micros)
        .bind(open)
        .execute(&mut **self.tx)
        .await?;
        if new.rows_affected() == 0 {
            return Ok(());
        }
        // Whether it was open before, when that was said next, and when the first time.
        let (before, next, first): (Option<i64>, Option<i64>, i64) = sqlx::query_as(
            "select (select open from analytics_states where consumer = $1 and task_id = $2 \
             and seq < $3 order by seq desc limit 1), \
             (select occurred_at from analytics_states where consumer = $1 and task_id = $2 \
             and seq > $3 order by seq limit 1), \
             (select occurred_at from analytics_states where consumer = $1 and task_id = $2 \
             order by seq limit 1)",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .bind(seq)
        .fetch_one(&mut **self.tx)
        .await?;
        let change = open - before.unwrap_or(0);
        // Also when nothing changes: so the rows are the same in whatever order it is told.
        self.add(at, [0, 0, change]).await?;
        match next {
            Some(next) => {
                self.add(from_micros(next), [0, 0, -change]).await?;
                self.began(task_id, at_micros).await
            }
            None => self.keep(task_id, is_open.then_some(first)).await,
        }
    }

    /// The task is open and was written down then; or it is not.
    async fn keep(&mut self, task_id: TaskId, since: Option<i64>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into analytics_tasks (consumer, task_id, user_id, open_since) \
             values ($1, $2, $3, $4) on conflict (consumer, task_id) \
             do update set open_since = excluded.open_since",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .bind(&self.user_id.0)
        .bind(since)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    /// If the task is open, it was written down then at the latest.
    async fn began(&mut self, task_id: TaskId, at: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update analytics_tasks set open_since = $3 \
             where consumer = $1 and task_id = $2 and open_since > $3",
        )
        .bind(self.consumer)
        .bind(task_id.0)
        .bind(at)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    /// Counts what was added, completed and opened in a quarter of an hour.
    async fn add(&mut self, at: Timestamp, counts: [i64; 3]) -> Result<(), sqlx::Error> {
        let [added, completed, opened] = counts;
        sqlx::query(
            "insert into analytics_quarters (consumer, user_id, quarter, added, completed, opened) \
             values ($1, $2, $3, $4, $5, $6) on conflict (consumer, user_id, quarter) do update set \
             added = analytics_quarters.added + excluded.added, \
             completed = analytics_quarters.completed + excluded.completed, \
             opened = analytics_quarters.opened + excluded.opened",
        )
        .bind(self.consumer)
        .bind(&self.user_id.0)
        .bind(quarter(at))
        .bind(added)
        .bind(completed)
        .bind(opened)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }
}
