//! The form of a scenario file. Every key is known; an unknown one is an error.

use crate::domain::ids::ScenarioId;
use crate::domain::transcript::Language;
use crate::yaml::{Located, duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A scenario file: what the caller does, step by step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioFile {
    /// Its identifier.
    pub scenario: ScenarioId,
    /// What it is about, for people.
    #[serde(default)]
    pub about: String,
    /// The language spoken on the line.
    #[serde(default)]
    pub language: Language,
    /// How long it may ring before we give up.
    #[serde(default = "sixty_seconds", with = "duration")]
    #[schemars(with = "String")]
    pub ring_limit: Duration,
    /// How long we wait for an agent, from the request.
    #[serde(default = "three_minutes", with = "duration")]
    #[schemars(with = "String")]
    pub max_wait: Duration,
    /// How long a call may last in all.
    #[serde(default = "five_minutes", with = "duration")]
    #[schemars(with = "String")]
    pub max_call: Duration,
    /// For lines without a menu: when the wait for an agent begins.
    #[serde(default)]
    pub direct_line: Option<DirectLine>,
    /// The recorded lines of the caller, by name.
    #[serde(default)]
    pub lines: BTreeMap<String, LineFile>,
    /// What to do, in order.
    pub steps: Vec<StepFile>,
}

fn sixty_seconds() -> Duration {
    Duration::from_mins(1)
}
fn three_minutes() -> Duration {
    Duration::from_mins(3)
}
fn five_minutes() -> Duration {
    Duration::from_mins(5)
}

/// When the wait for an agent begins on a line without a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DirectLine {
    /// The line rings straight to people: at the first 18x.
    Ringing,
    /// Something answers and connects: at the answer.
    Answer,
}

/// A recorded line of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LineFile {
    /// WAV file beside the scenario, 8 kHz mono 16 bit.
    pub wav: String,
    /// Its words.
    pub text: String,
    /// What they mean, in English.
    #[serde(default)]
    pub gloss: Option<String>,
}

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StepFile {
    /// Wait for a prompt to begin or to end.
    Expect(ExpectFile),
    /// Press digits.
    Press(PressFile),
    /// Wait until a person is on the line.
    WaitForAgent(WaitFile),
    /// Say a recorded line.
    Say(SayFile),
    /// Let the far end speak until it is quiet.
    Listen(ListenFile),
    /// Say the closing line, let the far end say goodbye, hang up.
    Close(CloseFile),
    /// Hang up at once.
    HangUp(HangUpFile),
}

/// Which edge of a prompt a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PromptEdge {
    /// Its first speech.
    Begins,
    /// The quiet after it.
    Ends,
}

/// `expect`: wait for a prompt.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectFile {
    /// Which edge.
    pub prompt: PromptEdge,
    /// How long it must be quiet to count as ended; at least 700 ms.
    #[serde(default = "prompt_quiet", with = "duration")]
    #[schemars(with = "String")]
    pub quiet: Duration,
    /// How long to wait for it.
    #[serde(default = "twenty_seconds", with = "duration")]
    #[schemars(with = "String")]
    pub within: Duration,
}

fn prompt_quiet() -> Duration {
    Duration::from_millis(1200)
}
fn twenty_seconds() -> Duration {
    Duration::from_secs(20)
}

/// `press`: send DTMF digits.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PressFile {
    /// The digits: `0-9`, `*`, `#`, `A-D`.
    pub digits: Located<String>,
    /// Whether these digits ask for an agent: the agent-wait clock starts at the end of the last one.
    #[serde(default)]
    pub request_agent: bool,
    /// Whether the digits identify a person and are hidden in every record.
    #[serde(default)]
    pub masked: bool,
}

/// `wait-for-agent`: nothing to set; the longest wait is `max-wait`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WaitFile {
    /// How quiet it must be after a voice before we answer it as a person.
    #[serde(default = "answer_quiet", with = "duration")]
    #[schemars(with = "String")]
    pub quiet: Duration,
}

fn answer_quiet() -> Duration {
    Duration::from_millis(1200)
}

/// `say`: a recorded line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SayFile {
    /// Its name under `lines`.
    pub line: Located<String>,
}

/// `listen`: let the far end speak.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ListenFile {
    /// How quiet it must be to count as our turn.
    #[serde(default = "turn_quiet", with = "duration")]
    #[schemars(with = "String")]
    pub quiet: Duration,
    /// How long to listen at most.
    #[serde(default = "thirty_seconds", with = "duration")]
    #[schemars(with = "String")]
    pub at_most: Duration,
}

fn turn_quiet() -> Duration {
    Duration::from_millis(1500)
}
fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

/// `close`: say goodbye and hang up politely.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CloseFile {
    /// The closing line's name under `lines`.
    pub line: Located<String>,
    /// How long to wait for the far end's goodbye.
    #[serde(default = "goodbye_limit", with = "duration")]
    #[schemars(with = "String")]
    pub at_most: Duration,
}

fn goodbye_limit() -> Duration {
    Duration::from_secs(8)
}

/// `hang-up`: nothing to set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HangUpFile {}
