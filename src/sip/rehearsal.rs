//! Whole calls rehearsed with virtual time: the far end is played message by message.
//!
//! Enters: what a far end says and how long is waited. Leaves: what our machine sent and reported.

#[cfg(test)]
use super::{
    Credentials, DialRequest, Identity, Input, InviteName, LegEventKind, LegId, Offered, Output,
    Password, SipError, StaleDialog, TimerSettings, UserAgent,
    message::{Message, Start},
    sdp::{Codec, audio_offer},
};
use crate::domain::random::SplitMix64;
use crate::domain::timeline::{LocalTimeout, Q850Cause};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LEG: LegId = LegId(2);
const ANSWER: &str = "v=0\r\nc=IN IP4 10.2.2.2\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn trunk() -> SocketAddr {
    "10.2.2.2:5060".parse().unwrap()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

struct Stage {
    machine: UserAgent,
    t0: Instant,
    now: Instant,
    /// When, to whom, what.
    sent: Vec<(Duration, SocketAddr, Message)>,
    events: Vec<LegEventKind>,
    offered: Vec<(LegId, Offered)>,
}

impl Stage {
    fn new() -> Self {
        let identity = Identity {
            advertised: "10.0.0.1:5070".parse().unwrap(),
            user_agent: "callprobe".into(),
            user: "0212345678".into(),
            display: None,
            credentials: vec![Credentials {
                realm: None,
                user: "probe".into(),
                password: Password::new("secret"),
            }],
            timers: TimerSettings::default(),
        };
        let mut random = SplitMix64::new(1);
        let chance = Box::new(move || random.next_u64());
        let now = crate::clock::now();
        let machine = UserAgent::new(identity, chance);
        Self { machine, t0: now, now, sent: vec![], events: vec![], offered: vec![] }
    }

    fn dialling() -> Self {
        let mut stage = Self::new();
        stage.feed(Input::Dial(LEG, request()));
        stage
    }

    /// A call that is up, with a Record-Route of two proxies if given.
    fn up(extra: &str) -> Self {
        let mut stage = Self::dialling();
        let invite = stage.last("INVITE");
        stage.respond(&invite, 200, "far", extra, Some(ANSWER));
        stage.events.clear();
        stage
    }

    fn feed(&mut self, input: Input) {
        self.machine.handle(self.now, input).unwrap();
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { to, bytes, .. } => {
                    let (message, flaw) = Message::read(&bytes).unwrap();
                    assert_eq!(flaw, None, "what we send is well-formed");
                    self.sent.push((self.now - self.t0, to, message));
                }
                Output::Event(_, event) => self.events.push(event.kind),
                Output::Incoming(leg, offered) => self.offered.push((leg, offered)),
            }
        }
    }

    fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(at) = self.machine.next_deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.feed(Input::Tick);
        }
        self.now = until;
        self.feed(Input::Tick);
    }

    fn hear(&mut self, text: &str) {
        self.feed(Input::Datagram { from: trunk(), bytes: text.as_bytes().to_vec() });
    }

    /// The last request of a method that we sent.
    fn last(&self, method: &str) -> Message {
        let mut of_method = self.sent.iter().rev().map(|(_, _, m)| m);
        of_method.find(|m| is(m, method)).unwrap_or_else(|| panic!("no {method} sent")).clone()
    }

    fn count(&self, method: &str) -> usize {
        self.sent.iter().filter(|(_, _, m)| is(m, method)).count()
    }

    /// The last response we sent.
    fn code(&self) -> u16 {
        let mut responses = self.sent.iter().rev().filter_map(|(_, _, m)| match &m.start {
            Start::Response(status) => Some(status.code),
            Start::Request(..) => None,
        });
        responses.next().expect("a response was sent")
    }

    fn respond(&mut self, to: &Message, code: u16, tag: &str, extra: &str, body: Option<&str>) {
        let tagged = if tag.is_empty() || to.tag_of_to().is_some() {
            String::new()
        } else {
            format!(";tag={tag}")
        };
        let get = |name: &str| to.value(name).unwrap().to_owned();
        let body =
            body.map_or(String::new(), |b| format!("Content-Type: application/sdp\r\n\r\n{b}"));
        let end = if body.is_empty() { "\r\n" } else { "" };
        let text = format!(
            "SIP/2.0 {code} x\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tagged}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:far@10.3.3.3:5080>\r\n{extra}{end}{body}",
            get("Via"),
            get("From"),
            get("To"),
            get("Call-ID"),
            get("CSeq"),
        );
        self.hear(&text);
    }

    /// The far end's request inside the dialog of a call that [`Self::up`] made.
    fn far_request(&mut self, method: &str, cseq: u32, extra: &str, body: Option<&str>) {
        let invite = self.last("INVITE");
        let body =
            body.map_or(String::new(), |b| format!("Content-Type: application/sdp\r\n\r\n{b}"));
        let end = if body.is_empty() { "\r\n" } else { "" };
        self.hear(&format!(
            "{method} sip:0212345678@10.0.0.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.2.2;branch=z9hG4bK{method}{cseq}\r\n\
             From: <sip:15880000@center.example>;tag=far\r\nTo: {}\r\nCall-ID: call@test\r\nCSeq: {cseq} {method}\r\n{extra}{end}{body}",
            invite.value("From").unwrap(),
        ));
    }
}

