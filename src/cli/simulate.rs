//! `callprobe simulate`: the simulated call centers as a process of their own.

use super::args::SimulateArguments;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::{block_on, print};
use crate::simulator::{self, SimulatorOptions};

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
        .or_usage()
    })?;
    Ok(Exit::Done)
}
