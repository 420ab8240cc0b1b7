//! The command line: reads arguments, wires the rooms together, prints what they found.
//!
//! Enters: arguments and files of the user. Leaves: tables on stdout, messages on stderr, an exit code.

mod args;
mod audio_file;
mod bench;
mod bench_hearing;
mod call;
mod campaign;
mod compose;
mod demo;
mod doctor;
mod ear;
mod exit;
mod failure;
mod figures;
mod files;
mod hear;
mod hearing_counts;
mod labels;
mod models;
mod print;
mod prompts;
mod rig;
mod score;
mod simulate;
mod stage;
mod texts;
mod transcribe;
mod truth;
mod workup;

use args::{Arguments, BenchCommand, Command};
use clap::Parser as _;
use exit::Exit;
use failure::Failure;
use std::process::ExitCode;

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; clap prints each to its own stream.
            let asked = !error.use_stderr();
            let _ = error.print();
            return if asked { Exit::Done } else { Exit::Usage }.into();
        }
    };
    if let Command::Worker(_) = arguments.command {
        return transcribe::worker();
    }
    start_logging(arguments.verbose);
    match run(arguments.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            print::failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Worker(_) => Ok(Exit::Done),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Plan(arguments) => campaign::plan(&arguments),
        Command::Run(arguments) => campaign::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Hear(arguments) => hear::run(&arguments),
        Command::Transcribe(arguments) => transcribe::run(&arguments),
        Command::Rejudge(arguments) => score::rejudge(&arguments),
        Command::List(arguments) => score::list(&arguments),
        Command::Score(arguments) => score::score(&arguments),
        Command::Report(arguments) => score::report(&arguments),
        Command::Prompts(command) => prompts::run(&command),
        Command::Models(command) => models::run(command),
        Command::Lint(arguments) => files::lint(&arguments),
        Command::Explain(arguments) => texts::explain(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Schema(arguments) => texts::schema(arguments.form),
        Command::Bench(BenchCommand::Truth { demo }) => bench::truth(&demo),
        Command::Bench(BenchCommand::Hearing(arguments)) => bench_hearing::hearing(&arguments),
        Command::Bench(BenchCommand::Ear(arguments)) => ear::run(&arguments),
    }
}

/// Logs go to stderr; numbers dialled and words heard only from `debug` on.
fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "callprobe=info,warn",
        2 => "callprobe=debug,info",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// A runtime for the commands that call or transcribe.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Failure::infrastructure)?.block_on(work)
}
