//! The simulator's process: a SIP endpoint and a media engine on loopback, one task per call, the truth log.
//!
//! Enters: options and calls from this host. Leaves: the centers' side of those calls, and one line of JSON per call
//! when it is over, written and flushed at once. Calls from other hosts are refused.

use super::audio::{load, name_seed};
use super::center::{CallMachine, Center, Input};
use super::error::SimulatorError;
use super::gate::Gate;
use super::line::Output;
use super::truth::{CallHead, CallTruth, EndedBy, HostTime, Ledger, Note};
use crate::clock;
use crate::domain::number::DialString;
use crate::domain::random::SplitMix64;
use crate::media::{
    Codec as MediaCodec, MediaConfig, MediaEngine, MediaEvent, MediaEventKind, Stream, StreamSpec,
};
use crate::sip::sdp::{AudioTarget, Codec, SessionDescription, audio_answer};
use crate::sip::{
    Endpoint, EndpointConfig, IncomingCall, Leg, LegEvent, LegEventKind, TimerSettings,
};
use nix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::future::{Future, pending};
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

/// Codecs of the centers, the Korean network's first.
const CODECS: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];
/// Media events that may wait: five seconds of frames.
const MEDIA_EVENTS: usize = 256;
/// How long the end of a dialog is waited for.
const FAREWELL: Duration = Duration::from_secs(3);

/// What to simulate, and where.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Scripts, or folders of which every `.yaml` is one.
    pub centers: Vec<PathBuf>,
    /// Where calls are taken; a loopback address, port 0 takes any free one.
    pub bind: SocketAddr,
    /// Where the truth log is appended; `None` keeps none.
    pub truth: Option<PathBuf>,
    /// Seeds the music and everything that varies in the calls.
    pub seed: u64,
    /// Ports for RTP, two per call.
    pub media_ports: RangeInclusive<u16>,
}

/// Simulates until the process ends; see [`run_until`].
///
/// # Errors
/// [`SimulatorError`] if a script, a recording or a port is not in order.
pub async fn run(
    options: SimulatorOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), SimulatorError> {
    run_until(options, ready, pending()).await
}

/// Simulates until `stop` is done, then ends the live calls and writes their truth. `ready` is told the bound address
/// as soon as calls are taken.
///
/// # Errors
/// [`SimulatorError`] if a script, a recording or a port is not in order.
pub async fn run_until(
    options: SimulatorOptions,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    if !options.bind.ip().is_loopback() {
        return Err(SimulatorError::NotLoopback { bind: options.bind });
    }
    let truth = options.truth.clone().map(open_truth).transpose()?;
    let centers = load(&options.centers, options.seed)?;
    let media = MediaEngine::start(MediaConfig {
        bind: options.bind.ip(),
        ports: options.media_ports.clone(),
    })?;
    let (endpoint, mut calls) = Endpoint::bind(endpoint_config(options.bind)).await?;
    let exchange = Arc::new(Exchange {
        arrivals: Mutex::new(vec![0; centers.len()]),
        numbers: centers
            .iter()
            .enumerate()
            .map(|(index, center)| (center.script.number.clone(), index))
            .collect(),
        centers,
        media,
        truth: truth.map(Mutex::new),
        seed: options.seed,
        local: endpoint.local_addr(),
    });
    ready(endpoint.local_addr());
    let mut live = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            call = calls.recv() => match call {
                Some(call) => {
                    let exchange = Arc::clone(&exchange);
                    live.spawn(async move { exchange.take(call).await });
                }
                None => break,
            },
            Some(_) = live.join_next() => {}
        }
    }
    endpoint.shutdown().await;
    while live.join_next().await.is_some() {}
    Ok(())
}

/// Checks scripts with their recordings, without taking calls; gives the number of centers.
///
/// # Errors
/// [`SimulatorError`] if a script or a recording is not in order.
pub fn check(centers: &[PathBuf]) -> Result<usize, SimulatorError> {
    Ok(load(centers, 0)?.len())
}

fn endpoint_config(bind: SocketAddr) -> EndpointConfig {
    EndpointConfig {
        bind,
        advertise: None,
        user_agent: "callprobe-simulator".to_owned(),
        user: "center".to_owned(),
        display: None,
        credentials: Vec::new(),
        timers: TimerSettings::default(),
    }
}

fn open_truth(path: PathBuf) -> Result<File, SimulatorError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|why| SimulatorError::Truth { path, why })
}

