//! The recursion with true minibatch noise for many steps at a time: gather the rows of a batch, their residuals, the
//! gradient, the update (2), and a record of the state.
//!
//! ```text
//! r_n = x_n . theta - y_n,   g = sum_n r_n x_n,   v' = beta v - g/S - lambda theta,   theta' = theta + eta v'
//! ```
//!
//! What binds decides the form. Short rows: instructions, so eight samples share the sums over lanes. Rows of up to 64
//! coordinates: the second cache, so a row is read once, stays in registers, and is asked for ten samples ahead. Longer
//! rows and several outputs: the third cache, so the rows of the next samples are asked for while these are worked on.
//! For a given dimension every sum has one order, so numbers depend on the instruction set only through fused or unfused
//! multiply-adds.

use langevin_lanes::{Kernel, Lanes, Line, hidden};
use langevin_theory::Hyperparameters;

use super::recorder::Recorder;

/// Most lines of a position that is kept in registers.
const MOST_IN_REGISTERS: usize = 8;

/// Rows of at most this many lines are not asked for ahead: the table is near, and a request costs as much as a row.
const MOST_NEAR: usize = 3;

/// Chains of additions in the product of a row with the position: with one the processor waits.
const CHAINS: usize = 2;

/// Lines taken together where a position is in memory.
const PANEL: usize = 4;

/// How many samples ahead a row is asked for.
const AHEAD: usize = 10;

/// Samples taken together where registers are few.
const FEW: usize = 4;

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
            return self.in_memory::<L, 4>(lanes);
        }
        match self.lines {
            1 => self.in_registers::<L, 1, 4>(lanes),
            2 => self.in_registers::<L, 2, 4>(lanes),
            3 => self.in_registers::<L, 3, 4>(lanes),
            4 => self.in_registers::<L, 4, 1>(lanes),
            5 => self.in_registers::<L, 5, 1>(lanes),
            6 => self.in_registers::<L, 6, 1>(lanes),
            7 => self.in_registers::<L, 7, 1>(lanes),
            _ => self.in_registers::<L, MOST_IN_REGISTERS, 1>(lanes),
        }
    }
}

