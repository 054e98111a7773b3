//! One person's events at a time: their effects and how far the consumer is, in one transaction.

use super::parked::{self, Standing};
use super::policy::Policy;
use super::stream::{Failed, Stream, handle};
use super::{Consumer, HandleError};
use crate::crash;
use crate::telemetry::metrics;
use crate::transport::record_headers;
use app::db::{Backend, Db, Tx, now};
use app::event::Timestamp;
use app::id::{Seq, UserId};
use app::outbox;
use app::system::{self, DeadLetter, Status};
use sqlx::AnyConnection;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// Events of one person in a transaction.
const PAGE: i64 = 500;

pub struct Applier<C> {
    consumer: Arc<C>,
    pub db: Db,
    policy: Policy,
    writes: Semaphore,
    /// Somebody was parked.
    pub parked: Notify,
}

/// Up to where a person's events are due, and where the transport had each.
#[derive(Clone, Debug, Default)]
pub struct Due {
    pub upto: Seq,
    pub places: HashMap<Seq, (i64, i64)>,
}

/// How a step of a parked person went.
pub enum Step {
    Applied,
    /// Nothing is left: the person is parked no more.
    CaughtUp,
}

impl<C: Consumer> Applier<C> {
    pub fn new(consumer: C, db: Db, policy: Policy) -> Self {
        // SQLite commits together whatever waits; PostgreSQL's connections are for the pages too.
        let writes = Semaphore::new(match db.backend() {
            Backend::Sqlite => 512,
            Backend::Postgres => 8,
        });
        Applier {
            consumer: Arc::new(consumer),
            db,
            policy,
            writes,
            parked: Notify::new(),
        }
    }

