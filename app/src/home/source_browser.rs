use super::{Page, Snapshot, gestures};
use crate::live;
use crate::ui::{Clock, after, listen};
use crate::wire::{FromJson, Json};
use leptos::prelude::*;
use std::time::Duration;

/// Wakes the page when all of it has been taken over.
pub fn awake(page: Page) {
    after(Duration::ZERO, Box::new(move || wake(page)));
}

/// What the server has written into the page. Without it the page stays as it is: plain forms.
pub fn snapshot() -> Snapshot {
    document()
        .get_element_by_id("snapshot")
        .and_then(|element| element.text_content())
        .and_then(|text| Json::parse(&text))
        .and_then(Snapshot::from_json)
        .expect("the server wrote a snapshot")
}

/// They are in the page already, and stay as the server has written them.
pub fn tools() -> String {
    String::new()
}

/// The browser takes over.
fn wake(page: Page) {
    let set_clock = move || {
        page.set_clock(Clock::local());
    };
    set_clock();
    // With an eye on midnight.
    set_interval(set_clock, Duration::from_secs(30));
    live::connect(page);
    gestures::welcome(page);
    for name in [
        "click",
        "submit",
        "input",
        "keydown",
        "popstate",
        "scroll",
        "beforeunload",
    ] {
        listen(name, move |event| gestures::take(page, &event));
    }
}
