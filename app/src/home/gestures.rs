//! What the person does, wherever on the page: links, forms and keys.
//!
//! The page is made of plain links and forms, which work before the WebAssembly has come. Once it
//! has, the same clicks and submissions are taken up here, in one place for all of them.

use super::{Page, Place, RowKey, Wish};
use crate::id::{CommandId, TaskId};
use crate::live::Status;
use crate::tasks::api::{CompleteTask, CreateTask, DeleteTask, EditTask, ReopenTask, RestoreTask};
use crate::ui::after;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use std::time::Duration;
use uuid::Uuid;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Element, Event, FormData, HtmlElement, HtmlFormElement, HtmlInputElement, KeyboardEvent,
    MouseEvent,
};

/// From so many pixels on the field for a new task is in its place; the stylesheet says the same.
const WIDE: f64 = 800.0;

impl Wish {
    /// Where its form is sent.
    pub fn path(&self) -> &'static str {
        match self {
            Wish::Create { .. } => CreateTask::PATH,
            Wish::Edit { .. } => EditTask::PATH,
            Wish::Complete(_) => CompleteTask::PATH,
            Wish::Reopen(_) => ReopenTask::PATH,
            Wish::Delete(_) => DeleteTask::PATH,
            Wish::Restore(_) => RestoreTask::PATH,
        }
    }
}

/// Whatever happens on the page.
pub fn take(page: Page, event: &Event) {
    match event.type_().as_str() {
        "click" => click(page, event.unchecked_ref()),
        "submit" => submit(page, event),
        "input" => typed(page, event),
        "keydown" => key(page, event.unchecked_ref()),
        // Lines that come while the reader is further down wait, so that nothing moves.
        "scroll" => page.hold_feed(!is_at_top()),
        "popstate" => {
            let path = location().pathname().unwrap_or_default();
            show(page, Place::at(&path).unwrap_or_default());
        }
        // What has not reached the server would be lost.
        "beforeunload"
            if page.peek(|state| state.waiting != 0 && state.status == Status::Offline) =>
        {
            event.prevent_default();
        }
        _ => {}
    }
}

fn is_at_top() -> bool {
    let top = document().get_element_by_id("feed-top");
    top.is_none_or(|top| top.get_bounding_client_rect().top() > -16.0)
}

/// A click: links to a part of this page need no other page; buttons say what they are for.
fn click(page: Page, event: &MouseEvent) {
    let modified = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
    let Some(target) = element(event).filter(|_| event.button() == 0 && !modified) else {
        return;
    };
    if let Some(button) = closest(&target, "button[data-does]") {
        press(page, &button);
        return;
    }
    let Some(href) = closest(&target, "a[href]").and_then(|link| link.get_attribute("href")) else {
        return;
    };
    let place = match href.as_str() {
        "/#new-task" => {
            event.prevent_default();
            return add(page);
        }
        // The feed as it is, and more of it.
        href if href.starts_with("/feed?") && href.contains("before=") => {
            event.prevent_default();
            return page.load_older();
        }
        href => Place::at(href),
    };
    // A task that is gone has a page that says so; of a part of the feed there is more.
    let is_here = |place: &Place| match place {
        Place::Task(task_id) => page.has(*task_id),
        Place::Feed | Place::Tasks => page.peek(|state| state.board.has_whole_feed()),
    };
    if let Some(place) = place.filter(is_here) {
        event.prevent_default();
        go(page, place);
    }
}

/// What a button without a form does: `data-does`, and for which command.
fn press(page: Page, button: &Element) {
    let does = button.get_attribute("data-does").unwrap_or_default();
    let command = button.get_attribute("data-command").unwrap_or_default();
    let command_id = Uuid::try_parse(&command).map(CommandId);
    match (does.as_str(), command_id) {
        ("retry", Ok(command_id)) => page.retry(command_id),
        ("forget", Ok(command_id)) => page.forget(command_id),
        ("forget", Err(_)) => page.say_above(None),
        ("undo", _) => undo(page),
        ("top", _) => {
            page.hold_feed(false);
            if let Some(top) = document().get_element_by_id("feed-top") {
                top.scroll_into_view();
            }
        }
        _ => {}
    }
}

/// A form: asked for at once, instead of sent.
fn submit(page: Page, event: &Event) {
    let form = element(event).and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
    let Some(form) = form else { return };
    let (Some(action), Ok(data)) = (form.get_attribute("action"), FormData::new_with_form(&form))
    else {
        return;
    };
    // The others are plain forms.
    if !action.starts_with(CreateTask::PATH) {
        return;
    }
    event.prevent_default();
    let field = |name| data.get(name).as_string().unwrap_or_default();
    let task_id = field("task_id").parse().map(TaskId).ok();
    match (action.as_str(), task_id) {
        (CreateTask::PATH, _) => create(page, &field("title")),
        (EditTask::PATH, Some(_)) => save(page, &field("title"), &field("description")),
        (DeleteTask::PATH, Some(task_id)) => delete(page, task_id),
        (CompleteTask::PATH | ReopenTask::PATH, Some(task_id)) => page.toggle(task_id),
        _ => {}
    }
}

fn create(page: Page, title: &str) {
    match crate::tasks::title(title) {
        Ok(title) => {
            if let Some(input) = input("new-task") {
                input.set_value("");
            }
            page.refuse_new(None);
            page.ask(Wish::Create { title });
        }
        Err(error) => page.refuse_new(Some(error.detail)),
    }
}

