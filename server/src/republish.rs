//! `todo republish`: sends history to the transport again, after the broker was lost.
//!
//! Nothing but the marks is changed: the relay publishes what is not marked as published, in order,
//! and consumers drop what they have applied.

use anyhow::Context;
use app::db::{Db, to_micros};
use app::event::Timestamp;
use clap::Args;

#[derive(Clone, Debug, Args)]
pub struct Republish {
    /// From when on, such as 2026-02-08T10:30:00Z, or from which position of the event store on,
    /// such as 1 for everything
    #[arg(long)]
    pub from: String,
}

/// Marks so much as unpublished that the relay takes a moment for it, not the database.
const CHUNK: i64 = 5_000;

/// How many events, and how many dead letters of that time, the relay will publish again.
pub async fn run(db: &Db, options: &Republish) -> anyhow::Result<(u64, u64)> {
    let from = position(db, &options.from).await?;
    let last: Option<i64> = sqlx::query_scalar("select max(position) from events")
        .fetch_one(db.pool())
        .await?;
    let (mut next, last) = (from, last.unwrap_or(0));
    let mut count = 0;
    while next <= last {
        let end = next.saturating_add(CHUNK);
        count += db
            .write::<_, sqlx::Error, _>(move |tx| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "update events set published_at = null \
                         where position >= $1 and position < $2 and published_at is not null",
                    )
                    .bind(next)
                    .bind(end)
                    .execute(&mut **tx)
                    .await?;
                    Ok(done.rows_affected())
                })
            })
            .await?;
        next = end;
    }
    Ok((count, dead_letters(db, from).await?))
}

/// The topics of dead letters are lost with the broker too: what was given up since the event before.
async fn dead_letters(db: &Db, from: i64) -> anyhow::Result<u64> {
    let before: Option<i64> = sqlx::query_scalar(
        "select occurred_at from events where position < $1 order by position desc limit 1",
    )
    .bind(from)
    .fetch_optional(db.pool())
    .await?;
    let done = db
        .write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "update dead_letters set published_at = null \
                     where last_at > $1 and published_at is not null and pruned_at is null",
                )
                .bind(before.unwrap_or(-1))
                .execute(&mut **tx)
                .await
            })
        })
        .await?;
    Ok(done.rows_affected())
}

async fn position(db: &Db, from: &str) -> anyhow::Result<i64> {
    if let Ok(position) = from.parse() {
        return Ok(position);
    }
    let at: Timestamp = from.parse().ok().with_context(|| {
        format!("--from {from:?} is neither a time such as 2026-02-08T10:30:00Z nor a position such as 1.")
    })?;
    let first: Option<i64> =
        sqlx::query_scalar("select min(position) from events where occurred_at >= $1")
            .bind(to_micros(at))
            .fetch_one(db.pool())
            .await?;
    Ok(first.unwrap_or(i64::MAX))
}
