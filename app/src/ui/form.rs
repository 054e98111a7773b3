//! Forms that work before the WebAssembly has come.

use crate::error::Error;
use crate::id::{CommandId, TaskId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A form that was sent without JavaScript and refused. The server shows the page it came from
/// once more, with the refusal's status and with this, so that nothing typed is lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// The form's `action`, such as "/api/tasks".
    pub action: String,
    /// What was typed, but for passwords.
    pub values: Vec<(String, String)>,
    pub error: Error,
}

impl Submitted {
    /// What was typed into the field `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a form sends beside its fields: the task, and the name of the command. The browser names
/// every command anew; this name is for the form that is sent without it.
pub fn hidden(task_id: Option<TaskId>) -> impl IntoView {
    let task_id = task_id.map(|task_id| {
        view! { <input type="hidden" name="task_id" value=task_id.to_string()/> }
    });
    view! {
        {task_id}
        <input type="hidden" name="command_id" value=CommandId::new().to_string()/>
    }
}

/// A labelled field of a form on a page of its own, with its refusal beside it.
#[component]
pub fn Field(
    name: &'static str,
    label: &'static str,
    #[prop(default = "text")] kind: &'static str,
    autocomplete: &'static str,
    /// What is expected, said before anything is wrong.
    #[prop(optional, into)]
    hint: String,
    /// What stands in it at first.
    #[prop(optional, into)]
    value: Option<String>,
    /// The form when it was refused.
    submitted: Option<Submitted>,
    #[prop(optional)] autofocus: bool,
) -> impl IntoView {
    let value = submitted
        .as_ref()
        .and_then(|form| form.value(name))
        .map(str::to_owned)
        .or(value);
    let refusal = submitted
        .filter(|form| form.error.field.as_deref() == Some(name))
        .map(|form| form.error.detail);
    let note_id = format!("{name}-note");
    let is_refused = refusal.is_some();
    let has_note = is_refused || !hint.is_empty();
    let autofocus = autofocus || is_refused;
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=kind
                autocomplete=autocomplete
                autocapitalize=(kind == "email").then_some("none")
                required
                value=value
                autofocus=autofocus
                aria-invalid=is_refused.then_some("true")
                aria-describedby=has_note.then(|| note_id.clone())
            />
            {has_note.then(|| view! {
                <p id=note_id class=if is_refused { "refusal" } else { "hint" }>
                    {refusal.unwrap_or(hint)}
                </p>
            })}
        </div>
    }
}
