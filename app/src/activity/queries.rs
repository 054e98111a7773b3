//! SQL to lines of the feed, from the activity consumer's tables.

use super::{Entry, Feed, PAGE};
use crate::db::from_micros;
use crate::event::EventType;
use crate::id::{Seq, TaskId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row};

impl FromRow<'_, AnyRow> for Entry {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let decode = |column: &str, source: Box<dyn std::error::Error + Send + Sync>| {
            sqlx::Error::ColumnDecode {
                index: column.into(),
                source,
            }
        };
        let event_type: String = row.try_get("event_type")?;
        let changes: String = row.try_get("changes")?;
        Ok(Entry {
            seq: Seq(row.try_get("seq")?),
            event_type: EventType::parse(&event_type)
                .ok_or_else(|| decode("event_type", event_type.into()))?,
            actor_id: UserId(row.try_get("actor_id")?),
            task_id: row.try_get::<Option<i64>, _>("task_id")?.map(TaskId),
            title: row.try_get("title")?,
            changes: serde_json::from_str(&changes).map_err(|e| decode("changes", e.into()))?,
            at: from_micros(row.try_get("occurred_at")?),
        })
    }
}

/// The newest [`PAGE`] lines before `before`, or of all.
pub async fn page(
    conn: &mut AnyConnection,
    user_id: &UserId,
    before: Option<Seq>,
) -> Result<Feed, sqlx::Error> {
    let seq: Option<i64> = sqlx::query_scalar(
        "select last_seq from consumer_progress where consumer = 'activity' and user_id = $1",
    )
    .bind(&user_id.0)
    .fetch_optional(&mut *conn)
    .await?;
    let mut entries: Vec<Entry> = sqlx::query_as(
        "select seq, event_type, actor_id, task_id, title, changes, occurred_at from activity \
         where user_id = $1 and seq < $2 order by seq desc limit $3",
    )
    .bind(&user_id.0)
    .bind(before.map_or(i64::MAX, |seq| seq.0))
    .bind(PAGE as i64 + 1)
    .fetch_all(conn)
    .await?;
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    Ok(Feed {
        entries,
        seq: Seq(seq.unwrap_or(0)),
        more,
    })
}
