//! Call-progress tones by frequency and cadence. Enters: a power spectrum and a level every 20 ms. Leaves: what the tones
//! mean, once the cadence is sure: a tone of music or a beep has the frequency, not the cadence and the quiet between.

use super::features::{BIN_HZ, Features};
use super::level::AUDIBLE_DBOV;
pub(crate) use super::tone_plan::ToneMeaning;
use super::tone_plan::{
    PLAN, PlannedTone, Rhythm, SEQUENCE_GAP_MS, SEQUENCES, Sequence, length_fits,
};

/// One or two lines that hold nearly all of the power of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ToneSpectrum {
    /// One line, in Hz.
    One(f32),
    /// Two lines, in Hz, the lower one first.
    Two(f32, f32),
}

/// Share of the power that has to lie at a tone's frequencies.
const PURE: f32 = 0.8;
/// Share that each of a pair has to have.
const EACH_OF_PAIR: f32 = 0.12;
/// Quieter sound is no tone: mean square of −50 dBov.
const AUDIBLE_POWER: f32 = 1e-5;
/// Lines are looked for between these bins: 312 to 2000 Hz.
const FIRST_BIN: usize = 20;
const LAST_BIN: usize = 128;
/// A Hann window spreads a line over two bins on either side; a pair 50 Hz apart needs four.
const LINE_BINS: usize = 2;
const LUMP_BINS: usize = 4;
/// The mean square width of one line in a Hann window, in bins: 1/3, whatever its frequency.
const ONE_LINE: f32 = 1.0 / 3.0;
/// Wider than this are two lines: 25 Hz apart they measure 0.76 at least.
const TWO_LINES: f32 = 0.6;
/// Wider than this is no pair of lines: 57 Hz apart.
const NO_LINES: f32 = 3.7;
/// Frames belong to one burst if their lines lie this near to each other, in Hz.
const SAME_HZ: f32 = 25.0;

/// A lump of power around a bin.
#[derive(Debug, Clone, Copy)]
struct Lump {
    /// Share of the whole power.
    share: f32,
    /// Centre, in bins.
    centre: f32,
    /// Mean square width, in square bins.
    width: f32,
}

impl Lump {
    fn around(power: &[f32], total: f32, peak: usize, reach: usize) -> Self {
        let bins = || (peak - reach..=peak + reach).map(|n| (n as f32, power[n]));
        let sum: f32 = bins().map(|(_, p)| p).sum::<f32>().max(f32::MIN_POSITIVE);
        let centre = bins().map(|(n, p)| n * p).sum::<f32>() / sum;
        let width = bins().map(|(n, p)| (n - centre).powi(2) * p).sum::<f32>() / sum;
        Self { share: sum / total, centre, width }
    }
}

impl ToneSpectrum {
    /// Which of three groups it is: a pair, a low line, a high line.
    pub(crate) fn group(self) -> usize {
        match self {
            Self::Two(..) => 0,
            Self::One(hz) if hz < 500.0 => 1,
            Self::One(_) => 2,
        }
    }

    /// The tone of a national plan that a spectrum of 512 samples may belong to, by its frequencies alone.
    pub(crate) fn of(power: &[f32]) -> Option<Self> {
        Self::lines(power, PURE).filter(|lines| {
            let planned = PLAN.iter().any(|tone| lines.fits(tone));
            planned || matches!(lines, Self::One(hz) if step_of_a_sequence(*hz))
        })
    }

    /// The one or two lines between 312 and 2000 Hz that hold more than the share `pure` of the power of a spectrum of
    /// 512 samples. `None` if there are none, or the sound is below −50 dBov.
    pub(crate) fn lines(power: &[f32], pure: f32) -> Option<Self> {
        let total: f32 = power.iter().sum();
        if total < AUDIBLE_POWER {
            return None;
        }
        let strongest = |a: &usize, b: &usize| power[*a].total_cmp(&power[*b]);
        let first = (FIRST_BIN..=LAST_BIN).max_by(strongest)?;
        let lump = Lump::around(power, total, first, LUMP_BINS);
        if lump.share > pure && lump.width < NO_LINES {
            let middle = lump.centre * BIN_HZ;
            if lump.width < TWO_LINES {
                return Some(Self::One(middle));
            }
            // Two equal lines widen a lump by the square of half their distance.
            let half = (lump.width - ONE_LINE).sqrt() * BIN_HZ;
            return Some(Self::Two(middle - half, middle + half));
        }
        let second = (FIRST_BIN..=LAST_BIN)
            .filter(|&n| n.abs_diff(first) >= LUMP_BINS)
            .filter(|&n| power[n] > power[n - 1] && power[n] > power[n + 1])
            .max_by(strongest)?;
        let line = |peak| Lump::around(power, total, peak, LINE_BINS);
        let (a, b) = (line(first.min(second)), line(first.max(second)));
        let pair = a.share > EACH_OF_PAIR && b.share > EACH_OF_PAIR && a.share + b.share > pure;
        pair.then_some(Self::Two(a.centre * BIN_HZ, b.centre * BIN_HZ))
    }

