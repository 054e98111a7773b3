//! Points, levels, goals and streaks: given by the consumer `points`, by the [`rules`].

pub mod commands;
pub mod queries;
pub mod rules;
pub mod view;

use crate::error::Error;
use crate::event::EventType;
use rules::{DAILY, DaysOff, MAX_DAILY, MAX_WEEKLY, WEEKLY};
use std::fmt;

/// The consumer that gives points. Under a new name all are given anew, beside what the old name
/// has; the page reads what this name has.
pub const CONSUMER: &str = "points";
/// What it gives and takes them for.
pub const TOPICS: &[EventType] = &[EventType::TaskCompleted, EventType::TaskReopened];

/// What a person wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goals {
    /// Tasks to complete a day; 0 is no goal.
    pub daily: i64,
    /// The same a week, which begins on Monday.
    pub weekly: i64,
    pub off: DaysOff,
}

impl Default for Goals {
    fn default() -> Self {
        Goals {
            daily: DAILY,
            weekly: WEEKLY,
            off: DaysOff::default(),
        }
    }
}

/// "5 a day, 25 a week, off Sat Sun": as `user.settings_changed` says it.
impl fmt::Display for Goals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} a day, {} a week", self.daily, self.weekly)?;
        let mut off = self.off.days().peekable();
        if off.peek().is_some() {
            write!(f, ", off")?;
        }
        off.try_for_each(|day| write!(f, " {day}"))
    }
}

impl Goals {
    /// As a form sends them; weekdays count from Monday, 0. Errors: `Invalid` fields.
    pub fn read(daily: &str, weekly: &str, off: &[u8]) -> Result<Self, Error> {
        let number = |field: &str, text: &str, most: i64| {
            let number = text.trim().parse().ok();
            number.filter(|n| (0..=most).contains(n)).ok_or_else(|| {
                Error::invalid(
                    field,
                    format!("Give a number from 0 to {most}; 0 is no goal."),
                )
            })
        };
        let bits = off.iter().filter(|day| **day < 7);
        Ok(Goals {
            daily: number("daily", daily, MAX_DAILY)?,
            weekly: number("weekly", weekly, MAX_WEEKLY)?,
            off: DaysOff::new(bits.fold(0, |bits, day| bits | 1 << day)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Weekday;

    #[test]
    fn goals_are_numbers_within_reason() {
        let goals = Goals::read(" 4 ", "0", &[5, 6, 7, 200]).unwrap();
        let off = DaysOff::of([Weekday::Sat, Weekday::Sun]);
        assert_eq!(
            goals,
            Goals {
                daily: 4,
                weekly: 0,
                off
            }
        );
        for (daily, weekly, field) in [
            ("", "0", "daily"),
            ("-1", "0", "daily"),
            ("100", "0", "daily"),
            ("1.5", "0", "daily"),
            ("1", "501", "weekly"),
            ("1", "many", "weekly"),
        ] {
            let error = Goals::read(daily, weekly, &[]).unwrap_err();
            assert_eq!((error.status, error.field.as_deref()), (422, Some(field)));
        }
    }
}
