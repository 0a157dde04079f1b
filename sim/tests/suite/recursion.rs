//! The kernels against plain loops, and the sampling schemes against what defines them.

use langevin_sim::observer::{
    AutocovarianceObserver, DisplacementObserver, EnergyObserver, Observer, ResumableObserver, SnapshotObserver,
};
use langevin_sim::saved_state::{StateReader, StateWriter};
use langevin_sim::sgd::{BLOCK_STEPS, Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use nalgebra::DMatrix;

fn regression(samples: usize, dimension: usize, outputs: usize) -> LeastSquares {
    let wave = |a: usize, b: usize, c: f64| ((a * 7 + b * 13) as f64 * c).sin();
    LeastSquares::new(
        DMatrix::from_fn(samples, dimension, |i, j| wave(i, j, 0.37)),
        DMatrix::from_fn(samples, outputs, |i, j| wave(i, j, 0.91)),
    )
    .unwrap()
}

fn ensemble(data: &LeastSquares, sgd: &Hyperparameters, sampling: Sampling) -> Ensemble {
    let noise = NoiseSource::Minibatch(MinibatchNoise::new(data, sgd, sampling).unwrap());
    Ensemble::new(noise, sgd, Start::Fixed(DMatrix::zeros(data.dimension(), data.outputs())), 5).unwrap()
}

/// With the whole data set as the batch the run is gradient descent, whatever the order of the samples.
#[test]
fn full_batches_follow_a_plain_loop() {
    for dimension in [1, 2, 7, 16, 17, 40] {
        let data = regression(9, dimension, 3);
        let sgd = Hyperparameters::new(0.4 / dimension as f64, 0.8, 0.05, 9).unwrap();
        let steps: Vec<u64> = (0..=1000).collect();
        let path = &ensemble(&data, &sgd, Sampling::WithoutReplacement).run(
            0..1,
            1000,
            || SnapshotObserver::new(&steps),
            &|_| (),
        )[0];
        let (mut theta, mut v) = (DMatrix::zeros(dimension, 3), DMatrix::zeros(dimension, 3));
        for step in 0..=1000 {
            let found = DMatrix::from_fn(dimension, 3, |i, j| path[(step, j * dimension + i)]);
            assert!((found - &theta).amax() <= 1e-12 * theta.amax().max(1.0), "d = {dimension}, step {step}");
            let gradient = data.features().transpose() * (data.features() * &theta - data.targets()) / 9.0;
            v = &v * 0.8 - gradient - &theta * 0.05;
            theta += &v * sgd.learning_rate();
        }
    }
}

/// One feature that names the sample: the first step tells which samples were drawn.
#[test]
fn batches_are_drawn_as_the_scheme_says() {
    let samples = 6;
    // theta after one step from zero is eta / S times the sum of 10^n over the batch
    let data = LeastSquares::new(
        DMatrix::from_element(samples, 1, 1.0),
        DMatrix::from_fn(samples, 1, |i, _| 10_f64.powi(i32::try_from(i).unwrap())),
    )
    .unwrap();
    let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 2).unwrap();
    for sampling in [Sampling::WithReplacement, Sampling::WithoutReplacement, Sampling::Reshuffle] {
        let first = ensemble(&data, &sgd, sampling).run(0..6000, 1, || SnapshotObserver::new(&[1]), &|_| ());
        let mut counts = std::collections::BTreeMap::new();
        for state in &first {
            *counts.entry((2.0 * state[(0, 0)]).round() as u64).or_insert(0.0) += 1.0;
        }
        let repeats = sampling == Sampling::WithReplacement;
        assert_eq!(counts.len(), if repeats { 21 } else { 15 }, "{sampling:?}");
        for (sum, count) in counts {
            let twice = sum.to_string().contains('2');
            let chance = if repeats { if twice { 1.0 / 36.0 } else { 2.0 / 36.0 } } else { 1.0 / 15.0 };
            // seven standard deviations, with a fixed seed
            let spread = f64::sqrt(6000.0 * chance * (1.0 - chance));
            assert!((count - 6000.0 * chance).abs() < 7.0 * spread, "{sampling:?}: {sum} drawn {count} times");
        }
    }
}

#[test]
fn numbers_do_not_depend_on_threads_or_ranges() {
    let data = regression(20, 5, 2);
    let sgd = Hyperparameters::new(0.05, 0.9, 0.0, 4).unwrap();
    let chains = ensemble(&data, &sgd, Sampling::WithReplacement);
    let centre = vec![0.0; 10];
    let lags = [1, 2, 4, 8];
    let observer = || (EnergyObserver::new(&centre, 5), DisplacementObserver::new(&lags, 3));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| chains.run(0..16, 100, observer, &|_| ()))
    };
    let whole = run(1);
    assert_eq!(whole, run(3));
    let mut parts = chains.run(0..5, 100, observer, &|_| ());
    parts.extend(chains.run(5..16, 100, observer, &|_| ()));
    assert_eq!(whole, parts);
}

