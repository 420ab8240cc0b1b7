//! Simulated call centers: the target of the demo and of the tests.
//!
//! Enters: YAML scripts of centers (menus, queue, agents, and how each call is treated), calls over SIP and RTP from
//! this host. Leaves: a center's side of those calls, with recorded Korean prompts, music of its own making and agents
//! who greet, answer and forget; and the truth log ([`CallTruth`], one JSON line per call), which only a bench reads.

mod agent;
mod audio;
mod behaviour;
mod center;
mod driver;
mod error;
mod expectation;
mod gate;
mod line;
mod music;
mod queue;
mod script;
#[cfg(test)]
mod story;
mod tone;
mod truth;
mod voice;
mod voices;

pub use behaviour::Duty;
pub use driver::{SimulatorOptions, check, host_time, run, run_until};
pub use error::SimulatorError;
pub use expectation::{Expected, expected};
pub use truth::{
    CallTruth, DigitTruth, EndedBy, HostSpan, HostTime, LineTruth, Part, SegmentTruth,
    TRUTH_VERSION,
};
