//! One step of the scheme of Jordan, Kinderlehrer and Otto for a Gaussian law and a quadratic potential (Theorem 1 with
//! erratum E18):
#![doc = langevin_equation::equation!(r"\underset{p}{\mathrm{arg\,min}} \; \tau F(p) + \tfrac12 W_2^2(p, p_0), \qquad F(p) = \tfrac12\, \mathbb{E}[x^\top U x] - \kappa^{-1}\, \mathrm{entropy}(p)")]
//!
//! With `G = 1 + tau U` and `c = tau / kappa` the minimiser is Gaussian, its mean is `G^{-1} m_0`, and the covariance C
//! solves `G C G = C_0 + 2 c G - c^2 C^{-1}`. So `Y = G^{1/2} C G^{1/2}` is a function of `X = G^{-1/2} C_0 G^{-1/2}`:
#![doc = langevin_equation::equation!(r"y = \tfrac12 \left( 2c + x + \sqrt{x^2 + 4 c x} \right)")]
//! It exists for a singular C_0, and for U and C_0 that do not commute.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::gaussian::Gaussian;
use crate::error::{Result, TheoryError};
use crate::linear_algebra::{require_shape, symmetric_eigen};

/// The scheme with precision U (n x n, symmetric), inverse temperature kappa and a step tau in units of time (Theorem 1
/// with erratum E18): from a law p_0 to
#[doc = equation!(r"\underset{p}{\mathrm{arg\,min}} \; \tau F(p) + \tfrac12 W_2^2(p, p_0), \qquad F(p) = \tfrac12\, \mathbb{E}[x^\top U x] - \kappa^{-1}\, \mathrm{entropy}(p)")]
///
/// ```
/// use langevin_theory::variational::{Gaussian, JkoStep};
/// use nalgebra::{dmatrix, dvector};
/// let scheme = JkoStep::new(&dmatrix![2.0], 1.0, 0.1).unwrap();
/// // the stationary law N(0, 1 / (kappa u)) stays
/// let law = scheme.apply(&Gaussian::new(dvector![0.0], &dmatrix![0.5]).unwrap()).unwrap();
/// assert!((law.covariance()[(0, 0)] - 0.5).abs() < 1e-15);
/// let moved = scheme.apply(&Gaussian::new(dvector![1.2], &dmatrix![0.5]).unwrap()).unwrap();
/// assert!((moved.mean()[0] - 1.0).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct JkoStep {
    precision: DMatrix<f64>,
    kappa: f64,
    step: f64,
    /// (1 + step U)^{-1/2}.
    root_inverse: DMatrix<f64>,
}

