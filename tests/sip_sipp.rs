//! Calls against `SIPp`, an independent implementation. Without `sipp` the test says so and passes, except under `CI`.
#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails")]

use callprobe::sip::sdp::{Codec, SessionDescription, audio_answer, audio_offer};
use callprobe::sip::{DialRequest, Endpoint, EndpointConfig, LegEventKind, TimerSettings};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn sipp_is_here() -> bool {
    let found = Command::new("sipp").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "`sipp` is not installed; install it with `apt-get install sip-tester`"
    );
    #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
    {
        eprintln!("SKIPPED: `sipp` is not installed (`apt-get install sip-tester`)");
    }
    false
}

fn free_port() -> u16 {
    UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port()
}

/// A `SIPp` process that ends with the test.
struct Sipp(Child);

impl Sipp {
    fn start(folder: &std::path::Path, arguments: &[&str]) -> Self {
        let child = Command::new("sipp")
            .args(arguments)
            .args(["-i", "127.0.0.1", "-nostdin", "-timeout", "30", "-timeout_error"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config() -> EndpointConfig {
    EndpointConfig {
        bind: SocketAddr::new(LOOPBACK, 0),
        advertise: None,
        user_agent: "callprobe-test".into(),
        user: "probe".into(),
        display: None,
        credentials: vec![],
        timers: TimerSettings { t1: Duration::from_millis(100), ..TimerSettings::default() },
    }
}

#[tokio::test]
async fn twenty_calls_to_a_sipp_uas_ring_are_answered_and_hung_up() {
    if !sipp_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let text = port.to_string();
    let mut sipp = Sipp::start(folder.path(), &["-sn", "uas", "-p", &text, "-m", "20"]);
    let (endpoint, _calls) = Endpoint::bind(config()).await.unwrap();
    for n in 0..20 {
        let request = DialRequest {
            target: SocketAddr::new(LOOPBACK, port),
            number: "15880000".into(),
            domain: format!("127.0.0.1:{port}"),
            sip_call_id: format!("sipp-{n}@callprobe"),
            offer: audio_offer(LOOPBACK, 41_000, &[Codec::Pcma, Codec::Pcmu]),
            ring_limit: Duration::from_secs(10),
            name: None,
        };
        let mut leg = endpoint.dial(request).await.unwrap();
        let (mut ringing, mut codec) = (false, None);
        while let Some(event) = leg.events.recv().await {
            match event.kind {
                LegEventKind::Provisional { status, .. } => ringing |= status.code == 180,
                LegEventKind::Answered { sdp, .. } => {
                    let sdp = SessionDescription::parse(&sdp.unwrap()).unwrap();
                    codec = Some(sdp.audio_target(&[Codec::Pcma, Codec::Pcmu]).unwrap().codec);
                    leg.bye(None);
                }
                LegEventKind::Ended => break,
                LegEventKind::InviteSent { .. } => {}
                other => panic!("call {n}: {other:?}"),
            }
        }
        assert!(ringing, "call {n} rang");
        assert_eq!(codec, Some(Codec::Pcmu), "call {n}");
    }
    endpoint.shutdown().await;
    let status = tokio::task::spawn_blocking(move || sipp.0.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "SIPp counts every call as successful");
}

#[tokio::test]
async fn a_hundred_calls_of_a_sipp_uac_are_answered_by_us() {
    if !sipp_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, mut calls) = Endpoint::bind(config()).await.unwrap();
    let target = endpoint.local_addr().to_string();
    let port = free_port().to_string();
    let arguments = [
        "-sn", "uac", &target, "-s", "15880000", "-p", &port, "-m", "100", "-r", "50", "-d", "100",
    ];
    let mut sipp = Sipp::start(folder.path(), &arguments);
    let mut taken = Vec::new();
    for _ in 0..100 {
        let call = calls.recv().await.unwrap();
        assert_eq!(call.to_user, "15880000");
        let offer = SessionDescription::parse(call.offer.as_deref().unwrap()).unwrap();
        call.leg.progress(180, None);
        call.leg.answer(audio_answer(&offer, LOOPBACK, 41_002, &[Codec::Pcmu]).unwrap());
        taken.push(call.leg);
    }
    for mut leg in taken {
        let end = leg.events.recv().await.map(|e| e.kind);
        assert_eq!(end, Some(LegEventKind::RemoteBye { q850: None }));
    }
    let status = tokio::task::spawn_blocking(move || sipp.0.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "SIPp counts every call as successful");
}
