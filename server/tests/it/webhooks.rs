//! External sync: what happens is sent to people's endpoints, once for each event, in order, signed;
//! and whoever answers badly hurts nobody else.

mod jira;
mod refusals;
mod slack;
pub mod world;

use crate::deliveries::receiver::Receiver;
use crate::on_both_stacks;
use crate::support::{App, Place, Process, Stack, eventually, problem};
use app::db::Tx;
use app::deliveries::message_id;
use app::event::{Event, EventType};
use app::webhooks::queries;
use serde_json::Value;
use server::consumer::{self, Consumer, HandleError};
use server::consumers::webhooks::Webhooks;
use server::republish::Republish;
use server::transport::connect;
use std::iter;
use tokio_util::sync::CancellationToken;
use world::{ALL, Endpoint, add, execute, refused, start, status};

on_both_stacks!(
    what_happens_is_sent_in_order_and_once_even_if_history_is_read_again,
    a_secret_is_shown_once_and_rotated_with_an_overlap,
    history_is_sent_again_from_a_date_under_the_same_ids,
    one_delivery_is_sent_again_and_a_test_event_is_told_apart,
    bad_endpoints_hurt_nobody_else_and_are_told_of,
    what_keeps_failing_is_switched_off_and_on_again,
    who_dies_between_sending_and_marking_sends_under_the_same_id,
);

/// The consumer under another name: it knows nothing of what it has done.
struct Again;

impl Consumer for Again {
    const NAME: &'static str = "webhooks-again";
    const TOPICS: &'static [EventType] = Webhooks::TOPICS;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        Webhooks.handle(event, tx).await
    }
}

async fn what_happens_is_sent_in_order_and_once_even_if_history_is_read_again(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    ada.creates("Before there was an endpoint").await;
    let endpoint = add(&ada, &receiver.url("/ok/1"), ALL).await;
    let done = add(&ada, &receiver.url("/ok/2"), &["task.completed"]).await;
    let mut events = Vec::new();
    for n in 0..3 {
        events.push(ada.creates(&format!("Task {n}")).await);
    }
    let task = events[0].envelope.data.task_id().unwrap().to_string();
    let form = [("task_id", task.as_str())];
    for path in ["complete", "reopen", "delete"] {
        let path = format!("/api/tasks/{path}");
        events.push(ada.does(&path, &form).await.unwrap());
    }
    eventually("all are sent", async || {
        receiver.count("/ok/1") == events.len() && receiver.count("/ok/2") == 1
    })
    .await;
    let envelopes: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_string(&event.envelope).unwrap())
        .collect();
    assert_eq!(
        receiver.bodies("/ok/1"),
        envelopes,
        "in their order, to the letter"
    );
    assert_eq!(receiver.bodies("/ok/2"), [envelopes[3].clone()]);
    let ids: Vec<String> = events
        .iter()
        .map(|event| message_id(event.envelope.event_id, "webhook", &endpoint.id))
        .collect();
    assert_eq!(receiver.ids("/ok/1"), ids);
    let headers = receiver.headers("/ok/1").remove(0);
    assert_eq!(headers["content-type"], "application/json");
    let secrets = {
        let mut conn = db.pool().acquire().await.unwrap();
        queries::target(&mut conn, &endpoint.id)
            .await
            .unwrap()
            .unwrap()
            .secrets
    };
    let timestamp: i64 = headers["webhook-timestamp"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let signature = secrets.sign(&ids[0], timestamp, &envelopes[0]).unwrap();
    assert_eq!(headers["webhook-signature"], signature.as_str());
    assert!((app::db::now().timestamp() - timestamp).abs() < 60);

    // All of history again, and to one that has forgotten all of it.
    let options = Republish { from: "1".into() };
    server::republish::run(db, &options).await.unwrap();
    let config = app.place.config();
    let transport = connect(&config, db).await.unwrap();
    let stop = CancellationToken::new();
    let policy = config.retry.of(Again::NAME);
    let running = consumer::run(Again, db.clone(), transport, policy, stop.clone());
    let running = tokio::spawn(running);
    world::is_caught_up(db, Again::NAME).await;
    // What comes last is sent, so whatever was queued before it would have been.
    let last = ada.creates("The last").await;
    eventually("the last is sent", async || {
        let bodies = receiver.bodies("/ok/1");
        bodies.last() == Some(&serde_json::to_string(&last.envelope).unwrap())
    })
    .await;
    world::is_caught_up(db, Again::NAME).await;
    assert_eq!(receiver.count("/ok/1"), events.len() + 1);
    let rows = world::rows(db, &done.id).await;
    assert_eq!(rows.len(), 1);
    stop.cancel();
    running.await.unwrap();
    app.stop().await;
}

