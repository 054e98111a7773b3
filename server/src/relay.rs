//! Brings what was committed to the transport: published in order, then marked as published.
//!
//! Any number of processes may run it; the one that holds the lease works. A relay that was paused
//! and wakes after another took over is fenced: it may publish what is published already, which
//! consumers drop, but it marks nothing.

mod lease;

use crate::crash;
use crate::telemetry::metrics;
use crate::transport::{BATCH, Handed, Place, Transport};
use crate::wake::Wake;
use app::db::{Backend, Db};
use app::event::Event;
use app::id::UserId;
use app::outbox::{COLUMNS, StoredEvent};
use app::system::queries;
use app::trace::{Kind, Span};
use lease::Lease;
use sqlx::AssertSqlSafe;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Dead letters published at a time: they may be large.
const LETTERS: i64 = 50;
/// Between two looks at what nobody can wake us for.
const POLL: Duration = Duration::from_secs(1);
/// How long a batch that is under way may take once we are asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Relays whenever it is this process' turn, until `stop`; then another process takes over at once.
pub async fn run(db: Db, transport: Arc<dyn Transport>, wake: Arc<Wake>, stop: CancellationToken) {
    let holder = Uuid::new_v4().to_string();
    // An SQLite file has one process: whoever held the lease before this one is gone.
    let mut take_over = db.backend() == Backend::Sqlite;
    while let Some(lease) = Lease::wait(&db, &holder, take_over, &stop).await {
        take_over = false;
        tracing::info!(fence = lease.fence, "relaying");
        let leading = (metrics::leading(), wake.lead());
        tokio::select! {
            () = lease.keep() => {}
            () = publish(&lease, transport.as_ref(), &wake, &stop) => {}
        }
        drop(leading);
        lease.release().await;
    }
}

/// Publishes what there is, and what comes, until `stop` or until another process has the lease.
async fn publish(lease: &Lease, transport: &dyn Transport, wake: &Wake, stop: &CancellationToken) {
    // A new installation is not ready before its topics are there, and so has no first event.
    tokio::select! {
        () = transport.prepare() => {}
        () = stop.cancelled() => return,
    }
    let mut appended = lease.db.appended();
    let mut failing = false;
    let mut told = HashSet::new();
    while !stop.is_cancelled() {
        appended.mark_unchanged();
        let round = tokio::select! {
            round = publish_batch(lease, transport, wake, &mut told) => round,
            () = expired(stop) => return,
        };
        match round {
            Ok(Round::Full) => failing = false,
            Ok(Round::All) => {
                failing = false;
                tokio::select! {
                    _ = appended.changed() => {}
                    () = wake.appended_elsewhere() => {}
                    () = sleep(POLL) => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(Round::Refused) => pause(stop).await,
            Ok(Round::Fenced) => {
                tracing::warn!(fence = lease.fence, "another process relays now");
                return;
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "nothing can be relayed just now");
                }
                failing = true;
                pause(stop).await;
            }
        }
    }
}

enum Round {
    /// A full batch: there may be more.
    Full,
    /// Nothing is left.
    All,
    /// The transport did not take everything.
    Refused,
    /// The lease is another's, so nothing was marked.
    Fenced,
}

/// `told`: of whom the log says that something of theirs waits for a newer relay.
async fn publish_batch(
    lease: &Lease,
    transport: &dyn Transport,
    wake: &Wake,
    told: &mut HashSet<UserId>,
) -> anyhow::Result<Round> {
    let Pending {
        positions,
        events,
        full,
    } = pending(&lease.db, told).await?;
    if events.is_empty() {
        return publish_dead_letters(lease, transport).await;
    }
    let mut spans: Vec<Span> = events.iter().map(publishing).collect();
    let handed = transport.publish(&events).await?;
    crash::point("relay:after-publish");
    let taken = in_order(&events, &handed);
    let marks = taken.iter().map(|&(i, place)| (positions[i], place));
    let all = taken.len() == positions.len();
    if !lease.mark(marks.collect()).await? {
        return Ok(Round::Fenced);
    }
    for (i, _) in taken {
        metrics::published(events[i].envelope.event_type);
        spans[i].failed(false);
    }
    drop(spans);
    crash::point("relay:after-mark");
    transport.marked();
    wake.marked();
    Ok(match (all, full) {
        (false, _) => Round::Refused,
        (true, true) => Round::Full,
        (true, false) => publish_dead_letters(lease, transport).await?,
    })
}

/// The oldest events that are not published, and their positions. None: nothing can be published.
struct Pending {
    positions: Vec<i64>,
    events: Vec<Event>,
    /// There may be more.
    full: bool,
}

