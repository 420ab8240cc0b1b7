//! Recordings a center plays: known by fingerprints, never by audio.

use super::digit::Digit;
use super::ids::{CallId, CenterId};
use super::time::WallTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a recording is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PromptRole {
    /// Played instead of ringback, before the answer.
    Coloring,
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

impl PromptRole {
    /// One or two words for tables and notices.
    pub fn label(self) -> &'static str {
        match self {
            Self::Coloring => "coloring",
            Self::Greeting => "greeting",
            Self::Menu => "menu",
            Self::Queue => "queue",
            Self::Closed => "closed message",
            Self::RecordingNotice => "recording notice",
            Self::Unknown => "recording",
        }
    }
}

/// What a recording sounds like.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PromptSound {
    /// A voice, with or without music under it.
    #[default]
    Voice,
    /// Music; it may be met at any place of the piece.
    Music,
}

/// One key of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuOption {
    /// What to press.
    pub digit: Digit,
    /// What for, in the words of the recording.
    pub words: String,
}

/// A recording of a center, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Those calls, so that none counts twice; in records from before they were kept there are fewer than `calls`.
    #[serde(default)]
    pub heard_in: BTreeSet<CallId>,
    /// Voice or music.
    #[serde(default)]
    pub sound: PromptSound,
    /// The keys it offers, in its order.
    #[serde(default)]
    pub options: Vec<MenuOption>,
    /// When the first call opened that plays it; `None` in records from before this was kept.
    #[serde(default)]
    pub first_seen: Option<WallTime>,
    /// When the last one did.
    #[serde(default)]
    pub last_seen: Option<WallTime>,
    /// 1 for the first recording in its place, 2 for the one that replaced it, and so on.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The recording in whose place it came.
    #[serde(default)]
    pub replaces: Option<u64>,
    /// A person had it forgotten then: it is no longer known, and is learned again only from later calls.
    #[serde(default)]
    pub forgotten: Option<WallTime>,
}

fn first_version() -> u32 {
    1
}

/// From one print to the next.
const PRINT: Duration = Duration::from_millis(20);

impl PromptRecord {
    /// A recording of which nothing but its prints is known.
    pub fn new(center: CenterId, prompt: u64, prints: Vec<u32>) -> Self {
        Self {
            center,
            prompt,
            role: PromptRole::Unknown,
            text: String::new(),
            prints,
            calls: 0,
            heard_in: BTreeSet::new(),
            sound: PromptSound::Voice,
            options: Vec::new(),
            first_seen: None,
            last_seen: None,
            version: first_version(),
            replaces: None,
            forgotten: None,
        }
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        PRINT * u32::try_from(self.prints.len()).unwrap_or(u32::MAX)
    }

    /// Whether calls may be compared with it: a person did not have it forgotten.
    pub fn is_known(&self) -> bool {
        self.forgotten.is_none()
    }

    /// Counts a call that plays it; a call counts once.
    pub fn heard(&mut self, call: CallId, at: WallTime) {
        if self.heard_in.insert(call) {
            self.calls =
                (self.calls + 1).max(u32::try_from(self.heard_in.len()).unwrap_or(u32::MAX));
        }
        self.first_seen = Some(self.first_seen.map_or(at, |first| first.min(at)));
        self.last_seen = Some(self.last_seen.map_or(at, |last| last.max(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(second: i64) -> WallTime {
        WallTime(jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_call_counts_once_and_moves_first_and_last_only_outwards() {
        let mut prompt = PromptRecord::new(CenterId::new("hanbit").unwrap(), 1, vec![0; 50]);
        let [a, b] = [1, 2].map(|n| CallId::from_uuid(uuid::Uuid::from_u128(n)));
        prompt.heard(b, wall(200));
        prompt.heard(a, wall(100));
        prompt.heard(b, wall(200));
        assert_eq!((prompt.calls, prompt.heard_in.len()), (2, 2));
        assert_eq!((prompt.first_seen, prompt.last_seen), (Some(wall(100)), Some(wall(200))));
        assert_eq!(prompt.length(), Duration::from_secs(1));
    }

    #[test]
    fn a_record_from_before_times_and_versions_were_kept_reads() {
        let old =
            r#"{"center":"hanbit","prompt":7,"role":"menu","text":"x","prints":[1,2],"calls":4}"#;
        let read: PromptRecord = serde_json::from_str(old).unwrap();
        assert_eq!((read.version, read.calls, read.replaces), (1, 4, None));
        assert!(read.is_known() && read.first_seen.is_none() && read.options.is_empty());
        let again = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<PromptRecord>(&again).unwrap(), read);
    }
}
