//! One stream as a pure machine: both directions, their measurements and what they leave behind.
//!
//! Enters: instants, datagrams with their kernel receive times, orders. Leaves: datagrams at their slots, events,
//! batches for the recorder, and the line quality at the end. After each call, drain [`Session::poll`].

use super::axis::Axis;
use super::batch::{Batch, Fact, Fate};
use super::codec::{COMFORT_NOISE, Codec};
use super::dtmf_event::{EventPayload, EventReceiver};
use super::event::{MediaEvent, MediaEventKind};
use super::playout::{Head, Playout};
use super::quality::Meter;
use super::reports;
use super::reports::Reports;
use super::rtcp::{self, OurReport, TheirReport};
use super::rtp::{NotRtp, Rtp};
use super::sender::{Format, Notice, Sender};
use super::source::{Origin, Source};
use crate::domain::audio::{FRAME, FRAME_SAMPLES, Frame};
use crate::domain::digit::Digit;
use crate::domain::quality::LineQuality;
use crate::domain::timeline::Discontinuity;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Later than this, slots are skipped instead of made up for.
const LATEST: Duration = Duration::from_millis(60);
/// The recording waits this long for packets out of order: 500 ms.
const SETTLED_AFTER: i64 = 4_000;

/// Datagrams kept from before `connect` was carried out: those that came after it was called are heard.
const MOST_EARLY: usize = 64;

/// Where and how the far end wants to be sent to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) remote: SocketAddr,
    pub(crate) format: Format,
}

/// A stream after `connect`.
#[derive(Debug)]
struct Open {
    axis: Axis,
    source: Source,
    format: Format,
    playout: Playout,
    /// When the next packet is due.
    due: Instant,
    audio_type: Option<u8>,
    reports: Reports,
}

/// What there is to send in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) to: SocketAddr,
    pub(crate) length: usize,
}

/// A stream.
#[derive(Debug)]
pub(crate) struct Session {
    open: Option<Open>,
    sender: Sender,
    digits: EventReceiver,
    meter: Meter,
    recorded: bool,
    batch: Batch,
    scratch: Vec<i16>,
    early: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    events: VecDeque<MediaEvent>,
}

/// How a stream ended.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) quality: LineQuality,
    /// What the recorder has not got yet.
    pub(crate) batch: Batch,
    /// The instant of sample 0 and the length in samples; `None` if the stream was never connected.
    pub(crate) length: Option<(Instant, i64)>,
    pub(crate) missing: u64,
    pub(crate) events: VecDeque<MediaEvent>,
}

