//! An agent on the line: greets, waits for the caller, answers, asks whether there is anything else, closes.
//!
//! Enters: when the caller speaks and falls quiet, the end of each line, the time. Leaves: lines over the sound of the
//! agent's room, varied as a person varies, and the hanging up. Manners decide what is forgotten.

use super::behaviour::{Duty, Leaving, Listening, Manners};
use super::center::Center;
use super::line::{Line, Sound};
use super::queue::cut;
use super::script::{AgentScript, ClipName};
use super::truth::{Note, Part};
use super::voice::{Variation, margins, over};
use crate::domain::random::SplitMix64;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far into the caller's line an interrupting agent begins.
const INTERRUPTS_AFTER: Duration = Duration::from_millis(700);
/// How far into the caller's line an agent hangs up who hangs up first.
const LEAVES_AFTER: Duration = Duration::from_millis(600);
/// How long such an agent waits for the caller to begin.
const LEAVES_AT_LATEST: Duration = Duration::from_secs(4);
/// A caller who says nothing for this long is asked.
const NUDGE_AFTER: Duration = Duration::from_secs(6);
/// A caller who says nothing for this long is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
/// How long an agent who does not ask for more waits before closing.
const CLOSES_UNASKED_AFTER: Duration = Duration::from_millis(2_500);
/// How long an agent who does not close waits for the caller to hang up.
const LEAVES_UNCLOSED_AFTER: Duration = Duration::from_millis(2_500);
/// A shorter sound of the caller is a cough or a yes.
const CALLERS_LINE: Duration = Duration::from_millis(300);
/// A caller's line that ended this shortly before the agent's turn did is taken for the reply to it.
const SAID_MEANWHILE: Duration = Duration::from_secs(2);
/// Length of the stretches in which the room is played.
const ROOM_STRETCH: Duration = Duration::from_secs(10);

/// What an agent says in one go.
#[derive(Debug, Clone, PartialEq)]
struct Turn {
    lines: Vec<(Part, ClipName)>,
    /// What falls due with it, done or not.
    due: Vec<Duty>,
    /// How the caller's silence after it is taken.
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Waits for the caller's line, asks once, gives up in the end.
    Listen,
    /// Goes on without being asked.
    GoOn,
    /// Waits for the caller to hang up, this long.
    Farewell(Duration),
    /// Hangs up into whatever the caller says.
    Leave,
}

#[derive(Debug)]
enum Phase {
    /// The room is open, nobody has spoken.
    Opening { greet_at: Instant },
    /// A line is on.
    Speaking { rest: VecDeque<(Part, ClipName)>, then: Then },
    /// Between two lines of a turn.
    Breath { until: Instant, rest: VecDeque<(Part, ClipName)>, then: Then },
    /// The caller's turn, since then.
    Listening { since: Instant, then: Then },
    /// About to speak the next turn.
    About { at: Instant },
    /// About to hang up.
    Leaving { at: Instant },
    /// Hung up.
    Gone,
}

/// The caller as the agent hears them.
#[derive(Debug, Default)]
struct Caller {
    speaking_since: Option<Instant>,
    /// End of the last whole line.
    said: Option<Instant>,
}

/// One conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    turns: VecDeque<Turn>,
    nudge: Vec<ClipName>,
    manners: Manners,
    phase: Phase,
    caller: Caller,
    /// Turns spoken so far.
    spoken: usize,
    /// Where the room goes on.
    room_from: usize,
    /// The greeting as it will be spoken: its beginning decides when to start it.
    greeting: Option<Variation>,
    random: SplitMix64,
}

