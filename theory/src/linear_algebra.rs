//! The one door to matrix decompositions. Input is checked for finiteness and shape, iterations are capped, and failure
//! is an error: the underlying routines may otherwise not return.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::error::{Result, TheoryError};
use crate::large_matrices;

/// Cap on the sweeps of the symmetric eigensolver; it needs a few per eigenvalue.
const EIGEN_ITERATIONS: usize = 100_000;

/// Entries below this part of the largest are taken as zero: far below rounding. The solver multiplies them with each other; where its
/// reflections square a fourth power of 1e-40, a subnormal number, eigenvectors keep no more than a few digits.
const NEGLIGIBLE: f64 = 1e-30;

/// Refuses NaN and infinities in a matrix of any shape m x n, naming the first offender.
///
/// # Errors
/// [`TheoryError::NotFinite`].
///
/// ```
/// use langevin_theory::linear_algebra::require_finite;
/// let error = require_finite("drift", &nalgebra::dmatrix![1.0, f64::NAN]).unwrap_err();
/// assert!(error.to_string().starts_with("drift contains NaN at row 0, column 1"));
/// ```
pub fn require_finite(name: &'static str, matrix: &DMatrix<f64>) -> Result<()> {
    for row in 0..matrix.nrows() {
        for column in 0..matrix.ncols() {
            let value = matrix[(row, column)];
            if !value.is_finite() {
                return Err(TheoryError::NotFinite { name, value, row, column });
            }
        }
    }
    Ok(())
}

/// Refuses a matrix of another shape than rows x columns.
///
/// # Errors
/// [`TheoryError::Shape`].
///
/// ```
/// use langevin_theory::linear_algebra::require_shape;
/// let error = require_shape("drift", &nalgebra::dmatrix![1.0, 2.0], 2, 2).unwrap_err();
/// assert_eq!(error.to_string(), "drift has shape 1 x 2; it must be 2 x 2");
/// ```
pub fn require_shape(name: &'static str, matrix: &DMatrix<f64>, rows: usize, columns: usize) -> Result<()> {
    if matrix.shape() == (rows, columns) {
        return Ok(());
    }
    Err(TheoryError::Shape {
        name,
        found: format!("{} x {}", matrix.nrows(), matrix.ncols()),
        expected: format!("{rows} x {columns}"),
    })
}

/// Refuses a vector that has not `size` entries, NaN and infinities.
///
/// # Errors
/// [`TheoryError::Shape`], [`TheoryError::NotFinite`].
///
/// ```
/// use langevin_theory::linear_algebra::require_vector;
/// let error = require_vector("point", &nalgebra::dvector![1.0], 2).unwrap_err();
/// assert_eq!(error.to_string(), "point has shape 1 x 1; it must be 2 x 1");
/// ```
pub fn require_vector(name: &'static str, vector: &DVector<f64>, size: usize) -> Result<()> {
    if vector.len() != size {
        return Err(TheoryError::Shape {
            name,
            found: format!("{} x 1", vector.len()),
            expected: format!("{size} x 1"),
        });
    }
    match vector.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(TheoryError::NotFinite { name, value: vector[row], row, column: 0 }),
    }
}

/// Eigendecomposition of a symmetric matrix (n x n), eigenvalues in descending order, eigenvectors in the columns.
#[doc = equation!(r"M = \sum_i \lambda_i\, q_i q_i^\top, \qquad \lambda_1 \ge \dots \ge \lambda_n.")]
///
/// ```
/// use langevin_theory::linear_algebra::symmetric_eigen;
/// use nalgebra::{DMatrix, dmatrix};
/// let matrix = dmatrix![2.0, 1.0; 1.0, 2.0];
/// let eigen = symmetric_eigen("matrix", &matrix).unwrap();
/// let again =
///     &eigen.vectors * DMatrix::from_diagonal(&eigen.values) * eigen.vectors.transpose();
/// assert!((again - matrix).amax() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Eigendecomposition {
    /// Eigenvalues, descending.
    pub values: DVector<f64>,
    /// Orthonormal eigenvectors, one per column.
    pub vectors: DMatrix<f64>,
}

