//! What is deleted can be brought back as it was, for a while; and then it is gone for good.

use crate::on_both_stacks;
use crate::support::{App, Person, Stack, eventually, problem};
use app::db::{Db, now};
use app::event::{Event, EventData, Timestamp};
use app::trash::commands;
use chrono::TimeDelta;
use serde_json::Value;

on_both_stacks!(
    a_task_comes_back_as_it_was,
    what_is_another_persons_is_not_there,
    many_are_restored_or_purged_at_once_or_none,
    what_was_there_for_long_enough_goes_for_good,
    a_replay_counts_nothing_again,
    verify_knows_what_is_missing,
);

async fn page(person: &Person) -> String {
    let page = person.get("/trash").await;
    assert_eq!(page.status(), 200);
    page.text().await.unwrap()
}

async fn deleted(person: &Person, titles: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for title in titles {
        let id = person.task(title).await;
        let form = [("task_id", id.as_str())];
        person.does("/api/tasks/delete", &form).await.unwrap();
        ids.push(id);
    }
    ids
}

/// For good what was deleted before `before`; how much.
async fn expire(db: &Db, before: Timestamp) -> u64 {
    let mut purged = 0;
    loop {
        let batch = db.write(move |tx| Box::pin(commands::expire(tx, before)));
        match batch.await.unwrap() {
            0 => return purged,
            some => purged += some,
        }
    }
}

async fn is_sound(db: &Db) {
    let report = server::verify::verify(db).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap()
}

async fn execute(db: &Db, sql: &'static str) {
    db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move { sqlx::query(sql).execute(&mut **tx).await.map(|_| ()) })
    })
    .await
    .unwrap();
}

/// How many tasks of theirs a search finds.
async fn finds(person: &Person, words: &str) -> usize {
    let answer = person.get(&format!("/api/search?q={words}")).await;
    let found: Value = answer.json().await.unwrap();
    // While the index is being opened there is no answer yet.
    found["hits"].as_array().map_or(usize::MAX, Vec::len)
}

