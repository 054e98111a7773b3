//! Looking after dead letters: in the page for administrators, and at the command line.

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Stack, eventually};
use app::db::Db;
use app::deliveries::{New, commands};
use app::id::{EventId, Seq, UserId};
use std::process::Output;

on_both_stacks!(
    to_others_there_is_nothing,
    an_administrator_decides_in_the_page,
    the_list_is_narrowed_and_stays_narrow,
    an_operator_decides_at_the_command_line,
    history_is_published_again,
    what_was_given_up_is_sent_again_by_who_may,
);

/// Runs `todo` on the data of `place`.
pub async fn todo(place: &Place, args: &[&str]) -> (Output, String) {
    let place = place.args(([127, 0, 0, 1], 0).into());
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(args)
        .args(place)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

pub async fn administrator(app: &App) -> Person {
    let person = app.person().await;
    grant(&app.place, &person).await;
    person
}

/// Makes the person an administrator.
pub async fn grant(place: &Place, person: &Person) {
    let (output, said) = todo(place, &["admin", "grant", &person.email]).await;
    assert!(output.status.success(), "{said}");
}

/// Dead letters of a consumer that runs nowhere, so that nobody redrives them meanwhile; numbered from 1.
pub async fn bury(db: &Db, count: i64) {
    for seq in 1..=count {
        db
            .write::<_, sqlx::Error, _>(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "insert into dead_letters (origin, topic, headers, value, key, consumer, \
                         user_id, seq, error, attempts, first_at, last_at) \
                         values ($1, 'task.created', '[[\"seq\",\"31\"]]', $2, $2, 'retired', 'user-1', \
                         $3, 'disk <full>', 6, 0, 0)",
                    )
                    .bind(format!("retired/user-1/{seq}"))
                    .bind(b"\xff{}".to_vec())
                    .bind(seq)
                    .execute(&mut **tx)
                    .await
                })
            })
            .await
            .unwrap();
    }
}

async fn statuses(app: &App) -> Vec<String> {
    sqlx::query_scalar("select status from dead_letters order by dead_letter_id")
        .fetch_all(app.server.db.pool())
        .await
        .unwrap()
}

async fn to_others_there_is_nothing(stack: Stack) {
    let app = App::start(stack).await;
    bury(&app.server.db, 1).await;
    let ada = app.person().await;
    for path in ["/system", "/system/dead-letters/1"] {
        let page = ada.get(path).await;
        assert_eq!(page.status(), 404, "{path}");
        assert!(!page.text().await.unwrap().contains("disk"));
    }
    let discard = [("ids[]", "1"), ("note", "mine")];
    for path in ["redrive", "discard"] {
        let path = format!("/api/system/dead-letters/{path}");
        assert_eq!(ada.post(&path, &discard).await.status(), 404);
    }
    assert_eq!(statuses(&app).await, ["open"]);
    let page = ada.get("/you").await.text().await.unwrap();
    assert!(!page.contains("/system"));
}

