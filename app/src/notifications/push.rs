//! The browsers that take messages, each for as long as the session lasts that asked for them there.

use super::commands::when;
use super::quiet::Quiet;
use super::{Person, Way, words};
use crate::accounts::session::Session;
use crate::db::{Tx, from_micros, now, to_micros};
use crate::deliveries::{self, New};
use crate::error::{Error, Kind};
use crate::event::{Event, Timestamp};
use crate::id::{EventId, Seq, SessionId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row};
use uuid::Uuid;

/// What the key of this installation is called.
const KEY: &str = "vapid";
/// Between two tests of a browser, in microseconds.
const BETWEEN_TESTS: i64 = 10_000_000;

/// What the server knows of Web Push.
pub trait Service: Send + Sync {
    /// By which browsers and push services know us, in base64url.
    fn public_key(&self) -> &str;

    /// Whether such a subscription can be sent to. Errors: why not, in a sentence.
    fn check(&self, subscription: &Subscription) -> Result<(), String>;
}

/// Where and how a browser takes messages, as it says itself; keys in base64url.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
    /// The key of ours that it takes messages from.
    pub server_key: String,
}

/// A browser, as the list of them shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Browser {
    pub id: i64,
    /// As it calls itself.
    pub user_agent: String,
    pub since: Timestamp,
    /// Of the one that asks, where it takes messages; of others nobody needs to know.
    pub endpoint: Option<String>,
}

/// What the channel `push` sends; the target names the subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub subscription_id: i64,
    pub title: String,
    pub body: String,
    /// The page that it leads to, such as "/tasks/7".
    pub url: String,
    /// A later message with the same one takes its place.
    pub tag: String,
    pub quiet: Option<Quiet>,
}

/// The browser of this session takes messages from now on, and whoever it was before takes none.
pub async fn subscribe(
    tx: &mut Tx,
    session: &Session,
    subscription: &Subscription,
) -> Result<(), Error> {
    sqlx::query("delete from push_subscriptions where session_id = $1 or endpoint = $2")
        .bind(&session.session_id.0)
        .bind(&subscription.endpoint)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "insert into push_subscriptions \
         (session_id, user_id, endpoint, p256dh, auth, server_key, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&session.session_id.0)
    .bind(&session.user_id.0)
    .bind(&subscription.endpoint)
    .bind(&subscription.p256dh)
    .bind(&subscription.auth)
    .bind(&subscription.server_key)
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// One of the person's own browsers takes no more. Errors: `NotFound` if it is not one.
pub async fn remove(tx: &mut Tx, user_id: &UserId, id: i64) -> Result<(), Error> {
    let done =
        sqlx::query("delete from push_subscriptions where subscription_id = $1 and user_id = $2")
            .bind(id)
            .bind(&user_id.0)
            .execute(&mut **tx)
            .await?;
    match done.rows_affected() {
        0 => Err(not_found()),
        _ => Ok(()),
    }
}

/// Its push service says that it takes no more.
pub async fn end(tx: &mut Tx, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("delete from push_subscriptions where subscription_id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Sends a message to one of the person's own browsers, whatever the hour. Errors: `NotFound`;
/// `TooMany` at once.
pub async fn test(tx: &mut Tx, user_id: &UserId, id: i64) -> Result<(), Error> {
    let endpoint: Option<String> = sqlx::query_scalar(
        "select endpoint from push_subscriptions where subscription_id = $1 and user_id = $2",
    )
    .bind(id)
    .bind(&user_id.0)
    .fetch_optional(&mut **tx)
    .await?;
    let endpoint = endpoint.ok_or_else(not_found)?;
    let at = to_micros(now());
    let done = sqlx::query(
        "update push_subscriptions set tested_at = $2 where subscription_id = $1 \
         and tested_at <= $2 - $3",
    )
    .bind(id)
    .bind(at)
    .bind(BETWEEN_TESTS)
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::new(
            Kind::TooMany,
            "A test message is on its way to this browser. Wait ten seconds before the next one.",
        ));
    }
    let message = Message {
        subscription_id: id,
        title: "It works".into(),
        body: "This browser gets your notifications.".into(),
        url: "/notifications".into(),
        tag: "test".into(),
        quiet: None,
    };
    let new = New {
        // No event asks for it.
        event_id: EventId(Uuid::now_v7()),
        user_id: user_id.clone(),
        seq: Seq::default(),
        channel: Way::Push.as_str(),
        target: target(id, &endpoint),
        lane: host(&endpoint).into(),
        payload: serde_json::to_value(&message).unwrap_or_default(),
        due_at: now(),
        traceparent: None,
    };
    deliveries::commands::queue(tx, &new).await?;
    Ok(())
}

/// A message for each of the person's browsers that took any when it happened.
pub async fn tell(
    tx: &mut Tx,
    person: &Person,
    event: &Event,
    title: &str,
) -> Result<(), sqlx::Error> {
    let browsers: Vec<(i64, String)> = sqlx::query_as(
        "select p.subscription_id, p.endpoint from push_subscriptions p \
         join sessions s on s.session_id = p.session_id \
         where p.user_id = $1 and p.created_at <= $2 and s.expires_at > $3 \
         order by p.subscription_id",
    )
    .bind(&person.user_id.0)
    .bind(to_micros(event.envelope.timestamp))
    .bind(to_micros(now()))
    .fetch_all(&mut **tx)
    .await?;
    let task = event.envelope.data.task_id();
    for (id, endpoint) in browsers {
        let (heading, body) = words::push(event.envelope.event_type, title);
        let message = Message {
            subscription_id: id,
            title: heading.into(),
            body,
            url: task.map_or("/".into(), |task| format!("/tasks/{task}")),
            tag: task.map_or("todo".into(), |task| format!("task-{task}")),
            quiet: person.settings.quiet(),
        };
        let new = New::of(event, Way::Push.as_str(), &target(id, &endpoint), &message)
            .through(host(&endpoint))
            .at(when(person));
        deliveries::commands::queue(tx, &new).await?;
    }
    Ok(())
}

/// For operators, who need not know the whole address: whoever has it might send there too.
fn target(id: i64, endpoint: &str) -> String {
    format!("{id}@{}", host(endpoint))
}

/// The push service, such as "fcm.googleapis.com": what shares its fate.
fn host(endpoint: &str) -> &str {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

fn not_found() -> Error {
    Error::new(
        Kind::NotFound,
        "This browser gets no messages any more. Load the page again.",
    )
}

impl FromRow<'_, AnyRow> for Subscription {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Subscription {
            endpoint: row.try_get("endpoint")?,
            p256dh: row.try_get("p256dh")?,
            auth: row.try_get("auth")?,
            server_key: row.try_get("server_key")?,
        })
    }
}

