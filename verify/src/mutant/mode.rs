//! What a theory says about one direction of SGD: the map of a step, and the stationary covariance that it claims,
//!
//! ```text
//! z_{k+1} = M z_k + g n_k,    z = (x, v),    C = M C M^T + s^2 g g^T,    E[z_{k+n} z_k^T] = M^n C
//! ```
//!
//! with M = [[1 - eta h, eta b], [-h, b]], g = (eta, 1) for heavy ball. Every mutant is a change of these.

use langevin_theory::discrete::ModeMap;
use langevin_theory::langevin::{DisplacementReading, LangevinMode, displacement_equation17};
use langevin_theory::{Hyperparameters, Steps, Time};

use super::Mutant;
use crate::error::Result;

/// One direction, with all that a theory of it may use.
#[derive(Clone, Copy, Debug)]
pub struct Direction {
    /// eta, beta, lambda, S.
    pub sgd: Hyperparameters,
    /// rho.
    pub eigenvalue: f64,
    /// Exact stationary variance of the position.
    pub position: f64,
    /// q^T Sigma q at the minimum, times S times the noise factor of the sampling scheme: what the SDE divides by S.
    pub noise: f64,
    /// sigma^2 of Assumption 3, with the same factor.
    pub sigma2: f64,
    /// N / S, where the noise comes from data.
    pub samples_per_batch: Option<f64>,
    /// Variance of the position that batches with replacement would give over the exact one, for batches without.
    pub with_replacement: Option<f64>,
}

impl Direction {
    /// The noise of a direction when Sigma = sigma^2 H.
    fn assumption3(&self) -> f64 {
        self.sigma2 * self.eigenvalue
    }
}

/// How states move.
#[derive(Clone, Copy, Debug)]
enum Propagation {
    /// By a matrix per step.
    Map([[f64; 2]; 2]),
    /// By the SDE's propagator, after so much time per step.
    Continuous(LangevinMode, f64),
}

/// A theory of one direction.
#[derive(Clone, Copy, Debug)]
pub struct ModeTheory {
    /// h.
    pub curvature: f64,
    /// m.
    pub mass: f64,
    /// Claimed stationary covariance of (x_k, v_k).
    pub covariance: [[f64; 2]; 2],
    propagation: Propagation,
    /// Noise enters as this vector, with this variance.
    gain: [f64; 2],
    noise: f64,
    /// Factor on the antisymmetric part of the lag covariance.
    circulation: f64,
    /// 1 where v_{k+1} is taken for v_k.
    delay: u64,
    /// Steps that a lag of one step stands for.
    stretch: f64,
    /// (17) for the displacement.
    printed: Option<(Hyperparameters, LangevinMode)>,
}

fn multiply(left: &[[f64; 2]; 2], right: &[[f64; 2]; 2]) -> [[f64; 2]; 2] {
    std::array::from_fn(|i| std::array::from_fn(|j| left[i][0] * right[0][j] + left[i][1] * right[1][j]))
}

fn transpose(matrix: &[[f64; 2]; 2]) -> [[f64; 2]; 2] {
    [[matrix[0][0], matrix[1][0]], [matrix[0][1], matrix[1][1]]]
}

fn power(matrix: &[[f64; 2]; 2], exponent: u64) -> [[f64; 2]; 2] {
    let (mut result, mut square) = ([[1.0, 0.0], [0.0, 1.0]], *matrix);
    for place in 0..u64::BITS - exponent.leading_zeros() {
        if exponent >> place & 1 == 1 {
            result = multiply(&result, &square);
        }
        square = multiply(&square, &square);
    }
    result
}

/// The solution of C = M C M^T + g g^T; `None` where M does not contract. By doubling: C_{2n} = C_n + M^n C_n M^n^T.
fn lyapunov(map: &[[f64; 2]; 2], gain: [f64; 2]) -> Option<[[f64; 2]; 2]> {
    let [[a, b], [c, d]] = *map;
    let (trace, determinant) = (a + d, a * d - b * c);
    if !(determinant.abs() < 1.0 && trace.abs() < 1.0 + determinant) {
        return None;
    }
    let mut covariance = gain.map(|one| gain.map(|other| one * other));
    let mut step = *map;
    for _ in 0..64 {
        let moved = multiply(&multiply(&step, &covariance), &transpose(&step));
        for (row, added) in covariance.iter_mut().zip(moved) {
            row.iter_mut().zip(added).for_each(|(sum, value)| *sum += value);
        }
        step = multiply(&step, &step);
    }
    Some(covariance)
}

