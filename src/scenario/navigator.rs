//! The navigator: walks a scenario's steps by what is heard, and says what to do.
//!
//! Enters: instants on the call's axis with what the causal tier heard and what our own side finished. Leaves: digits
//! to press, lines to say, and when to hang up. It steers only: nothing it believes is a result. A voice that it took
//! for a person and that turns out to be an announcement sends it back to waiting.

use super::check::{Scenario, Step};
use crate::domain::digit::Digit;
use crate::domain::prompt::PromptRole;
use crate::domain::time::{CallTime, Span};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What the causal tier hears, as far as it steers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// A voice began.
    SpeechStarted,
    /// A voice fell quiet; the stretch it filled.
    SpeechEnded(Span),
    /// The voice that is heard is no recording of the center's library.
    NewVoice {
        /// Since when, as far as could be told.
        since: CallTime,
    },
    /// Music plays.
    MusicStarted,
    /// Music stopped.
    MusicEnded,
    /// Ringback inside the call.
    Ringback,
    /// A recording of the center plays until then.
    KnownPrompt {
        /// What it is for.
        role: PromptRole,
        /// Its predicted end.
        ends_at: CallTime,
    },
    /// That recording gave way to other sound before its predicted end.
    PromptBrokeOff {
        /// When it was last heard.
        at: CallTime,
    },
}

/// What the navigator is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NavigatorInput {
    /// The call was answered.
    Answered,
    /// Something was heard.
    Heard(Sound),
    /// The digits of the current step are out; the end of the last one.
    DigitsSent {
        /// End of the last event.
        end: CallTime,
    },
    /// The line of the current step was said.
    Said,
    /// Time has passed.
    Tick,
}

/// What the navigator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NavigatorOutput {
    /// A step begins; for the timeline.
    Step(&'static str),
    /// Send these digits.
    SendDigits {
        /// Which.
        digits: Vec<Digit>,
        /// Whether they ask for an agent.
        requests_agent: bool,
        /// Whether they are hidden in records.
        masked: bool,
    },
    /// Say this line of the scenario.
    Say {
        /// Its index.
        line: usize,
    },
    /// Stop saying it.
    StopSaying,
    /// A person may be on the line.
    AgentSuspected,
    /// It was no person after all: waiting goes on.
    BackToWaiting,
    /// Hang up.
    HangUp(HangUpReason),
    /// Nothing to do before then.
    WaitUntil(CallTime),
}

/// Why the navigator hangs up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HangUpReason {
    /// The scenario is carried through.
    Completed,
    /// The longest wait for an agent passed.
    QueueTimeout,
    /// No way on.
    Lost(String),
}

/// Shorter voices are no greeting: a cough, a click, a scrap of a menu.
const SHORTEST_GREETING: Duration = Duration::from_millis(350);
/// A voice that no recording matches is heard out so long.
const LONGEST_GREETING: Duration = Duration::from_secs(20);
/// Music or ringback this soon after a suspected greeting means that it was an announcement.
const SECOND_THOUGHTS: Duration = Duration::from_secs(15);
/// Talking over our line this long counts as the far end's turn.
const TALKED_OVER: Duration = Duration::from_millis(1500);
/// A menu is answered this long after its predicted end: the prediction is sure to a few frames (our measurement on
/// synthetic lines, 2026), and some exchanges do not listen while they speak.
const AFTER_MENU: Duration = Duration::from_millis(200);
/// A voice that ends this long after the predicted end of a recording, or earlier, was the recording's.
const RECORDINGS_OWN: Duration = Duration::from_millis(500);

/// Digits and lines are out by then, or our own side failed.
const LONGEST_SENDING: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not answered yet.
    Idle,
    /// In the step, since then.
    In {
        since: CallTime,
    },
    Done,
}

