//! An event as a Kafka record: the contract's JSON is the value, everything else is a header.

use super::Producer;
use crate::transport::headers::record_headers;
use crate::transport::{Batch, Delivered, Poison, Record};
use app::event::{Event, Timestamp};
use app::id::{CommandId, EventId, Seq, UserId};
use app::outbox::MAX_BYTES;
use app::system::{DeadLetter, Headers};
use app::version::{AnyEnvelope, Unreadable};
use chrono::SecondsFormat;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, Message, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureRecord};
use std::panic::{AssertUnwindSafe, catch_unwind};
use uuid::Uuid;

/// Queues the record; the future tells when it is durable.
/// Errors: nothing was queued, because the queue is full or the producer is broken.
pub fn send(producer: &Producer, topic: &str, event: &Event) -> Result<DeliveryFuture, KafkaError> {
    // An envelope has only keys that are strings, so it always has a JSON.
    let value = serde_json::to_vec(&event.envelope).map_err(|_| KafkaError::Canceled)?;
    let record = FutureRecord::to(topic)
        .key(event.user_id().0.as_str())
        .payload(&value)
        .headers(headers(event));
    producer.send_result(record).map_err(|(error, _)| error)
}

/// Queues a dead letter: the record as it was, and what went wrong in headers of its own.
/// Errors: nothing was queued.
pub fn bury(
    producer: &Producer,
    topic: &str,
    letter: &DeadLetter,
) -> Result<DeliveryFuture, KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len() + 10);
    let mut add = |key: &str, value: &[u8]| {
        let value = Some(value);
        headers = std::mem::take(&mut headers).insert(Header { key, value });
    };
    for (name, value) in &letter.headers {
        add(name, value);
    }
    let text = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    add("dlq_id", letter.id.to_string().as_bytes());
    add("dlq_topic", letter.topic.as_bytes());
    if let Some((partition, offset)) = letter.place {
        add("dlq_partition", partition.to_string().as_bytes());
        add("dlq_offset", offset.to_string().as_bytes());
    }
    if let Some(failed) = &letter.failed {
        add("dlq_consumer", failed.consumer.as_bytes());
    }
    add("dlq_error", letter.error.as_bytes());
    add("dlq_attempts", letter.attempts.to_string().as_bytes());
    add("dlq_first_at", text(letter.first_at).as_bytes());
    add("dlq_last_at", text(letter.last_at).as_bytes());
    let mut record = FutureRecord::<[u8], [u8]>::to(topic).headers(headers);
    record.key = letter.key.as_deref();
    record.payload = letter.value.as_deref();
    producer.send_result(record).map_err(|(error, _)| error)
}

/// What is left of a dead letter that its topic cannot take: what went wrong, and where all of it is.
/// A broker counts what is compressed, so anyone can send us records that are many times its limit.
pub fn brief(letter: &DeadLetter) -> DeadLetter {
    let bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    let headers = letter
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len());
    let size = bytes(&letter.key) + bytes(&letter.value) + headers.sum::<usize>();
    let left_out = format!("{size} bytes; `todo dlq show {}` has them", letter.id);
    DeadLetter {
        key: None,
        value: None,
        headers: vec![("dlq_left_out".into(), left_out.into_bytes())],
        ..letter.clone()
    }
}

/// Adds to `batch` what a record tells of, or why it is no event, without quoting from it. `prefix`
/// stands before the names of topics.
pub fn read<M: Message>(record: &M, prefix: &str, batch: &mut Batch) {
    let topic = record.topic();
    let raw = Record {
        topic: topic.strip_prefix(prefix).unwrap_or(topic).into(),
        place: (record.partition().into(), record.offset()),
        key: record.key().map(<[u8]>::to_vec),
        headers: raw_headers(record),
        value: record.payload().map(<[u8]>::to_vec),
    };
    match event(&raw) {
        Ok((event_id, delivered)) => batch.events.push(Delivered {
            record: Some((event_id, raw)),
            ..delivered
        }),
        Err(reason) => batch.poison.push(Poison {
            record: raw,
            reason,
        }),
    }
}

fn event(record: &Record) -> Result<(EventId, Delivered), String> {
    let value = record.value.as_ref().ok_or("it has no value")?;
    if value.len() > MAX_BYTES {
        return Err(format!(
            "it is {} KiB; at most {} KiB are an event",
            value.len() / 1024,
            MAX_BYTES / 1024
        ));
    }
    let envelope = AnyEnvelope::parse(value).map_err(|error| error.to_string())?;
    if envelope.event_type != record.topic {
        return Err("its event is of another topic".into());
    }
    let header = |name: &str| {
        let header = record.headers.iter().rfind(|(key, _)| key == name);
        header.and_then(|(_, value)| Some(str::from_utf8(value).ok()?.to_owned()))
    };
    let seq = header("seq").and_then(|text| text.parse().ok()).map(Seq);
    let seq = seq.ok_or("it has no number: somebody else published it")?;
    if seq < Seq(1) {
        return Err("its number is below 1".into());
    }
    let user_id = envelope.data.get("user_id").and_then(|id| id.as_str());
    let user_id = UserId(user_id.ok_or("it does not say whose it is")?.to_owned());
    let command_id = header("ce_commandid").map(|text| Uuid::parse_str(&text));
    let command_id = command_id
        .transpose()
        .map_err(|_| "its command's name is not a UUID")?;
    let actor_id = header("ce_actorid").ok_or("it does not say who did it")?;
    let event_id = envelope.event_id;
    let event = match envelope.read() {
        Ok(envelope) => Some(Event {
            seq,
            actor_id: UserId(actor_id),
            command_id: command_id.map(CommandId),
            traceparent: header("traceparent"),
            envelope,
        }),
        Err(Unreadable::Newer(_)) => None,
        Err(error) => return Err(error.to_string()),
    };
    let delivered = Delivered {
        user_id,
        seq,
        event,
        place: record.place,
        record: None,
    };
    Ok((event_id, delivered))
}

