//! The program is killed in the middle of its calls, twice, and started again: nothing is dialled twice, nothing is
//! left ringing or talking, nothing is lost.
#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails")]

use callprobe::domain::ids::{CampaignId, UnitId};
use callprobe::domain::record::{CallEnding, CallRecord};
use callprobe::simulator::{CallTruth, EndedBy, HostTime};
use callprobe::store::{StaleAttempt, Store, StoredUnit, UnitState};
use serde_json::Value;
use sqlx::sqlite::SqlitePool;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long the program may be silent.
const PATIENCE: Duration = Duration::from_mins(1);
const CENTERS: [&str; 3] = ["hanbit-card", "saebyeok-delivery", "pureun-city-hall"];
const CALLS: usize = 2;
/// Every call rings for two seconds and is then up until the caller hangs up.
const BEHAVIOUR: &str = "  - {name: patient, answer-after: 2s, wait: 60s, agent: ";
const SCENARIO: &str = "scenario: short\ndirect-line: answer\nring-limit: 10s\nmax-call: 30s\n\
     steps:\n  - expect: { prompt: begins }\n  - listen: { at-most: 4s }\n  - hang-up: {}\n";

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A program of ours; it ends with the test.
struct Program {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tell, said) = channel();
    let lines = BufReader::new(stream).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    said
}

