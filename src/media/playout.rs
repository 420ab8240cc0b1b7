//! Puts received packets in order on the stream's axis.
//!
//! Enters: decoded packets with their kernel receive times. Leaves: frames of 20 ms without gaps, the same samples at
//! the same places for the recorder, and what changed on the way.
//!
//! A packet's first sample lies where its timestamp says, counted from the source's first packet, which lies at its
//! arrival. When the RTP clock and the monotonic clock part by more than 200 ms, packets are put aside for 30 ms: if
//! they come at the pace of speech, the source has paused or jumped and is laid anew to its arrival; if they come in
//! a heap, the network held them back and they go where they belong. A later frame of the recording may hold what the
//! live frame did not wait for; nothing else ever differs.

use super::axis::Axis;
use super::batch::{Fate, Runs};
use super::sequence::Turn;
use super::track::{Suspect, Track};
use crate::domain::audio::{FRAME_SAMPLES, Frame};
use crate::domain::timeline::Discontinuity;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A frame waits this long for packets out of order: 60 ms.
const HOLD: i64 = 480;
/// Clocks that part by more are laid anew: 200 ms.
const DIVERGED: i64 = 1_600;
/// A source that runs ahead without a break may lead by this much before it is cut: 1 s.
const LEAD: i64 = 8_000;
/// How long packets are put aside: 30 ms.
const PROBATION: i64 = 240;
/// Two seconds of audio.
const RING: usize = 1 << 14;
/// Sources kept apart; of more the oldest is forgotten.
const MOST_TRACKS: usize = 4;
/// A source that was silent this long has handed over to another.
const HANDED_OVER: Duration = Duration::from_millis(100);
const STEP: i64 = FRAME_SAMPLES as i64;

/// The head of a packet, as far as placing it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) at: Instant,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// The receiving side of a stream.
#[derive(Debug)]
pub(crate) struct Playout {
    axis: Axis,
    tracks: Vec<Track>,
    /// Index of the source that is heard.
    current: usize,
    ring: Vec<Option<i16>>,
    /// Frames before this position have been given out.
    emitted: i64,
    /// The recorder takes nothing before this position.
    floor: i64,
    /// Expected packets of forgotten sources.
    forgotten: u64,
    missing: u64,
    placed: Runs,
    changes: VecDeque<(Instant, Discontinuity)>,
}

impl Playout {
    pub(crate) fn new(axis: Axis) -> Self {
        Self {
            axis,
            tracks: Vec::with_capacity(MOST_TRACKS),
            current: 0,
            ring: vec![None; RING],
            emitted: 0,
            floor: 0,
            forgotten: 0,
            missing: 0,
            placed: Runs::default(),
            changes: VecDeque::new(),
        }
    }

    /// Takes an audio packet.
    pub(crate) fn audio(&mut self, head: Head, samples: &[i16]) -> Fate {
        let (index, turn) = self.track(head);
        if turn == Turn::Twice {
            return Fate::Twice;
        }
        let arrival = self.axis.position(head.at);
        let track = &mut self.tracks[index];
        let timestamp = track.extended(head.timestamp);
        let position = track.position(timestamp);
        let delay = arrival - position;
        let ahead = (-LEAD..0).contains(&delay) && (position - track.end).abs() <= DIVERGED;
        let old = turn == Turn::Old && track.suspects.is_empty();
        if delay.abs() > DIVERGED && !ahead && !old {
            let samples = samples.to_vec();
            track.suspects.push_back(Suspect { at: head.at, arrival, timestamp, turn, samples });
            self.decide(index, arrival);
            return Fate::Held;
        }
        if !track.suspects.is_empty() && turn != Turn::Old {
            self.release(index);
        }
        self.tracks[index].delayed(delay);
        self.place(index, turn, timestamp, samples)
    }

