//! `langevin simulate`: runs a problem file and writes statistics and, when asked for, trajectories.
//!
//! Everything is in the eigenbasis of the Hessian (by descending curvature), positions about the ridge minimum. Averages
//! carry standard errors over chains.

use std::path::Path;
use std::time::Instant;

use langevin_sim::Moments;
use langevin_sim::observer::{DisplacementObserver, EnergyObserver, Observer, SnapshotObserver, StateBlock};
use langevin_sim::sgd::{Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::ConstantNoiseLaw;
use langevin_theory::gradient_noise;
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Sampling, TheoryError};
use nalgebra::DMatrix;
use serde_json::{Map, Value, json};

use crate::error::{Result, VerifyError};
use crate::output::write_file;
use crate::problem::{Noise, Problem, Record, StartSpec};
use crate::progress::Progress;
use crate::scenario::Prepared;

/// Most numbers a recorded trajectory may have.
const MOST_NUMBERS: u64 = 200_000_000;

/// Most numbers kept of all chains together (8 GB).
const MOST_KEPT: u64 = 1_000_000_000;

/// Lags per chain at which products are kept.
const LONGEST_LAG: u64 = 1 << 20;

/// A named array of the output.
#[derive(Clone, Debug)]
pub struct Array {
    /// Name in the archive.
    pub name: String,
    /// Shape, slowest index first.
    pub shape: Vec<u64>,
    /// Row-major values.
    pub values: Vec<f64>,
}

/// What a simulation gives.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Scalars and settings.
    pub summary: Value,
    /// Arrays.
    pub arrays: Vec<Array>,
}

/// Mean over origins of x_{s+n} x_s and v_{s+n} v_s of one chain, per lag and coordinate, summed over outputs.
struct AutocovarianceObserver<'a> {
    lags: &'a [u64],
    spacing: u64,
    centre: &'a [f64],
    dimension: usize,
    origins: Vec<(u64, Vec<f64>, Vec<f64>)>,
    counts: Vec<u64>,
    /// Lags x 2 x dimension.
    sums: Vec<f64>,
}

impl<'a> AutocovarianceObserver<'a> {
    fn new(lags: &'a [u64], spacing: u64, centre: &'a [f64], dimension: usize) -> Self {
        Self {
            lags,
            spacing,
            centre,
            dimension,
            origins: Vec::new(),
            counts: vec![0; lags.len()],
            sums: vec![0.0; lags.len() * 2 * dimension],
        }
    }
}

impl Observer for AutocovarianceObserver<'_> {
    type Output = Vec<f64>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let longest = self.lags.last().copied().unwrap_or(0);
        for (step, position, velocity) in block.rows() {
            let deviation: Vec<f64> = position.iter().zip(self.centre).map(|(x, c)| x - c).collect();
            if step % self.spacing == 0 {
                self.origins.push((step, deviation.clone(), velocity.to_vec()));
            }
            self.origins.retain(|(origin, ..)| step - origin <= longest);
            for (origin, x, v) in &self.origins {
                let Ok(index) = self.lags.binary_search(&(step - origin)) else { continue };
                self.counts[index] += 1;
                for (part, (now, then)) in [(&deviation[..], &x[..]), (velocity, &v[..])].into_iter().enumerate() {
                    let first = (2 * index + part) * self.dimension;
                    for (place, (a, b)) in now.iter().zip(then).enumerate() {
                        self.sums[first + place % self.dimension] += a * b;
                    }
                }
            }
        }
    }

    fn finish(mut self) -> Vec<f64> {
        let block = 2 * self.dimension;
        for (sums, &count) in self.sums.chunks_exact_mut(block).zip(&self.counts) {
            for sum in sums.iter_mut() {
                *sum /= count.max(1) as f64;
            }
        }
        self.sums
    }
}

/// An observer that may be absent.
struct Optional<O>(Option<O>);

impl<O: Observer> Observer for Optional<O> {
    type Output = Option<O::Output>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        if let Some(inner) = &mut self.0 {
            inner.observe(block);
        }
    }

    fn finish(self) -> Self::Output {
        self.0.map(Observer::finish)
    }
}

