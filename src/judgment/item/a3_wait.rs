//! CTQ item A3, agent wait: the waits of all attempts in, a finding out.
#![doc = include_str!("a3_wait.md")]

use crate::domain::facts::{AgentWait, AttemptFacts, Facts};
use crate::domain::record::AttemptOutcome;
use crate::domain::segment::Acceptance;
use crate::domain::time::Span;
use crate::domain::timeline::Party;
use crate::domain::verdict::{EvidenceSpan, Reason};
use crate::judgment::finding::Finding;
use crate::judgment::gate::{counting, our_fault, seconds, spoilt, times, unattributed};
use std::time::Duration;

/// The item's page.
pub(super) const DOC: &str = include_str!("a3_wait.md");

/// What one attempt says of the wait.
enum Said {
    /// Nothing: no agent was requested, or the call was released before the limit.
    Nothing,
    /// An agent came in time.
    InTime(Finding),
    /// Longer than the limit and its margin.
    TooLong(Finding),
    /// A person has to decide.
    Open(Finding),
}

/// Judges the worst wait of all attempts that count.
pub(super) fn find(facts: &Facts, limit: Duration, margin: Duration) -> Finding {
    let connected = counting(facts).any(reached);
    if !connected && let Some(what) = our_fault(facts) {
        return spoilt(what);
    }
    let (mut in_time, mut open) = (None, None);
    for attempt in counting(facts) {
        match said(attempt, limit, margin) {
            Said::Nothing => {}
            Said::InTime(finding) => in_time = Some(finding),
            Said::TooLong(finding) => return finding,
            Said::Open(finding) => open = open.or(Some(finding)),
        }
    }
    if !connected {
        return unreachable(facts);
    }
    open.or(in_time).unwrap_or_else(|| {
        Finding::missing("an agent was reached, but when one was requested is not known")
    })
}

fn reached(attempt: &AttemptFacts) -> bool {
    attempt.outcome == AttemptOutcome::ConnectedHuman || attempt.wait.connected().is_some()
}

fn said(attempt: &AttemptFacts, limit: Duration, margin: Duration) -> Said {
    match &attempt.wait {
        AgentWait::NotRequested => Said::Nothing,
        AgentWait::Connected { requested, onset, within, acceptance, evidence } => {
            let span = Span::new(*requested, *onset);
            let shown = evidence_of(attempt, span, evidence);
            if let Acceptance::Review { why, listen } = acceptance {
                let because = format!(
                    "The agent seems to have spoken after {}, but that moment is not sure: {why}.",
                    seconds(span.duration())
                );
                let listen = EvidenceSpan {
                    span: *listen,
                    note: "listen here for the first words of a person".to_owned(),
                    ..shown.clone()
                };
                let reason = Reason::OnsetUnsure { why: why.clone() };
                return Said::Open(Finding::pending(reason, because).with([shown, listen]));
            }
            weigh(span.duration(), limit, margin.max(*within), shown)
        }
        AgentWait::NeverConnected { requested, waited } => {
            let shown = evidence_of(attempt, Span::new(*requested, *requested + *waited), &[]);
            without_agent(attempt, *waited, limit, margin, shown)
        }
    }
}

fn weigh(waited: Duration, limit: Duration, margin: Duration, shown: EvidenceSpan) -> Said {
    let (took, most) = (seconds(waited), seconds(limit));
    if !margin.is_zero() && waited.abs_diff(limit) <= margin {
        let because = format!(
            "The wait of {took} is within {} of the limit of {most}, so a person decides.",
            seconds(margin)
        );
        return Said::Open(Finding::pending(Reason::Borderline, because).with([shown]));
    }
    if waited > limit {
        let because =
            format!("The agent spoke {took} after being requested; at most {most} is allowed.");
        return Said::TooLong(Finding::defect(because).with([shown]));
    }
    let because = format!("The agent spoke {took} after being requested, within {most}.");
    Said::InTime(Finding::fulfilled(because).with([shown]))
}

