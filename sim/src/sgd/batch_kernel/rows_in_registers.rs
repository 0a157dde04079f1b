//! Rows of 25 to 64 coordinates, one output. The second cache binds: a row is read once, stays in registers, and is asked
//! for some samples ahead. Where registers hold no row, four samples share what is read of position and gradient.

use langevin_lanes::{Kernel, Lanes, Line, hidden_count};

use super::{BatchProblem, CHAINS, ChainSteps, Update};
use crate::sgd::recorder::Recorder;

/// How many samples ahead a row is asked for.
const AHEAD: usize = 10;

/// Samples whose residuals are summed over lanes together, where registers are few.
const FOUR: usize = 4;

/// Fewer registers than this hold two sums and little else.
const FEW: usize = 2 * FOUR;

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
        let own_four = |first: usize| [own[first], own[first + 1], own[first + 2], own[first + 3]];
        let targets_of_four = |first: usize| [0, 1, 2, 3].map(|k| targets[first + k]);
        let [low, high] = if L::REGISTERS < FEW {
            let [low, high] = quarter_products(lanes, own, targets, theta);
            [lanes.spread_quarter_sums(low), lanes.spread_quarter_sums(high)]
        } else {
            let low = products(lanes, own_four(0), targets_of_four(0), theta);
            let high = products(lanes, own_four(FOUR), targets_of_four(FOUR), theta);
            [lanes.spread_sums(low), lanes.spread_sums(high)]
        };
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

/// Products of eight rows where registers hold two sums and little else: four rows to a sum, and all values of a row added to
/// the same two lanes. It is the one kernel that adds in an order of its own; where it runs, products are rounded on their
/// own anyway.
#[inline(always)]
fn quarter_products<L: Lanes, const V: usize>(
    lanes: L,
    rows: [&[Line; V]; GROUP],
    negative_targets: [f64; GROUP],
    theta: &[L::F; V],
) -> [L::F; 2] {
    let mut sums = [lanes.splat(0.0); 2];
    for (half, targets) in negative_targets.as_chunks::<FOUR>().0.iter().enumerate() {
        sums[half] =
            lanes.load_quarters([&[targets[0], 0.0], &[targets[1], 0.0], &[targets[2], 0.0], &[targets[3], 0.0]]);
    }
    let mut j = 0;
    while j < V {
        for part in 0..4 {
            let theta = lanes.repeat_quarter(theta[j], part);
            for half in 0..2 {
                let row = |k: usize| rows[FOUR * half + k][j].quarter(part);
                sums[half] = lanes.mul_add(lanes.load_quarters([row(0), row(1), row(2), row(3)]), theta, sums[half]);
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
