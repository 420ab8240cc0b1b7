//! The called side: incoming requests, answers with their retransmission, refusals, CANCEL.
//!
//! Enters: requests, handed on by [`UserAgent`], and commands. Leaves: responses, events, incoming calls.
//! Source: RFC 3261 §8.2, §9.2, §13.3, §18.2; RFC 3581.

use super::address::{self, elements, host_port, param};
use super::caller::{ALLOW, reason};
use super::dialog::Dialog;
use super::digest::AuthBook;
use super::leg::{LegEventKind, LegId, LegState, Origin, Phase, Unacknowledged};
use super::message::{Message, Method, Start, header};
use super::timer::{Alarms, Timer};
use super::transaction::{ServerTransaction, server_key};
use super::user_agent::{Offered, UserAgent};
use super::wire::WireError;
use crate::domain::timeline::{Q850Cause, SipStatus};
use rsip::Header;
use std::net::SocketAddr;
use std::time::Instant;

/// What a response carries beside the headers it copies.
#[derive(Debug, Default)]
pub(crate) struct Extra<'a> {
    /// Tag to add to `To` if the request has none.
    pub(crate) tag: Option<&'a str>,
    /// More headers.
    pub(crate) headers: Vec<Header>,
    /// A session description.
    pub(crate) sdp: Option<&'a str>,
}

