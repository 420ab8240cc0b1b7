//! CTQ item A2, attempts to reach an agent: the attempt ledger in, a finding out.
#![doc = include_str!("a2_attempts.md")]

use crate::domain::facts::{AgentWait, AttemptFacts, Facts};
use crate::domain::record::AttemptOutcome;
use crate::domain::segment::Acceptance;
use crate::domain::verdict::Reason;
use crate::judgment::finding::Finding;
use crate::judgment::gate::{counting, our_fault, spoilt, times, unattributed};

/// The item's page.
pub(super) const DOC: &str = include_str!("a2_attempts.md");

/// Counts requests until an agent spoke. Attempts that cannot be laid to anybody are counted both ways: only if
/// that changes the verdict does a person decide.
pub(super) fn find(facts: &Facts, max: u32) -> Finding {
    let connected = counting(facts).position(|a| a.outcome == AttemptOutcome::ConnectedHuman);
    if connected.is_none()
        && let Some(what) = our_fault(facts)
    {
        return spoilt(what);
    }
    match connected {
        Some(place) => reached(facts, place, max),
        None => never(facts),
    }
}

fn reached(facts: &Facts, place: usize, max: u32) -> Finding {
    let until: Vec<&AttemptFacts> = counting(facts).take(place + 1).collect();
    let open = until.iter().find_map(|a| unattributed(&a.outcome));
    let most: u32 = until.iter().map(|a| tries(a)).fold(0, u32::saturating_add);
    let least = until
        .iter()
        .filter(|a| unattributed(&a.outcome).is_none())
        .map(|a| tries(a))
        .fold(0, u32::saturating_add);
    if least > max {
        return Finding::defect(too_many(&until, least, max));
    }
    if let Some(what) = open.filter(|_| most > max) {
        let because = format!(
            "An agent was reached, but an earlier attempt failed in a way that cannot be laid to the center ({what})."
        );
        return Finding::pending(Reason::Unattributed { what }, because);
    }
    if let Some(AgentWait::Connected { acceptance: Acceptance::Review { why, .. }, .. }) =
        until.last().map(|a| &a.wait)
    {
        let because = format!("Whether an agent spoke on this attempt is not sure: {why}.");
        return Finding::pending(Reason::OnsetUnsure { why: why.clone() }, because);
    }
    Finding::fulfilled(format!("An agent was reached in {}.", times(most as usize)))
}

fn too_many(until: &[&AttemptFacts], tries: u32, max: u32) -> String {
    let earlier: Vec<&str> = until.iter().rev().skip(1).rev().map(|a| a.outcome.label()).collect();
    let why = if earlier.is_empty() {
        "the agent had to be requested more than once in the call".to_owned()
    } else {
        format!("before that: {}", earlier.join(", "))
    };
    format!(
        "It took {} to reach an agent ({why}); at most {max} is allowed.",
        times(tries as usize)
    )
}

fn never(facts: &Facts) -> Finding {
    let failed: Vec<&str> = counting(facts)
        .filter(|a| unattributed(&a.outcome).is_none())
        .map(|a| a.outcome.label())
        .collect();
    if !failed.is_empty() {
        let because = format!(
            "No agent was reached on {} ({}).",
            times(counting(facts).count()),
            failed.join(", ")
        );
        return Finding::defect(because);
    }
    let what = counting(facts).find_map(|a| unattributed(&a.outcome)).unwrap_or_default();
    let because = format!("No agent was reached, but that cannot be laid to the center ({what}).");
    Finding::pending(Reason::Unattributed { what }, because)
}

/// An attempt is one try, or as many as agents were requested in it.
fn tries(attempt: &AttemptFacts) -> u32 {
    attempt.requests.max(1)
}
