//! Whole calls in virtual time: a caller and the machine, no socket and no clock between them.

#[cfg(test)]
use super::behaviour::Duty;
use super::center::{CallMachine, Center, Input};
use super::expectation::Expected;
use super::gate::{HANG_OVER, Heard};
use super::line::{Output, Sound};
use super::music::{MusicStyle, compose};
use super::script::Script;
use super::script::tests::center as yaml;
use super::truth::Part::{Closing, FurtherHelp, Greeting, Reply};
use super::truth::{CallHead, CallTruth, EndedBy, HostTime, Ledger, Part};
use super::voices::{Clip, Voices};
use crate::domain::audio::{Hz8k, samples_to_duration};
use crate::domain::ctq::CtqItem;
use crate::domain::digit::Digit;
use crate::domain::segment::SegmentKind;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the caller does when a sound is over, or a while after an instant.
#[derive(Debug, Clone, Copy)]
enum Caller {
    /// Presses a key so long after the call's beginning.
    Key(char),
    /// Speaks for so long, so long after the agent fell quiet.
    Says(Duration),
    /// Hangs up so long after the agent fell quiet.
    HangsUp,
}

fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// A second of speech-like samples per line, 150 ms of quiet around.
fn voices() -> Voices {
    let mut voices = Voices::default();
    for name in [
        "welcome", "menu", "menu2", "noinput", "wrong", "connect", "busy", "later", "closed",
        "greet", "hello", "reply1", "reply2a", "reply2b", "more", "close", "nudge",
    ] {
        let sound = (0..8_000).map(|n| ((f64::from(n) * 0.3).sin() * 8_000.0) as i16);
        let quiet = || std::iter::repeat_n(0, 1_200);
        let pcm = quiet().chain(sound).chain(quiet()).collect();
        voices.add(Clip { name: name.into(), text: format!("{name}."), pcm });
    }
    voices
}

struct Story {
    t0: Instant,
    now: Instant,
    machine: CallMachine,
    ledger: Ledger,
    playing: Option<(u64, Instant)>,
    /// What was sent, with milliseconds since the INVITE.
    sent: Vec<(u64, String)>,
    wake: Option<Instant>,
    /// Sounds that [`Self::after`] has passed.
    seen: usize,
}

impl Story {
    fn new(call: &str) -> Self {
        Self::seeded(call, 9)
    }

    fn seeded(call: &str, seed: u64) -> Self {
        let script = Script::parse("center.yaml", &yaml(call)).unwrap();
        let behaviour = script.calls[0].clone();
        let center = Arc::new(Center {
            script,
            voices: voices(),
            music: compose(MusicStyle::Waltz, 1, secs(4.0)).into(),
            room: Vec::new().into(),
        });
        let t0 = crate::clock::now();
        let head = CallHead {
            sip_call_id: "id".into(),
            center: "test".into(),
            arrival: 0,
            behaviour: 0,
            name: behaviour.name.clone(),
            seed,
            invited: t0,
        };
        let machine = CallMachine::new(center, behaviour, seed);
        let ledger = Ledger::new(head);
        let (playing, sent, wake) = (None, Vec::new(), None);
        let mut story = Self { t0, now: t0, machine, ledger, playing, sent, wake, seen: 0 };
        story.put(Input::Dialled);
        story
    }

    fn put(&mut self, input: Input) {
        self.machine.handle(self.now, &input);
        loop {
            let output = self.machine.poll();
            match &output {
                Output::WaitUntil(at) => {
                    self.wake = *at;
                    return;
                }
                Output::Truth { at, note } => self.ledger.note(*at, note.clone()),
                Output::Play { token, sound, pcm } => {
                    self.stop();
                    let length = samples_to_duration::<Hz8k>(pcm.len());
                    self.playing = Some((*token, self.now + length));
                    self.sent.push((self.ms(), name(sound)));
                    self.machine.handle(self.now, &Input::PlayStarted { token: *token });
                }
                Output::Stop => self.stop(),
                other => self.sent.push((self.ms(), format!("{other:?}"))),
            }
        }
    }

