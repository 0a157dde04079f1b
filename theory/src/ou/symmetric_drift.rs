//! The decomposition A = (D + Q) U for a *symmetric* drift, (27)-(29): in the eigenbasis of A, with eigenvalues l_i,
#![doc = langevin_equation::equation!(r"Q_{ij} = \frac{l_i - l_j}{l_i + l_j}\, D_{ij}, \qquad U = (D + Q)^{-1} A")]
//! with erratum E13 for the denominator. The drift in phase space is not symmetric, and the formula does not hold there
//! (E12): this function refuses such a drift, and [`super::StationaryLaw`] decomposes any.

use langevin_equation::equation;
use nalgebra::DMatrix;

use crate::error::{Result, TheoryError};
use crate::linear_algebra::{require_shape, symmetric_eigen};

/// Q (n x n, skew) and U (n x n) for a symmetric positive definite drift A and a diffusion D.
///
/// In the eigenbasis of A, with its eigenvalues l_i, (27)-(29) with erratum E13 are
#[doc = equation!(r"Q_{ij} = \frac{l_i - l_j}{l_i + l_j}\, D_{ij}, \qquad U = (D + Q)^{-1} A.")]
/// The drift in phase space is not symmetric, and the formula does not hold there (erratum E12): such a drift is
/// refused, and [`StationaryLaw`](super::StationaryLaw) decomposes any.
///
/// # Errors
/// [`TheoryError::NotPositiveSemiDefinite`] for a drift that is not symmetric, [`TheoryError::NotHurwitz`] for one that
/// is not positive definite, [`TheoryError::Uncontrollable`] when D + Q has no inverse, [`TheoryError::Shape`],
/// [`TheoryError::NotFinite`].
///
/// ```
/// use langevin_theory::ou::symmetric_drift_decomposition;
/// use nalgebra::dmatrix;
/// let (drift, diffusion) = (dmatrix![3.0, 0.0; 0.0, 1.0], dmatrix![2.0, 1.0; 1.0, 2.0]);
/// let (circulation, precision) = symmetric_drift_decomposition(&drift, &diffusion).unwrap();
/// assert_eq!(circulation[(0, 1)], 0.5);
/// assert!(((&diffusion + circulation) * precision - drift).amax() < 1e-15);
/// assert!(
///     symmetric_drift_decomposition(&dmatrix![0.0, -1.0; 2.0, 1.0], &diffusion).is_err()
/// );
/// ```
pub fn symmetric_drift_decomposition(
    drift: &DMatrix<f64>,
    diffusion: &DMatrix<f64>,
) -> Result<(DMatrix<f64>, DMatrix<f64>)> {
    let size = drift.nrows();
    require_shape("diffusion", diffusion, size, size)?;
    let eigen = symmetric_eigen("drift", drift)?;
    let rates = &eigen.values;
    let smallest = rates[size - 1];
    if smallest <= 0.0 {
        return Err(TheoryError::NotHurwitz { real_part: smallest });
    }
    let inner = eigen.vectors.tr_mul(diffusion) * &eigen.vectors;
    let circulation = DMatrix::from_fn(size, size, |i, j| {
        (rates[i] - rates[j]) / (rates[i] + rates[j]) * 0.5 * (inner[(i, j)] + inner[(j, i)])
    });
    let circulation = &eigen.vectors * circulation * eigen.vectors.transpose();
    let circulation = (&circulation - circulation.transpose()) * 0.5;
    let precision = (diffusion + &circulation)
        .full_piv_lu()
        .solve(drift)
        .ok_or(TheoryError::Uncontrollable { what: "D + Q has no inverse" })?;
    Ok((circulation, precision))
}
