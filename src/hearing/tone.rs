//! Call-progress tones by frequency and cadence. Enters: a power spectrum every 20 ms. Leaves: ringback, busy, congestion
//! and special information tones, once the cadence is sure: a tone of music or a beep has the frequency, not the cadence.

use super::features::BIN_HZ;

/// A group of frequencies that one frame shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ToneSpectrum {
    /// One or two frequencies between 390 and 490 Hz: ringing anywhere, busy in Europe.
    Low,
    /// 480 and 620 Hz together: busy and congestion in Korea and North America.
    BusyPair,
    /// The first, second or third of the special information tones: 950, 1400, 1800 Hz (ITU-T E.180 §2.8.2).
    Information(u8),
}

/// Share of the power that has to lie at a tone's frequencies.
const PURE: f32 = 0.8;
/// Share that each of a pair has to have.
const EACH_OF_PAIR: f32 = 0.12;
/// Quieter sound is no tone: mean square of −50 dBov.
const AUDIBLE_POWER: f32 = 1e-5;

impl ToneSpectrum {
    /// Which of the three groups it is: low, pair, information.
    pub(crate) fn group(self) -> usize {
        match self {
            Self::Low => 0,
            Self::BusyPair => 1,
            Self::Information(_) => 2,
        }
    }

    /// What a spectrum of 512 samples shows.
    pub(crate) fn of(power: &[f32]) -> Option<Self> {
        let total: f32 = power.iter().sum();
        if total < AUDIBLE_POWER {
            return None;
        }
        // A Hann window spreads a tone over two bins on either side.
        let share = |low_hz: f32, high_hz: f32| -> f32 {
            let low = (low_hz / BIN_HZ).round() as usize - 2;
            let high = (high_hz / BIN_HZ).round() as usize + 2;
            power[low..=high].iter().sum::<f32>() / total
        };
        let busy = (share(480.0, 480.0), share(620.0, 620.0));
        if busy.0 > EACH_OF_PAIR && busy.1 > EACH_OF_PAIR && busy.0 + busy.1 > PURE {
            return Some(Self::BusyPair);
        }
        if share(400.0, 480.0) > PURE {
            return Some(Self::Low);
        }
        let information = [950.0, 1400.0, 1800.0];
        let found = information.iter().position(|&hz| share(hz, hz) > PURE)?;
        Some(Self::Information(found as u8))
    }
}

/// What a cadence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ToneMeaning {
    /// It rings.
    Ringback,
    /// Busy.
    Busy,
    /// No way through.
    Congestion,
    /// An intercept follows.
    Information,
}

/// A tone of a national plan.
struct NationalTone {
    spectrum: ToneSpectrum,
    /// Milliseconds on and off; the off of a double ring is that between its bursts.
    on: u32,
    off: u32,
    meaning: ToneMeaning,
}

const fn tone(spectrum: ToneSpectrum, on: u32, off: u32, meaning: ToneMeaning) -> NationalTone {
    NationalTone { spectrum, on, off, meaning }
}

/// Cadences as listed in the supplement to ITU-T E.180 and national plans.
const PLAN: &[NationalTone] = &[
    // Republic of Korea (440 + 480), Japan (400).
    tone(ToneSpectrum::Low, 1000, 2000, ToneMeaning::Ringback),
    // Most of Europe (425), China (450).
    tone(ToneSpectrum::Low, 1000, 4000, ToneMeaning::Ringback),
    // North America (440 + 480).
    tone(ToneSpectrum::Low, 2000, 4000, ToneMeaning::Ringback),
    // United Kingdom, Australia: double ring.
    tone(ToneSpectrum::Low, 400, 200, ToneMeaning::Ringback),
    tone(ToneSpectrum::Low, 400, 2000, ToneMeaning::Ringback),
    // Korea, North America.
    tone(ToneSpectrum::BusyPair, 500, 500, ToneMeaning::Busy),
    // Europe (425), Japan (400).
    tone(ToneSpectrum::Low, 500, 500, ToneMeaning::Busy),
    // China (450), United Kingdom (400).
    tone(ToneSpectrum::Low, 360, 360, ToneMeaning::Busy),
    // Korea.
    tone(ToneSpectrum::BusyPair, 300, 200, ToneMeaning::Congestion),
    // North America: reorder.
    tone(ToneSpectrum::BusyPair, 250, 250, ToneMeaning::Congestion),
    // Europe (425).
    tone(ToneSpectrum::Low, 250, 250, ToneMeaning::Congestion),
];

/// How far a measured length may lie from the plan: 40 ms of window, and 12 %.
fn fits(measured: u32, planned: u32) -> bool {
    measured.abs_diff(planned) <= 40 + planned * 12 / 100
}