    /// Takes a packet that stands for silence or an event of `duration` samples; `None` if it came before, else where
    /// it begins.
    pub(crate) fn mark(&mut self, head: Head, duration: i64) -> Option<i64> {
        let (index, turn) = self.track(head);
        if turn == Turn::Twice {
            return None;
        }
        let arrival = self.axis.position(head.at);
        let track = &mut self.tracks[index];
        let timestamp = track.extended(head.timestamp);
        let position = track.position(timestamp);
        // An event's packets repeat the timestamp of its start, so they may come as late as it is long.
        if (-DIVERGED..=DIVERGED + duration).contains(&(arrival - position)) {
            track.end = track.end.max(position + duration);
            track.timestamp = track.timestamp.max(timestamp);
            track.timestamp_after = track.timestamp_after.max(timestamp + duration);
            return Some(position);
        }
        Some((arrival - duration).max(0))
    }

    /// Decides on packets that were put aside long enough.
    pub(crate) fn tick(&mut self, now: Instant) {
        let now = self.axis.position(now);
        for index in 0..self.tracks.len() {
            self.decide(index, now);
        }
    }

    /// The next frame that is complete or has waited long enough, with its position.
    pub(crate) fn poll_frame(&mut self, now: Instant) -> Option<(i64, Frame)> {
        let now = self.axis.position(now);
        let (start, end) = (self.emitted, self.emitted + STEP);
        let patience = self.tracks.get(self.current).map_or(0, Track::least_delay);
        let waited = now >= end + HOLD + patience.clamp(0, DIVERGED);
        let complete = || (start..end).all(|p| self.ring[cell(p)].is_some());
        (waited || (now >= start && complete())).then(|| self.emit())
    }

    /// At the end: the next frame that ends at or before `end`, complete or not.
    pub(crate) fn poll_rest(&mut self, end: i64) -> Option<(i64, Frame)> {
        (0..self.tracks.len()).for_each(|index| self.decide(index, i64::MAX / 4));
        (self.emitted + STEP <= end).then(|| self.emit())
    }

    /// The next change of the received media.
    pub(crate) fn poll_change(&mut self) -> Option<(Instant, Discontinuity)> {
        self.changes.pop_front()
    }

    /// What was placed since the last call; the recorder will take nothing before `floor` any more.
    pub(crate) fn take_placed(&mut self, floor: i64) -> Runs {
        self.floor = floor;
        std::mem::take(&mut self.placed)
    }

    /// Packets that the sequence numbers say were sent.
    pub(crate) fn expected(&self) -> u64 {
        self.forgotten + self.tracks.iter().map(|t| t.sequence.expected()).sum::<u64>()
    }

    /// Samples that were sent and never came.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// The source that is heard.
    pub(crate) fn current(&self) -> Option<&Track> {
        self.tracks.get(self.current)
    }

    /// The track of a packet, which begins with it if it is new.
    fn track(&mut self, head: Head) -> (usize, Turn) {
        if let Some(index) = self.tracks.iter().position(|t| t.ssrc == head.ssrc) {
            let turn = self.tracks[index].sequence.handle(head.sequence);
            let silent = head.at.saturating_duration_since(self.tracks[self.current].heard);
            if index != self.current && silent >= HANDED_OVER {
                self.hand_over(head.at, index);
            }
            self.tracks[index].heard = head.at;
            return (index, turn);
        }
        let arrival = self.axis.position(head.at);
        // What the source before has sent ahead is not cut.
        let after = self.tracks.get(self.current).map_or(arrival, |t| t.end);
        let position = if after - arrival <= DIVERGED { arrival.max(after) } else { arrival };
        let track = Track::new(head.ssrc, head.sequence, head.timestamp, position, head.at);
        if self.tracks.len() == MOST_TRACKS {
            self.forget_oldest();
        }
        self.tracks.push(track);
        if self.tracks.len() > 1 {
            self.hand_over(head.at, self.tracks.len() - 1);
        }
        (self.tracks.len() - 1, Turn::Next { skipped: 0 })
    }

    fn hand_over(&mut self, at: Instant, to: usize) {
        let change =
            Discontinuity::Ssrc { from: self.tracks[self.current].ssrc, to: self.tracks[to].ssrc };
        self.changes.push_back((at, change));
        self.current = to;
    }

