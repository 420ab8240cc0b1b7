//! One verdict out of several judgments of the same item in the same call.

use crate::domain::verdict::{Judge, Judgment, Reason, Verdict};

/// The verdict that counts: an adjudicator's over a monitor's over the machine's; of the same kind of judge the last
/// given. Monitors whose last decisions differ leave the item pending until somebody adjudicates. `None` for no
/// judgments.
///
/// `judgments` are those of one item in one unit, oldest first.
pub fn resolve(judgments: &[&Judgment]) -> Option<Verdict> {
    let last = |wanted: fn(&Judge) -> bool| {
        judgments.iter().rev().find(|j| wanted(&j.judge)).map(|j| j.verdict.clone())
    };
    last(|judge| matches!(judge, Judge::Adjudicator { .. }))
        .or_else(|| monitors(judgments))
        .or_else(|| last(|judge| matches!(judge, Judge::Machine { .. })))
}

/// What the monitors say together; each monitor's last word counts.
fn monitors(judgments: &[&Judgment]) -> Option<Verdict> {
    let mut words: Vec<(&str, &Verdict)> = Vec::new();
    for judgment in judgments {
        if let Judge::Monitor { name } = &judgment.judge {
            words.retain(|(other, _)| other != name);
            words.push((name, &judgment.verdict));
        }
    }
    let (_, verdict) = words.last()?;
    let agree = words.iter().all(|(_, other)| other.word() == verdict.word());
    Some(if agree { (*verdict).clone() } else { Verdict::Pending(Reason::MonitorsDiffer) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ctq::CtqItem;
    use crate::domain::ids::UnitId;
    use crate::domain::verdict::Confidence;

    fn by(judge: Judge, verdict: Verdict) -> Judgment {
        Judgment {
            unit: UnitId::new("center.q1.01").expect("a unit"),
            item: CtqItem::B1,
            verdict,
            because: "A test says so.".to_owned(),
            evidence: Vec::new(),
            confidence: Confidence(1.0),
            judge,
        }
    }

    fn machine() -> Judge {
        Judge::Machine { rule: "greeting".to_owned(), version: 1 }
    }

    fn monitor(name: &str) -> Judge {
        Judge::Monitor { name: name.to_owned() }
    }

    fn resolved(judgments: &[Judgment]) -> Option<Verdict> {
        resolve(&judgments.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_monitor_overrules_the_machine_even_if_the_machine_judges_again() {
        let judgments = [
            by(machine(), Verdict::Defect),
            by(monitor("kim"), Verdict::Fulfilled),
            by(machine(), Verdict::Defect),
        ];
        assert_eq!(resolved(&judgments), Some(Verdict::Fulfilled));
        assert_eq!(resolved(&judgments[..1]), Some(Verdict::Defect));
        assert_eq!(resolved(&[]), None);
    }

    #[test]
    fn monitors_who_differ_leave_the_item_pending_until_it_is_adjudicated() {
        let mut judgments =
            vec![by(monitor("kim"), Verdict::Fulfilled), by(monitor("lee"), Verdict::Defect)];
        assert_eq!(resolved(&judgments), Some(Verdict::Pending(Reason::MonitorsDiffer)));
        judgments.push(by(Judge::Adjudicator { name: "park".to_owned() }, Verdict::Defect));
        assert_eq!(resolved(&judgments), Some(Verdict::Defect));
    }

    #[test]
    fn a_monitor_may_change_her_mind() {
        let judgments = [
            by(monitor("kim"), Verdict::Fulfilled),
            by(monitor("lee"), Verdict::Defect),
            by(monitor("kim"), Verdict::Defect),
        ];
        assert_eq!(resolved(&judgments), Some(Verdict::Defect));
    }
}
