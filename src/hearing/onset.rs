//! When a person began to speak. Enters: what every frame of the call holds, and the request. Leaves: the candidate that
//! stands, with what speaks for and against it.
//!
//! First speech after the request is mostly an announcement; the onset is the first voice that no other call plays and
//! that no sign of a queue follows.

use super::evidence::Evidence;
use super::lexicon::{WordCue, cue};
use super::mask;
use super::tone::ToneMeaning;
use crate::domain::timeline::Party;
use crate::domain::transcript::Transcript;

/// Signs of a queue are looked for this long after a candidate, in frames: 8 s.
const LOOK_AHEAD: usize = 400;
/// This much unmatched voice is a conversation, whatever follows, in frames: 10 s.
const DIALOGUE: usize = 500;
/// Music is a sign of a queue from this length on, in frames: 1.5 s.
const MUSIC_SIGN: usize = 75;
/// A known recording is a sign of a queue from this length on, in frames: 1 s.
const KNOWN_SIGN: usize = 50;
/// Edges of signs are sure to this many frames: 0.2 s.
const EDGE: usize = 10;
/// Pauses in a known recording up to this many frames belong to it: 0.3 s.
const PLAYED_HOLE: usize = 15;
/// A candidate has at least this much unmatched voice within its first [`FIRST_WORDS`] frames: 0.24 s.
const SHORTEST_VOICE: usize = 12;
const FIRST_WORDS: usize = 75;
/// A candidate begins where its level comes within this of its loud parts, in dB: babble behind an agent lies lower.
const RISE_DB: f32 = 18.0;
/// The rise of energy is looked for this far before the voice was found, in frames: 0.3 s.
const RISE_FRAMES: usize = 15;

/// Why a candidate does not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueSign {
    Music,
    Known,
    Tone,
    Words(&'static str),
}

/// A voice that may be an agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// Frame where it begins.
    pub(crate) at: usize,
    /// Frames of unmatched voice heard from there on, until a sign of a queue or the end.
    pub(crate) voice: usize,
    /// Words of its first utterance.
    pub(crate) words: Option<WordCue>,
    /// Whether a sign of a queue came before it, after the request.
    pub(crate) queued: bool,
}

/// Frame of an utterance's start and its cue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cue {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) word: WordCue,
}

/// Cues of the far end's utterances; `frame` maps a time to a frame.
pub(crate) fn cues(
    transcript: Option<&Transcript>,
    frame: impl Fn(crate::domain::time::CallTime) -> usize,
) -> Vec<Cue> {
    let utterances = transcript.map_or(&[][..], |t| &t.utterances);
    utterances
        .iter()
        .filter(|u| u.party == Party::FarEnd)
        .filter_map(|u| {
            Some(Cue { from: frame(u.span.start), to: frame(u.span.end), word: cue(u)? })
        })
        .collect()
}

/// Finds the first candidate from frame `request` on that no sign of a queue follows.
pub(crate) fn find(evidence: &Evidence, request: usize, cues: &[Cue]) -> Option<Candidate> {
    let unmatched = unmatched(evidence);
    let queue = QueueSigns::of(evidence);
    let mut from = request;
    loop {
        let found = next_voice(&unmatched, from)?;
        let at = rise(evidence, &unmatched, found, from);
        match refusal(&unmatched, &queue, cues, at) {
            None => {
                return Some(Candidate {
                    at,
                    voice: mask::count(&unmatched, at, unmatched.len()),
                    words: words_at(cues, at),
                    queued: queue.within(request, at).is_some(),
                });
            }
            Some((_, after)) => from = after.max(found + 1),
        }
    }
}

/// Voice that no recording plays.
pub(crate) fn unmatched(evidence: &Evidence) -> Vec<bool> {
    let mut unmatched: Vec<bool> =
        evidence.voice.iter().zip(&evidence.known).map(|(v, k)| *v && !*k).collect();
    mask::drop_short(&mut unmatched, 5);
    unmatched
}

fn next_voice(unmatched: &[bool], from: usize) -> Option<usize> {
    (from..unmatched.len())
        .find(|&n| unmatched[n] && mask::count(unmatched, n, n + FIRST_WORDS) >= SHORTEST_VOICE)
}

