//! Diffusion: exponents of the displacement from every start, their dependence on the window and on the hyperparameters.

use langevin_theory::diffusion::{DiffusionStart, PowerLaw, displacement, exponent_by_window, local_exponent};
use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::{Result, Steps, TheoryError};
use proptest::prelude::*;

use crate::problems::stable_mode;

/// 25 curvatures from 30 to 3e-5 with noise proportional to them (errata, E20).
fn networklike(eta: f64, beta: f64, batch: f64) -> Vec<ModeLaw> {
    (0..25)
        .map(|i| {
            let h = 30.0 * 10f64.powf(-6.0 * f64::from(i) / 24.0);
            ModeLaw::new(ModeMap::new(eta, beta, h), h / batch).unwrap()
        })
        .collect()
}

fn stationary(modes: &[ModeLaw]) -> impl Fn(Steps) -> Result<f64> + '_ {
    |steps| displacement(modes, DiffusionStart::Stationary, steps)
}

#[test]
fn the_stationary_exponent_falls_from_two_to_zero() {
    let modes = networklike(1e-4, 0.9, 256.0);
    let exponents: Vec<f64> =
        [1, 10, 30, 100, 1000].map(|k| local_exponent(stationary(&modes), Steps(k)).unwrap()).to_vec();
    // E20: 1.93 at the first step, through 1 at a few (1+beta)/(1-beta), then sublinear: no anomalous diffusion in between
    assert!((exponents[0] - 1.93).abs() < 0.05, "{exponents:?}");
    assert!(exponents.windows(2).all(|pair| pair[0] > pair[1]), "{exponents:?}");
    assert!(exponents[2] > 0.9 && exponents[2] < 1.3, "{exponents:?}");
    assert!(exponents[3] < 0.6 && exponents[4] < 0.3, "{exponents:?}");
    let last = local_exponent(stationary(&modes), Steps(10_000_000_000)).unwrap();
    assert!(last.abs() < 1e-3, "{last}");
}

#[test]
fn a_fitted_exponent_depends_on_its_window() {
    let modes = networklike(1e-3, 0.9, 256.0);
    let windows = [100, 1000, 10_000].map(Steps);
    let fitted = exponent_by_window(stationary(&modes), 10, &windows).unwrap();
    // stationary: longer windows see more saturation; the paper's Figure 8 rises, so its networks are not stationary
    assert!(fitted.windows(2).all(|pair| pair[0] > pair[1] + 0.05), "{fitted:?}");
    // a start away from the minimum along flat directions makes it rise: the mean drifts long after the noise has saturated
    let drift = |steps: Steps| -> Result<f64> {
        let noise = displacement(&modes, DiffusionStart::Minimum, steps)?;
        let mut mean = 0.0;
        for mode in modes.iter().filter(|mode| mode.map().curvature() < 0.01) {
            let moved = mode.transient_mean(1.0, 0.0, steps)?[0] - 1.0;
            mean += moved * moved;
        }
        Ok(noise + mean)
    };
    let fitted = exponent_by_window(drift, 10, &[Steps(100), Steps(10_000)]).unwrap();
    assert!(fitted[1] > fitted[0] + 0.02, "{fitted:?}");
}

#[test]
fn trends_of_the_exponent_and_of_the_speed() {
    let exponent = |eta: f64, beta: f64, batch: f64| {
        let modes = networklike(eta, beta, batch);
        exponent_by_window(stationary(&modes), 5, &[Steps(2000)]).unwrap()[0]
    };
    // faster relaxation per step lowers it, memory of the velocity raises it, the batch size scales the noise alone
    assert!(exponent(1e-4, 0.9, 256.0) > exponent(1e-3, 0.9, 256.0) + 0.05);
    assert!((exponent(1e-3, 0.9, 256.0) - exponent(1e-3, 0.9, 32.0)).abs() < 1e-9);
    let short = |beta: f64| local_exponent(stationary(&networklike(1e-4, beta, 256.0)), Steps(10)).unwrap();
    assert!(short(0.99) > short(0.9) && short(0.9) > short(0.5) && short(0.5) > short(0.0));
    let speed = |eta: f64, beta: f64, batch: f64| {
        displacement(&networklike(eta, beta, batch), DiffusionStart::Stationary, Steps(1)).unwrap()
    };
    let base = speed(1e-4, 0.9, 256.0);
    assert!((speed(2e-4, 0.9, 256.0) / base / 4.0 - 1.0).abs() < 0.01);
    assert!((speed(1e-4, 0.9, 128.0) / base / 2.0 - 1.0).abs() < 1e-12);
    assert!((speed(1e-4, 0.99, 256.0) / base / (0.19 / 0.0199) - 1.0).abs() < 0.01);
}

