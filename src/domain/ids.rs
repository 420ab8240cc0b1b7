//! Identifiers: one newtype per thing that has a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A name that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not an identifier; use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit"
)]
pub struct BadId {
    /// The rejected text.
    pub name: String,
}

fn check_slug(name: &str) -> Result<(), BadId> {
    let ok = (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
    if ok { Ok(()) } else { Err(BadId { name: name.to_owned() }) }
}

macro_rules! slug_id {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name.
            ///
            /// # Errors
            /// [`BadId`] unless it is 1 to 64 characters of `a-z 0-9 - _ .` and begins with a letter or digit.
            pub fn new(name: impl Into<String>) -> Result<Self, BadId> {
                let name = name.into();
                check_slug(&name)?;
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(name: String) -> Result<Self, BadId> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

slug_id!(
    /// Names a campaign, for example `demo` or `2026q4`.
    CampaignId
);
slug_id!(
    /// Names a call center, for example `hanbit-card`.
    CenterId
);
slug_id!(
    /// Names a scenario: what the caller does in a call.
    ScenarioId
);
slug_id!(
    /// Names a CTQ sheet: the list of items a call is judged by.
    SheetId
);
slug_id!(
    /// Names one planned evaluation of a campaign (`center.q1.07`); a replacement gets a new one.
    UnitId
);

/// Names one attempt's call: time-ordered (UUID version 7, RFC 9562 §5.7), also the file stem of its recording.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct CallId(Uuid);

impl CallId {
    /// Wraps an identifier made by the clock room.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for CallId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse()?))
    }
}

/// Ordinal of an attempt within its unit, from 1; every INVITE is counted, void ones too.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct AttemptNumber(std::num::NonZeroU32);

impl AttemptNumber {
    /// The first attempt of a unit.
    pub const FIRST: Self = Self(std::num::NonZeroU32::MIN);

    /// Wraps an ordinal; `None` for 0.
    pub fn new(ordinal: u32) -> Option<Self> {
        std::num::NonZeroU32::new(ordinal).map(Self)
    }

    /// The ordinal, from 1.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The attempt after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of a blob, 64 lower-case hexadecimal digits: audio, models and sheets are named by it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(String);

impl ContentHash {
    /// Checks and wraps a hexadecimal digest.
    ///
    /// # Errors
    /// [`BadId`] unless it is 64 hexadecimal digits.
    pub fn new(hex: impl Into<String>) -> Result<Self, BadId> {
        let hex = hex.into().to_ascii_lowercase();
        if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(hex))
        } else {
            Err(BadId { name: hex })
        }
    }

    /// Prints a 32-byte digest.
    pub fn from_bytes(digest: &[u8; 32]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in digest {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }

    /// The digest as 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ContentHash {
    type Error = BadId;
    fn try_from(hex: String) -> Result<Self, BadId> {
        Self::new(hex)
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_1_to_64_lower_case_characters() {
        assert!(CenterId::new("hanbit-card").is_ok());
        assert!(CenterId::new("a".repeat(64)).is_ok());
        for bad in ["", "Hanbit", "-a", "a b", "../a", &"a".repeat(65)] {
            assert!(CenterId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_content_hash_prints_64_digits() {
        let hash = ContentHash::from_bytes(&[0xab; 32]);
        assert_eq!(hash.as_str(), "ab".repeat(32));
        assert_eq!(hash.short(), "abababababab");
        assert!(ContentHash::new("xyz").is_err());
    }
}
