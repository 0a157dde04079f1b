//! The stationary law of (33) in one dimension on an interval with no flux through its ends, by quadrature. The current
//! is then zero everywhere, so
#![doc = langevin_equation::equation!(r"p(x) = \frac{1}{Z D(x)} \exp\left( \kappa \int^x \frac{b}{D} \right)")]
//!
//! Composite Gauss-Legendre quadrature with ten points, whose panels are doubled until nothing moves.

use langevin_equation::equation;
use nalgebra::DVector;

use super::require_kappa;
use crate::error::{Result, TheoryError};

/// Positive nodes and weights of the ten-point Gauss-Legendre rule on [-1, 1].
const GAUSS_LEGENDRE: [(f64, f64); 5] = [
    (0.14887433898163122, 0.29552422471475287),
    (0.4333953941292472, 0.26926671930999635),
    (0.6794095682990244, 0.21908636251598204),
    (0.8650633666889845, 0.1494513491505806),
    (0.9739065285171717, 0.06667134430868814),
];

/// Largest number of panels.
const PANELS: usize = 1 << 13;

/// Two successive panellings agree to this.
const TOLERANCE: f64 = 1e-12;

/// The stationary law of a scalar process with drift b(x) and diffusion D(x) > 0 on an interval, through whose ends
/// nothing flows: the current is zero everywhere.
#[doc = equation!(r"p(x) = \frac{1}{Z D(x)} \exp\left( \kappa \int^x \frac{b}{D} \right)")]
///
/// ```
/// use langevin_theory::fokker_planck::ScalarStationaryLaw;
/// // a double well
/// let law = ScalarStationaryLaw::new(3.0, -3.0, 3.0, |x| x - x * x * x, |_| 1.0).unwrap();
/// let ratio = law.density(1.0).unwrap() / law.density(0.0).unwrap();
/// assert!((ratio - (3.0f64 / 4.0).exp()).abs() < 1e-12);
/// assert!(ScalarStationaryLaw::new(3.0, -3.0, 3.0, |x| -x, |x| x.abs() - 1.0).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct ScalarStationaryLaw<B, D> {
    kappa: f64,
    low: f64,
    high: f64,
    drift: B,
    diffusion: D,
    panels: usize,
    /// kappa int b/D from the lower end to each edge of a panel.
    exponents: DVector<f64>,
    /// ln of the integral of exp(kappa int b/D)/D.
    log_normaliser: f64,
}

impl<B: Fn(f64) -> f64, D: Fn(f64) -> f64> ScalarStationaryLaw<B, D> {
    /// The law for kappa, an interval, and smooth functions b and D.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for kappa, for bounds that are not finite and in order, for a drift that is not
    /// finite and a diffusion that is not finite and positive; [`TheoryError::NotConverged`],
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ScalarStationaryLaw;
    /// let make = |low, high| ScalarStationaryLaw::new(1.0, low, high, |x| -x, |_| 1.0);
    /// assert!(make(-9.0, 9.0).is_ok() && make(9.0, -9.0).is_err());
    /// ```
    pub fn new(kappa: f64, low: f64, high: f64, drift: B, diffusion: D) -> Result<Self> {
        require_kappa(kappa)?;
        super::Axis::new(low, high, 1)?;
        let mut law = Self {
            kappa,
            low,
            high,
            drift,
            diffusion,
            panels: 0,
            exponents: DVector::zeros(1),
            log_normaliser: f64::NAN,
        };
        let mut panels = 8;
        while panels <= PANELS {
            let (last_exponent, last_normaliser) = (law.exponents[law.panels], law.log_normaliser);
            law.tabulate(panels)?;
            let scale = 1.0 + law.exponents.amax();
            let moved = (law.exponents[panels] - last_exponent).abs() + (law.log_normaliser - last_normaliser).abs();
            if moved <= TOLERANCE * scale {
                return Ok(law);
            }
            panels *= 2;
        }
        Err(TheoryError::NotConverged { what: "the quadrature of a stationary law", iterations: PANELS })
    }

    fn tabulate(&mut self, panels: usize) -> Result<()> {
        self.panels = panels;
        self.exponents = DVector::zeros(panels + 1);
        let mut logarithms = Vec::with_capacity(10 * panels);
        for panel in 0..panels {
            let (left, right) = (self.edge(panel, panels), self.edge(panel + 1, panels));
            for (x, weight) in nodes(left, right) {
                let exponent = self.exponents[panel] + self.integral(left, x)?;
                logarithms.push(exponent - self.diffusion_at(x)?.ln() + weight.ln());
            }
            self.exponents[panel + 1] = self.exponents[panel] + self.integral(left, right)?;
        }
        let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.log_normaliser = largest + logarithms.iter().map(|value| (value - largest).exp()).sum::<f64>().ln();
        if self.log_normaliser.is_finite() {
            return Ok(());
        }
        Err(TheoryError::Overflow { what: "kappa int b/D" })
    }

