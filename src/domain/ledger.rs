//! The permission to send one INVITE.

use super::ids::{AttemptNumber, CallId, UnitId};

/// A permission to send one INVITE. It is issued by the store after the attempt stands in the ledger, cannot be
/// copied, and is consumed by `call::dial`: no ticket, no INVITE. A 401 or 407 is answered on the same ticket.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an issued ticket stands in the ledger as an attempt"]
pub struct AttemptTicket {
    unit: UnitId,
    number: AttemptNumber,
    call: CallId,
    sip_call_id: String,
}

impl AttemptTicket {
    /// Issues a ticket. Only the store calls this, after its commit; `tests/architecture.rs` holds that.
    pub fn issue(unit: UnitId, number: AttemptNumber, call: CallId, sip_call_id: String) -> Self {
        Self { unit, number, call, sip_call_id }
    }

    /// The unit.
    pub fn unit(&self) -> &UnitId {
        &self.unit
    }

    /// Ordinal in the unit.
    pub fn number(&self) -> AttemptNumber {
        self.number
    }

    /// The call.
    pub fn call(&self) -> CallId {
        self.call
    }

    /// `Call-ID` that the INVITE must carry: it is in the ledger, so that a restart can end the dialog.
    pub fn sip_call_id(&self) -> &str {
        &self.sip_call_id
    }
}
