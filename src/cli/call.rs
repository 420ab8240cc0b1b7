//! `callprobe call`: one number, one scenario, the same ledger and the same guard as a campaign.

use super::args::CallArguments;
use super::campaign::{guard_of, line_config, sheet_for};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::rig::{self, Ender, Line, Models};
use super::workup::WorkUp;
use super::{block_on, files, print, prompts, stage};
use crate::analysis::pipeline::{Judged, Pipeline};
use crate::campaign::dispatcher::Limits;
use crate::campaign::spec::DryRun;
use crate::campaign::{
    Calendar, CampaignSpec, Executor, ExecutorSettings, Profile as CampaignProfile, WhatToRun,
};
use crate::clock;
use crate::config::Config;
use crate::domain::facts::AgentWait;
use crate::domain::ids::{CampaignId, CenterId, ScenarioId, UnitId};
use crate::domain::number::DialString;
use crate::domain::plan::{Center, Mandate, ProbeCall};
use crate::store::{Store, StoredCampaign};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Refuses, dials, and says what happened.
pub(super) fn run(arguments: &CallArguments) -> Result<Exit, Failure> {
    let number = DialString::new(&arguments.number).or_usage()?;
    let config = Config::load(arguments.config.config.as_deref()).map_err(Failure::usage)?;
    if !config.guard.allow.contains(&number) {
        return Err(Failure::say(
            format!("number {} is not on the allow-list, so it is not dialled", number.masked()),
            "write it into `[guard] allow` of the configuration, once its owner agreed to be called",
        ));
    }
    block_on(place(arguments, number, &config))
}

async fn place(
    arguments: &CallArguments,
    number: DialString,
    config: &Config,
) -> Result<Exit, Failure> {
    let loopback = config.trunk.target.ip().is_loopback();
    let profile = if loopback { CampaignProfile::Simulation } else { CampaignProfile::Survey };
    let guard = guard_of(config, profile)?;
    if let Some(notice) = guard.notice() {
        print::note(format!("note: {notice}"));
    }
    let loaded = files::load_scenario(&arguments.scenario)?;
    let id = loaded.scenario.id.clone();
    let language = loaded.scenario.language;
    let models = Models::find(&config.models)?;
    let store = Store::open(&config.store).await.or_infrastructure()?;
    let center = center_of(&store, &number).await?;
    let spec = spec(arguments, (center, number), &id, profile)?;
    let scenarios = BTreeMap::from([(id.clone(), loaded.hash.clone())]);
    // A loopback trunk may lead to a real exchange: only the demo's centers are called simulated.
    let libraries = prompts::libraries(&store, &spec.centers).await?;
    let loaded = BTreeMap::from([(id.clone(), loaded)]);
    let line = Line::open(line_config(config)?, loaded, libraries, false).await?;
    let (sheet, gates) = sheet_for(false)?;
    let pipeline = Pipeline::new(
        store.clone(),
        Arc::clone(&models.silero),
        Some(models.transcriber(rig::workers()).await?),
        sheet,
        gates,
    );
    let settings = ExecutorSettings {
        trunk: config.trunk.target,
        domain: config.trunk.domain.clone(),
        limits: Limits { concurrent: 1, per_center: 1, between_calls: config.limits.between_calls },
        what: WhatToRun::WholePlan,
        grace: config.limits.grace,
        kill_switch: Some(config.guard.kill_switch.clone()),
        scenarios,
        calendar: Calendar::korean().or_infrastructure()?,
    };
    // Only what can be dialled comes into the store.
    add_unit(&store, &spec, &id).await?;
    let ender = Ender(line.endpoint.clone());
    let stop = stage::stop_on_signal();
    let executor = Executor::new(store.clone(), guard, settings, line.clone(), ender, stop);
    let languages = BTreeMap::from([(id, language)]);
    let work = WorkUp::start(pipeline.clone(), executor.events(), languages, &store);
    let run = executor.run(&spec).await;
    drop(executor);
    work.finish().await;
    line.endpoint.shutdown().await;
    let run = run.map_err(stage::run_failure)?;
    if let Some(end) = stage::said_of(&run.end) {
        print::note(end);
    }
    let judged = pipeline.conclude(&spec.id).await.or_infrastructure()?;
    for unit in &judged {
        if arguments.json {
            print::out(serde_json::to_string_pretty(&unit.record).or_infrastructure()?);
        } else {
            tell(unit);
        }
    }
    print::note(format!(
        "stored as campaign {id} in {store}; the report: callprobe report {id} --store {store}",
        id = spec.id,
        store = config.store.display(),
    ));
    Ok(stage::exit_of(&run.end))
}

