//! The right to place calls from a store: one process at a time.

use super::error::StoreError;
use super::open::Store;
use std::fs::{File, OpenOptions, TryLockError};

/// Held by the one process that places calls from this store. The system frees it when the process ends, however it
/// ends; whoever holds it knows that every attempt still `dialling` is of an earlier process.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl Store {
    /// Claims the right to place calls.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it; [`StoreError::Io`] if the lock file cannot be made.
    pub fn claim_runs(&self) -> Result<RunLock, StoreError> {
        let path = self.folder().join("run.lock");
        let io = |source| StoreError::Io { doing: "open", path: path.clone(), source };
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}