/// The feed, newest first: type and title of each line.
async fn feed(person: &Person) -> Vec<(String, String)> {
    let answer = person.post("/api/activity/older", &[("before", "1000000")]);
    let feed: Value = answer.await.json().await.unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = feed["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| (text(entry, "event_type"), text(entry, "title")))
        .collect()
}

async fn a_task_comes_back_as_it_was(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let form = [("title", "Buy <milk>"), ("description", "Two\nbottles")];
    let created = ada.does("/api/tasks", &form).await.unwrap();
    let id = created.envelope.data.task_id().unwrap().to_string();
    let form = [("task_id", id.as_str())];
    let completed = ada.does("/api/tasks/complete", &form).await.unwrap();
    ada.creates("Bread").await;
    eventually("it is found", async || finds(&ada, "milk").await == 1).await;

    ada.does("/api/tasks/delete", &form).await.unwrap();
    eventually("it is found no more", async || {
        finds(&ada, "milk").await == 0
    })
    .await;
    assert_eq!(ada.get(&format!("/tasks/{id}")).await.status(), 404);
    assert_eq!(ada.post("/api/tasks/complete", &form).await.status(), 404);
    let shown = page(&ada).await;
    assert!(
        shown.contains("Buy &lt;milk&gt;") && shown.contains("1 task<"),
        "{shown}"
    );
    assert!(!shown.contains("Bread"));
    is_sound(db).await;

    let mut window = ada.socket(5).await;
    let command = uuid::Uuid::new_v4().to_string();
    let undo = [("task_id", id.as_str()), ("command_id", &command)];
    let restored = ada.does("/api/tasks/restore", &undo).await.unwrap();
    let heard = window.event().await;
    assert_eq!(
        heard.envelope, restored.envelope,
        "other windows hear of it"
    );
    let (EventData::TaskCreated(was), EventData::TaskCompleted(done), EventData::TaskRestored(is)) = (
        &created.envelope.data,
        &completed.envelope.data,
        &restored.envelope.data,
    ) else {
        panic!("{restored:?}")
    };
    assert_eq!((&is.title, &is.description), (&was.title, &was.description));
    assert_eq!((is.task_id, is.created_at), (was.task_id, was.created_at));
    assert_eq!(is.completed_at, Some(done.completed_at));
    let again: Option<Event> = ada.does("/api/tasks/restore", &undo).await;
    assert_eq!(again, Some(restored), "the same command does it once");
    assert_eq!(
        ada.does("/api/tasks/restore", &form).await,
        None,
        "it is there"
    );

    assert!(page(&ada).await.contains("Nothing here."));
    assert_eq!(ada.get(&format!("/tasks/{id}")).await.status(), 200);
    eventually("it is found again", async || {
        finds(&ada, "bottles").await == 1
    })
    .await;
    eventually("it is told", async || {
        feed(&ada).await.first() == Some(&("task.restored".into(), "Buy <milk>".into()))
    })
    .await;
    // And is a task like every other.
    ada.does("/api/tasks/reopen", &form).await.unwrap();
    ada.does("/api/tasks/delete", &form).await.unwrap();
    ada.does("/api/tasks/restore", &form).await.unwrap();
    let open = number(db, "select count(*) from tasks where completed_at is null").await;
    assert_eq!(open, 2);
    let next = ada.task("The next has the next number").await;
    assert!(next.parse::<i64>().unwrap() > id.parse().unwrap());
    is_sound(db).await;
    app.stop().await;
}

async fn what_is_another_persons_is_not_there(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, eve) = (app.person().await, app.person().await);
    let id = deleted(&ada, &["Ada's own"]).await.remove(0);
    assert!(!page(&eve).await.contains("Ada&#x27;s") && page(&eve).await.contains("Nothing here."));
    let (one, many) = ([("task_id", id.as_str())], [("task_ids[]", id.as_str())]);
    assert_eq!(eve.post("/api/tasks/restore", &one).await.status(), 404);
    for path in ["/api/trash/restore", "/api/trash/purge"] {
        assert_eq!(eve.post(path, &many).await.status(), 404, "{path}");
    }
    assert_eq!(eve.post("/api/trash/empty", &[]).await.status(), 200);
    assert!(page(&ada).await.contains("own"));

    let guest = Person::new(app.addr, String::new());
    assert_eq!(guest.get("/trash").await.headers()["location"], "/login");
    for path in ["restore", "purge", "empty"] {
        let path = format!("/api/trash/{path}");
        assert_eq!(guest.post(&path, &many).await.status(), 401, "{path}");
    }
    is_sound(&app.server.db).await;
    app.stop().await;
}

async fn many_are_restored_or_purged_at_once_or_none(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let ids = deleted(&ada, &["One", "Two", "Three", "Four"]).await;
    let form = |ids: &[&String]| -> Vec<(String, String)> {
        let named = ids.iter().map(|id| ("task_ids[]".into(), id.to_string()));
        named.collect()
    };
    let post = async |path: &str, ids: &[&String]| {
        let form = form(ids);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        ada.post(path, &form).await
    };
    assert_eq!(
        post("/api/trash/restore", &[&ids[0], &ids[1]])
            .await
            .status(),
        200
    );
    assert_eq!(number(db, "select count(*) from tasks").await, 2);
    assert_eq!(post("/api/trash/purge", &[&ids[2]]).await.status(), 200);
    // One of them is gone, so the other stays where it is.
    for path in ["/api/trash/restore", "/api/trash/purge"] {
        let refused = post(path, &[&ids[3], &ids[2]]).await;
        assert_eq!(refused.status(), 404, "{path}");
        assert!(
            problem(refused).await["detail"]
                .as_str()
                .unwrap()
                .contains("not in the trash")
        );
    }
    assert_eq!(number(db, "select count(*) from trash").await, 1);
    assert_eq!(post("/api/trash/restore", &[]).await.status(), 422);
    // Without JavaScript the page says so.
    let refused = ada
        .client
        .post(ada.url("/api/trash/purge"))
        .header("origin", ada.url(""))
        .header("accept", "text/html")
        .header("referer", ada.url("/trash"))
        .form(&[("none", "")])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("Choose at least one task.") && refused.contains("Four"));

    deleted(&ada, &["Five"]).await;
    assert_eq!(ada.post("/api/trash/empty", &[]).await.status(), 200);
    assert!(page(&ada).await.contains("Nothing here."));
    eventually("it is told", async || {
        let feed = feed(&ada).await;
        let purged = feed.iter().filter(|(what, _)| what == "task.purged");
        purged.map(|(_, title)| title.as_str()).collect::<Vec<_>>() == ["Five", "Four", "Three"]
    })
    .await;
    is_sound(db).await;
    app.stop().await;
}

