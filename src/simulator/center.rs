//! The machine of one call at a simulated center, from the INVITE to the end.
//!
//! Enters: what the line brings ([`Input`]) and the time. Leaves: what to send ([`Output`]), drained with
//! [`CallMachine::poll`] until it says [`Output::WaitUntil`]. No socket, no clock: the same seed and the same inputs
//! give the same call.

use super::agent::Conversation;
use super::behaviour::{Behaviour, Manners, Ringing, Then, Treatment};
use super::gate::Heard;
use super::line::{Line, Output, Sound};
use super::queue::{QueueEnd, Waiting, cut};
use super::script::{ClipName, KeyAction, Script};
use super::tone;
use super::truth::{EndedBy, Note};
use super::voices::Voices;
use crate::domain::digit::Digit;
use crate::domain::random::SplitMix64;
use crate::domain::segment::SegmentKind;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest ringing with sound; a caller gives up long before.
const RING_SOUND: Duration = Duration::from_mins(2);

/// A center with everything it plays.
#[derive(Debug)]
pub(crate) struct Center {
    pub(crate) script: Script,
    pub(crate) voices: Voices,
    /// The piece its queue plays; it repeats.
    pub(crate) music: Arc<[i16]>,
    /// The room behind its agents; it repeats.
    pub(crate) room: Arc<[i16]>,
}

/// What the line brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Input {
    /// The INVITE is here.
    Dialled,
    /// A digit that began at `start`; it ended now.
    Digit { digit: Digit, start: Instant },
    /// The caller began or ceased to speak.
    Caller(Heard),
    /// A sound began now.
    PlayStarted { token: u64 },
    /// A sound ended now.
    PlayEnded { token: u64 },
    /// The caller gave up before the answer.
    Cancelled,
    /// The caller hung up.
    RemoteBye,
    /// The instant of the last [`Output::WaitUntil`] has come.
    Tick,
}

#[derive(Debug)]
enum State {
    /// Before [`Input::Dialled`].
    Fresh,
    /// It rings; without an instant, for ever.
    Ringing { until: Option<Instant> },
    /// In the menus.
    Menu(Menu),
    /// Waiting for an agent.
    Queue(Waiting),
    /// Hearing the last words before the center hangs up.
    Notice { rest: VecDeque<ClipName>, kind: SegmentKind },
    /// Talking.
    Agent(Box<Conversation>),
    /// Over.
    Ended,
}

#[derive(Debug)]
struct Menu {
    node: usize,
    rest: VecDeque<ClipName>,
    /// Once everything is said: until when a key is waited for.
    listens_until: Option<Instant>,
    /// Times the menu was said without a valid key.
    rounds: u32,
}

/// The machine of one call.
#[derive(Debug)]
pub(crate) struct CallMachine {
    center: Arc<Center>,
    behaviour: Behaviour,
    state: State,
    line: Line,
    random: SplitMix64,
}

impl CallMachine {
    /// A call that will be treated by `behaviour`; `seed` decides everything that varies.
    pub(crate) fn new(center: Arc<Center>, behaviour: Behaviour, seed: u64) -> Self {
        Self {
            center,
            behaviour,
            state: State::Fresh,
            line: Line::default(),
            random: SplitMix64::new(seed),
        }
    }

    /// Takes an input at its instant.
    pub(crate) fn handle(&mut self, now: Instant, input: &Input) {
        match input {
            Input::Dialled => self.dialled(now),
            Input::Digit { digit, start } => self.digit(now, *digit, *start),
            Input::Caller(heard) => self.caller(now, *heard),
            Input::PlayStarted { token } => self.line.started(now, *token),
            Input::PlayEnded { token } => {
                if self.line.ended(now, *token) {
                    self.sound_ended(now);
                }
            }
            Input::Cancelled | Input::RemoteBye => self.end(now, EndedBy::Caller),
            Input::Tick => {}
        }
        self.tick(now);
    }

    /// The next thing to do; [`Output::WaitUntil`] when there is none.
    pub(crate) fn poll(&mut self) -> Output {
        self.line.poll().unwrap_or_else(|| Output::WaitUntil(self.deadline()))
    }

