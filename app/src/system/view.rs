//! What administrators look after, on plain pages: how it goes, whose events wait, dead letters.

use super::figures::{self, figures};
use super::letters::{self, PAGE, attempts, letters};
use super::queries::{self, Filter};
use super::{Parked, Status};
use crate::accounts::Me;
use crate::accounts::session::{self, Session};
use crate::error::Error;
use crate::id::Seq;
use crate::outbox;
use crate::shell::{Broken, NotFound, submitted};
use crate::state::State;
use crate::ui::{Bar, Rail, time};
use http::request::Parts;
use leptos::either::EitherOf3;
use leptos::prelude::*;
use leptos_meta::Title;

/// `/system`: how it goes, whose events wait, and dead letters to decide on.
/// Query: `status`, `topic`, `consumer`, `before`.
#[component]
pub fn System() -> impl IntoView {
    let (filter, done) = (filter(), done());
    Suspend::new(async move {
        let load = async |state: &State, _: &Session| {
            let mut conn = state.db.pool().acquire().await?;
            let parked = queries::parked(&mut conn, PAGE as i64).await?;
            let limit = PAGE as i64 + 1;
            let found = queries::dead_letters(&mut conn, &filter, limit).await?;
            let kinds = queries::kinds(&mut conn).await?;
            Ok((parked, found, kinds, state.history.clone()))
        };
        match admin(load).await {
            Ok(Some((me, (parked, found, kinds, history)))) => EitherOf3::A(view! {
                <Title text="System"/>
                <Frame me>
                    <header class="head"><h1>"System"</h1> {figures::mark()}</header>
                    {figures(&history)}
                    <section id="waiting" aria-labelledby="waiting-title">
                        <h2 id="waiting-title">"Waiting"</h2>
                        {waiting(parked)}
                    </section>
                    {letters(found, &filter, kinds, done)}
                    <p><a href="/events">"Every kind of event, and who reads it"</a></p>
                    <Script/>
                </Frame>
            }),
            Ok(None) => EitherOf3::B(view! { <NotFound/> }),
            Err(error) => EitherOf3::C(view! { <Broken error/> }),
        }
    })
}

/// `/system/figures`: how it goes and nothing else, for a screen on the wall.
#[component]
pub fn Figures() -> impl IntoView {
    Suspend::new(async move {
        match admin(async |state: &State, _: &Session| Ok(state.history.clone())).await {
            Ok(Some((me, history))) => EitherOf3::A(view! {
                <Title text="Figures"/>
                <Frame me>
                    <header class="head">
                        <h1><a href="/system">"System"</a></h1> {figures::mark()}
                    </header>
                    {figures(&history)}
                    <Script/>
                </Frame>
            }),
            Ok(None) => EitherOf3::B(view! { <NotFound/> }),
            Err(error) => EitherOf3::C(view! { <Broken error/> }),
        }
    })
}

/// `/system/dead-letters/:id`: one of them, whole.
#[component]
pub fn DeadLetterPage() -> impl IntoView {
    let id = last_of_path();
    Suspend::new(async move {
        let load = async |state: &State, _: &Session| {
            let mut conn = state.db.pool().acquire().await?;
            queries::dead_letter(&mut conn, id.unwrap_or(0)).await
        };
        match admin(load).await {
            Ok(Some((me, Some(letter)))) => {
                let title = format!("Dead letter {}", letter.id);
                EitherOf3::A(view! {
                    <Title text=title.clone()/>
                    <Frame me>
                        <header class="head"><h1>{title}</h1></header>
                        {letters::whole(letter)}
                        <p><a href="/system#letters">"All dead letters"</a></p>
                    </Frame>
                })
            }
            Ok(_) => EitherOf3::B(view! { <NotFound/> }),
            Err(error) => EitherOf3::C(view! { <Broken error/> }),
        }
    })
}

