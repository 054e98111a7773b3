//! The registry: a consumer is one file and one line in [`register`].

mod activity;
pub mod analytics;
pub mod live;
pub mod notifications;
pub mod points;
mod search;

use crate::consumer::policy::Policies;
use crate::consumer::{Consumer, run};
use crate::search::Search;
use crate::transport::Transport;
use app::db::Db;
use app::event::EventType;
use app::notifications::House;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Every consumer that builds a read model.
fn register(consumers: &mut impl Registry, index: &Search, house: &House) {
    consumers.add(activity::Activity);
    consumers.add(analytics::Analytics);
    consumers.add(points::Points);
    consumers.add(search::Documents::new(index));
    consumers.add(notifications::Notifications {
        house: house.clone(),
    });
}

/// Runs every consumer, each as a task, until `stop`.
pub fn spawn_all(
    tasks: &mut JoinSet<()>,
    db: &Db,
    transport: &Arc<dyn Transport>,
    policies: &Policies,
    index: &Search,
    house: &House,
    stop: &CancellationToken,
) {
    let mut consumers = Spawn {
        tasks,
        db,
        transport,
        policies,
        stop,
    };
    register(&mut consumers, index, house);
}

/// Every consumer's name and topics.
pub fn all() -> Vec<(&'static str, &'static [EventType])> {
    let mut all = Vec::new();
    register(&mut all, &Search::default(), &House::default());
    all
}

/// What is done with each of them.
trait Registry {
    fn add<C: Consumer>(&mut self, consumer: C);
}

impl Registry for Vec<(&'static str, &'static [EventType])> {
    fn add<C: Consumer>(&mut self, _: C) {
        self.push((C::NAME, C::TOPICS));
    }
}

struct Spawn<'a> {
    tasks: &'a mut JoinSet<()>,
    db: &'a Db,
    transport: &'a Arc<dyn Transport>,
    policies: &'a Policies,
    stop: &'a CancellationToken,
}

impl Registry for Spawn<'_> {
    fn add<C: Consumer>(&mut self, consumer: C) {
        let (db, transport) = (self.db.clone(), self.transport.clone());
        let policy = self.policies.of(C::NAME);
        self.tasks
            .spawn(run(consumer, db, transport, policy, self.stop.clone()));
    }
}
