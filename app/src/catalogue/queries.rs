//! SQL to the newest events of a person.

use crate::event::Event;
use crate::id::UserId;
use crate::outbox::{COLUMNS, StoredEvent};
use sqlx::{AnyConnection, AssertSqlSafe};

/// A person's newest event of each type, as far as they can be read.
pub async fn newest(conn: &mut AnyConnection, user_id: &UserId) -> Result<Vec<Event>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from events where user_id = $1 and seq in \
         (select max(seq) from events where user_id = $1 group by event_type)"
    );
    let rows: Vec<StoredEvent> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&user_id.0)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.event.ok()).collect())
}