impl Session {
    pub(crate) fn new(sender: Sender, recorded: bool) -> Self {
        Self {
            open: None,
            sender,
            digits: EventReceiver::default(),
            meter: Meter::default(),
            recorded,
            batch: Batch::default(),
            scratch: Vec::with_capacity(FRAME_SAMPLES * 2),
            early: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Starts sending and hearing; `at` becomes sample 0, `due` is the first slot, not before `at`. Again: changes
    /// address and format, the axis stays.
    pub(crate) fn connect(&mut self, at: Instant, due: Instant, link: Link) {
        self.sender.set_format(link.format);
        if let Some(open) = &mut self.open {
            open.source.rename(link.remote, at);
            open.format = link.format;
            return;
        }
        let axis = Axis::new(at);
        self.open = Some(Open {
            axis,
            source: Source::new(link.remote, at),
            format: link.format,
            playout: Playout::new(axis),
            due,
            audio_type: None,
            reports: Reports::new(at),
        });
        let mut before = 0;
        for (arrival, from, datagram) in std::mem::take(&mut self.early) {
            if arrival >= at {
                self.receive(arrival, from, &datagram);
            } else {
                before += 1;
            }
        }
        if before > 0 {
            tracing::debug!(packets = before, "media came before the stream was connected");
        }
    }

    pub(crate) fn play(&mut self, pcm: Arc<[i16]>, token: u64) {
        self.sender.play(pcm, token);
        self.tell();
    }

    pub(crate) fn stop_playing(&mut self) {
        self.sender.stop_playing();
        self.tell();
    }

    pub(crate) fn dial(&mut self, row: &[Digit], on: Duration, gap: Duration, token: u64) {
        self.sender.dial(row, on, gap, token);
    }

    /// The next event.
    pub(crate) fn poll(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// Takes the kernel's count of datagrams it dropped for us.
    pub(crate) fn kernel_drops(&mut self, total: u64) {
        self.meter.kernel_drops(total);
    }

    /// Takes a datagram that arrived at `at`.
    pub(crate) fn receive(&mut self, at: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(open) = &mut self.open else {
            if self.early.len() == MOST_EARLY {
                self.early.pop_front();
            }
            self.early.push_back((at, from, datagram.to_vec()));
            return;
        };
        let packet = match Rtp::parse(datagram) {
            Ok(packet) => packet,
            Err(NotRtp::Rtcp) => return,
            Err(NotRtp::Short | NotRtp::Version | NotRtp::Padding) => {
                self.meter.discarded();
                return;
            }
        };
        match open.source.handle(from, at) {
            Origin::Known => {}
            Origin::Foreign => return self.meter.foreign(),
            Origin::Moved => {
                let moved = MediaEventKind::Discontinuity(Discontinuity::SourceMoved);
                self.events.push_back(MediaEvent { at, kind: moved });
            }
        }
        if self.meter.packets_received() == 0 {
            self.events.push_back(MediaEvent { at, kind: MediaEventKind::FirstPacket });
        }
        let fate = self.hear(at, &packet);
        match fate {
            Fate::Twice | Fate::Late | Fate::Unknown => self.meter.discarded(),
            Fate::Reordered => {
                self.meter.received(at);
                self.meter.reordered();
            }
            Fate::Used | Fate::Held | Fate::Event | Fate::Noise => self.meter.received(at),
        }
        self.note_packet(at, &packet, fate);
        self.settle(at);
    }

    /// Reads a packet of the far end by its payload type.
    fn hear(&mut self, at: Instant, packet: &Rtp<'_>) -> Fate {
        let Some(open) = &mut self.open else { return Fate::Unknown };
        let &Rtp { ssrc, sequence, timestamp, payload_type, payload, .. } = packet;
        let head = Head { at, ssrc, sequence, timestamp };
        if Some(payload_type) == open.format.telephone_event {
            let Some(event) = EventPayload::parse(payload) else { return Fate::Unknown };
            let Some(start) = open.playout.mark(head, i64::from(event.duration)) else {
                return Fate::Twice;
            };
            self.digits.handle(at, ssrc, timestamp, event, start);
            return Fate::Event;
        }
        if payload_type == COMFORT_NOISE {
            return open.playout.mark(head, 0).map_or(Fate::Twice, |_| Fate::Noise);
        }
        let agreed = (payload_type == open.format.payload_type).then_some(open.format.codec);
        let Some(codec) = agreed.or_else(|| Codec::of_payload_type(payload_type)) else {
            return Fate::Unknown;
        };
        if payload.is_empty() {
            return Fate::Unknown;
        }
        if let Some(from) = open.audio_type.replace(payload_type).filter(|t| *t != payload_type) {
            let change = Discontinuity::PayloadType { from, to: payload_type };
            self.events.push_back(MediaEvent { at, kind: MediaEventKind::Discontinuity(change) });
        }
        codec.decode_into(payload, &mut self.scratch);
        self.meter.transit(ssrc, open.axis.position(at), timestamp);
        open.playout.audio(head, &self.scratch)
    }

    /// The slot that is due, if any: call until it says `None`. The datagram is in `out`.
    pub(crate) fn slot(&mut self, now: Instant, out: &mut [u8]) -> Option<Datagram> {
        let open = self.open.as_mut()?;
        let late = now.checked_duration_since(open.due)?;
        if late > LATEST {
            self.skip(now, late);
        }
        let open = self.open.as_mut()?;
        let late = now.checked_duration_since(open.due)?;
        let position = open.axis.position(open.due);
        open.due += FRAME;
        let target = open.source.target();
        let mut pcm = [0; FRAME_SAMPLES];
        let length = self.sender.slot(position, &mut pcm, out);
        if target.is_some() {
            self.meter.sent(late);
            if self.recorded {
                self.batch.ours.push(position, &pcm);
            }
        }
        self.tell();
        // Without a target the slot passes in silence; a length of 0 tells the caller to send nothing.
        let to = target.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        Some(Datagram { to, length: if target.is_some() { length } else { 0 } })
    }

    /// Leaves out the slots that cannot be made up for, except the newest.
    fn skip(&mut self, now: Instant, late: Duration) {
        let Some(open) = &mut self.open else { return };
        let slots = (late.as_nanos() / FRAME.as_nanos()) as u32;
        open.due += FRAME * slots;
        self.meter.skipped(u64::from(slots));
        let at = open.axis.position(now) * 125;
        if self.recorded {
            self.batch.facts.push(Fact::Skipped { at, slots: u64::from(slots) });
        }
        let what = format!("sending was {} ms late, {slots} packets skipped", late.as_millis());
        self.events.push_back(MediaEvent { at: now, kind: MediaEventKind::Degraded { what } });
    }

    /// Our RTCP report if one is due, and where to; `wall` is nanoseconds since 1970 at `now`.
    pub(crate) fn report(&mut self, now: Instant, wall: i128) -> Option<(SocketAddr, Vec<u8>)> {
        let open = self.open.as_mut()?;
        let target = open.source.target()?;
        let to = SocketAddr::new(target.ip(), target.port().checked_add(1)?);
        if !open.reports.due(now) {
            return None;
        }
        let timestamp = self.sender.timestamp(open.axis.position(now));
        let ours = OurReport {
            ssrc: self.sender.ssrc,
            ntp: rtcp::ntp(wall),
            timestamp,
            packets: self.meter.packets_sent() as u32,
            octets: self.sender.octets(),
            heard: open.reports.block(now, &open.playout, &self.meter),
        };
        Some((to, ours.octets()))
    }

    /// Takes an RTCP datagram that arrived at `at`; `wall` is nanoseconds since 1970 at `at`.
    pub(crate) fn receive_report(
        &mut self,
        at: Instant,
        wall: i128,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        let Some(open) = self.open.as_mut().filter(|o| o.source.is_host(from)) else { return };
        let theirs = TheirReport::parse(datagram);
        if let Some((_, ntp)) = theirs.sent {
            open.reports.heard(at, ntp);
        }
        for block in theirs.blocks.iter().filter(|b| b.ssrc == self.sender.ssrc && self.recorded) {
            self.batch.facts.push(Fact::ReceiverReport {
                at: open.axis.position(at) * 125,
                fraction_lost: block.fraction_lost,
                lost: block.lost,
                jitter: block.jitter,
                round_trip: reports::round_trip(wall, block),
            });
        }
    }

    /// Gives out what is ready and has waited long enough; call after each drained socket and at each slot.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.digits.tick(now);
        if let Some(open) = &mut self.open {
            open.playout.tick(now);
            while let Some((position, frame)) = open.playout.poll_frame(now) {
                self.meter.heard(&frame);
                self.events.push_back(frame_event(open.axis, position, &frame));
            }
        }
        self.note_changes();
    }

    /// What is new for the recorder; call a few times a second.
    pub(crate) fn take_batch(&mut self, now: Instant) -> Option<Batch> {
        let open = self.open.as_mut()?;
        let settled = (open.axis.position(now) - SETTLED_AFTER).max(0);
        let theirs = open.playout.take_placed(settled);
        let batch = Batch { theirs, settled, ..std::mem::take(&mut self.batch) };
        self.recorded.then_some(batch)
    }

    /// Ends the stream at `now`.
    pub(crate) fn close(mut self, now: Instant) -> Closed {
        self.sender.stop_playing();
        self.tell();
        self.digits.finish();
        let mut length = None;
        let (mut expected, mut missing) = (0, 0);
        if let Some(open) = &mut self.open {
            let end = open.axis.position(now).max(0);
            while let Some((position, frame)) = open.playout.poll_rest(end) {
                self.meter.heard(&frame);
                self.events.push_back(frame_event(open.axis, position, &frame));
            }
            length = Some((open.axis.zero(), end));
            expected = open.playout.expected();
            missing = open.playout.missing();
        }
        self.note_changes();
        let batch = self.take_batch(now).unwrap_or_default();
        let quality = self.meter.report(now, expected);
        Closed { quality, batch, length, missing, events: self.events }
    }

    /// Turns the sender's notices into events and sidecar lines.
    fn tell(&mut self) {
        let Some(axis) = self.open.as_ref().map(|o| o.axis) else { return };
        while let Some(notice) = self.sender.poll() {
            let event = match notice {
                Notice::PlayStarted { token, start } => MediaEvent {
                    at: axis.instant(start),
                    kind: MediaEventKind::PlayStarted { token },
                },
                Notice::PlayEnded { token, start, end } => {
                    let (start, end) = (axis.instant(start), axis.instant(end));
                    MediaEvent { at: end, kind: MediaEventKind::PlayEnded { token, start, end } }
                }
                Notice::DigitSent { digit, start, end, token, last } => {
                    if self.recorded {
                        let (start, end) = (start * 125, end * 125);
                        self.batch.facts.push(Fact::DigitSent { start, end });
                    }
                    let (start, end) = (axis.instant(start), axis.instant(end));
                    let kind = MediaEventKind::DigitSent { digit, start, end, token, last };
                    MediaEvent { at: end, kind }
                }
            };
            self.events.push_back(event);
        }
    }

    /// Turns digits heard and changes of the media into events and sidecar lines.
    fn note_changes(&mut self) {
        let Some(open) = &mut self.open else { return };
        while let Some(heard) = self.digits.poll() {
            let (start, end) = (open.axis.instant(heard.start), open.axis.instant(heard.end));
            let digit = heard.digit;
            let kind = MediaEventKind::DigitReceived { digit, start, end };
            self.events.push_back(MediaEvent { at: end, kind });
            if self.recorded {
                let (start, end) = (heard.start * 125, heard.end * 125);
                self.batch.facts.push(Fact::DigitReceived { start, end, digit: digit.key() });
            }
        }
        while let Some((at, change)) = open.playout.poll_change() {
            if self.recorded {
                let at = open.axis.position(at) * 125;
                self.batch.facts.push(Fact::Discontinuity { at, change: change.clone() });
            }
            self.events.push_back(MediaEvent { at, kind: MediaEventKind::Discontinuity(change) });
        }
    }

    fn note_packet(&mut self, at: Instant, packet: &Rtp<'_>, fate: Fate) {
        let Some(open) = self.open.as_ref().filter(|_| self.recorded) else { return };
        self.batch.facts.push(Fact::Packet {
            at: open.axis.position(at) * 125,
            seq: packet.sequence,
            ts: packet.timestamp,
            pt: packet.payload_type,
            ssrc: packet.ssrc,
            marker: packet.marker,
            size: packet.payload.len(),
            fate,
        });
    }
}

fn frame_event(axis: Axis, position: i64, frame: &Frame) -> MediaEvent {
    MediaEvent { at: axis.instant(position), kind: MediaEventKind::Frame(Box::new(*frame)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::MAX_DATAGRAM;
    use proptest::prelude::*;

    const FORMAT: Format =
        Format { codec: Codec::Pcma, payload_type: 8, telephone_event: Some(101) };

    fn far() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 2], 5_000))
    }

