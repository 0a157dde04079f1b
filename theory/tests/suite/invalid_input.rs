//! Whatever is wrong with the input, there is an error with a name, no panic and no number.

use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap};
use langevin_theory::langevin::{LangevinLaw, LangevinMode, NoiseModel};
use langevin_theory::minibatch::{MinibatchLaw, mean_square_learning_rate_limit};
use langevin_theory::reshuffle::ReshuffledLaw;
use langevin_theory::rivals::{BatchNoise, RivalProblem};
use langevin_theory::{Hyperparameters, LeastSquares, Quadratic, Sampling, Steps, TheoryError, Time, gradient_noise};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

const NOT_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

fn loss() -> Quadratic {
    Quadratic::new(dmatrix![2.0, 0.5; 0.5, 1.0], dmatrix![1.0; 0.0]).unwrap()
}

fn sgd() -> Hyperparameters {
    Hyperparameters::new(0.1, 0.9, 0.0, 2).unwrap()
}

fn data() -> LeastSquares {
    LeastSquares::new(dmatrix![1.0, 0.5; 0.2, 1.0; -1.0, 0.3], dmatrix![1.0; 0.0; 2.0]).unwrap()
}

/// Any double, also those that are none.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0), 1 => Just(-1.0), 2 => -2.0..2.0]
}

#[test]
fn hyperparameters() {
    let cases = [
        ("learning_rate", Hyperparameters::new(0.0, 0.5, 0.0, 1)),
        ("learning_rate", Hyperparameters::new(-0.1, 0.5, 0.0, 1)),
        ("learning_rate", Hyperparameters::new(f64::NAN, 0.5, 0.0, 1)),
        ("learning_rate", Hyperparameters::new(f64::INFINITY, 0.5, 0.0, 1)),
        ("momentum", Hyperparameters::new(0.1, 1.0, 0.0, 1)),
        ("momentum", Hyperparameters::new(0.1, -1e-300, 0.0, 1)),
        ("momentum", Hyperparameters::new(0.1, f64::NAN, 0.0, 1)),
        ("momentum", Hyperparameters::new(0.1, f64::INFINITY, 0.0, 1)),
        ("weight_decay", Hyperparameters::new(0.1, 0.5, -1e-300, 1)),
        ("weight_decay", Hyperparameters::new(0.1, 0.5, f64::NAN, 1)),
        ("weight_decay", Hyperparameters::new(0.1, 0.5, f64::INFINITY, 1)),
        ("batch_size", Hyperparameters::new(0.1, 0.5, 0.0, 0)),
    ];
    for (expected, result) in cases {
        let error = result.unwrap_err();
        assert!(matches!(error, TheoryError::InvalidValue { name, .. } if name == expected), "{error}");
        assert_eq!(error.undefined_reason(), None);
        assert!(error.to_string().contains("it must be"), "{error}");
    }
    // the edges that belong to the interval
    for (eta, beta, decay, batch) in
        [(f64::MIN_POSITIVE, 0.0, 0.0, 1), (1.0, 1.0 - f64::EPSILON, 0.0, usize::MAX), (f64::MAX, 0.5, f64::MAX, 1)]
    {
        assert!(Hyperparameters::new(eta, beta, decay, batch).is_ok());
    }
    assert!(sgd().with_learning_rate(0.0).is_err());
    assert!((sgd().kappa() - 2.0 * 0.19).abs() < 1e-15 && (sgd().mass() - 0.095).abs() < 1e-16);
}

#[test]
fn batches_that_cannot_be_drawn() {
    let cases = [
        (Sampling::WithReplacement, 0, 1),
        (Sampling::WithReplacement, 3, 0),
        (Sampling::WithoutReplacement, 3, 4),
        (Sampling::Reshuffle, 3, 4),
        (Sampling::Reshuffle, 5, 2),
        (Sampling::Reshuffle, 0, 0),
    ];
    for (sampling, samples, batch) in cases {
        let error = sampling.noise_factor(samples, batch).unwrap_err();
        assert!(matches!(error, TheoryError::BatchSize { .. }), "{error}");
    }
    assert_eq!(Sampling::WithReplacement.noise_factor(3, 4).unwrap(), 0.25);
    assert_eq!(Sampling::WithoutReplacement.noise_factor(4, 4).unwrap(), 0.0);
    assert_eq!(Sampling::Reshuffle.noise_factor(4, 2).unwrap(), 1.0 / 3.0);
    for name in ["with-replacement", "without-replacement", "reshuffle"] {
        assert_eq!(name.parse::<Sampling>().unwrap().name(), name);
    }
    assert!("bootstrap".parse::<Sampling>().is_err());
}

