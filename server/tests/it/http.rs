//! Accounts, commands and refusals over HTTP.

use crate::on_both_stacks;
use crate::support::{App, PASSWORD, Person, Stack, eventually, problem};
use crate::system::administrator;
use serde_json::Value;
use uuid::Uuid;

on_both_stacks!(
    a_task_goes_through_its_life,
    bad_input_is_refused_and_changes_nothing,
    an_address_with_a_nul_is_refused,
    another_persons_task_does_not_exist,
    asking_twice_does_it_once,
    sixty_four_clients_leave_no_gap,
    forms_work_without_javascript,
    health_is_told,
);

/// The last event's number of the only person, and whether everything adds up.
async fn last_seq(app: &App) -> i64 {
    let report = server::verify::verify(&app.server.db).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    report.events
}

async fn a_task_goes_through_its_life(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let created = ada.creates("  Buy groceries ").await;
    let id = created.envelope.data.task_id().unwrap().to_string();
    let form = [
        ("task_id", id.as_str()),
        ("title", "Cook"),
        ("description", "Milk\r\nEggs"),
    ];
    let edited = ada.does("/api/tasks/edit", &form).await.unwrap();
    let id = [("task_id", id.as_str())];
    let completed = ada.does("/api/tasks/complete", &id).await.unwrap();
    assert_eq!(ada.does("/api/tasks/complete", &id).await, None);
    let reopened = ada.does("/api/tasks/reopen", &id).await.unwrap();
    assert_eq!(ada.does("/api/tasks/reopen", &id).await, None);
    assert_eq!(ada.does("/api/tasks/edit", &form).await, None);
    let deleted = ada.does("/api/tasks/delete", &id).await.unwrap();

    let events = [&created, &edited, &completed, &reopened, &deleted];
    let types = events.map(|event| event.envelope.event_type.as_str());
    assert_eq!(
        types,
        [
            "task.created",
            "task.updated",
            "task.completed",
            "task.reopened",
            "task.deleted"
        ]
    );
    assert_eq!(events.map(|event| event.seq.0), [2, 3, 4, 5, 6]);
    assert_eq!(
        serde_json::to_value(&edited.envelope.data).unwrap()["changes"],
        serde_json::json!({
            "title": {"old": "Buy groceries", "new": "Cook"},
            "description": {"old": "", "new": "Milk\nEggs"},
        })
    );
    let data = serde_json::to_value(&deleted.envelope.data).unwrap();
    assert_eq!(
        (&data["title"], &data["reason"]),
        (&"Cook".into(), &"user_requested".into())
    );
    assert_eq!(last_seq(&app).await, 6);
    app.stop().await;
}

async fn an_address_with_a_nul_is_refused(stack: Stack) {
    let app = App::start(stack).await;
    let ada = administrator(&app).await;
    for path in [
        "/audit?person=%00",
        "/audit?kind=a%00",
        "/?person=%00&kind=%00",
        "/search?q=%00",
        "/system?topic=%00",
        "/system/deliveries?target=%00",
        "/webhooks/%00",
        "/unsubscribe/%00",
    ] {
        let answer = ada.get(path).await;
        assert_eq!(answer.status(), 400, "{path}");
        let detail = problem(answer).await["detail"].to_string();
        assert!(detail.contains("NUL, %00"), "{path}: {detail}");
    }
    // What only looks like one is text.
    assert_eq!(ada.get("/audit?person=%2500").await.status(), 200);
    app.stop().await;
}

async fn bad_input_is_refused_and_changes_nothing(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let id = ada.task("Stays").await;
    let before = last_seq(&app).await;
    let long = "x".repeat(501);
    let large = "x".repeat(64 * 1024 + 1);
    for (path, form, status, field) in [
        ("/api/tasks", vec![("title", "")], 422, Some("title")),
        ("/api/tasks", vec![("title", " \t ")], 422, Some("title")),
        (
            "/api/tasks",
            vec![("title", long.as_str())],
            422,
            Some("title"),
        ),
        ("/api/tasks", vec![("title", "nul\0")], 422, Some("title")),
        (
            "/api/tasks",
            vec![("title", "ok"), ("description", &large)],
            413,
            Some("description"),
        ),
        ("/api/tasks", vec![("titel", "typo")], 400, None),
        (
            "/api/tasks",
            vec![("title", "ok"), ("command_id", "no uuid")],
            400,
            None,
        ),
        (
            "/api/tasks/edit",
            vec![("task_id", &id), ("title", ""), ("description", "")],
            422,
            Some("title"),
        ),
        (
            "/api/tasks/edit",
            vec![("task_id", &id), ("title", "t"), ("description", &large)],
            413,
            Some("description"),
        ),
        ("/api/tasks/complete", vec![("task_id", "many")], 400, None),
        (
            "/api/tasks/complete",
            vec![("task_id", "987654321")],
            404,
            None,
        ),
        ("/api/tasks/nothing", vec![], 404, None),
        (
            "/api/webhooks/add/webhook",
            vec![
                ("url", "https://example.com/\0"),
                ("types[]", "task.created"),
            ],
            422,
            Some("url"),
        ),
        (
            "/api/accounts/register",
            vec![("email", "x"), ("name", "A"), ("password", PASSWORD)],
            422,
            Some("email"),
        ),
        (
            "/api/accounts/register",
            vec![("email", &ada.email), ("name", ""), ("password", PASSWORD)],
            422,
            Some("name"),
        ),
        (
            "/api/accounts/register",
            vec![("email", "a@b.c"), ("name", "A"), ("password", "short")],
            422,
            Some("password"),
        ),
        (
            "/api/accounts/register",
            vec![("email", "a@b.c"), ("name", "A"), ("password", "password1")],
            422,
            Some("password"),
        ),
        (
            "/api/accounts/register",
            vec![("email", &ada.email), ("name", "A"), ("password", PASSWORD)],
            409,
            Some("email"),
        ),
    ] {
        let answer = ada.post(path, &form).await;
        let name = format!("{path} {:?}", form.first());
        assert_eq!(answer.status(), status, "{name}");
        assert_eq!(problem(answer).await["field"].as_str(), field, "{name}");
    }
    let huge = "x".repeat(600 * 1024);
    let answer = ada.post("/api/tasks", &[("title", huge.as_str())]).await;
    assert_eq!(answer.status(), 413);
    problem(answer).await;

    let origin = ada.url("");
    let json = ada
        .client
        .post(ada.url("/api/tasks"))
        .header("origin", &origin)
        .body("{")
        .send();
    assert_eq!(json.await.unwrap().status(), 400);
    let get = ada.client.get(ada.url("/api/tasks")).send().await.unwrap();
    assert_eq!(
        (get.status().as_u16(), &get.headers()["allow"]),
        (405, &"POST".parse().unwrap())
    );

    let nobody = Person::new(app.addr, String::new());
    let answer = nobody.post("/api/tasks", &[("title", "mine?")]).await;
    assert_eq!(answer.status(), 401);
    assert!(
        problem(answer).await["detail"]
            .as_str()
            .unwrap()
            .contains("Log in")
    );
    assert_eq!(last_seq(&app).await, before);
    app.stop().await;
}

