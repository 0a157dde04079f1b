//! The tests of a scatter against closed forms and against values of 30 digits (mpmath): Chernoff's bounds of the
//! determinant and of the likelihood ratio from Bartlett's decomposition, a product of chi-squares, where the source has the
//! multivariate gamma function.

#![allow(clippy::float_cmp, reason = "some values are exact")]

use std::cell::Cell;

use langevin_verify::statistics::{Rates, tail, wishart};
use nalgebra::DMatrix;
use statrs::function::gamma::digamma;

const RATES: Rates = Rates { alpha: 1e-6, power: 0.999 };
/// A level above the rate of misses, at which the upper tail decides.
const LOOSE: Rates = Rates { alpha: 0.2, power: 1.0 - 1e-6 };

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found:e}, expected {expected:e}");
}

fn diagonal(entries: &[f64]) -> DMatrix<f64> {
    DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(entries))
}

/// The scatter n diag(1, ..., 1, x) of the loss x - 1 - log x.
fn with_loss(d: usize, count: u64, loss: f64) -> DMatrix<f64> {
    let x = (-tail::inverse(|log| -((-log).exp_m1() + log), -loss, 0.0, loss + 2.0)).exp();
    let mut scatter = DMatrix::identity(d, d);
    scatter[(d - 1, d - 1)] = x;
    scatter * count as f64
}

/// delta - log(1 + delta)
fn loss(delta: f64) -> f64 {
    delta - delta.ln_1p()
}

/// In two dimensions 2 sqrt(det W) is chi-square of 2n - 2 degrees: with m = n - 1, E det(W)^s is Gamma(m + 2s) / Gamma(m),
/// and the bound is the one at s where log det W = 2 psi(m + 2s).
#[test]
fn determinants_of_two_dimensions() {
    for count in [2_u64, 3, 10, 1000] {
        let m = count as f64 - 1.0;
        for part in [-0.98, -0.9, -0.5, -0.25, -0.1, 0.1, 0.5, 3.0, 50.0] {
            let s = 0.5 * m * part;
            let log = 2.0 * digamma(m + 2.0 * s);
            let bound = libm::lgamma(m + 2.0 * s) - libm::lgamma(m) - s * log;
            let root = (log.exp() + 9.0).sqrt();
            let scatter = DMatrix::from_row_slice(2, 2, &[root, 3.0, 3.0, root]);
            if bound > -600.0 && log.exp() > 1e-6 {
                close(wishart::determinant_p_value(&scatter, count), (2.0 * bound.exp()).min(1.0), 1e-5);
            }
            let scatter = diagonal(&[1.0, log.exp()]);
            close(wishart::determinant_p_value(&scatter, count), (2.0 * bound.exp()).min(1.0), 1e-5);
        }
    }
    // infinitely far out
    assert_eq!(wishart::determinant_p_value(&diagonal(&[1.0, 0.0]), 10), 0.0);
    assert_eq!(wishart::determinant_p_value(&diagonal(&[1e200, 1e100]), 10), 0.0);
}

/// Mean of log det W, departures at the level, and the resolution.
#[test]
fn intervals_of_determinants() {
    let strict = Rates { alpha: 1e-9, ..RATES };
    for (d, count, rates, mean, low, high, resolution) in [
        (1, 10, RATES, 2.199_264_848_991_746, -4.142_400_704_616_909, 1.793_234_911_526_957, 243.812_870_168_596_6),
        (2, 3, RATES, 0.845_568_670_196_934_3, -18.474_086_456_479_89, 5.137_129_449_831_277, 77_284.653_855_019_05),
        (3, 40, RATES, 10.912_412_290_642_36, -2.428_700_324_886_698, 1.913_646_095_145_516, 2.541_801_579_453_327),
        (
            3,
            1000,
            RATES,
            20.717_259_326_928_53,
            -0.427_596_469_903_140_2,
            0.408_204_465_705_016_5,
            0.267_548_836_337_475,
        ),
        (2, 20, LOOSE, 5.835_784_826_589_561, -1.088_025_068_058_239, 0.921_244_682_202_074_8, 6.319_199_703_892_781),
        // as many states as dimensions
        (3, 3, strict, -0.424_794_175_264_543_9, -50.388_421_346_464_42, 9.099_594_910_809_224, 169_858_579.927_387_9),
    ] {
        let mut scatter = DMatrix::identity(d, d);
        scatter[(0, 0)] = 1.7 * count as f64;
        let departure = (1.7 * count as f64).ln() - mean;
        let found = wishart::determinant(&scatter, count, rates);
        let ratio = |log: f64| (log / d as f64).exp_m1();
        assert_eq!(found.untestable, None);
        close(found.effect, ratio(departure), 1e-9);
        close(found.interval[0], ratio(departure - high), 1e-6);
        close(found.interval[1], ratio(departure - low), 1e-6);
        close(found.minimum_detectable_effect, resolution, 1e-6);
        close(wishart::determinant_resolution(d, count, rates), resolution, 1e-6);
        assert_eq!(found.p_value, wishart::determinant_p_value(&scatter, count));
    }
}

