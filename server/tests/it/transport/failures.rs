//! What fails: tried again on schedule, given up in the transaction that steps past it, decided on.

use super::world::{Recorder, TRACEPARENT, World};
use crate::on_both_stacks;
use crate::support::{Stack, eventually};
use app::error::{Error, Kind};
use app::outbox::Cause;
use app::system::queries::{self, Filter};
use app::system::{DeadLetter, Status, commands};
use server::consumer::policy::Policy;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;

on_both_stacks!(
    what_keeps_failing_is_tried_six_times_and_buried,
    what_can_never_work_is_buried_at_once,
    a_dead_letter_is_redriven_once,
    what_was_redriven_and_fails_again_is_open_again,
    records_at_the_same_place_are_told_apart,
    a_dead_letter_is_discarded_with_a_reason,
    a_consumer_that_panics_stops_nobody,
    a_newer_version_waits_for_the_upgrade,
    who_waits_for_an_upgrade_goes_on_when_it_has_come,
    what_a_newer_version_wrote_keeps_nobody_elses_from_being_published,
    who_waits_is_taken_up_by_another_process,
);

const QUICK: Policy = Policy {
    retries: 5,
    first: Duration::from_millis(100),
    longest: Duration::from_millis(400),
};

impl World {
    async fn letters(&self) -> Vec<DeadLetter> {
        let mut conn = self.db.pool().acquire().await.unwrap();
        queries::dead_letters(&mut conn, &Filter::default(), 100)
            .await
            .unwrap()
    }

    /// The only one there is, once it is there.
    async fn the_letter(&self) -> DeadLetter {
        eventually("a dead letter", async || !self.letters().await.is_empty()).await;
        self.letters().await.remove(0)
    }

    async fn decide(&self, id: i64, note: Option<&'static str>) -> Result<(), Error> {
        let cause = Cause::unasked("operator");
        let decide = self.db.write(move |tx| {
            Box::pin(async move {
                match note {
                    Some(note) => commands::discard(tx, &cause, id, note).await,
                    None => commands::redrive(tx, &cause, id).await,
                }
            })
        });
        decide.await.map(|_| ())
    }
}

/// Whoever has caught up is released in a transaction of its own.
async fn nobody_is_parked(world: &World) {
    eventually("nobody is parked", async || {
        world.number("select count(*) from parked").await == 0
    })
    .await;
}

async fn what_keeps_failing_is_tried_six_times_and_buried(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let (ada, bob) = (world.person().await, world.person().await);
    let bad = (ada.clone(), 3);
    recorder.failing_at.lock().unwrap().insert(bad, false);
    let _member = world
        .member_that_retries(&transport, recorder.clone(), QUICK)
        .await;
    let events = world.five(&ada).await;
    world.five(&bob).await;
    eventually("nobody else waits", async || {
        world.recorded(&bob).await.len() == 5
    })
    .await;
    let letter = world.the_letter().await;
    assert_eq!(world.recorded(&ada).await[..2], [1, 2]);
    eventually("it is stepped past", async || {
        world.recorded(&ada).await == [1, 2, 4, 5]
    })
    .await;
    world.five(&ada).await;
    eventually("and the person goes on", async || {
        world.recorded(&ada).await.len() == 9
    })
    .await;
    nobody_is_parked(&world).await;

    let attempts = recorder.attempts.lock().unwrap().clone();
    assert_eq!(attempts.len(), 6);
    for (pair, wait) in attempts.windows(2).zip([100, 200, 400, 400, 400]) {
        let waited = pair[1].2 - pair[0].2;
        assert!(
            waited >= Duration::from_millis(wait),
            "too early: {waited:?}"
        );
    }
    let failed = letter.failed.clone().unwrap();
    assert_eq!((failed.consumer.as_str(), failed.seq.0), ("recorder", 3));
    assert_eq!(letter.attempts, 6);
    assert_eq!(letter.topic, "task.completed");
    assert_eq!(letter.error, "asked to fail at 3");
    assert_eq!(letter.traceparent.as_deref(), Some(TRACEPARENT));
    assert_eq!(letter.key, Some(ada.0.clone().into_bytes()));
    assert_eq!(
        letter.value,
        Some(serde_json::to_vec(&events[2].envelope).unwrap())
    );
    assert!(letter.headers.contains(&("seq".into(), b"3".to_vec())));
    let place = letter.place.expect("where the transport had it");
    assert!(letter.last_at - letter.first_at >= chrono::Duration::milliseconds(1_500));
    eventually("it is on its topic", async || {
        world
            .number("select count(*) from dead_letters where published_at is null")
            .await
            == 0
    })
    .await;
    if let Some((brokers, prefix)) = &world.place.kafka {
        let records = crate::kcat::read(brokers, &format!("{prefix}task.completed.dlq"));
        assert_eq!(records.len(), 1);
        let headers = records[0]["headers"].as_array().unwrap();
        let header = |name: &str| {
            let at = headers.iter().position(|h| h == name).unwrap();
            headers[at + 1].as_str().unwrap().to_owned()
        };
        assert_eq!(header("dlq_attempts"), "6");
        assert_eq!(header("dlq_topic"), "task.completed");
        assert_eq!(header("seq"), "3");
        let documented = server::events::asyncapi::document();
        let documented = documented.pointer("/components/schemas/dead_letter_headers/properties");
        let documented = documented.unwrap().as_object().unwrap().keys();
        // Only of a record that is too large.
        let documented: Vec<&String> = documented.filter(|h| *h != "dlq_left_out").collect();
        let mut sent: Vec<&str> = headers.iter().filter_map(|h| h.as_str()).collect();
        sent.retain(|header| header.starts_with("dlq_"));
        sent.sort_unstable();
        assert_eq!(sent, documented);
        assert_eq!(records[0]["key"], ada.0.as_str());
        let records = crate::kcat::read(brokers, &format!("{prefix}task.completed"));
        let record = records.iter().find(|record| {
            let headers = record["headers"].as_array().unwrap();
            record["key"] == ada.0.as_str() && headers.windows(2).any(|h| h == ["seq", "3"])
        });
        let record = record.unwrap();
        let at = |field: &str| record[field].as_i64().unwrap();
        assert_eq!(place, (at("partition"), at("offset")));
    } else {
        let sql = "select log_offset from events join dead_letters using (user_id, seq)";
        let log_offset = world.number(sql).await;
        assert_eq!(place, (0, log_offset));
    }
}

