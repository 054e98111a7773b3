//! How an event is born: [`append`], inside the transaction that changes the state, and nowhere else.

use crate::db::{Tx, now, to_micros};
use crate::error::Error;
use crate::event::{Envelope, Event, EventData, Timestamp};
use crate::id::{CommandId, EventId, Seq, TaskId, UserId};
use crate::version::{self, Unreadable};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, FromRow, Row};
use uuid::Uuid;

/// The largest an event's JSON may be, in bytes: below Kafka's 1 MiB with room for headers.
pub const MAX_BYTES: usize = 900 * 1024;

/// Who asks, for what, and from where: is kept beside the event.
#[derive(Clone, Debug)]
pub struct Cause {
    pub actor_id: UserId,
    pub command_id: Option<CommandId>,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Stays in the event store and the audit log: no transport carries it.
    pub origin: Origin,
}

impl Cause {
    /// No request: what the application does by itself, or who is at its command line.
    pub fn unasked(actor: impl Into<String>) -> Cause {
        Cause {
            actor_id: UserId(actor.into()),
            command_id: None,
            traceparent: None,
            origin: Origin::default(),
        }
    }
}

/// Where a request comes from; empty where there is none.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub address: String,
    /// What the browser calls itself, at most 300 characters.
    pub user_agent: String,
}

impl Origin {
    /// As events say it: what there is to say comes first in what a browser calls itself.
    pub fn shortened(&self) -> Origin {
        Origin {
            address: self.address.clone(),
            user_agent: self.user_agent.chars().take(120).collect(),
        }
    }
}

/// Takes the stream's row lock: from here to the commit nobody else changes anything of this
/// person's. Every command begins with it, so that state and events are read and written in the
/// same order. Errors: `Unauthenticated` if there is no such person.
pub async fn lock_stream(tx: &mut Tx, user_id: &UserId) -> Result<Seq, Error> {
    let sql = format!(
        "select last_seq from streams where user_id = $1{}",
        tx.for_update()
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(&user_id.0)
        .fetch_optional(&mut **tx)
        .await?
        .map(Seq)
        .ok_or_else(Error::unauthenticated)
}

/// Begins a person's stream, for the command that makes the person.
pub async fn open_stream(tx: &mut Tx, user_id: &UserId) -> Result<(), Error> {
    sqlx::query("insert into streams (user_id) values ($1)")
        .bind(&user_id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The event of a command that has been carried out already: asking twice does it once.
/// Call it after [`lock_stream`].
pub async fn carried_out(tx: &mut Tx, cause: &Cause) -> Result<Option<Event>, Error> {
    let Some(command_id) = cause.command_id else {
        return Ok(None);
    };
    let sql = format!(
        "select {COLUMNS} from events where user_id = $1 and command_id = $2 order by seq limit 1"
    );
    let row: Option<StoredEvent> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&cause.actor_id.0)
        .bind(command_id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.and_then(|row| row.event.ok()))
}

/// Appends one event to the stream of `data.user_id()`, in the caller's transaction: it exists if
/// and only if the change it tells of does. Errors: `TooLarge` above [`MAX_BYTES`].
pub async fn append(tx: &mut Tx, cause: &Cause, data: EventData) -> Result<Event, Error> {
    let envelope = Envelope {
        event_id: EventId(Uuid::now_v7()),
        event_type: data.event_type(),
        timestamp: data.occurred_at(),
        version: data.event_type().version().into(),
        data,
    };
    let size = serde_json::to_vec(&envelope)
        .map_err(|_| Error::internal())?
        .len();
    if size > MAX_BYTES {
        return Err(Error::too_large(
            "description",
            format!(
                "This change is {} KiB; at most {} KiB fit. Shorten it.",
                size / 1024,
                MAX_BYTES / 1024
            ),
        ));
    }
    let user_id = envelope.data.user_id();
    let origin = cause.origin.shortened();
    let seq: i64 = sqlx::query_scalar(
        "update streams set last_seq = last_seq + 1 where user_id = $1 returning last_seq",
    )
    .bind(&user_id.0)
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query(
        "insert into events (event_id, event_type, version, user_id, seq, actor_id, task_id, \
         command_id, occurred_at, data, traceparent, address, user_agent) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(envelope.event_id.to_string())
    .bind(envelope.event_type.as_str())
    .bind(&envelope.version)
    .bind(&user_id.0)
    .bind(seq)
    .bind(&cause.actor_id.0)
    .bind(envelope.data.task_id().map(|id| id.0))
    .bind(cause.command_id.map(|id| id.to_string()))
    .bind(to_micros(envelope.timestamp))
    .bind(serde_json::to_string(&envelope.data).map_err(|_| Error::internal())?)
    .bind(&cause.traceparent)
    .bind(origin.address)
    .bind(origin.user_agent)
    .execute(&mut **tx)
    .await?;
    tx.mark_appended();
    Ok(Event {
        seq: Seq(seq),
        actor_id: cause.actor_id.clone(),
        command_id: cause.command_id,
        traceparent: cause.traceparent.clone(),
        envelope,
    })
}

/// When a command happens: one moment for the state and the event, never before `not_before`
/// (a clock set back must not complete a task before it was created).
pub fn moment(not_before: Timestamp) -> Timestamp {
    now().max(not_before)
}

/// A row of the event store: an event, and its place in the log of what was published.
pub struct StoredEvent {
    pub position: i64,
    pub log_offset: Option<i64>,
    /// Where the transport has it: partition and offset.
    pub place: Option<(i64, i64)>,
    pub published_at: Option<Timestamp>,
    pub user_id: UserId,
    pub seq: Seq,
    /// As it was written: this application may not know it.
    pub event_type: String,
    pub event: Result<Event, Unreadable>,
}

/// The columns [`StoredEvent`] reads, for every `select` from `events`.
pub const COLUMNS: &str = "position, log_offset, partition, place, published_at, event_id, event_type, version, user_id, seq, \
                           actor_id, command_id, occurred_at, data, traceparent";

impl FromRow<'_, AnyRow> for StoredEvent {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(StoredEvent {
            position: row.try_get("position")?,
            log_offset: row.try_get("log_offset")?,
            place: row
                .try_get::<Option<i64>, _>("partition")?
                .zip(row.try_get("place")?),
            published_at: row
                .try_get::<Option<i64>, _>("published_at")?
                .map(crate::db::from_micros),
            user_id: UserId(row.try_get("user_id")?),
            seq: Seq(row.try_get("seq")?),
            event_type: row.try_get("event_type")?,
            event: match data(row)? {
                Ok(data) => Ok(event(row, data)?),
                Err(unreadable) => Err(unreadable),
            },
        })
    }
}

