use super::*;
use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// 2026-11-23, a Monday.
const MONDAY: i64 = 20_780;

fn weekend() -> DaysOff {
    DaysOff::of([Weekday::Sat, Weekday::Sun])
}

#[test]
fn a_task_is_worth_10_and_15_if_it_did_not_wait() {
    for (minutes, points) in [(0, 15), (1_440, 15), (1_441, 10), (i64::MAX, 10)] {
        assert_eq!(worth(minutes), points, "{minutes} minutes");
    }
}

#[test]
fn levels_begin_at_0_100_300_600() {
    for (points, expected) in [
        (-10, 1),
        (0, 1),
        (99, 1),
        (100, 2),
        (299, 2),
        (300, 3),
        (599, 3),
        (600, 4),
        (1_000, 5),
    ] {
        assert_eq!(level(points), expected, "{points} points");
    }
}

#[test]
fn today_does_not_break_a_streak_before_it_is_over() {
    let days = [MONDAY, MONDAY + 1, MONDAY + 2];
    let current = |today| streak(days, today, DaysOff::default()).current;
    assert_eq!(current(MONDAY + 2), 3);
    assert_eq!(current(MONDAY + 3), 3);
    assert_eq!(current(MONDAY + 4), 0);
    assert_eq!(current(MONDAY + 1), 2, "what is yet to come does not count");
}

#[test]
fn days_off_neither_break_nor_count() {
    let (friday, sunday) = (MONDAY + 4, MONDAY + 6);
    let next_monday = MONDAY + 7;
    let days = [MONDAY + 3, friday, sunday, next_monday];
    let off = streak(days, next_monday, weekend());
    assert_eq!(
        off,
        Streak {
            current: 3,
            longest: 3
        }
    );
    let none = streak(days, next_monday, DaysOff::default());
    assert_eq!(
        none,
        Streak {
            current: 2,
            longest: 2
        }
    );
    // On a day off nothing is missed.
    assert_eq!(streak([friday], sunday, weekend()).current, 1);
    assert_eq!(streak([friday], next_monday, weekend()).current, 1);
    assert_eq!(streak([friday], next_monday + 1, weekend()).current, 0);
    let always = DaysOff::new(0x7f);
    assert_eq!(streak(days, next_monday, always), Streak::default());
}

proptest! {
    #[test]
    fn a_level_is_where_its_points_are(points in 0..i64::MAX / 8) {
        let level = level(points);
        prop_assert!(begins(level) <= points && points < begins(level + 1));
    }

    #[test]
    fn weekdays_are_the_calendar_s(day in -100_000..100_000i64, bits in 0..128i64) {
        let date = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Duration::days(day);
        prop_assert_eq!(weekday(day), date.weekday());
        prop_assert_eq!(weekday(monday(day)), Weekday::Mon);
        prop_assert!((0..7).contains(&(day - monday(day))));
        let off = DaysOff::new(bits);
        prop_assert_eq!(off.bits(), bits);
        prop_assert_eq!(off.is_off(day), bits >> date.weekday().num_days_from_monday() & 1 == 1);
    }

    /// As somebody would count who goes through the calendar day by day.
    #[test]
    fn a_streak_is_what_the_calendar_says(
        days in prop::collection::btree_set(0..60i64, 0..60),
        today in 0..60i64,
        bits in 0..128i64,
    ) {
        let off = DaysOff::new(bits);
        let mut expected = Streak::default();
        for day in (0..=today).filter(|day| !off.is_off(*day)) {
            match days.contains(&day) {
                true => expected.current += 1,
                false if day == today => {}
                false => expected.current = 0,
            }
            expected.longest = expected.longest.max(expected.current);
        }
        prop_assert_eq!(streak(days.iter().copied(), today, off), expected);
    }

    /// Whatever is done and undone in whatever order, a task is worth what its last completion is.
    #[test]
    fn nothing_is_gained_by_doing_a_task_again(
        steps in prop::collection::vec((0..5usize, prop::option::of(0..10_000i64)), 0..40),
    ) {
        let mut given = [0; 5];
        let mut total = 0;
        for (task, minutes) in &steps {
            let points = minutes.map_or(0, worth);
            total += points - given[*task];
            given[*task] = points;
        }
        let touched: BTreeSet<usize> = steps.iter().map(|(task, _)| *task).collect();
        let last = |task: &usize| steps.iter().rev().find(|(of, _)| of == task);
        let expected: i64 = touched.iter().filter_map(last).map(|(_, m)| m.map_or(0, worth)).sum();
        prop_assert_eq!(total, expected);
        prop_assert!((0..=(TASK + PROMPT) * touched.len() as i64).contains(&total));
    }
}
