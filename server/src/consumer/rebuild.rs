//! `todo rebuild`: builds a consumer's read model anew from history, beside the one in use, and puts
//! it in its place in one transaction.
//!
//! What is built never gets further than what is in use, whose progress stays as it is: so the
//! consumer that runs meanwhile need not know. Nothing but its read model is written, so nothing is
//! sent or told again.

use super::applier::{apply_late, dead_letters};
use super::stream::{Stream, handle};
use super::{Consumer, HandleError};
use anyhow::{bail, ensure};
use app::db::{Beside, Db, Tx};
use app::id::{Seq, UserId};
use app::outbox;
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::{AnyConnection, AssertSqlSafe};
use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

/// Events in a transaction.
const PAGE: i64 = 1000;
/// People at a time.
const SIDE_BY_SIDE: usize = 8;
/// So few events may be left to apply while the consumer waits for the switch.
const FEW: i64 = 500;
/// Events may come faster than they can be built; then this many rounds are enough to see it.
const ROUNDS: u32 = 50;

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub events: i64,
    pub tables: Vec<Table>,
}

/// One table of the read model, in rows.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub before: i64,
    pub after: i64,
    /// Rows that only one of the two has; not looked for when the new one takes its place.
    pub differing: i64,
}

/// Builds the read model of `consumer` anew. `told` hears how many events of how many are built.
/// With `check` the two are compared, and the old one stays. Errors: an event cannot be applied that
/// was before, somebody else is at it, or the database is away; the old one stays then, too.
pub async fn rebuild<C: Consumer>(
    consumer: C,
    database_url: &str,
    check: bool,
    told: impl Fn(i64, i64),
) -> anyhow::Result<Rebuilt> {
    ensure!(
        !C::TABLES.is_empty(),
        "{} has no read model that could be built anew: what it did stays done.",
        C::NAME
    );
    let schema = format!("rebuild_{}", C::NAME.replace('-', "_"));
    let tables = [C::TABLES, &["consumer_progress"]].concat();
    let Some(beside) = Beside::make(database_url, &schema, &tables).await? else {
        bail!(
            "Another `todo rebuild` is building {}. Wait until it has ended.",
            C::NAME
        );
    };
    let building = Building {
        consumer: Arc::new(consumer),
        skipped: Arc::default(),
    };
    let result = tokio::select! {
        result = building.run(&beside, check, told) => result,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("broken off; the read model stays as it is")),
    };
    let removed = beside.remove().await;
    let rebuilt = result?;
    removed?;
    Ok(rebuilt)
}

struct Building<C> {
    consumer: Arc<C>,
    /// What was passed over, being a dead letter.
    skipped: Arc<Mutex<HashSet<(UserId, Seq)>>>,
}

impl<C: Consumer> Building<C> {
    async fn run(
        &self,
        beside: &Beside,
        check: bool,
        told: impl Fn(i64, i64),
    ) -> anyhow::Result<Rebuilt> {
        let mut events = 0;
        for _ in 0..ROUNDS {
            let behind = self.behind(beside).await?;
            let left: i64 = behind.iter().map(Behind::events).sum();
            if left <= FEW {
                let tables = match check {
                    true => self.compare(beside).await?,
                    false => Some(self.switch(beside).await?),
                };
                if let Some(tables) = tables {
                    events += if check { 0 } else { left };
                    return Ok(Rebuilt { events, tables });
                }
            }
            let total = events + left;
            let builds: Vec<_> = behind
                .iter()
                .map(|who| self.build(&beside.fresh, who))
                .collect();
            let mut builds = pin!(stream::iter(builds).buffer_unordered(SIDE_BY_SIDE));
            // A person is told of once they are whole; with many of them that is often enough.
            while let Some(built) = builds.try_next().await? {
                events += built;
                told(events, total);
            }
        }
        bail!(
            "Events come faster than they can be built. Try again when there is less to do; the read model stays as it is."
        )
    }

