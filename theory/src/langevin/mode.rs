//! The law of one eigendirection, or of a pair of them, of the Ornstein-Uhlenbeck process (5), (6): F.2, (9), (16),
//! G.2, G.3, for any noise covariance (erratum E43). Per unit of time the velocity receives noise of covariance `4
//! Sigma / (S eta (1+beta)^2)`.

use langevin_equation::equation;

use super::oscillator::{Oscillator, TERMS, halvings};
use crate::error::{Result, TheoryError};
use crate::extended_precision::Extended;
use crate::hyperparameters::Hyperparameters;
use crate::time::{Steps, Time};

/// Noise covariance of the velocity per unit time for a gradient-noise covariance Sigma_ij (not divided by S).
pub(crate) fn noise_rate(sgd: &Hyperparameters, noise: f64) -> f64 {
    4.0 * noise / (sgd.batch_size() as f64 * sgd.learning_rate() * (1.0 + sgd.momentum()).powi(2))
}

/// The response of the stationary covariance of the SDE to the gradient-noise covariance, for two directions.
///
/// With Sigma not divided by S, w = omega^2 of the two directions, in units of time squared,
#[doc = equation!(
    r"\frac{\operatorname{Cov}(\theta)_{ij}}{\Sigma_{ij}} = \frac{4}{S \eta (1+\beta)^2} \left[ 2\gamma (w_i + w_j) + \frac{(w_i - w_j)^2}{4\gamma} \right]^{-1}, \qquad \frac{\operatorname{Cov}(\theta)_{ii}}{\Sigma_{ii}} = \frac{\eta}{2 S (1-\beta) h_i}."
)]
///
/// ```
/// use langevin_theory::Hyperparameters;
/// use langevin_theory::langevin::{Oscillator, stationary_kernel};
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
/// let one = Oscillator::new(&sgd, 1.0);
/// assert_eq!(stationary_kernel(&sgd, &one, &one), 0.5 / 8.0);
/// ```
pub fn stationary_kernel(sgd: &Hyperparameters, first: &Oscillator, second: &Oscillator) -> f64 {
    let sum = first.omega_squared() + second.omega_squared();
    let difference = first.omega_squared() - second.omega_squared();
    noise_rate(sgd, 1.0) / (2.0 * first.gamma() * sum + difference * difference / (4.0 * first.gamma()))
}

/// One eigendirection of the SDE (5), (6) with its noise strength q^T Sigma q (not divided by S; sigma^2 rho under
/// Assumption 3).
#[doc = equation!(
    r"dx = v\,dt, \qquad dv = -(\omega^2 x + 2\gamma v)\,dt + \frac{2}{\sqrt{\eta S}\,(1+\beta)} \sqrt{q^\top \Sigma q}\; dW"
)]
/// with erratum E04 for the noise. Positions are deviations from the minimum.
///
/// ```
/// use langevin_theory::langevin::LangevinMode;
/// use langevin_theory::{Hyperparameters, Steps};
/// let sgd = Hyperparameters::new(0.01, 0.9, 0.1, 32).unwrap();
/// let mode = LangevinMode::new(&sgd, 2.0, 0.5).unwrap();
/// let [[p, _], [_, v]] = mode.stationary_covariance().unwrap();
/// // (9): sigma^2 rho / (S (1-beta^2))
/// assert!((v - 0.5 / sgd.kappa()).abs() < 1e-15);
/// assert!((2.1 * p - sgd.mass() * v).abs() < 1e-15); // G.3: equipartition
/// assert!((mode.displacement(Steps(1_000_000)).unwrap() / (2.0 * p) - 1.0).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LangevinMode {
    sgd: Hyperparameters,
    oscillator: Oscillator,
    noise: f64,
}

