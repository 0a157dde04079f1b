//! Where second moments of minibatch SGD exist: spectral radius and learning-rate limit against the enumerated moment map.

use langevin_theory::minibatch::{GaussianFeatures, MinibatchLaw, mean_square_learning_rate_limit};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, TheoryError};
use nalgebra::{DMatrix, DVector, dmatrix};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::Dd;
use crate::minibatch::{Enumeration, Problem, flatness, problem};

/// The problem in coordinates of the span of its features, where no direction is without curvature.
fn reduced(problem: &Problem) -> Option<Problem> {
    let quadratic = problem.data.quadratic().unwrap();
    if quadratic.rank() == 0 {
        return None;
    }
    let span = quadratic.eigenvectors().columns(0, quadratic.rank()).into_owned();
    let data = LeastSquares::new(problem.data.features() * span, problem.data.targets().clone()).unwrap();
    Some(Problem { data, ..problem.clone() })
}

fn enumerated_radius(problem: &Problem) -> f64 {
    let centre = DVector::zeros(problem.data.dimension());
    Enumeration::new(problem, 0, &centre).spectral_radius()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn spectral_radius_is_that_of_the_enumerated_map(problem in problem()) {
        prop_assume!(flatness(&problem) > 1e-3);
        let Some(problem) = reduced(&problem) else { return Ok(()) };
        let expected = enumerated_radius(&problem);
        let law = problem.law();
        let found = law.spectral_radius().unwrap();
        let floor = law.maps().iter().map(|map| map.spectral_radius().powi(2)).fold(0.0, f64::max);
        // A simple eigenvalue moves by the roundings of K times its condition number. Where noise does not lift it off the
        // floor of the mean it may be a triple eigenvalue (the square of a 2 x 2 Jordan block), which moves by their cube
        // root, 6e-6; between the two by roundings over the square of the distance.
        let lift = (found / floor - 1.0).max(0.0);
        let roundings = 1e3 * f64::EPSILON / (1.0 - problem.sgd.momentum());
        let tolerance = f64::min(roundings / (lift * lift).max(1e-12), 10.0 * roundings.cbrt()).max(roundings);
        close("spectral radius [enumerated]", found, expected, tolerance)?;
        // the gain and the radius agree about stability
        let gain = law.noise_gain().unwrap();
        prop_assert!((gain < 1.0) == (found < 1.0) || (found - 1.0).abs() < 1e-9 || (gain - 1.0).abs() < 1e-9, "{gain} {found}");
        prop_assert_eq!(law.is_stable().unwrap(), gain < 1.0);
    }

    #[test]
    fn the_learning_rate_limit_separates_stable_from_unstable(problem in problem()) {
        prop_assume!(flatness(&problem) > 1e-3);
        let full = problem.law();
        let Some(limit) = full.learning_rate_limit().unwrap() else {
            prop_assert_eq!(full.quadratic().rank(), 0);
            return Ok(());
        };
        let classical = problem.sgd.rate_times_curvature_limit()
            / full.quadratic().curvatures(problem.sgd.weight_decay())[0];
        prop_assert!(limit > 0.0 && limit <= classical * (1.0 + 1e-12));
        let Some(problem) = reduced(&problem) else { return Ok(()) };
        for (factor, stable) in [(0.999, true), (1.001, false)] {
            let sgd = problem.sgd.with_learning_rate(limit * factor).unwrap();
            let problem = Problem { sgd, ..problem.clone() };
            let law = problem.law();
            prop_assert!(law.is_stable().unwrap() == stable, "{factor} of {limit}");
            let radius = enumerated_radius(&problem);
            // at this distance the radius is off 1 by about 1e-3 (1-b) of the slowest rate, far above its error
            prop_assert!((radius < 1.0) == stable || (radius - 1.0).abs() < 1e-7, "radius {radius} at {factor}");
            if !stable {
                let named = |error: &TheoryError| {
                    matches!(error, TheoryError::Unstable { .. } | TheoryError::MeanSquareUnstable { .. })
                };
                let errors = [
                    law.stationary_second_moment(0).unwrap_err(),
                    law.speed().unwrap_err(),
                    law.potential_energy().unwrap_err(),
                    law.kinetic_energy().unwrap_err(),
                    law.excess_loss().unwrap_err(),
                    law.displacement(&[langevin_theory::Steps(1)]).unwrap_err(),
                    law.lag_second_moment(0, langevin_theory::Steps(1)).unwrap_err(),
                    law.require_stable().unwrap_err(),
                ];
                prop_assert!(errors.iter().all(named), "{errors:?}");
            }
        }
    }

    #[test]
    fn one_dimension_has_a_closed_form(
        x in proptest::collection::vec(-2.0..2.0f64, 1..6), beta in prop_oneof![Just(0.0), 0.0..0.99f64], size in 1usize..6,
        replacement in any::<bool>()
    ) {
        let n = x.len();
        let sampling = if replacement { Sampling::WithReplacement } else { Sampling::WithoutReplacement };
        let size = if replacement { size } else { size.min(n) };
        let data = LeastSquares::new(DMatrix::from_vec(n, 1, x.clone()), DMatrix::from_element(n, 1, 1.0)).unwrap();
        let sgd = Hyperparameters::new(0.1, beta, 0.0, size).unwrap();
        let h = x.iter().map(|x| x * x).sum::<f64>() / n as f64;
        prop_assume!(h > 1e-6);
        // relative to x^4, so that one sample has none
        let c = x.iter().map(|x| (x * x - h).powi(2)).sum::<f64>() / n as f64 * sampling.noise_factor(n, size).unwrap();
        let limit = MinibatchLaw::new(&data, &sgd, sampling).unwrap().learning_rate_limit().unwrap().unwrap();
        let expected = mean_square_learning_rate_limit(beta, h, c).unwrap();
        // the root is bracketed to 1e-14, and the variance of one or equal samples is rounding: 1/(1-b) of it matter
        close_relative("limit in one dimension", limit, expected, 256.0 / (1.0 - beta))?;
    }
}

