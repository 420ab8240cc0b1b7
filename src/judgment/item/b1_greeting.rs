//! CTQ item B1, greeting: the first agent turn in, a finding out.
#![doc = include_str!("b1_greeting.md")]

use super::names::{Name, agent, name_like, organisation};
use crate::domain::facts::{AgentWait, Conversation, Facts, Turn};
use crate::domain::time::CallTime;
use crate::domain::timeline::Party;
use crate::domain::verdict::Reason;
use crate::judgment::finding::Finding;
use crate::judgment::gate::{doubt_of_line, words};
use crate::judgment::lexicon::GREETING;
use crate::judgment::passage::{Heard, best, quote, whole_turn};
use crate::judgment::sheet::NamesRequired;
use std::time::Duration;

/// The item's page.
pub(super) const DOC: &str = include_str!("b1_greeting.md");

/// Looks for words of greeting and for names at the start of the first agent turn.
pub(super) fn find(facts: &Facts, window: Duration, required: NamesRequired) -> Finding {
    let talk = match words(facts) {
        Ok(talk) => talk,
        Err(open) => return open,
    };
    let first = first_turn(talk, onset(facts, talk), window);
    let text = first.iter().map(|turn| turn.text.trim()).collect::<Vec<_>>().join(" ");
    if text.trim().is_empty() {
        return Finding::missing("no words of the agent's first turn were read");
    }
    let greeting = best(first.iter().copied(), GREETING);
    let organisation = organisation(&text, &facts.center_names);
    let agent = agent(&text, &facts.agent_names);
    let shown = first.iter().map(|turn| whole_turn(talk.call, turn));
    let has_name = match required {
        NamesRequired::Either => sure(organisation.as_ref()) || sure(agent.as_ref()),
        NamesRequired::Both => sure(organisation.as_ref()) && sure(agent.as_ref()),
    };
    if let Some(greeting) = greeting.filter(Heard::sure).filter(|_| has_name) {
        let said: Vec<String> = [&organisation, &agent]
            .into_iter()
            .flatten()
            .filter(|n| n.sure)
            .map(Name::said)
            .collect();
        let because = format!(
            "The agent greeted with {} and named {}.",
            greeting.quoted(),
            said.join(" and ")
        );
        let others = shown.filter(|other| other.span != greeting.turn.span);
        return Finding::fulfilled(because)
            .with([greeting.evidence(talk.call)])
            .with(others)
            .ranked(greeting.confidence());
    }
    let absent = absent(greeting, has_name, required);
    let doubt = doubt(&first, &text, greeting, has_name, [&organisation, &agent]);
    if let Some(why) = doubt {
        let because = format!("{absent} was read for sure, but {why}.");
        return Finding::pending(Reason::WordsUnsure { why }, because).with(shown);
    }
    if let Some(doubt) = doubt_of_line(talk, &format!("{absent} was heard")) {
        return doubt.with(shown);
    }
    let because =
        format!("{absent} was heard in the agent's first words, {}.", quote(first.iter().copied()));
    Finding::defect(because).with(shown)
}

fn sure(name: Option<&Name>) -> bool {
    name.is_some_and(|name| name.sure)
}

/// What is missing, as the subject of a sentence.
fn absent(greeting: Option<Heard<'_>>, has_name: bool, required: NamesRequired) -> String {
    let names = match required {
        NamesRequired::Either => "name of the center or the agent",
        NamesRequired::Both => "name of both the center and the agent",
    };
    match (greeting.is_some_and(|heard| heard.sure()), has_name) {
        (true, _) => format!("No {names}"),
        (false, true) => "No word of greeting".to_owned(),
        (false, false) => format!("Neither a word of greeting nor a {names}"),
    }
}

/// Why the words may hold what was not read; `None` if they are clear.
fn doubt(
    first: &[&Turn],
    text: &str,
    greeting: Option<Heard<'_>>,
    has_name: bool,
    names: [&Option<Name>; 2],
) -> Option<String> {
    if first.iter().any(|turn| turn.uncertain || turn.text.trim().is_empty()) {
        return Some("the recogniser was unsure of the words".to_owned());
    }
    if let Some(near) = greeting.filter(|heard| !heard.sure()) {
        return Some(format!("the agent may have said {}", near.quoted()));
    }
    if has_name {
        return None;
    }
    if let Some(near) = names.into_iter().flatten().find(|name| !name.sure) {
        return Some(format!("something like {} was", near.said()));
    }
    name_like(text).map(|words| format!("“{words}” may be a name"))
}

/// When the agent began to speak in this call, as the wait has it.
fn onset(facts: &Facts, talk: &Conversation) -> CallTime {
    let wait = facts.attempts.iter().find(|attempt| attempt.call == talk.call).map(|a| &a.wait);
    match wait {
        Some(AgentWait::Connected { onset, .. }) => *onset,
        _ => CallTime::ZERO,
    }
}

/// The agent's turns from the onset to our first line, as far as they begin within `window`.
fn first_turn(talk: &Conversation, onset: CallTime, window: Duration) -> Vec<&Turn> {
    let theirs: Vec<&Turn> =
        talk.turns_of(Party::FarEnd).filter(|turn| turn.span.end > onset).collect();
    let Some(begin) = theirs.first().map(|turn| turn.span.start) else { return theirs };
    let ours = talk.turns_of(Party::Prober).map(|turn| turn.span.start).find(|at| *at > begin);
    theirs
        .into_iter()
        .take_while(|turn| ours.is_none_or(|ours| turn.span.start < ours))
        .take_while(|turn| turn.span.start < begin + window)
        .collect()
}
