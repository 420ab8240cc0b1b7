//! The index as an exact fraction.

use crate::judgment::Threshold;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// KSQI: fulfilled among judged opportunities (one opportunity = one CTQ item in one call), 0 to 100 points.
///
/// Kept as two integers; compared exactly; printed with one decimal, halves up.
/// Source: KSQI 2017 press release, 산출 방법: KSQI = (1 − ΣD / ΣCTQ) × 100.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Ksqi {
    fulfilled: u64,
    opportunities: u64,
}

#[derive(Serialize, Deserialize)]
struct Parts {
    fulfilled: u64,
    opportunities: u64,
}

/// Numbers that make no index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KsqiError {
    /// There is nothing to divide by.
    #[error("no opportunity was judged, so there is no index; judge at least one item")]
    NoOpportunity,
    /// More defects than opportunities.
    #[error("{defects} defects among {opportunities} opportunities are too many; count them again")]
    TooManyDefects {
        /// Defects counted.
        defects: u64,
        /// Opportunities counted.
        opportunities: u64,
    },
}

impl Ksqi {
    /// Counts `defects` among `opportunities`.
    ///
    /// # Errors
    /// [`KsqiError`] if `opportunities` is 0 or smaller than `defects`.
    pub fn new(defects: u64, opportunities: u64) -> Result<Self, KsqiError> {
        if opportunities == 0 {
            return Err(KsqiError::NoOpportunity);
        }
        let fulfilled = opportunities
            .checked_sub(defects)
            .ok_or(KsqiError::TooManyDefects { defects, opportunities })?;
        Ok(Self { fulfilled, opportunities })
    }

    /// Points, 0 to 100, for plots; never for comparing.
    pub fn points(self) -> f64 {
        self.fulfilled as f64 * 100.0 / self.opportunities as f64
    }

    /// Tenths of a point, halves up: 899 for 89.9375 points.
    pub fn tenths(self) -> u64 {
        let (part, whole) = (u128::from(self.fulfilled), u128::from(self.opportunities));
        ((part * 2_000 + whole) / (whole * 2)) as u64
    }

    /// Whether the exact index, not the printed one, is `threshold` or more.
    pub fn at_least(self, threshold: Threshold) -> bool {
        u128::from(self.fulfilled) * 10_000
            >= u128::from(self.opportunities) * u128::from(threshold.hundredths())
    }

    /// Opportunities it rests on.
    pub fn opportunities(self) -> u64 {
        self.opportunities
    }

    /// Defects among them.
    pub fn defects(self) -> u64 {
        self.opportunities - self.fulfilled
    }
}

impl Ord for Ksqi {
    fn cmp(&self, other: &Self) -> Ordering {
        let ours = u128::from(self.fulfilled) * u128::from(other.opportunities);
        let theirs = u128::from(other.fulfilled) * u128::from(self.opportunities);
        ours.cmp(&theirs)
    }
}

impl PartialOrd for Ksqi {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ksqi {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ksqi {}

impl fmt::Display for Ksqi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.tenths();
        f.pad(&format!("{}.{}", tenths / 10, tenths % 10))
    }
}

impl TryFrom<Parts> for Ksqi {
    type Error = KsqiError;
    fn try_from(parts: Parts) -> Result<Self, KsqiError> {
        let defects = parts.opportunities.checked_sub(parts.fulfilled);
        let (fulfilled, opportunities) = (parts.fulfilled, parts.opportunities);
        Self::new(
            defects.ok_or(KsqiError::TooManyDefects { defects: fulfilled, opportunities })?,
            opportunities,
        )
    }
}

impl From<Ksqi> for Parts {
    fn from(index: Ksqi) -> Self {
        Self { fulfilled: index.fulfilled, opportunities: index.opportunities }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(defects: u64, opportunities: u64) -> Ksqi {
        Ksqi::new(defects, opportunities).expect("an index")
    }

    fn ninety() -> Threshold {
        Threshold::read("90").expect("a threshold")
    }

    #[test]
    fn published_example_80_defects_in_1600_is_95_points() {
        assert_eq!(index(80, 1600).to_string(), "95.0");
    }

    #[test]
    fn with_160_defects_in_1600_the_line_is_met_and_with_161_it_is_not() {
        assert!(index(160, 1600).at_least(ninety()));
        assert_eq!(index(161, 1600).to_string(), "89.9");
        assert!(!index(161, 1600).at_least(ninety()));
    }

    #[test]
    fn an_index_that_prints_90_0_can_be_below_90() {
        assert_eq!(index(160, 1599).to_string(), "90.0");
        assert!(!index(160, 1599).at_least(ninety()));
    }

    #[test]
    fn halves_are_printed_up() {
        // 1 − 199/2000 is 90.05 exactly; 1 − 1/16 is 93.75; 1 − 3/16 is 81.25.
        assert_eq!(index(199, 2000).to_string(), "90.1");
        assert_eq!(index(1, 16).to_string(), "93.8");
        assert_eq!(index(3, 16).to_string(), "81.3");
        assert_eq!(index(0, 16).to_string(), "100.0");
        assert_eq!(index(16, 16).to_string(), "0.0");
    }

    #[test]
    fn nothing_judged_is_no_index() {
        assert_eq!(Ksqi::new(0, 0).err(), Some(KsqiError::NoOpportunity));
        let too_many = KsqiError::TooManyDefects { defects: 2, opportunities: 1 };
        assert_eq!(Ksqi::new(2, 1).err(), Some(too_many));
    }

    #[test]
    fn equal_fractions_are_equal() {
        assert_eq!(index(1, 16), index(100, 1600));
        assert!(index(160, 1599) < index(160, 1600));
    }

    proptest! {
        #[test]
        fn the_score_never_moves_up_when_a_defect_is_added(
            defects in 0u64..1_000_000, fulfilled in 0u64..1_000_000,
        ) {
            prop_assume!(defects + fulfilled > 0);
            let before = index(defects, defects + fulfilled);
            prop_assert!(index(defects + 1, defects + fulfilled + 1) <= before);
            if fulfilled > 0 {
                prop_assert!(index(defects + 1, defects + fulfilled) < before);
            }
        }

        #[test]
        fn an_index_survives_json(defects in 0u64..100, fulfilled in 1u64..100) {
            let whole = index(defects, defects + fulfilled);
            let text = serde_json::to_string(&whole).expect("writes");
            prop_assert_eq!(serde_json::from_str::<Ksqi>(&text).expect("reads"), whole);
        }
    }
}
