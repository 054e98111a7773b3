//! The registry: a consumer is one file and one line in [`register`].

mod activity;
pub mod analytics;
mod audit;
mod cleanup;
mod lists;
pub mod live;
pub mod notifications;
pub mod onboarding;
pub mod points;
mod search;
pub mod webhooks;

use crate::consumer::policy::Policies;
use crate::consumer::rebuild::{self, Rebuilt};
use crate::consumer::{Consumer, run};
use crate::search::Search;
use crate::transport::Transport;
use app::db::Db;
use app::event::EventType;
use app::notifications::House;
use futures::future::BoxFuture;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Every consumer that builds a read model.
fn register(consumers: &mut impl Registry, index: &Search, house: &House) {
    consumers.add(activity::Activity);
    consumers.add(analytics::Analytics);
    consumers.add(audit::Audit);
    consumers.add(cleanup::Cleanup);
    consumers.add(lists::Lists);
    consumers.add(points::Points);
    consumers.add(search::Documents::new(index));
    consumers.add(notifications::Notifications {
        house: house.clone(),
    });
    consumers.add(webhooks::Webhooks);
    consumers.add(onboarding::Onboarding {
        on: house.onboarding,
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

/// The names of those that have a read model.
pub fn read_models() -> Vec<&'static str> {
    let mut named = ReadModels(Vec::new());
    register(&mut named, &Search::default(), &House::default());
    named.0
}

/// Builds the read model of the consumer called `name` anew, as [`rebuild::rebuild`] does. `None`:
/// nobody is called so.
pub async fn rebuild(
    name: &str,
    database_url: &str,
    check: bool,
    told: impl Fn(i64, i64) + Send + Clone,
) -> Option<anyhow::Result<Rebuilt>> {
    let mut building = Rebuild {
        name,
        database_url,
        check,
        told,
        work: None,
    };
    register(&mut building, &Search::default(), &House::default());
    Some(building.work?.await)
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

struct ReadModels(Vec<&'static str>);

impl Registry for ReadModels {
    fn add<C: Consumer>(&mut self, _: C) {
        if !C::TABLES.is_empty() {
            self.0.push(C::NAME);
        }
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

struct Rebuild<'a, T> {
    name: &'a str,
    database_url: &'a str,
    check: bool,
    told: T,
    work: Option<BoxFuture<'a, anyhow::Result<Rebuilt>>>,
}

impl<'a, T: Fn(i64, i64) + Send + Clone + 'a> Registry for Rebuild<'a, T> {
    fn add<C: Consumer>(&mut self, consumer: C) {
        if C::NAME == self.name {
            let (url, check, told) = (self.database_url, self.check, self.told.clone());
            self.work = Some(Box::pin(rebuild::rebuild(consumer, url, check, told)));
        }
    }
}
