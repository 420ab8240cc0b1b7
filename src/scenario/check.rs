//! From the file's form to a checked scenario: every name resolves, every digit can be sent, every step is reachable.

use super::schema::{DirectLine, LineFile, PromptEdge, ScenarioFile, StepFile};
use crate::domain::digit::Digit;
use crate::domain::ids::ScenarioId;
use crate::domain::transcript::Language;
use crate::yaml::{self, Located, Place, YamlError};
use std::time::Duration;

/// What is wrong with a scenario file: shown with file, line and caret.
pub type ScenarioError = YamlError;

/// A checked scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its identifier.
    pub id: ScenarioId,
    /// What it is about.
    pub about: String,
    /// The language spoken on the line.
    pub language: Language,
    /// How long it may ring.
    pub ring_limit: Duration,
    /// How long we wait for an agent.
    pub max_wait: Duration,
    /// How long a call may last.
    pub max_call: Duration,
    /// When the agent-wait clock starts.
    pub request: RequestRule,
    /// The caller's lines; steps name them by index.
    pub lines: Vec<Line>,
    /// What to do.
    pub steps: Vec<Step>,
}

/// When the agent-wait clock starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRule {
    /// At the end of the last digit of the step marked `request-agent`.
    Digit,
    /// At the first 18x: the line rings straight to people.
    Ringing,
    /// At the answer.
    Answer,
}

/// A recorded line of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// WAV file beside the scenario.
    pub wav: String,
    /// Its words.
    pub text: String,
    /// What they mean, in English.
    pub gloss: Option<String>,
}

/// A checked step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Wait for a prompt's first speech.
    PromptBegins {
        /// How long.
        within: Duration,
    },
    /// Wait for the quiet after a prompt.
    PromptEnds {
        /// How quiet.
        quiet: Duration,
        /// How long.
        within: Duration,
    },
    /// Press digits.
    Press {
        /// Which.
        digits: Vec<Digit>,
        /// Whether they ask for an agent.
        requests_agent: bool,
        /// Whether they are hidden in records.
        masked: bool,
    },
    /// Wait for a person.
    WaitForAgent {
        /// How quiet it must be after a voice before we answer it.
        quiet: Duration,
    },
    /// Say a line.
    Say {
        /// Its index in [`Scenario::lines`].
        line: usize,
    },
    /// Let the far end speak.
    Listen {
        /// How quiet it must be.
        quiet: Duration,
        /// How long at most.
        at_most: Duration,
    },
    /// Hang up.
    HangUp,
}

impl Step {
    /// Name for timelines and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PromptBegins { .. } | Self::PromptEnds { .. } => "expect",
            Self::Press { .. } => "press",
            Self::WaitForAgent { .. } => "wait-for-agent",
            Self::Say { .. } => "say",
            Self::Listen { .. } => "listen",
            Self::HangUp => "hang-up",
        }
    }
}

/// The causal tier ends a stretch of speech after this much quiet; a shorter wish cannot be met.
const SHORTEST_QUIET: Duration = Duration::from_millis(700);
/// Nobody keeps an agent on the line longer than this.
const LONGEST_CALL: Duration = Duration::from_mins(5);

impl Scenario {
    /// Reads and checks a scenario file; `name` is shown in errors.
    ///
    /// # Errors
    /// [`ScenarioError`] with file, line, caret and remedy: unknown keys, digits that are not DTMF, lines that are not
    /// declared, steps that cannot be reached, limits that cannot be kept.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let file: ScenarioFile = yaml::parse(name, text)?;
        Checker { name, text, file: &file }.check()
    }
}

struct Checker<'a> {
    name: &'a str,
    text: &'a str,
    file: &'a ScenarioFile,
}

