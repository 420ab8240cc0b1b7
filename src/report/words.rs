//! Plain words and figures that every format shares. Enters: domain values. Leaves: short texts.

use super::model::{CallReport, CampaignReport, CenterReport, Completeness, TrueWait};
use crate::domain::ctq::{CtqItem, Dimension};
use crate::domain::facts::AgentWait;
use crate::domain::record::{AttemptOutcome, CallEnding};
use crate::domain::segment::{Acceptance, Passage, PassageKind, Reached, SegmentKind};
use crate::domain::time::{Span, WallTime};
use crate::domain::timeline::{Discontinuity, EventKind, LiveSound, LocalTimeout, Party};
use crate::domain::verdict::Verdict;
use jiff::tz::TimeZone;
use std::time::Duration;

/// The wait within which an agent has to speak. Source: KSQI 2017 press release (수신여건: 20초).
pub(super) const WAIT_LIMIT: Duration = Duration::from_secs(20);
/// Points from which a center is excellent. Source: KSQI 2017 press release.
pub(super) const EXCELLENT: f64 = 90.0;

/// Seconds with one decimal, with two within a second of the 20 s limit, so that rounding never moves a wait across it.
pub(super) fn seconds(span: Duration) -> String {
    let near = span.abs_diff(WAIT_LIMIT) < Duration::from_secs(1);
    let places = if near && span != WAIT_LIMIT { 2 } else { 1 };
    format!("{:.places$} s", span.as_secs_f64())
}

/// How far a time may lie off either way, rounded up to hundredths: `0.15 s`, `0.5 s`.
pub(super) fn margin(within: Duration) -> String {
    let hundredths = within.as_micros().div_ceil(10_000);
    format!("{} s", hundredths as f64 / 100.0)
}

/// A stretch of a call: `28.0–32.0 s`.
pub(super) fn stretch(span: Span) -> String {
    format!("{:.1}–{:.1} s", span.start.as_secs_f64(), span.end.as_secs_f64())
}

/// `1 call`, `2 calls`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The date, the minute and the zone: `2026-11-21 14:03 KST`. An unknown zone gives UTC, and says so.
pub(super) fn wall(at: WallTime, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    at.0.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// What the score of this campaign's centers may be called.
pub(super) fn score_heading(report: &CampaignReport) -> &'static str {
    let partial = report.centers.iter().any(|c| c.score.completeness == Completeness::Partial);
    match (report.simulated, partial) {
        (true, true) => "simulated and partial, not an index",
        (true, false) => "simulated, not an index",
        (false, true) => "partial index",
        (false, false) => "KSQI",
    }
}

/// Korean and English name.
pub(super) fn center_title(center: &CenterReport) -> String {
    match &center.english {
        Some(english) => format!("{} ({english})", center.name),
        None => center.name.clone(),
    }
}

/// The unit without the names of its campaign and center: `q1.07` of `demo.hanbit-card.q1.07`.
pub(super) fn short_unit<'a>(center: &CenterReport, call: &'a CallReport) -> &'a str {
    let unit = call.unit.as_str();
    unit.split_once(center.id.as_str())
        .map(|(_, rest)| rest.trim_start_matches(['.', '-', '_']))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(unit)
}

/// Korean and English name of a dimension.
pub(super) fn dimension(dimension: Dimension) -> (&'static str, &'static str) {
    match dimension {
        Dimension::Reception => ("수신여건", "reception"),
        Dimension::Greeting => ("고객맞이", "greeting"),
        Dimension::Attitude => ("상담태도", "attitude"),
        Dimension::Handling => ("업무처리", "handling"),
        Dimension::Closing => ("종료태도", "closing"),
    }
}

/// What a defect of the item means, as a clause after "in 2 of 3 calls".
pub(super) fn defect_clause(item: CtqItem) -> &'static str {
    match item {
        CtqItem::A1 => "the first attempt was not answered",
        CtqItem::A2 => "no agent was reached on the first attempt",
        CtqItem::A3 => "the caller waited past the limit of 20 s",
        CtqItem::B1 => "the greeting was incomplete",
        CtqItem::B2 => "the tone of the greeting fell short",
        CtqItem::C1 => "the agent's tone fell short",
        CtqItem::C2 => "the agent spoke at an unsuitable pace",
        CtqItem::C3 => "the agent sounded unsure",
        CtqItem::C4 => "the agent cut the caller short",
        CtqItem::C5 => "the agent gave the caller no acknowledgement",
        CtqItem::C6 => "the agent offered no guidance",
        CtqItem::D1 => "the agent did not grasp the question",
        CtqItem::D2 => "the explanation was unclear",
        CtqItem::D3 => "the matter was not settled in the call",
        CtqItem::E1 => "nobody asked whether there was anything else",
        CtqItem::E2 => "the closing was missing",
    }
}

