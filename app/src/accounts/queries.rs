//! SQL to people and sessions.

use super::session::Session;
use super::{SessionInfo, Zone};
use crate::db::{from_micros, now, to_micros};
use crate::id::{SessionId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

/// The person with this e-mail address, and their password's hash.
pub async fn login(pool: &AnyPool, email: &str) -> Result<Option<(UserId, String)>, sqlx::Error> {
    let row: Option<(String, String)> =
        sqlx::query_as("select user_id, password_hash from users where email = $1")
            .bind(email)
            .fetch_optional(pool)
            .await?;
    Ok(row.map(|(user_id, hash)| (UserId(user_id), hash)))
}

/// The session of this token, unless it has expired.
pub async fn session(pool: &AnyPool, token_hash: &str) -> Result<Option<Session>, sqlx::Error> {
    let row: Option<AnyRow> = sqlx::query(
        "select s.session_id, s.user_id, s.last_seen_at, s.expires_at, u.name, u.email, u.role \
         from sessions s join users u on u.user_id = s.user_id \
         where s.token_hash = $1 and s.expires_at > $2",
    )
    .bind(token_hash)
    .bind(to_micros(now()))
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(Session {
            session_id: SessionId(row.try_get("session_id")?),
            user_id: UserId(row.try_get("user_id")?),
            last_seen_at: from_micros(row.try_get("last_seen_at")?),
            expires_at: from_micros(row.try_get("expires_at")?),
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            is_admin: row.try_get::<&str, _>("role")? == "admin",
        })
    })
    .transpose()
}

/// A person's sessions that have not expired, last used first.
pub async fn sessions(
    pool: &AnyPool,
    user_id: &UserId,
    current: &SessionId,
) -> Result<Vec<SessionInfo>, sqlx::Error> {
    let rows: Vec<AnyRow> = sqlx::query(
        "select session_id, created_at, last_seen_at, user_agent, address from sessions \
         where user_id = $1 and expires_at > $2 order by last_seen_at desc, session_id",
    )
    .bind(&user_id.0)
    .bind(to_micros(now()))
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let session_id = SessionId(row.try_get("session_id")?);
            Ok(SessionInfo {
                current: session_id == *current,
                session_id,
                created_at: from_micros(row.try_get("created_at")?),
                last_seen_at: from_micros(row.try_get("last_seen_at")?),
                user_agent: row.try_get("user_agent")?,
                address: row.try_get("address")?,
            })
        })
        .collect()
}

/// The person's time zone, if it is known.
pub async fn zone(conn: &mut AnyConnection, user_id: &UserId) -> Result<Option<Zone>, sqlx::Error> {
    let name: Option<String> = sqlx::query_scalar("select time_zone from users where user_id = $1")
        .bind(&user_id.0)
        .fetch_one(conn)
        .await?;
    Ok(name.as_deref().and_then(Zone::parse))
}
