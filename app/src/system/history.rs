//! How it went for the last quarter of an hour: what a process keeps in memory of itself and of the
//! database, for those who have no Grafana. The server fills it, the page draws it.

use crate::event::Timestamp;
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
    pub here: Here,
    /// What stands in the database; `None`: it did not answer.
    pub standing: Option<Standing>,
}

/// What this process does. Rates are a second, over the last 10 s; shares and quantiles are of the
/// last minute, in seconds, and `None` if nothing happened in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Here {
    /// Events published.
    pub events: f64,
    pub sockets: f64,
    pub requests: f64,
    pub request_p99: Option<f64>,
    pub consumers: BTreeMap<String, Consumed>,
}

/// How a consumer fares in this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consumed {
    /// From publishing to arrival.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// The part of its attempts that failed, 0 to 1.
    pub failed: Option<f64>,
}

/// The same for all processes.
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

/// The samples of a process.
#[derive(Debug, Default)]
pub struct History {
    /// How the process is told from others.
    pub process: String,
    samples: Mutex<VecDeque<Arc<Sample>>>,
}

impl History {
    pub fn of(process: String) -> Self {
        History {
            process,
            samples: Mutex::default(),
        }
    }

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
        let history = History::of("test".into());
        for second in 0..KEPT as i64 + 3 {
            history.keep(Sample {
                at: Timestamp::from_timestamp(second, 0).unwrap(),
                here: Here::default(),
                standing: None,
            });
        }
        let samples = history.samples();
        assert_eq!(samples.len(), KEPT);
        assert_eq!(samples[0].at.timestamp(), 3);
        assert_eq!(samples[KEPT - 1].at.timestamp(), KEPT as i64 + 2);
    }
}
