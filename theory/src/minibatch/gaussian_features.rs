//! Streaming linear regression with Gaussian features: a fresh batch every step, x ~ N(0, H), y = x . theta* + noise of
//! variance sigma^2, no weight decay (errata section 5, item 8). Fourth moments of Gaussian features close the
//! second-moment equations, direction by direction except for one sum:
#![doc = langevin_equation::equation!(r"a_i = \frac{\eta}{2 \rho_i S (1-\beta) \left( 1 - \frac{\eta \rho_i}{2(1+\beta)} \right)}, \qquad s = \sum_i \frac{a_i \rho_i^2}{1 - a_i \rho_i^2}, \qquad \operatorname{Var} \theta_i = \frac{a_i \rho_i\, \sigma^2}{(1-s)(1 - a_i \rho_i^2)}")]
//! Stationary second moments exist iff the mean is stable, every `a_i rho_i^2` is below 1 and s < 1.

use langevin_equation::equation;

use super::law::slowed_kernel;
use crate::discrete::ModeMap;
use crate::error::{Result, TheoryError};
use crate::extended_precision::Extended;
use crate::hyperparameters::Hyperparameters;

/// The exact stationary law for Gaussian features with eigenvalues rho_i of H.
#[doc = equation!(r"\operatorname{Var} \theta_i = \frac{a_i \rho_i\, \sigma^2}{(1-s)(1 - a_i \rho_i^2)}, \qquad s = \sum_i \frac{a_i \rho_i^2}{1 - a_i \rho_i^2}")]
///
/// ```
/// use langevin_theory::Hyperparameters;
/// use langevin_theory::minibatch::GaussianFeatures;
/// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
/// let law = GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap();
/// // E (1 - eta x^2)^2 = 1 - 2 eta + 3 eta^2, so P = eta^2 / (2 eta - 3 eta^2)
/// assert!((law.position_variances().unwrap()[0] - 0.1 / 1.7).abs() < 1e-16);
/// assert!((law.spectral_radius() - 0.83).abs() < 1e-14);
/// ```
#[derive(Clone, Debug)]
pub struct GaussianFeatures {
    sgd: Hyperparameters,
    eigenvalues: Vec<f64>,
    sigma2: f64,
    maps: Vec<ModeMap>,
}

impl GaussianFeatures {
    /// The law for hyperparameters without weight decay, the eigenvalues of the covariance of the features and the
    /// variance of the label noise.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for weight decay, a negative eigenvalue or sigma^2; [`TheoryError::Shape`] without
    /// eigenvalues.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, TheoryError, minibatch::GaussianFeatures};
    /// let decaying = Hyperparameters::new(0.1, 0.0, 0.5, 1).unwrap();
    /// let error = GaussianFeatures::new(&decaying, &[1.0], 1.0).unwrap_err();
    /// assert!(matches!(error, TheoryError::InvalidValue { name: "weight_decay", .. }));
    /// ```
    pub fn new(sgd: &Hyperparameters, eigenvalues: &[f64], sigma2: f64) -> Result<Self> {
        if sgd.weight_decay() > 0.0 {
            return Err(TheoryError::InvalidValue {
                name: "weight_decay",
                value: sgd.weight_decay(),
                admissible: "0 (Gaussian features have a closed law only without weight decay)",
            });
        }
        if eigenvalues.is_empty() {
            return Err(TheoryError::Shape {
                name: "eigenvalues",
                found: "an empty list".into(),
                expected: "at least one".into(),
            });
        }
        let numbers = eigenvalues.iter().map(|&rho| ("eigenvalues", rho)).chain([("sigma2", sigma2)]);
        for (name, value) in numbers {
            if !(value.is_finite() && value >= 0.0) {
                return Err(TheoryError::InvalidValue { name, value, admissible: "finite and at least 0" });
            }
        }
        let maps = eigenvalues.iter().map(|&rho| ModeMap::new(sgd.learning_rate(), sgd.momentum(), rho)).collect();
        Ok(Self { sgd: *sgd, eigenvalues: eigenvalues.to_vec(), sigma2, maps })
    }

