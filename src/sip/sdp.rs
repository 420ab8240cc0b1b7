//! Session descriptions: a reader that takes what trunks really send, and builders of audio offers and answers.
//!
//! Enters: SDP text. Leaves: [`SessionDescription`], [`AudioTarget`], and text that a strict reader takes.
//! Source: RFC 8866 (format), RFC 3264 (offer and answer), RFC 3551 (static payload types), RFC 4733.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Payload type that our offers give to telephone events.
pub const TELEPHONE_EVENT: u8 = 101;
/// Packet time of RFC 3551 §4.2 and of every offer of ours.
const DEFAULT_PTIME: Duration = Duration::from_millis(20);
/// Longest description that is read, in bytes.
const MAX_TEXT: usize = 65_535;
/// Most media lines that are read.
const MAX_MEDIA: usize = 32;

/// An audio codec of a trunk: ITU-T G.711, 8 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// A-law, payload type 8.
    Pcma,
    /// µ-law, payload type 0.
    Pcmu,
}

impl Codec {
    /// Its static payload type (RFC 3551 §6).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// Its encoding name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Pcma, Self::Pcmu].into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }

    fn of_static(payload_type: u8) -> Option<Self> {
        [Self::Pcma, Self::Pcmu].into_iter().find(|c| c.payload_type() == payload_type)
    }
}

/// Which way media flows, from the side of whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only away from the writer.
    SendOnly,
    /// Only to the writer.
    RecvOnly,
    /// Not at all.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same flow from the other side (RFC 3264 §6.1).
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|d| d.name() == name)
    }
}

/// A connection address: literal or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A host name; this room does not resolve names.
    Name(String),
}

/// One media line and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image` …
    pub kind: String,
    /// 0 means refused or switched off.
    pub port: u16,
    /// `RTP/AVP`, `udptl` …
    pub protocol: String,
    /// Payload types or other formats, as written, in order of preference.
    pub formats: Vec<String>,
    /// Its own address, if it has one.
    pub connection: Option<Host>,
    /// Payload type, encoding name, clock rate.
    pub maps: Vec<(u8, String, u32)>,
    /// Packet time.
    pub ptime: Option<Duration>,
    /// Its own direction, if it has one.
    pub direction: Option<Direction>,
}

/// A session description as far as an audio call needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionDescription {
    /// Session identifier of `o=`, if it is a number.
    pub session_id: Option<u64>,
    /// Version of `o=`, if it is a number.
    pub version: Option<u64>,
    /// The address of all media that have none of their own.
    pub connection: Option<Host>,
    /// The direction of all media that have none of their own.
    pub direction: Option<Direction>,
    /// The media lines.
    pub media: Vec<Media>,
}

/// Where our audio goes and how it is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioTarget {
    /// Where the far end receives RTP. Unspecified (0.0.0.0) while it holds us in the old way (RFC 3264 §8.4).
    pub addr: SocketAddr,
    /// Payload type of the codec.
    pub codec_payload: u8,
    /// The codec.
    pub codec: Codec,
    /// Payload type of telephone events, if the far end takes them.
    pub telephone_event: Option<u8>,
    /// Packet time that the far end wants.
    pub ptime: Duration,
    /// Which way media flows, from our side.
    pub direction: Direction,
}

/// Why a description cannot be used for a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Nothing of it is SDP.
    #[error("the body is no session description: it has no `v=`, `m=` or `c=` line")]
    NotSdp,
    /// Larger than any datagram.
    #[error("a session description of {0} bytes is longer than 65535")]
    TooLong(usize),
    /// No audio line with a port.
    #[error("the session description offers no audio (no `m=audio` line with a port)")]
    NoAudio,
    /// Audio by another transport than plain RTP.
    #[error("audio is described as `{0}`; only RTP/AVP and RTP/AVPF are spoken, switch SRTP off")]
    Protocol(String),
    /// Neither the media line nor the session has an address.
    #[error("the session description has no `c=` address for its audio")]
    NoAddress,
    /// The address is a name.
    #[error("the media address `{0}` is a host name; have the trunk write an IP address in `c=`")]
    HostName(String),
    /// No codec in common.
    #[error(
        "no codec in common: the far end lists `{0}`; enable G.711 (PCMA or PCMU) on the trunk"
    )]
    NoCodec(String),
}

