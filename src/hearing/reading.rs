//! How a call may be read: when, if ever, a person took over. Enters: units of the call and what speaks for each. Leaves:
//! every reading with its probability, and the best one unit by unit.
//!
//! A hidden semi-Markov model over the grammar of a call: one waits, then a person speaks, and may put the caller on hold
//! and come back. Weights are natural logarithms of odds, set by what they mean and checked on labelled calls of ten
//! centers: doubling or halving any of them moves at most two of 74 onsets (our measurement, 2026).

use super::lexicon::WordCue;
use super::unit::{Unit, UnitKind};

/// An announcement that no other call of the center plays, where enough other calls are known.
const STRANGE_ANNOUNCEMENT: f32 = -3.0;
/// The same where no other call is known: hardly strange.
const FIRST_ANNOUNCEMENT: f32 = -0.3;
/// From this many other calls on a library knows the announcements of a center.
const KNOWN_FROM: f32 = 3.0;
/// Announcements part by music; one that follows another voice at once is rarer.
const SECOND_VOICE: f32 = -1.5;
/// A recording with the background of a live microphone behind it; a person without one.
const LIVE_RECORDING: f32 = -1.5;
const DEAD_PERSON: f32 = -0.3;
/// A person who speaks on and on: for each second beyond [`LONG_TURN`], and at most; babble may hide the pauses.
const MONOLOGUE: f32 = -0.4;
const LONGEST_MONOLOGUE: f32 = -2.5;
const LONG_TURN: f32 = 8.0;
/// A recording while a person is on the line: at once, and for each further second.
const KNOWN_AT_ONCE: f32 = -1.0;
const KNOWN_EACH: f32 = -1.5;
/// Music while a person is on the line, for each second, doubled beyond the first.
const MUSIC_EACH: f32 = -1.0;
/// A tone while a person is on the line; as the last sound of the call, when it may follow a farewell.
const TONE: f32 = -4.0;
const LAST_TONE: f32 = -2.0;
/// A person takes over at any one voice; where no other call is known, a voice is rather heard than missed, as a person
/// listens to it anyway.
const HAND_OVER: f32 = -1.5;
const FIRST_HAND_OVER: f32 = 0.5;
/// The media source changed just before.
const SOURCE_CHANGED: f32 = 2.0;
/// The caller is put on hold before a word was said, and after a conversation.
const EARLY_HOLD: f32 = -8.0;
const LATE_HOLD: f32 = -3.0;
/// Seconds of the agent's voice between which a hold becomes likely.
const HOLD_FROM: f32 = 4.0;
const HOLD_TO: f32 = 10.0;
/// A recorded voice while on hold.
const VOICE_ON_HOLD: f32 = -2.0;
/// Words of a queue or of a closed center in the first turn of a person; a greeting in an announcement.
const RECORDED_WORDS: f32 = -6.0;
const GREETING_WORDS: f32 = -3.0;
/// An announcement whose words say that it is one is not strange.
const EXPLAINED: f32 = -0.3;
/// A voice that answers our caller's line is no announcement.
const REPLY: f32 = -2.0;
/// Quiet of more than this many seconds is unlikely, waiting or talking, for each further second.
const QUIET: f32 = 8.0;
const QUIET_EACH: f32 = -0.05;
/// Less unmatched voice is no turn, in frames: 0.24 s.
const LEAST_VOICE: usize = 12;
/// A fall of the odds below this is impossible.
const NEVER: f32 = -1e9;

/// What speaks for and against a unit besides its kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cues {
    /// What its words speak for.
    pub(crate) words: Option<WordCue>,
    /// How much of a live microphone's background is behind it, 0 to 1.
    pub(crate) live: f32,
    /// The media source changed just before it.
    pub(crate) source_changed: bool,
    /// It answers a line of our caller.
    pub(crate) reply: bool,
}

/// Who holds the line in a unit of the best reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody yet.
    Waiting,
    /// A person.
    Person,
    /// Nobody for a while.
    Hold,
}

/// The best reading of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// Unit at which a person takes over; `None` if nobody does.
    pub(crate) onset: Option<usize>,
    /// How probable that is among all readings.
    pub(crate) probability: f32,
    /// For each unit, who holds the line.
    pub(crate) holders: Vec<Holder>,
    /// For each unit, how probable it is that a person had taken over by then.
    pub(crate) reached: Vec<f32>,
}

