//! The law of one direction of the SDE against the Lyapunov equation and Van Loan's integral, with 106 bits.

use langevin_theory::langevin::{LangevinMode, Oscillator, stationary_kernel};
use langevin_theory::{Hyperparameters, Steps, Time};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::{Dd, Matrix};
use crate::oscillator::{exact_drift, exact_propagator, exact_rates, problem, roundings, sgd, times};
use crate::problems::logarithmic;

/// int_0^t e^{-S s} diag(0, 1) e^{-S^T s} ds: Van Loan's block exponential at a short time, then C(2t) = C(t) + E C E^T. In
/// doubles Van Loan loses everything at |S| t of about 26 (errata section 6); at |S| t below 1 and with 106 bits nothing.
pub fn exact_integral(sgd: &Hyperparameters, first: f64, second: f64, time: f64) -> Matrix {
    let (left, right) = (exact_drift(sgd, first), exact_drift(sgd, second));
    let unit = [left.at(1, 0), right.at(1, 0), left.at(1, 1) * left.at(1, 1)]
        .map(Dd::value)
        .into_iter()
        .fold(0.0, f64::max)
        .sqrt();
    let mut short = time;
    let mut doublings = 0;
    while short * unit > 0.25 {
        short *= 0.5;
        doublings += 1;
    }
    // velocities in this unit, a power of two
    let scale = Dd::from(unit.log2().round().exp2());
    let balanced = |drift: &Matrix| {
        let rows = [[Dd::ZERO, drift.at(0, 1) * scale], [drift.at(1, 0) / scale, drift.at(1, 1)]];
        Matrix::from_fn(2, 2, |i, j| rows[i][j])
    };
    let (left, right) = (balanced(&left), balanced(&right));
    let t = Dd::from(short);
    let block = Matrix::from_fn(4, 4, |i, j| match (i / 2, j / 2) {
        (0, 0) => left.at(i, j) * t,
        (0, 1) if (i, j) == (1, 3) => t,
        (1, 1) => -(right.at(j - 2, i - 2) * t),
        _ => Dd::ZERO,
    });
    // exp [[S, Q], [0, -R^T]] t = [[., G], [0, F]] with F = e^{-R^T t} and e^{-S t} G = int e^{-S s} Q e^{-R^T s} ds
    let flow = block.exponential();
    let corner = |r: usize, c: usize| Matrix::from_fn(2, 2, |i, j| flow.at(r + i, c + j));
    let mut forward = left.scaled(-t).exponential();
    let mut backward = corner(2, 2);
    let mut integral = forward.times(&corner(0, 2));
    for _ in 0..doublings {
        integral = integral.plus(&forward.times(&integral).times(&backward));
        forward = forward.times(&forward);
        backward = backward.times(&backward);
    }
    // back to positions and velocities
    let units = [Dd::ONE / scale, Dd::ONE];
    Matrix::from_fn(2, 2, |i, j| integral.at(i, j) * units[i] * units[j])
}

/// 4 Sigma / (S eta (1+b)^2).
fn exact_noise_rate(sgd: &Hyperparameters, noise: f64) -> Dd {
    let one_plus = Dd::ONE + Dd::from(sgd.momentum());
    Dd::from(4.0) * Dd::from(noise)
        / (Dd::from(sgd.batch_size() as f64) * Dd::from(sgd.learning_rate()) * one_plus * one_plus)
}

fn time(value: f64) -> Time {
    Time::new(value).unwrap()
}

