//! What is removed, and when: a line of [`JOBS`] and a function for each.
//!
//! A function removes a small batch in its transaction and says how many rows that were; it is
//! called again as long as there are some. It must be able to run twice and beside itself, and must
//! leave what a replay of history needs so that nothing is sent or counted again.

use super::Ages;
use app::db::{Tx, now, to_micros};
use app::event::Timestamp;
use futures::future::BoxFuture;
use sqlx::AssertSqlSafe;

/// Rows in a transaction: nobody waits for long.
pub const BATCH: i64 = 200;

/// Something that is removed when it is old enough.
pub struct Job {
    /// As /metrics calls it.
    pub name: &'static str,
    /// After how many days; 0 is never.
    pub days: fn(&Ages) -> u32,
    pub sweep: fn(&mut Tx, Timestamp) -> Swept<'_>,
}

/// How many rows were removed or emptied.
pub type Swept<'a> = BoxFuture<'a, Result<u64, sqlx::Error>>;

/// Every job there is. A new one is a line here and a function below.
#[rustfmt::skip]
pub const JOBS: &[Job] = &[
    Job { name: "trash", days: |ages| ages.trash, sweep: |tx, before| Box::pin(trash(tx, before)) },
    Job { name: "deleted_tasks", days: |ages| ages.deleted_tasks, sweep: |tx, before| Box::pin(deleted_tasks(tx, before)) },
    Job { name: "sessions", days: |ages| ages.sessions, sweep: |tx, before| Box::pin(sessions(tx, before)) },
    Job { name: "login_attempts", days: |ages| ages.sessions, sweep: |tx, before| Box::pin(login_attempts(tx, before)) },
    Job { name: "deliveries", days: |ages| ages.deliveries, sweep: |tx, before| Box::pin(deliveries(tx, before)) },
    Job { name: "delivery_lanes", days: |ages| ages.deliveries, sweep: |tx, before| Box::pin(delivery_lanes(tx, before)) },
    Job { name: "digest_lines", days: |ages| ages.deliveries, sweep: |tx, before| Box::pin(digest_lines(tx, before)) },
    Job { name: "notifications", days: |ages| ages.notifications, sweep: |tx, before| Box::pin(notifications(tx, before)) },
    Job { name: "unread_notifications", days: |ages| ages.notifications.saturating_mul(4), sweep: |tx, before| Box::pin(unread_notifications(tx, before)) },
    Job { name: "dead_letters", days: |ages| ages.dead_letters, sweep: |tx, before| Box::pin(dead_letters(tx, before)) },
];

/// Runs one statement, with the batch's size as $1 and `before` as $2.
async fn run(tx: &mut Tx, sql: &'static str, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(sql)
        .bind(BATCH)
        .bind(to_micros(before))
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

/// Tasks that can be restored no more, each by a command, which appends its event.
async fn trash(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let purged = app::trash::commands::expire(tx, before).await;
    purged.map_err(|error| sqlx::Error::Protocol(error.detail))
}

/// What is left of tasks that were deleted: what a person was told of them, and the row that tells
/// search indexes that they are gone. How many there were, and when, stays counted.
async fn deleted_tasks(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    // Every index has to hear of a deletion before its row goes. Whoever runs follows within a
    // second, so what was there at the last round is known; who does not run compares with `pruned`.
    let settled: i64 = sqlx::query_scalar("select settled from search_clock where one = 1")
        .fetch_one(&mut **tx)
        .await?;
    let due: Vec<(i64,)> = sqlx::query_as(
        "select c.task_id from cleanup_tasks c where c.deleted_at < $2 and not exists \
         (select 1 from search_documents d where d.task_id = c.task_id \
          and (d.deleted = 0 or d.change > $3)) and not exists \
         (select 1 from trash t where t.task_id = c.task_id) order by c.deleted_at limit $1",
    )
    .bind(BATCH)
    .bind(to_micros(before))
    .bind(settled)
    .fetch_all(&mut **tx)
    .await?;
    let mut removed = 0;
    for (task_id,) in &due {
        for sql in [
            "delete from notifications where task_id = $1",
            "delete from search_documents where task_id = $1",
            "delete from cleanup_tasks where task_id = $1",
        ] {
            let done = sqlx::query(sql).bind(task_id).execute(&mut **tx).await?;
            removed += done.rows_affected();
        }
    }
    let sql = match due.is_empty() {
        true => "update search_clock set settled = change where settled <> change",
        false => "update search_clock set pruned = settled where pruned <> settled",
    };
    sqlx::query(sql).execute(&mut **tx).await?;
    Ok(removed)
}

/// Logins that have expired, with the address and the browser they were from.
async fn sessions(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let sql = "delete from sessions where session_id in \
               (select session_id from sessions where expires_at < $2 limit $1)";
    run(tx, sql, before).await
}

/// Attempts to log in that slow nobody down any more, with the address they were from.
async fn login_attempts(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let sql = "delete from login_failures where (subject, failed_at) in \
               (select subject, failed_at from login_failures where failed_at < $2 limit $1)";
    run(tx, sql, before).await
}

/// What was sent, where to, and how the attempts went. The row itself stays, with the message's id,
/// which is made of the event, the channel and the target: so a replay does not send it again.
async fn deliveries(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "select delivery_id from deliveries \
         where ended_at < $2 and ended_at is not null and pruned_at is null limit $1",
    )
    .bind(BATCH)
    .bind(to_micros(before))
    .fetch_all(&mut **tx)
    .await?;
    let mut pruned = 0;
    for id in ids {
        // Unless it was queued once more meanwhile.
        let done = sqlx::query(
            "update deliveries set payload = 'null', target = message_id, lane = '', \
             traceparent = null, pruned_at = $2 \
             where delivery_id = $1 and ended_at is not null and pruned_at is null",
        )
        .bind(id)
        .bind(to_micros(now()))
        .execute(&mut **tx)
        .await?;
        if done.rows_affected() == 1 {
            sqlx::query("delete from delivery_attempts where delivery_id = $1")
                .bind(id)
                .execute(&mut **tx)
                .await?;
            pruned += 1;
        }
    }
    Ok(pruned)
}

