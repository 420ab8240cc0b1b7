//! The runner of a campaign: recovers what an earlier process left, dials what is due, settles every unit.
//!
//! Enters: a store with a plan, a guard, a [`Caller`] that carries one call through, a [`DialogEnder`] for what a dead
//! process left behind. Leaves: records in the store, [`CampaignEvent`]s for whoever shows them, a [`RunReport`].
//! No INVITE is ever sent twice: an attempt stands in the ledger before its call, and after a crash the dialog is
//! ended, the attempt aborted and the unit replaced.

use super::calendar::korean_date;
use super::dispatcher::{Decision, Dispatcher, later};
use super::guard::{Guard, Refusal};
use super::pacing::{Bands, Window, next_date, window};
use super::retry::{NextStep, TrunkHealth, after_all};
use super::run::{
    EndFailure, ExecutorSettings, RunEnd, RunReport, WhatToRun, lasted, replacements, say,
};
use super::spec::{CampaignSpec, DryRun, Profile};
use crate::clock;
use crate::domain::event::{CallPhase, CampaignEvent};
use crate::domain::ids::{CallId, CenterId, ScenarioId, UnitId};
use crate::domain::ledger::AttemptTicket;
use crate::domain::plan::{Center, ProbeCall};
use crate::domain::record::{AttemptRecord, Provenance};
use crate::domain::time::{CallTime, WallTime};
use crate::store::{
    NewAttempt, RecordingFiles, RunLock, StaleAttempt, Store, StoreError, UnitState,
};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Events that a slow listener may fall behind before it loses some; nobody waits for it.
const EVENTS: usize = 4096;
/// How often the kill switch is looked at.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// Carries one call through, from the INVITE to its record.
pub trait Caller: Send + Sync + 'static {
    /// Dials on the ticket and stays until the call is over. When `progress.stopping()` is cancelled, the call is
    /// ended politely and soon; its ending is then `Aborted`.
    fn call(
        &self,
        ticket: AttemptTicket,
        unit: &ProbeCall,
        center: &Center,
        progress: CallProgress,
    ) -> impl Future<Output = CallResult> + Send;
}

/// What a call leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// Its record.
    pub record: AttemptRecord,
    /// Its recording, if the record has one.
    pub files: Option<RecordingFiles>,
}

/// Ends dialogs of an earlier process.
pub trait DialogEnder: Send + Sync + 'static {
    /// Ends a dialog by CANCEL or BYE, from what was stored of it.
    fn end(&self, stale: &StaleAttempt) -> impl Future<Output = Result<(), EndFailure>> + Send;
}

/// A running call's way to tell how far it has come.
#[derive(Debug, Clone)]
pub struct CallProgress {
    unit: UnitId,
    call: CallId,
    store: Store,
    events: broadcast::Sender<CampaignEvent>,
    stop: CancellationToken,
}

impl CallProgress {
    /// The call entered a phase.
    pub fn phase(&self, phase: CallPhase, at: CallTime) {
        let _ = self.events.send(CampaignEvent::Phase { unit: self.unit.clone(), phase, at });
    }

    /// An INVITE leaves: what its CANCEL would need is stored. The first one waits for this.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn invite_sent(&self, branch: &str, from_tag: &str) -> Result<(), StoreError> {
        self.store.note_invite(self.call, branch, from_tag).await
    }

    /// The call was answered: what its BYE would need is stored.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn dialog(&self, dialog: &serde_json::Value) -> Result<(), StoreError> {
        self.store.note_dialog(self.call, dialog).await
    }

    /// Cancelled when the call has to be ended.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }
}

/// What keeps a run from starting or going on.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The guard refuses a center.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The guard was set up for another kind of campaign.
    #[error(
        "campaign `{campaign}` is a {wanted:?}, the guard is set up for a {guard:?}; run it with its own profile"
    )]
    WrongGuard {
        /// The campaign.
        campaign: String,
        /// Its profile.
        wanted: Profile,
        /// The guard's.
        guard: Profile,
    },
    /// The scenario of a center was not read.
    #[error(
        "scenario `{scenario}` of center `{center}` was not read; put `{scenario}.yaml` among the scenarios"
    )]
    NoScenario {
        /// The scenario.
        scenario: ScenarioId,
        /// The center.
        center: CenterId,
    },
}

