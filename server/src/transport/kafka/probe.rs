//! Why a broker's certificate is not accepted, which librdkafka does not say.

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A broker that is busy, or far away, may take a while to say what it thinks of us.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether only the host name is wrong: connects once more without looking at it. `config` holds
/// nothing to log in with, so nothing is given away. Blocks for up to 10 s.
pub fn only_the_name_is_wrong(config: &ClientConfig) -> KafkaResult<bool> {
    let mut config = config.clone();
    config.set("ssl.endpoint.identification.algorithm", "none");
    let probe: BaseProducer<Verdict> = config.create_with_context(Verdict::default())?;
    let Verdict { refused, accepted } = &**probe.context();
    let known = || refused.load(Ordering::Relaxed) || accepted.load(Ordering::Relaxed);
    let end = Instant::now() + PATIENCE;
    while !known() && Instant::now() < end {
        let step = Duration::from_millis(200);
        if probe.client().fetch_metadata(None, step).is_ok() {
            return Ok(true);
        }
        probe.poll(Duration::ZERO);
    }
    Ok(!refused.load(Ordering::Relaxed))
}

/// Whether an error says that a certificate is not accepted.
pub fn is_refusal(reason: &str) -> bool {
    reason.contains("certificate verify failed")
}

/// What became of the certificate, if that is known.
#[derive(Default)]
struct Verdict {
    refused: AtomicBool,
    /// We came as far as being asked to log in, which we do not.
    accepted: AtomicBool,
}

impl ClientContext for Verdict {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, reason: &str) {
        self.refused.fetch_or(is_refusal(reason), Ordering::Relaxed);
        let accepted = reason.contains("ApiVersion");
        self.accepted.fetch_or(accepted, Ordering::Relaxed);
    }
}

impl ProducerContext for Verdict {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
