//! The tests behind the verdicts against values of other programs (scipy 1.17 for tails and quantiles, the formulas written
//! out in Python for the rest), on samples whose moments are known exactly: what a changed sign, factor or comparison in
//! `verify/src/statistics` would move.

#![allow(clippy::float_cmp, reason = "some values are exact")]

use langevin_sim::Moments;
use langevin_verify::report::Verdict;
use langevin_verify::statistics::{
    Family, Finding, Rates, Untestable, catoni, chains, chernoff, chi_square, diagnostics, independence, lagged,
    normal, pit, sequence, tail, too_good, wishart,
};
use nalgebra::DMatrix;

const RATES: Rates = Rates { alpha: 1e-6, power: 0.999 };

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found:e}, expected {expected:e}");
}

/// Alternately one above and one below a mean.
fn alternating(count: usize, mean: f64) -> Vec<f64> {
    (0..count).map(|index| if index % 2 == 0 { mean + 1.0 } else { mean - 1.0 }).collect()
}

/// A quarter ones, the others zero, shifted: variance 3/16, skewness 2/sqrt(3).
fn quarter(count: usize, shift: f64) -> Vec<f64> {
    (0..count).map(|index| if index % 4 == 0 { 1.0 + shift } else { shift }).collect()
}

#[test]
fn standard_normals() {
    let finding = normal::test(-2.0, 0.1, RATES);
    close(finding.effect, -0.2, 1e-15);
    close(finding.p_value, 0.045_500_263_896_358_42, 1e-10);
    close(finding.interval[0], 0.1 * (-2.0 - 4.891_638_475_714_779), 1e-8);
    close(finding.interval[1], 0.1 * (-2.0 + 4.891_638_475_714_779), 1e-8);
    close(finding.minimum_detectable_effect, 0.1 * (4.891_638_475_714_779 + 3.090_232_306_167_813), 1e-8);
    assert_eq!(normal::test(0.0, 1.0, RATES).p_value, 1.0);
}

#[test]
fn sums_of_squares() {
    let finding = chi_square::test(1100.0, 1000.0, RATES);
    close(finding.effect, 0.1, 1e-12);
    close(finding.p_value, 0.029_228_816_252_590_384, 1e-8);
    let (high, low, weak) = (1_234.242_888_222_115_2, 796.309_487_329_856_9, 867.479_082_607_277);
    close(finding.interval[0], 1100.0 / high - 1.0, 1e-7);
    close(finding.interval[1], 1100.0 / low - 1.0, 1e-7);
    close(finding.minimum_detectable_effect, high / weak - 1.0, 1e-7);
    // below the mean the lower tail decides
    assert!(chi_square::test(850.0, 1000.0, RATES).p_value < 2e-3);
    assert!(chi_square::test(999.0, 1000.0, RATES).p_value > 0.9);
    // the planned number of degrees resolves the effect, and one per cent fewer do not
    for effect in [0.3, 0.05] {
        let degrees = chi_square::degrees_for(effect, RATES);
        assert!(chi_square::minimum_detectable_ratio(degrees, RATES) <= effect);
        assert!(chi_square::minimum_detectable_ratio((0.99 * degrees).floor(), RATES) > effect);
    }
    // a number that reaches the effect to the last bit is enough
    for degrees in [16.0, 24.0] {
        assert_eq!(chi_square::degrees_for(chi_square::minimum_detectable_ratio(degrees, RATES), RATES), degrees);
    }
}

#[test]
fn chains_without_skewness() {
    let (count, root) = (4000, 3999.0_f64.sqrt());
    let finding = chains::test(&alternating(count, 3.0 / root), RATES);
    assert_eq!(finding.untestable, None);
    close(finding.effect, 3.0 / root, 1e-12);
    close(finding.p_value, 0.002_716_446_875_944_256, 1e-8);
    close(finding.interval[0], (3.0 - 4.899_271_954_429_612) / root, 1e-7);
    close(finding.interval[1], (3.0 + 4.899_271_954_429_612) / root, 1e-7);
    // the quantile of t at the critical value, and that of the misses (the guard's 1e-6 taken off) widened by
    // sqrt(1 + c^2 / (2 degrees))
    close(finding.minimum_detectable_effect, 8.004_164_805_531_213 / root, 1e-7);
    // two-sided
    close(chains::test(&alternating(count, -3.0 / root), RATES).p_value, finding.p_value, 1e-9);
}

/// The p-value is raised by cosh(2g) and the level lowered by it; above 3/4 the guard stops the test.
#[test]
fn skewed_chains() {
    let finding = chains::test(&quarter(4000, -0.25 + 0.01), RATES);
    assert_eq!(finding.untestable, None);
    let error = (3.0_f64 / 16.0 / 3999.0).sqrt();
    let plain = 2.0 * tail::student_above(3999.0, 0.01 / error);
    assert!(plain < 0.5); // so that the product stays below 1
    // the skewness of the sample, whichever convention, to 1/n
    let inflation = (2.0 * 0.356_164_950_569_497_9_f64).cosh();
    close(finding.p_value / plain, inflation, 2e-3);
    let lowered = tail::student_quantile_above(3999.0, 0.5 * RATES.alpha / inflation);
    close(finding.interval[1] - finding.effect, lowered * error, 1e-4);
    // a tenth of the values apart: skewness 0.8/0.3
    let tenth: Vec<f64> = (0..4000).map(|k| if k % 10 == 0 { 0.9 } else { -0.1 }).collect();
    let stopped = chains::test(&tenth, RATES);
    assert!(stopped.untestable.is_some_and(|reason| reason.to_string().contains("Edgeworth term 0.82 exceeds 0.75")));
}

