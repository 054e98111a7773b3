//! What is open at the end of each day, and for how many days in a row something was.

use super::DAYS;
use crate::event::Timestamp;

/// A person's open work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// How many tasks were open at the end of each day shown, oldest first; today: are now.
    pub days: Vec<i64>,
    /// Days in a row, up to today, at whose end anything was open; 0 if nothing is now.
    pub streak: i64,
    /// The most there ever were.
    pub longest: i64,
    /// When that was written down which has been open for the longest.
    pub oldest: Option<Timestamp>,
}

impl Open {
    /// From by how much it grew or shrank on which days, counted from 1970 and ascending; a day may
    /// come more than once.
    pub fn by_day(changes: &[(i64, i64)], today: i64) -> Self {
        let mut open = Open::default();
        let first = today - DAYS + 1;
        let mut now = 0;
        let mut changes = changes.iter().peekable();
        // Between two days on which something changes all are as the first of them.
        while let Some(&(day, change)) = changes.next_if(|(day, _)| *day <= today) {
            now += change;
            let until = changes.peek().map_or(today + 1, |(next, _)| *next);
            let until = until.min(today + 1);
            if until == day {
                continue;
            }
            open.streak = if now > 0 {
                open.streak + until - day
            } else {
                0
            };
            open.longest = open.longest.max(open.streak);
            if until > first {
                open.days.resize((day.max(first) - first) as usize, 0);
                open.days.resize((until - first) as usize, now);
            }
        }
        open.days.resize(DAYS as usize, 0);
        open
    }

    /// How many are open now.
    pub fn now(&self) -> i64 {
        self.days.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_781;

    /// The last days shown, the streak and the longest one.
    fn open(changes: &[(i64, i64)]) -> (Vec<i64>, i64, i64) {
        let changes: Vec<_> = changes.iter().map(|(ago, n)| (TODAY - ago, *n)).collect();
        let open = Open::by_day(&changes, TODAY);
        assert_eq!(open.days.len(), DAYS as usize);
        (
            open.days[DAYS as usize - 5..].into(),
            open.streak,
            open.longest,
        )
    }

    #[test]
    fn a_day_is_as_it_ended_and_stays_so_until_something_changes() {
        assert_eq!(open(&[]), (vec![0; 5], 0, 0));
        assert_eq!(open(&[(0, 1)]), (vec![0, 0, 0, 0, 1], 1, 1));
        assert_eq!(open(&[(3, 2), (1, -1)]), (vec![0, 2, 2, 1, 1], 4, 4));
        assert_eq!(open(&[(3, 1), (2, -1)]), (vec![0, 1, 0, 0, 0], 0, 1));
        // Done before the day was over: nothing was open at its end.
        assert_eq!(
            open(&[(3, 1), (2, -1), (2, 1), (1, 1), (1, -2)]),
            (vec![0, 1, 1, 0, 0], 0, 2)
        );
        assert_eq!(
            open(&[(4, 1), (3, -1), (2, 1)]),
            (vec![1, 0, 1, 1, 1], 3, 3)
        );
    }

    #[test]
    fn what_is_older_than_the_days_shown_counts() {
        assert_eq!(open(&[(100, 3)]), (vec![3; 5], 101, 101));
        assert_eq!(open(&[(100, 3), (50, -3)]), (vec![0; 5], 0, 50));
        assert_eq!(
            open(&[(100, 3), (29, -3), (0, 1)]),
            (vec![0, 0, 0, 0, 1], 1, 71)
        );
        let edge = Open::by_day(&[(TODAY - DAYS, 2), (TODAY - DAYS + 1, 1)], TODAY);
        assert_eq!(edge.days, vec![3; DAYS as usize]);
        assert_eq!((edge.now(), edge.streak), (3, DAYS + 1));
        // What is of tomorrow already is not of today.
        assert_eq!(open(&[(1, 1), (-1, 1)]), (vec![0, 0, 0, 1, 1], 2, 2));
    }
}
