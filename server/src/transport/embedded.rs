//! Without a broker: the event store itself is the log, in the order the relay gave it.

use super::{BATCH, Batch, Delivered, Handed, Start, Subscription, Transport};
use crate::telemetry::metrics;
use app::db::Db;
use app::event::{Event, EventType};
use app::outbox::{COLUMNS, StoredEvent};
use app::system::DeadLetter;
use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Another process may be the one that relays, so nobody in this one says that there is something.
const POLL: Duration = Duration::from_secs(1);

pub struct Embedded {
    db: Db,
    marked: watch::Sender<()>,
    dealt_with: DealtWith,
}

/// Of the groups of this process, up to where each has dealt with everything.
type DealtWith = Arc<Mutex<HashMap<String, i64>>>;

impl Embedded {
    pub fn new(db: Db) -> Self {
        Embedded {
            db,
            marked: watch::Sender::new(()),
            dealt_with: DealtWith::default(),
        }
    }
}

#[async_trait]
impl Transport for Embedded {
    async fn prepare(&self) {}

    /// The events are durable where they are; the relay's mark is what publishes them.
    async fn publish(&self, events: &[Event]) -> anyhow::Result<Vec<Handed>> {
        Ok(vec![Handed::Durable(None); events.len()])
    }

    /// They stay in their table, which is their topic too.
    async fn publish_dead(&self, letters: &[DeadLetter]) -> anyhow::Result<Vec<bool>> {
        Ok(vec![true; letters.len()])
    }

    fn marked(&self) {
        self.marked.send_replace(());
    }

    fn reads_marks(&self) -> bool {
        true
    }

    async fn subscribe(
        &self,
        group: &str,
        types: &[EventType],
        start: Start,
    ) -> anyhow::Result<Box<dyn Subscription>> {
        let cursor = match start {
            Start::Earliest => stored(&self.db, group).await?,
            Start::Latest => newest(&self.db).await?,
        };
        let types: Vec<String> = types.iter().map(|t| format!("'{}'", t.as_str())).collect();
        let reader = Reader {
            db: self.db.clone(),
            marked: self.marked.subscribe(),
            group: group.into(),
            start,
            types: types.join(", "),
            cursor,
            stored: cursor,
            dealt_with: self.dealt_with.clone(),
        };
        reader.has_dealt_with(cursor);
        Ok(Box::new(reader))
    }

    async fn lag(&self) -> anyhow::Result<Vec<(String, i64)>> {
        let end = newest(&self.db).await?;
        // Another process may be further on.
        let stored: Vec<(String, i64)> =
            sqlx::query_as("select consumer, log_offset from consumer_offsets")
                .fetch_all(self.db.pool())
                .await?;
        let stored: HashMap<String, i64> = stored.into_iter().collect();
        let groups = self
            .dealt_with
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lag = groups.iter().map(|(group, &here)| {
            let offset = stored.get(group).map_or(here, |&there| here.max(there));
            (group.clone(), (end - offset).max(0))
        });
        Ok(lag.collect())
    }

    /// The database is asked elsewhere.
    async fn ready(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

struct Reader {
    db: Db,
    marked: watch::Receiver<()>,
    group: String,
    start: Start,
    /// Quoted, with commas: from our own constants, so safe inside of SQL.
    types: String,
    /// Everything up to here was handed out, or is of another type.
    cursor: i64,
    stored: i64,
    dealt_with: DealtWith,
}

#[async_trait]
impl Subscription for Reader {
    async fn next_batch(&mut self) -> anyhow::Result<Batch> {
        if self.start == Start::Latest {
            // It stores nothing: asking for more says that it is done.
            self.has_dealt_with(self.cursor);
        }
        loop {
            self.marked.borrow_and_update();
            let (rows, cursor) = self.read().await?;
            let before = std::mem::replace(&mut self.cursor, cursor);
            if !rows.is_empty() {
                metrics::delivered(&self.group, rows.iter().filter_map(|row| row.published_at));
                return Ok(Batch {
                    events: rows.into_iter().map(Delivered::stored).collect(),
                    poison: Vec::new(),
                });
            }
            if self.has_dealt_with_all_up_to(before) {
                self.has_dealt_with(cursor);
            }
            // Closed or timed out: look again all the same.
            let _ = timeout(POLL, self.marked.changed()).await;
        }
    }

    async fn store(&mut self) -> anyhow::Result<()> {
        if self.start == Start::Latest || self.stored == self.cursor {
            return Ok(());
        }
        let (group, cursor) = (self.group.clone(), self.cursor);
        // Another member of the group may be further on.
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "insert into consumer_offsets (consumer, log_offset) values ($1, $2) \
                         on conflict (consumer) do update set log_offset = excluded.log_offset \
                         where consumer_offsets.log_offset < excluded.log_offset",
                    )
                    .bind(group)
                    .bind(cursor)
                    .execute(&mut **tx)
                    .await
                })
            })
            .await?;
        self.stored = cursor;
        self.has_dealt_with(cursor);
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

impl Reader {
    fn has_dealt_with(&self, offset: i64) {
        self.groups().insert(self.group.clone(), offset);
    }

    fn has_dealt_with_all_up_to(&self, offset: i64) -> bool {
        self.groups().get(&self.group) == Some(&offset)
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.dealt_with
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes after the cursor, and the cursor after it.
    async fn read(&self) -> Result<(Vec<StoredEvent>, i64), sqlx::Error> {
        // The end is read first: beyond the last event found there are only other types up to it.
        let end = newest(&self.db).await?;
        if end <= self.cursor {
            return Ok((Vec::new(), self.cursor));
        }
        let sql = format!(
            "select {COLUMNS} from events where log_offset > $1 and log_offset <= $2 \
             and event_type in ({}) order by log_offset limit {BATCH}",
            self.types
        );
        let rows: Vec<StoredEvent> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(self.cursor)
            .bind(end)
            .fetch_all(self.db.pool())
            .await?;
        let cursor = match rows.last() {
            Some(last) if rows.len() == BATCH => last.log_offset.unwrap_or(end),
            _ => end,
        };
        Ok((rows, cursor))
    }
}

async fn stored(db: &Db, group: &str) -> Result<i64, sqlx::Error> {
    let offset = sqlx::query_scalar("select log_offset from consumer_offsets where consumer = $1")
        .bind(group)
        .fetch_optional(db.pool())
        .await?;
    Ok(offset.unwrap_or(0))
}

/// The place of the newest event. Places are given under the relay's lock, one after the other,
/// so whoever sees this one sees all before it.
async fn newest(db: &Db) -> Result<i64, sqlx::Error> {
    let offset: Option<i64> = sqlx::query_scalar("select max(log_offset) from events")
        .fetch_one(db.pool())
        .await?;
    Ok(offset.unwrap_or(0))
}
