//! Singular values with 32 digits, by the one-sided Jacobi method (Hestenes 1958): rotations V from the right make the
//! columns of M V orthogonal; their lengths are the singular values, their directions the left singular vectors. The
//! eigenvalues of M M^T are never formed: the root of one at rounding level would cost half the digits.

use nalgebra::DMatrix;

use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number};

/// Cap on the sweeps; convergence is quadratic and takes about ten.
const SWEEPS: usize = 60;

/// M V with orthogonal columns, for an orthogonal V.
///
/// # Errors
/// [`TheoryError::NotConverged`].
pub(crate) fn orthogonal_columns(matrix: DMatrix<Extended>) -> Result<DMatrix<Extended>> {
    let mut columns = matrix;
    let count = columns.ncols();
    let (one, zero) = (Extended::from(1.0), Extended::from(0.0));
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for i in 0..count {
            for j in i + 1..count {
                let (mut first, mut second, mut overlap) = (zero, zero, zero);
                for row in 0..columns.nrows() {
                    let (x, y) = (columns[(row, i)], columns[(row, j)]);
                    first += x * x;
                    second += y * y;
                    overlap += x * y;
                }
                let lengths = (first.value() * second.value()).sqrt();
                if overlap.value().abs() <= 8.0 * Extended::EPSILON * lengths || lengths <= 0.0 {
                    continue;
                }
                rotated = true;
                // tan of the rotation: the smaller root of t^2 + 2 t cot(2 angle) - 1 = 0
                let cotangent = (second - first) / (overlap + overlap);
                let sign = 1f64.copysign(cotangent.value());
                let size = cotangent.scaled(sign);
                // beyond this the square of the cotangent swallows the 1
                let tangent =
                    if size.value() <= 1e100 { one / (size + (size * size + one).root()) } else { one / (size + size) };
                let tangent = tangent.scaled(sign);
                let cosine = one / (tangent * tangent + one).root();
                let sine = cosine * tangent;
                for row in 0..columns.nrows() {
                    let (x, y) = (columns[(row, i)], columns[(row, j)]);
                    columns[(row, i)] = cosine * x - sine * y;
                    columns[(row, j)] = sine * x + cosine * y;
                }
            }
        }
        if !rotated {
            return Ok(columns);
        }
    }
    Err(TheoryError::NotConverged { what: "the singular values", iterations: SWEEPS })
}

/// The squares of the column lengths.
pub(crate) fn squared_lengths(columns: &DMatrix<Extended>) -> Vec<Extended> {
    columns
        .column_iter()
        .map(|column| column.iter().fold(Extended::from(0.0), |sum, &entry| sum + entry * entry))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns (2, 1) and (1, 2): the symmetric matrix has the singular values 3 and 1, and the lengths of both columns are
    /// equal. In any unit.
    #[test]
    fn columns_of_equal_length_are_turned() {
        for unit in [1.0, f64::exp2(140.0), f64::exp2(-140.0)] {
            let entry = |i: usize, j: usize| Extended::from(if i == j { 2.0 } else { 1.0 } * unit);
            let columns = orthogonal_columns(DMatrix::from_fn(2, 2, entry)).unwrap();
            let mut squares =
                squared_lengths(&columns).into_iter().map(|x| x.scaled(unit.powi(-2))).collect::<Vec<_>>();
            squares.sort_by(|x, y| x.value().total_cmp(&y.value()));
            for (square, expected) in squares.into_iter().zip([1.0, 9.0]) {
                assert!((square - Extended::from(expected)).value().abs() <= 64.0 * Extended::EPSILON * expected);
            }
        }
    }
}
