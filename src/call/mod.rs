//! One call, from the ticket to the record.
//!
//! Enters: a ticket of the store, a scenario with its recorded lines, the center's prompt library. Leaves: an
//! append-only [`crate::domain::record::AttemptRecord`] with its recording. [`Conductor`] is pure: it joins what
//! signalling, media and the causal ear tell into steps of the scenario and a timeline; [`driver`] owns the leg, the
//! media stream and the clock of one call.

mod conductor;
pub mod driver;

pub use conductor::{Conductor, Input, Output};