async fn what_can_never_work_is_buried_at_once(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let ada = world.person().await;
    for seq in [1, 4] {
        let bad = (ada.clone(), seq);
        recorder.failing_at.lock().unwrap().insert(bad, true);
    }
    let _member = world.member(&transport, recorder.clone()).await;
    world.five(&ada).await;
    eventually("the others are applied", async || {
        world.recorded(&ada).await == [2, 3, 5]
    })
    .await;
    assert_eq!(recorder.attempts.lock().unwrap().len(), 2);
    let seqs: Vec<i64> = world
        .letters()
        .await
        .iter()
        .map(|letter| letter.failed.as_ref().unwrap().seq.0)
        .collect();
    assert_eq!(seqs, [4, 1]);
}

async fn a_dead_letter_is_redriven_once(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let ada = world.person().await;
    let bad = (ada.clone(), 2);
    recorder
        .failing_at
        .lock()
        .unwrap()
        .insert(bad.clone(), true);
    let _member = world.member(&transport, recorder.clone()).await;
    world.five(&ada).await;
    let letter = world.the_letter().await;
    let status = async || world.letters().await[0].status;

    world.decide(letter.id, None).await.unwrap();
    eventually("it fails again", async || {
        recorder.attempts.lock().unwrap().len() == 2 && status().await == Status::Open
    })
    .await;
    assert_eq!(world.letters().await[0].attempts, 2);

    recorder.failing_at.lock().unwrap().remove(&bad);
    world.decide(letter.id, None).await.unwrap();
    eventually("it is applied", async || status().await == Status::Redriven).await;
    let again = world.decide(letter.id, None).await.unwrap_err();
    assert_eq!(again.code, Kind::Conflict);
    world.five(&ada).await;
    eventually("what comes after", async || {
        world.recorded(&ada).await.len() == 10
    })
    .await;
    let mut seqs = world.recorded(&ada).await;
    seqs.sort();
    assert_eq!(seqs, Vec::from_iter(1..=10), "each once");
    // Every decision is an event.
    let decided = "select count(*) from events where event_type = 'dead_letter.redriven'";
    assert_eq!(world.number(decided).await, 2);
}

/// As when a read model is built again.
async fn what_was_redriven_and_fails_again_is_open_again(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let ada = world.person().await;
    let bad = (ada.clone(), 2);
    let failing_at = recorder.failing_at.clone();
    failing_at.lock().unwrap().insert(bad.clone(), true);
    let _member = world.member(&transport, recorder).await;
    world.five(&ada).await;
    let id = world.the_letter().await.id;
    failing_at.lock().unwrap().remove(&bad);
    world.decide(id, None).await.unwrap();
    let status = async || world.letters().await[0].status;
    eventually("it is applied", async || status().await == Status::Redriven).await;
    world.everything_is_applied().await;

    failing_at.lock().unwrap().insert(bad, true);
    world
        .execute("delete from recorded; delete from consumer_progress where consumer = 'recorder'")
        .await;
    world.five(&ada).await;
    eventually("it is open again", async || status().await == Status::Open).await;
    assert_eq!(world.letters().await.len(), 1);
}