/// Observers against direct sums over all states.
#[test]
fn observers_summarise_the_states() {
    let data = regression(20, 3, 2);
    let sgd = Hyperparameters::new(0.05, 0.9, 0.0, 4).unwrap();
    let chains = ensemble(&data, &sgd, Sampling::WithoutReplacement);
    let every: Vec<u64> = (0..=90).collect();
    let centre = [0.1, -0.2, 0.3, 0.0, 0.5, 1.0];
    let lags = [1, 5, 64];
    let ((states, energies), curve) = chains
        .run(
            0..1,
            90,
            || ((SnapshotObserver::new(&every), EnergyObserver::new(&centre, 3)), DisplacementObserver::new(&lags, 7)),
            &|_| (),
        )
        .remove(0);
    for i in 0..3 {
        let mean =
            |term: &dyn Fn(usize, usize) -> f64| (0..=90).map(|k| term(k, i) + term(k, i + 3)).sum::<f64>() / 91.0;
        let x = |k: usize, j: usize| states[(k, j)] - centre[j];
        let v = |k: usize, j: usize| states[(k, 6 + j)];
        assert!((mean(&|k, j| x(k, j).powi(2)) - energies.position[i]).abs() < 1e-12);
        assert!((mean(&|k, j| v(k, j).powi(2)) - energies.velocity[i]).abs() < 1e-12);
        assert!((mean(&|k, j| x(k, j) * v(k, j)) - energies.cross[i]).abs() < 1e-12);
    }
    for (index, &lag) in lags.iter().enumerate() {
        let origins: Vec<usize> = (0..=90 - lag as usize).filter(|origin| origin % 7 == 0).collect();
        let total: f64 = origins
            .iter()
            .map(|&s| (0..6).map(|j| (states[(s + lag as usize, j)] - states[(s, j)]).powi(2)).sum::<f64>())
            .sum();
        assert!((total / origins.len() as f64 - curve[index]).abs() < 1e-12);
    }
}

/// One step from rest at zero curvature is eta times the noise.
#[test]
fn gaussian_noise_has_its_covariance() {
    let root = DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.6, 0.5]);
    let covariance = &root * root.transpose();
    let zero = DMatrix::zeros(2, 1);
    let noise = GaussianNoise::new(&[0.0, 0.0], &zero, std::slice::from_ref(&root)).unwrap();
    let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 1).unwrap();
    let chains = Ensemble::new(NoiseSource::Gaussian(noise), &sgd, Start::Fixed(zero), 8).unwrap();
    let states = chains.run(0..40_000, 1, || SnapshotObserver::new(&[1]), &|_| ());
    for (i, j) in [(0, 0), (0, 1), (1, 1)] {
        let mean = states.iter().map(|state| state[(0, i)] * state[(0, j)]).sum::<f64>() / 40_000.0;
        let spread = ((covariance[(i, i)] * covariance[(j, j)] + covariance[(i, j)].powi(2)) / 40_000.0_f64).sqrt();
        assert!((mean - covariance[(i, j)]).abs() < 7.0 * spread);
    }
}

/// A chain left after any block, saved, and restored with its observers goes on with the same bits, for every way to draw
/// batches.
#[test]
fn chains_resume_with_the_same_bits() {
    let data = regression(20, 5, 2);
    let sgd = Hyperparameters::new(0.05, 0.8, 0.1, 4).unwrap();
    let centre = [0.2; 10];
    let (lags, from_zero) = ([1, 3, 40, 90], [0, 2, 64]);
    let observer = || {
        (
            (EnergyObserver::new(&centre, 5), DisplacementObserver::new(&lags, 7)),
            (AutocovarianceObserver::new(&from_zero, 11, &centre, 5), Some(SnapshotObserver::new(&[0, 50, 199]))),
        )
    };
    for sampling in [Sampling::WithReplacement, Sampling::WithoutReplacement, Sampling::Reshuffle] {
        let ensemble = ensemble(&data, &sgd, sampling);
        let whole = &ensemble.run(3..4, 199, observer, &|_| ())[0];
        for blocks in 0..=7 {
            let (mut chain, mut watcher) = (ensemble.chain(3), observer());
            ensemble.advance(&mut chain, 199, blocks, &mut watcher);
            assert_eq!(chain.next_step(), (blocks * BLOCK_STEPS).min(200));
            let mut state = StateWriter::default();
            chain.save(&mut state);
            watcher.save(&mut state);
            let bytes = state.into_bytes();
            let mut state = StateReader::new(&bytes);
            let (mut chain, mut watcher) = (ensemble.restore(3, &mut state).unwrap(), observer());
            watcher.restore(&mut state).unwrap();
            state.finish().unwrap();
            ensemble.advance(&mut chain, 199, u64::MAX, &mut watcher);
            assert_eq!(&watcher.finish(), whole, "{sampling:?} after {blocks} blocks");
            // every shorter state is refused
            for length in (0..bytes.len()).step_by(29) {
                let mut state = StateReader::new(&bytes[..length]);
                let restored = ensemble.restore(3, &mut state).and_then(|_| observer().restore(&mut state));
                assert!(restored.is_err(), "{length} of {} bytes", bytes.len());
            }
        }
    }
}
