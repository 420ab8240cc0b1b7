//! `callprobe simulate`: the simulated call centers as a process of their own.

use super::args::SimulateArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::{block_on, print};
use crate::simulator::{self, SimulatorError, SimulatorOptions};
use crate::sip::SipError;

pub(super) fn run(arguments: &SimulateArguments) -> Result<Exit, Failure> {
    let options = SimulatorOptions {
        centers: vec![arguments.centers.clone()],
        bind: arguments.bind,
        truth: arguments.truth.clone(),
        seed: arguments.seed,
        media_ports: 50_000..=58_999,
    };
    block_on(async {
        simulator::run(options, |address| {
            print::out(serde_json::json!({ "listening": address.to_string() }).to_string());
        })
        .await
        .map_err(failure)
    })?;
    Ok(Exit::Done)
}

/// A file or an address that is not right is the user's, a port or a disk that fails is the host's.
fn failure(error: SimulatorError) -> Failure {
    match error {
        SimulatorError::Sip(SipError::Bind { .. }) => Failure::of_host(
            error,
            "`--bind` names the socket; port 0 takes any free one and says which",
        ),
        SimulatorError::Sip(_) | SimulatorError::Media(_) | SimulatorError::Truth { .. } => {
            Failure { exit: Exit::Infrastructure, report: error.into() }
        }
        _ => Failure::usage(error),
    }
}
