//! The scatter W = X^T X of n independent states that the claim whitens to N(0, 1) in d dimensions is exactly Wishart
//! (layer L1). Four tests of it, none of them asymptotic:
//!
//! | test | departs when | law under the claim |
//! |---|---|---|
//! | [`trace`] | the mean variance is wrong | chi-square, n d degrees |
//! | [`determinant`] | the geometric mean of the variances is wrong | log det W = sum of log chi-squares of n, n-1, ..., n-d+1 degrees (Bartlett) |
//! | [`likelihood_ratio`] | any direction is wrong | T = tr W - n log det W, whose moment generating function is closed |
//! | [`product`] | two coordinates are correlated | W_ij / sqrt(W_ii) given X_i is standard normal |
//!
//! With Gamma_d the multivariate gamma function, for states of covariance Sigma
//!
//! ```text
//! E det(W)^a exp(-b tr W) = 2^{a d} det(Sigma)^a det(1 + 2 b Sigma)^{-(n/2 + a)} Gamma_d(n/2 + a) / Gamma_d(n/2)
//! ```
//!
//! Tails of log det W and T are Chernoff's bounds from it ([`super::chernoff`]): valid at every n and d, and never too small.

use nalgebra::DMatrix;
use statrs::function::gamma::digamma;

use super::chernoff::log_tail;
use super::tail::inverse;
use super::{Finding, Rates, Untestable, chi_square, normal};

/// Tests tr W. The effect is the mean variance minus 1.
pub fn trace(scatter: &DMatrix<f64>, count: u64, rates: Rates) -> Finding {
    chi_square::test(scatter.trace(), (count * scatter.nrows() as u64) as f64, rates)
}

/// Tests an off-diagonal entry: the sum of the products of two coordinates. The effect is the slope of one on the other.
pub fn product(scatter: &DMatrix<f64>, row: usize, column: usize, rates: Rates) -> Finding {
    let weight = scatter[(row, row)].sqrt();
    normal::test(scatter[(row, column)] / weight, 1.0 / weight, rates)
}

/// log Gamma_d(x) without its constant, which cancels.
fn log_gamma(d: usize, x: f64) -> f64 {
    (0..d).map(|i| libm::lgamma(x - 0.5 * i as f64)).sum()
}

/// log of the determinant; minus infinity where it is not positive.
fn log_determinant(scatter: &DMatrix<f64>) -> f64 {
    scatter
        .clone()
        .cholesky()
        .map_or(f64::NEG_INFINITY, |factor| 2.0 * factor.l_dirty().diagonal().iter().map(|x| x.ln()).sum::<f64>())
}

/// The law of log det W for n states in d dimensions.
struct LogDeterminant {
    d: usize,
    half: f64,
    mean: f64,
}

impl LogDeterminant {
    fn new(d: usize, count: u64) -> Self {
        let half = 0.5 * count as f64;
        let mean = (0..d).map(|i| digamma(half - 0.5 * i as f64) + std::f64::consts::LN_2).sum();
        Self { d, half, mean }
    }

    /// log E exp(s (log det W - mean)).
    fn cumulant(&self, s: f64) -> f64 {
        s * (self.d as f64 * std::f64::consts::LN_2 - self.mean) + log_gamma(self.d, self.half + s)
            - log_gamma(self.d, self.half)
    }

    /// The generating function is finite above minus this.
    fn smallest(&self) -> f64 {
        self.half - 0.5 * (self.d - 1) as f64
    }

    /// Bounds on the tails (below, above) of the departure from the mean.
    fn tails(&self, departure: f64) -> [f64; 2] {
        let scale = self.half.sqrt();
        let below = log_tail(|s| self.cumulant(s), departure, -scale, self.smallest());
        let above = log_tail(|s| self.cumulant(s), departure, scale, f64::INFINITY);
        [below.exp(), above.exp()]
    }

    /// Departures with at most this probability below and above.
    fn bounds(&self, probability: f64) -> [f64; 2] {
        // the bound at any one s has fallen to the probability here, so the least one has
        let reach = |s: f64| (self.cumulant(s) - probability.ln()) / s;
        let s = 0.5 * self.smallest();
        let low = inverse(|x| -self.tails(x)[0], -probability, reach(-s), 0.0);
        let high = inverse(|x| self.tails(x)[1], probability, 0.0, reach(s));
        [low, high]
    }
}

