//! The UDP endpoint: one task owns the socket and the [`UserAgent`]; legs are handles that talk to it.
//!
//! Enters: datagrams, and the methods of [`Endpoint`] and [`Leg`]. Leaves: datagrams, [`LegEvent`]s by bounded
//! channels, [`IncomingCall`]s. Nothing ever waits for a slow reader: a leg whose channel is full is ended.

use super::digest::Credentials;
use super::error::SipError;
use super::leg::{DialRequest, InviteName, LegEvent, LegEventKind, LegId, StaleDialog};
use super::timer::TimerSettings;
use super::user_agent::{Identity, Input, Offered, Output, UserAgent, cseq_of, name_of, with_cseq};
use crate::clock;
use crate::domain::timeline::Q850Cause;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// Events a leg's reader may be behind.
const LEG_EVENTS: usize = 64;
/// Incoming calls that may wait to be taken.
const INCOMING_CALLS: usize = 256;
/// Datagrams taken in one go before timers and commands have their turn.
const DATAGRAMS_AT_ONCE: usize = 64;
/// How long [`Endpoint::shutdown`] waits for the far ends to confirm.
const FAREWELL: Duration = Duration::from_secs(5);
/// Datagrams that may wait for room in the send buffer.
const MOST_WAITING: usize = 4096;
/// Longest sleep when no timer is set.
const IDLE: Duration = Duration::from_mins(1);
/// Receive buffer of the socket in bytes: a burst of answers must not be lost while the task is elsewhere.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How an endpoint is set up.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Local address; port 0 takes any free one.
    pub bind: SocketAddr,
    /// Address that stands in `Via`, `Contact` and SDP, if it is not the bound one (NAT, several interfaces).
    pub advertise: Option<IpAddr>,
    /// Product name in `User-Agent` and `Server`.
    pub user_agent: String,
    /// User part of `From` and `Contact`: the caller's number.
    pub user: String,
    /// Display name in `From`.
    pub display: Option<String>,
    /// What 401 and 407 are answered with.
    pub credentials: Vec<Credentials>,
    /// Lengths of the timers.
    pub timers: TimerSettings,
}

/// A SIP endpoint on one UDP port. Clones share it; when the last clone and the last leg are gone it ends.
#[derive(Debug, Clone)]
pub struct Endpoint {
    commands: mpsc::UnboundedSender<Command>,
    local: SocketAddr,
    advertised: SocketAddr,
    /// Whether a challenge can be answered, so that an INVITE may leave a second time.
    answers_challenges: bool,
    names: Arc<AtomicU64>,
}

/// One leg. Dropping it ends the dialog (BYE, CANCEL or 480, whichever is right).
#[derive(Debug)]
pub struct Leg {
    /// What happens on it; ends after a closing event.
    pub events: mpsc::Receiver<LegEvent>,
    id: LegId,
    commands: mpsc::UnboundedSender<Command>,
}

/// A call that came in and waits for `progress`, `answer` or `reject` on its leg.
#[derive(Debug)]
pub struct IncomingCall {
    /// The leg.
    pub leg: Leg,
    /// User part of `From`.
    pub from_user: String,
    /// User part of the Request-URI: the number that was dialled.
    pub to_user: String,
    /// Its Call-ID.
    pub sip_call_id: String,
    /// The SDP offer, if the INVITE carries one.
    pub offer: Option<String>,
    /// Who sent the INVITE.
    pub source: SocketAddr,
    /// When it was received.
    pub received_at: Instant,
}

/// What handles ask of the task. The channel is unbounded because a BYE must never be lost; each leg sends a few.
#[derive(Debug)]
enum Command {
    Dial(LegId, DialRequest, oneshot::Sender<Result<mpsc::Receiver<LegEvent>, SipError>>),
    EndStale(LegId, StaleDialog, oneshot::Sender<Result<mpsc::Receiver<LegEvent>, SipError>>),
    Do(Input),
    Shutdown(oneshot::Sender<()>),
}

