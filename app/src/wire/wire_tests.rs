//! What serde writes is what the browser reads.

use super::*;
use crate::error::Error;
use crate::event::{Change, Changes};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn at() -> Timestamp {
    "2026-11-24T01:15:00.123456Z".parse().unwrap()
}

/// Written by serde, read by both, and the same.
fn reads<T: Serialize + DeserializeOwned + FromJson + PartialEq + std::fmt::Debug>(value: T) {
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(
        Json::parse(&text).and_then(T::from_json),
        Some(value),
        "{text}"
    );
}

fn event(data: EventData, command_id: Option<CommandId>) -> Event {
    Event {
        seq: Seq(7),
        actor_id: UserId::new(),
        command_id,
        traceparent: command_id.map(|_| "00-1-2-01".into()),
        envelope: Envelope {
            event_id: EventId(Uuid::new_v4()),
            event_type: data.event_type(),
            timestamp: at(),
            version: "1.0".into(),
            data,
        },
    }
}

/// The type's example, with texts that are hard to write.
fn data(event_type: EventType) -> EventData {
    let mut json: serde_json::Value = serde_json::from_str(event_type.example()).unwrap();
    for name in ["title", "description", "name", "note"] {
        if let Some(text) = json["data"].get_mut(name) {
            *text = "Mülk \"<\\>\" 😀\n".into();
        }
    }
    EventData::from_json(event_type, json["data"].take()).unwrap()
}

#[test]
fn every_event_is_read_as_it_was_written() {
    for event_type in EventType::ALL {
        for command_id in [None, Some(CommandId::new())] {
            let event = event(data(*event_type), command_id);
            reads(Some(event.clone()));
            reads(Message::Event(event));
        }
    }
    let only_title = Changes {
        title: Change::between("a", "b"),
        description: None,
    };
    reads(only_title);
    reads(None::<Event>);
    reads(Message::Live { seq: Seq(9) });
}

#[test]
fn every_refusal_is_read_as_it_was_written() {
    for code in [
        Kind::Malformed,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::WrongMethod,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::Invalid,
        Kind::TooMany,
        Kind::Internal,
        Kind::Unavailable,
    ] {
        reads(Error::new(code, "It did not work."));
        reads(Error::new(code, "It did not work.").on("title"));
    }
}

#[test]
fn a_snapshot_is_read_as_it_was_written() {
    let task = |completed_at| Task {
        task_id: TaskId(3),
        title: "Milk".into(),
        description: "a\nb".into(),
        created_at: at(),
        updated_at: at(),
        completed_at,
    };
    let entry = |event_type, task_id| Entry {
        seq: Seq(4),
        event_type,
        actor_id: UserId::new(),
        task_id,
        title: "Milk".into(),
        changes: Changes {
            title: None,
            description: Change::between("", "new"),
        },
        at: at(),
    };
    let entries = vec![
        entry(EventType::TaskUpdated, Some(TaskId(3))),
        entry(EventType::UserRegistered, None),
    ];
    let snapshot = |place, before, submitted| Snapshot {
        me: Me {
            user_id: UserId::new(),
            name: "Ada".into(),
        },
        tasks: vec![task(None), task(Some(at()))],
        seq: Seq(5),
        feed: Feed {
            entries: entries.clone(),
            seq: Seq(4),
            more: true,
        },
        place,
        before,
        filter: Filter {
            query: "by=you&day=2026-11-24".into(),
            mine: Some(true),
            kind: None,
            from: Some(at()),
            until: Some(at()),
        },
        submitted,
        traces: true,
    };
    let submitted = Submitted {
        action: "/api/tasks".into(),
        values: vec![("title".into(), "".into())],
        error: Error::invalid("title", "Give it one."),
    };
    reads(snapshot(Place::Tasks, None, Some(submitted)));
    reads(snapshot(Place::Feed, Some(Seq(2)), None));
    reads(snapshot(Place::Task(TaskId(3)), None, None));
    reads(Feed::default());
}
