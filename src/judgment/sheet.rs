//! The CTQ sheet: which items a call is judged by, with what limits, and who decides.

use super::sheet_file::read;
use crate::domain::ctq::{CtqItem, Dimension, Stage};
use crate::domain::ids::{ContentHash, SheetId};
use crate::domain::transcript::Language;
use crate::yaml::YamlError;
use std::time::Duration;

/// Text of the sheet that comes with the program: `scenarios/sheets/ksqi16-2017r1.yaml`.
pub const KSQI16: &str = include_str!("../../scenarios/sheets/ksqi16-2017r1.yaml");

/// A sheet that has been checked: identifiers are unique, rules fit their items, limits are sane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Its name with its revision.
    pub id: SheetId,
    /// SHA-256 of its text, for reports.
    pub hash: ContentHash,
    /// What an index by this sheet is called once it is complete: `KSQI` for the 16-item sheet.
    pub index: String,
    /// The language that the rules for words expect.
    pub language: Language,
    /// Planned calls of a center in a year.
    pub calls_per_center: u32,
    /// Over how many quarters they are spread.
    pub quarters: u32,
    /// Points from which a center is certified, inclusive.
    pub threshold: Threshold,
    /// The items, in the order of every report.
    pub items: Vec<ItemSpec>,
}

impl Sheet {
    /// Reads and checks a sheet; `name` is what errors call the file.
    ///
    /// # Errors
    /// [`SheetError`] with the place of the fault and how to mend it.
    pub fn parse(name: &str, text: &str) -> Result<Self, SheetError> {
        Ok(read(name, text)?)
    }

    /// The sheet that comes with the program.
    ///
    /// # Errors
    /// [`SheetError`] only if the program was built with a broken sheet; a test of this room guards it.
    pub fn ksqi16() -> Result<Self, SheetError> {
        Self::parse("ksqi16-2017r1.yaml", KSQI16)
    }

    /// What the sheet says of an item; `None` if it does not list it.
    pub fn item(&self, id: CtqItem) -> Option<&ItemSpec> {
        self.items.iter().find(|item| item.id == id)
    }
}

/// A sheet that cannot be used.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
pub enum SheetError {
    /// The text is not YAML, or says something that a sheet may not say.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] YamlError),
}

/// What a sheet says of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSpec {
    /// Its code.
    pub id: CtqItem,
    /// Its Korean name.
    pub ko: String,
    /// Its English name.
    pub en: String,
    /// Its dimension.
    pub dimension: Dimension,
    /// Its stage.
    pub stage: Stage,
    /// How far it is known from publications.
    pub provenance: Provenance,
    /// Who decides it.
    pub automation: Automation,
    /// How much an opportunity weighs, at least 1; always 1 in a KSQI sheet.
    pub weight: u32,
    /// The rule that judges it.
    pub rule: Rule,
    /// What it becomes if a fact that the rule needs is missing.
    pub when_missing: WhenMissing,
}

/// How far an item is known from publications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// Name and criterion were published.
    Documented,
    /// The name was published, the criterion is our reading.
    NameOnly,
    /// Name and criterion are our reading.
    Inferred,
}

/// Who decides an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Automation {
    /// The machine.
    Auto,
    /// The machine proposes, a person decides.
    Assisted,
    /// A person alone.
    Human,
}

/// What an item becomes if a fact that its rule needs is missing. A missing fact is never a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenMissing {
    /// A person looks.
    Pending,
    /// It is left out and lowers the coverage.
    NotObserved,
}

/// Which names a greeting must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamesRequired {
    /// The organisation or the agent.
    Either,
    /// The organisation and the agent.
    Both,
}