/// Roots of the stationary covariances, one per output, and the noise source, both in the eigenbasis.
fn noise_and_roots(problem: &Problem, prepared: &Prepared) -> Result<(NoiseSource, Option<Vec<DMatrix<f64>>>)> {
    let data = &prepared.dataset.problem;
    let stationary = problem.run.start == StartSpec::Stationary;
    match problem.noise {
        Noise::Minibatch => {
            let roots = if stationary {
                Some(minibatch_roots(problem, prepared).map_err(|error| no_stationary_start(&error))?)
            } else {
                None
            };
            let noise = MinibatchNoise::new(&prepared.rotated, &problem.sgd, problem.sampling)?;
            Ok((NoiseSource::Minibatch(noise), roots))
        }
        Noise::Gaussian => {
            let decay = problem.sgd.weight_decay();
            let minimum = prepared.quadratic.minimum_ridge(decay);
            let factor = problem.sampling.noise_factor(data.samples(), problem.sgd.batch_size())?;
            let mut noise_roots = Vec::new();
            let mut roots = Vec::new();
            for output in 0..data.outputs() {
                let covariance = gradient_noise::covariance(data, &minimum, output)? * factor;
                let rotated = prepared.quadratic.to_eigenbasis(&covariance)?;
                noise_roots.push(covariance_root("noise_covariance", &((&rotated + rotated.transpose()) * 0.5))?);
                if stationary {
                    let root = constant_noise_root(problem, prepared, &rotated);
                    roots.push(root.map_err(|error| no_stationary_start(&error))?);
                }
            }
            let linear = prepared.quadratic.eigenvectors().tr_mul(prepared.quadratic.linear_term());
            let noise = GaussianNoise::new(prepared.quadratic.eigenvalues().as_slice(), &linear, &noise_roots)?;
            Ok((NoiseSource::Gaussian(noise), stationary.then_some(roots)))
        }
    }
}

fn no_stationary_start(error: &TheoryError) -> VerifyError {
    VerifyError::Input {
        detail: format!(
            "run.start is \"stationary\" and there is no such law: {error}; start at minimum, zero or a list of numbers, \
             or change [sgd]"
        ),
    }
}

/// Roots of the stationary covariances of (theta, v), one per output.
fn minibatch_roots(problem: &Problem, prepared: &Prepared) -> langevin_theory::Result<Vec<DMatrix<f64>>> {
    let data = &prepared.dataset.problem;
    let law = MinibatchLaw::with_quadratic(data, &prepared.quadratic, &problem.sgd, problem.sampling)?;
    let positions = law.stationary_positions_in_eigenbasis()?;
    positions
        .iter()
        .map(|position| covariance_root("the stationary covariance", &law.phase_space_moment(position)?))
        .collect()
}

/// Root of the stationary covariance of (theta, v), zero in directions without curvature.
fn constant_noise_root(
    problem: &Problem,
    prepared: &Prepared,
    noise: &DMatrix<f64>,
) -> langevin_theory::Result<DMatrix<f64>> {
    let (size, rank) = (prepared.quadratic.dimension(), prepared.quadratic.rank());
    let active = prepared.quadratic.eigenvalues().rows(0, rank).into_owned();
    let quadratic = langevin_theory::Quadratic::new(DMatrix::from_diagonal(&active), DMatrix::zeros(rank, 1))?;
    let block = noise.view((0, 0), (rank, rank)).into_owned();
    let symmetric = (&block + block.transpose()) * 0.5;
    let sgd = &problem.sgd;
    let law = ConstantNoiseLaw::new(&quadratic, sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), &symmetric)?;
    let small = law.stationary_covariance_in_eigenbasis()?;
    let mut full = DMatrix::zeros(2 * size, 2 * size);
    for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        full.view_mut((row * size, column * size), (rank, rank))
            .copy_from(&small.view((row * rank, column * rank), (rank, rank)));
    }
    covariance_root("the stationary covariance", &full)
}

