//! When an RTCP report is due and what it says of the far end (RFC 3550 §6.2, §6.4).
//!
//! Enters: instants, sender reports. Leaves: report blocks, round trips.

use super::playout::Playout;
use super::quality::Meter;
use super::rtcp::{self, Block};
use std::time::{Duration, Instant};

/// Between two reports (RFC 3550 §6.2: at least 5 s).
const EVERY: Duration = Duration::from_secs(5);
/// The first one comes at half of it (RFC 3550 §6.2).
const FIRST: Duration = Duration::from_millis(2_500);

/// The reports of one stream.
#[derive(Debug)]
pub(crate) struct Reports {
    next: Instant,
    /// The last sender report: middle half of its NTP time, and when it came.
    last: Option<(u32, Instant)>,
    /// Expected and received at our last report.
    before: (u64, u64),
}

impl Reports {
    pub(crate) fn new(now: Instant) -> Self {
        Self { next: now + FIRST, last: None, before: (0, 0) }
    }

    /// Whether a report is due now; it is taken as sent.
    pub(crate) fn due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + EVERY;
        }
        due
    }

    /// Takes a sender report of the far end.
    pub(crate) fn heard(&mut self, at: Instant, ntp: u32) {
        self.last = Some((ntp, at));
    }

    /// What we received, if anything (RFC 3550 A.3).
    pub(crate) fn block(
        &mut self,
        now: Instant,
        playout: &Playout,
        meter: &Meter,
    ) -> Option<Block> {
        let track = playout.current()?;
        let counts = (playout.expected(), meter.packets_received());
        let expected = counts.0.saturating_sub(self.before.0);
        let lost = expected.saturating_sub(counts.1.saturating_sub(self.before.1));
        self.before = counts;
        let (last_report, delay) = self.last.map_or((0, 0), |(ntp, at)| {
            let waited = now.saturating_duration_since(at);
            (ntp, ((waited.as_millis() << 16) / 1_000) as u32)
        });
        Some(Block {
            ssrc: track.ssrc,
            fraction_lost: ((lost << 8) / expected.max(1)).min(255) as u8,
            lost: (counts.0 as i64 - counts.1 as i64) as i32,
            highest: track.sequence.extended(),
            jitter: meter.jitter_samples(),
            last_report,
            delay,
        })
    }
}

/// Microseconds from us to the far end and back, from a block that answers our report; `wall` is its arrival in
/// nanoseconds since 1970 (RFC 3550 §6.4.1). `None` if it answers none or the clocks make no sense.
pub(crate) fn round_trip(wall: i128, block: &Block) -> Option<i64> {
    let now = (rtcp::ntp(wall) >> 16) as u32;
    let units = now.wrapping_sub(block.last_report).wrapping_sub(block.delay);
    let sensible = block.last_report != 0 && units < 30 << 16;
    sensible.then(|| (i64::from(units) * 1_000_000) >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::axis::Axis;
    use crate::media::playout::Head;

    #[test]
    fn the_first_report_is_due_after_2_5_s_and_the_next_5_s_later() {
        let t0 = crate::clock::now();
        let mut reports = Reports::new(t0);
        assert!(!reports.due(t0 + FIRST.mul_f64(0.999)));
        assert!(reports.due(t0 + FIRST));
        assert!(!reports.due(t0 + FIRST + EVERY.mul_f64(0.999)));
        assert!(reports.due(t0 + FIRST + EVERY));
    }

    #[test]
    fn one_packet_of_four_lost_is_64_of_256_and_only_in_its_interval() {
        let t0 = crate::clock::now();
        let (mut playout, mut meter) = (Playout::new(Axis::new(t0)), Meter::default());
        for sequence in [10u16, 11, 13] {
            let at = t0 + Duration::from_millis(20) * u32::from(sequence);
            let timestamp = u32::from(sequence) * 160;
            playout.audio(Head { at, ssrc: 5, sequence, timestamp }, &[1; 160]);
            meter.received(at);
        }
        let mut reports = Reports::new(t0);
        reports.heard(t0, 0xabcd);
        let block = reports.block(t0 + Duration::from_millis(500), &playout, &meter).unwrap();
        assert_eq!((block.ssrc, block.fraction_lost, block.lost, block.highest), (5, 64, 1, 13));
        assert_eq!((block.last_report, block.delay), (0xabcd, 32_768));
        let again = reports.block(t0, &playout, &meter).unwrap();
        assert_eq!((again.fraction_lost, again.lost), (0, 1));
    }

    #[test]
    fn a_round_trip_is_what_the_far_end_did_not_wait() {
        let wall = 1_000_000_000_000_000_000;
        let sent = (rtcp::ntp(wall) >> 16) as u32;
        let block = Block { last_report: sent, delay: 65_536, ..Block::default() };
        assert_eq!(round_trip(wall + 1_250_000_000, &block), Some(250_000));
        assert_eq!(round_trip(wall, &block), None);
        assert_eq!(round_trip(wall, &Block::default()), None);
    }
}
