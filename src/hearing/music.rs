//! Music against speech by cheap features. Enters: features of a second and a half. Leaves: how musical it is.
//!
//! The spectrum of speech changes from one sound to the next, within 100 ms; that of music stays for a note.

use super::features::{Features, correlation};

/// Frames of a texture: 1.5 s.
pub(crate) const TEXTURE_FRAMES: usize = 75;
/// Spectra are compared over this many frames: 120 ms.
const LAG: usize = 6;
/// Stability at which music and speech are equally likely, and how fast the odds rise from there.
const EVEN: f32 = 0.46;
const SLOPE: f32 = 20.0;

/// What a stretch of frames is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Texture {
    /// Mean correlation of spectra 120 ms apart, −1 to 1: music keeps them.
    pub(crate) stability: f32,
}

impl Texture {
    /// Texture of a stretch; `None` if it is shorter than [`TEXTURE_FRAMES`].
    pub(crate) fn of(frames: &[Features]) -> Option<Self> {
        if frames.len() < TEXTURE_FRAMES {
            return None;
        }
        let count = frames.len() as f32;
        let pairs = frames.iter().zip(&frames[LAG..]);
        let stability: f32 = pairs.map(|(a, b)| correlation(&a.shape, &b.shape)).sum();
        Some(Self { stability: stability / (count - LAG as f32) })
    }

    /// Log-odds that it is music rather than speech; 0 is even.
    ///
    /// Our measurement over 118 minutes of composed calls, 2026: the stability of music lies above 0.60 in nine
    /// stretches of ten, that of speech below 0.37 and that of babble below 0.26. Dips and wavering, which tell clean
    /// speech, take babble for music: they are left out.
    pub(crate) fn musical(self) -> f32 {
        SLOPE * (self.stability - EVEN)
    }
}
