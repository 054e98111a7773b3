//! SQL to tasks.

use super::Task;
use crate::db::from_micros;
use crate::id::{TaskId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow, Row};

impl FromRow<'_, AnyRow> for Task {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Task {
            task_id: TaskId(row.try_get("task_id")?),
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            created_at: from_micros(row.try_get("created_at")?),
            updated_at: from_micros(row.try_get("updated_at")?),
            completed_at: row
                .try_get::<Option<i64>, _>("completed_at")?
                .map(from_micros),
        })
    }
}

/// All tasks of a person, oldest first.
pub async fn all(conn: &mut AnyConnection, user_id: &UserId) -> Result<Vec<Task>, sqlx::Error> {
    sqlx::query_as(
        "select task_id, title, description, created_at, updated_at, completed_at \
         from tasks where user_id = $1 order by task_id",
    )
    .bind(&user_id.0)
    .fetch_all(conn)
    .await
}

/// One task, if it exists and is theirs.
pub async fn one(
    conn: &mut AnyConnection,
    user_id: &UserId,
    task_id: TaskId,
) -> Result<Option<Task>, sqlx::Error> {
    sqlx::query_as(
        "select task_id, title, description, created_at, updated_at, completed_at \
         from tasks where task_id = $1 and user_id = $2",
    )
    .bind(task_id.0)
    .bind(&user_id.0)
    .fetch_optional(conn)
    .await
}

/// Those of `task_ids` that exist and are theirs, in any order.
pub async fn some(
    conn: &mut AnyConnection,
    user_id: &UserId,
    task_ids: &[TaskId],
) -> Result<Vec<Task>, sqlx::Error> {
    if task_ids.is_empty() {
        return Ok(Vec::new());
    }
    // Numbers, so safe inside of SQL.
    let task_ids: Vec<String> = task_ids.iter().map(TaskId::to_string).collect();
    let sql = format!(
        "select task_id, title, description, created_at, updated_at, completed_at \
         from tasks where user_id = $1 and task_id in ({})",
        task_ids.join(", ")
    );
    sqlx::query_as(AssertSqlSafe(sql))
        // Never the same text twice: not worth a place among the prepared statements.
        .persistent(false)
        .bind(&user_id.0)
        .fetch_all(conn)
        .await
}
