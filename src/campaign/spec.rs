//! The specification of a campaign, as its file says it.

use super::calendar::CalendarQuarter;
use super::pacing::Bands;
use crate::domain::ids::{CampaignId, CenterId, ScenarioId, SheetId, UnitId};
use crate::domain::plan::Center;
use crate::domain::time::TimeBand;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What kind of campaign it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Real centers, with quota, hours, allow-list and mandates.
    #[default]
    Survey,
    /// Simulated centers on a loopback trunk, at once; never counted in an index.
    Simulation,
}

/// Whether a campaign may send INVITEs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "bool", into = "bool")]
#[schemars(with = "bool")]
pub enum DryRun {
    /// Plans and shows; sends nothing. The default of every new campaign.
    #[default]
    Yes,
    /// Calls.
    No,
}

impl From<bool> for DryRun {
    fn from(dry: bool) -> Self {
        if dry { Self::Yes } else { Self::No }
    }
}

impl From<DryRun> for bool {
    fn from(dry: DryRun) -> Self {
        dry == DryRun::Yes
    }
}

/// The specification of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CampaignSpec {
    /// Its identifier.
    pub id: CampaignId,
    /// Survey or simulation.
    #[serde(default)]
    pub profile: Profile,
    /// Whether nothing is dialled; `true` unless said otherwise.
    #[serde(default)]
    pub dry_run: DryRun,
    /// Seed of the plan: the same seed gives the same plan.
    #[serde(default)]
    pub seed: u64,
    /// Calls to each center in each quarter.
    #[serde(default = "calls_per_quarter")]
    pub calls: u32,
    /// First quarter, `2026q4`; a survey needs it, a simulation has none.
    #[serde(default)]
    pub first_quarter: Option<CalendarQuarter>,
    /// How many quarters, 1 to 4.
    #[serde(default = "one")]
    pub quarters: u8,
    /// Hours of the bands.
    #[serde(default)]
    pub bands: Bands,
    /// Further days on which nobody is called.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub closed: Vec<jiff::civil::Date>,
    /// The sheet that calls are judged by.
    #[serde(default)]
    pub sheet: Option<SheetId>,
    /// The scenario of centers that have none of their own.
    #[serde(default)]
    pub scenario: Option<ScenarioId>,
    /// Scenarios by center.
    #[serde(default)]
    pub scenarios: BTreeMap<CenterId, ScenarioId>,
    /// The centers.
    pub centers: Vec<Center>,
}

fn calls_per_quarter() -> u32 {
    25
}

fn one() -> u8 {
    1
}

/// A specification that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is nobody to call.
    #[error("campaign `{0}` has no centers; add at least one to `centers`")]
    NoCenters(CampaignId),
    /// A center stands in it twice.
    #[error("center `{0}` stands in `centers` twice; remove one, or give it another `id`")]
    DoubleCenter(CenterId),
    /// A center has no scenario.
    #[error("center `{0}` has no scenario; add it to `scenarios`, or give all a `scenario`")]
    NoScenario(CenterId),
    /// A scenario is given for a center that is not in the campaign.
    #[error(
        "`scenarios` names `{0}`, which is not in `centers`; correct the name or remove the line"
    )]
    UnknownCenter(CenterId),
    /// Calls out of range.
    #[error("`calls: {calls}` cannot be carried out; use 1 to {most}")]
    Calls {
        /// What was asked for.
        calls: u32,
        /// The most that is possible.
        most: u32,
    },
    /// Quarters out of range.
    #[error("`quarters: {0}` cannot be carried out; use 1 to 4")]
    Quarters(u8),
    /// A survey without dates.
    #[error("a survey needs `first-quarter`, for example `first-quarter: 2026q4`")]
    NoQuarter,
    /// Bands overlap.
    #[error(
        "bands `{first:?}` and `{second:?}` overlap or stand in the wrong order; let each end before the next begins"
    )]
    Bands {
        /// The earlier band.
        first: TimeBand,
        /// The band it runs into.
        second: TimeBand,
    },
    /// The names of units would be too long.
    #[error(
        "the names `{campaign}` and `{center}` are too long together; shorten one (50 characters for both)"
    )]
    LongNames {
        /// The campaign.
        campaign: CampaignId,
        /// The center.
        center: CenterId,
    },
    /// The calendar has too few days.
    #[error(
        "{quarter} has no room for call {call} to `{center}`; lower `calls`, or open some `closed` days"
    )]
    NoRoom {
        /// The quarter.
        quarter: CalendarQuarter,
        /// The center.
        center: CenterId,
        /// Ordinal of the call.
        call: u32,
    },
}

