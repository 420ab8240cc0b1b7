//! When a person began to speak. Enters: what every frame of the call holds, and the request. Leaves: the reading of the
//! call, and where in its first unit the voice begins.
//!
//! First speech after the request is mostly an announcement; the onset is the first voice that no other call plays and
//! that the rest of the call reads as a person's.

use super::evidence::Evidence;
use super::level::{AUDIBLE_DBOV, percentile};
use super::lexicon::{WordCue, cue};
use super::mask;
use super::reading::{Cues, Reading, read};
use super::unit::{Unit, UnitKind, units};
use crate::domain::time::CallTime;
use crate::domain::timeline::Party;
use crate::domain::transcript::Transcript;

/// A candidate is judged by this many frames of its voice: 1.5 s.
const FIRST_WORDS: usize = 75;
/// A candidate begins where its level comes within this of its loud parts, in dB: babble behind an agent lies lower.
const RISE_DB: f32 = 12.0;
/// A soft beginning is followed back at most this far, in frames: 0.5 s.
const RISE_FRAMES: usize = 25;
/// A soft beginning stands this far above the sound just before it, in dB.
const ABOVE_BEFORE_DB: f32 = 5.0;
/// The sound just before a beginning, in frames: 0.4 s, up to 0.1 s before it.
const BEFORE_FRAMES: usize = 20;
const BEFORE_UNTIL: usize = 5;
/// What is softer than audible babble behind it is not heard: the truth lies 0.1 s earlier in the mean, one time in ten
/// 0.5 s (our measurement over 74 labelled onsets in babble, 2026). Over a softer background nothing is hidden.
const HIDDEN_FRAMES: usize = 5;
/// The background behind a voice is its quietest twentieth, up to a second after it.
const BACKGROUND_AFTER: usize = 50;
/// The background of the recordings is taken from units of a second and more.
const BACKGROUND_LEAST: usize = 50;
/// A background this far above that of the recordings begins to be one of a live microphone, and is one for sure, in dB.
const LIVE_FROM_DB: f32 = 4.0;
const LIVE_TO_DB: f32 = 12.0;
/// Words belong to a voice if their utterance begins this many frames before its end, or covers its beginning.
const WORDS_EDGE: usize = 10;
const WORDS_AFTER: usize = 50;

/// A voice that is taken for an agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// Frame where it begins.
    pub(crate) at: usize,
    /// Frames of unmatched voice heard from there on.
    pub(crate) voice: usize,
    /// Words of its first utterance.
    pub(crate) words: Option<WordCue>,
    /// Whether a sign of a queue came before it, after the request.
    pub(crate) queued: bool,
    /// How much of a live microphone's background is behind it, 0 to 1.
    pub(crate) live: f32,
    /// Whether sound before it may hide a soft beginning.
    pub(crate) hidden: bool,
}

/// What the call from the request on is read as.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) units: Vec<Unit>,
    pub(crate) reading: Reading,
    pub(crate) candidate: Option<Candidate>,
}

/// Frame of an utterance's start and its cue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cue {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) word: WordCue,
}

/// What is known of a call besides its sound, in frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// When the answer came and when an agent was requested, whichever is later.
    pub(crate) request: usize,
    pub(crate) answered: usize,
    /// Cues of the far end's words.
    pub(crate) cues: &'a [Cue],
    /// Changes of the media source.
    pub(crate) sources: &'a [usize],
    /// Ends of our caller's lines.
    pub(crate) lines: &'a [usize],
    /// How many other calls stand behind the library.
    pub(crate) other_calls: u32,
}

/// A source that changed this many frames before a voice, or less, speaks for it: 3 s.
const SOURCE_BEFORE: usize = 150;
/// ... or this many after it, as a voice may begin before the first packet is told apart: 0.3 s.
const SOURCE_AFTER: usize = 15;
/// A change at the request is a menu's server giving way to a queue's, in frames: 0.3 s.
const SOURCE_DECOY: usize = 15;
/// A voice answers a line if it begins this many frames after it, or less: 4 s.
const REPLY_WITHIN: usize = 200;

/// Cues of the far end's utterances; `frame` maps a time to a frame.
pub(crate) fn cues(transcript: Option<&Transcript>, frame: impl Fn(CallTime) -> usize) -> Vec<Cue> {
    let utterances = transcript.map_or(&[][..], |t| &t.utterances);
    utterances
        .iter()
        .filter(|u| u.party == Party::FarEnd)
        .filter_map(|u| {
            Some(Cue { from: frame(u.span.start), to: frame(u.span.end), word: cue(u)? })
        })
        .collect()
}

