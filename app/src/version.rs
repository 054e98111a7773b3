//! Schema versions: what is older is brought to today's schema, what is newer waits for an upgrade.
//!
//! A change of an event's schema gives its type a new version in the table of `event.rs` and adds one
//! [`Upcaster`] to [`UPCASTERS`]; the old example goes to `golden/old/`, as `TYPE.VERSION.json`, and
//! its schema in `docs/schemas/` stays. Events in the store and in Kafka are never rewritten.

use crate::event::{Envelope, EventData, EventType, Timestamp};
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
    /// The JSON Schema of `from`: `include_str!("../../docs/schemas/TYPE/FROM.json")`.
    pub schema: &'static str,
}

/// Every step there is, in order. Empty: 1.0 is the first version.
pub const UPCASTERS: &[Upcaster] = &[];

/// Every version of the type there ever was, oldest first.
pub fn versions(event_type: EventType) -> Vec<&'static str> {
    let steps = UPCASTERS.iter().filter(|s| s.event_type == event_type);
    let old = steps.map(|step| step.from);
    old.chain([event_type.version()]).collect()
}

/// Why an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A newer version of the application wrote it: by what that is seen.
    Newer(String),
    /// It is no event of ours: why, without quoting from it.
    Malformed(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Newer(seen) => {
                write!(f, "{seen}: a newer version of this application wrote it")
            }
            Unreadable::Malformed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Whether this application can read what was written in `version`, as far as that tells.
pub fn is_known(event_type: &str, version: &str) -> bool {
    EventType::parse(event_type).is_some_and(|known| versions(known).contains(&version))
}

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
    // Nobody else writes to the event store, and no topic is read of a type that is not known.
    let event_type = EventType::parse(name)
        .ok_or_else(|| Unreadable::Newer(format!("its type is {name}, which is not known here")))?;
    if number(event_type.version()).is_some_and(|today| written > today) {
        return Err(Unreadable::Newer(format!(
            "its schema version is {version}"
        )));
    }
    let mut version = version;
    while version != event_type.version() {
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
            version: data.event_type().version().into(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::{BTreeMap, BTreeSet};

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
            schema: "{}",
        },
        Upcaster {
            event_type: EventType::TaskDeleted,
            from: "0.9",
            to: "1.0",
            upcast: |mut data| {
                data["reason"] = data["why"].take();
                data
            },
            schema: "{}",
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
        for (name, version) in [
            ("task.deleted", "1.1"),
            ("task.deleted", "10.0"),
            ("task.exploded", "1.0"),
            ("task.exploded", "2.0"),
        ] {
            let error = read(name, version, json!(null)).unwrap_err();
            assert!(matches!(error, Unreadable::Newer(_)), "{error:?}");
        }
        for (name, version, data) in [
            ("task.deleted", "0.7", deleted(None)),
            ("task.deleted", "one", deleted(None)),
            ("task.deleted", "1.0", deleted(None)),
        ] {
            assert!(matches!(
                read(name, version, data),
                Err(Unreadable::Malformed(_))
            ));
        }
    }

    /// What is wrong with the steps, or with the old examples, by file name, that they need.
    fn faults(steps: &[Upcaster], old: &BTreeMap<String, String>) -> Vec<String> {
        let mut unused: BTreeSet<&String> = old.keys().collect();
        let mut faults = Vec::new();
        for step in steps {
            let (name, version) = (step.event_type.as_str(), step.from);
            let file = format!("{name}.{version}.json");
            let Some(example) = old.get(&file) else {
                faults.push(format!("golden/old/{file} is missing"));
                continue;
            };
            unused.remove(&file);
            let envelope = AnyEnvelope::parse(example.as_bytes()).unwrap();
            if (envelope.event_type.as_str(), envelope.version.as_str()) != (name, version) {
                faults.push(format!("golden/old/{file} is of another type or version"));
            } else if let Err(error) = read_with(steps, name, version, envelope.data) {
                faults.push(format!("golden/old/{file}: {error}"));
            }
        }
        let unused = unused.into_iter();
        faults.extend(unused.map(|file| format!("golden/old/{file} has no step")));
        faults
    }

    #[test]
    fn every_old_version_has_its_example_which_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/golden/old");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        let files = files.map(|file| file.unwrap().path()).map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        });
        assert_eq!(faults(UPCASTERS, &files.collect()), [""; 0]);
    }

    #[test]
    fn a_step_without_a_good_example_is_noticed() {
        let example = |version: &str, data: Value| {
            json!({
                "event_id": "0195a1f0-7c00-7000-8000-000000000000",
                "event_type": "task.deleted",
                "timestamp": "2026-02-08T13:00:00Z",
                "version": version,
                "data": data
            })
            .to_string()
        };
        let mut second = deleted(None);
        second["why"] = "user_requested".into();
        let good = BTreeMap::from([
            (
                "task.deleted.0.8.json".to_owned(),
                example("0.8", deleted(None)),
            ),
            ("task.deleted.0.9.json".to_owned(), example("0.9", second)),
        ]);
        assert_eq!(faults(STEPS, &good), [""; 0]);
        assert_eq!(faults(&[], &good).len(), 2);
        assert_eq!(faults(STEPS, &BTreeMap::new()).len(), 2);
        // Of the second version, but without what only that has.
        let mut bad = good.clone();
        bad.insert("task.deleted.0.9.json".into(), example("0.9", json!({})));
        assert_eq!(
            faults(STEPS, &bad),
            ["golden/old/task.deleted.0.9.json: its data does not fit its type"]
        );
        bad.insert(
            "task.deleted.0.9.json".into(),
            good["task.deleted.0.8.json"].clone(),
        );
        assert_eq!(
            faults(STEPS, &bad),
            ["golden/old/task.deleted.0.9.json is of another type or version"]
        );
    }
}
