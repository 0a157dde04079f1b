//! What a point of a run is simulated with: noise, start and centre, in the eigenbasis of the Hessian.

use langevin_sim::sgd::{Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::ConstantNoiseLaw;
use langevin_theory::gradient_noise;
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, Sampling, TheoryError};
use nalgebra::DMatrix;

use crate::error::{Result, VerifyError};
use crate::problem::{Noise, Problem, StartSpec};
use crate::scenario::Prepared;

/// One point, ready to run.
#[derive(Debug)]
pub(super) struct Point {
    /// The chains; nothing where the point of a sweep has no stationary law to start from.
    pub(super) ensemble: std::result::Result<Ensemble, String>,
    /// The ridge minimum, outputs x dimension.
    pub(super) centre: Vec<f64>,
}

impl Point {
    /// Sets up a point. In a sweep a missing stationary law is a result; alone it is an error.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a stationary start that does not exist, [`VerifyError::Sim`], [`VerifyError::Theory`].
    pub(super) fn new(problem: &Problem, prepared: &Prepared, point: usize) -> Result<Self> {
        let (sgd, seed) = problem.sweep.at(point, &problem.sgd, problem.run.seed)?;
        let minimum = prepared.minimum_in_eigenbasis(sgd.weight_decay());
        let centre = minimum.as_slice().to_vec();
        let ensemble = match set_up(problem, prepared, &sgd, seed, &minimum) {
            Ok(ensemble) => Ok(ensemble),
            Err(NoStart::NoStationaryLaw(reason)) if !problem.sweep.is_single() => Err(reason.to_string()),
            Err(NoStart::NoStationaryLaw(reason)) => {
                return Err(VerifyError::Input {
                    detail: format!(
                        "run.start is \"stationary\" and there is no such law: {reason}; start at minimum, zero or a list \
                         of numbers, or change [sgd]"
                    ),
                });
            }
            Err(NoStart::Other(error)) => return Err(error),
        };
        Ok(Self { ensemble, centre })
    }
}

/// Roots of covariances, one per output.
type Roots = Vec<DMatrix<f64>>;

/// Why chains cannot start.
enum NoStart {
    NoStationaryLaw(TheoryError),
    Other(VerifyError),
}

impl<E: Into<VerifyError>> From<E> for NoStart {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn set_up(
    problem: &Problem,
    prepared: &Prepared,
    sgd: &Hyperparameters,
    seed: u64,
    minimum: &DMatrix<f64>,
) -> std::result::Result<Ensemble, NoStart> {
    let stationary = problem.run.start == StartSpec::Stationary;
    let (noise, roots) = match problem.noise {
        Noise::Minibatch => {
            let roots = if stationary { Some(minibatch_roots(prepared, sgd, problem.sampling)?) } else { None };
            (NoiseSource::Minibatch(MinibatchNoise::new(&prepared.rotated, sgd, problem.sampling)?), roots)
        }
        Noise::Gaussian => {
            let (noise, roots) = gaussian_noise_and_roots(prepared, sgd, problem.sampling, stationary)?;
            (NoiseSource::Gaussian(noise), roots)
        }
    };
    let start = match (&problem.run.start, roots) {
        (StartSpec::Stationary, Some(roots)) => Start::Gaussian { mean: minimum.clone(), roots },
        (StartSpec::Values(values), _) => Start::Fixed(prepared.quadratic.eigenvectors().tr_mul(values)),
        (StartSpec::Zero, _) => Start::Fixed(DMatrix::zeros(minimum.nrows(), minimum.ncols())),
        (StartSpec::Minimum | StartSpec::Stationary, _) => Start::Fixed(minimum.clone()),
    };
    Ok(Ensemble::new(noise, sgd, start, seed)?)
}

/// Roots of the stationary covariances of (theta, v), one per output.
fn minibatch_roots(
    prepared: &Prepared,
    sgd: &Hyperparameters,
    sampling: Sampling,
) -> std::result::Result<Roots, NoStart> {
    let compute = || -> langevin_theory::Result<Roots> {
        let law = MinibatchLaw::with_quadratic(&prepared.dataset.problem, &prepared.quadratic, sgd, sampling)?;
        let positions = law.stationary_positions_in_eigenbasis()?;
        positions
            .iter()
            .map(|position| covariance_root("the stationary covariance", &law.phase_space_moment(position)?))
            .collect()
    };
    compute().map_err(NoStart::NoStationaryLaw)
}

/// Gaussian noise with the covariance of the minimum, and with it the roots of the stationary covariances.
fn gaussian_noise_and_roots(
    prepared: &Prepared,
    sgd: &Hyperparameters,
    sampling: Sampling,
    stationary: bool,
) -> std::result::Result<(GaussianNoise, Option<Roots>), NoStart> {
    let data = &prepared.dataset.problem;
    let minimum = prepared.quadratic.minimum_ridge(sgd.weight_decay());
    let factor = sampling.noise_factor(data.samples(), sgd.batch_size())?;
    let (mut noise_roots, mut roots) = (Vec::new(), Vec::new());
    for output in 0..data.outputs() {
        let covariance = gradient_noise::covariance(data, &minimum, output)? * factor;
        let rotated = prepared.quadratic.to_eigenbasis(&covariance)?;
        noise_roots.push(covariance_root("noise_covariance", &((&rotated + rotated.transpose()) * 0.5))?);
        if stationary {
            roots.push(constant_noise_root(prepared, sgd, &rotated).map_err(NoStart::NoStationaryLaw)?);
        }
    }
    let linear = prepared.quadratic.eigenvectors().tr_mul(prepared.quadratic.linear_term());
    let curvature = prepared.quadratic.eigenvalues().as_slice();
    Ok((GaussianNoise::new(curvature, &linear, &noise_roots)?, stationary.then_some(roots)))
}

/// Root of the stationary covariance of (theta, v), zero in directions without curvature.
fn constant_noise_root(
    prepared: &Prepared,
    sgd: &Hyperparameters,
    noise: &DMatrix<f64>,
) -> langevin_theory::Result<DMatrix<f64>> {
    let (size, rank) = (prepared.quadratic.dimension(), prepared.quadratic.rank());
    let active = prepared.quadratic.eigenvalues().rows(0, rank).into_owned();
    let quadratic = langevin_theory::Quadratic::new(DMatrix::from_diagonal(&active), DMatrix::zeros(rank, 1))?;
    let block = noise.view((0, 0), (rank, rank)).into_owned();
    let symmetric = (&block + block.transpose()) * 0.5;
    let law = ConstantNoiseLaw::new(&quadratic, sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), &symmetric)?;
    let small = law.stationary_covariance_in_eigenbasis()?;
    let mut full = DMatrix::zeros(2 * size, 2 * size);
    for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        full.view_mut((row * size, column * size), (rank, rank))
            .copy_from(&small.view((row * rank, column * rank), (rank, rank)));
    }
    covariance_root("the stationary covariance", &full)
}

/// Largest mean-square stable learning rate at a point.
pub(super) fn stable_limit(problem: &Problem, prepared: &Prepared, sgd: &Hyperparameters) -> Option<f64> {
    let sampling = match problem.sampling {
        Sampling::Reshuffle => Sampling::WithoutReplacement,
        other => other,
    };
    MinibatchLaw::with_quadratic(&prepared.dataset.problem, &prepared.quadratic, sgd, sampling)
        .ok()?
        .learning_rate_limit()
        .ok()?
}
