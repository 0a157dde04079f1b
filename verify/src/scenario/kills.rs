//! A decided check can be decided again with the prediction of a mutant, on the same evidence and at the same level.

use crate::mutant::{Mutant, SMALLEST_SHIFT};
use crate::report::{CheckResult, KillCell, KillOutcome};
use crate::statistics::{Finding, Rates, chi_square, normal};

/// Shifts below this, in minimum detectable effects, are rounding: the mutant vanishes there.
const ROUNDING: f64 = 1e-6;

/// A decision with the findings it was made of.
pub(super) struct Decided {
    /// The decision.
    pub record: CheckResult,
    /// Member by member.
    pub findings: Vec<Finding>,
    /// Level and power of the whole check.
    pub rates: Rates,
}

impl Decided {
    /// The cell of a mutant whose prediction gives the members other effects (`None` where it predicts nothing). The member
    /// that moves most is decided again, at its share of the level, by its p-value.
    pub(super) fn kill(
        &self,
        mutant: Mutant,
        effect: impl Fn(usize) -> Option<f64>,
        p_value: impl FnOnce(usize, Rates) -> f64,
    ) -> Option<(Mutant, KillCell)> {
        let size = self.findings.len();
        let moved = (0..size).filter_map(|index| {
            let finding = &self.findings[index];
            let effect = effect(index).filter(|effect| effect.is_finite())?;
            let shift = (effect - finding.effect).abs() / finding.minimum_detectable_effect;
            (finding.untestable.is_none() && shift > ROUNDING).then_some((index, effect, shift))
        });
        let (index, effect, shift) = moved.max_by(|a, b| a.2.total_cmp(&b.2))?;
        let share = Rates { alpha: self.rates.alpha / size as f64, ..self.rates };
        let p_value = (p_value(index, share) * size as f64).min(1.0);
        // a p-value that is not a number refutes nothing
        let killed = p_value <= self.rates.alpha && shift >= SMALLEST_SHIFT;
        let outcome = if killed { KillOutcome::Killed } else { KillOutcome::Survived };
        Some((mutant, KillCell { check: self.record.id.clone(), outcome, shift, effect, p_value }))
    }
}

/// The p-value of a finding that counts: one that a guard stopped refutes nothing.
pub(super) fn refuting(finding: &Finding) -> f64 {
    if finding.untestable.is_some() { 1.0 } else { finding.p_value }
}

/// What a test with an exact null distribution is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tested {
    /// A sum of squares of standard normals.
    ChiSquare { sum: f64, degrees: f64 },
    /// A standard normal, and the standard error of the effect.
    Normal { z: f64, scale: f64 },
}

impl Tested {
    pub(super) fn finding(self, rates: Rates) -> Finding {
        match self {
            Self::ChiSquare { sum, degrees } => chi_square::test(sum, degrees, rates),
            Self::Normal { z, scale } => normal::test(z, scale, rates),
        }
    }

    pub(super) fn effect(self) -> f64 {
        match self {
            Self::ChiSquare { sum, degrees } => sum / degrees - 1.0,
            Self::Normal { z, scale } => z * scale,
        }
    }

    /// The p-value alone, without the interval and the resolution.
    pub(super) fn p_value(self) -> f64 {
        use crate::statistics::tail;
        let p_value = match self {
            Self::ChiSquare { sum, .. } if !(sum > 0.0 && sum.is_finite()) => 1.0,
            Self::ChiSquare { sum, degrees } => {
                let (below, above) = tail::chi_square(degrees, sum);
                2.0 * below.min(above)
            }
            Self::Normal { z, .. } => 2.0 * tail::normal_above(z.abs()),
        };
        p_value.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;

    fn finding(effect: f64, resolution: f64) -> Finding {
        Finding {
            effect,
            interval: [effect, effect],
            minimum_detectable_effect: resolution,
            p_value: 0.5,
            untestable: None,
        }
    }

    #[test]
    fn the_member_that_moves_most_decides_at_its_share() {
        let decided = Decided {
            record: example::report().claims[0].checks[0].clone(),
            findings: vec![finding(0.001, 0.01), finding(-0.002, 0.1), finding(0.0, 0.01)],
            rates: Rates { alpha: 1e-6, power: 0.999 },
        };
        let at = |effects: [Option<f64>; 3], p: f64| {
            decided.kill(
                Mutant::Nesterov,
                |index| effects[index],
                |index, rates| {
                    assert_eq!(index, 2);
                    assert!((rates.alpha * 3.0 / 1e-6 - 1.0).abs() < 1e-12);
                    p
                },
            )
        };
        // effects that stay where they were are no cell
        assert!(decided.kill(Mutant::Nesterov, |i| Some(decided.findings[i].effect), |_, _| 0.0).is_none());
        assert!(decided.kill(Mutant::Nesterov, |_| None, |_, _| 0.0).is_none());
        let (_, cell) = at([Some(0.001), Some(0.1), Some(0.05)], 1e-9).unwrap();
        assert_eq!(cell.outcome, KillOutcome::Killed);
        assert!((cell.shift - 5.0).abs() < 1e-12 && (cell.p_value - 3e-9).abs() < 1e-20);
        // refuted, but by a hair; and moved, but not refuted
        assert_eq!(at([Some(0.001), None, Some(0.02)], 1e-9).unwrap().1.outcome, KillOutcome::Survived);
        assert_eq!(at([Some(0.001), None, Some(0.05)], 4e-7).unwrap().1.outcome, KillOutcome::Survived);
        assert_eq!(at([None, None, Some(0.05)], f64::NAN).unwrap().1.outcome, KillOutcome::Survived);
    }

    #[test]
    fn p_values_are_those_of_the_tests() {
        let rates = Rates { alpha: 1e-8, power: 0.999 };
        for tested in [Tested::ChiSquare { sum: 10_500.0, degrees: 1e4 }, Tested::Normal { z: -2.5, scale: 0.1 }] {
            let finding = tested.finding(rates);
            assert_eq!((finding.effect, finding.p_value), (tested.effect(), tested.p_value()));
        }
    }
}
