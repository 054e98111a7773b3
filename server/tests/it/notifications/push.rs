//! What browsers show: encrypted for each, signed by us, and no longer than somebody is logged in.

use super::{clock, everything_is_told, execute, number, rows};
use crate::on_both_stacks;
use crate::support::{App, Person, Place, Stack, eventually, free_addr, problem};
use app::db::Db;
use app::deliveries::{Row, Status};
use serde_json::Value;
use server::consumer::policy::Policy;
use server::republish::Republish;
use std::time::Duration;
use tokio::process::Child;

on_both_stacks!(
    each_browser_shows_what_only_it_can_read,
    a_push_service_says_what_becomes_of_a_message,
    who_logs_out_or_removes_a_browser_is_told_no_more,
    a_browser_that_is_none_is_refused,
    a_replay_shows_nothing_again,
);

/// A push service in a process of its own.
struct Service {
    url: String,
    _child: Child,
}

impl Service {
    async fn start() -> Service {
        let addr = free_addr();
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/notifications/push_service.mjs"
        );
        let child = tokio::process::Command::new("node")
            .args([script, &addr.port().to_string()])
            .kill_on_drop(true)
            .spawn()
            .expect(
                "Node.js and the packages of end2end are installed: scripts/setup test does it",
            );
        let service = Service {
            url: format!("http://{addr}"),
            _child: child,
        };
        eventually("the push service listens", async || {
            reqwest::get(format!("{}/messages", service.url))
                .await
                .is_ok()
        })
        .await;
        service
    }

    async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        answer.json().await.unwrap()
    }

    /// What came for browsers of that name.
    async fn messages(&self, name: &str) -> Vec<Value> {
        let messages = self.get("/messages").await;
        let mut messages: Vec<Value> = messages.as_array().unwrap().clone();
        messages.retain(|message| message["name"] == name);
        for message in &messages {
            assert_eq!(message["problem"], Value::Null, "{message}");
        }
        messages
    }

    /// What a new browser of that name says of itself.
    async fn browser(&self, name: &str) -> Vec<(String, String)> {
        let browser = self.get(&format!("/browser/{name}")).await;
        let fields = ["endpoint", "p256dh", "auth"];
        fields
            .map(|field| (field.into(), browser[field].as_str().unwrap().to_owned()))
            .into()
    }
}

async fn start(place: Place) -> App {
    let mut config = place.config();
    config.delivery.allow_private = true;
    config.delivery.timeout = 2000;
    config.delivery.retry = "20,200ms,1s".parse().unwrap();
    config.delivery.breaker = Policy {
        retries: 5,
        first: Duration::from_millis(500),
        longest: Duration::from_secs(1),
    };
    App::start_as(place, config).await
}

/// The installation's key, as the page tells the browser.
async fn key(person: &Person) -> String {
    let page = person.get("/notifications").await.text().await.unwrap();
    let (_, rest) = page.split_once("data-key=\"").expect("the page has it");
    rest.split_once('"').unwrap().0.to_owned()
}

