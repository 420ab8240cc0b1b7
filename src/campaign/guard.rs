//! The guard: what may not be dialled, whoever asks.
//!
//! No number without a place on the allow-list and a mandate of its center; never an emergency or premium number;
//! never abroad; not at night. A simulated campaign is bound to a loopback trunk and says what it waives.

use super::calendar::korean_date;
use super::spec::Profile;
use crate::domain::number::DialString;
use crate::domain::plan::Center;
use crate::domain::time::WallTime;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// Emergency, crime, rescue and crisis lines, which no test call may ever occupy, listed or not.
const NEVER: [&str; 11] =
    ["112", "113", "119", "111", "117", "118", "122", "182", "109", "1366", "1388"];
/// Public service lines that need a word of their own.
const GOVERNMENT: [&str; 2] = ["110", "120"];

/// Why a number is not dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An emergency or crisis line.
    #[error(
        "`{center}`: number {number} is an emergency or crisis line and is never dialled; correct the center's number"
    )]
    Emergency {
        /// The center.
        center: String,
        /// The number, masked.
        number: String,
    },
    /// A premium-rate number.
    #[error(
        "`{center}`: number {number} is premium-rate (060) and is never dialled; correct the center's number"
    )]
    Premium {
        /// The center.
        center: String,
        /// The number, masked.
        number: String,
    },
    /// A number abroad.
    #[error(
        "`{center}`: number {number} is abroad (00… or not +82) and is never dialled; correct the center's number"
    )]
    Abroad {
        /// The center.
        center: String,
        /// The number, masked.
        number: String,
    },
    /// 110 or 120 without the explicit word.
    #[error(
        "`{center}`: number {number} is a public service line; set `[guard] government-lines = true` if its operator \
         agreed"
    )]
    Government {
        /// The center.
        center: String,
        /// The number, masked.
        number: String,
    },
    /// Not on the allow-list.
    #[error(
        "`{center}`: number {number} is not on the allow-list; add it to `[guard] allow` in the configuration"
    )]
    NotAllowed {
        /// The center.
        center: String,
        /// The number, masked.
        number: String,
    },
    /// Nobody allowed us to call.
    #[error(
        "`{center}` has no mandate; add `mandate: {{by: …, until: YYYY-MM-DD}}` to the center once it is given"
    )]
    NoMandate {
        /// The center.
        center: String,
    },
    /// The mandate has run out.
    #[error("the mandate of `{center}` ended on {until}; have it renewed, then change its `until`")]
    MandateOver {
        /// The center.
        center: String,
        /// Its last day.
        until: jiff::civil::Date,
    },
    /// A simulated campaign on a trunk that leads outside.
    #[error(
        "a campaign with `profile: simulation` may only use a loopback trunk, not `{trunk}`; use 127.0.0.1, or \
         `profile: survey`"
    )]
    SimulationOutside {
        /// The trunk.
        trunk: SocketAddr,
    },
    /// A call outside the survey's hours.
    #[error(
        "no call leaves outside Monday to Friday, 09:00 to 18:00 in Korea; run the campaign in these hours"
    )]
    OutsideHours,
}

/// What the guard is set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// Survey or simulation.
    pub profile: Profile,
    /// The trunk that calls leave by.
    pub trunk: SocketAddr,
    /// Numbers that may be dialled.
    pub allow: Vec<DialString>,
    /// Whether 110 and 120 may be dialled when they are listed.
    pub government: GovernmentLines,
}

/// Whether the public service lines 110 and 120 may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GovernmentLines {
    /// Refused, listed or not.
    #[default]
    Refused,
    /// Dialled if listed: their operators agreed.
    Agreed,
}

/// The guard of one campaign run.
#[derive(Debug, Clone)]
pub struct Guard {
    profile: Profile,
    allow: BTreeSet<String>,
    government: GovernmentLines,
}

impl Guard {
    /// Attempts a unit may have, the first included.
    pub const ATTEMPTS_PER_UNIT: u32 = 3;
    /// Least time between two attempts of a unit in a survey.
    pub const SPACING: Duration = Duration::from_mins(2);
    /// The same in a simulation.
    pub const SIMULATED_SPACING: Duration = Duration::from_millis(500);
    /// Replacements a unit may have, one after another.
    pub const REPLACEMENTS: u32 = 2;

    /// Sets the guard up.
    ///
    /// # Errors
    /// [`Refusal::SimulationOutside`] for a simulation whose trunk is not loopback.
    pub fn new(settings: &GuardSettings) -> Result<Self, Refusal> {
        let GuardSettings { profile, trunk, ref allow, government } = *settings;
        if profile == Profile::Simulation && !trunk.ip().is_loopback() {
            return Err(Refusal::SimulationOutside { trunk });
        }
        let allow = allow.iter().map(|n| national(n).unwrap_or_else(|| n.as_str().to_owned()));
        Ok(Self { profile, allow: allow.collect(), government })
    }