    fn connected(remote: SocketAddr) -> (Session, Instant) {
        let t0 = crate::clock::now();
        let mut session = Session::new(Sender::new(1, 0, 0), true);
        session.connect(t0, t0 + FRAME, Link { remote, format: FORMAT });
        (session, t0)
    }

    fn packet(n: u16, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let timestamp = u32::from(n) * 160;
        let packet = Rtp { marker: false, payload_type, sequence: n, timestamp, ssrc: 9, payload };
        let mut out = [0; MAX_DATAGRAM];
        let length = packet.write(&mut out);
        out[..length].to_vec()
    }

    fn kinds(session: &mut Session) -> Vec<MediaEventKind> {
        std::iter::from_fn(|| session.poll()).map(|event| event.kind).collect()
    }

    fn slots(session: &mut Session, now: Instant) -> usize {
        let mut out = [0; MAX_DATAGRAM];
        std::iter::from_fn(|| session.slot(now, &mut out)).filter(|d| d.length > 0).count()
    }

    #[test]
    fn slots_up_to_60_ms_late_are_made_up_for_and_later_ones_are_skipped_and_told() {
        let (mut session, t0) = connected(far());
        let due = t0 + FRAME;
        assert_eq!(slots(&mut session, t0 + FRAME.mul_f64(0.99)), 0);
        assert_eq!(slots(&mut session, due + LATEST), 4);
        assert_eq!(kinds(&mut session), []);
        let next = due + FRAME * 4;
        assert_eq!(slots(&mut session, next + LATEST + FRAME), 1);
        let what = "sending was 80 ms late, 4 packets skipped".to_owned();
        assert_eq!(kinds(&mut session), [MediaEventKind::Degraded { what }]);
        let closed = session.close(next + LATEST + FRAME);
        assert_eq!((closed.quality.packets_sent, closed.quality.slots_skipped), (5, 4));
        // What was sent after the skipped slots lies after them.
        let places: Vec<_> = closed.batch.ours.iter().map(|(position, _)| position).collect();
        assert_eq!(places, [160, 320, 480, 640, 1_440]);
    }