impl LangevinMode {
    /// The mode of curvature rho >= 0 (without lambda, which the hyperparameters add) and noise strength q^T Sigma q >=
    /// 0.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a curvature or a noise that is negative or not finite.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let error = LangevinMode::new(&sgd, -1.0, 4.0).unwrap_err();
    /// assert_eq!(error.to_string(), "curvature is -1; it must be finite and at least 0");
    /// ```
    pub fn new(sgd: &Hyperparameters, rho: f64, noise: f64) -> Result<Self> {
        for (name, value) in [("curvature", rho), ("noise", noise)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(TheoryError::InvalidValue { name, value, admissible: "finite and at least 0" });
            }
        }
        Ok(Self { sgd: *sgd, oscillator: Oscillator::of_mode(sgd, rho), noise })
    }

    /// The mode of an oscillator whose curvature is not a double, with a noise strength known to be valid.
    pub(crate) fn of_oscillator(sgd: &Hyperparameters, oscillator: Oscillator, noise: f64) -> Self {
        Self { sgd: *sgd, oscillator, noise }
    }

    /// eta k, without rounding.
    fn elapsed(&self, steps: Steps) -> Extended {
        let time = steps.time(&self.sgd).value();
        let exact = Extended::product(self.sgd.learning_rate(), steps.0 as f64);
        if exact.value().is_finite() { exact } else { Extended::from(time) }
    }

    /// The drift of this direction, of curvature h = rho + lambda.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.5, 4).unwrap();
    /// // 2 (1 + 0.5) / 0.5
    /// assert_eq!(LangevinMode::new(&sgd, 1.0, 4.0).unwrap().oscillator().omega_squared(), 6.0);
    /// ```
    pub fn oscillator(&self) -> &Oscillator {
        &self.oscillator
    }

    /// Stationary variance of the velocity, from (9); it exists for zero curvature too,
    #[doc = equation!(r"V = \frac{q^\top \Sigma q}{\kappa}, \qquad \kappa = S(1-\beta^2).")]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// assert_eq!(LangevinMode::new(&sgd, 1.0, 4.0).unwrap().velocity_variance(), 1.0);
    /// ```
    pub fn velocity_variance(&self) -> f64 {
        self.noise / self.sgd.kappa()
    }

    /// Stationary covariance of (position, velocity), 2 x 2, equation (9),
    #[doc = equation!(
        r"\begin{pmatrix} V/\omega^2 & 0 \\ 0 & V \end{pmatrix}, \qquad \frac{V}{\omega^2} = \frac{\eta\; q^\top \Sigma q}{2 S (1-\beta) h}."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] without curvature.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let mode = LangevinMode::new(&sgd, 1.0, 4.0).unwrap();
    /// assert_eq!(mode.stationary_covariance().unwrap(), [[0.25, 0.0], [0.0, 1.0]]);
    /// assert!(LangevinMode::new(&sgd, 0.0, 4.0).unwrap().stationary_covariance().is_err());
    /// ```
    pub fn stationary_covariance(&self) -> Result<[[f64; 2]; 2]> {
        let omega_squared = self.oscillator.omega_squared();
        if omega_squared <= 0.0 {
            return Err(TheoryError::Singular { what: "zero curvature: the position has no restoring force" });
        }
        let velocity = self.velocity_variance();
        Ok([[velocity / omega_squared, 0.0], [0.0, velocity]])
    }

    /// Covariance of the state now with the state a time t later in the stationary state, 2 x 2; the row belongs to the
    /// *earlier* time (erratum E05),
    #[doc = equation!(
        r"\operatorname{Cov}(z_0, z_t) = C\, e^{-S^\top t}, \qquad z = (x, v), \qquad C = \operatorname{diag}(V/\omega^2, V)."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] without curvature.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Time, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap(); // gamma = omega = 2
    /// let mode = LangevinMode::new(&sgd, 1.0, 4.0).unwrap();
    /// let [[xx, xv], [vx, vv]] =
    ///     mode.stationary_cross_covariance(Time::new(0.5).unwrap()).unwrap();
    /// for (found, expected) in [(xx, 0.5), (xv, -0.5), (vx, 0.5), (vv, 0.0)] {
    ///     assert!((found - expected * (-1.0_f64).exp()).abs() < 1e-15);
    /// }
    /// ```
    pub fn stationary_cross_covariance(&self, time: Time) -> Result<[[f64; 2]; 2]> {
        let [[position, _], [_, velocity]] = self.stationary_covariance()?;
        let step = self.oscillator.propagator(time);
        Ok([[position * step[0][0], position * step[1][0]], [velocity * step[0][1], velocity * step[1][1]]])
    }

    /// Mean of (position, velocity) at a time from a fixed start: a_i(t), b_i(t) of (7),
    #[doc = equation!(
        r"\begin{pmatrix} a(t) \\ b(t) \end{pmatrix} = e^{-S t} \begin{pmatrix} a(0) \\ b(0) \end{pmatrix}."
    )]
    /// To compare with the recursion started at x_0 with v_0 = 0, take b(0) = -h x_0 / 2 and its velocities half a step
    /// earlier (erratum E32).
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Time, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap(); // gamma = omega = 2
    /// let [a, b] =
    ///     LangevinMode::new(&sgd, 1.0, 4.0).unwrap().mean(1.0, 0.0, Time::new(0.5).unwrap());
    /// let e = 1.0_f64.exp();
    /// assert!((a - 2.0 / e).abs() < 1e-15 && (b + 2.0 / e).abs() < 1e-15);
    /// ```
    pub fn mean(&self, position: f64, velocity: f64, time: Time) -> [f64; 2] {
        let step = self.oscillator.propagator(time);
        [step[0][0] * position + step[0][1] * velocity, step[1][0] * position + step[1][1] * velocity]
    }

    /// Covariance of (position, velocity), 2 x 2, at a time from a fixed start (F.2 with erratum E07); it exists for
    /// zero curvature too,
    #[doc = equation!(
        r"\int_0^t e^{-S s} \begin{pmatrix} 0 & 0 \\ 0 & 4\gamma V \end{pmatrix} e^{-S^\top s}\, ds = C - e^{-S t} C e^{-S^\top t}, \qquad C = \operatorname{diag}(V/\omega^2, V)."
    )]
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Time, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap(); // gamma = omega = 2, V = 1
    /// let mode = LangevinMode::new(&sgd, 1.0, 4.0).unwrap();
    /// let [[xx, xv], [_, vv]] = mode.covariance(Time::new(0.5).unwrap());
    /// let decay = (-2.0_f64).exp();
    /// assert!((xx - 0.25 * (1.0 - 5.0 * decay)).abs() < 1e-15);
    /// assert!((xv - decay).abs() < 1e-15 && (vv - (1.0 - decay)).abs() < 1e-15);
    /// ```
    pub fn covariance(&self, time: Time) -> [[f64; 2]; 2] {
        transient_covariance(&self.oscillator, &self.oscillator, noise_rate(&self.sgd, self.noise), time)
    }

    /// Correlation of the velocity with itself k steps later (G.2 with errata E01, E08),
    #[doc = equation!(
        r"C(\eta k) = e^{-\gamma t} \left( \cos \alpha t - \frac{\gamma}{\alpha} \sin \alpha t \right), \qquad t = \eta k"
    )]
    /// if underdamped; with cosh and sinh if overdamped.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Steps, langevin::LangevinMode};
    /// // gamma = omega = 2: e^{-2t} (1 - 2t)
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let mode = LangevinMode::new(&sgd, 1.0, 4.0).unwrap();
    /// assert!(mode.velocity_correlation(Steps(1)).abs() < 1e-15);
    /// assert!((mode.velocity_correlation(Steps(2)) + (-2.0_f64).exp()).abs() < 1e-15);
    /// ```
    pub fn velocity_correlation(&self, lag: Steps) -> f64 {
        self.oscillator.propagator_after(self.elapsed(lag))[1][1]
    }

    /// C(k) as printed in G.2: the number of steps used as if it were a time (erratum E01). Kept to be refuted.
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Steps, langevin::LangevinMode};
    /// // a step takes half a unit of time, not a whole one
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let mode = LangevinMode::new(&sgd, 1.0, 4.0).unwrap();
    /// assert_eq!(
    ///     mode.velocity_correlation_as_printed(Steps(1)),
    ///     mode.velocity_correlation(Steps(2))
    /// );
    /// ```
    pub fn velocity_correlation_as_printed(&self, lag: Steps) -> f64 {
        self.oscillator.propagator(Time::misread_steps(lag))[1][1]
    }

    /// Mean squared displacement of the SDE after k steps from a stationary start (the right reading of (17), erratum
    /// E02),
    #[doc = equation!(
        r"\mathbb E\, (x_{\eta k} - x_0)^2 = 2 \left( P - \operatorname{Cov}(x_0, x_{\eta k}) \right) = 2 V \int_0^{\eta k} g,"
    )]
    /// with the impulse response g of [`Oscillator::propagator`]. It exists for zero curvature too.
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Steps, langevin::LangevinMode};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap(); // gamma = omega = 2, P = 1/4
    /// let mode = LangevinMode::new(&sgd, 1.0, 4.0).unwrap();
    /// assert!(
    ///     (mode.displacement(Steps(1)).unwrap() - 0.5 * (1.0 - 2.0 * (-1.0_f64).exp())).abs()
    ///         < 1e-15
    /// );
    /// ```
    pub fn displacement(&self, steps: Steps) -> Result<f64> {
        let integral = self.oscillator.impulse_integral_after(self.elapsed(steps));
        let displacement = 2.0 * self.velocity_variance() * integral;
        if displacement.is_finite() {
            Ok(displacement)
        } else {
            Err(TheoryError::Overflow { what: "the displacement" })
        }
    }
}

