//! The sampling plan: a closed form spreads the calls of a quarter evenly over weekdays and bands.
//!
//! Enters: a specification, the calendar, the opening. Leaves: units with due times, the same for the same seed, and
//! a note of every call that a holiday moved.

use super::calendar::{Calendar, CalendarQuarter, weekday};
use super::pacing::{LAST_MINUTES, korean_time};
use super::spec::{CampaignSpec, Profile, SpecError};
use crate::domain::ids::UnitId;
use crate::domain::plan::{Cell, Center, ProbeCall};
use crate::domain::random::SplitMix64;
use crate::domain::time::{Quarter, TimeBand, WallTime, Weekday};
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Weekdays of the survey.
const WEEKDAYS: usize = 5;
/// Bands of a day.
const BANDS: usize = 3;
/// Cells of a quarter.
const CELLS: usize = WEEKDAYS * BANDS;
/// Whole weeks of a quarter.
const WEEKS: usize = 13;
/// A center is called at most so often in one ISO week.
const MOST_IN_WEEK: usize = 3;

/// Calls per weekday (rows, Monday first) and band (columns, morning first).
pub type Quota = [[u32; BANDS]; WEEKDAYS];

/// A call that a holiday or a full week moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The unit.
    pub unit: UnitId,
    /// Where the closed form had put it.
    pub from: Date,
    /// Where it stands now.
    pub to: Date,
    /// Why, in plain words.
    pub why: String,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePlan {
    /// The units, by due time.
    pub units: Vec<ProbeCall>,
    /// The calls that were moved.
    pub moved: Vec<Moved>,
}

/// Calls of a quarter by cell: the whole share of each cell, and the rest along a diagonal that meets every weekday
/// and every band equally often. Row sums differ by at most 1, column sums by at most 1. For 25 calls each weekday
/// gives up one call in the band `(weekday + quarter + offset) mod 3`.
pub fn quota(calls: u32, quarter: usize, offset: usize) -> Quota {
    let mut quota = [[calls / CELLS as u32; BANDS]; WEEKDAYS];
    for step in 0..calls as usize % CELLS {
        // 5 and 3 have no common divisor: the diagonal meets every cell once.
        quota[step % WEEKDAYS][(step + quarter + offset + 2) % BANDS] += 1;
    }
    quota
}

/// Week (from 0) and weekday of each call of a quarter: the weeks fill evenly, and no weekday comes twice in a week.
pub fn slots(calls: u32, offset: usize) -> Vec<(usize, Weekday)> {
    let calls = calls as usize;
    (0..calls).map(|k| (k * WEEKS / calls, Weekday::ALL[(2 * k + offset) % WEEKDAYS])).collect()
}

/// Bands of a quarter's calls in the order of their slots: every weekday deals its quota, without equal neighbours
/// where that is possible.
fn deal_bands(slots: &[(usize, Weekday)], mut quota: Quota, turn: usize) -> Vec<TimeBand> {
    let mut last: [Option<usize>; WEEKDAYS] = [None; WEEKDAYS];
    let deal = |&(_, weekday): &(usize, Weekday)| {
        let row = &mut quota[weekday.index()];
        let order = (0..BANDS).map(|i| (i + turn) % BANDS);
        let previous = last[weekday.index()];
        // The fullest band, not the one before; the first in turn among equals.
        let key = |band: &usize| (row[*band] > 0, Some(*band) != previous, row[*band]);
        let band = order.rev().max_by_key(key).unwrap_or(0);
        row[band] = row[band].saturating_sub(1);
        last[weekday.index()] = Some(band);
        TimeBand::ALL[band]
    };
    slots.iter().map(deal).collect()
}

