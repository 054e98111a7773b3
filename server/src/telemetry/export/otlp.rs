//! OpenTelemetry's protocol, in its JSON: `POST /v1/traces`.

use app::trace::{Finished, Kind, Value};
use serde_json::{Value as Json, json};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Tells the processes of an installation apart.
static INSTANCE: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().to_string());

pub fn body(spans: &[Arc<Finished>]) -> Json {
    let resource = [
        attribute("service.name", &super::SERVICE.into()),
        attribute("service.version", &env!("CARGO_PKG_VERSION").into()),
        attribute("service.instance.id", &INSTANCE.clone().into()),
    ];
    let spans: Vec<Json> = spans.iter().map(|span| of(span)).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": super::SERVICE}, "spans": spans}],
    }]})
}

fn of(span: &Finished) -> Json {
    let kind = match span.kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Producer => 4,
        Kind::Consumer => 5,
    };
    let began = span.began.duration_since(SystemTime::UNIX_EPOCH);
    let began = began.unwrap_or_default();
    // 64-bit numbers are text in Protobuf's JSON.
    let nanos = |time: Duration| time.as_nanos().to_string();
    let attributes = span
        .attributes
        .iter()
        .map(|(key, value)| attribute(key, value));
    json!({
        "traceId": format!("{:032x}", span.context.trace_id),
        "spanId": format!("{:016x}", span.context.span_id),
        "parentSpanId": span.parent.map(|id| format!("{id:016x}")).unwrap_or_default(),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(began + span.took),
        "attributes": attributes.collect::<Vec<_>>(),
        "status": if span.failed { json!({"code": 2}) } else { json!({}) },
    })
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
    };
    json!({"key": key, "value": value})
}
