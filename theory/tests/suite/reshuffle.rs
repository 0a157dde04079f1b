//! Reshuffled epochs: the closed form for constant curvature against brute force and against the enumeration of sets, the
//! enumeration against all orders; streaming Gaussian features against their moment equations.

use langevin_theory::minibatch::{GaussianFeatures, mean_square_learning_rate_limit};
use langevin_theory::reshuffle::{EpochNoise, ReshuffledLaw};
use langevin_theory::{Hyperparameters, LeastSquares, TheoryError};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

use crate::problems::{logarithmic, momentum};

/// Four samples with equal curvature 1 and gradients of zero sum.
fn constant_curvature() -> LeastSquares {
    LeastSquares::new(dmatrix![1.0; 1.0; 1.0; 1.0], dmatrix![1.0; -0.5; 0.25; -0.75]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_closed_form_is_the_enumeration_where_curvature_is_constant(beta in 0.0..0.95f64, fraction in 0.001..0.99f64, batch in prop_oneof![Just(1usize), Just(2)]) {
        let data = constant_curvature();
        let eta = fraction * 2.0 * (1.0 + beta);
        let sgd = Hyperparameters::new(eta, beta, 0.0, batch).unwrap();
        let law = ReshuffledLaw::new(&data, &sgd).unwrap();
        let enumerated = law.stationary(0).unwrap();
        // variance of a batch mean without replacement
        let sigma = data.targets().norm_squared() / 4.0;
        let variance = if batch == 1 { sigma } else { sigma / 2.0 * 2.0 / 3.0 };
        let closed = EpochNoise::new(eta, beta, 1.0, variance, 4 / batch as u64).unwrap();
        // the enumeration solves with 1 - M^L, which has lost the digits of its distance to singular
        let roundings = 1e-13 / fraction.min(1.0 - fraction) / (1.0 - beta);
        for (place, moments) in enumerated.iter().enumerate() {
            let expected = closed.covariance(place as u64).unwrap();
            let scale = closed.covariance(1).unwrap();
            for i in 0..2 {
                for j in 0..2 {
                    let error = (moments.second_moment[(i, j)] - expected[i][j]).abs();
                    prop_assert!(error <= roundings * (scale[i][i] * scale[j][j]).sqrt(), "{place} {i} {j}: {error:e}");
                }
            }
        }
        let displacement = law.displacement(0, &[0, 1, 5]).unwrap();
        for (found, epochs) in displacement.iter().zip([0, 1, 5]) {
            let expected = closed.displacement(epochs);
            prop_assert!((found - expected).abs() <= roundings * closed.covariance(1).unwrap()[0][0]);
        }
        let radius = law.spectral_radius().unwrap();
        prop_assert!(radius < 1.0);
    }

    #[test]
    fn an_epoch_of_independent_batches_is_the_usual_law(eta in logarithmic(-4.0, 0.0), beta in momentum(), h in logarithmic(-3.0, 0.0)) {
        let one = EpochNoise::new(eta, beta, h, 2.0, 1).unwrap().covariance(0).unwrap();
        let map = langevin_theory::discrete::ModeMap::new(eta, beta, h);
        let usual = langevin_theory::discrete::ModeLaw::new(map, 2.0).unwrap().stationary_covariance().unwrap();
        for i in 0..2 {
            for j in 0..2 {
                prop_assert!((one[i][j] - usual[i][j]).abs() <= 1e-12 * usual[i][j].abs());
            }
        }
        // long epochs of a fast direction are too
        let long = EpochNoise::new(0.5, 0.5, 1.0, 2.0, 20_000).unwrap();
        let usual = langevin_theory::discrete::ModeLaw::new(langevin_theory::discrete::ModeMap::new(0.5, 0.5, 1.0), 2.0).unwrap();
        prop_assert!((long.covariance(10_000).unwrap()[0][0] / usual.position_variance().unwrap() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn gaussian_features_solve_their_moment_equations(beta in 0.0..0.9f64, eta in logarithmic(-3.0, -0.5), batch in 1usize..9, rho in proptest::collection::vec(0.05..2.0f64, 1..5), sigma2 in 0.1..3.0f64) {
        let sgd = Hyperparameters::new(eta, beta, 0.0, batch).unwrap();
        let law = GaussianFeatures::new(&sgd, &rho, sigma2).unwrap();
        let radius = law.spectral_radius();
        prop_assert_eq!(law.is_stable(), radius < 1.0, "{}", radius);
        // the second moments (p, c, v) of all directions, step by step
        let size = rho.len();
        let step = |state: &DVector<f64>, source: f64| {
            let loss: f64 = (0..size).map(|i| rho[i] * state[3 * i]).sum();
            DVector::from_iterator(3 * size, (0..size).flat_map(|i| {
                let (p, c, v, h) = (state[3 * i], state[3 * i + 1], state[3 * i + 2], rho[i]);
                let noise = (h * h * p + h * (loss + source)) / batch as f64;
                let velocity = beta * beta * v - 2.0 * beta * h * c + h * h * p + noise;
                let ahead = beta * c - h * p;
                [p + 2.0 * eta * ahead + eta * eta * velocity, ahead + eta * velocity, velocity]
            }))
        };
        let matrix = DMatrix::from_columns(&(0..3 * size).map(|column| {
            let mut unit = DVector::zeros(3 * size);
            unit[column] = 1.0;
            step(&unit, 0.0)
        }).collect::<Vec<_>>());
        let by_squaring = langevin_theory::linear_algebra::spectral_radius(&matrix).unwrap();
        prop_assert!((radius - by_squaring).abs() <= 1e-10 * radius, "{} {}", radius, by_squaring);
        if let (Ok(positions), Ok(velocities)) = (law.position_variances(), law.velocity_variances()) {
            let right = step(&DVector::zeros(3 * size), sigma2);
            let solution = (DMatrix::identity(3 * size, 3 * size) - matrix).full_piv_lu().solve(&right).unwrap();
            for i in 0..size {
                let slack = 1e-9 / (1.0 - radius);
                prop_assert!((positions[i] - solution[3 * i]).abs() <= slack * solution[3 * i]);
                prop_assert!((velocities[i] - solution[3 * i + 2]).abs() <= slack * solution[3 * i + 2]);
            }
        } else {
            prop_assert!(radius >= 1.0);
        }
    }
}

#[test]
fn one_gaussian_feature_has_the_closed_limit() {
    for (momentum, printed) in [(0.9, 0.0974), (0.99, 0.00997)] {
        let limit = mean_square_learning_rate_limit(momentum, 1.0, 2.0).unwrap();
        assert!((limit / printed - 1.0).abs() < 2e-3);
        let radius = |rate: f64| {
            let sgd = Hyperparameters::new(rate, momentum, 0.0, 1).unwrap();
            GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap().spectral_radius()
        };
        assert!((radius(limit) - 1.0).abs() < 1e-9);
        assert!(radius(limit * 0.999) < 1.0 && radius(limit * 1.001) > 1.0);
    }
}

/// Moments after one epoch from all orders, one after the other.
#[test]
fn sets_stand_for_all_orders() {
    let data =
        LeastSquares::new(dmatrix![1.0, 0.5; -0.5, 1.0; 0.25, -1.0; 1.5, 0.0], dmatrix![1.0; 0.5; -0.75; 1.0]).unwrap();
    let sgd = Hyperparameters::new(0.2, 0.6, 0.05, 1).unwrap();
    let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    let (start, velocity) = (dvector![0.3, -0.2], dvector![0.1, 0.4]);
    let moments = &law.transient(0, &start, &velocity, &[1]).unwrap()[0][0];
    let minimum = law.minimum_ridge();
    let (mut mean, mut second, mut count) = (DVector::zeros(4), DMatrix::zeros(4, 4), 0.0);
    for code in 0..256u32 {
        let order: Vec<usize> = (0..4).map(|place| (code >> (2 * place) & 3) as usize).collect();
        if (0..4).any(|sample| !order.contains(&sample)) {
            continue;
        }
        let (mut theta, mut v) = (start.clone(), velocity.clone());
        for &sample in &order {
            let x = data.features().row(sample).transpose();
            let residual = x.dot(&theta) - data.targets()[(sample, 0)];
            v = &v * 0.6 - x * residual - &theta * 0.05;
            theta += &v * 0.2;
        }
        let mut state = DVector::zeros(4);
        state.rows_mut(0, 2).copy_from(&(theta - minimum.column(0)));
        state.rows_mut(2, 2).copy_from(&v);
        mean += &state;
        second += &state * state.transpose();
        count += 1.0;
    }
    assert_eq!(count, 24.0);
    assert!((&moments.mean - mean / count).amax() < 1e-15);
    assert!((&moments.second_moment - second / count).amax() < 1e-15);
    // the mean is biased: it does not settle at the ridge minimum
    let stationary = law.stationary(0).unwrap();
    assert!(stationary[0].mean.rows(0, 2).amax() > 1e-4);
    // and equipartition fails: m V and (H + lambda) P differ by far more than a rounding
    let second = &stationary[0].second_moment;
    let curvature = law.quadratic().hessian() + DMatrix::identity(2, 2) * 0.05;
    let potential = (curvature * second.view((0, 0), (2, 2))).trace();
    let kinetic = sgd.mass() * second.view((2, 2), (2, 2)).trace();
    assert!((kinetic / potential - 1.0).abs() > 0.05, "{kinetic} {potential}");
}

#[test]
fn problems_beyond_enumeration_and_without_a_law_are_named() {
    let data = LeastSquares::new(DMatrix::from_fn(60, 2, |i, j| (i + j) as f64), DMatrix::zeros(60, 1)).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
    assert_eq!(ReshuffledLaw::new(&data, &sgd).unwrap_err().undefined_reason(), Some("no-exact-law"));
    let data = constant_curvature();
    let three = Hyperparameters::new(0.1, 0.5, 0.0, 3).unwrap();
    assert!(matches!(ReshuffledLaw::new(&data, &three), Err(TheoryError::BatchSize { .. })));
    let fast = Hyperparameters::new(3.5, 0.5, 0.0, 1).unwrap();
    let law = ReshuffledLaw::new(&data, &fast).unwrap();
    assert_eq!(law.stationary(0).unwrap_err().undefined_reason(), Some("mean-square-unstable"));
    assert!(law.spectral_radius().unwrap() > 1.0);
    assert!(law.stationary(1).is_err());
    assert!(EpochNoise::new(3.5, 0.5, 1.0, 1.0, 4).is_err());
    assert!(EpochNoise::new(0.1, 0.5, 0.0, 1.0, 4).is_err());
    assert!(EpochNoise::new(0.1, 0.5, 1.0, 1.0, 0).is_err());
    assert!(EpochNoise::new(0.1, 0.5, 1.0, -1.0, 4).is_err());
    assert!(EpochNoise::new(0.1, 0.5, 1.0, 1.0, 4).unwrap().covariance(4).is_err());
    // no features, no noise, no movement
    let still = LeastSquares::new(dmatrix![0.0; 0.0], dmatrix![1.0; 2.0]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
    assert_eq!(ReshuffledLaw::new(&still, &sgd).unwrap().stationary(0).unwrap()[0].second_moment, DMatrix::zeros(2, 2));
}

/// P = eta / (2 - 3 eta) for one feature and plain SGD: a part in 1e9 below the limit the difference still has all its digits.
#[test]
fn gaussian_features_at_their_limit() {
    for distance in [1e-3, 1e-6, 1e-9, 1e-12] {
        let eta = 2.0 / 3.0 * (1.0 - distance);
        let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
        let law = GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap();
        let expected = eta / eta.mul_add(-3.0, 2.0);
        let found = law.position_variances().unwrap()[0];
        assert!((found - expected).abs() <= 8.0 * f64::EPSILON * expected, "{distance:e}: {found} {expected}");
    }
}

/// Sets of batches drawn so far, with the batch that follows: 6 + 6 for two batches of two of four samples, 15 + 90 + 15 for
/// three of six. Each carries d(2d+3) columns through a map of the size 2d.
#[test]
fn work_is_counted() {
    assert_eq!(ReshuffledLaw::multiplications(4, 2, 1), 12.0 * 5.0 * 2.0 * 8.0);
    assert_eq!(ReshuffledLaw::multiplications(6, 2, 2), 120.0 * 14.0 * 2.0 * 64.0);
}

/// Two samples, one at a time: the epoch is theta -> a theta + c with one a and two c. Its stationary mean is far from the
/// minimum, and a displacement knows nothing of that.
#[test]
fn displacements_of_two_samples() {
    let (eta, x, y) = (0.3, [1.0, 2.0], [1.0, -1.5]);
    let data = LeastSquares::new(dmatrix![x[0]; x[1]], dmatrix![y[0]; y[1]]).unwrap();
    let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
    let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    let (a, b) = (x.map(|x| 1.0 - eta * x * x), [eta * x[0] * y[0], eta * x[1] * y[1]]);
    let (both, kicks) = (a[0] * a[1], [a[1] * b[0] + b[1], a[0] * b[1] + b[0]]);
    let variance = (0.5 * (kicks[0] - kicks[1])).powi(2) / (1.0 - both * both);
    let (mean, minimum) = (0.5 * (kicks[0] + kicks[1]) / (1.0 - both), (x[0] * y[0] + x[1] * y[1]) / 5.0);
    assert!((mean - minimum).powi(2) > 0.1 * variance);
    let found = law.displacement(0, &[0, 1, 2, 5]).unwrap();
    for (found, epochs) in found.into_iter().zip([0, 1, 2, 5]) {
        let expected = 2.0 * variance * (1.0 - both.powi(epochs));
        assert!((found - expected).abs() <= 1e-12 * variance, "{found} after {epochs}, expected {expected}");
    }
}

/// Features that are all zero leave nothing to move, in any dimension.
#[test]
fn without_curvature_nothing_moves() {
    let still = LeastSquares::new(DMatrix::zeros(4, 3), dmatrix![1.0; 2.0; 0.5; -1.0]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 2).unwrap();
    let law = ReshuffledLaw::new(&still, &sgd).unwrap();
    let places = law.stationary(0).unwrap();
    assert_eq!(places.len(), 2);
    for place in places {
        assert_eq!((place.mean, place.second_moment), (DVector::zeros(6), DMatrix::zeros(6, 6)));
    }
    assert_eq!(law.displacement(0, &[0, 7]).unwrap(), [0.0, 0.0]);
}

/// Gradients +1 and -1 at curvature 1: an epoch moves the minimum by -+eta^2, the two steps of it by eta.
#[test]
fn an_epoch_keeps_the_digits_that_its_steps_cancel() {
    let data = LeastSquares::new(dmatrix![1.0; 1.0], dmatrix![1.0; -1.0]).unwrap();
    for eta in [1e-2, 1e-4, 1e-6, 1e-8] {
        let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
        let law = ReshuffledLaw::new(&data, &sgd).unwrap();
        let epochs = law.transient(0, &dvector![0.0], &dvector![0.0], &[0, 1]).unwrap();
        let (step, epoch) = (&epochs[0][1].second_moment, &epochs[1][0].second_moment);
        assert!((step[(0, 0)] / eta.powi(2) - 1.0).abs() < 1e-14);
        assert!((epoch[(0, 0)] / eta.powi(4) - 1.0).abs() < 1e-14, "{eta:e}: {}", epoch[(0, 0)]);
    }
}

/// As many epochs as the documentation says.
#[test]
fn a_hundred_thousand_epochs_are_the_most() {
    let data = LeastSquares::new(dmatrix![1.0], dmatrix![0.0]).unwrap();
    let sgd = Hyperparameters::new(1e-5, 0.0, 0.0, 1).unwrap();
    let law = ReshuffledLaw::new(&data, &sgd).unwrap();
    let after = |epochs: u64| law.transient(0, &dvector![1.0], &dvector![0.0], &[epochs]);
    let mean = after(100_000).unwrap()[0][0].mean[0];
    assert!((mean - (-1e-5_f64).ln_1p().mul_add(1e5, 0.0).exp()).abs() < 1e-14, "{mean}");
    assert!(matches!(after(100_001), Err(TheoryError::InvalidValue { .. })));
}