#[test]
fn matrices() {
    for bad in NOT_FINITE {
        let entry = |i: usize, j: usize| if (i, j) == (1, 1) { bad } else { 1.0 };
        let matrix = DMatrix::from_fn(2, 2, entry);
        let not_finite = |error: TheoryError| matches!(error, TheoryError::NotFinite { row: 1, .. });
        assert!(not_finite(Quadratic::new(matrix.clone(), DMatrix::zeros(2, 1)).unwrap_err()));
        assert!(not_finite(
            Quadratic::new(DMatrix::identity(2, 2), DMatrix::from_fn(2, 1, |i, _| entry(i, 1))).unwrap_err()
        ));
        assert!(not_finite(LeastSquares::new(matrix.clone(), DMatrix::zeros(2, 1)).unwrap_err()));
        assert!(not_finite(LeastSquares::new(DMatrix::identity(2, 2), matrix.clone()).unwrap_err()));
        assert!(not_finite(LangevinLaw::new(&loss(), &sgd(), NoiseModel::Covariance(matrix.clone())).unwrap_err()));
        assert!(not_finite(ConstantNoiseLaw::new(&loss(), 0.1, 0.5, 0.0, &matrix).unwrap_err()));
        assert!(LangevinLaw::new(&loss(), &sgd(), NoiseModel::ProportionalToHessian(bad)).is_err());
        assert!(LangevinMode::new(&sgd(), bad, 1.0).is_err() && LangevinMode::new(&sgd(), 1.0, bad).is_err());
        assert!(ModeLaw::new(ModeMap::new(0.1, 0.5, 1.0), bad).is_err());
        assert!(Time::new(bad).is_err());
        assert!(mean_square_learning_rate_limit(bad, 1.0, 1.0).is_err());
        assert!(mean_square_learning_rate_limit(0.5, bad, 1.0).is_err());
        assert!(mean_square_learning_rate_limit(0.5, 1.0, bad).is_err());
    }
    let indefinite = dmatrix![1.0, 2.0; 2.0, 1.0];
    let asymmetric = dmatrix![1.0, 0.5; 0.0, 1.0];
    for matrix in [&indefinite, &asymmetric] {
        let refused = |error: TheoryError| matches!(error, TheoryError::NotPositiveSemiDefinite { .. });
        assert!(refused(Quadratic::new(matrix.clone(), DMatrix::zeros(2, 1)).unwrap_err()));
        assert!(refused(LangevinLaw::new(&loss(), &sgd(), NoiseModel::Covariance(matrix.clone())).unwrap_err()));
        assert!(refused(ConstantNoiseLaw::new(&loss(), 0.1, 0.5, 0.0, matrix).unwrap_err()));
    }
    assert!(LangevinMode::new(&sgd(), -1.0, 1.0).is_err() && LangevinMode::new(&sgd(), 1.0, -1.0).is_err());
    assert!(ModeLaw::new(ModeMap::new(0.1, 0.5, 1.0), -1.0).is_err());
    assert!(LangevinLaw::new(&loss(), &sgd(), NoiseModel::ProportionalToHessian(-1.0)).is_err());
    assert!(Quadratic::new(dmatrix![-1.0], dmatrix![0.0]).is_err());
}

