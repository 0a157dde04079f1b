//! `langevin simulate` with `run.record = ["modes"]`: problems too large for the eigenbasis. SGD runs in the coordinates of
//! the data, on features in their file's number format, and what is kept of every step are projections on the top
//! eigenvectors of the Hessian (the paper's Figure 2, H.1 and H.3),
//!
//! ```text
//! q_i . (theta_k - mu),   q_i . v_k,   |theta_k - theta_{k-1}|^2,   |theta_k - theta_0|^2
//! ```
//!
//! beside the exact mean of each projection, M^k (x_0, 0), and that of the SDE, equation (7). A projection of the ridge
//! minimum needs its own mode alone: q_i . mu = q_i . b / (rho_i + lambda).

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use langevin_sim::data::RegressionTable;
use langevin_sim::sgd::TableChain;
use langevin_theory::discrete::ModeMap;
use langevin_theory::langevin::Oscillator;
use langevin_theory::largest_eigenpairs::largest_eigenpairs;
use langevin_theory::{Hyperparameters, Quadratic, Sampling, Time};
use nalgebra::{DMatrix, DMatrixView, DVector};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::document::{Table, parse};
use crate::error::{Result, VerifyError};
use crate::problem::{RunSpec, read_hyperparameters, read_sampling, read_start_values, read_table};
use crate::progress::Progress;
use crate::simulate::Array;

/// Modes when the file does not say (the paper's 30).
const DEFAULT_MODES: usize = 30;

/// Largest dimension whose Hessian is decomposed in full when the file does not say (0.5 GB a matrix).
const DENSE: usize = 8192;

/// Largest dimension whose Hessian is decomposed in full at all (3.2 GB a matrix).
const MOST_DENSE: usize = 20_000;

/// Most numbers that a run may keep (1.6 GB).
const MOST_NUMBERS: u64 = 200_000_000;

/// Residuals of eigenpairs found one by one, over the largest eigenvalue.
const TOLERANCE: f64 = 1e-10;

/// Seed of the random block that such a search starts from, and the stream of a random start: no chain has this number.
const SPECIAL_STREAM: u64 = u64::MAX;

/// Which eigenpairs are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eigenpairs {
    /// All, from the Hessian.
    All,
    /// Those that are recorded, from products with the data.
    Top,
}

/// Where chains start, always at rest.
#[derive(Clone, Debug)]
enum Start {
    Zero,
    /// Uniform in +-1/sqrt(d), as PyTorch initialises a linear layer.
    Random,
    Minimum,
    Values(DMatrix<f64>),
}

/// A problem that is run in the coordinates of its data.
#[derive(Clone, Debug)]
pub struct ModesProblem {
    data: Arc<RegressionTable>,
    /// One per momentum.
    sgd: Vec<Hyperparameters>,
    sampling: Sampling,
    steps: u64,
    chains: u64,
    seed: u64,
    start: Start,
    modes: usize,
    eigenpairs: Eigenpairs,
}

