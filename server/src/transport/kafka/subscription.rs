//! One member of a Kafka consumer group; or, from the newest, a reader of its own of everything.

use super::trouble::{Area, Ear};
use super::{Kafka, Lag, is_unknown_topic, record};
use crate::telemetry::metrics;
use crate::transport::{BATCH, Batch, Start, Subscription};
use app::db::from_micros;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::statistics::{Partition, Statistics};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a partition may have records that are not read before it counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// How long a consumer that may not read is kept before a new one tries.
const FORBIDDEN: Duration = Duration::from_secs(30);

/// What librdkafka calls a broker with the id of another cluster.
const ANOTHER: &str = "CLUSTERID";

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

type Consumer = StreamConsumer<Watch>;

/// Where to read on, by topic (its place in `Reader::topics`) and partition.
type Positions = HashMap<(usize, i32), i64>;

pub struct Reader {
    kafka: Kafka,
    group: String,
    topics: Vec<String>,
    start: Start,
    /// `None` while there has to be a new one.
    consumer: Option<Consumer>,
    /// Of a group: after what was handed out since the last `store`. From the newest: of everything.
    positions: Positions,
}

impl Reader {
    pub async fn open(
        kafka: Kafka,
        group: &str,
        topics: Vec<String>,
        start: Start,
    ) -> anyhow::Result<Self> {
        let positions = Positions::new();
        let mut reader = Reader {
            kafka,
            group: group.into(),
            topics,
            start,
            consumer: None,
            positions,
        };
        reader.connect().await?;
        Ok(reader)
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        self.kafka.ensure_topics(&self.topics).await;
        let config = self.kafka.config().consumer(&self.group);
        let watch = Watch::new(self.ear(), &self.group, self.start, &self.kafka.0.lag);
        let consumer: Consumer = config.create_with_context(watch)?;
        self.consumer = Some(match self.start {
            Start::Earliest => {
                let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
                consumer.subscribe(&topics)?;
                self.positions.clear();
                consumer
            }
            // Not as a member of a group: after an outage such a one would begin at the newest
            // again and skip what came meanwhile.
            Start::Latest => {
                let (topics, positions) = (self.topics.clone(), self.positions.clone());
                let (consumer, positions) =
                    tokio::task::spawn_blocking(move || assign(consumer, &topics, positions))
                        .await??;
                self.positions = positions;
                consumer
            }
        });
        Ok(())
    }

    /// Most errors pass by themselves; after the others there has to be a new consumer.
    async fn judge(&mut self, error: KafkaError) {
        self.hear(&error);
        if is_unknown_topic(&error) {
            self.kafka.topics_are_gone().await;
            self.kafka.ensure_topics(&self.topics).await;
        }
        if let KafkaError::MessageConsumptionFatal(_) = error {
            self.discard();
        }
    }

    /// The broker lost everything, or is another one: what was remembered of it means nothing there,
    /// and all that it has is new.
    async fn begin_again(&mut self) {
        tracing::warn!(
            group = self.group,
            "Kafka is another one, reading it from its beginning"
        );
        self.positions
            .values_mut()
            .for_each(|position| *position = 0);
        self.kafka.topics_are_gone().await;
    }

    fn ear(&self) -> Ear {
        self.kafka.ear(Area::Reading(self.group.clone()))
    }

    /// `Watch` has heard of it already, unless it came with a record.
    fn hear(&self, error: &KafkaError) {
        let ear = self.ear();
        ear.troubles.hear(&ear.area, error, &error.to_string());
    }

