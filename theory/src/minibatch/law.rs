//! Stationary second moments, their existence, and the largest stable learning rate.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::balance::Balance;
use super::feedback::Feedback;
use super::transient::Transient;
use crate::discrete::constant_noise::{
    apply_power, phase_space_covariance, require_contraction, rotate_blocks, rotate_symmetric_blocks,
};
use crate::discrete::{ModeLaw, ModeMap, stationary_kernel};
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, largest, lift, lower};
use crate::gradient_noise;
use crate::hyperparameters::{Hyperparameters, Sampling};
use crate::linear_algebra::{decreasing_root, require_finite, require_shape, require_vector};
use crate::quadratic::{LeastSquares, Quadratic};
use crate::time::Steps;

/// The exact second-moment law of minibatch SGD on a data set.
#[doc = equation!(r"P = G \circ \varphi \left[ \Sigma(\mu_{\mathrm{ridge}}) + \frac1N \sum_x x x^\top (x^\top P x) - H P H \right]")]
///
/// Moments are about the ridge minimum. Directions without curvature receive no noise: they stay where they start, and
/// stationary moments are zero there. Data that are fit exactly, to rounding, have no noise at all
/// ([`gradient_noise::covariance`](crate::gradient_noise::covariance)): all stationary moments are zero. Near the limit of
/// mean-square stability roundings grow by 1 / (1 - gain); there the moments are refined with 32 digits, up to N d^2 = 2e6
/// (in doubles beyond). Several outputs share the batches; scalars are sums over outputs. Times are
/// counted in steps.
///
/// The examples of the methods share a problem that can be checked by hand: data x = (1, 2), y = (1, 1), learning rate
/// 0.1, no momentum, no weight decay, batches of 1 drawn with replacement. Then H = 5/2, the minimum is 3/5, the
/// gradients there are -2/5 and 2/5, and a deviation shrinks by 0.9 or 0.6 in a step:
#[doc = equation!(r"P = \frac{0.9^2 + 0.6^2}{2} P + \eta^2 \cdot 0.16 = \frac{0.0016}{0.415}")]
///
/// ```
/// use langevin_theory::minibatch::MinibatchLaw;
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
/// let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
/// let moments = law.stationary_second_moment(0).unwrap();
/// assert!((moments[(0, 0)] - 0.0016 / 0.415).abs() < 1e-16);
/// // equipartition, h P = m V with m = eta (1 + beta) / 2, holds with momentum too
/// let sgd = Hyperparameters::new(0.05, 0.5, 0.0, 1).unwrap();
/// let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
/// let moments = law.stationary_second_moment(0).unwrap();
/// assert!((2.5 * moments[(0, 0)] / (0.05 * 1.5 / 2.0 * moments[(1, 1)]) - 1.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct MinibatchLaw {
    data: LeastSquares,
    quadratic: Quadratic,
    sgd: Hyperparameters,
    sampling: Sampling,
    noise_factor: f64,
    feedback: Feedback,
    minimum: DMatrix<f64>,
}

/// Multiplications, N d^2, up to which stationary moments are always refined with 32 digits: a few milliseconds.
const ALWAYS_REFINED: usize = 30_000;

/// The same where doubles lose digits: a second.
const REFINED: usize = 2_000_000;

/// Distance to the mean-square limit, or of a rate times curvature to the edge of the mean, from which on doubles lose three
/// digits.
const NEAR_THE_LIMIT: f64 = 4e-3;

/// Most doublings or halvings in search of a bracket.
const BRACKETINGS: usize = 100;

impl MinibatchLaw {
    /// The law for a data set, hyperparameters and independent batches.
    ///
    /// # Errors
    /// [`TheoryError::BatchSize`]; [`TheoryError::NoExactLaw`] for reshuffled epochs, whose batches are not
    /// independent; whatever the eigendecomposition returns.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, LeastSquares, Sampling, TheoryError, minibatch::MinibatchLaw};
    /// use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// assert!(MinibatchLaw::new(&data, &sgd, Sampling::WithoutReplacement).is_ok());
    /// let error = MinibatchLaw::new(&data, &sgd, Sampling::Reshuffle).unwrap_err();
    /// assert!(matches!(error, TheoryError::NoExactLaw { .. }));
    /// ```
    pub fn new(data: &LeastSquares, sgd: &Hyperparameters, sampling: Sampling) -> Result<Self> {
        Self::with_quadratic(data, &data.quadratic()?, sgd, sampling)
    }

