//! Figures of a center that are counted from its calls: attempts, waits, units that reached nobody.
//! Enters: a [`CenterReport`]. Leaves: [`CenterFigures`]. Verdicts are counted by the score room, not here.

use super::model::{CallReport, CampaignReport, CenterReport};
use super::words::WAIT_LIMIT;
use crate::domain::ctq::CtqItem;
use crate::domain::facts::AgentWait;
use crate::domain::segment::{Acceptance, PassageKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest that a caller waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Longest {
    /// Then an agent spoke.
    Connected(Duration),
    /// And nobody came.
    NeverConnected(Duration),
}

impl Longest {
    /// The wait, whatever came of it.
    pub fn waited(self) -> Duration {
        match self {
            Self::Connected(span) | Self::NeverConnected(span) => span,
        }
    }
}

/// How often callers who had reached an agent waited again, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interruptions {
    /// How often.
    pub count: usize,
    /// Together.
    pub total: Duration,
    /// The longest of them.
    pub longest: Duration,
}

impl Interruptions {
    fn add(&mut self, length: Duration) {
        self.count += 1;
        self.total += length;
        self.longest = self.longest.max(length);
    }
}

/// What the calls of one center add up to. Excluded units count nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CenterFigures {
    /// Units that were dialled and count.
    pub dialled: usize,
    /// Of them, those that reached an agent.
    pub reached: usize,
    /// Units that were left out because our own side spoilt them.
    pub excluded: usize,
    /// Attempts of the dialled units; void ones are not among them.
    pub attempts: usize,
    /// Void attempts: faults of our own side.
    pub void: usize,
    /// Median wait of the units that reached an agent; of an even number, the mean of the middle two.
    pub median: Option<Duration>,
    /// The longest wait on any attempt.
    pub longest: Option<Longest>,
    /// Waits over the limit of 20 s, on any attempt.
    pub over_limit: usize,
    /// Waits whose end a person still has to confirm.
    pub unconfirmed: usize,
    /// Holds: how often an agent kept a caller waiting and came back.
    pub holds: Interruptions,
    /// Transfers: how often a caller was passed on.
    pub transfers: Interruptions,
}

impl CenterFigures {
    /// Adds up the calls of `center`.
    pub fn of(center: &CenterReport) -> Self {
        let mut figures = Self::default();
        let mut waits = Vec::new();
        for call in &center.calls {
            figures.add(call, &mut waits);
        }
        waits.sort_unstable();
        figures.median = median(&waits);
        figures
    }

    fn add(&mut self, call: &CallReport, waits: &mut Vec<Duration>) {
        if call.excluded.is_some() {
            self.excluded += 1;
            return;
        }
        if call.attempts.is_empty() {
            return;
        }
        self.dialled += 1;
        for passage in &call.passages {
            match passage.kind {
                PassageKind::Hold => self.holds.add(passage.span.duration()),
                PassageKind::Transfer => self.transfers.add(passage.span.duration()),
            }
        }
        for attempt in &call.attempts {
            if !attempt.outcome.counts() {
                self.void += 1;
                continue;
            }
            self.attempts += 1;
            let longest = match &attempt.wait {
                AgentWait::NotRequested => continue,
                AgentWait::Connected { requested, onset, acceptance, .. } => {
                    self.unconfirmed +=
                        usize::from(matches!(acceptance, Acceptance::Review { .. }));
                    Longest::Connected(*onset - *requested)
                }
                AgentWait::NeverConnected { waited, .. } => Longest::NeverConnected(*waited),
            };
            self.over_limit += usize::from(longest.waited() > WAIT_LIMIT);
            if self.longest.is_none_or(|known| longest.waited() > known.waited()) {
                self.longest = Some(longest);
            }
        }
        if let Some(wait) = call.connected_attempt().and_then(|a| a.wait.connected()) {
            self.reached += 1;
            waits.push(wait);
        }
    }

    /// Dialled units on which nobody was reached.
    pub fn unreached(&self) -> usize {
        self.dialled - self.reached
    }
}

fn median(sorted: &[Duration]) -> Option<Duration> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some((sorted[middle - 1] + upper) / 2) }
}

/// Why verdicts are open, over the whole campaign: each reason in plain words, how often, and for which items;
/// the most frequent first. Items that do not apply are not among them.
pub(super) fn open_reasons(report: &CampaignReport) -> Vec<(String, u32, Vec<CtqItem>)> {
    use crate::domain::verdict::Verdict;
    let mut reasons: BTreeMap<String, (u32, Vec<CtqItem>)> = BTreeMap::new();
    let calls = report.centers.iter().flat_map(|c| &c.calls).filter(|c| c.excluded.is_none());
    for judgment in calls.flat_map(|c| &c.judgments) {
        let (Verdict::NotObserved(reason) | Verdict::Pending(reason)) = &judgment.verdict else {
            continue;
        };
        let entry = reasons.entry(reason.to_string()).or_default();
        entry.0 += 1;
        if let Err(place) = entry.1.binary_search(&judgment.item) {
            entry.1.insert(place, judgment.item);
        }
    }
    let mut rows: Vec<_> = reasons.into_iter().map(|(why, (n, items))| (why, n, items)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.1));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let secs = |s: &[u64]| s.iter().map(|&s| Duration::from_secs(s)).collect::<Vec<_>>();
        assert_eq!(median(&secs(&[1, 3])), Some(Duration::from_secs(2)));
        assert_eq!(median(&secs(&[1, 3, 9])), Some(Duration::from_secs(3)));
        assert_eq!(median(&[]), None);
    }
}
