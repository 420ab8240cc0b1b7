//! A campaign against simulated centers: starts them as a child process, dials, works up, and composes the report.
//! The demo shows it; the bench compares it with the truth log. The prober sees of the child only what comes over
//! the wire; its truth log is read after the last call.

use super::args::DemoArguments;
use super::campaign;
use super::compose::{Sources, compose};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::files::{self, LoadedScenario};
use super::rig::{self, Ender, Line, LineConfig, Models};
use super::truth::TruthLog;
use super::workup::WorkUp;
use super::{print, prompts};
use crate::analysis::pipeline::{Judged, Pipeline};
use crate::campaign::dispatcher::Limits;
use crate::campaign::guard::{GovernmentLines, GuardSettings};
use crate::campaign::{
    Calendar, CampaignSpec, Executor, ExecutorError, ExecutorSettings, Guard, RunEnd, RunReport,
    WhatToRun, plan,
};
use crate::clock;
use crate::domain::ids::{CampaignId, ScenarioId};
use crate::judgment::{Profile, Sheet};
use crate::report::model::CampaignReport;
use crate::store::{Store, StoredCampaign};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// What a simulated campaign left.
pub(super) struct Played {
    pub(super) report: CampaignReport,
    pub(super) judged: Vec<Judged>,
    pub(super) truth: TruthLog,
    pub(super) run: RunReport,
    pub(super) store: PathBuf,
    pub(super) calls_took: Duration,
    pub(super) workup_took: Duration,
}

/// What the sheet's profile `simulated` does, for every report made under it.
pub(super) const SIMULATED_SHEET: &str = "sheet profile `simulated`: the gates of A1, A2, A3, B1, C4, E1 and E2 are \
     open, the machine decides them alone; such calls are never counted in an index";
/// How long the simulated centers may take to open their socket.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Between the starts of two simulated calls.
const BETWEEN_CALLS: Duration = Duration::from_millis(250);

/// Plays the demo campaign through.
pub(super) async fn play(arguments: &DemoArguments) -> Result<Played, Failure> {
    let models = Models::find(&arguments.models)?;
    let spec = spec_of(arguments)?;
    let scenarios = scenarios_of(&spec, &arguments.scenarios)?;
    let store_folder = arguments.out.join("store");
    let store = Store::open(&store_folder).await.or_infrastructure()?;
    add_campaign(&store, &spec).await?;

    let truth_path = arguments.out.join(format!("{}.truth.jsonl", spec.id));
    let (mut centers, trunk) = start_centers(arguments, &truth_path, spec.seed).await?;
    let stop = stop_on_signal();
    let guard = Guard::new(&GuardSettings {
        profile: spec.profile,
        trunk,
        allow: spec.centers.iter().map(|center| center.number.clone()).collect(),
        government: GovernmentLines::Refused,
    })
    .or_usage()?;
    let mut notices: Vec<String> = guard.notice().into_iter().collect();
    let sheet = Arc::new(Sheet::ksqi16().map_err(Failure::usage)?);
    notices.push(SIMULATED_SHEET.to_owned());
    for notice in &notices {
        print::note(format!("   note: {notice}"));
    }

    let transcriber = models.transcriber(rig::workers()).await?;
    let model = transcriber.model().short().to_owned();
    let pipeline = Pipeline::new(
        store.clone(),
        Arc::clone(&models.silero),
        Some(transcriber),
        Arc::clone(&sheet),
        Profile::Simulated,
    );
    let languages = scenarios.iter().map(|(id, s)| (id.clone(), s.scenario.language)).collect();
    let libraries = prompts::libraries(&store, &spec.centers).await?;
    let line =
        Line::open(line_config(arguments, trunk), scenarios.clone(), libraries, true).await?;
    let settings = settings(arguments, trunk, &scenarios);
    let ender = Ender(line.endpoint.clone());
    let executor = Executor::new(store.clone(), guard, settings, line, ender, stop);
    let began = clock::now();
    let work = WorkUp::start(pipeline.clone(), executor.events(), languages, &store);
    let run = executor.run(&spec).await.map_err(run_failure)?;
    let calls_took = since(began);
    let concluding = clock::now();
    work.finish().await;
    // The centers wrote each call's truth as it ended.
    let _ = centers.kill().await;
    let truth = TruthLog::read(&truth_path)?;
    let judged = pipeline.conclude(&spec.id).await.or_infrastructure()?;
    let report = compose(Sources {
        store: &store,
        campaign: &spec.id,
        sheet: &sheet,
        judged: &judged,
        truth: Some(&truth),
        notices,
        provenance: vec![
            ("program".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("speech model".to_owned(), format!("Whisper base, sha256 {model}")),
            ("seed".to_owned(), spec.seed.to_string()),
            ("denominator".to_owned(), "judged opportunities; bounds over all".to_owned()),
        ],
    })
    .await?;
    let workup_took = since(concluding);
    Ok(Played { report, judged, truth, run, store: store_folder, calls_took, workup_took })
}

fn since(earlier: Instant) -> Duration {
    clock::now().saturating_duration_since(earlier)
}

/// The demo's campaign, under a name of its own for this run.
fn spec_of(arguments: &DemoArguments) -> Result<CampaignSpec, Failure> {
    let mut spec = campaign::read(&arguments.scenarios.join("demo.yaml"))?;
    let stamp = clock::wall().0.strftime("%Y%m%d-%H%M%S").to_string();
    spec.id = CampaignId::new(format!("{}-{stamp}", spec.id)).or_usage()?;
    spec.calls = arguments.calls;
    spec.check().or_usage()?;
    Ok(spec)
}

/// Reads the scenarios that a campaign names, from a folder.
pub(super) fn scenarios_of(
    spec: &CampaignSpec,
    folder: &Path,
) -> Result<BTreeMap<ScenarioId, LoadedScenario>, Failure> {
    let mut all = BTreeMap::new();
    for center in &spec.centers {
        let Some(id) = spec.scenario_of(&center.id) else { continue };
        if !all.contains_key(id) {
            let loaded = files::load_scenario(&folder.join(format!("{id}.yaml")))?;
            all.insert(id.clone(), loaded);
        }
    }
    Ok(all)
}

/// Plans a campaign and puts it into the store.
pub(super) async fn add_campaign(store: &Store, spec: &CampaignSpec) -> Result<(), Failure> {
    let now = clock::wall();
    let calendar = Calendar::korean().or_infrastructure()?;
    let planned = plan(spec, &calendar, now).or_usage()?;
    let campaign = StoredCampaign {
        id: spec.id.clone(),
        spec: serde_json::to_value(spec).or_infrastructure()?,
        seed: spec.seed,
        created: now,
    };
    store.create_campaign(&campaign, &spec.centers).await.or_infrastructure()?;
    store.add_units(&planned.units).await.or_infrastructure()
}

fn line_config(arguments: &DemoArguments, trunk: SocketAddr) -> LineConfig {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    LineConfig {
        bind: SocketAddr::new(loopback, 0),
        media: loopback,
        advertise: None,
        ports: 40_000..=48_999,
        user: "callprobe".to_owned(),
        display: None,
        credentials: Vec::new(),
        trunk,
        domain: trunk.ip().to_string(),
        recordings: Some(arguments.out.join("recording")),
    }
}

fn settings(
    arguments: &DemoArguments,
    trunk: SocketAddr,
    scenarios: &BTreeMap<ScenarioId, LoadedScenario>,
) -> ExecutorSettings {
    ExecutorSettings {
        trunk,
        domain: trunk.ip().to_string(),
        limits: Limits {
            concurrent: arguments.concurrent,
            per_center: arguments.concurrent,
            between_calls: BETWEEN_CALLS,
        },
        what: WhatToRun::WholePlan,
        grace: Duration::from_secs(15),
        kill_switch: Some(arguments.out.join("STOP")),
        scenarios: scenarios.iter().map(|(id, s)| (id.clone(), s.hash.clone())).collect(),
        calendar: Calendar::default(),
    }
}

/// A token that Ctrl-C and SIGTERM cancel: live calls are ended politely.
pub(super) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
        cancel.cancel();
        print::note("stopping: live calls are ended politely; once more ends at once");
        let _ = tokio::signal::ctrl_c().await;
        leave();
    });
    stop
}