    /// a_i rho_i^2 for the directions with curvature, with 32 digits: variances diverge where their sum s reaches 1.
    fn gains(&self) -> Result<Vec<Extended>> {
        let sgd = &self.sgd;
        let batch = Extended::from(sgd.batch_size() as f64);
        let one_plus_b = Extended::sum(1.0, sgd.momentum());
        let one_minus_b = Extended::sum(1.0, -sgd.momentum());
        self.maps
            .iter()
            .filter(|map| map.curvature() > 0.0)
            .map(|map| {
                let u = map.rate_times_curvature();
                if map.edge_distance() <= 0.0 {
                    return Err(TheoryError::Unstable {
                        rate_times_curvature: u,
                        limit: sgd.rate_times_curvature_limit(),
                    });
                }
                let u = Extended::product(sgd.learning_rate(), map.curvature());
                let edge_distance = one_plus_b.scaled(2.0).minus(u);
                Ok(u.times(one_plus_b).over(one_minus_b.times(edge_distance).times(batch)))
            })
            .collect()
    }

    /// The sum over directions with curvature that must be below 1 for stationary second moments,
    #[doc = equation!(r"s = \sum_i \frac{a_i \rho_i^2}{1 - a_i \rho_i^2}")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`] when the mean is not stable, [`TheoryError::MeanSquareUnstable`] when a single
    /// direction is not.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, minibatch::GaussianFeatures};
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 2).unwrap();
    /// // a rho^2 = eta rho / (2 - eta rho) / 2 = 1/6 in each of two equal directions
    /// let law = GaussianFeatures::new(&sgd, &[1.0, 1.0], 1.0).unwrap();
    /// assert!((law.stability_sum().unwrap() - 0.4).abs() < 1e-15);
    /// ```
    pub fn stability_sum(&self) -> Result<f64> {
        Ok(Self::extended_stability_sum(&self.gains()?)?.value())
    }

    fn extended_stability_sum(gains: &[Extended]) -> Result<Extended> {
        let one = Extended::from(1.0);
        if let Some(gain) = gains.iter().find(|gain| one.minus(**gain).value() <= 0.0) {
            return Err(TheoryError::MeanSquareUnstable { gain: gain.value() });
        }
        Ok(gains.iter().fold(Extended::from(0.0), |sum, &gain| sum.plus(gain.over(one.minus(gain)))))
    }

    /// 1 - s where it is positive.
    fn margin(gains: &[Extended]) -> Result<Extended> {
        let sum = Self::extended_stability_sum(gains)?;
        let margin = Extended::from(1.0).minus(sum);
        if margin.value() > 0.0 { Ok(margin) } else { Err(TheoryError::MeanSquareUnstable { gain: sum.value() }) }
    }

    /// Whether stationary second moments exist: s < 1.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, minibatch::GaussianFeatures};
    /// // one direction without momentum, S = 1: 2 eta rho > 3 (eta rho)^2
    /// let stable = |eta| {
    ///     let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
    ///     GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap().is_stable()
    /// };
    /// assert!(stable(0.66) && !stable(0.67)); // the mean alone is stable up to 2
    /// ```
    pub fn is_stable(&self) -> bool {
        self.gains().and_then(|gains| Self::margin(&gains)).is_ok()
    }

    /// The variances of the position, one per eigenvalue, in the order given; zero in directions without curvature,
    /// which receive no noise.
    #[doc = equation!(r"\operatorname{Var} \theta_i = \frac{a_i \rho_i\, \sigma^2}{(1-s)(1 - a_i \rho_i^2)}")]
    ///
    /// # Errors
    /// [`TheoryError::Unstable`], [`TheoryError::MeanSquareUnstable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, minibatch::GaussianFeatures};
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// let law = GaussianFeatures::new(&sgd, &[1.0, 0.0], 2.0).unwrap();
    /// let variances = law.position_variances().unwrap();
    /// assert!((variances[0] - 0.2 / 1.7).abs() < 1e-15);
    /// assert_eq!(variances[1], 0.0);
    /// ```
    pub fn position_variances(&self) -> Result<Vec<f64>> {
        let gains = self.gains()?;
        let margin = Self::margin(&gains)?;
        let mut gains = gains.into_iter();
        let variances = self
            .eigenvalues
            .iter()
            .map(|&rho| {
                let Some(gain) = (if rho > 0.0 { gains.next() } else { None }) else { return 0.0 };
                let room = margin.times(Extended::from(1.0).minus(gain)).value();
                gain.value() / rho * self.sigma2 / room
            })
            .collect::<Vec<f64>>();
        if variances.iter().all(|variance| variance.is_finite()) {
            Ok(variances)
        } else {
            Err(TheoryError::Overflow { what: "the stationary variances" })
        }
    }

    /// The variances of the velocity, one per eigenvalue; equipartition holds for any noise of mean zero given the past
    /// (erratum E27).
    #[doc = equation!(r"\operatorname{Var} v_i = \frac{2 \rho_i}{\eta (1+\beta)} \operatorname{Var} \theta_i")]
    ///
    /// # Errors
    /// As [`GaussianFeatures::position_variances`].
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, minibatch::GaussianFeatures};
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// let law = GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap();
    /// // without momentum v is minus the gradient x (x e - noise): E v^2 = 3 P + 1
    /// assert!((law.velocity_variances().unwrap()[0] - (3.0 * 0.1 / 1.7 + 1.0)).abs() < 1e-14);
    /// ```
    pub fn velocity_variances(&self) -> Result<Vec<f64>> {
        let mass = self.sgd.mass();
        Ok(self.position_variances()?.iter().zip(&self.eigenvalues).map(|(p, rho)| rho * p / mass).collect())
    }

    /// Spectral radius of the per-step map of second moments, on directions with curvature: the largest r that solves
    #[doc = equation!(r"\sum_i \frac{k_i}{1 - k_i} = 1, \qquad k_i = \frac{\rho_i^2\, K_i(r)}{S}")]
    /// with K_i the kernel of the map slowed down by 1/sqrt(r); the square of the mean's radius where noise does not
    /// raise it. 0 without curvature.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, minibatch::GaussianFeatures};
    /// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    /// let law = GaussianFeatures::new(&sgd, &[2.0], 1.0).unwrap();
    /// // E (1 - eta x^2)^2 = 1 - 2 u + 3 u^2 with u = eta rho = 0.2
    /// assert!((law.spectral_radius() - 0.72).abs() < 1e-14);
    /// ```
    pub fn spectral_radius(&self) -> f64 {
        let active: Vec<&ModeMap> = self.maps.iter().filter(|map| map.curvature() > 0.0).collect();
        if active.is_empty() {
            return 0.0;
        }
        let floor = active.iter().map(|map| map.spectral_radius()).fold(0.0, f64::max).powi(2);
        let batch = self.sgd.batch_size() as f64;
        let exceeds = |factor: f64| {
            let mut sum = 0.0;
            for map in &active {
                let gain = map.curvature().powi(2) * slowed_kernel(map, map, factor) / batch;
                if gain.is_nan() || gain >= 1.0 {
                    return true;
                }
                sum += gain / (1.0 - gain);
            }
            sum > 1.0
        };
        let mut high = f64::max(1.0, floor);
        while high.is_finite() && exceeds(high) {
            high *= 2.0;
        }
        // monotone in r: bisection to the last bit
        let (mut low, mut high) = (floor, high.min(f64::MAX));
        let mut middle = f64::midpoint(low, high);
        while low < middle && middle < high {
            if exceeds(middle) {
                low = middle;
            } else {
                high = middle;
            }
            middle = f64::midpoint(low, high);
        }
        high.max(floor)
    }
}
