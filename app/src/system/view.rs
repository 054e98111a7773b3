//! What administrators look after, on plain pages: how it goes, whose events wait, dead letters.

use super::figures::{self, figures};
use super::letters::{self, PAGE, attempts, letters};
use super::queries::{self, Filter, Swept};
use super::{Parked, Status};
use crate::accounts::Me;
use crate::accounts::session::{self, Session};
use crate::error::Error;
use crate::id::Seq;
use crate::outbox;
use crate::shell::{last_of_path, or_not_found, parameter, submitted};
use crate::state::State;
use crate::ui::{Bar, Rail, time};
use leptos::either::Either;
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
            let swept = queries::cleanup(state.db.pool()).await?;
            Ok((parked, found, kinds, state.history.clone(), swept))
        };
        or_not_found(
            admin(load).await,
            |(me, (parked, found, kinds, history, swept))| {
                view! {
                    <Title text="System"/>
                    <Frame me>
                        <header class="head"><h1>"System"</h1> {figures::mark()}</header>
                        {figures(&history)}
                        {waiting(parked)}
                        {letters(found, &filter, kinds, done)}
                        {cleanup(swept)}
                        <p><a href="/events">"Every kind of event, and who reads it"</a></p>
                        <p><a href="/audit">"Audit log: who did what, when, from where"</a></p>
                        <Script/>
                    </Frame>
                }
            },
        )
    })
}

/// `/system/figures`: how it goes and who waits, for a screen on the wall.
#[component]
pub fn Figures() -> impl IntoView {
    Suspend::new(async move {
        let load = async |state: &State, _: &Session| {
            let mut conn = state.db.pool().acquire().await?;
            let parked = queries::parked(&mut conn, PAGE as i64).await?;
            Ok((parked, state.history.clone()))
        };
        or_not_found(admin(load).await, |(me, (parked, history))| {
            view! {
                <Title text="Figures"/>
                <Frame me>
                    <header class="head">
                        <h1><a href="/system">"System"</a></h1> {figures::mark()}
                    </header>
                    {figures(&history)}
                    {waiting(parked)}
                    <Script/>
                </Frame>
            }
        })
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
        let found = admin(load).await.map(|found| {
            let (me, letter) = found?;
            Some((me, letter?))
        });
        or_not_found(found, |(me, letter)| {
            let title = format!("Dead letter {}", letter.id);
            view! {
                <Title text=title.clone()/>
                <Frame me>
                    <header class="head"><h1>{title}</h1></header>
                    {letters::whole(letter)}
                    <p><a href="/system#letters">"All dead letters"</a></p>
                </Frame>
            }
        })
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
        let found = admin(load).await.map(|found| found?.1);
        or_not_found(found, |url| leptos_axum::redirect(&url))
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
    Ok(Some((session.into(), loaded)))
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
    view! {
        <script src="/live.js" defer></script>
        <script src="/system.js" defer></script>
    }
}

/// Why the last decision was refused.
#[component]
pub fn Refusal() -> impl IntoView {
    submitted().map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })
}

/// Whose events wait, and for what.
fn waiting(parked: Vec<Parked>) -> impl IntoView {
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
    let list = match parked.is_empty() {
        true => {
            Either::Left(view! { <p class="hint">"Nobody waits: every consumer is served."</p> })
        }
        false => Either::Right(view! {
            <ul class="letters">{parked.into_iter().map(row).collect_view()}</ul>
        }),
    };
    view! {
        <section id="waiting" data-live=figures::PATH data-every=figures::EVERY aria-labelledby="waiting-title">
            <h2 id="waiting-title">"Waiting"</h2>
            {list}
        </section>
    }
}

/// What is removed when it is old, in a line.
fn cleanup(swept: Vec<Swept>) -> impl IntoView {
    let Some(last) = swept.iter().map(|swept| swept.at).max() else {
        return view! { <p class="hint" id="cleanup">"Nothing was cleaned up yet."</p> }.into_any();
    };
    let rows: i64 = swept.iter().map(|swept| swept.removed).sum();
    let words = format!(
        "Cleaned up {}; {rows} old rows have gone so far.",
        time::utc_text(last)
    );
    let failed = swept.into_iter().filter(|swept| !swept.error.is_empty());
    let failed = failed.map(|Swept { name, error, .. }| {
        view! { <span class="refusal">{format!(" Not {name}: {error}.")}</span> }
    });
    view! { <p class="hint" id="cleanup">{words} {failed.collect_view()}</p> }.into_any()
}

/// What the address asks for; open ones if it does not say.
fn filter() -> Filter {
    let value = |name| parameter(name).filter(|value| !value.is_empty());
    let narrowed = parameter("topic").is_some() || parameter("consumer").is_some();
    Filter {
        status: match parameter("status") {
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
        .find_map(|what| Some((what, parameter(what)?.parse().ok()?)))
}
