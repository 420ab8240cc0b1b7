//! Analysis: a recorded call worked up into hearing, transcript, facts and judgments.
//!
//! Enters: records and audio of the store, a center's other calls, the speech models. Leaves: derived rows, each
//! re-derivable without a new call. [`outcome`] and [`facts`] are pure; [`pipeline`] reads, computes and writes.

mod facts;
mod outcome;
pub mod pipeline;
#[cfg(test)]
mod testing;

pub use facts::{Heard, facts_of};
pub use outcome::outcome_of;
