//! Chernoff's bound on a tail whose cumulant generating function K(s) = log E exp(s X) is known in closed form:
//! P(X >= x) <= exp(min over s > 0 of K(s) - s x), and the same with s < 0 for P(X <= x).
//!
//! A bound holds at every s, so the minimum need not be found exactly: what is returned is never too small. It is wider
//! than the exact tail by about a factor z sqrt(2 pi) at z standard deviations.

/// log of the bound: min of K(s) - s x over s of the sign of `scale`, |s| < `limit`. `scale` is the order of the inverse
/// standard deviation of X; it is positive for the upper tail and negative for the lower one.
pub fn log_tail(cumulant: impl Fn(f64) -> f64, x: f64, scale: f64, limit: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let at = |s: f64| {
        let value = cumulant(s) - s * x;
        if value.is_nan() { f64::INFINITY } else { value }
    };
    // a convex function, 0 at 0: doubled steps until it rises, then a golden section
    let end = limit * (1.0 - 1e-12);
    let mut size = scale.abs().min(end);
    let mut value = at(size.copysign(scale));
    let mut high = loop {
        let next = (2.0 * size).min(end);
        let ahead = at(next.copysign(scale));
        if ahead >= value || next >= end {
            break next;
        }
        (size, value) = (next, ahead);
    };
    let mut low = 0.0;
    let mut best = value.min(0.0);
    let inner = |low: f64, high: f64| GOLDEN * (high - low);
    let (mut left, mut right) = (high - inner(low, high), low + inner(low, high));
    let (mut at_left, mut at_right) = (at(left.copysign(scale)), at(right.copysign(scale)));
    // to 4e-9 of the bracket, and near its minimum the function to the square of that
    for _ in 0..40 {
        best = best.min(at_left).min(at_right);
        // where both are no bounds, the minimum is below them
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - inner(low, high);
            at_left = at(left.copysign(scale));
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + inner(low, high);
            at_right = at(right.copysign(scale));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a standard normal the bound is exp(-z^2/2).
    #[test]
    fn the_bound_of_a_normal_is_found() {
        for z in [0.0, 0.1, 2.0, 6.0, 12.0] {
            for sign in [1.0, -1.0] {
                let log = log_tail(|s| 0.5 * s * s, sign * z, sign, 1e6);
                assert!((log + 0.5 * z * z).abs() < 1e-9, "{log} at {z}");
            }
        }
        // the other side of the mean
        assert!(log_tail(|s| 0.5 * s * s, -1.0, 1.0, 1e6) > -1e-12);
    }
}