/// Plans a campaign. A simulation is due as a whole at `opened`; a survey is laid on its quarters.
///
/// # Errors
/// [`SpecError`] if the specification cannot be carried out.
pub fn plan(
    spec: &CampaignSpec,
    calendar: &Calendar,
    opened: WallTime,
) -> Result<ProbePlan, SpecError> {
    spec.check()?;
    let mut plan = ProbePlan { units: Vec::new(), moved: Vec::new() };
    for (offset, center) in spec.centers.iter().enumerate() {
        match (spec.profile, spec.first_quarter) {
            (Profile::Simulation, _) => simulate(spec, center, opened, &mut plan)?,
            (Profile::Survey, None) => return Err(SpecError::NoQuarter),
            (Profile::Survey, Some(first)) => {
                let mut at = first;
                for quarter in Quarter::ALL.into_iter().take(usize::from(spec.quarters)) {
                    let lay = Lay { spec, center, calendar, at, quarter, offset };
                    lay.quarter(&mut plan)?;
                    at = at.next();
                }
            }
        }
    }
    plan.units.sort_by(|a, b| (a.due, &a.unit).cmp(&(b.due, &b.unit)));
    Ok(plan)
}

fn simulate(
    spec: &CampaignSpec,
    center: &Center,
    opened: WallTime,
    plan: &mut ProbePlan,
) -> Result<(), SpecError> {
    for quarter in Quarter::ALL.into_iter().take(usize::from(spec.quarters)) {
        for ordinal in 1..=spec.calls {
            plan.units.push(unit(spec, center, quarter, ordinal, None, opened)?);
        }
    }
    Ok(())
}

fn unit(
    spec: &CampaignSpec,
    center: &Center,
    quarter: Quarter,
    ordinal: u32,
    cell: Option<Cell>,
    due: WallTime,
) -> Result<ProbeCall, SpecError> {
    let long = || SpecError::LongNames { campaign: spec.id.clone(), center: center.id.clone() };
    let scenario = spec.scenario_of(&center.id);
    Ok(ProbeCall {
        unit: UnitId::new(format!("{}.{}.{quarter}.{ordinal:02}", spec.id, center.id))
            .map_err(|_| long())?,
        campaign: spec.id.clone(),
        center: center.id.clone(),
        scenario: scenario.ok_or_else(|| SpecError::NoScenario(center.id.clone()))?.clone(),
        cell,
        due,
        replaces: None,
    })
}

/// One center's quarter on the calendar.
struct Lay<'a> {
    spec: &'a CampaignSpec,
    center: &'a Center,
    calendar: &'a Calendar,
    at: CalendarQuarter,
    quarter: Quarter,
    offset: usize,
}

/// Days that hold a call already, and how many each ISO week holds (by its Monday).
#[derive(Default)]
struct Taken {
    days: BTreeSet<Date>,
    weeks: BTreeMap<Date, usize>,
}

impl Taken {
    fn week(day: Date) -> Date {
        day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).unwrap_or(day)
    }

    fn take(&mut self, day: Date) {
        self.days.insert(day);
        *self.weeks.entry(Self::week(day)).or_default() += 1;
    }

    fn has_room(&self, day: Date) -> bool {
        let in_week = self.weeks.get(&Self::week(day)).copied().unwrap_or(0);
        !self.days.contains(&day) && in_week < MOST_IN_WEEK
    }
}