impl ModesProblem {
    /// Reads a problem file; `None` when it does not ask for modes.
    ///
    /// # Errors
    /// [`VerifyError`] naming the file and the key, or the data file and the place in it.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| VerifyError::Input { detail: format!("{name}: {source}") })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&name, &text, folder).map_err(|error| error.in_file(&name))
    }

    fn parse(name: &str, text: &str, folder: &Path) -> Result<Option<Self>> {
        let document = parse(name, text)?;
        if !asks_for_modes(&document) {
            return Ok(None);
        }
        let mut document = Table::new("", document)?;
        let data = document.required_table("data")?;
        let sgd = document.value("sgd").unwrap_or_else(|| Value::Object(Map::new()));
        let mut run = document.required_table("run")?;
        document.finish()?;
        let (sgd, sampling) = read_sgd(sgd)?;
        let items = run.value("record").and_then(|record| record.as_array().map_or(Some(1), |list| Some(list.len())));
        if items != Some(1) {
            return Err(run
                .refuse("record", "a list with \"modes\" and more", "[\"modes\"] alone, or without \"modes\"")
                .into());
        }
        let default = RunSpec::default();
        let at_least_one = |run: &mut Table, key: &'static str, default: u64| -> Result<u64> {
            let count = run.count(key)?.unwrap_or(default);
            if count == 0 { Err(run.refuse(key, 0, "at least 1").into()) } else { Ok(count) }
        };
        let steps = at_least_one(&mut run, "steps", default.steps)?;
        let chains = at_least_one(&mut run, "chains", 1)?;
        let seed = run.count("seed")?.unwrap_or(default.seed);
        let modes = run.count("modes")?;
        let eigenpairs = run.text("eigenpairs")?;
        let start = run.value("start");
        let data = Arc::new(read_table(data, folder)?);
        sampling.noise_factor(data.samples(), sgd[0].batch_size())?;
        let shape = (data.dimension(), data.outputs());
        let dimension = shape.0;
        let modes = match modes {
            None => DEFAULT_MODES.min(dimension),
            Some(count) if (1..=dimension as u64).contains(&count) => count as usize,
            Some(count) => return Err(run.refuse("modes", count, format!("between 1 and {dimension}")).into()),
        };
        let eigenpairs = match eigenpairs.as_deref() {
            None if dimension <= DENSE => Eigenpairs::All,
            None | Some("top") => Eigenpairs::Top,
            Some("all") if dimension <= MOST_DENSE => Eigenpairs::All,
            Some("all") => {
                let admissible = format!("\"top\" for {dimension} features (all up to {MOST_DENSE})");
                return Err(run.refuse("eigenpairs", "\"all\"", admissible).into());
            }
            Some(other) => return Err(run.refuse("eigenpairs", format!("\"{other}\""), "all or top").into()),
        };
        let start = match start.as_ref().map(|value| (value.as_str(), value)) {
            None | Some((Some("zero"), _)) => Start::Zero,
            Some((Some("random"), _)) => Start::Random,
            Some((Some("minimum"), _)) if eigenpairs == Eigenpairs::All => Start::Minimum,
            Some((Some(other), _)) => {
                let admissible = match eigenpairs {
                    Eigenpairs::All => "zero, random, minimum, or a list of numbers with record = [\"modes\"]",
                    Eigenpairs::Top => "zero, random, or a list of numbers when only the top eigenpairs are computed",
                };
                return Err(run.refuse("start", format!("\"{other}\""), admissible).into());
            }
            Some((None, value)) => Start::Values(read_start_values(&run, value.clone(), shape)?),
        };
        run.finish()?;
        let numbers = 2_u64
            .saturating_mul(sgd.len() as u64)
            .saturating_mul(chains.saturating_add(3))
            .saturating_mul(steps.saturating_add(1))
            .saturating_mul((shape.1 * modes) as u64 + 1);
        if numbers > MOST_NUMBERS {
            return Err(VerifyError::Input {
                detail: format!(
                    "the run would keep {numbers} numbers; it must keep at most {MOST_NUMBERS}: record fewer run.modes, or \
                     run fewer run.steps or run.chains"
                ),
            });
        }
        Ok(Some(Self { data, sgd, sampling, steps, chains, seed, start, modes, eigenpairs }))
    }

    /// theta_0, d x outputs.
    fn start(&self, spectrum: &Spectrum) -> DMatrix<f64> {
        let (dimension, outputs) = (self.data.dimension(), self.data.outputs());
        match &self.start {
            Start::Zero => DMatrix::zeros(dimension, outputs),
            Start::Values(values) => values.clone(),
            Start::Minimum => spectrum.minimum.clone().unwrap_or_else(|| DMatrix::zeros(dimension, outputs)),
            Start::Random => {
                let mut stream = ChaCha8Rng::seed_from_u64(self.seed);
                stream.set_stream(SPECIAL_STREAM);
                let bound = 1.0 / (dimension as f64).sqrt();
                DMatrix::from_fn(dimension, outputs, |_, _| bound * (2.0 * stream.random::<f64>() - 1.0))
            }
        }
    }
}

