//! Everything that can be measured of a whole call, frame by frame. Enters: both sides of the audio, the library and the
//! voice model. Leaves: masks of voice, music, known recordings and tones.

use super::accept::ENOUGH_OTHER_CALLS;
use super::beep::beeps;
use super::features::{Analyser, Features};
use super::fingerprint::{
    Fingerprints, MATCH_PRINTS, PRINT_WINDOW, SAME_ABOVE, fingerprint, similarity,
};
use super::level::{AUDIBLE_DBOV, percentile};
use super::library::{Apart, Library, Match, matches};
use super::mask;
use super::moment::{Sight, Track};
use super::music::{TEXTURE_FRAMES, Texture};
use super::network::{FrameClass, FrameNetwork, Posterior};
use super::resample::upsample_2x;
use super::silero::{Silero, VOICE_FRAME, voiced_frames};
use super::tone::{Cadence, ToneHeard, ToneSpectrum};
use crate::domain::audio::FRAME_SAMPLES;

/// A recording is known by at least this many agreeing frames in a row: 0.1 s of comparisons of 0.64 s each.
const KNOWN_FRAMES: usize = 5;
/// Holes in a known recording up to this long belong to it: 0.4 s.
const KNOWN_HOLE: usize = 20;
/// From this many other calls on, a recording has to be in two of them: a person may happen to repeat one sentence.
const MANY_CALLS: usize = 6;
/// A call repeats its queue announcements further apart than this many prints: 10 s.
const OWN_APART: u32 = 500;
/// Our own voice comes back at most this many prints late: 1 s.
const ECHO_LATE: usize = 50;
/// Sound stands out this far above the quietest tenth of the call, in dB.
const LOUD_DB: f32 = 9.0;
/// Textures are taken this many frames apart.
const TEXTURE_STEP: usize = 5;
/// Log-odds of the texture above which sound without a voice is music.
const MUSIC_ABOVE: f32 = 0.0;
/// The frame network calls sound without a voice music above this mean over half a second.
const NETWORK_MUSIC: f32 = 0.6;
const NETWORK_FRAMES: usize = 25;
/// A call that repeats at least this many frames of itself plays a recording, 4 s: a person may say a short sentence
/// twice, and in the same words.
const OWN_LEAST: usize = 200;

/// Frames from the first print of a comparison to its middle: half of 0.64 s and half a window.
pub(crate) const MIDDLE: usize = MATCH_PRINTS / 2 + PRINT_WINDOW / FRAME_SAMPLES / 2;

/// What each 20 ms frame of a call holds.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    /// Level in dBov.
    pub(crate) levels: Vec<f32>,
    /// A voice other than the echo of ours.
    pub(crate) voice: Vec<bool>,
    /// Sound above the floor.
    pub(crate) loud: Vec<bool>,
    /// Music.
    pub(crate) music: Vec<bool>,
    /// What the frame network takes each frame for.
    pub(crate) classes: Vec<Posterior>,
    /// A recording that another call, or this call at another time, plays too.
    pub(crate) known: Vec<bool>,
    /// The prompt of the library that is known.
    pub(crate) prompts: Vec<Option<u64>>,
    /// Known from another call, not only from this one.
    pub(crate) known_elsewhere: Vec<bool>,
    /// Our own voice coming back.
    pub(crate) echo: Vec<bool>,
    /// Call-progress tones, by first and last frame.
    pub(crate) tones: Vec<ToneHeard>,
    /// Single beeps, by first and last frame.
    pub(crate) beeps: Vec<(usize, usize)>,
    /// Stretches of voice in frames, echo and tones left out.
    pub(crate) voiced: Vec<(usize, usize)>,
}

