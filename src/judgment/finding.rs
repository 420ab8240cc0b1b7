//! What a rule finds, before the sheet's gate turns it into a judgment.

use crate::domain::verdict::{Confidence, EvidenceSpan, Reason, Verdict};

/// What a rule found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    /// The rule came to a verdict.
    Judged {
        /// The verdict.
        verdict: Verdict,
        /// One plain sentence for a newcomer.
        because: String,
        /// Where to listen.
        evidence: Vec<EvidenceSpan>,
        /// Rank for review queues.
        confidence: Confidence,
    },
    /// A fact that the rule needs is not there; the sheet says what becomes of the item.
    Missing {
        /// What is missing, as part of a sentence: `no words of the agent were read`.
        what: String,
    },
}

/// Rank of a verdict that rests on signalling and counted time.
const MEASURED: Confidence = Confidence(1.0);
/// Rank of an open verdict.
const OPEN: Confidence = Confidence(0.0);

impl Finding {
    /// Carried out.
    pub(super) fn fulfilled(because: impl Into<String>) -> Self {
        Self::new(Verdict::Fulfilled, because, MEASURED)
    }

    /// Not carried out.
    pub(super) fn defect(because: impl Into<String>) -> Self {
        Self::new(Verdict::Defect, because, MEASURED)
    }

    /// A person decides.
    pub(super) fn pending(reason: Reason, because: impl Into<String>) -> Self {
        Self::new(Verdict::Pending(reason), because, OPEN)
    }

    /// Nothing to go by.
    pub(super) fn not_observed(reason: Reason, because: impl Into<String>) -> Self {
        Self::new(Verdict::NotObserved(reason), because, OPEN)
    }

    /// A needed fact is missing.
    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self::Missing { what: what.into() }
    }

    fn new(verdict: Verdict, because: impl Into<String>, confidence: Confidence) -> Self {
        Self::Judged { verdict, because: because.into(), evidence: Vec::new(), confidence }
    }

    /// Adds places to listen.
    pub(super) fn with(mut self, more: impl IntoIterator<Item = EvidenceSpan>) -> Self {
        if let Self::Judged { evidence, .. } = &mut self {
            evidence.extend(more);
        }
        self
    }

    /// Sets the rank.
    pub(super) fn ranked(mut self, rank: f32) -> Self {
        if let Self::Judged { confidence, .. } = &mut self {
            *confidence = Confidence(rank.clamp(0.0, 1.0));
        }
        self
    }
}
