//! Our view over the message model of `rsip`: header access that cannot panic, raw text that is never re-cased.
//!
//! Enters: a datagram, or the parts of a message we send. Leaves: a [`Message`] and its bytes.
//! The start line is ours, because the model drops reason phrases and rewrites URIs; the headers are `rsip`'s.

use super::address::{Address, elements, param};
use super::wire::{self, WireError};
use crate::domain::timeline::{Q850Cause, SipStatus};
use rsip::Header;
use rsip::headers::UntypedHeader;
use std::fmt::Write as _;

/// Makes the two directions between a header's name and its variant in the model.
macro_rules! header_table {
    ($($name:literal => $variant:ident),* $(,)?) => {
        /// A header of the model; a name it does not know is kept as written.
        pub(crate) fn header(name: &str, value: impl Into<String>) -> Header {
            $(if name.eq_ignore_ascii_case($name) {
                return Header::$variant(rsip::headers::$variant::new(value));
            })*
            Header::Other(name.to_owned(), value.into())
        }

        /// Name and value of a header of the model.
        fn parts(header: &Header) -> (&str, &str) {
            match header {
                $(Header::$variant(inner) => ($name, inner.value()),)*
                Header::Other(name, value) => (name, value),
            }
        }
    };
}

header_table! {
    "Via" => Via, "From" => From, "To" => To, "Call-ID" => CallId, "CSeq" => CSeq, "Contact" => Contact,
    "Record-Route" => RecordRoute, "Route" => Route, "Max-Forwards" => MaxForwards,
    "Content-Type" => ContentType, "Content-Length" => ContentLength, "Allow" => Allow,
    "Supported" => Supported, "Require" => Require, "Unsupported" => Unsupported,
    "WWW-Authenticate" => WwwAuthenticate, "Proxy-Authenticate" => ProxyAuthenticate,
    "Authorization" => Authorization, "Proxy-Authorization" => ProxyAuthorization,
    "User-Agent" => UserAgent, "Server" => Server, "Accept" => Accept, "Accept-Encoding" => AcceptEncoding,
    "Accept-Language" => AcceptLanguage, "Alert-Info" => AlertInfo,
    "Authentication-Info" => AuthenticationInfo, "Call-Info" => CallInfo,
    "Content-Disposition" => ContentDisposition, "Content-Encoding" => ContentEncoding,
    "Content-Language" => ContentLanguage, "Date" => Date, "Error-Info" => ErrorInfo, "Event" => Event,
    "Expires" => Expires, "In-Reply-To" => InReplyTo, "Mime-Version" => MimeVersion,
    "Min-Expires" => MinExpires, "Organization" => Organization, "Priority" => Priority,
    "Proxy-Require" => ProxyRequire, "Reply-To" => ReplyTo, "Retry-After" => RetryAfter,
    "Subject" => Subject, "Subscription-State" => SubscriptionState, "Timestamp" => Timestamp,
    "Warning" => Warning,
}

/// A request method: one the model knows, or an extension. Methods are case-sensitive (RFC 3261 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Method {
    /// One of the model's.
    Known(rsip::Method),
    /// Any other token.
    Extension(String),
}

impl Method {
    pub(crate) const INVITE: Self = Self::Known(rsip::Method::Invite);
    pub(crate) const ACK: Self = Self::Known(rsip::Method::Ack);
    pub(crate) const BYE: Self = Self::Known(rsip::Method::Bye);
    pub(crate) const CANCEL: Self = Self::Known(rsip::Method::Cancel);

    fn read(text: &str) -> Self {
        match text.parse::<rsip::Method>() {
            Ok(known) if known.to_string() == text => Self::Known(known),
            _ => Self::Extension(text.to_owned()),
        }
    }

    /// The method as it stands in a request line.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Known(known) => known.to_string(),
            Self::Extension(text) => text.clone(),
        }
    }
}

