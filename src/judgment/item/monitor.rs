//! What is said of items that only a human monitor judges: facts in, the most exact reason out.

use crate::domain::facts::Facts;
use crate::domain::timeline::Party;
use crate::domain::verdict::Reason;
use crate::judgment::finding::Finding;
use crate::judgment::gate::words;

/// An item for which it is enough that the agent was heard.
pub(super) fn listened(facts: &Facts, whether: &str) -> Finding {
    match words(facts) {
        Err(open) => open,
        Ok(_) => unjudged(whether),
    }
}

/// An item that needs an enquiry of our caller's.
pub(super) fn enquired(facts: &Facts, whether: &str) -> Finding {
    match words(facts) {
        Err(open) => open,
        Ok(talk) if talk.turns_of(Party::Prober).next().is_none() => {
            let what = "our caller asked nothing in this call".to_owned();
            let because = format!("Nobody can tell {whether}, because {what}.");
            Finding::not_observed(Reason::NotExercised { what }, because)
        }
        Ok(_) => unjudged(whether),
    }
}

fn unjudged(whether: &str) -> Finding {
    let because = format!(
        "This version has no rule that tells {whether}; a human monitor can judge it from the recording."
    );
    Finding::not_observed(Reason::NoJudgeYet, because)
}
