//! Recordings as files, named by the hash of their samples.

use super::error::StoreError;
use super::open::Store;
use crate::domain::ids::{CallId, ContentHash};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A finished recording where the recorder left it; the store takes both files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFiles {
    /// The two-channel WAV.
    pub wav: PathBuf,
    /// What the recorder noted beside it.
    pub sidecar: PathBuf,
}

/// A recording in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudio {
    /// SHA-256 of its PCM frames.
    pub pcm_hash: ContentHash,
    /// The two-channel WAV.
    pub wav: PathBuf,
    /// What the recorder noted beside it.
    pub sidecar: PathBuf,
}

/// Where a recording lies, relative to the store's folder.
#[derive(Debug, Clone)]
pub(super) struct Shelved {
    pub(super) wav: String,
    pub(super) sidecar: String,
}

impl Store {
    /// Moves a recording onto its shelf `audio/ab/abcdef….wav`, flushed to the disk. Doing it again is harmless.
    /// Two calls with the same samples share the WAV; the sidecar is each call's own.
    pub(super) fn shelve(
        &self,
        call: CallId,
        hash: &ContentHash,
        files: &RecordingFiles,
    ) -> Result<Shelved, StoreError> {
        let place = format!("audio/{}", &hash.as_str()[..2]);
        let suffix = files.sidecar.extension().and_then(OsStr::to_str).unwrap_or("sidecar");
        let shelved = Shelved {
            wav: format!("{place}/{hash}.wav"),
            sidecar: format!("{place}/{hash}.{call}.{suffix}"),
        };
        let folder = self.folder().join(&place);
        fs::create_dir_all(&folder).map_err(|e| failed("make the folder", &folder, e))?;
        move_file(&files.wav, &self.folder().join(&shelved.wav))?;
        move_file(&files.sidecar, &self.folder().join(&shelved.sidecar))?;
        sync(&folder)?;
        Ok(shelved)
    }
}

/// Moves a file, also across file systems, so that `to` is either absent or whole.
fn move_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    if !from.exists() && to.exists() {
        return Ok(());
    }
    sync(from)?;
    match fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            let part = to.with_extension("part");
            fs::copy(from, &part).map_err(|e| failed("copy to", &part, e))?;
            sync(&part)?;
            fs::rename(&part, to).map_err(|e| failed("move to", to, e))?;
            fs::remove_file(from).map_err(|e| failed("remove", from, e))
        }
        other => other.map_err(|e| failed("move to", to, e)),
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| failed("flush", path, e))
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { doing, path: path.to_owned(), source }
}
