//! Fills the history that the System page draws: every two seconds a look at what this process has
//! counted, at what the others say they have, and at what stands in the database.

use super::counted::Counted;
use super::lag::Lag;
use super::scrape::{DEAD_LETTERS, OUTBOX, PARKED};
use crate::config::Config;
use crate::transport::Transport;
use app::db::{Backend, Db, now, to_micros};
use app::system::history::{EVERY, History, Sample, Standing, Work};
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

/// Who has not said anything for so long has ended.
const SILENCE: Duration = Duration::from_secs(10);

/// Runs until `stopping`. `process`: how this one is told from others.
pub async fn run(
    history: Arc<History>,
    process: String,
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
        let work = work(&recent);
        let everybodys = timeout(PATIENCE, share(&db, &process, &work)).await;
        let everybodys = match everybodys {
            Ok(Ok(everybodys)) => everybodys,
            Ok(Err(_)) | Err(_) => vec![(process.clone(), work)],
        };
        let (processes, work): (Vec<_>, Vec<_>) = everybodys.into_iter().unzip();
        history.keep(Sample {
            at: now(),
            processes,
            work: work.into_iter().fold(Work::default(), Work::and),
            standing,
        });
    }
}

/// What was counted lately, as rates, shares and quantiles.
fn work(recent: &VecDeque<Counted>) -> Work {
    let (Some(now), Some(a_minute_ago)) = (recent.back(), recent.front()) else {
        return Work::default();
    };
    let before = recent.iter().rev().nth(RATE).unwrap_or(a_minute_ago);
    now.since(before, a_minute_ago)
}

/// Tells the others what this process does; what each of them does. An SQLite file has one process.
async fn share(db: &Db, process: &str, work: &Work) -> anyhow::Result<Vec<(String, Work)>> {
    if db.backend() == Backend::Sqlite {
        return Ok(vec![(process.to_owned(), work.clone())]);
    }
    let (process, work) = (process.to_owned(), serde_json::to_string(work)?);
    let rows: Result<Vec<(String, String)>, sqlx::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "insert into figures (process, at, work) values ($1, $2, $3) \
                     on conflict (process) do update set at = excluded.at, work = excluded.work",
                )
                .bind(process)
                .bind(to_micros(now()))
                .bind(work)
                .execute(&mut **tx)
                .await?;
                sqlx::query("delete from figures where at < $1")
                    .bind(to_micros(now() - SILENCE))
                    .execute(&mut **tx)
                    .await?;
                sqlx::query_as("select process, work from figures order by process")
                    .fetch_all(&mut **tx)
                    .await
            })
        })
        .await;
    rows?
        .into_iter()
        .map(|(process, work)| Ok((process, serde_json::from_str(&work)?)))
        .collect()
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
