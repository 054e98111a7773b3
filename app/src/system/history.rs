//! How it went for the last quarter of an hour: what a process keeps in memory of all processes and of
//! the database, for those who have no Grafana. The server fills it, the page draws it.

use crate::event::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two samples.
pub const EVERY: Duration = Duration::from_secs(2);

/// A quarter of an hour of them.
pub const KEPT: usize = 450;

/// One moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub at: Timestamp,
    /// Whose work it is.
    pub processes: Vec<String>,
    pub work: Work,
    /// What stands in the database; `None`: it did not answer.
    pub standing: Option<Standing>,
}

/// What is done, by one process or all of them. Rates are a second, over the last 10 s; shares and
/// quantiles are of the last minute, in seconds, and `None` if nothing happened in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Events published.
    pub events: f64,
    pub sockets: f64,
    pub requests: f64,
    pub request_p99: Option<f64>,
    pub consumers: BTreeMap<String, Consumed>,
}

/// How a consumer fares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Consumed {
    /// From publishing to arrival.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// The part of its attempts that failed, 0 to 1.
    pub failed: Option<f64>,
}

impl Work {
    /// With another process' work: as many as both of them do, and as slow and as faulty as the worse.
    pub fn and(mut self, other: Work) -> Work {
        self.events += other.events;
        self.sockets += other.sockets;
        self.requests += other.requests;
        self.request_p99 = worse(self.request_p99, other.request_p99);
        for (name, theirs) in other.consumers {
            let ours = self.consumers.entry(name).or_default();
            ours.p50 = worse(ours.p50, theirs.p50);
            ours.p99 = worse(ours.p99, theirs.p99);
            ours.failed = worse(ours.failed, theirs.failed);
        }
        self
    }
}

fn worse(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    [one, other].into_iter().flatten().reduce(f64::max)
}

/// What stands in the database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Events that are committed and not published.
    pub outbox: i64,
    pub dead_letters: i64,
    /// Whose events wait, by consumer.
    pub parked: i64,
    /// Published events that a consumer has not dealt with.
    pub lag: BTreeMap<String, i64>,
}

/// What a process has seen.
#[derive(Debug, Default)]
pub struct History {
    samples: Mutex<VecDeque<Arc<Sample>>>,
}

impl History {
    /// Keeps it, in place of the oldest.
    pub fn keep(&self, sample: Sample) {
        let mut samples = self.lock();
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(Arc::new(sample));
    }

    /// Oldest first.
    pub fn samples(&self) -> Vec<Arc<Sample>> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Sample>>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let history = History::default();
        for second in 0..KEPT as i64 + 3 {
            history.keep(Sample {
                at: Timestamp::from_timestamp(second, 0).unwrap(),
                processes: Vec::new(),
                work: Work::default(),
                standing: None,
            });
        }
        let samples = history.samples();
        assert_eq!(samples.len(), KEPT);
        assert_eq!(samples[0].at.timestamp(), 3);
        assert_eq!(samples[KEPT - 1].at.timestamp(), KEPT as i64 + 2);
    }

    #[test]
    fn of_two_processes_the_worse_is_shown() {
        let work = |events, request_p99, failed| Work {
            events,
            request_p99,
            consumers: [(
                "search".to_owned(),
                Consumed {
                    failed,
                    ..Consumed::default()
                },
            )]
            .into(),
            ..Work::default()
        };
        let both = work(1.5, Some(0.2), None).and(work(2.0, Some(0.1), Some(0.0)));
        assert_eq!(both, work(3.5, Some(0.2), Some(0.0)));
    }
}
