//! Reading and checking a configuration.

use super::error::ConfigError;
use super::file::{BasisFile, ConfigFile, GuardFile, MediaFile, RecordingFile, TrunkFile};
use super::secret::Secret;
use crate::domain::number::DialString;
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use miette::{NamedSource, SourceSpan};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Variable that may hold the trunk's password.
pub const PASSWORD_VARIABLE: &str = "CALLPROBE_TRUNK_PASSWORD";
/// Every key with its default and its meaning.
pub const EXAMPLE: &str = include_str!("example.toml");
/// Lowest port that needs no privilege.
const FIRST_PORT: u16 = 1024;

/// The trunk that calls leave by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkConfig {
    /// Where INVITEs are sent.
    pub target: SocketAddr,
    /// Our own socket; port 0 takes any.
    pub bind: SocketAddr,
    /// Domain of request URIs; the target's address unless given.
    pub domain: String,
    /// User part of `From`: the number we call as. It must be one that the tenant owns.
    pub user: String,
    /// Display name of `From`.
    pub display: Option<String>,
    /// Realm the password is for; any if not given.
    pub realm: Option<String>,
    /// Its password, if it asks for one.
    pub password: Option<Secret<String>>,
}

/// What may be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardConfig {
    /// Numbers that may be dialled.
    pub allow: Vec<DialString>,
    /// Whether the operators of the lines 110 and 120 agreed to be called.
    pub government_lines: bool,
    /// While this file exists, nothing is dialled.
    pub kill_switch: PathBuf,
}

/// Media sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConfig {
    /// Address of our media sockets.
    pub bind: IpAddr,
    /// Address that the offer names, if another.
    pub advertise: Option<IpAddr>,
    /// Ports of our media sockets, two a call.
    pub ports: RangeInclusive<u16>,
}

/// On what legal basis calls are recorded. Without one, only timings are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordingBasis {
    /// No recording.
    #[default]
    None,
    /// The caller is a party to the call.
    Party {
        /// The legal entity that calls and records.
        caller_entity: String,
    },
    /// The recording is announced to the other side.
    Announced {
        /// The legal entity that calls and records.
        caller_entity: String,
    },
}

impl RecordingBasis {
    /// Whether audio may be kept.
    pub fn allows_audio(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// How fast calls may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Calls at once, over all centers.
    pub concurrent: usize,
    /// Least time between two starts.
    pub between_calls: Duration,
    /// How long live calls may take to end after a stop.
    pub grace: Duration,
}

/// A configuration that fits together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The trunk.
    pub trunk: TrunkConfig,
    /// What may be dialled.
    pub guard: GuardConfig,
    /// Media sockets.
    pub media: MediaConfig,
    /// Folder of the store.
    pub store: PathBuf,
    /// Folder of the models.
    pub models: PathBuf,
    /// Basis of recordings.
    pub recording: RecordingBasis,
    /// How fast calls may leave.
    pub limits: LimitsConfig,
}

impl Config {
    /// Reads `path`, or only the environment and the defaults, which lead nowhere but to this machine. Relative paths
    /// in the file are taken from its folder.
    ///
    /// # Errors
    /// [`ConfigError`] with the file, the line where it can be told, and the remedy.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match path {
            Some(path) => read(path)?,
            None => String::new(),
        };
        let env =
            Env::prefixed("CALLPROBE_").filter(|key| key.as_str().contains("__")).map(|key| {
                key.as_str().to_ascii_lowercase().replace("__", ".").replace('_', "-").into()
            });
        let password = std::env::var(PASSWORD_VARIABLE).ok();
        let name = path.map_or_else(|| "environment".to_owned(), |p| p.display().to_string());
        let folder = path.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let source = Source { name, text, folder };
        let figment = Figment::from(Serialized::defaults(ConfigFile::default()))
            .merge(Toml::string(&source.text))
            .merge(env);
        source.check(&figment, password)
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

/// The text that errors point into.
struct Source {
    name: String,
    text: String,
    folder: PathBuf,
}

impl Source {
    fn check(&self, figment: &Figment, password: Option<String>) -> Result<Config, ConfigError> {
        if figment.contains("trunk.password") {
            let at = self.find("trunk", "password");
            let line = at.map(|at| self.text[..at.offset()].matches('\n').count() + 1);
            return Err(ConfigError::PasswordInside { file: self.name.clone(), line });
        }
        let file: ConfigFile = figment.extract().map_err(|error| self.not_understood(&error))?;
        let trunk = self.trunk(file.trunk, &file.guard, password)?;
        let media = self.media(&file.media)?;
        let recording = self.recording(file.recording)?;
        let GuardFile { allow, government_lines, kill_switch, .. } = file.guard;
        let store = self.folder.join(file.store.folder);
        let kill_switch =
            kill_switch.map_or_else(|| store.join("STOP"), |file| self.folder.join(file));
        Ok(Config {
            trunk,
            guard: GuardConfig { allow, government_lines, kill_switch },
            media,
            models: self.folder.join(file.models.folder),
            store,
            recording,
            limits: LimitsConfig {
                concurrent: file.limits.concurrent.max(1),
                between_calls: file.limits.between_calls,
                grace: file.limits.grace,
            },
        })
    }

