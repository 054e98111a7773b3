//! Tells the other processes on the same PostgreSQL that there is something to relay, or to read.
//!
//! Only a hint, sent after the commit and outside of it: `notify` takes a lock of the whole database
//! when its transaction commits, and is lost while nobody listens. Whoever misses one finds the
//! events a second later, when it looks by itself. SQLite has one process, and needs none of it.

use crate::config::Secret;
use crate::transport::Transport;
use app::db::Db;
use sqlx::postgres::PgListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Events were appended, by whichever process.
const APPENDED: &str = "todo_appended";
/// The relay gave events their places in the embedded transport's log.
const MARKED: &str = "todo_marked";
/// Between two hints: what happens meanwhile needs no other.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// Before listening is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What this process hears of the others, and they of it.
#[derive(Default)]
pub struct Wake {
    appended_elsewhere: Notify,
    marked: Notify,
    leading: AtomicBool,
}

/// This process relays, until it is dropped.
pub struct Leading<'a>(&'a Wake);

impl Wake {
    /// Waits until another process has appended events.
    pub async fn appended_elsewhere(&self) {
        self.appended_elsewhere.notified().await;
    }

    /// Tells the others that events are marked.
    pub fn marked(&self) {
        self.marked.notify_one();
    }

    /// What this process appends is for itself to relay: nobody else has to hear of it.
    #[must_use]
    pub fn lead(&self) -> Leading<'_> {
        self.leading.store(true, Ordering::Relaxed);
        Leading(self)
    }

    fn is_leading(&self) -> bool {
        self.leading.load(Ordering::Relaxed)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.leading.store(false, Ordering::Relaxed);
    }
}

/// Tells and listens until `stop`.
pub async fn run(
    database_url: Secret,
    db: Db,
    transport: Arc<dyn Transport>,
    wake: Arc<Wake>,
    stop: CancellationToken,
) {
    let listening = listen(&database_url, transport.as_ref(), &wake);
    tokio::select! {
        () = listening => {}
        () = tell(&db, transport.as_ref(), &wake) => {}
        () = stop.cancelled() => {}
    }
}

async fn tell(db: &Db, transport: &dyn Transport, wake: &Wake) {
    let mut appended = db.appended();
    loop {
        let channel = tokio::select! {
            _ = appended.changed() => APPENDED,
            () = wake.marked.notified() => MARKED,
        };
        let for_others = match channel {
            APPENDED => !wake.is_leading(),
            _ => transport.reads_marks(),
        };
        if for_others {
            let told = sqlx::query("select pg_notify($1, '')")
                .bind(channel)
                .execute(db.pool())
                .await;
            if let Err(error) = told {
                tracing::debug!(%error, channel, "the other processes find out by themselves");
            }
            sleep(DEBOUNCE).await;
        }
    }
}

async fn listen(database_url: &str, transport: &dyn Transport, wake: &Wake) {
    loop {
        if let Err(error) = hear(database_url, transport, wake).await {
            tracing::debug!(%error, "nothing is heard of other processes just now");
        }
        sleep(PAUSE).await;
    }
}

/// Until the connection is lost for good.
async fn hear(database_url: &str, transport: &dyn Transport, wake: &Wake) -> sqlx::Result<()> {
    let mut listener = PgListener::connect(database_url).await?;
    listener.listen_all([APPENDED, MARKED]).await?;
    loop {
        match listener.recv().await?.channel() {
            APPENDED => wake.appended_elsewhere.notify_one(),
            _ => transport.marked(),
        }
    }
}
