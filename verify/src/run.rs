//! The main job: a plan's scenarios are run one after the other, their checks gathered by claim, and one [`Report`] is built.

use std::collections::BTreeSet;

use crate::claims::{CLAIMS, Claim};
use crate::error::{Result, VerifyError};
use crate::ledger::FAMILY_WISE_ERROR;
use crate::mutant::collect;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::{
    CheckResult, ClaimResult, DataSummary, Expectation, Figures, KillMatrix, Reference, Report, SCHEMA,
    ScenarioPredictions, Summary, Verdict,
};
use crate::scenario::{Context, Prepared, scores};
use crate::seed::Seed;
use crate::tier::Tier;

/// What a run is asked to do.
pub struct RunOptions<'a> {
    /// Resolution.
    pub tier: Tier,
    /// Seed.
    pub seed: Seed,
    /// Claim or check ids to keep; empty keeps all.
    pub only: &'a [String],
    /// The data source as the command line takes it, for replay tokens.
    pub source: &'a str,
    /// The command that repeats the run.
    pub command: String,
    /// Progress on the terminal.
    pub progress: &'a Progress,
}

/// Runs a plan and builds the report.
///
/// # Errors
/// [`VerifyError::Input`] for an id in `only` that is no claim and no check of the plan; whatever a scenario returns.
pub fn run(plan: &Plan, options: &RunOptions<'_>) -> Result<Report> {
    require_known(plan, options.only)?;
    let wanted =
        |claim: &str, id: &str| options.only.is_empty() || options.only.iter().any(|only| only == claim || only == id);
    let token = format!("{}@{:x}@{}", options.tier.name(), options.seed.value(), options.source);
    let context = Context {
        ledger: &plan.ledger,
        tier: options.tier,
        seed: options.seed.value(),
        token: &token,
        progress: options.progress,
    };
    let scores_id = scores::spec().id(scores::SCENARIO);
    // it stands for all scenarios with exact nulls
    let scores_wanted = plan.has_scores() && wanted(scores::CLAIM, &scores_id);
    let mut checks: Vec<CheckResult> = Vec::new();
    let mut kills = Vec::new();
    let mut scenarios = Vec::new();
    let mut predictions = Vec::new();
    let (mut score_values, mut diagnostics) = (Vec::new(), Vec::new());
    let mut figures = Figures::default();
    for scenario in &plan.scenarios {
        let asked = scenario.checks().iter().any(|spec| wanted(spec.claim, &spec.id(scenario.id())));
        let scored = scores_wanted && scenario.has_scores();
        if !(asked || scored) {
            continue;
        }
        options.progress.name(scenario.id());
        let outcome = scenario.run(&context)?;
        checks.extend(outcome.checks.into_iter().filter(|check| wanted(claim_of(check), &check.id)));
        kills.extend(outcome.kills);
        score_values.extend(outcome.scores);
        diagnostics.extend(outcome.diagnostics);
        scenarios.extend(outcome.summary);
        predictions.push(ScenarioPredictions { scenario: scenario.id().into(), predictions: scenario.predictions()? });
        figures.mode_variances.extend(outcome.figures.mode_variances);
        figures.equipartition.extend(outcome.figures.equipartition);
        figures.oscillation.extend(outcome.figures.oscillation);
        figures.displacement = figures.displacement.or(outcome.figures.displacement);
        figures.damping = figures.damping.or(outcome.figures.damping);
        figures.current = figures.current.or(outcome.figures.current);
        figures.trajectory = figures.trajectory.or(outcome.figures.trajectory);
        figures.diffusion = figures.diffusion.or(outcome.figures.diffusion);
        figures.sweeps = figures.sweeps.or(outcome.figures.sweeps);
    }
    if scores_wanted {
        checks.push(scores::decide(&context, &score_values)?);
    }
    options.progress.finish();
    let claims: Vec<ClaimResult> = CLAIMS
        .iter()
        .filter_map(|claim| {
            let own: Vec<CheckResult> = checks.iter().filter(|check| claim_of(check) == claim.id).cloned().collect();
            (!own.is_empty()).then(|| judge(claim, own))
        })
        .collect();
    let must_hold: Vec<CheckResult> =
        checks.iter().filter(|check| expected(check) == Some(Expectation::Supported)).cloned().collect();
    let kill_matrix = collect(&kills, &must_hold, options.only.is_empty() && plan.complete);
    Ok(Report {
        schema: SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        tier: options.tier.name().into(),
        seed: options.seed.value(),
        seed_origin: options.seed.origin().into(),
        family_wise_error: FAMILY_WISE_ERROR,
        command: options.command.clone(),
        summary: summarise(&claims, &kill_matrix, options.only.is_empty()),
        data: describe(&plan.prepared, &plan.problem_hash),
        claims,
        scenarios,
        diagnostics,
        kill_matrix,
        predictions,
        baseline: None,
        evidence: None,
        figures,
        paper_settings: crate::paper_tables::settings()?,
        references: references(),
    })
}

fn claim_of(check: &CheckResult) -> &str {
    check.id.split('/').next().unwrap_or_default()
}

fn expected(check: &CheckResult) -> Option<Expectation> {
    crate::claims::find(claim_of(check)).map(|claim| claim.expectation)
}

