//! The report as JSON for scripts. Enters: a [`CampaignReport`]. Leaves: text whose keys are stable. Times are
//! seconds as numbers, instants of a call count from its opening; audio is left out.

use super::figures::{CenterFigures, Interruptions, Longest};
use super::model::{
    AttemptReport, CallReport, CampaignReport, CenterReport, Completeness, ScoreFigures, Tally,
    Tenths, TrueWait,
};
use super::sentence::sentence;
use super::words;
use crate::domain::facts::AgentWait;
use crate::domain::segment::{Acceptance, Passage, Segment};
use crate::domain::time::Span;
use crate::domain::verdict::{Judge, Judgment};
use serde_json::{Value, json as object};
use std::time::Duration;

/// Name and version of this form; a change that a reader could trip over raises it.
const SCHEMA: &str = "callprobe-report-1";

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The JSON printer failed.
    #[error("the report of `{name}` cannot be printed as JSON; please tell us: {source}")]
    Json {
        /// The campaign or the recording.
        name: String,
        /// What the printer said.
        source: serde_json::Error,
    },
}

/// Prints `report` as indented JSON, ending with a line feed.
///
/// # Errors
/// [`ReportError::Json`] if the printer fails, which no input is known to do.
pub fn json(report: &CampaignReport) -> Result<String, ReportError> {
    let value = object!({
        "schema": SCHEMA,
        "campaign": report.campaign,
        "generated": report.generated,
        "time_zone": report.time_zone,
        "heading": words::score_heading(report),
        "simulated": report.simulated,
        "notices": report.notices,
        "sheet": {"id": report.sheet.id, "sha256": report.sheet.hash},
        "provenance": report.provenance.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "centers": report.centers.iter().map(center).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&value)
        .map_err(|source| ReportError::Json { name: report.campaign.to_string(), source })?;
    text.push('\n');
    Ok(text)
}

pub(super) fn secs(span: Duration) -> f64 {
    span.as_secs_f64()
}

fn points(value: Option<Tenths>) -> Option<f64> {
    value.map(Tenths::as_f64)
}

fn center(center: &CenterReport) -> Value {
    let figures = CenterFigures::of(center);
    let longest = figures.longest.map(
        |l| object!({"seconds": secs(l.waited()), "connected": matches!(l, Longest::Connected(_))}),
    );
    object!({
        "id": center.id,
        "name": center.name,
        "english": center.english,
        "sentence": sentence(center),
        "score": score(&center.score),
        "dialled": figures.dialled,
        "reached": figures.reached,
        "excluded": figures.excluded,
        "attempts": figures.attempts,
        "void_attempts": figures.void,
        "median_wait": figures.median.map(secs),
        "longest_wait": longest,
        "waits_over_limit": figures.over_limit,
        "waits_to_confirm": figures.unconfirmed,
        "holds": interruptions(figures.holds),
        "transfers": interruptions(figures.transfers),
        "calls": center.calls.iter().map(call).collect::<Vec<_>>(),
    })
}

fn interruptions(of: Interruptions) -> Value {
    object!({"count": of.count, "seconds": secs(of.total), "longest": secs(of.longest)})
}

pub(super) fn segment(segment: &Segment) -> Value {
    object!({
        "start": segment.span.start.as_secs_f64(),
        "end": segment.span.end.as_secs_f64(),
        "kind": segment.kind,
        "probability": rounded(segment.probability),
        "prompt": segment.prompt,
        "because": segment.because,
    })
}

pub(super) fn passage(passage: &Passage) -> Value {
    object!({
        "kind": passage.kind,
        "start": passage.span.start.as_secs_f64(),
        "end": passage.span.end.as_secs_f64(),
        "seconds": secs(passage.span.duration()),
    })
}

/// A probability with three decimals.
fn rounded(probability: f32) -> f64 {
    (f64::from(probability) * 1000.0).round() / 1000.0
}

fn tally(tally: Tally) -> Value {
    object!({
        "fulfilled": tally.fulfilled,
        "defects": tally.defects,
        "pending": tally.pending,
        "unobserved": tally.unobserved,
        "not_applicable": tally.not_applicable,
    })
}

fn score(score: &ScoreFigures) -> Value {
    object!({
        "partial": score.completeness == Completeness::Partial,
        "index": points(score.index),
        "low": points(score.low),
        "high": points(score.high),
        "coverage_percent": points(score.coverage),
        "interval": score.interval.map(|(low, high)| [low.as_f64(), high.as_f64()]),
        "certification": score.certification.label(),
        "total": tally(score.total),
        "dimensions": score.dimensions.iter().map(|d| object!({
            "dimension": d.dimension,
            "index": points(d.index),
            "tally": tally(d.tally),
        })).collect::<Vec<_>>(),
        "items": score.items.iter().map(|i| object!({
            "item": i.item,
            "tally": tally(i.tally),
        })).collect::<Vec<_>>(),
    })
}

fn wait(wait: &AgentWait) -> Value {
    match wait {
        AgentWait::NotRequested => object!({"kind": "not-requested"}),
        AgentWait::Connected { requested, onset, within, acceptance, evidence } => object!({
            "kind": "connected",
            "seconds": secs(*onset - *requested),
            "within": secs(*within),
            "requested_at": requested.as_secs_f64(),
            "onset_at": onset.as_secs_f64(),
            "confirm": match acceptance {
                Acceptance::Accepted => None,
                Acceptance::Review { why, .. } => Some(why),
            },
            "listen": match acceptance {
                Acceptance::Accepted => None,
                Acceptance::Review { listen, .. } => Some(span(*listen)),
            },
            "evidence": evidence,
        }),
        AgentWait::NeverConnected { requested, waited } => object!({
            "kind": "never-connected",
            "seconds": secs(*waited),
            "requested_at": requested.as_secs_f64(),
        }),
    }
}

fn attempt(attempt: &AttemptReport) -> Value {
    object!({
        "number": attempt.number,
        "call": attempt.call,
        "opened_at": attempt.opened_at,
        "outcome": attempt.outcome,
        "ending": attempt.ending,
        "wait": wait(&attempt.wait),
        "lasted": secs(attempt.lasted),
    })
}

fn call(call: &CallReport) -> Value {
    object!({
        "unit": call.unit,
        "excluded": call.excluded,
        "what_happened": words::what_happened(call),
        "attempts": call.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "pictured": call.pictured,
        "wait": call.wait().map(wait),
        "true_wait": call.truth.map(|truth| match truth {
            TrueWait::Connected(span) => object!({"kind": "connected", "seconds": secs(span)}),
            TrueWait::NeverConnected => object!({"kind": "never-connected"}),
        }),
        "claimed_by_answer": call.claimed_by_answer().map(secs),
        "reached": call.reached,
        "other_calls": call.other_calls,
        "segments": call.segments.iter().map(segment).collect::<Vec<_>>(),
        "passages": call.passages.iter().map(passage).collect::<Vec<_>>(),
        "events": call.events.iter().map(|e| object!({
            "at": e.at.as_secs_f64(),
            "event": e.kind,
        })).collect::<Vec<_>>(),
        "turns": call.turns.iter().map(|t| object!({
            "party": t.party,
            "start": t.span.start.as_secs_f64(),
            "end": t.span.end.as_secs_f64(),
            "text": t.text,
            "uncertain": t.uncertain,
        })).collect::<Vec<_>>(),
        "judgments": call.judgments.iter().map(judgment).collect::<Vec<_>>(),
    })
}

pub(super) fn span(span: Span) -> [f64; 2] {
    [span.start.as_secs_f64(), span.end.as_secs_f64()]
}

fn judgment(judgment: &Judgment) -> Value {
    object!({
        "item": judgment.item,
        "verdict": judgment.verdict.word(),
        "reason": judgment.verdict.reason().map(ToString::to_string),
        "because": judgment.because,
        "confidence": rounded(judgment.confidence.0),
        "judge": match &judgment.judge {
            Judge::Machine { rule, version } => format!("machine {rule} v{version}"),
            Judge::Monitor { name } => format!("monitor {name}"),
            Judge::Adjudicator { name } => format!("adjudicator {name}"),
        },
        "evidence": judgment.evidence.iter().map(|e| object!({
            "call": e.call,
            "span": span(e.span),
            "party": e.party,
            "note": e.note,
            "gloss": e.gloss,
        })).collect::<Vec<_>>(),
    })
}