    fn stop(&mut self) {
        if let Some((token, _)) = self.playing.take() {
            self.machine.handle(self.now, &Input::PlayEnded { token });
        }
    }

    fn ms(&self) -> u64 {
        (self.now - self.t0).as_millis() as u64
    }

    /// Runs to the next thing that happens by itself, or to `limit`; says whether `limit` came first.
    fn step(&mut self, limit: Instant) -> bool {
        let ends = self.playing.map(|(_, end)| end);
        let next = [ends, self.wake].into_iter().flatten().min().unwrap_or(limit);
        if next >= limit || self.machine.is_over() {
            self.now = limit;
            return true;
        }
        self.now = self.now.max(next);
        match self.playing {
            Some((token, end)) if end <= self.now => {
                self.playing = None;
                self.put(Input::PlayEnded { token });
            }
            _ => self.put(Input::Tick),
        }
        false
    }

    fn run(&mut self, span: Duration) {
        let limit = self.now + span;
        while !self.step(limit) {}
    }

    /// Runs until a line of this name begins, and over it.
    fn after(&mut self, line: &str) {
        let limit = self.now + secs(60.0);
        let seen = self.seen;
        let found = |sent: &[(u64, String)]| sent[seen..].iter().position(|(_, w)| w == line);
        while found(&self.sent).is_none() {
            assert!(!self.step(limit), "`{line}` never came: {:?}", self.sent);
        }
        self.seen += found(&self.sent).unwrap() + 1;
        while self.playing.is_some()
            && self.sent.last().is_some_and(|(_, what)| what == line)
            && !self.step(limit)
        {}
    }

    fn act(&mut self, caller: Caller) {
        match caller {
            Caller::Key(key) => {
                let start = self.now;
                self.run(Duration::from_millis(100));
                self.put(Input::Digit { digit: Digit::new(key).unwrap(), start });
            }
            Caller::Says(length) => {
                self.run(secs(0.9));
                let began = self.now;
                self.put(Input::Caller(Heard::Speaking { since: began }));
                self.run(length);
                let ended = self.now;
                self.run(HANG_OVER);
                self.put(Input::Caller(Heard::Quiet { since: ended }));
            }
            Caller::HangsUp => {
                self.run(secs(0.8));
                self.put(Input::RemoteBye);
            }
        }
    }

    fn said(&self, what: &str) -> bool {
        self.sent.iter().any(|(_, sent)| sent == what)
    }

    fn finish(self) -> CallTruth {
        let t0 = self.t0;
        self.ledger.finish(self.now, |at| HostTime((at - t0).as_nanos() as u64))
    }

    /// Through the first menu into the queue, to the end of the agent's first line.
    fn reach_agent(call: &str, first: &str) -> Self {
        let mut story = Self::new(call);
        story.after("menu");
        story.act(Caller::Key('0'));
        story.after(first);
        story
    }
}

fn name(sound: &Sound) -> String {
    match sound {
        Sound::Prompt { clip, .. } | Sound::Spoken { clip, .. } => clip.clone(),
        Sound::Loop(kind) => format!("{kind:?}"),
        Sound::Room => "room".into(),
    }
}

fn verdicts(truth: &CallTruth) -> BTreeMap<CtqItem, Expected> {
    truth.expected.clone()
}

fn wait_of(truth: &CallTruth) -> Duration {
    truth.agent_onset.unwrap().since(truth.requested.unwrap())
}

