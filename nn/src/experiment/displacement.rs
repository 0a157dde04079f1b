//! Displacements that theory predicts from the whole spectrum, mode by mode: the exact law of the discrete process (2) in the quadratic basin about
//! theta_*, from theta_* at rest (E33). A push on the velocity is a displacement eta U_n after n steps, with
//!
//! ```text
//! U_0 = 0,   U_1 = 1,   U_{n+1} = (1 + beta - eta h) U_n - beta U_{n-1},   h = rho + lambda,
//!
//! E|Delta_k|^2 = eta^2 sum_l [ (q_l . F)^2 S_k^2 + q_l' Sigma q_l X_k ],       S_k = U_1 + ... + U_k,
//! E|delta_k|^2 = eta^2 sum_l [ (q_l . F)^2 U_k^2 + q_l' Sigma q_l Y_k ],       F = g + lambda theta_* (the mean relaxes towards -F/h),
//!
//! X_k = (phi - c) sum_{n <= k} U_n^2             + c sum over epochs (sum of U_n in the epoch)^2,
//! Y_k = (phi - c) sum_{n <= k} (U_n - U_{n-1})^2 + c sum over epochs (sum of U_n - U_{n-1} in the epoch)^2.
//! ```
//!
//! phi is the variance of a batch of independent ones (E25). Batches of one reshuffled epoch are correlated by c = -1/(N - 1) (E36): two different
//! samples drawn without replacement have that covariance, whatever is left over at the end of an epoch; else c = 0. Nothing is divided by h, so that modes without
//! curvature need no care; modes of negative curvature grow.

use langevin_theory::{Hyperparameters, Sampling};

use super::speed::noise_factor;
use crate::curvature::Modes;
use crate::error::Result;

/// Second moments of the noise of batches, in units of Sigma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNoise {
    /// phi.
    pub variance: f64,
    /// c.
    pub within_epoch: f64,
    /// Steps of an epoch.
    pub epoch: usize,
}

impl BatchNoise {
    /// As batches are drawn.
    ///
    /// # Errors
    /// [`crate::NnError::Theory`] for a batch that the data cannot give.
    pub fn new(sampling: Sampling, samples: usize, sgd: &Hyperparameters) -> Result<Self> {
        let variance = noise_factor(sampling, samples, sgd)?;
        let within_epoch = if sampling == Sampling::Reshuffle { -1.0 / (samples as f64 - 1.0) } else { 0.0 };
        Ok(Self { variance, within_epoch, epoch: (samples / sgd.batch_size()).max(1) })
    }

    /// The same batches, were they independent.
    #[must_use]
    pub fn independent(self) -> Self {
        Self { within_epoch: 0.0, ..self }
    }
}

/// E|delta_k|^2 and E|Delta_k|^2 after steps of a list, which ascends.
pub fn displacements(
    modes: &Modes,
    sgd: &Hyperparameters,
    batches: &BatchNoise,
    steps: &[usize],
) -> (Vec<f64>, Vec<f64>) {
    let (mut local, mut global) = (vec![0.0; steps.len()], vec![0.0; steps.len()]);
    let last = steps.last().copied().unwrap_or(0);
    let (rate, momentum) = (sgd.learning_rate(), sgd.momentum());
    let (alone, shared) = (batches.variance - batches.within_epoch, batches.within_epoch);
    for ((rho, noise), force) in modes.curvature.iter().zip(&modes.noise).zip(&modes.force) {
        let response = Response::new(1.0 + momentum - rate * (rho + sgd.weight_decay()), momentum, last);
        for (place, &step) in steps.iter().enumerate() {
            let (mut positions, mut velocities) = (0.0, 0.0);
            if shared != 0.0 {
                for epoch in 0..step.div_ceil(batches.epoch) {
                    // lags of the batches of this epoch
                    let (near, far) = (step.saturating_sub((epoch + 1) * batches.epoch), step - epoch * batches.epoch);
                    positions += (response.sum[far] - response.sum[near]).powi(2);
                    velocities += (response.now[far] - response.now[near]).powi(2);
                }
            }
            let x = alone * response.squares[step] + shared * positions;
            let y = alone * response.squares_of_steps[step] + shared * velocities;
            global[place] += rate * rate * (force * response.sum[step].powi(2) + noise * x);
            local[place] += rate * rate * (force * response.now[step].powi(2) + noise * y);
        }
    }
    (local, global)
}

