//! Which lines of the feed are wanted. The address of the page says it, so that it can be kept, sent
//! on, and sent by a plain form: `/feed?by=you&kind=task.completed&day=2026-11-24`.
//!
//! There is no filter by list, as there are no lists yet. The feed names nobody but its reader, so
//! by person means one's own changes, or those of others.

use super::Entry;
use crate::event::{EventType, Timestamp};
use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// All of what is said must hold. The default wants everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// As the address says it, in one way of writing; empty: everything.
    pub query: String,
    /// What one did oneself, or what others did.
    pub mine: Option<bool>,
    pub kind: Option<EventType>,
    /// The day is that of the person's time zone: from its first moment until the next one's.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether the line is wanted by `me`, whose feed it is.
    pub fn admits(&self, entry: &Entry, me: &UserId) -> bool {
        self.mine.is_none_or(|mine| mine == (entry.actor_id == *me))
            && self.kind.is_none_or(|kind| kind == entry.event_type)
            && self.from.is_none_or(|from| from <= entry.at)
            && self.until.is_none_or(|until| entry.at < until)
    }

    /// Some lines are left out.
    pub fn is_on(&self) -> bool {
        !self.query.is_empty()
    }

    /// The address of the feed with it, from the line before `before` on.
    pub fn path(&self, before: Option<&str>) -> String {
        let mut path = String::from("/feed");
        let before = before.map(|seq| ["before=", seq].concat());
        let parts = [self.query.as_str(), before.as_deref().unwrap_or_default()];
        let mut mark = '?';
        for part in parts {
            if !part.is_empty() {
                path.push(mark);
                path.push_str(part);
                mark = '&';
            }
        }
        path
    }
}
