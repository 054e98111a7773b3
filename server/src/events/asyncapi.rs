//! The AsyncAPI 3.0 document: what we publish to which topic, in which form, and who reads it.

use super::{LIVE, readers};
use app::catalogue::schema;
use app::event::{EventType, VERSION};
use serde_json::{Map, Value, json};

/// The same for every installation.
pub fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:todo-evolution",
        "info": {
            "title": "Todo Evolution",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": {
                "headers": headers(),
                "dead_letter_headers": dead_letter_headers(),
            },
        },
    })
}

const ABOUT: &str = "Every change to a person's tasks is an event, published to the topic of its type. \
    A person's events share a key, and the header `seq` numbers them 1, 2, 3 … over all topics. An \
    event may come again, and events of different topics may overtake each other: `seq` tells. \
    Readers ignore fields that they do not know, and wait for an upgrade at a version newer than \
    those they know. What a consumer of this application could not apply goes to the topic's `.dlq`. \
    The names of topics and groups begin with the KAFKA_PREFIX of the installation, if it has one.";

fn servers() -> Value {
    let brokers = json!({"default": "localhost:9092", "description": "KAFKA_BROKERS"});
    let server = |protocol: &str| {
        json!({
            "host": "{brokers}",
            "protocol": protocol,
            "variables": {"brokers": brokers},
        })
    };
    let (plain, mut secure) = (server("kafka"), server("kafka-secure"));
    secure["security"] = json!([{"type": "scramSha512"}, {"type": "plain"}]);
    json!({"kafka": plain, "kafka_secure": secure})
}

fn channels() -> Value {
    let mut channels = Map::new();
    for event_type in EventType::ALL {
        let (topic, dead) = (event_type.as_str(), dead_letters(*event_type));
        let of_dead = format!("What could not be applied of {topic}.");
        channels.insert(topic.into(), channel(topic, topic, event_type.sentence()));
        channels.insert(dead.clone(), channel(&dead, "dead_letter", &of_dead));
    }
    channels.into()
}

fn channel(topic: &str, message: &str, summary: &str) -> Value {
    json!({
        "address": topic,
        "summary": summary,
        "messages": {message: {"$ref": format!("#/components/messages/{message}")}},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    })
}

fn dead_letters(event_type: EventType) -> String {
    format!("{}.dlq", event_type.as_str())
}

fn operations() -> Value {
    let mut operations = Map::new();
    let readers = readers();
    for &event_type in EventType::ALL {
        let (topic, dead) = (event_type.as_str(), dead_letters(event_type));
        let sent = operation("send", topic, topic);
        operations.insert(format!("publish.{topic}"), sent);
        let sent = operation("send", &dead, "dead_letter");
        operations.insert(format!("publish.{dead}"), sent);
        for reader in readers.of(event_type) {
            let group = match reader {
                // A group for each process.
                LIVE => json!({"type": "string", "pattern": format!("^{LIVE}-")}),
                consumer => json!({"type": "string", "const": consumer}),
            };
            let mut read = operation("receive", topic, topic);
            read["bindings"] = json!({"kafka": {"groupId": group, "bindingVersion": "0.5.0"}});
            operations.insert(format!("{reader}.{topic}"), read);
        }
    }
    operations.into()
}

fn operation(action: &str, channel: &str, message: &str) -> Value {
    json!({
        "action": action,
        "channel": {"$ref": format!("#/channels/{channel}")},
        "messages": [{"$ref": format!("#/channels/{channel}/messages/{message}")}],
    })
}

fn messages() -> Value {
    let mut messages = Map::new();
    for &event_type in EventType::ALL {
        let name = event_type.as_str();
        let message = json!({
            "name": name,
            "title": format!("{name} {}", event_type.version()),
            "summary": event_type.sentence(),
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/headers"},
            "payload": schema::payload(event_type),
            "correlationId": {"location": "$message.header#/traceparent"},
            "bindings": {"kafka": {
                "key": {"type": "string", "description": "The `user_id` of the data: a person's events share a partition."},
                "bindingVersion": "0.5.0",
            }},
            "examples": [{"payload": example(event_type)}],
        });
        messages.insert(name.into(), message);
    }
    let dead_letter = json!({
        "name": "dead_letter",
        "title": "Dead letter",
        "summary": "A record as it was, byte for byte; what went wrong is in headers beside its own.",
        "contentType": "application/octet-stream",
        "headers": {"$ref": "#/components/schemas/dead_letter_headers"},
        "payload": {"description": "The event that could not be applied, or whatever it was."},
        "bindings": {"kafka": {
            "key": {"description": "As it was."},
            "bindingVersion": "0.5.0",
        }},
    });
    messages.insert("dead_letter".into(), dead_letter);
    messages.into()
}

