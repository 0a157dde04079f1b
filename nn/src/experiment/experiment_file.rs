//! Experiment files: a training file (the chain that is measured) with tables that say what is done with it.

use std::path::Path;

use langevin_sim::data::{FeatureTable, RegressionTable};
use langevin_theory::Hyperparameters;
use langevin_verify::document::{Table, parse};
use nalgebra::DMatrix;
use serde_json::Value;

use crate::data::DataSet;
use crate::error::{NnError, Result};
use crate::training_file::TrainingFile;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExperimentKind {
    /// Figures 1 and 8: speed and anomalous diffusion.
    Diffusion,
    /// Figure 2: the top mode of linear regression against theory.
    Oscillation,
    /// Figures 4, 5 and 6: the plane of two eigenvectors, velocities, phase space.
    Eigenspace,
    /// Figure 7: sweeps of the hyperparameters.
    Sweep,
    /// The assumptions of the theory.
    Audit,
}

impl ExperimentKind {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Diffusion => "diffusion",
            Self::Oscillation => "oscillation",
            Self::Eigenspace => "eigenspace",
            Self::Sweep => "sweep",
            Self::Audit => "audit",
        }
    }
}

const KINDS: [ExperimentKind; 5] = [
    ExperimentKind::Diffusion,
    ExperimentKind::Oscillation,
    ExperimentKind::Eigenspace,
    ExperimentKind::Sweep,
    ExperimentKind::Audit,
];

/// One phase of the training before the measured chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// eta.
    pub learning_rate: f64,
    /// Steps.
    pub steps: u64,
}

/// How eigenvectors are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The paper's (H.1).
    Subspace,
    /// Thick-restart Lanczos.
    Lanczos,
}

/// `[curvature]`.
#[derive(Clone, Copy, Debug)]
pub struct CurvatureKeys {
    /// Eigenvectors that the chains are projected on.
    pub count: usize,
    /// How they are found.
    pub method: Method,
    /// Subspace iterations (the paper's: 10).
    pub iterations: usize,
    /// Samples of the Hessian, drawn once; all without it.
    pub samples: Option<usize>,
    /// Vectors of the sketch of a trace; 0 and no probes: no traces.
    pub sketch: usize,
    /// Probes of a trace.
    pub probes: usize,
    /// Vectors of the spectral density; 0 for none.
    pub vectors: usize,
    /// Lanczos steps of each.
    pub steps: usize,
}

/// `[sweep]`: values of one hyperparameter, the others as in `[sgd]`.
#[derive(Clone, Debug, Default)]
pub struct SweepKeys {
    /// eta.
    pub learning_rate: Vec<f64>,
    /// S.
    pub batch_size: Vec<u64>,
    /// beta.
    pub momentum: Vec<f64>,
}

/// An experiment file that was read, its data loaded.
#[derive(Clone, Debug)]
pub struct ExperimentFile {
    /// The text.
    pub text: String,
    /// What is done.
    pub kind: ExperimentKind,
    /// A heading.
    pub title: String,
    /// The measured chain.
    pub training: TrainingFile,
    /// Samples kept from training, for the test loss.
    pub held_out: Option<DataSet>,
    /// Networks trained from independent seeds; in an audit `chains` counts them.
    pub networks: u64,
    /// Independent chains of each setting of a network.
    pub chains: u64,
    /// Steps before averages are taken.
    pub discard: u64,
    /// Points along each side of the plane of losses.
    pub grid: usize,
    /// Training before.
    pub phases: Vec<Phase>,
    /// Curvature.
    pub curvature: CurvatureKeys,
    /// Sweeps.
    pub sweep: SweepKeys,
}

