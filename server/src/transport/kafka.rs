//! Through Apache Kafka. Every librdkafka setting stands in `settings.rs`, with its reason.

mod probe;
mod record;
mod settings;
mod subscription;
mod trouble;

pub use settings::{KafkaConfig, Mechanism, Sasl, Tls};

use super::{Handed, Place, Start, Subscription, Transport};
use crate::crash;
use anyhow::{Context, bail};
use app::event::{Event, EventType};
use app::system::DeadLetter;
use async_trait::async_trait;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, Producer as _};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subscription::Reader;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use trouble::{Area, Cause, Ear, Troubles};

/// The transport; cheap to clone.
#[derive(Clone)]
pub struct Kafka(Arc<Inner>);

struct Inner {
    config: KafkaConfig,
    troubles: Arc<Troubles>,
    producer: Mutex<Producer>,
    /// The topics that are known to be there.
    found: AsyncMutex<HashSet<String>>,
    lag: Lag,
}

/// Of the groups of this process, how many events each has not dealt with yet.
type Lag = Arc<Mutex<HashMap<String, i64>>>;

type Producer = FutureProducer<Ear>;

impl Kafka {
    /// Contacts no broker yet: that is done, and waited for, when something is published or read.
    /// Errors: librdkafka refuses the settings.
    pub fn new(config: KafkaConfig) -> anyhow::Result<Self> {
        let troubles = Troubles::new(config.anonymous());
        let producer = new_producer(&config, &troubles).context(
            "The settings for Kafka do not work together. Check KAFKA_CA_FILE, KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE",
        )?;
        Ok(Kafka(Arc::new(Inner {
            config,
            troubles,
            producer: Mutex::new(producer),
            found: AsyncMutex::default(),
            lag: Lag::default(),
        })))
    }

    fn config(&self) -> &KafkaConfig {
        &self.0.config
    }

    fn ear(&self, area: Area) -> Ear {
        Ear {
            area,
            troubles: self.0.troubles.clone(),
        }
    }

    fn producer(&self) -> Producer {
        self.0
            .producer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A producer that met a fatal error sends nothing more.
    fn replace_producer(&self) -> anyhow::Result<()> {
        let producer = new_producer(self.config(), &self.0.troubles)?;
        let mut current = self
            .0
            .producer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, producer);
        // Its thread is waited for.
        spawn_blocking(move || drop(old));
        Ok(())
    }

    /// Waits until these topics are there, and for as long as no broker answers. Makes them, and all
    /// others, if that is up to this process.
    async fn ensure_topics(&self, topics: &[String]) {
        let all = self.config().topics();
        let topics = if self.config().publishes {
            &all
        } else {
            topics
        };
        loop {
            // Held for one attempt only: others may wait for other topics.
            let mut found = self.0.found.lock().await;
            if topics.iter().all(|topic| found.contains(topic)) {
                return;
            }
            let pause = match self.look_for(topics).await {
                Ok(true) => {
                    self.0.troubles.over(&Area::Topics);
                    found.extend(topics.iter().cloned());
                    return;
                }
                Ok(false) => Duration::from_millis(200),
                Err((cause, detail)) => {
                    self.0.troubles.tell(cause.area(), cause, &detail);
                    Duration::from_secs(1)
                }
            };
            drop(found);
            sleep(pause).await;
        }
    }

    /// Someone deleted them, or the whole broker is another one.
    async fn topics_are_gone(&self) {
        self.0.found.lock().await.clear();
    }

    /// Whether every topic was there already. One that was only just made can be used when its
    /// partitions have found their leaders, so look again.
    async fn look_for(&self, topics: &[String]) -> Result<bool, Trouble> {
        let existing = self.partitions(Duration::from_secs(5)).await?;
        let missing = topics.iter().filter(|topic| !existing.contains_key(*topic));
        let missing: Vec<&String> = missing.collect();
        if missing.is_empty() {
            self.compare_partitions(topics, &existing);
            return Ok(true);
        }
        if self.config().publishes {
            return self.make(&missing).await.map(|()| false);
        }
        Err(self.why_missing(&missing).await)
    }

    fn compare_partitions(&self, topics: &[String], existing: &HashMap<String, i32>) {
        let partitions = self.config().partitions;
        for topic in topics.iter().filter(|topic| !is_dead_letters(topic)) {
            let found = existing.get(topic).copied().unwrap_or(partitions);
            if found != partitions {
                tracing::error!(
                    topic,
                    "has {found} partitions, not {partitions}; it is used as it is. Set \
                     KAFKA_PARTITIONS to what the topics have"
                );
            }
        }
    }

