//! A person's stream as far as a consumer is, inside of a transaction.

use super::{Consumer, HandleError, fault};
use anyhow::anyhow;
use app::db::Tx;
use app::event::Event;
use app::id::{Seq, UserId};
use app::outbox;
use app::trace::{Kind, Span};
use futures::FutureExt;
use sqlx::AssertSqlSafe;
use std::panic::AssertUnwindSafe;

const PANICKED: &str = "the consumer panicked: the log says where";

/// Locked until the transaction ends: nobody else applies anything of this person's meanwhile.
pub struct Stream<'a, C> {
    pub consumer: &'a C,
    pub user_id: &'a UserId,
    saved: Seq,
    /// The last event that is applied, or stepped past.
    pub last: Seq,
}

/// An event that was not applied; nothing of the transaction was.
#[derive(Debug)]
pub struct Failed {
    pub seq: Seq,
    pub error: HandleError,
}

impl<'a, C: Consumer> Stream<'a, C> {
    pub async fn lock(
        tx: &mut Tx,
        consumer: &'a C,
        user_id: &'a UserId,
    ) -> Result<Self, sqlx::Error> {
        sqlx::query(
            "insert into consumer_progress (consumer, user_id, last_seq) values ($1, $2, 0) \
             on conflict (consumer, user_id) do nothing",
        )
        .bind(C::NAME)
        .bind(&user_id.0)
        .execute(&mut **tx)
        .await?;
        let sql = format!(
            "select last_seq from consumer_progress where consumer = $1 and user_id = $2{}",
            tx.for_update()
        );
        let last = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(C::NAME)
            .bind(&user_id.0)
            .fetch_one(&mut **tx)
            .await?;
        Ok(Stream {
            consumer,
            user_id,
            saved: Seq(last),
            last: Seq(last),
        })
    }

    /// Applies up to `limit` events of the event store. `false`: it has none.
    pub async fn read_on(&mut self, tx: &mut Tx, limit: i64) -> Result<bool, Failed> {
        let events = outbox::after(tx, self.user_id, self.last, limit)
            .await
            .map_err(|error| self.failed(error.into()))?;
        for event in &events {
            self.pass(tx, event)
                .await
                .map_err(|error| self.failed(error))?;
            self.last = event.seq;
        }
        Ok(!events.is_empty())
    }

    async fn pass(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        match C::TOPICS.contains(&event.envelope.event_type) {
            true => handle(self.consumer, event, tx).await,
            false => Ok(()),
        }
    }

    /// What comes next is what failed.
    pub fn failed(&self, error: HandleError) -> Failed {
        Failed {
            seq: self.last.next(),
            error,
        }
    }

    pub async fn save(self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        if self.last == self.saved {
            return Ok(());
        }
        sqlx::query(
            "update consumer_progress set last_seq = $3 where consumer = $1 and user_id = $2",
        )
        .bind(C::NAME)
        .bind(&self.user_id.0)
        .bind(self.last.0)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Of the transaction as a whole: 0 stands for whatever comes next.
impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Failed {
            seq: Seq(0),
            error: error.into(),
        }
    }
}

/// Has the consumer apply one event, seen by whoever traces it.
pub async fn handle<C: Consumer>(
    consumer: &C,
    event: &Event,
    tx: &mut Tx,
) -> Result<(), HandleError> {
    let name = || format!("consume {}", C::NAME).into();
    let mut span = Span::of(event, name, Kind::Consumer);
    let handled = match fault::point(C::NAME, event) {
        // One that panics is wrong about this event; nobody else has to wait for it.
        Ok(()) => AssertUnwindSafe(consumer.handle(event, tx))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(HandleError::Permanent(anyhow!(PANICKED)))),
        Err(error) => Err(error),
    };
    span.failed(handled.is_err());
    handled
}
