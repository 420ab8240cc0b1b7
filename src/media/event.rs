//! What a stream tells its call, and what it leaves behind.
//!
//! Enters: nothing. Leaves: types.

use crate::domain::audio::Frame;
use crate::domain::digit::Digit;
use crate::domain::ids::ContentHash;
use crate::domain::quality::LineQuality;
use crate::domain::timeline::Discontinuity;
use std::path::PathBuf;
use std::time::Instant;

/// Something happened in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaEvent {
    /// When, on the monotonic clock.
    pub at: Instant,
    /// What.
    pub kind: MediaEventKind,
}

/// What may happen in a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEventKind {
    /// The first packet of the far end arrived; `at` is its kernel receive time.
    FirstPacket,
    /// The next 20 ms of received audio, in order and without gaps from `connect` on; `at` is the instant of its first
    /// sample. What did not come in time is silence. Comes about 40 to 100 ms after its instant.
    Frame(Box<Frame>),
    /// A digit of ours is over.
    DigitSent {
        /// The digit.
        digit: Digit,
        /// Its first sample.
        start: Instant,
        /// Its RTP timestamp plus duration (RFC 4733 §2.3).
        end: Instant,
        /// Of the row it belongs to.
        token: u64,
        /// Whether it is the last of its row.
        last: bool,
    },
    /// The first sample of a line left.
    PlayStarted {
        /// Of the line.
        token: u64,
    },
    /// A line is over, played to its end or stopped.
    PlayEnded {
        /// Of the line.
        token: u64,
        /// Its first sample.
        start: Instant,
        /// After its last sample that left.
        end: Instant,
    },
    /// The far end sent a digit as telephone-event.
    DigitReceived {
        /// The digit.
        digit: Digit,
        /// Its first sample.
        start: Instant,
        /// After its last sample.
        end: Instant,
    },
    /// The received media changed its nature.
    Discontinuity(Discontinuity),
    /// Our side did not keep up: the measurement of this call is degraded.
    Degraded {
        /// What and by how much.
        what: String,
    },
}

/// What a stream leaves behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamReport {
    /// What was measured.
    pub quality: LineQuality,
    /// The recording, if one was asked for, the stream was connected and the disk took it.
    pub recording: Option<FinishedRecording>,
    /// Failures of our own side, in plain words; empty if none.
    pub problems: Vec<String>,
}

/// A closed recording: 8 kHz, 16 bits, two channels on one clock, ours left, theirs right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRecording {
    /// The WAV file.
    pub wav: PathBuf,
    /// The packet facts, JSON lines.
    pub sidecar: PathBuf,
    /// SHA-256 over the samples: interleaved, little-endian, without any header.
    pub pcm_hash: ContentHash,
    /// The instant of sample 0: when the stream was connected.
    pub first_sample_at: Instant,
    /// Samples in each channel.
    pub samples: u64,
    /// Samples of the right channel that were sent and never came: filled with silence.
    pub missing: u64,
}
