//! Music against speech by cheap features. Enters: features of a second and a half. Leaves: how musical it is.
//!
//! Speech pauses and moves: its level falls between syllables and its spectrum changes within 100 ms. Music has few
//! pauses, and its spectrum stays from note to note.

use super::features::{Features, SHAPE_BANDS};

/// Frames of a texture: 1.5 s.
pub(crate) const TEXTURE_FRAMES: usize = 75;
/// Spectra are compared over this many frames: 120 ms.
const LAG: usize = 6;
/// A frame this far below the mean level is a dip, in dB.
const DIP_DB: f32 = 10.0;

/// What a stretch of frames is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Texture {
    /// Share of frames more than 10 dB below the mean power, 0 to 1: speech has many.
    pub(crate) dips: f32,
    /// Mean correlation of spectra 120 ms apart, −1 to 1: music keeps them.
    pub(crate) stability: f32,
    /// Standard deviation of the level in dB.
    pub(crate) wavering: f32,
    /// Mean share of the power in the strongest peaks.
    pub(crate) peaked: f32,
}

impl Texture {
    /// Texture of a stretch; `None` if it is shorter than [`TEXTURE_FRAMES`].
    pub(crate) fn of(frames: &[Features]) -> Option<Self> {
        if frames.len() < TEXTURE_FRAMES {
            return None;
        }
        let count = frames.len() as f32;
        let power: f32 = frames.iter().map(|f| 10.0_f32.powf(f.level / 10.0)).sum();
        let mean_db = 10.0 * (power / count + 1e-10).log10();
        let dips = frames.iter().filter(|f| f.level < mean_db - DIP_DB).count() as f32 / count;
        let pairs = frames.iter().zip(&frames[LAG..]);
        let stability: f32 = pairs.map(|(a, b)| correlation(&a.shape, &b.shape)).sum();
        let level: f32 = frames.iter().map(|f| f.level).sum::<f32>() / count;
        let spread: f32 = frames.iter().map(|f| (f.level - level).powi(2)).sum::<f32>() / count;
        Some(Self {
            dips,
            stability: stability / (count - LAG as f32),
            wavering: spread.sqrt(),
            peaked: frames.iter().map(|f| f.peaked).sum::<f32>() / count,
        })
    }

    /// Log-odds that it is music rather than speech; 0 is even.
    pub(crate) fn musical(self) -> f32 {
        8.0 * (self.stability - 0.75) - 6.0 * (self.dips - 0.25) - 0.25 * (self.wavering - 8.0)
    }
}

fn correlation(a: &[f32; SHAPE_BANDS], b: &[f32; SHAPE_BANDS]) -> f32 {
    let mean = |x: &[f32; SHAPE_BANDS]| x.iter().sum::<f32>() / SHAPE_BANDS as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 1e-6, 1e-6);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb as f32).sqrt()
}
