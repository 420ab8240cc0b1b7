//! How good the line was, as measured at our end.

use super::audio::Dbov;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Line quality of one call. A figure that could not be measured is `None`, never a default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LineQuality {
    /// Packets received and used.
    pub packets_received: u64,
    /// Packets expected by the sequence numbers (RFC 3550 A.3).
    pub packets_expected: u64,
    /// Packets that came after their turn but in time.
    pub packets_reordered: u64,
    /// Packets that came too late or twice.
    pub packets_discarded: u64,
    /// Packets from strangers: counted, never heard.
    pub packets_foreign: u64,
    /// Interarrival jitter at the end (RFC 3550 §6.4.1).
    #[schemars(with = "Option<String>")]
    pub jitter: Option<Duration>,
    /// Longest stretch without a packet while media was up.
    #[schemars(with = "Option<String>")]
    pub longest_gap: Option<Duration>,
    /// Whether we sent and nothing came back.
    pub one_way: bool,
    /// Level of what was received, over frames that are not silent.
    pub received_level: Option<Dbov>,
    /// Packets we sent.
    pub packets_sent: u64,
    /// Our own lateness, 99th percentile, against the 20 ms schedule.
    #[schemars(with = "Option<String>")]
    pub send_lateness_p99: Option<Duration>,
    /// Slots that we skipped because we were too late: the measurement is degraded.
    pub slots_skipped: u64,
    /// Packets that the kernel dropped for us because we did not read in time.
    pub kernel_drops: u64,
}

impl LineQuality {
    /// Share of expected packets that never came, 0 to 1; `None` if none was expected.
    pub fn loss(&self) -> Option<f64> {
        let lost = self.packets_expected.saturating_sub(self.packets_received);
        (self.packets_expected > 0).then(|| lost as f64 / self.packets_expected as f64)
    }
}
