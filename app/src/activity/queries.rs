//! SQL to lines of the feed, from the tables of the consumers activity and lists.

use super::{Entry, Feed, Filter, PAGE};
use crate::db::{from_micros, to_micros};
use crate::event::{EventType, Timestamp};
use crate::id::{Seq, TaskId, UserId};
use crate::tasks::marks::Name;
use chrono::TimeDelta;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, AnyConnection, AssertSqlSafe, FromRow, Row};

/// Who has not looked for so long was away.
const AWAY: TimeDelta = TimeDelta::minutes(5);
/// A look is noted again after so long.
const NOTED: TimeDelta = TimeDelta::minutes(1);
/// More new lines than this nobody counts, nor more lists to choose from.
const MOST: i64 = 500;

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

/// The newest [`PAGE`] lines before `before`, or of all, that `filter` admits, about tasks that are
/// in `list`, or were when they were deleted.
pub async fn page(
    conn: &mut AnyConnection,
    user_id: &UserId,
    before: Option<Seq>,
    filter: &Filter,
    list: Option<&str>,
) -> Result<Feed, sqlx::Error> {
    let seq = progress(conn, user_id, "activity").await?;
    let wanted = wanted(filter, list);
    let sql = format!(
        "select seq, event_type, actor_id, task_id, title, changes, occurred_at from activity \
         where user_id = $1 and seq < $2{wanted} order by seq desc limit $3"
    );
    let before = before.map_or(i64::MAX, |seq| seq.0);
    let lines = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(before)
        .bind(PAGE as i64 + 1);
    let mut entries: Vec<Entry> = bind(lines, filter, list).fetch_all(conn).await?;
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    Ok(Feed { entries, seq, more })
}

/// How far a consumer is with a person's events.
async fn progress(
    conn: &mut AnyConnection,
    user_id: &UserId,
    consumer: &str,
) -> Result<Seq, sqlx::Error> {
    let seq: Option<i64> = sqlx::query_scalar(
        "select last_seq from consumer_progress where consumer = $2 and user_id = $1",
    )
    .bind(&user_id.0)
    .bind(consumer)
    .fetch_optional(conn)
    .await?;
    Ok(Seq(seq.unwrap_or(0)))
}

/// Only what is asked for, so that each asks the index that is made for it.
fn wanted(filter: &Filter, list: Option<&str>) -> String {
    let mut wanted = String::new();
    if filter.kind.is_some() {
        wanted += " and event_type = $4";
    }
    match filter.mine {
        Some(true) => wanted += " and actor_id = user_id",
        Some(false) => wanted += " and actor_id <> user_id",
        None => {}
    }
    if filter.from.is_some() {
        wanted += " and occurred_at >= $5 and occurred_at < $6";
    }
    if list.is_some() {
        wanted +=
            " and task_id in (select task_id from task_lists where user_id = $1 and list = $7)";
    }
    wanted
}

/// $4 to $7 of [`wanted`].
fn bind<'q, T>(
    query: QueryAs<'q, Any, T, AnyArguments>,
    filter: &Filter,
    list: Option<&str>,
) -> QueryAs<'q, Any, T, AnyArguments> {
    query
        .bind(filter.kind.map(EventType::as_str))
        .bind(filter.from.map(to_micros))
        .bind(filter.until.map(to_micros))
        .bind(list.map(str::to_owned))
}

/// What came to a filtered feed since its newest line was `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newer {
    pub since: Seq,
    /// So many lines, as far as anybody counts.
    pub lines: i64,
    /// Everything up to here is counted.
    pub seq: Seq,
}

pub async fn newer(
    conn: &mut AnyConnection,
    user_id: &UserId,
    since: Seq,
    filter: &Filter,
    list: Option<&str>,
) -> Result<Newer, sqlx::Error> {
    let seq = told_with_lists(conn, user_id).await?;
    let wanted = wanted(filter, list);
    let sql = format!(
        "select count(*) from (select seq from activity where user_id = $1 and seq > $2{wanted} \
         limit $3) as newer"
    );
    let count = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(since.0)
        .bind(MOST);
    let (lines,): (i64,) = bind(count, filter, list).fetch_one(conn).await?;
    Ok(Newer { since, lines, seq })
}