fn is(message: &Message, method: &str) -> bool {
    message.method().is_some_and(|m| m.text() == method)
}

fn request() -> DialRequest {
    DialRequest {
        target: trunk(),
        number: "15880000".into(),
        domain: "center.example".into(),
        sip_call_id: "call@test".into(),
        offer: audio_offer("10.0.0.1".parse().unwrap(), 4000, &[Codec::Pcma, Codec::Pcmu]),
        ring_limit: secs(60),
        name: None,
    }
}

fn timeouts(stage: &Stage) -> Vec<LocalTimeout> {
    let timed_out = |k: &LegEventKind| match k {
        LegEventKind::TimedOut(timer) => Some(*timer),
        _ => None,
    };
    stage.events.iter().filter_map(timed_out).collect()
}

#[test]
fn an_unheard_invite_goes_out_7_times_and_ends_by_timer_b_at_32_s() {
    let mut stage = Stage::dialling();
    stage.wait(millis(31_999));
    let at: Vec<_> = stage.sent.iter().map(|(at, ..)| at.as_millis()).collect();
    assert_eq!(at, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(timeouts(&stage).is_empty());
    stage.wait(millis(1));
    assert_eq!(timeouts(&stage), [LocalTimeout::TimerB]);
    assert_eq!(stage.machine.live_legs(), 0);
}

#[test]
fn a_real_408_is_a_refusal_and_no_timeout() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.respond(&invite, 408, "far", "", None);
    let refused = matches!(stage.events.last(), Some(LegEventKind::Refused { status, .. }) if status.code == 408);
    assert!(refused, "{:?}", stage.events);
    assert!(timeouts(&stage).is_empty());
}

#[test]
fn trying_and_then_silence_is_cancelled_after_32_s() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.respond(&invite, 100, "", "", None);
    stage.wait(millis(31_999));
    assert_eq!(stage.sent.len(), 1, "a provisional response stops retransmission");
    stage.wait(millis(1));
    assert_eq!(timeouts(&stage), [LocalTimeout::TryingThenSilence]);
    let cancel = stage.last("CANCEL");
    assert_eq!(cancel.branch(), invite.branch());
    assert_eq!(cancel.cseq(), Some((1, "CANCEL")));
}

