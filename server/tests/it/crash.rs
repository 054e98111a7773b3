//! A server that ends, asked or not, loses nothing that was acknowledged.

use crate::on_both_stacks;
use crate::support::{Person, Place, Process, Stack, eventually};
use app::db::Db;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

on_both_stacks!(
    kill_9_during_200_creates_loses_nothing_acknowledged,
    sigterm_finishes_what_is_under_way,
);

async fn kill_9_during_200_creates_loses_nothing_acknowledged(stack: Stack) {
    const CREATES: usize = 200;
    let place = Place::new(stack).await;
    let mut process = Process::start(&place, None, &[]).await;
    let addr = process.addr;
    let ada = Person::register(addr).await;
    let mut acknowledged = BTreeSet::new();
    let mut kills = 0;
    let mut pause = 1;
    while acknowledged.len() < CREATES {
        // Four clients at once; the server dies under them after a time that differs each round.
        let round = async {
            let client = async |n: usize| {
                let mut done = Vec::new();
                for i in 0.. {
                    let title = format!("{kills}/{n}/{i}");
                    match ada
                        .try_post("/api/tasks", &[("title", title.as_str())])
                        .await
                    {
                        Ok(answer) if answer.status() == 200 => done.push(title),
                        _ => break,
                    }
                }
                done
            };
            futures::future::join_all((0..4).map(client)).await.concat()
        };
        pause = (pause * 7 + 5) % 101;
        let (done, ()) = tokio::join!(round, async {
            tokio::time::sleep(Duration::from_millis(40 + pause)).await;
            process.kill().await;
        });
        acknowledged.extend(done);
        kills += 1;
        process = Process::start(&place, Some(addr), &[]).await;
    }
    let mut window = ada.socket(0).await;
    let (events, _) = window.live().await;
    let titles: BTreeSet<String> = events
        .iter()
        .filter_map(|event| {
            let data = serde_json::to_value(&event.envelope.data).unwrap();
            data["title"].as_str().map(str::to_owned)
        })
        .collect();
    let lost: Vec<_> = acknowledged.difference(&titles).collect();
    assert_eq!(lost, Vec::<&String>::new(), "after {kills} kills");
    assert!(
        events
            .iter()
            .map(|event| event.seq.0)
            .eq(1..=events.len() as i64),
        "no gap"
    );

    let db = Db::connect(&place.database_url).await.unwrap();
    eventually("every event is in the feed, once", async || {
        let lines: i64 = sqlx::query_scalar("select count(*) from activity")
            .fetch_one(db.pool())
            .await
            .unwrap();
        lines == events.len() as i64
    })
    .await;
    let report = server::verify::verify(&db).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    println!(
        "{} acknowledged, {} stored, {kills} kills, none lost",
        acknowledged.len(),
        events.len() - 1
    );
    process.kill().await;
}

async fn sigterm_finishes_what_is_under_way(stack: Stack) {
    let place = Place::new(stack).await;
    let mut process = Process::start(&place, None, &[]).await;
    let ada = Person::register(process.addr).await;
    let _window = ada.socket(0).await;
    let client = async || {
        let mut acknowledged = 0;
        while let Ok(answer) = ada
            .try_post("/api/tasks", &[("title", "Until the end")])
            .await
        {
            assert_eq!(answer.status(), 200, "what is taken on is finished");
            acknowledged += 1;
        }
        acknowledged
    };
    let stop = async {
        eventually("work is under way", async || {
            ada.creates("Begin").await.seq.0 > 20
        })
        .await;
        let pid = process.child.id().unwrap().to_string();
        let asked = Instant::now();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = process.child.wait().await.unwrap();
        assert!(status.success(), "{status}");
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{:?}",
            asked.elapsed()
        );
    };
    let (acknowledged, ()) = tokio::join!(client(), stop);
    let db = Db::connect(&place.database_url).await.unwrap();
    let sql = "select count(*) from tasks where title = 'Until the end'";
    let stored: i64 = sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap();
    assert!(
        stored >= acknowledged,
        "{stored} stored, {acknowledged} acknowledged"
    );
}
