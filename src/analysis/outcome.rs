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
