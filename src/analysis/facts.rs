//! Facts of a unit: what judges may read, drawn from the record, the hearing and the transcript.

use super::outcome::outcome_of;
use crate::domain::facts::{AgentWait, AttemptFacts, Conversation, Facts, Turn};
use crate::domain::plan::Center;
use crate::domain::record::{AttemptOutcome, AttemptRecord, CallEnding, CallRecord};
use crate::domain::segment::Hearing;
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::{EventKind, Party};
use crate::domain::transcript::{Transcript, Utterance};
use std::time::Duration;

/// What was derived of one attempt's audio.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The offline tier's account; `None` where no audio was kept.
    pub hearing: Option<Hearing>,
    /// The words; `None` where they were not read.
    pub transcript: Option<Transcript>,
}

/// Voices closer together than this are one turn.
const TURN_GAP: Duration = Duration::from_millis(300);
/// The onset may lie this much behind the first voiced frame that belongs to it.
const ONSET_SLACK: Duration = Duration::from_millis(400);
/// An answer of ours later than this leaves the agent hanging: whatever follows is our doing.
const LATE_ANSWER: Duration = Duration::from_secs(3);
/// How far the recognizer's word times may be off at the edges of a voice.
const WORD_SLACK: Duration = Duration::from_millis(500);
/// An agent who waits so long after speaking waits for us.
const LEFT_WAITING: Duration = Duration::from_secs(8);
/// A voice that ended so shortly before our BYE was not over.
const STILL_SPEAKING: Duration = Duration::from_millis(300);
/// Above this share of lost packets words and overlaps are not sure.
const POOR_LINE_LOSS: f64 = 0.05;

/// Draws the facts of a unit; `heard` has one entry for each attempt, in order.
pub fn facts_of(record: &CallRecord, heard: &[Heard], center: &Center) -> Facts {
    let nothing = Heard::default();
    let pairs: Vec<(&AttemptRecord, &Heard)> = record
        .attempts
        .iter()
        .enumerate()
        .map(|(n, attempt)| (attempt, heard.get(n).unwrap_or(&nothing)))
        .collect();
    let attempts: Vec<AttemptFacts> =
        pairs.iter().map(|(attempt, heard)| attempt_facts(attempt, heard)).collect();
    let reached = pairs.iter().find(|(_, h)| h.hearing.as_ref().is_some_and(|h| h.onset.is_some()));
    let mut names = vec![center.name.clone()];
    names.extend(center.english.clone());
    names.extend(center.aliases.iter().cloned());
    Facts {
        unit: record.probe_call.unit.clone(),
        center_names: names,
        agent_names: center.agents.clone(),
        conversation: reached.and_then(|(attempt, heard)| conversation(attempt, heard)),
        probe_faults: pairs.iter().flat_map(|(a, h)| probe_faults(a, h)).collect(),
        recorded: record.attempts.iter().all(|a| {
            a.recording.is_some()
                || a.timeline.first(|k| matches!(k, EventKind::FirstMedia)).is_none()
        }),
        attempts,
    }
}

fn attempt_facts(record: &AttemptRecord, heard: &Heard) -> AttemptFacts {
    let outcome = outcome_of(record, heard.hearing.as_ref());
    AttemptFacts {
        number: record.number,
        call: record.call,
        answered: record.timeline.answered().is_some(),
        requests: record.timeline.agent_requests(),
        wait: agent_wait(record, heard, &outcome),
        outcome,
    }
}

fn agent_wait(record: &AttemptRecord, heard: &Heard, outcome: &AttemptOutcome) -> AgentWait {
    let Some(requested) = record.timeline.agent_request() else { return AgentWait::NotRequested };
    let onset = heard.hearing.as_ref().and_then(|h| h.onset.as_ref());
    match onset {
        Some(onset) if *outcome == AttemptOutcome::ConnectedHuman => AgentWait::Connected {
            requested,
            onset: onset.at.max(requested),
            within: onset.within,
            acceptance: onset.acceptance.clone(),
            evidence: onset.evidence.clone(),
        },
        _ => AgentWait::NeverConnected { requested, waited: ended(record) - requested },
    }
}

/// When the call was over: its BYE, or else its last event.
pub(super) fn ended(record: &AttemptRecord) -> CallTime {
    let last = record.timeline.events().last().map_or(CallTime::ZERO, |e| e.at);
    record.timeline.bye().map_or(last, |(at, _)| at)
}

