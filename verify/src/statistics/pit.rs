//! Uniformity of the probability integral transform U = Phi(z) of states that the claim whitens to independent standard
//! normals (layer L1): the shape of the law, not only its moments. Both tests are valid at every n.
//!
//! *Distance*: D = sup |F_n - F| exceeds x with probability at most 2 exp(-2 n x^2) (Dvoretzky, Kiefer and Wolfowitz, with
//! Massart's constant). *Bins*: the number of values in a bin of probability p is binomial; each bin of a partition into
//! equal ones is tested at an equal share of the level.

use super::tail::{binomial, inverse, normal_above, normal_quantile_above};
use super::{Family, Finding, Rates};

/// Counts of standard normals per bin of equal probability, and the largest distance between distribution functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Transformed {
    /// Number of values.
    pub count: u64,
    /// Values per bin.
    pub bins: Vec<u64>,
    /// sup |F_n - F|.
    pub distance: f64,
}

/// Number of bins.
pub const BINS: usize = 20;

impl Transformed {
    /// Transforms values; the order is of no importance.
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len() as f64;
        // the upper tail is as accurate as the lower one in this form
        let below = |z: f64| normal_above(-z);
        let distance = values.iter().enumerate().fold(0.0_f64, |largest, (place, &z)| {
            let u = below(z);
            // NaN must surface as the largest distance there is
            if u.is_nan() { 1.0 } else { largest.max(u - place as f64 / count).max((place + 1) as f64 / count - u) }
        });
        let mut before = 0;
        let bins = (1..=BINS)
            .map(|bin| {
                let upto = if bin == BINS { values.len() } else { values.partition_point(|&z| z < edge(bin)) };
                let inside = upto - before;
                before = upto;
                inside as u64
            })
            .collect();
        Self { count: values.len() as u64, bins, distance }
    }
}

/// Upper edge of a bin.
fn edge(bin: usize) -> f64 {
    let below = bin as f64 / BINS as f64;
    if below <= 0.5 { -normal_quantile_above(below) } else { normal_quantile_above(1.0 - below) }
}

/// Tests the distance, which is the effect.
pub fn distance(transformed: &Transformed, rates: Rates) -> Finding {
    let n = transformed.count as f64;
    let reach = ((2.0 / rates.alpha).ln() / (2.0 * n)).sqrt();
    let d = transformed.distance;
    Finding {
        effect: d,
        interval: [(d - reach).max(0.0), (d + reach).min(1.0)],
        minimum_detectable_effect: distance_resolution(transformed.count, rates),
        p_value: (2.0 * (-2.0 * n * d * d).exp()).min(1.0),
        untestable: None,
    }
}

/// The distance between distributions that is found: by Hoeffding's inequality at the place where they differ most, for
/// every distribution.
pub fn distance_resolution(count: u64, rates: Rates) -> f64 {
    let reach = |log: f64| (log / (2.0 * count as f64)).sqrt();
    reach((2.0 / rates.alpha).ln()) + reach(-(1.0 - rates.power).ln())
}

/// Tests the bins. The effect is the largest relative departure of a bin's probability.
pub fn bins(transformed: &Transformed, rates: Rates) -> Finding {
    let n = transformed.count;
    let share = 1.0 / BINS as f64;
    let single = Rates { alpha: rates.alpha / BINS as f64, ..rates };
    let resolution = bins_resolution(n, rates);
    let family = Family::of(BINS, rates, |bin, _| {
        let inside = transformed.bins[bin];
        let (below, above) = binomial(n, share, inside);
        let [low, high] = interval(n, inside, 0.5 * single.alpha);
        Finding {
            effect: inside as f64 / (n as f64 * share) - 1.0,
            interval: [low / share - 1.0, high / share - 1.0],
            minimum_detectable_effect: resolution,
            p_value: (2.0 * below.min(above)).min(1.0),
            untestable: None,
        }
    });
    family
        .map_or_else(|| distance(transformed, rates), |family| Finding { p_value: family.p_value, ..family.strongest })
}

/// The relative excess of a bin's probability that is found. (A deficit is found more often.)
pub fn bins_resolution(count: u64, rates: Rates) -> f64 {
    let share = 1.0 / BINS as f64;
    let level = 0.5 * rates.alpha / BINS as f64;
    let mean = count as f64 * share;
    // the smallest count that is refuted
    let mut low = mean.floor() as u64;
    let mut high = count;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if binomial(count, share, middle).1 > level { low = middle } else { high = middle }
    }
    let critical = high;
    let missed = |p: f64| binomial(count, p, critical - 1).0;
    inverse(missed, 1.0 - rates.power, share, 1.0) / share - 1.0
}

/// Clopper and Pearson's interval of a probability, each end at this level.
fn interval(count: u64, inside: u64, level: f64) -> [f64; 2] {
    let here = inside as f64 / count as f64;
    let low = if inside == 0 { 0.0 } else { inverse(|p| -binomial(count, p, inside).1, -level, 0.0, here) };
    let high = if inside == count { 1.0 } else { inverse(|p| binomial(count, p, inside).0, level, here, 1.0) };
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal, StudentT};

    const RATES: Rates = Rates { alpha: 1e-9, power: 0.999 };

    #[test]
    fn normals_pass_and_student_t_does_not() {
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(8);
        let normals = Transformed::new((0..40_000).map(|_| StandardNormal.sample(&mut stream)).collect());
        assert_eq!(normals.bins.iter().sum::<u64>(), 40_000);
        assert!(distance(&normals, RATES).p_value > 1e-3 && bins(&normals, RATES).p_value > 1e-3);
        let law = StudentT::new(3.0).unwrap();
        let heavy = Transformed::new((0..40_000).map(|_| law.sample(&mut stream)).collect());
        assert!(distance(&heavy, RATES).p_value < 1e-9 && bins(&heavy, RATES).p_value < 1e-9);
    }

    #[test]
    fn a_value_that_is_no_number_is_far_away() {
        let bad = Transformed::new(vec![0.0, f64::NAN, 1.0, -1.0]);
        assert!((bad.distance - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_ends_of_an_interval_have_their_levels() {
        let [low, high] = interval(1000, 60, 1e-6);
        assert!((binomial(1000, low, 60).1 / 1e-6 - 1.0).abs() < 1e-6);
        assert!((binomial(1000, high, 60).0 / 1e-6 - 1.0).abs() < 1e-6);
    }
}
