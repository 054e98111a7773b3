//! `todo deliveries`: what leaves the house, at the command line.

use anyhow::bail;
use app::db::Db;
use app::deliveries::queries::{self, Filter};
use app::deliveries::{Attempt, Row, Status, commands};
use app::outbox::Cause;
use app::system::commands::OPERATOR;
use clap::Subcommand;

#[derive(Clone, Debug, Subcommand)]
pub enum Deliveries {
    /// List deliveries, newest first
    List {
        /// Only those that are queued, sent, failed or gone
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        /// Only those of this channel, such as email
        #[arg(long)]
        channel: Option<String>,
        /// Only those to this target
        #[arg(long)]
        target: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show one with every attempt: when, how long, what was answered
    Show { id: i64 },
    /// Send them once more, under the same ids, whatever has become of them
    Redeliver {
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

fn status(name: &str) -> Result<Status, String> {
    Status::parse(name).ok_or_else(|| "queued, sent, failed or gone".into())
}

/// Does it and prints. `false` if any of several could not be queued again.
pub async fn run(db: &Db, command: Deliveries) -> anyhow::Result<bool> {
    match command {
        Deliveries::List {
            status,
            channel,
            target,
            limit,
        } => {
            let filter = Filter {
                status,
                channel,
                target,
            };
            let mut conn = db.pool().acquire().await?;
            let rows = queries::deliveries(&mut conn, &filter, limit.max(1)).await?;
            for row in &rows {
                println!("{}", line(row));
            }
            println!("{} deliveries", rows.len());
            Ok(true)
        }
        Deliveries::Show { id } => {
            let mut conn = db.pool().acquire().await?;
            let Some(row) = queries::delivery(&mut conn, id).await? else {
                bail!("There is no delivery {id}. `todo deliveries list` shows which there are.");
            };
            println!("{}", line(&row));
            println!("message: {}\nevent: {}", row.message_id, row.event_id);
            println!("user: {}\ndue: {}", row.user_id, row.due_at.to_rfc3339());
            for attempt in queries::attempts(&mut conn, id).await? {
                println!("{}", told(&attempt));
            }
            Ok(true)
        }
        Deliveries::Redeliver { ids } => redeliver(db, ids).await,
    }
}

async fn redeliver(db: &Db, ids: Vec<i64>) -> anyhow::Result<bool> {
    let mut all = true;
    for id in ids {
        let queued = db
            .write(move |tx| {
                Box::pin(
                    async move { commands::redeliver(tx, &Cause::unasked(OPERATOR), id).await },
                )
            })
            .await;
        match queued {
            Ok(()) => println!("{id}: queued"),
            Err(error) => {
                println!("{id}: {error}");
                all = false;
            }
        }
    }
    Ok(all)
}

fn line(row: &Row) -> String {
    format!(
        "{:>6}  {}  {:<6}  {:<8}  {}  {} attempts  {}",
        row.id,
        row.queued_at.format("%Y-%m-%dT%H:%M:%SZ"),
        row.status.as_str(),
        row.channel,
        row.target,
        row.attempts,
        row.answer.lines().next().unwrap_or_default(),
    )
}

fn told(attempt: &Attempt) -> String {
    let took = match attempt.took {
        Some(took) => format!("{} ms", took.as_millis()),
        None => "-".into(),
    };
    let status = attempt.status.map_or("-".into(), |code| code.to_string());
    format!(
        "attempt {}  {}  {took}  {}  {status}  {}",
        attempt.attempt,
        attempt.began_at.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
        attempt.outcome,
        attempt.answer,
    )
}
