//! Reports: what a campaign found, for people (terminal, one HTML page, live progress) and for scripts (JSON).
//!
//! Enters: a [`model::CampaignReport`], plain data filled by the shell from records, facts, judgments and scores; and
//! [`crate::domain::event::CampaignEvent`]s for the live view. Leaves: text. Nothing here decides a verdict or counts
//! a score: the figures are shown as they were given, with their coverage and bounds, and never more is said than was
//! observed.

pub mod audio;
mod figures;
mod heard;
mod html;
mod json;
pub mod model;
mod progress;
mod sentence;
mod terminal;
mod words;

pub use figures::{CenterFigures, Interruptions, Longest};
pub use heard::{HeardReport, heard, heard_json};
pub use html::html;
pub use json::{ReportError, json};
pub use progress::Progress;
pub use sentence::sentence;
pub use terminal::{Colour, Style, terminal};
