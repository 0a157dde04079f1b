//! What is missing to stationarity, with 32 digits. Near the mean-square limit a relative error of the equation grows by
//! 1 / (1 - gain) in its solution, so a solution in doubles loses as many digits; corrected by what its own residual
//! demands, it gets them back. The residual needs no eigenvectors: with H the Hessian, L = H + lambda I,
#![doc = langevin_equation::equation!(
    r"R = \varphi \left[ \Sigma + K(P) \right] - A(P), \qquad A(P) = \frac{(1-\beta)^2 \left[ (1+\beta)(L P + P L) - \eta L P L \right] + \eta\beta \left( L^2 P - 2 L P L + P L^2 \right)}{\eta\, (1-\beta^2)},"
)]
//! where A is what [`crate::discrete::stationary_kernel`] divides by.

use nalgebra::DMatrix;

use crate::extended_precision::{Extended, lift};
use crate::hyperparameters::{Hyperparameters, Sampling};
use crate::quadratic::LeastSquares;

/// The equation of the stationary position moments of a data set, in the original coordinates.
pub(super) struct Balance {
    features: DMatrix<Extended>,
    hessian: DMatrix<Extended>,
    noise_factor: Extended,
    sgd: Hyperparameters,
}

impl Balance {
    pub(super) fn new(data: &LeastSquares, sgd: &Hyperparameters, sampling: Sampling) -> Self {
        let number = |count: usize| Extended::from(count as f64);
        let (samples, batch) = (data.samples(), sgd.batch_size());
        let noise_factor = match sampling {
            Sampling::WithReplacement => number(1) / number(batch),
            Sampling::WithoutReplacement | Sampling::Reshuffle if samples > 1 => {
                number(samples.saturating_sub(batch)) / (number(batch) * number(samples - 1))
            }
            Sampling::WithoutReplacement | Sampling::Reshuffle => number(0),
        };
        Self { features: lift(data.features()), hessian: data.extended_hessian(), noise_factor, sgd: *sgd }
    }

    /// R for a position moment and the noise covariance at the minimum, d x d each.
    pub(super) fn residual(&self, position: &DMatrix<Extended>, noise: &DMatrix<f64>) -> DMatrix<f64> {
        let size = position.nrows();
        let number = <Extended as From<f64>>::from;
        let (eta, b) = (number(self.sgd.learning_rate()), number(self.sgd.momentum()));
        let (one_minus, one_plus) = (number(1.0) - b, number(1.0) + b);
        let curvature = &self.hessian + DMatrix::<Extended>::identity(size, size) * number(self.sgd.weight_decay());
        let pulled = &curvature * position;
        let both = &pulled * &curvature;
        let twice = &curvature * &pulled;
        let decay = one_minus * one_minus;
        let scale = number(1.0) / (eta * one_minus * one_plus);
        let received = self.curvature_noise(position);
        DMatrix::from_fn(size, size, |i, j| {
            let damped = decay * (one_plus * (pulled[(i, j)] + pulled[(j, i)]) - eta * both[(i, j)]);
            let split = eta * b * (twice[(i, j)] + twice[(j, i)] - both[(i, j)].scaled(2.0));
            let gained = self.noise_factor * (number(noise[(i, j)]) + received[(i, j)]);
            (gained - scale * (damped + split)).value()
        })
    }

    /// K(P).
    fn curvature_noise(&self, position: &DMatrix<Extended>) -> DMatrix<Extended> {
        let samples = self.features.nrows();
        let image = &self.features * position;
        let mut weighted = self.features.clone();
        for sample in 0..samples {
            let energy = (0..position.nrows())
                .fold(Extended::from(0.0), |sum, i| sum + image[(sample, i)] * self.features[(sample, i)]);
            let weight = energy / Extended::from(samples as f64);
            weighted.row_mut(sample).iter_mut().for_each(|entry| *entry *= weight);
        }
        self.features.transpose() * weighted - &self.hessian * position * &self.hessian
    }
}