    async fn make(&self, topics: &[&String]) -> Result<(), Trouble> {
        let ear = self.ear(Area::Topics);
        let admin: AdminClient<Ear> = self
            .config()
            .client()
            .create_with_context(ear)
            .map_err(|error| other(&error))?;
        let replication = self.config().replication;
        let new = topics.iter().map(|name| {
            let new = |partitions| {
                NewTopic::new(name, partitions, TopicReplication::Fixed(replication))
                    .set("unclean.leader.election.enable", "false")
            };
            let topic = match is_dead_letters(name) {
                // Few, and as they happened. Whatever another topic took, and what went wrong with it.
                true => new(1).set("max.message.bytes", "2097152"),
                false => new(self.config().partitions),
            };
            if replication >= 3 {
                topic.set("min.insync.replicas", "2")
            } else {
                topic
            }
        });
        let wait = Some(Duration::from_secs(10));
        let options = AdminOptions::new()
            .request_timeout(wait)
            .operation_timeout(wait);
        let results = admin
            .create_topics(&new.collect::<Vec<_>>(), &options)
            .await;
        // Its thread is waited for.
        spawn_blocking(move || drop(admin));
        let mut forbidden = Vec::new();
        for result in results.map_err(|error| other(&error))? {
            match result {
                // Another process was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, RDKafkaErrorCode::TopicAuthorizationFailed)) => forbidden.push(topic),
                Err((topic, code)) => {
                    let detail = format!("topic {topic} cannot be made: {code}");
                    return Err((Cause::Other(code.to_string()), detail));
                }
            }
        }
        if forbidden.is_empty() {
            return Ok(());
        }
        Err((
            Cause::Forbidden("see or make its topics".into()),
            forbidden.join(", "),
        ))
    }

    /// Whether nobody has made the topics, or we may not see them.
    async fn why_missing(&self, topics: &[&String]) -> Trouble {
        let mut forbidden = Vec::new();
        for &topic in topics {
            let (producer, name) = (self.producer(), topic.clone());
            let metadata = spawn_blocking(move || {
                let client = producer.client();
                client.fetch_metadata(Some(&name), Duration::from_secs(5))
            });
            if let Ok(Ok(metadata)) = metadata.await {
                let mut found = metadata.topics().iter();
                // The only reason for which a broker does not say whether there is such a topic.
                let refused =
                    rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
                if found.any(|found| found.error() == Some(refused)) {
                    forbidden.push(topic.as_str());
                }
            }
        }
        if forbidden.is_empty() {
            let missing: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
            return (Cause::NotYet, missing.join(", "));
        }
        (
            Cause::Forbidden("read its topics".into()),
            forbidden.join(", "),
        )
    }

    /// Tells of what was refused, and mends what can be mended.
    async fn heed(&self, producer: &Producer, outcomes: &[Outcome]) -> anyhow::Result<()> {
        let Some(error) = outcomes.iter().find_map(|outcome| outcome.as_ref().err()) else {
            self.0.troubles.over(&Area::Publishing);
            return Ok(());
        };
        // The relay sends again what was not taken.
        let tell = |error: &KafkaError, reason: &str| {
            self.0.troubles.hear(&Area::Publishing, error, reason);
        };
        match producer.client().fatal_error() {
            None => tell(error, &error.to_string()),
            Some((RDKafkaErrorCode::ClusterAuthorizationFailed, reason)) => {
                let cause = Cause::Forbidden("publish to its topics".into());
                self.0.troubles.tell(Area::Publishing, cause, &reason);
                self.replace_producer()?;
            }
            Some((code, reason)) => {
                tell(&KafkaError::Global(code), &reason);
                self.replace_producer()?;
            }
        }
        if is_unknown_topic(error) {
            self.topics_are_gone().await;
        }
        Ok(())
    }

    /// How many partitions each topic of the broker has, if all of them can be used.
    async fn partitions(&self, timeout: Duration) -> Result<HashMap<String, i32>, Trouble> {
        let producer = self.producer();
        let metadata = spawn_blocking(move || producer.client().fetch_metadata(None, timeout))
            .await
            .map_err(|error| other(&error))?
            .map_err(|error| {
                let away = format!("no answer at {}: {error}", self.config().brokers);
                (Cause::Away, away)
            })?;
        self.0.troubles.over(&Area::Connection);
        let usable = metadata.topics().iter().filter(|topic| {
            topic.error().is_none() && topic.partitions().iter().all(|p| p.leader() >= 0)
        });
        Ok(usable
            .map(|t| (t.name().to_owned(), t.partitions().len() as i32))
            .collect())
    }
}

