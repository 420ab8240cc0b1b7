//! What follows an attempt: another one, none, or a replacement of the unit. Pure functions of how it ended.

use crate::domain::ids::AttemptNumber;
use crate::domain::record::{AttemptRecord, CallEnding};
use crate::domain::timeline::{LocalTimeout, Q850Cause};

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// The unit is dialled again, as attempt n+1, after the spacing.
    Redial,
    /// The unit has what it can have.
    Done,
    /// Our side spoilt the unit; another takes its place.
    Replace {
        /// Why, in plain words.
        why: String,
    },
}

/// What the line said, as far as a re-dial cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Our configuration or first hop: 401, 403, 407, 484, 488.
    Ours,
    /// Busy, nobody there, or congested: it may go better later.
    Passing,
    /// No such number, declined or unwanted: calling again would be wrong.
    Final,
}

/// Cause 17 user busy, 18 and 19 no answer, 34, 38, 41 and 42 congestion. Source: ITU-T Q.850 §2.2.7.
const PASSING_CAUSES: [u8; 7] = [17, 18, 19, 34, 38, 41, 42];

fn refusal(code: u16, q850: Option<Q850Cause>) -> Refusal {
    match code {
        401 | 403 | 407 | 484 | 488 => Refusal::Ours,
        408 | 480 | 486 | 500 | 503 | 504 | 600 => Refusal::Passing,
        // 603 declined, 607 unwanted (RFC 8197), 608 rejected (RFC 8688), 404, 410, 604 no such number.
        404 | 410 | 603 | 604 | 607 | 608 => Refusal::Final,
        _ if q850.is_some_and(|c| PASSING_CAUSES.contains(&c.0)) => Refusal::Passing,
        _ => Refusal::Final,
    }
}

/// What follows attempt `number` that ended so, if a unit may have `limit` attempts.
pub fn after(ending: &CallEnding, number: AttemptNumber, limit: u32) -> NextStep {
    let may_pass = match ending {
        CallEnding::Refused { status, q850, .. } => refusal(status.code, *q850) != Refusal::Final,
        CallEnding::TimedOut { .. } | CallEnding::BusyTone { .. } | CallEnding::QueueTimeout => {
            true
        }
        CallEnding::FarEndHungUp { agent_suspected, requested } => *requested && !*agent_suspected,
        // No such number: calling again would be wrong.
        CallEnding::Completed | CallEnding::Lost { .. } | CallEnding::InterceptTone => false,
        CallEnding::Aborted { why } => return NextStep::Replace { why: why.clone() },
    };
    if may_pass && number.get() < limit { NextStep::Redial } else { NextStep::Done }
}

/// What follows the attempts of a unit so far. A unit whose attempts were all void is spoilt by our side.
pub fn after_all(attempts: &[AttemptRecord], limit: u32) -> NextStep {
    let Some(last) = attempts.last() else {
        return NextStep::Redial;
    };
    match after(&last.ending, last.number, limit) {
        NextStep::Done if attempts.iter().all(|a| is_void(&a.ending)) => {
            NextStep::Replace { why: "every attempt failed on our side of the line".to_owned() }
        }
        step => step,
    }
}

/// Whether an attempt failed for a fault of our configuration or first hop, so that it counts for nobody.
pub fn is_void(ending: &CallEnding) -> bool {
    match ending {
        CallEnding::Refused { status, q850, rang: false } => {
            refusal(status.code, *q850) == Refusal::Ours
        }
        CallEnding::TimedOut { timer: LocalTimeout::TimerB, rang: false } => true,
        _ => false,
    }
}

/// Whether an ending speaks against our trunk: it is void, or came from a hop that nobody can name.
pub fn suspects_trunk(ending: &CallEnding) -> bool {
    match ending {
        CallEnding::Refused { status, rang: false, .. }
            if matches!(status.code, 500 | 503 | 504) =>
        {
            true
        }
        CallEnding::TimedOut { timer: LocalTimeout::TryingThenSilence, rang: false }
        | CallEnding::Aborted { .. } => true,
        other => is_void(other),
    }
}

/// Attempts in a row that spoke against our trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrunkHealth {
    in_a_row: u32,
}