/// Korean words in quotation marks; a plain description, and what is quoted already, stays as it is.
pub(super) fn quoted(note: &str) -> String {
    let korean = note.chars().any(|c| ('가'..='힣').contains(&c));
    let marked = note.contains(['“', '"', '「', '\'']);
    if korean && !marked { format!("“{note}”") } else { note.to_owned() }
}

/// The wait as a table shows it, with its margin, and `?` where a person has to listen first.
pub(super) fn wait(wait: Option<&AgentWait>) -> String {
    match wait {
        Some(AgentWait::Connected { requested, onset, within, acceptance, .. }) => {
            let unsure = if matches!(acceptance, Acceptance::Review { .. }) { " ?" } else { "" };
            format!("{} ± {}{unsure}", seconds(*onset - *requested), margin(*within))
        }
        Some(AgentWait::NeverConnected { waited, .. }) => format!("> {}", seconds(*waited)),
        Some(AgentWait::NotRequested) | None => "–".to_owned(),
    }
}

/// Why the end of a wait has to be confirmed by a person, and where to listen; `None` if it need not.
pub(super) fn to_confirm(wait: Option<&AgentWait>) -> Option<(&str, Span)> {
    match wait {
        Some(AgentWait::Connected { acceptance: Acceptance::Review { why, listen }, .. }) => {
            Some((why, *listen))
        }
        _ => None,
    }
}

/// When the agent was heard, how far that may be off, and what speaks for it; `None` without an agent.
pub(super) fn onset_evidence(wait: Option<&AgentWait>) -> Option<(String, &[String])> {
    let Some(AgentWait::Connected { onset, within, evidence, .. }) = wait else {
        return None;
    };
    Some((format!("agent first heard at {onset} ± {}", margin(*within)), evidence))
}

/// Holds and transfers with their lengths: `2 holds (14.2 s, 8.0 s)`, `1 transfer (6.1 s)`; those there are.
pub(super) fn interruptions(passages: &[Passage]) -> Vec<String> {
    let of = |kind, word| {
        let found = passages.iter().filter(|p| p.kind == kind);
        let lengths: Vec<_> = found.map(|p| seconds(p.span.duration())).collect();
        let counted = counted(lengths.len(), word);
        (!lengths.is_empty()).then(|| format!("{counted} ({})", lengths.join(", ")))
    };
    [of(PassageKind::Hold, "hold"), of(PassageKind::Transfer, "transfer")]
        .into_iter()
        .flatten()
        .collect()
}

/// A word for a hold or a transfer.
pub(super) fn passage(kind: PassageKind) -> &'static str {
    match kind {
        PassageKind::Hold => "hold",
        PassageKind::Transfer => "transfer",
    }
}

/// Who or what a call reached.
pub(super) fn reached(reached: Reached) -> &'static str {
    match reached {
        Reached::Human => "a person",
        Reached::Voicebot => "a voicebot",
        Reached::Voicemail => "a mailbox",
        Reached::CallbackOffer => "only the offer of a call back",
        Reached::ClosedMessage => "a message that nobody is there",
        Reached::Intercept => "a message of the network",
        Reached::Recording => "recordings, music or tones only",
        Reached::Nothing => "nothing",
    }
}

/// The true wait as a table shows it.
pub(super) fn true_wait(truth: Option<TrueWait>) -> String {
    match truth {
        Some(TrueWait::Connected(span)) => seconds(span),
        Some(TrueWait::NeverConnected) => "no agent".to_owned(),
        None => "–".to_owned(),
    }
}

/// What became of the unit, and how many defects it has, in one line.
pub(super) fn gist(call: &CallReport) -> String {
    let happened = what_happened(call);
    if let Some(why) = &call.excluded {
        return format!("not counted, our side spoilt it ({why}); {happened}");
    }
    if call.judgments.is_empty() {
        return happened;
    }
    let of =
        |wanted: fn(&Verdict) -> bool| call.judgments.iter().filter(|j| wanted(&j.verdict)).count();
    let defects = match of(|v| *v == Verdict::Defect) {
        0 => "no defect found".to_owned(),
        n => counted(n, "defect"),
    };
    let open = match of(|v| matches!(v, Verdict::Pending(_))) {
        0 => String::new(),
        n => format!(", {} to be decided by a person", counted(n, "verdict")),
    };
    format!("{happened}; {defects}{open}")
}

/// What became of the unit, in one clause.
pub(super) fn what_happened(call: &CallReport) -> String {
    let Some(last) = call.attempts.last() else {
        return "not dialled yet".to_owned();
    };
    if let Some(reached) = call.connected_attempt() {
        return match reached.number.get() {
            1 => "an agent answered on the first attempt".to_owned(),
            n => format!("an agent answered on attempt {n}"),
        };
    }
    let tries = counted(call.attempts.len(), "attempt");
    format!("no agent after {tries}; {}", outcome(&last.outcome))
}

