//! Two endpoints on loopback: whole calls over real sockets, in real time, with short timers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of a test that cannot go on fails"
)]

use callprobe::domain::timeline::{LocalTimeout, Q850Cause};
use callprobe::sip::sdp::{AudioTarget, Codec, SessionDescription, audio_answer, audio_offer};
use callprobe::sip::{
    Credentials, DialRequest, Endpoint, EndpointConfig, IncomingCall, Leg, LegEventKind, Password,
    SipError, StaleDialog, StoredDialog, TimerSettings,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OURS: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

fn config() -> EndpointConfig {
    EndpointConfig {
        bind: SocketAddr::new(LOOPBACK, 0),
        advertise: None,
        user_agent: "callprobe-test".into(),
        user: "0212345678".into(),
        display: Some("탐침".into()),
        credentials: vec![Credentials {
            realm: None,
            user: "probe".into(),
            password: Password::new("s3cret"),
        }],
        timers: TimerSettings {
            t1: Duration::from_millis(20),
            t2: Duration::from_millis(160),
            t4: Duration::from_millis(200),
            trying_silence: Duration::from_millis(300),
        },
    }
}

async fn pair() -> (Endpoint, Endpoint, mpsc::Receiver<IncomingCall>) {
    let (caller, _) = Endpoint::bind(config()).await.unwrap();
    let (center, calls) = Endpoint::bind(config()).await.unwrap();
    (caller, center, calls)
}

fn request(center: &Endpoint, call_id: &str) -> DialRequest {
    DialRequest {
        target: center.local_addr(),
        number: "15880000".into(),
        domain: "127.0.0.1".into(),
        sip_call_id: call_id.into(),
        offer: audio_offer(LOOPBACK, 40_000, &OURS),
        ring_limit: Duration::from_secs(10),
        name: None,
    }
}

async fn next(leg: &mut Leg) -> LegEventKind {
    leg.events.recv().await.expect("the leg still reports").kind
}

/// Skips the events that `wanted` does not name.
async fn until(leg: &mut Leg, wanted: impl Fn(&LegEventKind) -> bool) -> LegEventKind {
    loop {
        let kind = next(leg).await;
        if wanted(&kind) {
            return kind;
        }
    }
}

fn answer_to(call: &IncomingCall) -> String {
    let offer = SessionDescription::parse(call.offer.as_deref().unwrap()).unwrap();
    audio_answer(&offer, LOOPBACK, 40_002, &OURS).unwrap()
}

/// A call that is answered: caller's leg, center's leg, what is stored of the dialog.
async fn connected(
    caller: &Endpoint,
    center: &Endpoint,
    calls: &mut mpsc::Receiver<IncomingCall>,
    call_id: &str,
) -> (Leg, Leg, StoredDialog) {
    let mut leg = caller.dial(request(center, call_id)).await.unwrap();
    let call = calls.recv().await.unwrap();
    call.leg.answer(answer_to(&call));
    let answered = until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    let LegEventKind::Answered { dialog, .. } = answered else { unreachable!() };
    (leg, call.leg, dialog)
}

#[tokio::test]
async fn a_call_rings_with_early_media_is_answered_and_ended_by_the_caller() {
    let (caller, center, mut calls) = pair().await;
    let mut leg = caller.dial(request(&center, "answered@test")).await.unwrap();
    assert!(matches!(next(&mut leg).await, LegEventKind::InviteSent { .. }));
    let mut call = calls.recv().await.unwrap();
    assert_eq!(call.to_user, "15880000");
    assert_eq!(call.from_user, "0212345678");
    assert_eq!(call.sip_call_id, "answered@test");
    let early = answer_to(&call);
    call.leg.progress(183, Some(early.clone()));
    let provisional =
        until(&mut leg, |k| matches!(k, LegEventKind::Provisional { sdp: Some(_), .. })).await;
    let LegEventKind::Provisional { status, sdp } = provisional else { unreachable!() };
    assert_eq!((status.code, sdp.as_deref()), (183, Some(early.as_str())));
    call.leg.answer(early.clone());
    let answered = until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    let LegEventKind::Answered { status, sdp, .. } = answered else { unreachable!() };
    assert_eq!(status.code, 200);
    let target: AudioTarget =
        SessionDescription::parse(&sdp.unwrap()).unwrap().audio_target(&OURS).unwrap();
    assert_eq!(target.addr, SocketAddr::new(LOOPBACK, 40_002));
    assert_eq!((target.codec, target.telephone_event), (Codec::Pcma, Some(101)));
    leg.bye(Some(Q850Cause(16)));
    let bye = until(&mut call.leg, LegEventKind::closes).await;
    assert_eq!(bye, LegEventKind::RemoteBye { q850: Some(Q850Cause(16)) });
    assert_eq!(until(&mut leg, LegEventKind::closes).await, LegEventKind::Ended);
    assert!(leg.events.recv().await.is_none());
}

#[tokio::test]
async fn the_callee_hangs_up_with_a_cause() {
    let (caller, center, mut calls) = pair().await;
    let (mut leg, mut far, _) = connected(&caller, &center, &mut calls, "far-bye@test").await;
    far.bye(Some(Q850Cause(31)));
    let bye = until(&mut leg, LegEventKind::closes).await;
    assert_eq!(bye, LegEventKind::RemoteBye { q850: Some(Q850Cause(31)) });
    assert_eq!(until(&mut far, LegEventKind::closes).await, LegEventKind::Ended);
}

#[tokio::test]
async fn busy_is_refused_with_status_phrase_and_cause() {
    let (caller, center, mut calls) = pair().await;
    let mut leg = caller.dial(request(&center, "busy@test")).await.unwrap();
    let call = calls.recv().await.unwrap();
    call.leg.reject(486, "통화중", Some(Q850Cause(17)));
    let LegEventKind::Refused { status, q850 } = until(&mut leg, LegEventKind::closes).await else {
        panic!("a refusal was expected");
    };
    assert_eq!((status.code, status.phrase.as_str()), (486, "통화중"));
    assert_eq!(q850, Some(Q850Cause(17)));
}

#[tokio::test]
async fn cancel_while_ringing_ends_both_legs() {
    let (caller, center, mut calls) = pair().await;
    let mut leg = caller.dial(request(&center, "cancel@test")).await.unwrap();
    let mut call = calls.recv().await.unwrap();
    call.leg.progress(180, None);
    until(
        &mut leg,
        |k| matches!(k, LegEventKind::Provisional { status, .. } if status.code == 180),
    )
    .await;
    leg.cancel();
    assert_eq!(until(&mut call.leg, LegEventKind::closes).await, LegEventKind::CancelledByRemote);
    assert_eq!(until(&mut leg, LegEventKind::closes).await, LegEventKind::Ended);
}

#[tokio::test]
async fn a_ring_limit_is_our_timeout_and_never_a_status() {
    let (caller, center, mut calls) = pair().await;
    let mut short = request(&center, "ring@test");
    short.ring_limit = Duration::from_millis(50);
    let mut leg = caller.dial(short).await.unwrap();
    let mut call = calls.recv().await.unwrap();
    call.leg.progress(180, None);
    let timeout = until(&mut leg, |k| matches!(k, LegEventKind::TimedOut(_))).await;
    assert_eq!(timeout, LegEventKind::TimedOut(LocalTimeout::RingLimit));
    assert_eq!(until(&mut leg, LegEventKind::closes).await, LegEventKind::Ended);
    assert_eq!(until(&mut call.leg, LegEventKind::closes).await, LegEventKind::CancelledByRemote);
}

#[tokio::test]
async fn trying_and_then_silence_is_told_apart() {
    let (caller, center, mut calls) = pair().await;
    let mut leg = caller.dial(request(&center, "silence@test")).await.unwrap();
    let _call = calls.recv().await.unwrap();
    let timeout = until(&mut leg, |k| matches!(k, LegEventKind::TimedOut(_))).await;
    assert_eq!(timeout, LegEventKind::TimedOut(LocalTimeout::TryingThenSilence));
    assert_eq!(until(&mut leg, LegEventKind::closes).await, LegEventKind::Ended);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_timer_b() {
    let (caller, center, _calls) = pair().await;
    let silent = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let mut to_nobody = request(&center, "nobody@test");
    to_nobody.target = silent.local_addr().unwrap();
    let mut leg = caller.dial(to_nobody).await.unwrap();
    let timeout = until(&mut leg, LegEventKind::closes).await;
    assert_eq!(timeout, LegEventKind::TimedOut(LocalTimeout::TimerB));
}

#[tokio::test]
async fn dropping_a_leg_ends_its_dialog() {
    let (caller, center, mut calls) = pair().await;
    let (leg, mut far, _) = connected(&caller, &center, &mut calls, "dropped@test").await;
    drop(leg);
    assert_eq!(until(&mut far, LegEventKind::closes).await, LegEventKind::RemoteBye { q850: None });
    let mut leg = caller.dial(request(&center, "untaken@test")).await.unwrap();
    drop(calls.recv().await.unwrap());
    let LegEventKind::Refused { status, .. } = until(&mut leg, LegEventKind::closes).await else {
        panic!("a refusal was expected");
    };
    assert_eq!(status.code, 480);
}

#[tokio::test]
async fn shutdown_hangs_up_what_is_up() {
    let (caller, center, mut calls) = pair().await;
    let (_leg, mut far, _) = connected(&caller, &center, &mut calls, "shutdown@test").await;
    caller.shutdown().await;
    assert_eq!(until(&mut far, LegEventKind::closes).await, LegEventKind::RemoteBye { q850: None });
    let after = caller.dial(request(&center, "late@test")).await;
    assert!(matches!(after, Err(SipError::Closed)));
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let (first, _calls) = Endpoint::bind(config()).await.unwrap();
    let again = EndpointConfig { bind: first.local_addr(), ..config() };
    let error = Endpoint::bind(again).await.expect_err("the port is taken");
    assert!(error.to_string().contains("choose a free port"), "{error}");
}

#[tokio::test]
async fn a_call_id_is_dialled_once() {
    let (caller, center, _calls) = pair().await;
    let _leg = caller.dial(request(&center, "once@test")).await.unwrap();
    let again = caller.dial(request(&center, "once@test")).await;
    assert!(matches!(again, Err(SipError::AlreadyDialled { .. })));
}

#[tokio::test]
async fn a_number_with_a_line_break_is_refused_before_anything_is_sent() {
    let (caller, center, _calls) = pair().await;
    let mut bad = request(&center, "bad@test");
    bad.number = "123\r\nX-Evil: 1".into();
    assert!(matches!(caller.dial(bad).await, Err(SipError::BadText { what: "number", .. })));
}

#[tokio::test]
async fn a_dialog_of_an_earlier_process_is_ended_by_bye() {
    let (caller, center, mut calls) = pair().await;
    let mut leg = caller.dial(request(&center, "stale@test")).await.unwrap();
    let LegEventKind::InviteSent { branch, from_tag } = next(&mut leg).await else {
        panic!("the INVITE leaves first");
    };
    let mut call = calls.recv().await.unwrap();
    call.leg.answer(answer_to(&call));
    let answered = until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    let LegEventKind::Answered { dialog, .. } = answered else { unreachable!() };
    let text = serde_json::to_string(&dialog).unwrap();
    let dialog: StoredDialog = serde_json::from_str(&text).unwrap();
    // The process is gone: nothing of it is dropped, so nothing says goodbye.
    std::mem::forget(leg);
    std::mem::forget(caller);
    let (after, _) = Endpoint::bind(config()).await.unwrap();
    let stale = StaleDialog {
        target: center.local_addr(),
        number: "15880000".into(),
        domain: "127.0.0.1".into(),
        sip_call_id: "stale@test".into(),
        from_tag,
        branch,
        dialog: Some(dialog),
    };
    after.end_stale(stale.clone()).await.unwrap();
    assert_eq!(
        until(&mut call.leg, LegEventKind::closes).await,
        LegEventKind::RemoteBye { q850: None }
    );
    after.end_stale(stale).await.expect("481 means that it is gone already");
}

/// A trunk of the test: answers an INVITE by hand, with a 407 first, and checks the digest itself.
async fn challenging_trunk(socket: tokio::net::UdpSocket) -> Vec<String> {
    let mut heard = Vec::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let line = |name: &str| {
            let found = text.lines().find(|l| l.starts_with(name)).unwrap_or_default();
            found.to_owned()
        };
        let (code, more) = match (text.split(' ').next().unwrap(), line("Proxy-Authorization:")) {
            ("INVITE", auth) if auth.is_empty() => (
                "407 Proxy Authentication Required",
                "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n",
            ),
            ("INVITE", auth) if auth.contains("username=\"probe\"") => {
                ("200 OK", "Contact: <sip:x@127.0.0.1>\r\n")
            }
            ("INVITE", _) => ("403 Forbidden", ""),
            _ => ("", ""),
        };
        heard.push(text.clone());
        if code.is_empty() {
            // The ACK of a 200 goes to the Contact, not here; this one is of the 407.
            continue;
        }
        let to = format!("{};tag=t", line("To:"));
        let answer = format!(
            "SIP/2.0 {code}\r\n{}\r\n{}\r\n{to}\r\n{}\r\n{}\r\n{more}Content-Length: 0\r\n\r\n",
            line("Via:"),
            line("From:"),
            line("Call-ID:"),
            line("CSeq:")
        );
        socket.send_to(answer.as_bytes(), from).await.unwrap();
        if code.starts_with("200") {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_407_is_answered_with_the_digest_of_rfc_2617_under_the_same_call_id() {
    use md5::{Digest as _, Md5};
    let hex = |text: String| {
        Md5::digest(text.as_bytes())
            .iter()
            .fold(String::new(), |text, b| text + &format!("{b:02x}"))
    };
    let socket = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let (caller, _) = Endpoint::bind(config()).await.unwrap();
    let mut dial = request(&caller, "challenged@test");
    dial.target = socket.local_addr().unwrap();
    let trunk = tokio::spawn(challenging_trunk(socket));
    let mut leg = caller.dial(dial).await.unwrap();
    until(&mut leg, |k| matches!(k, LegEventKind::Challenged { code: 407 })).await;
    until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    let heard = trunk.await.unwrap();
    assert!(heard[1].starts_with("ACK "), "the 407 is acknowledged");
    let invite = heard.last().unwrap();
    assert!(invite.contains("Call-ID: challenged@test") && invite.contains("CSeq: 2 INVITE"));
    let field = |name: &str| {
        let rest = invite.split_once(&format!("{name}=\"")).unwrap().1;
        rest.split('"').next().unwrap().to_owned()
    };
    let ha1 = hex("probe:trunk:s3cret".into());
    let ha2 = hex(format!("INVITE:{}", field("uri")));
    let expected = hex(format!("{ha1}:abc:00000001:{}:auth:{ha2}", field("cnonce")));
    assert_eq!(field("response"), expected);
}

#[tokio::test]
async fn a_ringing_call_of_an_earlier_process_is_cancelled() {
    let (caller, center, mut calls) = pair().await;
    let mut leg = caller.dial(request(&center, "stale-ring@test")).await.unwrap();
    let LegEventKind::InviteSent { branch, from_tag } = next(&mut leg).await else {
        panic!("the INVITE leaves first");
    };
    let mut call = calls.recv().await.unwrap();
    call.leg.progress(180, None);
    until(
        &mut leg,
        |k| matches!(k, LegEventKind::Provisional { status, .. } if status.code == 180),
    )
    .await;
    std::mem::forget(leg);
    let died_on = caller.local_addr();
    std::mem::forget(caller);
    let (after, _) = Endpoint::bind(config()).await.unwrap();
    assert_ne!(after.local_addr(), died_on, "the next process need not get the same port");
    let stale = StaleDialog {
        target: center.local_addr(),
        number: "15880000".into(),
        domain: "127.0.0.1".into(),
        sip_call_id: "stale-ring@test".into(),
        from_tag,
        branch,
        dialog: None,
    };
    after.end_stale(stale.clone()).await.expect("the far end confirms");
    assert_eq!(until(&mut call.leg, LegEventKind::closes).await, LegEventKind::CancelledByRemote);
    let silent = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let unheard = StaleDialog { target: silent.local_addr().unwrap(), ..stale };
    let error = after.end_stale(unheard).await.expect_err("nobody confirms");
    assert!(matches!(error, SipError::StaleUnanswered { .. }), "{error}");
}

#[tokio::test]
async fn a_call_of_an_earlier_process_that_knew_only_the_name_of_its_invite_is_ended() {
    let (caller, center, mut calls) = pair().await;
    let name = caller.name_invite();
    let named = DialRequest { name: Some(name.clone()), ..request(&center, "stale-answer@test") };
    let mut leg = caller.dial(named).await.unwrap();
    let mut call = calls.recv().await.unwrap();
    call.leg.answer(answer_to(&call));
    until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    // It dies after the answer, before it could note the dialog.
    std::mem::forget(leg);
    std::mem::forget(caller);
    let (after, _) = Endpoint::bind(config()).await.unwrap();
    let stale = StaleDialog {
        target: center.local_addr(),
        number: "15880000".into(),
        domain: "127.0.0.1".into(),
        sip_call_id: "stale-answer@test".into(),
        from_tag: name.from_tag,
        branch: name.branch,
        dialog: None,
    };
    after.end_stale(stale).await.expect("the far end confirms");
    let end = until(&mut call.leg, LegEventKind::closes).await;
    assert_eq!(end, LegEventKind::RemoteBye { q850: None });
}

#[tokio::test]
async fn three_hundred_calls_at_once_are_all_answered_and_ended() {
    let (caller, center, mut calls) = pair().await;
    let far = tokio::spawn(async move {
        let mut legs = Vec::new();
        for _ in 0..300 {
            let call = calls.recv().await.unwrap();
            call.leg.answer(answer_to(&call));
            legs.push(call.leg);
        }
        for mut leg in legs {
            let end = until(&mut leg, LegEventKind::closes).await;
            assert_eq!(end, LegEventKind::RemoteBye { q850: None });
        }
    });
    let mut legs = Vec::new();
    for n in 0..300 {
        legs.push(caller.dial(request(&center, &format!("many-{n}@test"))).await.unwrap());
    }
    for leg in &mut legs {
        until(leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
        leg.bye(None);
        assert_eq!(until(leg, LegEventKind::closes).await, LegEventKind::Ended);
    }
    far.await.unwrap();
}
