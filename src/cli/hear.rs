//! `callprobe hear`: explains one recording, a file of the user's or a call of a store. Enters: a path or a call, and
//! what is known of it. Leaves: its time line with reasons, the onset, whom it reached, on stdout.

use super::args::HearArguments;
use super::audio_file::{Recorded, read_audio};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::{block_on, print, rig, score, transcribe};
use crate::domain::audio::{Hz8k, samples_to_duration};
use crate::domain::ids::CallId;
use crate::domain::time::CallTime;
use crate::domain::timeline::{EventKind, Timeline};
use crate::domain::transcript::Transcript;
use crate::hearing::{self, Fingerprints, FrameNetwork, Library, OfflineInput, Silero};
use crate::report::audio::Envelope;
use crate::report::{self, HeardReport, Style};
use crate::store::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A recording with all that is known of its call.
struct Recording {
    name: String,
    received: Vec<i16>,
    sent: Vec<i16>,
    starts_at: CallTime,
    timeline: Timeline,
    answered: Option<CallTime>,
    request: Option<CallTime>,
    assumed: String,
    transcript: Option<Transcript>,
    others: Vec<Fingerprints>,
}

/// Hears a recording and prints what was heard.
pub(super) fn run(arguments: &HearArguments) -> Result<Exit, Failure> {
    let silero = rig::voice_detector(&arguments.models)?;
    let mut recording = match (arguments.store.as_deref(), &arguments.file) {
        (Some([folder, call]), _) => block_on(of_store(Path::new(folder), call))?,
        (_, Some(file)) => of_file(arguments, file, &silero)?,
        _ => return Err(Failure::say("nothing to hear", "name a FILE, or --store DIR CALL-ID")),
    };
    if arguments.transcribe && recording.transcript.is_none() {
        let samples = recording.received.clone();
        let language = arguments.language.into();
        let words = transcribe::words(&arguments.models, samples, recording.starts_at, language)?;
        recording.transcript = Some(words);
    }
    let report = explained(recording, &silero);
    if arguments.json {
        print::out(report::heard_json(&report).or_infrastructure()?.trim_end());
    } else {
        print::out(report::heard(&report, Style::of_stdout()).trim_end());
    }
    Ok(Exit::Done)
}

fn explained(recording: Recording, silero: &Silero) -> HeardReport {
    let library = Library::from_calls(&recording.others);
    let input = OfflineInput {
        received: &recording.received,
        sent: &recording.sent,
        starts_at: recording.starts_at,
        timeline: &recording.timeline,
        answered: recording.answered,
        request: recording.request,
        library: &library,
        network: FrameNetwork::centred(),
        transcript: recording.transcript.as_ref(),
    };
    HeardReport {
        hearing: hearing::analyze(&input, silero),
        envelope: Envelope::fine(&recording.received, recording.starts_at),
        lasted: samples_to_duration::<Hz8k>(recording.received.len()),
        name: recording.name,
        answered: recording.answered,
        requested: recording.request,
        assumed: recording.assumed,
        transcript: recording.transcript,
    }
}

/// A file of the user's. What our side said is taken from our channel, as no time line tells it.
fn of_file(arguments: &HearArguments, file: &Path, silero: &Silero) -> Result<Recording, Failure> {
    let Recorded { ours, theirs, .. } = read_audio(file)?;
    let lasted = samples_to_duration::<Hz8k>(theirs.len());
    let given = |name, second: Option<Duration>| match second {
        Some(at) if at > lasted => Err(Failure::say(
            format!(
                "{name} {:.1} lies after the end of `{}`, which lasts {:.1} s",
                at.as_secs_f64(),
                file.display(),
                lasted.as_secs_f64()
            ),
            "count the seconds from the beginning of the recording",
        )),
        at => Ok(CallTime::from_duration(at.unwrap_or_default())),
    };
    let answered = given("--answered", arguments.answered)?;
    let request = given("--request", arguments.request)?;
    let sent = ours.unwrap_or_default();
    let mut timeline = Timeline::default();
    for span in silero.voiced(&sent, CallTime::ZERO) {
        let said = EventKind::Said { line: "ours".into(), text: String::new(), end: span.end };
        timeline.push(span.start, said);
    }
    Ok(Recording {
        name: file.display().to_string(),
        others: others(&arguments.library, &theirs)?,
        received: theirs,
        sent,
        starts_at: CallTime::ZERO,
        timeline,
        answered: Some(answered),
        request: Some(request),
        assumed: assumed(arguments),
        transcript: None,
    })
}

