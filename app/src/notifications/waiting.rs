//! What waits to be sent, when its person changes when they are to be left alone.

use super::{Person, Way, queries, quiet};
use crate::db::{Tx, now, to_micros};
use crate::id::UserId;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

/// What waits in a queue because it was quiet waits by the wishes that hold now, and so does the letter
/// of the day. In the transaction that changes them.
pub async fn follow(tx: &mut Tx, user_id: &UserId) -> Result<(), sqlx::Error> {
    let Some(person) = queries::person(tx, user_id).await? else {
        return Ok(());
    };
    messages(tx, &person).await?;
    // What is due already is being gathered.
    sqlx::query(
        "update digest_items set due_at = $2 where user_id = $1 and sent = 0 and due_at > $3",
    )
    .bind(&user_id.0)
    .bind(to_micros(quiet::morning(now(), person.settings.zone)))
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Of a code or a test no event tells: its person has just asked for it, whatever the hour. What was tried
/// is tried again no sooner and no later, but by the wishes that hold then.
async fn messages(tx: &mut Tx, person: &Person) -> Result<(), sqlx::Error> {
    let (at, quiet) = (now(), person.settings.quiet());
    let ways = [Way::Email, Way::Sms, Way::Push].map(|way| format!("'{}'", way.as_str()));
    // In the order in which whoever sends locks them.
    let sql = format!(
        "select delivery_id, payload, due_at, tries from deliveries d where user_id = $1 \
         and channel in ({}) and status = 'queued' \
         and exists (select 1 from events e where e.event_id = d.event_id) \
         order by channel, lane, due_at, delivery_id{}",
        ways.join(", "),
        tx.for_update()
    );
    let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&person.user_id.0)
        .fetch_all(&mut **tx)
        .await?;
    for (id, payload, due_at, tries) in rows {
        let Ok(mut payload) = serde_json::from_str::<Value>(&payload) else {
            continue;
        };
        payload["quiet"] = json!(quiet);
        let due_at = match quiet.as_ref().and_then(|quiet| quiet.ends(at)) {
            _ if tries > 0 => due_at,
            Some(end) => to_micros(end),
            None => due_at.min(to_micros(at)),
        };
        sqlx::query("update deliveries set payload = $2, due_at = $3 where delivery_id = $1")
            .bind(id)
            .bind(payload.to_string())
            .bind(due_at)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
