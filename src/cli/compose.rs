//! Puts a report together: what was recorded, derived and scored, as the plain data that every format prints.

use super::failure::{Failure, OrFail as _};
use super::prompts;
use super::truth::{TruthLog, true_wait};
use crate::analysis::pipeline::Judged;
use crate::clock;
use crate::domain::facts::AttemptFacts;
use crate::domain::ids::CampaignId;
use crate::domain::plan::Center;
use crate::domain::record::{AttemptOutcome, AttemptRecord};
use crate::domain::segment::{Acceptance, Hearing};
use crate::domain::time::{CallTime, Span};
use crate::domain::verdict::{Judgment, Verdict};
use crate::judgment::Sheet;
use crate::report::audio::{self, Envelope};
use crate::report::model::{
    AttemptReport, CallReport, CampaignReport, CenterReport, EvidenceClip, ItemView, ReviewClip,
    SheetView, TrueWait,
};
use crate::score::{Counted, score_card};
use crate::store::{Samples, Store, UnitState};
use std::time::Duration;

/// What a report is made from.
pub(super) struct Sources<'a> {
    pub(super) store: &'a Store,
    pub(super) campaign: &'a CampaignId,
    pub(super) sheet: &'a Sheet,
    pub(super) judged: &'a [Judged],
    pub(super) truth: Option<&'a TruthLog>,
    pub(super) notices: Vec<String>,
    pub(super) provenance: Vec<(String, String)>,
}

/// Evidence is cut out with this much around it.
const CLIP_MARGIN: Duration = Duration::from_millis(500);
/// Longer evidence is cut to its first seconds, so that a page stays small.
const LONGEST_CLIP: Duration = Duration::from_secs(8);

/// Composes the report.
pub(super) async fn compose(sources: Sources<'_>) -> Result<CampaignReport, Failure> {
    let centers = sources.store.centers(sources.campaign).await.or_infrastructure()?;
    let simulated =
        sources.judged.iter().flat_map(|j| &j.record.attempts).any(|a| a.provenance.simulated);
    let mut reports = Vec::new();
    let mut notices = sources.notices.clone();
    let opened = || sources.judged.iter().flat_map(|j| &j.record.attempts).map(|a| a.opened_at);
    for center in &centers {
        if let (Some(first), Some(last)) = (opened().min(), opened().max()) {
            notices.extend(prompts::changes(sources.store, center, first..=last).await?);
        }
        reports.push(center_report(&sources, center).await?);
    }
    Ok(CampaignReport {
        campaign: sources.campaign.clone(),
        generated: clock::wall(),
        time_zone: "Asia/Seoul".to_owned(),
        simulated,
        notices,
        sheet: sheet_view(sources.sheet),
        provenance: sources.provenance,
        centers: reports,
    })
}

fn sheet_view(sheet: &Sheet) -> SheetView {
    let items = sheet.items.iter().map(|spec| ItemView {
        item: spec.id,
        dimension: spec.dimension,
        korean: spec.ko.clone(),
        english: spec.en.clone(),
    });
    SheetView { id: sheet.id.clone(), hash: sheet.hash.clone(), items: items.collect() }
}

async fn center_report(sources: &Sources<'_>, center: &Center) -> Result<CenterReport, Failure> {
    let mut calls = Vec::new();
    let mut counted: Vec<Judgment> = Vec::new();
    for judged in sources.judged.iter().filter(|j| j.record.probe_call.center == center.id) {
        let unit = &judged.record.probe_call.unit;
        let state = sources.store.unit(unit).await.or_infrastructure()?.state;
        let excluded = excluded(judged, state);
        if excluded.is_none() {
            counted.extend(judged.judgments.iter().cloned());
        }
        calls.push(call_report(sources, judged, excluded).await?);
    }
    let simulated =
        sources.judged.iter().flat_map(|j| &j.record.attempts).any(|a| a.provenance.simulated);
    let kind = if simulated { Counted::Simulated } else { Counted::Yes };
    let card = score_card(&counted, sources.sheet, kind);
    Ok(CenterReport {
        id: center.id.clone(),
        name: center.name.clone(),
        english: center.english.clone(),
        score: super::figures::figures(&card),
        calls,
    })
}

/// A unit that our own side spoilt does not count, nor one that a replacement stands for.
fn excluded(judged: &Judged, state: UnitState) -> Option<String> {
    if state == UnitState::Replaced {
        return Some("our side spoilt it, and a replacement stands for it".to_owned());
    }
    let aborted = judged.facts.attempts.iter().any(|a| a.outcome == AttemptOutcome::AbortedByProbe);
    aborted.then(|| {
        let why = judged.facts.probe_faults.first().cloned().unwrap_or_default();
        format!("broken off by our side: {why}")
    })
}