/// Where an instant lies on the monotonic clock of the host, to be compared with a [`CallTruth`].
pub fn host_time(instant: Instant) -> HostTime {
    let now = clock::now();
    let host = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    let at = match instant.checked_duration_since(now) {
        Some(ahead) => host + ahead,
        None => host.saturating_sub(now - instant),
    };
    HostTime(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
}

/// All centers behind one port.
struct Exchange {
    centers: Vec<Arc<Center>>,
    numbers: BTreeMap<DialString, usize>,
    arrivals: Mutex<Vec<u64>>,
    media: MediaEngine,
    truth: Option<Mutex<File>>,
    seed: u64,
    local: SocketAddr,
}

impl Exchange {
    /// Takes a call and sees it through.
    async fn take(&self, call: IncomingCall) {
        if !call.source.ip().is_loopback() {
            tracing::warn!(source = %call.source, "a call from another host is refused");
            return refuse(call.leg, 403, "Forbidden").await;
        }
        let number = DialString::new(&call.to_user).ok();
        let Some(index) = number.and_then(|number| self.numbers.get(&number).copied()) else {
            tracing::info!("a call to a number that no center has");
            return refuse(call.leg, 404, "Not Found").await;
        };
        let (target, answer, stream) = match self.prepare(call.offer.as_deref()) {
            Ok(prepared) => prepared,
            Err(why) => {
                tracing::warn!(why, "a call without usable media");
                return refuse(call.leg, 488, "Not Acceptable Here").await;
            }
        };
        let center = Arc::clone(&self.centers[index]);
        let arrival = self.arrive(index);
        let behaviour = (arrival % center.script.calls.len() as u64) as usize;
        let seed =
            SplitMix64::new(self.seed ^ name_seed(center.script.id.as_str()) ^ arrival << 32)
                .next_u64();
        let head = CallHead {
            sip_call_id: call.sip_call_id,
            center: center.script.id.to_string(),
            arrival,
            behaviour,
            name: center.script.calls[behaviour].name.clone(),
            seed,
            invited: call.received_at,
        };
        let named = (&center.script.english, &center.script.name);
        tracing::info!(center = %head.center, ?named, behaviour = %head.name, arrival, "a call");
        let machine =
            CallMachine::new(Arc::clone(&center), center.script.calls[behaviour].clone(), seed);
        let mut desk = Desk {
            machine,
            ledger: Ledger::new(head),
            gate: Gate::default(),
            leg: call.leg,
            stream,
            target,
            answer,
            connected: false,
            ended: None,
        };
        desk.handle(call.received_at, &Input::Dialled);
        desk.serve().await;
        self.write(&desk.close().await);
    }

    /// Where the caller wants media, our answer to the offer, and a stream.
    fn prepare(&self, offer: Option<&str>) -> Result<(AudioTarget, String, Stream), String> {
        let offer = offer.ok_or("the INVITE has no offer")?;
        let offer = SessionDescription::parse(offer).map_err(|e| e.to_string())?;
        let target = offer.audio_target(&CODECS).map_err(|e| e.to_string())?;
        if !target.addr.ip().is_loopback() {
            return Err(format!("media to {} would leave this host", target.addr));
        }
        let spec = StreamSpec { record_to: None, events: MEDIA_EVENTS };
        let stream = self.media.open(spec).map_err(|e| e.to_string())?;
        let answer = audio_answer(&offer, self.local.ip(), stream.local_port(), &CODECS)
            .map_err(|e| e.to_string())?;
        Ok((target, answer, stream))
    }

    /// The ordinal of a call at its center.
    fn arrive(&self, center: usize) -> u64 {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = arrivals[center];
        arrivals[center] += 1;
        arrival
    }

    fn write(&self, truth: &CallTruth) {
        let Some(file) = &self.truth else { return };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = serde_json::to_string(truth)
            .map_err(std::io::Error::from)
            .and_then(|line| file.write_all(format!("{line}\n").as_bytes()))
            .and_then(|()| file.flush());
        if let Err(error) = written {
            tracing::error!(%error, "a line of the truth log is lost");
        }
    }
}

async fn refuse(mut leg: Leg, status: u16, phrase: &str) {
    leg.reject(status, phrase, None);
    let _ = timeout(FAREWELL, async { while leg.events.recv().await.is_some() {} }).await;
}

/// One call: its machine between its leg and its stream.
struct Desk {
    machine: CallMachine,
    ledger: Ledger,
    gate: Gate,
    leg: Leg,
    stream: Stream,
    target: AudioTarget,
    answer: String,
    connected: bool,
    /// When the dialog ended.
    ended: Option<Instant>,
}

impl Desk {
    /// Runs until the machine is done or the dialog is gone.
    async fn serve(&mut self) {
        while !self.machine.is_over() && self.ended.is_none() {
            let deadline = match self.machine.poll() {
                Output::WaitUntil(at) => at,
                output => {
                    self.perform(output);
                    continue;
                }
            };
            let wake = async {
                match deadline {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(event) = self.stream.events.recv() => self.heard(event),
                event = self.leg.events.recv() => self.signalled(event),
                () = wake => self.handle(clock::now(), &Input::Tick),
            }
        }
        self.drain();
    }

    fn handle(&mut self, now: Instant, input: &Input) {
        self.machine.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.machine.poll() {
                Output::WaitUntil(_) => return,
                output => self.perform(output),
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Ring => self.leg.progress(180, None),
            Output::EarlyMedia => {
                self.connect();
                self.leg.progress(183, Some(self.answer.clone()));
            }
            Output::Answer => {
                self.connect();
                self.leg.answer(self.answer.clone());
            }
            Output::Play { token, pcm, .. } => self.stream.play(pcm, token),
            Output::Stop => self.stream.stop_playing(),
            Output::HangUp => self.leg.bye(None),
            Output::Reject { status, phrase, q850 } => self.leg.reject(status, &phrase, q850),
            Output::Truth { at, note } => self.ledger.note(at, note),
            Output::WaitUntil(_) => {}
        }
    }

    fn connect(&mut self) {
        if self.connected {
            return;
        }
        self.connected = true;
        self.redirect();
    }

    fn redirect(&self) {
        let codec = match self.target.codec {
            Codec::Pcma => MediaCodec::Pcma,
            Codec::Pcmu => MediaCodec::Pcmu,
        };
        let AudioTarget { addr, codec_payload, telephone_event, .. } = self.target;
        self.stream.connect(addr, codec, codec_payload, telephone_event);
    }

    fn heard(&mut self, event: MediaEvent) {
        match event.kind {
            MediaEventKind::Frame(frame) => {
                if let Some(heard) = self.gate.handle(event.at, &frame) {
                    self.handle(clock::now(), &Input::Caller(heard));
                }
            }
            MediaEventKind::DigitReceived { digit, start, end } => {
                self.handle(end, &Input::Digit { digit, start });
            }
            MediaEventKind::PlayStarted { token } => {
                self.handle(event.at, &Input::PlayStarted { token });
            }
            MediaEventKind::PlayEnded { token, end, .. } => {
                self.handle(end, &Input::PlayEnded { token });
            }
            MediaEventKind::Degraded { what } => tracing::warn!(what, "media degraded"),
            MediaEventKind::FirstPacket
            | MediaEventKind::DigitSent { .. }
            | MediaEventKind::Discontinuity(_) => {}
        }
    }

    fn signalled(&mut self, event: Option<LegEvent>) {
        let Some(LegEvent { at, kind }) = event else {
            self.fail(clock::now(), "the leg is gone");
            return;
        };
        match kind {
            LegEventKind::RemoteBye { .. } => self.gone(at, &Input::RemoteBye),
            LegEventKind::CancelledByRemote => self.gone(at, &Input::Cancelled),
            LegEventKind::Reoffer { sdp } => self.moved(&sdp),
            LegEventKind::TransportFailed { what } => self.fail(at, &what),
            other if other.closes() => self.fail(at, "the dialog ended by itself"),
            _ => {}
        }
    }

    /// The caller ended the call; what the media knows of it comes first.
    fn gone(&mut self, at: Instant, how: &Input) {
        while let Ok(event) = self.stream.events.try_recv() {
            self.heard(event);
        }
        self.ended = Some(at);
        self.handle(at, how);
    }

    fn moved(&mut self, sdp: &str) {
        let target = SessionDescription::parse(sdp).and_then(|offer| offer.audio_target(&CODECS));
        match target {
            // An unspecified address is a hold: nothing is sent.
            Ok(target) if target.addr.ip().is_loopback() || target.addr.ip().is_unspecified() => {
                self.target = target;
                self.redirect();
            }
            Ok(target) => tracing::warn!(address = %target.addr, "media would leave this host"),
            Err(error) => tracing::warn!(%error, "a new offer without usable media"),
        }
    }

    fn fail(&mut self, at: Instant, what: &str) {
        tracing::warn!(what, "a call failed");
        self.ended = Some(at);
        self.ledger.note(at, Note::Ended(EndedBy::Failed));
    }

    /// Waits for the end of the dialog, closes the media and tells the truth.
    async fn close(self) -> CallTruth {
        let Self { ledger, mut leg, stream, ended, .. } = self;
        if ended.is_none() {
            let done = async {
                while let Some(event) = leg.events.recv().await {
                    if event.kind.closes() {
                        break;
                    }
                }
            };
            let _ = timeout(FAREWELL, done).await;
        }
        stream.close().await;
        ledger.finish(clock::now(), host_time)
    }
}
