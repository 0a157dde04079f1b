//! The tests behind the verdicts, by layer (DESIGN.md).
//!
//! | layer | tests | law under the claim |
//! |---|---|---|
//! | L1 | [`chi_square`], [`normal`], [`wishart`], [`pit`], [`lagged`] | exact, or bounded at every sample size |
//! | L2 | [`catoni`], [`sequence`] | any with the variance that the theory supplies |
//! | L2 | [`chains`], [`sequence`] | nearly normal: guards against skewness, heavy tails and dependence ([`independence`]) |
//! | L3 | [`diagnostics`] | reported, never a gate |
//!
//! [`too_good`] looks at all of a run. Measured error rates and power: `docs/statistics.md`.

pub mod catoni;
pub mod chains;
pub mod chernoff;
pub mod chi_square;
pub mod diagnostics;
pub mod independence;
pub mod lagged;
pub mod normal;
pub mod pit;
pub mod sequence;
pub mod tail;
pub mod too_good;
mod untestable;
pub mod wishart;

pub use untestable::Untestable;

use crate::report::Verdict;

/// Level and power a test works at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Probability of a false refutation granted to this test.
    pub alpha: f64,
    /// Probability of finding an effect of the minimum detectable size.
    pub power: f64,
}

/// What a test found about one quantity, in the unit of its effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Estimated effect; zero under the claim.
    pub effect: f64,
    /// Confidence interval of the effect at the test's own level.
    pub interval: [f64; 2],
    /// Smallest effect found with the stated power.
    pub minimum_detectable_effect: f64,
    /// Two-sided p-value.
    pub p_value: f64,
    /// Guards that fired: then nothing can be said.
    pub untestable: Option<Untestable>,
}

impl Finding {
    /// Whether the data were not numbers. Comparisons and minima pass a NaN over, so that a p-value may look
    /// harmless where the effect is NaN.
    pub fn is_nan(&self) -> bool {
        self.p_value.is_nan() || self.effect.is_nan()
    }

    /// The verdict at a level, given the resolution that was promised.
    pub fn verdict(&self, alpha: f64, target: f64) -> Verdict {
        if self.untestable.is_some() || self.is_nan() {
            Verdict::Undecided
        } else if self.p_value <= alpha {
            Verdict::Refuted
        } else if self.minimum_detectable_effect <= target {
            Verdict::Supported
        } else {
            Verdict::Undecided
        }
    }
}

/// A family of findings tested together (modes, lags), each at an equal share of the level.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The member with the strongest evidence against the claim.
    pub strongest: Finding,
    /// Its place in the family.
    pub index: usize,
    /// Its p-value times the size of the family, at most 1.
    pub p_value: f64,
    /// The largest minimum detectable effect of the family.
    pub minimum_detectable_effect: f64,
    /// Number of members.
    pub size: usize,
    /// The first guard that fired.
    pub untestable: Option<Untestable>,
}

impl Family {
    /// Tests each member at a level `alpha / size`; `None` for an empty family.
    pub fn of(size: usize, rates: Rates, mut test: impl FnMut(usize, Rates) -> Finding) -> Option<Self> {
        let share = Rates { alpha: rates.alpha / size as f64, ..rates };
        let findings: Vec<Finding> = (0..size).map(|index| test(index, share)).collect();
        // a NaN is a failure of the test and must surface; what a guard stopped is no evidence
        let key = |finding: &Finding| match (finding.is_nan(), &finding.untestable) {
            (true, _) => -1.0,
            (false, None) => finding.p_value,
            (false, Some(_)) => 2.0,
        };
        let index = (0..size).min_by(|&i, &j| {
            let by_p = key(&findings[i]).total_cmp(&key(&findings[j]));
            by_p.then_with(|| findings[j].effect.abs().total_cmp(&findings[i].effect.abs()))
        })?;
        let strongest = findings[index].clone();
        Some(Self {
            p_value: if strongest.is_nan() { f64::NAN } else { (strongest.p_value * size as f64).min(1.0) },
            strongest,
            index,
            minimum_detectable_effect: findings.iter().map(|f| f.minimum_detectable_effect).fold(0.0, f64::max),
            size,
            untestable: findings.iter().find_map(|finding| finding.untestable.clone()),
        })
    }

    /// The verdict of the whole family. One testable member refutes; support needs all of them testable.
    pub fn verdict(&self, alpha: f64, target: f64) -> Verdict {
        let strongest = Finding {
            p_value: self.p_value,
            minimum_detectable_effect: self.minimum_detectable_effect,
            ..self.strongest.clone()
        };
        match strongest.verdict(alpha, target) {
            Verdict::Supported if self.untestable.is_some() => Verdict::Undecided,
            verdict => verdict,
        }
    }
}
