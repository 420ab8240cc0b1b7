//! One call of the real program to two independent user agents: `SIPp` and baresip. Without them the tests say so and
//! pass, except under `CI`.
#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails")]

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long a peer may take to listen, and to end after the call.
const PATIENCE: Duration = Duration::from_secs(30);
const NUMBER: &str = "070-0000-0001";

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a peer is installed; under `CI` it must be.
fn is_here(program: &str, package: &str) -> bool {
    let found =
        Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "`{program}` is not installed; install it with `apt-get install {package}`"
    );
    #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
    {
        eprintln!("SKIPPED: `{program}` is not installed (`apt-get install {package}`)");
    }
    false
}

fn free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A program of the other side; it ends with the test.
struct Peer {
    child: Child,
    said: Receiver<String>,
}

impl Peer {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (tell, said) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|l| tell.send(l)));
        Self { child, said }
    }

    /// Reads its output until it says `word`.
    fn wait_for(&self, word: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) => all.push(line),
                Err(error) => panic!("never said `{word}` ({error}), only:\n{}", all.join("\n")),
            }
            if all.last().unwrap().contains(word) {
                return all;
            }
        }
    }

    /// Its exit code, once its output has ended; `None` if it had to be killed.
    fn exit_code(mut self) -> Option<i32> {
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code(),
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a configuration for a trunk and a scenario of one line.
fn prober(folder: &Path, port: u16) {
    let models = repository().join("models");
    std::fs::write(
        folder.join("callprobe.toml"),
        format!(
            "[trunk]\ntarget = \"127.0.0.1:{port}\"\nuser = \"probe\"\n[guard]\nallow = [\"{NUMBER}\"]\n\
             [store]\nfolder = \"store\"\n[models]\nfolder = \"{}\"\n\
             [recording]\nbasis = \"party\"\ncaller-entity = \"Callprobe's own tests\"\n",
            models.display()
        ),
    )
    .unwrap();
    std::fs::write(
        folder.join("hello.yaml"),
        "scenario: hello\nring-limit: 10s\nmax-call: 30s\ndirect-line: answer\n\
         lines:\n  hello: { wav: hello.wav, text: 여보세요 }\n\
         steps:\n  - say: { line: hello }\n  - listen: { at-most: 2s }\n  - hang-up: {}\n",
    )
    .unwrap();
    let voices = repository().join("scenarios/simulated/voices");
    std::fs::copy(voices.join("c2_hello.wav"), folder.join("hello.wav")).unwrap();
}

/// Calls, and gives the record of the one attempt.
fn call(folder: &Path) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callprobe"))
        .args(["call", NUMBER, "--scenario", "hello.yaml", "--config", "callprobe.toml", "--json"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (tell, ended) = channel();
    std::thread::spawn(move || {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let _ = stdout.read_to_end(&mut out);
        let _ = stderr.read_to_end(&mut err);
        tell.send((out, err))
    });
    let Ok((stdout, stderr)) = ended.recv_timeout(Duration::from_secs(90)) else {
        child.kill().unwrap();
        panic!("the call did not end");
    };
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    let record: Value = serde_json::from_slice(&stdout).unwrap();
    let attempts = record["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{record:#}");
    attempts[0].clone()
}

/// What is true of a call that the far end answered and sent our own voice back on.
fn check(attempt: &Value, folder: &Path) {
    assert_eq!(attempt["ending"]["ending"], "completed", "{attempt:#}");
    let events = attempt["timeline"].as_array().unwrap();
    let of = |name: &str| events.iter().filter(|e| e["event"] == name).collect::<Vec<_>>();
    assert_eq!(of("invite-sent").len(), 1);
    assert_eq!(of("answered")[0]["status"]["code"], 200);
    assert_eq!(of("said").len(), 1, "the line was said");
    assert_eq!(of("bye")[0]["by"], "prober");
    assert_eq!(of("first-media").len(), 1);
    assert!(of("degraded").is_empty(), "{attempt:#}");

    let line = &attempt["line_quality"];
    let count = |name: &str| line[name].as_u64().unwrap();
    assert!(count("packets_received") > 50, "{line:#}");
    assert_eq!(count("packets_received"), count("packets_expected"), "nothing was lost");
    assert!(count("packets_sent") > 50, "{line:#}");
    assert_eq!(line["one_way"], false);

    // The recording holds our voice on the left and its echo on the right.
    assert!(attempt["recording"]["samples"].as_u64().unwrap() > 8000, "{attempt:#}");
    let wav = recordings(&folder.join("store/audio")).pop().unwrap();
    let mut reader = hound::WavReader::open(&wav).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8000));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let loud =
        |side: usize| samples.iter().skip(side).step_by(2).filter(|s| s.abs() > 1000).count();
    let (ours, theirs) = (loud(0), loud(1));
    assert!(ours > 800, "our voice is on the left: {ours}");
    assert!(theirs * 10 > ours * 9, "the echo is on the right: {theirs} of {ours}");
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(recordings(&path));
        } else if path.extension().is_some_and(|e| e == "wav") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_call_to_sipp_is_answered_heard_recorded_and_hung_up_by_us() {
    if !is_here("sipp", "sip-tester") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    prober(folder.path(), port);
    let sipp = Peer::start(
        Command::new("sipp")
            .args(["-sn", "uas", "-rtp_echo", "-i", "127.0.0.1", "-m", "1", "-nostdin"])
            .args(["-timeout", "60", "-timeout_error"])
            .args(["-p", &port.to_string(), "-mp", &free_port().to_string()])
            .current_dir(folder.path()),
    );
    let attempt = call(folder.path());
    check(&attempt, folder.path());
    assert_eq!(sipp.exit_code(), Some(0), "SIPp counts the call as successful");
}

#[test]
fn a_call_to_baresip_is_answered_heard_recorded_and_hung_up_by_us() {
    if !is_here("baresip", "baresip-core") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    prober(folder.path(), port);
    let settings = folder.path().join("baresip");
    std::fs::create_dir(&settings).unwrap();
    std::fs::write(
        settings.join("config"),
        format!(
            "sip_listen 127.0.0.1:{port}\naudio_player aubridge,echo\naudio_source aubridge,echo\n\
             audio_alert aubridge,alert\nrtp_stats yes\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aubridge.so\nmodule_app account.so\nmodule_app menu.so\n"
        ),
    )
    .unwrap();
    // The number as it is dialled; baresip answers only for a user it knows.
    let user = NUMBER.replace('-', "");
    let account = format!("<sip:{user}@127.0.0.1:{port}>;regint=0;answermode=auto\n");
    std::fs::write(settings.join("accounts"), account).unwrap();
    std::fs::write(settings.join("contacts"), "").unwrap();
    let baresip =
        Peer::start(Command::new("baresip").args(["-n", "127.0.0.1", "-f"]).arg(&settings));
    baresip.wait_for("baresip is ready");
    let attempt = call(folder.path());
    check(&attempt, folder.path());
    let log = baresip.wait_for("lost:");
    let has = |word: &str| log.iter().any(|line| line.contains(word));
    assert!(has("Call established") && has("terminated"), "{}", log.join("\n"));
    let lost: Vec<&str> = log.last().unwrap().split_whitespace().collect();
    assert_eq!(lost, ["lost:", "0", "0"], "baresip lost nothing either way");
}