/// U_n, and sums up to n.
struct Response {
    now: Vec<f64>,
    sum: Vec<f64>,
    squares: Vec<f64>,
    squares_of_steps: Vec<f64>,
}

impl Response {
    fn new(trace: f64, momentum: f64, last: usize) -> Self {
        let zeros = || Vec::with_capacity(last + 1);
        let mut found = Self { now: zeros(), sum: zeros(), squares: zeros(), squares_of_steps: zeros() };
        let (mut now, mut next) = (0.0, 1.0);
        let (mut before, mut sum, mut squares, mut squares_of_steps) = (0.0_f64, 0.0, 0.0, 0.0);
        for _ in 0..=last {
            sum += now;
            squares += now * now;
            squares_of_steps += (now - before).powi(2);
            found.now.push(now);
            found.sum.push(sum);
            found.squares.push(squares);
            found.squares_of_steps.push(squares_of_steps);
            before = now;
            (now, next) = (next, trace * next - momentum * now);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use langevin_theory::Steps;
    use langevin_theory::discrete::{ModeLaw, ModeMap};

    use super::*;

    fn one_mode(curvature: f64, noise: f64, force: f64) -> Modes {
        Modes { curvature: vec![curvature], noise: vec![noise], force: vec![force * force] }
    }

    /// Independent batches: the closed forms of the theory, for oscillating, overdamped and flat modes. Sums of thousands of
    /// terms are rounded.
    #[test]
    fn independent_noise_gives_the_closed_forms() {
        let sgd = Hyperparameters::new(0.1, 0.9, 0.01, 4).unwrap();
        let batches = BatchNoise { variance: 0.25, within_epoch: 0.0, epoch: 7 };
        let steps = [1, 2, 30, 4000];
        for rho in [5.0, 0.5, 0.001] {
            let (local, global) = displacements(&one_mode(rho, 2.0, 0.0), &sgd, &batches, &steps);
            let law = ModeLaw::new(ModeMap::new(0.1, 0.9, rho + 0.01), 0.5).unwrap();
            for (place, &step) in steps.iter().enumerate() {
                let exact = law.transient_covariance(Steps(step as u64)).unwrap();
                assert!((global[place] / exact[0][0] - 1.0).abs() < 1e-9, "{rho} {step}: {}", global[place]);
                assert!((local[place] / (0.01 * exact[1][1]) - 1.0).abs() < 1e-9, "{rho} {step}: {}", local[place]);
            }
        }
    }

    /// Whatever the noise: the recursion itself, run for the mean and for the sum over a full covariance matrix of the noise of all steps.
    #[test]
    fn epochs_are_those_of_the_recursion() {
        let sgd = Hyperparameters::new(0.2, 0.8, 0.0, 5).unwrap();
        let batches = BatchNoise::new(Sampling::Reshuffle, 23, &sgd).unwrap();
        assert_eq!(batches.epoch, 4);
        let (noise, force, last) = (1.7, 0.6, 19);
        for rho in [0.0, -0.05, 0.4, 3.0] {
            let steps: Vec<usize> = (1..=last).collect();
            let (local, global) = displacements(&one_mode(rho, noise, force), &sgd, &batches, &steps);
            // what a push at each step, and the force, do by the recursion
            let run = |push: &dyn Fn(usize) -> f64, step: usize| {
                let (mut x, mut v) = (0.0, 0.0);
                for at in 0..step {
                    v = 0.8 * v - rho * x + push(at);
                    x += 0.2 * v;
                }
                [x, v]
            };
            for step in 1..=last {
                let pushed: Vec<[f64; 2]> =
                    (0..step).map(|at| run(&|now| f64::from(u8::from(now == at)), step)).collect();
                let drift = run(&|_| -force, step);
                for (part, found) in [(0, global[step - 1]), (1, local[step - 1] / 0.04)] {
                    let mut exact = drift[part] * drift[part];
                    for i in 0..step {
                        for j in 0..step {
                            let covariance = if i == j {
                                (23.0 - 5.0) / (5.0 * 22.0)
                            } else if i / 4 == j / 4 {
                                -1.0 / 22.0
                            } else {
                                0.0
                            };
                            exact += noise * covariance * pushed[i][part] * pushed[j][part];
                        }
                    }
                    assert!((found - exact).abs() < 1e-12 * exact.max(1.0), "{rho} {step} {part}: {found} {exact}");
                }
            }
        }
    }
}