async fn call_report(
    sources: &Sources<'_>,
    judged: &Judged,
    excluded: Option<String>,
) -> Result<CallReport, Failure> {
    let facts = &judged.facts;
    let onset_on =
        judged.heard.iter().position(|h| h.hearing.as_ref().is_some_and(|h| h.onset.is_some()));
    let shown = onset_on.unwrap_or(judged.record.attempts.len().saturating_sub(1));
    let record = judged.record.attempts.get(shown);
    let hearing = judged.heard.get(shown).and_then(|h| h.hearing.as_ref());
    let samples = match record {
        Some(record) => sources.store.samples(record.call).await.or_infrastructure()?,
        None => None,
    };
    let clips = match (record, &samples) {
        (Some(record), Some(samples)) => clips(record, samples, &judged.judgments),
        _ => Vec::new(),
    };
    Ok(CallReport {
        unit: judged.record.probe_call.unit.clone(),
        excluded,
        attempts: judged.record.attempts.iter().zip(&facts.attempts).map(attempt).collect(),
        pictured: record.map(|r| r.number),
        truth: sources.truth.and_then(|log| truth(log, judged)),
        segments: hearing.map_or(Vec::new(), |h| h.segments.clone()),
        reached: hearing.and_then(|h| h.reached),
        passages: hearing.map_or(Vec::new(), |h| h.passages.clone()),
        other_calls: hearing.map(|h| h.other_calls),
        events: record.map_or(Vec::new(), |r| r.timeline.events().to_vec()),
        turns: facts.conversation.as_ref().map_or(Vec::new(), |c| c.turns.clone()),
        judgments: judged.judgments.clone(),
        clips,
        to_hear: to_hear(record, samples.as_ref(), hearing),
        envelope: record.zip(samples.as_ref()).and_then(|(record, samples)| {
            let starts_at = record.recording.as_ref()?.starts_at;
            Some(Envelope::of(&samples.received, &samples.sent, starts_at))
        }),
    })
}

fn attempt((record, facts): (&AttemptRecord, &AttemptFacts)) -> AttemptReport {
    AttemptReport {
        number: record.number,
        call: record.call,
        opened_at: record.opened_at,
        outcome: facts.outcome.clone(),
        ending: record.ending.clone(),
        wait: facts.wait.clone(),
        lasted: record.timeline.events().last().map_or(CallTime::ZERO, |e| e.at).since_open(),
    }
}

fn truth(log: &TruthLog, judged: &Judged) -> Option<TrueWait> {
    let truths = log.of(&judged.record);
    if truths.is_empty() {
        return None;
    }
    let connected = truths.iter().find_map(|truth| true_wait(truth));
    Some(connected.map_or(TrueWait::NeverConnected, TrueWait::Connected))
}

/// The seconds around an onset that is not sure, as the hearing names them.
fn to_hear(
    record: Option<&AttemptRecord>,
    samples: Option<&Samples>,
    hearing: Option<&Hearing>,
) -> Option<ReviewClip> {
    let Acceptance::Review { listen: span, .. } = hearing?.onset.as_ref()?.acceptance else {
        return None;
    };
    let starts_at = record?.recording.as_ref()?.starts_at;
    let wav = audio::cut(&samples?.received, starts_at, span, Duration::ZERO)?;
    Some(ReviewClip { span, wav })
}

/// Seconds of audio for every defect and for whatever waits for a person.
fn clips(record: &AttemptRecord, samples: &Samples, judgments: &[Judgment]) -> Vec<EvidenceClip> {
    let Some(recording) = &record.recording else { return Vec::new() };
    let wanted =
        judgments.iter().filter(|j| matches!(j.verdict, Verdict::Defect | Verdict::Pending(_)));
    let pieces = wanted.flat_map(|j| j.evidence.iter().map(move |e| (j.item, e)));
    pieces
        .filter(|(_, evidence)| evidence.call == record.call)
        .filter_map(|(item, evidence)| {
            let end = evidence.span.end.min(evidence.span.start + LONGEST_CLIP);
            let span = Span::new(evidence.span.start, end);
            let wav = audio::cut(&samples.received, recording.starts_at, span, CLIP_MARGIN)?;
            let note = evidence.note.clone();
            Some(EvidenceClip { item, call: record.call, span, note, wav })
        })
        .collect()
}
