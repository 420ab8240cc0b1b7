//! Runs of a campaign over a real store, with a caller that ends every call as its script says: re-dials, replacements,
//! a sick trunk, a stop, a kill switch, and what a dead process left behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use callprobe::campaign::dispatcher::Limits;
use callprobe::campaign::guard::GovernmentLines;
use callprobe::campaign::{
    Calendar, CallProgress, CallResult, Caller, CampaignSpec, DialogEnder, EndFailure, Executor,
    ExecutorError, ExecutorSettings, Guard, GuardSettings, RunEnd, RunReport, WhatToRun, plan,
};
use callprobe::clock;
use callprobe::domain::event::{CallPhase, CampaignEvent};
use callprobe::domain::ids::{ContentHash, ScenarioId, UnitId};
use callprobe::domain::ledger::AttemptTicket;
use callprobe::domain::plan::{Center, ProbeCall};
use callprobe::domain::record::{AttemptRecord, CallEnding, Provenance, RecordVersion};
use callprobe::domain::time::CallTime;
use callprobe::domain::timeline::{LocalTimeout, SipStatus, Timeline};
use callprobe::store::{
    NewAttempt, NotedInvite, StaleAttempt, Store, StoreError, StoredCampaign, UnitState,
};
use serde_json::json;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a call does.
enum Act {
    /// It ends so at once.
    End(CallEnding),
    /// It stays on the line until it is told to stop.
    Stay,
    /// Its task panics.
    Panic,
    /// It hands back the record of another call.
    WrongRecord,
}

/// Ends calls as scripted, then as completed; keeps what was dialled.
#[derive(Clone)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Act>>>,
    dialled: Arc<Mutex<Vec<(UnitId, u32)>>>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        Self { script, dialled: Arc::default() }
    }

    fn ending(endings: impl IntoIterator<Item = CallEnding>) -> Self {
        Self::new(endings.into_iter().map(Act::End))
    }

    fn dialled(&self) -> Vec<String> {
        let dialled = self.dialled.lock().unwrap();
        dialled.iter().map(|(unit, n)| format!("{unit} #{n}")).collect()
    }
}

impl Caller for Scripted {
    async fn call(
        &self,
        ticket: AttemptTicket,
        unit: &ProbeCall,
        _center: &Center,
        progress: CallProgress,
    ) -> CallResult {
        self.dialled.lock().unwrap().push((unit.unit.clone(), ticket.number().get()));
        progress.invite_sent("z9hG4bK", "tag").await.unwrap();
        progress.phase(CallPhase::Dialling, CallTime::ZERO);
        let act = self.script.lock().unwrap().pop_front();
        let mut call = ticket.call();
        let ending = match act {
            None => CallEnding::Completed,
            Some(Act::End(ending)) => ending,
            Some(Act::Stay) => {
                progress.stopping().cancelled().await;
                CallEnding::Aborted { why: "stopped".into() }
            }
            Some(Act::Panic) => panic!("as scripted"),
            Some(Act::WrongRecord) => {
                call = clock::new_call_id();
                CallEnding::Completed
            }
        };
        let record = AttemptRecord {
            version: RecordVersion::CURRENT,
            unit: unit.unit.clone(),
            number: ticket.number(),
            call,
            opened_at: clock::wall(),
            sip_call_id: ticket.sip_call_id().to_owned(),
            ending,
            timeline: Timeline::default(),
            recording: None,
            line_quality: None,
            provenance: provenance(unit),
        };
        CallResult { record, files: None }
    }
}

/// Keeps what it was asked to end.
#[derive(Clone, Default)]
struct Ender(Arc<Mutex<Vec<StaleAttempt>>>);

impl DialogEnder for Ender {
    async fn end(&self, stale: &StaleAttempt) -> Result<(), EndFailure> {
        self.0.lock().unwrap().push(stale.clone());
        Ok(())
    }
}

