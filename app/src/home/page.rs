//! The page's state, and everything that changes it.

use super::state::News;
use super::{Board, Line, Part, Place, RowKey, Snapshot, State, Told, Wish, gestures};
use crate::activity::Entry;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::id::{CommandId, Seq, TaskId};
use crate::live::{Message, Status};
use crate::tasks::Task;
use crate::ui::{Clock, after};
use crate::wire::{FromJson, request};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use std::time::Duration;
use wasm_bindgen_futures::spawn_local;

/// How long a completed row stays where it is.
const STAY: Duration = Duration::from_secs(2);
/// How long a deletion can be undone beside the list, and then until the person looks away.
const UNDO: Duration = Duration::from_secs(10);
const HELD: Duration = Duration::from_secs(1);
/// How long it takes to fold up; the stylesheet says the same.
const FOLD: Duration = Duration::from_millis(180);

/// The page: its state, and who is to be told of what. One kind of signal for everything, because
/// each kind is paid for in WebAssembly again.
#[derive(Clone, Copy)]
pub struct Page {
    state: StoredValue<State>,
    parts: [Trigger; Part::COUNT],
}

impl Page {
    pub fn new(snapshot: Snapshot) -> Self {
        Page {
            state: StoredValue::new(State::new(snapshot)),
            parts: std::array::from_fn(|_| Trigger::new()),
        }
    }

    /// Reads the state for drawing a part; drawn again when that part is different.
    pub fn see<T>(self, part: Part, read: impl FnOnce(&State) -> T) -> T {
        self.parts[part as usize].track();
        self.peek(read)
    }

    /// Reads the state.
    pub fn peek<T>(self, read: impl FnOnce(&State) -> T) -> T {
        self.state.with_value(read)
    }

    /// Draws a row, and again whenever its content is different.
    pub fn see_row<T>(self, line: &Line, read: impl FnOnce(&super::Shown) -> T) -> Option<T> {
        line.changed.track();
        self.peek(|state| state.shown(line).map(read))
    }

    /// Draws a line of the feed, and again whenever it tells of more.
    pub fn see_told<T>(self, told: &Told, read: impl FnOnce(&[Entry]) -> T) -> T {
        told.changed.track();
        self.peek(|state| read(state.group(told.key)))
    }

    /// How to tell the time.
    pub fn clock(self) -> Clock {
        self.see(Part::Clock, |state| state.clock)
    }

    /// The reader's clock, or another day.
    pub fn set_clock(self, clock: Clock) {
        if self.peek(|state| state.clock != clock) {
            self.set(Part::Clock, |state| state.clock = clock);
            self.regroup();
        }
    }

    /// Changes what is not on the board.
    pub fn set(self, part: Part, set: impl FnOnce(&mut State)) {
        self.state.update_value(set);
        self.parts[part as usize].notify();
    }

    /// The person asks for something.
    pub fn ask(self, wish: Wish) {
        let asked = (CommandId::new(), crate::ui::now());
        self.change(&mut |board| board.ask(asked.0, wish.clone(), asked.1));
    }

    /// The person checks or unchecks a task: by what it is now, for a second click may come before
    /// its row has been drawn again.
    pub fn toggle(self, task_id: TaskId) {
        let task = self.peek(|state| state.board.as_wished(task_id));
        self.ask(match task.and_then(|task| task.completed_at) {
            Some(_) => Wish::Reopen(task_id),
            None => Wish::Complete(task_id),
        });
    }

    /// The person asks again for what was refused or waits.
    pub fn retry(self, command_id: CommandId) {
        self.change(&mut |board| board.retry(command_id));
    }

    /// The person gives up what was refused or waits.
    pub fn forget(self, command_id: CommandId) {
        self.change(&mut |board| board.forget(command_id));
    }

    /// The person deletes a task: beside the list it can be undone for a while, with those that
    /// were deleted just before.
    pub fn delete(self, task_id: TaskId) {
        self.ask(Wish::Delete(task_id));
        self.set(Part::Undo, |state| {
            state.undo.push(task_id);
            state.deletions += 1;
        });
        self.end_undo(UNDO, self.peek(|state| state.deletions));
    }

    /// Later, unless more was deleted meanwhile, or somebody is about to press it.
    fn end_undo(self, wait: Duration, deletions: u32) {
        let end = move || match self.peek(|state| state.deletions) {
            now if now != deletions => {}
            _ if gestures::holds_undo() => self.end_undo(HELD, deletions),
            _ => drop(self.take_undo()),
        };
        after(wait, Box::new(end));
    }

