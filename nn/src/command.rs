//! The command line of `langevin-nn`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use langevin_verify::networks::{Experiment, RECORD_FILE};
use langevin_verify::output;
use langevin_verify::progress::Progress;
use langevin_verify::render::networks_text;
use serde_json::json;

use crate::check::check;
use crate::device::DeviceRequest;
use crate::doctor::Diagnosis;
use crate::error::{NnError, Result};
use crate::experiment::{self, ExperimentFile, ExperimentOptions};
use crate::hessian_products::hessian_products;
use crate::train::{Options, Outcome, sensible_threads, train};
use crate::training_file::TrainingFile;
use crate::{interruption, tensor};

#[derive(Debug, Parser)]
#[command(name = "langevin-nn", version, about, max_term_width = 120)]
/// Networks trained by the recursion that langevin's theory is about
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network as a file says, and record its way through parameter space
    Train(TrainArguments),
    /// Measure a network as an experiment file says: its curvature, its chains, and what theory says about them
    Experiment(ExperimentArguments),
    /// Multiply the Hessian of a training file's network, where it starts, with vectors of a NumPy file, and say how long a product takes
    Hessian(HessianArguments),
    /// Read what a training or experiment file names (data, network, weights), and run nothing
    Check(CheckArguments),
    /// Say what this machine has (libtorch, devices, threads) and what is missing
    Doctor(DoctorArguments),
}

#[derive(Debug, Args)]
struct TrainArguments {
    /// Training file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Folder of the run (default: the name of the training file without its extension)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in the folder, from its latest checkpoint
    #[arg(long)]
    resume: bool,
    /// auto, cpu or cuda:N; auto is the first CUDA device where there is one
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceRequest,
    /// Threads of one operation on the processor (default: all cores, one for small networks). Another number can change last bits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// A summary as one JSON document on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExperimentArguments {
    /// Experiment file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Folder of the experiment (default: the name of the file without its extension)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only part I of N of the chains; run the parts in copies of one folder, or one after another, then once without it
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(u64, u64)>,
    /// Go on with what the folder holds
    #[arg(long)]
    resume: bool,
    /// auto, cpu or cuda:N; auto is the first CUDA device where there is one
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceRequest,
    /// Threads of one operation on the processor (default: all cores, one for small networks)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// The record as one JSON document on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct HessianArguments {
    /// Training file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Vectors as rows, entries in the order of `parameters` in run.json (default: one random vector)
    #[arg(long, value_name = "FILE.npy")]
    vectors: Option<PathBuf>,
    /// Where the products go, as rows of doubles
    #[arg(long, value_name = "FILE.npy")]
    out: Option<PathBuf>,
    /// Repetitions behind the times, which are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// auto, cpu or cuda:N; auto is the first CUDA device where there is one
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceRequest,
    /// Threads of one operation on the processor (default: all cores)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Times and Rayleigh quotients as one JSON document on standard output
    #[arg(long)]
    json: bool,
}

/// I/N with 1 <= I <= N.
fn shard(text: &str) -> std::result::Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if (1..=of).contains(&part) => Ok((part, of)),
        _ => Err(format!("{text} is no shard; it must be I/N with 1 <= I <= N")),
    }
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// Training or experiment file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Decode every image
    #[arg(long)]
    decode: bool,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
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
    langevin_loaded::keep_freed_memory();
    // libtorch counts the cores of the machine; what this process may use can be less
    if std::env::var_os("OMP_NUM_THREADS").is_none()
        && let Ok(count) = std::thread::available_parallelism()
    {
        tensor::set_threads(count.get());
    }
    match command {
        Command::Train(arguments) => train_file(&arguments),
        Command::Experiment(arguments) => experiment_file(&arguments),
        Command::Hessian(arguments) => hessian(&arguments),
        Command::Check(arguments) => check_file(&arguments),
        Command::Doctor(arguments) => doctor(&arguments),
    }
}

fn train_file(arguments: &TrainArguments) -> Result<u8> {
    let device = arguments.device.resolve()?;
    let file = TrainingFile::read(&arguments.file)?;
    match arguments.threads {
        Some(threads) => tensor::set_threads(usize::from(threads)),
        None if std::env::var_os("OMP_NUM_THREADS").is_none() => {
            tensor::set_threads(sensible_threads(&file, tensor::threads())?);
        }
        None => {}
    }
    let folder = arguments.out.clone().unwrap_or_else(|| arguments.file.with_extension(""));
    if folder.is_file() {
        let detail = "it is a file; --out must name a folder".into();
        return Err(NnError::File { path: folder, detail });
    }
    interruption::install();
    let progress = Progress::on_terminal();
    let outcome = train(&file, &folder, Options { device, resume: arguments.resume }, &progress);
    progress.finish();
    let outcome = outcome?;
    let text = if arguments.json { summary(&outcome).to_string() } else { told(&outcome, &folder) };
    output::print(&text)?;
    Ok(0)
}

