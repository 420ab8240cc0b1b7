//! The ledger: every INVITE stands in it before it leaves.

use super::campaigns::not_found;
use super::error::{StoreError, While as _};
use super::lock::RunLock;
use super::open::Store;
use super::records::insert_record;
use super::rows::{call_id, column, corrupt, from_json, to_json, wall_time};
use super::units::{UnitState, refuse_closed, set_state, unit_in};
use crate::clock;
use crate::domain::ids::{AttemptNumber, CallId, UnitId};
use crate::domain::ledger::AttemptTicket;
use crate::domain::number::DialString;
use crate::domain::record::{AttemptRecord, CallEnding, Provenance, RecordVersion};
use crate::domain::time::{CallTime, WallTime};
use crate::domain::timeline::{EventKind, Timeline};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

/// What an attempt is begun with: enough to end its dialog after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// The unit.
    pub unit: UnitId,
    /// When it is begun.
    pub opened_at: WallTime,
    /// Socket of the trunk, `address:port`.
    pub trunk: String,
    /// The number to dial.
    pub number: DialString,
    /// Domain of the request URI.
    pub domain: String,
    /// What will have made the record.
    pub provenance: Provenance,
}

/// What the INVITE of an attempt is known by, noted before it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedInvite {
    /// Branch of its `Via`.
    pub branch: String,
    /// Tag of its `From`.
    pub from_tag: String,
}

/// An attempt that was begun and never ended: the process that dialled is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct StaleAttempt {
    /// The unit.
    pub unit: UnitId,
    /// Ordinal in the unit.
    pub number: AttemptNumber,
    /// The call.
    pub call: CallId,
    /// `Call-ID` of its dialog.
    pub sip_call_id: String,
    /// When it was begun.
    pub opened_at: WallTime,
    /// Socket of the trunk, `address:port`.
    pub trunk: String,
    /// The number that was dialled.
    pub dialled: DialString,
    /// Domain of the request URI.
    pub domain: String,
    /// What its INVITE is known by; `None` if none has left.
    pub invite: Option<NotedInvite>,
    /// The dialog as stored when it was answered; `None` if it was not.
    pub dialog: Option<serde_json::Value>,
    /// What will have made the record.
    pub provenance: Provenance,
}

impl StaleAttempt {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let call: String = column(row, "call")?;
        let bad = |e: &dyn std::fmt::Display| corrupt("attempt", &call, e);
        let tag: Option<String> = column(row, "from_tag")?;
        let branch: Option<String> = column(row, "branch")?;
        let dialog: Option<String> = column(row, "dialog")?;
        let number = u32::try_from(column::<i64>(row, "number")?).unwrap_or(0);
        Ok(Self {
            unit: UnitId::new(column::<String>(row, "unit")?).map_err(|e| bad(&e))?,
            number: AttemptNumber::new(number).ok_or_else(|| bad(&"number 0"))?,
            call: call_id(&call)?,
            sip_call_id: column(row, "sip_call_id")?,
            opened_at: wall_time(column(row, "opened")?)?,
            trunk: column(row, "trunk")?,
            dialled: DialString::new(column(row, "dialled")?).map_err(|e| bad(&e))?,
            domain: column(row, "domain")?,
            invite: tag.zip(branch).map(|(from_tag, branch)| NotedInvite { branch, from_tag }),
            dialog: dialog.map(|d| from_json("dialog", &call, &d)).transpose()?,
            provenance: from_json("provenance", &call, column(row, "provenance")?)?,
        })
    }

    /// The record of an attempt that our side broke off.
    fn aborted(&self, why: &str) -> AttemptRecord {
        let mut timeline = Timeline::default();
        if self.invite.is_some() {
            timeline.push(CallTime::ZERO, EventKind::InviteSent { attempt: self.number });
        }
        timeline.push(CallTime::ZERO, EventKind::Aborted { why: why.to_owned() });
        AttemptRecord {
            version: RecordVersion::CURRENT,
            unit: self.unit.clone(),
            number: self.number,
            call: self.call,
            opened_at: self.opened_at,
            sip_call_id: self.sip_call_id.clone(),
            ending: CallEnding::Aborted { why: why.to_owned() },
            timeline,
            recording: None,
            line_quality: None,
            provenance: self.provenance.clone(),
        }
    }
}

