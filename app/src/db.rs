//! The database: SQLite by default, PostgreSQL at scale, the same SQL for both through `sqlx::Any`.
//!
//! [`Db::write`] is the only way to write, [`Db::read`] gives a snapshot to read from.

mod beside;
mod group;

pub use beside::Beside;

use crate::crash;
use crate::error::Error;
use crate::event::Timestamp;
use crate::trace::Span;
use chrono::{DateTime, SubsecRound, Utc};
use futures::future::BoxFuture;
use group::Queue;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Transaction};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::sync::watch;

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/postgres");

/// Is told of every write how long it took: once a process, as a logger is.
static WROTE: OnceLock<fn(Duration)> = OnceLock::new();

/// Has `wrote` told how long each write takes, waiting for its turn and the commit included.
pub fn on_write(wrote: fn(Duration)) {
    // A second server in the same process measures into the same place.
    let _ = WROTE.set(wrote);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgresql",
        }
    }
}

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    readers: AnyPool,
    writer: Writer,
    appended: watch::Sender<()>,
}

#[derive(Clone)]
enum Writer {
    /// SQLite allows one writer: a task of its own that commits what is queued together.
    Queue(Queue),
    /// PostgreSQL orders writers by row locks.
    Pool(AnyPool),
}

/// A write transaction. Dereferences to the connection: `query.execute(&mut **tx)`.
pub struct Tx {
    inner: Transaction<'static, Any>,
    backend: Backend,
    appended: bool,
}

impl Tx {
    /// What follows a `select` to keep the rows until the commit. SQLite locks everything anyway.
    pub fn for_update(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "",
            Backend::Postgres => " for update",
        }
    }

    /// The same, passing over the rows that somebody else keeps.
    pub fn for_update_skip_locked(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "",
            Backend::Postgres => " for update skip locked",
        }
    }

    /// Keeps everybody else from writing to these tables until the commit; they may read them.
    pub async fn lock_tables(&mut self, tables: &[&str]) -> Result<(), sqlx::Error> {
        if self.backend == Backend::Postgres {
            let sql = format!(
                "lock table {} in share row exclusive mode",
                tables.join(", ")
            );
            sqlx::query(AssertSqlSafe(sql)).execute(&mut **self).await?;
        }
        Ok(())
    }

    /// Waits until nobody else is at `what`, and keeps others from it until the commit. SQLite has one
    /// writer anyway.
    pub async fn take_turns(&mut self, what: &str) -> Result<(), sqlx::Error> {
        if self.backend == Backend::Postgres {
            sqlx::query("select 1 from pg_advisory_xact_lock(hashtextextended($1, 0))")
                .bind(what)
                .execute(&mut **self)
                .await?;
        }
        Ok(())
    }

    /// Tells the relay, once committed, that there is something to publish.
    pub(crate) fn mark_appended(&mut self) {
        self.appended = true;
    }
}

impl Deref for Tx {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

impl Db {
    /// Opens the database, makes it if it is an SQLite file that does not exist yet, and brings its
    /// tables up to date. `url` is `sqlite://path` or `postgres://…`.
    pub async fn connect(url: &str) -> Result<Db, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let db = if let Some(path) = url.strip_prefix("sqlite:") {
            Self::connect_sqlite(path.trim_start_matches("//")).await?
        } else {
            Self::connect_postgres(url).await?
        };
        Ok(db)
    }

    async fn connect_sqlite(path: &str) -> Result<Db, sqlx::Error> {
        let file = path.split('?').next().unwrap_or(path);
        if let Some(folder) = Path::new(file).parent() {
            std::fs::create_dir_all(folder)?;
        }
        Self::open_sqlite(file, Some(&SQLITE), "pragma synchronous = full").await
    }

    /// `with`: what else is done on every connection.
    async fn open_sqlite(
        file: &str,
        migrator: Option<&sqlx::migrate::Migrator>,
        with: &str,
    ) -> Result<Db, sqlx::Error> {
        let url = format!("sqlite://{file}?mode=rwc");
        let pool = |size: u32, extra: &str| {
            let statements = format!(
                "pragma busy_timeout = 5000; pragma journal_mode = wal; \
                 pragma foreign_keys = on; {with}; {extra}"
            );
            AnyPoolOptions::new()
                .max_connections(size)
                .min_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
                .after_connect(move |conn, _| {
                    let statements = AssertSqlSafe(statements.clone());
                    Box::pin(async move { sqlx::raw_sql(statements).execute(conn).await.map(drop) })
                })
        };
        let write = pool(1, "").connect(&url).await?;
        if let Some(migrator) = migrator {
            migrator.run(&write).await.map_err(migration)?;
        }
        let readers = pool(4, "pragma query_only = on").connect(&url).await?;
        let appended = watch::Sender::new(());
        Ok(Db {
            backend: Backend::Sqlite,
            readers,
            writer: Writer::Queue(Queue::start(write, appended.clone())),
            appended,
        })
    }

    async fn connect_postgres(url: &str) -> Result<Db, sqlx::Error> {
        let db = Self::open_postgres(url, "").await?;
        POSTGRES.run(&db.readers).await.map_err(migration)?;
        Ok(db)
    }