/// The turns of an agent with these manners.
fn turns(agent: &AgentScript, manners: &Manners) -> VecDeque<Turn> {
    let does = |duty| !manners.forgets.contains(&duty);
    let say = |part: Part, clips: &[ClipName]| -> Vec<(Part, ClipName)> {
        clips.iter().map(|clip| (part, clip.clone())).collect()
    };
    let greeting = if does(Duty::Greeting) {
        say(Part::Greeting, &agent.greeting)
    } else {
        say(Part::InsteadOfGreeting, &agent.instead_of_greeting)
    };
    let mut turns =
        VecDeque::from([Turn { lines: greeting, due: vec![Duty::Greeting], then: Then::Listen }]);
    for reply in &agent.replies.value {
        turns.push_back(Turn {
            lines: say(Part::Reply, reply),
            due: Vec::new(),
            then: Then::Listen,
        });
    }
    let closing = if does(Duty::Closing) { say(Part::Closing, &agent.closing) } else { Vec::new() };
    if let Some(last) = turns.back_mut() {
        last.due.push(Duty::FurtherHelp);
        if does(Duty::FurtherHelp) {
            last.lines.extend(say(Part::FurtherHelp, &agent.further_help));
        } else {
            last.then = Then::GoOn;
        }
        if manners.leaving == Leaving::HangsUpFirst {
            last.lines.extend(closing);
            last.due.push(Duty::Closing);
            last.then = Then::Leave;
            return turns;
        }
    }
    let patience = if closing.is_empty() { LEAVES_UNCLOSED_AFTER } else { agent.hangs_up_after };
    let then = Then::Farewell(patience);
    turns.push_back(Turn { lines: closing, due: vec![Duty::Closing], then });
    turns
}

