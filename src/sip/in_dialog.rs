//! Requests inside a dialog: BYE, re-INVITE, UPDATE, OPTIONS, INFO, and the ACK of our answers.
//!
//! Enters: requests with a tag in `To`, handed on by [`UserAgent`]. Leaves: responses and events.
//! Source: RFC 3261 §12.2.2, §14.2, §15.1.2; RFC 3311 §5.2.

use super::callee::Extra;
use super::caller::ALLOW;
use super::leg::{LegEventKind, LegState, Phase};
use super::message::{Message, Method, header};
use super::sdp::{SdpError, SessionDescription, answer_again};
use super::timer::Timer;
use super::user_agent::UserAgent;
use rsip::Method as Known;
use std::time::Instant;

impl UserAgent {
    /// Takes the leg of a request out of the table, if its tags name one.
    fn take_leg(&mut self, request: &Message) -> Option<LegState> {
        let (ours, theirs) = (request.tag_of_to()?, request.tag_of_from().unwrap_or(""));
        let candidates = self.by_call.get(request.call_id())?.clone();
        let id = candidates.into_iter().find(|id| {
            self.legs
                .get_mut(id)
                .is_some_and(|leg| leg.local_tag == ours && leg.dialog_with(theirs).is_some())
        })?;
        self.legs.remove(&id)
    }

    /// Answers a request inside a dialog; its server transaction stands already.
    pub(crate) fn in_dialog(&mut self, now: Instant, key: &str) {
        let Some(request) = self.servers.get(key).map(|s| s.request.clone()) else { return };
        let Some(method) = request.method().cloned() else { return };
        let Some(mut leg) = self.take_leg(&request) else {
            self.reply(now, key, 481, "Call/Transaction Does Not Exist", Extra::default());
            return;
        };
        if !in_order(&mut leg, &request) {
            self.reply(now, key, 500, "Request Out of Order", Extra::default());
            self.keep(leg);
            return;
        }
        match method {
            Method::Known(Known::Bye) => return self.remote_bye(now, key, leg, &request),
            Method::Known(Known::Invite) => self.reinvite(now, key, &mut leg, &request),
            Method::Known(Known::Update) => self.update(now, key, &mut leg, &request),
            Method::Known(Known::Options | Known::Info) => {
                let headers = vec![header("Allow", ALLOW), header("Accept", "application/sdp")];
                self.reply(now, key, 200, "OK", Extra { headers, ..Extra::default() });
            }
            other => self.outside(now, key, &other),
        }
        self.keep(leg);
    }

    fn remote_bye(&mut self, now: Instant, key: &str, leg: LegState, request: &Message) {
        self.reply(now, key, 200, "OK", Extra::default());
        let closed = LegEventKind::RemoteBye { q850: request.q850() };
        match &leg.phase {
            Phase::Up | Phase::Leaving { .. } => self.close(now, &leg, closed),
            Phase::Offered { server } => {
                let extra = Extra { tag: Some(&leg.local_tag), ..Extra::default() };
                self.reply(now, server, 487, "Request Terminated", extra);
                self.close(now, &leg, closed);
            }
            // Ours is out too, or the INVITE is still open: its own end will come.
            Phase::Ending { .. }
            | Phase::Calling { .. }
            | Phase::Proceeding { .. }
            | Phase::Cancelling { .. } => {
                self.keep(leg);
            }
        }
    }

    fn reinvite(&mut self, now: Instant, key: &str, leg: &mut LegState, request: &Message) {
        if leg.unacknowledged.is_some() {
            let headers = vec![header("Retry-After", "2")];
            self.reply(
                now,
                key,
                500,
                "Server Internal Error",
                Extra { headers, ..Extra::default() },
            );
            return;
        }
        if leg.phase != Phase::Up {
            self.reply(now, key, 491, "Request Pending", Extra::default());
            return;
        }
        let Some(current) = leg.local_sdp.clone() else {
            self.reply(now, key, 488, "Not Acceptable Here", Extra::default());
            return;
        };
        match request.sdp() {
            None => {
                refresh(leg, request);
                self.accept(now, leg, key, &current);
            }
            Some(offer) => match reanswer(&current, &offer) {
                Ok(answer) => {
                    refresh(leg, request);
                    self.accept(now, leg, key, &answer);
                    leg.local_sdp = Some(answer);
                    self.event(now, leg.id, LegEventKind::Reoffer { sdp: offer });
                }
                Err(error) => self.unacceptable(now, key, &error),
            },
        }
    }

    fn update(&mut self, now: Instant, key: &str, leg: &mut LegState, request: &Message) {
        let contact = self.contact();
        let headers = || vec![contact.clone(), header("Allow", ALLOW)];
        let Some(offer) = request.sdp() else {
            refresh(leg, request);
            self.reply(now, key, 200, "OK", Extra { headers: headers(), ..Extra::default() });
            return;
        };
        let Some(current) = leg.local_sdp.clone() else {
            self.reply(now, key, 488, "Not Acceptable Here", Extra::default());
            return;
        };
        match reanswer(&current, &offer) {
            Ok(answer) => {
                refresh(leg, request);
                let extra = Extra { tag: None, headers: headers(), sdp: Some(&answer) };
                self.reply(now, key, 200, "OK", extra);
                leg.local_sdp = Some(answer);
                self.event(now, leg.id, LegEventKind::Reoffer { sdp: offer });
            }
            Err(error) => self.unacceptable(now, key, &error),
        }
    }

    fn unacceptable(&mut self, now: Instant, key: &str, error: &SdpError) {
        tracing::info!(%error, "a new offer was refused");
        self.reply(now, key, 488, "Not Acceptable Here", Extra::default());
    }

    /// The ACK of a 2xx of ours.
    pub(crate) fn acknowledged(&mut self, now: Instant, ack: &Message) {
        let Some(mut leg) = self.take_leg(ack) else { return };
        let number = ack.cseq().map(|(number, _)| number);
        if leg.unacknowledged.as_ref().is_some_and(|open| Some(open.cseq) == number) {
            let answer_in_ack = leg.unacknowledged.take().is_some_and(|open| open.answer_in_ack);
            leg.alarms.clear(Timer::AnswerAgain);
            leg.alarms.clear(Timer::AckWait);
            if let (true, Some(sdp)) = (answer_in_ack, ack.sdp()) {
                self.event(now, leg.id, LegEventKind::Reoffer { sdp });
            }
            if let Phase::Leaving { q850 } = leg.phase {
                self.send_bye(now, &mut leg, q850);
            }
        }
        self.keep(leg);
    }
}

fn reanswer(current: &str, offer: &str) -> Result<String, SdpError> {
    answer_again(current, &SessionDescription::parse(offer)?)
}

/// Notes the `CSeq` number; `false` if it goes back (RFC 3261 §12.2.2).
fn in_order(leg: &mut LegState, request: &Message) -> bool {
    let Some((number, _)) = request.cseq() else { return false };
    let Some(dialog) = leg.dialog_with(request.tag_of_from().unwrap_or("")) else { return false };
    if dialog.remote_cseq.is_some_and(|last| number < last) {
        return false;
    }
    dialog.remote_cseq = Some(number);
    true
}

/// A re-INVITE or UPDATE may move the far end's Contact (RFC 3261 §12.2.2).
fn refresh(leg: &mut LegState, request: &Message) {
    let contact = request.contact().map(str::to_owned);
    let dialog = leg.dialog_with(request.tag_of_from().unwrap_or(""));
    if let (Some(dialog), Some(contact)) = (dialog, contact) {
        dialog.remote_target = contact;
    }
}