    /// Brings back what was just deleted.
    pub fn undo(self) {
        for task_id in self.take_undo() {
            self.ask(Wish::Restore(task_id));
        }
    }

    fn take_undo(self) -> Vec<TaskId> {
        let mut taken = Vec::new();
        self.set(Part::Undo, |state| taken = std::mem::take(&mut state.undo));
        taken
    }

    /// The task as the server has it.
    pub fn has(self, task_id: TaskId) -> bool {
        self.peek(|state| state.board.task(task_id).is_some())
    }

    /// The last event that the page has.
    pub fn cursor(self) -> Seq {
        self.peek(|state| state.board.cursor())
    }

    pub fn place(self) -> Place {
        self.peek(|state| state.place)
    }

    /// Brings a part of the page to the front, and the editor of its task into its row.
    pub fn show(self, place: Place) {
        self.set(Part::Place, |state| {
            state.place = place;
            state.submitted = None;
            state.begin_editing();
        });
        self.refresh();
        self.say_above(None);
    }

    /// What is being edited, if anything.
    pub fn edited(self) -> Option<Task> {
        self.peek(|state| Some(state.editing.as_ref()?.base.clone()))
    }

    /// Says beside the field why it cannot be saved like this.
    pub fn refuse_edit(self, error: Error) {
        self.state.update_value(|state| {
            if let Some(editing) = &mut state.editing {
                editing.refusal = Some(error);
            }
        });
        self.refresh();
    }

    /// Says beside the field for a new task why it cannot be added like this.
    pub fn refuse_new(self, refusal: Option<String>) {
        if self.peek(|state| state.refusal != refusal) {
            self.set(Part::Add, |state| state.refusal = refusal);
        }
    }

    /// Says something above the list.
    pub fn say_above(self, notice: Option<String>) {
        if self.peek(|state| state.notice != notice) {
            self.set(Part::Notice, |state| state.notice = notice);
        }
    }

    /// How the connection is.
    pub fn set_status(self, status: Status) {
        let before = self.peek(|state| state.status);
        // Only a new page begins a new session.
        if before == status || before == Status::Ended {
            return;
        }
        self.set(Part::Mark, |state| state.status = status);
        self.say(match (before, status) {
            (_, Status::Offline) => "Offline. Changes wait until the server can be reached.",
            (Status::Offline | Status::CatchingUp, Status::Live) => "Live",
            (_, Status::Ended) => "Your session has ended. Log in again.",
            _ => return,
        });
    }

    fn say(self, words: &str) {
        self.set(Part::Said, |state| state.said = words.to_owned());
    }

    /// Takes what the socket says. `false`: something is missing, so it has to connect again.
    pub fn hear(self, message: Message) -> bool {
        let mut in_order = true;
        match message {
            Message::Event(event) => {
                if !self.is_foreign(&event) {
                    self.change(&mut |board| in_order = board.follow(&event));
                }
            }
            Message::Live { seq } => {
                self.change(&mut Board::resume);
                in_order = seq <= self.cursor();
            }
        }
        in_order
    }

    /// The server says what this page cannot read: a newer version runs there.
    pub fn is_outdated(self) {
        if self.peek(|state| state.waiting == 0 && state.editing.is_none()) {
            // Nothing is left to do when even that fails.
            let _ = location().reload();
        } else {
            let words = "This page is older than the server. Reload it when you have finished.";
            self.say_above(Some(words.into()));
        }
    }

    /// Shows the older lines of the feed.
    pub fn load_older(self) {
        let oldest = self.peek(|state| match state.loading_older {
            true => None,
            false => Some(state.feed().last()?.seq),
        });
        if let Some(before) = oldest {
            self.state.update_value(|state| state.loading_older = true);
            self.older(before);
        }
    }

    /// Asks whether the person is still logged in: a refused socket does not say why.
    pub fn check_session(self) {
        self.older(Seq(0));
    }

    fn older(self, before: Seq) {
        spawn_local(async move {
            let before = before.to_string();
            let filter = self.peek(|state| state.board.filter().query.clone());
            let path = crate::activity::api::Older::PATH;
            let answer = request::post(path, &[("before", &before), ("filter", &filter)]).await;
            self.state.update_value(|state| state.loading_older = false);
            match answer.map(FromJson::from_json) {
                Ok(older) => {
                    let mut older = older;
                    self.change(&mut |board| {
                        if let Some(older) = older.take() {
                            board.add_older(older);
                        }
                    });
                }
                Err(error) => self.fail(&error),
            }
        });
    }