impl BatchSteps<'_> {
    /// One output and a position of V lines.
    #[inline(always)]
    fn in_registers<L: Lanes, const V: usize, const PARTS: usize>(mut self, lanes: L) {
        let rows = self.features.as_chunks::<V>().0;
        let zero = lanes.splat(0.0);
        let (mut theta, mut v) = ([zero; V], [zero; V]);
        for j in 0..V {
            theta[j] = lanes.load(&self.position[j].0);
            v[j] = lanes.load(&self.velocity[j].0);
        }
        let mut ahead = self.batches;
        for batch in self.batches.chunks_exact(self.batch) {
            let mut parts = [[zero; V]; PARTS];
            let mut rest = batch;
            if V <= MOST_NEAR {
                let (eights, others) = batch.as_chunks::<GROUP>();
                for eight in eights {
                    self.add_gradients(lanes, rows, *eight, &theta, &mut parts);
                }
                rest = others;
            }
            if L::REGISTERS == 8 && V > MOST_NEAR {
                let (pairs, others) = rest.as_chunks::<FEW>();
                for pair in pairs {
                    self.add_few_gradients(lanes, rows, *pair, &theta, &mut parts[0]);
                }
                rest = others;
            }
            for group in rest.chunks(PARTS) {
                for (part, &sample) in parts.iter_mut().zip(group) {
                    if V > MOST_NEAR {
                        prefetch_row(lanes, rows, &mut ahead);
                    }
                    self.add_gradient(lanes, rows, sample, &theta, part);
                }
            }
            let mut gradient = parts[0];
            for part in &parts[1..] {
                for j in 0..V {
                    gradient[j] = lanes.add(gradient[j], part[j]);
                }
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

    /// Adds the gradients of eight samples, sample k to part k modulo the number of parts. Their residuals are summed over
    /// lanes together, and short rows are read twice: that takes fewer instructions than one sample at a time.
    #[inline(always)]
    fn add_gradients<L: Lanes, const V: usize, const PARTS: usize>(
        &self,
        lanes: L,
        rows: &[[Line; V]],
        samples: [u32; GROUP],
        theta: &[L::F; V],
        parts: &mut [[L::F; V]; PARTS],
    ) {
        let mut own = [&rows[0]; GROUP];
        let mut products = [lanes.splat(0.0); GROUP];
        for k in 0..GROUP {
            own[k] = &rows[samples[k] as usize];
            products[k] = lanes.first(self.negative_targets[samples[k] as usize]);
            for j in 0..V {
                products[k] = lanes.mul_add(lanes.load(&own[k][j].0), theta[j], products[k]);
            }
        }
        let mut residuals = [0.0; GROUP];
        lanes.store(lanes.sums(products), &mut residuals);
        for k in 0..GROUP {
            let residual = lanes.splat(residuals[k]);
            let row = hidden(own[k]);
            for j in 0..V {
                parts[k % PARTS][j] = lanes.mul_add(residual, lanes.load(&row[j].0), parts[k % PARTS][j]);
            }
        }
    }

    /// Any number of outputs and lines, G samples at a time: the position and the gradient are read once for all of them.
    #[inline(always)]
    fn in_memory<L: Lanes, const G: usize>(mut self, lanes: L) {
        let (lines, outputs) = (self.lines, self.position.len() / self.lines);
        let padding = (self.features.len() / lines - 1) as u32;
        let mut ahead = self.batches;
        for batch in self.batches.chunks_exact(self.batch) {
            self.gradient.fill(Line::default());
            for group in batch.chunks(G) {
                let rows = rows_of::<G>(self.features, lines, group, padding);
                ahead = ahead.get(group.len()..).unwrap_or_default();
                let next = rows_of::<G>(self.features, lines, &ahead[..ahead.len().min(G)], padding);
                for output in 0..outputs {
                    let theta = &self.position[output * lines..][..lines];
                    let mut products = [[lanes.splat(0.0); CHAINS]; G];
                    for k in 0..G {
                        let sample = group.get(k).map_or(padding, |&sample| sample);
                        products[k][0] = lanes.first(self.negative_targets[sample as usize * outputs + output]);
                    }
                    let (panels, tail) = theta.as_chunks::<PANEL>();
                    for (index, theta) in panels.iter().enumerate() {
                        let own = panels_of::<PANEL, G>(&rows, index);
                        if output == 0 {
                            prefetch_panels(lanes, &panels_of::<PANEL, G>(&next, index)[..G / 2]);
                        }
                        for j in 0..PANEL {
                            let theta = lanes.load(&theta[j].0);
                            for k in 0..G {
                                let product = &mut products[k][j % CHAINS];
                                *product = lanes.mul_add(lanes.load(&own[k][j].0), theta, *product);
                            }
                        }
                    }
                    for (index, theta) in tail.iter().enumerate() {
                        let theta = lanes.load(&theta.0);
                        let j = panels.len() * PANEL + index;
                        for k in 0..G {
                            let product = &mut products[k][j % CHAINS];
                            *product = lanes.mul_add(lanes.load(&rows[k][j].0), theta, *product);
                        }
                    }
                    let mut residuals = [lanes.splat(0.0); G];
                    for k in 0..G {
                        residuals[k] = lanes.splat(lanes.sum(lanes.add(products[k][0], products[k][1])));
                    }
                    let (panels, tail) = self.gradient[output * lines..][..lines].as_chunks_mut::<PANEL>();
                    let after = panels.len() * PANEL;
                    for (index, panel) in panels.iter_mut().enumerate() {
                        let own = panels_of::<PANEL, G>(&rows, index);
                        if output == 0 {
                            prefetch_panels(lanes, &panels_of::<PANEL, G>(&next, index)[G / 2..]);
                        }
                        for j in 0..PANEL {
                            let mut total = lanes.load(&panel[j].0);
                            for k in 0..G {
                                total = lanes.mul_add(residuals[k], lanes.load(&own[k][j].0), total);
                            }
                            lanes.store(total, &mut panel[j].0);
                        }
                    }
                    for (index, line) in tail.iter_mut().enumerate() {
                        let mut total = lanes.load(&line.0);
                        for k in 0..G {
                            total = lanes.mul_add(residuals[k], lanes.load(&rows[k][after + index].0), total);
                        }
                        lanes.store(total, &mut line.0);
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

/// The rows of some samples, and the row of zeros for those that are missing.
#[inline(always)]
fn rows_of<'a, const G: usize>(features: &'a [Line], lines: usize, samples: &[u32], padding: u32) -> [&'a [Line]; G] {
    let mut rows = [&features[..0]; G];
    for k in 0..G {
        let sample = samples.get(k).map_or(padding, |&sample| sample);
        rows[k] = &features[sample as usize * lines..][..lines];
    }
    rows
}

/// Asks for panels of rows that will be gathered next.
#[inline(always)]
fn prefetch_panels<L: Lanes>(lanes: L, panels: &[&[Line; PANEL]]) {
    for panel in panels {
        for line in *panel {
            lanes.prefetch(line);
        }
    }
}

/// The lines of one panel of some rows.
#[inline(always)]
fn panels_of<'a, const P: usize, const G: usize>(rows: &[&'a [Line]; G], index: usize) -> [&'a [Line; P]; G] {
    let mut panels = [&rows[0].as_chunks::<P>().0[index]; G];
    for k in 1..G {
        panels[k] = &rows[k].as_chunks::<P>().0[index];
    }
    panels
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
