//! Beeps: one steady tone on its own, as before a mailbox records or where a call is handed over. Enters: the last 64 ms
//! and the level of every 20 ms. Leaves: beeps by first and last frame, told 0.3 s after they end.
//!
//! One estimate of the frequency is not enough: ringback of 440 and 480 Hz looks like a steady tone of 460 Hz to it. A
//! beep is one line by its width in the spectrum, steady in level and frequency, alone in its surroundings.

use super::features::FEATURE_WINDOW;
use super::spectrum::Spectrum;
use super::tone::ToneSpectrum;
use crate::domain::audio::{Dbov, FRAME_SAMPLES};
use std::collections::VecDeque;

/// The window blurs a frame at either end of a tone: one of 120 ms has four steady frames.
const BLUR: u64 = 1;
/// Shortest and longest beep, in steady frames: 120 ms to 1.5 s.
const SHORTEST: u64 = 4;
const LONGEST: u64 = 74;
/// Share of the power in one line. A second one 8 dB weaker, as in a twisted DTMF digit, takes 14 % of it.
const PURE: f32 = 0.93;
/// Frequencies of beeps, in Hz.
const LOWEST_HZ: f32 = 340.0;
const HIGHEST_HZ: f32 = 2010.0;
/// A frame belongs to a tone if its line lies this near to the mean so far, as a share of it.
const STEADY_HZ: f32 = 0.012;
/// Levels of a beep, but for its edges, differ by this much at most, in dB.
const STEADY_DB: f32 = 2.0;
/// Steady frames at either edge that may be quieter.
const EDGE: usize = 1;
/// A tone goes on over a hole of this many frames.
const HOLE: u64 = 1;
/// Another tone this near, before or after, makes it a tune or a cadence, in frames: 0.3 s.
const ALONE: u64 = 15;
/// A tone that comes a third time within this many frames, 4 s each, is a cadence.
const REPEATS_WITHIN: u64 = 200;
/// A shorter tone is none, and no neighbour, in frames.
const COUNTS_FROM: u64 = 2;
/// A line between these, in Hz, that lasts as long, in steady frames, may be a ring: 0.84 to 1.56 s at 390 to 460 Hz.
const RING_HZ: std::ops::RangeInclusive<f32> = 390.0..=460.0;
const RING_FRAMES: std::ops::RangeInclusive<u64> = 40..=76;

/// A stretch of one line.
#[derive(Debug, Clone, PartialEq)]
struct Tone {
    from: u64,
    /// First frame after it.
    to: u64,
    hz: f32,
    frames: u32,
    levels: Vec<f32>,
}

impl Tone {
    fn begins(at: u64, hz: f32, level: f32) -> Self {
        Self { from: at, to: at + 1, hz, frames: 1, levels: vec![level] }
    }

    /// Whether a frame belongs to it.
    fn takes(&mut self, at: u64, hz: f32, level: f32) -> bool {
        if (hz - self.hz).abs() > self.hz * STEADY_HZ || at - self.to > HOLE {
            return false;
        }
        self.frames += 1;
        self.hz += (hz - self.hz) / self.frames as f32;
        self.to = at + 1;
        if self.levels.len() as u64 <= LONGEST {
            self.levels.push(level);
        }
        true
    }

    fn length(&self) -> u64 {
        self.to - self.from
    }

    /// Whether it is a beep by itself.
    fn is_steady(&self) -> bool {
        if !(SHORTEST..=LONGEST).contains(&self.length())
            || !(LOWEST_HZ..=HIGHEST_HZ).contains(&self.hz)
            || (RING_HZ.contains(&self.hz) && RING_FRAMES.contains(&self.length()))
        {
            return false;
        }
        let edge = EDGE.min((self.levels.len() - 1) / 2);
        let inner = &self.levels[edge..self.levels.len() - edge];
        let loudest = inner.iter().copied().fold(f32::MIN, f32::max);
        let quietest = inner.iter().copied().fold(f32::MAX, f32::min);
        loudest - quietest <= STEADY_DB
    }
}

/// Listens for beeps, frame by frame.
#[derive(Debug, Clone)]
pub(crate) struct BeepFinder {
    frame: u64,
    current: Option<Tone>,
    /// Tones of the last [`REPEATS_WITHIN`] frames, newest last.
    past: VecDeque<Tone>,
}

impl BeepFinder {
    pub(crate) fn new() -> Self {
        Self { frame: 0, current: None, past: VecDeque::new() }
    }

