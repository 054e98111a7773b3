//! How the browser reads what the server writes with serde.
//!
//! serde's derived readers weighed more in WebAssembly than all the rest of the page; these few
//! lines do the same for the types that the page needs. The tests hold both against each other.

mod json;
pub mod request;

pub use json::Json;

use crate::accounts::Me;
use crate::activity::{Entry, Feed, Filter};
use crate::error::{Error, Kind};
use crate::event::{Envelope, Event, EventData, EventType, Timestamp};
use crate::home::{Place, Snapshot};
use crate::id::{CommandId, EventId, Seq, SessionId, TaskId, UserId};
use crate::live::Message;
use crate::tasks::Task;
use crate::ui::Submitted;
use uuid::Uuid;

/// What can be read from JSON. `None`: it is something else.
pub trait FromJson: Sized {
    fn from_json(json: Json) -> Option<Self>;
}

impl FromJson for i64 {
    fn from_json(json: Json) -> Option<Self> {
        match json {
            Json::Number(number) => Some(number),
            _ => None,
        }
    }
}

impl FromJson for bool {
    fn from_json(json: Json) -> Option<Self> {
        match json {
            Json::Bool(bool) => Some(bool),
            _ => None,
        }
    }
}

impl FromJson for String {
    fn from_json(json: Json) -> Option<Self> {
        match json {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(json: Json) -> Option<Self> {
        match json {
            Json::Null => Some(None),
            json => T::from_json(json).map(Some),
        }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: Json) -> Option<Self> {
        match json {
            Json::List(list) => list.into_iter().map(T::from_json).collect(),
            _ => None,
        }
    }
}

impl FromJson for (String, String) {
    fn from_json(json: Json) -> Option<Self> {
        let [first, second]: [String; 2] = Vec::from_json(json)?.try_into().ok()?;
        Some((first, second))
    }
}

impl FromJson for Uuid {
    fn from_json(json: Json) -> Option<Self> {
        Uuid::try_parse(&String::from_json(json)?).ok()
    }
}

impl FromJson for Timestamp {
    fn from_json(json: Json) -> Option<Self> {
        crate::ui::time::parse(&String::from_json(json)?)
    }
}

impl FromJson for EventType {
    fn from_json(json: Json) -> Option<Self> {
        EventType::parse(&String::from_json(json)?)
    }
}

/// A type that is written as what it wraps.
macro_rules! wrapper {
    ($($type:ident),*) => {$(
        impl FromJson for $type {
            fn from_json(json: Json) -> Option<Self> {
                FromJson::from_json(json).map($type)
            }
        }
    )*};
}

/// A type that is written as an object with the same names.
macro_rules! object {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl $crate::wire::FromJson for $type {
            fn from_json(mut json: $crate::wire::Json) -> Option<Self> {
                Some($type { $($field: json.field(stringify!($field))?),* })
            }
        }
    )*};
}
pub(crate) use object;

wrapper!(TaskId, UserId, EventId, Seq, CommandId, SessionId);

object! {
    Me { user_id, name }
    Task { task_id, title, description, created_at, updated_at, completed_at }
    Entry { seq, event_type, actor_id, task_id, title, changes, at }
    Feed { entries, seq, more }
    Filter { query, mine, kind, from, until }
    Snapshot { me, tasks, seq, feed, place, before, filter, submitted, traces }
    Submitted { action, values, error }
    Error { code, status, detail, field }
}

impl FromJson for u16 {
    fn from_json(json: Json) -> Option<Self> {
        i64::from_json(json)?.try_into().ok()
    }
}

impl FromJson for Kind {
    fn from_json(json: Json) -> Option<Self> {
        Some(match String::from_json(json)?.as_str() {
            "malformed" => Kind::Malformed,
            "unauthenticated" => Kind::Unauthenticated,
            "forbidden" => Kind::Forbidden,
            "not-found" => Kind::NotFound,
            "wrong-method" => Kind::WrongMethod,
            "conflict" => Kind::Conflict,
            "too-large" => Kind::TooLarge,
            "invalid" => Kind::Invalid,
            "too-many" => Kind::TooMany,
            "unavailable" => Kind::Unavailable,
            _ => Kind::Internal,
        })
    }
}

impl FromJson for Place {
    fn from_json(mut json: Json) -> Option<Self> {
        match &json {
            Json::Text(name) if name == "Tasks" => Some(Place::Tasks),
            Json::Text(name) if name == "Feed" => Some(Place::Feed),
            _ => json.field("Task").map(Place::Task),
        }
    }
}

impl FromJson for Envelope {
    fn from_json(mut json: Json) -> Option<Self> {
        let event_type = json.field("event_type")?;
        let data = EventData::from_wire(event_type, json.field("data")?)?;
        Some(Envelope {
            event_id: json.field("event_id")?,
            event_type,
            timestamp: json.field("timestamp")?,
            version: json.field("version")?,
            data,
        })
    }
}

impl FromJson for Event {
    fn from_json(mut json: Json) -> Option<Self> {
        Some(Event {
            seq: json.field("seq")?,
            actor_id: json.field("actor_id")?,
            command_id: json.field("command_id")?,
            traceparent: json.field("traceparent")?,
            envelope: json.field("event")?,
        })
    }
}

impl FromJson for Message {
    fn from_json(mut json: Json) -> Option<Self> {
        match json.field::<String>("type")?.as_str() {
            "event" => Event::from_json(json).map(Message::Event),
            "live" => json.field("seq").map(|seq| Message::Live { seq }),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
