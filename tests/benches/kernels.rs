//! How long the simulator's kernels take. Run with `cargo bench -p langevin-tests --bench kernels`; the table against other
//! programs is made by `tests/peers/compare.py`.

use divan::counter::ItemsCount;
use langevin_lanes::{Level, Line, Processor};
use langevin_sim::Dataset;
use langevin_sim::data::Standardize;
use langevin_sim::observer::{CoordinateObserver, SecondMomentObserver};
use langevin_sim::random::{Stream, fill_normals};
use langevin_sim::sgd::{BLOCK_STEPS, Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use nalgebra::DMatrix;

fn main() {
    divan::main();
}

const LEVELS: [&str; 3] = ["portable", "avx2", "avx512"];

/// Steps of one chain in a sample.
const STEPS: u64 = 32 * BLOCK_STEPS;

fn processor(level: &str) -> Processor {
    let levels = [Level::Portable, Level::Avx2, Level::Avx512];
    Processor::at_most(levels.into_iter().find(|known| known.name() == level).unwrap_or(Level::Avx512))
}

fn digits(batch: usize, sampling: Sampling, one_hot: bool) -> Ensemble {
    let data = Dataset::digits(Standardize::Center, one_hot, None).expect("the digits are embedded").problem;
    ensemble(&data, batch, sampling, 0.3)
}

fn ensemble(data: &LeastSquares, batch: usize, sampling: Sampling, rate: f64) -> Ensemble {
    let sgd = Hyperparameters::new(rate, 0.9, 1e-3, batch).expect("valid");
    let noise = NoiseSource::Minibatch(MinibatchNoise::new(data, &sgd, sampling).expect("valid"));
    let start = Start::Fixed(DMatrix::zeros(data.dimension(), data.outputs()));
    Ensemble::new(noise, &sgd, start, 1).expect("valid")
}

fn bench(bencher: divan::Bencher<'_, '_>, ensemble: &Ensemble, width: usize) {
    let centre = vec![0.0; width];
    bencher
        .counter(ItemsCount::new(STEPS))
        .bench_local(|| ensemble.run(0..1, STEPS, || CoordinateObserver::new(&centre), &|_| ()));
}

#[divan::bench(args = LEVELS)]
fn minibatch_digits_32(bencher: divan::Bencher<'_, '_>, level: &str) {
    bench(bencher, &digits(32, Sampling::WithReplacement, false).on(processor(level)), 64);
}

#[divan::bench(args = [Sampling::WithReplacement, Sampling::WithoutReplacement, Sampling::Reshuffle])]
fn sampling_schemes_of_digits_3(bencher: divan::Bencher<'_, '_>, sampling: Sampling) {
    bench(bencher, &digits(3, sampling, false), 64);
}

#[divan::bench]
fn minibatch_digits_32_with_ten_outputs(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &digits(32, Sampling::WithReplacement, true), 640);
}

#[divan::bench(args = [1, 8, 10, 24, 25, 64, 65, 512])]
fn minibatch_of_dimension(bencher: divan::Bencher<'_, '_>, dimension: usize) {
    let wave = |i: usize, j: usize| ((i * 7 + 3) as f64 * (j * 13 + 1) as f64 * 0.37).sin();
    let features = DMatrix::from_fn(1797, dimension, wave);
    let data = LeastSquares::new(features, DMatrix::from_fn(1797, 1, |i, _| wave(i, 1000))).expect("valid");
    bench(bencher, &ensemble(&data, 32, Sampling::WithReplacement, 0.2 / dimension as f64), dimension);
}

fn gaussian(full: bool) -> Ensemble {
    let root = DMatrix::from_fn(64, 64, |i, j| if i == j || (full && i > j) { 0.1 } else { 0.0 });
    let noise = GaussianNoise::new(&[1.0; 64], &DMatrix::zeros(64, 1), &[root]).expect("valid");
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).expect("valid");
    Ensemble::new(NoiseSource::Gaussian(noise), &sgd, Start::Fixed(DMatrix::zeros(64, 1)), 1).expect("valid")
}

#[divan::bench(args = LEVELS)]
fn gaussian_64_modes(bencher: divan::Bencher<'_, '_>, level: &str) {
    bench(bencher, &gaussian(false).on(processor(level)), 64);
}

#[divan::bench]
fn gaussian_64_modes_with_a_full_covariance(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &gaussian(true), 64);
}

#[divan::bench]
fn all_second_moments_of_128_coordinates(bencher: divan::Bencher<'_, '_>) {
    let ensemble = gaussian(false);
    let centre = [0.0; 64];
    bencher
        .counter(ItemsCount::new(STEPS))
        .bench_local(|| ensemble.run(0..1, STEPS, || SecondMomentObserver::new(&centre), &|_| ()));
}

#[divan::bench(args = LEVELS)]
fn normals(bencher: divan::Bencher<'_, '_>, level: &str) {
    let (processor, mut stream) = (processor(level), Stream::new(1, 1));
    let mut lines = vec![Line::default(); 1024];
    bencher.counter(ItemsCount::new(8 * lines.len())).bench_local(|| fill_normals(processor, &mut stream, &mut lines));
}
