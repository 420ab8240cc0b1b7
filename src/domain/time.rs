//! Time: the call's own axis, and the calendar a plan is laid on.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant on the axis of one call: time since the axis was opened, just before the INVITE left,
/// on the prober's monotonic clock. Stored as whole microseconds.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct CallTime(u64);

impl CallTime {
    /// The opening of the axis.
    pub const ZERO: Self = Self(0);

    /// An instant this long after the opening.
    pub fn from_duration(since_open: Duration) -> Self {
        Self(u64::try_from(since_open.as_micros()).unwrap_or(u64::MAX))
    }

    /// An instant this many microseconds after the opening.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// An instant this many milliseconds after the opening.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// An instant this many seconds after the opening; negative and non-finite values give zero.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self::from_duration(Duration::try_from_secs_f64(secs).unwrap_or_default())
    }

    /// Time since the axis was opened.
    pub fn since_open(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Seconds since the axis was opened.
    pub fn as_secs_f64(self) -> f64 {
        self.since_open().as_secs_f64()
    }

    /// Whole microseconds since the axis was opened.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The span from `earlier` to here, zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The instant `back` before this one, not before the opening.
    #[must_use]
    pub fn saturating_sub(self, back: Duration) -> Self {
        Self(self.0.saturating_sub(Self::from_duration(back).0))
    }
}

impl Add<Duration> for CallTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(Self::from_duration(span).0))
    }
}

impl Sub<Self> for CallTime {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

impl fmt::Display for CallTime {
    /// Seconds with two decimals: `12.34 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s", self.as_secs_f64())
    }
}

/// An instant of wall time, RFC 3339 in UTC when stored. For people and plans, never for spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub jiff::Timestamp);

impl JsonSchema for WallTime {
    fn schema_name() -> Cow<'static, str> {
        "WallTime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A half-open stretch of a call, `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// First instant inside.
    pub start: CallTime,
    /// First instant after.
    pub end: CallTime,
}

impl Span {
    /// A span; an `end` before `start` gives an empty one.
    pub fn new(start: CallTime, end: CallTime) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Its length.
    pub fn duration(self) -> Duration {
        self.end - self.start
    }

    /// Whether `at` lies inside.
    pub fn contains(self, at: CallTime) -> bool {
        self.start <= at && at < self.end
    }

    /// How long both spans cover together.
    pub fn overlap(self, other: Self) -> Duration {
        self.end.min(other.end).saturating_since(self.start.max(other.start))
    }
}

/// A quarter of a campaign year, 1 to 4.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Quarter {
    /// First quarter.
    Q1,
    /// Second quarter.
    Q2,
    /// Third quarter.
    Q3,
    /// Fourth quarter.
    Q4,
}

impl Quarter {
    /// All four, in order.
    pub const ALL: [Self; 4] = [Self::Q1, Self::Q2, Self::Q3, Self::Q4];

    /// Ordinal from 0, as the quota formula counts.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "q{}", self.index() + 1)
    }
}

/// A working day of the week; the survey calls on no other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
}

impl Weekday {
    /// All five, in order.
    pub const ALL: [Self; 5] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri];

    /// Ordinal from 0 (Monday), as the quota formula counts.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// A band of the day: morning, lunch or afternoon. Its hours are the campaign's setting.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum TimeBand {
    /// 오전; by default 09:00 to 11:30 KST.
    Morning,
    /// 점심; by default 11:30 to 13:30 KST.
    Lunch,
    /// 오후; by default 13:30 to 18:00 KST.
    Afternoon,
}

impl TimeBand {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Morning, Self::Lunch, Self::Afternoon];

    /// Ordinal from 0, as the quota formula counts.
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_never_has_a_negative_length() {
        let span = Span::new(CallTime::from_millis(20), CallTime::from_millis(10));
        assert_eq!(span.duration(), Duration::ZERO);
        assert!(!span.contains(CallTime::from_millis(20)));
    }

    #[test]
    fn overlap_of_0_to_10_and_4_to_20_is_6() {
        let ms = CallTime::from_millis;
        let overlap = Span::new(ms(0), ms(10)).overlap(Span::new(ms(4), ms(20)));
        assert_eq!(overlap, Duration::from_millis(6));
    }

    #[test]
    fn call_time_prints_seconds() {
        assert_eq!(CallTime::from_millis(12_340).to_string(), "12.34 s");
    }
}