    fn trunk(
        &self,
        trunk: TrunkFile,
        guard: &GuardFile,
        password: Option<String>,
    ) -> Result<TrunkConfig, ConfigError> {
        let target = trunk.target;
        let missing = match (trunk.allow_remote, guard.real_calls) {
            (true, true) => None,
            (true, false) => Some("`[guard] real-calls` does not allow it"),
            (false, true) => Some("`[trunk] allow-remote` does not allow it"),
            (false, false) => {
                Some("neither `[trunk] allow-remote` nor `[guard] real-calls` allows it")
            }
        };
        if let Some(missing) = missing.filter(|_| !target.ip().is_loopback()) {
            let (file, at) = (self.named(), self.find("trunk", "target"));
            return Err(ConfigError::RemoteTrunk { target, missing, file, at });
        }
        let password = match (password, trunk.password_file) {
            (Some(password), _) => Some(password),
            (None, Some(file)) => Some(read(&self.folder.join(file))?.trim_end().to_owned()),
            (None, None) => None,
        };
        Ok(TrunkConfig {
            target,
            bind: trunk.bind,
            domain: trunk.domain.unwrap_or_else(|| target.ip().to_string()),
            user: trunk.user,
            display: trunk.display,
            realm: trunk.realm,
            password: password.map(Secret::new),
        })
    }

    fn media(&self, media: &MediaFile) -> Result<MediaConfig, ConfigError> {
        let ports = || {
            let (first, last) = media.ports.split_once('-')?;
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            let room = first >= FIRST_PORT && last > first;
            room.then_some(first..=last)
        };
        let ports = ports().ok_or_else(|| ConfigError::Ports {
            ports: media.ports.clone(),
            file: self.named(),
            at: self.find("media", "ports"),
        })?;
        Ok(MediaConfig { bind: media.bind, advertise: media.advertise, ports })
    }

    fn recording(&self, file: RecordingFile) -> Result<RecordingBasis, ConfigError> {
        let caller_entity = file.caller_entity.filter(|name| !name.trim().is_empty());
        match (file.basis, caller_entity) {
            (BasisFile::None, _) => Ok(RecordingBasis::None),
            (BasisFile::Party, Some(caller_entity)) => Ok(RecordingBasis::Party { caller_entity }),
            (BasisFile::Announced, Some(caller_entity)) => {
                Ok(RecordingBasis::Announced { caller_entity })
            }
            (BasisFile::Party | BasisFile::Announced, None) => Err(ConfigError::NoCallerEntity {
                file: self.named(),
                at: self.find("recording", "basis"),
            }),
        }
    }

    fn not_understood(&self, error: &figment::Error) -> ConfigError {
        let path = &error.path;
        let at = match path.as_slice() {
            [] => first_number_after(&error.to_string(), "line ").and_then(|n| self.line(n)),
            [section] => self.find(section, unknown_key(error).unwrap_or(section)),
            [section, key, ..] => self.find(section, unknown_key(error).unwrap_or(key)),
        };
        let key = if path.is_empty() { String::new() } else { format!(" at `{}`", path.join(".")) };
        let what = format!("{}{key}", error.kind);
        ConfigError::NotUnderstood { what, file: self.named(), at }
    }

    fn named(&self) -> Arc<NamedSource<String>> {
        Arc::new(NamedSource::new(&self.name, self.text.clone()))
    }

    /// Where `key` stands in `[section]`, or the section's heading.
    fn find(&self, section: &str, key: &str) -> Option<SourceSpan> {
        let heading = format!("[{section}]");
        let (mut inside, mut found, mut offset) = (false, None, 0);
        for line in self.text.split_inclusive('\n') {
            let trimmed = line.trim();
            let span = SourceSpan::from((offset, trimmed.len()));
            if trimmed.starts_with('[') {
                inside = trimmed == heading;
                if inside {
                    found = Some(span);
                }
            } else if inside && trimmed.split('=').next().is_some_and(|k| k.trim() == key) {
                return Some(span);
            }
            offset += line.len();
        }
        found
    }

    fn line(&self, number: usize) -> Option<SourceSpan> {
        let before = self.text.split_inclusive('\n').take(number.checked_sub(1)?);
        let offset = before.map(str::len).sum::<usize>();
        let length = self.text.lines().nth(number - 1)?.len();
        Some(SourceSpan::from((offset, length)))
    }
}

fn unknown_key(error: &figment::Error) -> Option<&str> {
    match &error.kind {
        figment::error::Kind::UnknownField(key, _) => Some(key),
        _ => None,
    }
}