impl SessionDescription {
    /// Reads a description. Lines may end in LF, lack `s=` or `t=`, come out of order or be unknown.
    ///
    /// # Errors
    /// [`SdpError::NotSdp`], [`SdpError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_TEXT {
            return Err(SdpError::TooLong(text.len()));
        }
        let mut description = Self::default();
        let mut known = 0;
        for line in text.split(['\r', '\n', '\0']).map(str::trim) {
            let Some((kind, value)) = line.split_once('=') else { continue };
            known += usize::from(matches!(kind, "v" | "m" | "c"));
            description.line(kind.trim(), value.trim());
        }
        if known == 0 { Err(SdpError::NotSdp) } else { Ok(description) }
    }

    fn line(&mut self, kind: &str, value: &str) {
        match kind {
            "o" => {
                // The user name may hold spaces: the numbers are counted from the end.
                let mut words = value.rsplit(' ').filter(|w| !w.is_empty()).skip(3);
                self.version = words.next().and_then(|w| w.parse().ok());
                self.session_id = words.next().and_then(|w| w.parse().ok());
            }
            "c" => {
                let host = read_host(value);
                match self.media.last_mut() {
                    Some(media) => media.connection = host,
                    None => self.connection = host,
                }
            }
            "m" if self.media.len() < MAX_MEDIA => self.media.extend(read_media(value)),
            "a" => self.attribute(value),
            _ => {}
        }
    }

    fn attribute(&mut self, value: &str) {
        let (name, rest) = value.split_once(':').unwrap_or((value, ""));
        if let Some(direction) = Direction::of_name(name.trim()) {
            match self.media.last_mut() {
                Some(media) => media.direction = Some(direction),
                None => self.direction = Some(direction),
            }
        }
        let Some(media) = self.media.last_mut() else { return };
        match name {
            "rtpmap" => media.maps.extend(read_map(rest)),
            "ptime" => {
                let millis =
                    rest.trim().parse::<f64>().ok().filter(|ms| (1.0..=200.0).contains(ms));
                media.ptime = millis.map(|ms| Duration::from_micros((ms * 1000.0) as u64));
            }
            _ => {}
        }
    }

    /// Where our audio goes: the first codec of the far end's first usable audio line that is among `ours`.
    ///
    /// # Errors
    /// [`SdpError`] that says what is missing.
    pub fn audio_target(&self, ours: &[Codec]) -> Result<AudioTarget, SdpError> {
        let media = self.audio().ok_or(SdpError::NoAudio)?;
        self.target_of(media, ours)
    }

    fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|m| m.kind.eq_ignore_ascii_case("audio") && m.port != 0)
    }

    fn target_of(&self, media: &Media, ours: &[Codec]) -> Result<AudioTarget, SdpError> {
        if !matches!(media.protocol.to_ascii_uppercase().as_str(), "RTP/AVP" | "RTP/AVPF") {
            return Err(SdpError::Protocol(media.protocol.clone()));
        }
        let ip = match media.connection.as_ref().or(self.connection.as_ref()) {
            Some(Host::Ip(ip)) => *ip,
            Some(Host::Name(name)) => return Err(SdpError::HostName(name.clone())),
            None => return Err(SdpError::NoAddress),
        };
        let (codec_payload, codec) = media
            .codecs()
            .into_iter()
            .find(|(_, codec)| ours.contains(codec))
            .ok_or_else(|| SdpError::NoCodec(media.formats.join(" ")))?;
        let written = media.direction.or(self.direction).unwrap_or(Direction::SendRecv);
        let direction = match written.mirrored() {
            Direction::SendRecv | Direction::RecvOnly if ip.is_unspecified() => Direction::RecvOnly,
            _ if ip.is_unspecified() => Direction::Inactive,
            other => other,
        };
        Ok(AudioTarget {
            addr: SocketAddr::new(ip, media.port),
            codec_payload,
            codec,
            telephone_event: media.telephone_event(),
            ptime: media.ptime.unwrap_or(DEFAULT_PTIME),
            direction,
        })
    }
}

impl Media {
    /// Payload types and codecs we know, in the writer's order.
    fn codecs(&self) -> Vec<(u8, Codec)> {
        let payload_types = self.formats.iter().filter_map(|f| f.parse::<u8>().ok());
        payload_types
            .filter_map(|pt| {
                let mapped = self.maps.iter().find(|(number, ..)| *number == pt);
                let codec = match mapped {
                    Some((_, name, 8000)) => Codec::of_name(name),
                    Some(_) => None,
                    None => Codec::of_static(pt),
                };
                codec.map(|codec| (pt, codec))
            })
            .collect()
    }

    fn telephone_event(&self) -> Option<u8> {
        let event = |(number, name, rate): &&(u8, String, u32)| {
            name.eq_ignore_ascii_case("telephone-event")
                && *rate == 8000
                && self.formats.iter().any(|f| f.parse() == Ok(*number))
        };
        self.maps.iter().find(event).map(|(number, ..)| *number)
    }
}

fn read_host(value: &str) -> Option<Host> {
    let address = value.split_ascii_whitespace().nth(2)?;
    let address = address.split('/').next().unwrap_or(address);
    Some(address.parse().map_or_else(|_| Host::Name(address.to_owned()), Host::Ip))
}

