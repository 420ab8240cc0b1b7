//! The truth log: what a simulated center did in a call, and when, on the monotonic clock of the host.
//!
//! Enters: notes of the center's machine with their instants. Leaves: one [`CallTruth`] per call, a line of JSON.
//! Nobody but a bench reads it: it is what a prober on the same host has to find out by listening.

use super::behaviour::Duty;
use super::expectation::{Expected, expected};
use crate::domain::ctq::CtqItem;
use crate::domain::digit::Digit;
use crate::domain::segment::SegmentKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Version of the form of a [`CallTruth`]; a reader refuses a newer one.
pub const TRUTH_VERSION: u32 = 1;

/// An instant on the monotonic clock of the host (`CLOCK_MONOTONIC`), in nanoseconds. Comparable between
/// processes of one host until it restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostTime(pub u64);

impl HostTime {
    /// The span from `earlier` to here, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A stretch of a call, `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpan {
    /// First instant inside.
    pub start: HostTime,
    /// First instant after.
    pub end: HostTime,
}

/// A digit as the center received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigitTruth {
    /// The key.
    pub digit: Digit,
    /// From its start to its end: event timestamp plus duration.
    pub span: HostSpan,
}

/// A stretch of what the center sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentTruth {
    /// What it was.
    pub kind: SegmentKind,
    /// Where.
    pub span: HostSpan,
    /// The recorded line, for announcements.
    pub prompt: Option<String>,
}

/// What a line of an agent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The greeting.
    Greeting,
    /// What was said in place of a forgotten greeting.
    InsteadOfGreeting,
    /// An answer.
    Reply,
    /// The question whether there is anything else.
    FurtherHelp,
    /// The closing.
    Closing,
    /// Words to a caller who says nothing.
    Nudge,
}

/// A line an agent spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTruth {
    /// What it was for.
    pub part: Part,
    /// Name of the recorded line it was varied from.
    pub clip: String,
    /// Its words.
    pub text: String,
    /// From its first to its last speech.
    pub span: HostSpan,
    /// Whether the call ended inside it.
    pub cut: bool,
}

/// How a call ended, as the center knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum EndedBy {
    /// The caller hung up, or gave up before the answer.
    Caller,
    /// The center hung up.
    Center,
    /// The center never answered and refused with this status.
    Refused {
        /// The SIP status.
        status: u16,
    },
    /// The media or the signalling of the simulator failed, or it was stopped.
    Failed,
}

/// The truth about one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallTruth {
    /// Version of this form.
    pub version: u32,
    /// SIP Call-ID, by which a prober's attempt is found.
    pub sip_call_id: String,
    /// The center's id.
    pub center: String,
    /// Ordinal of the call at its center, from 0.
    pub arrival: u64,
    /// Place of its behaviour in the script, from 0.
    pub behaviour: usize,
    /// Name of its behaviour.
    pub name: String,
    /// Seeds everything that was varied in it.
    pub seed: u64,
    /// When the INVITE was received.
    pub invited: HostTime,
    /// When it was answered.
    pub answered: Option<HostTime>,
    /// The digits received.
    pub digits: Vec<DigitTruth>,
    /// When an agent was requested: end of the digit that entered the queue, or the answer where there is no menu.
    pub requested: Option<HostTime>,
    /// When the agent's room opened on the line.
    pub bridged: Option<HostTime>,
    /// First speech of the agent.
    pub agent_onset: Option<HostTime>,
    /// The agent's name.
    pub agent: Option<String>,
    /// What was sent, in order; pauses are left out. The agent's stretch runs to the end of the call.
    pub segments: Vec<SegmentTruth>,
    /// What the agent said, in order.
    pub lines: Vec<LineTruth>,
    /// Where the caller spoke, as an energy gate heard it.
    pub caller: Vec<HostSpan>,
    /// What fell to the agent to do before the call ended, done or not.
    pub due: Vec<Duty>,
    /// When it ended.
    pub ended: HostTime,
    /// How.
    pub ended_by: EndedBy,
    /// What a judge should say of a unit that is this call alone; see [`expected`](super::expected) for several.
    pub expected: BTreeMap<CtqItem, Expected>,
}

/// Something the machine knows of its call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note {
    Answered,
    Digit {
        digit: Digit,
        start: Instant,
    },
    Requested,
    Bridged {
        agent: String,
    },
    AgentOnset,
    /// `sound` tells stretches apart: a late end must not close its successor.
    SegmentStarted {
        sound: u64,
        kind: SegmentKind,
        prompt: Option<String>,
    },
    SegmentEnded {
        sound: u64,
    },
    LineStarted {
        part: Part,
        clip: String,
        text: String,
    },
    LineEnded,
    CallerStarted,
    CallerEnded,
    Due(Duty),
    Ended(EndedBy),
}

/// Who and what a call is, known from its first moment.
#[derive(Debug, Clone)]
pub(crate) struct CallHead {
    pub(crate) sip_call_id: String,
    pub(crate) center: String,
    pub(crate) arrival: u64,
    pub(crate) behaviour: usize,
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) invited: Instant,
}

/// Collects the notes of one call.
#[derive(Debug)]
pub(crate) struct Ledger {
    head: CallHead,
    notes: Vec<(Instant, Note)>,
}

impl Ledger {
    pub(crate) fn new(head: CallHead) -> Self {
        Self { head, notes: Vec::new() }
    }

    pub(crate) fn note(&mut self, at: Instant, note: Note) {
        self.notes.push((at, note));
    }