impl Endpoint {
    /// Binds the port and starts the task. Incoming calls come out of the receiver; if it is dropped they are refused
    /// with 480.
    ///
    /// # Errors
    /// [`SipError::Bind`] if the port is taken or the address is not ours; [`SipError::BadText`] if a name in the
    /// settings cannot stand in a message.
    pub async fn bind(
        config: EndpointConfig,
    ) -> Result<(Self, mpsc::Receiver<IncomingCall>), SipError> {
        let failed = |why| SipError::Bind { bind: config.bind, why };
        check_config(&config)?;
        let socket = UdpSocket::bind(config.bind).await.map_err(failed)?;
        let local = socket.local_addr().map_err(failed)?;
        if let Err(why) = widen(&socket) {
            tracing::warn!(%why, "the receive buffer of the SIP socket stays small");
        }
        let ip = match config.advertise {
            Some(ip) => ip,
            None if local.ip().is_unspecified() => own_address(local.ip()).await,
            None => local.ip(),
        };
        let advertised = SocketAddr::new(ip, local.port());
        let answers_challenges = !config.credentials.is_empty();
        let identity = Identity {
            advertised,
            user_agent: config.user_agent,
            user: config.user,
            display: config.display,
            credentials: config.credentials,
            timers: config.timers,
        };
        let (commands, inbox) = mpsc::unbounded_channel();
        let (incoming, calls) = mpsc::channel(INCOMING_CALLS);
        let task = Task {
            machine: UserAgent::new(identity, Box::new(rand::random::<u64>)),
            socket,
            legs: HashMap::new(),
            outbox: VecDeque::new(),
            incoming,
            commands: commands.downgrade(),
        };
        tokio::spawn(task.run(inbox));
        let names = Arc::new(AtomicU64::new(2));
        Ok((Self { commands, local, advertised, answers_challenges, names }, calls))
    }

    /// The bound address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The address that stands in our messages; its IP belongs into our SDP.
    pub fn advertised(&self) -> SocketAddr {
        self.advertised
    }

    /// What the INVITE of a new call will be known by, to be stored before it leaves.
    pub fn name_invite(&self) -> InviteName {
        name_of(self.advertised, [rand::random(), rand::random(), rand::random()])
    }

    /// Sends the INVITE of a call with exactly the Call-ID of the request.
    ///
    /// # Errors
    /// [`SipError`] if the request cannot be put in a message, the Call-ID is in use, or the endpoint is shut down.
    /// Whatever happens to the INVITE afterwards is an event.
    pub async fn dial(&self, request: DialRequest) -> Result<Leg, SipError> {
        let id = self.name();
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Dial(id, request, reply)).map_err(|_| SipError::Closed)?;
        let events = answer.await.map_err(|_| SipError::Closed)??;
        Ok(Leg { events, id, commands: self.commands.clone() })
    }

    /// Restart recovery: ends a dialog of an earlier process by CANCEL or BYE built from what was stored. Done when the
    /// far end confirmed, also by 481 ("gone already"). Where challenges are answered, the INVITE after the one that
    /// was stored is cancelled too: the process may have died before it stored that one.
    ///
    /// # Errors
    /// [`SipError::StaleUnanswered`] if it did not; [`SipError::Closed`]; texts that cannot be put in a message.
    pub async fn end_stale(&self, stale: StaleDialog) -> Result<(), SipError> {
        let answered = stale.dialog.is_some();
        let next = cseq_of(&stale.branch).and_then(|n| with_cseq(&stale.branch, n + 1));
        self.end_one(stale.clone()).await?;
        match next {
            Some(branch) if self.answers_challenges && !answered => {
                self.end_one(StaleDialog { branch, ..stale }).await
            }
            _ => Ok(()),
        }
    }

    async fn end_one(&self, stale: StaleDialog) -> Result<(), SipError> {
        let id = self.name();
        let (peer, call_id) = (stale.target, stale.sip_call_id.clone());
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::EndStale(id, stale, reply)).map_err(|_| SipError::Closed)?;
        let mut events = answer.await.map_err(|_| SipError::Closed)??;
        while let Some(event) = events.recv().await {
            match event.kind {
                LegEventKind::Ended
                | LegEventKind::Refused { .. }
                | LegEventKind::RemoteBye { .. } => return Ok(()),
                LegEventKind::TransportFailed { what } => {
                    return Err(SipError::StaleUnanswered { peer, call_id, why: what });
                }
                LegEventKind::TimedOut(_) => {
                    let why = "no answer to CANCEL".to_owned();
                    return Err(SipError::StaleUnanswered { peer, call_id, why });
                }
                _ => {}
            }
        }
        Err(SipError::Closed)
    }

    /// Ends all legs politely and closes the socket. Waits until the far ends confirmed, 5 s at most.
    pub async fn shutdown(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Shutdown(done)).is_ok() {
            let _ = wait.await;
        }
    }

    fn name(&self) -> LegId {
        LegId(self.names.fetch_add(2, Ordering::Relaxed))
    }
}

impl Leg {
    /// Gives up before an answer; after one, hangs up. The closing event follows.
    pub fn cancel(&self) {
        self.tell(Input::Cancel(self.id));
    }

    /// Hangs up, with a cause in `Reason` if one is given; before an answer, gives up.
    pub fn bye(&self, q850: Option<Q850Cause>) {
        self.tell(Input::Bye(self.id, q850));
    }

