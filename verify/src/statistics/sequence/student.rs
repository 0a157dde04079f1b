//! A group-sequential Student t test over independent chains: the variance is estimated, and the numbers must be nearly
//! normal, which the guards of [`chains`] watch over.
//!
//! The counts at which the test looks are declared before the first value, one of them planned to resolve what is looked for
//! (the last one, unless said otherwise). Half of the level is spent there, the other half evenly at the other looks, before
//! and after it, so that the sum over looks is alpha, whatever the dependence between them. The
//! level at a look is further divided for the skewness of the numbers (see [`chains`]).
//!
//! The e-value is that of all or nothing: 1/alpha against means that a look has refuted, 0 against others.

use serde::{Deserialize, Serialize};

use super::{require_finite, require_rates};
use crate::error::{Result, VerifyError};
use crate::statistics::chains::{self, FEWEST_CHAINS};
use crate::statistics::{Finding, Rates, Untestable};

/// A group-sequential Student t test of a mean.
///
/// ```
/// use langevin_verify::statistics::Rates;
/// use langevin_verify::statistics::sequence::StudentSequence;
/// let rates = Rates { alpha: 1e-6, power: 0.999 };
/// assert!(StudentSequence::new(vec![500], rates).is_err(), "too few for a look");
/// let sequence = StudentSequence::halving(3, 10_000, rates).unwrap();
/// assert_eq!(sequence.looks(), [2_500, 5_000, 10_000]);
/// assert_eq!(sequence.interval(), [f64::NEG_INFINITY, f64::INFINITY]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct StudentSequence {
    looks: Vec<u64>,
    /// The look that is planned to resolve.
    planned: usize,
    rates: Rates,
    values: Vec<f64>,
    /// What each look so far found about the mean 0.
    findings: Vec<Finding>,
}

/// What is saved.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    looks: Vec<u64>,
    /// Absent in what was saved before there were looks after the planned one.
    #[serde(default)]
    planned: Option<usize>,
    alpha: f64,
    power: f64,
    values: Vec<f64>,
}

impl From<StudentSequence> for State {
    fn from(sequence: StudentSequence) -> Self {
        let Rates { alpha, power } = sequence.rates;
        Self { planned: Some(sequence.planned), looks: sequence.looks, alpha, power, values: sequence.values }
    }
}

impl TryFrom<State> for StudentSequence {
    type Error = VerifyError;

    fn try_from(state: State) -> Result<Self> {
        let mut sequence = Self::new(state.looks, Rates { alpha: state.alpha, power: state.power })?;
        if let Some(planned) = state.planned {
            if planned >= sequence.looks.len() {
                return Err(VerifyError::Input {
                    detail: format!("look {planned} is planned of {}; it must be one of them", sequence.looks.len()),
                });
            }
            sequence.planned = planned;
        }
        sequence.add(&state.values)?;
        Ok(sequence)
    }
}

impl StudentSequence {
    /// Share of the level that is kept for the planned look.
    pub const PLANNED_SHARE: f64 = 0.5;

    /// A sequence that looks at these counts.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for no look, a first look at fewer than 1,000 values, looks that do not ascend, rates outside
    /// (0, 1).
    pub fn new(looks: Vec<u64>, rates: Rates) -> Result<Self> {
        require_rates(rates)?;
        match looks.first() {
            None => return Err(VerifyError::Input { detail: "no look is declared; at least 1 is needed".into() }),
            Some(&first) if first < FEWEST_CHAINS as u64 => {
                return Err(VerifyError::Input {
                    detail: format!("the first look is at {first} values; it must be at {FEWEST_CHAINS} or later"),
                });
            }
            Some(_) => {}
        }
        if let Some(late) = (1..looks.len()).find(|&late| looks[late - 1] >= looks[late]) {
            return Err(VerifyError::Input {
                detail: format!(
                    "a look at {} values follows one at {}; looks must ascend",
                    looks[late],
                    looks[late - 1]
                ),
            });
        }
        Ok(Self { planned: looks.len() - 1, looks, rates, values: Vec::new(), findings: Vec::new() })
    }

    /// At most `most` looks, the last at `last` values (at least 1,000), each earlier one at half of the next.
    ///
    /// # Errors
    /// As [`StudentSequence::new`].
    pub fn halving(most: usize, last: u64, rates: Rates) -> Result<Self> {
        let last = last.max(FEWEST_CHAINS as u64);
        let mut looks: Vec<u64> = std::iter::successors(Some(last), |&next| Some(next.div_ceil(2)))
            .take_while(|&look| look >= FEWEST_CHAINS as u64)
            .take(most.max(1))
            .collect();
        looks.reverse();
        looks.dedup();
        Self::new(looks, rates)
    }

