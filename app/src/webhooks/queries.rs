//! SQL to endpoints, and to what was sent to them.

use super::secret::Secrets;
use super::{CHOICES, Endpoint, Kind, Message, Target};
use crate::db::{from_micros, now, to_micros};
use crate::deliveries::{self, Attempt, Row};
use crate::event::{EventType, Timestamp};
use crate::id::UserId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow, Row as _};

const COLUMNS: &str = "endpoint_id, user_id, kind, url, description, jira, created_at, disabled_at, \
                       reason, failing_since, given_up, old_until, replay_seq, replay_to";

impl FromRow<'_, AnyRow> for Endpoint {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let time = |column: &str| -> Result<Option<Timestamp>, sqlx::Error> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(from_micros))
        };
        let (done, to): (Option<i64>, Option<i64>) =
            (row.try_get("replay_seq")?, row.try_get("replay_to")?);
        let jira: &str = row.try_get("jira")?;
        Ok(Endpoint {
            id: row.try_get("endpoint_id")?,
            user_id: UserId(row.try_get("user_id")?),
            kind: Kind::parse(row.try_get("kind")?).ok_or(sqlx::Error::RowNotFound)?,
            url: row.try_get("url")?,
            description: row.try_get("description")?,
            types: Vec::new(),
            jira: serde_json::from_str(jira).ok(),
            created_at: from_micros(row.try_get("created_at")?),
            disabled_at: time("disabled_at")?,
            reason: row.try_get("reason")?,
            failing_since: time("failing_since")?,
            given_up: row.try_get("given_up")?,
            old_until: from_micros(row.try_get("old_until")?),
            replay: done.zip(to),
        })
    }
}

/// A person's, oldest first.
pub async fn endpoints(
    conn: &mut AnyConnection,
    user_id: &UserId,
) -> Result<Vec<Endpoint>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from endpoints where user_id = $1 order by created_at, endpoint_id"
    );
    let mut endpoints: Vec<Endpoint> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&user_id.0)
        .fetch_all(&mut *conn)
        .await?;
    for endpoint in &mut endpoints {
        endpoint.types = types(conn, &endpoint.id).await?;
    }
    Ok(endpoints)
}

/// One of a person's, if it is there and theirs.
pub async fn endpoint(
    conn: &mut AnyConnection,
    user_id: &UserId,
    id: &str,
) -> Result<Option<Endpoint>, sqlx::Error> {
    let found = by_id(conn, id).await?;
    Ok(found.filter(|endpoint| endpoint.user_id == *user_id))
}

/// Whosever it is: for who is trusted.
pub async fn by_id(conn: &mut AnyConnection, id: &str) -> Result<Option<Endpoint>, sqlx::Error> {
    let sql = format!("select {COLUMNS} from endpoints where endpoint_id = $1");
    let endpoint: Option<Endpoint> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?;
    let Some(mut endpoint) = endpoint else {
        return Ok(None);
    };
    endpoint.types = types(conn, id).await?;
    Ok(Some(endpoint))
}

async fn types(conn: &mut AnyConnection, id: &str) -> Result<Vec<EventType>, sqlx::Error> {
    let names: Vec<String> =
        sqlx::query_scalar("select event_type from endpoint_types where endpoint_id = $1")
            .bind(id)
            .fetch_all(conn)
            .await?;
    let chosen = |t: &&EventType| names.iter().any(|name| name == t.as_str());
    Ok(CHOICES.iter().filter(chosen).copied().collect())
}

/// What is needed to send to an endpoint, if it is there still.
pub async fn target(conn: &mut AnyConnection, id: &str) -> Result<Option<Target>, sqlx::Error> {
    let Some(endpoint) = by_id(conn, id).await? else {
        return Ok(None);
    };
    let secrets: Option<(String, String)> =
        sqlx::query_as("select secret, old_secret from endpoints where endpoint_id = $1")
            .bind(id)
            .fetch_optional(conn)
            .await?;
    Ok(secrets.map(|(current, old)| Target {
        secrets: Secrets::at(now(), current, old, endpoint.old_until),
        endpoint,
    }))
}

/// Which of a person's endpoints want to hear of what happened `at`: those that are on, and have
/// wanted such events since before.
pub async fn wanting(
    conn: &mut AnyConnection,
    user_id: &UserId,
    event_type: EventType,
    at: Timestamp,
) -> Result<Vec<(String, Kind)>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select e.endpoint_id, e.kind from endpoints e \
         join endpoint_types t on t.endpoint_id = e.endpoint_id \
         where e.user_id = $1 and e.disabled_at is null and t.event_type = $2 and t.since < $3 \
         order by e.created_at, e.endpoint_id",
    )
    .bind(&user_id.0)
    .bind(event_type.as_str())
    .bind(to_micros(at))
    .fetch_all(conn)
    .await?;
    let known = |(id, kind): (String, String)| Some((id, Kind::parse(&kind)?));
    Ok(rows.into_iter().filter_map(known).collect())
}

/// A delivery as its person sees it.
pub struct Log {
    pub row: Row,
    pub message: Message,
    /// Newest first.
    pub attempts: Vec<Attempt>,
}

/// What was sent to an endpoint, newest first, only numbers below `before`, at most `limit`.
pub async fn log(
    conn: &mut AnyConnection,
    endpoint: &Endpoint,
    before: i64,
    limit: i64,
) -> Result<Vec<Log>, sqlx::Error> {
    let kind = endpoint.kind.as_str();
    let rows = deliveries::queries::to(conn, kind, &endpoint.id, before, limit).await?;
    let mut log = Vec::with_capacity(rows.len());
    for (row, payload) in rows {
        let mut attempts = deliveries::queries::attempts(conn, row.id).await?;
        attempts.reverse();
        log.push(Log {
            message: serde_json::from_str(&payload).unwrap_or(Message {
                body: String::new(),
                test: false,
            }),
            row,
            attempts,
        });
    }
    Ok(log)
}
