//! The audit log at the command line (`todo audit`), and to be downloaded.

use crate::web::{Refused, Web};
use anyhow::{Context, bail};
use app::accounts::session;
use app::audit::queries::{self, Filter};
use app::audit::view::Asked;
use app::audit::{Row, verify};
use app::db::{Db, from_micros};
use app::error::{Error, Kind};
use app::event::Timestamp;
use app::stats::Zone;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use clap::Subcommand;
use futures::stream;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::json;
use std::io::{ErrorKind, Write};

/// Rows read at a time.
const PAGE: i64 = 500;

#[derive(Clone, Debug, Subcommand)]
pub enum Audit {
    /// Walk the chain and compare each row with its event; exit 1 at the first that is wrong
    Verify {
        /// The hash of an earlier end of the log, as it was printed then and kept elsewhere: it has
        /// to be in the log still
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<String>,
    },
    /// Print the rows as JSON Lines, and to the standard error the hash of the last row of the log
    Export {
        /// Only what happened from then on: a day (UTC) such as 2026-11-25, or a time in RFC 3339
        #[arg(long, value_name = "TIME", value_parser = begins)]
        from: Option<Timestamp>,
        /// Only what happened up to then, the whole of a day
        #[arg(long, value_name = "TIME", value_parser = ends)]
        to: Option<Timestamp>,
    },
}

fn hash(text: &str) -> Result<String, String> {
    let text = text.to_lowercase();
    let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match is_hash {
        true => Ok(text),
        false => Err("a hash has 64 hexadecimal digits".into()),
    }
}

fn begins(text: &str) -> Result<Timestamp, String> {
    time(text, 0)
}

fn ends(text: &str) -> Result<Timestamp, String> {
    time(text, 1)
}

/// A time, or the beginning of a day that is `later` days later.
fn time(text: &str, later: i64) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let day = day.signed_duration_since(NaiveDate::default()).num_days();
        return Ok(Zone::UTC.begins(day + later));
    }
    let at: Timestamp = text
        .parse()
        .map_err(|_| "write a day such as 2026-11-25, or 2026-11-25T10:30:00Z".to_owned())?;
    // What happened at that very moment is "up to then".
    Ok(from_micros(at.timestamp_micros() + later))
}

/// Does it and prints. `false`: the log is not as it should be.
pub async fn run(db: &Db, command: Audit) -> anyhow::Result<bool> {
    match command {
        Audit::Verify { head } => {
            let report = verify::verify(db, head.as_deref()).await?;
            if let Some(problem) = &report.problem {
                println!("{problem}");
            }
            println!(
                "{} rows are as they were written; head: {}",
                report.number, report.hash
            );
            Ok(report.problem.is_none())
        }
        Audit::Export { from, to } => {
            let filter = Filter {
                from,
                to,
                ..Filter::default()
            };
            export(db, &filter).await.map(|()| true)
        }
    }
}

async fn export(db: &Db, filter: &Filter) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut tx = db.read().await?;
    let mut number = i64::MIN;
    loop {
        let rows = queries::after(&mut tx, filter, number, PAGE).await?;
        let Some(last) = rows.last() else { break };
        number = last.number;
        match out.write_all(lines(&rows).as_bytes()) {
            Ok(()) => {}
            // Whoever reads has enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error).context("The rows cannot be written"),
        }
    }
    out.flush()?;
    let Some((number, hash)) = queries::head(&mut tx).await? else {
        bail!("The log has lost its head. `todo audit verify` says more.");
    };
    eprintln!("head: {hash} (row {number})");
    Ok(())
}

/// A row as a line of JSON: with the names and values that its hash is of.
fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let entry = &row.entry;
        let json = json!({
            "number": row.number,
            "at": entry.at,
            "prev_hash": row.prev_hash,
            "event_id": entry.event_id,
            "event_type": entry.event_type,
            "user_id": entry.user_id,
            "seq": entry.seq,
            "actor_id": entry.actor_id,
            "task_id": entry.task_id,
            "occurred_at": entry.at.timestamp_micros(),
            "address": entry.address,
            "user_agent": entry.user_agent,
            "detail": entry.detail,
            "traceparent": entry.traceparent,
            "event_hash": entry.event_hash,
            "hash": row.hash,
        });
        format!("{json}\n")
    };
    rows.iter().map(line).collect()
}

/// `GET /audit/export.jsonl`, with the page's filter in its query: for administrators. To others
/// there is nothing at this address.
pub async fn download(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    match download_for(&web, &headers, &uri).await {
        Ok(response) => response,
        Err(error) => Refused(error).into_response(),
    }
}

async fn download_for(web: &Web, headers: &HeaderMap, uri: &Uri) -> Result<Response, Error> {
    let session = session::find(&web.state, headers).await?;
    if !session.is_some_and(|session| session.is_admin) {
        return Err(Error::new(
            Kind::NotFound,
            "There is nothing at this address.",
        ));
    }
    let db = web.state.db.clone();
    let filter = {
        let mut conn = db.pool().acquire().await?;
        Asked::of(uri).filter(&mut conn).await?
    };
    // A page at a time, as fast as it is taken, each from a connection of its own: the log only
    // grows, so nothing is missed between them.
    let pages = stream::try_unfold(i64::MIN, move |number| {
        let (db, filter) = (db.clone(), filter.clone());
        async move {
            let mut conn = db.pool().acquire().await?;
            let rows = queries::after(&mut conn, &filter, number, PAGE).await?;
            let next = rows.last().map(|last| last.number);
            let page = next.map(|next| (Bytes::from(lines(&rows)), next));
            Ok::<_, sqlx::Error>(page)
        }
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/jsonl"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"audit.jsonl\""),
        ),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

#[cfg(test)]
mod tests {
    use super::{begins, ends, hash};

    #[test]
    fn a_day_is_whole_and_a_moment_is_included() {
        let at = |text: &str| text.parse::<app::event::Timestamp>().unwrap();
        assert_eq!(begins("2026-11-25"), Ok(at("2026-11-25T00:00:00Z")));
        assert_eq!(ends("2026-11-25"), Ok(at("2026-11-26T00:00:00Z")));
        assert_eq!(
            ends("2026-11-25T10:30:00Z"),
            Ok(at("2026-11-25T10:30:00.000001Z"))
        );
        assert!(begins("yesterday").unwrap_err().contains("2026-11-25"));
        assert!(hash(&"ab".repeat(32)).is_ok());
        assert!(hash("ab").is_err() && hash(&"xy".repeat(32)).is_err());
    }
}