fn provenance(unit: &ProbeCall) -> Provenance {
    Provenance {
        program: "test".into(),
        campaign: unit.campaign.clone(),
        center: unit.center.clone(),
        scenario: unit.scenario.clone(),
        scenario_hash: ContentHash::from_bytes(&[7; 32]),
        simulated: true,
    }
}

fn spec(centers: usize, calls: u32) -> CampaignSpec {
    let centers: Vec<_> = (0..centers)
        .map(|n| json!({"id": format!("c{n}"), "name": "한빛", "number": format!("1588-000{n}")}))
        .collect();
    serde_json::from_value(json!({
        "id": "demo", "profile": "simulation", "dry-run": false, "scenario": "balance",
        "calls": calls, "centers": centers,
    }))
    .unwrap()
}

async fn store(folder: &Path, spec: &CampaignSpec) -> Store {
    let store = Store::open(folder).await.unwrap();
    let opened = clock::wall();
    let stored =
        StoredCampaign { id: spec.id.clone(), spec: json!(spec), seed: 0, created: opened };
    store.create_campaign(&stored, &spec.centers).await.unwrap();
    let plan = plan(spec, &Calendar::default(), opened).unwrap();
    store.add_units(&plan.units).await.unwrap();
    store
}

struct Bench {
    executor: Executor<Scripted, Ender>,
    caller: Scripted,
    ender: Ender,
    stop: CancellationToken,
    kill_switch: std::path::PathBuf,
}

fn bench(store: &Store, spec: &CampaignSpec, caller: Scripted) -> Bench {
    let trunk = "127.0.0.1:5060".parse().unwrap();
    let guard = Guard::new(&GuardSettings {
        profile: spec.profile,
        trunk,
        allow: vec![],
        government: GovernmentLines::Refused,
    });
    let kill_switch = store.folder().join("STOP");
    let settings = ExecutorSettings {
        trunk,
        domain: "127.0.0.1".into(),
        limits: Limits { concurrent: 3, per_center: 1, between_calls: Duration::ZERO },
        what: WhatToRun::DueNow,
        grace: Duration::from_secs(5),
        kill_switch: Some(kill_switch.clone()),
        scenarios: [(ScenarioId::new("balance").unwrap(), ContentHash::from_bytes(&[7; 32]))]
            .into(),
        calendar: Calendar::default(),
    };
    let (ender, stop) = (Ender::default(), CancellationToken::new());
    let executor = Executor::new(
        store.clone(),
        guard.unwrap(),
        settings,
        caller.clone(),
        ender.clone(),
        stop.clone(),
    );
    Bench { executor, caller, ender, stop, kill_switch }
}

async fn states(store: &Store, spec: &CampaignSpec) -> Vec<(String, UnitState)> {
    let units = store.units(&spec.id).await.unwrap();
    let mut states: Vec<_> =
        units.into_iter().map(|u| (u.probe_call.unit.to_string(), u.state)).collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    states
}

fn refused(code: u16) -> CallEnding {
    CallEnding::Refused { status: SipStatus { code, phrase: "x".into() }, q850: None, rang: false }
}

fn report(end: RunEnd, attempts: usize, done: usize, replaced: usize) -> RunReport {
    RunReport { end, attempts, done, replaced, recovered: 0, open: 0 }
}

#[tokio::test]
async fn every_unit_is_dialled_once_and_a_second_run_has_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(3, 4);
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::new([]));
    let mut events = bench.executor.events();
    let first = bench.executor.run(&spec).await.unwrap();
    assert_eq!(first, report(RunEnd::Finished, 12, 12, 0));
    let mut dialled = bench.caller.dialled();
    dialled.sort();
    dialled.dedup();
    assert_eq!(dialled.len(), 12);
    let second = bench.executor.run(&spec).await.unwrap();
    assert_eq!(second, report(RunEnd::Finished, 0, 0, 0));
    let mut seen = Vec::new();
    while let Ok(event) = events.try_recv() {
        seen.push(event);
    }
    assert!(matches!(seen[0], CampaignEvent::Started { units: 12, .. }));
    let began = seen.iter().filter(|e| matches!(e, CampaignEvent::AttemptBegan { .. })).count();
    let phases = seen.iter().filter(|e| matches!(e, CampaignEvent::Phase { .. })).count();
    assert_eq!((began, phases), (12, 12));
}

