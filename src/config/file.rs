//! The configuration as its file says it, before it is checked.

use crate::domain::number::DialString;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct ConfigFile {
    pub(super) trunk: TrunkFile,
    pub(super) guard: GuardFile,
    pub(super) media: MediaFile,
    pub(super) store: StoreFile,
    pub(super) models: ModelsFile,
    pub(super) recording: RecordingFile,
    pub(super) limits: LimitsFile,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct TrunkFile {
    pub(super) target: SocketAddr,
    pub(super) bind: SocketAddr,
    pub(super) domain: Option<String>,
    pub(super) user: String,
    pub(super) display: Option<String>,
    pub(super) realm: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) allow_remote: bool,
}

impl Default for TrunkFile {
    fn default() -> Self {
        Self {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            domain: None,
            user: "callprobe".to_owned(),
            display: None,
            realm: None,
            password_file: None,
            allow_remote: false,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct GuardFile {
    pub(super) real_calls: bool,
    pub(super) allow: Vec<DialString>,
    pub(super) government_lines: bool,
    pub(super) kill_switch: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct MediaFile {
    pub(super) bind: IpAddr,
    pub(super) advertise: Option<IpAddr>,
    pub(super) ports: String,
}

impl Default for MediaFile {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertise: None,
            ports: "16384-20480".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct StoreFile {
    pub(super) folder: PathBuf,
}

impl Default for StoreFile {
    fn default() -> Self {
        Self { folder: "callprobe-data".into() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct ModelsFile {
    pub(super) folder: PathBuf,
}

impl Default for ModelsFile {
    fn default() -> Self {
        Self { folder: "models".into() }
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BasisFile {
    #[default]
    None,
    Party,
    Announced,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct RecordingFile {
    pub(super) basis: BasisFile,
    pub(super) caller_entity: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct LimitsFile {
    pub(super) concurrent: usize,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(super) between_calls: std::time::Duration,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(super) grace: std::time::Duration,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            concurrent: 2,
            between_calls: std::time::Duration::from_secs(1),
            grace: std::time::Duration::from_secs(15),
        }
    }
}
