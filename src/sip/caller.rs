//! The calling side: INVITE, challenge, provisional responses, answer, CANCEL, BYE, and dialogs left by an earlier run.
//!
//! Enters: commands and responses, handed on by [`UserAgent`]. Leaves: requests and events.
//! Source: RFC 3261 §8.1, §9.1, §13.2, §15.1, §22.

use super::address::host_port;
use super::dialog::Dialog;
use super::digest::AuthBook;
use super::error::SipError;
use super::leg::{
    DialRequest, InviteName, LegEventKind, LegId, LegState, Origin, Phase, StaleDialog, Wish,
};
use super::message::{Message, Method, Start, header};
use super::timer::{Alarms, Timer};
use super::transaction::{ClientTransaction, SentAck, client_key};
use super::user_agent::{UserAgent, cseq_of, with_cseq};
use crate::domain::timeline::{LocalTimeout, Q850Cause, SipStatus};
use rsip::Header;
use std::net::SocketAddr;
use std::time::Instant;

/// Methods we take, for `Allow`.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";
/// Early dialogs of one INVITE that are kept.
const MOST_FORKS: usize = 32;
/// Largest UDP payload over IPv4.
const MAX_DATAGRAM: usize = 65_507;

/// Whether our INVITE has met no response at all.
pub(crate) fn nothing_heard(leg: &LegState) -> bool {
    matches!(leg.phase, Phase::Calling { .. })
}

impl UserAgent {
    /// Sends the INVITE of a new leg.
    pub(crate) fn dial(
        &mut self,
        now: Instant,
        id: LegId,
        request: DialRequest,
    ) -> Result<(), SipError> {
        check_texts(&request.number, &request.domain, &request.sip_call_id)?;
        if self.by_call.contains_key(&request.sip_call_id) || self.legs.contains_key(&id) {
            return Err(SipError::AlreadyDialled { call_id: request.sip_call_id });
        }
        let name = match &request.name {
            Some(name) => name.clone(),
            None => InviteName { branch: self.new_branch(1), from_tag: self.new_tag() },
        };
        check("branch", &name.branch)?;
        check("tag", &name.from_tag)?;
        let mut leg = LegState {
            id,
            origin: Origin::Dialled,
            phase: Phase::Ending { q850: None },
            call_id: request.sip_call_id.clone(),
            local_tag: name.from_tag,
            target: request.target,
            cseq: 0,
            branch: name.branch,
            dialog: None,
            early: Vec::new(),
            auth: AuthBook::default(),
            alarms: Alarms::default(),
            local_sdp: Some(request.offer.clone()),
            unacknowledged: None,
            request: Some(request),
        };
        let size = self.invite(&leg, "", 1).to_bytes().len();
        if size > MAX_DATAGRAM - 1000 {
            return Err(SipError::TooLarge { bytes: size });
        }
        self.by_call.entry(leg.call_id.clone()).or_default().push(id);
        self.send_invite(now, &mut leg);
        self.keep(leg);
        Ok(())
    }

    fn send_invite(&mut self, now: Instant, leg: &mut LegState) {
        leg.cseq += 1;
        let branch = with_cseq(&leg.branch, leg.cseq).unwrap_or_else(|| self.new_branch(leg.cseq));
        leg.branch.clone_from(&branch);
        let mut invite = self.invite(leg, &branch, leg.cseq);
        let uri = invite.uri().to_owned();
        for (name, value) in leg.auth.headers("INVITE", &uri, &mut self.chance) {
            invite.headers.push(header(name, value));
        }
        if let Some(offer) = &leg.local_sdp {
            invite = invite.with_sdp(offer);
        }
        leg.phase = Phase::Calling { branch: branch.clone(), wish: Wish::Ring };
        let sent = LegEventKind::InviteSent { branch, from_tag: leg.local_tag.clone() };
        self.event(now, leg.id, sent);
        self.begin(now, invite, leg.target, Some(leg.id));
    }

