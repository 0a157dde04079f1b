//! Eigenvectors of nearly equal eigenvalues. A symmetric eigensolver mixes the vectors of two eigenvalues by the rounding
//! error of the matrix over their gap, down to any orthonormal basis of their space. Close to the stability edge the law of
//! SGD tells them apart, however close they are, so they are separated with 32 digits: on the span V of a cluster
#![doc = langevin_equation::equation!(r"V^\top H V = c I + D, \qquad \lVert D \rVert \ll c,")]
//! D keeps all digits of a double after c is taken off, and its eigenvectors separate the cluster; clusters within the
//! cluster are separated in turn.

use nalgebra::DMatrix;

use crate::error::Result;
use crate::extended_precision::{Extended, Number, lower};
use crate::linear_algebra::{Eigendecomposition, symmetric_eigen};

/// Eigenvalues closer than this part of the spread of all are separated anew: vectors further apart are mixed by less than
/// 1e-10.
const GAP: f64 = 1e-5;

/// Replaces the first `rank` eigenvectors of a symmetric matrix by better ones where eigenvalues are nearly equal.
pub(crate) fn separate(matrix: &DMatrix<Extended>, eigen: &mut Eigendecomposition, rank: usize) -> Result<()> {
    let scale = eigen.values.amax();
    let values: Vec<f64> = eigen.values.iter().take(rank).copied().collect();
    let clusters = clusters(&values, GAP * scale);
    if clusters.is_empty() {
        return Ok(());
    }
    for (start, count) in clusters {
        let span = eigen.vectors.columns(start, count).map(Extended::from);
        let separated = separated(matrix, span)?;
        eigen.vectors.columns_mut(start, count).copy_from(&lower(&separated));
    }
    Ok(())
}

/// Start and length of the runs of descending values with gaps up to a bound.
fn clusters(values: &[f64], gap: f64) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    for end in 1..=values.len() {
        if end == values.len() || values[end - 1] - values[end] > gap {
            if end - start > 1 {
                found.push((start, end - start));
            }
            start = end;
        }
    }
    found
}

/// Eigenvectors of the matrix within a span of nearly orthonormal columns. A cluster within it is smaller than it: the first
/// entry of D is zero, so that none exceeds the spread of the eigenvalues.
fn separated(matrix: &DMatrix<Extended>, span: DMatrix<Extended>) -> Result<DMatrix<Extended>> {
    let span = orthonormal(span);
    let form = span.transpose() * (matrix * &span);
    let size = form.nrows();
    let level = form[(0, 0)];
    let deviation = DMatrix::from_fn(size, size, |i, j| {
        let entry = (form[(i, j)] + form[(j, i)]).scaled(0.5);
        if i == j { (entry - level).value() } else { entry.value() }
    });
    let spread = deviation.amax();
    // what is left at 32 digits are rounding errors: any basis serves
    let noise = 16.0 * matrix.nrows() as f64 * Extended::EPSILON * level.value().abs();
    if !spread.is_finite() || spread <= noise {
        return Ok(span);
    }
    let eigen = symmetric_eigen("hessian", &deviation)?;
    let mut span = span * eigen.vectors.map(Extended::from);
    for (start, count) in clusters(eigen.values.as_slice(), GAP * spread) {
        let part = separated(matrix, span.columns(start, count).into_owned())?;
        span.columns_mut(start, count).copy_from(&part);
    }
    Ok(span)
}

/// Gram-Schmidt with 32 digits.
fn orthonormal(mut span: DMatrix<Extended>) -> DMatrix<Extended> {
    let product = |span: &DMatrix<Extended>, i: usize, j: usize| {
        (0..span.nrows()).fold(Extended::from(0.0), |sum, row| sum + span[(row, i)] * span[(row, j)])
    };
    for column in 0..span.ncols() {
        for earlier in 0..column {
            let overlap = product(&span, column, earlier);
            for row in 0..span.nrows() {
                let share = overlap * span[(row, earlier)];
                span[(row, column)] -= share;
            }
        }
        let length = product(&span, column, column).root();
        for row in 0..span.nrows() {
            span[(row, column)] /= length;
        }
    }
    span
}

#[cfg(test)]
mod tests {
    use nalgebra::{DVector, dmatrix, dvector};

    use super::*;
    use crate::extended_precision::{largest, lift};

    /// I - 1 1^T / 2, an orthogonal matrix of halves.
    fn reflection() -> DMatrix<Extended> {
        lift(&DMatrix::from_fn(4, 4, |i, j| if i == j { 0.5 } else { -0.5 }))
    }

