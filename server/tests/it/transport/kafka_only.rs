//! What only a broker can do to us: go away, come back, and hold what is not ours.

use super::next;
use super::world::{Recorder, World};
use crate::support::{App, Place, Proxy, Stack, eventually};
use app::db::Db;
use app::event::EventType;
use app::id::{EventId, Seq, UserId};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use server::consumer::policy::Policy;
use server::transport::{Handed, Start, Subscription};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Kafka with a script of this repository: start, stop.
async fn kafka(verb: &str, folder: &Path) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka");
    let output = Command::new(script)
        .arg(verb)
        .arg(folder)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// Stops the broker it started, also when the test fails.
struct Broker(PathBuf);

impl Drop for Broker {
    fn drop(&mut self) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka");
        let _ = std::process::Command::new(script)
            .arg("stop")
            .arg(&self.0)
            .output();
    }
}

/// A broker has told so of events that it did not have, on a partition that was only just made.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_says_it_had_without_saying_where_is_sent_again() {
    let broker = MockCluster::new(1).unwrap();
    let mut place = Place::new(Stack::Embedded).await;
    place.kafka = Some((broker.bootstrap_servers(), "t.".into()));
    for event_type in EventType::ALL {
        let topic = format!("t.{}", event_type.as_str());
        for name in [format!("{topic}.dlq"), topic] {
            broker.create_topic(&name, 3, 1).unwrap();
        }
    }
    let world = World::at(place).await;
    let transport = world.transport().await;
    let ada = world.person().await;
    let events = world.five(&ada).await;
    let had = RDKafkaRespErr::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER;
    broker.request_errors(RDKafkaApiKey::Produce, &[had]);
    let publish = async || transport.publish(&events[..1]).await.unwrap();
    assert_eq!(publish().await, [Handed::Refused]);
    let handed = publish().await;
    assert!(
        matches!(handed[..], [Handed::Durable(Some(_))]),
        "{handed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let mut place = Place::new(Stack::Kafka).await;
    let broker = Broker(place.folder.path().join("kafka"));
    place.kafka = Some((kafka("start", &broker.0).await, "t.".into()));
    let world = World::at(place).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let member = world.member(&transport, Recorder::new("a")).await;
    let mut live = transport
        .subscribe("live", EventType::ALL, Start::Latest)
        .await
        .unwrap();
    let people = world.people(4).await;
    for user_id in &people {
        world.five(user_id).await;
    }
    world.everything_is_applied().await;
    transport.ready().await.unwrap();

    kafka("stop", &broker.0).await;
    let asked = Instant::now();
    let error = transport.ready().await.unwrap_err();
    assert!(
        format!("{error:#}").contains("no answer at 127.0.0.1:"),
        "{error:#}"
    );
    assert!(asked.elapsed() < Duration::from_secs(4));
    for user_id in &people {
        world.five(user_id).await;
    }
    let fence = world.number("select fence from leases").await;
    let expires_at = world.number("select expires_at from leases").await;
    eventually(
        "the lease outlives itself, and the group's session too",
        async || world.number("select expires_at from leases").await > expires_at + 12_000_000,
    )
    .await;
    assert_eq!(
        world
            .number("select count(*) from events where published_at is null")
            .await,
        20
    );

    kafka("start", &broker.0).await;
    let back = Instant::now();
    let seen = next(live.as_mut(), 40).await;
    assert_eq!(seen.len(), 40, "a window missed something, or saw it twice");
    let live_after = back.elapsed();
    world.everything_is_applied().await;
    // The group waits until its member's old self has timed out, which takes 10 s.
    let applied_after = back.elapsed();
    println!("broker back: live after {live_after:?}, applied after {applied_after:?}");
    assert!(live_after < Duration::from_secs(10));
    assert!(applied_after < Duration::from_secs(20));
    world.each_is_applied_once_in_order(&people).await;
    assert_eq!(
        world.number("select fence from leases").await,
        fence,
        "the same relay all along"
    );
    assert_eq!(next(live.as_mut(), 20).await.len(), 20);
    live.close().await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_makes_the_topics_before_anything_happens() {
    let world = World::new(Stack::Kafka).await;
    let _relay = world.relay(&world.transport().await).await;
    let (brokers, prefix) = world.place.kafka.clone().unwrap();
    let client: FutureProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .create()
        .unwrap();
    eventually("the topics are there", async || {
        let client = client.clone();
        let metadata = tokio::task::spawn_blocking(move || {
            client
                .client()
                .fetch_metadata(None, Duration::from_secs(10))
        });
        let Ok(metadata) = metadata.await.unwrap() else {
            return false;
        };
        let topics: HashSet<&str> = metadata.topics().iter().map(|t| t.name()).collect();
        EventType::ALL
            .iter()
            .all(|t| topics.contains(format!("{prefix}{}", t.as_str()).as_str()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_everything_is_read_from_its_beginning() {
    let mut place = Place::new(Stack::Kafka).await;
    let broker = Broker(place.folder.path().join("kafka"));
    place.kafka = Some((kafka("start", &broker.0).await, "t.".into()));
    let world = World::at(place).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let members = [
        world.member(&transport, Recorder::new("a")).await,
        world
            .member(&world.transport().await, Recorder::new("b"))
            .await,
    ];
    let mut live = transport
        .subscribe("live", EventType::ALL, Start::Latest)
        .await
        .unwrap();
    let people = world.people(8).await;
    let mut heard = HashSet::new();
    for round in 1..=2 {
        for user_id in &people {
            world.five(user_id).await;
        }
        world.everything_is_applied().await;
        hear(live.as_mut(), &mut heard, 120 * round - 80).await;

        kafka("stop", &broker.0).await;
        tokio::fs::remove_dir_all(broker.0.join("data"))
            .await
            .unwrap();
        for user_id in &people {
            world.five(user_id).await;
        }
        kafka("start", &broker.0).await;
        world.each_is_applied_once_in_order(&people).await;
        // What came meanwhile, and what each_is_applied_once_in_order adds.
        hear(live.as_mut(), &mut heard, 120 * round).await;
    }
    live.close().await;
    for member in members {
        member.stop().await;
    }
}

/// Waits until so many events were handed out in all, some perhaps more than once.
async fn hear(live: &mut dyn Subscription, heard: &mut HashSet<(UserId, Seq)>, count: usize) {
    while heard.len() < count {
        let events = next(live, 1).await;
        heard.extend(events.iter().map(|e| (e.user_id().clone(), e.seq)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_relay_process_wakes_as_a_follower() {
    let world = World::new(Stack::Kafka).await;
    let ada = world.person().await;
    let mut paused = Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(world.place.args(([127, 0, 0, 1], 0).into()))
        .arg("--role=relay")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = paused.id().unwrap().to_string();
    let signal = async |name: &str| {
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .await
                .unwrap()
                .success()
        );
    };
    world.five(&ada).await;
    world.everything_is_marked().await;
    signal("-STOP").await;
    let other = world.relay(&world.transport().await).await;
    world.five(&ada).await;
    world.everything_is_marked().await;
    assert_eq!(world.number("select fence from leases").await, 2);
    signal("-CONT").await;
    for _ in 0..50 {
        world.five(&ada).await;
    }
    world.everything_is_marked().await;
    assert_eq!(world.number("select fence from leases").await, 2);
    world.the_log_is_dense_and_ordered().await;
    // It still works: when the other ends, it is its turn.
    other.stop().await;
    world.five(&ada).await;
    world.everything_is_marked().await;
    assert_eq!(world.number("select fence from leases").await, 3);
    paused.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_repetition_in_kafka_change_nothing() {
    let world = World::new(Stack::Kafka).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let _member = world.member(&transport, Recorder::new("a")).await;
    let people = world.people(3).await;
    let mut events = Vec::new();
    for user_id in &people {
        events.extend(world.five(user_id).await);
    }
    world.everything_is_applied().await;

    let (brokers, prefix) = world.place.kafka.clone().unwrap();
    let producer: FutureProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .create()
        .unwrap();
    let topic = format!("{prefix}task.created");
    let envelope = serde_json::to_vec(&events[0].envelope).unwrap();
    let values: [&[u8]; 5] = [b"", b"{}", b"\xff\xfe", b"null", &envelope];
    let headers = [
        OwnedHeaders::new(),
        OwnedHeaders::new().insert(Header {
            key: "seq",
            value: Some("-1"),
        }),
        OwnedHeaders::new().insert(Header {
            key: "seq",
            value: Some(b"\xff".as_slice()),
        }),
        OwnedHeaders::new().insert(Header {
            key: "seq",
            value: None::<&str>,
        }),
    ];
    let name = OsStr::from_bytes(b"\xff=x");
    let mut kcat = std::process::Command::new("kcat")
        .args(["-P", "-b", &brokers, "-t", &topic, "-k", "x", "-H"])
        .arg(name)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("kcat is installed: `make test` does it");
    kcat.stdin.take().unwrap().write_all(&envelope).unwrap();
    assert!(kcat.wait().unwrap().success());
    for value in values {
        for headers in &headers {
            let record: FutureRecord<str, [u8]> = FutureRecord::to(&topic)
                .key("x")
                .payload(value)
                .headers(headers.clone());
            producer
                .send(record, Duration::from_secs(10))
                .await
                .unwrap();
        }
        // All of history once more, the wrong way round.
        events.reverse();
        let handed = transport.publish(&events).await.unwrap();
        assert_eq!(handed.len(), events.len());
        assert!(!handed.contains(&Handed::Refused));
    }
    world.each_is_applied_once_in_order(&people).await;
    // Five values with four kinds of headers each, and kcat's.
    let bad = async || world.number("select count(*) from dead_letters").await;
    eventually("each bad record is a dead letter", async || {
        bad().await >= 21
    })
    .await;
    let _other = world
        .member(&world.transport().await, Recorder::new("b"))
        .await;
    world.each_is_applied_once_in_order(&people).await;
    assert_eq!(bad().await, 21, "once, however often it is read");
    let raw = "select count(*) from dead_letters where value = '\\xfffe' and key = 'x' \
               and topic = 'task.created' and place is not null and status = 'open'";
    assert_eq!(world.number(raw).await, 4, "byte for byte");
}

/// A broker's limit is for what is compressed; ours is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_its_topic_cannot_take_holds_up_no_other() {
    const ZEROS: usize = 5 << 20;
    let world = World::new(Stack::Kafka).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let _member = world.member(&transport, Recorder::new("a")).await;
    world.five(&world.person().await).await;
    world.everything_is_applied().await;
    let (brokers, prefix) = world.place.kafka.clone().unwrap();
    let topic = format!("{prefix}task.created");
    let send = async |key: &str, value: &[u8]| {
        let file = world.place.folder.path().join("record");
        std::fs::write(&file, value).unwrap();
        let sent = Command::new("kcat")
            .args(["-P", "-b", &brokers, "-t", &topic, "-k", key, "-z", "gzip"])
            .args(["-X", "message.max.bytes=10000000"])
            .arg(&file)
            .status();
        assert!(sent.await.unwrap().success());
    };
    send("large", &vec![0; ZEROS]).await;
    send("small", b"bad").await;
    eventually("both are on their topic", async || {
        let told = "select count(*) from dead_letters where published_at is not null";
        world.number(told).await == 2
    })
    .await;
    let whole = "select octet_length(value) from dead_letters where key = 'large'";
    let whole: i32 = sqlx::query_scalar(whole)
        .fetch_one(world.db.pool())
        .await
        .unwrap();
    assert_eq!(whole as usize, ZEROS, "the table has all of it");
    let records = crate::kcat::read(&brokers, &format!("{topic}.dlq"));
    let small = records.iter().find(|record| record["key"] == "small");
    assert_eq!(small.unwrap()["payload"], "bad");
    let large = records.iter().find(|record| record["key"].is_null());
    let headers = large.unwrap()["headers"].as_array().unwrap();
    let at = headers.iter().position(|h| h == "dlq_left_out").unwrap();
    let left_out = headers[at + 1].as_str().unwrap();
    assert!(left_out.starts_with(&format!("{} bytes; `todo dlq show ", ZEROS + "large".len())));
    assert_eq!(records.len(), 2);
}

/// Every attempt that was counted would be the last.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_no_attempt_is_counted() {
    let world = World::new(Stack::Kafka).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let url = &world.place.database_url;
    let host = url.split(['/', '@']).rev().nth(1).unwrap();
    let proxy = Proxy::to(host).await;
    let through = url.replace(host, &proxy.address.to_string());
    let db = Db::connect(&through).await.unwrap();
    let policy = Policy {
        retries: 0,
        first: Duration::from_millis(100),
        longest: Duration::from_millis(100),
    };
    let recorder = Recorder::new("a");
    let _member = world.member_on(db, &transport, recorder, policy);
    let people = world.people(5).await;
    for _ in 0..3 {
        for user_id in &people {
            world.five(user_id).await;
        }
        let before = proxy.refused.load(Ordering::SeqCst);
        proxy.lead(None);
        for user_id in &people {
            world.five(user_id).await;
        }
        eventually("it was looked for", async || {
            proxy.refused.load(Ordering::SeqCst) > before
        })
        .await;
        proxy.lead(Some(host));
        world.everything_is_applied().await;
    }
    world.each_is_applied_once_in_order(&people).await;
    let counted = "select (select count(*) from parked) + (select count(*) from dead_letters)";
    assert_eq!(world.number(counted).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_event_reaches_no_window() {
    let app = App::start(Stack::Kafka).await;
    let ada = app.person().await;
    let mut window = ada.socket(1).await;
    assert_eq!(window.live().await, (Vec::new(), 1));
    let real = ada.creates("Milk").await;
    assert_eq!(window.event().await.seq.0, 2);

    let (brokers, prefix) = app.place.kafka.clone().unwrap();
    let producer: FutureProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .create()
        .unwrap();
    let mut forged = real.envelope.clone();
    forged.event_id = EventId(uuid::Uuid::new_v4());
    let value = serde_json::to_vec(&forged).unwrap();
    let header = |key, value| Header {
        key,
        value: Some(value),
    };
    let topic = format!("{prefix}task.created");
    let record = FutureRecord::to(&topic)
        .key(real.user_id().0.as_str())
        .payload(&value)
        .headers(
            OwnedHeaders::new()
                .insert(header("seq", "3"))
                .insert(header("ce_actorid", &real.user_id().0)),
        );
    producer
        .send::<str, Vec<u8>, _>(record, Duration::from_secs(10))
        .await
        .unwrap();
    eventually("it is a dead letter", async || {
        let sql = "select count(*) from dead_letters where error like '%does not know it%'";
        let count = sqlx::query_scalar::<_, i64>(sql)
            .fetch_one(app.server.db.pool())
            .await;
        count.unwrap() == 1
    })
    .await;
    let next = ada.creates("Bread").await;
    let seen = window.event().await;
    assert_eq!(seen.envelope.event_id, next.envelope.event_id);
    assert_eq!(seen.seq.0, 3);
}