const FRAME_MS: u32 = 20;
/// A burst goes on over a hole of this many frames.
const HOLE: u64 = 2;
/// A shorter burst is none, in frames.
const SHORTEST: u64 = 6;
/// A single ring is sure after this much quiet, in frames: 0.8 s, when a busy tone would sound again.
const QUIET_AFTER_RING: u64 = 40;
/// The longest pause between rings of the plan, with its tolerance, in frames: 4.5 s.
const LONGEST_OFF: u64 = 225;
/// Information tones last 330 ms each (ITU-T E.180 §2.8.2); accepted from 200 to 460 ms, gaps up to 100 ms.
const INFORMATION_MS: std::ops::RangeInclusive<u32> = 200..=460;
const INFORMATION_GAP_MS: u32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Burst {
    spectrum: ToneSpectrum,
    /// First frame, and the first one after.
    from: u64,
    to: u64,
}

impl Burst {
    fn ms(self) -> u32 {
        FRAME_MS * (self.to - self.from) as u32
    }

    fn gap_ms(self, next: Self) -> u32 {
        FRAME_MS * next.from.saturating_sub(self.to) as u32
    }
}

/// A cadence that is sure, in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToneHeard {
    /// What it means.
    pub(crate) meaning: ToneMeaning,
    /// First frame of the first burst that belongs to it.
    pub(crate) from: u64,
    /// First frame after the last burst so far.
    pub(crate) to: u64,
}

/// Listens for cadences, frame by frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cadence {
    frame: u64,
    current: Option<Burst>,
    /// Finished bursts, newest last.
    bursts: Vec<Burst>,
    /// The episode that the last bursts belong to.
    episode: Option<ToneHeard>,
}

impl Cadence {
    /// Takes what the next frame shows. Says when a cadence becomes sure, and again whenever it went on by a burst.
    pub(crate) fn push(&mut self, spectrum: Option<ToneSpectrum>) -> Option<ToneHeard> {
        let frame = self.frame;
        self.frame += 1;
        if let Some(burst) = &mut self.current {
            if spectrum == Some(burst.spectrum) {
                burst.to = frame + 1;
                return None;
            }
            if spectrum.is_none() && frame - burst.to < HOLE {
                return None;
            }
            let burst = *burst;
            self.current = spectrum.map(|s| Burst { spectrum: s, from: frame, to: frame + 1 });
            if burst.to - burst.from >= SHORTEST {
                return self.finished(burst);
            }
            return None;
        }
        self.current = spectrum.map(|s| Burst { spectrum: s, from: frame, to: frame + 1 });
        self.after_quiet(frame)
    }

    /// A single ring followed by quiet.
    fn after_quiet(&mut self, frame: u64) -> Option<ToneHeard> {
        let last = *self.bursts.last()?;
        let known = self.episode.is_some_and(|e| e.to == last.to);
        if known || self.current.is_some() || frame != last.to + QUIET_AFTER_RING {
            return None;
        }
        let rings = PLAN.iter().any(|t| {
            t.spectrum == last.spectrum
                && t.meaning == ToneMeaning::Ringback
                && t.on >= 1000
                && fits(last.ms(), t.on)
        });
        rings.then(|| {
            let goes_on = self.episode.filter(|e| {
                e.meaning == ToneMeaning::Ringback && last.from.saturating_sub(e.to) <= LONGEST_OFF
            });
            let from = goes_on.map_or(last.from, |e| e.from);
            let heard = ToneHeard { meaning: ToneMeaning::Ringback, from, to: last.to };
            self.episode = Some(heard);
            heard
        })
    }

    fn finished(&mut self, burst: Burst) -> Option<ToneHeard> {
        let before = self.bursts.last().copied();
        self.bursts.push(burst);
        if self.bursts.len() > 4 {
            self.bursts.remove(0);
        }
        if let Some(found) = self.information() {
            return Some(found);
        }
        let before = before?;
        let gap = before.gap_ms(burst);
        let same = before.spectrum == burst.spectrum;
        // The bursts on either side of the gap have to fit, so that two notes of a tune do not.
        let meaning = PLAN
            .iter()
            .filter(|t| same && t.spectrum == burst.spectrum)
            .filter(|t| fits(before.ms(), t.on) && fits(burst.ms(), t.on) && fits(gap, t.off))
            .min_by_key(|t| before.ms().abs_diff(t.on) + gap.abs_diff(t.off))?
            .meaning;
        // Short cadences need a third burst; a ring of a second or more is sure with the second.
        let sure = meaning == ToneMeaning::Ringback && burst.ms() > 800;
        let goes_on = self.episode.is_some_and(|e| e.meaning == meaning && e.to == before.to);
        if sure || goes_on || self.third_fits(meaning) {
            return Some(self.belongs(meaning, before, burst));
        }
        None
    }