impl Store {
    /// Writes the next attempt of a unit into the ledger and, when it stands on the disk, issues the ticket for its
    /// one INVITE.
    ///
    /// # Errors
    /// [`StoreError::AttemptRunning`] while another attempt of the unit has not ended; [`StoreError::UnitClosed`] if
    /// the unit is done or replaced; [`StoreError::NotFound`].
    pub async fn begin_attempt(
        &self,
        _lock: &RunLock,
        new: NewAttempt,
    ) -> Result<AttemptTicket, StoreError> {
        let call = clock::new_call_id();
        let sip_call_id = format!("{call}@callprobe");
        let mut writing = self.writing().await?;
        let unit = unit_in(&mut writing, &new.unit).await?;
        refuse_closed(&new.unit, unit.state)?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(number) FROM attempt WHERE unit = ?")
                .bind(new.unit.as_str())
                .fetch_one(&mut *writing)
                .await
                .doing("counting attempts")?;
        let number = u32::try_from(last.unwrap_or(0))
            .ok()
            .and_then(|n| AttemptNumber::new(n.saturating_add(1)))
            .ok_or_else(|| corrupt("attempts", new.unit.as_str(), &"their number"))?;
        insert_attempt(&mut writing, &new, number, call, &sip_call_id).await?;
        set_state(&mut writing, &new.unit, UnitState::Running, unit.note.as_deref()).await?;
        writing.commit().await.doing("writing the ledger")?;
        Ok(AttemptTicket::issue(new.unit, number, call, sip_call_id))
    }

    /// Notes what a CANCEL of the INVITE would need, before or as it leaves.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if no attempt of this call is running.
    pub async fn note_invite(
        &self,
        call: CallId,
        branch: &str,
        from_tag: &str,
    ) -> Result<(), StoreError> {
        let sql =
            "UPDATE attempt SET branch = ?, from_tag = ? WHERE call = ? AND state = 'dialling'";
        let query = sqlx::query(sql).bind(branch).bind(from_tag).bind(call.to_string());
        let done = query.execute(self.pool()).await.doing("noting an INVITE")?;
        running_attempt(done.rows_affected(), call)
    }

    /// Notes what a BYE of the answered dialog would need.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if no attempt of this call is running.
    pub async fn note_dialog(
        &self,
        call: CallId,
        dialog: &serde_json::Value,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE attempt SET dialog = ? WHERE call = ? AND state = 'dialling'";
        let query = sqlx::query(sql).bind(dialog.to_string()).bind(call.to_string());
        let done = query.execute(self.pool()).await.doing("noting a dialog")?;
        running_attempt(done.rows_affected(), call)
    }

    /// Attempts that were begun and never ended, oldest first. Whoever holds the lock knows that their process is
    /// gone.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn stale_attempts(&self, _lock: &RunLock) -> Result<Vec<StaleAttempt>, StoreError> {
        let rows = sqlx::query("SELECT * FROM attempt WHERE state = 'dialling' ORDER BY call")
            .fetch_all(self.pool())
            .await
            .doing("looking for broken attempts")?;
        rows.iter().map(StaleAttempt::from_row).collect()
    }

    /// Ends an attempt in the ledger that our side broke off, and writes its record. The unit still has to be
    /// replaced ([`Self::replace_unit`]).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if no attempt of this call is running.
    pub async fn abort_attempt(
        &self,
        call: CallId,
        why: &str,
    ) -> Result<AttemptRecord, StoreError> {
        let mut writing = self.writing().await?;
        let row = sqlx::query("SELECT * FROM attempt WHERE call = ? AND state = 'dialling'")
            .bind(call.to_string())
            .fetch_optional(&mut *writing)
            .await
            .doing("reading an attempt")?;
        let row = row.ok_or_else(|| not_found("running attempt of call", &call.to_string()))?;
        let record = StaleAttempt::from_row(&row)?.aborted(why);
        insert_record(&mut writing, &record, None).await?;
        end_attempt(&mut writing, call, "aborted").await?;
        writing.commit().await.doing("aborting an attempt")?;
        Ok(record)
    }
}

async fn insert_attempt(
    writing: &mut Transaction<'static, Sqlite>,
    new: &NewAttempt,
    number: AttemptNumber,
    call: CallId,
    sip_call_id: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attempt (unit, number, call, sip_call_id, opened, trunk, dialled, domain, provenance) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.unit.as_str())
    .bind(i64::from(number.get()))
    .bind(call.to_string())
    .bind(sip_call_id)
    .bind(new.opened_at.0.to_string())
    .bind(&new.trunk)
    .bind(new.number.as_str())
    .bind(&new.domain)
    .bind(to_json("provenance", new.unit.as_str(), &new.provenance)?)
    .execute(&mut **writing)
    .await
    .map_err(|error| {
        if error.as_database_error().is_some_and(<dyn DatabaseError>::is_unique_violation) {
            StoreError::AttemptRunning { unit: new.unit.to_string() }
        } else {
            StoreError::Database { doing: "writing the ledger", source: error }
        }
    })?;
    Ok(())
}

/// Ends an attempt, inside a transaction.
pub(super) async fn end_attempt(
    writing: &mut Transaction<'static, Sqlite>,
    call: CallId,
    state: &'static str,
) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE attempt SET state = ? WHERE call = ? AND state = 'dialling'")
        .bind(state)
        .bind(call.to_string())
        .execute(&mut **writing)
        .await
        .doing("ending an attempt")?;
    running_attempt(done.rows_affected(), call)
}

fn running_attempt(rows: u64, call: CallId) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(not_found("running attempt of call", &call.to_string())) }
}
