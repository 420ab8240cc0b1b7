//! The pipeline: reads recordings from the store, has them heard, read and judged, and writes what was derived.
//!
//! Enters: calls of the store, the models. Leaves: fingerprints, transcripts, hearings, facts and judgments as derived
//! rows. [`Pipeline::prepare`] does for one call what needs no other call and may run while a campaign goes on;
//! [`Pipeline::conclude`] hears a center's calls as each other's library, together with the recordings known of it,
//! enrols what they play, and judges them. Both may be run again.

use super::facts::{Heard, facts_of};
use crate::domain::facts::Facts;
use crate::domain::ids::{CallId, CampaignId, CenterId, UnitId};
use crate::domain::prompt::PromptRecord;
use crate::domain::record::{AttemptRecord, CallRecord};
use crate::domain::segment::Hearing;
use crate::domain::timeline::{EventKind, Party};
use crate::domain::transcript::{Language, Transcript};
use crate::domain::verdict::Judgment;
use crate::hearing::{
    self, EnrolCall, Enrolment, Fingerprints, FrameNetwork, Library, OfflineInput, Silero,
};
use crate::judgment::{Profile, Sheet, judge};
use crate::store::{Producer, Store, StoreError, UnitState};
use crate::transcription::{Job, Priority, Transcriber, TranscriptionError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What can go wrong while a recording is worked up.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The recognizer failed.
    #[error("call `{call}` could not be transcribed: {source}")]
    Transcription {
        /// The call.
        call: CallId,
        /// Why.
        source: TranscriptionError,
    },
    /// Stored fingerprints cannot be read back.
    #[error(
        "fingerprints of call `{call}` cannot be read back; run `callprobe rejudge` to make them again"
    )]
    Fingerprints {
        /// The call.
        call: CallId,
    },
    /// A task of ours that enrolled the recordings of a center broke off.
    #[error(
        "a worker thread broke off while enrolling the recordings of `{center}`; run `callprobe rejudge` to do it again"
    )]
    Enrolment {
        /// The center.
        center: CenterId,
    },
    /// A task of ours broke off.
    #[error(
        "a worker thread broke off while working on call `{call}`; run `callprobe rejudge` to do it again"
    )]
    Worker {
        /// The call.
        call: CallId,
    },
}

/// One unit, worked up and judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was recorded.
    pub record: CallRecord,
    /// What was derived, one for each attempt.
    pub heard: Vec<Heard>,
    /// What the judges read.
    pub facts: Facts,
    /// What they decided.
    pub judgments: Vec<Judgment>,
}

/// Raised when the fingerprints change.
const FINGERPRINT_VERSION: u32 = 1;
/// Raised when the offline tier changes.
const HEARING_VERSION: u32 = 2;
/// Recordings are enrolled from this many of a center's newest calls, of all campaigns: a quarter's calls and those of
/// the quarters around it, compared within seconds.
const ENROLLED_FROM: u32 = 120;
/// A transcription may take this much longer than the recording.
const TRANSCRIPTION_DEADLINE: Duration = Duration::from_mins(2);

/// Works recordings up.
#[derive(Clone)]
pub struct Pipeline {
    store: Store,
    silero: Arc<Silero>,
    transcriber: Option<Transcriber>,
    sheet: Arc<Sheet>,
    profile: Profile,
}

impl Pipeline {
    /// A pipeline over a store. Without a transcriber, calls are judged from the transcripts that are stored.
    pub fn new(
        store: Store,
        silero: Arc<Silero>,
        transcriber: Option<Transcriber>,
        sheet: Arc<Sheet>,
        profile: Profile,
    ) -> Self {
        Self { store, silero, transcriber, sheet, profile }
    }

    /// Takes fingerprints of a call and reads its words. Does nothing for a call without a recording.
    ///
    /// # Errors
    /// [`AnalysisError`]; a call that fails here can be prepared again.
    pub async fn prepare(&self, call: CallId, language: Language) -> Result<(), AnalysisError> {
        let Some(audio) = self.store.samples(call).await? else { return Ok(()) };
        let record = self.store.attempt_record(call).await?;
        let Some(recording) = record.recording else { return Ok(()) };
        let received = Arc::new(audio.received);
        let (samples, silero) = (Arc::clone(&received), Arc::clone(&self.silero));
        let (prints, spans) = blocking(call, move || {
            let prints = hearing::fingerprint(&samples);
            (prints, silero.voiced(&samples, recording.starts_at))
        })
        .await?;
        let producer = Producer::new("fingerprint", FINGERPRINT_VERSION);
        let bytes =
            serde_json::to_vec(&prints).map_err(|_| AnalysisError::Fingerprints { call })?;
        self.store.put_fingerprints(call, &producer, &bytes).await?;
        let Some(transcriber) = &self.transcriber else { return Ok(()) };
        let job = Job {
            pcm8k: received.to_vec(),
            starts_at: recording.starts_at,
            party: Party::FarEnd,
            language,
            deadline: TRANSCRIPTION_DEADLINE,
            priority: Priority::Batch,
            spans,
        };
        let transcript = transcriber
            .transcribe(job)
            .await
            .map_err(|source| AnalysisError::Transcription { call, source })?;
        self.store.put_transcript(call, &transcript).await?;
        Ok(())
    }

