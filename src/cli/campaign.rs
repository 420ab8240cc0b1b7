//! `callprobe plan` and `callprobe run`: campaigns of a file.

use super::args::{PlanArguments, RunArguments};
use super::compose::{Sources, compose};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::rig::{self, Ender, Line, LineConfig, Models};
use super::workup::WorkUp;
use super::{block_on, files, print, prompts, score, stage, workup};
use crate::analysis::pipeline::Pipeline;
use crate::campaign::dispatcher::Limits;
use crate::campaign::guard::{GovernmentLines, GuardSettings};
use crate::campaign::spec::DryRun;
use crate::campaign::{
    Calendar, CampaignSpec, Executor, ExecutorSettings, Guard, Profile as CampaignProfile,
    WhatToRun, plan as plan_units,
};
use crate::clock;
use crate::config::Config;
use crate::judgment::{Profile, Sheet};
use crate::report::{self, Style};
use crate::sip::{Credentials, Password};
use crate::store::{Store, StoreError};
use crate::yaml;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Reads a campaign file.
pub(super) fn read(path: &Path) -> Result<CampaignSpec, Failure> {
    let text = files::read(path)?;
    let spec: CampaignSpec =
        yaml::parse(&path.display().to_string(), &text).map_err(Failure::usage)?;
    spec.check().or_usage()?;
    Ok(spec)
}

/// Shows what a campaign would call.
pub(super) fn plan(arguments: &PlanArguments) -> Result<Exit, Failure> {
    let spec = read(&arguments.campaign)?;
    let calendar = Calendar::korean().or_infrastructure()?.with_closed(spec.closed.iter().copied());
    let planned = plan_units(&spec, &calendar, clock::wall()).or_usage()?;
    if arguments.json {
        print::out(serde_json::to_string_pretty(&planned.units).or_infrastructure()?);
        return Ok(Exit::Done);
    }
    print::out(format!("{} calls to {} centers", planned.units.len(), spec.centers.len()));
    for unit in &planned.units {
        let due = unit.due.0.strftime("%Y-%m-%d %H:%M:%S UTC");
        let cell = unit
            .cell
            .map_or(String::new(), |c| format!("  {:?} {:?} {:?}", c.quarter, c.weekday, c.band));
        print::out(format!("{due}  {:40} {}{cell}", unit.unit, unit.scenario));
    }
    for moved in &planned.moved {
        print::out(format!("moved {}: {} to {}, {}", moved.unit, moved.from, moved.to, moved.why));
    }
    Ok(Exit::Done)
}

/// Runs the due calls of a campaign.
pub(super) fn run(arguments: &RunArguments) -> Result<Exit, Failure> {
    let mut spec = read(&arguments.campaign)?;
    spec.dry_run = if arguments.live { DryRun::No } else { DryRun::Yes };
    let config = Config::load(arguments.config.config.as_deref()).map_err(Failure::usage)?;
    block_on(run_campaign(arguments, spec, config))
}

