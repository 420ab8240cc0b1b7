//! DTMF digits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One DTMF digit: `0-9`, `*`, `#` or `A-D`.
/// Source: RFC 4733 §3.2 (events 0 to 15).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "char", into = "char")]
pub struct Digit(u8);

/// A character that no telephone key sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a DTMF digit; use 0-9, *, # or A-D")]
pub struct BadDigit(pub char);

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// Reads a key.
    ///
    /// # Errors
    /// [`BadDigit`] for any other character.
    pub fn new(key: char) -> Result<Self, BadDigit> {
        KEYS.iter()
            .position(|&k| char::from(k) == key.to_ascii_uppercase())
            .map(|at| Self(at as u8))
            .ok_or(BadDigit(key))
    }

    /// The digit of an RFC 4733 event code; `None` above 15.
    pub fn from_event(code: u8) -> Option<Self> {
        (usize::from(code) < KEYS.len()).then_some(Self(code))
    }

    /// The RFC 4733 event code, 0 to 15.
    pub fn event(self) -> u8 {
        self.0
    }

    /// The key.
    pub fn key(self) -> char {
        char::from(KEYS[usize::from(self.0)])
    }

    /// Reads a row of keys; spaces are skipped.
    ///
    /// # Errors
    /// [`BadDigit`] with the first character that is none.
    pub fn row(keys: &str) -> Result<Vec<Self>, BadDigit> {
        keys.chars().filter(|c| *c != ' ').map(Self::new).collect()
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key())
    }
}

impl TryFrom<char> for Digit {
    type Error = BadDigit;
    fn try_from(key: char) -> Result<Self, BadDigit> {
        Self::new(key)
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> Self {
        digit.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_is_event_10_and_hash_is_event_11() -> Result<(), BadDigit> {
        assert_eq!(Digit::new('*')?.event(), 10);
        assert_eq!(Digit::new('#')?.event(), 11);
        assert_eq!(Digit::new('d')?.key(), 'D');
        assert_eq!(Digit::new('E'), Err(BadDigit('E')));
        assert_eq!(Digit::from_event(16), None);
        Ok(())
    }
}
