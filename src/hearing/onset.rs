//! When a person began to speak. Enters: what every frame of the call holds, and the request. Leaves: the candidate that
//! stands, with what speaks for and against it.
//!
//! First speech after the request is mostly an announcement; the onset is the first voice that no other call plays and
//! that no sign of a queue follows.

use super::evidence::Evidence;
use super::level::AUDIBLE_DBOV;
use super::lexicon::{WordCue, cue};
use super::mask;
use super::tone::ToneMeaning;
use crate::domain::audio::Dbov;
use crate::domain::time::CallTime;
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
const RISE_DB: f32 = 12.0;
/// A soft beginning is followed back at most this far, in frames: 0.5 s.
const RISE_FRAMES: usize = 25;
/// A soft beginning stands this far above what was heard before it, in dB.
const ABOVE_BEFORE_DB: f32 = 6.0;
/// A pause in a conversation, in frames: 0.6 s.
const PAUSE: usize = 30;

/// Why a candidate does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            runs.map(move |(from, to)| (from, to, sign)).collect::<Vec<_>>()
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
        self.0.iter().find(|(begin, end, _)| *end > from && *begin < to).copied()
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
        Some(
            WordCue::Queue(word)
            | WordCue::Closed(word)
            | WordCue::Voicemail(word)
            | WordCue::CallbackOffer(word)
            | WordCue::Intercept(word)
            | WordCue::RecordingNotice(word)
            | WordCue::LegalNotice(word),
        ) => {
            let after = cues.iter().find(|c| c.to > at).map_or(at + 1, |c| c.to);
            return Some((QueueSign::Words(word), after));
        }
        // Words of a greeting stand against anything but a sign that follows at once.
        Some(WordCue::Greeting(_) | WordCue::Bot(_)) | None => {}
    }
    let mut heard = 0;
    let mut paused = false;
    let mut last = at;
    for (n, &voice) in unmatched.iter().enumerate().skip(at) {
        if voice {
            paused |= n - last > PAUSE;
            heard += 1;
            last = n;
        }
        // A monologue that a sign of a queue follows is an announcement however long it is; a conversation pauses.
        let late = n - at > LOOK_AHEAD && (paused || n - last > PAUSE);
        if heard >= DIALOGUE || late {
            return None;
        }
        // The edge of a sign is sure to a few frames only: one that ends as the voice begins is none after it.
        let looked = n.max(at + EDGE);
        if let Some((_, end, sign)) = queue.within(looked, looked + 1) {
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
///
/// The voice model fires on babble behind an agent too: the voice begins where it comes near its own loudness, and from
/// there back over a soft beginning for as long as it stands out of what was there before.
fn rise(evidence: &Evidence, unmatched: &[bool], at: usize, earliest: usize) -> usize {
    let levels = &evidence.levels;
    let until = levels.len().min(at + 2 * FIRST_WORDS);
    let words: Vec<f32> = (at..until).filter(|&n| unmatched[n]).map(|n| levels[n]).collect();
    let near = percentile(words, 0.9) - RISE_DB;
    let holds = |n: usize| levels[n..levels.len().min(n + 5)].iter().filter(|l| **l > near).count();
    let mut start = (at..until).find(|&n| levels[n] > near && holds(n) >= 3).unwrap_or(at);
    let bound = start.saturating_sub(RISE_FRAMES).max(earliest);
    let first = earliest.min(start);
    let before = &levels[start.saturating_sub(60).max(first)..start.saturating_sub(8).max(first)];
    let floor = percentile(before.to_vec(), 0.3) + ABOVE_BEFORE_DB;
    let soft = |n: usize| {
        levels[n] > floor && levels[n] > AUDIBLE_DBOV && !evidence.known[n] && !evidence.music[n]
    };
    while start > bound && soft(start - 1) {
        start -= 1;
    }
    start
}

/// The value that `share` of the others lie below; very low for none.
fn percentile(mut values: Vec<f32>, share: f32) -> f32 {
    let rank = (values.len() as f32 * share) as usize;
    if rank >= values.len() {
        return Dbov::SILENCE.0;
    }
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}
