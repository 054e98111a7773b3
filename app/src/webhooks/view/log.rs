//! What was sent to an endpoint: each delivery with its attempts, what was asked and what was answered.

use crate::deliveries::{Attempt, Status};
use crate::event::EventType;
use crate::ui::{Icon, time};
use crate::webhooks::Endpoint;
use crate::webhooks::api::RedeliverToEndpoint;
use crate::webhooks::queries::Log;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use serde_json::Value;

/// Deliveries on a page.
pub const PAGE: usize = 20;
/// What is shown of an answer.
const EXCERPT: usize = 1024;

pub fn view(endpoint: &Endpoint, mut log: Vec<Log>) -> impl IntoView + use<> {
    if log.is_empty() {
        return view! { <p class="empty">"Nothing yet."</p> }.into_any();
    }
    let more = log.len() > PAGE;
    log.truncate(PAGE);
    let oldest = log.last().map_or(0, |log| log.row.id);
    let older = more.then(|| {
        let href = format!("/webhooks/{}?before={oldest}#log", endpoint.id);
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let is_on = endpoint.disabled_at.is_none();
    let log = log.into_iter().map(|log| one(&endpoint.id, is_on, log));
    view! {
        <ul class="letters">{log.collect_view()}</ul>
        {older}
    }
    .into_any()
}

fn one(endpoint_id: &str, is_on: bool, log: Log) -> impl IntoView + use<> {
    let Log {
        row,
        message,
        attempts,
    } = log;
    let envelope: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let event_type = envelope["event_type"].as_str().and_then(EventType::parse);
    let what = event_type.map_or("an event", EventType::as_str);
    let what = match message.test {
        true => format!("Test, {what}"),
        false => what.into(),
    };
    let status = match row.status {
        Status::Queued => format!("waits, due {}", time::utc_text(row.due_at)),
        Status::Sent => "sent".into(),
        Status::Failed => "given up".into(),
        Status::Gone => "not sent any more".into(),
    };
    let class = match row.status {
        Status::Sent => "this is-sent",
        _ => "this",
    };
    // One that was never tried is about to be.
    let again = is_on && (row.status != Status::Queued || row.attempts > 0);
    let again = again.then(|| {
        let label = format!("Send again: {what}, {}", row.message_id);
        view! {
            <form method="post" action=RedeliverToEndpoint::url()>
                <input type="hidden" name="endpoint_id" value=endpoint_id.to_owned()/>
                <input type="hidden" name="delivery" value=row.id.to_string()/>
                <button class="button quiet" aria-label=label>"Send again"</button>
            </form>
        }
    });
    let summary = format!("{}, {}", what, time::utc_text(row.queued_at));
    view! {
        <li class="letter">
            <p>{what} <span class=class>{status}</span></p>
            <p class="since">{time::utc_text(row.queued_at)} " · " {row.message_id.clone()}</p>
            <details class="folded">
                <summary aria-label=format!("Request and answers of {summary}")>
                    {Icon::Chevron.view()} "Request and answers"
                </summary>
                <h3>"Event"</h3>
                <pre class="raw" tabindex="0">{message.body}</pre>
                {attempts.into_iter().map(told).collect_view()}
            </details>
            {again}
        </li>
    }
}

fn told(attempt: Attempt) -> impl IntoView {
    let began = time::utc_text(attempt.began_at);
    let took = attempt
        .took
        .map_or(String::new(), |took| format!(", {} ms", took.as_millis()));
    let status = attempt
        .status
        .map_or(String::new(), |status| format!(", status {status}"));
    let outcome = match attempt.outcome.as_str() {
        "sending" => "under way",
        "sent" => "taken",
        "passing" => "failed",
        "permanent" => "failed for good",
        "gone" => "wants no more",
        _ => "lost with the server that made it",
    };
    let title = format!("Attempt {}: {outcome}{status}{took}", attempt.attempt);
    let raw = |title: &'static str, text: String| {
        (!text.is_empty()).then(|| {
            view! {
                <p class="since">{title}</p>
                <pre class="raw" tabindex="0">{text}</pre>
            }
        })
    };
    view! {
        <h3>{title}</h3>
        <p class="since">{began}</p>
        {raw("Request", attempt.request)}
        {raw("Answer", excerpt(&attempt.answer).to_owned())}
    }
}

/// Its first KiB.
fn excerpt(answer: &str) -> &str {
    match answer
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > EXCERPT)
    {
        Some((end, _)) => &answer[..end],
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_cut_between_letters() {
        assert_eq!(excerpt("ok"), "ok");
        assert_eq!(excerpt(&"x".repeat(5000)).len(), 1024);
        assert_eq!(excerpt(&"ä".repeat(5000)).len(), 1024);
        assert_eq!(excerpt(&format!("x{}", "ä".repeat(5000))).len(), 1023);
    }
}
