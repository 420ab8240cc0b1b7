//! The recognizer: samples in, phrases out.
//!
//! Enters: one stretch of speech, `[n]` `i16` at 8 kHz. Leaves: phrases with times from the start of the stretch.
//! One thread a stretch (ggml spins while it waits), greedy, one temperature, a fresh state each time: the same samples
//! give the same text. The encoder's context is cut to the length of the stretch (our measurement, 2026: a greeting of
//! 5 s then costs a sixth of the CPU time, with the same words).

use super::protocol::Phrase;
use super::words::{self, Token};
use crate::domain::transcript::Language;
use std::path::Path;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState,
};

/// Reads speech.
pub(crate) trait Engine {
    /// Reads a stretch of at most 30 s; says in words why it cannot.
    fn read(&mut self, pcm8k: &[i16], language: Language) -> Result<Vec<Phrase>, String>;
}

const HZ: usize = 16_000;
/// Encoder positions a second.
const POSITIONS_PER_SECOND: usize = 50;
const POSITION_STEP: usize = 64;
const MOST_POSITIONS: usize = 1500;
/// Shorter stretches are padded with silence: the recognizer skips what is under 100 ms.
const LEAST_SAMPLES: usize = HZ;
/// More tokens a second than anyone speaks: an end to loops.
const MOST_TOKENS_PER_SECOND: usize = 16;
const MOST_TOKENS_BASE: usize = 32;
const MS_PER_TICK: i64 = 10;

/// Whisper, through whisper.cpp.
pub(crate) struct Whisper {
    context: WhisperContext,
}

impl Whisper {
    /// Loads a ggml model.
    pub(crate) fn load(model: &Path) -> Result<Self, String> {
        // Without a log feature the hooks drop what whisper.cpp would print.
        whisper_rs::install_logging_hooks();
        let context = WhisperContext::new_with_params(model, WhisperContextParameters::default())
            .map_err(|e| format!("model `{}` cannot be loaded ({e})", model.display()))?;
        Ok(Self { context })
    }
}

impl Engine for Whisper {
    fn read(&mut self, pcm8k: &[i16], language: Language) -> Result<Vec<Phrase>, String> {
        if language != Language::En && !self.context.is_multilingual() {
            return Err("the model knows only English; use a multilingual one".to_owned());
        }
        let mut samples = upsample(pcm8k);
        samples.resize(samples.len().max(LEAST_SAMPLES), 0.0);
        let mut state = self.context.create_state().map_err(|e| e.to_string())?;
        state.full(parameters(samples.len(), language), &samples).map_err(|e| e.to_string())?;
        let limit_ms = (pcm8k.len() / 8) as u32;
        Ok(phrases(&state, self.context.token_eot(), limit_ms))
    }
}

fn parameters(samples: usize, language: Language) -> FullParams<'static, 'static> {
    let seconds = samples.div_ceil(HZ);
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_language(Some(language.code()));
    parameters.set_n_threads(1);
    parameters.set_no_context(true);
    parameters.set_single_segment(false);
    parameters.set_suppress_nst(true);
    parameters.set_temperature(0.0);
    parameters.set_temperature_inc(0.0);
    parameters.set_token_timestamps(true);
    parameters.set_audio_ctx(audio_context(samples) as i32);
    parameters.set_max_tokens((MOST_TOKENS_BASE + MOST_TOKENS_PER_SECOND * seconds) as i32);
    parameters.set_print_special(false);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters
}

/// Encoder positions for this many samples at 16 kHz: their own, rounded up to a step, and one step to spare.
fn audio_context(samples: usize) -> usize {
    let own = (samples * POSITIONS_PER_SECOND).div_ceil(HZ);
    (own.next_multiple_of(POSITION_STEP) + POSITION_STEP).min(MOST_POSITIONS)
}

fn phrases(state: &WhisperState, end_of_text: i32, limit_ms: u32) -> Vec<Phrase> {
    let ms =
        |ticks: i64| u32::try_from(ticks.saturating_mul(MS_PER_TICK)).unwrap_or(0).min(limit_ms);
    let tokens_of = |segment: &whisper_rs::WhisperSegment<'_>| -> Vec<Token> {
        (0..segment.n_tokens())
            .filter_map(|n| segment.get_token(n))
            .filter(|token| token.token_id() < end_of_text)
            .filter_map(|token| {
                let data = token.token_data();
                let bytes = token.to_bytes().ok()?.to_vec();
                Some(Token {
                    bytes,
                    start_ms: ms(data.t0),
                    end_ms: ms(data.t1),
                    probability: data.p,
                    log_probability: data.plog,
                })
            })
            .collect()
    };
    state.as_iter().filter_map(|segment| words::phrase(&tokens_of(&segment))).collect()
}

