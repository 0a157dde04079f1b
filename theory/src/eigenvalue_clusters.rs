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

/// Most clusters within clusters; 32 digits hold no more.
const MOST_NESTED: usize = 6;

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
        let separated = separated(matrix, span, 0)?;
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

/// Eigenvectors of the matrix within a span of nearly orthonormal columns.
fn separated(matrix: &DMatrix<Extended>, span: DMatrix<Extended>, nested: usize) -> Result<DMatrix<Extended>> {
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
    if nested < MOST_NESTED {
        for (start, count) in clusters(eigen.values.as_slice(), GAP * spread) {
            let part = separated(matrix, span.columns(start, count).into_owned(), nested + 1)?;
            span.columns_mut(start, count).copy_from(&part);
        }
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
