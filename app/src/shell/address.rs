//! What the address of a page asks for.

use http::request::Parts;
use leptos::prelude::use_context;
use std::str::FromStr;

/// What stands behind the question mark.
pub fn query() -> Option<String> {
    Some(use_context::<Parts>()?.uri.query()?.to_owned())
}

/// The value of `name` in the query, as it stands there.
pub fn parameter(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let mut pairs = parts.uri.query()?.split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.to_owned())
}

/// `?before=N`: what is below N is wanted.
pub fn before() -> Option<i64> {
    parameter("before")?.parse().ok()
}

/// What stands behind the last slash.
pub fn last_of_path<T: FromStr>() -> Option<T> {
    let parts = use_context::<Parts>()?;
    parts.uri.path().rsplit('/').next()?.parse().ok()
}
