//! DTMF digits as RFC 4733 telephone-events, both ways.
//!
//! Enters: a digit to send, or event payloads with their timestamps. Leaves: the payloads of a digit, one per 20 ms,
//! or digits heard with their start and end on the stream's axis. Durations are samples at 8 kHz.

use super::axis;
use crate::domain::digit::Digit;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Shortest digit we send: ITU-T Rec. Q.24 lets receivers refuse less than 40 ms.
pub(crate) const SHORTEST: Duration = Duration::from_millis(40);
/// Longest digit we send: what 16 bits of duration hold at 8 kHz, in whole frames (RFC 4733 §2.5.1.3).
pub(crate) const LONGEST: Duration = Duration::from_millis(8_180);
/// Power level sent, in −dBm0 (RFC 4733 §2.3.3).
const VOLUME: u8 = 10;
/// The last packet is sent three times (RFC 4733 §2.5.1.4).
const LAST_PACKETS: u8 = 3;
/// With nothing new for this long, a digit whose last packets were lost is over: five packets.
const LOST_END: Duration = Duration::from_millis(100);
const END_BIT: u8 = 0x80;

/// The payload of one telephone-event packet (RFC 4733 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPayload {
    /// Event code; 0 to 15 are digits.
    pub(crate) code: u8,
    /// Whether the event is over.
    pub(crate) end: bool,
    /// Samples since the event's timestamp.
    pub(crate) duration: u16,
}

impl EventPayload {
    /// Reads the first event of a payload; `None` if it is shorter than one.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low, ..] = *payload else { return None };
        Some(Self { code, end: flags & END_BIT != 0, duration: u16::from_be_bytes([high, low]) })
    }

    fn octets(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, if self.end { END_BIT | VOLUME } else { VOLUME }, high, low]
    }
}

/// Sends one digit: growing durations, the last packet three times.
#[derive(Debug, Clone)]
pub(crate) struct EventSender {
    code: u8,
    length: u16,
    ends: u8,
    begun: bool,
}

/// A packet of a digit under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPacket {
    /// Set on the first packet of the digit only.
    pub(crate) marker: bool,
    pub(crate) payload: [u8; 4],
    /// Whether the digit needs no further packet.
    pub(crate) done: bool,
}

impl EventSender {
    /// A digit of this length; shorter or longer than can be sent is brought to [`SHORTEST`] or [`LONGEST`].
    pub(crate) fn new(digit: Digit, on: Duration) -> Self {
        let length = axis::count(on.clamp(SHORTEST, LONGEST)) as u16;
        Self { code: digit.event(), length, ends: 0, begun: false }
    }

    /// Samples the digit lasts.
    pub(crate) fn length(&self) -> i64 {
        i64::from(self.length)
    }

    /// The packet that says how far the digit has come when `elapsed` samples of it are over.
    pub(crate) fn packet(&mut self, elapsed: i64) -> EventPacket {
        let end = elapsed >= i64::from(self.length);
        let duration = elapsed.clamp(0, i64::from(self.length)) as u16;
        self.ends += u8::from(end);
        let payload = EventPayload { code: self.code, end, duration }.octets();
        let marker = !std::mem::replace(&mut self.begun, true);
        EventPacket { marker, payload, done: self.ends >= LAST_PACKETS }
    }
}

/// A digit that was heard, in samples on the stream's axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeardDigit {
    pub(crate) digit: Digit,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

#[derive(Debug, Clone, Copy)]
struct Hearing {
    code: u8,
    ssrc: u32,
    timestamp: u32,
    /// Timestamp of the newest segment of a long event (RFC 4733 §2.5.1.3), and samples before it.
    segment: u32,
    before: i64,
    duration: i64,
    start: i64,
    last: Instant,
    over: bool,
}

/// Puts received event packets together into digits.
#[derive(Debug, Default)]
pub(crate) struct EventReceiver {
    now: Option<Hearing>,
    heard: VecDeque<HeardDigit>,
}

impl EventReceiver {
    /// Takes an event packet; `start` is where its timestamp lies on the axis.
    pub(crate) fn handle(
        &mut self,
        at: Instant,
        ssrc: u32,
        timestamp: u32,
        event: EventPayload,
        start: i64,
    ) {
        if let Some(current) = self.now.as_mut().filter(|c| c.ssrc == ssrc) {
            let ahead = timestamp.wrapping_sub(current.segment) as i32;
            if ahead < 0 {
                return;
            }
            if ahead == 0 {
                if !current.over && current.code == event.code {
                    current.last = at;
                    current.duration =
                        current.duration.max(current.before + i64::from(event.duration));
                    current.over = event.end;
                    self.settle();
                }
                return;
            }
            let continues = !current.over
                && current.code == event.code
                && i64::from(ahead) == current.duration - current.before;
            if continues {
                current.before = current.duration;
                current.segment = timestamp;
                current.last = at;
                current.duration += i64::from(event.duration);
                current.over = event.end;
                self.settle();
                return;
            }
        }
        self.finish();
        let hearing = Hearing {
            code: event.code,
            ssrc,
            timestamp,
            segment: timestamp,
            before: 0,
            duration: i64::from(event.duration),
            start,
            last: at,
            over: false,
        };
        self.now = Some(Hearing { over: event.end, ..hearing });
        self.settle();
    }

