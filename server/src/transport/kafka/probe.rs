//! Why a broker's certificate is not accepted, which librdkafka does not say.

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(3);

/// Whether only the host name is wrong: connects once more without looking at it. `config` holds
/// nothing to log in with, so nothing is given away. Blocks for up to 3 s.
pub fn only_the_name_is_wrong(config: &ClientConfig) -> KafkaResult<bool> {
    let mut config = config.clone();
    config.set("ssl.endpoint.identification.algorithm", "none");
    let probe: BaseProducer<Refusal> = config.create_with_context(Refusal::default())?;
    let refused = || probe.context().0.load(Ordering::Relaxed);
    let end = Instant::now() + PATIENCE;
    while !refused() && Instant::now() < end {
        let step = Duration::from_millis(200);
        if probe.client().fetch_metadata(None, step).is_ok() {
            return Ok(true);
        }
        probe.poll(Duration::ZERO);
    }
    Ok(!refused())
}

/// Whether an error says that a certificate is not accepted.
pub fn is_refusal(reason: &str) -> bool {
    reason.contains("certificate verify failed")
}

/// Whether the certificate was not accepted.
#[derive(Default)]
struct Refusal(AtomicBool);

impl ClientContext for Refusal {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, reason: &str) {
        self.0.fetch_or(is_refusal(reason), Ordering::Relaxed);
    }
}

impl ProducerContext for Refusal {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
