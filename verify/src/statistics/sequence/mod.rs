//! Anytime-valid inference about the mean of independent numbers that arrive in blocks: a run may stop as soon as its
//! verdict is clear, and continue later, without a larger probability of a false alarm.
//!
//! | sequence | the variance | valid | when |
//! |---|---|---|---|
//! | [`CatoniSequence`] | supplied by the theory | for every law with that variance | at every count |
//! | [`StudentSequence`] | estimated | for nearly normal numbers, by guards | at looks declared beforehand |
//!
//! Both depend on the values and their order alone, not on the blocks in which they come, and both are saved with `serde`.
//!
//! Verdicts: [`verdict_exact`] for a claim of equality, [`inclusion`] for a claim that holds within a bound.

mod catoni;
mod student;

pub use catoni::CatoniSequence;
pub use student::StudentSequence;

use serde::{Deserialize, Serialize};

use super::{Finding, Rates, Untestable};
use crate::error::{Result, VerifyError};
use crate::report::Verdict;

/// A confidence sequence for the mean of independent numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sequence {
    /// With a variance from the theory.
    Catoni(CatoniSequence),
    /// With the values' own variance, looked at now and then.
    Student(StudentSequence),
}

impl Sequence {
    /// Adds values.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a value that is not finite, and for values beyond the last declared look.
    ///
    /// ```
    /// use langevin_verify::statistics::Rates;
    /// use langevin_verify::statistics::sequence::{CatoniSequence, Sequence};
    /// let rates = Rates { alpha: 1e-6, power: 0.999 };
    /// let mut sequence = Sequence::from(CatoniSequence::for_effect(0.1, 1.0, rates).unwrap());
    /// sequence.add(&[0.3, -0.2]).unwrap();
    /// assert!(sequence.add(&[f64::NAN]).is_err());
    /// assert_eq!(sequence.count(), 2);
    /// ```
    pub fn add(&mut self, block: &[f64]) -> Result<()> {
        match self {
            Self::Catoni(sequence) => sequence.add(block),
            Self::Student(sequence) => sequence.add(block),
        }
    }

    /// Number of values so far.
    pub fn count(&self) -> u64 {
        match self {
            Self::Catoni(sequence) => sequence.count(),
            Self::Student(sequence) => sequence.count(),
        }
    }

    /// Number of values at which the sequence was planned to reach its resolution.
    pub fn planned(&self) -> u64 {
        match self {
            Self::Catoni(sequence) => sequence.planned(),
            Self::Student(sequence) => sequence.planned(),
        }
    }

    /// Level and power.
    pub fn rates(&self) -> Rates {
        match self {
            Self::Catoni(sequence) => sequence.rates(),
            Self::Student(sequence) => sequence.rates(),
        }
    }

    /// The means that were never refuted: with probability 1 - alpha the true one is inside at all times.
    pub fn interval(&self) -> [f64; 2] {
        match self {
            Self::Catoni(sequence) => sequence.interval(),
            Self::Student(sequence) => sequence.interval(),
        }
    }

    /// Estimate of the mean.
    pub fn estimate(&self) -> f64 {
        match self {
            Self::Catoni(sequence) => sequence.estimate(),
            Self::Student(sequence) => sequence.estimate(),
        }
    }

    /// Natural log of the e-value against a mean, now.
    pub fn log_e_value(&self, mean: f64) -> f64 {
        match self {
            Self::Catoni(sequence) => sequence.log_e_value(mean),
            Self::Student(sequence) => sequence.log_e_value(mean),
        }
    }

    /// Anytime-valid p-value of a mean: below alpha with probability at most alpha, whenever it is read.
    pub fn p_value(&self, mean: f64) -> f64 {
        match self {
            Self::Catoni(sequence) => sequence.p_value(mean),
            Self::Student(sequence) => sequence.p_value(mean),
        }
    }

    /// The shift of the mean that is refuted by now with the stated power.
    pub fn minimum_detectable_effect(&self) -> f64 {
        match self {
            Self::Catoni(sequence) => sequence.minimum_detectable_effect(),
            Self::Student(sequence) => sequence.minimum_detectable_effect(),
        }
    }

    /// A guard that fired: then nothing can be said.
    pub fn untestable(&self) -> Option<&Untestable> {
        match self {
            Self::Catoni(_) => None,
            Self::Student(sequence) => sequence.untestable(),
        }
    }

