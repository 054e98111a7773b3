//! One task in the list.

use super::api::{CompleteTask, ReopenTask};
use super::editor::editor;
use crate::home::{Page, Place, Shown, Trouble};
use crate::ui::{Icon, hidden, time};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// Check, title, what else there is to say; the editor when it is open; what went wrong.
///
/// Made anew whenever something of it changes, which changes nothing but what is different: the
/// elements stay, and with them the focus and what is being typed.
pub fn row_view(page: Page, shown: &Shown) -> impl IntoView + use<> {
    let (row, task) = (&shown.row, &shown.row.task);
    let is_done = row.is_done();
    let task_id = (!row.is_new()).then_some(task.task_id);
    let note = first_line(&task.description);
    view! {
        <li class=class(shown) id=task_id.map(|id| format!("task-{id}"))>
            <form
                class="check-form"
                method="post"
                action=if is_done { ReopenTask::PATH } else { CompleteTask::PATH }
            >
                {hidden(Some(task.task_id))}
                <button
                    class="check"
                    role="checkbox"
                    aria-checked=if is_done { "true" } else { "false" }
                    aria-label=task.title.clone()
                >
                    <span class="circle">{Icon::Check.view()}</span>
                </button>
            </form>
            <a
                class="title"
                id=task_id.map(|id| format!("title-{id}"))
                href=task_id.map(|id| Place::Task(id).path())
            >
                <span class="name">{task.title.clone()}</span>
                {(!note.is_empty()).then(|| view! { <span class="note">{note}</span> })}
            </a>
            {task.completed_at.map(|at| view! {
                <time class="when" datetime=time::machine(at)>{page.clock().moment(at)}</time>
            })}
            {shown.editing.as_ref().map(|editing| editor(page, row, editing))}
            {row.trouble.clone().map(trouble_line)}
        </li>
    }
}

/// Why it did not happen, and what one can do.
fn trouble_line(trouble: Trouble) -> impl IntoView {
    let (class, words) = match trouble.waits {
        true => (
            "trouble waits",
            "Not sent yet: the server cannot be reached. It is sent by itself as soon as it can."
                .to_owned(),
        ),
        false => ("trouble", trouble.error.detail),
    };
    let command = trouble.command_id.to_string();
    view! {
        <p class=class>
            {words} " "
            <button class="link" type="button" data-does="retry" data-command=command.clone()>
                "Retry"
            </button>
            " "
            <button class="link" type="button" data-does="forget" data-command=command>
                "Dismiss"
            </button>
        </p>
    }
}

fn class(shown: &Shown) -> String {
    let mut class = String::from("task");
    for (is, name) in [
        (shown.row.is_done(), " is-done"),
        (shown.row.pending, " is-pending"),
        (shown.editing.is_some(), " is-open"),
        (shown.leaves, " leaves"),
    ] {
        if is {
            class.push_str(name);
        }
    }
    class
}

/// As much of a description as a row has room for.
fn first_line(description: &str) -> String {
    let mut lines = description.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(200).collect()
}
