//! All that the page shows, as data, and which parts of it are different after a change.

use super::wishes::provisional;
use super::{Board, Place, Row, RowKey, Snapshot, Trouble};
use crate::accounts::Me;
use crate::activity::{Entry, groups};
use crate::error::Error;
use crate::id::{Seq, TaskId};
use crate::live::Status;
use crate::tasks::Task;
use crate::tasks::api::{CreateTask, EditTask};
use crate::ui::{Clock, Submitted};
use leptos::reactive::signal::ArcTrigger;
use leptos::server_fn::ServerFn;

/// A part of the page that is drawn again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which rows there are, and in what order; each row's content is a part of its own.
    Rows,
    /// Which tasks there are.
    Tasks,
    Strays,
    /// The field for a new task.
    Add,
    Notice,
    /// Which lines the feed has.
    Feed,
    /// The pill above the feed, and the link below it.
    Ends,
    Place,
    /// The mark of the connection.
    Mark,
    Said,
    Undo,
    Clock,
}

impl Part {
    pub const COUNT: usize = Part::Clock as usize + 1;
}

/// The page's state.
pub struct State {
    pub me: Me,
    pub board: Board,
    /// What is in each row, by [`Line::id`], and when it was last there.
    contents: Vec<(Line, Shown, u32)>,
    /// How often the rows were gone through.
    round: u32,
    /// Open tasks, and those that were done a moment ago.
    pub open: Vec<Line>,
    pub done: Vec<Line>,
    /// Rows that were just completed and still stand among the open ones, and whether they fold up.
    pub staying: Vec<(RowKey, bool)>,
    pub strays: Vec<Trouble>,
    /// The numbers of the tasks there are, ascending, so that the feed links to no other.
    pub tasks: Vec<TaskId>,
    pub editing: Option<Editing>,
    /// Why the last new task was refused.
    pub refusal: Option<String>,
    /// Something to say above the list.
    pub notice: Option<String>,
    /// The lines of the feed that are shown, newest first, each of one change or of several.
    pub told: Vec<Told>,
    /// What was deleted a moment ago.
    pub undo: Vec<TaskId>,
    /// How many there were since the page was loaded.
    pub deletions: u32,
    /// What the server sent with the page; later lines arrived while it was watched.
    pub seen: Seq,
    /// The feed begins at an older line.
    pub feed_is_old: bool,
    /// Newer lines than this wait until the reader is at the top of the feed.
    pub held: Option<Seq>,
    pub loading_older: bool,
    pub place: Place,
    pub status: Status,
    /// How many changes have not reached the server for certain.
    pub waiting: usize,
    /// For screen readers, said politely.
    pub said: String,
    pub clock: Clock,
    /// A form that was refused before the page was awake.
    pub submitted: Option<Submitted>,
    /// Lines of the feed link to their traces.
    pub traces: bool,
}

/// A row's place in the list, and what tells it to draw itself again.
#[derive(Clone)]
pub struct Line {
    pub key: RowKey,
    pub changed: ArcTrigger,
}

/// A line of the feed: which changes it tells of, and what tells it to draw itself again.
#[derive(Clone)]
pub struct Told {
    /// The same for as long as the line is there, whatever is added to it: the number of one of its
    /// changes.
    pub key: Seq,
    newest: Seq,
    oldest: Seq,
    /// Days since 1970 where the reader is.
    pub day: i64,
    pub changed: ArcTrigger,
}

/// All that a row shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub row: Row,
    /// Its editor is open.
    pub editing: Option<Editing>,
    /// It was done, and folds up.
    pub leaves: bool,
}

/// A task that is open for editing.
#[derive(Clone, Debug, PartialEq)]
pub struct Editing {
    /// As it was when the person began: only what they changed themselves is sent.
    pub base: Task,
    /// What the fields begin with.
    pub title: String,
    pub description: String,
    pub refusal: Option<Error>,
}

/// What is different after a change.
#[derive(Default)]
pub struct News {
    pub parts: Vec<Part>,
    pub rows: Vec<ArcTrigger>,
    /// Just completed.
    pub completed: Vec<RowKey>,
    /// The task that was open is gone.
    pub lost: bool,
}

impl Line {
    /// Unlike every other line's, and the same for the page's life.
    pub fn id(&self) -> i64 {
        match self.key {
            RowKey::Task(task_id) => task_id.0,
            RowKey::Asked(command_id) => provisional(command_id).0,
        }
    }
}