fn scaled(matrix: [[f64; 2]; 2], factor: f64) -> [[f64; 2]; 2] {
    matrix.map(|row| row.map(|entry| entry * factor))
}

impl ModeTheory {
    /// The theory; `None` where the direction has no stationary law.
    ///
    /// ```
    /// use langevin_theory::Hyperparameters;
    /// use langevin_verify::mutant::{Direction, ModeTheory, Mutant};
    /// let direction = Direction {
    ///     sgd: Hyperparameters::new(0.5, 0.0, 0.0, 4).unwrap(),
    ///     eigenvalue: 1.0,
    ///     position: 1.0 / 3.0, // eta^2 / (1 - (1 - eta h)^2)
    ///     noise: 4.0,
    ///     sigma2: 4.0,
    ///     samples_per_batch: None,
    ///     with_replacement: None,
    /// };
    /// let theory = ModeTheory::right(&direction).unwrap();
    /// assert!((theory.covariance[1][1] - 4.0 / 3.0).abs() < 1e-14); // 2 h P / (eta (1 + beta))
    /// // without momentum there is nothing to dampen
    /// let same = ModeTheory::mutated(Mutant::DampenedMomentum, &direction).unwrap();
    /// assert_eq!(same.unwrap().covariance, theory.covariance);
    /// ```
    pub fn right(direction: &Direction) -> Option<Self> {
        let (eta, b) = (direction.sgd.learning_rate(), direction.sgd.momentum());
        let h = direction.eigenvalue + direction.sgd.weight_decay();
        let mut theory = Self {
            curvature: h,
            mass: direction.sgd.mass(),
            covariance: [[0.0; 2]; 2],
            propagation: Propagation::Map(ModeMap::new(eta, b, h).matrix_power(1)),
            gain: [eta, 1.0],
            noise: 1.0,
            circulation: 1.0,
            delay: 0,
            stretch: 1.0,
            printed: None,
        };
        // the constant noise that gives the exact variance, whatever it comes from
        let unit = lyapunov(&theory.step(), theory.gain)?;
        theory.noise = direction.position / unit[0][0];
        theory.covariance = scaled(unit, theory.noise);
        Some(theory)
    }

