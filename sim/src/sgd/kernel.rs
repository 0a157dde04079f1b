//! Vector loops of the simulator, compiled for the widest instruction set the processor has. Rows are padded to a multiple
//! of [`LANES`], so there are no tails. Sums run in lane order: results are the same on every run of a machine, and may
//! differ in the last bits between processors with different vector widths.

// only code inlined into the dispatched function is compiled for its instruction set
#![allow(clippy::inline_always)]

use aligned_vec::AVec;
use pulp::{Arch, Simd, WithSimd};

/// Padding of rows, a multiple of every vector width in use.
pub(super) const LANES: usize = 16;

/// Bytes of a cache line, and of the widest vector register.
const CACHE_LINE: usize = 64;

/// Length of a padded row.
pub(super) fn padded(length: usize) -> usize {
    length.div_ceil(LANES) * LANES
}

/// Zeros that start on a cache line: a vector register never straddles two.
pub(super) fn zeros(length: usize) -> AVec<f64> {
    AVec::from_iter(CACHE_LINE, std::iter::repeat_n(0.0, length))
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
        let row_of = |sample: u32| S::as_simd_f64s(&features[sample as usize * width..(sample as usize + 1) * width]).0;
        let label_of = |sample: u32, output: usize| targets[sample as usize * outputs + output];
        gradient.fill(0.0);
        // four samples at a time: the position and the sum are read once for all four, in the order of one at a time
        let (fours, rest) = pulp::as_arrays::<4, _>(batch);
        for four in fours {
            let rows = four.map(row_of);
            for (output, (theta, sum)) in position.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).enumerate()
            {
                let products = dots(simd, rows, S::as_simd_f64s(theta).0);
                let residuals = std::array::from_fn(|k| products[k] - label_of(four[k], output));
                add_scaled(simd, residuals, rows, S::as_mut_simd_f64s(sum).0);
            }
        }
        for &sample in rest {
            let rows = [row_of(sample)];
            for (output, (theta, sum)) in position.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).enumerate()
            {
                let [product] = dots(simd, rows, S::as_simd_f64s(theta).0);
                add_scaled(simd, [product - label_of(sample, output)], rows, S::as_mut_simd_f64s(sum).0);
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
        let (vector, _) = S::as_simd_f64s(self.vector);
        for (value, row) in self.out.iter_mut().zip(self.matrix.chunks_exact(self.vector.len())) {
            [*value] = dots(simd, [S::as_simd_f64s(row).0], vector);
        }
    }
}

/// Products of some rows with one vector, each summed over even and odd registers, then over lanes.
#[inline(always)]
fn dots<S: Simd, const ROWS: usize>(simd: S, rows: [&[S::f64s]; ROWS], vector: &[S::f64s]) -> [f64; ROWS] {
    let zero = simd.splat_f64s(0.0);
    let mut even = [zero; ROWS];
    let mut odd = [zero; ROWS];
    // padding makes the number of registers even
    let pairs = pulp::as_arrays::<2, _>(vector).0;
    let rows = rows.map(|row| &pulp::as_arrays::<2, _>(row).0[..pairs.len()]);
    for (index, pair) in pairs.iter().enumerate() {
        for k in 0..ROWS {
            even[k] = simd.mul_add_f64s(rows[k][index][0], pair[0], even[k]);
            odd[k] = simd.mul_add_f64s(rows[k][index][1], pair[1], odd[k]);
        }
    }
    std::array::from_fn(|k| simd.reduce_sum_f64s(simd.add_f64s(even[k], odd[k])))
}

/// Adds multiples of some rows to a sum, row after row.
#[inline(always)]
fn add_scaled<S: Simd, const ROWS: usize>(
    simd: S,
    factors: [f64; ROWS],
    rows: [&[S::f64s]; ROWS],
    sum: &mut [S::f64s],
) {
    let factors = factors.map(|factor| simd.splat_f64s(factor));
    let rows = rows.map(|row| &row[..sum.len()]);
    for (index, total) in sum.iter_mut().enumerate() {
        let mut value = *total;
        for k in 0..ROWS {
            value = simd.mul_add_f64s(factors[k], rows[k][index], value);
        }
        *total = value;
    }
}

/// Runs a kernel on the best instruction set there is.
pub(super) fn run<K: WithSimd<Output = ()>>(arch: Arch, kernel: K) {
    arch.dispatch(kernel);
}
