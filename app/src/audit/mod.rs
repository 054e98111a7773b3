//! The audit log: who did what, when, from where. Rows are only ever appended, and each names the
//! hash of the one before it, so that whatever is changed, removed, inserted or swapped later shows.
//!
//! A hash is the SHA-256, in hexadecimal, of fields one after the other: each is its length in bytes
//! as four bytes, the highest first, and then its text in UTF-8; numbers are decimal; what is not
//! there has the length ff ff ff ff and no bytes. [`Row::compute`] and [`Source::hash`] say which
//! fields in which order, and docs/audit.md says the same for who checks with other tools. Neither
//! ever changes: what is in the log already would not fit.

pub mod api;
pub mod commands;
pub mod queries;
pub mod verify;
pub mod view;

use crate::event::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The consumer that writes it.
pub const CONSUMER: &str = "audit";

/// What the first row names as the hash before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A row of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// 1, 2, 3 … in the order of the log.
    pub number: i64,
    pub prev_hash: String,
    pub entry: Entry,
    pub hash: String,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub event_id: String,
    pub event_type: String,
    /// Whose stream the event is in.
    pub user_id: String,
    pub seq: i64,
    /// Who did it.
    pub actor_id: String,
    pub task_id: Option<i64>,
    pub at: Timestamp,
    /// From where; empty where nobody was asked.
    pub address: String,
    pub user_agent: String,
    /// What else there is to say, in a few words.
    pub detail: String,
    pub traceparent: Option<String>,
    /// [`Source::hash`].
    pub event_hash: String,
}

/// An event as the event store has it, byte for byte, whatever its schema version.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub event_id: String,
    pub event_type: String,
    pub version: String,
    pub user_id: String,
    pub seq: i64,
    pub actor_id: String,
    pub task_id: Option<i64>,
    pub command_id: Option<String>,
    pub at: Timestamp,
    pub data: String,
    pub traceparent: Option<String>,
    /// From where it was asked for; empty where nobody was asked, and in events that are older than
    /// these two fields.
    pub address: String,
    pub user_agent: String,
}

impl Row {
    /// The row that comes after row `number` with the hash `prev_hash`.
    pub fn after(number: i64, prev_hash: &str, entry: Entry) -> Row {
        let mut row = Row {
            number: number + 1,
            prev_hash: prev_hash.into(),
            entry,
            hash: String::new(),
        };
        row.hash = row.compute();
        row
    }

    /// The hash that what it says has.
    pub fn compute(&self) -> String {
        let entry = &self.entry;
        let mut fields = Fields::of("todo-audit-1");
        fields.number(self.number);
        fields.text(&self.prev_hash);
        fields.text(&entry.event_id);
        fields.text(&entry.event_type);
        fields.text(&entry.user_id);
        fields.number(entry.seq);
        fields.text(&entry.actor_id);
        fields.perhaps(entry.task_id.map(|id| id.to_string()).as_deref());
        fields.number(entry.at.timestamp_micros());
        fields.text(&entry.address);
        fields.text(&entry.user_agent);
        fields.text(&entry.detail);
        fields.perhaps(entry.traceparent.as_deref());
        fields.text(&entry.event_hash);
        fields.finish()
    }
}

impl Source {
    /// What its row is to say.
    pub fn entry(self) -> Entry {
        let event_hash = self.hash();
        let data: Value = serde_json::from_str(&self.data).unwrap_or_default();
        let said = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        // For a type of event this never changes, else what is in the log would differ.
        let detail = match self.event_type.as_str() {
            "user.login_failed" | "user.logged_out" => said("reason"),
            "user.role_changed" => format!("{} to {}", said("old"), said("new")),
            "dead_letter.redriven" | "dead_letter.discarded" => {
                let note = said("note");
                let number = &data["dead_letter_id"];
                let of = said("topic");
                match note.is_empty() {
                    true => format!("No. {number} of {of}"),
                    false => format!("No. {number} of {of}: {note}"),
                }
            }
            "endpoint.changed" => format!("{}: {}", said("name"), said("change")),
            "delivery.redelivered" => {
                format!("No. {} by {}", data["delivery_id"], said("channel"))
            }
            "user.settings_changed" => {
                format!("{}: {} to {}", said("setting"), said("old"), said("new"))
            }
            _ => String::new(),
        };
        // Logins say it themselves, and did so before there were fields for it.
        let or_said = |field: String, name: &str| match field.is_empty() {
            true => said(name),
            false => field,
        };
        Entry {
            address: or_said(self.address, "address"),
            user_agent: or_said(self.user_agent, "user_agent"),
            detail,
            event_hash,
            event_id: self.event_id,
            event_type: self.event_type,
            user_id: self.user_id,
            seq: self.seq,
            actor_id: self.actor_id,
            task_id: self.task_id,
            at: self.at,
            traceparent: self.traceparent,
        }
    }

