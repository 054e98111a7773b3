//! The catalogue of events: what each says, in which versions, and who reads it.

pub mod queries;
pub mod schema;
pub mod view;

use crate::event::EventType;
use std::sync::Arc;

/// Who reads which types of events: consumers by name. The server knows them, and lends them to the
/// page through Leptos' context.
#[derive(Clone, Debug)]
pub struct Readers(pub Arc<[(&'static str, &'static [EventType])]>);

impl Readers {
    /// The names of those who read events of this type.
    pub fn of(&self, event_type: EventType) -> impl Iterator<Item = &'static str> {
        let readers = self.0.iter();
        let readers = readers.filter(move |(_, topics)| topics.contains(&event_type));
        readers.map(|(name, _)| *name)
    }
}

/// Where the schema of a version is served.
pub fn schema_path(event_type: EventType, version: &str) -> String {
    format!("/events/schemas/{}/{version}.json", event_type.as_str())
}
