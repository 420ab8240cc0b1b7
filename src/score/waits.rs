//! Attempts and waits in short, beside the index.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Agent waits of a center in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSummary {
    /// How many waits.
    pub count: usize,
    /// The middle one; of an even number the mean of both middle ones.
    pub median: Duration,
    /// The longest.
    pub worst: Duration,
}

impl WaitSummary {
    /// Sums up waits in any order; `None` for none.
    pub fn of(waits: &[Duration]) -> Option<Self> {
        let mut sorted = waits.to_vec();
        sorted.sort_unstable();
        let worst = *sorted.last()?;
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self { count: sorted.len(), median: lower + upper.saturating_sub(lower) / 2, worst })
    }
}

/// How hard it was to reach an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Units dialled.
    pub units: usize,
    /// Units in which an agent was reached.
    pub reached: usize,
    /// Attempts that counted, over all units.
    pub attempts: usize,
    /// Waits of the connected attempts; `None` if there were none.
    pub waits: Option<WaitSummary>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_both_middle_ones() {
        let s = Duration::from_secs;
        let summary = WaitSummary::of(&[s(9), s(1), s(4), s(6)]).expect("four waits");
        assert_eq!((summary.count, summary.median, summary.worst), (4, s(5), s(9)));
        assert_eq!(WaitSummary::of(&[s(3)]).map(|w| w.median), Some(s(3)));
        assert_eq!(WaitSummary::of(&[]), None);
    }
}
