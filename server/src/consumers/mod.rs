//! The registry: a consumer is one file and one line in [`spawn_all`].

mod activity;
pub mod live;

use crate::consumer::policy::Policies;
use crate::consumer::{Consumer, run};
use crate::transport::Transport;
use app::db::Db;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs every consumer that builds a read model, each as a task, until `stop`.
pub fn spawn_all(
    tasks: &mut JoinSet<()>,
    db: &Db,
    transport: &Arc<dyn Transport>,
    policies: &Policies,
    stop: &CancellationToken,
) {
    let mut consumers = Registry {
        tasks,
        db,
        transport,
        policies,
        stop,
    };
    consumers.add(activity::Activity);
}

struct Registry<'a> {
    tasks: &'a mut JoinSet<()>,
    db: &'a Db,
    transport: &'a Arc<dyn Transport>,
    policies: &'a Policies,
    stop: &'a CancellationToken,
}

impl Registry<'_> {
    fn add<C: Consumer>(&mut self, consumer: C) {
        let (db, transport) = (self.db.clone(), self.transport.clone());
        let policy = self.policies.of(C::NAME);
        self.tasks
            .spawn(run(consumer, db, transport, policy, self.stop.clone()));
    }
}