/// Calls by hand were once all kept under this name, whatever the number.
const ANY_NUMBER: &str = "called-by-hand";

/// The center behind a number: the one that a stored campaign calls under it, or one named for the number, so that
/// what its calls play is learned for it alone. The name does not show the number.
async fn center_of(store: &Store, number: &DialString) -> Result<CenterId, Failure> {
    for campaign in store.campaigns().await.or_infrastructure()? {
        let centers = store.centers(&campaign.id).await.or_infrastructure()?;
        let known =
            centers.into_iter().find(|c| c.number == *number && c.id.as_str() != ANY_NUMBER);
        if let Some(center) = known {
            return Ok(center.id);
        }
    }
    CenterId::new(format!("by-hand-{}", files::hash_of(number.as_str()).short())).or_usage()
}

/// A campaign of one call.
fn spec(
    arguments: &CallArguments,
    (center, number): (CenterId, DialString),
    scenario: &ScenarioId,
    profile: CampaignProfile,
) -> Result<CampaignSpec, Failure> {
    let now = clock::wall();
    let mandate = arguments
        .mandate
        .clone()
        .map(|by| Mandate { by, until: crate::campaign::calendar::korean_date(now) });
    Ok(CampaignSpec {
        id: CampaignId::new(format!("call-{}", now.0.strftime("%Y%m%d-%H%M%S"))).or_usage()?,
        profile,
        dry_run: DryRun::No,
        seed: 0,
        calls: 1,
        first_quarter: None,
        quarters: 1,
        bands: crate::campaign::pacing::Bands::default(),
        closed: Vec::new(),
        sheet: None,
        scenario: Some(scenario.clone()),
        scenarios: BTreeMap::new(),
        centers: vec![Center {
            id: center,
            name: number.masked(),
            english: None,
            aliases: Vec::new(),
            industry: None,
            number,
            agents: Vec::new(),
            mandate,
        }],
    })
}

/// Puts the campaign and its one unit, due now, into the store.
async fn add_unit(
    store: &Store,
    spec: &CampaignSpec,
    scenario: &ScenarioId,
) -> Result<(), Failure> {
    let now = clock::wall();
    let campaign = StoredCampaign {
        id: spec.id.clone(),
        spec: serde_json::to_value(spec).or_infrastructure()?,
        seed: spec.seed,
        created: now,
    };
    store.create_campaign(&campaign, &spec.centers).await.or_infrastructure()?;
    let units = spec.centers.iter().map(|center| {
        Ok(ProbeCall {
            unit: UnitId::new(format!("{}.01", spec.id)).or_usage()?,
            campaign: spec.id.clone(),
            center: center.id.clone(),
            scenario: scenario.clone(),
            cell: None,
            due: now,
            replaces: None,
        })
    });
    let units: Vec<ProbeCall> = units.collect::<Result<_, Failure>>()?;
    store.add_units(&units).await.or_infrastructure()
}

/// One call in plain words.
fn tell(judged: &Judged) {
    for attempt in &judged.facts.attempts {
        let wait = match &attempt.wait {
            AgentWait::NotRequested => "no agent was requested".to_owned(),
            AgentWait::Connected { requested, onset, .. } => {
                format!(
                    "an agent spoke {:.1} s after the request",
                    (*onset - *requested).as_secs_f64()
                )
            }
            AgentWait::NeverConnected { waited, .. } => {
                format!("no agent spoke in {:.1} s", waited.as_secs_f64())
            }
        };
        print::out(format!("attempt {}: {}; {wait}", attempt.number, attempt.outcome.label()));
    }
    for judgment in &judged.judgments {
        print::out(format!(
            "  {} {:10} {}",
            judgment.item,
            judgment.verdict.word(),
            judgment.because
        ));
    }
}
