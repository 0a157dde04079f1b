//! The quadratic loss of a linear regression (section 4), with the eigendecomposition of its Hessian and both
//! minimisers.
#![doc = langevin_equation::equation!(
    r"\mathcal L(\theta) = \frac{1}{2N} \lVert Y - X\theta \rVert^2, \qquad H = \frac{X^\top X}{N}, \qquad b = \frac{X^\top Y}{N}, \qquad \mu = (H + \lambda I)^{-1} b."
)]
//! H is often rank-deficient; null directions are counted and carried, never divided by (erratum E15).

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use crate::eigenvalue_clusters;
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, largest, lift, lower};
use crate::linear_algebra::{Eigendecomposition, require_finite, require_shape, symmetric_eigen, transposed_product};

/// Data of a linear regression with one or more outputs that share the features (and, in SGD, the batches).
///
/// The loss of theta (d x outputs) is
#[doc = equation!(r"\mathcal L(\theta) = \frac{1}{2N} \lVert Y - X\theta \rVert^2.")]
///
/// ```
/// use langevin_theory::LeastSquares;
/// use nalgebra::dmatrix;
/// // y = 2 x
/// let data = LeastSquares::new(dmatrix![1.0; 2.0; 3.0], dmatrix![2.0; 4.0; 6.0]).unwrap();
/// assert!((data.quadratic().unwrap().minimum_ols()[(0, 0)] - 2.0).abs() < 1e-15);
/// ```
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
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// let error = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 2.0; 3.0]).unwrap_err();
    /// assert_eq!(error.to_string(), "targets has shape 3 x 1; it must be 2 x 1");
    /// ```
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
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0, 2.0], dmatrix![3.0]).unwrap();
    /// assert_eq!(data.features(), &dmatrix![1.0, 2.0]);
    /// ```
    pub fn features(&self) -> &DMatrix<f64> {
        &self.features
    }

    /// Y, N x outputs.
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0, 2.0], dmatrix![3.0]).unwrap();
    /// assert_eq!(data.targets(), &dmatrix![3.0]);
    /// ```
    pub fn targets(&self) -> &DMatrix<f64> {
        &self.targets
    }

    /// Number of samples N.
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(
    ///     LeastSquares::new(dmatrix![1.0; 2.0; 3.0], dmatrix![2.0; 4.0; 6.0])
    ///         .unwrap()
    ///         .samples(),
    ///     3
    /// );
    /// ```
    pub fn samples(&self) -> usize {
        self.features.nrows()
    }

    /// Number of features d.
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(LeastSquares::new(dmatrix![1.0, 2.0], dmatrix![3.0]).unwrap().dimension(), 2);
    /// ```
    pub fn dimension(&self) -> usize {
        self.features.ncols()
    }

    /// Number of outputs.
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(LeastSquares::new(dmatrix![1.0], dmatrix![0.0, 1.0]).unwrap().outputs(), 2);
    /// ```
    pub fn outputs(&self) -> usize {
        self.targets.ncols()
    }

    /// The same data in other orthonormal coordinates: features
    #[doc = equation!(r"X \mapsto X R")]
    /// for an orthogonal R (d x d). That R is orthogonal is not checked.
    ///
    /// # Errors
    /// [`TheoryError::Shape`].
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// let data = LeastSquares::new(dmatrix![1.0, 2.0], dmatrix![3.0]).unwrap();
    /// assert_eq!(
    ///     data.rotated(&dmatrix![0.0, 1.0; 1.0, 0.0]).unwrap().features(),
    ///     &dmatrix![2.0, 1.0]
    /// );
    /// ```
    pub fn rotated(&self, rotation: &DMatrix<f64>) -> Result<Self> {
        require_shape("rotation", rotation, self.dimension(), self.dimension())?;
        Self::new(&self.features * rotation, self.targets.clone())
    }

    /// The minimum of the loss with weight decay to more digits than doubles have, d x outputs, given the loss's
    /// decomposition: the rounding errors of H and b move their own minimum by as many roundings as H is ill-conditioned.
    /// Refined with 32-digit gradients of the data itself; plain doubles where the data are large.
    pub(crate) fn minimum_ridge(&self, quadratic: &Quadratic, weight_decay: f64) -> DMatrix<Extended> {
        let minimum = quadratic.minimum_ridge(weight_decay);
        let outputs = self.outputs();
        if self.features.len() * outputs > REFINED_ENTRIES {
            return lift(&minimum);
        }
        let decay = Extended::from(weight_decay);
        let count = Extended::from(self.samples() as f64);
        refined(&minimum, |minimum| {
            let mut gradient = minimum.map(|entry| -(decay * entry * count));
            for output in 0..outputs {
                for sample in 0..self.samples() {
                    let rest = -self.extended_residual(minimum, sample, output);
                    for i in 0..self.dimension() {
                        gradient[(i, output)] += rest * Extended::from(self.features[(sample, i)]);
                    }
                }
            }
            quadratic.solve(&gradient.map(|entry| (entry / count).value()), weight_decay)
        })
    }

    /// x_n theta - y_n of one sample and output.
    pub(crate) fn extended_residual(&self, position: &DMatrix<Extended>, sample: usize, output: usize) -> Extended {
        let mut sum = Extended::from(-self.targets[(sample, output)]);
        for i in 0..self.dimension() {
            sum += Extended::from(self.features[(sample, i)]) * position[(i, output)];
        }
        sum
    }

    /// Refuses the decomposition of a loss of another shape than this data's.
    pub(crate) fn require_same_shape(&self, quadratic: &Quadratic) -> Result<()> {
        require_shape("hessian", quadratic.hessian(), self.dimension(), self.dimension())?;
        require_shape("linear_term", quadratic.linear_term(), self.dimension(), self.outputs())
    }

    /// The quadratic loss of this data,
    #[doc = equation!(
        r"H = \frac{X^\top X}{N}\ (d \times d), \qquad b = \frac{X^\top Y}{N}\ (d \times \text{outputs})."
    )]
    ///
    /// # Errors
    /// [`TheoryError::NotConverged`], [`TheoryError::Overflow`] when X^T X leaves the range of double precision.
    ///
    /// ```
    /// # use langevin_theory::LeastSquares;
    /// # use nalgebra::dmatrix;
    /// let loss = LeastSquares::new(dmatrix![1.0; 3.0], dmatrix![2.0; 0.0])
    ///     .unwrap()
    ///     .quadratic()
    ///     .unwrap();
    /// assert_eq!((loss.hessian()[(0, 0)], loss.linear_term()[(0, 0)]), (5.0, 1.0));
    /// ```
    pub fn quadratic(&self) -> Result<Quadratic> {
        let samples = self.samples() as f64;
        let linear_term = transposed_product(&self.features, &self.targets) / samples;
        let rounding_unit = self.samples().max(self.dimension());
        if self.samples() * self.dimension().pow(2) <= EXTENDED_HESSIAN {
            let hessian = self.extended_hessian();
            if hessian.iter().all(|entry| entry.value().is_finite()) {
                return Quadratic::with_rounding_unit(lower(&hessian), Some(&hessian), linear_term, rounding_unit);
            }
        }
        let hessian = transposed_product(&self.features, &self.features) / samples;
        if hessian.iter().chain(linear_term.iter()).any(|value| !value.is_finite()) {
            return Err(TheoryError::Overflow { what: "X^T X / N or X^T Y / N" });
        }
        Quadratic::with_rounding_unit(hessian, None, linear_term, rounding_unit)
    }

    /// H with 32 digits.
    pub(crate) fn extended_hessian(&self) -> DMatrix<Extended> {
        let count = Extended::from(self.samples() as f64);
        let size = self.dimension();
        let mut hessian = DMatrix::from_element(size, size, Extended::from(0.0));
        for i in 0..size {
            for j in i..size {
                let (left, right) = (self.features.column(i), self.features.column(j));
                let sum = left
                    .iter()
                    .zip(right.iter())
                    .fold(Extended::from(0.0), |sum, (&x, &y)| sum + Extended::product(x, y));
                hessian[(i, j)] = sum / count;
                hessian[(j, i)] = hessian[(i, j)];
            }
        }
        hessian
    }
}

