//! What points are given for, and how levels, goals and streaks are counted: every number is here.
//!
//! A completed task is worth [`TASK`] points, and [`PROMPT`] more if it was completed within
//! [`PROMPT_MINUTES`] of being added. It counts once and only while it is done: reopening takes back
//! what it gave. So completing it again and again is worth what completing it once is, and the sum is
//! the same in whatever order history is told.

use chrono::Weekday;

/// Points of a task that is done.
pub const TASK: i64 = 10;
/// Points beside those if it did not wait.
pub const PROMPT: i64 = 5;
/// How long a task that does not wait may take: a day.
pub const PROMPT_MINUTES: i64 = 24 * 60;
/// Level `n` begins at `LEVEL * n * (n - 1)` points: 0, 100, 300, 600, 1,000 …
pub const LEVEL: i64 = 50;

/// What everybody starts with: tasks a day and a week.
pub const DAILY: i64 = 3;
pub const WEEKLY: i64 = 15;
/// The highest goals: beyond them a number is a slip of the finger.
pub const MAX_DAILY: i64 = 99;
pub const MAX_WEEKLY: i64 = 500;

/// Points of a task that took so long.
pub fn worth(minutes: i64) -> i64 {
    match minutes {
        ..=PROMPT_MINUTES => TASK + PROMPT,
        _ => TASK,
    }
}

/// Where a level begins, in points. Levels count from 1.
pub fn begins(level: i64) -> i64 {
    LEVEL * level * (level - 1)
}

/// The level of somebody with so many points.
pub fn level(points: i64) -> i64 {
    // n (n - 1) <= points / LEVEL, solved for n.
    let solved = (1 + (1 + 4 * (points.max(0) / LEVEL)).isqrt()) / 2;
    solved.max(1)
}

/// The weekdays on which a person wants to be left in peace: a bit each, Monday's the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaysOff(u8);

impl DaysOff {
    pub fn new(bits: i64) -> Self {
        DaysOff((bits & 0x7f) as u8)
    }

    pub fn of(weekdays: impl IntoIterator<Item = Weekday>) -> Self {
        let bit = |weekday: Weekday| 1 << weekday.num_days_from_monday();
        DaysOff(
            weekdays
                .into_iter()
                .map(bit)
                .fold(0, |bits, bit| bits | bit),
        )
    }

    pub fn bits(self) -> i64 {
        self.0.into()
    }

    pub fn has(self, weekday: Weekday) -> bool {
        self.0 & (1 << weekday.num_days_from_monday()) != 0
    }

    /// They, from Monday on.
    pub fn days(self) -> impl Iterator<Item = Weekday> {
        let monday = 4; // 1970 began on a Thursday.
        let week = (monday..monday + 7).map(weekday);
        week.filter(move |day| self.has(*day))
    }

    /// Whether this day, counted from 1970, is one.
    pub fn is_off(self, day: i64) -> bool {
        self.has(weekday(day))
    }
}

/// The weekday of a day counted from 1970.
pub fn weekday(day: i64) -> Weekday {
    const WEEK: [Weekday; 7] = [
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
    ];
    WEEK[day.rem_euclid(7) as usize]
}

/// The Monday of a day's week.
pub fn monday(day: i64) -> i64 {
    day - i64::from(weekday(day).num_days_from_monday())
}

/// Days in a row on which something was completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    /// Up to today, or up to the last day before it: today is not over.
    pub current: i64,
    pub longest: i64,
}

/// The streak of somebody who completed something on `days`, counted from 1970 and ascending. A day
/// off neither counts nor breaks it.
pub fn streak(days: impl IntoIterator<Item = i64>, today: i64, off: DaysOff) -> Streak {
    let mut streak = Streak::default();
    let mut last = None;
    for day in days {
        if day > today || off.is_off(day) || last == Some(day) {
            continue;
        }
        let in_a_row = last.is_some_and(|last| next(last, off) == day);
        streak.current = if in_a_row { streak.current + 1 } else { 1 };
        streak.longest = streak.longest.max(streak.current);
        last = Some(day);
    }
    if last.is_none_or(|last| next(last, off) < today) {
        streak.current = 0;
    }
    streak
}

/// The day after `day` that is not off. `day` is none itself, so there is one within a week.
fn next(day: i64, off: DaysOff) -> i64 {
    let mut next = day + 1;
    while off.is_off(next) && next < day + 7 {
        next += 1;
    }
    next
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
