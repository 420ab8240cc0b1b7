//! Counts of `bench hearing`: what was heard in each labelled call against its labels.

use super::labels::Label;
use crate::domain::segment::{Acceptance, AgentOnset, Hearing, SegmentKind};
use crate::domain::time::CallTime;
use crate::hearing::{ENOUGH_OTHER_CALLS, FrameClass};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// An onset this close to the truth counts as right, in seconds.
const RIGHT_WITHIN: f64 = 0.5;
/// The limit of the agent wait and the margin around it that is always reviewed, in seconds.
const LIMIT: f64 = 20.0;
const MARGIN: f64 = 1.0;
/// Labels and segments are compared on this grid, in seconds.
const GRID: f64 = 0.02;

/// What was heard in one call.
pub(super) struct Found {
    pub(super) hearing: Hearing,
    /// CPU time it took.
    pub(super) cpu: Duration,
    /// Length of the recording.
    pub(super) length: Duration,
}

/// Counts over calls.
#[derive(Debug, Default, Serialize)]
struct Counts {
    calls: usize,
    human_calls: usize,
    onset_within_500ms: usize,
    onset_within_1s: usize,
    early: usize,
    late: usize,
    missed: usize,
    noagent_calls: usize,
    false_agents: usize,
    bot_calls: usize,
    bots_taken_for_humans: usize,
    verdict20_right: usize,
    accepted: usize,
    accepted_wrong: usize,
    error_ms_p50: u64,
    error_ms_p95: u64,
    #[serde(skip)]
    errors: Vec<f64>,
}

/// Frames of one class.
#[derive(Debug, Default, Serialize)]
struct ClassFigures {
    frames: usize,
    recall: f64,
    precision: f64,
    #[serde(skip)]
    right: usize,
    #[serde(skip)]
    told: usize,
}

/// The whole measurement.
#[derive(Debug, Default, Serialize)]
pub(super) struct Measured {
    library: &'static str,
    all: Counts,
    /// Centers with enough other calls in the library.
    warm: Counts,
    /// Centers with fewer.
    cold: Counts,
    frame_accuracy: f64,
    classes: BTreeMap<&'static str, ClassFigures>,
    cpu_ms_per_s: f64,
    #[serde(skip)]
    cpu: Duration,
    #[serde(skip)]
    length: Duration,
}

impl Measured {
    pub(super) fn new(library: &'static str) -> Self {
        let classes = FrameClass::ALL.map(|c| (c.name(), ClassFigures::default()));
        Self { library, classes: classes.into(), ..Self::default() }
    }

    /// Counts a call; says what was wrong with it.
    pub(super) fn call(&mut self, label: &Label, found: &Found) -> Vec<String> {
        self.cpu += found.cpu;
        self.length += found.length;
        self.frames(label, &found.hearing);
        let warm = found.hearing.other_calls >= ENOUGH_OTHER_CALLS;
        let part = if warm { &mut self.warm } else { &mut self.cold };
        part.call(label, found.hearing.onset.as_ref());
        let fault = self.all.call(label, found.hearing.onset.as_ref());
        fault
            .map(|fault| {
                format!(
                    "{} ({}, {}, {} other calls): {fault}",
                    label.file, label.kind, label.center, found.hearing.other_calls
                )
            })
            .into_iter()
            .collect()
    }

    fn frames(&mut self, label: &Label, hearing: &Hearing) {
        for truth in &label.segments {
            let Some(class) = truth.class() else { continue };
            let mut at = truth.start + GRID / 2.0;
            while at < truth.end {
                let instant = CallTime::from_secs_f64(at);
                at += GRID;
                let segment = hearing.segments.iter().find(|s| s.span.contains(instant));
                let Some(segment) = segment else { continue };
                let told = class_of(segment.kind);
                if let Some(figures) = self.classes.get_mut(class.name()) {
                    figures.frames += 1;
                    figures.right += usize::from(told == Some(class));
                }
                if let Some(figures) = told.and_then(|told| self.classes.get_mut(told.name())) {
                    figures.told += 1;
                }
            }
        }
    }

    pub(super) fn finish(&mut self) {
        let (mut right, mut all) = (0, 0);
        for figures in self.classes.values_mut() {
            right += figures.right;
            all += figures.frames;
            figures.recall = share(figures.right, figures.frames);
            figures.precision = share(figures.right, figures.told);
        }
        self.frame_accuracy = share(right, all);
        let per_second = self.cpu.as_secs_f64() * 1000.0 / self.length.as_secs_f64().max(1.0);
        self.cpu_ms_per_s = (per_second * 100.0).round() / 100.0;
        for counts in [&mut self.all, &mut self.warm, &mut self.cold] {
            counts.finish();
        }
    }

