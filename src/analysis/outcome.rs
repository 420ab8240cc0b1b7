//! The class of an attempt: from how the line ended and who was heard on it.
//!
//! A fault of ours or of the first hop is `Void` and never a center's defect; what cannot be laid to anybody is
//! `Unattributed`.

use super::facts::{ended, line_faults};
use crate::domain::record::{AttemptOutcome, AttemptRecord, CallEnding};
use crate::domain::segment::{Hearing, Reached, Segment, SegmentKind};
use crate::domain::time::CallTime;
use crate::domain::timeline::{EventKind, LocalTimeout, Q850Cause, SipStatus};
use std::time::Duration;

/// A shorter ring that we ended is our impatience.
const SHORTEST_RING: Duration = Duration::from_mins(1);
/// A shorter wait that we ended is our impatience: the limit of the agent wait and its margin.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);

/// A voice that no recording matches is an announcement for sure from this probability on.
const SURE_ANNOUNCEMENT: f32 = 0.8;
/// Shorter voices are nobody's.
const SHORTEST_UNSURE: Duration = Duration::from_secs(1);
/// This much voice that no recording matches may be a person whatever speaks against it.
const LONGEST_UNKNOWN: Duration = Duration::from_secs(8);

/// Whether something of a queue is heard after the request: the center took the digit.
fn confirmed(hearing: &Hearing, request: CallTime) -> bool {
    hearing.segments.iter().any(|segment| {
        segment.span.end > request
            && matches!(
                segment.kind,
                SegmentKind::QueueMusic
                    | SegmentKind::QueueAnnouncement
                    | SegmentKind::Ringback
                    | SegmentKind::TransferRing
            )
    })
}

/// Whether a voice after the request may have been a person that the hearing missed: one that is hardly an announcement
/// by its own account, or so much of it that no announcement is as long.
fn unsure_voice(hearing: &Hearing, request: CallTime) -> bool {
    let unknown = hearing
        .segments
        .iter()
        .filter(|s| s.kind == SegmentKind::UnknownVoice && s.span.start >= request);
    let doubtful =
        |s: &&Segment| s.probability < SURE_ANNOUNCEMENT && s.span.duration() >= SHORTEST_UNSURE;
    unknown.clone().any(|s| doubtful(&s))
        || unknown.map(|s| s.span.duration()).sum::<Duration>() >= LONGEST_UNKNOWN
}

/// Classifies one attempt. `hearing` is `None` where no audio was kept.
///
/// Source: SIP status codes RFC 3261 §21, causes ITU-T Q.850 §2.2; the classes are those of the attempt ledger of
/// [`AttemptOutcome`].
pub fn outcome_of(record: &AttemptRecord, hearing: Option<&Hearing>) -> AttemptOutcome {
    match &record.ending {
        CallEnding::Refused { status, q850, rang } => refused(status, *q850, *rang),
        CallEnding::TimedOut { timer: LocalTimeout::RingLimit, rang: true } => rang_out(record),
        CallEnding::TimedOut { timer, rang } => timed_out(*timer, *rang),
        CallEnding::BusyTone { congestion } => busy_tone(record, hearing, *congestion),
        CallEnding::InterceptTone => intercept_tone(record, hearing),
        CallEnding::Aborted { .. } => AttemptOutcome::AbortedByProbe,
        CallEnding::Completed
        | CallEnding::FarEndHungUp { .. }
        | CallEnding::QueueTimeout
        | CallEnding::Lost { .. } => answered(record, hearing),
    }
}

/// It rang and nobody answered; only a ring of a minute is laid to the center, or what a simulation waits.
fn rang_out(record: &AttemptRecord) -> AttemptOutcome {
    let rang = record.timeline.first(
        |k| matches!(k, EventKind::Provisional { status, .. } if (180..=182).contains(&status.code)),
    );
    let gave_up = record.timeline.first(|k| matches!(k, EventKind::LocalTimeout { .. }));
    let waited = rang.zip(gave_up).map_or(Duration::ZERO, |(rang, gave_up)| gave_up - rang);
    if waited >= SHORTEST_RING || record.provenance.simulated {
        AttemptOutcome::NoAnswer
    } else {
        unattributed(format!("we gave up after {} s of ringing", waited.as_secs()))
    }
}

