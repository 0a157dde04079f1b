//! Equation (17) in its readings against the double sum over pairs of steps from which it comes.

use langevin_theory::langevin::{DisplacementReading, LangevinMode, displacement_equation17};
use langevin_theory::{Hyperparameters, Steps, TheoryError};
use proptest::prelude::*;

use crate::comparison::close_relative;
use crate::double_double::{Dd, Matrix};
use crate::oscillator::problem;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_double_sum((eta, beta, first) in problem(), ratio in 0.0..1.0f64, mut counts in proptest::collection::vec(0u64..60, 1..5)) {
        let sgd = Hyperparameters::new(eta, beta, 0.0, 4).unwrap();
        let modes = [LangevinMode::new(&sgd, first, 1.5).unwrap(), LangevinMode::new(&sgd, first * ratio, 0.25).unwrap()];
        counts.push(0);
        let steps: Vec<Steps> = counts.iter().map(|&count| Steps(count)).collect();
        for reading in [DisplacementReading::StepsAsTime, DisplacementReading::AsPrinted] {
            let found = displacement_equation17(&sgd, &modes, reading, &steps).unwrap();
            for (found, &count) in found.iter().zip(&counts) {
                let mut expected = 0.0;
                let mut terms = 0.0;
                for mode in &modes {
                    for i in 0..count {
                        for j in 0..count {
                            let lag = i.abs_diff(j);
                            // t = eta k, without its rounding (a phase of many periods would feel it), or k taken for a
                            // time as printed (E01)
                            let correlation = match reading {
                                DisplacementReading::StepsAsTime => mode.velocity_correlation(Steps(lag)),
                                DisplacementReading::AsPrinted => mode.velocity_correlation_as_printed(Steps(lag)),
                            };
                            let term = eta * eta * mode.velocity_variance() * correlation;
                            expected += term;
                            terms += term.abs();
                        }
                    }
                }
                // t^2 additions here, 3 t products there
                let roundings = 4.0 * (count * count + 8) as f64;
                crate::comparison::close("(17)", *found, expected, roundings * f64::EPSILON * terms)?;
            }
        }
    }

    #[test]
    fn one_step_is_the_speed((eta, beta, h) in problem()) {
        let sgd = Hyperparameters::new(eta, beta, 0.0, 1).unwrap();
        let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
        for reading in [DisplacementReading::StepsAsTime, DisplacementReading::AsPrinted] {
            let found = displacement_equation17(&sgd, &[mode], reading, &[Steps(1)]).unwrap();
            close_relative("(17) at one step", found[0], eta * eta * mode.velocity_variance(), 4.0)?;
        }
    }
}

#[test]
fn figures_of_the_errata() {
    // E01: eta = 1e-4, beta = 0.9, rho = 30: C(eta) = 0.89862 and the printed C(1) = -7e-229
    let sgd = Hyperparameters::new(1e-4, 0.9, 0.0, 1).unwrap();
    let mode = LangevinMode::new(&sgd, 30.0, 1.0).unwrap();
    assert!((mode.velocity_correlation(Steps(1)) - 0.89862).abs() < 1e-5);
    let printed = mode.velocity_correlation_as_printed(Steps(1));
    assert!(printed < 0.0 && (printed.abs().log10() + 228.0).abs() < 0.7, "{printed:e}");
    // E02: eta = 0.1, beta = 0.9, h = 1, t = 20000: (17) over the exact value is 19.5 / 1.027
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).unwrap();
    let mode = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
    let found = displacement_equation17(&sgd, &[mode], DisplacementReading::StepsAsTime, &[Steps(20_000)]).unwrap()[0];
    let exact = langevin_theory::discrete::ModeLaw::new(langevin_theory::discrete::ModeMap::new(0.1, 0.9, 1.0), 1.0)
        .unwrap()
        .displacement(Steps(20_000))
        .unwrap();
    assert!((found / exact - 19.5 / 1.027).abs() < 0.05, "{found} {exact}");
}

#[test]
fn too_many_steps_are_refused() {
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).unwrap();
    let mode = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
    let reading = DisplacementReading::StepsAsTime;
    let error = displacement_equation17(&sgd, &[mode], reading, &[Steps(1), Steps(u64::MAX)]).unwrap_err();
    assert!(matches!(error, TheoryError::InvalidValue { name: "steps", .. }), "{error}");
    assert!(displacement_equation17(&sgd, &[], reading, &[]).unwrap().is_empty());
}

#[test]
fn the_longest_sum_is_the_one_of_the_message() {
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).unwrap();
    let mode = LangevinMode::new(&sgd, 1.0, 1.0).unwrap();
    let sum = |count| displacement_equation17(&sgd, &[mode], DisplacementReading::StepsAsTime, &[Steps(count)]);
    assert!(sum(20_000_000).unwrap()[0] > 0.0);
    let message = sum(20_000_001).unwrap_err().to_string();
    assert_eq!(message, "steps is 20000001; it must be at most 20000000 for equation (17)");
}

/// Correlations of many slow steps add up to little: t + 2 sum (t - k) C(eta k) against the same sum with 106 bits, in units
/// of time that differ by 2^60.
#[test]
fn nearly_cancelling_sums_keep_their_digits() {
    const COUNT: u32 = 20_000;
    // a period of 1600 steps and a decay over 8000
    let (eta, beta) = (f64::exp2(-10.0), 1.0 - f64::exp2(-12.0));
    let h = f64::exp2(-16.0) / eta;
    let product = Dd::from(eta) * (Dd::ONE + Dd::from(beta));
    let (friction, square) = ((Dd::ONE - Dd::from(beta)) / product, Dd::from(2.0 * h) / product);
    let (friction, square) = (friction * Dd::from(eta), square * Dd::from(eta) * Dd::from(eta));
    let rows = [[Dd::ZERO, Dd::ONE], [-square, -(friction + friction)]];
    let step = Matrix::from_fn(2, 2, |i, j| rows[i][j]).exponential();
    let (mut power, mut expected) = (Matrix::identity(2), Dd::from(f64::from(COUNT)));
    for k in 1..COUNT {
        power = power.times(&step);
        expected = expected + Dd::from(2.0 * f64::from(COUNT - k)) * power.at(1, 1);
    }
    for unit in [1.0, f64::exp2(60.0)] {
        let sgd = Hyperparameters::new(eta * unit, beta, 0.0, 1).unwrap();
        let mode = LangevinMode::new(&sgd, h / unit, 1.0).unwrap();
        let found =
            displacement_equation17(&sgd, &[mode], DisplacementReading::StepsAsTime, &[Steps(u64::from(COUNT))]);
        let found = found.unwrap()[0] / (sgd.learning_rate().powi(2) * mode.velocity_variance());
        close_relative("(17)", found, expected.value(), 8.0).unwrap();
    }
}
