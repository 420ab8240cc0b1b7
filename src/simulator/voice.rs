//! A human's voice from a stored line: never twice the same to the sample.
//!
//! Enters: the samples of a line and a seeded generator. Leaves: the line at another speed, pitch and level, with
//! other pauses between its phrases, over the babble and noise of the agent's room. A recorded prompt repeats and a
//! person does not: this is what lets a prompt library tell the two apart, and the simulator must not spoil it.

use crate::domain::audio::{Dbov, Hz8k, duration_to_samples};
use crate::domain::random::SplitMix64;
use std::time::Duration;

/// Amplitude from which a sample of a stored line counts as speech: −34 dB of full scale, above the breath of the
/// synthetic voices (our measurement, 2026).
const SPEECH: i16 = 650;
/// Quiet that is a pause between phrases and may be stretched or cut.
const PAUSE: Duration = Duration::from_millis(220);
/// What is left of a pause at least; a shorter one would run phrases together.
const PAUSE_LEFT: Duration = Duration::from_millis(140);
/// What a pause may grow to at most: a listener takes 700 ms of quiet for the end of a turn.
const PAUSE_MOST: Duration = Duration::from_millis(480);
/// Level of the room behind an agent.
const ROOM: Dbov = Dbov(-52.0);

/// How one line is spoken this time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variation {
    /// Pitch and voice, with the speed that comes with it: 0.94 to 1.06.
    speed: f64,
    /// Seeds the rhythm: how long each syllable is held.
    rhythm: u64,
    /// Factor of the amplitude, within 3 dB.
    gain: f64,
    /// Seeds the pauses.
    pauses: u64,
}

impl Variation {
    /// Draws a variation.
    pub(crate) fn draw(random: &mut SplitMix64) -> Self {
        let speed = random.between(0.94, 1.06);
        let gain = 10_f64.powf(random.between(-3.0, 3.0) / 20.0);
        Self { speed, rhythm: random.next_u64(), gain, pauses: random.next_u64() }
    }

    /// The line as it is spoken this time.
    pub(crate) fn apply(&self, line: &[i16]) -> Vec<i16> {
        let paused = vary_pauses(line, &mut SplitMix64::new(self.pauses));
        let held = vary_rhythm(&paused, &mut SplitMix64::new(self.rhythm));
        resample(&held, self.speed)
            .into_iter()
            .map(|s| (f64::from(s) * self.gain).clamp(-32_000.0, 32_000.0) as i16)
            .collect()
    }
}

/// How long a line is quiet before its first and after its last speech: `(lead, tail)`; the whole length twice
/// if there is no speech in it.
pub(crate) fn margins(line: &[i16]) -> (Duration, Duration) {
    let loud = |s: &i16| s.saturating_abs() >= SPEECH;
    let lead = line.iter().position(loud).unwrap_or(line.len());
    let tail = line.iter().rev().position(loud).unwrap_or(line.len());
    let length = |n: usize| Duration::from_micros(n as u64 * 125);
    (length(lead), length(tail))
}

/// Stretches and cuts the pauses inside a line; its margins stay.
fn vary_pauses(line: &[i16], random: &mut SplitMix64) -> Vec<i16> {
    let least = duration_to_samples::<Hz8k>(PAUSE);
    let (left, most) =
        (duration_to_samples::<Hz8k>(PAUSE_LEFT), duration_to_samples::<Hz8k>(PAUSE_MOST));
    let mut out = Vec::with_capacity(line.len() + line.len() / 4);
    let mut quiet_from = None;
    let mut spoken = false;
    for (n, sample) in line.iter().enumerate() {
        if sample.saturating_abs() < SPEECH {
            quiet_from.get_or_insert(n);
            continue;
        }
        if let Some(from) = quiet_from.take() {
            let pause = &line[from..n];
            if spoken && pause.len() >= least {
                let wanted = random.between(left as f64, most as f64) as usize;
                let kept = wanted.min(pause.len());
                out.extend(&pause[..kept / 2]);
                out.extend(std::iter::repeat_n(0, wanted - kept));
                out.extend(&pause[pause.len() - (kept - kept / 2)..]);
            } else {
                out.extend(pause);
            }
        }
        spoken = true;
        out.push(*sample);
    }
    out.extend(&line[quiet_from.unwrap_or(line.len())..]);
    out
}

