//! What the page shows: what the server confirmed, and on top of it what the person has asked for.
//!
//! Pure, so that it can be tested without a browser. The confirmed part is only ever changed by
//! events in `seq` order; a change that is refused leaves no trace but its reason.

use super::Snapshot;
use super::wishes::{Asked, Fate, Row, RowKey, Trouble, Wish, is_provisional, provisional};
use crate::activity::{Entry, Feed, Filter};
use crate::error::{Error, Kind};
use crate::event::{Event, Timestamp};
use crate::id::{CommandId, Seq, TaskId};
use crate::tasks::{Task, Tasks};

/// The state of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    tasks: Tasks,
    seq: Seq,
    feed: Feed,
    filter: Filter,
    /// The feed begins at an older line, so that a new event has no place in it.
    feed_is_old: bool,
    /// New lines that had no place.
    missed: usize,
    asked: Vec<Asked>,
    /// Tasks that were asked for on this page keep the row that they had before they had a number.
    /// By number.
    born: Vec<(TaskId, CommandId)>,
}

impl Board {
    pub fn new(snapshot: &Snapshot) -> Self {
        Board {
            tasks: Tasks::new(snapshot.tasks.iter().cloned()),
            seq: snapshot.seq,
            feed: snapshot.feed.clone(),
            filter: snapshot.filter.clone(),
            feed_is_old: snapshot.before.is_some(),
            missed: 0,
            asked: Vec::new(),
            born: Vec::new(),
        }
    }

    /// The cursor for the socket: everything after it is wanted. Feed and tasks may differ.
    pub fn cursor(&self) -> Seq {
        self.seq.min(self.feed.seq)
    }

    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Which lines the feed has.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How many new lines had no place, as the feed begins at an older one.
    pub fn missed(&self) -> usize {
        self.missed
    }

    /// The feed is all there is: it begins at the newest line and leaves none out.
    pub fn has_whole_feed(&self) -> bool {
        !self.feed_is_old && !self.filter.is_on()
    }

    /// The task as the server has it.
    pub fn task(&self, task_id: TaskId) -> Option<&Task> {
        self.tasks.get(task_id)
    }

    /// How many changes have not reached the server for certain.
    pub fn waiting(&self) -> usize {
        let open = |fate: &Fate| matches!(fate, Fate::Queued | Fate::Pending | Fate::Waiting(_));
        self.asked.iter().filter(|asked| open(&asked.fate)).count()
    }

    /// Takes the next event of the stream. A duplicate is dropped; `false` means that events are
    /// missing before it, so that the socket has to resume from [`Board::cursor`].
    pub fn follow(&mut self, event: &Event) -> bool {
        if event.seq > self.cursor().next() {
            return false;
        }
        self.take(event);
        true
    }

    /// Applies the event to whichever of feed and tasks it is the next of.
    fn take(&mut self, event: &Event) {
        let data = &event.envelope.data;
        if event.seq == self.feed.seq.next() {
            let task = data.task_id().and_then(|task_id| self.task(task_id));
            let entry = Entry::of(event, task.map(|task| task.title.as_str()));
            self.feed.seq = event.seq;
            let told = event.envelope.event_type.is_told();
            match told && self.filter.admits(&entry, event.user_id()) {
                true if self.feed_is_old => self.missed += 1,
                true => self.feed.entries.insert(0, entry),
                false => {}
            }
        }
        if event.seq == self.seq.next() {
            self.tasks.apply(data);
            self.seq = event.seq;
        }
        if let Some(command_id) = event.command_id
            && let Some(wish) = self.remove(command_id)
            && let (Wish::Create { .. }, Some(task_id)) = (wish, data.task_id())
        {
            let at = self.born.partition_point(|born| born.0 < task_id);
            self.born.insert(at, (task_id, command_id));
            for asked in &mut self.asked {
                asked.wish.renumber(provisional(command_id), task_id);
            }
        }
    }

    /// Older lines of the feed, as the server sent them.
    pub fn add_older(&mut self, older: Feed) {
        let oldest = self
            .feed
            .entries
            .last()
            .map_or(Seq(i64::MAX), |entry| entry.seq);
        self.feed
            .entries
            .extend(older.entries.into_iter().filter(|entry| entry.seq < oldest));
        self.feed.more = older.more;
    }

    /// The person asks for something: it shows at once. [`Board::take_due`] says when to send it.
    pub fn ask(&mut self, command_id: CommandId, wish: Wish, at: Timestamp) {
        self.asked.push(Asked {
            command_id,
            wish,
            at,
            fate: Fate::Queued,
        });
    }

