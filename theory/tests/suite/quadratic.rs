//! The loss: decomposition, both minimisers, rank.

use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Quadratic, Sampling, TheoryError};
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
    // in any unit
    for scale in [1e-12, 1e12] {
        let (inside, outside) = (flat(dmatrix![0.1; 0.2] * scale), flat(dmatrix![0.1; 0.3] * scale));
        assert!(inside.has_minimum(0.0) && !outside.has_minimum(0.0), "{scale:e}");
    }
}

/// With a small weight decay on a null direction H + lambda has the condition 3e9; the minimum keeps its digits, alone and
/// beside other directions.
#[test]
fn the_ridge_minimum_is_refined() {
    let decay = 2.0_f64.powi(-27);
    // eigenvectors (3, 4) and (4, -3), whose unit vectors are no doubles, eigenvalues 25 and 0
    let (fast, slow) = (1.0 / (25.0 + decay), 2.0_f64.powi(-30) / decay);
    for size in [2, 64] {
        let mut hessian = DMatrix::from_fn(size, size, |i, j| if i == j { i as f64 } else { 0.0 });
        hessian.view_mut((0, 0), (2, 2)).copy_from(&dmatrix![9.0, 12.0; 12.0, 16.0]);
        let mut linear = DMatrix::from_element(size, 1, 1.0);
        (linear[0], linear[1]) = (3.0 + 2.0_f64.powi(-28), 4.0 - 3.0 * 2.0_f64.powi(-30));
        let minimum = Quadratic::new(hessian, linear).unwrap().minimum_ridge(decay);
        for i in 0..size {
            let expected = match i {
                0 => 3.0 * fast + 4.0 * slow,
                1 => 4.0 * fast - 3.0 * slow,
                _ => 1.0 / (i as f64 + decay),
            };
            assert!((minimum[i] / expected - 1.0).abs() <= 4.0 * f64::EPSILON, "{size}: {} {expected}", minimum[i]);
        }
    }
}

/// A curvature that counts as zero, larger than a tiny weight decay: the direction is held by the weight decay alone, as the
/// rank says, and no refinement makes more of it.
#[test]
fn directions_that_count_as_null_keep_their_minimum() {
    let (small, decay) = (2.0_f64.powi(-30), 2.0_f64.powi(-70));
    // H has 1/2 and 2^-61, b the same
    let data = LeastSquares::new(dmatrix![1.0, 0.0; 0.0, small], dmatrix![1.0; small]).unwrap();
    let quadratic = data.quadratic().unwrap();
    assert_eq!(quadratic.rank(), 1);
    let sgd = Hyperparameters::new(0.1, 0.0, decay, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    assert_eq!(quadratic.minimum_ridge(decay), dmatrix![1.0; 512.0]);
    assert_eq!(law.minimum_ridge(), &dmatrix![1.0; 512.0]);
}

/// The gradient of the loss at zero is lost to cancellation in X^T Y; the minimum is that of the data.
#[test]
fn targets_that_cancel_have_their_mean() {
    let data = LeastSquares::new(dmatrix![1.0; 1.0; 1.0], dmatrix![1e16; 1.0; -1e16]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    assert_eq!(law.minimum_ridge()[0], 1.0 / 3.0);
}

/// Up to 1e5 multiplications the Hessian is rounded once.
#[test]
fn a_mean_of_many_equal_squares_is_the_square() {
    let entry = 1.0 / 3.0;
    let data = LeastSquares::new(DMatrix::from_element(100_000, 1, entry), DMatrix::zeros(100_000, 1)).unwrap();
    assert_eq!(data.quadratic().unwrap().hessian()[(0, 0)], entry * entry);
}

/// Steepest curvatures of (1 + 2^-30)^2, or half of that with the other features swapped, 3 2^-59 + 2^-88 below the edge of
/// stability: eigenvalues are known beyond a double. 32 digits of them are 2^-47 of this distance.
#[test]
fn distances_to_the_edge_are_those_of_the_data() {
    let small = 2.0_f64.powi(-30);
    let one = LeastSquares::new(dmatrix![1.0 + small], dmatrix![1.0]).unwrap();
    let two = LeastSquares::new(dmatrix![0.75, 0.25 + small; 0.25 + small, 0.75], dmatrix![1.0; 0.0]).unwrap();
    for (data, scale) in [(one, 1.0), (two, 2.0)] {
        let sgd = Hyperparameters::new((2.0 - 4.0 * small) * scale, 0.0, 0.0, 1).unwrap();
        let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
        let expected = 3.0 * 2.0_f64.powi(-59) + 2.0_f64.powi(-88);
        let found = law.maps()[0].edge_distance();
        assert!((found / expected - 1.0).abs() < 16.0 * 2.0_f64.powi(-47), "{found:e}, expected {expected:e}");
    }
}

/// Products of eigenvectors and entries of H that leave the range of doubles say nothing about eigenvalues.
#[test]
fn the_smallest_hessian_keeps_its_curvature() {
    let entry = f64::from_bits(1);
    let quadratic = Quadratic::new(DMatrix::from_element(2, 2, entry), DMatrix::zeros(2, 1)).unwrap();
    assert!(
        quadratic.rank() >= 1 && quadratic.eigenvalues()[quadratic.rank() - 1] > 0.0,
        "{}",
        quadratic.eigenvalues()
    );
}
