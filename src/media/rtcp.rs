//! RTCP, as little as a call needs: our reports out, the far end's reports in (RFC 3550 §6.4).
//!
//! Enters: counts, datagrams. Leaves: compound packets, and what the far end says it received of us. Read by our own
//! hand, leniently: whatever is cut short ends the reading and nothing else.

const VERSION: u8 = 0x80;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;
/// Octets of a report block.
const BLOCK: usize = 24;
/// Seconds from 1900, NTP's epoch, to 1970.
const NTP_EPOCH: i128 = 2_208_988_800;

/// Wall time as NTP counts it: seconds since 1900 in the upper half, their fraction in the lower (RFC 3550 §4).
pub(crate) fn ntp(nanos_since_1970: i128) -> u64 {
    let seconds = nanos_since_1970.div_euclid(1_000_000_000) + NTP_EPOCH;
    let fraction = (nanos_since_1970.rem_euclid(1_000_000_000) << 32) / 1_000_000_000;
    ((seconds as u64) << 32) | fraction as u64
}

/// What we say of ourselves and of what we received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OurReport {
    pub(crate) ssrc: u32,
    pub(crate) ntp: u64,
    /// RTP timestamp of the same instant.
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    /// Of the source that is heard, if any.
    pub(crate) heard: Option<Block>,
}

/// A report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Block {
    /// The source it is about.
    pub(crate) ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub(crate) fraction_lost: u8,
    /// Lost since the beginning, 24 bits with sign.
    pub(crate) lost: i32,
    /// Highest sequence number with its wraps.
    pub(crate) highest: u32,
    /// In samples.
    pub(crate) jitter: u32,
    /// Middle half of the NTP time of the last sender report, 0 for none.
    pub(crate) last_report: u32,
    /// Since that report came, in 65,536ths of a second.
    pub(crate) delay: u32,
}

impl OurReport {
    /// The compound packet: a sender report and our name.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        let words = 6 + self.heard.map_or(0, |_| BLOCK / 4);
        head(&mut out, u8::from(self.heard.is_some()), SENDER_REPORT, words);
        out.extend(self.ssrc.to_be_bytes());
        out.extend(self.ntp.to_be_bytes());
        for word in [self.timestamp, self.packets, self.octets] {
            out.extend(word.to_be_bytes());
        }
        if let Some(block) = self.heard {
            out.extend(block.ssrc.to_be_bytes());
            let lost = block.lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
            out.extend((u32::from(block.fraction_lost) << 24 | lost).to_be_bytes());
            for word in [block.highest, block.jitter, block.last_report, block.delay] {
                out.extend(word.to_be_bytes());
            }
        }
        // A short-term name that tells nothing of the host (RFC 7022 §4.2).
        let name = format!("{:08x}", self.ssrc);
        let item = 2 + name.len();
        let padding = 4 - item % 4;
        head(&mut out, 1, DESCRIPTION, 1 + (item + padding) / 4);
        out.extend(self.ssrc.to_be_bytes());
        out.extend([CNAME, name.len() as u8]);
        out.extend(name.bytes());
        out.resize(out.len() + padding, 0);
        out
    }
}

/// `words` counts the 32-bit words after the head.
fn head(out: &mut Vec<u8>, count: u8, kind: u8, words: usize) {
    out.extend([VERSION | count, kind]);
    out.extend((words as u16).to_be_bytes());
}

/// What a compound packet of the far end says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TheirReport {
    /// Who sent a sender report, and the middle half of its NTP time.
    pub(crate) sent: Option<(u32, u32)>,
    /// What it received, of whomever.
    pub(crate) blocks: Vec<Block>,
}

