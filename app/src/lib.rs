//! Everything a feature of Todo Evolution needs, browser and server side.
//!
//! Read in this order: ids and events are the language; `db` and `outbox` keep the promise that no
//! change is without its event; each feature is a folder with the same file names.

// A view is one nested type.
#![recursion_limit = "512"]

pub mod error;
pub mod event;
pub mod id;

#[cfg(feature = "ssr")]
pub mod audit;
#[cfg(feature = "ssr")]
pub mod catalogue;
#[cfg(feature = "ssr")]
pub mod crash;
#[cfg(feature = "ssr")]
pub mod db;
#[cfg(feature = "ssr")]
pub mod deliveries;
#[cfg(feature = "ssr")]
pub mod notifications;
#[cfg(feature = "ssr")]
pub mod onboarding;
#[cfg(feature = "ssr")]
pub mod outbox;
#[cfg(feature = "ssr")]
pub mod points;
#[cfg(feature = "ssr")]
pub mod search;
#[cfg(feature = "ssr")]
pub mod state;
#[cfg(feature = "ssr")]
pub mod stats;
#[cfg(feature = "ssr")]
pub mod system;
#[cfg(feature = "ssr")]
pub mod trace;
#[cfg(feature = "ssr")]
pub mod trash;
#[cfg(feature = "ssr")]
pub mod version;
#[cfg(feature = "ssr")]
pub mod webhooks;

pub mod accounts;
pub mod activity;
pub mod home;
pub mod tasks;

pub mod live;
pub mod ui;
pub mod wire;

#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
pub use shell::{App, shell};