/// Weighs every reading of a call that had `other_calls` as its library.
pub(crate) fn read(units: &[Unit], cues: &[Cues], other_calls: u32) -> Reading {
    let share = (other_calls as f32 / KNOWN_FROM).min(1.0);
    let between = |none: f32, enough: f32| none + (enough - none) * share;
    let call = Call {
        units,
        cues,
        strange: between(FIRST_ANNOUNCEMENT, STRANGE_ANNOUNCEMENT),
        hand_over: between(FIRST_HAND_OVER, HAND_OVER),
    };
    let waiting: Vec<f32> = (0..units.len()).map(|n| call.while_waiting(n)).collect();
    let mut before = 0.0;
    let mut readings: Vec<(Option<usize>, f32, Vec<Holder>)> = Vec::new();
    for (n, weight) in waiting.iter().enumerate() {
        if call.may_begin(n) {
            let (after, holders) = call.from(n, &waiting);
            readings.push((Some(n), before + call.hand_over(n) + after, holders));
        }
        before += weight;
    }
    readings.push((None, before, vec![Holder::Waiting; units.len()]));
    let highest = readings.iter().map(|r| r.1).fold(f32::MIN, f32::max);
    let sum: f32 = readings.iter().map(|r| (r.1 - highest).exp()).sum();
    let probability = |weight: f32| (weight - highest).exp() / sum;
    let mut reached = vec![0.0; units.len()];
    for (onset, weight, _) in &readings {
        for held in onset.map_or(&mut [][..], |n| &mut reached[n..]) {
            *held += probability(*weight);
        }
    }
    let best = readings.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (onset, weight, holders) = best.unwrap_or((None, 0.0, Vec::new()));
    Reading { onset, probability: probability(weight), holders, reached }
}

struct Call<'a> {
    units: &'a [Unit],
    cues: &'a [Cues],
    /// Weight of an announcement that nothing else plays.
    strange: f32,
    /// Weight of a person taking over.
    hand_over: f32,
}

impl Call<'_> {
    fn may_begin(&self, n: usize) -> bool {
        self.units[n].kind == UnitKind::Voice && self.units[n].voice >= LEAST_VOICE
    }

    /// Weight of a unit while nobody is there, or on hold.
    fn while_waiting(&self, n: usize) -> f32 {
        let (unit, cues) = (&self.units[n], &self.cues[n]);
        match unit.kind {
            UnitKind::Voice if unit.voice < LEAST_VOICE => -0.2,
            UnitKind::Voice => {
                let sounding = self.units[..n].iter().rev().find(|u| u.kind != UnitKind::Quiet);
                let follows = sounding.is_some_and(|u| u.kind == UnitKind::Voice);
                let strange = self.strange.min(if follows { SECOND_VOICE } else { 0.0 });
                let words = match cues.words {
                    Some(WordCue::Greeting(_) | WordCue::Bot(_)) => strange + GREETING_WORDS,
                    Some(_) => EXPLAINED,
                    None => strange,
                };
                let reply = if cues.reply { REPLY } else { 0.0 };
                (words + LIVE_RECORDING * cues.live + reply) * weight_of(unit.voice)
            }
            UnitKind::Quiet => QUIET_EACH * (unit.seconds() - QUIET).max(0.0),
            UnitKind::Known | UnitKind::Music | UnitKind::Tone => 0.0,
        }
    }

    /// Weight of a unit while a person is on the line.
    fn with_person(&self, n: usize) -> f32 {
        let unit = &self.units[n];
        let seconds = unit.seconds();
        match unit.kind {
            UnitKind::Voice => {
                (MONOLOGUE * (seconds - LONG_TURN).max(0.0)).max(LONGEST_MONOLOGUE)
                    + DEAD_PERSON * (1.0 - self.cues[n].live) * weight_of(unit.voice)
            }
            UnitKind::Known => {
                KNOWN_AT_ONCE * seconds.min(1.0) + KNOWN_EACH * (seconds - 0.5).max(0.0)
            }
            UnitKind::Music => MUSIC_EACH * (seconds.min(1.0) + (seconds - 1.0).max(0.0)),
            UnitKind::Tone if self.units[n + 1..].iter().any(|u| u.kind != UnitKind::Quiet) => TONE,
            UnitKind::Tone => LAST_TONE,
            UnitKind::Quiet => QUIET_EACH * (seconds - QUIET).max(0.0),
        }
    }

    /// What speaks for a person taking over at a voice.
    fn hand_over(&self, n: usize) -> f32 {
        let cues = &self.cues[n];
        let source = if cues.source_changed { SOURCE_CHANGED } else { 0.0 };
        let words = match cues.words {
            None | Some(WordCue::Greeting(_) | WordCue::Bot(_)) => 0.0,
            Some(_) => RECORDED_WORDS,
        };
        self.hand_over + source + words
    }

    /// The best way through the rest of the call if a person takes over at `onset`.
    fn from(&self, onset: usize, waiting: &[f32]) -> (f32, Vec<Holder>) {
        let (mut person, mut hold) = (0.0_f32, NEVER);
        let mut came_from: Vec<(Holder, Holder)> = Vec::new();
        let mut spoken = 0;
        for (n, &weight) in waiting.iter().enumerate().skip(onset) {
            let unit = &self.units[n];
            let back = if unit.kind == UnitKind::Voice { hold } else { NEVER };
            let parts = matches!(unit.kind, UnitKind::Known | UnitKind::Music | UnitKind::Tone);
            let away = if parts { person + hold_after(spoken) } else { NEVER };
            let recorded =
                if unit.kind == UnitKind::Known && self.is_voice(n) { VOICE_ON_HOLD } else { 0.0 };
            came_from.push((
                if person >= back { Holder::Person } else { Holder::Hold },
                if hold >= away { Holder::Hold } else { Holder::Person },
            ));
            let next = person.max(back) + self.with_person(n);
            hold = hold.max(away) + weight + recorded;
            person = next;
            spoken += if unit.kind == UnitKind::Voice { unit.voice } else { 0 };
        }
        let mut holders = vec![Holder::Waiting; self.units.len()];
        let mut at = if person >= hold { Holder::Person } else { Holder::Hold };
        for (n, (to_person, to_hold)) in came_from.into_iter().enumerate().rev() {
            holders[onset + n] = at;
            at = if at == Holder::Person { to_person } else { to_hold };
        }
        (person.max(hold), holders)
    }

    /// Whether a known unit is mostly a voice.
    fn is_voice(&self, n: usize) -> bool {
        let unit = &self.units[n];
        unit.voice * 2 > unit.to - unit.from
    }
}

