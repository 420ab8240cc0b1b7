//! Facts and judgments: a run of ours replaces the one before; a person's judgment stays.

use super::campaigns::not_found;
use super::derived::Producer;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::rows::{column, from_json, to_json, wall_time};
use crate::clock;
use crate::domain::ctq::CtqItem;
use crate::domain::facts::Facts;
use crate::domain::ids::{CampaignId, UnitId};
use crate::domain::time::{CallTime, WallTime};
use crate::domain::verdict::{Judge, Judgment, Reason, Verdict};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// Names a judging run; later runs have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JudgingId(i64);

/// A person's judgment as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct HumanJudgment {
    /// What was decided.
    pub judgment: Judgment,
    /// Where the agent's onset lay when the person judged; `None` if there was none.
    pub onset: Option<CallTime>,
    /// When.
    pub made: WallTime,
}

/// All that counts of a unit now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnitJudgments {
    /// The run that judged it last.
    pub judging: Option<JudgingId>,
    /// Its judgments, in the order of the sheet.
    pub machine: Vec<Judgment>,
    /// What people decided, oldest first.
    pub human: Vec<HumanJudgment>,
}

/// The judgment that stands for an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedJudgment {
    /// What stands.
    pub judgment: Judgment,
    /// A person decided it, and the onset has moved since: it should be heard again.
    pub onset_moved: bool,
}

impl UnitJudgments {
    /// What stands for every judged item: an adjudicator before monitors, these before the machine. A monitor's later
    /// judgment replaces the earlier one; monitors who differ leave the item pending. `onset` is where the agent's
    /// onset lies now.
    pub fn resolve(&self, onset: Option<CallTime>) -> Vec<ResolvedJudgment> {
        CtqItem::ALL.into_iter().filter_map(|item| self.resolve_item(item, onset)).collect()
    }

    fn resolve_item(&self, item: CtqItem, onset: Option<CallTime>) -> Option<ResolvedJudgment> {
        let of_item = || self.human.iter().filter(|h| h.judgment.item == item);
        let stands = |human: &HumanJudgment, judgment: Judgment| ResolvedJudgment {
            judgment,
            onset_moved: human.onset != onset,
        };
        let settled =
            of_item().rev().find(|h| matches!(h.judgment.judge, Judge::Adjudicator { .. }));
        if let Some(human) = settled {
            return Some(stands(human, human.judgment.clone()));
        }
        let mut monitors: BTreeMap<&str, &HumanJudgment> = BTreeMap::new();
        for human in of_item() {
            if let Judge::Monitor { name } = &human.judgment.judge {
                monitors.insert(name, human);
            }
        }
        let last = monitors.values().max_by_key(|h| h.made);
        if let Some(human) = last {
            let agreed = monitors.values().all(|h| h.judgment.verdict == human.judgment.verdict);
            let mut judgment = human.judgment.clone();
            if !agreed {
                judgment.verdict = Verdict::Pending(Reason::MonitorsDiffer);
                judgment.because = format!("{} monitors differ", monitors.len());
            }
            return Some(stands(human, judgment));
        }
        let machine = self.machine.iter().find(|j| j.item == item)?;
        Some(ResolvedJudgment { judgment: machine.clone(), onset_moved: false })
    }
}

impl Store {
    /// Begins a judging run of a campaign.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such campaign.
    pub async fn begin_judging(
        &self,
        campaign: &CampaignId,
        producer: &Producer,
    ) -> Result<JudgingId, StoreError> {
        let done = sqlx::query("INSERT INTO judging (campaign, producer, begun) VALUES (?, ?, ?)")
            .bind(campaign.as_str())
            .bind(producer.as_str())
            .bind(clock::wall().0.to_string())
            .execute(self.pool())
            .await
            .map_err(|error| {
                if error
                    .as_database_error()
                    .is_some_and(<dyn DatabaseError>::is_foreign_key_violation)
                {
                    not_found("campaign", campaign.as_str())
                } else {
                    StoreError::Database { doing: "beginning a judging run", source: error }
                }
            })?;
        Ok(JudgingId(done.last_insert_rowid()))
    }

