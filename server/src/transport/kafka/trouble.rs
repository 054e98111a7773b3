//! What is wrong with Kafka: the cause in one line, with the setting to look at, told once.
//!
//! librdkafka tries again for ever, and tells of every attempt, of each of its clients, often three
//! times over. All of that ends here. Its own words are in the line as `detail`; the rest of what it
//! says is logged at the level debug.

use super::probe;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was over and comes back within this time is not told again.
const AGAIN: Duration = Duration::from_secs(60);

/// A connection that failed so recently does so still: to one of several brokers, perhaps.
const SETTLED: Duration = Duration::from_secs(3);

/// What does not work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    Connection,
    Topics,
    Publishing,
    /// Reading, as this group.
    Reading(String),
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::Connection => f.write_str("Kafka answers"),
            Area::Topics => f.write_str("Kafka's topics are there"),
            Area::Publishing => f.write_str("Kafka takes events"),
            Area::Reading(group) => write!(f, "Kafka lets {group} read"),
        }
    }
}

/// Why it does not work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    Away,
    Login,
    Mechanism,
    /// The broker's certificate is not accepted; whether for one reason or the other is looked at.
    Unverified,
    Authority,
    HostName,
    ClientCertificate,
    Protocol,
    Tls,
    /// To do what.
    Forbidden(String),
    /// Of the topics, until the relay has made them.
    NotYet,
    /// What else an error says.
    Other(String),
}

impl Cause {
    /// What does not work if the topics are not found for this cause.
    pub fn area(&self) -> Area {
        match self {
            Cause::Away => Area::Connection,
            _ => Area::Topics,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Away => {
                "Kafka does not answer. Check that it is running, KAFKA_BROKERS and KAFKA_SECURITY"
            }
            Cause::Login => {
                "Kafka refuses the user name or the password. Check KAFKA_USERNAME, and KAFKA_PASSWORD_FILE or KAFKA_PASSWORD"
            }
            Cause::Mechanism => {
                "Kafka does not know this way of logging in. Check KAFKA_SASL_MECHANISM"
            }
            Cause::Unverified => "Kafka's certificate is not accepted",
            Cause::Authority => {
                "Kafka's certificate is not signed by an authority we trust. Check KAFKA_CA_FILE"
            }
            Cause::HostName => {
                "Kafka's certificate is for another host name. Check KAFKA_BROKERS: its names have to be those in the certificate"
            }
            Cause::ClientCertificate => {
                "Kafka does not accept our certificate, or wants one. Check KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE"
            }
            Cause::Protocol => {
                "Kafka's connection is secured in another way than we expect. Check KAFKA_SECURITY, and the port in KAFKA_BROKERS"
            }
            Cause::Tls => {
                "The encrypted connection to Kafka fails. Check KAFKA_SECURITY, KAFKA_CA_FILE and KAFKA_CERTIFICATE_FILE"
            }
            Cause::Forbidden(what) => {
                return write!(
                    f,
                    "Kafka does not allow us to {what}. `todo kafka acls` prints the commands that allow it; check KAFKA_USERNAME and KAFKA_PREFIX too"
                );
            }
            Cause::NotYet => {
                "Kafka's topics are not there yet. A process with the role relay makes them"
            }
            Cause::Other(what) => return write!(f, "Kafka reports: {what}"),
        })
    }
}

struct State {
    standing: bool,
    seen: Instant,
}

/// What is wrong at the moment; shared by all clients of a transport.
pub struct Troubles {
    /// How to connect without logging in.
    anonymous: ClientConfig,
    known: Mutex<HashMap<(Area, Cause), State>>,
    /// Why the last connection failed. That it did matters only if no broker is left.
    failure: Mutex<String>,
}

impl Troubles {
    pub fn new(anonymous: ClientConfig) -> Arc<Self> {
        Arc::new(Troubles {
            anonymous,
            known: Mutex::default(),
            failure: Mutex::default(),
        })
    }

    /// Logs the cause, unless it is known. `detail`: what librdkafka says to it.
    pub fn tell(&self, area: Area, cause: Cause, detail: &str) {
        let key = (area, cause);
        let mut known = self.known();
        let now = Instant::now();
        let state = known.get(&key);
        let told = state.is_some_and(|s| s.standing || now - s.seen < AGAIN);
        // What comes of a connection that fails for a reason we know is no news.
        let explained = matches!(key.1, Cause::Away | Cause::NotYet)
            && known.iter().any(|((area, cause), state)| {
                state.standing && *area == Area::Connection && *cause != Cause::Away
            });
        if explained {
            tracing::debug!(detail, "{}", key.1);
            return;
        }
        let state = State {
            standing: true,
            seen: now,
        };
        let cause = key.1.clone();
        known.insert(key, state);
        drop(known);
        match cause {
            _ if told => tracing::debug!(detail, "{cause}"),
            Cause::Away | Cause::NotYet | Cause::Other(_) => tracing::warn!(detail, "{cause}"),
            _ => tracing::error!(detail, "{cause}"),
        }
    }