#[test]
fn the_ring_limit_counts_from_the_first_18x_and_a_487_ends_the_leg() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.wait(millis(400));
    stage.respond(&invite, 180, "far", "", None);
    stage.wait(secs(30));
    stage.respond(&invite, 180, "far", "", None);
    stage.wait(millis(29_999));
    assert!(timeouts(&stage).is_empty());
    stage.wait(millis(1));
    assert_eq!(timeouts(&stage), [LocalTimeout::RingLimit]);
    let cancel = stage.last("CANCEL");
    stage.respond(&cancel, 200, "far", "", None);
    stage.respond(&invite, 487, "far", "", None);
    assert_eq!(stage.events.last(), Some(&LegEventKind::Ended));
    let ack = stage.last("ACK");
    assert_eq!((ack.branch(), ack.tag_of_to()), (invite.branch(), Some("far")));
    stage.respond(&invite, 487, "far", "", None);
    assert_eq!(stage.count("ACK"), 2, "a repeated refusal is acknowledged again");
}

#[test]
fn cancel_waits_for_the_first_provisional_response() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.feed(Input::Cancel(LEG));
    assert_eq!(stage.count("CANCEL"), 0);
    stage.respond(&invite, 100, "", "", None);
    assert_eq!(stage.count("CANCEL"), 1);
}

#[test]
fn cancel_that_crosses_a_200_becomes_ack_and_bye() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.respond(&invite, 180, "far", "", None);
    stage.feed(Input::Cancel(LEG));
    stage.respond(&invite, 200, "far", "", Some(ANSWER));
    assert_eq!((stage.count("ACK"), stage.count("BYE")), (1, 1));
    let bye = stage.last("BYE");
    stage.respond(&bye, 200, "", "", None);
    assert_eq!(stage.events.last(), Some(&LegEventKind::Ended));
}

#[test]
fn an_unanswered_cancel_is_said_so_and_a_late_200_is_hung_up() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.respond(&invite, 180, "far", "", None);
    stage.feed(Input::Cancel(LEG));
    stage.wait(secs(32));
    assert_eq!(timeouts(&stage), [LocalTimeout::CancelUnanswered]);
    assert_eq!(stage.machine.live_legs(), 0);
    stage.respond(&invite, 200, "far", "", Some(ANSWER));
    assert_eq!((stage.count("ACK"), stage.count("BYE")), (1, 1));
}

#[test]
fn a_repeated_200_is_acknowledged_again_and_reported_once() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    for _ in 0..3 {
        stage.respond(&invite, 200, "far", "", Some(ANSWER));
        stage.wait(secs(1));
    }
    assert_eq!(stage.count("ACK"), 3);
    let answered = |k: &&LegEventKind| matches!(k, LegEventKind::Answered { .. });
    assert_eq!(stage.events.iter().filter(answered).count(), 1);
    let (_, to, _) = stage.sent.iter().rfind(|(_, _, m)| is(m, "ACK")).unwrap();
    assert_eq!(to.to_string(), "10.3.3.3:5080", "the ACK goes to the Contact");
}

#[test]
fn a_forked_200_of_another_tag_is_acknowledged_and_hung_up() {
    let mut stage = Stage::up("");
    let invite = stage.last("INVITE");
    stage.respond(&invite, 200, "other", "", Some(ANSWER));
    let bye = stage.last("BYE");
    assert_eq!(bye.tag_of_to(), Some("other"));
    assert_eq!(stage.count("ACK"), 2);
    assert!(stage.events.is_empty());
    assert_eq!(stage.machine.live_legs(), 1);
}

