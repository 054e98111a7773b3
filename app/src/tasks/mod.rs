//! Tasks: what they are, and what may be said of them.

pub mod api;
mod editor;
mod fold;
pub mod row;
pub mod view;

#[cfg(feature = "ssr")]
pub mod commands;
#[cfg(feature = "ssr")]
pub mod marks;
#[cfg(feature = "ssr")]
pub mod queries;

pub use fold::Tasks;

use crate::error::Error;
use crate::event::Timestamp;
use crate::id::TaskId;
use serde::{Deserialize, Serialize};

/// Longest title, in characters.
pub const MAX_TITLE: usize = 500;
/// Longest description, in bytes of UTF-8.
pub const MAX_DESCRIPTION: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub task_id: TaskId,
    pub title: String,
    /// Empty if there is none.
    pub description: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// `None` while it is open.
    pub completed_at: Option<Timestamp>,
}

/// A title as it is kept: without white space around it. Errors: empty, over [`MAX_TITLE`].
pub fn title(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 {
        return Err(Error::invalid(
            "title",
            "Give the task a title: 1 to 500 characters.",
        ));
    }
    if length > MAX_TITLE {
        return Err(Error::invalid(
            "title",
            format!(
                "This title has {length} characters; at most {MAX_TITLE} fit. Shorten it, or put the rest into the description."
            ),
        ));
    }
    no_nul("title", text)?;
    Ok(text.into())
}

/// A description as it is kept: line ends are `\n`. Errors: over [`MAX_DESCRIPTION`].
pub fn description(text: &str) -> Result<String, Error> {
    let text = unix_lines(text);
    if text.len() > MAX_DESCRIPTION {
        return Err(Error::too_large(
            "description",
            format!(
                "This description has {} KiB; at most 64 KiB fit. Shorten it.",
                text.len().div_ceil(1024)
            ),
        ));
    }
    no_nul("description", &text)?;
    Ok(text)
}

/// Line ends as in a form's submission, `\r\n`, become `\n`. Without `str::replace`, whose general
/// search is a kilobyte of WebAssembly.
fn unix_lines(text: &str) -> String {
    let mut parts = text.split('\r');
    let mut lines = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if !part.starts_with('\n') {
            lines.push('\r');
        }
        lines.push_str(part);
    }
    lines
}

/// PostgreSQL's `text` cannot hold U+0000.
fn no_nul(field: &str, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::invalid(
            field,
            "This text holds a NUL character. Remove it.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_trimmed_and_1_to_500_characters() {
        assert_eq!(title("  Milk \n").unwrap(), "Milk");
        assert_eq!(title(&"ü".repeat(500)).unwrap().chars().count(), 500);
        for bad in ["", "  \t", &"ü".repeat(501), "a\0b"] {
            let error = title(bad).unwrap_err();
            assert_eq!((error.status, error.field.as_deref()), (422, Some("title")));
        }
        assert!(title("").unwrap_err().detail.contains("1 to 500"));
    }

    #[test]
    fn descriptions_are_at_most_64_kib() {
        assert_eq!(description("a\r\nb").unwrap(), "a\nb");
        assert_eq!(description("\r\n\r\r\nx\r").unwrap(), "\n\r\nx\r");
        assert!(description(&"x".repeat(MAX_DESCRIPTION)).is_ok());
        assert_eq!(
            description(&"x".repeat(MAX_DESCRIPTION + 1))
                .unwrap_err()
                .status,
            413
        );
    }
}
