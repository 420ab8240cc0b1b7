//! Signals for the tests of this room. Enters: a seed. Leaves: tones, speech-like sound, music, noise, G.711.

use crate::domain::random::SplitMix64;

/// Sines of the given frequencies together, mono 8 kHz.
pub(crate) fn sines(hz: &[f64], amplitude: f64, millis: usize) -> Vec<i16> {
    (0..millis * 8)
        .map(|n| {
            let sum: f64 =
                hz.iter().map(|f| (n as f64 * f / 8000.0 * std::f64::consts::TAU).sin()).sum();
            (sum * amplitude) as i16
        })
        .collect()
}

/// Noise of about `dbov`.
pub(crate) fn noise(seed: u64, dbov: f64, millis: usize) -> Vec<i16> {
    let mut random = SplitMix64::new(seed);
    let peak = 32_768.0 * 10.0_f64.powf(dbov / 20.0) * 3.0_f64.sqrt();
    (0..millis * 8).map(|_| ((random.unit() * 2.0 - 1.0) * peak) as i16).collect()
}

/// Speech-like sound: syllables of 90 to 180 ms with gliding pitch and two resonances, pauses between; `speed`
/// plays the same words faster, as resampling would.
pub(crate) fn speech(words: u64, speed: f64, millis: usize) -> Vec<i16> {
    let mut random = SplitMix64::new(words);
    let mut out = Vec::new();
    let mut phase = 0.0_f64;
    while out.len() < millis * 8 {
        let length = ((90.0 + 90.0 * random.unit()) * 8.0 / speed) as usize;
        let pause = ((20.0 + 90.0 * random.unit()) * 8.0 / speed) as usize;
        let pitch = (110.0 + 60.0 * random.unit()) * speed;
        let glide = (random.unit() - 0.5) * 50.0 * speed;
        let first = (350.0 + 500.0 * random.unit()) * speed;
        let second = (1000.0 + 1400.0 * random.unit()) * speed;
        for n in 0..length {
            let t = n as f64 / length as f64;
            let hz = pitch + glide * t;
            phase += hz / 8000.0 * std::f64::consts::TAU;
            let harmonics = (3400.0 / hz) as usize;
            let sum: f64 = (1..=harmonics)
                .map(|k| {
                    let f = k as f64 * hz;
                    let near =
                        |c: f64, w: f64| 1.0 / (1.0 + ((f - c * (1.0 + 0.2 * t)) / w).powi(2));
                    (near(first, 90.0) + 0.6 * near(second, 130.0)) * (phase * k as f64).sin()
                })
                .sum();
            out.push((sum * 5000.0 * (t * std::f64::consts::PI).sin()) as i16);
        }
        out.extend(std::iter::repeat_n(0, pause));
    }
    out.truncate(millis * 8);
    out
}

/// Held chords that change every 0.6 s.
pub(crate) fn music(seed: u64, millis: usize) -> Vec<i16> {
    let mut random = SplitMix64::new(seed);
    let mut out = Vec::new();
    while out.len() < millis * 8 {
        let root = 220.0 * 2.0_f64.powf((random.unit() * 12.0).floor() / 12.0);
        let chord = [1.0, 1.26, 1.5, 2.0, 3.0, 4.0].map(|f| f * root);
        out.extend(sines(&chord, 1500.0, 600));
    }
    out.truncate(millis * 8);
    out
}

/// Adds two signals; as long as the first.
pub(crate) fn mixed(a: &[i16], b: &[i16]) -> Vec<i16> {
    let other = b.iter().copied().chain(std::iter::repeat(0));
    a.iter().zip(other).map(|(x, y)| x.saturating_add(y)).collect()
}

/// Through µ-law and back, as a companding law does it: 8 bits, about 38 dB.
pub(crate) fn companded(samples: &[i16]) -> Vec<i16> {
    let law = 255.0_f64;
    samples
        .iter()
        .map(|&s| {
            let x = f64::from(s) / 32_768.0;
            let y = (x.abs() * law).ln_1p() / law.ln_1p();
            let code = (y * 127.0).round() / 127.0;
            (((1.0 + law).powf(code) - 1.0) / law * 32_767.0 * x.signum()) as i16
        })
        .collect()
}
