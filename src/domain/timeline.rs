//! What happened in a call, in order: append-only events of signalling, media and navigation.

use super::digit::Digit;
use super::ids::AttemptNumber;
use super::time::{CallTime, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A side of the call.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// Our caller.
    Prober,
    /// Whoever is on the far side: network, machine or person.
    FarEnd,
}

/// An event on the call's axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEvent {
    /// When.
    pub at: CallTime,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A SIP status line as received: code and reason phrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SipStatus {
    /// 100 to 699 (RFC 3261 §7.2).
    pub code: u16,
    /// The reason phrase, as the far end wrote it.
    pub phrase: String,
}

/// A cause code of ITU-T Q.850 from a `Reason` header (RFC 3326 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Q850Cause(pub u8);

/// A timer of ours that ran out; never to be taken for a status from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LocalTimeout {
    /// No response at all to the INVITE (RFC 3261 §17.1.1.2, Timer B).
    TimerB,
    /// 100 Trying, then nothing.
    TryingThenSilence,
    /// It rang longer than the scenario allows.
    RingLimit,
    /// No final response after CANCEL.
    CancelUnanswered,
}

/// A discontinuity of the received media: a hint that somebody else may be on the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Discontinuity {
    /// Another synchronisation source (RFC 3550 §8.2).
    Ssrc {
        /// The source before.
        from: u32,
        /// The source now.
        to: u32,
    },
    /// The RTP timestamp jumped against the clock.
    TimestampJump {
        /// Milliseconds ahead (positive) or back.
        millis: i64,
    },
    /// The packets come from another address.
    SourceMoved,
    /// Another payload type.
    PayloadType {
        /// Before.
        from: u8,
        /// Now.
        to: u8,
    },
    /// The media clock was re-anchored after a divergence over 200 ms.
    Reanchored {
        /// The divergence in milliseconds.
        millis: i64,
    },
}

/// What may happen in a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum EventKind {
    /// The INVITE left.
    InviteSent {
        /// Which attempt of the unit.
        attempt: AttemptNumber,
    },
    /// A 401 or 407 was answered with credentials; still the same attempt.
    Challenged {
        /// 401 or 407.
        code: u16,
    },
    /// A provisional response.
    Provisional {
        /// 100 to 199.
        status: SipStatus,
        /// Whether it opened early media with SDP.
        early_media: bool,
    },
    /// A 2xx: somebody or something answered. Not an agent yet.
    Answered {
        /// 200 to 299.
        status: SipStatus,
    },
    /// A final refusal from the network or the far end.
    Refused {
        /// 300 to 699.
        status: SipStatus,
        /// The cause of ITU-T Q.850, if a `Reason` header gave one.
        q850: Option<Q850Cause>,
    },
    /// One of our timers ran out.
    LocalTimeout {
        /// Which.
        timer: LocalTimeout,
    },
    /// We asked to end the ringing.
    CancelSent,
    /// The first RTP packet arrived.
    FirstMedia,
    /// A digit was sent; `at` is its start.
    DigitSent {
        /// The digit, `None` where the scenario masks it.
        digit: Option<Digit>,
        /// End of the event: RTP timestamp plus duration (RFC 4733 §2.3).
        end: CallTime,
        /// Whether this digit ends the step that requests an agent.
        requests_agent: bool,
    },
    /// An agent was requested; `at` is where the agent-wait clock starts: the end of the last digit of the step that
    /// requests an agent, or the first 18x or the answer of a line without a menu.
    AgentRequested,
    /// Our caller said a recorded line; `at` is its start.
    Said {
        /// Name of the line.
        line: String,
        /// Its words.
        text: String,
        /// When its last sample left.
        end: CallTime,
    },
    /// The scenario reached a step.
    Step {
        /// Its name.
        name: String,
    },
    /// The causal tier heard something; steering only, never a result.
    Heard {
        /// What.
        sound: LiveSound,
        /// Where.
        span: Span,
    },
    /// The navigator believes that a person may be on the line; a hint only.
    AgentSuspected,
    /// A media discontinuity.
    Discontinuity {
        /// What changed.
        change: Discontinuity,
    },
    /// Our side did not keep up: the measurement of this call is degraded.
    Degraded {
        /// What and by how much.
        what: String,
    },
    /// The call was ended by a BYE.
    Bye {
        /// Who sent it.
        by: Party,
        /// The cause of ITU-T Q.850, if a `Reason` header gave one.
        q850: Option<Q850Cause>,
    },
    /// Our side failed or was stopped; whatever follows is not the center's doing.
    Aborted {
        /// Why, in plain words.
        why: String,
    },
}