impl Program {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_callprobe"))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Reads what it tells of its progress until `enough` says so.
    fn watch(&self, mut enough: impl FnMut(&str) -> bool) {
        let mut told = Vec::new();
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) => told.push(line),
                Err(error) => panic!("it told no more ({error}) than:\n{}", told.join("\n")),
            }
            if enough(told.last().unwrap()) {
                return;
            }
        }
    }

    /// SIGKILL: it can do nothing more, and neither can its destructors.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its standard output, once it has ended by itself and well.
    fn finish(mut self) -> String {
        let mut told = Vec::new();
        while let Ok(line) = self.stderr.recv_timeout(PATIENCE) {
            told.push(line);
        }
        let text: Vec<String> = self.stdout.iter().collect();
        let code = self.child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", told.join("\n"));
        text.join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shipped centers, with calls that go on until the caller ends them.
fn write_centers(folder: &Path) {
    let shipped = repository().join("scenarios/simulated");
    std::fs::create_dir(folder).unwrap();
    for name in CENTERS {
        let text = std::fs::read_to_string(shipped.join(format!("{name}.yaml"))).unwrap();
        let (head, _) = text.split_once("\ncalls:").unwrap();
        let agent = head.split("- id: ").nth(1).unwrap().split_whitespace().next().unwrap();
        let voices = format!("voices: \"{}\"", shipped.join("voices").display());
        let head = head.replace("voices: voices", &voices);
        let calls = format!("{head}\ncalls:\n{BEHAVIOUR}{agent}}}\n");
        std::fs::write(folder.join(format!("{name}.yaml")), calls).unwrap();
    }
}

/// Campaign, scenario and configuration.
fn write_campaign(folder: &Path, trunk: &str) {
    std::fs::write(folder.join("short.yaml"), SCENARIO).unwrap();
    let demo = std::fs::read_to_string(repository().join("scenarios/demo.yaml")).unwrap();
    let (_, centers) = demo.split_once("\ncenters:").unwrap();
    let head = "id: restart\nprofile: simulation\ndry-run: false\nseed: 7\nscenario: short\n";
    let campaign = format!("{head}calls: {CALLS}\ncenters:{centers}");
    std::fs::write(folder.join("campaign.yaml"), campaign).unwrap();
    let models = repository().join("models");
    let config = format!(
        "[trunk]\ntarget = \"{trunk}\"\n[store]\nfolder = \"store\"\n[models]\nfolder = \"{}\"\n\
         [recording]\nbasis = \"party\"\ncaller-entity = \"Callprobe's own tests\"\n\
         [limits]\nconcurrent = 4\nbetween-calls = \"250ms\"\n",
        models.display()
    );
    std::fs::write(folder.join("callprobe.toml"), config).unwrap();
}

fn run(folder: &Path) -> Program {
    let arguments = ["run", "campaign.yaml", "--live", "--config", "callprobe.toml", "--json"];
    Program::start(&arguments, folder)
}

fn id() -> CampaignId {
    CampaignId::new("restart").unwrap()
}

/// What stood in the ledger when a run was killed.
struct Killed {
    /// The attempts that had not ended.
    live: Vec<StaleAttempt>,
    /// Call-IDs of all attempts so far.
    so_far: BTreeSet<String>,
}

async fn database(folder: &Path) -> SqlitePool {
    let path = folder.join("store/callprobe.sqlite");
    SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap()
}

async fn look_at_the_dead(folder: &Path) -> Killed {
    let store = Store::open(folder.join("store")).await.unwrap();
    let lock = store.claim_runs().unwrap();
    let live = store.stale_attempts(&lock).await.unwrap();
    store.close().await;
    let pool = database(folder).await;
    let all: Vec<String> =
        sqlx::query_scalar("SELECT sip_call_id FROM attempt").fetch_all(&pool).await.unwrap();
    pool.close().await;
    Killed { live, so_far: all.into_iter().collect() }
}

fn truths(path: &Path) -> Vec<CallTruth> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Everything the last run left.
struct Aftermath {
    units: Vec<StoredUnit>,
    records: Vec<CallRecord>,
    truths: BTreeMap<String, CallTruth>,
    report: Value,
}

#[tokio::test]
async fn a_campaign_that_is_killed_twice_in_the_middle_of_its_calls_is_carried_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_centers(&folder.join("centers"));
    let truth = folder.join("truth.jsonl");
    let centers = Program::start(
        &["simulate", "--centers", "centers", "--bind", "127.0.0.1:0", "--truth", "truth.jsonl"],
        folder,
    );
    let listening: Value =
        serde_json::from_str(&centers.stdout.recv_timeout(PATIENCE).unwrap()).unwrap();
    write_campaign(folder, listening["listening"].as_str().unwrap());

    // First as the first INVITE leaves,
    let first = run(folder);
    first.watch(|line| line.ends_with("attempt 1, dialling"));
    first.kill();
    let at_once = look_at_the_dead(folder).await;
    assert!(!at_once.live.is_empty(), "an attempt stands in the ledger before its INVITE leaves");

    // then with a call just over, others up, and one ringing.
    let second = run(folder);
    let (mut over, mut ringing) = (false, false);
    second.watch(|line| {
        over |= line.contains("ended after");
        ringing |= over && line.contains(": ringing at");
        ringing
    });
    second.kill();
    let in_the_middle = look_at_the_dead(folder).await;
    assert!(in_the_middle.live.len() >= 3, "{:#?}", in_the_middle.live);
    assert!(in_the_middle.live.iter().any(|a| a.dialog.is_some()), "some were up");
    assert!(in_the_middle.live.iter().any(|a| a.dialog.is_none()), "one was ringing");

    let report = serde_json::from_str(&run(folder).finish()).unwrap();
    centers.kill();
    let killed = [at_once, in_the_middle];
    ledger_and_records_agree(folder).await;
    let store = Store::open(folder.join("store")).await.unwrap();
    let told = truths(&truth);
    let truths: BTreeMap<_, _> = told.iter().map(|t| (t.sip_call_id.clone(), t.clone())).collect();
    assert_eq!(truths.len(), told.len(), "no INVITE came twice");
    let aftermath = Aftermath {
        units: store.units(&id()).await.unwrap(),
        records: store.records(&id()).await.unwrap(),
        truths,
        report,
    };
    old_dialogs_were_ended_before_a_new_call_began(&aftermath, &killed);
    broken_units_are_replaced(&aftermath, &killed);
    recordings_are_read(&aftermath, &store).await;
}

