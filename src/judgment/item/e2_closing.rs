//! CTQ item E2, closing: the agent's last words and the end of the call in, a finding out.
#![doc = include_str!("e2_closing.md")]

use crate::domain::facts::{Conversation, Facts, Turn};
use crate::domain::time::Span;
use crate::domain::timeline::Party;
use crate::domain::verdict::{EvidenceSpan, Reason};
use crate::judgment::finding::Finding;
use crate::judgment::gate::{closing, doubt_of_line, seconds};
use crate::judgment::lexicon::CLOSING;
use crate::judgment::passage::{Heard, best, quote, whole_turn};
use std::time::Duration;

/// The item's page.
pub(super) const DOC: &str = include_str!("e2_closing.md");

/// Looks for closing words within `window` of the end, and for an agent who hung up sooner than `bye_after` after
/// our last line.
pub(super) fn find(facts: &Facts, window: Duration, bye_after: Duration) -> Finding {
    let talk = match closing(facts) {
        Ok(talk) => talk,
        Err(open) => return open,
    };
    if let Some(hung_up) = hung_up_early(talk, bye_after) {
        return hung_up;
    }
    let from = talk.ended.saturating_sub(window);
    let late: Vec<&Turn> =
        talk.turns_of(Party::FarEnd).skip(1).filter(|turn| turn.span.end >= from).collect();
    let shown = late.iter().map(|turn| whole_turn(talk.call, turn));
    match best(late.iter().copied(), CLOSING) {
        Some(heard) if heard.sure() => {
            let who = match talk.ended_by {
                Party::Prober => "we hung up",
                Party::FarEnd => "the agent hung up only after our last words",
            };
            let because = format!("The agent said {}, and {who}.", heard.quoted());
            Finding::fulfilled(because).with([heard.evidence(talk.call)]).ranked(heard.confidence())
        }
        Some(heard) => unsure(heard).with(shown),
        None if late.iter().any(|turn| turn.uncertain || turn.text.trim().is_empty()) => {
            let why = format!(
                "the recogniser was unsure of the agent's last words, {}",
                quote(late.iter().copied())
            );
            let because = "No closing words were read, but the words are not sure.";
            Finding::pending(Reason::WordsUnsure { why }, because).with(shown)
        }
        None => match doubt_of_line(talk, "No closing words were heard") {
            Some(doubt) => doubt.with(shown),
            None => Finding::defect(without_closing(&late, window)).with(shown),
        },
    }
}

fn unsure(heard: Heard<'_>) -> Finding {
    let why = format!("the agent may have said {}", heard.quoted());
    let because = format!("The words are not sure: {why}.");
    Finding::pending(Reason::WordsUnsure { why }, because)
}

fn without_closing(late: &[&Turn], window: Duration) -> String {
    if late.is_empty() {
        return format!("The agent said nothing in the last {} of the call.", seconds(window));
    }
    let last = quote(late.iter().rev().take(1).copied());
    format!("The agent did not take leave; the last words were {last}.")
}

/// The agent ended the call before our last line was over, or sooner after it than allowed.
fn hung_up_early(talk: &Conversation, bye_after: Duration) -> Option<Finding> {
    if talk.ended_by != Party::FarEnd {
        return None;
    }
    let last = talk.turns_of(Party::Prober).map(|turn| turn.span).max_by_key(|span| span.end)?;
    let after = talk.ended.saturating_since(last.end);
    if talk.ended >= last.end && after >= bye_after {
        return None;
    }
    let shown = EvidenceSpan {
        call: talk.call,
        span: Span::new(last.start, talk.ended.max(last.end)),
        party: Party::FarEnd,
        note: "the agent hung up".to_owned(),
        gloss: None,
    };
    if !talk.line_faults.is_empty() {
        let what =
            format!("the call ended early on a faulty line ({})", talk.line_faults.join("; "));
        let because = "The far end hung up on us, but the line was faulty and may have dropped.";
        return Some(Finding::pending(Reason::Unattributed { what }, because).with([shown]));
    }
    let because = if talk.ended <= last.end {
        "The agent hung up while our caller was still speaking.".to_owned()
    } else {
        format!(
            "The agent hung up {} after our last word; at least {} is due.",
            seconds(after),
            seconds(bye_after)
        )
    };
    Some(Finding::defect(because).with([shown]))
}
