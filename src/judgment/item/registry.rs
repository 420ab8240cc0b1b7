//! Which file judges which item: facts and an item of the sheet in, the finding of its rule out.

use super::{
    a1_line_connected, a2_attempts, a3_wait, b1_greeting, b2_greeting_tone, c1_tone,
    c2_speaking_rate, c3_confidence, c4_interrupting, c5_empathy, c6_guidance, d1_understanding,
    d2_explanation, d3_one_stop, e1_further_help, e2_closing, monitor,
};
use crate::domain::ctq::CtqItem;
use crate::domain::facts::Facts;
use crate::judgment::finding::Finding;
use crate::judgment::sheet::{ItemSpec, Rule};

/// The page of an item.
pub(in crate::judgment) fn doc(item: CtqItem) -> &'static str {
    match item {
        CtqItem::A1 => a1_line_connected::DOC,
        CtqItem::A2 => a2_attempts::DOC,
        CtqItem::A3 => a3_wait::DOC,
        CtqItem::B1 => b1_greeting::DOC,
        CtqItem::B2 => b2_greeting_tone::DOC,
        CtqItem::C1 => c1_tone::DOC,
        CtqItem::C2 => c2_speaking_rate::DOC,
        CtqItem::C3 => c3_confidence::DOC,
        CtqItem::C4 => c4_interrupting::DOC,
        CtqItem::C5 => c5_empathy::DOC,
        CtqItem::C6 => c6_guidance::DOC,
        CtqItem::D1 => d1_understanding::DOC,
        CtqItem::D2 => d2_explanation::DOC,
        CtqItem::D3 => d3_one_stop::DOC,
        CtqItem::E1 => e1_further_help::DOC,
        CtqItem::E2 => e2_closing::DOC,
    }
}

/// What the rule of an item finds. A sheet that has been checked names a rule that fits its item.
pub(in crate::judgment) fn find(facts: &Facts, spec: &ItemSpec) -> Finding {
    match spec.rule {
        Rule::LineConnected => a1_line_connected::find(facts),
        Rule::AttemptsMax { max } => a2_attempts::find(facts, max),
        Rule::WaitMax { limit, margin } => a3_wait::find(facts, limit, margin),
        Rule::Greeting { window, names } => b1_greeting::find(facts, window, names),
        Rule::NoInterrupting { before_end, lasting } => {
            c4_interrupting::find(facts, before_end, lasting)
        }
        Rule::FurtherHelp { window } => e1_further_help::find(facts, window),
        Rule::Closing { window, bye_after } => e2_closing::find(facts, window, bye_after),
        Rule::Monitor => monitored(facts, spec.id),
    }
}

/// An item that the sheet leaves to a monitor; also one that a rule could judge.
fn monitored(facts: &Facts, item: CtqItem) -> Finding {
    match item {
        CtqItem::A1
        | CtqItem::A2
        | CtqItem::A3
        | CtqItem::B1
        | CtqItem::C4
        | CtqItem::E1
        | CtqItem::E2 => monitor::listened(facts, "this item, which the sheet leaves to people"),
        CtqItem::B2 => b2_greeting_tone::find(facts),
        CtqItem::C1 => c1_tone::find(facts),
        CtqItem::C2 => c2_speaking_rate::find(facts),
        CtqItem::C3 => c3_confidence::find(facts),
        CtqItem::C5 => c5_empathy::find(facts),
        CtqItem::C6 => c6_guidance::find(facts),
        CtqItem::D1 => d1_understanding::find(facts),
        CtqItem::D2 => d2_explanation::find(facts),
        CtqItem::D3 => d3_one_stop::find(facts),
    }
}
