//! A task, open for editing in its place in the list.

use super::Task;
use super::api::{DeleteTask, EditTask};
use crate::home::{Editing, Page, Row};
use crate::ui::{hidden, time};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// Title and description. What was typed stays, whatever happens to the task meanwhile: the fields
/// begin with what `editing` says, and that stays the same.
pub fn editor(page: Page, row: &Row, editing: &Editing) -> impl IntoView + use<> {
    let task_id = row.task.task_id;
    let made = row.task.created_at;
    let refusal = editing.refusal.as_ref();
    let refused = |name: &str| {
        let error = refusal.filter(|error| error.field.as_deref().unwrap_or("title") == name);
        error.map(|error| error.detail.clone())
    };
    let (bad_title, bad_description) = (refused("title"), refused("description"));
    let meanwhile = meanwhile(&row.task, &editing.base);
    view! {
        <div class="editor">
            <form id="edit" method="post" action=EditTask::PATH>
                {hidden(Some(task_id))}
                <label class="unseen" for="edit-title">"Title"</label>
                <input
                    class="edit-title"
                    id="edit-title"
                    name="title"
                    value=editing.title.clone()
                    autocomplete="off"
                    enterkeyhint="done"
                    aria-invalid=bad_title.is_some().then_some("true")
                    aria-describedby=bad_title.is_some().then_some("edit-title-note")
                />
                {bad_title.map(|text| view! { <p class="refusal" id="edit-title-note">{text}</p> })}
                <label class="unseen" for="edit-description">"Description"</label>
                <textarea
                    id="edit-description"
                    name="description"
                    rows="4"
                    placeholder="Description"
                    aria-invalid=bad_description.is_some().then_some("true")
                    aria-describedby=bad_description.is_some().then_some("edit-description-note")
                >
                    {editing.description.clone()}
                </textarea>
                {bad_description.map(|text| view! {
                    <p class="refusal" id="edit-description-note">{text}</p>
                })}
                {meanwhile.map(|text| view! {
                    <p class="meanwhile" role="status">
                        {text} " What you typed is kept; saving replaces only what you changed."
                    </p>
                })}
            </form>
            <div class="editor-foot">
                <button class="button" form="edit" type="submit">"Save"</button>
                <a class="button quiet" href="/">"Cancel"</a>
                <p class="made">
                    "Added "
                    <time datetime=time::machine(made)>{page.clock().moment(made)}</time>
                </p>
                <form method="post" action=DeleteTask::PATH>
                    {hidden(Some(task_id))}
                    <button class="button quiet danger">"Delete"</button>
                </form>
            </div>
        </div>
    }
}

/// What is another now than when the editing began.
fn meanwhile(task: &Task, base: &Task) -> Option<String> {
    if task.title != base.title {
        Some(format!(
            "Changed meanwhile. Its title is now “{}”.",
            task.title
        ))
    } else if task.description != base.description {
        Some("Changed meanwhile. Its description is another now.".into())
    } else {
        None
    }
}