/// Walks the steps of one call.
#[derive(Debug)]
pub struct Navigator {
    scenario: Arc<Scenario>,
    step: usize,
    state: State,
    out: VecDeque<NavigatorOutput>,
    speaking_since: Option<CallTime>,
    music: bool,
    /// Quiet began then after a voice that counts for the step.
    quiet_since: Option<CallTime>,
    /// A recording was recognised that plays until then.
    recording_until: Option<CallTime>,
    /// A voice speaks since then that no known recording matches.
    new_voice: Option<CallTime>,
    /// A menu was recognised in this step that plays until then.
    menu_until: Option<CallTime>,
    requested_at: Option<CallTime>,
    suspected: Option<(CallTime, usize)>,
}

impl Navigator {
    /// A navigator before the answer.
    pub fn new(scenario: Arc<Scenario>) -> Self {
        Self {
            scenario,
            step: 0,
            state: State::Idle,
            out: VecDeque::new(),
            speaking_since: None,
            music: false,
            quiet_since: None,
            recording_until: None,
            new_voice: None,
            menu_until: None,
            requested_at: None,
            suspected: None,
        }
    }

    /// Whether a person is believed to be on the line.
    pub fn suspects_agent(&self) -> bool {
        self.suspected.is_some()
    }

    /// Takes what happened at `now`; drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, now: CallTime, input: NavigatorInput) {
        match input {
            NavigatorInput::Answered if self.state == State::Idle => self.enter(now, 0),
            NavigatorInput::Answered | NavigatorInput::Tick => {}
            NavigatorInput::Heard(sound) => self.hear(now, sound),
            NavigatorInput::DigitsSent { end } => {
                if let Some(Step::Press { requests_agent, .. }) = self.current() {
                    if *requests_agent {
                        self.requested_at.get_or_insert(end);
                    }
                    self.advance(now);
                }
            }
            NavigatorInput::Said => {
                if matches!(self.current(), Some(Step::Say { .. })) {
                    self.advance(now);
                }
            }
        }
        self.check_time(now);
    }

    /// The next thing to do; [`NavigatorOutput::WaitUntil`] when there is none now, `None` when the call is over.
    pub fn poll(&mut self) -> Option<NavigatorOutput> {
        self.out.pop_front().or_else(|| self.deadline().map(NavigatorOutput::WaitUntil))
    }

    fn current(&self) -> Option<&Step> {
        match self.state {
            State::In { .. } => self.scenario.steps.get(self.step),
            State::Idle | State::Done => None,
        }
    }

    fn finish(&mut self, reason: HangUpReason) {
        if self.state != State::Done {
            self.state = State::Done;
            self.out.push_back(NavigatorOutput::HangUp(reason));
        }
    }

    fn advance(&mut self, now: CallTime) {
        self.enter(now, self.step + 1);
    }

    fn enter(&mut self, now: CallTime, step: usize) {
        self.step = step;
        self.state = State::In { since: now };
        self.menu_until = None;
        let Some(entered) = self.scenario.steps.get(step).cloned() else {
            return self.finish(HangUpReason::Completed);
        };
        self.out.push_back(NavigatorOutput::Step(entered.name()));
        match entered {
            Step::Press { digits, requests_agent, masked } => {
                self.quiet_since = None;
                self.out.push_back(NavigatorOutput::SendDigits { digits, requests_agent, masked });
            }
            Step::Say { line } => {
                self.quiet_since = None;
                self.out.push_back(NavigatorOutput::Say { line });
            }
            Step::HangUp => self.finish(HangUpReason::Completed),
            Step::Listen { .. } => {}
            Step::PromptBegins { .. } | Step::PromptEnds { .. } | Step::WaitForAgent { .. } => {
                self.quiet_since = None;
            }
        }
    }

    fn hear(&mut self, now: CallTime, sound: Sound) {
        match sound {
            Sound::SpeechStarted => {
                self.speaking_since = Some(now);
                self.quiet_since = None;
                self.new_voice = None;
                if matches!(self.current(), Some(Step::PromptBegins { .. })) {
                    self.advance(now);
                }
            }
            Sound::SpeechEnded(span) => {
                self.speaking_since = None;
                self.speech_ended(span);
            }
            Sound::NewVoice { since } => {
                // A recording is cut off where somebody picks up: what follows is no part of it.
                self.recording_until = self.recording_until.map(|until| until.min(since));
                self.new_voice = Some(since);
            }
            Sound::MusicStarted => {
                self.music = true;
                self.new_voice = None;
                self.no_person(now);
            }
            Sound::MusicEnded => self.music = false,
            Sound::Ringback => self.no_person(now),
            Sound::KnownPrompt { role, ends_at } => {
                self.recording_until = Some(ends_at);
                self.new_voice = None;
                self.no_person(now);
                self.menu_until = (role == PromptRole::Menu).then_some(ends_at);
            }
            Sound::PromptBrokeOff { at } => {
                self.recording_until = Some(at);
                self.menu_until = None;
            }
        }
    }

    fn speech_ended(&mut self, span: Span) {
        let State::In { since } = self.state else { return };
        let voice = Span::new(
            self.new_voice.map_or(span.start, |at| at.clamp(span.start, span.end)),
            span.end,
        );
        // What the recording itself says ends with it; what is new, or goes on after it, is somebody else.
        let recorded = self
            .recording_until
            .is_some_and(|until| voice.start < until && span.end <= until + RECORDINGS_OWN);
        let counts = match self.current() {
            Some(Step::PromptEnds { .. } | Step::Listen { .. }) => span.end >= since,
            Some(Step::WaitForAgent { .. }) => {
                voice.duration() >= SHORTEST_GREETING
                    && span.end > since
                    && !self.music
                    && !recorded
            }
            Some(Step::Say { .. }) => span.duration() >= TALKED_OVER,
            _ => false,
        };
        if counts {
            self.quiet_since = Some(span.end);
        }
    }

    /// What is heard is no person: forget a candidate, and go back if we had begun to talk to it.
    fn no_person(&mut self, now: CallTime) {
        if matches!(self.current(), Some(Step::WaitForAgent { .. })) {
            self.quiet_since = None;
        }
        let Some((since, waiting)) = self.suspected else { return };
        if now.saturating_since(since) <= SECOND_THOUGHTS {
            self.suspected = None;
            self.out.push_back(NavigatorOutput::StopSaying);
            self.out.push_back(NavigatorOutput::BackToWaiting);
            self.enter(now, waiting);
        }
    }

    /// When the current step has what it waits for: the quiet after a voice, or the end of a menu that is known.
    fn complete(&self) -> Option<CallTime> {
        let menu = match self.current()? {
            Step::PromptEnds { .. } => self.menu_until.map(|until| until + AFTER_MENU),
            _ => None,
        };
        match (menu, self.quiet_complete()) {
            (Some(menu), Some(quiet)) => Some(menu.min(quiet)),
            (menu, quiet) => menu.or(quiet),
        }
    }

    fn quiet_complete(&self) -> Option<CallTime> {
        let State::In { since } = self.state else { return None };
        let from = self.quiet_since?;
        match self.current()? {
            Step::PromptEnds { quiet, .. } | Step::WaitForAgent { quiet } => Some(from + *quiet),
            Step::Listen { quiet, .. } => Some(from.max(since) + *quiet),
            _ => None,
        }
    }

    /// When the current step gives up.
    fn gives_up(&self) -> Option<CallTime> {
        let State::In { since } = self.state else { return None };
        match self.current()? {
            Step::PromptBegins { within } => Some(since + *within),
            // A prompt that plays is heard out, however long it is.
            Step::PromptEnds { within, .. } => (self.speaking_since.is_none()
                && self.quiet_since.is_none()
                && self.menu_until.is_none())
            .then(|| since + *within),
            Step::WaitForAgent { .. } => {
                let limit = self.requested_at.unwrap_or(since) + self.scenario.max_wait;
                // Nobody new is hung up on in the middle of a word, for as long as a greeting may last.
                let speaks = self.speaking_since.is_some() || self.quiet_since.is_some();
                let new = self.new_voice.filter(|at| speaks && *at < limit);
                Some(new.map_or(limit, |at| limit.max(at + LONGEST_GREETING)))
            }
            // Nobody is cut short: a voice is heard out, up to the longest call.
            Step::Listen { at_most, .. } => self.speaking_since.is_none().then(|| since + *at_most),
            Step::Press { .. } | Step::Say { .. } => Some(since + LONGEST_SENDING),
            Step::HangUp => None,
        }
    }

    fn deadline(&self) -> Option<CallTime> {
        match (self.complete(), self.gives_up()) {
            (Some(quiet), Some(limit)) => Some(quiet.min(limit)),
            (quiet, limit) => quiet.or(limit),
        }
    }

    fn check_time(&mut self, now: CallTime) {
        if self.complete().is_some_and(|at| at <= now) {
            if matches!(self.current(), Some(Step::WaitForAgent { .. })) {
                self.suspected = Some((now, self.step));
                self.out.push_back(NavigatorOutput::AgentSuspected);
            }
            self.quiet_since = None;
            return self.advance(now);
        }
        if self.gives_up().is_some_and(|at| at <= now) {
            match self.current() {
                Some(Step::Listen { .. }) => self.advance(now),
                Some(Step::WaitForAgent { .. }) => self.finish(HangUpReason::QueueTimeout),
                Some(Step::Press { .. } | Step::Say { .. }) => {
                    let why = format!("step {}: our media did not get through", self.step + 1);
                    self.finish(HangUpReason::Lost(why));
                }
                _ => {
                    let why = format!("step {}: no prompt was heard in time", self.step + 1);
                    self.finish(HangUpReason::Lost(why));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
scenario: card
lines:
  lost: { wav: a.wav, text: 카드를 잃어버렸어요 }
  bye: { wav: b.wav, text: 감사합니다 }
steps:
  - expect: { prompt: ends }
  - press: { digits: \"0\", request-agent: true }
  - wait-for-agent: {}
  - say: { line: lost }
  - listen: {}
  - close: { line: bye }
";

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn navigator() -> Navigator {
        Navigator::new(Arc::new(Scenario::parse("card.yaml", FILE).unwrap()))
    }

    fn drain(navigator: &mut Navigator) -> Vec<NavigatorOutput> {
        let mut all = Vec::new();
        while let Some(output) = navigator.poll() {
            if matches!(output, NavigatorOutput::WaitUntil(_)) {
                break;
            }
            all.push(output);
        }
        all
    }

    fn speech(navigator: &mut Navigator, from: u64, to: u64) {
        navigator.handle(at(from), NavigatorInput::Heard(Sound::SpeechStarted));
        let span = Span::new(at(from), at(to));
        navigator.handle(at(to + 700), NavigatorInput::Heard(Sound::SpeechEnded(span)));
    }

    /// Answered, menu heard, digit pressed: waiting for the agent since 7.5 s.
    fn waiting() -> Navigator {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        speech(&mut navigator, 1200, 6000);
        navigator.handle(at(7200), NavigatorInput::Tick);
        navigator.handle(at(7500), NavigatorInput::DigitsSent { end: at(7450) });
        drain(&mut navigator);
        navigator
    }

    #[test]
    fn the_digit_is_pressed_1200_ms_after_the_prompt_fell_quiet() {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        speech(&mut navigator, 1200, 6000);
        assert_eq!(drain(&mut navigator), [NavigatorOutput::Step("expect")]);
        assert_eq!(navigator.poll(), Some(NavigatorOutput::WaitUntil(at(7200))));
        navigator.handle(at(7200), NavigatorInput::Tick);
        let digits = Digit::row("0").unwrap();
        let press = NavigatorOutput::SendDigits { digits, requests_agent: true, masked: false };
        assert_eq!(drain(&mut navigator), [NavigatorOutput::Step("press"), press]);
    }

    #[test]
    fn a_menu_that_goes_on_within_the_quiet_is_not_cut_off() {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        speech(&mut navigator, 1200, 6000);
        navigator.handle(at(7100), NavigatorInput::Heard(Sound::SpeechStarted));
        navigator.handle(at(7400), NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), [NavigatorOutput::Step("expect")]);
    }

    #[test]
    fn no_prompt_within_20_s_is_lost() {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        navigator.handle(at(21_000), NavigatorInput::Tick);
        let lost =
            |o: &NavigatorOutput| matches!(o, NavigatorOutput::HangUp(HangUpReason::Lost(_)));
        assert!(drain(&mut navigator).iter().any(lost));
        assert_eq!(navigator.poll(), None);
    }

    #[test]
    fn a_voice_followed_by_quiet_is_answered_as_a_person() {
        let mut navigator = waiting();
        speech(&mut navigator, 10_000, 14_000);
        navigator.handle(at(15_200), NavigatorInput::Tick);
        let out = drain(&mut navigator);
        assert_eq!(out[0], NavigatorOutput::AgentSuspected);
        assert_eq!(out[2], NavigatorOutput::Say { line: 1 });
    }

    #[test]
    fn a_voice_followed_by_music_is_an_announcement() {
        let mut navigator = waiting();
        speech(&mut navigator, 10_000, 14_000);
        navigator.handle(at(14_900), NavigatorInput::Heard(Sound::MusicStarted));
        navigator.handle(at(16_000), NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), []);
        assert!(!navigator.suspects_agent());
    }

    #[test]
    fn a_known_recording_is_never_answered_as_a_person() {
        let mut navigator = waiting();
        navigator.handle(at(10_000), NavigatorInput::Heard(Sound::SpeechStarted));
        let known = Sound::KnownPrompt { role: PromptRole::Queue, ends_at: at(14_000) };
        navigator.handle(at(10_800), NavigatorInput::Heard(known));
        let span = Span::new(at(10_000), at(14_000));
        navigator.handle(at(14_700), NavigatorInput::Heard(Sound::SpeechEnded(span)));
        navigator.handle(at(16_000), NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), []);
    }

    fn known(role: PromptRole, ends_at: u64) -> NavigatorInput {
        NavigatorInput::Heard(Sound::KnownPrompt { role, ends_at: at(ends_at) })
    }

    #[test]
    fn a_known_menu_is_answered_200_ms_after_its_predicted_end() {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        navigator.handle(at(1200), NavigatorInput::Heard(Sound::SpeechStarted));
        navigator.handle(at(2000), known(PromptRole::Menu, 6000));
        assert_eq!(navigator.poll(), Some(NavigatorOutput::Step("expect")));
        assert_eq!(navigator.poll(), Some(NavigatorOutput::WaitUntil(at(6200))));
        navigator.handle(at(6200), NavigatorInput::Tick);
        assert!(matches!(drain(&mut navigator)[..], [NavigatorOutput::Step("press"), _]));
    }

    #[test]
    fn a_known_greeting_is_not_answered_before_the_menu_after_it() {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        navigator.handle(at(1200), NavigatorInput::Heard(Sound::SpeechStarted));
        navigator.handle(at(2000), known(PromptRole::Greeting, 4000));
        navigator.handle(at(4500), NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), [NavigatorOutput::Step("expect")]);
    }

    #[test]
    fn a_menu_that_breaks_off_is_heard_out_like_an_unknown_one() {
        let mut navigator = navigator();
        navigator.handle(at(1000), NavigatorInput::Answered);
        navigator.handle(at(1200), NavigatorInput::Heard(Sound::SpeechStarted));
        navigator.handle(at(2000), known(PromptRole::Menu, 6000));
        let broke_off = Sound::PromptBrokeOff { at: at(4000) };
        navigator.handle(at(4600), NavigatorInput::Heard(broke_off));
        navigator.handle(at(6300), NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), [NavigatorOutput::Step("expect")]);
        let span = Span::new(at(1200), at(9000));
        navigator.handle(at(9700), NavigatorInput::Heard(Sound::SpeechEnded(span)));
        assert_eq!(navigator.poll(), Some(NavigatorOutput::WaitUntil(at(10_200))));
    }

    #[test]
    fn a_person_who_cuts_an_announcement_short_is_heard() {
        let mut navigator = waiting();
        navigator.handle(at(9000), NavigatorInput::Heard(Sound::SpeechStarted));
        navigator.handle(at(9800), known(PromptRole::Queue, 20_000));
        let broke_off = Sound::PromptBrokeOff { at: at(11_000) };
        navigator.handle(at(11_900), NavigatorInput::Heard(broke_off));
        let span = Span::new(at(9000), at(13_500));
        navigator.handle(at(14_200), NavigatorInput::Heard(Sound::SpeechEnded(span)));
        navigator.handle(at(16_000), NavigatorInput::Tick);
        assert!(navigator.suspects_agent());
    }

    #[test]
    fn ringback_after_the_first_words_sends_us_back_to_waiting() {
        let mut navigator = waiting();
        speech(&mut navigator, 10_000, 14_000);
        navigator.handle(at(15_200), NavigatorInput::Tick);
        drain(&mut navigator);
        navigator.handle(at(17_000), NavigatorInput::Heard(Sound::Ringback));
        let out = drain(&mut navigator);
        assert_eq!(out[..2], [NavigatorOutput::StopSaying, NavigatorOutput::BackToWaiting]);
        assert!(!navigator.suspects_agent());
    }

    #[test]
    fn the_longest_wait_counts_from_the_request() {
        let mut navigator = waiting();
        assert_eq!(navigator.poll(), Some(NavigatorOutput::WaitUntil(at(187_450))));
        navigator.handle(at(187_450), NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), [NavigatorOutput::HangUp(HangUpReason::QueueTimeout)]);
    }

    #[test]
    fn a_carried_through_scenario_ends_with_a_polite_hang_up() {
        let mut navigator = waiting();
        speech(&mut navigator, 10_000, 14_000);
        navigator.handle(at(15_200), NavigatorInput::Tick);
        navigator.handle(at(18_000), NavigatorInput::Said);
        speech(&mut navigator, 19_000, 25_000);
        navigator.handle(at(26_500), NavigatorInput::Tick);
        navigator.handle(at(28_000), NavigatorInput::Said);
        speech(&mut navigator, 29_000, 32_000);
        navigator.handle(at(33_500), NavigatorInput::Tick);
        let last = drain(&mut navigator).pop();
        assert_eq!(last, Some(NavigatorOutput::HangUp(HangUpReason::Completed)));
    }

    /// Walks to the wait for an agent, where a recording of 20 s begins at 9 s.
    fn waiting_under_a_recording() -> Navigator {
        let mut navigator = waiting();
        navigator.handle(at(9000), NavigatorInput::Heard(Sound::SpeechStarted));
        let known = Sound::KnownPrompt { role: PromptRole::Queue, ends_at: at(29_000) };
        navigator.handle(at(10_000), NavigatorInput::Heard(known));
        drain(&mut navigator);
        navigator
    }

    #[test]
    fn a_voice_that_cuts_a_recording_off_at_14_s_is_taken_for_an_agent() {
        for (new, suspected) in [(true, true), (false, false)] {
            let mut navigator = waiting_under_a_recording();
            if new {
                let since = at(14_000);
                navigator.handle(at(15_200), NavigatorInput::Heard(Sound::NewVoice { since }));
            }
            let span = Span::new(at(9000), at(17_000));
            navigator.handle(at(17_700), NavigatorInput::Heard(Sound::SpeechEnded(span)));
            navigator.handle(at(19_000), NavigatorInput::Tick);
            assert_eq!(drain(&mut navigator).contains(&NavigatorOutput::AgentSuspected), suspected);
        }
    }

    #[test]
    fn a_new_voice_is_not_hung_up_on_for_20_s_and_then_is() {
        let mut navigator = waiting_under_a_recording();
        let limit = at(7450) + navigator.scenario.max_wait;
        let since = limit.saturating_sub(Duration::from_secs(1));
        navigator.handle(since, NavigatorInput::Heard(Sound::SpeechStarted));
        navigator.handle(since, NavigatorInput::Heard(Sound::NewVoice { since }));
        navigator.handle(limit, NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), []);
        navigator.handle(since + LONGEST_GREETING, NavigatorInput::Tick);
        assert_eq!(drain(&mut navigator), [NavigatorOutput::HangUp(HangUpReason::QueueTimeout)]);
    }
}