    /// It works.
    pub fn over(&self, area: &Area) {
        let now = Instant::now();
        let mut over = false;
        for ((a, _), state) in self.known().iter_mut() {
            let settled = *area != Area::Connection || now - state.seen > SETTLED;
            if a == area && state.standing && settled {
                state.standing = false;
                over = true;
            }
        }
        if over {
            tracing::info!("{area} again");
        }
    }

    /// What does not work though the broker answers, if something does not.
    pub fn standing(&self) -> Option<String> {
        let known = self.known();
        let mut standing = known
            .iter()
            .filter(|((area, _), state)| state.standing && *area != Area::Connection);
        standing.next().map(|((_, cause), _)| cause.to_string())
    }

    /// Takes what librdkafka says of an error. Whether it is about what we may do.
    pub fn hear(self: &Arc<Self>, area: &Area, error: &KafkaError, reason: &str) -> bool {
        let code = error.rdkafka_error_code();
        let Some((area, cause)) = cause(area, code, reason) else {
            tracing::debug!(?area, %error, reason, "librdkafka");
            *self.failure() = reason.to_owned();
            return false;
        };
        let forbidden = matches!(cause, Cause::Forbidden(_));
        match cause {
            Cause::Away => {
                let last = self.failure().clone();
                self.tell(area, cause, if last.is_empty() { reason } else { &last });
            }
            Cause::Unverified => self.look_into(reason),
            _ => self.tell(area, cause, reason),
        }
        forbidden
    }

    /// Finds out why a certificate is not accepted, unless that is known or being found out.
    fn look_into(self: &Arc<Self>, reason: &str) {
        for cause in [Cause::Authority, Cause::HostName] {
            let key = (Area::Connection, cause);
            if self.known().get(&key).is_some_and(|state| state.standing) {
                return self.tell(key.0, key.1, reason);
            }
        }
        let state = State {
            standing: true,
            seen: Instant::now(),
        };
        let key = (Area::Connection, Cause::Unverified);
        if let Some(before) = self.known().insert(key, state)
            && before.standing
        {
            return;
        }
        let (troubles, reason) = (self.clone(), reason.to_owned());
        std::thread::spawn(move || {
            let cause = match probe::only_the_name_is_wrong(&troubles.anonymous) {
                Ok(true) => Cause::HostName,
                Ok(false) | Err(_) => Cause::Authority,
            };
            troubles.tell(Area::Connection, cause, &reason);
        });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(Area, Cause), State>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error means, and for what. `None`: nothing yet.
fn cause(area: &Area, code: Option<RDKafkaErrorCode>, reason: &str) -> Option<(Area, Cause)> {
    use RDKafkaErrorCode as Code;
    let says = |text: &str| reason.contains(text);
    let cause = match code {
        Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
            if says("mechanism handshake failed") {
                Cause::Mechanism
            } else {
                Cause::Login
            }
        }
        Some(Code::UnsupportedSASLMechanism) => Cause::Mechanism,
        Some(Code::SSL | Code::BrokerTransportFailure) if probe::is_refusal(reason) => {
            Cause::Unverified
        }
        Some(Code::SSL | Code::BrokerTransportFailure) if says("SSL alert") => {
            Cause::ClientCertificate
        }
        Some(Code::SSL | Code::BrokerTransportFailure)
            if says("security.protocol") || says("PLAINTEXT") || says("wrong version number") =>
        {
            Cause::Protocol
        }
        Some(Code::SSL) => Cause::Tls,
        // None of them is: their number has just changed.
        Some(Code::AllBrokersDown) if reason.starts_with("0/") => return None,
        Some(Code::AllBrokersDown) => Cause::Away,
        Some(
            Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut,
        ) => return None,
        // At its start a producer asks for a number, which it gets if it may write to any topic.
        // What it may not do is told when it does it.
        Some(Code::ClusterAuthorizationFailed) if reason.contains("PID") => return None,
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            let what = match area {
                Area::Connection | Area::Topics => "see or make its topics".to_owned(),
                Area::Publishing => "publish to its topics".to_owned(),
                Area::Reading(group) => format!("read every topic of {group}"),
            };
            return Some((area.clone(), Cause::Forbidden(what)));
        }
        Some(Code::GroupAuthorizationFailed) => {
            let Area::Reading(group) = area else {
                return None;
            };
            let what = format!("read as the group {group}");
            return Some((area.clone(), Cause::Forbidden(what)));
        }
        Some(other) => return Some((area.clone(), Cause::Other(other.to_string()))),
        None => return Some((area.clone(), Cause::Other("an error".into()))),
    };
    Some((Area::Connection, cause))
}

/// What librdkafka tells of a client.
#[derive(Clone)]
pub struct Ear {
    pub area: Area,
    pub troubles: Arc<Troubles>,
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes by `error` too.
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.hear(&self.area, &error, reason);
    }
}
