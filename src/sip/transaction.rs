//! Transactions over UDP: what is sent again, what is absorbed, and when to give up.
//!
//! Enters: responses, retransmitted requests and due alarms. Leaves: what the user agent is to do.
//! Source: RFC 3261 §17, RFC 6026 for accepted INVITEs.

use super::leg::LegId;
use super::message::{Message, Method, Start};
use super::timer::{Alarms, Timer, TimerSettings};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How a transaction is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invite,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calling or Trying: nothing heard yet.
    Calling,
    Proceeding,
    /// A final response that is no 2xx to an INVITE.
    Completed,
    /// A 2xx to an INVITE (RFC 6026).
    Accepted,
    /// Server side: our refusal was acknowledged.
    Confirmed,
}

/// An ACK that was sent for a 2xx, kept to be sent again.
#[derive(Debug, Clone)]
pub(crate) struct SentAck {
    pub(crate) to_tag: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) to: SocketAddr,
}

/// What a response means to a client transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing new; these bytes, if any, are to be sent again.
    Again(Option<(Vec<u8>, SocketAddr)>),
    /// A provisional response.
    Provisional,
    /// A final response; for a refused INVITE its ACK is to be sent.
    Final,
    /// A 2xx to an INVITE that was not acknowledged yet.
    Success,
}

/// What a due alarm means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rang {
    Nothing,
    /// Send these bytes again.
    Resend(Vec<u8>, SocketAddr),
    /// No final response came.
    TimedOut,
    /// The transaction is over.
    Done,
}

/// A request of ours and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct ClientTransaction {
    pub(crate) request: Message,
    pub(crate) to: SocketAddr,
    /// The leg it was made for; `None` if only its end is of interest.
    pub(crate) owner: Option<LegId>,
    pub(crate) alarms: Alarms,
    pub(crate) acks: Vec<SentAck>,
    bytes: Vec<u8>,
    kind: Kind,
    state: State,
    interval: Duration,
}

impl ClientTransaction {
    /// A transaction whose request is sent now.
    pub(crate) fn begin(
        now: Instant,
        settings: &TimerSettings,
        request: Message,
        to: SocketAddr,
        owner: Option<LegId>,
    ) -> Self {
        let invite = request.method() == Some(&Method::INVITE);
        let kind = if invite { Kind::Invite } else { Kind::Other };
        let (again, give_up) = if invite { (Timer::A, Timer::B) } else { (Timer::E, Timer::F) };
        let mut alarms = Alarms::default();
        alarms.start(again, now, settings);
        alarms.start(give_up, now, settings);
        let (acks, state, interval) = (Vec::new(), State::Calling, settings.t1);
        let bytes = request.to_bytes();
        Self { request, to, owner, alarms, acks, bytes, kind, state, interval }
    }

    /// A transaction of an earlier process: its INVITE was sent then and is not sent again.
    pub(crate) fn resume(
        now: Instant,
        settings: &TimerSettings,
        request: Message,
        to: SocketAddr,
        owner: Option<LegId>,
    ) -> Self {
        let mut resumed = Self::begin(now, settings, request, to, owner);
        resumed.state = State::Proceeding;
        resumed.abandon(now, settings);
        resumed
    }

    /// The request's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Nobody waits for it any more: it only lingers to acknowledge what may still come.
    pub(crate) fn abandon(&mut self, now: Instant, settings: &TimerSettings) {
        if self.kind == Kind::Invite && matches!(self.state, State::Calling | State::Proceeding) {
            self.alarms.clear_all();
            self.alarms.start(Timer::M, now, settings);
        }
    }

    /// Takes in a response.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        response: &Message,
        settings: &TimerSettings,
    ) -> Heard {
        let Start::Response(status) = &response.start else { return Heard::Again(None) };
        match (self.kind, self.state, status.code) {
            (_, State::Calling | State::Proceeding, 100..=199) => self.proceed(settings),
            (Kind::Invite, State::Calling | State::Proceeding | State::Accepted, 200..=299) => {
                self.accept(now, response, settings)
            }
            (kind, State::Calling | State::Proceeding, _) => {
                self.state = State::Completed;
                self.alarms.clear_all();
                let wait = if kind == Kind::Invite { Timer::D } else { Timer::K };
                self.alarms.start(wait, now, settings);
                Heard::Final
            }
            (Kind::Invite, State::Completed, 300..) => Heard::Again(self.acks.first().map(pair)),
            _ => Heard::Again(None),
        }
    }

    fn proceed(&mut self, settings: &TimerSettings) -> Heard {
        self.state = State::Proceeding;
        if self.kind == Kind::Invite {
            self.alarms.clear(Timer::A);
            self.alarms.clear(Timer::B);
        } else {
            self.interval = settings.t2;
        }
        Heard::Provisional
    }

    fn accept(&mut self, now: Instant, response: &Message, settings: &TimerSettings) -> Heard {
        if self.state != State::Accepted {
            self.state = State::Accepted;
            self.alarms.clear_all();
            self.alarms.start(Timer::M, now, settings);
        }
        let tag = response.tag_of_to().unwrap_or("");
        match self.acks.iter().find(|ack| ack.to_tag == tag) {
            Some(ack) => Heard::Again(Some(pair(ack))),
            None => Heard::Success,
        }
    }

    /// Takes the next due alarm.
    pub(crate) fn ring(&mut self, now: Instant, settings: &TimerSettings) -> Rang {
        match self.alarms.take_due(now) {
            None => Rang::Nothing,
            Some(timer @ (Timer::A | Timer::E)) => {
                self.interval = timer.next(self.interval, settings);
                self.alarms.set(timer, now, self.interval);
                Rang::Resend(self.bytes.clone(), self.to)
            }
            Some(Timer::B | Timer::F) => Rang::TimedOut,
            Some(_) => Rang::Done,
        }
    }
}

