//! Works recordings up while a campaign goes on, and shows its progress: the one listener of a run's events.

use super::failure::{Failure, OrFail as _};
use super::print;
use crate::analysis::pipeline::Pipeline;
use crate::domain::event::CampaignEvent;
use crate::domain::ids::{AttemptNumber, CallId, CampaignId, ScenarioId, UnitId};
use crate::domain::transcript::Language;
use crate::report::Progress;
use crate::store::Store;
use std::collections::BTreeMap;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::task::{JoinHandle, JoinSet};

/// The listener's task.
pub(super) struct WorkUp(JoinHandle<()>);

impl WorkUp {
    /// Listens until the run's last event.
    pub(super) fn start(
        pipeline: Pipeline,
        events: Receiver<CampaignEvent>,
        languages: BTreeMap<ScenarioId, Language>,
        store: &Store,
    ) -> Self {
        let listener = Listener {
            pipeline,
            languages,
            store: store.clone(),
            calls: BTreeMap::new(),
            work: JoinSet::new(),
        };
        Self(tokio::spawn(listener.listen(events)))
    }

    /// Waits until the run is over and every recording was prepared.
    pub(super) async fn finish(self) {
        let _ = self.0.await;
    }
}

/// Prepares the recordings that an earlier run ended before it could, and those that failed.
pub(super) async fn catch_up(
    pipeline: &Pipeline,
    campaign: &CampaignId,
    languages: &BTreeMap<ScenarioId, Language>,
    store: &Store,
) -> Result<(), Failure> {
    let calls = pipeline.unprepared(campaign).await.or_infrastructure()?;
    if calls.is_empty() {
        return Ok(());
    }
    print::note(format!("   reading {} recordings that were left unread", calls.len()));
    let mut work = JoinSet::new();
    for call in calls {
        work.spawn(prepare(pipeline.clone(), store.clone(), call, languages.clone()));
    }
    while work.join_next().await.is_some() {}
    Ok(())
}

struct Listener {
    pipeline: Pipeline,
    languages: BTreeMap<ScenarioId, Language>,
    store: Store,
    calls: BTreeMap<(UnitId, AttemptNumber), CallId>,
    work: JoinSet<()>,
}

impl Listener {
    async fn listen(mut self, mut events: Receiver<CampaignEvent>) {
        let mut progress = Progress::of_stderr();
        loop {
            match events.recv().await {
                Ok(event) => {
                    progress.handle(&event);
                    let last = matches!(
                        event,
                        CampaignEvent::Finished { .. } | CampaignEvent::Stopped { .. }
                    );
                    self.follow(event);
                    if last {
                        break;
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    progress.note(&format!("{missed} events were not shown: this machine is busy"));
                }
                Err(RecvError::Closed) => break,
            }
        }
        drop(progress);
        while self.work.try_join_next().is_some() {}
        if !self.work.is_empty() {
            print::note(format!("   reading the last {} recordings", self.work.len()));
        }
        while self.work.join_next().await.is_some() {}
    }

    fn follow(&mut self, event: CampaignEvent) {
        match event {
            CampaignEvent::AttemptBegan { unit, number, call, .. } => {
                self.calls.insert((unit, number), call);
            }
            CampaignEvent::AttemptEnded { unit, number, .. } => {
                if let Some(call) = self.calls.remove(&(unit, number)) {
                    self.work.spawn(prepare(
                        self.pipeline.clone(),
                        self.store.clone(),
                        call,
                        self.languages.clone(),
                    ));
                }
            }
            _ => {}
        }
    }
}

async fn prepare(
    pipeline: Pipeline,
    store: Store,
    call: CallId,
    languages: BTreeMap<ScenarioId, Language>,
) {
    let language = match store.attempt_record(call).await {
        Ok(record) => languages.get(&record.provenance.scenario).copied().unwrap_or_default(),
        Err(_) => Language::default(),
    };
    // What fails here is told, and made up for by the next run.
    if let Err(error) = pipeline.prepare(call, language).await {
        tracing::error!(%call, %error, "a recording could not be worked up");
    }
}
