//! A call cut into what sounds one after another. Enters: masks of every frame. Leaves: units in order, without gaps,
//! which the reading of the call weighs as wholes.

use super::evidence::Evidence;
use super::mask;

/// Holes of known recordings and of music up to this many frames belong to them: 0.3 s and 0.5 s.
const KNOWN_HOLE: usize = 15;
const MUSIC_HOLE: usize = 25;
/// Shorter stretches of known recordings and of music say nothing: 0.2 s and 0.5 s.
const KNOWN_LEAST: usize = 10;
const MUSIC_LEAST: usize = 25;
/// A pause inside one utterance, in frames: 0.6 s.
const PAUSE: usize = 30;

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// A voice that no recording plays.
    Voice,
    /// A recording that this or another call plays too.
    Known,
    /// Music that nothing else plays.
    Music,
    /// A call-progress tone.
    Tone,
    /// Nothing of these.
    Quiet,
}

/// A stretch of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) kind: UnitKind,
    pub(crate) from: usize,
    /// First frame after it.
    pub(crate) to: usize,
    /// Frames of voice in it; of unmatched voice, if it is one.
    pub(crate) voice: usize,
}

impl Unit {
    /// Its length in seconds.
    pub(crate) fn seconds(&self) -> f32 {
        (self.to - self.from) as f32 * 0.02
    }
}

/// Cuts a call from frame `start` on; `voice` is what no recording plays.
pub(crate) fn units(evidence: &Evidence, voice: &[bool], start: usize) -> Vec<Unit> {
    let frames = evidence.levels.len();
    let mut kinds = vec![UnitKind::Quiet; frames];
    let mut paint = |mask: &[bool], kind: UnitKind| {
        for (n, into) in kinds.iter_mut().enumerate() {
            if mask[n] && (kind == UnitKind::Voice || !voice[n]) {
                *into = kind;
            }
        }
    };
    let mut music: Vec<bool> =
        (0..frames).map(|n| evidence.music[n] && !evidence.known[n]).collect();
    mask::close_holes(&mut music, MUSIC_HOLE);
    mask::drop_short(&mut music, MUSIC_LEAST);
    paint(&music, UnitKind::Music);
    // Babble behind agents may be alike from call to call; a recording is a voice or music in the foreground.
    let foreground = |n: usize| evidence.voice[n] || evidence.music[n] || evidence.loud[n];
    let mut known: Vec<bool> = (0..frames).map(|n| evidence.known[n] && foreground(n)).collect();
    mask::close_holes(&mut known, KNOWN_HOLE);
    mask::drop_short(&mut known, KNOWN_LEAST);
    paint(&known, UnitKind::Known);
    let mut tone = vec![false; frames];
    for heard in &evidence.tones {
        let to = (heard.to as usize).min(frames);
        tone[(heard.from as usize).min(to)..to].fill(true);
    }
    paint(&tone, UnitKind::Tone);
    paint(voice, UnitKind::Voice);
    let mut found: Vec<Unit> = Vec::new();
    for (n, kind) in kinds.into_iter().enumerate().skip(start) {
        match found.last_mut() {
            Some(last) if last.kind == kind => last.to = n + 1,
            _ => found.push(Unit { kind, from: n, to: n + 1, voice: 0 }),
        }
    }
    let mut joined = join_utterances(found);
    for unit in &mut joined {
        let counted = if unit.kind == UnitKind::Voice { voice } else { &evidence.voice };
        unit.voice = mask::count(counted, unit.from, unit.to);
    }
    joined
}

/// Joins voices that only a short pause parts.
fn join_utterances(units: Vec<Unit>) -> Vec<Unit> {
    let mut joined: Vec<Unit> = Vec::new();
    for unit in units {
        if unit.kind == UnitKind::Voice
            && let [.., before, pause] = joined[..]
            && before.kind == UnitKind::Voice
            && pause.kind == UnitKind::Quiet
            && pause.to - pause.from <= PAUSE
        {
            joined.pop();
            if let Some(last) = joined.last_mut() {
                last.to = unit.to;
            }
        } else {
            joined.push(unit);
        }
    }
    joined
}
