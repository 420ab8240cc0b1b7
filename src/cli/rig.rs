//! The rig: user agent, media thread, speech models and scenarios, wired for calls.

use super::failure::{Failure, OrFail as _};
use super::files::LoadedScenario;
use super::prompts::Libraries;
use crate::call::driver::{CallSetup, FinishedCall, Observer, dial};
use crate::campaign::{CallProgress, CallResult, Caller, DialogEnder, EndFailure};
use crate::clock;
use crate::domain::event::CallPhase;
use crate::domain::ids::{CenterId, ScenarioId};
use crate::domain::ledger::AttemptTicket;
use crate::domain::plan::{Center, ProbeCall};
use crate::domain::record::{AttemptRecord, CallEnding, Provenance, RecordVersion};
use crate::domain::time::CallTime;
use crate::domain::timeline::Timeline;
use crate::hearing::{Library, Silero};
use crate::media::driver::{MediaConfig, MediaEngine};
use crate::sip::{Endpoint, EndpointConfig, InviteName, StaleDialog, StoredDialog};
use crate::store::{NotedInvite, RecordingFiles, StaleAttempt};
use crate::transcription::{
    DEFAULT_MODEL, ModelStore, Transcriber, TranscriberConfig, VOICE_DETECTOR,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The speech models of this machine.
pub(super) struct Models {
    model: PathBuf,
    vad: PathBuf,
    pub(super) silero: Arc<Silero>,
}

impl Models {
    /// Finds and loads them; a missing one is named with the command that fetches it.
    pub(super) fn find(folder: &Path) -> Result<Self, Failure> {
        let store = ModelStore::new(folder);
        let model = store.path(DEFAULT_MODEL).or_infrastructure()?;
        let vad = store.path(VOICE_DETECTOR).or_infrastructure()?;
        Ok(Self { model, vad, silero: voice_detector(folder)? })
    }

    /// Starts worker processes of this program.
    pub(super) async fn transcriber(&self, workers: usize) -> Result<Transcriber, Failure> {
        let program = std::env::current_exe().or_infrastructure()?;
        let config = TranscriberConfig {
            workers,
            model: self.model.clone(),
            vad: self.vad.clone(),
            program,
        };
        Transcriber::start(config).await.or_infrastructure()
    }
}

/// Finds and loads the voice detector alone; where it is missing the command that fetches it is named.
pub(super) fn voice_detector(folder: &Path) -> Result<Arc<Silero>, Failure> {
    let path = ModelStore::new(folder).path(VOICE_DETECTOR).or_infrastructure()?;
    let bytes = std::fs::read(path).or_infrastructure()?;
    Ok(Arc::new(Silero::from_bytes(&bytes).or_infrastructure()?))
}

/// How many calls may be read at a time: one a core.
pub(super) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// What the line is made of.
pub(super) struct LineConfig {
    /// Our SIP socket.
    pub(super) bind: SocketAddr,
    /// Address of our media sockets.
    pub(super) media: IpAddr,
    /// Address that our offers name, if another.
    pub(super) advertise: Option<IpAddr>,
    /// Ports of our media.
    pub(super) ports: RangeInclusive<u16>,
    /// Who we say we are.
    pub(super) user: String,
    /// Display name of that.
    pub(super) display: Option<String>,
    /// Credentials for the trunk.
    pub(super) credentials: Vec<crate::sip::Credentials>,
    /// Where INVITEs go.
    pub(super) trunk: SocketAddr,
    /// Domain of request URIs.
    pub(super) domain: String,
    /// Folder for recordings in the making; `None` without a recording basis.
    pub(super) recordings: Option<PathBuf>,
}

/// Carries calls out over one line.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) endpoint: Endpoint,
    media: MediaEngine,
    config: Arc<LineConfig>,
    /// Address that our offers name.
    media_address: IpAddr,
    scenarios: Arc<BTreeMap<ScenarioId, LoadedScenario>>,
    libraries: Arc<Libraries>,
    program: Arc<ProgramFacts>,
}

/// What records say of their making beside the unit's own names.
struct ProgramFacts {
    simulated: bool,
}

impl Line {
    /// Opens the line: binds the SIP socket and starts the media thread. Calls hear with their center's library.
    pub(super) async fn open(
        config: LineConfig,
        scenarios: BTreeMap<ScenarioId, LoadedScenario>,
        libraries: Libraries,
        simulated: bool,
    ) -> Result<Self, Failure> {
        let endpoint_config = EndpointConfig {
            bind: config.bind,
            advertise: config.advertise,
            user_agent: concat!("callprobe/", env!("CARGO_PKG_VERSION")).to_owned(),
            user: config.user.clone(),
            display: config.display.clone(),
            credentials: config.credentials.clone(),
            timers: crate::sip::TimerSettings::default(),
        };
        // We place calls; whoever calls us is told that nobody is here.
        let (endpoint, mut incoming) = Endpoint::bind(endpoint_config).await.map_err(|error| {
            Failure::of_host(
                error,
                "`[trunk] bind` of the configuration names the socket; with port 0 any free one is taken",
            )
        })?;
        tokio::spawn(async move {
            while let Some(call) = incoming.recv().await {
                call.leg.reject(480, "Temporarily Unavailable", None);
            }
        });
        let media = MediaConfig { bind: config.media, ports: config.ports.clone() };
        let media = MediaEngine::start(media).or_infrastructure()?;
        if let Some(folder) = &config.recordings {
            std::fs::create_dir_all(folder).or_infrastructure()?;
        }
        let named = config.advertise.unwrap_or(config.media);
        let media_address = if named.is_unspecified() { endpoint.advertised().ip() } else { named };
        Ok(Self {
            endpoint,
            media,
            media_address,
            config: Arc::new(config),
            scenarios: Arc::new(scenarios),
            libraries: Arc::new(libraries),
            program: Arc::new(ProgramFacts { simulated }),
        })
    }

