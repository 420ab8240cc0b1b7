//! What repeats between the calls of a center. Enters: prints of its calls, and what each frame of them is. Leaves:
//! stretches of a call that at least two other calls play too, cut where calls go different ways.
//!
//! A recording repeats to the print and a person does not: two other calls that follow a stretch at one alignment each
//! are the witnesses. Where an alignment ends although its call goes on with something else, the recording has ended;
//! two such calls at one place cut it. A key, a hand-over or the end of the other call explain an end by themselves.

use super::fingerprint::Fingerprints;
use super::library::{Apart, FOLLOWED, Library, matches};
use super::mask;
use super::occurrence::{Aligned, HOLDS, aligned};

/// A stretch has to be heard in this many other calls.
const WITNESSES: usize = 2;
/// Holes in a repeated stretch up to this long belong to it, in frames. Longer ones are bridged by alignments that go
/// on behind them; where none does, two recordings follow each other.
const HOLE: usize = 2;
/// Holes in music, whose alignments come and go as it resembles itself: 0.4 s.
const MUSIC_HOLE: usize = 20;
/// A cut needs this many frames on both sides: 1 s.
const CUT_INSIDE: usize = 50;
/// Alignments that end this near to each other, in frames, end at one place: 0.4 s.
const TOGETHER: usize = 20;
/// A call went on after the end of an alignment if it has this many frames more: 1.5 s.
const WENT_ON: usize = 75;
/// An exchange reacts to a key within this many frames: 2 s.
const REACTS: usize = 100;
/// A pause of this many frames, 0.4 s, sets apart what is beyond it ...
const PAUSE: usize = 20;
/// ... and comparisons reach this many frames into it: half of one, a window, and some.
const REACHES: usize = 40;
/// Kinds of sound that change for less than this many frames did not change: 1 s.
const SHORTEST_SOUND: usize = 50;

/// What a frame may be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameSound {
    /// A voice, or sound that was not told apart.
    Voice,
    /// Music.
    Music,
    /// Nothing that a recording is made of: silence.
    Pause,
    /// A tone or a person: never a part of a recording.
    Never,
}

/// A call, as far as repeats are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Track<'a> {
    /// Its prints.
    pub(crate) prints: &'a Fingerprints,
    /// What its frames are; may be shorter than the prints, what is missing is a voice.
    pub(crate) sounds: Vec<FrameSound>,
    /// Frames at which something of the call itself ended what was played: our keys, a hand-over.
    pub(crate) broke: Vec<usize>,
}

impl Track<'_> {
    fn sound(&self, frame: usize) -> FrameSound {
        self.sounds.get(frame).copied().unwrap_or(FrameSound::Voice)
    }

    fn broken_off(&self, frame: usize) -> bool {
        self.broke.iter().any(|&at| at <= frame + REACTS / 2 && frame <= at + REACTS)
    }
}

/// A stretch of a call that other calls play too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// Which call.
    pub(crate) call: usize,
    /// First frame and first after.
    pub(crate) frames: (usize, usize),
    /// Whether it is music.
    pub(crate) music: bool,
}

impl Repeat {
    /// How many frames.
    pub(crate) fn length(&self) -> usize {
        self.frames.1 - self.frames.0
    }
}

