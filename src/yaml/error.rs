//! The error that points into a file.

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// A fault in a file of the user's: what, where and how to mend it.
///
/// `Display` gives the message alone, for a renderer that shows the file beside it; [`Self::one_line`] carries the
/// place as well.
#[derive(Debug, Clone)]
pub struct YamlError(Box<Fault>);

#[derive(Debug, Clone)]
struct Fault {
    message: String,
    file: NamedSource<String>,
    at: Option<Range<usize>>,
    label: String,
    help: Option<String>,
}

impl YamlError {
    /// An error at the byte range `at` of `text`; `None` points at no line.
    pub(super) fn new(
        name: &str,
        text: &str,
        at: Option<Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        let at = at.filter(|range| range.start <= range.end && range.end <= text.len());
        Self(Box::new(Fault {
            message: message.into(),
            file: NamedSource::new(name, text.to_owned()).with_language("yaml"),
            at,
            label: "here".to_owned(),
            help: None,
        }))
    }

    /// What stands under the caret instead of `here`.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.0.label = label.into();
        self
    }

    /// How to mend it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        self.0.file.name()
    }

    /// Line of the fault, from 1; `None` if it has no place in the file.
    pub fn line(&self) -> Option<usize> {
        let at = self.0.at.as_ref()?;
        Some(self.0.file.inner().get(..at.start)?.matches('\n').count() + 1)
    }

    /// How to mend it, if known.
    pub fn remedy(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// File, line, message and remedy in one line, for logs and for pages that cannot show the file.
    pub fn one_line(&self) -> String {
        let line = self.line().map(|line| format!(":{line}")).unwrap_or_default();
        let help = self.remedy().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}{line}: {}{help}", self.file(), self.0.message)
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for YamlError {}

impl Diagnostic for YamlError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.file)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.0.at.clone()?;
        let label = LabeledSpan::new(Some(self.0.label.clone()), at.start, at.len());
        Some(Box::new(std::iter::once(label)))
    }
}
