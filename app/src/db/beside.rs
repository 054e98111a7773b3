//! Tables beside those in use, empty and under the same names: for building a read model anew while
//! the old one serves.
//!
//! On PostgreSQL they are in a schema of their own, which comes first where names are looked up; on
//! SQLite in a file of their own, to which the database is attached. So whoever writes them needs no
//! other SQL than for those in use.

use super::{Backend, Db};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// One database seen twice. Whoever makes it has to [`remove`](Beside::remove) it.
pub struct Beside {
    /// Sees the new tables in the place of those in use, and writes to nothing else.
    pub fresh: Db,
    /// Sees what everybody sees, and each new table as `schema.table`.
    pub live: Db,
    pub schema: String,
    url: String,
    _alone: Alone,
}

/// Nobody else has the same tables, for as long as it is held; a process that dies lets go.
enum Alone {
    Session(#[expect(dead_code, reason = "held")] AnyPool),
    File(#[expect(dead_code, reason = "held")] File),
}

impl Beside {
    /// Makes empty ones of `tables`. `schema` names them, in lower case without spaces. `None`:
    /// somebody else has them. What a process that died has left is removed first.
    pub async fn make(
        url: &str,
        schema: &str,
        tables: &[&str],
    ) -> Result<Option<Beside>, sqlx::Error> {
        // Brings the tables in use up to date, and says if the address is wrong.
        let db = Db::connect(url).await?;
        let made = match db.backend() {
            Backend::Sqlite => Self::make_sqlite(&db, url, schema, tables).await,
            Backend::Postgres => Self::make_postgres(&db, url, schema, tables).await,
        };
        db.close().await;
        made
    }

    async fn make_postgres(
        db: &Db,
        url: &str,
        schema: &str,
        tables: &[&str],
    ) -> Result<Option<Beside>, sqlx::Error> {
        let session = AnyPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect(url)
            .await?;
        let alone: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtext($1))")
            .bind(schema)
            .fetch_one(&session)
            .await?;
        if !alone {
            return Ok(None);
        }
        let path: String = sqlx::query_scalar("select current_setting('search_path')")
            .fetch_one(db.pool())
            .await?;
        let tables = tables
            .iter()
            .map(|table| format!("create table {schema}.{table} (like {table} including all);"));
        let sql = format!(
            "begin; drop schema if exists {schema} cascade; create schema {schema}; {} commit",
            tables.collect::<String>()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(db.pool()).await?;
        // What is built can be built again, so nobody waits for the disk.
        let first = format!("set search_path = {schema}, {path}; set synchronous_commit = off");
        Ok(Some(Beside {
            fresh: Db::open_postgres(url, &first).await?,
            live: Db::open_postgres(url, "").await?,
            schema: schema.into(),
            url: url.into(),
            _alone: Alone::Session(session),
        }))
    }

    async fn make_sqlite(
        db: &Db,
        url: &str,
        schema: &str,
        tables: &[&str],
    ) -> Result<Option<Beside>, sqlx::Error> {
        let (file, new) = files(url, schema);
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true);
        let lock = lock.open(format!("{new}.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        remove_sqlite(&new)?;
        let mut sql = Vec::new();
        for table in tables {
            // Tables before their indexes.
            let of_table: Vec<String> = sqlx::query_scalar(
                "select sql from sqlite_master where tbl_name = $1 and sql is not null \
                 order by type desc",
            )
            .bind(table)
            .fetch_all(db.pool())
            .await?;
            sql.extend(of_table);
        }
        let mut conn = AnyConnection::connect(&format!("sqlite://{new}?mode=rwc")).await?;
        sqlx::raw_sql(AssertSqlSafe(sql.join(";")))
            .execute(&mut conn)
            .await?;
        conn.close().await?;
        // What is built can be built again, so nobody waits for the disk; what it refers to is in
        // the other file. That one is attached to be read only: else it would be locked too.
        let first = format!(
            "pragma synchronous = off; pragma foreign_keys = off; attach {} as live",
            quoted(&format!("file:{}?mode=ro", escaped(file)))
        );
        let beside = format!(
            "pragma synchronous = full; attach {} as {schema}",
            quoted(&new)
        );
        Ok(Some(Beside {
            fresh: Db::open_sqlite(&new, None, &first).await?,
            live: Db::open_sqlite(file, None, &beside).await?,
            schema: schema.into(),
            url: url.into(),
            _alone: Alone::File(lock),
        }))
    }

    /// Removes the new tables.
    pub async fn remove(self) -> Result<(), sqlx::Error> {
        self.fresh.close().await;
        if self.live.backend() == Backend::Postgres {
            let sql = format!("drop schema {} cascade", self.schema);
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(self.live.pool())
                .await?;
            self.live.close().await;
            return Ok(());
        }
        self.live.close().await;
        let (_, new) = files(&self.url, &self.schema);
        remove_sqlite(&new)?;
        std::fs::remove_file(format!("{new}.lock"))?;
        Ok(())
    }
}

/// The database's file, and the one beside it.
fn files<'a>(url: &'a str, schema: &str) -> (&'a str, String) {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let file = path.split('?').next().unwrap_or(path);
    (file, format!("{file}.{schema}"))
}

fn remove_sqlite(file: &str) -> std::io::Result<()> {
    for end in ["", "-wal", "-shm"] {
        let file = format!("{file}{end}");
        if Path::new(&file).exists() {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// As the path of a `file:` URI.
fn escaped(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}
