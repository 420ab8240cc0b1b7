//! The causal tier: what is on the line right now. Enters: received 20 ms frames. Leaves: events that steer the navigator.
//!
//! Never a result: the wait that is reported comes from the offline tier over the whole recording.

use super::beep::BeepFinder;
use super::features::{Analyser, FEATURE_WINDOW};
use super::fingerprint::{Fingerprints, MATCH_PRINTS, PRINT_WINDOW, Printer};
use super::level::AUDIBLE_DBOV;
use super::library::{Apart, Follower, KnownPrompt, Library};
use super::line::{Line, Move};
use super::tone::{Cadence, ToneHeard, ToneMeaning};
use super::vad::{SoundChange, SoundTracker};
use crate::domain::audio::{FRAME, FRAME_SAMPLES, Frame, Hz8k, samples_to_duration};
use crate::domain::prompt::{PromptRole, PromptSound};
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::LiveSound;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Quiet that ends a stretch of speech.
pub const SPEECH_QUIET: Duration = Duration::from_millis(700);
/// A prompt is recognised after this many agreeing prints in a row.
const AGREEING: u32 = 3;
/// A prompt whose predicted end is past and that was not heard for this many prints is reported again when it returns:
/// 1 s.
const FORGOTTEN: u32 = 50;
/// Sound that nothing known matches is a new voice after this many frames: 1.2 s. A recording is recognised after 0.96 s.
const UNMATCHED: u32 = 60;
/// At least this many of them have to sound: 0.6 s.
const UNMATCHED_SOUND: u32 = 30;
/// A prompt broke off if this many prints of other sound are heard in its place: half a second. Silence does not count,
/// recordings pause.
const BROKEN_OFF: u32 = 25;
/// A prompt began anew if its end is predicted this much later or earlier than before.
const ANEW: Duration = Duration::from_millis(300);

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
        /// Ringback, busy, congestion, unobtainable, intercept or dial tone.
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
        /// What it is for.
        role: PromptRole,
        /// When it will have ended, from its known length; of music, which has no end of its own, this instant.
        ends_at: CallTime,
    },
    /// Somebody new may be speaking since this instant: a voice that no prompt of the library matches for 1.2 s. Only
    /// with a library of prompts. A hint: an announcement that the library lacks is told so too, and so is music until
    /// a [`LiveEvent::MusicStarted`] withdraws it.
    NewVoice(CallTime),
    /// One steady tone on its own, told 0.3 s after its end. It is no speech.
    Beep(Span),
    /// A recognised prompt gave way to other sound before its predicted end.
    PromptBrokeOff {
        /// Its identifier in the library.
        prompt: u64,
        /// When it was last heard.
        at: CallTime,
    },
}

/// Frames since a voice began or a recording was matched last.
#[derive(Debug, Clone, Copy, Default)]
struct Unmatched {
    /// The first of them.
    since: u64,
    frames: u32,
    /// Those that sound.
    sound: u32,
}

impl Unmatched {
    fn since(frame: u64) -> Self {
        Self { since: frame, frames: 0, sound: 0 }
    }

    fn push(&mut self, frame: u64, sounds: bool) {
        // A voice is known for one some frames after it began: those count too.
        self.frames = frame.saturating_sub(self.since).try_into().unwrap_or(u32::MAX);
        self.sound += u32::from(sounds);
    }

    fn is_a_voice(self) -> bool {
        self.frames >= UNMATCHED && self.sound >= UNMATCHED_SOUND
    }
}

