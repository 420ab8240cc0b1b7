//! What one 20 ms frame looks like. Enters: the last 64 ms. Leaves: level, tone class and spectral shape.

use super::spectrum::Spectrum;
use super::tone::ToneSpectrum;
use crate::domain::audio::{Dbov, FRAME_SAMPLES};

/// Samples of a feature window: 64 ms at 8 kHz.
pub(crate) const FEATURE_WINDOW: usize = 512;
/// Bands of the spectral shape.
pub(crate) const SHAPE_BANDS: usize = 24;
const LOWEST_HZ: f32 = 150.0;
const HIGHEST_HZ: f32 = 3700.0;
/// Hertz of one bin.
pub(crate) const BIN_HZ: f32 = 8000.0 / FEATURE_WINDOW as f32;

/// Features of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Features {
    /// Level of the 20 ms in dBov.
    pub(crate) level: f32,
    /// The call-progress spectrum it shows, if any.
    pub(crate) tone: Option<ToneSpectrum>,
    /// Natural logarithm of the power in [`SHAPE_BANDS`] bands.
    pub(crate) shape: [f32; SHAPE_BANDS],
    /// Geometric over arithmetic mean of the power, as a natural logarithm: 0 for white noise, far below for tones.
    pub(crate) flatness: f32,
    /// Centre of gravity of the spectrum in kHz.
    pub(crate) centroid: f32,
    /// Share of the power in its four strongest bins.
    pub(crate) peak: f32,
}

/// Makes features of successive frames.
#[derive(Debug, Clone)]
pub(crate) struct Analyser {
    spectrum: Spectrum,
    edges: [usize; SHAPE_BANDS + 1],
}

impl Analyser {
    pub(crate) fn new() -> Self {
        let bin = |n: usize| {
            let hz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(n as f32 / SHAPE_BANDS as f32);
            (hz / BIN_HZ).round() as usize + n.min(3)
        };
        let mut edges: [usize; SHAPE_BANDS + 1] = std::array::from_fn(bin);
        for n in 1..edges.len() {
            edges[n] = edges[n].max(edges[n - 1] + 1);
        }
        Self { spectrum: Spectrum::new(FEATURE_WINDOW), edges }
    }

    /// Features of a frame; `window` are [`FEATURE_WINDOW`] samples (full scale 1) around or before its middle.
    pub(crate) fn features(&mut self, frame: &[i16], window: &[f32]) -> Features {
        let power = self.spectrum.power(window);
        let edges = &self.edges;
        let shape = std::array::from_fn(|n| {
            let to = edges[n + 1].min(power.len());
            let sum: f32 = power[edges[n].min(to)..to].iter().sum();
            (sum + 1e-9).ln()
        });
        let (flatness, centroid, peak) = outline(power);
        Features {
            level: Dbov::of(frame).0,
            tone: ToneSpectrum::of(power),
            shape,
            flatness,
            centroid,
            peak,
        }
    }

    /// Power spectrum of the window whose features were asked for last.
    pub(crate) fn power(&self) -> &[f32] {
        self.spectrum.last()
    }

    /// Features of a whole recording, each window centred on its frame.
    pub(crate) fn all(samples: &[i16]) -> Vec<Features> {
        let mut analyser = Self::new();
        let mut window = [0.0_f32; FEATURE_WINDOW];
        let before = (FEATURE_WINDOW - FRAME_SAMPLES) / 2;
        samples
            .chunks_exact(FRAME_SAMPLES)
            .enumerate()
            .map(|(n, frame)| {
                let start = (n * FRAME_SAMPLES) as i64 - before as i64;
                for (k, into) in window.iter_mut().enumerate() {
                    let at = usize::try_from(start + k as i64).ok();
                    let sample = at.and_then(|at| samples.get(at)).copied().unwrap_or(0);
                    *into = f32::from(sample) / 32_768.0;
                }
                analyser.features(frame, &window)
            })
            .collect()
    }
}

/// Correlation of two shapes, −1 to 1.
pub(crate) fn correlation(a: &[f32; SHAPE_BANDS], b: &[f32; SHAPE_BANDS]) -> f32 {
    let mean = |x: &[f32; SHAPE_BANDS]| x.iter().sum::<f32>() / SHAPE_BANDS as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 1e-6, 1e-6);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb).sqrt()
}

/// Flatness, centroid in kHz and share of the four strongest bins, of the telephone band.
fn outline(power: &[f32]) -> (f32, f32, f32) {
    let from = (LOWEST_HZ / BIN_HZ) as usize;
    let to = ((HIGHEST_HZ / BIN_HZ) as usize).min(power.len());
    let band = &power[from.min(to)..to];
    let count = band.len().max(1) as f32;
    let total: f32 = band.iter().sum::<f32>() + 1e-12;
    let logarithms: f32 = band.iter().map(|p| (p + 1e-12).ln()).sum();
    let moment: f32 = band.iter().enumerate().map(|(n, p)| (from + n) as f32 * p).sum();
    let mut strongest = [0.0_f32; 4];
    for &p in band {
        if p > strongest[3] {
            strongest[3] = p;
            strongest.sort_unstable_by(|a, b| b.total_cmp(a));
        }
    }
    let flatness = logarithms / count - (total / count).ln();
    (flatness, moment / total * BIN_HZ / 1000.0, strongest.iter().sum::<f32>() / total)
}
