//! Where a person's events are sent to: plain pages, no script.

mod log;
mod new;
mod one;

pub use new::NewEndpoint;
pub use one::EndpointPage;

use super::{CHOICES, Endpoint, Kind, MOST, queries};
use crate::accounts::{Me, session};
use crate::error::Error;
use crate::event::EventType;
use crate::shell::{or_login, submitted};
use crate::state::State;
use crate::ui::{Bar, Rail, Submitted, time};
use leptos::prelude::*;
use leptos_meta::Title;

/// `/webhooks`.
#[component]
pub fn Endpoints() -> impl IntoView {
    Suspend::new(async move {
        or_login(load().await, |(me, all)| {
            view! {
                <Title text="External sync"/>
                <Frame me title="External sync".to_owned()>{overview(all)}</Frame>
            }
        })
    })
}

async fn load() -> Result<Option<(Me, Vec<Endpoint>)>, Error> {
    let Some((state, me)) = who().await? else {
        return Ok(None);
    };
    let mut conn = state.db.pool().acquire().await?;
    let all = queries::endpoints(&mut conn, &me.user_id).await?;
    Ok(Some((me, all)))
}

/// Who asks, if they are logged in.
async fn who() -> Result<Option<(State, Me)>, Error> {
    let (state, session) = session::current().await?;
    Ok(session.map(|session| (state, session.into())))
}

/// The frame of these pages, with a refusal that is about no field in particular.
#[component]
fn Frame(me: Me, title: String, children: Children) -> impl IntoView {
    let refused = submitted().filter(|form| form.error.field.is_none());
    view! {
        <div class="frame shows-you">
            <a class="skip" href="#sync">"Skip to external sync"</a>
            <Rail me here="/webhooks"/>
            <main class="list-column settings sync" id="sync" tabindex="-1">
                <header class="head"><h1>{title}</h1></header>
                {refused.map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })}
                {children()}
            </main>
            <Bar here="/webhooks"/>
        </div>
    }
}

fn overview(all: Vec<Endpoint>) -> impl IntoView {
    let full = all.len() as i64 >= MOST;
    let list = match all.is_empty() {
        true => view! { <p class="empty">"Nowhere yet. Add where it is to go."</p> }.into_any(),
        false => view! { <ul class="endpoints">{all.into_iter().map(line).collect_view()}</ul> }
            .into_any(),
    };
    let add = match full {
        true => view! { <p class="hint">{format!("There are {MOST}, which is the most there can be.")}</p> }.into_any(),
        false => view! {
            <p class="ways-out">
                {Kind::ALL.map(|kind| {
                    let href = format!("/webhooks/new/{}", kind.as_str());
                    view! { <a class="button quiet" href=href>{format!("Add {}", with_article(kind))}</a> }
                }).into_iter().collect_view()}
            </p>
        }
        .into_any(),
    };
    view! {
        <p>"What happens to your tasks is told to other systems as well, from when you add them on: one event after the other, signed or let in as they ask, and again until it is taken."</p>
        <section aria-labelledby="endpoints">
            <h2 id="endpoints">"Where your events are sent to"</h2>
            {list}
            {add}
        </section>
        <p><a href="/events">"What every kind of event says"</a></p>
    }
}

fn with_article(kind: Kind) -> &'static str {
    match kind {
        Kind::Webhook => "a webhook",
        Kind::Slack => "a Slack channel",
        Kind::Jira => "a Jira project",
    }
}

fn line(endpoint: Endpoint) -> impl IntoView {
    let href = format!("/webhooks/{}", endpoint.id);
    let state = state(&endpoint);
    let class = if endpoint.disabled_at.is_some() {
        "state is-off"
    } else {
        "state"
    };
    view! {
        <li class="endpoint">
            <div>
                <p><a href=href>{endpoint.name().to_owned()}</a></p>
                <p class="since">{endpoint.kind.label()} " · " {endpoint.host().to_owned()}</p>
            </div>
            <p class=class>{state}</p>
        </li>
    }
}

/// How it goes, in a word or two.
fn state(endpoint: &Endpoint) -> String {
    match (endpoint.disabled_at, endpoint.failing_since) {
        (Some(_), _) => "Off".into(),
        (None, Some(since)) => format!("Failing since {}", time::utc_text(since)),
        (None, None) => "On".into(),
    }
}

/// Boxes for what it is sent. A form that was refused keeps what was ticked.
fn choices(chosen: &[EventType], form: &Option<Submitted>) -> impl IntoView + use<> {
    let ticked = |event_type: EventType| match form {
        Some(form) => {
            let mut values = form.values.iter();
            values.any(|(name, value)| name.starts_with("types") && value == event_type.as_str())
        }
        None => chosen.contains(&event_type),
    };
    let boxes = CHOICES.iter().map(|event_type| {
        view! {
            <label class="once-a-day">
                <input type="checkbox" name="types[]" value=event_type.as_str() checked=ticked(*event_type)/>
                <span>{words(*event_type)} " " <code>{event_type.as_str()}</code></span>
            </label>
        }
    });
    let refusal = form
        .as_ref()
        .filter(|form| form.error.field.as_deref() == Some("types"))
        .map(|form| view! { <p class="refusal" role="alert">{form.error.detail.clone()}</p> });
    view! {
        <fieldset class="kinds">
            <legend>"What it is told of"</legend>
            {boxes.collect_view()}
            {refusal}
        </fieldset>
    }
}

fn words(event_type: EventType) -> &'static str {
    match event_type {
        EventType::TaskCreated => "A task is added",
        EventType::TaskUpdated => "A task is edited",
        EventType::TaskCompleted => "A task is completed",
        EventType::TaskReopened => "A task is taken up again",
        EventType::TaskDeleted => "A task is deleted",
        EventType::TaskRestored => "A task is taken out of the trash",
        EventType::TaskPurged => "A deleted task is gone for ever",
        _ => "",
    }
}

/// A labelled field with what is expected, and its refusal beside it.
#[component]
fn Line(
    name: &'static str,
    label: &'static str,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: String,
    #[prop(optional)] hint: &'static str,
    #[prop(optional)] required: bool,
    form: Option<Submitted>,
) -> impl IntoView {
    let typed = form
        .as_ref()
        .and_then(|form| form.value(name))
        .map(str::to_owned);
    let refusal = form
        .filter(|form| form.error.field.as_deref() == Some(name))
        .map(|form| form.error.detail);
    let is_refused = refusal.is_some();
    let note = refusal.unwrap_or_else(|| hint.into());
    let note_id = format!("{name}-note");
    let class = if is_refused { "refusal" } else { "hint" };
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=kind
                value=typed.unwrap_or(value)
                autocomplete="off"
                required=required
                autofocus=is_refused
                aria-invalid=is_refused.then_some("true")
                aria-describedby=(!note.is_empty()).then(|| note_id.clone())
            />
            {(!note.is_empty()).then(|| view! { <p id=note_id class=class>{note}</p> })}
        </div>
    }
}