/// The first line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// A request: method and raw Request-URI.
    Request(Method, String),
    /// A response: code and raw reason phrase.
    Response(SipStatus),
}

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) start: Start,
    pub(crate) headers: rsip::Headers,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads a datagram. The second value is a flaw for which a request is to be refused with 400.
    ///
    /// # Errors
    /// [`WireError`] if there is nothing in it that could be answered.
    pub(crate) fn read(datagram: &[u8]) -> Result<(Self, Option<WireError>), WireError> {
        let plain = wire::read(datagram)?;
        let start = read_start(&plain.start)?;
        let headers: Vec<Header> = plain.headers.into_iter().map(|(n, v)| header(&n, v)).collect();
        let message = Self { start, headers: headers.into(), body: plain.body };
        let version = version_flaw(&plain.start);
        let flaw = version.or(plain.flaw).or_else(|| message.flaw());
        Ok((message, flaw))
    }

    /// A request of ours.
    pub(crate) fn request(method: Method, uri: &str, headers: Vec<Header>) -> Self {
        Self {
            start: Start::Request(method, uri.to_owned()),
            headers: headers.into(),
            body: Vec::new(),
        }
    }

    /// The same message with an SDP body.
    pub(crate) fn with_sdp(mut self, sdp: &str) -> Self {
        self.headers.push(header("Content-Type", "application/sdp"));
        self.body = sdp.as_bytes().to_vec();
        self
    }

    /// The bytes to send; `Content-Length` is put in here.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request(method, uri) => format!("{} {uri} SIP/2.0\r\n", method.text()),
            Start::Response(status) => format!("SIP/2.0 {} {}\r\n", status.code, status.phrase),
        };
        for one in self.headers.iter() {
            let (name, value) = parts(one);
            if !name.eq_ignore_ascii_case("Content-Length") {
                text.push_str(name);
                text.push_str(": ");
                text.push_str(value);
                text.push_str("\r\n");
            }
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = wire::encode(&text);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// What every message must have (RFC 3261 §8.1.1), and that `CSeq` agrees with the request line.
    fn flaw(&self) -> Option<WireError> {
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            if self.value(name).is_none_or(str::is_empty) {
                return Some(WireError::Header { name });
            }
        }
        for name in ["From", "To"] {
            if self.value(name).and_then(Address::parse).is_none() {
                return Some(WireError::Header { name });
            }
        }
        let Some((_, cseq_method)) = self.cseq() else {
            return Some(WireError::Header { name: "CSeq" });
        };
        match &self.start {
            Start::Request(method, _) if method.text() != cseq_method => {
                Some(WireError::MethodMismatch)
            }
            _ => None,
        }
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request(method, _) => Some(method),
            Start::Response(_) => None,
        }
    }

    /// The raw Request-URI; empty for a response.
    pub(crate) fn uri(&self) -> &str {
        match &self.start {
            Start::Request(_, uri) => uri,
            Start::Response(_) => "",
        }
    }

    /// The first value of a header.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().map(parts).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// All values of a header, one per line.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let named = move |h: &'a Header| {
            let (n, v) = parts(h);
            n.eq_ignore_ascii_case(name).then_some(v)
        };
        self.headers.iter().filter_map(named)
    }

    /// All elements of a comma-list header, over all its lines.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        self.values(name).flat_map(elements).collect()
    }

    /// `Call-ID`, or empty.
    pub(crate) fn call_id(&self) -> &str {
        self.value("Call-ID").unwrap_or("")
    }

    /// Number and method of `CSeq` (the number below 2^31, RFC 3261 §8.1.1.5).
    pub(crate) fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.value("CSeq")?.split_once([' ', '\t'])?;
        let number = number.parse().ok().filter(|n| *n < 1 << 31)?;
        let method = method.trim();
        (!method.is_empty()).then_some((number, method))
    }

    /// The `tag` of `From`.
    pub(crate) fn tag_of_from(&self) -> Option<&str> {
        Address::parse(self.value("From")?)?.tag()
    }

    /// The `tag` of `To`.
    pub(crate) fn tag_of_to(&self) -> Option<&str> {
        Address::parse(self.value("To")?)?.tag()
    }

    /// The topmost `Via` element.
    pub(crate) fn top_via(&self) -> Option<&str> {
        elements(self.value("Via")?).first().copied()
    }

    /// `branch` of the topmost `Via`.
    pub(crate) fn branch(&self) -> Option<&str> {
        param(self.top_via()?, "branch").filter(|b| !b.is_empty())
    }

    /// URI of the first `Contact`.
    pub(crate) fn contact(&self) -> Option<&str> {
        let first = elements(self.value("Contact")?).first().copied()?;
        Address::parse(first).map(|a| a.uri)
    }

    /// The session description in the body, also out of a multipart one.
    pub(crate) fn sdp(&self) -> Option<String> {
        if self.body.is_empty() {
            return None;
        }
        let kind = self.value("Content-Type").unwrap_or("application/sdp").to_ascii_lowercase();
        if kind.starts_with("application/sdp") {
            return Some(wire::decode_body(&self.body));
        }
        if kind.starts_with("multipart/") {
            let text = wire::decode_body(&self.body);
            let at = text.to_ascii_lowercase().find("application/sdp")?;
            let after = &text[at..];
            let body = after.find("\nv=").map(|n| &after[n + 1..])?;
            let end = body.find("\n--").unwrap_or(body.len());
            return Some(body[..end].to_owned());
        }
        None
    }

    /// The cause of ITU-T Q.850 in a `Reason` header (RFC 3326 §2).
    pub(crate) fn q850(&self) -> Option<Q850Cause> {
        self.list("Reason").into_iter().find_map(|reason| {
            let (protocol, params) = reason.split_once(';')?;
            protocol.trim().eq_ignore_ascii_case("Q.850").then_some(())?;
            param(params, "cause")?.parse().ok().map(Q850Cause)
        })
    }
}

/// A start line of another version of SIP, which a request is refused for with 505.
fn version_flaw(line: &str) -> Option<WireError> {
    let response = line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("SIP/"));
    let mut words = line.split(' ');
    let version = if response { words.next() } else { words.next_back() }?;
    let other = !version.eq_ignore_ascii_case("SIP/2.0");
    other.then(|| WireError::Version { version: version.chars().take(20).collect() })
}

fn read_start(line: &str) -> Result<Start, WireError> {
    let bad = || WireError::StartLine { line: line.chars().take(80).collect() };
    if line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("SIP/")) {
        let (_, rest) = line.split_once(' ').ok_or_else(bad)?;
        let (code, phrase) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
        let code: u16 = code.parse().map_err(|_| bad())?;
        if !(100..700).contains(&code) {
            return Err(bad());
        }
        return Ok(Start::Response(SipStatus { code, phrase: phrase.trim().to_owned() }));
    }
    let (method, rest) = line.split_once(' ').ok_or_else(bad)?;
    let (uri, version) = rest.rsplit_once(' ').ok_or_else(bad)?;
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    let uri = uri.trim();
    let usable =
        !uri.is_empty() && version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"));
    if method.is_empty() || !method.chars().all(token) || !usable {
        return Err(bad());
    }
    Ok(Start::Request(Method::read(method), uri.to_owned()))
}