/// What was not told is taken for the beginning of the recording.
fn assumed(arguments: &HearArguments) -> String {
    match (arguments.answered, arguments.request) {
        (None, None) => "both assumed; --answered and --request tell".to_owned(),
        (None, Some(_)) => "the answer is assumed; --answered tells".to_owned(),
        (Some(_), None) => "the request is assumed; --request tells".to_owned(),
        (Some(_), Some(_)) => String::new(),
    }
}

/// Fingerprints of the center's other recordings. The same recording again would make everything in it known: it is
/// left out. Files that a folder holds beside recordings are left out too; a file that was named has to be right.
fn others(paths: &[PathBuf], received: &[i16]) -> Result<Vec<Fingerprints>, Failure> {
    let mut prints = Vec::new();
    let mut add = |path: &Path, other: &Recorded| {
        if other.theirs == received {
            print::note(format!("note: `{}` is the same recording; left out", path.display()));
        } else {
            prints.push(hearing::fingerprint(&other.theirs));
        }
    };
    for path in paths {
        if !path.is_dir() {
            add(path, &read_audio(path)?);
            continue;
        }
        for file in recordings_in(path)? {
            match read_audio(&file) {
                Ok(other) => add(&file, &other),
                Err(failure) => print::note(format!("note: {}; left out", failure.report)),
            }
        }
    }
    Ok(prints)
}

fn recordings_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::say(
            format!("`{}` cannot be read: {error}", folder.display()),
            "check its permissions",
        )
    })?;
    let audio = |path: &PathBuf| {
        let form = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        form.is_some_and(|form| form == "wav" || form == "flac")
    };
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(audio).collect();
    files.sort();
    Ok(files)
}

/// A call of a store, with all that its record tells, and its center's other calls.
async fn of_store(folder: &Path, call: &str) -> Result<Recording, Failure> {
    let id: CallId = call.parse().map_err(|_| {
        Failure::say(
            format!("`{call}` is no identifier of a call"),
            "`callprobe report CAMPAIGN --store DIR --json` names calls under `attempts`",
        )
    })?;
    let store = score::open(folder).await?;
    let record = store.attempt_record(id).await.map_err(|error| match error {
        StoreError::NotFound { .. } => Failure::say(
            format!("store `{}` has no call `{id}`", folder.display()),
            "`callprobe report CAMPAIGN --store DIR --json` names calls under `attempts`",
        ),
        other => Failure::infrastructure(other),
    })?;
    let audio = store.samples(id).await.or_infrastructure()?;
    let Some((audio, kept)) = audio.zip(record.recording) else {
        return Err(Failure::say(
            format!("no audio was kept of call `{id}`"),
            "calls are recorded where the configuration declares a `[recording] basis`",
        ));
    };
    let center = &record.provenance.center;
    let calls = store.calls_of_center(&record.provenance.campaign, center).await;
    Ok(Recording {
        name: format!("{} attempt {}, call {id}", record.unit, record.number),
        received: audio.received,
        sent: audio.sent,
        starts_at: kept.starts_at,
        answered: record.timeline.answered(),
        request: record.timeline.agent_request(),
        timeline: record.timeline,
        assumed: String::new(),
        transcript: store.transcript(id, None).await.or_infrastructure()?,
        others: prints_of(&store, calls.or_infrastructure()?, id).await?,
    })
}

/// Taken anew from the recordings, so that they are those of this version.
async fn prints_of(
    store: &Store,
    calls: Vec<CallId>,
    heard: CallId,
) -> Result<Vec<Fingerprints>, Failure> {
    let mut prints = Vec::new();
    for call in calls.into_iter().filter(|call| *call != heard) {
        if let Some(other) = store.samples(call).await.or_infrastructure()? {
            prints.push(hearing::fingerprint(&other.received));
        }
    }
    Ok(prints)
}
