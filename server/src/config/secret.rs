//! A setting that nobody is to read over somebody's shoulder.

use anyhow::{Context, bail, ensure};
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

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

/// The secret that one of two settings has: `name` itself, or the file that `name`_FILE names.
/// Errors: both are set, the file cannot be read, or there is nothing in it.
pub(super) fn read(
    secret: &Option<Secret>,
    file: &Option<PathBuf>,
    name: &str,
) -> anyhow::Result<Option<Secret>> {
    let secret = match (secret, file) {
        (Some(_), Some(_)) => bail!("Both {name} and {name}_FILE are set. Unset one of them."),
        (Some(secret), None) => secret.clone(),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{name}_FILE ({}) cannot be read", path.display()))?;
            Secret::from(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, None) => return Ok(None),
    };
    ensure!(!secret.is_empty(), "{name} is empty.");
    Ok(Some(secret))
}