impl ExperimentFile {
    /// Reads an experiment file; paths in it are relative to its folder.
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
    /// As [`ExperimentFile::read`].
    pub fn parse(source_name: &str, text: &str, folder: &Path) -> Result<Self> {
        let mut document = parse(source_name, text)?;
        let mut own = |key: &str| document.as_object_mut().and_then(|entries| entries.remove(key));
        let (experiment, before, curvature, sweep) =
            (own("experiment"), own("pretrain"), own("curvature"), own("sweep"));
        let Some(experiment) = experiment else {
            let detail = "it has no [experiment]: `langevin-nn train` runs training files".into();
            return Err(NnError::Input { detail });
        };
        let mut experiment = Table::new("experiment", experiment)?;
        let name = experiment.required_text("kind")?;
        let Some(kind) = KINDS.into_iter().find(|kind| kind.name() == name) else {
            let known = KINDS.map(ExperimentKind::name).join(", ");
            return Err(experiment.refuse("kind", format!("\"{name}\""), known).into());
        };
        let title = experiment.text("title")?.unwrap_or_else(|| kind.name().to_owned());
        let networks = experiment.count("networks")?.unwrap_or(1);
        if !(1..=10_000).contains(&networks) {
            return Err(experiment.refuse("networks", networks, "1 to 10000").into());
        }
        if networks > 1 && matches!(kind, ExperimentKind::Oscillation | ExperimentKind::Audit) {
            let admissible = match kind {
                ExperimentKind::Audit => "1: in an audit, `chains` is the number of networks",
                _ => "1: linear regression has one Hessian and one minimum, whatever the seed",
            };
            return Err(experiment.refuse("networks", networks, admissible).into());
        }
        let chains = experiment.count("chains")?.unwrap_or(4);
        if !(1..=10_000).contains(&chains) || (chains == 1 && networks == 1) {
            let admissible = "2 to 10000: intervals are over networks, or over the chains of one";
            return Err(experiment.refuse("chains", chains, admissible).into());
        }
        let discard = experiment.count("discard")?.unwrap_or(0);
        let grid = experiment.count("grid")?.unwrap_or(25);
        if !(2..=500).contains(&grid) {
            return Err(experiment.refuse("grid", grid, "2 to 500").into());
        }
        let test_rows = experiment.count("test_rows")?.unwrap_or(0);
        let curvature = read_curvature(curvature)?;
        let phases = read_phases(before)?;
        let sweep = read_sweep(sweep)?;
        let mut training = TrainingFile::parse("experiment.json", &document.to_string(), folder)?;
        if discard >= training.run.steps {
            return Err(experiment
                .refuse("discard", discard, format!("below run.steps = {}", training.run.steps))
                .into());
        }
        let held_out = hold_out(&mut training, test_rows)?;
        if networks > 1 && phases.is_empty() {
            let admissible = "1 without [pretrain]: networks differ by their training";
            return Err(experiment.refuse("networks", networks, admissible).into());
        }
        experiment.finish()?;
        Ok(Self {
            text: text.into(),
            kind,
            title,
            training,
            held_out,
            networks,
            chains,
            discard,
            grid: usize::try_from(grid).unwrap_or(25),
            phases,
            curvature,
            sweep,
        })
    }

    /// The settings that chains run at, the one of `[sgd]` first.
    ///
    /// # Errors
    /// [`NnError::Theory`] for a value that is not admissible.
    pub fn settings(&self) -> Result<Vec<Hyperparameters>> {
        let sgd = self.training.sgd;
        let mut settings = vec![sgd];
        let (rate, momentum, decay, batch) =
            (sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), sgd.batch_size());
        for &value in &self.sweep.learning_rate {
            settings.push(Hyperparameters::new(value, momentum, decay, batch)?);
        }
        for &value in &self.sweep.batch_size {
            settings.push(Hyperparameters::new(rate, momentum, decay, usize::try_from(value).unwrap_or(usize::MAX))?);
        }
        for &value in &self.sweep.momentum {
            settings.push(Hyperparameters::new(rate, value, decay, batch)?);
        }
        Ok(settings)
    }
}

