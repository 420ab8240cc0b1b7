//! Transcription: models on this machine, speech in, words out, in worker processes.
//!
//! Enters: wheels of published models; voiced stretches of a call at 8 kHz. Leaves: verified model files; a
//! [`Transcript`](crate::domain::transcript::Transcript) on the call's axis.

mod accuracy;
mod convert;
mod ct2;
mod engine;
mod error;
mod fetch;
mod files;
mod ggml;
mod half;
mod hallucination;
mod manifest;
mod mel;
mod normalize;
mod pip;
mod pool;
mod process;
mod protocol;
mod quantize;
mod store;
mod stretch;
mod vocabulary;
mod words;
mod worker;

pub use accuracy::{ErrorCount, character_error_rate, word_error_rate};
pub use error::TranscriptionError;
pub use fetch::{Fetched, Progress, Silent, Wheels};
pub use manifest::{Manifest, ModelEntry, Package, Recipe, Source};
pub use normalize::normalize;
pub use pool::{Job, Priority, Transcriber, TranscriberConfig};
pub use quantize::Quantization;
pub use store::{DEFAULT_MODEL, FileState, ModelStatus, ModelStore, VOICE_DETECTOR};
pub use worker::worker_main;
