//! CTQ item E1, further help: the agent's words at the end of the call in, a finding out.
#![doc = include_str!("e1_further_help.md")]

use crate::domain::facts::{Facts, Turn};
use crate::domain::timeline::Party;
use crate::domain::verdict::Reason;
use crate::judgment::finding::Finding;
use crate::judgment::gate::{closing, doubt_of_line, seconds};
use crate::judgment::lexicon::FURTHER_HELP;
use crate::judgment::passage::{Heard, best, quote, whole_turn};
use std::time::Duration;

/// The item's page.
pub(super) const DOC: &str = include_str!("e1_further_help.md");

/// Looks for the question in the agent's turns that end within `window` of the end of the call.
pub(super) fn find(facts: &Facts, window: Duration) -> Finding {
    let talk = match closing(facts) {
        Ok(talk) => talk,
        Err(open) => return open,
    };
    let from = talk.ended.saturating_sub(window);
    let (late, early): (Vec<&Turn>, Vec<&Turn>) =
        talk.turns_of(Party::FarEnd).partition(|turn| turn.span.end >= from);
    let heard = best(late.iter().copied(), FURTHER_HELP);
    if let Some(heard) = heard.filter(Heard::sure) {
        let before = seconds(talk.ended - heard.turn.span.end);
        let because = format!("The agent asked {} {before} before the end.", heard.quoted());
        return Finding::fulfilled(because)
            .with([heard.evidence(talk.call)])
            .ranked(heard.confidence());
    }
    if let Some(early) = best(early, FURTHER_HELP).filter(Heard::sure) {
        let before = seconds(talk.ended - early.turn.span.end);
        let because = format!(
            "The agent asked {}, but {before} before the end, earlier than the last {}.",
            early.quoted(),
            seconds(window)
        );
        return Finding::pending(Reason::Borderline, because).with([early.evidence(talk.call)]);
    }
    let shown = late.iter().map(|turn| whole_turn(talk.call, turn));
    if let Some(heard) = heard {
        let why = format!("the agent may have asked {}", heard.quoted());
        let because = format!("The words are not sure: {why}.");
        return Finding::pending(Reason::WordsUnsure { why }, because).with(shown);
    }
    if late.iter().any(|turn| turn.uncertain || turn.text.trim().is_empty()) {
        let why = format!(
            "the recogniser was unsure of the agent's last words, {}",
            quote(late.iter().copied())
        );
        let because = "No question for further help was read, but the words are not sure.";
        return Finding::pending(Reason::WordsUnsure { why }, because).with(shown);
    }
    if let Some(doubt) = doubt_of_line(talk, "No question for further help was heard") {
        return doubt.with(shown);
    }
    let because = if late.is_empty() {
        format!("The agent said nothing in the last {} of the call.", seconds(window))
    } else {
        format!(
            "The agent did not ask whether anything else was needed; the last words were {}.",
            quote(late.iter().rev().take(2).rev().copied())
        )
    };
    Finding::defect(because).with(shown)
}
