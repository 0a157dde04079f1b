//! The recursion with true minibatch noise for many steps at a time: gather the rows of a batch, their residuals, the
//! gradient, the update (2), and a record of the state.
//!
//! ```text
//! r_n = x_n . theta - y_n,   g = sum_n r_n x_n,   v' = beta v - g/S - lambda theta,   theta' = theta + eta v'
//! ```
//!
//! Samples are taken eight at a time: their residuals are summed over lanes together, and gradients are added sample after
//! sample in the order of the batch. Every sum has one order, whatever the grouping, so numbers depend on the instruction
//! set only through fused or unfused multiply-adds.

use langevin_lanes::{Kernel, LANES, Lanes, Line};
use langevin_theory::Hyperparameters;

use super::recorder::Recorder;

/// Most lines of a position that is kept in registers.
const MOST_IN_REGISTERS: usize = 8;

/// Samples taken together.
const GROUP: usize = 8;

/// Constants of the update (2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    scale: f64,
}

/// Some steps of one chain.
pub(super) struct BatchSteps<'a> {
    /// Rows of `lines` lines each; after the last sample one row of zeros.
    pub(super) features: &'a [Line],
    /// -y, samples x outputs; after the last sample zeros.
    pub(super) negative_targets: &'a [f64],
    /// Steps x batch.
    pub(super) batches: &'a [u32],
    pub(super) batch: usize,
    pub(super) update: Update,
    /// Outputs x lines.
    pub(super) position: &'a mut [Line],
    pub(super) velocity: &'a mut [Line],
    /// Scratch like `position`.
    pub(super) gradient: &'a mut [Line],
    /// Lines of a row.
    pub(super) lines: usize,
    pub(super) recorder: Recorder<'a>,
}

impl Kernel for BatchSteps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        if self.position.len() > self.lines || self.lines > MOST_IN_REGISTERS {
            return self.in_memory(lanes);
        }
        match self.lines {
            1 => self.in_registers::<L, 1>(lanes),
            2 => self.in_registers::<L, 2>(lanes),
            3 => self.in_registers::<L, 3>(lanes),
            4 => self.in_registers::<L, 4>(lanes),
            5 => self.in_registers::<L, 5>(lanes),
            6 => self.in_registers::<L, 6>(lanes),
            7 => self.in_registers::<L, 7>(lanes),
            _ => self.in_registers::<L, MOST_IN_REGISTERS>(lanes),
        }
    }
}

