//! The class of an attempt: from how the line ended and who was heard on it.
//!
//! A fault of ours or of the first hop is `Void` and never a center's defect; what cannot be laid to anybody is
//! `Unattributed`.

use crate::domain::record::{AttemptOutcome, AttemptRecord, CallEnding};
use crate::domain::segment::{Hearing, SegmentKind};
use crate::domain::timeline::{LocalTimeout, Q850Cause, SipStatus};

/// Classifies one attempt. `hearing` is `None` where no audio was kept.
///
/// Source: SIP status codes RFC 3261 §21, causes ITU-T Q.850 §2.2; the classes are those of the attempt ledger of
/// [`AttemptOutcome`].
pub fn outcome_of(record: &AttemptRecord, hearing: Option<&Hearing>) -> AttemptOutcome {
    match &record.ending {
        CallEnding::Refused { status, q850, rang } => refused(status, *q850, *rang),
        CallEnding::TimedOut { timer, rang } => timed_out(*timer, *rang),
        CallEnding::BusyTone { congestion: false } => AttemptOutcome::Busy,
        CallEnding::BusyTone { congestion: true } => AttemptOutcome::Congestion,
        CallEnding::Aborted { .. } => AttemptOutcome::AbortedByProbe,
        CallEnding::Completed
        | CallEnding::FarEndHungUp { .. }
        | CallEnding::QueueTimeout
        | CallEnding::Lost { .. } => answered(record, hearing),
    }
}

fn unattributed(what: impl Into<String>) -> AttemptOutcome {
    AttemptOutcome::Unattributed { what: what.into() }
}

fn refused(status: &SipStatus, q850: Option<Q850Cause>, rang: bool) -> AttemptOutcome {
    let said = || {
        let cause = q850.map_or(String::new(), |c| format!(", cause {}", c.0));
        format!("{} {}{cause}", status.code, status.phrase)
    };
    match (status.code, q850.map(|cause| cause.0)) {
        (486 | 600, _) | (_, Some(17)) => AttemptOutcome::Busy,
        (_, Some(34 | 42)) => AttemptOutcome::Congestion,
        (_, Some(18 | 19)) | (480, _) => AttemptOutcome::NoAnswer,
        (408, _) if rang => AttemptOutcome::NoAnswer,
        (503, _) if rang => AttemptOutcome::Congestion,
        (401 | 403 | 407, _) => {
            AttemptOutcome::Void { why: format!("the trunk refused our call: {}", said()) }
        }
        (415 | 484 | 488 | 606, _) => AttemptOutcome::Void {
            why: format!("our number format or codecs were refused: {}", said()),
        },
        _ => unattributed(said()),
    }
}

fn timed_out(timer: LocalTimeout, rang: bool) -> AttemptOutcome {
    match timer {
        LocalTimeout::TimerB => {
            AttemptOutcome::Void { why: "the trunk did not respond at all".to_owned() }
        }
        LocalTimeout::RingLimit | LocalTimeout::CancelUnanswered if rang => {
            AttemptOutcome::NoAnswer
        }
        LocalTimeout::TryingThenSilence | LocalTimeout::RingLimit => {
            unattributed("100 Trying, then silence")
        }
        LocalTimeout::CancelUnanswered => unattributed("no final response to our CANCEL"),
    }
}

