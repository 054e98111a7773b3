//! One function, one transaction.

use super::{
    CHOICES, House, KINDS, Person, Settings, Text, Way, phone, queries, quiet, token, waiting,
    words,
};
use crate::accounts::commands::{ANYBODY, setting_changed};
use crate::db::{Tx, from_micros, now, to_micros};
use crate::deliveries::{self, New};
use crate::error::Error;
use crate::event::{Event, EventType, Timestamp};
use crate::id::{EventId, Seq, UserId};
use crate::outbox::{self, Cause, Origin};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// What a channel's rows go through: one gateway for all of them.
pub const GATEWAY: &str = "gateway";

/// A line in the page, once an event; as read if it is no news.
pub async fn tell_in_page(
    tx: &mut Tx,
    event: &Event,
    title: &str,
    is_news: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into notifications \
         (event_id, user_id, event_type, task_id, title, occurred_at, read_at) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (event_id) do nothing",
    )
    .bind(event.envelope.event_id.to_string())
    .bind(&event.user_id().0)
    .bind(event.envelope.event_type.as_str())
    .bind(event.envelope.data.task_id().map(|id| id.0))
    .bind(title)
    .bind(to_micros(event.envelope.timestamp))
    .bind((!is_news).then(|| to_micros(now())))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A letter, or a line of the letter of the day.
pub async fn tell_by_email(
    tx: &mut Tx,
    house: &House,
    person: &Person,
    event: &Event,
    title: &str,
) -> Result<(), sqlx::Error> {
    let event_type = event.envelope.event_type;
    if person.settings.digest && event_type != EventType::UserRegistered {
        return collect(tx, person, event, &words::line(event_type, title)).await;
    }
    let unsubscribe = unsubscribe_url(tx, house, person).await?;
    let letter = words::letter(house, person, event_type, title, unsubscribe);
    let new = New::of(event, Way::Email.as_str(), &person.email, &letter)
        .through(GATEWAY)
        .at(when(person));
    deliveries::commands::queue(tx, &new).await.map(|_| ())
}

/// A short message, if they have said where to.
pub async fn tell_by_sms(
    tx: &mut Tx,
    person: &Person,
    event: &Event,
    title: &str,
) -> Result<(), sqlx::Error> {
    let phone = &person.settings.phone;
    if phone.is_empty() {
        return Ok(());
    }
    let text = Text {
        body: words::text(event.envelope.event_type, title),
        quiet: person.settings.quiet(),
    };
    let new = New::of(event, Way::Sms.as_str(), phone, &text)
        .through(GATEWAY)
        .at(when(person));
    deliveries::commands::queue(tx, &new).await.map(|_| ())
}

/// Now, or when it is not quiet any more.
pub(super) fn when(person: &Person) -> Timestamp {
    let at = now();
    let end = person.settings.quiet().and_then(|quiet| quiet.ends(at));
    end.unwrap_or(at)
}

async fn unsubscribe_url(
    tx: &mut Tx,
    house: &House,
    person: &Person,
) -> Result<String, sqlx::Error> {
    let key = token::key(tx).await?;
    let token = token::sign(&key, &person.user_id).unwrap_or_default();
    Ok(format!("{}/unsubscribe/{token}", house.site))
}

/// A line of the letter of the day, unless the event was in a letter before.
async fn collect(
    tx: &mut Tx,
    person: &Person,
    event: &Event,
    line: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into digest_items (event_id, user_id, line, traceparent, due_at) \
         values ($1, $2, $3, $4, $5) on conflict (event_id) do nothing",
    )
    .bind(event.envelope.event_id.to_string())
    .bind(&person.user_id.0)
    .bind(line)
    .bind(&event.traceparent)
    .bind(to_micros(quiet::morning(now(), person.settings.zone)))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Queues the letters of the day that are due, of at most 20 people; how many.