fn asks_for_modes(document: &Value) -> bool {
    let is_modes = |value: &Value| value.as_str() == Some("modes");
    let record = document.get("run").and_then(|run| run.get("record"));
    record.is_some_and(|record| is_modes(record) || record.as_array().is_some_and(|list| list.iter().any(is_modes)))
}

/// The hyperparameters, once per momentum when that is a list.
fn read_sgd(sgd: Value) -> Result<(Vec<Hyperparameters>, Sampling)> {
    let momenta = sgd.get("momentum").and_then(Value::as_array).cloned();
    let variants: Vec<Value> = match momenta {
        None => vec![sgd],
        Some(list) => {
            if list.is_empty() {
                return Err(Table::new("sgd", sgd)?
                    .refuse("momentum", "an empty list", "a number or a list of numbers")
                    .into());
            }
            let with = |momentum: Value| {
                let mut copy = sgd.clone();
                copy["momentum"] = momentum;
                copy
            };
            list.into_iter().map(with).collect()
        }
    };
    let mut all = Vec::new();
    let mut common = Sampling::WithReplacement;
    for variant in variants {
        let mut table = Table::new("sgd", variant)?;
        all.push(read_hyperparameters(&mut table)?);
        common = read_sampling(&mut table)?;
        if let Some(noise) = table.text("noise")?.filter(|noise| noise != "minibatch") {
            return Err(table.refuse("noise", format!("\"{noise}\""), "minibatch with record = [\"modes\"]").into());
        }
        table.finish()?;
    }
    Ok((all, common))
}

/// Eigenpairs of the Hessian and what they say about the minimum.
struct Spectrum {
    /// All that were computed, descending.
    eigenvalues: DVector<f64>,
    /// d x modes.
    vectors: DMatrix<f64>,
    /// |H q - rho q| per mode.
    residuals: DVector<f64>,
    /// q . b, modes x outputs.
    linear: DMatrix<f64>,
    /// Directions with curvature; unknown when only the top pairs are.
    rank: Option<usize>,
    /// Ridge minimum of the first momentum's weight decay, which all share.
    minimum: Option<DMatrix<f64>>,
}

/// The sign of an eigenvector is free: its largest component is made positive.
fn fix_signs(vectors: &mut DMatrix<f64>) {
    for mut column in vectors.column_iter_mut() {
        if column[column.iamax()] < 0.0 {
            column.neg_mut();
        }
    }
}

