//! What leaves the house: once, in its time, and whoever answers badly hurts nobody else.

pub mod receiver;

use crate::on_both_stacks;
use crate::support::{Place, Stack, eventually};
use app::db::Db;
use app::deliveries::queries::{self, Filter};
use app::deliveries::{Attempt, Delivery, New, Row, Status, commands};
use app::error::Error;
use app::id::{EventId, Seq, UserId};
use app::outbox::Cause;
use async_trait::async_trait;
use receiver::Receiver;
use reqwest::Method;
use server::consumer::policy::Policy;
use server::delivery::http::Outbound;
use server::delivery::{self, Channel, Outcome, Settings};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

on_both_stacks!(
    each_is_queued_once_and_sent_once_by_several_processes,
    what_fails_is_tried_again_and_every_attempt_is_kept,
    what_keeps_failing_is_given_up_and_may_be_sent_again,
    bad_targets_hurt_nobody_else,
    a_breaker_opens_and_one_attempt_closes_it,
    a_target_that_wants_order_has_it,
    a_target_that_is_gone_is_left_alone,
    what_is_not_yet_due_waits_and_counts_as_no_attempt,
    a_trace_goes_on,
);

/// A call to the address that the target is.
struct Hook {
    outbound: Outbound,
    ordered: bool,
}

#[async_trait]
impl Channel for Hook {
    fn name(&self) -> &'static str {
        "hook"
    }

    fn at_once(&self) -> i64 {
        2
    }

    fn ordered(&self) -> bool {
        self.ordered
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        if delivery.payload == "later" && delivery.attempt == 1 && !self.ordered {
            return Outcome::NotYet(app::db::now() + chrono::TimeDelta::hours(1));
        }
        let request = match self.outbound.request(Method::POST, &delivery.target) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let request = request
            .header("webhook-id", &delivery.message_id)
            .header("traceparent", delivery.traceparent.as_deref().unwrap_or(""))
            .body(delivery.payload.to_string());
        match self.outbound.call(request).await {
            Ok(reply) => reply.outcome(),
            Err(outcome) => outcome,
        }
    }
}

struct World {
    place: Place,
    db: Db,
    receiver: Receiver,
}

/// Quick enough for tests.
fn settings() -> Settings {
    Settings {
        retry: "5,100ms,400ms".parse().unwrap(),
        breaker: Policy {
            retries: 3,
            first: Duration::from_millis(300),
            longest: Duration::from_secs(2),
        },
        timeout: Duration::from_secs(1),
    }
}

impl World {
    async fn new(stack: Stack) -> World {
        let place = Place::new(stack).await;
        let db = Db::connect(&place.database_url).await.unwrap();
        World {
            place,
            db,
            receiver: Receiver::start().await,
        }
    }

    /// A process that sends.
    async fn sender(&self, ordered: bool) -> Running {
        let db = Db::connect(&self.place.database_url).await.unwrap();
        let hook = Hook {
            outbound: Outbound::new(true).unwrap(),
            ordered,
        };
        let stop = CancellationToken::new();
        let channels: Vec<Arc<dyn Channel>> = vec![Arc::new(hook)];
        Running {
            task: tokio::spawn(delivery::run(db, channels, settings(), stop.clone())),
            stop,
        }
    }

    fn new_delivery(&self, path: &str, payload: &str) -> New {
        let target = self.receiver.url(path);
        New {
            event_id: EventId(Uuid::now_v7()),
            user_id: UserId("user-1".into()),
            seq: Seq::default(),
            channel: "hook",
            lane: target.clone(),
            target,
            payload: payload.into(),
            due_at: app::db::now(),
            traceparent: None,
        }
    }

    async fn queue(&self, new: New) -> bool {
        self.db
            .write::<_, sqlx::Error, _>(move |tx| {
                Box::pin(async move { commands::queue(tx, &new).await })
            })
            .await
            .unwrap()
    }

    async fn queue_to(&self, path: &str, count: usize) {
        for n in 0..count {
            assert!(self.queue(self.new_delivery(path, &n.to_string())).await);
        }
    }

    async fn rows(&self, path: &str) -> Vec<Row> {
        let filter = Filter {
            target: Some(self.receiver.url(path)),
            ..Filter::default()
        };
        let mut conn = self.db.pool().acquire().await.unwrap();
        queries::deliveries(&mut conn, &filter, 1000).await.unwrap()
    }

    async fn are(&self, path: &str, status: Status) -> bool {
        let rows = self.rows(path).await;
        !rows.is_empty() && rows.iter().all(|row| row.status == status)
    }

    async fn attempts(&self, id: i64) -> Vec<Attempt> {
        let mut conn = self.db.pool().acquire().await.unwrap();
        queries::attempts(&mut conn, id).await.unwrap()
    }