/// A tone that steered us is only believed if the recording has it, and never against a person that was heard.
fn busy_tone(
    record: &AttemptRecord,
    hearing: Option<&Hearing>,
    congestion: bool,
) -> AttemptOutcome {
    if hearing.is_some_and(|h| h.onset.is_some()) && record.timeline.answered().is_some() {
        return AttemptOutcome::ConnectedHuman;
    }
    let tone = |h: &Hearing| {
        h.segments.iter().any(|s| matches!(s.kind, SegmentKind::Busy | SegmentKind::Congestion))
    };
    if !hearing.is_some_and(tone) {
        return unattributed("a busy tone that no recording confirms");
    }
    match record.timeline.answered() {
        Some(_) if record.timeline.agent_request().is_some() => AttemptOutcome::QueueReject,
        Some(_) => unattributed("a busy tone after the answer, before an agent was asked for"),
        None if congestion => AttemptOutcome::Congestion,
        None => AttemptOutcome::Busy,
    }
}

/// A wrong number and a center that gave its number up sound alike: neither is blamed without a person.
fn intercept_tone(record: &AttemptRecord, hearing: Option<&Hearing>) -> AttemptOutcome {
    if hearing.is_some_and(|h| h.onset.is_some()) && record.timeline.answered().is_some() {
        return AttemptOutcome::ConnectedHuman;
    }
    let heard = |h: &Hearing| h.segments.iter().any(|s| s.kind == SegmentKind::Intercept);
    if hearing.is_some_and(heard) {
        unattributed("a tone of the network that the number cannot be reached")
    } else {
        unattributed("a tone that the number cannot be reached, which no recording confirms")
    }
}

fn unattributed(what: impl Into<String>) -> AttemptOutcome {
    AttemptOutcome::Unattributed { what: what.into() }
}

fn refused(status: &SipStatus, q850: Option<Q850Cause>, rang: bool) -> AttemptOutcome {
    let said = || {
        let cause = q850.map_or(String::new(), |c| format!(", cause {}", c.0));
        format!("{} {}{cause}", status.code, status.phrase)
    };
    match (status.code, q850.map(|cause| cause.0)) {
        (486 | 600, _) | (_, Some(17)) => AttemptOutcome::Busy,
        (_, Some(34 | 42)) => AttemptOutcome::Congestion,
        (_, Some(18 | 19)) | (480, _) => AttemptOutcome::NoAnswer,
        (408, _) if rang => AttemptOutcome::NoAnswer,
        (503, _) if rang => AttemptOutcome::Congestion,
        (401 | 403 | 407, _) => {
            AttemptOutcome::Void { why: format!("the trunk refused our call: {}", said()) }
        }
        (415 | 484 | 488 | 606, _) => AttemptOutcome::Void {
            why: format!("our number format or codecs were refused: {}", said()),
        },
        _ => unattributed(said()),
    }
}

fn timed_out(timer: LocalTimeout, rang: bool) -> AttemptOutcome {
    match timer {
        LocalTimeout::TimerB => {
            AttemptOutcome::Void { why: "the trunk did not respond at all".to_owned() }
        }
        LocalTimeout::CancelUnanswered if rang => AttemptOutcome::NoAnswer,
        LocalTimeout::TryingThenSilence | LocalTimeout::RingLimit => {
            unattributed("100 Trying, then silence")
        }
        LocalTimeout::CancelUnanswered => unattributed("no final response to our CANCEL"),
    }
}

