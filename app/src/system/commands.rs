//! Burying, and deciding what becomes of a dead letter. One function, one transaction.

use super::{DeadLetter, Failed, Headers, Status, queries};
use crate::db::{Tx, now, to_micros};
use crate::error::{Error, Kind};
use crate::event::{DeadLetterDecided, Event, EventData};
use crate::id::UserId;
use crate::outbox::{self, Cause, append};
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;

/// The stream of what operators decide: it belongs to no person.
pub const STREAM: &str = "user-system";
/// Who acts at the command line.
pub const OPERATOR: &str = "operator";

/// What an error may be long, in bytes.
const MAX_ERROR: usize = 4 * 1024;

/// Writes the dead letter. `id`, `status` and `note` are given by the table. `false`: this event of
/// this consumer, or this record, was buried before. An event that was redriven and fails once more,
/// as it may when a read model is built again, is open again.
pub async fn bury(tx: &mut Tx, letter: &DeadLetter) -> Result<bool, sqlx::Error> {
    let failed = letter.failed.as_ref();
    let known = match failed {
        Some(_) => {
            "update set status = 'open', error = excluded.error, attempts = excluded.attempts, \
             first_at = excluded.first_at, last_at = excluded.last_at \
             where dead_letters.status = 'redriven'"
        }
        // Every reader of a topic buries its bad records. An update would lock the row even when it
        // changes nothing, and the relay marks these rows in another order.
        None => "nothing",
    };
    let sql = format!(
        "insert into dead_letters (origin, topic, partition, place, key, headers, value, consumer, \
         user_id, seq, error, attempts, first_at, last_at, traceparent) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         on conflict (origin) do {known}"
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(origin(letter))
        .bind(&letter.topic)
        .bind(letter.place.map(|(partition, _)| partition))
        .bind(letter.place.map(|(_, offset)| offset))
        .bind(letter.key.clone())
        .bind(write_headers(&letter.headers))
        .bind(letter.value.clone())
        .bind(failed.map(|f| f.consumer.clone()))
        .bind(failed.map(|f| f.user_id.0.clone()))
        .bind(failed.map(|f| f.seq.0))
        .bind(shorten(&letter.error))
        .bind(letter.attempts)
        .bind(to_micros(letter.first_at))
        .bind(to_micros(letter.last_at))
        .bind(&letter.traceparent)
        .execute(&mut **tx)
        .await?;
    tx.mark_appended();
    Ok(done.rows_affected() == 1)
}

/// Has the consumer apply the event once more, which it does soon. Errors: `NotFound`; `Conflict`
/// unless it is open; `Invalid` for a record that is no event.
pub async fn redrive(tx: &mut Tx, cause: &Cause, id: i64) -> Result<Event, Error> {
    let letter = open(tx, id).await?;
    if letter.failed.is_none() {
        return Err(Error::invalid(
            "id",
            "This record is no event of ours, so there is nothing to try again. Discard it.",
        ));
    }
    set_status(tx, id, Status::Redriving, "").await?;
    decided(tx, cause, &letter, "", EventData::DeadLetterRedriven).await
}

/// Gives it up for good; `note` says why. Errors: `NotFound`; `Conflict` unless it is open.
pub async fn discard(tx: &mut Tx, cause: &Cause, id: i64, note: &str) -> Result<Event, Error> {
    let letter = open(tx, id).await?;
    let note = note.trim();
    if note.is_empty() || note.chars().count() > 500 {
        return Err(Error::invalid(
            "note",
            "Say in 1 to 500 characters why it is discarded.",
        ));
    }
    set_status(tx, id, Status::Discarded, note).await?;
    decided(tx, cause, &letter, note, EventData::DeadLetterDiscarded).await
}

/// Locked until the commit: of two who decide at once, the second is told.
async fn open(tx: &mut Tx, id: i64) -> Result<DeadLetter, Error> {
    let sql = format!(
        "select status from dead_letters where dead_letter_id = $1{}",
        tx.for_update()
    );
    let status: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?;
    let letter = queries::dead_letter(tx, id).await?;
    match (status.as_deref(), letter) {
        (Some("open"), Some(letter)) => Ok(letter),
        (Some(status), Some(_)) => Err(Error::new(
            Kind::Conflict,
            format!("Dead letter {id} is {status} already."),
        )),
        _ => Err(Error::new(
            Kind::NotFound,
            format!("There is no dead letter {id}."),
        )),
    }
}

async fn set_status(tx: &mut Tx, id: i64, status: Status, note: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update dead_letters set status = $2, note = $3 where dead_letter_id = $1")
        .bind(id)
        .bind(status.as_str())
        .bind(note)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn decided(
    tx: &mut Tx,
    cause: &Cause,
    letter: &DeadLetter,
    note: &str,
    event: fn(DeadLetterDecided) -> EventData,
) -> Result<Event, Error> {
    let user_id = UserId(STREAM.into());
    lock_any_stream(tx, &user_id).await?;
    let data = DeadLetterDecided {
        user_id,
        dead_letter_id: letter.id,
        topic: letter.topic.clone(),
        note: note.into(),
        decided_at: now(),
    };
    append(tx, cause, event(data)).await
}

/// As [`outbox::lock_stream`]; the stream of nobody's begins with its first event.
pub async fn lock_any_stream(tx: &mut Tx, user_id: &UserId) -> Result<(), Error> {
    sqlx::query("insert into streams (user_id) values ($1) on conflict (user_id) do nothing")
        .bind(&user_id.0)
        .execute(&mut **tx)
        .await?;
    outbox::lock_stream(tx, user_id).await?;
    Ok(())
}

/// What a dead letter is told from others by.
fn origin(letter: &DeadLetter) -> String {
    match (&letter.failed, letter.place) {
        (
            Some(Failed {
                consumer,
                user_id,
                seq,
            }),
            _,
        ) => format!("{consumer}/{user_id}/{seq}"),
        // A broker that lost everything counts from 0 again: its place alone is no name.
        (None, Some((partition, offset))) => {
            format!("{}/{partition}/{offset}/{}", letter.topic, digest(letter))
        }
        (None, None) => letter.topic.clone(),
    }
}

/// Of what the record holds.
fn digest(letter: &DeadLetter) -> String {
    let mut hash = Sha256::new();
    for part in [&letter.key, &letter.value] {
        let length = part.as_ref().map_or(-1, |bytes| bytes.len() as i64);
        hash.update(length.to_be_bytes());
        hash.update(part.as_deref().unwrap_or_default());
    }
    hash.update(write_headers(&letter.headers));
    hex::encode(&hash.finalize()[..8])
}

/// As many whole characters as fit, without the one that PostgreSQL has no room for.
pub fn shorten(error: &str) -> String {
    let mut end = error.len().min(MAX_ERROR);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    error[..end].replace('\0', " ")
}

/// JSON, with the values in hexadecimal: they need not be text.
fn write_headers(headers: &Headers) -> String {
    let pairs: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), hex::encode(value)))
        .collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MAX_ERROR, shorten};

    #[test]
    fn an_error_is_kept_up_to_4_kib_of_whole_characters() {
        assert_eq!(MAX_ERROR, 4096);
        assert_eq!(shorten("disk\0full"), "disk full");
        let long = format!("x{}", "\u{e9}".repeat(4096));
        let kept = shorten(&long);
        assert_eq!(kept.len(), MAX_ERROR - 1);
        assert!(long.starts_with(&kept));
    }
}
