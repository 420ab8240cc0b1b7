//! What a run of a campaign is set up with, and what it leaves.

use super::calendar::Calendar;
use super::dispatcher::Limits;
use crate::domain::ids::{ContentHash, ScenarioId};
use crate::domain::plan::ProbeCall;
use crate::domain::record::{AttemptRecord, CallEnding};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A dialog that could not be ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct EndFailure {
    /// Why, in plain words.
    pub why: String,
}

/// What a run takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhatToRun {
    /// What is due when the run starts, with its re-dials and replacements that are due at once.
    #[default]
    DueNow,
    /// The whole plan: the run waits for its last unit.
    WholePlan,
}

/// How a run is set up.
#[derive(Debug, Clone)]
pub struct ExecutorSettings {
    /// The trunk that calls leave by.
    pub trunk: SocketAddr,
    /// Domain of request URIs.
    pub domain: String,
    /// How fast calls may leave.
    pub limits: Limits,
    /// What the run takes on.
    pub what: WhatToRun,
    /// How long live calls may take to end politely after a stop.
    pub grace: Duration,
    /// While this file exists, nothing is dialled and live calls are ended.
    pub kill_switch: Option<PathBuf>,
    /// SHA-256 of the scenario files.
    pub scenarios: BTreeMap<ScenarioId, ContentHash>,
    /// The working calendar, with the campaign's own closed days.
    pub calendar: Calendar,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything it took on is done.
    Finished,
    /// It was stopped.
    Stopped {
        /// Why, in plain words.
        why: String,
    },
    /// Three attempts in a row spoke against our trunk.
    TrunkSick {
        /// The last of them, in plain words.
        last: String,
    },
    /// The campaign is a dry run: nothing was dialled.
    DryRun,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// How it ended.
    pub end: RunEnd,
    /// INVITEs sent.
    pub attempts: usize,
    /// Units that got their last attempt.
    pub done: usize,
    /// Units that our side spoilt and that were replaced.
    pub replaced: usize,
    /// Attempts of an earlier process whose dialogs were ended.
    pub recovered: usize,
    /// Units that are still open, due or not.
    pub open: usize,
}

/// How long an attempt lasted: its last event.
pub(super) fn lasted(record: &AttemptRecord) -> Duration {
    record.timeline.events().last().map_or(Duration::ZERO, |e| e.at.since_open())
}

/// How many times a unit was replaced already: the number behind `.r` of its name.
pub(super) fn replacements(unit: &ProbeCall) -> u32 {
    let ordinal = unit.replaces.as_ref().and_then(|_| unit.unit.as_str().rsplit_once(".r"));
    ordinal.and_then(|(_, n)| n.parse().ok()).unwrap_or(0)
}

/// An attempt in plain words.
pub(super) fn say(record: &AttemptRecord) -> String {
    let number = record.number;
    let what = match &record.ending {
        CallEnding::Refused { status, .. } => {
            format!("refused with {} {}", status.code, status.phrase)
        }
        CallEnding::TimedOut { timer, .. } => format!("no answer from the trunk ({timer:?})"),
        CallEnding::Aborted { why } => why.clone(),
        other => format!("{other:?}"),
    };
    format!("unit {}, attempt {number}: {what}", record.unit)
}
