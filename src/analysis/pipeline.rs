//! The pipeline: reads recordings from the store, has them heard, read and judged, and writes what was derived.
//!
//! Enters: calls of the store, the models. Leaves: fingerprints, transcripts, hearings, facts and judgments as derived
//! rows. [`Pipeline::prepare`] does for one call what needs no other call and may run while a campaign goes on;
//! [`Pipeline::conclude`] hears a center's calls as each other's library and judges them. Both may be run again.

use super::facts::{Heard, facts_of};
use crate::domain::facts::Facts;
use crate::domain::ids::{CallId, CampaignId, CenterId, UnitId};
use crate::domain::record::{AttemptRecord, CallRecord};
use crate::domain::segment::Hearing;
use crate::domain::timeline::Party;
use crate::domain::transcript::{Language, Transcript};
use crate::domain::verdict::Judgment;
use crate::hearing::{self, Fingerprints, FrameNetwork, Library, OfflineInput, Silero};
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
const HEARING_VERSION: u32 = 1;
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
        let mut prints: Vec<(CallId, Fingerprints)> = Vec::new();
        for (call, bytes) in self.store.fingerprints_of_center(campaign, center, &producer).await? {
            let read = serde_json::from_slice(&bytes);
            prints.push((call, read.map_err(|_| AnalysisError::Fingerprints { call })?));
        }
        let prints = Arc::new(prints);
        let mut all = Vec::new();
        for call in self.store.calls_of_center(campaign, center).await? {
            let record = self.store.attempt_record(call).await?;
            let transcript = self.store.transcript(call, None).await?;
            let hearing = self.hear(record, transcript.clone(), Arc::clone(&prints)).await?;
            all.push((call, Heard { hearing, transcript }));
        }
        Ok(all)
    }

    async fn hear(
        &self,
        record: AttemptRecord,
        transcript: Option<Transcript>,
        prints: Arc<Vec<(CallId, Fingerprints)>>,
    ) -> Result<Option<Hearing>, AnalysisError> {
        let call = record.call;
        let Some(recording) = record.recording.clone() else { return Ok(None) };
        let Some(audio) = self.store.samples(call).await? else { return Ok(None) };
        let silero = Arc::clone(&self.silero);
        let heard = blocking(call, move || {
            let others = prints.iter().filter(|(other, _)| *other != call).map(|(_, p)| p);
            let library = Library::from_calls(others);
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
        let producer = Producer::new("hearing", HEARING_VERSION);
        self.store.put_hearing(call, &producer, &heard).await?;
        Ok(Some(heard))
    }
}

async fn blocking<T: Send + 'static>(
    call: CallId,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AnalysisError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| AnalysisError::Worker { call })
}