impl Checker<'_> {
    fn fail(&self, at: &Place, message: String, help: &str) -> ScenarioError {
        yaml::error_at(self.name, self.text, at, message, help)
    }

    fn check(&self) -> Result<Scenario, ScenarioError> {
        let file = self.file;
        if file.max_call > LONGEST_CALL {
            let message =
                format!("`max-call` is {} s, longer than 5 minutes", file.max_call.as_secs());
            return Err(self.fail(
                &Place::UNKNOWN,
                message,
                "an agent's time is precious: write at most `5m`",
            ));
        }
        let lines: Vec<Line> = file.lines.iter().map(|(name, line)| line_of(name, line)).collect();
        let mut steps = Vec::new();
        for step in &file.steps {
            if matches!(steps.last(), Some(Step::HangUp)) {
                let message =
                    format!("step {} can never be reached: the call is over", steps.len() + 1);
                return Err(self.fail(
                    &Place::UNKNOWN,
                    message,
                    "move `close` or `hang-up` to the end",
                ));
            }
            self.step(step, &lines, &mut steps)?;
        }
        if !matches!(steps.last(), Some(Step::HangUp)) {
            let message = "the last step neither closes nor hangs up".to_owned();
            return Err(self.fail(
                &Place::UNKNOWN,
                message,
                "end the steps with `close: {line: …}` or `hang-up: {}`",
            ));
        }
        let request = self.request_rule(&steps)?;
        Ok(Scenario {
            id: file.scenario.clone(),
            about: file.about.clone(),
            language: file.language,
            ring_limit: file.ring_limit,
            max_wait: file.max_wait,
            max_call: file.max_call,
            request,
            lines,
            steps,
        })
    }

    fn request_rule(&self, steps: &[Step]) -> Result<RequestRule, ScenarioError> {
        let marked =
            steps.iter().filter(|s| matches!(s, Step::Press { requests_agent: true, .. })).count();
        let waits = steps.iter().any(|s| matches!(s, Step::WaitForAgent { .. }));
        match (marked, self.file.direct_line) {
            (1, None) => Ok(RequestRule::Digit),
            (0, Some(DirectLine::Ringing)) => Ok(RequestRule::Ringing),
            (0, Some(DirectLine::Answer)) => Ok(RequestRule::Answer),
            (0, None) if !waits => Ok(RequestRule::Answer),
            (0, None) => Err(self.fail(
                &Place::UNKNOWN,
                "the scenario waits for an agent but nothing requests one".to_owned(),
                "mark the digit that asks for an agent with `request-agent: true`, or set `direct-line: answer`",
            )),
            (_, Some(_)) => Err(self.fail(
                &Place::UNKNOWN,
                "`direct-line` and `request-agent` contradict each other".to_owned(),
                "keep `direct-line` only for lines without a menu",
            )),
            (_, None) => Err(self.fail(
                &Place::UNKNOWN,
                format!("{marked} steps are marked `request-agent`"),
                "mark one step only: the agent-wait clock starts once",
            )),
        }
    }

    fn line(&self, line: &Located<String>, lines: &[Line]) -> Result<usize, ScenarioError> {
        lines.iter().position(|known| known.name == line.value).ok_or_else(|| {
            let known: Vec<&str> = lines.iter().map(|l| l.name.as_str()).collect();
            self.fail(
                &line.at,
                format!("line `{}` is not declared", line.value),
                &format!("declare it under `lines`, or use one of: {}", known.join(", ")),
            )
        })
    }

    fn quiet(&self, quiet: Duration) -> Result<Duration, ScenarioError> {
        if quiet < SHORTEST_QUIET {
            let message = format!("`quiet` of {} ms is shorter than 700 ms", quiet.as_millis());
            return Err(self.fail(
                &Place::UNKNOWN,
                message,
                "shorter pauses happen inside sentences; write `700ms` or more",
            ));
        }
        Ok(quiet)
    }

    fn step(
        &self,
        step: &StepFile,
        lines: &[Line],
        steps: &mut Vec<Step>,
    ) -> Result<(), ScenarioError> {
        match step {
            StepFile::Expect(expect) => steps.push(match expect.prompt {
                PromptEdge::Begins => Step::PromptBegins { within: expect.within },
                PromptEdge::Ends => {
                    Step::PromptEnds { quiet: self.quiet(expect.quiet)?, within: expect.within }
                }
            }),
            StepFile::Press(press) => {
                let digits = Digit::row(&press.digits.value).map_err(|bad| {
                    self.fail(
                        &press.digits.at,
                        format!(
                            "step {} presses `{}`, which is not a DTMF digit",
                            steps.len() + 1,
                            bad.0
                        ),
                        "use 0-9, *, # or A-D (RFC 4733 §3.2); to wait, add an `expect` step",
                    )
                })?;
                if digits.is_empty() {
                    let at = &press.digits.at;
                    return Err(self.fail(
                        at,
                        "no digit is pressed".to_owned(),
                        "write `digits: \"0\"`",
                    ));
                }
                steps.push(Step::Press {
                    digits,
                    requests_agent: press.request_agent,
                    masked: press.masked,
                });
            }
            StepFile::WaitForAgent(wait) => {
                steps.push(Step::WaitForAgent { quiet: self.quiet(wait.quiet)? });
            }
            StepFile::Say(say) => steps.push(Step::Say { line: self.line(&say.line, lines)? }),
            StepFile::Listen(listen) => steps
                .push(Step::Listen { quiet: self.quiet(listen.quiet)?, at_most: listen.at_most }),
            StepFile::Close(close) => {
                steps.push(Step::Say { line: self.line(&close.line, lines)? });
                steps.push(Step::Listen { quiet: CLOSING_QUIET, at_most: close.at_most });
                steps.push(Step::HangUp);
            }
            StepFile::HangUp(_) => steps.push(Step::HangUp),
        }
        Ok(())
    }
}