impl TheirReport {
    /// Reads what can be read.
    pub(crate) fn parse(datagram: &[u8]) -> Self {
        let mut report = Self::default();
        let mut rest = datagram;
        while let [first, kind, high, low, ..] = *rest
            && first & 0xC0 == VERSION
        {
            let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
            let packet = &rest[4..length.min(rest.len())];
            let blocks = match kind {
                SENDER_REPORT => {
                    report.sent = word(packet, 0).zip(middle(packet)).or(report.sent);
                    packet.get(24..)
                }
                RECEIVER_REPORT => packet.get(4..),
                _ => None,
            };
            let count = usize::from(first & 0x1F);
            let blocks = blocks.unwrap_or_default().chunks_exact(BLOCK).take(count);
            report.blocks.extend(blocks.filter_map(block));
            rest = rest.get(length..).unwrap_or_default();
        }
        report
    }
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// The middle half of the NTP time of a sender report.
fn middle(packet: &[u8]) -> Option<u32> {
    Some(word(packet, 4)? << 16 | word(packet, 8)? >> 16)
}

fn block(octets: &[u8]) -> Option<Block> {
    let loss = word(octets, 4)?;
    Some(Block {
        ssrc: word(octets, 0)?,
        fraction_lost: (loss >> 24) as u8,
        // The sign of 24 bits is brought to 32.
        lost: ((loss << 8) as i32) >> 8,
        highest: word(octets, 8)?,
        jitter: word(octets, 12)?,
        last_report: word(octets, 16)?,
        delay: word(octets, 20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(heard: Option<Block>) -> OurReport {
        let ntp = 0x1122_3344_5566_7788;
        OurReport { ssrc: 0xdead_beef, ntp, timestamp: 160, packets: 5, octets: 800, heard }
    }

    #[test]
    fn a_report_is_whole_words_and_says_its_length_and_name() {
        let octets = report(None).octets();
        assert_eq!(octets.len(), 28 + 4 + 16);
        assert_eq!(octets[..8], [0x80, 200, 0, 6, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(octets[28..32], [0x81, 202, 0, 4]);
        assert_eq!(octets[36..46], *b"\x01\x08deadbeef");
    }

    #[test]
    fn the_epoch_of_1970_is_ntp_second_2208988800() {
        assert_eq!(ntp(0), 2_208_988_800 << 32);
        assert_eq!(ntp(500_000_000), (2_208_988_800 << 32) | 0x8000_0000);
    }

    #[test]
    fn a_receiver_report_behind_an_unknown_packet_is_found() {
        let mut octets = vec![0x80, 204, 0, 1, 1, 2, 3, 4, 0x81, RECEIVER_REPORT, 0, 7];
        octets.extend(7u32.to_be_bytes());
        octets.extend(9u32.to_be_bytes());
        octets.extend([64, 0xFF, 0xFF, 0xFF]);
        octets.extend([0; 16]);
        let block = Block { ssrc: 9, fraction_lost: 64, lost: -1, ..Block::default() };
        assert_eq!(TheirReport::parse(&octets), TheirReport { sent: None, blocks: vec![block] });
    }

    proptest! {
        #[test]
        fn what_we_write_we_read(
            ssrc in any::<u32>(), fraction_lost in any::<u8>(), lost in -0x80_0000i32..0x80_0000,
            highest in any::<u32>(), jitter in any::<u32>(), last_report in any::<u32>(), delay in any::<u32>(),
        ) {
            let block = Block { ssrc, fraction_lost, lost, highest, jitter, last_report, delay };
            let read = TheirReport::parse(&report(Some(block)).octets());
            prop_assert_eq!(read.blocks, vec![block]);
            prop_assert_eq!(read.sent, Some((0xdead_beef, 0x3344_5566)));
        }

        #[test]
        fn any_octets_are_read_without_a_panic(
            mut octets in proptest::collection::vec(any::<u8>(), 0..120), kind in 200u8..204, steer in any::<bool>(),
        ) {
            if steer && octets.len() > 4 {
                octets[0] = VERSION | (octets[0] & 0x3F);
                octets[1] = kind;
                octets[2] = 0;
                octets[3] &= 0x1F;
            }
            let report = TheirReport::parse(&octets);
            prop_assert!(report.blocks.len() <= octets.len() / BLOCK);
        }
    }
}
