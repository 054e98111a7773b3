//! The feed: a column of sentences, newest first, and above it how the connection is.

use super::Entry;
use super::diff::Diff;
use crate::event::{Change, EventType};
use crate::home::{Item, Page, Part, Place, State, list};
use crate::live::Status;
use crate::ui::{Icon, Initials, time};
use leptos::either::Either;
use leptos::prelude::*;

/// How much of a description stands around what was changed.
const CONTEXT: usize = 40;

/// The column of the feed.
pub fn activity(page: Page) -> impl IntoView {
    view! {
        <aside class="feed-column" aria-label="Feed">
            <div id="feed-top"></div>
            <header class="feed-head">
                <h2>"Feed"</h2>
                {mark(page)}
            </header>
            {move || above(page)}
            {list(page, "feed", Box::new(move || items(page)))}
            {move || below(page)}
        </aside>
    }
}

/// The way to what is newer.
fn above(page: Page) -> impl IntoView {
    let (fresh, is_old) = page.see(Part::Ends, |state| (state.fresh(), state.feed_is_old));
    let pill = (fresh != 0).then(|| pill(fresh, is_old));
    let newest = is_old.then(|| {
        view! { <p class="older"><a href="/feed">"Back to the newest"</a></p> }
    });
    view! { {pill} {newest} }
}

/// The way to what is older.
fn below(page: Page) -> impl IntoView {
    let (_, oldest, _, more) = page.see(Part::Ends, State::feed_ends);
    let older = oldest.filter(|_| more).map(|oldest| {
        let href = format!("/feed?before={oldest}");
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let empty = oldest.is_none().then(|| {
        view! { <p class="empty">"What happens to your tasks will be told here."</p> }
    });
    view! { {older} {empty} }
}

/// So many lines wait above.
fn pill(fresh: usize, feed_is_old: bool) -> impl IntoView {
    let words = format!("{fresh} new");
    match feed_is_old {
        true => Either::Left(view! {
            <a class="pill" href="/feed">{Icon::Up.view()} {words}</a>
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
    let clock = page.clock();
    for entry in page.see(Part::Feed, |state| state.feed().to_vec()) {
        let its_day = clock.wall(entry.at).day();
        // Clocks of servers may differ a little: a day has one heading.
        if day.is_none_or(|day| its_day < day) {
            day = Some(its_day);
            items.push(Item::Day(its_day));
        }
        items.push(Item::Entry(entry));
    }
    items
}

/// The heading of a day, in days since 1970.
pub fn day(page: Page, day: i64) -> impl IntoView {
    view! { <li class="day"><h3>{move || page.clock().day_name(day)}</h3></li> }
}

/// One sentence.
pub fn line(page: Page, entry: Entry) -> impl IntoView {
    let (me, seen, traces) = page.peek(|state| (state.me.clone(), state.seen, state.traces));
    let (who, name) = match entry.actor_id == me.user_id {
        true => ("You", me.name),
        false => ("Someone", String::new()),
    };
    let class = if entry.seq > seen {
        "line is-fresh"
    } else {
        "line"
    };
    let at = entry.at;
    let verb = verb(&entry);
    let description = entry.changes.description.clone();
    let trace = traces.then(|| {
        let href = format!("/trace/{}", entry.seq);
        view! { " " <a class="trace" href=href target="_blank" rel="noreferrer">"Trace"</a> }
    });
    view! {
        <li class=class>
            <time class="when" datetime=time::machine(at)>{move || page.clock().time(at)}</time>
            <Initials user_id=entry.actor_id.clone() name/>
            <div class="said">
                <p>{who} " " <strong class="verb">{verb}</strong> " " {about(page, entry)} {trace}</p>
                {description.map(|change| view! { <p class="text">{changed(&change, CONTEXT)}</p> })}
            </div>
        </li>
    }
}

/// The task's name, a link as long as there is something to open.
fn about(page: Page, entry: Entry) -> impl IntoView {
    let task_id = entry.task_id;
    let href = move || {
        let task_id = task_id
            .filter(|id| page.see(Part::Tasks, |state| state.tasks.binary_search(id).is_ok()))?;
        Some(Place::Task(task_id).path())
    };
    let name = match &entry.changes.title {
        Some(change) => Either::Left(changed(change, usize::MAX)),
        None => Either::Right(entry.title.clone()),
    };
    let class = match entry.event_type {
        EventType::TaskDeleted => "about is-gone",
        _ => "about",
    };
    task_id.map(|_| view! { <a class=class href=href>{name}</a> })
}

fn verb(entry: &Entry) -> &'static str {
    match entry.event_type {
        EventType::TaskCreated => "added",
        EventType::TaskUpdated if entry.changes.description.is_none() => "renamed",
        EventType::TaskUpdated => "edited",
        EventType::TaskCompleted => "completed",
        EventType::TaskReopened => "reopened",
        EventType::TaskDeleted => "deleted",
        EventType::UserRegistered => "joined",
        EventType::DeadLetterRedriven => "redrove a dead letter",
        EventType::DeadLetterDiscarded => "discarded a dead letter",
    }
}

/// Before and after: what is gone is struck, what came is underlined.
fn changed(change: &Change, context: usize) -> impl IntoView + use<> {
    let diff = Diff::between(&change.old, &change.new, context);
    let old = (!diff.old.is_empty()).then(|| view! { <del>{diff.old}</del> });
    let new = (!diff.new.is_empty()).then(|| view! { <ins>{diff.new}</ins> });
    let between = (old.is_some() && new.is_some()).then_some(" ");
    view! { {diff.before} {old} {between} {new} {diff.after} }
}
