//! The exact law of one eigendirection with noise of constant variance s2 per step (errata section 5, items 3-6;
//! the discrete counterparts of (9), (16), (17), G.3 and F.2).
//!
#![doc = langevin_equation::equation!(
    r"V = \frac{2 s^2}{(1-\beta)\,(2(1+\beta) - \eta h)}, \qquad P = \frac{\eta (1+\beta)}{2h}\, V, \qquad \operatorname{Cov}(x_k, v_k) = \frac{\eta}{2} V"
)]

use langevin_equation::equation;

use super::map::ModeMap;
use crate::error::{Result, TheoryError};
use crate::time::Steps;

/// Law of one eigendirection. Positions are deviations from the minimum; matrices act on (position, velocity).
///
/// The noise n_k is independent between steps, with mean zero and variance s^2,
#[doc = equation!(r"v_{k+1} = \beta v_k - h x_k + n_k, \qquad x_{k+1} = x_k + \eta v_{k+1}.")]
///
/// ```
/// use langevin_theory::discrete::{ModeLaw, ModeMap};
/// use langevin_theory::Steps;
/// let law = ModeLaw::new(ModeMap::new(0.1, 0.9, 1.0), 0.02).unwrap();
/// let [[p, c], [_, v]] = law.stationary_covariance().unwrap();
/// assert!((law.map().curvature() * p - 0.1 * 1.9 * v / 2.0).abs() < 1e-15); // equipartition
/// assert!((c - 0.1 * v / 2.0).abs() < 1e-15);
/// assert!((law.displacement(Steps(1)).unwrap() - law.speed().unwrap()).abs() < 1e-18);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ModeLaw {
    map: ModeMap,
    noise_variance: f64,
}

impl ModeLaw {
    /// The law for a map and a noise variance s^2 per step (that of the batch gradient along this direction).
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a negative or non-finite variance.
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let error = ModeLaw::new(ModeMap::new(0.1, 0.9, 1.0), -1.0).unwrap_err();
    /// assert_eq!(error.to_string(), "noise_variance is -1; it must be finite and at least 0");
    /// ```
    pub fn new(map: ModeMap, noise_variance: f64) -> Result<Self> {
        if !(noise_variance.is_finite() && noise_variance >= 0.0) {
            return Err(TheoryError::InvalidValue {
                name: "noise_variance",
                value: noise_variance,
                admissible: "finite and at least 0",
            });
        }
        Ok(Self { map, noise_variance })
    }

    /// The deterministic part.
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let law = ModeLaw::new(ModeMap::new(0.1, 0.9, 2.0), 1.0).unwrap();
    /// assert_eq!(law.map().curvature(), 2.0);
    /// ```
    pub fn map(&self) -> &ModeMap {
        &self.map
    }

    fn require_stable(&self) -> Result<()> {
        if self.map.is_stable() {
            Ok(())
        } else if self.map.curvature() == 0.0 {
            Err(TheoryError::Singular { what: "zero curvature: the position has no restoring force" })
        } else {
            Err(TheoryError::Unstable {
                rate_times_curvature: self.map.rate_times_curvature(),
                limit: 2.0 * (1.0 + self.map.momentum()),
            })
        }
    }

    /// The stationary variance of the velocity,
    #[doc = equation!(r"V = \frac{2 s^2}{(1-\beta)\,(2(1+\beta) - \eta h)}")]
    /// in units of velocity squared (`x_{k+1} - x_k = eta v_{k+1}`). It exists for zero curvature too.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// assert_eq!(law.velocity_variance().unwrap(), 1.6); // 2 / (0.5 * 2.5)
    /// ```
    pub fn velocity_variance(&self) -> Result<f64> {
        if self.map.curvature() != 0.0 {
            self.require_stable()?;
        }
        let variance = 2.0 * self.noise_variance / ((1.0 - self.map.momentum()) * self.map.edge_distance());
        finite(variance, "the velocity variance")
    }

