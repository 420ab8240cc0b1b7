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
    /// Ringing inside an answered call: on the way to an agent, or from one to the next.
    TransferRing,
    /// A single tone: before a mailbox records, or at a hand-over.
    Beep,
    /// A recorded message of the network that the number cannot be reached.
    Intercept,
    /// A mailbox: its greeting and what it records.
    Voicemail,
    /// A recorded offer to be called back.
    CallbackOffer,
    /// A machine that talks with its callers.
    Voicebot,
    /// A human agent.
    Agent,
    /// Music or a recording that keeps the caller waiting after an agent spoke.
    Hold,
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
    /// How probable that is, 0 to 1, by the model that heard it; 1 where nothing was weighed.
    #[serde(default = "certain")]
    pub probability: f32,
    /// The recording of the center's library that it matches, if any.
    pub prompt: Option<u64>,
    /// Why it was taken for that, in plain words, for `hear` and the report.
    pub because: String,
}

fn certain() -> f32 {
    1.0
}

/// Who or what a call reached in the end.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// A person.
    Human,
    /// A machine that talks with its callers.
    Voicebot,
    /// A mailbox.
    Voicemail,
    /// Only the offer to be called back.
    CallbackOffer,
    /// A message that nobody is there.
    ClosedMessage,
    /// A message of the network that the number cannot be reached.
    Intercept,
    /// Recordings, music or tones only.
    Recording,
    /// Nothing was heard.
    Nothing,
}

/// What interrupts a conversation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PassageKind {
    /// The agent kept the caller waiting and came back.
    Hold,
    /// It rang, or another voice took over: the caller was passed on.
    Transfer,
}

/// A stretch in which a caller who had reached an agent waited again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passage {
    /// What it was.
    pub kind: PassageKind,
    /// From the agent's last word before it to the first word after it, or the end of the recording.
    pub span: Span,
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
    /// Who or what was reached; `None` in hearings from before this was told.
    #[serde(default)]
    pub reached: Option<Reached>,
    /// Holds and transfers after the onset, in order.
    #[serde(default)]
    pub passages: Vec<Passage>,
}
