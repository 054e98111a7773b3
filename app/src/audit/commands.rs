//! Appending, and remembering how the log was found. One function, one transaction.

use super::verify::Report;
use super::{Row, queries};
use crate::db::{Tx, now, to_micros};
use crate::event::Event;
use sqlx::AssertSqlSafe;

/// Appends the event's row, unless it has one: history told again adds nothing. From here to the
/// commit nobody else appends, so that the order of the rows is that of the commits.
pub async fn append(tx: &mut Tx, event: &Event) -> Result<bool, sqlx::Error> {
    let source = queries::source(tx, event.user_id(), event.seq).await?;
    let Some(source) = source else {
        return Ok(false);
    };
    let sql = format!(
        "select number, hash from audit_head where one = 1{}",
        tx.for_update()
    );
    let (number, hash): (i64, String) = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(&mut **tx)
        .await?;
    let row = Row::after(number, &hash, source.entry());
    let entry = &row.entry;
    sqlx::query(
        "insert into audit_log (number, prev_hash, event_id, event_type, user_id, seq, actor_id, \
         task_id, occurred_at, address, user_agent, detail, traceparent, event_hash, hash) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(row.number)
    .bind(&row.prev_hash)
    .bind(&entry.event_id)
    .bind(&entry.event_type)
    .bind(&entry.user_id)
    .bind(entry.seq)
    .bind(&entry.actor_id)
    .bind(entry.task_id)
    .bind(to_micros(entry.at))
    .bind(&entry.address)
    .bind(&entry.user_agent)
    .bind(&entry.detail)
    .bind(&entry.traceparent)
    .bind(&entry.event_hash)
    .bind(&row.hash)
    .execute(&mut **tx)
    .await?;
    sqlx::query("update audit_head set number = $1, hash = $2 where one = 1")
        .bind(row.number)
        .bind(&row.hash)
        .execute(&mut **tx)
        .await?;
    Ok(true)
}

/// Remembers for the page how the log was found.
pub async fn checked(tx: &mut Tx, report: &Report) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into audit_checks (one, checked_at, number, hash, problem) \
         values (1, $1, $2, $3, $4) on conflict (one) do update set \
         checked_at = excluded.checked_at, number = excluded.number, hash = excluded.hash, \
         problem = excluded.problem",
    )
    .bind(to_micros(now()))
    .bind(report.number)
    .bind(&report.hash)
    .bind(report.problem.as_deref().unwrap_or_default())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