    /// Whether the call is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Ringing { until } => *until,
            State::Menu(menu) => menu.listens_until,
            State::Queue(waiting) => Some(waiting.deadline()),
            State::Agent(conversation) => conversation.deadline(),
            State::Fresh | State::Notice { .. } | State::Ended => None,
        }
    }

    fn end(&mut self, now: Instant, by: EndedBy) {
        if !self.is_over() {
            self.line.note(now, Note::Ended(by));
            self.state = State::Ended;
        }
    }

    fn hang_up(&mut self, now: Instant) {
        self.line.hang_up(now);
        self.state = State::Ended;
    }

    fn dialled(&mut self, now: Instant) {
        let (ringing, until) = match &self.behaviour.treatment {
            Treatment::NoAnswer { ringing } => (Some(*ringing), None),
            Treatment::Answer { ringing, after, .. } => (Some(*ringing), Some(now + *after)),
            Treatment::Refuse { ringing, after, .. } => (*ringing, Some(now + *after)),
        };
        let sound = |tone: tone::Tone| tone.samples(RING_SOUND).into();
        let early: Option<(SegmentKind, Arc<[i16]>)> = match ringing {
            None => None,
            Some(Ringing::None) => {
                self.line.send(Output::Ring);
                None
            }
            Some(Ringing::Ring) => Some((SegmentKind::Ringback, sound(tone::RINGBACK))),
            Some(Ringing::Busy) => Some((SegmentKind::Busy, sound(tone::BUSY))),
            Some(Ringing::Congestion) => Some((SegmentKind::Congestion, sound(tone::CONGESTION))),
            Some(Ringing::Coloring) => {
                let from = self.random.below(1 << 24) as usize;
                Some((SegmentKind::Coloring, cut(&self.center.music, from, RING_SOUND)))
            }
        };
        if let Some((kind, pcm)) = early {
            self.line.send(Output::EarlyMedia);
            self.line.play(Sound::Loop(kind), pcm);
        }
        self.state = State::Ringing { until };
    }

    fn tick(&mut self, now: Instant) {
        while self.deadline().is_some_and(|deadline| now >= deadline) {
            let before = self.deadline();
            match &mut self.state {
                State::Ringing { .. } => self.pick_up(now),
                State::Menu(_) => self.no_key(now),
                State::Queue(waiting) => {
                    if let Some(end) = waiting.tick(now, &self.center, &mut self.line) {
                        self.leave_queue(now, end);
                    }
                }
                State::Agent(conversation) => {
                    conversation.tick(now, &self.center, &mut self.line);
                    if conversation.is_gone() {
                        self.state = State::Ended;
                    }
                }
                State::Fresh | State::Notice { .. } | State::Ended => {}
            }
            if self.deadline() == before {
                break;
            }
        }
    }

    fn pick_up(&mut self, now: Instant) {
        match self.behaviour.treatment.clone() {
            Treatment::Refuse { status, phrase, q850, .. } => {
                self.line.send(Output::Reject { status, phrase, q850 });
                self.end(now, EndedBy::Refused { status });
            }
            Treatment::Answer { ringing, then, .. } => {
                if ringing != Ringing::None {
                    self.line.stop();
                }
                self.line.send(Output::Answer);
                self.line.note(now, Note::Answered);
                if then == Then::Closed {
                    let words = self.center.script.closed.clone();
                    self.notice(now, words, SegmentKind::ClosedMessage);
                } else if self.center.script.menu.is_empty() {
                    self.request(now);
                } else {
                    let welcome = self.center.script.welcome.clone();
                    self.enter(now, 0, welcome, 1);
                }
            }
            Treatment::NoAnswer { .. } => {}
        }
    }

    /// Says `before` and the menu.
    fn enter(&mut self, now: Instant, node: usize, before: Vec<ClipName>, rounds: u32) {
        let mut rest: VecDeque<ClipName> = before.into();
        rest.extend(self.center.script.menu[node].say.iter().cloned());
        self.state = State::Menu(Menu { node, rest, listens_until: None, rounds });
        self.say_next(now);
    }

    fn notice(&mut self, now: Instant, words: Vec<ClipName>, kind: SegmentKind) {
        self.state = State::Notice { rest: words.into(), kind };
        self.say_next(now);
    }

    /// Says the next recorded line of a menu or notice, or does what comes after the last.
    fn say_next(&mut self, now: Instant) {
        let (rest, kind) = match &mut self.state {
            State::Menu(menu) => (&mut menu.rest, SegmentKind::Ivr),
            State::Notice { rest, kind } => (rest, *kind),
            _ => return,
        };
        while let Some(name) = rest.pop_front() {
            if let Some(clip) = self.center.voices.get(&name) {
                self.line.prompt(&clip, kind);
                return;
            }
        }
        match &mut self.state {
            State::Menu(menu) => {
                let timeout = self.center.script.menu[menu.node].timeout;
                menu.listens_until = Some(now + timeout);
            }
            _ => self.hang_up(now),
        }
    }

    fn no_key(&mut self, now: Instant) {
        let State::Menu(Menu { node, rounds, .. }) = self.state else { return };
        let words = self.center.script.menu[node].no_input.clone();
        self.again(now, node, words, rounds);
    }

    /// Says the menu again after `words`, or gives up after the last round.
    fn again(&mut self, now: Instant, node: usize, words: Vec<ClipName>, rounds: u32) {
        if rounds >= self.center.script.menu[node].rounds {
            self.notice(now, Vec::new(), SegmentKind::Ivr);
        } else {
            self.enter(now, node, words, rounds + 1);
        }
    }

    fn digit(&mut self, now: Instant, digit: Digit, start: Instant) {
        self.line.note(now, Note::Digit { digit, start });
        let State::Menu(Menu { node, rounds, .. }) = self.state else { return };
        self.line.stop();
        let here = &self.center.script.menu[node];
        match here.keys.get(&digit).copied() {
            Some(KeyAction::Go(next)) => self.enter(now, next, Vec::new(), 1),
            Some(KeyAction::Queue) => self.request(now),
            Some(KeyAction::Repeat) => self.enter(now, node, Vec::new(), rounds),
            Some(KeyAction::HangUp) => self.hang_up(now),
            None => {
                let words = here.wrong_key.clone();
                self.again(now, node, words, rounds);
            }
        }
    }

    fn request(&mut self, now: Instant) {
        self.line.note(now, Note::Requested);
        let end = match &self.behaviour.treatment {
            Treatment::Answer { then: Then::Agent { wait, .. }, .. } => {
                QueueEnd::agent(now, *wait, &mut self.random)
            }
            Treatment::Answer { then: Then::QueueReject { after }, .. } => {
                QueueEnd::Rejected { at: now + *after }
            }
            _ => QueueEnd::Rejected { at: now },
        };
        self.state = State::Queue(Waiting::new(now, end, &mut self.random));
    }

    fn leave_queue(&mut self, now: Instant, end: QueueEnd) {
        let (agent, manners) = match &self.behaviour.treatment {
            Treatment::Answer { then: Then::Agent { agent, manners, .. }, .. } => {
                (*agent, manners.clone())
            }
            _ => (0, Manners::default()),
        };
        match end {
            QueueEnd::Rejected { .. } => {
                let words = self.center.script.queue.rejected.clone();
                self.notice(now, words, SegmentKind::QueueAnnouncement);
            }
            QueueEnd::Agent { greet, .. } => {
                let random = SplitMix64::new(self.random.next_u64());
                let center = Arc::clone(&self.center);
                let line = &mut self.line;
                let talk = Conversation::begin(now, greet, agent, &manners, &center, random, line);
                self.state = State::Agent(Box::new(talk));
            }
        }
    }

    fn caller(&mut self, now: Instant, heard: Heard) {
        match heard {
            Heard::Speaking { since } => {
                self.line.note(since, Note::CallerStarted);
                if let State::Agent(conversation) = &mut self.state {
                    conversation.caller_speaks(since);
                }
            }
            Heard::Quiet { since } => {
                self.line.note(since, Note::CallerEnded);
                if let State::Agent(conversation) = &mut self.state {
                    conversation.caller_quiet(now, since);
                }
            }
        }
    }

    fn sound_ended(&mut self, now: Instant) {
        match &mut self.state {
            State::Menu(_) | State::Notice { .. } => self.say_next(now),
            State::Queue(waiting) => waiting.sound_ended(now, &self.center, &mut self.line),
            State::Agent(conversation) => {
                conversation.sound_ended(now, &self.center, &mut self.line);
            }
            State::Fresh | State::Ringing { .. } | State::Ended => {}
        }
    }
}