fn first_number_after(text: &str, word: &str) -> Option<usize> {
    let rest = &text[text.find(word)? + word.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use miette::{Diagnostic as _, GraphicalReportHandler, GraphicalTheme};

    fn load(text: &str, password: Option<&str>) -> Result<Config, ConfigError> {
        let source =
            Source { name: "callprobe.toml".into(), text: text.into(), folder: "/etc/x".into() };
        let figment =
            Figment::from(Serialized::defaults(ConfigFile::default())).merge(Toml::string(text));
        source.check(&figment, password.map(str::to_owned))
    }

    fn shown(error: &ConfigError) -> String {
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        handler.render_report(&mut out, error).unwrap();
        out
    }

    #[test]
    fn without_a_file_everything_stays_on_this_machine_and_nothing_is_recorded() {
        let config = load("", None).unwrap();
        assert!(config.trunk.target.ip().is_loopback());
        assert!(!config.recording.allows_audio());
        assert_eq!(config.limits.concurrent, 2);
        assert_eq!(config.guard.kill_switch, Path::new("/etc/x/callprobe-data/STOP"));
        assert!(config.guard.allow.is_empty());
    }

    #[test]
    fn the_example_says_the_defaults_and_names_every_key() {
        assert_eq!(load(EXAMPLE, None).unwrap(), load("", None).unwrap());
        let keys = toml_keys(&serde_json::to_value(ConfigFile::default()).unwrap());
        for (section, key) in keys {
            let body = EXAMPLE.split(&format!("[{section}]\n")).nth(1).unwrap();
            let body = body.split("\n[").next().unwrap();
            let named =
                body.lines().any(|l| l.trim_start_matches("# ").starts_with(&format!("{key} =")));
            assert!(named, "[{section}] {key}");
        }
    }

    fn toml_keys(file: &serde_json::Value) -> Vec<(String, String)> {
        let sections = file.as_object().unwrap().iter();
        sections
            .flat_map(|(s, keys)| keys.as_object().unwrap().keys().map(|k| (s.clone(), k.clone())))
            .collect()
    }

    #[test]
    fn a_remote_trunk_needs_a_word_in_two_places() {
        let with = |remote, real| {
            load(
                &format!(
                    "[trunk]\ntarget = \"192.0.2.7:5060\"\nallow-remote = {remote}\n[guard]\nreal-calls = {real}\n"
                ),
                None,
            )
        };
        assert_eq!(with(true, true).unwrap().trunk.domain, "192.0.2.7");
        for (remote, real, missing) in [
            (true, false, "real-calls` does not"),
            (false, true, "allow-remote` does not"),
            (false, false, "neither"),
        ] {
            let error = with(remote, real).unwrap_err();
            assert!(matches!(error, ConfigError::RemoteTrunk { .. }));
            assert!(error.to_string().contains(missing), "{error}");
            assert!(shown(&error).contains("callprobe.toml:2:"), "{}", shown(&error));
        }
    }

    #[test]
    fn a_wrong_key_and_a_wrong_value_are_shown_in_their_line() {
        for (text, line, word) in [
            ("[trunk]\nuser = \"a\"\ntargt = \"x\"\n", 3, "targt"),
            ("[limits]\n\nconcurrent = \"many\"\n", 3, "concurrent"),
            ("[guard]\nallow = [\"12a\"]\n", 2, "12a"),
            ("[trunk]\nuser = \n", 2, "user"),
            ("[media]\nports = \"80-90\"\n", 2, "80-90"),
        ] {
            let error = load(text, None).unwrap_err();
            let shown = shown(&error);
            assert!(shown.contains(&format!("callprobe.toml:{line}:")), "{shown}");
            assert!(shown.contains(word), "{shown}");
            assert!(error.help().is_some());
        }
    }

    #[test]
    fn a_password_comes_from_outside_and_is_never_shown() {
        let config = load("", Some("hunter2")).unwrap();
        assert_eq!(config.trunk.password.as_ref().unwrap().expose(), "hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
        let inside = load("[trunk]\npassword = \"hunter2\"\n", None).unwrap_err();
        assert!(matches!(inside, ConfigError::PasswordInside { line: Some(2), .. }));
        assert!(!shown(&inside).contains("hunter2"), "{}", shown(&inside));
        let gone = load("[trunk]\npassword-file = \"none-there\"\n", None).unwrap_err();
        assert!(gone.to_string().contains("/etc/x/none-there"));
    }

    #[test]
    fn recording_needs_a_basis_and_the_entity_that_calls() {
        let basis = |text: &str| load(&format!("[recording]\n{text}\n"), None);
        let party = basis("basis = \"party\"\ncaller-entity = \"한빛\"").unwrap().recording;
        assert_eq!(party, RecordingBasis::Party { caller_entity: "한빛".into() });
        assert!(party.allows_audio());
        let nobody = basis("basis = \"announced\"\ncaller-entity = \" \"");
        assert!(matches!(nobody, Err(ConfigError::NoCallerEntity { .. })));
        assert!(basis("basis = \"maybe\"").is_err());
    }

    #[test]
    fn durations_are_written_with_their_unit() {
        let limits = load("[limits]\nbetween-calls = \"250ms\"\ngrace = \"1m\"\n", None).unwrap();
        assert_eq!(limits.limits.between_calls, Duration::from_millis(250));
        assert_eq!(limits.limits.grace, Duration::from_mins(1));
        assert!(load("[limits]\nbetween-calls = 250\n", None).is_err());
    }
}
