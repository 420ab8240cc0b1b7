//! The offline tier's account of a call: who or what was on the line, and when a person began to speak.

use super::time::{CallTime, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a stretch of the received audio is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentKind {
    /// Nothing above the floor.
    Silence,
    /// Ringback tone, before the answer or inside the call.
    Ringback,
    /// Busy tone.
    Busy,
    /// Congestion tone.
    Congestion,
    /// Special information tones before an intercept.
    InformationTone,
    /// Music instead of ringback, before the answer.
    Coloring,
    /// A recorded announcement before an agent was requested: welcome, menu, notice.
    Ivr,
    /// Music while waiting.
    QueueMusic,
    /// A recorded announcement while waiting.
    QueueAnnouncement,
    /// A recorded message that nobody is there.
    ClosedMessage,
    /// A human agent.
    Agent,
    /// A voice that could not be told apart.
    UnknownVoice,
    /// Sound that could not be told apart.
    UnknownSound,
}

/// A stretch of the received audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Segment {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: SegmentKind,
    /// The recording of the center's library that it matches, if any.
    pub prompt: Option<u64>,
    /// Why it was taken for that, in plain words, for `hear` and the report.
    pub because: String,
}

/// Whether a finding may be used without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "acceptance")]
pub enum Acceptance {
    /// The rule for automatic acceptance holds.
    Accepted,
    /// A person has to listen.
    Review {
        /// Why, in plain words.
        why: String,
        /// Where to listen.
        listen: Span,
    },
}

/// When the human greeting began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentOnset {
    /// First speech of the human greeting.
    pub at: CallTime,
    /// How far either way the truth may lie.
    #[schemars(with = "String")]
    pub within: Duration,
    /// What speaks for it, one plain phrase each.
    pub evidence: Vec<String>,
    /// Whether it may be used without a person.
    pub acceptance: Acceptance,
}

/// The offline tier's account of one attempt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Hearing {
    /// The received audio, cut into stretches in order, without gaps.
    pub segments: Vec<Segment>,
    /// When a person began to speak; `None` if nobody did.
    pub onset: Option<AgentOnset>,
    /// Stretches where a voice is heard (Silero), for transcription and turns.
    pub voiced: Vec<Span>,
    /// How many other calls of the center served as its library.
    pub other_calls: u32,
}