#[test]
fn chains_are_counted() {
    assert_eq!(chains::test(&alternating(1000, 0.0), RATES).untestable, None);
    let few = chains::test(&alternating(998, 0.0), RATES).untestable;
    assert!(few.is_some_and(|reason| reason.to_string().contains("998 chains; at least 1000 are needed")));
    let none = chains::test(&[], RATES);
    assert_eq!((none.p_value, none.minimum_detectable_effect), (1.0, f64::INFINITY));
    // without spread: the claimed value, or nothing can be said
    let same = chains::test(&[0.9e-9; 2000], RATES);
    assert_eq!((same.p_value, same.untestable), (1.0, None));
    assert_eq!(chains::test(&[-1e-9; 2000], RATES).untestable, None);
    for value in [1.1e-9, -1.1e-9] {
        assert!(
            chains::test(&[value; 2000], RATES).untestable.is_some_and(|reason| reason.to_string().contains("spread"))
        );
    }
}

#[test]
fn planned_chains() {
    let small = Moments::of(alternating(1024, 0.3));
    assert_eq!(chains::chains_needed(&small, 0.05, RATES), 26_613);
    assert_eq!(chains::chains_needed(&small, 0.2, RATES), 1_695);
    assert_eq!(chains::chains_needed(&small, 0.5, RATES), chains::FEWEST_CHAINS as u64);
    // a skewed pilot: the guard decides. Skewness 2/sqrt(3) and three of its standard errors
    let skewed = Moments::of(quarter(4096, 0.0));
    let skewness = 2.0 / 3.0_f64.sqrt() + 3.0 * (6.0_f64 / 4096.0).sqrt();
    let guard = (skewness * 4.891_638_475_714_779_f64.powi(3) / 3.0).powi(2);
    close(chains::chains_needed(&skewed, 10.0, RATES) as f64, guard, 2e-3);
}

/// Sizes i^{-1/a}, each with both signs: the Hill estimate of the largest 100 of 10,000 is a 50 / (50 ln 51 - ln 50!).
#[test]
fn tails_of_chains() {
    let law = |a: f64| -> Vec<f64> {
        (1..=5000).flat_map(|i| [1.0, -1.0].map(|sign| sign * f64::from(i).powf(-1.0 / a))).collect()
    };
    for a in [2.0, 6.0] {
        let (index, error) = chains::tail_index(&law(a));
        close(index, a * 1.039_209_052_340_687_4, 1e-10);
        close(error, 0.1 * index, 1e-12);
    }
    // 2 error above and still below 4
    assert!(
        chains::test(&law(2.0), RATES).untestable.is_some_and(|reason| reason.to_string().contains("tail index 2.1"))
    );
    assert_eq!(chains::test(&law(3.5), RATES).untestable, None);
    // at least 25 values, and none of an empty tail
    let (index, error) = chains::tail_index(&law(2.0)[..1000]);
    close(error, index / 5.0, 1e-12);
    for without in [vec![0.0; 100], alternating(100, 0.0), [vec![0.0; 90], alternating(10, 0.0)].concat()] {
        assert_eq!(chains::tail_index(&without), (f64::INFINITY, 0.0));
    }
    // 25 values and nothing behind them
    let alone = [vec![2.0, -1.0, -1.0], alternating(22, 0.0), vec![0.0; 75]].concat();
    assert_eq!(chains::tail_index(&alone), (f64::INFINITY, 0.0));
    // about the mean
    let shifted: Vec<f64> = law(2.0).iter().map(|value| value + 5.0).collect();
    close(chains::tail_index(&shifted).0, chains::tail_index(&law(2.0)).0, 1e-9);
}

/// Squares about a mean of every kind are spread over fewer degrees: 600 kinds of two numbers have 600.
#[test]
fn kinds_cost_degrees() {
    let kinds: Vec<Vec<f64>> = (0..600).map(|kind| vec![f64::from(kind) + 1.1, f64::from(kind) - 0.9]).collect();
    let mean = 0.5 * 599.0 + 0.1;
    let shifted: Vec<Vec<f64>> = kinds.iter().map(|own| own.iter().map(|value| value - mean + 0.1).collect()).collect();
    let finding = chains::test_strata(&shifted, RATES);
    let error = (1200.0 / 600.0 / 1200.0_f64).sqrt();
    close(finding.effect, 0.1, 1e-9);
    close(finding.interval[1] - 0.1, tail::student_quantile_above(600.0, 0.5 * RATES.alpha) * error, 1e-7);
    // two numbers are few, but have an interval
    let two = chains::test(&[1.0, 3.0], RATES);
    assert!(two.effect == 2.0 && two.interval.iter().all(|end| end.is_finite()) && two.untestable.is_some());
}

