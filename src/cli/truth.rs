//! The truth log of simulated centers, beside what was measured. Only the demo and the bench read it.

use super::failure::Failure;
use crate::domain::record::CallRecord;
use crate::simulator::CallTruth;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What truly happened, by SIP Call-ID.
#[derive(Debug, Default)]
pub(super) struct TruthLog(BTreeMap<String, CallTruth>);

impl TruthLog {
    /// Reads a log of JSON lines.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let broken = |what: String| {
            Failure::say(
                format!("truth log `{}`: {what}", path.display()),
                "it is written by `callprobe simulate --truth`; run the demo again",
            )
        };
        let text = std::fs::read_to_string(path).map_err(|e| broken(e.to_string()))?;
        let mut all = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let truth: CallTruth = serde_json::from_str(line)
                .map_err(|e| broken(format!("line {}: {e}", number + 1)))?;
            all.insert(truth.sip_call_id.clone(), truth);
        }
        Ok(Self(all))
    }

    /// The truths of a unit's attempts, in order; attempts that never arrived are left out.
    pub(super) fn of(&self, record: &CallRecord) -> Vec<&CallTruth> {
        record.attempts.iter().filter_map(|a| self.0.get(&a.sip_call_id)).collect()
    }
}

/// The true agent wait of a call: from the request to the agent's first speech.
pub(super) fn true_wait(truth: &CallTruth) -> Option<Duration> {
    Some(truth.agent_onset?.since(truth.requested?))
}
