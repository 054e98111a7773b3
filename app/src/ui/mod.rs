//! Building blocks of the page: no server calls.

mod browser;
mod form;
mod icon;
mod initials;
mod nav;
pub mod time;

/// What time it is: the server asks its clock, the browser its own.
#[cfg_attr(feature = "ssr", path = "clock_server.rs")]
#[cfg_attr(not(feature = "ssr"), path = "clock_browser.rs")]
mod clock;

pub use browser::{after, listen};
pub use clock::now;
pub use form::{Field, Submitted, hidden};
pub use icon::Icon;
pub use initials::Initials;
pub use nav::{Bar, Rail, Wordmark};
pub use time::Clock;
