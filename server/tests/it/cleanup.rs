//! What is old goes, what is needed stays, and nothing is sent or counted again for it.

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Stack, eventually};
use crate::system::{administrator, bury};
use app::db::{Backend, Db};
use app::deliveries::{New, commands};
use app::id::{EventId, Seq, UserId};
use app::outbox::Cause;
use app::search::Index;
use app::search::query::Query;
use server::cleanup::{self, Ages, Settings, jobs::JOBS};
use sqlx::AssertSqlSafe;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

on_both_stacks!(
    old_sessions_and_attempts_go,
    what_was_sent_goes_and_is_not_sent_again,
    what_is_left_of_deleted_tasks_goes,
    an_index_that_was_away_is_built_anew,
    what_was_read_and_decided_goes,
    what_nobody_reads_and_nothing_is_sent_to_goes_too,
    several_processes_do_it_once_and_say_so,
);

/// A day for everything.
fn settings() -> Settings {
    Settings {
        every: Duration::from_secs(3600),
        ages: Ages {
            trash: 1,
            deleted_tasks: 1,
            sessions: 1,
            deliveries: 1,
            notifications: 1,
            dead_letters: 1,
        },
    }
}

/// One more round, though the last was a moment ago.
async fn clean(db: &Db) -> u64 {
    execute(db, "update cleanup_jobs set due_at = 0").await;
    let stop = CancellationToken::new();
    cleanup::round(db, &settings(), &stop).await.unwrap()
}

async fn execute(db: &Db, sql: impl Into<String>) {
    let sql = sql.into();
    let done: Result<(), sqlx::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx).await?;
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

async fn number(db: &Db, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(db.pool())
        .await
        .unwrap()
}

/// A moment so many hours ago, in microseconds.
fn ago(hours: i64) -> i64 {
    app::db::to_micros(app::db::now() - chrono::TimeDelta::hours(hours))
}

/// A server that leaves everything to the rounds of the test.
async fn start(stack: Stack) -> App {
    start_in(Place::new(stack).await).await
}

async fn start_in(place: Place) -> App {
    let mut config = place.config();
    config.metrics_token = Some("a token".to_owned().into());
    config.trash_days = 0;
    let args = &mut config.cleanup;
    for days in [
        &mut args.keep_deleted_tasks,
        &mut args.keep_sessions,
        &mut args.keep_deliveries,
        &mut args.keep_notifications,
        &mut args.keep_dead_letters,
    ] {
        *days = 0;
    }
    App::start_as(place, config).await
}

/// Without consumers, so that no round but ours is run.
async fn database(stack: Stack) -> (Place, Db) {
    let place = Place::new(stack).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    (place, db)
}

async fn old_sessions_and_attempts_go(stack: Stack) {
    let app = start(stack).await;
    let db = app.server.db.clone();
    let (ada, eve) = (app.person().await, app.person().await);
    ada.elsewhere().await;
    let thief = Person::new(app.addr, String::new());
    let form = [("email", ada.email.as_str()), ("password", "a wrong guess")];
    assert_eq!(thief.post("/api/accounts/login", &form).await.status(), 422);
    assert_eq!(clean(&db).await, 0, "nothing is old");
    assert_eq!(number(&db, "select count(*) from sessions").await, 3);
    let (expired, fresh) = (ago(25), ago(23));
    execute(
        &db,
        format!(
            "update sessions set expires_at = {fresh}; \
             update sessions set expires_at = {expired} where user_id = \
             (select user_id from users where email = '{}'); \
             update login_failures set failed_at = {expired}",
            ada.email
        ),
    )
    .await;
    // More than fit into a batch.
    for n in 0..450 {
        execute(
            &db,
            format!("insert into login_failures values ('address:{n}', {expired})"),
        )
        .await;
    }
    assert_eq!(clean(&db).await, 2 + 2 + 450);
    assert_eq!(clean(&db).await, 0);
    assert_eq!(number(&db, "select count(*) from sessions").await, 1);
    assert_eq!(number(&db, "select count(*) from login_failures").await, 0);
    execute(&db, format!("update sessions set expires_at = {}", ago(-1))).await;
    eve.creates("still here").await;
    app.stop().await;
}

