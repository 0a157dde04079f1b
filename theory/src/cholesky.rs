//! Cholesky factors of covariances in double or extended precision, scaled to unit diagonal first: variances that differ by
//! many orders of magnitude (positions and velocities at short times) then cost no digits.

use nalgebra::{DMatrix, DVector};

use crate::extended_precision::Number;

/// C = S L L^T S with a diagonal S of powers of two and a lower triangular L.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky<T: Number> {
    scale: Vec<f64>,
    factor: DMatrix<T>,
}

impl<T: Number> Cholesky<T> {
    /// Factors a symmetric matrix; `None` when a pivot of the scaled matrix is not above a tolerance.
    pub(crate) fn new(matrix: &DMatrix<T>, tolerance: f64) -> Option<Self> {
        let size = matrix.nrows();
        let mut scale = Vec::with_capacity(size);
        for i in 0..size {
            let variance = matrix[(i, i)].value();
            if !(variance > 0.0 && variance.is_finite()) {
                return None;
            }
            scale.push((0.5 * variance.log2()).round().exp2());
        }
        let mut factor = DMatrix::from_element(size, size, T::zero());
        for j in 0..size {
            for i in j..size {
                let mut rest = scaled(matrix[(i, j)], 1.0 / scale[i], 1.0 / scale[j]);
                for k in 0..j {
                    rest -= factor[(i, k)] * factor[(j, k)];
                }
                if i == j {
                    let pivot = rest.value();
                    if pivot.is_nan() || pivot <= tolerance {
                        return None;
                    }
                    factor[(j, j)] = rest.root();
                } else {
                    factor[(i, j)] = rest / factor[(j, j)];
                }
            }
        }
        Some(Self { scale, factor })
    }

    /// S L, a root of the matrix.
    pub(crate) fn root(&self) -> DMatrix<T> {
        let size = self.scale.len();
        DMatrix::from_fn(size, size, |i, j| scaled(self.factor[(i, j)], self.scale[i], 1.0))
    }

    /// (S L)^{-1} R.
    pub(crate) fn solve_root(&self, right: &DMatrix<T>) -> DMatrix<T> {
        let mut solution = right.clone();
        for column in 0..right.ncols() {
            for i in 0..self.scale.len() {
                let mut rest = scaled(solution[(i, column)], 1.0 / self.scale[i], 1.0);
                for k in 0..i {
                    rest -= self.factor[(i, k)] * solution[(k, column)];
                }
                solution[(i, column)] = rest / self.factor[(i, i)];
            }
        }
        solution
    }

    /// C^{-1} R.
    pub(crate) fn solve(&self, right: &DMatrix<T>) -> DMatrix<T> {
        self.solve_transposed_root(&self.solve_root(right))
    }

    /// (S L)^{-T} R.
    pub(crate) fn solve_transposed_root(&self, right: &DMatrix<T>) -> DMatrix<T> {
        let size = self.scale.len();
        let mut solution = right.clone();
        for column in 0..right.ncols() {
            for i in (0..size).rev() {
                let mut rest = solution[(i, column)];
                for k in i + 1..size {
                    rest -= self.factor[(k, i)] * solution[(k, column)];
                }
                solution[(i, column)] = rest / self.factor[(i, i)];
            }
            for i in 0..size {
                solution[(i, column)] = scaled(solution[(i, column)], 1.0 / self.scale[i], 1.0);
            }
        }
        solution
    }

    /// C^{-1}.
    pub(crate) fn inverse(&self) -> DMatrix<T> {
        let size = self.scale.len();
        let inverse = self.solve(&DMatrix::identity(size, size));
        DMatrix::from_fn(size, size, |i, j| (inverse[(i, j)] + inverse[(j, i)]) * T::from(0.5))
    }

    /// |(S L)^{-1} x|^2 = x^T C^{-1} x.
    pub(crate) fn norm_squared(&self, vector: &DVector<T>) -> f64 {
        let size = vector.nrows();
        let white = self.solve_root(&DMatrix::from_fn(size, 1, |i, _| vector[i]));
        white.iter().fold(T::zero(), |sum, &entry| sum + entry * entry).value()
    }

