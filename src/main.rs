//! The `callprobe` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    callprobe::cli::main()
}
