//! The feed: a column of sentences, newest first, and above it how the connection is.

use super::Entry;
use super::group::verbs;
use super::html;
use crate::event::EventType;
use crate::home::{Item, Page, Part, Place, State, list, source};
use crate::live::Status;
use crate::ui::{Icon, Initials, time};
use leptos::either::Either;
use leptos::prelude::*;

/// The column of the feed.
pub fn activity(page: Page) -> impl IntoView {
    view! {
        <aside class="feed-column" aria-label="Feed">
            <div id="feed-top"></div>
            <header class="feed-head">
                <h2>"Feed"</h2>
                {mark(page)}
            </header>
            <div class="feed-tools" inner_html=source::tools()></div>
            {move || above(page)}
            {list(page, "feed", Box::new(move || items(page)))}
            {move || below(page)}
        </aside>
    }
}

/// The way to what is newer.
fn above(page: Page) -> impl IntoView {
    let (fresh, is_old) = page.see(Part::Ends, |state| (state.fresh(), state.feed_is_old));
    let newest = page.peek(|state| state.board.filter().path(None));
    let pill = (fresh != 0).then(|| pill(fresh, is_old, newest.clone()));
    let newest = is_old.then(|| {
        view! { <p class="older"><a href=newest>"Back to the newest"</a></p> }
    });
    view! { {pill} {newest} }
}

/// The way to what is older.
fn below(page: Page) -> impl IntoView {
    let (_, oldest, _, more) = page.see(Part::Ends, State::feed_ends);
    let older = oldest.filter(|_| more).map(|oldest| {
        let href = page.peek(|state| state.board.filter().path(Some(&oldest.to_string())));
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let empty = oldest.is_none().then(|| {
        let words = match page.peek(|state| state.board.filter().is_on()) {
            true => "Nothing like this has happened.",
            false => "What happens to your tasks will be told here.",
        };
        view! { <p class="empty">{words}</p> }
    });
    view! { {older} {empty} }
}

/// So many lines wait above.
fn pill(fresh: usize, feed_is_old: bool, newest: String) -> impl IntoView {
    let words = format!("{fresh} new");
    match feed_is_old {
        true => Either::Left(view! {
            <a class="pill" href=newest>{Icon::Up.view()} {words}</a>
        }),
        false => Either::Right(view! {
            <button class="pill" type="button" data-does="top">{Icon::Up.view()} {words}</button>
        }),
    }
}

/// The mark of the connection: a dot and a word.
pub fn mark(page: Page) -> impl IntoView {
    move || {
        let (status, waiting) = page.see(Part::Mark, |state| (state.status, state.waiting));
        let (class, words) = match (status, waiting) {
            (Status::Connecting, _) => ("mark", "Connecting".to_owned()),
            (Status::CatchingUp, _) => ("mark", "Catching up".into()),
            (Status::Live, _) => ("mark is-live", "Live".into()),
            (Status::Offline, 0) => ("mark is-offline", "Offline".into()),
            (Status::Offline, 1) => ("mark is-offline", "Offline, 1 change waits".into()),
            (Status::Offline, n) => ("mark is-offline", format!("Offline, {n} changes wait")),
            (Status::Ended, _) => ("mark is-ended", "Logged out".into()),
        };
        view! { <p class=class><span class="dot"></span> <span>{words}</span></p> }
    }
}

/// Lines, and a heading above the first of each day.
fn items(page: Page) -> Vec<Item> {
    let mut items = Vec::new();
    let mut day = None;
    for told in page.see(Part::Feed, |state| state.told.clone()) {
        // Clocks of servers may differ a little: a day has one heading.
        if day.is_none_or(|day| told.day < day) {
            day = Some(told.day);
            items.push(Item::Day(told.day));
        }
        items.push(Item::Told(told));
    }
    items
}

/// The heading of a day, in days since 1970.
pub fn day(page: Page, day: i64) -> impl IntoView {
    view! { <li class="day"><h3>{move || page.clock().day_name(day)}</h3></li> }
}

/// One sentence: of one change, with its before and after; or of several, which can be unfolded.
///
/// Made anew when another change is added to it, which leaves its elements where they are. What has
/// nothing to focus in it is written as HTML: each type of view is paid for in WebAssembly.
pub fn line(page: Page, group: &[Entry]) -> Option<impl IntoView + use<>> {
    let (newest, oldest) = (group.first()?, group.last()?);
    let (me, seen, traces) = page.peek(|state| (state.me.clone(), state.seen, state.traces));
    let (who, name) = match newest.actor_id == me.user_id {
        true => ("You", me.name),
        // Its time in the trash was over.
        false if newest.event_type == EventType::TaskPurged => ("Todo Evolution", String::new()),
        false => ("Someone", String::new()),
    };
    let class = match (oldest.seq > seen, newest.seq > seen) {
        (true, _) => "line is-fresh",
        (_, true) => "line is-longer",
        _ => "line",
    };
    let clock = page.clock();
    let is_one = group.len() == 1;
    let trace = (is_one && traces).then(|| {
        let href = ["/trace/", &newest.seq.to_string()].concat();
        view! { " " <a class="trace" href=href target="_blank" rel="noreferrer">"Trace"</a> }
    });
    let text = newest.changes.description.as_ref().filter(|_| is_one);
    let text = text.map(|change| {
        let text = html::changed(change, html::CONTEXT);
        view! { <p class="text" inner_html=text></p> }
    });
    let several = (!is_one).then(|| {
        let (count, changes) = (group.len().to_string(), html::changes(group, clock, traces));
        view! {
            <details class="changes">
                <summary>{count} " changes"</summary>
                <ol inner_html=changes></ol>
            </details>
        }
    });
    Some(view! {
        <li class=class>
            <time class="when" datetime=time::machine(newest.at)>{clock.time(newest.at)}</time>
            <Initials user_id=newest.actor_id.clone() name/>
            <div class="said">
                <p>
                    {who} " " <strong class="verb">{verbs(group)}</strong> " "
                    {about(page, newest, is_one)} {trace}
                </p>
                {text}
                {several}
            </div>
        </li>
    })
}

/// The task's name, a link as long as there is something to open; with before and after, if that is
/// told here.
fn about(page: Page, entry: &Entry, with_change: bool) -> impl IntoView + use<> {
    let task_id = entry.task_id;
    let href = move || {
        let task_id = task_id
            .filter(|id| page.see(Part::Tasks, |state| state.tasks.binary_search(id).is_ok()))?;
        Some(Place::Task(task_id).path())
    };
    let name = match entry.changes.title.as_ref().filter(|_| with_change) {
        Some(change) => html::changed(change, usize::MAX),
        None => html::escaped(&entry.title),
    };
    let class = match entry.event_type {
        EventType::TaskDeleted | EventType::TaskPurged => "about is-gone",
        _ => "about",
    };
    task_id.map(|_| view! { <a class=class href=href inner_html=name></a> })
}
