//! The stretch between the request and the agent: a connect announcement, music, announcements, and the hand-over.
//!
//! Enters: the end of each sound and the time. Leaves: sounds, and in the end whether an agent takes over or the
//! caller is turned away. The agent's first word falls exactly on the wait that the script asks for.

use super::center::Center;
use super::line::{Line, Sound};
use super::music::MusicStyle;
use super::script::ClipName;
use super::tone;
use super::voices::Clip;
use crate::domain::audio::{Hz8k, duration_to_samples, samples_to_duration};
use crate::domain::random::SplitMix64;
use crate::domain::segment::SegmentKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the exchange takes to react to the key.
const REACTION: Duration = Duration::from_millis(250);
/// Music that has to fit between the last announcement and the hand-over.
const MUSIC_LEFT: Duration = Duration::from_millis(1_500);

/// How the waiting ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueEnd {
    /// The agent's room opens on the line at `bridge`, the first word is due at `greet`.
    Agent { bridge: Instant, greet: Instant },
    /// The caller is turned away.
    Rejected { at: Instant },
}

impl QueueEnd {
    fn at(self) -> Instant {
        match self {
            Self::Agent { bridge: at, .. } | Self::Rejected { at } => at,
        }
    }

    /// An agent who comes `wait` after the request; the room opens a moment earlier, as a handset is taken up.
    pub(crate) fn agent(requested: Instant, wait: Duration, random: &mut SplitMix64) -> Self {
        let early = Duration::from_millis(300 + random.below(500)).min(wait / 3);
        let opens = wait.saturating_sub(early);
        Self::Agent { bridge: requested + opens, greet: requested + wait }
    }
}

#[derive(Debug)]
enum Phase {
    /// The exchange has not reacted yet.
    Reacting { until: Instant },
    /// An announcement is on.
    Announcing,
    /// Music, until the next announcement if there is one.
    Music { announce_at: Option<Instant> },
}

/// One caller who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    end: QueueEnd,
    phase: Phase,
    /// Announcements said so far.
    said: usize,
    /// Where the music goes on, in samples of the piece.
    music_from: usize,
    /// When the music last began.
    music_began: Option<Instant>,
}

impl Waiting {
    /// Begins to wait after a request at `requested`.
    pub(crate) fn new(requested: Instant, end: QueueEnd, random: &mut SplitMix64) -> Self {
        Self {
            end,
            phase: Phase::Reacting { until: requested + REACTION },
            said: 0,
            // A real queue's music has been playing for others: it comes in anywhere.
            music_from: random.below(1 << 24) as usize,
            music_began: None,
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        let step = match self.phase {
            Phase::Reacting { until } => Some(until),
            Phase::Announcing => None,
            Phase::Music { announce_at } => announce_at,
        };
        step.map_or(self.end.at(), |step| step.min(self.end.at()))
    }

    /// Time went on.
    pub(crate) fn tick(
        &mut self,
        now: Instant,
        center: &Center,
        line: &mut Line,
    ) -> Option<QueueEnd> {
        if now >= self.end.at() {
            line.stop();
            return Some(self.end);
        }
        match self.phase {
            Phase::Reacting { until } if now >= until => {
                match self.fitting(now, center.script.queue.connect.first(), center) {
                    Some(clip) => self.announce(&clip, line),
                    None => self.music(now, center, line),
                }
            }
            Phase::Music { announce_at: Some(at) } if now >= at => {
                let clips = &center.script.queue.announcements;
                let next = clips.get(self.said % clips.len().max(1));
                match self.fitting(now, next, center) {
                    Some(clip) => {
                        self.said += 1;
                        self.keep_place(now);
                        self.announce(&clip, line);
                    }
                    None => self.phase = Phase::Music { announce_at: None },
                }
            }
            Phase::Reacting { .. } | Phase::Announcing | Phase::Music { .. } => {}
        }
        None
    }

    /// The sound that was waited for is over.
    pub(crate) fn sound_ended(&mut self, now: Instant, center: &Center, line: &mut Line) {
        self.keep_place(now);
        self.music(now, center, line);
    }

    /// An announcement that can end before the hand-over.
    fn fitting(&self, now: Instant, clip: Option<&ClipName>, center: &Center) -> Option<Arc<Clip>> {
        center.voices.get(clip?).filter(|clip| {
            now + samples_to_duration::<Hz8k>(clip.pcm.len()) + MUSIC_LEFT <= self.end.at()
        })
    }

    fn announce(&mut self, clip: &Clip, line: &mut Line) {
        line.prompt(clip, SegmentKind::QueueAnnouncement);
        self.phase = Phase::Announcing;
    }

    fn music(&mut self, now: Instant, center: &Center, line: &mut Line) {
        let queue = &center.script.queue;
        let next = now + queue.every;
        let announces = !queue.announcements.is_empty() && next < self.end.at();
        self.phase = Phase::Music { announce_at: announces.then_some(next) };
        let length = self.end.at().saturating_duration_since(now) + Duration::from_secs(1);
        let kind = match queue.music {
            MusicStyle::Ringing => SegmentKind::Ringback,
            MusicStyle::Waltz | MusicStyle::Pop | MusicStyle::Ballad => SegmentKind::QueueMusic,
        };
        let pcm: Arc<[i16]> = match kind {
            SegmentKind::Ringback => tone::RINGBACK.samples(length).into(),
            _ => cut(&center.music, self.music_from, length),
        };
        self.music_began = Some(now);
        line.play(Sound::Loop(kind), pcm);
    }

    /// Remembers where the piece rests.
    fn keep_place(&mut self, now: Instant) {
        if let Some(began) = self.music_began.take() {
            let played = now.saturating_duration_since(began);
            self.music_from += duration_to_samples::<Hz8k>(played);
        }
    }
}

/// A stretch of a piece that repeats, from the sample `from` on.
pub(crate) fn cut(piece: &[i16], from: usize, length: Duration) -> Arc<[i16]> {
    let count = duration_to_samples::<Hz8k>(length);
    if piece.is_empty() {
        return vec![0; count].into();
    }
    piece.iter().cycle().skip(from % piece.len()).take(count).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_repeats_from_any_place() {
        let piece: Vec<i16> = (0..100).collect();
        let stretch = cut(&piece, 1_095, Duration::from_millis(2));
        assert_eq!(&stretch[..8], &[95, 96, 97, 98, 99, 0, 1, 2]);
        assert_eq!(stretch.len(), 16);
        assert_eq!(&*cut(&[], 5, Duration::from_millis(1)), &[0; 8]);
    }

    #[test]
    fn the_room_never_opens_before_two_thirds_of_the_wait() {
        let t0 = crate::clock::now();
        for seed in 0..100 {
            let wait = Duration::from_millis(900);
            let end = QueueEnd::agent(t0, wait, &mut SplitMix64::new(seed));
            let QueueEnd::Agent { bridge, greet } = end else { unreachable!() };
            assert_eq!(greet, t0 + wait);
            assert!(bridge >= t0 + Duration::from_millis(600) && bridge < greet);
        }
    }
}
