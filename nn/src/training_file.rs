//! Training files: TOML, keys as in a problem file where they mean the same.

use std::path::{Path, PathBuf};

use langevin_theory::{Hyperparameters, Sampling};
use langevin_verify::VerifyError;
use langevin_verify::document::{DocumentError, Table, parse};
use langevin_verify::problem::{read_hyperparameters, read_sampling};
use serde_json::Value;

use crate::data::{DataSet, read_data};
use crate::error::{NnError, Result};
use crate::model::{Activation, Architecture, InputShape, ModelKind};
use crate::network::Loss;
use crate::tensor::Precision;

/// Most parameters of a hidden layer, or channels.
const WIDEST: u64 = 1 << 20;

/// A training file that was read, its data loaded.
#[derive(Clone, Debug)]
pub struct TrainingFile {
    /// The text, for the manifest.
    pub text: String,
    /// Samples and targets.
    pub data: DataSet,
    /// Samples that are never trained on.
    pub test: Option<DataSet>,
    /// The shape of one input.
    pub input: InputShape,
    /// The network.
    pub architecture: Architecture,
    /// What is minimised.
    pub loss: Loss,
    /// The four numbers of (2).
    pub sgd: Hyperparameters,
    /// How batches are drawn.
    pub sampling: Sampling,
    /// Where the chain starts.
    pub start: StartFrom,
    /// How long, and from which random numbers.
    pub run: RunKeys,
    /// What is recorded.
    pub track: TrackKeys,
}

/// Where a chain starts.
#[derive(Clone, Debug, Default)]
pub struct StartFrom {
    /// A checkpoint of this program, or weights with the names of the network (Torchvision's for VGG and ResNet); without it,
    /// initial parameters are drawn.
    pub weights: Option<PathBuf>,
    /// Whether the velocity of the checkpoint is kept; otherwise the chain starts at rest, as the paper's do.
    pub keep_velocity: bool,
}

/// `[run]`.
#[derive(Clone, Copy, Debug)]
pub struct RunKeys {
    /// Steps in all.
    pub steps: u64,
    /// Seed of batches and initial parameters.
    pub seed: u64,
    /// Number of the chain: batches come from the random stream (seed, chain), as in the simulator.
    pub chain: u64,
    /// Number type.
    pub precision: Precision,
    /// Steps between two checkpoints; 0 for one at the end only.
    pub checkpoint_every: u64,
    /// Whether every checkpoint stays under a name of its own.
    pub keep_checkpoints: bool,
    /// Steps between two evaluations of the loss of all samples; 0 for start and end only.
    pub evaluate_every: u64,
    /// Samples of an evaluation, spread evenly over all; all without it.
    pub evaluate_samples: Option<usize>,
}

/// `[track]`.
#[derive(Clone, Debug)]
pub struct TrackKeys {
    /// Steps between two records.
    pub every: u64,
    /// A NumPy file of directions, one per row, that position and velocity are projected on.
    pub directions: Option<PathBuf>,
}

impl TrainingFile {
    /// Reads a training file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`NnError`] naming the file and the key, the value found and what is admissible.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| NnError::Read { path: path.into(), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let name = path.display().to_string();
        Self::parse(&name, &text, folder).map_err(|error| match error {
            NnError::Verify(error) => error.in_file(&name).into(),
            NnError::Input { detail } => NnError::File { path: path.into(), detail },
            other => other,
        })
    }

    /// The same from a text.
    ///
    /// # Errors
    /// As [`TrainingFile::read`].
    pub fn parse(source_name: &str, text: &str, folder: &Path) -> Result<Self> {
        let document = parse(source_name, text)?;
        let data = document.get("data").cloned().unwrap_or(Value::Null);
        let mut document = Table::new("", document)?;
        // read below, from the value
        document.required_table("data")?;
        let model = document.required_table("model")?;
        let sgd = document.required_table("sgd")?;
        let start = document.table("start")?;
        let run = document.table("run")?;
        let track = document.table("track")?;
        document.finish()?;
        // small tables first: a slip in them should not wait for a large data set
        let (sgd, sampling) = read_sgd(sgd)?;
        let start = start.map_or_else(|| Ok(StartFrom::default()), |table| read_start(table, folder))?;
        let run = read_run(run)?;
        let track = read_track(track, folder)?;
        let (architecture, loss, image) = read_model(model)?;
        let (data, test) = read_data(data, folder)?;
        let input = input_shape(&data, image)?;
        architecture.blueprint(input, data.outputs() as i64)?;
        if sampling != Sampling::WithReplacement && sgd.batch_size() > data.samples() {
            let found = format!("sgd.batch_size is {}", sgd.batch_size());
            let detail = format!(
                "{found}; it must be at most the {} samples unless they are drawn with replacement",
                data.samples()
            );
            return Err(NnError::Input { detail });
        }
        Ok(Self { text: text.into(), data, test, input, architecture, loss, sgd, sampling, start, run, track })
    }
}

fn read_sgd(mut table: Table) -> Result<(Hyperparameters, Sampling)> {
    let sgd = read_hyperparameters(&mut table)?;
    let sampling = read_sampling(&mut table)?;
    table.finish()?;
    Ok((sgd, sampling))
}

fn read_start(mut table: Table, folder: &Path) -> Result<StartFrom> {
    let weights = table.text("weights")?.map(|path| folder.join(path));
    let keep_velocity = match table.text("velocity")?.as_deref() {
        None | Some("zero") => false,
        Some("keep") => true,
        Some(other) => return Err(table.refuse("velocity", format!("\"{other}\""), "\"zero\" or \"keep\"").into()),
    };
    table.finish()?;
    Ok(StartFrom { weights, keep_velocity })
}