async fn an_administrator_decides_in_the_page(stack: Stack) {
    let app = App::start(stack).await;
    let ada = administrator(&app).await;
    assert!(
        ada.get("/you")
            .await
            .text()
            .await
            .unwrap()
            .contains("href=\"/system\"")
    );
    bury(&app.server.db, 4).await;
    let page = ada.get("/system").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("disk &lt;full&gt;") && page.contains("No. 4"));
    let one = ada
        .get("/system/dead-letters/2")
        .await
        .text()
        .await
        .unwrap();
    for part in ["\\xff{}", "retired", "user-1", "event 2"] {
        assert!(one.contains(part), "{part}: {one}");
    }
    assert_eq!(ada.get("/system/dead-letters/9").await.status(), 404);

    let decide = async |what: &str, form: &[(&str, &str)]| {
        let path = format!("/api/system/dead-letters/{what}");
        ada.post(&path, form).await.status().as_u16()
    };
    assert_eq!(
        decide("redrive", &[("ids[]", "1"), ("ids[]", "2")]).await,
        200
    );
    assert_eq!(decide("discard", &[("ids[]", "3")]).await, 422, "why?");
    assert_eq!(decide("discard", &[("note", "none chosen")]).await, 422);
    let both = [("ids[]", "3"), ("ids[]", "1"), ("note", "both or none")];
    assert_eq!(decide("discard", &both).await, 409);
    assert_eq!(
        statuses(&app).await,
        ["redriving", "redriving", "open", "open"]
    );
    let form = [("ids[]", "3"), ("note", "of a test")];
    assert_eq!(decide("discard", &form).await, 200);
    assert_eq!(
        statuses(&app).await,
        ["redriving", "redriving", "discarded", "open"]
    );
    let page = ada.get("/system?status=discarded").await;
    let page = page.text().await.unwrap();
    assert!(page.contains("of a test") && !page.contains("No. 4"));
    let decided: Vec<String> =
        sqlx::query_scalar("select data from events where user_id = 'user-system' order by seq")
            .fetch_all(app.server.db.pool())
            .await
            .unwrap();
    assert_eq!(decided.len(), 3);
    assert!(decided[2].contains("of a test"));
    eventually("the audit log tells who decided what", async || {
        let audited = "select event_type from audit_log where user_id = 'user-system' order by seq";
        let audited: Vec<String> = sqlx::query_scalar(audited)
            .fetch_all(app.server.db.pool())
            .await
            .unwrap();
        audited
            == [
                "dead_letter.redriven",
                "dead_letter.redriven",
                "dead_letter.discarded",
            ]
    })
    .await;

    // Without JavaScript a refusal is the page itself.
    let refused = ada
        .client
        .post(ada.url("/api/system/dead-letters/discard"))
        .header("origin", ada.url(""))
        .header("accept", "text/html")
        .header("referer", ada.url("/system"))
        .form(&[("ids[]", "4"), ("note", "")])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("why it is discarded") && page.contains("No. 4"));
}