impl State {
    pub fn new(snapshot: Snapshot) -> Self {
        let board = Board::new(&snapshot);
        let has_place = [CreateTask::PATH, EditTask::PATH];
        let notice = snapshot
            .submitted
            .as_ref()
            .filter(|form| !has_place.contains(&form.action.as_str()))
            .map(|form| form.error.detail.clone());
        let mut state = State {
            me: snapshot.me,
            contents: Vec::new(),
            round: 0,
            open: Vec::new(),
            done: Vec::new(),
            staying: Vec::new(),
            strays: Vec::new(),
            tasks: Vec::new(),
            editing: None,
            refusal: None,
            notice,
            told: Vec::new(),
            undo: Vec::new(),
            deletions: 0,
            seen: board.feed().seq,
            feed_is_old: snapshot.before.is_some(),
            held: None,
            loading_older: false,
            place: snapshot.place,
            status: Status::Connecting,
            waiting: 0,
            said: String::new(),
            clock: Clock::utc(),
            submitted: snapshot.submitted,
            traces: snapshot.traces,
            board,
        };
        state.begin_editing();
        state.refresh();
        state.regroup();
        state
    }

    /// Opens the editor of the task that the page is about, with what the person has typed if that
    /// was refused; closes every other.
    pub fn begin_editing(&mut self) {
        let base = match self.place {
            Place::Task(task_id) => self.board.as_wished(task_id),
            Place::Tasks | Place::Feed => None,
        };
        let submitted = self.submitted.as_ref();
        self.editing = base.map(|base| {
            let id = base.task_id.to_string();
            let form = submitted
                .filter(|form| form.action == EditTask::PATH && form.value("task_id") == Some(&id));
            let typed = |name, default: &str| {
                let typed = form.and_then(|form| form.value(name));
                typed.unwrap_or(default).to_owned()
            };
            Editing {
                title: typed("title", &base.title),
                description: typed("description", &base.description),
                refusal: form.map(|form| form.error.clone()),
                base,
            }
        });
    }

    /// The changes that the feed shows, newest first.
    pub fn feed(&self) -> &[Entry] {
        &self.board.feed().entries[self.held_back()..]
    }

    /// How many newer lines there are than those shown.
    pub fn fresh(&self) -> usize {
        match self.feed_is_old {
            true => self.board.missed(),
            false => self.held_back(),
        }
    }

    fn held_back(&self) -> usize {
        let waits = |entry: &&Entry| self.held.is_some_and(|held| entry.seq > held);
        self.board.feed().entries.iter().take_while(waits).count()
    }

    /// The changes that a line of the feed tells of, newest first; none if it has gone.
    pub fn group(&self, key: Seq) -> &[Entry] {
        let feed = self.feed();
        let told = self.told.binary_search_by(|told| key.cmp(&told.key));
        let Some(told) = told.ok().and_then(|at| self.told.get(at)) else {
            return &[];
        };
        let from = feed.partition_point(|entry| entry.seq > told.newest);
        let to = feed.partition_point(|entry| entry.seq >= told.oldest);
        feed.get(from..to).unwrap_or_default()
    }

    /// Brings the lines of the feed to what there is to tell. A line that is longer than before, at
    /// either end, is the same line: it keeps its element, and with it what is open and focused.
    pub fn regroup(&mut self) -> Vec<ArcTrigger> {
        let clock = self.clock;
        let old = &self.told;
        let mut changed = Vec::new();
        let mut told = Vec::new();
        for group in groups(self.feed(), |at| clock.wall(at).day()) {
            let (Some(newest), Some(oldest)) = (group.first(), group.last()) else {
                continue;
            };
            let mut line = Told {
                key: oldest.seq,
                newest: newest.seq,
                oldest: oldest.seq,
                day: clock.wall(newest.at).day(),
                changed: ArcTrigger::new(),
            };
            let at = old.partition_point(|old| old.key > line.newest);
            if let Some(old) = old.get(at).filter(|old| old.key >= line.oldest) {
                line.key = old.key;
                line.changed = old.changed.clone();
                if (old.newest, old.oldest) != (line.newest, line.oldest) {
                    changed.push(old.changed.clone());
                }
            }
            told.push(line);
        }
        self.told = told;
        changed
    }

