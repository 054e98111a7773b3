//! Walks the chain: whether every row is as it was written, and of an event that is as it was.

use super::queries::{self, Filter};
use super::{Entry, GENESIS, Row, Source};
use crate::db::Db;
use sqlx::AnyConnection;
use std::collections::HashMap;

/// Rows read at a time.
const PAGE: i64 = 500;

/// How far the log is as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The last row before the first that is wrong, and its hash.
    pub number: i64,
    pub hash: String,
    /// What is wrong, in a sentence.
    pub problem: Option<String>,
}

/// Verifies the log in a snapshot, so that it may run beside the application. `kept`: a hash that
/// somebody noted of an earlier end of the log, which has to be in it.
pub async fn verify(db: &Db, kept: Option<&str>) -> Result<Report, sqlx::Error> {
    let mut tx = db.read().await?;
    let mut report = Report {
        number: 0,
        hash: GENESIS.into(),
        problem: None,
    };
    let mut is_kept = kept.is_none_or(|kept| kept == GENESIS);
    // Below every number there may be: one that is 0 or less is wrong too.
    let mut after = i64::MIN;
    loop {
        let rows = queries::after(&mut tx, &Filter::default(), after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        let sources = queries::sources(&mut tx, after, PAGE).await?;
        let sources = sources
            .into_iter()
            .map(|source| (source.event_id.clone(), source));
        let mut sources: HashMap<String, Source> = sources.collect();
        after = last.number;
        for row in rows {
            report.problem = wrong(&row, &report, sources.remove(&row.entry.event_id));
            if report.problem.is_some() {
                return Ok(report);
            }
            is_kept |= kept == Some(row.hash.as_str());
            (report.number, report.hash) = (row.number, row.hash);
        }
    }
    report.problem = wrong_end(&mut tx, &report).await?;
    if report.problem.is_none() && !is_kept {
        report.problem = Some(
            "The hash that was kept is that of no row: the log was written anew since, or cut off."
                .into(),
        );
    }
    Ok(report)
}

/// What is wrong with the row that comes after what was found well.
fn wrong(row: &Row, before: &Report, source: Option<Source>) -> Option<String> {
    let number = before.number + 1;
    if row.number != number {
        return Some(format!(
            "Row {number} is missing: after row {} comes row {}.",
            before.number, row.number
        ));
    }
    if row.prev_hash != before.hash {
        return Some(format!(
            "Row {number} does not follow row {}: it names another hash before it.",
            before.number
        ));
    }
    if row.compute() != row.hash {
        return Some(format!(
            "Row {number} was changed: what it says does not have the hash it has."
        ));
    }
    let Some(source) = source else {
        return Some(format!(
            "Row {number} is of event {}, which the event store does not have.",
            row.entry.event_id
        ));
    };
    let entry = source.entry();
    (entry != row.entry).then(|| {
        format!(
            "Row {number} and its event {} differ in {}.",
            entry.event_id,
            differences(&row.entry, &entry)
        )
    })
}

/// What two entries say differently.
fn differences(row: &Entry, event: &Entry) -> String {
    let pairs = [
        ("event_type", row.event_type == event.event_type),
        ("user_id", row.user_id == event.user_id),
        ("seq", row.seq == event.seq),
        ("actor_id", row.actor_id == event.actor_id),
        ("task_id", row.task_id == event.task_id),
        ("occurred_at", row.at == event.at),
        ("address", row.address == event.address),
        ("user_agent", row.user_agent == event.user_agent),
        ("detail", row.detail == event.detail),
        ("traceparent", row.traceparent == event.traceparent),
        ("event_hash", row.event_hash == event.event_hash),
    ];
    let names = pairs.iter().filter(|(_, same)| !same);
    let names: Vec<&str> = names.map(|(name, _)| *name).collect();
    names.join(", ")
}

/// What is wrong with where the log ends.
async fn wrong_end(conn: &mut AnyConnection, end: &Report) -> Result<Option<String>, sqlx::Error> {
    match queries::head(conn).await? {
        Some((number, hash)) if (number, hash.as_str()) == (end.number, end.hash.as_str()) => {}
        Some((number, _)) if number > end.number => {
            return Ok(Some(format!(
                "The log ends with row {}, but {number} rows were written.",
                end.number
            )));
        }
        _ => {
            return Ok(Some(format!(
                "Row {} is not the last that was written: it was added by somebody else.",
                end.number
            )));
        }
    }
    let missing = queries::missing(conn).await?;
    Ok(missing.map(|(user_id, seq)| {
        format!(
            "Event {seq} of {user_id} was in the log, and has no row in it any more; or it is a dead \
             letter, if `todo dlq list --consumer audit` says so: then redrive it."
        )
    }))
}
