//! The record of a call: what a judgment is derived from, written once and never edited.

use super::ids::{AttemptNumber, CallId, CampaignId, CenterId, ContentHash, ScenarioId, UnitId};
use super::plan::ProbeCall;
use super::quality::LineQuality;
use super::time::{CallTime, WallTime};
use super::timeline::{LocalTimeout, Q850Cause, SipStatus, Timeline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the stored form of a record; readers refuse a newer one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RecordVersion(pub u32);

impl RecordVersion {
    /// What this program writes.
    pub const CURRENT: Self = Self(1);
}

/// How an attempt ended as signalling and the causal tier saw it: facts of the line, not yet a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "ending")]
pub enum CallEnding {
    /// Refused with a final status before any answer.
    Refused {
        /// The status.
        status: SipStatus,
        /// The cause of ITU-T Q.850, if given.
        q850: Option<Q850Cause>,
        /// Whether a 180, 181, 182 or 183 came before.
        rang: bool,
    },
    /// One of our timers ended it before an answer.
    TimedOut {
        /// Which.
        timer: LocalTimeout,
        /// Whether a 180, 181, 182 or 183 came before.
        rang: bool,
    },
    /// A busy or congestion tone in early media or after the answer, then we ended it.
    BusyTone {
        /// Whether it was the faster congestion cadence.
        congestion: bool,
    },
    /// A number-unobtainable or intercept tone in early media or after the answer, then we ended it.
    InterceptTone,
    /// Answered, and the scenario was carried through; we said goodbye and hung up.
    Completed,
    /// Answered, and the far end hung up.
    FarEndHungUp {
        /// Whether a person was suspected on the line before.
        agent_suspected: bool,
        /// Whether an agent had been requested.
        requested: bool,
    },
    /// Answered, an agent was requested, and the longest wait passed.
    QueueTimeout,
    /// Answered, but the scenario found no way on.
    Lost {
        /// Which step failed and why.
        why: String,
    },
    /// Our side failed or was stopped.
    Aborted {
        /// Why, in plain words.
        why: String,
    },
}

/// The class of an attempt in the ledger: decides whether it counts and against whom.
/// Source: KSQI 2017 press release (수신여건).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "class")]
pub enum AttemptOutcome {
    /// A fault of our host, configuration or first hop; never counted.
    Void {
        /// What failed.
        why: String,
    },
    /// The center's line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// The network or the center said it was congested.
    Congestion,
    /// A recorded closed message inside the stated hours.
    ClosedMessage,
    /// Answered and requested, then released by the center.
    QueueReject,
    /// We gave up after the longest wait.
    QueueTimeout,
    /// Only a callback or a mailbox was offered.
    ForcedCallback,
    /// The menu has no way to a person.
    NoAgentRoute,
    /// A human agent was on the line.
    ConnectedHuman,
    /// What was seen fits no class that can be laid to anybody.
    Unattributed {
        /// What was seen.
        what: String,
    },
    /// Our program stopped in the middle; the unit is replaced.
    AbortedByProbe,
}

impl AttemptOutcome {
    /// Whether the attempt has an ordinal for item A2 (void and aborted ones have none).
    pub fn counts(&self) -> bool {
        !matches!(self, Self::Void { .. } | Self::AbortedByProbe)
    }

    /// One or two words for tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Void { .. } => "void",
            Self::Busy => "busy",
            Self::NoAnswer => "no answer",
            Self::Congestion => "congestion",
            Self::ClosedMessage => "closed message",
            Self::QueueReject => "released in queue",
            Self::QueueTimeout => "queue timeout",
            Self::ForcedCallback => "callback only",
            Self::NoAgentRoute => "no way to an agent",
            Self::ConnectedHuman => "agent",
            Self::Unattributed { .. } => "unattributed",
            Self::AbortedByProbe => "aborted by us",
        }
    }
}

/// A recording of a call: two channels on one clock, ours left, theirs right, 8 kHz, 16 bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordingRef {
    /// SHA-256 of the interleaved PCM frames (little-endian), not of the file's header.
    pub pcm_hash: ContentHash,
    /// Where sample 0 lies on the call's axis.
    pub starts_at: CallTime,
    /// Samples per channel.
    pub samples: u64,
    /// Samples of theirs that were concealed or missing.
    pub missing: u64,
}

/// One attempt, as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRecord {
    /// Version of this form.
    pub version: RecordVersion,
    /// The unit.
    pub unit: UnitId,
    /// Ordinal in the unit.
    pub number: AttemptNumber,
    /// The call.
    pub call: CallId,
    /// Wall time of the axis' opening, for people.
    pub opened_at: WallTime,
    /// `Call-ID` of the SIP dialog.
    pub sip_call_id: String,
    /// How it ended.
    pub ending: CallEnding,
    /// What happened.
    pub timeline: Timeline,
    /// The recording, if a basis for it was declared and media flowed.
    pub recording: Option<RecordingRef>,
    /// How good the line was; `None` without media.
    pub line_quality: Option<LineQuality>,
    /// What made this record.
    pub provenance: Provenance,
}

/// What made a record: enough to say later why it looks as it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Version of this program.
    pub program: String,
    /// The campaign.
    pub campaign: CampaignId,
    /// The center.
    pub center: CenterId,
    /// The scenario.
    pub scenario: ScenarioId,
    /// SHA-256 of the scenario file.
    pub scenario_hash: ContentHash,
    /// Whether the far end was a simulated center; such calls are never counted in an index.
    pub simulated: bool,
}

/// A unit with all its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallRecord {
    /// What was planned.
    pub probe_call: ProbeCall,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptRecord>,
}

impl CallRecord {
    /// The attempt that came furthest: the last one.
    pub fn last_attempt(&self) -> Option<&AttemptRecord> {
        self.attempts.last()
    }
}
