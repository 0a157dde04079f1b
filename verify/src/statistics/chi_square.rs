//! Sums of squares that are exactly chi-square under the claim: variance ratios under Gaussian noise (layer L1).

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::tail::{chi_square, descend, inverse};
use super::{Finding, Rates};

/// Tests a sum of squares of `degrees` standard normals. The effect is the variance ratio minus 1.
pub fn test(sum: f64, degrees: f64, rates: Rates) -> Finding {
    let (below, above) = chi_square(degrees, sum);
    let [low, high] = bounds(degrees, 0.5 * rates.alpha);
    Finding {
        effect: sum / degrees - 1.0,
        interval: [sum / high - 1.0, sum / low - 1.0],
        minimum_detectable_effect: minimum_detectable_ratio(degrees, rates),
        // a sum that is NaN must not look like no departure
        p_value: if sum.is_nan() { f64::NAN } else { (2.0 * below.min(above)).min(1.0) },
        untestable: None,
    }
}

/// Quantiles with this probability below and above. Families ask for the same ones at every member, and each takes some
/// hundred incomplete gamma functions: they are kept.
fn bounds(degrees: f64, probability: f64) -> [f64; 2] {
    static KEPT: LazyLock<Mutex<HashMap<[u64; 2], [f64; 2]>>> = LazyLock::new(Mutex::default);
    let key = [degrees.to_bits(), probability.to_bits()];
    if let Some(&found) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return found;
    }
    let found = quantiles(degrees, probability);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(key, found);
    found
}

/// Most quantiles that are kept.
const MOST_KEPT: usize = 4096;

fn quantiles(degrees: f64, probability: f64) -> [f64; 2] {
    let low = inverse(|x| -chi_square(degrees, x).0, -probability, 0.0, degrees);
    // the log of the tail is concave
    let high = descend(|x| chi_square(degrees, x).1.ln(), probability.ln(), degrees);
    [low, high]
}

/// The smallest excess of the variance that is found with the stated power. (A deficit of the same size is found more
/// often.)
pub fn minimum_detectable_ratio(degrees: f64, rates: Rates) -> f64 {
    let [_, high] = bounds(degrees, 0.5 * rates.alpha);
    let [weak, _] = bounds(degrees, 1.0 - rates.power);
    high / weak - 1.0
}

/// The smallest factor that divides the variance and is found with the stated power.
pub fn minimum_detectable_deficit(degrees: f64, rates: Rates) -> f64 {
    let [low, _] = bounds(degrees, 0.5 * rates.alpha);
    let [_, strong] = bounds(degrees, 1.0 - rates.power);
    strong / low
}

/// The smallest number of degrees of freedom that resolves a variance ratio of 1 + effect, to one in a thousand.
pub fn degrees_for(effect: f64, rates: Rates) -> f64 {
    let mut high = 16.0;
    while minimum_detectable_ratio(high, rates) > effect && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.5 * high;
    while low < 0.999 * high {
        let middle = 0.5 * (low + high);
        if minimum_detectable_ratio(middle, rates) > effect {
            low = middle;
        } else {
            high = middle;
        }
    }
    high.ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_degrees_reach_the_effect() {
        let rates = Rates { alpha: 1e-8, power: 0.999 };
        let degrees = degrees_for(0.05, rates);
        assert!(minimum_detectable_ratio(degrees, rates) <= 0.05);
        assert!(minimum_detectable_ratio(0.98 * degrees, rates) > 0.05);
        let at_boundary = test(bounds(degrees, 0.5e-8)[1], degrees, rates);
        assert!((at_boundary.p_value / 1e-8 - 1.0).abs() < 1e-6);
        assert!(at_boundary.interval[0].abs() < 1e-12);
    }
}
