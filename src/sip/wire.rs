//! The normaliser in front of the message model: what trunks really send becomes what a parser expects.
//!
//! Enters: one datagram. Leaves: a [`Plain`] message (start line, unfolded headers with full names, framed body)
//! or a [`WireError`]. Bytes that are not UTF-8 survive: [`decode`] and [`encode`] are each other's inverse.

/// Longest message that is read, in bytes: the largest UDP payload.
pub(crate) const MAX_MESSAGE: usize = 65_535;
/// Most header lines that are read.
pub(crate) const MAX_HEADERS: usize = 256;

/// First character of the private block that stands for the bytes 0x80 to 0xFF of a line that is not UTF-8.
const RAW_BASE: u32 = 0xF780;

/// Why a datagram is no usable message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// Only line ends: a keep-alive (RFC 5626 §3.5.1).
    #[error("a keep-alive without a message")]
    KeepAlive,
    /// Larger than [`MAX_MESSAGE`].
    #[error("a message of {bytes} bytes is larger than {MAX_MESSAGE}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// More than [`MAX_HEADERS`].
    #[error("more than {MAX_HEADERS} header lines")]
    TooManyHeaders,
    /// Neither a request line nor a status line.
    #[error("`{line}` is neither a request line nor a status line")]
    StartLine {
        /// The line.
        line: String,
    },
    /// A header line without a colon or without a name.
    #[error("header line `{line}` has no name before a colon")]
    HeaderLine {
        /// The line.
        line: String,
    },
    /// A length that is not a number, or two that differ.
    #[error("Content-Length `{value}` is not a length")]
    ContentLength {
        /// What stands there.
        value: String,
    },
    /// The body is shorter than declared (RFC 3261 §18.3).
    #[error("Content-Length is {declared} but only {present} bytes follow")]
    Truncated {
        /// What the header says.
        declared: usize,
        /// What is there.
        present: usize,
    },
    /// A header that every message must have is missing or cannot be read (RFC 3261 §8.1.1).
    #[error("header `{name}` is missing or unreadable")]
    Header {
        /// Its name.
        name: &'static str,
    },
    /// Another version than 2.0.
    #[error("only SIP/2.0 is spoken, not `{version}`")]
    Version {
        /// What stands there.
        version: String,
    },
    /// The method of `CSeq` is not that of the request line (RFC 3261 §8.1.1.5).
    #[error("the CSeq method differs from the request's method")]
    MethodMismatch,
}

/// A message in plain form: names in full, values unfolded and trimmed, body framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Request line or status line; a status line always has its second space.
    pub(crate) start: String,
    /// Header names and values in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// A flaw that a request is to be refused for with 400, though it can be answered.
    pub(crate) flaw: Option<WireError>,
}

/// Reads one datagram.
///
/// # Errors
/// [`WireError`] if it is too large, empty, or has no start line; other flaws are left in [`Plain::flaw`].
pub(crate) fn read(datagram: &[u8]) -> Result<Plain, WireError> {
    if datagram.len() > MAX_MESSAGE {
        return Err(WireError::TooLarge { bytes: datagram.len() });
    }
    let skip = datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count();
    let mut rest = &datagram[skip..];
    if rest.is_empty() {
        return Err(WireError::KeepAlive);
    }
    let mut flaw = None;
    let start = start_line(&decode(take_line(&mut rest)))?;
    let mut headers: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let line = take_line(&mut rest);
        if line.is_empty() {
            break;
        }
        let text = decode(line);
        if text.starts_with([' ', '\t']) {
            unfold(&mut headers, &text, &mut flaw);
            continue;
        }
        if headers.len() == MAX_HEADERS {
            return Err(WireError::TooManyHeaders);
        }
        match text.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => {
                headers.push((full_name(name.trim()), value.trim().to_owned()));
            }
            _ => {
                let line = text.chars().take(80).collect();
                flaw = flaw.or(Some(WireError::HeaderLine { line }));
            }
        }
    }
    for (name, value) in &mut headers {
        if name.eq_ignore_ascii_case("Via") {
            *value = tidy_via(value);
        }
    }
    let body = match frame(&headers, rest) {
        Ok(body) => body.to_vec(),
        Err(error) => {
            flaw = flaw.or(Some(error));
            rest.to_vec()
        }
    };
    Ok(Plain { start, headers, body, flaw })
}