    /// What a mutant says; `None` where it says nothing about directions of SGD, or predicts no stationary law.
    ///
    /// # Errors
    /// As [`LangevinMode::new`].
    pub fn mutated(mutant: Mutant, direction: &Direction) -> Result<Option<Self>> {
        let Some(mut theory) = Self::right(direction) else { return Ok(None) };
        let sgd = &direction.sgd;
        let (eta, b, h) = (sgd.learning_rate(), sgd.momentum(), theory.curvature);
        let u = eta * h;
        let louder = |mut theory: Self, factor: f64| {
            theory.noise *= factor;
            theory.covariance = scaled(theory.covariance, factor);
            Some(theory)
        };
        // another map with the same noise per gradient
        let moved = |mut theory: Self, map: [[f64; 2]; 2]| {
            theory.propagation = Propagation::Map(map);
            theory.covariance = scaled(lyapunov(&map, theory.gain)?, theory.noise);
            Some(theory)
        };
        let continuous = |theory: Self, noise: f64| -> Result<Option<Self>> {
            let mode = LangevinMode::new(sgd, direction.eigenvalue, noise.max(0.0))?;
            let covariance = mode.stationary_covariance()?;
            Ok(Some(Self { covariance, propagation: Propagation::Continuous(mode, eta), ..theory }))
        };
        Ok(match mutant {
            Mutant::KappaWithoutSquare => louder(theory, 1.0 + b),
            Mutant::OnePlusBetaDropped => {
                theory.mass = 0.5 * eta;
                theory.covariance[1][1] *= 1.0 + b;
                Some(theory)
            }
            Mutant::WeightDecayForgotten => {
                theory.curvature = direction.eigenvalue;
                moved(theory, ModeMap::new(eta, b, direction.eigenvalue).matrix_power(1))
            }
            Mutant::WeightDecayInNoise => louder(theory, h / direction.eigenvalue),
            Mutant::NoiseUnsquared => louder(theory, 1.0 / direction.noise.sqrt()),
            Mutant::BatchForSamples => direction.samples_per_batch.and_then(|factor| louder(theory, factor)),
            Mutant::FinitePopulationMissing => direction.with_replacement.and_then(|factor| louder(theory, factor)),
            Mutant::DampenedMomentum => {
                theory.gain = theory.gain.map(|entry| entry * (1.0 - b));
                moved(theory, ModeMap::new(eta, b, h * (1.0 - b)).matrix_power(1))
            }
            Mutant::Nesterov => moved(theory, [[1.0 - u, eta * b * (1.0 - u)], [-h, b * (1.0 - u)]]),
            Mutant::StepsAsTime => {
                theory.stretch = 1.0 / eta;
                theory.printed = Some((*sgd, LangevinMode::new(sgd, direction.eigenvalue, direction.noise.max(0.0))?));
                // without a difference between steps and time (17) is the SDE's law, another mutant
                Some(theory).filter(|_| (eta - 1.0).abs() > f64::EPSILON)
            }
            Mutant::CrossCovarianceSign => {
                theory.covariance[0][1] *= -1.0;
                theory.covariance[1][0] *= -1.0;
                Some(theory)
            }
            Mutant::Uncorrelated => {
                theory.covariance[0][1] = 0.0;
                theory.covariance[1][0] = 0.0;
                Some(theory)
            }
            Mutant::DriftTransposed => {
                let map = transpose(&theory.step());
                moved(theory, map)
            }
            Mutant::SymmetricDriftCirculation => {
                // of one direction, with A = [[0, -1], [w, 2 gamma]] and w = h / m: Q_21 = sigma^2 h (1 - w) / 2
                theory.circulation = 0.5 * (1.0 - h / theory.mass);
                Some(theory)
            }
            Mutant::VelocitySignFlipped => {
                let [[p, q], [r, s]] = theory.step();
                theory.propagation = Propagation::Map([[p, -q], [-r, s]]);
                theory.covariance[0][1] *= -1.0;
                theory.covariance[1][0] *= -1.0;
                theory.gain[1] *= -1.0;
                Some(theory)
            }
            Mutant::VelocityOneStepLate => {
                let map = theory.step();
                let cross = map[1][0] * theory.covariance[0][0] + map[1][1] * theory.covariance[1][0];
                theory.covariance[0][1] = cross;
                theory.covariance[1][0] = cross;
                theory.delay = 1;
                Some(theory)
            }
            Mutant::ContinuousLaw => continuous(theory, direction.noise)?,
            Mutant::Assumption3 => louder(theory, direction.assumption3() / direction.noise),
            Mutant::ContinuousAssumption3 => continuous(theory, direction.assumption3())?,
            Mutant::Reshuffling | Mutant::SinglePrecision => None,
        })
    }

    /// Claimed variance of the position.
    pub fn position(&self) -> f64 {
        self.covariance[0][0]
    }

    /// Claimed variance of the velocity.
    pub fn velocity(&self) -> f64 {
        self.covariance[1][1]
    }

    /// Claimed covariance of position and velocity.
    pub fn cross(&self) -> f64 {
        self.covariance[0][1]
    }

    /// The map of one step.
    pub fn step(&self) -> [[f64; 2]; 2] {
        match &self.propagation {
            Propagation::Map(map) => *map,
            Propagation::Continuous(..) => self.power(1),
        }
    }

    /// The mean of the state k steps later is this times the state now.
    pub fn power(&self, steps: u64) -> [[f64; 2]; 2] {
        match &self.propagation {
            Propagation::Map(map) => power(map, (self.stretch * steps as f64).round() as u64),
            Propagation::Continuous(mode, pace) => {
                Time::new(pace * steps as f64).map_or([[f64::NAN; 2]; 2], |time| mode.oscillator().propagator(time))
            }
        }
    }

