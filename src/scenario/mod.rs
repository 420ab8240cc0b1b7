//! Scenarios: what the caller does in a call, as a file of steps, and the navigator that walks them.
//!
//! Enters: the text of a scenario file; later, what the causal hearing tier tells. Leaves: a checked [`Scenario`], or
//! an error with file, line and caret; later, digits to press and lines to say. Pure: no file is read here and no
//! clock; recorded lines are loaded by the shell.

mod check;
mod navigator;
mod schema;

pub use check::{Line, RequestRule, Scenario, ScenarioError, Step};
pub use navigator::{HangUpReason, Navigator, NavigatorInput, NavigatorOutput, Sound};
pub use schema::{DirectLine, ScenarioFile};
