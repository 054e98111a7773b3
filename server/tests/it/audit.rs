//! The audit log: what is in it, that nobody can touch it unseen, and who may look into it.

use crate::deliveries::receiver::Receiver;
use crate::on_both_stacks;
use crate::support::{App, PASSWORD, Person, Place, Stack, eventually, problem};
use crate::system::{administrator, bury, grant, todo};
use crate::webhooks::world;
use app::audit::queries::{self, Filter};
use app::audit::verify::{Report, verify};
use app::audit::{GENESIS, Row};
use app::db::{Backend, Db};
use serde_json::Value;
use server::config::Config;
use sqlx::AssertSqlSafe;

on_both_stacks!(
    who_came_and_went_is_in_the_log_and_not_in_the_feed,
    guesses_make_no_more_events_than_attempts,
    nobody_touches_the_log_unseen,
    history_told_again_adds_nothing,
    the_command_line_verifies_and_exports,
    administrators_look_into_it,
    what_people_set_and_have_sent_is_in_the_log,
);

/// Everything there is has a row.
async fn is_written(db: &Db) {
    eventually("every event is in the audit log", async || {
        let (events, rows): (i64, i64) = sqlx::query_as(
            "select (select count(*) from events), (select count(*) from audit_log)",
        )
        .fetch_one(db.pool())
        .await
        .unwrap();
        events == rows
    })
    .await;
}

async fn rows(db: &Db) -> Vec<Row> {
    let mut conn = db.pool().acquire().await.unwrap();
    queries::after(&mut conn, &Filter::default(), 0, 10_000)
        .await
        .unwrap()
}

async fn execute(db: &Db, sql: impl Into<String>) -> Result<(), sqlx::Error> {
    let sql = sql.into();
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx).await?;
            Ok(())
        })
    })
    .await
}

async fn login(person: &Person, email: &str, password: &str) -> u16 {
    let form = [("email", email), ("password", password)];
    let answer = person.post("/api/accounts/login", &form).await;
    answer.status().as_u16()
}