/// Runs a problem.
///
/// # Errors
/// [`VerifyError::Theory`] for a stationary start that does not exist; [`VerifyError::Input`] for a trajectory too large to
/// keep.
pub fn simulate(problem: &Problem, progress: &Progress) -> Result<Simulated> {
    let prepared = Prepared::new(problem.data.clone())?;
    let (noise, roots) = noise_and_roots(problem, &prepared)?;
    let run = &problem.run;
    let minimum = prepared.minimum_in_eigenbasis(problem.sgd.weight_decay());
    let (dimension, outputs) = minimum.shape();
    let start = match (&run.start, roots) {
        (StartSpec::Stationary, Some(roots)) => Start::Gaussian { mean: minimum.clone(), roots },
        (StartSpec::Values(values), _) => Start::Fixed(prepared.quadratic.eigenvectors().tr_mul(values)),
        (StartSpec::Zero, _) => Start::Fixed(DMatrix::zeros(dimension, outputs)),
        (StartSpec::Minimum | StartSpec::Stationary, _) => Start::Fixed(minimum.clone()),
    };
    let centre: Vec<f64> = minimum.as_slice().to_vec();
    let lags: Vec<u64> = std::iter::successors(Some(1_u64), |lag| lag.checked_mul(2))
        .take_while(|&lag| lag <= (run.steps / 2).max(1) && lag <= LONGEST_LAG)
        .collect();
    let lags_from_zero: Vec<u64> = std::iter::once(0).chain(lags.iter().copied()).collect();
    let spacing = (run.steps / 16).max(1);
    let wants = |kind: Record| run.record.contains(&kind);
    let every = run.record.iter().find_map(|record| match record {
        Record::Trajectory { every } => Some(*every),
        _ => None,
    });
    let kept_steps: Vec<u64> = every.map_or_else(Vec::new, |every| {
        (0..=run.steps / every).map(|index| index * every).take(MOST_NUMBERS as usize).collect()
    });
    let width = 2 * (dimension * outputs) as u64;
    let numbers = (kept_steps.len() as u64).saturating_mul(width).saturating_mul(run.chains);
    if numbers > MOST_NUMBERS {
        return Err(VerifyError::Input {
            detail: format!(
                "the trajectory would have {numbers} numbers; it must have at most {MOST_NUMBERS}: record fewer steps \
                 (trajectory: every = K) or run fewer chains"
            ),
        });
    }
    let ensemble = Ensemble::new(noise, &problem.sgd, start, run.seed)?;
    // what is kept of a chain until all have run: moments, and per lag a displacement and products
    let per_chain = (3 * dimension as u64).saturating_add(2 * width * lags_from_zero.len() as u64);
    let most = MOST_KEPT / per_chain;
    if run.chains > most {
        return Err(VerifyError::Input {
            detail: format!("run.chains is {}; it must be at most {most} for this problem", run.chains),
        });
    }
    let chain_steps =
        run.chains.checked_mul(run.steps).filter(|&count| count < u64::MAX / 2).ok_or_else(|| VerifyError::Input {
            detail: format!("run.steps is {} with {} chains; it must be below 2^63 in all", run.steps, run.chains),
        })?;
    progress.expect(chain_steps + run.chains);
    progress.name("simulate");
    let began = Instant::now();
    let records = ensemble.run(
        0..run.chains,
        run.steps,
        || {
            let energies = wants(Record::Moments).then(|| EnergyObserver::new(&centre, dimension));
            let displacement = wants(Record::Displacement).then(|| DisplacementObserver::new(&lags, spacing));
            let products = wants(Record::Autocovariance)
                .then(|| AutocovarianceObserver::new(&lags_from_zero, spacing, &centre, dimension));
            let states = every.map(|_| SnapshotObserver::new(&kept_steps));
            ((Optional(energies), Optional(displacement)), (Optional(products), Optional(states)))
        },
        &|done| progress.advance(done),
    );
    let seconds = began.elapsed().as_secs_f64();
    progress.finish();

    let mut arrays = vec![
        Array {
            name: "eigenvalues".into(),
            shape: vec![dimension as u64],
            values: prepared.quadratic.eigenvalues().iter().copied().collect(),
        },
        Array {
            name: "minimum_ridge".into(),
            shape: vec![outputs as u64, dimension as u64],
            values: minimum.as_slice().to_vec(),
        },
    ];
    let mut average = |name: &str, shape: Vec<u64>, length: usize, value: &dyn Fn(usize, usize) -> f64| {
        let moments: Vec<Moments> =
            (0..length).map(|place| Moments::of((0..records.len()).map(|chain| value(chain, place)))).collect();
        arrays.push(Array {
            name: name.into(),
            shape: shape.clone(),
            values: moments.iter().map(Moments::mean).collect(),
        });
        arrays.push(Array {
            name: format!("{name}_standard_error"),
            shape,
            values: moments.iter().map(Moments::standard_error).collect(),
        });
    };
    if records.iter().all(|((energies, _), _)| energies.is_some()) && wants(Record::Moments) {
        let pick =
            |part: usize| {
                let records = &records;
                move |chain: usize, place: usize| {
                    records[chain].0.0.as_ref().map_or(f64::NAN, |energies| {
                        [&energies.position, &energies.velocity, &energies.cross][part][place]
                    })
                }
            };
        let shape = vec![dimension as u64];
        average("position_second_moment", shape.clone(), dimension, &pick(0));
        average("velocity_second_moment", shape.clone(), dimension, &pick(1));
        average("cross_moment", shape, dimension, &pick(2));
    }
    if wants(Record::Displacement) {
        let value = |chain: usize, place: usize| records[chain].0.1.as_ref().map_or(f64::NAN, |curve| curve[place]);
        average("displacement", vec![lags.len() as u64], lags.len(), &value);
    }
    if wants(Record::Autocovariance) {
        let shape = vec![lags_from_zero.len() as u64, 2, dimension as u64];
        let value =
            |chain: usize, place: usize| records[chain].1.0.as_ref().map_or(f64::NAN, |products| products[place]);
        average("autocovariance", shape, lags_from_zero.len() * 2 * dimension, &value);
    }
    let list = |name: &str, steps: &[u64]| Array {
        name: name.into(),
        shape: vec![steps.len() as u64],
        values: steps.iter().map(|&step| step as f64).collect(),
    };
    if wants(Record::Displacement) {
        arrays.push(list("displacement_lags", &lags));
    }
    if wants(Record::Autocovariance) {
        arrays.push(list("autocovariance_lags", &lags_from_zero));
    }
    if every.is_some() {
        let mut values = Vec::with_capacity(numbers as usize);
        for (_, (_, states)) in &records {
            if let Some(states) = states {
                values.extend(states.transpose().iter());
            }
        }
        arrays.push(Array {
            name: "trajectory".into(),
            shape: vec![run.chains, kept_steps.len() as u64, 2, outputs as u64, dimension as u64],
            values,
        });
        arrays.push(list("trajectory_steps", &kept_steps));
    }
    let summary = json!({
        "data": problem.data.name,
        "samples": problem.data.problem.samples(),
        "dimension": dimension,
        "outputs": outputs,
        "rank": prepared.quadratic.rank(),
        "learning_rate": problem.sgd.learning_rate(),
        "momentum": problem.sgd.momentum(),
        "weight_decay": problem.sgd.weight_decay(),
        "batch_size": problem.sgd.batch_size(),
        "sampling": problem.sampling.name(),
        "noise": problem.noise.name(),
        "seed": run.seed,
        "chains": run.chains,
        "steps": run.steps,
        "chain_steps": chain_steps,
        "seconds": seconds,
        "chain_steps_per_second": chain_steps as f64 / seconds.max(1e-9),
    });
    if let Some(bad) = arrays.iter().find(|array| array.values.iter().any(|value| !value.is_finite())) {
        return Err(VerifyError::Input {
            detail: format!(
                "the simulation diverged: {} is not finite after {} steps; sgd.learning_rate is {}, {}",
                bad.name,
                run.steps,
                problem.sgd.learning_rate(),
                match stable_limit(problem, &prepared) {
                    Some(limit) => format!("the largest mean-square stable one is {limit:.6}"),
                    None => "which must be below the largest mean-square stable one".into(),
                }
            ),
        });
    }
    Ok(Simulated { summary, arrays })
}

