//! Whole calls against the simulator over 127.0.0.1: real SIP, real RTP, and the truth log beside what was heard.
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use callprobe::domain::audio::Dbov;
use callprobe::domain::ctq::CtqItem;
use callprobe::domain::digit::Digit;
use callprobe::media::{Codec, MediaConfig, MediaEngine, MediaEventKind, Stream, StreamSpec};
use callprobe::simulator::{
    CallTruth, EndedBy, Expected, HostTime, SimulatorOptions, expected, host_time, run_until,
};
use callprobe::sip::sdp::{Codec as SdpCodec, SessionDescription, audio_offer};
use callprobe::sip::{DialRequest, Endpoint, EndpointConfig, Leg, LegEventKind, TimerSettings};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SPEECH: Dbov = Dbov(-42.0);

/// A center of short lines; the voices are those of the demo.
fn center(calls: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/simulated/voices");
    format!(
        r#"id: short
name: 한빛카드
english: Short
number: "0700000001"
voices: "{}"
welcome: [bad_hello]
menu: [{{name: main, say: [ivr_welcome], keys: {{"0": queue}}}}]
queue: {{music: pop}}
closed: [queue_later]
agents:
  - {{id: kim, name: 김민지, greeting: [bad_say], replies: [[a1_confirm]], further-help: [sb_more2], closing: [a2_sorry]}}
calls:
{calls}
"#,
        root.display()
    )
}