fn read_curvature(table: Option<Value>) -> Result<CurvatureKeys> {
    let mut keys = CurvatureKeys {
        count: 10,
        method: Method::Lanczos,
        iterations: 10,
        samples: None,
        sketch: 20,
        probes: 20,
        vectors: 4,
        steps: 40,
    };
    let Some(table) = table else { return Ok(keys) };
    let mut table = Table::new("curvature", table)?;
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    keys.count = table.count("count")?.map_or(keys.count, size);
    keys.iterations = table.count("iterations")?.map_or(keys.iterations, size);
    keys.samples = table.count("samples")?.map(size);
    keys.sketch = table.count("sketch")?.map_or(keys.sketch, size);
    keys.probes = table.count("probes")?.map_or(keys.probes, size);
    keys.vectors = table.count("vectors")?.map_or(keys.vectors, size);
    keys.steps = table.count("steps")?.map_or(keys.steps, size);
    keys.method = match table.text("method")?.as_deref() {
        None | Some("lanczos") => Method::Lanczos,
        Some("subspace") => Method::Subspace,
        Some(other) => {
            return Err(table.refuse("method", format!("\"{other}\""), "\"lanczos\" or \"subspace\"").into());
        }
    };
    if keys.count == 0 {
        return Err(table.refuse("count", 0, "at least 1").into());
    }
    if keys.probes < 2 {
        return Err(table.refuse("probes", keys.probes, "at least 2: intervals are over probes").into());
    }
    table.finish()?;
    Ok(keys)
}

fn read_phases(table: Option<Value>) -> Result<Vec<Phase>> {
    let Some(table) = table else { return Ok(Vec::new()) };
    let mut table = Table::new("pretrain", table)?;
    let rates = table.numbers("learning_rates")?.unwrap_or_default();
    let steps = table.counts("steps")?.unwrap_or_default();
    if rates.len() != steps.len() {
        let admissible = format!("as many numbers as pretrain.learning_rates, {}", rates.len());
        return Err(table.refuse("steps", format!("a list of {}", steps.len()), admissible).into());
    }
    table.finish()?;
    Ok(rates.into_iter().zip(steps).map(|(learning_rate, steps)| Phase { learning_rate, steps }).collect())
}

fn read_sweep(table: Option<Value>) -> Result<SweepKeys> {
    let Some(table) = table else { return Ok(SweepKeys::default()) };
    let mut table = Table::new("sweep", table)?;
    let keys = SweepKeys {
        learning_rate: table.numbers("learning_rate")?.unwrap_or_default(),
        batch_size: table.counts("batch_size")?.unwrap_or_default(),
        momentum: table.numbers("momentum")?.unwrap_or_default(),
    };
    table.finish()?;
    Ok(keys)
}

/// The test set, or the last rows, which are taken out of the training data.
fn hold_out(training: &mut TrainingFile, rows: u64) -> Result<Option<DataSet>> {
    let all = training.data.samples();
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    if rows == 0 {
        return Ok(training.test.clone());
    }
    if training.test.is_some() {
        let detail = format!("experiment.test_rows is {rows}; it must be left out, as data.test names test samples");
        return Err(NnError::Input { detail });
    }
    let DataSet::Table(table) = &training.data else {
        let detail = format!(
            "experiment.test_rows is {rows}; image folders have no rows to keep: data.test names a folder of test images"
        );
        return Err(NnError::Input { detail });
    };
    if rows >= all {
        let detail = format!("experiment.test_rows is {rows}; it must be below the {all} samples");
        return Err(NnError::Input { detail });
    }
    let part = |first: usize, last: usize| -> Result<RegressionTable> {
        let width = table.dimension();
        let mut values = vec![0.0; (last - first) * width];
        for (row, place) in values.chunks_exact_mut(width).enumerate() {
            table.features().read_row(first + row, place);
        }
        let features = FeatureTable::from_matrix(&DMatrix::from_row_slice(last - first, width, &values))?;
        let outputs = table.outputs();
        let targets = table.targets()[first * outputs..last * outputs].to_vec();
        Ok(RegressionTable::new(&table.name, features, targets, outputs)?)
    };
    let (kept, held_out) = (part(0, all - rows)?, part(all - rows, all)?);
    training.data = DataSet::Table(kept);
    Ok(Some(DataSet::Table(held_out)))
}
