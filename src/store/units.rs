//! Units: what is still to be called, and how far each has come.

use super::campaigns::{exists, not_found};
use super::error::{StoreError, While as _};
use super::open::Store;
use super::rows::{column, corrupt, from_json, to_json};
use crate::domain::ids::{CampaignId, UnitId};
use crate::domain::plan::ProbeCall;
use crate::domain::time::WallTime;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

/// How far a unit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitState {
    /// Nothing was dialled yet.
    Planned,
    /// It has attempts and may get more.
    Running,
    /// It gets no more attempts; it is judged.
    Done,
    /// Our side spoilt it; another unit stands for it.
    Replaced,
}

impl UnitState {
    const ALL: [Self; 4] = [Self::Planned, Self::Running, Self::Done, Self::Replaced];

    /// One word, as stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Done => "done",
            Self::Replaced => "replaced",
        }
    }

    pub(super) fn from_word(word: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|s| s.word() == word)
            .ok_or_else(|| corrupt("state of a unit", word, &"no such state"))
    }
}

/// A unit as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUnit {
    /// What was planned.
    pub probe_call: ProbeCall,
    /// How far it has come.
    pub state: UnitState,
    /// Why it was replaced or moved, in plain words.
    pub note: Option<String>,
}

impl StoredUnit {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            probe_call: from_json("plan", column(row, "id")?, column(row, "plan")?)?,
            state: UnitState::from_word(column(row, "state")?)?,
            note: column(row, "note")?,
        })
    }
}

const SELECT_ALL: &str = "SELECT * FROM unit WHERE campaign = ? ORDER BY due_us, id";
const SELECT_OPEN: &str =
    "SELECT * FROM unit WHERE campaign = ? AND state IN ('planned', 'running') ORDER BY due_us, id";
const SELECT_DUE: &str = "SELECT * FROM unit WHERE campaign = ? AND state IN ('planned', 'running') AND due_us <= ? \
     ORDER BY due_us, id";

impl Store {
    /// Adds planned units; none of them, if one cannot be added.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if a unit of that name is in the store, of whatever campaign.
    pub async fn add_units(&self, units: &[ProbeCall]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        for unit in units {
            insert_unit(&mut writing, unit).await?;
        }
        writing.commit().await.doing("storing units")
    }

    /// All units of a campaign, by due time.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn units(&self, campaign: &CampaignId) -> Result<Vec<StoredUnit>, StoreError> {
        let rows = sqlx::query(SELECT_ALL).bind(campaign.as_str()).fetch_all(self.pool()).await;
        rows.doing("listing units")?.iter().map(StoredUnit::from_row).collect()
    }

    /// Units that are planned or running, by due time.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn open_units(&self, campaign: &CampaignId) -> Result<Vec<StoredUnit>, StoreError> {
        let rows = sqlx::query(SELECT_OPEN).bind(campaign.as_str()).fetch_all(self.pool()).await;
        rows.doing("listing open units")?.iter().map(StoredUnit::from_row).collect()
    }

    /// Units that are planned or running and due at `now` or before, by due time.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn due_units(
        &self,
        campaign: &CampaignId,
        now: WallTime,
    ) -> Result<Vec<StoredUnit>, StoreError> {
        let rows = sqlx::query(SELECT_DUE)
            .bind(campaign.as_str())
            .bind(now.0.as_microsecond())
            .fetch_all(self.pool())
            .await;
        rows.doing("listing due units")?.iter().map(StoredUnit::from_row).collect()
    }

    /// One unit.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of that name.
    pub async fn unit(&self, unit: &UnitId) -> Result<StoredUnit, StoreError> {
        let row = sqlx::query("SELECT * FROM unit WHERE id = ?")
            .bind(unit.as_str())
            .fetch_optional(self.pool())
            .await
            .doing("reading a unit")?;
        StoredUnit::from_row(&row.ok_or_else(|| not_found("unit", unit.as_str()))?)
    }

    /// Notes that a unit has come to `state`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::UnitClosed`] if it is done or replaced already and `state` is another.
    pub async fn mark_unit(&self, unit: &UnitId, state: UnitState) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        let now = unit_in(&mut writing, unit).await?;
        if now.state == state {
            return Ok(());
        }
        refuse_closed(unit, now.state)?;
        set_state(&mut writing, unit, state, now.note.as_deref()).await?;
        writing.commit().await.doing("marking a unit")
    }

    /// Moves a unit that was not dialled yet to another time, and says why.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::UnitClosed`] unless it is only planned.
    pub async fn move_unit(
        &self,
        unit: &UnitId,
        due: WallTime,
        why: &str,
    ) -> Result<ProbeCall, StoreError> {
        let mut writing = self.writing().await?;
        let StoredUnit { mut probe_call, state, .. } = unit_in(&mut writing, unit).await?;
        if state != UnitState::Planned {
            return Err(closed(unit, state));
        }
        probe_call.due = due;
        sqlx::query("UPDATE unit SET due_us = ?, plan = ?, note = ? WHERE id = ?")
            .bind(due.0.as_microsecond())
            .bind(to_json("plan", unit.as_str(), &probe_call)?)
            .bind(format!("moved: {why}"))
            .bind(unit.as_str())
            .execute(&mut *writing)
            .await
            .doing("moving a unit")?;
        writing.commit().await.doing("moving a unit")?;
        Ok(probe_call)
    }

    /// Marks a unit as spoilt by our side and plans a linked replacement for `due`: `<unit>.r1`, `.r2` …
    /// Replacing a unit that is replaced already gives its replacement again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::AttemptRunning`] while an attempt has not ended;
    /// [`StoreError::Exists`] if the new name is taken.
    pub async fn replace_unit(
        &self,
        unit: &UnitId,
        due: WallTime,
        why: &str,
    ) -> Result<ProbeCall, StoreError> {
        let mut writing = self.writing().await?;
        let old = unit_in(&mut writing, unit).await?;
        if old.state == UnitState::Replaced {
            return replacement_in(&mut writing, unit).await;
        }
        let running: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM attempt WHERE unit = ? AND state = 'dialling'",
        )
        .bind(unit.as_str())
        .fetch_one(&mut *writing)
        .await
        .doing("looking for a running attempt")?;
        if running > 0 {
            return Err(StoreError::AttemptRunning { unit: unit.to_string() });
        }
        set_state(&mut writing, unit, UnitState::Replaced, Some(why)).await?;
        let replacement = ProbeCall {
            unit: replacement_name(unit)?,
            due,
            replaces: Some(unit.clone()),
            ..old.probe_call
        };
        insert_unit(&mut writing, &replacement).await?;
        writing.commit().await.doing("replacing a unit")?;
        Ok(replacement)
    }
}

