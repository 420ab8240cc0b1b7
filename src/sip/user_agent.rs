//! The user agent: all legs and transactions of one endpoint, as a pure machine.
//!
//! Enters: datagrams, commands, the time and chance. Leaves, by `poll`: datagrams, events of legs, incoming calls.
//! After each `handle`, drain `poll`; call `handle` with [`Input::Tick`] when [`UserAgent::next_deadline`] has come.

use super::caller;
use super::digest::Credentials;
use super::error::SipError;
use super::leg::{DialRequest, InviteName, LegEvent, LegEventKind, LegId, LegState, StaleDialog};
use super::message::{Message, Method, Start, header};
use super::timer::TimerSettings;
use super::transaction::{
    ClientTransaction, Heard, Rang, ServerTransaction, client_key, server_key,
};
use crate::domain::timeline::Q850Cause;
use rsip::Header;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// Who we are on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Address that stands in `Via` and `Contact`.
    pub advertised: SocketAddr,
    /// Product name in `User-Agent` and `Server`.
    pub user_agent: String,
    /// User part of `From` and `Contact`.
    pub user: String,
    /// Display name in `From`.
    pub display: Option<String>,
    /// What challenges are answered with.
    pub credentials: Vec<Credentials>,
    /// Lengths of the timers.
    pub timers: TimerSettings,
}

/// What comes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// A datagram was received.
    Datagram {
        /// Its sender.
        from: SocketAddr,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A datagram of a leg could not be sent.
    SendFailed {
        /// Whose.
        leg: LegId,
        /// What the system said.
        what: String,
    },
    /// Make a call; the leg's name must be new and even.
    Dial(LegId, DialRequest),
    /// End a dialog of an earlier process, reported like a leg.
    EndStale(LegId, StaleDialog),
    /// Give up before an answer; after one, hang up.
    Cancel(LegId),
    /// Hang up; before an answer, give up.
    Bye(LegId, Option<Q850Cause>),
    /// Send a provisional response to an incoming INVITE.
    Progress(LegId, u16, Option<String>),
    /// Answer an incoming INVITE with this description.
    Answer(LegId, String),
    /// Refuse an incoming INVITE: 300 to 699, reason phrase, cause.
    Reject(LegId, u16, String, Option<Q850Cause>),
    /// End all legs.
    HangUpAll,
    /// Time passed.
    Tick,
}

/// An INVITE that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// User part of `From`.
    pub from_user: String,
    /// User part of the Request-URI.
    pub to_user: String,
    /// Its Call-ID.
    pub sip_call_id: String,
    /// Its offer, if it carries one.
    pub offer: Option<String>,
    /// Who sent it.
    pub source: SocketAddr,
}

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
        /// The leg that fails if they cannot be sent.
        leg: Option<LegId>,
    },
    /// Something happened on a leg.
    Event(LegId, LegEvent),
    /// A call came in; answer, reject or hang it up.
    Incoming(LegId, Offered),
}

/// Whose deadline stands in the heap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Client(String),
    Server(String),
    Leg(LegId),
}

/// The machine of one endpoint.
pub struct UserAgent {
    pub(crate) identity: Identity,
    pub(crate) legs: HashMap<LegId, LegState>,
    pub(crate) by_call: HashMap<String, Vec<LegId>>,
    pub(crate) clients: HashMap<String, ClientTransaction>,
    pub(crate) servers: HashMap<String, ServerTransaction>,
    pub(crate) chance: Box<dyn FnMut() -> u64 + Send>,
    pub(crate) incoming: u64,
    deadlines: BinaryHeap<Reverse<(Instant, Key)>>,
    out: VecDeque<Output>,
}

impl UserAgent {
    /// A machine without legs. `chance` gives unpredictable bits for branches, tags and nonces.
    pub fn new(identity: Identity, chance: Box<dyn FnMut() -> u64 + Send>) -> Self {
        Self {
            identity,
            legs: HashMap::new(),
            by_call: HashMap::new(),
            clients: HashMap::new(),
            servers: HashMap::new(),
            chance,
            incoming: 1,
            deadlines: BinaryHeap::new(),
            out: VecDeque::new(),
        }
    }

