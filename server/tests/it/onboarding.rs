//! The first tasks of a new person: there, and each once, whatever happens.

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Process, Stack, eventually};
use app::db::Db;
use app::event::EventType;
use app::id::{Seq, UserId};
use app::onboarding::{NAME, SAMPLES, create};
use app::outbox::Cause;
use server::consumer::Consumer;
use server::consumers::onboarding::Onboarding;

on_both_stacks!(
    a_new_person_finds_tasks_that_are_nobody_s_doing,
    however_often_they_are_sent_there_is_one_of_each,
    two_processes_at_once_make_them_once,
    a_crash_before_it_is_noted_makes_them_once,
    switched_off_there_are_none,
);

async fn place(stack: Stack) -> Place {
    let mut place = Place::new(stack).await;
    place.onboarding = true;
    place
}

async fn start(stack: Stack) -> App {
    App::start_in(place(stack).await).await
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap()
}

async fn titles(db: &Db) -> Vec<String> {
    sqlx::query_scalar("select title from tasks order by task_id desc")
        .fetch_all(db.pool())
        .await
        .unwrap()
}

/// Every sample, as the list shows them, and nothing else.
async fn has_samples(db: &Db) {
    let expected = SAMPLES.map(|(title, _)| title.to_owned());
    eventually("they are there", async || {
        titles(db).await.len() >= expected.len()
    })
    .await;
    assert_eq!(titles(db).await, expected);
}

/// Whoever reads of new tasks has read of all of them.
async fn everything_is_applied(db: &Db) {
    eventually("everything is applied", async || {
        let behind = "select count(*) from events e where e.event_type = 'task.created' and 3 > \
             (select count(*) from consumer_progress p where p.user_id = e.user_id \
             and p.consumer in ('activity', 'notifications', 'analytics') and p.last_seq >= e.seq)";
        number(db, behind).await == 0
    })
    .await;
}

async fn a_new_person_finds_tasks_that_are_nobody_s_doing(stack: Stack) {
    let app = start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    has_samples(db).await;
    everything_is_applied(db).await;
    let feed = ada.get("/feed").await.text().await.unwrap();
    for (title, _) in SAMPLES {
        assert!(feed.contains(title), "{title}");
    }
    let told = "select count(*) from notifications where event_type = 'task.created'";
    assert_eq!(number(db, told).await, 0);
    assert_eq!(number(db, "select count(*) from points_people").await, 0);
    let stats = ada.get("/stats").await.text().await.unwrap();
    assert!(stats.contains("0 of 0 added"), "{stats}");
    // They are in the list.
    assert!(stats.contains("6 tasks are open now"), "{stats}");

    // What one does with them is one's own.
    let id = number(db, "select max(task_id) from tasks")
        .await
        .to_string();
    ada.does("/api/tasks/complete", &[("task_id", &id)]).await;
    ada.creates("My own").await;
    eventually("it counts", async || {
        let stats = ada.get("/stats").await.text().await.unwrap();
        ["0 of 1 added", "15 points", "6 tasks are open now"]
            .iter()
            .all(|part| stats.contains(part))
    })
    .await;
    let told = "select count(*) from notifications where event_type like 'task.%'";
    eventually("it is told", async || number(db, told).await == 2).await;
    let report = server::verify::verify(db).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    app.stop().await;
}