/// The breakers of targets that nothing was sent to for so long, and nothing waits for.
async fn delivery_lanes(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let unused = "served_at < $2 and open_until < $2 and not exists (select 1 from deliveries d \
                  where d.channel = l.channel and d.lane = l.lane and d.status = 'queued')";
    let sql = format!("select channel, lane from delivery_lanes l where {unused} limit $1");
    let lanes: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(BATCH)
        .bind(to_micros(before))
        .fetch_all(&mut **tx)
        .await?;
    if lanes.is_empty() {
        return Ok(0);
    }
    // What is being queued for one of them is not seen before its commit, and would have none.
    tx.lock_tables(&["deliveries"]).await?;
    let sql =
        format!("delete from delivery_lanes as l where channel = $1 and lane = $3 and {unused}");
    let mut removed = 0;
    for (channel, lane) in lanes {
        let done = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(channel)
            .bind(to_micros(before))
            .bind(lane)
            .execute(&mut **tx)
            .await?;
        removed += done.rows_affected();
    }
    Ok(removed)
}

/// What was said in letters of the day. That it was said stays.
async fn digest_lines(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let sql = "update digest_items set line = '', traceparent = null where event_id in \
               (select event_id from digest_items where sent = 1 and line <> '' \
                and due_at < $2 limit $1)";
    run(tx, sql, before).await
}

/// What was read in the page. By when it happened: if history is told again, what comes back is
/// read already, and goes at the next round.
async fn notifications(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let sql = "delete from notifications where notification_id in \
               (select notification_id from notifications where read_at is not null \
                and occurred_at < $2 limit $1)";
    run(tx, sql, before).await
}

/// The same of what nobody has read, four times as late.
async fn unread_notifications(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let sql = "delete from notifications where notification_id in \
               (select notification_id from notifications where read_at is null \
                and occurred_at < $2 limit $1)";
    run(tx, sql, before).await
}

/// The records of dead letters that somebody has decided on. What was decided, of which event, and
/// why it had failed stays.
async fn dead_letters(tx: &mut Tx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "select dead_letter_id from dead_letters where status in ('redriven', 'discarded') \
         and last_at < $2 and published_at is not null and pruned_at is null limit $1",
    )
    .bind(BATCH)
    .bind(to_micros(before))
    .fetch_all(&mut **tx)
    .await?;
    let mut pruned = 0;
    for id in ids {
        let done = sqlx::query(
            "update dead_letters set key = null, value = null, headers = '[]', pruned_at = $2 \
             where dead_letter_id = $1 and status in ('redriven', 'discarded') and pruned_at is null",
        )
        .bind(id)
        .bind(to_micros(now()))
        .execute(&mut **tx)
        .await?;
        pruned += done.rows_affected();
    }
    Ok(pruned)
}