    fn discard(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            // Leaving the group blocks, and may hang.
            std::thread::spawn(move || drop(consumer));
        }
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn next_batch(&mut self) -> anyhow::Result<Batch> {
        loop {
            let Some(consumer) = &self.consumer else {
                self.connect().await?;
                continue;
            };
            let mut records = consumer.stream();
            let first = tokio::select! {
                record = records.next() => record,
                () = consumer.context().renew.notified() => {
                    drop(records);
                    let another = consumer.context().another.load(Ordering::Relaxed);
                    self.discard();
                    if another {
                        self.begin_again().await;
                    }
                    continue;
                }
            };
            // From here to the return nothing waits, so nothing is lost if this is dropped.
            let mut batch = Batch::default();
            let mut published = Vec::new();
            let mut next = first;
            let mut error = None;
            while let Some(result) = next {
                match result {
                    Ok(record) => {
                        let prefix = &self.kafka.config().prefix;
                        let events = batch.events.len();
                        take(
                            &record,
                            prefix,
                            &self.topics,
                            &mut self.positions,
                            &mut batch,
                        );
                        // Somebody else's records may say that they are from any time.
                        if batch.events.len() > events {
                            let at = record.timestamp().to_millis();
                            published.extend(at.map(|at| from_micros(at * 1000)));
                        }
                    }
                    Err(e) => error = Some(e),
                }
                let full = batch.events.len() + batch.poison.len() >= BATCH;
                next = if full || error.is_some() {
                    None
                } else {
                    records.next().now_or_never().flatten()
                };
            }
            drop(records);
            metrics::delivered(&self.group, published);
            match error {
                Some(error) if batch.events.is_empty() && batch.poison.is_empty() => {
                    self.judge(error).await
                }
                Some(error) => {
                    // It comes again if it matters.
                    self.hear(&error);
                    return Ok(batch);
                }
                None => return Ok(batch),
            }
        }
    }

    async fn store(&mut self) -> anyhow::Result<()> {
        if self.start == Start::Latest || self.positions.is_empty() {
            return Ok(());
        }
        let offsets = offsets(&self.topics, &self.positions)?;
        self.positions.clear();
        if let Some(consumer) = &self.consumer
            && let Err(error) = consumer.store_offsets(&offsets)
        {
            // The partitions are another member's by now, who drops what was applied here.
            tracing::debug!(group = self.group, %error, "offsets not stored");
        }
        Ok(())
    }

