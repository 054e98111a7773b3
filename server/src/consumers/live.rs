//! Hands every event to the open windows of this process.
//!
//! Not a [`crate::consumer::Consumer`]: it keeps nothing, so there is nothing to repeat or to undo.
//! Each process has a group of its own, from the newest event on; what a socket misses meanwhile,
//! it reads from the event store.

use crate::hub::Hub;
use crate::scopes::LIVE;
use crate::search::Search;
use crate::telemetry::metrics;
use crate::transport::{Batch, Start, Subscription, Transport};
use app::db::Db;
use app::event::EventType;
use app::outbox;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Runs until `stopping`.
pub async fn run(
    hub: Hub,
    index: Search,
    db: Db,
    transport: Arc<dyn Transport>,
    stopping: CancellationToken,
) {
    let group = format!("{LIVE}-{}", uuid::Uuid::new_v4().simple());
    let mut failing = false;
    while !stopping.is_cancelled() {
        let subscribed = tokio::select! {
            subscribed = transport.subscribe(&group, EventType::ALL, Start::Latest) => subscribed,
            () = stopping.cancelled() => return,
        };
        match subscribed {
            Ok(mut subscription) => {
                failing = false;
                // What was published before this moment came without us.
                hub.resync();
                tokio::select! {
                    () = follow(&hub, &index, &db, subscription.as_mut()) => {}
                    () = stopping.cancelled() => {}
                }
                subscription.close().await;
            }
            Err(error) if !failing => {
                tracing::warn!(%error, "the live feed has to wait for the transport");
                failing = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stopping.cancelled() => {}
        }
    }
}

/// Tells the windows. What anyone may have written is believed only as the event store has it, and
/// an event of a newer version is no use to this one's windows.
async fn publish(hub: &Hub, db: &Db, batch: Batch) -> Result<(), sqlx::Error> {
    let mut ids = Vec::new();
    for delivered in batch.events {
        match (delivered.record, delivered.event) {
            (Some((event_id, _)), _) if hub.has(&delivered.user_id) => ids.push(event_id),
            (None, Some(event)) => hub.publish(&event),
            _ => {}
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let mut conn = db.pool().acquire().await?;
    let mut rows = outbox::by_ids(&mut conn, &ids).await?;
    rows.sort_by_key(|row| row.seq);
    rows.iter()
        .filter_map(|row| row.event.as_ref().ok())
        .for_each(|event| hub.publish(event));
    Ok(())
}

/// Until the subscription fails.
async fn follow(hub: &Hub, index: &Search, db: &Db, subscription: &mut dyn Subscription) {
    loop {
        match subscription.next_batch().await {
            Ok(batch) => {
                let events = batch.events.len() as u64;
                // Whichever process applies them: their documents follow within a moment.
                index.wake();
                if let Err(error) = publish(hub, db, batch).await {
                    tracing::warn!(%error, "the live feed could not look into the event store");
                    hub.resync();
                }
                metrics::handled(LIVE, events);
            }
            Err(error) => {
                tracing::warn!(%error, "the live feed subscribes anew");
                return;
            }
        }
    }
}
