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
    /// The law for a map and a noise variance per step (that of the batch gradient along this direction).
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a negative or non-finite variance.
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
    /// [`TheoryError::Unstable`].
    pub fn velocity_variance(&self) -> Result<f64> {
        if self.map.curvature() != 0.0 {
            self.require_stable()?;
        }
        let variance = 2.0 * self.noise_variance / ((1.0 - self.map.momentum()) * self.map.edge_distance());
        finite(variance, "the velocity variance")
    }

    /// P, the stationary variance of the position.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Singular`] for zero curvature.
    pub fn position_variance(&self) -> Result<f64> {
        self.require_stable()?;
        let (eta, b) = (self.map.learning_rate(), self.map.momentum());
        let variance =
            eta * (1.0 + b) * self.noise_variance / (self.map.curvature() * (1.0 - b) * self.map.edge_distance());
        finite(variance, "the position variance")
    }

    /// Covariance of (x_k, v_k) in the stationary state.
    ///
    /// # Errors
    /// As [`ModeLaw::position_variance`].
    pub fn stationary_covariance(&self) -> Result<[[f64; 2]; 2]> {
        let position = self.position_variance()?;
        let velocity = self.velocity_variance()?;
        let cross = 0.5 * self.map.learning_rate() * velocity;
        Ok([[position, cross], [cross, velocity]])
    }

    /// By how much the exact variances exceed those of the SDE: 1 / (1 - u / (2(1+b))) (identity I3, erratum E03).
    ///
    /// # Errors
    /// [`TheoryError::Unstable`].
    pub fn ratio_to_sde(&self) -> Result<f64> {
        if self.map.curvature() != 0.0 {
            self.require_stable()?;
        }
        Ok(2.0 * (1.0 + self.map.momentum()) / self.map.edge_distance())
    }

    /// E[z_{k+n} z_k^T] in the stationary state, z = (x, v); the row belongs to the later time.
    ///
    /// # Errors
    /// As [`ModeLaw::position_variance`].
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

    /// E|theta_k - theta_{k-1}|^2 = eta^2 V, the exact counterpart of (16).
    ///
    /// # Errors
    /// [`TheoryError::Unstable`].
    pub fn speed(&self) -> Result<f64> {
        finite(self.map.learning_rate().powi(2) * self.velocity_variance()?, "the speed")
    }

    /// E|theta_t - theta_0|^2 from a stationary start, the exact counterpart of (17) (errata section 5, item 5). For
    /// zero curvature it is free diffusion with a stationary velocity.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`].
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

    /// E|theta_t - theta_0|^2 when theta_0 is stationary and v_0 = 0: an emptied momentum buffer (erratum E33). Without
    /// curvature the start does not matter.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::Overflow`].
    pub fn displacement_from_rest(&self, steps: Steps) -> Result<f64> {
        if self.map.curvature() == 0.0 {
            return Ok(self.transient_covariance(steps)?[0][0]);
        }
        let position = self.position_variance()?;
        let pull = self.map.rate_times_curvature() * self.map.impulse_sum(steps.0);
        let noise = self.transient_covariance(steps)?[0][0];
        finite(position * pull * pull + noise, "the displacement from rest")
    }

    /// Mean of (x_k, v_k) from a fixed (x_0, v_0).
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    pub fn transient_mean(&self, position: f64, velocity: f64, steps: Steps) -> Result<[f64; 2]> {
        let matrix = self.map.matrix_power(steps.0);
        let mean =
            [matrix[0][0] * position + matrix[0][1] * velocity, matrix[1][0] * position + matrix[1][1] * velocity];
        finite_array(mean, "the transient mean")
    }

    /// Covariance of (x_k, v_k) from a fixed start.
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    pub fn transient_covariance(&self, steps: Steps) -> Result<[[f64; 2]; 2]> {
        let eta = self.map.learning_rate();
        let [xx, xv, vv] = self.map.noise_sums(steps.0);
        let [xx, xv, vv] = finite_array(
            [eta * eta * self.noise_variance * xx, eta * self.noise_variance * xv, self.noise_variance * vv],
            "the transient covariance",
        )?;
        Ok([[xx, xv], [xv, vv]])
    }

    /// E[h x^2] / 2 in the stationary state.
    ///
    /// # Errors
    /// As [`ModeLaw::position_variance`].
    pub fn potential_energy(&self) -> Result<f64> {
        Ok(0.5 * self.map.curvature() * self.position_variance()?)
    }

    /// E[m v^2] / 2 with m = eta (1 + beta) / 2 in the stationary state.
    ///
    /// # Errors
    /// [`TheoryError::Unstable`].
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