    /// Calls whose recording was not prepared, because the program died or their preparation failed.
    ///
    /// # Errors
    /// [`AnalysisError`] if the store cannot be read.
    pub async fn unprepared(&self, campaign: &CampaignId) -> Result<Vec<CallId>, AnalysisError> {
        let mut calls = Vec::new();
        for record in self.store.records(campaign).await? {
            for attempt in record.attempts.iter().filter(|a| a.recording.is_some()) {
                if self.store.transcript(attempt.call, None).await?.is_none() {
                    calls.push(attempt.call);
                }
            }
        }
        Ok(calls)
    }

    /// Hears every call of a campaign with its center's other calls as library, and judges every unit.
    ///
    /// # Errors
    /// [`AnalysisError`]; nothing of the run before is lost.
    pub async fn conclude(&self, campaign: &CampaignId) -> Result<Vec<Judged>, AnalysisError> {
        let records = self.store.records(campaign).await?;
        let centers = self.store.centers(campaign).await?;
        let mut heard: BTreeMap<CallId, Heard> = BTreeMap::new();
        for center in &centers {
            heard.extend(self.hear_center(campaign, &center.id).await?);
        }
        let producer = Producer::new("judgment", 1);
        let judging = self.store.begin_judging(campaign, &producer).await?;
        let mut judged = Vec::new();
        for record in records {
            let Some(center) = centers.iter().find(|c| c.id == record.probe_call.center) else {
                continue;
            };
            let state = self.store.unit(&record.probe_call.unit).await?.state;
            let open = matches!(state, UnitState::Planned | UnitState::Running);
            if record.attempts.is_empty() || open {
                continue;
            }
            let heard: Vec<Heard> = record
                .attempts
                .iter()
                .map(|attempt| heard.get(&attempt.call).cloned().unwrap_or_default())
                .collect();
            let facts = facts_of(&record, &heard, center);
            let judgments = judge(&facts, &self.sheet, self.profile);
            self.store.put_judgments(judging, &facts, &judgments).await?;
            judged.push(Judged { record, heard, facts, judgments });
        }
        Ok(judged)
    }

    /// What was derived last, without deriving anything again: for reports.
    ///
    /// # Errors
    /// [`AnalysisError`] if the store cannot be read.
    pub async fn recall(
        store: &Store,
        campaign: &CampaignId,
    ) -> Result<Vec<Judged>, AnalysisError> {
        let mut all = Vec::new();
        let mut judgments = store.judgments(campaign).await?;
        for record in store.records(campaign).await? {
            let unit: &UnitId = &record.probe_call.unit;
            let Some(facts) = store.facts(unit).await? else { continue };
            let mut heard = Vec::new();
            for attempt in &record.attempts {
                heard.push(Heard {
                    hearing: store.hearing(attempt.call).await?,
                    transcript: store.transcript(attempt.call, None).await?,
                });
            }
            let onset = heard.iter().find_map(|h| Some(h.hearing.as_ref()?.onset.as_ref()?.at));
            let resolved = judgments.remove(unit).map(|j| j.resolve(onset)).unwrap_or_default();
            let judgments = resolved.into_iter().map(|r| r.judgment).collect();
            all.push(Judged { record, heard, facts, judgments });
        }
        Ok(all)
    }

    async fn hear_center(
        &self,
        campaign: &CampaignId,
        center: &CenterId,
    ) -> Result<Vec<(CallId, Heard)>, AnalysisError> {
        let producer = Producer::new("fingerprint", FINGERPRINT_VERSION);
        let prints = self.store.fingerprints_of_center(campaign, center, &producer).await?;
        let known = Known {
            prints: Arc::new(read_prints(prints)?),
            prompts: Arc::new(self.store.prompts(center).await?),
        };
        let mut all = BTreeMap::new();
        for call in self.store.calls_of_center(campaign, center).await? {
            let record = self.store.attempt_record(call).await?;
            let transcript = self.store.transcript(call, None).await?;
            let hearing = self.hear(record, transcript.clone(), known.clone()).await?;
            all.insert(call, Heard { hearing, transcript });
        }
        let enrolment = self.enrol(center, &all).await?;
        let producer = Producer::new("hearing", HEARING_VERSION);
        for (call, heard) in &mut all {
            let Some(hearing) = &mut heard.hearing else { continue };
            if let Some(played) = enrolment.played.get(call)
                && let Some(first) = hearing.segments.first()
            {
                let starts_at = first.span.start;
                hearing::name_segments(&mut hearing.segments, played, starts_at);
            }
            self.store.put_hearing(*call, &producer, hearing).await?;
        }
        Ok(all.into_iter().collect())
    }

