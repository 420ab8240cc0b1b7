//! RTP media: pacing, codecs, telephone-events, reordering, recording, line quality.
//!
//! Enters: datagrams with their kernel receive times, and orders to play, dial digits and close. Leaves: datagrams on
//! a 20 ms schedule, frames of received audio on one clock, [`MediaEvent`]s, a recording, and what was measured.
//! All of it is pure except the `driver.rs` files (sockets, the pacing thread) and `recorder.rs` (files).
//! [`driver`] is the way in.

mod axis;
mod batch;
mod codec;
pub mod driver;
mod dtmf_event;
mod dtmf_tone;
mod error;
mod event;
pub mod g711;
mod pacer;
mod playout;
mod quality;
mod recorder;
mod reports;
mod rtcp;
mod rtp;
mod sender;
mod sequence;
mod session;
mod socket;
mod source;
mod track;

pub use codec::Codec;
pub use driver::{MediaConfig, MediaEngine, Stream, StreamSpec};
pub use error::MediaError;
pub use event::{FinishedRecording, MediaEvent, MediaEventKind, StreamReport};
