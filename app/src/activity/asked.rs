//! A filter as the address or the browser asks for it.

use super::Filter;
use crate::accounts::Zone;
use crate::error::Error;
use crate::event::EventType;
use chrono::NaiveDate;

/// What was typed, as far as it is known: what the form shows again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub by: String,
    pub kind: String,
    /// "2026-11-24".
    pub day: String,
}

impl Asked {
    /// Of a query such as "by=you&day=2026-11-24"; other names in it are nobody's business here.
    pub fn of(query: &str) -> Asked {
        let mut asked = Asked::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let field = match name {
                "by" => &mut asked.by,
                "kind" => &mut asked.kind,
                "day" => &mut asked.day,
                _ => continue,
            };
            *field = value.to_owned();
        }
        asked
    }

    /// The filter, by the days of `zone`. Errors: `Invalid` fields.
    pub fn read(&self, zone: Zone) -> Result<Filter, Error> {
        let mut filter = Filter {
            mine: match self.by.as_str() {
                "" => None,
                "you" => Some(true),
                "others" => Some(false),
                _ => return Err(Error::invalid("by", "Choose between you and others.")),
            },
            ..Filter::default()
        };
        if !self.kind.is_empty() {
            let kind = EventType::parse(&self.kind);
            filter.kind = Some(kind.ok_or_else(|| {
                Error::invalid(
                    "kind",
                    "There is no such kind of change. Choose one of the list.",
                )
            })?);
        }
        if !self.day.is_empty() {
            let day = day(&self.day).ok_or_else(|| {
                Error::invalid(
                    "day",
                    "Write the day as year, month and day, such as 2026-11-24.",
                )
            })?;
            filter.from = Some(zone.begins(day));
            filter.until = Some(zone.begins(day + 1));
        }
        let parts = [("by", &self.by), ("kind", &self.kind), ("day", &self.day)];
        let said = parts.iter().filter(|(_, value)| !value.is_empty());
        let said: Vec<String> = said
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        filter.query = said.join("&");
        Ok(filter)
    }
}

/// Days since 1970. Years have four digits, so that every day has a moment it begins at.
fn day(text: &str) -> Option<i64> {
    let date: NaiveDate = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Entry;
    use crate::event::{Changes, Timestamp};
    use crate::id::{Seq, UserId};

    fn read(query: &str) -> Result<Filter, Error> {
        Asked::of(query).read(Zone::parse("Europe/Lisbon").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_filter_is_read_and_written_in_one_way() {
        assert_eq!(read("").unwrap(), Filter::default());
        assert_eq!(read("by=&kind=&day=&before=7").unwrap(), Filter::default());
        let filter = read("day=2026-07-01&other=x&kind=task.completed&by=you").unwrap();
        assert_eq!(filter.query, "by=you&kind=task.completed&day=2026-07-01");
        assert_eq!(
            (filter.mine, filter.kind),
            (Some(true), Some(EventType::TaskCompleted))
        );
        // In summer an hour ahead of UTC.
        assert_eq!(filter.from, Some(at("2026-06-30T23:00:00Z")));
        assert_eq!(filter.until, Some(at("2026-07-01T23:00:00Z")));
        assert_eq!(read(&filter.query).unwrap(), filter);
        assert_eq!(Filter::default().path(None), "/feed");
        assert_eq!(Filter::default().path(Some("7")), "/feed?before=7");
        let path = read("by=others").unwrap().path(Some("7"));
        assert_eq!(path, "/feed?by=others&before=7");
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (query, field) in [
            ("by=me", "by"),
            ("kind=task.invented", "kind"),
            ("day=2026-02-30", "day"),
            ("day=yesterday", "day"),
            ("day=%2B12026-01-01", "day"),
            ("day=+12026-01-01", "day"),
        ] {
            let error = read(query).unwrap_err();
            assert_eq!(
                (error.status, error.field.as_deref()),
                (422, Some(field)),
                "{query}"
            );
        }
    }

    #[test]
    fn all_of_what_is_said_must_hold() {
        let me = UserId("user-me".into());
        let entry = |actor: &str, event_type, moment: &str| Entry {
            seq: Seq(1),
            event_type,
            actor_id: UserId(actor.into()),
            task_id: None,
            title: String::new(),
            changes: Changes::default(),
            at: at(moment),
        };
        let (added, done) = (EventType::TaskCreated, EventType::TaskCompleted);
        let filter = read("by=you&kind=task.completed&day=2026-07-01").unwrap();
        for (wanted, actor, event_type, moment) in [
            (true, "user-me", done, "2026-06-30T23:00:00Z"),
            (true, "user-me", done, "2026-07-01T22:59:59Z"),
            (false, "user-me", done, "2026-06-30T22:59:59Z"),
            (false, "user-me", done, "2026-07-01T23:00:00Z"),
            (false, "user-me", added, "2026-07-01T12:00:00Z"),
            (false, "user-other", done, "2026-07-01T12:00:00Z"),
        ] {
            assert_eq!(
                filter.admits(&entry(actor, event_type, moment), &me),
                wanted,
                "{moment}"
            );
        }
        let others = read("by=others").unwrap();
        assert!(others.admits(&entry("user-other", added, "2026-07-01T12:00:00Z"), &me));
        assert!(!others.admits(&entry("user-me", added, "2026-07-01T12:00:00Z"), &me));
    }
}