impl Lay<'_> {
    fn quarter(&self, plan: &mut ProbePlan) -> Result<(), SpecError> {
        let slots = slots(self.spec.calls, self.offset);
        let quota = quota(self.spec.calls, self.quarter.index(), self.offset);
        let bands = deal_bands(&slots, quota, self.offset + self.quarter.index());
        let mut taken = Taken::default();
        for (index, (&(week, weekday), band)) in slots.iter().zip(bands).enumerate() {
            let ordinal = index as u32 + 1;
            let wanted = self.date_of(week, weekday);
            let day = self.place(wanted, weekday, &taken).ok_or_else(|| SpecError::NoRoom {
                quarter: self.at,
                center: self.center.id.clone(),
                call: ordinal,
            })?;
            taken.take(day);
            // A call that had to leave its weekday counts for the weekday it is made on.
            let weekday = super::calendar::weekday(day).unwrap_or(weekday);
            let cell = Cell { quarter: self.quarter, weekday, band };
            let due = korean_time(day, self.time_of(ordinal, band));
            let unit = unit(self.spec, self.center, self.quarter, ordinal, Some(cell), due)?;
            if day != wanted {
                let why = self.why_not(wanted);
                plan.moved.push(Moved { unit: unit.unit.clone(), from: wanted, to: day, why });
            }
            plan.units.push(unit);
        }
        Ok(())
    }

    /// The weekday in the quarter's week: weeks are counted from its first day, so that each holds every weekday once.
    fn date_of(&self, week: usize, weekday: Weekday) -> Date {
        let first = self.at.first_day();
        let ahead = weekday.index() as i64 - i64::from(first.weekday().to_monday_zero_offset());
        let days = week as i64 * 7 + ahead.rem_euclid(7);
        first.checked_add(days.days()).unwrap_or(first)
    }

    /// The wanted day, else the nearest free day of the same weekday, else the nearest free day.
    fn place(&self, wanted: Date, on: Weekday, taken: &Taken) -> Option<Date> {
        let free = |day: Date| self.calendar.is_business_day(day) && taken.has_room(day);
        let inside = wanted < self.at.end();
        if inside && free(wanted) {
            return Some(wanted);
        }
        let distance = |day: &Date| (day.duration_since(wanted).as_hours().abs(), *day);
        let same =
            self.at.days().filter(|d| weekday(*d) == Some(on) && free(*d)).min_by_key(distance);
        same.or_else(|| self.at.days().filter(|d| free(*d)).min_by_key(distance))
    }

    fn why_not(&self, wanted: Date) -> String {
        if wanted >= self.at.end() {
            format!("{wanted} is after the end of {}", self.at)
        } else if let Some(holiday) = self.calendar.holiday(wanted) {
            format!("{wanted} is a holiday ({holiday})")
        } else {
            format!("{wanted} or its week holds other calls to the center")
        }
    }

    /// A second of the band, not in its last ten minutes, drawn from seed, campaign, center and ordinal of the call.
    fn time_of(&self, ordinal: u32, band: TimeBand) -> Time {
        let hours = self.spec.bands.hours(band);
        let mut random = SplitMix64::new(self.spec.seed ^ name_hash(self.spec.id.as_str()));
        let center = random.next_u64() ^ name_hash(self.center.id.as_str());
        let slot = (self.quarter.index() as u64) << 32 | u64::from(ordinal);
        let mut random = SplitMix64::new(center.wrapping_add(slot.wrapping_mul(0x9e37_79b9)));
        let room = (hours.seconds() - LAST_MINUTES * 60).max(1).cast_unsigned();
        let second = random.below(room).cast_signed();
        hours.start().saturating_add(second.seconds())
    }
}

