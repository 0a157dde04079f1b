//! The loss L(theta) = |Y - X theta|^2 / (2N) near its minimum (section 4): Hessian H = X^T X / N with its
//! eigendecomposition, b = X^T Y / N, and both minimisers. H is often rank-deficient; null directions are counted and
//! carried, never divided by (erratum E15).

use nalgebra::{DMatrix, DVector};

use crate::error::{Result, TheoryError};
use crate::linear_algebra::{Eigendecomposition, require_finite, require_shape, symmetric_eigen, transposed_product};

/// Data of a linear regression with one or more outputs that share the features (and, in SGD, the batches).
#[derive(Clone, Debug)]
pub struct LeastSquares {
    features: DMatrix<f64>,
    targets: DMatrix<f64>,
}

impl LeastSquares {
    /// Features X (N x d) and targets Y (N x outputs).
    ///
    /// # Errors
    /// [`TheoryError::Shape`] when there is no sample, no feature, no output, or the rows differ;
    /// [`TheoryError::NotFinite`].
    pub fn new(features: DMatrix<f64>, targets: DMatrix<f64>) -> Result<Self> {
        if features.is_empty() {
            return Err(TheoryError::Shape {
                name: "features",
                found: format!("{} x {}", features.nrows(), features.ncols()),
                expected: "at least 1 x 1".into(),
            });
        }
        if targets.ncols() == 0 {
            return Err(TheoryError::Shape {
                name: "targets",
                found: format!("{} x 0", targets.nrows()),
                expected: format!("{} x at least 1", features.nrows()),
            });
        }
        require_shape("targets", &targets, features.nrows(), targets.ncols())?;
        require_finite("features", &features)?;
        require_finite("targets", &targets)?;
        Ok(Self { features, targets })
    }

    /// X, N x d.
    pub fn features(&self) -> &DMatrix<f64> {
        &self.features
    }

    /// Y, N x outputs.
    pub fn targets(&self) -> &DMatrix<f64> {
        &self.targets
    }

    /// N.
    pub fn samples(&self) -> usize {
        self.features.nrows()
    }

    /// d.
    pub fn dimension(&self) -> usize {
        self.features.ncols()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.targets.ncols()
    }

    /// The same data in other orthonormal coordinates: features X R for an orthogonal R (d x d).
    ///
    /// # Errors
    /// [`TheoryError::Shape`].
    pub fn rotated(&self, rotation: &DMatrix<f64>) -> Result<Self> {
        require_shape("rotation", rotation, self.dimension(), self.dimension())?;
        Self::new(&self.features * rotation, self.targets.clone())
    }

    /// The quadratic loss of this data.
    ///
    /// # Errors
    /// [`TheoryError::NotConverged`], [`TheoryError::Overflow`] when X^T X leaves the range of double precision.
    pub fn quadratic(&self) -> Result<Quadratic> {
        let samples = self.samples() as f64;
        let hessian = transposed_product(&self.features, &self.features) / samples;
        let linear_term = transposed_product(&self.features, &self.targets) / samples;
        if hessian.iter().chain(linear_term.iter()).any(|value| !value.is_finite()) {
            return Err(TheoryError::Overflow { what: "X^T X / N or X^T Y / N" });
        }
        Quadratic::from_samples(hessian, linear_term, self.samples())
    }
}

/// A quadratic loss: Hessian, linear term (one column per output), eigendecomposition.
///
/// ```
/// use langevin_theory::Quadratic;
/// use nalgebra::dmatrix;
/// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 0.0], dmatrix![1.0; 0.0]).unwrap();
/// assert_eq!(loss.rank(), 1);
/// assert_eq!(loss.minimum_ols()[(0, 0)], 0.5);
/// assert_eq!(loss.minimum_ridge(2.0)[(0, 0)], 0.25);
/// ```
#[derive(Clone, Debug)]
pub struct Quadratic {
    hessian: DMatrix<f64>,
    linear_term: DMatrix<f64>,
    eigen: Eigendecomposition,
    rank: usize,
}

impl Quadratic {
    /// A loss with Hessian H (d x d) and linear term b (d x outputs).
    ///
    /// # Errors
    /// [`TheoryError::NotPositiveSemiDefinite`], [`TheoryError::Shape`], [`TheoryError::NotFinite`],
    /// [`TheoryError::NotConverged`].
    pub fn new(hessian: DMatrix<f64>, linear_term: DMatrix<f64>) -> Result<Self> {
        let unit = hessian.nrows();
        Self::with_rounding_unit(hessian, linear_term, unit)
    }