/// E exp(s T) of two dimensions, T measured from its least value, by the duplication of the gamma function: with
/// m = n - 1 - 2 n s it is (1 - 2s)^{-(n - 2 n s)} Gamma(m) / Gamma(n - 1) exp(-2 n s (1 - log n)), and the bound is the one
/// at s where T = 2 n (log(1 - 2s) + log n - psi(m)).
#[test]
fn likelihood_ratios_of_two_dimensions() {
    for count in [2_u64, 3, 10, 1000] {
        let n = count as f64;
        for part in [0.01, 0.1, 0.5, 0.8, 0.95] {
            let s = 0.5 * (1.0 - 1.0 / n) * part;
            let m = n - 1.0 - 2.0 * n * s;
            let t = 2.0 * n * ((-2.0 * s).ln_1p() + n.ln() - digamma(m));
            let bound = libm::lgamma(m)
                - libm::lgamma(n - 1.0)
                - (n - 2.0 * n * s) * (-2.0 * s).ln_1p()
                - 2.0 * n * s * (1.0 - n.ln())
                - s * t;
            if bound > -600.0 {
                close(wishart::likelihood_ratio_p_value(&with_loss(2, count, t / n), count), bound.exp(), 1e-5);
            }
            // the same loss of two directions that are correlated
            if t / n < 5.0 {
                let r = (-(-t / n).exp_m1()).sqrt();
                let scatter = DMatrix::from_row_slice(2, 2, &[n, n * r, n * r, n]);
                close(wishart::likelihood_ratio_p_value(&scatter, count), bound.exp(), 1e-5);
            }
        }
        // below the mean there is no departure
        close(wishart::likelihood_ratio_p_value(&diagonal(&[n, n]), count), 1.0, 1e-9);
    }
}

/// The threshold of T at the level, and the excess of a variance at which it is missed as seldom as stated.
#[test]
fn thresholds_of_likelihood_ratios() {
    let strict = Rates { alpha: 1e-9, ..RATES };
    for (d, count, rates, threshold, resolution) in [
        (1, 10, RATES, 32.763_532_156_290_66, 57.299_811_020_467_81),
        (2, 3, RATES, 54.785_223_657_499_29, 5_686.085_427_832_505),
        (3, 40, RATES, 47.173_770_885_888_32, 7.417_326_713_779_86),
        (2, 1000, RATES, 38.296_810_646_119_26, 0.533_320_217_675_335_8),
        // as many states as dimensions: the tail of T is that of an exponential law of mean 2n
        (5, 5, strict, 273.451_814_667_206, 2_265.040_190_183_34),
        // many dimensions
        (30, 1_000_000, RATES, 644.235_022_156_993_6, 0.026_580_756_935_317_73),
    ] {
        let (n, mean) = (count as f64, (d * (d + 1) / 2) as f64);
        let found = wishart::likelihood_ratio(&with_loss(d, count, 1.5 * threshold / n), count, rates);
        assert_eq!(found.untestable, None);
        close(loss(found.effect), (1.5 * threshold - mean) / n, 1e-6);
        close(loss(found.interval[0]), 0.5 * threshold / n, 1e-6);
        assert_eq!(found.interval[1], f64::INFINITY);
        close(found.minimum_detectable_effect, resolution, 1e-6);
        close(wishart::likelihood_ratio_resolution(d, count, rates), resolution, 1e-6);
        // the level is reached at the threshold
        close(wishart::likelihood_ratio_p_value(&with_loss(d, count, threshold / n), count), rates.alpha, 1e-5);
        // a smaller T than expected has no excess
        let small = wishart::likelihood_ratio(&with_loss(d, count, 0.5 * mean / n), count, rates);
        assert_eq!((small.effect, small.interval[0]), (0.0, 0.0));
    }
}

