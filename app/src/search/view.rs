//! The page that searches: a plain form, and what it found. `public/search.js` asks for the same
//! page while one types, and takes the results out of it.

use super::queries;
use super::{Found, Hit, PAGE, Segment};
use crate::accounts::{Me, session};
use crate::error::{Error, Kind};
use crate::event::Timestamp;
use crate::home::Place;
use crate::shell::{or_login, status};
use crate::tasks::api::{CompleteTask, ReopenTask};
use crate::ui::{Bar, Clock, Icon, Rail, hidden, time};
use axum::extract::Query;
use http::StatusCode;
use http::request::Parts;
use leptos::either::{Either, EitherOf4};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use serde::Deserialize;

/// `/search?q=`: the tasks that match.
#[component]
pub fn Search() -> impl IntoView {
    let asked = asked();
    Suspend::new(async move {
        let loaded = async {
            let (state, session) = session::current().await?;
            let Some(session) = session else {
                return Ok(None);
            };
            let found = match queries::find(&state, &session.user_id, &asked).await {
                // The form says what to change.
                Err(error) if error.code == Kind::Invalid => Err(error),
                found => Ok(found?),
            };
            Ok::<_, Error>(Some((session.into(), found)))
        };
        or_login(loaded.await, |(me, found)| page(me, asked, found))
    })
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

/// What the address asks for; nothing if it cannot be read.
fn asked() -> String {
    let parts = use_context::<Parts>();
    let asked = parts.and_then(|parts| Query::<Asked>::try_from_uri(&parts.uri).ok());
    asked.unwrap_or_default().0.q
}

fn page(me: Me, asked: String, found: Result<Found, Error>) -> impl IntoView {
    let title = match asked.trim() {
        "" => "Search".to_owned(),
        asked => format!("{asked} · Search"),
    };
    let count = found.as_ref().map(count).unwrap_or_default();
    let refused = found.is_err();
    view! {
        <Title text=title/>
        <div class="frame shows-you">
            <a class="skip" href="#search">"Skip to the search"</a>
            <Rail me here="/search"/>
            <main class="list-column search" id="search" tabindex="-1">
                <header class="head">
                    <h1>"Search"</h1>
                    <p class="count" id="count" role="status">{count}</p>
                </header>
                <form class="seek" role="search" action="/search">
                    <label class="unseen" for="q">"Search your tasks"</label>
                    <span class="add-icon">{Icon::Search.view()}</span>
                    <input
                        id="q"
                        name="q"
                        type="search"
                        value=asked
                        placeholder="Search your tasks"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        enterkeyhint="search"
                        autofocus
                        aria-describedby=refused.then_some("why")
                        aria-invalid=refused.then_some("true")
                    />
                    <button class="button quiet" type="submit">"Search"</button>
                </form>
                <div id="found">{results(found)}</div>
            </main>
            <Bar here="/search"/>
        </div>
        <script src="/search.js" defer></script>
    }
}

/// What is said of the search, and read aloud when it changes.
fn count(found: &Found) -> String {
    match (found.total, found.hits.len()) {
        _ if found.query.trim().is_empty() => String::new(),
        (0, _) => "Nothing found".into(),
        (1, _) => "1 task".into(),
        (total, shown) if shown < total => format!("{total} tasks, the best {PAGE} are shown"),
        (total, _) => format!("{total} tasks"),
    }
}

fn results(found: Result<Found, Error>) -> impl IntoView {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            status(StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST));
            return EitherOf4::A(view! { <p class="refusal" id="why">{error.detail}</p> });
        }
    };
    if found.query.trim().is_empty() {
        return EitherOf4::B(view! {
            <p class="empty">
                "Words from titles and notes, as far as you know them; narrow them down with "
                <code>"is:open"</code> ", " <code>"is:done"</code> ", " <code>"\"a phrase\""</code>
                " or " <code>"-without"</code> ", with the lists, labels and dates that tasks say: "
                <code>"list:home"</code> " finds " <code>"#home"</code> ", "
                <code>"label:phone"</code> " finds " <code>"@phone"</code> ", and "
                <code>"due:2026-12-01"</code> " that date in a title, as do "
                <code>"due:today"</code> ", " <code>"due:tomorrow"</code> ", "
                <code>"due:week"</code> ", " <code>"due:overdue"</code> ", "
                <code>"due:none"</code> " and " <code>"due:<2026-12-01"</code> "."
            </p>
        });
    }
    let notes = found
        .notes
        .into_iter()
        .map(|note| view! { <p class="notice">{note}</p> });
    let notes = notes.collect_view();
    let building = found.building.then(|| {
        view! { <p class="hint">"The index is being built: there may be more in a moment."</p> }
    });
    if found.hits.is_empty() {
        return EitherOf4::C(view! {
            {notes} {building}
            <p class="empty">
                "No task matches this search. " <a href="/search">"Start over"</a>
            </p>
        });
    }
    EitherOf4::D(view! {
        {notes} {building}
        <ol class="rows hits" aria-label="Tasks found">
            {found.hits.into_iter().map(hit).collect_view()}
        </ol>
    })
}

/// A row as in the list.
fn hit(hit: Hit) -> impl IntoView {
    let is_done = hit.completed_at.is_some();
    let name: String = hit.title.iter().map(|part| part.text.as_str()).collect();
    view! {
        <li class=if is_done { "task is-done" } else { "task" }>
            <form
                class="check-form"
                method="post"
                action=if is_done { ReopenTask::PATH } else { CompleteTask::PATH }
            >
                {hidden(Some(hit.task_id))}
                <button
                    class="check"
                    role="checkbox"
                    aria-checked=if is_done { "true" } else { "false" }
                    aria-label=name
                >
                    <span class="circle">{Icon::Check.view()}</span>
                </button>
            </form>
            <a class="title" href=Place::Task(hit.task_id).path()>
                <span class="name">{segments(hit.title)}</span>
                {(!hit.line.is_empty()).then(|| view! {
                    <span class="note">{segments(hit.line)}</span>
                })}
            </a>
            {hit.completed_at.map(when)}
        </li>
    }
}

/// The day it was done. No time of day: the server does not know where the reader is.
fn when(at: Timestamp) -> impl IntoView {
    let clock = Clock::utc();
    let day = clock.day_name(clock.wall(at).day());
    view! { <time class="when" datetime=time::machine(at)>{day}</time> }
}

/// Text with its marks; whatever it holds, it stays text.
fn segments(segments: Vec<Segment>) -> impl IntoView {
    let part = |segment: Segment| match segment.marked {
        true => Either::Left(view! { <mark>{segment.text}</mark> }),
        false => Either::Right(segment.text),
    };
    segments.into_iter().map(part).collect_view()
}
