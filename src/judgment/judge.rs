//! From the findings of the rules to judgments: the sheet's gates and the profile of the campaign.

use super::finding::Finding;
use super::item;
use super::sheet::{Automation, ItemSpec, Rule, Sheet, WhenMissing};
use crate::domain::ctq::CtqItem;
use crate::domain::facts::Facts;
use crate::domain::verdict::{Confidence, Judge, Judgment, Proposal, Reason, Verdict};

/// Which gates are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The sheet's: the machine decides `auto` items alone, of `assisted` ones it proposes a verdict.
    #[default]
    Default,
    /// For simulated centers: every item that has a rule is decided by it. Never for an index of real calls.
    Simulated,
}

/// Judges one unit: one judgment for each item of the sheet, in its order.
pub fn judge(facts: &Facts, sheet: &Sheet, profile: Profile) -> Vec<Judgment> {
    sheet.items.iter().map(|spec| judge_item(facts, spec, profile)).collect()
}

/// The page of an item for people: what it checks, on what evidence, with what limits. Markdown.
pub fn explain(item: CtqItem) -> &'static str {
    item::doc(item)
}

fn judge_item(facts: &Facts, spec: &ItemSpec, profile: Profile) -> Judgment {
    let (verdict, because, evidence, confidence) = match item::find(facts, spec) {
        Finding::Judged { verdict, because, evidence, confidence } => {
            (verdict, because, evidence, confidence)
        }
        Finding::Missing { what } => {
            let (verdict, because) = missing(what, spec.when_missing);
            (verdict, because, Vec::new(), Confidence(0.0))
        }
    };
    let (verdict, opened) = gate(verdict, spec, profile);
    let rule = if opened {
        format!("{} (gate opened: simulated)", spec.rule.name())
    } else {
        spec.rule.name().to_owned()
    };
    Judgment {
        unit: facts.unit.clone(),
        item: spec.id,
        verdict,
        because,
        evidence,
        confidence,
        judge: Judge::Machine { rule, version: spec.rule.version() },
    }
}

fn missing(what: String, when: WhenMissing) -> (Verdict, String) {
    let mut because = format!("This could not be judged: {what}.");
    match when {
        WhenMissing::Pending => {
            because.push_str(" A person should look.");
            (Verdict::Pending(Reason::Unattributed { what }), because)
        }
        WhenMissing::NotObserved => (Verdict::NotObserved(Reason::NotExercised { what }), because),
    }
}

/// The verdict behind the sheet's gate, and whether the profile opened a gate that the sheet keeps shut.
fn gate(verdict: Verdict, spec: &ItemSpec, profile: Profile) -> (Verdict, bool) {
    let proposal = match verdict {
        Verdict::Fulfilled => Proposal::Fulfilled,
        Verdict::Defect => Proposal::Defect,
        open => return (open, false),
    };
    match (spec.automation, profile) {
        (Automation::Auto, _) => (verdict, false),
        (Automation::Assisted | Automation::Human, Profile::Simulated) => {
            (verdict, spec.rule != Rule::Monitor)
        }
        (Automation::Assisted | Automation::Human, Profile::Default) => {
            (Verdict::Pending(Reason::AwaitsMonitor { proposal }), false)
        }
    }
}
