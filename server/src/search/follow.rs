//! Keeps the index of this process where the documents are, and builds it anew when it must.

use super::Search;
use super::folder::Folder;
use super::index::{SCHEMA, Writer};
use anyhow::bail;
use app::db::Db;
use app::search::queries::{self, Clock};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Documents read at a time.
const PAGE: i64 = 500;
/// While there are more to come, so many are made findable together.
const COMMIT: usize = 20_000;
/// How often it looks by itself: nobody in this process may have heard of a change in another.
const POLL: Duration = Duration::from_secs(1);
/// An event was published, and its document follows within a moment: so long and so often it looks.
const SOON: Duration = Duration::from_millis(10);
const LOOKS: u32 = 50;
/// It rests so many times as long as it worked, but never longer than this.
const REST: u32 = 2;
const LONGEST_REST: Duration = Duration::from_millis(100);
/// Longest pause after a failure.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs until `stop`, with a folder of its own in `place`.
pub async fn run(search: Search, db: Db, place: PathBuf, stop: CancellationToken) {
    let mut failures = 0;
    while !stop.is_cancelled() {
        let follower = Follower {
            search: &search,
            db: &db,
            folder: None,
            place: place.clone(),
            kept: None,
            next: None,
            looks: 0,
        };
        let Err(error) = follower.follow(&stop, &mut failures).await else {
            return;
        };
        if failures == 0 {
            tracing::warn!(
                error = format!("{error:#}"),
                "the search index is built anew"
            );
        }
        failures += 1;
        let pause = Duration::from_millis(50 << failures.min(12)).min(LONGEST);
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

struct Follower<'a> {
    search: &'a Search,
    db: &'a Db,
    folder: Option<Folder>,
    place: PathBuf,
    /// What is served, or will be when it has everything.
    kept: Option<Kept>,
    /// Of a newer generation, until it has everything.
    next: Option<Kept>,
    /// How often to look again soon.
    looks: u32,
}

struct Kept {
    name: String,
    writer: Writer,
}

impl Follower<'_> {
    /// Errors: what makes this index unfit; it has been removed.
    async fn follow(mut self, stop: &CancellationToken, failures: &mut u32) -> anyhow::Result<()> {
        let mut away = false;
        while !stop.is_cancelled() {
            let began = Instant::now();
            let more = match self.step().await {
                Ok(more) => {
                    away = false;
                    if !more {
                        *failures = 0;
                    }
                    more
                }
                Err(Trouble::Away(error)) => {
                    if !away {
                        tracing::warn!(%error, "search waits for the database");
                    }
                    away = true;
                    false
                }
                Err(Trouble::Unfit(error)) => {
                    self.give_up().await;
                    return Err(error);
                }
            };
            if more {
                continue;
            }
            // Under load it takes in what came meanwhile together, and leaves the cores to others.
            sleep((began.elapsed() * REST).min(LONGEST_REST)).await;
            let pause = match self.looks {
                0 => POLL,
                _ => SOON,
            };
            tokio::select! {
                () = self.search.inner.changed.notified() => self.looks = LOOKS,
                () = sleep(pause) => self.looks = self.looks.saturating_sub(1),
                () = stop.cancelled() => {}
            }
        }
        // Its threads have to end before the process does.
        let _ = spawn_blocking(move || drop((self.kept, self.next, self.folder))).await;
        Ok(())
    }

    /// A little further. `true`: there is more.
    async fn step(&mut self) -> Result<bool, Trouble> {
        let clock = {
            let mut conn = self.db.pool().acquire().await?;
            queries::clock(&mut conn).await?
        };
        let name = format!("{SCHEMA}-{}-{}", clock.generation, clock.database_id);
        let newest = self.next.as_ref().or(self.kept.as_ref());
        if newest.is_none_or(|newest| newest.name != name) {
            self.open(name, &clock).await?;
        }
        let (kept, kept_more) = advance(self.db, self.kept.take(), &clock).await?;
        self.kept = kept;
        let (next, next_more) = advance(self.db, self.next.take(), &clock).await?;
        self.next = next;
        let cursor = |kept: &Option<Kept>| kept.as_ref().map(|kept| kept.writer.cursor);
        if self.next.is_some() && !next_more && cursor(&self.next) >= cursor(&self.kept) {
            // What served is left to those who are looking into it.
            let old = std::mem::replace(&mut self.kept, self.next.take());
            let _ = spawn_blocking(move || drop(old)).await;
        }
        if let Some(kept) = &self.kept {
            let is_whole = !kept_more || self.search.served().is_whole;
            if !kept_more || self.search.served().reader.is_none() {
                self.search.serve(kept.writer.reader(), is_whole);
            }
            if !kept_more && self.next.is_none() {
                self.tidy(&kept.name)?;
            }
        }
        Ok(kept_more || next_more)
    }

    /// Opens the index of this name beside the one there is, if there is one.
    async fn open(&mut self, name: String, clock: &Clock) -> Result<(), Trouble> {
        let folder = match &self.folder {
            Some(folder) => folder,
            None => self.folder.insert(Folder::claim(&self.place)?),
        };
        let path = folder.index(&name);
        let (change, pruned) = (clock.change, clock.pruned);
        let opened = spawn_blocking(move || {
            let usable = Writer::open(&path).and_then(|writer| match writer.cursor {
                cursor if cursor > change => bail!("it is ahead of the database"),
                // It was away for so long that it cannot hear any more of what was deleted.
                1.. if writer.cursor < pruned => bail!("it is too far behind the database"),
                _ => Ok(writer),
            });
            usable.or_else(|error| {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the search index is built anew"
                );
                std::fs::remove_dir_all(&path)?;
                Writer::open(&path)
            })
        });
        let writer = opened.await.map_err(anyhow::Error::from)??;
        let opened = Some(Kept { name, writer });
        match self.kept {
            None => self.kept = opened,
            Some(_) => self.next = opened,
        }
        Ok(())
    }

    /// Removes what is served no more. Errors: so is what is served.
    fn tidy(&self, name: &str) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        if !folder.index(name).is_dir() {
            bail!("its folder is gone");
        }
        Ok(folder.keep(&[name])?)
    }

    /// Removes everything, for a new beginning.
    async fn give_up(&mut self) {
        let gone = (self.kept.take(), self.next.take());
        let folder = self.folder.take();
        let _ = spawn_blocking(move || {
            drop(gone);
            if let Some(folder) = &folder
                && let Err(error) = folder.keep(&[])
            {
                tracing::debug!(%error, "the old search index was not removed");
            }
        })
        .await;
    }
}

