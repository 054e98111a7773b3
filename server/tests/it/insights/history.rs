//! A person's events told to the consumers one by one, and what they have made of them.

use app::db::Db;
use app::event::{
    Envelope, Event, EventData, TaskCompleted, TaskCreated, TaskDeleted, TaskPurged, TaskReopened,
    TaskRestored, Timestamp,
};
use app::id::{EventId, Seq, TaskId, UserId};
use app::points::rules;
use app::stats::{self, Stats, Zone, quarter};
use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use server::consumer::HandleError;
use server::consumers::{analytics, points};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A day of 2026, counted from 1970.
pub fn day(month: u32, of_month: u32) -> i64 {
    let date = NaiveDate::from_ymd_opt(2026, month, of_month).unwrap();
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// Every row that was counted under a name, as text, without the name.
#[derive(Debug, PartialEq)]
pub struct Rows(Vec<String>);

impl Rows {
    pub fn rows(&self) -> usize {
        self.0.len()
    }

    pub fn added(&self) -> i64 {
        self.sum(2)
    }

    pub fn completed(&self) -> i64 {
        self.sum(3)
    }

    fn sum(&self, column: usize) -> i64 {
        let quarters = self.0.iter().filter_map(|row| row.strip_prefix("quarter:"));
        let numbers =
            quarters.map(|row| row.split('|').nth(column).unwrap().parse::<i64>().unwrap());
        numbers.sum()
    }
}

/// Somebody whose events are told by hand.
pub struct Ledger<'a> {
    db: &'a Db,
    pub user_id: UserId,
    seq: AtomicI64,
}

impl<'a> Ledger<'a> {
    pub fn new(db: &'a Db) -> Self {
        Ledger {
            db,
            user_id: UserId::new(),
            seq: AtomicI64::new(0),
        }
    }

    /// Everything that was counted under the name `consumer`.
    pub async fn read(db: &Db, consumer: &str) -> Rows {
        let null = |column: &str| format!("coalesce(cast({column} as text), '-')");
        let tasks = ["created_at", "completed_at", "minutes", "open_since"].map(null);
        let tasks = tasks.join(" || '|' || ");
        let mut rows = Vec::new();
        for (name, columns, table) in [
            (
                "quarter",
                "user_id || '|' || quarter || '|' || added || '|' || completed || '|' || opened"
                    .to_owned(),
                "analytics_quarters",
            ),
            (
                "task",
                format!("user_id || '|' || task_id || '|' || seq || '|' || {tasks}"),
                "analytics_tasks",
            ),
            (
                "state",
                "user_id || '|' || task_id || '|' || seq || '|' || occurred_at || '|' || open"
                    .to_owned(),
                "analytics_states",
            ),
            (
                "person",
                "user_id || '|' || registered_at".to_owned(),
                "analytics_people",
            ),
            (
                "points of task",
                "user_id || '|' || task_id || '|' || seq || '|' || points".to_owned(),
                "points_tasks",
            ),
            (
                "points",
                "user_id || '|' || points".to_owned(),
                "points_people",
            ),
        ] {
            let sql = format!("select '{name}:' || {columns} from {table} where consumer = $1");
            let part: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(consumer)
                .fetch_all(db.pool())
                .await
                .unwrap();
            rows.extend(part);
        }
        rows.sort();
        Rows(rows)
    }

    pub async fn stats(&self, zone: Zone, now: Timestamp) -> Stats {
        let mut conn = self.db.pool().acquire().await.unwrap();
        stats::queries::stats(&mut conn, &self.user_id, zone, now)
            .await
            .unwrap()
    }

    async fn points(&self) -> i64 {
        let mut conn = self.db.pool().acquire().await.unwrap();
        app::points::queries::points(&mut conn, &self.user_id)
            .await
            .unwrap()
    }

    pub async fn created(&self, task: i64, at: Timestamp) {
        self.tells(Step::Create(task), at).await;
    }

    pub async fn completed(&self, task: i64, at: Timestamp, minutes: i64) {
        self.tells(Step::Complete(task, minutes), at).await;
    }

    pub async fn tells(&self, step: Step, at: Timestamp) {
        self.tell(&[self.event(step, at)]).await;
    }

