//! The propagator of one direction of the SDE against matrix exponentials: nalgebra's where that is accurate, one with 106
//! bits everywhere.
//!
//! Conditioning. With both coordinates in one unit (velocity / omega), g, a and d are sums of e^{-lambda t} and products of
//! it with sin or sinh: a rounding of gamma or alpha becomes (gamma + alpha) t of them, relative to the envelope of the slow
//! exponential and of g.

use langevin_theory::langevin::{Damping, Oscillator};
use langevin_theory::{Hyperparameters, Time};
use nalgebra::DMatrix;
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::{Dd, Matrix};
use crate::problems::{logarithmic, momentum};

/// gamma and omega^2 from their definitions.
pub fn exact_rates(sgd: &Hyperparameters, h: f64) -> (Dd, Dd) {
    let (eta, b) = (Dd::from(sgd.learning_rate()), Dd::from(sgd.momentum()));
    let inertia = eta * (Dd::ONE + b);
    ((Dd::ONE - b) / inertia, Dd::from(2.0) * Dd::from(h) / inertia)
}

/// The drift S = [[0, -1], [omega^2, 2 gamma]] of F.2 (erratum E07).
pub fn exact_drift(sgd: &Hyperparameters, h: f64) -> Matrix {
    let (gamma, square) = exact_rates(sgd, h);
    let rows = [[Dd::ZERO, -Dd::ONE], [square, gamma + gamma]];
    Matrix::from_fn(2, 2, |i, j| rows[i][j])
}

/// e^{-S t} with 106 bits. Units that make the entries of S equal in size keep the squarings well-conditioned.
pub fn exact_propagator(sgd: &Hyperparameters, h: f64, time: f64) -> Matrix {
    let (gamma, square) = exact_rates(sgd, h);
    let unit = f64::max(gamma.value(), square.value().sqrt());
    // a power of two: no rounding
    let unit = Dd::from(unit.log2().round().exp2());
    let t = Dd::from(time);
    let rows = [[Dd::ZERO, t * unit], [-(square * t / unit), -((gamma + gamma) * t)]];
    let flow = Matrix::from_fn(2, 2, |i, j| rows[i][j]).exponential();
    Matrix::from_fn(2, 2, |i, j| match (i, j) {
        (0, 1) => flow.at(0, 1) / unit,
        (1, 0) => flow.at(1, 0) * unit,
        _ => flow.at(i, j),
    })
}

/// Roundings of the propagator at a time, as derived above.
pub fn roundings(oscillator: &Oscillator, time: f64) -> f64 {
    // where the slow exponential has underflowed nothing is left to be wrong
    let slow = if oscillator.damping() == Damping::Underdamped {
        oscillator.gamma()
    } else {
        oscillator.omega_squared() / (oscillator.gamma() + oscillator.alpha())
    };
    let phase = if oscillator.damping() == Damping::Underdamped { oscillator.alpha() } else { 0.0 };
    let forgotten = if slow > 0.0 { 800.0 / slow } else { f64::INFINITY };
    32.0 + 8.0 * (slow + phase) * time.min(forgotten)
}

/// Envelope of g(t).
fn impulse_envelope(oscillator: &Oscillator, time: f64, value: f64) -> f64 {
    if oscillator.damping() == Damping::Underdamped {
        (-oscillator.gamma() * time).exp() * f64::min(time, 1.0 / oscillator.alpha())
    } else {
        value.abs()
    }
}

/// (eta, beta, h): from far overdamped to far underdamped, both sides of critical damping, exactly critical, no curvature.
pub fn problem() -> impl Strategy<Value = (f64, f64, f64)> {
    (prop_oneof![Just(1.0), Just(0.125), logarithmic(-6.0, 2.0)], momentum()).prop_flat_map(|(eta, beta)| {
        let critical = (1.0 - beta).powi(2) / (2.0 * eta * (1.0 + beta));
        prop_oneof![
            3 => logarithmic(-12.0, 12.0).prop_map(move |ratio| critical * ratio),
            3 => logarithmic(-2.0, 2.0).prop_map(move |ratio| critical * ratio),
            2 => (6.0f64..17.0).prop_map(move |digits| critical * (1.0 + 10f64.powf(-digits))),
            2 => (6.0f64..17.0).prop_map(move |digits| critical * (1.0 - 10f64.powf(-digits))),
            1 => Just(critical),
            1 => Just(0.0),
        ]
        .prop_map(move |h| (eta, beta, h))
    })
}

/// Times from 1e-12 to 1e6, and those at which something happens.
pub fn times() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 6 => logarithmic(-12.0, 6.0)]
}

pub fn sgd(eta: f64, beta: f64) -> Hyperparameters {
    Hyperparameters::new(eta, beta, 0.0, 1).unwrap()
}