fn new(event: u128, target: &str) -> New {
    New {
        event_id: EventId(Uuid::from_u128(event)),
        user_id: UserId("user-1".into()),
        seq: Seq::default(),
        channel: "hook",
        target: target.into(),
        lane: target.into(),
        payload: "secret".into(),
        due_at: app::db::now(),
        traceparent: Some("00-1-2-01".into()),
    }
}

async fn queue(db: &Db, new: New) -> bool {
    let queued: Result<bool, sqlx::Error> = db
        .write(move |tx| Box::pin(async move { commands::queue(tx, &new).await }))
        .await;
    queued.unwrap()
}

async fn what_was_sent_goes_and_is_not_sent_again(stack: Stack) {
    let (_place, db) = database(stack).await;
    for event in 1..=5 {
        assert!(queue(&db, new(event, "http://ada.example.com/")).await);
    }
    assert!(queue(&db, new(1, "http://eve.example.com/")).await);
    let (old, fresh) = (ago(25), ago(23));
    execute(
        &db,
        format!(
            "insert into delivery_attempts (delivery_id, attempt, began_at, outcome, answer) \
             select delivery_id, 1, 0, 'sent', 'thanks' from deliveries; \
             update deliveries set queued_at = {old}, attempts = 1, tries = 1; \
             update deliveries set status = 'sent', ended_at = {old} where delivery_id in (1, 6); \
             update deliveries set status = 'failed', ended_at = {old} where delivery_id = 2; \
             update deliveries set status = 'gone', ended_at = {fresh} where delivery_id = 3; \
             update deliveries set status = 'sent', ended_at = {old} where delivery_id = 4"
        ),
    )
    .await;
    // One of them is to be sent once more, so it is needed.
    let redeliver = async |id| {
        db.write(move |tx| {
            Box::pin(async move { commands::redeliver(tx, &Cause::unasked("operator"), id).await })
        })
        .await
    };
    redeliver(4).await.unwrap();
    let waiting = "select count(*) from deliveries where status = 'queued'";
    assert_eq!(number(&db, waiting).await, 2);

    assert_eq!(clean(&db).await, 4, "three of them, and Eve's lane");
    assert_eq!(clean(&db).await, 0);
    let left = "select count(*) from deliveries where payload like '%secret%' \
                and target like 'http%' and lane like 'http%'";
    assert_eq!(number(&db, left).await, 3);
    let attempts = "select count(*) from delivery_attempts";
    assert_eq!(number(&db, attempts).await, 3);
    let traces = "select count(*) from deliveries where traceparent is not null";
    assert_eq!(number(&db, traces).await, 3);

    // History is told again, to the end: nothing is queued that was queued before.
    for event in 1..=5 {
        assert!(!queue(&db, new(event, "http://ada.example.com/")).await);
    }
    assert!(!queue(&db, new(1, "http://eve.example.com/")).await);
    assert!(queue(&db, new(2, "http://eve.example.com/")).await);
    assert_eq!(number(&db, waiting).await, 3);
    // Of what is gone nobody can ask for more.
    assert_eq!(redeliver(1).await.unwrap_err().status, 404);
    // Their lane may have gone as well.
    execute(&db, "delete from delivery_lanes").await;
    redeliver(3).await.unwrap();
    assert_eq!(number(&db, "select count(*) from delivery_lanes").await, 1);
    let mut conn = db.pool().acquire().await.unwrap();
    let listed = app::deliveries::queries::deliveries(&mut conn, &Default::default(), 50)
        .await
        .unwrap();
    let listed: Vec<i64> = listed.iter().map(|row| row.id).collect();
    assert!(listed[0] > 6, "{listed:?}");
    assert_eq!(listed[1..], [5, 4, 3]);

    // Unless one asks for history to be sent again: then it is whole again, under its number.
    execute(&db, "delete from delivery_lanes").await;
    let again: Result<(), sqlx::Error> = db
        .write(|tx| {
            Box::pin(
                async move { commands::queue_again(tx, &new(1, "http://ada.example.com/")).await },
            )
        })
        .await;
    again.unwrap();
    assert_eq!(number(&db, "select count(*) from delivery_lanes").await, 1);
    let whole = "select count(*) from deliveries where delivery_id = 1 and status = 'queued' \
                 and pruned_at is null and target = 'http://ada.example.com/' and lane = target \
                 and payload like '%secret%'";
    assert_eq!(number(&db, whole).await, 1);
}

