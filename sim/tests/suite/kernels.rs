//! The vector kernels against plain loops over the same batches, whose numbers are drawn again from the stream by the
//! definition of the sampling scheme; and the same bits on AVX-512 and AVX2.

use approx::assert_relative_eq;
use langevin_lanes::{Level, Processor};
use langevin_sim::observer::{CoordinateObserver, DistanceObserver, Observer, SecondMomentObserver, SnapshotObserver};
use langevin_sim::random::{Stream, fill_normals};
use langevin_sim::saved_state::{StateReader, StateWriter};
use langevin_sim::sgd::{BLOCK_STEPS, Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use nalgebra::DMatrix;
use proptest::prelude::*;

const SEED: u64 = 20;

fn wave(a: usize, b: usize, c: f64) -> f64 {
    (((a * 7 + 3) * (b * 13 + 5)) as f64 * c).sin()
}

fn regression(samples: usize, dimension: usize, outputs: usize) -> LeastSquares {
    LeastSquares::new(
        DMatrix::from_fn(samples, dimension, |i, j| wave(i, j, 0.37)),
        DMatrix::from_fn(samples, outputs, |i, j| wave(i, j, 0.91)),
    )
    .unwrap()
}

/// Whole numbers below bounds by Lemire's method, sixteen at a time, from the halves of eight words.
fn numbers_below(stream: &mut Stream, bounds: &[u32]) -> Vec<u32> {
    let mut numbers = Vec::new();
    for bounds in bounds.chunks(16) {
        let drawn = loop {
            let words = stream.next_eight();
            let halves = words.iter().flat_map(|word| [word & 0xFFFF_FFFF, word >> 32]);
            let drawn: Option<Vec<u32>> = halves
                .zip(bounds.iter().copied().chain(std::iter::repeat(1)))
                .map(|(half, bound)| {
                    let product = half * u64::from(bound);
                    let excess = (1_u64 << 32) % u64::from(bound);
                    (product & 0xFFFF_FFFF >= excess).then_some((product >> 32) as u32)
                })
                .collect();
            if let Some(drawn) = drawn {
                break drawn;
            }
        };
        numbers.extend(drawn);
    }
    numbers
}

/// The batches of a chain, one per step.
fn batches(sampling: Sampling, samples: usize, batch: usize, steps: usize, chain: u64) -> Vec<Vec<usize>> {
    let mut stream = Stream::new(SEED, chain);
    let mut order: Vec<usize> = (0..samples).collect();
    let mut cursor = samples;
    let mut all = Vec::new();
    let shuffle = |order: &mut Vec<usize>, count: usize, stream: &mut Stream| {
        let bounds: Vec<u32> = (0..count).map(|place| (samples - place) as u32).collect();
        for (place, offset) in numbers_below(stream, &bounds).into_iter().take(count).enumerate() {
            order.swap(place, place + offset as usize);
        }
    };
    while all.len() < steps {
        // the first block holds the initial state and one step less
        let full = BLOCK_STEPS as usize - usize::from(all.is_empty());
        let block = (steps - all.len()).min(full);
        match sampling {
            Sampling::WithReplacement => {
                let count = (block * batch).next_multiple_of(16);
                let drawn = numbers_below(&mut stream, &vec![samples as u32; count]);
                all.extend(drawn.chunks(batch).take(block).map(|batch| batch.iter().map(|&n| n as usize).collect()));
            }
            Sampling::WithoutReplacement => {
                for _ in 0..block {
                    shuffle(&mut order, batch, &mut stream);
                    all.push(order[..batch].to_vec());
                }
            }
            Sampling::Reshuffle => {
                for _ in 0..block {
                    if cursor + batch > samples {
                        shuffle(&mut order, samples, &mut stream);
                        cursor = 0;
                    }
                    all.push(order[cursor..cursor + batch].to_vec());
                    cursor += batch;
                }
            }
        }
    }
    all
}

/// Largest relative difference of a chain from the recursion written as it is printed.
fn difference_from_plain_loop(
    data: &LeastSquares,
    sgd: &Hyperparameters,
    sampling: Sampling,
    steps: usize,
    processor: Processor,
) -> f64 {
    let (samples, dimension, outputs) = (data.samples(), data.dimension(), data.outputs());
    let noise = NoiseSource::Minibatch(MinibatchNoise::new(data, sgd, sampling).unwrap());
    let start = DMatrix::from_fn(dimension, outputs, |i, j| wave(i, j, 0.11));
    let ensemble = Ensemble::new(noise, sgd, Start::Fixed(start.clone()), SEED).unwrap().on(processor);
    let kept: Vec<u64> = (0..=steps as u64).collect();
    let path = &ensemble.run(3..4, steps as u64, || SnapshotObserver::new(&kept), &|_| ())[0];
    let (mut theta, mut v) = (start, DMatrix::zeros(dimension, outputs));
    let (mut largest, mut scale) = (0.0_f64, 0.0_f64);
    for (step, batch) in batches(sampling, samples, sgd.batch_size(), steps, 3).iter().enumerate() {
        let mut gradient = DMatrix::<f64>::zeros(dimension, outputs);
        for &sample in batch {
            for output in 0..outputs {
                let product: f64 = (0..dimension).map(|i| data.features()[(sample, i)] * theta[(i, output)]).sum();
                let residual = product - data.targets()[(sample, output)];
                for i in 0..dimension {
                    gradient[(i, output)] += residual * data.features()[(sample, i)];
                }
            }
        }
        v = &v * sgd.momentum() - gradient / sgd.batch_size() as f64 - &theta * sgd.weight_decay();
        theta += &v * sgd.learning_rate();
        scale = scale.max(theta.amax());
        for (place, value) in theta.iter().chain(v.iter()).enumerate() {
            largest = largest.max((path[(step + 1, place)] - value).abs());
        }
        scale = scale.max(v.amax());
    }
    largest / scale
}

const SCHEMES: [Sampling; 3] = [Sampling::WithReplacement, Sampling::WithoutReplacement, Sampling::Reshuffle];

/// The recursion contracts, so rounding errors of a step, each of about sqrt(d) S units, do not pile up.
#[test]
fn kernels_follow_plain_loops_for_a_thousand_steps() {
    for (dimension, outputs, batch) in [
        (1, 1, 1),
        (2, 1, 7),
        (7, 3, 8),
        (8, 1, 9),
        (10, 1, 16),
        (23, 1, 15),
        (24, 1, 8),
        (31, 1, 5),
        (64, 1, 32),
        (65, 2, 12),
        (600, 1, 11),
    ] {
        let data = regression(4 * batch, dimension, outputs);
        let sgd = Hyperparameters::new(0.2 / dimension as f64, 0.9, 0.01, batch).unwrap();
        for sampling in SCHEMES {
            for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                let error = difference_from_plain_loop(&data, &sgd, sampling, 1000, Processor::at_most(level));
                assert!(
                    error <= 1e-12,
                    "d {dimension}, {outputs} outputs, S {batch}, {sampling:?}, {level:?}: {error:e}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn kernels_follow_plain_loops(
        dimension in 1_usize..600,
        outputs in 1_usize..4,
        batch in 1_usize..70,
        epoch in 1_usize..5,
        steps in 1_usize..100,
        momentum in 0.0..0.95,
        scheme in 0_usize..3,
        level in 0_usize..3,
    ) {
        let data = regression(batch * epoch, dimension, outputs);
        let sgd = Hyperparameters::new(0.2 / dimension as f64, momentum, 0.01, batch).unwrap();
        let level = [Level::Portable, Level::Avx2, Level::Avx512][level];
        let error = difference_from_plain_loop(&data, &sgd, SCHEMES[scheme], steps, Processor::at_most(level));
        prop_assert!(error <= 1e-12, "{error:e}");
    }

    /// A chain that is kept and taken up again at any block goes on with the same bits.
    #[test]
    fn kept_chains_go_on(
        dimension in 1_usize..40,
        outputs in 1_usize..3,
        batch in 1_usize..20,
        cut in 0_u64..6,
        scheme in 0_usize..4,
    ) {
        let data = regression(3 * batch, dimension, outputs);
        let sgd = Hyperparameters::new(0.2 / dimension as f64, 0.9, 0.0, batch).unwrap();
        let noise = if let Some(&sampling) = SCHEMES.get(scheme) {
            NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, sampling).unwrap())
        } else {
            let root = DMatrix::from_fn(dimension, dimension, |i, j| wave(i, j, 0.3));
            let linear = DMatrix::zeros(dimension, outputs);
            NoiseSource::Gaussian(GaussianNoise::new(&vec![1.0; dimension], &linear, &vec![root; outputs]).unwrap())
        };
        let ensemble = Ensemble::new(noise, &sgd, Start::Fixed(DMatrix::zeros(dimension, outputs)), 4).unwrap();
        let kept: Vec<u64> = (0..=200).collect();
        let mut whole = SnapshotObserver::new(&kept);
        ensemble.advance(&mut ensemble.chain(7), 200, u64::MAX, &mut whole);
        let mut parts = SnapshotObserver::new(&kept);
        let mut chain = ensemble.chain(7);
        ensemble.advance(&mut chain, 200, cut, &mut parts);
        let mut state = StateWriter::default();
        chain.save(&mut state);
        let bytes = state.into_bytes();
        prop_assert!(ensemble.restore(7, &mut StateReader::new(&bytes[1..])).is_err());
        let mut state = StateReader::new(&bytes);
        let mut again = ensemble.restore(7, &mut state).unwrap();
        prop_assert!(state.finish().is_ok());
        ensemble.advance(&mut again, 200, u64::MAX, &mut parts);
        prop_assert_eq!(whole.finish(), parts.finish());
    }
}

#[test]
fn wide_instructions_give_the_same_bits() {
    let (avx2, avx512) = (Processor::at_most(Level::Avx2), Processor::at_most(Level::Avx512));
    if avx2.level() == Level::Portable {
        return; // nothing to compare
    }
    let data = regression(50, 21, 2);
    let sgd = Hyperparameters::new(0.01, 0.9, 0.01, 13).unwrap();
    let minibatch = NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, Sampling::WithReplacement).unwrap());
    let root = DMatrix::from_fn(21, 21, |i, j| wave(i, j, 0.3));
    let gaussian = GaussianNoise::new(&[1.0; 21], &DMatrix::zeros(21, 2), &[root.clone(), root]).unwrap();
    for noise in [minibatch, NoiseSource::Gaussian(gaussian)] {
        let roots = vec![DMatrix::from_fn(42, 3, |i, j| wave(i, j, 0.2)); 2];
        let start = Start::Gaussian { mean: DMatrix::zeros(21, 2), roots };
        let ensemble = Ensemble::new(noise, &sgd, start, 4).unwrap();
        let run = |processor| ensemble.clone().on(processor).run(0..5, 70, || SnapshotObserver::new(&[70]), &|_| ());
        assert_eq!(run(avx2), run(avx512));
    }
}

