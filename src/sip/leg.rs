//! One leg: what is asked of it, what it reports, and what the user agent remembers of it.
//!
//! Enters: a dial request or an incoming INVITE. Leaves: [`LegEvent`]s, of which the last closes the leg.

use super::dialog::{Dialog, StoredDialog};
use super::digest::AuthBook;
use super::timer::Alarms;
use crate::domain::timeline::{LocalTimeout, Q850Cause, SipStatus};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Names a leg inside one endpoint. Outgoing legs are even (chosen by the driver), incoming ones odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// A call to be made. The caller holds the permission to dial; the INVITE carries exactly this Call-ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialRequest {
    /// Where the INVITE goes: trunk or proxy.
    pub target: SocketAddr,
    /// User part of the Request-URI and of `To`.
    pub number: String,
    /// Host part of the Request-URI, of `To` and of `From`, with a port if it needs one.
    pub domain: String,
    /// The Call-ID, stored before the INVITE leaves.
    pub sip_call_id: String,
    /// The SDP offer.
    pub offer: String,
    /// From the first 18x on, how long it may ring.
    pub ring_limit: Duration,
    /// What the first INVITE is known by, if that was stored before; else it is made up.
    pub name: Option<InviteName>,
}

/// What an INVITE is known by: what a later process needs to CANCEL it. Made by
/// [`Endpoint::name_invite`](super::Endpoint::name_invite), so that it can be stored before the INVITE leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteName {
    /// Branch of its `Via`. The INVITE that answers a challenge has the same one with the next `CSeq` number in it.
    pub branch: String,
    /// Our tag.
    pub from_tag: String,
}

/// A dialog that an earlier process left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleDialog {
    /// Where its INVITE went.
    pub target: SocketAddr,
    /// The number dialled.
    pub number: String,
    /// The domain dialled.
    pub domain: String,
    /// Its Call-ID.
    pub sip_call_id: String,
    /// Our tag, of its [`InviteName`] or any [`LegEventKind::InviteSent`].
    pub from_tag: String,
    /// The branch of the last INVITE that is known of: of its [`InviteName`], or of the last
    /// [`LegEventKind::InviteSent`].
    pub branch: String,
    /// What [`LegEventKind::Answered`] gave; `None` if it was never answered.
    pub dialog: Option<StoredDialog>,
}

/// Something happened on a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegEvent {
    /// When: for received messages, when the datagram was received.
    pub at: Instant,
    /// What.
    pub kind: LegEventKind,
}

/// What may happen on a leg. After a closing event nothing more comes and the channel ends:
/// [`Self::Refused`], [`Self::TimedOut`] with `TimerB` or `CancelUnanswered`, [`Self::RemoteBye`],
/// [`Self::CancelledByRemote`], [`Self::Ended`], [`Self::TransportFailed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEventKind {
    /// The INVITE left. Comes again, after [`Self::Challenged`], with the branch of the INVITE that carries the
    /// credentials: still one attempt, and the branch to store is the last one.
    InviteSent {
        /// Its branch.
        branch: String,
        /// Our tag.
        from_tag: String,
    },
    /// A 401 or 407 is being answered with credentials.
    Challenged {
        /// 401 or 407.
        code: u16,
    },
    /// A provisional response; retransmitted ones are reported each time.
    Provisional {
        /// 100 to 199.
        status: SipStatus,
        /// Early media, if it carries a session description.
        sdp: Option<String>,
    },
    /// A 2xx; the ACK has left. May come after `cancel()`, when the two crossed: then BYE has left too.
    Answered {
        /// 200 to 299.
        status: SipStatus,
        /// The answer; `None` if it came with a provisional response alone.
        sdp: Option<String>,
        /// What a later process needs to end the dialog.
        dialog: StoredDialog,
    },
    /// A final refusal from the network; 3xx are not followed. Closing.
    Refused {
        /// 300 to 699.
        status: SipStatus,
        /// The cause of a `Reason` header.
        q850: Option<Q850Cause>,
    },
    /// A timer of ours ran out. After `RingLimit` and `TryingThenSilence` CANCEL is sent and a closing event follows.
    TimedOut(LocalTimeout),
    /// The far end hung up. Closing.
    RemoteBye {
        /// The cause of a `Reason` header.
        q850: Option<Q850Cause>,
    },
    /// A new session description of the far end (re-INVITE, UPDATE, or an answer in an ACK); answered already.
    Reoffer {
        /// The far end's description.
        sdp: String,
    },
    /// The caller gave up before we answered. Closing.
    CancelledByRemote,
    /// Our BYE, CANCEL or refusal is finished. Closing.
    Ended,
    /// Our side could not send, or the far end never acknowledged our answer. Closing.
    TransportFailed {
        /// What failed.
        what: String,
    },
}

