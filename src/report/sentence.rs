//! One sentence per center that a newcomer understands. Enters: a center's figures. Leaves: English prose that never
//! says more than was observed.

use super::figures::{CenterFigures, Longest};
use super::model::{CenterReport, ItemFigures};
use super::words::{counted, defect_clause, listed, seconds};
use crate::domain::ctq::CtqItem;
use std::fmt::Write as _;

/// Items whose defects are told one by one; the rest are counted.
const TOLD: usize = 3;

/// Says in one sentence how `center` did: the wait, who was not reached, the defects by item with their counts,
/// and how many verdicts are still open.
pub fn sentence(center: &CenterReport) -> String {
    let figures = CenterFigures::of(center);
    let name = center.spoken_name();
    if figures.dialled == 0 {
        return format!("{name} has not been called yet.");
    }
    let mut text = reach(name, &figures);
    text.push_str("; ");
    text.push_str(&defects(center, &figures));
    let total = center.score.total;
    let mut open = Vec::new();
    if total.pending > 0 {
        let waits = if total.pending == 1 { "waits" } else { "wait" };
        open.push(format!("{} {waits} for a person", counted(total.pending as usize, "verdict")));
    }
    if total.unobserved > 0 {
        open.push(format!("{} could not be observed", total.unobserved));
    }
    if !open.is_empty() {
        text.push_str(" (");
        text.push_str(&listed(&open));
        text.push(')');
    }
    text.push('.');
    text
}

fn reach(name: &str, figures: &CenterFigures) -> String {
    let Some(median) = figures.median else {
        let calls = if figures.dialled == 1 {
            "the one call".to_owned()
        } else {
            format!("any of {} calls", figures.dialled)
        };
        let longest = figures
            .longest
            .map(|l| format!(", after waiting up to {}", seconds(l.waited())))
            .unwrap_or_default();
        return format!("{name} put no agent on the line in {calls}{longest}");
    };
    let wait = if figures.reached == 1 {
        format!("{} after being asked for in the one call that reached one", seconds(median))
    } else {
        format!(
            "{} after being asked for in the median of {} calls",
            seconds(median),
            figures.reached
        )
    };
    let mut text = format!("At {name} an agent spoke {wait}");
    match figures.longest {
        Some(Longest::Connected(longest)) if longest > median => {
            let _ = write!(text, " ({} at worst)", seconds(longest));
        }
        Some(Longest::NeverConnected(longest)) if longest > median => {
            let _ = write!(text, " (at worst, nobody came within {})", seconds(longest));
        }
        _ => {}
    }
    if figures.unreached() > 0 {
        let _ = write!(text, ", and {} reached nobody", counted(figures.unreached(), "call"));
    }
    if figures.unconfirmed > 0 {
        let _ = write!(
            text,
            ", with {} still to be confirmed by ear",
            counted(figures.unconfirmed, "wait")
        );
    }
    text
}

/// Whether the clause about who was reached has already told most of what a defect of the item means.
fn already_told(item: CtqItem, figures: &CenterFigures) -> bool {
    item == CtqItem::A2 && figures.unreached() > 0
}

fn defects(center: &CenterReport, figures: &CenterFigures) -> String {
    let total = center.score.total;
    if total.judged() == 0 {
        return "nothing could be judged yet".to_owned();
    }
    if total.defects == 0 {
        let verdicts = counted(total.judged() as usize, "verdict");
        return format!("no defect was found in the {verdicts} reached");
    }
    let mut found: Vec<&ItemFigures> =
        center.score.items.iter().filter(|i| i.tally.defects > 0).collect();
    found.sort_by_key(|i| (already_told(i.item, figures), std::cmp::Reverse(i.tally.defects)));
    let mut parts: Vec<String> = found
        .iter()
        .take(TOLD)
        .map(|i| {
            let judged = i.tally.judged() as usize;
            let share = if judged == 1 {
                "in the only call judged".to_owned()
            } else {
                format!("in {} of {judged} calls", i.tally.defects)
            };
            format!("{share} {}", defect_clause(i.item))
        })
        .collect();
    if found.len() > TOLD {
        parts.push(format!("{} more had defects", counted(found.len() - TOLD, "item")));
    }
    listed(&parts)
}