    /// What is to be sent now: each queued wish whose task has a number, and that no earlier one for
    /// the same task holds up. Two requests on their way at once could be carried out in the wrong
    /// order. An edit is sent whole: what the person left alone is sent as it is at this moment.
    pub fn take_due(&mut self) -> Vec<(CommandId, Wish)> {
        let mut due = Vec::new();
        for at in 0..self.asked.len() {
            let (before, rest) = self.asked.split_at_mut(at);
            let Some(asked) = rest.first_mut().filter(|asked| asked.fate == Fate::Queued) else {
                continue;
            };
            let task_id = asked.wish.task_id();
            let held = before.iter().any(|earlier| {
                let open = matches!(
                    earlier.fate,
                    Fate::Pending | Fate::Queued | Fate::Waiting(_)
                );
                open && task_id.is_some() && earlier.wish.task_id() == task_id
            });
            if !held && !task_id.is_some_and(is_provisional) {
                asked.fate = Fate::Pending;
                let mut wish = asked.wish.clone();
                if let Some(task) = task_id.and_then(|task_id| self.tasks.get(task_id)) {
                    wish.complete_from(task);
                }
                due.push((asked.command_id, wish));
            }
        }
        due
    }

    /// The server answered. `Ok(None)`: there was nothing to change.
    pub fn answer(&mut self, command_id: CommandId, answer: Result<Option<Event>, Error>) {
        match answer {
            // In order, it is as good as from the socket; otherwise the socket brings it.
            Ok(Some(event)) => {
                if event.seq <= self.seq.next() {
                    self.take(&event);
                } else {
                    self.decide(command_id, Fate::Granted);
                }
            }
            Ok(None) => drop(self.remove(command_id)),
            // Perhaps it was done, perhaps not: asked again by the same name it is done once.
            Err(error) if error.code == Kind::Unavailable => {
                self.decide(command_id, Fate::Waiting(error));
            }
            Err(error) => {
                self.decide(command_id, Fate::Refused(error));
                self.drop_what_follows(command_id);
            }
        }
    }

    /// The server can be reached again: what waits is due.
    pub fn resume(&mut self) {
        for asked in &mut self.asked {
            if matches!(asked.fate, Fate::Waiting(_)) {
                asked.fate = Fate::Queued;
            }
        }
    }

    /// The person asks again for what was refused or waits; the command keeps its name.
    pub fn retry(&mut self, command_id: CommandId) {
        self.decide(command_id, Fate::Queued);
    }

    /// The person has read a refusal, or gives up.
    pub fn forget(&mut self, command_id: CommandId) {
        self.remove(command_id);
        self.drop_what_follows(command_id);
    }

    /// What was asked of a task that will not be, as `command_id` did not make it.
    fn drop_what_follows(&mut self, command_id: CommandId) {
        let task_id = Some(provisional(command_id));
        self.asked.retain(|asked| asked.wish.task_id() != task_id);
    }

    fn remove(&mut self, command_id: CommandId) -> Option<Wish> {
        let at = self
            .asked
            .iter()
            .position(|asked| asked.command_id == command_id)?;
        Some(self.asked.remove(at).wish)
    }

    /// What to show, newest first.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.tasks.all().iter().map(|task| self.row(task)).collect();
        for asked in &self.asked {
            asked.show(&mut rows);
        }
        rows.reverse();
        rows
    }

    /// The task as its row shows it.
    pub fn as_wished(&self, task_id: TaskId) -> Option<Task> {
        let mut tasks = self.rows().into_iter().map(|row| row.task);
        tasks.find(|task| task.task_id == task_id)
    }

    /// Refusals that no row can show, because the task is gone.
    pub fn strays(&self) -> Vec<Trouble> {
        let is_stray = |asked: &&Asked| {
            asked
                .wish
                .task_id()
                .is_some_and(|task_id| self.task(task_id).is_none())
        };
        self.asked
            .iter()
            .filter(is_stray)
            .filter_map(Asked::trouble)
            .collect()
    }

    fn row(&self, task: &Task) -> Row {
        let born = self.born.binary_search_by_key(&task.task_id, |born| born.0);
        let key = match born {
            Ok(at) => RowKey::Asked(self.born[at].1),
            Err(_) => RowKey::Task(task.task_id),
        };
        Row {
            key,
            task: task.clone(),
            pending: false,
            trouble: None,
        }
    }

    fn decide(&mut self, command_id: CommandId, fate: Fate) {
        if let Some(asked) = self.asked.iter_mut().find(|a| a.command_id == command_id) {
            asked.fate = fate;
        }
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