fn conversation(record: &AttemptRecord, heard: &Heard) -> Option<Conversation> {
    let hearing = heard.hearing.as_ref()?;
    let onset = hearing.onset.as_ref()?.at;
    let mut turns = our_turns(record, onset);
    turns.extend(their_turns(hearing, heard.transcript.as_ref(), onset));
    turns.sort_by_key(|turn| turn.span.start);
    let (end, ended_by) = record.timeline.bye().unwrap_or((ended(record), Party::FarEnd));
    Some(Conversation {
        call: record.call,
        turns,
        ended: end,
        ended_by,
        script_finished: record.ending == CallEnding::Completed,
        line_faults: line_faults(record),
    })
}

fn our_turns(record: &AttemptRecord, onset: CallTime) -> Vec<Turn> {
    let said = record.timeline.events().iter().filter_map(|event| match &event.kind {
        EventKind::Said { text, end, .. } if *end > onset => Some(Turn {
            party: Party::Prober,
            span: Span::new(event.at, *end),
            text: text.clone(),
            uncertain: false,
        }),
        _ => None,
    });
    said.collect()
}

fn their_turns(hearing: &Hearing, transcript: Option<&Transcript>, onset: CallTime) -> Vec<Turn> {
    let from = onset.saturating_sub(ONSET_SLACK);
    let mut turns: Vec<Turn> = Vec::new();
    for &voiced in hearing.voiced.iter().filter(|span| span.end > from) {
        let span = Span::new(voiced.start.max(from), voiced.end);
        match turns.last_mut() {
            Some(last) if span.start.saturating_since(last.span.end) < TURN_GAP => {
                last.span.end = span.end;
            }
            _ => turns.push(Turn {
                party: Party::FarEnd,
                span,
                text: String::new(),
                uncertain: false,
            }),
        }
    }
    let utterances = transcript.map_or(&[][..], |t| &t.utterances);
    for utterance in utterances.iter().filter(|u| u.party == Party::FarEnd && u.span.end > from) {
        give_words(&mut turns, utterance, (from, &hearing.voiced));
    }
    turns
}

/// Puts the words of an utterance into the turns where they were said. Word times are rough: a word that lies in the
/// quiet before the conversation belongs to its first turn, one that lies in an earlier voice to that voice.
fn give_words(turns: &mut [Turn], utterance: &Utterance, (from, voiced): (CallTime, &[Span])) {
    let earlier = |at: CallTime| {
        voiced
            .iter()
            .filter(|v| v.end <= from)
            .any(|v| v.start.saturating_sub(WORD_SLACK) <= at && at <= v.end + WORD_SLACK)
    };
    let mut pieces: Vec<(Span, &str)> =
        utterance.words.iter().map(|w| (w.span, w.text.as_str())).collect();
    if pieces.is_empty() {
        pieces.push((utterance.span, utterance.text.as_str()));
    }
    for (span, text) in pieces {
        let middle = span.start + span.duration() / 2;
        if middle < from && earlier(middle) {
            continue;
        }
        let distance = |turn: &Turn| {
            turn.span.start.saturating_since(middle).max(middle.saturating_since(turn.span.end))
        };
        if let Some(turn) = turns.iter_mut().min_by_key(|turn| distance(turn)) {
            if !turn.text.is_empty() {
                turn.text.push(' ');
            }
            turn.text.push_str(text.trim());
            // Whose word it was is a guess there: no verdict rests on it alone.
            turn.uncertain |= utterance.uncertain() || middle < from;
        }
    }
}

pub(super) fn line_faults(record: &AttemptRecord) -> Vec<String> {
    let mut faults = degraded(record);
    faults.extend(network_release(record));
    if let Some(quality) = &record.line_quality {
        if let Some(loss) = quality.loss().filter(|loss| *loss > POOR_LINE_LOSS) {
            faults.push(format!("{:.1} % of the packets were lost", loss * 100.0));
        }
        if quality.one_way {
            faults.push("nothing was received while we sent".to_owned());
        }
    }
    faults
}

/// A BYE whose cause is the network's, not a person's (ITU-T Q.850 §2.2.7: out of order, failure, congestion,
/// resources, timer expiry, interworking).
fn network_release(record: &AttemptRecord) -> Option<String> {
    record.timeline.events().iter().find_map(|event| match event.kind {
        EventKind::Bye { by: Party::FarEnd, q850: Some(cause) }
            if matches!(cause.0, 27 | 34 | 38 | 41 | 42 | 44 | 47 | 102 | 127) =>
        {
            Some(format!("the network released the call with cause {}", cause.0))
        }
        _ => None,
    })
}

