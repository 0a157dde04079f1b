//! First and second moments of minibatch SGD step by step from a fixed start, about the ridge minimum (errata section
//! 5, item 8): exact, in the eigenbasis of H, all directions included.
#![doc = langevin_equation::equation!(r"P_{k+1} = M P_k M^\top + \varphi\, \Gamma\, \mathbb{E}[\Sigma]\, \Gamma^\top, \qquad m_{k+1} = M m_k")]

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::feedback::Feedback;
use crate::discrete::ModeMap;
use crate::discrete::constant_noise::rotate_symmetric_blocks;
use crate::error::{Result, TheoryError};
use crate::gradient_noise::gradient_covariance;
use crate::quadratic::Quadratic;
use crate::time::Steps;

/// Steps after which moments are compared with themselves; rounding can make them alternate.
const PERIOD: u64 = 64;

/// Most steps of a transient.
const MOST_STEPS: u64 = 10_000_000;

/// Moments after a number of steps; [`Transient::advance`] moves to the next.
#[doc = equation!(r"P_{k+1} = M P_k M^\top + \varphi\, \Gamma\, \mathbb{E}[\Sigma]\, \Gamma^\top, \qquad m_{k+1} = M m_k")]
///
/// ```
/// use langevin_theory::minibatch::MinibatchLaw;
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
/// use nalgebra::{dmatrix, dvector};
/// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
/// let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
/// let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
/// transient.advance_to(Steps(1)).unwrap();
/// // from 0 the two samples move theta by 0.1 and 0.2; the minimum is 0.6
/// assert!((transient.mean()[0] - (0.15 - 0.6)).abs() < 1e-15);
/// assert!((transient.second_moment()[(0, 0)] - (0.25 + 0.16) / 2.0).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Transient {
    feedback: Feedback,
    maps: Vec<ModeMap>,
    noise_factor: f64,
    /// X mu - y.
    residual: DVector<f64>,
    quadratic: Quadratic,
    steps: Steps,
    mean_position: DVector<f64>,
    mean_velocity: DVector<f64>,
    /// Covariances about the mean, in the eigenbasis.
    position: DMatrix<f64>,
    cross: DMatrix<f64>,
    velocity: DMatrix<f64>,
}

impl Transient {
    pub(crate) fn new(
        feedback: Feedback,
        maps: Vec<ModeMap>,
        noise_factor: f64,
        residual: DVector<f64>,
        position: DVector<f64>,
        velocity: DVector<f64>,
        quadratic: Quadratic,
    ) -> Self {
        let zero = DMatrix::zeros(maps.len(), maps.len());
        Self {
            feedback,
            maps,
            noise_factor,
            residual,
            quadratic,
            steps: Steps(0),
            position: zero.clone(),
            cross: zero.clone(),
            velocity: zero,
            mean_position: position,
            mean_velocity: velocity,
        }
    }

    /// Steps taken since the start.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, minibatch::MinibatchLaw};
    /// # use nalgebra::{dmatrix, dvector};
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
    /// transient.advance();
    /// assert_eq!(transient.steps(), Steps(1));
    /// ```
    pub fn steps(&self) -> Steps {
        self.steps
    }

    /// phi E[Sigma] in the eigenbasis, over the distribution of the current position: the noise at the mean plus what the
    /// spread around it adds.
    fn noise(&self) -> DMatrix<f64> {
        let size = self.feedback.size();
        let dimension = self.maps.len();
        let mut noise = DMatrix::zeros(dimension, dimension);
        if self.noise_factor <= 0.0 {
            return noise;
        }
        let features = self.feedback.features();
        let residual = features * self.mean_position.rows(0, size) + &self.residual;
        let spread = self.position.view((0, 0), (size, size)).into_owned();
        let active = gradient_covariance(features, &residual) + self.feedback.curvature_noise(&spread);
        noise.view_mut((0, 0), (size, size)).copy_from(&(active * self.noise_factor));
        noise
    }

    /// One step of the recursion of the moments.
    #[doc = equation!(r"P_{k+1} = M P_k M^\top + \varphi\, \Gamma\, \mathbb{E}[\Sigma]\, \Gamma^\top, \qquad m_{k+1} = M m_k")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, minibatch::MinibatchLaw};
    /// # use nalgebra::{dmatrix, dvector};
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
    /// transient.advance();
    /// assert!((transient.mean()[0] + 0.45).abs() < 1e-15); // -0.6 shrinks by 1 - eta h = 0.75
    /// ```
    pub fn advance(&mut self) {
        let noise = self.noise();
        let size = self.maps.len();
        let (eta, b) = (self.maps[0].learning_rate(), self.maps[0].momentum());
        let mut position = DMatrix::zeros(size, size);
        let mut cross = DMatrix::zeros(size, size);
        let mut velocity = DMatrix::zeros(size, size);
        for i in 0..size {
            let (keep_i, pull_i) = (1.0 - self.maps[i].rate_times_curvature(), -self.maps[i].curvature());
            for j in 0..size {
                let (keep_j, pull_j) = (1.0 - self.maps[j].rate_times_curvature(), -self.maps[j].curvature());
                let (p, v, n) = (self.position[(i, j)], self.velocity[(i, j)], noise[(i, j)]);
                let (c, d) = (self.cross[(i, j)], self.cross[(j, i)]);
                // rows of M applied from the left to the columns (p, d) and (c, v)
                let (x_p, x_c) = (keep_i * p + eta * b * d, keep_i * c + eta * b * v);
                let (v_p, v_c) = (pull_i * p + b * d, pull_i * c + b * v);
                cross[(i, j)] = x_p * pull_j + x_c * b + eta * n;
                if i <= j {
                    // symmetric to the last bit: an antisymmetric rest would be amplified, since the fourth block is
                    // taken as the transpose of the second
                    position[(i, j)] = x_p * keep_j + x_c * eta * b + eta * eta * n;
                    velocity[(i, j)] = v_p * pull_j + v_c * b + n;
                    position[(j, i)] = position[(i, j)];
                    velocity[(j, i)] = velocity[(i, j)];
                }
            }
        }
        for i in 0..size {
            self.mean_velocity[i] = b * self.mean_velocity[i] - self.maps[i].curvature() * self.mean_position[i];
            self.mean_position[i] += eta * self.mean_velocity[i];
        }
        (self.position, self.cross, self.velocity) = (position, cross, velocity);
        self.steps = Steps(self.steps.0 + 1);
    }

