//! Who may publish and who may read which topic. What no line of the table allows is denied.
//!
//! A line is a name, `publish` or `read`, and topics, of which `*` stands for what is left of a name:
//!
//! ```text
//! relay     publish  * *.dlq
//! live      read     *
//! activity  read     task.* user.registered
//! ```
//!
//! Several lines for a name add up, and `#` begins a comment. The names are `relay`, `live` (the open
//! windows) and every consumer's own; others are for programs that are not ours, for whom
//! `todo kafka acls --app NAME` prints what they need.

use crate::consumers;
use app::event::EventType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Who publishes.
pub const RELAY: &str = "relay";
/// Who reads for the open windows.
pub const LIVE: &str = "live";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Publish,
    Read,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Publish => "publish",
            Action::Read => "read",
        }
    }
}

/// The table. Topics are named without the installation's prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(BTreeMap<(String, Action), BTreeSet<String>>);

impl Scopes {
    /// Errors: a sentence for whoever looks after the installation.
    pub fn check(&self, app: &str, action: Action, topic: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.topics(app, action).any(|allowed| allowed == topic),
            "The scopes do not let {app} {} {topic}. Allow it in the file that TODO_SCOPES names; \
             `todo kafka scopes` prints what is allowed",
            action.as_str()
        );
        Ok(())
    }

    /// What a name may publish, or read.
    pub fn topics(&self, app: &str, action: Action) -> impl Iterator<Item = &str> {
        let topics = self.0.get(&(app.to_owned(), action));
        topics.into_iter().flatten().map(String::as_str)
    }

    fn allow(&mut self, app: &str, action: Action, topics: impl IntoIterator<Item = String>) {
        let key = (app.to_owned(), action);
        self.0.entry(key).or_default().extend(topics);
    }
}

/// What the parts of the application do, and nothing more.
impl Default for Scopes {
    fn default() -> Self {
        let mut scopes = Scopes(BTreeMap::new());
        scopes.allow(RELAY, Action::Publish, topics("*"));
        scopes.allow(RELAY, Action::Publish, topics("*.dlq"));
        scopes.allow(LIVE, Action::Read, topics("*"));
        for (consumer, types) in consumers::all() {
            let types = types.iter().map(|t| t.as_str().to_owned());
            scopes.allow(consumer, Action::Read, types);
        }
        scopes
    }
}

impl FromStr for Scopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut scopes = Scopes(BTreeMap::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(app) = words.next() else { continue };
            let action = match words.next() {
                Some("publish") => Action::Publish,
                Some("read") => Action::Read,
                _ => {
                    return Err(format!(
                        "line {number}: write a name, publish or read, and topics, as in: relay publish * *.dlq"
                    ));
                }
            };
            let mut named = 0;
            for pattern in words {
                let topics = topics(pattern);
                if topics.is_empty() {
                    return Err(format!(
                        "line {number}: there is no topic {pattern}. Topics are named like {}; * stands for all",
                        EventType::TaskCreated.as_str()
                    ));
                }
                scopes.allow(app, action, topics);
                named += 1;
            }
            if named == 0 {
                return Err(format!(
                    "line {number}: name the topics too, or leave the line out"
                ));
            }
        }
        Ok(scopes)
    }
}

/// As it is read.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((app, action), topics) in &self.0 {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            writeln!(f, "{app} {} {}", action.as_str(), topics.join(" "))?;
        }
        Ok(())
    }
}

/// The topics a pattern stands for: dead letters' only if it ends with `.dlq`.
fn topics(pattern: &str) -> Vec<String> {
    let (pattern, dlq) = match pattern.strip_suffix(".dlq") {
        Some(pattern) => (pattern, ".dlq"),
        None => (pattern, ""),
    };
    let named = |topic: &str| match pattern.strip_suffix('*') {
        Some(start) => topic.starts_with(start),
        None => topic == pattern,
    };
    let topics = EventType::ALL.iter().map(|t| t.as_str());
    topics
        .filter(|topic| named(topic))
        .map(|topic| format!("{topic}{dlq}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(scopes: &Scopes, app: &str, action: Action, topic: &str) -> bool {
        scopes.check(app, action, topic).is_ok()
    }

    #[test]
    fn without_a_table_everybody_may_do_what_they_do_and_nobody_anything_else() {
        let scopes = Scopes::default();
        for event_type in EventType::ALL {
            let topic = event_type.as_str();
            let dead = format!("{topic}.dlq");
            assert!(allowed(&scopes, RELAY, Action::Publish, topic));
            assert!(allowed(&scopes, RELAY, Action::Publish, &dead));
            assert!(allowed(&scopes, LIVE, Action::Read, topic));
            for (app, action) in [
                (RELAY, Action::Read),
                (LIVE, Action::Publish),
                ("activity", Action::Publish),
                ("stranger", Action::Read),
                ("stranger", Action::Publish),
                ("", Action::Read),
            ] {
                assert!(!allowed(&scopes, app, action, topic), "{app} {action:?}");
            }
            assert!(!allowed(&scopes, LIVE, Action::Read, &dead));
        }
        assert!(!allowed(&scopes, RELAY, Action::Publish, "task.invented"));
        for (consumer, types) in consumers::all() {
            let own: BTreeSet<&str> = types.iter().map(|t| t.as_str()).collect();
            let allowed = scopes.topics(consumer, Action::Read).collect();
            assert_eq!(own, allowed, "{consumer}");
        }
    }

    #[test]
    fn a_table_is_read_as_it_is_printed() {
        let table = "# who\n\nrelay publish * *.dlq # all\nsearch read task.* \nsearch read user.registered\n";
        let scopes: Scopes = table.parse().unwrap();
        assert!(allowed(&scopes, "search", Action::Read, "task.reopened"));
        assert!(allowed(&scopes, "search", Action::Read, "user.registered"));
        assert!(!allowed(
            &scopes,
            "search",
            Action::Read,
            "dead_letter.redriven"
        ));
        assert!(!allowed(
            &scopes,
            "search",
            Action::Read,
            "task.created.dlq"
        ));
        assert!(!allowed(&scopes, LIVE, Action::Read, "task.created"));
        for scopes in [scopes, Scopes::default()] {
            assert_eq!(scopes.to_string().parse(), Ok(scopes));
        }
        let nothing: Scopes = "".parse().unwrap();
        assert!(!allowed(&nothing, RELAY, Action::Publish, "task.created"));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (bad, expected) in [
            ("relay", "line 1: write a name"),
            ("\nrelay write *", "line 2: write a name"),
            ("live read", "line 1: name the topics"),
            ("live read # *", "line 1: name the topics"),
            ("live read task.invented", "no topic task.invented"),
            ("live read *.created", "no topic *.created"),
            ("live read .dlq", "no topic .dlq"),
        ] {
            let error = bad.parse::<Scopes>().unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }
}
