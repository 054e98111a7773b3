//! What the transport handed out: whose streams go on, and what is no event of ours.

use super::applier::Due;
use crate::crash;
use crate::telemetry::metrics;
use crate::transport::{Batch, Delivered, Poison};
use app::db::{Db, now};
use app::id::UserId;
use app::system::{DeadLetter, Status, commands};
use sqlx::AssertSqlSafe;
use std::collections::{HashMap, HashSet};

/// Tells what the event store knows from what it does not.
pub async fn check(
    db: &Db,
    batch: &Batch,
) -> Result<(HashMap<UserId, Due>, Vec<DeadLetter>), sqlx::Error> {
    let known = known(db, batch).await?;
    let mut due: HashMap<UserId, Due> = HashMap::new();
    let mut poison: Vec<DeadLetter> = batch.poison.iter().map(letter).collect();
    for delivered in &batch.events {
        if let Some((event_id, record)) = &delivered.record
            && !known.contains(&(
                event_id.to_string(),
                delivered.user_id.0.clone(),
                delivered.seq.0,
            ))
        {
            poison.push(letter(&Poison {
                record: record.clone(),
                reason: "the event store does not know it: somebody else published it".into(),
            }));
            continue;
        }
        let part = due.entry(delivered.user_id.clone()).or_default();
        part.upto = part.upto.max(delivered.seq);
        part.places.insert(delivered.seq, delivered.place);
    }
    Ok((due, poison))
}

/// Which of the records' events are in the event store, as (event_id, user_id, seq).
async fn known(db: &Db, batch: &Batch) -> Result<HashSet<(String, String, i64)>, sqlx::Error> {
    let id = |delivered: &Delivered| Some(format!("'{}'", delivered.record.as_ref()?.0));
    let ids: Vec<String> = batch.events.iter().filter_map(id).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    // UUIDs, so safe inside of SQL.
    let sql = format!(
        "select event_id, user_id, seq from events where event_id in ({})",
        ids.join(", ")
    );
    let rows = sqlx::query_as(AssertSqlSafe(sql))
        // Never the same text twice: not worth a place among the prepared statements.
        .persistent(false)
        .fetch_all(db.pool())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Writes them down, each record once, whichever of its readers is first.
pub async fn bury(db: &Db, letters: &[DeadLetter]) -> Result<(), sqlx::Error> {
    if letters.is_empty() {
        return Ok(());
    }
    let mut letters = letters.to_vec();
    // All readers in the same order, so that none waits for one that waits for it.
    letters.sort_by(|a, b| (&a.topic, a.place).cmp(&(&b.topic, b.place)));
    let buried: Result<_, sqlx::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let mut buried = Vec::new();
                for letter in letters {
                    if commands::bury(tx, &letter).await? {
                        buried.push(letter);
                    }
                }
                crash::point("consumer:burying");
                Ok(buried)
            })
        })
        .await;
    for DeadLetter {
        topic,
        place,
        error,
        ..
    } in buried?
    {
        metrics::buried(&topic);
        tracing::error!(topic, ?place, error, "a record is a dead letter");
    }
    Ok(())
}

fn letter(poison: &Poison) -> DeadLetter {
    let record = poison.record.clone();
    let traceparent = record
        .headers
        .iter()
        .find(|(name, _)| name == "traceparent");
    let traceparent = traceparent
        .and_then(|(_, value)| str::from_utf8(value).ok())
        .filter(|text| text.len() <= 128 && text.is_ascii() && !text.contains('\0'));
    let at = now();
    DeadLetter {
        id: 0,
        topic: record.topic,
        place: Some(record.place),
        key: record.key,
        traceparent: traceparent.map(str::to_owned),
        headers: record.headers,
        value: record.value,
        failed: None,
        error: poison.reason.clone(),
        attempts: 1,
        first_at: at,
        last_at: at,
        status: Status::Open,
        note: String::new(),
    }
}
