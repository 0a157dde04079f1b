//! Catoni's confidence sequence (Wang and Ramdas 2023) for a variance v known from the theory.
//!
//! With psi(x) = sign(x) log(1 + |x| + x^2/2) and a tuning l that does not look at the value it meets,
//!
//! ```text
//! E+_n(m) = exp( sum_{i<=n} psi(l (Y_i - m)) - n l^2 v / 2),    E-_n(m) = exp(-sum_{i<=n} psi(l (Y_i - m)) - n l^2 v / 2)
//! ```
//!
//! are supermartingales for the true mean m, started at 1, and so is every average of them over tunings. By Ville's
//! inequality the average exceeds 1/alpha *ever* with probability at most alpha.
//!
//! The tunings: half of the weight is on the one that resolves most at the planned count n,
//! l = sqrt((log(4/alpha) + log(1/(1-power))) / (n v)); the other half is spread evenly over that times 2^-6 ... 2^6, for
//! runs that stop early or go on. At alpha = 1e-6 its interval is 1.04 times as wide as that of the best single tuning at
//! the planned count, and 1.17 times within a factor 4096 of it; predictable tunings that fall like 1/sqrt(t log t), tuned
//! to no count, give 2.6 times at 1e3 values and 4 times at 1e5.
//!
//! Resolution. Under a mean m + d, E exp(-psi(l (Y - m))) <= 1 - l d + l^2 (v + d^2)/2, so by Chernoff's bound the planned
//! tuning refutes m, except with probability 1 - power, as soon as
//!
//! ```text
//! n l d - n l^2 d^2 / 2 >= log(2/(w alpha)) + log(1/(1-power)) + n l^2 v
//! ```
//!
//! with w its weight: for every law with variance v, not only in the limit of large samples.

use serde::{Deserialize, Serialize};

use super::{require_finite, require_rates};
use crate::error::{Result, VerifyError};
use crate::statistics::Rates;
use crate::statistics::tail::descend;

/// Tunings are the planned one times 2^-SPAN ... 2^SPAN.
const SPAN: i32 = 6;

/// Weight of the planned tuning.
const PLANNED_WEIGHT: f64 = 0.5;

/// An anytime-valid confidence sequence for a mean, for every law with the given variance.
///
/// ```
/// use langevin_verify::statistics::Rates;
/// use langevin_verify::statistics::sequence::CatoniSequence;
/// let rates = Rates { alpha: 1e-6, power: 0.999 };
/// let mut sequence = CatoniSequence::for_effect(0.1, 1.0, rates).unwrap();
/// sequence.add(&[1.0, -1.0].repeat(10_000)).unwrap();
/// let [low, high] = sequence.interval();
/// assert!(low < 0.0 && 0.0 < high && high < 0.1);
/// assert!(sequence.log_e_value(0.1) > (1.0 / rates.alpha).ln());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct CatoniSequence {
    variance: f64,
    planned: u64,
    rates: Rates,
    values: Vec<f64>,
    /// Log of the weight, tuning.
    tunings: Vec<(f64, f64)>,
}

/// What is saved.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    variance: f64,
    planned: u64,
    alpha: f64,
    power: f64,
    values: Vec<f64>,
}

impl From<CatoniSequence> for State {
    fn from(sequence: CatoniSequence) -> Self {
        let Rates { alpha, power } = sequence.rates;
        Self { variance: sequence.variance, planned: sequence.planned, alpha, power, values: sequence.values }
    }
}

impl TryFrom<State> for CatoniSequence {
    type Error = VerifyError;

    fn try_from(state: State) -> Result<Self> {
        let rates = Rates { alpha: state.alpha, power: state.power };
        let mut sequence = Self::new(state.variance, state.planned, rates)?;
        sequence.add(&state.values)?;
        Ok(sequence)
    }
}