/// `/trace/:seq`: on to the trace of one's own event of that number.
#[component]
pub fn Trace() -> impl IntoView {
    let seq = last_of_path();
    Suspend::new(async move {
        let load = async |state: &State, session: &Session| {
            let mut conn = state.db.pool().acquire().await?;
            let row = outbox::stored(&mut conn, &session.user_id, Seq(seq.unwrap_or(0))).await?;
            let traceparent = row.and_then(|row| row.event.ok()?.traceparent);
            let url = state.trace_url.as_ref();
            Ok(traceparent.and_then(|traceparent| url?.of(&traceparent)))
        };
        match admin(load).await {
            Ok(Some((_, Some(url)))) => {
                leptos_axum::redirect(&url);
                EitherOf3::A(())
            }
            Ok(_) => EitherOf3::B(view! { <NotFound/> }),
            Err(error) => EitherOf3::C(view! { <Broken error/> }),
        }
    })
}

/// What `load` reads, if who asks is an administrator.
pub async fn admin<T>(
    load: impl AsyncFnOnce(&State, &Session) -> Result<T, sqlx::Error>,
) -> Result<Option<(Me, T)>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session.filter(|session| session.is_admin) else {
        return Ok(None);
    };
    let loaded = load(&state, &session).await?;
    let Session { user_id, name, .. } = session;
    Ok(Some((Me { user_id, name }, loaded)))
}

#[component]
pub fn Frame(me: Me, children: Children) -> impl IntoView {
    view! {
        <div class="frame shows-system">
            <a class="skip" href="#system">"Skip to the page"</a>
            <Rail me here="/system"/>
            <main class="list-column settings system" id="system" tabindex="-1">{children()}</main>
            <Bar here="/system"/>
        </div>
    }
}

/// Keeps the figures moving; without it the page is as it was when it was asked for.
#[component]
fn Script() -> impl IntoView {
    view! { <script src="/system.js" defer></script> }
}

/// Why the last decision was refused.
#[component]
pub fn Refusal() -> impl IntoView {
    submitted().map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })
}

fn waiting(parked: Vec<Parked>) -> impl IntoView {
    if parked.is_empty() {
        return view! { <p class="hint">"Nobody waits: every consumer is served."</p> }.into_any();
    }
    let row = |parked: Parked| {
        let next = match parked.next_at {
            Some(at) => format!("again {}", time::utc_text(at)),
            None => "after an upgrade".into(),
        };
        view! {
            <li class="letter">
                <p>
                    <strong>{parked.consumer}</strong> " · event " {parked.seq.0} " of "
                    {parked.user_id.0}
                </p>
                <p class="since">
                    {attempts(parked.attempts)} " since " {time::utc_text(parked.first_at)} " · " {next}
                </p>
                <p class="refusal">{parked.error}</p>
            </li>
        }
    };
    view! { <ul class="letters">{parked.into_iter().map(row).collect_view()}</ul> }.into_any()
}

fn last_of_path<T: std::str::FromStr>() -> Option<T> {
    let parts = use_context::<Parts>()?;
    parts.uri.path().rsplit('/').next()?.parse().ok()
}

/// A value of the address' query.
fn asked(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let pairs = parts.uri.query()?.split('&');
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    values.next().map(str::to_owned)
}

/// What the address asks for; open ones if it does not say.
fn filter() -> Filter {
    let value = |name| asked(name).filter(|value| !value.is_empty());
    let narrowed = asked("topic").is_some() || asked("consumer").is_some();
    Filter {
        status: match asked("status") {
            Some(status) => Status::parse(&status),
            None if narrowed => None,
            None => Some(Status::Open),
        },
        topic: value("topic"),
        consumer: value("consumer"),
        before: value("before").and_then(|before| before.parse().ok()),
    }
}

/// What the address says was done.
fn done() -> letters::Done {
    ["retried", "discarded"]
        .into_iter()
        .find_map(|what| Some((what, asked(what)?.parse().ok()?)))
}