impl BatchSteps<'_> {
    /// One output and a position of V lines.
    #[inline(always)]
    fn in_registers<L: Lanes, const V: usize>(mut self, lanes: L) {
        let rows = self.features.as_chunks::<V>().0;
        let zero = lanes.splat(0.0);
        let (mut theta, mut v) = ([zero; V], [zero; V]);
        for j in 0..V {
            theta[j] = lanes.load(&self.position[j].0);
            v[j] = lanes.load(&self.velocity[j].0);
        }
        for batch in self.batches.chunks_exact(self.batch) {
            let mut gradient = [zero; V];
            let (eights, rest) = batch.as_chunks::<GROUP>();
            for eight in eights {
                add_gradients(lanes, rows, self.negative_targets, *eight, &theta, &mut gradient);
            }
            if !rest.is_empty() {
                let padding = (rows.len() - 1) as u32;
                let mut eight = [padding; GROUP];
                eight[..rest.len()].copy_from_slice(rest);
                add_gradients(lanes, rows, self.negative_targets, eight, &theta, &mut gradient);
            }
            for j in 0..V {
                self.update.apply(lanes, &mut theta[j], &mut v[j], gradient[j]);
            }
            self.recorder.record_registers(lanes, &theta, &v);
        }
        for j in 0..V {
            lanes.store(theta[j], &mut self.position[j].0);
            lanes.store(v[j], &mut self.velocity[j].0);
        }
    }

    /// Any number of outputs and lines.
    #[inline(always)]
    fn in_memory<L: Lanes>(mut self, lanes: L) {
        let (lines, outputs) = (self.lines, self.position.len() / self.lines);
        let padding = (self.features.len() / lines - 1) as u32;
        for batch in self.batches.chunks_exact(self.batch) {
            self.gradient.fill(Line::default());
            for group in batch.chunks(GROUP) {
                let mut eight = [padding; GROUP];
                eight[..group.len()].copy_from_slice(group);
                let rows = eight.map(|sample| &self.features[sample as usize * lines..][..lines]);
                for output in 0..outputs {
                    let theta = &self.position[output * lines..][..lines];
                    let mut products =
                        eight.map(|sample| lanes.first(self.negative_targets[sample as usize * outputs + output]));
                    for j in 0..lines {
                        let theta = lanes.load(&theta[j].0);
                        for k in 0..GROUP {
                            products[k] = lanes.mul_add(lanes.load(&rows[k][j].0), theta, products[k]);
                        }
                    }
                    let mut residuals = [0.0; GROUP];
                    lanes.store(lanes.sums(products), &mut residuals);
                    let residuals = residuals.map(|residual| lanes.splat(residual));
                    for (j, sum) in self.gradient[output * lines..][..lines].iter_mut().enumerate() {
                        let mut total = lanes.load(&sum.0);
                        for k in 0..GROUP {
                            total = lanes.mul_add(residuals[k], lanes.load(&rows[k][j].0), total);
                        }
                        lanes.store(total, &mut sum.0);
                    }
                }
            }
            for ((x, v), gradient) in self.position.iter_mut().zip(self.velocity.iter_mut()).zip(self.gradient.iter()) {
                let (mut theta, mut velocity) = (lanes.load(&x.0), lanes.load(&v.0));
                self.update.apply(lanes, &mut theta, &mut velocity, lanes.load(&gradient.0));
                lanes.store(theta, &mut x.0);
                lanes.store(velocity, &mut v.0);
            }
            self.recorder.record(lines, self.position, self.velocity);
        }
    }
}

impl Update {
    /// `scale` is the factor of the gradient: 1/S for a sum over a batch.
    pub(super) fn new(sgd: &Hyperparameters, scale: f64) -> Self {
        Self { learning_rate: sgd.learning_rate(), momentum: sgd.momentum(), weight_decay: sgd.weight_decay(), scale }
    }

    /// v' = beta v - scale g - lambda x, x' = x + eta v'.
    #[inline(always)]
    pub(super) fn apply<L: Lanes>(self, lanes: L, x: &mut L::F, v: &mut L::F, gradient: L::F) {
        let decay = lanes.mul(lanes.splat(-self.weight_decay), *x);
        let pull = lanes.neg_mul_add(lanes.splat(self.scale), gradient, decay);
        *v = lanes.mul_add(lanes.splat(self.momentum), *v, pull);
        *x = lanes.mul_add(lanes.splat(self.learning_rate), *v, *x);
    }
}

/// Adds the gradients of eight samples.
#[inline(always)]
fn add_gradients<L: Lanes, const V: usize>(
    lanes: L,
    features: &[[Line; V]],
    negative_targets: &[f64],
    samples: [u32; GROUP],
    theta: &[L::F; V],
    gradient: &mut [L::F; V],
) {
    let zero = lanes.splat(0.0);
    let mut products = [zero; GROUP];
    let mut rows = [&features[0]; GROUP];
    for k in 0..GROUP {
        rows[k] = &features[samples[k] as usize];
        products[k] = lanes.first(negative_targets[samples[k] as usize]);
    }
    for j in 0..V {
        for k in 0..GROUP {
            products[k] = lanes.mul_add(lanes.load(&rows[k][j].0), theta[j], products[k]);
        }
    }
    let mut residuals = [0.0; LANES];
    lanes.store(lanes.sums(products), &mut residuals);
    for k in 0..GROUP {
        let residual = lanes.splat(residuals[k]);
        for j in 0..V {
            gradient[j] = lanes.mul_add(residual, lanes.load(&rows[k][j].0), gradient[j]);
        }
    }
}
