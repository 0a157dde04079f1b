//! Vector loops of the simulator, compiled for the widest instruction set the processor has. Rows are padded to a multiple
//! of [`LANES`], so there are no tails. Sums run in lane order: results are the same on every run of a machine, and may
//! differ in the last bits between processors with different vector widths.

// only code inlined into the dispatched function is compiled for its instruction set
#![allow(clippy::inline_always)]

use pulp::{Arch, Simd, WithSimd};

/// Padding of rows, a multiple of every vector width in use.
pub(super) const LANES: usize = 16;

/// Length of a padded row.
pub(super) fn padded(length: usize) -> usize {
    length.div_ceil(LANES) * LANES
}

/// Updates one chain by one step.
pub(super) struct HeavyBall<'a> {
    pub(super) position: &'a mut [f64],
    pub(super) velocity: &'a mut [f64],
    pub(super) gradient: &'a [f64],
    pub(super) learning_rate: f64,
    pub(super) momentum: f64,
    pub(super) weight_decay: f64,
    /// Factor of the gradient: 1/S for a sum over a batch.
    pub(super) scale: f64,
}

impl WithSimd for HeavyBall<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (positions, _) = S::as_mut_simd_f64s(self.position);
        let (velocities, _) = S::as_mut_simd_f64s(self.velocity);
        let (gradients, _) = S::as_simd_f64s(self.gradient);
        let momentum = simd.splat_f64s(self.momentum);
        let rate = simd.splat_f64s(self.learning_rate);
        let decay = simd.splat_f64s(-self.weight_decay);
        let scale = simd.splat_f64s(-self.scale);
        for ((x, v), g) in positions.iter_mut().zip(velocities).zip(gradients) {
            let pull = simd.mul_add_f64s(scale, *g, simd.mul_f64s(decay, *x));
            *v = simd.mul_add_f64s(momentum, *v, pull);
            *x = simd.mul_add_f64s(rate, *v, *x);
        }
    }
}

/// Sum over a batch of the gradients of all outputs: x (x . theta - y).
pub(super) struct BatchGradient<'a> {
    /// Samples x padded dimension.
    pub(super) features: &'a [f64],
    /// Samples x outputs.
    pub(super) targets: &'a [f64],
    pub(super) batch: &'a [u32],
    /// Outputs x padded dimension.
    pub(super) position: &'a [f64],
    /// Outputs x padded dimension; overwritten.
    pub(super) gradient: &'a mut [f64],
    /// Padded dimension.
    pub(super) width: usize,
}

impl WithSimd for BatchGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { features, targets, batch, position, gradient, width } = self;
        let outputs = gradient.len() / width;
        gradient.fill(0.0);
        for &sample in batch {
            let sample = sample as usize;
            let row = &features[sample * width..(sample + 1) * width];
            let labels = &targets[sample * outputs..(sample + 1) * outputs];
            for ((theta, sum), label) in position.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).zip(labels)
            {
                let residual = dot(simd, row, theta) - label;
                add_scaled(simd, residual, row, sum);
            }
        }
    }
}

/// out = root z for a row-major square matrix of padded width.
pub(super) struct MatrixVector<'a> {
    pub(super) matrix: &'a [f64],
    pub(super) vector: &'a [f64],
    pub(super) out: &'a mut [f64],
}

impl WithSimd for MatrixVector<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (value, row) in self.out.iter_mut().zip(self.matrix.chunks_exact(self.vector.len())) {
            *value = dot(simd, row, self.vector);
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, left: &[f64], right: &[f64]) -> f64 {
    let (left, _) = S::as_simd_f64s(left);
    let (right, _) = S::as_simd_f64s(right);
    let zero = simd.splat_f64s(0.0);
    let mut sums = [zero; 4];
    let (left_fours, left_rest) = pulp::as_arrays::<4, _>(left);
    let (right_fours, right_rest) = pulp::as_arrays::<4, _>(right);
    for (l, r) in left_fours.iter().zip(right_fours) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_f64s(l[lane], r[lane], sums[lane]);
        }
    }
    for (l, r) in left_rest.iter().zip(right_rest) {
        sums[0] = simd.mul_add_f64s(*l, *r, sums[0]);
    }
    let halves = [simd.add_f64s(sums[0], sums[1]), simd.add_f64s(sums[2], sums[3])];
    simd.reduce_sum_f64s(simd.add_f64s(halves[0], halves[1]))
}

#[inline(always)]
fn add_scaled<S: Simd>(simd: S, factor: f64, row: &[f64], sum: &mut [f64]) {
    let (row, _) = S::as_simd_f64s(row);
    let (sum, _) = S::as_mut_simd_f64s(sum);
    let factor = simd.splat_f64s(factor);
    for (total, value) in sum.iter_mut().zip(row) {
        *total = simd.mul_add_f64s(factor, *value, *total);
    }
}

/// Runs a kernel on the best instruction set there is.
pub(super) fn run<K: WithSimd<Output = ()>>(arch: Arch, kernel: K) {
    arch.dispatch(kernel);
}