    /// The person's next event.
    fn event(&self, step: Step, at: Timestamp) -> Event {
        let (user_id, title) = (self.user_id.clone(), String::from("Milk"));
        let data = match step {
            Step::Create(task) => EventData::TaskCreated(TaskCreated {
                task_id: TaskId(task),
                user_id,
                title,
                description: String::new(),
                completed: false,
                created_at: at,
            }),
            Step::Complete(task, minutes) => EventData::TaskCompleted(TaskCompleted {
                task_id: TaskId(task),
                user_id,
                title,
                completed_at: at,
                duration_minutes: minutes,
            }),
            Step::Reopen(task) => EventData::TaskReopened(TaskReopened {
                task_id: TaskId(task),
                user_id,
                title,
                reopened_at: at,
            }),
            Step::Delete(task) => EventData::TaskDeleted(TaskDeleted {
                task_id: TaskId(task),
                user_id,
                title,
                deleted_at: at,
                reason: "user_requested".into(),
            }),
            Step::Restore(task, open) => EventData::TaskRestored(TaskRestored {
                task_id: TaskId(task),
                user_id,
                title,
                description: String::new(),
                created_at: at,
                completed_at: (!open).then_some(at),
                restored_at: at,
            }),
            Step::Purge(task) => EventData::TaskPurged(TaskPurged {
                task_id: TaskId(task),
                user_id,
                title,
                purged_at: at,
                reason: "user_requested".into(),
            }),
        };
        Event {
            seq: Seq(self.seq.fetch_add(1, Ordering::Relaxed) + 1),
            actor_id: self.user_id.clone(),
            command_id: None,
            traceparent: None,
            envelope: Envelope {
                event_id: EventId(Uuid::now_v7()),
                event_type: data.event_type(),
                timestamp: at,
                version: "1.0".into(),
                data,
            },
        }
    }