/// Tests log det W. The effect is the geometric mean of the variances of the principal directions, minus 1. NaN for fewer
/// states than dimensions.
pub fn determinant(scatter: &DMatrix<f64>, count: u64, rates: Rates) -> Finding {
    let d = scatter.nrows();
    if d == 0 || count < d as u64 {
        return undefined(format!("{count} states in {d} dimensions have no determinant"));
    }
    let law = LogDeterminant::new(d, count);
    let departure = log_determinant(scatter) - law.mean;
    let [low, high] = law.bounds(0.5 * rates.alpha);
    let ratio = |log: f64| (log / d as f64).exp_m1();
    Finding {
        effect: ratio(departure),
        interval: [ratio(departure - high), ratio(departure - low)],
        minimum_detectable_effect: determinant_resolution(d, count, rates),
        p_value: determinant_p_value(scatter, count),
        untestable: None,
    }
}

/// The p-value of [`determinant`] alone, for at least as many states as dimensions.
pub fn determinant_p_value(scatter: &DMatrix<f64>, count: u64) -> f64 {
    let law = LogDeterminant::new(scatter.nrows(), count);
    let [below, above] = law.tails(log_determinant(scatter) - law.mean);
    (2.0 * below.min(above)).min(1.0)
}

/// The ratio minus 1 of the geometric mean variance that [`determinant`] finds: another covariance shifts log det W by its
/// log-determinant, exactly. Infinite for fewer states than dimensions.
pub fn determinant_resolution(d: usize, count: u64, rates: Rates) -> f64 {
    if count < d as u64 {
        return f64::INFINITY;
    }
    let law = LogDeterminant::new(d, count);
    let [low, high] = law.bounds(0.5 * rates.alpha);
    let [weak, strong] = law.bounds(1.0 - rates.power);
    ((high - weak).max(strong - low) / d as f64).exp_m1()
}

/// T = tr W - n log det W for states of covariance diag(first, 1, ..., 1), measured from its smallest value, n d - n d log n.
struct LikelihoodRatio {
    d: usize,
    count: f64,
    first: f64,
}

impl LikelihoodRatio {
    fn cumulant(&self, s: f64) -> f64 {
        let (n, d) = (self.count, self.d as f64);
        let half = 0.5 * n;
        let shrink = -s * n;
        let determinant = (d - 1.0) * (-2.0 * s).ln_1p() + (-2.0 * s * self.first).ln_1p();
        shrink * (d * std::f64::consts::LN_2 + self.first.ln()) - (half + shrink) * determinant
            + log_gamma(self.d, half + shrink)
            - log_gamma(self.d, half)
            - s * n * d * (1.0 - n.ln())
    }

    /// The generating function is finite below this. (It is NaN, no bound, from 1/(2 first) on.)
    fn limit(&self) -> f64 {
        0.5 * (1.0 - (self.d as f64 - 1.0) / self.count)
    }

    /// log of the bound on P(T >= t).
    fn above(&self, t: f64) -> f64 {
        log_tail(|s| self.cumulant(s), t, 1.0, self.limit())
    }

    /// log of the bound on P(T <= t).
    fn below(&self, t: f64) -> f64 {
        log_tail(|s| self.cumulant(s), t, -1.0, 1e6)
    }
}

/// Stein's loss of one direction, delta - log(1 + delta).
fn loss(delta: f64) -> f64 {
    delta - delta.ln_1p()
}

/// delta > 0 with this loss.
fn excess_of(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    // log(1 + delta) <= sqrt(delta), so the root is below this
    let high = value + value.sqrt() + 1.0;
    inverse(|x| -loss(x), -value, 0.0, high)
}