async fn however_often_they_are_sent_there_is_one_of_each(stack: Stack) {
    let app = start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    has_samples(db).await;
    let id = number(db, "select max(task_id) from tasks")
        .await
        .to_string();
    ada.does("/api/tasks/delete", &[("task_id", &id)]).await;
    let sent = "select count(*) from deliveries where status = 'sent'";
    eventually("it is noted", async || number(db, sent).await == 1).await;

    // History told again queues nothing.
    let user_id: String = sqlx::query_scalar("select user_id from users")
        .fetch_one(db.pool())
        .await
        .unwrap();
    let user_id = UserId(user_id);
    let mut conn = db.pool().acquire().await.unwrap();
    let events = app::outbox::after(&mut conn, &user_id, Seq(0), 1)
        .await
        .unwrap();
    drop(conn);
    let event = events.into_iter().next().unwrap();
    assert_eq!(event.envelope.event_type, EventType::UserRegistered);
    let hear = async |forget: bool| {
        let event = event.clone();
        db.write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move {
                if forget {
                    sqlx::query("delete from deliveries")
                        .execute(&mut **tx)
                        .await?;
                }
                let handled = Onboarding { on: true }.handle(&event, tx).await;
                assert!(handled.is_ok());
                Ok(())
            })
        })
        .await
        .unwrap();
    };
    hear(false).await;
    assert_eq!(number(db, "select count(*) from deliveries").await, 1);
    assert_eq!(number(db, "select max(attempts) from deliveries").await, 1);
    // Where the deliveries of long ago are cleared away too, it is sent, and makes nothing.
    hear(true).await;
    eventually("it is sent again", async || number(db, sent).await == 1).await;
    // By an operator.
    let id = number(db, "select delivery_id from deliveries").await;
    db.write(move |tx| {
        Box::pin(async move {
            app::deliveries::commands::redeliver(tx, &Cause::unasked("operator"), id).await
        })
    })
    .await
    .unwrap();
    eventually("and again", async || {
        number(
            db,
            "select count(*) from deliveries where status = 'sent' and attempts = 2",
        )
        .await
            == 1
    })
    .await;
    let kept: Vec<&str> = SAMPLES[1..].iter().map(|(title, _)| *title).collect();
    assert_eq!(
        titles(db).await,
        kept,
        "what was deleted does not come back"
    );
    let made = "select count(*) from events where event_type = 'task.created'";
    assert_eq!(number(db, made).await, SAMPLES.len() as i64);
    app.stop().await;
}

async fn two_processes_at_once_make_them_once(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let db = app.server.db.clone();
    let id = sqlx::query_scalar("select user_id from users where email = $1").bind(&ada.email);
    let user_id = UserId(id.fetch_one(db.pool()).await.unwrap());
    let make = || {
        let (db, user_id) = (db.clone(), user_id.clone());
        tokio::spawn(async move {
            db.write(move |tx| Box::pin(async move { create(tx, &user_id, None).await }))
                .await
        })
    };
    let attempts: Vec<_> = (0..8).map(|_| make()).collect();
    for attempt in attempts {
        attempt.await.unwrap().unwrap();
    }
    has_samples(&db).await;
    // Of somebody who is not there nothing is made.
    let gone =
        db.write(|tx| Box::pin(async move { create(tx, &UserId("user-gone".into()), None).await }));
    assert_eq!(gone.await.unwrap_err().status, 401);
    app.stop().await;
}

async fn a_crash_before_it_is_noted_makes_them_once(stack: Stack) {
    let place = place(stack).await;
    let dies = [
        ("TODO_CRASH_AT", "delivery:before-mark:1"),
        ("TODO_DELIVERY_TIMEOUT", "1000"),
    ];
    let mut process = Process::start(&place, None, &dies).await;
    let ada = Person::register(process.addr).await;
    process.child.wait().await.unwrap();
    let process = Process::start(&place, Some(process.addr), &dies[1..]).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    eventually("the second attempt is noted", async || {
        let sent = "select count(*) from deliveries where status = 'sent' and attempts = 2";
        number(&db, sent).await == 1
    })
    .await;
    has_samples(&db).await;
    assert_eq!(ada.get("/").await.status(), 200);
    process.kill().await;
}

async fn switched_off_there_are_none(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let db = &app.server.db;
    let heard = format!("select count(*) from consumer_progress where consumer = '{NAME}'");
    eventually("it has been heard", async || {
        let heard = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(heard.as_str()));
        heard.fetch_one(db.pool()).await.unwrap() == 1
    })
    .await;
    assert_eq!(number(db, "select count(*) from deliveries").await, 0);
    let page = ada.get("/").await.text().await.unwrap();
    assert!(page.contains("Nothing here yet."));
    app.stop().await;
}
