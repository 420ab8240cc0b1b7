//! Dialogs: tags, route set, remote target, `CSeq`. What is stored of one is enough to end it after a restart.
//!
//! Enters: the INVITE and the response that made the dialog. Leaves: where in-dialog requests go, and their head.
//! Source: RFC 3261 §12.

use super::address::{self, Address};
use super::message::{Message, header};
use rsip::Header;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What must survive a restart for BYE to be sent. URIs are raw text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredDialog {
    /// The far end's tag.
    pub remote_tag: String,
    /// The far end's Contact URI.
    pub contact: String,
    /// Route headers in the order they are sent.
    pub route_set: Vec<String>,
    /// `CSeq` number of our last request.
    pub cseq: u32,
}

/// A dialog, early or confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    /// Our `From` or `To` with its tag.
    pub(crate) local: String,
    pub(crate) local_tag: String,
    /// The far end's `To` or `From` with its tag.
    pub(crate) remote: String,
    pub(crate) remote_tag: String,
    pub(crate) remote_target: String,
    pub(crate) route_set: Vec<String>,
    pub(crate) local_cseq: u32,
    pub(crate) remote_cseq: Option<u32>,
    /// Where requests go if the next hop is a host name.
    pub(crate) fallback: SocketAddr,
}

impl Dialog {
    /// The dialog that a response to our INVITE makes; `None` without a tag in `To` (RFC 3261 §12.1.2).
    pub(crate) fn of_caller(
        invite: &Message,
        response: &Message,
        fallback: SocketAddr,
    ) -> Option<Self> {
        let mut route_set: Vec<String> =
            response.list("Record-Route").into_iter().map(str::to_owned).collect();
        route_set.reverse();
        Some(Self {
            call_id: invite.call_id().to_owned(),
            local: invite.value("From")?.to_owned(),
            local_tag: invite.tag_of_from()?.to_owned(),
            remote: response.value("To")?.to_owned(),
            remote_tag: response.tag_of_to()?.to_owned(),
            remote_target: response.contact().unwrap_or(invite.uri()).to_owned(),
            route_set,
            local_cseq: invite.cseq()?.0,
            remote_cseq: None,
            fallback,
        })
    }

    /// The dialog that an INVITE to us makes with our tag (RFC 3261 §12.1.1).
    pub(crate) fn of_callee(invite: &Message, local_tag: &str, source: SocketAddr) -> Option<Self> {
        let remote = invite.value("From")?;
        let remote_uri = Address::parse(remote)?.uri;
        Some(Self {
            call_id: invite.call_id().to_owned(),
            local: format!("{};tag={local_tag}", invite.value("To")?),
            local_tag: local_tag.to_owned(),
            remote: remote.to_owned(),
            remote_tag: invite.tag_of_from().unwrap_or("").to_owned(),
            remote_target: invite.contact().unwrap_or(remote_uri).to_owned(),
            route_set: invite.list("Record-Route").into_iter().map(str::to_owned).collect(),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()?.0),
            fallback: source,
        })
    }

    /// What is to be stored of it.
    pub(crate) fn stored(&self) -> StoredDialog {
        StoredDialog {
            remote_tag: self.remote_tag.clone(),
            contact: self.remote_target.clone(),
            route_set: self.route_set.clone(),
            cseq: self.local_cseq,
        }
    }

    /// Request-URI and `Route` values of a request in the dialog, and the address it is sent to.
    /// A first route without `lr` is a strict router: it becomes the Request-URI (RFC 3261 §12.2.1.1).
    pub(crate) fn path(&self) -> (String, Vec<String>, SocketAddr) {
        let first = self.route_set.first().and_then(|route| Address::parse(route));
        let Some(first) = first else {
            let to = address::socket(&self.remote_target).unwrap_or(self.fallback);
            return (self.remote_target.clone(), Vec::new(), to);
        };
        let to = address::socket(first.uri).unwrap_or(self.fallback);
        if address::param(address::uri_params(first.uri), "lr").is_some() {
            return (self.remote_target.clone(), self.route_set.clone(), to);
        }
        let mut routes = self.route_set[1..].to_vec();
        routes.push(format!("<{}>", self.remote_target));
        (first.uri.to_owned(), routes, to)
    }

    /// `Route`, `From`, `To`, `Call-ID` and `CSeq` of a request in the dialog.
    pub(crate) fn head(&self, routes: &[String], cseq: u32, method: &str) -> Vec<Header> {
        let mut headers: Vec<Header> = routes.iter().map(|r| header("Route", r.as_str())).collect();
        headers.push(header("From", self.local.as_str()));
        headers.push(header("To", self.remote.as_str()));
        headers.push(header("Call-ID", self.call_id.as_str()));
        headers.push(header("CSeq", format!("{cseq} {method}")));
        headers
    }
}
