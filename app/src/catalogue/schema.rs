//! The JSON Schema (2020-12) of every event, made of the same lines as the event itself.

use crate::event::{EventType, Timestamp};
use crate::id::EventId;
use crate::version::UPCASTERS;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What every schema promises, and asks of who reads.
const POLICY: &str = "A version never changes once it is published. Readers ignore fields that they \
                      do not know; what they could not ignore comes as a new version.";

/// The schema of an envelope of this type in this version; `None`: there never was that version.
pub fn envelope(event_type: EventType, version: &str) -> Option<Value> {
    if version == event_type.version() {
        return Some(today(event_type));
    }
    let mut steps = UPCASTERS.iter();
    let step = steps.find(|step| step.event_type == event_type && step.from == version)?;
    serde_json::from_str(step.schema).ok()
}

fn today(event_type: EventType) -> Value {
    let (name, version) = (event_type.as_str(), event_type.version());
    let mut schema = payload(event_type);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(format!("urn:todo-evolution:event:{name}:{version}"));
    schema["$comment"] = json!(POLICY);
    schema
}

/// The same as a part of another document, in words that older drafts understand too.
pub fn payload(event_type: EventType) -> Value {
    let (name, version) = (event_type.as_str(), event_type.version());
    let mut schema: Value = Object::new(event_type.sentence())
        .field::<EventId>(
            "event_id",
            "The event's own, the same however often it is sent.",
        )
        .field::<String>("event_type", "What happened; the topic has the same name.")
        .field::<Timestamp>("timestamp", "When it happened, as in the data.")
        .field::<String>("version", "The version of this schema.")
        .field::<Value>("data", "")
        .into();
    schema["title"] = json!(name);
    let properties = &mut schema["properties"];
    properties["event_type"]["const"] = json!(name);
    properties["version"]["const"] = json!(version);
    properties["data"] = event_type.data_schema();
    schema
}

/// A type that says how it looks in JSON. An `Option` may be left out, and is never null.
pub trait Described {
    const REQUIRED: bool = true;

    fn schema() -> Value;
}

macro_rules! described {
    ($($type:ty: $schema:tt,)*) => {$(
        impl Described for $type {
            fn schema() -> Value {
                json!($schema)
            }
        }
    )*};
}

described! {
    bool: {"type": "boolean"},
    i64: {"type": "integer"},
    String: {"type": "string"},
    Timestamp: {
        "type": "string",
        "format": "date-time",
        "pattern": "Z$",
        "description": "RFC 3339 in UTC, at most microseconds.",
    },
    Uuid: {"type": "string", "format": "uuid"},
    Value: {},
}

impl<T: Described> Described for Option<T> {
    const REQUIRED: bool = false;

    fn schema() -> Value {
        T::schema()
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// The schema of an object, field by field.
pub struct Object {
    doc: &'static str,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Object {
    /// `doc` is what its comment says.
    pub fn new(doc: &'static str) -> Self {
        Object {
            doc,
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    /// Without a comment of its own, a field means what its type does.
    pub fn field<T: Described>(mut self, name: &'static str, doc: &str) -> Self {
        self.properties.insert(name.into(), about(T::schema(), doc));
        if T::REQUIRED {
            self.required.push(name);
        }
        self
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        let schema = json!({
            "type": "object",
            "properties": object.properties,
            "required": object.required,
            "additionalProperties": true,
        });
        about(schema, object.doc)
    }
}

/// `schema`, with what a comment says of it.
pub fn about(mut schema: Value, doc: &str) -> Value {
    if !doc.is_empty() {
        schema["description"] = json!(doc.trim());
    }
    schema
}
