//! What is to be called: centers, slots and units.

use super::ids::{CampaignId, CenterId, ScenarioId, UnitId};
use super::number::DialString;
use super::time::{Quarter, TimeBand, WallTime, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A call center that may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Center {
    /// Its identifier.
    pub id: CenterId,
    /// Its name as people write it.
    pub name: String,
    /// English name for reports, if any.
    #[serde(default)]
    pub english: Option<String>,
    /// Other names it may use of itself.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Industry, for comparisons.
    #[serde(default)]
    pub industry: Option<String>,
    /// The number to dial.
    pub number: DialString,
    /// Names of agents that are known, to recognise them in greetings.
    #[serde(default)]
    pub agents: Vec<String>,
    /// Who allowed us to call, and for how long: no mandate, no call.
    #[serde(default)]
    pub mandate: Option<Mandate>,
}

/// A permission to call a center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mandate {
    /// Who gave it.
    pub by: String,
    /// Last day on which it holds, `YYYY-MM-DD`.
    #[schemars(with = "String")]
    pub until: jiff::civil::Date,
}

/// A place in the quota: quarter, weekday and band.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Cell {
    /// The quarter.
    pub quarter: Quarter,
    /// The day of the week.
    pub weekday: Weekday,
    /// The band of the day.
    pub band: TimeBand,
}

/// One planned evaluation: when, whom, how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeCall {
    /// Its identifier.
    pub unit: UnitId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The center.
    pub center: CenterId,
    /// What the caller does.
    pub scenario: ScenarioId,
    /// Where it stands in the quota; `None` for calls outside a quota, such as a demo.
    pub cell: Option<Cell>,
    /// Not before.
    pub due: WallTime,
    /// The unit it replaces, if our own fault spoilt that one.
    pub replaces: Option<UnitId>,
}