#[test]
fn a_clean_call_runs_through_and_is_fulfilled_in_all_items() {
    let mut story = Story::reach_agent("- {wait: 3s, agent: kim}", "greet");
    story.act(Caller::Says(secs(2.0)));
    story.after("reply1");
    story.act(Caller::Says(secs(1.0)));
    story.after("more");
    story.act(Caller::Says(secs(1.5)));
    story.after("close");
    story.act(Caller::HangsUp);
    let truth = story.finish();
    assert_eq!(wait_of(&truth).as_millis(), 3_000);
    assert!(verdicts(&truth).values().all(|v| *v == Expected::Fulfilled), "{truth:#?}");
    let parts: Vec<Part> = truth.lines.iter().map(|l| l.part).collect();
    assert_eq!(parts, [Greeting, Reply, Reply, Reply, FurtherHelp, Closing]);
    assert_eq!(truth.ended_by, EndedBy::Caller);
    assert_eq!(truth.caller.len(), 3);
}

#[test]
fn a_wait_of_23_s_has_music_and_two_announcements_and_then_the_agent() {
    let story = Story::reach_agent("- {wait: 23s, agent: kim}", "greet");
    let kinds: Vec<&str> = story.sent.iter().map(|(_, what)| what.as_str()).collect();
    let queue = kinds.iter().position(|w| *w == "connect").unwrap();
    assert_eq!(
        kinds[queue..],
        [
            "connect",
            "QueueMusic",
            "busy",
            "QueueMusic",
            "busy",
            "QueueMusic",
            "room",
            "greet",
            "room"
        ]
    );
    let truth = story.finish();
    assert_eq!(wait_of(&truth).as_millis(), 23_000);
    assert_eq!(truth.expected[&CtqItem::A3], Expected::Defect);
    let music = truth.segments.iter().filter(|s| s.kind == SegmentKind::QueueMusic).count();
    assert_eq!(music, 3);
    assert!(truth.segments.iter().all(|s| s.span.start < s.span.end));
}

#[test]
fn a_short_wait_has_no_room_for_the_connect_announcement() {
    let story = Story::reach_agent("- {wait: 2s, agent: kim}", "greet");
    assert!(!story.said("connect"));
    assert_eq!(wait_of(&story.finish()).as_millis(), 2_000);
}

#[test]
fn busy_is_refused_with_486_after_a_second() {
    let mut story = Story::new("- {busy: true}");
    story.run(secs(5.0));
    assert_eq!(story.sent[0].0, 1_000);
    assert!(story.sent[0].1.starts_with("Reject { status: 486"), "{:?}", story.sent);
    let truth = story.finish();
    assert_eq!(truth.ended_by, EndedBy::Refused { status: 486 });
    assert_eq!(truth.expected[&CtqItem::A1], Expected::Defect);
}

#[test]
fn congestion_is_heard_before_it_is_refused() {
    let call = "- {refuse: {status: 503, phrase: Busy, q850: 34}, early-media: congestion, answer-after: 4s}";
    let mut story = Story::new(call);
    story.run(secs(5.0));
    let sent: Vec<&str> = story.sent.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(sent[..2], ["EarlyMedia", "Congestion"]);
    let truth = story.finish();
    assert_eq!(truth.expected[&CtqItem::A1], Expected::Defect);
    assert_eq!(truth.segments[0].span.end, truth.ended);
}

#[test]
fn nobody_answers_until_the_caller_gives_up() {
    let mut story = Story::new("- {no-answer: true, early-media: ring}");
    story.run(secs(30.0));
    let sent: Vec<&str> = story.sent.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(sent, ["EarlyMedia", "Ringback"]);
    story.put(Input::Cancelled);
    let truth = story.finish();
    assert_eq!((truth.answered, truth.ended_by), (None, EndedBy::Caller));
}

#[test]
fn out_of_hours_the_message_is_said_and_the_center_hangs_up() {
    let mut story = Story::new("- {closed: true}");
    story.run(secs(10.0));
    let sent: Vec<&str> = story.sent.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(sent, ["Ring", "Answer", "closed", "HangUp"]);
    let truth = story.finish();
    assert_eq!(truth.segments[0].kind, SegmentKind::ClosedMessage);
    assert_eq!(truth.expected[&CtqItem::A1], Expected::Fulfilled);
    assert_eq!(truth.expected[&CtqItem::A2], Expected::Defect);
}

