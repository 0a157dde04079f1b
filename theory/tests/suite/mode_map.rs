//! Powers of the map of one direction against the literal recursion, with 106 bits.
//!
//! Conditioning. `U_n` contains r^n and, for complex roots, sin(n phi) / sin(phi). One rounding in log r becomes n |log r|
//! of them, one in phi becomes n phi of them relative to the envelope r^(n-1) min(n, 1/sin phi): that is the tolerance of
//! `U_n`. `A_n = U_{n+1} - b U_n` and `B_n = b (U_n - U_{n-1})` may lose what their two terms lose; `W_n` is a sum of
//! `U_j`, or (1 - A_n)/u.

use langevin_theory::discrete::{ModeMap, Regime};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::{Dd, Matrix};
use crate::problems::{any_mode, momentum, stable_mode, steps};

/// The map in units (position, eta velocity), and a third coordinate that adds up positions.
fn exact_map(eta: f64, beta: f64, h: f64) -> Matrix {
    let (u, b) = (Dd::from(eta) * Dd::from(h), Dd::from(beta));
    let rows = [[Dd::ONE - u, b, Dd::ZERO], [-u, b, Dd::ZERO], [Dd::ONE - u, b, Dd::ONE]];
    Matrix::from_fn(3, 3, |i, j| rows[i][j])
}

/// (U_n, U_n - U_{n-1}, W_n) for n >= 1, from M^{n-1} applied to the state after a unit kick.
fn exact_impulse(map: &Matrix, n: u64) -> [Dd; 3] {
    let power = map.power(n - 1);
    std::array::from_fn(|i| power.at(i, 0) + power.at(i, 1) + power.at(i, 2))
}

/// Bounds of the rounding errors of one map.
pub struct Conditioning {
    log_radius: f64,
    phase: f64,
}

impl Conditioning {
    pub fn new(eta: f64, beta: f64, h: f64) -> Self {
        let u = Dd::from(eta) * Dd::from(h);
        let trace = Dd::ONE + Dd::from(beta) - u;
        let discriminant = (trace * trace - Dd::from(4.0) * Dd::from(beta)).value();
        let trace = trace.value();
        if discriminant < 0.0 {
            Self { log_radius: 0.5 * beta.ln(), phase: (-discriminant).sqrt().atan2(trace.abs()) }
        } else {
            Self { log_radius: (0.5 * (trace.abs() + discriminant.sqrt())).ln(), phase: 0.0 }
        }
    }

    /// Steps after which the map has forgotten, e^-40.
    pub fn memory(&self) -> u64 {
        if self.log_radius < 0.0 { (40.0 / -self.log_radius) as u64 + 1 } else { u64::MAX }
    }

    pub fn oscillates(&self) -> bool {
        self.phase > 0.0
    }

    /// Roundings in U_n relative to its envelope.
    pub fn roundings(&self, n: u64) -> f64 {
        let power = if n < 2 { 0.0 } else { (n as f64 * self.log_radius).abs().min(800.0) };
        32.0 + 8.0 * (power + n as f64 * self.phase)
    }

    /// Bound of |U_n|, given U_n where the roots are real.
    fn envelope(&self, n: u64, value: f64) -> f64 {
        if self.phase == 0.0 || n == 0 {
            return value.abs();
        }
        ((n as f64 - 1.0) * self.log_radius).exp() * f64::min(n as f64, 1.0 / self.phase.sin())
    }

    pub fn impulse_tolerance(&self, n: u64, value: f64) -> f64 {
        self.roundings(n) * f64::EPSILON * self.envelope(n, value)
    }
}

