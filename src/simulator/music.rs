//! Music on hold, composed here: chords, arpeggios, bass, drums and a synthetic singing line.
//!
//! Enters: a style, a seed and a length. Leaves: mono `i16` at 8 kHz, the same for the same seed.
//! Nothing is taken from any recording.

use crate::domain::audio::{Hz8k, duration_to_samples};
use crate::domain::random::SplitMix64;
use serde::Deserialize;
use std::f64::consts::TAU;
use std::time::Duration;

/// Samples per second of everything in this file.
const RATE: f64 = 8_000.0;
/// Root mean square that a piece is brought to: about −21 dBov, the level of the prompts.
const LEVEL: f64 = 2_900.0;

/// What a caller hears while waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MusicStyle {
    /// A music box in three-four time: broken chords only.
    Waltz,
    /// Chords, bass and drums in four-four time.
    Pop,
    /// Slow held chords with a synthetic singing line.
    Ballad,
    /// No music: the ringback tone goes on until somebody answers.
    Ringing,
}

/// A piece under construction.
struct Score {
    mix: Vec<f64>,
    random: SplitMix64,
}

/// How a note sounds.
#[derive(Clone, Copy)]
enum Voice {
    /// Plucked: sharp onset, exponential decay.
    Box,
    /// Held: slow onset and release, soft harmonics.
    Pad,
    /// Short and deep.
    Bass,
    /// Sung on a vowel: harmonics under two formants, with vibrato.
    Sung,
}

/// A place in a piece: where a note begins and how long it lasts, in seconds, and how loud it is.
#[derive(Clone, Copy)]
struct Place {
    start: f64,
    length: f64,
    gain: f64,
}

/// Chord progressions in semitones above the key: roots with major (4, 7) or minor (3, 7) thirds.
const PROGRESSIONS: [[(f64, f64); 4]; 3] = [
    [(0.0, 4.0), (9.0, 3.0), (5.0, 4.0), (7.0, 4.0)],
    [(0.0, 4.0), (7.0, 4.0), (9.0, 3.0), (5.0, 4.0)],
    [(9.0, 3.0), (5.0, 4.0), (0.0, 4.0), (7.0, 4.0)],
];
/// The major scale in semitones.
const SCALE: [f64; 7] = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0];

/// Composes a piece of exactly `length`; the same seed gives the same piece.
///
/// [`MusicStyle::Ringing`] has no piece: it gives silence.
pub(crate) fn compose(style: MusicStyle, seed: u64, length: Duration) -> Vec<i16> {
    let samples = duration_to_samples::<Hz8k>(length);
    let mut score = Score { mix: vec![0.0; samples], random: SplitMix64::new(seed) };
    match style {
        MusicStyle::Waltz => score.waltz(),
        MusicStyle::Pop => score.pop(),
        MusicStyle::Ballad => score.ballad(),
        MusicStyle::Ringing => {}
    }
    score.finish()
}

/// The frequency `semitones` above a key note.
fn hertz(key: f64, semitones: f64) -> f64 {
    key * (semitones / 12.0).exp2()
}

impl Score {
    fn seconds(&self) -> f64 {
        self.mix.len() as f64 / RATE
    }

    fn key(&mut self) -> f64 {
        hertz(196.0, self.random.below(7) as f64)
    }

    fn progression(&mut self) -> [(f64, f64); 4] {
        PROGRESSIONS[self.random.below(3) as usize]
    }

    fn waltz(&mut self) {
        let (key, mut chords) = (self.key() * 2.0, self.progression());
        let beat = self.random.between(0.32, 0.40);
        let mut bar = 0;
        let mut at = 0.0;
        while at < self.seconds() {
            if bar % 16 == 15 {
                chords = self.progression();
            }
            let (root, third) = chords[bar % 4];
            let turn = self.random.below(2) as f64 * 12.0;
            let steps = [root, root + third, root + 7.0, root + 12.0, root + 7.0, root + third];
            for (n, step) in steps.into_iter().enumerate() {
                let place =
                    Place { start: at + n as f64 * beat / 2.0, length: beat * 2.5, gain: 0.8 };
                let lift = if n == 3 { turn } else { 0.0 };
                self.note(Voice::Box, hertz(key, step + lift), place);
            }
            let low = Place { start: at, length: beat * 3.0, gain: 0.7 };
            self.note(Voice::Pad, hertz(key / 2.0, root), low);
            at += beat * 3.0;
            bar += 1;
        }
    }

    fn pop(&mut self) {
        let (key, chords) = (self.key(), self.progression());
        let beat = self.random.between(0.46, 0.56);
        let mut bar = 0;
        let mut at = 0.0;
        while at < self.seconds() {
            let (root, third) = chords[bar % 4];
            for step in [root, root + third, root + 7.0] {
                let place = Place { start: at, length: beat * 4.0, gain: 0.35 };
                self.note(Voice::Pad, hertz(key, step), place);
            }
            for n in 0..8 {
                let start = at + f64::from(n) * beat / 2.0;
                let bass = Place { start, length: beat * 0.45, gain: 0.8 };
                self.note(Voice::Bass, hertz(key / 2.0, root), bass);
                self.hat(Place { start, length: 0.05, gain: 0.25 });
                let degree = SCALE[self.random.below(7) as usize] + 12.0;
                if self.random.below(3) == 0 {
                    let lead = Place { start, length: beat * 0.9, gain: 0.5 };
                    self.note(Voice::Box, hertz(key, degree), lead);
                }
            }
            for n in 0..4 {
                let start = at + f64::from(n) * beat;
                if n % 2 == 0 {
                    self.kick(Place { start, length: 0.16, gain: 1.6 });
                } else {
                    self.hat(Place { start, length: 0.14, gain: 0.9 });
                }
            }
            at += beat * 4.0;
            bar += 1;
        }
    }