/// A quadratic loss: Hessian H, linear term b (one column per output), eigendecomposition.
///
/// Up to a constant,
#[doc = equation!(
    r"\mathcal L(\theta) = \tfrac12 \theta^\top H \theta - b^\top \theta, \qquad H = \sum_i \rho_i\, q_i q_i^\top."
)]
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
    /// What the eigenvalues are beyond a double.
    remainders: Vec<f64>,
    rank: usize,
}

/// Largest dimension at which eigenvalues are known beyond a double.
const EXTENDED_DIMENSION: usize = 64;

/// Most multiplications, N d^2, for which the Hessian of data is taken with 32 digits: about a millisecond.
const EXTENDED_HESSIAN: usize = 100_000;

/// Most entries of the features, times outputs, for which the minimum is refined with the data.
const REFINED_ENTRIES: usize = 20_000;

/// Most refinements of a minimum; each gains as many digits as a solve in doubles has.
const REFINEMENTS: usize = 20;

impl Quadratic {
    /// A loss with Hessian H (d x d) and linear term b (d x outputs). Eigenvalues below d roundings of the largest
    /// count as zero.
    ///
    /// # Errors
    /// [`TheoryError::NotPositiveSemiDefinite`], [`TheoryError::Shape`], [`TheoryError::NotFinite`],
    /// [`TheoryError::NotConverged`].
    ///
    /// ```
    /// # use langevin_theory::{Quadratic, TheoryError};
    /// # use nalgebra::dmatrix;
    /// let saddle = Quadratic::new(dmatrix![1.0, 0.0; 0.0, -1.0], dmatrix![0.0; 0.0]);
    /// assert!(matches!(
    ///     saddle,
    ///     Err(TheoryError::NotPositiveSemiDefinite { name: "hessian", .. })
    /// ));
    /// ```
    pub fn new(hessian: DMatrix<f64>, linear_term: DMatrix<f64>) -> Result<Self> {
        let unit = hessian.nrows();
        Self::with_rounding_unit(hessian, None, linear_term, unit)
    }