    /// The matrix with these eigenvalues and the columns of the reflection as eigenvectors, without rounding.
    fn with_eigenvalues(values: [Extended; 4], unit: f64) -> DMatrix<Extended> {
        let basis = reflection();
        let scaled = DMatrix::from_fn(4, 4, |i, j| basis[(i, j)] * values[j].scaled(unit));
        scaled * basis.transpose()
    }

    #[test]
    fn runs_of_near_values_are_found() {
        // differences of 1/2 belong together, those above it do not
        assert_eq!(clusters(&[9.0, 7.0, 6.5, 6.0, 4.0, 3.75, 1.0], 0.5), [(1, 3), (4, 2)]);
        assert_eq!(clusters(&[4.0, 4.0, 1.0], 0.5), [(0, 2)]);
        assert_eq!(clusters(&[4.0, 1.0, 1.0], 0.0), [(1, 2)]);
        assert_eq!(clusters(&[4.0, 1.0, 0.0], 0.5), []);
        assert_eq!(clusters(&[4.0], 0.5), []);
        assert_eq!(clusters(&[], 0.5), []);
    }

    /// Three eigenvalues within a part in 10^9, two of which differ by a part in 10^18: in any unit, each gets its
    /// eigenvector. Doubles mix the former by 1e-7 and do not see that the latter differ.
    #[test]
    fn near_eigenvalues_get_their_own_vectors() {
        let near = |power: i32| Extended::sum(1.0, f64::exp2(f64::from(power)));
        let nearer = near(-30) + Extended::from(f64::exp2(-60.0));
        for unit in [1.0, f64::exp2(60.0), f64::exp2(-60.0)] {
            let matrix = with_eigenvalues([Extended::from(3.0), nearer, near(-30), Extended::from(1.0)], unit);
            let mut eigen = symmetric_eigen("hessian", &lower(&matrix)).unwrap();
            separate(&matrix, &mut eigen, 4).unwrap();
            let overlaps = lower(&reflection()).tr_mul(&eigen.vectors).abs();
            assert!((&overlaps - DMatrix::identity(4, 4)).amax() < 1e-11, "unit {unit:e}: {overlaps}");
        }
    }

    #[test]
    fn distant_and_null_eigenvalues_keep_their_vectors() {
        let (sine, cosine) = f64::sin_cos(1e-3);
        let vectors = dmatrix![cosine, sine, 0.0; -sine, cosine, 0.0; 0.0, 0.0, 1.0];
        for (values, rank) in [(dvector![3.0, 2.0, 1.0], 3), (dvector![3.0, 0.0, 0.0], 1)] {
            let matrix = lift(&DMatrix::from_diagonal(&values));
            let mut eigen = Eigendecomposition { values, vectors: vectors.clone() };
            separate(&matrix, &mut eigen, rank).unwrap();
            assert_eq!(eigen.vectors, vectors);
        }
    }

    #[test]
    fn equal_eigenvalues_keep_an_orthonormal_basis() {
        let seven = Extended::from(7.0);
        let matrix = with_eigenvalues([seven, seven / Extended::from(3.0), seven, seven / Extended::from(3.0)], 1.0);
        let mut eigen = symmetric_eigen("hessian", &lower(&matrix)).unwrap();
        separate(&matrix, &mut eigen, 4).unwrap();
        let diagonal = DMatrix::from_diagonal(&DVector::from_vec(vec![7.0, 7.0, 7.0 / 3.0, 7.0 / 3.0]));
        let again = &eigen.vectors * diagonal * eigen.vectors.transpose();
        assert!((again - lower(&matrix)).amax() < 1e-14);
        assert!((eigen.vectors.tr_mul(&eigen.vectors) - DMatrix::identity(4, 4)).amax() < 1e-15);
    }

    #[test]
    fn a_form_beyond_the_range_leaves_the_vectors() {
        let matrix = lift(&dmatrix![f64::MAX, 0.0; 0.0, f64::MAX]);
        let span = lift(&dmatrix![0.6, -0.8; 0.8, 0.6]);
        let found = separated(&matrix, span.clone()).unwrap();
        assert!(largest(&(found - span)) < 1e-15);
    }

    /// (3, 4, 0)/5, (-4, 3, 0)/5 and the third axis from vectors along them and mixtures of these, to 30 digits.
    #[test]
    fn columns_are_made_orthonormal() {
        let skew = lift(&dmatrix![3.0, 2.0, 7.0; 4.0, 11.0, 1.0; 0.0, 0.0, -2.0]);
        let five = Extended::from(5.0);
        let fifths = orthonormal(skew).map(|entry| entry * five);
        let expected = lift(&dmatrix![3.0, -4.0, 0.0; 4.0, 3.0, 0.0; 0.0, 0.0, -5.0]);
        assert!(largest(&(fifths - expected)) < 1e-30);
    }
}
