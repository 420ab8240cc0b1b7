//! The causal tier: what is on the line right now. Enters: received 20 ms frames. Leaves: events that steer the navigator.
//!
//! Never a result: the wait that is reported comes from the offline tier over the whole recording.

use super::features::{Analyser, FEATURE_WINDOW};
use super::fingerprint::{Fingerprints, MATCH_PRINTS, PRINT_WINDOW, Printer};
use super::library::{Apart, Follower, Library};
use super::tone::{Cadence, ToneMeaning};
use super::vad::{SoundChange, SoundTracker};
use crate::domain::audio::{FRAME, FRAME_SAMPLES, Frame, Hz8k, samples_to_duration};
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::LiveSound;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Quiet that ends a stretch of speech.
pub const SPEECH_QUIET: Duration = Duration::from_millis(700);
/// A prompt is recognised after this many agreeing prints in a row.
const AGREEING: u32 = 3;
/// A prompt that was not heard for this many prints is reported again when it returns: 1 s.
const FORGOTTEN: u32 = 50;

/// What the causal tier heard.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveEvent {
    /// Sound that may be speech began, at this instant. A later [`LiveEvent::MusicStarted`] at the same instant
    /// withdraws it.
    SpeechStarted(CallTime),
    /// A stretch of speech ended: it was quiet for [`SPEECH_QUIET`] since.
    SpeechEnded(Span),
    /// A call-progress tone whose cadence is sure; again, with a longer span, for every further burst.
    ToneHeard {
        /// Ringback, busy or congestion.
        sound: LiveSound,
        /// From its first burst to the end of its last one so far.
        span: Span,
    },
    /// The sound since this instant is music.
    MusicStarted(CallTime),
    /// Music ended.
    MusicEnded(Span),
    /// A prompt of the library is being played.
    PromptRecognised {
        /// Its identifier in the library.
        prompt: u64,
        /// When it will have ended, from its known length.
        ends_at: CallTime,
    },
}

/// Hears one call, frame by frame.
#[derive(Debug)]
pub struct Listener {
    library: Arc<Library>,
    follower: Follower,
    prints: Fingerprints,
    printer: Printer,
    analyser: Analyser,
    /// The last [`PRINT_WINDOW`] samples, full scale 1.
    window: Vec<f32>,
    cadence: Cadence,
    sounds: SoundTracker,
    /// Start of each of the last frames, so that a gap between frames does not move what was heard before it.
    starts: VecDeque<(u64, CallTime)>,
    frame: u64,
    prompt: Option<u64>,
    agreeing: u32,
    unheard: u32,
    events: VecDeque<LiveEvent>,
}

impl Listener {
    /// A listener that knows the prompts of `library`.
    pub fn new(library: Arc<Library>) -> Self {
        Self::with_quiet(library, SPEECH_QUIET)
    }

    /// A listener that takes speech for ended after `quiet` instead of [`SPEECH_QUIET`].
    pub fn with_quiet(library: Arc<Library>, quiet: Duration) -> Self {
        Self {
            library,
            follower: Follower::default(),
            prints: Fingerprints::default(),
            printer: Printer::new(),
            analyser: Analyser::new(),
            window: vec![0.0; PRINT_WINDOW],
            cadence: Cadence::default(),
            sounds: SoundTracker::new(quiet),
            starts: VecDeque::new(),
            frame: 0,
            prompt: None,
            agreeing: 0,
            unheard: 0,
            events: VecDeque::new(),
        }
    }

