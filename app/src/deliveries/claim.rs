//! Which rows are taken up to be sent, and by whom.

use super::Delivery;
use crate::db::{Tx, now, to_micros};
use crate::event::Timestamp;
use crate::id::{EventId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;
use uuid::Uuid;

/// How a channel's rows are taken up.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub channel: &'static str,
    /// How many of a lane at the same time, over all processes.
    pub at_once: i64,
    /// A target's one after the other, in the order of their events. The lane is the target.
    pub ordered: bool,
}

/// Lanes looked at in one transaction.
const LANES: i64 = 50;

/// Takes up what is due, at most `limit`: nobody else does until `lease` is over. A lane whose
/// breaker has opened gives nothing until its pause is over, then one to try it with.
pub async fn claim(
    tx: &mut Tx,
    manners: &[Manner],
    threshold: i64,
    limit: i64,
    lease: Duration,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let at = now();
    let mut claimed = Vec::new();
    for manner in manners {
        let lanes = lanes(tx, manner, at).await?;
        for (lane, failures) in lanes {
            let room = limit - claimed.len() as i64;
            if room <= 0 {
                return Ok(claimed);
            }
            let at_once = if failures >= threshold {
                1
            } else {
                manner.at_once
            };
            let busy: i64 = sqlx::query_scalar(
                "select count(*) from deliveries where channel = $1 and lane = $2 \
                 and status = 'queued' and lease_until > $3",
            )
            .bind(manner.channel)
            .bind(&lane)
            .bind(to_micros(at))
            .fetch_one(&mut **tx)
            .await?;
            let most = (at_once - busy).min(room);
            for id in due(tx, manner, &lane, at, most).await? {
                claimed.push(take(tx, id, at, lease).await?);
            }
            sqlx::query(
                "update delivery_lanes set served_at = $3 where channel = $1 and lane = $2",
            )
            .bind(manner.channel)
            .bind(&lane)
            .bind(to_micros(at))
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(claimed)
}

/// Those that have something due and may be tried, locked, with their failures; least lately served
/// first, so that none is forgotten. One that another process looks at is its business.
async fn lanes(
    tx: &mut Tx,
    manner: &Manner,
    at: Timestamp,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let sql = format!(
        "select lane, failures from delivery_lanes l where channel = $1 and open_until <= $2 \
         and {} order by served_at limit {LANES}{}",
        has_due(manner.ordered),
        tx.for_update_skip_locked()
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(manner.channel)
        .bind(to_micros(at))
        .fetch_all(&mut **tx)
        .await
}

/// Of a lane `l` of the channel $1: something may be taken up at $2. Where order is kept that is the first
/// of what waits or nothing, so no more is looked at, however much waits behind it.
pub(super) fn has_due(ordered: bool) -> &'static str {
    match ordered {
        true => {
            "exists (select 1 from (select due_at, lease_until from deliveries \
             where channel = l.channel and target = l.lane and status = 'queued' \
             order by seq, delivery_id limit 1) d where d.due_at <= $2 and d.lease_until <= $2)"
        }
        false => {
            "exists (select 1 from deliveries d where d.channel = l.channel and d.lane = l.lane \
             and d.status = 'queued' and d.due_at <= $2 and d.lease_until <= $2)"
        }
    }
}

async fn due(
    tx: &mut Tx,
    manner: &Manner,
    lane: &str,
    at: Timestamp,
    most: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    if most <= 0 {
        return Ok(Vec::new());
    }
    let sql = match manner.ordered {
        true => {
            "select delivery_id from (select delivery_id, due_at, lease_until from deliveries \
             where channel = $1 and target = $2 and status = 'queued' \
             order by seq, delivery_id limit 1) d where due_at <= $3 and lease_until <= $3 limit $4"
        }
        false => {
            "select delivery_id from deliveries where channel = $1 and lane = $2 \
             and status = 'queued' and due_at <= $3 and lease_until <= $3 \
             order by due_at, delivery_id limit $4"
        }
    };
    sqlx::query_scalar(sql)
        .bind(manner.channel)
        .bind(lane)
        .bind(to_micros(at))
        .bind(most)
        .fetch_all(&mut **tx)
        .await
}

/// An attempt begins. One before it that nobody has told the end of was lost with its process.
async fn take(
    tx: &mut Tx,
    id: i64,
    at: Timestamp,
    lease: Duration,
) -> Result<Delivery, sqlx::Error> {
    let row = sqlx::query(
        "update deliveries set lease_until = $2, attempts = attempts + 1, tries = tries + 1 \
         where delivery_id = $1 returning delivery_id, message_id, event_id, channel, target, \
         lane, user_id, payload, traceparent, attempts, tries",
    )
    .bind(id)
    .bind(to_micros(at + lease))
    .fetch_one(&mut **tx)
    .await?;
    let delivery = read(&row)?;
    sqlx::query(
        "update delivery_attempts set outcome = 'lost' \
         where delivery_id = $1 and outcome = 'sending'",
    )
    .bind(id)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "insert into delivery_attempts (delivery_id, attempt, began_at, outcome) \
         values ($1, $2, $3, 'sending')",
    )
    .bind(id)
    .bind(delivery.attempt)
    .bind(to_micros(at))
    .execute(&mut **tx)
    .await?;
    Ok(delivery)
}

fn read(row: &AnyRow) -> Result<Delivery, sqlx::Error> {
    let bad = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    Ok(Delivery {
        id: row.try_get("delivery_id")?,
        message_id: row.try_get("message_id")?,
        event_id: EventId(
            Uuid::parse_str(row.try_get("event_id")?).map_err(|error| bad(error.into()))?,
        ),
        channel: row.try_get("channel")?,
        target: row.try_get("target")?,
        lane: row.try_get("lane")?,
        user_id: UserId(row.try_get("user_id")?),
        payload: serde_json::from_str(row.try_get("payload")?)
            .map_err(|error| bad(error.into()))?,
        traceparent: row.try_get("traceparent")?,
        attempt: row.try_get("attempts")?,
        tries: row.try_get("tries")?,
    })
}
