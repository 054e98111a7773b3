//! One moment of a person's tasks and feed.

use super::{Place, Snapshot};
use crate::accounts::Me;
use crate::db::Db;
use crate::error::Error;
use crate::id::Seq;
use crate::{activity, tasks};

/// Reads everything the page needs from one database snapshot, so that the cursor fits the tasks.
/// `before` starts the feed at an older line.
pub async fn snapshot(
    db: &Db,
    me: Me,
    place: Place,
    before: Option<Seq>,
) -> Result<Snapshot, Error> {
    let mut tx = db.read().await?;
    let seq: i64 = sqlx::query_scalar("select last_seq from streams where user_id = $1")
        .bind(&me.user_id.0)
        .fetch_one(&mut *tx)
        .await?;
    let tasks = tasks::queries::all(&mut tx, &me.user_id).await?;
    let feed = activity::queries::page(&mut tx, &me.user_id, before).await?;
    Ok(Snapshot {
        me,
        tasks,
        seq: Seq(seq),
        feed,
        place,
        before,
        submitted: None,
        traces: false,
    })
}