/// How far the feed goes with the lists of its tasks: two consumers write them.
async fn told_with_lists(conn: &mut AnyConnection, user_id: &UserId) -> Result<Seq, sqlx::Error> {
    let told = progress(conn, user_id, "activity").await?;
    let listed = progress(conn, user_id, "lists").await?;
    // It need not hear of what names no list.
    let last: Option<i64> = sqlx::query_scalar(
        "select seq from events where user_id = $1 and seq <= $2 \
         and event_type in ('task.created', 'task.updated') order by seq desc limit 1",
    )
    .bind(&user_id.0)
    .bind(told.0)
    .fetch_optional(conn)
    .await?;
    Ok(match last {
        Some(last) if listed.0 < last => listed,
        _ => told,
    })
}

/// The lists that a person's tasks are in, or were when they were deleted, by name.
pub async fn lists(conn: &mut AnyConnection, user_id: &UserId) -> Result<Vec<Name>, sqlx::Error> {
    let lists: Vec<(String, String)> = sqlx::query_as(
        "select list, min(name) from task_lists where user_id = $1 group by list order by list limit $2",
    )
    .bind(&user_id.0)
    .bind(MOST)
    .fetch_all(conn)
    .await?;
    let lists = lists.into_iter();
    Ok(lists.map(|(key, said)| Name { key, said }).collect())
}

/// What happened since a person last looked.
#[derive(Clone, Debug, PartialEq)]
pub struct Away {
    pub since: Timestamp,
    /// Up to here it is told.
    pub seq: Seq,
    /// How many of which kind: one's own, and those of others.
    pub mine: Vec<(EventType, i64)>,
    pub others: Vec<(EventType, i64)>,
}

/// How a person comes back to their feed.
#[derive(Clone, Debug, PartialEq)]
pub enum Return {
    /// Something happened while they were away.
    Away(Away),
    /// Nothing did, or they were here all the time; that is to be noted.
    Note,
    /// It is noted already.
    Noted,
}

/// What happened while the person was away, if they were, and `seq` is how far their feed goes now.
///
/// Nobody but oneself changes one's tasks, mostly. Whatever a window has shown is seen, in whichever
/// window, so that what one did at the desk is no news on the telephone. What remains are changes
/// that no window showed: those of programs that use one's account, of devices that have said nothing
/// since, and those of others. Of one's own, the ones of the last minutes do not count: one has just
/// made them.
pub async fn away(
    conn: &mut AnyConnection,
    user_id: &UserId,
    seq: Seq,
    now: Timestamp,
) -> Result<Return, sqlx::Error> {
    let seen: Option<(i64, i64)> =
        sqlx::query_as("select seq, seen_at from feed_seen where user_id = $1")
            .bind(&user_id.0)
            .fetch_optional(&mut *conn)
            .await?;
    // For the first time here: everything is news, and nothing was missed.
    let Some((seen, seen_at)) = seen else {
        return Ok(Return::Note);
    };
    let since = from_micros(seen_at);
    if now - since < AWAY {
        let is_noted = seen >= seq.0 && now - since < NOTED;
        return Ok(if is_noted {
            Return::Noted
        } else {
            Return::Note
        });
    }
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select event_type, mine, count(*) from (select event_type, \
         case when actor_id = user_id then 1 else 0 end as mine from activity \
         where user_id = $1 and seq > $2 and seq <= $3 \
         and (actor_id <> user_id or occurred_at < $4)) as missed group by event_type, mine",
    )
    .bind(&user_id.0)
    .bind(seen)
    .bind(seq.0)
    .bind(to_micros(now - AWAY))
    .fetch_all(conn)
    .await?;
    let of = |wanted: i64| {
        let count = |event_type: &EventType| {
            let same = |row: &&(String, i64, i64)| row.0 == event_type.as_str() && row.1 == wanted;
            rows.iter().find(same).map(|row| (*event_type, row.2))
        };
        EventType::ALL.iter().filter_map(count).collect()
    };
    let (mine, others): (Vec<_>, Vec<_>) = (of(1), of(0));
    if mine.is_empty() && others.is_empty() {
        return Ok(Return::Note);
    }
    Ok(Return::Away(Away {
        since,
        seq,
        mine,
        others,
    }))
}
