//! YAML with carets: text in, a typed value or an error with file, line and caret out.
//!
//! Enters: the name of a file and its text; nothing is read from disk here. Leaves: a typed value from [`parse`], or a
//! [`YamlError`] that shows the line, points at the fault and says how to mend it. Values that need a check of their
//! own are read as [`Located`], and what the check finds is reported by [`error_at`] in the same form. Spans of time
//! are written `"20s"`; see [`duration`].

pub mod duration;
mod error;
mod located;
mod parse;
mod suggest;

pub use error::YamlError;
pub use located::{Located, Place};
pub use parse::{error_at, parse};
