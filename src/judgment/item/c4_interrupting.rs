//! CTQ item C4, interrupting: turns of both sides in, a finding out.
#![doc = include_str!("c4_interrupting.md")]

use crate::domain::facts::{Conversation, Facts, Turn};
use crate::domain::sounds::{SURE, Sounds};
use crate::domain::timeline::Party;
use crate::domain::verdict::Reason;
use crate::judgment::finding::Finding;
use crate::judgment::gate::{doubt_of_line, seconds, words};
use crate::judgment::lexicon::BACKCHANNEL;
use crate::judgment::passage::{quote, whole_turn};
use std::time::Duration;

/// The item's page.
pub(super) const DOC: &str = include_str!("c4_interrupting.md");

/// What an agent's turn that began inside one of our lines is.
enum Overlap {
    Interruption,
    Backchannel,
    Echo,
    Unreadable,
}

/// An agent who spoke so shortly before our line was interrupted by us and goes on.
const STILL_SPEAKING: Duration = Duration::from_millis(500);

/// Looks for agent speech that began more than `before_end` before the end of one of our lines and lasted at least
/// `lasting`.
pub(super) fn find(facts: &Facts, before_end: Duration, lasting: Duration) -> Finding {
    let talk = match words(facts) {
        Ok(talk) => talk,
        Err(open) => return open,
    };
    if talk.turns_of(Party::Prober).next().is_none() {
        let what = "our caller said nothing that could be cut short".to_owned();
        let because = "Our caller said nothing in this call, so nobody could cut it short.";
        return Finding::not_observed(Reason::NotExercised { what }, because);
    }
    let mut unreadable = None;
    for (ours, theirs) in overlaps(talk, before_end, lasting) {
        match read(ours, theirs) {
            Overlap::Interruption => {
                let because = format!(
                    "The agent began to speak {} before the end of our line and went on for {}: {}.",
                    seconds(ours.span.end - theirs.span.start),
                    seconds(theirs.span.duration()),
                    quote([theirs])
                );
                let shown = [whole_turn(talk.call, ours), whole_turn(talk.call, theirs)];
                return doubt_of_line(talk, "The agent seems to have cut our caller short")
                    .unwrap_or_else(|| Finding::defect(because))
                    .with(shown);
            }
            Overlap::Unreadable => unreadable = unreadable.or(Some((ours, theirs))),
            Overlap::Backchannel | Overlap::Echo => {}
        }
    }
    if let Some((ours, theirs)) = unreadable {
        let why = format!(
            "somebody spoke into our line for {}, but the words could not be read",
            seconds(theirs.span.duration())
        );
        let because =
            format!("Whether the agent interrupted or only listened aloud is open: {why}.");
        let shown = [whole_turn(talk.call, ours), whole_turn(talk.call, theirs)];
        return Finding::pending(Reason::WordsUnsure { why }, because).with(shown);
    }
    if let Some(doubt) = doubt_of_line(talk, "No interruption was found") {
        return doubt;
    }
    let lines = talk.turns_of(Party::Prober).count();
    let what = if lines == 1 { "our one line".to_owned() } else { format!("our {lines} lines") };
    Finding::fulfilled(format!("The agent let our caller finish {what}."))
}

/// Pairs of our line and an agent's turn that began too early inside it and lasted long enough.
fn overlaps(
    talk: &Conversation,
    before_end: Duration,
    lasting: Duration,
) -> impl Iterator<Item = (&Turn, &Turn)> {
    talk.turns_of(Party::Prober).flat_map(move |ours| {
        talk.turns_of(Party::FarEnd)
            .filter(move |theirs| ours.span.contains(theirs.span.start))
            .filter(move |theirs| ours.span.end - theirs.span.start > before_end)
            .filter(move |theirs| theirs.span.duration() >= lasting)
            .filter(move |_| !we_cut_in(talk, ours))
            .map(move |theirs| (ours, theirs))
    })
}

/// Whether the agent was speaking, or only breathing, when our line began.
fn we_cut_in(talk: &Conversation, ours: &Turn) -> bool {
    talk.turns_of(Party::FarEnd).any(|theirs| {
        theirs.span.start < ours.span.start && theirs.span.end + STILL_SPEAKING > ours.span.start
    })
}

fn read(ours: &Turn, theirs: &Turn) -> Overlap {
    let heard = Sounds::of(&theirs.text);
    if heard.is_empty() {
        return Overlap::Unreadable;
    }
    if only_backchannel(&theirs.text) {
        return Overlap::Backchannel;
    }
    if Sounds::of(&ours.text).find(&theirs.text, SURE).is_some() {
        return Overlap::Echo;
    }
    if theirs.uncertain { Overlap::Unreadable } else { Overlap::Interruption }
}

/// Whether nothing is left of the words once those of a listener are taken out, longest first.
fn only_backchannel(text: &str) -> bool {
    let mut rest: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    'cut: while !rest.is_empty() {
        for word in BACKCHANNEL {
            let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
            if let Some(tail) = rest.strip_prefix(&word) {
                rest = tail.to_owned();
                continue 'cut;
            }
        }
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listeners_words_are_no_interruption_however_many() {
        assert!(only_backchannel("네, 네. 그러셨군요."));
        assert!(only_backchannel("아, 네네 알겠습니다."));
        assert!(!only_backchannel("네, 그건 영업점으로 가셔야 돼요."));
    }
}