    /// The stationary variance of the position,
    #[doc = equation!(
        r"P = \frac{\eta (1+\beta)}{2h}\, V = \frac{\eta (1+\beta)\, s^2}{h\,(1-\beta)\,(2(1+\beta) - \eta h)}."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Singular`] for zero curvature, [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// // plain SGD: eta^2 / (1 - (1 - eta h)^2)
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.0, 1.0), 1.0).unwrap();
    /// assert!((law.position_variance().unwrap() - 0.25 / (1.0 - 0.25)).abs() < 1e-15);
    /// ```
    pub fn position_variance(&self) -> Result<f64> {
        self.require_stable()?;
        let (eta, b) = (self.map.learning_rate(), self.map.momentum());
        let variance =
            eta * (1.0 + b) * self.noise_variance / (self.map.curvature() * (1.0 - b) * self.map.edge_distance());
        finite(variance, "the position variance")
    }

    /// Covariance of (x_k, v_k) in the stationary state, 2 x 2,
    #[doc = equation!(r"\begin{pmatrix} P & \eta V/2 \\ \eta V/2 & V \end{pmatrix}.")]
    ///
    /// # Errors
    /// As [`ModeLaw::position_variance`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// let [[p, c], [_, v]] = law.stationary_covariance().unwrap();
    /// // one step leaves it as it is: x' = x / 2 + v / 4 + n / 2
    /// assert!((0.25 * p + 0.25 * c + 0.0625 * v + 0.25 - p).abs() < 1e-15);
    /// ```
    pub fn stationary_covariance(&self) -> Result<[[f64; 2]; 2]> {
        let position = self.position_variance()?;
        let velocity = self.velocity_variance()?;
        let cross = 0.5 * self.map.learning_rate() * velocity;
        Ok([[position, cross], [cross, velocity]])
    }

    /// By how much the exact stationary variances exceed those of the SDE (identity I3, erratum E03),
    #[doc = equation!(r"\frac{1}{1 - \dfrac{\eta h}{2(1+\beta)}}.")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// # use langevin_theory::{Hyperparameters, langevin::LangevinMode};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.5, 0.0, 1).unwrap();
    /// let sde = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
    /// assert!((law.velocity_variance().unwrap() / sde.velocity_variance() - 1.2).abs() < 1e-15);
    /// assert_eq!(law.ratio_to_sde().unwrap(), 1.2);
    /// ```
    pub fn ratio_to_sde(&self) -> Result<f64> {
        if self.map.curvature() != 0.0 {
            self.require_stable()?;
        }
        Ok(2.0 * (1.0 + self.map.momentum()) / self.map.edge_distance())
    }