    /// Whether the center may be called at `now`.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies. Emergency, premium and foreign numbers are refused in a simulation too.
    pub fn permit(&self, center: &Center, now: WallTime) -> Result<(), Refusal> {
        self.permit_center(center, korean_date(now))?;
        match self.profile {
            Profile::Simulation => Ok(()),
            Profile::Survey if in_survey_hours(now) => Ok(()),
            Profile::Survey => Err(Refusal::OutsideHours),
        }
    }

    /// Whether the center may be called at all on a day, at whatever hour.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn permit_center(&self, center: &Center, today: jiff::civil::Date) -> Result<(), Refusal> {
        let name = || center.id.to_string();
        let number = || center.number.masked();
        let Some(digits) = national(&center.number) else {
            return Err(Refusal::Abroad { center: name(), number: number() });
        };
        if reaches(&digits, &NEVER) {
            return Err(Refusal::Emergency { center: name(), number: number() });
        }
        if digits.starts_with("060") {
            return Err(Refusal::Premium { center: name(), number: number() });
        }
        if self.government == GovernmentLines::Refused && reaches(&digits, &GOVERNMENT) {
            return Err(Refusal::Government { center: name(), number: number() });
        }
        if self.profile == Profile::Simulation {
            return Ok(());
        }
        if !self.allow.contains(&digits) {
            return Err(Refusal::NotAllowed { center: name(), number: number() });
        }
        match &center.mandate {
            None => Err(Refusal::NoMandate { center: name() }),
            Some(mandate) if mandate.until < today => {
                Err(Refusal::MandateOver { center: name(), until: mandate.until })
            }
            Some(_) => Ok(()),
        }
    }

    /// Survey or simulation.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Least time between two attempts of a unit.
    pub fn spacing(&self) -> Duration {
        match self.profile {
            Profile::Survey => Self::SPACING,
            Profile::Simulation => Self::SIMULATED_SPACING,
        }
    }

    /// What the guard waives, in plain words, to be shown before the first call; `None` in a survey.
    pub fn notice(&self) -> Option<String> {
        match self.profile {
            Profile::Survey => None,
            Profile::Simulation => Some(format!(
                "simulation on a loopback trunk: re-dial after {} ms instead of {} s, any hour and day, several units a \
                 day and center, no allow-list and no mandate asked; emergency, premium and foreign numbers stay refused",
                Self::SIMULATED_SPACING.as_millis(),
                Self::SPACING.as_secs(),
            )),
        }
    }
}

/// Monday to Friday, 09:00 to 18:00 in Korea.
fn in_survey_hours(now: WallTime) -> bool {
    let local = super::calendar::KST.to_datetime(now.0);
    super::calendar::weekday(local.date()).is_some() && (9..18).contains(&local.hour())
}

/// The number as dialled inside Korea; `None` for one abroad.
fn national(number: &DialString) -> Option<String> {
    let digits = number.as_str();
    if let Some(international) = digits.strip_prefix('+') {
        let rest = international.strip_prefix("82")?;
        let rest = rest.strip_prefix('0').unwrap_or(rest);
        // Nation-wide numbers (15xx, 16xx, 18xx, three-digit lines) carry no trunk prefix.
        let short = rest.len() <= 4 || (rest.len() == 8 && rest.starts_with('1'));
        return Some(if short { rest.to_owned() } else { format!("0{rest}") });
    }
    // 00x is the international prefix of every Korean carrier.
    (!digits.starts_with("00")).then(|| digits.to_owned())
}

/// Whether the digits reach one of these short lines, also behind an area code (`02-119`) or a trunk prefix.
fn reaches(digits: &str, lines: &[&str]) -> bool {
    let plain = digits.strip_prefix('0');
    let behind = without_area_code(digits);
    lines.iter().any(|line| digits == *line || plain == Some(line) || behind == Some(line))
}

