//! Writes a synthetic data set of CIFAR-10's shape and binary format (50,000 images of 32 x 32 x 3, 184 MB):
//!
//! ```text
//! cargo run --release -p langevin-sim --example synthetic_cifar10 -- FOLDER [RECORDS_PER_FILE [SEED]]
//! ```
//!
//! The folder is created if need be. Five files of 10,000 records unless told otherwise.

use std::process::ExitCode;
use std::time::Instant;

use langevin_sim::data::write_synthetic_cifar10;

const USAGE: &str = "usage: synthetic_cifar10 FOLDER [RECORDS_PER_FILE [SEED]]";

fn number<T: std::str::FromStr>(text: Option<&String>, default: T) -> Result<T, String> {
    text.map_or(Ok(default), |text| text.parse().map_err(|_| format!("\"{text}\" is not a whole number; {USAGE}")))
}

fn write(arguments: &[String]) -> Result<String, String> {
    let [folder, rest @ ..] = arguments else { return Err(USAGE.into()) };
    if rest.len() > 2 {
        return Err(USAGE.into());
    }
    let records: usize = number(rest.first(), 10_000)?;
    let seed: u64 = number(rest.get(1), 1)?;
    std::fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
    let began = Instant::now();
    write_synthetic_cifar10(folder.as_ref(), records, seed).map_err(|error| error.to_string())?;
    Ok(format!("{} images in {folder} ({:.1} s)", 5 * records, began.elapsed().as_secs_f64()))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match write(&arguments) {
        Ok(message) => {
            eprintln!("{message}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("synthetic_cifar10: {message}");
            ExitCode::from(2)
        }
    }
}