fn read_media(value: &str) -> Option<Media> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next()?.to_owned();
    let port = words.next()?;
    let port = port.split('/').next().unwrap_or(port).parse().unwrap_or(0);
    let protocol = words.next().unwrap_or("").to_owned();
    let formats = words.map(str::to_owned).collect();
    Some(Media {
        kind,
        port,
        protocol,
        formats,
        connection: None,
        maps: Vec::new(),
        ptime: None,
        direction: None,
    })
}

fn read_map(rest: &str) -> Option<(u8, String, u32)> {
    let (number, encoding) = rest.trim().split_once([' ', '\t'])?;
    let mut parts = encoding.trim().split('/');
    let name = parts.next()?.trim().to_owned();
    let rate = parts.next().and_then(|r| r.trim().parse().ok()).unwrap_or(8000);
    Some((number.parse().ok()?, name, rate))
}

/// An offer of audio in both directions: `codecs` in order of preference, telephone events, 20 ms packets.
pub fn audio_offer(ip: IpAddr, port: u16, codecs: &[Codec]) -> String {
    let mut text = head(ip, u64::from(port), 1);
    let formats: Vec<(u8, Codec)> = codecs.iter().map(|c| (c.payload_type(), *c)).collect();
    audio_lines(&mut text, port, &formats, Some(TELEPHONE_EVENT), Direction::SendRecv);
    text
}

/// Our answer to an offer: its first codec that is among `ours`, its telephone events, its direction mirrored;
/// every other media line is refused with port 0 (RFC 3264 §6).
///
/// # Errors
/// [`SdpError`] if the offer has no audio that we can take; refuse the call with 488.
pub fn audio_answer(
    offer: &SessionDescription,
    ip: IpAddr,
    port: u16,
    ours: &[Codec],
) -> Result<String, SdpError> {
    answer(offer, ip, port, ours, u64::from(port), 1)
}

/// Our answer to a new offer inside a call, on the port and with the codecs of `current`, the description we sent last.
///
/// # Errors
/// [`SdpError`] as for [`audio_answer`].
pub fn answer_again(current: &str, offer: &SessionDescription) -> Result<String, SdpError> {
    let current = SessionDescription::parse(current)?;
    let media = current.audio().ok_or(SdpError::NoAudio)?;
    let ip = match media.connection.as_ref().or(current.connection.as_ref()) {
        Some(Host::Ip(ip)) => *ip,
        Some(Host::Name(name)) => return Err(SdpError::HostName(name.clone())),
        None => return Err(SdpError::NoAddress),
    };
    let ours: Vec<Codec> = media.codecs().into_iter().map(|(_, codec)| codec).collect();
    let id = current.session_id.unwrap_or_else(|| u64::from(media.port));
    let version = current.version.unwrap_or(0).saturating_add(1);
    answer(offer, ip, media.port, &ours, id, version)
}

fn answer(
    offer: &SessionDescription,
    ip: IpAddr,
    port: u16,
    ours: &[Codec],
    id: u64,
    version: u64,
) -> Result<String, SdpError> {
    let chosen = offer.audio().ok_or(SdpError::NoAudio)?;
    let target = offer.target_of(chosen, ours)?;
    let mut text = head(ip, id, version);
    for media in &offer.media {
        if std::ptr::eq(media, chosen) {
            let format = [(target.codec_payload, target.codec)];
            audio_lines(&mut text, port, &format, target.telephone_event, target.direction);
        } else {
            let formats = if media.formats.is_empty() { "0" } else { &media.formats.join(" ") };
            let _ = write!(text, "m={} 0 {} {formats}\r\n", media.kind, media.protocol);
        }
    }
    Ok(text)
}

fn head(ip: IpAddr, id: u64, version: u64) -> String {
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!("v=0\r\no=- {id} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n")
}

