//! Deny by default: who is not in the table neither publishes nor reads, on both transports.

use crate::logged::Logged;
use crate::on_both_stacks;
use crate::support::{PATIENCE, Person, Place, Stack, eventually, free_addr};
use app::db::Db;
use app::event::EventType;
use server::config::{Config, Role};
use server::transport::{Handed, Start, Transport, connect};
use std::sync::Arc;
use tokio::time::timeout;

on_both_stacks!(
    what_the_scopes_do_not_allow_is_refused_before_anything_is_asked,
    a_consumer_outside_of_the_scopes_reads_nothing_and_says_so,
);

/// Dapr lets everybody at what it is not told to protect.
#[test]
fn no_topic_is_open_to_strangers_beside_dapr() {
    let component = include_str!("../../../deploy/dapr/components/pubsub.yaml");
    let (_, rest) = component.split_once("protectedTopics\n").unwrap();
    let (list, _) = rest.split_once("- name").unwrap();
    let list = list
        .split([',', ' ', '\n'])
        .filter(|word| word.contains('.'));
    let mut protected: Vec<&str> = list.collect();
    protected.sort();
    let topics = EventType::ALL.iter().map(|topic| topic.as_str());
    let mut ours: Vec<String> = topics
        .flat_map(|topic| [topic.to_owned(), format!("{topic}.dlq")])
        .collect();
    ours.sort();
    assert_eq!(protected, ours);
}

/// A place whose table is this text.
fn scoped(place: &Place, table: &str) -> Config {
    let mut config = place.config();
    let file = place.folder.path().join("table");
    std::fs::write(&file, table).unwrap();
    config.scopes = Some(file);
    config
}

async fn subscribe(transport: &Arc<dyn Transport>, group: &str, types: &[EventType]) -> String {
    let answer = transport.subscribe(group, types, Start::Earliest);
    match timeout(PATIENCE, answer).await.expect("an answer at once") {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

async fn what_the_scopes_do_not_allow_is_refused_before_anything_is_asked(stack: Stack) {
    let mut place = Place::new(stack).await;
    if let Some((brokers, _)) = &mut place.kafka {
        // Nobody listens there: whoever is allowed waits for ever.
        *brokers = free_addr().to_string();
    }
    let db = Db::connect(&place.database_url).await.unwrap();
    let table = "relay publish task.created task.created.dlq\nsearch read task.*";
    let config = scoped(&place, table);
    let transport = connect(&config, &db).await.unwrap();
    for (group, types, expected) in [
        (
            "stranger",
            EventType::ALL,
            "let stranger read task.created.",
        ),
        (
            "live-1",
            &[EventType::TaskDeleted],
            "let live read task.deleted.",
        ),
        ("search", EventType::ALL, "let search read user.registered."),
        (
            "relay",
            &[EventType::TaskCreated],
            "let relay read task.created.",
        ),
    ] {
        let refusal = subscribe(&transport, group, types).await;
        assert!(refusal.contains(expected), "{group}: {refusal}");
        assert!(refusal.contains("TODO_SCOPES"), "{refusal}");
    }
    let ready = transport.ready().await.unwrap_err().to_string();
    assert!(ready.contains("let stranger read task.created"), "{ready}");

    // Two events, of which it may publish one: none goes.
    let world = crate::transport::world::World::at(place).await;
    let ada = world.person().await;
    let events = world.five(&ada).await;
    let refusal = transport.publish(&events[..2]).await.unwrap_err();
    let refusal = refusal.to_string();
    assert!(
        refusal.contains("let relay publish task.updated"),
        "{refusal}"
    );
    let mut config = config;
    config.role = Role::Web;
    let web = connect(&config, &db).await.unwrap();
    let refusal = web.publish(&events[..1]).await.unwrap_err().to_string();
    assert!(
        refusal.contains("let web publish task.created"),
        "{refusal}"
    );

    if stack == Stack::Embedded {
        assert_eq!(
            subscribe(&transport, "search", &[EventType::TaskCreated]).await,
            ""
        );
        let handed = transport.publish(&events[..1]).await.unwrap();
        assert_eq!(handed, [Handed::Durable(None)]);
    }
}

async fn a_consumer_outside_of_the_scopes_reads_nothing_and_says_so(stack: Stack) {
    let place = Place::new(stack).await;
    let file = place.folder.path().join("table");
    let mut table = "relay publish * *.dlq\nlive read *\n".to_owned();
    for (name, _) in server::consumers::all() {
        if name != "activity" {
            table += &format!("{name} read *\n");
        }
    }
    std::fs::write(&file, table).unwrap();
    let table = format!("--scopes={}", file.display());
    let server = Logged::start(&place, &[table], &[]);
    eventually("it serves", async || server.status("/healthz").await == 200).await;
    let ada = Person::register(server.addr).await;
    let mut window = ada.socket(1).await;
    window.live().await;
    let created = ada.creates("Milk").await;
    assert_eq!(window.event().await, created, "others go on");
    let refused = async || {
        let text = ada.get("/metrics").await.text().await.unwrap();
        let mut lines = text.lines();
        let series = r#"todo_scope_refusals_total{action="read",app="activity"} "#;
        let count = lines.find_map(|line| line.strip_prefix(series)?.parse::<u64>().ok());
        count.unwrap_or(0)
    };
    eventually("it has asked again and again", async || {
        refused().await >= 3
    })
    .await;
    assert_eq!(server.status("/readyz").await, 503);
    let complaints = server.complaints();
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(
        complaints[0]
            .1
            .contains("The scopes do not let activity read task.created."),
        "{complaints:?}"
    );
    let db = Db::connect(&place.database_url).await.unwrap();
    let feed = async || -> i64 {
        let sql = "select count(*) from activity";
        sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap()
    };
    assert_eq!(feed().await, 0);
    server.stop().await;

    // Without a table of its own, it may.
    let server = Logged::start(&place, &[], &[]);
    server.is_ready().await;
    eventually("it has read everything", async || feed().await == 2).await;
    assert_eq!(server.complaints(), []);
    server.stop().await;
}
