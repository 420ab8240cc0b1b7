//! Records of attempts: written once, never edited.

use super::audio::{RecordingFiles, Shelved, StoredAudio};
use super::campaigns::not_found;
use super::error::{StoreError, While as _};
use super::ledger::end_attempt;
use super::open::Store;
use super::rows::{column, corrupt, from_json, to_json};
use crate::clock;
use crate::domain::ids::{CallId, CampaignId, CenterId, ContentHash, UnitId};
use crate::domain::record::{AttemptRecord, CallEnding, CallRecord, RecordVersion};
use crate::domain::time::CallTime;
use crate::domain::timeline::EventKind;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, Transaction};
use std::collections::BTreeMap;

impl Store {
    /// Ends an attempt: takes its recording and writes its record, in one transaction. An attempt whose ending is
    /// [`CallEnding::Aborted`] is marked as broken off by us.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if no attempt of this call is running; [`StoreError::Mismatch`] if the record does
    /// not fit the ledger; [`StoreError::Io`] if the recording cannot be taken.
    pub async fn finish_attempt(
        &self,
        record: &AttemptRecord,
        files: Option<&RecordingFiles>,
    ) -> Result<(), StoreError> {
        let (shelved, without_audio) = match self.take(record, files).await {
            Ok(shelved) => (shelved, None),
            // A full disk takes the audio, never the record.
            Err(error @ StoreError::Io { .. }) => (None, Some(silent(record, &error))),
            Err(error) => return Err(error),
        };
        let record = without_audio.as_ref().unwrap_or(record);
        let mut writing = self.writing().await?;
        check_against_ledger(&mut writing, record).await?;
        insert_record(&mut writing, record, shelved.as_ref()).await?;
        let state =
            if matches!(record.ending, CallEnding::Aborted { .. }) { "aborted" } else { "ended" };
        end_attempt(&mut writing, record.call, state).await?;
        writing.commit().await.doing("storing a record")
    }

    /// Takes the files before the transaction: if that fails afterwards, they lie on their shelf, which harms nobody.
    async fn take(
        &self,
        record: &AttemptRecord,
        files: Option<&RecordingFiles>,
    ) -> Result<Option<Shelved>, StoreError> {
        let call = record.call;
        match (&record.recording, files) {
            (None, None) => Ok(None),
            (Some(reference), Some(files)) => {
                let (store, hash, files) =
                    (self.clone(), reference.pcm_hash.clone(), files.clone());
                tokio::task::spawn_blocking(move || store.shelve(call, &hash, &files))
                    .await
                    .map_err(|e| corrupt("recording", &call.to_string(), &e))?
                    .map(Some)
            }
            (None, Some(_)) => {
                Err(mismatch(record, "files came with a record that has no recording"))
            }
            (Some(_), None) => {
                Err(mismatch(record, "it has a recording, but no files came with it"))
            }
        }
    }

    /// A unit with all its ended attempts, first to last.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::NewerRecord`] if a record was written by a newer program.
    pub async fn call_record(&self, unit: &UnitId) -> Result<CallRecord, StoreError> {
        let probe_call = self.unit(unit).await?.probe_call;
        let rows = sqlx::query(
            "SELECT record.* FROM record JOIN attempt USING (call) WHERE unit = ? ORDER BY number",
        )
        .bind(unit.as_str())
        .fetch_all(self.pool())
        .await
        .doing("reading records")?;
        let attempts = rows.iter().map(read_record).collect::<Result<_, _>>()?;
        Ok(CallRecord { probe_call, attempts })
    }

