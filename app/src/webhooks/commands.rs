//! One function, one transaction. Each locks the person's stream first, so that two windows of theirs,
//! and whoever sends, change an endpoint one after the other.

use super::{Endpoint, Jira, Kind, MOST, Message, not_found, queries, secret};
use crate::db::{Tx, from_micros, now, to_micros};
use crate::deliveries::{self, New};
use crate::error::{self, Error};
use crate::event::{EndpointChanged, EventData, EventType};
use crate::id::{EventId, UserId};
use crate::outbox::{self, Cause};
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

/// How often a person may change endpoints or have something sent, in how long.
const BOUNDS: (i64, TimeDelta) = (60, TimeDelta::minutes(10));

/// What a person says of a new endpoint; checked by whoever calls.
#[derive(Clone)]
pub struct Wish {
    pub kind: Kind,
    pub url: String,
    pub description: String,
    pub types: Vec<EventType>,
    pub secret: String,
    pub jira: Option<Jira>,
}

/// Adds one; its id. Errors: `Conflict` when there are too many.
pub async fn add(tx: &mut Tx, cause: &Cause, wish: &Wish) -> Result<String, Error> {
    let user_id = &cause.actor_id;
    outbox::lock_stream(tx, user_id).await?;
    let count: i64 = sqlx::query_scalar("select count(*) from endpoints where user_id = $1")
        .bind(&user_id.0)
        .fetch_one(&mut **tx)
        .await?;
    if count >= MOST {
        return Err(Error::new(
            error::Kind::Conflict,
            format!("You have {MOST} endpoints, which is the most there can be. Remove one first."),
        ));
    }
    let id = Endpoint::new_id();
    let jira = wish.jira.as_ref().map(serde_json::to_string);
    sqlx::query(
        "insert into endpoints \
         (endpoint_id, user_id, kind, url, description, secret, unseen, jira, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&id)
    .bind(&user_id.0)
    .bind(wish.kind.as_str())
    .bind(&wish.url)
    .bind(&wish.description)
    .bind(&wish.secret)
    .bind(i64::from(wish.kind == Kind::Webhook))
    .bind(
        jira.transpose()
            .map_err(|_| Error::internal())?
            .unwrap_or_default(),
    )
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    choose(tx, &id, &wish.types).await?;
    let endpoint = own(tx, cause, &id).await?;
    tell(tx, cause, &endpoint, "added").await?;
    Ok(id)
}

/// What its person did with it, as `endpoint.changed` says it.
async fn tell(tx: &mut Tx, cause: &Cause, endpoint: &Endpoint, change: &str) -> Result<(), Error> {
    let data = EndpointChanged {
        endpoint_id: endpoint.id.clone(),
        user_id: endpoint.user_id.clone(),
        name: endpoint.name().into(),
        change: change.into(),
        changed_at: outbox::moment(endpoint.created_at),
    };
    outbox::append(tx, cause, EventData::EndpointChanged(data)).await?;
    Ok(())
}

/// Has it sent these, from now on; what it had been sent before, as before.
async fn choose(tx: &mut Tx, id: &str, types: &[EventType]) -> Result<(), sqlx::Error> {
    for event_type in super::CHOICES {
        let query = match types.contains(event_type) {
            true => sqlx::query(
                "insert into endpoint_types (endpoint_id, event_type, since) values ($1, $2, $3) \
                 on conflict (endpoint_id, event_type) do nothing",
            )
            .bind(id)
            .bind(event_type.as_str())
            .bind(to_micros(now())),
            false => {
                sqlx::query("delete from endpoint_types where endpoint_id = $1 and event_type = $2")
                    .bind(id)
                    .bind(event_type.as_str())
            }
        };
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// One of the person's, locked until the commit. Errors: `NotFound`.
async fn own(tx: &mut Tx, cause: &Cause, id: &str) -> Result<Endpoint, Error> {
    outbox::lock_stream(tx, &cause.actor_id).await?;
    queries::endpoint(tx, &cause.actor_id, id)
        .await?
        .ok_or_else(not_found)
}

/// The same, if it is on. Errors: `NotFound`, `Conflict`.
async fn own_on(tx: &mut Tx, cause: &Cause, id: &str) -> Result<Endpoint, Error> {
    let endpoint = own(tx, cause, id).await?;
    match endpoint.disabled_at {
        None => Ok(endpoint),
        Some(_) => Err(Error::new(
            error::Kind::Conflict,
            "This endpoint is switched off. Switch it on first.",
        )),
    }
}

/// Errors: `NotFound`.
pub async fn edit(
    tx: &mut Tx,
    cause: &Cause,
    id: &str,
    description: &str,
    types: &[EventType],
) -> Result<(), Error> {
    let before = own(tx, cause, id).await?;
    sqlx::query("update endpoints set description = $2 where endpoint_id = $1")
        .bind(id)
        .bind(description)
        .execute(&mut **tx)
        .await?;
    choose(tx, id, types).await?;
    let endpoint = own(tx, cause, id).await?;
    match endpoint == before {
        true => Ok(()),
        false => tell(tx, cause, &endpoint, "edited").await,
    }
}

/// A new secret; the one before that somebody has seen signs too, for a day. Errors: `NotFound`, `Conflict` for a kind that
/// has none.
pub async fn rotate(tx: &mut Tx, cause: &Cause, id: &str) -> Result<(), Error> {
    let endpoint = own(tx, cause, id).await?;
    if endpoint.kind != Kind::Webhook {
        return Err(Error::new(
            error::Kind::Conflict,
            "Only webhooks are signed. Here there is no secret of ours.",
        ));
    }
    sqlx::query(
        "update endpoints set \
         old_secret = case when unseen = 1 then old_secret else secret end, \
         old_until = case when unseen = 1 then old_until else $2 end, \
         secret = $3, unseen = 1 where endpoint_id = $1",
    )
    .bind(id)
    .bind(to_micros(now() + secret::OVERLAP))
    .bind(secret::generate())
    .execute(&mut **tx)
    .await?;
    tell(tx, cause, &endpoint, "secret_rotated").await
}

/// Another API token, as they expire. Errors: `NotFound`, `Conflict` for a kind that has none.
pub async fn set_token(tx: &mut Tx, cause: &Cause, id: &str, token: &str) -> Result<(), Error> {
    let endpoint = own(tx, cause, id).await?;
    if endpoint.kind != Kind::Jira {
        return Err(Error::new(
            error::Kind::Conflict,
            "Only Jira is entered with a token.",
        ));
    }
    sqlx::query("update endpoints set secret = $2 where endpoint_id = $1")
        .bind(id)
        .bind(token)
        .execute(&mut **tx)
        .await?;
    tell(tx, cause, &endpoint, "token_replaced").await
}

/// The secret, if nobody has been shown it yet: afterwards somebody has.
pub async fn show_once(tx: &mut Tx, user_id: &UserId, id: &str) -> Result<Option<String>, Error> {
    let secret: Option<String> = sqlx::query_scalar(
        "update endpoints set unseen = 0 \
         where endpoint_id = $1 and user_id = $2 and unseen = 1 returning secret",
    )
    .bind(id)
    .bind(&user_id.0)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(secret)
}

/// On, for what happens from now on; or off, and nothing that waits is sent. Errors: `NotFound`.
pub async fn switch(tx: &mut Tx, cause: &Cause, id: &str, on: bool) -> Result<(), Error> {
    let endpoint = own(tx, cause, id).await?;
    if endpoint.disabled_at.is_none() == on {
        return Ok(());
    }
    if !on {
        turn_off(tx, &endpoint, "You switched it off.").await?;
        return tell(tx, cause, &endpoint, "switched_off").await;
    }
    sqlx::query(
        "update endpoints set disabled_at = null, reason = '', failing_since = null, given_up = 0 \
         where endpoint_id = $1",
    )
    .bind(id)
    .execute(&mut **tx)
    .await?;
    sqlx::query("update endpoint_types set since = $2 where endpoint_id = $1")
        .bind(id)
        .bind(to_micros(now()))
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "update delivery_lanes set failures = 0, open_until = 0 where channel = $1 and lane = $2",
    )
    .bind(endpoint.kind.as_str())
    .bind(id)
    .execute(&mut **tx)
    .await?;
    tell(tx, cause, &endpoint, "switched_on").await
}

/// Errors: `NotFound`.
pub async fn remove(tx: &mut Tx, cause: &Cause, id: &str) -> Result<(), Error> {
    let endpoint = own(tx, cause, id).await?;
    sqlx::query("delete from endpoints where endpoint_id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    deliveries::commands::give_up_target(tx, endpoint.kind.as_str(), id).await?;
    tell(tx, cause, &endpoint, "removed").await
}

/// Nobody has us send without end. Errors: `TooMany`.
async fn within_bounds(tx: &mut Tx, user_id: &UserId) -> Result<(), Error> {
    let sent: i64 = sqlx::query_scalar(
        "select count(*) from events where user_id = $1 and occurred_at > $2 \
         and event_type in ('endpoint.changed', 'delivery.redelivered')",
    )
    .bind(&user_id.0)
    .bind(to_micros(now() - BOUNDS.1))
    .fetch_one(&mut **tx)
    .await?;
    match sent < BOUNDS.0 {
        true => Ok(()),
        false => Err(Error::new(
            error::Kind::TooMany,
            format!(
                "You have changed your endpoints or had something sent {sent} times in the last {} \
                 minutes. Wait a little, then try again.",
                BOUNDS.1.num_minutes()
            ),
        )),
    }
}

/// Queues an event that has not happened: an example of the catalogue, with an id of its own.
/// Errors: `NotFound`; `Conflict` while it is off; `TooMany`.
pub async fn test(tx: &mut Tx, cause: &Cause, id: &str) -> Result<(), Error> {
    let user_id = &cause.actor_id;
    let endpoint = own_on(tx, cause, id).await?;
    within_bounds(tx, user_id).await?;
    tell(tx, cause, &endpoint, "tested").await?;
    let event_type = endpoint.types.first().copied();
    let event_type = event_type.unwrap_or(EventType::TaskCreated);
    let event_id = EventId(Uuid::now_v7());
    let mut example: Value =
        serde_json::from_str(event_type.example()).map_err(|_| Error::internal())?;
    example["event_id"] = json!(event_id);
    example["timestamp"] = json!(now());
    example["data"]["user_id"] = json!(user_id);
    let envelope: crate::event::Envelope =
        serde_json::from_value(example).map_err(|_| Error::internal())?;
    let message = Message {
        body: serde_json::to_string(&envelope).map_err(|_| Error::internal())?,
        test: true,
    };
    let new = New {
        event_id,
        user_id: user_id.clone(),
        // After what waits.
        seq: outbox::lock_stream(tx, user_id).await?,
        channel: endpoint.kind.as_str(),
        target: endpoint.id.clone(),
        lane: endpoint.id,
        payload: serde_json::to_value(&message).map_err(|_| Error::internal())?,
        due_at: now(),
        traceparent: None,
    };
    deliveries::commands::queue(tx, &new).await?;
    Ok(())
}

/// Sends one once more, under its id. Errors: `NotFound`; `Conflict` while the endpoint is off, or the
/// delivery about to be sent; `TooMany`.
pub async fn redeliver(tx: &mut Tx, cause: &Cause, id: &str, delivery: i64) -> Result<(), Error> {
    let user_id = &cause.actor_id;
    let endpoint = own_on(tx, cause, id).await?;
    within_bounds(tx, user_id).await?;
    let theirs: Option<i64> = sqlx::query_scalar(
        "select delivery_id from deliveries \
         where delivery_id = $1 and channel = $2 and target = $3 and user_id = $4",
    )
    .bind(delivery)
    .bind(endpoint.kind.as_str())
    .bind(id)
    .bind(&user_id.0)
    .fetch_optional(&mut **tx)
    .await?;
    match theirs {
        Some(delivery) => deliveries::commands::redeliver(tx, cause, delivery).await,
        None => Err(Error::new(
            error::Kind::NotFound,
            "This delivery does not exist.",
        )),
    }
}

/// Off, and nothing that waits is sent.
pub(super) async fn turn_off(
    tx: &mut Tx,
    endpoint: &Endpoint,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update endpoints set disabled_at = $2, reason = $3, replay_seq = null, replay_to = null \
         where endpoint_id = $1",
    )
    .bind(&endpoint.id)
    .bind(to_micros(now()))
    .bind(reason)
    .execute(&mut **tx)
    .await?;
    deliveries::commands::give_up_target(tx, endpoint.kind.as_str(), &endpoint.id).await
}

/// Has history queued again from what happened at `from` on: [`super::replay`] does it, step by step.
/// Errors: `NotFound`; `Conflict` while it is off; `Invalid` if there is nothing; `TooMany`.
pub async fn replay(tx: &mut Tx, cause: &Cause, id: &str, from: i64) -> Result<(), Error> {
    let user_id = &cause.actor_id;
    let endpoint = own_on(tx, cause, id).await?;
    within_bounds(tx, user_id).await?;
    let bounds: (Option<i64>, Option<i64>) = sqlx::query_as(
        "select min(seq), max(seq) from events where user_id = $1 and occurred_at >= $2",
    )
    .bind(&user_id.0)
    .bind(from)
    .fetch_one(&mut **tx)
    .await?;
    let (Some(first), Some(last)) = bounds else {
        return Err(Error::invalid(
            "from",
            "Nothing has happened since then. Choose an earlier date.",
        ));
    };
    sqlx::query("update endpoints set replay_seq = $2, replay_to = $3 where endpoint_id = $1")
        .bind(&endpoint.id)
        .bind(first - 1)
        .bind(last)
        .execute(&mut **tx)
        .await?;
    tracing::info!(endpoint = id, from = %from_micros(from), "history is queued again");
    tell(tx, cause, &endpoint, "replayed").await
}
