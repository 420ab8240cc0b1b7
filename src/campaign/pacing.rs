//! When a call may leave: bands of the day, the window of a unit, and the day a spoilt or missed unit moves to.

use super::calendar::{Calendar, KST, korean_date};
use crate::domain::plan::ProbeCall;
use crate::domain::time::{TimeBand, WallTime};
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Hours of a band in Korea, `09:00-11:30`: the start is inside, the end is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct BandHours {
    start: Time,
    end: Time,
}

/// A text that is not a stretch of the survey's day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a band; write `09:00-11:30`, at least 20 minutes between 09:00 and 18:00 in Korea"
)]
pub struct BadBand {
    /// The rejected text.
    pub text: String,
}

/// The survey calls from this hour on.
const DAY_BEGINS: Time = Time::constant(9, 0, 0, 0);
/// The survey calls up to this hour.
const DAY_ENDS: Time = Time::constant(18, 0, 0, 0);
/// No call is planned into the last minutes of a band: a re-dial must still fit.
pub const LAST_MINUTES: i64 = 10;

impl BandHours {
    /// A band; `None` unless it lasts 20 minutes and lies between 09:00 and 18:00.
    pub fn new(start: Time, end: Time) -> Option<Self> {
        let band = Self { start, end };
        (start >= DAY_BEGINS && end <= DAY_ENDS && band.seconds() >= 20 * 60).then_some(band)
    }

    /// First instant inside.
    pub fn start(self) -> Time {
        self.start
    }

    /// First instant after.
    pub fn end(self) -> Time {
        self.end
    }

    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        self.end.duration_since(self.start).as_secs()
    }
}

impl fmt::Display for BandHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start.strftime("%H:%M"), self.end.strftime("%H:%M"))
    }
}

impl TryFrom<String> for BandHours {
    type Error = BadBand;
    fn try_from(text: String) -> Result<Self, BadBand> {
        let read = || {
            let (start, end) = text.split_once('-')?;
            let time = |t: &str| Time::strptime("%H:%M", t.trim()).ok();
            Self::new(time(start)?, time(end)?)
        };
        read().ok_or_else(|| BadBand { text: text.clone() })
    }
}

impl From<BandHours> for String {
    fn from(band: BandHours) -> Self {
        band.to_string()
    }
}

/// The hours of the three bands. The press release gives none; these defaults are our assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Bands {
    /// 오전.
    pub morning: BandHours,
    /// 점심.
    pub lunch: BandHours,
    /// 오후.
    pub afternoon: BandHours,
}

impl Default for Bands {
    fn default() -> Self {
        let lunch = Time::constant(11, 30, 0, 0);
        let afternoon = Time::constant(13, 30, 0, 0);
        Self {
            morning: BandHours { start: DAY_BEGINS, end: lunch },
            lunch: BandHours { start: lunch, end: afternoon },
            afternoon: BandHours { start: afternoon, end: DAY_ENDS },
        }
    }
}

impl Bands {
    /// The hours of a band.
    pub fn hours(&self, band: TimeBand) -> BandHours {
        match band {
            TimeBand::Morning => self.morning,
            TimeBand::Lunch => self.lunch,
            TimeBand::Afternoon => self.afternoon,
        }
    }

    /// Two bands that overlap or stand in the wrong order, if any.
    pub fn disorder(&self) -> Option<(TimeBand, TimeBand)> {
        if self.morning.end > self.lunch.start {
            Some((TimeBand::Morning, TimeBand::Lunch))
        } else if self.lunch.end > self.afternoon.start {
            Some((TimeBand::Lunch, TimeBand::Afternoon))
        } else {
            None
        }
    }
}

/// An instant of a day in Korea.
pub fn korean_time(day: Date, time: Time) -> WallTime {
    // Every date of a plan lies between 2000 and 2101, where an offset cannot overflow.
    WallTime(KST.to_timestamp(day.to_datetime(time)).unwrap_or(jiff::Timestamp::MAX))
}

