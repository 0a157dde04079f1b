//! Products of a state with an earlier one (layer L1). Scaled by their claimed spreads, a pair (x, y) of coordinates is
//! exactly bivariate normal with unit variances and the claimed correlation rho, so x + y and x - y are independent and
//!
//! ```text
//! sum (x + y)^2 ~ 2 (1 + rho) chi-square_n,    sum (x - y)^2 ~ 2 (1 - rho) chi-square_n,    sum x y = (first - second) / 4
//! ```
//!
//! Each sum is tested at half of the level.

use super::{Finding, Rates, chi_square};

/// Below this 1 - |rho| one of the two sums is lost in rounding errors.
const SMALLEST_GAP: f64 = 1e-9;

/// Tests `count` pairs of unit variances, given the sums of x^2, y^2 and x y. The effect is the departure of the mean
/// product from rho.
pub fn test(squares: [f64; 2], products: f64, correlation: f64, count: u64, rates: Rates) -> Finding {
    let n = count as f64;
    let half = Rates { alpha: 0.5 * rates.alpha, ..rates };
    let own = squares[0] + squares[1];
    let mut finding = Finding {
        effect: products / n - correlation,
        interval: [f64::NEG_INFINITY, f64::INFINITY],
        minimum_detectable_effect: f64::INFINITY,
        p_value: 1.0,
        untestable: None,
    };
    for sign in [1.0, -1.0] {
        let claimed = 1.0 + sign * correlation;
        if claimed < SMALLEST_GAP {
            continue;
        }
        let part = chi_square::test((own + sign * 2.0 * products) / (2.0 * claimed), n, half);
        // the interval of rho that this sum allows: claimed (1 + effect) = 1 + sign rho
        let mut ends = part.interval.map(|end| sign * (claimed * (1.0 + end) - 1.0) - correlation);
        ends.sort_unstable_by(f64::total_cmp);
        finding.interval = [finding.interval[0].max(ends[0]), finding.interval[1].min(ends[1])];
        finding.minimum_detectable_effect =
            finding.minimum_detectable_effect.min(claimed * part.minimum_detectable_effect);
        // a NaN must surface
        finding.p_value =
            if part.p_value.is_nan() { f64::NAN } else { finding.p_value.min((2.0 * part.p_value).min(1.0)) };
    }
    finding
}

/// The departure of the correlation that is found: the smaller of those of the two sums.
pub fn resolution(correlation: f64, count: u64, rates: Rates) -> f64 {
    let half = Rates { alpha: 0.5 * rates.alpha, ..rates };
    (1.0 - correlation.abs()).max(SMALLEST_GAP) * chi_square::minimum_detectable_ratio(count as f64, half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    const RATES: Rates = Rates { alpha: 1e-9, power: 0.999 };

    fn sums(correlation: f64, count: u64) -> ([f64; 2], f64) {
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(2);
        let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
        let (mut squares, mut products) = ([0.0, 0.0], 0.0);
        for _ in 0..count {
            let x = draw();
            let y = correlation * x + (1.0 - correlation * correlation).sqrt() * draw();
            squares[0] += x * x;
            squares[1] += y * y;
            products += x * y;
        }
        (squares, products)
    }

    #[test]
    fn the_right_correlation_passes_and_another_does_not() {
        for correlation in [-0.95, -0.3, 0.0, 0.6, 0.99] {
            let count = 20_000;
            let (squares, products) = sums(correlation, count);
            let right = test(squares, products, correlation, count, RATES);
            assert!(right.p_value > 1e-3 && right.interval[0] < 0.0 && right.interval[1] > 0.0, "{right:?}");
            let away = resolution(correlation, count, RATES);
            assert!((away / right.minimum_detectable_effect - 1.0).abs() < 1e-9);
            assert!(test(squares, products, correlation - away.copysign(correlation), count, RATES).p_value < 1e-9);
        }
    }

    #[test]
    fn equal_coordinates_have_one_sum() {
        let finding = test([1000.0, 1000.0], 1000.0, 1.0, 1000, RATES);
        assert!(finding.p_value > 0.5, "{finding:?}");
    }
}