    /// `with`: what else is done on every connection.
    async fn open_postgres(url: &str, with: &str) -> Result<Db, sqlx::Error> {
        let statements = format!("set idle_in_transaction_session_timeout = '30s'; {with}");
        let pool = AnyPoolOptions::new()
            .max_connections(24)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |conn, _| {
                let statements = AssertSqlSafe(statements.clone());
                Box::pin(async move { sqlx::raw_sql(statements).execute(conn).await.map(drop) })
            })
            .connect(url)
            .await?;
        Ok(Db {
            backend: Backend::Postgres,
            readers: pool.clone(),
            writer: Writer::Pool(pool),
            appended: watch::Sender::new(()),
        })
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// For single queries that need no snapshot.
    pub fn pool(&self) -> &AnyPool {
        &self.readers
    }

    /// Changes with every commit of this process that has appended events.
    pub fn appended(&self) -> watch::Receiver<()> {
        self.appended.subscribe()
    }

    /// Runs `command` in one transaction: all of it is durable when this returns `Ok`, none of it
    /// has happened when it returns `Err`. It goes on to its end even if the caller is dropped.
    ///
    /// On SQLite, commands that wait at the same time share a commit, a savepoint each.
    pub async fn write<T, E, F>(&self, command: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let began = Instant::now();
        let mut span = Span::here("command");
        let result = self.commit(command).await;
        span.set("db.system.name", self.backend.name());
        span.set(
            "todo.outcome",
            if result.is_ok() {
                "committed"
            } else {
                "undone"
            },
        );
        drop(span);
        if let Some(wrote) = WROTE.get() {
            wrote(began.elapsed());
        }
        result
    }

    async fn commit<T, E, F>(&self, command: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        match &self.writer {
            Writer::Queue(queue) => queue.commit(command).await,
            Writer::Pool(pool) => {
                let (pool, appended) = (pool.clone(), self.appended.clone());
                let done = tokio::spawn(async move {
                    let mut tx = Tx {
                        inner: pool.begin().await?,
                        backend: Backend::Postgres,
                        appended: false,
                    };
                    let value = command(&mut tx).await?;
                    let wake = tx.appended;
                    if wake {
                        crash::point("command:before-commit");
                    }
                    tx.inner.commit().await?;
                    if wake {
                        crash::point("command:after-commit");
                        appended.send_replace(());
                    }
                    Ok(value)
                });
                done.await
                    .unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
            }
        }
    }

    /// A transaction to read from in which nothing changes: everything is of one moment.
    pub async fn read(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.backend {
            Backend::Sqlite => self.readers.begin().await,
            Backend::Postgres => {
                self.readers
                    .begin_with("begin isolation level repeatable read, read only")
                    .await
            }
        }
    }

    /// Errors: the database does not answer, or its tables are not those of this version.
    pub async fn ready(&self) -> Result<(), sqlx::Error> {
        let expected = match self.backend {
            Backend::Sqlite => &SQLITE,
            Backend::Postgres => &POSTGRES,
        };
        let applied: i64 = sqlx::query_scalar("select max(version) from _sqlx_migrations")
            .fetch_one(&self.readers)
            .await?;
        match expected.iter().map(|migration| migration.version).max() {
            Some(newest) if newest != applied => Err(sqlx::Error::Migrate(Box::new(
                sqlx::migrate::MigrateError::VersionMissing(newest),
            ))),
            _ => Ok(()),
        }
    }

    /// Closes the connections after what is running has ended.
    pub async fn close(&self) {
        self.readers.close().await;
    }
}

fn migration(error: sqlx::migrate::MigrateError) -> sqlx::Error {
    sqlx::Error::Migrate(Box::new(error))
}

/// Now, in the precision the database keeps.
pub fn now() -> Timestamp {
    Utc::now().trunc_subsecs(6)
}

/// A time as the database keeps it: microseconds since 1970, UTC.
pub fn to_micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// The other way round.
pub fn from_micros(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// A database error on the request path: logged here, and told to the person without its details.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "database");
        if is_passing(&error) {
            Error::unavailable()
        } else {
            Error::internal()
        }
    }
}

/// Whether the database itself is away or busy, so that the same call may succeed later.
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(e) => e.code().is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

fn is_passing_code(code: &str) -> bool {
    // Class 08 connection, 40 rolled back, 53 resources, 57 operator, 58 system; and a transaction
    // that was ended because nothing came for too long.
    let classes = ["08", "40", "53", "57", "58"];
    let postgres = code.len() == 5 && classes.iter().any(|class| code.starts_with(class));
    // SQLite's busy, locked, input and output, full, cannot open: what is above the lowest byte says
    // more of it. All of its codes are far below 16,384.
    let sqlite = code
        .parse()
        .is_ok_and(|number: u32| number < 16_384 && [5, 6, 10, 13, 14].contains(&(number & 0xff)));
    postgres || code == "25P03" || sqlite
}

#[cfg(test)]
mod tests {
    use super::is_passing_code;

    #[test]
    fn what_may_succeed_later_is_told_from_what_never_will() {
        for code in ["08006", "40P01", "53100", "57P01", "58030", "25P03"] {
            assert!(is_passing_code(code), "{code}");
        }
        // SQLITE_BUSY_SNAPSHOT, SQLITE_IOERR_FSYNC, SQLITE_CANTOPEN_ISDIR …
        for code in ["5", "6", "10", "13", "14", "261", "517", "1034", "526"] {
            assert!(is_passing_code(code), "{code}");
        }
        for code in [
            "23505", "42P01", "25006", "22001", "1", "11", "19", "2067", "787",
        ] {
            assert!(!is_passing_code(code), "{code}");
        }
    }
}
