//! Which streams are due: 20 ticks of 1 ms, each stream on one of them, so that packets leave evenly spread.
//!
//! Enters: streams, instants. Leaves: the streams whose tick has come, and when the next will.

use std::time::{Duration, Instant};

const TICKS: usize = 20;
const TICK: Duration = Duration::from_millis(1);

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    epoch: Instant,
    /// Ticks since the epoch that have been turned through.
    turned: u64,
    slots: [Vec<u64>; TICKS],
}

impl Wheel {
    pub(crate) fn new(now: Instant) -> Self {
        Self { epoch: now, turned: 0, slots: Default::default() }
    }

    /// Puts a stream on the emptiest tick; its first slot at or after `now`.
    pub(crate) fn add(&mut self, stream: u64, now: Instant) -> Instant {
        let next = self.ticks(now) + 1;
        let least = (next..next + TICKS as u64)
            .min_by_key(|tick| self.slots[place(*tick)].len())
            .unwrap_or(next);
        self.slots[place(least)].push(stream);
        self.at(least)
    }

    /// Takes a stream off.
    pub(crate) fn remove(&mut self, stream: u64) {
        for slot in &mut self.slots {
            slot.retain(|other| *other != stream);
        }
    }

    /// Turns to `now` and adds the streams whose tick has come to `due`, each once.
    pub(crate) fn turn(&mut self, now: Instant, due: &mut Vec<u64>) {
        let now = self.ticks(now);
        let from = (self.turned + 1).max((now + 1).saturating_sub(TICKS as u64));
        for tick in from..=now {
            due.extend(&self.slots[place(tick)]);
        }
        self.turned = self.turned.max(now);
    }

    /// The next tick that has a stream.
    pub(crate) fn next(&self) -> Option<Instant> {
        let from = self.turned + 1;
        (from..from + TICKS as u64).find(|t| !self.slots[place(*t)].is_empty()).map(|t| self.at(t))
    }

    fn ticks(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.epoch).as_nanos() / TICK.as_nanos()) as u64
    }

    fn at(&self, tick: u64) -> Instant {
        self.epoch + Duration::from_millis(tick)
    }
}

fn place(tick: u64) -> usize {
    (tick % TICKS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_spread_over_the_ticks_and_each_is_due_every_20_ms() {
        let t0 = crate::clock::now();
        let mut wheel = Wheel::new(t0);
        let first: Vec<_> = (0..20).map(|n| wheel.add(n, t0)).collect();
        let mut spread = first.clone();
        spread.sort();
        spread.dedup();
        assert_eq!(spread.len(), 20);
        let mut due = Vec::new();
        wheel.turn(t0 + TICK * 20, &mut due);
        due.sort_unstable();
        assert_eq!(due, (0..20).collect::<Vec<_>>());
        due.clear();
        wheel.turn(t0 + TICK * 20, &mut due);
        assert!(due.is_empty());
    }

    #[test]
    fn after_a_long_stall_each_stream_is_due_once() {
        let t0 = crate::clock::now();
        let mut wheel = Wheel::new(t0);
        wheel.add(7, t0);
        let mut due = Vec::new();
        wheel.turn(t0 + Duration::from_secs(3), &mut due);
        assert_eq!(due, [7]);
    }

    #[test]
    fn the_next_tick_is_that_of_a_stream_or_none() {
        let t0 = crate::clock::now();
        let mut wheel = Wheel::new(t0);
        assert_eq!(wheel.next(), None);
        let at = wheel.add(1, t0);
        assert_eq!(wheel.next(), Some(at));
        wheel.turn(at, &mut Vec::new());
        assert_eq!(wheel.next(), Some(at + TICK * 20));
        wheel.remove(1);
        assert_eq!(wheel.next(), None);
    }
}
