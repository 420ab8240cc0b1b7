//! Fixtures of the CTQ items: `tests/ctq/<item>/<verdict>-<story>.yaml` hold the facts of a unit. The name of a file
//! says what the item must become; a snapshot for each item holds the sentence and the evidence shown to people.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

use callprobe::domain::ctq::CtqItem;
use callprobe::domain::facts::Facts;
use callprobe::domain::verdict::{Judgment, Reason, Verdict};
use callprobe::judgment::{Profile, Sheet, explain, judge};
use callprobe::yaml::parse;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The fixtures of one item, by name.
fn fixtures(folder: &str) -> Vec<(String, Facts)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ctq").join(folder);
    let mut found: Vec<(String, Facts)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let facts = parse(&name, &text).unwrap_or_else(|fault| panic!("{}", fault.one_line()));
            (name, facts)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn one(item: CtqItem, facts: &Facts, profile: Profile) -> Judgment {
    let sheet = Sheet::ksqi16().unwrap();
    judge(facts, &sheet, profile).into_iter().find(|judgment| judgment.item == item).unwrap()
}

/// The beginning of a file name that stands for a verdict.
fn prefix(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Fulfilled => "fulfilled-",
        Verdict::Defect => "defect-",
        Verdict::NotApplicable(_) => "not-applicable-",
        Verdict::NotObserved(_) => "not-observed-",
        Verdict::Pending(_) => "pending-",
    }
}

/// Judges every fixture of an item with all gates open, checks each against its name, and shows them all.
fn shown(item: CtqItem, folder: &str) -> String {
    let mut text = String::new();
    for (name, facts) in fixtures(folder) {
        let judgment = one(item, &facts, Profile::Simulated);
        assert!(
            name.starts_with(prefix(&judgment.verdict)),
            "{folder}/{name}: {:?}, {}",
            judgment.verdict,
            judgment.because
        );
        writeln!(text, "{name}\n  {}", judgment.because).unwrap();
        if let Some(reason) = judgment.verdict.reason() {
            writeln!(text, "  reason: {reason}").unwrap();
        }
        for evidence in &judgment.evidence {
            let gloss = evidence.gloss.as_ref().map(|g| format!(" ({g})")).unwrap_or_default();
            let (start, end) = (evidence.span.start, evidence.span.end);
            writeln!(text, "  {:?} {start} to {end}: {}{gloss}", evidence.party, evidence.note)
                .unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn a1_line_connected() {
    insta::assert_snapshot!(shown(CtqItem::A1, "a1_line_connected"));
}

#[test]
fn a2_attempts() {
    insta::assert_snapshot!(shown(CtqItem::A2, "a2_attempts"));
}

#[test]
fn a3_wait() {
    insta::assert_snapshot!(shown(CtqItem::A3, "a3_wait"));
}

#[test]
fn b1_greeting() {
    insta::assert_snapshot!(shown(CtqItem::B1, "b1_greeting"));
}

#[test]
fn c4_interrupting() {
    insta::assert_snapshot!(shown(CtqItem::C4, "c4_interrupting"));
}

#[test]
fn d2_explanation() {
    insta::assert_snapshot!(shown(CtqItem::D2, "d2_explanation"));
}

#[test]
fn e1_further_help() {
    insta::assert_snapshot!(shown(CtqItem::E1, "e1_further_help"));
}

#[test]
fn e2_closing() {
    insta::assert_snapshot!(shown(CtqItem::E2, "e2_closing"));
}

#[test]
fn under_the_default_profile_assisted_items_only_propose() {
    let (_, facts) = fixtures("b1_greeting").swap_remove(5);
    for item in [CtqItem::B1, CtqItem::E2] {
        let judgment = one(item, &facts, Profile::Default);
        assert!(
            matches!(judgment.verdict, Verdict::Pending(Reason::AwaitsMonitor { .. })),
            "{item}: {:?}",
            judgment.verdict
        );
        assert_ne!(
            one(item, &facts, Profile::Simulated).judge,
            judgment.judge,
            "{item}: the judge does not say that its gate was opened"
        );
    }
    for item in [CtqItem::A1, CtqItem::A2, CtqItem::A3, CtqItem::C4, CtqItem::E1] {
        assert_eq!(
            one(item, &facts, Profile::Default),
            one(item, &facts, Profile::Simulated),
            "{item} is automatic and needs no gate"
        );
    }
}

#[test]
fn every_unit_gets_16_judgments_in_the_order_of_the_sheet() {
    let sheet = Sheet::ksqi16().unwrap();
    for (name, facts) in fixtures("a1_line_connected") {
        let judgments = judge(&facts, &sheet, Profile::Default);
        let items: Vec<_> = judgments.iter().map(|judgment| judgment.item).collect();
        assert_eq!(items, CtqItem::ALL, "{name}");
        assert!(judgments.iter().all(|judgment| judgment.because.ends_with('.')), "{name}");
    }
}

#[test]
fn every_page_has_the_five_headings() {
    for item in CtqItem::ALL {
        let page = explain(item);
        assert!(page.starts_with(&format!("# {item} ")), "{item}");
        let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(
            headings,
            [
                "What it checks",
                "Evidence",
                "Fulfilled / defect / not observed / pending",
                "Known limits",
                "Source"
            ],
            "{item}"
        );
    }
}
