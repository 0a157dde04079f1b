//! How much of the error of a prediction each assumption explains.
//!
//! The theory predicts Var x and E v^2 of each mode from one estimate: the noise strength sigma^2 = sum q'Sigma q/sum rho over the modes, with
//! noise along H, of constant strength, a constant curvature and independent batches. Each assumption can be given up for what was
//! measured:
//!
//! | assumption | theory | measured |
//! |---|---|---|
//! | alignment (3) | sigma^2 rho | q'Sigma q at the start |
//! | constant strength (1) | that of the start | times Var n/(phi q'Sigma q) along the chain |
//! | constant curvature (4) | rho | the mean of q'Hq where the chain starts and ends |
//! | independent batches (1) | no correlations | -c/(L - 1) between the L steps of an epoch; c = 1 less the variance of n summed over an epoch, over that of independent n (E36: c = 1) |
//!
//! The error is e = mean over modes of (ln measured - ln predicted)^2. Which assumption explains what depends on the order in which they are given
//! up; a Shapley value is the mean over all orders. With what is left when all four are given up (finite records, gradients that are not
//! linear, a chain that is not stationary), the values add up to the error of the theory.

use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::{Hyperparameters, Steps};

use crate::error::Result;

/// Assumptions that can be given up.
pub const ASSUMPTIONS: usize = 4;
/// Sets of them: bit i for assumption i.
const SETS: usize = 1 << ASSUMPTIONS;
const ALIGNMENT: usize = 1;
const STRENGTH: usize = 2;
const CURVATURE: usize = 4;
const INDEPENDENCE: usize = 8;

/// What was measured along an eigenvector.
#[derive(Clone, Copy, Debug)]
pub struct ModeFacts {
    /// rho at the start.
    pub curvature: f64,
    /// The mean of rho at the start and at the end.
    pub mean_curvature: f64,
    /// phi q'Sigma q at the start.
    pub strength: f64,
    /// Var n along the chain, with either curvature.
    pub strength_along: [f64; 2],
    /// Var x.
    pub position: f64,
    /// E v^2.
    pub velocity: f64,
}

/// Squared errors of a network's predictions, of Var x and of E v^2, by what is given up.
#[derive(Clone, Debug)]
pub struct Explained {
    position: [f64; SETS],
    velocity: [f64; SETS],
    /// Place of each mode that has a law, and its ln measured - ln predicted of Var x and of E v^2: with all assumptions, and with none.
    pub errors: Vec<(usize, [[f64; 2]; 2])>,
}

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Var x.
    Position,
    /// E v^2.
    Velocity,
}

impl Explained {
    /// From the modes of a network, `anticorrelation` c and the length L of an epoch; nothing without modes of positive curvature and noise, where
    /// all laws are stationary.
    ///
    /// # Errors
    /// [`crate::NnError`] for numbers that no law takes.
    pub fn new(modes: &[ModeFacts], sgd: &Hyperparameters, anticorrelation: f64, epoch: usize) -> Result<Option<Self>> {
        let decay = sgd.weight_decay();
        let map = |curvature: f64| ModeMap::new(sgd.learning_rate(), sgd.momentum(), curvature + decay);
        let usable: Vec<(usize, &ModeFacts)> = modes
            .iter()
            .enumerate()
            .filter(|(_, mode)| {
                let positive = [mode.curvature, mode.mean_curvature, mode.strength, mode.position, mode.velocity];
                positive.iter().all(|value| *value > 0.0 && value.is_finite())
                    && mode.strength_along.iter().all(|value| *value > 0.0 && value.is_finite())
                    && map(mode.curvature).is_stable()
                    && map(mode.mean_curvature).is_stable()
            })
            .collect();
        if usable.is_empty() {
            return Ok(None);
        }
        let scale = usable.iter().map(|(_, mode)| mode.strength).sum::<f64>()
            / usable.iter().map(|(_, mode)| mode.curvature).sum::<f64>();
        let mut found = Self { position: [0.0; SETS], velocity: [0.0; SETS], errors: Vec::new() };
        for (place, mode) in &usable {
            let mut errors = [[0.0; 2]; 2];
            for set in 0..SETS {
                let given_up = |assumption: usize| set & assumption != 0;
                let curved = usize::from(given_up(CURVATURE));
                let curvature = [mode.curvature, mode.mean_curvature][curved];
                let start = if given_up(ALIGNMENT) { mode.strength } else { scale * mode.curvature };
                let along = if given_up(STRENGTH) { mode.strength_along[curved] / mode.strength } else { 1.0 };
                let law = ModeLaw::new(map(curvature), start * along)?;
                let c = if given_up(INDEPENDENCE) { anticorrelation.min(1.0) } else { 0.0 };
                let predicted = variances(&law, c, epoch)?;
                let error = [mode.position, mode.velocity].map(f64::ln);
                let error = [error[0] - predicted[0].ln(), error[1] - predicted[1].ln()];
                found.position[set] += error[0] * error[0] / usable.len() as f64;
                found.velocity[set] += error[1] * error[1] / usable.len() as f64;
                if set == 0 {
                    errors[0] = error;
                } else if set == SETS - 1 {
                    errors[1] = error;
                }
            }
            found.errors.push((*place, errors));
        }
        Ok(Some(found))
    }

