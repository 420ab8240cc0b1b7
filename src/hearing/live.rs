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
        let found = self.follower.step(&self.library, &self.prints, first, newest, Apart::Anywhere);
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
