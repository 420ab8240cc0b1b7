//! The score card of a center.

use super::Ksqi;
use super::certification::{Certification, certify};
use super::resolve::resolve;
use super::tally::{Bounds, Coverage, Policy, Tally};
use super::waits::Reach;
use crate::domain::ctq::{CtqItem, Dimension, Stage};
use crate::domain::ids::{ContentHash, SheetId, UnitId};
use crate::domain::verdict::{Judgment, Reason, Verdict};
use crate::judgment::{Sheet, Threshold};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether calls count in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Real calls.
    Yes,
    /// Calls to simulated centers: shown, never an index, never certified.
    Simulated,
}

/// An item over all units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ItemScore {
    /// Its code.
    pub item: CtqItem,
    /// Its Korean name.
    pub ko: String,
    /// Its English name.
    pub en: String,
    /// Its dimension.
    pub dimension: Dimension,
    /// Its stage.
    pub stage: Stage,
    /// Its counts.
    pub tally: Tally,
}

/// A dimension over all units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DimensionScore {
    /// Which.
    pub dimension: Dimension,
    /// Its counts.
    pub tally: Tally,
}

/// A stage over all units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageScore {
    /// Which.
    pub stage: Stage,
    /// Its counts.
    pub tally: Tally,
}

/// One unit over all items: the cluster of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitScore {
    /// Which.
    pub unit: UnitId,
    /// Its counts.
    pub tally: Tally,
}

/// What a center scored, with everything needed to say how sure that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScoreCard {
    /// The sheet.
    pub sheet: SheetId,
    /// SHA-256 of the sheet.
    pub sheet_hash: ContentHash,
    /// What a complete index by the sheet is called.
    pub index: String,
    /// Points from which a center is certified.
    pub threshold: Threshold,
    /// Whether the calls count.
    pub counted: Counted,
    /// Opportunities of a whole year.
    pub expected: u64,
    /// All counts.
    pub total: Tally,
    /// Counts by item, in the order of the sheet.
    pub items: Vec<ItemScore>,
    /// Counts by dimension, only those that the sheet has, in report order.
    pub dimensions: Vec<DimensionScore>,
    /// Counts by stage, only those that the sheet has, before to after.
    pub stages: Vec<StageScore>,
    /// Counts by unit, in order of their names.
    pub units: Vec<UnitScore>,
    /// Attempts and waits, if the caller adds them.
    pub reach: Option<Reach>,
}

/// Scores a center.
///
/// `judgments` are all judgments of its units in any order; several of the same item in the same unit are resolved by
/// [`resolve`], in the order given. An item of the sheet without a judgment was not observed; judgments of items that
/// the sheet does not list are left out.
pub fn score_card(judgments: &[Judgment], sheet: &Sheet, counted: Counted) -> ScoreCard {
    let mut units: BTreeMap<&UnitId, BTreeMap<CtqItem, Vec<&Judgment>>> = BTreeMap::new();
    for judgment in judgments {
        let unit = units.entry(&judgment.unit).or_default();
        unit.entry(judgment.item).or_default().push(judgment);
    }
    let mut items: Vec<ItemScore> = sheet
        .items
        .iter()
        .map(|spec| ItemScore {
            item: spec.id,
            ko: spec.ko.clone(),
            en: spec.en.clone(),
            dimension: spec.dimension,
            stage: spec.stage,
            tally: Tally::default(),
        })
        .collect();
    let mut scored = Vec::with_capacity(units.len());
    for (unit, given) in units {
        let mut own = Tally::default();
        for (spec, item) in sheet.items.iter().zip(&mut items) {
            let verdict = given.get(&spec.id).and_then(|all| resolve(all));
            let verdict = verdict.unwrap_or(Verdict::NotObserved(Reason::NoJudgeYet));
            let tally = Tally::of(&verdict, spec.weight);
            item.tally += tally;
            own += tally;
        }
        scored.push(UnitScore { unit: unit.clone(), tally: own });
    }
    let weights: u64 = sheet.items.iter().map(|spec| u64::from(spec.weight)).sum();
    ScoreCard {
        sheet: sheet.id.clone(),
        sheet_hash: sheet.hash.clone(),
        index: sheet.index.clone(),
        threshold: sheet.threshold,
        counted,
        expected: weights * u64::from(sheet.calls_per_center),
        total: scored.iter().map(|unit| unit.tally).sum(),
        dimensions: by_dimension(&items),
        stages: by_stage(&items),
        items,
        units: scored,
        reach: None,
    }
}