    /// Finds what the center's newest calls play and stores it. `fresh` is what was heard just now; of the calls of
    /// other campaigns what was heard last counts.
    async fn enrol(
        &self,
        center: &CenterId,
        fresh: &BTreeMap<CallId, Heard>,
    ) -> Result<Enrolment, AnalysisError> {
        let producer = Producer::new("fingerprint", FINGERPRINT_VERSION);
        let prints = self.store.newest_fingerprints(center, &producer, ENROLLED_FROM).await?;
        let mut sources = Vec::new();
        for (call, prints) in read_prints(prints)? {
            let record = self.store.attempt_record(call).await?;
            let heard = match fresh.get(&call) {
                Some(heard) => heard.clone(),
                None => Heard {
                    hearing: self.store.hearing(call).await?,
                    transcript: self.store.transcript(call, None).await?,
                },
            };
            sources.push(Source { record, prints, heard });
        }
        let stored = self.store.prompts(center).await?;
        let name = center.clone();
        let enrolment = tokio::task::spawn_blocking(move || {
            let calls: Vec<EnrolCall<'_>> = sources.iter().filter_map(Source::call).collect();
            hearing::enrol(&name, &calls, stored)
        })
        .await
        .map_err(|_| AnalysisError::Enrolment { center: center.clone() })?;
        self.store.put_prompts(center, &enrolment.prompts).await?;
        Ok(enrolment)
    }

    async fn hear(
        &self,
        record: AttemptRecord,
        transcript: Option<Transcript>,
        known: Known,
    ) -> Result<Option<Hearing>, AnalysisError> {
        let call = record.call;
        let Some(recording) = record.recording.clone() else { return Ok(None) };
        let Some(audio) = self.store.samples(call).await? else { return Ok(None) };
        let silero = Arc::clone(&self.silero);
        let heard = blocking(call, move || {
            let others = known.prints.iter().map(|(other, prints)| (*other, prints));
            let library = Library::of_center(call, others, known.prompts.iter());
            let input = OfflineInput {
                received: &audio.received,
                sent: &audio.sent,
                starts_at: recording.starts_at,
                timeline: &record.timeline,
                answered: record.timeline.answered(),
                request: record.timeline.agent_request(),
                library: &library,
                network: FrameNetwork::centred(),
                transcript: transcript.as_ref(),
            };
            hearing::analyze(&input, &silero)
        })
        .await?;
        Ok(Some(heard))
    }
}

fn read_prints(rows: Vec<(CallId, Vec<u8>)>) -> Result<Vec<(CallId, Fingerprints)>, AnalysisError> {
    let read = |(call, bytes): (CallId, Vec<u8>)| {
        let prints = serde_json::from_slice(&bytes);
        Ok((call, prints.map_err(|_| AnalysisError::Fingerprints { call })?))
    };
    rows.into_iter().map(read).collect()
}

/// What a center's calls are heard with.
#[derive(Clone)]
struct Known {
    prints: Arc<Vec<(CallId, Fingerprints)>>,
    prompts: Arc<Vec<PromptRecord>>,
}

/// A call that recordings are enrolled from.
struct Source {
    record: AttemptRecord,
    prints: Fingerprints,
    heard: Heard,
}

impl Source {
    fn call(&self) -> Option<EnrolCall<'_>> {
        let timeline = &self.record.timeline;
        let hearing = self.heard.hearing.as_ref();
        let digits = timeline.events().iter().filter_map(|e| match e.kind {
            EventKind::DigitSent { end, .. } => Some(end),
            _ => None,
        });
        Some(EnrolCall {
            call: self.record.call,
            opened: self.record.opened_at,
            prints: &self.prints,
            starts_at: self.record.recording.as_ref()?.starts_at,
            segments: hearing.map_or(&[][..], |h| &h.segments),
            onset: hearing.and_then(|h| h.onset.as_ref()).map(|onset| onset.at),
            answered: timeline.answered(),
            request: timeline.agent_request(),
            pressed: digits.collect(),
            transcript: self.heard.transcript.as_ref(),
        })
    }
}

async fn blocking<T: Send + 'static>(
    call: CallId,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AnalysisError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| AnalysisError::Worker { call })
}