fn example(event_type: EventType) -> Value {
    serde_json::from_str(event_type.example()).unwrap_or_default()
}

/// What `transport::record_headers` sends.
fn headers() -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    let uuid = json!({"type": "string", "format": "uuid"});
    let number = json!({"type": "string", "pattern": "^[1-9][0-9]*$"});
    let about = |mut schema: Value, what: &str| {
        schema["description"] = what.into();
        schema
    };
    let text = |what: &str| about(json!({"type": "string"}), what);
    json!({
        "type": "object",
        "properties": {
            "seq": about(number.clone(), "The event's number in the stream of its person: 1, 2, 3 … without a gap."),
            "traceparent": text("W3C trace context of the request that caused it."),
            "content-type": {"type": "string", "const": "application/json"},
            "ce_specversion": {"type": "string", "const": "1.0", "description": "CloudEvents, in binary mode."},
            "ce_id": about(uuid.clone(), "The `event_id`."),
            "ce_source": {"type": "string", "const": "/todo-evolution"},
            "ce_type": text("The `event_type`."),
            "ce_time": about(time, "The `timestamp`."),
            "ce_subject": text("The task's number; for an event about no task, the person."),
            "ce_partitionkey": text("The key."),
            "ce_sequence": about(number, "The same as `seq`."),
            "ce_actorid": text("Who did it."),
            "ce_commandid": about(uuid, "What the client called the command."),
        },
        "required": [
            "seq", "content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time",
            "ce_subject", "ce_partitionkey", "ce_sequence", "ce_actorid",
        ],
    })
}

/// What a dead letter has beside its own headers.
fn dead_letter_headers() -> Value {
    let text = |what: &str| json!({"type": "string", "description": what});
    let number = |what: &str| json!({"type": "string", "pattern": "^[0-9]+$", "description": what});
    let time = |what: &str| json!({"type": "string", "format": "date-time", "description": what});
    json!({
        "type": "object",
        "properties": {
            "dlq_id": number("The dead letter's number, as in the page and at the command line."),
            "dlq_topic": text("The topic it was read from."),
            "dlq_partition": number("Where it stood there, if that is known."),
            "dlq_offset": number("Where it stood there, if that is known."),
            "dlq_consumer": text("Who could not apply it; none for a record that is no event."),
            "dlq_error": text("What went wrong."),
            "dlq_attempts": number("How often it was tried."),
            "dlq_first_at": time("When first."),
            "dlq_last_at": time("When last."),
            "dlq_left_out": text("In place of a record that its topic cannot take: how large it is, and where all of it is."),
        },
        "required": [
            "dlq_id", "dlq_topic", "dlq_error", "dlq_attempts", "dlq_first_at", "dlq_last_at",
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::record_headers;
    use app::event::{Envelope, Event};
    use app::id::{CommandId, Seq};

    #[test]
    fn headers_are_those_that_are_sent() {
        let schema = headers();
        let documented: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        for event_type in EventType::ALL {
            let envelope: Envelope = serde_json::from_str(event_type.example()).unwrap();
            let mut event = Event {
                seq: Seq(7),
                actor_id: envelope.data.user_id().clone(),
                command_id: Some(CommandId::new()),
                traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
                envelope,
            };
            let names = |event: &Event| {
                let headers = record_headers(event);
                let mut names: Vec<String> = headers.into_iter().map(|(name, _)| name).collect();
                names.sort();
                names
            };
            assert_eq!(names(&event).iter().collect::<Vec<_>>(), documented);
            (event.command_id, event.traceparent) = (None, None);
            let mut required: Vec<&str> = schema["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            required.sort_unstable();
            assert_eq!(names(&event), required);
        }
    }
}
