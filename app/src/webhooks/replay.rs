//! History, queued again because somebody asked for it, under the ids it had before. A little at a
//! time, so that a long history keeps nobody from the database; a crash in between loses nothing.

use super::{CHOICES, Endpoint, Message, queries};
use crate::db::Tx;
use crate::deliveries::{New, commands};
use crate::event::Event;
use crate::id::Seq;
use crate::outbox;
use sqlx::AssertSqlSafe;

/// Events in one transaction.
const STEP: i64 = 200;

/// Whether there is something to do.
pub async fn any(pool: &sqlx::AnyPool) -> Result<bool, sqlx::Error> {
    let found: Option<String> = sqlx::query_scalar(
        "select endpoint_id from endpoints where replay_seq is not null limit 1",
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.is_some())
}

/// The next few events of one endpoint; `false` if none is waiting for them.
pub async fn step(tx: &mut Tx) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "select endpoint_id from endpoints where replay_seq is not null limit 1{}",
        tx.for_update_skip_locked()
    );
    let id: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_optional(&mut **tx)
        .await?;
    let Some(id) = id else { return Ok(false) };
    let Some(endpoint) = queries::by_id(tx, &id).await? else {
        return Ok(false);
    };
    let Some((done, to)) = endpoint.replay else {
        return Ok(false);
    };
    let events = match outbox::after(tx, &endpoint.user_id, Seq(done), STEP).await {
        Ok(events) => events,
        // One that cannot be read cannot be sent.
        Err(error) if outbox::unreadable(&error).is_some() => {
            put(tx, &id, (done < to).then_some(done + 1)).await?;
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let mut last = to;
    for event in events.iter().filter(|event| event.seq.0 <= to) {
        again(tx, &endpoint, event).await?;
        last = event.seq.0;
    }
    let more = !events.is_empty() && last < to;
    put(tx, &id, more.then_some(last)).await?;
    Ok(true)
}

async fn again(tx: &mut Tx, endpoint: &Endpoint, event: &Event) -> Result<(), sqlx::Error> {
    let event_type = event.envelope.event_type;
    if !CHOICES.contains(&event_type) || !endpoint.types.contains(&event_type) {
        return Ok(());
    }
    let new = New::of(
        event,
        endpoint.kind.as_str(),
        &endpoint.id,
        &Message::of(event),
    );
    commands::queue_again(tx, &new).await
}

/// How far it is; `None`: through.
async fn put(tx: &mut Tx, id: &str, done: Option<i64>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update endpoints set replay_seq = $2, \
         replay_to = case when $3 = 1 then replay_to else null end where endpoint_id = $1",
    )
    .bind(id)
    .bind(done)
    .bind(i64::from(done.is_some()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
