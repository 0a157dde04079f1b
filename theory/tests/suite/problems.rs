//! Problems to test on: the whole admissible range, with extra weight on its edges.

use nalgebra::DMatrix;
use proptest::prelude::*;

/// 10^x with x uniform.
pub fn logarithmic(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low..high).prop_map(|exponent| 10f64.powf(exponent))
}

pub fn momentum() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => Just(0.0),
        2 => Just(0.99),
        1 => Just(0.9),
        1 => Just(0.5),
        // perfect squares: critical damping is a double
        1 => Just(0.25),
        1 => Just(0.5625),
        1 => logarithmic(-12.0, -2.0),
        4 => 0.0..0.99,
    ]
}

/// eta h inside (0, 2(1+beta)): small, moderate, close to critical damping (both edges, both sides and exactly), close to
/// the stability edge. Where eta and h are not powers of two the product moves by a rounding, which stays inside.
fn stable_rate_times_curvature(momentum: f64) -> BoxedStrategy<f64> {
    let root = momentum.sqrt();
    let (lower, upper, edge) = ((1.0 - root).powi(2), (1.0 + root).powi(2), 2.0 * (1.0 + momentum));
    let near = |centre: f64| {
        (6.0f64..17.0, any::<bool>()).prop_map(move |(digits, above)| {
            let distance = 10f64.powf(-digits);
            centre * if above { 1.0 + distance } else { 1.0 - distance }
        })
    };
    prop_oneof![
        3 => logarithmic(-12.0, 0.0),
        4 => (1e-6..1.0 - 1e-6).prop_map(move |fraction| fraction * edge),
        2 => near(lower),
        1 => Just(lower),
        2 => near(upper),
        1 => Just(upper),
        2 => logarithmic(-12.0, -0.5).prop_map(move |distance| edge * (1.0 - distance)),
    ]
    // the two edges meet at beta = 1 and nearly so at 0.99
    .prop_map(move |value| value.min(edge * (1.0 - 1e-12)))
    .boxed()
}

/// (eta, beta, h) of a direction whose mean is stable.
pub fn stable_mode() -> impl Strategy<Value = (f64, f64, f64)> {
    momentum().prop_flat_map(|beta| {
        (prop_oneof![Just(1.0), Just(0.125), logarithmic(-6.0, 2.0)], stable_rate_times_curvature(beta))
            .prop_map(move |(eta, rate)| (eta, beta, rate / eta))
    })
}

/// (eta, beta, h) of any direction: stable ones, no curvature, negative curvature, beyond the edge.
pub fn any_mode() -> impl Strategy<Value = (f64, f64, f64)> {
    prop_oneof![
        8 => stable_mode(),
        1 => (logarithmic(-6.0, 2.0), momentum()).prop_map(|(eta, beta)| (eta, beta, 0.0)),
        1 => (logarithmic(-3.0, 1.0), momentum(), logarithmic(-9.0, 0.0))
            .prop_map(|(eta, beta, rate)| (eta, beta, -rate / eta)),
        1 => (logarithmic(-3.0, 1.0), momentum(), 0.0f64..1.0)
            .prop_map(|(eta, beta, excess)| (eta, beta, (2.0 * (1.0 + beta) + excess) / eta)),
    ]
}

/// Numbers of steps from 0 to a million.
pub fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => 0u64..4,
        3 => 4u64..300,
        3 => (2.0f64..6.0).prop_map(|exponent| 10f64.powf(exponent) as u64),
        1 => Just(1_000_000),
        1 => (8u32..20).prop_map(|bits| (1 << bits) - 1),
    ]
}

/// A square matrix of numbers in [-1, 1].
pub fn square(size: usize) -> impl Strategy<Value = DMatrix<f64>> {
    proptest::collection::vec(-1.0..1.0, size * size).prop_map(move |entries| DMatrix::from_vec(size, size, entries))
}

/// An orthogonal matrix (from a Gram-Schmidt process, orthonormal to a few roundings).
pub fn rotation(size: usize) -> impl Strategy<Value = DMatrix<f64>> {
    square(size).prop_map(move |matrix| (matrix + DMatrix::identity(size, size) * 2.0).qr().q())
}

/// A covariance of full or deficient rank (also zero), with entries of order one.
pub fn covariance(size: usize) -> impl Strategy<Value = DMatrix<f64>> {
    (square(size), 0..=size).prop_map(move |(matrix, rank)| {
        let root = matrix.columns(0, rank);
        let product = root * root.transpose();
        (&product + product.transpose()) * 0.5
    })
}
