//! The axis of a stream: sample positions on the monotonic clock.
//!
//! Enters: the instant of sample 0. Leaves: positions of instants and instants of positions, at 8 kHz.

use std::time::{Duration, Instant};

/// Samples per second on the axis.
pub(crate) const RATE: i64 = 8_000;
const NANOS_PER_SAMPLE: i64 = 125_000;

/// Sample positions at 8 kHz, counted from one instant of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    zero: Instant,
}

impl Axis {
    pub(crate) fn new(zero: Instant) -> Self {
        Self { zero }
    }

    /// The instant of sample 0.
    pub(crate) fn zero(self) -> Instant {
        self.zero
    }

    /// The sample nearest to an instant; negative before sample 0.
    pub(crate) fn position(self, at: Instant) -> i64 {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX / 2);
        let half = NANOS_PER_SAMPLE / 2;
        match at.checked_duration_since(self.zero) {
            Some(after) => (nanos(after) + half) / NANOS_PER_SAMPLE,
            None => -((nanos(self.zero.saturating_duration_since(at)) + half) / NANOS_PER_SAMPLE),
        }
    }

    /// The instant of a sample; positions before sample 0 give the instant of sample 0.
    pub(crate) fn instant(self, position: i64) -> Instant {
        self.zero + samples(position)
    }
}

/// How long `count` samples last; none for a negative count.
pub(crate) fn samples(count: i64) -> Duration {
    Duration::from_nanos(count.max(0) as u64 * NANOS_PER_SAMPLE as u64)
}

/// How many samples `span` holds, rounded to the nearest.
pub(crate) fn count(span: Duration) -> i64 {
    let nanos = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX / 2);
    (nanos + NANOS_PER_SAMPLE / 2) / NANOS_PER_SAMPLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_lasts_125_microseconds_and_positions_round_to_the_nearest() {
        let zero = crate::clock::now() + Duration::from_secs(10);
        let axis = Axis::new(zero);
        assert_eq!(axis.position(zero), 0);
        assert_eq!(axis.position(zero + Duration::from_micros(125)), 1);
        assert_eq!(axis.position(zero + Duration::from_micros(62)), 0);
        assert_eq!(axis.position(zero + Duration::from_micros(63)), 1);
        assert_eq!(axis.position(zero.checked_sub(Duration::from_millis(20)).unwrap()), -160);
        assert_eq!(axis.instant(160), zero + Duration::from_millis(20));
        assert_eq!(axis.instant(-1), zero);
    }

    #[test]
    fn spans_and_counts_are_inverse() {
        assert_eq!(count(samples(12_345)), 12_345);
        assert_eq!(samples(-5), Duration::ZERO);
    }
}