async fn another_persons_task_does_not_exist(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, eve) = (app.person().await, app.person().await);
    let id = ada.task("Secret").await;
    for verb in ["edit", "complete", "reopen", "delete"] {
        let form = [
            ("task_id", id.as_str()),
            ("title", "mine"),
            ("description", ""),
        ];
        let refused = eve.post(&format!("/api/tasks/{verb}"), &form).await;
        assert_eq!(refused.status(), 404, "{verb}");
        let form = [
            ("task_id", "999999"),
            ("title", "mine"),
            ("description", ""),
        ];
        let unknown = eve.post(&format!("/api/tasks/{verb}"), &form).await;
        assert_eq!(problem(refused).await, problem(unknown).await, "{verb}");
    }
    let page = eve.get(&format!("/tasks/{id}")).await;
    assert_eq!(page.status(), 404);
    assert!(!page.text().await.unwrap().contains("Secret"));
    assert!(
        eve.get("/feed")
            .await
            .text()
            .await
            .unwrap()
            .contains("</html>")
    );
    app.stop().await;
}

async fn asking_twice_does_it_once(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let command_id = Uuid::new_v4().to_string();
    let form = [("title", "Once"), ("command_id", command_id.as_str())];
    let (first, second) =
        tokio::join!(ada.does("/api/tasks", &form), ada.does("/api/tasks", &form));
    assert_eq!(first, second);
    assert_eq!(first, ada.does("/api/tasks", &form).await);
    assert_eq!(last_seq(&app).await, 2);
    app.stop().await;
}

async fn sixty_four_clients_leave_no_gap(stack: Stack) {
    const CLIENTS: usize = 64;
    const EACH: usize = 10;
    let app = App::start(stack).await;
    let ada = app.person().await;
    let client = async |n: usize| {
        let mut seqs = Vec::new();
        for i in 0..EACH {
            seqs.push(ada.creates(&format!("{n}/{i}")).await.seq.0);
        }
        seqs
    };
    let seqs = futures::future::join_all((0..CLIENTS).map(client)).await;
    let mut seqs: Vec<i64> = seqs.concat();
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=(CLIENTS * EACH) as i64 + 1).collect::<Vec<_>>());
    assert_eq!(last_seq(&app).await, (CLIENTS * EACH) as i64 + 1);
    app.stop().await;
}

async fn forms_work_without_javascript(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let submit = async |path: &str, page: &str, form: &[(&str, &str)]| {
        ada.client
            .post(ada.url(path))
            .header("accept", "text/html,application/xhtml+xml")
            .header("sec-fetch-site", "same-origin")
            .header("referer", ada.url(page))
            .form(form)
            .send()
            .await
            .unwrap()
    };
    let answer = submit("/api/tasks", "/", &[("title", "By hand")]).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/".parse().unwrap())
    );
    eventually("the feed tells of it", async || {
        ada.get("/feed")
            .await
            .text()
            .await
            .unwrap()
            .matches("By hand")
            .count()
            >= 2
    })
    .await;
    let typed = format!("{}!", "long ".repeat(100));
    let answer = submit("/api/tasks", "/", &[("title", typed.as_str())]).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("at most 500"), "it says why");
    assert!(page.contains(&typed), "nothing typed is lost");
    let answer = submit("/api/accounts/logout", "/you", &[]).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/login".parse().unwrap())
    );
    let answer = submit("/api/tasks", "/", &[("title", "too late")]).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.text().await.unwrap().contains("Log in"));
    app.stop().await;
}

async fn health_is_told(stack: Stack) {
    let app = App::start(stack).await;
    let nobody = Person::new(app.addr, String::new());
    assert_eq!(nobody.get("/healthz").await.status(), 200);
    eventually("it is ready", async || {
        nobody.get("/readyz").await.status() == 200
    })
    .await;
    let ready = nobody.get("/readyz").await;
    let ready: Value = ready.json().await.unwrap();
    for part in ["database", "migrations", "transport"] {
        assert_eq!(ready[part], "ok", "{part}");
    }
    let page = nobody.get("/login").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    for part in [
        "'nonce-",
        "'wasm-unsafe-eval'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(nobody.get("/no/such/page").await.status(), 404);
    app.stop().await;
}