fn by_dimension(items: &[ItemScore]) -> Vec<DimensionScore> {
    let of = |dimension| items.iter().filter(move |item| item.dimension == dimension);
    Dimension::ALL
        .into_iter()
        .filter(|dimension| of(*dimension).next().is_some())
        .map(|dimension| DimensionScore {
            dimension,
            tally: of(dimension).map(|item| item.tally).sum(),
        })
        .collect()
}

fn by_stage(items: &[ItemScore]) -> Vec<StageScore> {
    let of = |stage| items.iter().filter(move |item| item.stage == stage);
    [Stage::Before, Stage::On, Stage::After]
        .into_iter()
        .filter(|stage| of(*stage).next().is_some())
        .map(|stage| StageScore { stage, tally: of(stage).map(|item| item.tally).sum() })
        .collect()
}

impl ScoreCard {
    /// Adds attempts and waits.
    #[must_use]
    pub fn with_reach(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
    }

    /// What the number may be called: the sheet's index (`KSQI`) only if every item of every unit was judged, else
    /// `partial index`; never an index for simulated calls.
    pub fn heading(&self) -> &str {
        match self.counted {
            Counted::Simulated => "simulated, not an index",
            Counted::Yes if self.complete() => &self.index,
            Counted::Yes => "partial index",
        }
    }

    /// Whether every item of every unit was judged; items that do not apply leave a gap too.
    pub fn complete(&self) -> bool {
        self.total.coverage().complete() && self.total.not_applicable == 0
    }

    /// The index under a policy; `None` if there is nothing to divide by.
    pub fn ksqi(&self, policy: Policy) -> Option<Ksqi> {
        self.total.ksqi(policy)
    }

    /// The bounds; `None` without opportunities.
    pub fn bounds(&self) -> Option<Bounds> {
        self.total.bounds()
    }

    /// How much was judged.
    pub fn coverage(&self) -> Coverage {
        self.total.coverage()
    }

    /// Whether the center is certified; never so for simulated calls, nor before the year's calls were made.
    pub fn certification(&self) -> Certification {
        match self.counted {
            Counted::Yes => certify(self.total, self.expected, self.threshold),
            Counted::Simulated => Certification::Undetermined,
        }
    }