/// Runs campaigns.
#[derive(Debug)]
pub struct Executor<C, D> {
    store: Store,
    guard: Guard,
    settings: ExecutorSettings,
    caller: Arc<C>,
    ender: D,
    stop: CancellationToken,
    events: broadcast::Sender<CampaignEvent>,
}

impl<C: Caller, D: DialogEnder> Executor<C, D> {
    /// An executor; cancelling `stop` ends its runs politely.
    pub fn new(
        store: Store,
        guard: Guard,
        settings: ExecutorSettings,
        caller: C,
        ender: D,
        stop: CancellationToken,
    ) -> Self {
        let events = broadcast::Sender::new(EVENTS);
        Self { store, guard, settings, caller: Arc::new(caller), ender, stop, events }
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<CampaignEvent> {
        self.events.subscribe()
    }

    /// Runs a campaign whose plan stands in the store. Attempts of an earlier process are recovered first, of
    /// whatever campaign they are; a dry run does only that check of guard and scenarios.
    ///
    /// # Errors
    /// [`ExecutorError::Refused`] if the guard refuses any center, before the first call or later;
    /// [`StoreError::Locked`] if another process places calls from this store.
    pub async fn run(&self, spec: &CampaignSpec) -> Result<RunReport, ExecutorError> {
        let centers = self.check(spec).await?;
        let open = self.store.open_units(&spec.id).await?.len();
        if spec.dry_run == DryRun::Yes {
            let end = RunEnd::DryRun;
            return Ok(RunReport { end, attempts: 0, done: 0, replaced: 0, recovered: 0, open });
        }
        let lock = self.store.claim_runs()?;
        let recovered = self.recover(&lock).await?;
        let mut run = Run {
            executor: self,
            spec,
            lock,
            centers,
            dispatcher: Dispatcher::new(self.settings.limits),
            calls: JoinSet::new(),
            live: BTreeMap::new(),
            health: TrunkHealth::default(),
            days: BTreeMap::new(),
            stop_calls: CancellationToken::new(),
            counts: RunReport {
                end: RunEnd::Finished,
                attempts: 0,
                done: 0,
                replaced: 0,
                recovered,
                open,
            },
        };
        run.load().await?;
        let (units, _) = run.dispatcher.counts();
        self.tell(CampaignEvent::Started { campaign: spec.id.clone(), units });
        let outcome = run.work().await;
        let outcome = run.end_live_calls().await.and(outcome);
        if let Err(error) = &outcome {
            self.tell(CampaignEvent::Stopped { why: error.to_string() });
        }
        run.counts.end = outcome?;
        run.counts.open = self.store.open_units(&spec.id).await?.len();
        self.tell(match &run.counts.end {
            RunEnd::Stopped { why } => CampaignEvent::Stopped { why: why.clone() },
            RunEnd::TrunkSick { last } => {
                CampaignEvent::Stopped { why: format!("our trunk is sick: {last}") }
            }
            RunEnd::Finished | RunEnd::DryRun => {
                CampaignEvent::Finished { campaign: spec.id.clone() }
            }
        });
        Ok(run.counts)
    }

    /// Everything that can be refused before the first call is refused before the first call.
    async fn check(
        &self,
        spec: &CampaignSpec,
    ) -> Result<BTreeMap<CenterId, Center>, ExecutorError> {
        if spec.profile != self.guard.profile() {
            let (wanted, guard) = (spec.profile, self.guard.profile());
            return Err(ExecutorError::WrongGuard { campaign: spec.id.to_string(), wanted, guard });
        }
        let today = korean_date(clock::wall());
        let centers = self.store.centers(&spec.id).await?;
        for center in &centers {
            self.guard.permit_center(center, today)?;
        }
        for unit in self.store.open_units(&spec.id).await? {
            let ProbeCall { scenario, center, .. } = unit.probe_call;
            if !self.settings.scenarios.contains_key(&scenario) {
                return Err(ExecutorError::NoScenario { scenario, center });
            }
        }
        Ok(centers.into_iter().map(|c| (c.id.clone(), c)).collect())
    }

    /// Ends the dialogs of an earlier process and aborts their attempts; their units are replaced when their campaign
    /// is loaded.
    async fn recover(&self, lock: &RunLock) -> Result<usize, ExecutorError> {
        let stale = self.store.stale_attempts(lock).await?;
        for attempt in &stale {
            let why = match self.ender.end(attempt).await {
                Ok(()) if attempt.invite.is_none() => {
                    "the program stopped before the INVITE left; there was no dialog to end"
                        .to_owned()
                }
                Ok(()) => "the program stopped during the call; its dialog was ended".to_owned(),
                Err(e) => format!(
                    "the program stopped during the call; its dialog could not be ended: {e}"
                ),
            };
            tracing::warn!(call = %attempt.call, unit = %attempt.unit, why, "recovered an attempt");
            self.store.abort_attempt(attempt.call, &why).await?;
        }
        Ok(stale.len())
    }

    fn tell(&self, event: CampaignEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }
}

type Called = Result<AttemptRecord, StoreError>;

/// One run.
struct Run<'a, C, D> {
    executor: &'a Executor<C, D>,
    spec: &'a CampaignSpec,
    lock: RunLock,
    centers: BTreeMap<CenterId, Center>,
    dispatcher: Dispatcher,
    calls: JoinSet<Called>,
    live: BTreeMap<Id, (ProbeCall, CallId)>,
    health: TrunkHealth,
    /// Which unit has a center's day.
    days: BTreeMap<(CenterId, Date), UnitId>,
    stop_calls: CancellationToken,
    counts: RunReport,
}

