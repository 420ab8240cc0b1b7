//! Reads centers from disk: scripts, manifests and recordings; and composes what is not recorded.
//!
//! Enters: paths. Leaves: [`Center`]s, complete and checked: every line a script names is there, with its words, and
//! its file is the one the manifest was made for.

use super::center::Center;
use super::error::SimulatorError;
use super::music::compose;
use super::script::Script;
use super::voice::room;
use super::voices::{Clip, Voices, manifest};
use crate::domain::random::SplitMix64;
use crate::yaml::error_at;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Length of a center's piece of music; it repeats.
const MUSIC: Duration = Duration::from_secs(48);
/// Length of the sound of the agents' room; it repeats.
const ROOM: Duration = Duration::from_secs(40);

/// Reads the centers of `paths`: scripts, or folders of which every `.yaml` is one. The seed decides their music.
///
/// # Errors
/// [`SimulatorError`] for the first file that is not in order, and for two centers with one number.
pub(crate) fn load(paths: &[PathBuf], seed: u64) -> Result<Vec<Arc<Center>>, SimulatorError> {
    let mut scripts = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = files(path, "", "yaml")?;
            if found.is_empty() {
                return Err(SimulatorError::NoCenter { path: path.clone() });
            }
            scripts.extend(found);
        } else {
            scripts.push(path.clone());
        }
    }
    if scripts.is_empty() {
        return Err(SimulatorError::NoCenter { path: PathBuf::from(".") });
    }
    let mut known: BTreeMap<PathBuf, Voices> = BTreeMap::new();
    let mut centers: Vec<Arc<Center>> = Vec::new();
    for path in &scripts {
        let center = center(path, seed, &mut known)?;
        let same = |other: &&Arc<Center>| other.script.number == center.script.number;
        if let Some(other) = centers.iter().find(same) {
            return Err(SimulatorError::SameNumber {
                first: other.script.id.to_string(),
                second: center.script.id.to_string(),
            });
        }
        centers.push(Arc::new(center));
    }
    Ok(centers)
}

fn center(
    path: &Path,
    seed: u64,
    known: &mut BTreeMap<PathBuf, Voices>,
) -> Result<Center, SimulatorError> {
    let text = read_text(path)?;
    let name = path.display().to_string();
    let script = Script::parse(&name, &text)?;
    let folder = path.parent().unwrap_or(Path::new(".")).join(&script.voices.value);
    if !known.contains_key(&folder) {
        known.insert(folder.clone(), voices(&folder)?);
    }
    let voices = known[&folder].clone();
    if let Some(missing) = script.missing_clip(|clip| voices.get(clip).is_some()) {
        let message = format!("no line `{}` is recorded", missing.value);
        let help =
            format!("lines are the WAV files of `{}`, named without `.wav`", folder.display());
        return Err(error_at(&name, &text, &missing.at, message, help).into());
    }
    let mut random = SplitMix64::new(seed ^ name_seed(script.id.as_str()));
    Ok(Center {
        music: compose(script.queue.music, random.next_u64(), MUSIC).into(),
        room: room(&voices.samples(), random.next_u64(), ROOM).into(),
        script,
        voices,
    })
}

/// A number from a name (FNV-1a, 64 bits), so that centers differ under one seed.
pub(crate) fn name_seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn voices(folder: &Path) -> Result<Voices, SimulatorError> {
    let manifests = files(folder, "manifest", "csv")?;
    if manifests.is_empty() {
        let what = "there is no manifest*.csv".to_owned();
        return Err(SimulatorError::Voices { path: folder.to_owned(), what });
    }
    let mut voices = Voices::default();
    for path in manifests {
        let fault = |path: &Path, what| SimulatorError::Voices { path: path.to_owned(), what };
        let rows = manifest(&read_text(&path)?).map_err(|e| fault(&path, e.to_string()))?;
        for row in rows {
            let Some(name) = row.file.strip_suffix(".wav").filter(|n| !n.contains(['/', '\\']))
            else {
                return Err(fault(&path, format!("`{}` is not the name of a WAV file", row.file)));
            };
            let wav = folder.join(&row.file);
            let bytes = fs::read(&wav)
                .map_err(|why| SimulatorError::Unreadable { path: wav.clone(), why })?;
            if hex(&Sha256::digest(&bytes)) != row.sha256 {
                let what = "its SHA-256 is not the one in the manifest".to_owned();
                return Err(fault(&wav, what));
            }
            let pcm = samples(&bytes).map_err(|what| fault(&wav, what))?.into();
            voices.add(Clip { name: name.to_owned(), text: row.text, pcm });
        }
    }
    Ok(voices)
}

fn samples(wav: &[u8]) -> Result<Vec<i16>, String> {
    let mut reader = hound::WavReader::new(wav).map_err(|e| e.to_string())?;
    let spec = reader.spec();
    if (spec.channels, spec.sample_rate, spec.bits_per_sample) != (1, 8_000, 16) {
        return Err(format!(
            "{} channels, {} Hz, {} bits; wanted are 1, 8000 and 16",
            spec.channels, spec.sample_rate, spec.bits_per_sample
        ));
    }
    reader.samples::<i16>().collect::<Result<_, _>>().map_err(|e| e.to_string())
}

fn read_text(path: &Path) -> Result<String, SimulatorError> {
    fs::read_to_string(path)
        .map_err(|why| SimulatorError::Unreadable { path: path.to_owned(), why })
}

/// The files of a folder whose names begin and end so, sorted.
fn files(folder: &Path, begin: &str, extension: &str) -> Result<Vec<PathBuf>, SimulatorError> {
    let unreadable = |why| SimulatorError::Unreadable { path: folder.to_owned(), why };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let begins =
            path.file_stem().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(begin));
        if begins && path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::script::tests::center;

    #[test]
    fn the_centers_of_the_demo_are_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/simulated");
        let centers = load(&[folder], 1).unwrap();
        assert_eq!(centers.len(), 3);
        for center in &centers {
            assert_eq!(center.script.calls.len(), 8, "{}", center.script.id);
        }
    }

    #[test]
    fn a_recording_of_another_hash_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let yaml = folder.path().join("a.yaml");
        fs::write(&yaml, center("- {wait: 3s, agent: kim}")).unwrap();
        let voices = folder.path().join("voices");
        fs::create_dir(&voices).unwrap();
        let nothing = load(std::slice::from_ref(&yaml), 1).unwrap_err().to_string();
        assert!(nothing.contains("no manifest"), "{nothing}");
        fs::write(voices.join("manifest.csv"), "file,text,sha256\nmenu.wav,x,00\n").unwrap();
        fs::write(voices.join("menu.wav"), "RIFF").unwrap();
        let wrong = load(&[yaml], 1).unwrap_err().to_string();
        assert!(wrong.contains("SHA-256"), "{wrong}");
    }

    #[test]
    fn a_line_nobody_recorded_is_pointed_at() {
        let folder = tempfile::tempdir().unwrap();
        let yaml = folder.path().join("a.yaml");
        fs::write(&yaml, center("- {wait: 3s, agent: kim}")).unwrap();
        fs::create_dir(folder.path().join("voices")).unwrap();
        fs::write(folder.path().join("voices/manifest.csv"), "file,text,sha256\n").unwrap();
        match load(&[yaml], 1).unwrap_err() {
            SimulatorError::Script(error) => assert_eq!(error.line(), Some(6)),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_folder_without_scripts_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(&[folder.path().to_owned()], 1).unwrap_err();
        assert!(matches!(error, SimulatorError::NoCenter { .. }), "{error}");
    }
}