    /// Looks around a planned count: at a quarter and a half of it, for runs that are decided early; at 5/4 and then at
    /// doubled counts up to `last`, for runs that are not. All at 1,000 values or later.
    ///
    /// # Errors
    /// As [`StudentSequence::new`].
    ///
    /// ```
    /// use langevin_verify::statistics::Rates;
    /// use langevin_verify::statistics::sequence::StudentSequence;
    /// let rates = Rates { alpha: 1e-6, power: 0.999 };
    /// let sequence = StudentSequence::around(4_000, 20_000, rates).unwrap();
    /// assert_eq!(sequence.looks(), [1_000, 2_000, 4_000, 5_000, 8_000, 16_000, 20_000]);
    /// assert_eq!((sequence.planned(), sequence.last()), (4_000, 20_000));
    /// assert_eq!(sequence.rates_at(2).alpha, 5e-7);
    /// ```
    pub fn around(planned: u64, last: u64, rates: Rates) -> Result<Self> {
        let fewest = FEWEST_CHAINS as u64;
        let last = last.max(fewest);
        let planned = planned.clamp(fewest, last);
        let later = std::iter::successors(planned.checked_mul(2), |&look| look.checked_mul(2));
        let mut looks = vec![planned.div_ceil(4), planned.div_ceil(2), planned, planned + planned / 4, last];
        looks.extend(later.take_while(|&look| look < last));
        looks.retain(|look| (fewest..=last).contains(look));
        looks.sort_unstable();
        looks.dedup();
        let place = looks.iter().position(|&look| look == planned).unwrap_or(0);
        Ok(Self { planned: place, ..Self::new(looks, rates)? })
    }

    /// The declared counts.
    pub fn looks(&self) -> &[u64] {
        &self.looks
    }

    /// Level and power of a look.
    pub fn rates_at(&self, look: usize) -> Rates {
        let others = self.looks.len() - 1;
        let share = match (others, look == self.planned) {
            (0, _) => 1.0,
            (_, true) => Self::PLANNED_SHARE,
            (_, false) => (1.0 - Self::PLANNED_SHARE) / others as f64,
        };
        Rates { alpha: self.rates.alpha * share, ..self.rates }
    }

    /// Adds values, and looks where a declared count is reached.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a value that is not finite, and for values beyond the last look; then none is added.
    pub fn add(&mut self, block: &[f64]) -> Result<()> {
        require_finite(block)?;
        let total = self.count() + block.len() as u64;
        if total > self.last() {
            return Err(VerifyError::Input {
                detail: format!("{total} values, but the last declared look is at {}", self.last()),
            });
        }
        self.values.extend_from_slice(block);
        while let Some(&look) = self.looks.get(self.findings.len()).filter(|&&look| look <= total) {
            let rates = self.rates_at(self.findings.len());
            self.findings.push(chains::test(&self.values[..look as usize], rates));
        }
        Ok(())
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.values.len() as u64
    }

    /// Count of the planned look.
    pub fn planned(&self) -> u64 {
        self.looks[self.planned]
    }

    /// Count of the last look.
    pub fn last(&self) -> u64 {
        self.looks.last().copied().unwrap_or(0)
    }

    /// Level and power of the whole.
    pub fn rates(&self) -> Rates {
        self.rates
    }

    /// Mean at the last look so far; 0 before the first.
    pub fn estimate(&self) -> f64 {
        self.findings.last().map_or(0.0, |finding| finding.effect)
    }

    /// Means that no look has refuted.
    pub fn interval(&self) -> [f64; 2] {
        self.testable().fold([f64::NEG_INFINITY, f64::INFINITY], |[low, high], (_, finding)| {
            [low.max(finding.interval[0]), high.min(finding.interval[1])]
        })
    }

    /// log(1/alpha) against a mean that a look has refuted, minus infinity against others.
    pub fn log_e_value(&self, mean: f64) -> f64 {
        let [low, high] = self.interval();
        if mean < low || mean > high { -self.rates.alpha.ln() } else { f64::NEG_INFINITY }
    }

    /// The smallest p-value of the looks, each weighted by the share of the level it has.
    pub fn p_value(&self, mean: f64) -> f64 {
        self.testable().map(|(look, finding)| self.p_value_at(look, finding, mean)).fold(1.0, f64::min)
    }

    fn p_value_at(&self, look: usize, finding: &Finding, mean: f64) -> f64 {
        let rates = self.rates_at(look);
        let p_value = if mean == 0.0 {
            finding.p_value
        } else {
            let values = &self.values[..self.looks[look] as usize];
            let shifted: Vec<f64> = values.iter().map(|value| value - mean).collect();
            chains::test(&shifted, rates).p_value
        };
        p_value * self.rates.alpha / rates.alpha
    }

    /// The p-value of "the mean is at most `bound` in size": that of the mean nearest to what each look found. It is at least
    /// the p-value of the true mean, so it is as valid.
    pub fn p_value_within(&self, bound: f64) -> f64 {
        let bound = bound.abs();
        let outside = self.testable().filter(|(_, finding)| finding.effect.abs() > bound);
        outside
            .map(|(look, finding)| self.p_value_at(look, finding, finding.effect.clamp(-bound, bound)))
            .fold(1.0, f64::min)
    }

    /// The shift that the last look so far finds with the stated power.
    pub fn minimum_detectable_effect(&self) -> f64 {
        self.findings.last().map_or(f64::INFINITY, |finding| finding.minimum_detectable_effect)
    }