#[test]
fn a_407_and_then_a_401_are_answered_in_one_attempt() {
    let mut stage = Stage::dialling();
    let first = stage.last("INVITE");
    let proxy =
        "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n1\", qop=\"auth,auth-int\"\r\n";
    stage.respond(&first, 407, "p", proxy, None);
    let second = stage.last("INVITE");
    let user = "WWW-Authenticate: Digest realm=\"center\", nonce=\"n2\", algorithm=SHA-256\r\n";
    stage.respond(&second, 401, "u", user, None);
    let third = stage.last("INVITE");
    assert_eq!(third.cseq(), Some((3, "INVITE")));
    assert_eq!((third.call_id(), third.tag_of_from()), (first.call_id(), first.tag_of_from()));
    let proxy = third.value("Proxy-Authorization").unwrap();
    assert!(proxy.contains("nc=00000002") && proxy.contains("uri=\"sip:15880000@center.example\""));
    assert!(third.value("Authorization").unwrap().contains("realm=\"center\""));
    let codes: Vec<u16> = stage
        .events
        .iter()
        .filter_map(|k| if let LegEventKind::Challenged { code } = k { Some(*code) } else { None })
        .collect();
    assert_eq!(codes, [407, 401]);
    stage.respond(&third, 401, "u", user, None);
    let refused = matches!(stage.events.last(), Some(LegEventKind::Refused { status, .. }) if status.code == 401);
    assert!(refused, "a password that was refused is not tried again");
    assert_eq!(stage.count("INVITE"), 3);
}

#[test]
fn a_stale_nonce_is_answered_again() {
    let mut stage = Stage::dialling();
    let first = stage.last("INVITE");
    stage.respond(&first, 401, "u", "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n", None);
    let second = stage.last("INVITE");
    let renewed = "WWW-Authenticate: Digest realm=\"r\", nonce=\"2\", stale=TRUE\r\n";
    stage.respond(&second, 401, "u", renewed, None);
    assert!(stage.last("INVITE").value("Authorization").unwrap().contains("nonce=\"2\""));
    assert_eq!(stage.count("INVITE"), 3);
}

#[test]
fn a_challenged_bye_is_sent_again_with_its_cause() {
    let mut stage = Stage::up("");
    stage.feed(Input::Bye(LEG, Some(Q850Cause(16))));
    let bye = stage.last("BYE");
    assert_eq!(bye.q850(), Some(Q850Cause(16)));
    let challenge = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"1\", qop=\"auth\"\r\n";
    stage.respond(&bye, 407, "", challenge, None);
    let again = stage.last("BYE");
    assert_eq!((again.cseq(), again.q850()), (Some((3, "BYE")), Some(Q850Cause(16))));
    assert!(again.value("Proxy-Authorization").is_some());
    stage.respond(&again, 200, "", "", None);
    assert_eq!(stage.events, [LegEventKind::Ended]);
}

#[test]
fn loose_routes_are_reversed_and_a_strict_router_becomes_the_request_uri() {
    let mut loose = Stage::up("Record-Route: <sip:10.9.9.1;lr>, <sip:10.9.9.2:5090;lr=on>\r\n");
    loose.feed(Input::Bye(LEG, None));
    let bye = loose.last("BYE");
    assert_eq!(bye.uri(), "sip:far@10.3.3.3:5080");
    assert_eq!(bye.list("Route"), ["<sip:10.9.9.2:5090;lr=on>", "<sip:10.9.9.1;lr>"]);
    assert_eq!(loose.sent.last().unwrap().1.to_string(), "10.9.9.2:5090");
    let mut strict =
        Stage::up("Record-Route: <sip:10.9.9.1;lr>\r\nRecord-Route: <sip:10.9.9.2>\r\n");
    strict.feed(Input::Bye(LEG, None));
    let bye = strict.last("BYE");
    assert_eq!(bye.uri(), "sip:10.9.9.2");
    assert_eq!(bye.list("Route"), ["<sip:10.9.9.1;lr>", "<sip:far@10.3.3.3:5080>"]);
}

#[test]
fn a_redirect_is_reported_and_not_followed() {
    let mut stage = Stage::dialling();
    let invite = stage.last("INVITE");
    stage.respond(
        &invite,
        302,
        "far",
        "Reason: SIP;cause=302, Q.850 ;cause=21;text=\"a;b\"\r\n",
        None,
    );
    let Some(LegEventKind::Refused { status, q850 }) = stage.events.last() else {
        panic!("a refusal was expected");
    };
    assert_eq!((status.code, *q850), (302, Some(Q850Cause(21))));
    assert_eq!(stage.count("INVITE"), 1);
}

