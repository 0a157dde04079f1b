//! Problem files (the contract's `[data]`, `[sgd]`, `[run]`, and [`[sweep]`](crate::sweep)): what to simulate.

use std::path::{Path, PathBuf};

use langevin_sim::data::{Dataset, GaussianSpec, RegressionTable, Standardize};
use langevin_theory::{Hyperparameters, Sampling};
use nalgebra::DMatrix;

use crate::document::{DocumentError, Table, parse};
use crate::error::{Result, VerifyError};
use crate::sweep::Sweep;

/// The noise model of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Gradients of random batches.
    Minibatch,
    /// Gaussian gradient noise with the constant covariance Sigma(minimum) / S (times the sampling scheme's factor).
    Gaussian,
}

impl Noise {
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minibatch => "minibatch",
            Self::Gaussian => "gaussian",
        }
    }
}

/// Where the chains of a run start.
#[derive(Clone, Debug, PartialEq)]
pub enum StartSpec {
    /// At a draw with the exact stationary mean and covariance.
    Stationary,
    /// At the ridge minimum, at rest.
    Minimum,
    /// At zero, at rest.
    Zero,
    /// At given values (d, or d x outputs), at rest.
    Values(DMatrix<f64>),
}

/// What a run keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Time averages of x^2, v^2, x v per mode.
    Moments,
    /// Mean squared displacement.
    Displacement,
    /// Autocovariance of positions and velocities per mode.
    Autocovariance,
    /// States every K steps.
    Trajectory {
        /// K.
        every: u64,
    },
}

/// The `[run]` table.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// Steps of each chain.
    pub steps: u64,
    /// Number of chains.
    pub chains: u64,
    /// Where they start.
    pub start: StartSpec,
    /// Seed of the random streams.
    pub seed: u64,
    /// What is kept.
    pub record: Vec<Record>,
}

/// A problem: data, hyperparameters, and how to run it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The data set.
    pub data: Dataset,
    /// eta, beta, lambda, S.
    pub sgd: Hyperparameters,
    /// How batches are drawn.
    pub sampling: Sampling,
    /// The noise model.
    pub noise: Noise,
    /// How to run it.
    pub run: RunSpec,
    /// Other values of the hyperparameters at which to run it; a single run has no axes.
    pub sweep: Sweep,
}

impl Problem {
    /// Reads a problem file.
    ///
    /// # Errors
    /// [`VerifyError`] naming the file and the key or line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| VerifyError::Input { detail: format!("{}: {source}", path.display()) })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&path.display().to_string(), &text, folder)
            .map_err(|error| error.in_file(&path.display().to_string()))
    }

    /// Parses a problem; relative data paths are taken from `folder`.
    ///
    /// # Errors
    /// [`VerifyError`] naming the key.
    pub fn parse(source_name: &str, text: &str, folder: &Path) -> Result<Self> {
        let mut document = Table::new("", parse(source_name, text)?)?;
        let data_table = document.required_table("data")?;
        let mut sgd_table = document.required_table("sgd")?;
        let run_table = document.table("run")?;
        let sweep_table = document.table("sweep")?;
        document.finish()?;

        let sgd = read_hyperparameters(&mut sgd_table)?;
        let sampling = read_sampling(&mut sgd_table)?;
        let noise = match sgd_table.text("noise")?.as_deref() {
            None | Some("minibatch") => Noise::Minibatch,
            Some("gaussian") => Noise::Gaussian,
            Some(other) => {
                return Err(sgd_table.refuse("noise", format!("\"{other}\""), "minibatch or gaussian").into());
            }
        };
        sgd_table.finish()?;
        if noise == Noise::Gaussian && sampling == Sampling::Reshuffle {
            return Err(VerifyError::Input {
                detail: "sgd.noise is \"gaussian\" with sgd.sampling \"reshuffle\"; gaussian noise is independent \
                         between steps: sampling must be with-replacement or without-replacement"
                    .into(),
            });
        }
        let data = read_data(data_table, folder)?;
        sampling.noise_factor(data.problem.samples(), sgd.batch_size())?;
        let run = match run_table {
            Some(table) => read_run(table, &data)?,
            None => RunSpec::default(),
        };
        let sweep = sweep_table.map(Sweep::read).transpose()?.unwrap_or_default();
        for point in 0..sweep.points() {
            let check = || -> Result<()> {
                let (sgd, _) = sweep.at(point, &sgd, run.seed)?;
                sampling.noise_factor(data.problem.samples(), sgd.batch_size())?;
                Ok(())
            };
            check().map_err(|error| VerifyError::Input {
                detail: format!("sweep point {}: {error}", sweep.describe(point)),
            })?;
        }
        Ok(Self { data, sgd, sampling, noise, run, sweep })
    }
}

impl Default for RunSpec {
    fn default() -> Self {
        Self { steps: 10_000, chains: 256, start: StartSpec::Stationary, seed: 1, record: vec![Record::Moments] }
    }
}

