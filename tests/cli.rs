//! The command line as users meet it: what is wrong, where, and how to mend it, with exit codes; and the texts that the
//! program prints about itself. Snapshots hold standard error; everything runs in a folder of its own, so that no path
//! of this machine comes into them.
#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails")]

use callprobe::store::Store;
use sqlx::sqlite::SqlitePool;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use tempfile::TempDir;

/// Bad input is answered at once; this is for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const NUMBER: &str = "070-0000-0001";
const SCENARIO: &str = "scenario: hello\ndirect-line: answer\nlines:\n  hello: { wav: hello.wav, text: 여보세요 }\n\
     steps:\n  - say: { line: hello }\n  - hang-up: {}\n";

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn models() -> String {
    repository().join("models").display().to_string()
}

/// What a command left.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// For a snapshot: the exit code and standard error.
    fn told(&self) -> String {
        assert_eq!(self.stdout, "", "nothing goes to standard output");
        format!("exit code {}\n\n{}", self.code.unwrap(), self.stderr.trim_end())
    }
}

/// Runs the program in `folder`.
fn callprobe(folder: &Path, arguments: &[&str]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callprobe"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (tell, told) = channel();
    let tell_out = tell.clone();
    let read = move |stream: &mut dyn std::io::Read| {
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    std::thread::spawn(move || tell_out.send((true, read(&mut stdout))));
    std::thread::spawn(move || tell.send((false, read(&mut stderr))));
    let mut ran = Ran { code: None, stdout: String::new(), stderr: String::new() };
    for _ in 0..2 {
        let Ok((out, text)) = told.recv_timeout(PATIENCE) else {
            child.kill().unwrap();
            panic!("`callprobe {}` does not end", arguments.join(" "));
        };
        *(if out { &mut ran.stdout } else { &mut ran.stderr }) = text.unwrap();
    }
    ran.code = child.wait().unwrap().code();
    ran
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn voice() -> Vec<u8> {
    std::fs::read(repository().join("scenarios/simulated/voices/c2_hello.wav")).unwrap()
}

/// A scenario with its line, and a configuration with this trunk section.
fn prober(trunk: &str) -> TempDir {
    let models = models();
    let config = format!(
        "[trunk]\n{trunk}\n[guard]\nallow = [\"{NUMBER}\"]\n[store]\nfolder = \"store\"\n\
         [models]\nfolder = \"{models}\"\n"
    );
    let folder = folder(&[("hello.yaml", SCENARIO), ("callprobe.toml", &config)]);
    std::fs::write(folder.path().join("hello.wav"), voice()).unwrap();
    folder
}

fn call(folder: &TempDir, number: &str) -> Ran {
    let arguments = ["call", number, "--scenario", "hello.yaml", "--config", "callprobe.toml"];
    callprobe(folder.path(), &arguments)
}

/// A store that holds nothing.
async fn empty_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path().join("store")).await.unwrap().close().await;
    folder
}

#[test]
fn an_unknown_key_is_shown_in_its_line_with_the_key_that_was_meant() {
    let text = "scenario: bad\nsteps:\n  - press: { digits: \"1\", request-agnt: true }\n";
    let folder = folder(&[("bad.yaml", text)]);
    insta::assert_snapshot!(callprobe(folder.path(), &["lint", "bad.yaml"]).told());
}

#[test]
fn a_digit_that_is_not_dtmf_is_shown_in_its_line() {
    let text = "scenario: bad\nsteps:\n  - press: { digits: \"1x\", request-agent: true }\n  - wait-for-agent: {}\n";
    let folder = folder(&[("bad.yaml", text)]);
    insta::assert_snapshot!(callprobe(folder.path(), &["lint", "bad.yaml"]).told());
}

#[test]
fn a_missing_model_is_named_with_the_command_that_fetches_it() {
    let folder = folder(&[]);
    std::fs::create_dir(folder.path().join("models")).unwrap();
    std::fs::write(folder.path().join("voice.wav"), voice()).unwrap();
    let ran = callprobe(folder.path(), &["transcribe", "voice.wav", "--models", "models"]);
    insta::assert_snapshot!(ran.told());
}

#[test]
fn a_taken_port_of_the_simulator_is_named_with_the_option_that_sets_it() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let centers = repository().join("scenarios/simulated").display().to_string();
    let folder = folder(&[]);
    let ran = callprobe(folder.path(), &["simulate", "--centers", &centers, "--bind", &address]);
    insta::assert_snapshot!(ran.told().replace(&address, "127.0.0.1:PORT"));
}

