//! Where text goes: data to stdout, messages to stderr. A closed pipe ends quietly.

use super::failure::Failure;
use std::io::Write as _;

/// Data for the user or the next program.
pub(super) fn out(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// A message about what is going on.
pub(super) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// Why the command failed.
pub(super) fn failure(failure: &Failure) {
    let _ = writeln!(std::io::stderr(), "{:?}", failure.report);
}