    #[test]
    fn to_a_far_end_that_asked_for_nothing_nothing_is_sent() {
        let (mut session, t0) = connected(SocketAddr::from(([0, 0, 0, 0], 9)));
        assert_eq!(slots(&mut session, t0 + FRAME * 2), 0);
        session.connect(t0 + FRAME * 2, t0, Link { remote: far(), format: FORMAT });
        assert_eq!(slots(&mut session, t0 + FRAME * 3), 1);
        assert_eq!(session.close(t0 + FRAME * 3).quality.packets_sent, 1);
    }

    #[test]
    fn a_packet_before_connect_is_not_heard_and_rtcp_and_noise_are_no_audio() {
        let t0 = crate::clock::now();
        let mut early = Session::new(Sender::new(1, 0, 0), false);
        early.receive(t0, far(), &packet(0, 8, &[1; 160]));
        assert_eq!(early.close(t0).quality, LineQuality::default());
        let (mut session, t0) = connected(far());
        session.receive(t0, far(), &packet(0, 8, &[1; 160]));
        session.receive(t0 + FRAME, far(), &packet(1, COMFORT_NOISE, &[60]));
        session.receive(t0 + FRAME, far(), &packet(2, 96, &[1; 160]));
        let mut rtcp = packet(3, 8, &[0; 40]);
        rtcp[1] = 200;
        session.receive(t0 + FRAME, far(), &rtcp);
        session.receive(t0 + FRAME, far(), &[0x80]);
        let closed = session.close(t0 + FRAME * 2);
        assert_eq!(closed.quality.packets_received, 2);
        assert_eq!(closed.quality.packets_discarded, 2);
        assert_eq!(closed.batch.theirs.iter().count(), 1);
        assert_eq!(closed.missing, 0);
    }

