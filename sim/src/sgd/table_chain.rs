//! One chain of the recursion (2) on a table of features, in the coordinates of the data: v' = beta v - g_B(theta) - lambda
//! theta, theta' = theta + eta v'. Its batches come from the random stream (seed, chain), as those of an ensemble do.

use std::sync::Arc;

use langevin_lanes::Processor;
use langevin_theory::{Hyperparameters, Sampling};
use nalgebra::DMatrix;

use super::batches::{BatchPlan, Batches};
use super::ensemble::BLOCK_STEPS;
use super::table_gradient::TableGradient;
use crate::data::RegressionTable;
use crate::error::{Result, SimError};
use crate::random::Stream;

/// A chain that starts at rest. Positions and velocities are outputs x d, row-major.
///
/// ```
/// use langevin_sim::data::{FeatureTable, RegressionTable};
/// use langevin_sim::sgd::TableChain;
/// use langevin_theory::{Hyperparameters, Sampling};
/// use nalgebra::DMatrix;
/// let features = FeatureTable::from_u8(4, 1, vec![1; 4], 1.0).unwrap();
/// let table = RegressionTable::new("ones", features, vec![2.0; 4], 1).unwrap();
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 2).unwrap();
/// let start = DMatrix::zeros(1, 1);
/// let mut chain = TableChain::new(table.into(), &sgd, Sampling::WithReplacement, &start, 1, 0).unwrap();
/// chain.step();
/// chain.step();
/// assert_eq!(chain.position(), [1.5]); // half way to 2 each step
/// ```
pub struct TableChain {
    gradient: TableGradient,
    sgd: Hyperparameters,
    processor: Processor,
    plan: BatchPlan,
    batches: Batches,
    stream: Stream,
    /// Batches of the steps to come.
    drawn: Vec<u32>,
    /// Where the next one begins.
    next: usize,
    position: Vec<f64>,
    velocity: Vec<f64>,
    sum: Vec<f64>,
}

impl TableChain {
    /// A chain from a start (d x outputs).
    ///
    /// # Errors
    /// [`SimError::Theory`] when the batch cannot be drawn, [`SimError::InvalidValue`] when the start does not fit.
    pub fn new(
        table: Arc<RegressionTable>,
        sgd: &Hyperparameters,
        sampling: Sampling,
        start: &DMatrix<f64>,
        seed: u64,
        chain: u64,
    ) -> Result<Self> {
        sampling.noise_factor(table.samples(), sgd.batch_size())?;
        let (dimension, outputs) = (table.dimension(), table.outputs());
        if start.shape() != (dimension, outputs) {
            return Err(SimError::InvalidValue {
                name: "start",
                value: format!("{} x {}", start.nrows(), start.ncols()),
                admissible: format!("{dimension} x {outputs} (dimension x outputs)"),
            });
        }
        let plan = BatchPlan::new(sampling, table.samples(), sgd.batch_size());
        // column-major d x outputs is row-major outputs x d
        let position = start.as_slice().to_vec();
        let zero = vec![0.0; dimension * outputs];
        let gradient = TableGradient::new(table);
        Ok(Self {
            gradient,
            sgd: *sgd,
            processor: Processor::best(),
            batches: plan.start(),
            plan,
            stream: Stream::new(seed, chain),
            drawn: Vec::new(),
            next: 0,
            position,
            velocity: zero.clone(),
            sum: zero,
        })
    }

    /// One step of (2).
    pub fn step(&mut self) {
        // drawn in the blocks of an ensemble, of which the first has the initial state and one step less
        if self.next == self.drawn.len() {
            let steps = BLOCK_STEPS as usize - usize::from(self.drawn.is_empty());
            self.drawn.clear();
            let drawn = self.batches.draw(self.processor, &self.plan, &mut self.stream, steps);
            self.drawn.extend_from_slice(drawn);
            self.next = 0;
        }
        let batch = &self.drawn[self.next..self.next + self.plan.batch()];
        self.next += batch.len();
        self.gradient.sum(batch, &self.position, &mut self.sum);
        let scale = 1.0 / self.sgd.batch_size() as f64;
        let (rate, momentum, decay) = (self.sgd.learning_rate(), self.sgd.momentum(), self.sgd.weight_decay());
        for ((x, v), g) in self.position.iter_mut().zip(&mut self.velocity).zip(&self.sum) {
            *v = momentum * *v - scale * g - decay * *x;
            *x += rate * *v;
        }
    }

    /// theta, outputs x d.
    pub fn position(&self) -> &[f64] {
        &self.position
    }

    /// v, outputs x d.
    pub fn velocity(&self) -> &[f64] {
        &self.velocity
    }
}