    /// The truth, once the call is over; `now` stands in for an end that nobody noted.
    pub(crate) fn finish(self, now: Instant, host: impl Fn(Instant) -> HostTime) -> CallTruth {
        let head = self.head;
        let mut draft = Draft::new(CallTruth {
            version: TRUTH_VERSION,
            sip_call_id: head.sip_call_id,
            center: head.center,
            arrival: head.arrival,
            behaviour: head.behaviour,
            name: head.name,
            seed: head.seed,
            invited: host(head.invited),
            answered: None,
            digits: Vec::new(),
            requested: None,
            bridged: None,
            agent_onset: None,
            agent: None,
            segments: Vec::new(),
            lines: Vec::new(),
            caller: Vec::new(),
            due: Vec::new(),
            ended: host(now),
            ended_by: EndedBy::Failed,
            expected: BTreeMap::new(),
        });
        for (at, note) in self.notes {
            draft.take(host(at), note, &host);
        }
        let mut truth = draft.close();
        truth.expected = expected(std::slice::from_ref(&truth));
        truth
    }
}

/// A stretch that has not ended; the agent's has no sound of its own.
struct OpenSegment {
    sound: Option<u64>,
    start: HostTime,
    kind: SegmentKind,
    prompt: Option<String>,
}

/// A truth with what is still open in it.
struct Draft {
    truth: CallTruth,
    segment: Option<OpenSegment>,
    line: Option<(HostTime, Part, String, String)>,
    caller: Option<HostTime>,
}

impl Draft {
    fn new(truth: CallTruth) -> Self {
        Self { truth, segment: None, line: None, caller: None }
    }

    fn take(&mut self, at: HostTime, note: Note, host: &impl Fn(Instant) -> HostTime) {
        let truth = &mut self.truth;
        match note {
            Note::Answered => truth.answered = Some(at),
            Note::Digit { digit, start } => {
                let span = HostSpan { start: host(start), end: at };
                truth.digits.push(DigitTruth { digit, span });
            }
            Note::Requested => truth.requested = truth.requested.or(Some(at)),
            Note::Bridged { agent } => {
                truth.bridged = Some(at);
                truth.agent = Some(agent);
            }
            Note::AgentOnset => {
                truth.agent_onset = Some(at);
                self.end_segment(at);
                let kind = SegmentKind::Agent;
                self.segment = Some(OpenSegment { sound: None, start: at, kind, prompt: None });
            }
            Note::SegmentStarted { sound, kind, prompt } => {
                self.end_segment(at);
                self.segment = Some(OpenSegment { sound: Some(sound), start: at, kind, prompt });
            }
            Note::SegmentEnded { sound } => {
                if self.segment.as_ref().is_some_and(|open| open.sound == Some(sound)) {
                    self.end_segment(at);
                }
            }
            Note::LineStarted { part, clip, text } => {
                self.end_line(at, false);
                self.line = Some((at, part, clip, text));
            }
            Note::LineEnded => self.end_line(at, false),
            Note::CallerStarted => self.caller = Some(at),
            Note::CallerEnded => self.end_caller(at),
            Note::Due(duty) => {
                if !truth.due.contains(&duty) {
                    truth.due.push(duty);
                }
            }
            Note::Ended(by) => {
                truth.ended = at;
                truth.ended_by = by;
            }
        }
    }

    fn end_segment(&mut self, at: HostTime) {
        if let Some(OpenSegment { start, kind, prompt, .. }) = self.segment.take() {
            let span = HostSpan { start, end: at.max(start) };
            self.truth.segments.push(SegmentTruth { kind, span, prompt });
        }
    }

    fn end_line(&mut self, at: HostTime, cut: bool) {
        if let Some((start, part, clip, text)) = self.line.take() {
            let span = HostSpan { start, end: at.max(start) };
            self.truth.lines.push(LineTruth { part, clip, text, span, cut });
        }
    }

    fn end_caller(&mut self, at: HostTime) {
        if let Some(start) = self.caller.take() {
            self.truth.caller.push(HostSpan { start, end: at.max(start) });
        }
    }

    fn close(mut self) -> CallTruth {
        let ended = self.truth.ended;
        self.end_segment(ended);
        self.end_line(ended, true);
        self.end_caller(ended);
        self.truth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(invited: Instant) -> CallHead {
        CallHead {
            sip_call_id: "a@b".into(),
            center: "test".into(),
            arrival: 0,
            behaviour: 0,
            name: "clean".into(),
            seed: 7,
            invited,
        }
    }

    #[test]
    fn what_is_open_when_the_call_ends_ends_with_it() {
        let t0 = crate::clock::now();
        let host = |at: Instant| HostTime((at - t0).as_nanos() as u64);
        let ms = |n| t0 + Duration::from_millis(n);
        let mut ledger = Ledger::new(head(t0));
        ledger.note(ms(10), Note::Answered);
        ledger.note(ms(20), Note::AgentOnset);
        let (part, clip, text) = (Part::Closing, "close".to_owned(), "감사합니다.".to_owned());
        ledger.note(ms(30), Note::LineStarted { part, clip, text });
        ledger.note(ms(40), Note::CallerStarted);
        ledger.note(ms(50), Note::Ended(EndedBy::Caller));
        let truth = ledger.finish(ms(900), host);
        assert_eq!(truth.ended, HostTime(50_000_000));
        assert!(truth.lines[0].cut);
        assert_eq!(truth.lines[0].span.end, truth.ended);
        assert_eq!(truth.caller[0].end, truth.ended);
        assert_eq!(truth.segments[0].kind, SegmentKind::Agent);
        let line = serde_json::to_string(&truth).unwrap();
        assert_eq!(serde_json::from_str::<CallTruth>(&line).unwrap(), truth);
    }
}
