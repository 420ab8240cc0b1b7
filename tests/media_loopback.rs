//! Two streams of the media room on the loopback interface, in real time: what one sends the other hears, records and
//! measures. Bounds are generous; nothing here fails because the machine is slow, except a machine that loses packets.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use callprobe::domain::audio::FRAME_SAMPLES;
use callprobe::domain::digit::Digit;
use callprobe::domain::ids::ContentHash;
use callprobe::media::{
    Codec, FinishedRecording, MediaConfig, MediaEngine, MediaError, MediaEvent, MediaEventKind,
    Stream, StreamSpec,
};
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ON: Duration = Duration::from_millis(100);
const GAP: Duration = Duration::from_millis(60);

fn engine(ports: RangeInclusive<u16>) -> MediaEngine {
    MediaEngine::start(MediaConfig { bind: LOOPBACK, ports }).unwrap()
}

fn open(engine: &MediaEngine, stem: Option<&Path>) -> Stream {
    let record_to = stem.map(Path::to_path_buf);
    engine.open(StreamSpec { record_to, events: 1_000 }).unwrap()
}

fn address(stream: &Stream) -> SocketAddr {
    SocketAddr::new(LOOPBACK, stream.local_port())
}

/// A tone whose every frame differs from the others.
fn sweep(frames: usize) -> Arc<[i16]> {
    (0..frames * FRAME_SAMPLES)
        .map(|n| n as f64 / 8_000.0)
        .map(|t| ((t * (400.0 + 300.0 * t) * std::f64::consts::TAU).sin() * 9_000.0) as i16)
        .collect()
}

