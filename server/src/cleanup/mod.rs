//! Removes what nobody needs any more, when it is old enough: in small batches, so that nobody
//! waits, and regularly, whichever process of the role `consumers` comes first.
//!
//! `jobs.rs` has the list of what is removed.

pub mod jobs;

use app::db::{Db, now, to_micros};
use chrono::TimeDelta;
use jobs::{JOBS, Job};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two looks at what is due.
const POLL: Duration = Duration::from_secs(60);
/// Between two batches: others write meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// How often, and what is how old when it goes.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub every: Duration,
    pub ages: Ages,
}

/// Days; 0 is never.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// Since the task was deleted: it can be restored no more.
    pub trash: u32,
    /// The same, of a task that is out of the trash.
    pub deleted_tasks: u32,
    /// Since the session expired, or the attempt to log in.
    pub sessions: u32,
    /// Since it was sent or given up.
    pub deliveries: u32,
    /// Since it happened, of what was read; four times as long of what was not.
    pub notifications: u32,
    /// Since it failed last, of what was decided on.
    pub dead_letters: u32,
}

/// Runs until `stop`.
pub async fn run(db: Db, settings: Settings, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = round(&db, &settings, &stop).await {
            tracing::warn!(%error, "cleaning up waits for the database");
        }
        tokio::select! {
            () = sleep(POLL.min(settings.every)) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Does what is due and what nobody else has taken up. How many rows that removed.
pub async fn round(
    db: &Db,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<u64, sqlx::Error> {
    let mut removed = 0;
    for job in JOBS {
        let days = (job.days)(&settings.ages);
        if days == 0 || stop.is_cancelled() || !take_up(db, job.name, settings.every).await? {
            continue;
        }
        let (swept, error) = sweep(db, job, days, stop).await;
        removed += swept;
        if swept > 0 {
            tracing::info!(job = job.name, rows = swept, "cleaned up");
        }
        if let Some(error) = &error {
            tracing::warn!(job = job.name, %error, "could not clean up");
        }
        tell(db, job.name, swept, error).await?;
    }
    Ok(removed)
}

/// Whether the job is due; then it is ours, and due again after `every` even if we end before it.
async fn take_up(db: &Db, name: &'static str, every: Duration) -> Result<bool, sqlx::Error> {
    let due: Option<i64> = sqlx::query_scalar("select due_at from cleanup_jobs where name = $1")
        .bind(name)
        .fetch_optional(db.pool())
        .await?;
    if due.is_some_and(|due| due > to_micros(now())) {
        return Ok(false);
    }
    db.write(move |tx| {
        Box::pin(async move {
            let taken: Option<String> = sqlx::query_scalar(
                "insert into cleanup_jobs (name, due_at) values ($1, $2) \
                 on conflict (name) do update set due_at = excluded.due_at \
                 where cleanup_jobs.due_at <= $3 returning name",
            )
            .bind(name)
            .bind(to_micros(now() + every))
            .bind(to_micros(now()))
            .fetch_optional(&mut **tx)
            .await?;
            Ok(taken.is_some())
        })
    })
    .await
}

/// Batch after batch until nothing is left; how many rows, and what ended it too early.
async fn sweep(
    db: &Db,
    job: &'static Job,
    days: u32,
    stop: &CancellationToken,
) -> (u64, Option<sqlx::Error>) {
    let before = now() - TimeDelta::days(days.into());
    let mut removed = 0;
    while !stop.is_cancelled() {
        let batch = db.write(move |tx| (job.sweep)(tx, before)).await;
        match batch {
            Ok(0) => break,
            Ok(rows) => removed += rows,
            Err(error) => return (removed, Some(error)),
        }
        sleep(PAUSE).await;
    }
    (removed, None)
}

/// Says how it went, for the System page and /metrics.
async fn tell(
    db: &Db,
    name: &'static str,
    removed: u64,
    error: Option<sqlx::Error>,
) -> Result<(), sqlx::Error> {
    let failed = i64::from(error.is_some());
    let error = error.map(|error| app::system::commands::shorten(&error.to_string()));
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(
                "update cleanup_jobs set ran_at = $2, removed = removed + $3, \
                 failed = failed + $4, error = $5 where name = $1",
            )
            .bind(name)
            .bind(to_micros(now()))
            .bind(removed as i64)
            .bind(failed)
            .bind(error.unwrap_or_default())
            .execute(&mut **tx)
            .await?;
            Ok(())
        })
    })
    .await
}
