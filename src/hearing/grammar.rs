//! The grammar of a call: what a sound means depends on where in the call it stands. Enters: what every frame sounds
//! like, the answer, the request and the reading of what followed. Leaves: segments in order, without gaps.

use super::evidence::Evidence;
use super::lexicon::WordCue;
use super::mask;
use super::network::{CLASSES, FrameClass, Posterior};
use super::onset::{Cue, Heard};
use super::reading::Holder;
use super::tone::ToneMeaning;
use super::unit::UnitKind;
use crate::domain::segment::{PassageKind, SegmentKind};

/// Runs shorter than this many frames belong to what surrounds them: 0.2 s.
const SHORTEST: usize = 10;
/// A pause of up to this many frames inside one kind of voice belongs to it: 0.3 s.
const PAUSE: usize = 15;
/// Neighbouring frames are no independent witnesses: each counts for a quarter.
const WITNESS: f32 = 0.25;
/// Weight of a change from one class to another, as a natural logarithm.
const CHANGE: f32 = -4.0;

/// Where the call stands, in frames of the recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landmarks<'a> {
    pub(crate) answered: Option<usize>,
    pub(crate) request: Option<usize>,
    /// What the call from the request on is read as; `None` without a request.
    pub(crate) heard: Option<&'a Heard>,
}

/// A stretch of frames of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: SegmentKind,
    pub(crate) probability: f32,
    pub(crate) prompt: Option<u64>,
    pub(crate) because: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Early,
    Menu,
    Waiting,
    Conversation,
    Hold,
}

impl Landmarks<'_> {
    fn onset(&self) -> Option<usize> {
        self.heard.and_then(|heard| heard.candidate.as_ref()).map(|candidate| candidate.at)
    }

    fn phase(&self, frame: usize) -> Phase {
        if self.onset().is_some_and(|o| frame >= o) {
            match self.unit(frame).map(|(_, holder, _)| holder) {
                Some(Holder::Hold) => Phase::Hold,
                _ => Phase::Conversation,
            }
        } else if self.request.is_some_and(|r| frame >= r) {
            Phase::Waiting
        } else if self.answered.is_some_and(|a| frame >= a) {
            Phase::Menu
        } else {
            Phase::Early
        }
    }

    /// Kind and holder of the unit that a frame lies in, and how probable it is that a person had been reached by then.
    fn unit(&self, frame: usize) -> Option<(UnitKind, Holder, f32)> {
        let heard = self.heard?;
        let n = heard.units.partition_point(|u| u.to <= frame);
        let unit = heard.units.get(n).filter(|u| u.from <= frame)?;
        Some((unit.kind, *heard.reading.holders.get(n)?, *heard.reading.reached.get(n)?))
    }

    fn is_bot(&self) -> bool {
        let words = self.heard.and_then(|h| h.candidate.as_ref()).and_then(|c| c.words);
        matches!(words, Some(WordCue::Bot(_)))
    }
}

