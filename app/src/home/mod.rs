//! The page one keeps open: tasks, and beside them the live feed.

mod board;
#[cfg_attr(
    feature = "ssr",
    allow(dead_code, reason = "only a browser has gestures")
)]
mod gestures;
mod list;
mod page;
mod state;
pub mod view;
mod wishes;

/// Where the page gets its snapshot from.
#[cfg_attr(feature = "ssr", path = "source_server.rs")]
#[cfg_attr(not(feature = "ssr"), path = "source_browser.rs")]
pub mod source;

#[cfg(feature = "ssr")]
pub mod queries;

pub use board::Board;
pub use list::{Item, list};
pub use page::Page;
pub use state::{Editing, Line, Part, Shown, State, Told};
pub use wishes::{Asked, Fate, Row, RowKey, Trouble, Wish};

use crate::accounts::Me;
use crate::activity::{Feed, Filter};
use crate::id::{Seq, TaskId};
use crate::tasks::Task;
use crate::ui::Submitted;
use serde::{Deserialize, Serialize};

/// What the server knows of a person at one moment; the page starts from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub me: Me,
    /// Oldest first, done ones included.
    pub tasks: Vec<Task>,
    /// The last event that `tasks` contain.
    pub seq: Seq,
    /// Its own cursor may be a moment behind `seq`: the activity consumer writes it.
    pub feed: Feed,
    /// Where the page is.
    pub place: Place,
    /// The feed begins below this line, not at the newest.
    pub before: Option<Seq>,
    /// Which lines the feed has.
    pub filter: Filter,
    /// A form of this page that was refused without JavaScript.
    pub submitted: Option<Submitted>,
    /// The person may look at the traces of events, and it is known where.
    pub traces: bool,
}

/// Which part is in front where there is not room for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    #[default]
    Tasks,
    Feed,
    /// A task's editor is open.
    Task(TaskId),
}

impl Place {
    /// The place at this path, if it is one.
    pub fn at(path: &str) -> Option<Place> {
        match path {
            "/" => Some(Place::Tasks),
            "/feed" => Some(Place::Feed),
            _ => path
                .strip_prefix("/tasks/")?
                .parse()
                .ok()
                .map(|id| Place::Task(TaskId(id))),
        }
    }

    pub fn path(self) -> String {
        match self {
            Place::Tasks => "/".into(),
            Place::Feed => "/feed".into(),
            Place::Task(task_id) => format!("/tasks/{task_id}"),
        }
    }
}
