//! The recursion of a quadratic in its eigenbasis with Gaussian noise, for many steps at a time.
//!
//! ```text
//! g_i = h_i x_i - b_i + sum_j L_ij z_j,   v' = beta v - g - lambda x,   x' = x + eta v'
//! ```

use langevin_lanes::{Kernel, LANES, Lanes, Line};

use super::batch_kernel::Update;
use super::gaussian::Root;
use super::recorder::Recorder;
use crate::random::{NormalPairs, Stream};

/// Steps whose noise is mixed together: each column of the root is read once for all of them.
const TOGETHER: usize = 4;

/// Some steps of one chain. Lines come in even numbers, as normals do.
pub(super) struct GaussianSteps<'a> {
    pub(super) steps: usize,
    /// h, the curvature without weight decay.
    pub(super) curvature: &'a [Line],
    /// Outputs x lines.
    pub(super) linear_term: &'a [Line],
    /// One per output.
    pub(super) roots: &'a [Root],
    pub(super) update: Update,
    /// Outputs x lines.
    pub(super) position: &'a mut [Line],
    pub(super) velocity: &'a mut [Line],
    /// Scratch; grows to steps x outputs x lines.
    pub(super) noise: &'a mut Vec<Line>,
    pub(super) stream: &'a mut Stream,
    pub(super) recorder: Recorder<'a>,
}

impl Kernel for GaussianSteps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let width = self.curvature.len();
        let mut stream = self.stream.lanes(lanes);
        self.noise.resize(self.steps * self.position.len(), Line::default());
        NormalPairs::fill(lanes, &mut stream, self.noise.as_chunks_mut().0);
        self.stream.keep(lanes, &stream);
        for (output, root) in self.roots.iter().enumerate() {
            if let Root::Full(columns) = root {
                mix(lanes, columns, self.noise, width, output, self.roots.len());
            }
        }
        let row = self.position.len();
        let mut next = 0;
        for _ in 0..self.steps {
            for (output, root) in self.roots.iter().enumerate() {
                let (positions, velocities) = self.recorder.next_row();
                // a last line without coordinates stays zero
                let lines = positions.len();
                let own = output * width..output * width + lines;
                let noise = &self.noise[next..][own.clone()];
                let mut state = StateOfOutput {
                    curvature: &self.curvature[..lines],
                    linear_term: &self.linear_term[own.clone()],
                    position: &mut self.position[own.clone()],
                    velocity: &mut self.velocity[own],
                    positions,
                    velocities: &mut velocities[..lines],
                    update: self.update,
                };
                match root {
                    Root::Diagonal(scales) => {
                        let scales = &scales[..lines];
                        for j in 0..lines {
                            state.advance(lanes, j, lanes.mul(lanes.load(&noise[j].0), lanes.load(&scales[j].0)));
                        }
                    }
                    Root::Full(_) => {
                        for j in 0..lines {
                            state.advance(lanes, j, lanes.load(&noise[j].0));
                        }
                    }
                }
            }
            next += row;
        }
    }
}

/// One output of one chain at one step. All slices have the same length.
struct StateOfOutput<'a> {
    curvature: &'a [Line],
    linear_term: &'a [Line],
    position: &'a mut [Line],
    velocity: &'a mut [Line],
    /// Where the next state is recorded.
    positions: &'a mut [[f64; LANES]],
    velocities: &'a mut [[f64; LANES]],
    update: Update,
}

impl StateOfOutput<'_> {
    /// One step of one line with its noise.
    #[inline(always)]
    fn advance<L: Lanes>(&mut self, lanes: L, j: usize, noise: L::F) {
        let (mut x, mut v) = (lanes.load(&self.position[j].0), lanes.load(&self.velocity[j].0));
        let pull = lanes.mul_add(lanes.load(&self.curvature[j].0), x, noise);
        let gradient = lanes.sub(pull, lanes.load(&self.linear_term[j].0));
        self.update.apply(lanes, &mut x, &mut v, gradient);
        lanes.store(x, &mut self.position[j].0);
        lanes.store(v, &mut self.velocity[j].0);
        lanes.store(x, &mut self.positions[j]);
        lanes.store(v, &mut self.velocities[j]);
    }
}

/// Replaces the normals z of one output by L z, in all steps. `columns` holds the columns of L, of `width` lines each.
#[inline(always)]
fn mix<L: Lanes>(lanes: L, columns: &[Line], noise: &mut [Line], width: usize, output: usize, outputs: usize) {
    let mut mixed = vec![Line::default(); TOGETHER * width];
    let row = outputs * width;
    let steps = noise.len() / row;
    let mut first = 0;
    while first < steps {
        let together = TOGETHER.min(steps - first);
        let place = |step: usize| (first + step) * row + output * width;
        for j in 0..width {
            let mut sums = [lanes.splat(0.0); TOGETHER];
            for (index, column) in columns.chunks_exact(width).enumerate() {
                let column = lanes.load(&column[j].0);
                for step in 0..TOGETHER {
                    let line = noise[place(step.min(together - 1)) + index / LANES];
                    sums[step] = lanes.mul_add(lanes.splat(line.0[index % LANES]), column, sums[step]);
                }
            }
            for step in 0..TOGETHER {
                lanes.store(sums[step], &mut mixed[step * width + j].0);
            }
        }
        for step in 0..together {
            noise[place(step)..place(step) + width].copy_from_slice(&mixed[step * width..(step + 1) * width]);
        }
        first += together;
    }
}