proptest! {
    #[test]
    fn starts_are_ordered_and_power_laws_are_recovered((eta, beta, h) in stable_mode(), k in 1u64..5000, c in 0.1..2.0f64, alpha in 0.01..10.0f64) {
        let mode = [ModeLaw::new(ModeMap::new(eta, beta, h), 1.0).unwrap()];
        let at = |start| displacement(&mode, start, Steps(k));
        if let (Ok(minimum), Ok(rest), Ok(stationary)) = (at(DiffusionStart::Minimum), at(DiffusionStart::Rest), at(DiffusionStart::Stationary)) {
            // the pull adds to the spread
            prop_assert!(rest >= minimum * (1.0 - 1e-12));
            if k == 1 {
                // erratum E33, with the pull of the minimum: 1 - beta^2 + eta h beta
                let ratio = 1.0 - beta * beta + eta * h * beta;
                prop_assert!((rest / stationary / ratio - 1.0).abs() < 1e-9, "{} {}", rest / stationary, ratio);
            }
            prop_assert!(stationary <= 4.0 * mode[0].position_variance().unwrap() * (1.0 + 1e-9));
        }
        let curve: Vec<(f64, f64)> = (1..40).map(|step| (f64::from(step * 3), alpha * f64::from(step * 3).powf(c))).collect();
        let fit = PowerLaw::fit(&curve).unwrap();
        prop_assert!((fit.exponent - c).abs() < 1e-12 && (fit.prefactor / alpha - 1.0).abs() < 1e-11 && fit.residual < 1e-12);
    }
}

#[test]
fn the_local_exponent_is_read_from_the_neighbours_of_a_step() {
    // |Delta|^2 at 1, 2, 3, 4 steps; the value at the step itself does not enter
    let curve = |steps: Steps| Ok([f64::NAN, 1.0, 8.0, 27.0, 64.0 * 8.0][steps.0 as usize]);
    // at the first step from 1 and 2, then from 1 and 3, 2 and 4
    for (k, expected) in [(1, 3.0), (2, 3.0), (3, 6.0)] {
        let found = local_exponent(curve, Steps(k)).unwrap();
        assert!((found - expected).abs() < 1e-14, "{k}: {found}");
    }
}

#[test]
fn short_windows_keep_their_exponent() {
    // ln k differs in the sixth digit: deviations from the mean are taken before products
    let curve: Vec<(f64, f64)> = (0..7).map(|index| 1e6 + f64::from(index)).map(|k| (k, k.powf(1.25))).collect();
    let fit = PowerLaw::fit(&curve).unwrap();
    assert!((fit.exponent - 1.25).abs() < 1e-7, "{}", fit.exponent);
    // two points are enough: 5 k^3
    let fit = PowerLaw::fit(&[(2.0, 40.0), (4.0, 320.0)]).unwrap();
    assert!((fit.exponent - 3.0).abs() < 1e-14 && (fit.prefactor - 5.0).abs() < 1e-13 && fit.residual < 1e-14);
}

#[test]
fn points_that_are_not_positive_are_named() {
    for bad in [0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        for (expected, point) in [("steps", (bad, 1.0)), ("displacement", (3.0, bad))] {
            let error = PowerLaw::fit(&[(1.0, 1.0), point, (2.0, 3.0)]).unwrap_err();
            assert!(matches!(error, TheoryError::InvalidValue { name, .. } if name == expected), "{bad}: {error}");
        }
    }
}

#[test]
fn curves_that_have_no_exponent_are_refused() {
    let zero = |_: Steps| Ok(0.0);
    assert!(local_exponent(zero, Steps(3)).is_err());
    assert!(local_exponent(|_| Ok(1.0), Steps(0)).is_err());
    assert!(PowerLaw::fit(&[]).is_err());
    assert!(PowerLaw::fit(&[(1.0, 1.0)]).is_err());
    assert!(PowerLaw::fit(&[(2.0, 1.0), (2.0, 3.0)]).is_err());
    assert!(PowerLaw::fit(&[(1.0, 1.0), (2.0, f64::NAN)]).is_err());
    assert!(exponent_by_window(|_| Ok(1.0), 0, &[Steps(10)]).is_err());
    assert!(exponent_by_window(|_| Ok(1.0), 10, &[Steps(10)]).is_err());
}