async fn a_secret_is_shown_once_and_rotated_with_an_overlap(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let endpoint = add(&ada, &receiver.url("/ok/1"), ALL).await;
    let first = endpoint.secret.clone();
    assert!(first.starts_with("whsec_"), "{first}");
    let page = endpoint.page(&ada).await;
    assert!(!page.contains("whsec_"), "shown once");

    // As a button that is clicked twice: nobody has seen the one in between.
    endpoint.does(&ada, "rotate", &[]).await;
    endpoint.does(&ada, "rotate", &[]).await;
    let page = endpoint.page(&ada).await;
    let second = world::secret_in(&page).expect("the new one is shown");
    assert_ne!(first, second);
    assert!(page.contains("The one before signs too"));
    assert!(!endpoint.page(&ada).await.contains("whsec_"));
    ada.creates("Signed by both").await;
    eventually("it is sent", async || receiver.count("/ok/1") == 1).await;
    let headers = receiver.headers("/ok/1").remove(0);
    let body = receiver.bodies("/ok/1").remove(0);
    let told = headers["webhook-signature"].to_str().unwrap().to_owned();
    let expected = [&second, &first].map(|secret| world::signed(secret, &headers, &body));
    assert_eq!(told, expected.join(" "));

    execute(&app.server.db, "update endpoints set old_until = 1").await;
    ada.creates("Signed by one").await;
    eventually("it is sent", async || receiver.count("/ok/1") == 2).await;
    let headers = receiver.headers("/ok/1").remove(1);
    let body = receiver.bodies("/ok/1").remove(1);
    let told = headers["webhook-signature"].to_str().unwrap();
    assert_eq!(told, world::signed(&second, &headers, &body));
    app.stop().await;
}

async fn history_is_sent_again_from_a_date_under_the_same_ids(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let before = ada.creates("Before there was an endpoint").await;
    let endpoint = add(&ada, &receiver.url("/ok/1"), &["task.created"]).await;
    let mut events = Vec::new();
    for n in 0..5 {
        events.push(ada.creates(&format!("Task {n}")).await);
    }
    let task = before.envelope.data.task_id().unwrap().to_string();
    ada.does("/api/tasks/complete", &[("task_id", &task)]).await;
    eventually("all are sent", async || receiver.count("/ok/1") == 5).await;
    // What waits to be sent anyway would not be queued again.
    world::all_are_sent(&app.server.db, &endpoint.id).await;
    let first = receiver.ids("/ok/1");

    let date = |days| (app::db::now() + chrono::TimeDelta::days(days)).date_naive();
    // Nothing has happened since; no date; beyond all calendars.
    for from in [&date(2).to_string(), "soon", "+99999-01-01"] {
        let answer = endpoint.post(&ada, "replay", &[("from", from)]).await;
        assert_eq!(refused(answer).await, "from");
    }
    let yesterday = date(-1).to_string();
    endpoint.does(&ada, "replay", &[("from", &yesterday)]).await;
    // The five it had, and the one from before; not what it does not want.
    eventually("all are sent again", async || receiver.count("/ok/1") == 11).await;
    let again = receiver.ids("/ok/1").split_off(5);
    let older = message_id(before.envelope.event_id, "webhook", &endpoint.id);
    let expected: Vec<String> = iter::once(older).chain(first).collect();
    assert_eq!(again, expected, "in their order, under their ids");
    eventually("it is through", async || {
        world::status(&app.server.db, &endpoint.id)
            .await
            .replay
            .is_none()
    })
    .await;
    ada.creates("And on").await;
    eventually("it goes on", async || receiver.count("/ok/1") == 12).await;
    app.stop().await;
}

