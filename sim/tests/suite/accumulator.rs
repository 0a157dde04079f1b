//! Running moments against their definitions on whole numbers, where every sum is exact, and against each other however a
//! stream is cut.

use langevin_sim::saved_state::{StateReader, StateWriter};
use langevin_sim::{Moments, MomentsOfMany};

/// Count, mean, unbiased variance, skewness and excess kurtosis, by two passes.
fn by_definition(values: &[f64]) -> [f64; 5] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let central = |order: i32| values.iter().map(|value| (value - mean).powi(order)).sum::<f64>();
    let second = central(2);
    let variance = second / n;
    [n, mean, second / (n - 1.0), central(3) / n / variance.powf(1.5), central(4) / n / (variance * variance) - 3.0]
}

fn found(moments: &Moments) -> [f64; 5] {
    [moments.count() as f64, moments.mean(), moments.variance(), moments.skewness(), moments.excess_kurtosis()]
}

fn close(found: [f64; 5], expected: [f64; 5]) {
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{found}, expected {expected}");
    }
}

/// Skewed, with a mean that is no whole number, and all differences of size one.
const VALUES: [f64; 9] = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0, 5.0];

/// Every way to cut the stream in two or in three, in both orders: sums of nine numbers of a few units each, so 1e-12 leaves
/// three digits to rounding.
#[test]
fn moments_are_those_of_the_definition_however_the_stream_is_cut() {
    let expected = by_definition(&VALUES);
    close(found(&Moments::of(VALUES)), expected);
    for first in 0..=VALUES.len() {
        for second in first..=VALUES.len() {
            let parts =
                [&VALUES[..first], &VALUES[first..second], &VALUES[second..]].map(|part| Moments::of(part.to_vec()));
            close(found(&parts[0].merged(&parts[1]).merged(&parts[2])), expected);
            close(found(&parts[2].merged(&parts[1].merged(&parts[0]))), expected);
        }
    }
    let moments = Moments::of(VALUES);
    assert!((moments.standard_error() - (expected[2] / 9.0).sqrt()).abs() < 1e-14);
}

#[test]
fn few_values_and_equal_values_have_no_spread() {
    let none = Moments::default();
    assert_eq!((found(&none), none.standard_error()), ([0.0; 5], 0.0));
    let one = Moments::of([7.0]);
    assert_eq!((found(&one), one.standard_error()), ([1.0, 7.0, 0.0, 0.0, 0.0], 0.0));
    let two = Moments::of([7.0, 9.0]);
    assert_eq!((two.variance(), two.standard_error()), (2.0, 1.0));
    assert_eq!(found(&Moments::of([2.5; 100])), [100.0, 2.5, 0.0, 0.0, 0.0]);
    assert_eq!(none.merged(&one), one);
    assert_eq!(one.merged(&none), one);
}

#[test]
fn several_quantities_are_kept_apart_merged_and_saved() {
    let of = |values: &[f64]| {
        let mut moments = MomentsOfMany::default();
        for &value in values {
            moments.push(&[value, -2.0 * value + 1.0]);
        }
        moments
    };
    let whole = of(&VALUES);
    let merged = of(&VALUES[..4]).merged(&of(&VALUES[4..]));
    for moments in [&whole, &merged] {
        close(found(&moments.quantities()[0]), by_definition(&VALUES));
        close(found(&moments.quantities()[1]), by_definition(&VALUES.map(|value| -2.0 * value + 1.0)));
    }
    assert_eq!(MomentsOfMany::default().merged(&whole), whole);
    assert_eq!(MomentsOfMany::default().quantities(), []);

    for moments in [whole, MomentsOfMany::default()] {
        let mut state = StateWriter::default();
        moments.save(&mut state);
        let bytes = state.into_bytes();
        let mut state = StateReader::new(&bytes);
        assert_eq!(MomentsOfMany::restore(&mut state, 2).unwrap(), moments);
        state.finish().unwrap();
        // another number of quantities is refused, none yet is not
        assert_eq!(MomentsOfMany::restore(&mut StateReader::new(&bytes), 3).is_ok(), moments.quantities().is_empty());
    }
}
