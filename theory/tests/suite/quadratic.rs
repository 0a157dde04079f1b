//! The loss: decomposition, both minimisers, rank.

use langevin_theory::{LeastSquares, Quadratic, TheoryError};
use nalgebra::{DMatrix, dmatrix};
use proptest::prelude::*;

use crate::comparison::close;
use crate::problems::{logarithmic, rotation, square};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn data_gives_hessian_and_minimisers(features in square(4), targets in square(4), rank in 0usize..=4, decay in prop_oneof![Just(0.0), 0.1..2.0f64]) {
        // the first `rank` columns of X, spread over four by products with whole numbers: an exact rank
        let spread = DMatrix::from_fn(rank, 4, |i, j| f64::from(u8::from(j % rank.max(1) == i)));
        let features = (features.columns(0, rank) + DMatrix::identity(4, rank) * 2.0) * spread;
        let data = LeastSquares::new(features.clone(), targets.columns(0, 2).into_owned()).unwrap();
        let quadratic = data.quadratic().unwrap();
        prop_assert_eq!(quadratic.rank(), rank);
        prop_assert!(quadratic.eigenvalues().iter().skip(rank).all(|&rho| rho == 0.0));
        prop_assert!(quadratic.eigenvalues().as_slice().windows(2).all(|pair| pair[0] >= pair[1]));
        let (h, b) = (features.tr_mul(&features) / 4.0, features.tr_mul(data.targets()) / 4.0);
        let unit = 64.0 * 4.0 * f64::EPSILON;
        for (found, expected) in quadratic.hessian().iter().zip(h.iter()) {
            close("H", *found, *expected, unit * h.amax())?;
        }
        // stationarity: (H + lambda) mu = b, on the range of H
        let mu = quadratic.minimum_ridge(decay);
        let gradient = (&h + DMatrix::identity(4, 4) * decay) * &mu - &b;
        // the singular values of these features are above 0.1: conditions below 1e4
        prop_assert!(gradient.amax() <= 1e4 * unit * (1.0 + b.amax()), "{}", gradient.amax());
        // the minimum-norm one: nothing in the null space
        let vectors = quadratic.eigenvectors();
        let null = vectors.columns(rank, 4 - rank).tr_mul(&mu);
        prop_assert!(null.iter().all(|entry| entry.abs() <= 1e4 * unit * (1.0 + mu.amax())));
        // orthonormal, and a change of basis that can be undone
        let gram = vectors.tr_mul(vectors) - DMatrix::identity(4, 4);
        prop_assert!(gram.amax() <= unit);
        let back = quadratic.from_eigenbasis(&quadratic.to_eigenbasis(&h).unwrap()).unwrap() - &h;
        prop_assert!(back.amax() <= unit * (1.0 + h.amax()));
        prop_assert!(quadratic.loss_offset(0.0) == 0.0 && quadratic.loss_offset(decay) >= 0.0);
    }

    #[test]
    fn scale_does_not_change_the_rank(exponent in -100i32..100, basis in rotation(3), small in logarithmic(-10.0, 0.0)) {
        let scale = 10f64.powi(exponent);
        let spectrum = nalgebra::dvector![1.0, small, 0.0];
        let hessian = &basis * DMatrix::from_diagonal(&spectrum) * basis.transpose();
        let hessian = (&hessian + hessian.transpose()) * (0.5 * scale);
        let quadratic = Quadratic::new(hessian, DMatrix::zeros(3, 1)).unwrap();
        // the zero eigenvalue is within a few roundings of zero, which the threshold of d roundings may just miss
        prop_assert!(quadratic.rank() == 2 || (quadratic.rank() == 3 && quadratic.eigenvalues()[2] < 1e-14 * scale));
        let relative = quadratic.eigenvalues()[1] / scale;
        prop_assert!((relative - small).abs() <= 64.0 * f64::EPSILON);
    }
}

#[test]
fn rotated_data_has_the_same_spectrum() {
    let data = LeastSquares::new(dmatrix![1.0, 2.0; 0.5, -1.0; 0.0, 1.0], dmatrix![1.0; 2.0; 3.0]).unwrap();
    let turn = dmatrix![0.6, -0.8; 0.8, 0.6];
    let rotated = data.rotated(&turn).unwrap();
    let (first, second) = (data.quadratic().unwrap(), rotated.quadratic().unwrap());
    assert!((first.eigenvalues() - second.eigenvalues()).amax() < 1e-14);
    assert!((turn.transpose() * first.minimum_ols() - second.minimum_ols()).amax() < 1e-13);
    assert!(matches!(data.rotated(&dmatrix![1.0]), Err(TheoryError::Shape { .. })));
}

#[test]
fn overflowing_data_is_an_error() {
    let data = LeastSquares::new(dmatrix![1e200; 1.0], dmatrix![1.0; 1.0]).unwrap();
    assert!(matches!(data.quadratic(), Err(TheoryError::Overflow { .. })));
}

#[test]
fn a_linear_term_outside_the_range_leaves_no_minimum() {
    let flat = |linear: DMatrix<f64>| Quadratic::new(dmatrix![1.0, 2.0; 2.0, 4.0], linear).unwrap();
    let (inside, outside) = (flat(dmatrix![0.1; 0.2]), flat(dmatrix![0.1; 0.3]));
    assert!(inside.has_minimum(0.0) && inside.has_minimum(0.1));
    assert!(!outside.has_minimum(0.0) && outside.has_minimum(0.1));
}

/// With a small weight decay on a null direction H + lambda has the condition 1e8; the minimum keeps its digits.
#[test]
fn the_ridge_minimum_is_refined() {
    let decay = 2.0_f64.powi(-27);
    // eigenvectors (1, 1) and (1, -1), eigenvalues 2 and 0
    let loss = Quadratic::new(dmatrix![1.0, 1.0; 1.0, 1.0], dmatrix![1.0; 0.75]).unwrap();
    let (slow, fast) = (0.125 / decay, 0.875 / (2.0 + decay));
    let minimum = loss.minimum_ridge(decay);
    for (found, expected) in [(minimum[0], fast + slow), (minimum[1], fast - slow)] {
        assert!((found - expected).abs() <= 4.0 * f64::EPSILON * expected.abs(), "{found} {expected}");
    }
}
