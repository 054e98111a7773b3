//! Public endpoints of the page. The board's undo is `tasks::api::restore_task`.

use super::commands;
use crate::accounts::session;
use crate::error::Error;
use crate::id::TaskId;
use leptos::prelude::*;

/// Named in one request.
const MOST: usize = 100;

/// Brings these back. Errors: `NotFound` if one is not there, and then none is.
#[server(prefix = "/api", endpoint = "trash/restore")]
pub async fn restore_tasks(#[server(default)] task_ids: Vec<i64>) -> Result<(), Error> {
    let task_ids = chosen(task_ids)?;
    let (state, cause) = session::cause(None).await?;
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                for task_id in task_ids {
                    commands::restore(tx, &cause, task_id).await?;
                }
                Ok(())
            })
        })
        .await?;
    leptos_axum::redirect("/trash");
    Ok(())
}

/// Deletes these for good. Errors: `NotFound` if one is not there, and then none is.
#[server(prefix = "/api", endpoint = "trash/purge")]
pub async fn purge_tasks(#[server(default)] task_ids: Vec<i64>) -> Result<(), Error> {
    let task_ids = chosen(task_ids)?;
    let (state, cause) = session::cause(None).await?;
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                for task_id in task_ids {
                    commands::purge(tx, &cause, task_id).await?;
                }
                Ok(())
            })
        })
        .await?;
    leptos_axum::redirect("/trash");
    Ok(())
}

/// Deletes all of one's own that is there for good.
#[server(prefix = "/api", endpoint = "trash/empty")]
pub async fn empty_trash() -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    commands::empty(&state.db, &cause).await?;
    leptos_axum::redirect("/trash");
    Ok(())
}

fn chosen(task_ids: Vec<i64>) -> Result<Vec<TaskId>, Error> {
    let sentence = match task_ids.len() {
        0 => "Choose at least one task.",
        n if n > MOST => "Choose at most 100 tasks at a time.",
        _ => return Ok(task_ids.into_iter().map(TaskId).collect()),
    };
    Err(Error::invalid("task_ids", sentence))
}