/// Chains of short rows run together, with their targets in the rows where there is room: the same bits on both instruction
/// sets and one at a time.
#[test]
fn chains_that_run_together_have_the_bits_of_chains_alone() {
    for dimension in 1..=25 {
        let data = regression(60, dimension, 1);
        let sgd = Hyperparameters::new(0.2 / dimension as f64, 0.9, 0.01, 15).unwrap();
        let noise = NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, Sampling::Reshuffle).unwrap());
        let start = Start::Fixed(DMatrix::from_element(dimension, 1, 0.5));
        let ensemble = Ensemble::new(noise, &sgd, start, 4).unwrap();
        let chains = 4 * rayon::current_num_threads() as u64 + 1;
        let together = |level| {
            let ensemble = ensemble.clone().on(Processor::at_most(level));
            ensemble.run(0..chains, 70, || SnapshotObserver::new(&[1, 31, 70]), &|_| ())
        };
        let wide = together(Level::Avx512);
        if Processor::at_most(Level::Avx2).level() == Level::Avx2 {
            assert_eq!(wide, together(Level::Avx2), "d {dimension}");
        }
        for number in 0..chains {
            let mut alone = SnapshotObserver::new(&[1, 31, 70]);
            ensemble.advance(&mut ensemble.chain(number), 70, u64::MAX, &mut alone);
            assert_eq!(wide[number as usize], alone.finish(), "d {dimension}, chain {number}");
        }
    }
}