    /// Stores what a run found of a unit: its facts and its judgments, together.
    ///
    /// # Errors
    /// [`StoreError::Database`] if the run has judged the unit already.
    pub async fn put_judgments(
        &self,
        judging: JudgingId,
        facts: &Facts,
        judgments: &[Judgment],
    ) -> Result<(), StoreError> {
        let unit = facts.unit.as_str();
        let mut writing = self.writing().await?;
        sqlx::query("INSERT INTO facts (unit, judging, facts) VALUES (?, ?, ?)")
            .bind(unit)
            .bind(judging.0)
            .bind(to_json("facts", unit, facts)?)
            .execute(&mut *writing)
            .await
            .doing("storing facts")?;
        let made = clock::wall().0.to_string();
        for judgment in judgments {
            sqlx::query(
                "INSERT INTO judgment (unit, item, judging, judgment, made) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(judgment.unit.as_str())
            .bind(judgment.item.to_string())
            .bind(judging.0)
            .bind(to_json("judgment", unit, judgment)?)
            .bind(&made)
            .execute(&mut *writing)
            .await
            .doing("storing judgments")?;
        }
        writing.commit().await.doing("storing judgments")
    }

    /// Stores a person's judgment, with the onset that the person saw.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such unit.
    pub async fn put_human_judgment(
        &self,
        judgment: &Judgment,
        onset: Option<CallTime>,
    ) -> Result<(), StoreError> {
        let unit = judgment.unit.as_str();
        sqlx::query(
            "INSERT INTO judgment (unit, item, judgment, onset_us, made) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(unit)
        .bind(judgment.item.to_string())
        .bind(to_json("judgment", unit, judgment)?)
        .bind(onset.map(|o| o.as_micros().cast_signed()))
        .bind(clock::wall().0.to_string())
        .execute(self.pool())
        .await
        .map_err(|error| {
            if error.as_database_error().is_some_and(<dyn DatabaseError>::is_foreign_key_violation)
            {
                not_found("unit", unit)
            } else {
                StoreError::Database { doing: "storing a judgment", source: error }
            }
        })?;
        Ok(())
    }

    /// The facts of a unit from the run that judged it last.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn facts(&self, unit: &UnitId) -> Result<Option<Facts>, StoreError> {
        let text: Option<String> = sqlx::query_scalar(
            "SELECT facts FROM facts WHERE unit = ? ORDER BY judging DESC LIMIT 1",
        )
        .bind(unit.as_str())
        .fetch_optional(self.pool())
        .await
        .doing("reading facts")?;
        text.map(|t| from_json("facts", unit.as_str(), &t)).transpose()
    }

    /// What counts of a unit now: the last run's judgments and all of people's.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn unit_judgments(&self, unit: &UnitId) -> Result<UnitJudgments, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM judgment WHERE unit = ?1 AND (judging IS NULL OR judging = \
             (SELECT max(judging) FROM facts WHERE unit = ?1)) ORDER BY id",
        )
        .bind(unit.as_str())
        .fetch_all(self.pool())
        .await
        .doing("reading judgments")?;
        let mut found = UnitJudgments::default();
        for row in &rows {
            found.add(row)?;
        }
        Ok(found)
    }

    /// What counts of every unit of a campaign that was judged, by unit.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn judgments(
        &self,
        campaign: &CampaignId,
    ) -> Result<BTreeMap<UnitId, UnitJudgments>, StoreError> {
        let rows = sqlx::query(
            "SELECT judgment.* FROM judgment JOIN unit ON unit.id = judgment.unit WHERE campaign = ? \
             AND (judging IS NULL OR judging = (SELECT max(f.judging) FROM facts f WHERE f.unit = judgment.unit)) \
             ORDER BY judgment.id",
        )
        .bind(campaign.as_str())
        .fetch_all(self.pool())
        .await
        .doing("reading judgments")?;
        let mut by_unit: BTreeMap<UnitId, UnitJudgments> = BTreeMap::new();
        for row in &rows {
            let unit: String = column(row, "unit")?;
            let unit = UnitId::new(unit)
                .map_err(|e| super::rows::corrupt("unit of a judgment", &e.name, &e))?;
            by_unit.entry(unit).or_default().add(row)?;
        }
        Ok(by_unit)
    }
}

impl UnitJudgments {
    fn add(&mut self, row: &SqliteRow) -> Result<(), StoreError> {
        let judgment: Judgment =
            from_json("judgment", column(row, "unit")?, column(row, "judgment")?)?;
        if let Some(judging) = column::<Option<i64>>(row, "judging")? {
            self.judging = Some(JudgingId(judging));
            let place = self.machine.partition_point(|j| j.item <= judgment.item);
            self.machine.insert(place, judgment);
        } else {
            let onset: Option<i64> = column(row, "onset_us")?;
            let made = wall_time(column(row, "made")?)?;
            let onset = onset.map(|o| CallTime::from_micros(o.cast_unsigned()));
            self.human.push(HumanJudgment { judgment, onset, made });
        }
        Ok(())
    }
}