/// What a newer version of the application wrote waits for a relay of that version, and with it
/// what comes after it in the same stream; however much it is, the others' events go on behind it.
async fn pending(db: &Db, told: &mut HashSet<UserId>) -> Result<Pending, sqlx::Error> {
    let mut waiting: HashSet<UserId> = HashSet::new();
    let mut behind = 0;
    loop {
        // By what is not marked, not by a cursor that is kept: positions are committed out of order.
        let sql = format!(
            "select {COLUMNS} from events where published_at is null and position > $1 \
             order by position limit {BATCH}"
        );
        let rows: Vec<StoredEvent> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(behind)
            .fetch_all(db.pool())
            .await?;
        let full = rows.len() == BATCH;
        behind = rows.last().map_or(behind, |row| row.position);
        let readable = rows.into_iter().filter_map(|row| match row.event {
            Ok(event) if !waiting.contains(&row.user_id) => Some((row.position, event)),
            Ok(_) => None,
            Err(error) => {
                if told.insert(row.user_id.clone()) {
                    tracing::warn!(user_id = %row.user_id, seq = row.seq.0, %error, "an event waits for a newer relay");
                }
                waiting.insert(row.user_id);
                None
            }
        });
        let (positions, events): (Vec<_>, Vec<_>) = readable.unzip();
        if !full || !events.is_empty() {
            return Ok(Pending {
                positions,
                events,
                full,
            });
        }
    }
}

async fn publish_dead_letters(lease: &Lease, transport: &dyn Transport) -> anyhow::Result<Round> {
    let mut conn = lease.db.pool().acquire().await?;
    let letters = queries::unpublished(&mut conn, LETTERS).await?;
    drop(conn);
    if letters.is_empty() {
        return Ok(Round::All);
    }
    let acknowledged = transport.publish_dead(&letters).await?;
    crash::point("relay:after-dead-letters");
    let taken = letters.iter().zip(acknowledged).filter(|(_, taken)| *taken);
    let taken: Vec<i64> = taken.map(|(letter, _)| letter.id).collect();
    let all = taken.len() == letters.len();
    // Consumers drop an event that comes twice; a dead letter that is sent again stays there twice.
    let marked = loop {
        match lease.mark_letters(taken.clone()).await {
            Ok(marked) => break marked,
            Err(error) => tracing::warn!(%error, "dead letters are published, but not marked yet"),
        }
        sleep(POLL).await;
    };
    Ok(match marked {
        false => Round::Fenced,
        true if all => Round::Full,
        true => Round::Refused,
    })
}

/// Failed until it is known to be marked.
fn publishing(event: &Event) -> Span {
    let mut span = Span::of(event, || "publish".into(), Kind::Producer);
    span.failed(true);
    span
}

/// Which events count as published, and where: of each person's, those before the first that was
/// refused.
fn in_order(events: &[Event], handed: &[Handed]) -> Vec<(usize, Option<Place>)> {
    let mut refused: HashSet<&UserId> = HashSet::new();
    let mut taken = Vec::with_capacity(events.len());
    for (i, event) in events.iter().enumerate() {
        match handed.get(i) {
            Some(&Handed::Durable(place)) if !refused.contains(event.user_id()) => {
                taken.push((i, place));
            }
            Some(Handed::Durable(_)) => {}
            Some(Handed::Refused) | None => {
                refused.insert(event.user_id());
            }
        }
    }
    taken
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = sleep(POLL) => {}
        () = stop.cancelled() => {}
    }
}

/// Waits until it was asked to stop, and then the grace.
async fn expired(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(GRACE).await;
}

#[cfg(test)]
mod tests {
    use super::{Handed, in_order};
    use app::event::{Envelope, Event, EventData, TaskReopened};
    use app::id::{EventId, Seq, TaskId, UserId};

    fn event(user: &str, seq: i64) -> Event {
        let user_id = UserId(user.into());
        let data = EventData::TaskReopened(TaskReopened {
            task_id: TaskId(1),
            user_id: user_id.clone(),
            title: "Milk".into(),
            reopened_at: Default::default(),
        });
        Event {
            seq: Seq(seq),
            actor_id: user_id,
            command_id: None,
            traceparent: None,
            envelope: Envelope {
                event_id: EventId(uuid::Uuid::nil()),
                event_type: data.event_type(),
                timestamp: data.occurred_at(),
                version: app::event::VERSION.into(),
                data,
            },
        }
    }

    #[test]
    fn of_each_persons_events_those_before_the_first_refusal_are_published() {
        let events = [
            event("a", 1),
            event("b", 1),
            event("a", 2),
            event("b", 2),
            event("a", 3),
        ];
        let published = |durable: &[bool]| -> Vec<usize> {
            let handed = durable.iter().map(|durable| match durable {
                true => Handed::Durable(None),
                false => Handed::Refused,
            });
            let taken = in_order(&events, &handed.collect::<Vec<_>>());
            taken.into_iter().map(|(i, _)| i).collect()
        };
        assert_eq!(published(&[true; 5]), [0, 1, 2, 3, 4]);
        assert_eq!(published(&[true, true, false, true, true]), [0, 1, 3]);
        assert_eq!(published(&[false, true, true, true, true]), [1, 3]);
        assert_eq!(published(&[true]), [0]);
    }
}
