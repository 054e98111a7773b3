//! What a person is told of, where, and when: in the page, by e-mail, by SMS, by their browsers.

pub mod api;
mod browsers;
pub mod commands;
pub mod phone;
pub mod push;
pub mod queries;
pub mod quiet;
pub mod token;
pub mod view;
pub mod waiting;
pub mod words;

use crate::accounts::Zone;
use crate::event::{EventType, Timestamp};
use crate::id::{TaskId, UserId};
use quiet::Quiet;
use serde::{Deserialize, Serialize};

/// Where a person may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    Page,
    Email,
    Sms,
    /// A message that each of their browsers shows.
    Push,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::Page, Way::Email, Way::Sms, Way::Push];

    /// What tables and forms call it. Those that leave the house are channels of that name.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Page => "page",
            Way::Email => "email",
            Way::Sms => "sms",
            Way::Push => "push",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

/// What a person may be told of.
pub const KINDS: &[EventType] = &[
    EventType::TaskCreated,
    EventType::TaskCompleted,
    EventType::UserRegistered,
    EventType::EndpointDisabled,
];

/// What one may choose. Of the welcome there is only one, before anything can be chosen.
pub const CHOICES: &[EventType] = &[
    EventType::TaskCreated,
    EventType::TaskCompleted,
    EventType::EndpointDisabled,
];

/// Which ways out of the house this installation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    pub email: bool,
    pub sms: bool,
    pub push: bool,
}

impl Ways {
    pub fn has(self, way: Way) -> bool {
        match way {
            Way::Page => true,
            Way::Email => self.email,
            Way::Sms => self.sms,
            Way::Push => self.push,
        }
    }
}

/// What this installation is like to the people in it.
#[derive(Clone, Debug, Default)]
pub struct House {
    /// Where people reach it, such as https://todo.example.com.
    pub site: String,
    pub ways: Ways,
    /// New people find sample tasks.
    pub onboarding: bool,
}

/// A line of `/notifications`.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    pub id: i64,
    pub event_type: EventType,
    pub task_id: Option<TaskId>,
    /// What the task was called; of the welcome, the person.
    pub title: String,
    pub occurred_at: Timestamp,
    pub is_read: bool,
}

/// Somebody, and what they want to hear of.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub user_id: UserId,
    pub name: String,
    pub email: String,
    pub settings: Settings,
    pub choices: Vec<Choice>,
}

/// A wish that differs from the default, or did.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub event_type: EventType,
    pub way: Way,
    pub wanted: bool,
    pub changed_at: Timestamp,
}

impl Person {
    /// Whether they want to hear now of such things, in this way.
    pub fn wants(&self, event_type: EventType, way: Way) -> bool {
        self.choice(event_type, way)
            .map_or(by_default(event_type, way), |choice| choice.wanted)
    }

    /// Whether they wanted to hear of what happened `at`: a wish says nothing of what was before it.
    pub fn wanted(&self, event_type: EventType, way: Way, at: Timestamp) -> bool {
        match self.choice(event_type, way) {
            Some(choice) => choice.wanted && choice.changed_at <= at,
            None => by_default(event_type, way),
        }
    }

    /// What they want to hear of, how and when, as `user.settings_changed` says it: words without spaces.
    pub fn wishes(&self) -> Vec<String> {
        let ways = KINDS
            .iter()
            .flat_map(|kind| Way::ALL.map(|way| (*kind, way)));
        let wanted = ways.filter(|(kind, way)| self.wants(*kind, *way));
        let wanted = wanted.map(|(kind, way)| format!("{}/{}", kind.as_str(), way.as_str()));
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let quiet = self.settings.quiet;
        let quiet = quiet.map(|(from, to)| format!("quiet/{}-{}", clock(from), clock(to)));
        let digest = self.settings.digest.then(|| "digest".to_owned());
        wanted.chain(quiet).chain(digest).collect()
    }

    fn choice(&self, event_type: EventType, way: Way) -> Option<&Choice> {
        let mut choices = self.choices.iter();
        choices.find(|choice| choice.event_type == event_type && choice.way == way)
    }
}

/// Everything in the page, and by e-mail a welcome and what went wrong: nobody wants a letter for each
/// task. A browser shows what can be chosen: somebody has switched it on.
fn by_default(event_type: EventType, way: Way) -> bool {
    match way {
        Way::Page => true,
        Way::Email => {
            [EventType::UserRegistered, EventType::EndpointDisabled].contains(&event_type)
        }
        Way::Sms => false,
        Way::Push => CHOICES.contains(&event_type),
    }
}

/// When and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where they live: set on their own page, for more than this.
    pub zone: Zone,
    /// From and to, in minutes since midnight; none: never quiet.
    pub quiet: Option<(u16, u16)>,
    /// With its country, such as "+351210000000", and known to be theirs; empty: none.
    pub phone: String,
    /// Said to be theirs: a code is on its way there. Empty: none.
    pub phone_asked: String,
    /// E-mail comes once a day, in the morning.
    pub digest: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            zone: Zone::UTC,
            quiet: None,
            phone: String::new(),
            phone_asked: String::new(),
            digest: false,
        }
    }
}

impl Settings {
    pub fn quiet(&self) -> Option<Quiet> {
        self.quiet.map(|(from, to)| Quiet {
            time_zone: self.zone.name().into(),
            from,
            to,
        })
    }
}

/// What the channel `email` sends; the target is the address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Where it can be unsubscribed from with one click.
    pub unsubscribe: String,
    pub quiet: Option<Quiet>,
}

/// What the channel `sms` sends; the target is the number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Text {
    pub body: String,
    pub quiet: Option<Quiet>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(choices: &[(Way, bool, i64)]) -> Person {
        let choice = |&(way, wanted, changed)| Choice {
            event_type: EventType::TaskCreated,
            way,
            wanted,
            changed_at: crate::db::from_micros(changed),
        };
        Person {
            user_id: UserId("user-1".into()),
            name: "Ada".into(),
            email: "ada@example.com".into(),
            settings: Settings::default(),
            choices: choices.iter().map(choice).collect(),
        }
    }

    #[test]
    fn without_a_choice_there_are_lines_in_the_page_and_two_letters() {
        let ada = person(&[]);
        for event_type in KINDS {
            assert!(ada.wants(*event_type, Way::Page));
            assert!(!ada.wants(*event_type, Way::Sms));
            assert_eq!(
                ada.wants(*event_type, Way::Push),
                CHOICES.contains(event_type)
            );
            let letter = [EventType::UserRegistered, EventType::EndpointDisabled];
            assert_eq!(
                ada.wants(*event_type, Way::Email),
                letter.contains(event_type)
            );
        }
    }

    #[test]
    fn a_choice_holds_from_when_it_was_made() {
        let ada = person(&[(Way::Email, true, 10), (Way::Page, false, 10)]);
        let at = crate::db::from_micros;
        let wanted = |way, micros| ada.wanted(EventType::TaskCreated, way, at(micros));
        assert!(wanted(Way::Email, 10) && !wanted(Way::Email, 9));
        assert!(!wanted(Way::Page, 10));
        assert!(!ada.wants(EventType::TaskCreated, Way::Page));
        assert!(!ada.wanted(EventType::TaskCompleted, Way::Email, at(11)));
    }
}