impl Spectrum {
    fn of(problem: &ModesProblem, timings: &mut Map<String, Value>) -> Result<Self> {
        let data = &problem.data;
        let began = Instant::now();
        let linear_term = data.linear_term();
        match problem.eigenpairs {
            Eigenpairs::All => {
                let hessian = data.hessian();
                timings.insert("hessian".into(), began.elapsed().as_secs_f64().into());
                let began = Instant::now();
                let quadratic = Quadratic::from_samples(hessian, linear_term, data.samples())?;
                let mut vectors = quadratic.eigenvectors().columns(0, problem.modes).into_owned();
                fix_signs(&mut vectors);
                let mut gaps = quadratic.hessian() * &vectors;
                for (mode, mut column) in gaps.column_iter_mut().enumerate() {
                    column.axpy(-quadratic.eigenvalues()[mode], &vectors.column(mode), 1.0);
                }
                let spectrum = Self {
                    eigenvalues: quadratic.eigenvalues().clone(),
                    residuals: DVector::from_iterator(problem.modes, gaps.column_iter().map(|column| column.norm())),
                    linear: vectors.tr_mul(quadratic.linear_term()),
                    rank: Some(quadratic.rank()),
                    minimum: Some(quadratic.minimum_ridge(problem.sgd[0].weight_decay())),
                    vectors,
                };
                timings.insert("eigenpairs".into(), began.elapsed().as_secs_f64().into());
                Ok(spectrum)
            }
            Eigenpairs::Top => {
                let dimension = data.dimension();
                let block = (problem.modes + usize::max(10, problem.modes / 2)).min(dimension);
                let mut stream = ChaCha8Rng::seed_from_u64(SPECIAL_STREAM);
                let start = DMatrix::from_fn(dimension, block, |_, _| StandardNormal.sample(&mut stream));
                let top = largest_eigenpairs(
                    |block| data.features().hessian_product(block),
                    &start,
                    problem.modes,
                    TOLERANCE,
                )?;
                let mut vectors = top.vectors;
                fix_signs(&mut vectors);
                timings.insert("eigenpairs".into(), began.elapsed().as_secs_f64().into());
                timings.insert("passes".into(), top.products.into());
                Ok(Self {
                    eigenvalues: top.values,
                    residuals: top.residuals,
                    linear: vectors.tr_mul(&linear_term),
                    rank: None,
                    minimum: None,
                    vectors,
                })
            }
        }
    }

    /// rho + lambda of a recorded mode.
    fn curvature(&self, mode: usize, sgd: &Hyperparameters) -> f64 {
        self.eigenvalues[mode] + sgd.weight_decay()
    }

    /// q . mu, modes x outputs; zero without curvature.
    fn centre(&self, sgd: &Hyperparameters) -> DMatrix<f64> {
        let mut centre = self.linear.clone();
        for (mode, mut row) in centre.row_iter_mut().enumerate() {
            let curvature = self.curvature(mode, sgd);
            let null = self.rank.is_some_and(|rank| mode >= rank) && sgd.weight_decay() <= 0.0;
            if curvature > 0.0 && !null { row /= curvature } else { row.fill(0.0) }
        }
        centre
    }
}

/// What is kept of one chain: per step, positions then velocities are outputs x modes.
struct ChainPath {
    position: Vec<f64>,
    velocity: Vec<f64>,
    step_squared: Vec<f64>,
    displacement_squared: Vec<f64>,
}

fn run_chain(
    problem: &ModesProblem,
    sgd: &Hyperparameters,
    chain: u64,
    start: &DMatrix<f64>,
    transposed: &DMatrix<f64>,
    centre: &DMatrix<f64>,
    progress: &Progress,
) -> Result<ChainPath> {
    let (dimension, outputs) = start.shape();
    let mut state = TableChain::new(Arc::clone(&problem.data), sgd, problem.sampling, start, problem.seed, chain)?;
    let length = (problem.steps as usize + 1) * outputs * problem.modes;
    let mut path = ChainPath {
        position: Vec::with_capacity(length),
        velocity: Vec::with_capacity(length),
        step_squared: vec![0.0],
        displacement_squared: vec![0.0],
    };
    let rate = sgd.learning_rate();
    for step in 0..=problem.steps {
        if step > 0 {
            state.step();
            let speed: f64 = state.velocity().iter().map(|v| v * v).sum();
            path.step_squared.push(rate * rate * speed);
            let moved = state.position().iter().zip(start.as_slice()).map(|(now, then)| (now - then) * (now - then));
            path.displacement_squared.push(moved.sum());
        }
        let position = transposed * DMatrixView::from_slice(state.position(), dimension, outputs) - centre;
        let velocity = transposed * DMatrixView::from_slice(state.velocity(), dimension, outputs);
        path.position.extend(position.iter());
        path.velocity.extend(velocity.iter());
        progress.advance(1);
    }
    Ok(path)
}