/// One sample has no curvature noise: the search climbs to the classical edge, where the noise that rounding leaves begins to
/// count, and does not step over the edge.
#[test]
fn one_sample_is_limited_by_the_mean_alone() {
    let data = LeastSquares::new(dmatrix![1.5618931154024094], dmatrix![1.0]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.9856479233244221, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    let expected = 2.0 * 1.9856479233244221 / 1.5618931154024094_f64.powi(2);
    assert!((law.learning_rate_limit().unwrap().unwrap() / expected - 1.0).abs() < 4e-12);
}

#[test]
fn a_full_batch_is_limited_by_the_mean_alone() {
    let data = LeastSquares::new(dmatrix![1.0, 0.5; 0.2, 1.0; -1.0, 0.3], dmatrix![1.0; 0.0; 2.0]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.1, 3).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithoutReplacement).unwrap();
    let steepest = law.quadratic().curvatures(0.1)[0];
    assert_eq!(law.learning_rate_limit().unwrap(), Some(3.0 / steepest));
    assert_eq!(law.noise_gain().unwrap(), 0.0);
    assert_eq!(law.speed().unwrap(), 0.0);
    assert!(law.stationary_second_moment(0).unwrap().iter().all(|&entry| entry == 0.0));
}

#[test]
fn curvature_noise_lowers_the_limit_of_gaussian_features() {
    // errata section 6: streaming 1-d Gaussian, S = 1, eta rho below 0.0974 at beta = 0.9 and 0.00997 at 0.99
    for (beta, expected) in [(0.9, 0.0974), (0.99, 0.00997)] {
        let limit = mean_square_learning_rate_limit(beta, 1.0, 2.0).unwrap();
        assert!((limit / expected - 1.0).abs() < 1e-3, "{limit}");
    }
    assert!(mean_square_learning_rate_limit(0.5, 0.0, 1.0).is_err());
}

#[test]
fn nothing_limits_the_rate_without_curvature() {
    let data = LeastSquares::new(DMatrix::zeros(3, 2), DMatrix::from_element(3, 1, 1.0)).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 2).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    assert_eq!(law.learning_rate_limit().unwrap(), None);
    assert_eq!(law.noise_gain().unwrap(), 0.0);
    assert!(law.spectral_radius().unwrap() <= 1.0);
    assert!(law.stationary_second_moment(0).unwrap().iter().all(|&entry| entry == 0.0));
    assert_eq!((law.speed().unwrap(), law.potential_energy().unwrap()), (0.0, 0.0));
    // with weight decay it is the weight decay that does
    let sgd = Hyperparameters::new(0.1, 0.9, 0.5, 2).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    assert_eq!(law.learning_rate_limit().unwrap(), Some(3.8 / 0.5));
}

