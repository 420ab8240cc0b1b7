//! A score card in the form that reports print.

use crate::report::model::{
    Certification as Shown, Completeness, DimensionFigures, ItemFigures, ScoreFigures,
    Tally as ShownTally, Tenths,
};
use crate::score::{Certification, Ksqi, Policy, ScoreCard, Tally};

/// The figures of a card.
pub(super) fn figures(card: &ScoreCard) -> ScoreFigures {
    let bounds = card.bounds();
    let coverage = card.coverage();
    ScoreFigures {
        completeness: if card.complete() { Completeness::Whole } else { Completeness::Partial },
        index: card.ksqi(Policy::Judged).map(tenths),
        low: bounds.map(|b| tenths(b.low)),
        high: bounds.map(|b| tenths(b.high)),
        coverage: Tenths::percent(narrow(coverage.judged), narrow(coverage.of)),
        interval: None,
        certification: match card.certification() {
            Certification::Certified => Shown::Excellent,
            Certification::NotCertified => Shown::NotExcellent,
            Certification::Undetermined => Shown::Undetermined,
        },
        total: tally(card.total),
        dimensions: card
            .dimensions
            .iter()
            .map(|d| DimensionFigures {
                dimension: d.dimension,
                index: d.tally.ksqi(Policy::Judged).map(tenths),
                tally: tally(d.tally),
            })
            .collect(),
        items: card
            .items
            .iter()
            .map(|i| ItemFigures { item: i.item, tally: tally(i.tally) })
            .collect(),
    }
}

fn tenths(ksqi: Ksqi) -> Tenths {
    Tenths(narrow(ksqi.tenths()))
}

fn tally(counts: Tally) -> ShownTally {
    ShownTally {
        fulfilled: narrow(counts.fulfilled),
        defects: narrow(counts.defects),
        pending: narrow(counts.pending),
        unobserved: narrow(counts.not_observed),
        not_applicable: narrow(counts.not_applicable),
    }
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
