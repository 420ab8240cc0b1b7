//! The loop of the media thread.
//!
//! Enters: commands, datagrams, the clock. Leaves: datagrams at their slots, events to calls by `try_send`, batches
//! to the recorder by `try_send`: nobody is waited for, and what could not be handed over is counted and told.

use super::wheel::Wheel;
use crate::clock;
use crate::domain::digit::Digit;
use crate::media::batch::Batch;
use crate::media::event::{MediaEvent, MediaEventKind, StreamReport};
use crate::media::recorder::{Finish, Message};
use crate::media::rtp::MAX_DATAGRAM;
use crate::media::session::{Closed, Link, Session};
use crate::media::socket::driver::{ClockPairing, MediaSocket};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Datagrams taken from one socket before the others have their turn.
const DRAIN: usize = 64;
/// Slots between two batches for the recorder: 200 ms.
const BATCH_EVERY: u32 = 10;
/// Problems that a report lists, at most.
const MOST_PROBLEMS: usize = 16;
const PAIR_EVERY: Duration = Duration::from_secs(1);
/// Key of the waker among the sockets.
const WAKER: u64 = u64::MAX;
/// Set in the key of an RTCP socket; the rest names its stream.
const RTCP: u64 = 1 << 62;
/// Messages for the recorder that may wait beyond its own queue; then audio is dropped and the call is told.
const MOST_WAITING: usize = 8_192;

/// A stream as it is handed to the thread.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) rtp: MediaSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) events: mpsc::Sender<MediaEvent>,
    pub(crate) recorded: bool,
}

/// Orders of a stream.
pub(crate) enum Order {
    Open(Box<Opened>),
    Connect { at: Instant, link: Link },
    Play { pcm: Arc<[i16]>, token: u64 },
    StopPlaying,
    Dial { row: Vec<Digit>, on: Duration, gap: Duration, token: u64 },
    Close { at: Instant, reply: Option<oneshot::Sender<StreamReport>> },
}

/// An order and the stream it is for.
pub(crate) struct Command {
    pub(crate) stream: u64,
    pub(crate) order: Order,
}

struct Live {
    session: Session,
    rtp: MediaSocket,
    rtcp: UdpSocket,
    events: mpsc::Sender<MediaEvent>,
    recorded: bool,
    connected: bool,
    /// Events that the call had no room for.
    lost_events: u64,
    slots: u32,
    send_failed: bool,
    problems: Vec<String>,
}

/// The thread's state.
pub(crate) struct Pacer {
    epoll: Epoll,
    waker: Arc<EventFd>,
    commands: Receiver<Command>,
    recorder: SyncSender<Message>,
    /// Messages the recorder had no room for.
    waiting: VecDeque<Message>,
    streams: HashMap<u64, Live>,
    wheel: Wheel,
    pairing: ClockPairing,
    /// Sockets that were not drained to the end.
    unfinished: Vec<u64>,
    buffer: Box<[u8; MAX_DATAGRAM]>,
}