#[async_trait]
impl Transport for Kafka {
    async fn prepare(&self) {
        self.ensure_topics(&self.config().topics()).await;
    }

    async fn publish(&self, events: &[Event]) -> anyhow::Result<Vec<Handed>> {
        self.prepare().await;
        let producer = self.producer();
        let mut sent = Vec::with_capacity(events.len());
        for event in events {
            let topic = self.config().topic(event.envelope.event_type);
            sent.push(record::send(&producer, &topic, event));
            // Sending the next ones would let them pass this one.
            if sent.last().is_some_and(Result::is_err) {
                break;
            }
        }
        let outcomes = outcomes(sent).await;
        self.heed(&producer, &outcomes).await?;
        let handed = outcomes.into_iter().map(|outcome| match outcome {
            Ok(place) if place.1 >= 0 => Handed::Durable(Some(place)),
            // The broker has had it before, it says, but not where. If that is true, consumers drop
            // what comes twice; if it is not, the event would never come.
            Ok(_) | Err(_) => Handed::Refused,
        });
        let mut handed: Vec<Handed> = handed.collect();
        handed.resize(events.len(), Handed::Refused);
        Ok(handed)
    }

    async fn publish_dead(&self, letters: &[DeadLetter]) -> anyhow::Result<Vec<bool>> {
        self.prepare().await;
        let producer = self.producer();
        let topic = |letter: &DeadLetter| format!("{}{}.dlq", self.config().prefix, letter.topic);
        let send = |letter| record::bury(&producer, &topic(letter), letter);
        let mut outcomes = outcomes(letters.iter().map(send)).await;
        for (letter, outcome) in letters.iter().zip(&mut outcomes) {
            if outcome.as_ref().is_err_and(is_too_large) {
                let brief = record::bury(&producer, &topic(letter), &record::brief(letter));
                *outcome = self::outcomes([brief]).await.remove(0);
            }
        }
        self.heed(&producer, &outcomes).await?;
        Ok(outcomes.iter().map(Result::is_ok).collect())
    }

    async fn subscribe(
        &self,
        group: &str,
        types: &[EventType],
        start: Start,
    ) -> anyhow::Result<Box<dyn Subscription>> {
        let topics = types.iter().map(|&t| self.config().topic(t)).collect();
        Ok(Box::new(
            Reader::open(self.clone(), group, topics, start).await?,
        ))
    }

    async fn lag(&self) -> anyhow::Result<Vec<(String, i64)>> {
        let lag = self.0.lag.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(lag.clone().into_iter().collect())
    }

    async fn ready(&self) -> anyhow::Result<()> {
        if let Err((cause, detail)) = self.partitions(Duration::from_secs(2)).await {
            bail!("{cause} ({detail})");
        }
        match self.0.troubles.standing() {
            None => Ok(()),
            Some(trouble) => bail!(trouble),
        }
    }
}

/// Where a record is durable, or why it is not.
type Outcome = Result<Place, KafkaError>;

/// Waits until each is durable, or refused.
async fn outcomes(
    sent: impl IntoIterator<Item = Result<DeliveryFuture, KafkaError>>,
) -> Vec<Outcome> {
    let sent: Vec<_> = sent.into_iter().collect();
    crash::point("kafka:before-acknowledgement");
    let mut outcomes = Vec::with_capacity(sent.len());
    for delivery in sent {
        outcomes.push(match delivery {
            Ok(delivery) => match delivery.await {
                Ok(Ok(delivery)) => Ok((delivery.partition.into(), delivery.offset)),
                Ok(Err((error, _))) => Err(error),
                Err(_) => Err(KafkaError::Canceled),
            },
            Err(error) => Err(error),
        });
    }
    outcomes
}

fn is_dead_letters(topic: &str) -> bool {
    topic.ends_with(".dlq")
}

fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

fn is_unknown_topic(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    error.rdkafka_error_code().is_some_and(|code| {
        [UnknownPartition, UnknownTopic, UnknownTopicOrPartition].contains(&code)
    })
}

/// A cause, and what librdkafka says to it.
type Trouble = (Cause, String);

fn other(error: &dyn std::error::Error) -> Trouble {
    (
        Cause::Other("its topics cannot be looked for or made".into()),
        error.to_string(),
    )
}

fn new_producer(config: &KafkaConfig, troubles: &Arc<Troubles>) -> Result<Producer, KafkaError> {
    config.producer().create_with_context(Ear {
        area: Area::Publishing,
        troubles: troubles.clone(),
    })
}