/// FNV-1a, 64 bits: a name's number, the same on every machine.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::calendar::korean_date;
    use crate::domain::ids::CenterId;
    use proptest::prelude::*;
    use serde_json::json;

    fn rows(quota: &Quota) -> Vec<u32> {
        quota.iter().map(|row| row.iter().sum()).collect()
    }

    fn columns(quota: &Quota) -> Vec<u32> {
        (0..BANDS).map(|b| quota.iter().map(|row| row[b]).sum()).collect()
    }

    fn spread(sums: &[u32]) -> u32 {
        sums.iter().max().unwrap() - sums.iter().min().unwrap()
    }

    #[test]
    fn the_first_quarter_of_the_first_center_has_the_golden_quota() {
        assert_eq!(quota(25, 0, 0), [[1, 2, 2], [2, 1, 2], [2, 2, 1], [1, 2, 2], [2, 1, 2]]);
        for (quarter, bands) in [[8, 8, 9], [9, 8, 8], [8, 9, 8], [8, 8, 9]].iter().enumerate() {
            assert_eq!(columns(&quota(25, quarter, 0)), bands, "quarter {quarter}");
        }
    }

    #[test]
    fn every_25_calls_leave_out_the_short_band_of_each_weekday() {
        for offset in 0..3 {
            for quarter in 0..4 {
                for (w, row) in quota(25, quarter, offset).iter().enumerate() {
                    let short = (w + quarter + offset) % 3;
                    for (b, calls) in row.iter().enumerate() {
                        assert_eq!(*calls, if b == short { 1 } else { 2 });
                    }
                }
            }
        }
    }

    #[test]
    fn a_year_is_100_calls_20_a_weekday_and_33_33_34_a_band() {
        let mut year = [[0; BANDS]; WEEKDAYS];
        for quarter in 0..4 {
            for (w, row) in quota(25, quarter, 0).iter().enumerate() {
                for (b, calls) in row.iter().enumerate() {
                    year[w][b] += calls;
                }
            }
        }
        assert_eq!(year, [[6, 7, 7], [7, 6, 7], [7, 7, 6], [6, 7, 7], [7, 6, 7]]);
        assert_eq!(rows(&year), [20; 5]);
        assert_eq!(columns(&year), [33, 33, 34]);
    }

    #[test]
    fn three_centers_fill_every_cell_of_a_year_20_times() {
        for w in 0..WEEKDAYS {
            for b in 0..BANDS {
                let total: u32 = (0..3)
                    .flat_map(|offset| (0..4).map(move |q| quota(25, q, offset)))
                    .map(|quota| quota[w][b])
                    .sum();
                assert_eq!(total, 20);
            }
        }
    }

    #[test]
    fn twenty_five_slots_load_twelve_weeks_twice_and_one_once() {
        for offset in 0..5 {
            let slots = slots(25, offset);
            assert_eq!(slots.len(), 25);
            for weekday in Weekday::ALL {
                assert_eq!(slots.iter().filter(|s| s.1 == weekday).count(), 5);
            }
            let loads: Vec<usize> =
                (0..WEEKS).map(|w| slots.iter().filter(|s| s.0 == w).count()).collect();
            assert_eq!(loads.iter().filter(|l| **l == 2).count(), 12);
            assert_eq!(loads.iter().filter(|l| **l == 1).count(), 1);
            let distinct: BTreeSet<_> = slots.iter().collect();
            assert_eq!(distinct.len(), 25, "a weekday came twice in one week");
        }
    }

    fn survey(quarter: &str, quarters: u8, seed: u64, centers: usize) -> CampaignSpec {
        let centers: Vec<_> = (0..centers)
            .map(|n| json!({"id": format!("c{n}"), "name": "한빛", "number": format!("1588-000{n}")}))
            .collect();
        serde_json::from_value(json!({
            "id": "s", "first-quarter": quarter, "quarters": quarters, "seed": seed,
            "scenario": "x", "centers": centers,
        }))
        .unwrap()
    }

    fn planned(spec: &CampaignSpec) -> ProbePlan {
        plan(spec, &Calendar::korean().unwrap(), WallTime(jiff::Timestamp::UNIX_EPOCH)).unwrap()
    }

    fn of_center<'a>(plan: &'a ProbePlan, id: &str) -> Vec<&'a ProbeCall> {
        let id = CenterId::new(id).unwrap();
        plan.units.iter().filter(|u| u.center == id).collect()
    }

    #[test]
    fn a_surveyed_year_keeps_the_quota_days_and_bands() {
        let calendar = Calendar::korean().unwrap();
        let spec = survey("2026q4", 4, 7, 3);
        let plan = planned(&spec);
        assert_eq!(plan.units.len(), 300);
        for center in ["c0", "c1", "c2"] {
            let units = of_center(&plan, center);
            let days: BTreeSet<Date> = units.iter().map(|u| korean_date(u.due)).collect();
            assert_eq!(days.len(), 100, "two units on one day");
            for unit in &units {
                let day = korean_date(unit.due);
                let cell = unit.cell.unwrap();
                let hours = spec.bands.hours(cell.band);
                assert!(calendar.is_business_day(day), "{day}");
                assert_eq!(weekday(day), Some(cell.weekday));
                let from = korean_time(day, hours.start());
                let last = korean_time(day, hours.end().saturating_sub(LAST_MINUTES.minutes()));
                assert!(from <= unit.due && unit.due < last, "{}", unit.unit);
            }
            for quarter in Quarter::ALL {
                let of_quarter =
                    units.iter().filter(|u| u.cell.unwrap().quarter == quarter).count();
                assert_eq!(of_quarter, 25);
            }
        }
    }

    #[test]
    fn moved_calls_are_named_with_the_holiday() {
        let plan = planned(&survey("2026q4", 1, 7, 3));
        assert!(!plan.moved.is_empty());
        let calendar = Calendar::korean().unwrap();
        for moved in &plan.moved {
            assert!(calendar.is_business_day(moved.to));
            assert_ne!(moved.from, moved.to);
        }
        assert!(plan.moved.iter().any(|m| m.why.contains("holiday")));
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(planned(&survey("2026q4", 1, 7, 2)), planned(&survey("2026q4", 1, 7, 2)));
        assert_ne!(planned(&survey("2026q4", 1, 7, 2)), planned(&survey("2026q4", 1, 8, 2)));
    }

    #[test]
    fn a_simulation_is_due_at_once_and_outside_the_quota() {
        let mut spec = survey("2026q4", 1, 7, 2);
        spec.profile = Profile::Simulation;
        spec.calls = 4;
        let plan = planned(&spec);
        assert_eq!(plan.units.len(), 8);
        assert!(plan.units.iter().all(|u| u.cell.is_none() && u.due.0.as_second() == 0));
        assert_eq!(plan.units[0].unit.as_str(), "s.c0.q1.01");
    }

    #[test]
    fn a_quarter_closed_altogether_has_no_room() {
        let mut spec = survey("2026q4", 1, 7, 1);
        let calendar = Calendar::korean().unwrap();
        let all = spec.first_quarter.unwrap().days();
        let closed = calendar.with_closed(all);
        spec.calls = 1;
        let error = plan(&spec, &closed, WallTime(jiff::Timestamp::UNIX_EPOCH)).unwrap_err();
        assert!(matches!(error, SpecError::NoRoom { call: 1, .. }));
    }

    proptest! {
        #[test]
        fn any_number_of_calls_is_spread_evenly(calls in 0u32..200, quarter in 0usize..4, offset in 0usize..1000) {
            let quota = quota(calls, quarter, offset);
            prop_assert_eq!(rows(&quota).iter().sum::<u32>(), calls);
            prop_assert!(spread(&rows(&quota)) <= 1);
            prop_assert!(spread(&columns(&quota)) <= 1);
            let cells: Vec<u32> = quota.into_iter().flatten().collect();
            prop_assert!(spread(&cells) <= 1);
        }

        #[test]
        fn a_planned_quarter_never_crowds_a_center(year in 2016i16..2035, q in 1u8..=4, seed: u64) {
            let plan = planned(&survey(&format!("{year}q{q}"), 1, seed, 2));
            for center in ["c0", "c1"] {
                let mut weeks: BTreeMap<Date, usize> = BTreeMap::new();
                let mut days = BTreeSet::new();
                for unit in of_center(&plan, center) {
                    let day = korean_date(unit.due);
                    prop_assert!(days.insert(day));
                    *weeks.entry(Taken::week(day)).or_default() += 1;
                }
                prop_assert!(weeks.values().all(|n| *n <= MOST_IN_WEEK));
            }
        }
    }
}
