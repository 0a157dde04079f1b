//! Gaussian laws: entropy, Kullback-Leibler divergence, and the Wasserstein distance (39) in its Bures form, with C = L
//! L^T: a sum of squares where the usual form is a difference of traces.
#![doc = langevin_equation::equation!(r"W_2^2 = |m_1 - m_2|^2 + \min_{R^\top R = I} \lVert L_1 - L_2 R \rVert^2")]

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use crate::cholesky::{Cholesky, semidefinite_root};
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number, lift, lower};
use crate::linear_algebra::{
    polar_factor, require_positive_semi_definite, require_shape, require_vector, symmetric_eigen,
};
use crate::singular_values::{orthogonal_columns, squared_lengths};

/// Smallest pivot, scaled to unit variances, of a covariance with a density.
const SINGULAR: f64 = 1e-14;

/// A Gaussian law N(m, C) in n dimensions; C may be singular.
///
/// ```
/// use langevin_theory::variational::Gaussian;
/// use nalgebra::{dmatrix, dvector};
/// let first = Gaussian::new(dvector![0.0], &dmatrix![1.0]).unwrap();
/// let second = Gaussian::new(dvector![3.0], &dmatrix![4.0]).unwrap();
/// assert_eq!(first.wasserstein_squared(&second).unwrap(), 10.0);                      // 3^2 + (2 - 1)^2
/// let expected = 0.5 * (0.25 - 1.0 + 9.0 / 4.0 + 4.0_f64.ln());
/// assert!((first.kl_divergence(&second).unwrap() - expected).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Gaussian {
    /// The law with this mean (n) and covariance (n x n, made symmetric to the last bit).
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`].
    ///
    /// ```
    /// use langevin_theory::variational::Gaussian;
    /// use nalgebra::{dmatrix, dvector};
    /// assert!(Gaussian::new(dvector![1.0], &dmatrix![0.0]).is_ok()); // a point
    /// assert!(Gaussian::new(dvector![1.0], &dmatrix![-1.0]).is_err());
    /// ```
    pub fn new(mean: DVector<f64>, covariance: &DMatrix<f64>) -> Result<Self> {
        let size = mean.nrows();
        if size == 0 {
            return Err(TheoryError::Shape { name: "mean", found: "0 entries".into(), expected: "at least 1".into() });
        }
        require_vector("mean", &mean, size)?;
        require_shape("covariance", covariance, size, size)?;
        require_positive_semi_definite("covariance", covariance)?;
        let covariance = (covariance + covariance.transpose()) * 0.5;
        Ok(Self { mean, covariance })
    }

    /// m, n entries.
    ///
    /// ```
    /// use langevin_theory::variational::Gaussian;
    /// use nalgebra::{dmatrix, dvector};
    /// assert_eq!(Gaussian::new(dvector![3.0], &dmatrix![4.0]).unwrap().mean()[0], 3.0);
    /// ```
    pub fn mean(&self) -> &DVector<f64> {
        &self.mean
    }

    /// C, n x n.
    ///
    /// ```
    /// use langevin_theory::variational::Gaussian;
    /// use nalgebra::{dmatrix, dvector};
    /// assert_eq!(Gaussian::new(dvector![3.0], &dmatrix![4.0]).unwrap().covariance()[(0, 0)], 4.0);
    /// ```
    pub fn covariance(&self) -> &DMatrix<f64> {
        &self.covariance
    }

    /// The factor of C, when it has a density.
    pub(crate) fn factor(&self) -> Result<Cholesky<Extended>> {
        let size = self.mean.nrows();
        Cholesky::new(&lift(&self.covariance), SINGULAR * size as f64)
            .ok_or(TheoryError::Singular { what: "a covariance without inverse; the law has no density" })
    }

    /// Differential entropy in nats, of coordinates in whatever units they have:
    #[doc = equation!(r"\tfrac12 \ln \det (2 \pi e\, C)")]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] without a density.
    ///
    /// ```
    /// use langevin_theory::variational::Gaussian;
    /// use nalgebra::{dmatrix, dvector};
    /// let entropy = |variance| Gaussian::new(dvector![0.0], &dmatrix![variance]).unwrap().entropy();
    /// let unit = 0.5 * (1.0 + std::f64::consts::TAU.ln());
    /// assert!((entropy(4.0).unwrap() - (unit + 2.0_f64.ln())).abs() < 1e-15); // twice as wide: ln 2 more
    /// assert!(entropy(0.0).is_err());
    /// ```
    pub fn entropy(&self) -> Result<f64> {
        let size = self.mean.nrows() as f64;
        Ok(0.5 * (size * (1.0 + std::f64::consts::TAU.ln()) + self.factor()?.log_determinant()))
    }

    fn require_same_dimension(&self, other: &Self) -> Result<()> {
        if self.mean.nrows() == other.mean.nrows() {
            return Ok(());
        }
        Err(TheoryError::Shape {
            name: "the second law",
            found: format!("{} dimensions", other.mean.nrows()),
            expected: format!("{} dimensions", self.mean.nrows()),
        })
    }

    fn distance_of_means(&self, other: &Self) -> DVector<Extended> {
        DVector::from_fn(self.mean.nrows(), |i, _| Extended::sum(self.mean[i], -other.mean[i]))
    }

    /// The Kullback-Leibler divergence of this law from another, in nats; zero only between equal laws.
    #[doc = equation!(r"\mathrm{KL}(p_1 \parallel p_2) = \tfrac12 \left[ \operatorname{tr}(C_2^{-1} C_1) - n + (m_1 - m_2)^\top C_2^{-1} (m_1 - m_2) + \ln \frac{\det C_2}{\det C_1} \right]")]
    ///
    /// # Errors
    /// [`TheoryError::Singular`] when either law has no density, [`TheoryError::Shape`].
    ///
    /// ```
    /// use langevin_theory::variational::Gaussian;
    /// use nalgebra::{dmatrix, dvector};
    /// let law = |mean| Gaussian::new(dvector![mean], &dmatrix![4.0]).unwrap();
    /// assert!((law(0.0).kl_divergence(&law(2.0)).unwrap() - 0.5).abs() < 1e-15); // 2^2 / (2 4)
    /// assert_eq!(law(1.0).kl_divergence(&law(1.0)).unwrap(), 0.0);
    /// ```
    pub fn kl_divergence(&self, other: &Self) -> Result<f64> {
        self.require_same_dimension(other)?;
        let (first, second) = (self.factor()?, other.factor()?);
        let excess = lift::<Extended>(&self.covariance) - lift::<Extended>(&other.covariance);
        let white = second.solve_root(&second.solve_root(&excess).transpose());
        let spread = divergence(&white, first.log_determinant() - second.log_determinant())?;
        Ok(spread + 0.5 * second.norm_squared(&self.distance_of_means(other)))
    }

    /// Square of the Wasserstein distance of order 2 (39), in the square of the units of the coordinates,
    #[doc = equation!(r"W_2^2 = |m_1 - m_2|^2 + \min_{R^\top R = I} \lVert L_1 - L_2 R \rVert^2, \qquad C_i = L_i L_i^\top")]
    /// It exists for singular laws too; where one has no density it is good to the root of a rounding.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotConverged`].
    ///
    /// ```
    /// use langevin_theory::variational::Gaussian;
    /// use nalgebra::{dmatrix, dvector};
    /// let law = |mean, variance| Gaussian::new(dvector![mean], &dmatrix![variance]).unwrap();
    /// // to a point: the distance of the means, and the variance
    /// assert!((law(0.0, 4.0).wasserstein_squared(&law(3.0, 0.0)).unwrap() - 13.0).abs() < 1e-14);
    /// ```
    pub fn wasserstein_squared(&self, other: &Self) -> Result<f64> {
        self.require_same_dimension(other)?;
        let means = self.distance_of_means(other).iter().fold(Extended::from(0.0), |sum, &entry| sum + entry * entry);
        let roots = self.factor().ok().zip(other.factor().ok()).map(|(one, two)| (one.root(), two.root()));
        let rotated = roots.and_then(|(first, second)| {
            let rotation = polar_factor(&lower(&second.tr_mul(&first)))?;
            let difference = first - second * orthogonal(&rotation);
            Some(difference.iter().fold(means, |sum, &entry| sum + entry * entry))
        });
        match rotated {
            Some(sum) => Ok(Number::value(sum)),
            None => Ok(Number::value(means + self.difference_of_traces(other)?)),
        }
    }

    /// A root of C with 32 digits, n x rank.
    pub(crate) fn root(&self) -> DMatrix<Extended> {
        semidefinite_root(&lift::<Extended>(&self.covariance))
    }

    /// tr C_1 + tr C_2 - 2 |L_2^T L_1|_*, for singular laws: the trace of (L_1^T C_2 L_1)^{1/2} is the sum of the singular
    /// values of L_2^T L_1.
    fn difference_of_traces(&self, other: &Self) -> Result<Extended> {
        let zero = Extended::from(0.0);
        let overlaps = squared_lengths(&orthogonal_columns(other.root().tr_mul(&self.root()))?);
        let overlap = overlaps.iter().fold(zero, |sum, square| sum + square.root());
        let traces = (0..self.mean.nrows())
            .fold(zero, |sum, i| sum + Extended::sum(self.covariance[(i, i)], other.covariance[(i, i)]));
        let difference = traces - overlap - overlap;
        Ok(if Number::value(difference) > 0.0 { difference } else { zero })
    }
}

