//! Instructions that kernels and laws take, counted by valgrind: the same number on every run, so that a change that costs is
//! seen without a quiet machine. valgrind knows AVX2, not AVX-512.
//!
//! ```text
//! cargo install gungraun-runner --version 0.20
//! cargo bench -p langevin-tests --features instructions --bench instructions
//! ```

#![allow(missing_docs)] // the macros make modules of their own

use gungraun::{library_benchmark, library_benchmark_group, main};
use langevin_sim::observer::CoordinateObserver;
use langevin_sim::random::{Stream, fill_normals};
use langevin_sim::sgd::{Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
use nalgebra::DMatrix;

const STEPS: u64 = 320;

fn data(samples: usize, dimension: usize) -> LeastSquares {
    let wave = |i: usize, j: usize| ((i * 7 + 3) as f64 * (j * 13 + 1) as f64 * 0.37).sin();
    let targets = DMatrix::from_fn(samples, 1, |i, _| wave(i, 1000));
    LeastSquares::new(DMatrix::from_fn(samples, dimension, wave), targets).expect("valid")
}

fn minibatch(dimension: usize) -> Ensemble {
    let sgd = Hyperparameters::new(0.2 / dimension as f64, 0.9, 1e-3, 32).expect("valid");
    let noise = MinibatchNoise::new(&data(500, dimension), &sgd, Sampling::WithReplacement).expect("valid");
    let start = Start::Fixed(DMatrix::zeros(dimension, 1));
    Ensemble::new(NoiseSource::Minibatch(noise), &sgd, start, 1).expect("valid")
}

fn gaussian() -> Ensemble {
    let noise = GaussianNoise::new(&[1.0; 64], &DMatrix::zeros(64, 1), &[DMatrix::identity(64, 64)]).expect("valid");
    let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 1).expect("valid");
    Ensemble::new(NoiseSource::Gaussian(noise), &sgd, Start::Fixed(DMatrix::zeros(64, 1)), 1).expect("valid")
}

#[library_benchmark]
#[bench::short_rows(minibatch(10))]
#[bench::rows_in_registers(minibatch(64))]
#[bench::rows_in_memory(minibatch(128))]
#[bench::gaussian(gaussian())]
fn chain(ensemble: Ensemble) -> usize {
    let centre = vec![0.0; 128];
    let width = if ensemble.dimension() < 128 { ensemble.dimension() } else { 128 };
    ensemble.run(0..1, STEPS, || CoordinateObserver::new(&centre[..width]), &|_| ()).len()
}

#[library_benchmark]
fn normals() -> f64 {
    let mut lines = vec![langevin_lanes::Line::default(); 1024];
    fill_normals(langevin_lanes::Processor::best(), &mut Stream::new(1, 1), &mut lines);
    lines[1023].0[7]
}

#[library_benchmark]
fn displacement_after_100000_steps() -> f64 {
    let law = ModeLaw::new(ModeMap::new(0.1, 0.9, 1e-3), 1.0).expect("valid");
    law.displacement(Steps(100_000)).expect("stable")
}

#[library_benchmark]
#[bench::small(data(100, 8))]
fn stationary_second_moment(data: LeastSquares) -> f64 {
    let sgd = Hyperparameters::new(0.01, 0.9, 0.0, 32).expect("valid");
    let law = MinibatchLaw::new(&data, &sgd, Sampling::WithReplacement).expect("valid");
    law.stationary_second_moment(0).expect("stable")[(0, 0)]
}

library_benchmark_group!(name = simulation, benchmarks = [chain, normals]);
library_benchmark_group!(name = laws, benchmarks = [displacement_after_100000_steps, stationary_second_moment]);
main!(library_benchmark_groups = [simulation, laws]);
