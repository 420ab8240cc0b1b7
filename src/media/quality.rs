//! What is measured of a line: loss, jitter, gaps, level, and our own lateness.
//!
//! Enters: facts of packets and slots. Leaves: [`LineQuality`]. Sources: RFC 3550 A.3 (loss) and A.8 (jitter).

use super::axis;
use crate::domain::audio::{Dbov, Frame};
use crate::domain::quality::LineQuality;
use std::time::{Duration, Instant};

/// Width of a cell of the lateness histogram.
const CELL: Duration = Duration::from_micros(250);
/// Cells: 100 ms, and one for all beyond.
const CELLS: usize = 401;
/// A frame below this is silent: the idle noise of A-law is −72 dBov, comfort noise about −65.
const SILENT_BELOW: Dbov = Dbov(-60.0);
/// One second of packets sent and none received is a one-way line.
const ONE_WAY_AFTER: u64 = 50;

/// The measurements of one stream.
#[derive(Debug)]
pub(crate) struct Meter {
    figures: LineQuality,
    last_arrival: Option<Instant>,
    transit: Option<(u32, i64)>,
    jitter: f64,
    energy: f64,
    loud: u64,
    lateness: Box<[u32; CELLS]>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            figures: LineQuality::default(),
            last_arrival: None,
            transit: None,
            jitter: 0.0,
            energy: 0.0,
            loud: 0,
            lateness: Box::new([0; CELLS]),
        }
    }
}

impl Meter {
    /// Counts a packet from a stranger.
    pub(crate) fn foreign(&mut self) {
        self.figures.packets_foreign += 1;
    }

    /// Counts a packet that came twice, too late or unreadable.
    pub(crate) fn discarded(&mut self) {
        self.figures.packets_discarded += 1;
    }

    /// Counts a packet that came after its turn but in time.
    pub(crate) fn reordered(&mut self) {
        self.figures.packets_reordered += 1;
    }

    /// Counts a packet that was received, whatever it holds.
    pub(crate) fn received(&mut self, at: Instant) {
        self.figures.packets_received += 1;
        self.gap_until(at);
        self.last_arrival = Some(self.last_arrival.map_or(at, |last| last.max(at)));
    }

    fn gap_until(&mut self, at: Instant) {
        if let Some(last) = self.last_arrival {
            let gap = at.saturating_duration_since(last);
            self.figures.longest_gap = Some(self.figures.longest_gap.unwrap_or_default().max(gap));
        }
    }

    /// Takes an audio packet into the jitter: `arrival` and `timestamp` in samples. A new source, or a jump of the
    /// clock, begins anew without a step in the estimate.
    pub(crate) fn transit(&mut self, ssrc: u32, arrival: i64, timestamp: u32) {
        let transit = arrival.wrapping_sub(i64::from(timestamp));
        if let Some((_, before)) = self.transit.filter(|(source, _)| *source == ssrc) {
            // The difference is taken modulo 2^32, as timestamps are.
            let change = f64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
            if change < axis::RATE as f64 {
                self.jitter += (change - self.jitter) / 16.0;
            }
        }
        self.transit = Some((ssrc, transit));
    }

    /// The jitter in samples, as RTCP reports it.
    pub(crate) fn jitter_samples(&self) -> u32 {
        self.jitter as u32
    }

    /// Takes a received frame into the level, unless it is silent.
    pub(crate) fn heard(&mut self, frame: &Frame) {
        let energy: f64 = frame.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
        if Dbov::of(frame) >= SILENT_BELOW {
            self.energy += energy;
            self.loud += frame.len() as u64;
        }
    }

    /// Counts a packet that left `late` after its slot.
    pub(crate) fn sent(&mut self, late: Duration) {
        self.figures.packets_sent += 1;
        let cell = (late.as_nanos() / CELL.as_nanos()) as usize;
        self.lateness[cell.min(CELLS - 1)] += 1;
    }

    /// Packets sent so far.
    pub(crate) fn packets_sent(&self) -> u64 {
        self.figures.packets_sent
    }

    /// Packets received so far.
    pub(crate) fn packets_received(&self) -> u64 {
        self.figures.packets_received
    }

    /// Counts slots that were skipped.
    pub(crate) fn skipped(&mut self, slots: u64) {
        self.figures.slots_skipped += slots;
    }

