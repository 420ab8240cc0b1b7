//! `callprobe bench hearing`: what the offline tier hears in labelled calls, beside their labels.

use super::args::{BenchHearingArguments, LibraryChoice};
use super::ear::thread_cpu;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::hearing_counts::{Found, Measured};
use super::labels::{self, Label};
use super::{print, rig};
use crate::domain::time::CallTime;
use crate::hearing::{
    Fingerprints, FrameNetwork, Library, OfflineInput, Silero, analyze, fingerprint,
    training_inputs,
};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// One call with everything that is known of it.
struct Case {
    label: Label,
    audio: Vec<i16>,
    prints: Fingerprints,
}

/// Measures a folder of labelled calls.
pub(super) fn hearing(arguments: &BenchHearingArguments) -> Result<Exit, Failure> {
    let silero = rig::voice_detector(&arguments.models)?;
    let labels = labels::read(&arguments.folder)?;
    let cases = on_all_cores(labels.len(), |n| {
        let label = labels[n].clone();
        let audio = labels::audio(&arguments.folder, &label)?;
        let prints = fingerprint(&audio);
        Ok(Case { label, audio, prints })
    })?;
    if let Some(into) = &arguments.inputs {
        write_inputs(&cases, into, &silero)?;
        return Ok(Exit::Done);
    }
    let found = on_all_cores(cases.len(), |n| hear(&cases, n, arguments, &silero))?;
    let mut measured = Measured::new(match arguments.library {
        LibraryChoice::Previous => "previous",
        LibraryChoice::Batch => "batch",
    });
    for (case, found) in cases.iter().zip(&found) {
        for fault in measured.call(&case.label, found) {
            print::note(format!("   {fault}"));
        }
    }
    measured.finish();
    if !arguments.json {
        print::out(measured.table());
    }
    print::out(serde_json::to_string(&measured).or_infrastructure()?);
    Ok(Exit::Done)
}

fn hear(
    cases: &[Case],
    at: usize,
    arguments: &BenchHearingArguments,
    silero: &Silero,
) -> Result<Found, Failure> {
    let case = &cases[at];
    let trained = arguments.folds.as_deref().map(|folds| fold(folds, &case.label.center));
    let trained = trained.transpose()?;
    let others = cases.iter().enumerate().filter(|(n, other)| {
        let earlier = *n < at || matches!(arguments.library, LibraryChoice::Batch);
        *n != at && earlier && other.label.center == case.label.center
    });
    let library = Library::from_calls(others.map(|(_, other)| &other.prints));
    let timeline = case.label.timeline();
    let time = |seconds: Option<f64>| seconds.map(CallTime::from_secs_f64);
    let begun = thread_cpu()?;
    let hearing = analyze(
        &OfflineInput {
            received: &case.audio,
            sent: &[],
            starts_at: CallTime::ZERO,
            timeline: &timeline,
            answered: time(case.label.events.answered),
            request: time(case.label.events.request),
            library: &library,
            network: trained.as_ref().unwrap_or(FrameNetwork::centred()),
            transcript: None,
        },
        silero,
    );
    let cpu = thread_cpu()?.saturating_sub(begun);
    Ok(Found { hearing, cpu, length: Duration::from_millis(case.audio.len() as u64 / 8) })
}

/// The network of a center's fold: one that was trained without it.
fn fold(folds: &Path, center: &str) -> Result<FrameNetwork, Failure> {
    let path = folds.join(format!("{center}.f32"));
    let help = "folds are made by training/frame_network.py --folds DIR";
    let bytes =
        std::fs::read(&path).map_err(|e| Failure::say(format!("{}: {e}", path.display()), help))?;
    FrameNetwork::from_bytes(&bytes).or_infrastructure()
}

/// Writes what the frame network would see of every frame, for the training.
fn write_inputs(cases: &[Case], into: &Path, silero: &Silero) -> Result<(), Failure> {
    std::fs::create_dir_all(into).or_infrastructure()?;
    on_all_cores(cases.len(), |n| {
        let stem = Path::new(&cases[n].label.file).with_extension("");
        let (centred, causal) = training_inputs(&cases[n].audio, silero);
        for (rows, sight) in [(centred, "centred"), (causal, "causal")] {
            let bytes: Vec<u8> =
                rows.iter().flatten().flat_map(|x: &f32| x.to_le_bytes()).collect();
            let path = into.join(format!("{}.{sight}", stem.display()));
            std::fs::write(&path, bytes).or_infrastructure()?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Does `work` for every index on every core; results in order.
fn on_all_cores<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Result<T, Failure>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|core| {
                let work = &work;
                scope.spawn(move || {
                    (core..count).step_by(cores).map(|n| (n, work(n))).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(n, _)| *n);
    if done.len() < count {
        return Err(Failure::say("a measuring thread broke off", "this is a fault of the program"));
    }
    done.into_iter().map(|(_, result)| result).collect()
}