/// After a goodbye, this much quiet ends the call.
const CLOSING_QUIET: Duration = Duration::from_millis(1500);

fn line_of(name: &str, line: &LineFile) -> Line {
    Line {
        name: name.to_owned(),
        wav: line.wav.clone(),
        text: line.text.clone(),
        gloss: line.gloss.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(steps: &str) -> String {
        format!(
            "scenario: card\nlines:\n  bye: {{ wav: b.wav, text: 감사합니다 }}\nsteps:\n{steps}"
        )
    }

    fn fault(steps: &str) -> (Option<usize>, String) {
        let error = Scenario::parse("card.yaml", &file(steps)).unwrap_err();
        (error.line(), error.one_line())
    }

    #[test]
    fn a_key_that_is_no_digit_is_shown_on_its_line() {
        let (line, text) = fault("  - press: { digits: \"0x\" }\n  - hang-up: {}\n");
        assert_eq!(line, Some(5));
        assert!(text.contains("`x`") && text.contains("RFC 4733"), "{text}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let (line, text) = fault("  - press: { digits: \"0\", request_agent: true }\n");
        assert_eq!(line, Some(5));
        assert!(text.contains("request-agent"), "{text}");
    }

    #[test]
    fn an_undeclared_line_names_the_declared_ones() {
        let (line, text) = fault("  - say: { line: hello }\n  - hang-up: {}\n");
        assert_eq!(line, Some(5));
        assert!(text.contains("bye"), "{text}");
    }

    #[test]
    fn a_step_after_the_hang_up_cannot_be_reached() {
        let (_, text) = fault("  - hang-up: {}\n  - listen: {}\n");
        assert!(text.contains("never be reached"), "{text}");
    }

    #[test]
    fn waiting_for_an_agent_that_nothing_requests_is_refused() {
        let (_, text) = fault("  - wait-for-agent: {}\n  - hang-up: {}\n");
        assert!(text.contains("nothing requests one"), "{text}");
    }

    #[test]
    fn close_says_its_line_listens_and_hangs_up() {
        let scenario = Scenario::parse("card.yaml", &file("  - close: { line: bye }\n")).unwrap();
        let names: Vec<_> = scenario.steps.iter().map(Step::name).collect();
        assert_eq!(names, ["say", "listen", "hang-up"]);
    }

    #[test]
    fn a_quiet_below_700_ms_cannot_be_kept() {
        let (_, text) = fault("  - expect: { prompt: ends, quiet: 300ms }\n  - hang-up: {}\n");
        assert!(text.contains("700 ms"), "{text}");
    }
}