/// Fewer states than dimensions, and no dimension at all.
#[test]
fn scatters_without_a_law() {
    for (d, count) in [(3, 2), (0, 0), (0, 5)] {
        let scatter = DMatrix::identity(d, d);
        for found in [wishart::determinant(&scatter, count, RATES), wishart::likelihood_ratio(&scatter, count, RATES)] {
            let reason = found.untestable.map(|reason| reason.to_string()).unwrap_or_default();
            assert!(reason.contains(&format!("{count} states in {d} dimensions")), "{reason}");
            assert_eq!((found.effect, found.p_value, found.minimum_detectable_effect), (0.0, 1.0, f64::INFINITY));
            assert_eq!(found.interval, [f64::NEG_INFINITY, f64::INFINITY]);
        }
    }
    for resolution in [wishart::determinant_resolution, wishart::likelihood_ratio_resolution] {
        assert_eq!(resolution(20, 19, RATES), f64::INFINITY);
        assert!(resolution(20, 20, RATES).is_finite());
    }
    // a plan for more dimensions than the first number that is tried
    let count = wishart::count_for(0.5, |count| wishart::likelihood_ratio_resolution(20, count, RATES));
    assert!(wishart::likelihood_ratio_resolution(20, count, RATES) <= 0.5);
    assert!(wishart::likelihood_ratio_resolution(20, count - count / 500 - 1, RATES) > 0.5);
}

/// A resolution of 1/n reaches 1/k at k.
#[test]
fn planned_numbers_of_states() {
    for k in (1_u32..40).chain((40..40_000).step_by(97)).chain([1 << 30]) {
        let calls = Cell::new(0);
        let found = wishart::count_for(1.0 / f64::from(k), |count| {
            calls.set(calls.get() + 1);
            1.0 / count as f64
        });
        let k = u64::from(k);
        assert!((k..=k + k / 900 + 1).contains(&found), "{found} for {k}");
        // each of them costs two searches
        assert!(calls.get() < 50, "{}", calls.get());
    }
    // reached exactly, at a number that is tried
    assert_eq!(wishart::count_for(1.0 / 64.0, |count| 1.0 / count as f64), 64);
    // never reached
    assert_eq!(wishart::count_for(0.1, |_| 1.0), 1 << 40);
}

/// Of a tail with a step the least x, and the tail of t beyond any bracket that suits many degrees of freedom.
#[test]
fn inverses_of_tails() {
    let steps = |x: f64| {
        if x < 1.0 {
            2.0
        } else if x < 3.0 {
            1.0
        } else {
            0.0
        }
    };
    for (value, least) in [(2.0, 0.0), (1.5, 1.0), (1.0, 1.0), (0.5, 3.0), (0.0, 3.0)] {
        assert!((tail::inverse(steps, value, 0.0, 16.0) - least).abs() < 1e-12, "{value}");
    }
    // Cauchy, and t of two degrees: P(T > t) = 1/2 - t / (2 sqrt(2 + t^2))
    for p in [0.4, 0.1, 1e-3, 1e-6, 1e-9] {
        close(tail::student_quantile_above(1.0, p), 1.0 / (std::f64::consts::PI * p).tan(), 1e-6);
        let u = 1.0 - 2.0 * p;
        close(tail::student_quantile_above(2.0, p), u / (2.0 * p * (1.0 - p)).sqrt(), 1e-6);
    }
    close(tail::student_quantile_above(1.0, 1e-14), 1e14 / std::f64::consts::PI, 1e-6);
}

/// Sixty trials of probability 1/2 and of 1/3, by Pascal's triangle in whole numbers.
#[test]
fn binomial_tails_in_whole_numbers() {
    let trials = 60_u64;
    let mut row = vec![1_u128];
    for _ in 0..trials {
        row = (0..=row.len()).map(|k| row.get(k).unwrap_or(&0) + if k > 0 { row[k - 1] } else { 0 }).collect();
    }
    for k in 0..=trials {
        let below = row[..=k as usize].iter().sum::<u128>() as f64 / 2.0_f64.powi(60);
        let above = row[k as usize..].iter().sum::<u128>() as f64 / 2.0_f64.powi(60);
        let found = tail::binomial(trials, 0.5, k);
        close(found.0, below, 1e-12);
        close(found.1, above, 1e-12);
        let weights: Vec<u128> = (0..=trials).map(|k| row[k as usize] << (trials - k)).collect();
        let all = 3.0_f64.powi(60);
        let (below, above) = (&weights[..=k as usize], &weights[k as usize..]);
        let found = tail::binomial(trials, 1.0 / 3.0, k);
        for (found, part) in [(found.0, below), (found.1, above)] {
            close(found, part.iter().map(|&weight| weight as f64).sum::<f64>() / all, 1e-12);
        }
    }
    // a probability so small that the ratio of the outcomes overflows
    assert_eq!(tail::binomial(5, 1e-310, 0), (1.0, 1.0));
}