async fn what_is_left_of_deleted_tasks_goes(stack: Stack) {
    let app = start(stack).await;
    let db = app.server.db.clone();
    let ada = app.person().await;
    let mut tasks = Vec::new();
    for title in ["long gone", "just gone", "still there"] {
        tasks.push(ada.task(title).await);
    }
    for id in &tasks[..2] {
        ada.does("/api/tasks/delete", &[("task_id", id)]).await;
    }
    let noted = async |count| {
        eventually("what was deleted is noted", async || {
            let gone = "select count(*) from search_documents where deleted = 1";
            let told = "select count(*) from notifications";
            let counted = "select count(*) from analytics_tasks where consumer = 'analytics'";
            number(&db, "select count(*) from cleanup_tasks").await == count
                && number(&db, gone).await == 2
                && number(&db, told).await == 4
                && number(&db, counted).await == 3
        })
        .await;
    };
    noted(2).await;
    let old = format!(
        "update cleanup_tasks set deleted_at = {} where task_id = {}",
        ago(25),
        tasks[0]
    );
    execute(&db, old.clone()).await;
    execute(&db, "update search_clock set settled = 0").await;
    // Indexes have not had the time between two rounds to hear of it.
    assert_eq!(clean(&db).await, 0);
    assert_eq!(
        clean(&db).await,
        0,
        "it is in the trash and may be restored"
    );
    let old_trash = format!(
        "update trash set deleted_at = {} where task_id = {}",
        ago(25),
        tasks[0]
    );
    execute(&db, old_trash).await;
    assert_eq!(clean(&db).await, 4, "purged, and what was left of it");
    assert_eq!(clean(&db).await, 0);
    let documents = async || {
        let ids: Vec<i64> =
            sqlx::query_scalar("select task_id from search_documents order by task_id")
                .fetch_all(db.pool())
                .await
                .unwrap();
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        ids
    };
    assert_eq!(documents().await, tasks[1..]);
    let told = format!(
        "select count(*) from notifications where task_id = {}",
        tasks[0]
    );
    assert_eq!(number(&db, &told).await, 0);
    assert_eq!(number(&db, "select count(*) from notifications").await, 3);
    let counted = "select count(*) from analytics_tasks where consumer = 'analytics'";
    assert_eq!(number(&db, counted).await, 3, "what was done stays counted");

    let mut conn = db.pool().acquire().await.unwrap();
    let clock = app::search::queries::clock(&mut conn).await.unwrap();
    assert!(clock.pruned > 0 && clock.pruned <= clock.change);
    drop(conn);

    // The consumer reads history again and notes both once more: that removes nothing else.
    execute(
        &db,
        "delete from consumer_progress where consumer = 'cleanup'; delete from cleanup_tasks; \
         update events set published_at = null",
    )
    .await;
    ada.creates("one more").await;
    eventually("history was told again", async || {
        number(&db, "select count(*) from cleanup_tasks").await == 2
    })
    .await;
    execute(&db, old).await;
    clean(&db).await;
    assert_eq!(number(&db, "select count(*) from cleanup_tasks").await, 1);
    assert!(documents().await.starts_with(&tasks[1..]));
    app.stop().await;
}

/// What the index of the process finds, whether it is there or not.
async fn finds(app: &App, user_id: &UserId, count: usize) -> Vec<i64> {
    let mut found = Vec::new();
    eventually("the index has everything, and no more", async || {
        let query = Query::parse("meanwhile").unwrap();
        let matches = app.server.search.find(user_id, query).await;
        found = matches.map_or(Vec::new(), |matches| matches.task_ids);
        found.len() == count
    })
    .await;
    found.iter().map(|id| id.0).collect()
}

