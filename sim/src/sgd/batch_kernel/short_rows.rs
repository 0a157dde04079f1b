//! Rows of at most 24 coordinates, one output. The table is near and arithmetic binds: a row is read once and stays in
//! registers, four samples share the sums over lanes, and a row that has room carries its -y, which the position meets with
//! a 1. The end of a step waits for its sums; chains that run together fill the wait with each other's work.

use langevin_lanes::{LANES, Lanes, Line, PickedRows, as_values_mut, hidden};

use super::{BatchProblem, ChainSteps};
use crate::sgd::recorder::Recorder;

/// Coordinates of the longest short row.
pub(super) const LONGEST: usize = 3 * LANES;

/// Samples whose residuals are summed over lanes together.
const FOUR: usize = 4;

/// Samples taken together.
const GROUP: usize = 2 * FOUR;

/// Parts of a gradient: sample k of a batch goes to part k modulo their number.
const PARTS: usize = 2;

/// A chain under way, with the batches it has not seen.
struct Running<'a, 'b, B, const V: usize> {
    batches: B,
    position: &'a mut [Line; V],
    velocity: &'a mut [Line; V],
    recorder: &'a mut Recorder<'b>,
}

impl BatchProblem<'_> {
    /// Positions of V lines. With `IN_ROWS` rows hold their targets.
    #[inline(always)]
    pub(super) fn of_short_rows<L: Lanes, const V: usize, const IN_ROWS: bool>(
        &self,
        lanes: L,
        chains: &mut [ChainSteps<'_>],
    ) {
        let update = self.update;
        let mut scale = [Line([update.scale; LANES]); V];
        let mut negative_decay = [Line([-update.weight_decay; LANES]); V];
        let steps = chains.iter().map(|chain| chain.batches.len() / self.batch).min().unwrap_or(0);
        let mut running = Vec::with_capacity(chains.len());
        for chain in chains.iter_mut() {
            let ChainSteps { batches, position, velocity, recorder, .. } = chain;
            let batches = PickedRows::<V>::new(self.features, batches).lists(self.batch);
            if IN_ROWS {
                // where the target is, the velocity stays 0 and the position 1
                let place = recorder.dimension;
                as_values_mut(position)[place] = 1.0;
                as_values_mut(&mut scale)[place] = 0.0;
                as_values_mut(&mut negative_decay)[place] = 0.0;
            }
            let Some(position) = position.first_chunk_mut::<V>() else { return };
            let Some(velocity) = velocity.first_chunk_mut::<V>() else { return };
            running.push(Running { batches, position, velocity, recorder });
        }
        for _ in 0..steps {
            for chain in &mut running {
                let Some(batch) = chain.batches.next() else { continue };
                let mut theta = [lanes.splat(0.0); V];
                let mut v = theta;
                for j in 0..V {
                    theta[j] = lanes.load(&chain.position[j].0);
                    v[j] = lanes.load(&chain.velocity[j].0);
                }
                let gradient = self.short_gradient::<L, V, IN_ROWS>(lanes, batch, &theta);
                for j in 0..V {
                    let (scale, negative_decay) = (lanes.load(&scale[j].0), lanes.load(&negative_decay[j].0));
                    update.apply_scaled(lanes, &mut theta[j], &mut v[j], gradient[j], scale, negative_decay);
                    lanes.store(theta[j], &mut chain.position[j].0);
                    lanes.store(v[j], &mut chain.velocity[j].0);
                }
                chain.recorder.record_registers(lanes, &theta, &v);
            }
        }
        if IN_ROWS {
            for chain in running {
                as_values_mut(chain.position)[chain.recorder.dimension] = 0.0;
            }
        }
    }

    /// Sum of the gradients of a batch.
    #[inline(always)]
    fn short_gradient<L: Lanes, const V: usize, const IN_ROWS: bool>(
        &self,
        lanes: L,
        batch: PickedRows<'_, V>,
        theta: &[L::F; V],
    ) -> [L::F; V] {
        let mut parts = [[lanes.splat(0.0); V]; PARTS];
        for (rows, numbers) in batch.groups::<GROUP>().zip(batch.numbers().as_chunks::<GROUP>().0) {
            self.add_gradients::<L, V, IN_ROWS>(lanes, rows, numbers, theta, &mut parts);
        }
        let rest = batch.rest::<GROUP>();
        // not by an iterator: parts that are chosen at run time would live in memory
        for k in 0..GROUP - 1 {
            if let Some(row) = rest.row(k) {
                let mut x = [lanes.splat(0.0); V];
                for j in 0..V {
                    x[j] = lanes.load(&row[j].0);
                }
                let product = self.product::<L, V, IN_ROWS>(lanes, rest.numbers()[k], &x, theta);
                let residual = lanes.splat(lanes.sum(product));
                for j in 0..V {
                    parts[k % PARTS][j] = lanes.mul_add(residual, x[j], parts[k % PARTS][j]);
                }
            }
        }
        let mut gradient = parts[0];
        for j in 0..V {
            for k in 1..PARTS {
                gradient[j] = lanes.add(gradient[j], parts[k][j]);
            }
        }
        gradient
    }

    /// Product of a row with the position, minus the target, before the sum over lanes.
    #[inline(always)]
    fn product<L: Lanes, const V: usize, const IN_ROWS: bool>(
        &self,
        lanes: L,
        sample: u32,
        x: &[L::F; V],
        theta: &[L::F; V],
    ) -> L::F {
        let mut product = if IN_ROWS {
            lanes.mul(x[0], theta[0])
        } else {
            lanes.mul_add(x[0], theta[0], lanes.first(self.negative_targets[sample as usize]))
        };
        for j in 1..V {
            product = lanes.mul_add(x[j], theta[j], product);
        }
        product
    }

    /// Adds the gradients of a group of samples, whose rows stay in registers or, where registers are few, are read twice.
    #[inline(always)]
    fn add_gradients<L: Lanes, const V: usize, const IN_ROWS: bool>(
        &self,
        lanes: L,
        rows: [&[Line; V]; GROUP],
        numbers: &[u32; GROUP],
        theta: &[L::F; V],
        parts: &mut [[L::F; V]; PARTS],
    ) {
        let mut x = [[lanes.splat(0.0); V]; GROUP];
        let mut products = [[lanes.splat(0.0); FOUR]; GROUP / FOUR];
        for k in 0..GROUP {
            for j in 0..V {
                x[k][j] = lanes.load(&rows[k][j].0);
            }
            products[k / FOUR][k % FOUR] = self.product::<L, V, IN_ROWS>(lanes, numbers[k], &x[k], theta);
        }
        for four in 0..GROUP / FOUR {
            let residuals = lanes.spread_sums(products[four]);
            for k in 0..FOUR {
                let sample = FOUR * four + k;
                for j in 0..V {
                    let x =
                        if GROUP * V < L::REGISTERS { x[sample][j] } else { lanes.load(&hidden(rows[sample])[j].0) };
                    let sum = &mut parts[sample % PARTS][j];
                    *sum = lanes.mul_add(residuals[k], x, *sum);
                }
            }
        }
    }
}
