//! Whether a center is an excellent call center (한국의 우수콜센터).

use super::tally::Tally;
use crate::judgment::Threshold;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A three-valued decision: what is open is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certification {
    /// Everything was judged and the index is the threshold or more.
    Certified,
    /// Even if all that is open turns out well, the index stays below the threshold.
    NotCertified,
    /// What is open decides.
    Undetermined,
}

impl fmt::Display for Certification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Certified => "certified",
            Self::NotCertified => "not certified",
            Self::Undetermined => "undetermined",
        })
    }
}

/// Decides from a tally of `expected` opportunities (calls of a year × items); those that are not in the tally yet are
/// open. The exact index is compared, not the printed one; the threshold itself certifies.
///
/// Source: KSQI 2017 press release, 90점 이상.
pub fn certify(tally: Tally, expected: u64, threshold: Threshold) -> Certification {
    let to_come = expected.saturating_sub(tally.opportunities() + tally.not_applicable);
    let year = tally + Tally { not_observed: to_come, ..Tally::default() };
    let Some(bounds) = year.bounds() else { return Certification::Undetermined };
    if !bounds.high.at_least(threshold) {
        Certification::NotCertified
    } else if year.coverage().complete() && bounds.low.at_least(threshold) {
        Certification::Certified
    } else {
        Certification::Undetermined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certified(tally: Tally) -> Certification {
        certify(tally, 1600, Threshold::read("90").expect("a threshold"))
    }

    fn judged(defects: u64, opportunities: u64) -> Tally {
        Tally { fulfilled: opportunities - defects, defects, ..Tally::default() }
    }

    #[test]
    fn with_160_defects_in_1600_a_center_is_certified_and_with_161_it_is_not() {
        assert_eq!(certified(judged(160, 1600)), Certification::Certified);
        assert_eq!(certified(judged(161, 1600)), Certification::NotCertified);
    }

    #[test]
    fn with_100_pending_between_86_25_and_92_5_it_is_undetermined() {
        let tally = Tally { pending: 100, ..judged(120, 1500) };
        assert_eq!(certified(tally), Certification::Undetermined);
    }

    #[test]
    fn a_single_unjudged_item_leaves_a_good_center_undetermined() {
        let tally = Tally { not_observed: 1, ..judged(0, 1599) };
        assert_eq!(certified(tally), Certification::Undetermined);
    }

    #[test]
    fn a_first_quarter_can_lose_the_year_but_not_win_it() {
        assert_eq!(certified(judged(0, 400)), Certification::Undetermined);
        assert_eq!(certified(judged(160, 400)), Certification::Undetermined);
        assert_eq!(certified(judged(161, 400)), Certification::NotCertified);
    }

    #[test]
    fn an_index_that_prints_90_0_but_is_below_is_not_certified() {
        let ninety = Threshold::read("90").expect("a threshold");
        assert_eq!(certify(judged(160, 1599), 1599, ninety), Certification::NotCertified);
    }
}