    fn ballad(&mut self) {
        let (key, chords) = (self.key(), self.progression());
        let beat = self.random.between(0.62, 0.78);
        let mut bar = 0;
        let mut at = 0.0;
        let mut degree = 4_i64;
        while at < self.seconds() {
            let (root, third) = chords[bar % 4];
            for step in [root - 12.0, root, root + third, root + 7.0] {
                let place = Place { start: at, length: beat * 4.2, gain: 0.4 };
                self.note(Voice::Pad, hertz(key, step), place);
            }
            let mut sung = 0.0;
            while sung < 4.0 {
                let length = [0.5, 1.0, 1.0, 2.0][self.random.below(4) as usize];
                degree = (degree + self.random.below(5) as i64 - 2).clamp(0, 6);
                if self.random.below(6) != 0 {
                    let start = at + sung * beat;
                    let place = Place { start, length: length * beat * 0.95, gain: 1.0 };
                    self.note(Voice::Sung, hertz(key, SCALE[degree as usize] + 12.0), place);
                }
                sung += length;
            }
            at += beat * 4.0;
            bar += 1;
        }
    }

    fn add(&mut self, place: Place, sound: impl Fn(f64) -> f64) {
        let first = (place.start * RATE) as usize;
        let last = (first + (place.length * RATE) as usize).min(self.mix.len());
        for (n, slot) in self.mix.iter_mut().enumerate().take(last).skip(first) {
            *slot += place.gain * sound((n - first) as f64 / RATE);
        }
    }

    fn note(&mut self, voice: Voice, frequency: f64, place: Place) {
        let harmonics: Vec<(f64, f64)> = (1..=8)
            .map(|n| (f64::from(n), voice.harmonic(f64::from(n), frequency)))
            .filter(|(n, gain)| n * frequency < 3_600.0 && *gain > 0.01)
            .collect();
        self.add(place, |t| {
            let vibrato = match voice {
                Voice::Sung => 0.012 / 5.5 * (1.0 - (TAU * 5.5 * t).cos()) / TAU,
                Voice::Box | Voice::Pad | Voice::Bass => 0.0,
            };
            let phase = TAU * frequency * (t + vibrato);
            let sum: f64 = harmonics.iter().map(|(n, gain)| gain * (n * phase).sin()).sum();
            sum * voice.envelope(t, place.length)
        });
    }

    fn kick(&mut self, place: Place) {
        self.add(place, |t| (TAU * (140.0 * t - 300.0 * t * t)).sin() * (-t * 18.0).exp());
    }

    fn hat(&mut self, place: Place) {
        let seed = self.random.next_u64();
        let length = place.length;
        self.add(place, |t| {
            let mut grain = SplitMix64::new(seed ^ (t * RATE) as u64);
            grain.between(-0.5, 0.5) * (-t * 3.0 / length).exp()
        });
    }

    fn finish(self) -> Vec<i16> {
        let power = self.mix.iter().map(|x| x * x).sum::<f64>() / self.mix.len().max(1) as f64;
        let gain = if power > 0.0 { LEVEL / power.sqrt() } else { 0.0 };
        self.mix.iter().map(|x| (x * gain).clamp(-28_000.0, 28_000.0) as i16).collect()
    }
}

impl Voice {
    fn harmonic(self, n: f64, frequency: f64) -> f64 {
        match self {
            Self::Box => 1.0 / (n * n),
            Self::Pad => (-0.9 * (n - 1.0)).exp(),
            Self::Bass => 1.0 / n.powf(1.5),
            Self::Sung => {
                let at = n * frequency;
                let formant =
                    |centre: f64, width: f64| 1.0 / (1.0 + ((at - centre) / width).powi(2));
                0.15 / n + formant(730.0, 130.0) + 0.6 * formant(1_100.0, 160.0)
            }
        }
    }

    fn envelope(self, t: f64, length: f64) -> f64 {
        match self {
            Self::Box => (t / 0.005).min(1.0) * (-t * 4.0).exp(),
            Self::Pad => (t / 0.12).min((length - t) / 0.12).clamp(0.0, 1.0),
            Self::Bass => (t / 0.01).min((length - t) / 0.04).clamp(0.0, 1.0) * (-t * 2.0).exp(),
            Self::Sung => (t / 0.07).min((length - t) / 0.09).clamp(0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::Dbov;

    const STYLES: [MusicStyle; 3] = [MusicStyle::Waltz, MusicStyle::Pop, MusicStyle::Ballad];

    #[test]
    fn every_style_sounds_at_about_minus_21_dbov_all_the_way() {
        for style in STYLES {
            let piece = compose(style, 5, Duration::from_secs(20));
            assert_eq!(piece.len(), 160_000);
            let level = Dbov::of(&piece).0;
            assert!((-23.0..=-20.0).contains(&level), "{style:?}: {level}");
            for (n, second) in piece.chunks(8_000).enumerate() {
                let level = Dbov::of(second).0;
                assert!(level > -34.0, "{style:?} second {n}: {level}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_piece_and_another_seed_another() {
        for style in STYLES {
            let four = Duration::from_secs(4);
            assert_eq!(compose(style, 1, four), compose(style, 1, four));
            assert_ne!(compose(style, 1, four), compose(style, 2, four));
        }
    }

    #[test]
    fn styles_differ() {
        let [waltz, pop, ballad] = STYLES.map(|style| compose(style, 1, Duration::from_secs(2)));
        assert!(waltz != pop && pop != ballad && waltz != ballad);
    }
}
