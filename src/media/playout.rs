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
        if shift == 0 {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const FRAME: Duration = Duration::from_millis(20);
    /// When the first packet is sent: 100 ms after the axis was opened.
    const LEAD_IN: Duration = Duration::from_millis(100);

    fn sample(n: usize, at: usize) -> i16 {
        (n * 160 + at + 1) as i16
    }

    struct Line {
        t0: Instant,
        playout: Playout,
        /// First frame position given out and all samples since.
        live: Vec<i16>,
        recorded: Vec<Option<i16>>,
    }

    impl Line {
        fn new() -> Self {
            let t0 = crate::clock::now();
            let playout = Playout::new(Axis::new(t0));
            Self { t0, playout, live: Vec::new(), recorded: Vec::new() }
        }

        /// Packet `n` of a source, with a timestamp and an arrival of its own choice.
        fn packet(&mut self, n: usize, ssrc: u32, timestamp: u32, at: Duration) -> Fate {
            let at = self.t0 + at;
            self.run(at);
            let samples: Vec<i16> = (0..160).map(|s| sample(n, s)).collect();
            let fate =
                self.playout.audio(Head { at, ssrc, sequence: n as u16, timestamp }, &samples);
            self.run(at);
            fate
        }

        /// Packet `n` as the clock wants it, `late` after its time.
        fn even(&mut self, n: usize, late: Duration) -> Fate {
            self.packet(n, 1, n as u32 * 160, LEAD_IN + FRAME * n as u32 + late)
        }

        fn run(&mut self, now: Instant) {
            self.playout.tick(now);
            while let Some((position, frame)) = self.playout.poll_frame(now) {
                assert_eq!(position, self.live.len() as i64, "frames have no gaps");
                self.live.extend(frame);
            }
            let floor = (self.playout.axis.position(now) - 4_000).max(0);
            for (position, run) in self.playout.take_placed(floor).iter() {
                for (place, sample) in (position..).zip(run).filter(|(p, _)| *p >= 0) {
                    let place = place as usize;
                    self.recorded.resize(self.recorded.len().max(place + 1), None);
                    self.recorded[place].get_or_insert(*sample);
                }
            }
        }

        fn end(&mut self, after: Duration) -> Vec<Discontinuity> {
            self.run(self.t0 + after);
            std::iter::from_fn(|| self.playout.poll_change()).map(|(_, change)| change).collect()
        }

        fn heard(&self) -> Vec<i16> {
            self.live.iter().copied().filter(|s| *s != 0).collect()
        }

        fn written(&self) -> Vec<i16> {
            self.recorded.iter().flatten().copied().collect()
        }
    }

    fn speech(packets: impl IntoIterator<Item = usize>) -> Vec<i16> {
        packets.into_iter().flat_map(|n| (0..160).map(move |s| sample(n, s))).collect()
    }

    #[test]
    fn an_even_stream_lies_where_its_first_packet_arrived() {
        let mut line = Line::new();
        for n in 0..20 {
            assert_eq!(line.even(n, Duration::ZERO), Fate::Used);
        }
        assert_eq!(line.end(Duration::from_secs(1)), []);
        assert_eq!(line.live[..800], [0; 800]);
        assert_eq!(line.live[800..4_000], speech(0..20));
        assert_eq!(line.playout.missing(), 0);
        assert_eq!(line.playout.expected(), 20);
    }

    #[test]
    fn a_lost_packet_is_160_samples_of_silence_and_missing() {
        let mut line = Line::new();
        for n in (0..20).filter(|n| *n != 7) {
            line.even(n, Duration::ZERO);
        }
        assert_eq!(line.end(Duration::from_secs(1)), []);
        assert_eq!(line.live[800 + 7 * 160..800 + 8 * 160], [0; 160]);
        assert_eq!(line.heard(), speech((0..20).filter(|n| *n != 7)));
        assert_eq!((line.playout.missing(), line.playout.expected()), (160, 20));
    }

    #[test]
    fn a_packet_300_ms_late_is_in_the_recording_and_one_600_ms_late_is_nowhere() {
        for (late, fate, missing) in [(300, Fate::Reordered, 0), (600, Fate::Late, 160)] {
            let mut line = Line::new();
            for n in (0..12).filter(|n| *n != 5) {
                line.even(n, Duration::ZERO);
            }
            for n in 12..=5 + late / 20 {
                line.even(n, Duration::ZERO);
            }
            assert_eq!(line.even(5, MS * late as u32), fate);
            assert_eq!(line.playout.missing(), missing);
            assert_eq!(line.even(5, MS * late as u32), Fate::Twice);
            let place = 800 + 5 * 160;
            assert_eq!(line.recorded[place].is_some(), fate == Fate::Reordered);
            line.end(Duration::from_secs(2));
            assert_eq!(line.live[place..place + 160], [0; 160]);
        }
    }

    #[test]
    fn silence_that_was_never_sent_is_not_missing() {
        let mut line = Line::new();
        for n in 0..5 {
            line.even(n, Duration::ZERO);
        }
        // The numbers go on, the clock has advanced by half a second: silence suppression.
        line.packet(5, 1, 5 * 160 + 4_000, LEAD_IN + FRAME * 5 + MS * 500);
        assert_eq!(line.end(Duration::from_secs(2)), []);
        assert_eq!(line.playout.missing(), 0);
        assert_eq!(line.live[800 + 5 * 160 + 4_000], sample(5, 0));
    }

    #[test]
    fn another_source_is_told_and_nothing_of_either_is_lost() {
        let mut line = Line::new();
        // The first packet is late, so that its source runs 40 ms ahead of the place it was given.
        line.even(0, MS * 40);
        for n in 1..10 {
            line.even(n, Duration::ZERO);
        }
        for n in 10..20 {
            line.packet(n, 2, 7_000_000 + n as u32 * 160, LEAD_IN + FRAME * n as u32);
        }
        assert_eq!(line.end(Duration::from_secs(2)), [Discontinuity::Ssrc { from: 1, to: 2 }]);
        assert_eq!(line.heard(), speech(0..20));
        assert_eq!((line.playout.missing(), line.playout.expected()), (0, 20));
    }

    #[test]
    fn a_source_that_pauses_and_goes_on_without_its_clock_is_laid_anew() {
        let mut line = Line::new();
        for n in 0..10 {
            line.even(n, Duration::ZERO);
        }
        for n in 10..20 {
            line.even(n, Duration::from_secs(1));
        }
        assert_eq!(line.end(Duration::from_secs(3)), [Discontinuity::Reanchored { millis: 1_000 }]);
        assert_eq!(line.heard(), speech(0..20));
        let resumed = 800 + 10 * 160 + 8_000;
        assert_eq!(line.live[resumed..resumed + 1_600], speech(10..20));
        assert_eq!(line.playout.missing(), 0);
    }

    #[test]
    fn a_jump_of_the_timestamps_is_told_with_its_sign_and_loses_nothing() {
        for (jump, millis) in [(80_000i32, 10_000), (-80_000, -10_000)] {
            let mut line = Line::new();
            for n in 0..10 {
                line.packet(n, 1, 900_000 + n as u32 * 160, LEAD_IN + FRAME * n as u32);
            }
            for n in 10..20 {
                let timestamp = (900_000 + n as u32 * 160).wrapping_add_signed(jump);
                line.packet(n, 1, timestamp, LEAD_IN + FRAME * n as u32);
            }
            let change = Discontinuity::TimestampJump { millis };
            assert_eq!(line.end(Duration::from_secs(2)), [change]);
            assert_eq!(line.live[800..800 + 3_200], speech(0..20));
        }
    }

    #[test]
    fn packets_that_the_network_held_back_go_where_they_belong() {
        let mut line = Line::new();
        for n in 0..10 {
            line.even(n, Duration::ZERO);
        }
        // 400 ms of silence, then a heap, then all is even again.
        for n in 10..30 {
            line.packet(n, 1, n as u32 * 160, LEAD_IN + FRAME * 29 + MS);
        }
        for n in 30..60 {
            line.even(n, Duration::ZERO);
        }
        assert_eq!(line.end(Duration::from_secs(3)), []);
        assert_eq!(line.written(), speech(0..60));
        assert_eq!(line.recorded[800], Some(sample(0, 0)));
        assert_eq!(line.playout.missing(), 0);
    }

    #[test]
    fn clocks_that_drift_lose_no_audio() {
        // A far end whose clock is 1 in 500 slow, for a quarter of an hour: 1.8 s apart at the end.
        let mut line = Line::new();
        let count = 45_000;
        for n in 0..count {
            line.even(n, FRAME * n as u32 / 500);
        }
        let changes = line.end(Duration::from_secs(1_000));
        let total = line.live.iter().filter(|s| **s != 0).count();
        let zeros =
            (0..count).flat_map(|n| (0..160).map(move |s| sample(n, s))).filter(|s| *s == 0);
        assert_eq!(total + zeros.count(), count * 160);
        assert!((5..12).contains(&changes.len()), "{changes:?}");
    }

    proptest! {
        /// The reordering law.
        #[test]
        fn any_order_within_60_ms_yields_the_same_audio(
            delays in proptest::collection::vec(0u32..58, 30), start in any::<u32>(),
        ) {
            let mut order: Vec<(u32, usize)> =
                delays.iter().enumerate().map(|(n, late)| (n as u32 * 20 + late, n)).collect();
            order.sort_unstable();
            let mut line = Line::new();
            for (arrival, n) in order {
                let timestamp = start.wrapping_add(n as u32 * 160);
                let fate = line.packet(n, 1, timestamp, LEAD_IN + MS * arrival);
                prop_assert!(fate == Fate::Used || fate == Fate::Reordered, "{:?}", fate);
            }
            prop_assert_eq!(line.end(Duration::from_secs(2)), []);
            prop_assert_eq!(line.heard(), speech(0..30));
            prop_assert_eq!(line.written(), speech(0..30));
            prop_assert_eq!(line.playout.missing(), 0);
        }

        #[test]
        fn whatever_comes_frames_have_no_gaps_and_the_recording_holds_them(
            packets in proptest::collection::vec(
                (0u32..3, any::<u16>(), prop_oneof![0u32..4_000, any::<u32>()], 0u64..400, 0usize..400), 0..60),
        ) {
            let mut line = Line::new();
            let mut at = Duration::ZERO;
            for (ssrc, sequence, timestamp, wait, length) in packets {
                at += MS * wait as u32;
                let head = Head { at: line.t0 + at, ssrc, sequence, timestamp };
                line.run(head.at);
                line.playout.audio(head, &vec![7; length]);
                line.run(head.at);
            }
            line.end(at + Duration::from_secs(5));
            for (place, sample) in line.live.iter().enumerate().filter(|(_, s)| **s != 0) {
                prop_assert_eq!(line.recorded.get(place).copied().flatten(), Some(*sample));
            }
            prop_assert!(line.live.len() as i64 >= line.playout.axis.position(line.t0 + at));
        }
    }
}