#[test]
fn shapes() {
    let shape = |error: TheoryError| matches!(error, TheoryError::Shape { .. });
    assert!(shape(Quadratic::new(DMatrix::zeros(0, 0), DMatrix::zeros(0, 1)).unwrap_err()));
    assert!(shape(Quadratic::new(DMatrix::zeros(2, 3), DMatrix::zeros(2, 1)).unwrap_err()));
    assert!(shape(Quadratic::new(DMatrix::identity(2, 2), DMatrix::zeros(3, 1)).unwrap_err()));
    for (features, targets) in
        [((0, 0), (0, 1)), ((0, 2), (0, 1)), ((2, 0), (2, 1)), ((2, 2), (3, 1)), ((2, 2), (2, 0))]
    {
        let result = LeastSquares::new(DMatrix::zeros(features.0, features.1), DMatrix::zeros(targets.0, targets.1));
        assert!(shape(result.unwrap_err()), "{features:?} {targets:?}");
    }
    assert!(shape(LangevinLaw::new(&loss(), &sgd(), NoiseModel::Covariance(DMatrix::identity(3, 3))).unwrap_err()));
    assert!(shape(ConstantNoiseLaw::new(&loss(), 0.1, 0.5, 0.0, &DMatrix::identity(1, 1)).unwrap_err()));
    let law = LangevinLaw::new(&loss(), &sgd(), NoiseModel::ProportionalToHessian(1.0)).unwrap();
    let now = Time::new(1.0).unwrap();
    assert!(shape(law.mean(&dvector![1.0], &dvector![1.0, 1.0], now).unwrap_err()));
    assert!(shape(law.mean(&dvector![1.0, 1.0], &dvector![1.0, 1.0, 1.0], now).unwrap_err()));
    let law = MinibatchLaw::new(&data(), &sgd(), Sampling::WithReplacement).unwrap();
    assert!(shape(law.stationary_second_moment(1).unwrap_err()));
    assert!(shape(law.gradient_noise_covariance(7).unwrap_err()));
    assert!(shape(law.lag_second_moment(1, Steps(1)).unwrap_err()));
    assert!(shape(law.transient(0, &dvector![1.0], &dvector![1.0, 1.0]).unwrap_err()));
    assert!(shape(law.transient(0, &dvector![1.0, 1.0], &DVector::zeros(0)).unwrap_err()));
    assert!(shape(law.transient(1, &dvector![1.0, 1.0], &dvector![1.0, 1.0]).unwrap_err()));
    for position in [DMatrix::zeros(0, 0), dmatrix![1.0], DMatrix::zeros(2, 1), DMatrix::identity(3, 3)] {
        assert!(shape(law.phase_space_moment(&position).unwrap_err()));
        assert!(shape(law.equivalent_modes(&position).unwrap_err()));
        assert!(shape(loss().to_eigenbasis(&position).unwrap_err()));
        assert!(shape(loss().from_eigenbasis(&position).unwrap_err()));
    }
    // the decomposition of another loss
    let other =
        |size: usize, outputs: usize| Quadratic::new(DMatrix::identity(size, size), DMatrix::zeros(size, outputs));
    for quadratic in [other(1, 1), other(3, 1), other(2, 2)] {
        let quadratic = quadratic.unwrap();
        let law = MinibatchLaw::with_quadratic(&data(), &quadratic, &sgd(), Sampling::WithReplacement);
        assert!(shape(law.unwrap_err()));
        let noise = BatchNoise::Minibatch;
        let problem =
            RivalProblem::with_quadratic(&data(), &quadratic, &sgd(), Sampling::WithReplacement, noise, vec![]);
        assert!(shape(problem.unwrap_err()));
    }
    assert!(shape(other(2, 0).unwrap_err()));
    let law = ConstantNoiseLaw::new(&loss(), 0.1, 0.5, 0.0, &DMatrix::identity(2, 2)).unwrap();
    assert!(law.mode(1).is_ok());
    assert!(shape(law.mode(2).unwrap_err()) && shape(law.mode(usize::MAX).unwrap_err()));
    assert!(shape(gradient_noise::covariance(&data(), &dmatrix![1.0], 0).unwrap_err()));
    assert!(shape(gradient_noise::residual_variance(&data(), &DMatrix::zeros(2, 2)).unwrap_err()));
}

#[test]
fn moments_and_starts_that_are_not_finite() {
    let not_finite = |error: TheoryError| matches!(error, TheoryError::NotFinite { .. });
    let law = MinibatchLaw::new(&data(), &sgd(), Sampling::WithReplacement).unwrap();
    let sde = LangevinLaw::new(&loss(), &sgd(), NoiseModel::ProportionalToHessian(1.0)).unwrap();
    let one = Hyperparameters::new(0.1, 0.9, 0.0, 1).unwrap();
    let reshuffled = ReshuffledLaw::new(&data(), &one).unwrap();
    let (good, now) = (dvector![1.0, 1.0], Time::new(1.0).unwrap());
    for bad in NOT_FINITE {
        // a variance that is no number is not a variance of zero
        let position = dmatrix![bad, 0.0; 0.0, 1.0];
        assert!(not_finite(law.equivalent_modes(&position).unwrap_err()));
        assert!(not_finite(law.phase_space_moment(&position).unwrap_err()));
        let start = dvector![1.0, bad];
        for (position, velocity) in [(&start, &good), (&good, &start)] {
            assert!(not_finite(law.transient(0, position, velocity).unwrap_err()));
            assert!(not_finite(sde.mean(position, velocity, now).unwrap_err()));
            assert!(not_finite(reshuffled.transient(0, position, velocity, &[1]).unwrap_err()));
        }
    }
}

#[test]
fn powers_beyond_the_range_of_counts_return() {
    // n + 1 has no place where n is the largest count
    for curvature in [1.0, 30.0, 37.9] {
        let power = ModeMap::new(0.1, 0.9, curvature).matrix_power(u64::MAX);
        assert!(power.iter().flatten().all(|entry| entry.abs() < 1e-300), "{power:?}");
    }
}

#[test]
fn an_output_that_does_not_exist_has_no_noise() {
    assert!(gradient_noise::covariance(&data(), &DMatrix::zeros(2, 1), 1).is_err());
}

#[test]
fn reshuffled_epochs_have_no_exact_law() {
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
    let error = MinibatchLaw::new(&data(), &sgd, Sampling::Reshuffle).unwrap_err();
    assert_eq!(error.undefined_reason(), Some("no-exact-law"));
    let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 4).unwrap();
    assert!(matches!(
        MinibatchLaw::new(&data(), &sgd, Sampling::WithoutReplacement),
        Err(TheoryError::BatchSize { .. })
    ));
}