    #[test]
    fn a_packet_that_came_between_the_call_of_connect_and_its_doing_is_heard() {
        let t0 = crate::clock::now();
        let mut session = Session::new(Sender::new(1, 0, 0), false);
        session.receive(t0, far(), &packet(0, 8, &[1; 160]));
        session.receive(t0 + FRAME * 2, far(), &packet(2, 8, &[1; 160]));
        session.connect(t0 + FRAME, t0 + FRAME * 3, Link { remote: far(), format: FORMAT });
        session.receive(t0 + FRAME * 3, far(), &packet(3, 8, &[1; 160]));
        let quality = session.close(t0 + FRAME * 4).quality;
        assert_eq!((quality.packets_received, quality.packets_expected), (2, 2));
    }

    #[test]
    fn a_change_of_codec_is_decoded_and_told() {
        let (mut session, t0) = connected(far());
        session.receive(t0, far(), &packet(0, 8, &[0xAA; 160]));
        session.receive(t0 + FRAME, far(), &packet(1, 0, &[0x80; 160]));
        session.settle(t0 + FRAME * 9);
        let told = kinds(&mut session);
        assert_eq!(told[0], MediaEventKind::FirstPacket);
        assert_eq!(told[1], MediaEventKind::Frame(Box::new([32_256; 160])));
        let change = Discontinuity::PayloadType { from: 8, to: 0 };
        assert_eq!(told[2], MediaEventKind::Discontinuity(change));
        assert_eq!(told[3], MediaEventKind::Frame(Box::new([32_124; 160])));
    }