    /// Applies a person's events up to `due.upto`, or up to the first that fails, and parks the
    /// person there. Errors: the database is away; nothing is lost, and no attempt counted.
    pub async fn apply(&self, user_id: &UserId, due: &Due) -> Result<(), sqlx::Error> {
        let (mut upto, mut failure) = (due.upto, None);
        loop {
            match self.advance(user_id, upto).await {
                Ok(()) => break,
                Err(Failed {
                    error: HandleError::Away(error),
                    ..
                }) => return Err(error),
                // What comes before it is applied without it.
                Err(failed) => {
                    upto = Seq(failed.seq.0 - 1);
                    failure = Some(failed);
                }
            }
        }
        match failure {
            Some(failed) => {
                let place = due.places.get(&failed.seq).copied();
                self.fail(user_id, failed, 1, place, false)
                    .await
                    .map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// A page in a transaction: one who has long been away, or whose read model is built again, must
    /// not keep the database from everybody else.
    async fn advance(&self, user_id: &UserId, upto: Seq) -> Result<(), Failed> {
        loop {
            let _place = self.writes.acquire().await;
            let (consumer, user_id) = (self.consumer.clone(), user_id.clone());
            let (applied, more) = self
                .db
                .write::<_, Failed, _>(move |tx| {
                    Box::pin(async move { advance(tx, consumer.as_ref(), &user_id, upto).await })
                })
                .await?;
            metrics::handled(C::NAME, applied);
            if applied > 0 {
                self.consumer.committed();
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Applies a parked person's next event, alone, so that whatever comes before a failure is kept.
    pub async fn step(&self, user_id: &UserId) -> Result<Step, Failed> {
        let _place = self.writes.acquire().await;
        let (consumer, user_id) = (self.consumer.clone(), user_id.clone());
        let step = self
            .db
            .write(move |tx| Box::pin(async move { step(tx, consumer.as_ref(), &user_id).await }))
            .await?;
        self.consumer.committed();
        Ok(step)
    }

    /// An event failed for the `attempts`-th time: it is tried again later, or given up as a dead
    /// letter, in one transaction with the step past it. `claimed`: who called goes on with the
    /// person then. `true`: given up.
    pub async fn fail(
        &self,
        user_id: &UserId,
        failed: Failed,
        attempts: u32,
        place: Option<(i64, i64)>,
        claimed: bool,
    ) -> Result<bool, sqlx::Error> {
        let Failed { seq, error } = failed;
        // To wait for an upgrade is no attempt.
        let attempts = attempts - u32::from(matches!(error, HandleError::Newer(_)));
        let mut wait_ms = None;
        let fate = match error {
            HandleError::Newer(_) => Fate::AfterUpgrade,
            HandleError::Permanent(_) => Fate::GivenUp,
            _ if self.policy.is_spent(attempts) => Fate::GivenUp,
            _ => {
                let wait = self.policy.delay(attempts);
                wait_ms = Some(wait.as_millis() as u64);
                Fate::Later(now() + wait)
            }
        };
        let given_up = matches!(fate, Fate::GivenUp);
        metrics::failed(C::NAME);
        tracing::warn!(consumer = C::NAME, %user_id, seq = seq.0, attempts, wait_ms, given_up, %error, "an event was not applied");
        let failure = Failure {
            user_id: user_id.clone(),
            seq,
            attempts,
            place,
            error: system::commands::shorten(&error.to_string()),
            fate,
            claimed,
        };
        let consumer = self.consumer.clone();
        let buried = self
            .db
            .write(move |tx| Box::pin(async move { failure.write(tx, consumer.as_ref()).await }))
            .await?;
        if let Some(topic) = buried {
            metrics::buried(&topic);
        }
        crash::point(format_args!("consumer:{}:after-failure", C::NAME));
        self.parked.notify_one();
        Ok(given_up)
    }

    /// Applies a dead letter's event after all: its effects and that it is redriven are one
    /// transaction, so it happens once. If it fails it is open again.
    pub async fn redrive(&self, id: i64) -> Result<(), sqlx::Error> {
        let consumer = self.consumer.clone();
        let result: Result<(), HandleError> = self
            .db
            .write(move |tx| Box::pin(async move { redrive(tx, consumer.as_ref(), id).await }))
            .await;
        crash::point(format_args!("consumer:{}:after-redrive", C::NAME));
        let error = match result {
            Ok(()) => {
                self.consumer.committed();
                return Ok(());
            }
            Err(HandleError::Away(error)) => return Err(error),
            Err(error) => error,
        };
        tracing::warn!(consumer = C::NAME, id, %error, "a dead letter failed again");
        let error = system::commands::shorten(&error.to_string());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "update dead_letters set status = 'open', attempts = attempts + 1, \
                         last_at = $2, error = $3 where dead_letter_id = $1 and status = 'redriving'",
                    )
                    .bind(id)
                    .bind(app::db::to_micros(now()))
                    .bind(error)
                    .execute(&mut **tx)
                    .await
                    .map(|_| ())
                })
            })
            .await
    }
}

/// Applies up to a page of events, none if the person is parked. How many there were, and whether there
/// are more.
async fn advance<C: Consumer>(
    tx: &mut Tx,
    consumer: &C,
    user_id: &UserId,
    upto: Seq,
) -> Result<(u64, bool), Failed> {
    let mut stream = Stream::lock(tx, consumer, user_id).await?;
    let before = stream.last;
    if before >= upto || parked::is_parked(tx, C::NAME, user_id).await? {
        return Ok((0, false));
    }
    let limit = PAGE.min(upto.0 - stream.last.0);
    let found = stream.read_on(tx, limit).await?;
    let applied = stream.last.0 - before.0;
    let more = found && stream.last < upto;
    stream.save(tx).await?;
    crash::point(format_args!("consumer:{}:before-commit", C::NAME));
    Ok((applied as u64, more))
}

async fn step<C: Consumer>(tx: &mut Tx, consumer: &C, user_id: &UserId) -> Result<Step, Failed> {
    let mut stream = Stream::lock(tx, consumer, user_id).await?;
    if !stream.read_on(tx, 1).await? {
        parked::release(tx, C::NAME, user_id).await?;
        return Ok(Step::CaughtUp);
    }
    parked::go_on(tx, C::NAME, user_id, stream.last.next(), true).await?;
    stream.save(tx).await?;
    Ok(Step::Applied)
}

async fn redrive<C: Consumer>(tx: &mut Tx, consumer: &C, id: i64) -> Result<(), HandleError> {
    let Some((user_id, seq)) = redriving::<C>(tx, id).await? else {
        return Ok(());
    };
    let stream = Stream::lock(tx, consumer, &user_id).await?;
    if redriving::<C>(tx, id).await?.is_none() {
        return Ok(()); // Another process was faster.
    }
    // Else its turn is yet to come, as when the read model is built again.
    if seq <= stream.last {
        apply_late(tx, &stream, seq, Some(id)).await?;
        crash::point(format_args!("consumer:{}:redriving", C::NAME));
    }
    sqlx::query("update dead_letters set status = 'redriven' where dead_letter_id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whose event a dead letter that is to be redriven has, and which.
async fn redriving<C: Consumer>(
    tx: &mut Tx,
    id: i64,
) -> Result<Option<(UserId, Seq)>, sqlx::Error> {
    let origin: Option<(String, i64)> = sqlx::query_as(
        "select user_id, seq from dead_letters where dead_letter_id = $1 and consumer = $2 \
         and status = 'redriving'",
    )
    .bind(id)
    .bind(C::NAME)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(origin.map(|(user_id, seq)| (UserId(user_id), Seq(seq))))
}

/// Applies an event behind which others may have been applied: that of dead letter `id`, if it is one
/// still.
pub async fn apply_late<C: Consumer>(
    tx: &mut Tx,
    stream: &Stream<'_, C>,
    seq: Seq,
    id: Option<i64>,
) -> Result<(), HandleError> {
    let Stream {
        consumer, user_id, ..
    } = *stream;
    for event in outbox::after(tx, user_id, Seq(seq.0 - 1), 1).await? {
        let Some(task_id) = event.envelope.data.task_id() else {
            return handle(consumer, &event, tx).await;
        };
        if !consumer.forget(user_id, task_id, tx).await? {
            return handle(consumer, &event, tx).await;
        }
        let dead = dead_letters::<C>(tx, user_id, id).await?;
        for event in outbox::of_task(tx, user_id, task_id, stream.last).await? {
            if !dead.contains(&event.seq) && C::TOPICS.contains(&event.envelope.event_type) {
                handle(consumer, &event, tx).await?;
            }
        }
    }
    Ok(())
}

/// A person's events that the consumer gave up and that were not applied since, but for the letter
/// `except`.
pub async fn dead_letters<C: Consumer>(
    conn: &mut AnyConnection,
    user_id: &UserId,
    except: Option<i64>,
) -> Result<HashSet<Seq>, sqlx::Error> {
    let dead: Vec<i64> = sqlx::query_scalar(
        "select seq from dead_letters where consumer = $1 and user_id = $2 \
         and status <> 'redriven' and dead_letter_id <> $3",
    )
    .bind(C::NAME)
    .bind(&user_id.0)
    .bind(except.unwrap_or(0))
    .fetch_all(conn)
    .await?;
    Ok(dead.into_iter().map(Seq).collect())
}

enum Fate {
    Later(Timestamp),
    AfterUpgrade,
    GivenUp,
}

/// An event that was not applied, to be written down.
struct Failure {
    user_id: UserId,
    /// 0: whatever is next.
    seq: Seq,
    attempts: u32,
    place: Option<(i64, i64)>,
    error: String,
    fate: Fate,
    claimed: bool,
}

impl Failure {
    /// The topic of the dead letter, if it became one.
    async fn write<C: Consumer>(
        self,
        tx: &mut Tx,
        consumer: &C,
    ) -> Result<Option<String>, sqlx::Error> {
        let user_id = &self.user_id;
        let mut stream = Stream::lock(tx, consumer, user_id).await?;
        let seq = stream.last.next();
        if self.seq.0 != 0 && self.seq != seq {
            return Ok(None); // Another process went on meanwhile.
        }
        let next_at = match self.fate {
            Fate::Later(at) => Some(at),
            Fate::AfterUpgrade => None,
            Fate::GivenUp => {
                let letter = self.dead_letter(tx, C::NAME, seq).await?;
                let is_new = system::commands::bury(tx, &letter).await?;
                stream.last = seq;
                stream.save(tx).await?;
                crash::point(format_args!("consumer:{}:dead-lettering", C::NAME));
                // What came meanwhile has to be looked for in the event store.
                parked::go_on(tx, C::NAME, user_id, seq.next(), self.claimed).await?;
                return Ok(is_new.then_some(letter.topic));
            }
        };
        let standing = Standing {
            seq,
            attempts: self.attempts,
            next_at,
            error: self.error,
            place: self.place,
        };
        parked::park(tx, C::NAME, &self.user_id, &standing).await?;
        Ok(None)
    }

    async fn dead_letter(
        &self,
        tx: &mut Tx,
        consumer: &str,
        seq: Seq,
    ) -> Result<DeadLetter, sqlx::Error> {
        let user_id = &self.user_id;
        let (first_at, place) = parked::before(tx, consumer, user_id, seq)
            .await?
            .unwrap_or((now(), None));
        let row = outbox::stored(tx, user_id, seq).await?;
        let row = row.ok_or(sqlx::Error::RowNotFound)?;
        let event = row.event.ok();
        let envelope = event.as_ref().map(|event| &event.envelope);
        Ok(DeadLetter {
            id: 0,
            topic: row.event_type,
            place: self.place.or(place).or(row.place),
            key: Some(user_id.0.clone().into_bytes()),
            headers: event.as_ref().map(record_headers).unwrap_or_default(),
            value: envelope.and_then(|envelope| serde_json::to_vec(envelope).ok()),
            failed: Some(system::Failed {
                consumer: consumer.into(),
                user_id: user_id.clone(),
                seq,
            }),
            error: self.error.clone(),
            attempts: i64::from(self.attempts),
            first_at,
            last_at: now(),
            traceparent: event.as_ref().and_then(|event| event.traceparent.clone()),
            status: Status::Open,
            note: String::new(),
        })
    }
}