    /// Takes the kernel's count of dropped datagrams.
    pub(crate) fn kernel_drops(&mut self, total: u64) {
        self.figures.kernel_drops = self.figures.kernel_drops.max(total);
    }

    /// The figures at the end, with the packets that were expected.
    pub(crate) fn report(&mut self, now: Instant, expected: u64) -> LineQuality {
        self.gap_until(now);
        let mut figures = self.figures.clone();
        figures.packets_expected = expected;
        figures.jitter = self.transit.map(|_| axis::samples(1).mul_f64(self.jitter));
        figures.one_way = figures.packets_received == 0 && figures.packets_sent >= ONE_WAY_AFTER;
        figures.received_level = (self.loud > 0).then(|| {
            let mean = self.energy / self.loud as f64;
            Dbov((10.0 * (mean / (32_768.0 * 32_768.0)).log10()) as f32)
        });
        figures.send_lateness_p99 = self.lateness_p99();
        figures
    }

    /// The upper edge of the cell that holds the 99th percentile.
    fn lateness_p99(&self) -> Option<Duration> {
        let sent: u64 = self.lateness.iter().map(|&c| u64::from(c)).sum();
        let rank = (sent * 99).div_ceil(100);
        let mut below = 0;
        let cell = self.lateness.iter().position(|&count| {
            below += u64::from(count);
            below >= rank
        })?;
        (sent > 0).then(|| CELL * (cell as u32 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn an_even_stream_has_no_jitter_and_a_gap_of_one_frame() {
        let (t0, mut meter) = (crate::clock::now(), Meter::default());
        for n in 0..50u32 {
            meter.received(t0 + FRAME * n);
            meter.transit(1, i64::from(n) * 160, u32::MAX - 800 + 1);
            meter.transit(1, i64::from(n) * 160, (u32::MAX - 800).wrapping_add(n * 160));
        }
        let mut even = Meter::default();
        for n in 0..50u32 {
            even.transit(1, i64::from(n) * 160, (u32::MAX - 800).wrapping_add(n * 160));
        }
        let report = even.report(t0, 0);
        assert_eq!(report.jitter, Some(Duration::ZERO));
        assert_eq!(meter.report(t0 + FRAME * 50, 50).longest_gap, Some(FRAME));
    }

    #[test]
    fn jitter_moves_a_sixteenth_of_each_change() {
        let mut meter = Meter::default();
        meter.transit(1, 0, 0);
        meter.transit(1, 160 + 16, 160);
        assert_eq!(meter.jitter_samples(), 1);
        assert_eq!(meter.report(crate::clock::now(), 2).jitter, Some(Duration::from_micros(125)));
        // Another source begins anew.
        meter.transit(2, 320, 900_000);
        assert_eq!(meter.jitter_samples(), 1);
    }

    #[test]
    fn the_99th_percentile_of_lateness_passes_over_one_in_a_hundred() {
        let mut meter = Meter::default();
        for _ in 0..99 {
            meter.sent(Duration::from_micros(300));
        }
        meter.sent(Duration::from_secs(3));
        let report = meter.report(crate::clock::now(), 0);
        assert_eq!(report.send_lateness_p99, Some(Duration::from_micros(500)));
        meter.sent(Duration::from_secs(3));
        let report = meter.report(crate::clock::now(), 0);
        assert!(report.send_lateness_p99 > Some(Duration::from_millis(100)));
    }

    #[test]
    fn nothing_measured_is_none_and_50_packets_without_answer_are_one_way() {
        let (t0, mut meter) = (crate::clock::now(), Meter::default());
        let report = meter.report(t0, 0);
        assert_eq!(report, LineQuality::default());
        (0..49).for_each(|_| meter.sent(Duration::ZERO));
        assert!(!meter.report(t0, 0).one_way);
        meter.sent(Duration::ZERO);
        assert!(meter.report(t0, 0).one_way);
        meter.received(t0);
        assert!(!meter.report(t0, 1).one_way);
    }

    #[test]
    fn the_level_leaves_silent_frames_out() {
        let mut meter = Meter::default();
        meter.heard(&[8; 160]);
        assert_eq!(meter.report(crate::clock::now(), 0).received_level, None);
        meter.heard(&[3_277; 160]);
        let level = meter.report(crate::clock::now(), 0).received_level.unwrap();
        assert!((level.0 + 20.0).abs() < 0.01, "{level:?}");
    }
}