/// Decomposes a symmetric matrix, n x n. A diagonal one comes back exactly.
///
/// # Errors
/// [`TheoryError::NotFinite`], [`TheoryError::Shape`] for a matrix that is not square,
/// [`TheoryError::NotPositiveSemiDefinite`] when it is not symmetric to 1e-9 of its largest entry,
/// [`TheoryError::NotConverged`], [`TheoryError::Overflow`] when an eigenvalue exceeds the largest double.
///
/// ```
/// use langevin_theory::linear_algebra::symmetric_eigen;
/// use nalgebra::dmatrix;
/// let eigen = symmetric_eigen("hessian", &dmatrix![2.0, 1.0; 1.0, 2.0]).unwrap();
/// assert!((eigen.values[0] - 3.0).abs() < 1e-14 && (eigen.values[1] - 1.0).abs() < 1e-14);
/// ```
pub fn symmetric_eigen(name: &'static str, matrix: &DMatrix<f64>) -> Result<Eigendecomposition> {
    let size = matrix.nrows();
    require_shape(name, matrix, size, size)?;
    require_finite(name, matrix)?;
    if size == 0 {
        return Err(TheoryError::Shape { name, found: "0 x 0".into(), expected: "at least 1 x 1".into() });
    }
    let scale = matrix.amax();
    let asymmetry = if scale > 0.0 { (matrix / scale - matrix.transpose() / scale).amax() * scale } else { 0.0 };
    if asymmetry > 1e-9 * scale {
        return Err(TheoryError::NotPositiveSemiDefinite {
            name,
            detail: format!("it differs from its transpose by {asymmetry:e}"),
        });
    }
    // diagonal input stays exact: the solver's rotations would mix in rounding errors of the largest entry
    let off_diagonal = (0..size).any(|i| (0..size).any(|j| i != j && matrix[(i, j)] != 0.0));
    let (values, vectors) = if off_diagonal {
        // scaled first: sums of the largest doubles overflow, squares of the smallest underflow
        let scaled = (matrix / scale).map(|entry| if entry.abs() <= NEGLIGIBLE { 0.0 } else { entry });
        let symmetric = (&scaled + scaled.transpose()) * 0.5;
        let large =
            if size >= large_matrices::SMALLEST_SIZE { large_matrices::symmetric_eigen(&symmetric) } else { None };
        let (values, vectors) = match large {
            Some(pair) => pair,
            None => small_symmetric_eigen(symmetric)?,
        };
        let values = values * scale;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(TheoryError::Overflow { what: "the largest eigenvalue" });
        }
        (values, vectors)
    } else {
        (matrix.diagonal(), DMatrix::identity(size, size))
    };
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    Ok(Eigendecomposition {
        values: DVector::from_fn(size, |i, _| values[order[i]]),
        vectors: DMatrix::from_fn(size, size, |row, i| vectors[(row, order[i])]),
    })
}

/// By QR iterations, capped.
fn small_symmetric_eigen(symmetric: DMatrix<f64>) -> Result<(DVector<f64>, DMatrix<f64>)> {
    SymmetricEigen::try_new(symmetric, f64::EPSILON, EIGEN_ITERATIONS)
        .filter(|eigen| eigen.eigenvalues.iter().chain(eigen.eigenvectors.iter()).all(|entry| entry.is_finite()))
        .map(|eigen| (eigen.eigenvalues, eigen.eigenvectors))
        .ok_or(TheoryError::NotConverged { what: "the symmetric eigendecomposition", iterations: EIGEN_ITERATIONS })
}