async fn what_was_there_for_long_enough_goes_for_good(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let (ada, eve) = (app.person().await, app.person().await);
    // More than go at a time.
    let titles: Vec<String> = (0..60).map(|n| format!("Task {n}")).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let ids = deleted(&ada, &titles).await;
    deleted(&eve, &["Eve's"]).await;
    let first = page(&ada).await;
    assert_eq!(first.matches("class=\"trashed-line\"").count(), 50);
    let (_, older) = first
        .split_once("/trash?before=")
        .expect("there are older ones");
    let older = older.split('"').next().unwrap();
    let older = ada
        .get(&format!("/trash?before={older}"))
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(older.matches("class=\"trashed-line\"").count(), 10);
    let form = [("task_id", ids[0].as_str())];
    ada.does("/api/tasks/restore", &form).await.unwrap();

    let days = TimeDelta::days(30);
    assert_eq!(expire(db, now() - days).await, 0);
    // A month later; and two processes look at the same time.
    let later = now() + TimeDelta::seconds(1);
    let (one, other) = tokio::join!(expire(db, later), expire(db, later));
    assert_eq!(one + other, 60);
    assert_eq!(expire(db, later).await, 0);
    assert_eq!(number(db, "select count(*) from trash").await, 0);
    let told = "select count(*) from events where event_type = 'task.purged' \
                and actor_id = 'user-system' and data like '%\"expired\"%'";
    assert_eq!(number(db, told).await, 60);
    assert_eq!(number(db, "select count(*) from tasks").await, 1);
    assert_eq!(
        ada.post("/api/tasks/restore", &[("task_id", &ids[1])])
            .await
            .status(),
        404
    );
    is_sound(db).await;
    app.stop().await;
}

async fn a_replay_counts_nothing_again(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let id = ada.task("Buy milk").await;
    let form = [("task_id", id.as_str())];
    for what in [
        "complete", "delete", "restore", "reopen", "delete", "restore",
    ] {
        ada.does(&format!("/api/tasks/{what}"), &form)
            .await
            .unwrap();
    }
    let counted = async || {
        let points = "select cast(coalesce(sum(points), 0) as bigint) from points_people";
        let done = "select cast(coalesce(sum(completed), 0) as bigint) from analytics_quarters";
        let added = "select cast(coalesce(sum(added), 0) as bigint) from analytics_quarters";
        (
            number(db, points).await,
            number(db, done).await,
            number(db, added).await,
            finds(&ada, "milk").await,
        )
    };
    eventually("all are counted", async || counted().await == (0, 0, 1, 1)).await;
    execute(
        db,
        "update consumer_progress set last_seq = 0 where consumer in ('points', 'analytics')",
    )
    .await;
    // Something for each of them, so that they look.
    let bread = ada.task("Bread").await;
    let form = [("task_id", bread.as_str())];
    for what in ["complete", "reopen"] {
        ada.does(&format!("/api/tasks/{what}"), &form)
            .await
            .unwrap();
    }
    eventually("all have caught up", async || {
        let behind = "select count(*) from consumer_progress where last_seq < 11 \
                      and consumer in ('search', 'points', 'analytics')";
        number(db, behind).await == 0
    })
    .await;
    eventually("and counted the same", async || {
        counted().await == (0, 0, 2, 1)
    })
    .await;
    app.stop().await;
}

async fn verify_knows_what_is_missing(stack: Stack) {
    let app = App::start(stack).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let differences = async || server::verify::verify(db).await.unwrap().differences;
    deleted(&ada, &["One", "Two"]).await;
    execute(db, "update trash set title = 'Three' where title = 'Two'").await;
    let found = differences().await.join("\n");
    assert!(
        found.contains("in the trash differs from its events"),
        "{found}"
    );
    execute(db, "delete from trash").await;
    let found = differences().await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("is missing in the trash"), "{found:?}");
    // What was deleted before there was a trash is not looked for.
    execute(
        db,
        "update trash_start set position = (select max(position) from events)",
    )
    .await;
    is_sound(db).await;
    deleted(&ada, &["Four"]).await;
    is_sound(db).await;
    app.stop().await;
}