fn degraded(record: &AttemptRecord) -> Vec<String> {
    let said = record.timeline.events().iter().filter_map(|event| match &event.kind {
        EventKind::Degraded { what } => Some(what.clone()),
        _ => None,
    });
    said.collect()
}

/// Faults of ours that leave the conversation unobserved.
fn probe_faults(record: &AttemptRecord, heard: &Heard) -> Vec<String> {
    let mut faults = Vec::new();
    if let CallEnding::Aborted { why } = &record.ending {
        faults.push(format!("we ended the call ourselves: {why}"));
    }
    let onset = heard.hearing.as_ref().and_then(|h| h.onset.as_ref());
    match (onset, &record.ending) {
        (
            Some(onset),
            CallEnding::QueueTimeout
            | CallEnding::Lost { .. }
            | CallEnding::BusyTone { .. }
            | CallEnding::InterceptTone,
        ) => {
            faults.push(format!("an agent spoke at {} and we did not notice", onset.at));
        }
        (None, CallEnding::Completed) if heard.hearing.is_some() => {
            faults.push("we took a recording for a person and hung up".to_owned());
        }
        (Some(_), _) => {
            faults.extend(late_answer(record, heard));
            faults.extend(hung_up_early(record, heard));
            faults.extend(left_waiting(record, heard));
        }
        (None, _) => {}
    }
    faults
}

/// Whether we hung up while somebody spoke.
fn hung_up_early(record: &AttemptRecord, heard: &Heard) -> Option<String> {
    let (bye, Party::Prober) = record.timeline.bye()? else { return None };
    let hearing = heard.hearing.as_ref()?;
    let speaking = |voiced: &&Span| voiced.start < bye && voiced.end + STILL_SPEAKING > bye;
    let cut = hearing.voiced.iter().rev().find(speaking)?;
    Some(format!("we hung up while somebody spoke, since {}", cut.start))
}

/// Whether we let the agent wait after the greeting: a voice, then our answer more than [`LATE_ANSWER`] after it, even if
/// the agent spoke again in between.
fn late_answer(record: &AttemptRecord, heard: &Heard) -> Option<String> {
    let hearing = heard.hearing.as_ref()?;
    let onset = hearing.onset.as_ref()?.at;
    let answer = record.timeline.said().find(|span| span.end > onset)?;
    let voices = hearing.voiced.iter().filter(|v| v.end > onset && v.start < answer.start);
    let mut greeting_end = None;
    for voice in voices {
        if greeting_end.is_some_and(|end| voice.start.saturating_since(end) > LATE_ANSWER) {
            break;
        }
        greeting_end = greeting_end.max(Some(voice.end));
    }
    let late = answer.start.saturating_since(greeting_end?);
    (late > LATE_ANSWER)
        .then(|| format!("we answered the greeting {:.1} s after it ended", late.as_secs_f64()))
}