fn require_known(plan: &Plan, only: &[String]) -> Result<()> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for scenario in &plan.scenarios {
        for spec in scenario.checks() {
            known.insert(spec.claim.to_owned());
            known.insert(spec.id(scenario.id()));
        }
    }
    if plan.has_scores() {
        known.insert(scores::CLAIM.to_owned());
        known.insert(scores::spec().id(scores::SCENARIO));
    }
    for id in only {
        if !known.contains(id) {
            let candidates: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(VerifyError::Input {
                detail: format!("unknown claim or check \"{id}\"{}", crate::document::suggestion(id, &candidates)),
            });
        }
    }
    Ok(())
}

/// The verdict over all checks of a claim.
fn judge(claim: &Claim, checks: Vec<CheckResult>) -> ClaimResult {
    let verdict = Verdict::of_all(checks.iter().map(|check| check.verdict));
    let as_expected = match claim.expectation {
        Expectation::Supported => verdict == Verdict::Supported,
        Expectation::Refuted => verdict == Verdict::Refuted,
    };
    ClaimResult {
        id: claim.id.into(),
        title: claim.title.into(),
        statement: claim.statement.into(),
        paper: claim.paper.into(),
        errata: claim.errata.iter().map(|&erratum| erratum.into()).collect(),
        assumptions: claim.assumptions.iter().map(|&assumption| assumption.into()).collect(),
        comparison: claim.comparison,
        expectation: claim.expectation,
        verdict,
        as_expected,
        headline: headline(claim, &checks),
        checks,
    }
}

/// The figure a reader wants: the largest departure for a claim that holds, the largest effect for a refuted one.
fn headline(claim: &Claim, checks: &[CheckResult]) -> String {
    let shown = |check: &CheckResult, effect: f64| {
        if check.effect_unit == "relative" && effect.abs() >= 1e-5 {
            format!("{:.2} %", 100.0 * effect)
        } else {
            format!("{effect:.2e}")
        }
    };
    let largest = checks.iter().max_by(|a, b| a.effect.abs().total_cmp(&b.effect.abs()));
    let Some(largest) = largest else { return String::new() };
    match claim.expectation {
        Expectation::Refuted => {
            format!("Off by {} in {}.", shown(largest, largest.effect), largest.scenario)
        }
        Expectation::Supported => {
            let resolution = checks
                .iter()
                .filter_map(|check| check.minimum_detectable_effect.map(|effect| (check, effect)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let scenarios: BTreeSet<&str> = checks.iter().map(|check| check.scenario.as_str()).collect();
            let reach = resolution
                .map_or_else(String::new, |(check, effect)| format!(" Finest resolution {}.", shown(check, effect)));
            format!(
                "{} checks in {} {}; largest departure {} ({}).{reach}",
                checks.len(),
                scenarios.len(),
                if scenarios.len() == 1 { "scenario" } else { "scenarios" },
                shown(largest, largest.effect),
                largest.scenario
            )
        }
    }
}

/// Counts. A mutant that no check kills fails a whole run; a run of some checks alone is not judged by it.
fn summarise(claims: &[ClaimResult], kill_matrix: &KillMatrix, whole: bool) -> Summary {
    let mutants_killed = kill_matrix.killed();
    let mutants_not_killed = if whole { kill_matrix.mutants.len() - mutants_killed } else { 0 };
    Summary::of(claims, [mutants_killed, mutants_not_killed])
}

fn describe(prepared: &Prepared, hash: &str) -> DataSummary {
    let problem = &prepared.dataset.problem;
    let eigenvalues = prepared.quadratic.eigenvalues();
    let rank = prepared.quadratic.rank();
    DataSummary {
        name: prepared.dataset.name.clone(),
        description: prepared.dataset.description.clone(),
        attribution: prepared.dataset.attribution.clone(),
        samples: problem.samples(),
        features: problem.dimension(),
        outputs: problem.outputs(),
        rank,
        hessian_trace: eigenvalues.sum(),
        curvature_range: [eigenvalues[0], eigenvalues[rank.saturating_sub(1)]],
        hash: hash.into(),
    }
}

fn references() -> Vec<Reference> {
    let entry = |key: &str, citation: &str| Reference { key: key.into(), citation: citation.into() };
    vec![
        entry(
            "Kunin et al. 2021",
            "D. Kunin, J. Sagastuy-Brena, L. Gillespie, E. Margalit, H. Tanaka, S. Ganguli, D. L. K. Yamins. Rethinking \
             the limiting dynamics of SGD: modified loss, phase space oscillations, and anomalous diffusion. \
             arXiv:2107.09133.",
        ),
        entry(
            "Catoni 2012",
            "O. Catoni. Challenging the empirical mean and empirical variance: a deviation study. Annales de l'Institut \
             Henri Poincaré, Probabilités et Statistiques 48, 1148-1185.",
        ),
        entry(
            "Wang and Ramdas 2023",
            "H. Wang, A. Ramdas. Catoni-style confidence sequences for heavy-tailed mean estimation. Stochastic Processes \
             and their Applications 163, 168-202.",
        ),
        entry(
            "Gandy and Scott 2020",
            "A. Gandy, J. Scott. Unit testing for MCMC and other Monte Carlo methods. arXiv:2001.06465.",
        ),
        entry(
            "Vehtari et al. 2021",
            "A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Bürkner. Rank-normalization, folding, and \
             localization: an improved R-hat for assessing convergence of MCMC. Bayesian Analysis 16, 667-718.",
        ),
        entry(
            "Vats and Flegal 2022",
            "D. Vats, J. M. Flegal. Lugsail lag windows for estimating time-average covariance matrices. Biometrika 109, \
             735-750.",
        ),
        entry(
            "Hill 1975",
            "B. M. Hill. A simple general approach to inference about the tail of a distribution. Annals of Statistics 3, \
             1163-1174.",
        ),
    ]
}
