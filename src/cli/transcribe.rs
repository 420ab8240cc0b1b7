//! `callprobe transcribe` and its worker processes.

use super::args::{LanguageName, TranscribeArguments};
use super::audio_file::read_audio;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::{block_on, print, rig};
use crate::domain::time::CallTime;
use crate::domain::timeline::Party;
use crate::domain::transcript::{Language, Transcript};
use crate::domain::wav::Wav;
use crate::transcription::{self, Job, Priority};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

impl From<LanguageName> for Language {
    fn from(name: LanguageName) -> Self {
        match name {
            LanguageName::Ko => Self::Ko,
            LanguageName::En => Self::En,
        }
    }
}

/// Reads the words of a file.
pub(super) fn run(arguments: &TranscribeArguments) -> Result<Exit, Failure> {
    let samples = read_audio(&arguments.file)?.theirs;
    let language = arguments.language.into();
    let transcript = words(&arguments.models, samples, CallTime::ZERO, language)?;
    if arguments.json {
        print::out(serde_json::to_string_pretty(&transcript).or_infrastructure()?);
    } else if transcript.utterances.is_empty() {
        print::note("no speech was heard: nothing is ever written where no voice is");
    } else {
        for utterance in &transcript.utterances {
            let doubt = if utterance.uncertain() { "  (unsure)" } else { "" };
            print::out(format!("{:>8}  {}{doubt}", utterance.span.start, utterance.text));
        }
    }
    Ok(Exit::Done)
}

/// Reads the words of mono 8 kHz audio of the far end whose first sample stands at `starts_at`.
pub(super) fn words(
    models: &Path,
    pcm8k: Vec<i16>,
    starts_at: CallTime,
    language: Language,
) -> Result<Transcript, Failure> {
    let models = rig::Models::find(models)?;
    let spans = models.silero.voiced(&pcm8k, starts_at);
    block_on(async {
        let transcriber = models.transcriber(1).await?;
        let job = Job {
            pcm8k,
            starts_at,
            party: Party::FarEnd,
            language,
            deadline: Duration::from_mins(10),
            priority: Priority::Batch,
            spans,
        };
        transcriber.transcribe(job).await.or_infrastructure()
    })
}

/// The hidden command that runs inside a worker process.
pub(super) fn worker() -> ExitCode {
    transcription::worker_main()
}

/// Reads a WAV file of the user; what is wrong with it comes in plain words.
pub(super) fn parse_wav(path: &Path) -> Result<Wav, String> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
    Wav::parse(&bytes).map_err(|error| format!("`{name}` is {error}"))
}
