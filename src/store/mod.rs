//! The store: ledger, records, judgments and audio of all campaigns, in one folder.
//!
//! Enters: units to call, records of attempts with their recordings, whatever is derived from them. Leaves: the same,
//! and the one thing nobody else may make: an [`AttemptTicket`](crate::domain::ledger::AttemptTicket), issued after the
//! attempt stands on the disk. The folder holds `callprobe.sqlite` (WAL, synchronous FULL), `audio/` by content hash,
//! and `run.lock`, held by the one process that places calls. Records and judgments are append-only; triggers in the
//! database refuse an edit, whoever asks.

mod audio;
mod campaigns;
mod derived;
mod error;
mod judgments;
mod ledger;
mod lock;
mod migrate;
mod open;
mod records;
mod rows;
mod samples;
mod units;

pub use audio::{RecordingFiles, StoredAudio};
pub use campaigns::StoredCampaign;
pub use derived::Producer;
pub use error::StoreError;
pub use judgments::{HumanJudgment, JudgingId, ResolvedJudgment, UnitJudgments};
pub use ledger::{NewAttempt, NotedInvite, StaleAttempt};
pub use lock::RunLock;
pub use open::Store;
pub use samples::Samples;
pub use units::{StoredUnit, UnitState};