/// Every attempt has ended and has exactly one record.
async fn ledger_and_records_agree(folder: &Path) {
    let pool = database(folder).await;
    let count = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    let attempts = count("SELECT count(*) FROM attempt").await;
    assert!(attempts >= (CENTERS.len() * CALLS) as i64 + 4, "{attempts}");
    assert_eq!(count("SELECT count(*) FROM attempt WHERE state = 'dialling'").await, 0);
    assert_eq!(count("SELECT count(*) FROM record").await, attempts);
    assert_eq!(count("SELECT count(*) FROM attempt JOIN record USING (call)").await, attempts);
    pool.close().await;
}

fn old_dialogs_were_ended_before_a_new_call_began(after: &Aftermath, killed: &[Killed]) {
    let attempts = after.records.iter().flat_map(|r| &r.attempts);
    let known: BTreeSet<_> = attempts.map(|a| &a.sip_call_id).collect();
    let strangers: Vec<_> = after.truths.keys().filter(|id| !known.contains(id)).collect();
    assert!(strangers.is_empty(), "an INVITE left that the ledger does not know: {strangers:?}");
    let mut arrived = 0;
    for Killed { live, so_far } in killed {
        let later = after.truths.values().filter(|t| !so_far.contains(&t.sip_call_id));
        let next: HostTime = later.map(|t| t.invited).min().unwrap();
        for stale in live {
            let Some(truth) = after.truths.get(&stale.sip_call_id) else {
                // Killed between the ledger and the socket: nothing arrived.
                continue;
            };
            arrived += 1;
            assert!(stale.invite.is_some(), "an INVITE was noted before it left: {stale:#?}");
            assert_eq!(truth.ended_by, EndedBy::Caller, "{truth:#?}");
            assert!(truth.ended < next, "{} was live when a new call began", stale.sip_call_id);
        }
    }
    assert!(arrived >= 3, "{arrived} calls were live");
}

fn broken_units_are_replaced(after: &Aftermath, killed: &[Killed]) {
    let state = |unit: &UnitId| {
        after.units.iter().find(|u| &u.probe_call.unit == unit).map(|u| u.state).unwrap()
    };
    let broken: BTreeSet<&UnitId> = killed.iter().flat_map(|k| &k.live).map(|a| &a.unit).collect();
    for unit in &broken {
        assert_eq!(state(unit), UnitState::Replaced, "{unit}");
        let replacing =
            after.units.iter().filter(|u| u.probe_call.replaces.as_ref() == Some(*unit));
        assert_eq!(replacing.count(), 1, "{unit} is replaced by exactly one other");
    }
    for record in &after.records {
        let unit = &record.probe_call.unit;
        let endings: Vec<_> = record.attempts.iter().map(|a| &a.ending).collect();
        if broken.contains(unit) {
            assert!(matches!(endings[..], [CallEnding::Aborted { .. }]), "{unit}: {endings:?}");
        } else {
            assert_eq!((endings, state(unit)), (vec![&CallEnding::Completed], UnitState::Done));
        }
    }
    let calls = after.report["centers"].as_array().unwrap().iter();
    let calls: Vec<_> = calls.flat_map(|c| c["calls"].as_array().unwrap()).collect();
    let excluded = calls.iter().filter(|c| !c["excluded"].is_null()).count();
    assert_eq!(excluded, broken.len(), "what our side broke off does not count");
    assert_eq!(calls.len() - excluded, CENTERS.len() * CALLS);
}

/// Whichever run a call ended in, its recording is read in the end.
async fn recordings_are_read(after: &Aftermath, store: &Store) {
    let attempts = after.records.iter().flat_map(|r| &r.attempts);
    let mut recorded = 0;
    for attempt in attempts.filter(|a| a.recording.is_some()) {
        recorded += 1;
        let transcript = store.transcript(attempt.call, None).await.unwrap();
        assert!(transcript.is_some(), "call {} was not read", attempt.call);
    }
    assert_eq!(recorded, CENTERS.len() * CALLS);
}
