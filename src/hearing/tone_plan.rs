//! Call-progress tones of national plans, as data. Enters: measured frequencies. Leaves: which planned tones they fit.
//!
//! Source: the table of the telephony library spandsp (`global-tones.xml`, commit 0c7bcebe of 2026), which compiles the
//! supplement to ITU-T E.180 and national documents; its Korean entry was read row by row. The sample zones of Asterisk
//! (`indications.conf`) agree for the other countries and have none for Korea. The supplement itself was not seen. Left
//! out: Korea's two recall tones (400 or 450 Hz, 1 s on, 2 or 4 s off), which only a caller who flashed the hook hears and
//! which would pass for ringing.

/// What a cadence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ToneMeaning {
    /// It rings.
    Ringback,
    /// Busy.
    Busy,
    /// No way through.
    Congestion,
    /// An intercept follows.
    Information,
    /// The number cannot be reached.
    Unobtainable,
    /// The call was intercepted: the number is not in use.
    Intercept,
    /// An exchange waits for digits: whoever was there is gone.
    Dial,
    /// A second call waits for the other party.
    CallWaiting,
    /// An operator comes into the call.
    Intervening,
}

/// Frequencies that sound together, in Hz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One(u16),
    /// The lower one first.
    Two(u16, u16),
}

/// How a tone goes on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// Milliseconds on and off in turn, over and over.
    Bursts(&'static [u32]),
    /// Without a pause; sure after so many milliseconds.
    Continuous(u32),
}

/// A tone of a national plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedTone {
    pub(super) lines: Lines,
    pub(super) rhythm: Rhythm,
    pub(super) meaning: ToneMeaning,
}

const fn bursts(lines: Lines, cadence: &'static [u32], meaning: ToneMeaning) -> PlannedTone {
    PlannedTone { lines, rhythm: Rhythm::Bursts(cadence), meaning }
}

const fn continuous(lines: Lines, sure_after: u32) -> PlannedTone {
    PlannedTone { lines, rhythm: Rhythm::Continuous(sure_after), meaning: ToneMeaning::Dial }
}

use Lines::{One, Two};
use ToneMeaning::{Busy, CallWaiting, Congestion, Intercept, Ringback, Unobtainable};

/// The tones that are known. Where two fit, the nearer cadence wins.
pub(super) const PLAN: &[PlannedTone] = &[
    // Republic of Korea, complete but for the recall tones and the sequences below.
    continuous(Two(350, 440), 2000),
    bursts(Two(440, 480), &[1000, 2000], Ringback),
    bursts(Two(480, 620), &[500, 500], Busy),
    bursts(Two(480, 620), &[300, 200], Congestion),
    bursts(One(450), &[200, 100, 200, 1500], Unobtainable),
    bursts(Two(350, 440), &[250, 250, 250, 3250], CallWaiting),
    bursts(Two(350, 440), &[125, 250, 125, 1500], Intercept),
    // North America. Its busy tone is Korea's.
    bursts(Two(440, 480), &[2000, 4000], Ringback),
    bursts(Two(440, 480), &[1000, 3000], Ringback),
    bursts(Two(480, 620), &[250, 250], Congestion),
    // Hong Kong.
    bursts(Two(440, 480), &[400, 200, 400, 3000], Ringback),
    // Japan: 400 Hz, for ringing wavering by 16 Hz.
    bursts(One(400), &[1000, 2000], Ringback),
    bursts(Two(384, 416), &[1000, 2000], Ringback),
    bursts(One(400), &[500, 500], Busy),
    // China.
    bursts(One(450), &[1000, 4000], Ringback),
    bursts(One(450), &[350, 350], Busy),
    bursts(One(450), &[700, 700], Congestion),
    bursts(One(450), &[100, 100, 100, 100, 100, 100, 400, 400], Unobtainable),
    // Most of Europe, South-East Asia, Latin America.
    continuous(One(425), 4000),
    bursts(One(425), &[1000, 4000], Ringback),
    bursts(One(425), &[1000, 3000], Ringback),
    bursts(One(425), &[1500, 3000], Ringback),
    bursts(One(425), &[500, 500], Busy),
    bursts(One(425), &[300, 300], Busy),
    bursts(One(425), &[200, 200], Congestion),
    bursts(One(425), &[250, 250], Congestion),
    // France.
    bursts(One(440), &[1500, 3500], Ringback),
    bursts(One(440), &[500, 500], Busy),
    // United Kingdom, Australia, New Zealand, India.
    bursts(Two(400, 450), &[400, 200, 400, 2000], Ringback),
    bursts(Two(383, 417), &[400, 200, 400, 2000], Ringback),
    bursts(Two(375, 425), &[400, 200, 400, 2000], Ringback),
    bursts(Two(413, 438), &[400, 200, 400, 2000], Ringback),
    bursts(One(400), &[375, 375], Busy),
    bursts(One(425), &[375, 375], Busy),
    bursts(One(400), &[750, 750], Busy),
    bursts(One(400), &[400, 350, 225, 525], Congestion),
    bursts(One(400), &[2500, 500], Unobtainable),
    // Thailand.
    bursts(One(400), &[1000, 4000], Ringback),
    bursts(One(400), &[100, 900], Unobtainable),
    // The Philippines.
    bursts(Two(425, 480), &[1000, 4000], Ringback),
    bursts(Two(480, 720), &[500, 500], Busy),
    bursts(Two(480, 720), &[250, 250], Congestion),
];