    /// Of all that the event store holds of it, but for when and where it was published.
    pub fn hash(&self) -> String {
        let is_from_somewhere = !self.address.is_empty() || !self.user_agent.is_empty();
        let mut fields = Fields::of(match is_from_somewhere {
            true => "todo-event-2",
            false => "todo-event-1",
        });
        fields.text(&self.event_id);
        fields.text(&self.event_type);
        fields.text(&self.version);
        fields.text(&self.user_id);
        fields.number(self.seq);
        fields.text(&self.actor_id);
        fields.perhaps(self.task_id.map(|id| id.to_string()).as_deref());
        fields.perhaps(self.command_id.as_deref());
        fields.number(self.at.timestamp_micros());
        fields.text(&self.data);
        fields.perhaps(self.traceparent.as_deref());
        if is_from_somewhere {
            fields.text(&self.address);
            fields.text(&self.user_agent);
        }
        fields.finish()
    }
}

/// Fields on their way into a hash: no two lists of fields are the same bytes.
struct Fields(Sha256);

impl Fields {
    fn of(kind: &str) -> Self {
        let mut fields = Fields(Sha256::new());
        fields.text(kind);
        fields
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u32).to_be_bytes());
        self.0.update(text);
    }

    fn number(&mut self, number: i64) {
        self.text(&number.to_string());
    }

    fn perhaps(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.0.update([0xff; 4]),
        }
    }

    fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::from_micros;

    fn source() -> Source {
        Source {
            event_id: "550e8400-e29b-41d4-a716-446655440000".into(),
            event_type: "user.logged_out".into(),
            version: "1.0".into(),
            user_id: "user-456".into(),
            seq: 7,
            actor_id: "user-456".into(),
            task_id: None,
            command_id: None,
            at: from_micros(1_770_573_600_000_000),
            data: r#"{"reason":"revoked","address":"203.0.113.7","user_agent":"Firefox"}"#.into(),
            traceparent: Some("00-1-2-01".into()),
            address: String::new(),
            user_agent: String::new(),
        }
    }

    /// Computed by docs/audit.md with another language: a kept log depends on it.
    #[test]
    fn hashes_are_those_of_the_document() {
        let entry = source().entry();
        assert_eq!(entry.event_hash, EVENT_HASH);
        assert_eq!(
            [&entry.detail, &entry.address, &entry.user_agent],
            ["revoked", "203.0.113.7", "Firefox"]
        );
        let row = Row::after(41, GENESIS, entry);
        assert_eq!((row.number, row.hash.as_str()), (42, ROW_HASH));
        let entry = from_somewhere().entry();
        assert_eq!(entry.event_hash, EVENT_HASH_2);
        assert_eq!(
            [&entry.address, &entry.user_agent],
            ["198.51.100.9", "Chromium"]
        );
    }

    /// The same, with what the event store says of where it was asked for.
    fn from_somewhere() -> Source {
        Source {
            address: "198.51.100.9".into(),
            user_agent: "Chromium".into(),
            ..source()
        }
    }

    const EVENT_HASH: &str = "1bb44ce6c69fcc08b7fecc91326c4e81a4c5995b54ad2b0743868b8e8651158f";
    const EVENT_HASH_2: &str = "d2ab27610af3e20ec5e909e6917b1bea720b20db3884622687f2a413e2265bb9";
    const ROW_HASH: &str = "398e411a2ab7d648a623b091c5a1f1aa0ceecc1f3f737f620c2bc98cfa2817fa";

    #[test]
    fn whatever_differs_has_another_hash() {
        let first = Row::after(0, GENESIS, source().entry());
        let changes: [fn(&mut Entry); 7] = [
            |e| e.actor_id.push('7'),
            |e| e.address = "203.0.113.8".into(),
            |e| e.traceparent = None,
            |e| e.traceparent = Some(String::new()),
            |e| e.task_id = Some(0),
            // The same letters, of which one has gone from a field into the next.
            |e| {
                e.address.push('F');
                e.user_agent = "irefox".into();
            },
            |e| e.at = from_micros(e.at.timestamp_micros() + 1),
        ];
        let mut hashes = vec![first.hash.clone()];
        for change in changes {
            let mut row = first.clone();
            change(&mut row.entry);
            hashes.push(row.compute());
        }
        hashes.push(Row::after(1, GENESIS, source().entry()).hash);
        hashes.push(Row::after(0, &first.hash, source().entry()).hash);
        // Taking away where it was asked for is a change, too.
        for (address, user_agent) in [
            ("198.51.100.9", "Chromium"),
            ("198.51.100.9", ""),
            ("", "Chromium"),
        ] {
            let (address, user_agent) = (address.into(), user_agent.into());
            hashes.push(
                Source {
                    address,
                    user_agent,
                    ..source()
                }
                .hash(),
            );
        }
        let all = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
    }
}
