//! How events travel from the relay to the consumers: inside the database, or through Kafka.
//!
//! Both promise the same: what was acknowledged is durable, and a group is handed every event at
//! least once. Each event once, and a person's events in order, is what `consumer.rs` makes of it.

mod embedded;
mod headers;
mod kafka;
mod scoped;

pub use embedded::Embedded;
pub use headers::record_headers;
pub use kafka::{Kafka, KafkaConfig, Mechanism, Sasl, Tls};
pub use scoped::Scoped;

use crate::config::Config;
use crate::scopes::RELAY;
use app::db::Db;
use app::event::{Event, EventType};
use app::id::{EventId, Seq, UserId};
use app::outbox::StoredEvent;
use app::system::{DeadLetter, Headers};
use async_trait::async_trait;
use std::sync::Arc;

/// The transport the configuration asks for, within its scopes. Waits for nobody: a broker that is
/// away is waited for where it is needed. Errors: librdkafka refuses the settings.
pub async fn connect(config: &Config, db: &Db) -> anyhow::Result<Arc<dyn Transport>> {
    let transport: Arc<dyn Transport> = match config.kafka.resolve()? {
        None => Arc::new(Embedded::new(db.clone())),
        Some(mut kafka) => {
            kafka.publishes = config.role.relay();
            Arc::new(Kafka::new(kafka)?)
        }
    };
    let publisher = if config.role.relay() {
        RELAY
    } else {
        config.role.name()
    };
    Ok(Arc::new(Scoped::new(
        transport,
        config.scopes()?,
        publisher,
    )))
}

/// The most events a batch holds, and the relay publishes at a time.
pub const BATCH: usize = 500;

#[async_trait]
pub trait Transport: Send + Sync {
    /// Hands the events over in this order, and says what became of each. Waits for as long as the
    /// other side is away. Errors: nothing was acknowledged.
    async fn publish(&self, events: &[Event]) -> anyhow::Result<Vec<Handed>>;

    /// Hands over dead letters, each to the topic of its own topic's dead letters, and says of each
    /// whether it is durable there. Errors: nothing was acknowledged.
    async fn publish_dead(&self, letters: &[DeadLetter]) -> anyhow::Result<Vec<bool>>;

    /// Makes what readers wait for, before there is anything to publish; waits for as long as the
    /// other side is away.
    async fn prepare(&self);

    /// What was published has its place in the log now.
    fn marked(&self) {}

    /// Whether readers in other processes wait for that too.
    fn reads_marks(&self) -> bool {
        false
    }

    /// Joins `group`, whose members share the events of `types` between them.
    /// Errors: the other side does not answer, or refuses; or the scopes do not allow it.
    async fn subscribe(
        &self,
        group: &str,
        types: &[EventType],
        start: Start,
    ) -> anyhow::Result<Box<dyn Subscription>>;

    /// Of each group with a member in this process, how many events it has not dealt with yet.
    /// Errors: what is away.
    async fn lag(&self) -> anyhow::Result<Vec<(String, i64)>> {
        Ok(Vec::new())
    }

    /// Answers within 2 s. Errors: what is away.
    async fn ready(&self) -> anyhow::Result<()>;
}

/// Partition and offset.
pub type Place = (i64, i64);

/// What became of a record that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    Refused,
    /// It is durable there; with no place, the relay's mark says where.
    Durable(Option<Place>),
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Where the group left off, otherwise at the oldest event.
    Earliest,
    /// With the first event that is published from now on. Remembers nothing: the group is of one
    /// process, which gets every event.
    Latest,
}

#[async_trait]
pub trait Subscription: Send {
    /// Waits for events. May be dropped while it waits without losing any.
    /// Errors: the other side does not answer; calling it again goes on.
    async fn next_batch(&mut self) -> anyhow::Result<Batch>;

    /// Everything handed out so far is dealt with and need not come again.
    async fn store(&mut self) -> anyhow::Result<()>;

    /// Leaves the group at once, so that another member takes over.
    async fn close(self: Box<Self>);
}

/// What came in one go, at most [`BATCH`] in all.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<Delivered>,
    /// Records that are no events.
    pub poison: Vec<Poison>,
}

/// An event, as the transport tells of it.
#[derive(Debug)]
pub struct Delivered {
    pub user_id: UserId,
    pub seq: Seq,
    /// `None`: a newer version of the application wrote it.
    pub event: Option<Event>,
    pub place: Place,
    /// The id it gives and the raw record, if anyone may have written it: then it is believed only
    /// as far as the event store knows the event.
    pub record: Option<(EventId, Record)>,
}

/// A record, byte for byte.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Without the installation's prefix.
    pub topic: String,
    pub place: Place,
    pub key: Option<Vec<u8>>,
    pub headers: Headers,
    pub value: Option<Vec<u8>>,
}

/// A record that is no event, and why.
#[derive(Debug)]
pub struct Poison {
    pub record: Record,
    pub reason: String,
}

impl Delivered {
    /// From the event store itself.
    pub fn stored(row: StoredEvent) -> Self {
        Delivered {
            user_id: row.user_id,
            seq: row.seq,
            event: row.event.ok(),
            place: (0, row.log_offset.unwrap_or(0)),
            record: None,
        }
    }
}