/// 1000 numbers with few runs, by themselves and beside 1000 that alternate: the smaller probability, doubled. What the guard
/// stops counts as missed, but no more than a tenth of the misses.
#[test]
fn the_guard_against_dependence() {
    let rates = Rates { alpha: 0.02, power: 0.8 };
    // runs of four, then of one
    let mixed = |fours: usize| -> Vec<f64> {
        let above = |k: usize| (if k < 4 * fours { k / 4 } else { k }).is_multiple_of(2);
        (0..1000).map(|k| if above(k) { 1.0 } else { -1.0 }).collect()
    };
    let (dependent, p_value) = (0..250)
        .step_by(2)
        .map(mixed)
        .map(|values| (values.clone(), independence::runs(&values)))
        .find(|(_, p_value)| *p_value < 0.018)
        .expect("few runs are improbable");
    assert!(p_value > 0.011, "{p_value}");
    assert!(chains::test(&dependent, rates).untestable.is_some());
    assert_eq!(chains::test_strata(&[dependent, alternating(1000, 0.0)], rates).untestable, None);
    let finding = chains::test(&alternating(4000, 0.0), Rates { alpha: 0.01, power: 0.999 });
    let critical = tail::student_quantile_above(3999.0, 0.005);
    let reach = tail::student_quantile_above(3999.0, 1e-3 - 1e-4);
    let wide = (1.0 + 0.5 * (critical + reach).powi(2) / 3999.0).sqrt();
    close(finding.minimum_detectable_effect, (critical + reach * wide) / 3999.0_f64.sqrt(), 1e-7);
}

/// The variance of independent draws.
fn known(variance: f64) -> catoni::TheoryVariance {
    catoni::TheoryVariance::gated(variance, 0.0).expect("independent draws have no fourth moments to grow")
}

#[test]
fn e_values() {
    close(catoni::log_e_value(&[1.0, -0.2, 0.4], 0.1, known(2.0), 1e-3), -6.972_876_827_657_68, 1e-10);
    for (variance, growth) in
        [(0.0, 0.0), (-1.0, 0.0), (f64::INFINITY, 0.0), (f64::NAN, 0.0), (1.0, 1.0), (1.0, f64::NAN)]
    {
        assert!(catoni::TheoryVariance::gated(variance, growth).is_err(), "{variance} {growth}");
    }
    // a shift of either sign is evidence
    let values = [0.8; 400];
    let up = catoni::log_e_value(&values, 0.0, known(2.0), 1e-3);
    let down = catoni::log_e_value(&values, 1.6, known(2.0), 1e-3);
    assert!(up > 20.0);
    close(up, down, 1e-9);
    let ([low, high], middle) = catoni::interval(&[0.7; 50], known(2.0), 1e-3);
    close(middle, 0.7, 1e-9);
    close(high - middle, 0.789_732_847_197_307_2, 1e-7);
    close(middle - low, 0.789_732_847_197_307_2, 1e-7);
    close(catoni::minimum_detectable_shift(400, known(4.0), 1e-6, 0.999), 1.004_145_430_221_592_6, 1e-12);
    // too few values for any shift
    assert_eq!(catoni::minimum_detectable_shift(100, known(4.0), 1e-6, 0.999), f64::INFINITY);
    assert_eq!(catoni::values_needed(0.1, known(3.0), 1e-6, 0.999), 26_348);
    // the planned number resolves the shift, and one fewer does not
    for k in 0..400 {
        let shift = 10.0_f64.powf(-4.0 + 0.0125 * f64::from(k));
        let resolved = |count: u64| catoni::minimum_detectable_shift(count as usize, known(3.0), 1e-6, 0.99);
        let count = catoni::values_needed(shift, known(3.0), 1e-6, 0.99);
        assert!(resolved(count) <= shift && resolved(count - 1) > shift, "{shift}: {count}");
    }
}

/// Each end is a mean whose e-value is 1/alpha, of few values and of far ones too; no number is none.
#[test]
fn ends_of_catoni_intervals() {
    let far = [vec![1e9], vec![0.0; 40]].concat();
    for values in [&[0.0][..], &[3.0, -1.0], &[-1.0, 7.0, 1.0], &[0.1; 7], &far, &[-1e4; 30]] {
        let ([low, high], middle) = catoni::interval(values, known(2.0), 1e-6);
        for end in [low, high] {
            close(catoni::log_e_value(values, end, known(2.0), 1e-6), 1e6_f64.ln(), 1e-8);
        }
        assert!(low < middle && middle < high);
    }
    let ([low, high], middle) = catoni::interval(&[], known(2.0), 1e-6);
    assert!(low == f64::NEG_INFINITY && high == f64::INFINITY && middle.is_nan());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(catoni::interval(&[0.0, value, 1.0], known(2.0), 1e-6).1.is_nan(), "{value}");
    }
}

#[test]
fn quantiles_are_inverses() {
    close(tail::normal_quantile_above(5e-7), 4.891_638_475_714_779, 1e-10);
    close(tail::student_quantile_above(3999.0, 5e-7), 4.899_271_954_429_612, 1e-8);
    // far out, where the bracket has to grow
    let far = tail::student_quantile_above(1.5, 1e-9);
    assert!(far > 10.0);
    close(tail::student_above(1.5, far), 1e-9, 1e-6);
    let (below, above) = tail::chi_square(1000.0, 1100.0);
    close(below + above, 1.0, 1e-12);
    close(above, 0.5 * 0.029_228_816_252_590_384, 1e-8);
    close(tail::inverse(|x| -x * x, -9.0, 0.0, 100.0), 3.0, 1e-12);
    assert!(tail::student_above(-1.0, 1.0).is_nan() && tail::chi_square(0.0, 1.0).0.is_nan());
}

fn finding(p_value: f64, resolution: f64) -> Finding {
    Finding { effect: 0.1, interval: [0.0, 0.2], minimum_detectable_effect: resolution, p_value, untestable: None }
}