/// Refuses a matrix (n x n) that is not symmetric positive semi-definite to rounding, 1e-9 of its largest eigenvalue.
///
/// # Errors
/// As [`symmetric_eigen`], and [`TheoryError::NotPositiveSemiDefinite`] for a negative eigenvalue beyond rounding.
///
/// ```
/// use langevin_theory::linear_algebra::require_positive_semi_definite;
/// use nalgebra::dmatrix;
/// // eigenvalues 2 and 0
/// assert!(require_positive_semi_definite("noise", &dmatrix![1.0, 1.0; 1.0, 1.0]).is_ok());
/// // 3 and -1
/// assert!(require_positive_semi_definite("noise", &dmatrix![1.0, 2.0; 2.0, 1.0]).is_err());
/// ```
pub fn require_positive_semi_definite(name: &'static str, matrix: &DMatrix<f64>) -> Result<()> {
    let eigen = symmetric_eigen(name, matrix)?;
    let largest = eigen.values.amax();
    let smallest = eigen.values.min();
    if smallest < -1e-9 * largest {
        return Err(TheoryError::NotPositiveSemiDefinite {
            name,
            detail: format!("its smallest eigenvalue is {smallest:e} (the largest is {largest:e})"),
        });
    }
    Ok(())
}

/// A root of a symmetric positive semi-definite matrix (n x n), which exists for a singular one too.
#[doc = equation!(r"L L^\top = C,")]
/// Eigenvalues that are negative by rounding count as zero.
///
/// # Errors
/// As [`require_positive_semi_definite`].
///
/// ```
/// use langevin_theory::linear_algebra::covariance_root;
/// use nalgebra::dmatrix;
/// let singular = dmatrix![1.0, 2.0; 2.0, 4.0];
/// let root = covariance_root("covariance", &singular).unwrap();
/// assert!((&root * root.transpose() - singular).amax() < 1e-14);
/// ```
pub fn covariance_root(name: &'static str, covariance: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    // unit diagonal first: positions and velocities differ by orders of magnitude
    let size = covariance.nrows();
    require_shape(name, covariance, size, size)?;
    require_finite(name, covariance)?;
    let scale = covariance.diagonal().map(|variance| variance.max(0.0).sqrt());
    // what has no variance has no covariance, and a row of zeros in the root
    let largest = covariance.amax();
    for i in (0..size).filter(|&i| covariance[(i, i)] <= 0.0) {
        let beside = covariance.row(i).amax().max(covariance.column(i).amax());
        if beside > 1e-9 * largest {
            return Err(TheoryError::NotPositiveSemiDefinite {
                name,
                detail: format!("coordinate {i} has variance {:e} and a covariance of {beside:e}", covariance[(i, i)]),
            });
        }
    }
    let varies = |i: usize| covariance[(i, i)] > 0.0;
    let correlation = DMatrix::from_fn(size, size, |i, j| {
        if varies(i) && varies(j) { covariance[(i, j)] / (scale[i] * scale[j]) } else { 0.0 }
    });
    require_positive_semi_definite(name, &correlation)?;
    let eigen = symmetric_eigen(name, &correlation)?;
    let root = DMatrix::from_fn(size, size, |i, j| scale[i] * eigen.vectors[(i, j)] * eigen.values[j].max(0.0).sqrt());
    if root.iter().all(|entry| entry.is_finite()) {
        Ok(root)
    } else {
        Err(TheoryError::Overflow { what: "the root of a covariance" })
    }
}