pub async fn send_digests(tx: &mut Tx, house: &House) -> Result<usize, sqlx::Error> {
    let people: Vec<String> = sqlx::query_scalar(
        "select user_id from digest_items where due_at <= $1 and sent = 0 \
         group by user_id order by min(due_at) limit 20",
    )
    .bind(to_micros(now()))
    .fetch_all(&mut **tx)
    .await?;
    let mut sent = 0;
    for user_id in people {
        sent += usize::from(send_digest(tx, house, &UserId(user_id)).await?);
    }
    Ok(sent)
}

/// `false`: another process was faster.
async fn send_digest(tx: &mut Tx, house: &House, user_id: &UserId) -> Result<bool, sqlx::Error> {
    let mut items: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "update digest_items set sent = 1 where user_id = $1 and due_at <= $2 and sent = 0 \
         returning event_id, line, traceparent",
    )
    .bind(&user_id.0)
    .bind(to_micros(now()))
    .fetch_all(&mut **tx)
    .await?;
    // Their ids begin with the time of their birth.
    items.sort();
    let last = items.last().cloned();
    let Some((event_id, _, traceparent)) = last else {
        return Ok(false);
    };
    let (Ok(event_id), Some(person)) = (
        Uuid::parse_str(&event_id),
        queries::person(tx, user_id).await?,
    ) else {
        return Ok(false);
    };
    let lines: Vec<String> = items.into_iter().map(|(_, line, _)| line).collect();
    let unsubscribe = unsubscribe_url(tx, house, &person).await?;
    let letter = words::digest(house, &person, &lines, unsubscribe);
    let new = New {
        event_id: EventId(event_id),
        user_id: user_id.clone(),
        seq: Seq::default(),
        channel: Way::Email.as_str(),
        target: person.email.clone(),
        lane: GATEWAY.into(),
        payload: serde_json::to_value(&letter).unwrap_or_default(),
        due_at: when(&person),
        traceparent,
    };
    deliveries::commands::queue(tx, &new).await
}