/// The four hyperparameters, under their shared keys; batch_size defaults to 1 only where the caller allows it.
///
/// # Errors
/// [`VerifyError`] naming the key.
pub fn read_hyperparameters(table: &mut Table) -> Result<Hyperparameters> {
    let batch_size = table.required_count("batch_size")?;
    read_hyperparameters_with_batch(table, batch_size as usize)
}

/// The same with the batch size at hand.
///
/// # Errors
/// [`VerifyError`] naming the key.
pub fn read_hyperparameters_with_batch(table: &mut Table, batch_size: usize) -> Result<Hyperparameters> {
    let learning_rate = table.required_number("learning_rate")?;
    let momentum = table.required_number("momentum")?;
    let weight_decay = table.number("weight_decay")?.unwrap_or(0.0);
    Ok(Hyperparameters::new(learning_rate, momentum, weight_decay, batch_size)?)
}

/// `sampling`, with replacement by default.
///
/// # Errors
/// [`VerifyError`] naming the key.
pub fn read_sampling(table: &mut Table) -> Result<Sampling> {
    match table.text("sampling")? {
        None => Ok(Sampling::WithReplacement),
        Some(text) => text.parse().map_err(|detail| VerifyError::Input { detail }),
    }
}

fn read_run(mut table: Table, data: &Dataset) -> Result<RunSpec> {
    let default = RunSpec::default();
    let steps = table.count("steps")?.unwrap_or(default.steps);
    let chains = table.count("chains")?.unwrap_or(default.chains);
    if chains == 0 {
        return Err(table.refuse("chains", 0, "at least 1").into());
    }
    if steps == 0 {
        return Err(table.refuse("steps", 0, "at least 1").into());
    }
    let seed = table.count("seed")?.unwrap_or(default.seed);
    let start = read_start(&mut table, data)?;
    let mut record = Vec::new();
    match table.value("record") {
        None => record.push(Record::Moments),
        Some(value) => {
            let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for item in items {
                record.push(read_record(&table, &item)?);
            }
        }
    }
    if let Some(every) = table.count("every")? {
        if every == 0 {
            return Err(table.refuse("every", 0, "at least 1").into());
        }
        let mut used = false;
        for entry in &mut record {
            if let Record::Trajectory { every: stride } = entry {
                *stride = every;
                used = true;
            }
        }
        if !used {
            return Err(table.refuse("every", every, "absent unless record contains \"trajectory\"").into());
        }
    }
    table.finish()?;
    Ok(RunSpec { steps, chains, start, seed, record })
}

fn read_record(table: &Table, item: &serde_json::Value) -> Result<Record> {
    const ADMISSIBLE: &str = "moments, displacement, autocovariance or trajectory";
    if let Some(text) = item.as_str() {
        return Ok(match text {
            "moments" => Record::Moments,
            "displacement" => Record::Displacement,
            "autocovariance" => Record::Autocovariance,
            "trajectory" => Record::Trajectory { every: 1 },
            "modes" => {
                return Err(table
                    .refuse("record", "\"modes\"", format!("{ADMISSIBLE}; \"modes\" is for langevin simulate"))
                    .into());
            }
            _ => return Err(table.refuse("record", format!("\"{text}\""), ADMISSIBLE).into()),
        });
    }
    let every = item.get("trajectory").and_then(|inner| inner.get("every")).and_then(serde_json::Value::as_u64);
    match every {
        Some(every) if every > 0 => Ok(Record::Trajectory { every }),
        _ => Err(table.refuse("record", item, ADMISSIBLE).into()),
    }
}

fn read_start(table: &mut Table, data: &Dataset) -> Result<StartSpec> {
    let is_text = table.contains("start").then(|| table.value("start")).flatten();
    let Some(value) = is_text else { return Ok(StartSpec::Stationary) };
    match value.as_str() {
        Some("stationary") => Ok(StartSpec::Stationary),
        Some("minimum") => Ok(StartSpec::Minimum),
        Some("zero") => Ok(StartSpec::Zero),
        Some(other) => {
            Err(table.refuse("start", format!("\"{other}\""), "stationary, minimum, zero, or a list of numbers").into())
        }
        None => {
            let shape = (data.problem.dimension(), data.problem.outputs());
            Ok(StartSpec::Values(read_start_values(table, value, shape)?))
        }
    }
}

/// A start given as numbers: d of them for every output, or d rows of one per output.
///
/// # Errors
/// [`VerifyError`] naming the key.
pub(crate) fn read_start_values(
    table: &Table,
    value: serde_json::Value,
    (dimension, outputs): (usize, usize),
) -> Result<DMatrix<f64>> {
    let mut wrapped = serde_json::Map::new();
    wrapped.insert("start".into(), value);
    let matrix = Table::new("run", serde_json::Value::Object(wrapped))?.required_matrix("start")?;
    if matrix.shape() == (dimension, outputs) {
        Ok(matrix)
    } else if matrix.shape() == (dimension, 1) {
        Ok(DMatrix::from_fn(dimension, outputs, |i, _| matrix[(i, 0)]))
    } else {
        Err(table
            .refuse(
                "start",
                format!("{} x {}", matrix.nrows(), matrix.ncols()),
                format!("{dimension} numbers, or {dimension} rows of {outputs}"),
            )
            .into())
    }
}

