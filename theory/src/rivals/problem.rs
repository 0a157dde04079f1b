//! What a theory may know about a problem: the hyperparameters, the curvatures, the gradient noise at the ridge minimum and
//! the data.

use langevin_equation::equation;

use crate::discrete::{ModeLaw, ModeMap};
use crate::error::{Result, TheoryError};
use crate::extended_precision::lower;
use crate::gradient_noise;
use crate::hyperparameters::{Hyperparameters, Sampling};
use crate::quadratic::{LeastSquares, Quadratic};
use crate::time::Steps;

/// The gradient noise that drives the true process; it decides which exact law the rivals are compared with.
///
/// ```
/// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
/// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
/// # use nalgebra::dmatrix;
/// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
/// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
/// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
/// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
/// # use langevin_theory::rivals::truth;
/// assert_eq!((problem.batch_noise(), truth(&problem).id()), (BatchNoise::Minibatch, "exact-minibatch"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchNoise {
    /// Gradients of random batches: the noise depends on the position.
    Minibatch,
    /// Noise of the constant covariance phi Sigma(ridge minimum), independent between steps.
    Constant,
}

/// A problem as the rivals see it. Lists have one entry per direction with curvature, by descending curvature; noise is
/// summed over outputs. Lags are counted in steps.
///
/// The examples of the methods share data x = (1, 2), y = (1, 1), with learning rate 0.1, no momentum, no weight decay
/// and batches of 1: then H = 5/2, the minimum is 3/5, and the residuals there are -2/5 and 1/5.
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
    /// The problem of a data set; `lags`, in steps, are those of the displacement.
    ///
    /// # Errors
    /// [`TheoryError::BatchSize`] for a batch that cannot be drawn; whatever the eigendecomposition returns.
    ///
    /// ```
    /// use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
    /// use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 4).unwrap();
    /// let make = |sampling| RivalProblem::new(&data, &sgd, sampling, BatchNoise::Minibatch, vec![]);
    /// assert!(make(Sampling::WithReplacement).is_ok());
    /// assert!(make(Sampling::WithoutReplacement).is_err()); // 4 of 2 samples
    /// ```
    pub fn new(
        data: &LeastSquares,
        sgd: &Hyperparameters,
        sampling: Sampling,
        noise: BatchNoise,
        lags: Vec<Steps>,
    ) -> Result<Self> {
        Self::with_quadratic(data, &data.quadratic()?, sgd, sampling, noise, lags)
    }

    /// The same with the decomposition of the data's loss at hand, for several problems of one data set.
    ///
    /// # Errors
    /// As [`RivalProblem::new`]; [`TheoryError::Shape`] for the decomposition of other data.
    ///
    /// ```
    /// use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
    /// use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// let (quadratic, sgd) = (data.quadratic().unwrap(), Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap());
    /// let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// let problem = RivalProblem::with_quadratic(&data, &quadratic, &sgd, sampling, noise, vec![]).unwrap();
    /// assert_eq!(problem.curvatures(), [2.5]);
    /// ```
    pub fn with_quadratic(
        data: &LeastSquares,
        quadratic: &Quadratic,
        sgd: &Hyperparameters,
        sampling: Sampling,
        noise: BatchNoise,
        lags: Vec<Steps>,
    ) -> Result<Self> {
        let rank = quadratic.rank();
        data.require_same_shape(quadratic)?;
        let minimum = lower(&data.minimum_ridge(quadratic, sgd.weight_decay()));
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

    /// The same problem at another learning rate and momentum, without known velocity variances.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`].
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.with_rates(0.2, 0.9).unwrap().hyperparameters().learning_rate(), 0.2);
    /// assert!(problem.with_rates(0.2, 1.0).is_err());
    /// ```
    pub fn with_rates(&self, learning_rate: f64, momentum: f64) -> Result<Self> {
        let sgd = Hyperparameters::new(learning_rate, momentum, self.sgd.weight_decay(), self.sgd.batch_size())?;
        Ok(Self { sgd, velocity_variances: None, ..self.clone() })
    }

    /// The same problem with known velocity variances (measured, or of the exact law), which [`Yaida`](super::Yaida)
    /// takes as given.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] unless there is one per direction with curvature.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// let measured = problem.clone().with_velocity_variances(vec![0.2]).unwrap();
    /// assert_eq!(measured.velocity_variances(), Some([0.2].as_slice()));
    /// assert!(problem.with_velocity_variances(vec![]).is_err());
    /// ```
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
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.data().samples(), 2);
    /// ```
    pub fn data(&self) -> &LeastSquares {
        &self.data
    }

    /// The loss, without weight decay.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.quadratic().hessian()[(0, 0)], 2.5);
    /// ```
    pub fn quadratic(&self) -> &Quadratic {
        &self.quadratic
    }

    /// eta, beta, lambda, S.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.hyperparameters().batch_size(), 1);
    /// ```
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// How batches are drawn.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.sampling(), Sampling::WithReplacement);
    /// ```
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// What drives the true process.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.batch_noise(), BatchNoise::Minibatch);
    /// ```
    pub fn batch_noise(&self) -> BatchNoise {
        self.noise
    }

    /// phi, the noise covariance of a batch over that of a sample (erratum E25). Theories that print 1/S mean it for
    /// independent draws and are given phi, so that they are not blamed for the way in which batches are drawn.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.noise_factor(), 1.0);
    /// ```
    pub fn noise_factor(&self) -> f64 {
        self.noise_factor
    }

    /// The eigenvalues rho of H, by descending curvature.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.eigenvalues(), [2.5]);
    /// ```
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// The curvatures h = rho + lambda of the regularised loss.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.curvatures(), [2.5]);
    /// ```
    pub fn curvatures(&self) -> &[f64] {
        &self.curvatures
    }

    /// The noise of single samples along each direction at the ridge minimum, summed over outputs and not divided by
    /// the batch size,
    #[doc = equation!(r"q_i^\top \Sigma\, q_i")]
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert!((problem.noise_strengths()[0] - 0.16).abs() < 1e-15); // gradients -0.4 and 0.4
    /// ```
    pub fn noise_strengths(&self) -> &[f64] {
        &self.noise_strengths
    }

    /// The squared coordinates of the ridge minimum along each direction, summed over outputs,
    #[doc = equation!(r"(q_i^\top \mu_{\mathrm{ridge}})^2")]
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert!((problem.minimum_squares()[0] - 0.36).abs() < 1e-15);
    /// ```
    pub fn minimum_squares(&self) -> &[f64] {
        &self.minimum_squares
    }

    /// The mean squared residual at the ridge minimum, summed over outputs,
    #[doc = equation!(r"\sigma^2 = \frac1N \sum_n (x_n^\top \mu_{\mathrm{ridge}} - y_n)^2")]
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert!((problem.residual_variance() - 0.1).abs() < 1e-15); // (0.16 + 0.04) / 2
    /// ```
    pub fn residual_variance(&self) -> f64 {
        self.residual_variance
    }

    /// Lags of the displacement, in steps.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.lags(), [Steps(1)]);
    /// ```
    pub fn lags(&self) -> &[Steps] {
        &self.lags
    }

    /// Known velocity variances, one per direction; `None` unless they were given.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.velocity_variances(), None);
    /// ```
    pub fn velocity_variances(&self) -> Option<&[f64]> {
        self.velocity_variances.as_deref()
    }

    /// Number of batches in an epoch, N / S.
    ///
    /// ```
    /// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
    /// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
    /// assert_eq!(problem.batches_per_epoch(), 2);
    /// ```
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
        let steepest =
            self.curvatures.first().ok_or(TheoryError::Infinite { what: "nothing limits the learning rate" })?;
        let limit = self.sgd.rate_times_curvature_limit() / steepest;
        if limit.is_finite() {
            Ok(limit)
        } else {
            Err(TheoryError::Overflow { what: "the limit of the learning rate" })
        }
    }
}
