//! The ways to the parts of the page: a rail at the side, a bar at the foot of a small screen.

use super::{Icon, Initials};
use crate::accounts::Me;
use leptos::prelude::*;

/// The rail. `here` is the path of the part in front.
#[component]
pub fn Rail(me: Me, here: &'static str) -> impl IntoView {
    // A second click closes the panel that the first has opened.
    let feed = if here == "/feed" { "/" } else { "/feed" };
    view! {
        <nav class="rail" aria-label="Main">
            <Wordmark/>
            <a class="way" href="/" aria-current=current(here, "/")>
                {Icon::Tasks.view()} <span class="word">"Tasks"</span>
            </a>
            <a class="way" href="/search" aria-current=current(here, "/search")>
                {Icon::Search.view()} <span class="word">"Search"</span>
            </a>
            <a class="way way-feed" href=feed aria-current=current(here, "/feed")>
                {Icon::Feed.view()} <span class="word">"Feed"</span>
            </a>
            <a class="way" href="/stats" aria-current=current(here, "/stats")>
                {Icon::Stats.view()} <span class="word">"Stats"</span>
            </a>
            <a class="way" href="/trash" aria-current=current(here, "/trash")>
                {Icon::Trash.view()} <span class="word">"Trash"</span>
            </a>
            <a class="way way-you" href="/you" aria-current=current(here, "/you")>
                <Initials user_id=me.user_id name=me.name.clone()/>
                <span class="word">{me.name}</span>
            </a>
        </nav>
    }
}

fn current(here: &'static str, path: &'static str) -> Option<&'static str> {
    (here == path).then_some("page")
}

/// The product's name, with its mark.
#[component]
pub fn Wordmark() -> impl IntoView {
    view! {
        <a class="wordmark" href="/" aria-label="Todo Evolution">
            {Icon::Mark.view()} <span class="word">"Todo Evolution"</span>
        </a>
    }
}

/// The bar at the foot.
#[component]
pub fn Bar(here: &'static str) -> impl IntoView {
    view! {
        <nav class="bar" aria-label="Main, at the foot">
            <a href="/" aria-current=current(here, "/")>
                {Icon::Tasks.view()} "Tasks"
            </a>
            <a href="/feed" aria-current=current(here, "/feed")>
                {Icon::Feed.view()} "Feed"
            </a>
            <a href="/#new-task">
                {Icon::Add.view()} "Add"
            </a>
            <a href="/you" aria-current=current(here, "/you")>
                {Icon::Person.view()} "You"
            </a>
        </nav>
    }
}
