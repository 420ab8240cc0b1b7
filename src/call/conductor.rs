//! The conductor of one call: a pure machine between the dialog, the media stream, the causal ear and the navigator.
//!
//! Enters: what the leg and the stream report, with their instants; time. Leaves: what to do next, the timeline, and
//! how the call ended. After each [`Conductor::handle`], drain [`Conductor::poll`] until it says
//! [`Output::WaitUntil`] or nothing.

use crate::domain::digit::Digit;
use crate::domain::event::CallPhase;
use crate::domain::ids::AttemptNumber;
use crate::domain::record::CallEnding;
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::{EventKind, LiveSound, LocalTimeout, Party, SipStatus, Timeline};
use crate::hearing::{Library, Listener, LiveEvent};
use crate::media::MediaEventKind;
use crate::scenario::{
    HangUpReason, Navigator, NavigatorInput, NavigatorOutput, RequestRule, Scenario, Sound,
};
use crate::sip::sdp::{AudioTarget, Codec, SessionDescription};
use crate::sip::{LegEventKind, StoredDialog};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the conductor is told.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The leg reports.
    Leg(&'a LegEventKind),
    /// The media stream reports.
    Media(&'a MediaEventKind),
    /// Our program is told to stop: end the call politely, whatever it is doing.
    Stop {
        /// Why, in plain words.
        why: &'a str,
    },
    /// Time has passed.
    Tick,
}

/// What the conductor wants.
#[derive(Debug)]
pub enum Output {
    /// Send and receive media there.
    Connect(AudioTarget),
    /// Say this line of the scenario.
    Say {
        /// Its index.
        line: usize,
        /// To be given back by the stream.
        token: u64,
    },
    /// Stop saying it.
    StopSaying,
    /// Send these digits.
    SendDigits {
        /// Which.
        digits: Vec<Digit>,
        /// To be given back by the stream.
        token: u64,
    },
    /// End the ringing.
    Cancel,
    /// End the call.
    Bye,
    /// For progress views.
    Phase(CallPhase),
    /// The INVITE is out: what is needed to cancel it after a crash.
    NoteInvite {
        /// Branch of its Via.
        branch: String,
        /// Our tag.
        from_tag: String,
    },
    /// The dialog stands: what is needed to end it after a crash.
    NoteDialog(StoredDialog),
    /// The call is over.
    Finished(CallEnding),
    /// Nothing to do before then.
    WaitUntil(CallTime),
}

/// The codecs of our offer, in its order: A-law first, as in Korea's networks.
pub(super) const OFFERED: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];
/// How long our own BYE or CANCEL may take before the call counts as over.
const ENDING_LIMIT: Duration = Duration::from_secs(6);

#[derive(Debug)]
enum State {
    Dialling,
    Up { since: CallTime },
    Ending { ending: CallEnding, until: CallTime },
    Over,
}

/// The digits on their way.
#[derive(Debug, Clone, Copy)]
struct Pressing {
    requests_agent: bool,
    masked: bool,
}

/// A line on its way.
#[derive(Debug, Clone, Copy)]
struct Saying {
    line: usize,
    /// When its first sample left.
    since: Option<CallTime>,
}

/// The machine of one call.
#[derive(Debug)]
pub struct Conductor {
    opened: Instant,
    attempt: AttemptNumber,
    scenario: Arc<Scenario>,
    navigator: Navigator,
    listener: Listener,
    state: State,
    rang: bool,
    proceeding: bool,
    connected: Option<AudioTarget>,
    pressing: Option<Pressing>,
    saying: Option<Saying>,
    token: u64,
    timeline: Timeline,
    out: VecDeque<Output>,
}

impl Conductor {
    /// A conductor before the INVITE; `opened` is the opening of the call's axis.
    pub fn new(
        opened: Instant,
        attempt: AttemptNumber,
        scenario: Arc<Scenario>,
        library: Arc<Library>,
    ) -> Self {
        Self {
            opened,
            attempt,
            navigator: Navigator::new(Arc::clone(&scenario)),
            scenario,
            listener: Listener::new(library),
            state: State::Dialling,
            rang: false,
            proceeding: false,
            connected: None,
            pressing: None,
            saying: None,
            token: 0,
            timeline: Timeline::default(),
            out: VecDeque::from([Output::Phase(CallPhase::Dialling)]),
        }
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        let at = self.axis(now);
        match input {
            Input::Leg(event) => self.leg(at, event),
            Input::Media(event) => self.media(at, event),
            Input::Stop { why } => self.stop(at, why),
            Input::Tick => {}
        }
        self.navigate(at, NavigatorInput::Tick);
        self.check_limits(at);
    }

