//! The index that search looks into: each process that serves pages has one of its own, in a folder
//! that may be removed at any time.
//!
//! Consumer `search` writes `search_documents`, inside its transaction. The index follows those rows
//! by their change numbers ([`follow`]), and is nothing but a way to look into them: lost, damaged or
//! out of date, it is built from them anew, while the old one serves.

mod ask;
pub mod command;
mod folder;
mod follow;
pub mod http;
mod index;
mod without;

pub use follow::run;

use app::error::{Error, Kind};
use app::id::UserId;
use app::search::query::Query;
use app::search::{Index, Matches};
use futures::future::BoxFuture;
use index::Reader;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a search waits for the index just after the start.
const PATIENCE: Duration = Duration::from_secs(5);

/// The index of this process; cheap to clone.
#[derive(Clone, Default)]
pub struct Search {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    served: watch::Sender<Served>,
    changed: Notify,
}

/// What is looked into now.
#[derive(Clone, Default)]
struct Served {
    /// `None` for a moment after the start.
    reader: Option<Reader>,
    /// It has all there was when it began.
    is_whole: bool,
}

impl Search {
    /// There may be changes to follow, now or within a moment.
    pub fn wake(&self) {
        self.inner.changed.notify_one();
    }

    fn served(&self) -> Served {
        self.inner.served.borrow().clone()
    }

    /// From now on looks here.
    fn serve(&self, reader: Reader, is_whole: bool) {
        self.inner.served.send_replace(Served {
            reader: Some(reader),
            is_whole,
        });
    }

    /// Errors: there is no index yet.
    async fn ready(&self) -> Result<(Reader, bool), Error> {
        let mut served = self.inner.served.subscribe();
        let ready = timeout(PATIENCE, served.wait_for(|served| served.reader.is_some())).await;
        let served = ready.ok().and_then(|served| Some(served.ok()?.clone()));
        match served.and_then(|served| Some((served.reader?, served.is_whole))) {
            Some(ready) => Ok(ready),
            None => Err(Error::new(
                Kind::Unavailable,
                "Search is not ready yet. Try again in a moment.",
            )),
        }
    }
}

impl Index for Search {
    fn find<'a>(
        &'a self,
        user_id: &'a UserId,
        query: Query,
    ) -> BoxFuture<'a, Result<Matches, Error>> {
        Box::pin(async move {
            let (reader, is_whole) = self.ready().await?;
            let user_id = user_id.clone();
            let found = spawn_blocking(move || reader.find(&user_id, &query)).await;
            let error = match found {
                Ok(Ok(mut matches)) => {
                    matches.building = !is_whole;
                    return Ok(matches);
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::error!(error, "a search failed");
            Err(Error::internal())
        })
    }
}