    /// Takes the next received frame, whose first sample stands at `at`; frames come in order.
    pub fn handle(&mut self, at: CallTime, frame: &Frame) {
        self.remember(at, frame);
        let recent = &self.window[PRINT_WINDOW - FEATURE_WINDOW..];
        let features = self.analyser.features(frame, recent);
        if let Some(heard) = self.cadence.push(features.tone) {
            let sound = match heard.meaning {
                ToneMeaning::Ringback => Some(LiveSound::Ringback),
                ToneMeaning::Busy => Some(LiveSound::Busy),
                ToneMeaning::Congestion => Some(LiveSound::Congestion),
                ToneMeaning::Information => None,
            };
            let span = Span::new(self.time_of(heard.from), self.time_of(heard.to));
            if let Some(sound) = sound {
                self.events.push_back(LiveEvent::ToneHeard { sound, span });
            }
        }
        if let Some(change) = self.sounds.push(&features, features.tone.is_some()) {
            let event = match change {
                SoundChange::SpeechStarted { from } => LiveEvent::SpeechStarted(self.time_of(from)),
                SoundChange::SpeechEnded { from, to } => {
                    LiveEvent::SpeechEnded(Span::new(self.time_of(from), self.time_of(to)))
                }
                SoundChange::MusicStarted { from } => LiveEvent::MusicStarted(self.time_of(from)),
                SoundChange::MusicEnded { from, to } => {
                    LiveEvent::MusicEnded(Span::new(self.time_of(from), self.time_of(to)))
                }
            };
            self.events.push_back(event);
        }
        if !self.library.is_empty() {
            self.recognise(at);
        }
        self.frame += 1;
    }

    /// The next event, oldest first; `None` when there is none.
    pub fn poll(&mut self) -> Option<LiveEvent> {
        self.events.pop_front()
    }

    fn remember(&mut self, at: CallTime, frame: &Frame) {
        self.window.copy_within(FRAME_SAMPLES.., 0);
        let new = &mut self.window[PRINT_WINDOW - FRAME_SAMPLES..];
        for (into, &sample) in new.iter_mut().zip(frame) {
            *into = f32::from(sample) / 32_768.0;
        }
        let expected =
            self.starts.back().map(|(n, start)| *start + FRAME * (self.frame - n) as u32);
        let moved = expected.is_none_or(|e| e.max(at) - e.min(at) > Duration::from_millis(5));
        if moved {
            self.starts.push_back((self.frame, at));
            if self.starts.len() > 64 {
                self.starts.pop_front();
            }
        }
    }

    /// Start of a frame.
    fn time_of(&self, frame: u64) -> CallTime {
        let anchor = self.starts.iter().rev().find(|(n, _)| *n <= frame).or(self.starts.front());
        match anchor {
            Some((n, start)) if *n <= frame => *start + FRAME * (frame - n) as u32,
            Some((n, start)) => start.saturating_sub(FRAME * (n - frame) as u32),
            None => CallTime::ZERO,
        }
    }

