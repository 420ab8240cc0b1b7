//! Hearing: what is on the line, and when a person begins to speak.
//!
//! Enters: audio of a call, mono 8 kHz, and what is known of its center's other calls. Leaves: causal events that steer
//! the navigator ([`Listener`]) and, over a whole recording, the account that is reported ([`analyze`]). Two tiers: the
//! causal one is cheap and only steers; the offline one sees the whole call, the other calls of the center and the voice
//! model. Pure: the caller reads files and clocks.

mod accept;
mod beep;
mod enrol;
mod error;
mod evidence;
mod features;
mod fingerprint;
mod grammar;
mod level;
mod lexicon;
mod library;
mod line;
mod live;
mod mask;
mod menu;
mod moment;
mod music;
mod naming;
mod network;
mod occurrence;
mod offline;
mod onset;
mod reading;
mod repeats;
pub mod resample;
mod silero;
mod spectrum;
mod tone;
mod tone_plan;
mod unit;
mod vad;

pub use accept::ENOUGH_OTHER_CALLS;
pub use beep::beeps;
pub use enrol::{EnrolCall, Enrolment, enrol};
pub use error::HearingError;
pub use fingerprint::{Fingerprints, MATCH_PRINTS, SAME_ABOVE, fingerprint, similarity};
pub use library::Library;
pub use live::{Listener, LiveEvent, SPEECH_QUIET};
pub use network::{FrameClass, FrameNetwork};
pub use occurrence::{Played, name_segments, played};
pub use offline::{OfflineInput, analyze, training_inputs};
pub use silero::{Silero, VOICE_FRAME};

#[cfg(test)]
mod testing;