fn read_run(table: Option<Table>) -> Result<RunKeys> {
    let mut run = RunKeys {
        steps: 1000,
        seed: 1,
        chain: 0,
        precision: Precision::Single,
        checkpoint_every: 0,
        keep_checkpoints: false,
        evaluate_every: 0,
        evaluate_samples: None,
    };
    let Some(mut table) = table else { return Ok(run) };
    run.steps = table.count("steps")?.unwrap_or(run.steps);
    run.seed = table.count("seed")?.unwrap_or(run.seed);
    run.chain = table.count("chain")?.unwrap_or(run.chain);
    run.precision = match table.text("precision")?.as_deref() {
        None | Some("float32") => Precision::Single,
        Some("float64") => Precision::Double,
        Some(other) => {
            return Err(table.refuse("precision", format!("\"{other}\""), "\"float32\" or \"float64\"").into());
        }
    };
    run.checkpoint_every = table.count("checkpoint_every")?.unwrap_or(0);
    run.keep_checkpoints = table.flag("keep_checkpoints")?.unwrap_or(false);
    run.evaluate_every = table.count("evaluate_every")?.unwrap_or(0);
    run.evaluate_samples = match table.count("evaluate_samples")? {
        Some(0) => return Err(table.refuse("evaluate_samples", 0, "at least 1").into()),
        count => count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
    };
    if run.chain > u64::from(u32::MAX) {
        return Err(table
            .refuse("chain", run.chain, "below 2^32; larger numbers are the streams of initial parameters")
            .into());
    }
    table.finish()?;
    Ok(run)
}

fn read_track(table: Option<Table>, folder: &Path) -> Result<TrackKeys> {
    let mut track = TrackKeys { every: 1, directions: None };
    let Some(mut table) = table else { return Ok(track) };
    track.every = table.count("every")?.unwrap_or(1);
    track.directions = table.text("directions")?.map(|path| folder.join(path));
    if track.every == 0 {
        return Err(table.refuse("every", 0, "at least 1").into());
    }
    table.finish()?;
    Ok(track)
}

/// Channels, height, width.
type Sides = (i64, i64, i64);

fn read_model(mut table: Table) -> Result<(Architecture, Loss, Option<Sides>)> {
    let name = table.required_text("kind")?;
    let kind: ModelKind = name.parse().map_err(|known: String| table.refuse("kind", format!("\"{name}\""), known))?;
    let loss = match table.text("loss")?.as_deref() {
        Some("mse") => Loss::SquaredError,
        None if kind == ModelKind::Linear => Loss::SquaredError,
        Some("cross-entropy") | None => Loss::CrossEntropy,
        Some(other) => return Err(table.refuse("loss", format!("\"{other}\""), "\"cross-entropy\" or \"mse\"").into()),
    };
    let widths_key = match kind {
        ModelKind::Mlp => Some(("hidden", vec![64, 64])),
        ModelKind::SmallConv => Some(("channels", vec![16, 32])),
        _ => None,
    };
    let mut architecture = Architecture { kind, widths: Vec::new(), activation: Activation::Relu, bias: true };
    if let Some((key, default)) = widths_key {
        let widths = table.counts(key)?.unwrap_or(default);
        if let Some(bad) = widths.iter().find(|&&width| width == 0 || width > WIDEST) {
            return Err(table
                .refuse(key, format!("a list with {bad}"), format!("whole numbers between 1 and {WIDEST}"))
                .into());
        }
        architecture.widths = widths.into_iter().map(|width| width as i64).collect();
        architecture.activation = match table.text("activation")?.as_deref() {
            None | Some("relu") => Activation::Relu,
            Some("tanh") => Activation::Tanh,
            Some(other) => {
                return Err(table.refuse("activation", format!("\"{other}\""), "\"relu\" or \"tanh\"").into());
            }
        };
    }
    if matches!(kind, ModelKind::Linear | ModelKind::Mlp) {
        architecture.bias = table.flag("bias")?.unwrap_or(kind == ModelKind::Mlp);
    }
    let image = match table.counts("image")?.as_deref() {
        None => None,
        Some(&[channels, height, width])
            if [channels, height, width].iter().all(|&side| (1..=WIDEST).contains(&side)) =>
        {
            Some((channels as i64, height as i64, width as i64))
        }
        Some(other) => {
            let admissible = "three whole numbers of at least 1: channels, height, width";
            return Err(table.refuse("image", format!("{other:?}"), admissible).into());
        }
    };
    table.finish()?;
    Ok((architecture, loss, image))
}

/// The shape of inputs: as the file says, or as the data set is known to have.
fn input_shape(data: &DataSet, image: Option<Sides>) -> Result<InputShape> {
    let width = data.dimension() as i64;
    let known = match data {
        DataSet::Images(images) => Some((3, images.crop.size as i64, images.crop.size as i64)),
        DataSet::Table(table) => match (table.name.as_str(), width) {
            ("digits", 64) => Some((1, 8, 8)),
            (_, 784) => Some((1, 28, 28)),
            (_, 3072) => Some((3, 32, 32)),
            _ => None,
        },
    };
    match image.or(known) {
        Some((channels, height, width_)) if channels * height * width_ == width => {
            Ok(InputShape::Image(channels, height, width_))
        }
        Some((channels, height, across)) => Err(VerifyError::from(DocumentError::Value {
            path: "model.image".into(),
            found: format!("{channels} x {height} x {across}, {} numbers", channels * height * across),
            admissible: format!("a shape of the {width} numbers of an input"),
        })
        .into()),
        None => Ok(InputShape::Flat(width)),
    }
}
