//! Which changes are told in one line: what one actor did to one task without doing anything else in
//! between, no two changes more than [`GAP`] apart.
//!
//! Whether two neighbours belong together depends on nothing but the two of them. So a feed is
//! grouped in the same way whatever part of it is looked at: a live change extends the newest line or
//! begins a new one and never touches an older one, and a line that the end of a page has cut in two
//! is whole again with the next page. Midnight ends a line, because each day has its heading.

use super::Entry;
use crate::event::{EventType, Timestamp};

/// Five minutes, in seconds.
const GAP: i64 = 5 * 60;

/// The lines of `entries`, which are newest first. `day` is the day of a moment where the reader is.
pub fn groups(entries: &[Entry], day: impl Fn(Timestamp) -> i64) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(move |newer, older| {
        newer.task_id.is_some()
            && newer.task_id == older.task_id
            && newer.actor_id == older.actor_id
            // The clocks of two servers may differ a little.
            && (newer.at.timestamp() - older.at.timestamp()).abs() <= GAP
            && day(newer.at) == day(older.at)
    })
}

/// What was done, such as "added, edited twice and completed". What was done last comes last, so
/// that the sentence ends with how things are now.
pub fn verbs(group: &[Entry]) -> String {
    let mut verbs: Vec<(&str, usize)> = Vec::new();
    for entry in group {
        let verb = verb(entry);
        match verbs.iter_mut().find(|(other, _)| *other == verb) {
            Some((_, times)) => *times += 1,
            None => verbs.push((verb, 1)),
        }
    }
    let mut words = String::new();
    // Newest first, like the entries.
    for (left, (verb, times)) in verbs.iter().enumerate().rev() {
        words.push_str(verb);
        match times {
            1 => {}
            2 => words.push_str(" twice"),
            times => {
                words.push(' ');
                words.push_str(&times.to_string());
                words.push_str(" times");
            }
        }
        words.push_str(match left {
            0 => "",
            1 => " and ",
            _ => ", ",
        });
    }
    words
}

/// The word for one change.
pub fn verb(entry: &Entry) -> &'static str {
    match entry.event_type {
        EventType::TaskUpdated if entry.changes.description.is_none() => "renamed",
        event_type => word(event_type),
    }
}

/// The word for a kind of change.
pub fn word(event_type: EventType) -> &'static str {
    match event_type {
        EventType::TaskCreated => "added",
        EventType::TaskUpdated => "edited",
        EventType::TaskCompleted => "completed",
        EventType::TaskReopened => "reopened",
        EventType::TaskDeleted => "deleted",
        EventType::TaskRestored => "restored",
        EventType::TaskPurged => "deleted for good",
        EventType::UserRegistered => "joined",
        EventType::DeadLetterRedriven => "redrove a dead letter",
        EventType::DeadLetterDiscarded => "discarded a dead letter",
        EventType::EndpointDisabled => "switched off an endpoint",
        // Never in the feed: `EventType::is_told`.
        EventType::UserLoggedIn
        | EventType::UserLoginFailed
        | EventType::UserLoggedOut
        | EventType::UserRoleChanged
        | EventType::UserSettingsChanged
        | EventType::EndpointChanged
        | EventType::DeliveryRedelivered => "",
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
