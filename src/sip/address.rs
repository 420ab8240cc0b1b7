//! Addresses as text: name-addr, URI parts, parameters, comma lists. Nothing is ever re-serialised.
//!
//! Enters: header values. Leaves: slices of them. Quoted strings and angle brackets are respected.

use std::net::{IpAddr, SocketAddr};

/// Port of SIP over UDP (RFC 3261 §19.1.2).
pub(crate) const DEFAULT_PORT: u16 = 5060;

/// A `From`, `To`, `Contact` or `Route` value taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// The URI, without brackets.
    pub(crate) uri: &'a str,
    /// Header parameters after it, with their leading `;`, or empty.
    pub(crate) params: &'a str,
}

impl<'a> Address<'a> {
    /// Takes a value apart; `None` if a bracket is not closed or the URI is empty.
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let address = if let Some(open) = find_outside_quotes(value, '<') {
            let close = open + value[open..].find('>')?;
            Self { uri: value[open + 1..close].trim(), params: value[close + 1..].trim() }
        } else {
            let end = value.find(';').unwrap_or(value.len());
            Self { uri: value[..end].trim(), params: value[end..].trim() }
        };
        (!address.uri.is_empty()).then_some(address)
    }

    /// The `tag` parameter.
    pub(crate) fn tag(&self) -> Option<&'a str> {
        param(self.params, "tag").filter(|tag| !tag.is_empty())
    }
}

/// Value of a `;name=value` parameter, empty for a bare `;name`. Quotes around a value are kept.
pub(crate) fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    split_outside(params, ';').into_iter().find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Elements of a comma list, trimmed, empty ones left out.
pub(crate) fn elements(value: &str) -> Vec<&str> {
    split_outside(value, ',').into_iter().map(str::trim).filter(|e| !e.is_empty()).collect()
}

/// Splits at `mark`, except inside quoted strings and angle brackets.
pub(crate) fn split_outside(value: &str, mark: char) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            c if c == mark && !quoted && !angle => {
                parts.push(&value[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&value[from..]);
    parts
}

fn find_outside_quotes(value: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == wanted && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The scheme of a URI, as written.
pub(crate) fn scheme(uri: &str) -> &str {
    uri.split_once(':').map_or("", |(scheme, _)| scheme)
}

/// The user part of a URI; the whole number of a `tel:` URI; empty if there is none.
pub(crate) fn user(uri: &str) -> &str {
    let after = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    if scheme(uri).eq_ignore_ascii_case("tel") {
        return after.split(';').next().unwrap_or(after);
    }
    match after.rsplit_once('@') {
        Some((userinfo, _)) => userinfo.split([':', ';']).next().unwrap_or(userinfo),
        None => "",
    }
}

/// Host, port and URI parameters of a SIP URI.
fn host_part(uri: &str) -> &str {
    let after = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    after.rsplit_once('@').map_or(after, |(_, host)| host)
}

/// The parameters of a SIP URI with their leading `;`, or empty.
pub(crate) fn uri_params(uri: &str) -> &str {
    let host = host_part(uri);
    host.find(';').map_or("", |at| &host[at..])
}

/// Where a URI points, if its host is an IP literal. The port defaults to 5060.
pub(crate) fn socket(uri: &str) -> Option<SocketAddr> {
    if !matches!(scheme(uri).to_ascii_lowercase().as_str(), "sip" | "sips") {
        return None;
    }
    let host = host_part(uri);
    let end = host.find([';', '?']).unwrap_or(host.len());
    let maddr = param(uri_params(uri), "maddr").and_then(|m| m.parse::<IpAddr>().ok());
    let direct = host_port(&host[..end]);
    match (direct, maddr) {
        (Some(direct), Some(ip)) => Some(SocketAddr::new(ip, direct.port())),
        (direct, _) => direct,
    }
}

/// `1.2.3.4`, `1.2.3.4:5060`, `[::1]:5060`; `None` for names and nonsense.
pub(crate) fn host_port(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Ok(full) = text.parse::<SocketAddr>() {
        return Some(full);
    }
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DEFAULT_PORT))
}
