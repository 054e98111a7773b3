//! What the server lends to every request, through Leptos' context.

use crate::db::Db;
use crate::id::SessionId;
use crate::notifications::{Ways, push};
use crate::search::Index;
use crate::system::history::History;
use crate::trace::TraceUrl;
use crate::webhooks::{Closed, Gate};
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};

#[derive(Clone)]
pub struct State {
    pub db: Db,
    pub search: Arc<dyn Index>,
    /// The site is served over https, so cookies are `Secure` and carry the `__Host-` prefix.
    pub https: bool,
    /// Bounds the password hashes computed at once: each takes 19 MiB and a core.
    pub hashing: Arc<Semaphore>,
    /// Which ways out of the house there are.
    pub ways: Ways,
    /// How long, in days, what is deleted can be brought back.
    pub trash_days: u32,
    /// Messages in browsers.
    pub push: Option<Arc<dyn push::Service>>,
    /// Sessions that were ended, for the sockets that belong to them.
    pub ended: broadcast::Sender<SessionId>,
    /// How it went lately.
    pub history: Arc<History>,
    /// Where administrators look at traces.
    pub trace_url: Option<TraceUrl>,
    /// Which addresses people may have called.
    pub gate: Arc<dyn Gate>,
}

impl State {
    pub fn new(db: Db, search: Arc<dyn Index>, https: bool, ways: Ways) -> Self {
        State {
            db,
            search,
            https,
            hashing: Arc::new(Semaphore::new(2)),
            ways,
            trash_days: crate::trash::DAYS,
            push: None,
            ended: broadcast::channel(1024).0,
            history: Arc::default(),
            trace_url: None,
            gate: Arc::new(Closed),
        }
    }
}