fn stable_limit(problem: &Problem, prepared: &Prepared) -> Option<f64> {
    let sampling = match problem.sampling {
        Sampling::Reshuffle => Sampling::WithoutReplacement,
        other => other,
    };
    MinibatchLaw::with_quadratic(&prepared.dataset.problem, &prepared.quadratic, &problem.sgd, sampling)
        .ok()?
        .learning_rate_limit()
        .ok()?
}

impl Simulated {
    /// Everything as one JSON document; arrays are nested lists.
    pub fn to_json(&self) -> Value {
        let mut all = self.summary.as_object().cloned().unwrap_or_default();
        // timings do not belong to the numbers of a file: same seed, same bytes
        all.remove("seconds");
        all.remove("chain_steps_per_second");
        let arrays: Map<String, Value> =
            self.arrays.iter().map(|array| (array.name.clone(), nested(&array.values, &array.shape))).collect();
        all.insert("arrays".into(), Value::Object(arrays));
        Value::Object(all)
    }

    /// Writes `.json` or `.npz`.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for another extension, [`VerifyError::Output`].
    pub fn write(&self, path: &Path) -> Result<()> {
        match extension(path)? {
            Format::Json => {
                let text = serde_json::to_vec_pretty(&self.to_json())
                    .map_err(|error| VerifyError::Render { detail: error.to_string() })?;
                write_file(path, &text)
            }
            Format::Npz => write_file(path, &self.to_npz(path)?),
        }
    }

