//! Student t over independent chains, one number per chain (layer L2).
//!
//! Chain averages are nearly normal, but tails at 1e-9 are far out: with skewness s, Student's t of n numbers exceeds z on one
//! side e^{2g} times as often as for normal ones and on the other e^{-2g} times, g = |s| z^3 / (6 sqrt(n)) (Jing, Shao and Wang
//! 2003), so that both together are cosh(2g) times as frequent. Guards (statistics of the tails, measured on the same data): the
//! level is divided by cosh(2g) at the critical z, and g must be at most 3/4, where that factor is still right to a tenth; and the
//! tail index of the chain averages must not be below 4, by the upper end (two standard errors) of its Hill estimate. A third
//! guard, at a level of at most a tenth of the misses, refuses numbers with too few runs above and below
//! their median: states of one chain are not independent. A test that a guard stops is answered "untestable".

use langevin_sim::Moments;

use super::tail::{normal_quantile_above, student_above, student_quantile_above};
use super::{Finding, Rates, Untestable, independence};

/// Most of the misses 1 - power that may go to the guard against dependence.
const LARGEST_GUARD_SHARE: f64 = 0.1;

/// Fewest chains a t-test is run on.
pub const FEWEST_CHAINS: usize = 1000;

/// Largest admissible Edgeworth term.
const LARGEST_EDGEWORTH: f64 = 0.75;

/// Edgeworth term that the number of chains is planned for: a pilot sees little of a heavy tail and makes its skewness too
/// small, by up to half.
const PLANNED_EDGEWORTH: f64 = 0.5;

/// Smallest admissible tail index of chain averages.
const SMALLEST_TAIL_INDEX: f64 = 4.0;

/// Tests that the mean of independent numbers, one per chain, is zero.
pub fn test(values: &[f64], rates: Rates) -> Finding {
    test_strata(std::slice::from_ref(&values), rates)
}

/// The same for numbers of several kinds (outputs of a problem), a list of each. Of a wrong theory the kinds differ in their
/// means, and that is no spread, no skewness and no dependence: all of them are looked for within each kind. What the guards
/// see is then the same whatever is claimed.
pub fn test_strata<S: AsRef<[f64]>>(strata: &[S], rates: Rates) -> Finding {
    let values = strata.iter().flat_map(|stratum| stratum.as_ref().iter().copied()).collect::<Vec<f64>>();
    let values = values.as_slice();
    let mean = Moments::of(values.iter().copied()).mean();
    let residuals: Vec<f64> = strata
        .iter()
        .flat_map(|stratum| {
            let own = stratum.as_ref();
            let centre = Moments::of(own.iter().copied()).mean();
            own.iter().map(move |value| value - centre)
        })
        .collect();
    let moments = Moments::of(residuals.iter().copied());
    let count = values.len() as f64;
    let kinds = strata.iter().filter(|stratum| !stratum.as_ref().is_empty()).count() as f64;
    // a mean of every kind was estimated
    let error = moments.standard_error() * ((count - 1.0) / (count - kinds)).sqrt();
    if values.len() < 2 {
        return untestable(mean, Untestable::FewChains { found: values.len(), needed: FEWEST_CHAINS });
    }
    if error <= 0.0 || !error.is_finite() {
        return without_spread(mean, values.len());
    }
    let edgeworth = edgeworth_term(&moments, rates.alpha);
    let degrees = count - kinds;
    let inflation = inflation(edgeworth);
    let alpha = rates.alpha / inflation;
    let critical = student_quantile_above(degrees, 0.5 * alpha);
    let reach = miss_reach(degrees, critical, rates);
    let t = mean / error;
    let mut finding = Finding {
        effect: mean,
        interval: [mean - critical * error, mean + critical * error],
        minimum_detectable_effect: (critical + reach) * error,
        p_value: (2.0 * student_above(degrees, t.abs()) * inflation).min(1.0),
        untestable: None,
    };
    finding.untestable = if values.len() < FEWEST_CHAINS {
        Some(Untestable::FewChains { found: values.len(), needed: FEWEST_CHAINS })
    } else if !(0.0..=LARGEST_EDGEWORTH).contains(&edgeworth) {
        Some(Untestable::Skewness { skewness: moments.skewness(), edgeworth, most: LARGEST_EDGEWORTH })
    } else {
        let (index, error) = tail_index(&residuals);
        let fewest = strata.iter().map(|stratum| independence::runs(stratum.as_ref())).fold(1.0, f64::min);
        let runs = (fewest * strata.len() as f64).min(1.0);
        if !(SMALLEST_TAIL_INDEX..).contains(&(index + 2.0 * error)) {
            Some(Untestable::HeavyTail { index, error, least: SMALLEST_TAIL_INDEX })
        } else if runs <= guard_level(rates) {
            Some(Untestable::Dependence { p_value: runs })
        } else {
            None
        }
    };
    finding
}

