//! Golden files: the contract's own examples, read and written back without a difference.

use super::*;
use serde_json::{Value, json};

#[test]
fn examples_are_read_and_written_again_without_a_difference() {
    for event_type in EventType::ALL {
        let example = event_type.example();
        let envelope: Envelope = serde_json::from_str(example).expect(example);
        let written = serde_json::to_string_pretty(&envelope).unwrap();
        assert_eq!(written.trim(), example.trim());
        assert_eq!(envelope.event_type, *event_type);
        assert_eq!(envelope.data.event_type(), *event_type);
        assert_eq!(envelope.data.occurred_at(), envelope.timestamp);
        let data = serde_json::to_value(&envelope.data).unwrap();
        assert_eq!(data["user_id"], json!(envelope.data.user_id()));
        assert_eq!(
            data.get("task_id"),
            envelope.data.task_id().map(|id| json!(id)).as_ref()
        );
    }
}

#[test]
fn every_type_says_what_happened() {
    assert_eq!(
        EventType::TaskCreated.sentence(),
        "A task was written down."
    );
    for event_type in EventType::ALL {
        assert!(event_type.sentence().ends_with('.'), "{event_type:?}");
    }
}

#[test]
fn names_of_types_are_the_topics() {
    for event_type in EventType::ALL {
        assert_eq!(EventType::parse(event_type.as_str()), Some(*event_type));
        assert_eq!(json!(event_type), json!(event_type.as_str()));
    }
    assert_eq!(EventType::parse("task.exploded"), None);
}

#[test]
fn only_changed_fields_are_written() {
    let changes = Changes {
        title: Change::between("a", "b"),
        description: Change::between("c", "c"),
    };
    assert_eq!(
        serde_json::to_value(&changes).unwrap(),
        json!({"title": {"old": "a", "new": "b"}})
    );
}

#[test]
fn data_of_another_type_is_refused() {
    let mut value: Value = serde_json::from_str(EventType::TaskCreated.example()).unwrap();
    value["event_type"] = json!("task.updated");
    assert!(serde_json::from_value::<Envelope>(value).is_err());
}

#[test]
fn times_are_utc_with_z_and_no_more_than_microseconds() {
    let at: Timestamp = "2026-02-08T12:30:00.123456+02:00".parse().unwrap();
    assert_eq!(json!(at), json!("2026-02-08T10:30:00.123456Z"));
}