    async fn redeliver(&self, id: i64) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                Box::pin(
                    async move { commands::redeliver(tx, &Cause::unasked("operator"), id).await },
                )
            })
            .await
    }
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn each_is_queued_once_and_sent_once_by_several_processes(stack: Stack) {
    let world = World::new(stack).await;
    let senders = [world.sender(false).await, world.sender(false).await];
    eventually("it sends", async || {
        world.queue_to("/ok/0", 1).await;
        world.receiver.count("/ok/0") > 0
    })
    .await;
    let mut paths: Vec<String> = (1..=10).map(|n| format!("/ok/{n}")).collect();
    for path in &paths {
        let new = world.new_delivery(path, "twice");
        assert!(world.queue(new.clone()).await);
        assert!(
            !world.queue(new).await,
            "the same event, channel and target"
        );
        world.queue_to(path, 9).await;
    }
    paths.push("/ok/0".into());
    for path in &paths {
        eventually("all are sent", async || world.are(path, Status::Sent).await).await;
        let rows = world.rows(path).await;
        let mut sent = world.receiver.ids(path);
        sent.sort();
        let mut expected: Vec<String> = rows.into_iter().map(|row| row.message_id).collect();
        expected.sort();
        assert_eq!(sent, expected, "each under its id, once");
    }
    for sender in senders {
        sender.stop().await;
    }
}

async fn what_fails_is_tried_again_and_every_attempt_is_kept(stack: Stack) {
    let world = World::new(stack).await;
    world.queue_to("/fails/2", 1).await;
    let sender = world.sender(false).await;
    eventually("it is sent", async || {
        world.are("/fails/2", Status::Sent).await
    })
    .await;
    let row = world.rows("/fails/2").await.remove(0);
    let attempts = world.attempts(row.id).await;
    let told: Vec<(i64, &str, Option<i64>)> = attempts
        .iter()
        .map(|a| (a.attempt, a.outcome.as_str(), a.status))
        .collect();
    assert_eq!(
        told,
        [
            (1, "passing", Some(500)),
            (2, "passing", Some(500)),
            (3, "sent", Some(200))
        ]
    );
    assert_eq!(attempts[0].answer.len(), 4096, "of 10 KiB");
    assert!(attempts.iter().all(|attempt| attempt.took.is_some()));
    let waits: Vec<i64> = attempts
        .windows(2)
        .map(|two| (two[1].began_at - two[0].began_at).num_milliseconds())
        .collect();
    assert!(waits[0] >= 100 && waits[1] >= 200, "{waits:?}");
    let ids = world.receiver.ids("/fails/2");
    assert_eq!(
        ids,
        vec![row.message_id.as_str(); 3],
        "the same id each time"
    );
    sender.stop().await;
}

async fn what_keeps_failing_is_given_up_and_may_be_sent_again(stack: Stack) {
    let world = World::new(stack).await;
    world.queue_to("/fails/6", 1).await;
    let sender = world.sender(false).await;
    eventually("it is given up", async || {
        world.are("/fails/6", Status::Failed).await
    })
    .await;
    let row = world.rows("/fails/6").await.remove(0);
    assert_eq!((row.attempts, world.receiver.count("/fails/6")), (6, 6));
    world.redeliver(row.id).await.unwrap();
    eventually("it is sent", async || {
        world.are("/fails/6", Status::Sent).await
    })
    .await;
    world.redeliver(row.id).await.unwrap();
    eventually("once more", async || world.receiver.count("/fails/6") == 8).await;
    let ids = world.receiver.ids("/fails/6");
    assert_eq!(ids, vec![row.message_id.as_str(); 8]);
    assert_eq!(world.redeliver(999).await.unwrap_err().status, 404);
    sender.stop().await;
}

