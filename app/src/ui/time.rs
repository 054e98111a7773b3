//! Times in words, the same on both sides. The server cannot know where the reader is, so it writes
//! UTC; the browser rewrites it to local time once it is awake.

use crate::event::Timestamp;

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment as seconds since 1970 on the reader's clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall(i64);

/// How the page tells time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The reader's own time zone is known.
    local: bool,
    /// What "today" means.
    today: i64,
}

impl Clock {
    /// In UTC, as the server writes it.
    pub fn utc() -> Self {
        Clock {
            local: false,
            today: Wall::utc(super::now()).day(),
        }
    }

    /// In the browser: in its time zone, today.
    pub fn local() -> Self {
        Clock {
            local: true,
            today: Wall::local(super::now()).day(),
        }
    }

    pub fn wall(self, at: Timestamp) -> Wall {
        match self.local {
            true => Wall::local(at),
            false => Wall::utc(at),
        }
    }

    /// "21:04".
    pub fn time(self, at: Timestamp) -> String {
        self.wall(at).time()
    }

    /// "Today", "Yesterday", "Friday, 20 November", with the year unless it is this one.
    pub fn day_name(self, day: i64) -> String {
        match self.today - day {
            0 => "Today".into(),
            1 => "Yesterday".into(),
            _ => date(day, self.today),
        }
    }

    /// "21:04" if it was today, else the day.
    pub fn moment(self, at: Timestamp) -> String {
        let wall = self.wall(at);
        match self.today - wall.day() {
            0 => wall.time(),
            1 => "Yesterday".into(),
            _ => short_date(wall.day(), self.today),
        }
    }
}

impl Wall {
    pub fn utc(at: Timestamp) -> Self {
        Wall(at.timestamp())
    }

    /// Only in the browser.
    fn local(at: Timestamp) -> Self {
        let date = js_sys::Date::new(&(at.timestamp_millis() as f64).into());
        Wall(at.timestamp() - date.get_timezone_offset() as i64 * 60)
    }

    /// Days since 1970.
    pub fn day(self) -> i64 {
        self.0.div_euclid(86_400)
    }

    /// "21:04".
    pub fn time(self) -> String {
        let minute = self.0.rem_euclid(86_400) / 60;
        format!("{:02}:{:02}", minute / 60, minute % 60)
    }
}

/// For the attribute `datetime`: "2026-11-24T21:04Z".
pub fn machine(at: Timestamp) -> String {
    let wall = Wall::utc(at);
    let (year, month, day) = civil(wall.day());
    format!("{year:04}-{:02}-{day:02}T{}Z", month + 1, wall.time())
}

/// For pages without a script: "24 November 2026, 21:04 UTC".
pub fn utc_text(at: Timestamp) -> String {
    let wall = Wall::utc(at);
    let (year, month, day) = civil(wall.day());
    format!("{day} {} {year}, {} UTC", MONTHS[month], wall.time())
}

/// "Friday, 20 November", with the year unless it is today's.
fn date(day: i64, today: i64) -> String {
    let weekday = WEEKDAYS[day.rem_euclid(7) as usize];
    let (year, month, of_month) = civil(day);
    let date = format!("{weekday}, {of_month} {}", MONTHS[month]);
    if year == civil(today).0 {
        date
    } else {
        format!("{date} {year}")
    }
}

/// "20 Nov", or "20 Nov 2025".
pub fn short_date(day: i64, today: i64) -> String {
    let (year, month, of_month) = civil(day);
    let date = format!("{of_month} {}", MONTHS[month].get(..3).unwrap_or_default());
    if year == civil(today).0 {
        date
    } else {
        format!("{date} {year}")
    }
}

/// The moment that `text` names: RFC 3339 in UTC with a `Z`, at most microseconds.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if !(1..=12).contains(&month) || fraction.len() > 6 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let fraction = format!("{fraction:0<6}").parse::<u32>().ok()?;
    Timestamp::from_timestamp(seconds, fraction * 1_000)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970 of a date, month and day from 1: the inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month from 0, day from 1, of a count of days since 1970 (proleptic Gregorian; the
/// algorithm is Howard Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, usize, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Counted from March, so that the leap day is the year's last.
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let year = year + era * 400 + i64::from(month >= 10);
    (year, ((month + 2) % 12) as usize, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};

    #[test]
    fn the_calendar_is_the_gregorian_one() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for day in (-200_000..200_000).step_by(17) {
            let date = epoch + chrono::Duration::days(day);
            let expected = (
                date.year().into(),
                date.month0() as usize,
                date.day().into(),
            );
            assert_eq!(civil(day), expected);
            assert_eq!(days(expected.0, expected.1 as i64 + 1, expected.2), day);
        }
    }

    #[test]
    fn moments_are_read_as_chrono_reads_them() {
        for text in [
            "2026-11-24T01:15:00Z",
            "2026-11-24T01:15:59.1Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T00:00:00.123456Z",
        ] {
            assert_eq!(parse(text), Some(text.parse().unwrap()), "{text}");
        }
        for bad in [
            "",
            "Z",
            "T",
            "2026-11-24",
            "2026-11-24T01:15:00+01:00",
            "2026-13-24T01:15:00Z",
            "a-b-cTd:e:fZ",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_words_and_name_the_year_only_when_it_is_another() {
        let at = Timestamp::from_timestamp(1_795_554_240, 0).unwrap();
        assert_eq!(machine(at), "2026-11-24T21:04Z");
        assert_eq!(utc_text(at), "24 November 2026, 21:04 UTC");
        let today = Wall::utc(at).day();
        assert_eq!(date(today, today), "Tuesday, 24 November");
        assert_eq!(date(today - 365, today), "Monday, 24 November 2025");
        assert_eq!(short_date(today - 4, today), "20 Nov");
    }
}
