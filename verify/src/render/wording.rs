//! The words that all documents share: what became of a claim, what a check found, how to repeat it. A report states
//! each of them once, here.

use crate::render::number::{self, Notation, Scale};
use crate::report::{
    CheckResult, ClaimResult, Comparison, Expectation, KillCell, KillOutcome, Layer, MutantResult, Report, Verdict,
};

/// A verdict seen together with what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Had to hold, and was not refuted.
    Supported,
    /// A wrong theory, and it was refuted.
    RefutedAsRequired,
    /// Had to hold, but was refuted.
    RefutedUnexpectedly,
    /// A wrong theory that survived.
    NotRefuted,
    /// Nothing could be said.
    Undecided,
}

impl Outcome {
    /// What became of a claim.
    pub(super) fn of(claim: &ClaimResult) -> Self {
        match (claim.verdict, claim.expectation) {
            (Verdict::Undecided, _) => Self::Undecided,
            (Verdict::Supported, Expectation::Supported) => Self::Supported,
            (Verdict::Supported, Expectation::Refuted) => Self::NotRefuted,
            (Verdict::Refuted, Expectation::Supported) => Self::RefutedUnexpectedly,
            (Verdict::Refuted, Expectation::Refuted) => Self::RefutedAsRequired,
        }
    }

    /// Whether somebody has to look.
    pub(super) fn is_surprise(self) -> bool {
        matches!(self, Self::RefutedUnexpectedly | Self::NotRefuted)
    }

    /// A few words.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::RefutedAsRequired => "refuted, as required",
            Self::RefutedUnexpectedly => "refuted unexpectedly",
            Self::NotRefuted => "not refuted",
            Self::Undecided => "undecided",
        }
    }

    /// A sign that works without colour.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Supported | Self::RefutedAsRequired => "✓",
            Self::RefutedUnexpectedly | Self::NotRefuted => "✗",
            Self::Undecided => "?",
        }
    }

    /// Name of its style in the page.
    pub(super) fn style(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::RefutedAsRequired => "required",
            Self::RefutedUnexpectedly | Self::NotRefuted => "surprise",
            Self::Undecided => "undecided",
        }
    }
}

/// The verdict of one check, in one word.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "not refuted",
        Verdict::Refuted => "refuted",
        Verdict::Undecided => "undecided",
    }
}

/// The kind of comparison, in words.
pub(super) fn comparison(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Identity => "identity: closed form, matrix route and brute force",
        Comparison::Sampling => "sampling: samples against exact moments",
        Comparison::Limit => "limit: continuous time against the exact discrete law",
    }
}

/// The statistical layer, by its short name.
pub(super) fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::L0 => "L0",
        Layer::L1 => "L1",
        Layer::L2 => "L2",
    }
}

/// What the kill matrix says, in a line; `None` without one.
pub(crate) fn kill_matrix(report: &Report) -> Option<String> {
    let matrix = &report.kill_matrix;
    (!matrix.mutants.is_empty()).then(|| {
        format!(
            "kill matrix: {} of {} mutants killed by {} of {} checks",
            matrix.killed(),
            matrix.mutants.len(),
            matrix.checks - matrix.idle_checks.len(),
            matrix.checks
        )
    })
}

/// The cell with the largest shift among those that killed, else among those that did not.
pub(super) fn strongest_cell<'a>(cells: impl Iterator<Item = &'a KillCell>) -> Option<&'a KillCell> {
    let rank = |cell: &KillCell| (cell.outcome == KillOutcome::Killed, cell.shift);
    cells.max_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })
}

/// The cell of the check that killed a mutant best.
pub(super) fn best_cell(mutant: &MutantResult) -> Option<&KillCell> {
    mutant.cells.iter().find(|cell| Some(&cell.check) == mutant.best.as_ref())
}

/// A shift in minimum detectable effects, short.
pub(super) fn shift(shift: f64) -> String {
    if shift >= 999.5 {
        "> 999".into()
    } else if shift >= 9.95 {
        format!("{shift:.0}")
    } else {
        format!("{shift:.1}")
    }
}

/// The command that repeats one check.
pub(super) fn replay_command(check: &CheckResult) -> String {
    format!("langevin check --replay {}", shell_word(&check.replay))
}

/// One sentence on the whole run.
pub(super) fn headline(report: &Report) -> String {
    match &report.baseline {
        Some(baseline) if !baseline.unchanged => format!("{}; changed since the baseline", verdicts(report)),
        _ => verdicts(report),
    }
}

fn verdicts(report: &Report) -> String {
    let summary = &report.summary;
    let surprises = summary.refuted_unexpectedly + summary.not_refuted + summary.mutants_not_killed;
    let undecided = match summary.undecided {
        0 => String::new(),
        1 => "1 claim undecided".to_owned(),
        n => format!("{n} claims undecided"),
    };
    match (surprises, undecided.is_empty()) {
        (0, true) if report.claims.is_empty() => "No claim was checked".to_owned(),
        (0, true) => "All verdicts are as expected".to_owned(),
        (0, false) => format!("No surprise, but {undecided}"),
        (1, true) => "1 surprise".to_owned(),
        (n, true) => format!("{n} surprises"),
        (1, false) => format!("1 surprise, and {undecided}"),
        (n, false) => format!("{n} surprises, and {undecided}"),
    }
}