#[test]
fn verdicts() {
    let stopped = |p_value| Finding { untestable: Some(Untestable::Nothing), ..finding(p_value, 0.01) };
    for (finding, expected) in [
        (finding(0.5, 0.01), Verdict::Supported),
        (finding(0.5, 0.05), Verdict::Supported),
        (finding(0.5, 0.051), Verdict::Undecided),
        (finding(1e-6, 0.01), Verdict::Refuted),
        (finding(1.001e-6, 0.01), Verdict::Supported),
        (finding(1e-9, 9.0), Verdict::Refuted),
        (finding(f64::NAN, 0.01), Verdict::Undecided),
        (stopped(1e-9), Verdict::Undecided),
        (stopped(0.5), Verdict::Undecided),
    ] {
        assert_eq!(finding.verdict(1e-6, 0.05), expected, "{finding:?}");
    }
}

#[test]
fn nan_decides_nothing() {
    let squares = vec![f64::NAN; 1000];
    for finding in [
        normal::test(f64::NAN, 0.1, RATES),
        chi_square::test(f64::NAN, 1000.0, RATES),
        chains::test(&squares, RATES),
        lagged::test([f64::NAN, 1.0], 0.0, 0.5, 1000, RATES),
        wishart::trace(&DMatrix::from_element(2, 2, f64::NAN), 1000, RATES),
    ] {
        assert_eq!(finding.verdict(0.5, f64::INFINITY), Verdict::Undecided, "{finding:?}");
        let beside = |index| if index == 0 { normal::test(0.0, 1e-9, RATES) } else { finding.clone() };
        let family = Family::of(2, RATES, |index, _| beside(index)).unwrap();
        assert_eq!(family.verdict(0.5, f64::INFINITY), Verdict::Undecided, "{finding:?}");
    }
}

#[test]
fn families() {
    let of = |findings: &[Finding]| {
        Family::of(findings.len(), RATES, |index, rates| {
            close(rates.alpha, RATES.alpha / findings.len() as f64, 1e-12);
            findings[index].clone()
        })
        .unwrap()
    };
    assert_eq!(Family::of(0, RATES, |_, _| finding(0.5, 0.1)), None);
    let stopped = |p_value| Finding { untestable: Some(Untestable::Nothing), ..finding(p_value, 0.01) };
    // the smallest p-value, times the size; the coarsest resolution
    let family = of(&[finding(0.5, 0.01), finding(0.02, 0.03), finding(0.3, 0.02)]);
    assert_eq!((family.index, family.size, family.minimum_detectable_effect), (1, 3, 0.03));
    close(family.p_value, 0.06, 1e-12);
    assert_eq!(family.verdict(1e-6, 0.03), Verdict::Supported);
    assert_eq!(family.verdict(1e-6, 0.029), Verdict::Undecided);
    assert_eq!(of(&[finding(0.02, 0.01), finding(0.5, 0.03)]).verdict(1e-6, 0.02), Verdict::Undecided);
    assert_eq!(of(&[finding(0.5, 0.01), finding(0.9, 0.01)]).p_value, 1.0);
    // the whole family is tested at the level: p times the size decides
    assert_eq!(of(&[finding(4e-7, 0.01), finding(0.5, 0.01)]).verdict(1e-6, 0.05), Verdict::Refuted);
    assert_eq!(of(&[finding(6e-7, 0.01), finding(0.5, 0.01)]).verdict(1e-6, 0.05), Verdict::Supported);
    // what a guard stopped neither refutes nor supports, and does not hide a refutation
    assert_eq!(of(&[stopped(1e-9), finding(0.5, 0.01)]).verdict(1e-6, 0.05), Verdict::Undecided);
    assert_eq!(of(&[stopped(1e-9), finding(1e-9, 0.01)]).verdict(1e-6, 0.05), Verdict::Refuted);
    // a p-value that is not a number surfaces
    let failed = of(&[finding(1e-9, 0.01), finding(f64::NAN, 0.01)]);
    assert_eq!((failed.index, failed.verdict(1e-6, 0.05)), (1, Verdict::Undecided));
    // and so does an effect that is not a number, whatever became of its p-value
    let lost = Finding { effect: f64::NAN, ..finding(1.0, 0.01) };
    let failed = of(&[finding(0.5, 0.01), lost.clone()]);
    assert_eq!((failed.index, failed.verdict(1e-6, 0.05)), (1, Verdict::Undecided));
    assert!(failed.p_value.is_nan() && lost.is_nan() && !finding(1.0, 0.01).is_nan());
    // among equal p-values the larger effect is shown
    let large = Finding { effect: -0.7, ..finding(0.0, 0.01) };
    assert_eq!(of(&[finding(0.0, 0.01), large, finding(0.0, 0.01)]).index, 1);
}

/// All outcomes of twelve trials, added up term by term.
#[test]
fn binomial_tails_are_sums_of_their_terms() {
    let trials = 12_u64;
    for p in [0.0, 0.05, 0.3, 0.5, 0.97, 1.0] {
        let mut choose = 1.0;
        let terms: Vec<f64> = (0..=trials)
            .map(|k| {
                let term = choose * f64::powi(p, k as i32) * f64::powi(1.0 - p, (trials - k) as i32);
                choose *= (trials - k) as f64 / (k + 1) as f64;
                term
            })
            .collect();
        for k in 0..=trials {
            let (below, above) = tail::binomial(trials, p, k);
            let exact = [terms[..=k as usize].iter().sum::<f64>(), terms[k as usize..].iter().sum::<f64>()];
            // the smaller one is summed, the other its complement
            for (found, expected) in [below, above].into_iter().zip(exact) {
                assert!(
                    (found - expected).abs() <= 1e-12 * expected + 1e-15,
                    "{p} {k}: {found:e}, expected {expected:e}"
                );
            }
        }
        assert_eq!(tail::binomial(trials, p, trials + 1), (1.0, 0.0));
    }
    assert!(tail::binomial(3, -0.1, 1).0.is_nan() && tail::binomial(3, 1.1, 1).1.is_nan());
    // far out both ends keep their digits: one outcome
    close(tail::binomial(40, 0.01, 40).1, 1e-80, 1e-10);
    close(tail::binomial(40, 0.99, 0).0, 1e-80, 1e-10);
}

