//! CTQ item C3, confidence: facts in, a finding out. A human monitor judges it; no rule in this version.
#![doc = include_str!("c3_confidence.md")]

use super::monitor::listened;
use crate::domain::facts::Facts;
use crate::judgment::finding::Finding;

/// The item's page.
pub(super) const DOC: &str = include_str!("c3_confidence.md");

/// Says why the item stays open.
pub(super) fn find(facts: &Facts) -> Finding {
    listened(facts, "whether the agent hedges")
}