/// What the causal tier can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "sound")]
pub enum LiveSound {
    /// A voice, known or not.
    Speech,
    /// Ringback by frequency and cadence.
    Ringback,
    /// Busy tone by frequency and cadence.
    Busy,
    /// Congestion tone by frequency and cadence.
    Congestion,
    /// Number-unobtainable tone by frequency and cadence.
    Unobtainable,
    /// Intercept tone by frequency and cadence.
    Intercept,
    /// Dial tone: an exchange waits for digits.
    Dial,
    /// One steady tone on its own.
    Beep,
    /// A voice that no recording of this center's library matches.
    NewVoice,
    /// Energy that is neither speech nor a known tone.
    Music,
    /// A recording of this center's library.
    KnownPrompt {
        /// Its identifier in the library.
        prompt: u64,
    },
}

/// A call's events in order of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timeline {
    events: Vec<TimelineEvent>,
}

impl Timeline {
    /// Adds an event; events that come late are put where their time says.
    pub fn push(&mut self, at: CallTime, kind: EventKind) {
        let place = self.events.partition_point(|e| e.at <= at);
        self.events.insert(place, TimelineEvent { at, kind });
    }

    /// All events, oldest first.
    pub fn events(&self) -> &[TimelineEvent] {
        &self.events
    }

    /// When the first event that `wanted` accepts happened.
    pub fn first(&self, wanted: impl Fn(&EventKind) -> bool) -> Option<CallTime> {
        self.events.iter().find(|e| wanted(&e.kind)).map(|e| e.at)
    }

    /// When a 2xx arrived.
    pub fn answered(&self) -> Option<CallTime> {
        self.first(|k| matches!(k, EventKind::Answered { .. }))
    }

    /// When the call ended and who ended it.
    pub fn bye(&self) -> Option<(CallTime, Party)> {
        self.events.iter().find_map(|e| match e.kind {
            EventKind::Bye { by, .. } => Some((e.at, by)),
            _ => None,
        })
    }

    /// Where the agent-wait clock starts: the first request for an agent.
    pub fn agent_request(&self) -> Option<CallTime> {
        self.first(|k| matches!(k, EventKind::AgentRequested))
    }

    /// How many times an agent was requested.
    pub fn agent_requests(&self) -> u32 {
        self.events.iter().filter(|e| matches!(e.kind, EventKind::AgentRequested)).count() as u32
    }

    /// Spans of the lines our caller said.
    pub fn said(&self) -> impl Iterator<Item = Span> + '_ {
        self.events.iter().filter_map(|e| match e.kind {
            EventKind::Said { end, .. } => Some(Span::new(e.at, end)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_event_is_put_where_its_time_says() {
        let mut timeline = Timeline::default();
        timeline.push(CallTime::from_millis(30), EventKind::FirstMedia);
        timeline.push(CallTime::from_millis(10), EventKind::CancelSent);
        let times: Vec<_> = timeline.events().iter().map(|e| e.at).collect();
        assert_eq!(times, [CallTime::from_millis(10), CallTime::from_millis(30)]);
    }

    #[test]
    fn an_event_survives_a_round_trip_through_json() -> Result<(), serde_json::Error> {
        let mut timeline = Timeline::default();
        let timer = LocalTimeout::RingLimit;
        timeline.push(CallTime::ZERO, EventKind::LocalTimeout { timer });
        let change = Discontinuity::Ssrc { from: 1, to: 2 };
        timeline.push(CallTime::ZERO, EventKind::Discontinuity { change });
        let text = serde_json::to_string(&timeline)?;
        assert_eq!(serde_json::from_str::<Timeline>(&text)?, timeline);
        Ok(())
    }
}