/// A subscription, unless it or its session is at its end.
pub async fn subscription(
    conn: &mut AnyConnection,
    id: i64,
) -> Result<Option<Subscription>, sqlx::Error> {
    sqlx::query_as(
        "select p.endpoint, p.p256dh, p.auth, p.server_key from push_subscriptions p \
         join sessions s on s.session_id = p.session_id \
         where p.subscription_id = $1 and s.expires_at > $2",
    )
    .bind(id)
    .bind(to_micros(now()))
    .fetch_optional(conn)
    .await
}

/// A person's browsers, the one that asks first.
pub async fn browsers(
    conn: &mut AnyConnection,
    user_id: &UserId,
    current: &SessionId,
) -> Result<Vec<Browser>, sqlx::Error> {
    let rows: Vec<AnyRow> = sqlx::query(
        "select p.subscription_id, p.session_id, p.endpoint, p.created_at, s.user_agent \
         from push_subscriptions p join sessions s on s.session_id = p.session_id \
         where p.user_id = $1 and s.expires_at > $2 \
         order by case when p.session_id = $3 then 0 else 1 end, p.subscription_id desc",
    )
    .bind(&user_id.0)
    .bind(to_micros(now()))
    .bind(&current.0)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let session_id: String = row.try_get("session_id")?;
            let endpoint: String = row.try_get("endpoint")?;
            Ok(Browser {
                id: row.try_get("subscription_id")?,
                user_agent: row.try_get("user_agent")?,
                since: from_micros(row.try_get("created_at")?),
                endpoint: (session_id == current.0).then_some(endpoint),
            })
        })
        .collect()
}

/// The private key of this installation: `fresh`, unless there is one already.
pub async fn key(tx: &mut Tx, fresh: &str) -> Result<String, sqlx::Error> {
    sqlx::query("insert into keys (name, value) values ($1, $2) on conflict (name) do nothing")
        .bind(KEY)
        .bind(fresh)
        .execute(&mut **tx)
        .await?;
    sqlx::query_scalar("select value from keys where name = $1")
        .bind(KEY)
        .fetch_one(&mut **tx)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_see_whose_service_it_is_and_no_more() {
        for (endpoint, expected) in [
            (
                "https://fcm.googleapis.com/fcm/send/secret",
                "7@fcm.googleapis.com",
            ),
            ("http://127.0.0.1:9?secret", "7@127.0.0.1:9"),
        ] {
            assert_eq!(target(7, endpoint), expected);
        }
    }
}