impl<C: Caller, D: DialogEnder> Run<'_, C, D> {
    /// Takes on the open units, each where its attempts so far leave it.
    async fn load(&mut self) -> Result<(), ExecutorError> {
        let store = &self.executor.store;
        for record in store.records(&self.spec.id).await? {
            let ProbeCall { unit, center, due, .. } = &record.probe_call;
            let attempts = record.attempts.iter().map(|a| korean_date(a.opened_at));
            for day in attempts.chain([korean_date(*due)]) {
                self.days.entry((center.clone(), day)).or_insert_with(|| unit.clone());
            }
        }
        for unit in store.open_units(&self.spec.id).await? {
            match unit.state {
                UnitState::Running => self.settle(unit.probe_call).await?,
                _ => self.take_on(unit.probe_call),
            }
        }
        Ok(())
    }

    fn take_on(&mut self, unit: ProbeCall) {
        let whole = self.executor.settings.what == WhatToRun::WholePlan;
        if whole || unit.due <= clock::wall() {
            let due = unit.due;
            self.dispatcher.add(unit, due);
        }
    }

    /// Dials until nothing is left or something says stop.
    async fn work(&mut self) -> Result<RunEnd, ExecutorError> {
        loop {
            if self.executor.stop.is_cancelled() {
                return Ok(RunEnd::Stopped { why: "stopped by the operator".to_owned() });
            }
            if let Some(file) = self.kill_switch() {
                let why =
                    format!("the kill switch `{}` is on; remove the file to go on", file.display());
                return Ok(RunEnd::Stopped { why });
            }
            let now = clock::wall();
            match self.dispatcher.next(now) {
                Decision::Dial(unit) => self.dial(*unit, now).await?,
                Decision::Drained => return Ok(RunEnd::Finished),
                Decision::WaitUntil(at) => {
                    let wait = Duration::try_from(at.0.duration_since(now.0)).unwrap_or_default();
                    if let Some(end) = self.wait(wait.min(LOOK_AROUND)).await? {
                        return Ok(end);
                    }
                }
                Decision::WaitForCall => {
                    if let Some(end) = self.wait(LOOK_AROUND).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    fn kill_switch(&self) -> Option<PathBuf> {
        self.executor.settings.kill_switch.clone().filter(|file| file.exists())
    }

    /// Waits for the end of a call, a stop, or `longest`.
    async fn wait(&mut self, longest: Duration) -> Result<Option<RunEnd>, ExecutorError> {
        let stop = self.executor.stop.clone();
        tokio::select! {
            Some(ended) = self.calls.join_next_with_id() => self.ended(ended).await,
            () = stop.cancelled() => Ok(None),
            () = tokio::time::sleep(longest) => Ok(None),
        }
    }

    /// Dials a unit, unless its window is over or the center has had its unit of the day.
    async fn dial(&mut self, unit: ProbeCall, now: WallTime) -> Result<(), ExecutorError> {
        let Some(center) = self.centers.get(&unit.center).cloned() else {
            let name = unit.center.to_string();
            return Err(StoreError::NotFound { what: "center", name }.into());
        };
        if let Some(why) = self.not_today(&unit, now) {
            self.dispatcher.ended(&unit.unit);
            return self.postpone(unit, now, why).await;
        }
        self.executor.guard.permit(&center, now)?;
        let ticket =
            self.executor.store.begin_attempt(&self.lock, self.attempt(&unit, &center, now)?);
        let ticket = ticket.await?;
        self.counts.attempts += 1;
        let call = ticket.call();
        self.executor.tell(CampaignEvent::AttemptBegan {
            unit: unit.unit.clone(),
            center: unit.center.clone(),
            number: ticket.number(),
            call,
        });
        let progress = CallProgress {
            unit: unit.unit.clone(),
            call,
            store: self.executor.store.clone(),
            events: self.executor.events.clone(),
            stop: self.stop_calls.clone(),
        };
        let (caller, store) = (Arc::clone(&self.executor.caller), self.executor.store.clone());
        let planned = unit.clone();
        let task = self.calls.spawn(async move {
            let CallResult { record, files } =
                caller.call(ticket, &planned, &center, progress).await;
            store.finish_attempt(&record, files.as_ref()).await.map(|()| record)
        });
        self.live.insert(task.id(), (unit, call));
        Ok(())
    }

    fn attempt(
        &self,
        unit: &ProbeCall,
        center: &Center,
        now: WallTime,
    ) -> Result<NewAttempt, ExecutorError> {
        let settings = &self.executor.settings;
        let hash = settings.scenarios.get(&unit.scenario).ok_or_else(|| {
            let (scenario, center) = (unit.scenario.clone(), unit.center.clone());
            ExecutorError::NoScenario { scenario, center }
        })?;
        Ok(NewAttempt {
            unit: unit.unit.clone(),
            opened_at: now,
            trunk: settings.trunk.to_string(),
            number: center.number.clone(),
            domain: settings.domain.clone(),
            provenance: Provenance {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                campaign: unit.campaign.clone(),
                center: unit.center.clone(),
                scenario: unit.scenario.clone(),
                scenario_hash: hash.clone(),
                simulated: self.spec.profile == Profile::Simulation,
            },
        })
    }

    /// Why a unit is not dialled today after all; claims the center's day for it otherwise.
    fn not_today(&mut self, unit: &ProbeCall, now: WallTime) -> Option<&'static str> {
        if self.spec.profile == Profile::Simulation {
            return None;
        }
        if window(unit, &self.spec.bands, now) == Window::Missed {
            return Some("its band was over before it could be dialled");
        }
        let key = (unit.center.clone(), korean_date(now));
        let holder = self.days.entry(key).or_insert_with(|| unit.unit.clone());
        (*holder != unit.unit).then_some("another unit had the center's day")
    }

    /// Moves a unit without attempts to another day; one with attempts has had its chances.
    async fn postpone(
        &mut self,
        unit: ProbeCall,
        now: WallTime,
        why: &'static str,
    ) -> Result<(), ExecutorError> {
        let store = &self.executor.store;
        if store.unit(&unit.unit).await?.state == UnitState::Running {
            return self.done(&unit).await;
        }
        let due = self.next_due(&unit, now);
        let moved = store.move_unit(&unit.unit, due, why).await?;
        tracing::info!(unit = %unit.unit, due = %due.0, why, "moved a unit");
        self.take_on(moved);
        Ok(())
    }

    /// Where a spoilt or missed unit goes: at once in a simulation.
    fn next_due(&mut self, unit: &ProbeCall, now: WallTime) -> WallTime {
        if self.spec.profile == Profile::Simulation {
            return now;
        }
        let taken = |day: Date| self.days.contains_key(&(unit.center.clone(), day));
        let after = now.max(unit.due);
        let due = next_date(unit, after, &self.executor.settings.calendar, taken);
        // Only a calendar that is closed for a year has no day; then it is looked at again in a year.
        let due = due.unwrap_or_else(|| later(after, Duration::from_hours(24 * 365)));
        self.days.insert((unit.center.clone(), korean_date(due)), unit.unit.clone());
        due
    }

    /// A call's task is over: its attempt is settled, however it went.
    async fn ended(
        &mut self,
        ended: Result<(Id, Called), JoinError>,
    ) -> Result<Option<RunEnd>, ExecutorError> {
        let (id, called) = match ended {
            Ok((id, Ok(record))) => (id, Ok(record)),
            Ok((id, Err(error))) => (id, Err(format!("its record could not be stored: {error}"))),
            Err(error) => (error.id(), Err(format!("its task failed: {error}"))),
        };
        let Some((unit, call)) = self.live.remove(&id) else {
            return Ok(None);
        };
        self.dispatcher.ended(&unit.unit);
        let record = match called {
            Ok(record) => record,
            Err(why) => {
                tracing::error!(%call, unit = %unit.unit, why, "an attempt was lost");
                self.abort(call, &why).await?
            }
        };
        self.executor.tell(CampaignEvent::AttemptEnded {
            unit: unit.unit.clone(),
            number: record.number,
            ending: record.ending.clone(),
            lasted: lasted(&record),
        });
        self.settle(unit).await?;
        let sick = self.health.is_sick_after(&record.ending) && !self.stop_calls.is_cancelled();
        let last =
            || format!("{} attempts in a row, the last: {}", TrunkHealth::SICK, say(&record));
        Ok(sick.then(|| RunEnd::TrunkSick { last: last() }))
    }

    /// Aborts an attempt whose task did not come back; if its record was stored just before, that one stands.
    async fn abort(&self, call: CallId, why: &str) -> Result<AttemptRecord, StoreError> {
        let store = &self.executor.store;
        match store.abort_attempt(call, why).await {
            Err(StoreError::NotFound { .. }) => store.attempt_record(call).await,
            aborted => aborted,
        }
    }

    /// What follows a unit's attempts so far.
    async fn settle(&mut self, unit: ProbeCall) -> Result<(), ExecutorError> {
        let attempts = self.executor.store.call_record(&unit.unit).await?.attempts;
        match after_all(&attempts, Guard::ATTEMPTS_PER_UNIT) {
            NextStep::Redial => {
                let spacing = self.executor.guard.spacing();
                let last = attempts.last().map(|a| later(a.opened_at, lasted(a)));
                let ready = last.map_or(unit.due, |end| later(end, spacing));
                if self.redial_fits(&unit, ready) {
                    let after = Duration::try_from(ready.0.duration_since(clock::wall().0));
                    self.executor.tell(CampaignEvent::WillRedial {
                        unit: unit.unit.clone(),
                        after: after.unwrap_or_default(),
                    });
                    self.dispatcher.add(unit, ready);
                    return Ok(());
                }
                self.done(&unit).await
            }
            NextStep::Replace { why } if replacements(&unit) < Guard::REPLACEMENTS => {
                self.replace(&unit, why).await
            }
            NextStep::Done | NextStep::Replace { .. } => self.done(&unit).await,
        }
    }

    /// A re-dial stays in the band and on the day of its unit.
    fn redial_fits(&self, unit: &ProbeCall, ready: WallTime) -> bool {
        let bands: &Bands = &self.spec.bands;
        self.spec.profile == Profile::Simulation || window(unit, bands, ready) == Window::Open
    }

    async fn done(&mut self, unit: &ProbeCall) -> Result<(), ExecutorError> {
        self.executor.store.mark_unit(&unit.unit, UnitState::Done).await?;
        self.counts.done += 1;
        self.executor.tell(CampaignEvent::UnitDone { unit: unit.unit.clone() });
        Ok(())
    }

    async fn replace(&mut self, unit: &ProbeCall, why: String) -> Result<(), ExecutorError> {
        let due = self.next_due(unit, clock::wall());
        let by = self.executor.store.replace_unit(&unit.unit, due, &why).await?;
        if let Some(holder) = self.days.get_mut(&(unit.center.clone(), korean_date(due))) {
            holder.clone_from(&by.unit);
        }
        self.counts.replaced += 1;
        let (unit, name) = (unit.unit.clone(), by.unit.clone());
        self.executor.tell(CampaignEvent::Replaced { unit, by: name, why });
        self.take_on(by);
        Ok(())
    }

    /// Ends what still runs: politely within the grace, then by dropping it.
    async fn end_live_calls(&mut self) -> Result<(), ExecutorError> {
        self.stop_calls.cancel();
        let patience = tokio::time::sleep(self.executor.settings.grace);
        tokio::pin!(patience);
        let mut outcome = Ok(());
        loop {
            let ended = tokio::select! {
                ended = self.calls.join_next_with_id() => ended,
                () = &mut patience, if !patience.is_elapsed() => {
                    self.calls.abort_all();
                    continue;
                }
            };
            let Some(ended) = ended else {
                return outcome;
            };
            // The others are settled even if one cannot be.
            if let Err(error) = self.ended(ended).await {
                outcome = Err(error);
            }
        }
    }
}