/// Cuts a call into stretches.
pub(crate) fn stretches(evidence: &Evidence, marks: &Landmarks<'_>, cues: &[Cue]) -> Vec<Stretch> {
    let sounds = classes(&evidence.classes);
    let mut kinds: Vec<(SegmentKind, &'static str)> =
        sounds.iter().enumerate().map(|(n, sound)| kind_of(evidence, marks, n, *sound)).collect();
    paint_tones(evidence, marks, &mut kinds);
    for &(from, to) in &evidence.beeps {
        for held in kinds.iter_mut().take(to).skip(from) {
            *held = (SegmentKind::Beep, "a single tone");
        }
    }
    paint_words(evidence, marks, cues, &mut kinds);
    smooth(&mut kinds);
    let mut found: Vec<Stretch> = Vec::new();
    for (n, (kind, because)) in kinds.into_iter().enumerate() {
        let prompt = evidence.prompts[n];
        let probability = probability(evidence, marks, n, sounds[n], kind);
        match found.last_mut() {
            Some(last) if last.kind == kind && last.to == n => {
                last.to = n + 1;
                last.prompt = last.prompt.or(prompt);
                last.probability += probability;
            }
            _ => found.push(Stretch { from: n, to: n + 1, kind, probability, prompt, because }),
        }
    }
    for stretch in &mut found {
        stretch.probability /= (stretch.to - stretch.from) as f32;
    }
    found
}

/// The most probable class of every frame, where changes are rare.
fn classes(posteriors: &[Posterior]) -> Vec<FrameClass> {
    let mut weights = [0.0_f32; CLASSES];
    let mut came_from: Vec<[usize; CLASSES]> = Vec::with_capacity(posteriors.len());
    for posterior in posteriors {
        let best = (0..CLASSES).max_by(|a, b| weights[*a].total_cmp(&weights[*b])).unwrap_or(0);
        let change = weights[best] + CHANGE;
        let from = std::array::from_fn(|n| if weights[n] >= change { n } else { best });
        weights =
            std::array::from_fn(|n| weights[n].max(change) + WITNESS * (posterior[n] + 1e-4).ln());
        came_from.push(from);
    }
    let mut at = (0..CLASSES).max_by(|a, b| weights[*a].total_cmp(&weights[*b])).unwrap_or(0);
    let mut found: Vec<FrameClass> = came_from
        .iter()
        .rev()
        .map(|from| {
            let class = FrameClass::ALL[at];
            at = from[at];
            class
        })
        .collect();
    found.reverse();
    found
}

fn kind_of(
    evidence: &Evidence,
    marks: &Landmarks<'_>,
    n: usize,
    sound: FrameClass,
) -> (SegmentKind, &'static str) {
    use SegmentKind as K;
    if evidence.echo[n] {
        return (K::UnknownSound, "our own voice comes back");
    }
    let phase = marks.phase(n);
    match sound {
        FrameClass::Voice => voice_of(evidence, marks, n, phase),
        FrameClass::Music => match phase {
            Phase::Early => (K::Coloring, "music before the answer"),
            Phase::Menu => (K::Ivr, "music before an agent was requested"),
            Phase::Waiting => (K::QueueMusic, "music after the request"),
            Phase::Hold => (K::Hold, "music after an agent spoke"),
            Phase::Conversation => (K::Agent, "sound while an agent is on the line"),
        },
        FrameClass::Ring | FrameClass::Tone if evidence.loud[n] => {
            (K::UnknownSound, "a tone without the cadence of a known one")
        }
        _ => (K::Silence, "nothing above the floor"),
    }
}

fn voice_of(
    evidence: &Evidence,
    marks: &Landmarks<'_>,
    n: usize,
    phase: Phase,
) -> (SegmentKind, &'static str) {
    use SegmentKind as K;
    match phase {
        Phase::Early => (K::Ivr, "a voice before the answer"),
        Phase::Menu => (K::Ivr, "a voice before an agent was requested"),
        Phase::Waiting if evidence.known_elsewhere[n] => {
            (K::QueueAnnouncement, "a voice that other calls of the center play too")
        }
        Phase::Waiting if evidence.known[n] => {
            (K::QueueAnnouncement, "a voice that repeats within this call")
        }
        Phase::Waiting if marks.onset().is_some() => {
            (K::QueueAnnouncement, "a voice that waiting goes on after")
        }
        Phase::Waiting => (K::UnknownVoice, "a voice that no other call plays"),
        Phase::Hold => (K::Hold, "a recording after an agent spoke"),
        Phase::Conversation if marks.is_bot() => (K::Voicebot, "words of a machine that talks"),
        Phase::Conversation => (K::Agent, "a voice after the onset"),
    }
}

/// How probable it is that a frame is what it was taken for.
fn probability(
    evidence: &Evidence,
    marks: &Landmarks<'_>,
    n: usize,
    sound: FrameClass,
    kind: SegmentKind,
) -> f32 {
    let heard = evidence.classes[n][sound as usize];
    let reached = marks.unit(n).map_or(0.0, |(_, _, reached)| reached);
    match kind {
        SegmentKind::Agent | SegmentKind::Voicebot => reached,
        SegmentKind::Ringback
        | SegmentKind::TransferRing
        | SegmentKind::Busy
        | SegmentKind::Congestion
        | SegmentKind::Beep
        | SegmentKind::InformationTone => 1.0,
        SegmentKind::QueueAnnouncement | SegmentKind::UnknownVoice if !evidence.known[n] => {
            heard * (1.0 - reached)
        }
        _ if evidence.known[n] => 1.0,
        _ => heard,
    }
}

/// Holds and transfers after the onset: kind, first and last frame.
pub(crate) fn passages(evidence: &Evidence, heard: &Heard) -> Vec<(PassageKind, usize, usize)> {
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    let mut spoken = heard.candidate.as_ref().map_or(0, |c| c.at);
    for (unit, holder) in heard.units.iter().zip(&heard.reading.holders) {
        let talks = *holder == Holder::Person && unit.kind == UnitKind::Voice;
        if *holder == Holder::Hold {
            begun.get_or_insert(spoken);
        } else if let Some(from) = begun.filter(|_| talks) {
            found.push((passage_kind(evidence, from, unit.from), from, unit.from));
            begun = None;
        }
        if talks {
            spoken = unit.to;
        }
    }
    if let Some(from) = begun {
        let end = evidence.levels.len();
        found.push((passage_kind(evidence, from, end), from, end));
    }
    found
}

fn passage_kind(evidence: &Evidence, from: usize, to: usize) -> PassageKind {
    let rings = evidence.tones.iter().any(|tone| {
        tone.meaning == ToneMeaning::Ringback
            && (tone.from as usize) < to
            && (tone.to as usize) > from
    });
    if rings { PassageKind::Transfer } else { PassageKind::Hold }
}

fn paint_tones(
    evidence: &Evidence,
    marks: &Landmarks<'_>,
    kinds: &mut [(SegmentKind, &'static str)],
) {
    for tone in &evidence.tones {
        let kind = match tone.meaning {
            ToneMeaning::Ringback if marks.answered.is_some_and(|at| tone.from as usize >= at) => {
                (SegmentKind::TransferRing, "ringback inside an answered call")
            }
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

fn paint_words(
    evidence: &Evidence,
    marks: &Landmarks<'_>,
    cues: &[Cue],
    kinds: &mut [(SegmentKind, &'static str)],
) {
    for cue in cues {
        let kind = match cue.word {
            WordCue::Closed(_) => (SegmentKind::ClosedMessage, "words that nobody is there"),
            WordCue::Voicemail(_) => (SegmentKind::Voicemail, "words of a mailbox"),
            WordCue::CallbackOffer(_) => {
                (SegmentKind::CallbackOffer, "words that offer a call back")
            }
            WordCue::Intercept(_) => {
                (SegmentKind::Intercept, "words that the number cannot be reached")
            }
            WordCue::Greeting(_)
            | WordCue::Queue(_)
            | WordCue::Bot(_)
            | WordCue::RecordingNotice(_)
            | WordCue::LegalNotice(_) => continue,
        };
        let held = kinds.iter_mut().enumerate().zip(&evidence.voice);
        for ((n, held), voice) in held.skip(cue.from).take(cue.to.saturating_sub(cue.from)) {
            if *voice && !matches!(marks.phase(n), Phase::Conversation | Phase::Hold) {
                *held = kind;
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
