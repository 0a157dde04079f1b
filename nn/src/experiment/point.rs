//! The network an experiment starts from, and the curvature there: trained in phases unless weights are given, measured once, kept in
//! files so that a resumed or sharded experiment finds them.

use std::path::{Path, PathBuf};

use langevin_sim::random::Stream;
use langevin_verify::output::{create_folder, write_file};
use langevin_verify::progress::Progress;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::experiment_file::{ExperimentFile, ExperimentKind, Method};
use super::interval::ALPHA;
use crate::curvature::{
    Eigenspace, HessianNoiseOperator, HessianOperator, LanczosPlan, MOST_DENSE, Modes, NoiseOperator, Objective, Trace,
    TracePlan, lanczos, spectral_density, subspace_iteration, trace,
};
use crate::directions::write_directions;
use crate::error::{NnError, Result};
use crate::run_folder::{Status, checkpoint_path, holds_run, read_manifest};
use crate::tensor::{Device, Tensor};
use crate::train::{Options, Trainer, train};
use crate::training_file::TrainingFile;

/// Chains of the training before are numbered from here.
const FIRST_CHAIN: u64 = 1 << 31;

/// A number with half the width of its interval.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Half the width of its 95 % interval.
    pub half_width: f64,
}

impl From<Trace> for Estimate {
    fn from(trace: Trace) -> Self {
        Self { value: trace.value, half_width: trace.half_width }
    }
}

/// What is known about theta_*: `curvature.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Curvature {
    /// rho_i, and |H q - rho q|.
    pub eigenvalues: Vec<f64>,
    /// Residuals.
    pub residuals: Vec<f64>,
    /// q . g.
    pub gradient: Vec<f64>,
    /// q . (mu - theta_*), with weight decay.
    pub minimum: Vec<f64>,
    /// q_i' Sigma q_j, row by row.
    pub noise: Vec<f64>,
    /// Hill index of the gradients of single samples along each direction, and its standard error.
    pub tail_index: Vec<[f64; 2]>,
    /// tr H.
    pub trace_hessian: Estimate,
    /// tr Sigma.
    pub trace_noise: Estimate,
    /// tr H Sigma.
    pub trace_product: Estimate,
    /// Nodes and weights of the density of eigenvalues.
    pub density: [Vec<f64>; 2],
    /// How far moments of the density are from direct ones.
    pub moment_mismatch: f64,
    /// Noise and force over the whole spectrum: for predictions mode by mode, in experiments that make them.
    #[serde(default)]
    pub modes: Option<Modes>,
    /// Samples behind all this.
    pub samples: usize,
    /// m.
    pub dimension: usize,
    /// Products with H for the eigenpairs.
    pub products: u64,
}

impl Curvature {
    /// q_i' Sigma q_i.
    pub fn noise_along(&self, direction: usize) -> f64 {
        let count = self.eigenvalues.len();
        self.noise.get(direction * count + direction).copied().unwrap_or(f64::NAN)
    }

    /// Q' Sigma Q.
    pub fn noise_matrix(&self) -> DMatrix<f64> {
        let count = self.eigenvalues.len();
        DMatrix::from_fn(count, count, |i, j| self.noise.get(i * count + j).copied().unwrap_or(f64::NAN))
    }
}

/// Where chains start.
#[derive(Clone, Debug)]
pub struct Point {
    /// The measured chain's training file: it starts here and is projected on the eigenvectors.
    pub training: TrainingFile,
    /// What is known about it.
    pub curvature: Curvature,
}

/// Trains and measures, or reads what an earlier process found.
///
/// # Errors
/// [`NnError`] of training, curvature and files.
pub fn prepare(
    file: &ExperimentFile,
    training: &TrainingFile,
    folder: &Path,
    device: Device,
    progress: &Progress,
) -> Result<Point> {
    create_folder(folder)?;
    let mut training = training.clone();
    if let Some(weights) = pretrain(file, &training, folder, device, progress)? {
        training.start.weights = Some(weights);
        training.start.keep_velocity = false;
    }
    let (record, directions) = (folder.join("curvature.json"), folder.join("directions.npy"));
    let curvature = if record.exists() && directions.exists() {
        let text = std::fs::read_to_string(&record).map_err(|source| NnError::Read { path: record.clone(), source })?;
        let damaged = |error: serde_json::Error| NnError::File { path: record.clone(), detail: error.to_string() };
        serde_json::from_str(&text).map_err(damaged)?
    } else {
        progress.note("curvature");
        let trainer = Trainer::new(&training, device)?;
        let (curvature, vectors) = measure(&trainer, file, &training)?;
        write_directions(&directions, &vectors)?;
        let text = serde_json::to_vec_pretty(&curvature)
            .map_err(|error| NnError::File { path: record.clone(), detail: error.to_string() })?;
        write_file(&record, &text)?;
        curvature
    };
    training.track.directions = Some(directions);
    Ok(Point { training, curvature })
}