/// Plain SGD on one feature: E (1 - eta x^2)^2 over single samples, at rates from small to far beyond the limit.
#[test]
fn one_feature_has_the_mean_square_of_its_factor() {
    for features in [vec![1.0, 2.0], vec![0.0, 0.0, 0.0, 2.0], vec![0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 5.0]] {
        let count = features.len();
        let data =
            LeastSquares::new(DMatrix::from_vec(count, 1, features.clone()), DMatrix::from_element(count, 1, 1.0));
        // 1/h too, where the mean is at its minimum in one step
        let inverse = count as f64 / features.iter().map(|x| x * x).sum::<f64>();
        for eta in [0.01, 0.1, 0.7, 3.0, 10.0, 1e3, inverse] {
            let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
            let law = MinibatchLaw::new(data.as_ref().unwrap(), &sgd, Sampling::WithReplacement).unwrap();
            let expected = features.iter().map(|x| (1.0 - eta * x * x).powi(2)).sum::<f64>() / count as f64;
            let found = law.spectral_radius().unwrap();
            assert!((found / expected - 1.0).abs() < 1e-12, "{eta}: {found}, expected {expected}");
        }
    }
}

/// A direction without data is left out without weight decay, shrinks by 1 - eta lambda per step with it, and a batch of all
/// samples leaves the radius of the mean.
#[test]
fn directions_without_data_count_with_weight_decay() {
    let data = LeastSquares::new(dmatrix![1.0, 0.0; 2.0, 0.0], dmatrix![1.0; 0.0]).unwrap();
    let radius = |decay: f64, batch: usize, sampling: Sampling| {
        let sgd = Hyperparameters::new(0.1, 0.0, decay, batch).unwrap();
        MinibatchLaw::new(&data, &sgd, sampling).unwrap().spectral_radius().unwrap()
    };
    // the mean of (1 - 0.1)^2 and (1 - 0.4)^2
    assert!((radius(0.0, 1, Sampling::WithReplacement) - 0.585).abs() < 1e-12);
    assert!((radius(0.01, 1, Sampling::WithReplacement) - 0.999_f64.powi(2)).abs() < 1e-12);
    assert!((radius(0.0, 2, Sampling::WithoutReplacement) - 0.75_f64.powi(2)).abs() < 1e-12);
    assert!((radius(0.01, 2, Sampling::WithoutReplacement) - 0.999_f64.powi(2)).abs() < 1e-12);
}

/// Gaussian features under plain SGD: E p_i' = (1 - u_i)^2 p_i + eta^2 rho_i (rho_i p_i + sum_j rho_j p_j) / S, whose matrix
/// is similar to a symmetric one.
#[test]
fn gaussian_features_have_the_radius_of_their_moment_map() {
    for spectrum in [vec![1.0], vec![1.0, 0.5, 0.1], vec![2.0, 2.0, 0.0, 1.0], vec![1.0; 30]] {
        for (eta, batch) in [(0.01, 1), (0.1, 4), (0.5, 1), (1.5, 2), (4.0, 1), (300.0, 64), (1e10, 1)] {
            let sgd = Hyperparameters::new(eta, 0.0, 0.0, batch).unwrap();
            let active: Vec<f64> = spectrum.iter().copied().filter(|&rho| rho > 0.0).collect();
            let strength = eta * eta / batch as f64;
            let map = DMatrix::from_fn(active.len(), active.len(), |i, j| {
                let own = if i == j { (1.0 - eta * active[i]).powi(2) + strength * active[i].powi(2) } else { 0.0 };
                own + strength * active[i] * active[j]
            });
            let expected = map.symmetric_eigenvalues().max();
            let found = GaussianFeatures::new(&sgd, &spectrum, 1.0).unwrap().spectral_radius();
            assert!((found / expected - 1.0).abs() < 1e-12, "{eta} {batch}: {found}, expected {expected}");
        }
    }
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
    assert_eq!(GaussianFeatures::new(&sgd, &[0.0], 1.0).unwrap().spectral_radius(), 0.0);
    // beyond the range of doubles
    let sgd = Hyperparameters::new(1e170, 0.0, 0.0, 1).unwrap();
    assert!(GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap().spectral_radius() >= f64::MAX);
}