    fn recognise(&mut self, at: CallTime) {
        let print = self.printer.print(&self.window);
        self.prints.push(print);
        let newest = self.prints.prints.len() - 1;
        let Some(first) = (newest + 1).checked_sub(MATCH_PRINTS) else { return };
        let held = self.follower.step(&self.library, &self.prints, first, newest, Apart::Anywhere);
        let found = held.iter().max_by(|a, b| a.similarity.total_cmp(&b.similarity));
        let Some((prompt, remaining)) = found.and_then(|m| Some((m.prompt?, m.remaining))) else {
            self.unheard += 1;
            self.agreeing = 0;
            if self.unheard > FORGOTTEN {
                self.prompt = None;
            }
            return;
        };
        self.unheard = 0;
        self.agreeing += 1;
        if self.agreeing >= AGREEING && self.prompt != Some(prompt) {
            self.prompt = Some(prompt);
            // The newest print began a window ago; the prompt has `remaining` more prints after it.
            let window = samples_to_duration::<Hz8k>(PRINT_WINDOW);
            let newest_start = (at + FRAME).saturating_sub(window);
            let ends_at = newest_start + FRAME * (remaining as u32 + 1);
            self.events.push_back(LiveEvent::PromptRecognised { prompt, ends_at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::fingerprint;
    use super::super::testing::{companded, mixed, music, noise, sines, speech};
    use super::*;
    use crate::domain::ids::CenterId;
    use crate::domain::prompt::{PromptRecord, PromptRole};

    fn heard(library: Library, parts: &[Vec<i16>], background_dbov: f64) -> Vec<LiveEvent> {
        let clean = parts.concat();
        let background = noise(77, background_dbov, clean.len() / 8);
        let sound = companded(&mixed(&clean, &background));
        let mut listener = Listener::new(Arc::new(library));
        let mut events = Vec::new();
        for (n, frame) in sound.chunks_exact(FRAME_SAMPLES).enumerate() {
            listener.handle(CallTime::from_millis(1000 + 20 * n as u64), frame.try_into().unwrap());
            events.extend(std::iter::from_fn(|| listener.poll()));
        }
        events
    }

    fn quiet(millis: usize) -> Vec<i16> {
        vec![0; millis * 8]
    }

    fn near(a: CallTime, millis: u64) -> bool {
        (a.as_secs_f64() - millis as f64 / 1000.0).abs() <= 0.15
    }

    #[test]
    fn speech_of_3_s_begins_and_ends_once_over_a_floor_of_minus_52_dbov() {
        let events =
            heard(Library::empty(), &[quiet(1000), speech(1, 1.0, 3000), quiet(2000)], -52.0);
        let [LiveEvent::SpeechStarted(at), LiveEvent::SpeechEnded(span)] = events[..] else {
            panic!("{events:?}")
        };
        assert!(near(at, 2000) && near(span.start, 2000) && near(span.end, 5000), "{span:?}");
    }

    #[test]
    fn ringback_is_a_tone_and_never_speech() {
        let ring = sines(&[440.0, 480.0], 4000.0, 1000);
        let parts = [quiet(500), ring.clone(), quiet(2000), ring, quiet(2000)];
        let events = heard(Library::empty(), &parts, -55.0);
        assert!(!events.is_empty());
        for event in events {
            let LiveEvent::ToneHeard { sound: LiveSound::Ringback, span } = event else {
                panic!("{event:?}")
            };
            assert!(near(span.start, 1500));
        }
    }

    #[test]
    fn busy_tone_is_busy() {
        let mut parts = vec![quiet(300)];
        for _ in 0..5 {
            parts.extend([sines(&[480.0, 620.0], 4000.0, 500), quiet(500)]);
        }
        let events = heard(Library::empty(), &parts, -60.0);
        assert!(!events.is_empty());
        assert!(
            events.iter().all(|e| matches!(e, LiveEvent::ToneHeard { sound: LiveSound::Busy, .. }))
        );
    }

    #[test]
    fn held_chords_are_music_and_speech_after_them_is_speech() {
        let parts = [quiet(500), music(5, 8000), quiet(1800), speech(2, 1.0, 3000), quiet(1000)];
        let events = heard(Library::empty(), &parts, -60.0);
        let kinds: Vec<_> = events
            .iter()
            .filter(|e| !matches!(e, LiveEvent::SpeechStarted(at) if near(*at, 1500)))
            .collect();
        assert!(
            matches!(
                kinds[..],
                [
                    LiveEvent::MusicStarted(_),
                    LiveEvent::MusicEnded(_),
                    LiveEvent::SpeechStarted(_),
                    LiveEvent::SpeechEnded(_)
                ]
            ),
            "{events:?}"
        );
    }

    #[test]
    fn a_known_prompt_is_recognised_within_a_second_and_its_end_predicted_to_60_ms() {
        let prompt = speech(3, 1.0, 6000);
        let record = PromptRecord {
            role: PromptRole::Menu,
            calls: 4,
            ..PromptRecord::new(CenterId::new("hanbit").unwrap(), 42, fingerprint(&prompt).prints)
        };
        let library = Library::from_prompts([&record]);
        assert_eq!(library.other_calls(), 4);
        let parts = [quiet(1500), prompt, quiet(1500)];
        let clean = parts.concat();
        let mut listener = Listener::new(Arc::new(library));
        let mut found = None;
        for (n, frame) in companded(&clean).chunks_exact(FRAME_SAMPLES).enumerate() {
            let at = CallTime::from_millis(20 * n as u64);
            listener.handle(at, frame.try_into().unwrap());
            while let Some(event) = listener.poll() {
                if let LiveEvent::PromptRecognised { prompt: 42, ends_at } = event {
                    found.get_or_insert((at, ends_at));
                }
            }
        }
        let (at, ends_at) = found.unwrap();
        assert!(at < CallTime::from_millis(2500), "{at}");
        assert!((ends_at.as_secs_f64() - 7.5).abs() <= 0.06, "{ends_at}");
    }
}