#[expect(clippy::exit, reason = "asked for twice: nothing is waited for any more")]
fn leave() {
    std::process::exit(i32::from(Exit::Infrastructure.code()));
}

/// Starts the simulated centers as a child and waits until they listen.
async fn start_centers(
    arguments: &DemoArguments,
    truth: &Path,
    seed: u64,
) -> Result<(Child, SocketAddr), Failure> {
    std::fs::create_dir_all(&arguments.out).or_infrastructure()?;
    let program = std::env::current_exe().or_infrastructure()?;
    let mut child = Command::new(program)
        .arg("simulate")
        .arg("--centers")
        .arg(arguments.scenarios.join("simulated"))
        .args(["--bind", "127.0.0.1:0", "--truth"])
        .arg(truth)
        .args(["--seed", &seed.to_string()])
        // Ctrl-C is for us: the centers stay until our calls have said goodbye.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .or_infrastructure()?;
    let Some(stdout) = child.stdout.take() else {
        return Err(Failure::say("the simulated centers have no output", "run the demo again"));
    };
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await;
    let address = match line {
        Ok(Ok(Some(line))) => listening(&line),
        _ => None,
    };
    match address {
        Some(address) => Ok((child, address)),
        None => Err(Failure::say(
            "the simulated centers did not start",
            "run `callprobe simulate` by hand: it says why",
        )),
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value.get("listening")?.as_str()?.parse().ok()
}

/// The exit code of a run's end.
pub(super) fn exit_of(end: &RunEnd) -> Exit {
    match end {
        RunEnd::Finished | RunEnd::DryRun => Exit::Done,
        RunEnd::Stopped { .. } | RunEnd::TrunkSick { .. } => Exit::Infrastructure,
    }
}

/// A guard that refuses and a scenario that is missing are the user's to mend, the rest is ours.
pub(super) fn run_failure(error: ExecutorError) -> Failure {
    match error {
        ExecutorError::Refused(_)
        | ExecutorError::NoScenario { .. }
        | ExecutorError::WrongGuard { .. } => Failure::plain_usage(error),
        ExecutorError::Store(_) => Failure::infrastructure(error),
    }
}

/// What a run's end means for people, if it is not simply done.
pub(super) fn said_of(end: &RunEnd) -> Option<String> {
    match end {
        RunEnd::Finished => None,
        RunEnd::Stopped { why } => Some(format!("the run was stopped: {why}")),
        RunEnd::TrunkSick { last } => {
            Some(format!("our trunk is sick, nothing is laid to the centers: {last}"))
        }
        RunEnd::DryRun => Some("dry run: nothing was dialled".to_owned()),
    }
}