/// Chernoff's bound of a normal is exp(-x^2/2), of an exponential law x exp(1 - x).
#[test]
fn chernoff_bounds_are_the_known_ones() {
    for x in [0.5, 1.0, 3.0, 20.0] {
        for scale in [0.01, 1.0, 50.0] {
            close(chernoff::log_tail(|s| 0.5 * s * s, x, scale, 1e6), -0.5 * x * x, 1e-9);
            close(chernoff::log_tail(|s| 0.5 * s * s, -x, -scale, 1e6), -0.5 * x * x, 1e-9);
        }
    }
    for x in [1.5_f64, 4.0, 30.0] {
        close(chernoff::log_tail(|s| -(-s).ln_1p(), x, 1.0, 1.0), 1.0 - x + x.ln(), 1e-9);
    }
    // the wrong side of the mean is no tail; a limit ends the search, and the bound there holds
    assert_eq!(chernoff::log_tail(|s| 0.5 * s * s, -2.0, 1.0, 1e6), 0.0);
    close(chernoff::log_tail(|s| 0.5 * s * s, 9.0, 1.0, 2.0), 2.0 - 18.0, 1e-6);
}

/// n values at the middles of n equal parts of the law: the distance is 1/(2n), every bin has its share.
#[test]
fn quantiles_are_uniform() {
    let count = 400_usize;
    let quantile =
        |u: f64| if u < 0.5 { -tail::normal_quantile_above(u) } else { tail::normal_quantile_above(1.0 - u) };
    let values: Vec<f64> = (0..count).map(|i| quantile((i as f64 + 0.5) / count as f64)).collect();
    let uniform = pit::Transformed::new(values.iter().rev().copied().collect());
    assert_eq!((uniform.count, uniform.bins.clone()), (400, vec![20; pit::BINS]));
    close(uniform.distance, 0.5 / 400.0, 1e-6);
    // moved up by a: sup Phi(z) - Phi(z - a) is at a/2; a hundredth is the half of a step
    let shifted = pit::Transformed::new(values.iter().map(|z| z + quantile(0.65)).collect());
    close(shifted.distance, 2.0 * (0.5 - tail::normal_above(0.5 * quantile(0.65))), 1e-2);
    let found = pit::distance(&shifted, RATES);
    close(found.effect, shifted.distance, 1e-15);
    close(found.p_value, 2.0 * (-800.0 * shifted.distance * shifted.distance).exp(), 1e-10);
    let reach = (14.508_657_738_524_219_f64 / 800.0).sqrt(); // log(2e6)
    close(found.interval[1] - found.effect, reach, 1e-9);
    close(found.interval[0], shifted.distance - reach, 1e-7);
    close(found.minimum_detectable_effect, reach + (6.907_755_278_982_137_f64 / 800.0).sqrt(), 1e-9); // log(1e3)
    // one bin with 44 values for 20
    let mut heavy = uniform.clone();
    heavy.bins[3] = 44;
    let found = pit::bins(&heavy, RATES);
    close(found.effect, 1.2, 1e-12);
    close(found.p_value, 20.0 * 2.0 * tail::binomial(400, 0.05, 44).1, 1e-9);
    let level = 0.5 * RATES.alpha / 20.0;
    close(tail::binomial(400, 0.05 * (1.0 + found.interval[0]), 44).1, level, 1e-6);
    close(tail::binomial(400, 0.05 * (1.0 + found.interval[1]), 44).0, level, 1e-6);
    // the excess that is found: its misses are those stated, and one count fewer is not yet refuted
    let resolution = pit::bins_resolution(400, RATES);
    let critical = (21..400).find(|&k| tail::binomial(400, 0.05, k).1 <= level).unwrap();
    close(tail::binomial(400, 0.05 * (1.0 + resolution), critical - 1).0, 1.0 - RATES.power, 1e-6);
    close(found.minimum_detectable_effect, resolution, 1e-12);
    // a count whose tail is the level itself is refuted
    let (k, equal) = (21..60)
        .map(|k| (k, Rates { alpha: 40.0 * tail::binomial(400, 0.05, k).1, ..RATES }))
        .find(|(k, rates)| 0.5 * rates.alpha / 20.0 == tail::binomial(400, 0.05, *k).1)
        .expect("most products can be undone");
    let excess = pit::bins_resolution(400, equal);
    close(tail::binomial(400, 0.05 * (1.0 + excess), k - 1).0, 1.0 - RATES.power, 1e-6);
    let empty = pit::Transformed { bins: vec![0; pit::BINS], ..uniform };
    close(pit::bins(&empty, RATES).effect, -1.0, 1e-12);
}

