//! Whose number it is: a code is sent there, and who has the telephone sends it back. Else anybody
//! could have us call anybody.

use super::commands::GATEWAY;
use super::{Text, Way};
use crate::accounts::commands::setting_changed;
use crate::db::{Tx, now, to_micros};
use crate::deliveries::{self, New};
use crate::error::{Error, Kind};
use crate::id::{EventId, Seq, UserId};
use crate::outbox::{self, Cause};
use rand::Rng;
use uuid::Uuid;

/// Codes sent to anybody's numbers in a day, and guesses at one.
const CODES: i64 = 3;
const GUESSES: i64 = 5;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Sends a code to `phone`; until it comes back, the number before holds. The person's settings
/// must be there. Errors: `TooMany` in a day.
pub async fn ask(tx: &mut Tx, user_id: &UserId, phone: &str) -> Result<(), Error> {
    let code = format!("{:06}", rand::rng().random_range(0..1_000_000));
    let at = to_micros(now());
    let sent: Option<i64> = sqlx::query_scalar(
        "update notification_settings set phone_asked = $2, phone_code = $3, phone_tries = 0, \
         phone_sent = case when phone_since < $4 - $5 then 1 else phone_sent + 1 end, \
         phone_since = case when phone_since < $4 - $5 then $4 else phone_since end \
         where user_id = $1 and (phone_since < $4 - $5 or phone_sent < $6) returning phone_sent",
    )
    .bind(&user_id.0)
    .bind(phone)
    .bind(&code)
    .bind(at)
    .bind(DAY)
    .bind(CODES)
    .fetch_optional(&mut **tx)
    .await?;
    if sent.is_none() {
        return Err(Error::new(
            Kind::TooMany,
            "Too many codes were sent today. Try again tomorrow.",
        )
        .on("phone"));
    }
    let text = Text {
        body: format!("Todo Evolution: your code is {code}."),
        // They have just asked for it.
        quiet: None,
    };
    let new = New {
        // No event tells of it, so that nobody reads the code.
        event_id: EventId(Uuid::now_v7()),
        user_id: user_id.clone(),
        seq: Seq::default(),
        channel: Way::Sms.as_str(),
        target: phone.into(),
        lane: GATEWAY.into(),
        payload: serde_json::to_value(&text).unwrap_or_default(),
        due_at: now(),
        traceparent: None,
    };
    deliveries::commands::queue(tx, &new).await?;
    Ok(())
}

/// Sends another code to the number that is asked for. Errors: `Conflict` if none is; `TooMany` in a
/// day.
pub async fn ask_again(tx: &mut Tx, user_id: &UserId) -> Result<(), Error> {
    let asked: Option<String> =
        sqlx::query_scalar("select phone_asked from notification_settings where user_id = $1")
            .bind(&user_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    match asked {
        Some(phone) if !phone.is_empty() => ask(tx, user_id, &phone).await,
        _ => Err(Error::new(
            Kind::Conflict,
            "No number waits for a code. Save one first.",
        )),
    }
}

/// The number stays what it is; none is asked for.
pub async fn keep(tx: &mut Tx, user_id: &UserId) -> Result<(), Error> {
    sqlx::query(
        "update notification_settings set phone_asked = '', phone_code = '' where user_id = $1",
    )
    .bind(&user_id.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The number is theirs if this is the code. `false`: it is not, which counts as a guess and has
/// to be kept.
pub async fn confirm(tx: &mut Tx, cause: &Cause, code: &str) -> Result<bool, Error> {
    let user_id = &cause.actor_id;
    outbox::lock_stream(tx, user_id).await?;
    let old = number(tx, user_id).await?;
    let confirmed = sqlx::query(
        "update notification_settings set phone = phone_asked, phone_asked = '', phone_code = '' \
         where user_id = $1 and phone_code = $2 and phone_code <> '' and phone_tries < $3",
    )
    .bind(&user_id.0)
    .bind(code.trim())
    .bind(GUESSES)
    .execute(&mut **tx)
    .await?;
    if confirmed.rows_affected() == 1 {
        let new = number(tx, user_id).await?;
        setting_changed(tx, cause, user_id, "phone", hint(&old), hint(&new)).await?;
        return Ok(true);
    }
    sqlx::query(
        "update notification_settings set phone_tries = phone_tries + 1 where user_id = $1",
    )
    .bind(&user_id.0)
    .execute(&mut **tx)
    .await?;
    Ok(false)
}

/// No number, and none that is asked for; what waits to be sent there is not.
pub async fn forget(tx: &mut Tx, cause: &Cause) -> Result<(), Error> {
    let user_id = &cause.actor_id;
    let old = number(tx, user_id).await?;
    deliveries::commands::give_up_person(tx, Way::Sms.as_str(), user_id).await?;
    sqlx::query(
        "update notification_settings set phone = '', phone_asked = '', phone_code = '' \
         where user_id = $1",
    )
    .bind(&user_id.0)
    .execute(&mut **tx)
    .await?;
    setting_changed(tx, cause, user_id, "phone", hint(&old), hint("")).await
}

async fn number(tx: &mut Tx, user_id: &UserId) -> Result<String, sqlx::Error> {
    let number: Option<String> =
        sqlx::query_scalar("select phone from notification_settings where user_id = $1")
            .bind(&user_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(number.unwrap_or_default())
}

/// As events say it: they go to other systems too.
fn hint(number: &str) -> String {
    match number.get(number.len().saturating_sub(2)..) {
        Some(end) if !end.is_empty() => format!("…{end}"),
        _ => "none".into(),
    }
}