    /// A loss whose H (d x d) and b (d x outputs) were summed elsewhere, over N = `samples` rows,
    #[doc = equation!(r"H = \tfrac1N X^\top X, \qquad b = \tfrac1N X^\top Y:")]
    /// eigenvalues below max(N, d) roundings of the largest count as zero.
    ///
    /// # Errors
    /// As [`Quadratic::new`].
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// // a direction that only the rounding of a million products has lit
    /// let hessian = dmatrix![1.0, 0.0; 0.0, 1e-11];
    /// let loss = Quadratic::from_samples(hessian.clone(), dmatrix![1.0; 0.0], 1_000_000).unwrap();
    /// assert_eq!((loss.rank(), Quadratic::new(hessian, dmatrix![1.0; 0.0]).unwrap().rank()), (1, 2));
    /// ```
    pub fn from_samples(hessian: DMatrix<f64>, linear_term: DMatrix<f64>, samples: usize) -> Result<Self> {
        let unit = samples.max(hessian.nrows());
        Self::with_rounding_unit(hessian, None, linear_term, unit)
    }

    /// Eigenvalues below `unit` roundings of the largest count as zero; with the Hessian to more digits where it is known.
    fn with_rounding_unit(
        hessian: DMatrix<f64>,
        extended: Option<&DMatrix<Extended>>,
        linear_term: DMatrix<f64>,
        unit: usize,
    ) -> Result<Self> {
        let size = hessian.nrows();
        if linear_term.ncols() == 0 {
            return Err(TheoryError::Shape {
                name: "linear_term",
                found: format!("{} x 0", linear_term.nrows()),
                expected: format!("{size} x at least 1"),
            });
        }
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
        let remainders = if size <= EXTENDED_DIMENSION {
            let extended = extended.cloned().unwrap_or_else(|| symmetrised(&hessian));
            eigenvalue_clusters::separate(&extended, &mut eigen, rank)?;
            remainders(&extended, &mut eigen, rank)
        } else {
            vec![0.0; size]
        };
        eigen.values.iter_mut().skip(rank).for_each(|value| *value = 0.0);
        Ok(Self { hessian, linear_term, eigen, remainders, rank })
    }

    /// H, d x d.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(
    ///     Quadratic::new(dmatrix![2.0], dmatrix![1.0]).unwrap().hessian(),
    ///     &dmatrix![2.0]
    /// );
    /// ```
    pub fn hessian(&self) -> &DMatrix<f64> {
        &self.hessian
    }

    /// b, d x outputs.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(
    ///     Quadratic::new(dmatrix![2.0], dmatrix![1.0]).unwrap().linear_term(),
    ///     &dmatrix![1.0]
    /// );
    /// ```
    pub fn linear_term(&self) -> &DMatrix<f64> {
        &self.linear_term
    }