/// An attempt's class, with what is known beyond the label.
pub(super) fn outcome(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Void { why } => format!("void: {why}"),
        AttemptOutcome::Unattributed { what } => format!("unattributed: {what}"),
        other => other.label().to_owned(),
    }
}

/// How an attempt ended on the line.
pub(super) fn ending(ending: &CallEnding) -> String {
    match ending {
        CallEnding::Refused { status, q850, .. } => {
            let cause = q850.map(|c| format!(", Q.850 cause {}", c.0)).unwrap_or_default();
            format!("refused with {} {}{cause}", status.code, status.phrase)
        }
        CallEnding::TimedOut { timer, .. } => local_timeout(*timer).to_owned(),
        CallEnding::BusyTone { congestion: true } => "congestion tone".to_owned(),
        CallEnding::BusyTone { congestion: false } => "busy tone".to_owned(),
        CallEnding::InterceptTone => "tone that the number cannot be reached".to_owned(),
        CallEnding::Completed => "carried through, we hung up".to_owned(),
        CallEnding::FarEndHungUp { agent_suspected: true, .. } => {
            "the center hung up on the conversation".to_owned()
        }
        CallEnding::FarEndHungUp { requested: true, .. } => {
            "the center hung up in the queue".to_owned()
        }
        CallEnding::FarEndHungUp { .. } => "the center hung up in the menu".to_owned(),
        CallEnding::QueueTimeout => "we gave up waiting".to_owned(),
        CallEnding::Lost { why } => format!("found no way on: {why}"),
        CallEnding::Aborted { why } => format!("stopped by our side: {why}"),
    }
}

fn local_timeout(timer: LocalTimeout) -> &'static str {
    match timer {
        LocalTimeout::TimerB => "no response to our INVITE",
        LocalTimeout::TryingThenSilence => "100 Trying, then nothing",
        LocalTimeout::RingLimit => "rang without an answer until our limit",
        LocalTimeout::CancelUnanswered => "our CANCEL was not answered",
    }
}

/// A kind of sound: word for a label, and the name of its colour; each kind has a colour of its own.
pub(super) fn sound(kind: SegmentKind) -> (&'static str, &'static str) {
    match kind {
        SegmentKind::Silence => ("silence", "silence"),
        SegmentKind::Ringback => ("ringing", "ring"),
        SegmentKind::Busy => ("busy tone", "busy"),
        SegmentKind::Congestion => ("congestion tone", "congestion"),
        SegmentKind::InformationTone => ("information tone", "information"),
        SegmentKind::Coloring => ("ring music", "coloring"),
        SegmentKind::Ivr => ("IVR", "ivr"),
        SegmentKind::QueueMusic => ("queue music", "queue"),
        SegmentKind::QueueAnnouncement => ("queue notice", "notice"),
        SegmentKind::ClosedMessage => ("closed message", "closed"),
        SegmentKind::TransferRing => ("transfer ringing", "transfer"),
        SegmentKind::Beep => ("beep", "beep"),
        SegmentKind::Intercept => ("network message", "intercept"),
        SegmentKind::Voicemail => ("mailbox", "mailbox"),
        SegmentKind::CallbackOffer => ("callback offer", "callback"),
        SegmentKind::Voicebot => ("voicebot", "voicebot"),
        SegmentKind::Agent => ("agent", "agent"),
        SegmentKind::Hold => ("on hold", "hold"),
        SegmentKind::UnknownVoice => ("voice, unsure whose", "unknown-voice"),
        SegmentKind::UnknownSound => ("sound, unsure what", "unknown-sound"),
    }
}

