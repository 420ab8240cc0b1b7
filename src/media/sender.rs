//! What leaves: a line, a digit, or silence, one packet per 20 ms slot.
//!
//! Enters: orders, and slots with their positions on the stream's axis. Leaves: RTP packets, the samples they carry,
//! and notices of what began and ended. While digits are dialled a line waits; nothing of it is lost.

use super::axis;
use super::codec::Codec;
use super::dtmf_event::{EventSender, LONGEST, SHORTEST};
use super::dtmf_tone;
use super::rtp::Rtp;
use crate::domain::audio::{FRAME_SAMPLES, Frame};
use crate::domain::digit::Digit;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const STEP: i64 = FRAME_SAMPLES as i64;

/// What began or ended; positions on the stream's axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    PlayStarted { token: u64, start: i64 },
    PlayEnded { token: u64, start: i64, end: i64 },
    DigitSent { digit: Digit, start: i64, end: i64, token: u64, last: bool },
}

/// How the far end wants to be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    pub(crate) telephone_event: Option<u8>,
}

#[derive(Debug)]
struct Line {
    pcm: Arc<[i16]>,
    sent: usize,
    token: u64,
    /// First sample and after the last one that left.
    span: Option<(i64, i64)>,
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    digit: Digit,
    on: Duration,
    gap: Duration,
    token: u64,
    last: bool,
}

#[derive(Debug)]
enum Dial {
    Idle,
    Event { sender: EventSender, queued: Queued, start: i64, told: bool, over: bool },
    Tone { queued: Queued, start: i64, end: i64 },
}

/// The sending side of a stream.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) ssrc: u32,
    sequence: u16,
    /// Timestamp of position 0.
    offset: u32,
    format: Format,
    line: Option<Line>,
    digits: VecDeque<Queued>,
    dial: Dial,
    /// The next digit begins here or later.
    not_before: i64,
    position: i64,
    begun: bool,
    octets: u32,
    notices: VecDeque<Notice>,
}

impl Sender {
    /// Begins with random numbers (RFC 3550 §5.1).
    pub(crate) fn new(ssrc: u32, sequence: u16, offset: u32) -> Self {
        let codec = Codec::default();
        Self {
            ssrc,
            sequence,
            offset,
            format: Format { codec, payload_type: codec.payload_type(), telephone_event: None },
            line: None,
            digits: VecDeque::new(),
            dial: Dial::Idle,
            not_before: 0,
            position: 0,
            begun: false,
            octets: 0,
            notices: VecDeque::new(),
        }
    }

    /// Changes how packets are made; a digit under way whose packets are not wanted any more just runs out.
    pub(crate) fn set_format(&mut self, format: Format) {
        self.format = format;
        if let (Dial::Event { over, .. }, None) = (&mut self.dial, format.telephone_event) {
            *over = true;
        }
    }

    /// Begins a line at the next slot; one that plays is cut short.
    pub(crate) fn play(&mut self, pcm: Arc<[i16]>, token: u64) {
        self.stop_playing();
        self.line = Some(Line { pcm, sent: 0, token, span: None });
    }

    pub(crate) fn stop_playing(&mut self) {
        if let Some(line) = self.line.take() {
            let (start, end) = line.span.unwrap_or((self.position, self.position));
            self.notices.push_back(Notice::PlayEnded { token: line.token, start, end });
        }
    }

    /// Queues a row of digits behind those that wait.
    pub(crate) fn dial(&mut self, row: &[Digit], on: Duration, gap: Duration, token: u64) {
        let on = on.clamp(SHORTEST, LONGEST);
        let last = row.len().saturating_sub(1);
        self.digits.extend(row.iter().enumerate().map(|(at, &digit)| Queued {
            digit,
            on,
            gap,
            token,
            last: at == last,
        }));
    }