    /// Covariance of the state with itself n steps later in the stationary state, z = (x, v), 2 x 2; the row belongs to
    /// the later time,
    #[doc = equation!(
        r"\mathbb E\, z_{k+n} z_k^\top = M^n \begin{pmatrix} P & \eta V/2 \\ \eta V/2 & V \end{pmatrix}."
    )]
    ///
    /// # Errors
    /// As [`ModeLaw::position_variance`].
    ///
    /// ```
    /// # use langevin_theory::{Steps, discrete::{ModeLaw, ModeMap}};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// let [[xx, xv], [vx, vv]] = law.lag_covariance(Steps(1)).unwrap();
    /// for (found, expected) in [(xx, 0.4), (xv, 0.6), (vx, -0.4), (vv, 0.4)] {
    ///     assert!((found - expected).abs() < 1e-15);
    /// }
    /// ```
    pub fn lag_covariance(&self, lag: Steps) -> Result<[[f64; 2]; 2]> {
        let position = self.position_variance()?;
        let velocity = self.velocity_variance()?;
        let (eta, b, u) = (self.map.learning_rate(), self.map.momentum(), self.map.rate_times_curvature());
        let power = self.map.power(lag.0);
        Ok([
            [
                power.position * position + 0.5 * eta * eta * b * power.impulse * velocity,
                eta * velocity * (0.5 * power.position + b * power.impulse),
            ],
            [
                0.5 * eta * velocity * (power.velocity - (1.0 + b) * power.impulse),
                velocity * (power.velocity - 0.5 * u * power.impulse),
            ],
        ])
    }

    /// Mean squared step in the stationary state, the exact counterpart of (16), in units of position squared,
    #[doc = equation!(r"\mathbb E\, (x_k - x_{k-1})^2 = \eta^2 V.")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// assert!((law.speed().unwrap() - 0.25 * 1.6).abs() < 1e-15);
    /// ```
    pub fn speed(&self) -> Result<f64> {
        finite(self.map.learning_rate().powi(2) * self.velocity_variance()?, "the speed")
    }

    /// Mean squared displacement after t steps from a stationary start, the exact counterpart of (17) (errata section
    /// 5, item 5),
    #[doc = equation!(
        r"\mathbb E\, (x_t - x_0)^2 = \eta^2 V \Bigl[ U_t + (1+\beta) \sum_{j=1}^{t-1} U_j \Bigr] \xrightarrow{t\to\infty} 2P."
    )]
    /// For zero curvature it is free diffusion with a stationary velocity.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Steps, discrete::{ModeLaw, ModeMap}};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// let two = law.displacement(Steps(2)).unwrap();
    /// assert!((two - 1.0).abs() < 1e-15); // 0.4 [1 + 1.5]
    /// let [[lagged, _], _] = law.lag_covariance(Steps(2)).unwrap();
    /// assert!((two - 2.0 * (law.position_variance().unwrap() - lagged)).abs() < 1e-15);
    /// ```
    pub fn displacement(&self, steps: Steps) -> Result<f64> {
        let speed = self.speed()?;
        if steps.0 == 0 {
            return Ok(0.0);
        }
        let one_plus_b = 1.0 + self.map.momentum();
        let bracket = |map: &ModeMap| map.impulse(steps.0) + one_plus_b * map.impulse_sum(steps.0 - 1);
        let displacement = if self.map.is_alternating() && steps.0.is_multiple_of(2) {
            // P diverges at the stability edge, while the position comes back every second step: the bracket cancels.
            // With u and 2(1+b) - u exchanged, the autocorrelation of even lags is the same and nothing cancels.
            let return_variance = 2.0 * self.map.learning_rate() * self.noise_variance
                / (self.map.curvature() * (1.0 - self.map.momentum()));
            return_variance * bracket(&self.map.mirrored())
        } else {
            speed * bracket(&self.map)
        };
        finite(displacement, "the displacement")
    }

    /// Mean squared displacement after t steps when x_0 is stationary and v_0 = 0: an emptied momentum buffer (erratum
    /// E33),
    #[doc = equation!(
        r"\mathbb E\, (x_t - x_0)^2 = P\, (u\, W_t)^2 + \eta^2 s^2 \sum_{j=1}^{t} U_j^2, \qquad W_t = \sum_{j=1}^{t} U_j."
    )]
    /// Without curvature the start does not matter.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Steps, discrete::{ModeLaw, ModeMap}};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// // 0.6 * 1 + 0.25 * 2
    /// assert!((law.displacement_from_rest(Steps(2)).unwrap() - 1.1).abs() < 1e-15);
    /// ```
    pub fn displacement_from_rest(&self, steps: Steps) -> Result<f64> {
        if self.map.curvature() == 0.0 {
            return Ok(self.transient_covariance(steps)?[0][0]);
        }
        let position = self.position_variance()?;
        let pull = self.map.rate_times_curvature() * self.map.impulse_sum(steps.0);
        let noise = self.transient_covariance(steps)?[0][0];
        finite(position * pull * pull + noise, "the displacement from rest")
    }

    /// Mean of (x_k, v_k) after k steps from a fixed (x_0, v_0),
    #[doc = equation!(
        r"\mathbb E \begin{pmatrix} x_k \\ v_k \end{pmatrix} = M^k \begin{pmatrix} x_0 \\ v_0 \end{pmatrix}."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Steps, discrete::{ModeLaw, ModeMap}};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// // (1, 0) -> (1/2, -1) -> (0, -1)
    /// let [x, v] = law.transient_mean(1.0, 0.0, Steps(2)).unwrap();
    /// assert!(x.abs() < 1e-15 && (v + 1.0).abs() < 1e-15);
    /// ```
    pub fn transient_mean(&self, position: f64, velocity: f64, steps: Steps) -> Result<[f64; 2]> {
        let matrix = self.map.matrix_power(steps.0);
        let mean =
            [matrix[0][0] * position + matrix[0][1] * velocity, matrix[1][0] * position + matrix[1][1] * velocity];
        finite_array(mean, "the transient mean")
    }

    /// Covariance of (x_k, v_k), 2 x 2, after k steps from a fixed start (errata section 5, item 6), with d_j = U_j -
    /// U_{j-1},
    #[doc = equation!(
        r"\operatorname{Var} x_k = \eta^2 s^2 \sum_{j=1}^{k} U_j^2, \qquad \operatorname{Cov}(x_k, v_k) = \eta s^2 \sum_{j=1}^{k} U_j d_j, \qquad \operatorname{Var} v_k = s^2 \sum_{j=1}^{k} d_j^2."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Steps, discrete::{ModeLaw, ModeMap}};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// let [[xx, xv], [_, vv]] = law.transient_covariance(Steps(2)).unwrap(); // U = 0, 1, 1
    /// assert!((xx - 0.5).abs() < 1e-15 && (xv - 0.5).abs() < 1e-15 && (vv - 1.0).abs() < 1e-15);
    /// ```
    pub fn transient_covariance(&self, steps: Steps) -> Result<[[f64; 2]; 2]> {
        let eta = self.map.learning_rate();
        let [xx, xv, vv] = self.map.noise_sums(steps.0);
        let [xx, xv, vv] = finite_array(
            [eta * eta * self.noise_variance * xx, eta * self.noise_variance * xv, self.noise_variance * vv],
            "the transient covariance",
        )?;
        Ok([[xx, xv], [xv, vv]])
    }

    /// Mean potential energy in the stationary state,
    #[doc = equation!(r"\tfrac12 h P.")]
    ///
    /// # Errors
    /// As [`ModeLaw::position_variance`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// assert!((law.potential_energy().unwrap() - 0.3).abs() < 1e-15);
    /// ```
    pub fn potential_energy(&self) -> Result<f64> {
        Ok(0.5 * self.map.curvature() * self.position_variance()?)
    }

    /// Mean kinetic energy in the stationary state,
    #[doc = equation!(r"\tfrac12 m V, \qquad m = \tfrac12 \eta (1+\beta);")]
    /// it equals the potential energy (G.3, exact in the recursion: identity I1, erratum E27).
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::discrete::{ModeLaw, ModeMap};
    /// let law = ModeLaw::new(ModeMap::new(0.5, 0.5, 1.0), 1.0).unwrap();
    /// assert!((law.kinetic_energy().unwrap() - law.potential_energy().unwrap()).abs() < 1e-15);
    /// ```
    pub fn kinetic_energy(&self) -> Result<f64> {
        Ok(0.25 * self.map.learning_rate() * (1.0 + self.map.momentum()) * self.velocity_variance()?)
    }
}

fn finite(value: f64, what: &'static str) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(TheoryError::Overflow { what }) }
}

fn finite_array<const N: usize>(values: [f64; N], what: &'static str) -> Result<[f64; N]> {
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(TheoryError::Overflow { what }) }
}