impl LegEventKind {
    /// Whether nothing more can follow.
    pub fn closes(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::RemoteBye { .. }
            | Self::CancelledByRemote
            | Self::Ended
            | Self::TransportFailed { .. } => true,
            Self::TimedOut(timer) => {
                matches!(timer, LocalTimeout::TimerB | LocalTimeout::CancelUnanswered)
            }
            Self::InviteSent { .. }
            | Self::Challenged { .. }
            | Self::Provisional { .. }
            | Self::Answered { .. }
            | Self::Reoffer { .. } => false,
        }
    }
}

/// Whether the caller still wants the call while no response has come (CANCEL must wait, RFC 3261 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Ring,
    Cancel,
}

/// What a leg is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Our INVITE has no response yet.
    Calling { branch: String, wish: Wish },
    /// Our INVITE has a provisional response.
    Proceeding { branch: String },
    /// Our CANCEL is out for the INVITE of this branch.
    Cancelling { branch: String },
    /// Their INVITE waits for our answer; the key of its server transaction.
    Offered { server: String },
    /// The dialog is up. For an incoming leg the ACK may still be missing.
    Up,
    /// Our BYE waits for the ACK of our 2xx.
    Leaving { q850: Option<Q850Cause> },
    /// Our BYE is out, with this cause.
    Ending { q850: Option<Q850Cause> },
}

/// Where a leg comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// We dialled it.
    Dialled,
    /// It came in.
    Incoming,
    /// An earlier process dialled it.
    Stale,
}

/// A 2xx of ours that waits for its ACK.
#[derive(Debug, Clone)]
pub(crate) struct Unacknowledged {
    pub(crate) cseq: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) to: SocketAddr,
    pub(crate) interval: Duration,
    /// Whether the request had no offer, so that the ACK carries the far end's description.
    pub(crate) answer_in_ack: bool,
}

/// All that is known of a leg.
#[derive(Debug, Clone)]
pub(crate) struct LegState {
    pub(crate) id: LegId,
    pub(crate) origin: Origin,
    pub(crate) phase: Phase,
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    /// Where requests go that have no better address.
    pub(crate) target: SocketAddr,
    /// Number, domain and limits of a dialled leg.
    pub(crate) request: Option<DialRequest>,
    /// `CSeq` number of our last request outside of a dialog.
    pub(crate) cseq: u32,
    /// Branch of our last INVITE outside of a dialog.
    pub(crate) branch: String,
    pub(crate) dialog: Option<Dialog>,
    /// Early dialogs by the far end's tag.
    pub(crate) early: Vec<Dialog>,
    pub(crate) auth: AuthBook,
    pub(crate) alarms: Alarms,
    /// The session description we last sent.
    pub(crate) local_sdp: Option<String>,
    pub(crate) unacknowledged: Option<Unacknowledged>,
}

impl LegState {
    /// The confirmed or early dialog with this tag of the far end.
    pub(crate) fn dialog_with(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        let confirmed = self.dialog.as_mut().filter(|d| d.remote_tag == remote_tag);
        match confirmed {
            Some(dialog) => Some(dialog),
            None => self.early.iter_mut().find(|d| d.remote_tag == remote_tag),
        }
    }
}