    /// All units of a campaign with their ended attempts, by due time.
    ///
    /// # Errors
    /// As [`Self::call_record`].
    pub async fn records(&self, campaign: &CampaignId) -> Result<Vec<CallRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT unit, record.* FROM record JOIN attempt USING (call) JOIN unit ON unit.id = unit \
             WHERE campaign = ? ORDER BY unit, number",
        )
        .bind(campaign.as_str())
        .fetch_all(self.pool())
        .await
        .doing("reading records")?;
        let mut by_unit: BTreeMap<String, Vec<AttemptRecord>> = BTreeMap::new();
        for row in &rows {
            by_unit.entry(column(row, "unit")?).or_default().push(read_record(row)?);
        }
        let units = self.units(campaign).await?;
        Ok(units
            .into_iter()
            .map(|unit| CallRecord {
                attempts: by_unit.remove(unit.probe_call.unit.as_str()).unwrap_or_default(),
                probe_call: unit.probe_call,
            })
            .collect())
    }

    /// The record of one call.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::NewerRecord`].
    pub async fn attempt_record(&self, call: CallId) -> Result<AttemptRecord, StoreError> {
        let row = sqlx::query("SELECT * FROM record WHERE call = ?")
            .bind(call.to_string())
            .fetch_optional(self.pool())
            .await
            .doing("reading a record")?;
        read_record(&row.ok_or_else(|| not_found("record of call", &call.to_string()))?)
    }

    /// Calls of a center in a campaign that have a record, oldest first: the batch it is heard in.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn calls_of_center(
        &self,
        campaign: &CampaignId,
        center: &CenterId,
    ) -> Result<Vec<CallId>, StoreError> {
        let calls: Vec<String> = sqlx::query_scalar(
            "SELECT call FROM record JOIN attempt USING (call) JOIN unit ON unit.id = unit \
             WHERE campaign = ? AND center = ? ORDER BY call",
        )
        .bind(campaign.as_str())
        .bind(center.as_str())
        .fetch_all(self.pool())
        .await
        .doing("listing calls")?;
        calls.iter().map(|c| super::rows::call_id(c)).collect()
    }

    /// The recording of a call; `None` if none was kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the call has no record.
    pub async fn audio(&self, call: CallId) -> Result<Option<StoredAudio>, StoreError> {
        let name = call.to_string();
        let row = sqlx::query("SELECT pcm_hash, wav, sidecar FROM record WHERE call = ?")
            .bind(&name)
            .fetch_optional(self.pool())
            .await
            .doing("looking for a recording")?
            .ok_or_else(|| not_found("record of call", &name))?;
        let hash: Option<String> = column(&row, "pcm_hash")?;
        let wav: Option<String> = column(&row, "wav")?;
        let sidecar: Option<String> = column(&row, "sidecar")?;
        let (Some(hash), Some(wav), Some(sidecar)) = (hash, wav, sidecar) else {
            return Ok(None);
        };
        Ok(Some(StoredAudio {
            pcm_hash: ContentHash::new(hash).map_err(|e| corrupt("recording", &name, &e))?,
            wav: self.folder().join(wav),
            sidecar: self.folder().join(sidecar),
        }))
    }
}

/// The record without its recording, and why.
fn silent(record: &AttemptRecord, error: &StoreError) -> AttemptRecord {
    let mut record = record.clone();
    record.recording = None;
    let what = format!("the recording could not be kept: {error}");
    let at = record.timeline.events().last().map_or(CallTime::ZERO, |event| event.at);
    record.timeline.push(at, EventKind::Degraded { what });
    record
}

fn mismatch(record: &AttemptRecord, what: &'static str) -> StoreError {
    StoreError::Mismatch { call: record.call.to_string(), what }
}

/// A record belongs to the attempt that the ledger knows by its call.
async fn check_against_ledger(
    writing: &mut Transaction<'static, Sqlite>,
    record: &AttemptRecord,
) -> Result<(), StoreError> {
    let call = record.call.to_string();
    let row = sqlx::query("SELECT * FROM attempt WHERE call = ? AND state = 'dialling'")
        .bind(&call)
        .fetch_optional(&mut **writing)
        .await
        .doing("reading an attempt")?
        .ok_or_else(|| not_found("running attempt of call", &call))?;
    if column::<String>(&row, "unit")? != record.unit.as_str() {
        return Err(mismatch(record, "another unit"));
    }
    if column::<i64>(&row, "number")? != i64::from(record.number.get()) {
        return Err(mismatch(record, "another attempt number"));
    }
    if column::<String>(&row, "sip_call_id")? != record.sip_call_id {
        return Err(mismatch(record, "another Call-ID"));
    }
    if record.version != RecordVersion::CURRENT {
        return Err(mismatch(record, "another version of the form"));
    }
    Ok(())
}

/// Writes a record, inside a transaction.
pub(super) async fn insert_record(
    writing: &mut Transaction<'static, Sqlite>,
    record: &AttemptRecord,
    shelved: Option<&Shelved>,
) -> Result<(), StoreError> {
    let call = record.call.to_string();
    sqlx::query(
        "INSERT INTO record (call, version, record, pcm_hash, wav, sidecar, stored) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&call)
    .bind(i64::from(record.version.0))
    .bind(to_json("record", &call, record)?)
    .bind(record.recording.as_ref().map(|r| r.pcm_hash.as_str()))
    .bind(shelved.map(|s| s.wav.as_str()))
    .bind(shelved.map(|s| s.sidecar.as_str()))
    .bind(clock::wall().0.to_string())
    .execute(&mut **writing)
    .await
    .doing("storing a record")?;
    Ok(())
}

fn read_record(row: &SqliteRow) -> Result<AttemptRecord, StoreError> {
    let call: String = row.try_get("call").doing("reading a record")?;
    let version = u32::try_from(column::<i64>(row, "version")?).unwrap_or(u32::MAX);
    if version > RecordVersion::CURRENT.0 {
        return Err(StoreError::NewerRecord {
            call,
            found: version,
            known: RecordVersion::CURRENT.0,
        });
    }
    from_json("record", &call, column(row, "record")?)
}