    /// New lines of the feed wait, so that nothing moves under the reader's eyes.
    pub fn hold_feed(self, hold: bool) {
        let (held, newest) = self.peek(|state| (state.held.is_some(), state.board.feed().seq));
        if hold != held {
            self.change_feed(&mut |state| state.held = hold.then_some(newest));
        }
    }

    fn send(self, command_id: CommandId, wish: Wish) {
        spawn_local(async move {
            let answer = carry_out(command_id, &wish).await;
            match &answer {
                Ok(Some(event)) if self.is_foreign(event) => return,
                Ok(_) => {}
                Err(error) => self.fail(error),
            }
            let mut answer = Some(answer);
            self.change(&mut |board| {
                if let Some(answer) = answer.take() {
                    board.answer(command_id, answer);
                }
            });
        });
    }

    /// Says what went wrong; the session may have ended.
    fn fail(self, error: &Error) {
        match error.code {
            Kind::Unauthenticated => self.set_status(Status::Ended),
            // The mark of the connection says it.
            Kind::Unavailable => {}
            _ => self.say(&error.detail),
        }
    }

    /// Somebody else has logged in meanwhile in this browser: this page is no longer theirs.
    fn is_foreign(self, event: &Event) -> bool {
        let foreign = self.peek(|state| *event.user_id() != state.me.user_id);
        if foreign {
            // Nothing is left to do when even that fails.
            let _ = location().reload();
        }
        foreign
    }

    /// Changes the board, shows what is different, and sends what is due.
    fn change(self, change: &mut dyn FnMut(&mut Board)) {
        let mut due = Vec::new();
        self.change_feed(&mut |state| {
            change(&mut state.board);
            due = state.board.take_due();
        });
        self.refresh();
        for (command_id, wish) in due {
            self.send(command_id, wish);
        }
    }

    fn change_feed(self, change: &mut dyn FnMut(&mut State)) {
        let before = self.peek(State::feed_ends);
        self.state.update_value(&mut *change);
        let after = self.peek(State::feed_ends);
        if (before.0, before.1) != (after.0, after.1) {
            self.regroup();
        }
        if before != after {
            self.parts[Part::Ends as usize].notify();
        }
    }

    /// Shows the lines of the feed that are different.
    fn regroup(self) {
        let mut changed = Vec::new();
        self.state.update_value(|state| changed = state.regroup());
        self.parts[Part::Feed as usize].notify();
        for line in changed {
            line.notify();
        }
    }

    /// Shows what is different.
    fn refresh(self) {
        let mut news = News::default();
        self.state.update_value(|state| news = state.refresh());
        for part in news.parts {
            self.parts[part as usize].notify();
        }
        for row in news.rows {
            row.notify();
        }
        for key in news.completed {
            self.stay(key);
        }
        if news.lost {
            // It was deleted elsewhere: its editor goes with it.
            gestures::replace(Place::Tasks);
            self.show(Place::Tasks);
            self.say_above(Some("The task that was open here was deleted.".into()));
        }
    }

    /// A row that was just completed stays for a moment, folds up, and is then among the done ones.
    fn stay(self, key: RowKey) {
        let end = move || {
            gestures::hand_on_focus(self, key);
            self.state
                .update_value(|state| state.staying.retain(|(staying, _)| *staying != key));
            self.refresh();
        };
        let fold = move || {
            self.state.update_value(|state| {
                for (staying, leaves) in &mut state.staying {
                    *leaves |= *staying == key;
                }
            });
            self.refresh();
            after(FOLD, Box::new(end));
        };
        after(STAY, Box::new(fold));
    }
}

/// Sends a wish as its form would be sent.
async fn carry_out(command_id: CommandId, wish: &Wish) -> Result<Option<Event>, Error> {
    let command_id = command_id.to_string();
    let task_id = wish.task_id().map(|id| id.to_string());
    let mut fields = vec![("command_id", command_id.as_str())];
    fields.extend(task_id.as_deref().map(|id| ("task_id", id)));
    match wish {
        Wish::Create { title } => fields.push(("title", title)),
        // Complete: see `Board::take_due`.
        Wish::Edit {
            title, description, ..
        } => {
            fields.push(("title", title.as_deref().unwrap_or_default()));
            fields.push(("description", description.as_deref().unwrap_or_default()));
        }
        Wish::Complete(_) | Wish::Reopen(_) | Wish::Delete(_) | Wish::Restore(_) => {}
    }
    let json = request::post(wish.path(), &fields).await?;
    // An answer that cannot be read was an answer: the socket brings what happened.
    Ok(FromJson::from_json(json).unwrap_or_default())
}
