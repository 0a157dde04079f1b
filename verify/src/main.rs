//! The `langevin` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    langevin_verify::command::main()
}