impl CatoniSequence {
    /// A sequence without values. It resolves most after `planned` of them.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a variance that is not positive, a count of 0, rates outside (0, 1).
    pub fn new(variance: f64, planned: u64, rates: Rates) -> Result<Self> {
        require_rates(rates)?;
        if !(variance > 0.0 && variance.is_finite()) {
            return Err(VerifyError::Input { detail: format!("the variance is {variance}; it must be above 0") });
        }
        if planned == 0 {
            return Err(VerifyError::Input { detail: "0 values are planned; it must be at least 1".into() });
        }
        let best = (planned_evidence(rates) / (planned as f64 * variance)).sqrt();
        let others = (1.0 - PLANNED_WEIGHT) / f64::from(2 * SPAN);
        let tunings = (-SPAN..=SPAN)
            .map(|power| {
                let weight: f64 = if power == 0 { PLANNED_WEIGHT } else { others };
                (weight.ln(), best * 2.0_f64.powi(power))
            })
            .collect();
        Ok(Self { variance, planned, rates, values: Vec::new(), tunings })
    }

    /// A sequence planned to resolve a shift of this size.
    ///
    /// # Errors
    /// As [`CatoniSequence::new`]; [`VerifyError::Input`] for an effect that is not positive.
    pub fn for_effect(effect: f64, variance: f64, rates: Rates) -> Result<Self> {
        if !(effect > 0.0 && effect.is_finite()) {
            return Err(VerifyError::Input { detail: format!("the effect is {effect}; it must be above 0") });
        }
        Self::new(variance, Self::values_needed(effect, variance, rates), rates)
    }

    /// Number of values at which a shift of this size is refuted with the stated power:
    /// n = K v (4 + d^2/v)^2 / (4 d^2) with K = log(4/alpha) + log(1/(1-power)), about 4 K v / d^2.
    pub fn values_needed(effect: f64, variance: f64, rates: Rates) -> u64 {
        // above two standard deviations a larger shift needs no fewer values by this bound
        let square = (effect * effect / variance).min(4.0);
        (planned_evidence(rates) * (4.0 + square).powi(2) / (4.0 * square)).ceil() as u64
    }

    /// Adds values.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a value that is not finite; then none is added.
    pub fn add(&mut self, block: &[f64]) -> Result<()> {
        require_finite(block)?;
        self.values.extend_from_slice(block);
        Ok(())
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.values.len() as u64
    }

    /// Number of values at which it resolves most.
    pub fn planned(&self) -> u64 {
        self.planned
    }

    /// Level and power.
    pub fn rates(&self) -> Rates {
        self.rates
    }

    /// The variance supplied by the theory.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Natural log of the e-value against a mean, now: the average of both one-sided ones.
    pub fn log_e_value(&self, mean: f64) -> f64 {
        self.log_e_value_at(self.values.len(), mean)
    }

    /// Anytime-valid p-value of a mean: one over the largest e-value at checkpoints and now.
    pub fn p_value(&self, mean: f64) -> f64 {
        let largest = self.looks().map(|count| self.log_e_value_at(count, mean)).fold(0.0, f64::max);
        (-largest).exp()
    }

    /// Means that no e-value refuted, at checkpoints (counts of the planned one times powers of 2) or now.
    ///
    /// An end of the interval is where the e-value of its own side alone, halved, is 1/alpha: that makes it an interval.
    /// Empty (first end above the second) when the evidence contradicts every mean with this variance.
    pub fn interval(&self) -> [f64; 2] {
        self.looks().fold([f64::NEG_INFINITY, f64::INFINITY], |[low, high], count| {
            let now = self.interval_at(count);
            [low.max(now[0]), high.min(now[1])]
        })
    }

    /// Catoni's estimate with the planned tuning; 0 without values.
    pub fn estimate(&self) -> f64 {
        let tuning = self.tunings[SPAN as usize].1;
        let values = &self.values;
        if values.is_empty() {
            return 0.0;
        }
        descend(|m| influences(values, tuning, m), 0.0, self.variance.sqrt())
    }