    /// The same with the decomposition of the data's loss at hand, for several laws of one data set.
    ///
    /// # Errors
    /// As [`MinibatchLaw::new`], and [`TheoryError::Shape`] for the decomposition of a loss of another shape than the
    /// data's (d x d, one linear term per output).
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// let quadratic = data.quadratic().unwrap();
    /// let law = MinibatchLaw::with_quadratic(&data, &quadratic, &sgd, Sampling::WithReplacement).unwrap();
    /// let again = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert_eq!(law.speed(), again.speed());
    /// ```
    pub fn with_quadratic(
        data: &LeastSquares,
        quadratic: &Quadratic,
        sgd: &Hyperparameters,
        sampling: Sampling,
    ) -> Result<Self> {
        if sampling == Sampling::Reshuffle {
            return Err(TheoryError::NoExactLaw {
                what: "the batches of a reshuffled epoch are not independent; simulate instead",
            });
        }
        let noise_factor = sampling.noise_factor(data.samples(), sgd.batch_size())?;
        data.require_same_shape(quadratic)?;
        let rank = quadratic.rank();
        let features = data.features() * quadratic.eigenvectors().columns(0, rank);
        let eigenvalues = quadratic.eigenvalues().iter().take(rank).copied().collect();
        Ok(Self {
            data: data.clone(),
            quadratic: quadratic.clone(),
            sgd: *sgd,
            sampling,
            noise_factor,
            feedback: Feedback::new(features, eigenvalues),
            minimum: lower(&data.minimum_ridge(quadratic, sgd.weight_decay())),
        })
    }

    /// The loss, without weight decay.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert_eq!(law.quadratic().hessian()[(0, 0)], 2.5); // (1 + 4) / 2
    /// ```
    pub fn quadratic(&self) -> &Quadratic {
        &self.quadratic
    }

    /// The hyperparameters.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert_eq!(law.hyperparameters().learning_rate(), 0.1);
    /// ```
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// How batches are drawn.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert_eq!(law.sampling(), Sampling::WithReplacement);
    /// ```
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// The covariance of a batch mean over that of a single sample (erratum E25): with and without replacement
    #[doc = equation!(r"\varphi = \frac1S, \qquad \varphi = \frac{N-S}{S(N-1)}")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert_eq!(law.noise_factor(), 1.0);
    /// ```
    pub fn noise_factor(&self) -> f64 {
        self.noise_factor
    }

    /// The ridge minimum about which the moments are taken, d x outputs,
    #[doc = equation!(r"\mu_{\mathrm{ridge}} = (H + \lambda I)^{-1} b")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!((law.minimum_ridge()[(0, 0)] - 0.6).abs() < 1e-15); // 1.5 / 2.5
    /// ```
    pub fn minimum_ridge(&self) -> &DMatrix<f64> {
        &self.minimum
    }

    /// Sigma, the covariance of the gradients of single samples at the ridge minimum for one output, d x d; not divided
    /// by the batch size.
    #[doc = equation!(r"\Sigma = \frac1N \sum_n r_n^2\, x_n x_n^\top - g g^\top, \qquad g = \frac1N \sum_n r_n x_n = -\lambda \mu_{\mathrm{ridge}}")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for an output that does not exist.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!((law.gradient_noise_covariance(0).unwrap()[(0, 0)] - 0.16).abs() < 1e-15); // gradients -0.4 and 0.4
    /// assert!(law.gradient_noise_covariance(1).is_err());
    /// ```
    pub fn gradient_noise_covariance(&self, output: usize) -> Result<DMatrix<f64>> {
        self.require_output(output)?;
        gradient_noise::covariance(&self.data, &self.minimum, output)
    }

    fn require_output(&self, output: usize) -> Result<()> {
        if output < self.data.outputs() {
            return Ok(());
        }
        Err(TheoryError::Shape {
            name: "output",
            found: format!("index {output}"),
            expected: format!("below {}", self.data.outputs()),
        })
    }

    /// The maps of the mean in all d directions, by descending curvature: M with h_i = rho_i + lambda.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert_eq!(law.maps()[0].rate_times_curvature(), 0.25);
    /// ```
    pub fn maps(&self) -> Vec<ModeMap> {
        maps(&self.quadratic, &self.sgd)
    }

    /// phi G on directions with curvature.
    fn kernel(&self, maps: &[ModeMap]) -> DMatrix<f64> {
        let size = self.feedback.size();
        DMatrix::from_fn(size, size, |i, j| self.noise_factor * stationary_kernel(&maps[i], &maps[j]))
    }