async fn an_index_that_was_away_is_built_anew(stack: Stack) {
    let app = start(stack).await;
    let ada = app.person().await;
    let gone = ada.creates("Gone meanwhile").await;
    let kept = ada.task("Kept meanwhile").await;
    let user_id = gone.user_id().clone();
    finds(&app, &user_id, 2).await;
    let place = app.stop().await;
    // A process elsewhere served a deletion, and removed its row when its time had come.
    let db = Db::connect(&place.database_url).await.unwrap();
    let gone = gone.envelope.data.task_id().unwrap();
    execute(
        &db,
        format!(
            "delete from search_documents where task_id = {gone}; \
             update search_clock set change = change + 1, settled = change + 1, pruned = change + 1"
        ),
    )
    .await;
    let app = start_in(place).await;
    let found = finds(&app, &user_id, 1).await;
    assert_eq!(found[0].to_string(), kept);
    app.stop().await;
}

async fn what_was_read_and_decided_goes(stack: Stack) {
    let (_place, db) = database(stack).await;
    let (old, fresh) = (ago(25), ago(23));
    for (n, at, read) in [
        (1, old, "1"),
        (2, old, "null"),
        (3, fresh, "1"),
        (4, old, "1"),
    ] {
        execute(
            &db,
            format!(
                "insert into notifications (event_id, user_id, event_type, title, occurred_at, read_at) \
                 values ('{n}', 'user-1', 'task.created', 'Milk', {at}, {read}); \
                 insert into digest_items (event_id, user_id, line, traceparent, due_at, sent) \
                 values ('{n}', 'user-1', 'Milk', 't', {at}, {})",
                n % 2
            ),
        )
        .await;
    }
    bury(&db, 4).await;
    execute(
        &db,
        format!(
            "update dead_letters set last_at = {old}, published_at = 1; \
             update dead_letters set status = 'discarded', note = 'why' where dead_letter_id in (1, 2); \
             update dead_letters set last_at = {fresh} where dead_letter_id = 2; \
             update dead_letters set status = 'redriven' where dead_letter_id = 3"
        ),
    )
    .await;
    // Two notifications, a line, two records.
    assert_eq!(clean(&db).await, 2 + 1 + 2);
    assert_eq!(clean(&db).await, 0);
    let texts = async |sql: &'static str| {
        let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(db.pool()).await.unwrap();
        found
    };
    let left = texts("select event_id from notifications order by event_id").await;
    assert_eq!(left, ["2", "3"]);
    let lines = texts("select event_id from digest_items where line = ''").await;
    assert_eq!(lines, ["1"]);
    assert_eq!(number(&db, "select count(*) from digest_items").await, 4);
    let records = "select cast(dead_letter_id as text) from dead_letters \
                   where value is not null order by dead_letter_id";
    assert_eq!(texts(records).await, ["2", "4"]);
    let decided = "select status || note from dead_letters order by dead_letter_id";
    assert_eq!(
        texts(decided).await,
        ["discardedwhy", "discardedwhy", "redriven", "open"]
    );
}

async fn what_nobody_reads_and_nothing_is_sent_to_goes_too(stack: Stack) {
    let (_place, db) = database(stack).await;
    for (n, hours) in [(1, 95), (2, 97)] {
        execute(
            &db,
            format!(
                "insert into notifications (event_id, user_id, event_type, title, occurred_at) \
                 values ('{n}', 'user-1', 'task.created', 'Milk', {})",
                ago(hours)
            ),
        )
        .await;
    }
    // One that is unused, one that was served lately, one that is open, one for which something waits.
    let (old, fresh) = (ago(25), ago(23));
    execute(
        &db,
        format!(
            "insert into delivery_lanes (channel, lane, failures, open_until, served_at) values \
             ('test', 'unused', 3, {old}, {old}), ('test', 'served', 0, 0, {fresh}), \
             ('test', 'open', 5, {fresh}, {old})"
        ),
    )
    .await;
    queue(&db, new(1, "http://waits.example.com/")).await;
    assert_eq!(
        clean(&db).await,
        2,
        "a line that is four days old, and a lane"
    );
    assert_eq!(clean(&db).await, 0);
    let left = "select cast(event_id as bigint) from notifications";
    assert_eq!(number(&db, left).await, 1);
    let lanes: Vec<String> = sqlx::query_scalar("select lane from delivery_lanes order by lane")
        .fetch_all(db.pool())
        .await
        .unwrap();
    assert_eq!(lanes, ["http://waits.example.com/", "open", "served"]);
}

