//! Judgment: facts of a call in, one judgment for each of the 16 CTQ items out.
//!
//! Enters: [`crate::domain::facts::Facts`] of one unit and a [`Sheet`] (data: which items there are, what limits their
//! rules have, who decides). Leaves: one [`crate::domain::verdict::Judgment`] for each item of the sheet, in its
//! order, from [`judge`]; [`explain`] gives the page of an item for people. Nothing is dialled, read or heard here:
//! judging can be repeated at any time over stored facts.

mod finding;
mod gate;
mod item;
mod judge;
mod lexicon;
mod passage;
mod sheet;
mod sheet_file;

pub use judge::{Profile, explain, judge};
pub use sheet::{
    Automation, ItemSpec, KSQI16, NamesRequired, Provenance, Rule, Sheet, SheetError, Threshold,
    WhenMissing,
};
