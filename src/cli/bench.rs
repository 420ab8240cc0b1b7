//! `callprobe bench truth`: what was measured on simulated calls beside what truly happened there.

use super::args::DemoArguments;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::truth::{TruthLog, true_wait};
use super::{block_on, print, stage};
use crate::analysis::pipeline::Judged;
use crate::domain::facts::AttemptFacts;
use crate::domain::record::AttemptOutcome;
use crate::domain::segment::SegmentKind;
use crate::domain::time::CallTime;
use crate::domain::timeline::{EventKind, Party};
use crate::domain::verdict::Verdict;
use crate::simulator::{CallTruth, EndedBy, Expected, expected};
use crate::transcription::{ErrorCount, character_error_rate, word_error_rate};
use serde::Serialize;
use std::time::Duration;

/// A wait this close to the truth counts as right.
const RIGHT_WITHIN: Duration = Duration::from_millis(500);
/// The waits are compared on this grid.
const GRID: Duration = Duration::from_millis(100);

/// What the comparison found.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    calls: usize,
    attempts: usize,
    attempts_right: usize,
    connected: usize,
    missed_agents: usize,
    false_agents: usize,
    wait_within_500ms: usize,
    wait_error_ms_p50: u128,
    wait_error_ms_p95: u128,
    wait_error_ms_worst: u128,
    verdicts_expected: usize,
    verdicts_judged: usize,
    verdicts_wrong: usize,
    verdicts_pending: usize,
    segments_right_percent: f64,
    wer: f64,
    cer: f64,
    #[serde(skip)]
    faults: Vec<String>,
    #[serde(skip)]
    wait_errors: Vec<Duration>,
    #[serde(skip)]
    words: (ErrorCount, ErrorCount),
    #[serde(skip)]
    grid: (usize, usize),
}

pub(super) fn truth(arguments: &DemoArguments) -> Result<Exit, Failure> {
    block_on(async {
        let played = stage::play(arguments).await?;
        let mut found = Comparison::default();
        for judged in &played.judged {
            found.unit(judged, &played.truth);
        }
        found.finish();
        if let Some(end) = stage::said_of(&played.run.end) {
            print::note(end);
        }
        for fault in &found.faults {
            print::note(format!("   {fault}"));
        }
        if !arguments.json {
            print::out(found.table());
        }
        print::out(serde_json::to_string(&found).or_infrastructure()?);
        Ok(if found.holds() { stage::exit_of(&played.run.end) } else { Exit::Below })
    })
}

impl Comparison {
    fn unit(&mut self, judged: &Judged, log: &TruthLog) {
        let truths = log.of(&judged.record);
        self.calls += 1;
        let unit = &judged.record.probe_call.unit;
        for (record, facts) in judged.record.attempts.iter().zip(&judged.facts.attempts) {
            let Some(truth) = truths.iter().find(|t| t.sip_call_id == record.sip_call_id) else {
                self.attempts += 1;
                self.faults.push(format!("{unit}: attempt {} never arrived", record.number));
                continue;
            };
            self.attempt(&unit.to_string(), facts, truth);
            self.segments(judged, facts, truth);
        }
        self.verdicts(judged, &truths);
        self.transcript(judged, &truths);
    }

    fn attempt(&mut self, unit: &str, facts: &AttemptFacts, truth: &CallTruth) {
        self.attempts += 1;
        let right = class_of(truth);
        if right.iter().any(|label| *label == facts.outcome.label()) {
            self.attempts_right += 1;
        } else {
            let found = facts.outcome.label();
            self.faults.push(format!("{unit}: attempt taken for `{found}`, truly {right:?}"));
        }
        match (facts.wait.connected(), true_wait(truth)) {
            (Some(measured), Some(real)) => {
                self.connected += 1;
                let error = measured.abs_diff(real);
                if error <= RIGHT_WITHIN {
                    self.wait_within_500ms += 1;
                } else {
                    self.faults.push(format!(
                        "{unit}: wait measured {:.2} s, truly {:.2} s",
                        measured.as_secs_f64(),
                        real.as_secs_f64()
                    ));
                }
                self.wait_errors.push(error);
            }
            (None, Some(_)) => {
                self.connected += 1;
                self.missed_agents += 1;
                self.faults.push(format!("{unit}: the agent was not heard"));
            }
            (Some(_), None) => {
                self.false_agents += 1;
                self.faults.push(format!("{unit}: an agent was heard where nobody was"));
            }
            (None, None) => {}
        }
    }

    fn verdicts(&mut self, judged: &Judged, truths: &[&CallTruth]) {
        let calls: Vec<CallTruth> = truths.iter().map(|t| (*t).clone()).collect();
        let unit = &judged.record.probe_call.unit;
        for (item, right) in expected(&calls) {
            let Some(judgment) = judged.judgments.iter().find(|j| j.item == item) else { continue };
            let found = match &judgment.verdict {
                Verdict::Fulfilled => Expected::Fulfilled,
                Verdict::Defect => Expected::Defect,
                Verdict::Pending(_) => Expected::Pending,
                Verdict::NotObserved(_) | Verdict::NotApplicable(_) => Expected::NotObserved,
            };
            if matches!(right, Expected::Fulfilled | Expected::Defect) {
                self.verdicts_expected += 1;
            }
            if found == Expected::Pending {
                self.verdicts_pending += 1;
            }
            if matches!(found, Expected::Fulfilled | Expected::Defect) {
                self.verdicts_judged += 1;
                if found != right {
                    self.verdicts_wrong += 1;
                }
            }
            if found != right {
                self.faults.push(format!(
                    "{unit}: {item} is {found:?}, should be {right:?}: {}",
                    judgment.because
                ));
            }
        }
    }

