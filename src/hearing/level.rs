//! Levels and the noise floor below them. Enters: one level every 20 ms. Leaves: whether a frame stands out.

use crate::domain::audio::Dbov;
use std::collections::VecDeque;

/// The floor is the quietest tenth of this many frames: 3 s.
const MEMORY: usize = 150;
/// Share of frames below the floor.
const QUIET_SHARE: f32 = 0.1;
/// A frame stands out this far above the floor, in dB. Our measurement, 2026: babble wavers by 6 to 8 dB.
const STANDS_OUT_DB: f32 = 9.0;
/// Nothing below this level stands out, in dBov. Our measurement, 2026: centers' floors and far babble lie below.
pub(crate) const AUDIBLE_DBOV: f32 = -48.0;
/// The floor is never taken for higher than this, so that steady music does not become its own floor, in dBov.
const HIGHEST_FLOOR_DBOV: f32 = -42.0;

/// A running noise floor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Floor {
    levels: VecDeque<f32>,
}

impl Floor {
    /// Takes the next level in dBov and says whether the frame stands out of the floor.
    pub(crate) fn stands_out(&mut self, level: f32) -> bool {
        if self.levels.len() == MEMORY {
            self.levels.pop_front();
        }
        self.levels.push_back(level);
        level > AUDIBLE_DBOV && level > self.dbov() + STANDS_OUT_DB
    }

    /// The floor in dBov.
    pub(crate) fn dbov(&self) -> f32 {
        let mut sorted: Vec<f32> = self.levels.iter().copied().collect();
        if sorted.is_empty() {
            return HIGHEST_FLOOR_DBOV;
        }
        let rank = (sorted.len() as f32 * QUIET_SHARE) as usize;
        let (_, quiet, _) = sorted.select_nth_unstable_by(rank, f32::total_cmp);
        quiet.min(HIGHEST_FLOOR_DBOV)
    }
}

/// The level that `share` of the others lie below; [`Dbov::SILENCE`] for none.
pub(crate) fn percentile(mut levels: Vec<f32>, share: f32) -> f32 {
    let rank = (levels.len() as f32 * share) as usize;
    if rank >= levels.len() {
        return Dbov::SILENCE.0;
    }
    *levels.select_nth_unstable_by(rank, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn babble_at_minus_50_dbov_does_not_stand_out_and_speech_at_minus_25_does() {
        let mut floor = Floor::default();
        for n in 0..200 {
            assert!(!floor.stands_out(-50.0 + (n % 5) as f32));
        }
        assert!(floor.stands_out(-25.0));
    }

    #[test]
    fn steady_music_at_minus_20_dbov_stands_out_for_as_long_as_it_lasts() {
        let mut floor = Floor::default();
        assert!((0..1000).all(|_| floor.stands_out(-20.0)));
    }
}
