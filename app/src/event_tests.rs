//! Golden files: the contract's own examples, read and written back without a difference.

use super::*;
use serde_json::{Value, json};

/// Reads `golden` as an envelope and writes it again: nothing may be lost, added or renamed.
fn round_trip(golden: &str) -> Envelope {
    let envelope: Envelope = serde_json::from_str(golden).expect("the example is an envelope");
    let written = serde_json::to_string_pretty(&envelope).unwrap();
    assert_eq!(written.trim(), golden.trim());
    envelope
}

macro_rules! golden {
    ($test:ident, $file:literal, $event_type:ident) => {
        #[test]
        fn $test() {
            let envelope = round_trip(include_str!(concat!("golden/", $file, ".json")));
            assert_eq!(envelope.event_type, EventType::$event_type);
            assert_eq!(envelope.data.event_type(), EventType::$event_type);
            assert_eq!(envelope.data.occurred_at(), envelope.timestamp);
        }
    };
}

golden!(task_created, "task.created", TaskCreated);
golden!(task_updated, "task.updated", TaskUpdated);
golden!(task_completed, "task.completed", TaskCompleted);
golden!(task_reopened, "task.reopened", TaskReopened);
golden!(task_deleted, "task.deleted", TaskDeleted);
golden!(user_registered, "user.registered", UserRegistered);
golden!(
    dead_letter_redriven,
    "dead_letter.redriven",
    DeadLetterRedriven
);
golden!(
    dead_letter_discarded,
    "dead_letter.discarded",
    DeadLetterDiscarded
);

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
    let mut value: Value = serde_json::from_str(include_str!("golden/task.created.json")).unwrap();
    value["event_type"] = json!("task.updated");
    assert!(serde_json::from_value::<Envelope>(value).is_err());
}

#[test]
fn times_are_utc_with_z_and_no_more_than_microseconds() {
    let at: Timestamp = "2026-02-08T12:30:00.123456+02:00".parse().unwrap();
    assert_eq!(json!(at), json!("2026-02-08T10:30:00.123456Z"));
}