/// Marks one's own as read; none named: all.
pub async fn mark_read(tx: &mut Tx, user_id: &UserId, ids: &[i64]) -> Result<(), Error> {
    let only = match ids {
        [] => String::new(),
        ids => {
            // Numbers, so safe inside of SQL.
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!(" and notification_id in ({})", ids.join(", "))
        }
    };
    let sql = format!(
        "update notifications set read_at = $2 where user_id = $1 and read_at is null{only}"
    );
    sqlx::query(AssertSqlSafe(sql))
        .persistent(false)
        .bind(&user_id.0)
        .bind(to_micros(now()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Keeps what a person wants to hear of, where and when. `wanted` is the whole of it, of the ways
/// in `ways`; what is chosen of others stays. A new number is asked for a code. Errors: `TooMany`.
pub async fn choose(
    tx: &mut Tx,
    cause: &Cause,
    ways: &[Way],
    wanted: &[(EventType, Way)],
    settings: &Settings,
) -> Result<(), Error> {
    let user_id = &cause.actor_id;
    outbox::lock_stream(tx, user_id).await?;
    let person = queries::person(tx, user_id).await?;
    let person = person.ok_or_else(Error::unauthenticated)?;
    for event_type in CHOICES {
        for way in ways {
            let wants = wanted.contains(&(*event_type, *way));
            if person.wants(*event_type, *way) != wants {
                set(tx, user_id, *event_type, *way, wants).await?;
                if !wants {
                    give_up(tx, user_id, *event_type, *way).await?;
                }
            }
        }
    }
    // Of what is not set up here the page asks nothing.
    let digest = match ways.contains(&Way::Email) {
        true => settings.digest,
        false => person.settings.digest,
    };
    sqlx::query(
        "insert into notification_settings \
         (user_id, quiet_from, quiet_to, phone, digest) \
         values ($1, $2, $3, '', $4) on conflict (user_id) do update set \
         quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to, \
         digest = excluded.digest",
    )
    .bind(&user_id.0)
    .bind(settings.quiet.map(|(from, _)| i64::from(from)))
    .bind(settings.quiet.map(|(_, to)| i64::from(to)))
    .bind(i64::from(digest))
    .execute(&mut **tx)
    .await?;
    if settings.quiet != person.settings.quiet {
        waiting::follow(tx, user_id).await?;
    }
    tell_wishes(tx, cause, &person).await?;
    match settings.phone.as_str() {
        _ if !ways.contains(&Way::Sms) => Ok(()),
        "" => phone::forget(tx, cause).await,
        // Its code is on its way.
        given if given == person.settings.phone_asked => Ok(()),
        given if given == person.settings.phone => phone::keep(tx, user_id).await,
        given => phone::ask(tx, user_id, given).await,
    }
}

/// Tells how the wishes of a person differ from what they were `before`.
async fn tell_wishes(tx: &mut Tx, cause: &Cause, before: &Person) -> Result<(), Error> {
    let Some(person) = queries::person(tx, &before.user_id).await? else {
        return Ok(());
    };
    let (old, new) = (before.wishes(), person.wishes());
    let without = |these: &[String], those: &[String]| {
        let only: Vec<&str> = these
            .iter()
            .filter(|wish| !those.contains(wish))
            .map(String::as_str)
            .collect();
        match only.is_empty() {
            true => "none".to_owned(),
            false => only.join(" "),
        }
    };
    let (gone, come) = (without(&old, &new), without(&new, &old));
    setting_changed(tx, cause, &before.user_id, "notifications", gone, come).await
}

/// What waits, as for the morning, is not sent either.
async fn give_up(
    tx: &mut Tx,
    user_id: &UserId,
    event_type: EventType,
    way: Way,
) -> Result<(), sqlx::Error> {
    deliveries::commands::give_up_kind(tx, way.as_str(), user_id, event_type).await?;
    if way == Way::Email {
        sqlx::query(
            "update digest_items set sent = 1 where user_id = $1 and sent = 0 and event_id in \
             (select event_id from events where user_id = $1 and event_type = $2)",
        )
        .bind(&user_id.0)
        .bind(event_type.as_str())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn set(
    tx: &mut Tx,
    user_id: &UserId,
    event_type: EventType,
    way: Way,
    wanted: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into notification_choices (user_id, event_type, channel, wanted, changed_at) \
         values ($1, $2, $3, $4, $5) on conflict (user_id, event_type, channel) do update set \
         wanted = excluded.wanted, changed_at = excluded.changed_at",
    )
    .bind(&user_id.0)
    .bind(event_type.as_str())
    .bind(way.as_str())
    .bind(i64::from(wanted))
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// No more e-mail, not even what is queued. `None`: the token is none of ours, or its person is gone.
pub async fn unsubscribe(
    tx: &mut Tx,
    origin: Origin,
    token: &str,
) -> Result<Option<UserId>, Error> {
    let Some(user_id) = token::verify(tx, token).await? else {
        return Ok(None);
    };
    outbox::lock_stream(tx, &user_id).await?;
    let Some(person) = queries::person(tx, &user_id).await? else {
        return Ok(None);
    };
    for event_type in KINDS {
        if person.wants(*event_type, Way::Email) {
            set(tx, &user_id, *event_type, Way::Email, false).await?;
        }
    }
    sqlx::query("update digest_items set sent = 1 where user_id = $1")
        .bind(&user_id.0)
        .execute(&mut **tx)
        .await?;
    deliveries::commands::give_up_person(tx, Way::Email.as_str(), &user_id).await?;
    // Whoever has the letter may ask for it.
    let cause = Cause {
        origin,
        ..Cause::unasked(ANYBODY)
    };
    tell_wishes(tx, &cause, &person).await?;
    Ok(Some(user_id))
}

/// When the next letter of the day is due of which nobody has said that it is sent.
pub async fn next_digest(pool: &sqlx::AnyPool) -> Result<Option<Timestamp>, sqlx::Error> {
    let due: Option<i64> =
        sqlx::query_scalar("select min(due_at) from digest_items where sent = 0")
            .fetch_one(pool)
            .await?;
    Ok(due.map(from_micros))
}