/// The orthogonal matrix next to one that is orthogonal to a rounding: two Newton-Schulz steps with all digits.
fn orthogonal(nearly: &DMatrix<f64>) -> DMatrix<Extended> {
    let size = nearly.nrows();
    let mut rotation = lift::<Extended>(nearly);
    let half = Extended::from(0.5);
    for _ in 0..2 {
        let gram = rotation.tr_mul(&rotation);
        let correction = DMatrix::from_fn(size, size, |i, j| {
            let identity = if i == j { 3.0 } else { 0.0 };
            (Extended::from(identity) - gram[(i, j)]) * half
        });
        rotation = &rotation * correction;
    }
    rotation
}

/// (tr W - ln det(1 + W)) / 2 for a symmetric W, given ln det(1 + W): the divergence between centred Gaussian laws of
/// covariances L (1 + W) L^T and L L^T.
pub(crate) fn divergence<T: Number>(excess: &DMatrix<T>, log_determinant: f64) -> Result<f64> {
    let size = excess.nrows();
    let trace = (0..size).fold(T::zero(), |sum, i| sum + excess[(i, i)]).value();
    // 1 + W is positive: its entries are no larger than its trace
    if !trace.is_finite() {
        return Err(TheoryError::Overflow { what: "the divergence" });
    }
    let half = T::from(0.5);
    let symmetric = DMatrix::from_fn(size, size, |i, j| ((excess[(i, j)] + excess[(j, i)]) * half).value());
    let eigen = symmetric_eigen("the excess covariance", &symmetric)?;
    if eigen.values.amax() > 0.5 {
        return Ok(0.5 * (trace - log_determinant));
    }
    Ok(0.5 * eigen.values.iter().map(|&value| excess_of_logarithm(value)).sum::<f64>())
}

