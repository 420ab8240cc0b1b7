//! `callprobe bench ear`: what the causal tier costs, and what it hears, on made-up sound and on recordings.

use super::args::EarArguments;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::{print, transcribe};
use crate::domain::audio::FRAME_SAMPLES;
use crate::domain::ids::CenterId;
use crate::domain::prompt::PromptRecord;
use crate::domain::random::SplitMix64;
use crate::domain::time::CallTime;
use crate::hearing::{Library, Listener, LiveEvent, beeps, fingerprint};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

/// What the causal tier may cost, in milliseconds of CPU for one second of audio.
/// Measured with every other sound as a prompt of the library (our budget, 2026).
const BUDGET_MS: f64 = 1.5;
/// Samples of a second at 8 kHz.
const SECOND: usize = 8000;

/// What one sound cost and held.
#[derive(Debug, Serialize)]
struct Heard {
    name: String,
    seconds: f64,
    cpu_ms_per_second: f64,
    tones: usize,
    beeps: usize,
    speech: usize,
    music: usize,
    prompts: usize,
    new_voices: usize,
}

pub(super) fn run(arguments: &EarArguments) -> Result<Exit, Failure> {
    let mut sounds = made_up();
    for file in &arguments.files {
        let wav = transcribe::parse_wav(file)
            .map_err(|why| Failure::say(why, "give WAV files of 8 kHz and 16 bit"))?;
        if wav.missing > 0 {
            print::note(format!("note: `{}` is cut off; heard as far as it goes", file.display()));
        }
        sounds.push((file.display().to_string(), wav.into_received()));
    }
    let prompts = sounds
        .iter()
        .enumerate()
        .map(|(n, (_, samples))| prompt(n as u64, samples))
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut all = Vec::new();
    for (n, (name, samples)) in sounds.iter().enumerate() {
        let others = prompts.iter().filter(|prompt| prompt.prompt != n as u64);
        all.push(heard(name, samples, Library::from_prompts(others))?);
    }
    let worst = all.iter().map(|h| h.cpu_ms_per_second).fold(0.0, f64::max);
    if arguments.json {
        print::out(serde_json::to_string_pretty(&all).or_infrastructure()?);
    } else {
        print::out("  ms/s  seconds  tones  beeps  speech  music  prompts  new voices  sound");
        for h in &all {
            print::out(format!(
                "{:>6.2}  {:>7.1}  {:>5}  {:>5}  {:>6}  {:>5}  {:>7}  {:>10}  {}",
                h.cpu_ms_per_second,
                h.seconds,
                h.tones,
                h.beeps,
                h.speech,
                h.music,
                h.prompts,
                h.new_voices,
                h.name
            ));
        }
        print::out(format!(
            "worst: {worst:.2} ms of CPU per second of audio; budget {BUDGET_MS} ms"
        ));
    }
    Ok(if worst <= BUDGET_MS { Exit::Done } else { Exit::Below })
}

/// Every other sound stands in the library as one long prompt: more than a center plays.
fn prompt(number: u64, samples: &[i16]) -> Result<PromptRecord, Failure> {
    let center = CenterId::new("bench").or_usage()?;
    Ok(PromptRecord::new(center, number, fingerprint(samples).prints))
}

fn heard(name: &str, samples: &[i16], library: Library) -> Result<Heard, Failure> {
    let mut listener = Listener::new(Arc::new(library));
    let mut events = Vec::new();
    let before = thread_cpu()?;
    for (n, frame) in samples.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
        listener.handle(CallTime::from_millis(20 * n as u64), frame);
        events.extend(std::iter::from_fn(|| listener.poll()));
    }
    let cost = thread_cpu()?.saturating_sub(before);
    let seconds = samples.len() as f64 / SECOND as f64;
    let count = |of: fn(&LiveEvent) -> bool| events.iter().filter(|e| of(e)).count();
    Ok(Heard {
        name: name.to_owned(),
        seconds,
        cpu_ms_per_second: cost.as_secs_f64() * 1000.0 / seconds.max(0.02),
        tones: count(|e| matches!(e, LiveEvent::ToneHeard { .. })),
        beeps: beeps(samples).len(),
        speech: count(|e| matches!(e, LiveEvent::SpeechEnded(_))),
        music: count(|e| matches!(e, LiveEvent::MusicStarted(_))),
        prompts: count(|e| matches!(e, LiveEvent::PromptRecognised { .. })),
        new_voices: count(|e| matches!(e, LiveEvent::NewVoice(_))),
    })
}

/// Processor time of this thread so far, so that other work on the host is not counted.
pub(super) fn thread_cpu() -> Result<Duration, Failure> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).or_infrastructure()
}

/// Ringing, a voice-like sound and chords, a minute each.
fn made_up() -> Vec<(String, Vec<i16>)> {
    let mut random = SplitMix64::new(7);
    let mut voice = Vec::new();
    while voice.len() < 60 * SECOND {
        let (pitch, length) =
            (100.0 + 80.0 * random.unit(), 700 + (random.unit() * 700.0) as usize);
        let harmonics: Vec<f64> = (1..=20).map(|k| f64::from(k) * pitch).collect();
        voice.extend(sines(&harmonics, 900.0, length));
        voice.extend(std::iter::repeat_n(0, (random.unit() * 1200.0) as usize));
    }
    let mut ringing = Vec::new();
    let mut chords = Vec::new();
    for _ in 0..20 {
        ringing.extend(sines(&[440.0, 480.0], 4000.0, SECOND));
        ringing.extend(std::iter::repeat_n(0, 2 * SECOND));
    }
    for _ in 0..100 {
        let root = 220.0 * 2.0_f64.powf((random.unit() * 12.0).floor() / 12.0);
        chords.extend(sines(&[1.0, 1.26, 1.5, 2.0, 3.0].map(|f| f * root), 1500.0, SECOND * 3 / 5));
    }
    vec![
        ("made-up ringing".to_owned(), ringing),
        ("made-up voice".to_owned(), voice),
        ("made-up chords".to_owned(), chords),
    ]
}

fn sines(hz: &[f64], amplitude: f64, samples: usize) -> Vec<i16> {
    let at = |n: usize| hz.iter().map(|f| (n as f64 * f / 8000.0 * TAU).sin()).sum::<f64>();
    (0..samples).map(|n| (at(n) * amplitude) as i16).collect()
}