async fn who_came_and_went_is_in_the_log_and_not_in_the_feed(stack: Stack) {
    let app = App::start(stack).await;
    let db = app.server.db.clone();
    let ada = app.person().await;
    let other = ada.elsewhere().await;
    let mut window = ada.socket(0).await;
    window.live().await;
    let thief = Person::new(app.addr, String::new());
    assert_eq!(login(&thief, &ada.email, "a wrong guess").await, 422);
    assert_eq!(
        login(&thief, "stranger@example.com", "a wrong guess").await,
        422
    );
    let sessions = ada.post("/api/accounts/sessions", &[]).await;
    let sessions: Value = sessions.json().await.unwrap();
    let sessions = sessions.as_array().unwrap();
    let of_other = sessions.iter().find(|session| session["current"] == false);
    let id = of_other.unwrap()["session_id"].as_str().unwrap();
    let form = [("session_id", id)];
    let revoked = ada.post("/api/accounts/sessions/end", &form).await;
    assert_eq!(revoked.status(), 200);
    grant(&app.place, &ada).await;
    grant(&app.place, &ada).await;
    bury(&db, 1).await;
    let form = [("ids[]", "1"), ("note", "of a test")];
    let discarded = ada.post("/api/system/dead-letters/discard", &form).await;
    assert_eq!(discarded.status(), 200);
    let created = ada.creates("Milk").await;
    // Logging in once more ends the session, and with it the window, whatever it has heard.
    let mut heard = Vec::new();
    while heard.last() != Some(&created.seq.0) {
        heard.push(window.event().await.seq.0);
    }
    assert_eq!(login(&ada, &ada.email, PASSWORD).await, 200);
    assert_eq!(ada.post("/api/accounts/logout", &[]).await.status(), 200);
    assert_eq!(other.get("/").await.headers()["location"], "/login");

    is_written(&db).await;
    let user_id = created.user_id().0.as_str();
    let rows = rows(&db).await;
    let mut own: Vec<_> = rows
        .iter()
        .filter(|row| row.entry.user_id == user_id)
        .collect();
    own.sort_by_key(|row| row.entry.seq);
    let told: Vec<_> = own
        .iter()
        .map(|row| {
            let entry = &row.entry;
            let actor = if entry.actor_id == user_id {
                "ada"
            } else {
                &entry.actor_id
            };
            let from = (!entry.address.is_empty()).then_some(entry.address.as_str());
            (
                entry.event_type.as_str(),
                actor,
                entry.detail.as_str(),
                from,
            )
        })
        .collect();
    let here = Some("127.0.0.1");
    assert_eq!(
        told,
        [
            ("user.registered", "ada", "", here),
            ("user.logged_in", "ada", "", here),
            ("user.login_failed", "anybody", "wrong_password", here),
            ("user.logged_out", "ada", "revoked", here),
            ("user.role_changed", "operator", "member to admin", None),
            ("task.created", "ada", "", here),
            ("user.logged_out", "ada", "replaced", here),
            ("user.logged_in", "ada", "", here),
            ("user.logged_out", "ada", "logged_out", here),
        ]
    );
    let mut system: Vec<_> = rows
        .iter()
        .filter(|row| row.entry.user_id == "user-system")
        .collect();
    system.sort_by_key(|row| row.entry.seq);
    let system: Vec<_> = system
        .iter()
        .map(|row| (row.entry.actor_id.as_str(), row.entry.detail.as_str()))
        .collect();
    let discarded = (user_id, "No. 1 of task.created: of a test");
    assert_eq!(system, [("anybody", "unknown_account"), discarded]);
    assert!(
        rows.iter()
            .filter(|row| row.entry.actor_id != "operator")
            .all(|row| row.entry.traceparent.is_some())
    );

    // What was typed is kept nowhere.
    let data: Vec<String> = sqlx::query_scalar("select data from events")
        .fetch_all(db.pool())
        .await
        .unwrap();
    let all = data.concat();
    assert!(
        !all.contains("a wrong guess") && !all.contains("stranger@") && !all.contains(PASSWORD)
    );

    // An open window went on over them until it was logged out, and the feed tells of work only.
    while let Ok(message) = window.next().await {
        if let app::live::Message::Event(event) = message {
            heard.push(event.seq.0);
        }
    }
    assert!(
        heard.iter().copied().eq(3..=6) || heard.iter().copied().eq(3..=7),
        "{heard:?}"
    );
    assert_eq!(login(&ada, &ada.email, PASSWORD).await, 200);
    eventually("the feed has passed over all of them", async || {
        let feed = ada.get("/").await.text().await.unwrap();
        let lines = feed.matches("<li class=\"line").count();
        assert!(lines <= 2, "{feed}");
        lines == 2 && feed.contains("\"seq\":10,\"more\":false")
    })
    .await;
    let report = server::verify::verify(&db).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    app.stop().await;
}

async fn guesses_make_no_more_events_than_attempts(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let thief = Person::new(app.addr, String::new());
    for (email, stream) in [(ada.email.as_str(), "<>"), ("stranger@example.com", "=")] {
        for attempt in 0..14 {
            let expected = if attempt < 10 { 422 } else { 429 };
            assert_eq!(login(&thief, email, "a wrong guess").await, expected);
        }
        let sql = format!(
            "select count(*) from events where event_type = 'user.login_failed' \
             and user_id {stream} 'user-system'"
        );
        let events: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(app.server.db.pool())
            .await
            .unwrap();
        assert_eq!(events, 10, "{email}");
    }
    is_written(&app.server.db).await;
    app.stop().await;
}

/// Writes rows as somebody would who has the database and knows how it is done.
async fn write(db: &Db, rows: Vec<Row>) {
    let head = rows.last().map(|row| (row.number, row.hash.clone()));
    let (number, hash) = head.unwrap();
    let mut sql = String::from("delete from audit_log;");
    for row in rows {
        let e = row.entry;
        let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let null = |text: Option<String>| text.map_or("null".into(), |t| text_of(&t));
        sql += &format!(
            "insert into audit_log (number, prev_hash, event_id, event_type, user_id, seq, actor_id, \
             task_id, occurred_at, address, user_agent, detail, traceparent, event_hash, hash) values \
             ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {});",
            row.number,
            text(&row.prev_hash),
            text(&e.event_id),
            text(&e.event_type),
            text(&e.user_id),
            e.seq,
            text(&e.actor_id),
            e.task_id.map_or("null".into(), |id| id.to_string()),
            e.at.timestamp_micros(),
            text(&e.address),
            text(&e.user_agent),
            text(&e.detail),
            null(e.traceparent),
            text(&e.event_hash),
            text(&row.hash),
        );
    }
    sql += &format!("update audit_head set number = {number}, hash = '{hash}';");
    execute(db, sql).await.unwrap();
}

