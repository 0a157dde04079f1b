//! The kill matrix: every mutant against every check whose prediction it moves.

use std::collections::{BTreeMap, BTreeSet};

use super::Mutant;
use crate::report::{CheckResult, IdleCheck, KillCell, KillMatrix, KillOutcome, MutantResult};

/// A mutant counts as killed by a check if it moves the check's prediction by at least so many minimum detectable effects,
/// and the check refutes it: then it would be killed with another seed too.
pub const SMALLEST_SHIFT: f64 = 3.0;

/// The matrix from its cells, over the checks of claims that must hold. Mutants that move no prediction of the run are left
/// out, unless `complete`: then every mutant has to be killed.
pub fn collect(cells: &[(Mutant, KillCell)], checks: &[CheckResult], complete: bool) -> KillMatrix {
    let mut rows: BTreeMap<Mutant, Vec<KillCell>> = BTreeMap::new();
    for (mutant, cell) in cells {
        if checks.iter().any(|check| check.id == cell.check) {
            rows.entry(*mutant).or_default().push(cell.clone());
        }
    }
    let mutants: Vec<MutantResult> = Mutant::ALL
        .into_iter()
        .filter_map(|mutant| {
            let cells = rows.remove(&mutant).unwrap_or_default();
            // tolerances of deterministic checks are no effect sizes: they come last
            let sampled = |cell: &KillCell| checks.iter().any(|one| one.id == cell.check && one.tolerance.is_none());
            let best = cells
                .iter()
                .filter(|cell| cell.outcome == KillOutcome::Killed)
                .max_by(|a, b| sampled(a).cmp(&sampled(b)).then(a.shift.total_cmp(&b.shift)))
                .map(|cell| cell.check.clone());
            (complete || !cells.is_empty()).then(|| MutantResult {
                id: mutant.id().into(),
                title: mutant.title().into(),
                definition: mutant.definition().into(),
                vanishes: mutant.vanishes().into(),
                claim: mutant.claim().map(Into::into),
                killed: best.is_some(),
                best,
                cells,
            })
        })
        .collect();
    let killing: BTreeSet<&str> = mutants
        .iter()
        .flat_map(|mutant| &mutant.cells)
        .filter(|cell| cell.outcome == KillOutcome::Killed)
        .map(|cell| cell.check.as_str())
        .collect();
    let idle_checks = checks
        .iter()
        .filter(|check| !killing.contains(check.id.as_str()))
        .map(|check| IdleCheck { check: check.id.clone(), purpose: check.purpose.clone() })
        .collect();
    KillMatrix { mutants, checks: checks.len(), idle_checks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;

    fn cell(check: &str, outcome: KillOutcome, shift: f64) -> KillCell {
        KillCell { check: check.into(), outcome, shift, effect: 0.1, p_value: 0.0 }
    }

    #[test]
    fn the_best_killer_moves_most_and_idle_checks_are_named() {
        let checks: Vec<CheckResult> =
            example::report().claims.iter().take(3).map(|claim| claim.checks[0].clone()).collect();
        let [a, b, c] = [0, 1, 2].map(|index| checks[index].id.clone());
        let cells = [
            (Mutant::Nesterov, cell(&a, KillOutcome::Killed, 4.0)),
            (Mutant::Nesterov, cell(&b, KillOutcome::Killed, 9.0)),
            (Mutant::Nesterov, cell(&c, KillOutcome::Survived, 99.0)),
            (Mutant::Uncorrelated, cell(&c, KillOutcome::Survived, 2.0)),
            (Mutant::Uncorrelated, cell("not/in/the-run", KillOutcome::Killed, 20.0)),
        ];
        let matrix = collect(&cells, &checks, false);
        assert_eq!(matrix.mutants.len(), 2);
        assert_eq!(matrix.mutants[0].best.as_deref(), Some(b.as_str()));
        assert!(matrix.mutants[0].killed && !matrix.mutants[1].killed);
        assert_eq!(matrix.idle_checks.iter().map(|one| one.check.as_str()).collect::<Vec<_>>(), [c.as_str()]);
        // in a complete run a mutant that nothing sees is a failure
        assert_eq!(collect(&cells, &checks, true).mutants.len(), Mutant::ALL.len());
    }

    #[test]
    fn names_are_unique_and_claims_are_registered() {
        let ids: BTreeSet<&str> = Mutant::ALL.iter().map(|mutant| mutant.id()).collect();
        assert_eq!(ids.len(), Mutant::ALL.len());
        for mutant in Mutant::ALL {
            if let Some(claim) = mutant.claim() {
                assert!(crate::claims::find(claim).is_some(), "{claim}");
                assert_eq!(Mutant::of_claim(claim), Some(mutant));
            }
        }
    }
}