/// Reads the call from the request on.
pub(crate) fn find(evidence: &Evidence, known: Known<'_>) -> Heard {
    let unmatched = unmatched(evidence);
    let units = units(evidence, &unmatched, known.request);
    let spoken_for: Vec<Cues> =
        (0..units.len()).map(|n| cues_of(evidence, &units, n, known)).collect();
    let reading = read(&units, &spoken_for, known.other_calls);
    let candidate = reading.onset.map(|onset| {
        let unit = units[onset];
        let (at, hidden) = rise(evidence, &unmatched, unit.from, known.request);
        let queued = units[..onset].iter().any(|u| {
            matches!(u.kind, UnitKind::Known | UnitKind::Music | UnitKind::Tone)
                && u.seconds() >= 1.0
        });
        Candidate {
            at,
            voice: mask::count(&unmatched, at, unmatched.len()),
            words: spoken_for[onset].words,
            queued,
            live: spoken_for[onset].live,
            hidden,
        }
    });
    Heard { units, reading, candidate }
}

fn cues_of(evidence: &Evidence, units: &[Unit], n: usize, known: Known<'_>) -> Cues {
    let unit = units[n];
    if unit.kind != UnitKind::Voice {
        return Cues::default();
    }
    let near = unit.from.saturating_sub(SOURCE_BEFORE)..unit.from + SOURCE_AFTER;
    let source_changed =
        known.sources.iter().any(|at| near.contains(at) && *at > known.request + SOURCE_DECOY);
    let reply = known.lines.iter().any(|end| (*end..end + REPLY_WITHIN).contains(&unit.from));
    let live = live(evidence, units, n, known);
    Cues { words: words_of(known.cues, unit), live, source_changed, reply }
}

/// How much louder the background behind a voice is than behind the recordings before it, 0 to 1.
fn live(evidence: &Evidence, units: &[Unit], n: usize, known: Known<'_>) -> f32 {
    let levels = &evidence.levels;
    let quietest = |from: usize, to: usize| {
        let to = to.min(levels.len());
        percentile(levels[from.min(to)..to].to_vec(), 0.05)
    };
    let recordings = units[..n]
        .iter()
        .filter(|u| matches!(u.kind, UnitKind::Known | UnitKind::Music))
        .filter(|u| u.to - u.from > BACKGROUND_LEAST)
        .map(|u| quietest(u.from, u.to));
    let menu = (known.request > known.answered).then(|| quietest(known.answered, known.request));
    let Some(recorded) = recordings.chain(menu).min_by(f32::total_cmp) else { return 0.0 };
    let behind = quietest(units[n].from, units[n].to + BACKGROUND_AFTER);
    ((behind - recorded - LIVE_FROM_DB) / (LIVE_TO_DB - LIVE_FROM_DB)).clamp(0.0, 1.0)
}

fn words_of(cues: &[Cue], unit: Unit) -> Option<WordCue> {
    // The recognizer's utterances begin within a second of the voice.
    cues.iter()
        .find(|c| {
            c.to > unit.from + WORDS_EDGE
                && c.from < (unit.from + WORDS_AFTER).min(unit.to + WORDS_EDGE)
        })
        .map(|c| c.word)
}

/// Voice that no recording plays.
fn unmatched(evidence: &Evidence) -> Vec<bool> {
    let mut unmatched: Vec<bool> =
        evidence.voice.iter().zip(&evidence.known).map(|(v, k)| *v && !*k).collect();
    mask::drop_short(&mut unmatched, 5);
    unmatched
}

/// Where the energy of the voice found at `at` rises, not before `earliest`, and whether sound before it may hide a
/// softer beginning.
///
/// The voice model fires on babble behind an agent too: the voice begins where it comes near its own loudness, and from
/// there back over a soft beginning for as long as it stands out of what was there just before.
fn rise(evidence: &Evidence, unmatched: &[bool], at: usize, earliest: usize) -> (usize, bool) {
    let levels = &evidence.levels;
    let until = levels.len().min(at + 2 * FIRST_WORDS);
    let words: Vec<f32> = (at..until).filter(|&n| unmatched[n]).map(|n| levels[n]).collect();
    let near = percentile(words, 0.9) - RISE_DB;
    let holds = |n: usize| levels[n..levels.len().min(n + 5)].iter().filter(|l| **l > near).count();
    let mut start = (at..until).find(|&n| levels[n] > near && holds(n) >= 3).unwrap_or(at);
    let bound = start.saturating_sub(RISE_FRAMES).max(earliest);
    let first = earliest.min(start);
    let before = start.saturating_sub(BEFORE_FRAMES).max(first)
        ..start.saturating_sub(BEFORE_UNTIL).max(first);
    let background = percentile(levels[before.clone()].to_vec(), 0.5);
    // Music that gives way to a voice hides nothing of it: it stops.
    let played = before.clone().filter(|&n| evidence.music[n] || evidence.known[n]).count();
    let soft = |n: usize| {
        levels[n] > background + ABOVE_BEFORE_DB
            && levels[n] > AUDIBLE_DBOV
            && !evidence.known[n]
            && !evidence.music[n]
    };
    while start > bound && soft(start - 1) {
        start -= 1;
    }
    let hidden = background > AUDIBLE_DBOV && played * 2 < before.len();
    (if hidden { start.saturating_sub(HIDDEN_FRAMES).max(first) } else { start }, hidden)
}
