//! Rows of 25 to 64 coordinates, one output. The second cache binds: a row is read once, stays in registers, and is asked
//! for some samples ahead. Where registers hold no row, four samples share what is read of position and gradient.

use langevin_lanes::{Kernel, Lanes, Line, hidden};

use super::{BatchProblem, CHAINS, ChainSteps, Update};
use crate::sgd::recorder::Recorder;

/// How many samples ahead a row is asked for.
const AHEAD: usize = 10;

/// Samples taken together where registers are few.
const FEW: usize = 6;

/// Some steps of one chain: a kernel of its own, which the compiler gives all registers.
pub(in crate::sgd) struct RegisterSteps<'a> {
    features: &'a [Line],
    negative_targets: &'a [f64],
    batches: &'a [u32],
    batch: usize,
    update: Update,
    position: &'a mut [Line],
    velocity: &'a mut [Line],
    lines: usize,
    recorder: Recorder<'a>,
}

impl Kernel for RegisterSteps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        match self.lines {
            4 => self.in_registers::<L, 4>(lanes),
            5 => self.in_registers::<L, 5>(lanes),
            6 => self.in_registers::<L, 6>(lanes),
            7 => self.in_registers::<L, 7>(lanes),
            _ => self.in_registers::<L, 8>(lanes),
        }
    }
}

impl<'a> RegisterSteps<'a> {
    /// For rows of 4 to 8 lines.
    pub(super) fn new(problem: BatchProblem<'a>, chain: ChainSteps<'a>) -> Self {
        let BatchProblem { features, negative_targets, batch, update, lines, .. } = problem;
        let ChainSteps { batches, position, velocity, recorder, .. } = chain;
        Self { features, negative_targets, batches, batch, update, position, velocity, lines, recorder }
    }
}

impl RegisterSteps<'_> {
    /// A position of V lines.
    #[inline(always)]
    fn in_registers<L: Lanes, const V: usize>(mut self, lanes: L) {
        let rows = self.features.as_chunks::<V>().0;
        let zero = lanes.splat(0.0);
        let (mut theta, mut v) = ([zero; V], [zero; V]);
        for j in 0..V {
            theta[j] = lanes.load(&self.position[j].0);
            v[j] = lanes.load(&self.velocity[j].0);
        }
        let mut ahead = self.batches;
        for batch in self.batches.chunks_exact(self.batch) {
            let mut gradient = [zero; V];
            let mut samples = batch;
            if L::REGISTERS == 8 {
                let (groups, rest) = batch.as_chunks::<FEW>();
                for group in groups {
                    self.add_few_gradients(lanes, rows, *group, &theta, &mut gradient);
                }
                samples = rest;
            }
            for &sample in samples {
                prefetch_row(lanes, rows, &mut ahead);
                self.add_gradient(lanes, rows, sample, &theta, &mut gradient);
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

    /// Adds the gradient of one sample. Its row is read once and stays in registers.
    #[inline(always)]
    fn add_gradient<L: Lanes, const V: usize>(
        &self,
        lanes: L,
        rows: &[[Line; V]],
        sample: u32,
        theta: &[L::F; V],
        gradient: &mut [L::F; V],
    ) {
        let row = &rows[sample as usize];
        let mut x = [lanes.splat(0.0); V];
        let mut product = [lanes.splat(0.0); CHAINS];
        product[0] = lanes.first(self.negative_targets[sample as usize]);
        for j in 0..V {
            x[j] = lanes.load(&row[j].0);
            product[j % CHAINS] = lanes.mul_add(x[j], theta[j], product[j % CHAINS]);
        }
        let residual = lanes.splat(lanes.sum(lanes.add(product[0], product[1])));
        for j in 0..V {
            gradient[j] = lanes.mul_add(residual, x[j], gradient[j]);
        }
    }

    /// Adds the gradients of a few samples where registers hold neither a row nor the position: both, and the gradient, are
    /// read once for all of them.
    #[inline(always)]
    fn add_few_gradients<L: Lanes, const V: usize>(
        &self,
        lanes: L,
        rows: &[[Line; V]],
        samples: [u32; FEW],
        theta: &[L::F; V],
        gradient: &mut [L::F; V],
    ) {
        let mut own = [&rows[0]; FEW];
        let mut products = [[lanes.splat(0.0); CHAINS]; FEW];
        for k in 0..FEW {
            own[k] = &rows[samples[k] as usize];
            products[k][0] = lanes.first(self.negative_targets[samples[k] as usize]);
        }
        // one chain after the other: half the accumulators at a time
        for chain in 0..CHAINS {
            for j in (chain..V).step_by(CHAINS) {
                for k in 0..FEW {
                    let product = &mut products[k][chain];
                    *product = lanes.mul_add(lanes.load(&own[k][j].0), theta[j], *product);
                }
            }
        }
        let mut residuals = [lanes.splat(0.0); FEW];
        for k in 0..FEW {
            residuals[k] = lanes.splat(lanes.sum(lanes.add(products[k][0], products[k][1])));
            own[k] = hidden(own[k]);
        }
        for j in 0..V {
            for k in 0..FEW {
                gradient[j] = lanes.mul_add(residuals[k], lanes.load(&own[k][j].0), gradient[j]);
            }
        }
    }
}

/// Asks for the row that will be gathered some samples later.
#[inline(always)]
fn prefetch_row<L: Lanes, const V: usize>(lanes: L, rows: &[[Line; V]], ahead: &mut &[u32]) {
    *ahead = ahead.get(1..).unwrap_or_default();
    if let Some(row) = ahead.get(AHEAD).and_then(|&sample| rows.get(sample as usize)) {
        for line in row {
            lanes.prefetch(line);
        }
    }
}