#[test]
fn the_second_menu_is_entered_while_the_first_still_speaks() {
    let mut story = Story::new("- {wait: 2s, agent: kim}");
    story.after("welcome");
    story.act(Caller::Key('1'));
    story.after("menu2");
    story.act(Caller::Key('3'));
    story.after("greet");
    let truth = story.finish();
    assert_eq!(truth.digits.len(), 2);
    assert_eq!(truth.requested, Some(truth.digits[1].span.end));
}

#[test]
fn no_key_and_wrong_keys_end_after_two_rounds() {
    let mut story = Story::new("- {wait: 2s, agent: kim}");
    story.after("noinput");
    story.after("menu");
    story.act(Caller::Key('7'));
    story.run(secs(5.0));
    assert!(story.said("HangUp"), "{:?}", story.sent);
    assert_eq!(story.finish().requested, None);
}

#[test]
fn a_rejected_caller_hears_why_and_never_meets_an_agent() {
    let mut story = Story::new("- {queue-reject: 8s}");
    story.after("menu");
    story.act(Caller::Key('0'));
    story.after("later");
    story.run(secs(1.0));
    assert!(story.said("HangUp"));
    let truth = story.finish();
    assert_eq!(truth.expected[&CtqItem::A2], Expected::Defect);
    assert_eq!(truth.agent_onset, None);
}

#[test]
fn a_forgotten_greeting_is_a_defect_of_b1_alone() {
    let mut story = Story::reach_agent("- {wait: 2s, agent: kim, forget: [greeting]}", "hello");
    story.act(Caller::Says(secs(2.0)));
    story.after("reply1");
    story.act(Caller::Says(secs(1.0)));
    story.after("more");
    story.act(Caller::Says(secs(1.0)));
    story.after("close");
    story.act(Caller::HangsUp);
    let defects: Vec<CtqItem> = verdicts(&story.finish())
        .into_iter()
        .filter_map(|(item, v)| (v != Expected::Fulfilled).then_some(item))
        .collect();
    assert_eq!(defects, [CtqItem::B1]);
}

#[test]
fn an_agent_who_forgets_further_help_closes_unasked_after_2500_ms() {
    let call = "- {wait: 2s, agent: kim, forget: [further-help]}";
    let mut story = Story::reach_agent(call, "greet");
    story.act(Caller::Says(secs(2.0)));
    story.after("reply1");
    story.act(Caller::Says(secs(1.0)));
    story.after("close");
    assert!(!story.said("more"));
    story.act(Caller::HangsUp);
    let truth = story.finish();
    assert_eq!(truth.expected[&CtqItem::E1], Expected::Defect);
    assert_eq!(truth.expected[&CtqItem::E2], Expected::Fulfilled);
}

#[test]
fn an_agent_who_forgets_the_closing_hangs_up_2500_ms_after_the_callers_last_word() {
    let mut story = Story::reach_agent("- {wait: 2s, agent: kim, forget: [closing]}", "greet");
    story.act(Caller::Says(secs(2.0)));
    story.after("reply1");
    story.act(Caller::Says(secs(1.0)));
    story.after("more");
    story.act(Caller::Says(secs(1.0)));
    story.run(secs(8.0));
    let truth = story.finish();
    assert_eq!(truth.ended_by, EndedBy::Center);
    assert!(truth.ended.since(truth.caller[2].end) > secs(2.5));
    assert_eq!(truth.expected[&CtqItem::E2], Expected::Defect);
    assert!(truth.due.contains(&Duty::Closing));
}

#[test]
fn an_interrupting_agent_begins_700_ms_into_the_callers_line() {
    let mut story = Story::reach_agent("- {wait: 2s, agent: kim, interrupt: true}", "greet");
    story.act(Caller::Says(secs(3.0)));
    let truth = story.finish();
    let reply = truth.lines.iter().find(|l| l.part == Reply).unwrap();
    let into = reply.span.start.since(truth.caller[0].start).as_millis();
    // 700 ms and the quiet before the line's first word.
    assert!((830..880).contains(&into), "{into}");
    assert_eq!(truth.expected[&CtqItem::C4], Expected::Defect);
}

