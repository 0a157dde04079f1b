//! The k largest eigenpairs of a symmetric operator that is known only by its products with blocks of vectors, for
//! dimensions where a matrix does not fit. Block Lanczos with thick restarts, written as a Rayleigh-Ritz procedure on an
//! orthonormal basis V that is extended by the residuals of its leading Ritz pairs (Saad, *Numerical Methods for Large
//! Eigenvalue Problems*, chapters 6 and 8):
//!
#![doc = langevin_equation::equation!(r"V^\top A V s = \theta s, \qquad u = V s, \qquad r = A u - \theta u, \qquad V \leftarrow \mathrm{orth}\,[V, r_1 \ldots r_p]")]
//!
//! A V is kept beside V, so that residuals are computed and not estimated, and a restart costs no product with A. For a
//! symmetric A there is an eigenvalue within |r| of theta. That the pairs are the largest ones rests on a start block of
//! at least k random vectors: an eigenvector orthogonal to all of them is not seen.

use nalgebra::{DMatrix, DVector};

use crate::error::{Result, TheoryError};
use crate::linear_algebra::{require_finite, symmetric_eigen, transposed_product};

/// Blocks in a basis before it is cut back to [`KEPT`].
const MOST_BLOCKS: usize = 5;

/// Blocks that a restart keeps.
const KEPT: usize = 2;

/// Cap on products with the operator.
const MOST_PRODUCTS: usize = 1000;

/// Eigenpairs with their residuals.
///
/// ```
/// use langevin_theory::largest_eigenpairs::largest_eigenpairs;
/// use nalgebra::dmatrix;
/// let matrix = dmatrix![3.0, 0.0; 0.0, 1.0];
/// let top = largest_eigenpairs(|block| &matrix * block, &dmatrix![1.0; 0.4], 1, 1e-12).unwrap();
/// // an eigenvalue lies within the residual
/// assert!((top.values[0] - 3.0).abs() <= top.residuals[0] + 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct LargestEigenpairs {
    /// Eigenvalues, descending, k.
    pub values: DVector<f64>,
    /// Orthonormal eigenvectors in the columns, d x k.
    pub vectors: DMatrix<f64>,
    /// |A u - theta u| of each pair, k: an eigenvalue of A lies within this distance.
    pub residuals: DVector<f64>,
    /// Products of A with a block of vectors that were needed.
    pub products: usize,
}

