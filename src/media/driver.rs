//! The way into the room: an engine with one media thread and one recorder thread, and a handle per stream.
//!
//! Enters: orders of calls. Leaves: [`MediaEvent`]s over a bounded channel, and a [`StreamReport`] at the end. No
//! order waits for anything but [`Stream::close`], which waits for the files to be closed.

use super::codec::Codec;
use super::error::MediaError;
use super::pacer::driver::{Command, Opened, Order, Pacer};
use super::recorder::{self, Message, RecordingFile};
use super::sender::{Format, Sender};
use super::session::{Link, Session};
use super::socket::driver::Ports;
use crate::clock;
use crate::domain::digit::Digit;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

pub use super::event::{FinishedRecording, MediaEvent, MediaEventKind, StreamReport};

/// Orders that may wait for the media thread; it looks at least once a millisecond while it has streams.
const ORDERS: usize = 4_096;
/// Events a call may leave unread, at least: half a second of frames.
const FEWEST_EVENTS: usize = 32;

/// How the engine binds.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Address the media sockets are bound to; by default all of IPv4.
    pub bind: IpAddr,
    /// Ports that may be taken, two per stream; by default 30000 to 39999.
    pub ports: RangeInclusive<u16>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self { bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED), ports: 30_000..=39_999 }
    }
}

/// What a stream is opened with.
#[derive(Debug, Clone, Default)]
pub struct StreamSpec {
    /// Path of the recording without its endings `.wav` and `.packets.jsonl`; `None` keeps no audio.
    pub record_to: Option<PathBuf>,
    /// Events that may wait to be read; fewer than 32 are taken as 32. Frames come 50 times a second.
    pub events: usize,
}

/// Handle of the media engine. The threads end when the last handle and the last stream are gone.
#[derive(Debug, Clone)]
pub struct MediaEngine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `None` only while the last handle is dropped.
    commands: Option<SyncSender<Command>>,
    waker: Arc<EventFd>,
    recorder: SyncSender<Message>,
    ports: Ports,
    next: AtomicU64,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.waker.write(1);
    }
}

impl Shared {
    fn order(&self, stream: u64, order: Order) -> Result<(), MediaError> {
        let commands = self.commands.as_ref().ok_or(MediaError::Stopped)?;
        commands.try_send(Command { stream, order }).map_err(|error| match error {
            TrySendError::Full(_) => MediaError::Busy,
            TrySendError::Disconnected(_) => MediaError::Stopped,
        })?;
        // The counter of the waker is far from full: the thread empties it with each round.
        let _ = self.waker.write(1);
        Ok(())
    }
}

impl MediaEngine {
    /// Starts the media thread and the recorder thread.
    ///
    /// # Errors
    /// [`MediaError::EmptyRange`] for a range without a pair, [`MediaError::Start`] if the host gives no thread.
    pub fn start(config: MediaConfig) -> Result<Self, MediaError> {
        let failed = |source| MediaError::Start { source };
        let ports = Ports::new(config.bind, config.ports, rand::random())?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let waker = EventFd::from_flags(flags).map_err(|errno| failed(errno.into()))?;
        let waker = Arc::new(waker);
        let recorder = recorder::start().map_err(failed)?;
        let (commands, receiver) = sync_channel(ORDERS);
        let pacer = Pacer::new(waker.clone(), receiver, recorder.clone()).map_err(failed)?;
        let thread = std::thread::Builder::new().name("media".into());
        thread.spawn(move || pacer.run()).map_err(failed)?;
        let shared =
            Shared { commands: Some(commands), waker, recorder, ports, next: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Binds a port pair now, so that an SDP can name it, and creates the recording's files. Nothing is sent and
    /// nothing is heard before [`Stream::connect`].
    ///
    /// # Errors
    /// [`MediaError::PortsExhausted`], [`MediaError::Bind`] or [`MediaError::Recording`].
    pub fn open(&self, spec: StreamSpec) -> Result<Stream, MediaError> {
        let shared = self.shared.clone();
        let (socket, reports) = shared.ports.bind()?;
        let failed = |source| MediaError::Start { source };
        let port = socket.port().map_err(failed)?;
        let id = shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mpsc::channel(spec.events.max(FEWEST_EVENTS));
        let recorded = spec.record_to.is_some();
        if let Some(stem) = spec.record_to {
            let file = Box::new(RecordingFile::create(&stem)?);
            let message = Message::Open { stream: id, file, events: sender.clone() };
            shared.recorder.try_send(message).map_err(|error| match error {
                TrySendError::Full(_) => MediaError::RecorderBusy,
                TrySendError::Disconnected(_) => MediaError::Stopped,
            })?;
        }
        let session =
            Session::new(Sender::new(rand::random(), rand::random(), rand::random()), recorded);
        let opened = Opened { session, rtp: socket, rtcp: reports, events: sender, recorded };
        shared.order(id, Order::Open(Box::new(opened)))?;
        Ok(Stream { events, id, port, shared, closed: false })
    }
}

/// One stream of media: a port pair, both directions, a recording. Dropping it closes it.
#[derive(Debug)]
pub struct Stream {
    /// What happens in the stream. A call that leaves it unread loses events and is told so.
    pub events: mpsc::Receiver<MediaEvent>,
    id: u64,
    port: u16,
    shared: Arc<Shared>,
    closed: bool,
}

impl Stream {
    /// The bound RTP port, even.
    pub fn local_port(&self) -> u16 {
        self.port
    }

    /// Starts sending silence to `remote` and hearing what comes from there; this instant is sample 0 of the axis.
    /// Called again, it changes address and format and the axis stays. Without `telephone_event`, digits are sent as
    /// tones in the audio. To the address 0.0.0.0 or port 0 nothing is sent (hold, RFC 3264 §8.4).
    pub fn connect(
        &self,
        remote: SocketAddr,
        codec: Codec,
        payload_type: u8,
        telephone_event: Option<u8>,
    ) {
        let format = Format { codec, payload_type, telephone_event };
        self.order(Order::Connect { at: clock::now(), link: Link { remote, format } });
    }

    /// Plays a line, mono at 8 kHz, from the next slot on; one that plays is cut short. While digits are dialled it
    /// waits.
    pub fn play(&self, pcm: Arc<[i16]>, token: u64) {
        self.order(Order::Play { pcm, token });
    }

    /// Ends the line that plays.
    pub fn stop_playing(&self) {
        self.order(Order::StopPlaying);
    }

    /// Dials a row of digits, each `on` long (40 ms to 8.18 s, others are brought into it) with at least `gap` between
    /// them. Slots last 20 ms, so a gap may come out up to 20 ms longer.
    pub fn send_digits(&self, digits: Vec<Digit>, on: Duration, gap: Duration, token: u64) {
        self.order(Order::Dial { row: digits, on, gap, token });
    }

    /// Stops, closes the files and gives what was measured.
    pub async fn close(mut self) -> StreamReport {
        self.closed = true;
        let (reply, report) = oneshot::channel();
        self.order(Order::Close { at: clock::now(), reply: Some(reply) });
        report.await.unwrap_or_else(|_| StreamReport {
            problems: vec![MediaError::Stopped.to_string()],
            ..StreamReport::default()
        })
    }

    fn order(&self, order: Order) {
        if let Err(error) = self.shared.order(self.id, order) {
            tracing::error!(stream = self.id, %error, "an order to the media thread was lost");
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.closed {
            self.order(Order::Close { at: clock::now(), reply: None });
        }
    }
}
