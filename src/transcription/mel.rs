//! The mel filter bank that a Whisper model carries in its file.
//!
//! Enters: how many bands. Leaves: their weights over the bins of a 400-point transform at 16 kHz. Slaney's scale:
//! linear to 1 kHz, then logarithmic; each triangle has unit area. Source: Slaney, Auditory Toolbox (1998).

/// Bins of a 400-point real transform.
pub(crate) const BINS: usize = 201;
const BIN_HZ: f64 = 40.0;
const TOP_HZ: f64 = 8_000.0;
const LINEAR_HZ_PER_MEL: f64 = 200.0 / 3.0;
const BREAK_HZ: f64 = 1_000.0;
const BREAK_MEL: f64 = 15.0;

fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ {
        hz / LINEAR_HZ_PER_MEL
    } else {
        BREAK_MEL + (hz / BREAK_HZ).ln() / log_step()
    }
}

fn to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL {
        mel * LINEAR_HZ_PER_MEL
    } else {
        BREAK_HZ * (log_step() * (mel - BREAK_MEL)).exp()
    }
}

/// Weights `[bands × 201]`, band by band.
pub(crate) fn filter_bank(bands: usize) -> Vec<f32> {
    let top = to_mel(TOP_HZ);
    let corners: Vec<f64> =
        (0..bands + 2).map(|n| to_hz(top * n as f64 / (bands + 1) as f64)).collect();
    let weight = |corner: &[f64], bin: usize| {
        let hz = bin as f64 * BIN_HZ;
        let rising = (hz - corner[0]) / (corner[1] - corner[0]);
        let falling = (corner[2] - hz) / (corner[2] - corner[1]);
        (rising.min(falling).max(0.0) * 2.0 / (corner[2] - corner[0])) as f32
    };
    corners.windows(3).flat_map(|corner| (0..BINS).map(move |bin| weight(corner, bin))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bank_of_80_bands_agrees_with_published_figures() {
        let bank = filter_bank(80);
        assert_eq!(bank.len(), 80 * BINS);
        // First weights of the bank that OpenAI publishes with Whisper.
        assert!((bank[1] - 0.024_862_6).abs() < 1e-6, "{}", bank[1]);
        let second = &bank[BINS..];
        assert!((second[1] - 0.001_990_82).abs() < 1e-6, "{}", second[1]);
        assert!(bank[0].abs() < 1e-9);
    }

    #[test]
    fn the_scale_breaks_at_1_khz_and_is_its_own_inverse() {
        assert!((to_mel(1_000.0) - 15.0).abs() < 1e-12);
        for hz in [10.0, 999.0, 1_000.0, 4_321.0, 8_000.0] {
            assert!((to_hz(to_mel(hz)) - hz).abs() < 1e-9);
        }
    }
}
