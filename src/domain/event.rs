//! Events of a running campaign: the one interface between the runner and everything that shows or stores it.

use super::ids::{AttemptNumber, CallId, CampaignId, CenterId, UnitId};
use super::record::CallEnding;
use super::time::CallTime;
use super::verdict::Judgment;
use std::time::Duration;

/// What a call is doing, for a progress view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallPhase {
    /// The INVITE left, nothing answered yet.
    Dialling,
    /// It rings.
    Ringing,
    /// Answered: in the menus.
    Menu,
    /// An agent was requested.
    Queue,
    /// A person may be on the line.
    Talking,
    /// We are closing.
    Closing,
}

/// Something happened in a campaign.
#[derive(Debug, Clone)]
pub enum CampaignEvent {
    /// The campaign begins.
    Started {
        /// Which.
        campaign: CampaignId,
        /// Units to be run now.
        units: usize,
    },
    /// An attempt stands in the ledger and is about to be dialled.
    AttemptBegan {
        /// The unit.
        unit: UnitId,
        /// Its center.
        center: CenterId,
        /// Ordinal.
        number: AttemptNumber,
        /// The call.
        call: CallId,
    },
    /// A call entered a phase.
    Phase {
        /// The unit.
        unit: UnitId,
        /// The phase.
        phase: CallPhase,
        /// When, on the call's axis.
        at: CallTime,
    },
    /// An attempt ended and its record is stored.
    AttemptEnded {
        /// The unit.
        unit: UnitId,
        /// Ordinal.
        number: AttemptNumber,
        /// How.
        ending: CallEnding,
        /// How long it lasted.
        lasted: Duration,
    },
    /// The unit will be dialled again.
    WillRedial {
        /// The unit.
        unit: UnitId,
        /// After this long.
        after: Duration,
    },
    /// A unit was spoilt by our side and a replacement stands in the plan.
    Replaced {
        /// The spoilt unit.
        unit: UnitId,
        /// Its replacement.
        by: UnitId,
        /// Why.
        why: String,
    },
    /// A unit is done.
    UnitDone {
        /// The unit.
        unit: UnitId,
    },
    /// Recordings of a unit were worked up.
    Judged {
        /// The unit.
        unit: UnitId,
        /// Its judgments.
        judgments: Vec<Judgment>,
    },
    /// The campaign stopped before its end.
    Stopped {
        /// Why, in plain words.
        why: String,
    },
    /// All units of this run are done.
    Finished {
        /// Which campaign.
        campaign: CampaignId,
    },
}
