//! RTP packets on the wire (RFC 3550 §5.1), read and written through `webrtc::rtp` without allocation.
//!
//! Enters: a datagram. Leaves: its header and payload, or why it is none. Header extensions are measured and skipped
//! by ourselves: the library reads past the end of a short one-byte extension (RFC 8285).

use webrtc::rtp::header::Header;
use webrtc::util::marshal::{Marshal as _, Unmarshal as _};

/// Largest datagram we take: an Ethernet frame and some.
pub(crate) const MAX_DATAGRAM: usize = 2_048;
const FIXED: usize = 12;
const EXTENSION_BIT: u8 = 0x10;
const PADDING_BIT: u8 = 0x20;

/// A received packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rtp<'a> {
    pub(crate) marker: bool,
    /// 0 to 127.
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Without padding.
    pub(crate) payload: &'a [u8],
}

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRtp {
    /// Shorter than its header says.
    Short,
    /// Not version 2.
    Version,
    /// RTCP on the same port (RFC 5761 §4).
    Rtcp,
    /// Padding longer than the payload, or none where it is announced.
    Padding,
}

impl<'a> Rtp<'a> {
    /// Reads a datagram.
    pub(crate) fn parse(datagram: &'a [u8]) -> Result<Self, NotRtp> {
        let first = *datagram.first().ok_or(NotRtp::Short)?;
        if first >> 6 != 2 {
            return Err(NotRtp::Version);
        }
        if datagram.len() < FIXED {
            return Err(NotRtp::Short);
        }
        if (192..=223).contains(&datagram[1]) {
            return Err(NotRtp::Rtcp);
        }
        let mut fixed = [0u8; FIXED];
        fixed.copy_from_slice(&datagram[..FIXED]);
        // The contributing sources and the extension are skipped below.
        fixed[0] = 0x80;
        let header = Header::unmarshal(&mut &fixed[..]).map_err(|_| NotRtp::Short)?;
        let mut start = FIXED + 4 * usize::from(first & 0x0F);
        if first & EXTENSION_BIT != 0 {
            let words = datagram.get(start + 2..start + 4).ok_or(NotRtp::Short)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        let mut payload = datagram.get(start..).ok_or(NotRtp::Short)?;
        if first & PADDING_BIT != 0 {
            let padding = usize::from(*payload.last().ok_or(NotRtp::Padding)?);
            let kept = payload.len().checked_sub(padding).filter(|_| padding > 0);
            payload = &payload[..kept.ok_or(NotRtp::Padding)?];
        }
        Ok(Self {
            marker: header.marker,
            payload_type: header.payload_type,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload,
        })
    }

    /// Writes the packet; how many octets it took, 0 if it does not fit.
    pub(crate) fn write(&self, buffer: &mut [u8]) -> usize {
        let header = Header {
            version: 2,
            marker: self.marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        let end = FIXED + self.payload.len();
        if end > buffer.len() || header.marshal_to(buffer).is_err() {
            return 0;
        }
        buffer[FIXED..end].copy_from_slice(self.payload);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: [u8; 14] = [0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 1, 2];

    #[test]
    fn a_plain_packet_is_read_field_by_field() {
        let packet = Rtp::parse(&PLAIN).unwrap();
        assert!(packet.marker);
        assert_eq!((packet.payload_type, packet.sequence), (8, 0x1234));
        assert_eq!((packet.timestamp, packet.ssrc), (160, 0xdead_beef));
        assert_eq!(packet.payload, [1, 2]);
    }

    #[test]
    fn contributing_sources_extensions_and_padding_are_skipped() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] = 0x80 | EXTENSION_BIT | PADDING_BIT | 1;
        packet.extend([9, 9, 9, 9]);
        // A one-byte extension whose element claims 16 octets and has 3.
        packet.extend([0xBE, 0xDE, 0, 1, 0x1F, 1, 2, 3]);
        packet.extend([7, 8, 0, 2]);
        assert_eq!(Rtp::parse(&packet).unwrap().payload, [7, 8]);
    }

    #[test]
    fn what_is_no_rtp_is_refused_with_its_reason() {
        assert_eq!(Rtp::parse(&[]), Err(NotRtp::Short));
        assert_eq!(Rtp::parse(&PLAIN[..11]), Err(NotRtp::Short));
        assert_eq!(Rtp::parse(&[0; 20]), Err(NotRtp::Version));
        let mut rtcp = PLAIN;
        rtcp[1] = 200;
        assert_eq!(Rtp::parse(&rtcp), Err(NotRtp::Rtcp));
        let mut padded = PLAIN;
        padded[0] |= PADDING_BIT;
        padded[13] = 3;
        assert_eq!(Rtp::parse(&padded), Err(NotRtp::Padding));
        padded[13] = 0;
        assert_eq!(Rtp::parse(&padded), Err(NotRtp::Padding));
        let mut extended = PLAIN;
        extended[0] |= EXTENSION_BIT;
        assert_eq!(Rtp::parse(&extended), Err(NotRtp::Short));
    }

    proptest! {
        #[test]
        fn a_written_packet_reads_back(
            marker in any::<bool>(), payload_type in 0u8..64, sequence in any::<u16>(),
            timestamp in any::<u32>(), ssrc in any::<u32>(),
            payload in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let packet = Rtp { marker, payload_type, sequence, timestamp, ssrc, payload: &payload };
            let mut buffer = [0u8; MAX_DATAGRAM];
            let length = packet.write(&mut buffer);
            prop_assert_eq!(length, 12 + payload.len());
            prop_assert_eq!(Rtp::parse(&buffer[..length]), Ok(packet));
        }

        #[test]
        fn any_octets_are_read_or_refused_without_a_panic(
            mut octets in proptest::collection::vec(any::<u8>(), 0..80), steer in any::<bool>(),
        ) {
            if steer && let Some(first) = octets.first_mut() {
                *first = 0x80 | (*first & 0x3F);
            }
            let _ = Rtp::parse(&octets);
        }
    }
}