async fn until(
    stream: &mut Stream,
    seen: &mut Vec<MediaEvent>,
    wanted: fn(&MediaEventKind) -> bool,
) {
    let wait = async {
        while let Some(event) = stream.events.recv().await {
            let found = wanted(&event.kind);
            seen.push(event);
            if found {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

fn audio(seen: &[MediaEvent]) -> Vec<i16> {
    let frames = seen.iter().filter_map(|event| match &event.kind {
        MediaEventKind::Frame(frame) => Some(**frame),
        _ => None,
    });
    frames.flatten().collect()
}

/// Both channels of a recording: ours, theirs.
fn channels(recording: &FinishedRecording) -> (Vec<i16>, Vec<i16>) {
    let mut reader = hound::WavReader::open(&recording.wav).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    let mut hash = Sha256::new();
    for sample in &samples {
        hash.update(sample.to_le_bytes());
    }
    assert_eq!(ContentHash::from_bytes(&hash.finalize().into()), recording.pcm_hash);
    let channel = |side: usize| samples.iter().skip(side).step_by(2).copied().collect();
    let (ours, theirs): (Vec<i16>, Vec<i16>) = (channel(0), channel(1));
    assert_eq!((ours.len() as u64, theirs.len() as u64), (recording.samples, recording.samples));
    (ours, theirs)
}

/// Without the idle noise around it.
fn sounding(samples: &[i16]) -> &[i16] {
    let loud = |s: &i16| s.unsigned_abs() > 8;
    let start = samples.iter().position(loud).unwrap_or(0);
    let end = samples.iter().rposition(loud).map_or(start, |last| last + 1);
    &samples[start..end]
}

#[tokio::test]
async fn a_line_and_a_row_of_digits_arrive_whole_and_both_recordings_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (engine(41_000..=41_019), engine(41_020..=41_039));
    let mut near = open(&one, Some(&folder.path().join("calls/near.1")));
    let mut far = open(&two, Some(&folder.path().join("calls/far.1")));
    far.connect(address(&near), Codec::Pcma, 8, Some(101));
    near.connect(address(&far), Codec::Pcma, 8, Some(101));
    let line = sweep(50);
    near.play(line.clone(), 7);
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    until(&mut near, &mut sent, |k| matches!(k, MediaEventKind::PlayEnded { token: 7, .. })).await;
    near.send_digits(Digit::row("1 0#").unwrap(), ON, GAP, 9);
    until(&mut near, &mut sent, |k| matches!(k, MediaEventKind::DigitSent { last: true, .. }))
        .await;
    for _ in 0..3 {
        until(&mut far, &mut heard, |k| matches!(k, MediaEventKind::DigitReceived { .. })).await;
    }
    until(&mut far, &mut heard, |k| matches!(k, MediaEventKind::Frame(_))).await;
    let (near, far) = (near.close().await, far.close().await);
    assert_eq!((&near.problems, &far.problems), (&Vec::new(), &Vec::new()));

    let mine = near.recording.unwrap();
    let theirs = far.recording.unwrap();
    assert_eq!(theirs.missing, 0);
    let (left, _) = channels(&mine);
    let (_, right) = channels(&theirs);
    let skipped = near.quality.slots_skipped;
    let extra = sounding(&left).len() - sounding(&line).len();
    assert_eq!(extra as u64, skipped * FRAME_SAMPLES as u64);
    let (said, written) = (sounding(&left), sounding(&right));
    let parted = said.iter().zip(written).position(|(a, b)| a != b);
    let lengths = (said.len(), written.len());
    assert_eq!((parted, lengths.0), (None, lengths.1), "{:?} {:?}", near.quality, far.quality);
    // Frames and the right channel are the same samples at the same places; only a packet that a busy machine sent
    // too late for its live frame may be in the recording alone.
    let frames = audio(&heard);
    assert!(sounding(&frames).len() > FRAME_SAMPLES);
    let differing = frames.iter().zip(&right).filter(|(live, recorded)| live != recorded);
    let differing: Vec<i16> = differing.map(|(live, _)| *live).collect();
    assert!(differing.iter().all(|live| *live == 0));
    let late = far.quality.packets_reordered * FRAME_SAMPLES as u64;
    assert!(differing.len() as u64 <= late, "{} samples, {late} may", differing.len());

    let digits: Vec<_> = sent
        .iter()
        .filter_map(|e| match e.kind {
            MediaEventKind::DigitSent { digit, start, end, token: 9, last } => {
                Some((digit.key(), end - start, last))
            }
            _ => None,
        })
        .collect();
    assert_eq!(digits, [('1', ON, false), ('0', ON, false), ('#', ON, true)]);
    let received: Vec<_> = heard
        .iter()
        .filter_map(|e| match e.kind {
            MediaEventKind::DigitReceived { digit, start, end } => Some((digit.key(), end - start)),
            _ => None,
        })
        .collect();
    assert_eq!(received, [('1', ON), ('0', ON), ('#', ON)]);
    assert!(heard.iter().any(|e| e.kind == MediaEventKind::FirstPacket));

    let quality = far.quality;
    assert_eq!(quality.packets_received, quality.packets_expected);
    assert_eq!((quality.packets_foreign, quality.kernel_drops), (0, 0));
    assert!(quality.packets_received + skipped >= 50 + 15 && !quality.one_way);
    assert!(quality.received_level.unwrap().0 > -20.0);
    assert!(near.quality.packets_sent >= quality.packets_received);

    let sidecar = std::fs::read_to_string(&theirs.sidecar).unwrap();
    let facts: Vec<serde_json::Value> =
        sidecar.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |fact: &str| facts.iter().filter(|f| f["fact"] == fact).count() as u64;
    assert_eq!(of("recording"), 1);
    assert_eq!(of("packet"), quality.packets_received);
    assert_eq!(of("digit-received"), 3);
}

#[tokio::test]
async fn without_telephone_events_digits_are_tones_in_the_audio() {
    let engine = engine(41_040..=41_059);
    let (mut near, mut far) = (open(&engine, None), open(&engine, None));
    far.connect(address(&near), Codec::Pcmu, 0, None);
    near.connect(address(&far), Codec::Pcmu, 0, None);
    near.send_digits(Digit::row("5").unwrap(), ON, GAP, 1);
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    until(&mut near, &mut sent, |k| matches!(k, MediaEventKind::DigitSent { .. })).await;
    while sounding(&audio(&heard)).len() < 790 {
        until(&mut far, &mut heard, |k| matches!(k, MediaEventKind::Frame(_))).await;
    }
    let report = far.close().await;
    assert_eq!(report.recording, None);
    assert!(!heard.iter().any(|e| matches!(e.kind, MediaEventKind::DigitReceived { .. })));
}

#[tokio::test]
async fn strangers_are_counted_and_not_heard() {
    let engine = engine(41_060..=41_079);
    let mut near = open(&engine, None);
    let socket = || std::net::UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let (far, stranger) = (socket(), socket());
    near.connect(far.local_addr().unwrap(), Codec::Pcma, 8, None);
    let mut heard = Vec::new();
    // The first thing sent shows that the stream is connected.
    far.recv(&mut [0; 200]).unwrap();
    for sequence in 0..5 {
        let mut packet = [0u8; 172];
        packet[..4].copy_from_slice(&[0x80, 8, 0, sequence]);
        far.send_to(&packet, address(&near)).unwrap();
        stranger.send_to(&packet, address(&near)).unwrap();
    }
    stranger.send_to(b"not rtp", address(&near)).unwrap();
    for _ in 0..10 {
        until(&mut near, &mut heard, |k| matches!(k, MediaEventKind::Frame(_))).await;
    }
    let quality = near.close().await.quality;
    assert_eq!((quality.packets_foreign, quality.packets_received), (5, 5));
}

#[tokio::test]
async fn a_range_without_a_free_pair_says_so_and_a_closed_stream_gives_its_ports_back() {
    let engine = engine(41_080..=41_083);
    let first = open(&engine, None);
    let _second = open(&engine, None);
    let error = engine.open(StreamSpec::default()).unwrap_err();
    assert!(matches!(error, MediaError::PortsExhausted { first: 41_080, last: 41_083, .. }));
    assert!(error.to_string().contains("widen the media port range"), "{error}");
    let port = first.local_port();
    first.close().await;
    assert_eq!(open(&engine, None).local_port(), port);
}

#[tokio::test]
async fn a_recording_is_never_overwritten_and_a_stream_never_connected_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(41_084..=41_099);
    let stem = folder.path().join("call");
    let stream = open(&engine, Some(&stem));
    let spec = StreamSpec { record_to: Some(stem.clone()), events: 0 };
    assert!(matches!(engine.open(spec), Err(MediaError::Recording { .. })));
    let report = stream.close().await;
    assert_eq!(report.recording, None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
