//! The Korean working calendar: which days the survey may call on.
//!
//! Holidays are a reviewed data file, because temporary ones are decreed at short notice and cannot be computed; a
//! campaign may close further days.

use crate::domain::time::{Quarter, WallTime, Weekday};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Korean standard time: nine hours ahead of UTC, without daylight saving.
pub const KST: Offset = jiff::tz::offset(9);

const HOLIDAYS: &str = include_str!("../../scenarios/calendar/kr_holidays.csv");
/// A closure this long makes the first business day after it unlike others.
const LONG_CLOSURE_DAYS: usize = 3;

/// The day in Korea.
pub fn korean_date(at: WallTime) -> Date {
    KST.to_datetime(at.0).date()
}

/// The working day of the week of a date; `None` on Saturdays and Sundays.
pub fn weekday(date: Date) -> Option<Weekday> {
    let index = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
    Weekday::ALL.get(index).copied()
}

/// A quarter of a calendar year, written `2026q4`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct CalendarQuarter {
    year: i16,
    quarter: Quarter,
}

/// A text that is not a quarter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a quarter; write `2026q4` (years 2000 to 2100)")]
pub struct BadQuarter {
    /// The rejected text.
    pub text: String,
}

impl CalendarQuarter {
    /// A quarter of a year from 2000 to 2100; `None` outside.
    pub fn new(year: i16, quarter: Quarter) -> Option<Self> {
        (2000..=2100).contains(&year).then_some(Self { year, quarter })
    }

    /// The quarter after this one.
    #[must_use]
    pub fn next(self) -> Self {
        match Quarter::ALL.get(self.quarter.index() + 1) {
            Some(&quarter) => Self { quarter, ..self },
            None => Self { year: self.year.saturating_add(1), quarter: Quarter::Q1 },
        }
    }

    /// Its year.
    pub fn year(self) -> i16 {
        self.year
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        date(self.year, self.quarter.index() as i8 * 3 + 1, 1)
    }

    /// The day after its last.
    pub fn end(self) -> Date {
        self.next().first_day()
    }

    /// All its days.
    pub fn days(self) -> impl Iterator<Item = Date> {
        let end = self.end();
        self.first_day().series(1.day()).take_while(move |day| *day < end)
    }
}

impl fmt::Display for CalendarQuarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.year, self.quarter)
    }
}

impl TryFrom<String> for CalendarQuarter {
    type Error = BadQuarter;
    fn try_from(text: String) -> Result<Self, BadQuarter> {
        let read = || {
            let (year, quarter) = text.split_once('q')?;
            let quarter = Quarter::ALL.get(quarter.parse::<usize>().ok()?.checked_sub(1)?)?;
            Self::new(year.parse().ok()?, *quarter)
        };
        read().ok_or_else(|| BadQuarter { text: text.clone() })
    }
}

impl From<CalendarQuarter> for String {
    fn from(quarter: CalendarQuarter) -> Self {
        quarter.to_string()
    }
}

/// A line of a holiday file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of the holiday file does not begin with a date; write `YYYY-MM-DD,Mon,\"name\",\"English name\"`"
)]
pub struct BadHoliday {
    /// Its number, from 1.
    pub line: usize,
}

/// Days on which the survey does not call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    closed: BTreeMap<Date, String>,
}

impl Calendar {
    /// Korean public holidays of 2016 to 2035, as known in 2026.
    ///
    /// # Errors
    /// [`BadHoliday`] if the built-in file is broken; a test holds that it is not.
    pub fn korean() -> Result<Self, BadHoliday> {
        Self::from_csv(HOLIDAYS)
    }

    /// Reads lines of `date,weekday,"name","English name"` below a heading.
    ///
    /// # Errors
    /// [`BadHoliday`] with the first line that does not begin with a date.
    pub fn from_csv(text: &str) -> Result<Self, BadHoliday> {
        let mut closed = BTreeMap::new();
        for (index, line) in text.lines().enumerate().skip(1).filter(|(_, l)| !l.trim().is_empty())
        {
            let mut fields = line.split(',');
            let day = fields.next().and_then(|d| d.trim().parse().ok());
            let day: Date = day.ok_or(BadHoliday { line: index + 1 })?;
            let name = fields.nth(1).unwrap_or_default().trim_matches('"');
            closed.insert(day, name.to_owned());
        }
        Ok(Self { closed })
    }