fn time(value: f64) -> Time {
    Time::new(value).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn rates_equal_their_definitions((eta, beta, h) in problem()) {
        let oscillator = Oscillator::new(&sgd(eta, beta), h);
        let (gamma, square) = exact_rates(&sgd(eta, beta), h);
        let discriminant = gamma * gamma - square;
        close_relative("gamma", oscillator.gamma(), gamma.value(), 4.0)?;
        close_relative("omega^2", oscillator.omega_squared(), square.value(), 4.0)?;
        close_relative("omega", oscillator.omega(), square.sqrt().value(), 4.0)?;
        if h > 0.0 {
            close_relative("zeta", oscillator.zeta(), (gamma / square.sqrt()).value(), 8.0)?;
        } else {
            prop_assert_eq!(oscillator.zeta(), f64::INFINITY);
        }
        // gamma^2 - omega^2 cancels from 31 digits, here and there
        let alpha = discriminant.abs().sqrt().value();
        let floor = 1e-31 * gamma.value().powi(2) / alpha.max(3e-16 * gamma.value());
        close("alpha", oscillator.alpha(), alpha, 8.0 * f64::EPSILON * alpha + floor)?;
        let expected = if discriminant.value() < 0.0 { Damping::Underdamped } else { Damping::Overdamped };
        let nearly = discriminant.value().abs() <= 1e-29 * gamma.value().powi(2);
        prop_assert!(oscillator.damping() == expected || (nearly && oscillator.damping() == Damping::Critical),
            "{:?}, expected {expected:?}", oscillator.damping());
    }

    #[test]
    fn the_propagator_is_the_exponential((eta, beta, h) in problem(), t in times()) {
        let oscillator = Oscillator::new(&sgd(eta, beta), h);
        let exact = exact_propagator(&sgd(eta, beta), h, t);
        let found = oscillator.propagator(time(t));
        // squaring 2^k times leaves 2^k roundings of 106 bits in the oracle
        let oracle = 1e-30 * (1.0 + (oscillator.gamma() + oscillator.omega()) * t);
        let roundings = roundings(&oscillator, t);
        let impulse = impulse_envelope(&oscillator, t, exact.get(0, 1)) * roundings * f64::EPSILON
            + oracle / oscillator.gamma().max(oscillator.omega());
        close("g", found[0][1], exact.get(0, 1), impulse)?;
        close("-omega^2 g", found[1][0], exact.get(1, 0), impulse * oscillator.omega_squared() * 1.1 + oracle * oscillator.gamma().max(oscillator.omega()))?;
        // a and d: the slow exponential and the friction times g
        let envelope = if oscillator.damping() == Damping::Underdamped { (-oscillator.gamma() * t).exp() } else { exact.get(0, 0).abs() };
        let rate = if oscillator.damping() == Damping::Underdamped { oscillator.gamma() } else {
            oscillator.omega_squared() / (oscillator.gamma() + oscillator.alpha())
        };
        close("a", found[0][0], exact.get(0, 0), 2.0 * roundings * f64::EPSILON * envelope + rate * impulse + oracle)?;
        let fast = (-(oscillator.gamma() + oscillator.alpha()) * t).exp();
        let fast = if oscillator.damping() == Damping::Underdamped { envelope } else { fast * (8.0 + 8.0 * ((oscillator.gamma() + oscillator.alpha()) * t).min(800.0)) };
        close("d", found[1][1], exact.get(1, 1), 2.0 * roundings * f64::EPSILON * fast + 2.0 * rate * impulse + oracle)?;
    }

    #[test]
    fn the_propagator_is_nalgebras_exponential((eta, beta, h) in problem(), fraction in 0.0f64..1.0) {
        let oscillator = Oscillator::new(&sgd(eta, beta), h);
        let (gamma, omega) = (oscillator.gamma(), oscillator.omega());
        // up to |S t| of about ten, in units where the entries of S have one size
        let unit = gamma.max(omega);
        let t: f64 = fraction * 4.0 / unit;
        let drift = DMatrix::from_row_slice(2, 2, &[0.0, -unit, omega * omega / unit, 2.0 * gamma]);
        let expected = (drift * -t).exp();
        let found = oscillator.propagator(time(t));
        // Padé of order 13 with squaring: |S t| < 12 roundings of the norm of each squared factor
        let tolerance = 64.0 * 12.0 * f64::EPSILON;
        for (value, expected) in [(found[0][0], expected[(0, 0)]), (found[0][1] * unit, expected[(0, 1)]),
            (found[1][0] / unit, expected[(1, 0)]), (found[1][1], expected[(1, 1)])] {
            close("nalgebra exponential", value, expected, tolerance)?;
        }
    }

    #[test]
    fn propagators_form_a_semigroup((eta, beta, h) in problem(), s in times(), t in times()) {
        let oscillator = Oscillator::new(&sgd(eta, beta), h);
        let unit = oscillator.gamma().max(oscillator.omega());
        let balanced = |t: f64| {
            let [[a, g], [l, d]] = oscillator.propagator(time(t));
            [[a, g * unit], [l / unit, d]]
        };
        let (left, right, product) = (balanced(s), balanced(t), balanced(s + t));
        // entries are at most 2 in these units; the sum s + t is rounded, which is (rate s) roundings more
        let tolerance = 8.0 * f64::EPSILON * (roundings(&oscillator, s) + roundings(&oscillator, t) + roundings(&oscillator, s + t));
        for i in 0..2 {
            for j in 0..2 {
                close("semigroup", left[i][0] * right[0][j] + left[i][1] * right[1][j], product[i][j], tolerance)?;
            }
        }
        prop_assert_eq!(oscillator.propagator(time(0.0)), [[1.0, 0.0], [-0.0, 1.0]]);
    }
}