    /// Incoming leg: sends a provisional response (101 to 199), with early media if a description is given.
    pub fn progress(&self, status: u16, sdp: Option<String>) {
        self.tell(Input::Progress(self.id, status, sdp));
    }

    /// Incoming leg: answers with 200 and this description.
    pub fn answer(&self, sdp: String) {
        self.tell(Input::Answer(self.id, sdp));
    }

    /// Incoming leg: refuses with 300 to 699 and a cause in `Reason` if one is given.
    pub fn reject(&self, status: u16, phrase: &str, q850: Option<Q850Cause>) {
        self.tell(Input::Reject(self.id, status, phrase.to_owned(), q850));
    }

    fn tell(&self, input: Input) {
        // A task that is gone has ended all its legs.
        let _ = self.commands.send(Command::Do(input));
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.tell(Input::Bye(self.id, None));
    }
}

struct Task {
    machine: UserAgent,
    socket: UdpSocket,
    legs: HashMap<LegId, mpsc::Sender<LegEvent>>,
    incoming: mpsc::Sender<IncomingCall>,
    /// Datagrams that wait for room in the send buffer.
    outbox: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Weak, so that the task ends when all handles are gone.
    commands: mpsc::WeakUnboundedSender<Command>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let mut farewell: Option<(Instant, Vec<oneshot::Sender<()>>)> = None;
        let mut handles_left = true;
        loop {
            let now = clock::now();
            if let Some((until, _)) = &farewell
                && (self.machine.live_legs() == 0 || now >= *until)
            {
                break;
            }
            let wake = farewell.iter().map(|(until, _)| *until);
            let wake = wake.chain(self.machine.next_deadline()).min();
            let wake = wake.unwrap_or(now + IDLE);
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => self.received(received, &mut buffer),
                command = inbox.recv(), if handles_left => match command {
                    Some(Command::Shutdown(done)) => {
                        let (_, waiting) = farewell
                            .get_or_insert_with(|| (clock::now() + FAREWELL, Vec::new()));
                        waiting.push(done);
                        self.feed(clock::now(), Input::HangUpAll);
                    }
                    Some(command) => self.obey(command),
                    None => {
                        handles_left = false;
                        farewell.get_or_insert_with(|| (clock::now() + FAREWELL, Vec::new()));
                        self.feed(clock::now(), Input::HangUpAll);
                    }
                },
                _ = self.socket.writable(), if !self.outbox.is_empty() => self.flush(),
                () = tokio::time::sleep_until(wake.into()) => self.feed(clock::now(), Input::Tick),
            }
        }
        for done in farewell.into_iter().flat_map(|(_, waiting)| waiting) {
            let _ = done.send(());
        }
    }

    fn received(&mut self, first: std::io::Result<(usize, SocketAddr)>, buffer: &mut [u8]) {
        let mut next = first;
        for _ in 0..DATAGRAMS_AT_ONCE {
            match next {
                Ok((length, from)) => {
                    let bytes = buffer[..length].to_vec();
                    self.feed(clock::now(), Input::Datagram { from, bytes });
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "the SIP socket reports an error");
                    return;
                }
            }
            next = self.socket.try_recv_from(buffer);
        }
    }

    fn obey(&mut self, command: Command) {
        let now = clock::now();
        match command {
            Command::Dial(id, request, reply) => {
                self.open(now, id, Input::Dial(id, request), reply);
            }
            Command::EndStale(id, stale, reply) => {
                self.open(now, id, Input::EndStale(id, stale), reply);
            }
            Command::Do(input) => self.feed(now, input),
            Command::Shutdown(_) => {}
        }
    }

    fn open(
        &mut self,
        now: Instant,
        id: LegId,
        input: Input,
        reply: oneshot::Sender<Result<mpsc::Receiver<LegEvent>, SipError>>,
    ) {
        let (events, receiver) = mpsc::channel(LEG_EVENTS);
        self.legs.insert(id, events);
        let outcome = self.machine.handle(now, input);
        if outcome.is_err() {
            self.legs.remove(&id);
        }
        // If nobody waits for the leg any more, it ends.
        let gone = reply.send(outcome.map(|()| receiver)).is_err();
        self.drain(now);
        if gone {
            self.feed(now, Input::Bye(id, None));
        }
    }

    fn feed(&mut self, now: Instant, input: Input) {
        if let Err(error) = self.machine.handle(now, input) {
            tracing::warn!(%error, "a command was refused");
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { to, bytes, leg } => self.send(now, to, &bytes, leg),
                Output::Event(leg, event) => self.report(now, leg, event),
                Output::Incoming(leg, offered) => self.offer(now, leg, offered),
            }
        }
    }

    fn send(&mut self, now: Instant, to: SocketAddr, bytes: &[u8], leg: Option<LegId>) {
        if !self.outbox.is_empty() {
            self.wait_to_send(to, bytes);
            return;
        }
        match self.socket.try_send_to(bytes, to) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.wait_to_send(to, bytes);
            }
            Err(error) => {
                tracing::warn!(%to, %error, "a SIP datagram could not be sent");
                if let Some(leg) = leg {
                    let what = format!("cannot send to `{to}`: {error}");
                    let failed = Input::SendFailed { leg, what };
                    if let Err(error) = self.machine.handle(now, failed) {
                        tracing::warn!(%error, "a failure was not taken");
                    }
                }
            }
        }
    }

    fn wait_to_send(&mut self, to: SocketAddr, bytes: &[u8]) {
        if self.outbox.len() < MOST_WAITING {
            self.outbox.push_back((to, bytes.to_vec()));
        } else {
            // Like a datagram lost on the way: retransmission mends it.
            tracing::warn!(%to, "a SIP datagram was dropped: the send buffer stays full");
        }
    }

    fn flush(&mut self) {
        while let Some((to, bytes)) = self.outbox.front() {
            match self.socket.try_send_to(bytes, *to) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => tracing::warn!(%to, %error, "a SIP datagram could not be sent"),
                Ok(_) => {}
            }
            self.outbox.pop_front();
        }
    }

    fn report(&mut self, now: Instant, leg: LegId, event: LegEvent) {
        let closes = event.kind.closes();
        let provisional = matches!(event.kind, LegEventKind::Provisional { .. });
        let Some(events) = self.legs.get(&leg) else { return };
        match events.try_send(event) {
            // Or the reader dropped its leg: the end is under way.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) if provisional => {
                tracing::warn!(
                    leg = leg.0,
                    "a provisional response was not reported: reader behind"
                );
            }
            Err(TrySendError::Full(_)) => {
                tracing::error!(leg = leg.0, "leg ended: its reader is behind by too many events");
                self.legs.remove(&leg);
                self.hang_up(now, leg);
                return;
            }
        }
        if closes {
            self.legs.remove(&leg);
        }
    }

    fn hang_up(&mut self, now: Instant, leg: LegId) {
        if let Err(error) = self.machine.handle(now, Input::Bye(leg, None)) {
            tracing::warn!(%error, "a leg could not be ended");
        }
    }

    fn offer(&mut self, now: Instant, id: LegId, offered: Offered) {
        let Some(commands) = self.commands.upgrade() else {
            self.hang_up(now, id);
            return;
        };
        let (events, receiver) = mpsc::channel(LEG_EVENTS);
        self.legs.insert(id, events);
        let call = IncomingCall {
            leg: Leg { events: receiver, id, commands },
            from_user: offered.from_user,
            to_user: offered.to_user,
            sip_call_id: offered.sip_call_id,
            offer: offered.offer,
            source: offered.source,
            received_at: now,
        };
        // A call that is not taken is dropped here, and so refused with 480.
        if let Err(error) = self.incoming.try_send(call) {
            tracing::debug!(%error, "an incoming call was not taken");
        }
    }
}