    /// A loss whose H = X^T X / N and b = X^T Y / N were summed elsewhere, over `samples` rows: eigenvalues below
    /// max(N, d) roundings of the largest count as zero.
    ///
    /// # Errors
    /// As [`Quadratic::new`].
    pub fn from_samples(hessian: DMatrix<f64>, linear_term: DMatrix<f64>, samples: usize) -> Result<Self> {
        let unit = samples.max(hessian.nrows());
        Self::with_rounding_unit(hessian, linear_term, unit)
    }

    /// Eigenvalues below `unit` roundings of the largest count as zero.
    fn with_rounding_unit(hessian: DMatrix<f64>, linear_term: DMatrix<f64>, unit: usize) -> Result<Self> {
        let size = hessian.nrows();
        require_shape("linear_term", &linear_term, size, linear_term.ncols())?;
        require_finite("linear_term", &linear_term)?;
        let mut eigen = symmetric_eigen("hessian", &hessian)?;
        let largest = eigen.values[0];
        let smallest = eigen.values[size - 1];
        if smallest < -1e-9 * largest.max(0.0) {
            return Err(TheoryError::NotPositiveSemiDefinite {
                name: "hessian",
                detail: format!("its smallest eigenvalue is {smallest:e} (the largest is {largest:e})"),
            });
        }
        let rounding = unit as f64 * f64::EPSILON * largest;
        let rank = eigen.values.iter().filter(|&&value| value > rounding).count();
        eigen.values.iter_mut().skip(rank).for_each(|value| *value = 0.0);
        Ok(Self { hessian, linear_term, eigen, rank })
    }

    /// H, d x d.
    pub fn hessian(&self) -> &DMatrix<f64> {
        &self.hessian
    }

    /// b, d x outputs.
    pub fn linear_term(&self) -> &DMatrix<f64> {
        &self.linear_term
    }

    /// rho, descending; exactly zero in null directions.
    pub fn eigenvalues(&self) -> &DVector<f64> {
        &self.eigen.values
    }

    /// q_i in the columns.
    pub fn eigenvectors(&self) -> &DMatrix<f64> {
        &self.eigen.vectors
    }

    /// Number of directions with curvature.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// d.
    pub fn dimension(&self) -> usize {
        self.hessian.nrows()
    }

    /// Curvatures h_i = rho_i + lambda, descending.
    pub fn curvatures(&self, weight_decay: f64) -> DVector<f64> {
        self.eigen.values.map(|rho| rho + weight_decay)
    }

    /// Minimum-norm minimiser of the unregularised loss, H^+ b, d x outputs.
    pub fn minimum_ols(&self) -> DMatrix<f64> {
        self.minimum_ridge(0.0)
    }

    /// Minimiser of the loss with weight decay, (H + lambda)^{-1} b, d x outputs; the minimum-norm one for lambda = 0.
    pub fn minimum_ridge(&self, weight_decay: f64) -> DMatrix<f64> {
        let mut coefficients = self.eigen.vectors.tr_mul(&self.linear_term);
        for (index, mut row) in coefficients.row_iter_mut().enumerate() {
            let curvature = self.eigen.values[index] + weight_decay;
            if curvature > 0.0 && (index < self.rank || weight_decay > 0.0) {
                row /= curvature;
            } else {
                row.fill(0.0);
            }
        }
        &self.eigen.vectors * coefficients
    }

    /// L_lambda(ridge minimum) - L(unregularised minimum) = (lambda/2) <mu_ols, mu_ridge>, summed over outputs (erratum
    /// E09: G.3 prints |mu|^2).
    pub fn loss_offset(&self, weight_decay: f64) -> f64 {
        0.5 * weight_decay * self.minimum_ols().dot(&self.minimum_ridge(weight_decay))
    }

    /// A matrix given in the original coordinates, in the eigenbasis: Q^T M Q.
    pub fn to_eigenbasis(&self, matrix: &DMatrix<f64>) -> DMatrix<f64> {
        self.eigen.vectors.tr_mul(matrix) * &self.eigen.vectors
    }

    /// A matrix given in the eigenbasis, in the original coordinates: Q M Q^T.
    pub fn from_eigenbasis(&self, matrix: &DMatrix<f64>) -> DMatrix<f64> {
        &self.eigen.vectors * matrix * self.eigen.vectors.transpose()
    }
}