/// Roundings of the covariance: six operations per doubling, and those of the propagators until they have decayed.
fn covariance_roundings(oscillator: &Oscillator, t: f64) -> f64 {
    let rate = oscillator.gamma() + oscillator.omega();
    let stages = (1.0 + rate * t * 64.0).log2();
    let memory = if oscillator.omega_squared() > 0.0 {
        // 1 / the slow rate
        40.0 * (oscillator.gamma() + oscillator.alpha()) / oscillator.omega_squared().min(oscillator.gamma().powi(2))
    } else {
        f64::INFINITY
    };
    (64.0 + 12.0 * stages) + 4.0 * roundings(oscillator, t.min(memory))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn covariance_equals_the_integral((eta, beta, h) in problem(), t in times(), noise in logarithmic(-6.0, 6.0)) {
        let sgd = sgd(eta, beta);
        let mode = LangevinMode::new(&sgd, h, noise).unwrap();
        let exact = exact_integral(&sgd, h, h, t).scaled(exact_noise_rate(&sgd, noise));
        let found = mode.covariance(time(t));
        let roundings = covariance_roundings(mode.oscillator(), t);
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let scale = (exact.get(i, i) * exact.get(j, j)).sqrt();
            close("covariance at a time", found[i][j], exact.get(i, j), roundings * f64::EPSILON * scale)?;
        }
    }

    #[test]
    fn positions_spread_as_the_cube_of_a_short_time((eta, beta, h) in problem(), fraction in logarithmic(-12.0, -1.0)) {
        let sgd = sgd(eta, beta);
        let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
        let rate = 2.0 * mode.oscillator().gamma() + mode.oscillator().omega();
        let t = fraction / rate;
        let [[p, c], [_, v]] = mode.covariance(time(t));
        let q = exact_noise_rate(&sgd, 1.0).value();
        // g(s) = s (1 + O(rate s)) with a constant below 1, so the squares are off by less than 3 rate t
        for (found, leading) in [(p, q * t.powi(3) / 3.0), (c, q * t * t / 2.0), (v, q * t)] {
            prop_assert!((found / leading - 1.0).abs() <= 3.0 * fraction + 1e-14, "{found:e} {leading:e}");
        }
    }

    #[test]
    fn the_stationary_law_solves_the_lyapunov_equation((eta, beta, h) in problem(), noise in logarithmic(-6.0, 6.0), batch in 1usize..1000) {
        let sgd = Hyperparameters::new(eta, beta, 0.0, batch).unwrap();
        let mode = LangevinMode::new(&sgd, h, noise).unwrap();
        close_relative("velocity variance", mode.velocity_variance(), noise / (batch as f64 * (1.0 - beta * beta)), 8.0 / (1.0 - beta))?;
        if h == 0.0 {
            prop_assert!(mode.stationary_covariance().is_err());
            return Ok(());
        }
        let found = mode.stationary_covariance().unwrap();
        let [[p, c], [_, v]] = found;
        prop_assert_eq!(c, 0.0);
        // S C + C S^T = diag(0, q): omega^2 P = V and 4 gamma V = q
        let (gamma, square) = exact_rates(&sgd, h);
        let exact = exact_noise_rate(&sgd, noise) / (Dd::from(4.0) * gamma);
        close_relative("V", v, exact.value(), 8.0)?;
        close_relative("P", p, (exact / square).value(), 8.0)?;
        close_relative("kernel", noise * stationary_kernel(&sgd, mode.oscillator(), mode.oscillator()), p, 16.0)?;
    }

    #[test]
    fn the_transient_ends_in_the_stationary_law((eta, beta, h) in problem()) {
        prop_assume!(h > 0.0);
        let sgd = sgd(eta, beta);
        let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
        let oscillator = mode.oscillator();
        let slow = if oscillator.alpha() < oscillator.gamma() { oscillator.omega_squared() / (oscillator.gamma() + oscillator.alpha()) } else { oscillator.gamma() };
        // e^{-2 slow t} (slow t)^2 below a rounding
        let t = 40.0 / slow.min(oscillator.gamma());
        let (found, expected) = (mode.covariance(time(t)), mode.stationary_covariance().unwrap());
        let roundings = covariance_roundings(oscillator, t);
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let scale = (expected[i][i] * expected[j][j]).sqrt();
            close("covariance at the end", found[i][j], expected[i][j], roundings * f64::EPSILON * scale)?;
        }
        let mean = mode.mean(1.0, 0.0, time(t));
        prop_assert!(mean[0].abs() < 1e-14);
    }

    #[test]
    fn lagged_covariance_and_displacement((eta, beta, h) in problem(), steps in 0u64..1_000_000) {
        let sgd = sgd(eta, beta);
        let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
        let t = Steps(steps).time(&sgd);
        let flow = exact_propagator(&sgd, h, t.value());
        let v = mode.velocity_variance();
        let oscillator = mode.oscillator();
        let roundings = roundings(oscillator, t.value());
        let oracle = 1e-30 * (1.0 + (oscillator.gamma() + oscillator.omega()) * t.value());
        close("C(eta k)", mode.velocity_correlation(Steps(steps)), flow.get(1, 1), 8.0 * roundings * f64::EPSILON + oracle)?;
        let misread = exact_propagator(&sgd, h, steps as f64);
        let misread_roundings = crate::oscillator::roundings(oscillator, steps as f64);
        close("C(k)", mode.velocity_correlation_as_printed(Steps(steps)), misread.get(1, 1),
            8.0 * misread_roundings * f64::EPSILON + oracle * (1.0 + 1.0 / eta))?;
        if h > 0.0 {
            let p = v / oscillator.omega_squared();
            let exact = 2.0 * p * (Dd::ONE - flow.at(0, 0)).value();
            // 1 - a = omega^2 int g, where int g is a sum of positive terms until a first falls below 1/2; after that two
            // roundings of 1. Doublings as for the covariance.
            let roundings = 4.0 * covariance_roundings(oscillator, t.value());
            let scale = if oscillator.alpha() > 0.0 && flow.get(0, 0) < 0.5 { 2.0 * p } else { exact.max(p * oscillates(oscillator)) };
            close("2 (P - Cov)", mode.displacement(Steps(steps)).unwrap(), exact,
                roundings * f64::EPSILON * scale.max(exact) + oracle * p)?;
            let lagged = mode.stationary_cross_covariance(t).unwrap();
            // row = earlier time: C e^{-S^T t}
            for (i, variance) in [(0, p), (1, v)] {
                for j in 0..2 {
                    let expected = variance * flow.get(j, i);
                    let scale = p.sqrt().mul_add(f64::from(u8::from(i == 0)), v.sqrt() * f64::from(u8::from(i == 1)))
                        * p.sqrt().mul_add(f64::from(u8::from(j == 0)), v.sqrt() * f64::from(u8::from(j == 1)));
                    close("cross covariance", lagged[i][j], expected, 4.0 * roundings * f64::EPSILON * scale + oracle * scale)?;
                }
            }
        } else {
            // free flight with friction: V (2/c)(t - (1 - e^{-c t})/c), c = 2 gamma
            let c = exact_rates(&sgd, 0.0).0 * Dd::from(2.0);
            let time = Dd::from(t.value());
            let exact = Dd::from(2.0 * v) * (time - (Dd::ONE - flow.at(1, 1)) / c) / c;
            let roundings = 4.0 * covariance_roundings(oscillator, t.value());
            close_relative("free flight", mode.displacement(Steps(steps)).unwrap(), exact.value(), roundings)?;
        }
    }

    #[test]
    fn the_mean_follows_the_flow((eta, beta, h) in problem(), t in times(), x in -2.0..2.0, kick in -2.0..2.0) {
        let sgd = sgd(eta, beta);
        let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
        let oscillator = mode.oscillator();
        let flow = exact_propagator(&sgd, h, t);
        let unit = oscillator.gamma().max(oscillator.omega());
        let tolerance = 16.0 * f64::EPSILON * roundings(oscillator, t) + 1e-30 * (1.0 + 3.0 * unit * t);
        let found = mode.mean(x, kick, time(t));
        close("mean position", found[0], flow.get(0, 0) * x + flow.get(0, 1) * kick, tolerance * (x.abs() + kick.abs() / unit))?;
        close("mean velocity", found[1], flow.get(1, 0) * x + flow.get(1, 1) * kick, tolerance * (unit * x.abs() + kick.abs()))?;
    }
}

