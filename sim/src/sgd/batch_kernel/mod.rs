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

use langevin_lanes::{Kernel, Lanes, Line};
use langevin_theory::Hyperparameters;

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

/// Some steps of one chain.
pub(in crate::sgd) struct BatchSteps<'a> {
    /// Rows of `lines` lines each; after the last sample one row of zeros.
    pub(in crate::sgd) features: &'a [Line],
    /// -y, samples x outputs; after the last sample zeros.
    pub(in crate::sgd) negative_targets: &'a [f64],
    /// Steps x batch.
    pub(in crate::sgd) batches: &'a [u32],
    pub(in crate::sgd) batch: usize,
    pub(in crate::sgd) update: Update,
    /// Outputs x lines.
    pub(in crate::sgd) position: &'a mut [Line],
    pub(in crate::sgd) velocity: &'a mut [Line],
    /// Scratch like `position`.
    pub(in crate::sgd) gradient: &'a mut [Line],
    /// Lines of a row.
    pub(in crate::sgd) lines: usize,
    pub(in crate::sgd) recorder: Recorder<'a>,
}

impl Kernel for BatchSteps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        if self.position.len() > self.lines {
            return self.in_memory::<L, 4>(lanes);
        }
        match self.lines {
            1 => self.of_short_rows::<L, 1>(lanes),
            2 => self.of_short_rows::<L, 2>(lanes),
            3 => self.of_short_rows::<L, 3>(lanes),
            4 => self.in_registers::<L, 4>(lanes),
            5 => self.in_registers::<L, 5>(lanes),
            6 => self.in_registers::<L, 6>(lanes),
            7 => self.in_registers::<L, 7>(lanes),
            8 => self.in_registers::<L, 8>(lanes),
            _ => self.in_memory::<L, 4>(lanes),
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
        let decay = lanes.mul(lanes.splat(-self.weight_decay), *x);
        let pull = lanes.neg_mul_add(lanes.splat(self.scale), gradient, decay);
        *v = lanes.mul_add(lanes.splat(self.momentum), *v, pull);
        *x = lanes.mul_add(lanes.splat(self.learning_rate), *v, *x);
    }
}
