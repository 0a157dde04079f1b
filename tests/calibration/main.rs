//! Tests of the tests. At a level inflated to 1e-2, every test of `langevin_verify::statistics` meets 10,000 samples of its
//! null hypothesis and 10,000 of an effect of exactly the size that it says it finds.
//!
//! - The false-alarm rate: Clopper and Pearson's 99.99 % interval covers the level or lies below it; for exact tests it must
//!   cover it.
//! - The miss rate at the minimum detectable effect: the interval covers 1 - power = 1e-3 or lies below it.
//!
//! Seeds are fixed: each sample has a stream of its own, keyed by the name of the row and its number. The table in
//! `docs/statistics.md` is printed by
//! `cargo test --release -p langevin-tests --test calibration -- --nocapture --test-threads 1`.
#![allow(clippy::print_stdout, reason = "the table of figures")]

use langevin_verify::ledger::{FAMILY_WISE_ERROR, Ledger};
use langevin_verify::report::Verdict;
use langevin_verify::statistics::pit::{self, Transformed};
use langevin_verify::statistics::sequence::{CatoniSequence, Sequence, StudentSequence, inclusion, verdict_exact};
use langevin_verify::statistics::tail::{binomial, inverse, normal_above};
use langevin_verify::statistics::{
    Family, Finding, Rates, catoni, chains, chi_square, independence, lagged, normal, too_good, wishart,
};
use nalgebra::DMatrix;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, ChiSquared, Distribution, StandardNormal, StudentT};
use rayon::prelude::*;

const RATES: Rates = Rates { alpha: 1e-2, power: 0.999 };

const SAMPLES: u64 = 10_000;

/// Confidence of the intervals of measured rates.
const CONFIDENCE: f64 = 0.9999;

