//! `todo rebuild`: a read model anew from history, while the old one serves.

use crate::on_both_stacks;
use crate::support::{App, Place, Stack, eventually};
use crate::transport::world::World;
use app::db::{Beside, Db, Tx};
use app::event::{Event, EventType};
use app::id::UserId;
use server::consumer::rebuild::{Rebuilt, Table, rebuild};
use server::consumer::{Consumer, HandleError};
use server::consumers;
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

on_both_stacks!(
    what_is_wrong_is_found_and_mended,
    goes_on_beside_the_application_and_shows_readers_no_less,
    passes_over_dead_letters_until_they_are_redriven,
    what_is_redriven_late_leaves_no_trace_of_it,
    an_event_that_fails_leaves_everything_as_it_is,
    two_do_not_build_the_same,
    what_a_killed_one_left_is_cleared_away,
);

async fn what_is_wrong_is_found_and_mended(stack: Stack) {
    let app = App::start(stack).await;
    for _ in 0..3 {
        let person = app.person().await;
        let task = person.task("Milk").await;
        person
            .does(
                "/api/tasks/edit",
                &[
                    ("task_id", &task),
                    ("title", "Oat milk #shop"),
                    ("description", "or #market"),
                ],
            )
            .await;
        person
            .does("/api/tasks/complete", &[("task_id", &task)])
            .await;
    }
    for (name, topics) in with_read_models() {
        everything_is_applied(&app.server.db, name, topics).await;
        let same = again(&app.place, name, true).await.unwrap();
        assert!(same.tables.iter().any(|table| table.before > 0), "{same:?}");
        assert!(
            same.tables
                .iter()
                .all(|t| t.differing == 0 && t.before == t.after),
            "{same:?}"
        );
    }
    let right = feed(&app.server.db).await;
    execute(
        &app.server.db,
        "update activity set title = 'Beer' where seq = 2",
    )
    .await;
    execute(&app.server.db, "delete from activity where seq = 3").await;
    let found = again(&app.place, "activity", true).await.unwrap();
    let lines = &found.tables[0];
    assert_eq!((lines.name, lines.before, lines.after), ("activity", 9, 12));
    assert_eq!(
        lines.differing, 9,
        "three lines twice, and three that are missing"
    );
    assert_ne!(feed(&app.server.db).await, right, "only looked at");
    let mended = again(&app.place, "activity", false).await.unwrap();
    assert_eq!((mended.events, mended.tables[0].after), (12, 12));
    assert_eq!(feed(&app.server.db).await, right);
    let refused = again(&app.place, "notifications", false).await.unwrap_err();
    assert!(refused.to_string().contains("no read model"), "{refused}");
    assert!(
        consumers::rebuild("nobody", &app.place.database_url, true, |_, _| {})
            .await
            .is_none()
    );
    app.stop().await;
}

