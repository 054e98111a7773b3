//! Every open window follows, in order, without a gap.

use crate::on_both_stacks;
use crate::support::{App, Stack, eventually};

on_both_stacks!(
    every_window_hears_of_every_change_in_order,
    a_window_that_slept_catches_up,
    long_texts_reach_every_window_too,
    the_feed_tells_who_did_what,
    a_socket_that_speaks_is_closed,
    other_people_hear_nothing,
    the_server_says_goodbye,
);

async fn every_window_hears_of_every_change_in_order(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let other = ada.elsewhere().await;
    let mut windows = vec![
        ada.socket(0).await,
        ada.socket(0).await,
        other.socket(0).await,
    ];
    let id = ada.task("Follow me").await;
    for n in 0..30 {
        let title = format!("Follow me {n}");
        let form = [
            ("task_id", id.as_str()),
            ("title", &title),
            ("description", ""),
        ];
        ada.does("/api/tasks/edit", &form).await.unwrap();
    }
    for window in &mut windows {
        for seq in 1..=33 {
            assert_eq!(window.event().await.seq.0, seq);
        }
    }
    app.stop().await;
}

async fn a_window_that_slept_catches_up(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let (events, seq) = ada.socket(0).await.live().await;
    assert_eq!((events.len(), seq), (1, 1));
    for n in 0..5 {
        ada.creates(&format!("While you were away {n}")).await;
    }
    let mut window = ada.socket(seq).await;
    let (events, seq) = window.live().await;
    assert_eq!(
        events.iter().map(|event| event.seq.0).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6]
    );
    assert_eq!(seq, 6);
    let last = ada.creates("Live again").await;
    assert_eq!(window.event().await, last);
    app.stop().await;
}

async fn long_texts_reach_every_window_too(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let mut window = ada.socket(0).await;
    let id = ada.task("Notes").await;
    for n in 0..12 {
        let long = format!("{n}").repeat(60 * 1024 / 2);
        let text = if n % 3 == 0 { "short" } else { &long };
        let form = [
            ("task_id", id.as_str()),
            ("title", "Notes"),
            ("description", text),
        ];
        ada.does("/api/tasks/edit", &form).await.unwrap();
    }
    for seq in 1..=14 {
        assert_eq!(window.event().await.seq.0, seq);
    }
    let (events, seq) = ada.socket(2).await.live().await;
    assert!(events.iter().map(|event| event.seq.0).eq(3..=14));
    assert_eq!(seq, 14);
    app.stop().await;
}

async fn the_feed_tells_who_did_what(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let id = ada.task("First name").await;
    let form = [
        ("task_id", id.as_str()),
        ("title", "Second name"),
        ("description", ""),
    ];
    ada.does("/api/tasks/edit", &form).await.unwrap();
    let form = [
        ("task_id", id.as_str()),
        ("title", "Second name"),
        ("description", "More"),
    ];
    ada.does("/api/tasks/edit", &form).await.unwrap();
    ada.does("/api/tasks/delete", &[("task_id", &id)])
        .await
        .unwrap();
    let mut feed = serde_json::Value::Null;
    eventually("the feed has five lines", async || {
        feed = ada
            .post("/api/activity/older", &[("before", "1000")])
            .await
            .json()
            .await
            .unwrap();
        feed["entries"].as_array().unwrap().len() == 5
    })
    .await;
    let column = |name: &str| {
        let entries = feed["entries"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry[name].to_string().replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(column("seq"), ["5", "4", "3", "2", "1"]);
    assert_eq!(
        column("event_type"),
        [
            "task.deleted",
            "task.updated",
            "task.updated",
            "task.created",
            "user.registered"
        ]
    );
    assert_eq!(
        column("title"),
        [
            "Second name",
            "Second name",
            "Second name",
            "First name",
            ""
        ]
    );
    let changes = &feed["entries"][2]["changes"];
    assert_eq!(
        changes["title"],
        serde_json::json!({"old": "First name", "new": "Second name"})
    );
    app.stop().await;
}

async fn a_socket_that_speaks_is_closed(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let mut window = ada.socket(0).await;
    window.live().await;
    window.send("hello?").await;
    assert_eq!(window.closed().await.unwrap().0, 1008);
    app.stop().await;
}

async fn other_people_hear_nothing(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, eve) = (app.person().await, app.person().await);
    let (mut hers, mut eves) = (ada.socket(1).await, eve.socket(1).await);
    hers.live().await;
    eves.live().await;
    let secret = ada.creates("Secret").await;
    assert_eq!(hers.event().await, secret);
    let own = eve.creates("Own").await;
    assert_eq!(
        eves.event().await,
        own,
        "the first thing she hears of is her own"
    );
    app.stop().await;
}

async fn the_server_says_goodbye(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let mut window = ada.socket(0).await;
    window.live().await;
    let stopping = tokio::spawn(app.stop());
    assert_eq!(window.closed().await.unwrap().0, 1001);
    let started = std::time::Instant::now();
    let place = stopping.await.unwrap();
    assert!(started.elapsed().as_secs() < 10, "it ends within 10 s");
    let again = App::start_in(place).await;
    let report = server::verify::verify(&again.server.db).await.unwrap();
    assert_eq!((report.people, report.differences.len()), (1, 0));
    again.stop().await;
}
