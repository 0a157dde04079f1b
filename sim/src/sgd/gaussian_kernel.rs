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
        for pair in self.noise.as_chunks_mut::<2>().0 {
            let [first, second] = NormalPairs::draw(lanes, &mut stream);
            lanes.store(first, &mut pair[0].0);
            lanes.store(second, &mut pair[1].0);
        }
        self.stream.keep(lanes, &stream);
        for (output, root) in self.roots.iter().enumerate() {
            if let Root::Full(columns) = root {
                mix(lanes, columns, self.noise, width, output, self.roots.len());
            }
        }
        for noise in self.noise.chunks_exact(self.position.len()) {
            for (output, root) in self.roots.iter().enumerate() {
                let own = output * width..(output + 1) * width;
                let noise = &noise[own.clone()];
                let position = &mut self.position[own.clone()];
                let velocity = &mut self.velocity[own.clone()];
                let linear = &self.linear_term[own];
                for j in 0..width {
                    let mut kick = lanes.load(&noise[j].0);
                    if let Root::Diagonal(scales) = root {
                        kick = lanes.mul(kick, lanes.load(&scales[j].0));
                    }
                    let (mut x, mut v) = (lanes.load(&position[j].0), lanes.load(&velocity[j].0));
                    let pull = lanes.mul_add(lanes.load(&self.curvature[j].0), x, kick);
                    let gradient = lanes.sub(pull, lanes.load(&linear[j].0));
                    self.update.apply(lanes, &mut x, &mut v, gradient);
                    lanes.store(x, &mut position[j].0);
                    lanes.store(v, &mut velocity[j].0);
                }
            }
            self.recorder.record(width, self.position, self.velocity);
        }
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
