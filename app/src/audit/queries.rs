//! SQL to rows of the log, and to the events they are of.

use super::{CONSUMER, Entry, Row, Source};
use crate::db::{from_micros, to_micros};
use crate::event::Timestamp;
use crate::id::{Seq, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow, Row as _};

const COLUMNS: &str = "a.number, a.prev_hash, a.event_id, a.event_type, a.user_id, a.seq, \
     a.actor_id, a.task_id, a.occurred_at, a.address, a.user_agent, a.detail, a.traceparent, \
     a.event_hash, a.hash";

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Row {
            number: row.try_get("number")?,
            prev_hash: row.try_get("prev_hash")?,
            entry: Entry {
                event_id: row.try_get("event_id")?,
                event_type: row.try_get("event_type")?,
                user_id: row.try_get("user_id")?,
                seq: row.try_get("seq")?,
                actor_id: row.try_get("actor_id")?,
                task_id: row.try_get("task_id")?,
                at: from_micros(row.try_get("occurred_at")?),
                address: row.try_get("address")?,
                user_agent: row.try_get("user_agent")?,
                detail: row.try_get("detail")?,
                traceparent: row.try_get("traceparent")?,
                event_hash: row.try_get("event_hash")?,
            },
            hash: row.try_get("hash")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Source {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Source {
            event_id: row.try_get("event_id")?,
            event_type: row.try_get("event_type")?,
            version: row.try_get("version")?,
            user_id: row.try_get("user_id")?,
            seq: row.try_get("seq")?,
            actor_id: row.try_get("actor_id")?,
            task_id: row.try_get("task_id")?,
            command_id: row.try_get("command_id")?,
            at: from_micros(row.try_get("occurred_at")?),
            data: row.try_get("data")?,
            traceparent: row.try_get("traceparent")?,
            address: row.try_get("address")?,
            user_agent: row.try_get("user_agent")?,
        })
    }
}

const SOURCE: &str = "e.event_id, e.event_type, e.version, e.user_id, e.seq, e.actor_id, \
                      e.task_id, e.command_id, e.occurred_at, e.data, e.traceparent, \
                      e.address, e.user_agent";

/// An event that has no row yet.
pub async fn source(
    conn: &mut AnyConnection,
    user_id: &UserId,
    seq: Seq,
) -> Result<Option<Source>, sqlx::Error> {
    let sql = format!(
        "select {SOURCE} from events e where e.user_id = $1 and e.seq = $2 \
         and not exists (select 1 from audit_log a where a.event_id = e.event_id)"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(seq.0)
        .fetch_optional(conn)
        .await
}

/// The events of the rows after `number`, as many as [`after`] gives rows.
pub async fn sources(
    conn: &mut AnyConnection,
    number: i64,
    limit: i64,
) -> Result<Vec<Source>, sqlx::Error> {
    let sql = format!(
        "select {SOURCE} from (select event_id from audit_log where number > $1 \
         order by number limit $2) a join events e on e.event_id = a.event_id"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(number)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// What to show; everything there is by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Who did it, or whose stream it is in.
    pub person: Option<String>,
    pub kind: Option<String>,
    pub from: Option<Timestamp>,
    /// Only what was before.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// What stands in `where`, with parameters from $3 on, for which [`rows`] has the values.
    fn conditions(&self) -> String {
        let mut sql = String::new();
        let mut place = 2;
        let mut add = |wanted: bool, condition: &str| {
            if wanted {
                place += 1;
                sql += " and ";
                sql += &condition.replace('?', &format!("${place}"));
            }
        };
        add(self.person.is_some(), "(a.user_id = ? or a.actor_id = ?)");
        add(self.kind.is_some(), "a.event_type = ?");
        add(self.from.is_some(), "a.occurred_at >= ?");
        add(self.to.is_some(), "a.occurred_at < ?");
        sql
    }
}

/// Rows after `number`, in their order, at most `limit`.
pub async fn after(
    conn: &mut AnyConnection,
    filter: &Filter,
    number: i64,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    rows(conn, filter, ("a.number > $1", "a.number"), number, limit).await
}

/// Rows before `number`, newest first, at most `limit`.
pub async fn before(
    conn: &mut AnyConnection,
    filter: &Filter,
    number: i64,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let newest_first = ("a.number < $1", "a.number desc");
    rows(conn, filter, newest_first, number, limit).await
}

/// Those of `filter` from `number` on, in this `order`: what stands in `where` and in `order by`.
async fn rows(
    conn: &mut AnyConnection,
    filter: &Filter,
    (from, order): (&str, &str),
    number: i64,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let conditions = filter.conditions();
    let sql = format!(
        "select {COLUMNS} from audit_log a where {from}{conditions} order by {order} limit $2"
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(number).bind(limit);
    for text in [&filter.person, &filter.kind].into_iter().flatten() {
        query = query.bind(text.clone());
    }
    for at in [filter.from, filter.to].into_iter().flatten() {
        query = query.bind(to_micros(at));
    }
    query.fetch_all(conn).await
}

/// The number of the last row, and its hash, as the log remembers them.
pub async fn head(conn: &mut AnyConnection) -> Result<Option<(i64, String)>, sqlx::Error> {
    sqlx::query_as("select number, hash from audit_head where one = 1")
        .fetch_optional(conn)
        .await
}

/// An event that the consumer has dealt with and that has no row: in whose stream, and its number there.
pub async fn missing(conn: &mut AnyConnection) -> Result<Option<(String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select e.user_id, e.seq from events e \
         join consumer_progress p on p.consumer = $1 and p.user_id = e.user_id \
         where e.seq <= p.last_seq \
         and not exists (select 1 from audit_log a where a.event_id = e.event_id) \
         order by e.position limit 1",
    )
    .bind(CONSUMER)
    .fetch_optional(conn)
    .await
}

/// How the log was found when somebody last looked.
pub struct Check {
    pub at: Timestamp,
    pub number: i64,
    pub hash: String,
    pub problem: String,
}

pub async fn last_check(conn: &mut AnyConnection) -> Result<Option<Check>, sqlx::Error> {
    let row: Option<(i64, i64, String, String)> =
        sqlx::query_as("select checked_at, number, hash, problem from audit_checks where one = 1")
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(at, number, hash, problem)| Check {
        at: from_micros(at),
        number,
        hash,
        problem,
    }))
}

/// Who somebody is: a person by their e-mail address, else what was given.
pub async fn person(conn: &mut AnyConnection, given: &str) -> Result<String, sqlx::Error> {
    let given = given.trim();
    let found: Option<String> = sqlx::query_scalar("select user_id from users where email = $1")
        .bind(given.to_lowercase())
        .fetch_optional(conn)
        .await?;
    Ok(found.unwrap_or_else(|| given.to_owned()))
}

/// The e-mail addresses of those of `ids` who are people.
pub async fn names(
    conn: &mut AnyConnection,
    ids: &[&str],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let mut names = Vec::new();
    for id in ids {
        let email: Option<String> =
            sqlx::query_scalar("select email from users where user_id = $1")
                .bind(*id)
                .fetch_optional(&mut *conn)
                .await?;
        names.extend(email.map(|email| ((*id).to_owned(), email)));
    }
    Ok(names)
}