impl Evidence {
    /// Measures a call.
    pub(crate) fn of(
        (received, sent): (&[i16], &[i16]),
        library: &Library,
        silero: &Silero,
        network: &FrameNetwork,
    ) -> Self {
        let features = Analyser::all(received);
        let frames = features.len();
        let levels: Vec<f32> = features.iter().map(|f| f.level).collect();
        let floor = percentile(levels.clone(), 0.1);
        let loud: Vec<bool> =
            levels.iter().map(|&l| l > AUDIBLE_DBOV && l > floor + LOUD_DB).collect();
        let tones = tones(&features);
        let mut tonal = vec![false; frames];
        for tone in &tones {
            let to = (tone.to as usize).min(frames);
            tonal[(tone.from as usize).min(to)..to].fill(true);
        }
        let beeps = beeps(received);
        for &(from, to) in &beeps {
            tonal[from.min(frames)..to.min(frames)].fill(true);
        }
        let prints = fingerprint(received);
        let elsewhere = matches(library, &prints, Apart::Anywhere);
        // What repeats within a call eases the start with a new center.
        let own = Library::from_calls([&prints]);
        let repeated = matches(&own, &prints, Apart::Prints(OWN_APART));
        let enough = if library.whole_calls() >= MANY_CALLS { 2 } else { 1 };
        let known_elsewhere = known(&elsewhere, frames, enough);
        let mut known_here = known(&repeated, frames, 1);
        if library.other_calls() >= ENOUGH_OTHER_CALLS {
            mask::drop_short(&mut known_here, OWN_LEAST);
        }
        for (here, elsewhere) in known_here.iter_mut().zip(&known_elsewhere) {
            *here |= elsewhere;
        }
        mask::close_holes(&mut known_here, KNOWN_HOLE);
        let echo = echo(&prints, sent, frames);
        let probabilities = silero.probabilities(&upsample_2x(received));
        let track = Track::of(&features, &of_frames(&probabilities, frames));
        let classes: Vec<Posterior> =
            (0..frames).map(|n| network.posterior(&track.inputs(n, Sight::Centred))).collect();
        let mut voice = voice(&probabilities, frames);
        for n in 0..frames {
            voice[n] &= !tonal[n] && !echo[n];
        }
        mask::drop_short(&mut voice, 4);
        let music = music(&features, (&loud, &voice, &tonal), &classes);
        Self {
            voiced: mask::runs(&voice),
            prompts: prompts(&elsewhere, frames),
            levels,
            voice,
            loud,
            music,
            classes,
            known: known_here,
            known_elsewhere,
            echo,
            tones,
            beeps,
        }
    }
}

/// Cadences of a whole call; each episode once, at its full length.
fn tones(features: &[Features]) -> Vec<ToneHeard> {
    let mut cadence = Cadence::default();
    let mut found: Vec<ToneHeard> = Vec::new();
    let mut keep = |heard: Option<ToneHeard>| match (found.last_mut(), heard) {
        (Some(last), Some(heard)) if last.meaning == heard.meaning && last.from == heard.from => {
            *last = heard;
        }
        (_, Some(heard)) => found.push(heard),
        (_, None) => {}
    };
    for frame in features {
        keep(cadence.push(frame));
    }
    // A second of quiet after the end finishes what still sounds there.
    for _ in 0..50 {
        keep(cadence.push(None::<ToneSpectrum>));
    }
    found
}

/// What holds at each frame: a comparison that begins at a print stands for the frame in its middle.
fn centred(found: &[Vec<Match>], frames: usize) -> Vec<&[Match]> {
    let at = |n: usize| n.checked_sub(MIDDLE).and_then(|at| found.get(at));
    (0..frames).map(|n| at(n).map_or(&[][..], Vec::as_slice)).collect()
}

/// The prompt that each frame plays, if the library holds prompts.
fn prompts(found: &[Vec<Match>], frames: usize) -> Vec<Option<u64>> {
    let best = |held: &[Match]| {
        let prompts = held.iter().filter(|m| m.prompt.is_some());
        prompts.max_by(|a, b| a.similarity.total_cmp(&b.similarity)).and_then(|m| m.prompt)
    };
    centred(found, frames).into_iter().map(best).collect()
}