#[test]
fn exactly_critical_damping() {
    // (1-b)^2 = 2 eta h (1+b): b = 1/2, eta h = 1/12 is no double; b = 0, eta h = 1/2 and b = 3/4... are
    for (eta, beta, h) in [(1.0, 0.0, 0.5), (0.5, 0.0, 1.0), (1.0 / 3.5, 0.75, 0.0625)] {
        let oscillator = Oscillator::new(&sgd(eta, beta), h);
        let gamma = oscillator.gamma();
        if beta == 0.0 {
            assert_eq!(oscillator.damping(), Damping::Critical);
        }
        for t in [1e-9, 0.1, 1.0, 10.0] {
            let [[a, g], [l, d]] = oscillator.propagator(time(t));
            let envelope = (-gamma * t).exp();
            let tolerance = 1e-14 * (1.0 + gamma * t) * (1.0 + t);
            for (found, expected) in [
                (a, envelope * (1.0 + gamma * t)),
                (g, envelope * t),
                (l, -gamma * gamma * t * envelope),
                (d, envelope * (1.0 - gamma * t)),
            ] {
                assert!((found - expected).abs() <= tolerance, "{found} {expected}");
            }
        }
    }
}

#[test]
fn times_are_finite_and_not_negative() {
    for value in [-1.0, -f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(Time::new(value).is_err(), "{value}");
    }
    let oscillator = Oscillator::new(&sgd(0.1, 0.9), 1.0);
    assert!(oscillator.propagator(time(f64::MAX)).iter().flatten().all(|entry| entry.abs() < 1e-300));
}

#[test]
fn dampings_have_their_names() {
    for damping in [Damping::Overdamped, Damping::Critical, Damping::Underdamped] {
        assert_eq!(damping.name(), format!("{damping:?}").to_lowercase());
    }
}

/// g(t) -> t as t -> 0, down to the smallest doubles, at every damping.
#[test]
fn a_kick_moves_by_the_time_at_first() {
    let sgd = sgd(1e5, 0.5);
    let critical = 0.25 / 3e5;
    for h in [0.0, 0.5 * critical, critical, 2.0 * critical, 1e3 * critical] {
        for t in [5e-324, 1e-320, f64::MIN_POSITIVE, 1e-300] {
            assert_eq!(Oscillator::new(&sgd, h).propagator(time(t))[0][1], t, "h = {h:e}");
        }
    }
}

/// Without curvature a kick moves by 1 / (2 gamma) in the end, up to the longest time.
#[test]
fn a_kick_without_curvature_stops() {
    let oscillator = Oscillator::new(&sgd(0.1, 0.0), 0.0);
    for t in [10.0, 1e100, f64::MAX] {
        let moved = oscillator.propagator(time(t))[0][1];
        assert!((moved * 2.0 * oscillator.gamma() - 1.0).abs() < 4.0 * f64::EPSILON, "{moved} at {t:e}");
    }
}

/// A curvature off the border by a part in 10^9 is told from it, however small the friction.
#[test]
fn the_border_of_critical_damping_is_sharp() {
    for power in [-2, -10, -20, -26] {
        let friction = f64::exp2(f64::from(power));
        let beta = 1.0 - friction;
        let critical = friction * friction / (2.0 * (1.0 + beta));
        let damping = |h: f64| Oscillator::new(&sgd(1.0, beta), h).damping();
        assert_eq!(damping(critical * (1.0 - 1e-9)), Damping::Overdamped, "beta = 1 - 2^{power}");
        assert_eq!(damping(critical * (1.0 + 1e-9)), Damping::Underdamped, "beta = 1 - 2^{power}");
    }
}