    /// Mean of (position, velocity) from a position, with no velocity.
    pub fn mean(&self, position: f64, steps: u64) -> [f64; 2] {
        [self.power(steps)[0][0] * position, self.power(steps + self.delay)[1][0] * position]
    }

    /// E[x_k v_{k+n} - x_{k+n} v_k] over E[v^2].
    pub fn turning(&self, lag: u64) -> f64 {
        // the covariance of the state itself, from which velocities are delayed
        let state = if self.delay == 0 {
            self.covariance
        } else {
            lyapunov(&self.step(), self.gain).map_or([[f64::NAN; 2]; 2], |unit| scaled(unit, self.noise))
        };
        let at = |lag: u64| multiply(&self.power(lag), &state);
        let ahead = at(lag + self.delay)[1][0];
        let behind = if lag >= self.delay { at(lag - self.delay)[0][1] } else { f64::NAN };
        self.circulation * (ahead - behind) / state[1][1]
    }

    /// E (x_{k+n} - x_k)^2 = 2 (P - (M^n C)_{11}) from a stationary start.
    pub fn displacement(&self, steps: u64) -> f64 {
        match (&self.propagation, &self.printed) {
            (_, Some((sgd, mode))) => {
                displacement_equation17(sgd, &[*mode], DisplacementReading::AsPrinted, &[Steps(steps)])
                    .map_or(f64::NAN, |curve| curve[0])
            }
            (Propagation::Continuous(mode, _), None) => mode.displacement(Steps(steps)).unwrap_or(f64::NAN),
            (Propagation::Map(map), None) => {
                let later = power(map, steps);
                let lagged = later[0][0] * self.covariance[0][0] + later[0][1] * self.covariance[1][0];
                2.0 * (self.covariance[0][0] - lagged)
            }
        }
    }

