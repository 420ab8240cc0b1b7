//! What was said, as the recognizer read it. Derived: keyed by the model that made it.

use super::ids::ContentHash;
use super::time::Span;
use super::timeline::Party;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A spoken language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

impl Language {
    /// ISO 639-1 code, as the model takes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }
}

/// A word and where it was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Mean probability of its tokens, 0 to 1.
    pub probability: f32,
}

/// A stretch of speech with its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Utterance {
    /// Who spoke.
    pub party: Party,
    /// Where.
    pub span: Span,
    /// What was read.
    pub text: String,
    /// The words with their places.
    pub words: Vec<Word>,
    /// Mean log-probability of its tokens; below −0.7 it counts as uncertain.
    pub mean_log_probability: f32,
}

impl Utterance {
    /// Below this mean log-probability the words are not sure. Measured on recorded Korean, 2026.
    pub const UNCERTAIN_BELOW: f32 = -0.7;

    /// Whether the words are not sure.
    pub fn uncertain(&self) -> bool {
        self.mean_log_probability < Self::UNCERTAIN_BELOW
    }
}

/// All that was read in one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// SHA-256 of the model file.
    pub model: ContentHash,
    /// The language it was read in.
    pub language: Language,
    /// Utterances in order of time.
    pub utterances: Vec<Utterance>,
    /// Stretches whose words were dropped as known inventions of the model.
    pub dropped: u32,
}