/// Cuts the next line off `rest`, without its line end. CRLF and LF both end a line.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    let line = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or(&[]);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn start_line(line: &str) -> Result<String, WireError> {
    let bad = || WireError::StartLine { line: line.chars().take(80).collect() };
    let mut line = line.trim().to_owned();
    let head = line.get(..4).unwrap_or("");
    if head.eq_ignore_ascii_case("SIP/") {
        let (_, after) = line.split_once(' ').ok_or_else(bad)?;
        if !after.trim_start().contains(' ') {
            line.push(' ');
        }
        return Ok(line);
    }
    let version = line.rsplit(' ').next().unwrap_or("");
    let is_request = version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"));
    if is_request && line.split(' ').count() >= 3 { Ok(line) } else { Err(bad()) }
}

fn unfold(headers: &mut [(String, String)], text: &str, flaw: &mut Option<WireError>) {
    if let Some((_, value)) = headers.last_mut() {
        let more = text.trim();
        if !more.is_empty() {
            value.push(' ');
            value.push_str(more);
        }
    } else if !text.trim().is_empty() {
        *flaw = flaw.take().or(Some(WireError::HeaderLine { line: text.to_owned() }));
    }
}

/// The full name of a compact one (RFC 3261 §7.3.3 and the IANA registry of header fields).
fn full_name(name: &str) -> String {
    let full = match name {
        "a" | "A" => "Accept-Contact",
        "b" | "B" => "Referred-By",
        "c" | "C" => "Content-Type",
        "d" | "D" => "Request-Disposition",
        "e" | "E" => "Content-Encoding",
        "f" | "F" => "From",
        "i" | "I" => "Call-ID",
        "j" | "J" => "Reject-Contact",
        "k" | "K" => "Supported",
        "l" | "L" => "Content-Length",
        "m" | "M" => "Contact",
        "n" | "N" => "Identity-Info",
        "o" | "O" => "Event",
        "r" | "R" => "Refer-To",
        "s" | "S" => "Subject",
        "t" | "T" => "To",
        "u" | "U" => "Allow-Events",
        "v" | "V" => "Via",
        "x" | "X" => "Session-Expires",
        "y" | "Y" => "Identity",
        other => other,
    };
    full.to_owned()
}

/// `SIP / 2.0 / UDP host` becomes `SIP/2.0/UDP host`; the rest of the value stays as it is.
fn tidy_via(value: &str) -> String {
    let mut slashes = value.match_indices('/').map(|(at, _)| at);
    let (Some(_), Some(second)) = (slashes.next(), slashes.next()) else {
        return value.to_owned();
    };
    let after = value[second + 1..].trim_start();
    let protocol: String = value[..second].chars().filter(|c| !c.is_whitespace()).collect();
    let (transport, rest) = after.split_once([' ', '\t']).unwrap_or((after, ""));
    format!("{protocol}/{transport} {}", rest.trim_start())
}

fn frame<'a>(headers: &[(String, String)], rest: &'a [u8]) -> Result<&'a [u8], WireError> {
    let mut declared: Option<usize> = None;
    for (_, value) in headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("Content-Length")) {
        let bad = || WireError::ContentLength { value: value.chars().take(20).collect() };
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let length = value.parse().map_err(|_| bad())?;
        if declared.is_some_and(|d| d != length) {
            return Err(bad());
        }
        declared = Some(length);
    }
    match declared {
        None => Ok(rest),
        Some(length) => {
            rest.get(..length).ok_or(WireError::Truncated { declared: length, present: rest.len() })
        }
    }
}

/// Text of a line. A line that is not UTF-8 has its upper bytes put in a private block of Unicode, so that
/// [`encode`] gives the same bytes back. A bare CR and NUL become spaces.
pub(crate) fn decode(line: &[u8]) -> String {
    let text = match std::str::from_utf8(line) {
        Ok(text) if !text.chars().any(is_raw) => text.to_owned(),
        _ => line.iter().map(|&b| raw_char(b)).collect(),
    };
    text.chars().map(|c| if matches!(c, '\r' | '\0') { ' ' } else { c }).collect()
}

