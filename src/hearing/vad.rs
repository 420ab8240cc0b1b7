//! Speech, music or quiet, told causally. Enters: features of each 20 ms frame. Leaves: when speech and music begin
//! and end, by level and the causal frame network: it only steers the navigator.

use super::features::Features;
use super::level::Floor;
use super::moment::{Sight, Track};
use super::network::{FrameClass, FrameNetwork};
use std::collections::VecDeque;
use std::time::Duration;

/// Of the last [`ONSET_WINDOW`] frames this many stand out when sound begins.
const ONSET_FRAMES: usize = 8;
const ONSET_WINDOW: usize = 12;
/// Music is over after this much quiet, in frames: 1.5 s.
const MUSIC_QUIET: u64 = 75;
/// Log-odds at which sound is taken for music, and at which music is taken for speech again.
const MUSIC_ABOVE: f32 = 1.5;
const SPEECH_BELOW: f32 = -1.0;
/// The odds have to hold for this many frames: 0.5 s.
const SURE_FRAMES: u32 = 25;
/// Sound is not called music before it has lasted for this many frames: 1.5 s.
const LISTENED: u64 = 75;
/// Share of the newest frame in the odds, which are asked for every fifth frame.
const NEWEST: f32 = 0.3;
/// The network is never surer than this of a frame, one way or the other.
const DOUBT: f32 = 0.01;

/// What changed; frames count from the first one heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SoundChange {
    SpeechStarted { from: u64 },
    SpeechEnded { from: u64, to: u64 },
    MusicStarted { from: u64 },
    MusicEnded { from: u64, to: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
    Quiet,
    Speech { from: u64, last: u64 },
    Music { from: u64, last: u64 },
}

/// Tells speech, music and quiet apart, frame by frame.
#[derive(Debug, Clone)]
pub(crate) struct SoundTracker {
    frame: u64,
    floor: Floor,
    sound: Sound,
    /// Quiet that ends speech, in frames.
    quiet: u64,
    standing_out: VecDeque<bool>,
    track: Track,
    /// Log-odds of music over speech, over about the last half second.
    odds: f32,
    sure: u32,
}

impl SoundTracker {
    /// A tracker that takes speech for ended after `quiet`.
    pub(crate) fn new(quiet: Duration) -> Self {
        Self {
            frame: 0,
            floor: Floor::default(),
            sound: Sound::Quiet,
            quiet: (quiet.as_millis() / 20).max(1) as u64,
            standing_out: VecDeque::with_capacity(ONSET_WINDOW + 1),
            track: Track::default(),
            odds: 0.0,
            sure: 0,
        }
    }

    /// Takes the next frame. `tonal` says that a call-progress tone sounds, which is neither speech nor music.
    pub(crate) fn push(&mut self, features: &Features, tonal: bool) -> Option<SoundChange> {
        let frame = self.frame;
        self.frame += 1;
        let out = self.floor.stands_out(features.level) && !tonal;
        if self.standing_out.len() == ONSET_WINDOW {
            self.standing_out.pop_front();
        }
        self.standing_out.push_back(out);
        self.track.push(features, 0.0);
        self.track.forget();
        match &mut self.sound {
            Sound::Quiet => self.maybe_begins(frame),
            Sound::Speech { from, last } => {
                if out {
                    *last = frame;
                }
                let (from, last) = (*from, *last);
                if frame - last >= self.quiet {
                    self.sound = Sound::Quiet;
                    self.sure = 0;
                    return Some(SoundChange::SpeechEnded { from, to: last + 1 });
                }
                let odds = self.odds(from, frame)?;
                if self.holds(odds > MUSIC_ABOVE) {
                    self.sound = Sound::Music { from, last };
                    return Some(SoundChange::MusicStarted { from });
                }
                None
            }
            Sound::Music { from, last } => {
                if out {
                    *last = frame;
                }
                let (from, last) = (*from, *last);
                if frame - last >= MUSIC_QUIET {
                    self.sound = Sound::Quiet;
                    self.sure = 0;
                    return Some(SoundChange::MusicEnded { from, to: last + 1 });
                }
                let odds = self.odds(from, frame)?;
                if self.holds(odds < SPEECH_BELOW) {
                    // Quiet first: the next frame that stands out begins the speech.
                    self.sound = Sound::Quiet;
                    let to = frame.saturating_sub(LISTENED).max(from);
                    return Some(SoundChange::MusicEnded { from, to });
                }
                None
            }
        }
    }

    fn maybe_begins(&mut self, frame: u64) -> Option<SoundChange> {
        let count = self.standing_out.iter().filter(|out| **out).count();
        if count < ONSET_FRAMES {
            return None;
        }
        let first = self.standing_out.iter().position(|out| *out)?;
        let from = frame + 1 + first as u64 - self.standing_out.len() as u64;
        self.sound = Sound::Speech { from, last: frame };
        self.odds = 0.0;
        Some(SoundChange::SpeechStarted { from })
    }

    /// Log-odds of music over speech, if the sound has lasted for long enough.
    fn odds(&mut self, from: u64, frame: u64) -> Option<f32> {
        if !frame.is_multiple_of(5) {
            return None;
        }
        let inputs = self.track.inputs(self.track.len() - 1, Sight::Causal);
        let posterior = FrameNetwork::causal().posterior(&inputs);
        let of = |class: FrameClass| posterior[class as usize] + DOUBT;
        // Chords held by a synthesizer are tones to the network: they are no speech either.
        let played = of(FrameClass::Music) + of(FrameClass::Tone) + of(FrameClass::Ring);
        let newest = (played / of(FrameClass::Voice)).ln();
        self.odds += NEWEST * (newest - self.odds);
        (frame - from >= LISTENED).then_some(self.odds)
    }

    /// Whether a finding, asked for every fifth frame, has held for long enough.
    fn holds(&mut self, finding: bool) -> bool {
        self.sure = if finding { self.sure + 5 } else { 0 };
        let held = self.sure >= SURE_FRAMES;
        if held {
            self.sure = 0;
        }
        held
    }
}
