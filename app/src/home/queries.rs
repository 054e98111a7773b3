//! One moment of a person's tasks and feed.

use super::{Place, Snapshot};
use crate::accounts::{self, Me, Zone};
use crate::activity::queries::Return;
use crate::activity::tools::{Choices, Tools};
use crate::activity::{Asked, Filter};
use crate::db::{Db, now};
use crate::error::Error;
use crate::id::{Seq, UserId};
use crate::{activity, tasks};

/// Reads everything the page needs from one database snapshot, so that the cursor fits the tasks.
/// `before` starts the feed at an older line; a filter that cannot be is refused beside its fields, and
/// everything is shown.
pub async fn snapshot(
    db: &Db,
    me: Me,
    place: Place,
    before: Option<Seq>,
    asked: &Asked,
) -> Result<(Snapshot, Tools), Error> {
    let mut tx = db.read().await?;
    let known = accounts::queries::zone(&mut tx, &me.user_id).await?;
    let zone = known.unwrap_or(Zone::UTC);
    let (filter, list, refusal) = match asked.read(zone) {
        Ok(filter) => (filter, asked.list(), None),
        Err(refusal) => (Filter::default(), None, Some(refusal)),
    };
    let list = list.as_deref();
    let seq: i64 = sqlx::query_scalar("select last_seq from streams where user_id = $1")
        .bind(&me.user_id.0)
        .fetch_one(&mut *tx)
        .await?;
    let tasks = tasks::queries::all(&mut tx, &me.user_id).await?;
    let feed = activity::queries::page(&mut tx, &me.user_id, before, &filter, list).await?;
    let lists = activity::queries::lists(&mut tx, &me.user_id).await?;
    // Below an older line nothing new has a place.
    let newer = match list.filter(|_| before.is_none()) {
        Some(_) => {
            let newest = feed.entries.first().map_or(Seq(0), |entry| entry.seq);
            let user_id = &me.user_id;
            Some(activity::queries::newer(&mut tx, user_id, newest, &filter, list).await?)
        }
        None => None,
    };
    let back = activity::queries::away(&mut tx, &me.user_id, feed.seq, now()).await?;
    drop(tx);
    if back == Return::Note {
        note(db.clone(), me.user_id.clone(), feed.seq);
    }
    let choices = Choices {
        asked,
        filter: &filter,
        refusal,
        lists,
        zone,
    };
    let mut tools = Tools::of(choices, &back, newer);
    tools.asks_zone = known.is_none();
    let snapshot = Snapshot {
        me,
        tasks,
        seq: Seq(seq),
        feed,
        place,
        before,
        filter: filter.for_browser(list),
        submitted: None,
        traces: false,
    };
    Ok((snapshot, tools))
}

/// Notes that the person has looked: nobody has to wait for that, and the next look does it too.
fn note(db: Db, user_id: UserId, seq: Seq) {
    tokio::spawn(async move {
        let noted = db.write(move |tx| {
            Box::pin(async move { activity::commands::see(tx, &user_id, Some(seq)).await })
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "cannot note that somebody has looked");
        }
    });
}
