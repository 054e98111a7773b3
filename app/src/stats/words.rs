//! Figures in words.

use super::{CLASSES, Day, Took};
use crate::ui::time::short_date;

/// Each class of how long tasks took, and what there is room for below its column.
pub const TOOK: [(&str, &str); CLASSES.len() + 1] = [
    ("Up to 1 hour", "1 h"),
    ("1 to 4 hours", "4 h"),
    ("4 to 24 hours", "1 d"),
    ("1 to 3 days", "3 d"),
    ("3 to 7 days", "1 w"),
    ("1 to 4 weeks", "4 w"),
    ("Longer", "more"),
];

/// "5 h 20 min", "3 days": no finer than matters.
pub fn span(minutes: i64) -> String {
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, rest) {
        // What took no whole minute took no longer than one.
        (0, 0, 0) => "1 min".into(),
        (0, 0, _) => format!("{rest} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {rest} min"),
        (1, 0, _) => "1 day".into(),
        (1, ..) => format!("1 day {hours} h"),
        _ => format!("{days} days"),
    }
}

/// "1 task", "2 tasks".
pub fn count(n: i64, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {one}{plural}")
}

/// "78 %", or a dash where there is nothing to divide by. Only all is 100 %.
pub fn share(part: i64, whole: i64) -> String {
    match whole {
        0 => "–".into(),
        _ => format!("{} %", part * 100 / whole),
    }
}

/// What the plot of the days shows.
pub fn of_days(days: &[Day], today: i64) -> String {
    let sum = |of: fn(&Day) -> i64| days.iter().map(of).sum::<i64>();
    let (completed, added) = (sum(|day| day.completed), sum(|day| day.added));
    let first = days.first().map_or(today, |day| day.day);
    let mut words = format!(
        "{} completed and {added} added from {} to {}",
        count(completed, "task"),
        short_date(first, today),
        short_date(today, today),
    );
    // The last of the best.
    let best = days.iter().max_by_key(|day| day.completed);
    if let Some(best) = best.filter(|day| day.completed > 0) {
        let date = short_date(best.day, today);
        words += &format!("; the most on one day were {}, on {date}", best.completed);
    }
    words + "."
}

/// What the plot of open work shows: so many were open at the end of each day, the last of which is
/// today.
pub fn of_open(days: &[i64], today: i64) -> String {
    let now = days.last().copied().unwrap_or(0);
    let are = if now == 1 { "is" } else { "are" };
    let mut words = format!("{} {are} open now", count(now, "task"));
    // The last of the days with the most.
    let most = days.iter().enumerate().max_by_key(|(_, open)| **open);
    if let Some((n, most)) = most.filter(|(_, open)| **open > 0) {
        let day = today + 1 - (days.len() - n) as i64;
        let date = short_date(day, today);
        words += &format!("; the most at the end of a day were {most}, on {date}");
    }
    words + "."
}

/// What the plot of how long tasks took shows.
pub fn of_took(took: &Took) -> String {
    let completed: i64 = took.classes.iter().sum();
    let Some(median) = took.median else {
        return "Nothing was completed.".into();
    };
    let most = (0..TOOK.len()).max_by_key(|class| took.classes[*class]);
    let most = TOOK[most.unwrap_or_default()].0.to_lowercase();
    let tasks = count(completed, "completed task");
    format!(
        "Half of {tasks} took no longer than {}; most often it was {most}.",
        span(median)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_no_finer_than_matters() {
        for (minutes, words) in [
            (0, "1 min"),
            (59, "59 min"),
            (60, "1 h"),
            (320, "5 h 20 min"),
            (1_440, "1 day"),
            (1_500, "1 day 1 h"),
            (2_880, "2 days"),
            (100_000, "69 days"),
        ] {
            assert_eq!(span(minutes), words);
        }
    }

    #[test]
    fn shares_are_whole_only_when_nothing_is_missing() {
        assert_eq!(share(0, 0), "–");
        assert_eq!(share(199, 200), "99 %");
        assert_eq!(share(200, 200), "100 %");
    }

    #[test]
    fn plots_are_said_in_a_sentence() {
        let day = |day, added, completed| Day {
            day,
            added,
            completed,
        };
        let days = [day(20_780, 3, 1), day(20_781, 0, 2)];
        assert_eq!(
            of_days(&days, 20_781),
            "3 tasks completed and 3 added from 23 Nov to 24 Nov; the most on one day were 2, on 24 Nov."
        );
        assert_eq!(
            of_days(&[day(20_781, 1, 0)], 20_781),
            "0 tasks completed and 1 added from 24 Nov to 24 Nov."
        );
        assert_eq!(
            of_open(&[2, 4, 4, 1], 20_781),
            "1 task is open now; the most at the end of a day were 4, on 23 Nov."
        );
        assert_eq!(of_open(&[0, 0], 20_781), "0 tasks are open now.");
        let took = Took {
            classes: [1, 0, 4, 0, 0, 0, 0],
            median: Some(600),
        };
        assert_eq!(
            of_took(&took),
            "Half of 5 completed tasks took no longer than 10 h; most often it was 4 to 24 hours."
        );
        assert_eq!(of_took(&Took::default()), "Nothing was completed.");
    }
}
