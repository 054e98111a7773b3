//! SQL to dead letters and to those who wait.

use super::{DeadLetter, Failed, Headers, Parked, Status};
use crate::db::from_micros;
use crate::event::Timestamp;
use crate::id::{Seq, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, FromRow, Row};

const COLUMNS: &str = "dead_letter_id, topic, partition, place, key, headers, value, consumer, \
                       user_id, seq, error, attempts, first_at, last_at, traceparent, status, note";

impl FromRow<'_, AnyRow> for DeadLetter {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (partition, offset): (Option<i64>, Option<i64>) =
            (row.try_get("partition")?, row.try_get("place")?);
        let consumer: Option<String> = row.try_get("consumer")?;
        let failed = match consumer {
            Some(consumer) => Some(Failed {
                consumer,
                user_id: UserId(row.try_get("user_id")?),
                seq: Seq(row.try_get("seq")?),
            }),
            None => None,
        };
        Ok(DeadLetter {
            id: row.try_get("dead_letter_id")?,
            topic: row.try_get("topic")?,
            place: partition.zip(offset),
            key: row.try_get("key")?,
            headers: read_headers(row.try_get("headers")?),
            value: row.try_get("value")?,
            failed,
            error: row.try_get("error")?,
            attempts: row.try_get("attempts")?,
            first_at: from_micros(row.try_get("first_at")?),
            last_at: from_micros(row.try_get("last_at")?),
            traceparent: row.try_get("traceparent")?,
            status: Status::parse(row.try_get("status")?).unwrap_or(Status::Open),
            note: row.try_get("note")?,
        })
    }
}

fn read_headers(json: &str) -> Headers {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).unwrap_or_default();
    let read = |(name, value): (String, String)| (name, hex::decode(value).unwrap_or_default());
    pairs.into_iter().map(read).collect()
}

/// What to show; everything there is by default.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<Status>,
    pub topic: Option<String>,
    pub consumer: Option<String>,
    /// Only those with smaller numbers, for the next page.
    pub before: Option<i64>,
}

impl Filter {
    /// As the address of the page says it.
    pub fn query(&self) -> String {
        let status = self.status.map(Status::as_str).unwrap_or_default();
        let mut query = format!("status={status}");
        for (name, value) in [("topic", &self.topic), ("consumer", &self.consumer)] {
            if let Some(value) = value {
                query += &format!("&{name}={value}");
            }
        }
        if let Some(before) = self.before {
            query += &format!("&before={before}");
        }
        query
    }
}

/// What there is to choose from.
pub struct Kinds {
    pub topics: Vec<String>,
    pub consumers: Vec<String>,
}

/// Where dead letters came from, and whose they are.
pub async fn kinds(conn: &mut AnyConnection) -> Result<Kinds, sqlx::Error> {
    let topics = sqlx::query_scalar("select distinct topic from dead_letters order by topic")
        .fetch_all(&mut *conn)
        .await?;
    let consumers = sqlx::query_scalar(
        "select distinct consumer from dead_letters where consumer is not null order by consumer",
    )
    .fetch_all(conn)
    .await?;
    Ok(Kinds { topics, consumers })
}

/// Dead letters, newest first, at most `limit`.
pub async fn dead_letters(
    conn: &mut AnyConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<DeadLetter>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from dead_letters where dead_letter_id < $1 \
         and ($2 = '' or status = $2) and ($3 = '' or topic = $3) \
         and ($4 = '' or consumer = $4) order by dead_letter_id desc limit $5"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(filter.status.map(Status::as_str).unwrap_or_default())
        .bind(filter.topic.as_deref().unwrap_or_default())
        .bind(filter.consumer.as_deref().unwrap_or_default())
        .bind(limit)
        .fetch_all(conn)
        .await
}

pub async fn dead_letter(
    conn: &mut AnyConnection,
    id: i64,
) -> Result<Option<DeadLetter>, sqlx::Error> {
    let sql = format!("select {COLUMNS} from dead_letters where dead_letter_id = $1");
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// Those that are not on their topic yet, oldest first.
pub async fn unpublished(
    conn: &mut AnyConnection,
    limit: i64,
) -> Result<Vec<DeadLetter>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from dead_letters where published_at is null \
         order by dead_letter_id limit $1"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// The numbers of those that `consumer` is to apply once more.
pub async fn redriving(conn: &mut AnyConnection, consumer: &str) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select dead_letter_id from dead_letters where consumer = $1 and status = 'redriving' \
         order by dead_letter_id limit 100",
    )
    .bind(consumer)
    .fetch_all(conn)
    .await
}

/// Whose events wait, longest first, at most `limit`.
pub async fn parked(conn: &mut AnyConnection, limit: i64) -> Result<Vec<Parked>, sqlx::Error> {
    sqlx::query_as("select * from parked order by first_at limit $1")
        .bind(limit)
        .fetch_all(conn)
        .await
}

impl FromRow<'_, AnyRow> for Parked {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let next_at: Option<i64> = row.try_get("next_at")?;
        Ok(Parked {
            consumer: row.try_get("consumer")?,
            user_id: UserId(row.try_get("user_id")?),
            seq: Seq(row.try_get("seq")?),
            attempts: row.try_get("attempts")?,
            first_at: from_micros(row.try_get("first_at")?),
            next_at: next_at.map(from_micros),
            error: row.try_get("error")?,
        })
    }
}

/// What is removed regularly when it is old, and how that went.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    pub name: String,
    /// When last.
    pub at: Timestamp,
    /// Rows and failures, since the beginning.
    pub removed: i64,
    pub failed: i64,
    /// Why the last time failed; empty if it did not.
    pub error: String,
}

/// Everything that has been cleaned up at least once.
pub async fn cleanup(pool: &AnyPool) -> Result<Vec<Swept>, sqlx::Error> {
    let rows: Vec<(String, i64, i64, i64, String)> = sqlx::query_as(
        "select name, ran_at, removed, failed, error from cleanup_jobs \
         where ran_at is not null order by name",
    )
    .fetch_all(pool)
    .await?;
    let swept = rows
        .into_iter()
        .map(|(name, at, removed, failed, error)| Swept {
            name,
            at: from_micros(at),
            removed,
            failed,
            error,
        });
    Ok(swept.collect())
}
