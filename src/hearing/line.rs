//! What is on the line right now, as a machine: which state may follow which. Enters: what the causal tier heard. Leaves:
//! the state, and whether what was heard makes sense in it.
//!
//! It keeps one thing from being taken for another: a voice is new only where a voice is heard, or where a recording was
//! cut off; music and tones never turn into a new voice without a voice that begins in between.

use crate::domain::time::CallTime;
use crate::domain::timeline::LiveSound;
use std::time::Duration;

/// A tone is over when it did not sound for this long: the longest pause of ringing in the plan is 4 s.
const TONE_OVER: Duration = Duration::from_millis(4500);

/// What is on the line as far as the causal tier can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing.
    Quiet,
    /// A call-progress tone, which sounded last until then.
    Tone(CallTime),
    /// A voice, or what may be one.
    Speech,
    /// Music.
    Music,
    /// A recording of the library, until then by its length.
    Prompt(CallTime),
    /// A voice that no recording of the library matches.
    NewVoice,
}

/// What was heard, as far as it moves the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    SpeechStarted,
    SpeechEnded,
    MusicStarted,
    MusicEnded,
    /// A tone that sounded until then.
    Tone(CallTime),
    /// A recording that ends then.
    Prompt(CallTime),
    /// Nothing known matches the sound for long enough.
    Unmatched,
}

impl Line {
    /// The state after a move at `at`; `None` if the move is not allowed in this one, which then stays.
    pub(crate) fn after(self, at: CallTime, step: Move) -> Option<Self> {
        match (self.at(at), step) {
            // A tone and a recording are known by themselves, whatever went before.
            (_, Move::Tone(until)) => Some(Self::Tone(until)),
            (_, Move::Prompt(ends_at)) => Some(Self::Prompt(ends_at)),
            // A recording pauses and has music in it: it goes on until its end is past.
            (
                prompt @ Self::Prompt(_),
                Move::SpeechStarted | Move::SpeechEnded | Move::MusicStarted | Move::MusicEnded,
            ) => Some(prompt),
            (Self::Speech | Self::Prompt(_), Move::Unmatched) => Some(Self::NewVoice),
            (Self::Quiet | Self::Tone(_) | Self::Music, Move::SpeechStarted) => Some(Self::Speech),
            (Self::Speech | Self::NewVoice, Move::SpeechEnded)
            | (Self::Music, Move::MusicEnded) => Some(Self::Quiet),
            (Self::Quiet | Self::Tone(_) | Self::Speech | Self::NewVoice, Move::MusicStarted) => {
                Some(Self::Music)
            }
            // One voice does not begin twice, what does not sound cannot end, and nothing but a voice is new.
            (Self::Speech | Self::NewVoice, Move::SpeechStarted | Move::MusicEnded)
            | (Self::Music, Move::MusicStarted | Move::SpeechEnded)
            | (Self::Quiet | Self::Tone(_), Move::SpeechEnded | Move::MusicEnded)
            | (Self::Quiet | Self::Tone(_) | Self::Music | Self::NewVoice, Move::Unmatched) => None,
        }
    }

    /// The state at `at`, when a tone has rested and a recording has ended by itself.
    pub(crate) fn at(self, at: CallTime) -> Self {
        match self {
            Self::Tone(until) if at > until + TONE_OVER => Self::Quiet,
            // What still sounds after its end is told by what comes next.
            Self::Prompt(ends_at) if at > ends_at => Self::Speech,
            other => other,
        }
    }
}

impl Move {
    /// The move that a tone makes.
    pub(crate) fn of_tone(sound: &LiveSound, until: CallTime) -> Option<Self> {
        match sound {
            LiveSound::Ringback
            | LiveSound::Busy
            | LiveSound::Congestion
            | LiveSound::Unobtainable
            | LiveSound::Intercept
            | LiveSound::Dial => Some(Self::Tone(until)),
            LiveSound::Speech
            | LiveSound::Music
            | LiveSound::Beep
            | LiveSound::NewVoice
            | LiveSound::KnownPrompt { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn walk(steps: &[(u64, Move)]) -> Option<Line> {
        steps.iter().try_fold(Line::Quiet, |line, (millis, step)| line.after(at(*millis), *step))
    }

    #[test]
    fn a_new_voice_needs_a_voice_or_a_recording_that_was_cut_off() {
        use Move::{MusicStarted, Prompt, SpeechStarted, Unmatched};
        assert_eq!(walk(&[(0, SpeechStarted), (1200, Unmatched)]), Some(Line::NewVoice));
        assert_eq!(walk(&[(0, Prompt(at(9000))), (5000, Unmatched)]), Some(Line::NewVoice));
        assert_eq!(walk(&[(0, Unmatched)]), None);
        assert_eq!(walk(&[(0, SpeechStarted), (2000, MusicStarted), (3000, Unmatched)]), None);
        assert_eq!(walk(&[(0, Move::Tone(at(0))), (100, Unmatched)]), None);
    }

    #[test]
    fn a_new_voice_is_told_once_for_a_stretch_of_speech() {
        let once = [(0, Move::SpeechStarted), (1200, Move::Unmatched)];
        assert_eq!(walk(&[&once[..], &[(2400, Move::Unmatched)]].concat()), None);
        let again =
            [(3000, Move::SpeechEnded), (4000, Move::SpeechStarted), (5200, Move::Unmatched)];
        assert_eq!(walk(&[&once[..], &again].concat()), Some(Line::NewVoice));
    }

    #[test]
    fn a_pause_inside_a_recording_does_not_end_it() {
        let prompt = Move::Prompt(at(6000));
        let steps = [(1000, Move::SpeechStarted), (2000, prompt), (4000, Move::SpeechEnded)];
        assert_eq!(walk(&steps), Some(Line::Prompt(at(6000))));
        assert_eq!(walk(&[&steps[..], &[(6700, Move::SpeechEnded)]].concat()), Some(Line::Quiet));
    }

    #[test]
    fn a_tone_rests_for_4_5_s_and_is_over_after() {
        let tone = Line::Tone(at(1000));
        assert_eq!(tone.at(at(5500)), tone);
        assert_eq!(tone.at(at(5501)), Line::Quiet);
    }
}
