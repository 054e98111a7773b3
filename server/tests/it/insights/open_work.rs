//! What is open, and was at the end of each day: as the list has it, whatever happens to the list.

use super::history::{Ledger, Step, at, day};
use super::{page, says};
use crate::on_both_stacks;
use crate::rebuild::{again, everything_is_applied, execute, redrive};
use crate::support::{App, Person, Place, Stack};
use app::db::Db;
use app::event::Timestamp;
use app::id::UserId;
use app::stats::{DAYS, TOPICS, Zone};

on_both_stacks!(
    the_page_follows_what_is_open,
    days_end_where_the_person_is,
    a_dead_letter_counts_once_it_is_redriven,
    what_there_was_before_is_counted,
);

async fn the_page_follows_what_is_open(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    says(
        &page(&ada, 1).await,
        &[
            "0 tasks are open now.",
            "nothing is open",
            "in a row; longest: 0",
        ],
    );
    let mut tasks = Vec::new();
    for title in ["One", "Two", "Three"] {
        tasks.push(ada.task(title).await);
    }
    let (open, mut seq) = (
        async |n: i64, seq: i64| {
            let (tasks, are) = if n == 1 {
                ("task", "is")
            } else {
                ("tasks", "are")
            };
            let page = page(&ada, seq).await;
            says(&page, &[&format!("{n} {tasks} {are} open now")]);
            page
        },
        4,
    );
    let shown = open(3, seq).await;
    says(
        &shown,
        &[
            "<h2 id=\"open-work\">Open work</h2>",
            "role=\"img\" aria-label=\"3 tasks are open now; the most at the end of a day were 3, on ",
            "<dt>Open now</dt>",
            "<dt>Oldest</dt>",
            "<strong>1 day</strong><span class=\"hint\">in a row; longest: 1</span>",
            "<th scope=\"col\">Open</th>",
        ],
    );
    for (n, what, left) in [
        (0, "complete", 2),
        (0, "delete", 2),
        (1, "delete", 1),
        // Done as it was, and open as it was.
        (0, "restore", 1),
        (1, "restore", 2),
        (0, "reopen", 3),
        (2, "delete", 2),
        (2, "purge", 2),
    ] {
        does(&ada, what, &tasks[n]).await;
        seq += 1;
        open(left, seq).await;
    }
    let same = again(&app.place, "analytics", true).await.unwrap();
    assert!(
        same.tables.iter().all(|table| table.differing == 0),
        "{same:?}"
    );
    app.stop().await;
}

async fn days_end_where_the_person_is(stack: Stack) {
    let place = Place::new(stack).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    let ledger = Ledger::new(&db);
    for (step, moment) in [
        // On the 1st everywhere.
        (Step::Create(1), "2026-10-01T12:00:00Z"),
        // On the 21st in Auckland, on the 20th in Los Angeles.
        (Step::Create(2), "2026-10-20T12:00:00Z"),
        (Step::Complete(2, 90), "2026-10-21T12:00:00Z"),
        (Step::Reopen(2), "2026-10-23T12:00:00Z"),
        (Step::Delete(2), "2026-10-24T12:00:00Z"),
        (Step::Restore(2, true), "2026-10-26T12:00:00Z"),
        (Step::Complete(2, 90), "2026-10-26T12:05:00Z"),
        // Gone while done, and back as it was.
        (Step::Delete(2), "2026-10-27T12:00:00Z"),
        (Step::Restore(2, false), "2026-10-28T12:00:00Z"),
        (Step::Delete(1), "2026-10-29T12:00:00Z"),
        (Step::Purge(1), "2026-10-29T12:00:00Z"),
        (Step::Create(3), "2026-10-31T12:00:00Z"),
        (Step::Create(4), "2026-11-01T12:00:00Z"),
        (Step::Complete(3, 90), "2026-11-02T12:00:00Z"),
    ] {
        ledger.tells(step, at(moment)).await;
    }
    let now = at("2026-11-03T18:00:00Z");
    let days = [1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 0, 0, 1, 2, 1, 1];
    // In Auckland each is a day later, and so is today.
    for (name, first) in [
        ("UTC", 19),
        ("Pacific/Auckland", 20),
        ("America/Los_Angeles", 19),
    ] {
        let zone = Zone::parse(name).unwrap();
        let stats = ledger.stats(zone, now).await;
        let shown = (day(10, first) - (stats.today - DAYS + 1)) as usize;
        assert_eq!(stats.open.days[shown..], days, "{name}");
        assert_eq!((stats.open.streak, stats.open.longest), (4, 28), "{name}");
        assert_eq!(
            stats.open.oldest,
            Some(at("2026-11-01T12:00:00Z")),
            "{name}"
        );
        // What is older than the days shown is in them.
        let later = ledger.stats(zone, at("2027-01-01T00:00:00Z")).await.open;
        assert_eq!(later.days, vec![1; DAYS as usize], "{name}");
    }
}

