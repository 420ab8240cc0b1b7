//! Scoring: judgments in, KSQI with its coverage and bounds out, in exact integers.
//!
//! Enters: [`crate::domain::verdict::Judgment`]s of a center's calls and the [`crate::judgment::Sheet`] they were judged
//! by. Leaves: a [`ScoreCard`]. Nothing is rounded before it is printed; what was not observed is never counted as
//! fulfilled; a score always comes with its coverage and its bounds.

mod card;
mod certification;
mod ksqi;
mod resolve;
mod tally;
mod waits;

pub use card::{Counted, DimensionScore, ItemScore, ScoreCard, StageScore, UnitScore, score_card};
pub use certification::{Certification, certify};
pub use ksqi::{Ksqi, KsqiError};
pub use resolve::resolve;
pub use tally::{Bounds, Coverage, Policy, Tally};
pub use waits::{Reach, WaitSummary};