fn audio_lines(
    text: &mut String,
    port: u16,
    formats: &[(u8, Codec)],
    telephone_event: Option<u8>,
    direction: Direction,
) {
    let mut numbers: Vec<String> = formats.iter().map(|(pt, _)| pt.to_string()).collect();
    numbers.extend(telephone_event.map(|pt| pt.to_string()));
    let _ = write!(text, "m=audio {port} RTP/AVP {}\r\n", numbers.join(" "));
    for (pt, codec) in formats {
        let _ = write!(text, "a=rtpmap:{pt} {}/8000\r\n", codec.name());
    }
    if let Some(pt) = telephone_event {
        let _ = write!(text, "a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n");
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", direction.name());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

    fn ip() -> IpAddr {
        "10.0.0.9".parse().unwrap()
    }

    fn target(text: &str) -> Result<AudioTarget, SdpError> {
        SessionDescription::parse(text).unwrap().audio_target(&BOTH)
    }

    #[test]
    fn an_offer_of_ours_reads_back() {
        let found = target(&audio_offer(ip(), 4000, &BOTH)).unwrap();
        assert_eq!(found.addr.to_string(), "10.0.0.9:4000");
        assert_eq!((found.codec, found.codec_payload), (Codec::Pcma, 8));
        assert_eq!(found.telephone_event, Some(TELEPHONE_EVENT));
        assert_eq!(found.ptime, Duration::from_millis(20));
        assert_eq!(found.direction, Direction::SendRecv);
    }

    #[test]
    fn trunk_forms_that_strict_readers_refuse_are_read() {
        let audio = "m=audio 4000 RTP/AVP 0\r\n";
        let c = "c=IN IP4 10.1.1.1\r\n";
        for text in [
            format!("v=0\r\n{c}{audio}"),
            format!("v=0\no=a b - 99999999999999999999999 IN IP4 x\n{c}{audio}").replace('\r', ""),
            format!("v=0\r\nb=AS:64\r\n{c}a=x\r\nt=0 0\r\n{audio}q=what\r\n\0"),
            format!("v=0\r\ns=\r\nm=audio 4000/2 RTP/AVP 0 13\r\n{c}a=ptime:20\r\n"),
            format!("v=0\r\n{c}m=image 5000 udptl t38\r\nm=video 0 UDP/BFCP *\r\n{audio}"),
            format!("v=0\r\nc=IN IP4 10.1.1.1/127\r\n{audio}a=rtpmap:0 pcmu/8000/1\r\n"),
        ] {
            let found = target(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(found.addr.to_string(), "10.1.1.1:4000");
            assert_eq!(found.codec, Codec::Pcmu);
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let c = "c=IN IP4 10.1.1.1\r\n";
        let cases = [
            (format!("v=0\r\n{c}m=audio 0 RTP/AVP 0\r\n"), SdpError::NoAudio),
            ("v=0\r\nm=audio 4000 RTP/AVP 0\r\n".to_owned(), SdpError::NoAddress),
            (
                format!("v=0\r\n{c}m=audio 4000 RTP/SAVP 0\r\n"),
                SdpError::Protocol("RTP/SAVP".into()),
            ),
            (format!("v=0\r\n{c}m=audio 4000 RTP/AVP 18 9\r\n"), SdpError::NoCodec("18 9".into())),
            (
                "v=0\r\nc=IN IP4 sbc.example\r\nm=audio 4000 RTP/AVP 0\r\n".to_owned(),
                SdpError::HostName("sbc.example".into()),
            ),
        ];
        for (text, error) in cases {
            assert_eq!(target(&text), Err(error), "{text}");
        }
        assert_eq!(SessionDescription::parse("hello"), Err(SdpError::NotSdp));
    }

    #[test]
    fn an_answer_keeps_the_offers_numbers_and_refuses_other_media() {
        let offer = "v=0\r\nc=IN IP4 10.1.1.1\r\nm=video 6000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 18 0 8 97\r\n\
            a=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n";
        let offer = SessionDescription::parse(offer).unwrap();
        let text = audio_answer(&offer, ip(), 5000, &[Codec::Pcma]).unwrap();
        assert!(text.contains("m=video 0 RTP/AVP 96\r\nm=audio 5000 RTP/AVP 8 97\r\n"), "{text}");
        assert!(text.contains("a=recvonly\r\n"), "{text}");
        let found = target(&text).unwrap();
        assert_eq!(found.telephone_event, Some(97));
        assert_eq!(found.direction, Direction::SendOnly);
    }

    #[test]
    fn a_new_offer_is_answered_on_the_same_port_with_the_next_version() {
        let current = audio_offer(ip(), 4000, &BOTH);
        let hold = "v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 9 RTP/AVP 0\r\n";
        let hold = SessionDescription::parse(hold).unwrap();
        let text = answer_again(&current, &hold).unwrap();
        assert!(text.contains("o=- 4000 2 IN IP4 10.0.0.9"), "{text}");
        assert!(text.contains("m=audio 4000 RTP/AVP 0\r\n"), "{text}");
        assert!(text.contains("a=recvonly"), "{text}");
        assert_eq!(hold.audio_target(&BOTH).unwrap().direction, Direction::RecvOnly);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(?s)([vocmats]=[ -~]{0,40}(\r\n|\n)|.{0,20}){0,20}") {
            if let Ok(read) = SessionDescription::parse(&text) {
                let _ = read.audio_target(&BOTH);
                if let Ok(answer) = audio_answer(&read, ip(), 4000, &BOTH) {
                    prop_assert!(SessionDescription::parse(&answer).unwrap().audio_target(&BOTH).is_ok());
                }
            }
        }
    }
}