    /// Who is further on in what is in use, and how far.
    async fn behind(&self, beside: &Beside) -> Result<Vec<Behind>, sqlx::Error> {
        let mut conn = beside.live.pool().acquire().await?;
        behind::<C>(&mut conn, &beside.schema).await
    }

    /// Builds what `who` lacks; how many events that were.
    async fn build(&self, fresh: &Db, who: &Behind) -> anyhow::Result<i64> {
        let mut next = who.fresh;
        while next < who.live {
            let (consumer, skipped) = (self.consumer.clone(), self.skipped.clone());
            let (user_id, live) = (who.user_id.clone(), who.live);
            next = fresh
                .write::<_, Failure, _>(move |tx| {
                    Box::pin(async move {
                        let mut stream = Stream::lock(tx, consumer.as_ref(), &user_id).await?;
                        let upto = live.min(Seq(stream.last.0 + PAGE));
                        stream.last =
                            apply(tx, consumer.as_ref(), &user_id, stream.last, upto, &skipped)
                                .await?;
                        let last = stream.last;
                        stream.save(tx).await?;
                        Ok(last)
                    })
                })
                .await?;
        }
        Ok(who.events())
    }

    /// Puts what was built in the place of what is in use, which catches up inside of the
    /// transaction: no reader ever sees less than it saw before.
    async fn switch(&self, beside: &Beside) -> anyhow::Result<Vec<Table>> {
        let schema = beside.schema.clone();
        let (consumer, skipped) = (self.consumer.clone(), self.skipped.clone());
        Ok(beside
            .live
            .write::<Vec<Table>, Failure, _>(move |tx| {
                Box::pin(async move {
                    hold_up::<C>(tx).await?;
                    let before = counts::<C>(tx).await?;
                    replace::<C>(tx, &schema).await?;
                    for who in behind::<C>(tx, &schema).await? {
                        let Behind {
                            user_id,
                            fresh,
                            live,
                        } = who;
                        apply(tx, consumer.as_ref(), &user_id, fresh, live, &skipped).await?;
                    }
                    // Somebody may have had a dead letter applied after all, meanwhile.
                    let passed: Vec<(UserId, Seq)> = {
                        let skipped = skipped.lock().unwrap_or_else(PoisonError::into_inner);
                        skipped.iter().cloned().collect()
                    };
                    for (user_id, seq) in passed {
                        if !dead_letters::<C>(tx, &user_id, None).await?.contains(&seq) {
                            let stream = Stream::lock(tx, consumer.as_ref(), &user_id).await?;
                            apply_late(tx, &stream, seq, None)
                                .await
                                .map_err(|error| Failure::Event(user_id.clone(), seq, error))?;
                        }
                    }
                    let after = counts::<C>(tx).await?;
                    let rows = before.into_iter().zip(after).zip(C::TABLES);
                    let tables = rows.map(|((before, after), name)| Table {
                        name,
                        before,
                        after,
                        differing: 0,
                    });
                    Ok(tables.collect())
                })
            })
            .await?)
    }

    /// How the two differ, at a moment at which they are equally far. `None`: what is in use went on.
    async fn compare(&self, beside: &Beside) -> anyhow::Result<Option<Vec<Table>>> {
        let mut snapshot = beside.live.read().await?;
        let schema = &beside.schema;
        if !behind::<C>(&mut snapshot, schema).await?.is_empty() {
            return Ok(None);
        }
        let mut tables = Vec::new();
        for &name in C::TABLES {
            let fresh = format!("{schema}.{name}");
            tables.push(Table {
                name,
                before: count(&mut snapshot, name).await?,
                after: count(&mut snapshot, &fresh).await?,
                differing: only_in(&mut snapshot, name, &fresh).await?
                    + only_in(&mut snapshot, &fresh, name).await?,
            });
        }
        Ok(Some(tables))
    }
}

/// A person of whom less is built than is in use.
struct Behind {
    user_id: UserId,
    fresh: Seq,
    live: Seq,
}

impl Behind {
    fn events(&self) -> i64 {
        self.live.0 - self.fresh.0
    }
}

