//! Into the trash, back, and out of it for good. One function, one transaction; only [`empty`] takes
//! as many as it needs, so that nobody waits long for a lock.

use super::{Trashed, queries};
use crate::db::{Db, Tx, to_micros};
use crate::error::{Error, Kind};
use crate::event::{Event, EventData, TaskPurged, TaskRestored, Timestamp};
use crate::id::{Seq, TaskId, UserId};
use crate::outbox::{self, Cause, append, moment};
use crate::system::commands::STREAM;
use crate::tasks::Task;

/// Purged in one transaction.
const BATCH: i64 = 50;

/// Why a task was purged: the person wanted it, or its time was over.
pub const WANTED: &str = "user_requested";
pub const EXPIRED: &str = "expired";

/// Keeps a task that was just deleted by event `seq`.
pub async fn keep(
    tx: &mut Tx,
    user_id: &UserId,
    task: &Task,
    deleted_at: Timestamp,
    seq: Seq,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into trash (task_id, user_id, title, description, created_at, updated_at, \
         completed_at, deleted_at, seq) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(task.task_id.0)
    .bind(&user_id.0)
    .bind(&task.title)
    .bind(&task.description)
    .bind(to_micros(task.created_at))
    .bind(to_micros(task.updated_at))
    .bind(task.completed_at.map(to_micros))
    .bind(to_micros(deleted_at))
    .bind(seq.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Brings a task back as it was; `None` if it is there already. Errors: `NotFound`.
pub async fn restore(tx: &mut Tx, cause: &Cause, task_id: TaskId) -> Result<Option<Event>, Error> {
    let user_id = &cause.actor_id;
    outbox::lock_stream(tx, user_id).await?;
    if let Some(event) = outbox::carried_out(tx, cause).await? {
        return Ok(Some(event));
    }
    let Some(Trashed {
        task, deleted_at, ..
    }) = take(tx, user_id, task_id).await?
    else {
        let there = crate::tasks::queries::one(tx, user_id, task_id).await?;
        return there.map(|_| None).ok_or_else(not_found);
    };
    let restored_at = moment(deleted_at);
    sqlx::query(
        "insert into tasks (task_id, user_id, title, description, created_at, updated_at, \
         completed_at) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(task_id.0)
    .bind(&user_id.0)
    .bind(&task.title)
    .bind(&task.description)
    .bind(to_micros(task.created_at))
    .bind(to_micros(restored_at))
    .bind(task.completed_at.map(to_micros))
    .execute(&mut **tx)
    .await?;
    let data = TaskRestored {
        task_id,
        user_id: user_id.clone(),
        title: task.title,
        description: task.description,
        created_at: task.created_at,
        completed_at: task.completed_at,
        restored_at,
    };
    append(tx, cause, EventData::TaskRestored(data))
        .await
        .map(Some)
}

/// Deletes a task for good. Errors: `NotFound` if it is not in the trash.
pub async fn purge(tx: &mut Tx, cause: &Cause, task_id: TaskId) -> Result<Option<Event>, Error> {
    outbox::lock_stream(tx, &cause.actor_id).await?;
    if let Some(event) = outbox::carried_out(tx, cause).await? {
        return Ok(Some(event));
    }
    let trashed = take(tx, &cause.actor_id, task_id).await?;
    let trashed = trashed.ok_or_else(not_found)?;
    tell(tx, cause, &cause.actor_id, trashed, WANTED)
        .await
        .map(Some)
}

/// Everything that a person has in the trash now, for good; how much.
pub async fn empty(db: &Db, cause: &Cause) -> Result<usize, Error> {
    let mut purged = 0;
    loop {
        let cause = cause.clone();
        let batch = db
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    outbox::lock_stream(tx, &cause.actor_id).await?;
                    let ids = queries::some(tx, &cause.actor_id, BATCH).await?;
                    for task_id in &ids {
                        purge(tx, &cause, *task_id).await?;
                    }
                    Ok(ids.len())
                })
            })
            .await?;
        purged += batch;
        if batch < BATCH as usize {
            return Ok(purged);
        }
    }
}

/// For good what somebody deleted before `before`: a batch of one person's; how much, 0 if there is
/// nothing of anybody's. Any number of processes may call it at the same time.
pub async fn expire(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    let Some(user_id) = &queries::due(tx, before).await? else {
        return Ok(0);
    };
    // Nobody restores one of them meanwhile.
    outbox::lock_stream(tx, user_id).await?;
    let ids: Vec<i64> = sqlx::query_scalar(
        "select task_id from trash where user_id = $1 and deleted_at < $2 order by seq limit $3",
    )
    .bind(&user_id.0)
    .bind(to_micros(before))
    .bind(BATCH)
    .fetch_all(&mut **tx)
    .await?;
    let cause = Cause::unasked(STREAM);
    for task_id in &ids {
        if let Some(trashed) = take(tx, user_id, TaskId(*task_id)).await? {
            tell(tx, &cause, user_id, trashed, EXPIRED).await?;
        }
    }
    Ok(ids.len() as u64)
}

async fn tell(
    tx: &mut Tx,
    cause: &Cause,
    user_id: &UserId,
    trashed: Trashed,
    reason: &str,
) -> Result<Event, Error> {
    let data = TaskPurged {
        task_id: trashed.task.task_id,
        user_id: user_id.clone(),
        title: trashed.task.title,
        purged_at: moment(trashed.deleted_at),
        reason: reason.into(),
    };
    append(tx, cause, EventData::TaskPurged(data)).await
}

/// Out of the trash, if it is there and theirs.
async fn take(
    tx: &mut Tx,
    user_id: &UserId,
    task_id: TaskId,
) -> Result<Option<Trashed>, sqlx::Error> {
    sqlx::query_as(
        "delete from trash where task_id = $1 and user_id = $2 returning \
         task_id, title, description, created_at, updated_at, completed_at, deleted_at, seq",
    )
    .bind(task_id.0)
    .bind(&user_id.0)
    .fetch_optional(&mut **tx)
    .await
}

fn not_found() -> Error {
    Error::new(
        Kind::NotFound,
        "This task is not in the trash any more: it was restored or deleted for good.",
    )
}
