//! What can go wrong before a simulated center takes calls.

use crate::media::MediaError;
use crate::sip::SipError;
use crate::yaml::YamlError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the simulator cannot start or go on.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SimulatorError {
    /// A script is wrong; the error shows where.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Script(#[from] YamlError),
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(
        code(simulator::unreadable),
        help("check the path; the voices folder is relative to the script")
    )]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        why: io::Error,
    },
    /// A folder has no scripts, or none was named.
    #[error("no center script in `{}`", path.display())]
    #[diagnostic(
        code(simulator::no_center),
        help("name `.yaml` files, or a folder that holds some")
    )]
    NoCenter {
        /// The folder.
        path: PathBuf,
    },
    /// Two centers answer to one number.
    #[error("centers `{first}` and `{second}` have the same number")]
    #[diagnostic(code(simulator::same_number), help("give each center a `number` of its own"))]
    SameNumber {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// A voices folder is not in order.
    #[error("voices of `{}`: {what}", path.display())]
    #[diagnostic(
        code(simulator::voices),
        help(
            "a voices folder holds WAV files (8 kHz, mono, 16 bit) and `manifest*.csv` with file, text and sha256"
        )
    )]
    Voices {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The simulator would take calls from other hosts.
    #[error("`{bind}` is no loopback address")]
    #[diagnostic(
        code(simulator::not_loopback),
        help(
            "simulated centers take calls from this host alone: bind 127.0.0.1 or another of 127.0.0.0/8"
        )
    )]
    NotLoopback {
        /// The address asked for.
        bind: SocketAddr,
    },
    /// The truth log cannot be opened.
    #[error("cannot write the truth log `{}`", path.display())]
    #[diagnostic(code(simulator::truth), help("check that the folder exists and may be written"))]
    Truth {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        why: io::Error,
    },
    /// The signalling did not start.
    #[error(transparent)]
    Sip(#[from] SipError),
    /// The media did not start.
    #[error(transparent)]
    Media(#[from] MediaError),
}