fn text_of(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// All of it once more, as if events had always been what they are now.
async fn written_anew(db: &Db, count: i64) -> Vec<Row> {
    let mut conn = db.pool().acquire().await.unwrap();
    let old = rows(db).await;
    let sources = queries::sources(&mut conn, 0, count).await.unwrap();
    let mut rows: Vec<Row> = Vec::new();
    for row in old {
        let source = sources.iter().find(|s| s.event_id == row.entry.event_id);
        let before = rows.last();
        let (number, hash) = before.map_or((0, GENESIS), |row| (row.number, row.hash.as_str()));
        let next = Row::after(number, hash, source.unwrap().clone().entry());
        rows.push(next);
    }
    rows
}

async fn nobody_touches_the_log_unseen(stack: Stack) {
    let app = App::start(stack).await;
    let db = app.server.db.clone();
    let ada = app.person().await;
    ada.elsewhere().await;
    for n in 0..4 {
        ada.creates(&format!("Task {n}")).await;
    }
    is_written(&db).await;
    let good = verify(&db, None).await.unwrap();
    let last = good.number;
    assert_eq!((good.problem.as_deref(), last), (None, 6));
    assert_eq!(verify(&db, Some(&good.hash)).await.unwrap(), good);

    let mut refused = vec!["update audit_log set detail = ''", "delete from audit_log"];
    let mut drop = "drop trigger audit_log_keeps_rows".to_owned();
    match db.backend() {
        Backend::Sqlite => drop += "; drop trigger audit_log_keeps_words",
        Backend::Postgres => {
            refused.push("truncate audit_log");
            drop += " on audit_log; drop trigger audit_log_keeps_all on audit_log";
        }
    }
    for sql in refused {
        let error = execute(&db, sql).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    execute(&db, drop).await.unwrap();

    let original = rows(&db).await;
    let event = "update events set data = replace(data, 'Task 1', 'Task 7')";
    let copy = format!(
        "insert into audit_log select {}, hash, 'another', event_type, user_id, 9, actor_id, task_id, \
         occurred_at, address, user_agent, detail, traceparent, event_hash, hash from audit_log \
         where number = {last}",
        last + 1
    );
    let swap = "update audit_log set number = -3 where number = 3; \
                update audit_log set number = 3 where number = 4; \
                update audit_log set number = 4 where number = -3";
    let cut = format!("delete from audit_log where number = {last}");
    let cut_clean = format!(
        "{cut}; update audit_head set number = {}, hash = '{}'",
        last - 1,
        original[last as usize - 2].hash
    );
    for (touch, expected, well) in [
        (
            "update audit_log set address = '10.0.0.1' where number = 3",
            "Row 3 was changed",
            2,
        ),
        (
            "update audit_log set hash = prev_hash where number = 1",
            "Row 1 was changed",
            0,
        ),
        (event, "differ in event_hash.", 3),
        (
            "update events set actor_id = 'x' where seq = 2",
            "differ in actor_id, event_hash.",
            1,
        ),
        (
            "update events set address = '10.0.0.1' where seq = 2",
            "differ in address, event_hash.",
            1,
        ),
        (
            "delete from audit_log where number = 3",
            "Row 3 is missing: after row 2 comes row 4",
            2,
        ),
        (
            "delete from audit_log where number = 1",
            "Row 1 is missing",
            0,
        ),
        (&copy, "was changed", last),
        (swap, "Row 3 does not follow row 2", 2),
        (
            "update audit_log set number = 0 where number = 1",
            "Row 1 is missing",
            0,
        ),
        (
            &cut,
            "The log ends with row 5, but 6 rows were written",
            last - 1,
        ),
        (
            &cut_clean,
            "was in the log, and has no row in it any more",
            last - 1,
        ),
        ("delete from audit_log", "The log ends with row 0", 0),
        (
            "delete from audit_head",
            "is not the last that was written",
            last,
        ),
    ] {
        execute(&db, touch).await.unwrap();
        let Report {
            number, problem, ..
        } = verify(&db, None).await.unwrap();
        let problem = problem.unwrap_or_default();
        assert!(problem.contains(expected), "{touch}: {problem:?}");
        assert_eq!(number, well, "{touch}");
        let restore = "update events set data = replace(data, 'Task 7', 'Task 1'); \
            update events set actor_id = user_id, address = '127.0.0.1'; delete from audit_head; \
            insert into audit_head (one, number, hash) values (1, 0, '')";
        execute(&db, restore).await.unwrap();
        write(&db, original.clone()).await;
        assert_eq!(verify(&db, None).await.unwrap(), good, "{touch}");
    }

    // A row that is well made, of an event that never was.
    let mut entry = original[5].entry.clone();
    entry.event_id = "invented".into();
    let mut longer = original.clone();
    longer.push(Row::after(last, &good.hash, entry));
    write(&db, longer).await;
    let problem = verify(&db, None).await.unwrap().problem.unwrap();
    assert!(
        problem.contains("invented, which the event store does not have"),
        "{problem}"
    );

    // Whoever writes event store and log anew, all of it, is found by who has kept a hash only.
    write(&db, original.clone()).await;
    execute(&db, event).await.unwrap();
    let anew = written_anew(&db, last).await;
    write(&db, anew).await;
    let report = verify(&db, None).await.unwrap();
    assert_eq!(report.problem, None);
    assert_ne!(report.hash, good.hash);
    let report = verify(&db, Some(&good.hash)).await.unwrap();
    assert!(report.problem.unwrap().contains("The hash that was kept"));
    app.stop().await;
}

async fn history_told_again_adds_nothing(stack: Stack) {
    let app = App::start(stack).await;
    let db = app.server.db.clone();
    let people = [app.person().await, app.person().await, app.person().await];
    for person in &people {
        person.elsewhere().await;
        for n in 0..5 {
            person.creates(&format!("Task {n}")).await;
        }
    }
    is_written(&db).await;
    let before = rows(&db).await;
    execute(
        &db,
        "delete from consumer_progress where consumer = 'audit'; \
         update events set published_at = null",
    )
    .await
    .unwrap();
    for person in &people {
        person.creates("One more").await;
    }
    is_written(&db).await;
    let caught_up = "select count(*) from streams s where not exists (select 1 from \
         consumer_progress p where p.consumer = 'audit' and p.user_id = s.user_id \
         and p.last_seq = s.last_seq)";
    eventually("all of history has passed", async || {
        let behind: i64 = sqlx::query_scalar(caught_up)
            .fetch_one(db.pool())
            .await
            .unwrap();
        behind == 0
    })
    .await;
    let after = rows(&db).await;
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), before.len() + 3);
    assert_eq!(verify(&db, None).await.unwrap().problem, None);
    app.stop().await;
}