impl UserAgent {
    /// Takes in a request.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        from: SocketAddr,
        mut request: Message,
        flaw: Option<WireError>,
    ) {
        let Some((key, known)) = self.known(&request) else { return };
        let Some(method) = request.method().cloned() else { return };
        if method == Method::ACK {
            if let Some(server) = self.servers.get_mut(&key).filter(|s| s.answered()) {
                server.acknowledged(now, &self.identity.timers);
                self.watch_server(&key);
            }
            if flaw.is_none() {
                self.acknowledged(now, &request);
            }
            return;
        }
        if known {
            let again = self.servers.get(&key).and_then(|s| Some((s.reply_to, s.repeated()?)));
            if let Some((to, bytes)) = again {
                self.send(to, bytes, None);
            }
            return;
        }
        let reply_to = receive_via(&mut request, from);
        let in_dialog = request.tag_of_to().is_some();
        let server = ServerTransaction::begin(request, reply_to, None);
        self.servers.insert(key.clone(), server);
        if let Some(flaw) = flaw {
            tracing::debug!(%from, %flaw, "request refused");
            let (code, phrase) = match &flaw {
                WireError::Version { .. } => (505, "Version Not Supported".to_owned()),
                other => (400, format!("Bad Request: {other}")),
            };
            self.reply(now, &key, code, &phrase, Extra::default());
            return;
        }
        let outside = !in_dialog && method != Method::CANCEL;
        if outside && !self.servers.get(&key).is_some_and(|s| known_scheme(s.request.uri())) {
            self.reply(now, &key, 416, "Unsupported URI Scheme", Extra::default());
            return;
        }
        match method {
            Method::CANCEL => self.cancelled(now, &key),
            _ if in_dialog => self.in_dialog(now, &key),
            Method::INVITE => self.incoming(now, &key, from),
            other => self.outside(now, &key, &other),
        }
    }

    /// A request outside of any dialog that is no INVITE.
    pub(crate) fn outside(&mut self, now: Instant, key: &str, method: &Method) {
        use rsip::Method as M;
        let (code, phrase) = match method {
            Method::Known(M::Options) => (200, "OK"),
            Method::Known(M::Refer) => (603, "Decline"),
            Method::Known(M::Bye | M::Update | M::Info | M::PRack | M::Notify | M::Cancel) => {
                (481, "Call/Transaction Does Not Exist")
            }
            Method::Known(_) => (405, "Method Not Allowed"),
            Method::Extension(_) => (501, "Not Implemented"),
        };
        let tag = self.new_tag();
        let mut headers = vec![header("Allow", ALLOW)];
        if code == 200 {
            headers.push(header("Accept", "application/sdp"));
            headers.push(self.contact());
        }
        self.reply(now, key, code, phrase, Extra { tag: Some(&tag), headers, sdp: None });
    }

    fn incoming(&mut self, now: Instant, key: &str, source: SocketAddr) {
        let Some(server) = self.servers.get(key) else { return };
        let invite = server.request.clone();
        let tag = self.new_tag();
        if let Some((code, phrase, more)) = self.refusal(&invite) {
            let extra = Extra { tag: Some(&tag), headers: more, sdp: None };
            self.reply(now, key, code, phrase, extra);
            return;
        }
        let Some(dialog) = Dialog::of_callee(&invite, &tag, source) else { return };
        let id = LegId(self.incoming);
        self.incoming += 2;
        let leg = LegState {
            id,
            origin: Origin::Incoming,
            phase: Phase::Offered { server: key.to_owned() },
            call_id: invite.call_id().to_owned(),
            local_tag: tag,
            target: source,
            request: None,
            cseq: 0,
            branch: String::new(),
            dialog: Some(dialog),
            early: Vec::new(),
            auth: AuthBook::default(),
            alarms: Alarms::default(),
            local_sdp: None,
            unacknowledged: None,
        };
        if let Some(server) = self.servers.get_mut(key) {
            server.owner = Some(id);
        }
        self.by_call.entry(leg.call_id.clone()).or_default().push(id);
        self.keep(leg);
        self.reply(now, key, 100, "Trying", Extra::default());
        let from = invite.value("From").and_then(address::Address::parse);
        self.offer(
            id,
            Offered {
                from_user: from.map_or("", |a| address::user(a.uri)).to_owned(),
                to_user: address::user(invite.uri()).to_owned(),
                sip_call_id: invite.call_id().to_owned(),
                offer: invite.sdp(),
                source,
            },
        );
    }

    /// Why an INVITE is refused at once (RFC 3261 §8.2.2).
    fn refusal(&self, invite: &Message) -> Option<(u16, &'static str, Vec<Header>)> {
        let required = invite.list("Require");
        if !required.is_empty() {
            let unsupported = header("Unsupported", required.join(", "));
            return Some((420, "Bad Extension", vec![unsupported]));
        }
        let tag = invite.tag_of_from().unwrap_or("");
        let number = invite.cseq().map(|(n, _)| n);
        let merged = self.by_call.get(invite.call_id()).into_iter().flatten().any(|id| {
            let leg = self.legs.get(id).filter(|l| l.origin == Origin::Incoming);
            let dialog = leg.and_then(|l| l.dialog.as_ref());
            dialog.is_some_and(|d| d.remote_tag == tag && d.remote_cseq == number)
        });
        merged.then_some((482, "Loop Detected", Vec::new()))
    }

    /// Sends a response to the request of a server transaction.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        key: &str,
        code: u16,
        phrase: &str,
        extra: Extra<'_>,
    ) -> Option<Vec<u8>> {
        let server = self.servers.get_mut(key)?;
        let mut response = response_to(&server.request, code, phrase, extra.tag);
        for one in extra.headers {
            response.headers.push(one);
        }
        response.headers.push(header("Server", self.identity.user_agent.as_str()));
        if let Some(sdp) = extra.sdp {
            response = response.with_sdp(sdp);
        }
        let bytes = response.to_bytes();
        server.respond(now, &self.identity.timers, code, bytes.clone());
        let to = server.reply_to;
        self.send(to, bytes.clone(), None);
        self.watch_server(key);
        Some(bytes)
    }

    /// Sends a provisional response to an incoming INVITE. Other codes than 101 to 199 are ignored.
    pub(crate) fn progress(&mut self, now: Instant, id: LegId, code: u16, sdp: Option<String>) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        if let (Phase::Offered { server }, 101..=199) = (leg.phase.clone(), code) {
            let headers = vec![self.contact(), header("Allow", ALLOW)];
            let extra = Extra { tag: Some(&leg.local_tag), headers, sdp: sdp.as_deref() };
            self.reply(now, &server, code, phrase_of(code), extra);
            leg.local_sdp = sdp.or(leg.local_sdp);
        }
        self.keep(leg);
    }

    /// Answers an incoming INVITE.
    pub(crate) fn answer(&mut self, now: Instant, id: LegId, sdp: String) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        if let Phase::Offered { server } = leg.phase.clone() {
            leg.phase = Phase::Up;
            self.accept(now, &mut leg, &server, &sdp);
            leg.local_sdp = Some(sdp);
        }
        self.keep(leg);
    }

    /// Sends a 2xx to an INVITE or re-INVITE and sets the alarms that repeat it until its ACK.
    pub(crate) fn accept(&mut self, now: Instant, leg: &mut LegState, key: &str, sdp: &str) {
        let Some(server) = self.servers.get(key) else { return };
        let cseq = server.request.cseq().map_or(0, |(number, _)| number);
        let answer_in_ack = server.request.sdp().is_none();
        let to = server.reply_to;
        let headers = vec![self.contact(), header("Allow", ALLOW)];
        let extra = Extra { tag: Some(&leg.local_tag), headers, sdp: Some(sdp) };
        let Some(bytes) = self.reply(now, key, 200, "OK", extra) else { return };
        let settings = &self.identity.timers;
        let interval = settings.t1;
        leg.unacknowledged = Some(Unacknowledged { cseq, bytes, to, interval, answer_in_ack });
        leg.alarms.start(Timer::AnswerAgain, now, settings);
        leg.alarms.start(Timer::AckWait, now, settings);
    }

    /// Refuses an incoming INVITE. Codes outside of 300 to 699 become 500.
    pub(crate) fn reject(
        &mut self,
        now: Instant,
        id: LegId,
        code: u16,
        phrase: &str,
        q850: Option<Q850Cause>,
    ) {
        let Some(leg) = self.legs.remove(&id) else { return };
        let Phase::Offered { server } = leg.phase.clone() else {
            self.keep(leg);
            return;
        };
        let code = if (300..700).contains(&code) { code } else { 500 };
        let clean: String = phrase.chars().filter(|c| !c.is_control()).collect();
        let headers = q850.map(reason).into_iter().collect();
        let extra = Extra { tag: Some(&leg.local_tag), headers, sdp: None };
        self.reply(now, &server, code, &clean, extra);
        self.close(now, &leg, LegEventKind::Ended);
    }

    /// CANCEL: answered itself, and its INVITE with 487 if that is open (RFC 3261 §9.2).
    fn cancelled(&mut self, now: Instant, key: &str) {
        let Some(cancel) = self.servers.get(key).map(|s| s.request.clone()) else { return };
        let mut as_invite = cancel;
        as_invite.start = Start::Request(Method::INVITE, String::new());
        let invite_key = server_key(&as_invite);
        let owner = invite_key.and_then(|k| self.servers.get(&k)).and_then(|s| s.owner);
        let leg = owner.and_then(|id| self.legs.remove(&id));
        let Some(leg) = leg else {
            let tag = self.new_tag();
            let extra = Extra { tag: Some(&tag), ..Extra::default() };
            self.reply(now, key, 481, "Call/Transaction Does Not Exist", extra);
            return;
        };
        let tagged = || Extra { tag: Some(&leg.local_tag), ..Extra::default() };
        self.reply(now, key, 200, "OK", tagged());
        if let Phase::Offered { server } = &leg.phase {
            self.reply(now, server, 487, "Request Terminated", tagged());
            self.close(now, &leg, LegEventKind::CancelledByRemote);
        } else {
            self.keep(leg);
        }
    }

    /// An alarm of an answered leg: its 2xx goes out again, or is given up.
    pub(crate) fn answer_timer(&mut self, now: Instant, mut leg: LegState, timer: Timer) {
        match (timer, leg.unacknowledged.as_mut()) {
            (Timer::AnswerAgain, Some(open)) => {
                open.interval = timer.next(open.interval, &self.identity.timers);
                leg.alarms.set(timer, now, open.interval);
                let (to, bytes) = (open.to, open.bytes.clone());
                self.send(to, bytes, None);
                self.keep(leg);
            }
            (Timer::AckWait, Some(_)) => {
                leg.unacknowledged = None;
                let leaving = matches!(leg.phase, Phase::Leaving { .. });
                if leaving {
                    self.send_bye(now, &mut leg, None);
                    self.keep(leg);
                    return;
                }
                if let Some(dialog) = leg.dialog.take() {
                    self.bye_of_stray(now, dialog);
                }
                let what = "the far end never acknowledged our 200 OK".to_owned();
                self.close(now, &leg, LegEventKind::TransportFailed { what });
            }
            _ => self.keep(leg),
        }
    }
}