async fn one_delivery_is_sent_again_and_a_test_event_is_told_apart(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let endpoint = add(&ada, &receiver.url("/fails/1"), &["task.completed"]).await;
    endpoint.does(&ada, "test", &[]).await;
    eventually("it is sent", async || receiver.count("/fails/1") == 2).await;
    let body: Value = serde_json::from_str(&receiver.bodies("/fails/1")[0]).unwrap();
    assert_eq!(body["event_type"], "task.completed");
    world::all_are_sent(db, &endpoint.id).await;
    let page = endpoint.page(&ada).await;
    for part in [
        "Test, task.completed",
        "Attempt 1: failed, status 500",
        "Attempt 2: taken, status 200",
        "webhook-signature: v1,",
        "xxxxxxxxxx",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Of the 10 KiB that were answered.
    let longest = page.split(|c| c != 'x').map(str::len).max();
    assert_eq!(longest, Some(1024));

    let row = world::rows(db, &endpoint.id).await.remove(0);
    let id = row.id.to_string();
    endpoint.does(&ada, "redeliver", &[("delivery", &id)]).await;
    eventually("once more", async || receiver.count("/fails/1") == 3).await;
    let ids = receiver.ids("/fails/1");
    assert_eq!(ids, vec![row.message_id.as_str(); 3]);
    let answer = endpoint
        .post(&ada, "redeliver", &[("delivery", "999999")])
        .await;
    assert_eq!(answer.status(), 404);
    app.stop().await;
}

async fn bad_endpoints_hurt_nobody_else_and_are_told_of(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let (ada, eve) = (app.person().await, app.person().await);
    let mut bad: Vec<(&str, Endpoint)> = Vec::new();
    for path in ["/hangs", "/drips", "/fails/1000", "/refuses", "/redirects"] {
        bad.push((path, add(&eve, &receiver.url(path), ALL).await));
    }
    let gone = add(&eve, &receiver.url("/gone"), ALL).await;
    add(&ada, &receiver.url("/ok/1"), ALL).await;
    for n in 0..5 {
        eve.creates(&format!("Eve's {n}")).await;
        ada.creates(&format!("Ada's {n}")).await;
    }
    eventually("the good are sent", async || receiver.count("/ok/1") == 5).await;
    for (path, endpoint) in &bad {
        eventually("the bad are known to be", async || {
            status(db, &endpoint.id).await.failing_since.is_some()
        })
        .await;
        assert!(!world::rows(db, &endpoint.id).await.is_empty(), "{path}");
    }
    assert!(receiver.most("/hangs") <= 1, "one at a time");
    assert_eq!(
        receiver.count("/ok/redirected"),
        0,
        "no redirect is followed"
    );
    let answer = world::rows(db, &bad[0].1.id).await.pop().unwrap().answer;
    assert!(answer.contains("no answer within"), "{answer}");

    eventually("410 ends it", async || {
        status(db, &gone.id).await.disabled_at.is_some()
    })
    .await;
    assert_eq!(receiver.count("/gone"), 1);
    assert!(status(db, &gone.id).await.reason.contains("410"));
    eventually("Eve is told", async || {
        let page = eve.get("/notifications").await.text().await.unwrap();
        page.contains("Nothing is sent to “127.0.0.1:") && page.contains("href=\"/webhooks\"")
    })
    .await;
    eve.creates("Nobody hears of it").await;
    ada.creates("The last").await;
    eventually("it goes on", async || receiver.count("/ok/1") == 6).await;
    assert_eq!(receiver.count("/gone"), 1);
    let page = ada.get("/notifications").await.text().await.unwrap();
    assert!(!page.contains("Nothing is sent to"), "not Ada's");
    app.stop().await;
}

async fn what_keeps_failing_is_switched_off_and_on_again(stack: Stack) {
    let receiver = Receiver::start().await;
    let place = Place::new(stack).await;
    let mut config = world::config(&place);
    config.delivery.retry = "1,50ms,50ms".parse().unwrap();
    let app = App::start_as(place, config).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let endpoint = add(&ada, &receiver.url("/closed"), ALL).await;
    let slow = add(&ada, &receiver.url("/refuses"), &["task.deleted"]).await;
    for n in 0..12 {
        ada.creates(&format!("Task {n}")).await;
    }
    eventually("it is off", async || {
        status(db, &endpoint.id).await.disabled_at.is_some()
    })
    .await;
    let off = status(db, &endpoint.id).await;
    assert!(
        off.reason.contains("10 deliveries in a row"),
        "{}",
        off.reason
    );
    assert_eq!(receiver.count("/closed"), 20, "ten, each twice");
    let page = endpoint.page(&ada).await;
    assert!(page.contains("Switched off since") && page.contains("Switch it on"));
    let answer = endpoint.post(&ada, "test", &[]).await;
    assert_eq!(problem(answer).await["status"], 409);

    receiver.open("/closed");
    ada.creates("Not heard of, as it is off").await;
    world::is_caught_up(db, "webhooks").await;
    endpoint.does(&ada, "switch", &[("on", "true")]).await;
    assert_eq!(status(db, &endpoint.id).await.given_up, 0);
    ada.creates("Heard of").await;
    eventually("it goes on", async || receiver.count("/closed") == 21).await;
    assert!(receiver.bodies("/closed")[20].contains("Heard of"));

    // Three days of failures.
    let task = ada.task("To be deleted").await;
    ada.does("/api/tasks/delete", &[("task_id", &task)]).await;
    eventually("it fails", async || {
        status(db, &slow.id).await.failing_since.is_some()
    })
    .await;
    execute(
        db,
        "update endpoints set failing_since = 1 where failing_since is not null",
    )
    .await;
    let task = ada.task("To be deleted too").await;
    ada.does("/api/tasks/delete", &[("task_id", &task)]).await;
    eventually("it is off", async || {
        status(db, &slow.id).await.reason.contains("For 3 days")
    })
    .await;
    // What its person says is not told as news.
    endpoint.does(&ada, "switch", &[("on", "false")]).await;
    assert!(endpoint.page(&ada).await.contains("You switched it off."));
    let told: i64 =
        sqlx::query_scalar("select count(*) from events where event_type = 'endpoint.disabled'")
            .fetch_one(db.pool())
            .await
            .unwrap();
    assert_eq!(told, 2);
    app.stop().await;
}

async fn who_dies_between_sending_and_marking_sends_under_the_same_id(stack: Stack) {
    let receiver = Receiver::start().await;
    let place = Place::new(stack).await;
    let mut envs = world::ENVS.to_vec();
    envs.push(("TODO_CRASH_AT", "delivery:before-mark"));
    let mut process = Process::start(&place, None, &envs).await;
    let ada = crate::support::Person::register(process.addr).await;
    add(&ada, &receiver.url("/ok/1"), ALL).await;
    // It may die before it has answered.
    let _ = ada.try_post("/api/tasks", &[("title", "Buy milk")]).await;
    eventually("it dies", async || {
        process.child.try_wait().unwrap().is_some()
    })
    .await;
    assert_eq!(receiver.count("/ok/1"), 1, "it was sent");
    envs.pop();
    let _process = Process::start(&place, Some(process.addr), &envs).await;
    eventually("it is sent again", async || receiver.count("/ok/1") == 2).await;
    let ids = receiver.ids("/ok/1");
    assert_eq!(ids[0], ids[1]);
    assert_eq!(receiver.bodies("/ok/1")[0], receiver.bodies("/ok/1")[1]);
}