    /// Takes the next frame: the power spectrum of [`FEATURE_WINDOW`] samples and the level of its 20 ms in dBov.
    /// Says which frames were the steady part of a beep once it has been alone for long enough.
    pub(crate) fn push(&mut self, power: &[f32], level: f32) -> Option<(u64, u64)> {
        let frame = self.frame;
        self.frame += 1;
        let lines = ToneSpectrum::lines(power, PURE);
        match lines {
            Some(ToneSpectrum::One(hz)) => {
                if !self.current.as_mut().is_some_and(|tone| tone.takes(frame, hz, level)) {
                    self.ends();
                    self.current = Some(Tone::begins(frame, hz, level));
                }
            }
            Some(ToneSpectrum::Two(..)) | None => {
                if self.current.as_ref().is_some_and(|tone| frame - tone.to >= HOLE) {
                    self.ends();
                }
            }
        }
        self.alone(frame)
    }

    /// Whether the last frames show one steady line that may become a beep.
    pub(crate) fn sounds(&self) -> bool {
        self.current.as_ref().is_some_and(|tone| tone.length() >= COUNTS_FROM)
    }

    fn ends(&mut self) {
        let Some(tone) = self.current.take().filter(|tone| tone.length() >= COUNTS_FROM) else {
            return;
        };
        let oldest = tone.from.saturating_sub(2 * REPEATS_WITHIN);
        self.past.retain(|past| past.to >= oldest);
        self.past.push_back(tone);
    }

    /// The newest tone, if it has just been alone for [`ALONE`] frames and is a beep.
    fn alone(&self, frame: u64) -> Option<(u64, u64)> {
        let tone = self.past.back()?;
        if frame + 1 != tone.to + ALONE || self.sounds() || !tone.is_steady() {
            return None;
        }
        let mut earlier = self.past.iter().rev().skip(1);
        if earlier.clone().any(|past| past.to + ALONE > tone.from) {
            return None;
        }
        // Twice is a double beep; a third time it is the cadence of a call-progress tone.
        let alike = |past: &&Tone| {
            (past.hz - tone.hz).abs() <= 2.0 * STEADY_HZ * tone.hz
                && tone.from - past.to <= 2 * REPEATS_WITHIN
        };
        let repeated = earlier.by_ref().filter(alike).count() >= 2;
        (!repeated).then_some((tone.from, tone.to))
    }
}

