//! The law of one direction against the Stein equation, the literal recursion of moments and the identities I1 to I3, with
//! 106 bits.

use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::{Steps, TheoryError};
use proptest::prelude::*;

use crate::comparison::{close, close_relative};
use crate::double_double::{Dd, Matrix};
use crate::mode_map::Conditioning;
use crate::problems::{any_mode, logarithmic, momentum, stable_mode, steps};

/// M = [[1-u, eta b], [-h, b]] and g g^T s2 with g = (eta, 1).
fn definition(eta: f64, beta: f64, h: f64, noise: f64) -> (Matrix, Matrix) {
    let (e, b, h) = (Dd::from(eta), Dd::from(beta), Dd::from(h));
    let rows = [[Dd::ONE - e * h, e * b], [-h, b]];
    let kick = [e, Dd::ONE];
    (Matrix::from_fn(2, 2, |i, j| rows[i][j]), Matrix::from_fn(2, 2, |i, j| kick[i] * kick[j] * Dd::from(noise)))
}

/// The symmetric solution of X = M X M^T + Q by Gaussian elimination of its three equations: no formula, no iteration.
fn exact_stationary(map: &Matrix, noise: &Matrix) -> Matrix {
    let (a, c, l, d) = (map.at(0, 0), map.at(0, 1), map.at(1, 0), map.at(1, 1));
    let two = Dd::from(2.0);
    let mut system = [
        [Dd::ONE - a * a, -(two * a * c), -(c * c), noise.at(0, 0)],
        [-(a * l), Dd::ONE - a * d - c * l, -(c * d), noise.at(0, 1)],
        [-(l * l), -(two * l * d), Dd::ONE - d * d, noise.at(1, 1)],
    ];
    for column in 0..3 {
        // relative to the size of its row; rows of velocity and position have different units
        let pivot = (column..3)
            .max_by(|&i, &j| {
                let share = |row: usize| {
                    let size = system[row][..3].iter().map(|entry| entry.abs().value()).fold(0.0, f64::max);
                    system[row][column].abs().value() / size
                };
                share(i).total_cmp(&share(j))
            })
            .unwrap();
        system.swap(column, pivot);
        for row in 0..3 {
            if row != column {
                let factor = system[row][column] / system[column][column];
                for k in column..4 {
                    system[row][k] = system[row][k] - factor * system[column][k];
                }
            }
        }
    }
    let [position, cross, velocity]: [Dd; 3] = std::array::from_fn(|i| system[i][3] / system[i][i]);
    let entries = [[position, cross], [cross, velocity]];
    Matrix::from_fn(2, 2, |i, j| entries[i][j])
}