    /// The INVITE of a leg without credentials and body; its start is the same on every sending.
    fn invite(&self, leg: &LegState, branch: &str, cseq: u32) -> Message {
        let (number, domain) =
            leg.request.as_ref().map_or(("", ""), |r| (r.number.as_str(), r.domain.as_str()));
        let uri = format!("sip:{number}@{domain}");
        let display = self.identity.display.as_deref().map_or(String::new(), quoted);
        let user = &self.identity.user;
        let headers = vec![
            self.via(branch),
            header("Max-Forwards", "70"),
            header("From", format!("{display}<sip:{user}@{domain}>;tag={}", leg.local_tag)),
            header("To", format!("<{uri}>")),
            header("Call-ID", leg.call_id.as_str()),
            header("CSeq", format!("{cseq} INVITE")),
            self.contact(),
            header("Allow", ALLOW),
            header("User-Agent", self.identity.user_agent.as_str()),
        ];
        Message::request(Method::INVITE, &uri, headers)
    }

    /// A 1xx to the INVITE.
    pub(crate) fn provisional(&mut self, now: Instant, id: LegId, key: &str, response: &Message) {
        let Start::Response(status) = response.start.clone() else { return };
        let Some(mut leg) = self.legs.remove(&id) else { return };
        if let (Some(client), true) = (self.clients.get(key), status.code > 100) {
            let early = Dialog::of_caller(&client.request, response, leg.target);
            if let Some(early) = early.filter(|e| leg.dialog_with(&e.remote_tag).is_none())
                && leg.early.len() < MOST_FORKS
            {
                leg.early.push(early);
            }
        }
        let rings = status.code > 100;
        let sdp = response.sdp();
        self.event(now, id, LegEventKind::Provisional { status, sdp });
        match leg.phase.clone() {
            Phase::Calling { branch, wish: Wish::Cancel } => {
                self.send_cancel(now, &mut leg, &branch);
            }
            Phase::Calling { branch, wish: Wish::Ring } | Phase::Proceeding { branch } => {
                leg.phase = Phase::Proceeding { branch };
                if rings {
                    leg.alarms.clear(Timer::TryingSilence);
                    let limit = leg.request.as_ref().map(|r| r.ring_limit);
                    if let (Some(limit), false) = (limit, leg.alarms.is_set(Timer::RingLimit)) {
                        leg.alarms.set(Timer::RingLimit, now, limit);
                    }
                } else if !leg.alarms.is_set(Timer::RingLimit)
                    && !leg.alarms.is_set(Timer::TryingSilence)
                {
                    leg.alarms.start(Timer::TryingSilence, now, &self.identity.timers);
                }
            }
            Phase::Cancelling { .. }
            | Phase::Offered { .. }
            | Phase::Up
            | Phase::Leaving { .. }
            | Phase::Ending { .. } => {}
        }
        self.keep(leg);
    }

    fn send_cancel(&mut self, now: Instant, leg: &mut LegState, branch: &str) {
        leg.alarms.clear_all();
        leg.alarms.start(Timer::CancelWait, now, &self.identity.timers);
        leg.phase = Phase::Cancelling { branch: branch.to_owned() };
        let Some(client) = self.clients.get(&client_key(branch, "INVITE")) else { return };
        let (invite, to) = (&client.request, client.to);
        let mut headers =
            copied(invite, &["Via", "Max-Forwards", "Route", "From", "To", "Call-ID"]);
        let number = invite.cseq().map_or(1, |(number, _)| number);
        headers.push(header("CSeq", format!("{number} CANCEL")));
        let cancel = Message::request(Method::CANCEL, invite.uri(), headers);
        self.begin(now, cancel, to, Some(leg.id));
    }