/// Inverse of a symmetric positive definite matrix, n x n.
///
/// # Errors
/// [`TheoryError::Singular`] when the matrix, scaled to unit diagonal, has an eigenvalue at rounding level;
/// [`TheoryError::Overflow`] for an inverse beyond the range of doubles; [`TheoryError::Shape`], [`TheoryError::NotFinite`], and as [`symmetric_eigen`].
///
/// ```
/// use langevin_theory::linear_algebra::covariance_inverse;
/// use nalgebra::dmatrix;
/// let inverse = covariance_inverse("covariance", &dmatrix![2.0, 1.0; 1.0, 1.0]).unwrap();
/// assert!((inverse - dmatrix![1.0, -1.0; -1.0, 2.0]).amax() < 1e-14);
/// assert!(covariance_inverse("covariance", &dmatrix![1.0, 1.0; 1.0, 1.0]).is_err());
/// ```
pub fn covariance_inverse(what: &'static str, covariance: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let size = covariance.nrows();
    require_shape(what, covariance, size, size)?;
    require_finite(what, covariance)?;
    let diagonal = covariance.diagonal();
    if diagonal.iter().any(|&variance| variance <= 0.0) {
        return Err(TheoryError::Singular { what });
    }
    let scale = diagonal.map(f64::sqrt);
    let correlation = DMatrix::from_fn(size, size, |i, j| covariance[(i, j)] / (scale[i] * scale[j]));
    let eigen = symmetric_eigen(what, &correlation)?;
    if eigen.values[size - 1] <= 16.0 * size as f64 * f64::EPSILON * eigen.values[0] {
        return Err(TheoryError::Singular { what });
    }
    let inverse = correlation.cholesky().ok_or(TheoryError::Singular { what })?.inverse();
    let inverse = DMatrix::from_fn(size, size, |i, j| inverse[(i, j)] / (scale[i] * scale[j]));
    if inverse.iter().all(|entry| entry.is_finite()) {
        Ok(inverse)
    } else {
        Err(TheoryError::Overflow { what: "the inverse of a covariance" })
    }
}

/// A^T B for tall matrices, in blocks: nalgebra's own `tr_mul` goes through memory once per entry of the result.
pub(crate) fn transposed_product(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let multiplications = left.nrows().saturating_mul(left.ncols()).saturating_mul(right.ncols());
    if multiplications >= large_matrices::SMALLEST_PRODUCT {
        return large_matrices::transposed_product(left, right);
    }
    left.transpose() * right
}

/// Largest modulus of an eigenvalue of any square matrix (n x n), by squaring.
#[doc = equation!(r"\rho(M) = \lim_{n\to\infty} \lVert M^n \rVert^{1/n}, \qquad n = 2^{60}.")]
///
/// # Errors
/// [`TheoryError::Shape`], [`TheoryError::NotFinite`].
///
/// ```
/// use langevin_theory::linear_algebra::spectral_radius;
/// use nalgebra::dmatrix;
/// // defective
/// assert!((spectral_radius(&dmatrix![0.5, 1.0; 0.0, 0.5]).unwrap() - 0.5).abs() < 1e-14);
/// ```
pub fn spectral_radius(matrix: &DMatrix<f64>) -> Result<f64> {
    const SQUARINGS: usize = 60;
    require_shape("matrix", matrix, matrix.nrows(), matrix.nrows())?;
    require_finite("matrix", matrix)?;
    let mut power = matrix.clone();
    let (mut logarithm, mut share) = (0.0, 1.0);
    for _ in 0..=SQUARINGS {
        let size = power.amax();
        if size <= 0.0 {
            return Ok(0.0);
        }
        power /= size;
        logarithm += share * size.ln();
        power = &power * &power;
        share *= 0.5;
    }
    Ok(logarithm.exp())
}

/// The orthogonal factor R of a polar decomposition M = R P, P positive definite, by Newton's iteration `X <- (X +
/// X^{-T}) / 2` (Higham 1986), which takes about ten steps for the worst of matrices. `None` for a matrix without inverse.
pub(crate) fn polar_factor(matrix: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    const ITERATIONS: usize = 20;
    let mut factor = matrix / matrix.amax();
    for _ in 0..ITERATIONS {
        let inverse = factor.clone().try_inverse().filter(|inverse| inverse.iter().all(|entry| entry.is_finite()))?;
        // singular values around 1: s and 1/s change places
        let stretch = (inverse.norm() / factor.norm()).sqrt();
        factor = (factor * stretch + inverse.transpose() / stretch) * 0.5;
    }
    let size = matrix.nrows();
    let gap = factor.tr_mul(&factor) - DMatrix::identity(size, size);
    (gap.amax() <= 1e-9).then_some(factor)
}

