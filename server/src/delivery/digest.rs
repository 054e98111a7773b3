//! Queues each person's letter of the day when their morning comes.

use app::db::{Db, now};
use app::notifications::{House, commands};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const POLL: Duration = Duration::from_secs(5);

/// Runs until `stop`. Any number of processes may: what one takes, the others do not find.
pub async fn run(db: Db, house: House, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match send(&db, &house).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "letters of the day wait for the database"),
        }
        tokio::select! {
            () = sleep(POLL) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether there may be more.
async fn send(db: &Db, house: &House) -> Result<bool, sqlx::Error> {
    let due = commands::next_digest(db.pool()).await?;
    if due.is_none_or(|due| due > now()) {
        return Ok(false);
    }
    let house = house.clone();
    let queued = db
        .write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move { commands::send_digests(tx, &house).await })
        })
        .await?;
    Ok(queued > 0)
}
