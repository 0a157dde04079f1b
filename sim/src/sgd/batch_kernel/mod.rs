//! The recursion with true minibatch noise for many steps at a time: gather the rows of a batch, their residuals, the
//! gradient, the update (2), and a record of the state.
//!
//! ```text
//! r_n = x_n . theta - y_n,   g = sum_n r_n x_n,   v' = beta v - g/S - lambda theta,   theta' = theta + eta v'
//! ```
//!
//! What binds decides the form: [`short_rows`], [`rows_in_registers`], [`rows_in_memory`]. For a given dimension every sum
//! has one order, so numbers depend on the instruction set only through fused or unfused multiply-adds.

mod rows_in_memory;
mod rows_in_registers;
mod short_rows;

use langevin_lanes::{HALF, Kernel, Lanes, Line, Processor};
use langevin_theory::Hyperparameters;

use self::rows_in_registers::RegisterSteps;
use super::recorder::Recorder;

/// Chains of additions in the product of a row with the position: with one the processor waits.
const CHAINS: usize = 2;

/// Constants of the update (2).
#[derive(Clone, Copy, Debug)]
pub(in crate::sgd) struct Update {
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    scale: f64,
}

/// What all chains share.
#[derive(Clone, Copy)]
pub(in crate::sgd) struct BatchProblem<'a> {
    /// Rows of `lines` lines each; after the last sample one row of zeros. Short rows go on with their -y.
    pub(in crate::sgd) features: &'a [Line],
    /// -y, samples x outputs; after the last sample zeros.
    pub(in crate::sgd) negative_targets: &'a [f64],
    pub(in crate::sgd) batch: usize,
    pub(in crate::sgd) update: Update,
    /// Lines of a row.
    pub(in crate::sgd) lines: usize,
}

/// Some steps of some chains, as many of each.
pub(in crate::sgd) struct BatchSteps<'a> {
    pub(in crate::sgd) problem: BatchProblem<'a>,
    pub(in crate::sgd) chains: Vec<ChainSteps<'a>>,
}

/// Some steps of one chain.
pub(in crate::sgd) struct ChainSteps<'a> {
    /// Steps x batch.
    pub(in crate::sgd) batches: &'a [u32],
    /// Outputs x lines.
    pub(in crate::sgd) position: &'a mut [Line],
    pub(in crate::sgd) velocity: &'a mut [Line],
    /// Scratch like `position`.
    pub(in crate::sgd) gradient: &'a mut [Line],
    pub(in crate::sgd) recorder: Recorder<'a>,
}

impl BatchSteps<'_> {
    /// Runs them in the form that suits the rows.
    pub(in crate::sgd) fn run_on(self, processor: Processor) {
        let problem = self.problem;
        let one_output = self.chains.iter().all(|chain| chain.position.len() == problem.lines);
        let short = self.chains.first().is_some_and(|chain| rows_are_short(chain.recorder.dimension, 1));
        if one_output && !short && (4..=8).contains(&problem.lines) {
            self.chains.into_iter().for_each(|chain| processor.run(RegisterSteps::new(problem, chain)));
        } else {
            processor.run(self);
        }
    }
}

/// Whether rows are short: chains are then best run several at a time.
pub(in crate::sgd) fn rows_are_short(dimension: usize, outputs: usize) -> bool {
    outputs == 1 && dimension <= short_rows::LONGEST
}

impl Kernel for BatchSteps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let problem = self.problem;
        if let Some(chain) = self.chains.first()
            && rows_are_short(chain.recorder.dimension, chain.position.len() / problem.lines)
        {
            return match (chain.recorder.dimension + 1).div_ceil(HALF) {
                1 => problem.of_short_rows::<L, 1, 1>(lanes, &mut self.chains),
                2 => problem.of_short_rows::<L, 1, 2>(lanes, &mut self.chains),
                3 => problem.of_short_rows::<L, 2, 3>(lanes, &mut self.chains),
                4 => problem.of_short_rows::<L, 2, 4>(lanes, &mut self.chains),
                5 => problem.of_short_rows::<L, 3, 5>(lanes, &mut self.chains),
                6 => problem.of_short_rows::<L, 3, 6>(lanes, &mut self.chains),
                _ => problem.of_short_rows::<L, 4, 7>(lanes, &mut self.chains),
            };
        }
        for chain in self.chains {
            problem.in_memory::<L, 4>(lanes, chain);
        }
    }
}

impl Update {
    /// `scale` is the factor of the gradient: 1/S for a sum over a batch.
    pub(in crate::sgd) fn new(sgd: &Hyperparameters, scale: f64) -> Self {
        Self { learning_rate: sgd.learning_rate(), momentum: sgd.momentum(), weight_decay: sgd.weight_decay(), scale }
    }

    /// v' = beta v - scale g - lambda x, x' = x + eta v'.
    #[inline(always)]
    pub(in crate::sgd) fn apply<L: Lanes>(self, lanes: L, x: &mut L::F, v: &mut L::F, gradient: L::F) {
        let (scale, decay) = (lanes.splat(self.scale), lanes.splat(-self.weight_decay));
        self.apply_scaled(lanes, x, v, gradient, scale, decay);
    }

    /// The same with a scale and a minus lambda of its own for each coordinate.
    #[inline(always)]
    fn apply_scaled<L: Lanes>(
        self,
        lanes: L,
        x: &mut L::F,
        v: &mut L::F,
        gradient: L::F,
        scale: L::F,
        negative_decay: L::F,
    ) {
        let pull = lanes.neg_mul_add(scale, gradient, lanes.mul(negative_decay, *x));
        *v = lanes.mul_add(lanes.splat(self.momentum), *v, pull);
        *x = lanes.mul_add(lanes.splat(self.learning_rate), *v, *x);
    }
}
