//! The command line of `langevin-nn`.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use langevin_verify::output;

use crate::device::DeviceRequest;
use crate::doctor::Diagnosis;
use crate::error::{NnError, Result};
use crate::tensor;

#[derive(Debug, Parser)]
#[command(name = "langevin-nn", version, about, max_term_width = 120)]
/// Networks trained by the recursion that langevin's theory is about
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what this machine has (libtorch, devices, threads) and what is missing
    Doctor(DoctorArguments),
}

#[derive(Debug, Args)]
struct DoctorArguments {
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
    /// Fail when this device is not here: auto, cpu, cuda:N
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceRequest>,
}

/// Runs the command line; exit codes are those of `langevin`.
pub fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // a closed pipe has nobody left to tell
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(line.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("langevin-nn: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<u8> {
    // libtorch counts the cores of the machine; what this process may use can be less
    if std::env::var_os("OMP_NUM_THREADS").is_none()
        && let Ok(count) = std::thread::available_parallelism()
    {
        tensor::set_threads(count.get());
    }
    match command {
        Command::Doctor(arguments) => doctor(&arguments),
    }
}

fn doctor(arguments: &DoctorArguments) -> Result<u8> {
    let diagnosis = Diagnosis::make()?;
    let text = if arguments.json {
        serde_json::to_string_pretty(&diagnosis)
            .map_err(|error| NnError::Input { detail: format!("the diagnosis as JSON: {error}") })?
    } else {
        diagnosis.to_text()
    };
    output::print(&text)?;
    if let Some(device) = arguments.device {
        device.resolve()?;
    }
    Ok(0)
}