/// All repeats of all calls. Each call is compared with up to [`FOLLOWED`] others: all of a small center's, or half of
/// them its nearest in order and half spread evenly over all, so that both what is new and what changed is met.
pub(crate) fn repeats(tracks: &[Track<'_>]) -> Vec<Repeat> {
    (0..tracks.len()).flat_map(|call| of_call(tracks, call)).collect()
}

/// The calls that `call` is compared with.
fn others(count: usize, call: usize) -> Vec<usize> {
    if count <= FOLLOWED + 1 {
        return (0..count).filter(|&n| n != call).collect();
    }
    let near = FOLLOWED / 4;
    let first = call.saturating_sub(near).min(count - 2 * near - 1);
    let mut chosen: Vec<usize> = (first..=first + 2 * near).collect();
    chosen.extend((0..FOLLOWED / 2).map(|n| n * count / (FOLLOWED / 2)));
    chosen.retain(|&n| n != call);
    chosen.sort_unstable();
    chosen.dedup();
    chosen.truncate(FOLLOWED);
    chosen
}

fn of_call(tracks: &[Track<'_>], call: usize) -> Vec<Repeat> {
    let others = others(tracks.len(), call);
    let track = &tracks[call];
    let library = Library::from_calls(others.iter().map(|&n| tracks[n].prints));
    let alignments = aligned(&matches(&library, track.prints, Apart::Anywhere));
    let frames = track.prints.prints.len();
    let mut supported = witnessed(&alignments, frames);
    for (n, supported) in supported.iter_mut().enumerate() {
        *supported &= track.sound(n) != FrameSound::Never;
    }
    let mut closed = supported.clone();
    mask::close_holes(&mut closed, MUSIC_HOLE);
    for (n, supported) in supported.iter_mut().enumerate() {
        *supported |= closed[n] && track.sound(n) == FrameSound::Music;
    }
    mask::close_holes(&mut supported, HOLE);
    for (n, supported) in supported.iter_mut().enumerate() {
        *supported &= track.sound(n) != FrameSound::Never;
    }
    let witnesses: Vec<&Track<'_>> = others.iter().map(|&n| &tracks[n]).collect();
    let mut found = Vec::new();
    for run in mask::runs(&supported) {
        for (frames, music) in by_sound(track, run) {
            // Callers enter music anywhere and leave it anywhere, and it resembles itself: that parts nothing.
            let cuts = if music { Vec::new() } else { partings(&alignments, frames, &witnesses) };
            found.extend(pieces(frames, &cuts).map(|frames| Repeat { call, frames, music }));
        }
    }
    for repeat in &mut found {
        repeat.frames = trimmed(track, repeat.frames);
    }
    found.retain(|repeat| repeat.length() >= HOLDS);
    found
}

/// Frames that alignments with enough other calls cover.
fn witnessed(alignments: &[Aligned], frames: usize) -> Vec<bool> {
    let mut heard: Vec<Vec<usize>> = vec![Vec::new(); frames];
    for one in alignments {
        for streams in heard.iter_mut().take(one.to).skip(one.from) {
            if !streams.contains(&one.stream) {
                streams.push(one.stream);
            }
        }
    }
    heard.into_iter().map(|streams| streams.len() >= WITNESSES).collect()
}

/// Cuts a run where a voice gives way to music or music to a voice.
fn by_sound(track: &Track<'_>, (from, to): (usize, usize)) -> Vec<((usize, usize), bool)> {
    let mut found: Vec<((usize, usize), bool)> = Vec::new();
    for n in from..to {
        let music = match track.sound(n) {
            FrameSound::Music => true,
            FrameSound::Voice => false,
            // A pause belongs to what was before it.
            FrameSound::Pause | FrameSound::Never => found.last().is_some_and(|last| last.1),
        };
        match found.last_mut() {
            Some(last) if last.1 == music => last.0.1 = n + 1,
            _ => found.push(((n, n + 1), music)),
        }
    }
    // A short stretch of the other kind inside a long one is a slip of who told them apart.
    let mut smoothed: Vec<((usize, usize), bool)> = Vec::new();
    for (frames, music) in found {
        match smoothed.last_mut() {
            Some(last) if last.1 == music || frames.1 - frames.0 < SHORTEST_SOUND => {
                last.0.1 = frames.1;
            }
            Some(last) if last.0.1 - last.0.0 < SHORTEST_SOUND => {
                *last = ((last.0.0, frames.1), music);
            }
            _ => smoothed.push((frames, music)),
        }
    }
    smoothed
}

/// Places inside a run where at least [`WITNESSES`] other calls part from this one, or join it, although they go on:
/// with something else, or with the same a little earlier or later.
fn partings(
    alignments: &[Aligned],
    (from, to): (usize, usize),
    witnesses: &[&Track<'_>],
) -> Vec<usize> {
    let inside = |n: usize| n >= from + CUT_INSIDE && n + CUT_INSIDE <= to;
    let mut places: Vec<(usize, usize)> = Vec::new();
    for one in alignments {
        let Some(other) = witnesses.get(one.stream) else { continue };
        let there = |n: usize| usize::try_from(one.there(n)).unwrap_or(0);
        let (begins, ends) = (there(one.from), there(one.to));
        let went_on = ends + WENT_ON <= other.prints.prints.len();
        if inside(one.to) && went_on && !other.broken_off(ends) {
            places.push((one.to, one.stream));
        }
        let was_on = (begins.saturating_sub(WENT_ON)..begins).any(|n| other.prints.active(n));
        if inside(one.from) && was_on && !other.broken_off(begins) {
            places.push((one.from, one.stream));
        }
    }
    places.sort_unstable();
    let mut cuts = Vec::new();
    let mut next = 0;
    while next < places.len() {
        let first = places[next].0;
        let near: Vec<_> =
            places[next..].iter().take_while(|place| place.0 <= first + TOGETHER).collect();
        let mut streams: Vec<usize> = near.iter().map(|place| place.1).collect();
        streams.sort_unstable();
        streams.dedup();
        if streams.len() >= WITNESSES {
            cuts.push(near[near.len() / 2].0);
        }
        next += near.len();
    }
    cuts
}

fn pieces(
    (from, to): (usize, usize),
    cuts: &[usize],
) -> impl Iterator<Item = (usize, usize)> + use<> {
    let mut edges = vec![from];
    edges.extend(cuts.iter().copied().filter(|&cut| cut > from && cut < to));
    edges.push(to);
    edges.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>().into_iter()
}

/// A recording begins and ends with sound. Silence agrees with silence, so comparisons reach over a pause into what
/// comes before or after it: a short sound beyond a pause is not the recording's.
fn trimmed(track: &Track<'_>, (from, to): (usize, usize)) -> (usize, usize) {
    let mut sounds: Vec<bool> = (from..to).map(|n| track.prints.active(n)).collect();
    mask::close_holes(&mut sounds, PAUSE);
    let mut islands = mask::runs(&sounds);
    let short = |island: Option<&(usize, usize)>| island.is_some_and(|i| i.1 - i.0 < REACHES);
    while islands.len() > 1 && short(islands.last()) {
        islands.pop();
    }
    while islands.len() > 1 && short(islands.first()) {
        islands.remove(0);
    }
    match (islands.first(), islands.last()) {
        (Some(first), Some(last)) => (from + first.0, from + last.1),
        _ => (to, to),
    }
}
