//! The grammar of a call: what a sound means depends on where in the call it stands. Enters: what every frame holds,
//! the answer, the request and the onset. Leaves: segments in order, without gaps.

use super::evidence::Evidence;
use super::lexicon::WordCue;
use super::mask;
use super::onset::Cue;
use super::tone::ToneMeaning;
use crate::domain::segment::SegmentKind;

/// Runs shorter than this many frames belong to what surrounds them: 0.2 s.
const SHORTEST: usize = 10;
/// A pause of up to this many frames inside one kind of voice belongs to it: 0.3 s.
const PAUSE: usize = 15;

/// Where the call stands, in frames of the recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landmarks {
    pub(crate) answered: Option<usize>,
    pub(crate) request: Option<usize>,
    pub(crate) onset: Option<usize>,
}

/// A stretch of frames of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: SegmentKind,
    pub(crate) prompt: Option<u64>,
    pub(crate) because: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Early,
    Menu,
    Waiting,
    Conversation,
}

impl Landmarks {
    fn phase(&self, frame: usize) -> Phase {
        if self.onset.is_some_and(|o| frame >= o) {
            Phase::Conversation
        } else if self.request.is_some_and(|r| frame >= r) {
            Phase::Waiting
        } else if self.answered.is_some_and(|a| frame >= a) {
            Phase::Menu
        } else {
            Phase::Early
        }
    }
}

/// Cuts a call into stretches.
pub(crate) fn stretches(evidence: &Evidence, marks: Landmarks, cues: &[Cue]) -> Vec<Stretch> {
    let frames = evidence.levels.len();
    let mut kinds: Vec<(SegmentKind, &'static str)> =
        (0..frames).map(|n| kind_of(evidence, marks, n)).collect();
    paint_tones(evidence, &mut kinds);
    paint_closed(evidence, marks, cues, &mut kinds);
    smooth(&mut kinds);
    let mut found: Vec<Stretch> = Vec::new();
    for (n, (kind, because)) in kinds.into_iter().enumerate() {
        let prompt = evidence.prompts[n];
        match found.last_mut() {
            Some(last) if last.kind == kind && last.to == n => {
                last.to = n + 1;
                last.prompt = last.prompt.or(prompt);
            }
            _ => found.push(Stretch { from: n, to: n + 1, kind, prompt, because }),
        }
    }
    found
}

fn kind_of(evidence: &Evidence, marks: Landmarks, n: usize) -> (SegmentKind, &'static str) {
    use SegmentKind as K;
    let phase = marks.phase(n);
    if evidence.echo[n] {
        return (K::UnknownSound, "our own voice comes back");
    }
    if evidence.voice[n] {
        return match phase {
            Phase::Early => (K::Ivr, "a voice before the answer"),
            Phase::Menu => (K::Ivr, "a voice before an agent was requested"),
            Phase::Waiting if evidence.known_elsewhere[n] => {
                (K::QueueAnnouncement, "a voice that other calls of the center play too")
            }
            Phase::Waiting if evidence.known[n] => {
                (K::QueueAnnouncement, "a voice that repeats within this call")
            }
            Phase::Waiting if marks.onset.is_some_and(|o| n < o) => {
                (K::QueueAnnouncement, "a voice that a sign of a queue follows")
            }
            Phase::Waiting => (K::UnknownVoice, "a voice that no other call plays"),
            Phase::Conversation => (K::Agent, "a voice after the onset"),
        };
    }
    if evidence.music[n] || (evidence.known[n] && evidence.loud[n]) {
        return match phase {
            Phase::Early => (K::Coloring, "music before the answer"),
            Phase::Menu => (K::Ivr, "music before an agent was requested"),
            Phase::Waiting => (K::QueueMusic, "music after the request"),
            Phase::Conversation => (K::QueueMusic, "music during the conversation: on hold"),
        };
    }
    if evidence.loud[n] {
        return (K::UnknownSound, "sound that is neither voice nor music");
    }
    (K::Silence, "nothing above the floor")
}

fn paint_tones(evidence: &Evidence, kinds: &mut [(SegmentKind, &'static str)]) {
    for tone in &evidence.tones {
        let kind = match tone.meaning {
            ToneMeaning::Ringback => (SegmentKind::Ringback, "ringback by frequency and cadence"),
            ToneMeaning::Busy => (SegmentKind::Busy, "busy tone by frequency and cadence"),
            ToneMeaning::Congestion => {
                (SegmentKind::Congestion, "congestion tone by frequency and cadence")
            }
            ToneMeaning::Information => {
                (SegmentKind::InformationTone, "special information tones in order")
            }
            ToneMeaning::Unobtainable => {
                (SegmentKind::Intercept, "number-unobtainable tone by frequency and cadence")
            }
            ToneMeaning::Intercept => {
                (SegmentKind::Intercept, "intercept tone by frequency and cadence")
            }
            ToneMeaning::Dial => (SegmentKind::UnknownSound, "dial tone: an exchange took over"),
            ToneMeaning::CallWaiting => {
                (SegmentKind::UnknownSound, "call-waiting tone by frequency and cadence")
            }
            ToneMeaning::Intervening => {
                (SegmentKind::UnknownSound, "operator-intervening tones in order")
            }
        };
        let held = kinds.iter_mut().zip(&evidence.voice);
        let length = (tone.to - tone.from) as usize;
        for (held, voice) in held.skip(tone.from as usize).take(length) {
            if !voice {
                *held = kind;
            }
        }
    }
}

fn paint_closed(
    evidence: &Evidence,
    marks: Landmarks,
    cues: &[Cue],
    kinds: &mut [(SegmentKind, &'static str)],
) {
    for cue in cues {
        let WordCue::Closed(_) = cue.word else { continue };
        let held = kinds.iter_mut().enumerate().zip(&evidence.voice);
        for ((n, held), voice) in held.skip(cue.from).take(cue.to.saturating_sub(cue.from)) {
            if *voice && marks.phase(n) != Phase::Conversation {
                *held = (SegmentKind::ClosedMessage, "words that nobody is there");
            }
        }
    }
}

/// Fills pauses inside one kind of sound and drops what is too short to mean anything.
fn smooth(kinds: &mut [(SegmentKind, &'static str)]) {
    let present: Vec<SegmentKind> = {
        let mut all: Vec<SegmentKind> = kinds.iter().map(|k| k.0).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    for kind in present.into_iter().filter(|k| *k != SegmentKind::Silence) {
        let mut mask: Vec<bool> = kinds.iter().map(|k| k.0 == kind).collect();
        mask::close_holes(&mut mask, PAUSE);
        for (from, to) in mask::runs(&mask) {
            // Only silence and nameless sound are filled, never another kind.
            let name = kinds[from];
            for held in &mut kinds[from..to] {
                if matches!(held.0, SegmentKind::Silence | SegmentKind::UnknownSound) {
                    *held = name;
                }
            }
        }
    }
    let mut from = 0;
    while from < kinds.len() {
        let kind = kinds[from].0;
        let to = (from..kinds.len()).find(|&n| kinds[n].0 != kind).unwrap_or(kinds.len());
        if to - from < SHORTEST && from > 0 {
            let before = kinds[from - 1];
            kinds[from..to].fill(before);
        }
        from = to;
    }
}