/// Half the taps of the interpolating filter.
const REACH: usize = 16;

/// 8 kHz to 16 kHz, full scale 1: every second sample is kept, those between are a windowed sinc of 32 neighbours.
fn upsample(pcm8k: &[i16]) -> Vec<f32> {
    let taps: Vec<f32> = (0..REACH)
        .map(|k| {
            let distance = k as f32 + 0.5;
            let sinc = (distance * std::f32::consts::PI).sin() / (distance * std::f32::consts::PI);
            let window = 0.5 + 0.5 * (distance * std::f32::consts::PI / REACH as f32).cos();
            sinc * window
        })
        .collect();
    let sample =
        |at: Option<usize>| at.and_then(|n| pcm8k.get(n)).map_or(0.0, |&s| f32::from(s) / 32_768.0);
    let between = |n: usize| {
        let pairs = taps.iter().enumerate();
        pairs.map(|(k, tap)| tap * (sample(n.checked_sub(k)) + sample(Some(n + 1 + k)))).sum()
    };
    (0..pcm8k.len()).flat_map(|n| [sample(Some(n)), between(n)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seconds_take_320_positions_and_thirty_take_all() {
        assert_eq!(audio_context(5 * HZ), 320);
        assert_eq!(audio_context(HZ), 128);
        assert_eq!(audio_context(30 * HZ), 1500);
    }

    #[test]
    fn a_tone_of_1_khz_is_interpolated_within_1_in_1000() {
        let tone = |n: f64, hz: f64| (n / hz * 1_000.0 * std::f64::consts::TAU).sin() * 16_384.0;
        let narrow: Vec<i16> = (0..800).map(|n| tone(f64::from(n), 8_000.0) as i16).collect();
        let wide = upsample(&narrow);
        assert_eq!(wide.len(), 1600);
        for (n, sample) in wide.iter().enumerate().skip(100).take(1400) {
            let expected = (tone(n as f64, 16_000.0) / 32_768.0) as f32;
            assert!((sample - expected).abs() < 1e-3, "{n}: {sample} {expected}");
        }
    }

    /// A line of the simulated centers and the model; `None`, said aloud, where one is not there.
    #[expect(clippy::print_stderr, reason = "a test that is skipped must be seen")]
    fn real(line: &str) -> Option<(Whisper, Vec<i16>)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let model = root.join("models/ggml-base-q8_0.bin");
        let voice = root.join("scenarios/simulated/voices").join(line);
        if let Some(missing) = [&model, &voice].into_iter().find(|path| !path.exists()) {
            eprintln!("SKIPPED: `{}` is not there", missing.display());
            return None;
        }
        let mut wav = hound::WavReader::open(&voice).unwrap();
        assert_eq!(wav.spec().sample_rate, 8_000);
        let samples = wav.samples::<i16>().map(Result::unwrap).collect();
        Some((Whisper::load(&model).unwrap(), samples))
    }

    #[test]
    fn the_real_model_reads_a_menu_and_reads_it_the_same_twice() {
        let Some((mut whisper, samples)) = real("ivr_menu.wav") else { return };
        let phrases = whisper.read(&samples, Language::Ko).unwrap();
        let text: String = phrases.iter().map(|p| p.text.as_str()).collect();
        let errors = super::super::character_error_rate(
            "카드 분실 신고는 일번, 상담원 연결은 영번을 눌러 주십시오.",
            &text,
        );
        assert!(errors.rate() < 0.15, "{text}");
        let words: Vec<_> = phrases.iter().flat_map(|p| &p.words).collect();
        assert!(words.is_sorted_by_key(|w| w.start_ms), "{words:?}");
        assert!(words.iter().all(|w| w.end_ms as usize <= samples.len() / 8), "{words:?}");
        assert_eq!(whisper.read(&samples, Language::Ko).unwrap(), phrases);
    }

    #[test]
    fn a_file_that_is_no_model_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.bin");
        std::fs::write(&path, b"not a model").unwrap();
        let Err(refused) = Whisper::load(&path) else { panic!("it was loaded") };
        assert!(refused.contains("broken.bin"), "{refused}");
    }

    #[test]
    fn nothing_stays_nothing() {
        assert!(upsample(&[]).is_empty());
    }
}