    /// Variance of the position after some steps from rest at the minimum.
    pub fn variance_from_rest(&self, steps: u64) -> f64 {
        match &self.propagation {
            Propagation::Map(map) => {
                let (mut state, mut sum) = (self.gain, 0.0);
                for _ in 0..steps {
                    sum += state[0] * state[0];
                    state = [map[0][0] * state[0] + map[0][1] * state[1], map[1][0] * state[0] + map[1][1] * state[1]];
                }
                self.noise * sum
            }
            Propagation::Continuous(mode, pace) => {
                Time::new(pace * steps as f64).map_or(f64::NAN, |time| mode.covariance(time)[0][0])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use langevin_theory::discrete::ModeLaw;

    use super::*;

    fn direction(eta: f64, b: f64, decay: f64, rho: f64) -> Direction {
        let sgd = Hyperparameters::new(eta, b, decay, 4).unwrap();
        let law = ModeLaw::new(ModeMap::new(eta, b, rho + decay), 0.3).unwrap();
        Direction {
            sgd,
            eigenvalue: rho,
            position: law.position_variance().unwrap(),
            noise: 1.2,
            sigma2: 0.9,
            samples_per_batch: Some(3.0),
            with_replacement: Some(1.4),
        }
    }

    /// The theory by matrices against the closed forms, in every regime.
    #[test]
    fn the_right_theory_is_the_closed_form() {
        for (rate, momentum) in [(0.01, 0.5), (0.3, 0.9), (1.7, 0.9), (2.9, 0.5), (1.2, 0.0)] {
            let given = direction(rate, momentum, 0.0, 1.0);
            let theory = ModeTheory::right(&given).unwrap();
            let law = ModeLaw::new(ModeMap::new(rate, momentum, 1.0), 0.3).unwrap();
            let exact = law.stationary_covariance().unwrap();
            let scale = exact[0][0].max(exact[1][1]);
            for i in 0..2 {
                for j in 0..2 {
                    assert!((theory.covariance[i][j] - exact[i][j]).abs() < 1e-12 * scale, "{rate} {momentum}");
                }
            }
            for steps in [1, 3, 20] {
                let [_, velocity] = law.transient_mean(1.0, 0.0, Steps(steps)).unwrap();
                assert!((theory.mean(1.0, steps)[1] - velocity).abs() < 1e-12);
                let lagged = law.lag_covariance(Steps(steps)).unwrap();
                let turned = (lagged[1][0] - lagged[0][1]) / exact[1][1];
                assert!((theory.turning(steps) - turned).abs() < 1e-11 * rate.max(1.0), "{rate} {momentum} {steps}");
                let far = law.displacement(Steps(steps)).unwrap();
                assert!((theory.displacement(steps) - far).abs() < 1e-11 * exact[0][0]);
                let rest = law.transient_covariance(Steps(steps)).unwrap()[0][0];
                assert!((theory.variance_from_rest(steps) - rest).abs() < 1e-11 * exact[0][0]);
            }
        }
    }

    /// Where a mutant is said to vanish, it does: without momentum, and without weight decay.
    #[test]
    fn mutants_vanish_where_they_are_said_to() {
        let same = |mutant: Mutant, given: &Direction| {
            let (right, wrong) =
                (ModeTheory::right(given).unwrap(), ModeTheory::mutated(mutant, given).unwrap().unwrap());
            // the map of a mutant may be rounded otherwise
            let near = |one: [[f64; 2]; 2], other: [[f64; 2]; 2]| {
                one.iter().flatten().zip(other.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-13)
            };
            near(right.covariance, wrong.covariance)
                && near(right.power(5), wrong.power(5))
                && (right.mass - wrong.mass).abs() + (right.curvature - wrong.curvature).abs() < 1e-13
        };
        let without_momentum = direction(0.4, 0.0, 0.3, 1.0);
        let without_decay = direction(0.4, 0.7, 0.0, 1.0);
        let both = direction(0.4, 0.7, 0.3, 1.0);
        for mutant in
            [Mutant::KappaWithoutSquare, Mutant::OnePlusBetaDropped, Mutant::DampenedMomentum, Mutant::Nesterov]
        {
            assert!(same(mutant, &without_momentum), "{mutant:?}");
            assert!(!same(mutant, &both), "{mutant:?}");
        }
        for mutant in [Mutant::WeightDecayForgotten, Mutant::WeightDecayInNoise] {
            assert!(same(mutant, &without_decay), "{mutant:?}");
            assert!(!same(mutant, &both), "{mutant:?}");
        }
    }

    /// Dampened and Nesterov momentum against iteration of their own recursions.
    #[test]
    fn other_momenta_have_the_law_of_their_own_recursion() {
        let given = direction(0.4, 0.7, 0.3, 1.0);
        let right = ModeTheory::right(&given).unwrap();
        let (eta, b, h) = (0.4, 0.7, 1.3);
        for (mutant, nesterov) in [(Mutant::DampenedMomentum, false), (Mutant::Nesterov, true)] {
            // response of position and velocity to one noise kick, squared and summed
            let (mut x, mut v) = (0.0_f64, 0.0_f64);
            let (mut p, mut c, mut w) = (0.0, 0.0, 0.0);
            for step in 0..4000 {
                let kick = if step == 0 { 1.0 } else { 0.0 };
                let at = if nesterov { x + eta * b * v } else { x };
                let gradient = h * at - kick;
                v = b * v - if nesterov { gradient } else { (1.0 - b) * gradient };
                x += eta * v;
                p += x * x;
                c += x * v;
                w += v * v;
            }
            let theory = ModeTheory::mutated(mutant, &given).unwrap().unwrap();
            for (found, expected) in [(theory.position(), p), (theory.cross(), c), (theory.velocity(), w)] {
                assert!((found / (right.noise * expected) - 1.0).abs() < 1e-10, "{mutant:?} {found} {expected}");
            }
        }
    }

    #[test]
    fn velocities_of_the_next_step_flip_the_cross_covariance() {
        let given = direction(0.4, 0.7, 0.3, 1.0);
        let (right, late) = (
            ModeTheory::right(&given).unwrap(),
            ModeTheory::mutated(Mutant::VelocityOneStepLate, &given).unwrap().unwrap(),
        );
        assert!((late.cross() / right.cross() + 1.0).abs() < 1e-12); // E27
        assert!((late.mean(1.0, 3)[1] - right.mean(1.0, 4)[1]).abs() < 1e-15);
    }
}
