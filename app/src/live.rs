//! What the socket at [`PATH`] says, and the browser's end of it.
//!
//! The browser names the last event it has (`/live?after=12`); the server sends every later one in
//! order, says [`Message::Live`] when there are no more for now, and goes on sending as they happen.

mod socket;

pub use socket::{Status, connect};

use crate::event::Event;
use crate::id::Seq;
use serde::{Deserialize, Serialize};

/// Where the socket is. Query: `after`, the last `seq` the client has.
pub const PATH: &str = "/live";

/// From the server to the browser, as one JSON text frame each. The browser never speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every message is an event"
)]
pub enum Message {
    /// The person's next event.
    Event(Event),
    /// Everything up to `seq` has been sent: from here on it is live.
    Live { seq: Seq },
}
