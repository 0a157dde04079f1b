//! True minibatch noise.

use std::sync::Arc;

use langevin_lanes::{LANES, Line, Table, lines_of_rows};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};

use super::batch_kernel::{BatchProblem, BatchSteps, ChainSteps, Update, rows_are_short};
use super::batches::BatchPlan;
use super::chain::Chain;
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
        let mut negative_targets: Vec<f64> = data.targets().transpose().iter().map(|target| -target).collect();
        // the transpose of a column-major matrix lists it row after row
        let mut features = if rows_are_short(dimension, outputs) {
            let with_targets = data.features().clone().insert_column(dimension, 0.0);
            let mut rows = with_targets.transpose();
            rows.row_mut(dimension).copy_from_slice(&negative_targets);
            lines_of_rows(rows.as_slice(), dimension + 1)
        } else {
            lines_of_rows(data.features().transpose().as_slice(), dimension)
        };
        features.extend(vec![Line::default(); lines_of(dimension, outputs)]);
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
        lines_of(self.dimension, self.outputs)
    }

    pub(super) fn plan(&self) -> &BatchPlan {
        &self.plan
    }

    /// Whether chains are best run several at a time.
    pub(super) fn runs_together(&self) -> bool {
        rows_are_short(self.dimension, self.outputs)
    }

    /// Runs chains for some steps and records the states after each.
    pub(super) fn advance(&self, chains: &mut [Chain], sgd: &Hyperparameters, steps: usize) {
        let Some(processor) = chains.first().map(|chain| chain.processor) else { return };
        let problem = BatchProblem {
            features: &self.features,
            negative_targets: &self.negative_targets,
            batch: self.plan.batch(),
            update: Update::new(sgd, 1.0 / self.plan.batch() as f64),
            lines: self.lines(),
        };
        let chains = chains
            .iter_mut()
            .map(|chain| {
                let Chain { stream, batches, position, velocity, gradient, rows, .. } = chain;
                let batches = batches.draw(processor, &self.plan, stream, steps);
                let recorder = rows.recorder();
                ChainSteps { batches, position, velocity, gradient, recorder }
            })
            .collect();
        BatchSteps { problem, chains }.run_on(processor);
    }
}

/// Lines of a row: a short one goes on with its target.
fn lines_of(dimension: usize, outputs: usize) -> usize {
    (dimension + usize::from(rows_are_short(dimension, outputs))).div_ceil(LANES)
}