/// Each event is there once, although it happens while the new one is built and takes its place.
async fn goes_on_beside_the_application_and_shows_readers_no_less(stack: Stack) {
    let app = App::start(stack).await;
    let people = [app.person().await, app.person().await, app.person().await];
    let stop = AtomicBool::new(false);
    let work = futures::future::join_all(people.iter().map(async |person| {
        while !stop.load(Ordering::Relaxed) {
            person.creates("Milk").await;
        }
        // Somebody whose first event may come at any moment.
        app.person().await;
    }));
    let reading = async {
        let mut seen = 0;
        while !stop.load(Ordering::Relaxed) {
            let now = feed(&app.server.db).await.len();
            assert!(now >= seen, "{seen} lines, then {now}");
            seen = now;
        }
    };
    let building = async {
        for name in ["activity", "analytics", "activity", "points", "activity"] {
            again(&app.place, name, false).await.unwrap();
            app.person().await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    futures::join!(work, reading, building);
    for (name, topics) in with_read_models() {
        everything_is_applied(&app.server.db, name, topics).await;
        let same = again(&app.place, name, true).await.unwrap();
        assert!(
            same.tables.iter().all(|table| table.differing == 0),
            "{same:?}"
        );
    }
    let events: i64 = sqlx::query_scalar("select count(*) from events")
        .fetch_one(app.server.db.pool())
        .await
        .unwrap();
    assert_eq!(feed(&app.server.db).await.len() as i64, events);
    app.stop().await;
}

/// Writes titles down, and fails at some if told so.
#[derive(Clone, Default)]
struct Titles {
    failing: Arc<AtomicBool>,
}

/// A dead letter's event is applied after later ones, which must not be forgotten for it.
async fn what_is_redriven_late_leaves_no_trace_of_it(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let created = ada.creates("Milk #shop").await;
    let (user_id, task_id) = (created.user_id(), created.envelope.data.task_id().unwrap());
    let id = task_id.to_string();
    for (title, description) in [("Oat milk", ""), ("Oat milk", "Two bottles")] {
        let form = [
            ("task_id", &*id),
            ("title", title),
            ("description", description),
        ];
        ada.does("/api/tasks/edit", &form).await.unwrap();
    }
    ada.does("/api/tasks/complete", &[("task_id", &id)]).await;
    // As it is when they have given up the first two of its events.
    let both = consumers::all().into_iter();
    for (name, topics) in both.filter(|(name, _)| ["activity", "lists", "search"].contains(name)) {
        everything_is_applied(db, name, topics).await;
        for seq in [2, 3] {
            execute(
                db,
                format!(
                    "insert into dead_letters (origin, topic, headers, consumer, user_id, seq, error, \
                     attempts, first_at, last_at) \
                     values ('{name}/{seq}', 'task.created', '[]', '{name}', '{user_id}', {seq}, 'disk full', 6, 0, 0)"
                ),
            )
            .await;
        }
    }
    for name in ["activity", "lists"] {
        again(&app.place, name, false).await.unwrap();
    }
    execute(db, "delete from search_documents").await;
    assert_eq!(feed(db).await.len(), 3);

    // In the wrong order, too.
    redrive(db, &[3, 2]).await;
    for name in ["activity", "lists"] {
        let same = again(&app.place, name, true).await.unwrap();
        assert!(
            same.tables.iter().all(|table| table.differing == 0),
            "{same:?}"
        );
    }
    let found: (String, String, i64, i64) = sqlx::query_as(
        "select title, description, completed, seq from search_documents where deleted = 0",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    let expected = ("Oat milk".to_owned(), "Two bottles".to_owned(), 1, 5);
    assert_eq!(found, expected);
    app.stop().await;
}

impl Consumer for Titles {
    const NAME: &'static str = "recorder";
    const TOPICS: &'static [EventType] = &[EventType::TaskCreated];
    const TABLES: &'static [&'static str] = &["titles"];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        if self.failing.load(Ordering::Relaxed) && event.seq.0 == 6 {
            return Err(HandleError::Permanent(anyhow::anyhow!("asked to fail")));
        }
        sqlx::query("insert into titles (user_id, seq) values ($1, $2)")
            .bind(&event.user_id().0)
            .bind(event.seq.0)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

impl Titles {
    async fn world(stack: Stack) -> (World, UserId) {
        let world = World::new(stack).await;
        world.execute("create table titles (user_id text not null, seq bigint not null, primary key (user_id, seq))").await;
        let person = world.person().await;
        (world, person)
    }

    /// Builds its read model for the first time, out of ten events of which it takes two.
    async fn run(&self, world: &World, person: &UserId) {
        world.five(person).await;
        world.five(person).await;
        let transport = world.transport().await;
        let relay = world.relay(&transport).await;
        let member = world.member_of(&transport, self.clone()).await;
        everything_is_applied(&world.db, Self::NAME, Self::TOPICS).await;
        member.stop().await;
        relay.stop().await;
    }

    async fn rows(&self, world: &World) -> Vec<i64> {
        sqlx::query_scalar("select seq from titles order by seq")
            .fetch_all(world.db.pool())
            .await
            .unwrap()
    }

    async fn again(&self, world: &World) -> anyhow::Result<Rebuilt> {
        rebuild(self.clone(), &world.place.database_url, false, |_, _| {}).await
    }
}

async fn passes_over_dead_letters_until_they_are_redriven(stack: Stack) {
    let (world, person) = Titles::world(stack).await;
    let titles = Titles::default();
    titles.failing.store(true, Ordering::Relaxed);
    titles.run(&world, &person).await;
    assert_eq!(titles.rows(&world).await, [1]);
    titles.failing.store(false, Ordering::Relaxed);
    let rebuilt = titles.again(&world).await.unwrap();
    let expected = Table {
        name: "titles",
        before: 1,
        after: 1,
        differing: 0,
    };
    assert_eq!(rebuilt.tables, [expected], "a decision is waited for");
    world
        .execute("update dead_letters set status = 'redriven'")
        .await;
    titles.again(&world).await.unwrap();
    assert_eq!(titles.rows(&world).await, [1, 6]);
}

async fn an_event_that_fails_leaves_everything_as_it_is(stack: Stack) {
    let (world, person) = Titles::world(stack).await;
    let titles = Titles::default();
    titles.run(&world, &person).await;
    titles.failing.store(true, Ordering::Relaxed);
    let refused = titles.again(&world).await.unwrap_err().to_string();
    assert!(
        refused.contains(&format!("event 6 of {person}")),
        "{refused}"
    );
    assert!(refused.contains("asked to fail"), "{refused}");
    assert_eq!(titles.rows(&world).await, [1, 6]);
    titles.failing.store(false, Ordering::Relaxed);
    titles
        .again(&world)
        .await
        .expect("nothing is left of the first try");
}

async fn two_do_not_build_the_same(stack: Stack) {
    let (world, person) = Titles::world(stack).await;
    let titles = Titles::default();
    titles.run(&world, &person).await;
    let url = &world.place.database_url;
    let first = Beside::make(url, "rebuild_recorder", &["titles"])
        .await
        .unwrap()
        .unwrap();
    let refused = titles.again(&world).await.unwrap_err().to_string();
    assert!(refused.contains("Another"), "{refused}");
    first.remove().await.unwrap();
    titles.again(&world).await.unwrap();
    assert_eq!(titles.rows(&world).await, [1, 6]);
}

async fn what_a_killed_one_left_is_cleared_away(stack: Stack) {
    let (world, person) = Titles::world(stack).await;
    let titles = Titles::default();
    titles.run(&world, &person).await;
    let url = &world.place.database_url;
    // Never removed; its connections end, as those of a process that is killed do.
    drop(
        Beside::make(url, "rebuild_recorder", &["titles"])
            .await
            .unwrap()
            .unwrap(),
    );
    eventually("it may be built again", async || {
        titles.again(&world).await.is_ok()
    })
    .await;
    assert_eq!(titles.rows(&world).await, [1, 6]);
}

/// Has these dead letters applied once more, each before the next.
pub async fn redrive(db: &Db, seqs: &[i64]) {
    for seq in seqs {
        execute(
            db,
            format!("update dead_letters set status = 'redriving' where seq = {seq}"),
        )
        .await;
        eventually("it is redriven", async || {
            let left = "select count(*) from dead_letters where status = 'redriving'";
            let left: i64 = sqlx::query_scalar(left).fetch_one(db.pool()).await.unwrap();
            left == 0
        })
        .await;
    }
}

pub async fn again(place: &Place, name: &str, check: bool) -> anyhow::Result<Rebuilt> {
    let built = consumers::rebuild(name, &place.database_url, check, |_, _| {}).await;
    built.expect("there is one of that name")
}

/// Every line, as it is shown.
async fn feed(db: &Db) -> Vec<(String, i64, String, String)> {
    sqlx::query_as("select user_id, seq, title, changes from activity order by user_id, seq")
        .fetch_all(db.pool())
        .await
        .unwrap()
}

/// Everything of `topics`; with what comes after that a consumer may deal at any time, or never.
pub async fn everything_is_applied(db: &Db, consumer: &str, topics: &[EventType]) {
    let types: Vec<String> = topics.iter().map(|t| format!("'{}'", t.as_str())).collect();
    let sql = format!(
        "select count(*) from events e where event_type in ({}) and not exists (select 1 \
         from consumer_progress p where p.consumer = $1 and p.user_id = e.user_id \
         and p.last_seq >= e.seq)",
        types.join(", ")
    );
    eventually("everything is applied", async || {
        let left = sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(consumer);
        let left: i64 = left.fetch_one(db.pool()).await.unwrap();
        left == 0
    })
    .await;
}

/// The consumers that have a read model, and what they hear of.
fn with_read_models() -> impl Iterator<Item = (&'static str, &'static [EventType])> {
    let names = consumers::read_models();
    let all = consumers::all().into_iter();
    all.filter(move |(name, _)| names.contains(name))
}

pub async fn execute(db: &Db, sql: impl Into<String>) {
    let sql = sql.into();
    db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move {
            sqlx::query(AssertSqlSafe(sql))
                .execute(&mut **tx)
                .await
                .map(drop)
        })
    })
    .await
    .unwrap();
}