/// Window of the overlap-add: 30 ms holds two periods of the lowest voice.
const WINDOW: usize = 240;
const STEP: usize = WINDOW / 2;
/// How far a piece may be shifted to fit the wave before it: one period of a low voice.
const SEARCH: usize = 80;
/// The rhythm changes about so often: the length of a syllable.
const SYLLABLE: Duration = Duration::from_millis(150);
/// Syllables are spoken this much faster or slower from one saying to the next.
const FASTEST: f64 = 1.5;
const SLOWEST: f64 = 0.65;

/// Holds and hurries syllables at random without a change of pitch, as a person does from one saying to the next:
/// overlap-add of pieces that fit the wave before them (WSOLA, Verhelst and Roelands 1993).
fn vary_rhythm(line: &[i16], random: &mut SplitMix64) -> Vec<i16> {
    if line.len() <= WINDOW + 2 * SEARCH {
        return line.to_vec();
    }
    let knot = duration_to_samples::<Hz8k>(SYLLABLE);
    let knots: Vec<f64> =
        (0..line.len() / knot + 2).map(|_| random.between(SLOWEST, FASTEST)).collect();
    let rate = |at: usize| {
        let part = (at % knot) as f64 / knot as f64;
        let (left, right) = (knots[at / knot], knots[(at / knot + 1).min(knots.len() - 1)]);
        left + (right - left) * part
    };
    let hann =
        |n: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / WINDOW as f64).cos();
    let mut out = vec![0.0_f64; (line.len() as f64 / SLOWEST) as usize + 2 * WINDOW];
    let (mut from, mut to, mut place) = (0_usize, 0_usize, 0.0_f64);
    loop {
        for n in 0..WINDOW {
            out[to + n] += f64::from(line[from + n]) * hann(n);
        }
        place += STEP as f64 * rate(place as usize);
        let wanted = place as usize;
        if wanted + WINDOW + SEARCH >= line.len() || from + STEP + WINDOW >= line.len() {
            break;
        }
        // What would have come next decides which neighbour of the wanted place fits.
        let next = &line[from + STEP..from + STEP + WINDOW];
        from = best_fit(line, wanted, next);
        to += STEP;
    }
    out.truncate(to + WINDOW);
    let mut held: Vec<i16> = out.iter().map(|x| x.clamp(-32_768.0, 32_767.0) as i16).collect();
    held.extend(&line[(from + WINDOW).min(line.len())..]);
    held
}

/// The place near `wanted` whose wave is most like `next`.
fn best_fit(line: &[i16], wanted: usize, next: &[i16]) -> usize {
    let likeness = |at: usize| -> f64 {
        let piece = &line[at..at + next.len()];
        let product: f64 = piece.iter().zip(next).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let power: f64 = piece.iter().map(|a| f64::from(*a) * f64::from(*a)).sum();
        product / power.sqrt().max(1.0)
    };
    (wanted.saturating_sub(SEARCH)..=wanted + SEARCH)
        .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
        .unwrap_or(wanted)
}

