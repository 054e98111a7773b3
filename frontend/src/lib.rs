//! The browser's entry: wakes the islands of the page that the server sent.

// A view is one nested type.
#![recursion_limit = "512"]

// Islands register themselves by name; naming the crate keeps the linker from dropping them.
extern crate app;

/// Called once by the loader script of the page.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    #[cfg(debug_assertions)]
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
