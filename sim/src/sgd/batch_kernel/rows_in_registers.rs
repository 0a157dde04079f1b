//! Rows of 25 to 64 coordinates, one output. The second cache binds: a row is read once, stays in registers, and is asked
//! for some samples ahead. Where registers hold no row, four samples share what is read of position and gradient.

use langevin_lanes::{Kernel, Lanes, Line, hidden_count};

use super::{BatchProblem, CHAINS, ChainSteps, Update};
use crate::sgd::recorder::Recorder;

/// How many samples ahead a row is asked for.
const AHEAD: usize = 10;

/// Samples whose residuals are summed over lanes together, where registers are few.
const FOUR: usize = 4;

/// Samples taken together where registers are few.
const GROUP: usize = 2 * FOUR;

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
            if L::REGISTERS < 2 * V {
                let (groups, rest) = batch.as_chunks::<GROUP>();
                for group in groups {
                    self.add_group(lanes, rows, *group, &theta, &mut gradient);
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

    /// Adds the gradients of a group of samples where registers hold neither a row nor the position: what is read of
    /// position and gradient serves several samples. The loops over lines stay loops: unrolled, the compiler moves everything
    /// to the stack and back.
    #[inline(always)]
    fn add_group<L: Lanes, const V: usize>(
        &self,
        lanes: L,
        rows: &[[Line; V]],
        samples: [u32; GROUP],
        theta: &[L::F; V],
        gradient: &mut [L::F; V],
    ) {
        let mut own = [&rows[0]; GROUP];
        let mut targets = [0.0; GROUP];
        for k in 0..GROUP {
            own[k] = &rows[samples[k] as usize];
            targets[k] = self.negative_targets[samples[k] as usize];
        }
        // not in a loop: residuals that are chosen at run time would live in memory
        let low =
            residuals(lanes, [own[0], own[1], own[2], own[3]], [targets[0], targets[1], targets[2], targets[3]], theta);
        let high =
            residuals(lanes, [own[4], own[5], own[6], own[7]], [targets[4], targets[5], targets[6], targets[7]], theta);
        let mut j = 0;
        while j < V {
            let mut sum = gradient[j];
            for k in 0..GROUP {
                let residual = if k < FOUR { low[k] } else { high[k - FOUR] };
                sum = lanes.mul_add(residual, lanes.load(&own[k][j].0), sum);
            }
            gradient[j] = sum;
            j = hidden_count(j + 1);
        }
    }
}

/// Residuals of four samples, each in all lanes.
#[inline(always)]
fn residuals<L: Lanes, const V: usize>(
    lanes: L,
    rows: [&[Line; V]; FOUR],
    negative_targets: [f64; FOUR],
    theta: &[L::F; V],
) -> [L::F; FOUR] {
    if L::REGISTERS >= 2 * FOUR {
        lanes.spread_sums(products(lanes, rows, negative_targets, theta))
    } else {
        let [first, second] = lanes.spread_half_sums(half_products(lanes, rows, negative_targets, theta));
        let ([first, second], [third, fourth]) =
            (lanes.exchange_halves(first, first), lanes.exchange_halves(second, second));
        [first, second, third, fourth]
    }
}

/// Products of four rows with the position, minus the targets, before the sums over lanes.
#[inline(always)]
fn products<L: Lanes, const V: usize>(
    lanes: L,
    rows: [&[Line; V]; FOUR],
    negative_targets: [f64; FOUR],
    theta: &[L::F; V],
) -> [L::F; FOUR] {
    let mut even = [lanes.splat(0.0); FOUR];
    for k in 0..FOUR {
        even[k] = lanes.first(negative_targets[k]);
    }
    let even = chain_of_products(lanes, rows, theta, 0, even);
    let mut sums = chain_of_products(lanes, rows, theta, 1, [lanes.splat(0.0); FOUR]);
    for k in 0..FOUR {
        sums[k] = lanes.add(even[k], sums[k]);
    }
    sums
}

/// Adds the products of every other line to sums.
#[inline(always)]
fn chain_of_products<L: Lanes, const V: usize>(
    lanes: L,
    rows: [&[Line; V]; FOUR],
    theta: &[L::F; V],
    first: usize,
    mut sums: [L::F; FOUR],
) -> [L::F; FOUR] {
    let mut j = first;
    while j < V {
        for k in 0..FOUR {
            sums[k] = lanes.mul_add(lanes.load(&rows[k][j].0), theta[j], sums[k]);
        }
        if V.is_multiple_of(2 * CHAINS) {
            j += CHAINS;
            for k in 0..FOUR {
                sums[k] = lanes.mul_add(lanes.load(&rows[k][j].0), theta[j], sums[k]);
            }
        }
        j = hidden_count(j + CHAINS);
    }
    sums
}

/// The same where registers hold two sums and little else: two rows to a sum, and all lines added to the same four lanes of
/// each. It is the one kernel that adds in an order of its own; where it runs, products are rounded on their own anyway.
#[inline(always)]
fn half_products<L: Lanes, const V: usize>(
    lanes: L,
    rows: [&[Line; V]; FOUR],
    negative_targets: [f64; FOUR],
    theta: &[L::F; V],
) -> [L::F; 2] {
    let target = |k: usize| [negative_targets[k], 0.0, 0.0, 0.0];
    let mut sums = [lanes.load_pair(&target(0), &target(1)), lanes.load_pair(&target(2), &target(3))];
    let mut j = 0;
    while j < V {
        let halves = lanes.exchange_halves(theta[j], theta[j]);
        for part in 0..2 {
            for k in 0..2 {
                let row = lanes.load_pair(rows[2 * k][j].half(part), rows[2 * k + 1][j].half(part));
                sums[k] = lanes.mul_add(row, halves[part], sums[k]);
            }
        }
        j = hidden_count(j + 1);
    }
    sums
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
