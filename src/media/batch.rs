//! What a stream hands to the recorder, about five times a second.
//!
//! Enters: samples with their positions and packet facts. Leaves: a batch that another thread writes.

use crate::domain::timeline::Discontinuity;
use serde::Serialize;

/// Stretches of samples with their positions, kept in one piece of memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Runs {
    samples: Vec<i16>,
    /// Position and length of each stretch.
    runs: Vec<(i64, usize)>,
}

impl Runs {
    /// Adds a stretch.
    pub(crate) fn push(&mut self, position: i64, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
        self.runs.push((position, samples.len()));
    }

    /// The stretches in the order they were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &[i16])> {
        let mut from = 0;
        self.runs.iter().map(move |&(position, length)| {
            let run = &self.samples[from..from + length];
            from += length;
            (position, run)
        })
    }
}

/// A line of the sidecar. Times are microseconds since sample 0 of the recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub(crate) enum Fact {
    /// A packet of the far end.
    Packet {
        /// Kernel receive time.
        at: i64,
        seq: u16,
        ts: u32,
        pt: u8,
        ssrc: u32,
        marker: bool,
        /// Octets of payload.
        size: usize,
        /// What became of it.
        fate: Fate,
    },
    /// A digit of the far end.
    DigitReceived { start: i64, end: i64, digit: char },
    /// A digit of ours; which one is left out, it may be somebody's secret.
    DigitSent { start: i64, end: i64 },
    /// The received media changed its nature.
    Discontinuity { at: i64, change: Discontinuity },
    /// A report of the far end on what it received of us (RFC 3550 §6.4.1).
    ReceiverReport {
        at: i64,
        /// In 256ths, since the report before.
        fraction_lost: u8,
        /// Since the beginning.
        lost: i32,
        /// In samples.
        jitter: u32,
        /// Microseconds to the far end and back, if it can be told.
        round_trip: Option<i64>,
    },
    /// Slots of ours that were skipped.
    Skipped { at: i64, slots: u64 },
}

/// What became of a received packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// Heard in its turn.
    Used,
    /// After its turn but in time for the recording.
    Reordered,
    /// Put aside until it is clear where it belongs; heard.
    Held,
    /// Seen before.
    Twice,
    /// Too late for the recording.
    Late,
    /// A telephone-event.
    Event,
    /// Comfort noise.
    Noise,
    /// A payload type that was not agreed, or an unreadable payload.
    Unknown,
}

/// All that is new since the last batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Batch {
    /// What we sent.
    pub(crate) ours: Runs,
    /// What was received, in order of arrival; where stretches overlap the first one stands.
    pub(crate) theirs: Runs,
    /// Lines for the sidecar.
    pub(crate) facts: Vec<Fact>,
    /// Nothing before this position will come any more.
    pub(crate) settled: i64,
}
