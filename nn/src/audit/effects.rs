//! The effects of one network.

use std::path::Path;

use langevin_verify::statistics::chains::tail_index;

use super::explained::{Explained, ModeFacts};
use crate::curvature::Objective;
use crate::directions::read_directions;
use crate::error::Result;
use crate::experiment::{Curvature, Point, Track, line, moments};
use crate::run_folder::checkpoint_path;
use crate::tensor::Device;
use crate::train::Trainer;

/// Effects along one eigenvector.
#[derive(Clone, Copy, Debug)]
pub struct ModeEffects {
    /// 2 E[x G]/((1 + beta) eta E v^2).
    pub stationarity: f64,
    /// h'/(rho + lambda).
    pub slope: f64,
    /// q' H q where the chain ends, over rho.
    pub curvature_at_end: f64,
    /// Var n/(phi q' Sigma q).
    pub noise: f64,
    /// Excess kurtosis of n.
    pub kurtosis: f64,
    /// Hill index of n.
    pub tail_index: f64,
    /// Hill index of the gradients of single samples.
    pub sample_tail_index: f64,
    /// Correlation of n_k and n_{k+1}.
    pub lag_one: f64,
    /// Variance of the sum over an epoch, over L Var n.
    pub epoch: f64,
    /// h P/(m V).
    pub equipartition: f64,
}

/// Effects of one network.
#[derive(Clone, Debug)]
pub struct Effects {
    /// By eigenvector.
    pub modes: Vec<ModeEffects>,
    /// Slope of ln q'Sigma q over ln rho.
    pub alignment_slope: f64,
    /// Cosine between Q' Sigma Q and diag rho.
    pub alignment_cosine: f64,
    /// What the assumptions explain; nothing without a mode that has a stationary law.
    pub explained: Option<Explained>,
}

impl Effects {
    /// From a chain that was recorded at every step.
    ///
    /// # Errors
    /// [`crate::NnError`].
    pub fn new(point: &Point, folder: &Path, track: &Track, device: Device) -> Result<Self> {
        let (curvature, training) = (&point.curvature, &point.training);
        let sgd = &training.sgd;
        let samples = training.data.samples();
        let factor = crate::experiment::noise_factor(training.sampling, samples, sgd)?;
        let ends = curvature_at_end(point, folder, device)?;
        let epoch = (samples / sgd.batch_size()).max(1);
        let mut facts = Vec::new();
        let modes: Vec<ModeEffects> = (0..curvature.eigenvalues.len())
            .map(|direction| {
                let h = curvature.eigenvalues[direction] + sgd.weight_decay();
                let mode = Recorded::new(&track.position[direction], &track.velocity[direction], sgd.momentum());
                let (_, position) = moments(&track.position[direction]);
                let square = track.velocity[direction].iter().map(|v| v * v).sum::<f64>() / track.steps.len() as f64;
                let mass = 0.5 * sgd.learning_rate() * (1.0 + sgd.momentum());
                let noise = mode.noise(h);
                let (_, variance) = moments(&noise);
                let rho = curvature.eigenvalues[direction];
                let mean_curvature = 0.5 * (rho + ends[direction]);
                let (_, with_mean) = moments(&mode.noise(mean_curvature + sgd.weight_decay()));
                facts.push(ModeFacts {
                    curvature: rho,
                    mean_curvature,
                    strength: factor * curvature.noise_along(direction),
                    strength_along: [variance, with_mean],
                    position,
                    velocity: square,
                });
                let fourth = noise.iter().map(|n| n.powi(4)).sum::<f64>() / noise.len() as f64;
                ModeEffects {
                    stationarity: mode.position_times_gradient / (mass * square),
                    slope: mode.slope / h,
                    curvature_at_end: ends[direction] / curvature.eigenvalues[direction],
                    noise: variance / (factor * curvature.noise_along(direction)),
                    kurtosis: fourth / (variance * variance) - 3.0,
                    tail_index: tail_index(&noise).0,
                    sample_tail_index: curvature.tail_index[direction][0],
                    lag_one: lag_one(&noise),
                    epoch: summed(&noise, epoch),
                    equipartition: h * position / (mass * square),
                }
            })
            .collect();
        let (alignment_slope, alignment_cosine) = alignment(curvature);
        let anticorrelation = 1.0 - modes.iter().map(|mode| mode.epoch).sum::<f64>() / modes.len() as f64;
        let explained = Explained::new(&facts, sgd, anticorrelation, epoch)?;
        Ok(Self { modes, alignment_slope, alignment_cosine, explained })
    }
}

