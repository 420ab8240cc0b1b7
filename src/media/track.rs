//! One synchronisation source on the stream's axis: where its timestamps lie, and how late its packets come.
//!
//! Enters: sequence numbers, timestamps, arrivals. Leaves: positions, and packets that are put aside because the
//! clock of the source and ours have parted.

use super::sequence::{Sequence, Turn};
use std::collections::VecDeque;
use std::time::Instant;

/// Samples in the packets over which the least delay is taken: about two seconds in two halves.
const HALF_WINDOW: u32 = 50;

/// A packet that is put aside.
#[derive(Debug, Clone)]
pub(crate) struct Suspect {
    pub(crate) at: Instant,
    /// Arrival on the axis.
    pub(crate) arrival: i64,
    /// Extended timestamp.
    pub(crate) timestamp: i64,
    pub(crate) turn: Turn,
    pub(crate) samples: Vec<i16>,
}

/// A synchronisation source.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) ssrc: u32,
    pub(crate) sequence: Sequence,
    /// Newest timestamp, extended, and the one after its samples.
    pub(crate) timestamp: i64,
    pub(crate) timestamp_after: i64,
    /// Position of timestamp zero.
    origin: i64,
    /// After the newest audio.
    pub(crate) end: i64,
    pub(crate) heard: Instant,
    pub(crate) suspects: VecDeque<Suspect>,
    delay: Delay,
}

impl Track {
    /// Begins a source whose first packet lies at `position`.
    pub(crate) fn new(
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        position: i64,
        at: Instant,
    ) -> Self {
        let timestamp = i64::from(timestamp);
        Self {
            ssrc,
            sequence: Sequence::new(sequence),
            timestamp,
            timestamp_after: timestamp,
            origin: position - timestamp,
            end: position,
            heard: at,
            suspects: VecDeque::new(),
            delay: Delay::default(),
        }
    }

    /// The timestamp without wrap.
    pub(crate) fn extended(&self, timestamp: u32) -> i64 {
        self.timestamp + i64::from(timestamp.wrapping_sub(self.timestamp as u32) as i32)
    }

    /// Where an extended timestamp lies.
    pub(crate) fn position(&self, timestamp: i64) -> i64 {
        self.origin + timestamp
    }

    /// Lays an extended timestamp to a position; all after it follow.
    pub(crate) fn anchor(&mut self, timestamp: i64, position: i64) {
        self.origin = position - timestamp;
        self.delay = Delay::default();
    }

    /// Takes the delay of a packet in samples.
    pub(crate) fn delayed(&mut self, by: i64) {
        self.delay.handle(by);
    }

    /// The least delay of late: what the clocks have drifted, not what the network adds at times.
    pub(crate) fn least_delay(&self) -> i64 {
        self.delay.least()
    }
}

/// The least delay over the last one to two half windows.
#[derive(Debug, Default)]
struct Delay {
    before: Option<i64>,
    now: Option<i64>,
    count: u32,
}

impl Delay {
    fn handle(&mut self, delay: i64) {
        self.now = Some(self.now.map_or(delay, |least| least.min(delay)));
        self.count += 1;
        if self.count == HALF_WINDOW {
            *self = Self { before: self.now, now: None, count: 0 };
        }
    }

    fn least(&self) -> i64 {
        self.before.into_iter().chain(self.now).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_go_on_over_the_wrap() {
        let mut track = Track::new(1, 0, u32::MAX - 79, 1_000, crate::clock::now());
        let next = track.extended(80);
        assert_eq!(track.position(next), 1_160);
        track.timestamp = next;
        assert_eq!(track.position(track.extended(u32::MAX - 79)), 1_000);
    }

    #[test]
    fn the_least_delay_forgets_after_two_half_windows() {
        let mut delay = Delay::default();
        delay.handle(-40);
        (0..HALF_WINDOW * 2 - 2).for_each(|_| delay.handle(100));
        assert_eq!(delay.least(), -40);
        delay.handle(100);
        assert_eq!(delay.least(), 100);
    }
}
