//! True minibatch noise.

use aligned_vec::AVec;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use pulp::Arch;
use rand::rngs::ChaCha8Rng;

use super::batches::Batches;
use super::kernel::{BatchGradient, padded, run, zeros};
use crate::error::Result;

/// A data set laid out for gathering rows, and a sampling scheme.
#[derive(Clone, Debug)]
pub struct MinibatchNoise {
    features: AVec<f64>,
    targets: Vec<f64>,
    samples: usize,
    dimension: usize,
    outputs: usize,
    sampling: Sampling,
    batch: usize,
}

impl MinibatchNoise {
    /// Batches of a data set.
    ///
    /// # Errors
    /// [`crate::SimError::Theory`] when the batch cannot be drawn from the data.
    pub fn new(data: &LeastSquares, sgd: &Hyperparameters, sampling: Sampling) -> Result<Self> {
        sampling.noise_factor(data.samples(), sgd.batch_size())?;
        let (samples, dimension, outputs) = (data.samples(), data.dimension(), data.outputs());
        let width = padded(dimension);
        let mut features = zeros(samples * width);
        let mut targets = vec![0.0; samples * outputs];
        for sample in 0..samples {
            for column in 0..dimension {
                features[sample * width + column] = data.features()[(sample, column)];
            }
            for output in 0..outputs {
                targets[sample * outputs + output] = data.targets()[(sample, output)];
            }
        }
        Ok(Self { features, targets, samples, dimension, outputs, sampling, batch: sgd.batch_size() })
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn batches(&self) -> Batches {
        Batches::new(self.sampling, self.samples, self.batch)
    }

    /// Sum of the gradients of a fresh batch.
    pub(super) fn gradient(
        &self,
        arch: Arch,
        batches: &mut Batches,
        stream: &mut ChaCha8Rng,
        position: &[f64],
        gradient: &mut [f64],
    ) {
        run(
            arch,
            BatchGradient {
                features: &self.features,
                targets: &self.targets,
                batch: batches.draw(stream),
                position,
                gradient,
                width: padded(self.dimension),
            },
        );
    }
}
