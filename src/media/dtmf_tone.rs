//! DTMF digits as tones in the audio, for far ends that take no telephone-events.
//!
//! Enters: a digit and a place in it. Leaves: samples at 8 kHz. Source: ITU-T Rec. Q.23 (frequency pairs).

use crate::domain::digit::Digit;
use std::f64::consts::TAU;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYPAD: &str = "123A456B789C*0#D";
/// Peak of each of the two tones: about −11 dBm0 each, inside the limits of ITU-T Rec. Q.24.
const PEAK: f64 = 6_400.0;

/// The low and the high frequency of a digit in Hz.
pub(crate) fn frequencies(digit: Digit) -> (f64, f64) {
    let at = KEYPAD.find(digit.key()).unwrap_or_default();
    (LOW[at / 4], HIGH[at % 4])
}

/// Sample `at` of the tone pair of a digit.
pub(crate) fn sample(digit: Digit, at: i64) -> i16 {
    let (low, high) = frequencies(digit);
    let wave = |hz: f64| (TAU * hz * at as f64 / 8_000.0).sin();
    (PEAK * (wave(low) + wave(high))) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digit_5_is_770_and_1336_hz_and_hash_is_941_and_1477_hz() {
        assert_eq!(frequencies(Digit::new('5').unwrap()), (770.0, 1_336.0));
        assert_eq!(frequencies(Digit::new('#').unwrap()), (941.0, 1_477.0));
        assert_eq!(frequencies(Digit::new('0').unwrap()), (941.0, 1_336.0));
    }

    #[test]
    fn the_pair_never_clips() {
        let digit = Digit::new('D').unwrap();
        let peak = (0..8_000).map(|n| i32::from(sample(digit, n)).abs()).max().unwrap();
        assert!((10_000..=12_800).contains(&peak), "{peak}");
    }
}
