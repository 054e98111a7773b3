//! What turns at-least-once delivery into effects that happen exactly once, in each person's order.
//!
//! What the transport hands out only says that there is something: what is applied is what the event
//! store holds after the last event that was. A consumer's effects and how far it is in a person's
//! stream are committed together. So whatever comes again, late, out of order or from somebody else
//! changes nothing, and what the transport remembers is never what makes this correct.

mod applier;
mod fault;
mod inbox;
mod parked;
pub mod policy;
pub mod rebuild;
mod retry;
mod stream;

use crate::crash;
use crate::transport::{Batch, Start, Subscription, Transport};
use app::db::{Db, Tx, is_passing};
use app::event::{Event, EventType};
use app::id::{TaskId, UserId};
use app::outbox;
use app::version::Unreadable;
use applier::Applier;
use futures::future::join_all;
use policy::Policy;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A read model that is built from events. It writes its own tables only, inside `tx`, and makes no
/// network call; duplicates, gaps, order and retries are not its business.
pub trait Consumer: Send + Sync + 'static {
    /// Names its group and its progress: under a new name it is built from history again.
    const NAME: &'static str;
    const TOPICS: &'static [EventType];
    /// Its read model, which `todo rebuild` can build anew: tables that hold nothing but what `handle`
    /// makes of events, those that others refer to first. None: what it does, it does once.
    const TABLES: &'static [&'static str] = &[];

    /// Applies one event. Each comes once, in the order of its person's stream.
    fn handle(
        &self,
        event: &Event,
        tx: &mut Tx,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;

    /// For when an event of a task is applied after later ones, as a dead letter's is: forgets the task,
    /// all of whose events are applied once more then. `false`: their order does not matter to it.
    fn forget(
        &self,
        _user_id: &UserId,
        _task_id: TaskId,
        _tx: &mut Tx,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send {
        async { Ok(false) }
    }

    /// What was applied is committed: for waking whoever waits for it. May be left out by a crash.
    fn committed(&self) {}
}

/// Why an event was not applied; nothing of it was.
#[derive(Debug)]
pub enum HandleError {
    /// The database is away: everything waits for it, and it counts as no attempt.
    Away(sqlx::Error),
    /// It may work later.
    Passing(anyhow::Error),
    /// It will never work: the event or the consumer is wrong.
    Permanent(anyhow::Error),
    /// A newer version of the application wrote it: it waits for the upgrade.
    Newer(Unreadable),
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandleError::Away(error) => write!(f, "{error}"),
            HandleError::Passing(error) | HandleError::Permanent(error) => write!(f, "{error:#}"),
            HandleError::Newer(unreadable) => write!(f, "{unreadable}"),
        }
    }
}

impl From<sqlx::Error> for HandleError {
    fn from(error: sqlx::Error) -> Self {
        match outbox::unreadable(&error) {
            Some(newer @ Unreadable::Newer(_)) => HandleError::Newer(newer.clone()),
            _ if is_passing(&error) => HandleError::Away(error),
            _ => HandleError::Permanent(error.into()),
        }
    }
}

/// Runs the consumer until `stop`, and finishes what is under way.
pub async fn run<C: Consumer>(
    consumer: C,
    db: Db,
    transport: Arc<dyn Transport>,
    policy: Policy,
    stop: CancellationToken,
) {
    let applier = Arc::new(Applier::new(consumer, db, policy));
    tokio::join!(
        read::<C>(&applier, transport.as_ref(), &stop),
        retry::run(applier.clone(), stop.clone()),
    );
}

/// Applies what the transport hands out.
async fn read<C: Consumer>(
    applier: &Applier<C>,
    transport: &dyn Transport,
    stop: &CancellationToken,
) {
    let Some(mut subscription) = subscribe::<C>(transport, stop).await else {
        return;
    };
    let mut failing = false;
    loop {
        let batch = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            batch = subscription.next_batch() => batch,
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                if !failing {
                    tracing::warn!(
                        consumer = C::NAME,
                        error = format!("{error:#}"),
                        "cannot read on just now"
                    );
                }
                failing = true;
                pause(stop).await;
                continue;
            }
        };
        failing = false;
        if !apply(applier, &batch, stop).await {
            break;
        }
        crash::point(format_args!("consumer:{}:after-commit", C::NAME));
        if let Err(error) = subscription.store().await {
            tracing::warn!(
                consumer = C::NAME,
                error = format!("{error:#}"),
                "some events will come again"
            );
        }
    }
    subscription.close().await;
}

/// Everyone's part in a transaction of its own, at the same time. While the database is away, all
/// of it waits. `false`: asked to stop before the end.
async fn apply<C: Consumer>(applier: &Applier<C>, batch: &Batch, stop: &CancellationToken) -> bool {
    let (mut due, poison) = loop {
        match inbox::check(&applier.db, batch).await {
            Ok(checked) => break checked,
            Err(error) if !waited::<C>(&error, stop).await => return false,
            Err(_) => {}
        }
    };
    while let Err(error) = inbox::bury(&applier.db, &poison).await {
        if !waited::<C>(&error, stop).await {
            return false;
        }
    }
    loop {
        let attempts = due.into_iter().map(async |(user_id, part)| {
            let result = applier.apply(&user_id, &part).await;
            (user_id, part, result)
        });
        let results = join_all(attempts).await;
        due = HashMap::new();
        let mut away = None;
        for (user_id, part, result) in results {
            if let Err(error) = result {
                due.insert(user_id, part);
                away = Some(error);
            }
        }
        let Some(error) = away else { return true };
        if !waited::<C>(&error, stop).await {
            return false;
        }
    }
}

/// Waits a while for the database. `false`: asked to stop.
async fn waited<C: Consumer>(error: &sqlx::Error, stop: &CancellationToken) -> bool {
    tracing::warn!(consumer = C::NAME, %error, "waiting for the database");
    pause(stop).await
}

async fn subscribe<C: Consumer>(
    transport: &dyn Transport,
    stop: &CancellationToken,
) -> Option<Box<dyn Subscription>> {
    let mut failing = false;
    while !stop.is_cancelled() {
        let result = tokio::select! {
            result = transport.subscribe(C::NAME, C::TOPICS, Start::Earliest) => result,
            () = stop.cancelled() => return None,
        };
        match result {
            Ok(subscription) => return Some(subscription),
            Err(error) if !failing => {
                tracing::warn!(
                    consumer = C::NAME,
                    error = format!("{error:#}"),
                    "cannot subscribe just now"
                );
                failing = true;
            }
            Err(_) => {}
        }
        pause(stop).await;
    }
    None
}

/// Between two tries to reach what is away.
const PAUSE: Duration = Duration::from_secs(1);

/// `false`: asked to stop.
async fn pause(stop: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(PAUSE) => true,
        () = stop.cancelled() => false,
    }
}