/// Number of samples for which something holds.
fn count(row: &str, samples: u64, holds: impl Fn(&mut ChaCha8Rng) -> bool + Sync) -> u64 {
    let key = row
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let one = |sample: u64| {
        let mut stream = ChaCha8Rng::seed_from_u64(key.wrapping_add(sample.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        u64::from(holds(&mut stream))
    };
    (0..samples).into_par_iter().map(one).sum()
}

/// Clopper and Pearson's interval.
fn interval(found: u64, samples: u64) -> [f64; 2] {
    let level = 0.5 * (1.0 - CONFIDENCE);
    let here = found as f64 / samples as f64;
    let low = if found == 0 { 0.0 } else { inverse(|p| -binomial(samples, p, found).1, -level, 0.0, here) };
    let high = if found == samples { 1.0 } else { inverse(|p| binomial(samples, p, found).0, level, here, 1.0) };
    [low, high]
}

/// What a measured rate is compared with.
#[derive(Clone, Copy, PartialEq)]
enum Nominal {
    /// The test is exact.
    Equal,
    /// The test is a bound.
    AtMost,
    /// The guard must stop nearly everything.
    AtLeast,
}

fn row(name: &str, what: &str, nominal: f64, kind: Nominal, event: impl Fn(&mut ChaCha8Rng) -> bool + Sync) {
    row_of(SAMPLES, name, what, nominal, kind, event);
}

fn row_of(
    samples: u64,
    name: &str,
    what: &str,
    nominal: f64,
    kind: Nominal,
    event: impl Fn(&mut ChaCha8Rng) -> bool + Sync,
) {
    let found = count(&format!("{name}/{what}"), samples, event);
    let [low, high] = interval(found, samples);
    let sign = match kind {
        Nominal::Equal => "=",
        Nominal::AtMost => "<=",
        Nominal::AtLeast => ">=",
    };
    let measured = found as f64 / samples as f64;
    let digits = if nominal < 5e-4 { 5 } else { 4 };
    println!(
        "| {name} | {what} | {sign} {nominal:.*} | {measured:.digits$} | {low:.digits$} - {high:.digits$} |",
        digits - 1
    );
    let holds = match kind {
        Nominal::Equal => low <= nominal && nominal <= high,
        Nominal::AtMost => low <= nominal,
        Nominal::AtLeast => high >= nominal,
    };
    assert!(holds, "{name}, {what}: {measured}, in [{low}, {high}], where {sign} {nominal} is claimed");
}

fn false_alarms(name: &str, law: &str, kind: Nominal, refuted: impl Fn(&mut ChaCha8Rng) -> bool + Sync) {
    row(name, &format!("false alarms, {law}"), RATES.alpha, kind, refuted);
}

fn misses(name: &str, law: &str, refuted: impl Fn(&mut ChaCha8Rng) -> bool + Sync) {
    row(name, &format!("misses at the MDE, {law}"), 1.0 - RATES.power, Nominal::AtMost, |stream| !refuted(stream));
}

fn refutes(finding: &Finding) -> bool {
    finding.verdict(RATES.alpha, f64::INFINITY) == Verdict::Refuted
}

fn normal_value(stream: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(stream)
}

fn many(stream: &mut ChaCha8Rng, size: usize, one: impl Fn(&mut ChaCha8Rng) -> f64) -> Vec<f64> {
    (0..size).map(|_| one(stream)).collect()
}

/// Laws of mean 0 for tests that promise to hold for every law of a variance.
struct Law {
    name: &'static str,
    variance: f64,
    one: fn(&mut ChaCha8Rng) -> f64,
}

/// Probability of the rare value of the two-point law.
const RARE: f64 = 1e-3;

const LAWS: [Law; 3] = [
    Law { name: "normal", variance: 1.0, one: normal_value },
    Law {
        name: "Student t with 5 degrees",
        variance: 5.0 / 3.0,
        one: |stream| StudentT::new(5.0).map_or(f64::NAN, |law| law.sample(stream)),
    },
    Law {
        name: "two points, p = 0.001",
        variance: RARE * (1.0 - RARE),
        one: |stream| if stream.random_bool(RARE) { 1.0 - RARE } else { -RARE },
    },
];

#[test]
fn chi_square_and_normal() {
    let degrees = 40.0;
    let law = ChiSquared::new(degrees).unwrap();
    false_alarms("chi-square", "40 degrees", Nominal::Equal, |stream| {
        refutes(&chi_square::test(law.sample(stream), degrees, RATES))
    });
    let excess = 1.0 + chi_square::minimum_detectable_ratio(degrees, RATES);
    misses("chi-square", "excess", |stream| refutes(&chi_square::test(law.sample(stream) * excess, degrees, RATES)));
    let deficit = chi_square::minimum_detectable_deficit(degrees, RATES);
    misses("chi-square", "deficit", |stream| refutes(&chi_square::test(law.sample(stream) / deficit, degrees, RATES)));
    false_alarms("normal", "normal", Nominal::Equal, |stream| refutes(&normal::test(normal_value(stream), 1.0, RATES)));
    let shift = normal::minimum_detectable(RATES);
    misses("normal", "shift", |stream| refutes(&normal::test(normal_value(stream) + shift, 1.0, RATES)));
}

/// The average of what a test says it finds, over some samples.
fn stated(row: &str, one: impl Fn(&mut ChaCha8Rng) -> f64) -> f64 {
    const SOME: u64 = 200;
    let key = row.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    (0..SOME).map(|sample| one(&mut ChaCha8Rng::seed_from_u64(key.wrapping_add(sample)))).sum::<f64>() / SOME as f64
}

#[test]
fn student_over_chains() {
    let size = 1000;
    let name = "Student t over chains";
    false_alarms(name, "normal", Nominal::AtMost, |stream| {
        refutes(&chains::test(&many(stream, size, normal_value), RATES))
    });
    let shift = stated(name, |stream| chains::test(&many(stream, size, normal_value), RATES).minimum_detectable_effect);
    misses(name, "normal", |stream| {
        refutes(&chains::test(&many(stream, size, |stream| normal_value(stream) + shift), RATES))
    });
    // skewness 2: the Edgeworth term is 0.18, within the guard
    let exponential = |stream: &mut ChaCha8Rng| -(1.0 - stream.random::<f64>()).ln() - 1.0;
    false_alarms(name, "exponential", Nominal::AtMost, |stream| {
        refutes(&chains::test(&many(stream, size, exponential), RATES))
    });
    // far out in the tails, where skewness makes t alarm 1.9 times as often as for normal numbers (Edgeworth term 0.62)
    let far = Rates { alpha: 1e-4, power: RATES.power };
    row_of(20 * SAMPLES, name, "false alarms, exponential", far.alpha, Nominal::AtMost, |stream| {
        chains::test(&many(stream, size, exponential), far).verdict(far.alpha, f64::INFINITY) == Verdict::Refuted
    });
    for law in &LAWS[1..] {
        false_alarms(name, law.name, Nominal::AtMost, |stream| {
            refutes(&chains::test(&many(stream, size, law.one), RATES))
        });
    }
    let stopped = |values: &[f64]| chains::test(values, RATES).untestable.is_some();
    row("guard against tails", "stops Student t with 2 degrees", 0.99, Nominal::AtLeast, |stream| {
        let law = StudentT::new(2.0);
        let values = many(stream, 4 * size, |stream| law.map_or(f64::NAN, |law| law.sample(stream)));
        stopped(&values)
    });
    row("guard against skewness", "stops two points, p = 0.001", 0.99, Nominal::AtLeast, |stream| {
        // without a rare value among them the values are all the same: that must stop the test as well
        let values = many(stream, 4 * size, LAWS[2].one);
        stopped(&values)
    });
}

#[test]
fn dependent_numbers_are_refused() {
    let size = 1000;
    false_alarms("guard against dependence", "independent", Nominal::AtMost, |stream| {
        independence::runs(&many(stream, size, normal_value)) <= RATES.alpha
    });
    for coefficient in [0.4, 0.6, 0.9] {
        row(
            "guard against dependence",
            &format!("stops chains with coefficient {coefficient}"),
            0.999,
            Nominal::AtLeast,
            |stream| {
                let mut state = 0.0;
                let values = many(stream, size, normal_value);
                let chain: Vec<f64> = values
                    .into_iter()
                    .map(|noise| {
                        state = coefficient * state + noise;
                        state
                    })
                    .collect();
                chains::test(&chain, RATES).untestable.is_some()
            },
        );
    }
}

#[test]
fn catoni_of_a_fixed_size() {
    let size = 1000;
    let threshold = (1.0 / RATES.alpha).ln();
    for law in &LAWS {
        // independent draws
        let variance = catoni::TheoryVariance::gated(law.variance, 0.0).expect("a finite variance");
        false_alarms("Catoni", law.name, Nominal::AtMost, |stream| {
            let values = many(stream, size, law.one);
            catoni::log_e_value(&values, 0.0, variance, RATES.alpha) >= threshold
        });
        let shift = catoni::minimum_detectable_shift(size, variance, RATES.alpha, RATES.power);
        misses("Catoni", law.name, |stream| {
            let values = many(stream, size, |stream| (law.one)(stream) + shift);
            catoni::log_e_value(&values, 0.0, variance, RATES.alpha) >= threshold
        });
    }
}

#[test]
fn catoni_sequences() {
    for law in &LAWS {
        let effect = 0.5 * law.variance.sqrt();
        let planned = CatoniSequence::for_effect(effect, law.variance, RATES).unwrap();
        let size = planned.planned() as usize;
        // looked at after each of eight blocks, and continued beyond the plan
        false_alarms("Catoni sequence", &format!("{}, ever in 8 looks", law.name), Nominal::AtMost, |stream| {
            let mut sequence = Sequence::from(planned.clone());
            (0..8).any(|_| {
                sequence.add(&many(stream, size / 5, law.one)).unwrap();
                // an interval without 0 is a p-value below alpha
                sequence.p_value(0.0) <= RATES.alpha
            })
        });
        misses("Catoni sequence", law.name, |stream| {
            let mut sequence = Sequence::from(planned.clone());
            sequence.add(&many(stream, size, |stream| (law.one)(stream) + effect)).unwrap();
            sequence.p_value(0.0) <= RATES.alpha
        });
    }
}

#[test]
fn student_sequences() {
    let name = "Student sequence";
    let empty = StudentSequence::new(vec![1000, 1500, 2500], RATES).unwrap();
    let run = |stream: &mut ChaCha8Rng, shift: f64| {
        let mut sequence = Sequence::from(empty.clone());
        sequence.add(&many(stream, 2500, |stream| normal_value(stream) + shift)).unwrap();
        sequence
    };
    false_alarms(name, "normal, ever in 3 looks", Nominal::AtMost, |stream| {
        verdict_exact(&run(stream, 0.0), f64::INFINITY) == Verdict::Refuted
    });
    let shift = stated(name, |stream| run(stream, 0.0).minimum_detectable_effect());
    misses(name, "normal", |stream| verdict_exact(&run(stream, shift), f64::INFINITY) == Verdict::Refuted);
}

/// X^T X for states of covariance diag(first, 1, ...) times `all`.
fn scatter(stream: &mut ChaCha8Rng, d: usize, states: usize, first: f64, all: f64) -> DMatrix<f64> {
    let mut x = DMatrix::from_fn(states, d, |_, _| normal_value(stream) * all.sqrt());
    x.column_mut(0).scale_mut(first.sqrt());
    x.tr_mul(&x)
}

#[test]
fn wishart_scatters() {
    let (d, states) = (4, 60_usize);
    let n = states as u64;
    false_alarms("Wishart trace", "4 dimensions, 60 states", Nominal::Equal, |stream| {
        refutes(&wishart::trace(&scatter(stream, d, states, 1.0, 1.0), n, RATES))
    });
    let excess = 1.0 + chi_square::minimum_detectable_ratio((d * states) as f64, RATES);
    misses("Wishart trace", "all directions", |stream| {
        refutes(&wishart::trace(&scatter(stream, d, states, 1.0, excess), n, RATES))
    });
    false_alarms("Wishart determinant", "4 dimensions, 60 states", Nominal::AtMost, |stream| {
        wishart::determinant_p_value(&scatter(stream, d, states, 1.0, 1.0), n) <= RATES.alpha
    });
    let excess = 1.0 + wishart::determinant_resolution(d, n, RATES);
    misses("Wishart determinant", "all directions", |stream| {
        wishart::determinant_p_value(&scatter(stream, d, states, 1.0, excess), n) <= RATES.alpha
    });
    misses("Wishart determinant", "one direction", |stream| {
        wishart::determinant_p_value(&scatter(stream, d, states, excess.powi(4), 1.0), n) <= RATES.alpha
    });
    false_alarms("Wishart likelihood ratio", "4 dimensions, 60 states", Nominal::AtMost, |stream| {
        wishart::likelihood_ratio_p_value(&scatter(stream, d, states, 1.0, 1.0), n) <= RATES.alpha
    });
    // 600 states, so that a deficit of the same size exists
    let more = 600;
    let resolution = wishart::likelihood_ratio_resolution(d, more, RATES);
    for (law, first) in [("excess of one direction", 1.0 + resolution), ("deficit of one direction", 1.0 - resolution)]
    {
        misses("Wishart likelihood ratio", law, |stream| {
            wishart::likelihood_ratio_p_value(&scatter(stream, d, more as usize, first, 1.0), more) <= RATES.alpha
        });
    }
    false_alarms("Wishart product", "4 dimensions, 60 states", Nominal::Equal, |stream| {
        refutes(&wishart::product(&scatter(stream, d, states, 1.0, 1.0), 0, 1, RATES))
    });
    misses("Wishart product", "slope", |stream| {
        // the resolution is that of the drawn first coordinate: given it the other is normal
        let x = many(stream, states, normal_value);
        let weight: f64 = x.iter().map(|x| x * x).sum();
        let slope = normal::minimum_detectable(RATES) / weight.sqrt();
        let product: f64 = x.iter().map(|x| x * (slope * x + normal_value(stream))).sum();
        let matrix = DMatrix::from_row_slice(2, 2, &[weight, product, product, weight]);
        refutes(&wishart::product(&matrix, 0, 1, RATES))
    });
}

#[test]
fn probability_integral_transforms() {
    let size = 400;
    false_alarms("PIT distance", "normal", Nominal::AtMost, |stream| {
        refutes(&pit::distance(&Transformed::new(many(stream, size, normal_value)), RATES))
    });
    let distance = pit::distance_resolution(size as u64, RATES);
    misses("PIT distance", "mass moved across the median", |stream| {
        let values = many(stream, size, |stream| {
            let away = normal_value(stream).abs();
            if stream.random_bool(0.5 - distance) { -away } else { away }
        });
        refutes(&pit::distance(&Transformed::new(values), RATES))
    });
    let size = 2000_u64;
    false_alarms("PIT bins", "normal", Nominal::AtMost, |stream| {
        refutes(&pit::bins(&Transformed::new(many(stream, size as usize, normal_value)), RATES))
    });
    let share = 1.0 / pit::BINS as f64;
    let excess = share * (1.0 + pit::bins_resolution(size, RATES));
    misses("PIT bins", "excess in one bin", |stream| {
        let draw = |stream: &mut ChaCha8Rng, trials: u64, p: f64| Binomial::new(trials, p).unwrap().sample(stream);
        let first = draw(stream, size, excess);
        let mut bins = vec![first];
        let mut left = size - first;
        for bins_left in (1..pit::BINS).rev() {
            let next = draw(stream, left, 1.0 / bins_left as f64);
            bins.push(next);
            left -= next;
        }
        refutes(&pit::bins(&Transformed { count: size, bins, distance: 0.0 }, RATES))
    });
}

#[test]
fn lagged_products() {
    let size = 200_u64;
    let pairs = |stream: &mut ChaCha8Rng, correlation: f64, claimed: f64| {
        let (mut squares, mut products) = ([0.0, 0.0], 0.0);
        for _ in 0..size {
            let x = normal_value(stream);
            let y = correlation * x + (1.0 - correlation * correlation).sqrt() * normal_value(stream);
            squares[0] += x * x;
            squares[1] += y * y;
            products += x * y;
        }
        lagged::test(squares, products, claimed, size, RATES)
    };
    for claimed in [0.0, 0.6, -0.9] {
        false_alarms("lagged products", &format!("correlation {claimed}"), Nominal::Equal, |stream| {
            refutes(&pairs(stream, claimed, claimed))
        });
        // towards 0, where the smaller of both sums grows
        let away = lagged::resolution(claimed, size, RATES);
        misses("lagged products", &format!("correlation {claimed}"), |stream| {
            refutes(&pairs(stream, claimed - away.copysign(claimed), claimed))
        });
    }
}

#[test]
fn scores_that_are_too_good() {
    let scenarios = 12;
    let run = |stream: &mut ChaCha8Rng, overstated: f64| {
        let p_values: Vec<f64> =
            (0..scenarios).map(|_| 2.0 * normal_above(normal_value(stream).abs() / overstated)).collect();
        refutes(&too_good::test(&p_values, RATES))
    };
    false_alarms("too good", "12 scenarios", Nominal::Equal, |stream| run(stream, 1.0));
    let found = too_good::overstatement_found(scenarios, RATES);
    misses("too good", "errors overstated", |stream| run(stream, found));
    let excess = (1.0 + chi_square::minimum_detectable_ratio(scenarios as f64, RATES)).sqrt();
    misses("too good", "errors understated", |stream| run(stream, 1.0 / excess));
}

#[test]
fn families_and_the_ledger() {
    // one common factor: the members are dependent
    let draw = |stream: &mut ChaCha8Rng, size: usize| {
        let common = normal_value(stream);
        many(stream, size, |stream| 0.6 * common + 0.8 * normal_value(stream))
    };
    let family = |values: &[f64]| {
        Family::of(values.len(), RATES, |index, rates| normal::test(values[index], 1.0, rates))
            .is_some_and(|family| family.verdict(RATES.alpha, f64::INFINITY) == Verdict::Refuted)
    };
    false_alarms("family", "6 dependent members", Nominal::AtMost, |stream| family(&draw(stream, 6)));
    let shift = normal::minimum_detectable(Rates { alpha: RATES.alpha / 6.0, ..RATES });
    misses("family", "one of 6 members shifted", |stream| {
        let mut values = draw(stream, 6);
        values[3] += shift;
        family(&values)
    });
    // the ledger's levels, scaled so that the family-wise error is 1e-2
    let checks = 40;
    let ledger = Ledger::new((0..checks).map(|check| (check.to_string(), 1.0 + check as f64))).unwrap();
    false_alarms("ledger", "40 weighted dependent checks", Nominal::AtMost, |stream| {
        draw(stream, checks).iter().enumerate().any(|(check, z)| {
            let alpha = ledger.rates(&check.to_string()).unwrap().alpha * RATES.alpha / FAMILY_WISE_ERROR;
            2.0 * normal_above(z.abs()) <= alpha
        })
    });
}

#[test]
fn inclusion_in_a_bound() {
    let (bound, effect) = (0.3, 1.0);
    let planned = CatoniSequence::for_effect(effect, 1.0, RATES).unwrap();
    let size = planned.planned() as usize;
    let verdict = |stream: &mut ChaCha8Rng, error: f64| {
        let mut sequence = Sequence::from(planned.clone());
        sequence.add(&many(stream, size, |stream| normal_value(stream) + error)).unwrap();
        inclusion(sequence.interval(), bound, effect)
    };
    false_alarms("inclusion", "error equal to the bound", Nominal::AtMost, |stream| {
        verdict(stream, bound) == Verdict::Refuted
    });
    misses("inclusion", "error of bound + MDE refuted", |stream| verdict(stream, bound + effect) == Verdict::Refuted);
    misses("inclusion", "error equal to the bound supported", |stream| verdict(stream, bound) == Verdict::Supported);
}