/// `a.07` gives `a.07.r1`, and that gives `a.07.r2`.
fn replacement_name(unit: &UnitId) -> Result<UnitId, StoreError> {
    let name = unit.as_str();
    let ordinal = name.rsplit_once(".r").and_then(|(stem, n)| Some((stem, n.parse::<u32>().ok()?)));
    let (stem, next) = ordinal.map_or((name, 1), |(stem, n)| (stem, n.saturating_add(1)));
    UnitId::new(format!("{stem}.r{next}")).map_err(|e| corrupt("replacement's name", name, &e))
}

async fn replacement_in(
    writing: &mut Transaction<'static, Sqlite>,
    unit: &UnitId,
) -> Result<ProbeCall, StoreError> {
    let row = sqlx::query("SELECT * FROM unit WHERE replaces = ?")
        .bind(unit.as_str())
        .fetch_optional(&mut **writing)
        .await
        .doing("reading a replacement")?;
    let row = row.ok_or_else(|| not_found("replacement of unit", unit.as_str()))?;
    Ok(StoredUnit::from_row(&row)?.probe_call)
}

async fn insert_unit(
    writing: &mut Transaction<'static, Sqlite>,
    unit: &ProbeCall,
) -> Result<(), StoreError> {
    let name = unit.unit.as_str();
    sqlx::query(
        "INSERT INTO unit (id, campaign, center, due_us, replaces, plan) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(name)
    .bind(unit.campaign.as_str())
    .bind(unit.center.as_str())
    .bind(unit.due.0.as_microsecond())
    .bind(unit.replaces.as_ref().map(UnitId::as_str))
    .bind(to_json("plan", name, unit)?)
    .execute(&mut **writing)
    .await
    .map_err(|error| {
        let unknown =
            error.as_database_error().is_some_and(<dyn DatabaseError>::is_foreign_key_violation);
        if unknown {
            not_found("center", &format!("{} / {}", unit.campaign, unit.center))
        } else {
            exists("unit", name, error)
        }
    })?;
    Ok(())
}

/// A unit, inside a transaction.
pub(super) async fn unit_in(
    writing: &mut Transaction<'static, Sqlite>,
    unit: &UnitId,
) -> Result<StoredUnit, StoreError> {
    let row = sqlx::query("SELECT * FROM unit WHERE id = ?")
        .bind(unit.as_str())
        .fetch_optional(&mut **writing)
        .await
        .doing("reading a unit")?;
    StoredUnit::from_row(&row.ok_or_else(|| not_found("unit", unit.as_str()))?)
}

/// Sets the state of a unit, inside a transaction.
pub(super) async fn set_state(
    writing: &mut Transaction<'static, Sqlite>,
    unit: &UnitId,
    state: UnitState,
    note: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE unit SET state = ?, note = ? WHERE id = ?")
        .bind(state.word())
        .bind(note)
        .bind(unit.as_str())
        .execute(&mut **writing)
        .await
        .doing("marking a unit")?;
    Ok(())
}

/// Refuses what a done or replaced unit may not take.
pub(super) fn refuse_closed(unit: &UnitId, state: UnitState) -> Result<(), StoreError> {
    match state {
        UnitState::Planned | UnitState::Running => Ok(()),
        UnitState::Done | UnitState::Replaced => Err(closed(unit, state)),
    }
}

fn closed(unit: &UnitId, state: UnitState) -> StoreError {
    StoreError::UnitClosed { unit: unit.to_string(), state: state.word() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_of_a_replacement_counts_on() {
        let next = |n: &str| replacement_name(&UnitId::new(n).unwrap()).unwrap().to_string();
        assert_eq!(next("a.q1.07"), "a.q1.07.r1");
        assert_eq!(next("a.q1.07.r1"), "a.q1.07.r2");
        assert_eq!(next("a.rest"), "a.rest.r1");
    }
}
