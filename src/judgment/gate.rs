//! What must hold before an item can be judged at all: our side worked, a conversation was there, audio was kept.

use super::finding::Finding;
use crate::domain::facts::{AttemptFacts, Conversation, Facts};
use crate::domain::record::AttemptOutcome;
use crate::domain::timeline::Party;
use crate::domain::verdict::Reason;

/// Attempts that count, first to last: void and aborted ones have no ordinal.
pub(super) fn counting(facts: &Facts) -> impl Iterator<Item = &AttemptFacts> {
    facts.attempts.iter().filter(|attempt| attempt.outcome.counts())
}

/// Whether an outcome leaves open whose doing it was.
pub(super) fn unattributed(outcome: &AttemptOutcome) -> Option<String> {
    match outcome {
        AttemptOutcome::Unattributed { what } => Some(what.clone()),
        AttemptOutcome::NoAgentRoute => {
            Some("the menu seemed to have no way to an agent".to_owned())
        }
        _ => None,
    }
}

/// A fault of our own side that spoils the unit; `None` if it was all right.
pub(super) fn our_fault(facts: &Facts) -> Option<String> {
    if !facts.probe_faults.is_empty() {
        return Some(facts.probe_faults.join("; "));
    }
    if facts.attempts.is_empty() {
        return Some("no call was made".to_owned());
    }
    if facts.attempts.iter().any(|a| a.outcome == AttemptOutcome::AbortedByProbe) {
        return Some("our program stopped in the middle of a call".to_owned());
    }
    let void = facts.attempts.iter().rev().find_map(|attempt| match &attempt.outcome {
        AttemptOutcome::Void { why } => Some(why.clone()),
        _ => None,
    });
    if counting(facts).next().is_none() {
        return Some(void.unwrap_or_else(|| "no call got out".to_owned()));
    }
    None
}

/// An item that our own fault left unobserved.
pub(super) fn spoilt(what: String) -> Finding {
    let because =
        format!("Our own side failed ({what}), so this call says nothing about the center.");
    Finding::not_observed(Reason::Probe { what }, because)
}

/// The conversation with an agent, or why there is none to judge.
pub(super) fn conversation(facts: &Facts) -> Result<&Conversation, Finding> {
    if let Some(what) = our_fault(facts) {
        return Err(spoilt(what));
    }
    if let Some(talk) = &facts.conversation {
        return Ok(talk);
    }
    let reached = counting(facts).any(|a| a.outcome == AttemptOutcome::ConnectedHuman);
    if reached {
        return Err(Finding::missing("an agent was reached, but no conversation was worked up"));
    }
    let tries = counting(facts).count();
    Err(Finding::not_observed(
        Reason::Unreachable,
        format!("No agent was reached on {}, so there was no conversation to judge.", times(tries)),
    ))
}

/// The conversation with its words and sounds, or why they cannot be judged.
pub(super) fn words(facts: &Facts) -> Result<&Conversation, Finding> {
    let talk = conversation(facts)?;
    if !facts.recorded {
        return Err(Finding::not_observed(
            Reason::NoRecordingBasis,
            "No audio was kept, because the campaign declares no basis for recording.",
        ));
    }
    if talk.turns_of(Party::FarEnd).next().is_none() {
        return Err(Finding::missing("no turn of the agent was found in the recording"));
    }
    Ok(talk)
}

/// As [`words`], and our caller was still there at the end of its script: for items of the closing.
pub(super) fn closing(facts: &Facts) -> Result<&Conversation, Finding> {
    let talk = words(facts)?;
    if !talk.script_finished && talk.ended_by == Party::Prober {
        return Err(spoilt("our caller hung up before its script was through".to_owned()));
    }
    Ok(talk)
}

/// A verdict against the center that faults of the line put in doubt; `seen` is what it would rest on, as a clause.
pub(super) fn doubt_of_line(talk: &Conversation, seen: &str) -> Option<Finding> {
    if talk.line_faults.is_empty() {
        return None;
    }
    let why = format!("the line was faulty ({})", talk.line_faults.join("; "));
    let because = format!("{seen}, but {why}, so a person should listen.");
    Some(Finding::pending(Reason::WordsUnsure { why }, because))
}

/// `1 attempt`, `2 attempts`.
pub(super) fn times(count: usize) -> String {
    if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") }
}

/// Seconds with two decimals for sentences, cut off and not rounded: 20.004 s reads `20.00 s`.
pub(super) fn seconds(span: std::time::Duration) -> String {
    let millis = span.as_millis();
    format!("{}.{:02} s", millis / 1000, millis % 1000 / 10)
}