/// A record that is no event.
fn bad_record(place: (i64, i64), value: &[u8]) -> DeadLetter {
    DeadLetter {
        id: 0,
        topic: "task.created".into(),
        place: Some(place),
        key: None,
        headers: Vec::new(),
        value: Some(value.into()),
        failed: None,
        error: "its value is not an envelope".into(),
        attempts: 1,
        first_at: Default::default(),
        last_at: Default::default(),
        traceparent: None,
        status: Status::Open,
        note: String::new(),
    }
}

/// A reader comes upon records that others have buried, in whatever order, while the relay marks
/// them: neither waits for the other. On PostgreSQL, as SQLite has one writer.
#[tokio::test(flavor = "multi_thread")]
async fn who_buries_again_does_not_hold_up_who_marks() {
    let world = World::new(Stack::Kafka).await;
    let records = [(3, 41), (4, 41)].map(|place| bad_record(place, b"bad"));
    let [one, two] = records.clone();
    for record in records {
        let bury = world.db.write::<_, sqlx::Error, _>(|tx| {
            Box::pin(async move { commands::bury(tx, &record).await })
        });
        assert!(bury.await.unwrap());
    }
    let both = Arc::new(Barrier::new(2));
    let began = both.clone();
    let bury = world.db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move {
            let last = commands::bury(tx, &two).await?;
            began.wait().await;
            Ok([last, commands::bury(tx, &one).await?])
        })
    });
    let mark = world.db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move {
            let sql =
                "update dead_letters set published_at = 1 where place = 41 and partition = $1";
            sqlx::query(sql).bind(3_i64).execute(&mut **tx).await?;
            both.wait().await;
            sqlx::query(sql).bind(4_i64).execute(&mut **tx).await
        })
    });
    let (buried, marked) = tokio::join!(bury, mark);
    assert_eq!(buried.unwrap(), [false, false]);
    assert_eq!(marked.unwrap().rows_affected(), 1);
}

/// As after a broker lost everything and counts from 0 again.
async fn records_at_the_same_place_are_told_apart(stack: Stack) {
    let world = World::new(stack).await;
    let bury = async |value: &'static [u8]| {
        let letter = bad_record((3, 41), value);
        let write = world.db.write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move { commands::bury(tx, &letter).await })
        });
        write.await.unwrap()
    };
    assert!(bury(b"one").await);
    assert!(!bury(b"one").await, "its other reader");
    assert!(bury(b"two").await);
    assert_eq!(world.letters().await.len(), 2);
}

async fn a_dead_letter_is_discarded_with_a_reason(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let ada = world.person().await;
    let bad = (ada.clone(), 5);
    recorder.failing_at.lock().unwrap().insert(bad, true);
    let _member = world.member(&transport, recorder).await;
    world.five(&ada).await;
    let id = world.the_letter().await.id;
    let refused = world.decide(id, Some(" ")).await.unwrap_err();
    assert_eq!(refused.code, Kind::Invalid);
    let missing = world.decide(id + 1, Some("x")).await.unwrap_err();
    assert_eq!(missing.code, Kind::NotFound);
    world.decide(id, Some("of a test")).await.unwrap();
    let letter = world.letters().await.remove(0);
    assert_eq!(
        (letter.status, letter.note.as_str()),
        (Status::Discarded, "of a test")
    );
    let late = world.decide(id, None).await.unwrap_err();
    assert_eq!(late.code, Kind::Conflict);
    assert_eq!(world.recorded(&ada).await, [1, 2, 3, 4]);
}

