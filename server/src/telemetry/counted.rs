//! What this process has counted so far, and what became of it between two moments.

use super::metrics::gather;
use app::system::history::{Consumed, Work};
use prometheus::proto::{Histogram, Metric, MetricFamily};
use std::collections::BTreeMap;
use std::time::Instant;

/// Routes that watch rather than serve.
const WATCHING: [&str; 2] = ["health", "metrics"];

/// Since the process began.
pub struct Counted {
    at: Instant,
    published: f64,
    requests: f64,
    request: Buckets,
    sockets: f64,
    consumers: BTreeMap<String, Handled>,
}

#[derive(Default)]
struct Handled {
    ok: f64,
    failed: f64,
    delivery: Buckets,
}

impl Counted {
    pub fn now() -> Self {
        let mut counted = Counted {
            at: Instant::now(),
            published: 0.0,
            requests: 0.0,
            request: Buckets::default(),
            sockets: 0.0,
            consumers: BTreeMap::new(),
        };
        for family in gather() {
            counted.add(&family);
        }
        counted
    }

    fn add(&mut self, family: &MetricFamily) {
        for metric in family.get_metric() {
            let label = |name| label(metric, name);
            let serves = || !WATCHING.contains(&label("route"));
            match family.name() {
                "todo_events_published_total" => self.published += metric.get_counter().get_value(),
                "todo_sockets_open" => self.sockets = metric.get_gauge().get_value(),
                "todo_http_requests_total" if serves() => {
                    self.requests += metric.get_counter().get_value();
                }
                "todo_http_request_seconds" if serves() => {
                    self.request.add(metric.get_histogram());
                }
                "todo_event_delivery_seconds" => {
                    let consumer = self.consumers.entry(label("consumer").into());
                    consumer.or_default().delivery.add(metric.get_histogram());
                }
                "todo_consumer_events_total" => {
                    let consumer = self.consumers.entry(label("consumer").into());
                    let consumer = consumer.or_default();
                    match label("outcome") {
                        "failed" => consumer.failed = metric.get_counter().get_value(),
                        _ => consumer.ok = metric.get_counter().get_value(),
                    }
                }
                _ => {}
            }
        }
    }

    /// Rates since `before`; shares and quantiles since `long_before`.
    pub fn since(&self, before: &Counted, long_before: &Counted) -> Work {
        let seconds = (self.at - before.at).as_secs_f64();
        let rate = |now: f64, then: f64| match seconds > 0.0 {
            true => (now - then) / seconds,
            false => 0.0,
        };
        let nothing = Handled::default();
        let consumers = self.consumers.iter().map(|(name, now)| {
            let then = long_before.consumers.get(name).unwrap_or(&nothing);
            let (ok, failed) = (now.ok - then.ok, now.failed - then.failed);
            let consumed = Consumed {
                p50: now.delivery.quantile(&then.delivery, 0.5),
                p99: now.delivery.quantile(&then.delivery, 0.99),
                failed: (ok + failed > 0.0).then(|| failed / (ok + failed)),
            };
            (name.clone(), consumed)
        });
        Work {
            events: rate(self.published, before.published),
            sockets: self.sockets,
            requests: rate(self.requests, before.requests),
            request_p99: self.request.quantile(&long_before.request, 0.99),
            consumers: consumers.collect(),
        }
    }
}

fn label<'a>(metric: &'a Metric, name: &str) -> &'a str {
    let mut labels = metric.get_label().iter();
    let label = labels.find(|label| label.name() == name);
    label.map(|label| label.value()).unwrap_or_default()
}

/// A histogram: how many took at most so many seconds, and how many there were.
#[derive(Clone, Debug, Default)]
struct Buckets {
    upto: Vec<(f64, u64)>,
    all: u64,
}

impl Buckets {
    /// Of another label, with the same bounds.
    fn add(&mut self, histogram: &Histogram) {
        let buckets = histogram.get_bucket().iter();
        let buckets = buckets.map(|b| (b.upper_bound(), b.cumulative_count()));
        if self.upto.is_empty() {
            self.upto = buckets.collect();
        } else {
            for ((_, sum), (_, count)) in self.upto.iter_mut().zip(buckets) {
                *sum += count;
            }
        }
        self.all += histogram.get_sample_count();
    }

    /// What the part `q` of those since `then` took at most, in seconds, supposing that they are
    /// spread evenly within a bucket; the same as Prometheus' `histogram_quantile`.
    fn quantile(&self, then: &Buckets, q: f64) -> Option<f64> {
        let all = self.all.saturating_sub(then.all);
        if all == 0 {
            return None;
        }
        let rank = q * all as f64;
        let (mut below, mut bound) = (0.0, 0.0);
        for (at, (upper, count)) in self.upto.iter().enumerate() {
            let before = then.upto.get(at).map_or(0, |(_, count)| *count);
            let upto = count.saturating_sub(before) as f64;
            if upto >= rank && upto > below {
                return Some(bound + (upper - bound) * (rank - below) / (upto - below));
            }
            (below, bound) = (upto, *upper);
        }
        // Beyond the last bound nobody knows how far.
        Some(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(upto: [u64; 3], all: u64) -> Buckets {
        let bounds = [0.001, 0.01, 0.1];
        Buckets {
            upto: bounds.into_iter().zip(upto).collect(),
            all,
        }
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let none = Buckets::default();
        let close = |found: Option<f64>, expected: f64| {
            let found = found.unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        };
        assert_eq!(none.quantile(&none, 0.5), None);
        close(buckets([10, 10, 10], 10).quantile(&none, 0.5), 0.0005);
        close(buckets([0, 10, 10], 10).quantile(&none, 0.5), 0.0055);
        close(buckets([50, 100, 100], 100).quantile(&none, 0.99), 0.00982);
        close(buckets([0, 0, 0], 7).quantile(&none, 0.99), 0.1);
        let then = buckets([100, 100, 100], 100);
        close(buckets([100, 100, 200], 200).quantile(&then, 0.5), 0.055);
        assert_eq!(then.quantile(&then, 0.5), None, "nothing since");
    }

    #[test]
    fn rates_are_since_a_while_ago_and_shares_since_longer_ago() {
        let start = Instant::now();
        let counted = |seconds: u64, published: f64, ok: f64, failed: f64| Counted {
            at: start + std::time::Duration::from_secs(seconds),
            published,
            requests: published * 2.0,
            request: Buckets::default(),
            sockets: 3.0,
            consumers: [("activity".to_owned(), ok, failed)]
                .map(|(name, ok, failed)| {
                    let delivery = Buckets::default();
                    let handled = Handled {
                        ok,
                        failed,
                        delivery,
                    };
                    (name, handled)
                })
                .into(),
        };
        let (first, then) = (counted(0, 10.0, 0.0, 1.0), counted(50, 20.0, 1.0, 1.0));
        let here = counted(60, 70.0, 3.0, 2.0).since(&then, &first);
        assert_eq!((here.events, here.requests, here.sockets), (5.0, 10.0, 3.0));
        assert_eq!(here.consumers["activity"].failed, Some(0.25));
        assert_eq!(here.request_p99, None);
        let here = first.since(&first, &first);
        assert_eq!(
            (here.events, here.consumers["activity"].failed),
            (0.0, None)
        );
    }
}