/// One projection over time: a chain and two theories.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Chain 0.
    pub chain: Vec<f64>,
    /// The exact discrete mean.
    pub exact: Vec<f64>,
    /// The SDE's mean, equation (7), started as erratum E32 says.
    pub sde: Vec<f64>,
}

/// Figure 2 for one momentum: the top mode of the output that starts farthest from its minimum.
#[derive(Clone, Debug)]
pub struct ModeTrajectory {
    /// eta.
    pub learning_rate: f64,
    /// beta.
    pub momentum: f64,
    /// Character of the map's roots.
    pub regime: &'static str,
    /// rho + lambda.
    pub curvature: f64,
    /// Which output.
    pub output: usize,
    /// q . (theta - mu).
    pub position: Curve,
    /// q . v.
    pub velocity: Curve,
}

/// What such a run gives.
#[derive(Clone, Debug)]
pub struct ModesRun {
    /// Settings.
    pub summary: Value,
    /// The numbers.
    pub arrays: Vec<Array>,
    /// Seconds of the steps.
    pub seconds: f64,
    /// Seconds of all parts, which do not belong to the numbers of a file.
    pub timings: Value,
    /// What the data are.
    pub description: String,
    /// Figure 2, one per momentum.
    pub trajectories: Vec<ModeTrajectory>,
    /// Momenta whose mean does not converge, with eta h of the top mode and the limit.
    pub unstable: Vec<(f64, f64, f64)>,
}

/// Means of all recorded modes, row-major steps x outputs x modes.
#[derive(Default)]
struct Means {
    exact: [Vec<f64>; 2],
    sde: [Vec<f64>; 2],
    printed: [Vec<f64>; 2],
}

/// The exact mean, and that of the SDE: started from (v_0 + v_1)/2 with velocities half a step back (E32), and as printed.
fn means(problem: &ModesProblem, sgd: &Hyperparameters, spectrum: &Spectrum, start: &DMatrix<f64>) -> Result<Means> {
    let maps: Vec<(ModeMap, Oscillator)> = (0..problem.modes)
        .map(|mode| {
            let curvature = spectrum.curvature(mode, sgd);
            (ModeMap::new(sgd.learning_rate(), sgd.momentum(), curvature), Oscillator::new(sgd, curvature))
        })
        .collect();
    let time = |steps: f64| Time::new(sgd.learning_rate() * steps);
    let mut means = Means::default();
    for step in 0..=problem.steps {
        let powers = maps
            .iter()
            .map(|(map, oscillator)| {
                let steps = step as f64;
                let now = oscillator.propagator(time(steps)?);
                let before = oscillator.propagator(time((steps - 0.5).max(0.0))?);
                Ok((map.matrix_power(step), now, before, map.curvature()))
            })
            .collect::<langevin_theory::Result<Vec<_>>>()?;
        for output in 0..start.ncols() {
            for (mode, (power, now, before, curvature)) in powers.iter().enumerate() {
                let distance = start[(mode, output)];
                let kick = -0.5 * curvature * distance;
                means.exact[0].push(power[0][0] * distance);
                means.exact[1].push(power[1][0] * distance);
                means.sde[0].push(now[0][0] * distance + now[0][1] * kick);
                means.sde[1].push(if step == 0 { 0.0 } else { before[1][0] * distance + before[1][1] * kick });
                means.printed[0].push(now[0][0] * distance);
                means.printed[1].push(now[1][0] * distance);
            }
        }
    }
    Ok(means)
}

