//! Counting verdicts.

use super::ksqi::Ksqi;
use crate::domain::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// How often each verdict was given; in units of weight, which is 1 for every item of a KSQI sheet.
///
/// Tallies add up in any order and grouping; [`Self::default`] is the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Carried out.
    pub fulfilled: u64,
    /// Not carried out.
    pub defects: u64,
    /// Waiting for a person.
    pub pending: u64,
    /// Without evidence.
    pub not_observed: u64,
    /// Without opportunity.
    pub not_applicable: u64,
}

/// What an index is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// By what was judged; the coverage says how much that is. The default for display.
    #[default]
    Judged,
    /// By all opportunities, and only if all of them were judged.
    Strict,
    /// By all opportunities, whatever is open counted as a defect.
    AllDefect,
}

/// The index if everything open turned out badly, and if everything turned out well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Pending and unobserved opportunities counted as defects.
    pub low: Ksqi,
    /// Pending and unobserved opportunities counted as fulfilled.
    pub high: Ksqi,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} to {}", self.low, self.high))
    }
}

/// How much was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Judged opportunities.
    pub judged: u64,
    /// All opportunities, without those that do not apply.
    pub of: u64,
}

impl Coverage {
    /// Whether all of them were judged; not so for none at all.
    pub fn complete(self) -> bool {
        self.of > 0 && self.judged == self.of
    }

    /// Per mille, cut off, so that it reads 1000 only if complete; 0 for no opportunities.
    pub fn per_mille(self) -> u64 {
        let (judged, of) = (u128::from(self.judged), u128::from(self.of));
        (judged * 1000).checked_div(of).unwrap_or(0) as u64
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_mille = self.per_mille();
        f.pad(&format!("{}.{} %", per_mille / 10, per_mille % 10))
    }
}

impl Tally {
    /// One verdict of an item with this weight.
    pub fn of(verdict: &Verdict, weight: u32) -> Self {
        let mut tally = Self::default();
        let counter = match verdict {
            Verdict::Fulfilled => &mut tally.fulfilled,
            Verdict::Defect => &mut tally.defects,
            Verdict::Pending(_) => &mut tally.pending,
            Verdict::NotObserved(_) => &mut tally.not_observed,
            Verdict::NotApplicable(_) => &mut tally.not_applicable,
        };
        *counter = u64::from(weight);
        tally
    }

    /// All opportunities: everything but what does not apply.
    pub fn opportunities(self) -> u64 {
        self.judged() + self.pending + self.not_observed
    }

    /// Decided opportunities.
    pub fn judged(self) -> u64 {
        self.fulfilled + self.defects
    }

    /// How much was judged.
    pub fn coverage(self) -> Coverage {
        Coverage { judged: self.judged(), of: self.opportunities() }
    }

    /// The index under a policy; `None` if the policy finds nothing to divide by.
    pub fn ksqi(self, policy: Policy) -> Option<Ksqi> {
        match policy {
            Policy::Judged => Ksqi::new(self.defects, self.judged()).ok(),
            Policy::Strict if self.coverage().complete() => {
                Ksqi::new(self.defects, self.opportunities()).ok()
            }
            Policy::Strict => None,
            Policy::AllDefect => {
                Ksqi::new(self.opportunities() - self.fulfilled, self.opportunities()).ok()
            }
        }
    }

    /// The bounds over all opportunities; `None` if there are none.
    pub fn bounds(self) -> Option<Bounds> {
        let all = self.opportunities();
        let low = Ksqi::new(all - self.fulfilled, all).ok()?;
        let high = Ksqi::new(self.defects, all).ok()?;
        Some(Bounds { low, high })
    }
}

impl Add for Tally {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            fulfilled: self.fulfilled + other.fulfilled,
            defects: self.defects + other.defects,
            pending: self.pending + other.pending,
            not_observed: self.not_observed + other.not_observed,
            not_applicable: self.not_applicable + other.not_applicable,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally() -> impl Strategy<Value = Tally> {
        (0u64..500, 0u64..500, 0u64..500, 0u64..500, 0u64..500).prop_map(|(f, d, p, n, a)| Tally {
            fulfilled: f,
            defects: d,
            pending: p,
            not_observed: n,
            not_applicable: a,
        })
    }

    #[test]
    fn with_100_of_1600_pending_the_bounds_are_86_25_and_92_5() {
        let tally = Tally { fulfilled: 1380, defects: 120, pending: 100, ..Tally::default() };
        assert_eq!(tally.ksqi(Policy::Judged).map(|k| k.to_string()).as_deref(), Some("92.0"));
        let bounds = tally.bounds().expect("there are opportunities");
        assert_eq!(bounds.low, Ksqi::new(220, 1600).expect("an index"));
        assert_eq!(bounds.high, Ksqi::new(120, 1600).expect("an index"));
        assert_eq!(bounds.to_string(), "86.3 to 92.5");
        assert_eq!(tally.ksqi(Policy::Strict), None);
        assert_eq!(tally.ksqi(Policy::AllDefect), Some(bounds.low));
    }

    #[test]
    fn an_empty_tally_has_no_index_and_no_bounds() {
        let empty = Tally { not_applicable: 16, ..Tally::default() };
        for policy in [Policy::Judged, Policy::Strict, Policy::AllDefect] {
            assert_eq!(empty.ksqi(policy), None);
        }
        assert_eq!(empty.bounds(), None);
        assert!(!empty.coverage().complete());
        assert_eq!(empty.coverage().to_string(), "0.0 %");
    }

    #[test]
    fn coverage_of_1599_in_1600_does_not_print_100() {
        assert_eq!(Coverage { judged: 1599, of: 1600 }.to_string(), "99.9 %");
        assert_eq!(Coverage { judged: 1600, of: 1600 }.to_string(), "100.0 %");
    }

    proptest! {
        #[test]
        fn tallies_add_up_in_any_order(a in tally(), b in tally(), c in tally()) {
            prop_assert_eq!((a + b) + c, a + (b + c));
            prop_assert_eq!(a + b, b + a);
            prop_assert_eq!(a + Tally::default(), a);
        }

        #[test]
        fn the_index_lies_within_its_bounds(tally in tally()) {
            if let (Some(index), Some(bounds)) = (tally.ksqi(Policy::Judged), tally.bounds()) {
                prop_assert!(bounds.low <= index && index <= bounds.high);
            }
        }

        #[test]
        fn judging_what_was_open_never_leaves_the_bounds(tally in tally(), good in 0u64..500) {
            let Some(bounds) = tally.bounds() else { return Ok(()) };
            let good = good.min(tally.pending);
            let later = Tally {
                fulfilled: tally.fulfilled + good,
                defects: tally.defects + tally.pending - good,
                pending: 0,
                ..tally
            };
            let after = later.bounds().expect("opportunities stay");
            prop_assert!(bounds.low <= after.low && after.high <= bounds.high);
        }

        #[test]
        fn one_more_defect_moves_nothing_up(tally in tally()) {
            let worse = tally + Tally { defects: 1, ..Tally::default() };
            if let (Some(a), Some(b)) = (tally.bounds(), worse.bounds()) {
                prop_assert!(b.low <= a.low && b.high <= a.high);
            }
        }
    }
}
