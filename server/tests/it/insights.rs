//! Figures and points: what they are after a known history, however it was told.

pub mod history;
pub mod open_work;

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Stack, eventually};
use app::db::{Db, Tx};
use app::event::{Event, EventType};
use app::stats::Zone;
use history::{Ledger, at, day};
use server::config::Role;
use server::consumer::policy::Policies;
use server::consumer::{self, Consumer, HandleError};
use server::consumers::{analytics, points};
use tokio_util::sync::CancellationToken;

on_both_stacks!(
    the_page_tells_what_was_done,
    a_new_name_counts_the_same,
    history_told_again_changes_nothing,
    consumers_that_were_away_catch_up,
    days_are_those_of_the_person,
    any_history_in_any_order_counts_each_task_once,
    goals_and_time_zone_are_the_person_s,
    administrators_see_who_signs_up,
);

/// A task that waits, one that is done, one that is gone, and one that somebody wants points for.
async fn an_eventful_day(person: &Person) {
    let mut tasks = Vec::new();
    for title in ["waits", "is done", "is gone", "is done thrice"] {
        tasks.push(person.task(title).await);
    }
    let does = async |what: &str, n: usize| {
        let path = format!("/api/tasks/{what}");
        let done = person.does(&path, &[("task_id", &tasks[n])]).await;
        assert!(done.is_some(), "{what} {n}");
    };
    does("complete", 0).await;
    does("reopen", 0).await;
    does("complete", 1).await;
    does("complete", 2).await;
    does("delete", 2).await;
    for what in ["complete", "reopen", "complete", "reopen", "complete"] {
        does(what, 3).await;
    }
}

/// Signing up, four tasks, and what was done with them.
const EVENTS: i64 = 1 + 4 + 5 + 5;

/// The page once everything up to `seq` is in it.
async fn page(person: &Person, seq: i64) -> String {
    let mut page = String::new();
    eventually("everything is counted", async || {
        let answer = person.get("/stats").await;
        assert_eq!(answer.status(), 200);
        page = answer.text().await.unwrap();
        page.contains(&format!("data-seq=\"{seq}\""))
    })
    .await;
    page
}

fn says(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part} in {page}");
    }
}

async fn the_page_tells_what_was_done(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let empty = page(&ada, 1).await;
    says(
        &empty,
        &[
            "Complete a task to begin a streak.",
            "0 of 0 added",
            "Level 1",
        ],
    );
    an_eventful_day(&ada).await;
    let grace = app.person().await;
    let page = page(&ada, EVENTS).await;
    says(
        &page,
        &[
            "<strong>3</strong>",
            "<strong>75 %</strong>",
            "3 of 4 added",
            "<strong>1 min</strong>",
            "<strong>1 day</strong>",
            "longest: 1",
            // Each task once, however often it was done.
            "45 points, 55 to level 2",
            "3 of 3, reached",
            "3 of 15",
            "role=\"img\" aria-label=\"3 tasks completed and 4 added from ",
            "Half of 3 completed tasks took no longer than 1 min; most often it was up to 1 hour.",
            "role=\"img\" aria-label=\"1 task is open now; the most at the end of a day were 1, on ",
        ],
    );
    assert!(!page.contains("style=") && !page.contains("Sign-ups"));
    let other = self::page(&grace, 1).await;
    says(&other, &["<strong>0</strong>", "0 points, 100 to level 2"]);
    let guest = Person::new(app.addr, String::new());
    let answer = guest.get("/stats").await;
    assert!(!answer.text().await.unwrap().contains("data-live"));
}

/// The same consumers under other names.
struct AnalyticsAgain;

impl Consumer for AnalyticsAgain {
    const NAME: &'static str = "analytics-again";
    const TOPICS: &'static [EventType] = analytics::Analytics::TOPICS;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        analytics::count(Self::NAME, event, tx).await
    }
}

struct PointsAgain;

impl Consumer for PointsAgain {
    const NAME: &'static str = "points-again";
    const TOPICS: &'static [EventType] = points::Points::TOPICS;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        points::award(Self::NAME, event, tx).await
    }
}