/// Largest eigenvalue of a self-adjoint operator on matrices (inner product tr A^T B), with an eigenvector, by Lanczos
/// with full reorthogonalisation and restarts from the best vector so far.
///
/// # Errors
/// [`TheoryError::NotConverged`], and whatever the operator's values lead to ([`TheoryError::NotFinite`]).
pub(crate) fn largest_eigenvalue(
    operator: impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
    start: &DMatrix<f64>,
) -> Result<(f64, DMatrix<f64>)> {
    const BASIS: usize = 40;
    const RESTARTS: usize = 30;
    let mut vector = start / start.norm();
    for _ in 0..RESTARTS {
        let mut basis: Vec<DMatrix<f64>> = vec![vector.clone()];
        let mut projected = DMatrix::<f64>::zeros(BASIS, BASIS);
        for step in 0..BASIS {
            let mut image = operator(&basis[step]);
            let size = image.norm();
            // two passes of Gram-Schmidt keep the basis orthonormal
            for _ in 0..2 {
                for (index, direction) in basis.iter().enumerate() {
                    let overlap = direction.dot(&image);
                    image -= direction * overlap;
                    projected[(index, step)] += overlap;
                }
            }
            // the operator is self-adjoint: what the column says above the diagonal holds below it
            for index in 0..step {
                projected[(step, index)] = projected[(index, step)];
            }
            let rest = image.norm();
            let dimension = step + 1;
            let active = projected.view((0, 0), (dimension, dimension)).into_owned();
            let eigen = symmetric_eigen("the Lanczos matrix", &active)?;
            let weight = eigen.vectors[(step, 0)].abs();
            let value = eigen.values[0];
            // nothing is left outside the basis, or little: the eigenvalue's error is the square of the residual's
            let converged = rest <= 1e-14 * size || rest * weight <= 1e-9 * value.abs();
            if converged || dimension == BASIS {
                let parts = basis.iter().zip(eigen.vectors.iter()).map(|(part, &share)| part * share);
                vector = parts.sum::<DMatrix<f64>>().normalize();
                if converged {
                    return Ok((value, vector));
                }
                break;
            }
            basis.push(image / rest);
        }
    }
    Err(TheoryError::NotConverged { what: "the largest eigenvalue", iterations: RESTARTS })
}