    /// The eigenvalues rho_i of H (d entries), descending; exactly zero in null directions.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// // rank one: (1, 1) has curvature 2, (1, -1) none
    /// let loss = Quadratic::new(dmatrix![1.0, 1.0; 1.0, 1.0], dmatrix![0.0; 0.0]).unwrap();
    /// assert!((loss.eigenvalues()[0] - 2.0).abs() < 1e-15);
    /// assert_eq!(loss.eigenvalues()[1], 0.0);
    /// ```
    pub fn eigenvalues(&self) -> &DVector<f64> {
        &self.eigen.values
    }

    /// The orthonormal eigenvectors q_i of H in the columns, d x d,
    #[doc = equation!(r"H q_i = \rho_i q_i.")]
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 1.0; 1.0, 2.0], dmatrix![0.0; 0.0]).unwrap();
    /// let first = loss.eigenvectors().column(0);
    /// assert!((loss.hessian() * first - first * loss.eigenvalues()[0]).amax() < 1e-15);
    /// ```
    pub fn eigenvectors(&self) -> &DMatrix<f64> {
        &self.eigen.vectors
    }

    /// Number of directions with curvature.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(
    ///     Quadratic::new(dmatrix![1.0, 1.0; 1.0, 1.0], dmatrix![0.0; 0.0]).unwrap().rank(),
    ///     1
    /// );
    /// ```
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of directions d.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// assert_eq!(
    ///     Quadratic::new(dmatrix![1.0, 1.0; 1.0, 1.0], dmatrix![0.0; 0.0]).unwrap().dimension(),
    ///     2
    /// );
    /// ```
    pub fn dimension(&self) -> usize {
        self.hessian.nrows()
    }

    /// The curvatures with weight decay (d entries), descending,
    #[doc = equation!(r"h_i = \rho_i + \lambda.")]
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::{dmatrix, dvector};
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 0.0], dmatrix![0.0; 0.0]).unwrap();
    /// assert_eq!(loss.curvatures(0.5), dvector![2.5, 0.5]);
    /// ```
    pub fn curvatures(&self, weight_decay: f64) -> DVector<f64> {
        self.eigen.values.map(|rho| rho + weight_decay)
    }

    /// h_i = rho_i + lambda with more digits than a double.
    pub(crate) fn extended_curvature(&self, index: usize, weight_decay: f64) -> Extended {
        Extended::sum(self.eigen.values[index], weight_decay).plus(Extended::from(self.remainders[index]))
    }

    /// Whether the loss with weight decay has a minimum: b leaves the range of H by no more than rounding, or lambda > 0.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// // nothing holds the loss -theta_2 from below
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 0.0], dmatrix![1.0; 1.0]).unwrap();
    /// assert!(!loss.has_minimum(0.0) && loss.has_minimum(0.1));
    /// ```
    pub fn has_minimum(&self, weight_decay: f64) -> bool {
        if weight_decay > 0.0 || self.rank == self.dimension() {
            return true;
        }
        // the coefficients of b along null directions are sums of d products with a rounding each; the directions
        // themselves are good to d roundings over the gap to the next eigenvalue, which the rank cut bounds
        let coefficients = self.eigen.vectors.tr_mul(&self.linear_term);
        let null = coefficients.rows(self.rank, self.dimension() - self.rank).amax();
        null <= 1e-9 * self.linear_term.amax()
    }

    /// Minimum-norm minimiser of the unregularised loss, d x outputs, with the pseudo-inverse of H,
    #[doc = equation!(r"\mu_{\text{ols}} = H^{+} b.")]
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// // the null direction stays at zero, whatever b says there (erratum E15)
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 0.0], dmatrix![1.0; 0.0]).unwrap();
    /// assert_eq!(loss.minimum_ols(), dmatrix![0.5; 0.0]);
    /// ```
    pub fn minimum_ols(&self) -> DMatrix<f64> {
        self.minimum_ridge(0.0)
    }

    /// Minimiser of the loss with weight decay, d x outputs,
    #[doc = equation!(r"\mu_{\text{ridge}} = (H + \lambda I)^{-1} b;")]
    /// the minimum-norm one for lambda = 0.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 0.0; 0.0, 1.0], dmatrix![3.0; 1.0]).unwrap();
    /// assert_eq!(loss.minimum_ridge(1.0), dmatrix![1.0; 0.5]);
    /// ```
    pub fn minimum_ridge(&self, weight_decay: f64) -> DMatrix<f64> {
        let minimum = self.solve(&self.linear_term, weight_decay);
        if self.dimension() > EXTENDED_DIMENSION {
            return minimum;
        }
        // a null direction with a small weight decay makes H + lambda ill-conditioned
        let (matrix, target) = (lift::<Extended>(&self.hessian), lift::<Extended>(&self.linear_term));
        let decay = Extended::from(weight_decay);
        let minimum = refined(&minimum, |minimum| {
            let rest = &target - minimum * decay - &matrix * minimum;
            self.solve(&lower(&rest), weight_decay)
        });
        lower(&minimum)
    }

    /// (H + lambda)^{-1} R from the eigendecomposition, without null directions.
    fn solve(&self, right: &DMatrix<f64>, weight_decay: f64) -> DMatrix<f64> {
        let mut coefficients = self.eigen.vectors.tr_mul(right);
        for (index, mut row) in coefficients.row_iter_mut().enumerate() {
            let curvature = self.eigen.values[index] + weight_decay;
            if curvature > 0.0 {
                row /= curvature;
            } else {
                row.fill(0.0);
            }
        }
        &self.eigen.vectors * coefficients
    }

    /// The regularised loss at its minimum above the unregularised loss at its own, summed over outputs,
    #[doc = equation!(
        r"\mathcal L_\lambda(\mu_{\text{ridge}}) - \mathcal L(\mu_{\text{ols}}) = \frac{\lambda}{2} \langle \mu_{\text{ols}}, \mu_{\text{ridge}} \rangle, \qquad \mathcal L_\lambda(\theta) = \mathcal L(\theta) + \frac{\lambda}{2} \lVert\theta\rVert^2"
    )]
    /// (erratum E09: G.3 prints |mu|^2).
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// // L(x) - L(1) = (x - 1)^2 with weight decay x^2: the minimum is at 1/2, of 1/4 + 1/4
    /// let loss = Quadratic::new(dmatrix![2.0], dmatrix![2.0]).unwrap();
    /// assert_eq!(loss.loss_offset(2.0), 0.5);
    /// ```
    pub fn loss_offset(&self, weight_decay: f64) -> f64 {
        0.5 * weight_decay * self.minimum_ols().dot(&self.minimum_ridge(weight_decay))
    }

    /// A matrix given in the original coordinates (d x d), in the eigenbasis; O has the eigenvectors in its columns,
    #[doc = equation!(r"O^\top M O.")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a matrix that is not d x d.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 1.0; 1.0, 2.0], dmatrix![0.0; 0.0]).unwrap();
    /// let diagonal = loss.to_eigenbasis(loss.hessian()).unwrap();
    /// assert!((diagonal - dmatrix![3.0, 0.0; 0.0, 1.0]).amax() < 1e-15);
    /// assert!(loss.to_eigenbasis(&dmatrix![1.0]).is_err());
    /// ```
    pub fn to_eigenbasis(&self, matrix: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        require_shape("matrix", matrix, self.dimension(), self.dimension())?;
        Ok(self.eigen.vectors.tr_mul(matrix) * &self.eigen.vectors)
    }

    /// A matrix given in the eigenbasis (d x d), in the original coordinates:
    #[doc = equation!(r"O M O^\top.")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a matrix that is not d x d.
    ///
    /// ```
    /// # use langevin_theory::Quadratic;
    /// # use nalgebra::dmatrix;
    /// let loss = Quadratic::new(dmatrix![2.0, 1.0; 1.0, 2.0], dmatrix![0.0; 0.0]).unwrap();
    /// let hessian = loss.from_eigenbasis(&dmatrix![3.0, 0.0; 0.0, 1.0]).unwrap();
    /// assert!((hessian - loss.hessian()).amax() < 1e-15);
    /// assert!(loss.from_eigenbasis(&dmatrix![1.0]).is_err());
    /// ```
    pub fn from_eigenbasis(&self, matrix: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        require_shape("matrix", matrix, self.dimension(), self.dimension())?;
        Ok(self.rotated_back(matrix))
    }

    /// O M O^T for a matrix known to be d x d.
    pub(crate) fn rotated_back(&self, matrix: &DMatrix<f64>) -> DMatrix<f64> {
        &self.eigen.vectors * matrix * self.eigen.vectors.transpose()
    }
}

