//! How often and when a consumer tries again what failed.

use rand::Rng;
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

/// The contract's: 5 retries, after 1 s, 2 s, 4 s … at most 60 s.
pub const DEFAULT: &str = "5,1s,60s";

/// Of one consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After the first attempt.
    pub retries: u32,
    pub first: Duration,
    pub longest: Duration,
}

impl Policy {
    /// How long to wait after `attempts` failures: doubled each time, and up to a tenth more, so that
    /// not everybody comes back at once. Never less.
    pub fn delay(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(30);
        let wait = self.first.saturating_mul(1 << doublings).min(self.longest);
        wait.mul_f64(1.0 + rand::rng().random_range(0.0..0.1))
    }

    /// Whether an event that failed so often is given up.
    pub fn is_spent(&self, attempts: u32) -> bool {
        attempts > self.retries
    }
}

/// Everyone's: "5,1s,60s" for all, and for some their own, as in "5,1s,60s;search=8,500ms,30s".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    others: Policy,
    own: HashMap<String, Policy>,
}

impl Policies {
    /// Who has its own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    pub fn of(&self, consumer: &str) -> Policy {
        self.own.get(consumer).copied().unwrap_or(self.others)
    }
}

impl Default for Policies {
    fn default() -> Self {
        Policies {
            others: Policy {
                retries: 5,
                first: Duration::from_secs(1),
                longest: Duration::from_secs(60),
            },
            own: HashMap::new(),
        }
    }
}

impl FromStr for Policies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut policies = Policies::default();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.split_once('=') {
                Some((consumer, policy)) => {
                    policies.own.insert(consumer.trim().into(), read(policy)?);
                }
                None => policies.others = read(part)?,
            }
        }
        Ok(policies)
    }
}

fn read(text: &str) -> Result<Policy, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let policy = match parts[..] {
        [retries, first, longest] => retries
            .parse()
            .ok()
            .filter(|retries| *retries <= 100)
            .zip(duration(first))
            .zip(duration(longest)),
        _ => None,
    };
    match policy {
        Some(((retries, first), longest)) if !first.is_zero() && first <= longest => Ok(Policy {
            retries,
            first,
            longest,
        }),
        _ => Err(format!(
            "{text:?} is no policy. Write RETRIES,FIRST,LONGEST, such as {DEFAULT}; at most 100 retries"
        )),
    }
}

/// "500ms", "1s", "2m".
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_wait_is_twice_the_last_up_to_the_longest_and_at_most_a_tenth_more() {
        let policy = Policies::default().of("any");
        for (attempts, seconds) in [(1, 1), (2, 2), (5, 16), (6, 32), (7, 60), (99, 60)] {
            let wait = policy.delay(attempts).as_secs_f64() / f64::from(seconds);
            assert!((1.0..1.1).contains(&wait), "{attempts}: {wait}");
        }
        let waits: HashSet<Duration> = (0..20).map(|_| policy.delay(1)).collect();
        assert!(waits.len() > 1, "not everybody comes back at once");
        assert!(!policy.is_spent(5));
        assert!(policy.is_spent(6));
    }

    #[test]
    fn a_consumer_may_have_its_own() {
        assert_eq!(DEFAULT.parse(), Ok(Policies::default()));
        let policies: Policies = "3, 1s, 1m; search=8,500ms,30s".parse().unwrap();
        let expected = |retries, first, longest| Policy {
            retries,
            first: Duration::from_millis(first),
            longest: Duration::from_millis(longest),
        };
        assert_eq!(policies.of("activity"), expected(3, 1_000, 60_000));
        assert_eq!(policies.of("search"), expected(8, 500, 30_000));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for bad in [
            "5",
            "5,1,60s",
            "5,60s,1s",
            "x=5,1s",
            "5,0s,1s",
            "101,1s,1s",
            "-1,1s,2s",
        ] {
            assert!(bad.parse::<Policies>().is_err(), "{bad}");
        }
    }
}
