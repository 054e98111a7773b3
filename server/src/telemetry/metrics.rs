//! What is counted and timed, for `GET /metrics`: of this process, and of nobody in particular.
//!
//! A new measure is a field, its line in [`Metrics::new`], and a function that says what happened.

use app::event::{EventType, Timestamp};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};
use std::sync::LazyLock;
use std::time::Duration;

/// From half a millisecond, which is what the quickest take, to the minute nobody waits for.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

struct Metrics {
    registry: Registry,
    published: IntCounterVec,
    delivery: HistogramVec,
    handled: IntCounterVec,
    buried: IntCounterVec,
    leader: IntGauge,
    sockets: IntGauge,
    messages: IntCounter,
    requests: IntCounterVec,
    request: HistogramVec,
    write: Histogram,
    spans: IntCounterVec,
    refusals: IntCounterVec,
    deliveries: IntCounterVec,
    attempt: HistogramVec,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let r = &registry;
        let metrics = Metrics {
            published: counters(
                r,
                "todo_events_published_total",
                "Events the transport has taken, by type.",
                &["type"],
            ),
            delivery: histograms(
                r,
                "todo_event_delivery_seconds",
                "From an event's publishing to its arrival at a consumer.",
                &["consumer"],
            ),
            handled: counters(
                r,
                "todo_consumer_events_total",
                "Events a consumer has applied (ok), and attempts that failed (failed).",
                &["consumer", "outcome"],
            ),
            buried: counters(
                r,
                "todo_dead_letters_total",
                "Events and records that were given up, by the topic they came from.",
                &["topic"],
            ),
            leader: add(
                r,
                IntGauge::new(
                    "todo_relay_leader",
                    "1 while this process is the one that relays.",
                ),
            ),
            sockets: add(
                r,
                IntGauge::new("todo_sockets_open", "Windows that are connected."),
            ),
            messages: add(
                r,
                IntCounter::new(
                    "todo_socket_messages_total",
                    "Messages sent to windows, pings included.",
                ),
            ),
            requests: counters(
                r,
                "todo_http_requests_total",
                "Requests answered, by method, class of route and status.",
                &["method", "route", "status"],
            ),
            request: histograms(
                r,
                "todo_http_request_seconds",
                "From a request to the head of its answer, by method and class of route.",
                &["method", "route"],
            ),
            write: add(
                r,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "todo_db_write_seconds",
                        "From asking for a transaction to its commit, waiting included.",
                    )
                    .buckets(SECONDS.to_vec()),
                ),
            ),
            spans: counters(
                r,
                "todo_trace_spans_total",
                "Spans sent to a collector of traces, and dropped because it was away or slow.",
                &["exporter", "outcome"],
            ),
            refusals: counters(
                r,
                "todo_scope_refusals_total",
                "Attempts to publish or read what the scopes do not allow, by who tried.",
                &["app", "action"],
            ),
            deliveries: counters(
                r,
                "todo_deliveries_total",
                "Deliveries that were queued, sent, failed and are tried again (retried), given up \
                 (failed), or not wanted any more (gone).",
                &["channel", "outcome"],
            ),
            attempt: histograms(
                r,
                "todo_delivery_attempt_seconds",
                "How long an attempt to deliver takes, by channel.",
                &["channel"],
            ),
            registry,
        };
        for event_type in EventType::ALL {
            metrics.published.with_label_values(&[event_type.as_str()]);
            metrics.buried.with_label_values(&[event_type.as_str()]);
        }
        metrics
    }
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    add(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    add(registry, HistogramVec::new(opts, labels))
}

/// Panics if two have the same name, which the first request for any of them brings to light.
fn add<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("a measure's name and labels are well-formed");
    let registered = registry.register(Box::new(collector.clone()));
    registered.expect("a measure's name is its own");
    collector
}

/// Everything measured so far.
pub(super) fn gather() -> Vec<prometheus::proto::MetricFamily> {
    METRICS.registry.gather()
}

/// The transport has taken an event.
pub fn published(event_type: EventType) {
    METRICS
        .published
        .with_label_values(&[event_type.as_str()])
        .inc();
}

/// Events that were published at these times have reached a member of `group`.
pub fn delivered(group: &str, published: impl IntoIterator<Item = Timestamp>) {
    let delivery = METRICS.delivery.with_label_values(&[consumer(group)]);
    let now = app::db::now();
    for at in published {
        // Another machine's clock may be ahead of ours.
        let took = (now - at).to_std().unwrap_or_default();
        delivery.observe(took.as_secs_f64());
    }
}

/// A consumer has applied so many events.
pub fn handled(consumer: &str, events: u64) {
    let outcome = |outcome| METRICS.handled.with_label_values(&[consumer, outcome]);
    outcome("ok").inc_by(events);
    // A rate of failures needs to know that there were none.
    outcome("failed").inc_by(0);
}

/// A consumer could not apply an event; it is tried again.
pub fn failed(consumer: &str) {
    METRICS
        .handled
        .with_label_values(&[consumer, "failed"])
        .inc();
}

/// An event or a record of `topic` has become a dead letter.
pub fn buried(topic: &str) {
    METRICS.buried.with_label_values(&[topic]).inc();
}

/// A consumer's name, for which the live feed's groups, one a process, are one.
pub fn consumer(group: &str) -> &str {
    match group.split_once('-') {
        Some((live @ "live", _)) => live,
        _ => group,
    }
}

/// This process relays until the value is dropped.
#[must_use]
pub fn leading() -> Held {
    Held::new(&METRICS.leader)
}

/// A socket is open until the value is dropped.
#[must_use]
pub fn socket() -> Held {
    Held::new(&METRICS.sockets)
}

/// One more, for as long as it is held.
pub struct Held(&'static IntGauge);

impl Held {
    fn new(gauge: &'static IntGauge) -> Self {
        gauge.inc();
        Held(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A message has left for a window.
pub fn message_sent() {
    METRICS.messages.inc();
}

/// A request was answered. `route` and `method` are from short lists, whatever was asked for.
pub(super) fn answered(method: &str, route: &str, status: u16, took: Duration) {
    METRICS
        .requests
        .with_label_values(&[method, route, &status.to_string()])
        .inc();
    METRICS
        .request
        .with_label_values(&[method, route])
        .observe(took.as_secs_f64());
}

/// A write to the database has ended.
pub fn wrote(took: Duration) {
    METRICS.write.observe(took.as_secs_f64());
}

/// So many spans were `sent` or `dropped`.
pub(super) fn spans(exporter: &str, outcome: &str, count: u64) {
    METRICS
        .spans
        .with_label_values(&[exporter, outcome])
        .inc_by(count);
}

/// Somebody wanted to publish or read what the scopes do not allow.
pub fn refused(app: &str, action: &str) {
    METRICS.refusals.with_label_values(&[app, action]).inc();
}

/// A delivery was queued, sent, retried, failed or gone.
pub fn delivery(channel: &str, outcome: &str) {
    METRICS
        .deliveries
        .with_label_values(&[channel, outcome])
        .inc();
}

/// A rate of failures needs to know that there were none.
pub fn channel_is_on(channel: &str) {
    for outcome in ["queued", "sent", "retried", "failed", "gone"] {
        METRICS.deliveries.with_label_values(&[channel, outcome]);
    }
}

/// An attempt to deliver has ended.
pub fn attempted(channel: &str, took: Duration) {
    METRICS
        .attempt
        .with_label_values(&[channel])
        .observe(took.as_secs_f64());
}