fn save(page: Page, title: &str, description: &str) {
    let Some(base) = page.edited() else { return };
    let title = crate::tasks::title(title);
    match title.and_then(|title| Ok((title, crate::tasks::description(description)?))) {
        Ok((title, description)) => {
            let wish = Wish::Edit {
                task_id: base.task_id,
                title: (title != base.title).then_some(title),
                description: (description != base.description).then_some(description),
            };
            go(page, Place::Tasks);
            if !wish.is_empty() {
                page.ask(wish);
            }
        }
        Err(error) => page.refuse_edit(error),
    }
}

fn delete(page: Page, task_id: TaskId) {
    let next = neighbour(task_id).and_then(|row| row.query_selector(".title").ok().flatten());
    go(page, Place::Tasks);
    page.delete(task_id);
    match next {
        Some(next) => focus(next),
        None => focus_id("new-task"),
    }
}

fn undo(page: Page) {
    if page.peek(|state| state.undo.is_empty()) {
        return;
    }
    page.undo();
    // What had it is gone.
    focus_id("tasks");
}

/// Somebody has the pointer or the focus on what would end.
pub fn holds_undo() -> bool {
    let held = document().query_selector(".undo:hover, .undo:focus-within");
    held.is_ok_and(|held| held.is_some())
}

/// Somebody types: a refusal of the field is out of date.
fn typed(page: Page, event: &Event) {
    if element(event).is_some_and(|target| target.id() == "new-task") {
        page.refuse_new(None);
    }
}

/// Keys by character, not while typing (WCAG 2.1.4); Escape closes the editor from anywhere.
fn key(page: Page, event: &KeyboardEvent) {
    let modified = event.ctrl_key() || event.meta_key() || event.alt_key();
    let typing =
        element(event).is_some_and(|target| closest(&target, "input, textarea, select").is_some());
    match event.key().as_str() {
        "Escape" if matches!(page.place(), Place::Task(_)) => {
            event.prevent_default();
            go(page, Place::Tasks);
        }
        // The sheet of a small screen goes down.
        "Escape" if typing => {
            if let Some(input) = input("new-task") {
                let _ = input.blur();
            }
        }
        "q" if !modified && !typing => {
            event.prevent_default();
            add(page);
        }
        "u" if !modified && !typing => undo(page),
        "/" if !modified && !typing => {
            event.prevent_default();
            // Never refused: it is a path of ours.
            let _ = location().set_href("/search");
        }
        _ => {}
    }
}

/// Brings a part to the front, and remembers it in the browser's history.
fn go(page: Page, place: Place) {
    if page.place() == place {
        return;
    }
    if let Ok(history) = window().history() {
        // Refused only when called hundreds of times at once.
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&place.path()));
    }
    show(page, place);
}

/// The page is about something else than it was, and there is no way back.
pub fn replace(place: Place) {
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&place.path()));
    }
}

/// Brings a part to the front.
fn show(page: Page, place: Place) {
    let before = page.place();
    page.show(place);
    if place == Place::Feed || before == Place::Feed {
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }
    match (before, place) {
        (_, Place::Task(task_id)) => {
            unfold(task_id);
            focus_soon("edit-title".into());
        }
        (Place::Task(task_id), _) => focus_soon(format!("title-{task_id}")),
        _ => {}
    }
}

/// A task that is done is folded away until it is opened.
fn unfold(task_id: TaskId) {
    let row = document().get_element_by_id(&format!("task-{task_id}"));
    if let Some(details) = row.and_then(|row| closest(&row, "details")) {
        // Refused only for names that no attribute can have.
        let _ = details.set_attribute("open", "");
    }
}

/// Nothing is there to look at: the first task may be typed at once. Not on a small screen, where
/// the field would cover the ways to the other parts.
pub fn welcome(page: Page) {
    let width = window().inner_width().ok().and_then(|width| width.as_f64());
    if page.peek(|state| state.tasks.is_empty()) && width.is_some_and(|width| width >= WIDE) {
        focus_id("new-task");
    }
}

/// Focuses the field for a new task.
fn add(page: Page) {
    if page.place() == Place::Feed {
        go(page, Place::Tasks);
    }
    // At once, for a phone shows its keyboard only while it is touched.
    focus_id("new-task");
    focus_soon("new-task".into());
}

/// A row that is about to leave hands the focus to its neighbour, if it has it.
pub fn hand_on_focus(page: Page, key: RowKey) {
    let task_id = page.peek(|state| {
        let line = state.open.iter().find(|line| line.key == key)?;
        Some(state.shown(line)?.row.task.task_id)
    });
    let Some(task_id) = task_id else { return };
    let row = document().get_element_by_id(&format!("task-{task_id}"));
    let focused = document().active_element();
    let has_focus = row.is_some_and(|row| row.contains(focused.as_deref()));
    let next = neighbour(task_id).filter(|_| has_focus);
    if let Some(check) = next.and_then(|row| row.query_selector(".check").ok().flatten()) {
        focus(check);
    }
}

/// The row below, or above when there is none.
fn neighbour(task_id: TaskId) -> Option<Element> {
    let row = document().get_element_by_id(&format!("task-{task_id}"))?;
    row.next_element_sibling()
        .or_else(|| row.previous_element_sibling())
}

/// When what was just asked for is on the page.
fn focus_soon(id: String) {
    after(Duration::ZERO, Box::new(move || focus_id(&id)));
}

fn focus_id(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        focus(element);
    }
}

fn focus(element: Element) {
    if let Ok(element) = element.dyn_into::<HtmlElement>() {
        // An element that cannot be focused stays as it is.
        let _ = element.focus();
    }
}

fn input(id: &str) -> Option<HtmlInputElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

fn element(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

fn closest(element: &Element, selector: &str) -> Option<Element> {
    element.closest(selector).ok().flatten()
}