/// What the records of one direction say about its gradients.
struct Recorded {
    /// (x_k, G_k).
    points: Vec<(f64, f64)>,
    slope: f64,
    position_times_gradient: f64,
}

impl Recorded {
    fn new(position: &[f64], velocity: &[f64], momentum: f64) -> Self {
        let points: Vec<(f64, f64)> =
            velocity.windows(2).zip(position).map(|(v, x)| (*x, momentum * v[0] - v[1])).collect();
        let (slope, _) = line(&points);
        let mean = points.iter().map(|(x, _)| x).sum::<f64>() / points.len() as f64;
        // about the mean: E G = 0 in a stationary state, so that any centre would do
        let position_times_gradient =
            points.iter().map(|(x, gradient)| (x - mean) * gradient).sum::<f64>() / points.len() as f64;
        Self { points, slope, position_times_gradient }
    }

    /// n_k = G_k - h x_k about its mean. The fitted slope in place of h would take a part of the noise away where noise and position are
    /// correlated, as they are within a reshuffled epoch.
    fn noise(&self, curvature: f64) -> Vec<f64> {
        let noise = || self.points.iter().map(|(x, gradient)| gradient - curvature * x);
        let mean = noise().sum::<f64>() / self.points.len() as f64;
        noise().map(|n| n - mean).collect()
    }
}

fn lag_one(noise: &[f64]) -> f64 {
    let (mean, variance) = moments(noise);
    let sum: f64 = noise.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    sum / (noise.len().saturating_sub(1).max(1) as f64 * variance)
}

/// Variance of sums over windows of `length` steps, over `length` variances. Windows begin at multiples of the length, so that windows of an epoch
/// are epochs where the records begin with one.
fn summed(noise: &[f64], length: usize) -> f64 {
    let (mean, variance) = moments(noise);
    let sums: Vec<f64> = noise.chunks_exact(length).map(|window| window.iter().map(|n| n - mean).sum()).collect();
    let square = sums.iter().map(|sum: &f64| sum * sum).sum::<f64>() / sums.len().max(1) as f64;
    square / (length as f64 * variance)
}

fn alignment(curvature: &Curvature) -> (f64, f64) {
    let points: Vec<(f64, f64)> = curvature
        .eigenvalues
        .iter()
        .enumerate()
        .filter(|(_, rho)| **rho > 0.0)
        .map(|(direction, rho)| (rho.ln(), curvature.noise_along(direction).ln()))
        .collect();
    let noise = curvature.noise_matrix();
    let product: f64 = curvature.eigenvalues.iter().enumerate().map(|(place, rho)| rho * noise[(place, place)]).sum();
    let size = curvature.eigenvalues.iter().map(|rho| rho * rho).sum::<f64>().sqrt();
    (line(&points).0, product / (size * noise.norm()))
}

/// q' H q at the end of a chain, over the samples of the loss (all of them).
fn curvature_at_end(point: &Point, folder: &Path, device: Device) -> Result<Vec<f64>> {
    let mut training = point.training.clone();
    training.start.weights = Some(checkpoint_path(folder));
    let trainer = Trainer::new(&training, device)?;
    let (network, data) = trainer.parts();
    let Some(path) = &training.track.directions else { return Ok(Vec::new()) };
    let directions = read_directions(path, network)?;
    let images = Objective::new(network, data, trainer.loss()).hessian_products(&directions)?;
    (0..directions.shape()[0]).map(|row| directions.row(row)?.dot(&images.row(row)?)?.value()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_tell_independent_noise_from_noise_that_cancels() {
        // +1 and -1 by turns cancel over two steps
        let alternating: Vec<f64> = (0..1000).map(|step| if step % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(summed(&alternating, 2).abs() < 1e-15 && (lag_one(&alternating) + 1.0).abs() < 1e-12);
        // runs of two add up
        let doubled: Vec<f64> = (0..1000).map(|step| if step / 2 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!((summed(&doubled, 2) - 2.0).abs() < 1e-12);
    }

    /// G = h x exactly when there is no noise.
    #[test]
    fn the_slope_is_the_curvature() {
        let (mut x, mut v): (f64, f64) = (1.0, 0.0);
        let (mut positions, mut velocities) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            v = 0.5 * v - 2.0 * x;
            x += 0.1 * v;
            positions.push(x);
            velocities.push(v);
        }
        let found = Recorded::new(&positions, &velocities, 0.5);
        assert!((found.slope - 2.0).abs() < 1e-12 && found.noise(2.0).iter().all(|n| n.abs() < 1e-14));
    }
}