fn check_config(config: &EndpointConfig) -> Result<(), SipError> {
    let remedy = "use letters, digits and the marks `-_.!~*'()+` only";
    let user_ok = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()+".contains(c);
    if config.user.is_empty() || !config.user.chars().all(user_ok) {
        return Err(SipError::BadText { what: "user", value: config.user.clone(), remedy });
    }
    if config.user_agent.is_empty() || config.user_agent.chars().any(char::is_control) {
        let (what, value) = ("user agent", config.user_agent.clone());
        let remedy = "give a product name on one line";
        return Err(SipError::BadText { what, value, remedy });
    }
    Ok(())
}

fn widen(socket: &UdpSocket) -> Result<(), nix::Error> {
    use nix::sys::socket::{setsockopt, sockopt};
    setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER)
}

/// The address the system would send from, for a socket bound to all of them. No datagram is sent:
/// 192.0.2.1 and `2001:db8::1` are documentation addresses (RFC 5737, RFC 3849).
async fn own_address(unspecified: IpAddr) -> IpAddr {
    let probe = async {
        let socket = UdpSocket::bind((unspecified, 0)).await?;
        let far = if unspecified.is_ipv4() { "192.0.2.1:9" } else { "[2001:db8::1]:9" };
        socket.connect(far).await?;
        socket.local_addr()
    };
    probe.await.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}
