//! Zipkin's own JSON, version 2: `POST /api/v2/spans`.

use app::trace::{Finished, Kind, Value};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use std::time::SystemTime;

pub fn body(spans: &[Arc<Finished>]) -> Json {
    spans.iter().map(|span| of(span)).collect()
}

fn of(span: &Finished) -> Json {
    let began = span.began.duration_since(SystemTime::UNIX_EPOCH);
    let mut tags: Map<String, Json> = span
        .attributes
        .iter()
        .map(|(key, value)| {
            let text = match value {
                Value::Text(text) => text.to_string(),
                Value::Number(number) => number.to_string(),
            };
            ((*key).to_owned(), text.into())
        })
        .collect();
    if span.failed {
        tags.insert("error".into(), "true".into());
    }
    let mut json = json!({
        "traceId": format!("{:032x}", span.context.trace_id),
        "id": format!("{:016x}", span.context.span_id),
        "name": span.name,
        "timestamp": began.unwrap_or_default().as_micros() as u64,
        // 0 would mean that it is not known.
        "duration": (span.took.as_micros() as u64).max(1),
        "localEndpoint": {"serviceName": super::SERVICE},
        "tags": tags,
    });
    if let Some(parent) = span.parent {
        json["parentId"] = format!("{parent:016x}").into();
    }
    let kind = match span.kind {
        Kind::Internal => return json,
        Kind::Server => "SERVER",
        Kind::Client => "CLIENT",
        Kind::Producer => "PRODUCER",
        Kind::Consumer => "CONSUMER",
    };
    json["kind"] = kind.into();
    json
}