fn answered(record: &AttemptRecord, hearing: Option<&Hearing>) -> AttemptOutcome {
    let requested = record.timeline.agent_request().is_some();
    if hearing.is_some_and(|h| h.onset.is_some()) {
        return AttemptOutcome::ConnectedHuman;
    }
    let closed = |h: &Hearing| h.segments.iter().any(|s| s.kind == SegmentKind::ClosedMessage);
    if hearing.is_some_and(closed) {
        return AttemptOutcome::ClosedMessage;
    }
    match &record.ending {
        CallEnding::QueueTimeout => AttemptOutcome::QueueTimeout,
        CallEnding::FarEndHungUp { agent_suspected: true, .. } | CallEnding::Completed => {
            unattributed("we spoke to somebody, but no person was heard afterwards")
        }
        CallEnding::FarEndHungUp { .. } if requested => AttemptOutcome::QueueReject,
        CallEnding::FarEndHungUp { .. } => {
            unattributed("the far end hung up before an agent could be asked for")
        }
        CallEnding::Lost { why } => unattributed(why.clone()),
        other => unattributed(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::attempt;
    use crate::domain::segment::{Acceptance, AgentOnset, Segment};
    use crate::domain::time::{CallTime, Span};
    use crate::domain::timeline::{EventKind, Timeline};
    use std::time::Duration;

    fn refusal(code: u16, cause: Option<u8>, rang: bool) -> &'static str {
        let status = SipStatus { code, phrase: String::new() };
        let ending = CallEnding::Refused { status, q850: cause.map(Q850Cause), rang };
        outcome_of(&attempt(ending, Timeline::default()), None).label()
    }

    #[test]
    fn every_refusal_ends_in_the_class_of_the_ledger() {
        let table = [
            (486, None, true, "busy"),
            (600, None, false, "busy"),
            (603, Some(17), false, "busy"),
            (480, None, false, "no answer"),
            (480, Some(19), true, "no answer"),
            (408, None, true, "no answer"),
            (408, None, false, "unattributed"),
            (503, None, true, "congestion"),
            (503, None, false, "unattributed"),
            (503, Some(34), false, "congestion"),
            (401, None, false, "void"),
            (403, None, false, "void"),
            (488, None, false, "void"),
            (484, None, false, "void"),
            (404, None, false, "unattributed"),
            (500, None, false, "unattributed"),
            (603, None, true, "unattributed"),
        ];
        for (code, cause, rang, class) in table {
            assert_eq!(refusal(code, cause, rang), class, "{code} {cause:?} {rang}");
        }
    }

    #[test]
    fn a_silent_trunk_is_void_and_never_a_408() {
        let class = |timer, rang| {
            let ending = CallEnding::TimedOut { timer, rang };
            outcome_of(&attempt(ending, Timeline::default()), None).label()
        };
        assert_eq!(class(LocalTimeout::TimerB, false), "void");
        assert_eq!(class(LocalTimeout::RingLimit, true), "no answer");
        assert_eq!(class(LocalTimeout::TryingThenSilence, false), "unattributed");
    }

    fn far_end_hung_up(requested: bool, hearing: &Hearing) -> &'static str {
        let mut timeline = Timeline::default();
        if requested {
            timeline.push(CallTime::from_millis(5000), EventKind::AgentRequested);
        }
        let ending = CallEnding::FarEndHungUp { agent_suspected: false, requested };
        outcome_of(&attempt(ending, timeline), Some(hearing)).label()
    }

    #[test]
    fn a_release_after_the_request_is_the_centers_and_before_it_nobodys() {
        let nothing = Hearing::default();
        assert_eq!(far_end_hung_up(true, &nothing), "released in queue");
        assert_eq!(far_end_hung_up(false, &nothing), "unattributed");
    }

    #[test]
    fn a_closed_message_and_an_agent_are_told_by_ear() {
        let span = Span::new(CallTime::ZERO, CallTime::from_millis(4000));
        let kind = SegmentKind::ClosedMessage;
        let closed = Segment { span, kind, prompt: None, because: String::new() };
        let mut hearing = Hearing { segments: vec![closed], ..Hearing::default() };
        assert_eq!(far_end_hung_up(false, &hearing), "closed message");
        hearing.onset = Some(AgentOnset {
            at: CallTime::from_millis(9000),
            within: Duration::from_millis(200),
            evidence: Vec::new(),
            acceptance: Acceptance::Accepted,
        });
        assert_eq!(far_end_hung_up(true, &hearing), "agent");
    }

    #[test]
    fn what_we_broke_off_is_ours() {
        let ending = CallEnding::Aborted { why: "stopped".to_owned() };
        let outcome = outcome_of(&attempt(ending, Timeline::default()), None);
        assert_eq!(outcome, AttemptOutcome::AbortedByProbe);
        assert!(!outcome.counts());
    }
}
