//! The random numbers: streams against a kept implementation of their generator, indices against their definition, and
//! normals by their moments, tails, correlations and against another family of generators. Seeds are fixed, so a test gives
//! the same answer every time; limits are seven standard errors of what is tested, a chance of 3e-12 each.

use langevin_lanes::{Level, Line, Processor, as_values};
use langevin_sim::random::{Stream, fill_normals};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Normals of one stream.
fn normals(seed: u64, stream: u64, count: usize) -> Vec<f64> {
    let mut lines = vec![Line::default(); count.div_ceil(8)];
    fill_normals(Processor::best(), &mut Stream::new(seed, stream), &mut lines);
    as_values(&lines)[..count].to_vec()
}

#[test]
fn every_lane_is_a_xoshiro_generator() {
    let mut stream = Stream::new(5, 11);
    let bytes = stream.to_bytes();
    let mut lanes: Vec<Xoshiro256PlusPlus> = (0..8)
        .map(|lane| {
            let mut state = [0; 32];
            for word in 0..4 {
                state[8 * word..8 * word + 8].copy_from_slice(&bytes[64 * word + 8 * lane..][..8]);
            }
            Xoshiro256PlusPlus::from_seed(state)
        })
        .collect();
    for _ in 0..1000 {
        let expected: Vec<u64> = lanes.iter_mut().map(Rng::next_u64).collect();
        assert_eq!(stream.next_eight().to_vec(), expected);
    }
}

const GOLDEN_WORDS: [u64; 2] = [10102982006152635856, 6345998420321620119];
const GOLDEN_NORMALS: [f64; 3] = [1.1299045813865973, -0.3244251992048148, 0.5217494357210298];

/// Golden values: a stream never changes.
#[test]
fn streams_are_stable() {
    let mut stream = Stream::new(1, 2);
    assert_eq!(stream.next_eight()[..2], GOLDEN_WORDS);
    let found = normals(1, 2, 3);
    for (found, expected) in found.iter().zip(GOLDEN_NORMALS) {
        assert!((found - expected).abs() < 1e-14, "{found:?} instead of {expected}");
    }
}

/// The transformation in plain double precision functions, from the same words.
#[test]
fn normals_are_the_transformation_of_box_and_muller() {
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        let mut lines = vec![Line::default(); 2000];
        fill_normals(Processor::at_most(level), &mut Stream::new(9, 4), &mut lines);
        let mut stream = Stream::new(9, 4);
        for pair in lines.chunks(2) {
            let (radii, angles) = (stream.next_eight(), stream.next_eight());
            for lane in 0..8 {
                let u = 1.0 - (radii[lane] >> 12) as f64 / 2_f64.powi(52);
                let radius = (-2.0 * u.ln()).sqrt();
                let small = ((angles[lane] >> 12) as f64 / 2_f64.powi(51) - 1.0) * std::f64::consts::FRAC_PI_4;
                let cosine = if angles[lane] & 1 == 1 { -small.cos() } else { small.cos() };
                let (first, second) = if angles[lane] & 2 == 2 { (small.sin(), cosine) } else { (cosine, small.sin()) };
                for (found, unit) in [(pair[0].0[lane], first), (pair[1].0[lane], second)] {
                    // ln 1 and its neighbours: the radius has the square root of a rounding error there
                    assert!((found - radius * unit).abs() <= 4e-15 * radius.max(1e-6), "{level:?}: {found}");
                }
            }
        }
    }
}

const COUNT: usize = 8_000_000;

/// Even moments (2k-1)!!, odd moments zero, up to the eighth; the variance of z^k is E z^2k - (E z^k)^2.
#[test]
fn normals_have_the_moments_of_a_normal_law() {
    let double_factorial = |k: i32| (1..=k).rev().step_by(2).map(f64::from).product::<f64>();
    let moment = |k: i32| if k % 2 == 1 { 0.0 } else { double_factorial(k - 1) };
    let all = normals(31, 0, COUNT);
    for k in 1..=8 {
        let mean = all.iter().map(|z| z.powi(k)).sum::<f64>() / COUNT as f64;
        let error = ((moment(2 * k) - moment(k).powi(2)) / COUNT as f64).sqrt();
        assert!((mean - moment(k)).abs() < 7.0 * error, "moment {k}: {mean} instead of {}", moment(k));
    }
}

/// Counts beyond thresholds on both sides against erfc.
#[test]
fn normals_have_the_tails_of_a_normal_law() {
    let all = normals(32, 0, COUNT);
    for threshold in [0.5, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0] {
        let chance = 0.5 * libm::erfc(threshold / std::f64::consts::SQRT_2);
        let expected = chance * COUNT as f64;
        for side in [1.0, -1.0] {
            let count = all.iter().filter(|&&z| side * z > threshold).count() as f64;
            // Poisson for rare events: seven standard deviations and a little
            assert!((count - expected).abs() < 7.0 * expected.sqrt() + 14.0, "{count} beyond {threshold}, {expected}");
        }
    }
    assert!(all.iter().all(|z| z.abs() <= 8.5));
}

/// Products with later normals of the stream, of squares too, at every lag up to a few registers and at long ones.
#[test]
fn normals_of_a_stream_are_uncorrelated() {
    let all = normals(33, 0, COUNT);
    for lag in (1..=64).chain([128, 1000, 1024, 65_536, 1_000_000]) {
        let count = (COUNT - lag) as f64;
        let (mut products, mut squares) = (0.0, 0.0);
        for (a, b) in all.iter().zip(&all[lag..]) {
            products += a * b;
            squares += (a * a - 1.0) * (b * b - 1.0);
        }
        assert!(products.abs() < 7.0 * count.sqrt(), "lag {lag}: {}", products / count);
        assert!(squares.abs() < 7.0 * 2.0 * count.sqrt(), "squares at lag {lag}: {}", squares / count);
    }
}

/// Streams of neighbouring numbers and neighbouring seeds.
#[test]
fn streams_are_uncorrelated() {
    let count = 200_000;
    let streams: Vec<Vec<f64>> =
        [(1, 0), (1, 1), (1, 2), (1, 1 << 32), (2, 0), (2, 1), (0, 0), (u64::MAX, 0), (1 << 63, 0)]
            .into_iter()
            .map(|(seed, stream)| normals(seed, stream, count))
            .collect();
    for (i, a) in streams.iter().enumerate() {
        for b in &streams[..i] {
            let products: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            assert!(products.abs() < 7.0 * (count as f64).sqrt());
        }
    }
}

/// Two samples, one from ChaCha8 through the ziggurat of `rand_distr`: Kolmogorov and Smirnov's distance, whose tail
/// probability is about 2 exp(-2 n d^2 / 2) for two samples of n; 1e-11 at the limit.
#[test]
fn normals_agree_with_another_family() {
    let count = 1_000_000;
    let mut ours = normals(34, 0, count);
    let mut stream = ChaCha8Rng::seed_from_u64(35);
    let mut theirs: Vec<f64> = (0..count).map(|_| StandardNormal.sample(&mut stream)).collect();
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < count && j < count {
        if ours[i] <= theirs[j] {
            i += 1;
        } else {
            j += 1;
        }
        distance = distance.max((i as f64 - j as f64).abs() / count as f64);
    }
    assert!(count as f64 * distance * distance < (2e11_f64).ln(), "distance {distance}");
}