/// rdkafka panics at a header whose name is not UTF-8, and anyone can send one: then there are none.
fn raw_headers<M: Message>(record: &M) -> Headers {
    let read = || {
        let headers = record.headers()?.iter();
        let pairs = headers.map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec()));
        Some(pairs.collect())
    };
    catch_unwind(AssertUnwindSafe(read))
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// CloudEvents 1.0 in Kafka's binary mode, and our own.
fn headers(event: &Event) -> OwnedHeaders {
    let pairs = record_headers(event);
    let mut headers = OwnedHeaders::new_with_capacity(pairs.len());
    for (key, value) in &pairs {
        let value = Some(value.as_slice());
        headers = headers.insert(Header { key, value });
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::{headers, read};
    use crate::transport::Batch;
    use app::event::{Envelope, Event, EventData, TaskCreated, VERSION};
    use app::id::{CommandId, EventId, Seq, TaskId, UserId};
    use rdkafka::Timestamp;
    use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};

    fn sample() -> Event {
        let data = EventData::TaskCreated(TaskCreated {
            task_id: TaskId(123),
            user_id: UserId("user-456".into()),
            title: "Buy groceries".into(),
            description: "Milk, eggs, bread".into(),
            completed: false,
            created_at: "2026-02-08T10:30:00Z".parse().unwrap(),
        });
        Event {
            seq: Seq(7),
            actor_id: UserId("user-789".into()),
            command_id: Some(CommandId(uuid::Uuid::from_u128(2))),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
            envelope: Envelope {
                event_id: EventId(uuid::Uuid::from_u128(1)),
                event_type: data.event_type(),
                timestamp: data.occurred_at(),
                version: VERSION.into(),
                data,
            },
        }
    }

    fn record(topic: &str, value: Option<Vec<u8>>, headers: OwnedHeaders) -> OwnedMessage {
        OwnedMessage::new(
            value,
            None,
            topic.into(),
            Timestamp::NotAvailable,
            0,
            0,
            Some(headers),
        )
    }

    #[test]
    fn a_record_reads_as_the_event_it_was_written_from() {
        let mut sample = sample();
        let value = serde_json::to_vec(&sample.envelope).unwrap();
        let event = |sample: &Event, prefix: &str| {
            let topic = format!("{prefix}task.created");
            let record = record(&topic, Some(value.clone()), headers(sample));
            let mut batch = Batch::default();
            read(&record, prefix, &mut batch);
            batch.events.remove(0).event
        };
        assert_eq!(event(&sample, "x."), Some(sample.clone()));
        (sample.command_id, sample.traceparent) = (None, None);
        assert_eq!(event(&sample, ""), Some(sample));
    }

    #[test]
    fn the_headers_are_cloudevents_in_binary_mode() {
        let written = headers(&sample());
        let text = |header: Header<'_, &[u8]>| {
            format!(
                "{}: {}",
                header.key,
                str::from_utf8(header.value.unwrap()).unwrap()
            )
        };
        let expected = [
            "seq: 7",
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "content-type: application/json",
            "ce_specversion: 1.0",
            "ce_id: 00000000-0000-0000-0000-000000000001",
            "ce_source: /todo-evolution",
            "ce_type: task.created",
            "ce_time: 2026-02-08T10:30:00Z",
            "ce_subject: 123",
            "ce_partitionkey: user-456",
            "ce_sequence: 7",
            "ce_actorid: user-789",
            "ce_commandid: 00000000-0000-0000-0000-000000000002",
        ];
        assert_eq!(written.iter().map(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        let sample = sample();
        let value = serde_json::to_vec(&sample.envelope).unwrap();
        let with = |key, text: &str| {
            headers(&sample).insert(Header {
                key,
                value: Some(text),
            })
        };
        for (record, expected) in [
            (
                record("task.created", None, headers(&sample)),
                "it has no value",
            ),
            (
                record("task.created", Some(b"{".into()), headers(&sample)),
                "its value is not an envelope",
            ),
            (
                record("task.deleted", Some(value.clone()), headers(&sample)),
                "its event is of another topic",
            ),
            (
                record("task.created", Some(value.clone()), OwnedHeaders::new()),
                "it has no number",
            ),
            (
                record("task.created", Some(value.clone()), with("seq", "x")),
                "it has no number",
            ),
            (
                record("task.created", Some(value.clone()), with("seq", "0")),
                "its number is below 1",
            ),
            (
                record("task.created", Some(value), with("ce_commandid", "x")),
                "its command's name is not a UUID",
            ),
        ] {
            let mut batch = Batch::default();
            read(&record, "", &mut batch);
            let poison = batch.poison.remove(0);
            assert!(poison.reason.starts_with(expected), "{}", poison.reason);
            assert_eq!(poison.record.value.as_deref(), record.payload());
        }
    }
}