async fn the_list_is_narrowed_and_stays_narrow(stack: Stack) {
    let app = App::start(stack).await;
    let ada = administrator(&app).await;
    bury(&app.server.db, 60).await;
    let page = async |path: &str| ada.get(path).await.text().await.unwrap();
    let all = page("/system").await;
    assert!(!all.contains("aria-label=\"Topic\""), "there is but one");
    let update = "update dead_letters set topic = 'task.deleted', consumer = 'stats' \
                  where dead_letter_id in (2, 4)";
    let updated: Result<_, sqlx::Error> = app
        .server
        .db
        .write(move |tx| Box::pin(async move { sqlx::query(update).execute(&mut **tx).await }))
        .await;
    assert_eq!(updated.unwrap().rows_affected(), 2);

    let both = page("/system?status=open&topic=task.deleted&consumer=stats").await;
    assert!(both.contains("No. 4") && both.contains("No. 2") && !both.contains("No. 3"));
    // Every link keeps what the others say.
    for link in [
        "status=redriven&amp;topic=task.deleted&amp;consumer=stats#letters",
        "status=open&amp;topic=task.created&amp;consumer=stats#letters",
        "status=open&amp;topic=task.deleted#letters",
    ] {
        assert!(both.contains(&format!("/system?{link}")), "{link}\n{both}");
    }
    let topic = page("/system?status=open&topic=task.created").await;
    let older = "/system?status=open&amp;topic=task.created&amp;before=11#letters";
    assert!(topic.contains(older), "{topic}");
    let older = page("/system?status=open&topic=task.created&before=11").await;
    assert!(older.contains("No. 10") && !older.contains("No. 11") && !older.contains("No. 4"));

    // A decision leads back to where it was taken, and says what was done.
    let send = async |what: &str, referer: &str, form: &[(&str, &str)]| {
        let request = ada
            .client
            .post(ada.url(&format!("/api/system/dead-letters/{what}")))
            .header("origin", ada.url(""))
            .header("accept", "text/html")
            .header("referer", ada.url(referer));
        request.form(form).send().await.unwrap()
    };
    let filter = "status=open&topic=task.deleted";
    let chosen = [("ids[]", "2"), ("ids[]", "4"), ("filter", filter)];
    let done = send("redrive", "/system", &chosen).await;
    assert_eq!(done.status(), 303);
    let way = done.headers()["location"].to_str().unwrap();
    assert_eq!(way, format!("/system?{filter}&retried=2#letters"));
    let (way, _) = way.split_once('#').unwrap();
    assert!(page(way).await.contains("2 dead letters are tried again."));
    for (id, foreign) in [
        ("5", "//evil.example.com"),
        ("6", "a\r\nset-cookie: x=y"),
        ("8", "\"><script>"),
    ] {
        let form = [("ids[]", id), ("note", "x"), ("filter", foreign)];
        let done = send("discard", "/system", &form).await;
        assert_eq!(done.headers()["location"], "/system?discarded=1#letters");
    }

    // What was chosen and typed is still there when it is refused, however often.
    let form = [
        ("ids[]", "9"),
        ("ids[]", "7"),
        ("note", "   "),
        ("filter", "status=open&topic=task.created&before=11"),
    ];
    for referer in [
        "/system?status=open&topic=task.created&before=11",
        "/api/system/dead-letters/discard",
    ] {
        let refused = send("discard", referer, &form).await;
        assert_eq!(refused.status(), 422);
        let page = refused.text().await.unwrap();
        assert!(page.contains("Say in 1 to 500 characters"), "{page}");
        assert!(
            page.contains("No. 10") && !page.contains("No. 11"),
            "{referer}: {page}"
        );
        assert_eq!(page.matches(" checked").count(), 2, "{page}");
    }
    let form = [("ids[]", "9"), ("note", ""), ("letter", "9")];
    for referer in ["/system/dead-letters/9", "/api/system/dead-letters/discard"] {
        let refused = send("discard", referer, &form).await;
        assert_eq!(refused.status(), 422);
        let page = refused.text().await.unwrap();
        assert!(
            page.contains("Dead letter 9") && page.contains("Say in 1 to 500"),
            "{page}"
        );
    }
}