/// The minimum of nearly parallel features is that of the data, not of the rounded Hessian with a condition number of 2^42.
#[test]
fn minima_keep_their_digits_for_nearly_parallel_features() {
    let small = 2f64.powi(-20);
    // targets are sums of doubles that are doubles: both weights are one
    let data = LeastSquares::new(dmatrix![1.0, 1.0; 1.0, 1.0 + small], dmatrix![2.0; 2.0 + small]).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    for weight in law.minimum_ridge().iter() {
        assert!((weight - 1.0).abs() < 4.0 * f64::EPSILON, "{weight:e}");
    }
    // and weights that differ: 3 and -2
    let data = LeastSquares::new(dmatrix![1.0, 1.0; 1.0, 1.0 + small], dmatrix![1.0; 1.0 - 2.0 * small]).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    for (weight, expected) in law.minimum_ridge().iter().zip([3.0, -2.0]) {
        assert!((weight - expected).abs() < 1e-14, "{weight:e}");
    }
}

/// Two samples whose squares are powers of two, one or two at a time, without momentum: the variance is
/// 16 phi eta / (5 - (25 + 9 phi) eta / 4), whose denominator is exact, at parts in 10^7 and in 10^3 of the limit; and the same
/// samples many times over.
#[test]
fn variances_keep_their_digits_near_the_limit() {
    for (bits, batch, repeats) in
        [10, 16, 26].into_iter().flat_map(|bits| [(bits, 1, 1), (bits, 2, 1), (bits, 1, 20_000)])
    {
        let samples = 2 * repeats;
        let features = DMatrix::from_fn(samples, 1, |i, _| if i % 2 == 0 { 1.0 } else { 2.0 });
        let targets = DMatrix::from_fn(samples, 1, |i, _| if i % 2 == 0 { 5.0 } else { 0.0 });
        let data = LeastSquares::new(features, targets).unwrap();
        let factor = 1.0 / batch as f64;
        let slope = (25.0 + 9.0 * factor) / 4.0;
        let unit = 2f64.powi(-bits);
        let eta = (5.0 / slope / unit).floor() * unit;
        let sgd = Hyperparameters::new(eta, 0.0, 0.0, batch).unwrap();
        let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
        let found = law.stationary_position_in_eigenbasis(0).unwrap()[(0, 0)];
        let expected = 16.0 * factor * eta / (5.0 - slope * eta);
        assert!((found / expected - 1.0).abs() < 1e-14, "{bits} {batch} {repeats}: {found:e}, expected {expected:e}");
    }
}

/// Two samples x and y = (5, 0), many times over, one at a time: with h and c the mean and variance of x^2 and Sigma that of
/// x (x theta - y), P = eta Sigma / (2 h - eta (h^2 + c)), at two parts in a thousand from the limit.
#[test]
fn variances_of_small_problems_keep_their_digits() {
    let number = Dd::from;
    for (x, z) in [(0.1, 0.2), (0.7, 1.1), (1.3, 0.9)] {
        let (first, second) = (number(x) * number(x), number(z) * number(z));
        let h = (first + second) / number(2.0);
        let square = (first * first + second * second) / number(2.0);
        let weight = number(5.0) * number(x) / (first + second);
        let pull = number(x) * (number(x) * weight - number(5.0));
        for repeats in [1, 15_000] {
            let features = DMatrix::from_fn(2 * repeats, 1, |i, _| if i % 2 == 0 { x } else { z });
            let targets = DMatrix::from_fn(2 * repeats, 1, |i, _| if i % 2 == 0 { 5.0 } else { 0.0 });
            let data = LeastSquares::new(features, targets).unwrap();
            let eta = 0.998 * (number(2.0) * h / square).value();
            let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
            let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
            let found = law.stationary_position_in_eigenbasis(0).unwrap()[(0, 0)];
            let expected = (number(eta) * pull * pull / (number(2.0) * h - number(eta) * square)).value();
            let error = (found / expected - 1.0).abs();
            // a rounding of Sigma for each sample
            assert!(error < (14 + 2 * repeats) as f64 * f64::EPSILON, "{x} {z} {repeats}: {error:e}");
        }
    }
}