fn untestable(effect: f64, reason: Untestable) -> Finding {
    Finding {
        effect,
        interval: [f64::NEG_INFINITY, f64::INFINITY],
        minimum_detectable_effect: f64::INFINITY,
        p_value: 1.0,
        untestable: Some(reason),
    }
}

/// Numbers without spread: where they are the claimed value there is nothing to refute. Where they are another value, they
/// say nothing about the mean of a law whose spread lies in rare values that none of them took.
fn without_spread(effect: f64, count: usize) -> Finding {
    if effect.abs() > 1e-9 {
        return untestable(effect, Untestable::NoSpread { count, value: effect });
    }
    Finding { effect, interval: [effect, effect], minimum_detectable_effect: 1e-9, p_value: 1.0, untestable: None }
}

/// Level of the guard against dependence: what it stops of independent numbers counts as missed.
fn guard_level(rates: Rates) -> f64 {
    rates.alpha.min(LARGEST_GUARD_SHARE * (1.0 - rates.power))
}

/// Standard errors by which an effect must exceed the critical value to be missed no more often than stated. The spread of
/// a noncentral t about its centre c is sqrt(1 + c^2/(2 degrees)) times that of a central one.
fn miss_reach(degrees: f64, critical: f64, rates: Rates) -> f64 {
    let reach = student_quantile_above(degrees, 1.0 - rates.power - guard_level(rates));
    reach * (1.0 + 0.5 * (critical + reach).powi(2) / degrees).sqrt()
}

fn edgeworth_term(moments: &Moments, alpha: f64) -> f64 {
    let z = normal_quantile_above(0.5 * alpha);
    moments.skewness().abs() * z.powi(3) / (6.0 * (moments.count() as f64).sqrt())
}

/// How much more often skewed numbers alarm on either side than normal ones.
fn inflation(edgeworth: f64) -> f64 {
    (2.0 * edgeworth).cosh()
}

/// Number of chains at which an effect is resolved and the Edgeworth guard is silent, from the moments of a pilot.
pub fn chains_needed(pilot: &Moments, effect: f64, rates: Rates) -> u64 {
    // the level after the guard has taken its largest share
    let critical = normal_quantile_above(0.5 * rates.alpha / inflation(LARGEST_EDGEWORTH));
    let reach = normal_quantile_above(1.0 - rates.power);
    // what the estimated variance adds to the resolution is one effective chain in several, c^2/2 chains in all
    let for_effect = pilot.variance() * ((critical + reach) / effect).powi(2) + 0.5 * (critical + reach).powi(2);
    // skewness is known from the pilot only to its standard error; three of them, so that the guard hardly ever stops a test
    let z = normal_quantile_above(0.5 * rates.alpha);
    let skewness = pilot.skewness().abs() + 3.0 * (6.0 / pilot.count() as f64).sqrt();
    let for_guard = (skewness * z.powi(3) / (6.0 * PLANNED_EDGEWORTH)).powi(2);
    for_effect.max(for_guard).max(FEWEST_CHAINS as f64).ceil() as u64
}