/// Iterative refinement of a minimum: adds corrections as long as what is then left to correct is less. Along directions that
/// count as null it may be more, since H is not zero there to the last bit.
fn refined(minimum: &DMatrix<f64>, correction: impl Fn(&DMatrix<Extended>) -> DMatrix<f64>) -> DMatrix<Extended> {
    let mut minimum = lift::<Extended>(minimum);
    let mut change = correction(&minimum);
    for _ in 0..REFINEMENTS {
        let candidate = &minimum + lift::<Extended>(&change);
        let left = correction(&candidate);
        if largest(&left) < largest(&change) {
            (minimum, change) = (candidate, left);
        } else {
            break;
        }
    }
    minimum
}

/// (H + H^T) / 2 without rounding.
fn symmetrised(hessian: &DMatrix<f64>) -> DMatrix<Extended> {
    DMatrix::from_fn(hessian.nrows(), hessian.ncols(), |i, j| {
        Extended::sum(hessian[(i, j)], hessian[(j, i)]).scaled(0.5)
    })
}

/// Sets the eigenvalues to the nearest doubles of the Rayleigh quotients of their vectors, taken with 32 digits, and returns
/// the rest. The error of a quotient is the square of that of its vector.
fn remainders(hessian: &DMatrix<Extended>, eigen: &mut Eigendecomposition, rank: usize) -> Vec<f64> {
    let size = hessian.nrows();
    let mut rest = vec![0.0; size];
    for (index, remainder) in rest.iter_mut().enumerate().take(rank) {
        let vector = eigen.vectors.column(index);
        let (mut square, mut form) = (Extended::from(0.0), Extended::from(0.0));
        for i in 0..size {
            square += Extended::product(vector[i], vector[i]);
            for j in 0..size {
                form += Extended::product(vector[i], vector[j]) * hessian[(i, j)];
            }
        }
        let quotient = form / square;
        let value = quotient.value();
        // out of the range of products of doubles
        if value.is_finite() && value > 0.0 {
            *remainder = quotient.minus(Extended::from(value)).value();
            eigen.values[index] = value;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::*;
    use crate::extended_precision::Number;

    fn data_minimum(features: DMatrix<f64>, targets: DMatrix<f64>, weight_decay: f64) -> DMatrix<Extended> {
        let data = LeastSquares::new(features, targets).unwrap();
        data.minimum_ridge(&data.quadratic().unwrap(), weight_decay)
    }

    /// As many as the sums over the samples leave.
    fn assert_32_digits(found: Extended, expected: Extended, samples: usize) {
        let error = ((found - expected) / expected).value().abs();
        assert!(error < (64 + samples) as f64 * Extended::EPSILON, "{:e}: {error:e}", expected.value());
    }

    /// A mean, of as many targets as are refined.
    #[test]
    fn minima_of_data_have_32_digits() {
        let count = REFINED_ENTRIES;
        let targets = DMatrix::from_fn(count, 1, |sample, _| if sample == 0 { 1.0 } else { 0.0 });
        let minimum = data_minimum(DMatrix::from_element(count, 1, 1.0), targets, 0.0);
        assert_32_digits(minimum[0], Extended::from(1.0) / Extended::from(count as f64), count);
    }

    /// Two features and outputs with weight decay, by Cramer's rule in whole numbers.
    #[test]
    fn minima_with_weight_decay_have_32_digits() {
        let features = dmatrix![1.0, 2.0; 3.0, -1.0; 2.0, 5.0; 0.0, 1.0];
        let targets = dmatrix![1.0, 0.0; -2.0, 7.0; 4.0, 1.0; 3.0, 2.0];
        let minimum = data_minimum(features.clone(), targets.clone(), 0.5);
        // X^T X + N lambda and X^T Y
        let (matrix, right) = (features.tr_mul(&features) + DMatrix::identity(2, 2) * 2.0, features.tr_mul(&targets));
        let determinant = |a: f64, b: f64, c: f64, d: f64| Extended::from(a * d - b * c);
        let whole = determinant(matrix[(0, 0)], matrix[(0, 1)], matrix[(1, 0)], matrix[(1, 1)]);
        for output in 0..2 {
            let (first, second) = (right[(0, output)], right[(1, output)]);
            assert_32_digits(
                minimum[(0, output)],
                determinant(first, matrix[(0, 1)], second, matrix[(1, 1)]) / whole,
                4,
            );
            assert_32_digits(
                minimum[(1, output)],
                determinant(matrix[(0, 0)], first, matrix[(1, 0)], second) / whole,
                4,
            );
        }
    }
}
