//! A value together with its place in the file.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::ops::{Deref, Range};

/// A stretch of a file's text, in bytes; may be unknown (values inside `flatten` or internally tagged enums).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place(pub(super) Option<Range<usize>>);

impl Place {
    /// No place in particular: the error names the file alone.
    pub const UNKNOWN: Self = Self(None);

    /// The bytes `offset..offset + len` inside this place, for example one character of a scalar. Stays the whole
    /// place if the range does not lie inside.
    #[must_use]
    pub fn part(&self, offset: usize, len: usize) -> Self {
        let inner = self.0.clone().and_then(|whole| {
            let start = whole.start.checked_add(offset)?;
            let end = start.checked_add(len)?;
            (end <= whole.end).then_some(start..end)
        });
        inner.map_or_else(|| self.clone(), |range| Self(Some(range)))
    }
}

/// A value that remembers where it stands in the file, for checks that come after reading.
///
/// Reads and writes like the value alone; two are equal if their values are.
#[derive(Debug, Clone, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Place,
}

impl<T> Located<T> {
    /// A value that comes from no file.
    pub fn nowhere(value: T) -> Self {
        Self { value, at: Place::UNKNOWN }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { value: read.value, at: Place(bytes_of(read.referenced)) })
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The byte range of a location; `None` where the reader knows none.
pub(super) fn bytes_of(location: serde_saphyr::Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let len = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start.checked_add(len)?)
}
