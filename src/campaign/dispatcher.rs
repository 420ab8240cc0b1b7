//! Which unit is dialled next: one call at a time per center, so many at once over all, so many per second.
//!
//! Enters: units that are ready from some instant on, the ending of calls, the time. Leaves: a decision. It waits for
//! nothing itself.

use crate::domain::ids::{CenterId, UnitId};
use crate::domain::plan::ProbeCall;
use crate::domain::time::WallTime;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How fast calls may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls that may run at once, over all centers.
    pub concurrent: usize,
    /// Calls that may run at once to one center: 1 but for simulated ones.
    pub per_center: usize,
    /// Least time between the starts of two calls.
    pub between_calls: Duration,
}

impl Default for Limits {
    /// Two calls at once, one start a second.
    fn default() -> Self {
        Self { concurrent: 2, per_center: 1, between_calls: Duration::from_secs(1) }
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Dial this unit.
    Dial(Box<ProbeCall>),
    /// Nothing before this instant, unless a call ends first.
    WaitUntil(WallTime),
    /// Nothing before a call ends.
    WaitForCall,
    /// No unit is left and no call runs.
    Drained,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: BTreeMap<(WallTime, UnitId), ProbeCall>,
    live: BTreeSet<UnitId>,
}

/// The units of a run.
#[derive(Debug)]
pub struct Dispatcher {
    limits: Limits,
    lanes: BTreeMap<CenterId, Lane>,
    live: usize,
    last_start: Option<WallTime>,
}

impl Dispatcher {
    /// An empty dispatcher; a limit of 0 calls at once counts as 1.
    pub fn new(limits: Limits) -> Self {
        let (concurrent, per_center) = (limits.concurrent.max(1), limits.per_center.max(1));
        let limits = Limits { concurrent, per_center, ..limits };
        Self { limits, lanes: BTreeMap::new(), live: 0, last_start: None }
    }

    /// Adds a unit that may be dialled from `ready` on.
    pub fn add(&mut self, unit: ProbeCall, ready: WallTime) {
        let lane = self.lanes.entry(unit.center.clone()).or_default();
        lane.waiting.insert((ready, unit.unit.clone()), unit);
    }

    /// Units that wait, and calls that run.
    pub fn counts(&self) -> (usize, usize) {
        (self.lanes.values().map(|lane| lane.waiting.len()).sum(), self.live)
    }

    /// What to do at `now`. A unit that is to be dialled counts as running until [`Self::ended`].
    pub fn next(&mut self, now: WallTime) -> Decision {
        let most = self.limits.per_center;
        let free = self.lanes.values().filter(|lane| lane.live.len() < most);
        let first = free.filter_map(|lane| lane.waiting.first_key_value()).min_by_key(|(k, _)| *k);
        let Some(((ready, unit), call)) = first else {
            return if self.live > 0 { Decision::WaitForCall } else { Decision::Drained };
        };
        if self.live >= self.limits.concurrent {
            return Decision::WaitForCall;
        }
        let paced = self.last_start.map(|at| later(at, self.limits.between_calls));
        // A clock that was set back does not stop the campaign.
        let paced = paced.filter(|p| *p <= later(now, self.limits.between_calls));
        let from = paced.map_or(*ready, |p| p.max(*ready));
        if from > now {
            return Decision::WaitUntil(from);
        }
        let (key, center) = ((*ready, unit.clone()), call.center.clone());
        let Some(lane) = self.lanes.get_mut(&center) else {
            return Decision::Drained;
        };
        let Some(call) = lane.waiting.remove(&key) else {
            return Decision::Drained;
        };
        lane.live.insert(key.1);
        self.live += 1;
        self.last_start = Some(now);
        Decision::Dial(Box::new(call))
    }

