//! E-values for a mean with a variance known from the theory (Catoni 2012; Wang and Ramdas 2023): valid for any law with
//! that variance, however heavy its tails.
//!
//! With the influence function `psi(x) = sign(x) log(1 + |x| + x^2/2)`, `E exp(psi(l (Y - m)) - l^2 v / 2) <= 1` for a
//! mean m and a variance v. The product over independent Y_j, averaged over +l and -l, is an e-value: it exceeds 1/alpha
//! with probability at most alpha.

use super::Untestable;
use super::tail::descend;

/// A variance that the theory supplies for averages of squares over chains. It exists only where the fourth moments of the
/// process contract, and there is no other way to it than through that gate: where they grow, or the map of fourth moments is
/// too large to be built, numbers are tested with their own variance and the guards of [`chains`](super::chains).
///
/// ```
/// use langevin_verify::statistics::catoni::TheoryVariance;
/// assert!(TheoryVariance::gated(0.5, 0.98).is_ok());
/// assert!(TheoryVariance::gated(0.5, 1.01).is_err()); // averages of squares have no variance
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TheoryVariance(f64);

impl TheoryVariance {
    /// A variance, by the growth of fourth moments per step; 0 for independent draws of a law with this variance.
    ///
    /// # Errors
    /// The [`Untestable`] reason for a growth that is not below 1, and for a variance that is not positive.
    pub fn gated(variance: f64, fourth_moment_growth: f64) -> Result<Self, Untestable> {
        let contracts = fourth_moment_growth < 1.0;
        if !contracts {
            return Err(Untestable::FourthMoments { growth: fourth_moment_growth });
        }
        if !(variance > 0.0 && variance.is_finite()) {
            return Err(Untestable::Undefined { reason: format!("the theory's variance is {variance}") });
        }
        Ok(Self(variance))
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// log(1 + x + x^2/2) for x >= 0, odd.
fn influence(x: f64) -> f64 {
    (x.abs() + 0.5 * x * x).ln_1p().copysign(x)
}

/// The tuning l for n values of variance v at a level alpha.
fn tuning(count: usize, variance: f64, alpha: f64) -> f64 {
    (2.0 * (2.0 / alpha).ln() / (count as f64 * variance)).sqrt()
}

/// Natural log of the two-sided e-value against "the mean is `mean` and the variance `variance`".
pub fn log_e_value(values: &[f64], mean: f64, variance: TheoryVariance, alpha: f64) -> f64 {
    let variance = variance.value();
    let l = tuning(values.len(), variance, alpha);
    let compensation = 0.5 * l * l * variance * values.len() as f64;
    let sum: f64 = values.iter().map(|value| influence(l * (value - mean))).sum();
    let (up, down) = (sum - compensation, -sum - compensation);
    let largest = up.max(down);
    largest + (0.5 * ((up - largest).exp() + (down - largest).exp())).ln()
}

/// Means that the e-value does not refute, each end where that of its own side alone, halved, is 1/alpha, and the estimate in
/// their middle. No values refute nothing and have no estimate: NaN.
pub fn interval(values: &[f64], variance: TheoryVariance, alpha: f64) -> ([f64; 2], f64) {
    if values.is_empty() {
        return ([f64::NEG_INFINITY, f64::INFINITY], f64::NAN);
    }
    let variance = variance.value();
    let l = tuning(values.len(), variance, alpha);
    let sum = |mean: f64| values.iter().map(|value| influence(l * (value - mean))).sum::<f64>();
    let threshold = (2.0 / alpha).ln() + 0.5 * l * l * variance * values.len() as f64;
    let step = variance.sqrt();
    let low = descend(sum, threshold, step);
    let high = -descend(|mean| -sum(-mean), threshold, step);
    ([low, high], descend(sum, 0.0, step))
}

/// Smallest shift d of the mean that is found with the stated power, for every law with this variance: from
/// E exp(-psi(l (Y - m))) <= 1 - l d + l^2 (v + d^2)/2 and Chernoff's bound,
/// n l d - n l^2 d^2/2 >= log(2/alpha) + log(1/(1-power)) + n l^2 v. Infinite where no shift is.
///
/// In the limit of large samples it is at most 1.1 times the spread of the mean times
/// sqrt(2 log(2/alpha)) + sqrt(2 log(1/(1-power))), which holds for the estimator in that limit alone.
pub fn minimum_detectable_shift(count: usize, variance: TheoryVariance, alpha: f64, power: f64) -> f64 {
    let variance = variance.value();
    let n = count as f64;
    let l = tuning(count, variance, alpha);
    let evidence = (2.0 / alpha).ln() - (1.0 - power).ln() + n * l * l * variance;
    let root = 1.0 - 2.0 * evidence / n;
    // (1 - sqrt(root)) / l without cancellation; NaN for no values
    if root >= 0.0 { 2.0 * evidence / (n * l * (1.0 + root.sqrt())) } else { f64::INFINITY }
}

/// Number of values needed for a shift d > 0, where [`minimum_detectable_shift`] falls to it: with L = log(2/alpha) and
/// E = 3 L + log(1/(1-power)), n = (E + L d^2/v)^2 / (2 L d^2/v).
pub fn values_needed(shift: f64, variance: TheoryVariance, alpha: f64, power: f64) -> u64 {
    let level = (2.0 / alpha).ln();
    let evidence = 3.0 * level - (1.0 - power).ln();
    // a larger shift needs no fewer values by this bound
    let square = (level * shift * shift / variance.value()).min(evidence);
    ((evidence + square).powi(2) / (2.0 * square)).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StudentT};

    #[test]
    fn heavy_tails_do_not_alarm_and_a_shift_is_found() {
        let law = StudentT::new(3.0).unwrap(); // variance 3, infinite fourth moment
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(3);
        let (alpha, power) = (1e-6, 0.999);
        let variance = TheoryVariance::gated(3.0, 0.0).unwrap();
        let count = values_needed(0.1, variance, alpha, power) as usize;
        let values: Vec<f64> = (0..count).map(|_| law.sample(&mut stream)).collect();
        assert!(log_e_value(&values, 0.0, variance, alpha) < (1.0 / alpha).ln());
        assert!(log_e_value(&values, 0.1, variance, alpha) > (1.0 / alpha).ln());
        let ([low, high], estimate) = interval(&values, variance, alpha);
        assert!(low < 0.0 && high > 0.0 && low < estimate && estimate < high);
    }

    /// E exp(psi) <= exp(l^2 v / 2) for a two-point law, exactly.
    #[test]
    fn the_compensation_bounds_the_expectation() {
        for skew in [0.5_f64, 0.1, 0.01] {
            let (up, down) = ((1.0 - skew) / skew, 1.0);
            // up with probability skew, -down otherwise: mean zero
            let variance = skew * up * up + (1.0 - skew) * down * down;
            for l in [0.01, 0.3, 2.0] {
                let expectation = skew * influence(l * up).exp() + (1.0 - skew) * influence(-l * down).exp();
                assert!(expectation <= (0.5 * l * l * variance).exp() + 1e-15);
            }
        }
    }
}