    #[test]
    fn a_digit_of_the_far_end_lies_where_its_timestamp_says() {
        let (mut session, t0) = connected(far());
        session.receive(t0, far(), &packet(0, 8, &[1; 160]));
        for (n, payload) in [[5, 10, 0, 160], [5, 10, 1, 64], [5, 0x8A, 1, 224]].iter().enumerate()
        {
            let mut event = packet(1 + n as u16, 101, payload);
            event[4..8].copy_from_slice(&160u32.to_be_bytes());
            session.receive(t0 + FRAME * (1 + n as u32), far(), &event);
        }
        let digit = Digit::new('5').unwrap();
        let (start, end) = (t0 + FRAME, t0 + FRAME * 4);
        let heard = MediaEventKind::DigitReceived { digit, start, end };
        assert!(kinds(&mut session).contains(&heard));
    }

    #[test]
    fn a_report_is_sent_to_the_odd_port_and_a_report_of_the_far_end_is_noted() {
        let (mut session, t0) = connected(far());
        session.receive(t0, far(), &packet(0, 8, &[1; 160]));
        assert_eq!(session.report(t0, 0), None);
        let wall = 1_000_000_000_000_000_000;
        let (to, octets) = session.report(t0 + Duration::from_secs(3), wall).unwrap();
        assert_eq!(to, SocketAddr::from(([127, 0, 0, 2], 5_001)));
        let block = TheirReport::parse(&octets).blocks[0];
        assert_eq!((block.ssrc, block.lost), (9, 0));
        let about_us = rtcp::Block { ssrc: 1, fraction_lost: 32, ..rtcp::Block::default() };
        let theirs = OurReport {
            ssrc: 9,
            ntp: 0,
            timestamp: 0,
            packets: 0,
            octets: 0,
            heard: Some(about_us),
        };
        let stranger = SocketAddr::from(([127, 0, 0, 9], 5_001));
        session.receive_report(t0, wall, stranger, &theirs.octets());
        session.receive_report(t0, wall, to, &theirs.octets());
        let facts = session.close(t0).batch.facts;
        let noted = facts.iter().filter(|f| {
            matches!(f, Fact::ReceiverReport { fraction_lost: 32, round_trip: None, .. })
        });
        assert_eq!(noted.count(), 1);
    }

    proptest! {
        #[test]
        fn any_datagrams_leave_a_row_of_frames_as_long_as_the_call(
            datagrams in proptest::collection::vec(
                (any::<u16>(), any::<u32>(), prop_oneof![Just(8u8), Just(101), Just(13), 0u8..128],
                 proptest::collection::vec(any::<u8>(), 0..200), 0u32..200), 0..40),
        ) {
            let (mut session, t0) = connected(far());
            let mut now = t0;
            let mut frames = 0u32;
            let mut count = |session: &mut Session| {
                while let Some(event) = session.poll() {
                    if matches!(event.kind, MediaEventKind::Frame(_)) {
                        prop_assert_eq!(event.at, t0 + FRAME * frames);
                        frames += 1;
                    }
                }
                Ok(())
            };
            for (sequence, timestamp, payload_type, payload, wait) in datagrams {
                now += Duration::from_millis(u64::from(wait));
                let mut datagram = packet(sequence, payload_type & 0x7F, &payload);
                datagram[4..8].copy_from_slice(&timestamp.to_be_bytes());
                session.receive(now, far(), &datagram);
                slots(&mut session, now);
                session.settle(now);
                count(&mut session)?;
            }
            let closed = session.close(now);
            let rest = closed.events.iter().filter(|e| matches!(e.kind, MediaEventKind::Frame(_)));
            let frames = u64::from(frames) + rest.count() as u64;
            let length = closed.length.map_or(0, |(_, length)| length) as u64;
            prop_assert!(frames >= length / 160, "{} frames, {} samples", frames, length);
        }
    }
}
