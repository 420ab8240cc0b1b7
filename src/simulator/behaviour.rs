//! How a simulated center treats one call: from a line of its script to a type that cannot contradict itself.

use super::script::{AgentScript, Source};
use crate::domain::timeline::Q850Cause;
use crate::yaml::{Located, Place, YamlError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How one call is treated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behaviour {
    /// For the truth log; by default made from the treatment.
    pub(crate) name: String,
    pub(crate) treatment: Treatment,
}

/// What happens to an arriving call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Treatment {
    /// It rings and nobody ever answers.
    NoAnswer { ringing: Ringing },
    /// It is turned away with a final status.
    Refuse {
        ringing: Option<Ringing>,
        after: Duration,
        status: u16,
        phrase: String,
        q850: Option<Q850Cause>,
    },
    /// It is answered.
    Answer { ringing: Ringing, after: Duration, then: Then },
}

/// What the caller hears before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ringing {
    /// 180 without sound: the caller's side makes its own tone.
    #[default]
    None,
    /// 183 and the ringback tone as early media.
    Ring,
    /// 183 and music as early media.
    Coloring,
    /// 183 and the busy tone as early media, as some networks give it before or instead of a refusal.
    Busy,
    /// 183 and the congestion tone as early media.
    Congestion,
}

/// What happens after the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Then {
    /// The out-of-hours message, then the center hangs up.
    Closed,
    /// Menus, then turned away this long after the request.
    QueueReject { after: Duration },
    /// Menus, then an agent whose first word falls this long after the request.
    Agent { agent: usize, wait: Duration, manners: Manners },
}

/// What an agent does wrong in a call; by default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Manners {
    pub(crate) forgets: BTreeSet<Duty>,
    pub(crate) listening: Listening,
    pub(crate) leaving: Leaving,
}

/// Whether the agent lets the caller finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Listening {
    #[default]
    Patient,
    /// Talks into the caller's first line.
    Interrupts,
}

/// Who hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Leaving {
    /// Waits for the caller to hang up.
    #[default]
    Waits,
    /// Hangs up into the caller's last line.
    HangsUpFirst,
}

/// What an agent has to do in every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// 맞이인사: greet, with the center's or the own name.
    Greeting,
    /// 추가문의 확인: ask whether there is anything else.
    FurtherHelp,
    /// 종료인사: close.
    Closing,
}

/// A call as written in a script.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "written by people as `busy: true`")]
pub(super) struct CallFile {
    name: Option<String>,
    #[serde(default = "one_second", with = "crate::yaml::duration")]
    answer_after: Duration,
    early_media: Option<Ringing>,
    #[serde(default, with = "crate::yaml::duration::option")]
    wait: Option<Duration>,
    agent: Option<Located<String>>,
    #[serde(default)]
    forget: BTreeSet<Duty>,
    #[serde(default)]
    interrupt: bool,
    #[serde(default)]
    hang_up_first: bool,
    #[serde(default)]
    busy: bool,
    #[serde(default)]
    no_answer: bool,
    #[serde(default)]
    closed: bool,
    #[serde(default, with = "crate::yaml::duration::option")]
    queue_reject: Option<Duration>,
    refuse: Option<RefuseFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RefuseFile {
    status: Located<u16>,
    #[serde(default)]
    phrase: String,
    q850: Option<u8>,
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

impl CallFile {
    /// Checks a call; `closed` is how many out-of-hours lines the center has.
    pub(super) fn check(
        self,
        source: Source<'_>,
        at: &Place,
        agents: &[AgentScript],
        closed: usize,
    ) -> Result<Behaviour, YamlError> {
        let kinds = [
            (self.busy, "busy"),
            (self.no_answer, "no-answer"),
            (self.closed, "closed"),
            (self.queue_reject.is_some(), "queue-reject"),
            (self.refuse.is_some(), "refuse"),
            (self.agent.is_some(), "agent"),
        ];
        let chosen: Vec<&str> = kinds.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        let [kind] = chosen[..] else {
            let message = match chosen.len() {
                0 => "the call says neither who answers it nor how it fails".to_owned(),
                _ => format!("the call wants {} at once", chosen.join(" and ")),
            };
            let help = "give exactly one of agent (with wait), busy, no-answer, closed, queue-reject, refuse";
            return Err(source.fault(at, message, help));
        };
        let manners = self.interrupt || self.hang_up_first || !self.forget.is_empty();
        if (manners || self.wait.is_some()) && self.agent.is_none() {
            let message =
                format!("wait, forget, interrupt and hang-up-first need an agent, not `{kind}`");
            return Err(source.fault(at, message, "add `agent: <id>` or take them away"));
        }
        if self.closed && closed == 0 {
            let help = "add `closed: [<recorded line>]` to the center";
            return Err(source.fault(at, "the center has no out-of-hours message", help));
        }
        let name = self.name.clone().unwrap_or_else(|| kind.to_owned());
        Ok(Behaviour { name, treatment: self.treatment(source, at, agents)? })
    }

    fn treatment(
        self,
        source: Source<'_>,
        at: &Place,
        agents: &[AgentScript],
    ) -> Result<Treatment, YamlError> {
        let after = self.answer_after;
        // A refused call does not ring unless the script says so.
        let (ringing, rings) = (self.early_media, self.early_media.unwrap_or_default());
        if self.no_answer {
            return Ok(Treatment::NoAnswer { ringing: rings });
        }
        if self.busy {
            let (status, phrase, q850) = (486, "Busy Here".to_owned(), Some(Q850Cause(17)));
            return Ok(Treatment::Refuse { ringing, after, status, phrase, q850 });
        }
        if let Some(RefuseFile { status, phrase, q850 }) = self.refuse {
            if !(400..=699).contains(&status.value) {
                let message = format!("{} is not a refusal", status.value);
                return Err(source.fault(&status.at, message, "use a SIP status from 400 to 699"));
            }
            let (status, q850) = (status.value, q850.map(Q850Cause));
            return Ok(Treatment::Refuse { ringing, after, status, phrase, q850 });
        }
        let then = if self.closed {
            Then::Closed
        } else if let Some(after) = self.queue_reject {
            Then::QueueReject { after }
        } else {
            let Some(wait) = self.wait else {
                let help = "add `wait: 3s`: from the request to the agent's first word";
                return Err(source.fault(
                    at,
                    "the call does not say how long the caller waits",
                    help,
                ));
            };
            let wanted = self.agent.unwrap_or_default();
            let Some(agent) = agents.iter().position(|a| a.id.value == wanted.value) else {
                let known: Vec<&str> = agents.iter().map(|a| a.id.as_str()).collect();
                let help = format!("agents of this file: {}", known.join(", "));
                let message = format!("no agent `{}` works here", wanted.value);
                return Err(source.fault(&wanted.at, message, help));
            };
            let listening = if self.interrupt { Listening::Interrupts } else { Listening::Patient };
            let leaving = if self.hang_up_first { Leaving::HangsUpFirst } else { Leaving::Waits };
            Then::Agent {
                agent,
                wait,
                manners: Manners { forgets: self.forget, listening, leaving },
            }
        };
        Ok(Treatment::Answer { ringing: rings, after, then })
    }
}
