//! `todo verify`: what the tables say equals the fold of the events, and the numbers have no gap.

use crate::config::Config;
use app::db::Db;
use app::event::EventData;
use app::id::{Seq, TaskId, UserId};
use app::outbox;
use app::tasks::{Task, Tasks, queries};
use app::trash::{self, Trashed};
use sqlx::{Any, Transaction};
use std::collections::BTreeMap;

/// How many events are read at a time.
const PAGE: i64 = 1000;

/// What was looked at, and what was found wrong: a sentence each.
#[derive(Debug, Default)]
pub struct Report {
    pub people: usize,
    pub events: i64,
    pub tasks: usize,
    pub differences: Vec<String>,
}

/// Opens the database of `config`, verifies it, prints the report. `false` if anything differs.
pub async fn print(config: &Config) -> anyhow::Result<bool> {
    let report = verify(&Db::connect(&config.database_url).await?).await?;
    for difference in &report.differences {
        println!("{difference}");
    }
    println!(
        "{} people, {} events, {} tasks: {}",
        report.people,
        report.events,
        report.tasks,
        match report.differences.len() {
            0 => "state equals the fold of events".to_owned(),
            n => format!("{n} differences"),
        }
    );
    Ok(report.differences.is_empty())
}

/// Verifies every person, each in a snapshot of its own, so that it may run beside the application.
pub async fn verify(db: &Db) -> anyhow::Result<Report> {
    let people: Vec<String> = sqlx::query_scalar("select user_id from streams order by user_id")
        .fetch_all(db.pool())
        .await?;
    let mut report = Report {
        people: people.len(),
        ..Report::default()
    };
    for user_id in people {
        verify_person(&mut db.read().await?, &UserId(user_id), &mut report).await?;
    }
    let orphans: i64 = sqlx::query_scalar(
        "select count(*) from tasks where user_id not in (select user_id from streams)",
    )
    .fetch_one(db.pool())
    .await?;
    if orphans > 0 {
        report
            .differences
            .push(format!("{orphans} tasks belong to nobody's stream"));
    }
    Ok(report)
}

async fn verify_person(
    tx: &mut Transaction<'static, Any>,
    user_id: &UserId,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut say = |what: String| report.differences.push(format!("{user_id}: {what}"));
    let mut tasks = Tasks::default();
    let mut trash = Trash::default();
    let mut registered = None;
    let mut seq = Seq(0);
    loop {
        let events = outbox::after(&mut *tx, user_id, seq, PAGE).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            if event.seq != seq.next() {
                say(format!("after event {seq} comes {}", event.seq));
            }
            seq = event.seq;
            if let EventData::UserRegistered(data) = &event.envelope.data {
                registered = Some((data.email.clone(), data.name.clone()));
            }
            if let Some(difference) = trash.apply(&tasks, &event.envelope.data, seq) {
                say(difference);
            }
            tasks.apply(&event.envelope.data);
            report.events += 1;
        }
    }
    let last_seq: i64 = sqlx::query_scalar("select last_seq from streams where user_id = $1")
        .bind(&user_id.0)
        .fetch_one(&mut **tx)
        .await?;
    if last_seq != seq.0 {
        say(format!(
            "the stream says {last_seq} events, there are {seq}"
        ));
    }
    let user: Option<(String, String)> =
        sqlx::query_as("select email, name from users where user_id = $1")
            .bind(&user_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    if user != registered {
        say("the account differs from what was registered".into());
    }
    let stored = Tasks::new(queries::all(tx, user_id).await?);
    report.tasks += stored.all().len();
    for task in stored.all() {
        if tasks.get(task.task_id) != Some(task) {
            say(format!("task {} differs from its events", task.task_id));
        }
    }
    for Task { task_id, .. } in tasks.all() {
        if stored.get(*task_id).is_none() {
            say(format!("task {task_id} is missing"));
        }
    }
    // What was deleted before there was a trash is in none.
    let start = trash::queries::start(tx, user_id).await?;
    trash.0.retain(|_, trashed| trashed.seq > start);
    for trashed in trash::queries::page(tx, user_id, Seq(i64::MAX), i64::MAX).await? {
        let task_id = trashed.task.task_id;
        if trash.0.remove(&task_id) != Some(trashed) {
            say(format!(
                "task {task_id} in the trash differs from its events"
            ));
        }
    }
    for task_id in trash.0.keys() {
        say(format!("task {task_id} is missing in the trash"));
    }
    Ok(())
}

/// What was deleted, as the fold of the events.
#[derive(Default)]
struct Trash(BTreeMap<TaskId, Trashed>);

impl Trash {
    /// `tasks` are those before the event. Says what the event cannot have done.
    fn apply(&mut self, tasks: &Tasks, data: &EventData, seq: Seq) -> Option<String> {
        match data {
            EventData::TaskDeleted(d) => {
                let trashed = Trashed {
                    task: tasks.get(d.task_id)?.clone(),
                    deleted_at: d.deleted_at,
                    seq,
                };
                self.0.insert(d.task_id, trashed);
                None
            }
            EventData::TaskRestored(d) => {
                let task = self.0.remove(&d.task_id).map(|trashed| trashed.task);
                let same = task.is_some_and(|task| {
                    let was = (
                        &task.title,
                        &task.description,
                        task.created_at,
                        task.completed_at,
                    );
                    was == (&d.title, &d.description, d.created_at, d.completed_at)
                });
                let said = || format!("event {seq} restores what was not deleted like this");
                (!same).then(said)
            }
            EventData::TaskPurged(d) => {
                let gone = self.0.remove(&d.task_id);
                let said = || format!("event {seq} purges what was not deleted");
                gone.is_none().then(said)
            }
            _ => None,
        }
    }
}