    /// Whether it has the frequencies of a planned tone.
    fn fits(self, tone: &PlannedTone) -> bool {
        match self {
            Self::One(hz) => tone.lines.fits_one(hz),
            Self::Two(low, high) => tone.lines.fits_two(low, high),
        }
    }

    /// Whether two frames show the same tone. A narrow pair may look like one line for a frame.
    fn like(self, other: Self) -> bool {
        let near = |a: f32, b: f32| (a - b).abs() <= SAME_HZ;
        match (self, other) {
            (Self::One(a), Self::One(b)) => near(a, b),
            (Self::Two(a, b), Self::Two(c, d)) => near(a, c) && near(b, d),
            (Self::One(a), Self::Two(b, c)) | (Self::Two(b, c), Self::One(a)) => {
                c - b < 2.0 * SAME_HZ + 10.0 && near(a, f32::midpoint(b, c))
            }
        }
    }
}

fn step_of_a_sequence(hz: f32) -> bool {
    let near = |s: &Sequence| s.steps.iter().any(|(f, ..)| (hz - f32::from(*f)).abs() <= s.within);
    SEQUENCES.iter().any(near)
}

const FRAME_MS: u32 = 20;
/// A burst goes on over a hole of this many frames.
const HOLE: u64 = 2;
/// A shorter burst is none, in frames: Korea's intercept tone has bursts of 125 ms, of which the window blurs the edges.
const SHORTEST: u64 = 4;
/// A single ring is sure after this much quiet, in frames: 0.8 s, when a busy tone would sound again.
const QUIET_AFTER_RING: u64 = 40;
/// A single ring is known by its first burst only if that lasts as long, in ms.
const LONG_RING_MS: u32 = 1000;
/// The longest pause between rings of the plan, with its tolerance, in frames: 4.5 s.
const LONGEST_OFF: u64 = 225;
/// A continuous tone is told again after this many frames: 1 s.
const TOLD_AGAIN: u64 = 50;
/// A pause lies this far below its burst, in dB, but for some frames: music and speech go on where a tone rests.
const PAUSE_DB: f32 = 10.0;
/// One frame in so many may be louder, and [`EDGE_FRAMES`] at the edges.
const LOUD_SHARE: u64 = 5;
const EDGE_FRAMES: u64 = 3;
/// Bursts that are kept: enough for the longest cadence and one more.
const KEPT: usize = 5;
/// So many bursts in cadence are sure.
const SURE_BURSTS: usize = 3;
/// Two bursts are, of rings this long, in ms.
const SURE_RING_MS: u32 = 800;

/// What a frame shows to the cadence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    tone: Option<ToneSpectrum>,
    /// In dBov.
    level: Option<f32>,
}

impl From<&Features> for Shown {
    fn from(features: &Features) -> Self {
        Self { tone: features.tone, level: Some(features.level) }
    }
}

/// A frame whose level is not known: where it has no tone it is taken for quiet.
impl From<Option<ToneSpectrum>> for Shown {
    fn from(tone: Option<ToneSpectrum>) -> Self {
        Self { tone, level: None }
    }
}

/// A stretch of one tone, and the pause after it so far.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Burst {
    /// Means of the frames, and how many there were, that showed one line and two.
    one: (f32, u32),
    two: (f32, f32, u32),
    /// Mean level of the frames that had one.
    level: (f32, u32),
    /// First frame, and the first one after.
    from: u64,
    to: u64,
    /// Frames of the pause after it that were nearly as loud.
    loud_after: u64,
}

fn mean(so_far: f32, count: u32, next: f32) -> f32 {
    so_far + (next - so_far) / (count + 1) as f32
}