#[test]
fn a_hold_is_answered_with_recvonly_and_reported() {
    let mut stage = Stage::up("");
    let hold = "v=0\r\nc=IN IP4 10.2.2.2\r\nm=audio 7002 RTP/AVP 8\r\na=sendonly\r\n";
    stage.far_request("INVITE", 7, "Contact: <sip:moved@10.4.4.4>\r\n", Some(hold));
    assert_eq!(stage.events, [LegEventKind::Reoffer { sdp: hold.to_owned() }]);
    let (_, _, ok) = stage.sent.last().unwrap().clone();
    assert!(ok.sdp().unwrap().contains("a=recvonly"));
    stage.wait(millis(500));
    assert_eq!(stage.sent.last().unwrap().2, ok, "the 200 is repeated until its ACK");
    stage.far_request("ACK", 7, "", None);
    let before = stage.sent.len();
    stage.wait(secs(40));
    assert_eq!(stage.sent.len(), before);
    stage.feed(Input::Bye(LEG, None));
    assert_eq!(stage.last("BYE").uri(), "sip:moved@10.4.4.4", "the target was refreshed");
}

#[test]
fn a_new_offer_without_our_codecs_is_488_and_the_call_stays() {
    let mut stage = Stage::up("");
    let video = "v=0\r\nc=IN IP4 10.2.2.2\r\nm=video 7002 RTP/AVP 96\r\n";
    stage.far_request("INVITE", 7, "", Some(video));
    assert_eq!((stage.code(), stage.machine.live_legs()), (488, 1));
    stage.far_request("UPDATE", 8, "", Some(ANSWER));
    assert_eq!(stage.code(), 200);
    assert_eq!(stage.events, [LegEventKind::Reoffer { sdp: ANSWER.to_owned() }]);
}

#[test]
fn requests_in_a_dialog_get_the_codes_of_rfc_3261() {
    let mut stage = Stage::up("");
    for (method, cseq, code) in [
        ("OPTIONS", 10, 200),
        ("INFO", 11, 200),
        ("UPDATE", 12, 200),
        ("REFER", 13, 603),
        ("MESSAGE", 14, 405),
        ("PRACK", 15, 481),
        ("NEWMETHOD", 16, 501),
        ("INFO", 3, 500),
        ("BYE", 17, 200),
        ("BYE", 18, 481),
    ] {
        stage.far_request(method, cseq, "", None);
        assert_eq!(stage.code(), code, "{method} {cseq}");
    }
    assert_eq!(stage.events, [LegEventKind::RemoteBye { q850: None }]);
}

#[test]
fn a_failed_send_of_the_first_invite_is_our_fault() {
    let mut stage = Stage::dialling();
    stage.feed(Input::SendFailed { leg: LEG, what: "no route".into() });
    assert_eq!(
        stage.events.last(),
        Some(&LegEventKind::TransportFailed { what: "no route".into() })
    );
    stage.wait(secs(40));
    assert_eq!(stage.count("INVITE"), 1);
}

#[test]
fn a_stale_ringing_call_is_cancelled_with_the_branch_and_number_of_its_invite() {
    let mut before = Stage::dialling();
    let first = before.last("INVITE");
    before.respond(&first, 401, "u", "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n", None);
    let invite = before.last("INVITE");
    let mut after = Stage::new();
    after.feed(Input::EndStale(LEG, stale(&invite)));
    let cancel = after.last("CANCEL");
    assert_eq!(cancel.cseq(), Some((2, "CANCEL")));
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(cancel.value(name), invite.value(name), "{name}");
    }
    assert_eq!(cancel.uri(), invite.uri());
    after.respond(&cancel, 200, "far", "", None);
    after.respond(&invite, 487, "far", "", None);
    assert_eq!(after.events, [LegEventKind::Ended]);
    assert_eq!((after.count("INVITE"), after.count("ACK")), (0, 1));
}