async fn bad_targets_hurt_nobody_else(stack: Stack) {
    let world = World::new(stack).await;
    let bad = ["/hangs", "/drips", "/fails/1000", "/refuses"];
    for path in bad {
        world.queue_to(path, 20).await;
    }
    let sender = world.sender(false).await;
    eventually("each of the bad was tried", async || {
        let mut tried = 0;
        for path in bad {
            let rows = world.rows(path).await;
            tried += usize::from(rows.iter().any(|row| row.attempts > 0));
        }
        tried == bad.len()
    })
    .await;
    let began = Instant::now();
    for n in 0..5 {
        world.queue_to(&format!("/ok/{n}"), 10).await;
    }
    for n in 0..5 {
        let path = format!("/ok/{n}");
        eventually("the good are sent", async || {
            world.are(&path, Status::Sent).await
        })
        .await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(
        world.receiver.most("/hangs") <= 2 && world.receiver.most("/drips") <= 2,
        "no target takes more than its places"
    );
    for path in bad {
        assert!(!world.are(path, Status::Sent).await, "{path}");
    }
    let rows = world.rows("/refuses").await;
    let refused = rows.iter().find(|row| row.answer.contains("refused"));
    assert!(refused.is_some(), "{rows:?}");
    sender.stop().await;
}

async fn a_breaker_opens_and_one_attempt_closes_it(stack: Stack) {
    let world = World::new(stack).await;
    world.queue_to("/closed", 30).await;
    let sender = world.sender(false).await;
    eventually("the breaker has opened", async || {
        world.receiver.count("/closed") >= 5
    })
    .await;
    // Two at a time until three have failed, then one by one, after longer and longer pauses:
    // without a breaker thirty would have been tried before the first was tried again.
    let rows = world.rows("/closed").await;
    let tried = rows.iter().filter(|row| row.attempts > 0).count();
    assert!(tried <= 8, "{tried} were tried");
    let (failures, open_until): (i64, i64) = sqlx::query_as(
        "select failures, open_until from delivery_lanes where lane like '%/closed'",
    )
    .fetch_one(world.db.pool())
    .await
    .unwrap();
    assert!(failures >= 3 && open_until > 0, "{failures} {open_until}");
    world.receiver.open("/closed");
    eventually("all are sent", async || {
        world.are("/closed", Status::Sent).await
    })
    .await;
    let (failures, open_until): (i64, i64) = sqlx::query_as(
        "select failures, open_until from delivery_lanes where lane like '%/closed'",
    )
    .fetch_one(world.db.pool())
    .await
    .unwrap();
    assert_eq!((failures, open_until), (0, 0));
    sender.stop().await;
}

async fn a_target_that_wants_order_has_it(stack: Stack) {
    let world = World::new(stack).await;
    world.queue_to("/fails/2", 10).await;
    let sender = world.sender(true).await;
    eventually("all are sent", async || {
        world.are("/fails/2", Status::Sent).await
    })
    .await;
    let bodies = world.receiver.bodies("/fails/2");
    let expected: Vec<String> = [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
        .map(|n| format!("\"{n}\""))
        .to_vec();
    assert_eq!(bodies, expected);
    sender.stop().await;
}

async fn a_target_that_is_gone_is_left_alone(stack: Stack) {
    let world = World::new(stack).await;
    world.queue_to("/gone", 10).await;
    let sender = world.sender(false).await;
    eventually("all are given up", async || {
        world.are("/gone", Status::Gone).await
    })
    .await;
    assert!(world.receiver.count("/gone") <= 2);
    sender.stop().await;
}

async fn what_is_not_yet_due_waits_and_counts_as_no_attempt(stack: Stack) {
    let world = World::new(stack).await;
    let due_at = app::db::now() + chrono::TimeDelta::hours(1);
    let queued = world
        .new_delivery("/ok/later", "queued for later")
        .at(due_at);
    world.queue(queued).await;
    world.queue(world.new_delivery("/ok/now", "later")).await;
    world.queue_to("/ok/1", 1).await;
    let sender = world.sender(false).await;
    eventually("what is due is sent", async || {
        world.are("/ok/1", Status::Sent).await
    })
    .await;
    eventually("the other is put off", async || {
        world.rows("/ok/now").await[0].due_at > app::db::now()
    })
    .await;
    for path in ["/ok/later", "/ok/now"] {
        let row = world.rows(path).await.remove(0);
        assert_eq!((row.status, row.attempts), (Status::Queued, 0), "{path}");
        assert_eq!(world.attempts(row.id).await, []);
        assert_eq!(world.receiver.count(path), 0);
    }
    sender.stop().await;
}

async fn a_trace_goes_on(stack: Stack) {
    let world = World::new(stack).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let new = New {
        traceparent: Some(trace.into()),
        ..world.new_delivery("/ok/1", "traced")
    };
    world.queue(new).await;
    let sender = world.sender(false).await;
    eventually("it is sent", async || {
        world.are("/ok/1", Status::Sent).await
    })
    .await;
    let told = world.receiver.traces("/ok/1").remove(0);
    assert!(
        told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{told}"
    );
    sender.stop().await;
}

#[tokio::test]
async fn only_public_addresses_are_called_and_no_redirect_is_followed() {
    let receiver = Receiver::start().await;
    let guarded = Outbound::new(false).unwrap();
    let port = receiver.port();
    for url in [
        format!("http://127.0.0.1:{port}/ok/1"),
        format!("http://localhost:{port}/ok/1"),
        format!("http://[::1]:{port}/ok/1"),
        format!("http://[::ffff:127.0.0.1]:{port}/ok/1"),
        format!("http://2130706433:{port}/ok/1"),
        format!("http://0x7f.1:{port}/ok/1"),
        "http://169.254.169.254/latest/meta-data".into(),
        "ftp://example.com/".into(),
        "http://user:password@example.com/".into(),
        "nowhere".into(),
    ] {
        let outcome = match guarded.request(Method::POST, &url) {
            Ok(request) => guarded.call(request).await.map(|reply| reply.status),
            Err(outcome) => Err(outcome),
        };
        assert!(
            matches!(outcome, Err(Outcome::Permanent(_))),
            "{url}: {outcome:?}"
        );
    }
    assert_eq!(receiver.count("/ok/1"), 0);

    let open = Outbound::new(true).unwrap();
    let request = open
        .request(Method::POST, &receiver.url("/redirects"))
        .unwrap();
    let reply = open.call(request).await.unwrap();
    assert_eq!(reply.status, 302);
    assert_eq!(receiver.count("/ok/redirected"), 0);
}