#[tokio::test]
async fn a_busy_center_is_dialled_three_times_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 1);
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::ending([refused(486), refused(486), refused(486)]));
    let done = bench.executor.run(&spec).await.unwrap();
    assert_eq!(done, report(RunEnd::Finished, 3, 1, 0));
    let unit = "demo.c0.q1.01";
    assert_eq!(bench.caller.dialled(), [1, 2, 3].map(|n| format!("{unit} #{n}")));
    let record = store.call_record(&UnitId::new(unit).unwrap()).await.unwrap();
    assert_eq!(record.attempts.len(), 3);
}

#[tokio::test]
async fn a_dry_run_dials_nothing_and_a_new_campaign_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(1, 2);
    spec.dry_run = callprobe::campaign::spec::DryRun::default();
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::new([]));
    let done = bench.executor.run(&spec).await.unwrap();
    assert_eq!((done.end, done.attempts, done.open), (RunEnd::DryRun, 0, 2));
    assert!(bench.caller.dialled().is_empty());
}

#[tokio::test]
async fn three_void_attempts_in_a_row_stop_the_campaign_before_it_blames_centers() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 5);
    let store = store(folder.path(), &spec).await;
    let timer = LocalTimeout::TimerB;
    let void = || CallEnding::TimedOut { timer, rang: false };
    let bench = bench(&store, &spec, Scripted::ending([void(), void(), void(), void()]));
    let done = bench.executor.run(&spec).await.unwrap();
    assert!(matches!(done.end, RunEnd::TrunkSick { .. }), "{done:?}");
    assert_eq!((done.attempts, done.done), (3, 0));
    assert!(done.open >= 5, "no unit is spent on a sick trunk");
}

#[tokio::test]
async fn a_call_whose_task_dies_or_whose_record_is_wrong_is_replaced_and_never_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 1);
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::new([Act::Panic, Act::WrongRecord]));
    let done = bench.executor.run(&spec).await.unwrap();
    assert_eq!(done, report(RunEnd::Finished, 3, 1, 2));
    assert_eq!(
        bench.caller.dialled(),
        ["demo.c0.q1.01 #1", "demo.c0.q1.01.r1 #1", "demo.c0.q1.01.r2 #1"]
    );
    let states = states(&store, &spec).await;
    let states: Vec<_> = states.into_iter().map(|s| s.1).collect();
    assert_eq!(states, [UnitState::Replaced, UnitState::Replaced, UnitState::Done]);
    let first = store.call_record(&UnitId::new("demo.c0.q1.01").unwrap()).await.unwrap();
    assert!(matches!(first.attempts[0].ending, CallEnding::Aborted { .. }));
}