/// Takes in what changed. `true`: there is more.
async fn advance(
    db: &Db,
    kept: Option<Kept>,
    clock: &Clock,
) -> Result<(Option<Kept>, bool), Trouble> {
    let Some(mut kept) = kept else {
        return Ok((None, false));
    };
    let cursor = kept.writer.cursor;
    if cursor > clock.change {
        return Err(anyhow::anyhow!("the database was set back").into());
    }
    let documents = match cursor == clock.change {
        true => Vec::new(),
        false => {
            let mut conn = db.pool().acquire().await?;
            queries::changed(&mut conn, cursor, PAGE).await?
        }
    };
    let more = documents.len() == PAGE as usize;
    if documents.is_empty() && kept.writer.pending == 0 {
        return Ok((Some(kept), false));
    }
    let written = spawn_blocking(move || {
        kept.writer.add(&documents)?;
        if !more || kept.writer.pending >= COMMIT {
            kept.writer.commit()?;
        }
        anyhow::Ok(kept)
    });
    let kept = written.await.map_err(anyhow::Error::from)??;
    Ok((Some(kept), more))
}

enum Trouble {
    /// The database does not answer: the index is as good as it was.
    Away(sqlx::Error),
    /// The index cannot go on.
    Unfit(anyhow::Error),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Trouble::Away(error)
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Trouble::Unfit(error)
    }
}
