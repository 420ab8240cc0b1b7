//! The center's end of the telephone line: what goes out, and which sound is playing.
//!
//! Enters: what the machines want said, and the media's word on what began and ended. Leaves: [`Output`]s in order,
//! with the notes for the truth log that follow from them.

use super::truth::{EndedBy, Note, Part};
use super::voice::margins;
use super::voices::Clip;
use crate::domain::segment::SegmentKind;
use crate::domain::timeline::Q850Cause;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the machine asks of the world.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    /// Send 180.
    Ring,
    /// Send 183 with an answer to the offer, and open the media.
    EarlyMedia,
    /// Send 200 and open the media.
    Answer,
    /// Play samples in place of whatever is playing.
    Play { token: u64, sound: Sound, pcm: Arc<[i16]> },
    /// Play no more.
    Stop,
    /// Send BYE.
    HangUp,
    /// Send a final refusal.
    Reject { status: u16, phrase: String, q850: Option<Q850Cause> },
    /// Write into the truth log.
    Truth { at: Instant, note: Note },
    /// Nothing more until then, or until an input if there is no instant.
    WaitUntil(Option<Instant>),
}

/// What is played.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sound {
    /// A recorded announcement, always exactly the same.
    Prompt { clip: String, kind: SegmentKind },
    /// A tone or music.
    Loop(SegmentKind),
    /// The agent's room, nobody speaking.
    Room,
    /// A line of the agent, varied.
    Spoken { part: Part, clip: String, text: String },
}

/// A sound that was handed over.
#[derive(Debug)]
struct Played {
    sound: Sound,
    lead: Duration,
    tail: Duration,
}

/// The line of one call.
#[derive(Debug, Default)]
pub(crate) struct Line {
    out: VecDeque<Output>,
    played: BTreeMap<u64, Played>,
    current: u64,
    onset_noted: bool,
}

impl Line {
    pub(crate) fn send(&mut self, output: Output) {
        self.out.push_back(output);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub(crate) fn note(&mut self, at: Instant, note: Note) {
        self.send(Output::Truth { at, note });
    }

    /// Plays samples; [`Self::ended`] will tell when they are over.
    pub(crate) fn play(&mut self, sound: Sound, pcm: Arc<[i16]>) {
        self.current += 1;
        let token = self.current;
        let (lead, tail) = match sound {
            Sound::Spoken { .. } => margins(&pcm),
            Sound::Prompt { .. } | Sound::Loop(_) | Sound::Room => (Duration::ZERO, Duration::ZERO),
        };
        self.played.insert(token, Played { sound: sound.clone(), lead, tail });
        self.send(Output::Play { token, sound, pcm });
    }

    /// Plays a recorded announcement.
    pub(crate) fn prompt(&mut self, clip: &Clip, kind: SegmentKind) {
        self.play(Sound::Prompt { clip: clip.name.clone(), kind }, Arc::clone(&clip.pcm));
    }

    /// Stops whatever plays; its end is not waited for.
    pub(crate) fn stop(&mut self) {
        self.current += 1;
        self.send(Output::Stop);
    }

    /// The media began to play a sound at `now`.
    pub(crate) fn started(&mut self, now: Instant, token: u64) {
        let Some(played) = self.played.get(&token) else { return };
        let lead = played.lead;
        match played.sound.clone() {
            Sound::Prompt { clip, kind } => {
                let prompt = Some(clip);
                self.note(now, Note::SegmentStarted { sound: token, kind, prompt });
            }
            Sound::Loop(kind) => {
                self.note(now, Note::SegmentStarted { sound: token, kind, prompt: None });
            }
            Sound::Room => {}
            Sound::Spoken { part, clip, text } => {
                if !self.onset_noted {
                    self.onset_noted = true;
                    self.note(now + lead, Note::AgentOnset);
                }
                self.note(now + lead, Note::LineStarted { part, clip, text });
            }
        }
    }

    /// The media ended or was stopped at `now`; says whether it was the sound the machine waits for.
    pub(crate) fn ended(&mut self, now: Instant, token: u64) -> bool {
        let Some(played) = self.played.remove(&token) else { return false };
        match played.sound {
            Sound::Prompt { .. } | Sound::Loop(_) => {
                self.note(now, Note::SegmentEnded { sound: token });
            }
            Sound::Spoken { .. } => {
                let end = now.checked_sub(played.tail).unwrap_or(now);
                self.note(end, Note::LineEnded);
            }
            Sound::Room => {}
        }
        token == self.current
    }

    /// Hangs up.
    pub(crate) fn hang_up(&mut self, now: Instant) {
        self.note(now, Note::Ended(EndedBy::Center));
        self.send(Output::HangUp);
    }
}