/// Whether a Request-URI is of a scheme that can name us (RFC 3261 §8.2.2.1).
fn known_scheme(uri: &str) -> bool {
    ["sip", "sips", "tel"].iter().any(|known| address::scheme(uri).eq_ignore_ascii_case(known))
}

/// A response with the headers that every response copies (RFC 3261 §8.2.6.2, §12.1.1).
fn response_to(request: &Message, code: u16, phrase: &str, tag: Option<&str>) -> Message {
    let copy = |name: &'static str| request.values(name).map(move |v| header(name, v));
    let mut headers: Vec<Header> = copy("Via").collect();
    if (101..300).contains(&code) {
        headers.extend(copy("Record-Route"));
    }
    headers.extend(copy("From").take(1));
    // A request so broken that it has no `To` is answered without one.
    headers.extend(request.value("To").map(|to| match tag {
        Some(tag) if request.tag_of_to().is_none() => header("To", format!("{to};tag={tag}")),
        _ => header("To", to),
    }));
    headers.extend(copy("Call-ID").take(1));
    headers.extend(copy("CSeq").take(1));
    if code == 100 {
        headers.extend(copy("Timestamp").take(1));
    }
    let status = SipStatus { code, phrase: phrase.to_owned() };
    Message { start: Start::Response(status), headers: headers.into(), body: Vec::new() }
}

