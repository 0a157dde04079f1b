//! One step of the scheme of Jordan, Kinderlehrer and Otto for a Gaussian law and a quadratic potential (Theorem 1 with
//! erratum E18):
#![doc = langevin_equation::equation!(r"\underset{p}{\mathrm{arg\,min}} \; \tau F(p) + \tfrac12 W_2^2(p, p_0), \qquad F(p) = \tfrac12\, \mathbb{E}[x^\top U x] - \kappa^{-1}\, \mathrm{entropy}(p)")]
//!
//! With `G = 1 + tau U` and `c = tau / kappa` the minimiser is Gaussian, its mean is `G^{-1} m_0`, and the covariance C
//! solves `G C G = C_0 + 2 c G - c^2 C^{-1}`. With `G = K K^T`, `Y = K^T C K` is a function of `X = K^{-1} C_0 K^{-T}`:
#![doc = langevin_equation::equation!(r"y = \tfrac12 \left( 2c + x + \sqrt{x^2 + 4 c x} \right)")]
//! It exists for a singular C_0, and for U and C_0 that do not commute. The eigenvectors of X are the left singular
//! vectors of `K^{-1} L`, `C_0 = L L^T`, so that a variance that vanishes leaves exactly `y = c`.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::gaussian::Gaussian;
use crate::cholesky::Cholesky;
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number, lift, lower};
use crate::linear_algebra::{require_shape, symmetric_eigen};
use crate::singular_values::{orthogonal_columns, squared_lengths};

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
    /// The factor of G = 1 + step U.
    stretch: Cholesky<Extended>,
}

/// The minimiser with all digits.
struct Minimiser {
    mean: DVector<Extended>,
    covariance: DMatrix<Extended>,
    /// ln det of the covariance.
    log_determinant: f64,
}

impl JkoStep {
    /// A scheme for U (n x n), kappa and a step.
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
        let too_large = TheoryError::InvalidValue {
            name: "step",
            value: step,
            admissible: "below 1 over the largest negative curvature, and not too large for double precision",
        };
        let stretched = eigen.values.map(|value| 1.0 + step * value);
        if stretched.iter().any(|&value| value <= 0.0 || !value.is_finite()) {
            return Err(too_large);
        }
        let precision = (precision + precision.transpose()) * 0.5;
        let stretch = DMatrix::from_fn(size, size, |i, j| {
            Extended::product(step, precision[(i, j)]) + Extended::from(if i == j { 1.0 } else { 0.0 })
        });
        let stretch = Cholesky::new(&stretch, 64.0 * size as f64 * Extended::EPSILON).ok_or(too_large)?;
        Ok(Self { precision, kappa, step, stretch })
    }

    fn minimise(&self, law: &Gaussian) -> Result<Minimiser> {
        self.require_dimension(law)?;
        let size = law.mean().nrows();
        let (zero, half) = (Extended::from(0.0), Extended::from(0.5));
        let mean = self.stretch.solve(&DMatrix::from_fn(size, 1, |i, _| Extended::from(law.mean()[i])));
        let c = Extended::from(self.step) / Extended::from(self.kappa);
        let columns = orthogonal_columns(self.stretch.solve_root(&law.root()))?;
        let mut inner = DMatrix::from_fn(size, size, |i, j| if i == j { c } else { zero });
        let mut log_determinant = -self.stretch.log_determinant();
        let mut without_variance = size;
        for (index, &x) in squared_lengths(&columns).iter().enumerate() {
            if x.value() <= 0.0 {
                continue;
            }
            let excess = (x + (x * (x + c.scaled(4.0))).root()) * half;
            let column = columns.column(index);
            let weight = excess / x;
            for i in 0..size {
                for j in 0..size {
                    inner[(i, j)] += weight * column[i] * column[j];
                }
            }
            log_determinant += (c + excess).logarithm();
            without_variance -= 1;
        }
        log_determinant += without_variance as f64 * c.logarithm();
        // C = K^{-T} Y K^{-1}
        let left = self.stretch.solve_transposed_root(&inner);
        let covariance = self.stretch.solve_transposed_root(&left.transpose());
        let covariance = DMatrix::from_fn(size, size, |i, j| (covariance[(i, j)] + covariance[(j, i)]) * half);
        Ok(Minimiser { mean: DVector::from_fn(size, |i, _| mean[(i, 0)]), covariance, log_determinant })
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
        let Minimiser { mean, covariance, .. } = self.minimise(law)?;
        Gaussian::new(mean.map(Number::value), &lower(&covariance))
    }

    /// F of the law after one step. The entropy is that of the minimiser before its covariance is rounded: after a short
    /// step from a law without density, doubles would no longer tell it from a singular one.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotConverged`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// use langevin_theory::variational::{Gaussian, JkoStep};
    /// use nalgebra::{dmatrix, dvector};
    /// let scheme = JkoStep::new(&dmatrix![1.0], 1.0, 0.1).unwrap();
    /// let law = Gaussian::new(dvector![1.0], &dmatrix![3.0]).unwrap();
    /// let next = scheme.apply(&law).unwrap();
    /// assert!((scheme.free_energy_after(&law).unwrap() - scheme.free_energy(&next).unwrap()).abs() < 1e-14);
    /// ```
    pub fn free_energy_after(&self, law: &Gaussian) -> Result<f64> {
        let Minimiser { mean, covariance, log_determinant } = self.minimise(law)?;
        let size = mean.nrows();
        let precision = lift::<Extended>(&self.precision);
        let pull = &precision * &mean;
        let mut potential = pull.dot(&mean);
        for i in 0..size {
            for j in 0..size {
                potential += precision[(i, j)] * covariance[(j, i)];
            }
        }
        let entropy = 0.5 * (size as f64 * (1.0 + std::f64::consts::TAU.ln()) + log_determinant);
        let energy = 0.5 * Number::value(potential) - entropy / self.kappa;
        if energy.is_finite() { Ok(energy) } else { Err(TheoryError::Overflow { what: "the free energy" }) }
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
