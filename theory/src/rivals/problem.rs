//! What a theory may know about a problem: the hyperparameters, the curvatures, the gradient noise at the ridge minimum and
//! the data.

use crate::discrete::{ModeLaw, ModeMap};
use crate::error::{Result, TheoryError};
use crate::gradient_noise;
use crate::hyperparameters::{Hyperparameters, Sampling};
use crate::quadratic::{LeastSquares, Quadratic};
use crate::time::Steps;

/// The gradient noise that drives the true process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchNoise {
    /// Gradients of random batches: the noise depends on the position.
    Minibatch,
    /// Noise of the constant covariance phi Sigma(ridge minimum), independent between steps.
    Constant,
}

/// A problem as the rivals see it. Lists have one entry per direction with curvature, by descending curvature; noise is
/// summed over outputs.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.5, 1).unwrap();
/// let lags = vec![Steps(1), Steps(10)];
/// let problem = RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, lags).unwrap();
/// assert_eq!(problem.curvatures(), [1.5]);
/// assert_eq!(problem.noise_strengths(), [1.0]); // gradients at the minimum are -1 and +1
/// assert_eq!(problem.residual_variance(), 1.0);
/// ```
#[derive(Clone, Debug)]
pub struct RivalProblem {
    data: LeastSquares,
    quadratic: Quadratic,
    sgd: Hyperparameters,
    sampling: Sampling,
    noise: BatchNoise,
    noise_factor: f64,
    eigenvalues: Vec<f64>,
    curvatures: Vec<f64>,
    noise_strengths: Vec<f64>,
    minimum_squares: Vec<f64>,
    residual_variance: f64,
    lags: Vec<Steps>,
    velocity_variances: Option<Vec<f64>>,
}

impl RivalProblem {
    /// The problem of a data set; `lags` are those of the displacement.
    ///
    /// # Errors
    /// [`TheoryError::BatchSize`] for a batch that cannot be drawn; whatever the eigendecomposition returns.
    pub fn new(
        data: &LeastSquares,
        sgd: &Hyperparameters,
        sampling: Sampling,
        noise: BatchNoise,
        lags: Vec<Steps>,
    ) -> Result<Self> {
        Self::with_quadratic(data, &data.quadratic()?, sgd, sampling, noise, lags)
    }

    /// The same with the decomposition of the data's loss at hand.
    ///
    /// # Errors
    /// As [`RivalProblem::new`].
    pub fn with_quadratic(
        data: &LeastSquares,
        quadratic: &Quadratic,
        sgd: &Hyperparameters,
        sampling: Sampling,
        noise: BatchNoise,
        lags: Vec<Steps>,
    ) -> Result<Self> {
        let rank = quadratic.rank();
        let minimum = quadratic.minimum_ridge(sgd.weight_decay());
        let directions = quadratic.eigenvectors().columns(0, rank).into_owned();
        let mut noise_strengths = vec![0.0; rank];
        for output in 0..data.outputs() {
            let image = gradient_noise::covariance(data, &minimum, output)? * &directions;
            for (i, strength) in noise_strengths.iter_mut().enumerate() {
                *strength += directions.column(i).dot(&image.column(i)).max(0.0);
            }
        }
        let coordinates = directions.tr_mul(&minimum);
        let few = |values: nalgebra::DVector<f64>| values.iter().take(rank).copied().collect::<Vec<f64>>();
        Ok(Self {
            data: data.clone(),
            quadratic: quadratic.clone(),
            sgd: *sgd,
            sampling,
            noise,
            noise_factor: sampling.noise_factor(data.samples(), sgd.batch_size())?,
            eigenvalues: few(quadratic.eigenvalues().clone()),
            curvatures: few(quadratic.curvatures(sgd.weight_decay())),
            noise_strengths,
            minimum_squares: coordinates.row_iter().map(|row| row.norm_squared()).collect(),
            residual_variance: gradient_noise::residual_variance(data, &minimum)?,
            lags,
            velocity_variances: None,
        })
    }

    /// The same problem at another learning rate and momentum.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`].
    pub fn with_rates(&self, learning_rate: f64, momentum: f64) -> Result<Self> {
        let sgd = Hyperparameters::new(learning_rate, momentum, self.sgd.weight_decay(), self.sgd.batch_size())?;
        Ok(Self { sgd, velocity_variances: None, ..self.clone() })
    }

    /// The same problem with known velocity variances (measured, or of the exact law), which [`Yaida`](super::Yaida)
    /// takes as given.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] unless there is one per direction with curvature.
    pub fn with_velocity_variances(self, variances: Vec<f64>) -> Result<Self> {
        if variances.len() != self.curvatures.len() {
            return Err(TheoryError::Shape {
                name: "velocity_variances",
                found: format!("{} entries", variances.len()),
                expected: format!("{} entries", self.curvatures.len()),
            });
        }
        Ok(Self { velocity_variances: Some(variances), ..self })
    }

    /// The data.
    pub fn data(&self) -> &LeastSquares {
        &self.data
    }

    /// The loss.
    pub fn quadratic(&self) -> &Quadratic {
        &self.quadratic
    }

    /// eta, beta, lambda, S.
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// How batches are drawn.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// What drives the true process.
    pub fn batch_noise(&self) -> BatchNoise {
        self.noise
    }

    /// phi, the noise covariance of a batch over that of a sample. Theories that print 1/S mean it for independent
    /// draws and are given phi, so that they are not blamed for the way in which batches are drawn.
    pub fn noise_factor(&self) -> f64 {
        self.noise_factor
    }

    /// rho.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// h = rho + lambda.
    pub fn curvatures(&self) -> &[f64] {
        &self.curvatures
    }

    /// q^T Sigma q at the ridge minimum, not divided by the batch size.
    pub fn noise_strengths(&self) -> &[f64] {
        &self.noise_strengths
    }

    /// (q^T mu)^2 of the ridge minimum.
    pub fn minimum_squares(&self) -> &[f64] {
        &self.minimum_squares
    }

    /// sigma^2: mean squared residual at the ridge minimum.
    pub fn residual_variance(&self) -> f64 {
        self.residual_variance
    }

    /// Lags of the displacement.
    pub fn lags(&self) -> &[Steps] {
        &self.lags
    }

    /// Known velocity variances.
    pub fn velocity_variances(&self) -> Option<&[f64]> {
        self.velocity_variances.as_deref()
    }

    /// Number of batches in an epoch, N / S.
    pub fn batches_per_epoch(&self) -> u64 {
        (self.data.samples() / self.sgd.batch_size()) as u64
    }

    /// The map of each direction.
    pub(crate) fn maps(&self) -> impl Iterator<Item = ModeMap> + '_ {
        let (eta, beta) = (self.sgd.learning_rate(), self.sgd.momentum());
        self.curvatures.iter().map(move |&h| ModeMap::new(eta, beta, h))
    }

    /// The recursion with constant noise of these strengths (not divided by the batch size).
    pub(crate) fn discrete_laws(&self, strengths: impl Iterator<Item = f64>) -> Result<Vec<ModeLaw>> {
        self.maps().zip(strengths).map(|(map, strength)| ModeLaw::new(map, self.noise_factor * strength)).collect()
    }

    /// 2 (1 + beta) / h of the steepest direction, where the mean ceases to be stable.
    pub(crate) fn classical_limit(&self) -> Result<f64> {
        match self.curvatures.first() {
            Some(&steepest) if steepest > 0.0 => Ok(self.sgd.rate_times_curvature_limit() / steepest),
            _ => Err(TheoryError::Infinite { what: "nothing limits the learning rate" }),
        }
    }
}
