//! CTQ item C5, empathy: facts in, a finding out. A human monitor judges it; no rule in this version.
#![doc = include_str!("c5_empathy.md")]

use super::monitor::enquired;
use crate::domain::facts::Facts;
use crate::judgment::finding::Finding;

/// The item's page.
pub(super) const DOC: &str = include_str!("c5_empathy.md");

/// Says why the item stays open.
pub(super) fn find(facts: &Facts) -> Finding {
    enquired(facts, "whether the agent shows empathy")
}