fn without_agent(
    attempt: &AttemptFacts,
    waited: Duration,
    limit: Duration,
    margin: Duration,
    shown: EvidenceSpan,
) -> Said {
    if waited + margin < limit || (margin.is_zero() && waited <= limit) {
        return Said::Nothing;
    }
    let took = seconds(waited);
    if let Some(what) = unattributed(&attempt.outcome) {
        let because =
            format!("No agent came for {took}, but that cannot be laid to the center ({what}).");
        return Said::Open(Finding::pending(Reason::Unattributed { what }, because).with([shown]));
    }
    if waited.saturating_sub(limit) <= margin && !margin.is_zero() {
        let because = format!(
            "On attempt {} no agent came for {took}, which is within {} of the limit, so a person decides.",
            attempt.number,
            seconds(margin)
        );
        return Said::Open(Finding::pending(Reason::Borderline, because).with([shown]));
    }
    let because = format!(
        "On attempt {} no agent came for {took} after one was requested; at most {} is allowed.",
        attempt.number,
        seconds(limit)
    );
    Said::TooLong(Finding::defect(because).with([shown]))
}

/// No attempt reached an agent, and none waited beyond the limit.
fn unreachable(facts: &Facts) -> Finding {
    let tries = times(counting(facts).count());
    let open = counting(facts).map(|a| unattributed(&a.outcome)).collect::<Option<Vec<_>>>();
    if let Some(what) = open {
        let what = what.join("; ");
        let because = format!(
            "No agent was reached on {tries}, but that cannot be laid to the center ({what})."
        );
        return Finding::pending(Reason::Unattributed { what }, because);
    }
    Finding::defect(format!("No agent was reached on {tries}, so the wait never ended."))
}

fn evidence_of(attempt: &AttemptFacts, span: Span, evidence: &[String]) -> EvidenceSpan {
    let mut note =
        format!("attempt {}: waited {} for an agent", attempt.number, seconds(span.duration()));
    if !evidence.is_empty() {
        note.push_str("; ");
        note.push_str(&evidence.join(", "));
    }
    EvidenceSpan { call: attempt.call, span, party: Party::FarEnd, note, gloss: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AttemptNumber, CallId, UnitId};
    use crate::domain::time::CallTime;
    use crate::domain::verdict::Verdict;

    fn verdict(waited: Duration, margin: Duration, within: Duration) -> Verdict {
        let requested = CallTime::from_millis(8_000);
        let wait = AgentWait::Connected {
            requested,
            onset: requested + waited,
            within,
            acceptance: Acceptance::Accepted,
            evidence: Vec::new(),
        };
        let attempt = AttemptFacts {
            number: AttemptNumber::FIRST,
            call: "018f0000-0000-7000-8000-000000000001".parse::<CallId>().expect("a call"),
            outcome: AttemptOutcome::ConnectedHuman,
            answered: true,
            requests: 1,
            wait,
        };
        let facts = Facts {
            unit: UnitId::new("center.q1.01").expect("a unit"),
            center_names: Vec::new(),
            agent_names: Vec::new(),
            attempts: vec![attempt],
            conversation: None,
            probe_faults: Vec::new(),
            recorded: true,
        };
        match find(&facts, Duration::from_secs(20), margin) {
            Finding::Judged { verdict, .. } => verdict,
            Finding::Missing { what } => panic!("{what}"),
        }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn with_no_margin_20_000_s_is_fulfilled_and_20_001_s_is_a_defect() {
        assert_eq!(verdict(ms(20_000), ms(0), ms(0)), Verdict::Fulfilled);
        assert_eq!(verdict(ms(20_001), ms(0), ms(0)), Verdict::Defect);
    }

    #[test]
    fn a_margin_of_1_s_is_inclusive_on_both_sides() {
        let at = |millis| verdict(ms(millis), ms(1_000), ms(0));
        assert_eq!(at(18_999), Verdict::Fulfilled);
        assert_eq!(at(19_000), Verdict::Pending(Reason::Borderline));
        assert_eq!(at(21_000), Verdict::Pending(Reason::Borderline));
        assert_eq!(at(21_001), Verdict::Defect);
    }

    #[test]
    fn an_onset_that_may_lie_2_s_away_widens_the_margin() {
        assert_eq!(verdict(ms(22_000), ms(1_000), ms(2_000)), Verdict::Pending(Reason::Borderline));
        assert_eq!(verdict(ms(22_001), ms(1_000), ms(2_000)), Verdict::Defect);
    }
}
