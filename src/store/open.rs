//! Opening a store.

use super::error::{StoreError, While as _};
use super::migrate::{APPLICATION, FORMAT, migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, Transaction};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a writer waits for another before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Readers beside the one writer.
const CONNECTIONS: u32 = 4;

/// All campaigns of one folder. A clone is another handle on the same store.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    folder: PathBuf,
}

impl Store {
    /// Opens the store in `folder`, which is made if it is not there, and brings an older database up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerDatabase`] and [`StoreError::Foreign`] leave the database untouched;
    /// [`StoreError::Io`] if the folder cannot be made; [`StoreError::Database`], [`StoreError::Migration`].
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder.as_ref().to_owned();
        let path = folder.join("callprobe.sqlite");
        std::fs::create_dir_all(folder.join("audio")).map_err(|source| StoreError::Io {
            doing: "make the folder",
            path: folder.clone(),
            source,
        })?;
        inspect(&path).await?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await
            .doing("opening")?;
        migrator().run(&pool).await.map_err(|source| StoreError::Migration { path, source })?;
        Ok(Self { pool, folder })
    }

    /// The folder of the store.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until everything is written and lets go of the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that may write: it takes its place among the writers at once, so that it never has to give up
    /// half-way.
    pub(super) async fn writing(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.doing("beginning to write")
    }
}

/// Looks at an existing database without writing: whose is it, and of which format.
async fn inspect(path: &Path) -> Result<(), StoreError> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size == 0 {
        return Ok(());
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let mut database = SqliteConnection::connect_with(&options).await.map_err(|error| {
        let not_a_database = is_no_database(&error);
        if not_a_database {
            foreign()
        } else {
            StoreError::Database { doing: "looking at it", source: error }
        }
    })?;
    let found: Result<(i64, i64, i64), sqlx::Error> = async {
        let application = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut database).await?;
        let format = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut database).await?;
        let tables = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
        )
        .fetch_one(&mut database)
        .await?;
        Ok((application, format, tables))
    }
    .await;
    let closed = database.close().await;
    let (application, format, tables) = match found {
        Ok(found) => found,
        Err(error) if is_no_database(&error) => {
            return Err(foreign());
        }
        Err(source) => return Err(StoreError::Database { doing: "looking at it", source }),
    };
    closed.doing("looking at it")?;
    // Our own, but stopped before the first migration was through.
    let unborn = application == 0 && tables == 0;
    if application != APPLICATION && !unborn {
        return Err(foreign());
    }
    if format > FORMAT {
        return Err(StoreError::NewerDatabase {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    Ok(())
}

/// `SQLITE_NOTADB` (26): the file is something else.
fn is_no_database(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "26")
}
