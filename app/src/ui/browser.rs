//! What the page asks of the browser, each by one type of closure: every type more is paid for in
//! WebAssembly again.

use leptos::prelude::{set_timeout, window};
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventTarget};

/// Listens to events of this name anywhere on the page, for as long as it is there; also to those
/// that do not bubble.
pub fn listen(name: &str, hear: impl FnMut(Event) + 'static) {
    let hear: Closure<dyn FnMut(Event)> = Closure::new(hear);
    let target: &EventTarget = &window();
    let function = hear.as_ref().unchecked_ref();
    // Refused only for names that no event can have.
    let _ = target.add_event_listener_with_callback_and_bool(name, function, true);
    hear.forget();
}

/// Does something later.
pub fn after(wait: Duration, action: Box<dyn FnOnce()>) {
    set_timeout(action, wait);
}