struct Running {
    at: SocketAddr,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Running {
    async fn start(calls: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("short.yaml");
        std::fs::write(&script, center(calls)).unwrap();
        let options = SimulatorOptions {
            centers: vec![script],
            bind: SocketAddr::new(HOME, 0),
            truth: Some(folder.path().join("truth.jsonl")),
            seed: 7,
            media_ports: 41_000..=41_999,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, ready) = oneshot::channel();
        let done = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            run_until(options, |at| tell.send(at).unwrap(), stopped).await.unwrap();
        });
        Self { at: ready.await.unwrap(), folder, stop, done }
    }

    /// Stops the simulator and reads what it says happened.
    async fn truth(self) -> Vec<CallTruth> {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
        let text = std::fs::read_to_string(self.folder.path().join("truth.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A caller with one leg and one stream.
struct Caller {
    _endpoint: Endpoint,
    _media: MediaEngine,
    leg: Leg,
    stream: Stream,
}

impl Caller {
    async fn dial(to: SocketAddr, number: &str, call_id: &str) -> Self {
        let config = EndpointConfig {
            bind: SocketAddr::new(HOME, 0),
            advertise: None,
            user_agent: "test".into(),
            user: "0212345678".into(),
            display: None,
            credentials: Vec::new(),
            timers: TimerSettings::default(),
        };
        let (endpoint, _calls) = Endpoint::bind(config).await.unwrap();
        let media = MediaEngine::start(MediaConfig { bind: HOME, ports: 42_000..=42_999 }).unwrap();
        let stream = media.open(StreamSpec { record_to: None, events: 4_096 }).unwrap();
        let request = DialRequest {
            target: to,
            number: number.into(),
            domain: "127.0.0.1".into(),
            sip_call_id: call_id.into(),
            offer: audio_offer(HOME, stream.local_port(), &[SdpCodec::Pcma]),
            ring_limit: Duration::from_secs(20),
            name: None,
        };
        let leg = endpoint.dial(request).await.unwrap();
        Self { _endpoint: endpoint, _media: media, leg, stream }
    }

    /// Waits for the answer and opens the media.
    async fn answered(&mut self) {
        loop {
            if let LegEventKind::Answered { sdp, .. } = self.leg.events.recv().await.unwrap().kind {
                let answer = SessionDescription::parse(&sdp.unwrap()).unwrap();
                let target = answer.audio_target(&[SdpCodec::Pcma]).unwrap();
                let event = target.telephone_event;
                assert!(event.is_some(), "the center takes telephone events");
                self.stream.connect(target.addr, Codec::Pcma, target.codec_payload, event);
                return;
            }
        }
    }

    /// Waits for the final refusal.
    async fn refused(&mut self) -> u16 {
        loop {
            if let LegEventKind::Refused { status, .. } = self.leg.events.recv().await.unwrap().kind
            {
                return status.code;
            }
        }
    }

    /// Presses a key and says when it ended.
    async fn press(&mut self, key: char) -> HostTime {
        let on = Duration::from_millis(100);
        self.stream.send_digits(vec![Digit::new(key).unwrap()], on, on, 1);
        loop {
            let event = self.stream.events.recv().await.unwrap();
            if let MediaEventKind::DigitSent { end, .. } = event.kind {
                return host_time(end);
            }
        }
    }

    /// Listens until it has been loud and then quiet for `quiet`; says when it last began to be loud after at least
    /// 200 ms of quiet.
    async fn turn_ends(&mut self, quiet: Duration) -> HostTime {
        let (mut began, mut last_loud) = (None, None);
        loop {
            let event = self.stream.events.recv().await.unwrap();
            let MediaEventKind::Frame(frame) = event.kind else { continue };
            if Dbov::of(&*frame) >= SPEECH {
                if last_loud.is_none_or(|last| event.at - last > Duration::from_millis(200)) {
                    began = Some(event.at);
                }
                last_loud = Some(event.at);
            } else if last_loud.is_some_and(|last| event.at - last >= quiet) {
                return host_time(began.unwrap());
            }
        }
    }

    async fn says(&mut self, line: &str) {
        let voices = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/simulated/voices");
        let mut wav = hound::WavReader::open(voices.join(line)).unwrap();
        let pcm: Arc<[i16]> = wav.samples::<i16>().map(Result::unwrap).collect();
        self.stream.play(pcm, 2);
        loop {
            let event = self.stream.events.recv().await.unwrap();
            if matches!(event.kind, MediaEventKind::PlayEnded { token: 2, .. }) {
                return;
            }
        }
    }

    async fn hangs_up(mut self) {
        self.leg.bye(None);
        while let Some(event) = self.leg.events.recv().await {
            if event.kind.closes() {
                return;
            }
        }
    }
}

const TURN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_call_is_heard_as_the_truth_log_tells_it() {
    let simulator = Running::start("  - {answer-after: 100ms, wait: 2s, agent: kim}").await;
    let mut caller = Caller::dial(simulator.at, "0700000001", "clean@test").await;
    caller.answered().await;
    let pressed = caller.press('0').await;
    let greeted = caller.turn_ends(TURN).await;
    caller.says("c1_no.wav").await;
    caller.turn_ends(TURN).await;
    caller.says("c1_no.wav").await;
    caller.turn_ends(TURN).await;
    caller.hangs_up().await;
    let truth = simulator.truth().await;
    assert_eq!(truth.len(), 1);
    let call = &truth[0];
    assert_eq!((call.sip_call_id.as_str(), &call.ended_by), ("clean@test", &EndedBy::Caller));
    assert!(call.expected.values().all(|v| *v == Expected::Fulfilled), "{call:#?}");
    let apart = |a: HostTime, b: HostTime| a.since(b).max(b.since(a));
    let (request, onset) = (call.requested.unwrap(), call.agent_onset.unwrap());
    assert!(apart(request, pressed) < Duration::from_millis(150), "{:?}", apart(request, pressed));
    assert!(apart(onset, greeted) < Duration::from_millis(250), "{:?}", apart(onset, greeted));
    let wait = onset.since(request);
    assert!(wait.abs_diff(Duration::from_secs(2)) < Duration::from_millis(250), "{wait:?}");
    assert_eq!(call.lines.len(), 4);
    assert_eq!(call.caller.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_closed_and_unknown_numbers_are_told_apart_and_counted() {
    let calls = "  - {busy: true, answer-after: 50ms}\n  - {closed: true, answer-after: 50ms}";
    let simulator = Running::start(calls).await;
    let mut unknown = Caller::dial(simulator.at, "0700000009", "unknown@test").await;
    assert_eq!(unknown.refused().await, 404);
    let mut busy = Caller::dial(simulator.at, "0700000001", "busy@test").await;
    assert_eq!(busy.refused().await, 486);
    let mut closed = Caller::dial(simulator.at, "0700000001", "closed@test").await;
    closed.answered().await;
    loop {
        let event = closed.leg.events.recv().await.unwrap();
        if matches!(event.kind, LegEventKind::RemoteBye { .. }) {
            break;
        }
    }
    let truth = simulator.truth().await;
    assert_eq!(truth.iter().map(|t| t.behaviour).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(truth[0].ended_by, EndedBy::Refused { status: 486 });
    assert_eq!(truth[1].ended_by, EndedBy::Center);
    let unit = expected(&truth);
    assert_eq!((unit[&CtqItem::A1], unit[&CtqItem::B1]), (Expected::Defect, Expected::NotObserved));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_gives_up_while_it_rings_leaves_a_truth() {
    let simulator = Running::start("  - {no-answer: true, early-media: ring}").await;
    let mut caller = Caller::dial(simulator.at, "0700000001", "gone@test").await;
    loop {
        let event = caller.leg.events.recv().await.unwrap();
        if let LegEventKind::Provisional { sdp: Some(_), .. } = event.kind {
            break;
        }
    }
    caller.leg.cancel();
    while !caller.leg.events.recv().await.unwrap().kind.closes() {}
    let truth = simulator.truth().await;
    assert_eq!((truth[0].answered, &truth[0].ended_by), (None, &EndedBy::Caller));
    assert_eq!(truth[0].expected[&CtqItem::A1], Expected::Defect);
}

#[tokio::test]
async fn an_address_of_another_host_is_never_bound() {
    let options = SimulatorOptions {
        centers: Vec::new(),
        bind: "0.0.0.0:0".parse().unwrap(),
        truth: None,
        seed: 0,
        media_ports: 41_000..=41_999,
    };
    let error = run_until(options, |_| {}, std::future::pending()).await.unwrap_err().to_string();
    assert!(error.contains("no loopback address"), "{error}");
}
