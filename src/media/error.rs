//! What can go wrong on our own side of the media.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// A failure of our own: sockets, threads, files.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Every even port of the range is taken.
    #[error(
        "no free RTP port pair on `{bind}` in `{first}-{last}`; widen the media port range or run fewer calls at once"
    )]
    PortsExhausted {
        /// The address.
        bind: IpAddr,
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
    },
    /// The range holds no even port with an odd one after it.
    #[error(
        "media port range `{first}-{last}` holds no even port followed by an odd one; give at least two ports, for example 30000-30999"
    )]
    EmptyRange {
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
    },
    /// A socket could not be bound for another reason than being taken.
    #[error("cannot bind media to `{bind}`: {source}; give an address of this host")]
    Bind {
        /// The address.
        bind: IpAddr,
        /// Why.
        source: io::Error,
    },
    /// The media thread or its timer could not be set up.
    #[error(
        "cannot start the media thread: {source}; raise the limits of processes and open files"
    )]
    Start {
        /// Why.
        source: io::Error,
    },
    /// A recording could not be created.
    #[error(
        "cannot create the recording `{}`: {source}; give a writable folder and a name that is not taken",
        path.display()
    )]
    Recording {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The recorder does not keep up.
    #[error("the recorder is behind with writing; use a faster disk or run fewer calls at once")]
    RecorderBusy,
    /// The media thread does not keep up with its orders.
    #[error("the media thread is behind with its orders; run fewer calls at once")]
    Busy,
    /// The media thread has ended.
    #[error(
        "the media thread has ended; see the log for its last message and start the program again"
    )]
    Stopped,
}