/// Sums of squares of x + y and x - y are scaled chi-squares: the smaller p-value, doubled, and the narrower interval.
#[test]
fn pairs_a_lag_apart() {
    let half = Rates { alpha: 0.5 * RATES.alpha, ..RATES };
    for (squares, products, correlation) in
        [([1000.0, 1040.0], 600.0, 0.5), ([1000.0, 960.0], -700.0, -0.6), ([1000.0, 1000.0], 0.0, 0.3)]
    {
        let found = lagged::test(squares, products, correlation, 1000, RATES);
        close(found.effect, products / 1000.0 - correlation, 1e-12);
        let own: f64 = squares.iter().sum();
        let plus = chi_square::test((own + 2.0 * products) / (2.0 * (1.0 + correlation)), 1000.0, half);
        let minus = chi_square::test((own - 2.0 * products) / (2.0 * (1.0 - correlation)), 1000.0, half);
        close(found.p_value, (2.0 * plus.p_value.min(minus.p_value)).min(1.0), 1e-12);
        // 1 + rho and 1 - rho that the two sums allow
        let rho = |end: f64| (1.0 + correlation) * (1.0 + end) - 1.0 - correlation;
        let opposite = |end: f64| 1.0 - (1.0 - correlation) * (1.0 + end) - correlation;
        close(found.interval[0], rho(plus.interval[0]).max(opposite(minus.interval[1])), 1e-9);
        close(found.interval[1], rho(plus.interval[1]).min(opposite(minus.interval[0])), 1e-9);
        let resolution = (1.0 - correlation.abs()) * chi_square::minimum_detectable_ratio(1000.0, half);
        close(found.minimum_detectable_effect, resolution, 1e-9);
        close(lagged::resolution(correlation, 1000, RATES), resolution, 1e-9);
    }
    assert!(lagged::test([f64::NAN, 1.0], 0.0, 0.5, 10, RATES).p_value.is_nan());
}

#[test]
fn scores_are_squared_normal_quantiles() {
    close(too_good::score(2.0 * tail::normal_above(3.0)), 9.0, 1e-9);
    assert!(too_good::score(1.0) < 1e-20 && too_good::score(0.0).is_finite());
    let found = too_good::test(&[2.0 * tail::normal_above(3.0), 2.0 * tail::normal_above(1.0)], RATES);
    close(found.effect, 4.0, 1e-9);
    close(found.p_value, 2.0 * tail::chi_square(2.0, 10.0).1, 1e-9);
    let overstated = too_good::overstatement_found(12, RATES);
    close(overstated * overstated, chi_square::minimum_detectable_deficit(12.0, RATES), 1e-12);
    // an error overstated by it leaves sums below the refuting quantile but with the probability of a miss
    let refuted = tail::inverse(|x| -tail::chi_square(12.0, x).0, -0.5 * RATES.alpha, 0.0, 12.0);
    close(tail::chi_square(12.0, refuted * overstated * overstated).1, 1.0 - RATES.power, 1e-5);
    assert!(
        too_good::test(&[], RATES).untestable.is_some() && too_good::test(&[0.5, f64::NAN], RATES).p_value.is_nan()
    );
}

/// Few runs by hand: the law of Wald and Wolfowitz for three and three is 2, 4, 8, 4, 2 of 20 for 2, 3, 4, 5, 6 runs.
#[test]
fn runs_about_the_median() {
    close(independence::runs(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 0.1, 1e-12);
    close(independence::runs(&[4.0, 1.0, 2.0, 3.0, 5.0, 6.0]), 0.3, 1e-12);
    assert_eq!(independence::runs(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]), 1.0);
    close(independence::runs(&[0.01, 0.02, 0.1, 10.0, 20.0, 30.0]), 0.1, 1e-12);
    // what equals the median is left out: ten below and one above it, of eleven orders the two with one run each
    let ties = [(1..=10).map(f64::from).collect(), vec![11.0; 12], vec![12.0]].concat();
    close(independence::runs(&ties), 2.0 / 11.0, 1e-12);
    // the median of an odd count is left out
    close(independence::runs(&[1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0]), 0.1, 1e-12);
}

/// Scatters whose tests have closed forms in one dimension, and the count at which a resolution is reached.
#[test]
fn scatters_of_one_dimension() {
    let scatter = DMatrix::from_element(1, 1, 1100.0);
    assert_eq!(wishart::trace(&scatter, 1000, RATES), chi_square::test(1100.0, 1000.0, RATES));
    let wide = DMatrix::from_row_slice(2, 2, &[1000.0, 60.0, 60.0, 900.0]);
    let slope = wishart::product(&wide, 1, 0, RATES);
    close(slope.effect, 60.0 / 900.0, 1e-12);
    close(slope.p_value, 2.0 * tail::normal_above(60.0 / 30.0), 1e-12);
    assert_eq!(wishart::trace(&wide, 1000, RATES), chi_square::test(1900.0, 2000.0, RATES));
    // E log chi-square_n = psi(n/2) + log 2 = log n - 1/n - 1/(3 n^2) + O(n^-4)
    let found = wishart::determinant(&scatter, 1000, RATES);
    let centre = 1000.0_f64.ln() - 1e-3 - 1e-6 / 3.0;
    close(found.effect, (1100.0_f64.ln() - centre).exp_m1(), 1e-9);
    assert!(found.interval[0] < found.effect && found.effect < found.interval[1]);
    // Chernoff's bound of a log chi-square: the least of E (W/w)^s = Gamma(n/2 + s) / (Gamma(n/2) (w/2)^s) over s
    let bound = |s: f64| libm::lgamma(500.0 + s) - libm::lgamma(500.0) - s * 550.0_f64.ln();
    let least = (0..10_000).map(|k| bound(0.01 * f64::from(k))).fold(0.0, f64::min);
    close(found.p_value, 2.0 * least.exp(), 1e-6);
    for effect in [0.1, 0.01, 0.003] {
        let count = wishart::count_for(effect, |count| 1.0 / (count as f64).sqrt()) as f64;
        assert!((1.0..1.0011).contains(&(count * effect * effect)), "{count}");
    }
}