async fn a_consumer_that_panics_stops_nobody(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let (ada, bob) = (world.person().await, world.person().await);
    let recorder = Recorder::new("a");
    let panicking_at = recorder.panicking_at.clone();
    panicking_at.lock().unwrap().insert((ada.clone(), 3));
    let _member = world.member(&transport, recorder).await;
    world.five(&ada).await;
    world.five(&bob).await;
    let letter = world.the_letter().await;
    assert_eq!((letter.attempts, letter.status), (1, Status::Open));
    assert_eq!(letter.error, "the consumer panicked: the log says where");
    eventually("everybody goes on", async || {
        world.recorded(&ada).await == [1, 2, 4, 5] && world.recorded(&bob).await.len() == 5
    })
    .await;
    // Not even when it is redriven.
    world.decide(letter.id, None).await.unwrap();
    eventually("it fails again", async || {
        world.the_letter().await.attempts == 2
    })
    .await;
    world.five(&bob).await;
    eventually("the others go on", async || {
        world.recorded(&bob).await.len() == 10
    })
    .await;
    panicking_at.lock().unwrap().clear();
    world.decide(letter.id, None).await.unwrap();
    eventually("it is applied", async || {
        world.recorded(&ada).await == [1, 2, 4, 5, 3]
    })
    .await;
}

async fn a_newer_version_waits_for_the_upgrade(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let (ada, bob) = (world.person().await, world.person().await);
    let member = world.member(&transport, Recorder::new("a")).await;
    let relay = world.relay(&transport).await;
    world.five(&ada).await;
    world.everything_is_applied().await;
    relay.stop().await;
    // As a newer version would write and publish them.
    world.five(&ada).await;
    world
        .execute(
            "update events set version = '1.9', published_at = 1, log_offset = 1000 where seq = 7",
        )
        .await;
    let _relay = world.relay(&transport).await;
    world.five(&bob).await;
    eventually("nobody else waits", async || {
        world.recorded(&bob).await.len() == 5
    })
    .await;
    eventually(
        "ada waits for the upgrade, and that is no attempt",
        async || {
            let waiting =
                "select count(*) from parked where seq = 7 and next_at is null and attempts = 0";
            world.number(waiting).await == 1
        },
    )
    .await;
    member.stop().await;
    assert_eq!(world.letters().await, []);
    assert_eq!(world.recorded(&ada).await.len(), 6);

    // The upgrade.
    world
        .execute("update events set version = '1.0' where seq = 7")
        .await;
    let _member = world
        .member(&world.transport().await, Recorder::new("b"))
        .await;
    world.each_is_applied_once_in_order(&[ada, bob]).await;
}

/// As when a process of the old version parks somebody after the new one has started.
async fn who_waits_for_an_upgrade_goes_on_when_it_has_come(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let (ada, bob) = (world.person().await, world.person().await);
    let _member = world.member(&transport, Recorder::new("a")).await;
    // What only a newer version writes.
    world.five(&ada).await;
    world.five(&bob).await;
    world
        .execute("update events set published_at = 1, log_offset = position")
        .await;
    world
        .execute("update events set event_type = 'task.pinned' where seq = 2")
        .await;
    let _relay = world.relay(&transport).await;
    world.five(&ada).await;
    world.five(&bob).await;
    eventually("both wait", async || {
        world
            .number("select count(*) from parked where seq = 2 and next_at is null")
            .await
            == 2
    })
    .await;
    assert_eq!(world.letters().await, []);
    world
        .execute("update events set event_type = 'task.updated' where seq = 2")
        .await;
    world.each_is_applied_once_in_order(&[ada, bob]).await;
    nobody_is_parked(&world).await;
}

async fn what_a_newer_version_wrote_keeps_nobody_elses_from_being_published(stack: Stack) {
    let world = World::new(stack).await;
    let (ada, bob) = (world.person().await, world.person().await);
    // More than are published at a time.
    world
        .execute(&format!(
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1200) \
             insert into events (event_id, event_type, version, user_id, seq, actor_id, occurred_at, data) \
             select '00000000-0000-7000-8000-' || substr(cast(1000000000000 + i as text), 2), \
             'task.reopened', '1.9', '{ada}', i, '{ada}', 0, '{{}}' from n"
        ))
        .await;
    world.five(&bob).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    eventually("bob's are published", async || {
        world
            .number("select count(*) from events where published_at is null")
            .await
            == 1200
    })
    .await;
    world.five(&bob).await;
    eventually("and what comes later", async || {
        world
            .number("select count(*) from events where published_at is not null")
            .await
            == 10
    })
    .await;
}

async fn who_waits_is_taken_up_by_another_process(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let ada = world.person().await;
    recorder.failing.lock().unwrap().insert(ada.clone());
    let member = world.member(&transport, recorder).await;
    world.five(&ada).await;
    eventually("ada is parked", async || {
        world.number("select count(*) from parked").await == 1
    })
    .await;
    member.abort().await;
    let _other = world
        .member(&world.transport().await, Recorder::new("b"))
        .await;
    world.each_is_applied_once_in_order(&[ada]).await;
    nobody_is_parked(&world).await;
}