    /// Takes in one input at `now`; `now` never goes back.
    ///
    /// # Errors
    /// [`SipError`] only for [`Input::Dial`] and [`Input::EndStale`]: a text that would break a message, or a
    /// Call-ID that is in use. Bytes from the network are never an error.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), SipError> {
        let result = match input {
            Input::Datagram { from, bytes } => {
                self.datagram(now, from, &bytes);
                Ok(())
            }
            Input::Dial(leg, request) => self.dial(now, leg, request),
            Input::EndStale(leg, stale) => self.end_stale(now, leg, stale),
            other => {
                self.command(now, other);
                Ok(())
            }
        };
        self.run_deadlines(now);
        result
    }

    fn command(&mut self, now: Instant, input: Input) {
        match input {
            Input::Cancel(leg) => self.hang_up(now, leg, None),
            Input::Bye(leg, q850) => self.hang_up(now, leg, q850),
            Input::Progress(leg, code, sdp) => self.progress(now, leg, code, sdp),
            Input::Answer(leg, sdp) => self.answer(now, leg, sdp),
            Input::Reject(leg, code, phrase, q850) => self.reject(now, leg, code, &phrase, q850),
            Input::SendFailed { leg, what } => self.send_failed(now, leg, what),
            Input::HangUpAll => {
                let mut all: Vec<LegId> = self.legs.keys().copied().collect();
                all.sort_unstable();
                for leg in all {
                    self.hang_up(now, leg, None);
                }
            }
            Input::Datagram { .. } | Input::Dial(..) | Input::EndStale(..) | Input::Tick => {}
        }
    }

    /// The next thing to do; `None` when all is done for now.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due next. May be early, never late.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// How many legs are not closed.
    pub fn live_legs(&self) -> usize {
        self.legs.len()
    }

    fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let (message, flaw) = match Message::read(bytes) {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(%from, %error, "datagram dropped");
                return;
            }
        };
        match (&message.start, flaw) {
            (Start::Request(..), flaw) => self.request(now, from, message, flaw),
            (Start::Response(_), None) => self.response(now, &message),
            (Start::Response(_), Some(error)) => {
                tracing::debug!(%from, %error, "response dropped");
            }
        }
    }

    fn response(&mut self, now: Instant, response: &Message) {
        let (Some(branch), Some((_, method))) = (response.branch(), response.cseq()) else {
            return;
        };
        let key = client_key(branch, method);
        let Some(client) = self.clients.get_mut(&key) else { return };
        let heard = client.receive(now, response, &self.identity.timers);
        let (owner, to) = (client.owner, client.to);
        match heard {
            Heard::Again(Some((bytes, to))) => self.send(to, bytes, None),
            Heard::Again(None) => {}
            Heard::Provisional => {
                if let (Some(leg), "INVITE") = (owner, method) {
                    self.provisional(now, leg, &key, response);
                }
            }
            Heard::Success => self.success(now, owner, &key, response),
            Heard::Final if method == "INVITE" => {
                self.acknowledge_refusal(&key, response, to);
                if let Some(leg) = owner {
                    self.refused(now, leg, response);
                }
            }
            Heard::Final => {
                if let Some(leg) = owner {
                    self.finished(now, leg, method, response);
                }
            }
        }
        self.watch_client(&key);
    }

    /// Starts a client transaction and sends its request.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        request: Message,
        to: SocketAddr,
        owner: Option<LegId>,
    ) {
        let (branch, method) = (request.branch().unwrap_or("").to_owned(), request.method());
        let key = client_key(&branch, &method.map(Method::text).unwrap_or_default());
        let client = ClientTransaction::begin(now, &self.identity.timers, request, to, owner);
        self.send(to, client.bytes().to_vec(), owner);
        self.clients.insert(key.clone(), client);
        self.watch_client(&key);
    }

    /// Nobody waits for an INVITE any more; for a while it is kept, so that a late 2xx is answered with ACK and BYE.
    pub(crate) fn disown(&mut self, now: Instant, key: &str) {
        if let Some(client) = self.clients.get_mut(key) {
            client.owner = None;
            client.abandon(now, &self.identity.timers);
            self.watch_client(key);
        }
    }

    /// Puts the next deadline of a client transaction in the heap.
    pub(crate) fn watch_client(&mut self, key: &str) {
        if let Some(at) = self.clients.get(key).and_then(|c| c.alarms.next()) {
            self.deadlines.push(Reverse((at, Key::Client(key.to_owned()))));
        }
    }

    /// Puts the next deadline of a server transaction in the heap.
    pub(crate) fn watch_server(&mut self, key: &str) {
        if let Some(at) = self.servers.get(key).and_then(|s| s.alarms.next()) {
            self.deadlines.push(Reverse((at, Key::Server(key.to_owned()))));
        }
    }

    /// Puts a leg back after it was worked on.
    pub(crate) fn keep(&mut self, leg: LegState) {
        if let Some(at) = leg.alarms.next() {
            self.deadlines.push(Reverse((at, Key::Leg(leg.id))));
        }
        self.legs.insert(leg.id, leg);
    }

    /// Reports the closing event of a leg that was taken out, and forgets the leg.
    pub(crate) fn close(&mut self, now: Instant, leg: &LegState, kind: LegEventKind) {
        self.event(now, leg.id, kind);
        if let Some(legs) = self.by_call.get_mut(&leg.call_id) {
            legs.retain(|id| *id != leg.id);
            if legs.is_empty() {
                self.by_call.remove(&leg.call_id);
            }
        }
    }

    fn run_deadlines(&mut self, now: Instant) {
        while self.deadlines.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, key))) = self.deadlines.pop() else { return };
            match key {
                Key::Client(key) => self.client_alarm(now, &key),
                Key::Server(key) => self.server_alarm(now, &key),
                Key::Leg(leg) => self.leg_alarm(now, leg),
            }
        }
    }

    fn client_alarm(&mut self, now: Instant, key: &str) {
        while let Some(client) = self.clients.get_mut(key) {
            match client.ring(now, &self.identity.timers) {
                Rang::Nothing => break,
                Rang::Resend(bytes, to) => self.send(to, bytes, None),
                Rang::Done => {
                    self.clients.remove(key);
                }
                Rang::TimedOut => {
                    let told = client.owner.zip(client.request.method().map(Method::text));
                    if client.request.method() == Some(&Method::INVITE) {
                        self.disown(now, key);
                    } else {
                        self.clients.remove(key);
                    }
                    if let Some((leg, method)) = told {
                        self.unanswered(now, leg, &method);
                    }
                }
            }
        }
        self.watch_client(key);
    }

    fn server_alarm(&mut self, now: Instant, key: &str) {
        while let Some(server) = self.servers.get_mut(key) {
            match server.ring(now, &self.identity.timers) {
                Rang::Nothing => break,
                Rang::Resend(bytes, to) => self.send(to, bytes, None),
                Rang::Done | Rang::TimedOut => {
                    self.servers.remove(key);
                }
            }
        }
        self.watch_server(key);
    }

    fn leg_alarm(&mut self, now: Instant, id: LegId) {
        while let Some(timer) = self.legs.get_mut(&id).and_then(|l| l.alarms.take_due(now)) {
            self.leg_timer(now, id, timer);
        }
        if let Some(leg) = self.legs.remove(&id) {
            self.keep(leg);
        }
    }

    fn send_failed(&mut self, now: Instant, id: LegId, what: String) {
        // Only a first INVITE is given up at once; everything else has its retransmissions.
        let calling = self.legs.get(&id).is_some_and(caller::nothing_heard);
        if let (true, Some(leg)) = (calling, self.legs.remove(&id)) {
            self.clients.retain(|_, client| client.owner != Some(id));
            self.close(now, &leg, LegEventKind::TransportFailed { what });
        }
    }

    /// Queues an event.
    pub(crate) fn event(&mut self, at: Instant, leg: LegId, kind: LegEventKind) {
        self.out.push_back(Output::Event(leg, LegEvent { at, kind }));
    }

    /// Queues an incoming call.
    pub(crate) fn offer(&mut self, leg: LegId, offered: Offered) {
        self.out.push_back(Output::Incoming(leg, offered));
    }

    /// Queues a datagram.
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: Vec<u8>, leg: Option<LegId>) {
        self.out.push_back(Output::Send { to, bytes, leg });
    }

    /// A new branch. It carries the `CSeq` number and the sender of its INVITE, so that a later process, even on another
    /// port, can CANCEL it (the transaction is found by branch and sent-by, RFC 3261 §17.2.3).
    pub(crate) fn new_branch(&mut self, cseq: u32) -> String {
        branch_of(cseq, self.identity.advertised, [(self.chance)(), (self.chance)()])
    }

    /// A new tag.
    pub(crate) fn new_tag(&mut self) -> String {
        tag_of((self.chance)())
    }

    /// `Via` of a request of ours (RFC 3581 for `rport`).
    pub(crate) fn via(&self, branch: &str) -> Header {
        let sender = sender_of(branch).unwrap_or(self.identity.advertised);
        header("Via", format!("SIP/2.0/UDP {sender};branch={branch};rport"))
    }

    /// Our `Contact`.
    pub(crate) fn contact(&self) -> Header {
        let Identity { user, advertised, .. } = &self.identity;
        header("Contact", format!("<sip:{user}@{advertised}>"))
    }

    /// The key under which a request is answered, and whether it is known.
    pub(crate) fn known(&self, request: &Message) -> Option<(String, bool)> {
        let key = server_key(request)?;
        let known = self.servers.contains_key(&key);
        Some((key, known))
    }
}

