//! Group commit, for SQLite: it has one writer, who takes what waits at the same time into one
//! transaction, a savepoint for each command, and answers each after the commit.

use super::{Backend, Tx, is_passing};
use crate::crash;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::AnyPool;
use std::panic::AssertUnwindSafe;
use tokio::sync::{mpsc, oneshot, watch};

/// How many commands may share one commit, and wait for it.
const GROUP: usize = 256;

/// What waits to be written.
#[derive(Clone)]
pub struct Queue(mpsc::Sender<Job>);

impl Queue {
    /// Begins to write what is queued. `appended` changes with every commit that has appended events.
    pub fn start(pool: AnyPool, appended: watch::Sender<()>) -> Queue {
        let (jobs, queue) = mpsc::channel(GROUP * 4);
        tokio::spawn(write_groups(pool, queue, appended));
        Queue(jobs)
    }

    /// Carries out one command; it is durable when this returns `Ok`.
    pub async fn commit<T, E, F>(&self, command: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |tx| Box::pin(run(command, tx, sender)));
        self.0
            .send(job)
            .await
            .map_err(|_| sqlx::Error::PoolClosed)?;
        receiver
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }
}

/// Runs a command inside the writer's transaction and says how to answer once that is committed.
type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Ran> + Send>;
/// Called after the commit, with its error if it failed.
type Answer = Box<dyn FnOnce(Result<(), &sqlx::Error>) + Send>;

/// How a job went.
enum Ran {
    /// Keep its changes; answer after the commit.
    Keep(Answer),
    /// Undo its changes; it has been answered already.
    Undo,
}

/// Runs one command and keeps its result for after the commit.
async fn run<T, E, F>(command: F, tx: &mut Tx, sender: oneshot::Sender<Result<T, E>>) -> Ran
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    let result = AssertUnwindSafe(async { command(tx).await })
        .catch_unwind()
        .await;
    match result.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into())) {
        Ok(value) => Ran::Keep(Box::new(move |committed| {
            let answer = match committed {
                Ok(()) => Ok(value),
                Err(error) => Err(not_committed(error).into()),
            };
            // The caller may have gone; the commit stands all the same.
            let _ = sender.send(answer);
        })),
        Err(error) => {
            let _ = sender.send(Err(error));
            Ran::Undo
        }
    }
}

/// The same for each of a group, as far as it matters: whether it may succeed later.
fn not_committed(error: &sqlx::Error) -> sqlx::Error {
    let words = format!("commit failed: {error}");
    match is_passing(error) {
        true => sqlx::Error::Io(std::io::Error::other(words)),
        false => sqlx::Error::Protocol(words),
    }
}

/// SQLite's one writer: takes what is queued into one transaction, never waiting to fill it.
async fn write_groups(pool: AnyPool, mut queue: mpsc::Receiver<Job>, appended: watch::Sender<()>) {
    while let Some(first) = queue.recv().await {
        let mut answers = Vec::new();
        let result = write_group(&pool, first, &mut queue, &mut answers).await;
        if let Err(error) = &result {
            tracing::error!(%error, "a group of writes was not committed");
        }
        if matches!(result, Ok(true)) {
            appended.send_replace(());
        }
        for answer in answers {
            answer(result.as_ref().map(|_| ()));
        }
    }
    pool.close().await;
}

/// One group. Says whether events were appended; a job whose answer is dropped counts as failed.
async fn write_group(
    pool: &AnyPool,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    answers: &mut Vec<Answer>,
) -> Result<bool, sqlx::Error> {
    let mut tx = Tx {
        inner: pool.begin_with("begin immediate").await?,
        backend: Backend::Sqlite,
        appended: false,
    };
    let mut appended = false;
    let mut next = Some(first);
    while let Some(job) = next {
        tx.appended = false;
        sqlx::raw_sql("savepoint command").execute(&mut *tx).await?;
        match job(&mut tx).await {
            Ran::Keep(answer) => {
                sqlx::raw_sql("release command").execute(&mut *tx).await?;
                appended |= tx.appended;
                answers.push(answer);
            }
            Ran::Undo => {
                sqlx::raw_sql("rollback to command; release command")
                    .execute(&mut *tx)
                    .await?;
            }
        }
        next = if answers.len() < GROUP {
            queue.try_recv().ok()
        } else {
            None
        };
    }
    if appended {
        crash::point("command:before-commit");
    }
    tx.inner.commit().await?;
    if appended {
        crash::point("command:after-commit");
    }
    Ok(appended)
}