/// Whether a unit may be dialled at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Now.
    Open,
    /// Not before this.
    Opens(WallTime),
    /// Its band of its day is over.
    Missed,
}

/// The window of a unit of the quota: its band of the day it is due on, from the due time to the band's end.
/// A unit outside a quota has no end.
pub fn window(unit: &ProbeCall, bands: &Bands, now: WallTime) -> Window {
    if now < unit.due {
        return Window::Opens(unit.due);
    }
    let Some(cell) = unit.cell else {
        return Window::Open;
    };
    let closes = korean_time(korean_date(unit.due), bands.hours(cell.band).end);
    if now < closes { Window::Open } else { Window::Missed }
}

/// Where a spoilt or missed unit goes: the same time of day on the next business day of the same weekday after
/// `after`, which holds no other unit of the center; a unit outside a quota goes to the next free business day.
pub fn next_date(
    unit: &ProbeCall,
    after: WallTime,
    calendar: &Calendar,
    taken: impl Fn(Date) -> bool,
) -> Option<WallTime> {
    /// Nobody plans further ahead than this.
    const HORIZON_DAYS: usize = 400;
    let due = KST.to_datetime(unit.due.0);
    let same_weekday = |day: Date| unit.cell.is_none() || day.weekday() == due.weekday();
    korean_date(after)
        .series(1.day())
        .skip(1)
        .take(HORIZON_DAYS)
        .find(|day| calendar.is_business_day(*day) && same_weekday(*day) && !taken(*day))
        .map(|day| korean_time(day, due.time()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{CampaignId, CenterId, ScenarioId, UnitId};
    use crate::domain::plan::Cell;
    use crate::domain::time::{Quarter, Weekday};
    use jiff::civil::{date, time};

    fn unit(day: Date, at: Time) -> ProbeCall {
        ProbeCall {
            unit: UnitId::new("a.q1.01").unwrap(),
            campaign: CampaignId::new("c").unwrap(),
            center: CenterId::new("a").unwrap(),
            scenario: ScenarioId::new("s").unwrap(),
            cell: Some(Cell {
                quarter: Quarter::Q1,
                weekday: Weekday::Fri,
                band: TimeBand::Morning,
            }),
            due: korean_time(day, at),
            replaces: None,
        }
    }

    #[test]
    fn a_band_is_read_inside_the_survey_day_only() {
        let read = |t: &str| BandHours::try_from(t.to_owned());
        assert_eq!(read("09:00-11:30").unwrap().to_string(), "09:00-11:30");
        for bad in ["08:59-11:30", "13:30-18:01", "10:00-10:19", "11-12", "", "12:00-11:00"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_window_ends_with_the_band_exactly() {
        let day = date(2026, 12, 4);
        let unit = unit(day, time(9, 10, 0, 0));
        let bands = Bands::default();
        let at = |h, m| korean_time(day, time(h, m, 0, 0));
        assert_eq!(window(&unit, &bands, at(9, 9)), Window::Opens(unit.due));
        assert_eq!(window(&unit, &bands, at(9, 10)), Window::Open);
        assert_eq!(window(&unit, &bands, at(11, 29)), Window::Open);
        assert_eq!(window(&unit, &bands, at(11, 30)), Window::Missed);
    }

    #[test]
    fn christmas_friday_is_skipped_and_a_taken_friday_too() {
        let calendar = Calendar::korean().unwrap();
        let unit = unit(date(2026, 12, 18), time(9, 10, 0, 0));
        let next = next_date(&unit, unit.due, &calendar, |d| d == date(2027, 1, 8));
        // 25 December and 1 January are holidays, 8 January is taken.
        assert_eq!(next, Some(korean_time(date(2027, 1, 15), time(9, 10, 0, 0))));
    }

    #[test]
    fn korea_is_nine_hours_ahead() {
        let at = korean_time(date(2026, 11, 21), time(9, 0, 0, 0));
        assert_eq!(at.0.to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(korean_date(at), date(2026, 11, 21));
    }
}
