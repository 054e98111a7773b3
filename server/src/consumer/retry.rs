//! Takes up those who are parked when they are due, and dead letters that are redriven.

use super::applier::{Applier, Step};
use super::parked::{self, Claimed};
use super::stream::Failed;
use super::{Consumer, HandleError, pause};
use crate::telemetry::metrics;
use app::db::{now, to_micros};
use app::system::queries;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two looks at what other processes parked, or an operator decided.
const POLL: Duration = Duration::from_secs(1);

/// Runs until `stop`, and finishes what is under way.
pub async fn run<C: Consumer>(applier: Arc<Applier<C>>, stop: CancellationToken) {
    let mut retries = JoinSet::new();
    let mut failing = false;
    while !stop.is_cancelled() {
        match look(&applier, &mut retries).await {
            Ok(wait) => {
                failing = false;
                tokio::select! {
                    () = sleep(wait) => {}
                    () = applier.parked.notified() => {}
                    () = stop.cancelled() => {}
                }
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(consumer = C::NAME, %error, "retries wait for the database");
                }
                failing = true;
                pause(&stop).await;
            }
        }
        while retries.try_join_next().is_some() {}
    }
    while retries.join_next().await.is_some() {}
}

/// Takes up what is due. How long until there may be more.
async fn look<C: Consumer>(
    applier: &Arc<Applier<C>>,
    retries: &mut JoinSet<()>,
) -> Result<Duration, sqlx::Error> {
    for id in queries::redriving(&mut *applier.db.pool().acquire().await?, C::NAME).await? {
        applier.redrive(id).await?;
    }
    let (due, waiting) = parked::next_due(applier.db.pool(), C::NAME).await?;
    let is_due = due.is_some_and(|at| at <= to_micros(now()));
    if is_due || waiting > 0 {
        let claimed = applier
            .db
            .write::<_, sqlx::Error, _>(move |tx| {
                Box::pin(async move {
                    if waiting > 0 {
                        parked::wake_after_upgrade(tx, C::NAME).await?;
                    }
                    parked::claim(tx, C::NAME).await
                })
            })
            .await?;
        let any = !claimed.is_empty();
        for claimed in claimed {
            retries.spawn(catch_up(applier.clone(), claimed));
        }
        if any {
            // There may be more than are taken up at a time.
            return Ok(Duration::ZERO);
        }
    }
    let wait = due.map_or(i64::MAX, |at| at - to_micros(now())).max(0);
    Ok(Duration::from_micros(wait as u64).min(POLL))
}

/// Applies what the event store has for the person, until nothing is left or something fails.
async fn catch_up<C: Consumer>(applier: Arc<Applier<C>>, claimed: Claimed) {
    let Claimed {
        user_id,
        mut attempts,
    } = claimed;
    loop {
        let result = match applier.step(&user_id).await {
            Ok(Step::Applied) => {
                metrics::handled(C::NAME, 1);
                attempts = 0;
                continue;
            }
            Ok(Step::CaughtUp) => return,
            Err(Failed {
                error: HandleError::Away(error),
                ..
            }) => Err(error),
            Err(failed) => {
                applier
                    .fail(&user_id, failed, attempts + 1, None, true)
                    .await
            }
        };
        match result {
            // Stepped past: the next one has not failed yet.
            Ok(true) => attempts = 0,
            Ok(false) => return,
            Err(error) => {
                // The claim ends by itself, and the person is taken up again.
                tracing::warn!(consumer = C::NAME, %user_id, %error, "a retry waits for the database");
                return;
            }
        }
    }
}
