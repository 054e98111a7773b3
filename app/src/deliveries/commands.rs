//! Queueing, and saying how it went; `claim.rs` takes up. One function, one transaction.

use super::{Delivery, New, Verdict, message_id};
use crate::db::{Tx, now, to_micros};
use crate::error::{Error, Kind};
use crate::event::{DeliveryRedelivered, EventData, EventType, Timestamp};
use crate::id::UserId;
use crate::outbox::{self, Cause};
use crate::system::commands::{STREAM, lock_any_stream, shorten};
use std::sync::OnceLock;
use std::time::Duration;

/// Is told of every row that is queued, by channel: once a process, as a logger is.
static QUEUED: OnceLock<fn(&str)> = OnceLock::new();

/// Has `queued` told the channel of each row that is queued.
pub fn on_queued(queued: fn(&str)) {
    // A second server in the same process counts into the same place.
    let _ = QUEUED.set(queued);
}

/// Queues one row: the only way anything leaves. `false`: this event was queued for this channel and
/// target before, whatever has become of that; so a replay sends nothing again.
pub async fn queue(tx: &mut Tx, new: &New) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into deliveries (message_id, event_id, channel, target, lane, user_id, payload, \
         traceparent, queued_at, due_at, seq) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
    )
    .bind(message_id(new.event_id, new.channel, &new.target))
    .bind(new.event_id.to_string())
    .bind(new.channel)
    .bind(&new.target)
    .bind(&new.lane)
    .bind(&new.user_id.0)
    .bind(new.payload.to_string())
    .bind(&new.traceparent)
    .bind(to_micros(now()))
    .bind(to_micros(new.due_at))
    .bind(new.seq.0)
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    make_lane(tx, new).await?;
    if let Some(queued) = QUEUED.get() {
        queued(new.channel);
    }
    Ok(true)
}

/// After the row, so that whoever removes unused lanes waits for it.
async fn make_lane(tx: &mut Tx, new: &New) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into delivery_lanes (channel, lane) values ($1, $2) \
         on conflict (channel, lane) do nothing",
    )
    .bind(new.channel)
    .bind(&new.lane)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Queues it, and if it was queued before, once more, with what it holds: for who asks for history
/// again. What waits to be sent anyway goes on waiting.
pub async fn queue_again(tx: &mut Tx, new: &New) -> Result<(), sqlx::Error> {
    if queue(tx, new).await? {
        return Ok(());
    }
    sqlx::query(
        "update deliveries set status = 'queued', due_at = $2, tries = 0, ended_at = null, \
         target = $3, lane = $4, payload = $5, traceparent = $6, seq = $7, pruned_at = null \
         where message_id = $1 and status <> 'queued'",
    )
    .bind(message_id(new.event_id, new.channel, &new.target))
    .bind(to_micros(new.due_at))
    .bind(&new.target)
    .bind(&new.lane)
    .bind(new.payload.to_string())
    .bind(&new.traceparent)
    .bind(new.seq.0)
    .execute(&mut **tx)
    .await?;
    make_lane(tx, new).await
}

/// What an attempt came to.
#[derive(Clone, Debug)]
pub struct Ended {
    pub took: Duration,
    /// "sent", "passing", "permanent" or "gone".
    pub outcome: &'static str,
    pub status: Option<i64>,
    /// What was answered, or what went wrong; its first 4 KiB are kept.
    pub answer: String,
    /// What was asked, if the channel says so; kept as much of.
    pub request: String,
}

/// Says how an attempt went. Whoever comes late, because their lease was over and another took it
/// up, may still say that it was sent; a failure of theirs counts no more.
pub async fn mark(
    tx: &mut Tx,
    delivery: &Delivery,
    ended: &Ended,
    verdict: &Verdict,
    open: impl Fn(i64) -> Option<Timestamp> + Send,
) -> Result<(), sqlx::Error> {
    let at = to_micros(now());
    if let Verdict::NotYet { due_at } = verdict {
        return put_back(tx, delivery, *due_at).await;
    }
    sqlx::query(
        "update delivery_attempts set took = $3, outcome = $4, status = $5, answer = $6, \
         request = $7 where delivery_id = $1 and attempt = $2",
    )
    .bind(delivery.id)
    .bind(delivery.attempt)
    .bind(ended.took.as_micros() as i64)
    .bind(ended.outcome)
    .bind(ended.status)
    .bind(shorten(&ended.answer))
    .bind(shorten(&ended.request))
    .execute(&mut **tx)
    .await?;
    let (status, due_at, anybody) = match verdict {
        Verdict::Sent => ("sent", at, true),
        Verdict::Gone => ("gone", at, true),
        Verdict::Failed { .. } | Verdict::Permanent => ("failed", at, false),
        Verdict::Later { due_at, .. } => ("queued", to_micros(*due_at), false),
        Verdict::NotYet { .. } => return Ok(()),
    };
    sqlx::query(
        "update deliveries set status = $3, due_at = $4, lease_until = 0, \
         ended_at = case when $3 = 'queued' then null else $5 end \
         where delivery_id = $1 and status = 'queued' and (attempts = $2 or $6 = 1)",
    )
    .bind(delivery.id)
    .bind(delivery.attempt)
    .bind(status)
    .bind(due_at)
    .bind(at)
    .bind(i64::from(anybody))
    .execute(&mut **tx)
    .await?;
    if let Verdict::Gone = verdict {
        give_up_target(tx, &delivery.channel, &delivery.target).await?;
    }
    let blamed = match verdict {
        Verdict::Later { blames_lane, .. } | Verdict::Failed { blames_lane } => *blames_lane,
        _ => false,
    };
    blame(tx, delivery, blamed, open).await
}