    /// e when a set of assumptions is given up.
    fn squared_errors(&self, observed: Observed) -> &[f64; SETS] {
        match observed {
            Observed::Position => &self.position,
            Observed::Velocity => &self.velocity,
        }
    }

    /// The error of the theory.
    pub fn squared_error(&self, observed: Observed) -> f64 {
        self.squared_errors(observed)[0]
    }

    /// What is left without the assumptions.
    pub fn left(&self, observed: Observed) -> f64 {
        self.squared_errors(observed)[SETS - 1]
    }

    /// By how much giving up an assumption lowers the error, as a mean over all orders; in the order of the table above.
    pub fn shapley_value(&self, observed: Observed, assumption: usize) -> f64 {
        let (errors, bit) = (self.squared_errors(observed), 1 << assumption);
        let orders: [f64; ASSUMPTIONS] = [6.0, 2.0, 2.0, 6.0];
        (0..SETS)
            .filter(|set| set & bit == 0)
            .map(|set| orders[set.count_ones() as usize] / 24.0 * (errors[set] - errors[set | bit]))
            .sum()
    }
}

/// Var x and E v^2 when steps of the same epoch correlate by -c/(L - 1): with the covariances C(l) of independent noise, C(0) + 2 sum_l r(l) C(l),
/// where r(l) = -c/(L - 1) (L - l)/L, since L - l of L pairs at lag l are of one epoch.
fn variances(law: &ModeLaw, c: f64, epoch: usize) -> Result<[f64; 2]> {
    let mut found = [law.position_variance()?, law.velocity_variance()?];
    if c == 0.0 {
        return Ok(found);
    }
    let length = epoch as f64;
    for lag in 1..epoch as u64 {
        let covariance = law.lag_covariance(Steps(lag))?;
        let correlation = -c / (length - 1.0) * (length - lag as f64) / length;
        for (place, value) in found.iter_mut().enumerate() {
            *value += 2.0 * correlation * covariance[place][place];
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgd() -> Hyperparameters {
        Hyperparameters::new(0.1, 0.8, 0.01, 32).unwrap()
    }

    /// Modes of a process whose strength, alignment, curvature and correlations are times what the theory assumes.
    fn modes(alignment: f64, strength: f64, curvature: f64, c: f64) -> Vec<ModeFacts> {
        [0.5_f64, 1.0, 2.0]
            .iter()
            .map(|&rho| {
                // an exponent in place of a factor: alignment is about ratios between modes
                let start = 0.02 * rho.powf(alignment);
                let mean_curvature = curvature * rho;
                let law = ModeLaw::new(ModeMap::new(0.1, 0.8, mean_curvature + 0.01), strength * start).unwrap();
                let [position, velocity] = variances(&law, c, 20).unwrap();
                ModeFacts {
                    curvature: rho,
                    mean_curvature,
                    strength: start,
                    strength_along: [strength * start; 2],
                    position,
                    velocity,
                }
            })
            .collect()
    }

    #[test]
    fn one_broken_assumption_explains_all_of_the_error() {
        for (broken, facts, c) in [
            (0, modes(2.0, 1.0, 1.0, 0.0), 0.0),
            (1, modes(1.0, 1.5, 1.0, 0.0), 0.0),
            (2, modes(1.0, 1.0, 1.3, 0.0), 0.0),
            (3, modes(1.0, 1.0, 1.0, 1.0), 1.0),
        ] {
            let found = Explained::new(&facts, &sgd(), c, 20).unwrap().unwrap();
            for observed in [Observed::Position, Observed::Velocity] {
                let error = found.squared_error(observed);
                assert!(error > 1e-6, "{broken} {observed:?} {error}");
                assert!(found.left(observed) < 1e-20);
                for assumption in 0..ASSUMPTIONS {
                    let share = found.shapley_value(observed, assumption) / error;
                    let expected = if assumption == broken { 1.0 } else { 0.0 };
                    assert!((share - expected).abs() < 1e-9, "{broken} {assumption} {observed:?} {share}");
                }
            }
        }
    }

    #[test]
    fn parts_add_up() {
        let mut facts = modes(1.4, 1.2, 0.9, 0.7);
        // and something that no assumption explains
        facts[0].position *= 1.3;
        facts[2].velocity *= 0.8;
        let found = Explained::new(&facts, &sgd(), 0.6, 20).unwrap().unwrap();
        for observed in [Observed::Position, Observed::Velocity] {
            let sum: f64 = (0..ASSUMPTIONS).map(|assumption| found.shapley_value(observed, assumption)).sum();
            let whole = found.squared_error(observed);
            assert!((sum + found.left(observed) - whole).abs() < 1e-12 * whole);
            assert!(found.left(observed) > 1e-4);
        }
    }

    /// Against the double sum over the responses to noise with these covariances.
    #[test]
    fn correlations_within_epochs_are_summed_over_all_pairs() {
        let (eta, beta, h, c, epoch) = (0.3, 0.5, 1.2, 0.8, 7_usize);
        let law = ModeLaw::new(ModeMap::new(eta, beta, h), 1.0).unwrap();
        // responses of x and v to one unit of noise in a step
        let (mut x, mut v) = (0.0, 0.0);
        let responses: Vec<[f64; 2]> = (0..400)
            .map(|step| {
                v = beta * v - h * x - if step == 0 { 1.0 } else { 0.0 };
                x += eta * v;
                [x, v]
            })
            .collect();
        let covariance = |lag: usize| match lag {
            0 => 1.0,
            lag if lag < epoch => -c / (epoch as f64 - 1.0) * (epoch - lag) as f64 / epoch as f64,
            _ => 0.0,
        };
        let found = variances(&law, c, epoch).unwrap();
        for place in 0..2 {
            let mut expected = 0.0;
            for (m, first) in responses.iter().enumerate() {
                for (n, second) in responses.iter().enumerate() {
                    expected += first[place] * second[place] * covariance(m.abs_diff(n));
                }
            }
            assert!((found[place] - expected).abs() < 1e-12 * expected, "{place}: {} {expected}", found[place]);
        }
    }

    #[test]
    fn flat_modes_are_left_out() {
        let mut facts = modes(1.0, 1.0, 1.0, 0.0);
        facts[1].curvature = -0.1;
        let found = Explained::new(&facts, &sgd(), 0.0, 20).unwrap().unwrap();
        assert_eq!(found.errors.iter().map(|(mode, _)| *mode).collect::<Vec<_>>(), [0, 2]);
        let flat: Vec<ModeFacts> = facts.iter().map(|mode| ModeFacts { strength: 0.0, ..*mode }).collect();
        assert!(Explained::new(&flat, &sgd(), 0.0, 20).unwrap().is_none());
    }
}
