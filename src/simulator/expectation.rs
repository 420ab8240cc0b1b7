//! What a judge should say of a unit, from the truth about its calls.
//!
//! Enters: the calls made for one unit, first to last. Leaves: a verdict for each of the seven items this simulator
//! exercises (A1, A2, A3, B1, C4, E1, E2), by the same definitions that bind the judges.

use super::behaviour::Duty;
use super::truth::{CallTruth, EndedBy, HostTime, LineTruth, Part};
use crate::domain::ctq::CtqItem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest wait that is fulfilled (KSQI 연결시간).
const WAIT_LIMIT: Duration = Duration::from_secs(20);
/// On both sides of the limit, inclusive, a person decides.
const WAIT_MARGIN: Duration = Duration::from_secs(1);
/// Earlier than this before the end of the caller's line, an agent's beginning interrupts.
const OVERLAP: Duration = Duration::from_millis(300);
/// A shorter line of the agent is a backchannel.
const BACKCHANNEL: Duration = Duration::from_millis(800);
/// A center that hangs up sooner after the caller's last word cuts the caller off.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a judge should say of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Carried out.
    Fulfilled,
    /// Not carried out.
    Defect,
    /// A person has to decide: too near to the limit, or nobody's fault for sure.
    Pending,
    /// The calls did not come to it.
    NotObserved,
}

use Expected::{Defect, Fulfilled, NotObserved, Pending};

/// What judges should say of a unit for which these calls were made, first to last; nothing for no call.
pub fn expected(calls: &[CallTruth]) -> BTreeMap<CtqItem, Expected> {
    let Some(first) = calls.first() else { return BTreeMap::new() };
    let talked = calls.iter().find(|call| call.agent_onset.is_some());
    let of_talk = |judge: fn(&CallTruth) -> Expected| talked.map_or(NotObserved, judge);
    BTreeMap::from([
        (CtqItem::A1, connectivity(first)),
        (CtqItem::A2, attempts(first)),
        (CtqItem::A3, wait(calls)),
        (CtqItem::B1, of_talk(greeting)),
        (CtqItem::C4, of_talk(interrupting)),
        (CtqItem::E1, of_talk(further_help)),
        (CtqItem::E2, of_talk(closing)),
    ])
}

/// Refusals that are laid to the center: busy here, busy everywhere, nobody there, and a 503 that was heard coming.
fn connectivity(first: &CallTruth) -> Expected {
    match (&first.answered, &first.ended_by) {
        (Some(_), _) => Fulfilled,
        (None, EndedBy::Refused { status: 486 | 600 | 480 } | EndedBy::Caller) => Defect,
        (None, EndedBy::Refused { status: 503 }) if !first.segments.is_empty() => Defect,
        (None, _) => Pending,
    }
}

fn attempts(first: &CallTruth) -> Expected {
    match connectivity(first) {
        Fulfilled if first.agent_onset.is_none() => Defect,
        other => other,
    }
}

/// From the request to the agent's first word, on each call; one that ended without an agent waited until its end.
fn wait(calls: &[CallTruth]) -> Expected {
    let waited = |call: &CallTruth| {
        let requested = call.requested?;
        Some(call.agent_onset.unwrap_or(call.ended).since(requested))
    };
    let longest = calls.iter().filter_map(waited).max();
    let reached = calls.iter().any(|call| call.agent_onset.is_some());
    match longest {
        Some(wait) if wait > WAIT_LIMIT + WAIT_MARGIN => Defect,
        Some(wait) if reached && wait + WAIT_MARGIN >= WAIT_LIMIT => Pending,
        Some(_) if reached => Fulfilled,
        _ => Defect,
    }
}

fn said(call: &CallTruth, part: Part) -> bool {
    call.lines.iter().any(|line| line.part == part && !line.cut)
}

/// Fulfilled if said; a defect if it was due and not said; a line cut by the caller was not observed.
fn duty(call: &CallTruth, duty: Duty, part: Part) -> Expected {
    let cut = call.lines.iter().any(|line| line.part == part && line.cut);
    if said(call, part) {
        Fulfilled
    } else if call.due.contains(&duty) && !(cut && call.ended_by == EndedBy::Caller) {
        Defect
    } else {
        NotObserved
    }
}

fn greeting(call: &CallTruth) -> Expected {
    duty(call, Duty::Greeting, Part::Greeting)
}

fn further_help(call: &CallTruth) -> Expected {
    duty(call, Duty::FurtherHelp, Part::FurtherHelp)
}

fn interrupting(call: &CallTruth) -> Expected {
    let cuts = |line: &LineTruth| {
        let length = line.span.end.since(line.span.start);
        call.caller.iter().any(|caller| {
            caller.start < line.span.start
                && caller.end.since(line.span.start) > OVERLAP
                && length >= BACKCHANNEL
        })
    };
    if call.lines.iter().any(cuts) {
        Defect
    } else if call.caller.is_empty() {
        NotObserved
    } else {
        Fulfilled
    }
}