/// Tests T. The effect is the excess of the variance of one direction that would cost as much likelihood as what was found
/// beyond its mean d(d+1)/2. NaN for fewer states than dimensions.
pub fn likelihood_ratio(scatter: &DMatrix<f64>, count: u64, rates: Rates) -> Finding {
    let d = scatter.nrows();
    let n = count as f64;
    if d == 0 || count < d as u64 {
        return undefined(format!("{count} states in {d} dimensions have no likelihood ratio"));
    }
    let law = LikelihoodRatio { d, count: n, first: 1.0 };
    let statistic = stein_loss(scatter, n);
    let expected = 0.5 * (d * (d + 1)) as f64;
    let threshold = likelihood_threshold(&law, rates.alpha);
    Finding {
        effect: excess_of((statistic - expected) / n),
        interval: [excess_of((statistic - threshold) / n), f64::INFINITY],
        minimum_detectable_effect: likelihood_ratio_resolution(d, count, rates),
        p_value: likelihood_ratio_p_value(scatter, count),
        untestable: None,
    }
}

/// The p-value of [`likelihood_ratio`] alone, for at least as many states as dimensions.
pub fn likelihood_ratio_p_value(scatter: &DMatrix<f64>, count: u64) -> f64 {
    let law = LikelihoodRatio { d: scatter.nrows(), count: count as f64, first: 1.0 };
    law.above(stein_loss(scatter, count as f64)).exp().min(1.0)
}

/// T - (n d - n d log n). Of small losses the difference of large sums is taken before they are multiplied by n.
fn stein_loss(scatter: &DMatrix<f64>, n: f64) -> f64 {
    let normalised = scatter / n;
    n * (normalised.trace() - scatter.nrows() as f64 - log_determinant(&normalised)).max(0.0)
}

/// The t with P(T >= t) at most alpha.
fn likelihood_threshold(law: &LikelihoodRatio, alpha: f64) -> f64 {
    // the bound at any one s has fallen to alpha here, so the least one has
    let s = 0.5 * law.limit();
    let reach = (law.cumulant(s) - alpha.ln()) / s;
    inverse(|t| law.above(t), alpha.ln(), 0.0, reach)
}

/// The excess of the variance of one direction that [`likelihood_ratio`] finds with the stated power. (A deficit of the same
/// size is found more often.) Infinite for fewer states than dimensions.
pub fn likelihood_ratio_resolution(d: usize, count: u64, rates: Rates) -> f64 {
    if count < d as u64 {
        return f64::INFINITY;
    }
    let law = |first: f64| LikelihoodRatio { d, count: count as f64, first };
    let threshold = likelihood_threshold(&law(1.0), rates.alpha);
    inverse(|log| law(log.exp()).below(threshold), (1.0 - rates.power).ln(), 0.0, 40.0).exp_m1()
}

