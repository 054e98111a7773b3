//! SQL to what a person was told, and wants to be told.

use super::{Choice, Notification, Person, Settings, Way};
use crate::accounts::Zone;
use crate::db::from_micros;
use crate::event::EventType;
use crate::id::{TaskId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, FromRow, Row};

/// Somebody and their wishes, if there is such a person.
pub async fn person(
    conn: &mut AnyConnection,
    user_id: &UserId,
) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<AnyRow> = sqlx::query(
        "select u.name, u.email, u.time_zone, s.quiet_from, s.quiet_to, s.phone, s.phone_asked, s.digest \
         from users u left join notification_settings s on s.user_id = u.user_id \
         where u.user_id = $1",
    )
    .bind(&user_id.0)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let zone: Option<&str> = row.try_get("time_zone")?;
    let phone: Option<String> = row.try_get("phone")?;
    let mut settings = Settings {
        zone: zone.map_or(Zone::UTC, Zone::named),
        ..Settings::default()
    };
    if let Some(phone) = phone {
        let (from, to): (Option<i64>, Option<i64>) =
            (row.try_get("quiet_from")?, row.try_get("quiet_to")?);
        settings.quiet = from.zip(to).map(|(from, to)| (from as u16, to as u16));
        settings.phone = phone;
        settings.phone_asked = row.try_get("phone_asked")?;
        settings.digest = row.try_get::<i64, _>("digest")? == 1;
    }
    Ok(Some(Person {
        user_id: user_id.clone(),
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        settings,
        choices: choices(conn, user_id).await?,
    }))
}

async fn choices(conn: &mut AnyConnection, user_id: &UserId) -> Result<Vec<Choice>, sqlx::Error> {
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "select event_type, channel, wanted, changed_at from notification_choices \
         where user_id = $1",
    )
    .bind(&user_id.0)
    .fetch_all(conn)
    .await?;
    let choice = |(event_type, way, wanted, changed_at): (String, String, i64, i64)| {
        Some(Choice {
            event_type: EventType::parse(&event_type)?,
            way: Way::parse(&way)?,
            wanted: wanted == 1,
            changed_at: from_micros(changed_at),
        })
    };
    Ok(rows.into_iter().filter_map(choice).collect())
}

impl FromRow<'_, AnyRow> for Notification {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let event_type = EventType::parse(row.try_get("event_type")?);
        let task_id: Option<i64> = row.try_get("task_id")?;
        let read_at: Option<i64> = row.try_get("read_at")?;
        Ok(Notification {
            id: row.try_get("notification_id")?,
            event_type: event_type.ok_or(sqlx::Error::RowNotFound)?,
            task_id: task_id.map(TaskId),
            title: row.try_get("title")?,
            occurred_at: from_micros(row.try_get("occurred_at")?),
            is_read: read_at.is_some(),
        })
    }
}

/// What a person was told in the page, newest first, only numbers below `before`, at most `limit`.
/// A task that is deleted since has no number, so that nothing leads to it.
pub async fn notifications(
    conn: &mut AnyConnection,
    user_id: &UserId,
    before: i64,
    limit: i64,
) -> Result<Vec<Notification>, sqlx::Error> {
    sqlx::query_as(
        "select n.notification_id, n.event_type, t.task_id, n.title, n.occurred_at, n.read_at \
         from notifications n left join tasks t on t.task_id = n.task_id \
         where n.user_id = $1 and n.notification_id < $2 \
         order by n.notification_id desc limit $3",
    )
    .bind(&user_id.0)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// How many of those a person has not read.
pub async fn unread(pool: &AnyPool, user_id: &UserId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from notifications where user_id = $1 and read_at is null")
        .bind(&user_id.0)
        .fetch_one(pool)
        .await
}