/// Signs of a queue, as runs of frames.
struct QueueSigns(Vec<(usize, usize, QueueSign)>);

impl QueueSigns {
    fn of(evidence: &Evidence) -> Self {
        let long = |mask: &[bool], least: usize, sign: QueueSign| {
            let runs = mask::runs(mask).into_iter().filter(move |(from, to)| to - from >= least);
            runs.map(move |(from, to)| (from, to, sign.clone())).collect::<Vec<_>>()
        };
        let mut signs = long(&evidence.music, MUSIC_SIGN, QueueSign::Music);
        // Babble behind agents may be alike from call to call; a recording is a voice or music in the foreground.
        let mut played: Vec<bool> = (0..evidence.known.len())
            .map(|n| evidence.known[n] && (evidence.voice[n] || evidence.music[n]))
            .collect();
        mask::close_holes(&mut played, PLAYED_HOLE);
        signs.extend(long(&played, KNOWN_SIGN, QueueSign::Known));
        signs.extend(
            evidence
                .tones
                .iter()
                .filter(|t| t.meaning != ToneMeaning::Information)
                .map(|t| (t.from as usize, t.to as usize, QueueSign::Tone)),
        );
        signs.sort_by_key(|(from, ..)| *from);
        Self(signs)
    }

    /// The first sign that begins within `[from, to)`, and its end.
    fn within(&self, from: usize, to: usize) -> Option<(usize, usize, QueueSign)> {
        self.0.iter().find(|(begin, end, _)| *end > from && *begin < to).cloned()
    }
}

/// Why the candidate at `at` does not stand, and where to look on.
fn refusal(
    unmatched: &[bool],
    queue: &QueueSigns,
    cues: &[Cue],
    at: usize,
) -> Option<(QueueSign, usize)> {
    match words_at(cues, at) {
        Some(WordCue::Queue(word) | WordCue::Closed(word)) => {
            let after = cues.iter().find(|c| c.to > at).map_or(at + 1, |c| c.to);
            return Some((QueueSign::Words(word), after));
        }
        // Words of a greeting stand against anything but a sign that follows at once.
        Some(WordCue::Greeting(_) | WordCue::Bot(_)) | None => {}
    }
    let mut heard = 0;
    let mut last = at;
    for n in at..unmatched.len() {
        if unmatched[n] {
            heard += 1;
            last = n;
        }
        if heard >= DIALOGUE || n - last > LOOK_AHEAD {
            return None;
        }
        // The edge of a sign is sure to a few frames only: one that ends as the voice begins is none after it.
        if let Some((_, end, sign)) = queue.within(n.max(at + EDGE), n.max(at + EDGE) + 1) {
            return Some((sign, end));
        }
    }
    None
}

fn words_at(cues: &[Cue], at: usize) -> Option<WordCue> {
    // The recognizer's utterances begin within half a second of the voice.
    cues.iter().find(|c| c.to > at + 10 && c.from < at + 50).map(|c| c.word)
}

/// Where the energy of the voice found at `at` rises, not before `earliest`.
fn rise(evidence: &Evidence, unmatched: &[bool], at: usize, earliest: usize) -> usize {
    let levels = &evidence.levels;
    let words: Vec<f32> = (at..levels.len().min(at + 2 * FIRST_WORDS))
        .filter(|&n| unmatched[n])
        .map(|n| levels[n])
        .collect();
    let mut sorted = words;
    sorted.sort_by(f32::total_cmp);
    let Some(loud) = sorted.get(sorted.len() * 9 / 10) else { return at };
    let threshold = loud - RISE_DB;
    let above = |n: usize| levels[n] > threshold && levels[n] > super::level::AUDIBLE_DBOV - 6.0;
    let mut start = (at..levels.len()).find(|&n| above(n)).unwrap_or(at);
    let bound = start.saturating_sub(RISE_FRAMES).max(earliest);
    while start > bound && above(start - 1) && !evidence.known[start - 1] {
        start -= 1;
    }
    start
}