fn law((eta, beta, h): (f64, f64, f64), noise: f64) -> ModeLaw {
    ModeLaw::new(ModeMap::new(eta, beta, h), noise).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn the_stationary_covariance_solves_the_stein_equation(mode in stable_mode(), noise in logarithmic(-6.0, 6.0)) {
        let (map, kick) = definition(mode.0, mode.1, mode.2, noise);
        let exact = exact_stationary(&map, &kick);
        // the oracle satisfies the equation, which has 1/(u (1-b)) for its condition number
        let residual = map.times(&exact).times(&map.transpose()).plus(&kick).minus(&exact);
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let size = (exact.at(i, i) * exact.at(j, j)).sqrt().value();
            prop_assert!(residual.at(i, j).abs().value() <= 1e-22 * size);
        }
        // products and quotients of positive numbers, each known to a rounding
        let found = law(mode, noise).stationary_covariance().unwrap();
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            close_relative("stationary covariance", found[i][j], exact.get(i, j), 8.0)?;
        }
    }

    #[test]
    fn equipartition_and_cross_covariance(mode in stable_mode(), noise in logarithmic(-6.0, 6.0)) {
        let (eta, beta, h) = mode;
        let law = law(mode, noise);
        let [[p, c], [_, v]] = law.stationary_covariance().unwrap();
        close_relative("I1", v, 2.0 * h * p / (eta * (1.0 + beta)), 8.0)?;
        close_relative("I2", 2.0 * c, eta * v, 2.0)?;
        close_relative("energies", law.potential_energy().unwrap(), law.kinetic_energy().unwrap(), 8.0)?;
        close_relative("potential energy", law.potential_energy().unwrap(), 0.5 * h * p, 4.0)?;
        close_relative("kinetic energy", law.kinetic_energy().unwrap(), 0.25 * eta * (1.0 + beta) * v, 4.0)?;
        close_relative("speed", law.speed().unwrap(), eta * eta * v, 4.0)?;
    }

    #[test]
    fn the_ratio_to_the_sde_is_that_of_the_variances(mode in stable_mode(), noise in logarithmic(-6.0, 6.0)) {
        let (eta, beta, h) = mode;
        let law = law(mode, noise);
        let ratio = law.ratio_to_sde().unwrap();
        // (9): V = s2 / (1 - b^2), P = eta s2 / (2 h (1 - b))
        let [[p, _], [_, v]] = law.stationary_covariance().unwrap();
        close_relative("P / P_SDE", ratio, p / (eta * noise / (2.0 * h * (1.0 - beta))), 12.0)?;
        close_relative("V / V_SDE", ratio, v / (noise / ((1.0 - beta) * (1.0 + beta))), 12.0)?;
    }

    #[test]
    fn lagged_covariance_is_a_power_of_the_map(mode in stable_mode(), n in steps()) {
        let (eta, beta, h) = mode;
        let (map, kick) = definition(eta, beta, h, 1.0);
        let stationary = exact_stationary(&map, &kick);
        let exact = map.power(n).times(&stationary);
        let found = law(mode, 1.0).lag_covariance(Steps(n)).unwrap();
        // U_n times the velocity variance and B_n enter: errors of U_n at n and next to it
        let conditioning = Conditioning::new(eta, beta, h);
        let modes = ModeMap::new(eta, beta, h);
        let reach: f64 = (n.saturating_sub(1)..=n + 1).map(|k| conditioning.impulse_tolerance(k, modes.impulse(k))).sum();
        let (p, v) = (stationary.get(0, 0), stationary.get(1, 1));
        let scale = [p.sqrt(), v.sqrt()];
        for i in 0..2 {
            for j in 0..2 {
                let tolerance = if (i, j) == (0, 0) {
                    (reach + 16.0 * f64::EPSILON) * (p + eta * eta * v)
                } else if (i, j) == (1, 1) {
                    (3.0 * reach + 4.0 * f64::EPSILON) * v
                } else {
                    (3.0 * reach + 4.0 * f64::EPSILON) * eta * v + f64::EPSILON * 1e-3 * scale[i] * scale[j]
                };
                close("lag covariance", found[i][j], exact.get(i, j), tolerance)?;
            }
        }
        // at lag 0 it is the covariance
        let start = law(mode, 1.0).lag_covariance(Steps(0)).unwrap();
        close_relative("lag 0", start[0][0], p, 8.0)?;
        close_relative("lag 0", start[1][1], v, 8.0)?;
    }

    #[test]
    fn displacement_is_twice_the_lost_covariance(mode in stable_mode(), n in steps()) {
        let (eta, beta, h) = mode;
        let (map, kick) = definition(eta, beta, h, 1.0);
        let stationary = exact_stationary(&map, &kick);
        // E|x_n - x_0|^2 = first entry of (M^n - 1) P (M^n - 1)^T + transient covariance; 2 (P - Cov_n) in one subtraction
        let lagged = map.power(n).times(&stationary);
        let exact = ((stationary.at(0, 0) - lagged.at(0, 0)) * Dd::from(2.0)).value();
        let law = law(mode, 1.0);
        let found = law.displacement(Steps(n)).unwrap();
        let conditioning = Conditioning::new(eta, beta, h);
        let u = eta * h;
        let v = stationary.get(1, 1);
        if n == 0 {
            prop_assert_eq!(found, 0.0);
            return Ok(());
        }
        if n == 1 {
            close_relative("displacement in one step", found, law.speed().unwrap(), 2.0)?;
        }
        // speed x [U_n + (1+b) W_{n-1}]; for complex roots W has errors relative to its largest value, at most 2/u and n^2
        let stages = f64::from(2 * (u64::BITS - n.leading_zeros()));
        let far = f64::min(2.0 / u, (n as f64).powi(2));
        let roundings = 12.0 * stages + 2.0 * conditioning.roundings(n.min(conditioning.memory()));
        let scale = if conditioning.oscillates() { far * (1.0 + beta) * eta * eta * v } else { 0.0 };
        let tolerance = roundings * f64::EPSILON * scale.max(exact)
            + 2.0 * eta * eta * v * conditioning.impulse_tolerance(n, ModeMap::new(eta, beta, h).impulse(n)) * (1.0 + 2.0 / u.min(1.0) * f64::from(u8::from(u >= 1.0 + beta)));
        close("displacement", found, exact, tolerance)?;
        prop_assert!(found >= 0.0 && found <= 4.0 * stationary.get(0, 0) * (1.0 + 1e-9));
    }

    #[test]
    fn transient_covariance_is_the_sum_of_kicks(mode in any_mode(), n in steps(), noise in logarithmic(-3.0, 3.0)) {
        let (eta, beta, h) = mode;
        let (map, kick) = definition(eta, beta, h, noise);
        let exact = map.noise_sum(&kick, n);
        let result = law(mode, noise).transient_covariance(Steps(n));
        if !(exact.largest() <= 1e250) {
            let overflow = matches!(result, Err(TheoryError::Overflow { .. }));
            prop_assert!(overflow || result.unwrap()[1][1] > 1e200);
            return Ok(());
        }
        let found = result.unwrap();
        // every doubling adds the errors of the two powers it multiplies with; relative to sqrt(C_ii C_jj) it is a sum of
        // positive terms, amplified by the overlap of position and velocity in the powers
        let conditioning = Conditioning::new(eta, beta, h);
        let stages = f64::from(2 * (u64::BITS - n.leading_zeros()));
        let roundings = (24.0 + 4.0 * stages) * conditioning.roundings(n.min(conditioning.memory())) / 8.0;
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let scale = exact.get(i, i).sqrt() * exact.get(j, j).sqrt();
            close("transient covariance", found[i][j], exact.get(i, j), roundings * f64::EPSILON * scale)?;
        }
        prop_assert_eq!(found[0][1], found[1][0]);
    }

    #[test]
    fn first_transient_steps_written_out(mode in any_mode(), noise in logarithmic(-3.0, 3.0), x in -2.0..2.0, v in -2.0..2.0) {
        let (eta, beta, h) = mode;
        let (map, kick) = definition(eta, beta, h, noise);
        let law = law(mode, noise);
        let mut covariance = Matrix::zeros(2, 2);
        let mut mean = Matrix::from_fn(2, 1, |i, _| Dd::from([x, v][i]));
        let conditioning = Conditioning::new(eta, beta, h);
        let modes = ModeMap::new(eta, beta, h);
        for n in 0..24u64 {
            let found = law.transient_covariance(Steps(n)).unwrap();
            let roundings = 24.0 * conditioning.roundings(n);
            for (i, j) in [(0, 0), (0, 1), (1, 1)] {
                let scale = (covariance.at(i, i) * covariance.at(j, j)).sqrt().value();
                close("transient, step by step", found[i][j], covariance.get(i, j), roundings * f64::EPSILON * scale)?;
            }
            let reach: f64 = (n.saturating_sub(1)..=n + 1).map(|k| conditioning.impulse_tolerance(k, modes.impulse(k))).sum();
            let found = law.transient_mean(x, v, Steps(n)).unwrap();
            let one = 8.0 * f64::EPSILON;
            close("mean position", found[0], mean.get(0, 0), (reach + one) * ((1.0 + eta * h.abs()) * x.abs() + eta * v.abs()))?;
            close("mean velocity", found[1], mean.get(1, 0),
                (reach + one * f64::from(u8::from(n < 2))) * (h.abs() * x.abs() + v.abs()) + one * mean.get(1, 0).abs())?;
            covariance = map.times(&covariance).times(&map.transpose()).plus(&kick);
            mean = map.times(&mean);
        }
    }

    #[test]
    fn a_start_from_rest_loses_position_and_gains_noise(mode in stable_mode(), n in steps()) {
        let (eta, beta, h) = mode;
        let (map, kick) = definition(eta, beta, h, 1.0);
        let p = exact_stationary(&map, &kick).at(0, 0);
        let lost = Dd::ONE - map.power(n).at(0, 0);
        let exact = (p * lost * lost + map.noise_sum(&kick, n).at(0, 0)).value();
        let found = law(mode, 1.0).displacement_from_rest(Steps(n)).unwrap();
        let conditioning = Conditioning::new(eta, beta, h);
        let stages = f64::from(2 * (u64::BITS - n.leading_zeros()));
        // the pull enters squared: twice its relative error
        let roundings = 2.0 * (24.0 + 4.0 * stages) * conditioning.roundings(n.min(conditioning.memory())) / 8.0;
        // 1 - A_n = u W_n has errors relative to its largest value so far: 2 for complex roots, and for a negative one, where
        // W_n is a sum of alternating terms
        let largest = f64::min(2.0, eta * h * (n as f64).powi(2));
        let pull = if conditioning.oscillates() || eta * h > 1.0 + beta { 2.0 * p.value() * lost.value().abs().max(roundings * f64::EPSILON * largest) * largest } else { 0.0 };
        close("from rest", found, exact, roundings * f64::EPSILON * (exact + pull))?;
        if n == 1 {
            // erratum E33: 1 - beta^2 of the stationary value, up to the pull of the minimum
            let expected = eta * eta + (eta * h).powi(2) * p.value();
            close_relative("one step from rest", found, expected, 32.0)?;
        }
    }

    #[test]
    fn the_transient_ends_in_the_stationary_law(mode in stable_mode()) {
        let law = law(mode, 1.0);
        let radius = law.map().spectral_radius();
        // r^(2n) n^2 below a rounding
        let n = (60.0 / -radius.ln()).min(1e15) as u64 + 4;
        prop_assume!(1.0 - radius > 1e-13);
        let (found, expected) = (law.transient_covariance(Steps(n)).unwrap(), law.stationary_covariance().unwrap());
        let roundings = 8.0 * f64::from(u64::BITS) * Conditioning::new(mode.0, mode.1, mode.2).roundings(n) / 8.0;
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let scale = (expected[i][i] * expected[j][j]).sqrt();
            close("transient at the end", found[i][j], expected[i][j], roundings * f64::EPSILON * scale)?;
        }
        close("displacement at the end", law.displacement(Steps(n)).unwrap(), 2.0 * expected[0][0],
            roundings * f64::EPSILON * expected[0][0])?;
        let mean = law.transient_mean(1.0, 1.0, Steps(n)).unwrap();
        prop_assert!(mean[0].abs() < 1e-9 * (1.0 + mode.0) && mean[1].abs() < 1e-9 * (1.0 + mode.2));
    }

    #[test]
    fn without_curvature_positions_diffuse(eta in logarithmic(-6.0, 2.0), beta in momentum(), n in steps()) {
        let law = law((eta, beta, 0.0), 1.0);
        let singular = |result: Result<f64, TheoryError>| matches!(result, Err(TheoryError::Singular { .. }));
        prop_assert!(singular(law.position_variance()) && singular(law.potential_energy()));
        prop_assert!(singular(law.stationary_covariance().map(|c| c[0][0])));
        prop_assert!(singular(law.lag_covariance(Steps(1)).map(|c| c[0][0])));
        close_relative("V", law.velocity_variance().unwrap(), 1.0 / ((1.0 - beta) * (1.0 + beta)), 8.0)?;
        prop_assert_eq!(law.ratio_to_sde().unwrap(), 1.0);
        // errata section 5, item 5
        let (b, t) = (Dd::from(beta), Dd::from(n as f64));
        let mut power = Dd::ONE;
        let mut square = b;
        let mut rest = n;
        while rest > 0 {
            if rest & 1 == 1 {
                power = power * square;
            }
            square = square * square;
            rest >>= 1;
        }
        let gap = Dd::ONE - b;
        let bracket = t * (Dd::ONE + b) / gap - Dd::from(2.0) * b * (Dd::ONE - power) / (gap * gap);
        let exact = Dd::from(eta) * Dd::from(eta) * bracket / (Dd::ONE - b * b);
        close_relative("free diffusion", law.displacement(Steps(n)).unwrap(), exact.value(), 32.0 + 24.0 * 20.0)?;
        let from_rest = law.displacement_from_rest(Steps(n)).unwrap();
        prop_assert!(from_rest <= exact.value() * (1.0 + 1e-9));
        prop_assert_eq!(from_rest, law.transient_covariance(Steps(n)).unwrap()[0][0]);
    }

    #[test]
    fn an_unstable_direction_has_no_stationary_law((eta, beta, h) in any_mode()) {
        let map = ModeMap::new(eta, beta, h);
        if map.is_stable() || h == 0.0 {
            return Ok(());
        }
        let law = ModeLaw::new(map, 1.0).unwrap();
        let refused = |result: Result<f64, TheoryError>| matches!(result, Err(TheoryError::Unstable { .. }));
        prop_assert!(refused(law.position_variance()) && refused(law.velocity_variance()) && refused(law.speed()));
        prop_assert!(refused(law.ratio_to_sde()) && refused(law.potential_energy()) && refused(law.kinetic_energy()));
        prop_assert!(refused(law.stationary_covariance().map(|c| c[0][0])));
        prop_assert!(refused(law.lag_covariance(Steps(3)).map(|c| c[0][0])));
        for n in [0, 1, 2, 1000] {
            prop_assert!(refused(law.displacement(Steps(n))) && refused(law.displacement_from_rest(Steps(n.max(1)))));
        }
    }
}