/// Notes in the topmost `Via` where the request came from; gives the address that responses go to
/// (RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4).
fn receive_via(request: &mut Message, from: SocketAddr) -> SocketAddr {
    let Some(line) = request.value("Via").map(str::to_owned) else { return from };
    let parts = elements(&line);
    let Some(top) = parts.first() else { return from };
    let sent_by = top.split(';').next().unwrap_or(top).rsplit(' ').next().unwrap_or("");
    let rport = param(top, "rport").is_some();
    let noted: Vec<String> = top
        .split(';')
        .filter(|p| !p.trim().to_ascii_lowercase().starts_with("received="))
        .map(|p| match p.trim().split('=').next() {
            Some(name) if name.eq_ignore_ascii_case("rport") => format!("rport={}", from.port()),
            _ => p.to_owned(),
        })
        .collect();
    let mut text = format!("{};received={}", noted.join(";"), from.ip());
    for other in &parts[1..] {
        text.push_str(", ");
        text.push_str(other);
    }
    let mut seen = false;
    for one in request.headers.iter_mut() {
        if let (Header::Via(_), false) = (&*one, seen) {
            *one = header("Via", text.as_str());
            seen = true;
        }
    }
    if rport {
        return from;
    }
    let named_port = || sent_by.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
    let port = host_port(sent_by).map(|a| a.port()).or_else(named_port);
    SocketAddr::new(from.ip(), port.unwrap_or(address::DEFAULT_PORT))
}

/// The usual phrase of a provisional code (RFC 3261 §21.1).
fn phrase_of(code: u16) -> &'static str {
    match code {
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        _ => "Session Progress",
    }
}