/// A prompt that is being played.
#[derive(Debug, Clone, Copy)]
struct Playing {
    prompt: u64,
    ends_at: CallTime,
    last_heard: CallTime,
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
    beeps: BeepFinder,
    line: Line,
    unmatched: Unmatched,
    sounds: SoundTracker,
    /// Start of each of the last frames, so that a gap between frames does not move what was heard before it.
    starts: VecDeque<(u64, CallTime)>,
    frame: u64,
    playing: Option<Playing>,
    /// The prompt that the last prints agree with, and how many in a row.
    agreeing: Option<(u64, u32)>,
    /// Prints since a prompt was heard, and how many of them carry sound.
    unheard: u32,
    foreign: u32,
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
            beeps: BeepFinder::new(),
            line: Line::Quiet,
            unmatched: Unmatched::default(),
            sounds: SoundTracker::new(quiet),
            starts: VecDeque::new(),
            frame: 0,
            playing: None,
            agreeing: None,
            unheard: 0,
            foreign: 0,
            events: VecDeque::new(),
        }
    }

    /// Takes the next received frame, whose first sample stands at `at`; frames come in order.
    pub fn handle(&mut self, at: CallTime, frame: &Frame) {
        self.remember(at, frame);
        let recent = &self.window[PRINT_WINDOW - FEATURE_WINDOW..];
        let features = self.analyser.features(frame, recent);
        if let Some((from, to)) = self.beeps.push(self.analyser.power(), features.level) {
            // The window lies before the frame: its blur is two frames at the beginning and none at the end.
            let from = from.saturating_sub(2);
            let span = Span::new(self.time_of(from), self.time_of(to));
            self.events.push_back(LiveEvent::Beep(span));
        }
        if let Some(heard) = self.cadence.push(&features) {
            self.tone(at, heard);
        }
        let tonal = features.tone.is_some() || self.beeps.sounds();
        if let Some(change) = self.sounds.push(&features, tonal) {
            self.changed(at, change);
        }
        self.unmatched.push(self.frame, features.level > AUDIBLE_DBOV && !tonal);
        if !self.library.is_empty() {
            self.recognise(at);
        }
        if self.library.holds_prompts() && self.unmatched.is_a_voice() {
            self.new_voice(at);
        }
        self.frame += 1;
    }

    fn tone(&mut self, at: CallTime, heard: ToneHeard) {
        let sound = match heard.meaning {
            ToneMeaning::Ringback => LiveSound::Ringback,
            ToneMeaning::Busy => LiveSound::Busy,
            ToneMeaning::Congestion => LiveSound::Congestion,
            ToneMeaning::Unobtainable => LiveSound::Unobtainable,
            ToneMeaning::Intercept => LiveSound::Intercept,
            ToneMeaning::Dial => LiveSound::Dial,
            // A message follows the first, and a conversation goes on under the others.
            ToneMeaning::Information | ToneMeaning::CallWaiting | ToneMeaning::Intervening => {
                return;
            }
        };
        let span = Span::new(self.time_of(heard.from), self.time_of(heard.to));
        if let Some(step) = Move::of_tone(&sound, span.end) {
            self.moves(at, step);
        }
        self.events.push_back(LiveEvent::ToneHeard { sound, span });
    }

    fn changed(&mut self, at: CallTime, change: SoundChange) {
        let (step, event) = match change {
            SoundChange::SpeechStarted { from } => {
                self.unmatched = Unmatched::since(from);
                (Move::SpeechStarted, LiveEvent::SpeechStarted(self.time_of(from)))
            }
            SoundChange::SpeechEnded { from, to } => {
                let span = Span::new(self.time_of(from), self.time_of(to));
                (Move::SpeechEnded, LiveEvent::SpeechEnded(span))
            }
            SoundChange::MusicStarted { from } => {
                (Move::MusicStarted, LiveEvent::MusicStarted(self.time_of(from)))
            }
            SoundChange::MusicEnded { from, to } => {
                let span = Span::new(self.time_of(from), self.time_of(to));
                (Move::MusicEnded, LiveEvent::MusicEnded(span))
            }
        };
        self.moves(at, step);
        self.events.push_back(event);
    }

    fn new_voice(&mut self, at: CallTime) {
        if self.moves(at, Move::Unmatched) {
            let since = self.time_of(self.unmatched.since);
            self.events.push_back(LiveEvent::NewVoice(since));
        }
    }

    /// Whether the line may move so; it stays where it may not.
    fn moves(&mut self, at: CallTime, step: Move) -> bool {
        let after = self.line.after(at, step);
        self.line = after.unwrap_or_else(|| self.line.at(at));
        after.is_some()
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
        let prompts = held.iter().filter_map(|m| Some((m, self.library.prompt_of(m.stream)?)));
        let best = prompts.max_by(|a, b| a.0.similarity.total_cmp(&b.0.similarity));
        // The newest print began a window ago.
        let newest_start = (at + FRAME).saturating_sub(samples_to_duration::<Hz8k>(PRINT_WINDOW));
        match best.map(|(found, known)| (found.remaining, known)) {
            Some((remaining, known)) => self.prompt_heard(at, newest_start, remaining, known),
            None => self.prompt_unheard(newest_start, self.prints.active(newest)),
        }
    }

    fn prompt_heard(
        &mut self,
        at: CallTime,
        newest: CallTime,
        remaining: usize,
        known: KnownPrompt,
    ) {
        let KnownPrompt { prompt, role, sound } = known;
        (self.unheard, self.foreign) = (0, 0);
        self.unmatched = Unmatched::since(self.frame + 1);
        let before = self.agreeing.filter(|(same, _)| *same == prompt).map_or(0, |(_, n)| n);
        self.agreeing = Some((prompt, before + 1));
        let ends_at = match sound {
            PromptSound::Voice => newest + FRAME * (remaining as u32 + 1),
            PromptSound::Music => newest,
        };
        let goes_on = self.playing.is_some_and(|playing| {
            let moved = playing.ends_at.max(ends_at) - playing.ends_at.min(ends_at);
            playing.prompt == prompt && (sound == PromptSound::Music || moved <= ANEW)
        });
        if goes_on {
            if let Some(playing) = &mut self.playing {
                playing.last_heard = newest;
            }
        } else if before + 1 >= AGREEING {
            self.playing = Some(Playing { prompt, ends_at, last_heard: newest });
            self.moves(at, Move::Prompt(ends_at));
            self.events.push_back(LiveEvent::PromptRecognised { prompt, role, ends_at });
        }
    }

    fn prompt_unheard(&mut self, newest: CallTime, sounds: bool) {
        self.agreeing = None;
        self.unheard += 1;
        self.foreign += u32::from(sounds);
        let Some(playing) = self.playing else { return };
        let over = newest >= playing.ends_at;
        if over && self.unheard > FORGOTTEN {
            self.playing = None;
        } else if !over && self.foreign > BROKEN_OFF {
            self.playing = None;
            // Comparisons no longer agree once half of them is other sound.
            let at = playing.last_heard;
            self.events.push_back(LiveEvent::PromptBrokeOff { prompt: playing.prompt, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::fingerprint;
    use super::super::testing::{companded, mixed, music, noise, sines, speech};
    use super::*;
    use crate::domain::ids::CenterId;
    use crate::domain::prompt::PromptRecord;

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
                if let LiveEvent::PromptRecognised { prompt: 42, ends_at, .. } = event {
                    found.get_or_insert((at, ends_at));
                }
            }
        }
        let (at, ends_at) = found.unwrap();
        assert!(at < CallTime::from_millis(2500), "{at}");
        assert!((ends_at.as_secs_f64() - 7.5).abs() <= 0.06, "{ends_at}");
    }

    fn library_of(prompt: &[i16]) -> Library {
        Library::from_prompts([&record(42, prompt)])
    }

    fn new_voices(events: &[LiveEvent]) -> Vec<CallTime> {
        let new = |e: &LiveEvent| if let LiveEvent::NewVoice(at) = e { Some(*at) } else { None };
        events.iter().filter_map(new).collect()
    }

    #[test]
    fn a_voice_after_a_known_prompt_is_new_and_the_prompt_is_not() {
        let prompt = speech(3, 1.0, 5000);
        let parts = [quiet(1000), prompt.clone(), quiet(1500), speech(9, 1.0, 3000), quiet(1500)];
        let events = heard(library_of(&prompt), &parts, -60.0);
        let new = new_voices(&events);
        assert!(matches!(new[..], [at] if near(at, 8500)), "{events:?}");
    }

    #[test]
    fn a_voice_that_cuts_a_known_prompt_off_is_new_within_a_second_of_where_it_begins() {
        let prompt = speech(3, 1.0, 9000);
        let parts = [quiet(1000), prompt[..4000 * 8].to_vec(), speech(9, 1.0, 4000), quiet(1500)];
        let events = heard(library_of(&prompt), &parts, -60.0);
        let [at] = new_voices(&events)[..] else { panic!("{events:?}") };
        assert!((5.5..=7.0).contains(&at.as_secs_f64()), "{at}");
    }

    #[test]
    fn without_prompts_and_for_tones_no_voice_is_new() {
        let voice = [quiet(500), speech(9, 1.0, 4000), quiet(1500)];
        assert_eq!(new_voices(&heard(Library::empty(), &voice, -60.0)), []);
        let ring = sines(&[440.0, 480.0], 4000.0, 1000);
        let rings = [quiet(500), ring.clone(), quiet(2000), ring, quiet(2000)];
        let library = library_of(&speech(3, 1.0, 5000));
        assert_eq!(new_voices(&heard(library, &rings, -60.0)), []);
    }

    #[test]
    fn a_beep_of_600_ms_is_a_beep_and_never_speech() {
        let parts = [quiet(1000), sines(&[1000.0], 5000.0, 600), quiet(2000)];
        let events = heard(Library::empty(), &parts, -60.0);
        let [LiveEvent::Beep(span)] = events[..] else { panic!("{events:?}") };
        assert!(near(span.start, 2000) && near(span.end, 2600), "{span:?}");
    }

    #[test]
    fn the_tones_that_a_number_cannot_be_reached_are_told_apart() {
        let one = [sines(&[450.0], 4000.0, 200), quiet(100), sines(&[450.0], 4000.0, 200)].concat();
        let pair = sines(&[350.0, 440.0], 4000.0, 125);
        let other = [pair.clone(), quiet(250), pair].concat();
        for (burst, wanted) in [(one, LiveSound::Unobtainable), (other, LiveSound::Intercept)] {
            let parts = [quiet(500), burst.clone(), quiet(1500), burst.clone(), quiet(1500)];
            let events = heard(Library::empty(), &parts, -60.0);
            let sounds: Vec<_> = events
                .iter()
                .map(
                    |e| if let LiveEvent::ToneHeard { sound, .. } = e { Some(sound) } else { None },
                )
                .collect();
            assert!(!sounds.is_empty() && sounds.iter().all(|s| *s == Some(&wanted)), "{events:?}");
        }
    }

    /// Instants and prompts of a call that plays `parts`, heard with a library of `prompts`.
    fn prompts_heard(prompts: &[PromptRecord], parts: &[Vec<i16>]) -> Vec<LiveEvent> {
        let events = heard(Library::from_prompts(prompts), parts, -90.0);
        let told = |e: &LiveEvent| {
            matches!(e, LiveEvent::PromptRecognised { .. } | LiveEvent::PromptBrokeOff { .. })
        };
        events.into_iter().filter(told).collect()
    }

    fn record(prompt: u64, sound: &[i16]) -> PromptRecord {
        let prints = fingerprint(sound).prints;
        PromptRecord::new(CenterId::new("hanbit").unwrap(), prompt, prints)
    }

    #[test]
    fn a_prompt_that_gives_way_to_a_person_is_said_to_have_broken_off() {
        let prompt = speech(3, 1.0, 8000);
        let parts = [quiet(1000), prompt[..32_000].to_vec(), speech(9, 1.0, 3000), quiet(1000)];
        let events = prompts_heard(&[record(42, &prompt)], &parts);
        let [LiveEvent::PromptRecognised { ends_at, .. }, LiveEvent::PromptBrokeOff { at, .. }] =
            events[..]
        else {
            panic!("{events:?}")
        };
        // It begins at 2 s of the call's axis and was to last 8 s; the person cuts it after 4.
        assert!(near(ends_at, 10_000), "{ends_at}");
        assert!((at.as_secs_f64() - 6.0).abs() < 0.5, "{at}");
    }

    #[test]
    fn a_prompt_that_begins_anew_at_once_is_recognised_twice() {
        let prompt = speech(3, 1.0, 3000);
        let parts = [quiet(1000), prompt.clone(), prompt.clone(), quiet(2000)];
        let events = prompts_heard(&[record(42, &prompt)], &parts);
        let ends: Vec<CallTime> = events
            .iter()
            .filter_map(|e| match e {
                LiveEvent::PromptRecognised { ends_at, .. } => Some(*ends_at),
                _ => None,
            })
            .collect();
        assert_eq!(ends.len(), 2, "{events:?}");
        assert!(near(ends[0], 5000) && near(ends[1], 8000), "{ends:?}");
    }

    #[test]
    fn music_is_recognised_once_and_its_end_is_not_predicted() {
        let piece = music(5, 12_000);
        let song = PromptRecord { sound: PromptSound::Music, ..record(7, &companded(&piece)) };
        let parts = [quiet(1000), piece[24_000..64_000].to_vec(), speech(9, 1.0, 3000)];
        let events = prompts_heard(&[song], &parts);
        let [LiveEvent::PromptRecognised { prompt: 7, ends_at, .. }] = events[..] else {
            panic!("{events:?}")
        };
        assert!(ends_at < CallTime::from_millis(3500), "{ends_at}");
    }
}
