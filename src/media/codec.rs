//! The codecs of a call, as the media thread uses them.
//!
//! Enters: samples or payloads. Leaves: the other, at 8 kHz, one octet per sample.

use super::g711;

/// A speech codec of the telephone network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// G.711 A-law, static payload type 8: Europe and Korea's international links.
    #[default]
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
}

/// Payload type of comfort noise (RFC 3389 §4).
pub(crate) const COMFORT_NOISE: u8 = 13;

impl Codec {
    /// The static payload type (RFC 3551 §6, Table 4).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// The codec of a static payload type.
    pub fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            8 => Some(Self::Pcma),
            0 => Some(Self::Pcmu),
            _ => None,
        }
    }

    /// One sample as an octet.
    pub fn encoded(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => g711::alaw_encoded(sample),
            Self::Pcmu => g711::ulaw_encoded(sample),
        }
    }

    /// One octet as a sample.
    pub fn decoded(self, octet: u8) -> i16 {
        match self {
            Self::Pcma => g711::alaw_decoded(octet),
            Self::Pcmu => g711::ulaw_decoded(octet),
        }
    }

    /// Decodes a payload over what `samples` held.
    pub(crate) fn decode_into(self, payload: &[u8], samples: &mut Vec<i16>) {
        samples.clear();
        samples.extend(payload.iter().map(|&octet| self.decoded(octet)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_0_and_8_are_static() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            assert_eq!(Codec::of_payload_type(codec.payload_type()), Some(codec));
        }
        assert_eq!(Codec::of_payload_type(COMFORT_NOISE), None);
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same_payload() {
        let payload: Vec<u8> = (0..=255).filter(|o| *o != 0x7F).collect();
        let mut samples = vec![1, 2, 3];
        for codec in [Codec::Pcma, Codec::Pcmu] {
            codec.decode_into(&payload, &mut samples);
            let again: Vec<u8> = samples.iter().map(|&s| codec.encoded(s)).collect();
            assert_eq!(again, payload);
        }
    }
}