fn closing(call: &CallTruth) -> Expected {
    let last_word: Option<HostTime> = call.caller.iter().map(|span| span.end).max();
    let cut_off = call.ended_by == EndedBy::Center
        && last_word.is_some_and(|end| call.ended.since(end) < LAST_WORD);
    match duty(call, Duty::Closing, Part::Closing) {
        Fulfilled if cut_off => Defect,
        other => other,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::simulator::truth::{HostSpan, TRUTH_VERSION};

    pub(crate) fn at(ms: u64) -> HostTime {
        HostTime(ms * 1_000_000)
    }

    fn line(part: Part, from: u64, to: u64) -> LineTruth {
        let span = HostSpan { start: at(from), end: at(to) };
        LineTruth { part, clip: String::new(), text: String::new(), span, cut: false }
    }

    /// Requested at 5 s, agent at 5 s + `wait`, everything done, the caller hangs up.
    fn clean(wait: u64) -> CallTruth {
        let onset = 5_000 + wait;
        CallTruth {
            version: TRUTH_VERSION,
            sip_call_id: "x".into(),
            center: "test".into(),
            arrival: 0,
            behaviour: 0,
            name: String::new(),
            seed: 0,
            invited: at(0),
            answered: Some(at(1_000)),
            digits: Vec::new(),
            requested: Some(at(5_000)),
            bridged: Some(at(onset)),
            agent_onset: Some(at(onset)),
            agent: Some("김민지".into()),
            segments: Vec::new(),
            lines: vec![
                line(Part::Greeting, onset, onset + 5_000),
                line(Part::Reply, onset + 10_000, onset + 13_000),
                line(Part::FurtherHelp, onset + 14_000, onset + 16_000),
                line(Part::Closing, onset + 21_000, onset + 24_000),
            ],
            caller: vec![
                HostSpan { start: at(onset + 6_000), end: at(onset + 9_000) },
                HostSpan { start: at(onset + 17_000), end: at(onset + 20_000) },
            ],
            due: vec![Duty::Greeting, Duty::FurtherHelp, Duty::Closing],
            ended: at(onset + 25_000),
            ended_by: EndedBy::Caller,
            expected: BTreeMap::new(),
        }
    }

    fn busy() -> CallTruth {
        CallTruth {
            answered: None,
            requested: None,
            agent_onset: None,
            agent: None,
            lines: Vec::new(),
            caller: Vec::new(),
            due: Vec::new(),
            ended_by: EndedBy::Refused { status: 486 },
            ..clean(0)
        }
    }

    fn of(item: CtqItem, calls: &[CallTruth]) -> Expected {
        expected(calls)[&item]
    }

    #[test]
    fn a_clean_call_of_3_s_is_fulfilled_in_all_seven() {
        let all = expected(&[clean(3_000)]);
        assert_eq!(all.len(), 7);
        assert!(all.values().all(|v| *v == Fulfilled), "{all:?}");
    }

    #[test]
    fn a_wait_of_19_to_21_s_is_pending_on_both_sides() {
        let cases = [(18_999, Fulfilled), (19_000, Pending), (21_000, Pending), (21_001, Defect)];
        for (wait, verdict) in cases {
            assert_eq!(of(CtqItem::A3, &[clean(wait)]), verdict, "{wait}");
        }
    }

    #[test]
    fn busy_then_success_is_a_defect_of_a1_and_a2_alone() {
        let all = expected(&[busy(), clean(3_000)]);
        assert_eq!((all[&CtqItem::A1], all[&CtqItem::A2]), (Defect, Defect));
        assert_eq!((all[&CtqItem::A3], all[&CtqItem::E2]), (Fulfilled, Fulfilled));
    }

    #[test]
    fn a_unit_that_reached_nobody_has_no_conversation() {
        let all = expected(&[busy()]);
        assert_eq!(all[&CtqItem::A3], Defect);
        assert!(
            [CtqItem::B1, CtqItem::C4, CtqItem::E1, CtqItem::E2]
                .iter()
                .all(|i| all[i] == NotObserved)
        );
    }

    #[test]
    fn a_refusal_that_may_be_the_networks_is_pending() {
        let refused = CallTruth { ended_by: EndedBy::Refused { status: 500 }, ..busy() };
        assert_eq!(of(CtqItem::A1, std::slice::from_ref(&refused)), Pending);
        assert_eq!(of(CtqItem::A2, &[refused]), Pending);
    }

    #[test]
    fn a_long_wait_on_an_earlier_attempt_stays_a_defect() {
        let gave_up = CallTruth { agent_onset: None, ended: at(30_000), ..clean(0) };
        assert_eq!(of(CtqItem::A3, &[gave_up, clean(2_000)]), Defect);
    }

    #[test]
    fn an_agent_who_starts_301_ms_early_interrupts_and_300_ms_does_not() {
        for (early, verdict) in [(300, Fulfilled), (301, Defect)] {
            let mut call = clean(3_000);
            call.lines[1].span.start = at(17_000 - early);
            assert_eq!(of(CtqItem::C4, &[call]), verdict, "{early}");
        }
    }

    #[test]
    fn hanging_up_within_1_s_of_the_callers_last_word_spoils_the_closing() {
        for (after, verdict) in [(999, Defect), (1_000, Fulfilled)] {
            let mut call = clean(3_000);
            call.ended_by = EndedBy::Center;
            call.caller[1].end = at(32_000);
            call.ended = at(32_000 + after);
            assert_eq!(of(CtqItem::E2, &[call]), verdict, "{after}");
        }
    }

    #[test]
    fn a_duty_that_was_not_due_yet_is_not_observed() {
        let mut call = clean(3_000);
        call.lines.truncate(2);
        assert_eq!(of(CtqItem::E1, std::slice::from_ref(&call)), Defect);
        call.due = vec![Duty::Greeting];
        assert_eq!(of(CtqItem::E1, std::slice::from_ref(&call)), NotObserved);
        assert_eq!(of(CtqItem::E2, &[call]), NotObserved);
    }
}