/// The bound of a normal law with a limit that the doubled steps run into, from scales far off.
#[test]
fn chernoff_bounds_from_any_scale() {
    for scale in [1e-6, 1e3] {
        for limit in [3.5, 4.0, 1e5] {
            close(chernoff::log_tail(|s| 0.5 * s * s, 3.0, scale, limit), -4.5, 1e-9);
        }
        // NaN at and beyond the limit
        let gamma = |s: f64| -(-s).ln_1p();
        close(chernoff::log_tail(gamma, 30.0, scale, 1.0), 1.0 - 30.0 + 30.0_f64.ln(), 1e-9);
    }
}

/// The generating function is asked inside its limit alone, and where it ends earlier, the bound is still found.
#[test]
fn chernoff_bounds_near_a_limit() {
    for (x, scale, limit) in [(9.0, 1.0, 2.0), (9.0, 1e-3, 2.0), (9.0, 50.0, 2.0), (-9.0, -1.0, 2.0)] {
        let normal = |s: f64| {
            assert!(s.abs() < limit);
            0.5 * s * s
        };
        close(chernoff::log_tail(normal, x, scale, limit), 2.0 - 18.0, 1e-6);
    }
    // NaN from 1 on
    for scale in [1e-3, 1.0, 40.0] {
        close(chernoff::log_tail(|s| -(-s).ln_1p(), 30.0, scale, 1e6), 1.0 - 30.0 + 30.0_f64.ln(), 1e-9);
    }
}

/// Batch means by hand: 36 numbers, batches of 6 and of 2.
#[test]
fn lugsail_errors() {
    let variance_of = |means: &[f64]| {
        let mean = means.iter().sum::<f64>() / means.len() as f64;
        means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (means.len() as f64 - 1.0)
    };
    let batches = |chain: &[f64], length: usize| -> f64 {
        let means: Vec<f64> = chain.chunks(length).map(|batch| batch.iter().sum::<f64>() / length as f64).collect();
        length as f64 * variance_of(&means)
    };
    let slow: Vec<f64> = (0..36).map(|k| 30.0 * (0.35 * f64::from(k)).sin()).collect();
    let (long, short) = (batches(&slow, 6), batches(&slow, 2));
    assert!(2.0 * long > short && 2.0 + long > short && short > 2.0);
    close(diagnostics::lugsail_variance(&slow), 2.0 * long - short, 1e-12);
    // between half and the whole of the short one
    let mixed: Vec<f64> = (0..36).map(|k| f64::from(k * 7 % 36) + 40.0 * f64::from(k % 3 / 2)).collect();
    let (long, short) = (batches(&mixed, 6), batches(&mixed, 2));
    assert!(2.0 * long <= short, "{long} {short}");
    close(diagnostics::lugsail_variance(&mixed), long, 1e-12);
    // means 2, -2, 1, -1, 0, 0 of six and those of two of them: v(6) = 6 10/5 = 12, v(2) = 2 204/17 = 24, no difference left;
    // and the same in a smaller unit
    let pairs = [[6.0, 6.0, -6.0], [3.0, 0.0, -9.0], [1.0; 3], [-1.0; 3], [0.0; 3], [0.0; 3]];
    let level: Vec<f64> = pairs.concat().into_iter().flat_map(|value: f64| [value, value]).collect();
    assert_eq!((batches(&level, 6), batches(&level, 2)), (12.0, 24.0));
    for unit in [1.0, 0.125] {
        let chain: Vec<f64> = level.iter().map(|value| unit * value).collect();
        assert_eq!(diagnostics::lugsail_variance(&chain), 12.0 * unit * unit);
    }
    let all = [slow.clone(), mixed.clone(), mixed, slow];
    let mean = all.iter().map(|chain| diagnostics::lugsail_variance(chain)).sum::<f64>() / 4.0;
    let found = diagnostics::Diagnostics::of(&all).unwrap();
    close(found.standard_error, (mean / 144.0).sqrt(), 1e-12);
}

/// The e-value of four draws of +-sqrt(v): its expectation over all outcomes is at most 1, and not far below.
#[test]
fn mixed_e_values() {
    let rates = Rates { alpha: 0.1, power: 0.5 };
    for variance in [0.25, 1.0, 4.0] {
        let fresh = sequence::CatoniSequence::new(variance, 4, rates).unwrap();
        assert_eq!(fresh.variance(), variance);
        assert!(fresh.log_e_value(0.3).abs() < 1e-12);
        let e_value = |outcome: u32| {
            let mut sequence = fresh.clone();
            let draw = |k: u32| if outcome >> k & 1 == 1 { variance.sqrt() } else { -variance.sqrt() };
            sequence.add(&(0..4).map(draw).collect::<Vec<f64>>()).unwrap();
            sequence.log_e_value(0.0).exp()
        };
        let mean = (0..16).map(e_value).sum::<f64>() / 16.0;
        assert!((0.4..=1.0).contains(&mean), "{mean}");
        // values that are symmetric about a number estimate it
        let mut sequence = fresh.clone();
        sequence.add(&[2.5, 3.5, 0.5, 5.5, 3.0]).unwrap();
        close(sequence.estimate(), 3.0, 1e-12);
    }
    // evidence of a look at twice the planned count is kept when later values speak against it
    let mut sequence = sequence::CatoniSequence::new(1.0, 100, rates).unwrap();
    sequence.add(&[0.4; 100]).unwrap();
    let early = sequence.p_value(0.0);
    sequence.add(&[0.4; 100]).unwrap();
    let best = sequence.p_value(0.0);
    sequence.add(&[-0.4; 150]).unwrap();
    assert!(best < 1e-3 * early && sequence.p_value(0.0) <= best * (1.0 + 1e-12));
}

