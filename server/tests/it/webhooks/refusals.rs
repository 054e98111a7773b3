//! What is refused: other people's endpoints, addresses inside, what makes no sense.

use super::world::{self, ALL, Endpoint, add, refused, start, status};
use crate::deliveries::receiver::Receiver;
use crate::on_both_stacks;
use crate::support::{App, Place, Stack, eventually, problem};
use app::deliveries::{Delivery, message_id};
use app::outbox::Cause;
use app::webhooks::commands::{self, Wish};
use app::webhooks::{CHOICES, Gate, Kind, Message, secret};
use server::delivery::endpoint::{Endpoints, Reach};
use server::delivery::http::{Lookup, Outbound};
use server::delivery::webhook::Webhook;
use server::delivery::{Channel, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

on_both_stacks!(
    another_persons_endpoint_does_not_exist,
    an_address_inside_is_refused_when_it_is_added_and_when_it_is_called,
    an_address_that_has_moved_inside_is_not_called,
    what_is_wrong_is_refused_by_its_field,
    nobody_has_us_send_without_end,
);

async fn nobody_has_us_send_without_end(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let (ada, eve) = (app.person().await, app.person().await);
    let endpoint = add(&ada, &receiver.url("/ok/1"), ALL).await;
    // Adding it was the first.
    for _ in 1..60 {
        endpoint.does(&ada, "test", &[]).await;
    }
    let today = app::db::now().date_naive().to_string();
    for (what, form) in [
        ("test", vec![]),
        ("redeliver", vec![("delivery", "1")]),
        ("replay", vec![("from", today.as_str())]),
    ] {
        let answer = endpoint.post(&ada, what, &form).await;
        assert_eq!(answer.status(), 429, "{what}");
        let detail = problem(answer).await["detail"].to_string();
        assert!(
            detail.contains("60 times in the last 10 minutes"),
            "{detail}"
        );
    }
    let other = add(&eve, &receiver.url("/ok/2"), ALL).await;
    other.does(&eve, "test", &[]).await;
    app.stop().await;
}

async fn another_persons_endpoint_does_not_exist(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let (ada, eve) = (app.person().await, app.person().await);
    let endpoint = add(&ada, &receiver.url("/ok/1"), ALL).await;
    ada.creates("Ada's").await;
    world::all_are_sent(&app.server.db, &endpoint.id).await;
    let row = world::rows(&app.server.db, &endpoint.id).await.remove(0);
    let delivery = row.id.to_string();
    let path = format!("/webhooks/{}", endpoint.id);
    let today = app::db::now().date_naive().to_string();
    for (path, form) in [
        (
            "edit",
            [("types[]", "task.created"), ("description", "Eve's")],
        ),
        ("rotate", [("", ""); 2]),
        ("token", [("token", "Eve's"), ("", "")]),
        ("test", [("", ""); 2]),
        ("switch", [("on", "false"), ("", "")]),
        ("redeliver", [("delivery", delivery.as_str()), ("", "")]),
        ("replay", [("from", today.as_str()), ("", "")]),
        ("remove", [("", ""); 2]),
    ] {
        let theirs = endpoint.post(&eve, path, &form).await;
        assert_eq!(theirs.status(), 404, "{path}");
        let theirs = theirs.text().await.unwrap();
        let other = Endpoint::unknown();
        let nobodys = other.post(&eve, path, &form).await.text().await.unwrap();
        assert_eq!(theirs, nobodys, "{path}: the same words");
        let guest = crate::support::Person::new(app.addr, String::new());
        assert_eq!(
            endpoint.post(&guest, path, &form).await.status(),
            401,
            "{path}"
        );
    }
    assert_eq!(eve.get(&path).await.status(), 404);
    assert!(
        !eve.get("/webhooks")
            .await
            .text()
            .await
            .unwrap()
            .contains(&endpoint.id)
    );
    // Nor does a delivery through another endpoint of one's own.
    let own = add(&eve, &receiver.url("/ok/2"), ALL).await;
    let answer = own
        .post(&eve, "redeliver", &[("delivery", &delivery)])
        .await;
    assert_eq!(answer.status(), 404);
    let after = status(&app.server.db, &endpoint.id).await;
    assert_eq!((after.description.as_str(), after.disabled_at), ("", None));
    assert_eq!(ada.get(&path).await.status(), 200);
    endpoint.does(&ada, "remove", &[]).await;
    assert_eq!(ada.get(&path).await.status(), 404);
    app.stop().await;
}

async fn an_address_inside_is_refused_when_it_is_added_and_when_it_is_called(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let inside = add(&ada, &receiver.url("/ok/1"), ALL).await;
    // Over the internet only with TLS, whatever is allowed here.
    let answer = world::try_add(&ada, "webhook", "http://1.1.1.1/x", ALL, &[]).await;
    assert_eq!(refused(answer).await, "url");
    let place = app.stop().await;

    let mut config = world::config(&place);
    config.delivery.allow_private = false;
    let app = App::start_as(place, config).await;
    let ada = ada.elsewhere_at(app.addr).await;
    let port = receiver.port();
    for url in [
        receiver.url("/ok/1"),
        format!("https://127.0.0.1:{port}/ok/1"),
        format!("https://localhost:{port}/ok/1"),
        format!("https://[::1]:{port}/ok/1"),
        "https://169.254.169.254/latest/meta-data".into(),
        "http://example.com/".into(),
    ] {
        let answer = world::try_add(&ada, "webhook", &url, ALL, &[]).await;
        assert_eq!(answer.status(), 422, "{url}");
        let problem = problem(answer).await;
        assert_eq!(problem["field"], "url");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("cannot be used")
        );
    }
    ada.creates("Goes nowhere").await;
    eventually("it is given up", async || {
        let rows = world::rows(&app.server.db, &inside.id).await;
        rows.iter()
            .any(|row| row.answer.contains("not on the public internet"))
    })
    .await;
    assert_eq!(receiver.count("/ok/1"), 0);
    app.stop().await;
}

