//! Call-progress tones of the Republic of Korea, as samples.
//!
//! Enters: a length. Leaves: mono `i16` at 8 kHz.
//! Source: Republic of Korea tone plan: ringback 440+480 Hz 1 s on 2 s off, busy 480+620 Hz 0.5/0.5 s, congestion
//! the same pair at 0.3/0.2 s.

use crate::domain::audio::{Hz8k, duration_to_samples};
use std::f64::consts::TAU;
use std::time::Duration;

/// Peak of each of the two sines: together about −19 dBov while they sound.
const PEAK: f64 = 3_700.0;
/// Length of the ramp at both ends of a burst, so that it does not click.
const RAMP: usize = 40;

/// A call-progress tone: two frequencies and a cadence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tone {
    hertz: [f64; 2],
    on: Duration,
    off: Duration,
}

/// It rings at the far end.
pub(crate) const RINGBACK: Tone =
    Tone { hertz: [440.0, 480.0], on: Duration::from_secs(1), off: Duration::from_secs(2) };
/// The line is busy.
pub(crate) const BUSY: Tone =
    Tone { hertz: [480.0, 620.0], on: Duration::from_millis(500), off: Duration::from_millis(500) };
/// The network is congested.
pub(crate) const CONGESTION: Tone =
    Tone { hertz: [480.0, 620.0], on: Duration::from_millis(300), off: Duration::from_millis(200) };

impl Tone {
    /// The tone with its cadence, beginning with a burst, exactly `length` long.
    pub(crate) fn samples(&self, length: Duration) -> Vec<i16> {
        let on = duration_to_samples::<Hz8k>(self.on);
        let period = on + duration_to_samples::<Hz8k>(self.off);
        (0..duration_to_samples::<Hz8k>(length))
            .map(|n| {
                let at = n % period;
                if at >= on {
                    return 0;
                }
                let edge = at.min(on - 1 - at).min(RAMP) as f64 / RAMP as f64;
                let seconds = n as f64 / 8_000.0;
                let sum: f64 = self.hertz.iter().map(|f| (TAU * f * seconds).sin()).sum();
                (PEAK * edge * sum) as i16
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::Dbov;

    #[test]
    fn ringback_sounds_for_1_s_and_rests_for_2_s() {
        let ring = RINGBACK.samples(Duration::from_secs(6));
        assert_eq!(ring.len(), 48_000);
        let level = Dbov::of(&ring[..8_000]).0;
        assert!((-20.0..=-18.0).contains(&level), "{level}");
        assert_eq!(Dbov::of(&ring[8_000..24_000]), Dbov::SILENCE);
        assert!(Dbov::of(&ring[24_000..32_000]).0 > -20.0);
    }

    #[test]
    fn busy_and_congestion_differ_in_cadence_alone() {
        let busy = BUSY.samples(Duration::from_secs(1));
        let congestion = CONGESTION.samples(Duration::from_secs(1));
        assert_eq!(busy[..2_000], congestion[..2_000]);
        assert_eq!(Dbov::of(&congestion[2_400..4_000]), Dbov::SILENCE);
        assert!(Dbov::of(&busy[2_400..3_900]).0 > -20.0);
    }
}
