//! The modified loss and the force in phase space: (11), (13)-(15), (48)-(51), with errata E06 and E10.
#![doc = langevin_equation::equation!(
    r"\Psi(z) = \tfrac12 z^\top U z, \qquad j(z) = -Q U z, \qquad z = (\theta - \mu,\; v)."
)]
//! Where Sigma = sigma^2 H,
#![doc = langevin_equation::equation!(
    r"\Psi = (\theta-\mu)^\top \frac{H^{-1}(H + \lambda I)}{\eta (1+\beta) \sigma^2} (\theta-\mu) + \tfrac12 v^\top \frac{H^{-1}}{\sigma^2} v, \qquad j = \begin{pmatrix} v \\ -\dfrac{2}{\eta (1+\beta)} (H + \lambda I)(\theta - \mu) \end{pmatrix}."
)]

use langevin_equation::equation;
use nalgebra::DVector;

use super::law::LangevinLaw;
use crate::error::Result;
use crate::linear_algebra::require_vector;

/// The modified loss at a point of phase space, in its parts.
#[doc = equation!(r"\Psi(z) = \tfrac12 z^\top U z, \qquad z = (\theta - \mu,\; v).")]
/// Under Assumption 3 they are (49) and half of (50), erratum E10,
#[doc = equation!(
    r"\Psi_\theta = (\theta-\mu)^\top \frac{H^{-1}(H + \lambda I)}{\eta (1+\beta) \sigma^2} (\theta-\mu), \qquad \Psi_v = \tfrac12 v^\top \frac{H^{-1}}{\sigma^2} v,"
)]
/// and the mixed part is zero; it is not where Sigma and H do not commute.
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
    /// Psi (11), (43): the sum of the parts.
    ///
    /// ```
    /// # use langevin_theory::langevin::ModifiedLoss;
    /// assert_eq!(ModifiedLoss { position: 1.0, velocity: 2.0, mixed: -0.5 }.total(), 2.5);
    /// ```
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

    /// The modified loss at a point (position and velocity of d entries each),
    #[doc = equation!(r"\Psi = \tfrac12 z^\top U z, \qquad z = (\theta - \mu,\; v).")]
    ///
    /// # Errors
    /// As [`LangevinLaw::precision`]; [`crate::TheoryError::Shape`], [`crate::TheoryError::NotFinite`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// // without weight decay it is isotropic in the positions, whatever the Hessian (13)
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let psi = |x, y| law.modified_loss(&dvector![x, y], &dvector![0.0, 0.0]).unwrap().total();
    /// assert!((psi(1.0, 0.0) - 0.5).abs() < 1e-15 && (psi(0.0, 1.0) - 0.5).abs() < 1e-15);
    /// ```
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

    /// The force at a point, 2d entries (15), (51): no sigma^2 in it (erratum E06),
    #[doc = equation!(
        r"j(z) = -Q U z, \qquad j = \begin{pmatrix} v \\ -\dfrac{2}{\eta (1+\beta)} (H + \lambda I)(\theta - \mu) \end{pmatrix} \text{ for } \Sigma = \sigma^2 H."
    )]
    ///
    /// # Errors
    /// As [`LangevinLaw::precision`]; [`crate::TheoryError::Shape`], [`crate::TheoryError::NotFinite`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0], dmatrix![0.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap();
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// let force = law.force(&dvector![3.0], &dvector![1.0]).unwrap();
    /// assert!((force - dvector![1.0, -24.0]).amax() < 1e-13); // v, -(2 / 0.5) 2 * 3
    /// ```
    pub fn force(&self, position: &DVector<f64>, velocity: &DVector<f64>) -> Result<DVector<f64>> {
        let [x, v] = self.deviation(position, velocity)?;
        let size = x.nrows();
        let state = DVector::from_iterator(2 * size, x.iter().chain(v.iter()).copied());
        Ok(-(self.circulation()? * (self.precision()? * state)))
    }

    /// The regularised loss at a point (d entries) above its minimum (half of (48), erratum E10),
    #[doc = equation!(
        r"\tfrac12 (\theta - \mu)^\top (H + \lambda I) (\theta - \mu), \qquad \mu = (H + \lambda I)^{-1} b."
    )]
    ///
    /// # Errors
    /// [`crate::TheoryError::Shape`], [`crate::TheoryError::NotFinite`].
    ///
    /// ```
    /// # use langevin_theory::{Hyperparameters, Quadratic, langevin::{LangevinLaw, NoiseModel}};
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0], dmatrix![4.0]).unwrap();
    /// let sgd = Hyperparameters::new(0.5, 0.0, 2.0, 4).unwrap(); // minimum at 4 / (2 + 2) = 1
    /// let law = LangevinLaw::new(&loss, &sgd, NoiseModel::ProportionalToHessian(4.0)).unwrap();
    /// assert_eq!(law.regularised_loss(&dvector![2.0]).unwrap(), 2.0);
    /// ```
    pub fn regularised_loss(&self, position: &DVector<f64>) -> Result<f64> {
        let [x, _] = self.deviation(position, position)?;
        let quadratic = self.quadratic();
        Ok(0.5 * (x.dot(&(quadratic.hessian() * &x)) + self.hyperparameters().weight_decay() * x.norm_squared()))
    }
}