/// Runs a chain to its end unless it has got there.
///
/// # Errors
/// [`NnError`] of training.
pub fn complete(file: &TrainingFile, folder: &Path, device: Device, progress: &Progress) -> Result<()> {
    let resume = holds_run(folder);
    if resume {
        let found = read_manifest(folder)?;
        if found.status == Status::Finished && found.steps == file.run.steps {
            progress.advance(file.run.steps);
            return Ok(());
        }
    }
    train(file, folder, Options { device, resume }, progress).map(drop)
}

/// The checkpoint after the phases before; none without phases.
fn pretrain(
    file: &ExperimentFile,
    training: &TrainingFile,
    folder: &Path,
    device: Device,
    progress: &Progress,
) -> Result<Option<PathBuf>> {
    let mut weights = None;
    for (number, phase) in file.phases.iter().enumerate() {
        let place = folder.join(format!("pretrain-{}", number + 1));
        let mut before = training.clone();
        before.sgd = training.sgd.with_learning_rate(phase.learning_rate)?;
        before.run.steps = phase.steps;
        before.run.chain = FIRST_CHAIN + number as u64;
        before.track.every = phase.steps.max(1);
        before.track.directions = None;
        if let Some(weights) = weights {
            before.start.weights = Some(weights);
            before.start.keep_velocity = true;
        }
        complete(&before, &place, device, progress)?;
        weights = Some(checkpoint_path(&place));
    }
    Ok(weights)
}

/// Samples without repetition, from a stream of their own.
pub(super) fn some_samples(count: usize, all: usize, seed: u64) -> Vec<u32> {
    let mut stream = Stream::new(seed, u64::MAX);
    let mut samples: Vec<u32> = (0..u32::try_from(all).unwrap_or(u32::MAX)).collect();
    let mut words = Vec::new();
    for place in 0..count.min(all) {
        if words.is_empty() {
            words.extend(stream.next_eight());
        }
        // a bias of all/2^64 is nothing here
        let step = words.pop().map_or(0, |word| word % (all - place) as u64);
        samples.swap(place, place + usize::try_from(step).unwrap_or(0));
    }
    samples.truncate(count);
    samples
}

fn measure(trainer: &Trainer, file: &ExperimentFile, training: &TrainingFile) -> Result<(Curvature, Tensor)> {
    let (network, data) = trainer.parts();
    let (seed, keys) = (training.run.seed, &file.curvature);
    let mut objective = Objective::new(network, data, trainer.loss());
    if let Some(samples) = keys.samples.filter(|samples| *samples < data.samples()) {
        objective = objective.of_samples(some_samples(samples, data.samples(), seed))?;
    }
    let hessian = HessianOperator(&objective);
    let pairs = match keys.method {
        Method::Lanczos => lanczos(&hessian, &LanczosPlan::new(keys.count, seed))?,
        Method::Subspace => subspace_iteration(&hessian, keys.count, keys.count / 2 + 2, keys.iterations, seed)?,
    };
    let space = Eigenspace::new(&objective, &pairs)?;
    let plan = TracePlan { sketch: keys.sketch, probes: keys.probes, alpha: ALPHA, seed };
    let density =
        if keys.vectors >= 2 { Some(spectral_density(&hessian, keys.vectors, keys.steps, ALPHA, seed)?) } else { None };
    let count = space.curvature.len();
    let decay = training.sgd.weight_decay();
    let modes = match file.kind {
        ExperimentKind::Diffusion if objective.dimension() <= MOST_DENSE => Some(Modes::of_matrix(&objective, decay)?),
        ExperimentKind::Diffusion if keys.vectors >= 2 => {
            let plan = (keys.vectors, keys.steps);
            Some(Modes::by_quadrature(&objective, (&pairs, &space), decay, plan, seed)?)
        }
        _ => None,
    };
    let curvature = Curvature {
        modes,
        minimum: space.minimum(decay),
        eigenvalues: space.curvature,
        residuals: space.residual,
        gradient: space.gradient,
        noise: (0..count * count).map(|place| space.noise[(place / count, place % count)]).collect(),
        tail_index: space.sample_gradients.iter().map(|values| tail(values)).collect(),
        trace_hessian: trace(&hessian, &plan)?.into(),
        trace_noise: trace(&NoiseOperator(&objective), &plan)?.into(),
        trace_product: trace(&HessianNoiseOperator(&objective), &plan)?.into(),
        moment_mismatch: density.as_ref().map_or(0.0, |density| density.moment_mismatch),
        density: density.map_or_else(Default::default, |density| [density.nodes, density.weights]),
        samples: objective.samples(),
        dimension: objective.dimension(),
        products: pairs.products,
    };
    Ok((curvature, pairs.vectors))
}

fn tail(values: &[f64]) -> [f64; 2] {
    let (index, error) = langevin_verify::statistics::chains::tail_index(values);
    // JSON has no infinity; beyond this an index says nothing
    [index.min(1e6), error.min(1e6)]
}