/// Whether the agent spoke last, waited for us in vain, and hung up.
fn left_waiting(record: &AttemptRecord, heard: &Heard) -> Option<String> {
    let (bye, Party::FarEnd) = record.timeline.bye()? else { return None };
    let hearing = heard.hearing.as_ref()?;
    let onset = hearing.onset.as_ref()?.at;
    let theirs = hearing.voiced.iter().map(|v| v.end).filter(|end| *end > onset).max()?;
    let ours = record.timeline.said().map(|said| said.end).max().unwrap_or_default();
    let waited = bye.saturating_since(theirs);
    (theirs > ours && waited > LEFT_WAITING).then(|| {
        format!("the agent waited {:.0} s for our answer and hung up", waited.as_secs_f64())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::attempt;
    use crate::domain::segment::{Acceptance, AgentOnset};
    use crate::domain::timeline::Timeline;
    use crate::domain::transcript::{Language, Word};

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn span(from: u64, to: u64) -> Span {
        Span::new(at(from), at(to))
    }

    /// Answered at 1 s, requested at 5 s, our line from 16 s to 18 s, ended by us at 30 s.
    fn timeline() -> Timeline {
        let mut timeline = Timeline::default();
        timeline.push(at(5000), EventKind::AgentRequested);
        let (line, text) = ("hello".to_owned(), "카드를 잃어버렸어요".to_owned());
        timeline.push(at(16_000), EventKind::Said { line, text, end: at(18_000) });
        timeline.push(at(30_000), EventKind::Bye { by: Party::Prober, q850: None });
        timeline
    }

    fn heard(onset: Option<u64>, voiced: &[(u64, u64)]) -> Heard {
        let hearing = Hearing {
            onset: onset.map(|millis| AgentOnset {
                at: at(millis),
                within: Duration::from_millis(100),
                evidence: Vec::new(),
                acceptance: Acceptance::Accepted,
            }),
            voiced: voiced.iter().map(|(from, to)| span(*from, *to)).collect(),
            ..Hearing::default()
        };
        Heard { hearing: Some(hearing), transcript: None }
    }

    #[test]
    fn the_wait_runs_from_the_request_to_the_onset() {
        let record = attempt(CallEnding::Completed, timeline());
        let facts = attempt_facts(&record, &heard(Some(12_500), &[(12_500, 15_000)]));
        assert_eq!(facts.wait.connected(), Some(Duration::from_millis(7500)));
        assert_eq!(facts.outcome, AttemptOutcome::ConnectedHuman);
    }

    #[test]
    fn without_an_onset_the_wait_runs_until_the_call_ends() {
        let record = attempt(CallEnding::QueueTimeout, timeline());
        let facts = attempt_facts(&record, &heard(None, &[]));
        let waited = Duration::from_secs(25);
        assert_eq!(facts.wait, AgentWait::NeverConnected { requested: at(5000), waited });
    }

    #[test]
    fn voices_before_the_onset_are_no_turns_and_words_go_to_the_turn_they_were_said_in() {
        let record = attempt(CallEnding::Completed, timeline());
        let mut heard = heard(Some(12_500), &[(6000, 9000), (12_500, 15_000), (19_000, 22_000)]);
        let word = |text: &str, from, to| Word {
            text: text.to_owned(),
            span: span(from, to),
            probability: 0.9,
        };
        heard.transcript = Some(Transcript {
            model: crate::domain::ids::ContentHash::from_bytes(&[0; 32]),
            language: Language::Ko,
            utterances: vec![Utterance {
                party: Party::FarEnd,
                span: span(6000, 22_000),
                text: String::new(),
                words: vec![
                    word("기다려", 7000, 8000),
                    word("네,", 10_500, 11_000),
                    word("안녕하십니까", 12_600, 14_000),
                    word("네", 19_200, 19_500),
                ],
                mean_log_probability: -0.2,
            }],
            dropped: 0,
        });
        let conversation = conversation(&record, &heard).unwrap();
        let texts: Vec<_> = conversation.turns.iter().map(|t| (t.party, t.text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (Party::FarEnd, "네, 안녕하십니까"),
                (Party::Prober, "카드를 잃어버렸어요"),
                (Party::FarEnd, "네"),
            ]
        );
    }

    #[test]
    fn an_answer_3_s_after_the_greeting_is_in_time_and_a_later_one_is_our_fault() {
        let record = attempt(CallEnding::Completed, timeline());
        let in_time = heard(Some(10_000), &[(10_000, 13_000)]);
        assert_eq!(probe_faults(&record, &in_time), Vec::<String>::new());
        let late = heard(Some(10_000), &[(10_000, 12_990)]);
        assert_eq!(probe_faults(&record, &late).len(), 1);
    }

    #[test]
    fn an_agent_who_asks_again_was_kept_waiting_since_the_greeting() {
        let record = attempt(CallEnding::Completed, timeline());
        let asked_again = heard(Some(6000), &[(6000, 8000), (13_000, 15_000)]);
        assert_eq!(probe_faults(&record, &asked_again).len(), 1);
    }

    #[test]
    fn an_agent_who_hangs_up_8_s_after_the_last_words_waited_for_us() {
        let mut timeline = Timeline::default();
        timeline.push(at(5000), EventKind::AgentRequested);
        let (line, text) = ("hello".to_owned(), "카드를 잃어버렸어요".to_owned());
        timeline.push(at(16_000), EventKind::Said { line, text, end: at(18_000) });
        timeline.push(at(30_000), EventKind::Bye { by: Party::FarEnd, q850: None });
        let ending = CallEnding::FarEndHungUp { agent_suspected: true, requested: true };
        let record = attempt(ending, timeline);
        let faults = |until| {
            probe_faults(&record, &heard(Some(14_000), &[(14_000, 15_000), (19_000, until)])).len()
        };
        assert_eq!(faults(21_900), 1);
        assert_eq!(faults(22_000), 0);
    }

    #[test]
    fn an_agent_we_did_not_notice_and_a_recording_we_spoke_to_are_our_faults() {
        let missed = attempt(CallEnding::QueueTimeout, timeline());
        assert_eq!(probe_faults(&missed, &heard(Some(12_000), &[(12_000, 15_000)])).len(), 1);
        let fooled = attempt(CallEnding::Completed, timeline());
        assert_eq!(probe_faults(&fooled, &heard(None, &[])).len(), 1);
    }
}