/// int_0^t e^{-S_i s} diag(0, q) e^{-S_j^T s} ds for two directions. Taylor series at short times, then
/// `C(2t) = C(t) + E_i(t) C(t) E_j(t)^T`: a sum of positive terms, accurate from t^3 to saturation (errata section 6).
pub(crate) fn transient_covariance(
    first: &Oscillator,
    second: &Oscillator,
    noise_rate: f64,
    time: Time,
) -> [[f64; 2]; 2] {
    let (mut short, doublings) = halvings(time.value(), f64::max(first.rate(), second.rate()));
    let mut covariance = short_time_covariance(first, second, short);
    for _ in 0..doublings {
        let (left, right) = (first.propagator_at(short), second.propagator_at(short));
        let moved: [[f64; 2]; 2] = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                (0..2).map(|k| (0..2).map(|l| left[i][k] * covariance[k][l] * right[j][l]).sum::<f64>()).sum()
            })
        });
        covariance = std::array::from_fn(|i| std::array::from_fn(|j| covariance[i][j] + moved[i][j]));
        short *= 2.0;
    }
    covariance.map(|row| row.map(|value| noise_rate * value))
}

/// The integral by Taylor series, for a time at which it has converged.
fn short_time_covariance(first: &Oscillator, second: &Oscillator, time: f64) -> [[f64; 2]; 2] {
    let derivative = |series: &[f64; TERMS]| -> [f64; TERMS] {
        std::array::from_fn(|n| if n + 1 < TERMS { (n + 1) as f64 * series[n + 1] } else { 0.0 })
    };
    let (g, k) = (first.impulse_series(), second.impulse_series());
    let (left, right) = ([g, derivative(&g)], [k, derivative(&k)]);
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let mut integral = 0.0;
            for order in (0..TERMS).rev() {
                let product: f64 = (0..=order).map(|n| left[i][n] * right[j][order - n]).sum();
                integral = integral * time + product / (order + 1) as f64;
            }
            integral * time
        })
    })
}
