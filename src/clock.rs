//! The only reader of the clocks, and the maker of identifiers that carry time.
//!
//! Enters: nothing. Leaves: instants. A [`CallClock`] takes the wall and the monotonic clock together, so that a
//! call's record has one axis (monotonic) and one wall time for people.

use crate::domain::ids::CallId;
use crate::domain::time::{CallTime, WallTime};
use std::time::Instant;

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this file is the one that may read the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this file is the one that may read the clock")]
pub fn wall() -> WallTime {
    WallTime(jiff::Timestamp::now())
}

/// A new time-ordered identifier of a call.
#[expect(clippy::disallowed_methods, reason = "this file is the one that may read the clock")]
pub fn new_call_id() -> CallId {
    CallId::from_uuid(uuid::Uuid::now_v7())
}

/// The axis of one call: monotonic opening and the wall time that goes with it.
#[derive(Debug, Clone, Copy)]
pub struct CallClock {
    opened: Instant,
    opened_at: WallTime,
}

impl CallClock {
    /// Opens an axis now.
    pub fn open() -> Self {
        Self { opened: now(), opened_at: wall() }
    }

    /// Wall time of the opening.
    pub fn opened_at(&self) -> WallTime {
        self.opened_at
    }

    /// The monotonic instant of the opening.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Where an instant lies on the axis; instants before the opening are the opening.
    pub fn at(&self, instant: Instant) -> CallTime {
        CallTime::from_duration(instant.saturating_duration_since(self.opened))
    }

    /// Where now lies on the axis.
    pub fn now(&self) -> CallTime {
        self.at(now())
    }
}