/// Gaussian noise with any root, against the recursion with the same normals.
#[test]
fn gaussian_kernels_follow_plain_loops() {
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        gaussian_kernel_follows_plain_loops(Processor::at_most(level));
    }
}

fn gaussian_kernel_follows_plain_loops(processor: Processor) {
    for (dimension, outputs, diagonal) in
        [(1, 1, true), (5, 2, false), (16, 1, true), (17, 1, false), (64, 2, true), (70, 3, true)]
    {
        let curvature: Vec<f64> = (0..dimension).map(|i| 0.5 + wave(i, 1, 0.4).abs()).collect();
        let linear = DMatrix::from_fn(dimension, outputs, |i, j| wave(i, j, 0.2));
        let roots: Vec<DMatrix<f64>> =
            (0..outputs)
                .map(|output| {
                    DMatrix::from_fn(dimension, dimension, |i, j| {
                        if diagonal && i != j { 0.0 } else { wave(i + output, j, 0.15) }
                    })
                })
                .collect();
        let sgd = Hyperparameters::new(0.3, 0.8, 0.02, 1).unwrap();
        let noise = NoiseSource::Gaussian(GaussianNoise::new(&curvature, &linear, &roots).unwrap());
        let ensemble =
            Ensemble::new(noise, &sgd, Start::Fixed(DMatrix::zeros(dimension, outputs)), SEED).unwrap().on(processor);
        let kept: Vec<u64> = (0..=1000).collect();
        let path = &ensemble.run(3..4, 1000, || SnapshotObserver::new(&kept), &|_| ())[0];
        // normals come in pairs of lines, step by step and output by output
        let lines = dimension.next_multiple_of(16) / 8;
        let mut normals = vec![langevin_lanes::Line::default(); 1000 * outputs * lines];
        fill_normals(processor, &mut Stream::new(SEED, 3), &mut normals);
        let normals = langevin_lanes::as_values(&normals);
        let (mut theta, mut v) = (DMatrix::<f64>::zeros(dimension, outputs), DMatrix::<f64>::zeros(dimension, outputs));
        for step in 0..1000 {
            for output in 0..outputs {
                let z = &normals[(step * outputs + output) * lines * 8..][..dimension];
                let kick = &roots[output] * DMatrix::from_column_slice(dimension, 1, z);
                for i in 0..dimension {
                    let gradient = curvature[i] * theta[(i, output)] - linear[(i, output)] + kick[i];
                    v[(i, output)] = 0.8 * v[(i, output)] - gradient - 0.02 * theta[(i, output)];
                    theta[(i, output)] += 0.3 * v[(i, output)];
                }
            }
            let scale = theta.amax().max(v.amax());
            for (place, value) in theta.iter().chain(v.iter()).enumerate() {
                assert!(
                    (path[(step + 1, place)] - value).abs() <= 1e-12 * scale.max(1.0),
                    "d {dimension}, step {step}"
                );
            }
        }
    }
}