fn data(row: &AnyRow) -> Result<Result<EventData, Unreadable>, sqlx::Error> {
    let (event_type, version): (String, String) =
        (row.try_get("event_type")?, row.try_get("version")?);
    let data: String = row.try_get("data")?;
    let data = serde_json::from_str(&data).map_err(|e| decode("data", e))?;
    Ok(version::read(&event_type, &version, data))
}

fn event(row: &AnyRow, data: EventData) -> Result<Event, sqlx::Error> {
    let uuid = |column: &str, text: &str| Uuid::parse_str(text).map_err(|e| decode(column, e));
    let command_id: Option<String> = row.try_get("command_id")?;
    Ok(Event {
        seq: Seq(row.try_get("seq")?),
        actor_id: UserId(row.try_get("actor_id")?),
        command_id: command_id
            .map(|text| uuid("command_id", &text).map(CommandId))
            .transpose()?,
        traceparent: row.try_get("traceparent")?,
        envelope: Envelope {
            event_id: EventId(uuid("event_id", row.try_get("event_id")?)?),
            event_type: data.event_type(),
            timestamp: crate::db::from_micros(row.try_get("occurred_at")?),
            version: data.event_type().version().into(),
            data,
        },
    })
}

fn decode(
    column: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.into(),
        source: source.into(),
    }
}

/// A person's events after `after`, oldest first, at most `limit`, and none beyond one that cannot
/// be read. Errors: the very first cannot be read; [`unreadable`] tells why.
pub async fn after(
    conn: &mut AnyConnection,
    user_id: &UserId,
    after: Seq,
    limit: i64,
) -> Result<Vec<Event>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from events where user_id = $1 and seq > $2 order by seq limit $3"
    );
    let rows: Vec<StoredEvent> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(after.0)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    readable(rows)
}

/// The same, but no more than fill `bytes` of JSON, and the one that goes beyond: for whoever may
/// have to keep them.
pub async fn after_within(
    conn: &mut AnyConnection,
    user_id: &UserId,
    after: Seq,
    limit: i64,
    bytes: i64,
) -> Result<Vec<Event>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from ( \
         select {COLUMNS}, sum(octet_length(data)) over (order by seq) - octet_length(data) as filled \
         from (select {COLUMNS} from events where user_id = $1 and seq > $2 \
               order by seq limit $3) as page \
         ) as page where filled < $4 order by seq"
    );
    let rows: Vec<StoredEvent> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(after.0)
        .bind(limit)
        .bind(bytes)
        .fetch_all(conn)
        .await?;
    readable(rows)
}

fn readable(rows: Vec<StoredEvent>) -> Result<Vec<Event>, sqlx::Error> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        match row.event {
            Ok(event) => events.push(event),
            Err(error) if events.is_empty() => return Err(sqlx::Error::Decode(Box::new(error))),
            Err(_) => break,
        }
    }
    Ok(events)
}

/// The events of a task up to `upto`, oldest first. Errors: one cannot be read; [`unreadable`] tells why.
pub async fn of_task(
    conn: &mut AnyConnection,
    user_id: &UserId,
    task_id: TaskId,
    upto: Seq,
) -> Result<Vec<Event>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS} from events where user_id = $1 and task_id = $2 and seq <= $3 order by seq"
    );
    let rows: Vec<StoredEvent> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(task_id.0)
        .bind(upto.0)
        .fetch_all(conn)
        .await?;
    let events = rows.into_iter().map(|row| row.event);
    let events: Result<_, Unreadable> = events.collect();
    events.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// One event of a person's, if it is there.
pub async fn stored(
    conn: &mut AnyConnection,
    user_id: &UserId,
    seq: Seq,
) -> Result<Option<StoredEvent>, sqlx::Error> {
    let sql = format!("select {COLUMNS} from events where user_id = $1 and seq = $2");
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(seq.0)
        .fetch_optional(conn)
        .await
}

/// Events by their ids, in any order; none for an id that is not known.
pub async fn by_ids(
    conn: &mut AnyConnection,
    ids: &[EventId],
) -> Result<Vec<StoredEvent>, sqlx::Error> {
    // UUIDs, so safe inside of SQL.
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let sql = format!(
        "select {COLUMNS} from events where event_id in ({})",
        ids.join(", ")
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        // Never the same text twice: not worth a place among the prepared statements.
        .persistent(false)
        .fetch_all(conn)
        .await
}

/// Why [`after`] could not read an event, if that is what went wrong.
pub fn unreadable(error: &sqlx::Error) -> Option<&Unreadable> {
    match error {
        sqlx::Error::Decode(source) => source.downcast_ref(),
        _ => None,
    }
}
