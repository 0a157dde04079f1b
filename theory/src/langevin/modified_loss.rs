//! The modified loss and the force in phase space: (11), (13)-(15), (48)-(51), with errata E06 and E10.
//!
//! ```text
//! Psi(z) = z^T U z / 2,    j(z) = -Q U z,    z = (theta - mu, v)
//! Sigma = sigma^2 H:   Psi = theta' H^{-1}(H + lambda) theta' / (eta (1+beta) sigma^2) + v' H^{-1} v / (2 sigma^2)
//!                      j = ( v ; -2/(eta (1+beta)) (H + lambda)(theta - mu) )
//! ```

use nalgebra::DVector;

use super::law::LangevinLaw;
use crate::error::Result;
use crate::linear_algebra::require_vector;

/// Psi at a point of phase space, in its parts. The parts of (49) and half of (50), erratum E10, under Assumption 3; the
/// mixed part is zero unless Sigma and H do not commute.
///
/// ```
/// use langevin_theory::langevin::{LangevinLaw, NoiseModel};
/// use langevin_theory::{Hyperparameters, Quadratic};
/// use nalgebra::{dmatrix, dvector};
/// let loss = Quadratic::new(dmatrix![2.0], dmatrix![0.0]).unwrap();
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.5, 8).unwrap();
/// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
/// let psi = law.modified_loss(&dvector![3.0], &dvector![1.0]).unwrap();
/// assert!((psi.position - 9.0 * (2.5 / 2.0) / (0.1 * 1.9 * 4.0)).abs() < 1e-13);
/// assert!((psi.velocity - 1.0 / (2.0 * 2.0 * 4.0)).abs() < 1e-15);
/// assert_eq!(psi.mixed, 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModifiedLoss {
    /// Psi_theta, (13), (49).
    pub position: f64,
    /// Psi_v, (14), (50).
    pub velocity: f64,
    /// The part bilinear in position and velocity.
    pub mixed: f64,
}

impl ModifiedLoss {
    /// Psi (11), (43).
    pub fn total(&self) -> f64 {
        self.position + self.velocity + self.mixed
    }
}

impl LangevinLaw {
    fn deviation(&self, position: &DVector<f64>, velocity: &DVector<f64>) -> Result<[DVector<f64>; 2]> {
        let minimum = self.minimum_ridge();
        for (name, vector) in [("position", position), ("velocity", velocity)] {
            require_vector(name, vector, minimum.nrows())?;
        }
        Ok([position - minimum, velocity.clone()])
    }

    /// The modified loss at a point (d positions, d velocities).
    ///
    /// # Errors
    /// As [`LangevinLaw::precision`]; [`crate::TheoryError::Shape`].
    pub fn modified_loss(&self, position: &DVector<f64>, velocity: &DVector<f64>) -> Result<ModifiedLoss> {
        let [x, v] = self.deviation(position, velocity)?;
        let precision = self.precision()?;
        let size = x.nrows();
        let block = |row: usize, column: usize| precision.view((row * size, column * size), (size, size));
        Ok(ModifiedLoss {
            position: 0.5 * x.dot(&(block(0, 0) * &x)),
            velocity: 0.5 * v.dot(&(block(1, 1) * &v)),
            mixed: x.dot(&(block(0, 1) * &v)),
        })
    }

    /// The force j at a point, 2d entries (15), (51): no sigma^2 in it (erratum E06).
    ///
    /// # Errors
    /// As [`LangevinLaw::precision`]; [`crate::TheoryError::Shape`].
    pub fn force(&self, position: &DVector<f64>, velocity: &DVector<f64>) -> Result<DVector<f64>> {
        let [x, v] = self.deviation(position, velocity)?;
        let size = x.nrows();
        let state = DVector::from_iterator(2 * size, x.iter().chain(v.iter()).copied());
        Ok(-(self.circulation()? * (self.precision()? * state)))
    }

    /// The regularised loss above its minimum, (theta - mu)^T (H + lambda) (theta - mu) / 2 (half of (48), erratum E10).
    ///
    /// # Errors
    /// [`crate::TheoryError::Shape`].
    pub fn regularised_loss(&self, position: &DVector<f64>) -> Result<f64> {
        let [x, _] = self.deviation(position, position)?;
        let quadratic = self.quadratic();
        Ok(0.5 * (x.dot(&(quadratic.hessian() * &x)) + self.hyperparameters().weight_decay() * x.norm_squared()))
    }
}
