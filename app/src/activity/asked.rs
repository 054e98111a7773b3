//! A filter as the address or the browser asks for it.

use super::Filter;
use crate::accounts::Zone;
use crate::error::Error;
use crate::event::EventType;
use crate::tasks::marks;

/// What was typed, as far as it is known: what the form shows again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub by: String,
    pub kind: String,
    /// What a list is called.
    pub list: String,
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
                // The only one of any letters.
                "list" => {
                    asked.list = decoded(value);
                    continue;
                }
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
        if !self.list.is_empty() && self.list().is_none() {
            return Err(Error::invalid("list", "Choose one of your lists."));
        }
        if !self.day.is_empty() {
            let day = marks::day(&self.day).ok_or_else(|| {
                Error::invalid(
                    "day",
                    "Write the day as year, month and day, such as 2026-11-24.",
                )
            })?;
            filter.from = Some(zone.begins(day));
            filter.until = Some(zone.begins(day + 1));
        }
        let list = self.list().unwrap_or_default();
        let parts = [
            ("by", &self.by),
            ("kind", &self.kind),
            ("list", &encoded(&list)),
            ("day", &self.day),
        ];
        let said = parts.iter().filter(|(_, value)| !value.is_empty());
        let said: Vec<String> = said
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        filter.query = said.join("&");
        Ok(filter)
    }

    /// The key of the list that is asked for.
    pub fn list(&self) -> Option<String> {
        Some(marks::key(&self.list)).filter(|key| !key.is_empty())
    }
}

fn encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

fn decoded(value: &str) -> String {
    let pairs = form_urlencoded::parse(value.as_bytes());
    pairs.map(|(name, _)| name).collect()
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
    fn a_list_is_asked_for_by_any_way_of_writing_it() {
        for (query, key, written) in [
            ("list=home", "home", "list=home"),
            ("list=At-Home&by=you", "at home", "by=you&list=at+home"),
            ("list=%23Caf%C3%A9", "cafe", "list=cafe"),
            ("list=caf%C3%A9+%26%3D1", "cafe 1", "list=cafe+1"),
            (
                "day=2026-07-01&list=%D0%B4%D0%BE%D0%BC",
                "дом",
                "list=%D0%B4%D0%BE%D0%BC&day=2026-07-01",
            ),
        ] {
            let asked = Asked::of(query);
            assert_eq!(asked.list().as_deref(), Some(key), "{query}");
            let again = read(query).unwrap().query;
            assert_eq!(again, written);
            assert_eq!(Asked::of(&again).list().as_deref(), Some(key), "{query}");
        }
        assert_eq!(Asked::of("list=").list(), None);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (query, field) in [
            ("by=me", "by"),
            ("kind=task.invented", "kind"),
            ("day=2026-02-30", "day"),
            ("list=%21", "list"),
            ("list=%FF", "list"),
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
