//! The tests behind the verdicts against values of other programs (scipy 1.17 for tails and quantiles, the formulas written
//! out in Python for the rest), on samples whose moments are known exactly: what a changed sign, factor or comparison in
//! `verify/src/statistics` would move.

#![allow(clippy::float_cmp, reason = "some values are exact")]

use langevin_sim::Moments;
use langevin_verify::report::Verdict;
use langevin_verify::statistics::{Family, Finding, Rates, Untestable, catoni, chains, chi_square, normal, tail};

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
    assert_eq!(chains::tail_index(&[0.0; 100]), (f64::INFINITY, 0.0));
}

/// The variance of independent draws.
fn known(variance: f64) -> catoni::TheoryVariance {
    catoni::TheoryVariance::gated(variance, 0.0).expect("independent draws have no fourth moments to grow")
}

#[test]
fn e_values() {
    close(catoni::log_e_value(&[1.0, -0.2, 0.4], 0.1, known(2.0), 1e-3), -6.972_876_827_657_68, 1e-10);
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
    // among equal p-values the larger effect is shown
    let large = Finding { effect: -0.7, ..finding(0.0, 0.01) };
    assert_eq!(of(&[finding(0.0, 0.01), large, finding(0.0, 0.01)]).index, 1);
}
