//! Rows of at most 24 coordinates, one output. The table is near and instructions bind: eight samples share the sums over
//! lanes, and gradients are added in four parts, so that no addition waits for the one before.

use langevin_lanes::{Lanes, Line, hidden};

use super::{BatchSteps, CHAINS};

/// Samples taken together.
const GROUP: usize = 8;

/// Parts of a gradient: sample k of a batch goes to part k modulo their number.
const PARTS: usize = 4;

impl BatchSteps<'_> {
    /// A position of V lines.
    #[inline(always)]
    pub(super) fn of_short_rows<L: Lanes, const V: usize>(mut self, lanes: L) {
        let zero = [lanes.splat(0.0); V];
        let (mut theta, mut v) = (zero, zero);
        for j in 0..V {
            theta[j] = lanes.load(&self.position[j].0);
            v[j] = lanes.load(&self.velocity[j].0);
        }
        for batch in self.batches.chunks_exact(self.batch) {
            let mut parts = [zero; PARTS];
            let (eights, rest) = batch.as_chunks::<GROUP>();
            for eight in eights {
                self.add_eight_gradients(lanes, *eight, &theta, &mut parts);
            }
            // not by an iterator: parts that are chosen at run time would live in memory
            for k in 0..GROUP - 1 {
                if let Some(&sample) = rest.get(k) {
                    let row = &self.features.as_chunks::<V>().0[sample as usize];
                    let residual = lanes.sum(self.product(lanes, sample, row, &theta));
                    add_row(lanes, lanes.splat(residual), row, &mut parts[k % PARTS]);
                }
            }
            for j in 0..V {
                let mut gradient = parts[0][j];
                for k in 1..PARTS {
                    gradient = lanes.add(gradient, parts[k][j]);
                }
                self.update.apply(lanes, &mut theta[j], &mut v[j], gradient);
            }
            self.recorder.record_registers(lanes, &theta, &v);
        }
        for j in 0..V {
            lanes.store(theta[j], &mut self.position[j].0);
            lanes.store(v[j], &mut self.velocity[j].0);
        }
    }

    /// Product of a row with the position, minus the target, before the sum over lanes.
    #[inline(always)]
    fn product<L: Lanes, const V: usize>(&self, lanes: L, sample: u32, row: &[Line; V], theta: &[L::F; V]) -> L::F {
        let mut product = [lanes.splat(0.0); CHAINS];
        product[0] = lanes.first(self.negative_targets[sample as usize]);
        for j in 0..V {
            product[j % CHAINS] = lanes.mul_add(lanes.load(&row[j].0), theta[j], product[j % CHAINS]);
        }
        lanes.add(product[0], product[1])
    }

    /// Adds the gradients of eight samples. Their residuals are summed over lanes together, and rows are read twice: that
    /// takes fewer instructions than one sample at a time.
    #[inline(always)]
    fn add_eight_gradients<L: Lanes, const V: usize>(
        &self,
        lanes: L,
        samples: [u32; GROUP],
        theta: &[L::F; V],
        parts: &mut [[L::F; V]; PARTS],
    ) {
        let rows = self.features.as_chunks::<V>().0;
        let mut own = [&rows[0]; GROUP];
        let mut products = [lanes.splat(0.0); GROUP];
        for k in 0..GROUP {
            own[k] = &rows[samples[k] as usize];
            products[k] = self.product(lanes, samples[k], own[k], theta);
        }
        let mut residuals = [0.0; GROUP];
        lanes.store(lanes.sums(products), &mut residuals);
        for k in 0..GROUP {
            add_row(lanes, lanes.splat(residuals[k]), hidden(own[k]), &mut parts[k % PARTS]);
        }
    }
}

/// Adds a multiple of a row.
#[inline(always)]
fn add_row<L: Lanes, const V: usize>(lanes: L, residual: L::F, row: &[Line; V], sum: &mut [L::F; V]) {
    for j in 0..V {
        sum[j] = lanes.mul_add(residual, lanes.load(&row[j].0), sum[j]);
    }
}