    /// What is known now, as the finding of an ordinary test of the mean 0.
    pub fn finding(&self) -> Finding {
        Finding {
            effect: self.estimate(),
            interval: self.interval(),
            minimum_detectable_effect: self.minimum_detectable_effect(),
            p_value: self.p_value(0.0),
            untestable: self.untestable().cloned(),
        }
    }
}

impl From<CatoniSequence> for Sequence {
    fn from(sequence: CatoniSequence) -> Self {
        Self::Catoni(sequence)
    }
}

impl From<StudentSequence> for Sequence {
    fn from(sequence: StudentSequence) -> Self {
        Self::Student(sequence)
    }
}

/// Verdict on "the mean is exactly 0" at a resolution: refuted when 0 has left the confidence sequence, supported when an
/// effect of the target size would have been refuted by now with the stated power.
///
/// ```
/// use langevin_verify::report::Verdict;
/// use langevin_verify::statistics::Rates;
/// use langevin_verify::statistics::sequence::{CatoniSequence, Sequence, verdict_exact};
/// let rates = Rates { alpha: 1e-6, power: 0.999 };
/// let sequence = CatoniSequence::for_effect(0.1, 1.0, rates).unwrap();
/// let planned = sequence.planned() as usize;
/// let mut sequence = Sequence::from(sequence);
/// assert_eq!(verdict_exact(&sequence, 0.1), Verdict::Undecided);
/// sequence.add(&[1.0, -1.0].repeat(planned.div_ceil(2))).unwrap();
/// assert_eq!(verdict_exact(&sequence, 0.1), Verdict::Supported);
/// ```
pub fn verdict_exact(sequence: &Sequence, target: f64) -> Verdict {
    sequence.finding().verdict(sequence.rates().alpha, target)
}

/// Verdict on "the relative error is at most `bound` in size", from a confidence sequence of the error and the resolution
/// of the test: supported when the interval lies inside +-(bound + resolution), refuted when it misses [-bound, bound].
///
/// A false refutation needs an interval that misses the true error, so its probability is at most the interval's alpha.
/// Where the resolution is the minimum detectable effect of the interval's sequence, an error of size `bound` + resolution
/// is refuted with the stated power, and an error of at most `bound` is supported with it (each end of the interval).
///
/// ```
/// use langevin_verify::report::Verdict;
/// use langevin_verify::statistics::sequence::inclusion;
/// assert_eq!(inclusion([-0.01, 0.04], 0.05, 0.01), Verdict::Supported);
/// assert_eq!(inclusion([0.06, 0.09], 0.05, 0.01), Verdict::Refuted);
/// assert_eq!(inclusion([0.01, 0.09], 0.05, 0.01), Verdict::Undecided);
/// ```
pub fn inclusion(interval: [f64; 2], bound: f64, resolution: f64) -> Verdict {
    let [low, high] = interval;
    let bound = bound.abs();
    if low > bound || high < -bound {
        Verdict::Refuted
    } else if low >= -(bound + resolution) && high <= bound + resolution {
        Verdict::Supported
    } else {
        // also for an interval that is not a number
        Verdict::Undecided
    }
}

/// Refuses values that are not finite: one of them would make every later decision meaningless.
fn require_finite(block: &[f64]) -> Result<()> {
    match block.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(VerifyError::Input { detail: format!("a value is {value}; it must be finite") }),
        None => Ok(()),
    }
}

/// Refuses rates outside (0, 1).
fn require_rates(rates: Rates) -> Result<()> {
    for (name, value) in [("alpha", rates.alpha), ("power", rates.power)] {
        if !(value > 0.0 && value < 1.0) {
            return Err(VerifyError::Input { detail: format!("{name} is {value}; it must be between 0 and 1") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inclusion_has_three_answers() {
        for (interval, verdict) in [
            ([-0.11, 0.11], Verdict::Supported),
            ([-0.12, 0.0], Verdict::Undecided),
            ([0.1, 0.5], Verdict::Undecided),
            ([-0.5, -0.1], Verdict::Undecided),
            ([0.100001, 0.5], Verdict::Refuted),
            ([-0.5, -0.100001], Verdict::Refuted),
            ([f64::NEG_INFINITY, f64::INFINITY], Verdict::Undecided),
            ([f64::NAN, f64::NAN], Verdict::Undecided),
        ] {
            assert_eq!(inclusion(interval, 0.1, 0.01 + 1e-12), verdict, "{interval:?}");
        }
    }
}
