//! Is the caller speaking? A plain energy gate over the received frames.
//!
//! Enters: 20 ms frames with the instant of their first sample. Leaves: when the caller began and stopped to speak.

use crate::domain::audio::{Dbov, FRAME, Frame};
use std::time::{Duration, Instant};

/// A frame at or above this level is speech; our callers speak at about −20 dBov over digital silence.
const SPEECH: Dbov = Dbov(-42.0);
/// Loud frames in a row that make a beginning; a click has fewer.
const ONSET_FRAMES: u32 = 3;
/// Quiet that ends a line.
pub(super) const HANG_OVER: Duration = Duration::from_millis(500);

/// What the caller did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The caller began to speak, 60 ms ago.
    Speaking {
        /// Start of the first loud frame.
        since: Instant,
    },
    /// The caller has been quiet for 500 ms.
    Quiet {
        /// End of the last loud frame.
        since: Instant,
    },
}

/// The gate of one call.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    loud: u32,
    run_began: Option<Instant>,
    last_loud: Option<Instant>,
    speaking: bool,
}

impl Gate {
    /// Takes the next frame; `at` is the instant of its first sample.
    pub(crate) fn handle(&mut self, at: Instant, frame: &Frame) -> Option<Heard> {
        if Dbov::of(frame) >= SPEECH {
            self.loud += 1;
            let began = *self.run_began.get_or_insert(at);
            self.last_loud = Some(at + FRAME);
            if !self.speaking && self.loud >= ONSET_FRAMES {
                self.speaking = true;
                return Some(Heard::Speaking { since: began });
            }
            return None;
        }
        self.loud = 0;
        self.run_began = None;
        let since = self.last_loud?;
        if self.speaking && (at + FRAME).saturating_duration_since(since) >= HANG_OVER {
            self.speaking = false;
            return Some(Heard::Quiet { since });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::FRAME_SAMPLES;

    fn run(levels: &[(usize, i16)]) -> Vec<(u64, Heard)> {
        let t0 = crate::clock::now();
        let mut gate = Gate::default();
        let mut heard = Vec::new();
        let mut at = t0;
        for (frames, level) in levels {
            for _ in 0..*frames {
                if let Some(event) = gate.handle(at, &[*level; FRAME_SAMPLES]) {
                    let since = match event {
                        Heard::Speaking { since } | Heard::Quiet { since } => since,
                    };
                    heard.push(((since - t0).as_millis() as u64, event));
                }
                at += FRAME;
            }
        }
        heard
    }

    #[test]
    fn a_line_of_1_s_with_a_pause_of_400_ms_is_one_line() {
        let heard = run(&[(10, 0), (50, 3_000), (20, 0), (50, 3_000), (40, 0)]);
        assert_eq!(heard.len(), 2);
        assert_eq!((heard[0].0, heard[1].0), (200, 2_600));
        assert!(matches!(heard[1].1, Heard::Quiet { .. }));
    }

    #[test]
    fn a_click_of_40_ms_is_no_speech() {
        assert!(run(&[(10, 0), (2, 9_000), (60, 0)]).is_empty());
    }
}