async fn several_processes_do_it_once_and_say_so(stack: Stack) {
    let app = start(stack).await;
    let db = app.server.db.clone();
    let ada = administrator(&app).await;
    let jobs = "select count(*) from cleanup_jobs";
    assert_eq!(number(&db, jobs).await, 0, "0 days are never");
    let page = ada.get("/system").await.text().await.unwrap();
    assert!(page.contains("Nothing was cleaned up yet."), "{page}");
    assert_eq!(clean(&db).await, 0);
    assert_eq!(number(&db, jobs).await, JOBS.len() as i64);
    execute(&db, "update cleanup_jobs set due_at = 0").await;
    let old = ago(25);
    for n in 0..50 {
        execute(
            &db,
            format!("insert into login_failures values ('address:{n}', {old})"),
        )
        .await;
    }
    let settings = settings();
    let stop = CancellationToken::new();
    let rounds = (0..4).map(|_| cleanup::round(&db, &settings, &stop));
    let removed = futures::future::join_all(rounds).await;
    let removed: Vec<u64> = removed
        .into_iter()
        .map(|removed| removed.unwrap())
        .collect();
    assert_eq!(removed.iter().sum::<u64>(), 50, "{removed:?}");
    assert_eq!(removed.iter().filter(|removed| **removed > 0).count(), 1);
    // Nothing is due for an hour.
    assert_eq!(cleanup::round(&db, &settings, &stop).await.unwrap(), 0);
    let due = "select min(due_at) from cleanup_jobs";
    assert!(number(&db, due).await > ago(0));

    let metrics = async || {
        let request = ada.client.get(ada.url("/metrics"));
        let answer = request.bearer_auth("a token").send().await.unwrap();
        answer.text().await.unwrap()
    };
    let said = metrics().await;
    for line in [
        "todo_cleanup_rows_total{kind=\"login_attempts\"} 50\n",
        "todo_cleanup_rows_total{kind=\"deliveries\"} 0\n",
        "todo_cleanup_failures_total{kind=\"sessions\"} 0\n",
        "todo_cleanup_last_run_timestamp_seconds{kind=\"dead_letters\"} 1",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let page = ada.get("/system").await.text().await.unwrap();
    assert!(page.contains("50 old rows have gone so far."), "{page}");

    // What cannot be done is said, and holds up nothing else.
    let (make, drop) = match db.backend() {
        Backend::Sqlite => (
            "create trigger full_disk before update on digest_items \
             begin select raise(abort, 'the disk is full'); end",
            "drop trigger full_disk",
        ),
        Backend::Postgres => (
            "create function full_disk() returns trigger language plpgsql as $$ \
             begin raise exception 'the disk is full'; end $$; \
             create trigger full_disk before update on digest_items \
             for each row execute function full_disk()",
            "drop trigger full_disk on digest_items",
        ),
    };
    execute(&db, make).await;
    execute(
        &db,
        format!(
            "insert into digest_items (event_id, user_id, line, due_at, sent) \
             values ('1', 'user-1', 'Milk', {old}, 1); update cleanup_jobs set due_at = 0"
        ),
    )
    .await;
    execute(
        &db,
        format!("insert into login_failures values ('x', {old})"),
    )
    .await;
    assert_eq!(cleanup::round(&db, &settings, &stop).await.unwrap(), 1);
    let said = metrics().await;
    assert!(
        said.contains("todo_cleanup_failures_total{kind=\"digest_lines\"} 1\n"),
        "{said}"
    );
    let page = ada.get("/system").await.text().await.unwrap();
    assert!(
        page.contains("Not digest_lines: ") && page.contains("disk is full"),
        "{page}"
    );
    execute(&db, drop).await;
    assert_eq!(clean(&db).await, 1);
    let page = ada.get("/system").await.text().await.unwrap();
    assert!(!page.contains("Not digest_lines"), "{page}");
    app.stop().await;
}
