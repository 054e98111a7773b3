//! Which lines of the feed are wanted. The address of the page says it, so that it can be kept, sent
//! on, and sent by a plain form: `/feed?by=you&kind=task.completed&list=home&day=2026-11-24`.
//!
//! The feed names nobody but its reader, so by person means one's own changes, or those of others.
//! Which list a task is in only the server can tell: see [`Filter::for_browser`].

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

    /// As the browser is to have it. With a filter by list it has to let nothing in by itself: the
    /// server says when there is something new (`newer` in `tools.rs`).
    #[cfg(feature = "ssr")]
    pub fn for_browser(self, list: Option<&str>) -> Filter {
        let until = match list {
            Some(_) => Some(Timestamp::UNIX_EPOCH),
            None => self.until,
        };
        Filter { until, ..self }
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