/// Plays a line `speed` times as fast, by cubic interpolation (Catmull-Rom).
fn resample(line: &[i16], speed: f64) -> Vec<i16> {
    let at = |n: isize| f64::from(line[n.clamp(0, line.len() as isize - 1) as usize]);
    let count = (line.len() as f64 / speed) as usize;
    (0..count)
        .map(|n| {
            let place = n as f64 * speed;
            let (whole, part) = (place as isize, place.fract());
            let [before, left, right, after] =
                [at(whole - 1), at(whole), at(whole + 1), at(whole + 2)];
            let slope = (right - before) / 2.0;
            let bend = before - 2.5 * left + 2.0 * right - after / 2.0;
            let twist = (after - before) / 2.0 + 1.5 * (left - right);
            let value = left + part * (slope + part * (bend + part * twist));
            value.clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

/// The room behind the agents: colleagues who talk at once, far off and at other speeds, and a little noise.
///
/// `[n]` samples for a `length`, at −52 dBov. With no lines to talk from there is noise alone.
pub(crate) fn room(lines: &[&[i16]], seed: u64, length: Duration) -> Vec<i16> {
    let mut random = SplitMix64::new(seed);
    let mut mix = vec![0.0_f64; duration_to_samples::<Hz8k>(length)];
    for _ in 0..if lines.is_empty() { 0 } else { 6 } {
        let mut at = 0;
        while at < mix.len() {
            let line = lines[random.below(lines.len() as u64) as usize];
            let voice = resample(line, random.between(0.82, 1.2));
            let mut low = 0.0;
            for (slot, sample) in mix[at..].iter_mut().zip(&voice) {
                low += 0.35 * (f64::from(*sample) - low);
                *slot += low;
            }
            at += voice.len() + random.below(4_000) as usize;
        }
    }
    let loudest = mix.iter().map(|x| x * x).sum::<f64>() / mix.len().max(1) as f64;
    let noise = (loudest.sqrt() * 0.4).max(20.0);
    for slot in &mut mix {
        *slot += random.between(-noise, noise);
    }
    let power = mix.iter().map(|x| x * x).sum::<f64>() / mix.len().max(1) as f64;
    let wanted = 32_768.0 * 10_f64.powf(f64::from(ROOM.0) / 20.0);
    mix.iter().map(|x| (x * wanted / power.sqrt().max(1.0)) as i16).collect()
}

/// A line over a stretch of a room that begins at `offset` and repeats.
pub(crate) fn over(line: &[i16], room: &[i16], offset: usize) -> Vec<i16> {
    if room.is_empty() {
        return line.to_vec();
    }
    let behind = room.iter().cycle().skip(offset % room.len());
    line.iter().zip(behind).map(|(a, b)| a.saturating_add(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two bursts of 440 Hz with 400 ms between them and 150 ms around them.
    fn line() -> Vec<i16> {
        let burst = (0..4_000).map(|n| ((f64::from(n) * 0.345).sin() * 9_000.0) as i16);
        let quiet = |n| std::iter::repeat_n(0_i16, n);
        quiet(1_200)
            .chain(burst.clone())
            .chain(quiet(3_200))
            .chain(burst)
            .chain(quiet(1_200))
            .collect()
    }

    #[test]
    fn the_pitch_stays_within_6_percent_and_the_rhythm_changes_the_length() {
        let length = |seed| {
            let variation = Variation::draw(&mut SplitMix64::new(seed));
            assert!((0.94..=1.06).contains(&variation.speed), "{}", variation.speed);
            vary_rhythm(&line(), &mut SplitMix64::new(seed)).len()
        };
        let lengths: std::collections::BTreeSet<usize> = (0..50).map(length).collect();
        assert!(lengths.len() > 25, "{}", lengths.len());
        let (shortest, longest) = (*lengths.first().unwrap(), *lengths.last().unwrap());
        let stored = line().len();
        assert!(shortest > stored / 2 && longest < stored * 3 / 2, "{shortest} to {longest}");
    }

    #[test]
    fn no_two_seeds_speak_alike_and_one_seed_repeats() {
        let spoken = |seed| Variation::draw(&mut SplitMix64::new(seed)).apply(&line());
        assert_eq!(spoken(4), spoken(4));
        assert_ne!(spoken(4), spoken(5));
    }

    #[test]
    fn the_level_stays_within_3_db() {
        let stored = Dbov::of(&line()[1_200..5_200]).0;
        for seed in 0..50 {
            let spoken = Variation::draw(&mut SplitMix64::new(seed)).apply(&line());
            let level = Dbov::of(&spoken[1_400..4_800]).0;
            assert!((level - stored).abs() < 3.1, "{level} against {stored}");
        }
    }

    #[test]
    fn a_pause_stays_between_140_and_480_ms() {
        for seed in 0..50 {
            let varied = vary_pauses(&line(), &mut SplitMix64::new(seed));
            let pause = varied.len() + 3_200 - line().len();
            assert!((1_110..=3_850).contains(&pause), "{pause} samples");
        }
    }

    #[test]
    fn margins_of_150_ms_are_found() {
        let (lead, tail) = margins(&line());
        assert!(lead.abs_diff(Duration::from_millis(150)) < Duration::from_millis(2), "{lead:?}");
        assert!(tail.abs_diff(Duration::from_millis(150)) < Duration::from_millis(2), "{tail:?}");
        assert_eq!(margins(&[0; 80]).0, Duration::from_millis(10));
    }

    #[test]
    fn the_room_is_at_minus_52_dbov_with_and_without_colleagues() {
        let talk = line();
        for lines in [&[talk.as_slice()][..], &[]] {
            let level = Dbov::of(&room(lines, 3, Duration::from_secs(4))).0;
            assert!((-53.0..=-51.0).contains(&level), "{level}");
        }
    }
}