fn check_powers((eta, beta, h): (f64, f64, f64), n: u64) -> Result<(), TestCaseError> {
    let map = ModeMap::new(eta, beta, h);
    let exact = exact_map(eta, beta, h);
    let conditioning = Conditioning::new(eta, beta, h);
    let u = map.rate_times_curvature();
    let [now, difference, sum] = if n == 0 { [Dd::ZERO; 3] } else { exact_impulse(&exact, n) };
    let [next, ..] = exact_impulse(&exact, n + 1);
    if !(next.value().abs().max(sum.value().abs()) <= 1e250) {
        // out of range: large or infinite, never a number of ordinary size
        prop_assert!(!(map.impulse(n + 1).abs() <= 1e240));
        return Ok(());
    }
    let impulse_tolerance = conditioning.impulse_tolerance(n, now.value());
    close("U_n", map.impulse(n), now.value(), impulse_tolerance)?;

    let next_tolerance = conditioning.impulse_tolerance(n + 1, next.value());
    // A_n near 1 is 1 - u W_n: two roundings of 1
    let position_tolerance = next_tolerance + beta * impulse_tolerance + 4.0 * f64::EPSILON;
    // M^n is exact in its own variables; the recursion scales the velocity by eta
    let power = exact.power(n);
    let matrix = map.matrix_power(n);
    let trace_is_negative = 1.0 + beta - u < 0.0;
    let sum_tolerance = if trace_is_negative {
        (next_tolerance + beta * impulse_tolerance + 4.0 * f64::EPSILON) / u
    } else {
        // a dozen roundings for each of the 2 log2(n) stages, and those of the U_j; partial sums of complex roots exceed
        // neither 2 / u nor 1 + ... + n, those of real ones grow with n
        let largest =
            if conditioning.phase > 0.0 { f64::min(2.0 / u, (n as f64 + 1.0).powi(2)) } else { sum.value().abs() };
        let stages = f64::from(2 * (u64::BITS - n.leading_zeros()));
        (12.0 * stages + conditioning.roundings(n.min(conditioning.memory())))
            * f64::EPSILON
            * largest.max(sum.value().abs())
    };
    close("W_n", map.impulse_sum(n), sum.value(), sum_tolerance)?;
    close("A_n", matrix[0][0], power.get(0, 0), position_tolerance.max(u.abs() * sum_tolerance))?;
    close("upper right", matrix[0][1], eta * power.get(0, 1), eta * beta * impulse_tolerance * 1.1)?;
    close("lower left", matrix[1][0], power.get(1, 0) / eta, h.abs() * impulse_tolerance * 1.1)?;
    if n > 0 {
        let before = conditioning.impulse_tolerance(n - 1, now.value() - difference.value());
        let spread = beta * (impulse_tolerance + before);
        close("B_n", matrix[1][1], power.get(1, 1), spread + 4.0 * f64::EPSILON * power.get(1, 1).abs())?;
    } else {
        prop_assert_eq!(matrix, [[1.0, 0.0], [-0.0, 1.0]]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn powers_equal_the_recursion(mode in any_mode(), n in steps()) {
        check_powers(mode, n)?;
    }

    #[test]
    fn first_steps_equal_the_recursion_written_out((eta, beta, h) in any_mode()) {
        let map = ModeMap::new(eta, beta, h);
        let conditioning = Conditioning::new(eta, beta, h);
        let (u, b) = (Dd::from(eta) * Dd::from(h), Dd::from(beta));
        let trace = Dd::ONE + b - u;
        let (mut before, mut now) = (Dd::ZERO, Dd::ONE);
        for n in 1..=64 {
            close("U_n by U_{n+1} = T U_n - b U_{n-1}", map.impulse(n), now.value(),
                conditioning.impulse_tolerance(n, now.value()))?;
            (before, now) = (now, trace * now - b * before);
        }
    }

    #[test]
    fn powers_form_a_semigroup(mode in stable_mode(), m in steps(), n in steps()) {
        let map = ModeMap::new(mode.0, mode.1, mode.2);
        let conditioning = Conditioning::new(mode.0, mode.1, mode.2);
        let eta = mode.0;
        // in units (position, eta velocity), where both coordinates have one size
        let balanced = |steps: u64| {
            let [[a, c], [l, d]] = map.matrix_power(steps);
            [[a, c / eta], [l * eta, d]]
        };
        let (left, right, product) = (balanced(m), balanced(n), balanced(m + n));
        // each factor carries the error of its U's, whose bound is the envelope at the number of steps where it is largest
        let reach = |steps: u64| -> f64 {
            let steps = steps.max(2);
            let peak = (1.0 / conditioning.log_radius.abs()).min(steps as f64).max(1.0) as u64 + 1;
            (steps - 1..=steps + 1).chain([peak]).map(|k| conditioning.envelope(k, map.impulse(k))).fold(1.0, f64::max)
        };
        let roundings = conditioning.roundings(m) + conditioning.roundings(n) + conditioning.roundings(m + n);
        let tolerance = roundings * f64::EPSILON * 4.0 * reach(m) * reach(n);
        for i in 0..2 {
            for j in 0..2 {
                let entry = left[i][0] * right[0][j] + left[i][1] * right[1][j];
                close("M^m M^n", entry, product[i][j], tolerance)?;
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_characteristic_polynomial((eta, beta, h) in any_mode()) {
        let map = ModeMap::new(eta, beta, h);
        let trace = Dd::ONE + Dd::from(beta) - Dd::from(eta) * Dd::from(h);
        let discriminant = trace * trace - Dd::from(4.0) * Dd::from(beta);
        let half = Dd::from(0.5);
        let [first, second] = map.roots();
        let size = trace.value().abs().max(beta.sqrt());
        if discriminant.value() < 0.0 {
            let imaginary = (-discriminant).sqrt() * half;
            // 4b is rounded to 32 digits in the oracle too: the root of a difference of that size
            let floor = 1e-31f64.sqrt() * size * 1e-1;
            for (root, sign) in [(first, 1.0), (second, -1.0)] {
                close("real part", root[0], (trace * half).value(), 4.0 * f64::EPSILON * trace.value().abs())?;
                close("imaginary part", root[1], sign * imaginary.value(), 8.0 * f64::EPSILON * imaginary.value() + floor)?;
            }
            close("spectral radius", map.spectral_radius(), beta.sqrt(), 2.0 * f64::EPSILON)?;
        } else {
            let root = discriminant.sqrt();
            let large = (trace.abs() + root) * half;
            let small = if large.value() > 0.0 { Dd::from(beta) / large } else { Dd::ZERO };
            let floor = 1e-31f64.sqrt() * size * 1e-1;
            let (high, low) = if trace.value() >= 0.0 { (large, small) } else { (-small, -large) };
            prop_assert_eq!((first[1], second[1]), (0.0, 0.0));
            close("first root", first[0], high.value(), 8.0 * f64::EPSILON * high.value().abs() + floor)?;
            close("second root", second[0], low.value(), 8.0 * f64::EPSILON * low.value().abs() + floor)?;
            // e^(log r): a rounding of the logarithm is |log r| of the radius
            let roundings = 8.0 + 2.0 * large.value().ln().abs().min(800.0);
            close("spectral radius", map.spectral_radius(), large.value(), roundings * f64::EPSILON * large.value() + floor)?;
        }
    }

    #[test]
    fn the_regime_is_that_of_the_roots((eta, beta, h) in any_mode()) {
        let map = ModeMap::new(eta, beta, h);
        let (u, b) = (Dd::from(eta) * Dd::from(h), Dd::from(beta));
        let edge = (Dd::from(2.0) * (Dd::ONE + b) - u).value();
        let trace = Dd::ONE + b - u;
        let discriminant = (trace * trace - Dd::from(4.0) * b).value();
        // distance of u to the nearer critical value, in roundings of u: discriminant = (lower - u)(upper - u)
        let other = (discriminant.abs().sqrt()).max(4.0 * beta.sqrt()).max(f64::MIN_POSITIVE);
        let roundings = discriminant.abs() / other / (f64::EPSILON * u.value().abs().max(f64::EPSILON));
        let expected = if !(u.value() > 0.0 && edge > 0.0) {
            Regime::Unstable
        } else if discriminant < 0.0 {
            Regime::Underdamped
        } else if trace.value() > 0.0 {
            Regime::Overdamped
        } else {
            Regime::Alternating
        };
        // within a few roundings of the double root "critical" is an answer too
        let nearly_critical = roundings <= 16.0 && expected != Regime::Unstable;
        prop_assert!(map.regime() == expected || (nearly_critical && map.regime() == Regime::Critical),
            "{:?}, expected {:?}", map.regime(), expected);
        prop_assert_eq!(map.is_stable(), expected != Regime::Unstable);
        close_relative("edge distance", map.edge_distance(), edge, 1.0)?;
        if expected != Regime::Unstable {
            prop_assert!(map.spectral_radius() <= 1.0 && (beta == 0.0 || map.spectral_radius() > 0.0));
        }
    }

    #[test]
    fn critical_damping_is_found_exactly(root in 0u32..64, alternating in any::<bool>(), shift in -20i32..20) {
        // b = (k/64)^2 and u = (1 -+ k/64)^2 are doubles, and so is their product with a power of two
        let root = f64::from(root) / 64.0;
        let beta = root * root;
        let rate = if alternating { (1.0 + root).powi(2) } else { (1.0 - root).powi(2) };
        let eta = 2f64.powi(shift);
        let map = ModeMap::new(eta, beta, rate / eta);
        prop_assert_eq!(map.regime(), Regime::Critical);
        let r = if alternating { -root } else { root };
        prop_assert_eq!(map.roots()[0], [r, 0.0]);
        for n in [1u64, 2, 3, 10, 1000] {
            let expected = n as f64 * r.powi(n as i32 - 1);
            close_relative("U_n = n r^(n-1)", map.impulse(n), expected, 32.0 + 8.0 * n as f64 * root.ln().abs().min(1e3))?;
        }
    }

    #[test]
    fn closed_forms_do_not_produce_nan(beta in momentum(), eta in 1e-12..1e6, h in -1e6..1e6, n in any::<u64>()) {
        let map = ModeMap::new(eta, beta, h);
        if map.is_stable() {
            prop_assert!(map.impulse(n).is_finite());
            prop_assert!(map.impulse_sum(n).is_finite());
            prop_assert!(map.matrix_power(n).iter().flatten().all(|entry| entry.is_finite()));
        }
    }
}

/// Where the roots are real and apart, each of the two parts of B_n keeps its digits, however small the slow one is; and
/// A_n = 1 - u W_n near 1 has no larger error than a rounding of 1, although U_n is about 1 / (1 - beta).
#[test]
fn slow_modes_keep_the_digits_of_small_velocities() {
    for (beta, u) in [(0.5, 1e-10), (0.5, 1e-4), (0.25, 1e-2), (0.9, 1e-6), (0.99, 1e-12), (0.0, 1e-9)] {
        let map = ModeMap::new(1.0, beta, u);
        let exact = exact_map(1.0, beta, u);
        for n in [2, 3, 10, 100, 1000, 20_000] {
            let power = exact.power(n);
            let [[position, _], [_, velocity]] = map.matrix_power(n);
            // B_n = beta (fast part - slow part); where they cancel the larger of both sets the scale
            let slow = u / (1.0 - beta) * (-(n as f64) * u / (1.0 - beta)).exp();
            let scale = power.get(1, 1).abs().max(beta * slow);
            let roundings = Conditioning::new(1.0, beta, u).roundings(n);
            close("B_n", velocity, power.get(1, 1), roundings * f64::EPSILON * scale).unwrap();
            if power.get(0, 0) > 0.75 {
                close("A_n", position, power.get(0, 0), 2.0 * f64::EPSILON).unwrap();
            }
        }
    }
}

/// Neither end of 0 < u < 2 (1 + beta) is stable, and neither end is a double root.
#[test]
fn the_ends_of_the_stable_interval_are_outside() {
    for beta in [0.0, 0.25, 0.5, 0.875] {
        assert_eq!(ModeMap::new(0.5, beta, 0.0).regime(), Regime::Unstable);
        assert_eq!(ModeMap::new(0.5, beta, 4.0 * (1.0 + beta)).regime(), Regime::Unstable);
        assert_eq!(ModeMap::new(0.5, beta, f64::MIN_POSITIVE).regime(), Regime::Overdamped);
    }
}

#[test]
fn regimes_have_their_names() {
    let regimes = [Regime::Overdamped, Regime::Critical, Regime::Underdamped, Regime::Alternating, Regime::Unstable];
    for regime in regimes {
        assert_eq!(regime.name(), format!("{regime:?}").to_lowercase());
    }
}

/// Both roots are T/2, and real: zero is not below zero.
#[test]
fn a_double_root_has_no_imaginary_part() {
    for (u, root) in [(0.25, 0.5), (2.25, -0.5)] {
        let roots = ModeMap::new(1.0, 0.25, u).roots();
        for [real, imaginary] in roots {
            assert_eq!((real, imaginary.to_bits()), (root, 0.0f64.to_bits()), "u = {u}");
        }
    }
}