impl Burst {
    fn begins(at: u64, tone: ToneSpectrum, level: Option<f32>) -> Self {
        let (one, two, level_of) = ((0.0, 0), (0.0, 0.0, 0), (0.0, 0));
        let mut new = Self { one, two, level: level_of, from: at, to: at, loud_after: 0 };
        new.add(at, tone, level);
        new
    }

    fn add(&mut self, at: u64, tone: ToneSpectrum, level: Option<f32>) {
        match tone {
            ToneSpectrum::One(hz) => self.one = (mean(self.one.0, self.one.1, hz), self.one.1 + 1),
            ToneSpectrum::Two(low, high) => {
                let (a, b, n) = self.two;
                self.two = (mean(a, n, low), mean(b, n, high), n + 1);
            }
        }
        if let Some(level) = level {
            self.level = (mean(self.level.0, self.level.1, level), self.level.1 + 1);
        }
        self.to = at + 1;
        self.loud_after = 0;
    }

    /// What most of its frames show.
    fn spectrum(&self) -> ToneSpectrum {
        if self.one.1 > self.two.2 {
            ToneSpectrum::One(self.one.0)
        } else {
            ToneSpectrum::Two(self.two.0, self.two.1)
        }
    }

    fn rests(&mut self, level: Option<f32>) {
        let loud = |level: f32| level > AUDIBLE_DBOV && level > self.level.0 - PAUSE_DB;
        self.loud_after += u64::from(level.is_some_and(loud));
    }

    fn ms(self) -> u32 {
        FRAME_MS * (self.to - self.from) as u32
    }

    fn gap_ms(self, next: Self) -> u32 {
        FRAME_MS * next.from.saturating_sub(self.to) as u32
    }