/// Number of states at which a resolution, falling with the number, reaches an effect, to one in a thousand; 2^40 at most.
pub fn count_for(effect: f64, resolution: impl Fn(u64) -> f64) -> u64 {
    let (mut low, mut high) = (0_u64, 16);
    while resolution(high) > effect && high < 1 << 40 {
        low = high;
        high *= 2;
    }
    while high - low > high / 1000 + 1 {
        let middle = low.midpoint(high);
        if resolution(middle) > effect {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn undefined(reason: String) -> Finding {
    Finding {
        effect: 0.0,
        interval: [f64::NEG_INFINITY, f64::INFINITY],
        minimum_detectable_effect: f64::INFINITY,
        p_value: 1.0,
        untestable: Some(Untestable::Undefined { reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::tail::chi_square as chi_square_tails;

    const RATES: Rates = Rates { alpha: 1e-9, power: 0.999 };

    /// In one dimension log det W is the log of a chi-square, and T a function of it: the bounds lie above the exact tails,
    /// by no more than the usual factor.
    #[test]
    fn bounds_lie_just_above_exact_tails() {
        let count = 500_u64;
        let law = LogDeterminant::new(1, count);
        for x in [350.0_f64, 420.0, 460.0, 560.0, 620.0, 700.0] {
            let (below, above) = chi_square_tails(count as f64, x);
            let bounds = law.tails(x.ln() - law.mean);
            let (exact, bound) = if x < count as f64 { (below, bounds[0]) } else { (above, bounds[1]) };
            assert!(bound >= exact && bound < 25.0 * exact, "{bound:e} for {exact:e} at {x}");
        }
        let ratio = LikelihoodRatio { d: 1, count: count as f64, first: 1.0 };
        for delta in [0.25_f64, 0.4] {
            let t = count as f64 * loss(delta);
            let lower = -inverse(|x| -loss(-x), -loss(delta), 0.0, 1.0 - 1e-12);
            let exact = chi_square_tails(count as f64, count as f64 * (1.0 + delta)).1
                + chi_square_tails(count as f64, count as f64 * (1.0 + lower)).0;
            let bound = ratio.above(t).exp();
            // T is nearly chi-square with one degree; Chernoff's bound on its tail is sqrt(e pi / 2) t times too large
            assert!(bound >= exact && bound < 2.3 * t * exact, "{bound:e} for {exact:e} at {delta}");
        }
    }

    /// E T = n d - n E log det W, from the derivative of the closed form.
    #[test]
    fn the_moment_generating_function_has_the_right_mean() {
        let (d, count) = (5, 400_u64);
        let n = count as f64;
        let law = LikelihoodRatio { d, count: n, first: 1.0 };
        let mean = n * d as f64 - n * LogDeterminant::new(d, count).mean - n * d as f64 * (1.0 - n.ln());
        let step = 1e-4;
        let slope = (law.cumulant(step) - law.cumulant(-step)) / (2.0 * step);
        assert!((slope / mean - 1.0).abs() < 1e-4, "{slope}, expected {mean}");
        let scaled = LikelihoodRatio { d, count: n, first: 1.3 };
        let slope = (scaled.cumulant(step) - scaled.cumulant(-step)) / (2.0 * step);
        let expected = mean + n * loss(0.3);
        assert!((slope / expected - 1.0).abs() < 1e-3, "{slope}, expected {expected}");
    }

    #[test]
    fn the_excess_has_its_loss() {
        for delta in [1e-6, 0.01, 0.5, 2.0, 3.0, 40.0] {
            assert!((excess_of(loss(delta)) / delta - 1.0).abs() < 1e-4, "{delta}");
        }
    }

    /// At the resolution the bound on the misses is 1 - power, and a variance that is too small by as much is missed less
    /// often. (There is none to compare where the resolution exceeds 1.)
    #[test]
    fn a_deficit_is_found_more_often_than_the_excess() {
        for d in [1_usize, 2, 7] {
            for count in [d as u64, d as u64 + 1, 30, 1000, 1_000_000] {
                for rates in [RATES, Rates { alpha: 0.2, power: 0.6 }, Rates { alpha: 0.2, power: 1.0 - 1e-6 }] {
                    let law = |first: f64| LikelihoodRatio { d, count: count as f64, first };
                    let threshold = likelihood_threshold(&law(1.0), rates.alpha);
                    let resolution = likelihood_ratio_resolution(d, count, rates);
                    let missed = law(1.0 + resolution).below(threshold);
                    assert!((missed / (1.0 - rates.power).ln() - 1.0).abs() < 1e-6, "{missed} at {d} {count}");
                    if resolution < 1.0 {
                        assert!(law(1.0 - resolution).below(threshold) < missed, "{d} {count} {rates:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_scatter_of_the_expected_size_passes_and_one_off_by_the_resolution_does_not() {
        let (d, count) = (12, 200_000_u64);
        let n = count as f64;
        let scatter = DMatrix::identity(d, d) * n;
        assert!(determinant(&scatter, count, RATES).p_value > 0.1);
        assert!(likelihood_ratio(&scatter, count, RATES).p_value > 0.1);
        let mut stretched = scatter.clone();
        let resolution = likelihood_ratio_resolution(d, count, RATES);
        assert!(resolution > 0.02 && resolution < 0.1, "{resolution}");
        stretched[(3, 3)] *= 1.0 + resolution;
        assert!(likelihood_ratio(&stretched, count, RATES).p_value < RATES.alpha);
        let grown = determinant_resolution(d, count, RATES);
        assert!(determinant(&(&scatter * (1.0 + grown)), count, RATES).p_value < RATES.alpha);
        assert!(determinant(&scatter, 3, RATES).untestable.is_some());
        assert!(product(&stretched, 0, 1, RATES).p_value > 0.99);
    }
}