/// A branch of a sender, from unpredictable bits.
fn branch_of(cseq: u32, sender: SocketAddr, chance: [u64; 2]) -> String {
    let ip = sender.ip().to_string().replace(':', "~");
    format!("z9hG4bK_{cseq}_{ip}_{}_{:016x}{:016x}", sender.port(), chance[0], chance[1])
}

fn tag_of(chance: u64) -> String {
    format!("{chance:016x}")
}

/// What the first INVITE of a call is known by, from unpredictable bits.
pub(crate) fn name_of(sender: SocketAddr, chance: [u64; 3]) -> InviteName {
    InviteName { branch: branch_of(1, sender, [chance[0], chance[1]]), from_tag: tag_of(chance[2]) }
}

/// The same branch with another `CSeq` number: the branch of the INVITE that answers a challenge can be told from the
/// branch of the first.
pub(crate) fn with_cseq(branch: &str, cseq: u32) -> Option<String> {
    let (_, rest) = branch.strip_prefix("z9hG4bK_")?.split_once('_')?;
    Some(format!("z9hG4bK_{cseq}_{rest}"))
}

/// The `CSeq` number that a branch of ours carries.
pub(crate) fn cseq_of(branch: &str) -> Option<u32> {
    branch.split('_').nth(1)?.parse().ok()
}

fn sender_of(branch: &str) -> Option<SocketAddr> {
    let mut parts = branch.split('_').skip(2);
    let ip = parts.next()?.replace('~', ":").parse().ok()?;
    Some(SocketAddr::new(ip, parts.next()?.parse().ok()?))
}

impl std::fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserAgent")
            .field("legs", &self.legs.len())
            .field("clients", &self.clients.len())
            .field("servers", &self.servers.len())
            .finish_non_exhaustive()
    }
}
