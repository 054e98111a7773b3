//! Every librdkafka setting, with its reason.

use crate::config::Secret;
use app::event::EventType;
use clap::ValueEnum;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// HOST:PORT, or several with commas.
    pub brokers: String,
    /// Stands before the names of topics and groups, so that installations can share a broker.
    pub prefix: String,
    /// Of each topic when it is made. Changing it moves people between partitions.
    pub partitions: i32,
    /// Copies of each topic when it is made.
    pub replication: i32,
    /// Whether this process publishes. Then it makes topics that are missing; else it waits for them.
    pub publishes: bool,
    /// How the connection is encrypted, if it is.
    pub tls: Option<Tls>,
    /// How to log in by name, if at all.
    pub sasl: Option<Sasl>,
}

/// TLS; that the certificate is the broker's own is checked in any case.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whose signature a broker's certificate needs. `None`: those the system trusts.
    pub ca: Option<PathBuf>,
    /// Our certificate and its private key, for a broker that asks.
    pub identity: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Debug)]
pub struct Sasl {
    pub mechanism: Mechanism,
    pub username: String,
    pub password: Secret,
}

/// How a user name and a password are proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    /// The password does not leave this process
    #[value(name = "SCRAM-SHA-512")]
    ScramSha512,
    /// The password is sent as it is
    #[value(name = "PLAIN")]
    Plain,
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::Plain => "PLAIN",
        }
    }
}

impl KafkaConfig {
    pub fn topic(&self, event_type: EventType) -> String {
        format!("{}{}", self.prefix, event_type.as_str())
    }

    /// Every topic there has to be, dead letters included.
    pub fn topics(&self) -> Vec<String> {
        let topics = EventType::ALL.iter().map(|&t| self.topic(t));
        topics
            .flat_map(|topic| [format!("{topic}.dlq"), topic])
            .collect()
    }

    /// To look whether a broker's certificate is right, without logging in.
    pub fn anonymous(&self) -> ClientConfig {
        let tls = self.tls.as_ref().map(|tls| Tls {
            ca: tls.ca.clone(),
            identity: None,
        });
        let anonymous = KafkaConfig {
            tls,
            sasl: None,
            ..self.clone()
        };
        anonymous.client()
    }

    /// What all clients have in common.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "todo-evolution")
            // A connection that a firewall forgot is noticed.
            .set("socket.keepalive.enable", "true")
            // The default of 10 s would be most of the time it takes to recover.
            .set("reconnect.backoff.max.ms", "1000")
            // Brokers hang up on idle connections, which is nothing to tell of.
            .set("log.connection.close", "false")
            .set_log_level(RDKafkaLogLevel::Info);
        self.secure(&mut config);
        config
    }

    fn secure(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(tls) = &self.tls {
            config
                .set("enable.ssl.certificate.verification", "true")
                // A good certificate of another host is no proof.
                .set("ssl.endpoint.identification.algorithm", "https");
            if let Some(ca) = &tls.ca {
                config.set("ssl.ca.location", ca.to_string_lossy());
            }
            if let Some((certificate, key)) = &tls.identity {
                config
                    .set("ssl.certificate.location", certificate.to_string_lossy())
                    .set("ssl.key.location", key.to_string_lossy());
            }
        }
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", sasl.mechanism.name())
                .set("sasl.username", &sasl.username)
                .set("sasl.password", &*sasl.password);
        }
    }

    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // Retries neither repeat nor reorder. Only those who may publish may ask for it.
            .set("enable.idempotence", self.publishes.to_string())
            // With more, a partition that is only just made may refuse the first and take the second:
            // the first, sent again, passes for one it has had, and is lost.
            .set("max.in.flight.requests.per.connection", "1")
            .set("acks", "all")
            // Giving up on a message would leave a gap, and the message perhaps written.
            .set("message.timeout.ms", "0")
            // As Java clients do; the default would send the same person elsewhere.
            .set("partitioner", "murmur2_random")
            // An event has at most 900 KiB; a dead letter may be any record, and says more.
            .set("message.max.bytes", "2097152")
            // What is more than this waits in the database.
            .set("queue.buffering.max.kbytes", "65536")
            // Every millisecond here is one a person waits; a busy relay fills batches anyway.
            .set("linger.ms", "0")
            .set("compression.type", "lz4");
        config
    }

    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", format!("{}{group}", self.prefix))
            // Others rebalance endlessly, or die, in this version.
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "range")
            // Offsets are stored after the database's commit, and then sent once a second.
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            // The default would skip what came before the group's first offset.
            .set("auto.offset.reset", "earliest")
            // The time until a dead member's partitions are given to another.
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "3000")
            .set("max.poll.interval.ms", "120000")
            .set("check.crcs", "true")
            .set("queued.max.messages.kbytes", "16384")
            // The default of 1 s makes one-second gaps.
            .set("fetch.queue.backoff.ms", "10")
            // For the lag, and for noticing a partition that is read no more.
            .set("statistics.interval.ms", "5000");
        config
    }
}