async fn switch_on(person: &Person, service: &Service, name: &str) {
    let mut form = service.browser(name).await;
    form.push(("server_key".into(), key(person).await));
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = person
        .post("/api/notifications/push/subscribe", &form)
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn row(db: &Db, title: &str) -> Option<Row> {
    let id: Option<i64> = sqlx::query_scalar(
        "select delivery_id from deliveries where channel = 'push' and payload like $1",
    )
    .bind(format!("%\"{title}\"%"))
    .fetch_optional(db.pool())
    .await
    .unwrap();
    let id = id?;
    rows(db).await.into_iter().find(|row| row.id == id)
}

async fn has(db: &Db, title: &str, status: Status) -> bool {
    row(db, title).await.is_some_and(|row| row.status == status)
}

async fn each_browser_shows_what_only_it_can_read(stack: Stack) {
    let service = Service::start().await;
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let telephone = ada.elsewhere().await;
    ada.creates("Before anything was switched on").await;
    switch_on(&ada, &service, "laptop").await;
    switch_on(&telephone, &service, "telephone").await;
    // Who switches the same one on again is told once.
    switch_on(&ada, &service, "desk").await;
    let task = ada.task("Buy <milk> & “bread”").await;
    let form = [("task_id", task.as_str())];
    for name in ["desk", "telephone"] {
        eventually("it is shown", async || {
            service.messages(name).await.len() == 1
        })
        .await;
    }
    ada.does("/api/tasks/complete", &form).await;
    for name in ["desk", "telephone"] {
        eventually("both are shown", async || {
            service.messages(name).await.len() == 2
        })
        .await;
        let messages = service.messages(name).await;
        let shown = |n: usize, what: &str| messages[n]["shown"][what].as_str().unwrap().to_owned();
        assert_eq!(shown(0, "title"), "On your list");
        assert_eq!(shown(1, "title"), "Well done!");
        for message in &messages {
            assert_eq!(message["shown"]["body"], "Buy <milk> & “bread”");
            assert_eq!(message["shown"]["url"], format!("/tasks/{task}"));
            assert_eq!(message["ttl"], "86400");
        }
        assert_eq!(shown(0, "tag"), shown(1, "tag"), "it takes its place");
        assert_eq!(messages[0]["topic"], messages[1]["topic"]);
        assert_eq!(messages[0]["key"], key(&ada).await);
        assert_eq!(messages[0]["sub"], "mailto:todo@localhost");
    }
    assert_eq!(service.messages("laptop").await, Vec::<Value>::new());

    // A test comes at once, to one's own browser, and not again at once.
    let id = number(
        &app.server.db,
        "select max(subscription_id) from push_subscriptions",
    )
    .await
    .to_string();
    let form = [("id", id.as_str())];
    let eve = app.person().await;
    for path in ["test", "remove"] {
        let path = format!("/api/notifications/push/{path}");
        assert_eq!(eve.post(&path, &form).await.status(), 404, "not Eve's");
    }
    assert!(
        !eve.get("/notifications")
            .await
            .text()
            .await
            .unwrap()
            .contains("class=\"session\"")
    );
    let test = async || {
        ada.post("/api/notifications/push/test", &form)
            .await
            .status()
    };
    assert_eq!(test().await, 200);
    assert_eq!(test().await, 429);
    eventually("the test is shown", async || {
        service.messages("desk").await.len() == 3
    })
    .await;
    assert_eq!(
        service.messages("desk").await[2]["shown"]["title"],
        "It works"
    );

    // The key outlives the process.
    let before = key(&ada).await;
    let app = start(app.stop().await).await;
    let ada = Person::new(app.addr, ada.email.clone()).elsewhere().await;
    assert_eq!(key(&ada).await, before);
    app.stop().await;
}

async fn a_push_service_says_what_becomes_of_a_message(stack: Stack) {
    let service = Service::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    for (name, status) in [
        ("gone", Status::Gone),
        ("lost", Status::Gone),
        ("large", Status::Failed),
        ("busy", Status::Sent),
        ("broken", Status::Sent),
    ] {
        let ada = app.person().await;
        switch_on(&ada, &service, name).await;
        let title = format!("For {name}");
        ada.creates(&title).await;
        eventually(name, async || has(db, &title, status).await).await;
        let row = row(db, &title).await.unwrap();
        let (attempts, left) = match name {
            "busy" => (2, true),
            "broken" => (3, true),
            "large" => (1, true),
            _ => (1, false),
        };
        assert_eq!(row.attempts, attempts, "{name}: {row:?}");
        assert!(
            row.target
                .ends_with(service.url.trim_start_matches("http:/").trim_matches('/')),
            "operators do not see the address: {row:?}"
        );
        let page = ada.get("/notifications").await.text().await.unwrap();
        assert_eq!(page.contains("class=\"session\""), left, "{name}");
    }
    // Not taken for now: it is tried again, and another at the same service is not held up.
    let (eve, ada) = (app.person().await, app.person().await);
    switch_on(&eve, &service, "refused").await;
    switch_on(&ada, &service, "well").await;
    for n in 0..8 {
        eve.creates(&format!("Refused {n}")).await;
    }
    eventually("they were tried", async || {
        service.messages("refused").await.len() > 12
    })
    .await;
    ada.creates("All is well").await;
    eventually("it is shown", async || {
        has(db, "All is well", Status::Sent).await
    })
    .await;
    assert!(has(db, "Refused 0", Status::Queued).await);
    let failures = "select max(failures) from delivery_lanes where channel = 'push'";
    assert_eq!(number(db, failures).await, 0);
    app.stop().await;
}

async fn who_logs_out_or_removes_a_browser_is_told_no_more(stack: Stack) {
    let service = Service::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let (telephone, tablet) = (ada.elsewhere().await, ada.elsewhere().await);
    switch_on(&ada, &service, "laptop").await;
    switch_on(&telephone, &service, "telephone").await;
    switch_on(&tablet, &service, "tablet").await;
    let (from, to) = (clock(-2), clock(2));
    let quiet = [
        ("wanted[]", "task.created/push"),
        ("time_zone", "UTC"),
        ("quiet_from", &from),
        ("quiet_to", &to),
    ];
    let saved = ada.post("/api/notifications/settings", &quiet).await;
    assert_eq!(saved.status(), 200);
    ada.creates("At night").await;
    eventually("three wait", async || rows(db).await.len() == 3).await;
    let soon = app::db::now() + chrono::TimeDelta::minutes(90);
    assert!(rows(db).await.iter().all(|row| row.due_at > soon));

    telephone.post("/api/accounts/logout", &[]).await;
    let page = ada.get("/notifications").await.text().await.unwrap();
    assert_eq!(page.matches("class=\"session\"").count(), 2);
    let id = number(db, "select max(subscription_id) from push_subscriptions").await;
    let id = id.to_string();
    let removed = ada
        .post("/api/notifications/push/remove", &[("id", &id)])
        .await;
    assert_eq!(removed.status(), 200);
    // The night is over, for all that was to be sent in the morning too.
    let morning = [("wanted[]", "task.created/push")];
    ada.post("/api/notifications/settings", &morning).await;
    eventually("the night's are dealt with", async || {
        rows(db)
            .await
            .iter()
            .all(|row| row.status != Status::Queued)
    })
    .await;
    ada.creates("By day").await;
    eventually("it is shown", async || {
        has(db, "By day", Status::Sent).await
    })
    .await;
    assert_eq!(rows(db).await.len(), 4, "the one that is left");
    assert_eq!(service.messages("laptop").await.len(), 2);
    for name in ["telephone", "tablet"] {
        assert_eq!(service.messages(name).await, Vec::<Value>::new(), "{name}");
    }
    // What nobody wants any more is not queued.
    ada.post("/api/notifications/settings", &[]).await;
    ada.creates("Not wanted").await;
    everything_is_told(db, "notifications").await;
    assert_eq!(rows(db).await.len(), 4);
    app.stop().await;
}

async fn a_browser_that_is_none_is_refused(stack: Stack) {
    let service = Service::start().await;
    let place = Place::new(stack).await;
    let config = place.config();
    let app = App::start_as(place, config).await;
    let ada = app.person().await;
    let good = service.browser("laptop").await;
    let key = key(&ada).await;
    let public = "https://push.example.com/abc";
    let off_the_curve = format!("B{}", "A".repeat(86));
    let (p256dh, auth) = (good[1].1.as_str(), good[2].1.as_str());
    for (endpoint, p256dh, auth, server_key) in [
        (good[0].1.as_str(), p256dh, auth, key.as_str()),
        ("http://push.example.com/abc", p256dh, auth, &key),
        ("https://localhost/abc", p256dh, auth, &key),
        ("nowhere", p256dh, auth, &key),
        ("", p256dh, auth, &key),
        (
            &format!("{public}{}", "x".repeat(2_000)),
            p256dh,
            auth,
            &key,
        ),
        (public, &off_the_curve, auth, &key),
        (public, p256dh, "", &key),
        (public, p256dh, auth, p256dh),
    ] {
        let form = [
            ("endpoint", endpoint),
            ("p256dh", p256dh),
            ("auth", auth),
            ("server_key", server_key),
        ];
        let refused = ada.post("/api/notifications/push/subscribe", &form).await;
        assert_eq!(refused.status(), 422, "{form:?}");
        assert_eq!(problem(refused).await["field"], "endpoint");
    }
    let guest = Person::new(app.addr, String::new());
    let path = "/api/notifications/push/subscribe";
    assert_eq!(guest.post(path, &[]).await.status(), 401);
    let sql = "select count(*) from push_subscriptions";
    assert_eq!(number(&app.server.db, sql).await, 0);
    app.stop().await;
}

async fn a_replay_shows_nothing_again(stack: Stack) {
    let service = Service::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    switch_on(&ada, &service, "laptop").await;
    ada.creates("Once").await;
    eventually("it is shown", async || has(db, "Once", Status::Sent).await).await;
    // Another browser has seen none of it, and is not told of what is past either.
    switch_on(&ada.elsewhere().await, &service, "telephone").await;
    let options = Republish { from: "1".into() };
    server::republish::run(db, &options).await.unwrap();
    execute(
        db,
        "update consumer_progress set last_seq = 0 where consumer = 'notifications'",
    )
    .await;
    ada.creates("The last").await;
    eventually("both show it", async || {
        service.messages("telephone").await.len() == 1
            && service.messages("laptop").await.len() == 2
    })
    .await;
    everything_is_told(db, "notifications").await;
    assert_eq!(rows(db).await.len(), 3);
    app.stop().await;
}
