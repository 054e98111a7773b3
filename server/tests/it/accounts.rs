//! Sessions, passwords, and who is let in from where.

use crate::on_both_stacks;
use crate::support::{App, PASSWORD, Person, Place, Stack, problem};
use serde_json::Value;
use server::config::Config;

on_both_stacks!(
    sessions_are_listed_and_ended,
    guessing_passwords_is_slowed_down,
    guesses_at_once_are_counted_one_by_one,
    other_sites_are_refused,
    behind_a_proxy_of_ours_everybody_has_an_address,
);

async fn behind_a_proxy_of_ours_everybody_has_an_address(stack: Stack) {
    let place = Place::new(stack).await;
    let config = Config {
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..place.config()
    };
    let app = App::start_as(place, config).await;
    let ada = app.person().await;
    let login = async |from: &str, password: &str| {
        let form = [("email", ada.email.as_str()), ("password", password)];
        let request = ada.client.post(ada.url("/api/accounts/login"));
        let request = request.header("origin", ada.url("")).form(&form);
        let answer = request
            .header("x-forwarded-for", from)
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    };
    assert_eq!(login("198.51.100.1, 203.0.113.9", PASSWORD).await, 200);
    let page = ada.get("/you").await.text().await.unwrap();
    assert!(page.contains("203.0.113.9"), "{page}");
    assert!(!page.contains("198.51.100.1"), "anybody may write that");
    app.stop().await;
}

async fn sessions_are_listed_and_ended(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let other = ada.elsewhere().await;
    let sessions: Value = ada
        .post("/api/accounts/sessions", &[])
        .await
        .json()
        .await
        .unwrap();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let others = sessions
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let id = others["session_id"].as_str().unwrap();

    let eve = app.person().await;
    assert_eq!(
        eve.post("/api/accounts/sessions/end", &[("session_id", id)])
            .await
            .status(),
        404
    );
    assert_eq!(
        other
            .post("/api/tasks", &[("title", "still here")])
            .await
            .status(),
        200
    );
    let mut socket = other.socket(0).await;
    socket.live().await;

    assert_eq!(
        ada.post("/api/accounts/sessions/end", &[("session_id", id)])
            .await
            .status(),
        200
    );
    assert_eq!(
        other
            .post("/api/tasks", &[("title", "gone")])
            .await
            .status(),
        401
    );
    assert_eq!(socket.closed().await.unwrap().0, 1008);

    assert_eq!(ada.post("/api/accounts/logout", &[]).await.status(), 200);
    assert_eq!(
        ada.post("/api/tasks", &[("title", "gone")]).await.status(),
        401
    );
    assert_eq!(eve.creates("still logged in").await.seq.0, 2);
    expire_sessions(&app).await;
    assert_eq!(
        eve.post("/api/tasks", &[("title", "expired")])
            .await
            .status(),
        401
    );
    assert_eq!(ada.get("/").await.headers()["location"], "/login");
    app.stop().await;
}

/// As if a month had passed.
async fn expire_sessions(app: &App) {
    let expire = app.server.db.write::<_, sqlx::Error, _>(|tx| {
        Box::pin(async move {
            sqlx::query("update sessions set expires_at = 0")
                .execute(&mut **tx)
                .await
                .map(|_| ())
        })
    });
    expire.await.unwrap();
}

async fn guesses_at_once_are_counted_one_by_one(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let thief = Person::new(app.addr, ada.email.clone());
    let form = [("email", ada.email.as_str()), ("password", "guess a word")];
    let guesses = (0..30).map(|_| thief.post("/api/accounts/login", &form));
    let answers = futures::future::join_all(guesses).await;
    let of = |status: u16| answers.iter().filter(|a| a.status() == status).count();
    assert_eq!((of(422), of(429)), (10, 20));
    app.stop().await;
}

async fn guessing_passwords_is_slowed_down(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let thief = Person::new(app.addr, ada.email.clone());
    let nobody = thief
        .post(
            "/api/accounts/login",
            &[
                ("email", "nobody@example.com"),
                ("password", "guess a word"),
            ],
        )
        .await;
    let nobody = problem(nobody).await;
    for _ in 0..10 {
        let form = [("email", ada.email.as_str()), ("password", "guess a word")];
        let wrong = thief.post("/api/accounts/login", &form).await;
        assert_eq!(wrong.status(), 422);
        assert_eq!(
            problem(wrong).await,
            nobody,
            "it must not tell whether the account exists"
        );
    }
    let form = [("email", ada.email.as_str()), ("password", PASSWORD)];
    assert_eq!(thief.post("/api/accounts/login", &form).await.status(), 429);
    // Each guess was an event; what was not looked at is none.
    assert_eq!(ada.creates("unharmed").await.seq.0, 12);
    app.stop().await;
}

async fn other_sites_are_refused(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let send = async |headers: &[(&str, &str)]| {
        let mut request = ada
            .client
            .post(ada.url("/api/tasks"))
            .form(&[("title", "forged")]);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let own = ada.url("");
    for headers in [
        vec![],
        vec![("origin", "https://evil.example.com")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site"), ("origin", own.as_str())],
        vec![("sec-fetch-site", "same-site"), ("origin", own.as_str())],
    ] {
        let answer = send(&headers).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
        problem(answer).await;
    }
    for origin in ["https://evil.example.com", "null"] {
        let refused = ada
            .try_socket(0, origin)
            .await
            .err()
            .expect("refused")
            .to_string();
        assert!(refused.contains("403"), "{refused}");
    }
    let nobody = Person::new(app.addr, String::new());
    let refused = nobody
        .try_socket(0, &own)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(refused.contains("401"), "{refused}");
    let report = server::verify::verify(&app.server.db).await.unwrap();
    assert_eq!((report.events, report.tasks), (1, 0), "nothing changed");
    app.stop().await;
}
