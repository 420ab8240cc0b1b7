//! Half-precision numbers (IEEE 754 binary16), as model files hold them.
//!
//! Enters: bits. Leaves: `f32`, and back with rounding to nearest, ties to even.

/// Widens a half; exact.
pub(crate) fn widen(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x03ff);
    let bits = match (exponent, fraction) {
        (0, 0) => sign,
        // A subnormal half is a whole number of 2^-24; the product is exact in f32.
        (0, _) => {
            let magnitude = fraction as f32 * 2f32.powi(-24);
            sign | magnitude.to_bits()
        }
        (0x1f, _) => sign | 0x7f80_0000 | (fraction << 13),
        _ => sign | ((exponent + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(bits)
}

/// Narrows to a half, to nearest, ties to even; too large becomes infinite.
pub(crate) fn narrow(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520 is the first value that rounds to infinity.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    // Below 2^-14 the half is subnormal: a whole number of 2^-24.
    if magnitude < 0x3880_0000 {
        let steps = (f32::from_bits(magnitude) * 2f32.powi(24)).round_ties_even();
        return sign | steps as u16;
    }
    let rounded = magnitude + 0x0fff + ((magnitude >> 13) & 1);
    sign | ((rounded - 0x3800_0000) >> 13) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_halves_widen_exactly() {
        for (half, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x8000, -0.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(widen(half).to_bits(), f32::to_bits(value), "{half:04x}");
        }
    }

    #[test]
    fn every_half_survives_widening_and_narrowing() {
        for half in 0..=u16::MAX {
            let value = widen(half);
            if value.is_nan() {
                assert!(widen(narrow(value)).is_nan());
            } else {
                assert_eq!(narrow(value), half, "{half:04x}");
            }
        }
    }

    #[test]
    fn ties_go_to_even_and_65520_is_infinite() {
        assert_eq!(narrow(1.0 + 2f32.powi(-11)), 0x3c00);
        assert_eq!(narrow(1.0 + 3.0 * 2f32.powi(-11)), 0x3c02);
        assert_eq!(narrow(65_519.0), 0x7bff);
        assert_eq!(narrow(65_520.0), 0x7c00);
    }
}