    pub(super) fn table(&self) -> String {
        let mut lines = vec![format!("library: {}", self.library)];
        for (name, counts) in [("all", &self.all), ("warm", &self.warm), ("cold", &self.cold)] {
            lines.push(format!("{name:<5} {}", counts.line()));
        }
        lines.push(format!("frames {:.1} % right", self.frame_accuracy * 100.0));
        for (name, figures) in &self.classes {
            lines.push(format!(
                "   {name:<8} recall {:5.1} %, precision {:5.1} %, {} frames",
                figures.recall * 100.0,
                figures.precision * 100.0,
                figures.frames
            ));
        }
        lines.push(format!("CPU {:.1} ms per second of audio", self.cpu_ms_per_s));
        lines.join("\n")
    }
}

impl Counts {
    /// Counts a call; says what was wrong with it.
    fn call(&mut self, label: &Label, onset: Option<&AgentOnset>) -> Option<String> {
        self.calls += 1;
        let wait = |onset: f64| label.events.request.map(|request| onset - request);
        let at = onset.map(|onset| onset.at.as_secs_f64());
        let outside_margin = at.and_then(wait).is_some_and(|wait| (wait - LIMIT).abs() > MARGIN);
        let accepted =
            outside_margin && onset.is_some_and(|o| o.acceptance == Acceptance::Accepted);
        self.accepted += usize::from(accepted);
        let mark = if accepted { ", ACCEPTED" } else { "" };
        let Some(truth) = label.events.agent else {
            self.noagent_calls += 1;
            self.bot_calls += usize::from(label.kind == "bot");
            let at = at?;
            self.accepted_wrong += usize::from(accepted);
            if label.kind == "bot" {
                self.bots_taken_for_humans += 1;
            } else {
                self.false_agents += 1;
            }
            return Some(format!("an agent at {at:.2} s where nobody was{mark}"));
        };
        self.human_calls += 1;
        let within = |wait: Option<f64>| wait.is_some_and(|wait| wait <= LIMIT);
        self.verdict20_right += usize::from(within(at.and_then(wait)) == within(wait(truth)));
        let Some(at) = at else {
            self.missed += 1;
            return Some(format!("the agent of {truth:.2} s was missed"));
        };
        let error = at - truth;
        self.errors.push(error.abs());
        self.onset_within_1s += usize::from(error.abs() <= 2.0 * RIGHT_WITHIN);
        if error.abs() <= RIGHT_WITHIN {
            self.onset_within_500ms += 1;
            return None;
        }
        self.accepted_wrong += usize::from(accepted);
        self.early += usize::from(error < 0.0);
        self.late += usize::from(error > 0.0);
        let how = if error < 0.0 { "early" } else { "late" };
        Some(format!(
            "the agent of {truth:.2} s heard at {at:.2} s, {:.2} s {how}{mark}",
            error.abs()
        ))
    }

    fn finish(&mut self) {
        self.errors.sort_by(f64::total_cmp);
        let percentile = |p: usize| {
            let last = self.errors.len().checked_sub(1);
            last.map_or(0, |last| (self.errors[(last * p).div_ceil(100)] * 1000.0).round() as u64)
        };
        (self.error_ms_p50, self.error_ms_p95) = (percentile(50), percentile(95));
    }

    fn line(&self) -> String {
        format!(
            "{} calls; {} with an agent: {} within 0.5 s, {} within 1 s, {} early, {} late, {} missed; \
             error p50 {} ms, p95 {} ms; 20 s verdict {} right; {} without: {} false agents, {} of {} \
             bots taken for people; {} accepted, {} of them wrong",
            self.calls,
            self.human_calls,
            self.onset_within_500ms,
            self.onset_within_1s,
            self.early,
            self.late,
            self.missed,
            self.error_ms_p50,
            self.error_ms_p95,
            self.verdict20_right,
            self.noagent_calls,
            self.false_agents,
            self.bots_taken_for_humans,
            self.bot_calls,
            self.accepted,
            self.accepted_wrong,
        )
    }
}

fn share(part: usize, all: usize) -> f64 {
    (part as f64 / all.max(1) as f64 * 10_000.0).round() / 10_000.0
}

/// The class of a heard segment; `None` where the sound was not told apart.
fn class_of(kind: SegmentKind) -> Option<FrameClass> {
    use SegmentKind as K;
    match kind {
        K::Silence => Some(FrameClass::Silence),
        K::Ringback | K::TransferRing => Some(FrameClass::Ring),
        K::Busy | K::Congestion | K::InformationTone | K::Beep => Some(FrameClass::Tone),
        K::Coloring | K::QueueMusic | K::Hold => Some(FrameClass::Music),
        K::Ivr
        | K::QueueAnnouncement
        | K::ClosedMessage
        | K::Intercept
        | K::Voicemail
        | K::CallbackOffer
        | K::Voicebot
        | K::Agent
        | K::UnknownVoice => Some(FrameClass::Voice),
        K::UnknownSound => None,
    }
}