async fn behind<C: Consumer>(
    conn: &mut AnyConnection,
    schema: &str,
) -> Result<Vec<Behind>, sqlx::Error> {
    let sql = format!(
        "select live.user_id, coalesce(fresh.last_seq, 0), live.last_seq \
         from consumer_progress as live left join {schema}.consumer_progress as fresh \
         on fresh.consumer = live.consumer and fresh.user_id = live.user_id \
         where live.consumer = $1 and live.last_seq > coalesce(fresh.last_seq, 0) \
         order by live.user_id"
    );
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(C::NAME)
        .fetch_all(conn)
        .await?;
    let behind = rows.into_iter().map(|(user_id, fresh, live)| Behind {
        user_id: UserId(user_id),
        fresh: Seq(fresh),
        live: Seq(live),
    });
    Ok(behind.collect())
}

/// An event that cannot be built, or a database that is away.
enum Failure {
    Event(UserId, Seq, HandleError),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Failure::Database(error)
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => error.into(),
            Failure::Event(user_id, seq, error) => anyhow::anyhow!(
                "event {} of {user_id} cannot be applied: {error}. The read model stays as it is",
                seq.0
            ),
        }
    }
}

/// Applies a person's events after `after` up to `upto`, but for those that are dead letters. The last
/// that was, or was passed over.
async fn apply<C: Consumer>(
    tx: &mut Tx,
    consumer: &C,
    user_id: &UserId,
    after: Seq,
    upto: Seq,
    skipped: &Mutex<HashSet<(UserId, Seq)>>,
) -> Result<Seq, Failure> {
    let failed = |seq, error| Failure::Event(user_id.clone(), seq, error);
    let events = outbox::after(tx, user_id, after, upto.0 - after.0)
        .await
        .map_err(|error| failed(after.next(), error.into()))?;
    if events.is_empty() {
        return Err(sqlx::Error::RowNotFound.into());
    }
    let dead = dead_letters::<C>(tx, user_id, None).await?;
    let mut last = after;
    for event in &events {
        last = event.seq;
        if dead.contains(&event.seq) {
            let mut skipped = skipped.lock().unwrap_or_else(PoisonError::into_inner);
            skipped.insert((user_id.clone(), event.seq));
        } else if C::TOPICS.contains(&event.envelope.event_type) {
            handle(consumer, event, tx)
                .await
                .map_err(|error| failed(event.seq, error))?;
        }
    }
    Ok(last)
}

/// Has the consumer wait until the transaction ends. In the order in which it takes locks itself;
/// the tables too, because of those who have no progress yet.
async fn hold_up<C: Consumer>(tx: &mut Tx) -> Result<(), sqlx::Error> {
    let sql = format!(
        "select user_id from consumer_progress where consumer = $1 order by user_id{}",
        tx.for_update()
    );
    let _: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(C::NAME)
        .fetch_all(&mut **tx)
        .await?;
    tx.lock_tables(C::TABLES).await
}

/// The rows of what is in use become those of what was built.
async fn replace<C: Consumer>(tx: &mut Tx, schema: &str) -> Result<(), sqlx::Error> {
    for table in C::TABLES.iter().rev() {
        let sql = format!("delete from {table}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut **tx).await?;
    }
    for table in C::TABLES {
        let sql = format!("insert into {table} select * from {schema}.{table}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn counts<C: Consumer>(conn: &mut AnyConnection) -> Result<Vec<i64>, sqlx::Error> {
    let mut counts = Vec::new();
    for table in C::TABLES {
        counts.push(count(conn, table).await?);
    }
    Ok(counts)
}

async fn count(conn: &mut AnyConnection, table: &str) -> Result<i64, sqlx::Error> {
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await
}

/// How many rows of one table the other does not have.
async fn only_in(conn: &mut AnyConnection, one: &str, other: &str) -> Result<i64, sqlx::Error> {
    let sql = format!(
        "select count(*) from (select * from {one} except select * from {other}) as differing"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await
}
