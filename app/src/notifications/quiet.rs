//! When a person is left alone, and when their day begins: by their own clock.

use crate::event::Timestamp;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// When what was gathered for a day is sent: at eight.
const MORNING: u16 = 8 * 60;

/// Every day from one minute of the day until before another, perhaps past midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    pub time_zone: String,
    pub from: u16,
    pub to: u16,
}

impl Quiet {
    /// When the quiet is over that there is `at`, if there is.
    pub fn ends(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = zone(&self.time_zone);
        let minute = minute(at.with_timezone(&zone));
        let quiet = match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        };
        quiet.then(|| next(at, zone, self.to))
    }
}

/// The next morning of who lives there.
pub fn morning(at: Timestamp, time_zone: &str) -> Timestamp {
    next(at, zone(time_zone), MORNING)
}

/// A moment on the clock of who lives there: "24 November 2026, 21:04 WET".
pub fn told(at: Timestamp, time_zone: &str) -> String {
    let wall = at.with_timezone(&zone(time_zone));
    wall.format("%-d %B %Y, %H:%M %Z").to_string()
}

/// Whether there is a time zone of this name.
pub fn is_zone(name: &str) -> bool {
    name.parse::<Tz>().is_ok()
}

/// The names there are, by continent.
pub fn zones() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
}

fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

fn minute(at: DateTime<Tz>) -> u16 {
    (at.hour() * 60 + at.minute()) as u16
}

/// The next time after `at` that the clock on the wall shows this minute.
fn next(at: Timestamp, zone: Tz, minute: u16) -> Timestamp {
    let today = at.with_timezone(&zone).date_naive();
    let days = [today, today + Days::new(1)].into_iter();
    days.map(|day| on(day, zone, minute))
        .find(|moment| *moment > at)
        .unwrap_or(at + TimeDelta::days(1))
}

/// Where clocks are put forward, a minute may be missing: then an hour later, which is when they
/// show what comes after it.
fn on(day: NaiveDate, zone: Tz, minute: u16) -> Timestamp {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let wall = midnight + TimeDelta::minutes(minute.into());
    let moment = zone.from_local_datetime(&wall).earliest().or_else(|| {
        zone.from_local_datetime(&(wall + TimeDelta::hours(1)))
            .earliest()
    });
    moment.map_or(wall.and_utc(), |moment| moment.with_timezone(&Utc))
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
    fn a_day_begins_at_eight() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let of = |text, zone| morning(at(text), zone);
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
        let summer = at("2026-07-10T12:00:00Z");
        assert_eq!(told(summer, "Europe/Lisbon"), "10 July 2026, 13:00 WEST");
        assert_eq!(told(summer, "UTC"), "10 July 2026, 12:00 UTC");
        assert!(is_zone("Europe/Lisbon") && !is_zone("Nowhere") && !is_zone(""));
    }
}