    /// What this row shows; `None` if it has gone.
    pub fn shown(&self, line: &Line) -> Option<&Shown> {
        let at = self.find(line.id()).ok()?;
        Some(&self.contents[at].1)
    }

    /// Lines never change: the feed differs when its ends do.
    pub fn feed_ends(&self) -> (Option<Seq>, Option<Seq>, usize, bool) {
        let feed = self.feed();
        let seq = |entry: Option<&Entry>| entry.map(|entry| entry.seq);
        let more = self.board.feed().more;
        (seq(feed.first()), seq(feed.last()), self.fresh(), more)
    }

    /// Brings everything to what the board says.
    pub fn refresh(&mut self) -> News {
        let mut news = News::default();
        self.refresh_rows(&mut news);
        let strays = self.board.strays();
        if strays != self.strays {
            self.strays = strays;
            news.parts.push(Part::Strays);
        }
        let waiting = self.board.waiting();
        if waiting != self.waiting {
            self.waiting = waiting;
            news.parts.push(Part::Mark);
        }
        news
    }

    fn refresh_rows(&mut self, news: &mut News) {
        let rows = self.board.rows();
        let (mut open, mut done) = (Vec::new(), Vec::new());
        let mut tasks = Vec::new();
        let mut edited = false;
        self.round += 1;
        for row in rows {
            let is_edited = |editing: &&Editing| editing.base.task_id == row.task.task_id;
            let editing = self.editing.as_ref().filter(is_edited).cloned();
            edited |= editing.is_some();
            if !row.is_new() {
                tasks.push(row.task.task_id);
            }
            let completed_at = row.task.completed_at;
            let line = self.refresh_row(row, editing, news);
            match completed_at {
                Some(at) if !self.stays(line.key) => done.push((at.timestamp_micros(), line)),
                _ => open.push(line),
            }
        }
        tasks.reverse();
        if tasks != self.tasks {
            self.tasks = tasks;
            news.parts.push(Part::Tasks);
        }
        self.contents.retain(|(.., round)| *round == self.round);
        let done = newest_first(done);
        if !same(&open, &self.open) || !same(&done, &self.done) {
            (self.open, self.done) = (open, done);
            news.parts.push(Part::Rows);
        }
        news.lost = self.editing.is_some() && !edited;
    }

    /// The row's line, told if something of it is different.
    fn refresh_row(&mut self, row: Row, editing: Option<Editing>, news: &mut News) -> Line {
        let key = row.key;
        let is_done = row.is_done();
        let new = Line {
            key,
            changed: ArcTrigger::new(),
        };
        let leaves = is_done && self.staying.contains(&(key, true));
        let shown = Shown {
            row,
            editing,
            leaves,
        };
        match self.find(new.id()) {
            Ok(at) => {
                let (line, old, round) = &mut self.contents[at];
                *round = self.round;
                if *old != shown {
                    if is_done && !old.row.is_done() {
                        news.completed.push(key);
                        self.staying.push((key, false));
                    }
                    *old = shown;
                    news.rows.push(line.changed.clone());
                }
                line.clone()
            }
            Err(at) => {
                self.contents.insert(at, (new.clone(), shown, self.round));
                new
            }
        }
    }

    fn stays(&self, key: RowKey) -> bool {
        self.staying.iter().any(|(staying, _)| *staying == key)
    }

    fn find(&self, id: i64) -> Result<usize, usize> {
        self.contents
            .binary_search_by_key(&id, |(line, ..)| line.id())
    }
}

fn same(one: &[Line], other: &[Line]) -> bool {
    let keys = |lines: &[Line]| lines.iter().map(|line| line.key).collect::<Vec<_>>();
    keys(one) == keys(other)
}

/// By the time beside them, the latest first. They come nearly in order, and the standard library's
/// sort alone weighs more in WebAssembly than this whole file.
fn newest_first(lines: Vec<(i64, Line)>) -> Vec<Line> {
    let mut order: Vec<(i64, usize)> = Vec::with_capacity(lines.len());
    for (index, (time, _)) in lines.iter().enumerate() {
        let at = order.partition_point(|(other, _)| other >= time);
        order.insert(at, (*time, index));
    }
    let lines = order.into_iter().map(|(_, index)| lines[index].1.clone());
    lines.collect()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