    fn third_fits(&self, meaning: ToneMeaning) -> bool {
        let [.., first, second, _] = self.bursts[..] else { return false };
        let gap = first.gap_ms(second);
        PLAN.iter().any(|t| {
            t.meaning == meaning
                && t.spectrum == first.spectrum
                && t.spectrum == second.spectrum
                && fits(first.ms(), t.on)
                && fits(gap, t.off)
        })
    }

    /// Joins bursts to the episode that goes on, or begins one.
    fn belongs(&mut self, meaning: ToneMeaning, first: Burst, last: Burst) -> ToneHeard {
        let from = match (self.episode, &self.bursts[..]) {
            (Some(e), _) if e.meaning == meaning && e.to == first.to => e.from,
            (_, [.., third, _, _]) if self.third_fits(meaning) => third.from,
            _ => first.from,
        };
        let heard = ToneHeard { meaning, from, to: last.to };
        self.episode = Some(heard);
        heard
    }

    fn information(&mut self) -> Option<ToneHeard> {
        let [.., a, b, c] = self.bursts[..] else { return None };
        let order = [a, b, c].map(|x| x.spectrum) == [0, 1, 2].map(ToneSpectrum::Information);
        let lengths = [a, b, c].iter().all(|x| INFORMATION_MS.contains(&x.ms()));
        let gaps = a.gap_ms(b) <= INFORMATION_GAP_MS && b.gap_ms(c) <= INFORMATION_GAP_MS;
        (order && lengths && gaps).then(|| {
            let heard = ToneHeard { meaning: ToneMeaning::Information, from: a.from, to: c.to };
            self.episode = Some(heard);
            heard
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays bursts of `on` and `off` milliseconds and collects what is heard.
    fn heard(spectrum: ToneSpectrum, cadence: &[(u32, u32)]) -> Vec<ToneHeard> {
        let mut listener = Cadence::default();
        let mut found = Vec::new();
        for &(on, off) in cadence {
            for _ in 0..on / FRAME_MS {
                found.extend(listener.push(Some(spectrum)));
            }
            for _ in 0..off / FRAME_MS {
                found.extend(listener.push(None));
            }
        }
        found
    }

    #[test]
    fn one_ring_of_1_s_and_a_second_of_quiet_is_ringback() {
        let found = heard(ToneSpectrum::Low, &[(1000, 1000)]);
        assert_eq!(found, [ToneHeard { meaning: ToneMeaning::Ringback, from: 0, to: 50 }]);
    }

    #[test]
    fn three_rings_are_one_episode_that_grows() {
        let found = heard(ToneSpectrum::Low, &[(1000, 2000); 3]);
        let last = found.last().unwrap();
        assert_eq!((last.meaning, last.from, last.to), (ToneMeaning::Ringback, 0, 350));
        assert!(found.iter().all(|f| f.from == 0));
    }

    #[test]
    fn a_transfer_ring_a_minute_after_the_first_ringing_is_another_episode() {
        let mut cadence = vec![(1000, 2000); 3];
        cadence.push((0, 60_000));
        cadence.push((1000, 2000));
        let found = heard(ToneSpectrum::Low, &cadence);
        assert_eq!(found.last().unwrap().from, 3450);
    }

    #[test]
    fn busy_and_congestion_differ_by_cadence_alone_and_need_three_bursts() {
        assert!(heard(ToneSpectrum::BusyPair, &[(500, 500); 2]).is_empty());
        let busy = heard(ToneSpectrum::BusyPair, &[(500, 500); 4]);
        assert!(busy.iter().all(|f| f.meaning == ToneMeaning::Busy && f.from == 0));
        assert!(!busy.is_empty());
        let congestion = heard(ToneSpectrum::BusyPair, &[(300, 200); 5]);
        assert!(congestion.iter().all(|f| f.meaning == ToneMeaning::Congestion));
        assert!(!congestion.is_empty());
    }

    #[test]
    fn a_beep_of_200_ms_and_a_dial_tone_are_no_cadence() {
        assert!(heard(ToneSpectrum::Low, &[(200, 3000)]).is_empty());
        assert!(heard(ToneSpectrum::Low, &[(8000, 3000)]).is_empty());
    }

    #[test]
    fn information_tones_count_only_in_order() {
        let mut listener = Cadence::default();
        let mut play = |order: [u8; 3]| {
            let tones = order.into_iter().flat_map(|n| [Some(ToneSpectrum::Information(n)); 16]);
            tones.chain([None; 20]).filter_map(|t| listener.push(t)).collect::<Vec<_>>()
        };
        assert!(play([2, 1, 0]).is_empty());
        assert_eq!(play([0, 1, 2])[0].meaning, ToneMeaning::Information);
    }
}
