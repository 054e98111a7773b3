//! How it goes with an endpoint, and when it is switched off by itself. In the transaction that notes
//! how an attempt went.

use super::{Endpoint, commands, queries};
use crate::db::{Tx, now, to_micros};
use crate::error::Error;
use crate::event::{EndpointDisabled, EventData};
use crate::outbox::{self, Cause};
use chrono::TimeDelta;
use sqlx::AssertSqlSafe;

/// An endpoint that fails for so long is switched off.
const PATIENCE: TimeDelta = TimeDelta::days(3);
/// So is one to which so many deliveries in a row were given up.
const GIVEN_UP: i64 = 10;
/// Whose doing it is when an endpoint is switched off by itself.
const ACTOR: &str = crate::system::commands::STREAM;

/// An attempt went well.
pub async fn succeeded(tx: &mut Tx, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update endpoints set failing_since = null, given_up = 0 \
         where endpoint_id = $1 and (failing_since is not null or given_up > 0)",
    )
    .bind(id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An attempt failed, and perhaps with it the delivery. Enough is enough: see [`PATIENCE`]. `often`: this
/// delivery has failed several times; one failure and another days later, with nothing to send in
/// between, are not enough.
pub async fn failed(tx: &mut Tx, id: &str, often: bool, given_up: bool) -> Result<(), sqlx::Error> {
    let Some(endpoint) = queries::by_id(tx, id).await? else {
        return Ok(());
    };
    let since = endpoint.failing_since.unwrap_or_else(now);
    let count = endpoint.given_up + i64::from(given_up);
    if count >= GIVEN_UP {
        let reason = format!("{count} deliveries in a row could not be made.");
        return disable(tx, &endpoint, &reason).await;
    }
    if now() - since >= PATIENCE && often {
        let days = PATIENCE.num_days();
        return disable(
            tx,
            &endpoint,
            &format!("For {days} days nothing got there."),
        )
        .await;
    }
    sqlx::query(
        "update endpoints set failing_since = coalesce(failing_since, $2), \
         given_up = given_up + $3 where endpoint_id = $1 and disabled_at is null",
    )
    .bind(id)
    .bind(to_micros(since))
    .bind(i64::from(given_up))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// It answered that it wants no more.
pub async fn gone(tx: &mut Tx, id: &str, status: i64) -> Result<(), sqlx::Error> {
    let Some(endpoint) = queries::by_id(tx, id).await? else {
        return Ok(());
    };
    disable(
        tx,
        &endpoint,
        &format!("It answered {status}: it wants no more."),
    )
    .await
}

/// Switches it off by itself: an event, of which its person is told.
async fn disable(tx: &mut Tx, endpoint: &Endpoint, reason: &str) -> Result<(), sqlx::Error> {
    let trouble = |error: Error| sqlx::Error::Protocol(error.detail);
    outbox::lock_stream(tx, &endpoint.user_id)
        .await
        .map_err(trouble)?;
    // Its person, or another process, may have been faster.
    let sql = format!(
        "select endpoint_id from endpoints where endpoint_id = $1 and disabled_at is null{}",
        tx.for_update()
    );
    let on: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&endpoint.id)
        .fetch_optional(&mut **tx)
        .await?;
    if on.is_none() {
        return Ok(());
    }
    commands::turn_off(tx, endpoint, reason).await?;
    let cause = Cause::unasked(ACTOR);
    let data = EventData::EndpointDisabled(EndpointDisabled {
        endpoint_id: endpoint.id.clone(),
        user_id: endpoint.user_id.clone(),
        name: endpoint.name().into(),
        disabled_at: outbox::moment(endpoint.created_at),
        reason: reason.into(),
    });
    outbox::append(tx, &cause, data).await.map_err(trouble)?;
    Ok(())
}
