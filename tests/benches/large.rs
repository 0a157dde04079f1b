//! How long large problems take, phase by phase. Run with `cargo bench -p langevin-tests --bench large`.

use std::sync::Arc;

use langevin_sim::data::{FeatureTable, RegressionTable};
use langevin_sim::sgd::TableGradient;
use langevin_theory::linear_algebra::symmetric_eigen;
use nalgebra::{DMatrix, SymmetricEigen};

/// Numbers of an image of CIFAR-10.
const PIXELS: usize = 3072;

fn main() {
    divan::main();
}

/// Bytes without structure.
fn bytes(count: usize) -> Vec<u8> {
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            (bits >> 56) as u8
        })
        .collect()
}

fn table(rows: usize, columns: usize) -> RegressionTable {
    let features = FeatureTable::from_u8(rows, columns, bytes(rows * columns), 1.0 / 255.0).expect("a table");
    RegressionTable::new("bytes", features, vec![1.0; rows * 10], 10).expect("a regression")
}

/// A covariance with a falling spectrum.
fn covariance(size: usize) -> DMatrix<f64> {
    let rows = size + 64;
    let raw = bytes(rows * size);
    let data = DMatrix::from_fn(rows, size, |i, j| f64::from(raw[i * size + j]) / (1.0 + j as f64).powf(0.7));
    FeatureTable::from_matrix(&data).expect("a table").second_moments(None)
}

#[divan::bench(args = [128, 512, 1024, 2048, 3072], sample_count = 1)]
fn eigendecomposition(bencher: divan::Bencher<'_, '_>, size: usize) {
    let matrix = covariance(size);
    bencher.bench(|| symmetric_eigen("m", divan::black_box(&matrix)));
}

/// What the small matrices use, on the same matrices.
#[divan::bench(args = [128, 512, 1024], sample_count = 1)]
fn eigendecomposition_by_nalgebra(bencher: divan::Bencher<'_, '_>, size: usize) {
    let matrix = covariance(size);
    bencher.bench(|| SymmetricEigen::try_new(divan::black_box(&matrix).clone(), f64::EPSILON, 100_000));
}

/// A tenth of CIFAR-10: 47 GFLOP, as the upper triangle alone is summed.
#[divan::bench(sample_count = 3)]
fn hessian_of_5000_images(bencher: divan::Bencher<'_, '_>) {
    let table = table(5000, PIXELS);
    bencher.bench(|| divan::black_box(&table).hessian());
}

/// One pass of the search for 30 eigenpairs over a tenth of CIFAR-10: 2.8 GFLOP.
#[divan::bench(sample_count = 5)]
fn hessian_product_of_5000_images_with_45_vectors(bencher: divan::Bencher<'_, '_>) {
    let table = table(5000, PIXELS);
    let block = DMatrix::from_element(PIXELS, 45, 0.5);
    bencher.bench(|| divan::black_box(&table).features().hessian_product(&block));
}

/// One step of Figure 2, on one thread: 63 MFLOP.
#[divan::bench(sample_count = 50)]
fn gradient_of_512_images(bencher: divan::Bencher<'_, '_>) {
    let table = Arc::new(table(5000, PIXELS));
    let mut gradient = TableGradient::new(table);
    let batch: Vec<u32> = (0..512).map(|draw| draw * 997 % 5000).collect();
    let (position, mut sum) = (vec![0.01; PIXELS * 10], vec![0.0; PIXELS * 10]);
    bencher.bench_local(|| gradient.sum(divan::black_box(&batch), &position, &mut sum));
}
