//! What can go wrong in the store: what, where, and how to mend it.

use std::path::PathBuf;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing in the store.
    #[error(
        "the store has no {what} `{name}`; check the name, and that this is the right store folder"
    )]
    NotFound {
        /// Kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A thing of that name is there already.
    #[error(
        "the store already has a {what} `{name}`; choose another name, or another store folder"
    )]
    Exists {
        /// Kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The database was written by a newer program; it was not touched.
    #[error(
        "`{}` has format {found}, this program knows {known}; it was not touched: use the newer callprobe, or another \
         store folder", path.display()
    )]
    NewerDatabase {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Newest format known here.
        known: i64,
    },
    /// The file is a database of some other program.
    #[error("`{}` is not a callprobe database; it was not touched: choose another store folder", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A stored record has a form that this program does not know.
    #[error(
        "the record of call `{call}` has version {found}, this program knows {known}; use the newer callprobe"
    )]
    NewerRecord {
        /// The call.
        call: String,
        /// Its version.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
    /// Another process places calls from this store.
    #[error(
        "another callprobe places calls from `{}`; wait for it, stop it, or use another store folder", path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The unit has an attempt that has not ended: nothing is dialled twice.
    #[error(
        "unit `{unit}` has a running attempt; it is dialled again only after that one has ended"
    )]
    AttemptRunning {
        /// The unit.
        unit: String,
    },
    /// The unit takes no further attempt.
    #[error("unit `{unit}` is {state}; it takes no further attempt")]
    UnitClosed {
        /// The unit.
        unit: String,
        /// Its state.
        state: &'static str,
    },
    /// What is to be stored does not belong to what the ledger says.
    #[error("the record of call `{call}` does not fit its ledger row: {what}; nothing was stored")]
    Mismatch {
        /// The call.
        call: String,
        /// What differs.
        what: &'static str,
    },
    /// Something stored cannot be read back.
    #[error(
        "the {what} of `{name}` cannot be read back: {why}; restore the store folder from a backup"
    )]
    Corrupt {
        /// Kind of thing.
        what: &'static str,
        /// Whose.
        name: String,
        /// What the reader said.
        why: String,
    },
    /// A file or folder of the store.
    #[error("cannot {doing} `{}`: {source}; check that the folder exists, is writable and not full", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database.
    #[error(
        "the database failed while {doing}: {source}; check the disk, and that nobody else holds the database"
    )]
    Database {
        /// What was tried.
        doing: &'static str,
        /// What it said.
        source: sqlx::Error,
    },
    /// The database could not be brought to this program's format.
    #[error("`{}` cannot be brought up to date: {source}; restore it from a backup", path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
}

/// Says what was tried when the database or a file fails.
pub(super) trait While<T> {
    /// Turns the failure into a [`StoreError`].
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> While<T> for Result<T, sqlx::Error> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { doing: what, source })
    }
}
