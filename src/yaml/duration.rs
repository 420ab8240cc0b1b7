//! Spans of time as people write them: `"20s"`, `"500ms"`, `"1m30s"`, `"2.5s"`.
//!
//! Use as `#[serde(with = "crate::yaml::duration")]`, or [`option`] for an optional field.

use serde::{Deserialize, Deserializer, Serializer, de};
use std::fmt::Write as _;
use std::time::Duration;

/// A text that is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a span of time; write a number with its unit, as in `20s`, `500ms`, `1m30s` or `2h`"
)]
pub struct BadDuration {
    /// The rejected text.
    pub text: String,
}

/// Reads `"20s"`: one or more numbers, each with `ms`, `s`, `m` or `h`; decimals are allowed, signs are not.
///
/// # Errors
/// [`BadDuration`] for anything else, a number without unit included.
pub fn read(text: &str) -> Result<Duration, BadDuration> {
    let bad = || BadDuration { text: text.to_owned() };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(bad()),
        };
        let number: f64 = number.parse().map_err(|_| bad())?;
        // Whole microseconds: `0.1 + 0.2` must not leave a trace of binary fractions.
        let micros = (number * seconds * 1e6).round();
        let part = Duration::try_from_secs_f64(micros / 1e6).map_err(|_| bad())?;
        total = total.checked_add(part).ok_or_else(bad)?;
        rest = tail.trim_start();
    }
    Ok(total)
}

/// Writes a span so that [`read`] gives it back, to the microsecond: `20s`, `1.5s`, `500ms`.
pub fn write(span: Duration) -> String {
    let micros = span.as_micros();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = if micros.is_multiple_of(1_000_000) {
        write!(text, "{}s", micros / 1_000_000)
    } else if micros < 1_000_000 && micros.is_multiple_of(1_000) {
        write!(text, "{}ms", micros / 1_000)
    } else {
        let fraction = format!("{:06}", micros % 1_000_000);
        write!(text, "{}.{}s", micros / 1_000_000, fraction.trim_end_matches('0'))
    };
    text
}

/// Reads a span for `serde`.
///
/// # Errors
/// The format's error, with [`BadDuration`] as its text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).map_err(de::Error::custom)
}

/// Writes a span for `serde`.
///
/// # Errors
/// The format's error.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(*span))
}

/// The same for `Option<Duration>`; use with `#[serde(default)]`.
pub mod option {
    use super::{Deserialize, Deserializer, Duration, de, read, write};

    /// Reads an optional span for `serde`.
    ///
    /// # Errors
    /// The format's error, with [`super::BadDuration`] as its text.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| read(&text).map_err(de::Error::custom)).transpose()
    }

    /// Writes an optional span for `serde`.
    ///
    /// # Errors
    /// The format's error.
    pub fn serialize<S: serde::Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.serialize_str(&write(*span)),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_read_with_their_units() {
        let read = |text| read(text).expect("a span");
        assert_eq!(read("20s"), Duration::from_secs(20));
        assert_eq!(read("1m30s"), Duration::from_secs(90));
        assert_eq!(read("1m 30s"), Duration::from_secs(90));
        assert_eq!(read("2.5s"), Duration::from_millis(2_500));
        assert_eq!(read("500ms"), Duration::from_millis(500));
        assert_eq!(read("2h"), Duration::from_hours(2));
    }

    #[test]
    fn a_number_without_unit_is_refused() {
        for bad in ["", "20", "s", "-1s", "20 parsecs", "1..5s", "1e3s", "99999999999999999999h"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in 0u64..100_000_000_000) {
            let span = Duration::from_micros(micros);
            prop_assert_eq!(read(&write(span)), Ok(span));
        }
    }
}
