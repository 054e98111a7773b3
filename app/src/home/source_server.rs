use super::{Page, Snapshot};
use crate::activity::tools::Tools;
use leptos::prelude::*;

/// What the page has read from the database.
pub fn snapshot() -> Snapshot {
    expect_context()
}

/// What the server alone writes above the feed, as HTML; see [`crate::activity::tools`].
pub fn tools() -> String {
    use_context::<Tools>().unwrap_or_default().html
}

/// Nothing lives here.
pub fn awake(_: Page) {}

/// The snapshot as the page carries it to the browser: as data, which is never run.
pub fn carry(snapshot: &Snapshot) -> impl IntoView + use<> {
    // A `<` could end the element, or begin a comment.
    let json = serde_json::to_string(snapshot).unwrap_or_default();
    let json = json.replace('<', "\\u003c");
    view! { <script type="application/json" id="snapshot">{json}</script> }
}