#[test]
fn an_exploding_transient_is_an_overflow() {
    let law = law((1.0, 0.9, 5.0), 1.0);
    assert!(matches!(law.transient_mean(1.0, 0.0, Steps(1_000_000)), Err(TheoryError::Overflow { .. })));
    assert!(matches!(law.transient_covariance(Steps(1_000_000)), Err(TheoryError::Overflow { .. })));
    let law = ModeLaw::new(ModeMap::new(1.0, 0.9, -1.0), 1.0).unwrap();
    assert!(matches!(law.transient_mean(1.0, 0.0, Steps(u64::MAX - 1)), Err(TheoryError::Overflow { .. })));
    assert!(matches!(law.transient_covariance(Steps(u64::MAX - 1)), Err(TheoryError::Overflow { .. })));
}

#[test]
fn published_figures_of_the_errata() {
    // E03: eta h = 1.2 at beta = 0.9 and 0, eta h = 3 at beta = 0.9
    for (eta, beta, expected) in [(1.2, 0.9, 1.461538461538461), (1.2, 0.0, 2.5), (3.0, 0.9, 4.75)] {
        let found = law((eta, beta, 1.0), 1.0).ratio_to_sde().unwrap();
        assert!((found - expected).abs() < 1e-14 * expected, "{found}");
    }
    // E02: eta = 0.1, beta = 0.9, h = 1, t = 20000: exact displacement 1.027 for s2 = 0.1 ... relative to 2P it is 1
    let law = law((0.1, 0.9, 1.0), 1.0);
    let ratio = law.displacement(Steps(20_000)).unwrap() / (2.0 * law.position_variance().unwrap());
    assert!((ratio - 1.0).abs() < 1e-12);
}