/// s - ln(1 + s) for |s| <= 1/2, without cancellation.
fn excess_of_logarithm(s: f64) -> f64 {
    // ln(1 + s) = 2 z (1 + z^2/3 + z^4/5 + ...) with z = s / (2 + s), |z| <= 1/3, and s - 2 z = s z
    let z = s / (2.0 + s);
    let square = z * z;
    let rest = (1..18).rev().fold(0.0, |sum, order| (sum + 1.0 / f64::from(2 * order + 1)) * square);
    z * (s - 2.0 * rest)
}

#[cfg(test)]
mod tests {
    use super::excess_of_logarithm;

    #[test]
    fn the_excess_of_a_logarithm_has_all_digits() {
        // s^2/2 - s^3/3 + s^4/4 - ... to more digits than doubles
        let small = |s: f64| s * s * (0.5 - s * (1.0 / 3.0 - s * (0.25 - s * (0.2 - s * (1.0 / 6.0)))));
        let cases = [
            (0.5, 0.094_534_891_891_835_62),
            (-0.5, 0.193_147_180_559_945_3),
            (0.25, 0.026_856_448_685_790_24),
            (-0.25, 0.037_682_072_451_780_93),
            (1e-4, small(1e-4)),
            (-1e-4, small(-1e-4)),
            (1e-9, small(1e-9)),
            (1e-160, 0.5e-320),
        ];
        for (s, expected) in cases {
            let found = excess_of_logarithm(s);
            assert!(
                (found - expected).abs() <= 4.0 * f64::EPSILON * expected + 5e-324,
                "{s:e}: {found:e} {expected:e}"
            );
        }
        assert!(excess_of_logarithm(0.0).abs() <= 0.0);
    }
}