/// Hill estimate of the tail index and its standard error, from the largest 1 % of the absolute values of the centred
/// numbers (at least 25 of them).
///
/// For nearly normal numbers the estimate is far above 4; for a density falling like |x|^{-a-1} it estimates a.
pub fn tail_index(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let mut sizes: Vec<f64> = values.iter().map(|value| (value - mean).abs()).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let top = (sizes.len() / 100).max(25).min(sizes.len().saturating_sub(1));
    let threshold = sizes.get(top).copied().unwrap_or(0.0);
    let excess: f64 = sizes[..top].iter().map(|size| (size / threshold).ln()).sum();
    if threshold > 0.0 && excess > 0.0 {
        let index = top as f64 / excess;
        (index, index / (top as f64).sqrt())
    } else {
        (f64::INFINITY, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal, StudentT};

    const RATES: Rates = Rates { alpha: 1e-8, power: 0.999 };

    fn draws(law: &impl Distribution<f64>, count: usize) -> Vec<f64> {
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(11);
        (0..count).map(|_| law.sample(&mut stream)).collect()
    }

    #[test]
    fn normal_averages_are_tested_and_an_effect_of_the_stated_size_is_found() {
        let values = draws(&StandardNormal, 4000);
        let null = test(&values, RATES);
        assert!(null.untestable.is_none() && null.p_value > 1e-3, "{null:?}");
        let shifted: Vec<f64> = values.iter().map(|value| value + null.minimum_detectable_effect).collect();
        assert!(test(&shifted, RATES).p_value < RATES.alpha);
    }

    /// Outputs from which a wrong theory is off by different amounts are no dependence; a chain in one of them is.
    #[test]
    fn kinds_of_numbers_may_differ() {
        let values = draws(&StandardNormal, 4000);
        let shifted = |by: f64| values.iter().skip(usize::from(by > 0.0)).map(|value| value + by).collect::<Vec<f64>>();
        let kinds = [shifted(-3.0), shifted(2.0)];
        assert!(test_strata(&kinds, RATES).untestable.is_none());
        assert!(test(&kinds.concat(), RATES).untestable.is_some());
        let mut chain = 0.0;
        let dependent: Vec<f64> = values
            .iter()
            .map(|value| {
                chain = 0.9 * chain + value;
                chain
            })
            .collect();
        assert!(test_strata(&[shifted(2.0), dependent], RATES).untestable.is_some());
    }

    /// A wrong theory that is off by another amount in every output moves the mean and nothing else: the guards stop it no
    /// sooner than the right one.
    #[test]
    fn what_is_claimed_does_not_move_the_guards() {
        let values = draws(&StandardNormal, 4000);
        // one kind in ten far off: pooled, the numbers would have a skewness of 2.6
        let kinds = |off: f64| -> Vec<Vec<f64>> {
            values
                .chunks(400)
                .enumerate()
                .map(|(kind, own)| own.iter().map(|value| value + if kind == 0 { off } else { 0.0 }).collect())
                .collect()
        };
        let (right, wrong) = (test_strata(&kinds(0.0), RATES), test_strata(&kinds(20.0), RATES));
        assert!(right.untestable.is_none() && wrong.untestable.is_none(), "{wrong:?}");
        assert!((wrong.minimum_detectable_effect / right.minimum_detectable_effect - 1.0).abs() < 1e-9);
        assert!((wrong.effect - right.effect - 2.0).abs() < 1e-12 && wrong.p_value < RATES.alpha);
        assert!(test(&kinds(20.0).concat(), RATES).untestable.is_some());
    }

    #[test]
    fn heavy_tails_are_untestable() {
        let heavy = draws(&StudentT::new(2.0).unwrap(), 4000);
        assert!(tail_index(&heavy).0 < SMALLEST_TAIL_INDEX);
        assert!(test(&heavy, RATES).untestable.is_some());
        assert!(tail_index(&draws(&StandardNormal, 4000)).0 > 5.0);
    }

    #[test]
    fn states_of_one_chain_are_refused() {
        for coefficient in [0.3, 0.9] {
            let mut state = 0.0;
            let chain: Vec<f64> = draws(&StandardNormal, 4000)
                .into_iter()
                .map(|noise: f64| {
                    state = coefficient * state + noise;
                    state
                })
                .collect();
            assert!(test(&chain, RATES).untestable.is_some(), "{coefficient}");
        }
    }

    #[test]
    fn few_chains_are_refused() {
        assert!(test(&draws(&StandardNormal, 100), RATES).untestable.is_some());
        assert!(test(&[1.0], RATES).untestable.is_some());
        assert!(test(&[], RATES).untestable.is_some());
    }

    #[test]
    fn chains_without_spread_agree_or_say_nothing() {
        assert!(test(&[0.0; 2000], RATES).p_value > 0.99);
        // 2,000 draws of a law of mean 0 with a rare value, none of which took it
        let finding = test(&[-1e-3; 2000], RATES);
        assert!(finding.p_value > 0.99 && finding.untestable.is_some());
    }
}