#[test]
fn a_taken_port_of_the_prober_is_named_with_the_key_that_sets_it_and_nothing_is_stored() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = prober(&format!("target = \"127.0.0.1:9\"\nbind = \"{address}\""));
    insta::assert_snapshot!(call(&folder, NUMBER).told().replace(&address, "127.0.0.1:PORT"));
    let listed = callprobe(folder.path(), &["list", "--store", "store"]);
    assert_eq!((listed.code, listed.stdout.as_str()), (Some(0), ""));
}

#[test]
fn a_simulator_for_other_hosts_is_refused() {
    let centers = repository().join("scenarios/simulated").display().to_string();
    let folder = folder(&[]);
    let arguments = ["simulate", "--centers", &centers, "--bind", "0.0.0.0:0"];
    insta::assert_snapshot!(callprobe(folder.path(), &arguments).told());
}

#[test]
fn a_number_that_is_not_allowed_is_not_dialled_and_not_shown_whole() {
    let trunk = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    trunk.set_nonblocking(true).unwrap();
    let folder = prober(&format!("target = \"{}\"", trunk.local_addr().unwrap()));
    let ran = call(&folder, "02-1234-5678");
    insta::assert_snapshot!(ran.told());
    let emergency = call(&folder, "119");
    assert_eq!(emergency.code, Some(2), "{}", emergency.stderr);
    let heard = trunk.recv_from(&mut [0; 2048]).map_err(|e| e.kind());
    assert_eq!(heard, Err(std::io::ErrorKind::WouldBlock), "nothing was sent to the trunk");
    assert!(!folder.path().join("store").exists(), "and nothing was stored");
}

#[test]
fn a_remote_trunk_needs_two_words_in_the_configuration() {
    let none = call(&prober("target = \"192.0.2.7:5060\""), NUMBER);
    insta::assert_snapshot!("a_remote_trunk_without_a_word", none.told());
    let one = call(&prober("target = \"192.0.2.7:5060\"\nallow-remote = true"), NUMBER);
    insta::assert_snapshot!("a_remote_trunk_with_one_word", one.told());
}

#[test]
fn a_file_that_is_no_wav_is_not_transcribed() {
    let folder = folder(&[("voice.wav", "this is no sound\n")]);
    let ran = callprobe(folder.path(), &["transcribe", "voice.wav", "--models", &models()]);
    insta::assert_snapshot!(ran.told());
}