impl TrunkHealth {
    /// So many in a row, and the campaign stops before it blames centers.
    pub const SICK: u32 = 3;

    /// Takes note of an ending; true when the trunk has to be called sick.
    pub fn is_sick_after(&mut self, ending: &CallEnding) -> bool {
        self.in_a_row = if suspects_trunk(ending) { self.in_a_row.saturating_add(1) } else { 0 };
        self.in_a_row >= Self::SICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timeline::SipStatus;
    use proptest::prelude::*;

    fn refused(code: u16, rang: bool) -> CallEnding {
        CallEnding::Refused { status: SipStatus { code, phrase: String::new() }, q850: None, rang }
    }

    fn first(ending: &CallEnding) -> NextStep {
        after(ending, AttemptNumber::FIRST, 3)
    }

    #[test]
    fn busy_congestion_and_no_answer_are_dialled_again() {
        for code in [486, 600, 480, 408, 503, 500, 504] {
            assert_eq!(first(&refused(code, true)), NextStep::Redial, "{code}");
        }
        for timer in
            [LocalTimeout::RingLimit, LocalTimeout::TimerB, LocalTimeout::TryingThenSilence]
        {
            assert_eq!(first(&CallEnding::TimedOut { timer, rang: true }), NextStep::Redial);
        }
        assert_eq!(first(&CallEnding::BusyTone { congestion: true }), NextStep::Redial);
        assert_eq!(first(&CallEnding::QueueTimeout), NextStep::Redial);
    }

    #[test]
    fn declined_unwanted_and_unknown_numbers_are_left_alone() {
        for code in [603, 607, 608, 404, 410, 604, 301, 699] {
            assert_eq!(first(&refused(code, false)), NextStep::Done, "{code}");
        }
        assert_eq!(first(&CallEnding::InterceptTone), NextStep::Done);
    }

    #[test]
    fn cause_17_with_an_odd_status_is_busy() {
        let ending = CallEnding::Refused {
            status: SipStatus { code: 487, phrase: String::new() },
            q850: Some(Q850Cause(17)),
            rang: false,
        };
        assert_eq!(first(&ending), NextStep::Redial);
    }

    #[test]
    fn released_in_the_queue_is_dialled_again_but_not_after_a_person() {
        let ended =
            |agent_suspected, requested| CallEnding::FarEndHungUp { agent_suspected, requested };
        assert_eq!(first(&ended(false, true)), NextStep::Redial);
        assert_eq!(first(&ended(true, true)), NextStep::Done);
        assert_eq!(first(&ended(false, false)), NextStep::Done);
    }

    #[test]
    fn a_finished_call_is_never_repeated_and_an_aborted_one_is_replaced() {
        assert_eq!(first(&CallEnding::Completed), NextStep::Done);
        assert_eq!(first(&CallEnding::Lost { why: "closed".into() }), NextStep::Done);
        let aborted = CallEnding::Aborted { why: "stopped".into() };
        assert_eq!(first(&aborted), NextStep::Replace { why: "stopped".into() });
    }

    #[test]
    fn three_void_endings_in_a_row_make_the_trunk_sick() {
        let mut health = TrunkHealth::default();
        let void = CallEnding::TimedOut { timer: LocalTimeout::TimerB, rang: false };
        assert!(!health.is_sick_after(&void));
        assert!(!health.is_sick_after(&refused(403, false)));
        assert!(!health.is_sick_after(&refused(486, false)));
        assert!(!health.is_sick_after(&void));
        assert!(!health.is_sick_after(&refused(503, false)));
        assert!(health.is_sick_after(&void));
    }

    #[test]
    fn a_503_after_ringing_is_the_centers_own() {
        assert!(!suspects_trunk(&refused(503, true)));
        assert!(suspects_trunk(&refused(503, false)));
        assert!(!is_void(&refused(503, false)));
    }

    proptest! {
        #[test]
        fn no_unit_gets_more_attempts_than_the_limit(code in 300u16..700, n in 1u32..9, limit in 1u32..5) {
            let number = AttemptNumber::new(n).unwrap();
            if after(&refused(code, false), number, limit) == NextStep::Redial {
                prop_assert!(n < limit);
            }
        }
    }
}