fn stale(invite: &Message) -> StaleDialog {
    StaleDialog {
        target: trunk(),
        number: "15880000".into(),
        domain: "center.example".into(),
        sip_call_id: "call@test".into(),
        from_tag: invite.tag_of_from().unwrap().into(),
        branch: invite.branch().unwrap().into(),
        dialog: None,
    }
}

#[test]
fn a_named_invite_leaves_under_its_name_and_answers_a_challenge_with_the_next_number_in_it() {
    let name = InviteName {
        branch: "z9hG4bK_1_10.0.0.1_5070_abc".into(),
        from_tag: "0123456789abcdef".into(),
    };
    let mut stage = Stage::new();
    stage.feed(Input::Dial(LEG, DialRequest { name: Some(name.clone()), ..request() }));
    let first = stage.last("INVITE");
    assert_eq!(first.branch(), Some(name.branch.as_str()));
    assert_eq!(first.tag_of_from(), Some(name.from_tag.as_str()));
    stage.respond(
        &first,
        407,
        "u",
        "Proxy-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n",
        None,
    );
    let second = stage.last("INVITE");
    assert_eq!(second.branch(), Some("z9hG4bK_2_10.0.0.1_5070_abc"));
    assert_eq!(second.tag_of_from(), first.tag_of_from());
    let broken = InviteName { branch: "z9hG4bK\r\nX: 1".into(), ..name };
    let request = DialRequest { name: Some(broken), sip_call_id: "other@test".into(), ..request() };
    let refused = stage.machine.handle(stage.now, Input::Dial(LegId(4), request));
    assert!(matches!(refused, Err(SipError::BadText { what: "branch", .. })));
}

#[test]
fn a_stale_call_that_was_answered_unnoticed_is_ended_by_a_bye_with_the_tag_of_the_cancels_answer() {
    let invite = Stage::dialling().last("INVITE");
    let mut after = Stage::new();
    after.feed(Input::EndStale(LEG, stale(&invite)));
    let cancel = after.last("CANCEL");
    after.respond(&cancel, 200, "far", "", None);
    let bye = after.last("BYE");
    assert_eq!(after.sent.last().unwrap().1, trunk());
    assert_eq!(bye.tag_of_to(), Some("far"));
    assert_eq!(bye.cseq(), Some((2, "BYE")));
    for name in ["From", "Call-ID"] {
        assert_eq!(bye.value(name), invite.value(name), "{name}");
    }
    assert!(after.events.is_empty());
    after.respond(&bye, 200, "", "", None);
    assert_eq!(after.events, [LegEventKind::Ended]);
}

fn incoming(branch: &str, cseq: u32, extra: &str, body: &str) -> String {
    format!(
        "INVITE sip:15880000@10.0.0.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.2.2:5062;branch=z9hG4bK{branch};rport\r\n\
         Record-Route: <sip:10.9.9.9;lr>\r\nFrom: \"고객\" <sip:0101234@x>;tag=far\r\nTo: <sip:15880000@10.0.0.1>\r\n\
         Call-ID: in@test\r\nCSeq: {cseq} INVITE\r\nContact: <sip:far@10.3.3.3>\r\n{extra}\r\n{body}"
    )
}

fn ack_of(stage: &Stage) -> String {
    let (_, _, ok) = stage.sent.last().unwrap();
    format!(
        "ACK sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.2.2;branch=z9hG4bKack\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: in@test\r\nCSeq: 1 ACK\r\n\r\n{ANSWER}",
        ok.value("From").unwrap(),
        ok.value("To").unwrap()
    )
}

fn answering() -> (Stage, LegId) {
    let mut stage = Stage::new();
    stage.hear(&incoming("a", 1, "", ANSWER));
    let leg = stage.offered[0].0;
    (stage, leg)
}

