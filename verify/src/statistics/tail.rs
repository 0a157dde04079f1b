//! Tail probabilities far out, and their inverses. Accuracy of the library functions in the range used (down to 1e-30) is
//! pinned by tests against 30-digit values.

use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

/// P(Z > z) for a standard normal Z.
pub fn normal_above(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// P(T > t) for Student's t; NaN unless the degrees of freedom are positive.
pub fn student_above(degrees: f64, t: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |law| law.sf(t))
}

/// (P(X < x), P(X > x)) for a chi-square X; NaN unless the degrees of freedom are positive.
pub fn chi_square(degrees: f64, x: f64) -> (f64, f64) {
    ChiSquared::new(degrees).map_or((f64::NAN, f64::NAN), |law| (law.cdf(x), law.sf(x)))
}

/// (P(X <= k), P(X >= k)) for a binomial X of n trials; NaN for a probability outside [0, 1].
///
/// The smaller of both is a sum of terms that fall from k on, in the ratio of neighbouring ones; it is exact far out.
pub fn binomial(trials: u64, probability: f64, k: u64) -> (f64, f64) {
    if !(0.0..=1.0).contains(&probability) {
        return (f64::NAN, f64::NAN);
    }
    if k > trials {
        return (1.0, 0.0);
    }
    let (n, x, p, q) = (trials as f64, k as f64, probability, 1.0 - probability);
    if p <= 0.0 || q <= 0.0 {
        let at = if p <= 0.0 { 0 } else { trials };
        return (f64::from(u8::from(at <= k)), f64::from(u8::from(at >= k)));
    }
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(x + 1.0) - libm::lgamma(n - x + 1.0);
    let here = (choose + x * p.ln() + (n - x) * (-p).ln_1p()).exp();
    // until a term no longer changes the sum; the ratio is zero at the last outcome
    let sum = |ratio: &dyn Fn(f64) -> f64| {
        let (mut total, mut term, mut step) = (1.0, ratio(0.0), 1.0);
        while total + term > total {
            total += term;
            term *= ratio(step);
            step += 1.0;
        }
        total
    };
    if x >= n * p {
        let above = here * sum(&|step| (n - x - step) / (x + step + 1.0) * (p / q));
        ((1.0 - above + here).clamp(0.0, 1.0), above.min(1.0))
    } else {
        let below = here * sum(&|step| (x - step) / (n - x + step + 1.0) * (q / p));
        (below.min(1.0), (1.0 - below + here).clamp(0.0, 1.0))
    }
}

/// The least x at which a decreasing tail is at most a value, by bisection inside a bracket.
pub fn inverse(tail: impl Fn(f64) -> f64, probability: f64, low: f64, high: f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if tail(middle) > probability {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= 1e-13 * high.abs() {
            break;
        }
    }
    0.5 * (low + high)
}

/// Where a decreasing function falls to a value, to the resolution of doubles at the root or at `step`, whichever is larger.
/// The function must run from above the value to below it, and `step` must be positive.
///
/// A bracket grows from 0 by doubled steps and is cut by secants, at a tenth of its width or more from its ends, so that
/// both close in. The lower end is returned, where the function has not yet fallen below the value; NaN where it is NaN.
pub(super) fn descend(function: impl Fn(f64) -> f64, value: f64, step: f64) -> f64 {
    // at a tenth of this width from an end there is another double
    const RESOLUTION: f64 = 16.0 * f64::EPSILON;
    let at = |x: f64| (x, function(x) - value);
    let (mut low, mut high, mut reach) = (at(0.0), at(0.0), step);
    while low.1 < 0.0 {
        (low, high) = (at(-reach), low);
        reach *= 2.0;
    }
    while high.1 >= 0.0 {
        (low, high) = (high, at(reach));
        reach *= 2.0;
    }
    if low.1.is_nan() || high.1.is_nan() {
        return f64::NAN;
    }
    while high.0 - low.0 > RESOLUTION * step.max(low.0.abs()).max(high.0.abs()) {
        let share = (low.1 / (low.1 - high.1)).clamp(0.1, 0.9);
        let middle = at(low.0 + share * (high.0 - low.0));
        if middle.1 >= 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.0
}

/// z with P(Z > z) = probability, for a probability in (0, 1/2].
pub fn normal_quantile_above(probability: f64) -> f64 {
    inverse(normal_above, probability, 0.0, 40.0)
}

/// t with P(T > t) = probability, for a probability in (0, 1/2].
pub fn student_quantile_above(degrees: f64, probability: f64) -> f64 {
    inverse(|t| student_above(degrees, t), probability, 0.0, 1e15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed with mpmath at 30 digits (incomplete beta and gamma functions, quadrature for large
    /// arguments; sums of binomial terms).
    #[test]
    fn tails_equal_thirty_digit_values() {
        let close = |found: f64, expected: f64| {
            assert!((found / expected - 1.0).abs() < 1e-8, "{found:e}, expected {expected:e}");
        };
        close(student_above(999.0, 6.5), 6.3299432835162e-11);
        close(student_above(999.0, 20.0), 2.0836922465215e-75);
        close(student_above(5000.0, 6.5), 4.407048877758e-11);
        close(student_above(1e5, 6.5), 4.0348012058337e-11);
        close(chi_square(1e6, 1.01e6).1, 9.06852882326208e-13);
        close(chi_square(1e6, 0.99e6).0, 6.50017118008584e-13);
        close(chi_square(1e7, 1.003e7).1, 1.03035013006758e-11);
        close(chi_square(1e7, 0.997e7).0, 9.41784508529087e-12);
        close(chi_square(1e4, 1e4 - 7.0 * 141.42).0, 2.23526722385176e-13);
        close(normal_above(6.5), 4.016000583859125e-11);
        close(binomial(1000, 0.05, 90).1, 9.74396530500397e-8);
        close(binomial(1000, 0.05, 15).0, 3.339195458279e-9);
        close(binomial(100_000, 0.05, 5500).1, 4.66995013658056e-13);
        close(binomial(100_000, 0.05, 4500).0, 8.87597224232447e-14);
        close(binomial(1_000_000, 0.05, 51_500).1, 3.72649213768264e-12);
        close(binomial(1_000_000, 0.05, 48_500).0, 2.38118193740467e-12);
        close(binomial(2_000_000, 0.05, 102_500).1, 3.28481496157683e-16);
        close(binomial(2_000_000, 0.05, 97_800).0, 4.01483525211751e-13);
        close(normal_above(normal_quantile_above(1e-9)), 1e-9);
        close(student_above(1200.0, student_quantile_above(1200.0, 1e-9)), 1e-9);
    }
}