async fn an_address_that_has_moved_inside_is_not_called(stack: Stack) {
    let receiver = Receiver::start().await;
    let app = start(Place::new(stack).await).await;
    let db = app.server.db.clone();
    let event = app.person().await.creates("Goes nowhere").await;
    let user_id = event.user_id().clone();
    let moved = Arc::new(AtomicBool::new(false));
    let inside = moved.clone();
    let lookup: Lookup = Arc::new(move |_| {
        let ip = match inside.load(Ordering::SeqCst) {
            true => "127.0.0.1",
            false => "1.1.1.1",
        };
        Box::pin(async move { Ok(vec![ip.parse().unwrap()]) })
    });
    let outbound = Outbound::looking_up(false, lookup).unwrap();
    let url = format!("https://moving.test:{}/ok/1", receiver.port());
    assert_eq!(
        Gate::check(&outbound, &url).await,
        Ok(()),
        "when it is added"
    );
    let wish = Wish {
        kind: Kind::Webhook,
        url,
        description: String::new(),
        types: CHOICES.to_vec(),
        secret: secret::generate(),
        jira: None,
    };
    let owner = Cause::unasked(&*user_id.0);
    let target = db
        .write(move |tx| Box::pin(async move { commands::add(tx, &owner, &wish).await }))
        .await
        .unwrap();
    let delivery = Delivery {
        id: 1,
        message_id: message_id(event.envelope.event_id, "webhook", &target),
        event_id: event.envelope.event_id,
        channel: "webhook".into(),
        lane: target.clone(),
        target,
        user_id,
        payload: serde_json::to_value(Message::of(&event)).unwrap(),
        traceparent: None,
        attempt: 1,
        tries: 1,
    };
    moved.store(true, Ordering::SeqCst);
    let channel = Endpoints {
        protocol: Webhook,
        reach: Reach {
            db,
            outbound,
            limit: Duration::from_secs(5),
        },
    };
    let outcome = channel.send(&delivery).await;
    let Outcome::Permanent(answer) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        answer.text.contains("not on the public internet"),
        "{}",
        answer.text
    );
    assert_eq!(receiver.count("/ok/1"), 0);
    app.stop().await;
}

async fn what_is_wrong_is_refused_by_its_field(stack: Stack) {
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let fine = "http://127.0.0.1:9/";
    let long = format!("http://127.0.0.1:9/{}", "x".repeat(2_000));
    for (url, types, field) in [
        ("", ALL, "url"),
        ("nowhere", ALL, "url"),
        ("ftp://127.0.0.1/", ALL, "url"),
        ("http://ada:secret@127.0.0.1/", ALL, "url"),
        (&long, ALL, "url"),
        (fine, &[], "types"),
        (fine, &["user.registered"], "types"),
    ] {
        let answer = world::try_add(&ada, "webhook", url, types, &[]).await;
        assert_eq!(refused(answer).await, field, "{url}");
    }
    let wide = "x".repeat(201);
    let answer = world::try_add(&ada, "webhook", fine, ALL, &[("description", &wide)]).await;
    assert_eq!(refused(answer).await, "description");
    // Without JavaScript the page says so, with what was typed.
    let page = ada
        .client
        .post(ada.url("/api/webhooks/add/webhook"))
        .header("origin", ada.url(""))
        .header("accept", "text/html")
        .header("referer", ada.url("/webhooks/new/webhook"))
        .form(&[
            ("url", "nowhere"),
            ("description", "Mine"),
            ("types[]", "task.created"),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 422);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("value=\"nowhere\"") && page.contains("value=\"Mine\""),
        "{page}"
    );
    assert!(page.contains("This address cannot be used"));

    for n in 0..20 {
        add(&ada, &format!("http://127.0.0.1:9/{n}"), ALL).await;
    }
    let answer = world::try_add(&ada, "webhook", fine, ALL, &[]).await;
    assert_eq!(answer.status(), 409);
    assert_eq!(
        app.person().await.get("/webhooks/new/fax").await.status(),
        404
    );
    let guest = crate::support::Person::new(app.addr, String::new());
    for path in ["/webhooks", "/webhooks/new/webhook", "/webhooks/ep_1"] {
        assert_eq!(
            guest.get(path).await.headers()["location"],
            "/login",
            "{path}"
        );
    }
    app.stop().await;
}
