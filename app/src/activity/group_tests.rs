//! The same lines whatever part of the feed is looked at.

use super::*;
use crate::event::{Change, Changes};
use crate::id::{Seq, TaskId, UserId};
use proptest::prelude::*;

const TYPES: [EventType; 6] = [
    EventType::TaskCreated,
    EventType::TaskUpdated,
    EventType::TaskCompleted,
    EventType::TaskReopened,
    EventType::TaskDeleted,
    EventType::UserRegistered,
];

fn entry(seq: i64, event_type: EventType, actor: i64, task: i64, second: i64) -> Entry {
    Entry {
        seq: Seq(seq),
        event_type,
        actor_id: UserId(format!("user-{actor}")),
        task_id: (event_type != EventType::UserRegistered).then_some(TaskId(task)),
        title: "Pay rent".into(),
        changes: Changes::default(),
        at: Timestamp::from_timestamp(1_770_000_000 + second, 0).unwrap(),
    }
}

fn day(at: Timestamp) -> i64 {
    at.timestamp().div_euclid(86_400)
}

/// As `seq`s, oldest first: what is compared.
fn told(entries: &[Entry]) -> Vec<Vec<i64>> {
    let line = |group: &[Entry]| group.iter().rev().map(|entry| entry.seq.0).collect();
    let mut lines: Vec<Vec<i64>> = groups(entries, day).map(line).collect();
    lines.reverse();
    lines
}

/// A history, newest first: few actors and tasks, gaps around five minutes, clocks that go back a
/// little, and a midnight here and there.
fn history() -> impl Strategy<Value = Vec<Entry>> {
    let step = (
        0..TYPES.len(),
        0..2_i64,
        0..2_i64,
        prop_oneof![-5..20_i64, 290..310_i64, Just(40_000)],
    );
    proptest::collection::vec(step, 0..60).prop_map(|steps| {
        let mut second = 0;
        let entry = |(seq, (kind, actor, task, later)): (i64, (usize, i64, i64, i64))| {
            second += later;
            entry(seq, TYPES[kind], actor, task, second)
        };
        let mut entries: Vec<Entry> = (1..).zip(steps).map(entry).collect();
        entries.reverse();
        entries
    })
}

proptest! {
    #[test]
    fn every_change_is_told_once_and_in_order(entries in history()) {
        let all: Vec<i64> = told(&entries).concat();
        let expected: Vec<i64> = (1..=entries.len() as i64).collect();
        prop_assert_eq!(all, expected);
    }

    #[test]
    fn a_line_is_of_one_actor_one_task_and_one_day_without_a_pause(entries in history()) {
        for group in groups(&entries, day) {
            for pair in group.windows(2) {
                prop_assert!(pair[0].task_id.is_some());
                prop_assert_eq!(&pair[0].task_id, &pair[1].task_id);
                prop_assert_eq!(&pair[0].actor_id, &pair[1].actor_id);
                prop_assert_eq!(day(pair[0].at), day(pair[1].at));
                prop_assert!((pair[0].at - pair[1].at).num_seconds().abs() <= 300);
            }
        }
    }

    #[test]
    fn what_comes_live_extends_the_newest_line_or_begins_one(entries in history()) {
        for newest in 1..=entries.len() {
            let before = told(&entries[newest..]);
            let after = told(&entries[newest - 1..]);
            let mut extended = before.clone();
            let seq = entries[newest - 1].seq.0;
            if after.len() == before.len() {
                extended.last_mut().unwrap().push(seq);
            } else {
                extended.push(vec![seq]);
            }
            prop_assert_eq!(after, extended);
        }
    }

    #[test]
    fn what_the_end_of_a_page_cuts_is_joined_by_the_next(
        entries in history(), cut in 0..60_usize
    ) {
        let cut = cut.min(entries.len());
        let (newer, older) = (told(&entries[..cut]), told(&entries[cut..]));
        let whole = told(&entries);
        // Beside the line that was cut, each page says what the whole says.
        let mut joined = older;
        let mut rest = newer.into_iter();
        if whole.len() < joined.len() + rest.len() {
            joined.last_mut().unwrap().extend(rest.next().unwrap());
        }
        joined.extend(rest);
        prop_assert_eq!(joined, whole);
    }
}

#[test]
fn five_minutes_are_one_line_and_a_second_more_is_two() {
    let lines = |second| {
        let complete = entry(2, EventType::TaskCompleted, 1, 1, second);
        told(&[complete, entry(1, EventType::TaskCreated, 1, 1, 0)])
    };
    assert_eq!(lines(300), [[1, 2]].map(Vec::from));
    assert_eq!(lines(301), [[1], [2]].map(Vec::from));
}

#[test]
fn another_actor_another_task_and_midnight_begin_a_line() {
    let first = entry(1, EventType::TaskCreated, 1, 1, 0);
    for other in [
        entry(2, EventType::TaskCompleted, 2, 1, 1),
        entry(2, EventType::TaskCompleted, 1, 2, 1),
        entry(2, EventType::UserRegistered, 1, 1, 1),
    ] {
        assert_eq!(told(&[other, first.clone()]), [[1], [2]].map(Vec::from));
    }
    // Midnight is where the reader is.
    let entries = [entry(2, EventType::TaskCompleted, 1, 1, 1), first];
    let line = |midnight: i64| {
        let day = move |at: Timestamp| (at.timestamp() - midnight).div_euclid(86_400);
        groups(&entries, day).count()
    };
    assert_eq!((line(1_770_000_000), line(1_770_000_001)), (1, 2));
}

#[test]
fn a_line_says_what_was_done_how_often_and_how_it_ended() {
    let said = |types: &[EventType]| {
        let mut entries: Vec<Entry> = (1..)
            .zip(types)
            .map(|(seq, event_type)| entry(seq, *event_type, 1, 1, seq))
            .collect();
        for entry in &mut entries {
            if entry.event_type == EventType::TaskUpdated {
                entry.changes.description = Change::between("", "by bank");
            }
        }
        entries.reverse();
        verbs(&entries)
    };
    use EventType::*;
    assert_eq!(said(&[TaskCreated]), "added");
    assert_eq!(said(&[TaskCreated, TaskCompleted]), "added and completed");
    assert_eq!(
        said(&[TaskCreated, TaskUpdated, TaskUpdated, TaskCompleted]),
        "added, edited twice and completed"
    );
    assert_eq!(
        said(&[
            TaskCompleted,
            TaskReopened,
            TaskCompleted,
            TaskReopened,
            TaskCompleted
        ]),
        "reopened twice and completed 3 times"
    );
}

#[test]
fn a_new_title_alone_is_a_renaming() {
    let mut renamed = entry(1, EventType::TaskUpdated, 1, 1, 0);
    renamed.changes.title = Change::between("Pay", "Pay rent");
    assert_eq!(verbs(&[renamed]), "renamed");
}