/// The numbers of one check as text.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// `+0.140 %`.
    pub effect: String,
    /// `[−0.220, +0.500] %`, absent for deterministic checks.
    pub interval: Option<String>,
    /// `1.00 %`, absent for deterministic checks.
    pub minimum_detectable_effect: Option<String>,
    /// `power 99.9 %`.
    pub power: Option<String>,
    /// `p = 0.0123`, `e = 42.0`, `tolerance 10⁻¹⁰`.
    pub evidence: String,
    /// `α = 1.90×10⁻⁸`, absent for deterministic checks.
    pub level: Option<String>,
}

impl Finding {
    /// What a check found.
    pub(super) fn of(check: &CheckResult, notation: Notation) -> Self {
        let [low, high] = check.interval.unwrap_or([0.0, 0.0]);
        let scale = Scale::for_unit(&check.effect_unit, &[check.effect, low, high]);
        let resolution = check
            .minimum_detectable_effect
            .map(|effect| Scale::for_unit(&check.effect_unit, &[effect]).size(effect, notation));
        let evidence = match (check.p_value, check.e_value, check.tolerance) {
            (Some(p), Some(e), _) => format!("{}, {}", number::p_value(p, notation), number::e_value(e, notation)),
            (Some(p), None, _) => number::p_value(p, notation),
            (None, Some(e), _) => number::e_value(e, notation),
            (None, None, Some(tolerance)) => {
                format!("tolerance {}", number::setting(tolerance, notation))
            }
            (None, None, None) => "no evidence stated".to_owned(),
        };
        let alpha = match notation {
            Notation::Typeset => "α",
            Notation::Ascii => "alpha",
        };
        Self {
            effect: scale.signed(check.effect, notation),
            interval: check.interval.map(|interval| scale.interval(interval, notation)),
            minimum_detectable_effect: resolution,
            power: check.power.map(|power| {
                format!("power {}{}", number::setting(100.0 * power, notation), number::percent(notation))
            }),
            evidence,
            level: check.alpha.map(|level| format!("{alpha} = {}", number::significant(level, 3, notation))),
        }
    }

    /// All of it in one line.
    pub(super) fn line(&self) -> String {
        let mut parts = vec![format!("effect {}", self.effect)];
        parts.extend(self.interval.iter().map(|interval| format!("interval {interval}")));
        parts.push(match &self.level {
            Some(level) => format!("{} at {level}", self.evidence),
            None => self.evidence.clone(),
        });
        let resolution = self.minimum_detectable_effect.iter();
        parts.extend(resolution.map(|effect| format!("minimum detectable effect {effect}")));
        parts.join(", ")
    }
}

/// The check that speaks loudest for the verdict of a claim: among those that share it, the one with the strongest
/// evidence against the claim.
pub(super) fn decisive_check(claim: &ClaimResult) -> Option<&CheckResult> {
    let agrees = |check: &&CheckResult| check.verdict == claim.verdict;
    let candidates: Vec<&CheckResult> = if claim.checks.iter().any(|check| agrees(&check)) {
        claim.checks.iter().filter(agrees).collect()
    } else {
        claim.checks.iter().collect()
    };
    candidates.into_iter().reduce(|best, check| {
        let (a, b) = (evidence_against(best), evidence_against(check));
        let larger = b.0 > a.0 || (b.0 >= a.0 && b.1 > a.1);
        if larger { check } else { best }
    })
}

/// Logarithm of the evidence in units of what the decision needs, so that p-values, e-values and tolerances compare;
/// and the effect in units of what the check can see, which tells apart checks whose p-values are all zero.
fn evidence_against(check: &CheckResult) -> (f64, f64) {
    let alpha = check.alpha.unwrap_or(1.0);
    let strength = match (check.p_value, check.e_value, check.tolerance) {
        (Some(p), _, _) => (alpha / p).ln(),
        (None, Some(e), _) => (alpha * e).ln(),
        (None, None, Some(tolerance)) => (check.effect.abs() / tolerance).ln(),
        (None, None, None) => f64::NEG_INFINITY,
    };
    let size = check.effect.abs() / check.minimum_detectable_effect.unwrap_or(1.0);
    let or_least = |value: f64| {
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    };
    (or_least(strength), or_least(size))
}

fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/:=@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;

    #[test]
    fn replay_commands_survive_a_shell() {
        let mut check = example::report().claims[0].checks[0].clone();
        check.replay = "1:abc/def".to_owned();
        assert_eq!(replay_command(&check), "langevin check --replay 1:abc/def");
        check.replay = "it's $HOME".to_owned();
        assert_eq!(replay_command(&check), r"langevin check --replay 'it'\''s $HOME'");
    }

    #[test]
    fn the_decisive_check_shares_the_verdict_of_the_claim() {
        for claim in &example::report().claims {
            let check = decisive_check(claim).expect("every claim of the example has checks");
            assert_eq!(check.verdict, claim.verdict, "{}", claim.id);
        }
    }

    #[test]
    fn checks_without_evidence_are_worded_too() {
        let mut check = example::report().claims[0].checks[0].clone();
        check.p_value = None;
        check.e_value = None;
        check.tolerance = None;
        check.effect = f64::NAN;
        let finding = Finding::of(&check, Notation::Ascii);
        assert!(finding.line().contains("not a number"));
        assert!(finding.line().contains("no evidence stated"));
    }
}
