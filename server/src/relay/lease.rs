//! The right to relay: one process has it at a time, and only that one marks what is published.

use super::pause;
use crate::transport::Place;
use app::db::{Db, Tx, now, to_micros};
use sqlx::AssertSqlSafe;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A holder that is not heard of for so long has lost the lease.
const LEASE: Duration = Duration::from_secs(5);
const RENEW: Duration = Duration::from_millis(1500);

/// The right to relay, and the fencing number that proves it.
pub struct Lease {
    pub db: Db,
    pub fence: i64,
}

impl Lease {
    /// Waits until it is this process' turn. `None`: asked to stop before.
    pub async fn wait(
        db: &Db,
        holder: &str,
        take_over: bool,
        stop: &CancellationToken,
    ) -> Option<Lease> {
        let mut failing = false;
        while !stop.is_cancelled() {
            match Self::acquire(db, holder, take_over).await {
                Ok(Some(fence)) => {
                    return Some(Lease {
                        db: db.clone(),
                        fence,
                    });
                }
                Ok(None) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "the relay's lease cannot be read just now");
                    }
                    failing = true;
                }
            }
            pause(stop).await;
        }
        None
    }

    /// The new fencing number, unless another process holds the lease and is not to be taken over
    /// from. By the clock of this machine: one that goes wrong moves the lease about, but two can
    /// never mark.
    async fn acquire(db: &Db, holder: &str, take_over: bool) -> Result<Option<i64>, sqlx::Error> {
        let ended_before = move || {
            if take_over {
                i64::MAX
            } else {
                to_micros(now())
            }
        };
        let held: Option<i64> =
            sqlx::query_scalar("select expires_at from leases where name = 'relay'")
                .fetch_optional(db.pool())
                .await?;
        if held.is_some_and(|expires_at| expires_at > ended_before()) {
            return Ok(None);
        }
        let holder = holder.to_owned();
        db.write(move |tx| {
            Box::pin(async move {
                sqlx::query_scalar(
                    "insert into leases (name, holder, fence, expires_at) \
                     values ('relay', $1, 1, $2) on conflict (name) do update \
                     set holder = excluded.holder, fence = leases.fence + 1, \
                     expires_at = excluded.expires_at \
                     where leases.expires_at <= $3 returning fence",
                )
                .bind(holder)
                .bind(to_micros(now() + LEASE))
                .bind(ended_before())
                .fetch_optional(&mut **tx)
                .await
            })
        })
        .await
    }

    /// Renews the lease for as long as it is ours.
    pub async fn keep(&self) {
        loop {
            sleep(RENEW).await;
            match self.set_expiry(to_micros(now() + LEASE)).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(fence = self.fence, "the relay's lease was lost");
                    return;
                }
                Err(error) => tracing::warn!(%error, "the relay's lease was not renewed"),
            }
        }
    }

    pub async fn release(&self) {
        if let Err(error) = self.set_expiry(0).await {
            tracing::warn!(%error, "the relay's lease was not released; it ends by itself");
        }
    }

    /// Whether the lease was ours. One that was given up stays so, whatever was still under way.
    async fn set_expiry(&self, expires_at: i64) -> Result<bool, sqlx::Error> {
        let fence = self.fence;
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "update leases set expires_at = $1 \
                         where name = 'relay' and fence = $2 and expires_at > 0",
                    )
                    .bind(expires_at)
                    .bind(fence)
                    .execute(&mut **tx)
                    .await?;
                    Ok(done.rows_affected() == 1)
                })
            })
            .await
    }

    /// Marks dead letters as published, unless the lease is another's: then says `false`.
    pub async fn mark_letters(&self, ids: Vec<i64>) -> Result<bool, sqlx::Error> {
        let fence = self.fence;
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if current_fence(tx).await? != fence {
                        return Ok(false);
                    }
                    for id in ids {
                        sqlx::query(
                            "update dead_letters set published_at = $2 where dead_letter_id = $1",
                        )
                        .bind(id)
                        .bind(to_micros(now()))
                        .execute(&mut **tx)
                        .await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    /// Marks events, by their positions, as published and gives them their offsets in the log, which
    /// are their places if the transport has no others; unless the lease is another's: then says
    /// `false` and has changed nothing.
    pub async fn mark(&self, marks: Vec<(i64, Option<Place>)>) -> Result<bool, sqlx::Error> {
        if marks.is_empty() {
            return Ok(true);
        }
        let fence = self.fence;
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if current_fence(tx).await? != fence {
                        return Ok(false);
                    }
                    let last: Option<i64> =
                        sqlx::query_scalar("select max(log_offset) from events")
                            .fetch_one(&mut **tx)
                            .await?;
                    let mut rows = String::new();
                    for (log_offset, (position, place)) in (last.unwrap_or(0) + 1..).zip(&marks) {
                        let (partition, place) = place.unwrap_or((0, log_offset));
                        let comma = if rows.is_empty() { "" } else { ", " };
                        // Writing to a string does not fail.
                        let _ = write!(
                            rows,
                            "{comma}({position}, {log_offset}, {partition}, {place})"
                        );
                    }
                    sqlx::query(AssertSqlSafe(format!(
                        "update events set published_at = $1, log_offset = mark.column2, \
                         partition = mark.column3, place = mark.column4 \
                         from (values {rows}) as mark where position = mark.column1"
                    )))
                    // Never the same text twice: not worth a place among the prepared statements.
                    .persistent(false)
                    .bind(to_micros(now()))
                    .execute(&mut **tx)
                    .await?;
                    Ok(true)
                })
            })
            .await
    }
}

/// Read under lock: nobody takes the lease over before this transaction ends.
async fn current_fence(tx: &mut Tx) -> Result<i64, sqlx::Error> {
    let sql = format!(
        "select fence from leases where name = 'relay'{}",
        tx.for_update()
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut **tx)
        .await
}
