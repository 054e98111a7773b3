//! The catalogue as a plain page, for everybody who is logged in.

use super::{Readers, queries, schema, schema_path};
use crate::accounts::{Me, session};
use crate::error::Error;
use crate::event::{Event, EventType};
use crate::shell::or_login;
use crate::ui::{Bar, Icon, Rail, time};
use crate::version;
use leptos::prelude::*;
use leptos_meta::Title;
use serde::Serialize;

/// `/events`.
#[component]
pub fn Events() -> impl IntoView {
    Suspend::new(async move {
        or_login(load().await, |(me, own)| {
            view! { <Title text="Events"/> <Catalogue me own/> }
        })
    })
}

/// Who asks, and their own newest events.
async fn load() -> Result<Option<(Me, Vec<Event>)>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let mut conn = state.db.pool().acquire().await?;
    let own = queries::newest(&mut conn, &session.user_id).await?;
    Ok(Some((session.into(), own)))
}

#[component]
fn Catalogue(me: Me, own: Vec<Event>) -> impl IntoView {
    let readers: Readers = expect_context();
    let entries = EventType::ALL.iter().map(|&event_type| {
        let own = own
            .iter()
            .find(|event| event.envelope.event_type == event_type);
        entry(event_type, &readers, own)
    });
    let entries = entries.collect_view();
    view! {
        <div class="frame shows-you">
            <a class="skip" href="#catalogue">"Skip to the events"</a>
            <Rail me here="/events"/>
            <main class="list-column settings catalogue" id="catalogue" tabindex="-1">
                <header class="head"><h1>"Events"</h1></header>
                <p>
                    "Every change is one of these events, kept for good and published to the topic of its name. "
                    "Programs read the same as " <a href="/events/asyncapi.json">"AsyncAPI"</a> "."
                </p>
                {entries}
            </main>
            <Bar here="/events"/>
        </div>
    }
}

/// All there is to know of a type of event.
fn entry(event_type: EventType, readers: &Readers, own: Option<&Event>) -> impl IntoView + use<> {
    let name = event_type.as_str();
    let versions = version::versions(event_type).into_iter().map(|version| {
        let href = schema_path(event_type, version);
        let label = format!("Schema of {name} {version}");
        view! { <a href=href aria-label=label>{version}</a> " " }
    });
    let readers: Vec<&str> = readers.of(event_type).collect();
    let readers = match readers.is_empty() {
        true => "nobody".into(),
        false => readers.join(", "),
    };
    let (whose, sample) = match own {
        Some(event) => {
            let at = time::utc_text(event.envelope.timestamp);
            (format!("Your latest, {at}"), pretty(&event.envelope))
        }
        None => (
            "An example: you have none of your own yet".into(),
            event_type.example().trim().to_owned(),
        ),
    };
    let schema = schema::envelope(event_type, event_type.version());
    view! {
        <section class="event-type" aria-labelledby=name>
            <h2 id=name>{name}</h2>
            <p>{event_type.sentence()}</p>
            <dl class="facts wide-facts">
                <dt>"Topic"</dt> <dd>{name}</dd>
                <dt>"Dead letters"</dt> <dd>{format!("{name}.dlq")}</dd>
                <dt>"Versions"</dt> <dd>{versions.collect_view()}</dd>
                <dt>"Read by"</dt> <dd>{readers}</dd>
            </dl>
            {folded(whose, sample)}
            {folded(format!("Schema of version {}", event_type.version()), pretty(&schema))}
        </section>
    }
}

/// JSON that one opens.
fn folded(title: String, json: String) -> impl IntoView {
    view! {
        <details class="folded">
            <summary>{Icon::Chevron.view()} {title}</summary>
            <pre class="raw" tabindex="0">{json}</pre>
        </details>
    }
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