    /// The recordings of a center that were known when the line was opened.
    fn library(&self, center: &CenterId) -> Arc<Library> {
        self.libraries.get(center).cloned().unwrap_or_else(|| Arc::new(Library::empty()))
    }

    fn setup(
        &self,
        ticket: &AttemptTicket,
        unit: &ProbeCall,
        center: &Center,
        invite: InviteName,
    ) -> Option<CallSetup> {
        let loaded = self.scenarios.get(&unit.scenario)?;
        Some(CallSetup {
            endpoint: self.endpoint.clone(),
            media: self.media.clone(),
            trunk: self.config.trunk,
            domain: self.config.domain.clone(),
            number: center.number.as_str().to_owned(),
            invite,
            media_address: self.media_address,
            scenario: Arc::clone(&loaded.scenario),
            lines: loaded.lines.clone(),
            library: self.library(&unit.center),
            record_to: self.config.recordings.as_ref().map(|f| f.join(ticket.call().to_string())),
            provenance: Provenance {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                campaign: unit.campaign.clone(),
                center: unit.center.clone(),
                scenario: unit.scenario.clone(),
                scenario_hash: loaded.hash.clone(),
                simulated: self.program.simulated,
            },
        })
    }
}

impl Caller for Line {
    async fn call(
        &self,
        ticket: AttemptTicket,
        unit: &ProbeCall,
        center: &Center,
        progress: CallProgress,
    ) -> CallResult {
        let unprepared = |why| CallResult {
            record: unprepared(&ticket, unit, self.program.simulated, why),
            files: None,
        };
        // On the disk before the INVITE leaves: wherever this process may die, the next one can end the call.
        let invite = self.endpoint.name_invite();
        let noted = progress.invite_sent(&invite.branch, &invite.from_tag).await;
        if let Err(error) = noted {
            return unprepared(format!("its INVITE could not be noted: {error}"));
        }
        let noted = invite.branch.clone();
        let Some(setup) = self.setup(&ticket, unit, center, invite) else {
            return unprepared(format!("scenario `{}` was not read", unit.scenario));
        };
        let stop = progress.stopping().clone();
        let mut observer = Watch { progress, noted };
        let FinishedCall { record, files } = dial(ticket, setup, &mut observer, stop).await;
        let files = files.map(|(wav, sidecar)| RecordingFiles { wav, sidecar });
        CallResult { record, files }
    }
}

/// A call that could not even be begun: our own fault.
fn unprepared(
    ticket: &AttemptTicket,
    unit: &ProbeCall,
    simulated: bool,
    why: String,
) -> AttemptRecord {
    AttemptRecord {
        version: RecordVersion::CURRENT,
        unit: ticket.unit().clone(),
        number: ticket.number(),
        call: ticket.call(),
        opened_at: clock::wall(),
        sip_call_id: ticket.sip_call_id().to_owned(),
        ending: CallEnding::Aborted { why },
        timeline: Timeline::default(),
        recording: None,
        line_quality: None,
        provenance: Provenance {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            campaign: unit.campaign.clone(),
            center: unit.center.clone(),
            scenario: unit.scenario.clone(),
            scenario_hash: super::files::hash_of(""),
            simulated,
        },
    }
}

/// Tells the store and the views how far a call has come, without making the call wait.
struct Watch {
    progress: CallProgress,
    /// Branch of the INVITE that is in the ledger.
    noted: String,
}

impl Observer for Watch {
    fn phase(&mut self, phase: CallPhase, at: CallTime) {
        self.progress.phase(phase, at);
    }

    fn invite_sent(&mut self, branch: &str, from_tag: &str) {
        if branch == self.noted {
            return;
        }
        // The answer to a challenge; until it is noted, it is found by the branch of the first.
        branch.clone_into(&mut self.noted);
        let (progress, branch, from_tag) =
            (self.progress.clone(), branch.to_owned(), from_tag.to_owned());
        tokio::spawn(async move {
            if let Err(error) = progress.invite_sent(&branch, &from_tag).await {
                tracing::warn!(%error, "an INVITE could not be noted");
            }
        });
    }

    fn dialog_stands(&mut self, dialog: &StoredDialog) {
        let progress = self.progress.clone();
        let Ok(dialog) = serde_json::to_value(dialog) else { return };
        tokio::spawn(async move {
            if let Err(error) = progress.dialog(&dialog).await {
                tracing::warn!(%error, "a dialog could not be noted");
            }
        });
    }
}

/// Ends dialogs that an earlier process left.
pub(super) struct Ender(pub(super) Endpoint);

impl DialogEnder for Ender {
    async fn end(&self, stale: &StaleAttempt) -> Result<(), EndFailure> {
        let fail = |why: String| EndFailure { why };
        let Some(NotedInvite { branch, from_tag }) = stale.invite.clone() else {
            // Every INVITE is noted before it leaves: there is nothing to end.
            return Ok(());
        };
        let target = stale
            .trunk
            .parse()
            .map_err(|_| fail(format!("`{}` is no socket address", stale.trunk)))?;
        let dialog = stale.dialog.clone().map(serde_json::from_value).transpose();
        let dialog = dialog.map_err(|e| fail(format!("the stored dialog cannot be read: {e}")))?;
        let stale = StaleDialog {
            target,
            number: stale.dialled.as_str().to_owned(),
            domain: stale.domain.clone(),
            sip_call_id: stale.sip_call_id.clone(),
            from_tag,
            branch,
            dialog,
        };
        self.0.end_stale(stale).await.map_err(|e| fail(e.to_string()))
    }
}
