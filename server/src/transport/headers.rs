//! What travels beside an event: CloudEvents 1.0 in Kafka's binary mode, and our own.

use app::event::Event;
use app::system::Headers;
use chrono::SecondsFormat;

/// Names and values, in the order in which they are sent.
pub fn record_headers(event: &Event) -> Headers {
    let envelope = &event.envelope;
    let task_id = envelope.data.task_id();
    let subject = task_id.map_or_else(|| event.user_id().0.clone(), |id| id.to_string());
    let time = envelope
        .timestamp
        .to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut headers = Headers::new();
    let mut add = |key: &str, value: &str| headers.push((key.into(), value.into()));
    add("seq", &event.seq.to_string());
    if let Some(traceparent) = &event.traceparent {
        add("traceparent", traceparent);
    }
    add("content-type", "application/json");
    add("ce_specversion", "1.0");
    add("ce_id", &envelope.event_id.to_string());
    add("ce_source", "/todo-evolution");
    add("ce_type", envelope.event_type.as_str());
    add("ce_time", &time);
    add("ce_subject", &subject);
    add("ce_partitionkey", &event.user_id().0);
    add("ce_sequence", &event.seq.to_string());
    add("ce_actorid", &event.actor_id.0);
    if let Some(command_id) = &event.command_id {
        add("ce_commandid", &command_id.to_string());
    }
    headers
}