impl JkoStep {
    /// A scheme for U, kappa and a step.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a kappa or step that is not positive, or a step at which 1 + step U is not
    /// positive definite (a potential that falls faster than the distance grows); [`TheoryError::Shape`],
    /// [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`] for a U that is not symmetric.
    ///
    /// ```
    /// use langevin_theory::variational::JkoStep;
    /// use nalgebra::dmatrix;
    /// assert!(JkoStep::new(&dmatrix![-2.0], 1.0, 0.4).is_ok()); // a hill, less steep than the distance
    /// assert!(JkoStep::new(&dmatrix![-2.0], 1.0, 0.6).is_err());
    /// ```
    pub fn new(precision: &DMatrix<f64>, kappa: f64, step: f64) -> Result<Self> {
        for (name, value) in [("kappa", kappa), ("step", step)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(TheoryError::InvalidValue { name, value, admissible: "finite and above 0" });
            }
        }
        let size = precision.nrows();
        require_shape("precision", precision, size, size)?;
        let eigen = symmetric_eigen("precision", precision)?;
        let stretched = eigen.values.map(|value| 1.0 + step * value);
        if stretched.iter().any(|&value| value <= 0.0 || !value.is_finite()) {
            return Err(TheoryError::InvalidValue {
                name: "step",
                value: step,
                admissible: "below 1 over the largest negative curvature, and not too large for double precision",
            });
        }
        let scaled = &eigen.vectors * DMatrix::from_diagonal(&stretched.map(|value| 1.0 / value.sqrt()));
        let root_inverse = scaled * eigen.vectors.transpose();
        let precision = (precision + precision.transpose()) * 0.5;
        Ok(Self { precision, kappa, step, root_inverse })
    }

    /// The law after one step, with `G = 1 + tau U` and `c = tau / kappa`:
    #[doc = equation!(r"m = G^{-1} m_0, \qquad G^{1/2} C\, G^{1/2} = \tfrac12 \left( 2c + X + \sqrt{X^2 + 4 c X} \right), \qquad X = G^{-1/2} C_0\, G^{-1/2}")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotConverged`].
    ///
    /// ```
    /// use langevin_theory::variational::{Gaussian, JkoStep};
    /// use nalgebra::{dmatrix, dvector};
    /// let scheme = JkoStep::new(&dmatrix![1.0], 2.0, 1.0).unwrap();
    /// // from a point, G = 2 and c = 1/2: y = c, so C = c / G
    /// let law = scheme.apply(&Gaussian::new(dvector![1.0], &dmatrix![0.0]).unwrap()).unwrap();
    /// assert!((law.mean()[0] - 0.5).abs() < 1e-15 && (law.covariance()[(0, 0)] - 0.25).abs() < 1e-15);
    /// ```
    pub fn apply(&self, law: &Gaussian) -> Result<Gaussian> {
        self.require_dimension(law)?;
        let mean: DVector<f64> = &self.root_inverse * (&self.root_inverse * law.mean());
        let squeezed = &self.root_inverse * law.covariance() * &self.root_inverse;
        let symmetric = (&squeezed + squeezed.transpose()) * 0.5;
        let eigen = symmetric_eigen("the covariance", &symmetric)?;
        let c = self.step / self.kappa;
        let stretched = eigen.values.map(|value| {
            let x = value.max(0.0);
            c + 0.5 * (x + (x * (x + 4.0 * c)).sqrt())
        });
        let inner = &eigen.vectors * DMatrix::from_diagonal(&stretched) * eigen.vectors.transpose();
        let covariance = &self.root_inverse * inner * &self.root_inverse;
        Gaussian::new(mean, &((&covariance + covariance.transpose()) * 0.5))
    }

    /// The free energy of a law (38), in the units of the potential. It falls from step to step (Theorem 2, erratum
    /// E30).
    #[doc = equation!(r"F(p) = \tfrac12 \left[ \operatorname{tr}(U C) + m^\top U m \right] - \kappa^{-1}\, \mathrm{entropy}(p)")]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] for a law without density, [`TheoryError::Shape`].
    ///
    /// ```
    /// use langevin_theory::variational::{Gaussian, JkoStep};
    /// use nalgebra::{dmatrix, dvector};
    /// let scheme = JkoStep::new(&dmatrix![1.0], 1.0, 0.1).unwrap();
    /// let mut law = Gaussian::new(dvector![1.0], &dmatrix![3.0]).unwrap();
    /// for _ in 0..10 {
    ///     let next = scheme.apply(&law).unwrap();
    ///     assert!(scheme.free_energy(&next).unwrap() < scheme.free_energy(&law).unwrap());
    ///     law = next;
    /// }
    /// ```
    pub fn free_energy(&self, law: &Gaussian) -> Result<f64> {
        self.require_dimension(law)?;
        let potential = (&self.precision * law.covariance()).trace() + law.mean().dot(&(&self.precision * law.mean()));
        Ok(0.5 * potential - law.entropy()? / self.kappa)
    }

    fn require_dimension(&self, law: &Gaussian) -> Result<()> {
        let size = self.precision.nrows();
        require_shape("covariance", law.covariance(), size, size)
    }
}