    /// Tells both consumers.
    async fn tell(&self, events: &[Event]) {
        let events = events.to_vec();
        self.db
            .write::<_, Told, _>(move |tx| {
                Box::pin(async move {
                    for event in &events {
                        analytics::count("analytics", event, tx).await?;
                        points::award("points", event, tx).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    }
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown when a test fails")]
pub struct Told(HandleError);

impl From<HandleError> for Told {
    fn from(error: HandleError) -> Self {
        Told(error)
    }
}

impl From<sqlx::Error> for Told {
    fn from(error: sqlx::Error) -> Self {
        Told(error.into())
    }
}

/// What happens to a task.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Create(i64),
    /// After so many minutes.
    Complete(i64, i64),
    Reopen(i64),
    Delete(i64),
    /// To be done, or done.
    Restore(i64, bool),
    Purge(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let task = || 1..6i64;
    prop_oneof![
        task().prop_map(Step::Create),
        (task(), 0..50_000i64).prop_map(|(task, minutes)| Step::Complete(task, minutes)),
        task().prop_map(Step::Reopen),
        task().prop_map(Step::Delete),
        (task(), any::<bool>()).prop_map(|(task, open)| Step::Restore(task, open)),
        task().prop_map(Step::Purge),
    ]
}

/// Tells random histories, out of order too, as when an event comes back from the dead letters, and
/// all of it again: the figures are those of each task's last state.
pub async fn check_random_histories(db: &Db) {
    let mut runner = TestRunner::deterministic();
    let (begin, now) = (at("2026-10-20T00:00:00Z"), at("2026-11-10T12:00:00Z"));
    let histories = prop::collection::vec((step(), 0..1_440 * 20i64), 1..40);
    for case in 0..16 {
        let steps = histories.new_tree(&mut runner).unwrap().current();
        let ledger = Ledger::new(db);
        let mut moments: Vec<i64> = steps.iter().map(|(_, minute)| *minute).collect();
        moments.sort();
        let mut created = Vec::new();
        let mut events = Vec::new();
        for ((step, _), minute) in steps.iter().zip(moments) {
            // Numbers of tasks are unique over all people, and each is created once.
            let step = match *step {
                Step::Create(task) if created.contains(&task) => continue,
                Step::Create(task) => {
                    created.push(task);
                    Step::Create(task + case * 10)
                }
                Step::Complete(task, minutes) => Step::Complete(task + case * 10, minutes),
                Step::Reopen(task) => Step::Reopen(task + case * 10),
                Step::Delete(task) => Step::Delete(task + case * 10),
                Step::Restore(task, open) => Step::Restore(task + case * 10, open),
                Step::Purge(task) => Step::Purge(task + case * 10),
            };
            events.push(ledger.event(step, begin + chrono::Duration::minutes(minute)));
        }
        if case % 2 == 1 {
            events = Just(events)
                .prop_shuffle()
                .new_tree(&mut runner)
                .unwrap()
                .current();
        }
        for _ in ["once", "again"] {
            ledger.tell(&events).await;
            let found = ledger.stats(Zone::UTC, now).await;
            check(&events, &found, ledger.points().await);
        }
    }
}

fn check(events: &[Event], found: &Stats, points: i64) {
    let mut ordered: Vec<&Event> = events.iter().collect();
    ordered.sort_by_key(|event| event.seq);
    let mut added = BTreeMap::new();
    let mut done = BTreeMap::new();
    // When each task was opened or closed.
    let mut turns: BTreeMap<_, Vec<(Timestamp, bool)>> = BTreeMap::new();
    for event in ordered {
        let data = &event.envelope.data;
        let is_open = match data {
            EventData::TaskCreated(_) | EventData::TaskReopened(_) => true,
            EventData::TaskRestored(d) => d.completed_at.is_none(),
            _ => false,
        };
        let turns = turns.entry(data.task_id()).or_default();
        turns.push((data.occurred_at(), is_open));
        match &event.envelope.data {
            EventData::TaskCreated(d) => drop(added.insert(d.task_id, d.created_at)),
            EventData::TaskCompleted(d) => {
                done.insert(d.task_id, (d.completed_at, d.duration_minutes));
            }
            EventData::TaskReopened(d) => drop(done.remove(&d.task_id)),
            _ => {}
        }
    }
    let days: Vec<i64> = found.days.iter().map(|day| day.day).collect();
    let on = |day: i64, moments: &[Timestamp]| {
        let same = |moment: &&Timestamp| Zone::UTC.day_of(quarter(**moment)) == day;
        moments.iter().filter(same).count() as i64
    };
    let of_added: Vec<Timestamp> = added.values().copied().collect();
    let of_done: Vec<Timestamp> = done.values().map(|(at, _)| *at).collect();
    let counted: Vec<(i64, i64)> = found.days.iter().map(|d| (d.added, d.completed)).collect();
    let expected: Vec<(i64, i64)> = days
        .iter()
        .map(|d| (on(*d, &of_added), on(*d, &of_done)))
        .collect();
    assert_eq!(counted, expected, "{events:?}");
    let open_after = |day: i64| {
        let was_open = |turns: &&Vec<(Timestamp, bool)>| {
            let until = turns.iter().take_while(|(at, _)| Zone::UTC.day(*at) <= day);
            until.last().is_some_and(|(_, is_open)| *is_open)
        };
        turns.values().filter(was_open).count() as i64
    };
    let expected: Vec<i64> = days.iter().map(|day| open_after(*day)).collect();
    assert_eq!(found.open.days, expected, "{events:?}");
    let open = turns
        .values()
        .filter(|turns| turns.last().is_some_and(|(_, is_open)| *is_open));
    let oldest = open.map(|turns| turns[0].0).min();
    assert_eq!(found.open.oldest, oldest, "{events:?}");
    let added_and_done = added.keys().filter(|task| done.contains_key(task)).count();
    assert_eq!(
        (found.added, found.added_and_done),
        (added.len() as i64, added_and_done as i64)
    );
    let mut minutes: Vec<i64> = done.values().map(|(_, minutes)| *minutes).collect();
    minutes.sort();
    let median = minutes.get(minutes.len().saturating_sub(1) / 2).copied();
    assert_eq!(found.took.median, median, "{events:?}");
    assert_eq!(found.took.classes.iter().sum::<i64>(), done.len() as i64);
    let worth: i64 = done
        .values()
        .map(|(_, minutes)| rules::worth(*minutes))
        .sum();
    assert_eq!(points, worth, "{events:?}");
}
