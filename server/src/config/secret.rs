//! A setting that nobody is to read over somebody's shoulder.

use std::fmt;
use std::ops::Deref;

/// A text that `Debug` does not show, and that has no `Display`, so that it cannot get into a log by
/// accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
