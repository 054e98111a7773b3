//! Sends what consumers have queued: the only part that reaches other people's machines.
//!
//! A row is taken up for a while, sent, and marked. A process that dies in between leaves it to be
//! sent again, under the same id, which is how a receiver knows it. Whoever answers badly or slowly
//! holds up nobody else: so many of a lane are sent at a time, and a lane that keeps failing is left
//! alone for a while, then tried with one.

pub mod channels;
pub mod digest;
pub mod email;
pub mod endpoint;
pub mod guard;
pub mod http;
pub mod jira;
pub mod onboarding;
mod outcome;
pub mod push;
pub mod replay;
pub mod slack;
pub mod sms;
pub mod webhook;

pub use outcome::{Answer, Outcome};

use crate::consumer::policy::{Policies, Policy};
use crate::crash;
use crate::telemetry::metrics;
use app::db::{Backend, Db, Tx, now};
use app::deliveries::claim::{Manner, claim};
use app::deliveries::commands::{self, Ended};
use app::deliveries::{Delivery, Verdict, queries};
use app::event::Timestamp;
use app::trace::{Kind, Span};
use async_trait::async_trait;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between two looks at what is due.
const POLL: Duration = Duration::from_millis(250);
/// Between two tries to reach the database.
const PAUSE: Duration = Duration::from_secs(1);
/// Sent by one process at the same time.
const AT_ONCE: i64 = 256;

/// A way out of the house: one file, and one line in [`channels::all`].
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// What its rows, its settings and its measures call it.
    fn name(&self) -> &'static str;

    /// How many of a lane are sent at the same time, by all processes together.
    fn at_once(&self) -> i64 {
        1
    }

    /// Whether a target gets one after the other, in the order they were queued in: while one is
    /// tried again, those behind it wait.
    fn ordered(&self) -> bool {
        false
    }

    /// Sends it once, under `delivery.message_id`. What takes longer than the settings allow has
    /// failed, so there is no need to watch the time.
    async fn send(&self, delivery: &Delivery) -> Outcome;

    /// In the transaction that notes how an attempt went: whatever else is to be noted.
    async fn noted(
        &self,
        _tx: &mut Tx,
        _delivery: &Delivery,
        _ended: &Ended,
        _verdict: &Verdict,
    ) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// In the transaction that notes [`Outcome::Gone`]: whatever else there is to end.
    async fn gone(&self, _tx: &mut Tx, _delivery: &Delivery) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

/// How deliveries are tried.
#[derive(Clone, Debug)]
pub struct Settings {
    /// By channel.
    pub retry: Policies,
    /// After so many failures in a row a lane is left alone, for so long.
    pub breaker: Policy,
    /// What an attempt may take.
    pub timeout: Duration,
}

impl Settings {
    /// Until when a lane is left alone after so many failures in a row, if it is.
    fn opens(&self) -> impl Fn(i64) -> Option<Timestamp> + Copy + Send + use<> {
        let breaker = self.breaker;
        move |failures| {
            let beyond = failures - i64::from(breaker.retries);
            (beyond >= 0).then(|| now() + breaker.delay(beyond as u32 + 1))
        }
    }
}

