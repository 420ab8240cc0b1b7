//! Audio as it flows between rooms: sample rates are types, so that 8 kHz and 16 kHz never mix.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// A sample rate known at compile time.
pub trait SampleRate: Copy + fmt::Debug + Send + Sync + 'static {
    /// Samples per second.
    const HZ: u32;
}

/// 8,000 samples per second: the telephone network, G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hz8k;
/// 16,000 samples per second: what the speech models take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hz16k;

impl SampleRate for Hz8k {
    const HZ: u32 = 8_000;
}
impl SampleRate for Hz16k {
    const HZ: u32 = 16_000;
}

/// Samples in a 20 ms frame at 8 kHz, the packet of every call.
pub const FRAME_SAMPLES: usize = 160;
/// Length of a frame.
pub const FRAME: Duration = Duration::from_millis(20);
/// One 20 ms frame, mono `i16` at 8 kHz.
pub type Frame = [i16; FRAME_SAMPLES];

/// Mono samples, `[n]` `i16`, at the rate `R`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Pcm<R> {
    samples: Vec<i16>,
    rate: PhantomData<R>,
}

impl<R: SampleRate> Pcm<R> {
    /// Wraps samples taken at the rate `R`.
    pub fn new(samples: Vec<i16>) -> Self {
        Self { samples, rate: PhantomData }
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The samples, given away.
    pub fn into_samples(self) -> Vec<i16> {
        self.samples
    }

    /// How long they last.
    pub fn duration(&self) -> Duration {
        samples_to_duration::<R>(self.samples.len())
    }
}

impl<R: SampleRate> fmt::Debug for Pcm<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcm({} samples at {} Hz)", self.samples.len(), R::HZ)
    }
}

/// How long `count` samples at the rate `R` last.
pub fn samples_to_duration<R: SampleRate>(count: usize) -> Duration {
    let nanos = count as u128 * 1_000_000_000 / u128::from(R::HZ);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many whole samples at the rate `R` fit in `span`.
pub fn duration_to_samples<R: SampleRate>(span: Duration) -> usize {
    usize::try_from(span.as_nanos() * u128::from(R::HZ) / 1_000_000_000).unwrap_or(usize::MAX)
}

/// A level against the overload point: a full-scale square wave is 0, a full-scale sine −3.01.
/// Source: ITU-T Rec. G.100.1 (dBov).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Dbov(pub f32);

impl Dbov {
    /// What digital silence is given instead of minus infinity.
    pub const SILENCE: Self = Self(-96.0);

    /// Level of a stretch of samples; [`Self::SILENCE`] for none and for all zeros.
    pub fn of(samples: &[i16]) -> Self {
        let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
        if samples.is_empty() || sum <= 0.0 {
            return Self::SILENCE;
        }
        let mean = sum / samples.len() as f64;
        let level = 10.0 * (mean / (32_768.0 * 32_768.0)).log10();
        Self((level as f32).max(Self::SILENCE.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_sine_is_minus_3_01_dbov() {
        let sine: Vec<i16> = (0..8000)
            .map(|n| (f64::from(n) * 0.1 * std::f64::consts::TAU).sin() * 32_767.0)
            .map(|s| s as i16)
            .collect();
        assert!((Dbov::of(&sine).0 + 3.01).abs() < 0.01);
        assert_eq!(Dbov::of(&[0; 160]), Dbov::SILENCE);
    }

    #[test]
    fn a_frame_of_160_samples_lasts_20_ms() {
        assert_eq!(samples_to_duration::<Hz8k>(FRAME_SAMPLES), FRAME);
        assert_eq!(duration_to_samples::<Hz8k>(FRAME), FRAME_SAMPLES);
        assert_eq!(duration_to_samples::<Hz16k>(FRAME), 320);
    }
}