/// 1 for an oscillator whose position correlation comes back to 1 almost, where errors are relative to the variance.
fn oscillates(oscillator: &Oscillator) -> f64 {
    f64::from(u8::from(oscillator.damping() == langevin_theory::langevin::Damping::Underdamped))
}

/// After a hundred million steps of a learning rate that is no binary fraction, the displacement has the phase of eta k and
/// not of its rounding: 2 V (1 - a) / omega^2 with a from an exponential of 106 bits.
#[test]
fn a_displacement_after_many_periods_keeps_its_phase() {
    let (eta, beta, h) = (0.1, 1.0 - 1e-9, 0.1);
    let sgd = Hyperparameters::new(eta, beta, 0.0, 1).unwrap();
    let mode = LangevinMode::new(&sgd, h, 1.0).unwrap();
    let drift = crate::oscillator::exact_drift(&sgd, h);
    let mut compared = 0;
    for steps in 123_456_789..123_456_829 {
        let time = Dd::from(eta) * Dd::from(steps as f64);
        let position = drift.scaled(-time).exponential().at(0, 0);
        // nearer to its start than half the amplitude
        if position.value() >= 0.45 {
            continue;
        }
        compared += 1;
        let square = Dd::from(2.0 * h) / (Dd::from(eta) * (Dd::ONE + Dd::from(beta)));
        let expected = ((Dd::ONE - position) / square).value() * 2.0 * mode.velocity_variance();
        close_relative("displacement", mode.displacement(Steps(steps)).unwrap(), expected, 16.0).unwrap();
    }
    assert!(compared > 10);
}