/// Writes a WAV of 16 bit with these channels.
fn wav(path: &Path, rate: u32, channels: &[Vec<i16>]) {
    let spec = hound::WavSpec {
        channels: u16::try_from(channels.len()).unwrap(),
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..channels[0].len() {
        for channel in channels {
            writer.write_sample(channel[n]).unwrap();
        }
    }
    writer.finalize().unwrap();
}

/// A second of quiet, then ten bursts of busy tone: 480 Hz and 620 Hz, half a second on and half a second off.
fn busy_line() -> Vec<i16> {
    let tone = |n: usize| {
        let at = |hertz: f64| (n as f64 / 8000.0 * hertz * std::f64::consts::TAU).sin();
        ((at(480.0) + at(620.0)) * 4000.0) as i16
    };
    (0..88_000).map(|n| if n >= 8_000 && (n / 4_000) % 2 == 0 { tone(n) } else { 0 }).collect()
}

/// Whether the voice model is here; `hear` cannot do without it.
#[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
fn can_hear() -> bool {
    let here = repository().join("models/silero_vad_16k.safetensors").exists();
    if !here {
        eprintln!("skipped: the voice model is absent; fetch it with `callprobe models fetch vad`");
    }
    here
}

fn hear(folder: &Path, arguments: &[&str]) -> Ran {
    let models = models();
    callprobe(folder, &[&["hear", "--models", &models], arguments].concat())
}

fn heard(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let ran = hear(folder, &[arguments, &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn hear_tells_a_busy_tone_from_an_agent_and_covers_the_recording_without_gaps() {
    if !can_hear() {
        return;
    }
    let folder = folder(&[]);
    wav(&folder.path().join("busy.wav"), 8000, &[busy_line()]);
    let value = heard(folder.path(), &["busy.wav"]);
    assert_eq!((&value["lasted"], &value["answered_at"]), (&11.0.into(), &0.0.into()));
    assert_eq!(value["onset"], serde_json::Value::Null);
    let segments = value["segments"].as_array().unwrap();
    assert!(segments.iter().any(|s| s["kind"] == "busy" && s["start"].as_f64() < Some(1.3)));
    assert_eq!(segments.first().unwrap()["start"], 0.0);
    assert_eq!(segments.last().unwrap()["end"], 11.0);
    assert!(segments.windows(2).all(|pair| pair[0]["end"] == pair[1]["start"]));
    let text = hear(folder.path(), &["busy.wav"]).stdout;
    assert!(text.starts_with("busy.wav · 11.0 s\n"), "{text}");
    assert!(text.contains("busy tone") && text.contains("agent    none was heard"), "{text}");
}

#[test]
fn hear_reads_a_flac_as_it_reads_the_wav_of_the_same_sound() {
    if !can_hear() {
        return;
    }
    let folder = folder(&[]);
    std::fs::copy(repository().join("tests/audio/stereo.flac"), folder.path().join("it.flac"))
        .unwrap();
    let left = (0..12_000i64).map(|n| (n * n % 20_011 - 10_000) as i16).collect();
    let right = (0..12_000i64).map(|n| (n * 37 % 6_007 - 3_000) as i16).collect();
    wav(&folder.path().join("it.wav"), 8000, &[left, right]);
    let (mut flac, mut wav) =
        (heard(folder.path(), &["it.flac"]), heard(folder.path(), &["it.wav"]));
    assert_eq!((flac["name"].take(), wav["name"].take()), ("it.flac".into(), "it.wav".into()));
    assert_eq!(flac, wav);
}

#[test]
fn a_library_leaves_out_the_recording_itself_and_what_is_no_recording() {
    if !can_hear() {
        return;
    }
    let folder = folder(&[]);
    let others = folder.path().join("others");
    std::fs::create_dir(&others).unwrap();
    wav(&folder.path().join("busy.wav"), 8000, &[busy_line()]);
    std::fs::copy(folder.path().join("busy.wav"), others.join("again.wav")).unwrap();
    std::fs::write(others.join("notes.wav"), "no sound").unwrap();
    std::fs::write(others.join("voice.wav"), voice()).unwrap();
    let ran = hear(folder.path(), &["busy.wav", "--json", "--library", "others"]);
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(value["other_calls"], 1);
    assert!(ran.stderr.contains("again.wav` is the same recording; left out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("notes.wav") && ran.stderr.contains("left out"), "{}", ran.stderr);
}

#[tokio::test]
async fn what_cannot_be_heard_is_named_with_the_way_to_mend_it() {
    if !can_hear() {
        return;
    }
    let store = empty_store().await;
    let folder = store.path();
    wav(&folder.join("studio.wav"), 44_100, &[vec![0; 44_100]]);
    wav(&folder.join("short.wav"), 8000, &[vec![0; 16_000]]);
    std::fs::write(folder.join("call.mp3"), b"ID3\x04\0\0\0\0\0\0").unwrap();
    let audio = repository().join("tests/audio");
    std::fs::copy(audio.join("44100-hz.flac"), folder.join("studio.flac")).unwrap();
    let flac = std::fs::read(audio.join("stereo.flac")).unwrap();
    std::fs::write(folder.join("head.flac"), &flac[..60]).unwrap();
    let mut told = String::new();
    for arguments in [
        &["missing.wav"][..],
        &["studio.wav"],
        &["studio.flac"],
        &["call.mp3"],
        &["head.flac"],
        &["short.wav", "--request", "12.5"],
        &["short.wav", "--request", "soon"],
        &["short.wav", "--library", "missing.wav"],
        &["--store", "store", "q1.07"],
        &["--store", "store", "019a0000-0000-7000-8000-000000000001"],
        &["--store", "nowhere", "019a0000-0000-7000-8000-000000000001"],
    ] {
        let ran = hear(folder, arguments);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        told.extend(["hear ", &arguments.join(" "), "\n", ran.stderr.trim_end(), "\n\n"]);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_flac_that_was_cut_off_is_heard_as_far_as_it_goes_and_the_user_is_told() {
    if !can_hear() {
        return;
    }
    let folder = folder(&[]);
    let flac = std::fs::read(repository().join("tests/audio/stereo.flac")).unwrap();
    std::fs::write(folder.path().join("cut.flac"), &flac[..flac.len() / 2]).unwrap();
    let ran = hear(folder.path(), &["cut.flac", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("`cut.flac` is cut off, "), "{}", ran.stderr);
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let lasted = value["lasted"].as_f64().unwrap();
    assert!(lasted > 0.3 && lasted < 1.2, "{lasted}");
}

#[test]
fn a_line_that_is_no_wav_is_named_with_its_scenario() {
    let folder = folder(&[("hello.yaml", SCENARIO), ("hello.wav", "this is no sound\n")]);
    insta::assert_snapshot!(callprobe(folder.path(), &["lint", "hello.yaml"]).told());
}

#[test]
fn a_line_that_is_cut_off_is_never_said() {
    let folder = folder(&[("hello.yaml", SCENARIO)]);
    std::fs::write(folder.path().join("hello.wav"), &voice()[..9_000]).unwrap();
    insta::assert_snapshot!(callprobe(folder.path(), &["lint", "hello.yaml"]).told());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_not_touched() {
    let folder = empty_store().await;
    let path = folder.path().join("store/callprobe.sqlite");
    let pool = SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("PRAGMA user_version = 99").execute(&pool).await.unwrap();
    pool.close().await;
    let before = std::fs::read(&path).unwrap();
    let listed = callprobe(folder.path(), &["list", "--store", "store"]);
    insta::assert_snapshot!(listed.told());
    let scored = callprobe(folder.path(), &["score", "demo", "--store", "store"]);
    assert_eq!((scored.code, scored.stderr), (listed.code, listed.stderr));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_is_no_store_is_not_made_into_one() {
    let folder = folder(&[]);
    insta::assert_snapshot!(callprobe(folder.path(), &["list", "--store", "store"]).told());
    assert!(!folder.path().join("store").exists());
}

#[tokio::test]
async fn an_unknown_campaign_is_answered_with_the_command_that_lists_them() {
    let folder = empty_store().await;
    let arguments = ["score", "demo", "--store", "store"];
    insta::assert_snapshot!(callprobe(folder.path(), &arguments).told());
}

#[tokio::test]
async fn recordings_of_an_unknown_center_are_not_listed() {
    let folder = empty_store().await;
    let list = ["prompts", "list", "hanbit", "--store", "store"];
    insta::assert_snapshot!(callprobe(folder.path(), &list).told());
    let bad = callprobe(folder.path(), &["prompts", "show", "한 빛", "--store", "store"]);
    assert_eq!(bad.code, Some(2), "{}", bad.stderr);
    let elsewhere = callprobe(folder.path(), &["prompts", "list", "hanbit", "--store", "other"]);
    assert_eq!(elsewhere.code, Some(2), "{}", elsewhere.stderr);
}

#[tokio::test]
async fn forgetting_asks_which_recording() {
    let folder = empty_store().await;
    let forget = ["prompts", "forget", "hanbit", "--store", "store"];
    let ran = callprobe(folder.path(), &forget);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--prompt <N>|--all"), "{}", ran.stderr);
}

#[test]
fn an_unknown_item_is_answered_with_those_there_are() {
    insta::assert_snapshot!(callprobe(folder(&[]).path(), &["explain", "Z9"]).told());
}

#[test]
fn explain_tells_an_item_in_full() {
    let ran = callprobe(folder(&[]).path(), &["explain", "A3"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn help_names_every_command() {
    let ran = callprobe(folder(&[]).path(), &["--help"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn the_shipped_scenarios_centers_campaigns_and_sheets_are_in_order() {
    let ran = callprobe(&repository(), &["lint", "scenarios"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let forms = ["scenario ", "campaign ", "sheet ", "simulated center "];
    for form in forms {
        let some = ran.stdout.lines().filter(|l| l.starts_with(&format!("ok  {form}"))).count();
        assert!(some > 0, "{form}: {}", ran.stdout);
    }
    assert_eq!(
        ran.stdout.lines().count(),
        ran.stdout.lines().filter(|l| l.starts_with("ok")).count()
    );
}

#[test]
fn the_committed_schemas_are_those_that_the_program_prints() {
    for form in ["scenario", "campaign", "record"] {
        let ran = callprobe(&repository(), &["schema", form]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let path = format!("scenarios/schema/{form}.schema.json");
        let committed = std::fs::read_to_string(repository().join(&path)).unwrap_or_default();
        assert!(
            committed == ran.stdout,
            "`{path}` is stale; refresh it: target/release/callprobe schema {form} > {path}"
        );
    }
}