    fn to_npz(&self, path: &Path) -> Result<Vec<u8>> {
        use npyz::WriterBuilder;
        let fail = |source| VerifyError::Output { path: path.display().to_string(), source };
        let mut bytes = std::io::Cursor::new(Vec::new());
        {
            let mut archive = npyz::npz::NpzWriter::new(&mut bytes);
            for array in &self.arrays {
                let options = npyz::zip::write::FileOptions::default();
                let mut writer = archive
                    .array(&array.name, options)
                    .map_err(fail)?
                    .default_dtype()
                    .shape(&array.shape)
                    .begin_nd()
                    .map_err(fail)?;
                writer.extend(array.values.iter().copied()).map_err(fail)?;
                writer.finish().map_err(fail)?;
            }
        }
        Ok(bytes.into_inner())
    }
}

/// A file format of the output.
enum Format {
    Json,
    Npz,
}

fn extension(path: &Path) -> Result<Format> {
    match path.extension().and_then(|text| text.to_str()) {
        Some("json") => Ok(Format::Json),
        Some("npz") => Ok(Format::Npz),
        other => Err(VerifyError::Input {
            detail: format!(
                "{}: the extension is {}; it must be .npz or .json",
                path.display(),
                other.map_or_else(|| "missing".into(), |text| format!(".{text}"))
            ),
        }),
    }
}

/// Refuses an output path that could not be written in the end, before anything runs.
///
/// # Errors
/// [`VerifyError::Input`] for an unknown extension, [`VerifyError::Output`] for a folder that is not there.
pub fn check_path(path: &Path) -> Result<()> {
    extension(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(VerifyError::Output {
            path: folder.display().to_string(),
            source: std::io::Error::from(std::io::ErrorKind::NotADirectory),
        }),
        Err(source) => Err(VerifyError::Output { path: folder.display().to_string(), source }),
    }
}

fn nested(values: &[f64], shape: &[u64]) -> Value {
    match shape {
        [] | [_] => Value::from(values.to_vec()),
        [_, rest @ ..] => {
            let block = rest.iter().product::<u64>().max(1) as usize;
            values.chunks(block).map(|chunk| nested(chunk, rest)).collect()
        }
    }
}