/// Frames of recordings: runs of agreement in which a stored prompt or at least `calls` other calls take part.
fn known(found: &[Vec<Match>], frames: usize, calls: usize) -> Vec<bool> {
    let held = centred(found, frames);
    let mut known: Vec<bool> = held.iter().map(|h| !h.is_empty()).collect();
    mask::drop_short(&mut known, KNOWN_FRAMES);
    for (from, to) in mask::runs(&known) {
        let mut streams: Vec<usize> =
            held[from..to].iter().flat_map(|h| h.iter().map(|m| m.stream)).collect();
        streams.sort_unstable();
        streams.dedup();
        let prompt = held[from..to].iter().flat_map(|h| h.iter()).any(|m| m.prompt.is_some());
        if streams.len() < calls && !prompt {
            known[from..to].fill(false);
        }
    }
    mask::close_holes(&mut known, KNOWN_HOLE);
    known
}

/// Frames where the received side plays what we sent up to a second before.
fn echo(received: &Fingerprints, sent: &[i16], frames: usize) -> Vec<bool> {
    let ours = fingerprint(sent);
    let mut echo = vec![false; frames];
    if !(0..ours.prints.len()).any(|n| ours.active(n)) {
        return echo;
    }
    for at in 0..received.prints.len() {
        let here = &received.prints[at..];
        let late = (0..=ECHO_LATE.min(at)).any(|late| {
            let from = at - late;
            (ours.active(from + MATCH_PRINTS / 2))
                && ours
                    .prints
                    .get(from..)
                    .is_some_and(|there| similarity(here, there).is_some_and(|s| s > SAME_ABOVE))
        });
        if late && at + MIDDLE < frames {
            echo[at + MIDDLE] = true;
        }
    }
    mask::drop_short(&mut echo, KNOWN_FRAMES);
    mask::close_holes(&mut echo, KNOWN_HOLE);
    echo
}

/// Probability of a voice for every frame of 20 ms.
pub(crate) fn voice_of_frames(silero: &Silero, received: &[i16], frames: usize) -> Vec<f32> {
    of_frames(&silero.probabilities(&upsample_2x(received)), frames)
}

/// Frames of the voice model, 512 samples at 16 kHz, to frames of 20 ms.
fn of_frames(probabilities: &[f32], frames: usize) -> Vec<f32> {
    let of = |n: usize| probabilities.get((n * 2 + 1) * FRAME_SAMPLES / VOICE_FRAME);
    (0..frames).map(|n| of(n).copied().unwrap_or(0.0)).collect()
}

fn voice(probabilities: &[f32], frames: usize) -> Vec<bool> {
    let mut voice = vec![false; frames];
    for (from, to) in voiced_frames(probabilities) {
        // A voice frame of 512 samples at 16 kHz is 256 at 8 kHz.
        let frame = |n: usize| (n * VOICE_FRAME / 2 / FRAME_SAMPLES).min(frames);
        voice[frame(from)..frame(to)].fill(true);
    }
    voice
}

fn music(
    features: &[Features],
    (loud, voice, tonal): (&[bool], &[bool], &[bool]),
    classes: &[Posterior],
) -> Vec<bool> {
    // Every frame is voted on by the windows that cover it: the majority puts the edges where they are.
    let mut votes = vec![0_usize; features.len()];
    for start in (0..features.len().saturating_sub(TEXTURE_FRAMES)).step_by(TEXTURE_STEP) {
        let end = start + TEXTURE_FRAMES;
        let sounding = mask::count(loud, start, end);
        let spoken = mask::count(voice, start, end);
        let toned = mask::count(tonal, start, end);
        if sounding * 2 < TEXTURE_FRAMES || spoken * 5 > TEXTURE_FRAMES || toned > 0 {
            continue;
        }
        let odds = Texture::of(&features[start..end]).map_or(f32::MIN, Texture::musical);
        if odds > MUSIC_ABOVE {
            for vote in &mut votes[start..end] {
                *vote += 1;
            }
        }
    }
    let majority = TEXTURE_FRAMES / TEXTURE_STEP / 2;
    (0..features.len())
        .map(|n| {
            let around = n.saturating_sub(NETWORK_FRAMES / 2)
                ..(n + NETWORK_FRAMES / 2 + 1).min(classes.len());
            let count = around.len().max(1) as f32;
            let sum: f32 = classes[around].iter().map(|p| p[FrameClass::Music as usize]).sum();
            !voice[n] && (votes[n] > majority || sum / count > NETWORK_MUSIC)
        })
        .collect()
}
