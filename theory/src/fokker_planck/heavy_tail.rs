//! The exact one-dimensional stationary law of (33) with drift -a x and multiplicative noise D(x) = d0 + d1 x^2: a
//! Student t (Pearson VII, q-Gaussian) density with power-law tails.
#![doc = langevin_equation::equation!(r"p \propto \frac{1}{D} \exp\left( -\kappa \int \frac{a x}{D}\, dx \right) = \left( 1 + \frac{d_1 x^2}{d_0} \right)^{-m}, \qquad m = 1 + \frac{\kappa a}{2 d_1}, \qquad p \sim |x|^{-2m} \text{ far out}")]
#![doc = langevin_equation::equation!(r"Z = \sqrt{\pi \frac{d_0}{d_1}}\; \frac{\Gamma(m - \tfrac12)}{\Gamma(m)}, \qquad \operatorname{Var} = \frac{d_0}{\kappa a - d_1} \quad \text{if } \kappa a > d_1")]
//!
//! d1 = 0 is the Gaussian with variance d0 / (kappa a). A normalisable law needs m > 1/2, that is kappa a > -d1: noise
//! that grows with x confines even a process that drifts outwards a little.

use langevin_equation::equation;

use super::{require_kappa, require_positive};
use crate::error::{Result, TheoryError};

/// The stationary law for drift -a x, D = d0 + d1 x^2: a Student t density,
#[doc = equation!(r"p(x) = \frac1Z \left( 1 + \frac{d_1 x^2}{d_0} \right)^{-m}, \qquad m = 1 + \frac{\kappa a}{2 d_1}, \qquad Z = \sqrt{\pi \frac{d_0}{d_1}}\; \frac{\Gamma(m - \tfrac12)}{\Gamma(m)}")]
/// d1 = 0 is the Gaussian with variance d0 / (kappa a). A normalisable law needs m > 1/2, that is kappa a > -d1: noise
/// that grows with x confines even a process that drifts outwards a little.
///
/// ```
/// use langevin_theory::TheoryError;
/// use langevin_theory::fokker_planck::HeavyTail;
/// let law = HeavyTail::new(1.0, 2.0, 1.0, 0.5).unwrap();
/// assert_eq!(law.tail_exponent().unwrap(), 6.0);         // 2 + kappa a / d1
/// assert!((law.variance().unwrap() - 1.0 / 1.5).abs() < 1e-15);
/// // no restoring drift: a Cauchy law, which has no variance
/// let cauchy = HeavyTail::new(0.0, 1.0, 1.0, 1.0).unwrap();
/// assert!((cauchy.density(1.0).unwrap() - 0.5 / std::f64::consts::PI).abs() < 1e-15);
/// assert!(matches!(cauchy.variance(), Err(TheoryError::Infinite { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeavyTail {
    /// kappa a.
    confinement: f64,
    constant: f64,
    quadratic: f64,
    log_normaliser: f64,
}