/// Observers on lanes against direct sums over all states, at widths that are not whole lines.
#[test]
fn block_observers_summarise_the_states() {
    for dimension in [1, 3, 8, 13, 50] {
        let data = regression(20, dimension, 1);
        let sgd = Hyperparameters::new(0.2 / dimension as f64, 0.9, 0.0, 4).unwrap();
        let noise = NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, Sampling::WithReplacement).unwrap());
        let start = Start::Fixed(DMatrix::from_element(dimension, 1, 0.5));
        let ensemble = Ensemble::new(noise, &sgd, start, SEED).unwrap();
        let kept: Vec<u64> = (0..=130).collect();
        let centre: Vec<f64> = (0..dimension).map(|i| wave(i, 2, 0.2)).collect();
        let ((path, sums), (distances, (count, moment))) = ensemble
            .run(
                0..1,
                130,
                || {
                    let moments = (DistanceObserver::new(&centre, 0.25), SecondMomentObserver::new(&centre));
                    ((SnapshotObserver::new(&kept), CoordinateObserver::new(&centre)), moments)
                },
                &|_| (),
            )
            .remove(0);
        assert_eq!((sums.count, count), (131, 131));
        let z = DMatrix::from_fn(131, 2 * dimension, |k, i| path[(k, i)] - centre.get(i).copied().unwrap_or(0.0));
        assert_relative_eq!(z.tr_mul(&z), moment, epsilon = 1e-12 * moment.amax());
        for i in 0..dimension {
            let close = |found: f64, term: &dyn Fn(usize) -> f64| {
                let size: f64 = (0..131).map(|k| term(k).abs()).sum();
                let sum: f64 = (0..131).map(term).sum();
                assert!((found - sum).abs() <= 1e-13 * size, "{found} {sum}");
            };
            close(sums.position[i], &|k| z[(k, i)]);
            close(sums.velocity[i], &|k| z[(k, dimension + i)]);
            close(sums.position_square[i], &|k| z[(k, i)].powi(2));
            close(sums.product[i], &|k| z[(k, i)] * z[(k, dimension + i)]);
            close(sums.velocity_square[i], &|k| z[(k, dimension + i)].powi(2));
        }
        for k in 1..131 {
            let square = |first: usize| z.row(k).columns(first, dimension).norm_squared();
            assert_relative_eq!(distances.global[k - 1], square(0), max_relative = 1e-13);
            assert_relative_eq!(distances.local[k - 1], 0.0625 * square(dimension), max_relative = 1e-13);
        }
    }
}