    /// The ACK of a refusal belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
    pub(crate) fn acknowledge_refusal(&mut self, key: &str, response: &Message, to: SocketAddr) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let invite = &client.request;
        let mut headers = copied(invite, &["Via", "Max-Forwards", "Route", "From", "Call-ID"]);
        headers.push(header("To", response.value("To").unwrap_or("")));
        let number = invite.cseq().map_or(1, |(number, _)| number);
        headers.push(header("CSeq", format!("{number} ACK")));
        let bytes = Message::request(Method::ACK, invite.uri(), headers).to_bytes();
        let to_tag = response.tag_of_to().unwrap_or("").to_owned();
        client.acks.push(SentAck { to_tag, bytes: bytes.clone(), to });
        self.send(to, bytes, None);
    }

    /// A 2xx to the INVITE that was not acknowledged yet.
    pub(crate) fn success(
        &mut self,
        now: Instant,
        owner: Option<LegId>,
        key: &str,
        response: &Message,
    ) {
        let Some(dialog) = self.acknowledge(key, response) else { return };
        let leg = owner.and_then(|id| self.legs.remove(&id));
        let Some(mut leg) = leg else {
            // Nobody waits for this answer: it is a fork or comes too late (RFC 3261 §13.2.2.4).
            self.bye_of_stray(now, dialog);
            return;
        };
        let Start::Response(status) = response.start.clone() else { return };
        let wanted =
            matches!(leg.phase, Phase::Calling { wish: Wish::Ring, .. } | Phase::Proceeding { .. });
        let waits = wanted || matches!(leg.phase, Phase::Calling { .. } | Phase::Cancelling { .. });
        if !waits {
            self.keep(leg);
            self.bye_of_stray(now, dialog);
            return;
        }
        leg.alarms.clear_all();
        leg.early.clear();
        let stored = dialog.stored();
        leg.dialog = Some(dialog);
        leg.phase = Phase::Up;
        let sdp = response.sdp();
        self.event(now, leg.id, LegEventKind::Answered { status, sdp, dialog: stored });
        if !wanted {
            self.send_bye(now, &mut leg, None);
        }
        self.keep(leg);
    }

    /// Sends the ACK of a 2xx and remembers it; gives the dialog. A 2xx without a tag cannot be acknowledged rightly,
    /// it gets an empty one.
    fn acknowledge(&mut self, key: &str, response: &Message) -> Option<Dialog> {
        let client = self.clients.get(key)?;
        let mut dialog = Dialog::of_caller(&client.request, response, client.to).or_else(|| {
            let mut tagged = Dialog::of_caller(&client.request, &with_tag(response), client.to)?;
            tagged.remote_tag.clear();
            response.value("To")?.clone_into(&mut tagged.remote);
            Some(tagged)
        })?;
        let credentials = copied(&client.request, &["Authorization", "Proxy-Authorization"]);
        let cseq = dialog.local_cseq;
        let branch = self.new_branch(cseq);
        let (mut ack, to) = self.in_dialog_request(&mut dialog, &Method::ACK, cseq, &branch);
        for one in credentials {
            ack.headers.push(one);
        }
        let bytes = ack.to_bytes();
        let sent = SentAck { to_tag: dialog.remote_tag.clone(), bytes: bytes.clone(), to };
        if let Some(client) = self.clients.get_mut(key) {
            client.acks.push(sent);
        }
        self.send(to, bytes, None);
        Some(dialog)
    }

    /// A request in a dialog and where it goes.
    fn in_dialog_request(
        &self,
        dialog: &mut Dialog,
        method: &Method,
        cseq: u32,
        branch: &str,
    ) -> (Message, SocketAddr) {
        let (uri, routes, to) = dialog.path();
        let mut headers = vec![self.via(branch), header("Max-Forwards", "70")];
        headers.extend(dialog.head(&routes, cseq, &method.text()));
        headers.push(header("User-Agent", self.identity.user_agent.as_str()));
        dialog.local_cseq = cseq;
        (Message::request(method.clone(), &uri, headers), to)
    }

    pub(crate) fn bye_of_stray(&mut self, now: Instant, mut dialog: Dialog) {
        let cseq = dialog.local_cseq.saturating_add(1);
        let branch = self.new_branch(cseq);
        let (bye, to) = self.in_dialog_request(&mut dialog, &Method::BYE, cseq, &branch);
        self.begin(now, bye, to, None);
    }

    /// Sends BYE in the leg's dialog; the leg ends when it is answered.
    pub(crate) fn send_bye(&mut self, now: Instant, leg: &mut LegState, q850: Option<Q850Cause>) {
        leg.alarms.clear_all();
        leg.unacknowledged = None;
        leg.phase = Phase::Ending { q850 };
        leg.auth.next_request();
        self.send_bye_again(now, leg, q850);
    }

    fn send_bye_again(&mut self, now: Instant, leg: &mut LegState, q850: Option<Q850Cause>) {
        let Some(dialog) = leg.dialog.as_mut() else { return };
        let cseq = dialog.local_cseq.saturating_add(1);
        let branch = self.new_branch(cseq);
        let (mut bye, to) = self.in_dialog_request(dialog, &Method::BYE, cseq, &branch);
        let uri = bye.uri().to_owned();
        for (name, value) in leg.auth.headers("BYE", &uri, &mut self.chance) {
            bye.headers.push(header(name, value));
        }
        if let Some(cause) = q850 {
            bye.headers.push(reason(cause));
        }
        self.begin(now, bye, to, Some(leg.id));
    }

    /// A final refusal of the INVITE; its ACK has left.
    pub(crate) fn refused(&mut self, now: Instant, id: LegId, response: &Message) {
        let Start::Response(status) = response.start.clone() else { return };
        let Some(mut leg) = self.legs.remove(&id) else { return };
        let cancelled = match leg.phase {
            Phase::Cancelling { .. } | Phase::Calling { wish: Wish::Cancel, .. } => true,
            Phase::Calling { .. } | Phase::Proceeding { .. } => false,
            // The INVITE of an earlier process is refused: with the BYE still out, the call is over all the same.
            Phase::Ending { .. } if leg.origin == Origin::Stale => true,
            Phase::Offered { .. } | Phase::Up | Phase::Leaving { .. } | Phase::Ending { .. } => {
                self.keep(leg);
                return;
            }
        };
        let challenge = matches!(status.code, 401 | 407);
        if challenge && !cancelled && leg.auth.learn(response, &self.identity.credentials) {
            leg.alarms.clear_all();
            leg.early.clear();
            self.event(now, id, LegEventKind::Challenged { code: status.code });
            self.send_invite(now, &mut leg);
            self.keep(leg);
            return;
        }
        let over = cancelled && (challenge || status.code == 487);
        let kind = if over {
            LegEventKind::Ended
        } else {
            LegEventKind::Refused { status, q850: response.q850() }
        };
        self.close(now, &leg, kind);
    }

    /// A final response to CANCEL or BYE.
    pub(crate) fn finished(&mut self, now: Instant, id: LegId, method: &str, response: &Message) {
        let Start::Response(SipStatus { code, .. }) = response.start.clone() else { return };
        let Some(mut leg) = self.legs.remove(&id) else { return };
        let ending = method == "BYE" && matches!(leg.phase, Phase::Ending { .. });
        if let (Phase::Ending { q850 }, true, 401 | 407) = (leg.phase.clone(), ending, code)
            && leg.auth.learn(response, &self.identity.credentials)
        {
            self.send_bye_again(now, &mut leg, q850);
            self.keep(leg);
            return;
        }
        let stale_cancel = method == "CANCEL" && leg.origin == Origin::Stale;
        if stale_cancel && code < 300 {
            self.end_cancelled(now, &mut leg, response);
        }
        // 481 to the CANCEL of an earlier process: the call is gone already.
        let stale_gone = stale_cancel && code >= 300;
        if ending || stale_gone {
            self.close(now, &leg, LegEventKind::Ended);
        } else {
            self.keep(leg);
        }
    }

    /// The far end takes the CANCEL of an earlier process. Its 487 may go to the port of that process, and if the call
    /// was answered before the dialog could be stored, CANCEL does nothing. The answer carries the tag of the INVITE's
    /// own (RFC 3261 §9.2): a BYE with it ends the call in either case (§15.1.1), or is told that it is gone.
    fn end_cancelled(&mut self, now: Instant, leg: &mut LegState, response: &Message) {
        let (Some(tag), Phase::Cancelling { .. }) = (response.tag_of_to(), &leg.phase) else {
            leg.alarms.start(Timer::K, now, &self.identity.timers);
            return;
        };
        let invite = self.invite(leg, &leg.branch, leg.cseq);
        let number = leg.request.as_ref().map_or("", |r| r.number.as_str());
        leg.dialog = Some(Dialog {
            call_id: leg.call_id.clone(),
            local: invite.value("From").unwrap_or("").to_owned(),
            local_tag: leg.local_tag.clone(),
            remote: format!("<{}>;tag={tag}", invite.uri()),
            remote_tag: tag.to_owned(),
            remote_target: format!("sip:{number}@{}", leg.target),
            route_set: Vec::new(),
            local_cseq: leg.cseq,
            remote_cseq: None,
            fallback: leg.target,
        });
        self.send_bye(now, leg, None);
    }

    /// A request of a leg met no final response.
    pub(crate) fn unanswered(&mut self, now: Instant, id: LegId, method: &str) {
        let Some(leg) = self.legs.remove(&id) else { return };
        match (method, &leg.phase) {
            ("INVITE", Phase::Calling { .. }) => {
                self.close(now, &leg, LegEventKind::TimedOut(LocalTimeout::TimerB));
            }
            ("BYE", Phase::Ending { .. }) if leg.origin == Origin::Stale => {
                let what = "no answer to BYE (Timer F)".to_owned();
                self.close(now, &leg, LegEventKind::TransportFailed { what });
            }
            ("BYE", Phase::Ending { .. }) => {
                tracing::warn!(call_id = leg.call_id, "no answer to BYE");
                self.close(now, &leg, LegEventKind::Ended);
            }
            _ => self.keep(leg),
        }
    }

    /// An alarm of a leg rang.
    pub(crate) fn leg_timer(&mut self, now: Instant, id: LegId, timer: Timer) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        let limit = match timer {
            Timer::RingLimit => Some(LocalTimeout::RingLimit),
            Timer::TryingSilence => Some(LocalTimeout::TryingThenSilence),
            _ => None,
        };
        match (limit, leg.phase.clone()) {
            (Some(limit), Phase::Proceeding { branch }) => {
                self.event(now, id, LegEventKind::TimedOut(limit));
                self.send_cancel(now, &mut leg, &branch);
            }
            (None, Phase::Cancelling { branch }) if timer == Timer::K => {
                self.disown(now, &client_key(&branch, "INVITE"));
                self.close(now, &leg, LegEventKind::Ended);
                return;
            }
            (None, Phase::Cancelling { branch }) if timer == Timer::CancelWait => {
                self.disown(now, &client_key(&branch, "INVITE"));
                self.close(now, &leg, LegEventKind::TimedOut(LocalTimeout::CancelUnanswered));
                return;
            }
            _ => {
                self.answer_timer(now, leg, timer);
                return;
            }
        }
        self.keep(leg);
    }

    /// Ends a leg whatever it is doing.
    pub(crate) fn hang_up(&mut self, now: Instant, id: LegId, q850: Option<Q850Cause>) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        match leg.phase.clone() {
            Phase::Calling { branch, .. } => {
                leg.phase = Phase::Calling { branch, wish: Wish::Cancel };
            }
            Phase::Proceeding { branch } => self.send_cancel(now, &mut leg, &branch),
            Phase::Up if leg.unacknowledged.is_some() => leg.phase = Phase::Leaving { q850 },
            Phase::Up => self.send_bye(now, &mut leg, q850),
            Phase::Offered { .. } => {
                self.keep(leg);
                self.reject(now, id, 480, "Temporarily Unavailable", q850);
                return;
            }
            Phase::Cancelling { .. } | Phase::Leaving { .. } | Phase::Ending { .. } => {}
        }
        self.keep(leg);
    }

    /// Ends a dialog of an earlier process: BYE if it was answered, else CANCEL.
    pub(crate) fn end_stale(
        &mut self,
        now: Instant,
        id: LegId,
        stale: StaleDialog,
    ) -> Result<(), SipError> {
        check_texts(&stale.number, &stale.domain, &stale.sip_call_id)?;
        check("branch", &stale.branch)?;
        check("tag", &stale.from_tag)?;
        if let Some(stored) = &stale.dialog {
            check("tag of the far end", &stored.remote_tag)?;
            for line in stored.route_set.iter().chain([&stored.contact]) {
                if line.chars().any(char::is_control) {
                    let (what, value) = ("stored address", line.clone());
                    let remedy = "the stored dialog is damaged; check the trunk by hand";
                    return Err(SipError::BadText { what, value, remedy });
                }
            }
        }
        if self.by_call.contains_key(&stale.sip_call_id) {
            return Err(SipError::AlreadyDialled { call_id: stale.sip_call_id });
        }
        let cseq = cseq_of(&stale.branch).unwrap_or(1);
        let request = DialRequest {
            target: stale.target,
            number: stale.number,
            domain: stale.domain,
            sip_call_id: stale.sip_call_id.clone(),
            offer: String::new(),
            ring_limit: std::time::Duration::ZERO,
            name: None,
        };
        let mut leg = LegState {
            id,
            origin: Origin::Stale,
            phase: Phase::Cancelling { branch: stale.branch.clone() },
            call_id: stale.sip_call_id,
            local_tag: stale.from_tag,
            target: stale.target,
            request: Some(request),
            cseq,
            branch: stale.branch.clone(),
            dialog: None,
            early: Vec::new(),
            auth: AuthBook::default(),
            alarms: Alarms::default(),
            local_sdp: None,
            unacknowledged: None,
        };
        let invite = self.invite(&leg, &stale.branch, cseq);
        self.by_call.entry(leg.call_id.clone()).or_default().push(id);
        if let Some(stored) = stale.dialog {
            leg.dialog = Some(Dialog {
                call_id: leg.call_id.clone(),
                local: invite.value("From").unwrap_or("").to_owned(),
                local_tag: leg.local_tag.clone(),
                remote: format!("<{}>;tag={}", invite.uri(), stored.remote_tag),
                remote_tag: stored.remote_tag,
                remote_target: stored.contact,
                route_set: stored.route_set,
                local_cseq: stored.cseq,
                remote_cseq: None,
                fallback: stale.target,
            });
            self.send_bye(now, &mut leg, None);
        } else {
            let settings = &self.identity.timers;
            let client = ClientTransaction::resume(now, settings, invite, stale.target, Some(id));
            let key = client_key(&stale.branch, "INVITE");
            self.clients.insert(key.clone(), client);
            self.watch_client(&key);
            self.send_cancel(now, &mut leg, &stale.branch);
        }
        self.keep(leg);
        Ok(())
    }
}

