//! A third party's view of Kafka: `kcat` reads the topics; what it sees is the contract.

use crate::support::{App, Stack, eventually};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Command;

/// All records of a topic, as kcat's JSON has them.
pub fn read(brokers: &str, topic: &str) -> Vec<Value> {
    let output = Command::new("kcat")
        .args([
            "-C",
            "-b",
            brokers,
            "-t",
            topic,
            "-o",
            "beginning",
            "-e",
            "-q",
            "-J",
        ])
        .output()
        .expect("kcat is installed: `make test` does it");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_hold_the_contract_and_nothing_else() {
    let app = App::start(Stack::Kafka).await;
    let ada = app.person().await;
    let id = ada.task("Buy groceries").await;
    let form = [
        ("task_id", id.as_str()),
        ("title", "Buy groceries and cook"),
        ("description", ""),
    ];
    let edited = ada.does("/api/tasks/edit", &form).await.unwrap();
    let form = [("task_id", id.as_str())];
    ada.does("/api/tasks/complete", &form).await.unwrap();
    ada.does("/api/tasks/reopen", &form).await.unwrap();
    ada.does("/api/tasks/delete", &form).await.unwrap();
    eventually("everything is published", async || {
        let sql = "select count(*) from events where published_at is null";
        0 == sqlx::query_scalar::<_, i64>(sql)
            .fetch_one(app.server.db.pool())
            .await
            .unwrap()
    })
    .await;

    let (brokers, prefix) = app.place.kafka.clone().unwrap();
    let mut partitions = Vec::new();
    for (topic, seq, fields) in [
        (
            "user.registered",
            1,
            &["email", "name", "registered_at", "source", "user_id"][..],
        ),
        (
            "task.created",
            2,
            &[
                "completed",
                "created_at",
                "description",
                "task_id",
                "title",
                "user_id",
            ],
        ),
        (
            "task.updated",
            3,
            &["changes", "task_id", "updated_at", "user_id"],
        ),
        (
            "task.completed",
            4,
            &[
                "completed_at",
                "duration_minutes",
                "task_id",
                "title",
                "user_id",
            ],
        ),
        (
            "task.reopened",
            5,
            &["reopened_at", "task_id", "title", "user_id"],
        ),
        (
            "task.deleted",
            6,
            &["deleted_at", "reason", "task_id", "title", "user_id"],
        ),
    ] {
        let records = read(&brokers, &format!("{prefix}{topic}"));
        assert_eq!(records.len(), 1, "{topic}");
        let record = &records[0];
        let user_id = edited.user_id().to_string();
        assert_eq!(record["key"], user_id);
        partitions.push(record["partition"].clone());

        let event: Value = serde_json::from_str(record["payload"].as_str().unwrap()).unwrap();
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            keys(&event),
            ["data", "event_id", "event_type", "timestamp", "version"]
        );
        assert_eq!(keys(&event["data"]), fields, "{topic}");
        assert_eq!(
            (&event["event_type"], &event["version"]),
            (&json!(topic), &json!("1.0"))
        );
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(event["data"]["user_id"], user_id);

        let headers = record["headers"].as_array().unwrap();
        let headers: HashMap<&str, &str> = headers
            .chunks(2)
            .map(|h| (h[0].as_str().unwrap(), h[1].as_str().unwrap()))
            .collect();
        assert_eq!(headers["seq"], seq.to_string());
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["ce_specversion"], "1.0");
        assert_eq!(headers["ce_id"], event["event_id"]);
        assert_eq!(headers["ce_type"], topic);
        assert_eq!(headers["ce_time"], event["timestamp"]);
        assert_eq!(headers["ce_source"], "/todo-evolution");
        assert_eq!(headers["ce_partitionkey"], user_id);
        assert_eq!(headers["ce_sequence"], seq.to_string());
        assert_eq!(headers["traceparent"].len(), 55);
    }
    partitions.dedup();
    assert_eq!(
        partitions.len(),
        1,
        "a person's events are in the same partition of every topic"
    );
    app.stop().await;
}