async fn run_campaign(
    arguments: &RunArguments,
    spec: CampaignSpec,
    config: Config,
) -> Result<Exit, Failure> {
    let folder = arguments.campaign.parent().unwrap_or(Path::new("."));
    let scenarios = stage::scenarios_of(&spec, folder)?;
    let simulated = spec.profile == CampaignProfile::Simulation;
    let guard = guard_of(&config, spec.profile)?;
    let mut notices: Vec<String> = guard.notice().into_iter().collect();
    let models = Models::find(&config.models)?;
    let store = Store::open(&config.store).await.or_infrastructure()?;
    match store.campaign(&spec.id).await {
        Ok(stored) => same_plan(&spec, stored.spec)?,
        Err(StoreError::NotFound { .. }) => stage::add_campaign(&store, &spec).await?,
        Err(error) => return Err(Failure::infrastructure(error)),
    }
    let (sheet, profile) = sheet_for(simulated)?;
    if simulated {
        notices.push(stage::SIMULATED_SHEET.to_owned());
    }
    for notice in &notices {
        print::note(format!("note: {notice}"));
    }
    let transcriber = models.transcriber(rig::workers()).await?;
    let pipeline = Pipeline::new(
        store.clone(),
        Arc::clone(&models.silero),
        Some(transcriber),
        Arc::clone(&sheet),
        profile,
    );
    let languages: BTreeMap<_, _> =
        scenarios.iter().map(|(id, s)| (id.clone(), s.scenario.language)).collect();
    let settings = ExecutorSettings {
        trunk: config.trunk.target,
        domain: config.trunk.domain.clone(),
        limits: Limits {
            concurrent: config.limits.concurrent,
            per_center: if simulated { config.limits.concurrent } else { 1 },
            between_calls: config.limits.between_calls,
        },
        what: WhatToRun::DueNow,
        grace: config.limits.grace,
        kill_switch: Some(config.guard.kill_switch.clone()),
        scenarios: scenarios.iter().map(|(id, s)| (id.clone(), s.hash.clone())).collect(),
        calendar: Calendar::korean().or_infrastructure()?.with_closed(spec.closed.iter().copied()),
    };
    let libraries = prompts::libraries(&store, &spec.centers).await?;
    let line = Line::open(line_config(&config)?, scenarios, libraries, simulated).await?;
    let ender = Ender(line.endpoint.clone());
    let executor =
        Executor::new(store.clone(), guard, settings, line.clone(), ender, stage::stop_on_signal());
    let work = WorkUp::start(pipeline.clone(), executor.events(), languages.clone(), &store);
    let run = executor.run(&spec).await;
    drop(executor);
    work.finish().await;
    line.endpoint.shutdown().await;
    let run = run.map_err(stage::run_failure)?;
    notices.extend(stage::said_of(&run.end));
    workup::catch_up(&pipeline, &spec.id, &languages, &store).await?;
    let judged = pipeline.conclude(&spec.id).await.or_infrastructure()?;
    let report = compose(Sources {
        store: &store,
        campaign: &spec.id,
        sheet: &sheet,
        judged: &judged,
        truth: None,
        notices,
        provenance: score::provenance(&spec),
    })
    .await?;
    if arguments.json {
        print::out(report::json(&report).or_infrastructure()?);
    } else {
        print::out(report::terminal(&report, Style::of_stdout()));
    }
    Ok(match stage::exit_of(&run.end) {
        Exit::Done => score::gate(&report, &arguments.gates),
        failed => failed,
    })
}

/// A plan in the store is carried out as it stands: an edited file is another campaign.
fn same_plan(spec: &CampaignSpec, stored: serde_json::Value) -> Result<(), Failure> {
    let mut planned: CampaignSpec = serde_json::from_value(stored).or_infrastructure()?;
    planned.dry_run = spec.dry_run;
    if planned == *spec {
        return Ok(());
    }
    Err(Failure::say(
        format!("campaign `{}` was planned from another file than this one", spec.id),
        "give the changed campaign a new `id`, or change the file back",
    ))
}

/// The sheet and its gates for a campaign.
pub(super) fn sheet_for(simulated: bool) -> Result<(Arc<Sheet>, Profile), Failure> {
    let sheet = Arc::new(Sheet::ksqi16().map_err(Failure::usage)?);
    Ok((sheet, if simulated { Profile::Simulated } else { Profile::Default }))
}

/// The guard that a configuration sets up.
pub(super) fn guard_of(config: &Config, profile: CampaignProfile) -> Result<Guard, Failure> {
    let government = if config.guard.government_lines {
        GovernmentLines::Agreed
    } else {
        GovernmentLines::Refused
    };
    Guard::new(&GuardSettings {
        profile,
        trunk: config.trunk.target,
        allow: config.guard.allow.clone(),
        government,
    })
    .or_usage()
}

/// The line that a configuration describes.
pub(super) fn line_config(config: &Config) -> Result<LineConfig, Failure> {
    let media = config.media.advertise.unwrap_or(config.media.bind);
    if media.is_loopback() && !config.trunk.target.ip().is_loopback() {
        return Err(Failure::say(
            format!("our offers would name {media}, where no far end can send audio"),
            "set `[media] bind = \"0.0.0.0\"`, and `advertise` if the trunk sees another address",
        ));
    }
    let password = config.trunk.password.as_ref().map(|secret| secret.expose().clone());
    Ok(LineConfig {
        bind: config.trunk.bind,
        media: config.media.bind,
        advertise: config.media.advertise,
        ports: config.media.ports.clone(),
        user: config.trunk.user.clone(),
        display: config.trunk.display.clone(),
        credentials: password
            .map(|password| Credentials {
                realm: config.trunk.realm.clone(),
                user: config.trunk.user.clone(),
                password: Password::new(password),
            })
            .into_iter()
            .collect(),
        trunk: config.trunk.target,
        domain: config.trunk.domain.clone(),
        recordings: config.recording.allows_audio().then(|| config.store.join("recording")),
    })
}