fn copied(message: &Message, names: &[&str]) -> Vec<Header> {
    names
        .iter()
        .flat_map(|name| message.values(name).map(|value| header(name, value)).collect::<Vec<_>>())
        .collect()
}

fn with_tag(response: &Message) -> Message {
    let mut tagged = response.clone();
    let to = format!("{};tag=none", response.value("To").unwrap_or(""));
    tagged.headers.unique_push(header("To", to));
    tagged
}

/// `Reason` with a cause of ITU-T Q.850 (RFC 3326 §2).
pub(crate) fn reason(cause: Q850Cause) -> Header {
    header("Reason", format!("Q.850;cause={}", cause.0))
}

fn quoted(display: &str) -> String {
    let clean: String = display.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\" ", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Refuses what would break out of the place it is put in.
fn check(what: &'static str, value: &str) -> Result<(), SipError> {
    let bad = value.is_empty() || value.chars().any(|c| c.is_control() || " <>\"@;?".contains(c));
    if bad {
        let remedy = "use letters, digits and the marks `-_.!~*'()+:` only";
        return Err(SipError::BadText { what, value: value.to_owned(), remedy });
    }
    Ok(())
}

fn check_texts(number: &str, domain: &str, call_id: &str) -> Result<(), SipError> {
    check("number", number)?;
    check("domain", domain)?;
    if domain.contains(':') && host_port(domain).is_none() && !named_port(domain) {
        let remedy = "write `host`, `host:port` or `[ipv6]:port`";
        return Err(SipError::BadText { what: "domain", value: domain.to_owned(), remedy });
    }
    let word = |c: char| !c.is_control() && !" \t".contains(c);
    if call_id.is_empty() || !call_id.chars().all(word) {
        let remedy = "use one word without spaces (RFC 3261 §25.1)";
        return Err(SipError::BadText { what: "Call-ID", value: call_id.to_owned(), remedy });
    }
    Ok(())
}

fn named_port(domain: &str) -> bool {
    domain
        .split_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
}
