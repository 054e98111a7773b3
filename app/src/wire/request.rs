//! Calls server functions from the browser: what their forms send, by `fetch`.

use super::{FromJson, Json};
use crate::error::{Error, Kind};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response, UrlSearchParams};

/// A server that says nothing for so long, in milliseconds, cannot be reached.
const PATIENCE: u32 = 20_000;

/// Sends a form's fields to `path`. Errors: what the server says; `Unavailable` if it cannot be
/// reached, and then the change may have been made or not.
pub async fn post(path: &str, fields: &[(&str, &str)]) -> Result<Json, Error> {
    let response = fetch(path, fields)
        .await
        .map_err(|_| Error::unavailable())?;
    let text = text(&response).await.map_err(|_| Error::unavailable())?;
    let json = Json::parse(&text);
    match response.status() {
        200..300 => json.ok_or_else(Error::unavailable),
        status => Err(json
            .and_then(Error::from_json)
            .unwrap_or_else(|| match status {
                // A proxy in front of the server says that there is none.
                502..505 => Error::unavailable(),
                _ => Error::new(Kind::Internal, Error::internal().detail),
            })),
    }
}

async fn fetch(path: &str, fields: &[(&str, &str)]) -> Result<Response, JsValue> {
    let body = UrlSearchParams::new()?;
    for (name, value) in fields {
        body.append(name, value);
    }
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&body);
    request.set_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE)));
    if let Some(("command_id", command_id)) = fields.first() {
        let headers = Headers::new()?;
        headers.append("traceparent", &traceparent(command_id))?;
        request.set_headers(&headers);
    }
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    JsFuture::from(window.fetch_with_str_and_init(path, &request))
        .await?
        .dyn_into()
}

/// The trace of a command begins here, and has its name: a UUID is what a trace's number is, and a
/// command that is sent again is the same trace. What part of the traces is collected, the server
/// knows.
fn traceparent(command_id: &str) -> String {
    let trace = command_id.replace('-', "");
    let span = trace.get(..16).unwrap_or_default();
    format!("00-{trace}-{span}-01")
}

async fn text(response: &Response) -> Result<String, JsValue> {
    JsFuture::from(response.text()?)
        .await?
        .as_string()
        .ok_or(JsValue::NULL)
}