const SOURCES: &str = "digits, csv, npy, idx, cifar10, gaussian or inline";

fn read_standardize(table: &mut Table, default: Standardize) -> Result<Standardize> {
    match table.text("standardize")? {
        None => Ok(default),
        Some(text) => text.parse().map_err(|detail| VerifyError::Input { detail: format!("data.{detail}") }),
    }
}

fn read_rows(table: &mut Table) -> std::result::Result<Option<usize>, DocumentError> {
    Ok(table.count("rows")?.map(|count| count as usize))
}

/// Reads a `[data]` table, features as a matrix of f64.
///
/// # Errors
/// [`VerifyError`] naming the key, or file and line.
pub fn read_data(table: Table, folder: &Path) -> Result<Dataset> {
    match read_source(table, folder)? {
        Source::Matrix(data) => Ok(data),
        Source::Table(data) => Ok(data.to_dataset()?),
    }
}

/// Reads a `[data]` table, features in the number format of their file, which may be larger than memory.
///
/// # Errors
/// As [`read_data`].
pub fn read_table(table: Table, folder: &Path) -> Result<RegressionTable> {
    match read_source(table, folder)? {
        Source::Matrix(data) => Ok(RegressionTable::from_dataset(&data)?),
        Source::Table(data) => Ok(data),
    }
}

/// What a source gives of itself.
enum Source {
    Matrix(Dataset),
    Table(RegressionTable),
}

fn read_source(mut table: Table, folder: &Path) -> Result<Source> {
    let source = table.required_text("source")?;
    Ok(match source.as_str() {
        "digits" => {
            let scaling = read_standardize(&mut table, Standardize::Center)?;
            let one_hot = table.flag("one_hot")?.unwrap_or(true);
            let rows = read_rows(&mut table)?;
            table.finish()?;
            Source::Matrix(Dataset::digits(scaling, one_hot, rows)?)
        }
        "csv" => {
            let path = PathBuf::from(table.required_text("path")?);
            let target = table.text("target")?;
            let scaling = read_standardize(&mut table, Standardize::None)?;
            let one_hot = table.flag("one_hot")?.unwrap_or(false);
            let rows = read_rows(&mut table)?;
            table.finish()?;
            Source::Matrix(Dataset::csv(&folder.join(path), target.as_deref(), scaling, one_hot, rows)?)
        }
        "npy" => {
            let path = folder.join(table.required_text("path")?);
            let target = folder.join(table.required_text("target")?);
            let scaling = read_standardize(&mut table, Standardize::None)?;
            let one_hot = table.flag("one_hot")?.unwrap_or(false);
            let rows = read_rows(&mut table)?;
            table.finish()?;
            Source::Table(RegressionTable::npy(&path, &target, scaling, one_hot, rows)?)
        }
        "idx" => {
            let path = folder.join(table.required_text("path")?);
            let target = table.text("target")?.map(|target| folder.join(target));
            let scaling = read_standardize(&mut table, Standardize::None)?;
            let one_hot = table.flag("one_hot")?.unwrap_or(true);
            let rows = read_rows(&mut table)?;
            table.finish()?;
            Source::Table(RegressionTable::idx(&path, target.as_deref(), scaling, one_hot, rows)?)
        }
        "cifar10" => {
            let path = folder.join(table.required_text("path")?);
            let scaling = read_standardize(&mut table, Standardize::None)?;
            let one_hot = table.flag("one_hot")?.unwrap_or(true);
            let rows = read_rows(&mut table)?;
            table.finish()?;
            Source::Table(RegressionTable::cifar10(&path, scaling, one_hot, rows)?)
        }
        "gaussian" => {
            let eigenvalues = table.numbers("eigenvalues")?.ok_or_else(|| DocumentError::Missing {
                path: "data.eigenvalues".into(),
                admissible: "a list of numbers of at least 0".into(),
            })?;
            let noise = table.number("noise")?.unwrap_or(1.0);
            let rows = table.required_count("rows")? as usize;
            let seed = table.count("seed")?.unwrap_or(1);
            table.finish()?;
            Source::Matrix(Dataset::gaussian(&GaussianSpec { eigenvalues, noise, rows, seed })?)
        }
        "inline" => {
            let features = table.required_matrix("features")?;
            let targets = table.required_matrix("targets")?;
            let scaling = read_standardize(&mut table, Standardize::None)?;
            table.finish()?;
            Source::Matrix(Dataset::inline(features, targets, scaling)?)
        }
        other => return Err(table.refuse("source", format!("\"{other}\""), SOURCES).into()),
    })
}