    /// The shift of the mean that is refuted by now with the stated power, for every law with this variance.
    pub fn minimum_detectable_effect(&self) -> f64 {
        let count = self.count() as f64;
        let miss = -(1.0 - self.rates.power).ln();
        self.tunings
            .iter()
            .map(|&(log_weight, tuning)| {
                let evidence =
                    (2.0 / self.rates.alpha).ln() - log_weight + miss + count * tuning * tuning * self.variance;
                let root = 1.0 - 2.0 * evidence / count;
                // (1 - sqrt(root)) / tuning without cancellation; NaN for no values, negative where nothing of any size is
                // refuted for certain
                if root >= 0.0 { 2.0 * evidence / (count * tuning * (1.0 + root.sqrt())) } else { f64::INFINITY }
            })
            .fold(f64::INFINITY, f64::min)
    }

    /// Counts planned * 2^k, rounded up, that have been passed, and the present one. They are fixed by the plan: blocks do not
    /// matter.
    fn looks(&self) -> impl Iterator<Item = usize> {
        let now = self.count();
        let below = std::iter::successors(Some(self.planned), |&count| (count > 1).then(|| count.div_ceil(2)));
        let above = std::iter::successors(self.planned.checked_mul(2), |count| count.checked_mul(2));
        let above = above.take_while(move |&count| count < now);
        below.filter(move |&count| count < now).chain(above).chain([now]).map(|count| count as usize)
    }

    /// Logs of the two one-sided e-values, of the means above and below the true one, for the first values.
    fn one_sided(&self, count: usize, mean: f64) -> [f64; 2] {
        let mut logs = [Vec::with_capacity(self.tunings.len()), Vec::with_capacity(self.tunings.len())];
        for &(log_weight, tuning) in &self.tunings {
            let sum = influences(&self.values[..count], tuning, mean);
            let rest = log_weight - 0.5 * count as f64 * tuning * tuning * self.variance;
            logs[0].push(rest + sum);
            logs[1].push(rest - sum);
        }
        logs.map(|side| log_sum(&side))
    }

    fn log_e_value_at(&self, count: usize, mean: f64) -> f64 {
        log_sum(&self.one_sided(count, mean)) - std::f64::consts::LN_2
    }

    fn interval_at(&self, count: usize) -> [f64; 2] {
        if count == 0 {
            return [f64::NEG_INFINITY, f64::INFINITY];
        }
        let threshold = (2.0 / self.rates.alpha).ln();
        let step = self.variance.sqrt();
        let low = descend(|m| self.one_sided(count, m)[0], threshold, step);
        let high = -descend(|m| self.one_sided(count, -m)[1], threshold, step);
        [low, high]
    }
}

/// log(2/(w alpha)) + log(1/(1-power)), the evidence that must come together for the planned tuning.
fn planned_evidence(rates: Rates) -> f64 {
    (2.0 / (PLANNED_WEIGHT * rates.alpha)).ln() - (1.0 - rates.power).ln()
}

/// Sum of psi(l (Y - m)). Factors of 16 values are multiplied before the log is taken, which is ten times faster.
fn influences(values: &[f64], tuning: f64, mean: f64) -> f64 {
    const BLOCK: usize = 16;
    // log(1 + x + x^2/2) = log(((1 + x)^2 + 1)/2) for x > 0; x^2 itself may leave the range of doubles
    let influence = |x: f64| (2.0 * (1.0 + x.abs()).hypot(1.0).ln() - std::f64::consts::LN_2).copysign(x);
    let mut sum = 0.0;
    for block in values.chunks(BLOCK) {
        let (mut up, mut down) = (1.0_f64, 1.0_f64);
        for value in block {
            let x = tuning * (value - mean);
            let factor = 1.0 + x.abs() + 0.5 * x * x;
            let below = x.is_sign_negative();
            up *= if below { 1.0 } else { factor };
            down *= if below { factor } else { 1.0 };
        }
        let ratio = up / down;
        // products beyond the range of doubles: one by one
        sum += if ratio.is_normal() {
            ratio.ln()
        } else {
            block.iter().map(|value| influence(tuning * (value - mean))).sum()
        };
    }
    sum
}

