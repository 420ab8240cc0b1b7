//! Judgments: what was decided of one item in one call, by whom, and on what evidence.

use super::ctq::CtqItem;
use super::ids::{CallId, UnitId};
use super::time::Span;
use super::timeline::Party;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What was decided of one CTQ item in one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// The item was carried out.
    Fulfilled,
    /// The item was not carried out: one defect.
    Defect,
    /// The item does not apply to this scenario; no opportunity.
    NotApplicable(Reason),
    /// The call gave no evidence either way; never counted as fulfilled.
    NotObserved(Reason),
    /// The evidence is not sure enough; waits for a person.
    Pending(Reason),
}

impl Verdict {
    /// One word for tables: `fulfilled`, `defect`, `n/a`, `unobserved`, `pending`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fulfilled => "fulfilled",
            Self::Defect => "defect",
            Self::NotApplicable(_) => "n/a",
            Self::NotObserved(_) => "unobserved",
            Self::Pending(_) => "pending",
        }
    }

    /// Why the item is open or left out; `None` for a decided one.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Fulfilled | Self::Defect => None,
            Self::NotApplicable(reason) | Self::NotObserved(reason) | Self::Pending(reason) => {
                Some(reason)
            }
        }
    }
}

/// Why an item was not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// No agent was reached, so nothing of a conversation could be heard.
    Unreachable,
    /// Our own side failed: host, trunk or recognizer.
    Probe {
        /// What failed, in plain words.
        what: String,
    },
    /// No audio was kept because the campaign declares no recording basis.
    NoRecordingBasis,
    /// This version has no judge for the item.
    NoJudgeYet,
    /// The scenario does not exercise the item.
    NotExercised {
        /// Which part of a call was missing.
        what: String,
    },
    /// The wait is within the margin of the limit.
    Borderline,
    /// The attempt's outcome cannot be laid to the center or to us.
    Unattributed {
        /// What was seen on the line.
        what: String,
    },
    /// The moment an agent began to speak is not sure.
    OnsetUnsure {
        /// Why, in plain words.
        why: String,
    },
    /// The words heard are not sure.
    WordsUnsure {
        /// Why, in plain words.
        why: String,
    },
    /// The item is assisted: the machine proposes and a person decides.
    AwaitsMonitor {
        /// What the machine would have said.
        proposal: Proposal,
    },
    /// Two people differ and nobody has adjudicated.
    MonitorsDiffer,
}

/// A decided verdict that only waits for a person's assent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Proposal {
    /// Proposed: carried out.
    Fulfilled,
    /// Proposed: not carried out.
    Defect,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("no agent was reached"),
            Self::Probe { what } => write!(f, "our own side failed: {what}"),
            Self::NoRecordingBasis => {
                f.write_str("no recording basis is declared, no audio was kept")
            }
            Self::NoJudgeYet => f.write_str("this version does not judge the item"),
            Self::NotExercised { what } => write!(f, "the call did not come to it: {what}"),
            Self::Borderline => f.write_str("within the margin of the limit"),
            Self::Unattributed { what } => write!(f, "cannot be laid to the center: {what}"),
            Self::OnsetUnsure { why } => write!(f, "agent onset unsure: {why}"),
            Self::WordsUnsure { why } => write!(f, "words unsure: {why}"),
            Self::AwaitsMonitor { proposal } => {
                let proposal = match proposal {
                    Proposal::Fulfilled => "fulfilled",
                    Proposal::Defect => "defect",
                };
                write!(f, "assisted item, machine proposes {proposal}")
            }
            Self::MonitorsDiffer => f.write_str("two monitors differ"),
        }
    }
}

/// Who judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Judge {
    /// A judge of ours.
    Machine {
        /// Name of the rule, for example `wait-max`.
        rule: String,
        /// Version of the rule; a change of thresholds or lexicon raises it.
        version: u32,
    },
    /// A human monitor.
    Monitor {
        /// The monitor's pseudonym.
        name: String,
    },
    /// A lead who settled a difference.
    Adjudicator {
        /// The lead's pseudonym.
        name: String,
    },
}

/// Seconds of a call that show what a judgment rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceSpan {
    /// The attempt's call.
    pub call: CallId,
    /// Where in it.
    pub span: Span,
    /// Whose words or sound.
    pub party: Party,
    /// What is there: quoted words, or a plain description.
    pub note: String,
    /// English gloss of quoted Korean words, if known.
    pub gloss: Option<String>,
}

/// How sure a judge is, 0 to 1. A rank for review queues, not a calibrated probability.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Confidence(pub f32);

/// One item of one unit, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgment {
    /// The unit.
    pub unit: UnitId,
    /// The item.
    pub item: CtqItem,
    /// What was decided.
    pub verdict: Verdict,
    /// One plain sentence that says why, for a person.
    pub because: String,
    /// Where to listen; may be empty for facts of signalling.
    pub evidence: Vec<EvidenceSpan>,
    /// How sure.
    pub confidence: Confidence,
    /// Who judged.
    pub judge: Judge,
}
