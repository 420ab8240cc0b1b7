//! Prompt fingerprints: what makes a recording known again. Enters: received audio. Leaves: 32 bits for every 20 ms.
//!
//! A bit is the sign of the change over time of the difference between neighbouring bands (after Haitsma and Kalker,
//! ISMIR 2002): it survives level changes, G.711 and noise, and it does not survive another utterance of the same words.

use super::spectrum::Spectrum;
use crate::domain::audio::FRAME_SAMPLES;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Samples of an analysis window: 256 ms at 8 kHz.
pub(crate) const PRINT_WINDOW: usize = 2048;
/// Bands between 300 and 3000 Hz, one more than bits.
const BANDS: usize = 33;
const LOWEST_HZ: f32 = 300.0;
const HIGHEST_HZ: f32 = 3000.0;
/// Bits compare bands this many prints apart.
const LAG: usize = 2;
/// Quieter windows carry no print. Our measurement, 2026: noise floors of centers lie at −68 dBov and below.
const GATE_DBOV: i8 = -60;
/// Prints of one comparison, every second one of [`MATCH_PRINTS`].
const SAMPLED: usize = 16;
/// Length of a comparison in prints: 0.64 s.
pub const MATCH_PRINTS: usize = 2 * SAMPLED;
/// Two stretches are the same recording above this similarity.
pub const SAME_ABOVE: f32 = 0.42;

/// Fingerprints of the received audio of one call, one for every 20 ms, keyed to the start of their window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprints {
    /// 32 bits each.
    pub prints: Vec<u32>,
    /// Level of the window in whole dBov: the energy gate.
    pub levels: Vec<i8>,
}

impl Fingerprints {
    /// Whether print `n` carries sound; false beyond the end.
    pub fn active(&self, n: usize) -> bool {
        self.levels.get(n).is_some_and(|&level| level > GATE_DBOV)
    }

    pub(crate) fn push(&mut self, print: Print) {
        self.prints.push(print.bits);
        self.levels.push(print.level);
    }
}

/// Fingerprints of the received side of a call, mono 8 kHz; as many as it has 20 ms frames.
pub fn fingerprint(received: &[i16]) -> Fingerprints {
    let mut printer = Printer::new();
    let mut window = vec![0.0_f32; PRINT_WINDOW];
    let mut all = Fingerprints::default();
    for start in (0..received.len() / FRAME_SAMPLES).map(|n| n * FRAME_SAMPLES) {
        let there = &received[start..received.len().min(start + PRINT_WINDOW)];
        window.fill(0.0);
        for (into, &sample) in window.iter_mut().zip(there) {
            *into = f32::from(sample) / 32_768.0;
        }
        all.push(printer.print(&window));
    }
    all
}

/// Similarity of two stretches of [`MATCH_PRINTS`] prints: 1 if all bits agree, about 0 for unrelated sound; `None` if
/// either is shorter.
pub fn similarity(a: &[u32], b: &[u32]) -> Option<f32> {
    let (a, b) = (a.get(..MATCH_PRINTS)?, b.get(..MATCH_PRINTS)?);
    let differing: u32 =
        a.iter().step_by(2).zip(b.iter().step_by(2)).map(|(x, y)| (x ^ y).count_ones()).sum();
    Some(1.0 - 2.0 * differing as f32 / (32 * SAMPLED) as f32)
}

/// One print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) bits: u32,
    pub(crate) level: i8,
}

/// Makes prints of successive windows, 20 ms apart.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    spectrum: Spectrum,
    /// First bin of each band, and the first bin after the last.
    edges: [usize; BANDS + 1],
    before: VecDeque<[f32; BANDS]>,
}

impl Printer {
    pub(crate) fn new() -> Self {
        let bin = |n: usize| {
            let hz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(n as f32 / BANDS as f32);
            (hz * PRINT_WINDOW as f32 / 8000.0).round() as usize
        };
        Self {
            spectrum: Spectrum::new(PRINT_WINDOW),
            edges: std::array::from_fn(bin),
            before: VecDeque::with_capacity(LAG + 1),
        }
    }

    /// The print of a window of [`PRINT_WINDOW`] samples, full scale 1.
    pub(crate) fn print(&mut self, window: &[f32]) -> Print {
        let power = self.spectrum.power(window);
        let total: f32 = power.iter().sum();
        // An additive floor at −90 dBov keeps empty bands from shouting.
        let bands: [f32; BANDS] = std::array::from_fn(|n| {
            let sum: f32 = power[self.edges[n]..self.edges[n + 1]].iter().sum();
            (sum + 1e-9).ln()
        });
        let earlier = self.before.front().copied().unwrap_or(bands);
        let mut bits = 0;
        for n in 0..BANDS - 1 {
            let change = (bands[n] - bands[n + 1]) - (earlier[n] - earlier[n + 1]);
            bits |= u32::from(change > 0.0) << n;
        }
        if self.before.len() == LAG {
            self.before.pop_front();
        }
        self.before.push_back(bands);
        let level = (10.0 * (total + 1e-10).log10()).clamp(-96.0, 0.0);
        Print { bits, level: level as i8 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{companded, mixed, noise, speech};
    use super::*;

    /// Best similarity of any stretch of `a` with any stretch of `b`, where both sound.
    fn best(a: &Fingerprints, b: &Fingerprints) -> f32 {
        let mut best = -1.0_f32;
        for n in (0..a.prints.len()).filter(|&n| a.active(n)) {
            for k in (0..b.prints.len()).filter(|&k| b.active(k)) {
                best = best.max(similarity(&a.prints[n..], &b.prints[k..]).unwrap_or(-1.0));
            }
        }
        best
    }

    #[test]
    fn a_replay_at_minus_6_db_through_companding_and_noise_is_the_same_recording() {
        let prompt = speech(1, 1.0, 4000);
        let softer: Vec<i16> = prompt.iter().map(|s| s / 2).collect();
        let replay = companded(&mixed(&softer, &noise(2, -62.0, 4000)));
        let (a, b) = (fingerprint(&companded(&prompt)), fingerprint(&replay));
        let alike: Vec<f32> =
            (10..150).filter_map(|n| similarity(&a.prints[n..], &b.prints[n..])).collect();
        let same = alike.iter().filter(|s| **s > SAME_ABOVE).count();
        assert!(same * 100 >= alike.len() * 95, "{same} of {}", alike.len());
    }

    #[test]
    fn the_same_words_4_percent_faster_or_slower_are_another_utterance() {
        let prompt = fingerprint(&speech(1, 1.0, 4000));
        for speed in [0.95, 0.96, 1.04, 1.05] {
            let alike = best(&prompt, &fingerprint(&speech(1, speed, 4000)));
            assert!(alike < SAME_ABOVE, "{speed}: {alike}");
        }
    }

    #[test]
    fn other_words_are_below_the_threshold_at_any_alignment() {
        let alike = best(&fingerprint(&speech(1, 1.0, 4000)), &fingerprint(&speech(7, 1.0, 4000)));
        assert!(alike < SAME_ABOVE, "{alike}");
    }

    #[test]
    fn silence_carries_no_print() {
        let quiet = fingerprint(&noise(3, -70.0, 1000));
        assert_eq!(quiet.prints.len(), 50);
        assert!((0..50).all(|n| !quiet.active(n)));
        assert!(fingerprint(&[]).prints.is_empty());
    }
}