/// A rule with its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A1: the first attempt is answered.
    LineConnected,
    /// A2: an agent is reached within `max` attempts.
    AttemptsMax {
        /// Most attempts, inclusive.
        max: u32,
    },
    /// A3: the agent wait is at most `limit`.
    WaitMax {
        /// Longest wait, inclusive.
        limit: Duration,
        /// Half width of the band around the limit that goes to a person, inclusive; zero for none.
        margin: Duration,
    },
    /// B1: greeting words and names at the start of the first agent turn.
    Greeting {
        /// How much of the first agent turn counts.
        window: Duration,
        /// Which names are needed.
        names: NamesRequired,
    },
    /// C4: the agent does not cut our caller short.
    NoInterrupting {
        /// A start earlier than this before the end of our line is too early.
        before_end: Duration,
        /// Shorter speech is no interruption.
        lasting: Duration,
    },
    /// E1: the agent asks whether anything else is needed.
    FurtherHelp {
        /// How long before the end of the call counts.
        window: Duration,
    },
    /// E2: the agent says goodbye and does not hang up first.
    Closing {
        /// How long before the end of the call the words count.
        window: Duration,
        /// The agent may hang up this long after our last line, inclusive.
        bye_after: Duration,
    },
    /// No rule of this version: a human monitor judges.
    Monitor,
}

impl Rule {
    /// Its name, as sheets write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LineConnected => "line-connected",
            Self::AttemptsMax { .. } => "attempts-max",
            Self::WaitMax { .. } => "wait-max",
            Self::Greeting { .. } => "greeting",
            Self::NoInterrupting { .. } => "no-interrupting",
            Self::FurtherHelp { .. } => "further-help",
            Self::Closing { .. } => "closing",
            Self::Monitor => "monitor",
        }
    }

    /// The one item it judges; `None` for [`Self::Monitor`], which fits any.
    pub fn judges(&self) -> Option<CtqItem> {
        match self {
            Self::LineConnected => Some(CtqItem::A1),
            Self::AttemptsMax { .. } => Some(CtqItem::A2),
            Self::WaitMax { .. } => Some(CtqItem::A3),
            Self::Greeting { .. } => Some(CtqItem::B1),
            Self::NoInterrupting { .. } => Some(CtqItem::C4),
            Self::FurtherHelp { .. } => Some(CtqItem::E1),
            Self::Closing { .. } => Some(CtqItem::E2),
            Self::Monitor => None,
        }
    }

    /// Version of the rule's program and lexicon; raised whenever either changes a verdict.
    pub fn version(&self) -> u32 {
        1
    }
}

/// Points from which a center is certified, 0 to 100, in hundredths of a point.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Threshold(u32);

impl Threshold {
    /// Reads `"90"` or `"92.25"`; `None` if it is no number of points from 0 to 100 with at most two decimals.
    pub fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
            return None;
        }
        let whole: u32 = whole.parse().ok()?;
        let fraction: u32 = format!("{fraction:0<2}").parse().ok()?;
        let hundredths = whole.checked_mul(100)?.checked_add(fraction)?;
        (hundredths <= 10_000).then_some(Self(hundredths))
    }

    /// Hundredths of a point, 0 to 10,000.
    pub fn hundredths(self) -> u32 {
        self.0
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, fraction) = (self.0 / 100, self.0 % 100);
        match fraction {
            0 => write!(f, "{whole}"),
            _ if fraction % 10 == 0 => write!(f, "{whole}.{}", fraction / 10),
            _ => write!(f, "{whole}.{fraction:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_has_at_most_two_decimals_and_100_points() {
        let read = |text| Threshold::read(text).map(|t| (t.hundredths(), t.to_string()));
        assert_eq!(read("90"), Some((9_000, "90".to_owned())));
        assert_eq!(read("92.5"), Some((9_250, "92.5".to_owned())));
        assert_eq!(read("92.05"), Some((9_205, "92.05".to_owned())));
        assert_eq!(read("100"), Some((10_000, "100".to_owned())));
        for bad in ["", "100.01", "-1", "9e1", "90.", ".5", "90.123", "+90"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_sheet_of_the_program_has_16_items_in_the_order_of_the_codes() {
        let sheet = Sheet::ksqi16().expect("the sheet that comes with the program is right");
        let ids: Vec<_> = sheet.items.iter().map(|item| item.id).collect();
        assert_eq!(ids, CtqItem::ALL);
        assert_eq!(sheet.threshold.to_string(), "90");
        let machine = sheet.items.iter().filter(|item| item.rule != Rule::Monitor);
        let machine: Vec<_> = machine.map(|item| item.id.to_string()).collect();
        assert_eq!(machine, ["A1", "A2", "A3", "B1", "C4", "E1", "E2"]);
    }
}