async fn a_new_name_counts_the_same(stack: Stack) {
    let app = App::start(stack).await;
    let people = [app.person().await, app.person().await];
    for person in &people {
        an_eventful_day(person).await;
        page(person, EVENTS).await;
    }
    let db = app.server.db.clone();
    let (analytics, points) = (
        Ledger::read(&db, "analytics").await,
        Ledger::read(&db, "points").await,
    );
    assert!(
        analytics.rows() > 8 && points.rows() == 10,
        "{analytics:?} {points:?}"
    );

    let transport = server::transport::connect(&app.place.config(), &db)
        .await
        .unwrap();
    let policy = Policies::default().of("");
    let stop = CancellationToken::new();
    let again = [
        tokio::spawn(consumer::run(
            AnalyticsAgain,
            db.clone(),
            transport.clone(),
            policy,
            stop.clone(),
        )),
        tokio::spawn(consumer::run(
            PointsAgain,
            db.clone(),
            transport,
            policy,
            stop.clone(),
        )),
    ];
    eventually("the new names have counted the same", async || {
        Ledger::read(&db, "analytics-again").await == analytics
            && Ledger::read(&db, "points-again").await == points
    })
    .await;
    stop.cancel();
    for task in again {
        task.await.unwrap();
    }
    assert_eq!(
        Ledger::read(&db, "analytics").await,
        analytics,
        "the old one is left alone"
    );
}

async fn history_told_again_changes_nothing(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    an_eventful_day(&ada).await;
    page(&ada, EVENTS).await;
    let db = app.server.db.clone();
    let before = (
        Ledger::read(&db, "analytics").await,
        Ledger::read(&db, "points").await,
    );
    // Neither consumer remembers how far it was, and all of history comes once more.
    db.write::<_, sqlx::Error, _>(|tx| {
        Box::pin(async move {
            sqlx::query("delete from consumer_progress where consumer in ('analytics', 'points')")
                .execute(&mut **tx)
                .await?;
            sqlx::query("update events set published_at = null")
                .execute(&mut **tx)
                .await
        })
    })
    .await
    .unwrap();
    ada.creates("one more").await;
    let page = page(&ada, EVENTS + 1).await;
    says(
        &page,
        &[
            "3 of 5 added",
            "2 tasks are open now",
            "45 points, 55 to level 2",
        ],
    );
    let after = (
        Ledger::read(&db, "analytics").await,
        Ledger::read(&db, "points").await,
    );
    assert_eq!(after.1, before.1);
    assert_eq!(after.0.completed(), before.0.completed());
    assert_eq!(after.0.added(), before.0.added() + 1);
}

async fn consumers_that_were_away_catch_up(stack: Stack) {
    let place = Place::new(stack).await;
    let (web, relay) = (place.part(Role::Web).await, place.part(Role::Relay).await);
    let ada = Person::register(web.addr.unwrap()).await;
    an_eventful_day(&ada).await;
    // What is read is true, and says that it is not all.
    let early = page(&ada, 0).await;
    says(
        &early,
        &["15 changes still to be counted.", "<strong>0</strong>"],
    );
    let consumers = place.part(Role::Consumers).await;
    let late = page(&ada, EVENTS).await;
    says(&late, &["3 of 4 added", "45 points, 55 to level 2"]);
    assert!(!late.contains("still to be counted"));
    for part in [consumers, relay, web] {
        part.stop().await;
    }
}

async fn days_are_those_of_the_person(stack: Stack) {
    let place = Place::new(stack).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    let ledger = Ledger::new(&db);
    // Around both midnights of 5 April 2026, on which Auckland's clocks go back: 25 hours.
    for (task, moment) in [
        "2026-04-04T10:59:59Z",
        "2026-04-04T11:00:00Z",
        "2026-04-05T06:59:59Z",
        "2026-04-05T07:00:00Z",
        "2026-04-05T11:59:59Z",
        "2026-04-05T12:00:00Z",
    ]
    .into_iter()
    .enumerate()
    {
        ledger.created(task as i64, at(moment)).await;
        ledger.completed(task as i64, at(moment), 90).await;
    }
    let now = at("2026-04-06T00:00:00Z");
    for (name, today, expected, streak) in [
        ("Pacific/Auckland", 6, [(4, 1), (5, 4), (6, 1)], 3),
        ("America/Los_Angeles", 5, [(4, 3), (5, 3), (3, 0)], 2),
        ("UTC", 6, [(4, 2), (5, 4), (6, 0)], 2),
    ] {
        let zone = Zone::parse(name).unwrap();
        let stats = ledger.stats(zone, now).await;
        assert_eq!(stats.today, day(4, today), "{name}");
        for (of_month, count) in expected {
            let day = day(4, of_month);
            let found = stats.days.iter().find(|d| d.day == day).unwrap();
            assert_eq!(
                (found.added, found.completed),
                (count, count),
                "{name}, {of_month} April"
            );
        }
        let all: i64 = stats.days.iter().map(|day| day.completed).sum();
        assert_eq!(
            (all, stats.added, stats.added_and_done),
            (6, 6, 6),
            "{name}"
        );
        assert_eq!(stats.took.median, Some(90), "{name}");
        assert_eq!(stats.active.len(), streak, "{name}");
    }
    // The first moment of the first day shown, and the last one before it.
    let zone = Zone::parse("America/Los_Angeles").unwrap();
    let end = at("2026-05-04T06:59:59Z");
    let shown = ledger.stats(zone, end).await;
    let sum: i64 = shown.days.iter().map(|day| day.completed).sum();
    assert_eq!((shown.days[0].day, sum, shown.added), (day(4, 4), 6, 6));
    let later = ledger.stats(zone, at("2026-05-04T07:00:00Z")).await;
    let sum: i64 = later.days.iter().map(|day| day.completed).sum();
    assert_eq!((later.days[0].day, sum, later.added), (day(4, 5), 3, 3));
    assert_eq!(later.took.classes, [0, 3, 0, 0, 0, 0, 0]);
}

