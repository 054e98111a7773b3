//! One function, one transaction: check, change the state, append the event.
//!
//! Each answers with the event it appended, or `None` if nothing had to change. A command that was
//! carried out already (same [`Cause::command_id`]) answers with its event and changes nothing.

use super::Task;
use super::queries;
use crate::db::{Tx, to_micros};
use crate::error::Error;
use crate::event::{
    Change, Changes, Event, EventData, TaskCompleted, TaskCreated, TaskDeleted, TaskReopened,
    TaskUpdated,
};
use crate::id::TaskId;
use crate::outbox::{self, Cause, append, moment};
use crate::trash;

/// Errors: `Invalid` title, `TooLarge` description.
pub async fn create(
    tx: &mut Tx,
    cause: &Cause,
    title: &str,
    description: &str,
) -> Result<Option<Event>, Error> {
    let (title, description) = (super::title(title)?, super::description(description)?);
    outbox::lock_stream(tx, &cause.actor_id).await?;
    if let Some(done) = outbox::carried_out(tx, cause).await? {
        return Ok(Some(done));
    }
    let created_at = crate::db::now();
    let task_id: i64 = sqlx::query_scalar(
        "insert into tasks (user_id, title, description, created_at, updated_at) \
         values ($1, $2, $3, $4, $4) returning task_id",
    )
    .bind(&cause.actor_id.0)
    .bind(&title)
    .bind(&description)
    .bind(to_micros(created_at))
    .fetch_one(&mut **tx)
    .await?;
    let data = TaskCreated {
        task_id: TaskId(task_id),
        user_id: cause.actor_id.clone(),
        title,
        description,
        completed: false,
        created_at,
    };
    append(tx, cause, EventData::TaskCreated(data))
        .await
        .map(Some)
}

/// Sets title and description; `None` leaves a field as it is. Errors: as [`create`], `NotFound`.
pub async fn edit(
    tx: &mut Tx,
    cause: &Cause,
    task_id: TaskId,
    title: Option<&str>,
    description: Option<&str>,
) -> Result<Option<Event>, Error> {
    let title = title.map(super::title).transpose()?;
    let description = description.map(super::description).transpose()?;
    let task = match begin(tx, cause, task_id).await? {
        Begun::Task(task) => task,
        Begun::Done(event) => return Ok(Some(event)),
    };
    let changes = Changes {
        title: title.and_then(|new| Change::between(&task.title, &new)),
        description: description.and_then(|new| Change::between(&task.description, &new)),
    };
    if changes.is_empty() {
        return Ok(None);
    }
    let updated_at = moment(task.updated_at);
    let mut changed = task;
    changed.change(&changes);
    sqlx::query(
        "update tasks set title = $2, description = $3, updated_at = $4 where task_id = $1",
    )
    .bind(task_id.0)
    .bind(&changed.title)
    .bind(&changed.description)
    .bind(to_micros(updated_at))
    .execute(&mut **tx)
    .await?;
    let data = TaskUpdated {
        task_id,
        user_id: cause.actor_id.clone(),
        changes,
        updated_at,
    };
    append(tx, cause, EventData::TaskUpdated(data))
        .await
        .map(Some)
}

/// Errors: `NotFound`.
pub async fn complete(tx: &mut Tx, cause: &Cause, task_id: TaskId) -> Result<Option<Event>, Error> {
    let task = match begin(tx, cause, task_id).await? {
        Begun::Task(task) => task,
        Begun::Done(event) => return Ok(Some(event)),
    };
    if task.completed_at.is_some() {
        return Ok(None);
    }
    let completed_at = moment(task.updated_at);
    sqlx::query("update tasks set completed_at = $2, updated_at = $2 where task_id = $1")
        .bind(task_id.0)
        .bind(to_micros(completed_at))
        .execute(&mut **tx)
        .await?;
    let data = TaskCompleted {
        task_id,
        user_id: cause.actor_id.clone(),
        title: task.title,
        completed_at,
        duration_minutes: (completed_at - task.created_at).num_minutes(),
    };
    append(tx, cause, EventData::TaskCompleted(data))
        .await
        .map(Some)
}

/// Errors: `NotFound`.
pub async fn reopen(tx: &mut Tx, cause: &Cause, task_id: TaskId) -> Result<Option<Event>, Error> {
    let task = match begin(tx, cause, task_id).await? {
        Begun::Task(task) => task,
        Begun::Done(event) => return Ok(Some(event)),
    };
    if task.completed_at.is_none() {
        return Ok(None);
    }
    let reopened_at = moment(task.updated_at);
    sqlx::query("update tasks set completed_at = null, updated_at = $2 where task_id = $1")
        .bind(task_id.0)
        .bind(to_micros(reopened_at))
        .execute(&mut **tx)
        .await?;
    let data = TaskReopened {
        task_id,
        user_id: cause.actor_id.clone(),
        title: task.title,
        reopened_at,
    };
    append(tx, cause, EventData::TaskReopened(data))
        .await
        .map(Some)
}

/// Into the trash. Errors: `NotFound`.
pub async fn delete(tx: &mut Tx, cause: &Cause, task_id: TaskId) -> Result<Option<Event>, Error> {
    let task = match begin(tx, cause, task_id).await? {
        Begun::Task(task) => task,
        Begun::Done(event) => return Ok(Some(event)),
    };
    sqlx::query("delete from tasks where task_id = $1")
        .bind(task_id.0)
        .execute(&mut **tx)
        .await?;
    let deleted_at = moment(task.updated_at);
    let data = TaskDeleted {
        task_id,
        user_id: cause.actor_id.clone(),
        title: task.title.clone(),
        deleted_at,
        reason: "user_requested".into(),
    };
    let event = append(tx, cause, EventData::TaskDeleted(data)).await?;
    trash::commands::keep(tx, &cause.actor_id, &task, deleted_at, event.seq).await?;
    Ok(Some(event))
}

enum Begun {
    /// The task as it is, nobody else changing it until the commit.
    Task(Task),
    /// This command was carried out before.
    Done(Event),
}

/// How every command on an existing task begins. Another person's task is not found.
async fn begin(tx: &mut Tx, cause: &Cause, task_id: TaskId) -> Result<Begun, Error> {
    outbox::lock_stream(tx, &cause.actor_id).await?;
    if let Some(event) = outbox::carried_out(tx, cause).await? {
        return Ok(Begun::Done(event));
    }
    queries::one(tx, &cause.actor_id, task_id)
        .await?
        .map(Begun::Task)
        .ok_or_else(Error::task_not_found)
}
