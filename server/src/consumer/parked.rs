//! Whose events wait, because one could not be applied: a row for each consumer and person.
//!
//! While it is there, the person's later events wait in the event store, in order; everybody else's
//! go on. Any process may take up what is due, and claims it first.

use app::db::{Tx, from_micros, now, to_micros};
use app::event::Timestamp;
use app::id::{Seq, UserId};
use sqlx::AnyPool;
use std::time::Duration;

/// Who takes up what is due has so long to say how it went; then somebody else tries.
const CLAIM: Duration = Duration::from_secs(10);

/// Taken up.
#[derive(Debug)]
pub struct Claimed {
    pub user_id: UserId,
    /// How often the event has failed.
    pub attempts: u32,
}

pub async fn is_parked(tx: &mut Tx, consumer: &str, user_id: &UserId) -> Result<bool, sqlx::Error> {
    let row: Option<i64> =
        sqlx::query_scalar("select seq from parked where consumer = $1 and user_id = $2")
            .bind(consumer)
            .bind(&user_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(row.is_some())
}

/// How it stands with the event that a person waits for.
#[derive(Clone, Debug)]
pub struct Standing {
    pub seq: Seq,
    /// How often it has failed.
    pub attempts: u32,
    /// `None`: after an upgrade.
    pub next_at: Option<Timestamp>,
    pub error: String,
    /// Where the transport had it: partition and offset.
    pub place: Option<(i64, i64)>,
}

/// Parks the person, or says how the last attempt went.
pub async fn park(
    tx: &mut Tx,
    consumer: &str,
    user_id: &UserId,
    standing: &Standing,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into parked (consumer, user_id, seq, attempts, first_at, last_at, next_at, error, \
         partition, place) values ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9) \
         on conflict (consumer, user_id) do update set \
         first_at = case when parked.seq = excluded.seq and parked.attempts > 0 \
                    then parked.first_at else excluded.first_at end, \
         partition = case when parked.seq = excluded.seq \
                     then coalesce(excluded.partition, parked.partition) \
                     else excluded.partition end, \
         place = case when parked.seq = excluded.seq \
                 then coalesce(excluded.place, parked.place) else excluded.place end, \
         seq = excluded.seq, attempts = excluded.attempts, last_at = excluded.last_at, \
         next_at = excluded.next_at, error = excluded.error",
    )
    .bind(consumer)
    .bind(&user_id.0)
    .bind(standing.seq.0)
    .bind(i64::from(standing.attempts))
    .bind(to_micros(now()))
    .bind(standing.next_at.map(to_micros))
    .bind(&standing.error)
    .bind(standing.place.map(|(partition, _)| partition))
    .bind(standing.place.map(|(_, offset)| offset))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Goes on behind what was applied or given up: `next` has not failed yet. `claimed`: by us, else
/// whoever is first takes it up.
pub async fn go_on(
    tx: &mut Tx,
    consumer: &str,
    user_id: &UserId,
    next: Seq,
    claimed: bool,
) -> Result<(), sqlx::Error> {
    let standing = Standing {
        seq: next,
        attempts: 0,
        next_at: Some(if claimed { now() + CLAIM } else { now() }),
        error: String::new(),
        place: None,
    };
    park(tx, consumer, user_id, &standing).await
}

/// When the event first failed, and its place, if it has failed before.
pub async fn before(
    tx: &mut Tx,
    consumer: &str,
    user_id: &UserId,
    seq: Seq,
) -> Result<Option<(Timestamp, Option<(i64, i64)>)>, sqlx::Error> {
    let row: Option<(i64, Option<i64>, Option<i64>)> = sqlx::query_as(
        "select first_at, partition, place from parked \
         where consumer = $1 and user_id = $2 and seq = $3 and attempts > 0",
    )
    .bind(consumer)
    .bind(&user_id.0)
    .bind(seq.0)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(first_at, partition, offset)| (from_micros(first_at), partition.zip(offset))))
}

/// The person has caught up.
pub async fn release(tx: &mut Tx, consumer: &str, user_id: &UserId) -> Result<(), sqlx::Error> {
    sqlx::query("delete from parked where consumer = $1 and user_id = $2")
        .bind(consumer)
        .bind(&user_id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes up those that are due, at most 200.
pub async fn claim(tx: &mut Tx, consumer: &str) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "update parked set next_at = $3 where consumer = $1 and next_at <= $2 and user_id in \
         (select user_id from parked where consumer = $1 and next_at <= $2 \
          order by next_at limit 200) returning user_id, attempts",
    )
    .bind(consumer)
    .bind(to_micros(now()))
    .bind(to_micros(now() + CLAIM))
    .fetch_all(&mut **tx)
    .await?;
    let claimed = rows.into_iter().map(|(user_id, attempts)| Claimed {
        user_id: UserId(user_id),
        attempts: attempts as u32,
    });
    Ok(claimed.collect())
}

/// When somebody is due next, microseconds since 1970.
pub async fn next_due(pool: &AnyPool, consumer: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select min(next_at) from parked where consumer = $1")
        .bind(consumer)
        .fetch_one(pool)
        .await
}

/// Who waits for an upgrade is tried once at each start: this may be the upgrade.
pub async fn wake_after_upgrade(tx: &mut Tx, consumer: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update parked set next_at = $2 where consumer = $1 and next_at is null")
        .bind(consumer)
        .bind(to_micros(now()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