fn experiment_file(arguments: &ExperimentArguments) -> Result<u8> {
    let device = arguments.device.resolve()?;
    let file = ExperimentFile::read(&arguments.file)?;
    match arguments.threads {
        Some(threads) => tensor::set_threads(usize::from(threads)),
        None if std::env::var_os("OMP_NUM_THREADS").is_none() => {
            tensor::set_threads(sensible_threads(&file.training, tensor::threads())?);
        }
        None => {}
    }
    let folder = arguments.out.clone().unwrap_or_else(|| arguments.file.with_extension(""));
    if folder.is_file() {
        let detail = "it is a file; --out must name a folder".into();
        return Err(NnError::File { path: folder, detail });
    }
    interruption::install();
    let progress = Progress::on_terminal();
    let options = ExperimentOptions { device, resume: arguments.resume, shard: arguments.shard };
    let record = experiment::run(&file, &folder, options, &progress);
    progress.finish();
    let text = match record? {
        Some(record) if arguments.json => serde_json::to_string(&record)
            .map_err(|error| NnError::Input { detail: format!("the record as JSON: {error}") })?,
        Some(_) => {
            let experiment = Experiment::read(&folder)?;
            format!("{}\n{}", networks_text(&experiment), folder.join(RECORD_FILE).display())
        }
        None if arguments.json => "null".into(),
        None => "this part is done; other parts are missing".into(),
    };
    output::print(&text)?;
    Ok(0)
}

fn hessian(arguments: &HessianArguments) -> Result<u8> {
    let device = arguments.device.resolve()?;
    let file = TrainingFile::read(&arguments.file)?;
    if let Some(threads) = arguments.threads {
        tensor::set_threads(usize::from(threads));
    }
    let (vectors, out) = (arguments.vectors.as_deref(), arguments.out.as_deref());
    let found = hessian_products(&file, vectors, out, arguments.repeat, device)?;
    let text = if arguments.json {
        serde_json::to_string(&found).map_err(|error| NnError::Input { detail: format!("times as JSON: {error}") })?
    } else {
        let quotients: Vec<String> = found.quotients.iter().map(|value| format!("{value:.6}")).collect();
        format!(
            "{} parameters, {} samples\nv'Hv/v'v: {}\n{:.3} ms for the first product, {:.3} ms for the next",
            found.dimension,
            found.samples,
            quotients.join(", "),
            1e3 * found.seconds_first,
            1e3 * found.seconds_next
        )
    };
    output::print(&text)?;
    Ok(0)
}

fn summary(outcome: &Outcome) -> serde_json::Value {
    let last = outcome.manifest.evaluations.last();
    json!({
        "steps": outcome.manifest.steps,
        "steps_of_this_process": outcome.steps,
        "seconds": outcome.stepping,
        "steps_per_second": outcome.steps as f64 / outcome.stepping,
        "dimension": outcome.manifest.dimension,
        "loss": last.map(|evaluation| evaluation.loss),
        "accuracy": last.and_then(|evaluation| evaluation.accuracy),
        "test_loss": last.and_then(|evaluation| evaluation.test_loss),
        "test_accuracy": last.and_then(|evaluation| evaluation.test_accuracy),
        "device": outcome.manifest.environment.get("device"),
    })
}

fn told(outcome: &Outcome, folder: &std::path::Path) -> String {
    let mut parts = vec![format!("{} steps", outcome.manifest.steps)];
    if outcome.steps > 0 {
        parts.push(format!("{:.3} ms each", 1e3 * outcome.stepping / outcome.steps as f64));
    }
    if let Some(last) = outcome.manifest.evaluations.last() {
        parts.push(format!("loss of all samples {:.6}", last.loss));
        parts.extend(last.accuracy.map(|accuracy| format!("accuracy {:.2} %", 100.0 * accuracy)));
        parts.extend(last.test_loss.map(|loss| format!("of the test samples {loss:.6}")));
        parts.extend(last.test_accuracy.map(|accuracy| format!("accuracy {:.2} %", 100.0 * accuracy)));
    }
    format!("{}\n{}", parts.join(", "), folder.join("track.npz").display())
}

fn check_file(arguments: &CheckArguments) -> Result<u8> {
    let found = check(&arguments.file, arguments.decode)?;
    let text = if arguments.json {
        serde_json::to_string(&found)
            .map_err(|error| NnError::Input { detail: format!("the result as JSON: {error}") })?
    } else {
        found.to_text()
    };
    output::print(&text)?;
    Ok(0)
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
