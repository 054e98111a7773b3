//! A person's tasks as the fold of their events: how the browser follows, and how `todo verify`
//! proves that the tables say what happened.

use super::Task;
use crate::event::{Changes, EventData};
use crate::id::TaskId;

/// Tasks by number, which is the order they were made in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tasks(Vec<Task>);

impl Tasks {
    pub fn new(tasks: impl IntoIterator<Item = Task>) -> Self {
        let mut all = Tasks::default();
        for task in tasks {
            all.put(task);
        }
        all
    }

    /// By number.
    pub fn all(&self) -> &[Task] {
        &self.0
    }

    pub fn get(&self, task_id: TaskId) -> Option<&Task> {
        self.find(task_id).ok().map(|at| &self.0[at])
    }

    /// What is after `event`, given that this is what was before it.
    pub fn apply(&mut self, event: &EventData) {
        match event {
            EventData::TaskCreated(d) => self.put(Task {
                task_id: d.task_id,
                title: d.title.clone(),
                description: d.description.clone(),
                created_at: d.created_at,
                updated_at: d.created_at,
                completed_at: None,
            }),
            EventData::TaskUpdated(d) => {
                if let Some(task) = self.get_mut(d.task_id) {
                    task.change(&d.changes);
                    task.updated_at = d.updated_at;
                }
            }
            EventData::TaskCompleted(d) => {
                if let Some(task) = self.get_mut(d.task_id) {
                    task.completed_at = Some(d.completed_at);
                    task.updated_at = d.completed_at;
                }
            }
            EventData::TaskReopened(d) => {
                if let Some(task) = self.get_mut(d.task_id) {
                    task.completed_at = None;
                    task.updated_at = d.reopened_at;
                }
            }
            EventData::TaskDeleted(d) => {
                if let Ok(at) = self.find(d.task_id) {
                    self.0.remove(at);
                }
            }
            EventData::TaskRestored(d) => self.put(Task {
                task_id: d.task_id,
                title: d.title.clone(),
                description: d.description.clone(),
                created_at: d.created_at,
                updated_at: d.restored_at,
                completed_at: d.completed_at,
            }),
            // It changes nothing about a task that is there.
            _ => {}
        }
    }

    fn put(&mut self, task: Task) {
        match self.find(task.task_id) {
            Ok(at) => self.0[at] = task,
            Err(at) => self.0.insert(at, task),
        }
    }

    fn get_mut(&mut self, task_id: TaskId) -> Option<&mut Task> {
        self.find(task_id).ok().map(|at| &mut self.0[at])
    }

    fn find(&self, task_id: TaskId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&task_id, |task| task.task_id)
    }
}

impl Task {
    /// Sets the fields that `changes` names to their new values.
    pub fn change(&mut self, changes: &Changes) {
        if let Some(title) = &changes.title {
            self.title = title.new.clone();
        }
        if let Some(description) = &changes.description {
            self.description = description.new.clone();
        }
    }
}
