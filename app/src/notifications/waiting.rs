//! What waits to be sent, when its person changes when they are to be left alone.

use super::quiet::{self, Quiet};
use super::{Person, Way, queries};
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

/// Those that were never tried: the others wait for another reason. One without quiet hours was asked
/// for by its person, as a code is, or is due at once.
async fn messages(tx: &mut Tx, person: &Person) -> Result<(), sqlx::Error> {
    let quiet = person.settings.quiet();
    let ways = [Way::Email, Way::Sms, Way::Push].map(|way| format!("'{}'", way.as_str()));
    let sql = format!(
        "select delivery_id, payload from deliveries where user_id = $1 and channel in ({}) \
         and status = 'queued' and tries = 0 and lease_until <= $2 order by delivery_id{}",
        ways.join(", "),
        tx.for_update()
    );
    let rows: Vec<(i64, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&person.user_id.0)
        .bind(to_micros(now()))
        .fetch_all(&mut **tx)
        .await?;
    for (id, payload) in rows {
        let Some(payload) = with_quiet(&payload, quiet.as_ref()) else {
            continue;
        };
        sqlx::query("update deliveries set payload = $2, due_at = $3 where delivery_id = $1")
            .bind(id)
            .bind(payload)
            .bind(to_micros(super::commands::when(person)))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// The message with other quiet hours. `None`: it has none, or the same.
fn with_quiet(payload: &str, quiet: Option<&Quiet>) -> Option<String> {
    let mut payload: Value = serde_json::from_str(payload).ok()?;
    let (had, has) = (payload.get_mut("quiet")?, json!(quiet));
    if had.is_null() || *had == has {
        return None;
    }
    *had = has;
    Some(payload.to_string())
}