/// Many samples of equal energies have no curvature noise but rounding, which the edge of the mean, 2^-30 away, makes a part in
/// 10^4 of the moments: P = eta / (2 - eta h) with h = (1 + 2^-30)^2, noise h and eta h = 2 - 3 2^-59 - 2^-88 - 2^-30 h.
#[test]
fn variances_keep_their_digits_near_the_edge() {
    let (count, small) = (40_000, 2f64.powi(-30));
    let features = DMatrix::from_fn(count, 1, |i, _| if i % 4 < 2 { 1.0 + small } else { -1.0 - small });
    let targets = DMatrix::from_fn(count, 1, |i, _| if i % 2 == 0 { 1.0 } else { -1.0 });
    let data = LeastSquares::new(features, targets).unwrap();
    let eta = 2.0 - 5.0 * small;
    let sgd = Hyperparameters::new(eta, 0.0, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    let found = law.stationary_position_in_eigenbasis(0).unwrap()[(0, 0)];
    let edge = 3.0 * 2f64.powi(-59) + 2f64.powi(-88) + small * (1.0 + small).powi(2);
    // a sum of as many squares
    assert!((found * edge / eta - 1.0).abs() < 1e-12, "{found:e}, expected {:e}", eta / edge);
}

/// E (1 - eta x^2)^2 is one for x^2 of 0 and 4 and a rate of 1/2, every number a power of two: moments grow for ever.
#[test]
fn the_limit_itself_is_not_stable() {
    let data = LeastSquares::new(dmatrix![0.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap();
    assert!(matches!(law.require_stable(), Err(TheoryError::MeanSquareUnstable { .. })));
    // Gaussian features: (1 - eta)^2 + 2 eta^2 / S at a rate of 1 and batches of 2
    let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 2).unwrap();
    let law = GaussianFeatures::new(&sgd, &[1.0], 1.0).unwrap();
    assert_eq!((law.stability_sum().unwrap(), law.spectral_radius()), (1.0, 1.0));
    assert!(!law.is_stable());
    assert!(matches!(law.position_variances(), Err(TheoryError::MeanSquareUnstable { .. })));
}

/// Directions without curvature, first, in between and last, leave the others as they are.
#[test]
fn gaussian_features_without_variance_change_nothing() {
    let sgd = Hyperparameters::new(0.2, 0.5, 0.0, 2).unwrap();
    let law = |spectrum: &[f64]| GaussianFeatures::new(&sgd, spectrum, 1.5).unwrap();
    let (few, all) = (law(&[0.5, 1.0]), law(&[0.0, 0.5, 0.0, 1.0, 0.0]));
    let expected = few.position_variances().unwrap();
    assert_eq!(all.position_variances().unwrap(), [0.0, expected[0], 0.0, expected[1], 0.0]);
    assert_eq!(all.stability_sum().unwrap(), few.stability_sum().unwrap());
    // a rho^2 = eta rho (1 + beta) / (S (1 - beta) (2 (1 + beta) - eta rho)): 0.15 / 2.9 and 0.3 / 2.8
    let (first, second): (f64, f64) = (0.15 / 2.9, 0.3 / 2.8);
    let sum = first / (1.0 - first) + second / (1.0 - second);
    assert!((few.stability_sum().unwrap() / sum - 1.0).abs() < 16.0 * f64::EPSILON);
}

/// A residual is zero only where it is within rounding of its own terms, whatever the size of the features.
#[test]
fn small_residuals_of_large_features_are_noise() {
    let data = LeastSquares::new(dmatrix![1048576.0; 1048576.0], dmatrix![1.0 + 1e-12; 1.0 - 1e-12]).unwrap();
    let place = dmatrix![1.0 / 1048576.0];
    let covariance = langevin_theory::gradient_noise::covariance(&data, &place, 0).unwrap();
    // gradients are plus and minus 2^20 1e-12, and 1e-12 is known to 1e-4 of it next to 1
    assert!((covariance[(0, 0)] / (1048576.0 * 1e-12_f64).powi(2) - 1.0).abs() < 1e-3, "{covariance}");
}

/// Features 1 and 2 have h = 2.5; the mean is stable below eta h = 2 (1 + beta), which the refusal names.
#[test]
fn a_refusal_names_the_limit_of_the_mean() {
    let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
    let sgd = Hyperparameters::new(1.2, 0.25, 0.0, 1).unwrap();
    let refused = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).unwrap().require_stable();
    assert!(matches!(refused, Err(TheoryError::Unstable { rate_times_curvature: 3.0, limit: 2.5 })), "{refused:?}");
}