async fn the_command_line_verifies_and_exports(stack: Stack) {
    let app = App::start(stack).await;
    let db = app.server.db.clone();
    let ada = app.person().await;
    ada.elsewhere().await;
    ada.creates("Milk").await;
    is_written(&db).await;
    let head = rows(&db).await.last().unwrap().hash.clone();
    let place: &Place = &app.place;
    let (output, said) = todo(place, &["audit", "verify"]).await;
    assert!(output.status.success());
    assert_eq!(
        said,
        format!("3 rows are as they were written; head: {head}\n")
    );
    let (output, _) = todo(place, &["audit", "verify", "--head", &head]).await;
    assert!(output.status.success());
    let (output, said) = todo(place, &["audit", "verify", "--head", &"ab".repeat(32)]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("The hash that was kept is that of no row"),
        "{said}"
    );
    let (output, _) = todo(place, &["audit", "verify", "--head", "ab"]).await;
    assert_eq!(output.status.code(), Some(2));

    let (output, said) = todo(place, &["audit", "export"]).await;
    assert!(output.status.success());
    let noted = String::from_utf8(output.stderr).unwrap();
    assert_eq!(noted, format!("head: {head} (row 3)\n"));
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<_> = lines
        .iter()
        .map(|line| line["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(lines[0]["prev_hash"], GENESIS);
    assert_eq!(lines[1]["prev_hash"], lines[0]["hash"]);
    assert_eq!(lines[2]["hash"], head);
    assert_eq!(lines[1]["event_type"], "user.logged_in");
    assert_eq!(lines[1]["address"], "127.0.0.1");
    for (range, count) in [
        (vec!["--from", "2026-01-01"], 3),
        (vec!["--to", "2026-01-01"], 0),
        (
            vec!["--from", "2026-01-01", "--to", "2999-01-01T00:00:00Z"],
            3,
        ),
        (vec!["--from", "2999-01-01"], 0),
    ] {
        let (_, said) = todo(place, &[vec!["audit", "export"], range.clone()].concat()).await;
        assert_eq!(said.lines().count(), count, "{range:?}");
    }
    let (output, _) = todo(place, &["audit", "export", "--from", "yesterday"]).await;
    assert_eq!(output.status.code(), Some(2));
    app.stop().await;
}

async fn administrators_look_into_it(stack: Stack) {
    let place = Place::new(stack).await;
    let config = Config {
        trace_url: Some("http://traces.example.com/{trace_id}".parse().unwrap()),
        ..place.config()
    };
    let app = App::start_as(place, config).await;
    let db = app.server.db.clone();
    let eve = app.person().await;
    let guest = Person::new(app.addr, String::new());
    for path in ["/audit", "/audit/export.jsonl"] {
        assert_eq!(guest.get(path).await.status(), 404);
        let page = eve.get(path).await;
        assert_eq!(page.status(), 404);
        assert!(!page.text().await.unwrap().contains(&eve.email));
    }
    assert_eq!(eve.post("/api/audit/verify", &[]).await.status(), 404);
    assert_eq!(guest.post("/api/audit/verify", &[]).await.status(), 401);
    let refused = problem(eve.get("/audit/export.jsonl").await).await;
    assert_eq!(refused["code"], "not-found");
    assert!(
        !eve.get("/you")
            .await
            .text()
            .await
            .unwrap()
            .contains("/audit")
    );

    let ada = administrator(&app).await;
    let you = ada.get("/you").await.text().await.unwrap();
    assert!(you.contains("href=\"/audit\""));
    for n in 0..60 {
        eve.creates(&format!("Secret {n}")).await;
    }
    is_written(&db).await;
    let page = async |path: &str| {
        let page = ada.get(path).await;
        assert_eq!(page.status(), 200, "{path}");
        page.text().await.unwrap()
    };
    let count = |page: &str| page.matches("<li class=\"letter\"").count();
    let all = page("/audit").await;
    for part in [
        "No. 63 ",
        "task.created",
        &eve.email,
        "http://traces.example.com/",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(
        !all.contains("Secret"),
        "what people wrote is not the log's"
    );
    assert_eq!(count(&all), 50);
    assert!(all.contains("name=\"before\" value=\"14\""), "{all}");
    assert_eq!(count(&page("/audit?before=14").await), 13);
    let roles = page("/audit?kind=user.role_changed").await;
    assert_eq!(count(&roles), 1);
    assert!(roles.contains("operator") && roles.contains("member to admin"));
    let of_ada = ada.email.replace('@', "%40");
    assert_eq!(
        count(&page(&format!("/audit?person={of_ada}&kind=&day=")).await),
        2
    );
    assert_eq!(count(&page("/audit?person=operator").await), 1);
    assert_eq!(count(&page("/audit?person=nobody").await), 0);
    let today = app::db::now().format("%Y-%m-%d").to_string();
    let yesterday = (app::db::now() - chrono::TimeDelta::days(2)).format("%Y-%m-%d");
    assert_eq!(
        count(&page(&format!("/audit?person={of_ada}&day={today}")).await),
        2
    );
    assert_eq!(count(&page(&format!("/audit?day={yesterday}")).await), 0);
    assert_eq!(
        count(&page("/audit?day=nonsense&before=x&kind=y").await),
        50
    );

    let file = ada.get("/audit/export.jsonl?kind=task.created").await;
    assert_eq!(file.headers()["content-type"], "application/jsonl");
    let file = file.text().await.unwrap();
    assert_eq!(file.lines().count(), 60);
    let whole = ada.get("/audit/export.jsonl").await.text().await.unwrap();
    let last: Value = serde_json::from_str(whole.lines().last().unwrap()).unwrap();
    assert_eq!(last["number"], 63);

    assert!(all.contains("Nobody has verified it here yet"));
    let verify = async || {
        let answer = ada.post("/api/audit/verify", &[]).await;
        assert_eq!(answer.status(), 200);
        page("/audit").await
    };
    let verified = verify().await;
    assert!(
        verified.contains("all 63 rows are as they were written"),
        "{verified}"
    );
    execute(
        &db,
        "update events set actor_id = 'x' where event_type = 'user.role_changed'",
    )
    .await
    .unwrap();
    let verified = verify().await;
    assert!(
        verified.contains("differ in actor_id, event_hash."),
        "{verified}"
    );
    app.stop().await;
}

async fn what_people_set_and_have_sent_is_in_the_log(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = world::start(Place::new(stack).await).await;
    let db = &app.server.db;
    let (ada, operator) = (app.person().await, administrator(&app).await);
    let endpoint = world::add(&ada, &receiver.url("/ok/1"), &["task.created"]).await;
    ada.creates("Milk").await;
    world::all_are_sent(db, &endpoint.id).await;
    let id = world::rows(db, &endpoint.id).await.remove(0).id.to_string();
    let named = [("types[]", "task.created"), ("description", "Home")];
    endpoint.does(&ada, "edit", &named).await;
    // Nothing has changed, so there is nothing to tell.
    endpoint.does(&ada, "edit", &named).await;
    endpoint.does(&ada, "rotate", &[]).await;
    endpoint.does(&ada, "redeliver", &[("delivery", &id)]).await;
    world::all_are_sent(db, &endpoint.id).await;
    let form = [("ids[]", id.as_str())];
    let again = operator
        .post("/api/system/deliveries/redeliver", &form)
        .await;
    assert_eq!(again.status(), 200);
    world::all_are_sent(db, &endpoint.id).await;
    endpoint.does(&ada, "switch", &[("on", "false")]).await;
    endpoint.does(&ada, "remove", &[]).await;
    let zone = [("zone", "Europe/Lisbon")];
    for _ in 0..2 {
        let answer = ada.post("/api/accounts/zone", &zone).await;
        assert_eq!(answer.status(), 200);
    }
    let goals = [("daily", "4"), ("weekly", "20"), ("off[]", "5")];
    let answer = ada.post("/api/stats/settings", &goals).await;
    assert_eq!(answer.status(), 200);
    let wishes = [
        ("wanted[]", "task.created/page"),
        ("quiet_from", "22:00"),
        ("quiet_to", "07:30"),
    ];
    let answer = ada.post("/api/notifications/settings", &wishes).await;
    assert_eq!(answer.status(), 200);

    is_written(db).await;
    let rows = rows(db).await;
    let told = |kind: &str| -> Vec<(String, String)> {
        let mut rows: Vec<_> = rows
            .iter()
            .filter(|row| row.entry.event_type == kind)
            .collect();
        rows.sort_by_key(|row| (&row.entry.user_id, row.entry.seq));
        let told = rows.into_iter().map(|row| {
            let entry = &row.entry;
            assert_eq!(entry.address, "127.0.0.1", "{entry:?}");
            assert!(
                !entry.user_agent.is_empty() && entry.traceparent.is_some(),
                "{entry:?}"
            );
            (entry.user_id.clone(), entry.detail.clone())
        });
        told.collect()
    };
    let changes: Vec<String> = told("endpoint.changed")
        .into_iter()
        .map(|(_, detail)| detail)
        .collect();
    let url = receiver.url("");
    let host = url.trim_start_matches("http://");
    assert_eq!(
        changes,
        [
            &format!("{host}: added"),
            "Home: edited",
            "Home: secret_rotated",
            "Home: switched_off",
            "Home: removed",
        ]
    );
    let mut redelivered = told("delivery.redelivered");
    redelivered.sort_by_key(|(stream, _)| stream == "user-system");
    let detail = format!("No. {id} by webhook");
    assert_eq!(redelivered.len(), 2);
    assert!(redelivered.iter().all(|(_, said)| *said == detail));
    assert_eq!(redelivered[1].0, "user-system");
    let settings: Vec<String> = told("user.settings_changed")
        .into_iter()
        .map(|(_, detail)| detail)
        .collect();
    assert_eq!(
        settings[..2],
        [
            "time_zone: none to Europe/Lisbon",
            "goals: 3 a day, 15 a week to 4 a day, 20 a week, off Sat"
        ]
    );
    let wishes = settings[2].strip_prefix("notifications: ").unwrap();
    let (gone, come) = wishes.split_once(" to ").unwrap();
    assert_eq!(come, "quiet/22:00-07:30");
    assert!(
        gone.contains("task.completed/page") && !gone.contains("task.created/page"),
        "{gone}"
    );
    assert_eq!(settings.len(), 3, "{settings:?}");
    assert_eq!(verify(db, None).await.unwrap().problem, None);
    app.stop().await;
}