#[test]
fn an_incoming_invite_is_offered_once_and_its_last_answer_repeated() {
    let (mut stage, leg) = answering();
    assert_eq!(stage.offered[0].1.from_user, "0101234");
    assert_eq!(stage.code(), 100);
    stage.feed(Input::Progress(leg, 183, Some(ANSWER.into())));
    let progress = stage.sent.last().unwrap().2.clone();
    assert!(progress.tag_of_to().is_some() && progress.value("Record-Route").is_some());
    let via = progress.value("Via").unwrap();
    assert!(via.contains("rport=5060") && via.contains("received=10.2.2.2"), "{via}");
    stage.hear(&incoming("a", 1, "", ANSWER));
    assert_eq!(stage.sent.last().unwrap().2, progress);
    assert_eq!(stage.offered.len(), 1);
    stage.hear(&incoming("other-path", 1, "", ANSWER));
    assert_eq!((stage.code(), stage.offered.len()), (482, 1));
}

#[test]
fn our_200_is_repeated_until_its_ack_and_a_bye_waits_for_it() {
    let (mut stage, leg) = answering();
    stage.feed(Input::Answer(leg, ANSWER.into()));
    let before = stage.sent.len();
    stage.wait(millis(3500));
    assert_eq!(stage.sent.len() - before, 3, "after 0.5, 1.5 and 3.5 s");
    stage.feed(Input::Bye(leg, None));
    assert_eq!(stage.count("BYE"), 0);
    let ack = ack_of(&stage);
    stage.hear(&ack);
    let bye = stage.last("BYE");
    assert_eq!(bye.list("Route"), ["<sip:10.9.9.9;lr>"]);
    assert_eq!(bye.tag_of_to(), Some("far"));
    stage.respond(&bye, 200, "", "", None);
    assert_eq!(stage.events, [LegEventKind::Ended]);
}

#[test]
fn a_200_without_ack_is_hung_up_after_32_s() {
    let (mut stage, leg) = answering();
    stage.feed(Input::Answer(leg, ANSWER.into()));
    stage.wait(millis(31_999));
    assert!(stage.events.is_empty());
    stage.wait(millis(1));
    assert!(matches!(stage.events[..], [LegEventKind::TransportFailed { .. }]));
    assert_eq!(stage.count("BYE"), 1);
}

#[test]
fn an_answer_that_comes_in_the_ack_is_reported() {
    let mut stage = Stage::new();
    stage.hear(&incoming("a", 1, "", ""));
    let (leg, offered) = stage.offered[0].clone();
    assert_eq!(offered.offer, None);
    stage.feed(Input::Answer(leg, ANSWER.into()));
    let ack = ack_of(&stage);
    stage.hear(&ack);
    assert_eq!(stage.events, [LegEventKind::Reoffer { sdp: ANSWER.into() }]);
}

#[test]
fn a_refusal_is_repeated_until_its_ack() {
    let (mut stage, leg) = answering();
    stage.feed(Input::Reject(leg, 486, "Busy Here".into(), Some(Q850Cause(17))));
    assert_eq!(stage.sent.last().unwrap().2.q850(), Some(Q850Cause(17)));
    let before = stage.sent.len();
    stage.wait(millis(1500));
    assert_eq!(stage.sent.len() - before, 2);
    stage.hear(&incoming("a", 1, "", "").replace("INVITE", "ACK"));
    stage.wait(secs(40));
    assert_eq!(stage.sent.len() - before, 2);
}

#[test]
fn cancel_gets_200_its_invite_487_and_a_strange_cancel_481() {
    let (mut stage, _) = answering();
    stage.hear(&incoming("a", 1, "", "").replace("INVITE", "CANCEL"));
    let codes: Vec<String> =
        stage.sent.iter().rev().take(2).map(|(_, _, m)| format!("{:?}", m.start)).collect();
    assert!(codes[0].contains("487") && codes[1].contains("200"), "{codes:?}");
    assert_eq!(stage.events, [LegEventKind::CancelledByRemote]);
    stage.hear(&incoming("b", 1, "", "").replace("INVITE", "CANCEL"));
    assert_eq!(stage.code(), 481);
}

