//! What leaves the house, for administrators, on a plain page.

use super::api::Redeliver;
use super::queries::{self, Filter};
use super::{Attempt, Row, Status};
use crate::shell::{or_not_found, parameter};
use crate::system::view::{Frame, Refusal, admin};
use crate::ui::time;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// Deliveries on a page.
const PAGE: i64 = 50;

/// `/system/deliveries`: the last ones, each with its attempts. Query: `status`, `channel`.
#[component]
pub fn Deliveries() -> impl IntoView {
    let filter = Filter {
        status: parameter("status").and_then(|status| Status::parse(&status)),
        channel: parameter("channel").filter(|channel| !channel.is_empty()),
        target: None,
    };
    Suspend::new(async move {
        let load = async |state: &crate::state::State, _: &crate::accounts::session::Session| {
            let mut conn = state.db.pool().acquire().await?;
            let mut all = Vec::new();
            for row in queries::deliveries(&mut conn, &filter, PAGE).await? {
                let attempts = queries::attempts(&mut conn, row.id).await?;
                all.push((row, attempts));
            }
            Ok(all)
        };
        or_not_found(admin(load).await, |(me, all)| {
            view! {
                <Title text="Deliveries"/>
                <Frame me>
                    <header class="head"><h1>"Deliveries"</h1></header>
                    <Refusal/>
                    <section aria-label="Deliveries">
                        {choices(&filter)}
                        {list(all)}
                    </section>
                    <p><a href="/system">"Dead letters, and whose events wait"</a></p>
                </Frame>
            }
        })
    })
}

/// Links that narrow the list.
fn choices(filter: &Filter) -> impl IntoView + use<> {
    let statuses = [None].into_iter().chain(Status::ALL.map(Some));
    let chosen = filter.status;
    let links = statuses.map(move |status| {
        let (href, words) = match status {
            None => ("/system/deliveries".to_owned(), "All"),
            Some(status) => (
                format!("/system/deliveries?status={}", status.as_str()),
                status.as_str(),
            ),
        };
        let current = (chosen == status).then_some("true");
        view! { <a class="choice" href=href aria-current=current>{words}</a> }
    });
    view! { <p class="choices">{links.collect_view()}</p> }
}

fn list(all: Vec<(Row, Vec<Attempt>)>) -> impl IntoView {
    if all.is_empty() {
        return view! { <p class="hint">"There are none."</p> }.into_any();
    }
    view! {
        <form class="decide" method="post" action=Redeliver::url()>
            <ul class="letters">
                {all.into_iter().map(|(row, attempts)| one(row, attempts)).collect_view()}
            </ul>
            <div class="decision"><button class="button" type="submit">"Send again"</button></div>
        </form>
    }
    .into_any()
}

fn one(row: Row, attempts: Vec<Attempt>) -> impl IntoView {
    let label = format!("Delivery {}, {} to {}", row.id, row.channel, row.target);
    let when = match row.status {
        Status::Queued => format!("due {}", time::utc_text(row.due_at)),
        _ => format!("queued {}", time::utc_text(row.queued_at)),
    };
    view! {
        <li class="letter">
            <p>
                <input type="checkbox" name="ids[]" value=row.id.to_string() aria-label=label/>
                {format!("No. {} ", row.id)}
                <a href=format!("/system/deliveries?channel={}", row.channel)>{row.channel.clone()}</a>
                " to " {row.target}
                <span class="this">{row.status.as_str()}</span>
            </p>
            <p class="since">{when} " · " {row.message_id}</p>
            {attempts.into_iter().map(told).collect_view()}
        </li>
    }
}

fn told(attempt: Attempt) -> impl IntoView {
    let took = attempt
        .took
        .map_or(String::new(), |took| format!(" · {} ms", took.as_millis()));
    let status = attempt
        .status
        .map_or(String::new(), |status| format!(" · {status}"));
    let answer: String = attempt.answer.chars().take(300).collect();
    let began = time::utc_text(attempt.began_at);
    view! {
        <p class="since">
            {format!("Attempt {} · {began} · {}{took}{status}", attempt.attempt, attempt.outcome)}
            {(!answer.is_empty()).then(|| format!(" · {answer}"))}
        </p>
    }
}
