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

pub use follow::run;

use app::error::{Error, Kind};
use app::id::UserId;
use app::search::query::Query;
use app::search::{Index, Matches};
use futures::future::BoxFuture;
use index::Reader;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

/// The index of this process; cheap to clone.
#[derive(Clone, Default)]
pub struct Search {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    served: RwLock<Served>,
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
        let served = self.inner.served.read();
        served.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on looks here.
    fn serve(&self, reader: Reader, is_whole: bool) {
        let served = self.inner.served.write();
        *served.unwrap_or_else(PoisonError::into_inner) = Served {
            reader: Some(reader),
            is_whole,
        };
    }
}

impl Index for Search {
    fn find<'a>(
        &'a self,
        user_id: &'a UserId,
        query: Query,
    ) -> BoxFuture<'a, Result<Matches, Error>> {
        let (served, user_id) = (self.served(), user_id.clone());
        Box::pin(async move {
            let Some(reader) = served.reader else {
                return Err(Error::new(
                    Kind::Unavailable,
                    "Search is not ready yet. Try again in a moment.",
                ));
            };
            let found = spawn_blocking(move || reader.find(&user_id, &query)).await;
            let error = match found {
                Ok(Ok(matches)) => {
                    return Ok(Matches {
                        building: !served.is_whole,
                        ..matches
                    });
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::error!(error, "a search failed");
            Err(Error::internal())
        })
    }
}