    /// The agent's words as read against the agent's lines as played.
    fn transcript(&mut self, judged: &Judged, truths: &[&CallTruth]) {
        let Some(conversation) = &judged.facts.conversation else { return };
        let Some(truth) = truths.iter().find(|t| t.agent_onset.is_some()) else { return };
        let said: Vec<&str> =
            truth.lines.iter().filter(|l| !l.cut).map(|l| l.text.as_str()).collect();
        let read: Vec<&str> =
            conversation.turns_of(Party::FarEnd).map(|turn| turn.text.as_str()).collect();
        let (said, read) = (said.join(" "), read.join(" "));
        let (words, characters) = &mut self.words;
        *words = [*words, word_error_rate(&said, &read)].into_iter().sum();
        *characters = [*characters, character_error_rate(&said, &read)].into_iter().sum();
    }

    /// What was heard at each instant of the true stretches.
    fn segments(&mut self, judged: &Judged, facts: &AttemptFacts, truth: &CallTruth) {
        let at = judged.record.attempts.iter().position(|a| a.call == facts.call);
        let Some((record, heard)) =
            at.and_then(|n| Some((judged.record.attempts.get(n)?, judged.heard.get(n)?)))
        else {
            return;
        };
        let Some(hearing) = &heard.hearing else { return };
        let invited = record
            .timeline
            .first(|k| matches!(k, EventKind::InviteSent { .. }))
            .unwrap_or_default();
        for segment in &truth.segments {
            let mut instant = segment.span.start.since(truth.invited) + GRID / 2;
            let end = segment.span.end.since(truth.invited);
            while instant < end {
                let at: CallTime = invited + instant;
                let found = hearing.segments.iter().find(|s| s.span.contains(at)).map(|s| s.kind);
                self.grid.1 += 1;
                self.grid.0 += usize::from(found.is_some_and(|kind| alike(kind, segment.kind)));
                instant += GRID;
            }
        }
    }

    fn finish(&mut self) {
        self.wait_errors.sort();
        let percentile = |p: usize| {
            let last = self.wait_errors.len().checked_sub(1);
            last.map_or(0, |last| self.wait_errors[(last * p).div_ceil(100)].as_millis())
        };
        self.wait_error_ms_p50 = percentile(50);
        self.wait_error_ms_p95 = percentile(95);
        self.wait_error_ms_worst = percentile(100);
        self.wer = rounded(self.words.0.rate());
        self.cer = rounded(self.words.1.rate());
        let (right, all) = self.grid;
        self.segments_right_percent = rounded(right as f64 * 100.0 / all.max(1) as f64);
    }

    /// Whether every agent was found in time, every attempt is right, and no verdict is wrong.
    fn holds(&self) -> bool {
        self.attempts_right == self.attempts
            && self.wait_within_500ms == self.connected
            && self.false_agents == 0
            && self.verdicts_wrong == 0
    }

    fn table(&self) -> String {
        format!(
            "calls                 {}\n\
             attempts right        {} of {}\n\
             agents                {} reached, {} missed, {} heard where nobody was\n\
             agent wait            {} of {} within 0.5 s; error p50 {} ms, p95 {} ms, worst {} ms\n\
             verdicts (7 items)    {} judged of {} decidable, {} wrong, {} left to a person\n\
             timeline              {:.1} % of the time told right\n\
             agent's words         {:.1} % word errors, {:.1} % character errors",
            self.calls,
            self.attempts_right,
            self.attempts,
            self.connected,
            self.missed_agents,
            self.false_agents,
            self.wait_within_500ms,
            self.connected,
            self.wait_error_ms_p50,
            self.wait_error_ms_p95,
            self.wait_error_ms_worst,
            self.verdicts_judged,
            self.verdicts_expected,
            self.verdicts_wrong,
            self.verdicts_pending,
            self.segments_right_percent,
            self.wer * 100.0,
            self.cer * 100.0,
        )
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// A pause inside an agent's stretch is the agent's; an announcement is one whoever it is played for.
fn alike(found: SegmentKind, truth: SegmentKind) -> bool {
    use SegmentKind::{Agent, ClosedMessage, Ivr, QueueAnnouncement, Silence};
    let rings = |kind| matches!(kind, SegmentKind::Ringback | SegmentKind::TransferRing);
    let announcement = |kind| matches!(kind, Ivr | QueueAnnouncement | ClosedMessage);
    found == truth
        || (rings(truth) && rings(found))
        || (truth == Agent && found == Silence)
        || (announcement(truth) && (announcement(found) || found == Silence))
}

/// The classes that are right for a call, as labels of [`AttemptOutcome`].
fn class_of(truth: &CallTruth) -> Vec<&'static str> {
    if truth.agent_onset.is_some() {
        return vec![AttemptOutcome::ConnectedHuman.label()];
    }
    let closed = truth.segments.iter().any(|s| s.kind == SegmentKind::ClosedMessage);
    match (&truth.ended_by, truth.answered, truth.requested) {
        (EndedBy::Refused { status: 486 | 600 }, ..) => vec![AttemptOutcome::Busy.label()],
        (EndedBy::Refused { status: 480 }, ..) => vec![AttemptOutcome::NoAnswer.label()],
        (EndedBy::Refused { .. }, ..) => vec!["unattributed", AttemptOutcome::Congestion.label()],
        (_, None, _) => vec![AttemptOutcome::NoAnswer.label()],
        (_, Some(_), _) if closed => vec![AttemptOutcome::ClosedMessage.label()],
        (EndedBy::Center, Some(_), Some(_)) => vec![AttemptOutcome::QueueReject.label()],
        (EndedBy::Caller, Some(_), Some(_)) => vec![AttemptOutcome::QueueTimeout.label()],
        _ => vec!["unattributed"],
    }
}