    /// Ends a digit whose last packets never came.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.now.is_some_and(|c| now.saturating_duration_since(c.last) >= LOST_END) {
            self.finish();
        }
    }

    /// Ends whatever is under way.
    pub(crate) fn finish(&mut self) {
        if let Some(current) = self.now.as_mut().filter(|c| !c.over) {
            current.over = true;
            self.settle();
        }
    }

    /// The next digit heard.
    pub(crate) fn poll(&mut self) -> Option<HeardDigit> {
        self.heard.pop_front()
    }

    fn settle(&mut self) {
        let Some(current) = self.now.filter(|c| c.over) else { return };
        if let Some(digit) = Digit::from_event(current.code) {
            let end = current.start + current.duration;
            self.heard.push_back(HeardDigit { digit, start: current.start, end });
        }
        tracing::trace!(timestamp = current.timestamp, "telephone-event is over");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(key: char) -> Digit {
        Digit::new(key).unwrap()
    }

    fn sent(on_ms: u64) -> Vec<EventPacket> {
        let mut sender = EventSender::new(digit('5'), Duration::from_millis(on_ms));
        let mut packets = Vec::new();
        for slot in 1.. {
            packets.push(sender.packet(slot * 160));
            if packets.last().unwrap().done {
                return packets;
            }
        }
        unreachable!()
    }

    fn event(key: char, duration: u16, end: bool) -> EventPayload {
        EventPayload { code: digit(key).event(), end, duration }
    }

    #[test]
    fn a_digit_of_100_ms_is_4_growing_packets_and_3_last_ones() {
        let packets = sent(100);
        let read: Vec<_> =
            packets.iter().map(|p| EventPayload::parse(&p.payload).unwrap()).collect();
        let durations: Vec<_> = read.iter().map(|p| p.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(read.iter().filter(|p| p.end).count(), 3);
        assert!(packets[0].marker && packets[1..].iter().all(|p| !p.marker));
    }

    #[test]
    fn a_digit_is_never_shorter_than_40_ms_nor_longer_than_16_bits() {
        let last = |ms| EventPayload::parse(&sent(ms).last().unwrap().payload).unwrap().duration;
        assert_eq!(last(1), 320);
        assert_eq!(last(60_000), 65_440);
    }

    #[test]
    fn the_same_digit_twice_is_two_digits() {
        let mut receiver = EventReceiver::default();
        let t0 = crate::clock::now();
        for (timestamp, position) in [(1_000u32, 0i64), (3_000, 2_000)] {
            for (duration, end) in [(160, false), (320, true), (320, true), (320, true)] {
                receiver.handle(t0, 7, timestamp, event('0', duration, end), position);
            }
        }
        let heard: Vec<_> = std::iter::from_fn(|| receiver.poll()).collect();
        let zero = digit('0');
        let expected =
            [(0, 320), (2_000, 2_320)].map(|(start, end)| HeardDigit { digit: zero, start, end });
        assert_eq!(heard, expected);
    }

    #[test]
    fn a_digit_whose_last_packets_are_lost_ends_after_100_ms_or_with_the_next() {
        let mut receiver = EventReceiver::default();
        let t0 = crate::clock::now();
        receiver.handle(t0, 7, 1_000, event('1', 480, false), 100);
        receiver.tick(t0 + Duration::from_millis(99));
        assert_eq!(receiver.poll(), None);
        receiver.tick(t0 + LOST_END);
        assert_eq!(receiver.poll(), Some(HeardDigit { digit: digit('1'), start: 100, end: 580 }));
        receiver.handle(t0 + LOST_END, 7, 4_000, event('2', 160, false), 3_100);
        receiver.handle(t0 + LOST_END, 7, 6_000, event('2', 160, false), 5_100);
        assert_eq!(
            receiver.poll(),
            Some(HeardDigit { digit: digit('2'), start: 3_100, end: 3_260 })
        );
        assert_eq!(receiver.poll(), None);
    }

    #[test]
    fn a_late_packet_of_a_digit_that_is_over_is_no_new_digit() {
        let mut receiver = EventReceiver::default();
        let t0 = crate::clock::now();
        receiver.handle(t0, 7, 1_000, event('1', 320, true), 0);
        receiver.handle(t0, 7, 1_000, event('1', 160, false), 0);
        receiver.handle(t0, 7, 3_000, event('2', 320, true), 2_000);
        receiver.handle(t0, 7, 1_000, event('1', 320, true), 0);
        let keys: String = std::iter::from_fn(|| receiver.poll()).map(|h| h.digit.key()).collect();
        assert_eq!(keys, "12");
    }

    #[test]
    fn a_long_digit_in_two_segments_is_one_digit() {
        let mut receiver = EventReceiver::default();
        let t0 = crate::clock::now();
        receiver.handle(t0, 7, 1_000, event('9', u16::MAX, false), 0);
        receiver.handle(t0, 7, 66_535, event('9', 800, true), 65_535);
        let expected = HeardDigit { digit: digit('9'), start: 0, end: 66_335 };
        assert_eq!(receiver.poll(), Some(expected));
        assert_eq!(receiver.poll(), None);
    }

    #[test]
    fn an_event_that_is_no_digit_and_a_short_payload_are_passed_over() {
        let mut receiver = EventReceiver::default();
        let fax = EventPayload::parse(&[36, 0x8A, 1, 0]).unwrap();
        receiver.handle(crate::clock::now(), 7, 1_000, fax, 0);
        assert_eq!(receiver.poll(), None);
        assert_eq!(EventPayload::parse(&[1, 2, 3]), None);
    }
}
