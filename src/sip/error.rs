//! What can go wrong on our own side of SIP. A failed call is no error: it is a [`super::LegEventKind`].

use std::net::SocketAddr;

/// A failure of ours: the socket, the settings, or a request that must not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// The port is taken or the address is not ours.
    #[error(
        "cannot listen for SIP on `{bind}`: {why}; choose a free port or an address of this host"
    )]
    Bind {
        /// What was asked for.
        bind: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// A text that would break the message it is put in.
    #[error("{what} `{value}` cannot stand in a SIP message; {remedy}")]
    BadText {
        /// Which text.
        what: &'static str,
        /// The text.
        value: String,
        /// How to mend it.
        remedy: &'static str,
    },
    /// The Call-ID belongs to a call that this endpoint knows: an INVITE is never repeated.
    #[error(
        "Call-ID `{call_id}` was dialled already; a re-dial is a new attempt with a new Call-ID"
    )]
    AlreadyDialled {
        /// The Call-ID.
        call_id: String,
    },
    /// The offer is larger than a datagram carries.
    #[error("an INVITE of {bytes} bytes does not fit in a datagram of 65507; shorten the offer")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The endpoint was shut down.
    #[error("the SIP endpoint is shut down; bind a new one")]
    Closed,
    /// The far end did not confirm that a dialog of an earlier process is over.
    #[error(
        "`{peer}` did not confirm the end of call `{call_id}`: {why}; it may still be up, check the trunk"
    )]
    StaleUnanswered {
        /// Whom we asked.
        peer: SocketAddr,
        /// The call.
        call_id: String,
        /// What was seen.
        why: String,
    },
}
