//! SQL to what was deleted.

use super::Trashed;
use crate::db::from_micros;
use crate::event::Timestamp;
use crate::id::{Seq, TaskId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row};

impl FromRow<'_, AnyRow> for Trashed {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Trashed {
            task: FromRow::from_row(row)?,
            deleted_at: from_micros(row.try_get("deleted_at")?),
            seq: Seq(row.try_get("seq")?),
        })
    }
}

/// What a person has deleted, the last first, only what was deleted before event `before`, at most
/// `limit`.
pub async fn page(
    conn: &mut AnyConnection,
    user_id: &UserId,
    before: Seq,
    limit: i64,
) -> Result<Vec<Trashed>, sqlx::Error> {
    sqlx::query_as(
        "select task_id, title, description, created_at, updated_at, completed_at, deleted_at, seq \
         from trash where user_id = $1 and seq < $2 order by seq desc limit $3",
    )
    .bind(&user_id.0)
    .bind(before.0)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// How many there are.
pub async fn count(conn: &mut AnyConnection, user_id: &UserId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from trash where user_id = $1")
        .bind(&user_id.0)
        .fetch_one(conn)
        .await
}

/// A person's, by number, at most `limit`.
pub async fn some(
    conn: &mut AnyConnection,
    user_id: &UserId,
    limit: i64,
) -> Result<Vec<TaskId>, sqlx::Error> {
    let ids: Vec<i64> =
        sqlx::query_scalar("select task_id from trash where user_id = $1 order by seq limit $2")
            .bind(&user_id.0)
            .bind(limit)
            .fetch_all(conn)
            .await?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// Who has something there that was deleted before `before`, if anybody.
pub async fn due(
    conn: &mut AnyConnection,
    before: Timestamp,
) -> Result<Option<UserId>, sqlx::Error> {
    let due: Option<String> = sqlx::query_scalar(
        "select user_id from trash where deleted_at < $1 order by deleted_at limit 1",
    )
    .bind(crate::db::to_micros(before))
    .fetch_optional(conn)
    .await?;
    Ok(due.map(UserId))
}

/// The last event of a person's before there was a trash.
pub async fn start(conn: &mut AnyConnection, user_id: &UserId) -> Result<Seq, sqlx::Error> {
    let seq: i64 = sqlx::query_scalar(
        "select coalesce(max(seq), 0) from events where user_id = $1 \
         and position <= (select max(position) from trash_start)",
    )
    .bind(&user_id.0)
    .fetch_one(conn)
    .await?;
    Ok(Seq(seq))
}
