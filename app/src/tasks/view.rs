//! The list: adding a task, the open ones, the done ones.

use super::api::CreateTask;
use crate::activity::view::mark;
use crate::home::{Item, Line, Page, Part, Place, State, Trouble, list};
use crate::live::Status;
use crate::ui::{Icon, hidden};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The column of tasks.
pub fn tasks(page: Page) -> impl IntoView {
    let open = move || page.see(Part::Rows, |state| state.open.len());
    let done = move || page.see(Part::Rows, |state| state.done.len());
    view! {
        <header class="head">
            <h1>"Tasks"</h1>
            <p class="count">{move || count(open())}</p>
            {mark(page)}
            <a class="seeks" href="/search" aria-label="Search">{Icon::Search.view()}</a>
        </header>
        {move || troubles(page)}
        {list(page, "strays", Box::new(move || {
            page.see(Part::Strays, |state| state.strays.iter().cloned().map(Item::Stray).collect())
        }))}
        {move || quick_add(page)}
        {list(page, "rows", rows(page, |state| &state.open))}
        {move || empty(open(), done())}
        <details
            class=move || if done() == 0 { "done none" } else { "done" }
            open=page.peek(is_unfolded)
        >
            <summary>
                {Icon::Chevron.view()} "Done"
                <span class="count">{move || done().to_string()}</span>
            </summary>
            {list(page, "rows", rows(page, |state| &state.done))}
        </details>
    }
}

fn rows(page: Page, of: fn(&State) -> &Vec<Line>) -> Box<dyn Fn() -> Vec<Item> + Send> {
    Box::new(move || {
        page.see(Part::Rows, |state| {
            of(state).iter().cloned().map(Item::Row).collect()
        })
    })
}

/// The done ones are folded away, unless the page is about one of them.
fn is_unfolded(state: &State) -> bool {
    let is_open = |line| {
        state
            .shown(line)
            .is_some_and(|shown| shown.editing.is_some())
    };
    matches!(state.place, Place::Task(_)) && state.done.iter().any(is_open)
}

fn empty(open: usize, done: usize) -> Option<impl IntoView> {
    let words = match (open, done) {
        (0, 0) => {
            "Nothing here yet. Write down the first thing that comes to mind, and press Enter."
        }
        (0, _) => "All done. Add what comes next.",
        _ => return None,
    };
    Some(view! { <p class="empty">{words}</p> })
}

/// A field and Enter.
fn quick_add(page: Page) -> impl IntoView {
    let (form, refusal) = page.see(Part::Add, |state| {
        let form = state.submitted.as_ref();
        let form = form.filter(|form| form.action == CreateTask::PATH).cloned();
        (form, state.refusal.clone())
    });
    let typed = form.as_ref().and_then(|form| form.value("title"));
    let typed = typed.map(str::to_owned);
    let refusal = refusal.or(form.map(|form| form.error.detail));
    let refused = refusal.is_some();
    view! {
        <form
            class=if refused { "add is-refused" } else { "add" }
            method="post"
            action=CreateTask::PATH
        >
            <label class="unseen" for="new-task">"New task"</label>
            <span class="add-icon">{Icon::Add.view()}</span>
            <input
                id="new-task"
                name="title"
                value=typed
                placeholder="Add a task"
                autocomplete="off"
                enterkeyhint="done"
                autofocus=refused
                aria-invalid=refused.then_some("true")
                aria-describedby=refused.then_some("new-task-note")
            />
            {hidden(None)}
            <kbd class="key" aria-hidden="true">"q"</kbd>
            <button class="button quiet" type="submit">"Add"</button>
            {refusal.map(|refusal| view! {
                <p class="refusal" id="new-task-note">{refusal}</p>
            })}
        </form>
    }
}

/// What concerns the whole page.
fn troubles(page: Page) -> impl IntoView {
    let ended = page.see(Part::Mark, |state| state.status) == Status::Ended;
    let notice = page.see(Part::Notice, |state| state.notice.clone());
    let ended = ended.then(|| {
        view! {
            <p class="notice">
                "Your session has ended. What you see is as it was. "
                <a href="/login">"Log in again"</a>
            </p>
        }
    });
    let notice = notice.map(|text| notice_line(text, String::new()));
    view! { {ended} {notice} }
}

/// Why a change of a task that is gone was refused.
pub fn stray(trouble: Trouble) -> impl IntoView {
    let command = trouble.command_id.to_string();
    view! { <li>{notice_line(trouble.error.detail, command)}</li> }
}

fn notice_line(text: String, command: String) -> impl IntoView {
    view! {
        <p class="notice">
            {text} " "
            <button class="link" type="button" data-does="forget" data-command=command>
                "Dismiss"
            </button>
        </p>
    }
}

fn count(open: usize) -> String {
    match open {
        0 => String::new(),
        open => format!("{open} open"),
    }
}
