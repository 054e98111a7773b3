//! When a person is left alone, and when their day begins: by their own clock.

use crate::accounts::Zone;
use crate::event::Timestamp;
use serde::{Deserialize, Serialize};

/// When what was gathered for a day is sent: at eight.
const MORNING: u16 = 8 * 60;

/// Every day from one minute of the day until before another, perhaps past midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// As it was when this was queued.
    pub time_zone: String,
    pub from: u16,
    pub to: u16,
}

impl Quiet {
    /// When the quiet is over that there is `at`, if there is.
    pub fn ends(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = Zone::named(&self.time_zone);
        let minute = zone.minute(at);
        let quiet = match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        };
        quiet.then(|| zone.next(at, self.to))
    }
}

/// The next morning of who lives there.
pub fn morning(at: Timestamp, zone: Zone) -> Timestamp {
    zone.next(at, MORNING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(from: u16, to: u16, at: &str) -> Option<String> {
        let quiet = Quiet {
            time_zone: "Europe/Berlin".into(),
            from,
            to,
        };
        let end = quiet.ends(at.parse().unwrap())?;
        Some(end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }

    #[test]
    fn a_night_ends_in_the_morning_of_the_persons_clock() {
        // In winter an hour ahead of UTC, from ten to seven.
        let night = |at| ends(22 * 60, 7 * 60, at);
        assert_eq!(night("2026-01-10T20:59:59Z"), None);
        let morning = Some("2026-01-11T06:00:00Z".to_owned());
        for quiet in [
            "2026-01-10T21:00:00Z",
            "2026-01-10T23:30:00Z",
            "2026-01-11T05:59:59Z",
        ] {
            assert_eq!(night(quiet), morning, "{quiet}");
        }
        assert_eq!(night("2026-01-11T06:00:00Z"), None);
        // In summer two.
        assert_eq!(
            night("2026-07-10T20:30:00Z"),
            Some("2026-07-11T05:00:00Z".into())
        );
    }

    #[test]
    fn quiet_may_be_by_day_and_there_may_be_none() {
        assert_eq!(
            ends(13 * 60, 14 * 60, "2026-01-10T12:30:00Z"),
            Some("2026-01-10T13:00:00Z".into())
        );
        assert_eq!(ends(13 * 60, 14 * 60, "2026-01-10T13:00:00Z"), None);
        assert_eq!(ends(60, 60, "2026-01-10T00:00:00Z"), None);
    }

    #[test]
    fn an_hour_that_clocks_leave_out_ends_when_they_go_on() {
        // On 29 March 2026, 2:00 to 3:00 is missing there.
        assert_eq!(
            ends(0, 150, "2026-03-29T00:30:00Z"),
            Some("2026-03-29T01:30:00Z".into())
        );
    }

    #[test]
    fn an_hour_that_clocks_show_twice_is_quiet_twice() {
        // On 25 October 2026, 2:00 to 3:00 comes twice there: from midnight and from one, UTC.
        for (at, end) in [
            ("2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z"),
            ("2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"),
        ] {
            assert_eq!(ends(22 * 60, 150, at), Some(end.into()), "{at}");
        }
    }

    #[test]
    fn a_day_begins_at_eight() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let of = |text, zone| morning(at(text), Zone::named(zone));
        assert_eq!(
            of("2026-01-10T06:59:00Z", "Europe/Berlin"),
            at("2026-01-10T07:00:00Z")
        );
        assert_eq!(
            of("2026-01-10T07:00:00Z", "Europe/Berlin"),
            at("2026-01-11T07:00:00Z")
        );
        assert_eq!(
            of("2026-01-10T12:00:00Z", "Asia/Tokyo"),
            at("2026-01-10T23:00:00Z")
        );
        assert_eq!(
            of("2026-01-10T12:00:00Z", "Nowhere"),
            at("2026-01-11T08:00:00Z")
        );
    }
}