/// It was not tried after all.
async fn put_back(tx: &mut Tx, delivery: &Delivery, due_at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("delete from delivery_attempts where delivery_id = $1 and attempt = $2")
        .bind(delivery.id)
        .bind(delivery.attempt)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "update deliveries set due_at = $3, lease_until = 0, attempts = attempts - 1, \
         tries = tries - 1 where delivery_id = $1 and attempts = $2 and status = 'queued'",
    )
    .bind(delivery.id)
    .bind(delivery.attempt)
    .bind(to_micros(due_at))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The lane's breaker: a failure counts, whatever else came to an end shows that it is well.
/// `open` says until when it stays open after so many failures in a row.
async fn blame(
    tx: &mut Tx,
    delivery: &Delivery,
    blamed: bool,
    open: impl Fn(i64) -> Option<Timestamp> + Send,
) -> Result<(), sqlx::Error> {
    let failures: Option<i64> = sqlx::query_scalar(
        "update delivery_lanes set failures = case when $3 = 1 then failures + 1 else 0 end, \
         open_until = 0 where channel = $1 and lane = $2 and ($3 = 1 or failures > 0) \
         returning failures",
    )
    .bind(&delivery.channel)
    .bind(&delivery.lane)
    .bind(i64::from(blamed))
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(until) = failures.and_then(open) {
        sqlx::query("update delivery_lanes set open_until = $3 where channel = $1 and lane = $2")
            .bind(&delivery.channel)
            .bind(&delivery.lane)
            .bind(to_micros(until))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Nothing of what waits for this target is sent any more.
pub async fn give_up_target(tx: &mut Tx, channel: &str, target: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deliveries set status = 'gone', ended_at = $3 \
         where channel = $1 and target = $2 and status = 'queued'",
    )
    .bind(channel)
    .bind(target)
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Nothing of what waits for this person on this channel is sent any more.
pub async fn give_up_person(
    tx: &mut Tx,
    channel: &str,
    user_id: &UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deliveries set status = 'gone', ended_at = $3 \
         where channel = $1 and user_id = $2 and status = 'queued'",
    )
    .bind(channel)
    .bind(&user_id.0)
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The same, but only of what is about events of this type. A letter of the day is about more than the
/// event it is named after, and stays.
pub async fn give_up_kind(
    tx: &mut Tx,
    channel: &str,
    user_id: &UserId,
    event_type: EventType,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deliveries set status = 'gone', ended_at = $4 \
         where channel = $1 and user_id = $2 and status = 'queued' and event_id in \
         (select event_id from events where user_id = $2 and event_type = $3) \
         and event_id not in (select event_id from digest_items where user_id = $2)",
    )
    .bind(channel)
    .bind(&user_id.0)
    .bind(event_type.as_str())
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Sends it once more, under the same id, whatever has become of it; its lane is tried at once.
/// Errors: `NotFound`, also of what is so old that only its number was kept; `Conflict` while it
/// waits to be sent anyway and was not tried yet.
pub async fn redeliver(tx: &mut Tx, cause: &Cause, id: i64) -> Result<(), Error> {
    let row: Option<(String, String, String, String, i64)> = sqlx::query_as(
        "select user_id, channel, lane, status, tries from deliveries \
         where delivery_id = $1 and pruned_at is null",
    )
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    let Some((user_id, channel, lane, status, tries)) = row else {
        return Err(Error::new(
            Kind::NotFound,
            format!("There is no delivery {id}."),
        ));
    };
    if status == "queued" && tries == 0 {
        return Err(Error::new(
            Kind::Conflict,
            format!("Delivery {id} is about to be sent."),
        ));
    }
    let stream = match user_id == cause.actor_id.0 {
        true => user_id,
        false => STREAM.into(),
    };
    let stream = UserId(stream);
    lock_any_stream(tx, &stream).await?;
    // One that is under way goes on; it is due again when its lease is over.
    sqlx::query(
        "update deliveries set status = 'queued', due_at = $2, tries = 0, ended_at = null \
         where delivery_id = $1 and pruned_at is null",
    )
    .bind(id)
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "insert into delivery_lanes (channel, lane) values ($1, $2) \
         on conflict (channel, lane) do update set open_until = 0",
    )
    .bind(&channel)
    .bind(lane)
    .execute(&mut **tx)
    .await?;
    let data = DeliveryRedelivered {
        user_id: stream,
        delivery_id: id,
        channel,
        redelivered_at: now(),
    };
    outbox::append(tx, cause, EventData::DeliveryRedelivered(data)).await?;
    Ok(())
}

/// Whoever was sending is gone: an SQLite file has one process, and it has just started.
pub async fn end_leases(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deliveries set lease_until = 0 where status = 'queued' and lease_until > 0",
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
