//! What a report shows, as plain data. Enters: figures and findings of the other rooms, filled in by the shell.
//! Leaves: a [`CampaignReport`] that every format prints without asking anybody else.

use super::audio::Envelope;
use crate::domain::ctq::{CtqItem, Dimension};
use crate::domain::facts::{AgentWait, Turn};
use crate::domain::ids::{
    AttemptNumber, CallId, CampaignId, CenterId, ContentHash, SheetId, UnitId,
};
use crate::domain::record::{AttemptOutcome, CallEnding};
use crate::domain::segment::{Passage, Reached, Segment};
use crate::domain::time::{CallTime, Span, WallTime};
use crate::domain::timeline::{EventKind, TimelineEvent};
use crate::domain::verdict::Judgment;
use std::fmt;
use std::time::Duration;

/// A campaign as found when the report was made.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignReport {
    /// The campaign.
    pub campaign: CampaignId,
    /// When this report was made.
    pub generated: WallTime,
    /// IANA name of the zone that wall times are shown in (`Asia/Seoul`); an unknown name falls back to UTC, and the
    /// zone that was used is always printed.
    pub time_zone: String,
    /// Whether the far ends were simulated centers; then no figure is an index.
    pub simulated: bool,
    /// What a reader must know before anything else: faults of ours, an unfinished run, a missing model.
    pub notices: Vec<String>,
    /// The sheet that the calls were judged by.
    pub sheet: SheetView,
    /// What made this report: program, model, seed, policy; name and value.
    pub provenance: Vec<(String, String)>,
    /// The centers, in the order in which they are shown.
    pub centers: Vec<CenterReport>,
}

/// The sheet, as far as a report names it.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetView {
    /// Its name.
    pub id: SheetId,
    /// SHA-256 of its file.
    pub hash: ContentHash,
    /// Its items, in report order.
    pub items: Vec<ItemView>,
}

impl SheetView {
    /// The item's entry, if the sheet has it.
    pub fn item(&self, item: CtqItem) -> Option<&ItemView> {
        self.items.iter().find(|view| view.item == item)
    }
}

/// One item of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemView {
    /// Its code.
    pub item: CtqItem,
    /// Its dimension.
    pub dimension: Dimension,
    /// Its Korean name (`종료인사`).
    pub korean: String,
    /// Its English name (`closing`).
    pub english: String,
}

/// A number with one decimal, in tenths: points of a score, or per cent. Rounded half up on the exact ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenths(pub u32);

impl Tenths {
    /// `part` of `whole` in per cent, rounded half up; `None` if `whole` is 0. 144 of 160 is 90.0.
    pub fn percent(part: u32, whole: u32) -> Option<Self> {
        let (part, whole) = (u64::from(part), u64::from(whole));
        let doubled = (part * 2000 + whole).checked_div(whole * 2)?;
        Some(Self(u32::try_from(doubled).unwrap_or(u32::MAX)))
    }

    /// The number, for drawing only.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

impl fmt::Display for Tenths {
    /// With one decimal: `92.5`. Padding and alignment are honoured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.0 / 10, self.0 % 10))
    }
}

/// How many verdicts of each kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Carried out.
    pub fulfilled: u32,
    /// Not carried out.
    pub defects: u32,
    /// Waiting for a person.
    pub pending: u32,
    /// Without evidence either way.
    pub unobserved: u32,
    /// No opportunity.
    pub not_applicable: u32,
}

impl Tally {
    /// Verdicts that are decided: fulfilled and defects.
    pub fn judged(self) -> u32 {
        self.fulfilled + self.defects
    }
}

/// What a center's figure may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Every opportunity was judged: it may be called KSQI.
    Whole,
    /// Items are pending or unobserved: a partial index.
    Partial,
}

/// Whether a center may call itself excellent (90 points or more, low bound included).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certification {
    /// 90 or more even if every open verdict were a defect.
    Excellent,
    /// Below 90 even if every open verdict were fulfilled.
    NotExcellent,
    /// The open verdicts decide.
    Undetermined,
}

