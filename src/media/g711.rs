//! G.711: A-law and µ-law by ITU-T Rec. G.711, one octet per sample.
//!
//! Enters: 16-bit linear samples or octets. Leaves: the other. Linear values are scaled to 16 bits: A-law's 13-bit
//! values times 8, µ-law's 14-bit values times 4.

/// Octet of A-law silence (smallest positive value, even bits inverted).
pub const ALAW_SILENCE: u8 = 0xD5;
/// Octet of µ-law silence (positive zero).
pub const ULAW_SILENCE: u8 = 0xFF;

/// Added before a µ-law segment is looked up, at 16-bit scale (33 at 14-bit scale, ITU-T Rec. G.711 Table 2).
const ULAW_BIAS: i32 = 0x84;
/// Largest magnitude that µ-law codes without overload, at 16-bit scale.
const ULAW_CLIP: i32 = 32_635;

static ALAW: [i16; 256] = {
    let mut values = [0i16; 256];
    let mut octet = 0;
    while octet < 256 {
        values[octet] = expand_alaw(octet as u8);
        octet += 1;
    }
    values
};
static ULAW: [i16; 256] = {
    let mut values = [0i16; 256];
    let mut octet = 0;
    while octet < 256 {
        values[octet] = expand_ulaw(octet as u8);
        octet += 1;
    }
    values
};

const fn expand_alaw(octet: u8) -> i16 {
    let code = octet ^ 0x55;
    let segment = (code >> 4) & 7;
    let mantissa = ((code & 0x0F) as i32) << 4;
    let magnitude = match segment {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (segment - 1),
    };
    (if code & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

const fn expand_ulaw(octet: u8) -> i16 {
    let code = !octet;
    let segment = (code >> 4) & 7;
    let magnitude = (((((code & 0x0F) as i32) << 3) + ULAW_BIAS) << segment) - ULAW_BIAS;
    (if code & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

/// The linear value of an A-law octet.
pub fn alaw_decoded(octet: u8) -> i16 {
    ALAW[usize::from(octet)]
}

/// The linear value of a µ-law octet.
pub fn ulaw_decoded(octet: u8) -> i16 {
    ULAW[usize::from(octet)]
}

/// The A-law octet of a linear value.
pub fn alaw_encoded(sample: i16) -> u8 {
    let value = i32::from(sample) >> 3;
    let (magnitude, mask) = if value >= 0 { (value, 0xD5) } else { (-value - 1, 0x55) };
    // Segment 0 and 1 share a step; above, each segment doubles it.
    let segment = (32 - (magnitude >> 5).leading_zeros()).min(7);
    let mantissa = magnitude >> segment.max(1);
    (((segment << 4) | (mantissa & 0x0F) as u32) as u8) ^ mask
}

/// The µ-law octet of a linear value.
pub fn ulaw_encoded(sample: i16) -> u8 {
    let value = i32::from(sample);
    let sign = if value < 0 { 0x80 } else { 0 };
    let magnitude = value.abs().min(ULAW_CLIP) + ULAW_BIAS;
    let segment = 31 - (magnitude >> 7).leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | ((segment << 4) as u8) | mantissa as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn alaw_golden_values_of_the_recommendation() {
        for (octet, value) in
            [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0x85, 4_224), (0x80, 5_504)]
        {
            assert_eq!(alaw_decoded(octet), value, "{octet:#x}");
        }
        assert_eq!(alaw_encoded(0), ALAW_SILENCE);
        assert_eq!(alaw_encoded(-1), 0x55);
        assert_eq!(alaw_encoded(i16::MAX), 0xAA);
        assert_eq!(alaw_encoded(i16::MIN), 0x2A);
    }

    #[test]
    fn ulaw_golden_values_of_the_recommendation() {
        for (octet, value) in
            [(0xFF, 0), (0x7F, 0), (0x80, 32_124), (0x00, -32_124), (0xFE, 8), (0xEF, 132)]
        {
            assert_eq!(ulaw_decoded(octet), value, "{octet:#x}");
        }
        assert_eq!(ulaw_encoded(0), ULAW_SILENCE);
        assert_eq!(ulaw_encoded(i16::MAX), 0x80);
        assert_eq!(ulaw_encoded(i16::MIN), 0x00);
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=255u8 {
            assert_eq!(alaw_encoded(alaw_decoded(octet)), octet);
            // µ-law has two zeros; negative zero comes back as positive zero.
            let expected = if octet == 0x7F { 0xFF } else { octet };
            assert_eq!(ulaw_encoded(ulaw_decoded(octet)), expected);
        }
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_a_step_of_its_segment(sample in any::<i16>()) {
            let magnitude = i32::from(sample).abs();
            let off = |value: i16| (i32::from(value) - i32::from(sample)).abs();
            // A step is 1/16 of the segment's width, and never under 16 (A-law) or 8 (µ-law) at 16-bit scale.
            prop_assert!(off(alaw_decoded(alaw_encoded(sample))) <= (magnitude / 32).max(8) + 8);
            prop_assert!(off(ulaw_decoded(ulaw_encoded(sample))) <= ((magnitude + 132) / 32).max(4) + 8);
        }

        #[test]
        fn a_louder_sample_never_decodes_softer(a in any::<i16>(), b in any::<i16>()) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(alaw_decoded(alaw_encoded(low)) <= alaw_decoded(alaw_encoded(high)));
            prop_assert!(ulaw_decoded(ulaw_encoded(low)) <= ulaw_decoded(ulaw_encoded(high)));
        }
    }
}