/// Runs a problem.
///
/// # Errors
/// [`VerifyError::Theory`] for eigenpairs that do not converge, [`VerifyError::Input`] for a run that diverges.
pub fn run_modes(problem: &ModesProblem, progress: &Progress) -> Result<ModesRun> {
    let data = &problem.data;
    let (samples, outputs, modes) = (data.samples(), data.outputs(), problem.modes);
    let mut timings = Map::new();
    progress.name("eigenpairs of the Hessian");
    let spectrum = Spectrum::of(problem, &mut timings)?;
    let start = problem.start(&spectrum);
    let transposed = spectrum.vectors.transpose();
    progress.name("simulate");
    let chain_steps = problem.chains * problem.steps * problem.sgd.len() as u64;
    progress.expect(problem.chains * (problem.steps + 1) * problem.sgd.len() as u64);
    let began = Instant::now();
    let centre = spectrum.centre(&problem.sgd[0]);
    // every momentum has the same start and the same batches
    let tasks: Vec<(usize, u64)> =
        (0..problem.sgd.len()).flat_map(|which| (0..problem.chains).map(move |chain| (which, chain))).collect();
    let paths = tasks
        .par_iter()
        .map(|&(which, chain)| run_chain(problem, &problem.sgd[which], chain, &start, &transposed, &centre, progress))
        .collect::<Result<Vec<ChainPath>>>()?;
    let seconds = began.elapsed().as_secs_f64();
    progress.finish();
    timings.insert("simulation".into(), seconds.into());

    let unstable: Vec<(f64, f64, f64)> = problem
        .sgd
        .iter()
        .map(|sgd| {
            let rate = sgd.learning_rate() * spectrum.curvature(0, sgd);
            (sgd.momentum(), rate, 2.0 * (1.0 + sgd.momentum()))
        })
        .filter(|(_, rate, limit)| rate >= limit)
        .collect();
    let finite = |path: &ChainPath| {
        path.position.iter().chain(&path.velocity).chain(&path.displacement_squared).all(|x| x.is_finite())
    };
    if let Some(place) = paths.iter().position(|path| !finite(path)) {
        let sgd = &problem.sgd[tasks[place].0];
        return Err(VerifyError::Input {
            detail: format!(
                "the simulation diverged: with sgd.momentum {} and sgd.learning_rate {}, eta h = {:.4e} along the top mode; it \
                 must be below 2 (1 + beta) = {}: lower the learning rate to below {:.3e}, or scale the features",
                sgd.momentum(),
                sgd.learning_rate(),
                sgd.learning_rate() * spectrum.curvature(0, sgd),
                2.0 * (1.0 + sgd.momentum()),
                2.0 * (1.0 + sgd.momentum()) / spectrum.curvature(0, sgd),
            ),
        });
    }

    let first = &transposed * &start - &centre;
    let farthest = first.row(0).iamax_full().1;
    let (count, rows) = (problem.sgd.len() as u64, problem.steps + 1);
    let per_step = [outputs as u64, modes as u64];
    let list = |name: &str, values: Vec<f64>| Array::real(name, vec![values.len() as u64], values);
    let mut arrays = vec![
        list("eigenvalues", spectrum.eigenvalues.iter().copied().collect()),
        list("mode_residuals", spectrum.residuals.iter().copied().collect()),
        list("momenta", problem.sgd.iter().map(Hyperparameters::momentum).collect()),
        Array::whole("steps", &(0..rows).collect::<Vec<u64>>()),
        Array::real("mode_minimum", per_step.to_vec(), centre.as_slice().to_vec()),
    ];
    if let Some(minimum) = &spectrum.minimum {
        let began = Instant::now();
        let noise = data.gradient_noise_along(minimum, &spectrum.vectors);
        timings.insert("noise".into(), began.elapsed().as_secs_f64().into());
        arrays.push(Array::real("mode_noise", per_step.to_vec(), noise.as_slice().to_vec()));
    }
    let measured = |name: &str, inner: &[u64], pick: &dyn Fn(&ChainPath) -> &Vec<f64>| {
        let shape = [count, problem.chains, rows].iter().chain(inner).copied().collect();
        Array::real(name, shape, paths.iter().flat_map(|path| pick(path).iter().copied()).collect())
    };
    arrays.push(measured("mode_position", &per_step, &|path| &path.position));
    arrays.push(measured("mode_velocity", &per_step, &|path| &path.velocity));
    arrays.push(measured("step_squared", &[], &|path| &path.step_squared));
    arrays.push(measured("displacement_squared", &[], &|path| &path.displacement_squared));

    let all_means =
        problem.sgd.iter().map(|sgd| means(problem, sgd, &spectrum, &first)).collect::<Result<Vec<Means>>>()?;
    let predicted = |name: &str, pick: &dyn Fn(&Means) -> &Vec<f64>| {
        let shape = [count, rows].iter().chain(&per_step).copied().collect();
        Array::real(name, shape, all_means.iter().flat_map(|means| pick(means).iter().copied()).collect())
    };
    arrays.push(predicted("exact_position", &|means| &means.exact[0]));
    arrays.push(predicted("exact_velocity", &|means| &means.exact[1]));
    arrays.push(predicted("sde_position", &|means| &means.sde[0]));
    arrays.push(predicted("sde_velocity", &|means| &means.sde[1]));
    arrays.push(predicted("sde_position_as_printed", &|means| &means.printed[0]));
    arrays.push(predicted("sde_velocity_as_printed", &|means| &means.printed[1]));

    // the top mode of one output
    let along = |values: &[f64]| -> Vec<f64> {
        values.iter().skip(farthest * modes).step_by(outputs * modes).copied().collect()
    };
    let mut trajectories = Vec::new();
    let mut departures = Vec::new();
    for (which, (sgd, means)) in problem.sgd.iter().zip(&all_means).enumerate() {
        let path = &paths[which * problem.chains as usize];
        let curve = |part: usize, chain: &[f64]| Curve {
            chain: along(chain),
            exact: along(&means.exact[part]),
            sde: along(&means.sde[part]),
        };
        let (position, velocity) = (curve(0, &path.position), curve(1, &path.velocity));
        let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let scale = position.exact[0].abs().max(f64::MIN_POSITIVE);
        let curvature = spectrum.curvature(0, sgd);
        let map = ModeMap::new(sgd.learning_rate(), sgd.momentum(), curvature);
        departures.push(json!({
            "momentum": sgd.momentum(),
            "regime": map.regime().name(),
            "rate_times_curvature": map.rate_times_curvature(),
            "rate_times_curvature_limit": 2.0 * (1.0 + sgd.momentum()),
            "chain_from_exact": gap(&position.chain, &position.exact) / scale,
            "sde_from_exact": gap(&position.sde, &position.exact) / scale,
            "sde_as_printed_from_exact": gap(&along(&means.printed[0]), &position.exact) / scale,
        }));
        trajectories.push(ModeTrajectory {
            learning_rate: sgd.learning_rate(),
            momentum: sgd.momentum(),
            regime: map.regime().name(),
            curvature,
            output: farthest,
            position,
            velocity,
        });
    }
    let summary = json!({
        "data": data.name,
        "description": data.description,
        "samples": samples,
        "dimension": data.dimension(),
        "outputs": outputs,
        "stored_as": data.features().element().name(),
        "rank": spectrum.rank,
        "eigenpairs": spectrum.eigenvalues.len(),
        "modes": modes,
        "largest_eigenvalue": spectrum.eigenvalues[0],
        "largest_residual": spectrum.residuals.max(),
        "learning_rate": problem.sgd[0].learning_rate(),
        "weight_decay": problem.sgd[0].weight_decay(),
        "batch_size": problem.sgd[0].batch_size(),
        "sampling": problem.sampling.name(),
        "noise": "minibatch",
        "seed": problem.seed,
        "chains": problem.chains,
        "steps": problem.steps,
        "chain_steps": chain_steps,
        "shown_output": farthest,
        "largest_departures_of_the_top_mode": departures,
    });
    Ok(ModesRun {
        summary,
        arrays,
        seconds,
        timings: Value::Object(timings),
        description: data.description.clone(),
        trajectories,
        unstable,
    })
}
