//! Records for the tests of this room.

use crate::domain::ids::{
    AttemptNumber, CallId, CampaignId, CenterId, ContentHash, ScenarioId, UnitId,
};
use crate::domain::record::{AttemptRecord, CallEnding, Provenance, RecordVersion};
use crate::domain::time::WallTime;
use crate::domain::timeline::Timeline;

/// An attempt with this ending and timeline, and nothing else of note.
pub(crate) fn attempt(ending: CallEnding, timeline: Timeline) -> AttemptRecord {
    AttemptRecord {
        version: RecordVersion::CURRENT,
        unit: UnitId::new("c.a.01").unwrap(),
        number: AttemptNumber::FIRST,
        call: CallId::from_uuid(uuid::Uuid::nil()),
        opened_at: WallTime(jiff::Timestamp::UNIX_EPOCH),
        sip_call_id: "x@callprobe".to_owned(),
        ending,
        timeline,
        recording: None,
        line_quality: None,
        provenance: Provenance {
            program: "0".to_owned(),
            campaign: CampaignId::new("c").unwrap(),
            center: CenterId::new("a").unwrap(),
            scenario: ScenarioId::new("s").unwrap(),
            scenario_hash: ContentHash::from_bytes(&[0; 32]),
            simulated: true,
        },
    }
}