async fn any_history_in_any_order_counts_each_task_once(stack: Stack) {
    let place = Place::new(stack).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    history::check_random_histories(&db).await;
}

async fn goals_and_time_zone_are_the_person_s(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let zone = async |zone: &str| {
        ada.post("/api/accounts/zone/guess", &[("zone", zone)])
            .await
            .status()
    };
    says(
        &page(&ada, 1).await,
        &["data-zone", "Days are those of UTC."],
    );
    assert_eq!(zone("Mars/Olympus_Mons").await, 422);
    assert_eq!(zone("Asia/Calcutta").await, 200);
    // What the browser says counts once; what the person says counts always.
    assert_eq!(zone("Europe/Lisbon").await, 200);
    let learnt = page(&ada, 1).await;
    says(&learnt, &["Days are those of Asia/Calcutta."]);
    assert!(!learnt.contains("data-zone"));
    says(
        &ada.get("/stats/settings").await.text().await.unwrap(),
        &["value=\"3\"", "value=\"15\""],
    );
    says(
        &ada.get("/you").await.text().await.unwrap(),
        &["<option value=\"Asia/Calcutta\" selected"],
    );
    let chosen = async |zone: &str| {
        let form = [("zone", zone)];
        ada.post("/api/accounts/zone", &form).await.status()
    };
    assert_eq!(chosen("Mars/Olympus_Mons").await, 422);
    assert_eq!(chosen("Pacific/Auckland").await, 200);
    assert_eq!(zone("Europe/Lisbon").await, 200);
    says(
        &page(&ada, 2).await,
        &["Days are those of Pacific/Auckland."],
    );

    let form = |daily| [("daily", daily), ("weekly", "0"), ("off[]", "6")];
    let refused = ada
        .client
        .post(ada.url("/api/stats/settings"))
        .header("origin", ada.url(""))
        .header("accept", "text/html")
        .header("referer", ada.url("/stats/settings"))
        .form(&form("a few"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    says(
        &refused.text().await.unwrap(),
        &[
            "Give a number from 0 to 99; 0 is no goal.",
            "value=\"a few\"",
            "name=\"off[]\" value=\"6\" checked",
        ],
    );
    assert_eq!(
        ada.post("/api/stats/settings", &form("7")).await.status(),
        200
    );
    let set = page(&ada, 3).await;
    says(
        &set,
        &[
            "Days are those of Pacific/Auckland.",
            "Sunday does not count.",
            "0, no goal",
        ],
    );
    let guest = Person::new(app.addr, String::new());
    for path in [
        "/api/stats/settings",
        "/api/accounts/zone",
        "/api/accounts/zone/guess",
    ] {
        assert_eq!(
            guest
                .post(path, &[&form("7")[..], &[("zone", "UTC")]].concat())
                .await
                .status(),
            401
        );
    }
    let report = server::verify::verify(&app.server.db).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
}

async fn administrators_see_who_signs_up(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, grace) = (app.person().await, app.person().await);
    app::accounts::commands::set_role(&app.server.db, &ada.email, "admin")
        .await
        .unwrap();
    page(&grace, 1).await;
    let page = page(&ada, 2).await;
    says(&page, &["Sign-ups", "2 people signed up from "]);
}