/// Beeps of a whole recording, mono 8 kHz, by first frame of 20 ms and first frame after.
pub fn beeps(samples: &[i16]) -> Vec<(usize, usize)> {
    let mut finder = BeepFinder::new();
    let mut spectrum = Spectrum::new(FEATURE_WINDOW);
    let mut window = [0.0_f32; FEATURE_WINDOW];
    let mut found = Vec::new();
    // Windows are centred, and some silence after the end tells whether the last tone was alone.
    let ahead = (FEATURE_WINDOW - FRAME_SAMPLES) / 2;
    let frames = samples.len() / FRAME_SAMPLES;
    for frame in 0..frames + ALONE as usize + 2 {
        let start = frame * FRAME_SAMPLES;
        for (n, into) in window.iter_mut().enumerate() {
            let at = (start + n).checked_sub(ahead);
            let sample = at.and_then(|at| samples.get(at)).copied().unwrap_or(0);
            *into = f32::from(sample) / 32_768.0;
        }
        let there = samples.get(start..start + FRAME_SAMPLES).unwrap_or(&[]);
        let level = if there.is_empty() { Dbov::SILENCE.0 } else { Dbov::of(there).0 };
        if let Some((from, to)) = finder.push(spectrum.power(&window), level) {
            let (from, to) = (from.saturating_sub(BLUR), to + BLUR);
            found.push((from as usize, (to as usize).min(frames)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{companded, mixed, music, noise, sines, speech};
    use super::*;

    const AMPLITUDE: f64 = 5000.0;

    fn quiet(millis: usize) -> Vec<i16> {
        vec![0; millis * 8]
    }

    /// Beeps over a floor of `floor` dBov, through G.711.
    fn found_over(clean: &[i16], floor: f64) -> Vec<(usize, usize)> {
        beeps(&companded(&mixed(clean, &noise(5, floor, clean.len() / 8))))
    }

    fn found(parts: &[Vec<i16>]) -> Vec<(usize, usize)> {
        found_over(&parts.concat(), -60.0)
    }

    #[test]
    fn beeps_of_350_to_2000_hz_and_120_to_1400_ms_are_found_where_they_are_to_40_ms() {
        for hz in [350.0, 500.0, 620.0, 1000.0, 1400.0, 2000.0] {
            for millis in [120, 200, 400, 800, 1400] {
                let parts = [quiet(1000), sines(&[hz], AMPLITUDE, millis), quiet(1000)];
                let beeps = found(&parts);
                let [(from, to)] = beeps[..] else { panic!("{hz} Hz {millis} ms: {beeps:?}") };
                let end = 50 + millis / 20;
                assert!(
                    from.abs_diff(50) <= 2 && to.abs_diff(end) <= 2,
                    "{hz} {millis}: {from}-{to}"
                );
            }
        }
    }

    #[test]
    fn a_beep_between_voices_and_under_noise_20_db_below_it_is_found() {
        let beep = sines(&[1000.0], AMPLITUDE, 400);
        let talk = |seed| speech(seed, 1.0, 2000);
        let call = [talk(1), quiet(200), beep, quiet(100), talk(2), quiet(500)].concat();
        // Amplitude 5000 is −19 dBov.
        for floor in [-60.0, -39.0] {
            let beeps = found_over(&call, floor);
            assert!(
                matches!(beeps[..], [(from, to)] if from.abs_diff(110) <= 2 && to.abs_diff(130) <= 2),
                "{floor} dBov: {beeps:?}"
            );
        }
    }

    #[test]
    fn two_beeps_in_a_row_are_two_and_the_third_is_a_cadence() {
        let one = [sines(&[800.0], AMPLITUDE, 200), quiet(500)].concat();
        let call = |times| [quiet(500), one.repeat(times), quiet(500)];
        assert_eq!(found(&call(2)).len(), 2);
        assert_eq!(found(&call(6)).len(), 2);
    }

    #[test]
    fn ringback_of_two_lines_is_never_a_beep_whatever_its_length() {
        for pair in [[440.0, 480.0], [400.0, 450.0], [350.0, 440.0], [480.0, 620.0], [413.0, 438.0]]
        {
            for millis in [150, 400, 1000] {
                let parts = [quiet(500), sines(&pair, AMPLITUDE, millis), quiet(1500)];
                assert_eq!(found(&parts), [], "{pair:?} {millis} ms");
            }
        }
    }

    #[test]
    fn a_single_ring_of_1_s_at_425_hz_is_left_to_the_cadence() {
        assert_eq!(found(&[quiet(500), sines(&[425.0], AMPLITUDE, 1000), quiet(1500)]), []);
    }

    #[test]
    fn no_dtmf_digit_is_a_beep() {
        for low in [697.0, 770.0, 852.0, 941.0] {
            for high in [1209.0, 1336.0, 1477.0, 1633.0] {
                let digit = sines(&[low, high], AMPLITUDE, 200);
                // The columns may be stronger or weaker than the rows by 8 dB (ITU-T Q.24).
                let twisted =
                    mixed(&sines(&[low], AMPLITUDE, 200), &sines(&[high], AMPLITUDE * 0.45, 200));
                for sound in [digit, twisted] {
                    assert_eq!(found(&[quiet(500), sound, quiet(500)]), [], "{low}+{high}");
                }
            }
        }
    }

    #[test]
    fn special_information_tones_and_long_tones_are_no_beeps() {
        let three = [950.0, 1400.0, 1800.0].map(|hz| sines(&[hz], AMPLITUDE, 330)).concat();
        assert_eq!(found(&[quiet(500), three, quiet(800)]), []);
        assert_eq!(found(&[quiet(500), sines(&[1000.0], AMPLITUDE, 2000), quiet(800)]), []);
    }

    #[test]
    fn notes_that_fade_waver_or_follow_each_other_are_no_beeps() {
        let fading: Vec<i16> = sines(&[880.0], AMPLITUDE, 500)
            .iter()
            .enumerate()
            .map(|(n, &s)| (f64::from(s) * (-(n as f64) / 1200.0).exp()) as i16)
            .collect();
        assert_eq!(found(&[quiet(500), fading, quiet(800)]), []);
        let wavering: Vec<i16> = (0..4000)
            .scan(0.0_f64, |phase, n| {
                let hz = 700.0 + 20.0 * (f64::from(n) / 8000.0 * 6.0 * std::f64::consts::TAU).sin();
                *phase += hz / 8000.0 * std::f64::consts::TAU;
                Some((phase.sin() * AMPLITUDE) as i16)
            })
            .collect();
        assert_eq!(found(&[quiet(500), wavering, quiet(800)]), []);
        let scale = [523.0, 587.0, 659.0, 698.0].map(|hz| sines(&[hz], AMPLITUDE, 250)).concat();
        assert_eq!(found(&[quiet(500), scale, quiet(800)]), []);
    }

    #[test]
    fn five_minutes_of_music_and_speech_have_no_beep() {
        assert_eq!(found(&[music(21, 150_000), speech(22, 1.0, 150_000)]), []);
    }

    #[test]
    fn nothing_and_a_beep_cut_by_the_end_break_nothing() {
        assert_eq!(beeps(&[]), []);
        assert_eq!(beeps(&[1, 2, 3]), []);
        let cut = [quiet(500), sines(&[1000.0], AMPLITUDE, 300)].concat();
        assert_eq!(beeps(&cut).len(), 1);
    }
}