impl Conversation {
    /// An agent takes up the handset now and speaks the first word at `greet`.
    pub(crate) fn begin(
        now: Instant,
        greet: Instant,
        agent: usize,
        manners: &Manners,
        center: &Center,
        mut random: SplitMix64,
        line: &mut Line,
    ) -> Self {
        let script = &center.script.agents[agent];
        line.note(now, Note::Bridged { agent: script.name.clone() });
        let turns = turns(script, manners);
        let variation = Variation::draw(&mut random);
        let first = turns.front().and_then(|turn| turn.lines.first());
        let lead = first
            .and_then(|(_, clip)| center.voices.get(clip))
            .map_or(Duration::ZERO, |clip| margins(&variation.apply(&clip.pcm)).0);
        let mut conversation = Self {
            turns,
            nudge: script.nudge.clone(),
            manners: manners.clone(),
            phase: Phase::Opening { greet_at: greet.checked_sub(lead).unwrap_or(greet) },
            caller: Caller::default(),
            spoken: 0,
            room_from: random.below(1 << 24) as usize,
            greeting: Some(variation),
            random,
        };
        conversation.room(center, line);
        conversation
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Opening { greet_at: at }
            | Phase::Breath { until: at, .. }
            | Phase::About { at }
            | Phase::Leaving { at } => Some(at),
            Phase::Listening { since, then } => self.patience_ends(since, then),
            Phase::Speaking { .. } | Phase::Gone => None,
        }
    }

    /// Whether the agent has hung up.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Gone)
    }

    /// When the caller's silence has an effect; never while the caller speaks.
    fn patience_ends(&self, since: Instant, then: Then) -> Option<Instant> {
        if self.caller.speaking_since.is_some() {
            return None;
        }
        Some(match then {
            Then::Listen if !self.nudge.is_empty() => since + NUDGE_AFTER,
            Then::Listen => since + GIVE_UP_AFTER,
            Then::GoOn => since + CLOSES_UNASKED_AFTER,
            Then::Farewell(patience) => since + patience,
            Then::Leave => since + LEAVES_AT_LATEST,
        })
    }

    /// Time went on.
    pub(crate) fn tick(&mut self, now: Instant, center: &Center, line: &mut Line) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match std::mem::replace(&mut self.phase, Phase::Gone) {
            Phase::Opening { .. }
            | Phase::About { .. }
            | Phase::Listening { then: Then::GoOn, .. } => self.next_turn(now, center, line),
            Phase::Breath { rest, then, .. } => self.speak(now, rest, then, center, line),
            Phase::Listening { then: Then::Listen, .. } if !self.nudge.is_empty() => {
                let words = self.nudge.drain(..).map(|clip| (Part::Nudge, clip)).collect();
                self.speak(now, words, Then::Listen, center, line);
            }
            Phase::Listening { .. } | Phase::Leaving { .. } => line.hang_up(now),
            other @ (Phase::Speaking { .. } | Phase::Gone) => self.phase = other,
        }
    }

    /// The caller began to speak.
    pub(crate) fn caller_speaks(&mut self, since: Instant) {
        self.caller.speaking_since = Some(since);
        match self.phase {
            // Went on after a pause: let them finish.
            Phase::About { .. } if self.spoken > 0 => {
                self.phase = Phase::Listening { since, then: Then::Listen };
            }
            Phase::Listening { then: Then::Leave, .. } => {
                self.phase = Phase::Leaving { at: since + LEAVES_AFTER };
            }
            Phase::Listening { then: Then::Listen, .. }
                if self.manners.listening == Listening::Interrupts && self.spoken == 1 =>
            {
                self.phase = Phase::About { at: since + INTERRUPTS_AFTER };
            }
            _ => {}
        }
    }

    /// The caller has been quiet since `since`; it is `now`.
    pub(crate) fn caller_quiet(&mut self, now: Instant, since: Instant) {
        let Some(began) = self.caller.speaking_since.take() else { return };
        if since.saturating_duration_since(began) < CALLERS_LINE {
            return;
        }
        self.caller.said = Some(since);
        match &mut self.phase {
            Phase::Listening { then: Then::Listen | Then::GoOn, .. } | Phase::About { .. } => {
                let thinks = Duration::from_millis(100 + self.random.below(350));
                self.phase = Phase::About { at: now + thinks };
            }
            Phase::Listening { since: quiet, then: Then::Farewell(_) } => *quiet = since,
            _ => {}
        }
    }

    /// The line or the stretch of room that was waited for is over.
    pub(crate) fn sound_ended(&mut self, now: Instant, center: &Center, line: &mut Line) {
        let (rest, then) = match std::mem::replace(&mut self.phase, Phase::Gone) {
            Phase::Speaking { rest, then } => (rest, then),
            other => {
                self.phase = other;
                self.room(center, line);
                return;
            }
        };
        self.room(center, line);
        if !rest.is_empty() {
            let until = now + Duration::from_millis(40 + self.random.below(160));
            self.phase = Phase::Breath { until, rest, then };
            return;
        }
        let answered = self.caller.speaking_since.is_none()
            && self.caller.said.take().is_some_and(|said| now - said < SAID_MEANWHILE);
        self.phase = match then {
            Then::Listen | Then::GoOn if answered && !self.has_interrupted() => {
                Phase::About { at: now + Duration::from_millis(300) }
            }
            Then::Leave if self.caller.speaking_since.is_some() => {
                Phase::Leaving { at: now + LEAVES_AFTER }
            }
            _ => Phase::Listening { since: now, then },
        };
    }

    /// Whether the turn just spoken cut into the caller's line, which it answers already.
    fn has_interrupted(&self) -> bool {
        self.manners.listening == Listening::Interrupts && self.spoken == 2
    }

    fn next_turn(&mut self, now: Instant, center: &Center, line: &mut Line) {
        self.caller.said = None;
        self.spoken += 1;
        match self.turns.pop_front() {
            None => line.hang_up(now),
            Some(turn) => {
                for duty in turn.due {
                    line.note(now, Note::Due(duty));
                }
                self.speak(now, turn.lines.into(), turn.then, center, line);
            }
        }
    }

    fn speak(
        &mut self,
        now: Instant,
        mut rest: VecDeque<(Part, ClipName)>,
        then: Then,
        center: &Center,
        line: &mut Line,
    ) {
        let next = rest.pop_front();
        let Some((part, clip)) = next.and_then(|(p, c)| Some((p, center.voices.get(&c)?))) else {
            self.phase = Phase::Listening { since: now, then };
            return;
        };
        let variation = match self.greeting.take() {
            Some(variation) => variation,
            None => Variation::draw(&mut self.random),
        };
        let words = variation.apply(&clip.pcm);
        let heard = over(&words, &center.room, self.room_from);
        self.room_from += words.len();
        let (clip, text) = (clip.name.clone(), clip.text.clone());
        line.play(Sound::Spoken { part, clip, text }, heard.into());
        self.phase = Phase::Speaking { rest, then };
    }

    fn room(&mut self, center: &Center, line: &mut Line) {
        let stretch = cut(&center.room, self.room_from, ROOM_STRETCH);
        self.room_from += stretch.len();
        line.play(Sound::Room, stretch);
    }
}