/// The largest eigenpairs of a symmetric operator, until every residual is at most `relative_tolerance` times the largest
/// eigenvalue (at least 1e-13, below which rounding decides). `start` (d x p) spans the first basis; p >= `count` random
/// vectors, some more than wanted for speed.
///
/// # Errors
/// [`TheoryError::Shape`] when the start has fewer independent columns than `count`, more columns than rows, or `count` is 0,
/// or when a product has another shape; [`TheoryError::NotFinite`]; [`TheoryError::NotConverged`].
///
/// ```
/// use langevin_theory::largest_eigenpairs::largest_eigenpairs;
/// use nalgebra::{DMatrix, dmatrix};
/// let matrix = dmatrix![2.0, 1.0, 0.0; 1.0, 2.0, 0.0; 0.0, 0.0, 0.5];
/// let start = dmatrix![1.0, 0.3; 0.2, 1.0; -0.5, 0.4];
/// let top = largest_eigenpairs(|block| &matrix * block, &start, 2, 1e-12).unwrap();
/// assert!((top.values[0] - 3.0).abs() < 1e-11 && (top.values[1] - 1.0).abs() < 1e-11);
/// assert!(largest_eigenpairs(|block| &matrix * block, &start, 3, 1e-12).is_err());
/// ```
pub fn largest_eigenpairs(
    mut operator: impl FnMut(&DMatrix<f64>) -> DMatrix<f64>,
    start: &DMatrix<f64>,
    count: usize,
    relative_tolerance: f64,
) -> Result<LargestEigenpairs> {
    let (size, block) = start.shape();
    if count == 0 || block < count || block > size {
        return Err(TheoryError::Shape {
            name: "start",
            found: format!("{size} x {block}"),
            expected: format!("d x p with 1 <= count = {count} <= p <= d"),
        });
    }
    require_finite("start", start)?;
    let tolerance = relative_tolerance.max(1e-13);
    let mut basis = DMatrix::zeros(size, 0);
    let mut images = DMatrix::zeros(size, 0);
    let mut fresh = start.clone();
    for products in 1..=MOST_PRODUCTS {
        let extension = orthonormal_complement(&basis, &fresh);
        let exhausted = extension.ncols() == 0;
        if !exhausted {
            let image = operator(&extension);
            if image.shape() != extension.shape() {
                return Err(TheoryError::Shape {
                    name: "a product with the operator",
                    found: format!("{} x {}", image.nrows(), image.ncols()),
                    expected: format!("{} x {}", extension.nrows(), extension.ncols()),
                });
            }
            require_finite("a product with the operator", &image)?;
            basis = beside(&basis, &extension);
            images = beside(&images, &image);
        }
        let projected = transposed_product(&basis, &images);
        let ritz = symmetric_eigen("V^T A V", &((&projected + projected.transpose()) * 0.5))?;
        // the start may have been of lower rank than it has columns
        if ritz.values.len() < count {
            return Err(TheoryError::Shape {
                name: "start",
                found: format!("rank {}", ritz.values.len()),
                expected: format!("rank at least {count}"),
            });
        }
        let leading = ritz.values.len().min(block);
        let weights = ritz.vectors.columns(0, leading).into_owned();
        let vectors = &basis * &weights;
        let mut residual = &images * &weights;
        for (index, mut column) in residual.column_iter_mut().enumerate() {
            column.axpy(-ritz.values[index], &vectors.column(index), 1.0);
        }
        let norms: Vec<f64> = residual.column_iter().map(|column| column.norm()).collect();
        let scale = ritz.values[0].abs();
        if norms[..count].iter().all(|&norm| norm <= tolerance * scale) || (exhausted && basis.ncols() == size) {
            return Ok(LargestEigenpairs {
                values: ritz.values.rows(0, count).into_owned(),
                vectors: vectors.columns(0, count).into_owned(),
                residuals: DVector::from_column_slice(&norms[..count]),
                products,
            });
        }
        if exhausted {
            break;
        }
        // pairs that have converged need no more directions
        let active: Vec<usize> = (0..leading).filter(|&index| norms[index] > 0.1 * tolerance * scale).collect();
        fresh = residual.select_columns(&active);
        if basis.ncols() + fresh.ncols() > MOST_BLOCKS * block {
            let kept = ritz.vectors.columns(0, KEPT * block).into_owned();
            basis = &basis * &kept;
            images = &images * &kept;
        }
    }
    Err(TheoryError::NotConverged { what: "the largest eigenpairs", iterations: MOST_PRODUCTS })
}

fn beside(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let mut joined = left.clone().resize_horizontally(left.ncols() + right.ncols(), 0.0);
    joined.columns_mut(left.ncols(), right.ncols()).copy_from(right);
    joined
}

/// An orthonormal basis of what a block adds to a space with an orthonormal basis; columns that add nothing beyond rounding
/// are left out.
fn orthonormal_complement(basis: &DMatrix<f64>, block: &DMatrix<f64>) -> DMatrix<f64> {
    let mut kept: Vec<DVector<f64>> = Vec::new();
    'columns: for column in block.column_iter() {
        let mut vector = column.into_owned();
        vector.try_normalize_mut(0.0);
        let mut left = 1.0;
        // twice after the first is enough (Parlett, section 6.9)
        for _ in 0..3 {
            for other in &kept {
                vector.axpy(-other.dot(&vector), other, 1.0);
            }
            vector -= basis * basis.tr_mul(&vector);
            let norm = vector.norm();
            left *= norm;
            // a vector that lost this much is rounding
            if left <= 1e-10 {
                continue 'columns;
            }
            vector /= norm;
        }
        kept.push(vector);
    }
    if kept.is_empty() { DMatrix::zeros(basis.nrows(), 0) } else { DMatrix::from_columns(&kept) }
}
