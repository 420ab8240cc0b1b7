//! A frame and what surrounds it, as inputs of the frame network. Enters: features of successive frames, and the voice
//! model's probability where it is run. Leaves: [`INPUTS`] numbers for a frame.
//!
//! The names and the order of the inputs are fixed with the weights: whoever changes them trains anew.

use super::features::{Features, SHAPE_BANDS, correlation};
use super::level::percentile;
use std::ops::Range;

/// Spectra are compared over this many frames: 120 ms.
const LAG: usize = 6;
/// Frames of the near and of the wide surroundings: 1 s and 3 s.
const NEAR: usize = 50;
const WIDE: usize = 150;
/// Quantities whose mean and deviation over the surroundings are inputs.
const SURROUNDED: usize = 8;
/// Frame, near and wide surroundings, low energy in both, and modulation.
pub(crate) const INPUTS: usize = 2 + SHAPE_BANDS + 5 + 3 + 1 + 4 * SURROUNDED + 2 + 1;

/// A frame of the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    features: Features,
    /// Mean change of the shape since the frame before.
    flux: f32,
    /// Correlation of the shape with that 120 ms earlier, −1 to 1: music keeps it.
    stability: f32,
    /// Probability of a voice by the voice model; 0 where it does not run.
    voice: f32,
}

impl Moment {
    fn surrounded(&self) -> [f32; SURROUNDED] {
        let f = &self.features;
        let tone = if f.tone.is_some() { 1.0 } else { 0.0 };
        [f.level, f.flatness, f.centroid, f.peak, self.flux, self.stability, self.voice, tone]
    }
}

/// Which side of a frame its surroundings lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Both sides: a whole recording is there.
    Centred,
    /// Before it only: the call goes on.
    Causal,
}

impl Sight {
    fn around(self, at: usize, frames: usize, all: usize) -> Range<usize> {
        match self {
            Self::Centred => at.saturating_sub(frames / 2)..(at + frames / 2 + 1).min(all),
            Self::Causal => (at + 1).saturating_sub(frames)..at + 1,
        }
    }
}

/// Successive moments of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Track(Vec<Moment>);

impl Track {
    /// The track of a whole recording; `voice` holds a probability for each frame.
    pub(crate) fn of(features: &[Features], voice: &[f32]) -> Self {
        let mut track = Self::default();
        for (n, frame) in features.iter().enumerate() {
            track.push(frame, voice.get(n).copied().unwrap_or(0.0));
        }
        track
    }

    pub(crate) fn push(&mut self, features: &Features, voice: f32) {
        let before = |back: usize| {
            let at = self.0.len().checked_sub(back)?;
            self.0.get(at).map(|m| &m.features.shape)
        };
        let flux = before(1).map_or(0.0, |earlier| change(earlier, &features.shape));
        let stability = before(LAG).map_or(0.0, |earlier| correlation(earlier, &features.shape));
        self.0.push(Moment { features: *features, flux, stability, voice });
    }

    /// Forgets what lies before the surroundings of the newest frame.
    pub(crate) fn forget(&mut self) {
        if self.0.len() > 2 * WIDE {
            self.0.drain(..self.0.len() - WIDE);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Inputs of the frame network for frame `at`; zeros beyond the end.
    pub(crate) fn inputs(&self, at: usize, sight: Sight) -> [f32; INPUTS] {
        let mut inputs = [0.0; INPUTS];
        let Some(moment) = self.0.get(at) else { return inputs };
        let near = &self.0[sight.around(at, NEAR, self.0.len())];
        let wide = &self.0[sight.around(at, WIDE, self.0.len())];
        let f = &moment.features;
        let mut into = inputs.iter_mut();
        let mut put = |value: f32| {
            if let Some(slot) = into.next() {
                *slot = value;
            }
        };
        put(f.level);
        let levels = wide.iter().map(|m| m.features.level).collect();
        put(f.level - percentile(levels, 0.1));
        let mean = f.shape.iter().sum::<f32>() / SHAPE_BANDS as f32;
        f.shape.iter().for_each(|band| put(band - mean));
        [f.flatness, f.centroid, f.peak, moment.flux, moment.stability]
            .into_iter()
            .for_each(&mut put);
        for kind in 0..3 {
            put(if f.tone.is_some_and(|t| t.group() == kind) { 1.0 } else { 0.0 });
        }
        put(moment.voice);
        for around in [near, wide] {
            let (means, deviations) = statistics(around);
            means.into_iter().for_each(&mut put);
            deviations.into_iter().for_each(&mut put);
            put(low_energy(around, means[0]));
        }
        put(modulation(near));
        inputs
    }
}

fn change(earlier: &[f32; SHAPE_BANDS], now: &[f32; SHAPE_BANDS]) -> f32 {
    earlier.iter().zip(now).map(|(a, b)| (a - b).abs()).sum::<f32>() / SHAPE_BANDS as f32
}

fn statistics(around: &[Moment]) -> ([f32; SURROUNDED], [f32; SURROUNDED]) {
    let count = around.len().max(1) as f32;
    let (mut sums, mut squares) = ([0.0_f32; SURROUNDED], [0.0_f32; SURROUNDED]);
    for moment in around {
        for (n, value) in moment.surrounded().into_iter().enumerate() {
            sums[n] += value;
            squares[n] += value * value;
        }
    }
    let means = sums.map(|sum| sum / count);
    let deviation = |n: usize| (squares[n] / count - means[n] * means[n]).max(0.0).sqrt();
    (means, std::array::from_fn(deviation))
}

/// Share of frames 6 dB and more below the mean level: pauses.
fn low_energy(around: &[Moment], mean: f32) -> f32 {
    let low = around.iter().filter(|m| m.features.level < mean - 6.0).count();
    low as f32 / around.len().max(1) as f32
}

/// How strongly the level swings at 4 Hz, the rate of syllables, in dB.
fn modulation(around: &[Moment]) -> f32 {
    let (mut real, mut imaginary) = (0.0_f32, 0.0_f32);
    for (n, moment) in around.iter().enumerate() {
        let turn = std::f32::consts::TAU * 4.0 * 0.02 * n as f32;
        real += moment.features.level * turn.cos();
        imaginary += moment.features.level * turn.sin();
    }
    real.hypot(imaginary) / around.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::super::features::Analyser;
    use super::super::testing::{music, speech};
    use super::*;

    fn last(samples: &[i16]) -> [f32; INPUTS] {
        let track = Track::of(&Analyser::all(samples), &[]);
        track.inputs(track.len() - 1, Sight::Causal)
    }

    #[test]
    fn every_input_is_filled_and_finite() {
        let inputs = last(&speech(1, 1.0, 4000));
        assert!(inputs.iter().all(|x| x.is_finite()));
        // The last input is the swing of the level.
        assert!(inputs[INPUTS - 1] > 0.0);
        assert!(last(&[0; 1600]).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn speech_swings_more_at_4_hz_than_held_chords() {
        let swing = |samples: &[i16]| last(samples)[INPUTS - 1];
        assert!(swing(&speech(1, 1.0, 4000)) > 2.0 * swing(&music(1, 4000)));
    }

    #[test]
    fn a_track_that_forgets_gives_the_same_causal_inputs() {
        let features = Analyser::all(&speech(4, 1.0, 9000));
        let (whole, mut short) = (Track::of(&features, &[]), Track::default());
        for frame in &features {
            short.push(frame, 0.0);
            short.forget();
        }
        assert!(short.len() <= 2 * WIDE);
        let at = features.len() - 1;
        let (a, b) =
            (whole.inputs(at, Sight::Causal), short.inputs(short.len() - 1, Sight::Causal));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
    }
}