/// The bytes of a text that [`decode`] made.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        if is_raw(c) {
            bytes.push((c as u32 - RAW_BASE) as u8 + 0x80);
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
    bytes
}

fn raw_char(byte: u8) -> char {
    if byte < 0x80 {
        return char::from(byte);
    }
    char::from_u32(RAW_BASE + u32::from(byte) - 0x80).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn is_raw(c: char) -> bool {
    (RAW_BASE..RAW_BASE + 0x80).contains(&(c as u32))
}

/// Text of a body: line ends stay, NULs go, bytes that are not UTF-8 are kept as in [`decode`].
pub(crate) fn decode_body(body: &[u8]) -> String {
    let lines = body.split_inclusive(|&b| b == b'\n');
    lines
        .map(|line| match line.strip_suffix(b"\n") {
            Some(text) => format!("{}\r\n", decode(text.strip_suffix(b"\r").unwrap_or(text))),
            None => decode(line),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Plain {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn compact_folded_spaced_and_lf_only_headers_become_plain() {
        let read = plain(
            "\r\n\r\nSIP/2.0 200\nv: SIP / 2.0 / UDP 10.0.0.1 ;branch=z9\nf : <sip:a@b>\n ;tag=1\nl: 0\n\n",
        );
        assert_eq!(read.start, "SIP/2.0 200 ");
        let expected = [
            ("Via", "SIP/2.0/UDP 10.0.0.1 ;branch=z9"),
            ("From", "<sip:a@b> ;tag=1"),
            ("Content-Length", "0"),
        ];
        let found: Vec<_> = read.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(read.flaw, None);
    }

    #[test]
    fn a_body_is_framed_by_content_length_or_goes_to_the_end() {
        let head = "BYE sip:a@b SIP/2.0\r\n";
        assert_eq!(plain(&format!("{head}\r\nrest")).body, b"rest");
        assert_eq!(plain(&format!("{head}l: 2\r\n\r\nrest")).body, b"re");
        let short = plain(&format!("{head}l: 9\r\n\r\nrest"));
        assert_eq!(short.flaw, Some(WireError::Truncated { declared: 9, present: 4 }));
        for bad in ["-1", "999999999999999999999999", "4 4", ""] {
            let read = plain(&format!("{head}l: {bad}\r\n\r\nrest"));
            assert!(matches!(read.flaw, Some(WireError::ContentLength { .. })), "{bad}");
        }
    }

    #[test]
    fn limits_are_held_on_both_sides() {
        assert_eq!(
            read(&vec![b'a'; MAX_MESSAGE + 1]),
            Err(WireError::TooLarge { bytes: MAX_MESSAGE + 1 })
        );
        let lines = |n: usize| format!("BYE sip:a@b SIP/2.0\r\n{}\r\n", "A: 1\r\n".repeat(n));
        assert_eq!(plain(&lines(MAX_HEADERS)).headers.len(), MAX_HEADERS);
        assert_eq!(read(lines(MAX_HEADERS + 1).as_bytes()), Err(WireError::TooManyHeaders));
        assert_eq!(read(b"\r\n\r\n"), Err(WireError::KeepAlive));
    }

    #[test]
    fn euc_kr_bytes_survive_and_leave_as_they_came() {
        let name = [b'"', 0xb0, 0xed, 0xb0, 0xb4, b'"'];
        let text = decode(&name);
        assert_eq!(text.chars().count(), 6);
        assert_eq!(encode(&text), name);
        assert_eq!(encode(&decode("\"고객\"".as_bytes())), "\"고객\"".as_bytes());
    }

    proptest! {
        #[test]
        fn decode_and_encode_are_inverse(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let tidy: Vec<u8> =
                line.into_iter().map(|b| if matches!(b, b'\r' | 0) { b' ' } else { b }).collect();
            prop_assert_eq!(encode(&decode(&tidy)), tidy);
        }
    }
}