    /// Whether the pause after it, up to a frame, was one.
    fn paused_until(self, frame: u64) -> bool {
        self.loud_after <= EDGE_FRAMES + frame.saturating_sub(self.to) / LOUD_SHARE
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
    /// Takes what the next frame shows. Says when a cadence becomes sure, and again whenever it went on by a burst, or a
    /// continuous tone by a second.
    pub(crate) fn push(&mut self, shown: impl Into<Shown>) -> Option<ToneHeard> {
        let Shown { tone, level } = shown.into();
        let frame = self.frame;
        self.frame += 1;
        let Some(mut burst) = self.current else {
            self.current = tone.map(|tone| Burst::begins(frame, tone, level));
            if self.current.is_none()
                && let Some(last) = self.bursts.last_mut()
            {
                last.rests(level);
            }
            return self.after_quiet(frame);
        };
        if let Some(tone) = tone.filter(|tone| tone.like(burst.spectrum())) {
            burst.add(frame, tone, level);
            self.current = Some(burst);
            return self.continues(burst);
        }
        if tone.is_none() {
            burst.rests(level);
            self.current = Some(burst);
            if frame - burst.to < HOLE {
                return None;
            }
        }
        self.current = tone.map(|tone| Burst::begins(frame, tone, level));
        if burst.to - burst.from >= SHORTEST { self.finished(burst) } else { None }
    }

    /// A tone without a pause.
    fn continues(&mut self, burst: Burst) -> Option<ToneHeard> {
        let spectrum = burst.spectrum();
        let long_enough =
            |tone: &&PlannedTone| matches!(tone.rhythm, Rhythm::Continuous(ms) if burst.ms() >= ms);
        let tone = PLAN.iter().filter(long_enough).find(|tone| spectrum.fits(tone))?;
        let told = self.episode.filter(|e| e.meaning == tone.meaning && e.from == burst.from);
        if told.is_some_and(|e| burst.to < e.to + TOLD_AGAIN) {
            return None;
        }
        let heard = ToneHeard { meaning: tone.meaning, from: burst.from, to: burst.to };
        self.episode = Some(heard);
        Some(heard)
    }

    /// A single long ring of two lines followed by quiet; one line alone may be a beep.
    fn after_quiet(&mut self, frame: u64) -> Option<ToneHeard> {
        let last = *self.bursts.last()?;
        let known = self.episode.is_some_and(|e| e.to == last.to);
        if known || self.current.is_some() || frame != last.to + QUIET_AFTER_RING {
            return None;
        }
        let spectrum @ ToneSpectrum::Two(..) = last.spectrum() else { return None };
        let rings = PLAN.iter().any(|tone| {
            let first = match tone.rhythm {
                Rhythm::Bursts([on, _]) => *on,
                Rhythm::Bursts(_) | Rhythm::Continuous(_) => return false,
            };
            tone.meaning == ToneMeaning::Ringback
                && first >= LONG_RING_MS
                && spectrum.fits(tone)
                && length_fits(last.ms(), first)
        });
        (rings && last.paused_until(frame)).then(|| {
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
        self.bursts.push(burst);
        if self.bursts.len() > KEPT {
            self.bursts.remove(0);
        }
        if let Some(found) = self.sequence() {
            return Some(found);
        }
        let before = self.bursts.iter().rev().nth(1)?.to;
        let fitting = PLAN.iter().filter_map(|tone| Some((tone, self.fit(tone)?)));
        let (tone, fit) =
            fitting.max_by(|(_, a), (_, b)| a.bursts.cmp(&b.bursts).then(b.error.cmp(&a.error)))?;
        let goes_on = self.episode.filter(|e| e.meaning == tone.meaning && e.to == before);
        // A ring of a second or more is sure with the second burst.
        let long_ring = tone.meaning == ToneMeaning::Ringback && burst.ms() > SURE_RING_MS;
        if fit.bursts < SURE_BURSTS && goes_on.is_none() && !long_ring {
            return None;
        }
        let from = goes_on.map_or(fit.from, |e| e.from);
        let heard = ToneHeard { meaning: tone.meaning, from, to: burst.to };
        self.episode = Some(heard);
        Some(heard)
    }

    /// How many of the newest bursts follow a planned cadence, at the place in it where most do; at least two.
    fn fit(&self, tone: &PlannedTone) -> Option<Fit> {
        let Rhythm::Bursts(cadence) = tone.rhythm else { return None };
        let best = (0..cadence.len() / 2).filter_map(|place| self.fit_at(tone, cadence, place));
        best.filter(|fit| fit.bursts >= 2)
            .max_by(|a, b| a.bursts.cmp(&b.bursts).then(b.error.cmp(&a.error)))
    }

    /// The same where the newest burst is the one at `place` of the cadence.
    fn fit_at(&self, tone: &PlannedTone, cadence: &[u32], place: usize) -> Option<Fit> {
        let mut fit: Option<Fit> = None;
        let mut next: Option<Burst> = None;
        // Bursts and pauses of the cadence backwards from the place.
        let period = cadence.len();
        for (n, &burst) in self.bursts.iter().rev().enumerate() {
            let on = (2 * place + n * (period - 2)) % period;
            let mut error = burst.ms().abs_diff(cadence[on]);
            let mut fits = burst.spectrum().fits(tone) && length_fits(burst.ms(), cadence[on]);
            if let Some(next) = next {
                let gap = burst.gap_ms(next);
                error += gap.abs_diff(cadence[on + 1]);
                fits &= length_fits(gap, cadence[on + 1]) && burst.paused_until(next.from);
            }
            if !fits {
                break;
            }
            let so_far = fit.map_or((0, 0), |fit| (fit.bursts, fit.error));
            fit = Some(Fit { bursts: so_far.0 + 1, error: so_far.1 + error, from: burst.from });
            next = Some(burst);
        }
        fit
    }

    fn sequence(&mut self) -> Option<ToneHeard> {
        let [.., a, b, c] = self.bursts[..] else { return None };
        let fits = |sequence: &&Sequence| {
            [a, b, c].iter().zip(&sequence.steps).all(|(burst, &(planned, least, most))| {
                let in_tune = matches!(burst.spectrum(), ToneSpectrum::One(hz)
                    if (hz - f32::from(planned)).abs() <= sequence.within);
                in_tune && (least..=most).contains(&burst.ms())
            })
        };
        let found = SEQUENCES.iter().find(fits)?;
        let gaps = a.gap_ms(b) <= SEQUENCE_GAP_MS && b.gap_ms(c) <= SEQUENCE_GAP_MS;
        gaps.then(|| {
            let heard = ToneHeard { meaning: found.meaning, from: a.from, to: c.to };
            self.episode = Some(heard);
            heard
        })
    }
}

/// How well bursts follow a cadence.
#[derive(Debug, Clone, Copy)]
struct Fit {
    bursts: usize,
    /// Milliseconds away from the plan, all together.
    error: u32,
    /// First frame of the first burst.
    from: u64,
}

#[cfg(test)]
mod tests {
    use super::super::features::Analyser;
    use super::super::testing::{companded, mixed, music, noise, sines, speech};
    use super::*;
    use ToneMeaning as M;

    const AMPLITUDE: f64 = 4000.0;

    fn quiet(millis: usize) -> Vec<i16> {
        vec![0; millis * 8]
    }

    /// Bursts of these frequencies, on and off in ms, `times` over.
    fn bursts(hz: &[f64], cadence: &[usize], times: usize) -> Vec<i16> {
        let mut out = quiet(300);
        for (n, &millis) in cadence.iter().cycle().take(cadence.len() * times).enumerate() {
            out.extend(if n % 2 == 0 { sines(hz, AMPLITUDE, millis) } else { quiet(millis) });
        }
        out
    }

    /// What is heard in a sound over a floor of `floor` dBov, through G.711.
    fn heard_over(clean: &[i16], floor: f64) -> Vec<ToneHeard> {
        let line = companded(&mixed(clean, &noise(9, floor, clean.len() / 8)));
        let mut cadence = Cadence::default();
        let mut found: Vec<_> =
            Analyser::all(&line).iter().filter_map(|f| cadence.push(f)).collect();
        found.extend((0..50).filter_map(|_| cadence.push(None::<ToneSpectrum>)));
        found
    }

    fn meanings(clean: &[i16]) -> Vec<ToneMeaning> {
        let mut all: Vec<_> = heard_over(clean, -60.0).iter().map(|t| t.meaning).collect();
        all.dedup();
        all
    }

    #[test]
    fn the_korean_plan_is_told_apart_through_g711() {
        let table: &[(&[f64], &[usize], ToneMeaning)] = &[
            (&[440.0, 480.0], &[1000, 2000], M::Ringback),
            (&[480.0, 620.0], &[500, 500], M::Busy),
            (&[480.0, 620.0], &[300, 200], M::Congestion),
            (&[450.0], &[200, 100, 200, 1500], M::Unobtainable),
            (&[350.0, 440.0], &[250, 250, 250, 3250], M::CallWaiting),
            (&[350.0, 440.0], &[125, 250, 125, 1500], M::Intercept),
        ];
        for (hz, cadence, meaning) in table {
            assert_eq!(meanings(&bursts(hz, cadence, 4)), [*meaning], "{hz:?} {cadence:?}");
        }
        assert_eq!(meanings(&bursts(&[350.0, 440.0], &[5000, 500], 1)), [M::Dial]);
    }

    #[test]
    fn tones_of_other_countries_are_told_apart_through_g711() {
        let table: &[(&[f64], &[usize], ToneMeaning)] = &[
            (&[440.0, 480.0], &[2000, 4000], M::Ringback),
            (&[425.0], &[1000, 4000], M::Ringback),
            (&[400.0, 450.0], &[400, 200, 400, 2000], M::Ringback),
            (&[383.0, 417.0], &[1000, 2000], M::Ringback),
            (&[425.0], &[500, 500], M::Busy),
            (&[450.0], &[350, 350], M::Busy),
            (&[400.0], &[375, 375], M::Busy),
            (&[425.0], &[250, 250], M::Congestion),
            (&[480.0, 620.0], &[250, 250], M::Congestion),
        ];
        for (hz, cadence, meaning) in table {
            assert_eq!(meanings(&bursts(hz, cadence, 4)), [*meaning], "{hz:?} {cadence:?}");
        }
    }

    #[test]
    fn a_tone_8_hz_off_is_the_tone_and_one_20_hz_off_is_none() {
        assert_eq!(meanings(&bursts(&[488.0, 612.0], &[500, 500], 4)), [M::Busy]);
        assert!(meanings(&bursts(&[460.0, 640.0], &[500, 500], 4)).is_empty());
        assert!(meanings(&bursts(&[475.0], &[200, 100, 200, 1500], 3)).is_empty());
    }

    #[test]
    fn busy_is_heard_under_noise_15_db_below_it_and_with_a_twist_of_4_db() {
        let loud = bursts(&[480.0, 620.0], &[500, 500], 5);
        // A pair of amplitude 4000 has about −18 dBov.
        assert!(heard_over(&loud, -33.0).iter().any(|t| t.meaning == M::Busy));
        let twisted = mixed(
            &bursts(&[480.0], &[500, 500], 5),
            &bursts(&[620.0], &[500, 500], 5).iter().map(|s| s * 5 / 8).collect::<Vec<_>>(),
        );
        assert_eq!(meanings(&twisted), [M::Busy]);
    }

    #[test]
    fn one_ring_of_1_s_and_a_second_of_quiet_is_ringback() {
        let found = heard_over(&bursts(&[440.0, 480.0], &[1000, 1000], 1), -60.0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].meaning, M::Ringback);
        assert!(found[0].from.abs_diff(15) <= 1 && found[0].to.abs_diff(65) <= 1, "{found:?}");
    }

    #[test]
    fn three_rings_are_one_episode_that_grows() {
        let found = heard_over(&bursts(&[440.0, 480.0], &[1000, 2000], 3), -60.0);
        let last = found.last().unwrap();
        assert!(found.iter().all(|f| f.from == found[0].from), "{found:?}");
        assert!(last.to.abs_diff(365) <= 1, "{found:?}");
    }

    #[test]
    fn a_transfer_ring_a_minute_after_the_first_ringing_is_another_episode() {
        let mut call = bursts(&[440.0, 480.0], &[1000, 2000], 3);
        call.extend(quiet(60_000));
        call.extend(bursts(&[440.0, 480.0], &[1000, 2000], 1));
        let last = *heard_over(&call, -60.0).last().unwrap();
        assert!(last.from.abs_diff(3480) <= 1, "{last:?}");
    }

    #[test]
    fn busy_needs_three_bursts() {
        assert!(meanings(&bursts(&[480.0, 620.0], &[500, 500], 2)).is_empty());
        assert_eq!(meanings(&bursts(&[480.0, 620.0], &[500, 500], 3)), [M::Busy]);
    }

    #[test]
    fn a_single_burst_of_one_line_is_no_cadence() {
        for millis in [200, 400, 1000, 1500, 3000] {
            assert!(meanings(&bursts(&[440.0], &[millis, 3000], 1)).is_empty(), "{millis} ms");
        }
    }

    /// Pure notes as an electronic tune plays them: each a line of the plan, one note after the other.
    #[test]
    fn pure_notes_in_the_cadence_of_busy_with_other_notes_between_are_no_tone() {
        let mut tune = quiet(300);
        for _ in 0..6 {
            tune.extend(sines(&[425.0], AMPLITUDE, 500));
            tune.extend(sines(&[534.0, 1068.0, 1602.0], AMPLITUDE * 0.6, 500));
        }
        assert!(meanings(&tune).is_empty());
        let mut ring = quiet(300);
        ring.extend(sines(&[440.0, 480.0], AMPLITUDE, 1000));
        ring.extend(music(3, 3000));
        assert!(meanings(&ring).is_empty());
    }

    #[test]
    fn ten_minutes_of_tunes_of_pure_notes_music_and_speech_have_no_tone() {
        let mut random = crate::domain::random::SplitMix64::new(41);
        let mut tune = Vec::new();
        while tune.len() < 300 * 8000 {
            let hz = 220.0 * 2.0_f64.powf((random.unit() * 24.0).floor() / 12.0);
            let beat = [125, 250, 375, 500, 1000][(random.unit() * 5.0) as usize];
            tune.extend(sines(&[hz], AMPLITUDE, beat));
            if random.unit() < 0.3 {
                tune.extend(quiet(beat));
            }
        }
        assert_eq!(meanings(&tune), []);
        assert_eq!(meanings(&music(11, 150_000)), []);
        assert_eq!(meanings(&speech(12, 1.0, 150_000)), []);
    }

    #[test]
    fn information_tones_count_only_in_order() {
        let play = |order: [f64; 3]| {
            let mut out = quiet(200);
            for hz in order {
                out.extend(sines(&[hz], AMPLITUDE, 330));
            }
            out.extend(quiet(1000));
            out
        };
        assert!(meanings(&play([1800.0, 1400.0, 950.0])).is_empty());
        assert_eq!(meanings(&play([950.0, 1400.0, 1800.0])), [M::Information]);
    }

    #[test]
    fn an_operator_intervening_is_three_rising_tones_of_the_korean_plan() {
        let mut out = quiet(200);
        for (hz, millis) in [(392.0, 500), (494.0, 500), (587.0, 1500)] {
            out.extend(sines(&[hz], AMPLITUDE, millis));
        }
        out.extend(quiet(500));
        assert_eq!(meanings(&out), [M::Intervening]);
    }
}