impl Pacer {
    pub(crate) fn new(
        waker: Arc<EventFd>,
        commands: Receiver<Command>,
        recorder: SyncSender<Message>,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&*waker, EpollEvent::new(EpollFlags::EPOLLIN, WAKER))?;
        Ok(Self {
            epoll,
            waker,
            commands,
            recorder,
            waiting: VecDeque::new(),
            streams: HashMap::new(),
            wheel: Wheel::new(clock::now()),
            pairing: ClockPairing::now(),
            unfinished: Vec::new(),
            buffer: Box::new([0; MAX_DATAGRAM]),
        })
    }

    /// Runs until the last handle is gone.
    pub(crate) fn run(mut self) {
        let mut due = Vec::new();
        let mut events = [EpollEvent::empty(); 256];
        loop {
            if let Err(error) = self.wait() {
                tracing::error!(%error, "the media thread cannot wait for its sockets and ends");
                return;
            }
            if !self.obey() {
                return;
            }
            self.hear(&mut events);
            let now = clock::now();
            due.clear();
            self.wheel.turn(now, &mut due);
            for &stream in &due {
                self.slot(stream, now);
            }
            self.hand_over();
            if now.saturating_duration_since(self.pairing.read_at()) >= PAIR_EVERY {
                self.pairing = ClockPairing::now();
            }
        }
    }

    /// Waits for a socket, a command or the next slot.
    fn wait(&self) -> io::Result<()> {
        let busy = !self.unfinished.is_empty();
        let until = if busy { Some(clock::now()) } else { self.wheel.next() };
        let span = until.map(|at| at.saturating_duration_since(clock::now()));
        // With messages for the recorder in hand, look again soon.
        let soon = (!self.waiting.is_empty()).then_some(Duration::from_millis(5));
        let span = match (span, soon) {
            (Some(span), Some(soon)) => Some(span.min(soon)),
            (span, soon) => span.or(soon),
        };
        let mut fds = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, span.map(TimeSpec::from_duration), None) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out what was ordered; `false` if nobody can order anything any more.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command { stream, order }) => self.carry_out(stream, order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    let at = clock::now();
                    let streams: Vec<_> = self.streams.keys().copied().collect();
                    for stream in streams {
                        self.close(stream, at, None);
                    }
                    for message in std::mem::take(&mut self.waiting) {
                        // Nothing is paced any more, so the recorder may be waited for.
                        let _ = self.recorder.send(message);
                    }
                    return false;
                }
            }
        }
    }

    fn carry_out(&mut self, stream: u64, order: Order) {
        match order {
            Order::Open(opened) => self.open(stream, *opened),
            Order::Close { at, reply } => self.close(stream, at, reply),
            Order::Connect { at, link } => {
                let Some(live) = self.streams.get_mut(&stream) else { return };
                // What waits in the socket came before.
                let due = if std::mem::replace(&mut live.connected, true) {
                    at
                } else {
                    drain(live, &self.pairing, &mut self.buffer);
                    self.wheel.add(stream, clock::now())
                };
                live.session.connect(at, due, link);
            }
            Order::Play { pcm, token } => self.with(stream, |session| session.play(pcm, token)),
            Order::StopPlaying => self.with(stream, Session::stop_playing),
            Order::Dial { row, on, gap, token } => {
                self.with(stream, |session| session.dial(&row, on, gap, token));
            }
        }
    }

    fn with(&mut self, stream: u64, act: impl FnOnce(&mut Session)) {
        if let Some(live) = self.streams.get_mut(&stream) {
            act(&mut live.session);
            live.tell();
        }
    }

    fn open(&mut self, stream: u64, opened: Opened) {
        let Opened { session, rtp, rtcp, events, recorded } = opened;
        let readable = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, stream);
        let reports = EpollEvent::new(EpollFlags::EPOLLIN, stream | RTCP);
        let watched = self.epoll.add(&rtp, readable);
        if let Err(error) = watched.and_then(|()| self.epoll.add(&rtcp, reports)) {
            let what = format!("the media socket cannot be watched: {error}");
            let kind = MediaEventKind::Degraded { what };
            let _ = events.try_send(MediaEvent { at: clock::now(), kind });
        }
        let live = Live {
            session,
            rtp,
            rtcp,
            events,
            recorded,
            connected: false,
            lost_events: 0,
            slots: 0,
            send_failed: false,
            problems: Vec::new(),
        };
        self.streams.insert(stream, live);
    }

    /// Drains the sockets that have something.
    fn hear(&mut self, events: &mut [EpollEvent]) {
        let mut ready = std::mem::take(&mut self.unfinished);
        let count = self.epoll.wait(events, EpollTimeout::ZERO).unwrap_or(0);
        for event in &events[..count] {
            if event.data() == WAKER {
                let _ = self.waker.read();
            } else if event.data() & RTCP != 0 {
                self.hear_reports(event.data() & !RTCP);
            } else {
                ready.push(event.data());
            }
        }
        for stream in ready.drain(..) {
            let Some(live) = self.streams.get_mut(&stream) else { continue };
            if !drain(live, &self.pairing, &mut self.buffer) {
                self.unfinished.push(stream);
            }
            live.tell();
        }
    }

    /// Takes the far end's reports; what is left comes up again with the next round.
    fn hear_reports(&mut self, stream: u64) {
        let Some(live) = self.streams.get_mut(&stream) else { return };
        for _ in 0..DRAIN {
            let Ok((length, from)) = live.rtcp.recv_from(&mut self.buffer[..]) else { return };
            let now = clock::now();
            let wall = self.pairing.wall(now);
            live.session.receive_report(now, wall, from, &self.buffer[..length]);
        }
    }

    /// Sends what is due for a stream.
    fn slot(&mut self, stream: u64, now: Instant) {
        let Some(live) = self.streams.get_mut(&stream) else { return };
        while let Some(datagram) = live.session.slot(now, &mut self.buffer[..]) {
            if datagram.length > 0 {
                let sent = live.rtp.send(&self.buffer[..datagram.length], datagram.to);
                if let Err(error) = sent {
                    live.send_failed(now, &error);
                }
            }
        }
        if let Some((to, report)) = live.session.report(now, self.pairing.wall(now)) {
            // A far end that takes no reports refuses them; nobody minds.
            let _ = live.rtcp.send_to(&report, to);
        }
        live.session.settle(now);
        live.tell();
        live.slots += 1;
        if live.recorded
            && live.slots.is_multiple_of(BATCH_EVERY)
            && let Some(batch) = live.session.take_batch(now)
        {
            if self.waiting.len() < MOST_WAITING {
                let batch = Box::new(batch);
                self.waiting.push_back(Message::Batch { stream, batch });
            } else {
                let what = "200 ms of a recording were dropped: the disk does not keep up";
                live.degraded(now, what.to_owned());
            }
        }
    }

    fn close(&mut self, stream: u64, at: Instant, reply: Option<oneshot::Sender<StreamReport>>) {
        let Some(mut live) = self.streams.remove(&stream) else { return };
        self.wheel.remove(stream);
        while !drain(&mut live, &self.pairing, &mut self.buffer) {}
        let live_lost = live.lost_events;
        let Live { session, rtp, rtcp, events, recorded, mut problems, .. } = live;
        let Closed { quality, batch, length, missing, events: last } = session.close(at);
        if live_lost > 0 {
            problems.push(format!("{live_lost} media events were not read in time"));
        }
        for event in last {
            // A call that has stopped reading does not need its last events.
            let _ = events.try_send(event);
        }
        // The port is free again before the call hears that the stream is closed.
        let _ = self.epoll.delete(&rtp);
        let _ = self.epoll.delete(&rtcp);
        drop((rtp, rtcp));
        if recorded {
            let finish = Box::new(Finish { quality, length, missing, problems, reply });
            let batch: Box<Batch> = Box::new(batch);
            self.waiting.push_back(Message::Finish { stream, batch, finish });
        } else if let Some(reply) = reply {
            let _ = reply.send(StreamReport { quality, problems, recording: None });
        }
    }

    /// Hands messages to the recorder as long as it has room.
    fn hand_over(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            // If the recorder is gone, a finish that is dropped here tells its call by the closed reply.
            if let Err(TrySendError::Full(message)) = self.recorder.try_send(message) {
                self.waiting.push_front(message);
                return;
            }
        }
    }
}