    /// Items with defects, those with the most first: what to mend first. Of equal ones the sheet's order.
    pub fn to_mend(&self) -> Vec<&ItemScore> {
        let mut worst: Vec<_> = self.items.iter().filter(|item| item.tally.defects > 0).collect();
        worst.sort_by_key(|item| std::cmp::Reverse(item.tally.defects));
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::{Confidence, Judge};
    use proptest::prelude::*;

    fn judgment(unit: usize, item: CtqItem, verdict: Verdict) -> Judgment {
        Judgment {
            unit: UnitId::new(format!("center.q1.{unit:03}")).expect("a unit"),
            item,
            verdict,
            because: "A test says so.".to_owned(),
            evidence: Vec::new(),
            confidence: Confidence(1.0),
            judge: Judge::Machine { rule: "test".to_owned(), version: 1 },
        }
    }

    fn sheet() -> Sheet {
        Sheet::ksqi16().expect("the sheet of the program")
    }

    /// `units` calls with all items judged, the first `defects` of them badly.
    fn judged(units: usize, defects: usize) -> Vec<Judgment> {
        let all = (0..units).flat_map(|unit| CtqItem::ALL.map(|item| (unit, item)));
        all.enumerate()
            .map(|(place, (unit, item))| {
                let verdict = if place < defects { Verdict::Defect } else { Verdict::Fulfilled };
                judgment(unit, item, verdict)
            })
            .collect()
    }

    #[test]
    fn a_year_of_100_calls_with_80_defects_is_a_ksqi_of_95() {
        let card = score_card(&judged(100, 80), &sheet(), Counted::Yes);
        assert_eq!(card.heading(), "KSQI");
        assert_eq!(card.ksqi(Policy::Judged).map(|k| k.to_string()).as_deref(), Some("95.0"));
        assert_eq!(card.certification(), Certification::Certified);
        assert_eq!(card.units.len(), 100);
        assert_eq!(card.items[0].tally.defects, 5);
        assert_eq!(card.total, card.dimensions.iter().map(|d| d.tally).sum());
        assert_eq!(card.total, card.stages.iter().map(|s| s.tally).sum());
        assert_eq!(card.total, card.units.iter().map(|u| u.tally).sum());
    }

    #[test]
    fn one_unjudged_item_makes_it_a_partial_index() {
        let mut judgments = judged(100, 0);
        judgments.pop();
        let card = score_card(&judgments, &sheet(), Counted::Yes);
        assert_eq!(card.heading(), "partial index");
        assert_eq!(card.coverage().to_string(), "99.9 %");
        assert_eq!(card.total.not_observed, 1);
        assert_eq!(card.certification(), Certification::Undetermined);
    }

    #[test]
    fn a_quarter_without_defects_is_not_certified_yet() {
        let card = score_card(&judged(25, 0), &sheet(), Counted::Yes);
        assert_eq!(card.heading(), "KSQI");
        assert_eq!(card.certification(), Certification::Undetermined);
    }

    #[test]
    fn simulated_calls_are_never_an_index_nor_certified() {
        let card = score_card(&judged(100, 0), &sheet(), Counted::Simulated);
        assert_eq!(card.heading(), "simulated, not an index");
        assert_eq!(card.certification(), Certification::Undetermined);
    }

    #[test]
    fn nothing_judged_is_no_score() {
        let card = score_card(&[], &sheet(), Counted::Yes);
        assert_eq!(card.heading(), "partial index");
        assert_eq!(card.ksqi(Policy::Judged), None);
        assert_eq!(card.bounds(), None);
        assert_eq!(card.certification(), Certification::Undetermined);
    }

    #[test]
    fn the_item_with_the_most_defects_is_to_be_mended_first() {
        let mut judgments = judged(3, 0);
        judgments[4].verdict = Verdict::Defect; // B2 of the first unit
        judgments[16 + 2].verdict = Verdict::Defect; // A3 of the second
        judgments[32 + 2].verdict = Verdict::Defect; // A3 of the third
        let card = score_card(&judgments, &sheet(), Counted::Yes);
        let order: Vec<_> = card.to_mend().iter().map(|item| item.item).collect();
        assert_eq!(order, [CtqItem::A3, CtqItem::B2]);
    }

    #[test]
    fn a_card_survives_json() -> Result<(), serde_json::Error> {
        let card = score_card(&judged(2, 3), &sheet(), Counted::Yes);
        let text = serde_json::to_string(&card)?;
        assert_eq!(serde_json::from_str::<ScoreCard>(&text)?, card);
        Ok(())
    }

    proptest! {
        #[test]
        fn the_order_of_units_does_not_matter(defects in 0usize..64, turn in 0usize..64) {
            let judgments = judged(4, defects);
            let mut turned = judgments.clone();
            turned.rotate_left(turn);
            let sheet = sheet();
            prop_assert_eq!(
                score_card(&judgments, &sheet, Counted::Yes),
                score_card(&turned, &sheet, Counted::Yes)
            );
        }

        #[test]
        fn turning_a_verdict_into_a_defect_never_moves_the_card_up(
            defects in 0usize..64, place in 0usize..64,
        ) {
            let mut judgments = judged(4, defects);
            let sheet = sheet();
            let before = score_card(&judgments, &sheet, Counted::Yes);
            judgments[place].verdict = Verdict::Defect;
            let after = score_card(&judgments, &sheet, Counted::Yes);
            prop_assert!(after.ksqi(Policy::Judged) <= before.ksqi(Policy::Judged));
            prop_assert!(after.bounds().map(|b| b.high) <= before.bounds().map(|b| b.high));
        }
    }
}