    /// ln det C.
    pub(crate) fn log_determinant(&self) -> f64 {
        let pivots: f64 = (0..self.scale.len()).map(|i| self.factor[(i, i)].logarithm()).sum();
        let scales: f64 = self.scale.iter().map(|scale| scale.ln()).sum();
        2.0 * (pivots + scales)
    }
}

/// A root L (n x rank) of a positive semi-definite matrix, C = L L^T, by the pivoted factorisation: directions without
/// variance have no column, so that no root of a rounding error is taken. Negative rest that is rounding is dropped.
pub(crate) fn semidefinite_root<T: Number>(matrix: &DMatrix<T>) -> DMatrix<T> {
    let size = matrix.nrows();
    let floor = 64.0 * size as f64 * T::EPSILON;
    let mut rest = matrix.clone();
    let mut columns: Vec<DMatrix<T>> = Vec::new();
    let mut open: Vec<usize> = (0..size).collect();
    while !open.is_empty() {
        // the largest remaining part of a variance, so that units of the coordinates do not matter
        let part = |i: usize| {
            let variance = matrix[(i, i)].value();
            if variance > 0.0 { rest[(i, i)].value() / variance } else { 0.0 }
        };
        let place = (0..open.len()).fold(0, |best, k| if part(open[k]) > part(open[best]) { k } else { best });
        if part(open[place]) <= floor {
            break;
        }
        let pivot = open.swap_remove(place);
        let length = rest[(pivot, pivot)].root();
        let column = DMatrix::from_fn(size, 1, |i, _| {
            if i == pivot {
                length
            } else if open.contains(&i) {
                rest[(i, pivot)] / length
            } else {
                T::zero()
            }
        });
        for &i in &open {
            for &j in &open {
                rest[(i, j)] -= column[(i, 0)] * column[(j, 0)];
            }
        }
        columns.push(column);
    }
    DMatrix::from_fn(size, columns.len(), |i, j| columns[j][(i, 0)])
}

/// A number times two powers of two.
fn scaled<T: Number>(number: T, first: f64, second: f64) -> T {
    number * T::from(first) * T::from(second)
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::*;
    use crate::extended_precision::{Extended, lift, lower};

    #[test]
    fn a_root_has_one_column_per_direction_with_variance() {
        // two coordinates that are one, in each place of three
        for (first, second) in [(0, 1), (0, 2), (1, 2)] {
            let same = |i: usize, j: usize| i == j || (i.min(j), i.max(j)) == (first, second);
            let matrix = DMatrix::from_fn(3, 3, |i, j| if same(i, j) { 4.0 } else { 0.0 });
            let root = semidefinite_root(&matrix);
            assert_eq!(root.ncols(), 2);
            assert_eq!(&root * root.transpose(), matrix);
        }
        assert_eq!(semidefinite_root(&DMatrix::<f64>::zeros(3, 3)).shape(), (3, 0));
    }

    /// Forty coordinates that three numbers make: what rounding leaves of the other variances is no direction.
    #[test]
    fn rounding_is_no_direction() {
        let weights = DMatrix::from_fn(40, 3, |i, j| ((7 * i + 3) as f64 * (j + 1) as f64).sin());
        let product = &weights * weights.transpose();
        let matrix = DMatrix::from_fn(40, 40, |i, j| product[(i.max(j), i.min(j))]);
        let root = semidefinite_root(&matrix);
        assert_eq!(root.ncols(), 3);
        assert!((&root * root.transpose() - matrix).amax() < 1e-13);
    }

    /// The root of a diagonal covariance is diagonal, whatever the units of its coordinates.
    #[test]
    fn a_root_does_not_depend_on_units() {
        let matrix = lift::<Extended>(&dmatrix![1e20, 0.0; 0.0, 1e-20]);
        let root = lower(&semidefinite_root(&matrix));
        assert_eq!(root, dmatrix![1e10, 0.0; 0.0, 1e-10]);
    }
}