    /// The guard that stopped the last look so far.
    pub fn untestable(&self) -> Option<&Untestable> {
        self.findings.last().and_then(|finding| finding.untestable.as_ref())
    }

    fn testable(&self) -> impl Iterator<Item = (usize, &Finding)> {
        self.findings.iter().enumerate().filter(|(_, finding)| finding.untestable.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use crate::statistics::sequence::{Sequence, verdict_exact};
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal, StudentT};

    const RATES: Rates = Rates { alpha: 1e-6, power: 0.999 };

    fn normals(count: usize, seed: u64, shift: f64) -> Vec<f64> {
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| shift + Distribution::<f64>::sample(&StandardNormal, &mut stream)).collect()
    }

    #[test]
    fn the_whole_level_is_spent() {
        let new = |looks| StudentSequence::new(looks, RATES).unwrap();
        let around = StudentSequence::around(5000, 1 << 20, RATES).unwrap();
        for sequence in [new(vec![1000]), new(vec![1000, 2000]), new(vec![1000, 1500, 2000, 9000]), around] {
            let total: f64 = (0..sequence.looks().len()).map(|look| sequence.rates_at(look).alpha).sum();
            assert!((total / RATES.alpha - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn blocks_do_not_matter_and_a_saved_sequence_continues() {
        let values = normals(4000, 1, 0.0);
        let mut whole = StudentSequence::halving(2, 4000, RATES).unwrap();
        whole.add(&values).unwrap();
        let mut parts = StudentSequence::halving(2, 4000, RATES).unwrap();
        for block in values.chunks(611) {
            parts.add(block).unwrap();
            parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
        }
        assert_eq!(parts, whole);
        assert!(whole.add(&[0.0]).is_err());
        let [low, high] = whole.interval();
        assert!(low < 0.0 && high > 0.0 && whole.log_e_value(0.0) == f64::NEG_INFINITY);
        // the ends are not refuted
        assert!([low, high].iter().all(|&end| whole.log_e_value(end) == f64::NEG_INFINITY));
        let outside = high + 1e-6;
        assert!((whole.log_e_value(outside) + RATES.alpha.ln()).abs() < 1e-12);
        assert!(whole.p_value(outside) < RATES.alpha && whole.p_value(high - 1e-6) > RATES.alpha);
    }

    #[test]
    fn a_bound_has_a_p_value() {
        let mut sequence = StudentSequence::around(2000, 4000, RATES).unwrap();
        assert_eq!(sequence.looks(), [1000, 2000, 2500, 4000]);
        sequence.add(&normals(4000, 9, 0.2)).unwrap();
        // inside, at the border (one-sided, at a quarter of the level or less), far outside
        assert!(sequence.p_value_within(0.3) > 0.999_999);
        assert!(sequence.p_value_within(0.2) > RATES.alpha);
        assert!(sequence.p_value_within(0.05) < RATES.alpha && sequence.p_value_within(-0.05) < RATES.alpha);
        assert!(sequence.p_value_within(0.0) <= sequence.p_value(0.0) * (1.0 + 1e-12));
        let saved: StudentSequence = serde_json::from_str(&serde_json::to_string(&sequence).unwrap()).unwrap();
        assert_eq!(saved, sequence);
        let text = serde_json::to_string(&sequence).unwrap().replace("\"planned\":1", "\"planned\":9");
        assert!(serde_json::from_str::<StudentSequence>(&text).is_err());
    }

    #[test]
    fn a_large_effect_is_refuted_at_the_first_look() {
        let mut sequence = Sequence::from(StudentSequence::halving(3, 8000, RATES).unwrap());
        sequence.add(&normals(1999, 2, 0.5)).unwrap();
        assert_eq!(verdict_exact(&sequence, 0.1), Verdict::Undecided);
        sequence.add(&[0.5]).unwrap();
        assert_eq!(verdict_exact(&sequence, 0.1), Verdict::Refuted);
        let mut null = Sequence::from(StudentSequence::halving(3, 40_000, RATES).unwrap());
        null.add(&normals(40_000, 3, 0.0)).unwrap();
        assert_eq!(verdict_exact(&null, 0.1), Verdict::Supported);
    }

    #[test]
    fn heavy_tails_stay_undecided() {
        let law = StudentT::new(2.0).unwrap();
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(4);
        let mut sequence = StudentSequence::halving(1, 4000, RATES).unwrap();
        sequence.add(&(0..4000).map(|_| law.sample(&mut stream)).collect::<Vec<f64>>()).unwrap();
        assert!(sequence.untestable().is_some());
        assert_eq!(verdict_exact(&sequence.into(), 1.0), Verdict::Undecided);
    }

    #[test]
    fn wrong_looks_are_refused() {
        assert!(StudentSequence::new(vec![], RATES).is_err());
        assert!(StudentSequence::new(vec![999], RATES).is_err());
        assert!(StudentSequence::new(vec![2000, 2000], RATES).is_err());
        assert!(StudentSequence::new(vec![2000], Rates { alpha: 1e-6, power: 1.0 }).is_err());
    }
}
