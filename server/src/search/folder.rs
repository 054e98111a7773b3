//! Where a process keeps its index: the first folder beneath the configured one that no other
//! process has. So any number of processes may be given the same place.

use anyhow::{Context, bail};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// More processes than a machine has room for.
const MOST: usize = 256;

/// A folder of this process's own for as long as this lives; the system ends that if it is killed.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Errors: the place cannot be written to.
    pub fn claim(place: &Path) -> anyhow::Result<Folder> {
        for n in 0..MOST {
            let path = place.join(n.to_string());
            let claimed = fs::create_dir_all(&path).and_then(|()| File::create(path.join("lock")));
            let lock = claimed.with_context(|| {
                format!(
                    "The search index cannot be kept in {}. Make the folder writable, or name another in TODO_SEARCH_DIR",
                    place.display()
                )
            })?;
            match lock.try_lock() {
                Ok(()) => return Ok(Folder { path, _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        bail!("all {MOST} folders in {} are taken", place.display())
    }

    /// Where the index of this name is, or may be begun.
    pub fn index(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes every index but those of these names. Who looks into one goes on.
    pub fn keep(&self, names: &[&str]) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() && !names.iter().any(|kept| name == *kept) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}
