//! Rows of at most 24 coordinates, one output. The table is near and arithmetic binds: two samples share a register, half
//! of it each, a row is read once and goes on with its -y, which the position meets with a 1. The end of a step waits for its
//! sums; chains that run together fill the wait with each other's work.

use langevin_lanes::{LANES, Lanes, Line, PickedRows, as_values_mut, hidden};

use super::{BatchProblem, ChainSteps};
use crate::sgd::recorder::Recorder;

/// Coordinates of the longest short row.
pub(super) const LONGEST: usize = 3 * LANES;

/// Samples whose residuals are summed over lanes together: two registers of products.
const FOUR: usize = 4;

/// Samples taken together.
const GROUP: usize = 2 * FOUR;

/// A chain under way, with the batches it has not seen.
struct Running<'a, 'b, B, const V: usize> {
    batches: B,
    position: &'a mut [Line; V],
    velocity: &'a mut [Line; V],
    recorder: &'a mut Recorder<'b>,
}

impl BatchProblem<'_> {
    /// Positions of V lines, of which Q halves are in use.
    #[inline(always)]
    pub(super) fn of_short_rows<L: Lanes, const V: usize, const Q: usize>(
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
            // where the target is, the velocity stays 0 and the position 1
            let place = recorder.dimension;
            as_values_mut(position)[place] = 1.0;
            as_values_mut(&mut scale)[place] = 0.0;
            as_values_mut(&mut negative_decay)[place] = 0.0;
            let Some(position) = position.first_chunk_mut::<V>() else { return };
            let Some(velocity) = velocity.first_chunk_mut::<V>() else { return };
            running.push(Running { batches, position, velocity, recorder });
        }
        for _ in 0..steps {
            for chain in &mut running {
                let Some(batch) = chain.batches.next() else { continue };
                let gradient = short_gradient::<L, V, Q>(lanes, batch, chain.position);
                let mut theta = [lanes.splat(0.0); V];
                let mut v = theta;
                for j in 0..V {
                    theta[j] = lanes.load(&chain.position[j].0);
                    v[j] = lanes.load(&chain.velocity[j].0);
                    let (scale, negative_decay) = (lanes.load(&scale[j].0), lanes.load(&negative_decay[j].0));
                    update.apply_scaled(lanes, &mut theta[j], &mut v[j], gradient[j], scale, negative_decay);
                    lanes.store(theta[j], &mut chain.position[j].0);
                    lanes.store(v[j], &mut chain.velocity[j].0);
                }
                chain.recorder.record_registers(lanes, &theta, &v);
            }
        }
        for chain in running {
            as_values_mut(chain.position)[chain.recorder.dimension] = 0.0;
        }
    }
}

/// Sum of the gradients of a batch.
#[inline(always)]
fn short_gradient<L: Lanes, const V: usize, const Q: usize>(
    lanes: L,
    batch: PickedRows<'_, V>,
    position: &[Line; V],
) -> [L::F; V] {
    let mut theta = [lanes.splat(0.0); Q];
    for q in 0..Q {
        theta[q] = lanes.load_twice(position[q / 2].half(q % 2));
    }
    let mut sums = [lanes.splat(0.0); Q];
    for rows in batch.groups::<GROUP>() {
        add_gradients(lanes, [rows[0], rows[1], rows[2], rows[3]], &theta, &mut sums);
        add_gradients(lanes, [rows[4], rows[5], rows[6], rows[7]], &theta, &mut sums);
    }
    let rest = batch.rest::<GROUP>();
    // rows of zeros, which add nothing, fill the last four
    let zeros = [Line::ZERO; V];
    for four in 0..rest.numbers().len().div_ceil(FOUR) {
        let mut rows = [&zeros; FOUR];
        for (k, row) in rows.iter_mut().enumerate() {
            *row = rest.row(FOUR * four + k).unwrap_or(&zeros);
        }
        add_gradients(lanes, rows, &theta, &mut sums);
    }
    let mut gradient = [lanes.splat(0.0); V];
    for j in 0..V {
        let high = if 2 * j + 1 < Q { sums[2 * j + 1] } else { lanes.splat(0.0) };
        gradient[j] = lanes.add_halves(sums[2 * j], high);
    }
    gradient
}

/// Adds the gradients of four samples to sums with a half for every other sample. Rows stay in registers or, where those are
/// few, are read twice.
#[inline(always)]
fn add_gradients<L: Lanes, const V: usize, const Q: usize>(
    lanes: L,
    rows: [&[Line; V]; FOUR],
    theta: &[L::F; Q],
    sums: &mut [L::F; Q],
) {
    let mut x = [[lanes.splat(0.0); Q]; FOUR / 2];
    let mut products = [lanes.splat(0.0); FOUR / 2];
    for pair in 0..FOUR / 2 {
        for q in 0..Q {
            x[pair][q] = read_pair(lanes, &rows, pair, q);
            products[pair] = if q == 0 {
                lanes.mul(x[pair][q], theta[q])
            } else {
                lanes.mul_add(x[pair][q], theta[q], products[pair])
            };
        }
    }
    let residuals = lanes.spread_half_sums(products);
    let rows = if 6 * Q < L::REGISTERS { rows } else { rows.map(hidden) };
    for pair in 0..FOUR / 2 {
        for q in 0..Q {
            let x = if 6 * Q < L::REGISTERS { x[pair][q] } else { read_pair(lanes, &rows, pair, q) };
            sums[q] = lanes.mul_add(residuals[pair], x, sums[q]);
        }
    }
}

/// Half q of two rows.
#[inline(always)]
fn read_pair<L: Lanes, const V: usize>(lanes: L, rows: &[&[Line; V]; FOUR], pair: usize, q: usize) -> L::F {
    lanes.load_pair(rows[2 * pair][q / 2].half(q % 2), rows[2 * pair + 1][q / 2].half(q % 2))
}
