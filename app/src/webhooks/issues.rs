//! Which issue of Jira's a task has become, for each endpoint.

use crate::db::Tx;
use crate::event::Timestamp;
use crate::id::TaskId;
use sqlx::AnyConnection;

pub async fn issue(
    conn: &mut AnyConnection,
    endpoint_id: &str,
    task_id: TaskId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select issue_key from jira_issues where endpoint_id = $1 and task_id = $2")
        .bind(endpoint_id)
        .bind(task_id.0)
        .fetch_optional(conn)
        .await
}

/// Unless the endpoint was removed meanwhile.
pub async fn remember(
    tx: &mut Tx,
    endpoint_id: &str,
    task_id: TaskId,
    key: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into jira_issues (endpoint_id, task_id, issue_key) \
         select endpoint_id, $2, $3 from endpoints where endpoint_id = $1 \
         on conflict (endpoint_id, task_id) do update set issue_key = excluded.issue_key",
    )
    .bind(endpoint_id)
    .bind(task_id.0)
    .bind(key)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Somebody has deleted it over there.
pub async fn forget(tx: &mut Tx, endpoint_id: &str, task_id: TaskId) -> Result<(), sqlx::Error> {
    sqlx::query("delete from jira_issues where endpoint_id = $1 and task_id = $2")
        .bind(endpoint_id)
        .bind(task_id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// When the last attempt before this one began that may have done something without our hearing of it:
/// lost with its process, without an answer, with one that we could not read, or with one of whoever
/// stands before the server.
pub async fn unheard_of(
    conn: &mut AnyConnection,
    delivery_id: i64,
    attempt: i64,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let began: Option<i64> = sqlx::query_scalar(
        "select max(began_at) from delivery_attempts where delivery_id = $1 and attempt < $2 \
         and outcome <> 'sent' and (status is null or status < 300 or status >= 500)",
    )
    .bind(delivery_id)
    .bind(attempt)
    .fetch_one(conn)
    .await?;
    Ok(began.map(crate::db::from_micros))
}