#[tokio::test]
async fn a_stop_ends_live_calls_and_dials_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(2, 3);
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::new([Act::Stay, Act::Stay]));
    let mut events = bench.executor.events();
    let stop = bench.stop.clone();
    let watcher = tokio::spawn(async move {
        let mut phases = 0;
        while phases < 2 {
            if let CampaignEvent::Phase { .. } = events.recv().await.unwrap() {
                phases += 1;
            }
        }
        stop.cancel();
    });
    let done = bench.executor.run(&spec).await.unwrap();
    watcher.await.unwrap();
    let why = "stopped by the operator".to_owned();
    assert_eq!((done.end, done.attempts), (RunEnd::Stopped { why }, 2));
    assert_eq!((done.replaced, done.open), (2, 6), "what was broken off is planned anew");
    let lock = store.claim_runs().unwrap();
    assert!(store.stale_attempts(&lock).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_kill_switch_stops_a_run_before_its_first_call() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 1);
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::new([]));
    std::fs::write(&bench.kill_switch, "").unwrap();
    let done = bench.executor.run(&spec).await.unwrap();
    assert!(matches!(&done.end, RunEnd::Stopped { why } if why.contains("STOP")), "{done:?}");
    assert!(bench.caller.dialled().is_empty());
    std::fs::remove_file(&bench.kill_switch).unwrap();
    assert_eq!(bench.executor.run(&spec).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn after_a_crash_the_dialog_is_ended_and_another_unit_takes_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 1);
    let unit = {
        let store = store(folder.path(), &spec).await;
        let lock = store.claim_runs().unwrap();
        let unit = store.units(&spec.id).await.unwrap().remove(0).probe_call;
        let new = NewAttempt {
            unit: unit.unit.clone(),
            opened_at: clock::wall(),
            trunk: "127.0.0.1:5060".into(),
            number: spec.centers[0].number.clone(),
            domain: "127.0.0.1".into(),
            provenance: provenance(&unit),
        };
        let ticket = store.begin_attempt(&lock, new).await.unwrap();
        store.note_invite(ticket.call(), "z9hG4bK7", "tag7").await.unwrap();
        unit.unit
        // The process dies here.
    };
    let store = Store::open(folder.path()).await.unwrap();
    let bench = bench(&store, &spec, Scripted::new([]));
    let done = bench.executor.run(&spec).await.unwrap();
    assert_eq!((done.recovered, done.replaced, done.attempts, done.done), (1, 1, 1, 1));
    let ended = bench.ender.0.lock().unwrap().clone();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        ended[0].invite,
        Some(NotedInvite { branch: "z9hG4bK7".into(), from_tag: "tag7".into() })
    );
    assert_eq!(bench.caller.dialled(), [format!("{unit}.r1 #1")], "never the same unit again");
}

#[tokio::test]
async fn a_run_between_two_attempts_goes_on_where_the_ledger_stands() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 1);
    let store = store(folder.path(), &spec).await;
    let stopped = bench(&store, &spec, Scripted::ending([refused(486)]));
    let mut events = stopped.executor.events();
    let stop = stopped.stop.clone();
    let watcher = tokio::spawn(async move {
        while !matches!(events.recv().await.unwrap(), CampaignEvent::WillRedial { .. }) {}
        stop.cancel();
    });
    let first = stopped.executor.run(&spec).await.unwrap();
    watcher.await.unwrap();
    assert_eq!((first.attempts, first.open), (1, 1));
    let going_on = bench(&store, &spec, Scripted::new([]));
    let second = going_on.executor.run(&spec).await.unwrap();
    assert_eq!((second.attempts, second.done), (1, 1));
    assert_eq!(going_on.caller.dialled(), ["demo.c0.q1.01 #2"]);
}

#[tokio::test]
async fn two_processes_never_run_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(1, 1);
    let store = store(folder.path(), &spec).await;
    let lock = store.claim_runs().unwrap();
    let bench = bench(&store, &spec, Scripted::new([]));
    let refused = bench.executor.run(&spec).await;
    assert!(matches!(refused, Err(ExecutorError::Store(StoreError::Locked { .. }))));
    drop(lock);
    assert_eq!(bench.executor.run(&spec).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn an_emergency_number_stops_the_run_before_its_first_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(2, 1);
    spec.centers[1].number = callprobe::domain::number::DialString::new("119").unwrap();
    let store = store(folder.path(), &spec).await;
    let bench = bench(&store, &spec, Scripted::new([]));
    let refused = bench.executor.run(&spec).await;
    assert!(matches!(refused, Err(ExecutorError::Refused(_))));
    assert!(bench.caller.dialled().is_empty());
}
