//! The `langevin-nn` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    langevin_nn::command::main()
}