/// Sends until `stop`, and finishes what is under way.
pub async fn run(
    db: Db,
    channels: Vec<Arc<dyn Channel>>,
    settings: Settings,
    stop: CancellationToken,
) {
    if channels.is_empty() {
        return;
    }
    commands::on_queued(|channel| metrics::delivery(channel, "queued"));
    for channel in &channels {
        metrics::channel_is_on(channel.name());
    }
    let sender = Arc::new(Sender {
        db,
        channels,
        settings,
        turn: AtomicUsize::default(),
    });
    let mut sending = JoinSet::new();
    let mut failing = false;
    let mut fresh = sender.db.backend() == Backend::Sqlite;
    while !stop.is_cancelled() {
        match sender.look(&mut sending, &mut fresh).await {
            Ok(0) => {
                failing = false;
                tokio::select! {
                    () = sleep(POLL) => {}
                    Some(_) = sending.join_next() => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(_) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "deliveries wait for the database");
                }
                failing = true;
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        while sending.try_join_next().is_some() {}
    }
    while sending.join_next().await.is_some() {}
}

struct Sender {
    db: Db,
    channels: Vec<Arc<dyn Channel>>,
    settings: Settings,
    /// Which channel is looked at first.
    turn: AtomicUsize,
}

impl Sender {
    /// Takes up what is due; how many.
    async fn look(
        self: &Arc<Self>,
        sending: &mut JoinSet<()>,
        fresh: &mut bool,
    ) -> Result<usize, sqlx::Error> {
        if *fresh {
            self.db
                .write::<_, sqlx::Error, _>(|tx| Box::pin(commands::end_leases(tx)))
                .await?;
            *fresh = false;
        }
        let room = AT_ONCE - sending.len() as i64;
        let mut manners = Vec::new();
        // Each time another one is first: what there is room for is not always the same one's.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.channels.len();
        for channel in self.channels[turn..].iter().chain(&self.channels[..turn]) {
            if queries::any_due(self.db.pool(), channel.name(), channel.ordered()).await? {
                manners.push(Manner {
                    channel: channel.name(),
                    at_once: channel.at_once(),
                    ordered: channel.ordered(),
                });
            }
        }
        if manners.is_empty() || room <= 0 {
            return Ok(0);
        }
        let threshold = i64::from(self.settings.breaker.retries);
        // Time to send, and as much again to say so.
        let lease = self.settings.timeout * 2;
        let claimed = self
            .db
            .write::<_, sqlx::Error, _>(move |tx| {
                Box::pin(async move { claim(tx, &manners, threshold, room, lease).await })
            })
            .await?;
        let count = claimed.len();
        for delivery in claimed {
            let channel = self.channels.iter();
            let channel = channel.clone().find(|c| c.name() == delivery.channel);
            if let Some(channel) = channel {
                sending.spawn(self.clone().send(channel.clone(), delivery));
            }
        }
        Ok(count)
    }

    async fn send(self: Arc<Self>, channel: Arc<dyn Channel>, mut delivery: Delivery) {
        let mut span = span(&delivery);
        if let Some(context) = span.context() {
            delivery.traceparent = Some(context.to_string());
        }
        let began = Instant::now();
        let sending = AssertUnwindSafe(channel.send(&delivery)).catch_unwind();
        let outcome = match timeout(self.settings.timeout, sending).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Permanent(Answer::text("the channel panicked")),
            Err(_) => Outcome::Passing(
                Answer::text(format!("no answer within {:?}", self.settings.timeout)).blaming(),
            ),
        };
        let took = began.elapsed();
        metrics::attempted(channel.name(), took);
        crash::point("delivery:before-mark");
        let policy = self.settings.retry.of(channel.name());
        let (ended, verdict) = outcome.judge(took, delivery.tries, policy);
        span.set("todo.outcome", ended.outcome);
        span.failed(!matches!(verdict, Verdict::Sent | Verdict::NotYet { .. }));
        drop(span);
        self.mark(channel, delivery, ended, verdict).await;
    }

    /// Until the database has it.
    async fn mark(
        &self,
        channel: Arc<dyn Channel>,
        delivery: Delivery,
        ended: Ended,
        verdict: Verdict,
    ) {
        let opens = self.settings.opens();
        let what = outcome::measure(&verdict);
        let id = delivery.id;
        let name = channel.name();
        if let Some("failed" | "gone") = what {
            tracing::warn!(channel = name, delivery = id, "a delivery is given up");
        }
        loop {
            let parts = (
                channel.clone(),
                delivery.clone(),
                ended.clone(),
                verdict.clone(),
            );
            let marked = self
                .db
                .write::<_, sqlx::Error, _>(move |tx| {
                    Box::pin(async move {
                        let (channel, delivery, ended, verdict) = parts;
                        channel.noted(tx, &delivery, &ended, &verdict).await?;
                        if let Verdict::Gone = verdict {
                            channel.gone(tx, &delivery).await?;
                        }
                        commands::mark(tx, &delivery, &ended, &verdict, opens).await
                    })
                })
                .await;
            match marked {
                Ok(()) => break,
                Err(error) => tracing::warn!(delivery = id, %error, "cannot say how it went"),
            }
            sleep(PAUSE).await;
        }
        if let Some(what) = what {
            metrics::delivery(name, what);
        }
    }
}

/// A step of what became of the event.
fn span(delivery: &Delivery) -> Span {
    let Some(parent) = delivery.context() else {
        return Span::default();
    };
    let name = format!("deliver {}", delivery.channel);
    let mut span = Span::child(parent, name, Kind::Client);
    span.set("messaging.message.id", delivery.message_id.clone());
    span.set("todo.attempt", delivery.attempt);
    span
}