impl HeavyTail {
    /// The law for a (per unit time), kappa, d0 and d1.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for numbers that are not finite, kappa <= 0, d0 < 0 or d1 < 0;
    /// [`TheoryError::Singular`] for d0 = 0, where the origin holds the process; [`TheoryError::Infinite`] when
    /// kappa a <= -d1, where no density can be normalised; [`TheoryError::Overflow`].
    ///
    /// ```
    /// use langevin_theory::{TheoryError, fokker_planck::HeavyTail};
    /// assert!(HeavyTail::new(-0.5, 1.0, 1.0, 1.0).is_ok()); // drifts outwards, and noise brings it back
    /// assert!(matches!(HeavyTail::new(-1.0, 1.0, 1.0, 1.0), Err(TheoryError::Infinite { .. })));
    /// ```
    pub fn new(drift: f64, kappa: f64, constant: f64, quadratic: f64) -> Result<Self> {
        require_kappa(kappa)?;
        if !drift.is_finite() {
            return Err(TheoryError::InvalidValue { name: "drift", value: drift, admissible: "finite" });
        }
        for (name, value) in [("d0", constant), ("d1", quadratic)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(TheoryError::InvalidValue { name, value, admissible: "finite and at least 0" });
            }
        }
        if constant == 0.0 {
            return Err(TheoryError::Singular { what: "D(0) = 0: the origin holds the process" });
        }
        let confinement = kappa * drift;
        // 2 d1 (m - 1/2)
        let excess = confinement + quadratic;
        if excess <= 0.0 {
            return Err(TheoryError::Infinite {
                what: "the integral of exp(int kappa b/D)/D: a stationary density needs kappa a > -d1",
            });
        }
        let half = 0.5 * (std::f64::consts::TAU.ln() + constant.ln() - excess.ln());
        let gamma_ratio = if quadratic > 0.0 { log_gamma_ratio(0.5 * excess / quadratic) } else { 0.0 };
        let law = Self { confinement, constant, quadratic, log_normaliser: half - gamma_ratio };
        require_positive("density at the origin", (-law.log_normaliser).exp())
            .map_err(|_| TheoryError::Overflow { what: "the density at the origin" })?;
        Ok(law)
    }

    /// ln p, also where p underflows.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a point that is not finite.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::HeavyTail;
    /// let law = HeavyTail::new(1.0, 2.0, 1.0, 0.5).unwrap();
    /// let log = |x: f64| law.log_density(x).unwrap();
    /// assert!((log(1e100) - log(1e101) - 6.0 * 10.0_f64.ln()).abs() < 1e-10); // p ~ |x|^{-6}
    /// ```
    pub fn log_density(&self, point: f64) -> Result<f64> {
        if !point.is_finite() {
            return Err(TheoryError::InvalidValue { name: "point", value: point, admissible: "finite" });
        }
        let square = point / self.constant * point;
        let grown = self.quadratic * square;
        let exponent = if !grown.is_finite() {
            // beyond the square root of the largest double
            let logarithm = 2.0 * point.abs().ln() + (self.quadratic.ln() - self.constant.ln());
            logarithm * (1.0 + 0.5 * self.confinement / self.quadratic)
        } else if grown > 1e-8 {
            grown.ln_1p() * (1.0 + 0.5 * self.confinement / self.quadratic)
        } else {
            // ln(1+g)/g = 1 - g/2, to a third of g^2, leaves no 0/0 as d1 -> 0
            (1.0 - 0.5 * grown) * (0.5 * self.confinement + self.quadratic) * square
        };
        Ok(-exponent - self.log_normaliser)
    }

    /// p, in one over the unit of x.
    ///
    /// # Errors
    /// As [`HeavyTail::log_density`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::HeavyTail;
    /// let gaussian = HeavyTail::new(1.0, 1.0, 1.0, 0.0).unwrap();
    /// assert!((gaussian.density(0.0).unwrap() - std::f64::consts::TAU.sqrt().recip()).abs() < 1e-15);
    /// ```
    pub fn density(&self, point: f64) -> Result<f64> {
        Ok(self.log_density(point)?.exp())
    }

    /// The variance; the mean is zero when it exists.
    #[doc = equation!(r"\operatorname{Var} = \frac{d_0}{\kappa a - d_1}")]
    ///
    /// # Errors
    /// [`TheoryError::Infinite`] when kappa a <= d1, [`TheoryError::Overflow`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::HeavyTail;
    /// assert_eq!(HeavyTail::new(2.0, 1.0, 1.0, 1.0).unwrap().variance().unwrap(), 1.0);
    /// assert!(HeavyTail::new(1.0, 1.0, 1.0, 1.0).unwrap().variance().is_err());
    /// ```
    pub fn variance(&self) -> Result<f64> {
        if self.confinement > self.quadratic {
            let variance = self.constant / (self.confinement - self.quadratic);
            return if variance.is_finite() {
                Ok(variance)
            } else {
                Err(TheoryError::Overflow { what: "the variance of the heavy-tailed law" })
            };
        }
        Err(TheoryError::Infinite { what: "the variance of the heavy-tailed law: it needs kappa a > d1" })
    }

    /// The exponent of the tails, `p ~ |x|^{-2m}`. Moments of order below 2m - 1 exist.
    #[doc = equation!(r"2m = 2 + \frac{\kappa a}{d_1}")]
    ///
    /// # Errors
    /// [`TheoryError::Infinite`] for d1 = 0: Gaussian tails fall faster than any power.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::HeavyTail;
    /// assert_eq!(HeavyTail::new(1.0, 1.0, 1.0, 0.5).unwrap().tail_exponent().unwrap(), 4.0);
    /// assert!(HeavyTail::new(1.0, 1.0, 1.0, 0.0).unwrap().tail_exponent().is_err());
    /// ```
    pub fn tail_exponent(&self) -> Result<f64> {
        let exponent = 2.0 + self.confinement / self.quadratic;
        if exponent.is_finite() {
            return Ok(exponent);
        }
        Err(TheoryError::Infinite { what: "the tail exponent: Gaussian tails fall faster than any power" })
    }
}

/// ln [ Gamma(x + 1/2) / (Gamma(x) sqrt(x)) ] for x > 0.
fn log_gamma_ratio(x: f64) -> f64 {
    let mut shift = 0.0;
    let mut y = x;
    while y < 16.0 {
        // the ratio at x is x / (x + 1/2) of the one at x + 1, without the roots
        shift += (y / (y + 0.5)).ln();
        y += 1.0;
    }
    let inverse = 1.0 / y;
    let square = inverse * inverse;
    // sum of (1 - 4^{-n}) B_{2n} / (n (2n-1)) x^{1-2n}, sign reversed
    let series = inverse
        * (-1.0 / 8.0
            + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * (17.0 / 14336.0 - square * (31.0 / 18432.0)))));
    if shift == 0.0 { series } else { series + shift + 0.5 * (y.ln() - x.ln()) }
}