/// An event in plain words.
pub(super) fn event(kind: &EventKind) -> String {
    match kind {
        EventKind::InviteSent { attempt } => format!("INVITE sent, attempt {attempt}"),
        EventKind::Challenged { code } => format!("{code}: answered with credentials"),
        EventKind::Provisional { status, early_media } => {
            let media = if *early_media { ", with early media" } else { "" };
            format!("{} {}{media}", status.code, status.phrase)
        }
        EventKind::Answered { status } => {
            format!("{} {}: the line is open, not yet an agent", status.code, status.phrase)
        }
        EventKind::Refused { status, q850 } => {
            let cause = q850.map(|c| format!(", Q.850 cause {}", c.0)).unwrap_or_default();
            format!("{} {}{cause}", status.code, status.phrase)
        }
        EventKind::LocalTimeout { timer } => {
            format!("our timer ran out: {}", local_timeout(*timer))
        }
        EventKind::CancelSent => "we sent CANCEL".to_owned(),
        EventKind::FirstMedia => "first audio packet".to_owned(),
        EventKind::DigitSent { digit, requests_agent, .. } => {
            let key = digit.map_or("a masked key".to_owned(), |d| format!("key {d}"));
            let asks = if *requests_agent { " to ask for an agent" } else { "" };
            format!("we pressed {key}{asks}")
        }
        EventKind::AgentRequested => "an agent is requested: the wait begins".to_owned(),
        EventKind::Said { text, .. } => format!("we said: {text}"),
        EventKind::Step { name } => format!("scenario step {name}"),
        EventKind::Heard { sound, .. } => format!("heard live: {}", live_sound(sound)),
        EventKind::AgentSuspected => "a person may be on the line (live guess)".to_owned(),
        EventKind::Discontinuity { change } => discontinuity(change),
        EventKind::Degraded { what } => format!("our side was degraded: {what}"),
        EventKind::Bye { by, q850 } => {
            let cause = q850.map(|c| format!(", Q.850 cause {}", c.0)).unwrap_or_default();
            format!("{} hung up{cause}", if *by == Party::Prober { "we" } else { "the center" })
        }
        EventKind::Aborted { why } => format!("stopped by our side: {why}"),
    }
}

fn live_sound(sound: &LiveSound) -> String {
    match sound {
        LiveSound::Speech => "speech".to_owned(),
        LiveSound::Ringback => "ringing".to_owned(),
        LiveSound::Busy => "busy tone".to_owned(),
        LiveSound::Congestion => "congestion tone".to_owned(),
        LiveSound::Unobtainable => "number-unobtainable tone".to_owned(),
        LiveSound::Intercept => "intercept tone".to_owned(),
        LiveSound::Dial => "dial tone".to_owned(),
        LiveSound::Beep => "beep".to_owned(),
        LiveSound::NewVoice => "a voice that no known recording matches".to_owned(),
        LiveSound::Music => "music".to_owned(),
        LiveSound::KnownPrompt { prompt } => format!("recording {prompt} of the center"),
    }
}

fn discontinuity(change: &Discontinuity) -> String {
    match change {
        Discontinuity::Ssrc { .. } => "the audio comes from another source".to_owned(),
        Discontinuity::TimestampJump { millis } => format!("the audio clock jumped by {millis} ms"),
        Discontinuity::SourceMoved => "the audio comes from another address".to_owned(),
        Discontinuity::PayloadType { from, to } => {
            format!("the audio changed from payload type {from} to {to}")
        }
        Discontinuity::Reanchored { millis } => {
            format!("the audio clock was re-anchored by {millis} ms")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::CallTime;

    #[test]
    fn a_wait_of_20_04_s_is_not_rounded_to_the_limit() {
        assert_eq!(seconds(Duration::from_millis(20_040)), "20.04 s");
        assert_eq!(seconds(Duration::from_millis(19_960)), "19.96 s");
        assert_eq!(seconds(Duration::from_secs(20)), "20.0 s");
        assert_eq!(seconds(Duration::from_millis(3_040)), "3.0 s");
    }

    #[test]
    fn a_margin_is_rounded_up_to_hundredths() {
        assert_eq!(margin(Duration::from_millis(150)), "0.15 s");
        assert_eq!(margin(Duration::from_millis(500)), "0.5 s");
        assert_eq!(margin(Duration::from_micros(150_001)), "0.16 s");
        assert_eq!(margin(Duration::ZERO), "0 s");
    }

    #[test]
    fn two_holds_and_a_transfer_are_counted_with_their_lengths() {
        let ms = CallTime::from_millis;
        let passage = |kind, from, to| Passage { kind, span: Span::new(ms(from), ms(to)) };
        let passages = [
            passage(PassageKind::Hold, 30_000, 44_200),
            passage(PassageKind::Transfer, 50_000, 56_100),
            passage(PassageKind::Hold, 60_000, 68_000),
        ];
        assert_eq!(interruptions(&passages), ["2 holds (14.2 s, 8.0 s)", "1 transfer (6.1 s)"]);
        assert!(interruptions(&[]).is_empty());
    }

    #[test]
    fn an_unknown_zone_is_shown_as_utc() {
        let at = WallTime("2026-11-21T05:03:00Z".parse().unwrap());
        assert_eq!(wall(at, "Nowhere/Nothing"), "2026-11-21 05:03 UTC");
    }

    #[test]
    fn korean_words_are_quoted_once() {
        assert_eq!(quoted("네, 들어가세요."), "“네, 들어가세요.”");
        assert_eq!(quoted("“네”"), "“네”");
        assert_eq!(quoted("music"), "music");
    }

    #[test]
    fn three_parts_are_joined_by_a_comma_and_an_and() {
        let parts = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&parts), "a, b and c");
        assert_eq!(listed(&parts[..1]), "a");
        assert_eq!(listed(&[]), "");
    }
}
