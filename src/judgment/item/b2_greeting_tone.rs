//! CTQ item B2, greeting tone: facts in, a finding out. A human monitor judges it; no rule in this version.
#![doc = include_str!("b2_greeting_tone.md")]

use super::monitor::listened;
use crate::domain::facts::Facts;
use crate::judgment::finding::Finding;

/// The item's page.
pub(super) const DOC: &str = include_str!("b2_greeting_tone.md");

/// Says why the item stays open.
pub(super) fn find(facts: &Facts) -> Finding {
    listened(facts, "how the greeting sounds")
}
