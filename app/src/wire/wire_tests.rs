//! What serde writes is what the browser reads.

use super::*;
use crate::error::Error;
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

fn decided(user_id: UserId) -> DeadLetterDecided {
    DeadLetterDecided {
        user_id,
        dead_letter_id: 4,
        topic: "task.created".into(),
        note: "Of a test".into(),
        decided_at: at(),
    }
}

fn data(event_type: EventType) -> EventData {
    let (task_id, user_id, title) = (TaskId(3), UserId::new(), "Mülk \"<\\>\" 😀\n".to_owned());
    match event_type {
        EventType::TaskCreated => EventData::TaskCreated(TaskCreated {
            task_id,
            user_id,
            title,
            description: String::new(),
            completed: false,
            created_at: at(),
        }),
        EventType::TaskUpdated => EventData::TaskUpdated(TaskUpdated {
            task_id,
            user_id,
            changes: Changes {
                title: Change::between("a", "b"),
                description: None,
            },
            updated_at: at(),
        }),
        EventType::TaskCompleted => EventData::TaskCompleted(TaskCompleted {
            task_id,
            user_id,
            title,
            completed_at: at(),
            duration_minutes: 5,
        }),
        EventType::TaskReopened => EventData::TaskReopened(TaskReopened {
            task_id,
            user_id,
            title,
            reopened_at: at(),
        }),
        EventType::TaskDeleted => EventData::TaskDeleted(TaskDeleted {
            task_id,
            user_id,
            title,
            deleted_at: at(),
            reason: "user_requested".into(),
        }),
        EventType::UserRegistered => EventData::UserRegistered(UserRegistered {
            user_id,
            email: "ada@example.com".into(),
            name: title,
            registered_at: at(),
            source: "web".into(),
        }),
        EventType::DeadLetterRedriven => EventData::DeadLetterRedriven(decided(user_id)),
        EventType::DeadLetterDiscarded => EventData::DeadLetterDiscarded(decided(user_id)),
    }
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
        submitted,
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