/// Root of a decreasing function given a bracket with `f(low) > 0 > f(high)`, by the ITP method (Oliveira and Takahashi
/// 2021): superlinear, and at most one evaluation more than bisection.
///
/// # Errors
/// Whatever the function returns.
pub(crate) fn decreasing_root(
    mut function: impl FnMut(f64) -> Result<f64>,
    (mut low, mut value_low): (f64, f64),
    (mut high, mut value_high): (f64, f64),
    relative_width: f64,
) -> Result<f64> {
    let narrow = relative_width * high.abs().max(low.abs());
    let initial = high - low;
    // the widest that the next bracket may be: what a bisection leaves one step later
    let mut widest = initial;
    loop {
        let width = high - low;
        let middle = 0.5 * (low + high);
        if width <= narrow {
            return Ok(middle);
        }
        let radius = (widest - 0.5 * width).max(0.0);
        widest *= 0.5;
        // in the bracket, for values of any size
        let secant = low + width / (1.0 - value_high / value_low);
        let towards_middle = (middle - secant).signum();
        let shift = 0.2 * width * (width / initial);
        let perturbed = if shift <= (middle - secant).abs() { secant + towards_middle * shift } else { middle };
        let point = if (perturbed - middle).abs() <= radius { perturbed } else { middle - towards_middle * radius };
        let value = function(point)?;
        if value > 0.0 {
            (low, value_low) = (point, value);
        } else if value < 0.0 {
            (high, value_high) = (point, value);
        } else {
            return Ok(point);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use nalgebra::{dmatrix, dvector};

    use super::*;

    /// Numbers without structure in -1..1.
    fn scattered(count: usize) -> impl Iterator<Item = f64> {
        (1..=count).map(|i| 2.0 * ((i as f64).powi(2) * 0.618_033_988_749_895).fract() - 1.0)
    }

    /// I - 2 u u^T / u^2.
    fn reflection(u: &DVector<f64>) -> DMatrix<f64> {
        DMatrix::identity(u.len(), u.len()) - u * u.transpose() * (2.0 / u.norm_squared())
    }

    /// R is orthogonal and R^T M symmetric and positive: what defines R, for any condition of M and in any unit. An R that is off
    /// by e adds e^2 tr P to a distance, so that 1e-10 is nothing where inverses have few digits.
    #[test]
    fn a_polar_factor_leaves_a_positive_matrix() {
        for size in [1, 2, 3, 6] {
            let left = reflection(&DVector::from_fn(size, |i, _| (i + 1) as f64));
            let right = reflection(&DVector::from_iterator(size, scattered(size)));
            for (decades, tolerance) in [(0, 1e-13), (2, 1e-13), (12, 1e-10)] {
                let widths = DVector::from_fn(size, |i, _| 10f64.powf(-f64::from(decades) * i as f64 / size as f64));
                for unit in [1.0, 1e200, 1e-200] {
                    let matrix = &left * DMatrix::from_diagonal(&widths) * &right * unit;
                    let factor = polar_factor(&matrix).unwrap();
                    let gap = factor.tr_mul(&factor) - DMatrix::identity(size, size);
                    assert!(gap.amax() <= 1e-14, "{size} {decades} {unit:e}: {:e}", gap.amax());
                    let positive = factor.tr_mul(&matrix) / matrix.amax();
                    let skew = (&positive - positive.transpose()).amax();
                    assert!(skew <= tolerance, "{size} {decades} {unit:e}: {skew:e}");
                    let values = symmetric_eigen("positive", &positive).unwrap().values;
                    assert!(values.min() >= -tolerance, "{size} {decades} {unit:e}: {values}");
                }
            }
        }
        // a quarter turn of a stretched matrix, in numbers
        let factor = polar_factor(&dmatrix![0.0, -2.0; 3.0, 0.0]).unwrap();
        assert!((factor - dmatrix![0.0, -1.0; 1.0, 0.0]).amax() <= 4.0 * f64::EPSILON);
    }

    #[test]
    fn a_matrix_without_inverse_has_no_polar_factor() {
        for entry in [0.0, 1.0, f64::INFINITY, f64::NAN] {
            for size in [2, 5] {
                assert_eq!(polar_factor(&DMatrix::from_element(size, size, entry)), None, "{entry}");
            }
        }
    }

    /// The largest eigenvalue of a diagonal operator, its vector, and the number of products.
    fn largest_of(spectrum: &DVector<f64>, start: &DVector<f64>) -> (f64, DVector<f64>, usize) {
        let products = Cell::new(0);
        let operator = |matrix: &DMatrix<f64>| {
            products.set(products.get() + 1);
            DMatrix::from_diagonal(spectrum) * matrix
        };
        let start = DMatrix::from_column_slice(start.len(), 1, start.as_slice());
        let (value, vector) = largest_eigenvalue(operator, &start).unwrap();
        (value, vector.column(0).into_owned(), products.get())
    }

    /// As many products as the start has eigenvalues; and in units that are powers of two the same digits.
    #[test]
    fn the_largest_eigenvalue_of_few_is_found_with_as_many_products() {
        let spectrum = dvector![1.0, 3.0, 2.0, 3.0, 1.0, 0.5];
        let start = dvector![1.0, 2.0, -1.0, 1.0, 0.5, 1.0];
        let (value, vector, products) = largest_of(&spectrum, &start);
        assert!((value - 3.0).abs() <= 1e-14 && products <= 4, "{value} {products}");
        // the part of the start in that eigenspace
        let expected = dvector![0.0, 2.0, 0.0, 1.0, 0.0, 0.0] / 5f64.sqrt();
        assert!((&vector * vector.dot(&expected).signum() - expected).amax() <= 1e-13, "{vector}");
        assert!((vector.norm() - 1.0).abs() <= 4.0 * f64::EPSILON);
        for unit in [f64::exp2(100.0), f64::exp2(-100.0)] {
            assert_eq!(largest_of(&(&spectrum * unit), &start), (value * unit, vector.clone(), products));
        }
    }

    /// Each product multiplies the part outside the eigenvector by 1/2000 (Chebyshev): four for nine digits.
    #[test]
    fn a_distant_eigenvalue_takes_few_products() {
        let spectrum = DVector::from_fn(60, |i, _| if i == 7 { 1.0 } else { 1e-3 * (i as f64).cos() });
        let (value, _, products) = largest_of(&spectrum, &DVector::from_element(60, 1.0));
        assert!((value - 1.0).abs() <= 1e-14 && products <= 6, "{value} {products}");
    }

    /// Restarts: a hundred values up to 1 within 1/2000 of each other there. The residual bounds the error by its square over that.
    #[test]
    fn near_eigenvalues_need_restarts() {
        let spectrum = DVector::from_fn(100, |i, _| (std::f64::consts::PI * i as f64 / 101.0).cos());
        let (value, vector, products) = largest_of(&spectrum, &DVector::from_element(100, 1.0));
        assert!((value - 1.0).abs() <= 1e-14 && products > 40, "{value} {products}");
        let residual = (spectrum.component_mul(&vector) - &vector * value).norm();
        assert!(residual <= 1e-9 + 1e-14, "{residual:e}");
    }

    #[test]
    fn a_largest_eigenvalue_may_be_zero() {
        let (value, vector, _) = largest_of(&dvector![-1.0, 0.0, -2.0], &dvector![1.0, 1.0, 1.0]);
        assert!(value.abs() <= 1e-15 && (vector[1].abs() - 1.0).abs() <= 1e-15, "{value} {vector}");
        let (value, _, products) = largest_of(&dvector![0.0, 0.0], &dvector![3.0, 4.0]);
        assert_eq!((value, products), (0.0, 1));
    }

    #[test]
    fn what_is_no_operator_has_no_eigenvalue() {
        let images = RefCell::new(scattered(usize::MAX));
        let operator =
            |matrix: &DMatrix<f64>| DMatrix::from_iterator(matrix.nrows(), 1, images.borrow_mut().by_ref().take(50));
        let found = largest_eigenvalue(operator, &DMatrix::from_element(50, 1, 1.0));
        assert!(matches!(found, Err(TheoryError::NotConverged { .. })), "{found:?}");
    }

    /// Found by fuzzing: a variance that is negative by rounding beside one of 1e-9.
    #[test]
    fn what_has_no_variance_has_no_root() {
        for variance in [0.0, -1e-185] {
            let root = covariance_root(
                "covariance",
                &dmatrix![1e-9, 0.0, 1e-185; 0.0, 1e-305, 1e-185; 1e-185, 1e-185, variance],
            );
            assert!(root.unwrap().row(2).amax() <= 0.0);
        }
    }

    /// Entries whose eighth powers are subnormal numbers: what was found by fuzzing.
    #[test]
    fn eigenvectors_beside_tiny_entries_are_orthonormal() {
        let mut matrix = DMatrix::zeros(6, 6);
        for (i, j, entry) in [
            (0, 0, 0.168_719_354_590_568_53),
            (0, 1, 1.863_993_978_329_001_6),
            (0, 2, -4.999_999_858_590_343e-10),
            (0, 4, 0.495),
            (0, 5, 1.236_672_339_742_445_3e39),
            (1, 1, 1.000_003_293_879_821_6e-12),
            (1, 5, 0.25),
        ] {
            (matrix[(i, j)], matrix[(j, i)]) = (entry, entry);
        }
        let vectors = symmetric_eigen("matrix", &matrix).unwrap().vectors;
        let gap = (vectors.tr_mul(&vectors) - DMatrix::identity(6, 6)).amax();
        assert!(gap < 1e-15, "{gap:e}");
    }

    type Function = fn(f64) -> f64;

    /// The root to 1e-14 of the larger end, the number of evaluations, and how many bisection needs.
    fn root_of(function: Function, low: f64, high: f64) -> (f64, f64, f64) {
        let mut evaluations = 0.0;
        let counted = |x: f64| {
            evaluations += 1.0;
            Ok(function(x))
        };
        let ends = ((low, function(low)), (high, function(high)));
        let root = decreasing_root(counted, ends.0, ends.1, 1e-14).unwrap();
        (root, evaluations, ((high - low) / (1e-14 * high)).log2().ceil())
    }

    #[test]
    fn a_root_never_takes_much_more_than_bisection() {
        let hard: [(Function, f64, f64, f64); 6] = [
            (|x| if x < 1.0 / 3.0 { 1.0 } else { -1.0 }, 0.0, 1.0, 1.0 / 3.0),
            (|x| if x < 0.77 { 1e-3 } else { -1e9 }, 0.0, 1.0, 0.77),
            (|x| if x < 0.01 { f64::MAX } else { f64::MIN }, 0.0, 1.0, 0.01),
            (|x| 1.0 / x - 1.0, 0.01, 50.0, 1.0),
            (|x| (-x).exp() - 1e-3, 0.0, 20.0, 1e3f64.ln()),
            (|x| (1.0 - x).powi(3), 0.0, 3.3, 1.0),
        ];
        for (index, (function, low, high, expected)) in hard.into_iter().enumerate() {
            let (root, evaluations, bisections) = root_of(function, low, high);
            assert!((root - expected).abs() <= 1.01e-14 * high, "{index}: {root}");
            assert!(evaluations <= bisections + 1.0, "{index}: {evaluations} for {bisections}");
        }
    }

    #[test]
    fn a_root_of_a_smooth_function_takes_a_third_of_bisection() {
        let smooth: [(Function, f64, f64, f64); 6] = [
            (|x| 0.3 - x, 0.0, 1.0, 0.3),
            (|x| 2.0 - x * x, 0.0, 2.0, std::f64::consts::SQRT_2),
            (|x| 1.0 / x - 1.0, 0.3, 2.7, 1.0),
            (|x| 1.0 - 1.3 * x / (2.01 - x), 0.5, 2.0, 2.01 / 2.3),
            (|x| 0.5 - x.powi(9), 0.0, 1.0, 0.925_874_712_287_290_3),
            (|x| 1.0 - x.exp(), -1.0, 3.0, 0.0),
        ];
        for (index, (function, low, high, expected)) in smooth.into_iter().enumerate() {
            let (root, evaluations, bisections) = root_of(function, low, high);
            assert!((root - expected).abs() <= 1.01e-14 * high, "{index}: {root}");
            assert!(3.0 * evaluations <= bisections, "{index}: {evaluations} for {bisections}");
        }
    }

    /// Neither the unit of the argument nor that of the function matters.
    #[test]
    fn a_root_in_other_units_takes_the_same_steps() {
        for unit in [f64::exp2(-40.0), f64::exp2(40.0), f64::exp2(300.0)] {
            let found = |unit: f64, scale: f64| {
                let mut evaluations = 0;
                let function = |x: f64| {
                    evaluations += 1;
                    Ok(scale * (2.0 - (x / unit).powi(2)))
                };
                let ends = ((0.5 * unit, 1.75 * scale), (2.0 * unit, -2.0 * scale));
                let root = decreasing_root(function, ends.0, ends.1, 1e-14).unwrap();
                (root / unit, evaluations)
            };
            assert_eq!(found(unit, 1.0), found(1.0, 1.0));
            assert_eq!(found(1.0, unit), found(1.0, 1.0));
        }
    }

    /// A bracket that is narrow enough, or of width zero, is not searched.
    #[test]
    fn a_narrow_bracket_needs_no_evaluation() {
        let never = |_: f64| Err(TheoryError::Overflow { what: "an evaluation" });
        for (low, high) in [(2.0, 2.0 + 4.0 * f64::EPSILON), (3.0, 3.0), (0.0, 0.0)] {
            let root = decreasing_root(never, (low, 1.0), (high, -1.0), 1e-14).unwrap();
            assert!(low <= root && root <= high);
        }
        assert!(decreasing_root(never, (1.0, 1.0), (2.0, -1.0), 1e-14).is_err());
    }
}