impl CampaignSpec {
    /// The most calls to one center in a quarter of a survey: 13 weeks of at most 3 calls, with room for holidays.
    pub const MOST_IN_QUARTER: u32 = 30;
    /// The most calls to one center in a simulation.
    pub const MOST_SIMULATED: u32 = 1000;

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first [`SpecError`] found.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.centers.is_empty() {
            return Err(SpecError::NoCenters(self.id.clone()));
        }
        let mut seen = BTreeSet::new();
        for center in &self.centers {
            if !seen.insert(&center.id) {
                return Err(SpecError::DoubleCenter(center.id.clone()));
            }
            if self.scenario_of(&center.id).is_none() {
                return Err(SpecError::NoScenario(center.id.clone()));
            }
            // Room for `.q4.1000` and a replacement's `.r2`.
            if UnitId::new(format!("{}.{}.q4.1000.r2", self.id, center.id)).is_err() {
                let (campaign, center) = (self.id.clone(), center.id.clone());
                return Err(SpecError::LongNames { campaign, center });
            }
        }
        if let Some(unknown) = self.scenarios.keys().find(|c| !seen.contains(c)) {
            return Err(SpecError::UnknownCenter(unknown.clone()));
        }
        let most = match self.profile {
            Profile::Survey => Self::MOST_IN_QUARTER,
            Profile::Simulation => Self::MOST_SIMULATED,
        };
        if !(1..=most).contains(&self.calls) {
            return Err(SpecError::Calls { calls: self.calls, most });
        }
        if !(1..=4).contains(&self.quarters) {
            return Err(SpecError::Quarters(self.quarters));
        }
        if self.profile == Profile::Survey && self.first_quarter.is_none() {
            return Err(SpecError::NoQuarter);
        }
        match self.bands.disorder() {
            Some((first, second)) => Err(SpecError::Bands { first, second }),
            None => Ok(()),
        }
    }

    /// The scenario of a center.
    pub fn scenario_of(&self, center: &CenterId) -> Option<&ScenarioId> {
        self.scenarios.get(center).or(self.scenario.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<CampaignSpec, serde_json::Error> {
        serde_json::from_value(value)
    }

    fn minimal() -> serde_json::Value {
        json!({
            "id": "demo",
            "profile": "simulation",
            "scenario": "ask-balance",
            "centers": [{"id": "hanbit-card", "name": "한빛카드", "number": "1588-0001"}],
        })
    }

    #[test]
    fn a_new_campaign_is_a_dry_run_of_25_calls() {
        let spec = read(minimal()).unwrap();
        assert_eq!(spec.dry_run, DryRun::Yes);
        assert_eq!((spec.calls, spec.quarters), (25, 1));
        assert_eq!(spec.check(), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let mut value = minimal();
        value["dryrun"] = json!(false);
        assert!(read(value).unwrap_err().to_string().contains("dryrun"));
    }

    #[test]
    fn what_cannot_be_carried_out_is_named() {
        let broken = |key: &str, to: serde_json::Value| {
            let mut value = minimal();
            value[key] = to;
            read(value).unwrap().check()
        };
        assert!(matches!(broken("centers", json!([])), Err(SpecError::NoCenters(_))));
        assert!(matches!(broken("calls", json!(0)), Err(SpecError::Calls { .. })));
        assert!(matches!(broken("quarters", json!(5)), Err(SpecError::Quarters(5))));
        assert!(matches!(broken("profile", json!("survey")), Err(SpecError::NoQuarter)));
        assert!(matches!(broken("scenario", json!(null)), Err(SpecError::NoScenario(_))));
        let other = json!({"other": "s"});
        assert!(matches!(broken("scenarios", other), Err(SpecError::UnknownCenter(_))));
        let bands = json!({"morning": "09:00-12:00"});
        assert!(matches!(broken("bands", bands), Err(SpecError::Bands { .. })));
        assert!(matches!(broken("id", json!("a".repeat(60))), Err(SpecError::LongNames { .. })));
        let mut twice = minimal();
        let center = twice["centers"][0].clone();
        twice["centers"].as_array_mut().unwrap().push(center);
        assert!(matches!(read(twice).unwrap().check(), Err(SpecError::DoubleCenter(_))));
    }
}