#[test]
fn exploding_moments_are_an_overflow() {
    let sgd = Hyperparameters::new(50.0, 0.9, 0.0, 1).unwrap();
    let law = MinibatchLaw::new(&data(), &sgd, Sampling::WithReplacement).unwrap();
    let mut transient = law.transient(0, &dvector![1.0, 1.0], &dvector![0.0, 0.0]).unwrap();
    assert!(matches!(transient.advance_to(Steps(100_000)), Err(TheoryError::Overflow { .. })));
    assert!(matches!(law.speed(), Err(TheoryError::Unstable { .. })));
}

#[test]
fn times_beyond_the_range_of_doubles_return() {
    // a time is finite even where eta k is not
    let sgd = Hyperparameters::new(1e300, 0.9, 0.0, 1).unwrap();
    assert!(Steps(u64::MAX).time(&sgd).value().is_finite());
    let mode = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
    let _ = mode.displacement(Steps(u64::MAX));
    let _ = mode.velocity_correlation(Steps(u64::MAX));
    let _ = mode.covariance(Steps(u64::MAX).time(&sgd));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_numbers_return(eta in number(), beta in number(), decay in number(), h in number(), noise in number(), t in number(), n in any::<u64>()) {
        // nothing panics, nothing hangs; a discrete law that exists has finite, non-negative variances
        let map = ModeMap::new(eta, beta, h);
        if let Ok(sgd) = Hyperparameters::new(eta, beta, decay, 3) {
            let law = ModeLaw::new(map, noise);
            if let Ok(law) = law {
                for value in [law.position_variance(), law.velocity_variance(), law.speed(), law.displacement(Steps(n % 1000))].into_iter().flatten() {
                    prop_assert!(value >= 0.0, "{value}");
                }
                let _ = (law.transient_mean(h, noise, Steps(n)), law.transient_covariance(Steps(n)), law.displacement_from_rest(Steps(n)));
                let _ = (law.lag_covariance(Steps(n)), law.ratio_to_sde());
            }
            if let (Ok(mode), Ok(time)) = (LangevinMode::new(&sgd, h, noise), Time::new(t)) {
                let _ = (mode.covariance(time), mode.mean(h, noise, time), mode.displacement(Steps(n)));
                let _ = (mode.stationary_covariance(), mode.stationary_cross_covariance(time));
                let _ = (mode.velocity_correlation(Steps(n)), mode.velocity_correlation_as_printed(Steps(n)));
            }
        }
        let _ = (map.matrix_power(n), map.impulse_sum(n), map.roots(), map.spectral_radius());
    }

    #[test]
    fn any_data_return(x in proptest::collection::vec(number(), 6), y in proptest::collection::vec(number(), 3), eta in number(), beta in 0.0..0.99f64, decay in number()) {
        let Ok(data) = LeastSquares::new(DMatrix::from_vec(3, 2, x), DMatrix::from_vec(3, 1, y)) else { return Ok(()) };
        let Ok(sgd) = Hyperparameters::new(eta, beta, decay, 2) else { return Ok(()) };
        if let Ok(law) = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement) {
            let _ = (law.noise_gain(), law.spectral_radius(), law.is_stable(), law.learning_rate_limit());
            // below, positions have lost digits to the end of the range of doubles
            let in_range = eta > crate::comparison::SMALLEST;
            if let (Ok(moment), true) = (law.stationary_second_moment(0), in_range) {
                // back in the axes of the data a zero variance is zero to rounding
                for block in moment.diagonal().as_slice().chunks(2) {
                    let rounding = 64.0 * f64::EPSILON * block.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
                    prop_assert!(block.iter().all(|&variance| variance >= -rounding), "{block:?}");
                }
            }
            let _ = (law.speed(), law.excess_loss(), law.displacement(&[Steps(5)]));
        }
    }
}

/// The reason of a quantity that does not exist has the name of the error's variant.
#[test]
fn undefined_quantities_have_reasons_with_names() {
    let what = "";
    let reasons = [
        (TheoryError::Unstable { rate_times_curvature: 4.0, limit: 3.8 }, "unstable"),
        (TheoryError::Uncontrollable { what }, "uncontrollable"),
        (TheoryError::Singular { what }, "singular"),
        (TheoryError::Overflow { what }, "overflow"),
        (TheoryError::Infinite { what }, "infinite"),
        (TheoryError::NoExactLaw { what }, "no-exact-law"),
        (TheoryError::NotConverged { what, iterations: 1 }, "not-converged"),
        (TheoryError::NoDigitsLeft { what, doublings: 1 }, "no-digits-left"),
    ];
    for (error, reason) in reasons {
        assert_eq!(error.undefined_reason(), Some(reason));
    }
}
