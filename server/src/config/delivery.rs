//! The settings for what leaves the house.

use crate::consumer::policy::{Policies, Policy};
use crate::delivery::Settings;
use clap::Args;
use std::time::Duration;

/// About a day: 5 s, 10 s, 20 s … 6 h.
const RETRY: &str = "15,5s,360m";
const BREAKER: &str = "5,10s,10m";

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Deliveries")]
pub struct DeliveryArgs {
    /// How often and when a delivery is tried again: RETRIES,FIRST,LONGEST, doubled each time. For
    /// some channels their own, as in 15,5s,360m;sms=3,5s,60s
    #[arg(id = "delivery_retry", long = "delivery-retry", env = "TODO_DELIVERY_RETRY", default_value = RETRY, value_parser = policies, global = true)]
    pub retry: Policies,

    /// When a target or gateway is left alone: after FAILURES in a row for FIRST, doubled each time
    /// it fails again, up to LONGEST
    #[arg(id = "delivery_breaker", long = "delivery-breaker", env = "TODO_DELIVERY_BREAKER", default_value = BREAKER, value_parser = breaker, global = true)]
    pub breaker: Policy,

    /// How many milliseconds a receiver has to answer
    #[arg(id = "delivery_timeout", long = "delivery-timeout", env = "TODO_DELIVERY_TIMEOUT", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(100..=120_000), global = true)]
    pub timeout: u64,

    /// Let people have this machine and its own network called, by http too, which may hold what they
    /// must not reach. For tests, and where everybody is trusted
    #[arg(
        long = "allow-private-targets",
        env = "TODO_ALLOW_PRIVATE_TARGETS",
        global = true
    )]
    pub allow_private: bool,
}

impl DeliveryArgs {
    pub fn settings(&self) -> Settings {
        Settings {
            retry: self.retry.clone(),
            breaker: self.breaker,
            timeout: Duration::from_millis(self.timeout),
        }
    }
}

/// What is not said is as by default.
fn policies(text: &str) -> Result<Policies, String> {
    format!("{RETRY};{text}").parse()
}

fn breaker(text: &str) -> Result<Policy, String> {
    let policies: Policies = text.parse()?;
    match policies.of("") {
        policy if policy.retries > 0 && !text.contains(['=', ';']) => Ok(policy),
        _ => Err(format!(
            "{text:?} is no breaker. Write FAILURES,FIRST,LONGEST, such as {BREAKER}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_well_formed_and_a_channel_may_have_its_own() {
        assert_eq!(policies(RETRY).unwrap().of("email").retries, 15);
        let own = policies("sms=3,5s,60s").unwrap();
        assert_eq!((own.of("sms").retries, own.of("email").retries), (3, 15));
        assert_eq!(breaker(BREAKER).unwrap().retries, 5);
        for bad in ["0,1s,2s", "5", "sms=5,1s,2s", "5,1s,2s;sms=5,1s,2s"] {
            assert!(breaker(bad).is_err(), "{bad}");
        }
    }
}
