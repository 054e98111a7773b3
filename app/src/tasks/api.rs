//! Public endpoints: who is it, then one command. All answer with the event, or null if nothing
//! had to change.

use crate::error::Error;
use crate::event::Event;
use crate::id::{CommandId, TaskId};
use leptos::prelude::*;

#[server(prefix = "/api", endpoint = "tasks")]
pub async fn create_task(
    title: String,
    #[server(default)] description: String,
    command_id: Option<CommandId>,
) -> Result<Option<Event>, Error> {
    let (state, cause) = crate::accounts::session::cause(command_id).await?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { super::commands::create(tx, &cause, &title, &description).await })
        })
        .await
}

/// Sets both; an empty description is none.
#[server(prefix = "/api", endpoint = "tasks/edit")]
pub async fn edit_task(
    task_id: TaskId,
    title: String,
    description: String,
    command_id: Option<CommandId>,
) -> Result<Option<Event>, Error> {
    let (state, cause) = crate::accounts::session::cause(command_id).await?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move {
                let (title, description) = (Some(title.as_str()), Some(description.as_str()));
                super::commands::edit(tx, &cause, task_id, title, description).await
            })
        })
        .await
}

#[server(prefix = "/api", endpoint = "tasks/complete")]
pub async fn complete_task(
    task_id: TaskId,
    command_id: Option<CommandId>,
) -> Result<Option<Event>, Error> {
    let (state, cause) = crate::accounts::session::cause(command_id).await?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { super::commands::complete(tx, &cause, task_id).await })
        })
        .await
}

#[server(prefix = "/api", endpoint = "tasks/reopen")]
pub async fn reopen_task(
    task_id: TaskId,
    command_id: Option<CommandId>,
) -> Result<Option<Event>, Error> {
    let (state, cause) = crate::accounts::session::cause(command_id).await?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { super::commands::reopen(tx, &cause, task_id).await })
        })
        .await
}

#[server(prefix = "/api", endpoint = "tasks/delete")]
pub async fn delete_task(
    task_id: TaskId,
    command_id: Option<CommandId>,
) -> Result<Option<Event>, Error> {
    let (state, cause) = crate::accounts::session::cause(command_id).await?;
    let event = state
        .db
        .write(move |tx| {
            Box::pin(async move { super::commands::delete(tx, &cause, task_id).await })
        })
        .await?;
    // The page a form was on may have been the task's own.
    leptos_axum::redirect("/");
    Ok(event)
}

/// Brings a deleted task back: the undo of [`delete_task`].
#[server(prefix = "/api", endpoint = "tasks/restore")]
pub async fn restore_task(
    task_id: TaskId,
    command_id: Option<CommandId>,
) -> Result<Option<Event>, Error> {
    let (state, cause) = crate::accounts::session::cause(command_id).await?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { crate::trash::commands::restore(tx, &cause, task_id).await })
        })
        .await
}
