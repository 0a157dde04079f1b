//! Rows of any length and several outputs. The third cache binds, or memory: some samples share what is read of position and
//! gradient, all outputs share the rows, and the rows of the next samples are asked for meanwhile.

use langevin_lanes::{Lanes, Line};

use super::{BatchProblem, CHAINS, ChainSteps};

/// Lines taken together.
const PANEL: usize = 4;

impl BatchProblem<'_> {
    /// Any number of outputs and lines, G samples at a time: the position and the gradient are read once for all of them.
    #[inline(always)]
    pub(super) fn in_memory<L: Lanes, const G: usize>(self, lanes: L, mut chain: ChainSteps<'_>) {
        let (lines, outputs) = (self.lines, chain.position.len() / self.lines);
        let padding = (self.features.len() / lines - 1) as u32;
        let mut ahead = chain.batches;
        for batch in chain.batches.chunks_exact(self.batch) {
            chain.gradient.fill(Line::default());
            for group in batch.chunks(G) {
                let rows = rows_of::<G>(self.features, lines, group, padding);
                ahead = ahead.get(group.len()..).unwrap_or_default();
                let next = rows_of::<G>(self.features, lines, &ahead[..ahead.len().min(G)], padding);
                for output in 0..outputs {
                    let theta = &chain.position[output * lines..][..lines];
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
                    let (panels, tail) = chain.gradient[output * lines..][..lines].as_chunks_mut::<PANEL>();
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
            for ((x, v), gradient) in
                chain.position.iter_mut().zip(chain.velocity.iter_mut()).zip(chain.gradient.iter())
            {
                let (mut theta, mut velocity) = (lanes.load(&x.0), lanes.load(&v.0));
                self.update.apply(lanes, &mut theta, &mut velocity, lanes.load(&gradient.0));
                lanes.store(theta, &mut x.0);
                lanes.store(velocity, &mut v.0);
            }
            chain.recorder.record(lines, chain.position, chain.velocity);
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
