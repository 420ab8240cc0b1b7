//! CTQ item A1, line connectivity: the attempt ledger in, a finding out.
#![doc = include_str!("a1_line_connected.md")]

use crate::domain::facts::Facts;
use crate::domain::record::AttemptOutcome;
use crate::domain::verdict::Reason;
use crate::judgment::finding::Finding;
use crate::judgment::gate::{counting, our_fault, spoilt};

/// The item's page.
pub(super) const DOC: &str = include_str!("a1_line_connected.md");

/// Judges the first attempt that counts; what came later changes nothing.
pub(super) fn find(facts: &Facts) -> Finding {
    let Some(first) = counting(facts).next() else {
        return spoilt(our_fault(facts).unwrap_or_else(|| "no call got out".to_owned()));
    };
    match &first.outcome {
        AttemptOutcome::Busy => Finding::defect("The line was busy on the first attempt."),
        AttemptOutcome::NoAnswer => Finding::defect("Nobody answered the first attempt."),
        AttemptOutcome::Congestion => {
            Finding::defect("The line was congested on the first attempt.")
        }
        AttemptOutcome::Unattributed { what } if !first.answered => Finding::pending(
            Reason::Unattributed { what: what.clone() },
            format!("The first attempt failed ({what}); whose doing that was is not known."),
        ),
        AttemptOutcome::Void { why } => spoilt(why.clone()),
        AttemptOutcome::AbortedByProbe => spoilt("our program stopped".to_owned()),
        AttemptOutcome::ClosedMessage
        | AttemptOutcome::QueueReject
        | AttemptOutcome::QueueTimeout
        | AttemptOutcome::ForcedCallback
        | AttemptOutcome::NoAgentRoute
        | AttemptOutcome::Unattributed { .. }
        | AttemptOutcome::ConnectedHuman => {
            Finding::fulfilled("The first attempt got through: the line was answered.")
        }
    }
}
