//! `todo dlq`: dead letters at the command line.

use anyhow::bail;
use app::db::Db;
use app::outbox::Cause;
use app::system::queries::{self, Filter};
use app::system::{DeadLetter, Status, commands};
use clap::Subcommand;

#[derive(Clone, Debug, Subcommand)]
pub enum Dlq {
    /// List dead letters, newest first
    List {
        /// Only those that are open, redriving, redriven or discarded
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        /// Only those of this topic, such as task.created
        #[arg(long)]
        topic: Option<String>,
        /// Only those that this consumer could not apply
        #[arg(long)]
        consumer: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show one with its headers, its error and its raw bytes
    Show { id: i64 },
    /// Have their consumers apply the events once more, which they do within a second
    Redrive {
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Give them up for good
    Discard {
        #[arg(required = true)]
        ids: Vec<i64>,
        /// Why; it is kept with the decision
        #[arg(long)]
        note: String,
    },
}

fn status(name: &str) -> Result<Status, String> {
    Status::parse(name).ok_or_else(|| "open, redriving, redriven or discarded".into())
}

/// Does it and prints. `false` if any of several could not be decided on.
pub async fn run(db: &Db, command: Dlq) -> anyhow::Result<bool> {
    match command {
        Dlq::List {
            status,
            topic,
            consumer,
            limit,
        } => {
            let filter = Filter {
                status,
                topic,
                consumer,
                before: None,
            };
            let mut conn = db.pool().acquire().await?;
            let letters = queries::dead_letters(&mut conn, &filter, limit.max(1)).await?;
            for letter in &letters {
                println!("{}", line(letter));
            }
            println!("{} dead letters", letters.len());
            Ok(true)
        }
        Dlq::Show { id } => {
            let mut conn = db.pool().acquire().await?;
            match queries::dead_letter(&mut conn, id).await? {
                Some(letter) => print!("{}", whole(&letter)),
                None => {
                    bail!("There is no dead letter {id}. `todo dlq list` shows which there are.")
                }
            }
            Ok(true)
        }
        Dlq::Redrive { ids } => decide(db, ids, None).await,
        Dlq::Discard { ids, note } => decide(db, ids, Some(note)).await,
    }
}

async fn decide(db: &Db, ids: Vec<i64>, note: Option<String>) -> anyhow::Result<bool> {
    let mut all = true;
    for id in ids {
        let note = note.clone();
        let decided = db
            .write(move |tx| {
                Box::pin(async move {
                    let cause = Cause::unasked(commands::OPERATOR);
                    match note {
                        Some(note) => commands::discard(tx, &cause, id, &note).await,
                        None => commands::redrive(tx, &cause, id).await,
                    }
                })
            })
            .await;
        match decided {
            Ok(event) => println!("{id}: {}", event.envelope.event_type.as_str()),
            Err(error) => {
                println!("{id}: {error}");
                all = false;
            }
        }
    }
    Ok(all)
}

fn line(letter: &DeadLetter) -> String {
    let failed = letter.failed.as_ref();
    format!(
        "{:>6}  {}  {:<9}  {:<20}  {:<12}  {} attempts  {}",
        letter.id,
        letter.last_at.format("%Y-%m-%dT%H:%M:%SZ"),
        letter.status.as_str(),
        letter.topic,
        failed.map_or("-", |failed| &failed.consumer),
        letter.attempts,
        letter.error.lines().next().unwrap_or_default(),
    )
}

fn whole(letter: &DeadLetter) -> String {
    let bytes = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => bytes.escape_ascii().to_string(),
        None => "none".into(),
    };
    let mut text = line(letter) + "\n";
    let mut say = |name: &str, value: String| text.push_str(&format!("{name}: {value}\n"));
    if let Some((partition, offset)) = letter.place {
        say("partition", partition.to_string());
        say("offset", offset.to_string());
    }
    if let Some(failed) = &letter.failed {
        say("user", failed.user_id.to_string());
        say("seq", failed.seq.to_string());
    }
    say("first", letter.first_at.to_rfc3339());
    say("last", letter.last_at.to_rfc3339());
    say("trace", letter.traceparent.clone().unwrap_or_default());
    say("note", letter.note.clone());
    say("error", letter.error.clone());
    say("key", bytes(&letter.key));
    for (name, value) in &letter.headers {
        say(&format!("header {name}"), value.escape_ascii().to_string());
    }
    say("value", bytes(&letter.value));
    text
}