/// A turn of a second and more counts in full.
fn weight_of(voice: usize) -> f32 {
    (voice as f32 / 50.0 + 0.2).min(1.0)
}

fn hold_after(spoken: usize) -> f32 {
    let share = ((spoken as f32 * 0.02 - HOLD_FROM) / (HOLD_TO - HOLD_FROM)).clamp(0.0, 1.0);
    EARLY_HOLD + (LATE_HOLD - EARLY_HOLD) * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use UnitKind::{Known, Music, Quiet, Tone, Voice};

    /// Units of the given lengths in seconds.
    fn call(parts: &[(UnitKind, f32)]) -> Vec<Unit> {
        let mut from = 0;
        let mut units = Vec::new();
        for &(kind, seconds) in parts {
            let to = from + (seconds * 50.0) as usize;
            let voice = if kind == Voice { to - from } else { 0 };
            units.push(Unit { kind, from, to, voice });
            from = to;
        }
        units
    }

    fn onset(parts: &[(UnitKind, f32)], other_calls: u32) -> Option<usize> {
        let units = call(parts);
        read(&units, &vec![Cues::default(); units.len()], other_calls).onset
    }

    #[test]
    fn a_voice_that_no_other_call_plays_after_music_is_a_person() {
        let parts =
            [(Known, 4.0), (Music, 8.0), (Quiet, 0.7), (Voice, 4.0), (Quiet, 2.0), (Voice, 3.0)];
        assert_eq!(onset(&parts, 5), Some(3));
    }

    #[test]
    fn a_strange_announcement_with_music_after_it_is_no_person() {
        let parts = [
            (Music, 8.0),
            (Voice, 3.0),
            (Music, 9.0),
            (Known, 4.0),
            (Music, 9.0),
            (Voice, 4.0),
            (Quiet, 2.0),
            (Voice, 3.0),
        ];
        assert_eq!(onset(&parts, 5), Some(5));
    }

    #[test]
    fn a_hold_after_a_conversation_is_a_hold() {
        let parts = [
            (Music, 8.0),
            (Voice, 5.0),
            (Quiet, 2.0),
            (Voice, 4.0),
            (Quiet, 1.0),
            (Voice, 3.0),
            (Music, 9.0),
            (Quiet, 0.5),
            (Voice, 4.0),
        ];
        let units = call(&parts);
        let reading = read(&units, &vec![Cues::default(); units.len()], 5);
        assert_eq!(reading.onset, Some(1));
        assert_eq!(reading.holders[6], Holder::Hold);
        assert_eq!(reading.holders[8], Holder::Person);
    }

    #[test]
    fn recordings_only_reach_nobody_and_so_does_a_closed_message_before_a_busy_tone() {
        assert_eq!(onset(&[(Known, 4.0), (Music, 9.0), (Known, 4.0)], 5), None);
        assert_eq!(onset(&[(Known, 4.0), (Voice, 13.0), (Quiet, 0.3), (Tone, 3.0)], 5), None);
    }

    #[test]
    fn words_of_a_queue_refuse_a_voice_and_words_of_a_greeting_help_one_in_a_cold_center() {
        let units = call(&[(Quiet, 1.0), (Voice, 4.0), (Quiet, 1.0)]);
        let mut cues = vec![Cues::default(); 3];
        cues[1].words = Some(WordCue::Queue("기다려"));
        assert_eq!(read(&units, &cues, 5).onset, None);
        cues[1].words = Some(WordCue::Greeting("도와드릴까요"));
        assert_eq!(read(&units, &cues, 0).onset, Some(1));
    }

    #[test]
    fn probabilities_of_all_readings_are_kept_and_the_reached_never_falls() {
        let units = call(&[(Voice, 2.0), (Music, 5.0), (Voice, 3.0), (Quiet, 1.0), (Voice, 2.0)]);
        let reading = read(&units, &[Cues::default(); 5], 2);
        assert!(reading.probability > 0.0 && reading.probability <= 1.0);
        assert!(reading.reached.windows(2).all(|w| w[0] <= w[1] + 1e-6));
    }
}