#[test]
fn an_agent_who_hangs_up_first_cuts_the_callers_last_line() {
    let mut story = Story::reach_agent("- {wait: 2s, agent: kim, hang-up-first: true}", "greet");
    story.act(Caller::Says(secs(2.0)));
    story.after("reply1");
    story.act(Caller::Says(secs(1.0)));
    story.after("close");
    story.act(Caller::Says(secs(2.0)));
    let truth = story.finish();
    assert_eq!(truth.ended_by, EndedBy::Center);
    assert_eq!(truth.ended.since(truth.caller[2].start), Duration::from_millis(600));
    assert_eq!(truth.expected[&CtqItem::E2], Expected::Defect);
    assert_eq!(truth.expected[&CtqItem::E1], Expected::Fulfilled);
}

#[test]
fn a_silent_caller_is_asked_after_6_s_and_given_up_20_s_later() {
    let mut story = Story::reach_agent("- {wait: 2s, agent: kim}", "greet");
    let greeted = story.now;
    story.after("nudge");
    assert!((story.now - greeted).as_secs() >= 6);
    story.run(secs(21.0));
    assert!(story.said("HangUp"));
    let truth = story.finish();
    assert_eq!(truth.expected[&CtqItem::E1], Expected::NotObserved);
    assert_eq!(truth.expected[&CtqItem::C4], Expected::NotObserved);
}

#[test]
fn a_caller_who_hangs_up_in_the_queue_leaves_a_truth() {
    let mut story = Story::new("- {wait: 23s, agent: kim}");
    story.after("menu");
    story.act(Caller::Key('0'));
    story.run(secs(22.0));
    story.put(Input::RemoteBye);
    let truth = story.finish();
    assert_eq!(truth.ended_by, EndedBy::Caller);
    assert_eq!(truth.expected[&CtqItem::A3], Expected::Defect);
}

/// Anything a line may bring at any time, sensible or not.
fn anything() -> impl Strategy<Value = (u64, u8, u8)> {
    (0u64..4_000, 0u8..9, 0u8..12)
}

const CALLS: [&str; 7] = [
    "- {wait: 2s, agent: kim}",
    "- {wait: 2s, agent: kim, forget: [greeting, further-help, closing]}",
    "- {wait: 0s, agent: kim, interrupt: true}",
    "- {wait: 9s, agent: kim, hang-up-first: true, early-media: coloring}",
    "- {queue-reject: 3s}",
    "- {closed: true}",
    "- {no-answer: true, early-media: busy}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_input_stops_time_or_leaves_a_truth_out_of_order(
        call in 0usize..CALLS.len(),
        seed in any::<u64>(),
        inputs in proptest::collection::vec(anything(), 1..40),
    ) {
        let mut story = Story::seeded(CALLS[call], seed);
        for (ms, what, which) in inputs {
            story.run(Duration::from_millis(ms));
            let now = story.now;
            story.put(match what {
                0..=2 => Input::Digit { digit: Digit::from_event(which).unwrap(), start: now },
                3 | 4 => Input::Caller(Heard::Speaking { since: now }),
                5 | 6 => Input::Caller(Heard::Quiet { since: now }),
                7 => Input::PlayEnded { token: u64::from(which) },
                _ if which == 0 => Input::RemoteBye,
                _ => Input::Tick,
            });
            prop_assert!(story.machine.is_over() || story.wake.is_none_or(|at| at > story.now));
        }
        story.run(secs(400.0));
        story.put(Input::RemoteBye);
        prop_assert!(story.machine.is_over());
        let truth = story.finish();
        prop_assert!(truth.segments.is_sorted_by_key(|s| s.span.start));
        prop_assert!(truth.lines.iter().all(|l| l.span.start <= l.span.end));
        prop_assert_eq!(truth.expected.len(), 7);
    }
}