#[test]
fn requests_that_are_wrong_are_told_so() {
    let good = incoming("a", 1, "", "");
    for (text, code) in [
        (good.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505),
        (good.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), 400),
        (good.replace("Contact:", "Content-Length: 99\r\nContact:"), 400),
        (good.replace("Contact:", "Content-Length: -9\r\nContact:"), 400),
        (good.replace("Contact:", "Require: 100rel, x\r\nContact:"), 420),
        (good.replace("INVITE sip:15880000", "INVITE foo:15880000"), 416),
        (good.replace("INVITE", "OPTIONS"), 200),
        (good.replace("INVITE", "SUBSCRIBE"), 405),
        (good.replace("INVITE", "invite"), 501),
        (good.replace("INVITE", "BYE"), 481),
        (good.replace("10.0.0.1>\r\n", "10.0.0.1>;tag=gone\r\n"), 481),
    ] {
        let mut stage = Stage::new();
        stage.hear(&text);
        assert_eq!((stage.code(), stage.offered.len()), (code, 0), "{text}");
    }
}

#[test]
fn after_all_calls_nothing_is_kept() {
    let mut stage = Stage::up("");
    stage.far_request("BYE", 9, "Reason: Q.850;cause=16\r\n", None);
    assert_eq!(stage.events, [LegEventKind::RemoteBye { q850: Some(Q850Cause(16)) }]);
    stage.wait(secs(70));
    assert_eq!(stage.machine.next_deadline(), None);
    assert_eq!(format!("{:?}", stage.machine), "UserAgent { legs: 0, clients: 0, servers: 0, .. }");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn no_datagram_makes_the_machine_panic(
        noise in prop::collection::vec(any::<u8>(), 0..400),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..4), 0..12),
        method in prop::sample::select(vec!["INVITE", "BYE", "ACK", "CANCEL", "UPDATE", "OPTIONS"]),
    ) {
        let mut stage = Stage::dialling();
        let invite = stage.last("INVITE");
        let head = |name: &str| format!("{name}: {}\r\n", invite.value(name).unwrap());
        let response = format!(
            "SIP/2.0 200 OK\r\n{}{}{}{}{}Record-Route: <sip:10.9.9.9;lr>\r\nReason: Q.850;cause=3\r\n\r\n{ANSWER}",
            head("Via"), head("From"), head("To"), head("Call-ID"), head("CSeq"),
        );
        let mut response = response.replace("center.example>\r\n", "center.example>;tag=far\r\n").into_bytes();
        let (ours, theirs) = (head("From"), "To: <sip:a@b>;tag=far\r\n".to_owned());
        let inside = format!(
            "{method} sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.2.2;branch=z9hG4bKx\r\n{}{}{}CSeq: 5 {method}\r\n\r\n{ANSWER}",
            ours.replacen("From", "To", 1), theirs.replacen("To", "From", 1), head("Call-ID"),
        );
        let mut inside = inside.into_bytes();
        let mut outside = incoming("a", 1, "", ANSWER).replace("INVITE", method).into_bytes();
        for (at, byte, kind) in cuts {
            for text in [&mut response, &mut inside, &mut outside] {
                let at = at.index(text.len());
                match kind {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    2 if text.len() > 1 => { text.remove(at); }
                    2 => {}
                    _ => text.truncate(at.max(1)),
                }
            }
        }
        for datagram in [noise, response, inside, outside] {
            let input = Input::Datagram { from: trunk(), bytes: datagram };
            prop_assert!(stage.machine.handle(stage.now, input).is_ok());
            while stage.machine.poll().is_some() {}
        }
        stage.machine.handle(stage.now + secs(100), Input::HangUpAll).unwrap();
        while stage.machine.poll().is_some() {}
    }
}
