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

/// Parks the person, or says how the last attempt went; whoever comes late with an attempt that counts
/// less than what others have made meanwhile changes nothing.
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
         next_at = excluded.next_at, error = excluded.error \
         where parked.seq <> excluded.seq or parked.attempts < excluded.attempts \
         or excluded.next_at is null",
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

/// When somebody is due next, microseconds since 1970; and how many wait for an upgrade.
pub async fn next_due(pool: &AnyPool, consumer: &str) -> Result<(Option<i64>, i64), sqlx::Error> {
    sqlx::query_as("select min(next_at), count(*) - count(next_at) from parked where consumer = $1")
        .bind(consumer)
        .fetch_one(pool)
        .await
}

/// Makes those due whose upgrade has come: this process can read what they wait for.
pub async fn wake_after_upgrade(tx: &mut Tx, consumer: &str) -> Result<(), sqlx::Error> {
    let waiting: Vec<(String, String, String)> = sqlx::query_as(
        "select parked.user_id, event_type, version from parked join events \
         on events.user_id = parked.user_id and events.seq = parked.seq \
         where consumer = $1 and next_at is null",
    )
    .bind(consumer)
    .fetch_all(&mut **tx)
    .await?;
    for (user_id, event_type, version) in waiting {
        if app::version::is_known(&event_type, &version) {
            sqlx::query(
                "update parked set next_at = $3 \
                 where consumer = $1 and user_id = $2 and next_at is null",
            )
            .bind(consumer)
            .bind(user_id)
            .bind(to_micros(now()))
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::db::Db;
    use chrono::TimeDelta;

    #[tokio::test]
    async fn who_comes_late_with_an_attempt_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/todo.db", folder.path().display());
        let db = Db::connect(&url).await.unwrap();
        let later = now() + TimeDelta::hours(1);
        let attempts = [
            (7, 3, Some(later)),
            (7, 1, Some(now())),
            (7, 3, None),
            (8, 0, Some(later)),
        ];
        let mut seen = Vec::new();
        for (seq, attempts, next_at) in attempts {
            let standing = Standing {
                seq: Seq(seq),
                attempts,
                next_at,
                error: "disk full".into(),
                place: None,
            };
            let row: Result<(i64, i64, Option<i64>), sqlx::Error> = db
                .write(move |tx| {
                    Box::pin(async move {
                        park(tx, "search", &UserId("ada".into()), &standing).await?;
                        sqlx::query_as("select seq, attempts, next_at from parked")
                            .fetch_one(&mut **tx)
                            .await
                    })
                })
                .await;
            seen.push(row.unwrap());
        }
        let later = Some(to_micros(later));
        // Parked; late; for an upgrade; at the next event.
        assert_eq!(
            seen,
            [(7, 3, later), (7, 3, later), (7, 3, None), (8, 0, later)]
        );
    }
}
