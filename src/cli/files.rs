//! Files of the user: scenarios with their recorded lines, and `callprobe lint` for all forms.

use super::args::LintArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::{campaign, print, transcribe};
use crate::domain::ids::ContentHash;
use crate::judgment::Sheet;
use crate::scenario::Scenario;
use crate::simulator;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Samples per second of telephone audio.
const TELEPHONE_RATE: u32 = 8000;

/// A scenario, ready to be carried out.
#[derive(Debug, Clone)]
pub(super) struct LoadedScenario {
    pub(super) scenario: Arc<Scenario>,
    /// Samples of its lines, in its order.
    pub(super) lines: Vec<Arc<[i16]>>,
    /// SHA-256 of the file.
    pub(super) hash: ContentHash,
}

/// Reads a text file of the user.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::say(
            format!("`{}` cannot be read: {error}", path.display()),
            "give the path of a file that exists, or run this from the project's folder",
        )
    })
}

/// SHA-256 of a text.
pub(super) fn hash_of(text: &str) -> ContentHash {
    ContentHash::from_bytes(&Sha256::digest(text.as_bytes()).into())
}

/// Reads a scenario and the WAV files it names.
pub(super) fn load_scenario(path: &Path) -> Result<LoadedScenario, Failure> {
    let text = read(path)?;
    let scenario = Scenario::parse(&path.display().to_string(), &text).map_err(Failure::usage)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut lines = Vec::new();
    for line in &scenario.lines {
        lines.push(Arc::from(read_line(&folder.join(&line.wav)).map_err(|why| {
            let (name, path) = (&line.name, path.display());
            Failure::say(
                format!("line `{name}` of `{path}` cannot be said: {why}"),
                "the path is taken from the scenario's folder; a line is a whole WAV of 8 kHz and 16 bit",
            )
        })?));
    }
    Ok(LoadedScenario { scenario: Arc::new(scenario), lines, hash: hash_of(&text) })
}

/// Reads a recorded line; half a line is never said.
fn read_line(path: &Path) -> Result<Vec<i16>, String> {
    let wav = transcribe::parse_wav(path)?;
    match wav.missing {
        0 => Ok(wav.into_received()),
        missing => {
            let seconds = f64::from(missing) / f64::from(TELEPHONE_RATE);
            Err(format!("`{}` is cut off, {seconds:.1} s are missing", path.display()))
        }
    }
}

/// Checks files and folders.
pub(super) fn lint(arguments: &LintArguments) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &arguments.paths {
        collect(path, &mut files)?;
    }
    let mut broken = 0;
    for file in &files {
        match check(file) {
            Ok(form) => print::out(format!("ok  {form:17} {}", file.display())),
            Err(failure) => {
                broken += 1;
                print::failure(&failure);
            }
        }
    }
    let checked =
        if files.len() == 1 { "1 file".to_owned() } else { format!("{} files", files.len()) };
    print::note(format!("{checked} checked, {broken} with faults"));
    Ok(if broken == 0 { Exit::Done } else { Exit::Usage })
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let unreadable = |error: std::io::Error| {
        Failure::say(
            format!("`{}` cannot be read: {error}", path.display()),
            "check its permissions",
        )
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(unreadable)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| p.is_dir() || p.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .collect();
    found.sort();
    found.iter().try_for_each(|inner| collect(inner, files))
}

/// The form of a file is told by its first key.
fn check(path: &Path) -> Result<&'static str, Failure> {
    let text = read(path)?;
    let name = path.display().to_string();
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    if has("scenario:") {
        load_scenario(path)?;
        Ok("scenario")
    } else if has("sheet:") {
        Sheet::parse(&name, &text).map_err(Failure::usage)?;
        Ok("sheet")
    } else if has("centers:") {
        campaign::read(path)?;
        Ok("campaign")
    } else if has("agents:") && has("queue:") {
        simulator::check(&[path.to_owned()]).map_err(Failure::usage)?;
        Ok("simulated center")
    } else {
        Err(Failure::say(
            format!("`{name}` is none of the known forms"),
            "a scenario has `scenario:`, a sheet `sheet:`, a campaign `centers:`, a simulated center `agents:` and `queue:`",
        ))
    }
}
