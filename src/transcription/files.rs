//! Files that are either whole or not there, and their hashes.
//!
//! Enters: bytes. Leaves: a file under its name only when all of it is written and synced.

use super::error::TranscriptionError;
use crate::domain::ids::ContentHash;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const CHUNK: usize = 1 << 20;

/// SHA-256 of bytes.
pub(crate) fn hash_bytes(bytes: &[u8]) -> ContentHash {
    ContentHash::from_bytes(&Sha256::digest(bytes).into())
}

/// SHA-256 of a file, read piece by piece; `seen` is told how many bytes are done.
///
/// # Errors
/// [`TranscriptionError::File`] if it cannot be read.
pub(crate) fn hash_file(
    path: &Path,
    mut seen: impl FnMut(u64),
) -> Result<ContentHash, TranscriptionError> {
    let mut file = File::open(path).map_err(TranscriptionError::file("open", path))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    loop {
        let count = file.read(&mut chunk).map_err(TranscriptionError::file("read", path))?;
        if count == 0 {
            return Ok(ContentHash::from_bytes(&hasher.finalize().into()));
        }
        hasher.update(&chunk[..count]);
        done += count as u64;
        seen(done);
    }
}

/// A file being written beside its final name; dropped before [`Self::publish`], it leaves nothing.
pub(crate) struct Draft {
    out: BufWriter<File>,
    hasher: Sha256,
    written: u64,
    temporary: PathBuf,
    finished: PathBuf,
}

impl Draft {
    /// Begins a file that will be called `finished`.
    pub(crate) fn begin(finished: &Path) -> Result<Self, TranscriptionError> {
        let mut name = finished.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = finished.with_file_name(name);
        let file =
            File::create(&temporary).map_err(TranscriptionError::file("create", &temporary))?;
        Ok(Self {
            out: BufWriter::with_capacity(CHUNK, file),
            hasher: Sha256::new(),
            written: 0,
            temporary,
            finished: finished.to_owned(),
        })
    }

    /// SHA-256 of what was written so far.
    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::from_bytes(&self.hasher.clone().finalize().into())
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Syncs and gives the file its name.
    pub(crate) fn publish(mut self) -> Result<PathBuf, TranscriptionError> {
        let path = self.finished.clone();
        let publish = |draft: &mut Self| {
            draft.out.flush()?;
            draft.out.get_ref().sync_all()?;
            fs::rename(&draft.temporary, &draft.finished)
        };
        publish(&mut self).map_err(TranscriptionError::file("write", &path))?;
        Ok(path)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After publishing there is nothing under this name any more, and the failure is what we want.
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_seen_only_when_published_and_hashes_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        let mut draft = Draft::begin(&path).unwrap();
        draft.write_all(b"abc").unwrap();
        assert!(!path.exists());
        assert_eq!(draft.hash(), hash_bytes(b"abc"));
        assert_eq!(draft.publish().unwrap(), path);
        assert_eq!(hash_file(&path, |_| ()).unwrap(), hash_bytes(b"abc"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_dropped_draft_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::begin(&folder.path().join("model.bin")).unwrap();
        draft.write_all(b"abc").unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