/// What is dialled behind an area code: 02 is Seoul, 031 to 064 are the provinces.
fn without_area_code(digits: &str) -> Option<&str> {
    digits.strip_prefix("02").or_else(|| {
        let area = digits.as_bytes().get(..3)?;
        (area[0] == b'0' && (b'3'..=b'6').contains(&area[1])).then(|| &digits[3..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::pacing::korean_time;
    use crate::domain::ids::CenterId;
    use crate::domain::plan::Mandate;
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    fn center(number: &str) -> Center {
        Center {
            id: CenterId::new("hanbit-card").unwrap(),
            name: "한빛카드".into(),
            english: None,
            aliases: vec![],
            industry: None,
            number: DialString::new(number).unwrap(),
            agents: vec![],
            mandate: Some(Mandate { by: "한빛카드".into(), until: date(2026, 12, 31) }),
        }
    }

    fn guard(profile: Profile, allow: &[&str]) -> Guard {
        Guard::new(&GuardSettings {
            profile,
            trunk: "127.0.0.1:5060".parse().unwrap(),
            allow: allow.iter().map(|n| DialString::new(n).unwrap()).collect(),
            government: GovernmentLines::Refused,
        })
        .unwrap()
    }

    fn monday_noon() -> WallTime {
        korean_time(date(2026, 11, 23), time(12, 0, 0, 0))
    }

    #[test]
    fn a_listed_number_with_a_mandate_is_permitted_however_it_is_written() {
        let survey =
            guard(Profile::Survey, &["1588-0000", "+82 2 1234 5678", "080-123-4567", "14 1234"]);
        for number in ["15880000", "+82 1588 0000", "02-1234-5678", "080 123 4567", "141234"] {
            assert_eq!(survey.permit(&center(number), monday_noon()), Ok(()), "{number}");
        }
    }

    #[test]
    fn an_unlisted_number_is_refused() {
        let survey = guard(Profile::Survey, &["1588-0000"]);
        let refusal = survey.permit(&center("1588-0001"), monday_noon());
        assert!(matches!(refusal, Err(Refusal::NotAllowed { .. })));
        assert!(!refusal.unwrap_err().to_string().contains("15880001"));
    }

    #[test]
    fn emergency_lines_are_refused_even_when_listed_and_simulated() {
        for number in NEVER {
            for written in [
                number.to_owned(),
                format!("02-{number}"),
                format!("031{number}"),
                format!("+82{number}"),
            ] {
                for profile in [Profile::Survey, Profile::Simulation] {
                    let refusal =
                        guard(profile, &[&written]).permit(&center(&written), monday_noon());
                    assert!(matches!(refusal, Err(Refusal::Emergency { .. })), "{written}");
                }
            }
        }
    }

    #[test]
    fn premium_and_foreign_numbers_are_refused_even_when_listed() {
        for number in ["060-700-1234", "+82 60 700 1234"] {
            let refusal = guard(Profile::Survey, &[number]).permit(&center(number), monday_noon());
            assert!(matches!(refusal, Err(Refusal::Premium { .. })), "{number}");
        }
        for number in ["+1 212 555 0100", "001-1-212-555-0100", "00700 1 212", "+81 3 1234 5678"] {
            let refusal =
                guard(Profile::Simulation, &[number]).permit(&center(number), monday_noon());
            assert!(matches!(refusal, Err(Refusal::Abroad { .. })), "{number}");
        }
    }

    #[test]
    fn line_120_needs_a_word_of_its_own_and_02_120_is_the_same_kind() {
        for number in ["120", "02-120", "110"] {
            let refusal = guard(Profile::Survey, &[number]).permit(&center(number), monday_noon());
            assert!(matches!(refusal, Err(Refusal::Government { .. })), "{number}");
        }
        let agreed = Guard::new(&GuardSettings {
            profile: Profile::Survey,
            trunk: "10.0.0.1:5060".parse().unwrap(),
            allow: vec![DialString::new("120").unwrap()],
            government: GovernmentLines::Agreed,
        });
        assert_eq!(agreed.unwrap().permit(&center("120"), monday_noon()), Ok(()));
    }

    #[test]
    fn a_mandate_holds_through_its_last_day() {
        let survey = guard(Profile::Survey, &["1588-0000"]);
        let center = center("1588-0000");
        assert_eq!(survey.permit_center(&center, date(2026, 12, 31)), Ok(()));
        let refusal = survey.permit_center(&center, date(2027, 1, 1));
        assert!(matches!(refusal, Err(Refusal::MandateOver { .. })));
        let without = Center { mandate: None, ..center };
        let refusal = survey.permit_center(&without, date(2026, 12, 1));
        assert!(matches!(refusal, Err(Refusal::NoMandate { .. })));
    }

    #[test]
    fn a_survey_calls_from_9_to_18_on_working_days() {
        let survey = guard(Profile::Survey, &["1588-0000"]);
        let at = |day, h, m, s| {
            survey.permit(&center("1588-0000"), korean_time(date(2026, 11, day), time(h, m, s, 0)))
        };
        assert_eq!(at(23, 9, 0, 0), Ok(()));
        assert_eq!(at(23, 17, 59, 59), Ok(()));
        assert_eq!(at(23, 8, 59, 59), Err(Refusal::OutsideHours));
        assert_eq!(at(23, 18, 0, 0), Err(Refusal::OutsideHours));
        assert_eq!(at(22, 12, 0, 0), Err(Refusal::OutsideHours));
    }

    #[test]
    fn a_simulation_is_bound_to_loopback_and_says_what_it_waives() {
        let outside = Guard::new(&GuardSettings {
            profile: Profile::Simulation,
            trunk: "192.0.2.1:5060".parse().unwrap(),
            allow: vec![],
            government: GovernmentLines::Refused,
        });
        assert!(matches!(outside, Err(Refusal::SimulationOutside { .. })));
        let simulation = guard(Profile::Simulation, &[]);
        assert!(simulation.notice().unwrap().contains("500 ms instead of 120 s"));
        assert_eq!(guard(Profile::Survey, &[]).notice(), None);
        let sunday_night = korean_time(date(2026, 11, 22), time(23, 0, 0, 0));
        assert_eq!(simulation.permit(&center("1588-0000"), sunday_night), Ok(()));
    }

    proptest! {
        #[test]
        fn nothing_off_the_list_is_ever_permitted(digits in "[0-9]{2,15}", listed in "1[568][0-9]{6}") {
            prop_assume!(digits != listed);
            let survey = guard(Profile::Survey, &[&listed]);
            prop_assert!(survey.permit(&center(&digits), monday_noon()).is_err());
        }
    }
}
