//! Clocks and days as they are where a person lives: one setting, on their own page, for their stats,
//! the filter of their feed, their quiet hours and their letter of the day.

use crate::error::Error;
use crate::event::Timestamp;
use chrono::{
    DateTime, Days, Duration, LocalResult, NaiveDate, NaiveTime, TimeZone, Timelike, Utc,
};
use chrono_tz::{TZ_VARIANTS, Tz};

/// A quarter of an hour, in microseconds.
const QUARTER: i64 = 15 * 60 * 1_000_000;

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    pub const UTC: Zone = Zone(Tz::UTC);

    /// The zone of that name, such as "Europe/Lisbon".
    pub fn parse(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }

    /// As a form names it. Errors: `Invalid`.
    pub fn read(name: &str) -> Result<Zone, Error> {
        Zone::parse(name)
            .ok_or_else(|| Error::invalid("zone", "Choose a time zone such as Europe/Lisbon."))
    }

    /// The same, or UTC where there is none of that name.
    pub fn named(name: &str) -> Zone {
        Zone::parse(name).unwrap_or(Zone::UTC)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Those to choose from: by place, without the names kept for old programs only.
    pub fn places() -> impl Iterator<Item = &'static str> {
        const PLACES: [&str; 10] = [
            "Africa",
            "America",
            "Antarctica",
            "Arctic",
            "Asia",
            "Atlantic",
            "Australia",
            "Europe",
            "Indian",
            "Pacific",
        ];
        let is_place = |name: &&str| {
            let region = name.split_once('/').map(|(region, _)| region);
            region.is_some_and(|region| PLACES.contains(&region))
        };
        let names = TZ_VARIANTS.iter().map(|zone| zone.name());
        ["UTC"].into_iter().chain(names.filter(is_place))
    }

    /// A moment on the clock on the wall: "24 November 2026, 21:04 WET".
    pub fn told(self, at: Timestamp) -> String {
        let wall = at.with_timezone(&self.0);
        wall.format("%-d %B %Y, %H:%M %Z").to_string()
    }

    /// The minute of the day that the clock on the wall shows.
    pub fn minute(self, at: Timestamp) -> u16 {
        let wall = at.with_timezone(&self.0);
        (wall.hour() * 60 + wall.minute()) as u16
    }

    /// The next time after `at` that the clock on the wall shows this minute.
    pub fn next(self, at: Timestamp, minute: u16) -> Timestamp {
        let today = at.with_timezone(&self.0).date_naive();
        let days = [today, today + Days::new(1)].into_iter();
        days.flat_map(|day| self.on(day, minute))
            .find(|moment| *moment > at)
            .unwrap_or(at + Duration::days(1))
    }

    /// When a day's clocks show this minute: once, or twice where they are put back. Where they are put
    /// forward, it may be missing: then an hour later, which is when they show what comes after it.
    fn on(self, day: NaiveDate, minute: u16) -> [Timestamp; 2] {
        let wall = day.and_time(NaiveTime::MIN) + Duration::minutes(minute.into());
        let times = match self.0.from_local_datetime(&wall) {
            LocalResult::None => self.0.from_local_datetime(&(wall + Duration::hours(1))),
            times => times,
        };
        let moment = |time: Option<DateTime<Tz>>| time.map_or(wall.and_utc(), |t| t.to_utc());
        [moment(times.earliest()), moment(times.latest())]
    }

    /// The day of a moment, counted from 1970.
    pub fn day(self, at: Timestamp) -> i64 {
        let date = at.with_timezone(&self.0).date_naive();
        date.signed_duration_since(NaiveDate::default()).num_days()
    }

    /// The day of a quarter of an hour.
    pub fn day_of(self, quarter: i64) -> i64 {
        self.day(crate::db::from_micros(quarter * QUARTER))
    }

    /// The first moment of a day, counted from 1970.
    pub fn begins(self, day: i64) -> Timestamp {
        self.begins_on(NaiveDate::default() + Duration::days(day))
    }

    /// The first moment of a date.
    pub fn begins_on(self, date: NaiveDate) -> Timestamp {
        let midnight = date.and_time(NaiveTime::MIN);
        // Where clocks jump at midnight, the day begins at one; a few days in history were left out.
        let times = (0..24).map(|hour| midnight + Duration::hours(hour));
        let mut moments = times.filter_map(|time| self.0.from_local_datetime(&time).earliest());
        moments.next().map_or_else(
            || Utc.from_utc_datetime(&midnight),
            |moment| moment.with_timezone(&Utc),
        )
    }
}

/// The quarter of an hour since 1970 that a moment is in. Every zone's days begin at one.
pub fn quarter(at: Timestamp) -> i64 {
    at.timestamp_micros().div_euclid(QUARTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_on_another_day_elsewhere() {
        let zone = |name| Zone::parse(name).unwrap();
        let moment = at("2026-11-24T11:30:00Z");
        let day = Zone::UTC.day(moment);
        assert_eq!(zone("Pacific/Auckland").day(moment), day + 1);
        assert_eq!(zone("America/Los_Angeles").day(moment), day);
        assert_eq!(
            zone("America/Los_Angeles").day(at("2026-11-24T07:59:59Z")),
            day - 1
        );
        // 5:45 ahead: the day begins at a quarter of an hour.
        let kathmandu = zone("Asia/Kathmandu");
        assert_eq!(kathmandu.begins(day), at("2026-11-23T18:15:00Z"));
        assert!(Zone::parse("Mars/Olympus_Mons").is_none());
    }

    #[test]
    fn days_begin_where_the_one_before_ends_also_when_clocks_change() {
        for zone in Zone::places().map(|name| Zone::parse(name).unwrap()) {
            // 2026: every change of the clocks there is today.
            for day in 20_454..20_820 {
                let begin = zone.begins(day);
                assert_eq!(zone.day(begin), day, "{} {begin}", zone.name());
                let before = begin - Duration::microseconds(1);
                assert_eq!(zone.day(before), day - 1, "{} {before}", zone.name());
                let first = quarter(begin);
                assert_eq!(zone.day_of(first), day, "{} {begin}", zone.name());
                assert_eq!(zone.day_of(first - 1), day - 1, "{} {begin}", zone.name());
            }
        }
    }

    #[test]
    fn a_moment_is_told_by_the_clock_there() {
        let summer = at("2026-07-10T12:00:00Z");
        let told = |name| Zone::named(name).told(summer);
        assert_eq!(told("Europe/Lisbon"), "10 July 2026, 13:00 WEST");
        assert_eq!(told("Mars/Olympus_Mons"), "10 July 2026, 12:00 UTC");
    }

    #[test]
    fn a_day_may_have_23_or_25_hours() {
        let zone = Zone::parse("America/Los_Angeles").unwrap();
        let hours = |date: &str| {
            let day = zone.day(at(&format!("{date}T20:00:00Z")));
            (zone.begins(day + 1) - zone.begins(day)).num_hours()
        };
        assert_eq!(
            (
                hours("2026-03-08"),
                hours("2026-03-09"),
                hours("2026-11-01")
            ),
            (23, 24, 25)
        );
    }
}
