//! What the person has asked for, and how it shows before the server has said anything.

use crate::error::Error;
use crate::event::Timestamp;
use crate::id::{CommandId, TaskId};
use crate::tasks::Task;

/// A change the person asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Create {
        title: String,
    },
    /// `None`: the person left the field as it was.
    Edit {
        task_id: TaskId,
        title: Option<String>,
        description: Option<String>,
    },
    Complete(TaskId),
    Reopen(TaskId),
    Delete(TaskId),
    /// Undoes a deletion.
    Restore(TaskId),
}

/// How far a wish has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Asked; to be sent.
    Queued,
    /// Sent; no answer yet.
    Pending,
    /// The server could not be reached; sent again by itself when it can.
    Waiting(Error),
    /// The server did it; the event is on its way.
    Granted,
    /// The server refused: nothing changed.
    Refused(Error),
}

/// A wish on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub command_id: CommandId,
    pub wish: Wish,
    pub at: Timestamp,
    pub fate: Fate,
}

/// A line of the list: the task as it will be if all goes well, and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: RowKey,
    pub task: Task,
    pub pending: bool,
    pub trouble: Option<Trouble>,
}

/// Why something did not happen, and the command to ask again or to forget.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    pub command_id: CommandId,
    pub error: Error,
    /// Not refused: it waits for the connection.
    pub waits: bool,
}

/// The number of a task that was asked for until the server gives it one: below zero, where no other is.
pub(super) fn provisional(command_id: CommandId) -> TaskId {
    // The lower half of a UUID is random.
    TaskId((command_id.0.as_u128() as i64) | i64::MIN)
}

/// What tells rows apart: a task keeps its row from the moment it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKey {
    Task(TaskId),
    Asked(CommandId),
}

impl Wish {
    /// The task it is about, if that exists already.
    pub fn task_id(&self) -> Option<TaskId> {
        match self {
            Wish::Create { .. } => None,
            Wish::Edit { task_id, .. }
            | Wish::Complete(task_id)
            | Wish::Reopen(task_id)
            | Wish::Delete(task_id)
            | Wish::Restore(task_id) => Some(*task_id),
        }
    }

    /// There is nothing in it to change.
    pub fn is_empty(&self) -> bool {
        matches!(
            self,
            Wish::Edit {
                title: None,
                description: None,
                ..
            }
        )
    }

    /// The task got its number.
    pub(super) fn renumber(&mut self, before: TaskId, now: TaskId) {
        if let Wish::Complete(task_id) | Wish::Reopen(task_id) = self
            && *task_id == before
        {
            *task_id = now;
        }
    }

    /// Fills in what an edit leaves as it is.
    pub(super) fn complete_from(&mut self, task: &Task) {
        if let Wish::Edit {
            title, description, ..
        } = self
        {
            title.get_or_insert_with(|| task.title.clone());
            description.get_or_insert_with(|| task.description.clone());
        }
    }
}

/// Whether the server does not know the task yet.
pub(super) fn is_provisional(task_id: TaskId) -> bool {
    task_id.0 < 0
}

impl Row {
    /// The server does not know it yet: it can be checked, and nothing else.
    pub fn is_new(&self) -> bool {
        is_provisional(self.task.task_id)
    }

    pub fn is_done(&self) -> bool {
        self.task.completed_at.is_some()
    }
}

impl Asked {
    pub fn trouble(&self) -> Option<Trouble> {
        let (error, waits) = match &self.fate {
            Fate::Waiting(error) => (error, true),
            Fate::Refused(error) => (error, false),
            Fate::Queued | Fate::Pending | Fate::Granted => return None,
        };
        Some(Trouble {
            command_id: self.command_id,
            error: error.clone(),
            waits,
        })
    }

    /// Shows the wish on the rows: its effect unless it was refused, and how far it has come.
    pub(super) fn show(&self, rows: &mut Vec<Row>) {
        let pending = matches!(self.fate, Fate::Queued | Fate::Pending);
        let Some(task_id) = self.wish.task_id() else {
            rows.push(self.new_row(pending));
            return;
        };
        let Some(at) = rows.iter().position(|row| row.task.task_id == task_id) else {
            return;
        };
        rows[at].pending |= pending;
        if let Some(trouble) = self.trouble() {
            let waits = trouble.waits;
            rows[at].trouble = Some(trouble);
            if !waits {
                return;
            }
        }
        let task = &mut rows[at].task;
        match &self.wish {
            // It shows when it is back.
            Wish::Create { .. } | Wish::Restore(_) => {}
            Wish::Edit {
                title, description, ..
            } => {
                if let Some(title) = title {
                    task.title = title.clone();
                }
                if let Some(description) = description {
                    task.description = description.clone();
                }
            }
            Wish::Complete(_) => task.completed_at = task.completed_at.or(Some(self.at)),
            Wish::Reopen(_) => task.completed_at = None,
            Wish::Delete(_) => drop(rows.remove(at)),
        }
    }

    fn new_row(&self, pending: bool) -> Row {
        let title = match &self.wish {
            Wish::Create { title } => title.clone(),
            _ => String::new(),
        };
        let task = Task {
            task_id: provisional(self.command_id),
            title,
            description: String::new(),
            created_at: self.at,
            updated_at: self.at,
            completed_at: None,
        };
        let key = RowKey::Asked(self.command_id);
        Row {
            key,
            task,
            pending,
            trouble: self.trouble(),
        }
    }
}
