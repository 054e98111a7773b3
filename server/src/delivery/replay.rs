//! Queues history again for the endpoints whose people asked for it.

use app::db::Db;
use app::webhooks::replay;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const POLL: Duration = Duration::from_secs(1);

/// Runs until `stop`. Any number of processes may: what one takes, the others pass over.
pub async fn run(db: Db, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match step(&db).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a replay waits for the database"),
        }
        tokio::select! {
            () = sleep(POLL) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether there may be more.
async fn step(db: &Db) -> Result<bool, sqlx::Error> {
    if !replay::any(db.pool()).await? {
        return Ok(false);
    }
    db.write::<_, sqlx::Error, _>(|tx| Box::pin(replay::step(tx)))
        .await
}
