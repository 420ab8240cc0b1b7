//! Power spectra of real signals. Enters: a window of samples. Leaves: the power in each bin.

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::fmt;
use std::sync::Arc;

/// A Hann-windowed power spectrum of a fixed, even length.
#[derive(Clone)]
pub(crate) struct Spectrum {
    window: Vec<f32>,
    half: Arc<dyn Fft<f32>>,
    twiddles: Vec<Complex<f32>>,
    buffer: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spectrum({})", self.window.len())
    }
}

impl Spectrum {
    /// A spectrum of windows of `length` samples.
    pub(crate) fn new(length: usize) -> Self {
        let half = FftPlanner::new().plan_fft_forward(length / 2);
        let turn = |n: usize| std::f32::consts::TAU * n as f32 / length as f32;
        let scratch = vec![Complex::default(); half.get_inplace_scratch_len()];
        Self {
            window: (0..length).map(|n| 0.5 - 0.5 * turn(n).cos()).collect(),
            half,
            twiddles: (0..=length / 2).map(|k| Complex::from_polar(1.0, -turn(k))).collect(),
            buffer: vec![Complex::default(); length / 2],
            scratch,
            power: vec![0.0; length / 2 + 1],
        }
    }

    /// Power of each bin from 0 to half the sample rate, scaled so that a sine's bins sum to its mean square.
    /// `samples` has the planned length, full scale 1.
    pub(crate) fn power(&mut self, samples: &[f32]) -> &[f32] {
        // Even samples become the real parts, odd ones the imaginary parts: one transform of half the length.
        for (n, into) in self.buffer.iter_mut().enumerate() {
            *into = Complex::new(
                samples[2 * n] * self.window[2 * n],
                samples[2 * n + 1] * self.window[2 * n + 1],
            );
        }
        self.half.process_with_scratch(&mut self.buffer, &mut self.scratch);
        let count = self.buffer.len();
        // Two sides, and the Hann window keeps 3/8 of the power: 2 / (N² · 3/8).
        let scale = 2.0 / (4.0 * (count * count) as f32 * 0.375);
        for (k, power) in self.power.iter_mut().enumerate() {
            let near = self.buffer[k % count];
            let far = self.buffer[(count - k) % count].conj();
            let even = (near + far) * 0.5;
            let odd = (near - far) * Complex::new(0.0, -0.5);
            *power = (even + odd * self.twiddles[k]).norm_sqr() * scale;
        }
        &self.power
    }

    /// What [`Self::power`] gave last; zeros before.
    pub(crate) fn last(&self) -> &[f32] {
        &self.power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_of_amplitude_1_has_a_power_of_one_half_around_its_bin() {
        let sine: Vec<f32> =
            (0..512).map(|n| (n as f32 * 1000.0 / 8000.0 * std::f32::consts::TAU).sin()).collect();
        let mut spectrum = Spectrum::new(512);
        let power = spectrum.power(&sine);
        let near: f32 = power[62..=66].iter().sum();
        let all: f32 = power.iter().sum();
        assert!((near - 0.5).abs() < 0.01, "{near}");
        assert!((all - near).abs() < 0.001, "{all}");
    }
}
