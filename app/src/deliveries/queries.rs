//! SQL to deliveries and their attempts.

use super::claim::has_due;
use super::{Attempt, Row, Status};
use crate::db::{from_micros, now, to_micros};
use crate::id::UserId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, FromRow, Row as _};
use std::time::Duration;

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Row {
            id: row.try_get("delivery_id")?,
            message_id: row.try_get("message_id")?,
            event_id: row.try_get("event_id")?,
            channel: row.try_get("channel")?,
            target: row.try_get("target")?,
            user_id: UserId(row.try_get("user_id")?),
            status: Status::parse(row.try_get("status")?).unwrap_or(Status::Queued),
            queued_at: from_micros(row.try_get("queued_at")?),
            due_at: from_micros(row.try_get("due_at")?),
            attempts: row.try_get("attempts")?,
            answer: row.try_get("answer")?,
        })
    }
}

/// What to show; everything there is by default.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<Status>,
    pub channel: Option<String>,
    pub target: Option<String>,
}

const COLUMNS: &str = "d.delivery_id, d.message_id, d.event_id, d.channel, d.target, d.user_id, \
    d.status, d.queued_at, d.due_at, d.attempts, coalesce((select a.answer from delivery_attempts a \
    where a.delivery_id = d.delivery_id and a.outcome <> 'sending' \
    order by a.attempt desc limit 1), '') as answer";

/// Deliveries, newest first, at most `limit`.
pub async fn deliveries(
    conn: &mut AnyConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from deliveries d where d.pruned_at is null and ($1 = '' or d.status = $1) \
         and ($2 = '' or d.channel = $2) and ($3 = '' or d.target = $3) \
         order by d.delivery_id desc limit $4"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(filter.status.map(Status::as_str).unwrap_or_default())
        .bind(filter.channel.as_deref().unwrap_or_default())
        .bind(filter.target.as_deref().unwrap_or_default())
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// A target's, newest first, each with its payload; only numbers below `before`, at most `limit`.
pub async fn to(
    conn: &mut AnyConnection,
    channel: &str,
    target: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<(Row, String)>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS}, d.payload from deliveries d \
         where d.channel = $1 and d.target = $2 and d.delivery_id < $3 \
         order by d.delivery_id desc limit $4"
    );
    let rows: Vec<AnyRow> = sqlx::query(AssertSqlSafe(sql))
        .bind(channel)
        .bind(target)
        .bind(before)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((Row::from_row(row)?, row.try_get("payload")?)))
        .collect()
}

pub async fn delivery(conn: &mut AnyConnection, id: i64) -> Result<Option<Row>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from deliveries d where d.delivery_id = $1 and d.pruned_at is null"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// Every attempt, oldest first.
pub async fn attempts(conn: &mut AnyConnection, id: i64) -> Result<Vec<Attempt>, sqlx::Error> {
    let rows: Vec<AnyRow> = sqlx::query(
        "select attempt, began_at, took, outcome, status, answer, request from delivery_attempts \
         where delivery_id = $1 order by attempt",
    )
    .bind(id)
    .fetch_all(conn)
    .await?;
    let attempt = |row: AnyRow| {
        let took: Option<i64> = row.try_get("took")?;
        Ok(Attempt {
            attempt: row.try_get("attempt")?,
            began_at: from_micros(row.try_get("began_at")?),
            took: took.map(|took| Duration::from_micros(took.max(0) as u64)),
            outcome: row.try_get("outcome")?,
            status: row.try_get("status")?,
            answer: row.try_get("answer")?,
            request: row.try_get("request")?,
        })
    };
    rows.into_iter().map(attempt).collect()
}

/// Whether anything of a channel may be taken up now.
pub async fn any_due(pool: &AnyPool, channel: &str, ordered: bool) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "select cast(1 as bigint) from delivery_lanes l where channel = $1 and open_until <= $2 \
         and {} limit 1",
        has_due(ordered)
    );
    let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(channel)
        .bind(to_micros(now()))
        .fetch_optional(pool)
        .await?;
    Ok(found.is_some())
}

/// How many wait, by channel.
pub async fn waiting(pool: &AnyPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select channel, count(*) from deliveries where status = 'queued' group by channel",
    )
    .fetch_all(pool)
    .await
}