    /// Advances to a step count; one that is not above the current count changes nothing.
    ///
    /// # Errors
    /// [`TheoryError::Overflow`] when the moments leave the range of double precision, [`TheoryError::InvalidValue`]
    /// beyond 10^7 steps.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, minibatch::MinibatchLaw};
    /// # use nalgebra::{dmatrix, dvector};
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
    /// transient.advance_to(Steps(2)).unwrap();
    /// assert!((transient.mean()[0] + 0.6 * 0.75 * 0.75).abs() < 1e-15);
    /// assert!(transient.advance_to(Steps(u64::MAX)).is_err());
    /// ```
    pub fn advance_to(&mut self, steps: Steps) -> Result<()> {
        if steps.0 > MOST_STEPS {
            return Err(TheoryError::InvalidValue {
                name: "steps",
                value: steps.0 as f64,
                admissible: "at most 10000000 (transient minibatch moments are iterated step by step)",
            });
        }
        let mut earlier = None;
        while self.steps < steps {
            if self.steps.0.is_multiple_of(PERIOD) {
                // the moments repeat to the last bit once they are stationary: whole periods change nothing more
                let now = Some(self.moments());
                if now == earlier {
                    self.steps = Steps(steps.0 - (steps.0 - self.steps.0) % PERIOD);
                    if self.steps == steps {
                        break;
                    }
                }
                earlier = now;
            }
            self.advance();
            if !self.velocity.trace().is_finite() || !self.position.trace().is_finite() {
                return Err(TheoryError::Overflow { what: "the second moments" });
            }
        }
        Ok(())
    }

    /// Everything that a step changes.
    fn moments(&self) -> [Vec<f64>; 5] {
        [
            self.position.as_slice().to_vec(),
            self.cross.as_slice().to_vec(),
            self.velocity.as_slice().to_vec(),
            self.mean_position.as_slice().to_vec(),
            self.mean_velocity.as_slice().to_vec(),
        ]
    }

    /// Mean of (theta - mu_ridge, v), 2d, positions first, original coordinates.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, minibatch::MinibatchLaw};
    /// # use nalgebra::{dmatrix, dvector};
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
    /// assert!((transient.mean() - dvector![-0.6, 0.0]).norm() < 1e-15);
    /// ```
    pub fn mean(&self) -> DVector<f64> {
        let basis = self.quadratic.eigenvectors();
        let (position, velocity) = (basis * &self.mean_position, basis * &self.mean_velocity);
        DVector::from_iterator(2 * basis.nrows(), position.iter().chain(velocity.iter()).copied())
    }

    /// Second moment of (theta - mu_ridge, v), 2d x 2d, positions first, in the eigenbasis of H.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, minibatch::MinibatchLaw};
    /// # use nalgebra::{dmatrix, dvector};
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
    /// let moment = transient.second_moment_in_eigenbasis();
    /// assert!((moment[(0, 0)] - 0.36).abs() < 1e-15); // a fixed start: the square of the mean
    /// ```
    pub fn second_moment_in_eigenbasis(&self) -> DMatrix<f64> {
        let size = self.maps.len();
        let mean =
            DVector::from_iterator(2 * size, self.mean_position.iter().chain(self.mean_velocity.iter()).copied());
        let mut full = DMatrix::zeros(2 * size, 2 * size);
        full.view_mut((0, 0), (size, size)).copy_from(&self.position);
        full.view_mut((0, size), (size, size)).copy_from(&self.cross);
        full.view_mut((size, 0), (size, size)).copy_from(&self.cross.transpose());
        full.view_mut((size, size), (size, size)).copy_from(&self.velocity);
        full + &mean * mean.transpose()
    }

    /// Second moment of (theta - mu_ridge, v), 2d x 2d, positions first, original coordinates.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps, minibatch::MinibatchLaw};
    /// # use nalgebra::{dmatrix, dvector};
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # let mut transient = law.transient(0, &dvector![0.0], &dvector![0.0]).unwrap();
    /// transient.advance();
    /// let moment = transient.second_moment();
    /// // without momentum the velocity is minus the gradient: 1 and 2 from theta = 0
    /// assert!((moment[(1, 1)] - (1.0 + 4.0) / 2.0).abs() < 1e-14);
    /// ```
    pub fn second_moment(&self) -> DMatrix<f64> {
        rotate_symmetric_blocks(&self.quadratic, &self.second_moment_in_eigenbasis())
    }
}