/// Skewed numbers of mean 1, large and small ones mixed.
fn skewed(count: usize) -> Vec<f64> {
    let values: Vec<f64> = (0..count).map(|k| -(((k * 37 % count) as f64 + 0.5) / count as f64).ln()).collect();
    let mean = values.iter().sum::<f64>() / count as f64;
    values.iter().map(|value| value / mean).collect()
}

/// An end of the interval is a mean whose e-value is 1/alpha: of skewed values, of far outliers, wherever the zero of the axis
/// lies.
#[test]
fn ends_of_the_confidence_sequence() {
    let rates = Rates { alpha: 1e-9, power: 0.9 };
    let outlier = [vec![100.0], vec![0.0; 63]].concat();
    for (values, shift) in [(skewed(64), 0.0), (skewed(64), -20.0), (outlier.clone(), 0.0), (outlier, 7.0)] {
        let mut sequence = sequence::CatoniSequence::new(1.5, 64, rates).unwrap();
        sequence.add(&values.iter().map(|value| value + shift).collect::<Vec<f64>>()).unwrap();
        let [low, high] = sequence.interval();
        assert!(low < sequence.estimate() && sequence.estimate() < high);
        for end in [low, high] {
            close(sequence.log_e_value(end), -rates.alpha.ln(), 1e-8);
        }
    }
    // Catoni's estimate at the tuning of which K = log(4/alpha) + log(1/(1-power)) is twice the evidence
    let mut sequence = sequence::CatoniSequence::new(1.5, 64, rates).unwrap();
    sequence.add(&skewed(64)).unwrap();
    let evidence = (4.0 / rates.alpha).ln() - (1.0 - rates.power).ln();
    let (_, middle) = catoni::interval(&skewed(64), known(1.5), 2.0 * (-0.5 * evidence).exp());
    close(sequence.estimate(), middle, 1e-9);
}

/// Values far out of the range of squares, and where the zero of the axis lies.
#[test]
fn e_values_of_far_values() {
    let rates = Rates { alpha: 1e-3, power: 0.9 };
    let of = |values: &[f64], mean: f64| {
        let mut sequence = sequence::CatoniSequence::new(1.5, 64, rates).unwrap();
        sequence.add(values).unwrap();
        sequence.log_e_value(mean)
    };
    // psi grows like twice the logarithm
    close(of(&[1e200], 0.0) - of(&[1e100], 0.0), 200.0 * std::f64::consts::LN_10, 1e-9);
    close(of(&[1e5, -2e4, 3e4], 0.0), of(&[1.5e5, 3e4, 8e4], 5e4), 1e-9);
}

/// A mean that equals the bound is inside it: no evidence at all.
#[test]
fn bounds_include_their_ends() {
    for mean in [0.1, 1e4 + 0.7, 1e10 + 0.3] {
        let mut sequence = sequence::StudentSequence::new(vec![1000], RATES).unwrap();
        let spread = (0..500).map(|k| f64::from(k).sin());
        let mut values: Vec<f64> = spread.flat_map(|value| [mean + value, mean - value]).collect();
        // so that the mean is no double
        values[0] += 1e-3;
        sequence.add(&values).unwrap();
        assert_eq!(sequence.untestable(), None);
        assert_eq!(sequence.p_value_within(sequence.estimate()), 1.0);
    }
}

#[test]
fn sequences_of_both_kinds() {
    let rates = Rates { alpha: 1e-3, power: 0.9 };
    let values: Vec<f64> = alternating(8000, 0.1);
    let mut student = sequence::StudentSequence::around(4000, 20_000, rates).unwrap();
    assert_eq!(student.looks(), [1000, 2000, 4000, 5000, 8000, 16_000, 20_000]);
    student.add(&values).unwrap();
    let mut catoni = sequence::CatoniSequence::new(1.0, 4000, rates).unwrap();
    catoni.add(&values).unwrap();
    let one: sequence::Sequence = student.clone().into();
    let other: sequence::Sequence = catoni.clone().into();
    for sequence in [&one, &other] {
        assert_eq!((sequence.count(), sequence.planned()), (8000, 4000));
        let [low, high] = sequence.interval();
        assert!(0.05 < low && low < 0.1 && 0.1 < high && high < 0.15);
        close(sequence.estimate(), 0.1, 1e-3);
    }
    close(one.estimate(), 0.1, 1e-12);
    assert_eq!(one.log_e_value(0.0), -rates.alpha.ln());
    assert_eq!((one.log_e_value(0.1), one.log_e_value(0.3)), (f64::NEG_INFINITY, -rates.alpha.ln()));
    close(other.log_e_value(0.0), catoni.log_e_value(0.0), 1e-15);
    // both signs alike
    let mut opposite = sequence::StudentSequence::around(4000, 20_000, rates).unwrap();
    opposite.add(&values.iter().map(|value| -value).collect::<Vec<f64>>()).unwrap();
    assert!(student.p_value_within(0.06) < 0.1);
    close(opposite.p_value_within(0.06), student.p_value_within(0.06), 1e-9);
    assert_eq!(opposite.p_value_within(0.11), 1.0);
}