    fn edge(&self, panel: usize, panels: usize) -> f64 {
        let fraction = panel as f64 / panels as f64;
        self.low * (1.0 - fraction) + self.high * fraction
    }

    fn diffusion_at(&self, x: f64) -> Result<f64> {
        let value = (self.diffusion)(x);
        if value.is_finite() && value > 0.0 {
            return Ok(value);
        }
        Err(TheoryError::InvalidValue { name: "diffusion", value, admissible: "finite and greater than 0" })
    }

    /// kappa int b/D within a panel.
    fn integral(&self, left: f64, right: f64) -> Result<f64> {
        let mut sum = 0.0;
        for (x, weight) in nodes(left, right) {
            let value = (self.drift)(x);
            if !value.is_finite() {
                return Err(TheoryError::InvalidValue { name: "drift", value, admissible: "finite" });
            }
            sum += weight * value / self.diffusion_at(x)?;
        }
        Ok(self.kappa * sum)
    }

    /// ln p, also where p underflows.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a point outside the interval.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ScalarStationaryLaw;
    /// let law = ScalarStationaryLaw::new(1.0, -60.0, 60.0, |x| -x, |_| 1.0).unwrap();
    /// let log = |x: f64| law.log_density(x).unwrap();
    /// assert!((log(50.0) - log(0.0) + 1250.0).abs() < 1e-9); // -x^2 / 2
    /// assert!(law.log_density(61.0).is_err());
    /// ```
    pub fn log_density(&self, point: f64) -> Result<f64> {
        if !(point >= self.low && point <= self.high) {
            return Err(TheoryError::InvalidValue { name: "point", value: point, admissible: "inside the interval" });
        }
        let panels = self.panels;
        let fraction = (point - self.low) / (self.high - self.low);
        let panel = (fraction * panels as f64).floor() as usize;
        let exponent = self.exponents[panel] + self.integral(self.edge(panel, panels), point)?;
        Ok(exponent - self.diffusion_at(point)?.ln() - self.log_normaliser)
    }

    /// p, in one over the unit of x.
    ///
    /// # Errors
    /// As [`ScalarStationaryLaw::log_density`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ScalarStationaryLaw;
    /// // without drift the law of an Ito process is uniform only where D is: p ~ 1/D
    /// let law = ScalarStationaryLaw::new(1.0, 0.0, 1.0, |_| 0.0, |x| 1.0 + x).unwrap();
    /// assert!((law.density(0.0).unwrap() - 1.0 / 2.0_f64.ln()).abs() < 1e-12);
    /// assert!((law.density(0.0).unwrap() / law.density(1.0).unwrap() - 2.0).abs() < 1e-12);
    /// ```
    pub fn density(&self, point: f64) -> Result<f64> {
        Ok(self.log_density(point)?.exp())
    }

    /// The expectation of a function that is smooth on the scale of the drift,
    #[doc = equation!(r"\mathbb{E} f = \int f(x)\, p(x)\, dx")]
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] when the function is not finite somewhere.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ScalarStationaryLaw;
    /// let law = ScalarStationaryLaw::new(2.0, -9.0, 9.0, |x| -x, |_| 1.0).unwrap();
    /// assert!((law.expectation(|x| x * x).unwrap() - 0.5).abs() < 1e-12);
    /// ```
    pub fn expectation(&self, function: impl Fn(f64) -> f64) -> Result<f64> {
        let mut sum = 0.0;
        for panel in 0..self.panels {
            for (x, weight) in nodes(self.edge(panel, self.panels), self.edge(panel + 1, self.panels)) {
                let value = function(x);
                if !value.is_finite() {
                    return Err(TheoryError::InvalidValue { name: "function", value, admissible: "finite" });
                }
                sum += weight * value * self.density(x)?;
            }
        }
        Ok(sum)
    }
}

/// Nodes and weights on [left, right].
fn nodes(left: f64, right: f64) -> impl Iterator<Item = (f64, f64)> {
    let (middle, half) = (0.5 * left + 0.5 * right, 0.5 * (right - left));
    GAUSS_LEGENDRE
        .into_iter()
        .flat_map(move |(x, weight)| [(middle - half * x, weight * half), (middle + half * x, weight * half)])
}
