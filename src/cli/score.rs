//! `callprobe list`, `score`, `report` and `rejudge`: stored campaigns.

use super::args::{
    CampaignArguments, GateArguments, ListArguments, ReportArguments, ScoreArguments,
};
use super::campaign::sheet_for;
use super::compose::{Sources, compose};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::rig::Models;
use super::{block_on, print, stage};
use crate::analysis::pipeline::{Judged, Pipeline};
use crate::campaign::CampaignSpec;
use crate::domain::ids::CampaignId;
use crate::report::model::CampaignReport;
use crate::report::{self, Style};
use crate::store::{Store, StoreError};
use std::path::Path;

/// Lists the campaigns of a store.
pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Failure> {
    block_on(async {
        let store = open(&arguments.store).await?;
        for campaign in store.campaigns().await.or_infrastructure()? {
            let units = store.units(&campaign.id).await.or_infrastructure()?;
            let open = store.open_units(&campaign.id).await.or_infrastructure()?.len();
            print::out(format!(
                "{:40} {} units, {open} open, created {}",
                campaign.id,
                units.len(),
                campaign.created.0
            ));
        }
        Ok(Exit::Done)
    })
}

/// Shows the score table.
pub(super) fn score(arguments: &ScoreArguments) -> Result<Exit, Failure> {
    let report = block_on(stored(&arguments.campaign))?;
    if arguments.json {
        print::out(report::json(&report).or_infrastructure()?);
    } else {
        print::out(report::terminal(&report, Style::of_stdout()));
    }
    Ok(gate(&report, &arguments.gates))
}

/// Writes the report.
pub(super) fn report(arguments: &ReportArguments) -> Result<Exit, Failure> {
    let report = block_on(stored(&arguments.campaign))?;
    if let Some(page) = &arguments.html {
        std::fs::write(page, report::html(&report)).or_infrastructure()?;
        print::note(format!("wrote {}", page.display()));
    }
    if arguments.json {
        print::out(report::json(&report).or_infrastructure()?);
    } else if arguments.html.is_none() {
        print::out(report::terminal(&report, Style::of_stdout()));
    }
    Ok(Exit::Done)
}

/// Hears and judges a campaign anew from what is stored.
pub(super) fn rejudge(arguments: &CampaignArguments) -> Result<Exit, Failure> {
    block_on(async {
        let models = Models::find(&arguments.models)?;
        let store = open(&arguments.store).await?;
        let spec = spec(&store, &arguments.campaign).await?;
        let before = Pipeline::recall(&store, &spec.id).await.or_infrastructure()?;
        let (sheet, profile) = sheet_for(simulated(&before))?;
        let pipeline =
            Pipeline::new(store.clone(), models.silero.clone(), None, sheet.clone(), profile);
        let judged = pipeline.conclude(&spec.id).await.or_infrastructure()?;
        let verdicts = |all: &[Judged]| {
            let rows = all.iter().flat_map(|j| j.judgments.iter());
            rows.map(|j| ((j.unit.clone(), j.item), j.verdict.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let (old, new) = (verdicts(&before), verdicts(&judged));
        let changed: Vec<_> = new.iter().filter(|(key, v)| old.get(*key) != Some(*v)).collect();
        for ((unit, item), verdict) in &changed {
            let was = old.get(&(unit.clone(), *item)).map_or("not judged", |v| v.word());
            print::out(format!("{unit} {item}: {was} -> {}", verdict.word()));
        }
        print::note(format!(
            "{} verdicts of {} calls derived again, {} changed; no call was made",
            new.len(),
            judged.len(),
            changed.len()
        ));
        Ok(Exit::Done)
    })
}

pub(super) async fn open(folder: &Path) -> Result<Store, Failure> {
    if !folder.join("callprobe.sqlite").exists() {
        return Err(Failure::say(
            format!("`{}` is no store of callprobe", folder.display()),
            "give the folder with --store; the demo's is demo/store",
        ));
    }
    Store::open(folder).await.or_infrastructure()
}

async fn spec(store: &Store, name: &str) -> Result<CampaignSpec, Failure> {
    let id = CampaignId::new(name).or_usage()?;
    let stored = store.campaign(&id).await.map_err(|error| match error {
        StoreError::NotFound { .. } => {
            let folder = store.folder().display();
            Failure::say(
                format!("store `{folder}` has no campaign `{id}`"),
                format!("`callprobe list --store {folder}` names those it has"),
            )
        }
        other => Failure::infrastructure(other),
    })?;
    serde_json::from_value(stored.spec).or_infrastructure()
}

async fn stored(arguments: &CampaignArguments) -> Result<CampaignReport, Failure> {
    let store = open(&arguments.store).await?;
    let spec = spec(&store, &arguments.campaign).await?;
    let judged = Pipeline::recall(&store, &spec.id).await.or_infrastructure()?;
    let (sheet, _) = sheet_for(simulated(&judged))?;
    let mut notices = Vec::new();
    if simulated(&judged) {
        notices.push(stage::SIMULATED_SHEET.to_owned());
    }
    compose(Sources {
        store: &store,
        campaign: &spec.id,
        sheet: &sheet,
        judged: &judged,
        truth: None,
        notices,
        provenance: provenance(&spec),
    })
    .await
}

/// Whether the far ends were simulated centers, as the records say.
fn simulated(judged: &[Judged]) -> bool {
    let mut attempts = judged.iter().flat_map(|j| &j.record.attempts).peekable();
    attempts.peek().is_some() && attempts.all(|attempt| attempt.provenance.simulated)
}

/// What a report says of its making.
pub(super) fn provenance(spec: &CampaignSpec) -> Vec<(String, String)> {
    vec![
        ("program".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("seed".to_owned(), spec.seed.to_string()),
        ("denominator".to_owned(), "judged opportunities; bounds over all".to_owned()),
    ]
}

/// The exit code that `--min-coverage` and `--fail-below` ask for.
pub(super) fn gate(report: &CampaignReport, gates: &GateArguments) -> Exit {
    let scores = || report.centers.iter().map(|center| &center.score);
    if let Some(floor) = gates.min_coverage
        && scores().any(|s| s.coverage.is_none_or(|c| c.as_f64() < floor))
    {
        return Exit::Coverage;
    }
    if let Some(limit) = gates.fail_below
        && scores().any(|s| s.index.is_some_and(|index| index.as_f64() < limit))
    {
        return Exit::Below;
    }
    Exit::Done
}