    async fn close(mut self: Box<Self>) {
        if let Some(consumer) = self.consumer.take() {
            let closed = tokio::task::spawn_blocking(move || drop(consumer));
            if timeout(Duration::from_secs(5), closed).await.is_err() {
                tracing::warn!(group = self.group, "leaving the group takes too long");
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.discard();
    }
}

fn take(
    record: &BorrowedMessage<'_>,
    prefix: &str,
    topics: &[String],
    positions: &mut Positions,
    batch: &mut Batch,
) {
    if let Some(topic) = topics.iter().position(|topic| topic == record.topic()) {
        positions.insert((topic, record.partition()), record.offset() + 1);
    }
    record::read(record, prefix, batch);
}

/// Makes `consumer` read every partition from its position, or from what is its newest now. Blocks.
fn assign(
    consumer: Consumer,
    topics: &[String],
    mut positions: Positions,
) -> anyhow::Result<(Consumer, Positions)> {
    for (place, topic) in topics.iter().enumerate() {
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
        for partition in metadata.topics().iter().flat_map(|t| t.partitions()) {
            if let Entry::Vacant(position) = positions.entry((place, partition.id())) {
                position.insert(newest(&consumer, topic, partition.id())?);
            }
        }
    }
    consumer.assign(&offsets(topics, &positions)?)?;
    Ok((consumer, positions))
}

/// Where a partition ends. One that was only just made takes a moment to be able to say.
fn newest(consumer: &Consumer, topic: &str, partition: i32) -> KafkaResult<i64> {
    let end = Instant::now() + ANSWER;
    loop {
        match consumer.fetch_watermarks(topic, partition, ANSWER) {
            Ok((_, newest)) => return Ok(newest),
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn offsets(topics: &[String], positions: &Positions) -> KafkaResult<TopicPartitionList> {
    let mut offsets = TopicPartitionList::with_capacity(positions.len());
    for (&(topic, partition), &position) in positions {
        offsets.add_partition_offset(&topics[topic], partition, Offset::Offset(position))?;
    }
    Ok(offsets)
}

/// Listens to what librdkafka tells of a consumer: its lag, and when there has to be a new one,
/// because a partition is read no more, to see whether it still may not read, or because the broker
/// is another one, whose topics only have the same names: librdkafka may wait for the old ones.
struct Watch {
    ear: Ear,
    group: String,
    start: Start,
    lag: Lag,
    renew: Notify,
    made: Instant,
    forbidden: AtomicBool,
    another: AtomicBool,
    progress: Mutex<Progress>,
}

impl Watch {
    fn new(ear: Ear, group: &str, start: Start, lag: &Lag) -> Self {
        Watch {
            ear,
            group: group.into(),
            start,
            lag: lag.clone(),
            renew: Notify::new(),
            made: Instant::now(),
            forbidden: AtomicBool::new(false),
            another: AtomicBool::new(false),
            progress: Mutex::default(),
        }
    }

    /// How many records of a partition are not dealt with. What is not known yet is negative.
    fn behind(&self, partition: &Partition, position: i64) -> i64 {
        let dealt_with = match self.start {
            Start::Earliest => partition
                .stored_offset
                .max(partition.committed_offset)
                .max(partition.lo_offset),
            // It stores nothing.
            Start::Latest => position,
        };
        if dealt_with < 0 {
            return 0;
        }
        (partition.hi_offset - dealt_with).max(0)
    }
}

#[derive(Default)]
struct Progress {
    told: Option<Instant>,
    /// Of every partition with something to read: where it stands, since when.
    waiting: HashMap<(String, i32), (i64, Instant)>,
}

impl Progress {
    /// Whether a partition has been standing still. `partitions`: where each stands, and its end.
    fn stuck(
        &mut self,
        now: Instant,
        partitions: impl Iterator<Item = ((String, i32), i64, i64)>,
    ) -> bool {
        // We did not look for a while, most likely because we were busy: nobody stood still.
        if self.told.is_none_or(|told| now - told > STUCK / 4) {
            self.waiting.clear();
        }
        self.told = Some(now);
        let before = std::mem::take(&mut self.waiting);
        let mut stuck = false;
        for (partition, position, end) in partitions {
            if position >= end {
                continue;
            }
            let since = match before.get(&partition) {
                Some(&(stood, since)) if stood == position => since,
                _ => now,
            };
            stuck |= now - since > STUCK;
            self.waiting.insert(partition, (position, since));
        }
        stuck
    }
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // It is told in no other way.
        if facility == ANOTHER {
            self.another.store(true, Ordering::Relaxed);
            self.renew.notify_one();
        }
        self.ear.log(level, facility, message);
    }

    /// It comes again as the result of reading, but without the reason.
    fn error(&self, error: KafkaError, reason: &str) {
        if self.ear.troubles.hear(&self.ear.area, &error, reason) {
            self.forbidden.store(true, Ordering::Relaxed);
        }
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|b| b.state == "UP") {
            self.ear.troubles.over(&Area::Connection);
        }
        // librdkafka tells of a topic that may not be read only once.
        if !self.forbidden.load(Ordering::Relaxed) {
            self.ear.troubles.over(&self.ear.area);
        } else if self.made.elapsed() > FORBIDDEN {
            self.renew.notify_one();
        }
        let mut lag = 0;
        let mut partitions = Vec::new();
        for topic in statistics.topics.into_values() {
            let ours = topic.partitions.into_values();
            for p in ours.filter(|p| p.partition >= 0 && p.desired) {
                // Before the first record was handed out, where the fetching stands.
                let position = if p.app_offset >= 0 {
                    p.app_offset
                } else {
                    p.next_offset
                };
                lag += self.behind(&p, position);
                // Negative: not known yet.
                let end = if position >= 0 { p.hi_offset } else { i64::MIN };
                partitions.push(((topic.topic.clone(), p.partition), position, end));
            }
        }
        let mut lags = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        lags.insert(self.group.clone(), lag);
        drop(lags);
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.stuck(Instant::now(), partitions.into_iter()) {
            tracing::error!(
                "{}: a partition is read no more, starting anew",
                self.ear.area
            );
            self.renew.notify_one();
        }
    }
}

impl ConsumerContext for Watch {}

#[cfg(test)]
mod tests {
    use super::{Progress, STUCK};
    use std::time::{Duration, Instant};

    #[test]
    fn a_partition_that_stands_still_for_a_minute_is_stuck() {
        let start = Instant::now();
        let mut progress = Progress::default();
        let mut at = |seconds: u64, position: i64| {
            let partition = (("t".to_owned(), 0), position, 10);
            progress.stuck(
                start + Duration::from_secs(seconds),
                [partition].into_iter(),
            )
        };
        for seconds in (0..=STUCK.as_secs()).step_by(5) {
            assert!(!at(seconds, 3));
        }
        assert!(at(STUCK.as_secs() + 5, 3));
        assert!(!at(STUCK.as_secs() + 10, 4), "it moved");
        assert!(!at(STUCK.as_secs() + 100, 4), "nobody looked meanwhile");
        assert!(!at(STUCK.as_secs() + 105, 10), "nothing is left to read");
    }
}