/// Single tones one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    /// Frequency in Hz, shortest and longest length in ms.
    pub(super) steps: [(u16, u32, u32); 3],
    /// How far each may lie from its frequency, in Hz.
    pub(super) within: f32,
    pub(super) meaning: ToneMeaning,
}

/// The longest pause between the tones of a sequence, in ms.
pub(super) const SEQUENCE_GAP_MS: u32 = 100;

/// The sequences that are known.
pub(super) const SEQUENCES: &[Sequence] = &[
    // ITU-T E.180 §2.8.2: 330 ± 70 ms each, ± 50 Hz; North America plays some of them for 274 ms.
    Sequence {
        steps: [(950, 200, 460), (1400, 200, 460), (1800, 200, 460)],
        within: 50.0,
        meaning: ToneMeaning::Information,
    },
    // Republic of Korea: operator intervening.
    Sequence {
        steps: [(392, 420, 580), (494, 420, 580), (587, 1300, 1700)],
        within: 10.0,
        meaning: ToneMeaning::Intervening,
    },
];

/// Lines nearer to each other than this are not resolved in 64 ms: they are known by their middle, in Hz.
const RESOLVED_HZ: f32 = 65.0;
/// Two lines that are not resolved are measured this far apart, give or take, in Hz.
const APART_HZ: f32 = 22.0;

/// How far a measured frequency may lie from a planned one: 1.5 %, at least 10 Hz.
fn tolerance(planned: f32) -> f32 {
    (planned * 0.015).max(10.0)
}

fn near(measured: f32, planned: u16) -> bool {
    let planned = f32::from(planned);
    (measured - planned).abs() <= tolerance(planned)
}

impl Lines {
    /// Whether a single measured line fits.
    pub(super) fn fits_one(self, hz: f32) -> bool {
        match self {
            One(planned) => near(hz, planned),
            Two(..) => false,
        }
    }

    /// Whether two measured lines fit, the lower one first.
    pub(super) fn fits_two(self, low: f32, high: f32) -> bool {
        let Two(planned_low, planned_high) = self else { return false };
        let apart = f32::from(planned_high - planned_low);
        if apart >= RESOLVED_HZ {
            return near(low, planned_low) && near(high, planned_high);
        }
        let middle = f32::midpoint(f32::from(planned_low), f32::from(planned_high));
        (f32::midpoint(low, high) - middle).abs() <= tolerance(middle)
            && (high - low - apart).abs() <= APART_HZ
    }
}

/// How far a measured length may lie from the plan: 40 ms of window, and 12 %.
pub(super) fn length_fits(measured: u32, planned: u32) -> bool {
    measured.abs_diff(planned) <= 40 + planned * 12 / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_up_to_10_hz_and_not_at_11() {
        assert!(One(450).fits_one(460.0) && One(450).fits_one(440.0));
        assert!(!One(450).fits_one(461.0) && !One(450).fits_two(440.0, 460.0));
    }

    #[test]
    fn the_korean_pairs_differ_from_each_other() {
        assert!(Two(350, 440).fits_two(352.0, 438.0) && !Two(350, 440).fits_two(440.0, 480.0));
        assert!(Two(480, 620).fits_two(484.0, 612.0) && !Two(480, 620).fits_two(480.0, 720.0));
        assert!(Two(440, 480).fits_two(444.0, 478.0) && !Two(440, 480).fits_two(400.0, 450.0));
    }

    #[test]
    fn every_cadence_has_as_many_pauses_as_bursts_and_pairs_are_in_order() {
        for tone in PLAN {
            if let Rhythm::Bursts(cadence) = tone.rhythm {
                assert!(cadence.len().is_multiple_of(2) && !cadence.is_empty(), "{tone:?}");
            }
            assert!(!matches!(tone.lines, Two(low, high) if low >= high), "{tone:?}");
        }
    }
}