    fn forget_oldest(&mut self) {
        let others = (0..self.tracks.len()).filter(|i| *i != self.current);
        if let Some(oldest) = others.min_by_key(|i| self.tracks[*i].heard) {
            self.release(oldest);
            self.forgotten += self.tracks.remove(oldest).sequence.expected();
            self.current -= usize::from(oldest < self.current);
        }
    }

    /// Ends the probation of a track when its time has come.
    fn decide(&mut self, index: usize, now: i64) {
        let track = &self.tracks[index];
        let Some(first) = track.suspects.front() else { return };
        let elapsed = now - first.arrival;
        if elapsed < PROBATION {
            return;
        }
        let suspects = || track.suspects.iter();
        let begin = suspects().map(|s| s.timestamp).min().unwrap_or(first.timestamp);
        let longest = suspects().map(|s| s.samples.len() as i64).max().unwrap_or(0);
        let newest = suspects().map(|s| s.arrival).max().unwrap_or(first.arrival);
        let span = suspects().map(|s| s.timestamp).max().unwrap_or(begin) - begin;
        let delay = first.arrival - track.position(first.timestamp);
        let heap = span > 2 * (newest - first.arrival) + longest + STEP;
        if !(heap && delay > 0) {
            self.lay_anew(index, begin);
        }
        self.release(index);
    }

    /// Lays the timestamp `begin` of the put-aside packets to the arrival of the first of them.
    fn lay_anew(&mut self, index: usize, begin: i64) {
        let track = &mut self.tracks[index];
        let Some(first) = track.suspects.front() else { return };
        let before = track.position(begin);
        let position = first.arrival.max(track.end);
        let shift = position - before;
        let skipped = match first.turn {
            Turn::Next { skipped } => i64::from(skipped),
            _ => 0,
        };
        let step = begin - track.timestamp_after;
        let steady = (-DIVERGED..=DIVERGED + skipped * STEP).contains(&step);
        let change = if steady {
            Discontinuity::Reanchored { millis: shift / 8 }
        } else {
            Discontinuity::TimestampJump { millis: -shift / 8 }
        };
        self.changes.push_back((first.at, change));
        track.anchor(begin, position);
    }

    /// Places the packets that were put aside.
    fn release(&mut self, index: usize) {
        for suspect in std::mem::take(&mut self.tracks[index].suspects) {
            self.place(index, suspect.turn, suspect.timestamp, &suspect.samples);
        }
    }

    fn place(&mut self, index: usize, turn: Turn, timestamp: i64, samples: &[i16]) -> Fate {
        let track = &mut self.tracks[index];
        let length = samples.len() as i64;
        let position = track.position(timestamp);
        let end = position + length;
        if end <= self.floor || end > self.emitted + RING as i64 {
            return Fate::Late;
        }
        match turn {
            Turn::Next { skipped } => {
                // A gap without a gap in the numbers is silence that was never sent.
                let gap = (position - track.end).clamp(0, i64::from(skipped) * length);
                self.missing += gap as u64;
            }
            Turn::Old => self.missing = self.missing.saturating_sub(length as u64),
            Turn::Restart | Turn::Twice => {}
        }
        if turn == Turn::Restart || timestamp >= track.timestamp {
            track.timestamp = timestamp;
            track.timestamp_after = timestamp + length;
        }
        track.end = track.end.max(end);
        self.placed.push(position, samples);
        for (place, &sample) in (position..end).zip(samples) {
            if place >= self.emitted {
                self.ring[cell(place)].get_or_insert(sample);
            }
        }
        if turn == Turn::Old || end <= self.emitted { Fate::Reordered } else { Fate::Used }
    }

    fn emit(&mut self) -> (i64, Frame) {
        let start = self.emitted;
        let mut frame = [0; FRAME_SAMPLES];
        for (place, sample) in (start..).zip(&mut frame) {
            *sample = self.ring[cell(place)].take().unwrap_or(0);
        }
        self.emitted += STEP;
        (start, frame)
    }
}

fn cell(position: i64) -> usize {
    position as usize & (RING - 1)
}
