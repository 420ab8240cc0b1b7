//! The SIP user agent (RFC 3261): wire normaliser, transactions, dialogs, digest, SDP.
//!
//! Enters: datagrams, commands and the time. Leaves: datagrams and [`LegEvent`]s. The machine
//! ([`UserAgent`]) is pure; [`driver`] gives it a UDP socket, a clock and chance.

mod address;
mod callee;
mod caller;
mod dialog;
mod digest;
pub mod driver;
mod error;
mod in_dialog;
mod leg;
mod message;
#[cfg(test)]
mod rehearsal;
pub mod sdp;
mod timer;
mod transaction;
mod user_agent;
mod wire;

pub use dialog::StoredDialog;
pub use digest::{Credentials, Password};
pub use driver::{Endpoint, EndpointConfig, IncomingCall, Leg};
pub use error::SipError;
pub use leg::{DialRequest, InviteName, LegEvent, LegEventKind, LegId, StaleDialog};
pub use timer::TimerSettings;
pub use user_agent::{Identity, Input, Offered, Output, UserAgent};