async fn an_operator_decides_at_the_command_line(stack: Stack) {
    let app = App::start(stack).await;
    bury(&app.server.db, 3).await;
    let (output, list) = todo(&app.place, &["dlq", "list", "--consumer=retired"]).await;
    assert!(
        output.status.success() && list.contains("3 dead letters"),
        "{list}"
    );
    let (_, list) = todo(&app.place, &["dlq", "list", "--topic=task.deleted"]).await;
    assert!(list.contains("0 dead letters"), "{list}");
    let (_, one) = todo(&app.place, &["dlq", "show", "2"]).await;
    assert!(
        one.contains("disk <full>") && one.contains("value: \\xff{}"),
        "{one}"
    );
    let (output, said) = todo(
        &app.place,
        &["dlq", "discard", "1", "3", "--note=of a test"],
    )
    .await;
    assert!(output.status.success(), "{said}");
    let (output, said) = todo(&app.place, &["dlq", "redrive", "1", "2"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("1: Dead letter 1 is discarded already."),
        "{said}"
    );
    assert_eq!(
        statuses(&app).await,
        ["discarded", "redriving", "discarded"]
    );
    let (output, _) = todo(&app.place, &["dlq", "show", "9"]).await;
    assert_eq!(output.status.code(), Some(2));
    let (output, said) = todo(&app.place, &["admin", "grant", "nobody@example.com"]).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
}

async fn history_is_published_again(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    for title in ["one", "two", "three"] {
        ada.creates(title).await;
    }
    bury(&app.server.db, 2).await;
    let unpublished = async || {
        let sql = "select (select count(*) from events where published_at is null) \
                   + (select count(*) from dead_letters where published_at is null)";
        sqlx::query_scalar::<_, i64>(sql)
            .fetch_one(app.server.db.pool())
            .await
            .unwrap()
    };
    let lines = async || {
        sqlx::query_scalar::<_, i64>("select count(*) from activity")
            .fetch_one(app.server.db.pool())
            .await
            .unwrap()
    };
    crate::support::eventually("published", async || unpublished().await == 0).await;
    for (from, count, letters) in [
        ("1", 4, 2),
        ("2000-01-01T00:00:00Z", 4, 2),
        ("2100-01-01T00:00:00Z", 0, 0),
    ] {
        let (output, said) = todo(&app.place, &["republish", "--from", from]).await;
        assert!(
            output.status.success()
                && said.starts_with(&format!("{count} events and {letters} dead letters")),
            "{said}"
        );
        crate::support::eventually("published again", async || unpublished().await == 0).await;
    }
    let (output, _) = todo(&app.place, &["republish", "--from", "yesterday"]).await;
    assert_eq!(output.status.code(), Some(2));
    ada.creates("four").await;
    crate::support::eventually("the feed", async || lines().await == 5).await;
    let feed = ada.get("/feed").await.text().await.unwrap();
    assert_eq!(feed.matches("class=\"line").count(), 5);
}

async fn what_was_given_up_is_sent_again_by_who_may(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    for n in 1..=2 {
        let new = New {
            event_id: EventId(uuid::Uuid::now_v7()),
            user_id: UserId("user-1".into()),
            seq: Seq::default(),
            channel: "pigeon",
            target: format!("roof {n}"),
            lane: "roof".into(),
            payload: "coo".into(),
            due_at: app::db::now(),
            traceparent: None,
        };
        db.write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move {
                commands::queue(tx, &new).await?;
                sqlx::query("update deliveries set status = 'failed', tries = 6, attempts = 6")
                    .execute(&mut **tx)
                    .await
            })
        })
        .await
        .unwrap();
    }
    let statuses = async || -> Vec<String> {
        sqlx::query_scalar("select status from deliveries order by delivery_id")
            .fetch_all(db.pool())
            .await
            .unwrap()
    };
    let eve = app.person().await;
    assert_eq!(eve.get("/system/deliveries").await.status(), 404);
    let redeliver = "/api/system/deliveries/redeliver";
    let one = [("ids[]", "1")];
    assert_eq!(eve.post(redeliver, &one).await.status(), 404);
    assert_eq!(statuses().await, ["failed", "failed"]);

    let ada = administrator(&app).await;
    let page = ada.get("/system/deliveries?status=failed").await;
    let page = page.text().await.unwrap();
    assert!(page.contains("roof 1") && page.contains("pigeon"), "{page}");
    let both = [("ids[]", "1"), ("ids[]", "9")];
    assert_eq!(
        ada.post(redeliver, &both).await.status(),
        404,
        "both or none"
    );
    assert_eq!(ada.post(redeliver, &[]).await.status(), 422);
    assert_eq!(statuses().await, ["failed", "failed"]);
    assert_eq!(ada.post(redeliver, &one).await.status(), 200);
    assert_eq!(statuses().await, ["queued", "failed"]);
    assert_eq!(
        ada.post(redeliver, &one).await.status(),
        409,
        "it is about to be sent"
    );

    let (output, list) = todo(&app.place, &["deliveries", "list", "--status=failed"]).await;
    assert!(output.status.success() && list.contains("roof 2"), "{list}");
    assert!(list.contains("1 deliveries"), "{list}");
    let (_, shown) = todo(&app.place, &["deliveries", "show", "2"]).await;
    assert!(shown.contains("message: msg_"), "{shown}");
    let (output, said) = todo(&app.place, &["deliveries", "redeliver", "2", "9"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("2: queued") && said.contains("There is no delivery 9."),
        "{said}"
    );
    assert_eq!(statuses().await, ["queued", "queued"]);
}
