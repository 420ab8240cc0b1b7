//! Two endpoints on loopback: whole calls over real sockets, in real time, with short timers.

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
    let (callee, calls) = Endpoint::bind(config()).await.unwrap();
    (caller, callee, calls)
}

fn request(callee: &Endpoint, call_id: &str) -> DialRequest {
    DialRequest {
        target: callee.local_addr(),
        number: "15880000".into(),
        domain: "127.0.0.1".into(),
        sip_call_id: call_id.into(),
        offer: audio_offer(LOOPBACK, 40_000, &OURS),
        ring_limit: Duration::from_secs(10),
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

/// A call that is answered: caller's leg, callee's leg, what is stored of the dialog.
async fn connected(
    caller: &Endpoint,
    callee: &Endpoint,
    calls: &mut mpsc::Receiver<IncomingCall>,
    call_id: &str,
) -> (Leg, Leg, StoredDialog) {
    let mut leg = caller.dial(request(callee, call_id)).await.unwrap();
    let call = calls.recv().await.unwrap();
    call.leg.answer(answer_to(&call));
    let answered = until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    let LegEventKind::Answered { dialog, .. } = answered else { unreachable!() };
    (leg, call.leg, dialog)
}

#[tokio::test]
async fn a_call_rings_with_early_media_is_answered_and_ended_by_the_caller() {
    let (caller, callee, mut calls) = pair().await;
    let mut leg = caller.dial(request(&callee, "answered@test")).await.unwrap();
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
    let bye = until(&mut call.leg, |k| k.closes()).await;
    assert_eq!(bye, LegEventKind::RemoteBye { q850: Some(Q850Cause(16)) });
    assert_eq!(until(&mut leg, |k| k.closes()).await, LegEventKind::Ended);
    assert!(leg.events.recv().await.is_none());
}

#[tokio::test]
async fn the_callee_hangs_up_with_a_cause() {
    let (caller, callee, mut calls) = pair().await;
    let (mut leg, mut far, _) = connected(&caller, &callee, &mut calls, "far-bye@test").await;
    far.bye(Some(Q850Cause(31)));
    let bye = until(&mut leg, |k| k.closes()).await;
    assert_eq!(bye, LegEventKind::RemoteBye { q850: Some(Q850Cause(31)) });
    assert_eq!(until(&mut far, |k| k.closes()).await, LegEventKind::Ended);
}

#[tokio::test]
async fn busy_is_refused_with_status_phrase_and_cause() {
    let (caller, callee, mut calls) = pair().await;
    let mut leg = caller.dial(request(&callee, "busy@test")).await.unwrap();
    let call = calls.recv().await.unwrap();
    call.leg.reject(486, "통화중", Some(Q850Cause(17)));
    let LegEventKind::Refused { status, q850 } = until(&mut leg, |k| k.closes()).await else {
        panic!("a refusal was expected");
    };
    assert_eq!((status.code, status.phrase.as_str()), (486, "통화중"));
    assert_eq!(q850, Some(Q850Cause(17)));
}

#[tokio::test]
async fn cancel_while_ringing_ends_both_legs() {
    let (caller, callee, mut calls) = pair().await;
    let mut leg = caller.dial(request(&callee, "cancel@test")).await.unwrap();
    let mut call = calls.recv().await.unwrap();
    call.leg.progress(180, None);
    until(
        &mut leg,
        |k| matches!(k, LegEventKind::Provisional { status, .. } if status.code == 180),
    )
    .await;
    leg.cancel();
    assert_eq!(until(&mut call.leg, |k| k.closes()).await, LegEventKind::CancelledByRemote);
    assert_eq!(until(&mut leg, |k| k.closes()).await, LegEventKind::Ended);
}

#[tokio::test]
async fn a_ring_limit_is_our_timeout_and_never_a_status() {
    let (caller, callee, mut calls) = pair().await;
    let mut short = request(&callee, "ring@test");
    short.ring_limit = Duration::from_millis(50);
    let mut leg = caller.dial(short).await.unwrap();
    let mut call = calls.recv().await.unwrap();
    call.leg.progress(180, None);
    let timeout = until(&mut leg, |k| matches!(k, LegEventKind::TimedOut(_))).await;
    assert_eq!(timeout, LegEventKind::TimedOut(LocalTimeout::RingLimit));
    assert_eq!(until(&mut leg, |k| k.closes()).await, LegEventKind::Ended);
    assert_eq!(until(&mut call.leg, |k| k.closes()).await, LegEventKind::CancelledByRemote);
}

#[tokio::test]
async fn trying_and_then_silence_is_told_apart() {
    let (caller, callee, mut calls) = pair().await;
    let mut leg = caller.dial(request(&callee, "silence@test")).await.unwrap();
    let _call = calls.recv().await.unwrap();
    let timeout = until(&mut leg, |k| matches!(k, LegEventKind::TimedOut(_))).await;
    assert_eq!(timeout, LegEventKind::TimedOut(LocalTimeout::TryingThenSilence));
    assert_eq!(until(&mut leg, |k| k.closes()).await, LegEventKind::Ended);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_timer_b() {
    let (caller, callee, _calls) = pair().await;
    let silent = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let mut to_nobody = request(&callee, "nobody@test");
    to_nobody.target = silent.local_addr().unwrap();
    let mut leg = caller.dial(to_nobody).await.unwrap();
    let timeout = until(&mut leg, |k| k.closes()).await;
    assert_eq!(timeout, LegEventKind::TimedOut(LocalTimeout::TimerB));
}

#[tokio::test]
async fn dropping_a_leg_ends_its_dialog() {
    let (caller, callee, mut calls) = pair().await;
    let (leg, mut far, _) = connected(&caller, &callee, &mut calls, "dropped@test").await;
    drop(leg);
    assert_eq!(until(&mut far, |k| k.closes()).await, LegEventKind::RemoteBye { q850: None });
    let mut leg = caller.dial(request(&callee, "untaken@test")).await.unwrap();
    drop(calls.recv().await.unwrap());
    let LegEventKind::Refused { status, .. } = until(&mut leg, |k| k.closes()).await else {
        panic!("a refusal was expected");
    };
    assert_eq!(status.code, 480);
}

#[tokio::test]
async fn shutdown_hangs_up_what_is_up() {
    let (caller, callee, mut calls) = pair().await;
    let (_leg, mut far, _) = connected(&caller, &callee, &mut calls, "shutdown@test").await;
    caller.shutdown().await;
    assert_eq!(until(&mut far, |k| k.closes()).await, LegEventKind::RemoteBye { q850: None });
    let after = caller.dial(request(&callee, "late@test")).await;
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
    let (caller, callee, _calls) = pair().await;
    let _leg = caller.dial(request(&callee, "once@test")).await.unwrap();
    let again = caller.dial(request(&callee, "once@test")).await;
    assert!(matches!(again, Err(SipError::AlreadyDialled { .. })));
}

#[tokio::test]
async fn a_number_with_a_line_break_is_refused_before_anything_is_sent() {
    let (caller, callee, _calls) = pair().await;
    let mut bad = request(&callee, "bad@test");
    bad.number = "123\r\nX-Evil: 1".into();
    assert!(matches!(caller.dial(bad).await, Err(SipError::BadText { what: "number", .. })));
}

/// What an endpoint that vanishes leaves behind: its socket is closed without a word.
async fn vanish(caller: Endpoint, leg: Leg, runtime_leg: &mut Leg) {
    // The far end is told nothing: the leg is forgotten, so that its drop sends no BYE.
    std::mem::forget(leg);
    std::mem::forget(caller);
    let _ = runtime_leg;
}

#[tokio::test]
async fn a_dialog_of_an_earlier_process_is_ended_by_bye() {
    let (caller, callee, mut calls) = pair().await;
    let mut leg = caller.dial(request(&callee, "stale@test")).await.unwrap();
    let LegEventKind::InviteSent { branch, from_tag } = next(&mut leg).await else {
        panic!("the INVITE leaves first");
    };
    let mut call = calls.recv().await.unwrap();
    call.leg.answer(answer_to(&call));
    let answered = until(&mut leg, |k| matches!(k, LegEventKind::Answered { .. })).await;
    let LegEventKind::Answered { dialog, .. } = answered else { unreachable!() };
    let text = serde_json::to_string(&dialog).unwrap();
    let dialog: StoredDialog = serde_json::from_str(&text).unwrap();
    vanish(caller, leg, &mut call.leg).await;
    let (after, _) = Endpoint::bind(config()).await.unwrap();
    let stale = StaleDialog {
        target: callee.local_addr(),
        number: "15880000".into(),
        domain: "127.0.0.1".into(),
        sip_call_id: "stale@test".into(),
        from_tag,
        branch,
        dialog: Some(dialog),
    };
    after.end_stale(stale.clone()).await.unwrap();
    assert_eq!(until(&mut call.leg, |k| k.closes()).await, LegEventKind::RemoteBye { q850: None });
    after.end_stale(stale).await.expect("481 means that it is gone already");
}