    /// The next thing to do; `None` when the call is over.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.out.pop_front() {
            return Some(output);
        }
        let navigator = match self.state {
            State::Up { .. } => match self.navigator.poll() {
                Some(NavigatorOutput::WaitUntil(at)) => Some(at),
                _ => None,
            },
            _ => None,
        };
        let limit = match &self.state {
            State::Up { since } => Some(*since + self.scenario.max_call),
            State::Ending { until, .. } => Some(*until),
            State::Dialling | State::Over => None,
        };
        let next = match (navigator, limit) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        next.map(Output::WaitUntil)
    }

    /// What happened, given away when the call is over.
    pub fn into_timeline(self) -> Timeline {
        self.timeline
    }

    fn axis(&self, instant: Instant) -> CallTime {
        CallTime::from_duration(instant.saturating_duration_since(self.opened))
    }

    fn note(&mut self, at: CallTime, kind: EventKind) {
        self.timeline.push(at, kind);
    }

    fn end(&mut self, at: CallTime, ending: CallEnding) {
        if !matches!(self.state, State::Ending { .. } | State::Over) {
            self.state = State::Ending { ending, until: at + ENDING_LIMIT };
        }
    }

    /// The leg is gone: whatever was to be the ending is the ending.
    fn over(&mut self, otherwise: CallEnding) {
        let ending = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return,
            State::Ending { ending, .. } => ending,
            State::Dialling | State::Up { .. } => otherwise,
        };
        self.out.push_back(Output::Finished(ending));
    }

    fn stop(&mut self, at: CallTime, why: &str) {
        let ending = CallEnding::Aborted { why: why.to_owned() };
        match self.state {
            State::Dialling => self.cancel(at, ending),
            State::Up { .. } => self.hang_up(at, ending),
            State::Ending { .. } | State::Over => return,
        }
        self.note(at, EventKind::Aborted { why: why.to_owned() });
    }

    /// The call ends inside a line of ours: it was said as far as it went.
    fn cut_line(&mut self, at: CallTime) {
        if let Some(Saying { line, since: Some(start) }) = self.saying.take() {
            self.said(line, start, at);
        }
    }

    fn said(&mut self, line: usize, start: CallTime, end: CallTime) {
        if let Some(said) = self.scenario.lines.get(line) {
            let (line, text) = (said.name.clone(), said.text.clone());
            self.note(start, EventKind::Said { line, text, end });
        }
    }

    fn hang_up(&mut self, at: CallTime, ending: CallEnding) {
        self.cut_line(at);
        self.note(at, EventKind::Bye { by: Party::Prober, q850: None });
        self.out.push_back(Output::Bye);
        self.out.push_back(Output::Phase(CallPhase::Closing));
        self.end(at, ending);
    }

    fn cancel(&mut self, at: CallTime, ending: CallEnding) {
        self.note(at, EventKind::CancelSent);
        self.out.push_back(Output::Cancel);
        self.end(at, ending);
    }

    fn check_limits(&mut self, at: CallTime) {
        match &self.state {
            State::Up { since } if at >= *since + self.scenario.max_call => {
                let why = "the call reached the longest length that the scenario allows".to_owned();
                self.hang_up(at, CallEnding::Lost { why });
            }
            State::Ending { ending, until } if at >= *until => {
                let ending = ending.clone();
                self.over(ending);
            }
            _ => {}
        }
    }

    fn leg(&mut self, at: CallTime, event: &LegEventKind) {
        match event {
            LegEventKind::InviteSent { branch, from_tag } => {
                // After a challenge it comes again, with a new branch: still one attempt.
                if self.timeline.events().is_empty() {
                    self.note(at, EventKind::InviteSent { attempt: self.attempt });
                }
                let (branch, from_tag) = (branch.clone(), from_tag.clone());
                self.out.push_back(Output::NoteInvite { branch, from_tag });
            }
            LegEventKind::Challenged { code } => {
                self.note(at, EventKind::Challenged { code: *code });
            }
            LegEventKind::Provisional { status, sdp } => {
                self.provisional(at, status, sdp.as_deref());
            }
            LegEventKind::Answered { status, sdp, dialog } => {
                self.out.push_back(Output::NoteDialog(dialog.clone()));
                self.answered(at, status, sdp.as_deref());
            }
            LegEventKind::Refused { status, q850 } => {
                let (status, q850) = (status.clone(), *q850);
                self.note(at, EventKind::Refused { status: status.clone(), q850 });
                self.over(CallEnding::Refused { status, q850, rang: self.rang });
            }
            LegEventKind::TimedOut(timer) => self.timed_out(at, *timer),
            LegEventKind::RemoteBye { q850 } => {
                self.cut_line(at);
                self.note(at, EventKind::Bye { by: Party::FarEnd, q850: *q850 });
                self.over(CallEnding::FarEndHungUp {
                    agent_suspected: self.navigator.suspects_agent(),
                    requested: self.requested(),
                });
            }
            LegEventKind::Reoffer { sdp } => self.connect(sdp),
            LegEventKind::TransportFailed { what } => {
                self.note(at, EventKind::Aborted { why: what.clone() });
                self.over(CallEnding::Aborted { why: what.clone() });
            }
            LegEventKind::CancelledByRemote | LegEventKind::Ended => {
                self.over(CallEnding::Aborted { why: "the leg ended without a reason".to_owned() });
            }
        }
    }

    fn requested(&self) -> bool {
        self.timeline.agent_request().is_some()
    }

    fn timed_out(&mut self, at: CallTime, timer: LocalTimeout) {
        self.note(at, EventKind::LocalTimeout { timer });
        let ending = CallEnding::TimedOut { timer, rang: self.rang };
        match timer {
            // The user agent cancels by itself; the leg's last event follows.
            LocalTimeout::RingLimit | LocalTimeout::TryingThenSilence => {
                self.note(at, EventKind::CancelSent);
                self.end(at, ending);
            }
            LocalTimeout::TimerB | LocalTimeout::CancelUnanswered => self.over(ending),
        }
    }

    fn provisional(&mut self, at: CallTime, status: &SipStatus, sdp: Option<&str>) {
        let early_media = sdp.is_some();
        self.note(at, EventKind::Provisional { status: status.clone(), early_media });
        // 183 tells of progress, not of ringing (RFC 3261 §21.1.5).
        self.rang |= (180..=182).contains(&status.code);
        if status.code > 100 && !self.proceeding {
            self.proceeding = true;
            if self.scenario.request == RequestRule::Ringing {
                self.agent_requested(at);
            }
            self.out.push_back(Output::Phase(CallPhase::Ringing));
        }
        if let Some(sdp) = sdp {
            self.connect(sdp);
        }
    }

    fn answered(&mut self, at: CallTime, status: &SipStatus, sdp: Option<&str>) {
        self.note(at, EventKind::Answered { status: status.clone() });
        if matches!(self.state, State::Ending { .. } | State::Over) {
            return;
        }
        self.state = State::Up { since: at };
        if let Some(sdp) = sdp {
            self.connect(sdp);
        }
        if self.connected.is_none() {
            let why = "the answer offers no audio that we can take (G.711)".to_owned();
            self.note(at, EventKind::Aborted { why: why.clone() });
            return self.hang_up(at, CallEnding::Aborted { why });
        }
        self.out.push_back(Output::Phase(CallPhase::Menu));
        let unrequested = self.timeline.agent_request().is_none();
        if self.scenario.request != RequestRule::Digit && unrequested {
            self.agent_requested(at);
        }
        self.navigate(at, NavigatorInput::Answered);
    }

    fn connect(&mut self, sdp: &str) {
        let target = SessionDescription::parse(sdp).and_then(|s| s.audio_target(&OFFERED));
        let Ok(target) = target else { return };
        if self.connected.as_ref() != Some(&target) {
            self.connected = Some(target.clone());
            self.out.push_back(Output::Connect(target));
        }
    }

    fn media(&mut self, at: CallTime, event: &MediaEventKind) {
        match event {
            MediaEventKind::FirstPacket => self.note(at, EventKind::FirstMedia),
            MediaEventKind::Frame(frame) => {
                self.listener.handle(at, frame);
                while let Some(live) = self.listener.poll() {
                    self.heard(at, live);
                }
            }
            MediaEventKind::DigitSent { digit, start, end, last, .. } => {
                self.digit_sent(at, *digit, (*start, *end), *last);
            }
            MediaEventKind::PlayStarted { .. } => {
                if let Some(saying) = &mut self.saying {
                    saying.since = Some(at);
                }
            }
            MediaEventKind::PlayEnded { start, end, .. } => {
                let Some(Saying { line, .. }) = self.saying.take() else { return };
                self.said(line, self.axis(*start), self.axis(*end));
                self.navigate(at, NavigatorInput::Said);
            }
            MediaEventKind::Discontinuity(change) => {
                self.note(at, EventKind::Discontinuity { change: change.clone() });
            }
            MediaEventKind::Degraded { what } => {
                self.note(at, EventKind::Degraded { what: what.clone() });
            }
            MediaEventKind::DigitReceived { .. } => {}
        }
    }

    fn digit_sent(
        &mut self,
        at: CallTime,
        digit: Digit,
        (start, end): (Instant, Instant),
        last: bool,
    ) {
        let Some(pressing) = self.pressing else { return };
        let (start, end) = (self.axis(start), self.axis(end));
        let digit = (!pressing.masked).then_some(digit);
        let requests_agent = pressing.requests_agent && last;
        self.note(start, EventKind::DigitSent { digit, end, requests_agent });
        if last {
            self.pressing = None;
            if requests_agent {
                self.agent_requested(end);
            }
            self.navigate(at, NavigatorInput::DigitsSent { end });
        }
    }

    fn agent_requested(&mut self, at: CallTime) {
        self.note(at, EventKind::AgentRequested);
        self.out.push_back(Output::Phase(CallPhase::Queue));
    }

    fn heard(&mut self, at: CallTime, live: LiveEvent) {
        let (sound, span, told) = match live {
            LiveEvent::SpeechStarted(from) => {
                (None, Span::new(from, from), Some(Sound::SpeechStarted))
            }
            LiveEvent::SpeechEnded(span) => {
                (Some(LiveSound::Speech), span, Some(Sound::SpeechEnded(span)))
            }
            LiveEvent::MusicStarted(from) => {
                (None, Span::new(from, from), Some(Sound::MusicStarted))
            }
            LiveEvent::MusicEnded(span) => (Some(LiveSound::Music), span, Some(Sound::MusicEnded)),
            LiveEvent::PromptRecognised { prompt, role, ends_at } => {
                let sound = LiveSound::KnownPrompt { prompt };
                (Some(sound), Span::new(at, ends_at), Some(Sound::KnownPrompt { role, ends_at }))
            }
            LiveEvent::PromptBrokeOff { at, .. } => {
                (None, Span::new(at, at), Some(Sound::PromptBrokeOff { at }))
            }
            LiveEvent::NewVoice(since) => {
                let sound = Some(LiveSound::NewVoice);
                (sound, Span::new(since, since.max(at)), Some(Sound::NewVoice { since }))
            }
            LiveEvent::Beep(span) => (Some(LiveSound::Beep), span, None),
            LiveEvent::ToneHeard { sound, span } => {
                let told = matches!(sound, LiveSound::Ringback).then_some(Sound::Ringback);
                match sound {
                    LiveSound::Busy => {
                        self.ending_tone(at, CallEnding::BusyTone { congestion: false });
                    }
                    LiveSound::Congestion => {
                        self.ending_tone(at, CallEnding::BusyTone { congestion: true });
                    }
                    LiveSound::Unobtainable | LiveSound::Intercept => {
                        self.ending_tone(at, CallEnding::InterceptTone);
                    }
                    _ => {}
                }
                (Some(sound), span, told)
            }
        };
        if let Some(sound) = sound {
            self.note(span.start, EventKind::Heard { sound, span });
        }
        if let Some(told) = told {
            self.navigate(at, NavigatorInput::Heard(told));
        }
    }

    /// A tone says that nothing more will come.
    fn ending_tone(&mut self, at: CallTime, ending: CallEnding) {
        match self.state {
            State::Dialling => self.cancel(at, ending),
            // Such a tone after a conversation is how some exchanges say that the other side hung up.
            State::Up { .. } if self.navigator.suspects_agent() => {
                let requested = self.requested();
                self.hang_up(at, CallEnding::FarEndHungUp { agent_suspected: true, requested });
            }
            State::Up { .. } => self.hang_up(at, ending),
            State::Ending { .. } | State::Over => {}
        }
    }

    fn navigate(&mut self, at: CallTime, input: NavigatorInput) {
        if !matches!(self.state, State::Up { .. }) {
            return;
        }
        self.navigator.handle(at, input);
        while let Some(output) = self.navigator.poll() {
            if matches!(output, NavigatorOutput::WaitUntil(_)) {
                break;
            }
            self.follow(at, output);
        }
    }

    fn follow(&mut self, at: CallTime, output: NavigatorOutput) {
        match output {
            NavigatorOutput::Step(name) => self.note(at, EventKind::Step { name: name.to_owned() }),
            NavigatorOutput::SendDigits { digits, requests_agent, masked } => {
                self.pressing = Some(Pressing { requests_agent, masked });
                self.token += 1;
                self.out.push_back(Output::SendDigits { digits, token: self.token });
            }
            NavigatorOutput::Say { line } => {
                self.saying = Some(Saying { line, since: None });
                self.token += 1;
                self.out.push_back(Output::Say { line, token: self.token });
            }
            NavigatorOutput::StopSaying => self.out.push_back(Output::StopSaying),
            NavigatorOutput::AgentSuspected => {
                self.note(at, EventKind::AgentSuspected);
                self.out.push_back(Output::Phase(CallPhase::Talking));
            }
            NavigatorOutput::BackToWaiting => self.out.push_back(Output::Phase(CallPhase::Queue)),
            NavigatorOutput::HangUp(reason) => self.hang_up(
                at,
                match reason {
                    HangUpReason::Completed => CallEnding::Completed,
                    HangUpReason::QueueTimeout => CallEnding::QueueTimeout,
                    HangUpReason::Lost(why) => CallEnding::Lost { why },
                },
            ),
            NavigatorOutput::WaitUntil(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
scenario: direct
max-call: 30s
direct-line: answer
lines:
  hello: { wav: a.wav, text: 안녕하세요 }
steps:
  - say: { line: hello }
  - hang-up: {}
";
    const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                       m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

    struct Call {
        conductor: Conductor,
        opened: Instant,
    }

    #[expect(clippy::disallowed_methods, reason = "one arbitrary instant to count from")]
    fn call() -> Call {
        let opened = Instant::now();
        let scenario = Arc::new(Scenario::parse("direct.yaml", FILE).unwrap());
        let library = Arc::new(Library::empty());
        let conductor = Conductor::new(opened, AttemptNumber::FIRST, scenario, library);
        Call { conductor, opened }
    }

    fn status(code: u16) -> SipStatus {
        SipStatus { code, phrase: String::new() }
    }

    fn dialog() -> StoredDialog {
        StoredDialog {
            remote_tag: "t".to_owned(),
            contact: "sip:127.0.0.1".to_owned(),
            route_set: Vec::new(),
            cseq: 1,
        }
    }

    impl Call {
        fn leg(&mut self, millis: u64, event: &LegEventKind) -> Vec<Output> {
            self.give(millis, Input::Leg(event))
        }

        fn give(&mut self, millis: u64, input: Input<'_>) -> Vec<Output> {
            let now = self.opened + Duration::from_millis(millis);
            self.conductor.handle(now, input);
            let mut all = Vec::new();
            while let Some(output) = self.conductor.poll() {
                let waits = matches!(output, Output::WaitUntil(_));
                all.push(output);
                if waits {
                    break;
                }
            }
            all
        }

        fn answer(&mut self, millis: u64, sdp: Option<&str>) -> Vec<Output> {
            let sdp = sdp.map(str::to_owned);
            let (status, dialog) = (status(200), dialog());
            self.leg(millis, &LegEventKind::Answered { status, sdp, dialog })
        }
    }

    fn ending(outputs: &[Output]) -> Option<&CallEnding> {
        outputs.iter().find_map(|output| match output {
            Output::Finished(ending) => Some(ending),
            _ => None,
        })
    }

    fn has(outputs: &[Output], wanted: fn(&Output) -> bool) -> bool {
        outputs.iter().any(wanted)
    }

    #[test]
    fn busy_before_any_ringing_is_refused_without_ringing() {
        let mut call = call();
        let out = call.leg(80, &LegEventKind::Refused { status: status(486), q850: None });
        let refused = CallEnding::Refused { status: status(486), q850: None, rang: false };
        assert_eq!(ending(&out), Some(&refused));
    }

    #[test]
    fn a_challenge_is_the_same_attempt() {
        let mut call = call();
        for branch in ["a", "b"] {
            let (branch, from_tag) = (branch.to_owned(), "f".to_owned());
            call.leg(1, &LegEventKind::InviteSent { branch, from_tag });
            call.leg(2, &LegEventKind::Challenged { code: 407 });
        }
        let timeline = call.conductor.into_timeline();
        let sent = |e: &&crate::domain::timeline::TimelineEvent| {
            matches!(e.kind, EventKind::InviteSent { .. })
        };
        assert_eq!(timeline.events().iter().filter(sent).count(), 1);
    }

    #[test]
    fn the_ring_limit_ends_as_a_timeout_of_ours_whatever_the_cancel_brings() {
        let mut call = call();
        let ringing = LegEventKind::Provisional { status: status(180), sdp: None };
        call.leg(500, &ringing);
        call.leg(60_500, &LegEventKind::TimedOut(LocalTimeout::RingLimit));
        let out = call.leg(60_600, &LegEventKind::Refused { status: status(487), q850: None });
        let expected = CallEnding::TimedOut { timer: LocalTimeout::RingLimit, rang: true };
        assert_eq!(ending(&out), Some(&expected));
    }

    #[test]
    fn an_answer_without_usable_audio_is_our_failure() {
        let mut call = call();
        let out = call.answer(900, Some("v=0\r\nm=audio 4000 RTP/AVP 18\r\n"));
        assert!(has(&out, |o| matches!(o, Output::Bye)));
        let out = call.leg(1000, &LegEventKind::Ended);
        assert!(matches!(ending(&out), Some(CallEnding::Aborted { .. })));
    }

    #[test]
    fn the_script_is_said_and_the_call_ended_by_us() {
        let mut call = call();
        let out = call.answer(900, Some(SDP));
        assert!(has(&out, |o| matches!(o, Output::Connect(_))));
        assert!(has(&out, |o| matches!(o, Output::Say { line: 0, .. })));
        let (start, end) = (call.opened, call.opened + Duration::from_secs(3));
        let ended = MediaEventKind::PlayEnded { token: 1, start, end };
        let out = call.give(3000, Input::Media(&ended));
        assert!(has(&out, |o| matches!(o, Output::Bye)));
        assert_eq!(ending(&call.leg(3100, &LegEventKind::Ended)), Some(&CallEnding::Completed));
    }

    #[test]
    fn a_line_that_the_far_end_cuts_is_on_the_timeline_as_far_as_it_went() {
        let mut call = call();
        call.answer(900, Some(SDP));
        call.give(1000, Input::Media(&MediaEventKind::PlayStarted { token: 1 }));
        let out = call.leg(1600, &LegEventKind::RemoteBye { q850: None });
        assert!(matches!(ending(&out), Some(CallEnding::FarEndHungUp { .. })));
        let timeline = call.conductor.into_timeline();
        let said: Vec<_> = timeline.said().collect();
        let (from, to) = (CallTime::from_millis(1000), CallTime::from_millis(1600));
        assert_eq!(said, [Span::new(from, to)]);
    }

    #[test]
    fn stopping_cancels_a_ringing_call_and_hangs_up_an_answered_one() {
        let why = "told to stop";
        let mut ringing = call();
        let out = ringing.give(100, Input::Stop { why });
        assert!(has(&out, |o| matches!(o, Output::Cancel)));
        let mut answered = call();
        answered.answer(900, Some(SDP));
        let out = answered.give(1000, Input::Stop { why });
        assert!(has(&out, |o| matches!(o, Output::Bye)));
        let out = answered.leg(1100, &LegEventKind::Ended);
        let aborted = CallEnding::Aborted { why: why.to_owned() };
        assert_eq!(ending(&out), Some(&aborted));
    }

    #[test]
    fn a_leg_that_does_not_end_is_given_up_after_6_s() {
        let mut call = call();
        call.answer(900, Some(SDP));
        call.give(1000, Input::Stop { why: "stop" });
        assert_eq!(ending(&call.give(6900, Input::Tick)), None);
        let out = call.give(7000, Input::Tick);
        assert!(matches!(ending(&out), Some(CallEnding::Aborted { .. })));
    }
}
