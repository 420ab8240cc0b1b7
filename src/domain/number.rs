//! Telephone numbers as they are dialled, and how they appear in logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A number as the trunk is asked to dial it: 2 to 20 digits, optionally after `+`.
/// Spaces, hyphens, dots and parentheses are dropped when it is read. `Debug` shows it masked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct DialString(String);

/// A text that cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a telephone number; use 2 to 20 digits, with or without a leading `+`")]
pub struct BadNumber {
    /// The rejected text.
    pub text: String,
}

impl DialString {
    /// Reads a number as a person writes it: `02-120`, `1588-0000`, `+82 2 1234 5678`.
    ///
    /// # Errors
    /// [`BadNumber`] if other characters than digits, separators and a leading `+` are in it.
    pub fn new(text: &str) -> Result<Self, BadNumber> {
        let bad = || BadNumber { text: text.to_owned() };
        let kept: String = text.trim().chars().filter(|c| !" -.()".contains(*c)).collect();
        let digits = kept.strip_prefix('+').unwrap_or(&kept);
        if !(2..=20).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self(kept))
    }

    /// The digits to dial, with the `+` if there is one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number for logs and reports: all but the last two digits are hidden (`****00`).
    pub fn masked(&self) -> String {
        let cut = self.0.len() - 2;
        format!("{}{}", "*".repeat(cut), &self.0[cut..])
    }
}

impl fmt::Debug for DialString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialString({})", self.masked())
    }
}

impl TryFrom<String> for DialString {
    type Error = BadNumber;
    fn try_from(text: String) -> Result<Self, BadNumber> {
        Self::new(&text)
    }
}

impl From<DialString> for String {
    fn from(number: DialString) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_dropped_and_the_plus_is_kept() -> Result<(), BadNumber> {
        assert_eq!(DialString::new("02-120")?.as_str(), "02120");
        assert_eq!(DialString::new("+82 2 1234 5678")?.as_str(), "+82212345678");
        assert_eq!(DialString::new("1588-0000")?.masked(), "******00");
        Ok(())
    }

    #[test]
    fn letters_and_sip_uris_are_not_numbers() {
        for bad in ["", "1", "12a", "sip:1@2", "1+2", "123456789012345678901"] {
            assert!(DialString::new(bad).is_err(), "{bad}");
        }
    }
}