fn pair(ack: &SentAck) -> (Vec<u8>, SocketAddr) {
    (ack.bytes.clone(), ack.to)
}

/// A request of the far end and our last answer to it.
#[derive(Debug, Clone)]
pub(crate) struct ServerTransaction {
    pub(crate) request: Message,
    pub(crate) reply_to: SocketAddr,
    pub(crate) owner: Option<LegId>,
    pub(crate) alarms: Alarms,
    last: Option<Vec<u8>>,
    kind: Kind,
    state: State,
    interval: Duration,
}

impl ServerTransaction {
    pub(crate) fn begin(request: Message, reply_to: SocketAddr, owner: Option<LegId>) -> Self {
        let invite = request.method() == Some(&Method::INVITE);
        let kind = if invite { Kind::Invite } else { Kind::Other };
        let (alarms, state, interval) = (Alarms::default(), State::Calling, Duration::ZERO);
        Self { request, reply_to, owner, alarms, last: None, kind, state, interval }
    }

    /// Whether a final response was given.
    pub(crate) fn answered(&self) -> bool {
        !matches!(self.state, State::Calling | State::Proceeding)
    }

    /// Notes a response that is sent now.
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        settings: &TimerSettings,
        code: u16,
        bytes: Vec<u8>,
    ) {
        self.last = Some(bytes);
        match (self.kind, code) {
            (_, ..=199) => self.state = State::Proceeding,
            (Kind::Invite, 200..=299) => {
                self.state = State::Accepted;
                self.alarms.start(Timer::L, now, settings);
            }
            (Kind::Invite, _) => {
                self.state = State::Completed;
                self.interval = settings.t1;
                self.alarms.start(Timer::G, now, settings);
                self.alarms.start(Timer::H, now, settings);
            }
            (Kind::Other, _) => {
                self.state = State::Completed;
                self.alarms.start(Timer::J, now, settings);
            }
        }
    }

    /// The request came again: what is to be sent again. A 2xx to an INVITE is its leg's business.
    pub(crate) fn repeated(&self) -> Option<Vec<u8>> {
        match self.state {
            State::Proceeding | State::Completed => self.last.clone(),
            State::Calling | State::Accepted | State::Confirmed => None,
        }
    }

    /// The ACK of our refusal came.
    pub(crate) fn acknowledged(&mut self, now: Instant, settings: &TimerSettings) {
        if self.state == State::Completed {
            self.state = State::Confirmed;
            self.alarms.clear_all();
            self.alarms.start(Timer::I, now, settings);
        }
    }

    /// Takes the next due alarm.
    pub(crate) fn ring(&mut self, now: Instant, settings: &TimerSettings) -> Rang {
        match self.alarms.take_due(now) {
            None => Rang::Nothing,
            Some(Timer::G) => {
                self.interval = Timer::G.next(self.interval, settings);
                self.alarms.set(Timer::G, now, self.interval);
                self.last.clone().map_or(Rang::Nothing, |last| Rang::Resend(last, self.reply_to))
            }
            Some(_) => Rang::Done,
        }
    }
}

/// Key of a client transaction (RFC 3261 §17.1.3).
pub(crate) fn client_key(branch: &str, method: &str) -> String {
    format!("{branch} {method}")
}

/// Key of a server transaction (RFC 3261 §17.2.3); an ACK has that of its INVITE.
pub(crate) fn server_key(request: &Message) -> Option<String> {
    const COOKIE: &str = "z9hG4bK";
    let method = request.method()?.text();
    let method = if method == "ACK" { "INVITE" } else { method.as_str() };
    let via = request.top_via()?;
    let sent_by = via.split(';').next().unwrap_or(via).trim();
    match request.branch() {
        Some(branch)
            if branch.get(..COOKIE.len()).is_some_and(|c| c.eq_ignore_ascii_case(COOKIE)) =>
        {
            Some(format!("{branch} {sent_by} {method}"))
        }
        // RFC 2543 peers: no unique branch.
        _ => {
            let (number, _) = request.cseq()?;
            let (call, tag) = (request.call_id(), request.tag_of_from().unwrap_or(""));
            Some(format!("{call} {number} {tag} {via} {method}"))
        }
    }
}
