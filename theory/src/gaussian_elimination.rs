//! Solutions of small dense linear systems A X = B in double or extended precision, by Gaussian elimination with row
//! pivoting. Systems that are singular up to a small rate (moments of an epoch at a small learning rate) keep their digits
//! in extended precision.

use nalgebra::DMatrix;

use crate::extended_precision::Number;

/// X with A X = B, for A n x n and B n x m; `None` where a pivot vanishes or is not finite.
pub(crate) fn solve<T: Number>(matrix: &DMatrix<T>, right: &DMatrix<T>) -> Option<DMatrix<T>> {
    let size = matrix.nrows();
    let (mut rows, mut solution) = (matrix.clone(), right.clone());
    for k in 0..size {
        let size_of = |i: usize| rows[(i, k)].value().abs();
        let pivot_row = (k..size).rev().max_by(|&i, &j| size_of(i).total_cmp(&size_of(j))).unwrap_or(k);
        rows.swap_rows(k, pivot_row);
        solution.swap_rows(k, pivot_row);
        let pivot = rows[(k, k)];
        if !(pivot.value().is_finite() && pivot.value() != 0.0) {
            return None;
        }
        for i in k + 1..size {
            let factor = rows[(i, k)] / pivot;
            if factor.value() == 0.0 {
                continue;
            }
            for j in k + 1..size {
                let share = factor * rows[(k, j)];
                rows[(i, j)] -= share;
            }
            for j in 0..solution.ncols() {
                let share = factor * solution[(k, j)];
                solution[(i, j)] -= share;
            }
        }
    }
    for j in 0..solution.ncols() {
        for i in (0..size).rev() {
            let mut rest = solution[(i, j)];
            for k in i + 1..size {
                rest -= rows[(i, k)] * solution[(k, j)];
            }
            solution[(i, j)] = rest / rows[(i, i)];
        }
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::*;

    #[test]
    fn the_largest_entry_is_the_pivot() {
        let solution = solve(&dmatrix![0.0, 2.0; 4.0, 0.0], &dmatrix![6.0; 4.0]).unwrap();
        assert_eq!(solution, dmatrix![1.0; 3.0]);
        // x + y = 3 and 1e-20 x + y = 2: without the exchange x is lost
        let solution = solve(&dmatrix![1e-20, 1.0; 1.0, 1.0], &dmatrix![2.0; 3.0]).unwrap();
        assert_eq!(solution, dmatrix![1.0; 2.0]);
        // three equations in which each exchange matters
        let matrix = dmatrix![1.0, 2.0, 3.0; 2.0, 4.0, 1.0; 4.0, 1.0, 2.0];
        let expected = dmatrix![1.0, -1.0; 2.0, 0.5; -3.0, 4.0];
        let solution = solve(&matrix, &(&matrix * &expected)).unwrap();
        assert!((solution - expected).amax() < 1e-14);
    }

    #[test]
    fn singular_and_infinite_systems_have_no_solution() {
        let right = dmatrix![1.0; 1.0];
        for matrix in [
            dmatrix![1.0, 1.0; 1.0, 1.0],
            dmatrix![0.0, 0.0; 0.0, 0.0],
            dmatrix![f64::INFINITY, 1.0; 1.0, 1.0],
            dmatrix![f64::NAN, 1.0; f64::NAN, 1.0],
        ] {
            assert_eq!(solve(&matrix, &right), None, "{matrix}");
        }
    }
}
