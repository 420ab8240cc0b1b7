//! Folders of labelled calls: audio beside `labels.json`, for measuring and training the ear.

use super::failure::Failure;
use crate::domain::time::CallTime;
use crate::domain::timeline::{Discontinuity, EventKind, Timeline};
use crate::hearing::FrameClass;
use serde::Deserialize;
use std::path::Path;

/// A labelled call. Times are seconds from its first sample.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    /// Name of the audio file; where the folder has it as `.flac` only, that is taken.
    pub(super) file: String,
    /// What kind of call: agent, direct, noagent, vm, busy, bot.
    pub(super) kind: String,
    /// Its center.
    pub(super) center: String,
    #[serde(default)]
    pub(super) events: Events,
    #[serde(default)]
    ssrc_change: Vec<f64>,
    pub(super) segments: Vec<TrueSegment>,
}

/// True instants.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Events {
    /// When the call was answered.
    pub(super) answered: Option<f64>,
    /// When the agent-wait clock started.
    pub(super) request: Option<f64>,
    /// First sample of the human greeting.
    pub(super) agent: Option<f64>,
}

/// What a stretch truly is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TrueSegment {
    pub(super) start: f64,
    pub(super) end: f64,
    label: String,
}

impl TrueSegment {
    /// Its class; `None` for labels that have none.
    pub(super) fn class(&self) -> Option<FrameClass> {
        match self.label.as_str() {
            "sil" => Some(FrameClass::Silence),
            "ring" => Some(FrameClass::Ring),
            "tone" | "beep" => Some(FrameClass::Tone),
            "music" | "color" => Some(FrameClass::Music),
            "ivr" | "ann" | "agent" | "bot" => Some(FrameClass::Voice),
            _ => None,
        }
    }
}

impl Label {
    /// What a prober would have known of the call: changes of the media source.
    pub(super) fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        for (n, &at) in self.ssrc_change.iter().enumerate() {
            let from = u32::try_from(n).unwrap_or_default();
            let change = Discontinuity::Ssrc { from, to: from + 1 };
            timeline.push(CallTime::from_secs_f64(at), EventKind::Discontinuity { change });
        }
        timeline
    }
}

/// Reads the labels of a folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Label>, Failure> {
    let path = folder.join("labels.json");
    let help = "a folder of labelled calls has audio and a labels.json: a list of \
                {file, kind, center, events, ssrc_change, segments}";
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Failure::say(format!("{}: {e}", path.display()), help))?;
    let labels: Vec<Label> = serde_json::from_str(&text)
        .map_err(|e| Failure::say(format!("{}: {e}", path.display()), help))?;
    if labels.is_empty() {
        return Err(Failure::say(format!("{} lists no call", path.display()), help));
    }
    Ok(labels)
}

/// Received audio of a labelled call.
pub(super) fn audio(folder: &Path, label: &Label) -> Result<Vec<i16>, Failure> {
    let named = folder.join(&label.file);
    let path = if named.exists() { named } else { named.with_extension("flac") };
    Ok(super::audio_file::read_audio(&path)?.theirs)
}