    /// Gain of the noise feedback, the spectral radius of
    #[doc = equation!(r"P \mapsto \varphi\, G \circ K(P), \qquad K(P) = \frac1N \sum_x x x^\top (x^\top P x) - H P H")]
    /// on directions with curvature. Second moments are stable iff the mean is and the gain is below 1. 0 without
    /// curvature noise.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`] when the mean is not stable, [`TheoryError::Overflow`], [`TheoryError::NotConverged`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// // G = 0.01 / (1 - 0.75^2), the variance of x^2 is 2.25
    /// assert!((law.noise_gain().unwrap() - 2.25 * 0.01 / 0.4375).abs() < 1e-15);
    /// ```
    pub fn noise_gain(&self) -> Result<f64> {
        let maps = self.maps();
        require_contraction(&maps[..self.feedback.size()])?;
        Ok(self.feedback.gain(&self.kernel(&maps), None)?.0)
    }

    /// Refuses a problem without stationary second moments.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`] when the mean is not stable, [`TheoryError::MeanSquareUnstable`] when only the second
    /// moments are not, with their gain; otherwise as [`MinibatchLaw::noise_gain`].
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, LeastSquares, Sampling, TheoryError, minibatch::MinibatchLaw};
    /// use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.7, 0.0, 0.0, 1).unwrap(); // the mean is stable below 2 / 2.5
    /// let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!(matches!(law.require_stable(), Err(TheoryError::MeanSquareUnstable { .. })));
    /// ```
    pub fn require_stable(&self) -> Result<()> {
        self.stable_gain().map(drop)
    }

    /// The gain of the noise feedback, refused unless it is below 1.
    fn stable_gain(&self) -> Result<f64> {
        let gain = self.noise_gain()?;
        if gain < 1.0 { Ok(gain) } else { Err(TheoryError::MeanSquareUnstable { gain }) }
    }

    /// Spectral radius of the per-step map of second moments, on directions with curvature (and on all with weight
    /// decay).
    ///
    /// It is the largest s at which the kernel of the map slowed down by 1/sqrt(s) has gain 1, or the square of the
    /// mean's radius where noise does not raise it, to a part in 10^13.
    ///
    /// # Errors
    /// [`TheoryError::NotConverged`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!((law.spectral_radius().unwrap() - 0.585).abs() < 1e-13); // (0.9^2 + 0.6^2) / 2
    /// ```
    pub fn spectral_radius(&self) -> Result<f64> {
        let maps = self.maps();
        let size = self.feedback.size();
        let square = |maps: &[ModeMap]| maps.iter().map(ModeMap::spectral_radius).fold(0.0, f64::max).powi(2);
        let floor = square(if self.sgd.weight_decay() > 0.0 { &maps } else { &maps[..size] });
        let active_floor = square(&maps[..size]);
        if self.noise_factor <= 0.0 {
            return Ok(floor);
        }
        let mut warm: Option<DMatrix<f64>> = None;
        let mut excess = |factor: f64| -> Result<f64> {
            let kernel =
                DMatrix::from_fn(size, size, |i, j| self.noise_factor * slowed_kernel(&maps[i], &maps[j], factor));
            let (gain, vector) = self.feedback.gain(&kernel, warm.as_ref())?;
            warm = Some(vector);
            // close to linear in the factor near a pole of the gain
            Ok(1.0 - 1.0 / gain.max(f64::MIN_POSITIVE))
        };
        let mut high = f64::max(1.0, active_floor);
        let mut value_high = excess(high)?;
        for doubling in 0.. {
            if value_high <= 0.0 {
                break;
            }
            if doubling == BRACKETINGS {
                return Err(TheoryError::NotConverged { what: "the spectral radius", iterations: BRACKETINGS });
            }
            high *= 2.0;
            value_high = excess(high)?;
        }
        let mut distance = 0.25;
        while distance > 1e-14 {
            let low = active_floor + (high - active_floor) * distance;
            let value_low = excess(low)?;
            if value_low > 0.0 {
                return Ok(decreasing_root(excess, (low, value_low), (high, value_high), 1e-14)?.max(floor));
            }
            (high, value_high) = (low, value_low);
            distance *= 0.1;
        }
        Ok(floor)
    }

    /// Whether stationary second moments exist.
    ///
    /// # Errors
    /// [`TheoryError::NotConverged`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!(law.is_stable().unwrap());
    /// ```
    pub fn is_stable(&self) -> Result<bool> {
        match self.require_stable() {
            Ok(()) => Ok(true),
            Err(TheoryError::Unstable { .. } | TheoryError::MeanSquareUnstable { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// The largest learning rate with stable second moments, all else fixed: the classical 2 (1 + beta) / h_max lowered
    /// by curvature noise. `None` when nothing limits it (no curvature). In one dimension, with c = phi Var(x^2),
    #[doc = equation!(r"\eta < \frac{2(1-\beta^2)\,h}{h^2(1-\beta) + c\,(1+\beta)}")]
    ///
    /// # Errors
    /// [`TheoryError::NotConverged`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let limit = law.learning_rate_limit().unwrap().unwrap();
    /// assert!((limit - 5.0 / 8.5).abs() < 1e-12); // 2 h / (h^2 + c) with h = 2.5, c = 2.25
    /// ```
    pub fn learning_rate_limit(&self) -> Result<Option<f64>> {
        let steepest = self.quadratic.curvatures(self.sgd.weight_decay())[0];
        if steepest <= 0.0 {
            return Ok(None);
        }
        let classical = self.sgd.rate_times_curvature_limit() / steepest;
        if self.noise_factor <= 0.0 {
            return Ok(Some(classical));
        }
        let mut warm: Option<DMatrix<f64>> = None;
        let mut margin = |rate: f64| -> Result<f64> {
            let maps = maps(&self.quadratic, &self.sgd.with_learning_rate(rate)?);
            let (gain, vector) = self.feedback.gain(&self.kernel(&maps), warm.as_ref())?;
            warm = Some(vector);
            Ok(1.0 / gain.max(f64::MIN_POSITIVE) - 1.0)
        };
        let mut low = 0.5 * classical;
        let mut value_low = margin(low)?;
        let mut bracket_high = None;
        for halving in 0.. {
            if value_low > 0.0 {
                break;
            }
            if halving == BRACKETINGS {
                return Err(TheoryError::NotConverged { what: "the learning-rate limit", iterations: BRACKETINGS });
            }
            bracket_high = Some((low, value_low));
            low *= 0.5;
            value_low = margin(low)?;
        }
        if bracket_high.is_none() {
            // climb towards the classical edge, where the kernel diverges unless curvature noise is absent there
            let mut distance = 0.25;
            while distance > 1e-14 {
                let rate = classical * (1.0 - distance);
                let value = margin(rate)?;
                if value <= 0.0 {
                    bracket_high = Some((rate, value));
                    break;
                }
                (low, value_low) = (rate, value);
                distance *= 0.25;
            }
        }
        match bracket_high {
            None => Ok(Some(classical)),
            Some(high) => decreasing_root(margin, (low, value_low), high, 1e-14).map(Some),
        }
    }

    /// Stationary position second moments P of one output in the eigenbasis of H, d x d (zero in directions without
    /// curvature),
    #[doc = equation!(r"P = G \circ \varphi \left[ \Sigma(\mu_{\mathrm{ridge}}) + K(P) \right]")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::MeanSquareUnstable`], [`TheoryError::NotConverged`],
    /// [`TheoryError::Overflow`]; [`TheoryError::Shape`] for an output that does not exist.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let position = law.stationary_position_in_eigenbasis(0).unwrap();
    /// assert!((position[(0, 0)] - 0.0016 / 0.415).abs() < 1e-16);
    /// ```
    pub fn stationary_position_in_eigenbasis(&self, output: usize) -> Result<DMatrix<f64>> {
        self.require_output(output)?;
        let gain = self.stable_gain()?;
        self.solve_position(output, gain)
    }

    /// The same for every output, testing stability once: as many d x d matrices as there are outputs.
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let all = law.stationary_positions_in_eigenbasis().unwrap();
    /// assert_eq!(all, [law.stationary_position_in_eigenbasis(0).unwrap()]);
    /// ```
    pub fn stationary_positions_in_eigenbasis(&self) -> Result<Vec<DMatrix<f64>>> {
        let gain = self.stable_gain()?;
        (0..self.data.outputs()).map(|output| self.solve_position(output, gain)).collect()
    }

    /// The same summed over outputs, d x d: it is linear in the noise at the minimum, so one solve serves all of them.
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// use nalgebra::dmatrix;
    /// // the second output is twice the first: residuals double, moments are four times as large
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0, 2.0; 1.0, 2.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let sum = law.stationary_position_summed_in_eigenbasis().unwrap();
    /// assert!((sum[(0, 0)] - 5.0 * 0.0016 / 0.415).abs() < 1e-15);
    /// ```
    pub fn stationary_position_summed_in_eigenbasis(&self) -> Result<DMatrix<f64>> {
        let gain = self.stable_gain()?;
        let mut noise = DMatrix::zeros(self.quadratic.dimension(), self.quadratic.dimension());
        for output in 0..self.data.outputs() {
            noise += self.gradient_noise_covariance(output)?;
        }
        self.solve_position_of(&noise, gain)
    }

    fn solve_position(&self, output: usize, gain: f64) -> Result<DMatrix<f64>> {
        self.solve_position_of(&self.gradient_noise_covariance(output)?, gain)
    }

    /// The stationary position moment for a noise covariance at the minimum, in the original coordinates.
    fn solve_position_of(&self, noise: &DMatrix<f64>, gain: f64) -> Result<DMatrix<f64>> {
        let size = self.feedback.size();
        let dimension = self.quadratic.dimension();
        let mut full = DMatrix::zeros(dimension, dimension);
        let rotated = self.quadratic.to_eigenbasis(noise)?;
        let source = rotated.view((0, 0), (size, size)).into_owned();
        let kernel = self.kernel(&self.maps());
        let mut position = self.feedback.fixed_point(&kernel, &source)?;
        self.refine(&mut position, noise, &kernel, gain);
        full.view_mut((0, 0), (size, size)).copy_from(&position);
        Ok(full)
    }

    /// Iterative refinement of a stationary position moment by what it lacks to balance, with 32 digits: of small problems
    /// always, of larger ones where the solution has lost digits.
    fn refine(&self, position: &mut DMatrix<f64>, noise: &DMatrix<f64>, kernel: &DMatrix<f64>, gain: f64) {
        const REFINEMENTS: usize = 4;
        let work = self.data.features().len() * self.data.dimension();
        let edge =
            self.maps().iter().take(self.feedback.size()).map(ModeMap::edge_distance).fold(f64::INFINITY, f64::min);
        let sensitive = 1.0 - gain < NEAR_THE_LIMIT || edge < NEAR_THE_LIMIT;
        if self.noise_factor <= 0.0 || !(work <= ALWAYS_REFINED || (sensitive && work <= REFINED)) {
            return;
        }
        let balance = Balance::new(&self.data, &self.sgd, self.sampling);
        let basis = self.quadratic.eigenvectors().columns(0, self.feedback.size()).into_owned();
        let extended = lift::<Extended>(&basis);
        let mut last = position.amax();
        // the residual takes the moment as symmetric, to the last bit
        position.fill_lower_triangle_with_upper_triangle();
        for _ in 0..REFINEMENTS {
            let original = &extended * lift::<Extended>(position) * extended.transpose();
            let residual = basis.tr_mul(&balance.residual(&original, noise)) * &basis / self.noise_factor;
            let Ok(correction) = self.feedback.fixed_point(kernel, &residual) else { return };
            let size = largest(&correction);
            // a correction that does not shrink says that doubles cannot solve the equation at all
            if size < last {
                last = size;
                *position += (&correction + correction.transpose()) * 0.5;
            } else {
                return;
            }
        }
    }

    /// Stationary second moment of (theta - mu_ridge, v) of one output in the eigenbasis of H, 2d x 2d, positions
    /// first.
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let moment = law.stationary_second_moment_in_eigenbasis(0).unwrap();
    /// assert!((moment[(0, 1)] - 0.1 / 2.0 * moment[(1, 1)]).abs() < 1e-15); // Cov(theta, v) = eta V / 2
    /// ```
    pub fn stationary_second_moment_in_eigenbasis(&self, output: usize) -> Result<DMatrix<f64>> {
        Ok(phase_space_covariance(&self.maps(), &self.stationary_position_in_eigenbasis(output)?))
    }

    /// The second moment of (theta - mu_ridge, v) in the eigenbasis, 2d x 2d, that belongs to a stationary position
    /// moment P (d x d, eigenbasis), with C = E[theta v^T]: equipartition and the cross moment hold for every noise of
    /// mean zero given the past (identities I1 and I2, erratum E27).
    #[doc = equation!(r"V_{ij} = \frac{h_i + h_j}{\eta (1+\beta)} P_{ij}, \qquad C_{ij} = \frac{\eta V_{ij} - h_j P_{ij}}{1-\beta}")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a matrix that is not d x d, [`TheoryError::NotFinite`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # use nalgebra::DMatrix;
    /// let moment = law.phase_space_moment(&DMatrix::from_element(1, 1, 1.0)).unwrap();
    /// assert!((moment[(1, 1)] - 2.0 * 2.5 / 0.1).abs() < 1e-12); // V = 2 h P / eta
    /// assert!(law.phase_space_moment(&DMatrix::zeros(2, 2)).is_err());
    /// ```
    pub fn phase_space_moment(&self, position: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        self.require_moment(position)?;
        Ok(phase_space_covariance(&self.maps(), position))
    }

    /// Refuses a position moment that is not d x d or not finite.
    fn require_moment(&self, position: &DMatrix<f64>) -> Result<()> {
        let dimension = self.quadratic.dimension();
        require_shape("position moment", position, dimension, dimension)?;
        require_finite("position moment", position)
    }

    /// Stationary second moment of (theta - mu_ridge, v) of one output in the original coordinates, 2d x 2d, positions
    /// first.
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`], and [`TheoryError::Overflow`] beyond the range of doubles.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let moment = law.stationary_second_moment(0).unwrap();
    /// assert!((moment[(0, 0)] - 0.0016 / 0.415).abs() < 1e-16);
    /// assert!((moment[(1, 1)] - 50.0 * moment[(0, 0)]).abs() < 1e-14); // V = 2 h P / eta
    /// ```
    pub fn stationary_second_moment(&self, output: usize) -> Result<DMatrix<f64>> {
        let moment = rotate_symmetric_blocks(&self.quadratic, &self.stationary_second_moment_in_eigenbasis(output)?);
        if moment.iter().all(|entry| entry.is_finite()) {
            Ok(moment)
        } else {
            Err(TheoryError::Overflow { what: "the stationary second moment" })
        }
    }

    /// The lagged second moment of z = (theta - mu_ridge, v) of one output, 2d x 2d, over a number n of steps; the row
    /// belongs to the later time.
    #[doc = equation!(r"\mathbb{E}[z_{k+n} z_k^\top] = M^n\, \mathbb{E}[z_k z_k^\top]")]
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # use langevin_theory::Steps;
    /// let now = law.stationary_second_moment(0).unwrap();
    /// let later = law.lag_second_moment(0, Steps(1)).unwrap();
    /// assert!((later[(0, 0)] - 0.75 * now[(0, 0)]).abs() < 1e-16); // the mean shrinks by 1 - eta h
    /// ```
    pub fn lag_second_moment(&self, output: usize, lag: Steps) -> Result<DMatrix<f64>> {
        let moment = self.stationary_second_moment_in_eigenbasis(output)?;
        Ok(rotate_blocks(&self.quadratic, &apply_power(&self.maps(), lag, &moment)))
    }

    /// Per-direction constant-noise laws with the same stationary variances, given the position moment (d x d,
    /// eigenbasis): speed, displacement, energies and normalised correlations of each direction are theirs (errata
    /// section 5, item 8). Their noise variances per step are
    #[doc = equation!(r"s_i^2 = \frac{P_{ii}}{G_{ii}}")]
    /// and zero in directions without curvature.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a matrix that is not d x d, [`TheoryError::NotFinite`]; [`TheoryError::InvalidValue`]
    /// for a direction that is not stable, or a variance beyond the range of doubles.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// let position = law.stationary_position_in_eigenbasis(0).unwrap();
    /// let mode = law.equivalent_modes(&position).unwrap()[0];
    /// assert!((mode.position_variance().unwrap() - position[(0, 0)]).abs() < 1e-17);
    /// ```
    pub fn equivalent_modes(&self, position: &DMatrix<f64>) -> Result<Vec<ModeLaw>> {
        self.require_moment(position)?;
        self.maps()
            .into_iter()
            .enumerate()
            .map(|(i, map)| {
                let noise = if i < self.feedback.size() {
                    position[(i, i)].max(0.0) / stationary_kernel(&map, &map)
                } else {
                    0.0
                };
                ModeLaw::new(map, noise)
            })
            .collect()
    }

    /// Sum over outputs of a per-direction quantity of the stationary law.
    fn total(&self, quantity: impl Fn(&ModeLaw) -> Result<f64>) -> Result<f64> {
        let mut total = 0.0;
        for position in self.stationary_positions_in_eigenbasis()? {
            for law in self.equivalent_modes(&position)?.iter().take(self.feedback.size()) {
                total += quantity(law)?;
            }
        }
        finite(total, "a sum over the modes")
    }

    /// The mean squared displacement from a stationary start, summed over directions and outputs, one value per step
    /// count,
    #[doc = equation!(r"\mathbb{E}\,|\theta_{k+t} - \theta_k|^2 = 2 \operatorname{tr}\left( P - \operatorname{Cov}(\theta_{k+t}, \theta_k) \right)")]
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # use langevin_theory::Steps;
    /// let curve = law.displacement(&[Steps(0), Steps(1), Steps(1000)]).unwrap();
    /// let variance = 0.0016 / 0.415;
    /// assert_eq!(curve[0], 0.0);
    /// assert!((curve[1] - 2.0 * 0.25 * variance).abs() < 1e-16); // 2 P (1 - 0.75)
    /// assert!((curve[2] - 2.0 * variance).abs() < 1e-16);
    /// ```
    pub fn displacement(&self, steps: &[Steps]) -> Result<Vec<f64>> {
        let mut curve = vec![0.0; steps.len()];
        for position in self.stationary_positions_in_eigenbasis()? {
            for law in self.equivalent_modes(&position)?.iter().take(self.feedback.size()) {
                for (value, &count) in curve.iter_mut().zip(steps) {
                    *value += law.displacement(count)?;
                }
            }
        }
        Ok(curve)
    }

    /// The mean squared step, summed over directions and outputs: the exact counterpart of (16).
    #[doc = equation!(r"\mathbb{E}\,|\theta_k - \theta_{k-1}|^2 = \eta^2 \operatorname{tr} V")]
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// // without momentum a step is -eta times a gradient: eta^2 (E[x^4] P + 0.16), with E[x^4] = 8.5
    /// let variance = 0.0016 / 0.415;
    /// assert!((law.speed().unwrap() - 0.01 * (8.5 * variance + 0.16)).abs() < 1e-16);
    /// ```
    pub fn speed(&self) -> Result<f64> {
        self.total(ModeLaw::speed)
    }

    /// The regularised loss above its minimum, summed over outputs: the potential half of G.3,
    #[doc = equation!(r"\tfrac12 \operatorname{tr}\left( (H + \lambda I) P \right)")]
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!((law.potential_energy().unwrap() - 1.25 * 0.0016 / 0.415).abs() < 1e-16);
    /// ```
    pub fn potential_energy(&self) -> Result<f64> {
        self.total(ModeLaw::potential_energy)
    }

    /// The kinetic half of G.3, summed over outputs; equal to the potential one for independent batches (erratum E27).
    #[doc = equation!(r"\tfrac{m}{2} \operatorname{tr} V, \qquad m = \tfrac{\eta}{2}(1+\beta)")]
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// assert!((law.kinetic_energy().unwrap() - law.potential_energy().unwrap()).abs() < 1e-16);
    /// ```
    pub fn kinetic_energy(&self) -> Result<f64> {
        self.total(ModeLaw::kinetic_energy)
    }

    /// The regularised loss measured from the unregularised minimum, summed over outputs (G.3 with erratum E09),
    #[doc = equation!(r"\mathbb{E}[\mathcal{L}_\lambda] - \mathcal{L}(\mu_{\mathrm{ols}}) = \tfrac12 \operatorname{tr}\left( (H + \lambda I) P \right) + \tfrac{\lambda}{2} \langle \mu_{\mathrm{ols}}, \mu_{\mathrm{ridge}} \rangle")]
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_position_in_eigenbasis`].
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.5, 1).unwrap();
    /// let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// // the minima are 1.5 / 2.5 and 1.5 / 3
    /// let offset = law.excess_loss().unwrap() - law.potential_energy().unwrap();
    /// assert!((offset - 0.25 * 0.6 * 0.5).abs() < 1e-15);
    /// ```
    pub fn excess_loss(&self) -> Result<f64> {
        let offset = self.quadratic.loss_offset(self.sgd.weight_decay());
        finite(self.potential_energy()? + offset, "the loss of the regularised minimum")
    }

    /// The moments of one output step by step from a fixed start: position theta_0 (not its deviation) and velocity, d
    /// entries each.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for an output that does not exist or a vector of another length,
    /// [`TheoryError::NotFinite`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, minibatch::MinibatchLaw};
    /// # use nalgebra::dmatrix;
    /// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    /// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// # let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    /// # use langevin_theory::Steps;
    /// # use nalgebra::dvector;
    /// let mut moments = law.transient(0, &dvector![1.6], &dvector![0.0]).unwrap();
    /// assert!((moments.mean()[0] - 1.0).abs() < 1e-15); // about the minimum at 0.6
    /// moments.advance_to(Steps(500)).unwrap();
    /// assert!((moments.second_moment()[(0, 0)] - 0.0016 / 0.415).abs() < 1e-15);
    /// assert!(law.transient(0, &dvector![1.6, 0.0], &dvector![0.0]).is_err());
    /// ```
    pub fn transient(&self, output: usize, position: &DVector<f64>, velocity: &DVector<f64>) -> Result<Transient> {
        self.require_output(output)?;
        let basis = self.quadratic.eigenvectors();
        for (name, vector) in [("initial_position", position), ("initial_velocity", velocity)] {
            require_vector(name, vector, basis.nrows())?;
        }
        let minimum = self.minimum.column(output);
        let residual = gradient_noise::residual(&self.data, &self.minimum, output);
        Ok(Transient::new(
            self.feedback.clone(),
            self.maps(),
            self.noise_factor,
            residual,
            basis.tr_mul(&(position - minimum)),
            basis.tr_mul(velocity),
            self.quadratic.clone(),
        ))
    }
}

fn maps(quadratic: &Quadratic, sgd: &Hyperparameters) -> Vec<ModeMap> {
    (0..quadratic.dimension())
        .map(|index| {
            let curvature = quadratic.extended_curvature(index, sgd.weight_decay());
            ModeMap::with_curvature(sgd.learning_rate(), sgd.momentum(), curvature)
        })
        .collect()
}

/// eta^2 sum_{n>=1} s^{-n} U_n U'_n: the kernel of the map divided by sqrt(s), for s above the product of the radii.
pub(super) fn slowed_kernel(first: &ModeMap, second: &ModeMap, factor: f64) -> f64 {
    let (eta, b) = (first.learning_rate(), first.momentum());
    let (t, z) = (1.0 + b - first.rate_times_curvature(), 1.0 + b - second.rate_times_curvature());
    let c = b / factor;
    let remaining = (1.0 - c).max(0.0);
    let damping = remaining.powi(2) * ((1.0 + c).powi(2) - t * z / factor) + c / factor * (t - z).powi(2);
    // at the pole of the kernel: large, but with room for its square
    let pole = 1e100;
    if damping > 0.0 { (eta * eta / factor * remaining * (1.0 + c) / damping).min(pole) } else { pole }
}

/// Largest mean-square stable learning rate in one dimension, with curvature h and variance c of the batch curvature
/// (errata section 5, item 8).
#[doc = equation!(r"\eta < \frac{2(1-\beta^2)\,h}{h^2(1-\beta) + c\,(1+\beta)}")]
///
/// # Errors
/// [`TheoryError::InvalidValue`] for a momentum outside [0, 1), a curvature not above 0, or a negative variance.
///
/// ```
/// use langevin_theory::minibatch::mean_square_learning_rate_limit;
/// assert_eq!(mean_square_learning_rate_limit(0.5, 1.0, 0.0).unwrap(), 3.0); // the classical 2 (1 + beta)
/// assert!((mean_square_learning_rate_limit(0.0, 1.0, 2.0).unwrap() - 2.0 / 3.0).abs() < 1e-15); // Gaussian x, S = 1
/// ```
pub fn mean_square_learning_rate_limit(momentum: f64, curvature: f64, curvature_variance: f64) -> Result<f64> {
    if !(0.0..1.0).contains(&momentum) {
        return Err(TheoryError::InvalidValue {
            name: "momentum",
            value: momentum,
            admissible: "at least 0 and below 1",
        });
    }
    if !(curvature.is_finite() && curvature > 0.0) {
        return Err(TheoryError::InvalidValue {
            name: "curvature",
            value: curvature,
            admissible: "finite and above 0",
        });
    }
    if !(curvature_variance.is_finite() && curvature_variance >= 0.0) {
        return Err(TheoryError::InvalidValue {
            name: "curvature_variance",
            value: curvature_variance,
            admissible: "finite and at least 0",
        });
    }
    let b = momentum;
    Ok(2.0 * (1.0 - b) * (1.0 + b) * curvature / (curvature * curvature * (1.0 - b) + curvature_variance * (1.0 + b)))
}

/// A number of this size fits a double, or the name of what does not.
fn finite(number: f64, what: &'static str) -> Result<f64> {
    if number.is_finite() { Ok(number) } else { Err(TheoryError::Overflow { what }) }
}