/// Plain SGD has r = 1 - u and P = eta^2 s^2 / (1 - r^2): the displacement over two steps, 2 P (1 - r^2), is 2 eta^2 s^2 at
/// every distance from the edge where P diverges, and that over four is 1 + r^2 times as large.
#[test]
fn displacements_over_even_steps_keep_their_digits_at_the_edge() {
    for distance in [1e-1, 1e-5, 1e-9, 1e-13] {
        let r = 1.0 - (2.0 - distance);
        let law = law((0.5, 0.0, (1.0 - r) / 0.5), 3.0);
        for (steps, expected) in [(2, 1.5), (4, 1.5 * (1.0 + r * r))] {
            close_relative("displacement", law.displacement(Steps(steps)).unwrap(), expected, 8.0).unwrap();
        }
    }
}

#[test]
fn an_unstable_direction_names_the_edge() {
    for (eta, beta, h) in [(0.5, 0.75, 7.5), (1.0, 0.0, 2.0), (0.1, 0.5, -1.0)] {
        let expected = |error: &TheoryError| {
            matches!(error, TheoryError::Unstable { rate_times_curvature, limit }
                if *limit == 2.0 * (1.0 + beta) && (rate_times_curvature - eta * h).abs() < 1e-15)
        };
        assert!(expected(&law((eta, beta, h), 1.0).position_variance().unwrap_err()));
        if h > 0.0 {
            let loss = langevin_theory::Quadratic::new(nalgebra::dmatrix![h], nalgebra::dmatrix![1.0]).unwrap();
            let noise = nalgebra::dmatrix![1.0];
            let law = langevin_theory::discrete::ConstantNoiseLaw::new(&loss, eta, beta, 0.0, &noise).unwrap();
            assert!(expected(&law.stationary_covariance().unwrap_err()));
        }
    }
}
