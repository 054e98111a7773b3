//! Fills the history that the System page draws: every two seconds a look at what this process has
//! counted, and at what stands in the database.

use super::counted::Counted;
use super::lag::Lag;
use super::scrape::{DEAD_LETTERS, OUTBOX, PARKED};
use crate::config::Config;
use crate::transport::Transport;
use app::db::{Db, now};
use app::system::history::{EVERY, Here, History, Sample, Standing};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Rates are taken over so many samples: 10 s.
const RATE: usize = 5;

/// Shares and quantiles over so many: a minute.
const MINUTE: usize = 30;

/// How long the database may take; the process' own figures are kept without its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs until `stopping`.
pub async fn run(
    history: Arc<History>,
    db: Db,
    transport: Arc<dyn Transport>,
    stopping: CancellationToken,
) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut recent = VecDeque::new();
    let mut lag = Lag::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopping.cancelled() => return,
        }
        let standing = timeout(PATIENCE, standing(&db, transport.as_ref(), &mut lag)).await;
        let standing = match standing {
            Ok(Ok(standing)) => Some(standing),
            Ok(Err(error)) => {
                tracing::debug!(error = format!("{error:#}"), "no figures of the database");
                None
            }
            Err(_) => None,
        };
        if recent.len() > MINUTE {
            recent.pop_front();
        }
        recent.push_back(Counted::now());
        history.keep(Sample {
            at: now(),
            here: here(&recent),
            standing,
        });
    }
}

/// What was counted lately, as rates, shares and quantiles.
fn here(recent: &VecDeque<Counted>) -> Here {
    let (Some(now), Some(a_minute_ago)) = (recent.back(), recent.front()) else {
        return Here::default();
    };
    let before = recent.iter().rev().nth(RATE).unwrap_or(a_minute_ago);
    now.since(before, a_minute_ago)
}

async fn standing(db: &Db, transport: &dyn Transport, lag: &mut Lag) -> anyhow::Result<Standing> {
    let count = async |sql: &'static str| -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(sql).fetch_one(db.pool()).await
    };
    Ok(Standing {
        outbox: count(OUTBOX).await?,
        dead_letters: count(DEAD_LETTERS).await?,
        parked: count(PARKED).await?,
        lag: lag.of_all(db, transport).await?,
    })
}

/// How this process is told from others.
pub fn process(config: &Config) -> String {
    // Nothing in the standard library knows it.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => String::new(),
        host => format!(" on {host}"),
    };
    format!(
        "process {}{host}, role {}",
        std::process::id(),
        config.role.name()
    )
}
