//! Recorded lines and their words.
//!
//! Enters: the text of manifests (CSV) and samples. Leaves: [`Voices`], looked up by name.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A recorded line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clip {
    /// Its file name without `.wav`.
    pub(crate) name: String,
    /// Its words.
    pub(crate) text: String,
    /// Mono at 8 kHz.
    pub(crate) pcm: Arc<[i16]>,
}

/// The lines of a center.
#[derive(Debug, Clone, Default)]
pub(crate) struct Voices {
    clips: BTreeMap<String, Arc<Clip>>,
}

impl Voices {
    pub(crate) fn add(&mut self, clip: Clip) {
        self.clips.insert(clip.name.clone(), Arc::new(clip));
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Clip>> {
        self.clips.get(name).cloned()
    }

    /// The samples of all lines, in the order of their names.
    pub(crate) fn samples(&self) -> Vec<&[i16]> {
        self.clips.values().map(|clip| &*clip.pcm).collect()
    }
}

/// A manifest that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("the first line has no column `{0}`; it must name `file`, `text` and `sha256`")]
    NoColumn(&'static str),
    #[error("line {line} has {found} fields, the first line has {wanted}")]
    Fields { line: usize, found: usize, wanted: usize },
}

/// A row of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) text: String,
    /// SHA-256 of the whole file, lower-case hex.
    pub(crate) sha256: String,
}

/// Reads a manifest: CSV by RFC 4180, whose first line names the columns.
pub(crate) fn manifest(text: &str) -> Result<Vec<Row>, ManifestError> {
    let mut rows = records(text.trim_start_matches('\u{feff}')).into_iter();
    let (_, head) = rows.next().unwrap_or_default();
    let column = |name: &'static str| {
        head.iter().position(|h| h == name).ok_or(ManifestError::NoColumn(name))
    };
    let (file, words, hash) = (column("file")?, column("text")?, column("sha256")?);
    rows.map(|(line, row)| {
        if row.len() != head.len() {
            return Err(ManifestError::Fields { line, found: row.len(), wanted: head.len() });
        }
        let field = |at: usize| row[at].clone();
        Ok(Row { file: field(file), text: field(words), sha256: field(hash) })
    })
    .collect()
}

/// The records of a CSV text with the number of the line each begins in; empty lines are skipped.
fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut records = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let (mut field, mut quoted) = (String::new(), false);
    let (mut line, mut began) = (1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                line += 1;
                if !(row.is_empty() && field.is_empty()) {
                    row.push(std::mem::take(&mut field));
                    records.push((began, std::mem::take(&mut row)));
                }
                began = line;
            }
            _ => {
                line += usize::from(c == '\n');
                field.push(c);
            }
        }
    }
    if !(row.is_empty() && field.is_empty()) {
        row.push(field);
        records.push((began, row));
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_field_may_hold_commas_and_quotes() {
        let text =
            "file,role,text,sha256\r\na.wav,ivr,\"네, \"\"고객\"\"님.\",00\r\n\r\nb.wav,x,네,11";
        let rows = manifest(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].text, "네, \"고객\"님.");
        assert_eq!((rows[1].file.as_str(), rows[1].sha256.as_str()), ("b.wav", "11"));
    }

    #[test]
    fn a_row_of_other_length_names_its_line() {
        let wrong = ManifestError::Fields { line: 3, found: 2, wanted: 3 };
        assert_eq!(manifest("file,text,sha256\na,b,c\nd,e\n"), Err(wrong));
        assert_eq!(manifest("file,text\n"), Err(ManifestError::NoColumn("sha256")));
        assert_eq!(manifest(""), Err(ManifestError::NoColumn("file")));
    }
}