/// log of a sum of exponentials.
fn log_sum(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() { largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln() } else { largest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::sequence::{Sequence, verdict_exact};
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, StudentT};

    const RATES: Rates = Rates { alpha: 1e-6, power: 0.999 };

    fn heavy(count: usize, seed: u64) -> Vec<f64> {
        let law = StudentT::new(3.0).unwrap();
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| law.sample(&mut stream)).collect()
    }

    #[test]
    fn blocks_do_not_matter_and_a_saved_sequence_continues() {
        let values = heavy(5000, 1);
        let mut whole = CatoniSequence::new(3.0, 3000, RATES).unwrap();
        whole.add(&values).unwrap();
        let mut parts = CatoniSequence::new(3.0, 3000, RATES).unwrap();
        for block in values.chunks(617) {
            parts.add(block).unwrap();
            let text = serde_json::to_string(&parts).unwrap();
            parts = serde_json::from_str(&text).unwrap();
        }
        assert_eq!(parts, whole);
        assert_eq!(parts.interval().map(f64::to_bits), whole.interval().map(f64::to_bits));
        let mut looks: Vec<usize> = whole.looks().collect();
        looks.sort_unstable();
        assert_eq!(looks[looks.len() - 3..], [1500, 3000, 5000]);
        // a look at the present count is one
        for count in [2999, 3000, 3001, 6000, 12_000] {
            let mut sequence = CatoniSequence::new(3.0, 3000, RATES).unwrap();
            sequence.add(&vec![0.0; count]).unwrap();
            let mut looks: Vec<usize> = sequence.looks().collect();
            looks.sort_unstable();
            assert!(looks.is_sorted_by(|a, b| a < b) && looks.last() == Some(&count), "{looks:?}");
        }
    }

    #[test]
    fn the_ends_of_the_interval_are_where_the_evidence_is_enough() {
        let mut sequence = CatoniSequence::new(3.0, 2000, RATES).unwrap();
        sequence.add(&heavy(2000, 2)).unwrap();
        let [low, high] = sequence.interval();
        let threshold = (2.0 / RATES.alpha).ln();
        // what is outside is refuted, and nothing inside, to the resolution of doubles
        assert!(sequence.one_sided(2000, low)[0] >= threshold && sequence.one_sided(2000, low + 1e-12)[0] < threshold);
        assert!(
            sequence.one_sided(2000, high)[1] >= threshold && sequence.one_sided(2000, high - 1e-12)[1] < threshold
        );
        let outside = low - 1e-3 * (high - low);
        assert!(sequence.log_e_value(outside) > (1.0 / RATES.alpha).ln());
        assert!(sequence.p_value(outside) < RATES.alpha && sequence.p_value(0.0) > RATES.alpha);
        assert!(sequence.estimate() > low && sequence.estimate() < high);
    }

    /// In a unit of another power of two all results have the same bits.
    #[test]
    fn the_unit_does_not_matter() {
        let values = heavy(300, 3);
        let of = |unit: f64| {
            let mut sequence = CatoniSequence::new(3.0 * unit * unit, 300, RATES).unwrap();
            sequence.add(&values.iter().map(|value| unit * (value + 9.0)).collect::<Vec<f64>>()).unwrap();
            let [low, high] = sequence.interval();
            [low, high, sequence.estimate()].map(|value| (value / unit).to_bits())
        };
        for unit in [-60, -20, 20, 60].map(|power| 2.0_f64.powi(power)) {
            assert_eq!(of(unit), of(1.0));
        }
    }

    /// The estimate of values that are symmetric about 0, or about a standard deviation, is that to the last bit.
    #[test]
    fn symmetric_values_estimate_their_centre() {
        for centre in [0.0, 1.0, -1.0] {
            let mut sequence = CatoniSequence::new(1.0, 4, RATES).unwrap();
            sequence.add(&[-2.0, 0.5, 2.0, -0.5].map(|value| centre + value)).unwrap();
            assert_eq!(sequence.estimate().to_bits(), f64::to_bits(centre));
        }
    }

    #[test]
    fn values_near_the_largest_double_have_an_interval() {
        for value in [1.7e308, -1.7e308] {
            let mut sequence = CatoniSequence::new(1.0, 64, RATES).unwrap();
            sequence.add(&[value]).unwrap();
            let [low, high] = sequence.interval();
            assert!(low <= value && value <= high, "[{low:e}, {high:e}]");
            let estimate = sequence.estimate();
            assert!(low <= estimate && estimate <= high, "{estimate:e}");
        }
    }

    /// The products of factors give the sum of logs, also for sizes near the ends of the range of doubles.
    #[test]
    fn influences_equal_their_definition() {
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(4);
        let values: Vec<f64> = (0..3000)
            .map(|_| 10.0_f64.powf(stream.random_range(-12.0..20.0)) * if stream.random_bool(0.5) { 1.0 } else { -1.0 })
            .chain([1e200, -1e150, 1e61, -1e119, 0.0])
            .collect();
        for mean in [0.0, 3.0] {
            let expected: f64 = values
                .iter()
                .map(|&value: &f64| {
                    let x = value - mean;
                    let size = x.abs();
                    let log = if size > 1e120 { 2.0 * size.ln() - 2.0_f64.ln() } else { (size + 0.5 * x * x).ln_1p() };
                    log.copysign(x)
                })
                .sum();
            let found = influences(&values, 1.0, mean);
            assert!((found - expected).abs() < 1e-8, "{found}, expected {expected}");
        }
    }

    #[test]
    fn the_planned_count_resolves_the_planned_effect() {
        for effect in [0.03, 0.1, 1.0, 1.9] {
            let sequence = CatoniSequence::for_effect(effect, 1.0, RATES).unwrap();
            let mut at_plan = Sequence::from(sequence.clone());
            at_plan.add(&vec![0.0; sequence.planned() as usize]).unwrap();
            let resolved = at_plan.minimum_detectable_effect();
            assert!(resolved <= effect * (1.0 + 1e-9) && resolved > 0.9 * effect, "{resolved} for {effect}");
        }
    }

    #[test]
    fn verdicts_change_in_time() {
        let sequence = CatoniSequence::for_effect(0.2, 3.0, RATES).unwrap();
        let planned = sequence.planned() as usize;
        let mut right = Sequence::from(sequence.clone());
        right.add(&heavy(planned / 2, 5)).unwrap();
        assert_eq!(verdict_exact(&right, 0.2), crate::report::Verdict::Undecided);
        right.add(&heavy(planned.div_ceil(2), 6)).unwrap();
        assert_eq!(verdict_exact(&right, 0.2), crate::report::Verdict::Supported);
        let mut wrong = Sequence::from(sequence);
        let shifted: Vec<f64> = heavy(planned, 7).iter().map(|value| value + 0.2).collect();
        wrong.add(&shifted).unwrap();
        assert_eq!(verdict_exact(&wrong, 0.2), crate::report::Verdict::Refuted);
    }

    #[test]
    fn wrong_input_is_refused() {
        assert!(CatoniSequence::new(0.0, 10, RATES).is_err());
        assert!(CatoniSequence::new(f64::NAN, 10, RATES).is_err());
        assert!(CatoniSequence::new(1.0, 0, RATES).is_err());
        assert!(CatoniSequence::new(1.0, 10, Rates { alpha: 0.0, power: 0.9 }).is_err());
        assert!(CatoniSequence::for_effect(0.0, 1.0, RATES).is_err());
        let mut sequence = CatoniSequence::new(1.0, 10, RATES).unwrap();
        assert!(sequence.add(&[0.0, f64::INFINITY]).is_err());
        assert_eq!(sequence.count(), 0);
        assert!(
            serde_json::from_str::<CatoniSequence>(
                r#"{"variance": -1.0, "planned": 3, "alpha": 1e-6, "power": 0.999, "values": []}"#
            )
            .is_err()
        );
    }
}
