//! The page one keeps open: the list, the feed beside it, and the ways between them.

use super::{Page, Part, Place, source};
use crate::activity::view::activity;
use crate::tasks::view::tasks;
use crate::ui::{Bar, Rail};
use leptos::prelude::*;

/// The whole page is one island: all of it lives on the same state.
#[island]
pub fn Home() -> impl IntoView {
    let page = Page::new(source::snapshot());
    source::awake(page);
    view! {
        <div class=move || frame(page)>
            <a class="skip" href="#tasks">"Skip to the tasks"</a>
            {move || ways(page)}
            <main class="list-column" id="tasks" tabindex="-1">
                {tasks(page)}
            </main>
            {activity(page)}
            <div class="undos" role="status">{move || undo(page)}</div>
            <p class="unseen" role="status">
                {move || page.see(Part::Said, |state| state.said.clone())}
            </p>
        </div>
    }
}

/// The way back from a deletion, for a moment.
fn undo(page: Page) -> Option<impl IntoView> {
    let words = match page.see(Part::Undo, |state| state.undo.len()) {
        0 => return None,
        1 => "Task deleted.".to_owned(),
        count => format!("{count} tasks deleted."),
    };
    Some(view! {
        <p class="undo">
            {words} " " <button class="link" type="button" data-does="undo">"Undo"</button>
        </p>
    })
}

/// What is in front where there is not room for all.
fn frame(page: Page) -> &'static str {
    match page.see(Part::Place, |state| state.place) {
        Place::Feed => "frame shows-feed",
        Place::Tasks | Place::Task(_) => "frame shows-tasks",
    }
}

fn ways(page: Page) -> impl IntoView {
    let (me, place) = page.see(Part::Place, |state| (state.me.clone(), state.place));
    let here = match place {
        Place::Feed => "/feed",
        Place::Tasks | Place::Task(_) => "/",
    };
    view! { <Rail me here/> <Bar here/> }
}
