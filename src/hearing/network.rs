//! The frame network: what a frame sounds like. Enters: the inputs of a frame. Leaves: a probability for each class.
//!
//! One hidden layer, trained by `training/frame_network.py`; `weights/README.md` tells what the weights were trained on.

use super::error::HearingError;
use super::moment::INPUTS;
use std::sync::LazyLock;

/// Classes of a frame, in the order of the network's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameClass {
    /// Nothing but a floor or far babble.
    Silence,
    /// Ringback.
    Ring,
    /// Any other tone.
    Tone,
    /// Music.
    Music,
    /// A voice, live or recorded.
    Voice,
}

impl FrameClass {
    /// All classes, in order.
    pub const ALL: [Self; 5] = [Self::Silence, Self::Ring, Self::Tone, Self::Music, Self::Voice];

    /// Its name in measurements.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Ring => "ring",
            Self::Tone => "tone",
            Self::Music => "music",
            Self::Voice => "voice",
        }
    }
}

/// How many classes there are.
pub(crate) const CLASSES: usize = FrameClass::ALL.len();
/// Units of the hidden layer.
const HIDDEN: usize = 32;
/// Numbers of a network: means and deviations of the inputs, hidden weights and bias, output weights and bias.
const NUMBERS: usize = 2 * INPUTS + HIDDEN * (INPUTS + 1) + CLASSES * (HIDDEN + 1);

/// Probabilities of a frame, by class.
pub(crate) type Posterior = [f32; CLASSES];

static CENTRED_BYTES: &[u8; 4 * NUMBERS] = include_bytes!("weights/centred.f32");
static CAUSAL_BYTES: &[u8; 4 * NUMBERS] = include_bytes!("weights/causal.f32");
static CENTRED: LazyLock<FrameNetwork> = LazyLock::new(|| FrameNetwork::of(CENTRED_BYTES));
static CAUSAL: LazyLock<FrameNetwork> = LazyLock::new(|| FrameNetwork::of(CAUSAL_BYTES));

/// A trained network; immutable, so one serves all calls.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameNetwork(Vec<f32>);

impl FrameNetwork {
    /// The network for whole recordings.
    pub fn centred() -> &'static Self {
        &CENTRED
    }

    /// The network for calls that go on, which does without the voice model.
    pub fn causal() -> &'static Self {
        &CAUSAL
    }

    /// A network as the training writes it: little-endian 32-bit floats.
    ///
    /// # Errors
    /// [`HearingError::WrongWeights`] if there are more or fewer numbers than this version's network has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HearingError> {
        let sized: &[u8; 4 * NUMBERS] = bytes.try_into().map_err(|_| {
            HearingError::WrongWeights { found: bytes.len(), expected: 4 * NUMBERS }
        })?;
        Ok(Self::of(sized))
    }

    fn of(bytes: &[u8; 4 * NUMBERS]) -> Self {
        let (numbers, _) = bytes.as_chunks::<4>();
        Self(numbers.iter().map(|four| f32::from_le_bytes(*four)).collect())
    }

    /// How probable each class is, given the inputs of a frame; they sum to 1.
    pub(crate) fn posterior(&self, inputs: &[f32; INPUTS]) -> Posterior {
        let (means, rest) = self.0.split_at(INPUTS);
        let (deviations, rest) = rest.split_at(INPUTS);
        let (hidden, rest) = rest.split_at(HIDDEN * INPUTS);
        let (hidden_bias, rest) = rest.split_at(HIDDEN);
        let (output, output_bias) = rest.split_at(CLASSES * HIDDEN);
        let mut scaled = [0.0_f32; INPUTS];
        for (n, into) in scaled.iter_mut().enumerate() {
            *into = ((inputs[n] - means[n]) / deviations[n]).clamp(-5.0, 5.0);
        }
        let mut held = [0.0_f32; HIDDEN];
        for (n, into) in held.iter_mut().enumerate() {
            *into = (dot(&hidden[n * INPUTS..][..INPUTS], &scaled) + hidden_bias[n]).max(0.0);
        }
        let raised: Posterior = std::array::from_fn(|class| {
            dot(&output[class * HIDDEN..][..HIDDEN], &held) + output_bias[class]
        });
        let highest = raised.into_iter().fold(f32::MIN, f32::max);
        let powers = raised.map(|x| (x - highest).exp());
        let sum: f32 = powers.iter().sum();
        powers.map(|p| p / sum)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::super::features::Analyser;
    use super::super::moment::{Sight, Track};
    use super::super::testing::{companded, music, noise, sines, speech};
    use super::*;

    /// The class that most of the middle of a sound is taken for, causally.
    fn taken_for(samples: &[i16]) -> FrameClass {
        let track = Track::of(&Analyser::all(&companded(samples)), &[]);
        let mut counts = [0; CLASSES];
        for at in 100..track.len() {
            let posterior = FrameNetwork::causal().posterior(&track.inputs(at, Sight::Causal));
            assert!((posterior.iter().sum::<f32>() - 1.0).abs() < 1e-3);
            let best = (0..CLASSES).max_by(|a, b| posterior[*a].total_cmp(&posterior[*b]));
            counts[best.unwrap()] += 1;
        }
        let most = (0..CLASSES).max_by_key(|n| counts[*n]).unwrap();
        FrameClass::ALL[most]
    }

    #[test]
    fn held_chords_are_music_and_a_low_hiss_is_silence() {
        assert_eq!(taken_for(&music(3, 8000)), FrameClass::Music);
        assert_eq!(taken_for(&noise(3, -66.0, 8000)), FrameClass::Silence);
        assert_eq!(taken_for(&speech(3, 1.0, 8000)), FrameClass::Voice);
        let busy = [sines(&[480.0, 620.0], 4000.0, 500), noise(1, -66.0, 500)].concat();
        assert_ne!(taken_for(&busy.repeat(8)), FrameClass::Voice);
    }

    #[test]
    fn weights_of_another_length_are_refused_with_both_lengths() {
        let error = FrameNetwork::from_bytes(&[0; 12]).unwrap_err();
        assert!(error.to_string().contains("12"), "{error}");
    }
}