    /// What began or ended since the last call.
    pub(crate) fn poll(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Octets of payload sent so far, modulo 2^32 (RFC 3550 §6.4.1).
    pub(crate) fn octets(&self) -> u32 {
        self.octets
    }

    /// The timestamp of a position.
    pub(crate) fn timestamp(&self, position: i64) -> u32 {
        self.offset.wrapping_add(position as u32)
    }

    /// Fills the slot at `position`: the packet into `out`, the samples it carries into `pcm`; how many octets.
    pub(crate) fn slot(&mut self, position: i64, pcm: &mut Frame, out: &mut [u8]) -> usize {
        self.position = position;
        pcm.fill(0);
        self.advance();
        if let (Dial::Event { sender, start, over, .. }, Some(payload_type)) =
            (&mut self.dial, self.format.telephone_event)
        {
            let packet = sender.packet(position - *start + STEP);
            *over = packet.done;
            let timestamp = self.offset.wrapping_add(*start as u32);
            return self.packet(packet.marker, payload_type, timestamp, &packet.payload, out);
        }
        match self.dial {
            Dial::Tone { queued, start, end } => {
                for (place, sample) in (position..end).zip(pcm.iter_mut()) {
                    *sample = dtmf_tone::sample(queued.digit, place - start);
                }
            }
            Dial::Idle if self.digits.is_empty() => self.fill_from_line(pcm),
            Dial::Idle | Dial::Event { .. } => {}
        }
        let codec = self.format.codec;
        let mut payload = [0u8; FRAME_SAMPLES];
        for (octet, sample) in payload.iter_mut().zip(pcm.iter_mut()) {
            *octet = codec.encoded(*sample);
            *sample = codec.decoded(*octet);
        }
        let marker = !std::mem::replace(&mut self.begun, true);
        self.packet(marker, self.format.payload_type, self.timestamp(position), &payload, out)
    }

    fn packet(
        &mut self,
        marker: bool,
        payload_type: u8,
        timestamp: u32,
        payload: &[u8],
        out: &mut [u8],
    ) -> usize {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        let ssrc = self.ssrc;
        Rtp { marker, payload_type, sequence, timestamp, ssrc, payload }.write(out)
    }

    /// Ends what is over at this slot and begins what is next.
    fn advance(&mut self) {
        let position = self.position;
        let over = match &mut self.dial {
            Dial::Idle => None,
            Dial::Event { sender, queued, start, told, over } => {
                let end = *start + sender.length();
                if position >= end && !std::mem::replace(told, true) {
                    self.notices.push_back(sent(*queued, *start, end));
                }
                (*over && *told).then_some((*queued, end))
            }
            Dial::Tone { queued, start, end } => {
                let (queued, end) = (*queued, *end);
                (position >= end).then(|| {
                    self.notices.push_back(sent(queued, *start, end));
                    (queued, end)
                })
            }
        };
        if let Some((queued, end)) = over {
            self.not_before = end + axis::count(queued.gap);
            self.dial = Dial::Idle;
        }
        if matches!(self.dial, Dial::Idle)
            && position >= self.not_before
            && let Some(queued) = self.digits.pop_front()
        {
            self.dial = self.begin(queued);
        }
        if self.line.as_ref().is_some_and(|line| line.span.is_some() && line.sent >= line.pcm.len())
        {
            self.stop_playing();
        }
    }

    fn begin(&self, queued: Queued) -> Dial {
        let start = self.position;
        if self.format.telephone_event.is_some() {
            let sender = EventSender::new(queued.digit, queued.on);
            Dial::Event { sender, queued, start, told: false, over: false }
        } else {
            Dial::Tone { queued, start, end: start + axis::count(queued.on) }
        }
    }

    fn fill_from_line(&mut self, pcm: &mut Frame) {
        let Some(line) = &mut self.line else { return };
        let start = line.span.map_or(self.position, |(start, _)| start);
        if line.span.is_none() {
            self.notices.push_back(Notice::PlayStarted { token: line.token, start });
        }
        let rest = &line.pcm[line.sent..];
        let count = rest.len().min(pcm.len());
        pcm[..count].copy_from_slice(&rest[..count]);
        line.sent += count;
        line.span = Some((start, self.position + count as i64));
    }
}

fn sent(queued: Queued, start: i64, end: i64) -> Notice {
    let Queued { digit, token, last, .. } = queued;
    Notice::DigitSent { digit, start, end, token, last }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::dtmf_event::EventPayload;
    use crate::media::rtp::MAX_DATAGRAM;

    const FORMAT: Format =
        Format { codec: Codec::Pcmu, payload_type: 0, telephone_event: Some(101) };
    const ON: Duration = Duration::from_millis(60);
    const GAP: Duration = Duration::from_millis(100);

    fn sender(format: Format) -> Sender {
        let mut sender = Sender::new(7, u16::MAX, u32::MAX - 160);
        sender.set_format(format);
        sender
    }

    /// Payload type, marker, sequence, timestamp, payload and samples of a slot.
    fn slot(sender: &mut Sender, n: i64) -> (u8, bool, u16, u32, Vec<u8>, Frame) {
        let (mut pcm, mut out) = ([0; FRAME_SAMPLES], [0; MAX_DATAGRAM]);
        let length = sender.slot(n * STEP, &mut pcm, &mut out);
        let packet = Rtp::parse(&out[..length]).unwrap();
        assert_eq!(packet.ssrc, 7);
        let Rtp { payload_type, marker, sequence, timestamp, payload, .. } = packet;
        (payload_type, marker, sequence, timestamp, payload.to_vec(), pcm)
    }

    fn notices(sender: &mut Sender) -> Vec<Notice> {
        std::iter::from_fn(|| sender.poll()).collect()
    }

    #[test]
    fn silence_is_sent_in_an_unbroken_row_of_numbers_and_timestamps() {
        let mut sender = sender(FORMAT);
        let sent: Vec<_> = (0..4).map(|n| slot(&mut sender, n)).collect();
        let numbers: Vec<_> = sent.iter().map(|s| s.2).collect();
        let timestamps: Vec<_> = sent.iter().map(|s| s.3).collect();
        assert_eq!(numbers, [u16::MAX, 0, 1, 2]);
        assert_eq!(timestamps, [u32::MAX - 160, u32::MAX, 159, 319]);
        assert!(sent.iter().all(|s| s.4 == [0xFF; 160] && s.5 == [0; 160]));
        assert!(sent[0].1 && !sent[1].1);
        assert_eq!(sender.octets(), 640);
    }

    #[test]
    fn a_line_of_200_samples_takes_two_slots_and_ends_at_its_last_sample() {
        let mut sender = sender(FORMAT);
        slot(&mut sender, 0);
        sender.play(vec![1_000; 200].into(), 5);
        assert!(slot(&mut sender, 1).5.iter().all(|s| (900..1_100).contains(s)));
        assert_eq!(notices(&mut sender), [Notice::PlayStarted { token: 5, start: 160 }]);
        let last = slot(&mut sender, 2).5;
        assert!(last[..40].iter().all(|s| *s > 900) && last[40..] == [0; 120]);
        assert_eq!(notices(&mut sender), []);
        slot(&mut sender, 3);
        assert_eq!(notices(&mut sender), [Notice::PlayEnded { token: 5, start: 160, end: 360 }]);
    }

    #[test]
    fn a_line_that_is_stopped_or_replaced_ends_where_it_was() {
        let mut sender = sender(FORMAT);
        sender.play(vec![1_000; 1_600].into(), 1);
        slot(&mut sender, 0);
        sender.play(vec![].into(), 2);
        slot(&mut sender, 1);
        slot(&mut sender, 2);
        sender.stop_playing();
        let expected = [
            Notice::PlayStarted { token: 1, start: 0 },
            Notice::PlayEnded { token: 1, start: 0, end: 160 },
            Notice::PlayStarted { token: 2, start: 160 },
            Notice::PlayEnded { token: 2, start: 160, end: 160 },
        ];
        assert_eq!(notices(&mut sender), expected);
    }

    #[test]
    fn digits_stand_in_place_of_audio_with_the_timestamp_of_their_start_and_the_line_waits() {
        let mut sender = sender(FORMAT);
        sender.play(vec![1_000; 320].into(), 1);
        slot(&mut sender, 0);
        sender.dial(&Digit::row("12").unwrap(), ON, GAP, 9);
        let sent: Vec<_> = (1..24).map(|n| slot(&mut sender, n)).collect();
        let events: Vec<_> = sent.iter().take_while(|s| s.0 == 101).collect();
        // 60 ms are three packets, the last of them is sent three times.
        assert_eq!(events.len(), 5);
        assert!(events.iter().all(|s| s.3 == sender.timestamp(160)));
        assert!(events[0].1 && events[1..].iter().all(|s| !s.1));
        assert!(events.iter().all(|s| s.5 == [0; 160]));
        let ends = events.iter().filter(|s| EventPayload::parse(&s.4).unwrap().end).count();
        assert_eq!(ends, 3);
        let numbers: Vec<_> = sent.iter().map(|s| s.2).collect();
        assert!(numbers.windows(2).all(|w| w[1] == w[0].wrapping_add(1)));
        let digit = |key, start, last| Notice::DigitSent {
            digit: Digit::new(key).unwrap(),
            start,
            end: start + 480,
            token: 9,
            last,
        };
        // The gap of 100 ms counts from the end of the digit: 160 + 480 + 800.
        let expected = [
            Notice::PlayStarted { token: 1, start: 0 },
            digit('1', 160, false),
            digit('2', 1_440, true),
            Notice::PlayEnded { token: 1, start: 0, end: 2_400 },
        ];
        assert_eq!(notices(&mut sender), expected);
        let speaking = sent.iter().filter(|s| s.5[0] > 900).count();
        assert_eq!(speaking, 1);
    }

    #[test]
    fn without_events_a_digit_is_a_tone_of_its_length() {
        let mut sender = sender(Format { telephone_event: None, ..FORMAT });
        sender.dial(&Digit::row("7").unwrap(), Duration::from_millis(50), GAP, 1);
        let samples: Vec<i16> = (0..5).flat_map(|n| slot(&mut sender, n).5).collect();
        assert!(samples[..400].iter().filter(|s| s.unsigned_abs() > 500).count() > 300);
        assert_eq!(samples[400..], [0; 400]);
        let end = notices(&mut sender).pop();
        assert!(matches!(end, Some(Notice::DigitSent { start: 0, end: 400, last: true, .. })));
    }

    #[test]
    fn a_digit_under_way_ends_when_the_far_end_wants_no_more_events() {
        let mut sender = sender(FORMAT);
        sender.dial(&Digit::row("7").unwrap(), ON, GAP, 1);
        slot(&mut sender, 0);
        sender.set_format(Format { telephone_event: None, ..FORMAT });
        assert!((1..5).all(|n| slot(&mut sender, n).0 == 0));
        assert!(matches!(notices(&mut sender)[..], [Notice::DigitSent { last: true, .. }]));
    }
}
