//! Processes on one PostgreSQL tell each other what happened.

use super::doubles::Spy;
use super::world::World;
use crate::support::{PATIENCE, Place, Stack};
use app::db::Db;
use server::relay;
use server::transport::connect;
use server::wake::{self, Wake};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Another process, as far as this goes: connections of its own, and what it hears.
struct Other {
    db: Db,
    transport: Arc<Spy>,
    wake: Arc<Wake>,
    _running: DropGuard,
}

impl Other {
    async fn start(place: &Place) -> Other {
        let config = place.config();
        let db = Db::connect(&config.database_url).await.unwrap();
        let transport = Spy::on(connect(&config, &db).await.unwrap(), false);
        let (wake, stop) = (Arc::new(Wake::default()), CancellationToken::new());
        let running = wake::run(
            config.database_url.clone(),
            db.clone(),
            transport.clone(),
            wake.clone(),
            stop.clone(),
        );
        tokio::spawn(running);
        Other {
            db,
            transport,
            wake,
            _running: stop.drop_guard(),
        }
    }
}

/// PostgreSQL, and the event store as the log.
async fn without_a_broker() -> World {
    let place = Place::new(Stack::Kafka).await;
    World::at(Place {
        kafka: None,
        ..place
    })
    .await
}

/// Makes something happen until it is heard of: who listens may not have begun to at first.
async fn until_heard(heard: impl Future<Output = ()>, happens: impl AsyncFn()) {
    tokio::pin!(heard);
    let trying = async {
        loop {
            happens().await;
            if timeout(Duration::from_millis(200), &mut heard)
                .await
                .is_ok()
            {
                return;
            }
        }
    };
    timeout(PATIENCE, trying).await.expect("nothing was heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_relays_hears_of_what_another_process_appends() {
    let World { place, .. } = without_a_broker().await;
    let relay = Other::start(&place).await;
    let web = Other::start(&place).await;
    let world = World {
        place,
        db: web.db.clone(),
    };
    let user_id = world.person().await;
    let appends = async || drop(world.five(&user_id).await);
    until_heard(relay.wake.appended_elsewhere(), appends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_hear_of_what_another_process_marks() {
    let world = without_a_broker().await;
    let relay = Other::start(&world.place).await;
    let reader = Other::start(&world.place).await;
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    tokio::spawn(relay::run(
        world.db.clone(),
        relay.transport.clone(),
        relay.wake.clone(),
        stop,
    ));
    let user_id = world.person().await;
    let appends = async || drop(world.five(&user_id).await);
    let mut marked = reader.transport.marked.subscribe();
    let heard = async move { marked.changed().await.unwrap() };
    until_heard(heard, appends).await;
}
