//! Residuals within rounding of zero count as zero: at most d + 2 roundings of the terms of their sum.

use langevin_theory::{LeastSquares, gradient_noise};
use nalgebra::DMatrix;

/// The noise of two samples in d dimensions of which the first one misses its target 1 by so many roundings, and whose terms
/// add up to 2.
fn noise(dimension: usize, roundings: f64) -> f64 {
    let features = DMatrix::from_fn(2, dimension, |i, j| if j == 0 { 1.0 - 2.0 * i as f64 } else { 0.0 });
    let targets = DMatrix::from_fn(2, 1, |i, _| if i == 0 { 1.0 - roundings * f64::EPSILON } else { -1.0 });
    let data = LeastSquares::new(features, targets).unwrap();
    let position = DMatrix::from_fn(dimension, 1, |i, _| if i == 0 { 1.0 } else { 0.0 });
    gradient_noise::covariance(&data, &position, 0).unwrap().amax()
}

#[test]
fn a_fit_to_rounding_has_no_noise() {
    for dimension in [1, 2, 3, 6, 40] {
        let bound = 2.0 * (dimension + 2) as f64;
        assert_eq!(noise(dimension, bound - 1.0), 0.0, "{dimension} dimensions");
        assert!(noise(dimension, bound + 1.0) > 0.0, "{dimension} dimensions");
    }
}
