//! The sheet as it is written in YAML, and the checks that make a [`Sheet`] of it.

use super::sheet::{
    Automation, ItemSpec, NamesRequired, Provenance, Rule, Sheet, Threshold, WhenMissing,
};
use crate::domain::ctq::{CtqItem, Dimension, Stage};
use crate::domain::ids::{ContentHash, SheetId};
use crate::domain::transcript::Language;
use crate::yaml::{Located, Place, YamlError, duration, error_at, parse};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The name that only a full sheet of 16 items with equal weights may claim.
const KSQI: &str = "KSQI";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SheetFile {
    sheet: SheetId,
    index: Located<String>,
    #[serde(default)]
    language: Language,
    calls_per_center: Located<u32>,
    quarters: Located<u32>,
    threshold: Located<String>,
    items: Located<Vec<ItemFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ItemFile {
    id: Located<String>,
    ko: String,
    en: String,
    dimension: Dimension,
    stage: Stage,
    provenance: Provenance,
    automation: Located<Automation>,
    #[serde(default = "one")]
    weight: Located<u32>,
    judge: Located<RuleFile>,
    #[serde(default = "not_observed")]
    when_missing: WhenMissing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum RuleFile {
    LineConnected,
    AttemptsMax {
        max: Located<u32>,
    },
    WaitMax {
        limit: Located<String>,
        #[serde(default = "no_margin")]
        margin: Located<String>,
    },
    Greeting {
        window: Located<String>,
        names: NamesRequired,
    },
    NoInterrupting {
        before_end: Located<String>,
        lasting: Located<String>,
    },
    FurtherHelp {
        window: Located<String>,
    },
    Closing {
        window: Located<String>,
        bye_after: Located<String>,
    },
    Monitor,
}

fn one() -> Located<u32> {
    Located::nowhere(1)
}

fn not_observed() -> WhenMissing {
    WhenMissing::NotObserved
}

fn no_margin() -> Located<String> {
    Located::nowhere("0s".to_owned())
}

/// Reads and checks a sheet.
pub(super) fn read(name: &str, text: &str) -> Result<Sheet, YamlError> {
    let file: SheetFile = parse(name, text)?;
    let checks = Checks { name, text, ksqi: file.index.value == KSQI };
    let threshold = Threshold::read(&file.threshold).ok_or_else(|| {
        checks.fault(
            &file.threshold.at,
            format!("`{}` is not a number of points", file.threshold.value),
            "write points from 0 to 100 with at most two decimals, as in `\"90\"`",
        )
    })?;
    checks.above_zero(&file.calls_per_center, "calls-per-center")?;
    checks.above_zero(&file.quarters, "quarters")?;
    if *file.quarters > 4 {
        let help = "write 1 to 4";
        return Err(checks.fault(&file.quarters.at, "a year has four quarters", help));
    }
    if file.index.trim().is_empty() {
        let help = "write `KSQI`, or a name of your own for another list of items";
        return Err(checks.fault(&file.index.at, "the index has no name", help));
    }
    let items = checks.items(&file.items)?;
    Ok(Sheet {
        id: file.sheet,
        hash: ContentHash::from_bytes(&Sha256::digest(text.as_bytes()).into()),
        index: file.index.value,
        language: file.language,
        calls_per_center: file.calls_per_center.value,
        quarters: file.quarters.value,
        threshold,
        items,
    })
}

struct Checks<'a> {
    name: &'a str,
    text: &'a str,
    ksqi: bool,
}

impl Checks<'_> {
    fn fault(&self, at: &Place, what: impl Into<String>, help: impl Into<String>) -> YamlError {
        error_at(self.name, self.text, at, what, help)
    }

    fn above_zero(&self, number: &Located<u32>, key: &str) -> Result<(), YamlError> {
        if **number == 0 {
            return Err(self.fault(&number.at, format!("`{key}` is 0"), "write 1 or more"));
        }
        Ok(())
    }

    fn items(&self, files: &Located<Vec<ItemFile>>) -> Result<Vec<ItemSpec>, YamlError> {
        let mut items: Vec<ItemSpec> = Vec::with_capacity(files.len());
        for file in &files.value {
            let item = self.item(file)?;
            if items.iter().any(|earlier| earlier.id == item.id) {
                let what = format!("item `{}` stands in the sheet twice", item.id);
                return Err(self.fault(&file.id.at, what, "keep one of them"));
            }
            items.push(item);
        }
        if items.is_empty() {
            return Err(self.fault(&files.at, "the sheet has no items", "list at least one"));
        }
        if self.ksqi && items.len() != CtqItem::ALL.len() {
            let absent: Vec<_> = CtqItem::ALL
                .iter()
                .filter(|id| items.iter().all(|item| item.id != **id))
                .map(|id| format!("`{id}`"))
                .collect();
            let what = format!("a KSQI sheet has 16 items, this one has {}", items.len());
            let help = format!("add {}, or give the index another name", absent.join(", "));
            return Err(self.fault(&files.at.part(0, 1), what, help));
        }
        Ok(items)
    }

    fn item(&self, file: &ItemFile) -> Result<ItemSpec, YamlError> {
        let id: CtqItem = file.id.parse().map_err(|_| {
            let what = format!("`{}` is not a CTQ item", file.id.value);
            self.fault(&file.id.at, what, "use one of A1-A3, B1, B2, C1-C6, D1-D3, E1, E2")
        })?;
        self.above_zero(&file.weight, "weight")?;
        if self.ksqi && *file.weight != 1 {
            let what = format!("item `{id}` weighs {} in a KSQI sheet", *file.weight);
            let help =
                "every KSQI opportunity weighs 1; give the index another name to use weights";
            return Err(self.fault(&file.weight.at, what, help));
        }
        let rule = self.rule(&file.judge)?;
        if let Some(own) = rule.judges()
            && own != id
        {
            let what = format!("`{}` judges {own}, not {id}", rule.name());
            let help = format!("move it to {own}, or write `judge: monitor`");
            return Err(self.fault(&file.judge.at, what, help));
        }
        if rule == Rule::Monitor && *file.automation == Automation::Auto {
            let what = format!("item `{id}` is automatic, but a monitor judges it");
            let help = "write `automation: assisted` or `human`, or name a rule under `judge`";
            return Err(self.fault(&file.automation.at, what, help));
        }
        if rule != Rule::Monitor && *file.automation == Automation::Human {
            let what = format!("item `{id}` is left to people, but `{}` judges it", rule.name());
            let help = "write `judge: monitor`, or `automation: assisted` for a proposal";
            return Err(self.fault(&file.automation.at, what, help));
        }
        Ok(ItemSpec {
            id,
            ko: file.ko.clone(),
            en: file.en.clone(),
            dimension: file.dimension,
            stage: file.stage,
            provenance: file.provenance,
            automation: file.automation.value,
            weight: file.weight.value,
            rule,
            when_missing: file.when_missing,
        })
    }

    fn rule(&self, file: &RuleFile) -> Result<Rule, YamlError> {
        Ok(match file {
            RuleFile::LineConnected => Rule::LineConnected,
            RuleFile::AttemptsMax { max } => {
                self.above_zero(max, "max")?;
                Rule::AttemptsMax { max: **max }
            }
            RuleFile::WaitMax { limit, margin } => {
                let (wait, band) = (self.some_time(limit)?, self.span(margin)?);
                if band >= wait {
                    let what = format!("the margin {} reaches down to 0 s", margin.value);
                    let help = format!("write less than the limit, {}", limit.value);
                    return Err(self.fault(&margin.at, what, help));
                }
                Rule::WaitMax { limit: wait, margin: band }
            }
            RuleFile::Greeting { window, names } => {
                Rule::Greeting { window: self.some_time(window)?, names: *names }
            }
            RuleFile::NoInterrupting { before_end, lasting } => Rule::NoInterrupting {
                before_end: self.span(before_end)?,
                lasting: self.some_time(lasting)?,
            },
            RuleFile::FurtherHelp { window } => {
                Rule::FurtherHelp { window: self.some_time(window)? }
            }
            RuleFile::Closing { window, bye_after } => {
                Rule::Closing { window: self.some_time(window)?, bye_after: self.span(bye_after)? }
            }
            RuleFile::Monitor => Rule::Monitor,
        })
    }

    fn span(&self, text: &Located<String>) -> Result<Duration, YamlError> {
        duration::read(text).map_err(|_| {
            let what = format!("`{}` is not a span of time", text.value);
            self.fault(&text.at, what, "write a number with its unit, as in `20s` or `500ms`")
        })
    }

    fn some_time(&self, text: &Located<String>) -> Result<Duration, YamlError> {
        let span = self.span(text)?;
        if span.is_zero() {
            return Err(self.fault(&text.at, "this span is zero", "write more than `0s`"));
        }
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgment::KSQI16;
    use miette::{GraphicalReportHandler, GraphicalTheme};

    /// The sheet with the first `from` replaced, refused and rendered.
    fn refusal(from: &str, to: &str) -> String {
        assert!(KSQI16.contains(from), "the sheet holds no `{from}`");
        let text = KSQI16.replacen(from, to, 1);
        let error = read("sheet.yaml", &text).expect_err("this sheet is wrong");
        let mut shown = String::new();
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(100)
            .render_report(&mut shown, &error)
            .expect("renders into a string");
        shown
    }

    #[test]
    fn an_item_that_stands_twice_is_refused() {
        insta::assert_snapshot!(refusal("id: C1", "id: B2"));
    }

    #[test]
    fn a_ksqi_sheet_of_15_items_is_refused() {
        let tail = KSQI16.find("  - id: E2").expect("the sheet ends with E2");
        insta::assert_snapshot!(refusal(&KSQI16[tail..], ""));
    }

    #[test]
    fn an_unknown_rule_names_the_known_ones() {
        insta::assert_snapshot!(refusal("{ wait-max:", "{ wait-maximum:"));
    }

    #[test]
    fn an_unknown_limit_of_a_rule_is_pointed_at() {
        insta::assert_snapshot!(refusal("limit: 20s", "limits: 20s"));
    }

    #[test]
    fn a_rule_on_the_wrong_item_is_refused() {
        insta::assert_snapshot!(refusal(
            "judge: line-connected",
            "judge: { further-help: { window: 30s } }"
        ));
    }

    #[test]
    fn a_limit_without_unit_is_refused() {
        insta::assert_snapshot!(refusal("limit: 20s", "limit: \"20\""));
    }

    #[test]
    fn a_weight_in_a_ksqi_sheet_is_refused() {
        insta::assert_snapshot!(refusal("weight: 1", "weight: 2"));
    }

    #[test]
    fn an_automatic_item_without_a_rule_is_refused() {
        insta::assert_snapshot!(refusal("judge: line-connected", "judge: monitor"));
    }

    #[test]
    fn a_rule_on_an_item_that_is_left_to_people_is_refused() {
        insta::assert_snapshot!(refusal("automation: auto", "automation: human"));
    }

    #[test]
    fn a_threshold_above_100_is_refused() {
        insta::assert_snapshot!(refusal("threshold: \"90\"", "threshold: \"900\""));
    }

    #[test]
    fn a_shorter_sheet_under_another_name_is_read() {
        let tail = KSQI16.find("  - id: A2").expect("the sheet goes on with A2");
        let text = KSQI16[..tail].replace("index: KSQI", "index: Connectivity");
        let sheet = read("sheet.yaml", &text).expect("this sheet is right");
        assert_eq!(sheet.items.len(), 1);
        assert_eq!(sheet.index, "Connectivity");
    }
}