    /// Closes further days.
    #[must_use]
    pub fn with_closed(mut self, days: impl IntoIterator<Item = Date>) -> Self {
        for day in days {
            self.closed.entry(day).or_insert_with(|| "closed by the campaign".to_owned());
        }
        self
    }

    /// Name of the holiday, if the day is one.
    pub fn holiday(&self, day: Date) -> Option<&str> {
        self.closed.get(&day).map(String::as_str)
    }

    /// Whether the day is Monday to Friday and no holiday.
    pub fn is_business_day(&self, day: Date) -> bool {
        weekday(day).is_some() && self.holiday(day).is_none()
    }

    /// Business days of a quarter by weekday, Monday first.
    pub fn business_days(&self, quarter: CalendarQuarter) -> [usize; 5] {
        let mut counts = [0; 5];
        for day in quarter.days().filter(|day| self.is_business_day(*day)) {
            if let Some(weekday) = weekday(day) {
                counts[weekday.index()] += 1;
            }
        }
        counts
    }

    /// Whether this is the first business day after three or more days of closure.
    pub fn opens_after_closure(&self, day: Date) -> bool {
        let before = day.series((-1).day()).skip(1);
        self.is_business_day(day)
            && before.take(LONG_CLOSURE_DAYS).all(|d| !self.is_business_day(d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        Calendar::korean().unwrap()
    }

    fn quarter(text: &str) -> CalendarQuarter {
        CalendarQuarter::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn business_days_by_weekday_match_the_counted_quarters() {
        for (text, days) in [
            ("2016q2", [12, 13, 12, 12, 12]),
            ("2016q3", [12, 13, 12, 12, 13]),
            ("2016q4", [12, 13, 13, 13, 13]),
            ("2017q1", [12, 13, 12, 13, 12]),
            ("2025q4", [12, 12, 13, 11, 12]),
            ("2026q4", [12, 13, 13, 14, 11]),
            ("2027q1", [11, 12, 13, 12, 12]),
        ] {
            assert_eq!(calendar().business_days(quarter(text)), days, "{text}");
        }
    }

    #[test]
    fn every_quarter_to_2035_has_10_days_of_each_weekday() {
        let mut at = quarter("2016q1");
        while at.year() <= 2035 {
            assert!(calendar().business_days(at).iter().all(|n| *n >= 10), "{at}");
            at = at.next();
        }
    }

    #[test]
    fn substitutes_and_newly_public_days_are_in_the_file() {
        for (day, closed) in [
            (date(2025, 5, 6), true),
            (date(2028, 10, 5), true),
            (date(2027, 12, 27), true),
            (date(2027, 6, 7), false),
            (date(2026, 7, 17), true),
            (date(2025, 7, 17), false),
        ] {
            assert_eq!(calendar().holiday(day).is_some(), closed, "{day}");
        }
    }

    #[test]
    fn the_monday_after_chuseok_2017_opens_after_a_closure() {
        assert!(calendar().opens_after_closure(date(2017, 10, 10)));
        assert!(!calendar().opens_after_closure(date(2017, 10, 11)));
        assert!(!calendar().opens_after_closure(date(2017, 10, 16)));
    }

    #[test]
    fn a_quarter_is_written_2026q4_and_nothing_else() {
        assert_eq!(quarter("2026q4").to_string(), "2026q4");
        assert_eq!(quarter("2026q4").next(), quarter("2027q1"));
        for bad in ["2026", "2026q0", "2026q5", "26q1", "q1", "2026-q1", "9999q1"] {
            assert!(CalendarQuarter::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        let broken = "date,weekday\n2026-01-01,Thu,\"a\",\"b\"\nnonsense\n";
        assert_eq!(Calendar::from_csv(broken), Err(BadHoliday { line: 3 }));
    }
}
