//! True minibatch noise.

use std::sync::Arc;

use langevin_lanes::{LANES, Line, Table, lines_of_rows};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};

use super::batch_kernel::{BatchSteps, Update};
use super::batches::BatchPlan;
use super::chain::Chain;
use super::recorder::Recorder;
use crate::error::Result;

/// A data set laid out for gathering rows, and a sampling scheme. Clones share the data.
#[derive(Clone, Debug)]
pub struct MinibatchNoise {
    /// (samples + 1) rows of whole lines, the last of zeros.
    features: Arc<Table>,
    /// (samples + 1) x outputs of -y, the last row of zeros.
    negative_targets: Arc<Vec<f64>>,
    dimension: usize,
    outputs: usize,
    plan: BatchPlan,
}

impl MinibatchNoise {
    /// Batches of a data set.
    ///
    /// # Errors
    /// [`crate::SimError::Theory`] when the batch cannot be drawn from the data.
    pub fn new(data: &LeastSquares, sgd: &Hyperparameters, sampling: Sampling) -> Result<Self> {
        sampling.noise_factor(data.samples(), sgd.batch_size())?;
        let (samples, dimension, outputs) = (data.samples(), data.dimension(), data.outputs());
        // the transpose of a column-major matrix lists it row after row
        let mut features = lines_of_rows(data.features().transpose().as_slice(), dimension);
        features.extend(vec![Line::default(); dimension.div_ceil(LANES)]);
        let mut negative_targets: Vec<f64> = data.targets().transpose().iter().map(|target| -target).collect();
        negative_targets.extend(vec![0.0; outputs]);
        Ok(Self {
            features: Arc::new(Table::from_lines(&features)),
            negative_targets: Arc::new(negative_targets),
            dimension,
            outputs,
            plan: BatchPlan::new(sampling, samples, sgd.batch_size()),
        })
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Lines of one output of a position.
    pub(super) fn lines(&self) -> usize {
        self.dimension.div_ceil(LANES)
    }

    pub(super) fn plan(&self) -> &BatchPlan {
        &self.plan
    }

    /// Runs a chain for some steps and records the states after each.
    pub(super) fn advance(&self, chain: &mut Chain, sgd: &Hyperparameters, steps: usize, recorder: Recorder<'_>) {
        let Chain { processor, stream, batches, position, velocity, gradient, .. } = chain;
        let batches = batches.draw(*processor, &self.plan, stream, steps);
        let update = Update::new(sgd, 1.0 / self.plan.batch() as f64);
        processor.run(BatchSteps {
            features: &self.features,
            negative_targets: &self.negative_targets,
            batches,
            batch: self.plan.batch(),
            update,
            position,
            velocity,
            gradient,
            lines: self.lines(),
            recorder,
        });
    }
}