impl Live {
    /// Gives events to the call; those it has no room for are counted and told when there is room again.
    fn tell(&mut self) {
        while let Some(event) = self.session.poll() {
            if self.lost_events > 0 {
                let what = format!("{} media events were not read in time", self.lost_events);
                let kind = MediaEventKind::Degraded { what };
                if self.events.try_send(MediaEvent { at: event.at, kind }).is_err() {
                    self.lost_events += 1;
                    continue;
                }
                self.lost_events = 0;
            }
            match self.events.try_send(event) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(_)) => self.lost_events += 1,
            }
        }
    }

    /// Tells the call and the report.
    fn degraded(&mut self, at: Instant, what: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(what.clone());
        }
        // A call that does not read its events learns of it from the report.
        let _ = self.events.try_send(MediaEvent { at, kind: MediaEventKind::Degraded { what } });
    }

    fn send_failed(&mut self, at: Instant, error: &io::Error) {
        // A refusal by ICMP only says that the far end has closed its port.
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        if !refused && !std::mem::replace(&mut self.send_failed, true) {
            self.degraded(at, format!("a media packet could not be sent: {error}"));
        }
    }
}

/// Takes datagrams from a socket; `false` if there may be more.
fn drain(live: &mut Live, pairing: &ClockPairing, buffer: &mut [u8; MAX_DATAGRAM]) -> bool {
    for _ in 0..DRAIN {
        match live.rtp.receive(pairing, buffer) {
            Ok(Some(received)) => {
                if let Some(dropped) = received.dropped {
                    live.session.kernel_drops(u64::from(dropped));
                }
                live.session.receive(received.at, received.from, &buffer[..received.length]);
            }
            Ok(None) => return true,
            Err(error) => {
                tracing::debug!(%error, "a media socket cannot be read");
                return true;
            }
        }
    }
    false
}
