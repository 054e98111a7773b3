//! A line of the feed stays the line it is, whatever is added at either end.

use super::*;
use crate::activity::Feed;
use crate::event::{Envelope, Event, EventData, TaskCompleted, Timestamp};
use crate::id::{EventId, UserId};
use proptest::prelude::*;
use uuid::Uuid;

/// Event number `seq` of somebody, on one of few tasks, so many seconds after a midnight.
fn event(seq: i64, mine: bool, task: i64, second: i64) -> Event {
    let at = Timestamp::from_timestamp(1_770_076_800 + second, 0).unwrap();
    let data = EventData::TaskCompleted(TaskCompleted {
        task_id: TaskId(task),
        user_id: UserId("user-me".into()),
        title: "Pay rent".into(),
        completed_at: at,
        duration_minutes: 0,
    });
    Event {
        seq: Seq(seq),
        actor_id: UserId(if mine { "user-me" } else { "user-other" }.into()),
        command_id: None,
        traceparent: None,
        envelope: Envelope {
            event_id: EventId(Uuid::from_u128(seq as u128)),
            event_type: data.event_type(),
            timestamp: at,
            version: "1.0".into(),
            data,
        },
    }
}

fn history() -> impl Strategy<Value = Vec<Event>> {
    let step = (
        any::<bool>(),
        0..2_i64,
        prop_oneof![0..30_i64, 290..310_i64, Just(40_000)],
    );
    proptest::collection::vec(step, 1..50).prop_map(|steps| {
        let mut second = 0;
        let event = |(seq, (mine, task, later)): (i64, (bool, i64, i64))| {
            second += later;
            event(seq, mine, task, second)
        };
        (1..).zip(steps).map(event).collect()
    })
}

/// Newest first, of events from `from` on, before `to`.
fn page(events: &[Event], from: usize, to: usize) -> Feed {
    let entries = events[from..to].iter().rev();
    Feed {
        entries: entries.map(|event| Entry::of(event, None)).collect(),
        seq: Seq(to as i64),
        more: from > 0,
    }
}

fn state(feed: Feed) -> State {
    State::new(Snapshot {
        me: Me {
            user_id: UserId("user-me".into()),
            name: "Ada".into(),
        },
        tasks: Vec::new(),
        seq: feed.seq,
        feed,
        place: Place::Feed,
        before: None,
        filter: Default::default(),
        submitted: None,
        traces: false,
    })
}

/// Each line's key, and the numbers of what it tells of.
fn lines(state: &State) -> Vec<(i64, Vec<i64>)> {
    let numbers = |told: &Told| state.group(told.key).iter().map(|e| e.seq.0).collect();
    let line = |told: &Told| (told.key.0, numbers(told));
    state.told.iter().map(line).collect()
}

proptest! {
    #[test]
    fn lines_grow_at_either_end_and_stay_what_they_are(
        events in history(), from in 0..50_usize, to in 0..50_usize, older in any::<Vec<bool>>()
    ) {
        let (mut from, mut to) = (from.min(events.len()), to.min(events.len()));
        from = from.min(to);
        let mut state = state(page(&events, from, to));
        let mut older = older.into_iter().chain(std::iter::repeat(false));
        while from > 0 || to < events.len() {
            let before = lines(&state);
            if from > 0 && (to == events.len() || older.next() == Some(true)) {
                let less = from.saturating_sub(7);
                state.board.add_older(page(&events, less, from));
                from = less;
            } else {
                prop_assert!(state.board.follow(&events[to]));
                to += 1;
            }
            let changed = state.regroup();
            prop_assert!(changed.len() <= 1, "one line grows");
            let after = lines(&state);
            let told: Vec<i64> = after.iter().flat_map(|(_, numbers)| numbers.clone()).collect();
            let expected: Vec<i64> = (from as i64 + 1..=to as i64).rev().collect();
            prop_assert_eq!(told, expected, "everything once, newest first");
            prop_assert!(after.is_sorted_by(|one, next| one.0 > next.0), "no key twice");
            for (key, numbers) in &before {
                let same = after.iter().find(|line| line.0 == *key);
                let (_, now) = same.expect("a line that was there is there");
                prop_assert!(numbers.iter().all(|number| now.contains(number)));
            }
        }
        // As if it had been asked for at once.
        let whole = self::state(page(&events, 0, events.len()));
        let told = |state: &State| lines(state).into_iter().map(|line| line.1).collect::<Vec<_>>();
        prop_assert_eq!(told(&state), told(&whole));
    }
}

#[test]
fn a_line_that_has_gone_tells_nothing() {
    let events = [event(1, true, 1, 0)];
    let state = state(page(&events, 0, 1));
    assert_eq!(state.group(Seq(1)).len(), 1);
    assert_eq!(state.group(Seq(2)), []);
}
