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

/// The x at which a decreasing tail takes a value, by bisection inside a bracket.
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

/// z with P(Z > z) = probability, for a probability in (0, 1/2].
pub fn normal_quantile_above(probability: f64) -> f64 {
    inverse(normal_above, probability, 0.0, 40.0)
}

/// t with P(T > t) = probability, for a probability in (0, 1/2].
pub fn student_quantile_above(degrees: f64, probability: f64) -> f64 {
    let mut high = 10.0;
    while student_above(degrees, high) > probability && high < 1e15 {
        high *= 4.0;
    }
    inverse(|t| student_above(degrees, t), probability, 0.0, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed with mpmath at 30 digits (incomplete beta and gamma functions, quadrature for large arguments).
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
        close(normal_above(normal_quantile_above(1e-9)), 1e-9);
        close(student_above(1200.0, student_quantile_above(1200.0, 1e-9)), 1e-9);
    }
}