impl Certification {
    /// One or two words for tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::NotExcellent => "below 90",
            Self::Undetermined => "undetermined",
        }
    }
}

/// The score of a center, as counted by the score room.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreFigures {
    /// Whether it is a whole or a partial index.
    pub completeness: Completeness,
    /// Points on what was judged; `None` if nothing was.
    pub index: Option<Tenths>,
    /// Points if every open verdict were a defect.
    pub low: Option<Tenths>,
    /// Points if every open verdict were fulfilled.
    pub high: Option<Tenths>,
    /// Share of the opportunities that were judged, in per cent.
    pub coverage: Option<Tenths>,
    /// 95 % interval clustered by call, if there are calls enough.
    pub interval: Option<(Tenths, Tenths)>,
    /// What follows for the certificate.
    pub certification: Certification,
    /// All verdicts.
    pub total: Tally,
    /// Verdicts and points by dimension, in report order.
    pub dimensions: Vec<DimensionFigures>,
    /// Verdicts by item, in sheet order.
    pub items: Vec<ItemFigures>,
}

/// The score of one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DimensionFigures {
    /// The dimension.
    pub dimension: Dimension,
    /// Points on what was judged; `None` if nothing was.
    pub index: Option<Tenths>,
    /// Its verdicts.
    pub tally: Tally,
}

/// The verdicts of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemFigures {
    /// The item.
    pub item: CtqItem,
    /// Its verdicts.
    pub tally: Tally,
}

/// A center with its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct CenterReport {
    /// Its identifier.
    pub id: CenterId,
    /// Its name as people write it.
    pub name: String,
    /// Its English name, if it has one.
    pub english: Option<String>,
    /// Its score.
    pub score: ScoreFigures,
    /// Its units, in order.
    pub calls: Vec<CallReport>,
}

impl CenterReport {
    /// The name for English sentences.
    pub fn spoken_name(&self) -> &str {
        self.english.as_deref().unwrap_or(&self.name)
    }
}

/// One unit: all its attempts, and one of them in detail.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReport {
    /// The unit.
    pub unit: UnitId,
    /// Why it does not count, if it does not: our own fault spoilt it and a replacement stands in the plan.
    pub excluded: Option<String>,
    /// Its attempts, first to last; empty if it was not dialled yet.
    pub attempts: Vec<AttemptReport>,
    /// The attempt that the segments, events, turns and the envelope belong to: the connected one, or the last.
    pub pictured: Option<AttemptNumber>,
    /// When an agent truly spoke, where it is known: simulated centers only, from their own log.
    pub truth: Option<TrueWait>,
    /// What was heard, in order.
    pub segments: Vec<Segment>,
    /// Who or what was reached; `None` if nothing was heard, or in a hearing from before this was told.
    pub reached: Option<Reached>,
    /// Holds and transfers after an agent spoke, in order.
    pub passages: Vec<Passage>,
    /// How many other calls of the center its recordings were known from; `None` if nothing was heard.
    pub other_calls: Option<u32>,
    /// What happened, in order.
    pub events: Vec<TimelineEvent>,
    /// What was said to and by an agent, in order.
    pub turns: Vec<Turn>,
    /// The verdicts on the unit, in sheet order.
    pub judgments: Vec<Judgment>,
    /// Seconds of audio that the verdicts rest on; may be empty.
    pub clips: Vec<EvidenceClip>,
    /// What a person has to hear before the wait may be used; `None` if nobody has to, or no audio was kept.
    pub to_hear: Option<ReviewClip>,
    /// The shape of the recording, if there is one.
    pub envelope: Option<Envelope>,
}

/// When an agent truly spoke, as the simulated center logged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrueWait {
    /// So long after the request.
    Connected(Duration),
    /// Nobody spoke.
    NeverConnected,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptReport {
    /// Ordinal in the unit.
    pub number: AttemptNumber,
    /// The call.
    pub call: CallId,
    /// When it was dialled.
    pub opened_at: WallTime,
    /// Its class.
    pub outcome: AttemptOutcome,
    /// How it ended on the line.
    pub ending: CallEnding,
    /// The agent wait.
    pub wait: AgentWait,
    /// How long it lasted.
    pub lasted: Duration,
}

