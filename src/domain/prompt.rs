//! Recordings a center plays: known by fingerprints, never by audio.

use super::ids::CenterId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a recording is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PromptRole {
    /// Welcome.
    Greeting,
    /// A menu.
    Menu,
    /// While waiting, speech or music.
    Queue,
    /// Nobody is there.
    Closed,
    /// The call is recorded.
    RecordingNotice,
    /// Not known yet.
    Unknown,
}

/// A recording of a center, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PromptRecord {
    /// The center.
    pub center: CenterId,
    /// Identifier within the center.
    pub prompt: u64,
    /// What it is for.
    pub role: PromptRole,
    /// Its words, transcribed once; empty for music.
    pub text: String,
    /// 32-bit sub-fingerprints, one for every 20 ms.
    pub prints: Vec<u32>,
    /// In how many calls it was heard.
    pub calls: u32,
}