    /// A call has ended, or did not take place: its center is free again.
    pub fn ended(&mut self, unit: &UnitId) {
        for lane in self.lanes.values_mut() {
            if lane.live.remove(unit) {
                self.live = self.live.saturating_sub(1);
            }
        }
    }
}

/// An instant this long after another.
pub fn later(at: WallTime, span: Duration) -> WallTime {
    WallTime(at.0.checked_add(span).unwrap_or(jiff::Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{CampaignId, ScenarioId};
    use proptest::prelude::*;

    fn unit(center: &str, n: u32) -> ProbeCall {
        ProbeCall {
            unit: UnitId::new(format!("{center}.{n:02}")).unwrap(),
            campaign: CampaignId::new("c").unwrap(),
            center: CenterId::new(center).unwrap(),
            scenario: ScenarioId::new("s").unwrap(),
            cell: None,
            due: at(0),
            replaces: None,
        }
    }

    fn at(millis: i64) -> WallTime {
        WallTime(jiff::Timestamp::from_millisecond(millis).unwrap())
    }

    fn dispatcher(concurrent: usize, between: u64) -> Dispatcher {
        Dispatcher::new(Limits {
            concurrent,
            per_center: 1,
            between_calls: Duration::from_millis(between),
        })
    }

    fn dialled(decision: Decision) -> String {
        match decision {
            Decision::Dial(call) => call.unit.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_center_has_one_call_at_a_time() {
        let mut dispatcher = dispatcher(10, 0);
        dispatcher.add(unit("a", 1), at(0));
        dispatcher.add(unit("a", 2), at(0));
        dispatcher.add(unit("b", 1), at(5));
        assert_eq!(dialled(dispatcher.next(at(10))), "a.01");
        assert_eq!(dialled(dispatcher.next(at(10))), "b.01");
        assert_eq!(dispatcher.next(at(10)), Decision::WaitForCall);
        dispatcher.ended(&unit("a", 1).unit);
        assert_eq!(dialled(dispatcher.next(at(10))), "a.02");
    }

    #[test]
    fn starts_are_a_second_apart() {
        let mut dispatcher = dispatcher(10, 1000);
        dispatcher.add(unit("a", 1), at(0));
        dispatcher.add(unit("b", 1), at(0));
        assert_eq!(dialled(dispatcher.next(at(0))), "a.01");
        assert_eq!(dispatcher.next(at(999)), Decision::WaitUntil(at(1000)));
        assert_eq!(dialled(dispatcher.next(at(1000))), "b.01");
    }

    #[test]
    fn nothing_leaves_before_it_is_ready() {
        let mut dispatcher = dispatcher(1, 0);
        dispatcher.add(unit("a", 1), at(50));
        assert_eq!(dispatcher.next(at(49)), Decision::WaitUntil(at(50)));
        assert_eq!(dialled(dispatcher.next(at(50))), "a.01");
        dispatcher.ended(&unit("a", 1).unit);
        assert_eq!(dispatcher.next(at(51)), Decision::Drained);
    }

    #[test]
    fn a_clock_set_back_does_not_hold_calls_for_hours() {
        let mut dispatcher = dispatcher(10, 1000);
        dispatcher.add(unit("a", 1), at(0));
        dispatcher.add(unit("b", 1), at(0));
        assert_eq!(dialled(dispatcher.next(at(7_200_000))), "a.01");
        assert_eq!(dialled(dispatcher.next(at(0))), "b.01");
    }

    proptest! {
        #[test]
        fn limits_hold_whatever_comes(
            concurrent in 1usize..4,
            units in proptest::collection::vec((0u8..4, 0i64..50), 1..30),
            ends in proptest::collection::vec(any::<proptest::sample::Index>(), 100),
        ) {
            let mut dispatcher = dispatcher(concurrent, 0);
            for (n, (center, ready)) in units.iter().enumerate() {
                dispatcher.add(unit(&format!("c{center}"), n as u32), at(*ready));
            }
            let mut live: Vec<ProbeCall> = Vec::new();
            let mut count = 0;
            for end in ends {
                match dispatcher.next(at(60)) {
                    Decision::Dial(call) => {
                        prop_assert!(live.iter().all(|l| l.center != call.center));
                        live.push(*call);
                        count += 1;
                    }
                    Decision::WaitForCall => {
                        let ended = live.remove(end.index(live.len()));
                        dispatcher.ended(&ended.unit);
                    }
                    Decision::Drained => break,
                    Decision::WaitUntil(at) => prop_assert!(false, "waits for {:?}", at),
                }
                prop_assert!(live.len() <= concurrent);
            }
            prop_assert_eq!(count, units.len());
        }
    }
}