/// A stretch of audio that a verdict rests on.
#[derive(Clone, PartialEq)]
pub struct EvidenceClip {
    /// The item it speaks for or against.
    pub item: CtqItem,
    /// The attempt's call.
    pub call: CallId,
    /// Where in it.
    pub span: Span,
    /// What is heard there.
    pub note: String,
    /// A whole WAV file; [`super::audio::cut`] makes one.
    pub wav: Vec<u8>,
}

impl fmt::Debug for EvidenceClip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvidenceClip({} at {}, {} bytes)", self.item, self.span.start, self.wav.len())
    }
}

/// The seconds around an onset that a person has to confirm.
#[derive(Clone, PartialEq)]
pub struct ReviewClip {
    /// Where in the call.
    pub span: Span,
    /// A whole WAV file; [`super::audio::cut`] makes one.
    pub wav: Vec<u8>,
}

impl fmt::Debug for ReviewClip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReviewClip({} to {}, {} bytes)", self.span.start, self.span.end, self.wav.len())
    }
}

impl CallReport {
    /// The attempt that is pictured.
    pub fn pictured_attempt(&self) -> Option<&AttemptReport> {
        self.pictured.and_then(|n| self.attempts.iter().find(|a| a.number == n))
    }

    /// The attempt on which an agent spoke.
    pub fn connected_attempt(&self) -> Option<&AttemptReport> {
        self.attempts.iter().find(|a| matches!(a.wait, AgentWait::Connected { .. }))
    }

    /// The wait to be shown for the unit: of the connected attempt, else of the last one.
    pub fn wait(&self) -> Option<&AgentWait> {
        self.connected_attempt().or(self.attempts.last()).map(|a| &a.wait)
    }

    /// What a tool that takes a 2xx for an agent would report: INVITE to answer on the pictured attempt.
    pub fn claimed_by_answer(&self) -> Option<Duration> {
        let at = |wanted: fn(&EventKind) -> bool| {
            self.events.iter().find(|e| wanted(&e.kind)).map(|e| e.at)
        };
        let invite = at(|k| matches!(k, EventKind::InviteSent { .. })).unwrap_or_default();
        at(|k| matches!(k, EventKind::Answered { .. })).map(|answered| answered - invite)
    }

    /// Between which instants the first word of the agent lies, on the pictured attempt's axis.
    pub fn onset_interval(&self) -> Option<Span> {
        match self.pictured_attempt().map(|a| &a.wait) {
            Some(AgentWait::Connected { onset, within, .. }) => {
                Some(Span::new(onset.saturating_sub(*within), *onset + *within))
            }
            _ => None,
        }
    }

    /// When the agent was requested and when the first one spoke, on the pictured attempt's axis.
    pub fn request_and_onset(&self) -> (Option<CallTime>, Option<CallTime>) {
        match self.pictured_attempt().map(|a| &a.wait) {
            Some(AgentWait::Connected { requested, onset, .. }) => (Some(*requested), Some(*onset)),
            Some(AgentWait::NeverConnected { requested, .. }) => (Some(*requested), None),
            Some(AgentWait::NotRequested) | None => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_rounded_half_up_on_the_exact_ratio() {
        assert_eq!(Tenths::percent(1440, 1600).unwrap().to_string(), "90.0");
        assert_eq!(Tenths::percent(1439, 1600).unwrap().to_string(), "89.9");
        assert_eq!(Tenths::percent(1, 2000).unwrap().to_string(), "0.1");
        assert_eq!(Tenths::percent(999, 2_000_000).unwrap().to_string(), "0.0");
        assert_eq!(Tenths::percent(3, 3).unwrap().to_string(), "100.0");
        assert_eq!(Tenths::percent(0, 0), None);
    }
}
