//! Configuration: trunk, guard, media, store, recording basis.
//!
//! Enters: a TOML file and the environment. Leaves: a [`Config`] whose parts fit together, or an error that names the
//! file, the line and the remedy. Environment variables `CALLPROBE_SECTION__KEY` stand over the file
//! (`CALLPROBE_TRUNK__TARGET=127.0.0.1:5070`); the trunk's password comes from `CALLPROBE_TRUNK_PASSWORD` or a file of
//! its own, never from the configuration. A trunk outside this machine needs a word in two places.

mod error;
mod file;
mod load;
mod secret;

pub use error::ConfigError;
pub use load::{
    Config, EXAMPLE, GuardConfig, LimitsConfig, MediaConfig, PASSWORD_VARIABLE, RecordingBasis,
    TrunkConfig,
};
pub use secret::Secret;
