//! Facts: the only thing judges may read. Derived from the record, the hearing and the transcript.

use super::ids::{AttemptNumber, CallId, UnitId};
use super::record::AttemptOutcome;
use super::segment::Acceptance;
use super::time::{CallTime, Span};
use super::timeline::Party;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// All facts of one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// The unit.
    pub unit: UnitId,
    /// Names the center may call itself: its name and aliases.
    pub center_names: Vec<String>,
    /// Names of agents known at the center; may be empty.
    pub agent_names: Vec<String>,
    /// Its attempts, first to last, void ones included.
    pub attempts: Vec<AttemptFacts>,
    /// The conversation with an agent, if one was reached on any attempt.
    pub conversation: Option<Conversation>,
    /// Faults of ours that leave the conversation unobserved; empty if none.
    pub probe_faults: Vec<String>,
    /// Whether audio was kept; without it items that need words are not observed.
    pub recorded: bool,
}

/// Facts of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptFacts {
    /// Ordinal in the unit, void ones counted.
    pub number: AttemptNumber,
    /// The call.
    pub call: CallId,
    /// Its class.
    pub outcome: AttemptOutcome,
    /// Whether an IVR or a person answered.
    pub answered: bool,
    /// How many times an agent was requested in this call.
    pub requests: u32,
    /// The agent wait of this attempt.
    pub wait: AgentWait,
}

/// Time from the request for an agent to the first speech of the human greeting (연결시간).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "wait")]
pub enum AgentWait {
    /// No agent was requested.
    NotRequested,
    /// An agent came.
    Connected {
        /// When the clock started.
        requested: CallTime,
        /// When it stopped.
        onset: CallTime,
        /// How far either way the onset may lie.
        #[schemars(with = "String")]
        within: Duration,
        /// Whether it may be used without a person.
        acceptance: Acceptance,
        /// What speaks for the onset.
        evidence: Vec<String>,
    },
    /// No agent came while the call lasted.
    NeverConnected {
        /// When the clock started.
        requested: CallTime,
        /// How long was waited.
        #[schemars(with = "String")]
        waited: Duration,
    },
}

impl AgentWait {
    /// The wait of a connected attempt.
    pub fn connected(&self) -> Option<Duration> {
        match self {
            Self::Connected { requested, onset, .. } => Some(*onset - *requested),
            Self::NotRequested | Self::NeverConnected { .. } => None,
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// Who spoke.
    pub party: Party,
    /// Where.
    pub span: Span,
    /// The words; for our own lines, as scripted.
    pub text: String,
    /// Whether the recognizer was unsure of them.
    pub uncertain: bool,
}

/// The conversation with an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// The attempt's call.
    pub call: CallId,
    /// Turns in order of their start.
    pub turns: Vec<Turn>,
    /// When the call ended.
    pub ended: CallTime,
    /// Who ended it.
    pub ended_by: Party,
    /// Whether our script came to its closing line.
    pub script_finished: bool,
    /// Faults of the line that make words or overlaps unsure; empty if none.
    pub line_faults: Vec<String>,
}

impl Conversation {
    /// Turns of one side.
    pub fn turns_of(&self, party: Party) -> impl DoubleEndedIterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| turn.party == party)
    }
}
