//! 8 kHz to 16 kHz by a half-band filter. Enters: telephone audio. Leaves: what speech models take.
//!
//! Every second output sample is an input sample, exactly; the ones between are interpolated, so nothing is delayed
//! and nothing the telephone carried is lost.

/// Taps on one side of an interpolated sample. The Kaiser window below gives about 70 dB from 4.3 kHz on with these.
const SIDE: usize = 24;
/// Shape of the Kaiser window.
const BETA: f64 = 7.0;

/// Doubles the sample rate: `[n]` mono `i16` at 8 kHz to `[2n]` at 16 kHz, without delay.
///
/// Beyond both ends the signal is taken as silent. Peaks between two full-scale samples are clipped.
pub fn upsample_2x(samples: &[i16]) -> Vec<i16> {
    let taps = taps();
    let count = samples.len();
    let mut padded = vec![0.0_f32; count + 2 * SIDE];
    for (into, &from) in padded[SIDE..].iter_mut().zip(samples) {
        *into = f32::from(from);
    }
    let mut doubled = Vec::with_capacity(2 * count);
    for (n, &sample) in samples.iter().enumerate() {
        doubled.push(sample);
        // The sample half way between `n` and `n + 1` sees SIDE samples on either side of it.
        let seen = &padded[n + 1..=n + 2 * SIDE];
        let between: f32 = seen.iter().zip(&taps).map(|(s, t)| s * t).sum();
        doubled.push(between.round().clamp(-32_768.0, 32_767.0) as i16);
    }
    doubled
}

/// The taps at half-sample distances: a windowed `sinc`, symmetric, summing to one.
fn taps() -> [f32; 2 * SIDE] {
    let mut taps = [0.0_f64; 2 * SIDE];
    for (k, tap) in taps.iter_mut().enumerate() {
        let distance = k as f64 - SIDE as f64 + 0.5;
        let angle = std::f64::consts::PI * distance;
        let inside = distance / SIDE as f64;
        let window = bessel_i0(BETA * (1.0 - inside * inside).max(0.0).sqrt()) / bessel_i0(BETA);
        *tap = angle.sin() / angle * window;
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// Modified Bessel function of the first kind, order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let half = x / 2.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (half / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: f64, count: usize) -> Vec<i16> {
        (0..count)
            .map(|n| ((n as f64 * hz / rate * std::f64::consts::TAU).sin() * 8000.0) as i16)
            .collect()
    }

    #[test]
    fn every_second_sample_is_the_input_itself() {
        let input: Vec<i16> = (0..500).map(|n| (n * 37 % 4001 - 2000) as i16).collect();
        let doubled = upsample_2x(&input);
        assert_eq!(doubled.len(), 1000);
        assert!(doubled.iter().step_by(2).eq(input.iter()));
    }

    #[test]
    fn a_3000_hz_sine_stays_a_3000_hz_sine_within_60_db() {
        let doubled = upsample_2x(&sine(3000.0, 8000.0, 2000));
        let wanted = sine(3000.0, 16_000.0, 4000);
        let error: f64 =
            (200..3800).map(|n| (f64::from(doubled[n]) - f64::from(wanted[n])).powi(2)).sum();
        let power: f64 = (200..3800).map(|n| f64::from(wanted[n]).powi(2)).sum();
        assert!(10.0 * (error / power).log10() < -60.0);
    }

    #[test]
    fn nothing_gives_nothing_and_full_scale_does_not_wrap() {
        assert!(upsample_2x(&[]).is_empty());
        let square: Vec<i16> =
            (0..200).map(|n| if n / 10 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        assert_eq!(upsample_2x(&square).len(), 400);
    }
}
