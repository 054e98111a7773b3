//! Schema versions: what is older is brought to today's schema, what is newer waits for an upgrade.
//!
//! A change of an event's schema adds one [`Upcaster`] to [`UPCASTERS`], the old golden file under
//! `golden/old/`, and a new [`VERSION`]. Events in the store and in Kafka are never rewritten.

use crate::event::{Envelope, EventData, EventType, Timestamp, VERSION};
use crate::id::EventId;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// One step: data of `event_type` as version `from` wrote it, to how version `to` writes it.
pub struct Upcaster {
    pub event_type: EventType,
    pub from: &'static str,
    pub to: &'static str,
    pub upcast: fn(Value) -> Value,
}

/// Every step there is. Empty: 1.0 is the first version.
const UPCASTERS: &[Upcaster] = &[];

/// Why an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A newer version of the application wrote it, in this schema version.
    Newer(String),
    /// It is no event of ours: why, without quoting from it.
    Malformed(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Newer(version) => write!(
                f,
                "its schema version is {version}; this application reads {VERSION} and older"
            ),
            Unreadable::Malformed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Unreadable {}

/// The data of an event that was written in `version`, as of today's.
pub fn read(event_type: &str, version: &str, data: Value) -> Result<EventData, Unreadable> {
    read_with(UPCASTERS, event_type, version, data)
}

fn read_with(
    upcasters: &[Upcaster],
    name: &str,
    version: &str,
    mut data: Value,
) -> Result<EventData, Unreadable> {
    let number = |text: &str| -> Option<(u32, u32)> {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let written = number(version)
        .ok_or_else(|| Unreadable::Malformed("its version is not like 1.0".into()))?;
    if Some(written) > number(VERSION) {
        return Err(Unreadable::Newer(version.into()));
    }
    let event_type = EventType::parse(name)
        .ok_or_else(|| Unreadable::Malformed("its type is unknown".into()))?;
    let mut version = version;
    while version != VERSION {
        let step = upcasters
            .iter()
            .find(|step| step.event_type == event_type && step.from == version)
            .ok_or_else(|| Unreadable::Malformed("its version never was one".into()))?;
        data = (step.upcast)(data);
        version = step.to;
    }
    EventData::from_json(event_type, data)
        .map_err(|_| Unreadable::Malformed("its data does not fit its type".into()))
}

/// An envelope whose data may be of any version.
#[derive(Deserialize)]
pub struct AnyEnvelope {
    pub event_id: EventId,
    pub event_type: String,
    pub timestamp: Timestamp,
    pub version: String,
    pub data: Value,
}

impl AnyEnvelope {
    /// Errors: `Malformed`.
    pub fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(json)
            .map_err(|_| Unreadable::Malformed("its value is not an envelope".into()))
    }

    pub fn read(self) -> Result<Envelope, Unreadable> {
        let data = read(&self.event_type, &self.version, self.data)?;
        Ok(Envelope {
            event_id: self.event_id,
            event_type: data.event_type(),
            timestamp: self.timestamp,
            version: VERSION.into(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deleted(reason: Option<&str>) -> Value {
        let mut data = json!({
            "task_id": 1, "user_id": "user-1", "title": "Milk", "deleted_at": "2026-02-08T13:00:00Z"
        });
        if let Some(reason) = reason {
            data["reason"] = reason.into();
        }
        data
    }

    /// As if tasks had first been deleted without a reason, and then with one called `why`.
    const STEPS: &[Upcaster] = &[
        Upcaster {
            event_type: EventType::TaskDeleted,
            from: "0.8",
            to: "0.9",
            upcast: |mut data| {
                data["why"] = "user_requested".into();
                data
            },
        },
        Upcaster {
            event_type: EventType::TaskDeleted,
            from: "0.9",
            to: "1.0",
            upcast: |mut data| {
                data["reason"] = data["why"].take();
                data
            },
        },
    ];

    #[test]
    fn what_is_older_is_brought_to_today_step_by_step() {
        let today = read("task.deleted", "1.0", deleted(Some("user_requested"))).unwrap();
        for (version, mut data) in [("0.8", deleted(None)), ("0.9", deleted(None))] {
            if version == "0.9" {
                data["why"] = "user_requested".into();
            }
            assert_eq!(
                read_with(STEPS, "task.deleted", version, data).as_ref(),
                Ok(&today)
            );
        }
    }

    #[test]
    fn what_is_newer_is_told_from_what_is_wrong() {
        for version in ["1.1", "2.0", "10.0"] {
            let error = read("task.exploded", version, json!(null)).unwrap_err();
            assert_eq!(error, Unreadable::Newer(version.into()));
        }
        for (name, version, data) in [
            ("task.deleted", "0.7", deleted(None)),
            ("task.deleted", "one", deleted(None)),
            ("task.deleted", "1.0", deleted(None)),
            ("task.exploded", "1.0", deleted(None)),
        ] {
            assert!(matches!(
                read(name, version, data),
                Err(Unreadable::Malformed(_))
            ));
        }
    }

    #[test]
    fn every_step_leads_to_today() {
        for step in UPCASTERS {
            let mut version = step.to;
            for _ in UPCASTERS {
                let next = UPCASTERS
                    .iter()
                    .find(|next| next.event_type == step.event_type && next.from == version);
                version = next.map_or(version, |next| next.to);
            }
            assert_eq!(
                version,
                VERSION,
                "{} {}",
                step.event_type.as_str(),
                step.from
            );
        }
    }
}
