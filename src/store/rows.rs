//! Values on their way into rows and back.

use super::error::{StoreError, While as _};
use crate::domain::ids::CallId;
use crate::domain::time::WallTime;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, Sqlite, Type};

/// A value as JSON text.
pub(super) fn to_json<T: Serialize>(
    what: &'static str,
    name: &str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| corrupt(what, name, &e))
}

/// A value from JSON text.
pub(super) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    name: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| corrupt(what, name, &e))
}

/// Something stored that cannot be read.
pub(super) fn corrupt(what: &'static str, name: &str, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt { what, name: name.to_owned(), why: why.to_string() }
}

/// A column of a row.
pub(super) fn column<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(name).doing("reading a row")
}

/// A call identifier from its column.
pub(super) fn call_id(text: &str) -> Result<CallId, StoreError> {
    text.parse().map_err(|e| corrupt("call identifier", text, &e))
}

/// A wall time from its column.
pub(super) fn wall_time(text: &str) -> Result<WallTime, StoreError> {
    text.parse().map(WallTime).map_err(|e| corrupt("time", text, &e))
}