fn answered(record: &AttemptRecord, hearing: Option<&Hearing>) -> AttemptOutcome {
    let request = record.timeline.agent_request();
    let requested = request.is_some();
    if hearing.is_some_and(|h| h.onset.is_some()) {
        return AttemptOutcome::ConnectedHuman;
    }
    let closed = |h: &Hearing| h.segments.iter().any(|s| s.kind == SegmentKind::ClosedMessage);
    if hearing.is_some_and(closed) {
        return AttemptOutcome::ClosedMessage;
    }
    let Some(hearing) = hearing else {
        return unattributed("no audio was kept, so who spoke is not known");
    };
    if let Some(fault) = line_faults(record).into_iter().next() {
        return unattributed(fault);
    }
    let hung_up = matches!(record.ending, CallEnding::FarEndHungUp { .. });
    match hearing.reached {
        Some(Reached::Voicemail) if requested => return AttemptOutcome::ForcedCallback,
        Some(Reached::CallbackOffer) if requested && hung_up => {
            return AttemptOutcome::ForcedCallback;
        }
        Some(Reached::Intercept) => {
            return unattributed("a message of the network that the number cannot be reached");
        }
        _ if request.is_some_and(|at| unsure_voice(hearing, at)) => {
            return unattributed("a voice that could not be told from a person's");
        }
        _ => {}
    }
    let given_up_early =
        |from| ended(record) - from < SHORTEST_WAIT && !record.provenance.simulated;
    match &record.ending {
        CallEnding::QueueTimeout | CallEnding::FarEndHungUp { agent_suspected: false, .. }
            if request.is_some_and(|at| !confirmed(hearing, at)) =>
        {
            unattributed("nothing shows that the center heard our digit")
        }
        CallEnding::QueueTimeout if request.is_some_and(given_up_early) => {
            unattributed("we gave up waiting early")
        }
        CallEnding::QueueTimeout => AttemptOutcome::QueueTimeout,
        CallEnding::FarEndHungUp { agent_suspected: true, .. } | CallEnding::Completed => {
            unattributed("we spoke to somebody, but no person was heard afterwards")
        }
        CallEnding::FarEndHungUp { .. } if requested => AttemptOutcome::QueueReject,
        CallEnding::FarEndHungUp { .. } => {
            unattributed("the far end hung up before an agent could be asked for")
        }
        CallEnding::Lost { why } => unattributed(why.clone()),
        other => unattributed(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::attempt;
    use crate::domain::segment::{Acceptance, AgentOnset};
    use crate::domain::time::{CallTime, Span};
    use crate::domain::timeline::{EventKind, Timeline};
    use std::time::Duration;

    fn refusal(code: u16, cause: Option<u8>, rang: bool) -> &'static str {
        let status = SipStatus { code, phrase: String::new() };
        let ending = CallEnding::Refused { status, q850: cause.map(Q850Cause), rang };
        outcome_of(&attempt(ending, Timeline::default()), None).label()
    }

    #[test]
    fn every_refusal_ends_in_the_class_of_the_ledger() {
        let table = [
            (486, None, true, "busy"),
            (600, None, false, "busy"),
            (603, Some(17), false, "busy"),
            (480, None, false, "no answer"),
            (480, Some(19), true, "no answer"),
            (408, None, true, "no answer"),
            (408, None, false, "unattributed"),
            (503, None, true, "congestion"),
            (503, None, false, "unattributed"),
            (503, Some(34), false, "congestion"),
            (401, None, false, "void"),
            (403, None, false, "void"),
            (488, None, false, "void"),
            (484, None, false, "void"),
            (404, None, false, "unattributed"),
            (500, None, false, "unattributed"),
            (603, None, true, "unattributed"),
        ];
        for (code, cause, rang, class) in table {
            assert_eq!(refusal(code, cause, rang), class, "{code} {cause:?} {rang}");
        }
    }

    #[test]
    fn a_silent_trunk_is_void_and_never_a_408() {
        let class = |timer, rang| {
            let ending = CallEnding::TimedOut { timer, rang };
            outcome_of(&attempt(ending, Timeline::default()), None).label()
        };
        assert_eq!(class(LocalTimeout::TimerB, false), "void");
        assert_eq!(class(LocalTimeout::TryingThenSilence, false), "unattributed");
    }

    fn far_end_hung_up(requested: bool, hearing: &Hearing) -> &'static str {
        let mut timeline = Timeline::default();
        if requested {
            timeline.push(CallTime::from_millis(5000), EventKind::AgentRequested);
        }
        let ending = CallEnding::FarEndHungUp { agent_suspected: false, requested };
        outcome_of(&attempt(ending, timeline), Some(hearing)).label()
    }

    fn stretch(kind: SegmentKind, from: u64, to: u64) -> Segment {
        let span = Span::new(CallTime::from_millis(from), CallTime::from_millis(to));
        Segment { span, kind, probability: 1.0, prompt: None, because: String::new() }
    }

    #[test]
    fn a_release_from_the_queue_is_the_centers_and_one_before_it_nobodys() {
        let music = stretch(SegmentKind::QueueMusic, 5500, 9000);
        let queue = Hearing { segments: vec![music], ..Hearing::default() };
        assert_eq!(far_end_hung_up(true, &queue), "released in queue");
        assert_eq!(far_end_hung_up(false, &queue), "unattributed");
    }

    #[test]
    fn a_voice_that_may_have_been_a_person_is_never_laid_to_the_center() {
        let music = stretch(SegmentKind::QueueMusic, 5500, 9000);
        let after = |probability, to| {
            let voice = Segment { probability, ..stretch(SegmentKind::UnknownVoice, 9000, to) };
            let segments = vec![music.clone(), voice];
            far_end_hung_up(true, &Hearing { segments, ..Hearing::default() })
        };
        assert_eq!(after(0.95, 12_000), "released in queue");
        assert_eq!(after(0.6, 12_000), "unattributed");
        assert_eq!(after(0.95, 18_000), "unattributed");
    }

    #[test]
    fn a_mailbox_instead_of_an_agent_is_no_agent_and_a_network_message_is_nobodys() {
        let music = stretch(SegmentKind::QueueMusic, 5500, 9000);
        let reached = |who| {
            let segments = vec![music.clone()];
            far_end_hung_up(true, &Hearing { segments, reached: Some(who), ..Hearing::default() })
        };
        assert_eq!(reached(Reached::Voicemail), "callback only");
        assert_eq!(reached(Reached::CallbackOffer), "callback only");
        assert_eq!(reached(Reached::Intercept), "unattributed");
        assert_eq!(reached(Reached::Recording), "released in queue");
    }

    #[test]
    fn a_digit_that_nothing_confirms_is_nobodys_fault() {
        assert_eq!(far_end_hung_up(true, &Hearing::default()), "unattributed");
    }

    #[test]
    fn an_intercept_tone_blames_nobody_whether_the_recording_has_it_or_not() {
        let said = |hearing: &Hearing| {
            let record = attempt(CallEnding::InterceptTone, Timeline::default());
            let AttemptOutcome::Unattributed { what } = outcome_of(&record, Some(hearing)) else {
                panic!("blamed")
            };
            what
        };
        let tone = stretch(SegmentKind::Intercept, 500, 4500);
        let heard = Hearing { segments: vec![tone], ..Hearing::default() };
        assert!(said(&heard).contains("of the network"));
        assert!(said(&Hearing::default()).contains("no recording confirms"));
    }

    #[test]
    fn a_busy_tone_counts_if_the_recording_has_it() {
        let ending = CallEnding::BusyTone { congestion: false };
        let class = |hearing: Option<&Hearing>| {
            outcome_of(&attempt(ending.clone(), Timeline::default()), hearing).label()
        };
        let busy = stretch(SegmentKind::Busy, 0, 3000);
        let heard = Hearing { segments: vec![busy], ..Hearing::default() };
        assert_eq!(class(Some(&heard)), "busy");
        assert_eq!(class(Some(&Hearing::default())), "unattributed");
        assert_eq!(class(None), "unattributed");
    }

    #[test]
    fn a_short_ring_that_we_ended_counts_in_a_simulation_alone() {
        let ring = |secs: u64, simulated: bool| {
            let mut timeline = Timeline::default();
            let status = SipStatus { code: 180, phrase: String::new() };
            let ringing = EventKind::Provisional { status, early_media: false };
            timeline.push(CallTime::from_millis(500), ringing);
            let timer = LocalTimeout::RingLimit;
            let end = CallTime::from_millis(500 + secs * 1000);
            timeline.push(end, EventKind::LocalTimeout { timer });
            let mut record = attempt(CallEnding::TimedOut { timer, rang: true }, timeline);
            record.provenance.simulated = simulated;
            outcome_of(&record, None).label()
        };
        assert_eq!(ring(60, false), "no answer");
        assert_eq!(ring(8, false), "unattributed");
        assert_eq!(ring(8, true), "no answer");
    }

    #[test]
    fn a_closed_message_and_an_agent_are_told_by_ear() {
        let closed = stretch(SegmentKind::ClosedMessage, 0, 4000);
        let mut hearing = Hearing { segments: vec![closed], ..Hearing::default() };
        assert_eq!(far_end_hung_up(false, &hearing), "closed message");
        hearing.onset = Some(AgentOnset {
            at: CallTime::from_millis(9000),
            within: Duration::from_millis(200),
            evidence: Vec::new(),
            acceptance: Acceptance::Accepted,
        });
        assert_eq!(far_end_hung_up(true, &hearing), "agent");
    }

    #[test]
    fn what_we_broke_off_is_ours() {
        let ending = CallEnding::Aborted { why: "stopped".to_owned() };
        let outcome = outcome_of(&attempt(ending, Timeline::default()), None);
        assert_eq!(outcome, AttemptOutcome::AbortedByProbe);
        assert!(!outcome.counts());
    }
}