async fn a_dead_letter_counts_once_it_is_redriven(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let task = ada.task("Milk").await;
    let bread = ada.task("Bread").await;
    for (what, task) in [("complete", &task), ("reopen", &task), ("delete", &bread)] {
        does(&ada, what, task).await;
    }
    page(&ada, 6).await;
    let whole = Ledger::read(db, "analytics").await;
    // As it is when all but the last of each task was given up.
    let user_id = user_of(db).await;
    for seq in [2, 3, 4] {
        bury(db, &user_id, seq).await;
    }
    again(&app.place, "analytics", false).await.unwrap();
    says(
        &page(&ada, 6).await,
        &["1 task is open now", "0 of 0 added"],
    );
    assert_ne!(Ledger::read(db, "analytics").await, whole);
    redrive(db, &[4, 2, 3]).await;
    assert_eq!(Ledger::read(db, "analytics").await, whole);
    app.stop().await;
}

/// An installation of before open work was counted.
async fn what_there_was_before_is_counted(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, grace) = (app.person().await, app.person().await);
    let mut tasks = Vec::new();
    for title in [
        "open",
        "done",
        "gone",
        "back",
        "back and done",
        "\"completed_at\":1",
    ] {
        tasks.push(ada.task(title).await);
    }
    for (n, what) in [
        (1, "complete"),
        (4, "complete"),
        (2, "delete"),
        (3, "delete"),
        (4, "delete"),
        (3, "restore"),
        (4, "restore"),
        (5, "delete"),
        (5, "restore"),
        (1, "reopen"),
        (0, "delete"),
        (0, "purge"),
    ] {
        does(&ada, what, &tasks[n]).await;
    }
    grace.creates("one more").await;
    let db = app.server.db.clone();
    everything_is_applied(&db, "analytics", TOPICS).await;
    // One was given up.
    bury(&db, &user_of(&db).await, 3).await;
    again(&app.place, "analytics", false).await.unwrap();
    let right = (Ledger::read(&db, "analytics").await, progress(&db).await);
    let place = app.stop().await;

    let db = Db::connect(&place.database_url).await.unwrap();
    for sql in [
        "drop table analytics_states",
        "drop index analytics_tasks_open",
        "alter table analytics_tasks drop column open_since",
        "alter table analytics_quarters drop column opened",
        "delete from analytics_quarters where added = 0 and completed = 0",
        "delete from analytics_tasks where created_at is null and seq = 0",
        "delete from _sqlx_migrations where version = 19",
        // The consumer heard neither of what was deleted last nor of its purging.
        "update consumer_progress set last_seq = last_seq - 2 \
         where consumer = 'analytics' and last_seq = 19",
    ] {
        execute(&db, sql).await;
    }
    drop(db);
    let db = Db::connect(&place.database_url).await.unwrap();
    assert_eq!(
        (Ledger::read(&db, "analytics").await, progress(&db).await),
        right
    );
    let same = again(&place, "analytics", true).await.unwrap();
    assert!(
        same.tables.iter().all(|table| table.differing == 0),
        "{same:?}"
    );
}

async fn does(person: &Person, what: &str, task: &str) {
    match what {
        "purge" => {
            let answer = person
                .post("/api/trash/purge", &[("task_ids[]", task)])
                .await;
            assert_eq!(answer.status(), 200);
        }
        _ => {
            let path = format!("/api/tasks/{what}");
            let done = person.does(&path, &[("task_id", task)]).await;
            assert!(done.is_some(), "{what} {task}");
        }
    }
}

async fn progress(db: &Db) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select user_id, last_seq from consumer_progress where consumer = 'analytics' order by user_id",
    )
    .fetch_all(db.pool())
    .await
    .unwrap()
}

/// Whoever signed up first.
async fn user_of(db: &Db) -> UserId {
    let first = "select user_id from events order by position limit 1";
    UserId(
        sqlx::query_scalar(first)
            .fetch_one(db.pool())
            .await
            .unwrap(),
    )
}

/// Makes an event a dead letter of the consumer's.
async fn bury(db: &Db, user_id: &UserId, seq: i64) {
    let sql = format!(
        "insert into dead_letters (origin, topic, headers, consumer, user_id, seq, error, \
         attempts, first_at, last_at) values ('analytics/{user_id}/{seq}', 'task.created', '[]', \
         'analytics', '{user_id}', {seq}, 'disk full', 6, 0, 0)"
    );
    execute(db, sql).await;
}

/// The person's open tasks as the list has them, and as they were counted.
pub async fn is_counted(db: &Db, user_id: &UserId) {
    let in_list: (i64, Option<i64>) = sqlx::query_as(
        "select count(*), min(created_at) from tasks where user_id = $1 and completed_at is null",
    )
    .bind(&user_id.0)
    .fetch_one(db.pool())
    .await
    .unwrap();
    let mut conn = db.pool().acquire().await.unwrap();
    let stats = app::stats::queries::stats(&mut conn, user_id, Zone::UTC, app::db::now())
        .await
        .unwrap();
    let oldest = stats.open.oldest.as_ref().map(Timestamp::timestamp_micros);
    assert_eq!((stats.open.now(), oldest), in_list);
    assert_eq!(stats.open.streak > 0, in_list.0 > 0);
}
